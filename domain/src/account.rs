//! Account: a person on the staff, or a machine, that may sign in; where they work, and which permission groups they are
//! granted, over what and for which days. What it was at any instant can still be told, so "who could do this on that
//! day" is a question that has an answer. Passwords and keys themselves are elsewhere: that they were changed is a fact to be
//! kept for ever, what they are is not.
//! Terms: docs/glossary.md; why so: docs/adr/0020

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::access::{ActingAs, Function, Powers, Scope};
use crate::codes::LoginName;
use crate::decider::{self, Decider, events};
use crate::identity::{AgencyId, GrantId, KeyId, PermissionGroupId, PrincipalId};
use crate::permission_group::PermissionGroup;
use crate::private::{HasPrivate, KeyOwner, Private};
use crate::time::{Instant, local_date};

/// What can be asked of an account.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Open(Opened),
    /// They work elsewhere, or as something else, from now on.
    Place(Placed),
    Grant(Granted),
    Revoke {
        grant: GrantId,
    },
    /// Nothing is allowed until it is unlocked.
    Lock {
        reason: LockReason,
    },
    Unlock,
    /// Somebody else's choice has to be changed before anything else.
    SetPassword {
        to_be_changed: bool,
    },
    SetSecondFactor {
        kind: SecondFactor,
    },
    RemoveSecondFactor {
        kind: SecondFactor,
    },
    IssueMachineKey(MachineKeyIssued),
    RevokeMachineKey {
        machine_key: String,
    },
}

events! {
    /// Facts about an account.
    pub enum Event {
        "account.opened.v1" => Opened,
        "account.placed.v1" => Placed,
        "account.granted.v1" => Granted,
        "account.revoked.v1" => Revoked,
        "account.locked.v1" => Locked,
        "account.unlocked.v1" => Unlocked,
        "account.password_set.v1" => PasswordSet,
        "account.second_factor_set.v1" => SecondFactorSet,
        "account.second_factor_removed.v1" => SecondFactorRemoved,
        "account.machine_key_issued.v1" => MachineKeyIssued,
        "account.machine_key_revoked.v1" => MachineKeyRevoked,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    pub kind: AccountKind,
    pub identity: Identity,
    /// Seals what is about the person.
    pub key: KeyId,
    pub name: Private,
    pub acting_as: ActingAs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    Person,
    Machine,
}

/// How whoever signs in is found to be this account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// By a name of this system's own: with a password, or a key of a machine.
    Login(LoginName),
    /// By an issuer of tokens. The subject is not written down: it may be the number of an identity card.
    Issuer(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    pub acting_as: ActingAs,
}

/// Both days are included; without a last one it holds until it is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    pub grant: GrantId,
    pub group: PermissionGroupId,
    pub over: Over,
    pub from: NaiveDate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
}

/// Whose dossiers a grant is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    Province,
    Agency(AgencyId),
    /// With all agencies below it, whichever these are when somebody acts.
    Subtree(AgencyId),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revoked {
    pub grant: GrantId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Locked {
    pub reason: LockReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockReason {
    /// Does not work here any more.
    Left,
    /// For a while.
    Absent,
    /// Somebody else may be using it.
    Suspected,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unlocked {
    /// Why it had been locked.
    pub was: LockReason,
}

/// By whom, the metadata says: themselves or who manages the account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PasswordSet {
    pub to_be_changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Codes of a device (RFC 6238).
    Totp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondFactorSet {
    pub kind: SecondFactor,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondFactorRemoved {
    pub kind: SecondFactor,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineKeyIssued {
    /// The name of the key, which is no secret.
    pub machine_key: String,
    pub expires_at: Instant,
    /// What it may be used for; all that the account may do if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub functions: Option<BTreeSet<Function>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineKeyRevoked {
    pub machine_key: String,
}

impl HasPrivate for Opened {
    fn each_private(&mut self, visit: &mut dyn FnMut(&'static str, KeyOwner, &mut Private)) {
        visit("name", KeyOwner::Account, &mut self.name);
    }
}

impl HasPrivate for Placed {}
impl HasPrivate for Granted {}
impl HasPrivate for Revoked {}
impl HasPrivate for Locked {}
impl HasPrivate for Unlocked {}
impl HasPrivate for PasswordSet {}
impl HasPrivate for SecondFactorSet {}
impl HasPrivate for SecondFactorRemoved {}
impl HasPrivate for MachineKeyIssued {}
impl HasPrivate for MachineKeyRevoked {}

/// An account, with all that was ever so.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Account {
    #[default]
    Absent,
    Opened(Box<Known>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub kind: AccountKind,
    pub identity: Identity,
    /// Seals what is about the person.
    pub key: KeyId,
    /// Oldest first.
    placed: Vec<(Instant, ActingAs)>,
    grants: Vec<Grant>,
    locks: Vec<Lock>,
}

/// A grant with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    pub granted: Granted,
    pub granted_at: Instant,
    pub revoked_at: Option<Instant>,
}

/// A time during which nothing was allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lock {
    pub reason: LockReason,
    pub from: Instant,
    pub until: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the account does not exist")]
    NotOpened,
    #[error("the account exists already")]
    AlreadyOpened,
    #[error("the account has no such grant")]
    NoSuchGrant,
    #[error("a grant does not end before it begins")]
    EndsBeforeItBegins,
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotOpened => "ACCOUNT_NOT_OPENED",
            Self::AlreadyOpened => "ACCOUNT_ALREADY_OPENED",
            Self::NoSuchGrant => "NO_SUCH_GRANT",
            Self::EndsBeforeItBegins => "GRANT_ENDS_BEFORE_IT_BEGINS",
        }
    }
}

impl Decider for Account {
    const CATEGORY: &'static str = "account";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, _at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        let known = match (self, command) {
            (Self::Absent, Command::Open(opened)) => return Ok(vec![Event::Opened(opened.clone())]),
            (Self::Absent, _) => return Err(Rejection::NotOpened),
            (Self::Opened(known), _) => known,
        };
        Ok(match command {
            Command::Open(_) => return Err(Rejection::AlreadyOpened),
            Command::Place(placed) if *known.latest_place() == placed.acting_as => Vec::new(),
            Command::Place(placed) => vec![Event::Placed(placed.clone())],
            Command::Grant(granted) if granted.until.is_some_and(|until| until < granted.from) => {
                return Err(Rejection::EndsBeforeItBegins);
            }
            Command::Grant(granted) if known.grant(granted.grant).is_some() => Vec::new(),
            Command::Grant(granted) => vec![Event::Granted(granted.clone())],
            Command::Revoke { grant } => {
                let known = known.grant(*grant).ok_or(Rejection::NoSuchGrant)?;
                match known.revoked_at {
                    Some(_) => Vec::new(),
                    None => vec![Event::Revoked(Revoked { grant: *grant })],
                }
            }
            Command::Lock { .. } if known.lock().is_some() => Vec::new(),
            Command::Lock { reason } => vec![Event::Locked(Locked { reason: *reason })],
            Command::Unlock => {
                known.lock().map(|lock| Event::Unlocked(Unlocked { was: lock.reason })).into_iter().collect()
            }
            // Each time: that it was done is the fact, and what it was is not here.
            Command::SetPassword { to_be_changed } => {
                vec![Event::PasswordSet(PasswordSet { to_be_changed: *to_be_changed })]
            }
            Command::SetSecondFactor { kind } => {
                vec![Event::SecondFactorSet(SecondFactorSet { kind: *kind })]
            }
            Command::RemoveSecondFactor { kind } => {
                vec![Event::SecondFactorRemoved(SecondFactorRemoved { kind: *kind })]
            }
            Command::IssueMachineKey(issued) => vec![Event::MachineKeyIssued(issued.clone())],
            Command::RevokeMachineKey { machine_key } => {
                vec![Event::MachineKeyRevoked(MachineKeyRevoked { machine_key: machine_key.clone() })]
            }
        })
    }

    fn evolve(self, at: Instant, event: &Event) -> Self {
        let mut known = match (self, event) {
            (Self::Absent, Event::Opened(opened)) => {
                let placed = vec![(at, opened.acting_as.clone())];
                let known = Known {
                    kind: opened.kind,
                    identity: opened.identity.clone(),
                    key: opened.key,
                    placed,
                    grants: Vec::new(),
                    locks: Vec::new(),
                };
                return Self::Opened(Box::new(known));
            }
            (Self::Absent, _) => return Self::Absent,
            (Self::Opened(known), _) => known,
        };
        match event {
            Event::Opened(_)
            | Event::PasswordSet(_)
            | Event::SecondFactorSet(_)
            | Event::SecondFactorRemoved(_)
            | Event::MachineKeyIssued(_)
            | Event::MachineKeyRevoked(_) => {}
            Event::Placed(placed) => known.placed.push((at, placed.acting_as.clone())),
            Event::Granted(granted) => {
                let granted = granted.clone();
                known.grants.push(Grant { granted, granted_at: at, revoked_at: None });
            }
            Event::Revoked(revoked) => {
                let grants = known.grants.iter_mut().filter(|grant| grant.granted.grant == revoked.grant);
                grants.for_each(|grant| grant.revoked_at = grant.revoked_at.or(Some(at)));
            }
            Event::Locked(locked) => {
                known.locks.push(Lock { reason: locked.reason, from: at, until: None });
            }
            Event::Unlocked(_) => {
                if let Some(lock) = known.locks.last_mut() {
                    lock.until = lock.until.or(Some(at));
                }
            }
        }
        Self::Opened(known)
    }
}

impl Account {
    pub fn known(&self) -> Option<&Known> {
        match self {
            Self::Absent => None,
            Self::Opened(known) => Some(known),
        }
    }
}

impl Known {
    /// All grants ever, oldest first.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The lock that lies on it now.
    pub fn lock(&self) -> Option<Lock> {
        self.locks.last().copied().filter(|lock| lock.until.is_none())
    }

    /// Where they work, as of the last event.
    pub fn latest_place(&self) -> &ActingAs {
        let [.., (_, acting_as)] = self.placed.as_slice() else {
            unreachable!("an account is opened somewhere")
        };
        acting_as
    }

    /// Where they worked at an instant; `None` before it was opened.
    pub fn place_at(&self, at: Instant) -> Option<&ActingAs> {
        let placed = self.placed.iter().take_while(|(since, _)| *since <= at).last();
        placed.map(|(_, acting_as)| acting_as)
    }

    fn is_locked_at(&self, at: Instant) -> bool {
        self.locks.iter().any(|lock| lock.from <= at && lock.until.is_none_or(|until| at < until))
    }

    /// The grants that hold at an instant: granted by then, not revoked, of that day; none while the account is locked.
    pub fn grants_at(&self, at: Instant) -> impl Iterator<Item = &Granted> {
        let day = local_date(at);
        let is_locked = self.is_locked_at(at);
        let holds = move |grant: &&Grant| {
            !is_locked
                && grant.granted_at <= at
                && grant.revoked_at.is_none_or(|revoked_at| at < revoked_at)
                && grant.granted.from <= day
                && grant.granted.until.is_none_or(|until| day <= until)
        };
        self.grants.iter().filter(holds).map(|grant| &grant.granted)
    }

    /// The grants that hold on a day or may hold after it, as things are: those that an unlocked account would have.
    pub fn grants_from(&self, day: NaiveDate) -> impl Iterator<Item = &Granted> {
        let lasts = move |grant: &&Grant| {
            grant.revoked_at.is_none() && grant.granted.until.is_none_or(|until| day <= until)
        };
        self.grants.iter().filter(lasts).map(|grant| &grant.granted)
    }

    /// What they may do at an instant. A group that `groups` does not have allows nothing.
    pub fn powers_at<'a>(
        &self,
        at: Instant,
        groups: impl Fn(PermissionGroupId) -> Option<&'a PermissionGroup>,
        scope_of: impl Fn(Over) -> Scope,
    ) -> Powers {
        let mut powers = Powers::default();
        for granted in self.grants_at(at) {
            let Some(defined) = groups(granted.group).and_then(|group| group.at(at)) else { continue };
            let scope = scope_of(granted.over);
            for function in &defined.functions {
                powers.add(*function, scope.clone());
            }
        }
        powers
    }

    fn grant(&self, grant: GrantId) -> Option<&Grant> {
        self.grants.iter().find(|known| known.granted.grant == grant)
    }
}

/// `account-<id>`
pub fn stream(id: PrincipalId) -> String {
    format!("{}-{id}", Account::CATEGORY)
}
