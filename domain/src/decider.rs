//! The write side in one trait: a decider turns a command into events, and events into state.

use crate::private::KeyOwner;
use crate::private::Private;
use crate::time::Instant;

/// One aggregate: its state, and the rules under which a command becomes facts.
///
/// Time is an argument of both halves: `at` is the business time of the command and of every event it produces.
pub trait Decider: Clone + Default + Send + Sync + 'static {
    /// The stream prefix, as in `dossier-<id>`. Part of the storage format.
    const CATEGORY: &'static str;

    type Command;
    type Event: StoredEvent;
    type Rejection: Rejection;

    /// What the command changes, or the first rule that refuses it.
    fn decide(&self, at: Instant, command: &Self::Command) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// The state after a fact. Total: a fact on disk cannot be argued with.
    #[must_use]
    fn evolve(self, at: Instant, event: &Self::Event) -> Self;
}

/// Folds a history, oldest first.
pub fn fold<'a, D: Decider>(history: impl IntoIterator<Item = (Instant, &'a D::Event)>) -> D {
    history.into_iter().fold(D::default(), |state, (at, event)| state.evolve(at, event))
}

/// Why the law or the rules say no. A normal answer, never a failure.
pub trait Rejection: std::error::Error + Clone + PartialEq + Send + Sync + 'static {
    /// Stable for ever; clients branch on it and `api` has a sentence for each.
    fn code(&self) -> &'static str;
}

/// An event as the log keeps it: a pinned type name and its content, without a type wrapper around it.
pub trait StoredEvent: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static {
    /// `<category>.<event>.v<n>`, pinned.
    fn type_name(&self) -> &'static str;

    /// The content as JSON. Fails when a private value is still open: nothing unsealed can reach the log.
    fn encode(&self) -> Result<String, serde_json::Error>;

    fn decode(type_name: &str, data: &str) -> Result<Self, DecodeError>;

    /// Shows every private value, with its field name and the owner of its key, in a fixed order.
    fn each_private(&mut self, visit: &mut dyn FnMut(&'static str, KeyOwner, &mut Private)) {
        let _ = visit;
    }
}

/// A stored event that this program cannot read. The reader stops there: nothing is skipped.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer program, not corrupt.
    #[error("event type {0} is unknown to this program")]
    UnknownType(String),
    #[error("the content of a {type_name} event does not decode")]
    Malformed {
        type_name: String,
        #[source]
        source: serde_json::Error,
    },
}

/// Declares the events of an aggregate: each variant wraps one struct under one pinned name.
macro_rules! events {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$event_doc:meta])* $pinned:literal => $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name { $($(#[$event_doc])* $variant($variant),)+ }

        impl $name {
            /// Every pinned name this program can read.
            pub const TYPE_NAMES: &'static [&'static str] = &[$($pinned),+];
        }

        impl $crate::decider::StoredEvent for $name {
            fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $pinned,)+ }
            }

            fn encode(&self) -> Result<String, serde_json::Error> {
                match self { $(Self::$variant(content) => serde_json::to_string(content),)+ }
            }

            fn decode(type_name: &str, data: &str) -> Result<Self, $crate::decider::DecodeError> {
                match type_name {
                    $($pinned => serde_json::from_str(data).map(Self::$variant).map_err(|source| {
                        $crate::decider::DecodeError::Malformed { type_name: type_name.to_owned(), source }
                    }),)+
                    unknown => Err($crate::decider::DecodeError::UnknownType(unknown.to_owned())),
                }
            }

            fn each_private(
                &mut self,
                visit: &mut dyn FnMut(&'static str, $crate::private::KeyOwner, &mut $crate::private::Private),
            ) {
                match self { $(Self::$variant(content) => $crate::private::HasPrivate::each_private(content, visit),)+ }
            }
        }
    };
}
pub(crate) use events;
