//! What the national portal has of a dossier, as the machine that carries messages tells it.

use api::input::{FinishProcessingInput, Outcome, ReturnMethod, ReturnResultInput};
use api::service::{Accepted, Service};
use infrastructure::clock::Clock;
use serde_json::{Value, json};

use crate::read_models::told_anew_they_say_the_same;
use crate::support::office::{
    INTAKE, LAN, LEADER, ask, caller, established, forward_to, key, on, registered,
};
use crate::support::{Backend, Place, instant, on_each_backend};

on_each_backend!(
    a_lost_answer_never_looks_like_a_result_that_was_not_issued,
    an_answer_from_outside_does_not_conflict_with_an_officer,
    what_the_relay_tells_is_checked,
);

const RELAY: &str = "dev:relay:lien-thong@000.00.16.H42";

const RECORD: &str = "mutation M($input: RecordSynchronisationInput!) {
    recordSynchronisation(input: $input) { position problems { code message } }
}";

async fn office(place: &Place) -> (Service, Accepted) {
    let service = established(place, Clock::fixed(instant("2024-04-22T09:00:00+07:00"))).await;
    let dossier = registered(&service, "one").await;
    (service, dossier)
}

/// What was written down, or the code of the refusal.
async fn record(
    service: &Service,
    token: &str,
    dossier: &Accepted,
    name: &str,
    told: (i64, &str, Option<&str>),
) -> Value {
    let (version, outcome, answer) = told;
    let input = json!({
        "idempotencyKey": key(name), "dossierId": dossier.dossier_id.0,
        "version": version, "outcome": outcome, "answer": answer,
    });
    let payload = ask(service, token, RECORD, json!({"input": input})).await["recordSynchronisation"].clone();
    match payload["problems"][0]["code"].clone() {
        Value::Null => payload["position"].clone(),
        code => code,
    }
}

async fn dossier_of(service: &Service, dossier: &Accepted) -> Value {
    service.read_side.catch_up().await.unwrap();
    let query = "query Q($code: String!) { dossier(code: $code) {
        stage nationalCode delivery version
        synchronisation { state sentVersion acknowledgedVersion sentAt answeredAt answer tries }
    } }";
    ask(service, RELAY, query, json!({"code": dossier.code.to_string()})).await["dossier"].clone()
}

async fn a_lost_answer_never_looks_like_a_result_that_was_not_issued(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, dossier) = office(&place).await;
    let before = dossier_of(&service, &dossier).await;
    assert_eq!(
        before["synchronisation"],
        json!({
            "state": "NOT_SENT", "sentVersion": 0, "acknowledgedVersion": 0, "sentAt": null,
            "answeredAt": null, "answer": null, "tries": 0,
        })
    );
    let first = before["version"].as_i64().unwrap();
    record(&service, RELAY, &dossier, "first", (first, "SENT", None)).await;
    record(&service, RELAY, &dossier, "first yes", (first, "ACKNOWLEDGED", None)).await;
    assert_eq!(dossier_of(&service, &dossier).await["synchronisation"]["state"], "SYNCHRONISED");

    let finish = FinishProcessingInput {
        on: on(key("finish"), dossier.dossier_id),
        outcome: Outcome::Granted,
        note: None,
    };
    service.finish_processing(&caller(LEADER), &finish).await.unwrap();
    let collect = ReturnResultInput {
        on: on(key("collect"), dossier.dossier_id),
        method: ReturnMethod::Counter,
        note: None,
    };
    service.return_result(&caller(INTAKE), &collect).await.unwrap();
    let returned = dossier_of(&service, &dossier).await;
    assert_eq!(returned["synchronisation"]["state"], "BEHIND");
    let last = returned["version"].as_i64().unwrap();
    record(&service, RELAY, &dossier, "last", (last, "SENT", None)).await;

    // No answer came, then a no, then the yes to the second try: the dossier is what it is all the while.
    let states = [
        ("SENT", None),
        ("DECLINED", Some(("no", (last, "DECLINED", Some("-3"))))),
        ("SENT", Some(("again", (last, "SENT", None)))),
        ("SYNCHRONISED", Some(("yes", (last, "ACKNOWLEDGED", None)))),
    ];
    for (state, told) in states {
        if let Some((name, told)) = told {
            record(&service, RELAY, &dossier, name, told).await;
        }
        let now = dossier_of(&service, &dossier).await;
        assert_eq!(now["synchronisation"]["state"], state);
        for own in ["stage", "nationalCode", "delivery", "version"] {
            assert_eq!(now[own], returned[own], "{state}");
        }
    }
    assert_eq!((&returned["stage"], &returned["nationalCode"]), (&json!("RETURNED"), &json!(10)));
    // Telling the same once more writes nothing, under the same key or another one.
    let head = service.store().head().await.unwrap();
    for name in ["yes", "yes, once more"] {
        record(&service, RELAY, &dossier, name, (last, "ACKNOWLEDGED", None)).await;
    }
    record(&service, RELAY, &dossier, "resent", (last, "SENT", None)).await;
    assert_eq!(service.store().head().await.unwrap(), head);
    told_anew_they_say_the_same(&service.read_side, &["portal_acknowledgement"]).await;
}

async fn an_answer_from_outside_does_not_conflict_with_an_officer(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, dossier) = office(&place).await;
    let seen = dossier_of(&service, &dossier).await["version"].as_i64().unwrap();
    record(&service, RELAY, &dossier, "sent", (seen, "SENT", None)).await;
    record(&service, RELAY, &dossier, "yes", (seen, "ACKNOWLEDGED", None)).await;
    let mut forward = forward_to(LAN, key("forward"), dossier.dossier_id);
    forward.on.expected_version = Some(seen);
    service.forward_dossier(&caller(LEADER), &forward).await.unwrap();
}

async fn what_the_relay_tells_is_checked(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, dossier) = office(&place).await;
    let head = service.store().head().await.unwrap();
    for (name, told, code) in [
        ("no version 0", (0, "SENT", None), "SYNCHRONISATION_NO_SUCH_VERSION"),
        ("not there yet", (99, "SENT", None), "SYNCHRONISATION_NO_SUCH_VERSION"),
        ("never sent", (1, "ACKNOWLEDGED", None), "SYNCHRONISATION_NEVER_SENT"),
        ("never sent, no", (1, "DECLINED", Some("3")), "SYNCHRONISATION_NEVER_SENT"),
        ("no without a code", (1, "DECLINED", None), "BAD_USER_INPUT"),
        ("sent with a code", (1, "SENT", Some("0")), "BAD_USER_INPUT"),
        ("a text for a code", (1, "DECLINED", Some("đã tồn tại hồ sơ")), "BAD_USER_INPUT"),
    ] {
        assert_eq!(record(&service, RELAY, &dossier, name, told).await, code, "{name}");
    }
    // Nobody but the machine that carries messages knows, also not who does everything else.
    for token in [LAN, LEADER, INTAKE] {
        assert_eq!(record(&service, token, &dossier, "mine", (1, "SENT", None)).await, "NO_FUNCTION");
    }
    let stranger = Accepted { dossier_id: domain::identity::DossierId(key("nothing")), ..dossier.clone() };
    assert_eq!(record(&service, RELAY, &stranger, "stranger", (1, "SENT", None)).await, "NOT_FOUND");
    assert_eq!(service.store().head().await.unwrap(), head, "what is refused writes nothing");
    // A key names one request.
    record(&service, RELAY, &dossier, "key", (1, "SENT", None)).await;
    let reused = record(&service, RELAY, &dossier, "key", (1, "ACKNOWLEDGED", None)).await;
    assert_eq!(reused, "IDEMPOTENCY_KEY_REUSED");
}
