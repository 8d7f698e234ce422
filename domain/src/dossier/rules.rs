//! One rule, one function. Sources: docs/legal/rules.md

use super::{
    AnswerWithin, Appointment, Approval, Channel, Clock, CompleteStep, Correctable, Dossier, Extend,
    FileAttached, FilePurpose, Filed, Holder, KnownDelegate, Obligation, Outcome, Pause, Phase, Receive,
    Received, RecordPayment, Rejection, RequestObligation, Resumption, Submitted, SupplementRequest,
    WorkingTime,
};
use crate::codes::OrderCode;
use crate::identity::AgencyId;
use crate::procedure::ProcedureTerm;
use crate::time::Instant;
use crate::working_time::{self, DuePolicy, Resume, Term};

/// The most files of a dossier.
const FILES_MAX: usize = 300;
/// Of them for results only: whoever brings papers leaves room for what comes of them.
const FILES_FOR_RESULTS: usize = 50;
const ATTACH_FILE: &str = "ATTACH_FILE";

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
    if matches!(filed.phase, Phase::Submitted { .. } | Phase::AwaitingIntakeSupplement) {
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

/// no processing before receipt, while the clock stands still, on the way to another agency, or after the end.
pub(super) fn running<'a>(filed: &'a Filed, command: &'static str) -> Result<&'a Clock, Rejection> {
    let Phase::InProgress { clock, .. } = &filed.phase else { return wrong_stage(filed, command) };
    if filed.transit.is_some() {
        return Err(Rejection::InTransit);
    }
    Ok(clock)
}

/// only a clock that stands still can run again, and for the reason it stands still for: pauses never overlap.
pub(super) fn paused<'a>(
    filed: &'a Filed,
    command: &'static str,
    for_supplement: bool,
) -> Result<(&'a Clock, Instant), Rejection> {
    match &filed.phase {
        Phase::Paused { clock, since, reason } if (*reason == Pause::Supplement) == for_supplement => {
            Ok((clock, *since))
        }
        Phase::Paused { .. }
        | Phase::Submitted { .. }
        | Phase::AwaitingIntakeSupplement
        | Phase::Refused
        | Phase::InProgress { .. }
        | Phase::Finished { .. }
        | Phase::Returned { .. }
        | Phase::Stopped { .. }
        | Phase::Withdrawn { .. } => wrong_stage(filed, command),
    }
}

/// the result is returned after processing ended (9 before 10).
pub(super) fn finished(filed: &Filed, command: &'static str) -> Result<(), Rejection> {
    if matches!(filed.phase, Phase::Finished { .. }) {
        return Ok(());
    }
    wrong_stage(filed, command)
}

/// what is taken online is here as a file.
pub(super) fn result_is_a_file(filed: &Filed) -> Result<(), Rejection> {
    if filed.has_result_file { Ok(()) } else { Err(Rejection::NoResultFile) }
}

/// only whom somebody has let act for the applicant can be kept from it.
pub(super) fn has_a_delegate(filed: &Filed) -> Result<KnownDelegate, Rejection> {
    filed.delegate.ok_or(Rejection::NoDelegate)
}

/// an applicant may withdraw as long as processing has not ended, also while the clock stands still.
pub(super) fn not_ended(filed: &Filed, command: &'static str) -> Result<(), Rejection> {
    match filed.phase {
        Phase::Submitted { .. }
        | Phase::AwaitingIntakeSupplement
        | Phase::InProgress { .. }
        | Phase::Paused { .. } => Ok(()),
        Phase::Refused
        | Phase::Finished { .. }
        | Phase::Returned { .. }
        | Phase::Stopped { .. }
        | Phase::Withdrawn { .. } => wrong_stage(filed, command),
    }
}

/// a hand-over goes to somebody else of the same agency; another agency has to accept what it is sent.
pub(super) fn to_somebody_else(filed: &Filed, to: &Holder) -> Result<(), Rejection> {
    match &filed.holder {
        Some(holder) if holder.agency != to.agency => Err(Rejection::OtherAgency),
        Some(holder) if holder == to => Err(Rejection::AlreadyThere),
        Some(_) | None => Ok(()),
    }
}

/// to another agency a dossier goes in two acts with times of their own, and the clock goes on: it is sent, and
/// there accepted or sent back.
pub(super) fn to_another_agency(filed: &Filed, to: AgencyId) -> Result<(), Rejection> {
    if filed.holder.as_ref().is_some_and(|holder| holder.agency == to) {
        return Err(Rejection::AlreadyThere);
    }
    Ok(())
}

/// the second act: it is taken, or not, while it is on its way.
pub(super) fn in_transit(filed: &Filed, command: &'static str) -> Result<AgencyId, Rejection> {
    if !matches!(filed.phase, Phase::InProgress { .. }) {
        return wrong_stage(filed, command);
    }
    filed.transit.ok_or(Rejection::NotInTransit)
}

/// who takes it belongs to the agency it was sent to.
pub(super) fn taken_where_it_was_sent(to: AgencyId, holder: &Holder) -> Result<(), Rejection> {
    if holder.agency == to { Ok(()) } else { Err(Rejection::WrongRecipient) }
}

/// what was handed over can be taken back until somebody has begun with it.
pub(super) fn recallable(filed: &Filed) -> Result<(), Rejection> {
    if !matches!(filed.phase, Phase::InProgress { .. }) {
        return wrong_stage(filed, "RECALL");
    }
    if filed.transit.is_none() && filed.handed_over_by.is_none() {
        return Err(Rejection::NothingToRecall);
    }
    Ok(())
}

/// an agency is asked once at a time.
pub(super) fn not_asked_already(filed: &Filed, from: AgencyId) -> Result<(), Rejection> {
    if filed.opinions.iter().any(|opinion| opinion.from == from) {
        return Err(Rejection::OpinionPending);
    }
    Ok(())
}

/// only what was asked is answered; after the end of processing nothing is.
pub(super) fn opinion_is_waited_for(filed: &Filed, opinion: u32) -> Result<(), Rejection> {
    if !matches!(filed.phase, Phase::InProgress { .. } | Phase::Paused { .. }) {
        return wrong_stage(filed, "GIVE_OPINION");
    }
    if filed.opinions.iter().all(|pending| pending.number != opinion) {
        return Err(Rejection::UnknownOpinion { opinion });
    }
    Ok(())
}

/// a decision is proposed, approved, signed and issued in this order.
pub(super) fn approval_is(
    filed: &Filed,
    has_to_be: &'static str,
    is_there: fn(Approval) -> bool,
) -> Result<(), Rejection> {
    if is_there(filed.approval) {
        return Ok(());
    }
    Err(Rejection::ApprovalNotThere { is: filed.approval.name(), has_to_be })
}

/// processing ends with what was approved; a procedure that takes no such steps ends without them.
pub(super) fn ends_as_decided(filed: &Filed, outcome: Outcome) -> Result<(), Rejection> {
    match filed.approval {
        Approval::None => Ok(()),
        Approval::Proposed(_) => {
            Err(Rejection::ApprovalNotThere { is: filed.approval.name(), has_to_be: "APPROVED" })
        }
        Approval::Approved(decided) | Approval::Signed(decided) | Approval::Issued(decided) => {
            if decided == outcome { Ok(()) } else { Err(Rejection::OutcomeDiffers { proposed: decided }) }
        }
    }
}

/// an obligation is about money, and there is one of a kind at a time.
pub(super) fn obligation_is_new(filed: &Filed, request: &RequestObligation) -> Result<(), Rejection> {
    if request.amount_vnd == 0 {
        return Err(Rejection::AmountMissing);
    }
    let pending = filed
        .finance
        .obligations
        .iter()
        .any(|known| known.kind == request.kind && 0 < known.outstanding_vnd());
    if pending { Err(Rejection::ObligationPending) } else { Ok(()) }
}

/// one asks for money from when the dossier is there until the result is handed out; the clock can stand still
/// for it only while it runs.
pub(super) fn may_ask_for_money(filed: &Filed, stops_clock: bool) -> Result<(), Rejection> {
    const COMMAND: &str = "REQUEST_OBLIGATION";
    if stops_clock {
        return running(filed, COMMAND).map(|_| ());
    }
    match filed.phase {
        Phase::Submitted { .. }
        | Phase::InProgress { .. }
        | Phase::Paused { .. }
        | Phase::Finished { .. } => Ok(()),
        Phase::AwaitingIntakeSupplement
        | Phase::Refused
        | Phase::Returned { .. }
        | Phase::Stopped { .. }
        | Phase::Withdrawn { .. } => wrong_stage(filed, COMMAND),
    }
}

/// an order is recorded once: the same message again is no news, another under its number is refused, as what was paid
/// by another method is other money. Money that has come in is recorded at whatever stage, also beyond what was asked for.
pub(super) fn order_is_new(filed: &Filed, payment: &RecordPayment) -> Result<bool, Rejection> {
    if payment.amount_vnd == 0 {
        return Err(Rejection::AmountMissing);
    }
    if filed.finance.obligation(payment.obligation).is_none() {
        return Err(Rejection::UnknownObligation { obligation: payment.obligation });
    }
    match filed.finance.payment(&payment.order) {
        None => Ok(true),
        Some((obligation, known))
            if obligation == payment.obligation
                && known.amount_vnd == payment.amount_vnd
                && known.method == payment.method =>
        {
            Ok(false)
        }
        Some(_) => Err(Rejection::OrderDiffers),
    }
}

/// only what is due can be waived.
pub(super) fn something_is_due(filed: &Filed, obligation: u32) -> Result<(), Rejection> {
    match filed.finance.obligation(obligation) {
        None => Err(Rejection::UnknownObligation { obligation }),
        Some(known) if known.outstanding_vnd() == 0 => Err(Rejection::NothingDue { obligation }),
        Some(_) => Ok(()),
    }
}

/// through a gateway is paid what is due, as long as the dossier is not refused, stopped or withdrawn.
pub(super) fn payable(filed: &Filed, obligation: u32) -> Result<u64, Rejection> {
    something_is_due(filed, obligation)?;
    if is_over(filed) {
        return wrong_stage(filed, "START_PAYMENT");
    }
    Ok(filed.finance.obligation(obligation).map_or(0, Obligation::outstanding_vnd))
}

/// Nobody is asked for money any more, and what comes in goes back.
fn is_over(filed: &Filed) -> bool {
    match filed.phase {
        Phase::Refused | Phase::Stopped { .. } | Phase::Withdrawn { .. } => true,
        Phase::Submitted { .. }
        | Phase::AwaitingIntakeSupplement
        | Phase::InProgress { .. }
        | Phase::Paused { .. }
        | Phase::Finished { .. }
        | Phase::Returned { .. } => false,
    }
}

/// how much of a payment nothing was due for: all of it once the dossier is over or the obligation waived, else
/// what is beyond the amount.
pub(super) fn surplus(filed: &Filed, order: &OrderCode) -> u64 {
    let Some((number, payment)) = filed.finance.payment(order) else { return 0 };
    let Some(obligation) = filed.finance.obligation(number) else { return 0 };
    if payment.refunded {
        return 0;
    }
    if obligation.waived || is_over(filed) {
        return payment.amount_vnd;
    }
    obligation.paid_vnd().saturating_sub(obligation.amount_vnd).min(payment.amount_vnd)
}

/// what came in goes back once.
pub(super) fn order_can_be_refunded(filed: &Filed, order: &OrderCode) -> Result<(), Rejection> {
    match filed.finance.payment(order) {
        None => Err(Rejection::UnknownOrder),
        Some((_, payment)) if payment.refunded => Err(Rejection::AlreadyRefunded),
        Some(_) => Ok(()),
    }
}

/// the result is handed out when everything is paid or waived.
pub(super) fn nothing_is_due(filed: &Filed) -> Result<(), Rejection> {
    match filed.finance.outstanding_vnd() {
        0 => Ok(()),
        amount_vnd => Err(Rejection::PaymentDue { amount_vnd }),
    }
}

/// an apology promises a later day, after now, and as often as the procedure allows: once by default. Also for a
/// dossier that is overdue already.
pub(super) fn extension(filed: &Filed, clock: &Clock, at: Instant, extend: &Extend) -> Result<(), Rejection> {
    let Some(due_at) = clock.due_at else { return Err(Rejection::NoAppointment) };
    if extend.extensions_max <= filed.extensions {
        return Err(Rejection::ExtendedAlready { extensions: filed.extensions });
    }
    if extend.due_at <= due_at.max(at) {
        return Err(Rejection::ExtensionNotLater { due_at });
    }
    Ok(())
}

/// processing can be stopped after receipt, as long as no decision is signed.
pub(super) fn not_decided(filed: &Filed) -> Result<(), Rejection> {
    if !matches!(filed.phase, Phase::InProgress { .. } | Phase::Paused { .. }) {
        return wrong_stage(filed, "STOP");
    }
    match filed.approval {
        Approval::None | Approval::Proposed(_) | Approval::Approved(_) => Ok(()),
        Approval::Signed(_) | Approval::Issued(_) => Err(Rejection::Decided),
    }
}

/// a mistake is taken back by a further event, as long as the office has done nothing else since.
pub(super) fn mistake(filed: &Filed) -> Result<Correctable, Rejection> {
    filed.correctable.as_ref().map(|(what, _)| *what).ok_or(Rejection::NothingToCorrect)
}

/// what an agency leaves undone goes to its successor, also while the clock stands still or the result waits to be
/// collected; what is closed stays under the name it was closed under.
pub(super) fn still_open(filed: &Filed, command: &'static str) -> Result<(), Rejection> {
    match &filed.phase {
        Phase::Submitted { .. }
        | Phase::AwaitingIntakeSupplement
        | Phase::InProgress { .. }
        | Phase::Paused { .. }
        | Phase::Finished { .. } => Ok(()),
        Phase::Refused | Phase::Returned { .. } | Phase::Stopped { .. } | Phase::Withdrawn { .. } => {
            wrong_stage(filed, command)
        }
    }
}

/// online one submits, and the office receives; at the counter and by post both are one act. An import keeps the
/// channel of its source.
pub(super) fn enters_by(submitted: &Submitted, online: bool) -> Result<(), Rejection> {
    let is_online = submitted.channel == Channel::Online;
    if is_online == online || submitted.imported.is_some() {
        return Ok(());
    }
    Err(Rejection::WrongChannel { channel: submitted.channel })
}

/// an online submission is to be answered within working hours that are counted from it; where no calendar
/// reaches that far, nothing is promised.
pub(super) fn answer_by(at: Instant, within: Option<&AnswerWithin>) -> Option<Instant> {
    let AnswerWithin { working_hours, rules } = within?;
    let (term, policy) = (Term::WorkingHours(*working_hours), DuePolicy::default());
    working_time::due_at(at, &term, &rules.calendar, &rules.office_hours, &policy).ok().flatten()
}

/// papers are digitised at whatever time, also after the result; of what was refused or withdrawn nothing is kept.
pub(super) fn takes_files(filed: &Filed) -> Result<(), Rejection> {
    match filed.phase {
        Phase::Submitted { .. }
        | Phase::AwaitingIntakeSupplement
        | Phase::InProgress { .. }
        | Phase::Paused { .. }
        | Phase::Finished { .. }
        | Phase::Returned { .. }
        | Phase::Stopped { .. } => Ok(()),
        Phase::Refused | Phase::Withdrawn { .. } => wrong_stage(filed, ATTACH_FILE),
    }
}

/// there is a result of what was received, and none of what was stopped.
pub(super) fn may_have_a_result(filed: &Filed, purpose: FilePurpose) -> Result<(), Rejection> {
    match (purpose, &filed.phase) {
        (FilePurpose::Paper, _)
        | (
            FilePurpose::Result,
            Phase::InProgress { .. } | Phase::Paused { .. } | Phase::Finished { .. } | Phase::Returned { .. },
        ) => Ok(()),
        (
            FilePurpose::Result,
            Phase::Submitted { .. }
            | Phase::AwaitingIntakeSupplement
            | Phase::Refused
            | Phase::Stopped { .. }
            | Phase::Withdrawn { .. },
        ) => wrong_stage(filed, ATTACH_FILE),
    }
}

/// a digitised paper says which paper of the procedure it is.
pub(super) fn paper_is_named(file: &FileAttached) -> Result<(), Rejection> {
    match (file.purpose, &file.paper) {
        (FilePurpose::Paper, None) => Err(Rejection::PaperNotNamed),
        (FilePurpose::Paper, Some(_)) | (FilePurpose::Result, _) => Ok(()),
    }
}

/// a dossier has a bounded number of files, and room for its results whatever was brought.
pub(super) fn room_for_another_file(filed: &Filed, purpose: FilePurpose) -> Result<(), Rejection> {
    let most = match purpose {
        FilePurpose::Paper => FILES_MAX - FILES_FOR_RESULTS,
        FilePurpose::Result => FILES_MAX,
    };
    if filed.files.len() < most { Ok(()) } else { Err(Rejection::TooManyFiles { most }) }
}

/// a file is attached once: the same again is no news.
pub(super) fn file_is_new(filed: &Filed, file: &FileAttached) -> bool {
    !filed.files.contains(&file.file)
}

/// the due instant is a pure function of receipt, term, calendar and office hours; only where the procedure
/// leaves it to the officer is it entered by hand. A procedure may give another term to what is filed online. An import
/// keeps what its source says.
pub(super) fn receipt(
    at: Instant,
    receive: &Receive,
    submitted_online: bool,
    imported: bool,
) -> Result<Received, Rejection> {
    let procedure = &receive.procedure;
    let by_procedure = procedure.online_term.as_ref().filter(|_| submitted_online).unwrap_or(&procedure.term);
    let term = match (by_procedure, &receive.appointment) {
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

/// the time of waiting for a supplement, a payment or another reason of the list does not count. How, the
/// procedure says: the due instant moves by the time of the pause, counted in the unit of the term (R1); the term starts
/// afresh (R3); or the promise stays and only the measure moves (R4).
pub(super) fn after_the_pause(
    clock: &Clock,
    since: Instant,
    at: Instant,
    law: &WorkingTime,
) -> Result<Resumption, Rejection> {
    let (calendar, hours) = (&law.calendar, &law.office_hours);
    let moved = |due_at: Option<Instant>| {
        due_at
            .map(|due_at| working_time::resume_due(due_at, since, at, &clock.term, calendar, hours))
            .transpose()
    };
    let (due_at, legal_due_at) = match (clock.policy.resume, &clock.term) {
        (Resume::Shift, _) | (Resume::Restart, Term::Given(_) | Term::Open) => {
            (moved(clock.due_at)?, moved(clock.legal_due_at)?)
        }
        (
            Resume::Restart,
            Term::WorkingDays(_) | Term::HalfDays(_) | Term::WorkingHours(_) | Term::CalendarDays(_),
        ) => {
            let due_at = working_time::due_at(at, &clock.term, calendar, hours, &clock.policy)?;
            (due_at, due_at)
        }
        (Resume::StatisticsOnly, _) => (clock.due_at, moved(clock.legal_due_at)?),
    };
    Ok(Resumption {
        due_at,
        legal_due_at: legal_due_at.filter(|legal| Some(*legal) != due_at),
        calendar: calendar.version().clone(),
    })
}

/// a dossier goes through the tasks of the procedure version it keeps, in whatever order and as often as needed:
/// a leader may send it back (YEU_CAU_THU_LY_LAI). An import keeps a task that the procedure does not know, and says so.
pub(super) fn task_of_the_procedure(filed: &Filed, complete: &CompleteStep) -> Result<(), Rejection> {
    if complete.procedure.has_task(&complete.step) || filed.imported {
        return Ok(());
    }
    Err(Rejection::UnknownStep { step: complete.step.clone() })
}

/// a task that joins branches waits until each of them has come to its end. An import keeps what its source says.
pub(super) fn branches_joined(filed: &Filed, complete: &CompleteStep) -> Result<(), Rejection> {
    let awaited = complete.procedure.awaited_by(&complete.step);
    match awaited.into_iter().find(|awaited| !filed.done.contains(awaited)) {
        Some(awaited) if !filed.imported => Err(Rejection::BranchPending { awaited: awaited.clone() }),
        Some(_) | None => Ok(()),
    }
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
