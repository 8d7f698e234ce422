//! When each task of a dossier is due, beside the whole: from the times that the procedure gives its tasks.

use std::sync::Arc;

use super::{Correctable, Event, Received, Resumed, SupplementReceived};
use crate::calendar::{Calendar, CalendarVersion};
use crate::codes::StepCode;
use crate::procedure::{Definition, Task};
use crate::time::Instant;
use crate::working_time::{self, Resume, Term};

/// A task of the procedure version that a dossier keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub task: StepCode,
    pub name: String,
    /// The group of officers that does it.
    pub group: String,
    /// `None` where the procedure gives the task no time, or no calendar reaches that far.
    pub due_at: Option<Instant>,
    /// When it was done last.
    pub done_at: Option<Instant>,
    /// With it the tax notice is due: the other appointment of land dossiers.
    pub is_notice: bool,
}

/// a task is due when the half-days of all tasks up to it have passed since the receipt. Pauses move it as they
/// move the whole, as long as it is not done. Empty before receipt.
pub fn schedule<'a>(
    history: impl IntoIterator<Item = (Instant, &'a Event)>,
    definition: &Definition,
    calendars: &dyn Fn(&CalendarVersion) -> Arc<Calendar>,
) -> Vec<Planned> {
    let mut planned: Vec<Planned> = Vec::new();
    let mut started: Option<(Instant, &Received)> = None;
    let mut paused_at = None;
    for (at, event) in history {
        match event {
            Event::Received(received) => {
                started = Some((at, received));
                planned = from_the_beginning(at, received, definition, &calendars(&received.calendar));
            }
            Event::StepCompleted(completed) => {
                let done = planned.iter_mut().find(|planned| planned.task == completed.step);
                if let Some(planned) = done {
                    planned.done_at = Some(at);
                }
            }
            Event::Corrected(corrected) if corrected.what == Correctable::StepCompleted => {
                // The one that was done last; it may have been done before, which is not told here.
                if let Some(planned) = planned.iter_mut().max_by_key(|planned| planned.done_at) {
                    planned.done_at = None;
                }
            }
            Event::SupplementRequested(_) | Event::Paused(_) => paused_at = Some(at),
            Event::SupplementReceived(SupplementReceived { clock, .. })
            | Event::Resumed(Resumed { clock, .. }) => {
                if let (Some(since), Some((_, received))) = (paused_at.take(), started) {
                    let calendar = calendars(&clock.calendar);
                    after_the_pause(&mut planned, (since, at), received, definition, &calendar);
                }
            }
            Event::Submitted(_)
            | Event::IntakeSupplementRequested(_)
            | Event::IntakeSupplementReceived(_)
            | Event::Refused(_)
            | Event::Forwarded(_)
            | Event::ProcessingFinished(_)
            | Event::ResultReturned(_)
            | Event::Withdrawn(_)
            | Event::Sent(_)
            | Event::Accepted(_)
            | Event::SentBack(_)
            | Event::Recalled(_)
            | Event::OpinionRequested(_)
            | Event::OpinionGiven(_)
            | Event::Proposed(_)
            | Event::Approved(_)
            | Event::ReworkRequested(_)
            | Event::Signed(_)
            | Event::Issued(_)
            | Event::ObligationRequested(_)
            | Event::PaymentRecorded(_)
            | Event::ObligationWaived(_)
            | Event::PaymentRefunded(_)
            | Event::Extended(_)
            | Event::Stopped(_)
            | Event::ApplicantNotified(_)
            | Event::CarriedOver(_)
            | Event::DelegateNamed(_)
            | Event::DelegateRemoved(_)
            | Event::FileAttached(_)
            | Event::Corrected(_) => {}
        }
    }
    planned
}

fn from_the_beginning(
    at: Instant,
    received: &Received,
    definition: &Definition,
    calendar: &Calendar,
) -> Vec<Planned> {
    let task = |code: &StepCode| {
        definition
            .steps
            .iter()
            .flat_map(|step| step.tasks.iter().map(move |task| (step, task)))
            .find(|(_, task)| task.code == *code)
    };
    let mut half_days = 0_u32;
    definition
        .way()
        .into_iter()
        .filter_map(task)
        .map(|(step, task): (_, &Task)| {
            half_days = half_days.saturating_add(task.half_days.unwrap_or(0));
            let term = Term::HalfDays(half_days);
            let (hours, policy) = (&received.office_hours, &received.due_policy);
            let due_at = task
                .half_days
                .and_then(|_| working_time::due_at(at, &term, calendar, hours, policy).ok().flatten());
            Planned {
                task: task.code.clone(),
                name: task.name.clone(),
                group: step.group.clone(),
                due_at,
                done_at: None,
                is_notice: definition.policies.notice_after.as_ref() == Some(&task.code),
            }
        })
        .collect()
}

fn after_the_pause(
    planned: &mut [Planned],
    (since, until): (Instant, Instant),
    received: &Received,
    definition: &Definition,
    calendar: &Calendar,
) {
    let restarted = match received.due_policy.resume {
        Resume::Restart => from_the_beginning(until, received, definition, calendar),
        Resume::Shift | Resume::StatisticsOnly => Vec::new(),
    };
    for planned in planned.iter_mut().filter(|planned| planned.done_at.is_none()) {
        planned.due_at = match received.due_policy.resume {
            Resume::Shift => planned.due_at.and_then(|due_at| {
                let (term, hours) = (Term::HalfDays(0), &received.office_hours);
                working_time::resume_due(due_at, since, until, &term, calendar, hours).ok()
            }),
            Resume::Restart => {
                restarted.iter().find(|again| again.task == planned.task).and_then(|again| again.due_at)
            }
            Resume::StatisticsOnly => planned.due_at,
        };
    }
}
