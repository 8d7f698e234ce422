//! Permission group (nhóm quyền): functions under a name. An account is granted groups; what a group allows at an instant
//! is what was said of it last before. Term: docs/glossary.md

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::Function;
use crate::codes::PermissionGroupCode;
use crate::decider::{self, Decider, events};
use crate::identity::PermissionGroupId;
use crate::private::HasPrivate;
use crate::time::Instant;

/// What can be asked of a permission group.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Say what the group allows from now on, also of one that was retired.
    Define(Defined),
    /// The group allows nothing any more. Grants of it stay, and are worth nothing.
    Retire,
}

events! {
    /// Facts about a permission group.
    pub enum Event {
        "permission_group.defined.v1" => Defined,
        "permission_group.retired.v1" => Retired,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Defined {
    pub code: PermissionGroupCode,
    pub name: String,
    pub functions: BTreeSet<Function>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retired {
    pub code: PermissionGroupCode,
}

impl HasPrivate for Defined {}
impl HasPrivate for Retired {}

/// A permission group, with all that was ever said of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PermissionGroup {
    /// Oldest first; `None` where it was retired.
    history: Vec<(Instant, Option<Defined>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the permission group does not exist")]
    NotDefined,
    #[error("the stream belongs to the permission group {code}")]
    OtherCode { code: PermissionGroupCode },
    #[error("a name cannot be empty")]
    NameEmpty,
    #[error("a permission group allows something; retire it to take that away")]
    AllowsNothing,
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotDefined => "PERMISSION_GROUP_NOT_DEFINED",
            Self::OtherCode { .. } => "OTHER_PERMISSION_GROUP_CODE",
            Self::NameEmpty => "PERMISSION_GROUP_NAME_EMPTY",
            Self::AllowsNothing => "PERMISSION_GROUP_ALLOWS_NOTHING",
        }
    }
}

impl Decider for PermissionGroup {
    const CATEGORY: &'static str = "permission_group";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, _at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Define(defined) => {
                if let Some(code) = self.code().filter(|code| **code != defined.code) {
                    return Err(Rejection::OtherCode { code: code.clone() });
                }
                if defined.name.trim().is_empty() {
                    return Err(Rejection::NameEmpty);
                }
                if defined.functions.is_empty() {
                    return Err(Rejection::AllowsNothing);
                }
                let known = self.latest() == Some(defined);
                Ok(if known { Vec::new() } else { vec![Event::Defined(defined.clone())] })
            }
            Command::Retire if self.history.is_empty() => Err(Rejection::NotDefined),
            Command::Retire => {
                let retired = self.latest().map(|latest| Retired { code: latest.code.clone() });
                Ok(retired.into_iter().map(Event::Retired).collect())
            }
        }
    }

    fn evolve(mut self, at: Instant, event: &Event) -> Self {
        self.history.push(match event {
            Event::Defined(defined) => (at, Some(defined.clone())),
            Event::Retired(_) => (at, None),
        });
        self
    }
}

impl PermissionGroup {
    /// What it allows at an instant, under which name; `None` before it was defined and while it is retired.
    pub fn at(&self, at: Instant) -> Option<&Defined> {
        let said = self.history.iter().take_while(|(since, _)| *since <= at).last()?;
        said.1.as_ref()
    }

    /// What was said last.
    pub fn latest(&self) -> Option<&Defined> {
        self.history.last()?.1.as_ref()
    }

    fn code(&self) -> Option<&PermissionGroupCode> {
        self.history.iter().find_map(|(_, said)| said.as_ref()).map(|defined| &defined.code)
    }
}

/// `permission_group-<id>`
pub fn stream(id: PermissionGroupId) -> String {
    format!("{}-{id}", PermissionGroup::CATEGORY)
}
