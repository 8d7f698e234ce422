//! Dossier (hồ sơ): one application under one procedure, one stream and one code for life, whoever holds it.
//! Terms: docs/glossary.md. Rules with their sources: docs/legal/rules.md.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `command.rs` | what can be asked |
//! | `act.rs` | by whom, and when there is a point in asking |
//! | `event.rs` | what is written, for ever |
//! | `state.rs` | what is folded from it |
//! | `authority.rs` | who may act on it |
//! | `stage.rs` | where it stands, by name |
//! | `classification.rs` | early, on time or late |
//! | `explanation.rs` | why it is due when it is, in words |
//! | `recount.rs` | when it would be due under another calendar |
//! | `schedule.rs` | when each task is due |
//! | `standing.rs` | the dossier as of an instant |
//! | `finance.rs` | what is to be paid and was paid |
//! | `rules.rs` | the law, one function per rule |
//! | `rejection.rs` | why something is refused |
//! | this file | `decide` and `evolve` |

mod act;
mod authority;
mod classification;
mod command;
mod event;
mod explanation;
mod finance;
mod recount;
mod rejection;
mod rules;
mod schedule;
mod stage;
mod standing;
mod state;
#[cfg(test)]
mod tests;

pub use act::Act;
pub use authority::Relation;
pub use classification::{Measure, Share, Timeliness};
pub use command::*;
pub use event::*;
pub use explanation::{Explained, explain};
pub use finance::*;
pub use recount::{due_under, version_of};
pub use rejection::Rejection;
pub use schedule::{Planned, schedule};
pub use stage::{InvalidStage, Stage};
pub use standing::{as_of, standing};
pub use state::*;

use crate::codes::OrderCode;
use crate::decider::Decider;
use crate::identity::DossierId;
use crate::time::Instant;

/// `dossier-<id>`
pub fn stream(id: DossierId) -> String {
    format!("{}-{id}", Dossier::CATEGORY)
}

impl Decider for Dossier {
    const CATEGORY: &'static str = "dossier";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        if let Command::Submit(submit) = command {
            return self.submit(at, submit);
        }
        if let Command::Register(register) = command {
            return self.register(at, register);
        }
        let filed = rules::filed(self)?;
        rules::time_goes_on(filed, at)?;
        filed.decide(at, command)
    }

    fn evolve(self, at: Instant, event: &Event) -> Self {
        match self {
            Self::Absent => {
                // Of a dossier that was never submitted there is nothing to fold; no rule lets another event happen.
                if let Event::Submitted(submitted) = event {
                    Self::Filed(Box::new(Filed::new(at, submitted)))
                } else {
                    Self::Absent
                }
            }
            Self::Filed(filed) => Self::Filed(Box::new(filed.evolve(at, event))),
        }
    }
}

impl Dossier {
    fn submit(&self, at: Instant, submit: &Submit) -> Result<Vec<Event>, Rejection> {
        rules::absent(self)?;
        rules::enters_by(&submit.submitted, true)?;
        let answer_by = rules::answer_by(at, submit.answer_within.as_ref());
        Ok(vec![Event::Submitted(Submitted { answer_by, ..submit.submitted.clone() })])
    }

    /// At the counter and by post, entering and being received are one act.
    fn register(&self, at: Instant, register: &Register) -> Result<Vec<Event>, Rejection> {
        rules::absent(self)?;
        rules::enters_by(&register.submitted, false)?;
        let received = rules::receipt(at, &register.receive, false, register.submitted.imported.is_some())?;
        Ok(vec![Event::Submitted(register.submitted.clone()), Event::Received(received)])
    }
}

impl Filed {
    /// What can be paid through a gateway for an obligation.
    pub fn payable_vnd(&self, obligation: u32) -> Result<u64, Rejection> {
        rules::payable(self, obligation)
    }

    /// How much of a payment nothing was due for.
    pub fn surplus_vnd(&self, order: &OrderCode) -> u64 {
        rules::surplus(self, order)
    }

    fn decide(&self, at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Submit(_) | Command::Register(_) => Err(Rejection::AlreadyFiled),
            Command::RequestIntakeSupplement { request } => {
                rules::before_receipt(self, "REQUEST_INTAKE_SUPPLEMENT")?;
                rules::not_waiting_already(self)?;
                rules::answer_lies_ahead(self, at, request)?;
                Ok(vec![Event::IntakeSupplementRequested(IntakeSupplementRequested {
                    request: request.clone(),
                })])
            }
            Command::SupplyIntakeSupplement { supply, answer_within } => {
                rules::intake_waits(self)?;
                Ok(vec![Event::IntakeSupplementReceived(IntakeSupplementReceived {
                    supply: supply.clone(),
                    answer_by: rules::answer_by(at, answer_within.as_ref()),
                })])
            }
            Command::Refuse { reason } => {
                rules::before_receipt(self, "REFUSE")?;
                Ok(vec![Event::Refused(Refused { reason: reason.clone() })])
            }
            Command::Receive(receive) => {
                rules::before_receipt(self, "RECEIVE")?;
                rules::not_waiting_already(self)?;
                let online = self.channel == Channel::Online;
                Ok(vec![Event::Received(rules::receipt(at, receive, online, self.imported)?)])
            }
            Command::Forward { to, note } => {
                rules::running(self, "FORWARD")?;
                rules::to_somebody_else(self, to)?;
                Ok(vec![Event::Forwarded(Forwarded { to: to.clone(), note: note.clone() })])
            }
            Command::CompleteStep(complete) => self.complete_step(at, complete),
            Command::RequestSupplement { request } => {
                rules::running(self, "REQUEST_SUPPLEMENT")?;
                rules::answer_lies_ahead(self, at, request)?;
                Ok(vec![Event::SupplementRequested(SupplementRequested { request: request.clone() })])
            }
            Command::ReceiveSupplement { supply, rules: law } => {
                let (clock, since) = rules::paused(self, "RECEIVE_SUPPLEMENT", true)?;
                let clock = rules::after_the_pause(clock, since, at, law)?;
                Ok(vec![Event::SupplementReceived(SupplementReceived { supply: supply.clone(), clock })])
            }
            Command::FinishProcessing { outcome, note } => {
                rules::running(self, "FINISH_PROCESSING")?;
                rules::ends_as_decided(self, *outcome)?;
                Ok(vec![Event::ProcessingFinished(ProcessingFinished {
                    outcome: *outcome,
                    note: note.clone(),
                    anomalies: self.anomalies_of_the_end(at),
                })])
            }
            Command::ReturnResult { method, note } => {
                rules::finished(self, "RETURN_RESULT")?;
                rules::nothing_is_due(self)?;
                Ok(vec![Event::ResultReturned(ResultReturned { method: *method, note: note.clone() })])
            }
            Command::Collect => {
                rules::finished(self, "COLLECT")?;
                rules::nothing_is_due(self)?;
                rules::result_is_a_file(self)?;
                Ok(vec![Event::ResultReturned(ResultReturned { method: ReturnMethod::Online, note: None })])
            }
            Command::NameDelegate(delegate) if self.delegate == Some(delegate.into()) => Ok(Vec::new()),
            Command::NameDelegate(delegate) => {
                rules::still_open(self, "NAME_DELEGATE")?;
                Ok(vec![Event::DelegateNamed(DelegateNamed { delegate: delegate.clone() })])
            }
            Command::RemoveDelegate => {
                let delegate = rules::has_a_delegate(self)?.key;
                Ok(vec![Event::DelegateRemoved(DelegateRemoved { delegate })])
            }
            Command::Send { to, note } => {
                rules::running(self, "SEND")?;
                rules::to_another_agency(self, *to)?;
                Ok(vec![Event::Sent(Sent { to: *to, note: note.clone() })])
            }
            Command::Accept { holder } => {
                let to = rules::in_transit(self, "ACCEPT")?;
                rules::taken_where_it_was_sent(to, holder)?;
                Ok(vec![Event::Accepted(Accepted { holder: holder.clone() })])
            }
            Command::SendBack { reason } => {
                rules::in_transit(self, "SEND_BACK")?;
                Ok(vec![Event::SentBack(SentBack { reason: reason.clone() })])
            }
            Command::Recall { reason } => {
                rules::recallable(self)?;
                Ok(vec![Event::Recalled(Recalled { reason: reason.clone() })])
            }
            Command::RequestOpinion { from, question, answer_by } => {
                rules::running(self, "REQUEST_OPINION")?;
                rules::to_another_agency(self, *from)?;
                rules::not_asked_already(self, *from)?;
                Ok(vec![Event::OpinionRequested(OpinionRequested {
                    opinion: self.opinions_requested.saturating_add(1),
                    from: *from,
                    question: question.clone(),
                    answer_by: *answer_by,
                })])
            }
            Command::GiveOpinion { opinion, answer } => {
                rules::opinion_is_waited_for(self, *opinion)?;
                Ok(vec![Event::OpinionGiven(OpinionGiven { opinion: *opinion, answer: answer.clone() })])
            }
            Command::Propose { outcome, note } => {
                rules::running(self, "PROPOSE")?;
                rules::approval_is(self, "NONE", |approval| approval == Approval::None)?;
                Ok(vec![Event::Proposed(Proposed { outcome: *outcome, note: note.clone() })])
            }
            Command::Approve { note } => {
                rules::running(self, "APPROVE")?;
                rules::approval_is(self, "PROPOSED", |approval| matches!(approval, Approval::Proposed(_)))?;
                Ok(vec![Event::Approved(Approved { note: note.clone() })])
            }
            Command::RequestRework { reason } => {
                rules::running(self, "REQUEST_REWORK")?;
                rules::approval_is(self, "PROPOSED", |approval| {
                    matches!(approval, Approval::Proposed(_) | Approval::Approved(_))
                })?;
                Ok(vec![Event::ReworkRequested(ReworkRequested { reason: reason.clone() })])
            }
            Command::Sign { note } => {
                rules::running(self, "SIGN")?;
                rules::approval_is(self, "APPROVED", |approval| matches!(approval, Approval::Approved(_)))?;
                Ok(vec![Event::Signed(Signed { note: note.clone() })])
            }
            Command::Issue { number } => {
                rules::running(self, "ISSUE")?;
                rules::approval_is(self, "SIGNED", |approval| matches!(approval, Approval::Signed(_)))?;
                Ok(vec![Event::Issued(Issued { number: number.clone() })])
            }
            Command::Pause { reason, note, until } => {
                rules::running(self, "PAUSE")?;
                let (reason, note, until) = (*reason, note.clone(), *until);
                Ok(vec![Event::Paused(Paused { reason, note, until })])
            }
            Command::Resume { note, rules: law } => {
                let (clock, since) = rules::paused(self, "RESUME", false)?;
                let clock = rules::after_the_pause(clock, since, at, law)?;
                Ok(vec![Event::Resumed(Resumed { clock, note: note.clone() })])
            }
            Command::RequestObligation(request) => self.request_obligation(request),
            Command::RecordPayment(payment) => self.record_payment(at, payment),
            Command::Waive { obligation, reason, rules: law } => {
                rules::something_is_due(self, *obligation)?;
                let (obligation, reason) = (*obligation, reason.clone());
                let waived = Event::ObligationWaived(ObligationWaived { obligation, reason });
                self.with_the_clock_running_once_settled(at, waived, law)
            }
            Command::Refund { order, reason } => {
                rules::order_can_be_refunded(self, order)?;
                let (order, reason) = (order.clone(), reason.clone());
                Ok(vec![Event::PaymentRefunded(PaymentRefunded { order, reason })])
            }
            Command::Extend(extend) => {
                let clock = rules::running(self, "EXTEND")?;
                rules::extension(self, clock, at, extend)?;
                Ok(vec![Event::Extended(Extended {
                    reason: extend.reason.clone(),
                    due_at: extend.due_at,
                    signed_by: extend.signed_by.clone(),
                })])
            }
            Command::Stop { reason } => {
                rules::not_decided(self)?;
                Ok(vec![Event::Stopped(Stopped { reason: reason.clone() })])
            }
            Command::AttachFile(file) => self.attach_file(file),
            Command::Notify { about, by, .. } if self.notices.contains(&(*about, *by)) => Ok(Vec::new()),
            Command::Notify { about, by, note } => Ok(vec![Event::ApplicantNotified(ApplicantNotified {
                about: *about,
                by: *by,
                note: note.clone(),
            })]),
            Command::Correct { reason } => {
                let what = rules::mistake(self)?;
                Ok(vec![Event::Corrected(Corrected { what, reason: reason.clone() })])
            }
            Command::CarryOver { from, to }
                if self.concerned().any(|agency| agency == *from) && from != to =>
            {
                rules::still_open(self, "CARRY_OVER")?;
                Ok(vec![Event::CarriedOver(CarriedOver { from: *from, to: *to })])
            }
            Command::CarryOver { .. } => Ok(Vec::new()),
            Command::Withdraw { reason } => {
                rules::not_ended(self, "WITHDRAW")?;
                Ok(vec![Event::Withdrawn(Withdrawn { reason: reason.clone() })])
            }
        }
    }

    fn attach_file(&self, file: &FileAttached) -> Result<Vec<Event>, Rejection> {
        rules::takes_files(self)?;
        rules::may_have_a_result(self, file.purpose)?;
        rules::paper_is_named(file)?;
        if !rules::file_is_new(self, file) {
            return Ok(Vec::new());
        }
        rules::room_for_another_file(self, file.purpose)?;
        Ok(vec![Event::FileAttached(file.clone())])
    }

    fn request_obligation(&self, request: &RequestObligation) -> Result<Vec<Event>, Rejection> {
        rules::may_ask_for_money(self, request.stops_clock)?;
        rules::obligation_is_new(self, request)?;
        let requested = Event::ObligationRequested(ObligationRequested {
            obligation: self.finance.next_number(),
            kind: request.kind,
            amount_vnd: request.amount_vnd,
            note: request.note.clone(),
            pay_by: request.pay_by,
            stops_clock: request.stops_clock,
        });
        let paused = || {
            let reason = PauseReason::FinancialObligation;
            Event::Paused(Paused { reason, note: None, until: request.pay_by })
        };
        Ok(std::iter::once(requested).chain(request.stops_clock.then(paused)).collect())
    }

    fn record_payment(&self, at: Instant, payment: &RecordPayment) -> Result<Vec<Event>, Rejection> {
        if !rules::order_is_new(self, payment)? {
            return Ok(Vec::new());
        }
        let recorded = Event::PaymentRecorded(PaymentRecorded {
            obligation: payment.obligation,
            order: payment.order.clone(),
            amount_vnd: payment.amount_vnd,
            method: payment.method,
        });
        self.with_the_clock_running_once_settled(at, recorded, &payment.rules)
    }

    /// A clock that stands still for money runs again with the act that settles the last of what it stands still for:
    /// nobody has to think of it, and no day is lost.
    fn with_the_clock_running_once_settled(
        &self,
        at: Instant,
        event: Event,
        law: &WorkingTime,
    ) -> Result<Vec<Event>, Rejection> {
        let mut finance = self.finance.clone();
        finance.evolve(&event);
        let mut events = vec![event];
        if let Phase::Paused { clock, since, reason: Pause::Other(PauseReason::FinancialObligation) } =
            &self.phase
            && self.finance.holds_the_clock()
            && !finance.holds_the_clock()
        {
            let clock = rules::after_the_pause(clock, *since, at, law)?;
            events.push(Event::Resumed(Resumed { clock, note: None }));
        }
        Ok(events)
    }

    fn complete_step(&self, at: Instant, complete: &CompleteStep) -> Result<Vec<Event>, Rejection> {
        rules::running(self, "COMPLETE_STEP")?;
        rules::task_of_the_procedure(self, complete)?;
        rules::branches_joined(self, complete)?;
        let mut anomalies = Vec::new();
        if !complete.procedure.has_task(&complete.step) {
            anomalies.push(Anomaly::StepNotInProcedure);
        }
        if at < self.last_at {
            anomalies.push(Anomaly::BeforePrevious);
        }
        Ok(vec![Event::StepCompleted(StepCompleted {
            step: complete.step.clone(),
            note: complete.note.clone(),
            anomalies,
        })])
    }

    /// What is odd about an imported end. A live dossier has nothing odd: its times ascend.
    fn anomalies_of_the_end(&self, at: Instant) -> Vec<Anomaly> {
        let mut anomalies = Vec::new();
        if self.clock().is_some_and(|clock| at < clock.received_at) {
            anomalies.push(Anomaly::EndedBeforeStart);
        }
        if self.step_times.iter().min().is_some_and(|first| at < *first) {
            anomalies.push(Anomaly::EndedBeforeFirstActivity);
        }
        let after = self.step_times.iter().filter(|step_at| at < **step_at).count();
        if let (1.., Ok(count)) = (after, u32::try_from(after)) {
            anomalies.push(Anomaly::ActivitiesAfterEnd { count });
        }
        anomalies
    }
}
