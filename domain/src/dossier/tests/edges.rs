//! The edges of the rules: the very instant at which an answer changes, the second time, and what must not happen on the
//! side. Most of these were found by changing the program and seeing no test fail.

use super::*;
use crate::working_time::Resume;

const TUESDAY: &str = "2024-05-07 09:00";

fn completed(code: &str) -> Event {
    Event::StepCompleted(StepCompleted { step: step_code(code), note: None, anomalies: Vec::new() })
}

// The very instant.

#[test]
fn an_appointment_may_be_the_receipt_itself() {
    let procedure = Arc::new(definition(ProcedureTerm::SetAtReceipt));
    let appointment = Appointment::At(at(MONDAY));
    given::<Dossier>(online())
        .when(at(MONDAY), Command::Receive(Receive { appointment, ..receipt_under(&procedure) }))
        .then([Event::Received(Received { term: Term::Given(at(MONDAY)), ..receipt(Some(MONDAY)) })]);
}

#[test]
fn an_answer_may_be_expected_at_once() {
    let request = SupplementRequest { answer_by: Some(at(TUESDAY)), ..missing_papers() };
    given::<Dossier>(received_on_monday())
        .when(at(TUESDAY), Command::RequestSupplement { request: request.clone() })
        .then([Event::SupplementRequested(SupplementRequested { request })]);
}

#[test]
fn an_import_keeps_an_answer_that_was_expected_too_early() {
    let request = SupplementRequest { answer_by: Some(at(MONDAY)), ..missing_papers() };
    given::<Dossier>(imported_on_monday())
        .when(at(TUESDAY), Command::RequestSupplement { request: request.clone() })
        .then([Event::SupplementRequested(SupplementRequested { request })]);
}

#[test]
fn several_things_at_one_instant_are_in_order() {
    for history in [received_on_monday(), imported_on_monday()] {
        given::<Dossier>(history)
            .when(at(MONDAY), complete_step("THU_LY", &ten_days()))
            .then([completed("THU_LY")]);
    }
}

#[test]
fn an_end_at_the_instant_of_the_first_activity_is_not_before_it() {
    let procedure = ten_days();
    let worked_on = then(
        imported_on_monday(),
        [
            (TUESDAY, complete_step("THU_LY", &procedure)),
            ("2024-05-08 09:00", complete_step("KY_DUYET", &procedure)),
        ],
    );
    given::<Dossier>(worked_on).when(at(TUESDAY), finish_processing()).then([Event::ProcessingFinished(
        ProcessingFinished {
            outcome: Outcome::Granted,
            note: None,
            anomalies: vec![Anomaly::ActivitiesAfterEnd { count: 1 }],
        },
    )]);
}

// The second time.

#[test]
fn a_fee_may_be_asked_for_again_once_it_is_paid() {
    let fee = || ask_for_money(ObligationKind::Fee, 50_000, false);
    let paid = then(received_on_monday(), [(TUESDAY, fee()), (TUESDAY, pay(1, "ORDER-1", 50_000))]);
    let again = filed(then(paid, [(TUESDAY, fee())]));
    let due: Vec<_> =
        again.finance.obligations.iter().map(|asked| (asked.number, asked.outstanding_vnd())).collect();
    assert_eq!(due, [(1, 0), (2, 50_000)]);
}

// What must not happen on the side.

#[test]
fn a_correction_takes_back_the_activity_of_a_step_and_of_nothing_else() {
    let procedure = ten_days();
    let finished = |anomalies| {
        Event::ProcessingFinished(ProcessingFinished { outcome: Outcome::Granted, note: None, anomalies })
    };
    let worked_on = then(imported_on_monday(), [("2024-05-08 09:00", complete_step("THU_LY", &procedure))]);
    // The step never was: an end before it is not odd.
    let taken_back = then(worked_on.clone(), [("2024-05-08 10:00", correct())]);
    given::<Dossier>(taken_back).when(at(TUESDAY), finish_processing()).then([finished(Vec::new())]);
    // The end never was: the step stays.
    let not_ended =
        then(worked_on, [("2024-05-09 09:00", finish_processing()), ("2024-05-09 10:00", correct())]);
    given::<Dossier>(not_ended)
        .when(at(TUESDAY), finish_processing())
        .then([finished(vec![Anomaly::EndedBeforeFirstActivity, Anomaly::ActivitiesAfterEnd { count: 1 }])]);
}

#[test]
fn a_task_stays_done_when_something_else_is_corrected() {
    let done = then(received_on_monday(), [(TUESDAY, complete_step("BAN_GIAO", &ten_days()))]);
    let corrected = then(done, [("2024-05-08 09:00", finish_processing()), ("2024-05-08 10:00", correct())]);
    let planned = schedule(told(&corrected), &ten_days(), &|_| law().calendar);
    let done_at: Vec<_> = planned.iter().map(|planned| planned.done_at).collect();
    assert_eq!(done_at, [Some(at(TUESDAY)), None, None, None]);
}

fn told(history: &History) -> impl Iterator<Item = (Instant, &Event)> {
    history.iter().map(|(at, event)| (*at, event))
}

#[test]
fn a_pause_does_to_the_tasks_what_it_does_to_the_whole() {
    // Asked on Thursday 9/5 in the afternoon, answered on the morning of Tuesday 14/5: five half-days.
    let dues = |resume| {
        let due_policy = DuePolicy { resume, ..DuePolicy::default() };
        let procedure = Arc::new(Definition { due_policy, ..(*ten_days()).clone() });
        let line = [
            (MONDAY, receive(&procedure)),
            (TUESDAY, complete_step("BAN_GIAO", &procedure)),
            ("2024-05-09 15:00", request_supplement()),
            ("2024-05-14 08:00", receive_supplement()),
        ];
        let history = then(online(), line);
        let planned = schedule(told(&history), &procedure, &|_| law().calendar);
        planned.into_iter().map(|planned| planned.due_at.unwrap()).collect::<Vec<_>>()
    };
    let expect = |dues: [&str; 4]| dues.map(at).to_vec();
    // What is done stays as it was, whatever happens to the rest.
    assert_eq!(
        dues(Resume::Shift),
        expect(["2024-05-06 17:00", "2024-05-20 17:00", "2024-05-21 17:00", "2024-05-22 17:00"])
    );
    // Half-days 1, 16, 18 and 20 after the morning of the 14th.
    assert_eq!(
        dues(Resume::Restart),
        expect(["2024-05-06 17:00", "2024-05-24 11:30", "2024-05-27 11:30", "2024-05-28 11:30"])
    );
    assert_eq!(
        dues(Resume::StatisticsOnly),
        expect(["2024-05-06 17:00", "2024-05-16 11:30", "2024-05-17 11:30", "2024-05-20 11:30"])
    );
}

// What is told.

#[test]
fn a_corrected_end_is_told() {
    let told_at_the_end = |history: History| {
        let steps = explain(told(&history), &|_| law().calendar);
        steps.into_iter().skip(17).map(|step| (step.vietnamese, step.english)).collect::<Vec<_>>()
    };
    let ended = then(received_on_monday(), [("2024-05-14 16:00", finish_processing())]);
    let end = (
        "14/05/2024: kết thúc xử lý lúc 16:00, trước hạn.".to_owned(),
        "14/05/2024: processing ended at 16:00, early.".to_owned(),
    );
    assert_eq!(told_at_the_end(ended.clone()), std::slice::from_ref(&end));
    let corrected = (
        "14/05/2024: đính chính, hồ sơ chưa kết thúc xử lý.".to_owned(),
        "14/05/2024: corrected, processing had not ended.".to_owned(),
    );
    let not_ended = then(ended.clone(), [("2024-05-14 16:05", correct())]);
    assert_eq!(told_at_the_end(not_ended), [end.clone(), corrected]);
    // That the result was not handed out says nothing about the due instant.
    let not_returned = then(ended, [("2024-05-14 16:10", return_result()), ("2024-05-14 16:15", correct())]);
    assert_eq!(told_at_the_end(not_returned), [end]);
}

#[test]
fn the_financial_state_and_the_delivery_have_names() {
    let states =
        [FinancialState::None, FinancialState::Due, FinancialState::Settled, FinancialState::Refunded];
    assert_eq!(states.map(FinancialState::name), ["NONE", "DUE", "SETTLED", "REFUNDED"]);
    let deliveries =
        [Delivery::None, Delivery::Ready, Delivery::Announced, Delivery::Returned(ReturnMethod::Post)];
    assert_eq!(deliveries.map(Delivery::name), ["NONE", "READY", "ANNOUNCED", "RETURNED"]);
}

#[test]
fn a_stage_that_nobody_knows_is_not_read() {
    assert_eq!(Stage::try_from("RECEIVED".to_owned()), Ok(Stage::Received));
    assert_eq!(Stage::try_from("LOST".to_owned()), Err(InvalidStage("LOST".to_owned())));
}

#[test]
fn who_did_it_takes_it_back() {
    let needs = |history| filed(history).correction_needs();
    let after = |command| then(received_on_monday(), [(TUESDAY, command)]);
    assert_eq!(needs(received_on_monday()), Function::Process);
    assert_eq!(needs(after(complete_step("THU_LY", &ten_days()))), Function::Process);
    assert_eq!(needs(after(finish_processing())), Function::Approve);
    assert_eq!(needs(after(stop())), Function::Approve);
    assert_eq!(needs(after(withdraw())), Function::Intake);
    assert_eq!(needs(then(online(), [(MONDAY, refuse())])), Function::Intake);
    assert_eq!(needs(then(after(finish_processing()), [(TUESDAY, return_result())])), Function::Intake);
}

// What is private.

/// Where sealed values lie in a stored event: `applicant.name`.
fn sealed(value: &serde_json::Value, path: &str) -> BTreeSet<String> {
    if value.as_str().is_some_and(|text| text.starts_with("sealed.")) {
        return BTreeSet::from([path.to_owned()]);
    }
    let dot = if path.is_empty() { "" } else { "." };
    let fields = value.as_object().into_iter().flatten();
    fields.flat_map(|(name, value)| sealed(value, &format!("{path}{dot}{name}"))).collect()
}

#[test]
fn every_sealed_value_of_every_event_is_shown_under_its_name() {
    // The golden files have every optional field. What is not shown is neither sealed nor opened nor erased.
    for type_name in Event::TYPE_NAMES {
        let file = format!("{}/golden/events/{type_name}.json", env!("CARGO_MANIFEST_DIR"));
        let stored = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut event = Event::decode(type_name, &stored).unwrap();
        let mut shown = BTreeSet::new();
        event.each_private(&mut |field, _, _| {
            assert!(shown.insert(field.to_owned()), "{type_name}: {field} twice")
        });
        assert_eq!(shown, sealed(&serde_json::from_str(&stored).unwrap(), ""), "{type_name}");
    }
}
