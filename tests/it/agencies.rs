//! Agencies from day to day: what they are called and coded, who is above them, who takes their place, and what becomes
//! of their open dossiers. The day is 1/7/2025, when districts went and communes were merged.

use api::input::{
    CarryOverInput, DecisionInput, EstablishAgencyInput, FinishProcessingInput, MoveAgencyInput,
    OfficeHoursInput, OnAgency, Outcome, RecodeAgencyInput, RegisterDossierInput, RenameAgencyInput,
    SetOfficeHoursInput, SubmitDossierInput, SucceedAgencyInput, SuccessorInput,
};
use api::service::{BoardQuestion, CarriedOver, Part, ProgressQuestion, Service};
use chrono::NaiveDate;
use domain::access::{Function, Powers, Scope};
use domain::identity::DossierId;
use infrastructure::clock::Clock;
use projections::Model;

use uuid::Uuid;

use crate::support::office::{
    ADMIN, AGENCY, INTAKE, LAN, LEADER, MAI, OTHER_AGENCY, ask, caller, complete, established, forward_to,
    hand_over, key, month_of, on, registered, registration, submission,
};
use crate::support::{Backend, Place, instant, on_each_backend, problem};

on_each_backend!(
    a_new_agency_may_begin_under_the_code_of_one_that_is_gone,
    the_world_before_and_after_the_first_of_july,
    a_code_belongs_to_one_agency_at_a_time,
    the_tree_has_no_circle,
    an_agency_that_is_gone_takes_in_nothing_more,
    open_dossiers_go_to_the_successor_and_figures_add_up,
    a_dossier_that_cannot_be_read_is_named_and_holds_up_no_other,
    a_retry_gets_the_first_answer,
    a_split_gives_each_field_to_its_successor,
    office_hours_of_a_place_hold_from_their_day_on,
    only_an_administrator_changes_agencies,
    names_that_are_kept_are_those_of_today,
);

/// The commune that takes the place of the two of `office`.
const NEW: &str = "000.00.30.H42";
const EVE: &str = "2025-06-30T09:00:00+07:00";
const FIRST: &str = "2025-07-01T09:00:00+07:00";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn first_of_july() -> NaiveDate {
    day("2025-07-01")
}

fn about(name: &str, agency: &str) -> OnAgency {
    let reference = "Nghị quyết 1664/NQ-UBTVQH15".to_owned();
    let decision = Some(DecisionInput { reference, decided_on: Some(day("2025-06-16")) });
    OnAgency {
        idempotency_key: key(name),
        expected_version: None,
        agency: agency.to_owned(),
        from: first_of_july(),
        decision,
    }
}

fn takes_the_rest(agency: &str) -> SuccessorInput {
    SuccessorInput { agency: agency.to_owned(), fields: None }
}

async fn on_the_eve(place: &Place) -> (Service, Clock) {
    let clock = Clock::fixed(instant(EVE));
    (established(place, clock.clone()).await, clock)
}

async fn establish(service: &Service, code: &str, from: Option<NaiveDate>) {
    let input = EstablishAgencyInput {
        from,
        national_code: Some("H42.30".to_owned()),
        ..EstablishAgencyInput::new(key(code), code, format!("UBND phường mới {code}"))
    };
    service.establish_agency(&caller(ADMIN), &input).await.unwrap();
    caught_up(service).await;
}

async fn caught_up(service: &Service) {
    service.read_side.catch_up().await.unwrap();
}

async fn succeed(service: &Service, agency: &str, by: Vec<SuccessorInput>) {
    let input = SucceedAgencyInput { on: about(&format!("succeed {agency}"), agency), by };
    service.succeed_agency(&caller(ADMIN), &input).await.unwrap();
    caught_up(service).await;
}

async fn carry_over(service: &Service, agency: &str) -> CarriedOver {
    let input = CarryOverInput { agency: agency.to_owned(), limit: None };
    let outcome = service.carry_over(&caller(ADMIN), &input).await.unwrap();
    caught_up(service).await;
    outcome
}

/// Codes and names on a day.
async fn tree(service: &Service, day: NaiveDate) -> Vec<(String, String)> {
    let rows = service.agencies_on(Some(day)).await.unwrap();
    rows.into_iter().map(|row| (row.code, row.name)).collect()
}

async fn the_world_before_and_after_the_first_of_july(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, _) = on_the_eve(&place).await;
    establish(&service, NEW, Some(first_of_july())).await;
    succeed(&service, AGENCY, vec![takes_the_rest(NEW)]).await;
    let rename = RenameAgencyInput {
        on: about("rename", OTHER_AGENCY),
        name: "Sở Nông nghiệp và Môi trường".to_owned(),
    };
    service.rename_agency(&caller(ADMIN), &rename).await.unwrap();
    let recode = RecodeAgencyInput {
        on: about("recode", OTHER_AGENCY),
        code: "000.00.31.H42".to_owned(),
        national_code: Some("H42.31".to_owned()),
    };
    service.recode_agency(&caller(ADMIN), &recode).await.unwrap();
    let below = MoveAgencyInput { on: about("move", "000.00.31.H42"), parent: Some(NEW.to_owned()) };
    service.move_agency(&caller(ADMIN), &below).await.unwrap();
    caught_up(&service).await;
    let of = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(code, name)| ((*code).to_owned(), (*name).to_owned())).collect()
    };
    assert_eq!(
        tree(&service, day("2025-06-30")).await,
        of(&[(AGENCY, "UBND 000.00.16.H42"), (OTHER_AGENCY, "UBND 000.00.17.H42")])
    );
    let after =
        of(&[(NEW, "UBND phường mới 000.00.30.H42"), ("000.00.31.H42", "Sở Nông nghiệp và Môi trường")]);
    assert_eq!(tree(&service, first_of_july()).await, after);
    let rows = service.agencies_on(Some(first_of_july())).await.unwrap();
    assert_eq!(rows[1].parent_id, Some(rows[0].agency_id));
    assert_eq!(rows[1].national_code.as_deref(), Some("H42.31"));
    // The table grows back from the log to the same, with every day of it.
    let before = projections::agency_directory::all(service.read_side.database()).await.unwrap();
    service.read_side.rebuild(&[Model::AgencyDirectory], |_| true).await.unwrap();
    let again = projections::agency_directory::all(service.read_side.database()).await.unwrap();
    assert_eq!(again, before);
}

async fn a_code_belongs_to_one_agency_at_a_time(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = on_the_eve(&place).await;
    caught_up(&service).await;
    let taken =
        RecodeAgencyInput { on: about("taken", OTHER_AGENCY), code: AGENCY.to_owned(), national_code: None };
    let refused = problem(service.recode_agency(&caller(ADMIN), &taken).await);
    assert_eq!(refused.code(), "AGENCY_CODE_TAKEN");
    // Two agencies change codes on one day: the first gives its own up, then the second takes it.
    let away = RecodeAgencyInput {
        on: about("away", AGENCY),
        code: "000.00.99.H42".to_owned(),
        national_code: None,
    };
    let (first, _) = service.recode_agency(&caller(ADMIN), &away).await.unwrap();
    caught_up(&service).await;
    let (second, _) = service.recode_agency(&caller(ADMIN), &taken).await.unwrap();
    caught_up(&service).await;
    let receiving = async |name: &str| {
        let accepted = registered(&service, name).await;
        caught_up(&service).await;
        let row = service.dossier_by_id(&caller(ADMIN), accepted.dossier_id).await;
        (row.unwrap().unwrap().receiving_agency, accepted.code.to_string())
    };
    let (agency, code) = receiving("on the eve").await;
    assert_eq!((agency, code.as_str()), (first.0, "000.00.16.H42-250630-0001"));
    clock.set(instant(FIRST));
    // Who acts for the second agency takes in under the code that was the first one's.
    let intake = caller("dev:intake:tiep-nhan@000.00.17.H42");
    let accepted = service.register_dossier(&intake, &registration(key("after")), None).await.unwrap();
    caught_up(&service).await;
    let row = service.dossier_by_id(&intake, accepted.dossier_id).await.unwrap().unwrap();
    assert_eq!(row.receiving_agency, second.0);
    assert_eq!(accepted.code.as_str(), "000.00.16.H42-250701-0001");
}

async fn a_new_agency_may_begin_under_the_code_of_one_that_is_gone(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = on_the_eve(&place).await;
    let old = registered(&service, "under the old one").await.dossier_id;
    let again = EstablishAgencyInput {
        from: Some(first_of_july()),
        ..EstablishAgencyInput::new(key("again"), AGENCY, "Ủy ban nhân dân phường mới")
    };
    let taken = problem(service.establish_agency(&caller(ADMIN), &again).await);
    assert_eq!(taken.code(), "AGENCY_ALREADY_ESTABLISHED", "it is there still");
    succeed(&service, AGENCY, vec![takes_the_rest(OTHER_AGENCY)]).await;
    let (new, _) = service.establish_agency(&caller(ADMIN), &again).await.unwrap();
    caught_up(&service).await;
    let (same, _) = service.establish_agency(&caller(ADMIN), &again).await.unwrap();
    assert_eq!(same, new);
    let row = service.dossier_by_id(&caller(ADMIN), old).await.unwrap().unwrap();
    assert_ne!(row.receiving_agency, new.0, "another agency under the same code");
    clock.set(instant(FIRST));
    let citizen = caller(crate::support::office::CITIZEN);
    let filed = service.submit_dossier(&citizen, &submission(key("to the new one")), None).await.unwrap();
    caught_up(&service).await;
    let row = service.dossier_by_id(&caller(ADMIN), filed.dossier_id).await.unwrap().unwrap();
    assert_eq!(row.receiving_agency, new.0);
    // The open dossiers of the old one go to its successor, whoever has its code by now.
    let outcome = carry_over(&service, AGENCY).await;
    assert_eq!(outcome, CarriedOver { carried: 1, ..CarriedOver::default() });
    // Of June the code means the old one.
    let part = Part { agency: Some(AGENCY.to_owned()), ..Part::default() };
    let question = ProgressQuestion { part, ..month_of("2025-06") };
    let figures = service.progress(&caller(ADMIN), &question).await.unwrap().rows;
    assert_eq!((figures.len(), figures[0].1.received), (1, 1));
    assert_ne!(figures[0].0.agency, Some(new.0));
    let rename = RenameAgencyInput { on: about("of today", AGENCY), name: "Tên của hôm nay".to_owned() };
    let (renamed, _) = service.rename_agency(&caller(ADMIN), &rename).await.unwrap();
    assert_eq!(renamed, new, "a code names who has it today");
}

async fn the_tree_has_no_circle(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, _) = on_the_eve(&place).await;
    caught_up(&service).await;
    let under = async |name: &str, child: &str, parent: &str| {
        let input = MoveAgencyInput { on: about(name, child), parent: Some(parent.to_owned()) };
        service.move_agency(&caller(ADMIN), &input).await
    };
    under("one", AGENCY, OTHER_AGENCY).await.unwrap();
    let refused = problem(under("two", OTHER_AGENCY, AGENCY).await);
    assert_eq!(refused.code(), "AGENCY_TREE_HAS_A_CIRCLE");
    // Nor by what holds later already.
    let mut earlier = MoveAgencyInput { on: about("five", OTHER_AGENCY), parent: Some(AGENCY.to_owned()) };
    earlier.on.from = day("2025-06-01");
    let refused = problem(service.move_agency(&caller(ADMIN), &earlier).await);
    assert_eq!(refused.code(), "AGENCY_TREE_HAS_A_CIRCLE");
    let refused = problem(under("three", AGENCY, AGENCY).await);
    assert_eq!(refused.code(), "AGENCY_TREE_HAS_A_CIRCLE");
    let refused = problem(under("four", AGENCY, "000.00.98.H42").await);
    assert_eq!(refused.code(), "NOT_FOUND");
}

async fn an_agency_that_is_gone_takes_in_nothing_more(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = on_the_eve(&place).await;
    establish(&service, NEW, Some(first_of_july())).await;
    let early = SubmitDossierInput { receiving_agency: NEW.to_owned(), ..submission(key("too early")) };
    let citizen = caller(crate::support::office::CITIZEN);
    let refused = problem(service.submit_dossier(&citizen, &early, None).await);
    assert_eq!(refused.code(), "NOT_FOUND", "it is not there yet");
    succeed(&service, AGENCY, vec![takes_the_rest(NEW)]).await;
    registered(&service, "on its last day").await;
    clock.set(instant(FIRST));
    let late = service.register_dossier(&caller(INTAKE), &registration(key("late")), None).await;
    assert_eq!(problem(late).code(), "AGENCY_SUCCEEDED");
    let sent = SubmitDossierInput { receiving_agency: NEW.to_owned(), ..submission(key("there now")) };
    service.submit_dossier(&citizen, &sent, None).await.unwrap();
    // A dossier of before is still found under the old code.
    let search = api::service::SearchInput { agency: Some(AGENCY.to_owned()), ..Default::default() };
    caught_up(&service).await;
    assert_eq!(service.count_dossiers(&caller(ADMIN), &search).await.unwrap(), 1);
    let again = CarryOverInput { agency: NEW.to_owned(), limit: None };
    let refused = problem(service.carry_over(&caller(ADMIN), &again).await);
    assert_eq!(refused.code(), "AGENCY_NOT_SUCCEEDED");
}

async fn open_dossiers_go_to_the_successor_and_figures_add_up(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = on_the_eve(&place).await;
    establish(&service, NEW, Some(first_of_july())).await;
    let open = registered(&service, "open").await.dossier_id;
    let elsewhere = registered(&service, "with the other agency").await.dossier_id;
    hand_over(&service, LEADER, OTHER_AGENCY, MAI, "hand over", elsewhere).await;
    let ended = registered(&service, "ended, not collected").await.dossier_id;
    let closed = registered(&service, "withdrawn").await.dossier_id;
    for id in [ended, closed] {
        service
            .forward_dossier(&caller(LEADER), &forward_to(LAN, key(&format!("to {id}")), id))
            .await
            .unwrap();
        service.complete_step(&caller(LAN), &complete(key(&format!("step {id}")), id)).await.unwrap();
    }
    let finish =
        FinishProcessingInput { on: on(key("finish"), ended), outcome: Outcome::Granted, note: None };
    service.finish_processing(&caller(LEADER), &finish).await.unwrap();
    let withdraw = api::input::WithdrawDossierInput { on: on(key("withdraw"), closed), reason: None };
    service.withdraw_dossier(&caller(INTAKE), &withdraw).await.unwrap();
    succeed(&service, AGENCY, vec![takes_the_rest(NEW)]).await;
    // Not before its day.
    let early = CarryOverInput { agency: AGENCY.to_owned(), limit: None };
    let refused = problem(service.carry_over(&caller(ADMIN), &early).await);
    assert_eq!(refused.code(), "AGENCY_NOT_SUCCEEDED");
    clock.set(instant(FIRST));
    let one = CarryOverInput { agency: AGENCY.to_owned(), limit: Some(1) };
    let outcome = service.carry_over(&caller(ADMIN), &one).await.unwrap();
    assert_eq!(outcome, CarriedOver { carried: 1, remaining: true, failed: Vec::new() });
    caught_up(&service).await;
    assert_eq!(carry_over(&service, AGENCY).await, CarriedOver { carried: 2, ..CarriedOver::default() });
    let head = service.store().head().await.unwrap();
    assert_eq!(carry_over(&service, AGENCY).await, CarriedOver { carried: 0, ..CarriedOver::default() });
    assert_eq!(service.store().head().await.unwrap(), head, "once");

    let new = service.agencies_on(Some(first_of_july())).await.unwrap();
    let new = new.iter().find(|row| row.code == NEW).unwrap().agency_id;
    for (id, competent, holder) in [(open, new, new), (ended, new, new)] {
        let row = service.dossier_by_id(&caller(ADMIN), id).await.unwrap().unwrap();
        assert_eq!((row.competent_agency, row.holder_agency), (competent, Some(holder)));
    }
    let row = service.dossier_by_id(&caller(ADMIN), elsewhere).await.unwrap().unwrap();
    assert_eq!(row.receiving_agency, new);
    assert_ne!(row.holder_agency, Some(new), "the other agency has it in hand still");
    let row = service.dossier_by_id(&caller(ADMIN), closed).await.unwrap().unwrap();
    assert_ne!(row.competent_agency, new, "what is closed stays where it was closed");

    // June is told as it was, July as it is, and both add up.
    let figures = async |month: &str| service.progress(&caller(ADMIN), &month_of(month)).await.unwrap().rows;
    for month in ["2025-06", "2025-07"] {
        for (_, row) in figures(month).await {
            let ended = row.resolved() + row.withdrawn + row.stopped;
            assert_eq!(row.to_process(), ended + row.pending() + row.paused, "{month} {row:?}");
        }
    }
    let (june, july) = (figures("2025-06").await, figures("2025-07").await);
    assert_eq!(june.len(), 1);
    let (old, then) = &june[0];
    assert_eq!((then.received, then.early, then.withdrawn, then.pending()), (4, 1, 1, 2));
    let of = |agency: Option<Uuid>| &july.iter().find(|(key, _)| key.agency == agency).unwrap().1;
    let old = of(old.agency);
    assert_eq!((old.carried_over, old.passed_on, old.pending()), (2, 2, 0));
    let taken = of(Some(new));
    assert_eq!((taken.carried_over, taken.taken_over, taken.pending()), (0, 2, 2));
    let board = service.deadline_board(&caller(ADMIN), &BoardQuestion::default()).await.unwrap().counts;
    assert_eq!(board.on_time, 2);
    // The same figures from an empty table.
    service.read_side.rebuild(Model::ALL, |_| true).await.unwrap();
    assert_eq!(figures("2025-07").await, july);

    // The successor's people go on with it; the officer acts for the new agency now.
    let lan = caller("dev:officer:lan@000.00.30.H42");
    let leader = caller("dev:leader:lanh-dao@000.00.30.H42");
    service.forward_dossier(&leader, &forward_to(LAN, key("go on"), open)).await.unwrap();
    service.complete_step(&lan, &complete(key("go on, step"), open)).await.unwrap();
    let gone = service.complete_step(&caller(LAN), &complete(key("as before"), open)).await;
    assert_eq!(problem(gone).code(), "NOT_FOUND", "who acts for an agency that is gone sees nothing of it");
}

/// What a retry asks about may be another agency's by now: it gets its answer all the same.
async fn a_dossier_that_cannot_be_read_is_named_and_holds_up_no_other(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = on_the_eve(&place).await;
    establish(&service, NEW, Some(first_of_july())).await;
    registered(&service, "readable").await;
    let unreadable = registered(&service, "unreadable").await;
    succeed(&service, AGENCY, vec![takes_the_rest(NEW)]).await;
    clock.set(instant(FIRST));
    place.poison(unreadable.dossier_id, unreadable.done.version.0 + 1).await;
    // Nothing is known of this one, not even whose it is.
    let unknown = DossierId(key("unknown"));
    place.poison(unknown, 1).await;
    caught_up(&service).await;

    let input = CarryOverInput { agency: AGENCY.to_owned(), limit: None };
    // It is a change for all: to administer one agency is not enough.
    let mut elsewhere = caller(ADMIN);
    let other = Scope::of(caller(MAI).principal.acting_as.agency);
    elsewhere.principal.powers = Powers::over(&[Function::Administer], &other);
    assert_eq!(problem(service.carry_over(&elsewhere, &input).await).code(), "NO_FUNCTION");

    let mut failed = [unreadable.dossier_id.0, unknown.0].map(|id| (id, "DOSSIER_UNREADABLE"));
    failed.sort();
    for carried in [1, 0] {
        let mut outcome = carry_over(&service, AGENCY).await;
        outcome.failed.sort_by_key(|failed| failed.dossier_id);
        let named: Vec<(Uuid, &str)> =
            outcome.failed.iter().map(|failed| (failed.dossier_id, failed.problem.code())).collect();
        assert_eq!(named, failed);
        assert_eq!((outcome.carried, outcome.remaining), (carried, false));
    }
    let query = "mutation M($input: CarryOverInput!) { carryOver(input: $input) {
        failed failures { dossierId problems { code } } } }";
    let answer = ask(&service, ADMIN, query, serde_json::json!({"input": {"agency": AGENCY}})).await;
    let answer = &answer["carryOver"];
    let told: Vec<serde_json::Value> = failed
        .iter()
        .map(|(id, code)| serde_json::json!({"dossierId": id, "problems": [{"code": code}]}))
        .collect();
    let mut failures = answer["failures"].as_array().unwrap().clone();
    failures.sort_by_key(|failure| failure["dossierId"].as_str().map(str::to_owned));
    assert_eq!(failures, told);
    assert_eq!(answer["failed"].as_array().unwrap().len(), 2);
}

async fn a_retry_gets_the_first_answer(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, _) = on_the_eve(&place).await;
    let away = RecodeAgencyInput {
        on: about("away", AGENCY),
        code: "000.00.99.H42".to_owned(),
        national_code: None,
    };
    let first = service.recode_agency(&caller(ADMIN), &away).await.unwrap();
    let taken =
        RecodeAgencyInput { on: about("taken", OTHER_AGENCY), code: AGENCY.to_owned(), national_code: None };
    service.recode_agency(&caller(ADMIN), &taken).await.unwrap();
    assert_eq!(service.recode_agency(&caller(ADMIN), &away).await.unwrap(), first);
    let other = RecodeAgencyInput { code: "000.00.98.H42".to_owned(), ..away };
    let refused = problem(service.recode_agency(&caller(ADMIN), &other).await);
    assert_eq!(refused.code(), "IDEMPOTENCY_KEY_REUSED");
    // Two agencies do not take each other's place, in whatever order it is said.
    let mut later =
        SucceedAgencyInput { on: about("later", "000.00.99.H42"), by: vec![takes_the_rest(AGENCY)] };
    later.on.from = day("2025-08-01");
    service.succeed_agency(&caller(ADMIN), &later).await.unwrap();
    let back = SucceedAgencyInput { on: about("back", AGENCY), by: vec![takes_the_rest("000.00.99.H42")] };
    let refused = problem(service.succeed_agency(&caller(ADMIN), &back).await);
    assert_eq!(refused.code(), "AGENCY_TREE_HAS_A_CIRCLE");
}

async fn a_split_gives_each_field_to_its_successor(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = on_the_eve(&place).await;
    establish(&service, NEW, Some(first_of_july())).await;
    let definition = serde_json::from_value(serde_json::json!({
        "name": "Giao đất", "field_code": "H42-LV07", "term": {"fixed": {"working_days": 20}},
        "steps": [{"name": "Giải quyết", "group": "X", "tasks": [{"code": "KY", "name": "Ký"}]}],
    }));
    let code = domain::codes::ProcedureCode::parse("LAND").unwrap();
    service.publish_procedure(&caller(ADMIN), &code, &definition.unwrap(), &[]).await.unwrap();
    let other_field = registered(&service, "other field").await.dossier_id;
    let submit = SubmitDossierInput { procedure: "LAND".to_owned(), ..submission(key("land")) };
    let land = RegisterDossierInput { submit, ..registration(key("land")) };
    let land = service.register_dossier(&caller(INTAKE), &land, None).await.unwrap().dossier_id;
    let for_land = SuccessorInput { agency: NEW.to_owned(), fields: Some(vec!["H42-LV07".to_owned()]) };
    let nobody_takes_the_rest =
        SucceedAgencyInput { on: about("unclear", AGENCY), by: vec![for_land.clone()] };
    let refused = service.succeed_agency(&caller(ADMIN), &nobody_takes_the_rest).await;
    assert_eq!(problem(refused).code(), "AGENCY_SUCCESSORS_UNCLEAR");
    succeed(&service, AGENCY, vec![for_land, takes_the_rest(OTHER_AGENCY)]).await;
    clock.set(instant(FIRST));
    assert_eq!(carry_over(&service, AGENCY).await, CarriedOver { carried: 2, ..CarriedOver::default() });
    let codes = service.names().await.unwrap().agencies.clone();
    for (id, code) in [(land, NEW), (other_field, OTHER_AGENCY)] {
        let row = service.dossier_by_id(&caller(ADMIN), id).await.unwrap().unwrap();
        assert_eq!(codes[&row.competent_agency].code, code);
    }
}

async fn office_hours_of_a_place_hold_from_their_day_on(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = on_the_eve(&place).await;
    let time = |text: &str| text.parse().unwrap();
    let office_hours = OfficeHoursInput {
        morning_opens: time("08:00:00"),
        morning_closes: time("12:00:00"),
        afternoon_opens: time("13:00:00"),
        afternoon_closes: time("16:30:00"),
    };
    let input = SetOfficeHoursInput { on: about("hours", AGENCY), office_hours };
    service.set_office_hours(&caller(ADMIN), &input).await.unwrap();
    let out_of_order = OfficeHoursInput { afternoon_opens: time("11:00:00"), ..office_hours };
    let wrong = SetOfficeHoursInput { on: about("wrong", AGENCY), office_hours: out_of_order };
    assert_eq!(problem(service.set_office_hours(&caller(ADMIN), &wrong).await).code(), "BAD_USER_INPUT");
    let due = async |name: &str| {
        let id = registered(&service, name).await.dossier_id;
        caught_up(&service).await;
        let due_at = service.dossier_by_id(&caller(ADMIN), id).await.unwrap().unwrap().due_at.unwrap();
        infrastructure::event_store::instant(due_at)
    };
    // Five working days, to the end of the day as the office had it when it took the dossier in.
    assert_eq!(due("before").await, instant("2025-07-07T17:00:00+07:00"));
    clock.set(instant(FIRST));
    assert_eq!(due("after").await, instant("2025-07-08T16:30:00+07:00"));
}

async fn only_an_administrator_changes_agencies(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, _) = on_the_eve(&place).await;
    caught_up(&service).await;
    let head = service.store().head().await.unwrap();
    for who in [LEADER, LAN, INTAKE] {
        let rename = RenameAgencyInput { on: about("rename", AGENCY), name: "Của tôi".to_owned() };
        let refused = problem(service.rename_agency(&caller(who), &rename).await);
        assert_eq!(refused.code(), "NO_FUNCTION", "{who}");
        let carry = CarryOverInput { agency: AGENCY.to_owned(), limit: None };
        assert_eq!(problem(service.carry_over(&caller(who), &carry).await).code(), "NO_FUNCTION", "{who}");
        let succeed =
            SucceedAgencyInput { on: about("succeed", AGENCY), by: vec![takes_the_rest(OTHER_AGENCY)] };
        let refused = problem(service.succeed_agency(&caller(who), &succeed).await);
        assert_eq!(refused.code(), "NO_FUNCTION", "{who}");
    }
    let mut without =
        SucceedAgencyInput { on: about("none", AGENCY), by: vec![takes_the_rest(OTHER_AGENCY)] };
    without.on.decision = None;
    assert_eq!(problem(service.succeed_agency(&caller(ADMIN), &without).await).code(), "BAD_USER_INPUT");
    assert_eq!(service.store().head().await.unwrap(), head);
}

/// Two processes: one keeps the names, the other changes them, and days pass.
async fn names_that_are_kept_are_those_of_today(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = on_the_eve(&place).await;
    let other = crate::support::office::open(&place, clock.clone()).await;
    let called = async |code: &str| {
        let names = other.names().await.unwrap();
        names.agencies.values().find(|row| row.code == code).map(|row| row.name.clone())
    };
    let follower = service.read_side.follow();
    let fed = async || {
        let head = service.store().head().await.unwrap();
        service.wait_for(Model::ALL, Some(head)).await.unwrap();
    };
    fed().await;
    let old = called(OTHER_AGENCY).await.unwrap();
    let kept = other.names().await.unwrap();

    // Dossiers come and go, and the names stay in memory.
    registered(&service, "somebody's").await;
    fed().await;
    assert!(std::sync::Arc::ptr_eq(&kept, &other.names().await.unwrap()));

    let rename = RenameAgencyInput { on: about("rename", OTHER_AGENCY), name: "Sở Mới".to_owned() };
    service.rename_agency(&caller(ADMIN), &rename).await.unwrap();
    fed().await;
    assert_eq!(called(OTHER_AGENCY).await.as_ref(), Some(&old), "until the first of July");
    clock.set(instant(FIRST));
    assert_eq!(called(OTHER_AGENCY).await.as_deref(), Some("Sở Mới"));

    let at_once = RenameAgencyInput {
        on: OnAgency { idempotency_key: key("again"), ..about("again", AGENCY) },
        name: "UBND phường Mới".to_owned(),
    };
    service.rename_agency(&caller(ADMIN), &at_once).await.unwrap();
    fed().await;
    assert_eq!(called(AGENCY).await.as_deref(), Some("UBND phường Mới"));
    let before = other.names().await.unwrap();
    // A rebuilt table is another one, though it says the same.
    service.read_side.rebuild(&[Model::AgencyDirectory], |_| true).await.unwrap();
    let after = other.names().await.unwrap();
    assert!(!std::sync::Arc::ptr_eq(&before, &after));
    assert_eq!(before.agencies, after.agencies);
    follower.stop().await;
}
