//! Who is who in the log. Every id is a UUID with a type of its own, and ids of a request derive from the request, so
//! that a retry meets what it did before. Written for ever: docs/adr/0002.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// One dossier for life, whoever holds it.
    DossierId,
    /// An agency, under whatever code and name it has at the time.
    AgencyId,
    /// A procedure, over all its versions.
    ProcedureId,
    /// A person or machine that acts.
    PrincipalId,
    /// A key that seals; the key itself lives outside the log.
    KeyId,
    /// One request of one principal.
    CommandId,
    /// One append to one stream: a request's main append, or a further one with a purpose.
    AppendId,
    EventId,
}

/// The root of every derived id.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_0c5e_8a0b_4c57_9d43_2a7e_54b1_9c10);

impl CommandId {
    /// `UUIDv5(namespace, principal ‖ len·operation ‖ key)`: the same principal, operation and idempotency key are the
    /// same command, on whatever machine.
    pub fn derive(principal: PrincipalId, operation: &str, idempotency_key: Uuid) -> Self {
        let mut name = Vec::with_capacity(36 + operation.len());
        name.extend_from_slice(principal.0.as_bytes());
        name.extend_from_slice(&u32::try_from(operation.len()).unwrap_or(u32::MAX).to_be_bytes());
        name.extend_from_slice(operation.as_bytes());
        name.extend_from_slice(idempotency_key.as_bytes());
        Self(Uuid::new_v5(&NAMESPACE, &name))
    }

    /// The dossier that this command creates.
    pub fn dossier(self) -> DossierId {
        DossierId(Uuid::new_v5(&self.0, b"dossier"))
    }

    /// The request's main append.
    pub fn append(self) -> AppendId {
        AppendId(self.0)
    }

    /// A further append of the same request.
    pub fn append_for(self, purpose: &str) -> AppendId {
        AppendId(Uuid::new_v5(&self.0, purpose.as_bytes()))
    }
}

impl AppendId {
    /// The n-th event of the append, from 0: a second append of the same is seen as a duplicate.
    pub fn event(self, n: u32) -> EventId {
        EventId(Uuid::new_v5(&self.0, &n.to_be_bytes()))
    }
}

impl ProcedureId {
    /// A procedure's code is unique and never reused, so the id derives from it and uniqueness needs no check.
    pub fn of(code: &crate::codes::ProcedureCode) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("procedure:{code}").as_bytes()))
    }
}

impl AgencyId {
    /// The id of the agency first established under this code; later codes of the agency do not change it.
    pub fn of(first_code: &crate::codes::AgencyCode) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("agency:{first_code}").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_are_pinned() {
        let principal = PrincipalId(Uuid::from_u128(1));
        let command = CommandId::derive(principal, "submitDossier", Uuid::from_u128(2));
        assert_eq!(command.to_string(), "COMMAND");
        assert_eq!(command.dossier().to_string(), "DOSSIER");
        assert_eq!(command.append().event(0).to_string(), "EVENT");
        assert_eq!(command.append_for("code").event(0).to_string(), "CODE");
    }

    #[test]
    fn operation_and_key_cannot_be_confused() {
        let principal = PrincipalId(Uuid::from_u128(1));
        let one = CommandId::derive(principal, "receive", Uuid::from_u128(2));
        assert_ne!(one, CommandId::derive(principal, "refuse", Uuid::from_u128(2)));
        assert_ne!(one, CommandId::derive(principal, "receive", Uuid::from_u128(3)));
        assert_ne!(one, CommandId::derive(PrincipalId(Uuid::from_u128(9)), "receive", Uuid::from_u128(2)));
    }
}
