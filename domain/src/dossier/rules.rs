//! One rule, one function. Sources: docs/legal/rules.md

use super::{
    Appointment, Clock, CompleteStep, Dossier, Filed, Holder, Phase, Receive, Received, Rejection,
    SupplementRequest, WorkingTime,
};
use crate::procedure::ProcedureTerm;
use crate::time::Instant;
use crate::working_time::{self, Term};

/// what is not there cannot be acted on.
pub(super) fn filed(dossier: &Dossier) -> Result<&Filed, Rejection> {
    match dossier {
        Dossier::Filed(filed) => Ok(filed),
        Dossier::Absent => Err(Rejection::NotFiled),
    }
}

/// one stream and one code for life: a dossier is filed once.
pub(super) fn absent(dossier: &Dossier) -> Result<(), Rejection> {
    match dossier {
        Dossier::Absent => Ok(()),
        Dossier::Filed(_) => Err(Rejection::AlreadyFiled),
    }
}

/// business times of live actions ascend. An imported stream keeps the times of its source and marks what is odd.
pub(super) fn time_goes_on(filed: &Filed, at: Instant) -> Result<(), Rejection> {
    if at < filed.last_at && !filed.imported {
        return Err(Rejection::BeforePrevious { previous: filed.last_at });
    }
    Ok(())
}

fn wrong_stage<T>(filed: &Filed, command: &'static str) -> Result<T, Rejection> {
    Err(Rejection::WrongStage { command, stage: filed.stage() })
}

/// checking, refusing and receiving belong to the time before receipt.
pub(super) fn before_receipt(filed: &Filed, command: &'static str) -> Result<(), Rejection> {
    if matches!(filed.phase, Phase::Submitted | Phase::AwaitingIntakeSupplement) {
        return Ok(());
    }
    wrong_stage(filed, command)
}

/// guidance is given in one go; a second request waits for the answer to the first.
pub(super) fn not_waiting_already(filed: &Filed) -> Result<(), Rejection> {
    if matches!(filed.phase, Phase::AwaitingIntakeSupplement) {
        return Err(Rejection::SupplementPending);
    }
    Ok(())
}

/// only what was asked for before receipt can be answered before receipt.
pub(super) fn intake_waits(filed: &Filed) -> Result<(), Rejection> {
    if matches!(filed.phase, Phase::AwaitingIntakeSupplement) {
        return Ok(());
    }
    wrong_stage(filed, "SUPPLY_INTAKE_SUPPLEMENT")
}

/// no processing before receipt, while the clock stands still, or after the end.
pub(super) fn running<'a>(filed: &'a Filed, command: &'static str) -> Result<&'a Clock, Rejection> {
    if let Phase::InProgress { clock, .. } = &filed.phase {
        return Ok(clock);
    }
    wrong_stage(filed, command)
}

/// only a clock that stands still can run again.
pub(super) fn paused(filed: &Filed) -> Result<(&Clock, Instant), Rejection> {
    if let Phase::Paused { clock, since } = &filed.phase {
        return Ok((clock, *since));
    }
    wrong_stage(filed, "RECEIVE_SUPPLEMENT")
}

/// the result is returned after processing ended (9 before 10).
pub(super) fn finished(filed: &Filed) -> Result<(), Rejection> {
    if matches!(filed.phase, Phase::Finished { .. }) {
        return Ok(());
    }
    wrong_stage(filed, "RETURN_RESULT")
}

/// an applicant may withdraw as long as processing has not ended, also while the clock stands still.
pub(super) fn not_ended(filed: &Filed, command: &'static str) -> Result<(), Rejection> {
    match filed.phase {
        Phase::Submitted
        | Phase::AwaitingIntakeSupplement
        | Phase::InProgress { .. }
        | Phase::Paused { .. } => Ok(()),
        Phase::Refused | Phase::Finished { .. } | Phase::Returned { .. } | Phase::Withdrawn { .. } => {
            wrong_stage(filed, command)
        }
    }
}

/// a hand-over goes to somebody else.
pub(super) fn to_somebody_else(filed: &Filed, to: &Holder) -> Result<(), Rejection> {
    if filed.holder.as_ref() == Some(to) {
        return Err(Rejection::AlreadyThere);
    }
    Ok(())
}

/// the due instant is a pure function of receipt, term, calendar and office hours; only where the procedure
/// leaves it to the officer is it entered by hand. An import keeps what its source says.
pub(super) fn receipt(at: Instant, receive: &Receive, imported: bool) -> Result<Received, Rejection> {
    let term = match (&receive.procedure.term, &receive.appointment) {
        (_, Appointment::At(due_at)) if imported => Term::Given(*due_at),
        (_, Appointment::None) if imported => Term::Open,
        (ProcedureTerm::Fixed(term), Appointment::ByProcedure) => *term,
        (ProcedureTerm::Fixed(_), Appointment::At(_) | Appointment::None) => {
            return Err(Rejection::AppointmentFixed);
        }
        (ProcedureTerm::SetAtReceipt, Appointment::ByProcedure) => return Err(Rejection::AppointmentMissing),
        (ProcedureTerm::SetAtReceipt, Appointment::At(due_at)) if *due_at < at => {
            return Err(Rejection::AppointmentBeforeReceipt);
        }
        (ProcedureTerm::SetAtReceipt, Appointment::At(due_at)) => Term::Given(*due_at),
        (ProcedureTerm::SetAtReceipt, Appointment::None) => Term::Open,
    };
    let policy = receive.procedure.due_policy;
    let law = &receive.rules;
    let due_at = match term {
        // The source may say that it was due before it was received; that is not for an import to correct.
        Term::Given(due_at) if imported => Some(due_at),
        Term::WorkingDays(_)
        | Term::HalfDays(_)
        | Term::WorkingHours(_)
        | Term::CalendarDays(_)
        | Term::Given(_)
        | Term::Open => working_time::due_at(at, &term, &law.calendar, &law.office_hours, &policy)?,
    };
    Ok(Received {
        term,
        due_at,
        calendar: law.calendar.version().clone(),
        office_hours: law.office_hours,
        due_policy: policy,
        holder: receive.holder.clone(),
    })
}

/// the time of waiting for a supplement does not count: the due instant moves by the time of the pause, counted in
/// the unit of the term.
pub(super) fn due_after_the_pause(
    clock: &Clock,
    since: Instant,
    at: Instant,
    law: &WorkingTime,
) -> Result<Option<Instant>, Rejection> {
    let Some(due_at) = clock.due_at else { return Ok(None) };
    let (calendar, hours) = (&law.calendar, &law.office_hours);
    Ok(Some(working_time::resume_due(due_at, since, at, &clock.term, calendar, hours)?))
}

/// a dossier goes through the tasks of the procedure version it keeps, in whatever order and as often as needed:
/// a leader may send it back (YEU_CAU_THU_LY_LAI). An import keeps a task that the procedure does not know, and says so.
pub(super) fn task_of_the_procedure(filed: &Filed, complete: &CompleteStep) -> Result<(), Rejection> {
    if complete.procedure.has_task(&complete.step) || filed.imported {
        return Ok(());
    }
    Err(Rejection::UnknownStep { step: complete.step.clone() })
}

/// a supplement is waited for until a time to come.
pub(super) fn answer_lies_ahead(
    filed: &Filed,
    at: Instant,
    request: &SupplementRequest,
) -> Result<(), Rejection> {
    if request.answer_by.is_some_and(|answer_by| answer_by < at) && !filed.imported {
        return Err(Rejection::AnswerBeforeRequest);
    }
    Ok(())
}
