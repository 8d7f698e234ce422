//! Refusals as data. The code is stable for ever and never translated; the sentence is for people.

use domain::access::Denial;
use domain::codes::InvalidCode;
use domain::decider::Rejection;
use domain::dossier::{self, Stage};
use domain::procedure::Defect;
use domain::recorded::Version;
use infrastructure::content_store::ContentError;
use infrastructure::db::DbError;
use infrastructure::event_store::StoreError;
use infrastructure::execute::{ExecuteError, Since};
use infrastructure::keys::KeyError;
use infrastructure::payment_gateway::GatewayError;
use projections::read_side::{Behind, WaitError};
use projections::runner::RunError;

use crate::import::procedure_json::Unreadable;

/// Why a request was not done, in a way that a client can act on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    #[error("{field} is not valid: {reason}")]
    InvalidInput { field: &'static str, reason: String },
    #[error("the definition cannot be read")]
    UnreadableDefinition { places: Vec<Unreadable> },
    /// With all defects of the draft, warnings as well.
    #[error("the draft has defects of severity error")]
    DraftHasErrors { defects: Vec<Defect> },
    #[error("{what} was not found")]
    NotFound { what: &'static str },
    #[error("denied")]
    Denied(#[source] Denial),
    #[error("{command} is not allowed while the dossier is {stage:?}")]
    InvalidTransition { command: &'static str, stage: Stage },
    #[error("the client saw version {expected}, but it is at {actual}")]
    VersionConflict { expected: Version, actual: Version, since: Vec<Since> },
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("others kept changing it; try again")]
    Contended,
    #[error("the agency has given all its codes of the day")]
    CodesExhausted,
    #[error("the read models are {} events behind", .0.lag)]
    Behind(Behind),
    /// Any other rule that says no.
    #[error("{reason}")]
    Refused { code: &'static str, reason: String },
}

impl Problem {
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidInput { .. } | Self::UnreadableDefinition { .. } => "BAD_USER_INPUT",
            Self::DraftHasErrors { .. } => "DRAFT_HAS_ERRORS",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Denied(denial) => denial.code(),
            Self::InvalidTransition { .. } => "INVALID_TRANSITION",
            Self::VersionConflict { .. } => "VERSION_CONFLICT",
            Self::KeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::Contended => "CONTENDED",
            Self::CodesExhausted => "CODES_EXHAUSTED",
            Self::Behind(_) => "READ_MODEL_BEHIND",
            Self::Refused { code, .. } => code,
        }
    }
}

/// What could not be done: a chain for the log, an incident for the client.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("the read models are unavailable")]
    Read(#[from] sqlx::Error),
    #[error("a payment gateway cannot be asked")]
    Gateway(#[from] GatewayError),
    #[error("a request cannot be written down")]
    Canonical(#[from] serde_json::Error),
    #[error("a row of a read model holds {0:?}, which it cannot")]
    Row(String),
}

/// Either way a request can end badly.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(transparent)]
    Problem(#[from] Problem),
    #[error(transparent)]
    Failure(Failure),
}

impl ServiceError {
    /// A refusal, or a stream that cannot be read: others are looked at all the same.
    pub(crate) fn is_about_one_stream(&self) -> bool {
        match self {
            Self::Problem(_)
            | Self::Failure(Failure::Store(
                StoreError::Undecodable { .. }
                | StoreError::UndecodableMetadata { .. }
                | StoreError::Garbled { .. },
            )) => true,
            Self::Failure(_) => false,
        }
    }
}

impl<E: Into<Failure>> From<E> for ServiceError {
    fn from(failure: E) -> Self {
        Self::Failure(failure.into())
    }
}

impl From<Denial> for Problem {
    /// Who may not know of a thing gets the answer for a thing that does not exist.
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::OutOfScope => Self::NotFound { what: "dossier" },
            Denial::NoFunction { .. } | Denial::NotAssignee | Denial::NotHolder | Denial::NotApplicant => {
                Self::Denied(denial)
            }
        }
    }
}

impl From<dossier::Rejection> for Problem {
    fn from(rejection: dossier::Rejection) -> Self {
        match rejection {
            dossier::Rejection::NotFiled => Self::NotFound { what: "dossier" },
            dossier::Rejection::WrongStage { command, stage } => Self::InvalidTransition { command, stage },
            other => Self::refused(&other),
        }
    }
}

impl From<domain::procedure::Rejection> for Problem {
    fn from(rejection: domain::procedure::Rejection) -> Self {
        match rejection {
            domain::procedure::Rejection::DraftHasErrors { defects } => Self::DraftHasErrors { defects },
            other => Self::refused(&other),
        }
    }
}

impl From<domain::agency::Rejection> for Problem {
    fn from(rejection: domain::agency::Rejection) -> Self {
        Self::refused(&rejection)
    }
}

impl From<domain::calendar_book::Rejection> for Problem {
    fn from(rejection: domain::calendar_book::Rejection) -> Self {
        Self::refused(&rejection)
    }
}

impl From<domain::synchronisation::Rejection> for Problem {
    fn from(rejection: domain::synchronisation::Rejection) -> Self {
        Self::refused(&rejection)
    }
}

impl From<domain::notice::Rejection> for Problem {
    fn from(rejection: domain::notice::Rejection) -> Self {
        Self::refused(&rejection)
    }
}

impl From<domain::payment::Rejection> for Problem {
    fn from(rejection: domain::payment::Rejection) -> Self {
        match rejection {
            domain::payment::Rejection::NeverPlaced => Self::NotFound { what: "order" },
            other => Self::refused(&other),
        }
    }
}

impl From<domain::read_model::Rejection> for Problem {
    fn from(rejection: domain::read_model::Rejection) -> Self {
        Self::refused(&rejection)
    }
}

impl From<domain::account::Rejection> for Problem {
    fn from(rejection: domain::account::Rejection) -> Self {
        match rejection {
            domain::account::Rejection::NotOpened => Self::NotFound { what: "account" },
            other => Self::refused(&other),
        }
    }
}

impl From<domain::permission_group::Rejection> for Problem {
    fn from(rejection: domain::permission_group::Rejection) -> Self {
        match rejection {
            domain::permission_group::Rejection::NotDefined => Self::NotFound { what: "permissionGroup" },
            other => Self::refused(&other),
        }
    }
}

impl From<domain::disclosure::Rejection> for Problem {
    fn from(rejection: domain::disclosure::Rejection) -> Self {
        match rejection {
            domain::disclosure::Rejection::NotOpened => Self::NotFound { what: "disclosure" },
            other => Self::refused(&other),
        }
    }
}

impl Problem {
    fn refused(rejection: &impl Rejection) -> Self {
        Self::Refused { code: rejection.code(), reason: rejection.to_string() }
    }

    pub fn invalid(field: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::InvalidInput { field, reason: reason.to_string() }
    }

    pub fn code_of(field: &'static str) -> impl FnOnce(InvalidCode) -> Self {
        move |error| Self::invalid(field, error)
    }
}

impl<R: Rejection + Into<Problem>> From<ExecuteError<R>> for ServiceError {
    fn from(error: ExecuteError<R>) -> Self {
        match error {
            ExecuteError::Rejected(rejection) => Self::Problem(rejection.into()),
            ExecuteError::Denied(denial) => Self::Problem(denial.into()),
            ExecuteError::VersionConflict { expected, actual, since } => {
                Self::Problem(Problem::VersionConflict { expected, actual, since })
            }
            ExecuteError::KeyReused => Self::Problem(Problem::KeyReused),
            ExecuteError::Contended => Self::Problem(Problem::Contended),
            ExecuteError::CodesExhausted { .. } => Self::Problem(Problem::CodesExhausted),
            ExecuteError::Store(error) => Self::Failure(error.into()),
            ExecuteError::Keys(error) => Self::Failure(error.into()),
        }
    }
}

impl From<WaitError> for ServiceError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Behind(behind) => Self::Problem(Problem::Behind(behind)),
            WaitError::Unavailable(error) => Self::Failure(error.into()),
        }
    }
}
