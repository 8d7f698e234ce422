//! What can be asked of a dossier. Built from parsed values; time and law come in with it.

use std::sync::Arc;

use super::{
    Answer, Delegate, FileAttached, Holder, Notice, NoticeChannel, ObligationKind, Outcome, PauseReason,
    PaymentMethod, ReturnMethod, Submitted, SupplementRequest,
};
use crate::calendar::Calendar;
use crate::codes::{OrderCode, StepCode};
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
        answer_within: Option<AnswerWithin>,
    },
    /// Refuse it at intake, with a reason.
    Refuse {
        reason: Private,
    },
    /// Receive it: the clock starts, and the appointment is given.
    Receive(Receive),
    /// Hand it to another unit or officer of the agency that holds it (phân công, phân công lại).
    Forward {
        to: Holder,
        note: Option<Private>,
    },
    /// Send it to another agency, which accepts it or sends it back. The clock does not restart.
    Send {
        to: AgencyId,
        note: Option<Private>,
    },
    /// Take what another agency has sent.
    Accept {
        holder: Holder,
    },
    /// Not take what another agency has sent.
    SendBack {
        reason: Private,
    },
    /// Take back what was handed over or sent, before anybody has begun with it.
    Recall {
        reason: Option<Private>,
    },
    /// Ask another agency for its opinion. The clock goes on.
    RequestOpinion {
        from: AgencyId,
        question: Private,
        answer_by: Option<Instant>,
    },
    GiveOpinion {
        opinion: u32,
        answer: Private,
    },
    Propose {
        outcome: Outcome,
        note: Option<Private>,
    },
    Approve {
        note: Option<Private>,
    },
    RequestRework {
        reason: Private,
    },
    Sign {
        note: Option<Private>,
    },
    Issue {
        number: Private,
    },
    /// Let the clock stand still, for a reason of the list.
    Pause {
        reason: PauseReason,
        note: Option<Private>,
        until: Option<Instant>,
    },
    /// Let it run again.
    Resume {
        note: Option<Private>,
        rules: WorkingTime,
    },
    RequestObligation(RequestObligation),
    RecordPayment(RecordPayment),
    /// Lift an obligation.
    Waive {
        obligation: u32,
        reason: Private,
        rules: WorkingTime,
    },
    /// Give the money of an order back.
    Refund {
        order: OrderCode,
        reason: Private,
    },
    Extend(Extend),
    /// End the processing without a result, before there is a decision.
    Stop {
        reason: Private,
    },
    /// Attach a digitised paper or result whose content is in the content store.
    AttachFile(FileAttached),
    Notify {
        about: Notice,
        by: NoticeChannel,
        note: Option<Private>,
    },
    /// Take back the last event, a mistake, as long as nothing else has happened.
    Correct {
        reason: Private,
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
    /// The applicant, or who acts for them, takes the result online.
    Collect,
    /// Let somebody act for the applicant, in the place of an earlier one.
    NameDelegate(Delegate),
    /// Let nobody act for the applicant any more.
    RemoveDelegate,
    /// Hand out the result.
    ReturnResult {
        method: ReturnMethod,
        note: Option<Private>,
    },
    /// Another agency takes the place of one that is there no more.
    CarryOver {
        from: AgencyId,
        to: AgencyId,
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
            Self::Send { .. } => "SEND",
            Self::Accept { .. } => "ACCEPT",
            Self::SendBack { .. } => "SEND_BACK",
            Self::Recall { .. } => "RECALL",
            Self::RequestOpinion { .. } => "REQUEST_OPINION",
            Self::GiveOpinion { .. } => "GIVE_OPINION",
            Self::Propose { .. } => "PROPOSE",
            Self::Approve { .. } => "APPROVE",
            Self::RequestRework { .. } => "REQUEST_REWORK",
            Self::Sign { .. } => "SIGN",
            Self::Issue { .. } => "ISSUE",
            Self::Pause { .. } => "PAUSE",
            Self::Resume { .. } => "RESUME",
            Self::RequestObligation(_) => "REQUEST_OBLIGATION",
            Self::RecordPayment(_) => "RECORD_PAYMENT",
            Self::Waive { .. } => "WAIVE",
            Self::Refund { .. } => "REFUND",
            Self::Extend(_) => "EXTEND",
            Self::Stop { .. } => "STOP",
            Self::AttachFile(_) => "ATTACH_FILE",
            Self::Notify { .. } => "NOTIFY",
            Self::Correct { .. } => "CORRECT",
            Self::CompleteStep(_) => "COMPLETE_STEP",
            Self::RequestSupplement { .. } => "REQUEST_SUPPLEMENT",
            Self::ReceiveSupplement { .. } => "RECEIVE_SUPPLEMENT",
            Self::FinishProcessing { .. } => "FINISH_PROCESSING",
            Self::Collect => "COLLECT",
            Self::NameDelegate(_) => "NAME_DELEGATE",
            Self::RemoveDelegate => "REMOVE_DELEGATE",
            Self::ReturnResult { .. } => "RETURN_RESULT",
            Self::CarryOver { .. } => "CARRY_OVER",
            Self::Withdraw { .. } => "WITHDRAW",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Submit {
    pub submitted: Submitted,
    pub answer_within: Option<AnswerWithin>,
}

/// The office's own clock before receipt: how many working hours it has to say whether it takes the dossier.
#[derive(Clone, Debug)]
pub struct AnswerWithin {
    pub working_hours: u32,
    pub rules: WorkingTime,
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

impl Agencies {
    /// The same with one agency in the place of another.
    #[must_use]
    pub fn carried_over(self, from: AgencyId, to: AgencyId) -> Self {
        let there = |agency| if agency == from { to } else { agency };
        Self {
            supporting: self.supporting.map(there),
            receiving: there(self.receiving),
            competent: there(self.competent),
        }
    }
}

/// Ask the applicant to pay.
#[derive(Clone, Debug)]
pub struct RequestObligation {
    pub kind: ObligationKind,
    /// In đồng; more than nothing.
    pub amount_vnd: u64,
    pub note: Option<Private>,
    pub pay_by: Option<Instant>,
    /// The clock stands still until it is paid or waived.
    pub stops_clock: bool,
}

#[derive(Clone, Debug)]
pub struct RecordPayment {
    pub obligation: u32,
    pub order: OrderCode,
    pub amount_vnd: u64,
    pub method: PaymentMethod,
    /// For the clock that runs again when everything is paid.
    pub rules: WorkingTime,
}

/// Apologise and promise another day.
#[derive(Clone, Debug)]
pub struct Extend {
    pub reason: Private,
    pub due_at: Instant,
    pub signed_by: Private,
    /// How often the procedure allows it.
    pub extensions_max: u32,
}
