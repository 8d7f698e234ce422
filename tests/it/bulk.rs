//! One act on several dossiers: each is answered as the single mutation answers it, and none holds up another.

use domain::identity::DossierId;
use domain::recorded::Position;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::graphql::{System, key, submission};
use crate::support::{Backend, on_each_backend, whole_log};

on_each_backend!(
    an_office_does_its_day_in_lists,
    a_refusal_or_a_failure_is_one_items_own,
    what_is_repeated_as_a_whole_is_done_once,
    a_list_that_is_too_long_is_refused_before_anything_is_done,
);

const A: &str = "000.00.16.H42";
const B: &str = "000.00.17.H42";
const INTAKE: &str = "dev:intake:hoa@000.00.16.H42";
const OFFICER: &str = "dev:officer:nam@000.00.16.H42";
const LEADER: &str = "dev:leader:an@000.00.16.H42";
const LEADER_B: &str = "dev:leader:lan@000.00.17.H42";
const STRANGER: &str = "dev:intake:xa@000.00.18.H42";

fn input_of(mutation: &str) -> &'static str {
    match mutation {
        "receiveDossiers" => "ReceiveDossierInput",
        "forwardDossiers" => "ForwardDossierInput",
        "sendDossiers" => "SendDossierInput",
        "acceptDossiers" => "AcceptDossierInput",
        "completeSteps" => "CompleteStepInput",
        "finishDossiers" => "FinishProcessingInput",
        "returnResults" => "ReturnResultInput",
        "notifyApplicants" => "NotifyApplicantInput",
        other => panic!("{other}"),
    }
}

/// The whole answer.
async fn answer(system: &System, who: &str, mutation: &str, inputs: &[Value]) -> Value {
    let kind = input_of(mutation);
    let document = format!(
        "mutation M($inputs: [{kind}!]!) {{ {mutation}(inputs: $inputs) {{
            items {{ dossierId code version position problems {{ code ... on VersionConflict {{ actual }} }} }}
            problems {{ code }}
        }} }}"
    );
    system.ask_in(who, "en", &document, &json!({"inputs": inputs})).await
}

/// What became of each, where nothing failed.
async fn items(system: &System, who: &str, mutation: &str, inputs: &[Value]) -> Vec<Value> {
    let answer = answer(system, who, mutation, inputs).await;
    assert_eq!(answer.get("errors"), None, "{mutation}: {answer}");
    let payload = &answer["data"][mutation];
    assert_eq!(payload["problems"], json!([]), "{mutation}");
    payload["items"].as_array().unwrap().clone()
}

async fn head(system: &System) -> Position {
    system.service.store().head().await.unwrap()
}

fn on(name: &str, id: &str, more: &Value) -> Value {
    let mut input = more.clone();
    input["on"] = json!({"idempotencyKey": key(&format!("{name} {id}")), "dossierId": id});
    input
}

fn on_each(name: &str, ids: &[String], more: &Value) -> Vec<Value> {
    ids.iter().map(|id| on(name, id, more)).collect()
}

/// Submitted with one agency, which decides.
async fn filed(system: &System, names: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for name in names {
        let mut submission = submission(name);
        submission["competentAgency"] = json!(A);
        let query = "mutation M($input: SubmitDossierInput!) { submitDossier(input: $input) { dossierId } }";
        let filed = system.ask("dev:citizen:minh@000.00.16.H42", query, json!({"input": submission})).await;
        ids.push(filed["submitDossier"]["dossierId"].as_str().unwrap().to_owned());
    }
    ids
}

fn codes(items: &[Value]) -> Vec<Option<&str>> {
    items.iter().map(|item| item["problems"][0]["code"].as_str()).collect()
}

async fn an_office_does_its_day_in_lists(backend: Backend) {
    let system = System::new(backend, "2026-03-02T08:00:00+07:00").await;
    let ids = filed(&system, &["one", "two", "three"]).await;
    let nam = api::development_token::principal_id("nam").0;
    let (to, to_nobody) = (json!({"agency": B}), json!({}));
    let mut version = 1;
    for (who, mutation, more) in [
        (INTAKE, "receiveDossiers", json!({})),
        (INTAKE, "notifyApplicants", json!({"about": "RECEIVED", "by": "SMS"})),
        (LEADER, "forwardDossiers", json!({"unit": "PHONG_1", "assignee": nam})),
        (OFFICER, "completeSteps", json!({"step": "THU_LY"})),
        (LEADER, "sendDossiers", to),
        (LEADER_B, "acceptDossiers", to_nobody),
        (LEADER_B, "finishDossiers", json!({"outcome": "GRANTED"})),
        (INTAKE, "returnResults", json!({"method": "COUNTER"})),
    ] {
        version += 1;
        let done = items(&system, who, mutation, &on_each(mutation, &ids, &more)).await;
        assert_eq!(codes(&done), [None; 3], "{mutation}: {done:?}");
        let position = |item: &Value| item["position"].as_str().unwrap().to_owned();
        for (item, id) in done.iter().zip(&ids) {
            assert_eq!((&item["dossierId"], &item["version"]), (&json!(id), &json!(version)), "{mutation}");
            assert!(item["code"].as_str().unwrap().starts_with("000.00.16.H42-260302-"), "{item}");
        }
        assert!(position(&done[0]) < position(&done[1]) && position(&done[1]) < position(&done[2]));
    }
    system.stop().await;
}

async fn a_refusal_or_a_failure_is_one_items_own(backend: Backend) {
    let system = System::new(backend, "2026-03-02T08:00:00+07:00").await;
    let ids = filed(&system, &["fine", "received", "broken", "stale", "twice"]).await;
    let [fine, received, broken, stale, twice] = ids.as_slice() else { panic!("five") };
    let none = json!({});
    items(&system, INTAKE, "receiveDossiers", &[on("before", received, &none)]).await;
    system.place.poison(DossierId(broken.parse::<Uuid>().unwrap()), 2).await;

    let absent = key("absent").to_string();
    let mut seen = on("it", stale, &none);
    seen["on"]["expectedVersion"] = json!(7);
    let inputs = [
        on("it", fine, &none),
        on("it", received, &none),
        on("it", &absent, &none),
        on("it", broken, &none),
        seen,
        on("it", twice, &none),
        on("again", twice, &none),
    ];
    let answered = answer(&system, INTAKE, "receiveDossiers", &inputs).await;
    let done = answered["data"]["receiveDossiers"]["items"].as_array().unwrap();
    assert_eq!(
        codes(done),
        [
            None,
            Some("INVALID_TRANSITION"),
            Some("NOT_FOUND"),
            None,
            Some("VERSION_CONFLICT"),
            None,
            Some("INVALID_TRANSITION"),
        ],
        "{answered}"
    );
    assert_eq!(done[3], Value::Null);
    assert_eq!(done[4]["problems"][0]["actual"], 1);
    for (nth, item) in done.iter().enumerate().filter(|(nth, _)| *nth != 3) {
        let id = [0, 5].contains(&nth).then(|| inputs[nth]["on"]["dossierId"].clone());
        assert_eq!(item["dossierId"], id.unwrap_or_default(), "{nth}");
    }
    let errors = answered["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{answered}");
    assert_eq!(errors[0]["path"], json!(["receiveDossiers", "items", 3]));
    assert_eq!(errors[0]["extensions"]["code"], "INTERNAL");

    // What is another's and what is not there look the same, and neither is touched.
    let before = head(&system).await;
    let mut foreign = [on("foreign", stale, &none), on("foreign", &absent, &none)];
    let refused = items(&system, STRANGER, "receiveDossiers", &foreign).await;
    assert_eq!(codes(&refused), [Some("NOT_FOUND"); 2]);
    assert_eq!(refused[0], refused[1]);
    // Nor is there one without the function.
    foreign[1] = on("own", fine, &none);
    let refused = items(&system, OFFICER, "receiveDossiers", &foreign).await;
    assert_eq!(codes(&refused), [Some("NO_FUNCTION"); 2]);
    assert_eq!(head(&system).await, before);
    system.stop().await;
}

async fn what_is_repeated_as_a_whole_is_done_once(backend: Backend) {
    let system = System::new(backend, "2026-03-02T08:00:00+07:00").await;
    let ids = filed(&system, &["one", "two", "three"]).await;
    // The first try got as far as the second dossier.
    let inputs = on_each("it", &ids, &json!({}));
    let first = items(&system, INTAKE, "receiveDossiers", &inputs[..2]).await;
    let before = whole_log(system.service.store()).await.len();
    let whole = items(&system, INTAKE, "receiveDossiers", &inputs).await;
    assert_eq!(whole[..2], first);
    assert_eq!(codes(&whole), [None; 3]);
    assert_eq!(whole_log(system.service.store()).await.len(), before + 1);
    assert_eq!(items(&system, INTAKE, "receiveDossiers", &inputs).await, whole);
    assert_eq!(whole_log(system.service.store()).await.len(), before + 1);
    // One key is for one dossier.
    let mut reused = on_each("other", &ids[..2], &json!({"about": "RECEIVED", "by": "SMS"}));
    reused[1]["on"]["idempotencyKey"] = reused[0]["on"]["idempotencyKey"].clone();
    let told = items(&system, INTAKE, "notifyApplicants", &reused).await;
    assert_eq!(codes(&told), [None, Some("IDEMPOTENCY_KEY_REUSED")]);
    system.stop().await;
}

async fn a_list_that_is_too_long_is_refused_before_anything_is_done(backend: Backend) {
    let system = System::new(backend, "2026-03-02T08:00:00+07:00").await;
    let ids = filed(&system, &["one"]).await;
    let none = json!({});
    let mut inputs = on_each("it", &ids, &none);
    inputs.extend((1..51).map(|nth| on("it", &key(&format!("absent {nth}")).to_string(), &none)));
    let before = head(&system).await;
    for length in [51, 1_000] {
        let long: Vec<Value> = inputs.iter().cycle().take(length).cloned().collect();
        let answered = answer(&system, INTAKE, "receiveDossiers", &long).await;
        assert_eq!(
            answered,
            json!({"data": {"receiveDossiers": {"items": [], "problems": [{"code": "TOO_MANY_INPUTS"}]}}})
        );
    }
    assert_eq!(items(&system, INTAKE, "receiveDossiers", &[]).await, Vec::<Value>::new());
    assert_eq!(head(&system).await, before);

    // Several lists in one document add up, before any of them is begun.
    let list = |nth: usize| {
        format!(
            "l{nth}: receiveDossiers(inputs: $inputs) {{ items {{ dossierId version problems {{ code }} }} }}"
        )
    };
    let of = |lists: usize| {
        let lists: Vec<String> = (0..lists).map(list).collect();
        format!("mutation M($inputs: [ReceiveDossierInput!]!) {{ {} }}", lists.join(" "))
    };
    let variables = json!({"inputs": inputs[..50]});
    assert_eq!(system.error(INTAKE, &of(4), variables.clone()).await.0, "QUERY_TOO_COMPLEX");
    assert_eq!(head(&system).await, before);
    let lists = system.ask(INTAKE, &of(2), variables).await;
    assert_eq!(lists["l0"]["items"][0]["version"], 2);
    assert_eq!(lists["l0"], lists["l1"]);
    system.stop().await;
}
