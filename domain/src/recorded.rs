//! An event with its envelope, as read back from the log. Written for ever: docs/adr/0003.

use serde::{Deserialize, Serialize};

use crate::access::ActingAs;
use crate::decider::{DecodeError, StoredEvent};
use crate::identity::{CommandId, EventId, PrincipalId};
use crate::time::Instant;
use crate::{
    account, agency, calendar_book, code_book, disclosure, dossier, notice, payment, permission_group,
    procedure, read_model, synchronisation,
};

/// Any event of the system.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Dossier(dossier::Event),
    Code(code_book::Event),
    Procedure(procedure::Event),
    Agency(agency::Event),
    Calendar(calendar_book::Event),
    Synchronisation(synchronisation::Event),
    ReadModel(read_model::Event),
    Notice(notice::Event),
    Payment(payment::Event),
    Account(account::Event),
    PermissionGroup(permission_group::Event),
    Disclosure(disclosure::Event),
}

impl Event {
    /// Decodes by the category in front of the pinned type name.
    pub fn decode(type_name: &str, data: &str) -> Result<Self, DecodeError> {
        match type_name.split_once('.').map(|(category, _)| category) {
            Some("dossier") => dossier::Event::decode(type_name, data).map(Self::Dossier),
            Some("code") => code_book::Event::decode(type_name, data).map(Self::Code),
            Some("procedure") => procedure::Event::decode(type_name, data).map(Self::Procedure),
            Some("agency") => agency::Event::decode(type_name, data).map(Self::Agency),
            Some("calendar") => calendar_book::Event::decode(type_name, data).map(Self::Calendar),
            Some("synchronisation") => {
                synchronisation::Event::decode(type_name, data).map(Self::Synchronisation)
            }
            Some("read_model") => read_model::Event::decode(type_name, data).map(Self::ReadModel),
            Some("notice") => notice::Event::decode(type_name, data).map(Self::Notice),
            Some("payment") => payment::Event::decode(type_name, data).map(Self::Payment),
            Some("account") => account::Event::decode(type_name, data).map(Self::Account),
            Some("permission_group") => {
                permission_group::Event::decode(type_name, data).map(Self::PermissionGroup)
            }
            Some("disclosure") => disclosure::Event::decode(type_name, data).map(Self::Disclosure),
            _ => Err(DecodeError::UnknownType(type_name.to_owned())),
        }
    }

    /// Every pinned name that this program reads.
    pub fn type_names() -> impl Iterator<Item = &'static str> {
        [
            dossier::Event::TYPE_NAMES,
            code_book::Event::TYPE_NAMES,
            procedure::Event::TYPE_NAMES,
            agency::Event::TYPE_NAMES,
            calendar_book::Event::TYPE_NAMES,
            synchronisation::Event::TYPE_NAMES,
            read_model::Event::TYPE_NAMES,
            notice::Event::TYPE_NAMES,
            payment::Event::TYPE_NAMES,
            account::Event::TYPE_NAMES,
            permission_group::Event::TYPE_NAMES,
            disclosure::Event::TYPE_NAMES,
        ]
        .into_iter()
        .flatten()
        .copied()
    }

    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Dossier(event) => event.type_name(),
            Self::Code(event) => event.type_name(),
            Self::Procedure(event) => event.type_name(),
            Self::Agency(event) => event.type_name(),
            Self::Calendar(event) => event.type_name(),
            Self::Synchronisation(event) => event.type_name(),
            Self::ReadModel(event) => event.type_name(),
            Self::Notice(event) => event.type_name(),
            Self::Payment(event) => event.type_name(),
            Self::Account(event) => event.type_name(),
            Self::PermissionGroup(event) => event.type_name(),
            Self::Disclosure(event) => event.type_name(),
        }
    }
}

/// Who did it, on whose request, through what. No name, address or user agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    pub command: CommandId,
    /// HMAC of the request before sealing, base64url: tells a retry from a reused key.
    pub mac: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<EventId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<uuid::Uuid>,
    pub actor: PrincipalId,
    pub acting_as: ActingAs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<PrincipalId>,
    pub channel: Via,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The way a request came into the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    Graphql,
    CommandLine,
    Import,
    Demo,
    /// Nobody: a process of the program.
    Process,
    /// What a payment gateway said: it called back, or was asked.
    Gateway,
}

/// A place in the one global order. 1, 2, 3 … without holes in SQL stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);

/// A place in a stream, from 1; 0 is the version of an empty stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub i64);

impl std::fmt::Display for Position {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An event with everything the log knows about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded<E = Event> {
    pub position: Position,
    pub stream: String,
    pub version: Version,
    pub event_id: EventId,
    pub event: E,
    pub metadata: Metadata,
    /// Business time: when it happened.
    pub occurred_at: Instant,
    /// Server time: when the log took it. Never falls along positions.
    pub recorded_at: Instant,
}
