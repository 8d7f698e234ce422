//! Streams that a read model cannot take: shown to administrators, tried again, and skipped for a reason that is in the
//! log, so that a rebuild skips the same.

use api::input::SkipParkedStreamInput;
use api::problem::Problem;
use domain::dossier;
use domain::testing::recorded;
use infrastructure::clock::Clock;
use projections::deadline_board::DeadlineBoard;
use projections::public_status::PublicStatus;
use projections::read_model::ReadModel;
use projections::runner::RunError;
use projections::{Model, Parked};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::cli::{json_of, motcua, stored};
use crate::read_models::{Fixture, Log, folded, logs};
use crate::support::office::{ADMIN, LAN, caller, key, open};
use crate::support::{Backend, Place, on_each_backend, problem};

on_each_backend!(
    a_skipped_event_lets_the_stream_go_on_and_a_rebuild_skips_it_too,
    a_parked_stream_is_tried_again,
    administrators_see_the_read_models_and_nobody_else,
);

/// A log, and the events of it that come before a poisoned one of the first dossier.
fn halves() -> (Log, usize) {
    let long = |log: &Log| {
        let id = log[0].0;
        let own = log.iter().filter(|(other, _, _)| *other == id).count();
        4 < own && 20 < log.len() && goes_on(log)
    };
    let log = logs(60, 12).into_iter().find(long).expect("a log whose first dossier has a history");
    let own: Vec<_> = (0..log.len()).filter(|nth| log[*nth].0 == log[0].0).collect();
    let half = own[2];
    (log, half)
}

/// Anybody sees that the first dossier has gone on after its second event.
fn goes_on(log: &Log) -> bool {
    let own: Log = log.iter().filter(|(id, _, _)| *id == log[0].0).cloned().collect();
    folded::<PublicStatus>(&recorded(own[..2].to_vec())).1 != folded::<PublicStatus>(&recorded(own)).1
}

async fn parked(fixture: &Fixture, model: Model) -> Vec<Parked> {
    let status = fixture.read_side.status(Clock::System.now()).await.unwrap();
    status.into_iter().find(|status| status.name == model.name()).unwrap().parked
}

async fn a_skipped_event_lets_the_stream_go_on_and_a_rebuild_skips_it_too(backend: Backend) {
    let mut fixture = Fixture::new(Place::with_keys(backend).await).await;
    let (log, half) = halves();
    let (id, at, _) = log[0].clone();
    fixture.append(&log[..half]).await;
    fixture.poison(id, at).await;
    fixture.append(&log[half..]).await;
    fixture.read_side.catch_up().await.unwrap();
    let waiting = parked(&fixture, Model::PublicStatus).await;
    let stream = dossier::stream(id);
    assert_eq!((waiting.len(), waiting[0].stream.as_str(), waiting[0].version), (1, stream.as_str(), 3));
    let expected = folded::<PublicStatus>(&recorded(log)).1;
    assert_ne!(fixture.table(PublicStatus::TABLE).await, expected);

    let service = open(&fixture.place, Clock::System).await;
    let input = SkipParkedStreamInput {
        idempotency_key: key("skip"),
        model: "public_status".to_owned(),
        stream: stream.clone(),
        version: 3,
        reason: "hỏng khi chuyển đổi".to_owned(),
    };
    let denied = problem(service.skip_parked_stream(&caller(LAN), &input).await);
    assert!(matches!(denied, Problem::Denied(_)), "{denied:?}");
    for wrong in [
        SkipParkedStreamInput { model: "everything".to_owned(), ..input.clone() },
        SkipParkedStreamInput { version: 2, ..input.clone() },
        SkipParkedStreamInput { stream: "dossier-x".to_owned(), ..input.clone() },
    ] {
        let refused = problem(service.skip_parked_stream(&caller(ADMIN), &wrong).await);
        assert!(matches!(refused, Problem::NotFound { .. }), "{wrong:?}: {refused:?}");
    }
    let blank = SkipParkedStreamInput { reason: " ".to_owned(), ..input.clone() };
    problem(service.skip_parked_stream(&caller(ADMIN), &blank).await);

    let done = service.skip_parked_stream(&caller(ADMIN), &input).await.unwrap();
    assert_eq!(fixture.store.head().await.unwrap(), done.position);
    fixture.read_side.catch_up().await.unwrap();
    assert_eq!(parked(&fixture, Model::PublicStatus).await, []);
    assert_eq!(fixture.table(PublicStatus::TABLE).await, expected);
    // The other models still wait; the same request gets the same answer.
    assert_eq!(parked(&fixture, Model::DeadlineBoard).await.len(), 1);
    assert_eq!(service.skip_parked_stream(&caller(ADMIN), &input).await.unwrap(), done);

    let board = fixture.table(DeadlineBoard::TABLE).await;
    let waiting = parked(&fixture, Model::DeadlineBoard).await;
    fixture.read_side.rebuild(Model::ALL, |_| true).await.unwrap();
    assert_eq!(fixture.table(PublicStatus::TABLE).await, expected);
    assert_eq!(parked(&fixture, Model::PublicStatus).await, []);
    assert_eq!(fixture.table(DeadlineBoard::TABLE).await, board);
    assert_eq!(parked(&fixture, Model::DeadlineBoard).await, waiting);
}

/// As after an update to a program that can read what its predecessor could not.
async fn a_parked_stream_is_tried_again(backend: Backend) {
    let mut fixture = Fixture::new(Place::with_keys(backend).await).await;
    let (log, half) = halves();
    let stream = dossier::stream(log[0].0);
    fixture.append(&log[..half]).await;
    fixture.read_side.catch_up().await.unwrap();
    let park = format!(
        "INSERT INTO parked (name, stream, version, position, reason)
         VALUES ('public_status', '{stream}', 3, {}, 'too old a program')",
        half + 1
    );
    fixture.sql(&park, false).await;
    let follower = fixture.read_side.follow();
    fixture.append(&log[half..]).await;
    let head = fixture.store.head().await.unwrap();
    let long = std::time::Duration::from_secs(30);
    fixture.read_side.wait_for(Model::ALL, Some(head), long).await.unwrap();
    let expected = folded::<PublicStatus>(&recorded(log)).1;
    assert_ne!(fixture.table(PublicStatus::TABLE).await, expected, "it waits");
    // Beside whoever feeds the model.
    fixture.read_side.retry(Model::PublicStatus, &stream).await.unwrap();
    assert_eq!(fixture.table(PublicStatus::TABLE).await, expected);
    let again = fixture.read_side.retry(Model::PublicStatus, &stream).await;
    assert!(matches!(again, Err(RunError::NotParked { .. })), "{again:?}");
    follower.stop().await;
}

async fn administrators_see_the_read_models_and_nobody_else(backend: Backend) {
    let mut fixture = Fixture::new(Place::with_keys(backend).await).await;
    let (log, half) = halves();
    let (id, at, _) = log[0].clone();
    fixture.append(&log[..half]).await;
    fixture.poison(id, at).await;
    fixture.read_side.catch_up().await.unwrap();
    fixture.append(&log[half..]).await;
    let stream = dossier::stream(id);
    let head = fixture.store.head().await.unwrap().0;
    let lag = head - i64::try_from(half).unwrap() - 1;

    let shown = motcua(&fixture.place.folder, &stored(&fixture.place, &["projections", "--json"])).await;
    let shown = json_of(&shown, 0);
    let (people, all) = shown["projections"].as_array().unwrap().split_last().unwrap();
    // Nobody has made people findable here.
    assert_eq!((&people["name"], &people["position"]), (&json!("person_search"), &json!(0)));
    let names: Vec<_> = all.iter().map(|shown| shown["name"].as_str().unwrap()).collect();
    assert_eq!(names, Model::ALL.iter().map(|model| model.name()).collect::<Vec<_>>());
    for shown in all {
        assert_eq!((&shown["lagEvents"], &shown["position"]), (&json!(lag), &json!(head - lag)), "{shown}");
        assert_eq!(
            (&shown["holder"], &shown["stopped"], &shown["rebuild"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
        assert_eq!(
            (&shown["parked"][0]["stream"], &shown["parked"][0]["version"]),
            (&json!(stream), &json!(3))
        );
        assert!(0 < shown["eventsPerSecond"].as_i64().unwrap() && shown["lagSeconds"].is_number(), "{shown}");
    }
    let retry = stored(&fixture.place, &["projections", "retry", "public_status", &stream]);
    let retried = motcua(&fixture.place.folder, &retry).await;
    assert_eq!(retried.status.code(), Some(3), "{retried:?}");
    assert!(String::from_utf8_lossy(&retried.stderr).contains("STREAM_STILL_PARKED"), "{retried:?}");
    let skip = ["projections", "skip", "public_status", &stream, "3", "--reason", "đã đối chiếu bản giấy"];
    let skipped = motcua(&fixture.place.folder, &stored(&fixture.place, &skip)).await;
    assert_eq!(skipped.status.code(), Some(0), "{skipped:?}");

    let service = open(&fixture.place, Clock::System).await;
    let router = api::http::router(
        service,
        api::http::Settings { sign_in: api::sign_in::SignIn::development(), ..Default::default() },
    );
    let ask = async |token: &str| {
        let query = "{ projections { name lagEvents parked { stream version reason } skipped { stream version reason } } }";
        let request = axum::http::Request::post("/graphql")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(axum::body::Body::from(json!({"query": query}).to_string()))
            .unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let seen = ask(ADMIN).await;
    let of = |name: &str| {
        let all = seen["data"]["projections"].as_array().unwrap();
        all.iter().find(|seen| seen["name"] == name).cloned().unwrap()
    };
    let public = of("public_status");
    assert_eq!((&public["lagEvents"], &public["parked"]), (&json!(0), &json!([])));
    let expected = json!([{"stream": stream, "version": 3, "reason": "đã đối chiếu bản giấy"}]);
    assert_eq!(public["skipped"], expected);
    assert_eq!(of("deadline_board")["parked"][0]["version"], 3);
    let denied = ask(LAN).await;
    assert!(denied["data"].is_null() && denied["errors"].is_array(), "{denied}");
}
