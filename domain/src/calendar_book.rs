//! A calendar as decisions make it: who decided what, under which number, and when. Every decision makes a new version,
//! and the old ones stay, since a due instant names the version that it was computed from.
//!
//! The national calendar is a whole table that is adopted, and then changed by decisions, sometimes late: the swap of
//! 2/1/2026 was decided on 25/12/2025. A place with days of its own opens a calendar that holds only these and keeps the
//! national days otherwise. Deciding moves no dossier. docs/adr/0014

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::calendar::{
    Amendment, Calendar, CalendarVersion, DayKind, Decision, DeclaredDay, InvalidCalendar, check_day,
};
use crate::codes::CalendarCode;
use crate::decider::{self, Decider, events};
use crate::identity::CalendarId;
use crate::private::HasPrivate;
use crate::time::Instant;

/// The code of the calendar that holds wherever none other was chosen.
pub const NATIONAL: &str = "VN";

/// What can be asked of a calendar.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take over a whole table as the national calendar.
    Adopt(Arc<Calendar>),
    /// Write down which table holds as long as none is adopted: the one that the program came with.
    Begin(Arc<Calendar>),
    /// Begin a calendar of a place, which differs from the national one by what will be decided.
    Open(Opened),
    Decide(Decided),
}

events! {
    /// Facts about a calendar.
    pub enum Event {
        "calendar.adopted.v1" => Adopted,
        "calendar.opened.v1" => Opened,
        "calendar.decided.v1" => Decided,
    }
}

/// A whole table, so that the log says which days were off without the program that had it built in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adopted {
    pub label: String,
    pub first_year: i32,
    pub last_year: i32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provisional: Vec<i32>,
    pub days: Vec<DeclaredDay>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    pub code: CalendarCode,
    pub name: String,
}

/// Days that are off or worked by a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    pub decision: Decision,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<DecidedDay>,
    /// Plain days again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<NaiveDate>,
    /// Years whose days off were expected, and are decided now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedDay {
    /// Local date in Viet Nam.
    pub date: NaiveDate,
    pub kind: DayKind,
    /// In Vietnamese, as shown to people.
    pub name: String,
}

impl HasPrivate for Adopted {}
impl HasPrivate for Opened {}
impl HasPrivate for Decided {}

impl Decided {
    /// As a change of a whole table.
    pub fn amendment(&self) -> Amendment {
        Amendment {
            days: self.declared().collect(),
            withdrawn: self.withdrawn.clone(),
            settled: self.settled.clone(),
        }
    }

    /// The days that are touched, in order.
    pub fn touched(&self) -> BTreeSet<NaiveDate> {
        self.days.iter().map(|day| day.date).chain(self.withdrawn.iter().copied()).collect()
    }

    fn declared(&self) -> impl Iterator<Item = DeclaredDay> {
        self.days.iter().map(|day| DeclaredDay {
            date: day.date,
            kind: day.kind,
            name: day.name.clone(),
            decision: Some(self.decision.clone()),
        })
    }
}

/// A calendar as of its last decision, with all versions it has had.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CalendarBook {
    #[default]
    Absent,
    /// Its versions, oldest first.
    National { versions: Vec<Arc<Calendar>> },
    /// What differs from the national calendar: versions of it, oldest first, the first of them empty. A day without a
    /// declaration is a plain one.
    Local { opened: Opened, versions: Vec<OwnDays> },
}

/// What a place declares beside the national calendar.
pub type OwnDays = BTreeMap<NaiveDate, Option<DeclaredDay>>;

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("the calendar does not exist: only the national one begins without being opened")]
    NotOpened,
    #[error("a calendar with this code exists already, under another name")]
    AlreadyOpened,
    #[error("a whole table is taken over by the national calendar only, which a place cannot open")]
    NotNational,
    #[error("a name cannot be empty")]
    NameEmpty,
    #[error("the decision has no number")]
    DecisionUnnamed,
    #[error("nothing is decided")]
    NothingDecided,
    #[error("the years {first} to {last} are loaded and would be lost")]
    YearsLost { first: i32, last: i32 },
    #[error("that is no calendar: {0}")]
    Invalid(InvalidCalendar),
}

impl From<InvalidCalendar> for Rejection {
    fn from(invalid: InvalidCalendar) -> Self {
        Self::Invalid(invalid)
    }
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotOpened => "CALENDAR_NOT_OPENED",
            Self::AlreadyOpened => "CALENDAR_ALREADY_OPENED",
            Self::NotNational => "CALENDAR_NOT_NATIONAL",
            Self::NameEmpty => "CALENDAR_NAME_EMPTY",
            Self::DecisionUnnamed => "CALENDAR_DECISION_UNNAMED",
            Self::NothingDecided => "CALENDAR_NOTHING_DECIDED",
            Self::YearsLost { .. } => "CALENDAR_YEARS_LOST",
            Self::Invalid(_) => "CALENDAR_INVALID",
        }
    }
}

impl Decider for CalendarBook {
    const CATEGORY: &'static str = "calendar";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, _at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (Self::Absent, Command::Adopt(table) | Command::Begin(table)) => {
                Ok(vec![Event::Adopted(Adopted::of(table))])
            }
            (Self::National { .. }, Command::Begin(_)) => Ok(Vec::new()),
            (Self::National { versions }, Command::Adopt(table)) => adopt(versions, table),
            (Self::Absent, Command::Open(opened)) => {
                if opened.code.as_str() == NATIONAL {
                    return Err(Rejection::NotNational);
                }
                if opened.name.trim().is_empty() {
                    return Err(Rejection::NameEmpty);
                }
                Ok(vec![Event::Opened(opened.clone())])
            }
            (Self::Local { opened, .. }, Command::Open(again)) if opened == again => Ok(Vec::new()),
            (Self::Local { .. }, Command::Open(_)) => Err(Rejection::AlreadyOpened),
            (Self::Local { .. }, Command::Adopt(_) | Command::Begin(_))
            | (Self::National { .. }, Command::Open(_)) => Err(Rejection::NotNational),
            (Self::Absent, Command::Decide(_)) => Err(Rejection::NotOpened),
            (Self::National { versions }, Command::Decide(decided)) => {
                is_a_decision(decided)?;
                let Some(latest) = versions.last() else { return Err(Rejection::NotOpened) };
                let changes = latest.amended(&decided.amendment())?.version() != latest.version();
                Ok(if changes { vec![Event::Decided(decided.clone())] } else { Vec::new() })
            }
            (Self::Local { versions, .. }, Command::Decide(decided)) => {
                is_a_decision(decided)?;
                decided.declared().try_for_each(|day| check_day(&day))?;
                if decided.touched().len() != decided.days.len() + decided.withdrawn.len() {
                    let date = decided.touched().first().copied().unwrap_or_default();
                    return Err(Rejection::Invalid(InvalidCalendar::DuplicateDate { date }));
                }
                let changes = versions.last().is_none_or(|latest| own_days(latest, decided) != *latest);
                Ok(if changes { vec![Event::Decided(decided.clone())] } else { Vec::new() })
            }
        }
    }

    fn evolve(self, _at: Instant, event: &Event) -> Self {
        match (self, event) {
            (Self::Absent, Event::Adopted(adopted)) => match adopted.table() {
                Ok(table) => Self::National { versions: vec![Arc::new(table)] },
                // It was checked when it was adopted, and rules are not tightened for what is written.
                Err(_) => Self::Absent,
            },
            (Self::National { mut versions }, Event::Adopted(adopted)) => {
                versions.extend(adopted.table().ok().map(Arc::new));
                Self::National { versions }
            }
            (Self::Absent, Event::Opened(opened)) => {
                Self::Local { opened: opened.clone(), versions: vec![OwnDays::new()] }
            }
            (Self::National { mut versions }, Event::Decided(decided)) => {
                let amended = versions.last().and_then(|latest| latest.amended(&decided.amendment()).ok());
                versions.extend(amended.map(Arc::new));
                Self::National { versions }
            }
            (Self::Local { opened, mut versions }, Event::Decided(decided)) => {
                let amended = versions.last().map(|latest| own_days(latest, decided));
                versions.extend(amended);
                Self::Local { opened, versions }
            }
            (state, Event::Adopted(_) | Event::Opened(_) | Event::Decided(_)) => state,
        }
    }
}

impl CalendarBook {
    /// The national calendar as the first decision finds it: what the program came with, unless one was adopted.
    #[must_use]
    pub fn begun(&self) -> Self {
        match self {
            Self::Absent => Self::National { versions: self.national().to_vec() },
            Self::National { .. } | Self::Local { .. } => self.clone(),
        }
    }

    /// All versions of the national calendar, oldest first; the table of this program where none was adopted.
    pub fn national(&self) -> &[Arc<Calendar>] {
        static BUILT_IN: LazyLock<[Arc<Calendar>; 1]> =
            LazyLock::new(|| [Arc::new(Calendar::built_in().clone())]);
        match self {
            Self::National { versions } => versions,
            Self::Absent | Self::Local { .. } => &*BUILT_IN,
        }
    }

    /// The version of the national calendar that holds now.
    pub fn latest(&self) -> &Arc<Calendar> {
        let versions = self.national();
        &versions[versions.len() - 1] // there is a first one in each
    }

    /// The calendar of a place under a version of the national one. The national one itself, where the place has no
    /// calendar of its own.
    pub fn over(&self, national: &Arc<Calendar>) -> Result<Arc<Calendar>, InvalidCalendar> {
        match self {
            Self::Local { opened, versions } => match versions.last() {
                Some(own) => over(national, opened, own),
                None => Ok(Arc::clone(national)),
            },
            Self::Absent | Self::National { .. } => Ok(Arc::clone(national)),
        }
    }

    /// The version that a due instant was computed from, if this calendar ever was it.
    pub fn version(&self, national: &Self, version: &CalendarVersion) -> Option<Arc<Calendar>> {
        let under = national.national();
        if let Some(found) = under.iter().find(|calendar| calendar.version() == version) {
            return Some(Arc::clone(found));
        }
        let Self::Local { opened, versions } = self else { return None };
        if opened.code.as_str() != version.label() {
            return None;
        }
        // The latest first: what is asked for is mostly of late.
        let mut all =
            versions.iter().rev().flat_map(|own| under.iter().rev().map(move |national| (own, national)));
        all.find_map(|(own, national)| {
            over(national, opened, own).ok().filter(|calendar| calendar.version() == version)
        })
    }
}

fn over(national: &Arc<Calendar>, opened: &Opened, own: &OwnDays) -> Result<Arc<Calendar>, InvalidCalendar> {
    national.overlaid(opened.code.as_str(), own).map(Arc::new)
}

fn own_days(before: &OwnDays, decided: &Decided) -> OwnDays {
    let mut own = before.clone();
    for date in &decided.withdrawn {
        // What the place itself had declared is as the nation has it again; else the place works on a day that the
        // nation declares.
        if let Some(Some(_)) = own.get(date) {
            own.remove(date);
        } else {
            own.insert(*date, None);
        }
    }
    own.extend(decided.declared().map(|day| (day.date, Some(day))));
    own
}

fn is_a_decision(decided: &Decided) -> Result<(), Rejection> {
    if decided.decision.reference.trim().is_empty() {
        return Err(Rejection::DecisionUnnamed);
    }
    if decided.days.is_empty() && decided.withdrawn.is_empty() && decided.settled.is_empty() {
        return Err(Rejection::NothingDecided);
    }
    Ok(())
}

/// A newer table takes the place of the old one, and no year of it is lost.
fn adopt(versions: &[Arc<Calendar>], table: &Arc<Calendar>) -> Result<Vec<Event>, Rejection> {
    let Some(latest) = versions.last() else { return Ok(vec![Event::Adopted(Adopted::of(table))]) };
    if latest.version() == table.version() {
        return Ok(Vec::new());
    }
    let (loaded, new) = (latest.years(), table.years());
    if loaded.start() < new.start() || new.end() < loaded.end() {
        return Err(Rejection::YearsLost { first: *loaded.start(), last: *loaded.end() });
    }
    Ok(vec![Event::Adopted(Adopted::of(table))])
}

impl Adopted {
    fn of(table: &Calendar) -> Self {
        Self {
            label: table.label().to_owned(),
            first_year: *table.years().start(),
            last_year: *table.years().end(),
            provisional: table.provisional_years().collect(),
            days: table.declared_days().cloned().collect(),
        }
    }

    fn table(&self) -> Result<Calendar, InvalidCalendar> {
        let years = self.first_year..=self.last_year;
        Calendar::new(&self.label, years, self.provisional.iter().copied(), self.days.iter().cloned())
    }
}

/// `calendar-<id>`
pub fn stream(id: CalendarId) -> String {
    format!("{}-{id}", CalendarBook::CATEGORY)
}

/// The calendar that holds wherever none other was chosen.
pub fn national() -> CalendarId {
    #[expect(clippy::expect_used, reason = "a code of two letters is one")]
    let code = CalendarCode::parse(NATIONAL).expect("a code of two letters");
    CalendarId::of(&code)
}
