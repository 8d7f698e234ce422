//! Break-glass (mở dữ liệu cá nhân khẩn cấp): somebody who sees a dossier masked opens its personal data to themselves, for a
//! stated reason and a bounded time; somebody else says afterwards whether that was justified. A stream per disclosure, beside
//! the dossier's, so that it conflicts with nobody's act. docs/adr/0024

#[cfg(test)]
mod tests;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::decider::{self, Decider, events};
use crate::identity::{AgencyId, DisclosureId, DossierId, KeyId, PrincipalId};
use crate::private::{HasPrivate, KeyOwner, Private, show};
use crate::time::Instant;

/// However the system is run, nothing stays open for longer.
pub const OPEN_FOR_MAX: TimeDelta = TimeDelta::hours(24);

macro_rules! names {
    ($(#[$type_doc:meta])* $type:ident { $($(#[$doc:meta])* $name:ident => $text:literal,)+ }) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $($(#[$doc])* $name,)+ }

        impl $type {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// In tables.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

names! {
    /// Why it could not wait for who may see it.
    DisclosureReason {
        /// Somebody's life or health.
        Danger => "DANGER",
        /// Whoever handles the dossier is not there, and its deadline does not wait.
        Absence => "ABSENCE",
        /// The applicant stands at the counter, and has to be found or answered now.
        ApplicantPresent => "APPLICANT_PRESENT",
        /// A court, an investigator or another competent authority asks, and is not to be kept waiting.
        Authority => "AUTHORITY",
        /// As the note says.
        Other => "OTHER",
    }
}

names! {
    /// What whoever looked at it found.
    Finding {
        Justified => "JUSTIFIED",
        Unjustified => "UNJUSTIFIED",
    }
}

/// What can be done about a disclosure.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Open {
        dossier: DossierId,
        by: PrincipalId,
        acting_as: AgencyId,
        reason: DisclosureReason,
        note: Private,
        key: KeyId,
        open_for: TimeDelta,
    },
    Acknowledge {
        by: PrincipalId,
        finding: Finding,
        note: Option<Private>,
    },
}

events! {
    /// Facts about a disclosure.
    pub enum Event {
        "disclosure.opened.v1" => Opened,
        "disclosure.acknowledged.v1" => Acknowledged,
    }
}

/// From then on the dossier's personal data is plain to who opened it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    pub dossier: DossierId,
    pub by: PrincipalId,
    /// The agency that they acted for.
    pub acting_as: AgencyId,
    pub reason: DisclosureReason,
    /// Seals the notes of this disclosure.
    pub key: KeyId,
    pub note: Private,
    /// Without this instant itself.
    pub until: Instant,
}

/// Somebody else has looked at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub by: PrincipalId,
    pub finding: Finding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

impl HasPrivate for Opened {
    fn each_private(&mut self, visit: &mut dyn FnMut(&'static str, KeyOwner, &mut Private)) {
        visit("note", KeyOwner::Disclosure, &mut self.note);
    }
}

impl HasPrivate for Acknowledged {
    fn each_private(&mut self, visit: &mut dyn FnMut(&'static str, KeyOwner, &mut Private)) {
        show(visit, "note", KeyOwner::Disclosure, &mut self.note);
    }
}

/// One disclosure.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Disclosure {
    #[default]
    Absent,
    Opened {
        opened: Box<Opened>,
        acknowledged: Option<Box<Acknowledged>>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("there is no such disclosure")]
    NotOpened,
    #[error("the disclosure was opened already")]
    AlreadyOpened,
    #[error("personal data is opened for some time, and for {} hours at most", OPEN_FOR_MAX.num_hours())]
    TimeOutOfBounds,
    #[error("nobody finds their own disclosure justified")]
    Own,
    #[error("somebody has looked at the disclosure already")]
    AlreadyAcknowledged,
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotOpened => "DISCLOSURE_NOT_OPENED",
            Self::AlreadyOpened => "DISCLOSURE_ALREADY_OPENED",
            Self::TimeOutOfBounds => "DISCLOSURE_TIME_OUT_OF_BOUNDS",
            Self::Own => "OWN_DISCLOSURE",
            Self::AlreadyAcknowledged => "DISCLOSURE_ALREADY_ACKNOWLEDGED",
        }
    }
}

impl Decider for Disclosure {
    const CATEGORY: &'static str = "disclosure";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Open { dossier, by, acting_as, reason, note, key, open_for } => {
                if *self != Self::Absent {
                    return Err(Rejection::AlreadyOpened);
                }
                if *open_for <= TimeDelta::zero() || OPEN_FOR_MAX < *open_for {
                    return Err(Rejection::TimeOutOfBounds);
                }
                Ok(vec![Event::Opened(Opened {
                    dossier: *dossier,
                    by: *by,
                    acting_as: *acting_as,
                    reason: *reason,
                    key: *key,
                    note: note.clone(),
                    until: at + *open_for,
                })])
            }
            Command::Acknowledge { by, finding, note } => {
                let Self::Opened { opened, acknowledged } = self else { return Err(Rejection::NotOpened) };
                if opened.by == *by {
                    return Err(Rejection::Own);
                }
                if acknowledged.is_some() {
                    return Err(Rejection::AlreadyAcknowledged);
                }
                let acknowledged = Acknowledged { by: *by, finding: *finding, note: note.clone() };
                Ok(vec![Event::Acknowledged(acknowledged)])
            }
        }
    }

    fn evolve(self, _at: Instant, event: &Event) -> Self {
        match (self, event) {
            (_, Event::Opened(opened)) => {
                Self::Opened { opened: Box::new(opened.clone()), acknowledged: None }
            }
            (Self::Opened { opened, .. }, Event::Acknowledged(acknowledged)) => {
                Self::Opened { opened, acknowledged: Some(Box::new(acknowledged.clone())) }
            }
            (Self::Absent, Event::Acknowledged(_)) => Self::Absent,
        }
    }
}

impl Disclosure {
    /// Whether the dossier's personal data is plain to somebody by it. Who was found to have had no reason has no more time.
    pub fn opens(&self, dossier: DossierId, to: PrincipalId, at: Instant) -> bool {
        let Self::Opened { opened, acknowledged } = self else { return false };
        let is_unjustified =
            acknowledged.as_ref().is_some_and(|acknowledged| acknowledged.finding == Finding::Unjustified);
        opened.dossier == dossier && opened.by == to && at < opened.until && !is_unjustified
    }

    /// As it was opened, if it was.
    pub fn opened(&self) -> Option<&Opened> {
        match self {
            Self::Opened { opened, .. } => Some(opened),
            Self::Absent => None,
        }
    }
}

/// `disclosure-<id>`
pub fn stream(id: DisclosureId) -> String {
    format!("{}-{id}", Disclosure::CATEGORY)
}
