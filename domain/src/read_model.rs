//! What an administrator says about a read model: which event it goes on without. One stream per read model.
//! docs/adr/0015

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::decider::{self, Decider, events};
use crate::private::HasPrivate;
use crate::recorded::Version;
use crate::time::Instant;

/// What can be asked of a read model.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Skip(StreamSkipped),
}

events! {
    /// Facts about a read model.
    pub enum Event {
        "read_model.stream_skipped.v1" => StreamSkipped,
    }
}

/// A stream was parked at an event that could not be read or makes no sense; the read model goes on after it. The event
/// is named by stream and version, which are the same in every copy of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamSkipped {
    pub stream: String,
    pub version: i64,
    /// For auditors, and about the event: nobody is named in it. Not sealed, since it is read without opening a dossier.
    pub reason: String,
}

impl HasPrivate for StreamSkipped {}

/// The events that a read model goes on without.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Skips(BTreeSet<(String, Version)>);

impl Skips {
    pub fn contains(&self, stream: &str, version: Version) -> bool {
        self.0.contains(&(stream.to_owned(), version))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("an event cannot be skipped without a reason")]
    ReasonMissing,
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::ReasonMissing => "READ_MODEL_REASON_MISSING",
        }
    }
}

impl Decider for Skips {
    const CATEGORY: &'static str = "read-model";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, _at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Skip(skipped) if skipped.reason.trim().is_empty() => Err(Rejection::ReasonMissing),
            Command::Skip(skipped) if self.contains(&skipped.stream, Version(skipped.version)) => {
                Ok(Vec::new())
            }
            Command::Skip(skipped) => Ok(vec![Event::StreamSkipped(skipped.clone())]),
        }
    }

    fn evolve(mut self, _at: Instant, event: &Event) -> Self {
        match event {
            Event::StreamSkipped(skipped) => {
                self.0.insert((skipped.stream.clone(), Version(skipped.version)));
            }
        }
        self
    }
}

/// `read-model-dossier_summary`
pub fn stream(model: &str) -> String {
    format!("{}-{model}", Skips::CATEGORY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, given};

    fn skipped(reason: &str) -> StreamSkipped {
        StreamSkipped { stream: "dossier-x".to_owned(), version: 3, reason: reason.to_owned() }
    }

    #[test]
    fn an_event_is_skipped_once_and_for_a_reason() {
        let now = at("2026-01-05 08:00");
        let fact = Event::StreamSkipped(skipped("không đọc được"));
        let nothing = given::<Skips>([]);
        nothing.when(now, Command::Skip(skipped("không đọc được"))).then([fact.clone()]);
        nothing.when(now, Command::Skip(skipped(" "))).rejected(Rejection::ReasonMissing);
        given::<Skips>([(now, fact)]).when(now, Command::Skip(skipped("lần nữa"))).then([]);
    }
}
