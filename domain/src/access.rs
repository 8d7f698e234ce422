//! Who may do what: function × scope × relation. Pure, and called from the service layer only, so that GraphQL, the
//! command line and an import are held to the same rules.

use serde::{Deserialize, Serialize};

use crate::identity::{AgencyId, PrincipalId};

/// What a principal acts as, as of then: written into every event's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActingAs {
    pub agency: AgencyId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_title: Option<String>,
}

/// A thing one can be allowed to do. Every mutation and every query of non-public data has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// File a dossier online, answer a supplement, withdraw.
    File,
    /// Check, receive, refuse, register at the counter, return results.
    Intake,
    /// Complete steps, request supplements, forward.
    Process,
    /// Forward or reassign what another holds.
    Assign,
    /// End the processing of a dossier.
    Approve,
    /// See dossiers, masked.
    ReadDossiers,
    /// See personal data unmasked.
    ReadPersonalData,
    /// Write down what the national portal was sent and what it answered: a machine's.
    Synchronise,
    /// Change procedures and agencies; import.
    Administer,
}

/// Whose dossiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole province.
    Province,
    /// The dossiers that the agency supports, receives, is competent for or holds.
    Agency(AgencyId),
}

/// Somebody who acts, with what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub id: PrincipalId,
    pub acting_as: ActingAs,
    pub functions: Vec<Function>,
    pub scope: Scope,
}

/// A refusal to a person, as opposed to a refusal of the act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    #[error("the principal does not have the function {function:?}")]
    NoFunction { function: Function },
    /// Answered like an absent dossier: who may not know of it does not learn that it exists.
    #[error("the dossier is outside the principal's scope")]
    OutOfScope,
    #[error("the dossier is assigned to somebody else")]
    NotAssignee,
    #[error("another agency holds the dossier")]
    NotHolder,
}

impl Denial {
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFunction { .. } => "NO_FUNCTION",
            Self::OutOfScope => "NOT_FOUND",
            Self::NotAssignee => "NOT_ASSIGNEE",
            Self::NotHolder => "NOT_HOLDER",
        }
    }
}

impl Principal {
    pub fn has(&self, function: Function) -> bool {
        self.functions.contains(&function)
    }

    pub fn require(&self, function: Function) -> Result<(), Denial> {
        if self.has(function) { Ok(()) } else { Err(Denial::NoFunction { function }) }
    }

    /// Denies with the first where there is none of them.
    pub fn require_any(&self, functions: &[Function]) -> Result<(), Denial> {
        match functions.first() {
            Some(_) if functions.iter().any(|function| self.has(*function)) => Ok(()),
            Some(&function) => Err(Denial::NoFunction { function }),
            None => Ok(()),
        }
    }

    /// Whether something that concerns these agencies is in scope.
    pub fn sees(&self, agencies: impl IntoIterator<Item = AgencyId>) -> bool {
        match self.scope {
            Scope::Province => true,
            Scope::Agency(own) => agencies.into_iter().any(|agency| agency == own),
        }
    }
}
