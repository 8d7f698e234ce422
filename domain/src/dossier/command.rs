//! What can be asked of a dossier. Built from parsed values; time and law come in with it.

use std::sync::Arc;

use super::{Answer, Holder, Outcome, ReturnMethod, Submitted, SupplementRequest};
use crate::calendar::Calendar;
use crate::codes::StepCode;
use crate::identity::AgencyId;
use crate::private::Private;
use crate::procedure::Definition;
use crate::time::Instant;
use crate::working_time::OfficeHours;

/// What can be asked of a dossier.
#[derive(Clone, Debug)]
pub enum Command {
    /// File it online. It is not received yet: no clock runs.
    Submit(Submit),
    /// File it at the counter or by post, and receive it in the same act.
    Register(Register),
    /// Ask for more before receipt: there is no clock to stop.
    RequestIntakeSupplement {
        request: SupplementRequest,
    },
    /// Bring what was asked for before receipt.
    SupplyIntakeSupplement {
        supply: Answer,
    },
    /// Refuse it at intake, with a reason.
    Refuse {
        reason: Private,
    },
    /// Receive it: the clock starts, and the appointment is given.
    Receive(Receive),
    /// Hand it to another unit, officer or agency. The clock does not restart.
    Forward {
        to: Holder,
        note: Option<Private>,
    },
    CompleteStep(CompleteStep),
    /// Ask for more after receipt: the clock stops.
    RequestSupplement {
        request: SupplementRequest,
    },
    /// Bring what was asked for after receipt: the clock runs again.
    ReceiveSupplement {
        supply: Answer,
        rules: WorkingTime,
    },
    /// The end of processing: on time or late is measured here.
    FinishProcessing {
        outcome: Outcome,
        note: Option<Private>,
    },
    /// Hand out the result.
    ReturnResult {
        method: ReturnMethod,
        note: Option<Private>,
    },
    /// The applicant takes it back: national state 7, not a refusal.
    Withdraw {
        reason: Option<Private>,
    },
}

impl Command {
    /// The stable name that clients see.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Submit(_) => "SUBMIT",
            Self::Register(_) => "REGISTER",
            Self::RequestIntakeSupplement { .. } => "REQUEST_INTAKE_SUPPLEMENT",
            Self::SupplyIntakeSupplement { .. } => "SUPPLY_INTAKE_SUPPLEMENT",
            Self::Refuse { .. } => "REFUSE",
            Self::Receive(_) => "RECEIVE",
            Self::Forward { .. } => "FORWARD",
            Self::CompleteStep(_) => "COMPLETE_STEP",
            Self::RequestSupplement { .. } => "REQUEST_SUPPLEMENT",
            Self::ReceiveSupplement { .. } => "RECEIVE_SUPPLEMENT",
            Self::FinishProcessing { .. } => "FINISH_PROCESSING",
            Self::ReturnResult { .. } => "RETURN_RESULT",
            Self::Withdraw { .. } => "WITHDRAW",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Submit {
    pub submitted: Submitted,
}

#[derive(Clone, Debug)]
pub struct Register {
    pub submitted: Submitted,
    pub receive: Receive,
}

/// The law that a receipt needs.
#[derive(Clone, Debug)]
pub struct Receive {
    pub procedure: Arc<Definition>,
    /// What the officer set, where the procedure leaves it to the officer.
    pub appointment: Appointment,
    pub rules: WorkingTime,
    /// The receiving agency: it holds the dossier from receipt on.
    pub holder: Holder,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Appointment {
    /// Compute it from the procedure's term.
    ByProcedure,
    /// The officer enters the instant.
    At(Instant),
    /// No appointment is given.
    None,
}

/// What turns a term into an instant.
#[derive(Clone, Debug)]
pub struct WorkingTime {
    pub calendar: Arc<Calendar>,
    pub office_hours: OfficeHours,
}

#[derive(Clone, Debug)]
pub struct CompleteStep {
    pub step: StepCode,
    pub note: Option<Private>,
    /// The version that the dossier keeps.
    pub procedure: Arc<Definition>,
}

/// The agencies of a dossier. Statistics go to the competent one, the code to the receiving one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Agencies {
    /// Helped the applicant to file (nơi hỗ trợ).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supporting: Option<AgencyId>,
    /// Takes it in (nơi tiếp nhận).
    pub receiving: AgencyId,
    /// Decides it (cơ quan có thẩm quyền giải quyết).
    pub competent: AgencyId,
}
