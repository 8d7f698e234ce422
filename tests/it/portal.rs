//! The pages of a department portal that docs/portal describes, as a portal asks for them: what they answer, and how many
//! statements that takes, however many dossiers are on a page.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::documents::Documents;
use api::http::{Settings, router};
use api::sign_in::SignIn;
use axum::body::Body;
use axum::http::Request;
use domain::identity::DossierId;
use infrastructure::clock::Clock;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::graphql::answer_of;
use crate::schema::judges;
use crate::support::office::{
    AGENCY, CITIZEN, INTAKE, LAN, LEADER, PROCEDURE, ask, caller, complete, established, forward_to, key,
    open, registration,
};
use crate::support::statements::executed;
use crate::support::{Backend, Place, TempFolder, instant, on_each_backend};

on_each_backend!(
    pages_take_as_many_statements_for_one_dossier_as_for_many,
    the_answers_are_those_of_the_walk_through,
    a_portal_asks_for_its_pages_by_the_identifiers_of_its_build,
    a_dossier_that_cannot_be_read_leaves_its_page_standing,
);

const WORK_LIST: &str = include_str!("../../docs/portal/work-list.graphql");
const DOSSIER: &str = include_str!("../../docs/portal/dossier.graphql");
const BOARD: &str = include_str!("../../docs/portal/board.graphql");

const MY_DOSSIERS: &str =
    "{ myDossiers(first: 30) { nodes { code stage role allowedActions procedure { name }
    application { applicant { name phone } subject form } messages { about reason } } } }";

/// What is loaded together is what is asked for within a millisecond; a machine that is busy does it in some parts, and not in
/// as many as there are dossiers.
const MANY: usize = 25;
/// More statements in the parts that a busy machine makes of it. What is asked for each dossier by itself is 24 more.
const PARTS_MAX: usize = 20;
/// Statements of work list, dossier, board and own dossiers where one dossier is on them, on both databases.
const STATEMENTS: [usize; 4] = [9, 14, 9, 7];
/// What belongs to one dossier may come in two parts as well.
const SLACK: usize = 2;

/// An office with so many dossiers in the hands of an officer, and the code of one of them.
async fn office(backend: Backend, dossiers: usize) -> (Place, String) {
    let place = Place::new(backend).await;
    let clock = Clock::fixed(instant("2024-05-06T09:00:00+07:00"));
    let service = established(&place, clock.clone()).await;
    let mut code = String::new();
    for n in 0..dossiers {
        let mut input = registration(key(&format!("dossier {n}")));
        input.submit.applicant.account_id = Some(caller(CITIZEN).principal.id.0);
        let dossier = service.register_dossier(&caller(INTAKE), &input, None).await.unwrap();
        let forwarding = forward_to(LAN, key(&format!("forward {n}")), dossier.dossier_id);
        service.forward_dossier(&caller(LEADER), &forwarding).await.unwrap();
        let done = complete(key(&format!("done {n}")), dossier.dossier_id);
        service.complete_step(&caller(LAN), &done).await.unwrap();
        code = dossier.code.to_string();
    }
    service.read_side.catch_up().await.unwrap();
    (place, code)
}

/// The answer of a process that has just started, and the statements of the read models, the log and the keys.
async fn page(place: &Place, token: &str, document: &str, variables: Value) -> (Value, Vec<String>) {
    let service = open(place, Clock::fixed(instant("2024-05-06T11:00:00+07:00"))).await;
    let (answer, mut statements) = executed(ask(&service, token, document, variables)).await;
    // Of a connection that is opened.
    statements.retain(|sql| !sql.starts_with("PRAGMA"));
    (answer, statements)
}

async fn pages_take_as_many_statements_for_one_dossier_as_for_many(backend: Backend) {
    let mut counts = Vec::new();
    for dossiers in [1, MANY] {
        let (place, code) = office(backend, dossiers).await;
        let (list, listing) = page(&place, LAN, WORK_LIST, json!({"of": "MINE", "first": 30})).await;
        let nodes = list["workList"]["nodes"].as_array().unwrap().clone();
        assert_eq!((nodes.len(), &list["workList"]["totalCount"]), (dossiers, &json!(dossiers)));
        for node in &nodes {
            let dossier = &node["dossier"];
            assert_eq!(dossier["procedure"]["code"], PROCEDURE);
            assert_eq!(dossier["synchronisation"]["state"], "NOT_SENT");
            assert!(
                dossier["allowedActions"].as_array().unwrap().contains(&json!("COMPLETE_STEP")),
                "{dossier}"
            );
            assert!(!dossier["applicantName"].as_str().unwrap().contains("***"), "{dossier}");
        }

        let (one, reading) = page(&place, INTAKE, DOSSIER, json!({"code": code})).await;
        let types: Vec<&str> = one["dossier"]["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["eventType"].as_str().unwrap())
            .collect();
        assert_eq!(types.first(), Some(&"dossier.submitted.v1"));
        assert_eq!(types.last(), Some(&"dossier.step_completed.v1"));
        assert!(!one["dossier"]["explainDeadline"].as_array().unwrap().is_empty());
        assert_eq!(one["dossier"]["schedule"].as_array().unwrap().len(), 2);

        let variables = json!({"by": "HOLDER_AGENCY", "class": "ON_TIME", "first": 30});
        let (board, counting) = page(&place, LEADER, BOARD, variables).await;
        assert_eq!(board["deadlineBoard"]["onTime"], json!(dossiers));
        assert_eq!(board["deadlineBoard"]["dossiers"]["nodes"].as_array().unwrap().len(), dossiers);
        // Leaders see who files what, and not who that is.
        let name = board["deadlineBoard"]["dossiers"]["nodes"][0]["dossier"]["applicantName"].clone();
        assert!(name.as_str().unwrap().contains("***"), "{name}");

        // An applicant's own.
        let (own, following) = page(&place, CITIZEN, MY_DOSSIERS, json!({})).await;
        let nodes = own["myDossiers"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), dossiers);
        for node in nodes {
            assert_eq!((&node["role"], &node["stage"]), (&json!("APPLICANT"), &json!("IN_PROGRESS")));
            assert_eq!(node["application"]["applicant"]["name"], "MẪU Nguyễn Thị Mơ");
        }

        let pages =
            [("list", &listing), ("dossier", &reading), ("board", &counting), ("own dossiers", &following)];
        for (page, statements) in pages {
            let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
            for sql in statements {
                // As far as the values, of which there are as many as dossiers.
                *kinds.entry(sql.split(['(', '$']).next().unwrap_or_default()).or_default() += 1;
            }
            assert!(3 < kinds.len(), "{statements:?}");
            for (kind, times) in kinds {
                assert!(times <= MANY / 2, "{backend:?}: {page} of {dossiers}: {times} times {kind}");
            }
        }
        counts.push([listing.len(), reading.len(), counting.len(), following.len()]);
    }
    eprintln!("{backend:?}: statements of work list, dossier, board and own dossiers: {counts:?}");
    let [of_one, of_many]: [[usize; 4]; 2] = counts.try_into().unwrap();
    for (nth, usual) in STATEMENTS.into_iter().enumerate() {
        assert!(of_one[nth] <= usual + SLACK, "{backend:?}: {of_one:?}");
        assert!(of_many[nth] <= of_one[nth] + PARTS_MAX, "{backend:?}: {of_one:?} {of_many:?}");
    }
}

/// Who asks for which page with what, and the answer of the walk-through.
fn walk_through(code: &str) -> [(&'static str, &'static str, Value, Value); 3] {
    let (part, by) = (json!({"agency": AGENCY}), "HOLDER_AGENCY");
    let answer = |text: &str| serde_json::from_str(text).unwrap();
    [
        (
            LAN,
            WORK_LIST,
            json!({"of": "MINE", "first": 1}),
            answer(include_str!("../../docs/portal/work-list.json")),
        ),
        (INTAKE, DOSSIER, json!({"code": code}), answer(include_str!("../../docs/portal/dossier.json"))),
        (
            LEADER,
            BOARD,
            json!({"part": part, "by": by, "class": "ON_TIME", "first": 1}),
            answer(include_str!("../../docs/portal/board.json")),
        ),
    ]
}

async fn the_answers_are_those_of_the_walk_through(backend: Backend) {
    let (place, code) = office(backend, 2).await;
    for (token, document, variables, expected) in walk_through(&code) {
        let (answer, _) = page(&place, token, document, variables).await;
        let answer = json!({"data": answer});
        assert!(answer == expected, "{backend:?}:\n{}", serde_json::to_string_pretty(&answer).unwrap());
    }
}

/// The manifest is written by the generator that portals use, and read by the server.
async fn a_portal_asks_for_its_pages_by_the_identifiers_of_its_build(backend: Backend) {
    let (place, code) = office(backend, 2).await;
    let folder = TempFolder::new();
    let judges = judges();
    let generated = Command::new(judges.join("node_modules/.bin/graphql-codegen"))
        .args(["--config", "manifest.mjs"])
        .env("OUT", folder.join("build"))
        .current_dir(&judges)
        .output()
        .await
        .unwrap();
    assert!(generated.status.success(), "{}", String::from_utf8_lossy(&generated.stderr));
    let manifest = std::fs::read_to_string(folder.join("build/persisted-documents.json")).unwrap();
    std::fs::create_dir(folder.join("documents")).unwrap();
    std::fs::write(folder.join("documents/portal.json"), &manifest).unwrap();
    let documents = Documents::load(&folder.join("documents")).await.unwrap();
    assert_eq!(documents.clients().collect::<Vec<_>>(), [("portal", 3)]);

    let service = open(&place, Clock::fixed(instant("2024-05-06T11:00:00+07:00"))).await;
    let settings = Settings {
        sign_in: SignIn { session_client: Some("portal".to_owned()), ..SignIn::development() },
        documents: Some(Arc::new(documents)),
        ..Settings::default()
    };
    let router = router(service, settings);
    let manifest: BTreeMap<String, String> = serde_json::from_str(&manifest).unwrap();
    let ask = async |token: &str, body: Value| {
        let request = Request::post("/graphql")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        answer_of(&router, request).await.json()
    };
    for (token, document, variables, expected) in walk_through(&code) {
        let name = document.split_once("query ").unwrap().1.split('(').next().unwrap();
        let generated = manifest.iter().find(|(_, text)| text.starts_with(&format!("query {name}(")));
        let id = format!("sha256:{}", generated.unwrap().0);
        let answer = ask(token, json!({"documentId": id, "variables": variables})).await;
        assert!(answer == expected, "{backend:?}:\n{}", serde_json::to_string_pretty(&answer).unwrap());
        let answer = ask(token, json!({"query": document, "variables": variables})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_ID_REQUIRED");
    }
}

/// An event that cannot be read at the end of one of two dossiers: the page shows both, and says what is missing of the one.
async fn a_dossier_that_cannot_be_read_leaves_its_page_standing(backend: Backend) {
    let (place, code) = office(backend, 2).await;
    let service = open(&place, Clock::fixed(instant("2024-05-06T10:00:00+07:00"))).await;
    let broken = service.dossier_by_code(&caller(LAN), &code).await.unwrap().unwrap().dossier_id;
    place.poison(DossierId(broken), 5).await;
    let router =
        router(service, Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() });
    let document = "{ workList(of: MINE) { nodes { dossier {
        id code applicantName allowedActions history { version } synchronisation { state } } } } }";
    let request = Request::post("/graphql")
        .header("authorization", format!("Bearer {LAN}"))
        .header("content-type", "application/json")
        .body(Body::from(json!({"query": document}).to_string()))
        .unwrap();
    let answer = answer_of(&router, request).await.json();
    let nodes = answer["data"]["workList"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2, "{answer}");
    for node in nodes {
        let dossier = &node["dossier"];
        let is_broken = dossier["id"] == json!(broken);
        assert_eq!(dossier["allowedActions"].is_null(), is_broken, "{answer}");
        assert_eq!(dossier["history"].is_null(), is_broken, "{answer}");
        assert_eq!(dossier["synchronisation"]["state"], "NOT_SENT");
        assert!(dossier["applicantName"].is_string());
    }
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{answer}");
    for error in errors {
        assert_eq!(error["extensions"]["code"], "INTERNAL");
        assert!(
            !error["message"].as_str().unwrap().contains("dossier."),
            "what happened is for the log: {error}"
        );
    }
}
