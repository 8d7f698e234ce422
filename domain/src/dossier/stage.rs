//! Where a dossier stands, by name alone.

use super::{Event, PauseReason};

/// The business state by name alone: what clients see and filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    Submitted,
    AwaitingIntakeSupplement,
    Refused,
    Received,
    InProgress,
    AwaitingSupplement,
    AwaitingPayment,
    /// The clock stands still while it is being processed: public posting, another agency's part.
    OnHold,
    Suspended,
    Stopped,
    Finished,
    Returned,
    Withdrawn,
}

impl Stage {
    pub const ALL: [Self; 13] = [
        Self::Submitted,
        Self::AwaitingIntakeSupplement,
        Self::Refused,
        Self::Received,
        Self::InProgress,
        Self::AwaitingSupplement,
        Self::AwaitingPayment,
        Self::OnHold,
        Self::Suspended,
        Self::Stopped,
        Self::Finished,
        Self::Returned,
        Self::Withdrawn,
    ];

    /// TrangThaiHoSo of the national feed, 1 to 10.
    pub fn national_code(self) -> u8 {
        match self {
            Self::Submitted | Self::AwaitingIntakeSupplement => 1,
            Self::Received => 2,
            Self::Refused => 3,
            Self::InProgress | Self::OnHold => 4,
            Self::AwaitingSupplement => 5,
            Self::AwaitingPayment => 6,
            Self::Withdrawn => 7,
            Self::Suspended | Self::Stopped => 8,
            Self::Finished => 9,
            Self::Returned => 10,
        }
    }

    /// Received, and its clock stands still.
    pub fn is_paused(self) -> bool {
        match self {
            Self::AwaitingSupplement | Self::AwaitingPayment | Self::OnHold | Self::Suspended => true,
            Self::Submitted
            | Self::AwaitingIntakeSupplement
            | Self::Refused
            | Self::Received
            | Self::InProgress
            | Self::Stopped
            | Self::Finished
            | Self::Returned
            | Self::Withdrawn => false,
        }
    }

    /// The stages after an event, for who keeps no more of a dossier than these: the one before the last act of the office,
    /// and the one now. That it agrees with [`super::Filed::stage`] is a property test.
    #[must_use]
    pub fn after((before, now): (Self, Self), event: &Event) -> (Self, Self) {
        let next = now.next(before, event);
        if event.is_beside_the_work() { (before, next) } else { (now, next) }
    }

    fn next(self, before: Self, event: &Event) -> Self {
        match event {
            Event::Submitted(_)
            | Event::Recalled(_)
            | Event::Sent(_)
            | Event::SentBack(_)
            | Event::OpinionRequested(_)
            | Event::OpinionGiven(_)
            | Event::ObligationRequested(_)
            | Event::PaymentRecorded(_)
            | Event::ObligationWaived(_)
            | Event::PaymentRefunded(_)
            | Event::Extended(_)
            | Event::ApplicantNotified(_)
            | Event::CarriedOver(_)
            | Event::DelegateNamed(_)
            | Event::DelegateRemoved(_)
            | Event::FileAttached(_) => self,
            Event::IntakeSupplementRequested(_) => Self::AwaitingIntakeSupplement,
            Event::IntakeSupplementReceived(_) => Self::Submitted,
            Event::Refused(_) => Self::Refused,
            Event::Received(_) => Self::Received,
            Event::Forwarded(_)
            | Event::Accepted(_)
            | Event::StepCompleted(_)
            | Event::Proposed(_)
            | Event::Approved(_)
            | Event::ReworkRequested(_)
            | Event::Signed(_)
            | Event::Issued(_)
            | Event::SupplementReceived(_)
            | Event::Resumed(_) => Self::InProgress,
            Event::SupplementRequested(_) => Self::AwaitingSupplement,
            Event::Paused(paused) => paused.reason.stage(),
            Event::ProcessingFinished(_) => Self::Finished,
            Event::ResultReturned(_) => Self::Returned,
            Event::Stopped(_) => Self::Stopped,
            Event::Withdrawn(_) => Self::Withdrawn,
            Event::Corrected(_) => before,
        }
    }

    /// The name in read models and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::AwaitingIntakeSupplement => "AWAITING_INTAKE_SUPPLEMENT",
            Self::Refused => "REFUSED",
            Self::Received => "RECEIVED",
            Self::InProgress => "IN_PROGRESS",
            Self::AwaitingSupplement => "AWAITING_SUPPLEMENT",
            Self::AwaitingPayment => "AWAITING_PAYMENT",
            Self::OnHold => "ON_HOLD",
            Self::Suspended => "SUSPENDED",
            Self::Stopped => "STOPPED",
            Self::Finished => "FINISHED",
            Self::Returned => "RETURNED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

/// A name that is no stage of this program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no stage")]
pub struct InvalidStage(pub String);

impl TryFrom<String> for Stage {
    type Error = InvalidStage;

    fn try_from(name: String) -> Result<Self, InvalidStage> {
        Self::from_name(&name).ok_or(InvalidStage(name))
    }
}

impl PauseReason {
    pub fn stage(self) -> Stage {
        match self {
            Self::FinancialObligation => Stage::AwaitingPayment,
            Self::PublicPosting | Self::OtherAgency => Stage::OnHold,
            Self::Suspension => Stage::Suspended,
        }
    }
}
