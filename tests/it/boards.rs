//! Boards, figures, worklists and indicators through the API, over lives that are few enough to count by hand.

use api::input::{
    EstablishAgencyInput, FinishProcessingInput, MessageOutcome, Outcome, ReasonInput,
    RecordSynchronisationInput, ReturnMethod, ReturnResultInput, SupplementInput,
};
use api::service::{Accepted, Service};
use domain::codes::ProcedureCode;
use infrastructure::clock::Clock;
use serde_json::{Value, json};

use crate::support::office::{
    ADMIN, AGENCY, CITIZEN, HUNG, INTAKE, LAN, LEADER, MAI, PROCEDURE, ask, ask_openly, caller, complete,
    established, forward_to, key, on, registered, registration, submission,
};
use crate::support::{Backend, Place, instant, on_each_backend};

on_each_backend!(
    a_board_is_split_at_every_level,
    what_was_known_then_can_be_asked_again,
    a_number_has_its_list,
    worklists_say_what_waits_and_what_can_be_done,
    indicators_are_measured_as_of_the_end,
    what_the_portal_has_and_what_is_offered_online_is_measured,
    tasks_took_so_long,
    anybody_may_see_the_figures,
);

/// Below the agency.
const WARD: &str = "000.00.18.H42";
/// Of another field.
const OTHER_PROCEDURE: &str = "DT02";
const RELAY: &str = "dev:relay:lien-thong@000.00.16.H42";

async fn office(backend: Backend) -> (Place, Service, Clock) {
    let place = Place::new(backend).await;
    let clock = Clock::fixed(instant("2024-05-06T09:00:00+07:00"));
    let service = established(&place, clock.clone()).await;
    let mut ward = EstablishAgencyInput::new(key(WARD), WARD, "UBND phường");
    ward.parent = Some(AGENCY.to_owned());
    service.establish_agency(&caller(ADMIN), &ward).await.unwrap();
    let definition = json!({
        "name": "Cấp phép xây dựng", "field": "Xây dựng", "term": {"fixed": {"working_days": 2}},
        "steps": [{"name": "Giải quyết", "group": "CHUYEN_MON", "tasks": [{"code": "THU_LY", "name": "Thụ lý"}]}],
    });
    let code = ProcedureCode::parse(OTHER_PROCEDURE).unwrap();
    let definition = serde_json::from_value(definition).unwrap();
    service.publish_procedure(&caller(ADMIN), &code, &definition, &[]).await.unwrap();
    (place, service, clock)
}

async fn at(clock: &Clock, when: &str) {
    clock.set(instant(&format!("2024-05-{when}:00+07:00")));
}

/// Registered for the ward, under the other procedure: due on Wednesday the 8th.
async fn for_the_ward(service: &Service, name: &str) -> Accepted {
    let mut input = registration(key(name));
    input.submit.procedure = OTHER_PROCEDURE.to_owned();
    input.submit.competent_agency = Some(WARD.to_owned());
    service.register_dossier(&caller(INTAKE), &input, None).await.unwrap()
}

async fn forward(service: &Service, dossier: &Accepted, to: &str) {
    let name = format!("forward {} {to}", dossier.dossier_id);
    service.forward_dossier(&caller(LEADER), &forward_to(to, key(&name), dossier.dossier_id)).await.unwrap();
}

async fn finish(service: &Service, dossier: &Accepted) {
    let on = on(key(&format!("finish {}", dossier.dossier_id)), dossier.dossier_id);
    let input = FinishProcessingInput { on, outcome: Outcome::Granted, note: None };
    service.finish_processing(&caller(LEADER), &input).await.unwrap();
}

async fn ask_for_more(service: &Service, dossier: &Accepted, by: &str) {
    let input = SupplementInput {
        on: on(key(&format!("ask {}", dossier.dossier_id)), dossier.dossier_id),
        reason: "Thiếu bản vẽ".to_owned(),
        papers: None,
        answer_by: None,
    };
    service.request_supplement(&caller(by), &input).await.unwrap();
}

/// Rows in whatever order are the same rows.
fn in_order(rows: Value) -> Value {
    let mut rows = rows.as_array().unwrap().clone();
    rows.sort_by_key(ToString::to_string);
    Value::Array(rows)
}

async fn asked(service: &Service, query: &str) -> Value {
    service.read_side.catch_up().await.unwrap();
    ask(service, ADMIN, query, json!({})).await
}

async fn a_board_is_split_at_every_level(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let first = registered(&service, "first").await;
    let second = registered(&service, "second").await;
    for_the_ward(&service, "ward").await;
    forward(&service, &first, LAN).await;
    forward(&service, &second, HUNG).await;
    at(&clock, "07T09:00").await;
    service.complete_step(&caller(LAN), &complete(key("step"), first.dossier_id)).await.unwrap();
    ask_for_more(&service, &second, HUNG).await;
    // On Thursday the ward's is overdue since yesterday; the first is due on Monday, after two working days.
    at(&clock, "09T08:00").await;
    let query = "{ deadlineBoard { overdue dueSoon onTime paused
        tree: groups(by: AGENCY_TREE) { agency { code } overdue dueSoon onTime paused }
        competent: groups(by: COMPETENT_AGENCY) { agency { code } overdue dueSoon paused }
        holder: groups(by: HOLDER_AGENCY) { agency { code } overdue dueSoon paused }
        field: groups(by: FIELD) { field overdue dueSoon paused }
        procedure: groups(by: PROCEDURE) { procedure { code } overdue dueSoon paused }
        step: groups(by: STEP) { procedure { code } lastStep overdue dueSoon paused }
    } }";
    let board = asked(&service, query).await["deadlineBoard"].clone();
    assert_eq!((&board["overdue"], &board["dueSoon"], &board["paused"]), (&json!(1), &json!(1), &json!(1)));
    let sorted = |name: &str| in_order(board[name].clone());
    let group = |agency: &str, figures: [i64; 3]| json!({"agency": {"code": agency}, "overdue": figures[0], "dueSoon": figures[1], "paused": figures[2]});
    let with_on_time = |mut row: Value| {
        row["onTime"] = json!(0);
        row
    };
    // The ward's counts for the ward, and once more for who is above it.
    let tree = [group(AGENCY, [1, 1, 1]), group(WARD, [1, 0, 0])].map(with_on_time);
    assert_eq!(sorted("tree"), json!(tree));
    assert_eq!(sorted("competent"), json!([group(AGENCY, [0, 1, 1]), group(WARD, [1, 0, 0])]));
    assert_eq!(sorted("holder"), json!([group(AGENCY, [1, 1, 1])]));
    assert_eq!(
        sorted("field"),
        in_order(json!([
            {"field": "Xây dựng", "overdue": 1, "dueSoon": 0, "paused": 0},
            {"field": null, "overdue": 0, "dueSoon": 1, "paused": 1},
        ]))
    );
    assert_eq!(
        sorted("procedure"),
        in_order(json!([
            {"procedure": {"code": PROCEDURE}, "overdue": 0, "dueSoon": 1, "paused": 1},
            {"procedure": {"code": OTHER_PROCEDURE}, "overdue": 1, "dueSoon": 0, "paused": 0},
        ]))
    );
    assert_eq!(
        sorted("step"),
        in_order(json!([
            {"procedure": {"code": PROCEDURE}, "lastStep": "THU_LY", "overdue": 0, "dueSoon": 1, "paused": 0},
            {"procedure": {"code": PROCEDURE}, "lastStep": null, "overdue": 0, "dueSoon": 0, "paused": 1},
            {"procedure": {"code": OTHER_PROCEDURE}, "lastStep": null, "overdue": 1, "dueSoon": 0, "paused": 0},
        ]))
    );
    // Parts of it, alone and with what is below.
    for (part, overdue, paused) in [
        (format!("agency: \"{WARD}\""), 1, 0),
        (format!("agency: \"{WARD}\", withSubordinates: true"), 1, 0),
        (format!("agency: \"{AGENCY}\", withSubordinates: true"), 1, 1),
        (format!("procedure: \"{PROCEDURE}\""), 0, 1),
        ("field: \"Xây dựng\"".to_owned(), 1, 0),
        ("field: \"Đất đai\"".to_owned(), 0, 0),
        (format!("field: \"Xây dựng\", agency: \"{WARD}\""), 1, 0),
    ] {
        let query = format!(
            "{{ deadlineBoard(part: {{{part}}}) {{ overdue paused dossiers(class: OVERDUE) {{
            nodes {{ workingDaysLate }} }} }} }}"
        );
        let board = asked(&service, &query).await["deadlineBoard"].clone();
        assert_eq!((&board["overdue"], &board["paused"]), (&json!(overdue), &json!(paused)), "{part}");
        assert_eq!(board["dossiers"]["nodes"].as_array().unwrap().len(), overdue, "{part}");
    }
    let figures = "{ progress(period: {from: \"2024-05-06\", to: \"2024-05-09\"}, by: AGENCY_TREE) {
        rows { agency { code } received pending overdue paused } total { received } } }";
    let progress = asked(&service, figures).await["progress"].clone();
    let mut rows = progress["rows"].as_array().unwrap().clone();
    rows.sort_by_key(ToString::to_string);
    assert_eq!(
        rows,
        [
            json!({"agency": {"code": AGENCY}, "received": 3, "pending": 2, "overdue": 1, "paused": 1}),
            json!({"agency": {"code": WARD}, "received": 1, "pending": 1, "overdue": 1, "paused": 0}),
        ]
    );
    assert_eq!(progress["total"]["received"], 3, "each once");
}

async fn what_was_known_then_can_be_asked_again(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let dossier = registered(&service, "mistake").await;
    at(&clock, "08T09:00").await;
    finish(&service, &dossier).await;
    at(&clock, "15T09:00").await;
    let input = ReasonInput { on: on(key("oops"), dossier.dossier_id), reason: "Bấm nhầm".to_owned() };
    service.correct_last(&caller(LEADER), &input).await.unwrap();
    at(&clock, "16T09:00").await;
    let query = |when: &str| {
        format!(
            "{{
            deadlineBoard({when}) {{ asOf knownAt overdue onTime dueToday }}
            dossier(code: \"{}\") {{ at({when}) {{ stage }} }}
        }}",
            dossier.code
        )
    };
    let may = |when: &str| format!("\"2024-05-{when}:00+07:00\"");
    for (as_of, known_at, overdue, stage) in [
        // Known as it is now, it was never finished: overdue since the evening of the 13th.
        ("14T09:00", None, 1, "RECEIVED"),
        ("14T09:00", Some("16T08:00"), 1, "RECEIVED"),
        // As it was known on the 14th, it had been finished on the 8th.
        ("14T09:00", Some("14T09:00"), 0, "FINISHED"),
        ("14T09:00", Some("09T09:00"), 0, "FINISHED"),
        // And on the 7th nobody knew better than that it would be overdue by then.
        ("14T09:00", Some("07T09:00"), 1, "RECEIVED"),
    ] {
        let known = known_at.map(|known| format!(", knownAt: {}", may(known))).unwrap_or_default();
        let read = asked(&service, &query(&format!("asOf: {}{known}", may(as_of)))).await;
        assert_eq!(read["deadlineBoard"]["overdue"], overdue, "{as_of} {known_at:?}");
        assert_eq!(read["dossier"]["at"]["stage"], stage, "{as_of} {known_at:?}");
    }
    // What was reported on the 14th, and what is true of the same days today: both name their instants.
    let figures = |known: &str| {
        format!(
            "{{ progress(period: {{from: \"2024-05-06\", to: \"2024-05-13\"}}{known}) {{
            asOf knownAt total {{ received early late pending overdue }} }} }}"
        )
    };
    let then =
        asked(&service, &figures(", knownAt: \"2024-05-14T09:00:00+07:00\"")).await["progress"].clone();
    assert_eq!(
        then,
        json!({"asOf": "2024-05-13T23:59:59.999999+07:00", "knownAt": "2024-05-14T09:00:00+07:00",
            "total": {"received": 1, "early": 1, "late": 0, "pending": 0, "overdue": 0}})
    );
    let now = asked(&service, &figures("")).await["progress"].clone();
    assert_eq!(now["total"], json!({"received": 1, "early": 0, "late": 0, "pending": 1, "overdue": 1}));
    assert_eq!(now["knownAt"], "2024-05-16T09:00:00+07:00");
    // Nothing was known before there was anything.
    let read = asked(
        &service,
        &query("asOf: \"2024-05-14T09:00:00+07:00\", knownAt: \"2024-05-01T09:00:00+07:00\""),
    )
    .await;
    assert_eq!((&read["deadlineBoard"]["overdue"], &read["dossier"]["at"]), (&json!(0), &Value::Null));
}

async fn a_number_has_its_list(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let early = registered(&service, "early").await;
    let late = registered(&service, "late").await;
    let open = registered(&service, "open").await;
    at(&clock, "08T09:00").await;
    finish(&service, &early).await;
    at(&clock, "15T09:00").await;
    finish(&service, &late).await;
    let listed = async |token: &str, period: &str, figure: &str, first: i64| {
        service.read_side.catch_up().await.unwrap();
        let query = format!(
            "query Q($after: String) {{ progress(period: {{{period}}}) {{ dossiers(figure: {figure}, first: {first},
                after: $after) {{ nodes {{ at dossier {{ code }} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
        );
        let (mut codes, mut after) = (Vec::new(), Value::Null);
        loop {
            let page =
                ask(&service, token, &query, json!({"after": after})).await["progress"]["dossiers"].clone();
            for node in page["nodes"].as_array().unwrap() {
                codes.push(node["dossier"]["code"].as_str().unwrap().to_owned());
            }
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == json!(false) {
                break codes;
            }
        }
    };
    let code = |dossier: &Accepted| dossier.code.to_string();
    let (first_week, second_week) =
        ("from: \"2024-05-06\", to: \"2024-05-12\"", "from: \"2024-05-13\", to: \"2024-05-19\"");
    for size in [100, 1] {
        let of = async |period: &str, figure: &str| {
            let mut codes = listed(ADMIN, period, figure, size).await;
            codes.sort();
            codes
        };
        assert_eq!(of(first_week, "RECEIVED").await, [code(&early), code(&late), code(&open)]);
        assert_eq!(of(first_week, "EARLY").await, [code(&early)]);
        assert_eq!(of(first_week, "NOT_DUE").await, [code(&late), code(&open)]);
        assert_eq!(of(second_week, "CARRIED_OVER").await, [code(&late), code(&open)]);
        assert_eq!(of(second_week, "LATE").await, [code(&late)]);
        assert_eq!(of(second_week, "RESOLVED").await, [code(&late)]);
        assert_eq!(of(second_week, "OVERDUE").await, [code(&open)]);
        assert_eq!(of(second_week, "RECEIVED").await, [""; 0]);
    }
    // Nobody elsewhere gets at them this way.
    for figure in ["RECEIVED", "OVERDUE", "LATE", "CARRIED_OVER"] {
        assert_eq!(listed(MAI, second_week, figure, 10).await, [""; 0], "{figure}");
    }
}

async fn worklists_say_what_waits_and_what_can_be_done(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let later = registered(&service, "later").await;
    let soon = for_the_ward(&service, "soon").await;
    let done = registered(&service, "done").await;
    let online = service.submit_dossier(&caller(CITIZEN), &submission(key("online")), None).await.unwrap();
    for dossier in [&later, &soon] {
        forward(&service, dossier, LAN).await;
    }
    forward(&service, &done, HUNG).await;
    at(&clock, "07T09:00").await;
    finish(&service, &done).await;
    let list = async |token: &str, of: &str, first: i64| {
        service.read_side.catch_up().await.unwrap();
        let query = format!(
            "query Q($after: String) {{ workList(of: {of}, first: {first}, after: $after) {{ totalCount
                nodes {{ dueAt dossier {{ code allowedActions }} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let (mut nodes, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = ask(&service, token, &query, json!({"after": after})).await["workList"].clone();
            nodes.extend(page["nodes"].as_array().unwrap().clone());
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == json!(false) {
                assert_eq!(page["totalCount"], nodes.len(), "{of}");
                break nodes;
            }
        }
    };
    let codes = |nodes: &[Value]| {
        let code = |node: &Value| node["dossier"]["code"].as_str().unwrap().to_owned();
        nodes.iter().map(code).collect::<Vec<_>>()
    };
    let code = |dossier: &Accepted| dossier.code.to_string();
    // The earliest due first, whole and one by one.
    for size in [100, 1] {
        let mine = list(LAN, "MINE", size).await;
        assert_eq!(codes(&mine), [code(&soon), code(&later)]);
        assert_eq!(mine[0]["dueAt"], "2024-05-08T17:00:00+07:00");
    }
    let mine = list(LAN, "MINE", 10).await;
    let acts = mine[1]["dossier"]["allowedActions"].as_array().unwrap().clone();
    for offered in ["COMPLETE_STEP", "REQUEST_SUPPLEMENT", "PROPOSE", "FORWARD", "PAUSE"] {
        assert!(acts.contains(&json!(offered)), "{offered} {acts:?}");
    }
    for refused in ["RECEIVE", "FINISH_PROCESSING", "APPROVE", "RETURN_RESULT", "RESUME"] {
        assert!(!acts.contains(&json!(refused)), "{refused} {acts:?}");
    }
    assert_eq!(codes(&list(HUNG, "MINE", 10).await), [code(&done)], "until it is handed out");
    assert_eq!(list(MAI, "MINE", 10).await, [json!(null); 0]);
    assert_eq!(list(MAI, "AGENCY", 10).await, [json!(null); 0]);
    assert_eq!(list(LAN, "AGENCY", 10).await.len(), 3);
    let intake = list(INTAKE, "INTAKE", 10).await;
    assert_eq!(codes(&intake), [code(&online)]);
    assert!(intake[0]["dossier"]["allowedActions"].as_array().unwrap().contains(&json!("RECEIVE")));
    let ready = list(INTAKE, "TO_RETURN", 10).await;
    assert_eq!(codes(&ready), [code(&done)]);
    assert!(ready[0]["dossier"]["allowedActions"].as_array().unwrap().contains(&json!("RETURN_RESULT")));
    let collect = ReturnResultInput {
        on: on(key("collect"), done.dossier_id),
        method: ReturnMethod::Counter,
        note: None,
    };
    service.return_result(&caller(INTAKE), &collect).await.unwrap();
    assert_eq!(list(INTAKE, "TO_RETURN", 10).await, [json!(null); 0]);
    assert_eq!(list(HUNG, "MINE", 10).await, [json!(null); 0]);
}

async fn indicators_are_measured_as_of_the_end(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let early = registered(&service, "early").await;
    let waiting = registered(&service, "waiting").await;
    let open = registered(&service, "open").await;
    let online = service.submit_dossier(&caller(CITIZEN), &submission(key("online")), None).await.unwrap();
    let receive = api::input::ReceiveDossierInput {
        on: on(key("receive"), online.dossier_id),
        appointment: None,
        without_appointment: false,
    };
    service.receive_dossier(&caller(INTAKE), &receive).await.unwrap();
    forward(&service, &waiting, HUNG).await;
    at(&clock, "08T09:00").await;
    finish(&service, &early).await;
    ask_for_more(&service, &waiting, HUNG).await;
    at(&clock, "14T08:00").await;
    finish(&service, &online).await;
    finish(&service, &open).await;
    let measured = async |to: &str| {
        let query = format!(
            "{{ indicators(period: {{from: \"2024-05-06\", to: \"{to}\"}}) {{
                indicators {{ number numerator denominator percent workingDays definition }} }} }}"
        );
        let read = asked(&service, &query).await["indicators"]["indicators"].clone();
        let row = |row: &Value| {
            assert!(20 < row["definition"].as_str().unwrap().len());
            let figures = (row["numerator"].clone(), row["denominator"].clone(), row["percent"].clone());
            (row["number"].as_str().unwrap().to_owned(), (figures, row["workingDays"].clone()))
        };
        read.as_array().unwrap().iter().map(row).collect::<std::collections::BTreeMap<_, _>>()
    };
    let share = |numerator: i64, denominator: i64, percent: f64| {
        ((json!(numerator), json!(denominator), json!(percent)), Value::Null)
    };
    // By Friday nothing is late: one is finished, one waits for its applicant, two are not due.
    let friday = measured("2024-05-10").await;
    assert_eq!(friday["2.1"], share(4, 4, 100.0));
    assert_eq!(friday["3.3"], share(1, 4, 25.0));
    // Monday 09:00 to Wednesday 09:00: two working days.
    assert_eq!(friday["2.2"], ((json!(1), json!(1), Value::Null), json!(2.0)));
    assert_eq!(friday["4.1"], share(0, 1, 0.0));
    assert_eq!(friday["4.2"], share(0, 4, 0.0));
    assert_eq!(
        friday["3.6"],
        ((json!(0), json!(0), Value::Null), Value::Null),
        "of nothing there is no share"
    );
    // By Tuesday two more are finished, on the day after they were due.
    let tuesday = measured("2024-05-14").await;
    assert_eq!(tuesday["2.1"], share(2, 4, 50.0));
    // (2 + 2 x 5.875) / 3 days: from Monday 09:00 to the Tuesday after, 08:00.
    assert_eq!(tuesday["2.2"].1, json!(4.58));
    assert_eq!(measured("2024-05-10").await["2.1"], share(4, 4, 100.0), "the past stays");
    // The lists behind a number.
    for (indicator, counted, expected) in [
        ("ON_TIME", true, vec![&early, &waiting]),
        ("ON_TIME", false, vec![&open, &online]),
        ("ONLINE_FILING", true, vec![&online]),
        ("RESOLUTION_TIME", true, vec![&early, &open, &online]),
        ("ELECTRONIC_RESULT", true, vec![]),
    ] {
        let query = format!(
            "{{ indicators(period: {{from: \"2024-05-06\", to: \"2024-05-14\"}}) {{
                dossiers(indicator: {indicator}, counted: {counted}) {{ nodes {{ dossier {{ code }} }} }} }} }}"
        );
        let read = asked(&service, &query).await["indicators"]["dossiers"]["nodes"].clone();
        let mut codes: Vec<String> = read
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["dossier"]["code"].as_str().unwrap().to_owned())
            .collect();
        codes.sort();
        let mut expected: Vec<String> = expected.iter().map(|dossier| dossier.code.to_string()).collect();
        expected.sort();
        assert_eq!(codes, expected, "{indicator} {counted}");
    }
}

async fn what_the_portal_has_and_what_is_offered_online_is_measured(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let online = service.submit_dossier(&caller(CITIZEN), &submission(key("online")), None).await.unwrap();
    let receive = api::input::ReceiveDossierInput {
        on: on(key("receive"), online.dossier_id),
        appointment: None,
        without_appointment: false,
    };
    let told = async |dossier: &Accepted, version: i64, outcome: MessageOutcome| {
        let name = format!("{} {version} {outcome:?}", dossier.dossier_id);
        let answer = matches!(outcome, MessageOutcome::Declined).then(|| "-1".to_owned());
        let input = RecordSynchronisationInput {
            idempotency_key: key(&name),
            dossier_id: dossier.dossier_id.0,
            version,
            outcome,
            answer,
        };
        service.record_synchronisation(&caller(RELAY), &input).await.unwrap();
    };
    // The portal has it as it was filed, and nothing of its receipt.
    told(&online, 1, MessageOutcome::Sent).await;
    told(&online, 1, MessageOutcome::Acknowledged).await;
    service.receive_dossier(&caller(INTAKE), &receive).await.unwrap();
    let (taken, declined) = (registered(&service, "taken").await, registered(&service, "declined").await);
    for dossier in [&taken, &declined] {
        told(dossier, 2, MessageOutcome::Sent).await;
    }
    told(&taken, 2, MessageOutcome::Acknowledged).await;
    told(&declined, 2, MessageOutcome::Declined).await;
    // Offered in part since May, after it was published in March with nothing online.
    let publish = async |level: Value| {
        let definition = json!({
            "name": "Cấp giấy xác nhận", "field": "Hộ tịch", "online": level,
            "term": {"fixed": {"working_days": 5}},
            "steps": [{"name": "Giải quyết", "group": "CHUYEN_MON",
                "tasks": [{"code": "THU_LY", "name": "Thụ lý", "next": "KY"}, {"code": "KY", "name": "Ký"}]}],
        });
        let code = ProcedureCode::parse(PROCEDURE).unwrap();
        let definition = serde_json::from_value(definition).unwrap();
        service.publish_procedure(&caller(ADMIN), &code, &definition, &[]).await.unwrap();
    };
    at(&clock, "09T09:00").await;
    publish(
        json!([{"from": "2024-05-01", "level": "information"}, {"from": "2024-05-10", "level": "partial"}]),
    )
    .await;
    at(&clock, "13T09:00").await;
    told(&online, 2, MessageOutcome::Sent).await;
    told(&online, 2, MessageOutcome::Acknowledged).await;
    publish(json!([{"from": "2024-05-01", "level": "information"}, {"from": "2024-05-10", "level": "full"}]))
        .await;
    at(&clock, "14T08:00").await;

    let measured = async |to: &str, part: &str| {
        let query = format!(
            "{{ indicators(period: {{from: \"2024-05-06\", to: \"{to}\"}}, part: {part}) {{
                indicators {{ number numerator denominator percent }}
                online: procedures {{ code }} offline: procedures(counted: false) {{ code }}
                has: dossiers(indicator: SYNCHRONISED) {{ nodes {{ dossier {{ code }} }} }}
                lacks: dossiers(indicator: SYNCHRONISED, counted: false) {{ nodes {{ dossier {{ code }} }} }}
                none: dossiers(indicator: ONLINE_PROVISION) {{ nodes {{ dossier {{ code }} }} }} }} }}"
        );
        let read = asked(&service, &query).await["indicators"].clone();
        let of = |number: &str| {
            let rows = read["indicators"].as_array().unwrap();
            let row = rows.iter().find(|row| row["number"] == number).unwrap();
            json!([row["numerator"], row["denominator"], row["percent"]])
        };
        let codes = |list: &str| -> Vec<String> {
            let nodes = read[list]["nodes"].as_array().unwrap().iter();
            nodes.map(|node| node["dossier"]["code"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(codes("none"), [""; 0], "it counts procedures");
        (of("1.4"), of("3.1"), codes("has"), codes("lacks"), json!([read["online"], read["offline"]]))
    };
    let code = |dossier: &Accepted| dossier.code.to_string();
    let (portal, offered, has, lacks, procedures) = measured("2024-05-10", "{}").await;
    assert_eq!(portal, json!([1, 3, 33.33]));
    assert_eq!(has, [code(&taken)]);
    let mut without = vec![code(&online), code(&declined)];
    without.sort();
    let mut lacks = lacks;
    lacks.sort();
    assert_eq!(lacks, without);
    assert_eq!(offered, json!([1, 2, 50.0]));
    assert_eq!(procedures, json!([[{"code": PROCEDURE}], [{"code": OTHER_PROCEDURE}]]));
    // The day before, what can be read online is not offered there.
    assert_eq!(measured("2024-05-09", "{}").await.1, json!([0, 2, 0.0]));
    let (portal, offered, ..) = measured("2024-05-14", "{}").await;
    assert_eq!((portal, offered), (json!([2, 3, 66.67]), json!([1, 2, 50.0])));
    assert_eq!(measured("2024-05-14", "{field: \"Hộ tịch\"}").await.1, json!([1, 1, 100.0]));
    assert_eq!(measured("2024-05-14", "{procedure: \"DT02\"}").await.1, json!([0, 1, 0.0]));
    let (portal, offered, ..) = measured("2024-05-14", &format!("{{agency: \"{AGENCY}\"}}")).await;
    assert_eq!((portal, offered), (json!([2, 3, 66.67]), json!([0, 0, null])), "no agency has procedures");
}

async fn tasks_took_so_long(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let mut taken = Vec::new();
    for name in ["one", "two", "three"] {
        let dossier = registered(&service, name).await;
        forward(&service, &dossier, LAN).await;
        taken.push(dossier);
    }
    // After an hour, after a working day, and after a day of which the office was closed most of the time.
    at(&clock, "06T10:00").await;
    service.complete_step(&caller(LAN), &complete(key("s1"), taken[0].dossier_id)).await.unwrap();
    at(&clock, "07T09:00").await;
    service.complete_step(&caller(LAN), &complete(key("s2"), taken[1].dossier_id)).await.unwrap();
    // The third waits for its applicant from Tuesday to Friday, and is done an hour later.
    ask_for_more(&service, &taken[2], LAN).await;
    at(&clock, "10T09:00").await;
    let answer =
        api::input::AnswerInput { on: on(key("answer"), taken[2].dossier_id), note: None, papers: None };
    service.receive_supplement(&caller(INTAKE), &answer).await.unwrap();
    at(&clock, "10T10:00").await;
    service.complete_step(&caller(LAN), &complete(key("s3"), taken[2].dossier_id)).await.unwrap();
    let times = |from: &str, procedure: &str| {
        format!("{{ stepTimes(period: {{from: \"{from}\", to: \"2024-05-12\"}}, part: {{procedure: \"{procedure}\"}}) {{
            step count medianHours ninthDecileHours longestHours }} }}")
    };
    let read = asked(&service, &times("2024-05-06", PROCEDURE)).await["stepTimes"].clone();
    let expected = json!([{"step": "THU_LY", "count": 3, "medianHours": 8.0, "ninthDecileHours": 9.0, "longestHours": 9.0}]);
    assert_eq!(read, expected);
    let read = asked(&service, &times("2024-05-10", PROCEDURE)).await["stepTimes"].clone();
    assert_eq!((&read[0]["count"], &read[0]["longestHours"]), (&json!(1), &json!(9.0)), "done on those days");
    assert_eq!(asked(&service, &times("2024-05-06", OTHER_PROCEDURE)).await["stepTimes"], json!([]));
}

async fn anybody_may_see_the_figures(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let early = registered(&service, "early").await;
    for_the_ward(&service, "ward").await;
    at(&clock, "08T09:00").await;
    finish(&service, &early).await;
    service.read_side.catch_up().await.unwrap();
    let query = "{ publicProgress(period: {from: \"2024-05\", to: \"2024-05\"}, by: FIELD) {
        asOf formula rows { field received resolved onTimePercent } total { received } } }";
    let read = ask_openly(&service, query).await["publicProgress"].clone();
    assert_eq!(read["formula"], "(trước hạn + đúng hạn) / đã giải quyết");
    assert_eq!(read["total"]["received"], 2);
    let rows = read["rows"].as_array().unwrap();
    assert!(
        rows.contains(&json!({"field": "Xây dựng", "received": 1, "resolved": 0, "onTimePercent": null}))
    );
    assert!(rows.contains(&json!({"field": null, "received": 1, "resolved": 1, "onTimePercent": 100.0})));
    // Its type leads to no dossier: a new field must be thought about here.
    let query = "{ __type(name: \"PublicProgress\") { fields { name } } }";
    let read = ask_openly(&service, query).await;
    let mut fields: Vec<&str> = read["__type"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    fields.sort_unstable();
    assert_eq!(fields, ["asOf", "formula", "rows", "total"]);
}
