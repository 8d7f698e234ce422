//! Agency: an office that supports, receives, or is competent for dossiers. The tree has no fixed levels: districts
//! were abolished on 1/7/2025, and communes were merged. Term: docs/glossary.md

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::codes::AgencyCode;
use crate::decider::{self, Decider, events};
use crate::identity::AgencyId;
use crate::private::HasPrivate;
use crate::time::Instant;
use crate::working_time::OfficeHours;

/// What can be asked of an agency.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Establish(Established),
    Rename { name: String },
}

events! {
    /// Facts about an agency.
    pub enum Event {
        "agency.established.v1" => Established,
        "agency.renamed.v1" => Renamed,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Established {
    pub code: AgencyCode,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<AgencyId>,
    #[serde(default)]
    pub office_hours: OfficeHours,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Renamed {
    pub name: String,
}

impl HasPrivate for Established {}
impl HasPrivate for Renamed {}

/// An agency as of its last event.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Agency {
    #[default]
    Absent,
    Established(Established),
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("the agency does not exist")]
    NotEstablished,
    #[error("an agency with this code exists already, with other particulars")]
    AlreadyEstablished,
    #[error("a name cannot be empty")]
    NameEmpty,
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotEstablished => "AGENCY_NOT_ESTABLISHED",
            Self::AlreadyEstablished => "AGENCY_ALREADY_ESTABLISHED",
            Self::NameEmpty => "AGENCY_NAME_EMPTY",
        }
    }
}

impl Decider for Agency {
    const CATEGORY: &'static str = "agency";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, _at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (_, Command::Establish(Established { name, .. }) | Command::Rename { name })
                if name.trim().is_empty() =>
            {
                Err(Rejection::NameEmpty)
            }
            (Self::Absent, Command::Establish(particulars)) => {
                Ok(vec![Event::Established(particulars.clone())])
            }
            (Self::Established(known), Command::Establish(particulars)) if known == particulars => {
                Ok(Vec::new())
            }
            (Self::Established(_), Command::Establish(_)) => Err(Rejection::AlreadyEstablished),
            (Self::Absent, Command::Rename { .. }) => Err(Rejection::NotEstablished),
            (Self::Established(known), Command::Rename { name }) if known.name == *name => Ok(Vec::new()),
            (Self::Established(_), Command::Rename { name }) => {
                Ok(vec![Event::Renamed(Renamed { name: name.clone() })])
            }
        }
    }

    fn evolve(self, _at: Instant, event: &Event) -> Self {
        match (self, event) {
            (_, Event::Established(particulars)) => Self::Established(particulars.clone()),
            (Self::Established(known), Event::Renamed(Renamed { name })) => {
                Self::Established(Established { name: name.clone(), ..known })
            }
            (Self::Absent, Event::Renamed(_)) => Self::Absent,
        }
    }
}

/// `agency-<id>`
pub fn stream(id: AgencyId) -> String {
    format!("{}-{id}", Agency::CATEGORY)
}
