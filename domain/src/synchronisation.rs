//! What the national portal has of a dossier: the fourth of its states, in a stream of its own, so that an answer from
//! outside never conflicts with an officer's act, and a lost answer never looks like a result that was not issued.
//!
//! A message to the portal carries a dossier up to one version of its stream. Whoever carries messages writes down that
//! one went out and what came back; what that means for a dossier is derived, from both streams. docs/adr/0012

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::codes::PortalAnswer;
use crate::decider::{self, Decider, events};
use crate::identity::DossierId;
use crate::private::HasPrivate;
use crate::recorded::Version;
use crate::time::Instant;

/// What can be said about messages to the portal.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A message went out. `dossier_at` is how far the dossier is.
    Send { up_to: Version, dossier_at: Version },
    /// The portal has it.
    Acknowledge { up_to: Version },
    /// The portal does not take it.
    Decline { up_to: Version, answer: PortalAnswer },
}

events! {
    /// Facts about messages to the portal.
    pub enum Event {
        "synchronisation.sent.v1" => Sent,
        "synchronisation.acknowledged.v1" => Acknowledged,
        "synchronisation.declined.v1" => Declined,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    pub up_to: Version,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub up_to: Version,
}

/// The code of the answer only: its text may name a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Declined {
    pub up_to: Version,
    pub answer: PortalAnswer,
}

impl HasPrivate for Sent {}
impl HasPrivate for Acknowledged {}
impl HasPrivate for Declined {}

/// How far the messages about one dossier have come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Synchronisation {
    /// The furthest that a message went, 0 before the first.
    pub sent: Version,
    /// The furthest that the portal has.
    pub acknowledged: Version,
    /// The answer to the last message, where it was no. The next message, or a late yes, takes it away.
    pub declined: Option<Declined>,
    /// When a message went out last.
    pub sent_at: Option<Instant>,
    /// When the portal answered last.
    pub answered_at: Option<Instant>,
    /// Messages since the portal said yes last.
    pub tries: u32,
}

/// Trạng thái đồng bộ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynchronisationState {
    /// The portal was told nothing.
    NotSent,
    /// The portal has not answered yet.
    Sent,
    /// The portal has the dossier as it is.
    Synchronised,
    /// The portal has it as it was: the dossier has gone on.
    Behind,
    /// The portal did not take the last message.
    Declined,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("a message carries a dossier up to one of its versions, from 1 to {dossier_at}")]
    NoSuchVersion { dossier_at: Version },
    #[error("no message with that version went out: the last one went up to {sent}")]
    NeverSent { sent: Version },
    #[error("the portal has that version already")]
    AlreadyAcknowledged,
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NoSuchVersion { .. } => "SYNCHRONISATION_NO_SUCH_VERSION",
            Self::NeverSent { .. } => "SYNCHRONISATION_NEVER_SENT",
            Self::AlreadyAcknowledged => "SYNCHRONISATION_ALREADY_ACKNOWLEDGED",
        }
    }
}

impl Decider for Synchronisation {
    const CATEGORY: &'static str = "synchronisation";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, _at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Send { up_to, dossier_at } => self.send(*up_to, *dossier_at),
            Command::Acknowledge { up_to } => self.acknowledge(*up_to),
            Command::Decline { up_to, answer } => self.decline(*up_to, answer),
        }
    }

    fn evolve(mut self, at: Instant, event: &Event) -> Self {
        match event {
            Event::Sent(Sent { up_to }) => {
                self.sent = self.sent.max(*up_to);
                self.declined = None;
                self.sent_at = Some(at);
                self.tries = self.tries.saturating_add(1);
            }
            Event::Acknowledged(Acknowledged { up_to }) => {
                self.acknowledged = self.acknowledged.max(*up_to);
                self.declined = self.declined.filter(|declined| *up_to < declined.up_to);
                self.answered_at = Some(at);
                self.tries = 0;
            }
            Event::Declined(declined) => {
                self.declined = Some(declined.clone());
                self.answered_at = Some(at);
            }
        }
        self
    }
}

impl Synchronisation {
    /// What the portal has of a dossier that is at this version: never asked of the dossier's own state.
    pub fn state(&self, dossier_at: Version) -> SynchronisationState {
        if self.declined.is_some() {
            return SynchronisationState::Declined;
        }
        if self.acknowledged < self.sent {
            return SynchronisationState::Sent;
        }
        match self.acknowledged {
            Version(0) => SynchronisationState::NotSent,
            acknowledged if acknowledged < dossier_at => SynchronisationState::Behind,
            _ => SynchronisationState::Synchronised,
        }
    }

    /// the same message again is no news while it is under way, nor once the portal has it, nor once a later one
    /// has taken its place. What was declined is sent again.
    fn send(&self, up_to: Version, dossier_at: Version) -> Result<Vec<Event>, Rejection> {
        if up_to < Version(1) || dossier_at < up_to {
            return Err(Rejection::NoSuchVersion { dossier_at });
        }
        let under_way = up_to == self.sent && self.declined.is_none();
        let known = up_to <= self.acknowledged || up_to < self.sent || under_way;
        Ok(if known { Vec::new() } else { vec![Event::Sent(Sent { up_to })] })
    }

    fn acknowledge(&self, up_to: Version) -> Result<Vec<Event>, Rejection> {
        self.was_sent(up_to)?;
        let known = up_to <= self.acknowledged;
        Ok(if known { Vec::new() } else { vec![Event::Acknowledged(Acknowledged { up_to })] })
    }

    fn decline(&self, up_to: Version, answer: &PortalAnswer) -> Result<Vec<Event>, Rejection> {
        self.was_sent(up_to)?;
        if up_to <= self.acknowledged {
            return Err(Rejection::AlreadyAcknowledged);
        }
        let declined = Declined { up_to, answer: answer.clone() };
        // A later message has taken its place: its own answer counts.
        let known = up_to < self.sent || self.declined.as_ref() == Some(&declined);
        Ok(if known { Vec::new() } else { vec![Event::Declined(declined)] })
    }

    /// an answer is about something that was sent.
    fn was_sent(&self, up_to: Version) -> Result<(), Rejection> {
        if up_to < Version(1) || self.sent < up_to {
            return Err(Rejection::NeverSent { sent: self.sent });
        }
        Ok(())
    }
}

/// `synchronisation-<dossier id>`
pub fn stream(id: DossierId) -> String {
    format!("{}-{id}", Synchronisation::CATEGORY)
}
