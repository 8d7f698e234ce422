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
    /// A calendar of days off, over all its decisions.
    CalendarId,
    /// A person or machine that acts.
    PrincipalId,
    /// A key that seals; the key itself lives outside the log.
    KeyId,
    /// A file of a dossier; its content lives in the content store.
    FileId,
    /// One request of one principal.
    CommandId,
    /// One append to one stream: a request's main append, or a further one with a purpose.
    AppendId,
    EventId,
    /// One message to one person by one way.
    DeliveryId,
    /// One order to pay through a gateway.
    PaymentOrderId,
    /// A permission group, over all its definitions.
    PermissionGroupId,
    /// One grant of a permission group to an account.
    GrantId,
    /// One break-glass of one person over one dossier.
    DisclosureId,
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

    /// The file that this command attaches.
    pub fn file(self) -> FileId {
        FileId(Uuid::new_v5(&self.0, b"file"))
    }

    /// The grant that this command makes.
    pub fn grant(self) -> GrantId {
        GrantId(Uuid::new_v5(&self.0, b"grant"))
    }

    /// The disclosure that this command opens.
    pub fn disclosure(self) -> DisclosureId {
        DisclosureId(Uuid::new_v5(&self.0, b"disclosure"))
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

impl PermissionGroupId {
    /// As with procedures.
    pub fn of(code: &crate::codes::PermissionGroupCode) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("permission group:{code}").as_bytes()))
    }
}

impl PrincipalId {
    /// Who signs in under a name of this system's own.
    pub fn of(login: &crate::codes::LoginName) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("login:{login}").as_bytes()))
    }
}

impl CalendarId {
    /// As with procedures.
    pub fn of(code: &crate::codes::CalendarCode) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("calendar:{code}").as_bytes()))
    }
}

impl AgencyId {
    /// The id of the agency first established under this code; later codes of the agency do not change it.
    pub fn of(first_code: &crate::codes::AgencyCode) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("agency:{first_code}").as_bytes()))
    }

    /// The id of an agency that begins on a day under the first code of another one, which has it no more.
    pub fn again(code: &crate::codes::AgencyCode, from: chrono::NaiveDate) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("agency:{code}:{from}").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values come from another implementation (Python's `uuid.uuid5`). They are in every log: never change them.
    #[test]
    fn derived_ids_are_pinned() {
        let principal = PrincipalId(Uuid::from_u128(1));
        let command = CommandId::derive(principal, "submitDossier", Uuid::from_u128(2));
        assert_eq!(command.to_string(), "7db5b276-1b16-5a5b-b7e8-164fc0fddd30");
        assert_eq!(command.dossier().to_string(), "a626233f-d4d6-51a8-a970-9af03958bbed");
        assert_eq!(command.file().to_string(), "56bee5e2-5dbe-5fad-8428-e125ec5e2135");
        assert_eq!(command.append().event(0).to_string(), "5ef16b74-cdf2-5c9f-9749-4d0339140a55");
        assert_eq!(command.append().event(1).to_string(), "782757f0-0df7-5ab4-8524-171db0601f5b");
        assert_eq!(command.append_for("code").to_string(), "3f0beb7c-0295-5b92-8e74-e44f81c13311");
        assert_eq!(command.append_for("code").event(0).to_string(), "657091d7-8fd6-5530-8e29-086fc3cce531");
        let procedure = crate::codes::ProcedureCode::parse("1.000948.H38").unwrap();
        assert_eq!(ProcedureId::of(&procedure).to_string(), "90abcf04-9f56-5272-a091-cf9d6073ab71");
        let agency = crate::codes::AgencyCode::parse("000.00.16.H42").unwrap();
        assert_eq!(AgencyId::of(&agency).to_string(), "1594a0b8-c5f4-5ce2-87d4-b03e61ac8fca");
        let again = AgencyId::again(&agency, chrono::NaiveDate::from_ymd_opt(2025, 7, 1).unwrap());
        assert_eq!(again.to_string(), "2f55bd7e-c1e4-5eeb-9f50-84e892c3da06");
        assert_eq!(command.grant().to_string(), "c5e46548-8512-56c8-aa9d-de634dd6cd29");
        assert_eq!(command.disclosure().to_string(), "653046ad-36a5-557f-a38b-0121d662c522");
        let group = crate::codes::PermissionGroupCode::parse("MOT_CUA").unwrap();
        assert_eq!(PermissionGroupId::of(&group).to_string(), "bca40433-0fec-5384-8239-4d4da8a82152");
        let login = crate::codes::LoginName::parse("lan.nguyen").unwrap();
        assert_eq!(PrincipalId::of(&login).to_string(), "20771b50-347c-5633-91f9-195355019ab7");
        let calendar = crate::codes::CalendarCode::parse("VN").unwrap();
        assert_eq!(CalendarId::of(&calendar).to_string(), "2c4d3021-22bc-5a98-9f7b-325434245493");
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
