//! Why something is refused. The order of the checks in `decide` is the precedence of the answers.

use super::{Channel, Outcome, Stage};
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
    #[error("a branch has to come to its end first: {awaited} is not done")]
    BranchPending { awaited: StepCode },
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
    #[error("it is on its way to another agency")]
    InTransit,
    #[error("it is not on its way to another agency")]
    NotInTransit,
    #[error("the holder belongs to another agency than the one it was sent to")]
    WrongRecipient,
    #[error("another agency has to be sent the dossier, and to accept it")]
    OtherAgency,
    #[error("somebody has begun since it was handed over, or it was not handed over")]
    NothingToRecall,
    #[error("this agency's opinion is being waited for")]
    OpinionPending,
    #[error("opinion {opinion} is not being waited for")]
    UnknownOpinion { opinion: u32 },
    #[error("the approval is at {is}, and has to be at {has_to_be} first")]
    ApprovalNotThere { is: &'static str, has_to_be: &'static str },
    #[error("the proposal is {proposed:?}, what was decided is another")]
    OutcomeDiffers { proposed: Outcome },
    #[error("an obligation of this kind is still to be paid")]
    ObligationPending,
    #[error("the dossier has no obligation {obligation}")]
    UnknownObligation { obligation: u32 },
    #[error("nothing is to be paid for obligation {obligation}")]
    NothingDue { obligation: u32 },
    #[error("the amount is nothing")]
    AmountMissing,
    #[error("the order was recorded with another amount or for another obligation")]
    OrderDiffers,
    #[error("no such order was recorded")]
    UnknownOrder,
    #[error("the order was refunded already")]
    AlreadyRefunded,
    #[error("{amount_vnd} đồng are still to be paid")]
    PaymentDue { amount_vnd: u64 },
    #[error("the dossier has no appointment that could be extended")]
    NoAppointment,
    #[error("the new appointment is not later than the old one, {due_at}, and than now")]
    ExtensionNotLater { due_at: Instant },
    #[error("it was extended {extensions} times, which is what the procedure allows")]
    ExtendedAlready { extensions: u32 },
    #[error("a decision is signed: it can no longer be stopped")]
    Decided,
    #[error("a digitised paper has to say which paper it is")]
    PaperNotNamed,
    #[error("the dossier has {most} files, which is the most")]
    TooManyFiles { most: usize },
    #[error("the result is not here as a file: it is handed out at the counter or by post")]
    NoResultFile,
    #[error("nobody acts for the applicant")]
    NoDelegate,
    #[error("something has happened since, or the last event cannot be taken back")]
    NothingToCorrect,
    #[error("a dossier of the channel {channel:?} does not enter this way")]
    WrongChannel { channel: Channel },
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
            Self::BranchPending { .. } => "BRANCH_PENDING",
            Self::AppointmentMissing => "APPOINTMENT_MISSING",
            Self::AppointmentFixed => "APPOINTMENT_FIXED",
            Self::AppointmentBeforeReceipt => "APPOINTMENT_BEFORE_RECEIPT",
            Self::AlreadyThere => "ALREADY_THERE",
            Self::AnswerBeforeRequest => "ANSWER_BEFORE_REQUEST",
            Self::InTransit => "IN_TRANSIT",
            Self::NotInTransit => "NOT_IN_TRANSIT",
            Self::WrongRecipient => "WRONG_RECIPIENT",
            Self::OtherAgency => "OTHER_AGENCY",
            Self::NothingToRecall => "NOTHING_TO_RECALL",
            Self::OpinionPending => "OPINION_PENDING",
            Self::UnknownOpinion { .. } => "UNKNOWN_OPINION",
            Self::ApprovalNotThere { .. } => "APPROVAL_NOT_THERE",
            Self::OutcomeDiffers { .. } => "OUTCOME_DIFFERS",
            Self::ObligationPending => "OBLIGATION_PENDING",
            Self::UnknownObligation { .. } => "UNKNOWN_OBLIGATION",
            Self::NothingDue { .. } => "NOTHING_DUE",
            Self::AmountMissing => "AMOUNT_MISSING",
            Self::OrderDiffers => "ORDER_DIFFERS",
            Self::UnknownOrder => "UNKNOWN_ORDER",
            Self::AlreadyRefunded => "ALREADY_REFUNDED",
            Self::PaymentDue { .. } => "PAYMENT_DUE",
            Self::NoAppointment => "NO_APPOINTMENT",
            Self::ExtensionNotLater { .. } => "EXTENSION_NOT_LATER",
            Self::ExtendedAlready { .. } => "EXTENDED_ALREADY",
            Self::Decided => "DECIDED",
            Self::PaperNotNamed => "PAPER_NOT_NAMED",
            Self::TooManyFiles { .. } => "TOO_MANY_FILES",
            Self::NoResultFile => "NO_RESULT_FILE",
            Self::NoDelegate => "NO_DELEGATE",
            Self::NothingToCorrect => "NOTHING_TO_CORRECT",
            Self::WrongChannel { .. } => "WRONG_CHANNEL",
            Self::NoDueInstant(DueError::Calendar(_)) => "CALENDAR_UNKNOWN",
            Self::NoDueInstant(DueError::GivenBeforeReceipt { .. }) => "APPOINTMENT_BEFORE_RECEIPT",
            Self::NoDueInstant(DueError::ResumedBeforePaused { .. }) => "TIME_BEFORE_PREVIOUS",
        }
    }
}
