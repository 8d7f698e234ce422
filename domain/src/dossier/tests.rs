use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::access::{Denial, Function, Principal, Scope};
use crate::calendar::{Calendar, CalendarError};
use crate::decider::{Rejection as _, StoredEvent, fold};
use crate::private::{KeyOwner, Private};
use crate::procedure::{Definition, ProcedureTerm};
use crate::testing::*;
use crate::working_time::{DueError, DuePolicy, OfficeHours, Term};

mod acts;
mod applicants;
mod edges;
mod files;
mod life_cycle;
mod recount;
mod standing;
mod succession;

/// A Monday; the appointment after ten working days is Monday 20/5 at 17:00 (DOMAIN §5.4).
const MONDAY: &str = "2024-05-06 09:00";

type History = Vec<(Instant, Event)>;

fn online() -> History {
    decided::<Dossier>([(at(MONDAY), submit(submitted(1, at(MONDAY))))])
}

fn then(mut history: History, next: impl IntoIterator<Item = (&'static str, Command)>) -> History {
    for (when, command) in next {
        let state: Dossier = fold(history.iter().map(|(at, event)| (*at, event)));
        let events = state.decide(at(when), &command).unwrap_or_else(|refusal| panic!("{when}: {refusal}"));
        history.extend(events.into_iter().map(|event| (at(when), event)));
    }
    history
}

fn received_on_monday() -> History {
    then(online(), [(MONDAY, receive(&ten_days()))])
}

/// In the hand of an officer of the competent agency, who has taken it.
fn at_the_desk() -> History {
    let line = [("2024-05-07 16:00", send(competent())), ("2024-05-08 09:00", accept(desk_of(officer(3))))];
    then(received_on_monday(), line)
}

fn filed(history: History) -> Filed {
    match given::<Dossier>(history).state() {
        Dossier::Filed(filed) => *filed,
        Dossier::Absent => panic!("nothing is filed"),
    }
}

fn receipt(due_at: Option<&str>) -> Received {
    Received {
        term: Term::WorkingDays(10),
        due_at: due_at.map(at),
        calendar: Calendar::built_in().version().clone(),
        office_hours: OfficeHours::default(),
        due_policy: DuePolicy::default(),
        holder: counter(),
    }
}

// The main line.

#[test]
fn a_dossier_submitted_online_waits_for_receipt_without_a_clock() {
    given::<Dossier>([])
        .when(at(MONDAY), submit(submitted(1, at(MONDAY))))
        .then([Event::Submitted(submitted(1, at(MONDAY)))]);
    let filed = filed(online());
    assert_eq!((filed.stage(), filed.clock(), filed.holder.as_ref()), (Stage::Submitted, None, None));
}

#[test]
fn receipt_starts_the_clock_and_gives_the_appointment() {
    given::<Dossier>(online())
        .when(at(MONDAY), receive(&ten_days()))
        .then([Event::Received(receipt(Some("2024-05-20 17:00")))]);
    let filed = filed(received_on_monday());
    let due_at = Some(at("2024-05-20 17:00"));
    let term = Term::WorkingDays(10);
    let policy = DuePolicy::default();
    let clock = Clock {
        received_at: at(MONDAY),
        term,
        policy,
        due_at_original: due_at,
        legal_due_at: due_at,
        due_at,
    };
    assert_eq!((filed.stage(), filed.clock()), (Stage::Received, Some(&clock)));
    assert_eq!(filed.holder, Some(counter()));
}

#[test]
fn what_is_filed_online_may_have_another_term() {
    let online_term = Some(ProcedureTerm::Fixed(Term::WorkingDays(5)));
    let procedure = Arc::new(Definition { online_term, ..(*ten_days()).clone() });
    let received = then(online(), [(MONDAY, receive(&procedure))]);
    assert_eq!(filed(received).clock().unwrap().due_at, Some(at("2024-05-13 17:00")));
    let register = register(at_the_counter(1, at(MONDAY)), receipt_under(&procedure));
    let received = then(Vec::new(), [(MONDAY, register)]);
    assert_eq!(filed(received).clock().unwrap().due_at, Some(at("2024-05-20 17:00")));
}

#[test]
fn at_the_counter_filing_and_receipt_are_one_act() {
    given::<Dossier>([])
        .when(at(MONDAY), register(at_the_counter(1, at(MONDAY)), receipt_under(&ten_days())))
        .then([
            Event::Submitted(at_the_counter(1, at(MONDAY))),
            Event::Received(receipt(Some("2024-05-20 17:00"))),
        ]);
}

#[test]
fn the_main_line_passes_through_the_national_states_in_order() {
    let procedure = ten_days();
    let line = [
        ("2024-05-06 10:00", receive(&procedure)),
        ("2024-05-06 10:00", complete_step("BAN_GIAO", &procedure)),
        ("2024-05-06 14:00", send(competent())),
        ("2024-05-06 15:00", accept(desk_of(officer(3)))),
        ("2024-05-10 15:00", complete_step("THU_LY", &procedure)),
        ("2024-05-14 09:00", complete_step("XET_DUYET", &procedure)),
        ("2024-05-15 16:30", finish_processing()),
        ("2024-05-27 08:00", return_result()),
    ];
    let mut history = online();
    let mut national_codes = vec![filed(history.clone()).stage().national_code()];
    for step in line {
        history = then(history, [step]);
        national_codes.push(filed(history.clone()).stage().national_code());
    }
    assert_eq!(national_codes, [1, 2, 4, 4, 4, 4, 4, 9, 10]);
    // Collected late, but processed on time: the clock ended with the processing.
    let Phase::Returned { clock, at: ended_at, outcome: Outcome::Granted, .. } = filed(history).phase else {
        panic!("not returned");
    };
    assert_eq!((ended_at, clock.due_at), (at("2024-05-15 16:30"), Some(at("2024-05-20 17:00"))));
}

#[test]
fn a_hand_over_does_not_restart_the_clock() {
    let before = filed(received_on_monday());
    let after = filed(at_the_desk());
    assert_eq!(after.clock(), before.clock());
    assert_eq!(after.holder, Some(desk_of(officer(3))));
    assert_eq!(after.stage(), Stage::InProgress);
}

#[test]
fn a_dossier_that_is_not_granted_is_finished_not_refused() {
    let declined = Command::FinishProcessing { outcome: Outcome::Declined, note: None };
    let history = then(received_on_monday(), [("2024-05-08 09:00", declined)]);
    assert_eq!(filed(history).stage(), Stage::Finished);
}

// Supplements.

#[test]
fn a_supplement_before_receipt_has_no_clock_to_stop() {
    given::<Dossier>(online())
        .when(at("2024-05-06 10:00"), request_intake_supplement())
        .then([Event::IntakeSupplementRequested(IntakeSupplementRequested { request: missing_papers() })]);
    let waiting = then(online(), [("2024-05-06 10:00", request_intake_supplement())]);
    assert_eq!(filed(waiting.clone()).stage(), Stage::AwaitingIntakeSupplement);
    assert_eq!(filed(waiting.clone()).clock(), None);
    given::<Dossier>(waiting.clone()).when(at("2024-05-09 10:00"), supply_intake_supplement()).then([
        Event::IntakeSupplementReceived(IntakeSupplementReceived {
            supply: missing_papers_brought(),
            answer_by: None,
        }),
    ]);
    // The term counts from the receipt, whatever was waited for before.
    let supplied = then(waiting, [("2024-05-09 10:00", supply_intake_supplement())]);
    assert_eq!(filed(supplied.clone()).stage(), Stage::Submitted);
    let received = then(supplied, [("2024-05-09 10:05", receive(&ten_days()))]);
    assert_eq!(filed(received).clock().unwrap().due_at, Some(at("2024-05-23 17:00")));
}

#[test]
fn a_supplement_before_receipt_can_be_asked_for_again() {
    let history = then(
        online(),
        [
            ("2024-05-06 10:00", request_intake_supplement()),
            ("2024-05-07 10:00", supply_intake_supplement()),
            ("2024-05-08 10:00", request_intake_supplement()),
            ("2024-05-09 10:00", supply_intake_supplement()),
        ],
    );
    assert_eq!(filed(history).stage(), Stage::Submitted);
}

#[test]
fn a_supplement_after_receipt_stops_the_clock_and_moves_the_due_instant() {
    // DOMAIN §5.4: asked on Thursday 9/5, answered on Tuesday 14/5; paused working days 9, 10 and 13/5.
    let paused = then(received_on_monday(), [("2024-05-09 15:00", request_supplement())]);
    let Phase::Paused { clock, since, .. } = filed(paused.clone()).phase else { panic!("not paused") };
    assert_eq!((since, clock.due_at), (at("2024-05-09 15:00"), Some(at("2024-05-20 17:00"))));
    given::<Dossier>(paused.clone()).when(at("2024-05-14 08:00"), receive_supplement()).then([
        Event::SupplementReceived(SupplementReceived {
            supply: missing_papers_brought(),
            clock: Resumption {
                due_at: Some(at("2024-05-23 17:00")),
                legal_due_at: None,
                calendar: Calendar::built_in().version().clone(),
            },
        }),
    ]);
    let resumed = filed(then(paused, [("2024-05-14 08:00", receive_supplement())]));
    let clock = resumed.clock().unwrap();
    assert_eq!(clock.due_at_original, Some(at("2024-05-20 17:00")));
    assert_eq!(clock.due_at, Some(at("2024-05-23 17:00")));
    assert_eq!(resumed.stage(), Stage::InProgress);
}

#[test]
fn pauses_add_up() {
    let history = then(
        received_on_monday(),
        [
            ("2024-05-09 15:00", request_supplement()),
            ("2024-05-14 08:00", receive_supplement()), // three working days
            ("2024-05-17 08:00", request_supplement()),
            ("2024-05-21 08:00", receive_supplement()), // 17 and 20/5
        ],
    );
    let clock = filed(history).clock().cloned().unwrap();
    assert_eq!(clock.due_at_original, Some(at("2024-05-20 17:00")));
    assert_eq!(clock.due_at, Some(at("2024-05-27 17:00")));
}

#[test]
fn a_pause_across_tet_counts_working_days_only() {
    // Received on Friday 2/2/2024, five working days: 15/2 has the fourth, 16/2 the fifth (8-14/2 off).
    let procedure = Arc::new(definition(ProcedureTerm::Fixed(Term::WorkingDays(5))));
    let line = [
        ("2024-02-02 09:00", register(at_the_counter(1, at("2024-02-02 09:00")), receipt_under(&procedure))),
        ("2024-02-07 09:00", request_supplement()),
        ("2024-02-16 09:00", receive_supplement()), // paused 7 and 15/2
    ];
    let clock = filed(then(Vec::new(), line)).clock().cloned().unwrap();
    assert_eq!(clock.due_at_original, Some(at("2024-02-16 17:00")));
    assert_eq!(clock.due_at, Some(at("2024-02-20 17:00")));
}

#[test]
fn without_an_appointment_a_pause_moves_nothing() {
    let procedure = Arc::new(definition(ProcedureTerm::Fixed(Term::Open)));
    let line = [
        (MONDAY, receive(&procedure)),
        ("2024-05-09 15:00", request_supplement()),
        ("2024-05-14 08:00", receive_supplement()),
    ];
    assert_eq!(filed(then(online(), line)).clock().unwrap().due_at, None);
}

// The ways out.

#[test]
fn an_applicant_may_withdraw_while_the_clock_stands_still() {
    let paused = then(received_on_monday(), [("2024-05-09 15:00", request_supplement())]);
    let withdrawn = filed(then(paused, [("2024-05-10 08:00", withdraw())]));
    assert_eq!(withdrawn.stage(), Stage::Withdrawn);
    // It had been received, so it counts in the statistics.
    assert_eq!(withdrawn.clock().map(|clock| clock.received_at), Some(at(MONDAY)));
}

#[test]
fn withdrawn_before_receipt_it_never_had_a_clock() {
    let withdrawn = filed(then(online(), [("2024-05-06 10:00", withdraw())]));
    assert_eq!((withdrawn.stage(), withdrawn.clock()), (Stage::Withdrawn, None));
    assert_eq!(withdrawn.stage().national_code(), 7);
}

#[test]
fn a_refusal_at_intake_has_a_reason_and_is_not_a_withdrawal() {
    given::<Dossier>(online())
        .when(at("2024-05-06 10:00"), refuse())
        .then([Event::Refused(Refused { reason: open("Không thuộc thẩm quyền") })]);
    // Also when the supplement never came.
    let waiting = then(online(), [("2024-05-06 10:00", request_intake_supplement())]);
    let refused = filed(then(waiting, [("2024-06-06 10:00", refuse())]));
    assert_eq!(refused.stage().national_code(), 3);
}

// The appointment.

#[test]
fn an_officer_sets_the_appointment_where_the_procedure_leaves_it_open() {
    let procedure = Arc::new(definition(ProcedureTerm::SetAtReceipt));
    let receive = |appointment| Command::Receive(Receive { appointment, ..receipt_under(&procedure) });
    let due_at = at("2024-07-01 17:00");
    given::<Dossier>(online())
        .when(at(MONDAY), receive(Appointment::At(due_at)))
        .then([Event::Received(Received { term: Term::Given(due_at), ..receipt(Some("2024-07-01 17:00")) })]);
    given::<Dossier>(online())
        .when(at(MONDAY), receive(Appointment::None))
        .then([Event::Received(Received { term: Term::Open, ..receipt(None) })]);
}

#[test]
fn a_procedure_without_an_appointment_gives_none() {
    let procedure = Arc::new(definition(ProcedureTerm::Fixed(Term::Open)));
    given::<Dossier>(online())
        .when(at(MONDAY), receive(&procedure))
        .then([Event::Received(Received { term: Term::Open, ..receipt(None) })]);
}

#[test]
fn the_policy_of_the_procedure_is_written_down_with_the_due_instant() {
    let due_policy =
        DuePolicy { day_term_due: crate::working_time::DayTermDue::SameClockTime, ..Default::default() };
    let procedure = Arc::new(Definition { due_policy, ..(*ten_days()).clone() });
    given::<Dossier>(online())
        .when(at(MONDAY), receive(&procedure))
        .then([Event::Received(Received { due_policy, ..receipt(Some("2024-05-20 09:00")) })]);
}

#[test]
fn a_make_up_saturday_is_a_due_date() {
    let procedure = Arc::new(definition(ProcedureTerm::Fixed(Term::WorkingDays(1))));
    let line = [(
        "2019-01-04 09:00",
        register(at_the_counter(1, at("2019-01-04 09:00")), receipt_under(&procedure)),
    )];
    assert_eq!(filed(then(Vec::new(), line)).clock().unwrap().due_at, Some(at("2019-01-05 17:00")));
}

#[test]
fn a_dossier_keeps_its_code_procedure_version_and_agencies() {
    let history = then(at_the_desk(), [("2024-05-09 09:00", finish_processing())]);
    let (filed, submitted) = (filed(history), submitted(1, at(MONDAY)));
    assert_eq!(filed.code, submitted.code);
    assert_eq!(filed.procedure, submitted.procedure);
    assert_eq!(filed.agencies, submitted.agencies);
}

#[test]
fn a_step_is_judged_by_the_version_that_the_dossier_keeps() {
    // The version in force now has no task any more; the one of the dossier has.
    let later = Arc::new(Definition { steps: Vec::new(), ..(*ten_days()).clone() });
    let dossier = given::<Dossier>(received_on_monday());
    let completed = StepCompleted { step: step_code("THU_LY"), note: None, anomalies: Vec::new() };
    dossier
        .when(at("2024-05-08 09:00"), complete_step("THU_LY", &ten_days()))
        .then([Event::StepCompleted(completed)]);
    dossier
        .when(at("2024-05-08 09:00"), complete_step("THU_LY", &later))
        .rejected(Rejection::UnknownStep { step: step_code("THU_LY") });
}

#[test]
fn a_task_may_be_done_again() {
    // A leader sends the dossier back: YEU_CAU_THU_LY_LAI.
    let procedure = ten_days();
    let history = then(
        received_on_monday(),
        [
            ("2024-05-08 09:00", complete_step("THU_LY", &procedure)),
            ("2024-05-09 09:00", complete_step("XET_DUYET", &procedure)),
            ("2024-05-10 09:00", complete_step("THU_LY", &procedure)),
        ],
    );
    assert_eq!(history.len(), 5);
}

// Refusals.

/// A history that leads to the stage.
fn history_to(stage: Stage) -> History {
    let received = received_on_monday;
    let later = "2024-05-07 09:00";
    match stage {
        Stage::Submitted => online(),
        Stage::AwaitingIntakeSupplement => then(online(), [(later, request_intake_supplement())]),
        Stage::Refused => then(online(), [(later, refuse())]),
        Stage::Received => received(),
        Stage::InProgress => then(received(), [(later, complete_step("BAN_GIAO", &ten_days()))]),
        Stage::AwaitingSupplement => then(received(), [(later, request_supplement())]),
        Stage::AwaitingPayment => {
            then(received(), [(later, ask_for_money(ObligationKind::Tax, 70_000, true))])
        }
        Stage::OnHold => then(received(), [(later, pause(PauseReason::PublicPosting))]),
        Stage::Suspended => then(received(), [(later, pause(PauseReason::Suspension))]),
        Stage::Stopped => then(received(), [(later, stop())]),
        Stage::Finished => then(received(), [(later, finish_processing())]),
        Stage::Returned => then(received(), [(later, finish_processing()), (later, return_result())]),
        Stage::Withdrawn => then(received(), [(later, withdraw())]),
    }
}

fn every_command() -> Vec<Command> {
    let procedure = ten_days();
    vec![
        submit(submitted(1, at(MONDAY))),
        register(at_the_counter(1, at(MONDAY)), receipt_under(&procedure)),
        request_intake_supplement(),
        supply_intake_supplement(),
        refuse(),
        receive(&procedure),
        forward(Holder { assignee: Some(officer(4)), ..counter() }),
        complete_step("THU_LY", &procedure),
        request_supplement(),
        receive_supplement(),
        finish_processing(),
        return_result(),
        withdraw(),
        send(competent()),
        accept(desk_of(officer(3))),
        send_back(),
        recall(),
        request_opinion(agency(9)),
        give_opinion(1),
        propose(Outcome::Granted),
        approve(),
        request_rework(),
        sign(),
        issue(),
        pause(PauseReason::OtherAgency),
        resume(),
        ask_for_money(ObligationKind::Fee, 20_000, false),
        pay(1, "ORDER-1", 70_000),
        waive(1),
        refund("ORDER-1"),
        extend(at("2024-06-03 17:00")),
        stop(),
        notify(Notice::Received),
        attach(file(1)),
        correct(),
        carry_over(receiving(), agency(40)),
    ]
}

/// What is possible where. Everything else is refused.
fn possible(stage: Stage) -> &'static [&'static str] {
    match stage {
        Stage::Submitted => &[
            "REQUEST_INTAKE_SUPPLEMENT",
            "REFUSE",
            "RECEIVE",
            "WITHDRAW",
            "REQUEST_OBLIGATION",
            "NOTIFY",
            "CARRY_OVER",
        ],
        Stage::AwaitingIntakeSupplement => {
            &["SUPPLY_INTAKE_SUPPLEMENT", "REFUSE", "WITHDRAW", "NOTIFY", "CARRY_OVER"]
        }
        Stage::Received => &[
            "FORWARD",
            "COMPLETE_STEP",
            "REQUEST_SUPPLEMENT",
            "FINISH_PROCESSING",
            "WITHDRAW",
            "SEND",
            "REQUEST_OPINION",
            "PROPOSE",
            "PAUSE",
            "REQUEST_OBLIGATION",
            "EXTEND",
            "STOP",
            "NOTIFY",
            "CARRY_OVER",
        ],
        Stage::InProgress => &[
            "FORWARD",
            "COMPLETE_STEP",
            "REQUEST_SUPPLEMENT",
            "FINISH_PROCESSING",
            "WITHDRAW",
            "SEND",
            "REQUEST_OPINION",
            "PROPOSE",
            "PAUSE",
            "REQUEST_OBLIGATION",
            "EXTEND",
            "STOP",
            "NOTIFY",
            "CORRECT",
            "CARRY_OVER",
        ],
        Stage::AwaitingSupplement => {
            &["RECEIVE_SUPPLEMENT", "WITHDRAW", "REQUEST_OBLIGATION", "STOP", "NOTIFY", "CARRY_OVER"]
        }
        Stage::AwaitingPayment => &[
            "RESUME",
            "WITHDRAW",
            "REQUEST_OBLIGATION",
            "RECORD_PAYMENT",
            "WAIVE",
            "STOP",
            "NOTIFY",
            "CARRY_OVER",
        ],
        Stage::OnHold | Stage::Suspended => {
            &["RESUME", "WITHDRAW", "REQUEST_OBLIGATION", "STOP", "NOTIFY", "CARRY_OVER"]
        }
        Stage::Finished => &["RETURN_RESULT", "REQUEST_OBLIGATION", "NOTIFY", "CORRECT", "CARRY_OVER"],
        Stage::Refused | Stage::Returned | Stage::Stopped | Stage::Withdrawn => &["NOTIFY", "CORRECT"],
    }
}

#[test]
fn every_command_is_refused_in_every_wrong_stage() {
    for stage in Stage::ALL {
        let dossier = given::<Dossier>(history_to(stage)).state();
        assert_eq!(dossier.filed().unwrap().stage(), stage);
        for command in every_command() {
            let name = command.name();
            let decided = dossier.decide(at("2024-05-08 09:00"), &command);
            let takes_files = !matches!(stage, Stage::Refused | Stage::Withdrawn);
            if possible(stage).contains(&name) || (name == "ATTACH_FILE" && takes_files) {
                // Paying what the clock stands still for, and waiving it, lets it run again.
                let events = usize::from(
                    stage == Stage::AwaitingPayment && matches!(name, "RECORD_PAYMENT" | "WAIVE"),
                );
                assert!(decided.is_ok_and(|decided| decided.len() == 1 + events), "{name} in {stage:?}");
                continue;
            }
            let runs = matches!(stage, Stage::Received | Stage::InProgress);
            let rejection = match (name, stage) {
                ("SUBMIT" | "REGISTER", _) => Rejection::AlreadyFiled,
                // Of money and mistakes it is not the stage that decides.
                ("RECORD_PAYMENT" | "WAIVE", _) => Rejection::UnknownObligation { obligation: 1 },
                ("REFUND", _) => Rejection::UnknownOrder,
                ("CORRECT", _) => Rejection::NothingToCorrect,
                ("ACCEPT" | "SEND_BACK", _) if runs => Rejection::NotInTransit,
                ("RECALL", _) if runs => Rejection::NothingToRecall,
                ("GIVE_OPINION", _) if runs || stage.is_paused() => Rejection::UnknownOpinion { opinion: 1 },
                ("APPROVE" | "REQUEST_REWORK", _) if runs => {
                    Rejection::ApprovalNotThere { is: "NONE", has_to_be: "PROPOSED" }
                }
                ("SIGN", _) if runs => Rejection::ApprovalNotThere { is: "NONE", has_to_be: "APPROVED" },
                ("ISSUE", _) if runs => Rejection::ApprovalNotThere { is: "NONE", has_to_be: "SIGNED" },
                ("REQUEST_INTAKE_SUPPLEMENT" | "RECEIVE", Stage::AwaitingIntakeSupplement) => {
                    Rejection::SupplementPending
                }
                (command, stage) => Rejection::WrongStage { command, stage },
            };
            assert_eq!(decided, Err(rejection), "{name} in {stage:?}");
        }
    }
}

#[test]
fn nothing_can_be_done_to_a_dossier_that_is_not_there() {
    for command in every_command() {
        let decided = Dossier::Absent.decide(at(MONDAY), &command);
        match command.name() {
            "SUBMIT" | "REGISTER" => assert!(decided.is_ok()),
            name => assert_eq!(decided, Err(Rejection::NotFiled), "{name}"),
        }
    }
}

/// One example of every other refusal: history, time, command, answer.
fn refusals() -> Vec<(History, &'static str, Command, Rejection)> {
    let left_to_the_officer = Arc::new(definition(ProcedureTerm::SetAtReceipt));
    let appointed = |procedure: &Arc<Definition>, appointment| {
        Command::Receive(Receive { appointment, ..receipt_under(procedure) })
    };
    let year_after = Arc::new(definition(ProcedureTerm::Fixed(Term::CalendarDays(2_000))));
    let by_law_before = Arc::new(definition(ProcedureTerm::Fixed(Term::Given(at("2024-05-01 09:00")))));
    let too_soon = SupplementRequest { answer_by: Some(at("2024-05-06 09:59")), ..missing_papers() };
    let monday = || at(MONDAY);
    vec![
        (Vec::new(), MONDAY, withdraw(), Rejection::NotFiled),
        (online(), MONDAY, submit(submitted(1, monday())), Rejection::AlreadyFiled),
        (
            online(),
            MONDAY,
            return_result(),
            Rejection::WrongStage { command: "RETURN_RESULT", stage: Stage::Submitted },
        ),
        (
            online(),
            "2024-05-06 08:59",
            receive(&ten_days()),
            Rejection::BeforePrevious { previous: monday() },
        ),
        (
            then(online(), [(MONDAY, request_intake_supplement())]),
            MONDAY,
            receive(&ten_days()),
            Rejection::SupplementPending,
        ),
        (
            received_on_monday(),
            "2024-05-06 10:00",
            complete_step("NOP_THUE", &ten_days()),
            Rejection::UnknownStep { step: step_code("NOP_THUE") },
        ),
        (
            online(),
            MONDAY,
            appointed(&left_to_the_officer, Appointment::ByProcedure),
            Rejection::AppointmentMissing,
        ),
        (
            online(),
            MONDAY,
            appointed(&ten_days(), Appointment::At(at("2024-05-21 17:00"))),
            Rejection::AppointmentFixed,
        ),
        (online(), MONDAY, appointed(&ten_days(), Appointment::None), Rejection::AppointmentFixed),
        (
            online(),
            MONDAY,
            appointed(&left_to_the_officer, Appointment::At(at("2024-05-06 08:59"))),
            Rejection::AppointmentBeforeReceipt,
        ),
        (
            received_on_monday(),
            "2024-05-06 10:00",
            Command::RequestSupplement { request: too_soon.clone() },
            Rejection::AnswerBeforeRequest,
        ),
        (
            online(),
            "2024-05-06 10:00",
            Command::RequestIntakeSupplement { request: too_soon },
            Rejection::AnswerBeforeRequest,
        ),
        (at_the_desk(), "2024-05-08 10:00", forward(desk_of(officer(3))), Rejection::AlreadyThere),
        (
            online(),
            MONDAY,
            receive(&year_after),
            Rejection::NoDueInstant(DueError::Calendar(CalendarError::YearNotLoaded { year: 2029 })),
        ),
        (
            Vec::new(),
            "2016-05-06 09:00",
            register(at_the_counter(1, at("2016-05-06 09:00")), receipt_under(&ten_days())),
            Rejection::NoDueInstant(DueError::Calendar(CalendarError::YearNotLoaded { year: 2016 })),
        ),
        (
            online(),
            MONDAY,
            receive(&by_law_before),
            Rejection::NoDueInstant(DueError::GivenBeforeReceipt {
                given: at("2024-05-01 09:00"),
                received: monday(),
            }),
        ),
    ]
}

fn all_refusals() -> Vec<(History, &'static str, Command, Rejection)> {
    [refusals(), life_cycle::refusals(), files::refusals(), applicants::refusals()].concat()
}

#[test]
fn refusals_say_why() {
    for (history, when, command, rejection) in all_refusals() {
        given::<Dossier>(history).when(at(when), command).rejected(rejection);
    }
}

#[test]
fn every_refusal_has_an_example_and_a_code() {
    // A new variant stops the compiler here: give it the next number, and an example above.
    let number = |rejection: &Rejection| match rejection {
        Rejection::NotFiled => 0,
        Rejection::AlreadyFiled => 1,
        Rejection::WrongStage { .. } => 2,
        Rejection::BeforePrevious { .. } => 3,
        Rejection::SupplementPending => 4,
        Rejection::UnknownStep { .. } => 5,
        Rejection::AppointmentMissing => 6,
        Rejection::AppointmentFixed => 7,
        Rejection::AppointmentBeforeReceipt => 8,
        Rejection::AnswerBeforeRequest => 9,
        Rejection::AlreadyThere => 10,
        Rejection::NoDueInstant(_) => 11,
        Rejection::InTransit => 12,
        Rejection::NotInTransit => 13,
        Rejection::WrongRecipient => 14,
        Rejection::OtherAgency => 15,
        Rejection::NothingToRecall => 16,
        Rejection::OpinionPending => 17,
        Rejection::UnknownOpinion { .. } => 18,
        Rejection::ApprovalNotThere { .. } => 19,
        Rejection::OutcomeDiffers { .. } => 20,
        Rejection::ObligationPending => 21,
        Rejection::UnknownObligation { .. } => 22,
        Rejection::NothingDue { .. } => 23,
        Rejection::AmountMissing => 24,
        Rejection::OrderDiffers => 25,
        Rejection::UnknownOrder => 26,
        Rejection::AlreadyRefunded => 27,
        Rejection::PaymentDue { .. } => 28,
        Rejection::NoAppointment => 29,
        Rejection::ExtensionNotLater { .. } => 30,
        Rejection::ExtendedAlready { .. } => 31,
        Rejection::Decided => 32,
        Rejection::NothingToCorrect => 33,
        Rejection::WrongChannel { .. } => 34,
        Rejection::PaperNotNamed => 35,
        Rejection::TooManyFiles { .. } => 36,
        Rejection::BranchPending { .. } => 37,
        Rejection::NoResultFile => 38,
        Rejection::NoDelegate => 39,
    };
    let refusals = all_refusals();
    let numbers: BTreeSet<_> = refusals.iter().map(|(_, _, _, rejection)| number(rejection)).collect();
    assert_eq!(numbers, (0..40).collect());
    // Clients branch on the codes: never change one.
    let codes: BTreeSet<_> = refusals.iter().map(|(_, _, _, rejection)| rejection.code()).collect();
    let pinned = [
        "ALREADY_REFUNDED",
        "ALREADY_THERE",
        "AMOUNT_MISSING",
        "ANSWER_BEFORE_REQUEST",
        "APPOINTMENT_BEFORE_RECEIPT",
        "APPOINTMENT_FIXED",
        "APPOINTMENT_MISSING",
        "APPROVAL_NOT_THERE",
        "BRANCH_PENDING",
        "CALENDAR_UNKNOWN",
        "DECIDED",
        "DOSSIER_ALREADY_FILED",
        "EXTENDED_ALREADY",
        "EXTENSION_NOT_LATER",
        "INVALID_TRANSITION",
        "IN_TRANSIT",
        "NOTHING_DUE",
        "NOTHING_TO_CORRECT",
        "NOTHING_TO_RECALL",
        "NOT_FOUND",
        "NOT_IN_TRANSIT",
        "NO_APPOINTMENT",
        "NO_DELEGATE",
        "NO_RESULT_FILE",
        "OBLIGATION_PENDING",
        "OPINION_PENDING",
        "ORDER_DIFFERS",
        "OTHER_AGENCY",
        "OUTCOME_DIFFERS",
        "PAPER_NOT_NAMED",
        "PAYMENT_DUE",
        "SUPPLEMENT_PENDING",
        "TIME_BEFORE_PREVIOUS",
        "TOO_MANY_FILES",
        "UNKNOWN_OBLIGATION",
        "UNKNOWN_OPINION",
        "UNKNOWN_ORDER",
        "UNKNOWN_STEP",
        "WRONG_CHANNEL",
        "WRONG_RECIPIENT",
    ];
    assert_eq!(codes, pinned.into_iter().collect());
}

#[test]
fn the_earlier_check_answers() {
    // Out of order in time and in stage: time is looked at first.
    given::<Dossier>(online())
        .when(at("2024-05-06 08:00"), return_result())
        .rejected(Rejection::BeforePrevious { previous: at(MONDAY) });
    // A wrong stage and an unknown task: the stage is looked at first.
    given::<Dossier>(online())
        .when(at(MONDAY), complete_step("NOP_THUE", &ten_days()))
        .rejected(Rejection::WrongStage { command: "COMPLETE_STEP", stage: Stage::Submitted });
}

#[test]
fn the_same_instant_is_not_before() {
    let procedure = ten_days();
    let history = then(online(), [(MONDAY, receive(&procedure)), (MONDAY, finish_processing())]);
    assert_eq!(filed(history).stage(), Stage::Finished);
}

#[test]
fn an_appointment_at_the_end_of_time_is_kept_and_cannot_be_moved() {
    let procedure = Arc::new(definition(ProcedureTerm::SetAtReceipt));
    let appointment = Appointment::At(DateTime::<Utc>::MAX_UTC);
    let receive = Command::Receive(Receive { appointment, ..receipt_under(&procedure) });
    let paused = then(online(), [(MONDAY, receive), ("2024-05-09 15:00", request_supplement())]);
    given::<Dossier>(paused).when(at("2024-05-14 08:00"), receive_supplement()).rejected(
        Rejection::NoDueInstant(DueError::Calendar(CalendarError::YearNotLoaded { year: 262_142 })),
    );
}

// Imports.

fn imported_on_monday() -> History {
    let receive =
        Receive { appointment: Appointment::At(at("2024-05-20 09:00")), ..receipt_under(&ten_days()) };
    then(Vec::new(), [(MONDAY, register(imported(1, at(MONDAY)), receive))])
}

#[test]
fn an_import_keeps_the_due_instant_of_its_source() {
    let clock = |appointment| {
        let receive = Receive { appointment, ..receipt_under(&ten_days()) };
        let history = then(Vec::new(), [(MONDAY, register(imported(1, at(MONDAY)), receive))]);
        filed(history).clock().cloned().unwrap()
    };
    assert_eq!(clock(Appointment::At(at("2024-05-20 09:00"))).due_at, Some(at("2024-05-20 09:00")));
    // Due before it was received, says the source.
    assert_eq!(clock(Appointment::At(at("2024-05-01 09:00"))).due_at, Some(at("2024-05-01 09:00")));
    assert_eq!(clock(Appointment::None).due_at, None);
    assert_eq!(clock(Appointment::ByProcedure).due_at, Some(at("2024-05-20 17:00")));
}

#[test]
fn an_import_writes_down_what_is_odd_and_drops_nothing() {
    let procedure = ten_days();
    let completed = |code, anomalies| {
        Event::StepCompleted(StepCompleted { step: step_code(code), note: None, anomalies })
    };
    given::<Dossier>(imported_on_monday())
        .when(at("2024-05-08 09:00"), complete_step("T02", &procedure))
        .then([completed("T02", vec![Anomaly::StepNotInProcedure])]);
    given::<Dossier>(imported_on_monday())
        .when(at("2024-05-05 09:00"), complete_step("THU_LY", &procedure))
        .then([completed("THU_LY", vec![Anomaly::BeforePrevious])]);
    given::<Dossier>(imported_on_monday())
        .when(at("2024-05-05 09:00"), complete_step("T02", &procedure))
        .then([completed("T02", vec![Anomaly::StepNotInProcedure, Anomaly::BeforePrevious])]);
}

#[test]
fn an_imported_end_is_compared_with_the_start_and_the_activities() {
    let procedure = ten_days();
    let finished = |anomalies| {
        Event::ProcessingFinished(ProcessingFinished { outcome: Outcome::Granted, note: None, anomalies })
    };
    let worked_on = then(
        imported_on_monday(),
        [
            ("2024-05-07 09:00", complete_step("THU_LY", &procedure)),
            ("2024-05-09 09:00", complete_step("XET_DUYET", &procedure)),
            ("2024-05-09 08:00", complete_step("KY_DUYET", &procedure)),
        ],
    );
    let end = |when| given::<Dossier>(worked_on.clone()).when(at(when), finish_processing());
    end("2024-05-09 09:00").then([finished(vec![])]);
    end("2024-05-08 09:00").then([finished(vec![Anomaly::ActivitiesAfterEnd { count: 2 }])]);
    end("2024-05-06 09:00")
        .then([finished(vec![Anomaly::EndedBeforeFirstActivity, Anomaly::ActivitiesAfterEnd { count: 3 }])]);
    end("2024-05-06 08:59").then([finished(vec![
        Anomaly::EndedBeforeStart,
        Anomaly::EndedBeforeFirstActivity,
        Anomaly::ActivitiesAfterEnd { count: 3 },
    ])]);
    given::<Dossier>(imported_on_monday())
        .when(at("2024-05-05 09:00"), finish_processing())
        .then([finished(vec![Anomaly::EndedBeforeStart])]);
}

// Who may.

const FUNCTIONS: [Function; 9] = [
    Function::File,
    Function::Intake,
    Function::Process,
    Function::Assign,
    Function::Approve,
    Function::ReadDossiers,
    Function::ReadPersonalData,
    Function::Synchronise,
    Function::Administer,
];

fn may(history: History, principal: &Principal, function: Function) -> Result<(), Denial> {
    filed(history).authorise(principal, function.into())
}

#[test]
fn scope_is_asked_before_anything_else() {
    let stranger = principal(officer(9), agency(9), &[], Scope::of(agency(9)));
    for function in FUNCTIONS {
        assert_eq!(may(received_on_monday(), &stranger, function), Err(Denial::OutOfScope));
    }
    // Answered as if the dossier were not there.
    assert_eq!(Denial::OutOfScope.code(), Rejection::NotFiled.code());
}

#[test]
fn the_agencies_of_a_dossier_and_its_holder_have_it_in_scope() {
    let agencies = Agencies { supporting: Some(agency(1)), receiving: agency(16), competent: agency(7) };
    let filing = submit(Submitted { agencies, ..submitted(1, at(MONDAY)) });
    let elsewhere = Holder { agency: agency(4), unit: None, assignee: None };
    let line = [(MONDAY, filing), (MONDAY, receive(&ten_days())), (MONDAY, send(elsewhere.agency))];
    let history = then(Vec::new(), line);
    let history = then(history, [(MONDAY, accept(elsewhere))]);
    for number in 0..20 {
        let reader =
            principal(officer(1), agency(number), &[Function::ReadDossiers], Scope::of(agency(number)));
        let expected = if [1, 4, 7, 16].contains(&number) { Ok(()) } else { Err(Denial::OutOfScope) };
        assert_eq!(may(history.clone(), &reader, Function::ReadDossiers), expected, "{number}");
    }
    let province = principal(officer(1), agency(19), &[Function::ReadDossiers], Scope::Province);
    assert_eq!(may(history, &province, Function::ReadDossiers), Ok(()));
}

#[test]
fn who_merely_helped_to_file_sees_a_dossier_and_acts_on_it_no_more() {
    let agencies = Agencies { supporting: Some(agency(1)), receiving: agency(16), competent: agency(7) };
    let filing = submit(Submitted { agencies, ..submitted(1, at(MONDAY)) });
    let filed = then(Vec::new(), [(MONDAY, filing)]);
    for function in [Function::Intake, Function::Assign] {
        let may = |number: u8, scope| {
            may(filed.clone(), &principal(officer(1), agency(number), &FUNCTIONS, scope), function)
        };
        assert_eq!(may(1, Scope::of(agency(1))), Err(Denial::NotHolder));
        for number in [7, 16] {
            assert_eq!(may(number, Scope::of(agency(number))), Ok(()));
        }
        assert_eq!(may(1, Scope::Province), Ok(()));
    }
}

#[test]
fn every_function_has_to_be_held() {
    // Filing is over no agency's dossiers: what it lets one do is asked with the relation of an applicant.
    for function in FUNCTIONS.into_iter().filter(|function| *function != Function::File) {
        let others: Vec<_> = FUNCTIONS.into_iter().filter(|other| *other != function).collect();
        let without = principal(officer(1), receiving(), &others, Scope::Province);
        assert_eq!(may(received_on_monday(), &without, function), Err(Denial::NoFunction { function }));
        let with = principal(officer(1), receiving(), &[function], Scope::Province);
        assert_eq!(may(received_on_monday(), &with, function), Ok(()));
    }
}

#[test]
fn only_the_holding_agency_and_its_assignee_process_a_dossier() {
    let at_the_desk = at_the_desk();
    let acting = |id, agency| principal(id, agency, &FUNCTIONS, Scope::Province);
    for function in [Function::Process, Function::Approve] {
        let may = |who: &Principal| may(at_the_desk.clone(), who, function);
        assert_eq!(may(&acting(officer(3), competent())), Ok(()));
        // A leader approves what an officer of the same agency has in hand.
        let another = if function == Function::Approve { Ok(()) } else { Err(Denial::NotAssignee) };
        assert_eq!(may(&acting(officer(4), competent())), another);
        assert_eq!(may(&acting(officer(3), receiving())), Err(Denial::NotHolder));
    }
    // Without an assignee, anybody of the agency; before receipt, whoever has the function.
    let anybody = acting(officer(4), receiving());
    assert_eq!(may(received_on_monday(), &anybody, Function::Process), Ok(()));
    assert_eq!(may(online(), &anybody, Function::Process), Ok(()));
    // Who assigns takes it out of others' hands; the counter takes a supplement in and returns the result.
    for function in [Function::Assign, Function::Intake, Function::ReadDossiers] {
        assert_eq!(may(at_the_desk.clone(), &acting(officer(8), receiving()), function), Ok(()));
    }
}

#[test]
fn a_dossier_taken_away_can_no_longer_be_processed() {
    let acting = principal(officer(3), competent(), &FUNCTIONS, Scope::Province);
    let mine = at_the_desk();
    let taken = then(mine.clone(), [("2024-05-08 10:00", forward(desk_of(officer(4))))]);
    assert_eq!(may(mine, &acting, Function::Process), Ok(()));
    assert_eq!(may(taken, &acting, Function::Process), Err(Denial::NotAssignee));
}

// Names and keys.

#[test]
fn stages_have_a_national_code_and_a_name_that_is_read_back() {
    let national: Vec<_> = Stage::ALL.into_iter().map(Stage::national_code).collect();
    assert_eq!(national, [1, 1, 3, 2, 4, 5, 6, 4, 8, 8, 9, 10, 7]);
    assert_eq!(national.iter().collect::<BTreeSet<_>>().len(), 10, "all ten");
    for stage in Stage::ALL {
        assert_eq!(Stage::from_name(stage.name()), Some(stage));
    }
    assert_eq!(Stage::from_name("OVERDUE"), None);
}

#[test]
fn the_keys_of_a_dossier_come_from_its_submission() {
    let (dossier, submitted) = (given::<Dossier>(online()).state(), submitted(1, at(MONDAY)));
    assert_eq!(dossier.key(KeyOwner::Dossier), Some(submitted.dossier_key));
    assert_eq!(dossier.key(KeyOwner::Applicant), Some(submitted.applicant.key));
    assert_eq!(Dossier::Absent.key(KeyOwner::Dossier), None);
}

#[test]
fn every_value_about_a_person_is_shown_with_its_key() {
    let mut submitted = Event::Submitted(Submitted {
        applicant: Applicant { email: Some(open("mau@example.vn")), ..submitted(1, at(MONDAY)).applicant },
        ..submitted(1, at(MONDAY))
    });
    let mut shown = Vec::new();
    submitted.each_private(&mut |field, owner, _| shown.push((field, owner)));
    assert_eq!(
        shown,
        [
            ("applicant.name", KeyOwner::Applicant),
            ("applicant.id_number", KeyOwner::Applicant),
            ("applicant.phone", KeyOwner::Applicant),
            ("applicant.email", KeyOwner::Applicant),
            ("applicant.address", KeyOwner::Applicant),
            ("subject", KeyOwner::Dossier),
            ("form", KeyOwner::Applicant),
        ]
    );
}

// Properties.

/// Whether anything in it is still open. `Debug` says so without telling what.
fn is_open(event: &Event) -> bool {
    let mut open = false;
    event.clone().each_private(&mut |_, _, value| open |= matches!(value, Private::Open(_)));
    open
}

fn evolved(dossier: &Dossier, at: Instant, events: &[Event]) -> Dossier {
    events.iter().fold(dossier.clone(), |state, event| state.evolve(at, event))
}

fn state_of(history: &[(Instant, Event)]) -> Dossier {
    fold(history.iter().map(|(at, event)| (*at, event)))
}

/// What holds for every state that a history can lead to.
fn is_sound(dossier: &Dossier, imported: bool) -> Result<(), TestCaseError> {
    let Some(filed) = dossier.filed() else { return Ok(()) };
    let stage = filed.stage();
    prop_assert!((1..=10).contains(&stage.national_code()));
    match stage {
        Stage::Submitted | Stage::AwaitingIntakeSupplement | Stage::Refused => {
            prop_assert!(filed.clock().is_none() && filed.holder.is_none(), "{stage:?}");
        }
        Stage::Received
        | Stage::InProgress
        | Stage::AwaitingSupplement
        | Stage::AwaitingPayment
        | Stage::OnHold
        | Stage::Suspended
        | Stage::Stopped
        | Stage::Finished
        | Stage::Returned => prop_assert!(filed.clock().is_some() && filed.holder.is_some(), "{stage:?}"),
        Stage::Withdrawn => prop_assert_eq!(filed.clock().is_some(), filed.holder.is_some()),
    }
    if let (Some(clock), false) = (filed.clock(), imported) {
        prop_assert!(clock.due_at_original.is_none_or(|due_at| clock.received_at <= due_at));
        // Pauses and extensions give time, they never take any; a term that starts afresh may end an extension.
        prop_assert_eq!(clock.due_at.is_some(), clock.due_at_original.is_some());
        prop_assert_eq!(clock.legal_due_at.is_some(), clock.due_at_original.is_some());
        prop_assert!(clock.due_at_original <= clock.legal_due_at);
        prop_assert!(clock.due_at_original <= clock.due_at);
    }
    Ok(())
}

/// What may happen while the clock stands still: nothing that processes.
fn may_happen_while_paused(event: &Event) -> bool {
    matches!(
        event,
        Event::SupplementReceived(_)
            | Event::Resumed(_)
            | Event::Withdrawn(_)
            | Event::Stopped(_)
            | Event::OpinionGiven(_)
            | Event::ObligationRequested(_)
            | Event::PaymentRecorded(_)
            | Event::ObligationWaived(_)
            | Event::PaymentRefunded(_)
            | Event::ApplicantNotified(_)
            | Event::CarriedOver(_)
            | Event::FileAttached(_)
            | Event::DelegateNamed(_)
            | Event::DelegateRemoved(_)
    )
}

proptest! {
    #[test]
    fn every_state_on_the_way_is_sound(plan in plans()) {
        let imported = plan.entry == Entry::Imported;
        let mut dossier = Dossier::default();
        let mut previous = None;
        let mut stages = (Stage::Submitted, Stage::Submitted);
        for (at, event) in plan.grow() {
            let before = dossier.filed().map(Filed::stage);
            if before.is_some_and(Stage::is_paused) {
                prop_assert!(may_happen_while_paused(&event), "{} while paused", event.type_name());
            }
            dossier = dossier.evolve(at, &event);
            is_sound(&dossier, imported)?;
            let stage = dossier.filed().map(Filed::stage);
            // Who keeps stages only comes to the same.
            if let Some(before) = before {
                stages = Stage::after((stages.0, before), &event);
                prop_assert_eq!(stage, Some(stages.1), "{}", event.type_name());
            }
            prop_assert!(imported || previous.is_none_or(|previous| previous <= at));
            previous = Some(at);
        }
    }

    #[test]
    fn what_is_decided_evolves_and_a_repeat_decides_nothing_new(plan in plans(), intent in intents()) {
        let history = plan.grow();
        let before = state_of(&history);
        let previous = history.last().map_or(plan.opened_at, |(at, _)| *at);
        let (at, command) = plan.command(previous, &intent);
        let Ok(events) = before.decide(at, &command) else { return Ok(()) };
        if events.is_empty() {
            // What came before (the order, the notice, the file), or an agency that has no part in it.
            let again = matches!(
                command,
                Command::RecordPayment(_)
                    | Command::Notify { .. }
                    | Command::CarryOver { .. }
                    | Command::AttachFile(_)
                    | Command::NameDelegate(_)
            );
            prop_assert!(again);
            return Ok(());
        }
        let after = evolved(&before, at, &events);
        // Who has the dossier in hand may complete one task after the other: the state says no more than that.
        prop_assert!(after != before || matches!(command, Command::CompleteStep(_)));
        // A task may be done again. Telling a retry from a second try is the work of the command's identity.
        match (&command, after.decide(at, &command)) {
            (Command::CompleteStep(_), again) => prop_assert!(again.is_ok_and(|again| again.len() == 1)),
            (_, again) => prop_assert!(again.map_or(true, |again| again.is_empty())),
        }
    }

    #[test]
    fn only_imports_bend_time(plan in plans(), intent in intents(), minutes in 1..100_000_i64) {
        let history = plan.grow();
        let dossier = state_of(&history);
        let Some(filed) = dossier.filed() else { return Ok(()) };
        let earlier = filed.last_at - TimeDelta::minutes(minutes);
        let (_, command) = plan.command(earlier, &intent);
        let refused = dossier.decide(earlier, &command) == Err(Rejection::BeforePrevious { previous: filed.last_at });
        let files = matches!(command, Command::Submit(_) | Command::Register(_));
        prop_assert_eq!(refused, !filed.imported && !files);
    }

    #[test]
    fn a_fact_cannot_be_argued_with(
        events in proptest::collection::vec((dossier_histories(), any::<proptest::sample::Index>()), 0..12),
    ) {
        // Any event after any other, as no rule would allow it: nothing panics, nothing disappears.
        let mut dossier = Dossier::default();
        for (history, index) in events {
            let (at, event) = &history[index.index(history.len())];
            let was_filed = dossier.filed().is_some();
            dossier = dossier.evolve(*at, event);
            prop_assert!(!was_filed || dossier.filed().is_some());
            if let Some(filed) = dossier.filed() {
                prop_assert!((1..=10).contains(&filed.stage().national_code()));
            }
        }
    }

    #[test]
    fn decide_never_panics_at_the_ends_of_time(plan in plans(), intent in intents(), seconds in any::<i64>()) {
        let Some(at) = DateTime::from_timestamp(seconds % 8_210_266_876_799, 0) else { return Ok(()) };
        let dossier = state_of(&plan.grow());
        let (at, command) = plan.command(at, &intent);
        let _ = dossier.decide(at, &command);
        let _ = Dossier::Absent.decide(at, &command);
    }

    #[test]
    fn what_is_open_does_not_encode_and_what_is_sealed_comes_back(history in dossier_histories()) {
        for (_, mut event) in history {
            prop_assert_eq!(event.encode().is_err(), is_open(&event));
            seal_for_test(&mut event);
            let data = event.encode().unwrap();
            prop_assert!(!data.contains("MẪU"));
            prop_assert_eq!(Event::decode(event.type_name(), &data).unwrap(), event);
        }
    }
}

proptest! {
    #[test]
    fn a_log_of_several_dossiers_keeps_each_in_its_order(log in interleaved_histories(5)) {
        let recorded = recorded(log.clone());
        let mut streams: BTreeMap<String, Vec<(Instant, Event)>> = BTreeMap::new();
        for ((position, (id, at, _)), recorded) in (1..).zip(&log).zip(&recorded) {
            prop_assert_eq!(recorded.position.0, position);
            prop_assert_eq!(&recorded.stream, &stream(*id));
            prop_assert!(recorded.occurred_at == *at && *at <= recorded.recorded_at);
            let crate::recorded::Event::Dossier(event) = &recorded.event else { panic!("{recorded:?}") };
            let history = streams.entry(recorded.stream.clone()).or_default();
            history.push((*at, event.clone()));
            prop_assert_eq!(recorded.version.0, i64::try_from(history.len()).unwrap());
        }
        // Every stream begins with its submission and leads somewhere.
        for history in streams.into_values() {
            prop_assert!(matches!(history[0].1, Event::Submitted(_)));
            prop_assert!(state_of(&history).filed().is_some());
        }
        let ids: BTreeSet<_> = recorded.iter().map(|recorded| recorded.event_id).collect();
        prop_assert_eq!(ids.len(), recorded.len());
    }
}

#[test]
fn random_histories_reach_every_stage_and_every_event() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut stages, mut types) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..2_000 {
        let history = dossier_histories().new_tree(&mut runner).unwrap().current();
        for end in 1..=history.len() {
            stages.extend(state_of(&history[..end]).filed().map(|filed| filed.stage().name()));
        }
        types.extend(history.iter().map(|(_, event)| event.type_name()));
    }
    assert_eq!(stages, Stage::ALL.map(Stage::name).into_iter().collect());
    assert_eq!(types, Event::TYPE_NAMES.iter().copied().collect());
}
