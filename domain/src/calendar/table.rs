//! The text form of a calendar. `domain/data/calendar-vn.csv` is the example to follow:
//!
//! ```text
//! # a comment
//! version,vn-2017-2027.1
//! years,2017,2027
//! provisional,2027
//! date,day,kind,name,decision,decided_on
//! 2026-01-02,off,swap,Nghi hoan doi,12729/VPCP-KGVX,2025-12-25
//! 2026-01-10,working,make_up,Lam bu,12729/VPCP-KGVX,2025-12-25
//! ```
//!
//! The first three lines may be missing, the last two columns too. A field with a comma is put in double
//! quotes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate};

use super::{Calendar, DayKind, Decision, DeclaredDay, InvalidCalendar, check_years, declare};

const PLAIN: [&str; 4] = ["date", "day", "kind", "name"];
const WITH_DECISION: [&str; 6] = ["date", "day", "kind", "name", "decision", "decided_on"];
const OFF: &str = "off";
const WORKING: &str = "working";

/// A table that is not a calendar: which line, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct CalendarParseError {
    /// From 1; the last line when something is missing from the whole.
    pub line: usize,
    /// What is wrong there.
    pub fault: TableFault,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableFault {
    /// A row comes before any header, or there is none.
    #[error("expected the header date,day,kind,name or date,day,kind,name,decision,decided_on")]
    HeaderMissing,
    /// A row of another length than the header.
    #[error("expected {expected} fields, found {found}")]
    FieldCount {
        /// As many as the header has.
        expected: usize,
        /// As many as the row has.
        found: usize,
    },
    /// A double quote that is not closed on its line, or followed by something else than a comma.
    #[error("a double quote is not closed, or not followed by a comma")]
    StrayQuote,
    /// Not a date of the form 2026-01-02.
    #[error("{0:?} is not a date (YYYY-MM-DD)")]
    BadDate(String),
    /// Not a year.
    #[error("{0:?} is not a year")]
    BadYear(String),
    /// Neither `off` nor `working`.
    #[error("{0:?} is neither \"off\" nor \"working\"")]
    UnknownDay(String),
    /// None of the four kinds.
    #[error("{0:?} is not one of holiday, substitute, swap, make_up")]
    UnknownKind(String),
    /// `off` with a make-up day, or `working` with a day off.
    #[error("a day of kind {kind} cannot be \"{day}\"")]
    DayContradictsKind {
        /// As written.
        day: String,
        /// As written.
        kind: String,
    },
    /// A date of decision without the decision.
    #[error("the decision has a date but no number")]
    DecisionWithoutReference,
    /// `version`, `years` or the header for the second time, or after the first row.
    #[error("\"{0}\" is repeated or out of place")]
    OutOfPlace(String),
    /// The table holds no day at all.
    #[error("the table holds no day")]
    Empty,
    /// Every year has public holidays, so this one was forgotten.
    #[error("the year {year} has no holiday")]
    YearWithoutHoliday {
        /// The forgotten one.
        year: i32,
    },
    /// The row is well-formed but cannot be part of a calendar.
    #[error("{0}")]
    Invalid(InvalidCalendar),
}

/// What has been read so far.
#[derive(Default)]
struct Draft {
    label: Option<String>,
    years: Option<RangeInclusive<i32>>,
    provisional: BTreeSet<i32>,
    columns: Option<usize>,
    rows: Vec<(usize, DeclaredDay)>,
}

pub(super) fn parse(text: &str) -> Result<Calendar, CalendarParseError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text); // spreadsheets write a byte order mark
    let mut draft = Draft::default();
    let mut last = 1;
    for (index, line) in text.lines().enumerate() {
        last = index + 1;
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            draft.read(last, line).map_err(|fault| CalendarParseError { line: last, fault })?;
        }
    }
    draft.finish(last)
}

impl Draft {
    fn read(&mut self, number: usize, line: &str) -> Result<(), TableFault> {
        let fields = fields(line)?;
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        if let Some(columns) = self.columns {
            self.rows.push((number, row(&fields, columns)?));
            return Ok(());
        }
        match fields.as_slice() {
            ["version", label] if self.label.is_none() => self.label = Some((*label).to_owned()),
            ["years", first, last] if self.years.is_none() => {
                let years = year(first)?..=year(last)?;
                check_years(&years).map_err(TableFault::Invalid)?;
                self.years = Some(years);
            }
            ["provisional", years @ ..] => {
                for text in years {
                    self.provisional.insert(year(text)?);
                }
            }
            header if header == PLAIN || header == WITH_DECISION => self.columns = Some(header.len()),
            [word @ ("version" | "years"), ..] => {
                return Err(TableFault::OutOfPlace((*word).to_owned()));
            }
            _ => return Err(TableFault::HeaderMissing),
        }
        Ok(())
    }

    fn finish(self, last_line: usize) -> Result<Calendar, CalendarParseError> {
        let at_end = |fault| CalendarParseError { line: last_line, fault };
        if self.columns.is_none() {
            return Err(at_end(TableFault::HeaderMissing));
        }
        let mentioned: BTreeSet<i32> = self.rows.iter().map(|(_, day)| day.date.year()).collect();
        let (Some(&first), Some(&last)) = (mentioned.first(), mentioned.last()) else {
            return Err(at_end(TableFault::Empty));
        };
        let years = self.years.unwrap_or(first..=last);
        check_years(&years).map_err(|invalid| at_end(TableFault::Invalid(invalid)))?;
        let mut declared = BTreeMap::new();
        for (line, day) in self.rows {
            declare(&mut declared, &years, day)
                .map_err(|invalid| CalendarParseError { line, fault: TableFault::Invalid(invalid) })?;
        }
        let holidays = declared.values().filter(|day| day.kind == DayKind::Holiday);
        let with_holiday: BTreeSet<i32> = holidays.map(|day| day.date.year()).collect();
        if let Some(year) = years.clone().find(|year| !with_holiday.contains(year)) {
            return Err(at_end(TableFault::YearWithoutHoliday { year }));
        }
        let label = self.label.unwrap_or_else(|| format!("table-{}-{}", years.start(), years.end()));
        Calendar::build(&label, years, self.provisional, declared)
            .map_err(|invalid| at_end(TableFault::Invalid(invalid)))
    }
}

fn row(fields: &[&str], columns: usize) -> Result<DeclaredDay, TableFault> {
    let (date_text, day_text, kind_text, name, decision) = match *fields {
        [date, day, kind, name] if columns == PLAIN.len() => (date, day, kind, name, None),
        [date, day, kind, name, reference, on] if columns == WITH_DECISION.len() => {
            (date, day, kind, name, decision(reference, on)?)
        }
        _ => {
            return Err(TableFault::FieldCount { expected: columns, found: fields.len() });
        }
    };
    let kind = DayKind::ALL.into_iter().find(|kind| kind.word() == kind_text);
    let kind = kind.ok_or_else(|| TableFault::UnknownKind(kind_text.to_owned()))?;
    if day_text != OFF && day_text != WORKING {
        return Err(TableFault::UnknownDay(day_text.to_owned()));
    }
    if kind.is_working() != (day_text == WORKING) {
        return Err(TableFault::DayContradictsKind { day: day_text.to_owned(), kind: kind_text.to_owned() });
    }
    Ok(DeclaredDay { date: date(date_text)?, kind, name: name.to_owned(), decision })
}

fn decision(reference: &str, decided_on: &str) -> Result<Option<Decision>, TableFault> {
    let decided_on = if decided_on.is_empty() { None } else { Some(date(decided_on)?) };
    match (reference.is_empty(), decided_on) {
        (false, decided_on) => Ok(Some(Decision { reference: reference.to_owned(), decided_on })),
        (true, None) => Ok(None),
        (true, Some(_)) => Err(TableFault::DecisionWithoutReference),
    }
}

fn date(text: &str) -> Result<NaiveDate, TableFault> {
    // The length refuses what chrono lets pass: 2026-1-2, +2026-01-02, blanks.
    let date = if text.len() == 10 { NaiveDate::parse_from_str(text, "%Y-%m-%d").ok() } else { None };
    date.ok_or_else(|| TableFault::BadDate(text.to_owned()))
}

fn year(text: &str) -> Result<i32, TableFault> {
    text.parse().map_err(|_| TableFault::BadYear(text.to_owned()))
}

/// The fields of one line, trimmed; a field that starts with a double quote ends with the next single one.
fn fields(line: &str) -> Result<Vec<String>, TableFault> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (field, after) = rest.split_at(end);
                (field.trim().to_owned(), after)
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(fields),
            None => return Err(TableFault::StrayQuote),
        }
    }
}

/// Splits after the closing quote; two quotes are one quote of the text.
fn unquote(quoted: &str) -> Result<(String, &str), TableFault> {
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let (text, after) = rest.split_once('"').ok_or(TableFault::StrayQuote)?;
        field.push_str(text);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Ok((field, after.trim_start())),
        }
    }
}
