//! Days off and make-up working days as data, each with the decision behind it.
//!
//! Nothing here is computed by a formula: which five days are Tet, which day beside 2/9 is off and which
//! Saturday is worked instead of a Monday is decided year by year, sometimes a week ahead (the swap of
//! 2/1/2026 was decided on 25/12/2025). So a calendar covers the years it was loaded with and no others: a
//! question about any other year is an error, never "no holidays".
//!
//! Every other Saturday and Sunday is off, every other day from Monday to Friday is worked.
//!
//! This module must not know office hours, terms or instants: it speaks of local dates only.

mod index;
mod table;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

use index::WorkingDays;
pub use table::{CalendarParseError, TableFault};

/// Loaded years lie in here; also keeps every date computed from a calendar far from the limits of
/// `NaiveDate`.
const YEARS_ALLOWED: RangeInclusive<i32> = 1900..=2199;

/// The text of a decision: who may ask "why is this day off?" gets this answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decision {
    /// Number of the dispatch, or the article of the law.
    pub reference: String,
    /// The day it was taken; `None` when unknown or, for an article of a law, without meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_on: Option<NaiveDate>,
}

/// What a declared day is. The words of the table and of the serialised form are the same, and fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DayKind {
    /// Off: a public holiday (Labour Code 2019, article 112).
    #[serde(rename = "holiday")]
    Holiday,
    /// Off: instead of a public holiday that fell on a weekly day off.
    #[serde(rename = "substitute")]
    Substitute,
    /// Off: exchanged for a make-up day by decision.
    #[serde(rename = "swap")]
    Swap,
    /// Worked: a Saturday or Sunday exchanged for a day off.
    #[serde(rename = "make_up")]
    MakeUp,
}

impl DayKind {
    const ALL: [Self; 4] = [Self::Holiday, Self::Substitute, Self::Swap, Self::MakeUp];

    fn word(self) -> &'static str {
        match self {
            Self::Holiday => "holiday",
            Self::Substitute => "substitute",
            Self::Swap => "swap",
            Self::MakeUp => "make_up",
        }
    }

    fn is_working(self) -> bool {
        self == Self::MakeUp
    }
}

/// A date that is off or worked because somebody declared it so, not because of the day of the week.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeclaredDay {
    /// Local date in Viet Nam.
    pub date: NaiveDate,
    /// Off or worked, and of which sort.
    pub kind: DayKind,
    /// In Vietnamese, as shown to people.
    pub name: String,
    /// `None` while no decision is known (a provisional year).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// The answer to "what is this day, and why?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day<'a> {
    /// Monday to Friday, nothing declared.
    Working,
    /// Saturday or Sunday, nothing declared.
    Weekend,
    /// Declared off. May lie on a weekend: a holiday explains a day better than the weekend does.
    Off(&'a DeclaredDay),
    /// A Saturday or Sunday declared as worked.
    MakeUp(&'a DeclaredDay),
}

impl Day<'_> {
    /// Whether offices work on this day.
    pub fn is_working(self) -> bool {
        match self {
            Self::Working | Self::MakeUp(_) => true,
            Self::Weekend | Self::Off(_) => false,
        }
    }
}

/// Names one content of a calendar: the label of the table, then a digest of all that was loaded.
///
/// Equal versions mean equal calendars, also when somebody edits a table and forgets to change its label. The
/// digest (64 bits of FNV-1a) guards against mistakes, not against an attacker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CalendarVersion(String);

impl CalendarVersion {
    /// For example `vn-2017-2027.1+5b0c3a9f21d4e687`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the digest: the label of the table, or the code of a place's calendar.
    pub fn label(&self) -> &str {
        self.0.split('+').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for CalendarVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The calendar cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The question, or the answer, lies outside the loaded years.
    #[error("the calendar of the year {year} is not loaded")]
    YearNotLoaded {
        /// The year that is missing.
        year: i32,
    },
}

/// What cannot be a calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCalendar {
    /// The range is empty, runs backwards or leaves 1900-2199.
    #[error("the years {first} to {last} are not a range within 1900-2199")]
    YearsNotARange {
        /// As given.
        first: i32,
        /// As given.
        last: i32,
    },
    /// The label ends up in stored events and URLs.
    #[error("the version {label:?} must be 1 to 40 ASCII letters, digits, dots, dashes or underscores")]
    BadLabel {
        /// As given.
        label: String,
    },
    /// A year is called provisional that is not there.
    #[error("the year {year}, named as provisional or settled, is not loaded")]
    ProvisionalYearNotLoaded {
        /// As given.
        year: i32,
    },
    /// A day belongs to none of the years.
    #[error("{date} is outside the loaded years")]
    OutsideYears {
        /// As given.
        date: NaiveDate,
    },
    /// The same date is declared twice: two decisions would contradict or hide each other.
    #[error("{date} is declared twice")]
    DuplicateDate {
        /// As given.
        date: NaiveDate,
    },
    /// A day from Monday to Friday is worked anyway, so something else was meant.
    #[error("{date} is a make-up day but not a Saturday or Sunday")]
    MakeUpOnWeekday {
        /// As given.
        date: NaiveDate,
    },
    /// Nothing was declared that could be taken back.
    #[error("{date} is not declared")]
    NotDeclared {
        /// As given.
        date: NaiveDate,
    },
    /// People are shown the name.
    #[error("{date} has no name")]
    Nameless {
        /// As given.
        date: NaiveDate,
    },
}

/// What a decision changes in a calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amendment {
    pub days: Vec<DeclaredDay>,
    /// Plain days again.
    pub withdrawn: Vec<NaiveDate>,
    /// Years whose days off are decided from now on.
    pub settled: Vec<i32>,
}

/// Which days are worked, for a range of whole years. Immutable; a late decision makes a new calendar
/// ([`with`]).
///
/// [`with`]: Calendar::with
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    label: String,
    version: CalendarVersion,
    years: RangeInclusive<i32>,
    provisional: BTreeSet<i32>,
    declared: BTreeMap<NaiveDate, DeclaredDay>,
    index: WorkingDays,
}

impl Calendar {
    /// The calendar shipped with the program: civil servants, 2017 to 2027, 2027 provisional.
    /// Source: header of `domain/data/calendar-vn.csv`.
    pub fn built_in() -> &'static Calendar {
        #[expect(clippy::expect_used, reason = "the table is part of the program and a test parses it")]
        static BUILT_IN: LazyLock<Calendar> = LazyLock::new(|| {
            Calendar::parse(include_str!("../data/calendar-vn.csv")).expect("the built-in table is valid")
        });
        &BUILT_IN
    }

    /// Reads a table: our own format (see `domain/data/calendar-vn.csv`) or bare rows under the header
    /// `date,day,kind,name`. Bare rows load the years they mention, none of them provisional.
    ///
    /// # Errors
    /// The line and what is wrong with it; a year without any holiday is taken for an unfinished table.
    pub fn parse(text: &str) -> Result<Self, CalendarParseError> {
        table::parse(text)
    }

    /// A calendar of `years` in which only `days` differ from the plain week.
    ///
    /// # Errors
    /// The first part that is not valid.
    pub fn new(
        label: &str,
        years: RangeInclusive<i32>,
        provisional: impl IntoIterator<Item = i32>,
        days: impl IntoIterator<Item = DeclaredDay>,
    ) -> Result<Self, InvalidCalendar> {
        let mut declared = BTreeMap::new();
        check_years(&years)?;
        for day in days {
            declare(&mut declared, &years, day)?;
        }
        Self::build(label, years, provisional.into_iter().collect(), declared)
    }

    /// This calendar with one more declared day, for a decision taken later.
    ///
    /// # Errors
    /// As [`Calendar::new`]; in particular the date must not be declared yet.
    pub fn with(&self, day: DeclaredDay) -> Result<Self, InvalidCalendar> {
        let mut declared = self.declared.clone();
        declare(&mut declared, &self.years, day)?;
        Self::build(&self.label, self.years.clone(), self.provisional.clone(), declared)
    }

    /// This calendar after a decision: its days take the place of what was declared of them, what it takes back is a
    /// plain day again, and the years it settles are no longer provisional.
    ///
    /// # Errors
    /// As [`Calendar::new`]; what is taken back must have been declared, what is settled must be loaded.
    pub fn amended(&self, amendment: &Amendment) -> Result<Self, InvalidCalendar> {
        let (mut declared, mut provisional) = (self.declared.clone(), self.provisional.clone());
        for date in &amendment.withdrawn {
            declared.remove(date).ok_or(InvalidCalendar::NotDeclared { date: *date })?;
        }
        let mut seen = BTreeSet::new();
        for day in &amendment.days {
            if !seen.insert(day.date) || amendment.withdrawn.contains(&day.date) {
                return Err(InvalidCalendar::DuplicateDate { date: day.date });
            }
            declared.remove(&day.date);
            declare(&mut declared, &self.years, day.clone())?;
        }
        for year in &amendment.settled {
            if !self.years.contains(year) {
                return Err(InvalidCalendar::ProvisionalYearNotLoaded { year: *year });
            }
            provisional.remove(year);
        }
        Self::build(&self.label, self.years.clone(), provisional, declared)
    }

    /// The calendar of a place that keeps days of its own beside these: what is declared there comes first. Days of
    /// years that are not loaded wait until they are.
    ///
    /// # Errors
    /// As [`Calendar::new`].
    pub fn overlaid(
        &self,
        label: &str,
        own: &BTreeMap<NaiveDate, Option<DeclaredDay>>,
    ) -> Result<Self, InvalidCalendar> {
        let mut declared = self.declared.clone();
        for (date, day) in own.iter().filter(|(date, _)| self.years.contains(&date.year())) {
            declared.remove(date);
            if let Some(day) = day {
                declare(&mut declared, &self.years, day.clone())?;
            }
        }
        Self::build(label, self.years.clone(), self.provisional.clone(), declared)
    }

    /// The years whose days off are expected rather than decided.
    pub fn provisional_years(&self) -> impl Iterator<Item = i32> {
        self.provisional.iter().copied()
    }

    /// The first part of every version of this calendar.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The days have been checked by [`declare`].
    fn build(
        label: &str,
        years: RangeInclusive<i32>,
        provisional: BTreeSet<i32>,
        declared: BTreeMap<NaiveDate, DeclaredDay>,
    ) -> Result<Self, InvalidCalendar> {
        check_years(&years)?;
        check_label(label)?;
        if let Some(&year) = provisional.iter().find(|year| !years.contains(year)) {
            return Err(InvalidCalendar::ProvisionalYearNotLoaded { year });
        }
        let index = WorkingDays::new(&years, |date| match declared.get(&date) {
            Some(day) => day.kind.is_working(),
            None => !is_weekend(date),
        });
        let digest = digest(&years, &provisional, &declared);
        let version = CalendarVersion(format!("{label}+{digest:016x}"));
        Ok(Self { label: label.to_owned(), version, years, provisional, declared, index })
    }

    /// Which content this is; recorded with every due date computed from it.
    pub fn version(&self) -> &CalendarVersion {
        &self.version
    }

    /// The loaded years: the only ones this calendar can be asked about.
    pub fn years(&self) -> RangeInclusive<i32> {
        self.years.clone()
    }

    /// All declared days in order of date.
    pub fn declared_days(&self) -> impl Iterator<Item = &DeclaredDay> {
        self.declared.values()
    }

    /// Whether the days off of `year` are expected rather than decided, so that due dates in it may still
    /// move.
    ///
    /// # Errors
    /// The year is not loaded.
    pub fn is_provisional(&self, year: i32) -> Result<bool, CalendarError> {
        if self.years.contains(&year) {
            Ok(self.provisional.contains(&year))
        } else {
            Err(CalendarError::YearNotLoaded { year })
        }
    }

    /// Whether offices work on `date`. Constant time.
    ///
    /// # Errors
    /// The year is not loaded.
    pub fn is_working_day(&self, date: NaiveDate) -> Result<bool, CalendarError> {
        self.index.is_working(date).ok_or_else(|| not_loaded(date))
    }

    /// What `date` is and why.
    ///
    /// # Errors
    /// The year is not loaded.
    pub fn day(&self, date: NaiveDate) -> Result<Day<'_>, CalendarError> {
        if !self.years.contains(&date.year()) {
            return Err(not_loaded(date));
        }
        Ok(match self.declared.get(&date) {
            Some(day) if day.kind.is_working() => Day::MakeUp(day),
            Some(day) => Day::Off(day),
            None if is_weekend(date) => Day::Weekend,
            None => Day::Working,
        })
    }

    /// The `n`-th working day after `date`, which itself is never counted; `date` itself, off or not, for 0.
    /// So counting n and then m days is counting n + m days. Constant time.
    ///
    /// # Errors
    /// `date` or the answer lies in a year that is not loaded.
    pub fn nth_working_day_after(&self, date: NaiveDate, n: u32) -> Result<NaiveDate, CalendarError> {
        let (_, counted) = self.index.working_days_around(date).ok_or_else(|| not_loaded(date))?;
        match n.checked_sub(1) {
            None => Ok(date),
            Some(more) => self.index.get(counted.saturating_add(more)).ok_or(self.year_after()),
        }
    }

    /// `date` if it is worked, else the next working day. Constant time.
    ///
    /// # Errors
    /// `date` or the answer lies in a year that is not loaded.
    pub fn working_day_on_or_after(&self, date: NaiveDate) -> Result<NaiveDate, CalendarError> {
        let (before, _) = self.index.working_days_around(date).ok_or_else(|| not_loaded(date))?;
        self.index.get(before).ok_or(self.year_after())
    }

    /// `date` if it is worked, else the last working day before. Constant time.
    ///
    /// # Errors
    /// `date` or the answer lies in a year that is not loaded.
    pub fn working_day_on_or_before(&self, date: NaiveDate) -> Result<NaiveDate, CalendarError> {
        let (_, counted) = self.index.working_days_around(date).ok_or_else(|| not_loaded(date))?;
        let last = counted.checked_sub(1).and_then(|position| self.index.get(position));
        last.ok_or(CalendarError::YearNotLoaded { year: self.years.start() - 1 })
    }

    /// Working days from `from` (counted) to `to` (not counted); negative when `to` is before `from`, so that
    /// days left and days late are one number. `to` may be the first day after the loaded years. Constant
    /// time.
    ///
    /// # Errors
    /// Either date lies in a year that is not loaded.
    pub fn working_days_between(&self, from: NaiveDate, to: NaiveDate) -> Result<i64, CalendarError> {
        let before = |date| self.index.working_days_before(date).ok_or_else(|| not_loaded(date));
        Ok(i64::from(before(to)?) - i64::from(before(from)?))
    }

    fn year_after(&self) -> CalendarError {
        CalendarError::YearNotLoaded { year: self.years.end() + 1 }
    }
}

fn not_loaded(date: NaiveDate) -> CalendarError {
    CalendarError::YearNotLoaded { year: date.year() }
}

fn is_weekend(date: NaiveDate) -> bool {
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

fn check_years(years: &RangeInclusive<i32>) -> Result<(), InvalidCalendar> {
    let (first, last) = (*years.start(), *years.end());
    if first <= last && YEARS_ALLOWED.contains(&first) && YEARS_ALLOWED.contains(&last) {
        Ok(())
    } else {
        Err(InvalidCalendar::YearsNotARange { first, last })
    }
}

fn check_label(label: &str) -> Result<(), InvalidCalendar> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if (1..=40).contains(&label.len()) && label.bytes().all(plain) {
        Ok(())
    } else {
        Err(InvalidCalendar::BadLabel { label: label.to_owned() })
    }
}

/// What must be true of a declared day in any calendar.
pub(crate) fn check_day(day: &DeclaredDay) -> Result<(), InvalidCalendar> {
    let date = day.date;
    if !YEARS_ALLOWED.contains(&date.year()) {
        return Err(InvalidCalendar::OutsideYears { date });
    }
    if day.name.trim().is_empty() {
        return Err(InvalidCalendar::Nameless { date });
    }
    if day.kind.is_working() && !is_weekend(date) {
        return Err(InvalidCalendar::MakeUpOnWeekday { date });
    }
    Ok(())
}

fn declare(
    declared: &mut BTreeMap<NaiveDate, DeclaredDay>,
    years: &RangeInclusive<i32>,
    day: DeclaredDay,
) -> Result<(), InvalidCalendar> {
    let date = day.date;
    if !years.contains(&date.year()) {
        return Err(InvalidCalendar::OutsideYears { date });
    }
    check_day(&day)?;
    if declared.contains_key(&date) {
        return Err(InvalidCalendar::DuplicateDate { date });
    }
    declared.insert(date, day);
    Ok(())
}

/// FNV-1a over the loaded content in order of date, so that comments and the order of rows do not matter.
fn digest(
    years: &RangeInclusive<i32>,
    provisional: &BTreeSet<i32>,
    declared: &BTreeMap<NaiveDate, DeclaredDay>,
) -> u64 {
    // The length in front of a text, so that no name can look like the next field.
    let measured = |text: &str| format!("{}:{text}", text.len());
    let mut content = format!("{} {}", years.start(), years.end());
    for year in provisional {
        content += &format!(" {year}");
    }
    for day in declared.values() {
        content += &format!("\n{} {} {}", day.date, day.kind.word(), measured(&day.name));
        if let Some(decision) = &day.decision {
            let decided_on = decision.decided_on.map(|date| date.to_string()).unwrap_or_default();
            content += &format!(" {} {decided_on}", measured(&decision.reference));
        }
    }
    content.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
