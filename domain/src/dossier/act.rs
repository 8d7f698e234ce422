//! What can be done with a dossier, by name alone: by whom, and whether it is open to it as it stands. Screens offer what
//! is listed here; the decider decides by the same rules, and by what exactly is asked.

use super::{Approval, Command, FilePurpose, Filed, Outcome, Relation, rules};
use crate::access::{Function, Principal};

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)+) => {
        /// The kinds of commands on a dossier that is there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Act { $($(#[$doc])* $name,)+ }

        impl Act {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable name that clients see.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

acts! {
    RequestIntakeSupplement => "REQUEST_INTAKE_SUPPLEMENT",
    SupplyIntakeSupplement => "SUPPLY_INTAKE_SUPPLEMENT",
    Refuse => "REFUSE",
    Receive => "RECEIVE",
    Forward => "FORWARD",
    Send => "SEND",
    Accept => "ACCEPT",
    SendBack => "SEND_BACK",
    Recall => "RECALL",
    RequestOpinion => "REQUEST_OPINION",
    GiveOpinion => "GIVE_OPINION",
    CompleteStep => "COMPLETE_STEP",
    Propose => "PROPOSE",
    Approve => "APPROVE",
    RequestRework => "REQUEST_REWORK",
    Sign => "SIGN",
    Issue => "ISSUE",
    RequestSupplement => "REQUEST_SUPPLEMENT",
    ReceiveSupplement => "RECEIVE_SUPPLEMENT",
    Pause => "PAUSE",
    Resume => "RESUME",
    RequestObligation => "REQUEST_OBLIGATION",
    RecordPayment => "RECORD_PAYMENT",
    Waive => "WAIVE",
    Refund => "REFUND",
    Extend => "EXTEND",
    Stop => "STOP",
    FinishProcessing => "FINISH_PROCESSING",
    ReturnResult => "RETURN_RESULT",
    Collect => "COLLECT",
    NameDelegate => "NAME_DELEGATE",
    RemoveDelegate => "REMOVE_DELEGATE",
    Withdraw => "WITHDRAW",
    Notify => "NOTIFY",
    /// Of a digitised paper.
    AttachPaper => "ATTACH_PAPER",
    AttachResult => "ATTACH_RESULT",
    Correct => "CORRECT",
}

impl Command {
    /// Its kind. None for what makes a dossier, and for what only a succession of agencies does.
    pub fn act(&self) -> Option<Act> {
        Some(match self {
            Self::Submit(_) | Self::Register(_) | Self::CarryOver { .. } => return None,
            Self::RequestIntakeSupplement { .. } => Act::RequestIntakeSupplement,
            Self::SupplyIntakeSupplement { .. } => Act::SupplyIntakeSupplement,
            Self::Refuse { .. } => Act::Refuse,
            Self::Receive(_) => Act::Receive,
            Self::Forward { .. } => Act::Forward,
            Self::Send { .. } => Act::Send,
            Self::Accept { .. } => Act::Accept,
            Self::SendBack { .. } => Act::SendBack,
            Self::Recall { .. } => Act::Recall,
            Self::RequestOpinion { .. } => Act::RequestOpinion,
            Self::GiveOpinion { .. } => Act::GiveOpinion,
            Self::CompleteStep(_) => Act::CompleteStep,
            Self::Propose { .. } => Act::Propose,
            Self::Approve { .. } => Act::Approve,
            Self::RequestRework { .. } => Act::RequestRework,
            Self::Sign { .. } => Act::Sign,
            Self::Issue { .. } => Act::Issue,
            Self::RequestSupplement { .. } => Act::RequestSupplement,
            Self::ReceiveSupplement { .. } => Act::ReceiveSupplement,
            Self::Pause { .. } => Act::Pause,
            Self::Resume { .. } => Act::Resume,
            Self::RequestObligation(_) => Act::RequestObligation,
            Self::RecordPayment(_) => Act::RecordPayment,
            Self::Waive { .. } => Act::Waive,
            Self::Refund { .. } => Act::Refund,
            Self::Extend(_) => Act::Extend,
            Self::Stop { .. } => Act::Stop,
            Self::FinishProcessing { .. } => Act::FinishProcessing,
            Self::ReturnResult { .. } => Act::ReturnResult,
            Self::Collect => Act::Collect,
            Self::NameDelegate(_) => Act::NameDelegate,
            Self::RemoveDelegate => Act::RemoveDelegate,
            Self::Withdraw { .. } => Act::Withdraw,
            Self::Notify { .. } => Act::Notify,
            Self::AttachFile(file) => Act::attach(file.purpose),
            Self::Correct { .. } => Act::Correct,
        })
    }

    /// How a principal has to stand to the dossier for exactly this.
    pub fn relation(&self, filed: &Filed, principal: &Principal) -> Option<Relation> {
        if let Self::GiveOpinion { opinion, .. } = self {
            return Some(Relation::Consulted(*opinion));
        }
        self.act().map(|act| act.relation(filed, principal))
    }
}

impl Act {
    pub fn attach(purpose: FilePurpose) -> Self {
        match purpose {
            FilePurpose::Paper => Self::AttachPaper,
            FilePurpose::Result => Self::AttachResult,
        }
    }

    /// How a principal has to stand to the dossier.
    pub fn relation(self, filed: &Filed, principal: &Principal) -> Relation {
        // One of the two is enough, and what somebody may do elsewhere takes nothing from what they may do here. Who may not
        // is told of what they have.
        let either = |first: Function, second: Function| {
            let by_the_first = filed.authorise(principal, first.into()).is_ok()
                || (principal.has(first) && !principal.has(second));
            Relation::Has(if by_the_first { first } else { second })
        };
        match self {
            Self::RequestIntakeSupplement
            | Self::Refuse
            | Self::Receive
            | Self::RecordPayment
            | Self::ReturnResult => Relation::Has(Function::Intake),
            // The applicant does it, or the counter for them.
            Self::SupplyIntakeSupplement | Self::ReceiveSupplement | Self::Withdraw | Self::AttachPaper => {
                if filed.is_theirs(principal) {
                    Relation::Applicant
                } else {
                    Relation::Has(Function::Intake)
                }
            }
            // Who acts for an applicant and is of the counter, too, says it as the counter.
            Self::NameDelegate | Self::RemoveDelegate => {
                let counter =
                    if self == Self::NameDelegate { Relation::Entrusting } else { Function::Intake.into() };
                let at_the_counter = filed.authorise(principal, counter).is_ok();
                if filed.is_theirs(principal) && !at_the_counter { Relation::Principal } else { counter }
            }
            Self::Collect => Relation::Applicant,
            // Who may assign may hand over what another holds.
            Self::Forward | Self::Send => either(Function::Assign, Function::Process),
            Self::Accept | Self::SendBack => Relation::Recipient,
            Self::Recall => Relation::Sender,
            Self::GiveOpinion => {
                let own = principal.acting_as.agency;
                let asked = filed.opinions.iter().find(|opinion| opinion.from == own);
                // Numbers begin at 1: of 0 nobody was asked.
                Relation::Consulted(asked.map_or(0, |opinion| opinion.number))
            }
            Self::RequestOpinion
            | Self::CompleteStep
            | Self::Propose
            | Self::RequestSupplement
            | Self::Pause
            | Self::Resume => Relation::Has(Function::Process),
            Self::Approve
            | Self::RequestRework
            | Self::Sign
            | Self::Issue
            | Self::Waive
            | Self::Refund
            | Self::Extend
            | Self::Stop
            | Self::FinishProcessing => Relation::Has(Function::Approve),
            // The counter does it, and who has the dossier in hand.
            Self::RequestObligation | Self::Notify | Self::AttachResult => {
                either(Function::Intake, Function::Process)
            }
            Self::Correct => Relation::Has(filed.correction_needs()),
        }
    }
}

impl Filed {
    /// Whether something of this kind would not be refused for where the dossier stands. What is asked for in particular
    /// may still be refused.
    pub fn is_open_to(&self, act: Act) -> bool {
        let name = act.name();
        let runs = || rules::running(self, name).is_ok();
        let is = |has_to_be, is_there: fn(Approval) -> bool| {
            runs() && rules::approval_is(self, has_to_be, is_there).is_ok()
        };
        match act {
            Act::RequestIntakeSupplement | Act::Receive => {
                rules::before_receipt(self, name).is_ok() && rules::not_waiting_already(self).is_ok()
            }
            Act::SupplyIntakeSupplement => rules::intake_waits(self).is_ok(),
            Act::Refuse => rules::before_receipt(self, name).is_ok(),
            Act::Forward
            | Act::Send
            | Act::RequestOpinion
            | Act::CompleteStep
            | Act::RequestSupplement
            | Act::Pause => runs(),
            Act::Accept | Act::SendBack => rules::in_transit(self, name).is_ok(),
            Act::Recall => rules::recallable(self).is_ok(),
            Act::GiveOpinion => {
                self.opinions.iter().any(|opinion| rules::opinion_is_waited_for(self, opinion.number).is_ok())
            }
            Act::Propose => is("NONE", |approval| approval == Approval::None),
            Act::Approve => is("PROPOSED", |approval| matches!(approval, Approval::Proposed(_))),
            Act::RequestRework => {
                is("PROPOSED", |approval| matches!(approval, Approval::Proposed(_) | Approval::Approved(_)))
            }
            Act::Sign => is("APPROVED", |approval| matches!(approval, Approval::Approved(_))),
            Act::Issue => is("SIGNED", |approval| matches!(approval, Approval::Signed(_))),
            Act::ReceiveSupplement => rules::paused(self, name, true).is_ok(),
            Act::Resume => rules::paused(self, name, false).is_ok(),
            Act::RequestObligation => rules::may_ask_for_money(self, false).is_ok(),
            // Also beyond what was asked for.
            Act::RecordPayment => !self.finance.obligations.is_empty(),
            Act::Waive => self
                .finance
                .obligations
                .iter()
                .any(|known| rules::something_is_due(self, known.number).is_ok()),
            Act::Refund => self
                .finance
                .obligations
                .iter()
                .flat_map(|known| &known.payments)
                .any(|payment| rules::order_can_be_refunded(self, &payment.order).is_ok()),
            Act::Extend => rules::running(self, name).is_ok_and(|clock| clock.due_at.is_some()),
            Act::Stop => rules::not_decided(self).is_ok(),
            Act::FinishProcessing => {
                let outcomes = [Outcome::Granted, Outcome::Declined];
                runs() && outcomes.iter().any(|outcome| rules::ends_as_decided(self, *outcome).is_ok())
            }
            Act::ReturnResult => rules::finished(self, name).is_ok() && rules::nothing_is_due(self).is_ok(),
            Act::Collect => {
                rules::finished(self, name).is_ok()
                    && rules::nothing_is_due(self).is_ok()
                    && rules::result_is_a_file(self).is_ok()
            }
            Act::NameDelegate => rules::still_open(self, name).is_ok(),
            Act::RemoveDelegate => rules::has_a_delegate(self).is_ok(),
            Act::Withdraw => rules::not_ended(self, name).is_ok(),
            Act::Notify => true,
            Act::AttachPaper => rules::takes_files(self).is_ok(),
            Act::AttachResult => {
                rules::takes_files(self).is_ok()
                    && rules::may_have_a_result(self, FilePurpose::Result).is_ok()
            }
            Act::Correct => rules::mistake(self).is_ok(),
        }
    }

    /// What a principal can do with the dossier as it stands: what a screen offers.
    pub fn allowed(&self, principal: &Principal) -> Vec<Act> {
        let allowed = |act: &Act| {
            self.authorise(principal, act.relation(self, principal)).is_ok() && self.is_open_to(*act)
        };
        Act::ALL.iter().copied().filter(allowed).collect()
    }
}
