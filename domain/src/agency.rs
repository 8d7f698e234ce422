//! Agency: an office that supports, receives, or is competent for dossiers, and a place where people go: a reception
//! point with hours of its own is an agency below its agency. The tree has no fixed levels: districts were abolished on
//! 1/7/2025, and communes were merged. So whatever an agency is called, coded, or belongs to holds from a day on, and
//! what held before can still be asked for. Term: docs/glossary.md; why so: docs/adr/0014
//!
//! What is true of more than one agency (the tree has no circle, a code is one agency's at a time, a successor is there)
//! is for who has all of them in hand to check; here is what one agency can say of itself.

mod dated;
mod event;
#[cfg(test)]
mod tests;
mod tree;

use chrono::NaiveDate;

use crate::calendar::Decision;
use crate::codes::{AgencyCode, FieldCode, NationalAgencyCode};
use crate::decider::{self, Decider};
use crate::identity::{AgencyId, CalendarId};
use crate::time::{Instant, local_date};
use crate::working_time::OfficeHours;

use dated::Dated;
pub use event::*;
pub use tree::Tree;

/// What can be asked of an agency: what is to be written, with the day from which it holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Establish(Established),
    Rename(Renamed),
    Recode(Recoded),
    Move(Moved),
    SetOfficeHours(OfficeHoursSet),
    ChooseCalendar(CalendarChosen),
    Succeed(Succeeded),
}

/// An agency as of its last event, with what holds from which day.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Agency {
    #[default]
    Absent,
    Established(Box<Known>),
}

/// What is known of an agency, day by day.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    established: Established,
    codes: Dated<Codes>,
    names: Dated<String>,
    parents: Dated<Option<AgencyId>>,
    office_hours: Dated<OfficeHours>,
    calendars: Dated<Option<CalendarId>>,
    succession: Option<Succeeded>,
}

/// The identifiers of an agency in both national styles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    /// QCVN 102:2016/BTTTT: what dossier codes begin with.
    pub code: AgencyCode,
    /// QĐ 20/2020/QĐ-TTg: what newer interfaces ask for.
    pub national: Option<NationalAgencyCode>,
}

/// What holds for an agency on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct Particulars {
    pub codes: Codes,
    pub name: String,
    pub parent: Option<AgencyId>,
    pub office_hours: OfficeHours,
    /// `None`: the national one.
    pub calendar: Option<CalendarId>,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("the agency does not exist")]
    NotEstablished,
    #[error("an agency with this code exists already, with other particulars")]
    AlreadyEstablished,
    #[error("a name cannot be empty")]
    NameEmpty,
    #[error("the agency exists from {since} on")]
    BeforeEstablished { since: NaiveDate },
    #[error("others take the agency's place from {from} on")]
    AlreadySucceeded { from: NaiveDate },
    #[error("an agency does not belong to itself")]
    OwnParent,
    #[error("exactly one successor takes what no other takes, nobody twice, and none is the agency itself")]
    SuccessorsUnclear,
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotEstablished => "AGENCY_NOT_ESTABLISHED",
            Self::AlreadyEstablished => "AGENCY_ALREADY_ESTABLISHED",
            Self::NameEmpty => "AGENCY_NAME_EMPTY",
            Self::BeforeEstablished { .. } => "AGENCY_NOT_YET_ESTABLISHED",
            Self::AlreadySucceeded { .. } => "AGENCY_SUCCEEDED",
            Self::OwnParent => "AGENCY_TREE_HAS_A_CIRCLE",
            Self::SuccessorsUnclear => "AGENCY_SUCCESSORS_UNCLEAR",
        }
    }
}

impl Decider for Agency {
    const CATEGORY: &'static str = "agency";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        let event = command.clone().into_event();
        if event.name().is_some_and(|name| name.trim().is_empty()) {
            return Err(Rejection::NameEmpty);
        }
        match (self, &event) {
            (Self::Absent, Event::Established(established)) => {
                not_its_own_parent(established.id(), established.parent)?;
                return Ok(vec![event]);
            }
            (Self::Absent, _) => return Err(Rejection::NotEstablished),
            (Self::Established(known), Event::Established(again)) => {
                return if known.established == *again {
                    Ok(Vec::new())
                } else {
                    Err(Rejection::AlreadyEstablished)
                };
            }
            (Self::Established(known), _) => known.allows(at, &event)?,
        }
        // What holds already need not be said again.
        let changes = self.clone().evolve(at, &event) != *self;
        Ok(if changes { vec![event] } else { Vec::new() })
    }

    fn evolve(self, at: Instant, event: &Event) -> Self {
        match (self, event) {
            (Self::Absent, Event::Established(established)) => {
                Self::Established(Box::new(Known::new(established)))
            }
            (Self::Absent, _) => Self::Absent,
            (Self::Established(known), _) => Self::Established(Box::new(known.evolve(at, event))),
        }
    }
}

impl Established {
    /// Says no more than it must.
    pub fn new(code: AgencyCode, name: impl Into<String>) -> Self {
        Self {
            code,
            national_code: None,
            name: name.into(),
            parent: None,
            office_hours: OfficeHours::default(),
            calendar: None,
            id: None,
            from: None,
            decision: None,
        }
    }

    /// The identity that it has from then on.
    pub fn id(&self) -> AgencyId {
        self.id.unwrap_or_else(|| AgencyId::of(&self.code))
    }
}

impl Command {
    fn into_event(self) -> Event {
        match self {
            Self::Establish(established) => Event::Established(established),
            Self::Rename(renamed) => Event::Renamed(renamed),
            Self::Recode(recoded) => Event::Recoded(recoded),
            Self::Move(moved) => Event::Moved(moved),
            Self::SetOfficeHours(set) => Event::OfficeHoursSet(set),
            Self::ChooseCalendar(chosen) => Event::CalendarChosen(chosen),
            Self::Succeed(succeeded) => Event::Succeeded(succeeded),
        }
    }
}

impl Event {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Established(established) => Some(&established.name),
            Self::Renamed(renamed) => Some(&renamed.name),
            Self::Recoded(_)
            | Self::Moved(_)
            | Self::OfficeHoursSet(_)
            | Self::CalendarChosen(_)
            | Self::Succeeded(_) => None,
        }
    }

    /// The day from which it holds; without one, the day of its business time.
    fn from(&self, at: Instant) -> NaiveDate {
        match self {
            Self::Established(established) => established.from,
            Self::Renamed(renamed) => renamed.from,
            Self::Recoded(recoded) => Some(recoded.from),
            Self::Moved(moved) => Some(moved.from),
            Self::OfficeHoursSet(set) => Some(set.from),
            Self::CalendarChosen(chosen) => Some(chosen.from),
            Self::Succeeded(succeeded) => Some(succeeded.from),
        }
        .unwrap_or_else(|| local_date(at))
    }
}

impl Agency {
    pub fn known(&self) -> Option<&Known> {
        match self {
            Self::Absent => None,
            Self::Established(known) => Some(known),
        }
    }
}

impl Known {
    fn new(established: &Established) -> Self {
        let codes = Codes { code: established.code.clone(), national: established.national_code.clone() };
        Self {
            codes: Dated::new(codes),
            names: Dated::new(established.name.clone()),
            parents: Dated::new(established.parent),
            office_hours: Dated::new(established.office_hours),
            calendars: Dated::new(established.calendar),
            succession: None,
            established: established.clone(),
        }
    }

    /// The identity that every code and name of it stands for.
    pub fn id(&self) -> AgencyId {
        self.established.id()
    }

    /// From when on there are others in its place.
    pub fn succession(&self) -> Option<&Succeeded> {
        self.succession.as_ref()
    }

    /// Whether it is there on a day, and nobody is in its place yet.
    pub fn exists_on(&self, day: NaiveDate) -> bool {
        self.established.from.is_none_or(|from| from <= day)
            && self.succession.as_ref().is_none_or(|succession| day < succession.from)
    }

    /// What holds on a day. Of a day before it was established, what held first; of a day after its end, what held last.
    pub fn on(&self, day: NaiveDate) -> Particulars {
        Particulars {
            codes: self.codes.on(day).clone(),
            name: self.names.on(day).clone(),
            parent: *self.parents.on(day),
            office_hours: *self.office_hours.on(day),
            calendar: *self.calendars.on(day),
        }
    }

    /// The days on which something changes, its first one first, if it has one.
    pub fn changes(&self) -> Vec<NaiveDate> {
        let mut days: Vec<NaiveDate> = self
            .established
            .from
            .into_iter()
            .chain(self.codes.days())
            .chain(self.names.days())
            .chain(self.parents.days())
            .chain(self.office_hours.days())
            .chain(self.calendars.days())
            .collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// Since when it exists; `None`: since before anybody wrote it down.
    pub fn since(&self) -> Option<NaiveDate> {
        self.established.from
    }

    /// Who takes a dossier of this field from it; `None` while it is there.
    pub fn heir(&self, field: Option<&FieldCode>, day: NaiveDate) -> Option<AgencyId> {
        let succession = self.succession.as_ref().filter(|succession| succession.from <= day)?;
        let takes = |successor: &&Successor| field.is_some_and(|field| successor.fields.contains(field));
        let everything_else = |successor: &&Successor| successor.fields.is_empty();
        let mut by = succession.by.iter();
        by.clone().find(takes).or_else(|| by.find(everything_else)).map(|successor| successor.agency)
    }

    fn allows(&self, at: Instant, event: &Event) -> Result<(), Rejection> {
        let from = event.from(at);
        if let Some(since) = self.established.from
            && from < since
        {
            return Err(Rejection::BeforeEstablished { since });
        }
        if let Some(succession) = &self.succession
            && Event::Succeeded(succession.clone()) != *event
            && (succession.from <= from || matches!(event, Event::Succeeded(_)))
        {
            return Err(Rejection::AlreadySucceeded { from: succession.from });
        }
        match event {
            Event::Moved(moved) => not_its_own_parent(self.id(), moved.parent),
            Event::Succeeded(succeeded) => self.successors_are_clear(succeeded),
            Event::Established(_)
            | Event::Renamed(_)
            | Event::Recoded(_)
            | Event::OfficeHoursSet(_)
            | Event::CalendarChosen(_) => Ok(()),
        }
    }

    /// Every dossier goes to exactly one of them.
    fn successors_are_clear(&self, succeeded: &Succeeded) -> Result<(), Rejection> {
        let by = &succeeded.by;
        let mut agencies: Vec<AgencyId> = by.iter().map(|successor| successor.agency).collect();
        let mut fields: Vec<&FieldCode> = by.iter().flat_map(|successor| &successor.fields).collect();
        let (agencies_named, fields_named) = (agencies.len(), fields.len());
        agencies.sort_unstable();
        agencies.dedup();
        fields.sort_unstable();
        fields.dedup();
        let takes_the_rest = by.iter().filter(|successor| successor.fields.is_empty()).count();
        let clear = takes_the_rest == 1
            && agencies.len() == agencies_named
            && fields.len() == fields_named
            && !agencies.contains(&self.id());
        if clear { Ok(()) } else { Err(Rejection::SuccessorsUnclear) }
    }

    fn evolve(mut self, at: Instant, event: &Event) -> Self {
        let from = event.from(at);
        match event {
            // A second one cannot be decided; on disk it would be a fact about the same agency.
            Event::Established(_) => {}
            Event::Renamed(renamed) => self.names.set(from, renamed.name.clone()),
            Event::Recoded(recoded) => {
                let codes = Codes { code: recoded.code.clone(), national: recoded.national_code.clone() };
                self.codes.set(from, codes);
            }
            Event::Moved(moved) => self.parents.set(from, moved.parent),
            Event::OfficeHoursSet(set) => self.office_hours.set(from, set.office_hours),
            Event::CalendarChosen(chosen) => self.calendars.set(from, chosen.calendar),
            Event::Succeeded(succeeded) => self.succession = Some(succeeded.clone()),
        }
        self
    }
}

fn not_its_own_parent(id: AgencyId, parent: Option<AgencyId>) -> Result<(), Rejection> {
    if parent == Some(id) { Err(Rejection::OwnParent) } else { Ok(()) }
}

/// `agency-<id>`
pub fn stream(id: AgencyId) -> String {
    format!("{}-{id}", Agency::CATEGORY)
}
