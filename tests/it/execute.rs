//! The command path through the service, as every interface takes it: retries, stale caches of two processes,
//! conflicts, codes, and what stays sealed.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use api::http::{Settings, router};
use api::input::{ApplicantInput, ForwardDossierInput, SubmitDossierInput, SupplementInput};
use api::problem::{Failure, Problem, ServiceError};
use api::service::{Accepted, Service};
use axum::body::Body;
use axum::http::Request as HttpRequest;
use domain::access::Denial;
use domain::agency::{self, Agency};
use domain::code_book;
use domain::codes::AgencyCode;
use domain::decider::StoredEvent;
use domain::dossier;
use domain::identity::{AgencyId, AppendId, CommandId, DossierId};
use domain::recorded::{Position, Version};
use domain::time::{Instant, local_date};
use infrastructure::clock::Clock;
use infrastructure::db::Db;
use infrastructure::event_store::{Append, Expected, NewEvent, PageLimit, StoreError, StoredRow};
use infrastructure::execute::{ExecuteError, Refusal, Request};
use infrastructure::location::DbUrl;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tower::ServiceExt;
use uuid::Uuid;

use crate::support::office::{
    ADMIN, AGENCY, CITIZEN, HUNG, INTAKE, LAN, LEADER, MAI, OTHER_AGENCY, PROCEDURE, caller, codes, complete,
    establish, established, forward_to, hand_over, key, on, open, registered, registration, sending,
    submission, take,
};
use crate::support::{Backend, Place, assert_sound, instant, on_each_backend, problem, whole_log};

on_each_backend!(
    a_repeated_command_gets_the_same_answer_and_writes_nothing,
    a_repeat_is_answered_from_where_the_dossier_is_out_of_scope_by_now,
    a_key_used_for_another_request_is_refused,
    a_key_whose_code_was_given_at_another_agency_is_refused,
    a_retry_the_day_after_keeps_code_and_entry_time,
    a_retry_is_judged_as_of_its_entry,
    a_form_is_judged_and_only_what_it_marks_is_public,
    a_refusal_costs_no_number,
    the_same_command_racing_through_two_processes_is_done_once,
    what_another_try_of_the_same_command_changed_refuses_nobody,
    a_stale_cache_refuses_nobody_who_may_act,
    a_stale_cache_lets_nobody_act_who_may_not,
    forwarding_stays_where_the_dossier_is,
    a_version_conflict_says_who_did_what_since,
    a_version_conflict_tells_nothing_to_somebody_who_may_not_act,
    a_client_that_saw_more_than_this_process_is_right,
    a_command_gives_up_when_others_are_always_faster,
    a_command_with_an_expected_version_is_not_retried,
    codes_are_distinct_across_two_processes,
    codes_of_a_day_end_at_9999,
    what_is_sealed_opens_again_and_is_nowhere_else,
    errors_do_not_repeat_what_is_private,
    an_unknown_event_type_stops_commands_on_its_stream,
    texts_that_no_database_takes_are_refused,
);

const MORNING: &str = "2024-04-26T02:00:00Z";

fn at(text: &str) -> Clock {
    Clock::fixed(instant(text))
}

fn renamed(name: &str) -> agency::Event {
    agency::Event::Renamed(agency::Renamed { name: name.to_owned(), from: None, decision: None })
}

async fn submit(service: &Service, input: &SubmitDossierInput) -> Result<Accepted, ServiceError> {
    service.submit_dossier(&caller(CITIZEN), input, None).await
}

async fn forward(service: &Service, by: &str, input: &ForwardDossierInput) -> Result<Accepted, ServiceError> {
    service.forward_dossier(&caller(by), input).await
}

/// `LAN` or somebody else does the first task.
async fn do_task(
    service: &Service,
    by: &str,
    name: &str,
    dossier: DossierId,
) -> Result<Accepted, ServiceError> {
    service.complete_step(&caller(by), &complete(key(name), dossier)).await
}

async fn head(service: &Service) -> Position {
    service.store().head().await.unwrap()
}

/// The problem that a command met.
#[track_caller]
fn store_error<T: std::fmt::Debug>(outcome: Result<T, ServiceError>) -> StoreError {
    match outcome {
        Err(ServiceError::Failure(Failure::Store(error))) => error,
        other => panic!("expected a failure of the log, got {other:?}"),
    }
}

async fn a_repeated_command_gets_the_same_answer_and_writes_nothing(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let mut service = established(&place, at(MORNING)).await;
    let first = submit(&service, &submission(key("submit"))).await.unwrap();
    let counter = registered(&service, "register").await;
    let dossier = counter.dossier_id;
    let forwarded = forward(&service, LEADER, &forward_to(LAN, key("forward"), dossier)).await.unwrap();
    let mut task = complete(key("task"), dossier);
    task.on.expected_version = Some(forwarded.done.version.0);
    let done = service.complete_step(&caller(LAN), &task).await.unwrap();
    let before = whole_log(service.store()).await;
    assert_eq!(done.done.position, Position(before.last().unwrap().position));
    for round in 0..2 {
        assert_eq!(submit(&service, &submission(key("submit"))).await.unwrap(), first);
        assert_eq!(registered(&service, "register").await, counter);
        let again = forward(&service, LEADER, &forward_to(LAN, key("forward"), dossier)).await;
        assert_eq!(again.unwrap(), forwarded, "although the dossier is there already");
        let again = service.complete_step(&caller(LAN), &task).await;
        assert_eq!(again.unwrap(), done, "although the version it expected is stale");
        assert_eq!(whole_log(service.store()).await, before, "a repeat wrote something");
        if round == 0 {
            service = open(&place, at("2024-04-29T02:00:00Z")).await;
        }
    }
}

async fn a_repeat_is_answered_from_where_the_dossier_is_out_of_scope_by_now(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, at(MORNING)).await;
    let dossier = registered(&service, "register").await.dossier_id;
    hand_over(&service, LEADER, OTHER_AGENCY, MAI, "there", dossier).await;
    let done = do_task(&service, MAI, "task", dossier).await.unwrap();
    let back = sending(AGENCY, "back", dossier);
    let sent = service.send_dossier(&caller(MAI), &back).await.unwrap();
    take(&service, LAN, "back", dossier).await;
    let before = head(&service).await;
    for service in [&service, &open(&place, at(MORNING)).await] {
        assert_eq!(do_task(service, MAI, "task", dossier).await.unwrap(), done);
        assert_eq!(service.send_dossier(&caller(MAI), &back).await.unwrap(), sent);
        let anew = do_task(service, MAI, "anew", dossier).await;
        assert_eq!(problem(anew), Problem::NotFound { what: "dossier" }, "a new command learns nothing");
        let mut faulty = complete(key("faulty"), dossier);
        faulty.step = "không có".to_owned();
        let there = problem(service.complete_step(&caller(MAI), &faulty).await);
        faulty.on.dossier_id = Uuid::nil();
        assert_eq!(
            there,
            problem(service.complete_step(&caller(MAI), &faulty).await),
            "a fault tells it apart"
        );
    }
    assert_eq!(head(&service).await, before);
}

async fn a_key_used_for_another_request_is_refused(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, at(MORNING)).await;
    let first = submit(&service, &submission(key("submit"))).await.unwrap();
    let (one, two) = (registered(&service, "one").await, registered(&service, "two").await);
    forward(&service, LEADER, &forward_to(LAN, key("forward"), one.dossier_id)).await.unwrap();
    let before = head(&service).await;

    let mut other = submission(key("submit"));
    other.applicant.name.push('!');
    assert_eq!(problem(submit(&service, &other).await), Problem::KeyReused);
    let to_hung = forward_to(HUNG, key("forward"), one.dossier_id);
    assert_eq!(problem(forward(&service, LEADER, &to_hung).await), Problem::KeyReused, "the same dossier");
    let of_two = forward_to(LAN, key("forward"), two.dossier_id);
    assert_eq!(problem(forward(&service, LEADER, &of_two).await), Problem::KeyReused, "another dossier");
    assert_eq!(head(&service).await, before);

    // The same key of somebody else, or for something else, is another command.
    let theirs = service.submit_dossier(&caller(INTAKE), &submission(key("submit")), None).await.unwrap();
    assert_ne!(theirs.dossier_id, first.dossier_id);
    do_task(&service, LAN, "forward", one.dossier_id).await.unwrap();
}

/// No dossier can be written while this holds, codes can: as if the process died between the two.
async fn die_before_the_dossier(
    place: &Place,
    entering: impl Future<Output = Result<Accepted, ServiceError>>,
) {
    place.refuse_insert("NEW.type LIKE 'dossier.%'", "P0001").await;
    let died = store_error(entering.await);
    assert!(matches!(died, StoreError::Unavailable(_)), "{died:?}");
    place.allow_insert().await;
}

async fn a_key_whose_code_was_given_at_another_agency_is_refused(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, at(MORNING)).await;
    let here = submission(key("submit"));
    die_before_the_dossier(&place, submit(&service, &here)).await;
    let there = SubmitDossierInput { receiving_agency: OTHER_AGENCY.to_owned(), ..here.clone() };
    let first_there = SubmitDossierInput { idempotency_key: key("first there"), ..there.clone() };
    submit(&service, &first_there).await.unwrap();
    // The number that the key has is the first of this agency; over there the first one is somebody's already.
    assert_eq!(problem(submit(&service, &there).await), Problem::KeyReused);
    submit(&service, &here).await.unwrap();
    let codes = codes(&whole_log(service.store()).await);
    let used: HashSet<_> = codes.used.values().map(String::as_str).collect();
    assert_eq!(used, HashSet::from(["000.00.16.H42-240426-0001", "000.00.17.H42-240426-0001"]));
}

async fn a_retry_the_day_after_keeps_code_and_entry_time(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let before_midnight = "2024-04-26T16:59:59.999999Z";
    let service = established(&place, at(before_midnight)).await;
    let late = submission(key("late"));
    die_before_the_dossier(&place, submit(&service, &late)).await;

    let service = open(&place, at("2024-04-26T17:00:00Z")).await;
    let next = submit(&service, &submission(key("next day"))).await.unwrap();
    let retried = submit(&service, &late).await.unwrap();
    let rows = whole_log(service.store()).await;
    assert_sound(&rows);
    let codes = codes(&rows);
    assert_eq!(codes.used[&next.dossier_id], "000.00.16.H42-240427-0001");
    assert_eq!(codes.used[&retried.dossier_id], "000.00.16.H42-240426-0001");
    assert_eq!(codes.unused.len(), 0, "a number was given twice: {codes:?}");
    let row = rows.iter().find(|row| row.stream == dossier::stream(retried.dossier_id)).unwrap();
    assert_eq!(row.occurred_at, instant(before_midnight).timestamp_micros());
    assert_eq!(row.recorded_at, instant("2024-04-26T17:00:00Z").timestamp_micros());
}

/// A clock that has run beyond the calendar would compute no appointment; the entry was in time.
async fn a_retry_is_judged_as_of_its_entry(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, at(MORNING)).await;
    let input = registration(key("counter"));
    let register =
        async |service: &Service, input| service.register_dossier(&caller(INTAKE), input, None).await;
    die_before_the_dossier(&place, register(&service, &input)).await;
    let later = open(&place, at("2090-01-02T02:00:00Z")).await;
    let retried = register(&later, &input).await.unwrap();
    let rows = whole_log(service.store()).await;
    let received = rows.iter().find(|row| row.type_name == "dossier.received.v1").unwrap();
    assert_eq!(received.occurred_at, instant(MORNING).timestamp_micros());
    assert!(received.data.contains(r#""due_at":"2024-05-07"#), "{}", received.data);
    assert_eq!(codes(&rows).used[&retried.dossier_id], "000.00.16.H42-240426-0001");
    let anew = register(&later, &registration(key("anew"))).await;
    assert_eq!(problem(anew).code(), "CALENDAR_UNKNOWN");
}

async fn a_form_is_judged_and_only_what_it_marks_is_public(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, at(MORNING)).await;
    let definition = serde_json::from_value(json!({
        "name": "Cấp giấy phép",
        "term": {"fixed": {"working_days": 5}},
        "form": {
            "schema": {
                "type": "object",
                "properties": {
                    "area": {"type": "integer", "minimum": 1, "x-public": true},
                    "owner": {"type": "string"},
                },
                "required": ["area", "owner"],
                "additionalProperties": false,
            },
        },
        "steps": [{"name": "Giải quyết", "group": "CHUYEN_MON", "tasks": [{"code": "KY", "name": "Ký"}]}],
        "end_of_processing": {"task": "KY"},
    }))
    .unwrap();
    let code = domain::codes::ProcedureCode::parse("FORM").unwrap();
    let published = service.publish_procedure(&caller(ADMIN), &code, &definition, &[]).await.unwrap();
    assert_eq!(published, api::service::Published::Version(1));
    let with = |name: &str, form: Value| SubmitDossierInput {
        procedure: "FORM".to_owned(),
        form: Some(api::input::Json(form)),
        ..submission(key(name))
    };
    let before = head(&service).await;
    for (form, reason) in [
        (json!({"area": 0, "owner": "MẪU Phan Thị Khuê"}), "/area"),
        (json!({"owner": "MẪU Phan Thị Khuê"}), "area"),
        (json!({"area": 1, "owner": "MẪU Phan Thị Khuê", "more": 1}), "more"),
        (json!([]), "must be a JSON object"),
    ] {
        let Problem::InvalidInput { field, reason: said } =
            problem(submit(&service, &with("bad", form)).await)
        else {
            panic!("taken")
        };
        assert!(field == "form" && said.contains(reason) && !said.contains("Khuê"), "{said}");
    }
    assert_eq!(head(&service).await, before);
    let form = json!({"area": 120, "owner": "MẪU Phan Thị Khuê"});
    submit(&service, &with("good", form)).await.unwrap();
    let rows = whole_log(service.store()).await;
    let row = rows.last().unwrap();
    assert!(row.data.contains(r#""public_form":{"area":120}"#) && !row.data.contains("Khuê"), "{}", row.data);
}

async fn a_refusal_costs_no_number(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, at(MORNING)).await;
    let before = head(&service).await;
    let good = submission(key("good"));
    let nameless = ApplicantInput { name: " ".to_owned(), ..good.applicant.clone() };
    for (bad, code) in [
        (SubmitDossierInput { procedure: "DT99".to_owned(), ..good.clone() }, "NOT_FOUND"),
        (SubmitDossierInput { procedure: "a b".to_owned(), ..good.clone() }, "BAD_USER_INPUT"),
        (SubmitDossierInput { receiving_agency: "000.00.99.H42".to_owned(), ..good.clone() }, "NOT_FOUND"),
        (SubmitDossierInput { applicant: nameless, ..good.clone() }, "BAD_USER_INPUT"),
    ] {
        assert_eq!(problem(submit(&service, &bad).await).code(), code);
    }
    let mut appointed = registration(key("appointed"));
    appointed.appointment = Some(instant("2024-05-30T02:00:00Z").fixed_offset());
    let register = async |token| service.register_dossier(&caller(token), &appointed, None).await;
    assert_eq!(problem(register(INTAKE).await).code(), "APPOINTMENT_FIXED");
    assert_eq!(problem(register(CITIZEN).await).code(), "NO_FUNCTION");
    let too_late = open(&place, at("2090-01-02T02:00:00Z")).await;
    let unloaded = too_late.register_dossier(&caller(INTAKE), &registration(key("unloaded")), None).await;
    assert_eq!(problem(unloaded).code(), "CALENDAR_UNKNOWN");
    assert_eq!(head(&service).await, before, "a refusal wrote something");

    submit(&service, &good).await.unwrap();
    let codes = codes(&whole_log(service.store()).await);
    assert_eq!(codes.used.into_values().collect::<Vec<_>>(), ["000.00.16.H42-240426-0001"]);
}

async fn the_same_command_racing_through_two_processes_is_done_once(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let one = established(&place, at(MORNING)).await;
    let two = open(&place, at(MORNING)).await;
    let dossier = registered(&one, "register").await.dossier_id;
    let before = head(&one).await.0;
    for round in 0..40 {
        let input = submission(key(&format!("submit {round}")));
        let to = if round % 2 == 0 { LAN } else { HUNG };
        let forward_input = forward_to(to, key(&format!("forward {round}")), dossier);
        let (a, b, c, d) = tokio::join!(
            submit(&one, &input),
            submit(&two, &input),
            forward(&one, LEADER, &forward_input),
            forward(&two, LEADER, &forward_input),
        );
        assert_eq!(a.unwrap(), b.unwrap());
        assert_eq!(c.unwrap(), d.unwrap());
    }
    let rows = whole_log(&two.executor.store).await;
    assert_sound(&rows);
    assert_eq!(head(&one).await.0, before + 40 * 3, "a code, a submission and a hand-over per round");
    assert_eq!(codes(&rows).unused.len(), 0);
}

async fn a_stale_cache_refuses_nobody_who_may_act(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let here = established(&place, at(MORNING)).await;
    let there = open(&place, at(MORNING)).await;
    let dossier = registered(&here, "register").await.dossier_id;
    forward(&here, LEADER, &forward_to(HUNG, key("to hung"), dossier)).await.unwrap();
    do_task(&here, HUNG, "by hung", dossier).await.unwrap();
    let assigned = forward(&there, LEADER, &forward_to(LAN, key("to lan"), dossier)).await.unwrap();
    // This process believes that Hùng has it.
    let done = do_task(&here, LAN, "by lan", dossier).await.unwrap();
    assert_eq!(done.done.version, Version(assigned.done.version.0 + 1));

    // A dossier that this process does not know at all.
    let new = registered(&there, "new").await.dossier_id;
    forward(&there, LEADER, &forward_to(LAN, key("new to lan"), new)).await.unwrap();
    do_task(&here, LAN, "new by lan", new).await.unwrap();
    // A stage that this process has not seen.
    let online = submit(&here, &submission(key("online"))).await.unwrap().dossier_id;
    let receive = api::input::ReceiveDossierInput {
        on: on(key("receive"), online),
        appointment: None,
        without_appointment: false,
    };
    there.receive_dossier(&caller(INTAKE), &receive).await.unwrap();
    forward(&here, LEADER, &forward_to(LAN, key("online to lan"), online)).await.unwrap();
    assert_sound(&whole_log(here.store()).await);
}

async fn a_stale_cache_lets_nobody_act_who_may_not(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let here = established(&place, at(MORNING)).await;
    let there = open(&place, at(MORNING)).await;
    let dossier = registered(&here, "register").await.dossier_id;
    forward(&here, LEADER, &forward_to(LAN, key("to lan"), dossier)).await.unwrap();
    do_task(&here, LAN, "by lan", dossier).await.unwrap();
    forward(&there, LEADER, &forward_to(HUNG, key("to hung"), dossier)).await.unwrap();
    let before = head(&here).await;
    // This process believes that Lan has it.
    let outcome = do_task(&here, LAN, "by lan again", dossier).await;
    assert_eq!(problem(outcome), Problem::Denied(Denial::NotAssignee));
    assert_eq!(head(&here).await, before, "a removed assignee wrote something");

    hand_over(&there, LEADER, OTHER_AGENCY, MAI, "to mai", dossier).await;
    let outcome = do_task(&here, HUNG, "by hung", dossier).await;
    assert_eq!(problem(outcome), Problem::Denied(Denial::NotHolder));
    do_task(&here, MAI, "by mai", dossier).await.unwrap();
    hand_over(&there, MAI, AGENCY, LAN, "back", dossier).await;
    let outcome = do_task(&here, MAI, "by mai again", dossier).await;
    assert_eq!(problem(outcome), Problem::NotFound { what: "dossier" });
    assert_sound(&whole_log(here.store()).await);
}

async fn forwarding_stays_where_the_dossier_is(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let here = established(&place, at(MORNING)).await;
    let there = open(&place, at(MORNING)).await;
    let dossier = registered(&here, "register").await.dossier_id;
    hand_over(&there, LEADER, OTHER_AGENCY, MAI, "away", dossier).await;
    // This process believes that the receiving agency has it. It must not come back.
    forward(&here, ADMIN, &forward_to(LAN, key("on"), dossier)).await.unwrap();
    let rows = here.store().read_stream(&dossier::stream(dossier), Version(0)).await.unwrap();
    let Ok(dossier::Event::Forwarded(forwarded)) = rows.last().unwrap().decode_as() else {
        panic!("{rows:?}")
    };
    assert_eq!(forwarded.to.agency, AgencyId::of(&AgencyCode::parse(OTHER_AGENCY).unwrap()));
    assert_eq!(forwarded.to.assignee, Some(caller(LAN).principal.id));
}

async fn a_version_conflict_says_who_did_what_since(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let here = established(&place, at(MORNING)).await;
    let there = open(&place, at("2024-04-26T03:00:00Z")).await;
    let seen = registered(&here, "register").await;
    let dossier = seen.dossier_id;
    forward(&there, LEADER, &forward_to(LAN, key("to lan"), dossier)).await.unwrap();
    let last = do_task(&there, LAN, "by lan", dossier).await.unwrap();
    let mut stale = forward_to(HUNG, key("to hung"), dossier);
    stale.on.expected_version = Some(seen.done.version.0);
    for service in [&here, &here, &there] {
        let Problem::VersionConflict { expected, actual, since } =
            problem(forward(service, ADMIN, &stale).await)
        else {
            panic!("no conflict");
        };
        assert_eq!((expected, actual), (seen.done.version, last.done.version));
        let since: Vec<_> = since
            .into_iter()
            .map(|since| (since.version.0, since.type_name, since.metadata.actor, since.occurred_at))
            .collect();
        let (leader, lan) = (caller(LEADER).principal.id, caller(LAN).principal.id);
        let then = instant("2024-04-26T03:00:00Z");
        let expected = [
            (3, "dossier.forwarded.v1".to_owned(), leader, then),
            (4, "dossier.step_completed.v1".to_owned(), lan, then),
        ];
        assert_eq!(since, expected);
    }
    let mut ahead = stale;
    ahead.on.expected_version = Some(99);
    let conflict = problem(forward(&here, ADMIN, &ahead).await);
    let none = Problem::VersionConflict { expected: Version(99), actual: Version(4), since: Vec::new() };
    assert_eq!(conflict, none);
    assert_eq!(head(&here).await, last.done.position);
}

async fn a_version_conflict_tells_nothing_to_somebody_who_may_not_act(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let here = established(&place, at(MORNING)).await;
    let there = open(&place, at(MORNING)).await;
    let dossier = registered(&here, "register").await.dossier_id;
    let seen = hand_over(&here, LEADER, OTHER_AGENCY, MAI, "to mai", dossier).await;
    hand_over(&there, MAI, AGENCY, LAN, "to lan", dossier).await;
    do_task(&there, LAN, "by lan", dossier).await.unwrap();
    // This process believes that Mai has it; what happened since is out of her scope.
    let mut task = complete(key("by mai"), dossier);
    task.on.expected_version = Some(seen.done.version.0);
    let outcome = here.complete_step(&caller(MAI), &task).await;
    assert_eq!(problem(outcome), Problem::NotFound { what: "dossier" });
}

async fn a_client_that_saw_more_than_this_process_is_right(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let here = established(&place, at(MORNING)).await;
    let there = open(&place, at(MORNING)).await;
    let dossier = registered(&here, "register").await.dossier_id;
    let seen = forward(&there, LEADER, &forward_to(LAN, key("to lan"), dossier)).await.unwrap();
    let mut task = complete(key("by lan"), dossier);
    task.on.expected_version = Some(seen.done.version.0);
    let done = here.complete_step(&caller(LAN), &task).await.unwrap();
    assert_eq!(done.done.version, Version(4));
}

/// A request to rename an agency, outside the service: what it decides is the test's.
fn rename_request(expected: Option<Version>) -> Request {
    Request {
        command: CommandId(Uuid::from_u128(7)),
        mac: "mac".to_owned(),
        principal: caller(ADMIN).principal,
        via: domain::recorded::Via::CommandLine,
        traceparent: None,
        expected,
        at: None,
    }
}

/// Renames the agency behind the back of whoever decides just now.
fn rename_meanwhile(service: &Service, stream: &str, n: u32) {
    let append = Append {
        id: AppendId(Uuid::from_u128(1_000 + u128::from(n))),
        stream: stream.to_owned(),
        expected: Expected::Any,
        events: vec![NewEvent { type_name: "agency.renamed.v1", data: format!(r#"{{"name":"Tên {n}"}}"#) }],
        metadata: serde_json::to_string(&json!({
            "command": Uuid::from_u128(1_000 + u128::from(n)),
            "mac": "theirs",
            "actor": Uuid::from_u128(3),
            "acting_as": {"agency": Uuid::from_u128(4)},
            "channel": "command_line",
        }))
        .unwrap(),
        occurred_at: instant(MORNING),
    };
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| handle.block_on(service.store().append(append))).unwrap();
}

async fn a_command_gives_up_when_others_are_always_faster(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let here = established(&place, at(MORNING)).await;
    let there = open(&place, at(MORNING)).await;
    let stream = agency::stream(AgencyId::of(&AgencyCode::parse(AGENCY).unwrap()));
    for (faster, succeeds) in [(u32::MAX, false), (4, true)] {
        let before = head(&here).await;
        let decided = AtomicU32::new(0);
        let outcome = here
            .executor
            .execute::<Agency>(&stream, &rename_request(None), |_, _| {
                let n = decided.fetch_add(1, Ordering::SeqCst);
                if n < faster {
                    rename_meanwhile(&there, &stream, n + 100 * u32::from(succeeds));
                }
                Ok(vec![renamed("Của mình")])
            })
            .await;
        assert_eq!(decided.load(Ordering::SeqCst), 5, "tries are bounded");
        let rows = here.store().read_all(before, PageLimit::rows(100)).await.unwrap().rows;
        let ours = rows.iter().filter(|row| row.data.contains("Của mình")).count();
        match outcome {
            Ok(done) if succeeds => assert_eq!((rows.len(), ours, done.position.0), (5, 1, before.0 + 5)),
            Err(ExecuteError::Contended) if !succeeds => assert_eq!((rows.len(), ours), (5, 0)),
            other => panic!("{other:?}"),
        }
    }
}

async fn a_command_with_an_expected_version_is_not_retried(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let here = established(&place, at(MORNING)).await;
    let there = open(&place, at(MORNING)).await;
    let stream = agency::stream(AgencyId::of(&AgencyCode::parse(AGENCY).unwrap()));
    let before = head(&here).await;
    let decided = AtomicU32::new(0);
    let outcome = here
        .executor
        .execute::<Agency>(&stream, &rename_request(Some(Version(1))), |_, _| {
            if decided.fetch_add(1, Ordering::SeqCst) == 0 {
                rename_meanwhile(&there, &stream, 0);
            }
            Ok(vec![renamed("Của mình")])
        })
        .await;
    let Err(ExecuteError::VersionConflict { expected, actual, since }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((expected, actual), (Version(1), Version(2)));
    assert_eq!(decided.into_inner(), 2, "once to do it, once more to see whether the conflict may be told");
    assert_eq!(since.len(), 1);
    assert_eq!((since[0].version, since[0].type_name.as_str()), (Version(2), "agency.renamed.v1"));
    assert_eq!(since[0].metadata.mac, "theirs");
    assert_eq!(head(&here).await, Position(before.0 + 1));
}

/// While a command is decided, another try of it is done elsewhere: whatever this one would say after that, to whatever
/// it meets, the answer is the other's.
async fn what_another_try_of_the_same_command_changed_refuses_nobody(backend: Backend) {
    let renamed = |name: &str| vec![renamed(name)];
    let refused = || Err(Refusal::Rejected(agency::Rejection::NameEmpty));
    for expected in [None, Some(Version(1))] {
        for says_nothing in [false, true] {
            let place = Place::with_keys(backend).await;
            let here = established(&place, at(MORNING)).await;
            let there = open(&place, at(MORNING)).await;
            let stream = agency::stream(AgencyId::of(&AgencyCode::parse(AGENCY).unwrap()));
            let request = rename_request(expected);
            let first = std::sync::OnceLock::new();
            let outcome = here.executor.execute::<Agency>(&stream, &request, |_, _| {
                first.get_or_init(|| {
                    let other =
                        there.executor.execute::<Agency>(&stream, &request, |_, _| Ok(renamed("Tên")));
                    let handle = tokio::runtime::Handle::current();
                    tokio::task::block_in_place(|| handle.block_on(other)).unwrap()
                });
                if says_nothing { Ok(Vec::new()) } else { refused() }
            });
            let answer = outcome.await.unwrap();
            let first = first.into_inner().unwrap();
            assert_eq!((answer.version, answer.position), (first.version, first.position), "{expected:?}");
            assert!(first.written && !answer.written);
            assert_eq!(head(&here).await, first.position);
        }
    }
}

async fn codes_are_distinct_across_two_processes(backend: Backend) {
    const EACH: usize = 60;
    let place = Place::with_keys(backend).await;
    let one = established(&place, at(MORNING)).await;
    let two = open(&place, at(MORNING)).await;
    let mut racing = Vec::new();
    for n in 0..2 * EACH {
        let service = [&one, &two][n % 2].clone();
        racing.push(tokio::spawn(async move {
            let name = format!("dossier {n}");
            if n % 3 == 0 {
                return registered(&service, &name).await;
            }
            let mut input = submission(key(&name));
            if n % 5 == 0 {
                input.receiving_agency = OTHER_AGENCY.to_owned();
            }
            submit(&service, &input).await.unwrap()
        }));
    }
    let mut dossiers = HashSet::new();
    for accepted in racing {
        assert!(dossiers.insert(accepted.await.unwrap().dossier_id));
    }
    let rows = whole_log(one.store()).await;
    assert_sound(&rows);
    let codes = codes(&rows);
    assert_eq!(codes.used.keys().copied().collect::<HashSet<_>>(), dossiers);
    assert!(codes.unused.is_empty(), "numbers given to nobody: {:?}", codes.unused);
    // Without a gap, so each agency's are the first so many.
    let of = |agency: &str| {
        let mut own: Vec<_> = codes.used.values().filter(|code| code.starts_with(agency)).cloned().collect();
        own.sort();
        own
    };
    for agency in [AGENCY, OTHER_AGENCY] {
        let own = of(agency);
        let first: Vec<_> = (1..=own.len()).map(|n| format!("{agency}-240426-{n:04}")).collect();
        assert_eq!(own, first);
        assert!(10 < own.len());
    }
}

/// Gives the first numbers of a day away, to dossiers that never come.
async fn give_away(service: &Service, numbers: usize, at: Instant) {
    let agency = AgencyCode::parse(AGENCY).unwrap();
    let mut given = 0;
    while given < numbers {
        let events = (given..numbers.min(given + 256)).map(|n| {
            let dossier_id = DossierId(Uuid::from_u128(u128::try_from(n).unwrap()));
            let event = code_book::Event::Allocated(code_book::Allocated { dossier_id, entered_at: at });
            NewEvent { type_name: event.type_name(), data: event.encode().unwrap() }
        });
        let append = Append {
            id: AppendId(key(&format!("numbers from {given}"))),
            stream: code_book::stream(&agency, local_date(at)),
            expected: Expected::Any,
            events: events.collect(),
            metadata: "{}".to_owned(),
            occurred_at: at,
        };
        given += append.events.len();
        service.store().append(append).await.unwrap();
    }
}

async fn codes_of_a_day_end_at_9999(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let clock = at(MORNING);
    let service = established(&place, clock.clone()).await;
    give_away(&service, 9_998, clock.now()).await;
    let last = submit(&service, &submission(key("last"))).await.unwrap();
    for name in ["too late", "too late", "later"] {
        assert_eq!(problem(submit(&service, &submission(key(name))).await), Problem::CodesExhausted);
    }
    let registered_too_late =
        service.register_dossier(&caller(INTAKE), &registration(key("counter")), None).await;
    assert_eq!(problem(registered_too_late), Problem::CodesExhausted);
    let elsewhere =
        SubmitDossierInput { receiving_agency: OTHER_AGENCY.to_owned(), ..submission(key("elsewhere")) };
    let elsewhere = submit(&service, &elsewhere).await.unwrap();
    clock.set(instant("2024-04-27T02:00:00Z"));
    let next_day = submit(&service, &submission(key("next day"))).await.unwrap();
    // The day after, the same key is not refused for what was then; and once entered it stays entered.
    let come_back = submit(&service, &submission(key("too late"))).await.unwrap();
    assert_eq!(submit(&service, &submission(key("too late"))).await.unwrap(), come_back);
    let codes = codes(&whole_log(service.store()).await);
    assert_eq!(codes.used.len(), 4);
    assert_eq!(codes.used[&come_back.dossier_id], "000.00.16.H42-240427-0002");
    assert_eq!(codes.used[&last.dossier_id], "000.00.16.H42-240426-9999");
    assert_eq!(codes.used[&elsewhere.dossier_id], "000.00.17.H42-240426-0001");
    assert_eq!(codes.used[&next_day.dossier_id], "000.00.16.H42-240427-0001");
}

/// What nobody may find. Each is looked for as it is, in small letters, and without marks as a search index would have it.
const SECRETS: &[(&str, &str)] = &[
    ("applicant.name", "MẪU Trịnh Khuất Uyên"),
    ("applicant.id_number", "079301012345"),
    ("applicant.phone", "0987123654"),
    ("applicant.email", "khuatuyen@mau.example"),
    ("applicant.address", "ngách Sầm Sơ, phố Huyền Trân"),
    ("subject", "xác nhận về bà Khuất Uyên"),
    ("form", r#"{"tenCha":"Trịnh Hoài Quýnh"}"#),
    ("reason", "thiếu ảnh của bà Khuất Uyên"),
    ("note", "đã gọi 0987123654"),
];
const NEEDLES: &[&str] = &[
    "Khuất",
    "khuất",
    "KHUẤT",
    "Khuat",
    "khuat",
    "Trịnh",
    "trịnh",
    "trinh",
    "079301012345",
    "0987123654",
    "khuatuyen",
    "ngách",
    "ngach",
    "Huyền Trân",
    "huyen tran",
    "Quýnh",
    "quynh",
];

fn secret(field: &str) -> String {
    SECRETS.iter().find(|(name, _)| *name == field).unwrap().1.to_owned()
}

fn secret_submission(name: &str) -> SubmitDossierInput {
    let mut input = submission(key(name));
    input.applicant.name = secret("applicant.name");
    input.applicant.id_number = Some(secret("applicant.id_number"));
    input.applicant.phone = Some(secret("applicant.phone"));
    input.applicant.email = Some(secret("applicant.email"));
    input.applicant.address = Some(secret("applicant.address"));
    input.subject = Some(secret("subject"));
    input.form = serde_json::from_str(&secret("form")).unwrap();
    input
}

/// Every sealed value of an event, opened.
async fn opened(service: &Service, row: &StoredRow) -> Vec<(String, String)> {
    let mut event: dossier::Event = row.decode_as().unwrap();
    let mut tokens = Vec::new();
    event.each_private(&mut |field, _, value| tokens.push((field, value.token().unwrap().clone())));
    let mut opened = Vec::new();
    for (field, token) in tokens {
        let secret = service.executor.keys.open_value(&token, &row.stream, &row.type_name).await.unwrap();
        opened.push((field.to_owned(), secret.expose().to_owned()));
    }
    opened
}

async fn what_is_sealed_opens_again_and_is_nowhere_else(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, at(MORNING)).await;
    let online = submit(&service, &secret_submission("online")).await.unwrap().dossier_id;
    let ask = SupplementInput {
        on: on(key("ask"), online),
        reason: secret("reason"),
        papers: None,
        answer_by: None,
    };
    service.request_intake_supplement(&caller(INTAKE), &ask).await.unwrap();
    let mut counter = registration(key("counter"));
    counter.submit = secret_submission("counter");
    let counter = service.register_dossier(&caller(INTAKE), &counter, None).await.unwrap().dossier_id;
    let with_note =
        ForwardDossierInput { note: Some(secret("note")), ..forward_to(LAN, key("forward"), counter) };
    forward(&service, LEADER, &with_note).await.unwrap();
    service.read_side.catch_up().await.unwrap();
    drop(service);

    let service = open(&place, at(MORNING)).await;
    let rows = whole_log(service.store()).await;
    let mut found = Vec::new();
    for row in rows.iter().filter(|row| row.stream.starts_with("dossier-")) {
        found.extend(opened(&service, row).await);
    }
    let own = |(field, text): &(&str, &str)| ((*field).to_owned(), (*text).to_owned());
    let submission: Vec<_> = SECRETS[..7].iter().map(own).collect();
    let expected = [submission.clone(), vec![own(&SECRETS[7])], submission, vec![own(&SECRETS[8])]].concat();
    assert_eq!(found, expected);

    let location = place.location();
    let stores = [("log", &location.log), ("read", &location.read), ("keys", &location.keys)];
    for (what, url) in stores {
        let bytes = everything_in(&place, what, url).await;
        for needle in NEEDLES {
            assert!(!holds(&bytes, needle), "{needle:?} lies open in {what}");
        }
        // The search finds what is there.
        let known = if what == "keys" { None } else { Some(format!("UBND {AGENCY}")) };
        assert!(known.is_none_or(|known| holds(&bytes, &known)), "nothing can be found in {what}");
        assert!(1_000 < bytes.len(), "{what} was not read");
    }
    // Whatever else lies in the folder, such as write-ahead logs and the master key.
    for (path, bytes) in files(&place.folder) {
        for needle in NEEDLES {
            assert!(!holds(&bytes, needle), "{needle:?} lies open in {}", path.display());
        }
    }
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    let hex: String = needle.bytes().map(|byte| format!("{byte:02x}")).collect();
    [needle, &hex].iter().any(|needle| bytes.windows(needle.len()).any(|window| window == needle.as_bytes()))
}

fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// A database as bytes: the files of SQLite, the rows of PostgreSQL as text.
async fn everything_in(place: &Place, schema: &str, url: &DbUrl) -> Vec<u8> {
    match url {
        DbUrl::Sqlite(path) => {
            let own = files(path.parent().unwrap()).into_iter();
            let stem = path.file_name().unwrap().to_str().unwrap();
            own.filter(|(path, _)| path.file_name().unwrap().to_str().unwrap().starts_with(stem))
                .flat_map(|(_, bytes)| bytes)
                .collect()
        }
        DbUrl::Postgres(_) => {
            let Db::Postgres(pool) = place.by_hand_in(url, schema).await else { unreachable!() };
            let tables: Vec<String> =
                sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = $1")
                    .bind(schema)
                    .fetch_all(&pool)
                    .await
                    .unwrap();
            assert!(2 <= tables.len(), "{tables:?}");
            let mut bytes = Vec::new();
            for table in tables {
                let select = format!("SELECT t::text FROM {schema}.{table} t");
                let rows: Vec<String> =
                    sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(&pool).await.unwrap();
                bytes.extend(rows.into_iter().flat_map(String::into_bytes));
            }
            pool.close().await;
            bytes
        }
    }
}

async fn errors_do_not_repeat_what_is_private(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, at(MORNING)).await;
    let router = router(
        service.clone(),
        Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() },
    );
    let name = secret("applicant.name");
    let good = json!({
        "idempotencyKey": key("key"),
        "procedure": PROCEDURE,
        "receivingAgency": AGENCY,
        "applicant": {"kind": "CITIZEN", "name": name, "phone": secret("applicant.phone")},
        "subject": secret("subject"),
    });
    let with = |path: &str, value: Value| {
        let mut input = good.clone();
        *input.pointer_mut(path).unwrap() = value;
        input
    };
    let mut surplus = good.clone();
    surplus["applicant"]["surname"] = json!(name);
    let mut form = good.clone();
    form["form"] = json!(name);
    let cases = [
        ("the name is too long", with("/applicant/name", json!(name.repeat(50)))),
        ("the phone is a list", with("/applicant/phone", json!([name]))),
        ("no such field", surplus),
        ("the form is a text", form),
        ("no such procedure", with("/procedure", json!("DT99"))),
    ];
    let send = async |input: &Value| {
        let document = "mutation($input: SubmitDossierInput!) {
            submitDossier(input: $input) { dossierId problems { code message } } }";
        let body = json!({"query": document, "variables": {"input": input}});
        let request = HttpRequest::post("/graphql")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {CITIZEN}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap()
    };
    let check = |what: &str, body: &[u8]| {
        let text = String::from_utf8_lossy(body);
        let answer: Value = serde_json::from_slice(body).unwrap();
        let problems = answer.pointer("/data/submitDossier/problems").and_then(Value::as_array);
        let failed = answer.get("errors").is_some() || problems.is_some_and(|problems| !problems.is_empty());
        assert!(failed, "{what}: no error at all: {text}");
        for needle in NEEDLES {
            assert!(!holds(body, needle), "{what}: {needle:?} is repeated: {text}");
        }
    };
    for (what, input) in &cases {
        check(what, &send(input).await);
    }
    place.refuse_insert("NEW.type LIKE 'dossier.%'", "P0001").await;
    let failed = send(&good).await;
    assert!(holds(&failed, "INTERNAL"), "{failed:?}");
    check("the log fails", &failed);
    place.allow_insert().await;
    let accepted = send(&good).await;
    assert!(holds(&accepted, r#""problems":[]"#), "{accepted:?}");
    let reused = send(&with("/subject", json!(name))).await;
    assert!(holds(&reused, "IDEMPOTENCY_KEY_REUSED"), "{reused:?}");
    check("the key is used again", &reused);
}

async fn an_unknown_event_type_stops_commands_on_its_stream(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, at(MORNING)).await;
    let (sound, odd) = (registered(&service, "sound").await, registered(&service, "odd").await);
    let append = Append {
        id: AppendId(key("of the future")),
        stream: dossier::stream(odd.dossier_id),
        expected: Expected::Exactly(odd.done.version),
        events: vec![NewEvent { type_name: "dossier.invented.v9", data: "{}".to_owned() }],
        metadata: "{}".to_owned(),
        occurred_at: instant(MORNING),
    };
    let position = service.store().append(append).await.unwrap().position;
    // From a cached state, which the append contradicts, and from none.
    for service in [&service, &open(&place, at(MORNING)).await] {
        match store_error(forward(service, LEADER, &forward_to(LAN, key("forward"), odd.dossier_id)).await) {
            StoreError::Undecodable { position: there, type_name, source: _ } => {
                assert_eq!((there, type_name.as_str()), (position, "dossier.invented.v9"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(head(&service).await, position, "a command on a stream that cannot be read wrote something");
    forward(&service, LEADER, &forward_to(LAN, key("forward sound"), sound.dossier_id)).await.unwrap();
}

async fn texts_that_no_database_takes_are_refused(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, at(MORNING)).await;
    let dossier = registered(&service, "register").await.dossier_id;
    let before = head(&service).await;
    let unit = ForwardDossierInput { unit: Some("a\0b".to_owned()), ..forward_to(LAN, key("unit"), dossier) };
    assert_eq!(problem(forward(&service, LEADER, &unit).await).code(), "BAD_USER_INPUT");
    let note = ForwardDossierInput { note: Some("a\0b".to_owned()), ..forward_to(LAN, key("note"), dossier) };
    assert_eq!(problem(forward(&service, LEADER, &note).await).code(), "BAD_USER_INPUT");
    let mut name = submission(key("name"));
    name.applicant.name = "a\0b".to_owned();
    assert_eq!(problem(submit(&service, &name).await).code(), "BAD_USER_INPUT");
    let agency = api::input::EstablishAgencyInput::new(key("agency"), "000.00.18.H42", "a\0b");
    let agency = service.establish_agency(&caller(ADMIN), &agency).await;
    assert_eq!(problem(agency).code(), "BAD_USER_INPUT");
    assert_eq!(head(&service).await, before);
    let mut form = submission(key("form"));
    form.form = serde_json::from_str(r#"{"escaped":"a\u0000b"}"#).unwrap();
    submit(&service, &form).await.unwrap();
    service.read_side.catch_up().await.unwrap();
}

#[tokio::test]
async fn a_service_over_a_log_with_other_keys_does_not_start() {
    let place = Place::with_keys(Backend::Sqlite).await;
    drop(established(&place, at(MORNING)).await);
    let mut elsewhere = place.location();
    elsewhere.keys = DbUrl::Sqlite(place.folder.join("other-keys.db"));
    elsewhere.master_key = place.folder.join("other-master.key");
    let opened = Service::open(&elsewhere, at(MORNING), infrastructure::entropy::Entropy::System).await;
    match opened.map(|_| ()) {
        Err(Failure::Store(StoreError::OtherKeys { .. })) => {}
        other => panic!("{other:?}"),
    }
    let again = open(&place, at(MORNING)).await;
    establish(&again).await;
}
