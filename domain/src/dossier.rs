//! Dossier (hồ sơ): one application under one procedure, one stream and one code for life, whoever holds it.
//! Terms: docs/glossary.md. Rules with their sources: docs/legal/rules.md.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `command.rs` | what can be asked |
//! | `event.rs` | what is written, for ever |
//! | `state.rs` | what is folded from it |
//! | `rejection.rs` | why something is refused |
//! | this file | `decide` and `evolve` |

mod command;
mod event;
mod rejection;
mod rules;
mod state;
#[cfg(test)]
mod tests;

pub use command::*;
pub use event::*;
pub use rejection::Rejection;
pub use state::*;

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
            return self.submit(submit);
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
            Self::Absent => match event {
                Event::Submitted(submitted) => Self::Filed(Box::new(Filed::new(at, submitted))),
                Event::IntakeSupplementRequested(_)
                | Event::IntakeSupplementReceived(_)
                | Event::Refused(_)
                | Event::Received(_)
                | Event::Forwarded(_)
                | Event::StepCompleted(_)
                | Event::SupplementRequested(_)
                | Event::SupplementReceived(_)
                | Event::ProcessingFinished(_)
                | Event::ResultReturned(_)
                | Event::Withdrawn(_) => Self::Absent,
            },
            Self::Filed(filed) => Self::Filed(Box::new(filed.evolve(at, event))),
        }
    }
}

impl Dossier {
    fn submit(&self, submit: &Submit) -> Result<Vec<Event>, Rejection> {
        rules::absent(self)?;
        Ok(vec![Event::Submitted(submit.submitted.clone())])
    }

    /// At the counter and by post, entering and being received are one act.
    fn register(&self, at: Instant, register: &Register) -> Result<Vec<Event>, Rejection> {
        rules::absent(self)?;
        let received = rules::receipt(at, &register.receive, register.submitted.imported.is_some())?;
        Ok(vec![Event::Submitted(register.submitted.clone()), Event::Received(received)])
    }
}

impl Filed {
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
            Command::SupplyIntakeSupplement { supply } => {
                rules::intake_waits(self)?;
                Ok(vec![Event::IntakeSupplementReceived(IntakeSupplementReceived { supply: supply.clone() })])
            }
            Command::Refuse { reason } => {
                rules::before_receipt(self, "REFUSE")?;
                Ok(vec![Event::Refused(Refused { reason: reason.clone() })])
            }
            Command::Receive(receive) => {
                rules::before_receipt(self, "RECEIVE")?;
                rules::not_waiting_already(self)?;
                Ok(vec![Event::Received(rules::receipt(at, receive, self.imported)?)])
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
                let (clock, since) = rules::paused(self)?;
                Ok(vec![Event::SupplementReceived(SupplementReceived {
                    supply: supply.clone(),
                    due_at: rules::due_after_the_pause(clock, since, at, law)?,
                    calendar: law.calendar.version().clone(),
                })])
            }
            Command::FinishProcessing { outcome, note } => {
                rules::running(self, "FINISH_PROCESSING")?;
                Ok(vec![Event::ProcessingFinished(ProcessingFinished {
                    outcome: *outcome,
                    note: note.clone(),
                    anomalies: self.anomalies_of_the_end(at),
                })])
            }
            Command::ReturnResult { method, note } => {
                rules::finished(self)?;
                Ok(vec![Event::ResultReturned(ResultReturned { method: *method, note: note.clone() })])
            }
            Command::Withdraw { reason } => {
                rules::not_ended(self, "WITHDRAW")?;
                Ok(vec![Event::Withdrawn(Withdrawn { reason: reason.clone() })])
            }
        }
    }

    fn complete_step(&self, at: Instant, complete: &CompleteStep) -> Result<Vec<Event>, Rejection> {
        rules::running(self, "COMPLETE_STEP")?;
        rules::task_of_the_procedure(self, complete)?;
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
