//! What somebody else has changed meanwhile is not undone by who has not seen it, and what is sent twice is done once.

use std::collections::{BTreeMap, BTreeSet};

use api::input::{AccountKind, OpenAccountInput};
use infrastructure::clock::Clock;
use infrastructure::keys::credentials::Look;
use serde_json::{Value, json};

use crate::access::account;
use crate::support::office::{ADMIN, AGENCY, ask, caller, established, key};
use crate::support::{Backend, Place, instant, on_each_backend, whole_log};

on_each_backend!(
    the_later_of_two_administrators_does_not_undo_the_earlier,
    the_first_decision_about_the_national_calendar_was_seen_as_none,
    a_machine_has_one_key_of_a_call_that_is_repeated,
    each_mutation_can_be_repeated_and_says_what_it_saw,
);

/// Mutations that take no idempotency key, and why they need none.
const WITHOUT_KEY: &[(&str, &str)] = &[
    ("carryOver", "What was carried over already is not found again."),
    ("revokeMachineKey", "A key that is revoked already is not found, and stays revoked."),
    ("setPassword", "The same password is set again; whoever it is has to change it all the same."),
];

/// Mutations that take no version, and why they need none.
const WITHOUT_VERSION: &[(&str, &str)] = &[
    ("acknowledgeDisclosure", "The first acknowledgement stands, a second is refused."),
    ("breakGlass", "It opens something new and changes nothing that is there."),
    ("carryOver", "Where a dossier goes was decided with the succession."),
    ("establishAgency", "It makes something new; what is there is refused."),
    ("grant", "It adds to what is granted and takes nothing away."),
    ("issueMachineKey", "It adds a key to those that there are."),
    ("lockAccount", "What it comes to is the same, whatever was before."),
    ("openAccount", "It makes something new; what is there is refused."),
    ("openCalendar", "It makes something new; what is there is refused."),
    ("recordSynchronisation", "What it is about is named by the version of the dossier."),
    ("registerDossier", "It makes something new."),
    ("revokeGrant", "It names the one grant that it takes away."),
    ("revokeMachineKey", "It names the one key that it takes away."),
    ("setPassword", "Nobody sees a password, so nobody has seen another one."),
    ("settlePaymentDiscrepancy", "It names the one discrepancy that it settles."),
    ("skipParkedStream", "It names the version of the event that is passed over."),
    ("startPayment", "An order that is open for the same is found again."),
    ("submitDossier", "It makes something new."),
    ("unlockAccount", "What it comes to is the same, whatever was before."),
];

async fn office(backend: Backend) -> (Place, api::service::Service) {
    let place = Place::new(backend).await;
    let service = established(&place, Clock::fixed(instant("2026-03-02T09:00:00+07:00"))).await;
    service.read_side.catch_up().await.unwrap();
    (place, service)
}

async fn mutate(service: &api::service::Service, mutation: &str, kind: &str, input: Value) -> Value {
    let query = format!(
        "mutation M($input: {kind}!) {{ {mutation}(input: $input) {{
            streamVersion problems {{ code ... on VersionConflict {{ expected actual since {{ eventType }} }} }}
        }} }}"
    );
    let done = ask(service, ADMIN, &query, json!({"input": input})).await[mutation].clone();
    service.read_side.catch_up().await.unwrap();
    done
}

fn done_at(version: i64) -> Value {
    json!({"streamVersion": version, "problems": []})
}

async fn the_later_of_two_administrators_does_not_undo_the_earlier(backend: Backend) {
    let (_place, service) = office(backend).await;
    service.open_account(&caller(ADMIN), &account("lan", AGENCY)).await.unwrap();
    let group = json!({"code": "MOT_CUA", "name": "Một cửa", "functions": ["INTAKE", "READ_DOSSIERS"]});
    let defined = and(group.clone(), json!({"idempotencyKey": key("define"), "expectedVersion": 0}));
    let defined = mutate(&service, "definePermissionGroup", "DefinePermissionGroupInput", defined).await;
    assert_eq!(defined, done_at(1));

    let seen = "query Q($agency: String!) {
        permissionGroups { code streamVersion }
        accounts { nodes { accountId streamVersion } }
        administeredAgency(code: $agency) { agency { code } streamVersion }
        calendar { streamVersion }
    }";
    let seen = ask(&service, ADMIN, seen, json!({"agency": AGENCY})).await;
    let mine = json!({"code": "MOT_CUA", "streamVersion": 1});
    assert!(seen["permissionGroups"].as_array().unwrap().contains(&mine), "{seen}");
    assert_eq!(seen["administeredAgency"], json!({"agency": {"code": AGENCY}, "streamVersion": 1}));
    assert_eq!(seen["calendar"]["streamVersion"], 0);
    let account = &seen["accounts"]["nodes"][0];
    assert_eq!(account["streamVersion"], 1);

    let on_agency =
        |version: &Value| json!({"agency": AGENCY, "from": "2026-03-02", "expectedVersion": version});
    let place = |title: &str| json!({"agency": AGENCY, "positionTitle": title});
    // Two sit before the same page. What the first does, and then the second with what it saw.
    for (mutation, kind, seen, one, other) in [
        (
            "definePermissionGroup",
            "DefinePermissionGroupInput",
            json!(1),
            and(group.clone(), json!({"functions": ["INTAKE"]})),
            and(group.clone(), json!({"name": "Bộ phận một cửa"})),
        ),
        (
            "renameAgency",
            "RenameAgencyInput",
            json!(1),
            json!({"name": "UBND phường Một"}),
            json!({"name": "UBND phường Hai"}),
        ),
        (
            "adoptCalendar",
            "AdoptCalendarInput",
            json!(0),
            json!({}),
            json!({"table": std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/data/calendar-vn.csv")).unwrap()}),
        ),
        (
            "placeAccount",
            "PlaceAccountInput",
            json!(1),
            json!({"accountId": account["accountId"], "place": place("Chuyên viên chính")}),
            json!({"accountId": account["accountId"], "place": place("Phó trưởng phòng")}),
        ),
    ] {
        let version = seen.as_i64().unwrap();
        let say = |name: &str, input: &Value| {
            let key = key(&format!("{mutation} {name}"));
            if mutation == "renameAgency" {
                and(input.clone(), json!({"on": and(on_agency(&seen), json!({"idempotencyKey": key}))}))
            } else {
                and(input.clone(), json!({"idempotencyKey": key, "expectedVersion": seen}))
            }
        };
        let first = mutate(&service, mutation, kind, say("one", &one)).await;
        assert_eq!(first, done_at(version + 1), "{mutation}");
        let before = whole_log(service.store()).await.len();
        let late = mutate(&service, mutation, kind, say("other", &other)).await;
        assert_eq!(late["streamVersion"], Value::Null, "{mutation}");
        let problem = &late["problems"][0];
        assert_eq!(problem["code"], "VERSION_CONFLICT", "{mutation}: {late}");
        assert_eq!((&problem["expected"], &problem["actual"]), (&seen, &json!(version + 1)));
        assert_eq!(problem["since"].as_array().unwrap().len(), 1);
        assert_eq!(whole_log(service.store()).await.len(), before, "{mutation} wrote");
        // A repeat has seen nothing newer, and gets its answer all the same.
        assert_eq!(mutate(&service, mutation, kind, say("one", &one)).await, first, "{mutation}");
    }
    // Nor is a group retired of which somebody has just made something else.
    let retire = json!({"idempotencyKey": key("retire"), "code": "MOT_CUA", "expectedVersion": 1});
    let late = mutate(&service, "retirePermissionGroup", "RetirePermissionGroupInput", retire.clone()).await;
    assert_eq!(late["problems"][0]["code"], "VERSION_CONFLICT");
    let retire = and(retire, json!({"idempotencyKey": key("seen"), "expectedVersion": 2}));
    let retired = mutate(&service, "retirePermissionGroup", "RetirePermissionGroupInput", retire).await;
    assert_eq!(retired, done_at(3));
}

/// The program comes with a calendar that nobody decided: what it would change is written down with the first decision.
async fn the_first_decision_about_the_national_calendar_was_seen_as_none(backend: Backend) {
    let (_place, service) = office(backend).await;
    let decide = |name: &str, day: &str, seen: i64| {
        json!({
            "idempotencyKey": key(name), "expectedVersion": seen,
            "decision": {"reference": format!("{name}/QĐ-TTg")},
            "days": [{"date": day, "kind": "HOLIDAY", "name": "Nghỉ"}],
        })
    };
    let of = async |input: Value| mutate(&service, "decideCalendar", "DecideCalendarInput", input).await;
    let before = whole_log(service.store()).await.len();
    let early = of(decide("early", "2026-03-05", 1)).await;
    assert_eq!(early["problems"][0]["code"], "VERSION_CONFLICT", "{early}");
    assert_eq!(whole_log(service.store()).await.len(), before, "what is refused writes nothing");
    let first = of(decide("first", "2026-03-05", 0)).await;
    assert_eq!(first, done_at(2));
    let late = of(decide("late", "2026-03-06", 0)).await;
    assert_eq!(late["problems"][0]["actual"], 2, "{late}");
    assert_eq!(of(decide("first", "2026-03-05", 0)).await, first);
    assert_eq!(of(decide("next", "2026-03-06", 2)).await, done_at(3));
}

async fn a_machine_has_one_key_of_a_call_that_is_repeated(backend: Backend) {
    let (_place, service) = office(backend).await;
    let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("may-moc", AGENCY) };
    let machine = service.open_account(&caller(ADMIN), &machine).await.unwrap().account;
    let issue = async |name: Option<&str>, more: Value| {
        let query = "mutation M($input: IssueMachineKeyInput!) {
            issueMachineKey(input: $input) { keyId key expiresAt problems { code } } }";
        let input = json!({
            "idempotencyKey": name.map(key), "accountId": machine.0, "until": "2026-06-30", "functions": ["READ_DOSSIERS"],
        });
        ask(&service, ADMIN, query, json!({"input": and(input, more)})).await["issueMachineKey"].clone()
    };
    let holds = async |issued: &Value| {
        let shown = service
            .executor
            .keys
            .show_machine_key(issued["key"].as_str().unwrap(), Look::Request)
            .await
            .unwrap();
        shown.is_some_and(|shown| shown.principal == machine)
    };
    let listed = async || service.machine_keys(machine).await.unwrap().len();

    // The answer was lost: nobody has the key, so it is made again in the same place.
    let lost = issue(Some("one"), json!({})).await;
    let again = issue(Some("one"), json!({})).await;
    assert_eq!((&again["keyId"], &again["expiresAt"]), (&lost["keyId"], &lost["expiresAt"]), "{again}");
    assert_eq!(again["problems"], json!([]));
    assert_ne!(again["key"], lost["key"]);
    assert!(holds(&again).await && !holds(&lost).await);
    assert_eq!(listed().await, 1);

    // Once it is used, somebody has it: a late repeat does not take it from them.
    let late = issue(Some("one"), json!({})).await;
    let refused =
        |code: &str| json!({"keyId": null, "key": null, "expiresAt": null, "problems": [{"code": code}]});
    assert_eq!(late, refused("MACHINE_KEY_IN_USE"));
    assert!(holds(&again).await);
    for other in
        [json!({"until": "2026-07-31"}), json!({"functions": ["INTAKE"]}), json!({"functions": null})]
    {
        assert_eq!(issue(Some("one"), other).await, refused("IDEMPOTENCY_KEY_REUSED"));
    }
    // What was revoked does not come back.
    let second = issue(Some("two"), json!({})).await;
    let key_id = second["keyId"].as_str().unwrap();
    assert!(service.executor.keys.revoke_machine_key(machine, key_id).await.unwrap());
    assert_eq!(issue(Some("two"), json!({})).await, refused("MACHINE_KEY_IN_USE"));
    assert!(!holds(&second).await);
    // Nor does one machine's key become another's.
    let other = OpenAccountInput { kind: AccountKind::Machine, ..account("may-khac", AGENCY) };
    let other = service.open_account(&caller(ADMIN), &other).await.unwrap().account;
    let taken = issue(Some("one"), json!({"accountId": other.0})).await;
    assert_eq!(taken, refused("IDEMPOTENCY_KEY_REUSED"));
    assert_eq!(listed().await, 2);
    // Without an idempotency key each call makes one, as it always did.
    let (one, two) = (issue(None, json!({})).await, issue(None, json!({})).await);
    assert!(one["keyId"] != two["keyId"] && holds(&one).await && holds(&two).await);
    assert_eq!(listed().await, 4);
}

async fn each_mutation_can_be_repeated_and_says_what_it_saw(backend: Backend) {
    let (_place, service) = office(backend).await;
    let query = "{ __schema {
        mutationType { fields { name args { name type { ...Ref } } } }
        types { kind name inputFields { name type { ...Ref } } }
    } }
    fragment Ref on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
    let schema = ask(&service, ADMIN, query, json!({})).await["__schema"].clone();
    let types: BTreeMap<&str, &Value> =
        schema["types"].as_array().unwrap().iter().map(|of| (name(of), of)).collect();
    let mutations = schema["mutationType"]["fields"].as_array().unwrap();
    assert!(60 < mutations.len());
    for (field, exempt) in [("idempotencyKey", WITHOUT_KEY), ("expectedVersion", WITHOUT_VERSION)] {
        let without: BTreeSet<&str> = mutations
            .iter()
            .filter(|mutation| {
                !mutation["args"].as_array().unwrap().iter().any(|argument| has(&types, argument, field))
            })
            .map(name)
            .collect();
        let exempted: BTreeSet<&str> = exempt.iter().map(|(name, _)| *name).collect();
        assert_eq!(without, exempted, "{field}");
        assert!(exempt.iter().all(|(_, why)| why.ends_with('.')));
    }
}

fn name(of: &Value) -> &str {
    of["name"].as_str().unwrap()
}

/// Whether an argument or an input field is this one, or has it within.
fn has(types: &BTreeMap<&str, &Value>, input: &Value, field: &str) -> bool {
    let mut of = &input["type"];
    while !of["ofType"].is_null() {
        of = &of["ofType"];
    }
    let within = || types[name(of)]["inputFields"].as_array().into_iter().flatten();
    name(input) == field || within().any(|input| has(types, input, field))
}

fn and(mut value: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more}") };
    value.as_object_mut().unwrap().extend(more);
    value
}
