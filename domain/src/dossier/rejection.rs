//! Why something is refused. The order of the checks in `decide` is the precedence of the answers.

use super::Stage;
use crate::codes::StepCode;
use crate::decider;
use crate::time::Instant;
use crate::working_time::DueError;

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("the dossier does not exist")]
    NotFiled,
    #[error("the dossier exists already")]
    AlreadyFiled,
    #[error("{command} is not allowed while the dossier is {stage:?}")]
    WrongStage { command: &'static str, stage: Stage },
    #[error("the business time lies before that of the previous event, {previous}")]
    BeforePrevious { previous: Instant },
    #[error("a supplement is being waited for")]
    SupplementPending,
    #[error("the procedure has no task {step}")]
    UnknownStep { step: StepCode },
    #[error("the procedure leaves the appointment to the officer, who did not set it")]
    AppointmentMissing,
    #[error("the procedure's term is fixed: the appointment is computed, not set")]
    AppointmentFixed,
    #[error("the appointment lies before the receipt")]
    AppointmentBeforeReceipt,
    #[error("the answer is expected before it was asked for")]
    AnswerBeforeRequest,
    #[error("the dossier is there already")]
    AlreadyThere,
    #[error("no due instant can be computed: {0}")]
    NoDueInstant(DueError),
}

impl From<DueError> for Rejection {
    fn from(error: DueError) -> Self {
        Self::NoDueInstant(error)
    }
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFiled => "NOT_FOUND",
            Self::AlreadyFiled => "DOSSIER_ALREADY_FILED",
            Self::WrongStage { .. } => "INVALID_TRANSITION",
            Self::BeforePrevious { .. } => "TIME_BEFORE_PREVIOUS",
            Self::SupplementPending => "SUPPLEMENT_PENDING",
            Self::UnknownStep { .. } => "UNKNOWN_STEP",
            Self::AppointmentMissing => "APPOINTMENT_MISSING",
            Self::AppointmentFixed => "APPOINTMENT_FIXED",
            Self::AppointmentBeforeReceipt => "APPOINTMENT_BEFORE_RECEIPT",
            Self::AlreadyThere => "ALREADY_THERE",
            Self::AnswerBeforeRequest => "ANSWER_BEFORE_REQUEST",
            Self::NoDueInstant(DueError::Calendar(_)) => "CALENDAR_UNKNOWN",
            Self::NoDueInstant(DueError::GivenBeforeReceipt { .. }) => "APPOINTMENT_BEFORE_RECEIPT",
            Self::NoDueInstant(DueError::ResumedBeforePaused { .. }) => "TIME_BEFORE_PREVIOUS",
        }
    }
}
