//! Who feeds the read models: one process at a time, whatever happens to the others, and each model by itself.

use std::time::Duration;

use domain::time::Instant;
use infrastructure::clock::Clock;
use infrastructure::db::Db;
use infrastructure::event_store::EventStore;
use projections::dossier_summary::DossierSummary;
use projections::public_status::PublicStatus;
use projections::read_model::ReadModel;
use projections::read_side::Status;
use projections::runner::RunError;
use projections::{Model, ReadSide};

use crate::read_models::{Fixture, Log, folded, logs};
use crate::support::{Backend, Place, Server, instant, on_each_backend};

on_each_backend!(
    a_holder_that_was_overtaken_writes_nothing_more,
    a_server_that_was_paused_writes_nothing_after_another_took_over,
    a_lease_that_is_given_back_is_taken_at_once,
    an_unreadable_row_stops_one_model_and_no_other,
    what_another_process_feeds_is_waited_for,
    the_lag_is_told_in_events_and_seconds,
);

const LONG: Duration = Duration::from_secs(30);

async fn status(fixture: &Fixture, model: Model) -> Status {
    let status = fixture.read_side.status(Clock::System.now()).await.unwrap();
    status.into_iter().find(|status| status.name == model.name()).unwrap()
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// From now on every move of a checkpoint is written down, with who made it under which fence.
async fn watch_moves(fixture: &Fixture) {
    fixture.sql("CREATE TABLE move (name TEXT, holder TEXT, fence BIGINT)", false).await;
    let trigger = match fixture.place.backend {
        Backend::Sqlite => vec![
            "CREATE TRIGGER moved AFTER UPDATE ON checkpoint WHEN NEW.position <> OLD.position
             BEGIN INSERT INTO move VALUES (NEW.name, NEW.holder, NEW.fence); END",
        ],
        Backend::Postgres => vec![
            "CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO move VALUES (NEW.name, NEW.holder, NEW.fence); RETURN NULL; END $$",
            "CREATE TRIGGER moved AFTER UPDATE ON checkpoint FOR EACH ROW
             WHEN (NEW.position <> OLD.position) EXECUTE FUNCTION moved()",
        ],
    };
    for sql in trigger {
        fixture.sql(sql, false).await;
    }
}

async fn moves(fixture: &Fixture) -> Vec<(String, String, i64)> {
    const MOVES: &str = "SELECT name, holder, fence FROM move";
    match &fixture.read_side.database().readers {
        Db::Sqlite(pool) => sqlx::query_as(MOVES).fetch_all(pool).await.unwrap(),
        Db::Postgres(pool) => sqlx::query_as(MOVES).fetch_all(pool).await.unwrap(),
    }
}

async fn assert_folded(fixture: &Fixture, log: Log) {
    let events = domain::testing::recorded(log);
    assert_eq!(fixture.table(DossierSummary::TABLE).await, folded::<DossierSummary>(&events).1);
    assert_eq!(fixture.table(PublicStatus::TABLE).await, folded::<PublicStatus>(&events).1);
}

fn long_log() -> Log {
    logs(20, 40).into_iter().max_by_key(Vec::len).unwrap()
}

/// The first goes on believing in its lease, because its clock stands still; the other's says that it has ended. Both
/// are awake and see every event.
async fn a_holder_that_was_overtaken_writes_nothing_more(backend: Backend) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let clock = Clock::fixed(instant("2026-01-05T08:00:00+07:00"));
    let first = fixture.read_side.clone().leasing_by(clock).follow();
    let log = long_log();
    let (before, after) = log.split_at(log.len() / 3);
    fixture.append(before).await;
    let head = fixture.store.head().await.unwrap();
    fixture.read_side.wait_for(Model::ALL, Some(head), LONG).await.unwrap();

    let location = fixture.place.location();
    let store = EventStore::open(&location.log, Clock::System).await.unwrap();
    let later = Clock::fixed(instant("2026-01-05T09:00:00+07:00"));
    let other = ReadSide::open(&location.read, store).await.unwrap().leasing_by(later);
    watch_moves(&fixture).await;
    let second = other.follow();
    until("the other has taken over", async || fences(&fixture).await.iter().all(|fence| *fence == 2)).await;
    for piece in after.chunks(3) {
        fixture.append(piece).await;
    }
    let head = fixture.store.head().await.unwrap();
    other.wait_for(Model::ALL, Some(head), LONG).await.unwrap();
    let moves = moves(&fixture).await;
    assert!(Model::ALL.len() <= moves.len(), "{moves:?}");
    assert!(moves.iter().all(|(_, _, fence)| *fence == 2), "{moves:?}");
    second.stop().await;
    first.stop().await;
    assert_folded(&fixture, log).await;
}

async fn fences(fixture: &Fixture) -> Vec<i64> {
    const FENCES: &str = "SELECT fence FROM checkpoint";
    match &fixture.read_side.database().readers {
        Db::Sqlite(pool) => sqlx::query_scalar(FENCES).fetch_all(pool).await.unwrap(),
        Db::Postgres(pool) => sqlx::query_scalar(FENCES).fetch_all(pool).await.unwrap(),
    }
}

/// The same with two servers, one of which is stopped by a signal and wakes up to a log that has grown.
async fn a_server_that_was_paused_writes_nothing_after_another_took_over(backend: Backend) {
    let mut fixture = Fixture::new(Place::with_keys(backend).await).await;
    let log = long_log();
    let (before, rest) = log.split_at(log.len() / 3);
    let (during, after) = rest.split_at(rest.len() / 2);
    let first = Server::start(&fixture.place).await;
    fixture.append(before).await;
    let head = fixture.store.head().await.unwrap();
    fixture.read_side.wait_for(Model::ALL, Some(head), LONG).await.unwrap();

    first.hold_up(&fixture.place).await;
    watch_moves(&fixture).await;
    let second = Server::start(&fixture.place).await;
    fixture.append(during).await;
    let head = fixture.store.head().await.unwrap();
    fixture.read_side.wait_for(Model::ALL, Some(head), LONG).await.unwrap();
    first.signal("CONT").await;
    for piece in after.chunks(2) {
        fixture.append(piece).await;
    }
    let head = fixture.store.head().await.unwrap();
    fixture.read_side.wait_for(Model::ALL, Some(head), LONG).await.unwrap();
    // Long enough for the first to have tried.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let moves = moves(&fixture).await;
    let own = format!(" {}/", second.pid());
    assert!(Model::ALL.len() <= moves.len(), "{moves:?}");
    assert!(moves.iter().all(|(_, holder, _)| holder.contains(&own)), "{moves:?}");
    // The first stands by: it goes on when the second is gone.
    second.kill().await;
    let more = logs(1, 3).remove(0);
    fixture.append(&more[..1]).await;
    let head = fixture.store.head().await.unwrap();
    fixture.read_side.wait_for(Model::ALL, Some(head), LONG).await.unwrap();
    first.kill().await;
}

async fn a_lease_that_is_given_back_is_taken_at_once(backend: Backend) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let log = long_log();
    let clock = Clock::fixed(instant("2026-01-05T08:00:00+07:00"));
    let read_side = fixture.read_side.clone().leasing_by(clock);
    for piece in log.chunks(log.len() / 2) {
        let follower = read_side.follow();
        fixture.append(piece).await;
        let head = fixture.store.head().await.unwrap();
        read_side.wait_for(Model::ALL, Some(head), LONG).await.unwrap();
        follower.stop().await;
        // By a clock that stands still the lease would never end.
        read_side.catch_up().await.unwrap();
    }
    assert_folded(&fixture, log).await;
}

/// One model stands still before what it cannot take, and says so; the others go on; it goes on when it can.
async fn an_unreadable_row_stops_one_model_and_no_other(backend: Backend) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let log = long_log();
    let (before, after) = log.split_at(log.len() / 2);
    fixture.append(before).await;
    fixture.read_side.catch_up().await.unwrap();
    let place = status(&fixture, Model::PublicStatus).await.at;
    fixture.sql("UPDATE public_status SET stage = 'KHAC ' || stage", false).await;

    let follower = fixture.read_side.follow();
    fixture.append(after).await;
    let head = fixture.store.head().await.unwrap();
    let others: Vec<_> = Model::ALL.iter().copied().filter(|model| *model != Model::PublicStatus).collect();
    fixture.read_side.wait_for(&others, Some(head), LONG).await.unwrap();
    until("it says why", async || status(&fixture, Model::PublicStatus).await.stopped.is_some()).await;
    let stopped = status(&fixture, Model::PublicStatus).await;
    assert_eq!((stopped.at, stopped.lag_events), (place, head.0 - place.0));
    let reason = stopped.stopped.unwrap();
    assert!(reason.contains("a row of public_status cannot be read"), "{reason}");
    // Whoever needs all models learns the reason.
    match fixture.read_side.catch_up().await {
        Err(RunError::Stopped { model: "public_status", reason: told }) => assert_eq!(told, reason),
        other => panic!("{other:?}"),
    }

    fixture.sql("UPDATE public_status SET stage = replace(stage, 'KHAC ', '')", false).await;
    fixture.read_side.wait_for(Model::ALL, Some(head), LONG).await.unwrap();
    assert_eq!(status(&fixture, Model::PublicStatus).await.stopped, None);
    follower.stop().await;
    assert_folded(&fixture, log).await;
}

/// A program that needs the models at the log's end does not push the one aside that feeds them.
async fn what_another_process_feeds_is_waited_for(backend: Backend) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let follower = fixture.read_side.follow();
    let fed = async || fences(&fixture).await.len() == Model::ALL.len();
    until("the follower has its leases", fed).await;
    for log in logs(5, 20) {
        let own: Vec<_> = log.iter().take(1).cloned().collect();
        fixture.append(&own).await;
        let head = fixture.store.head().await.unwrap();
        assert_eq!(fixture.read_side.catch_up().await.unwrap(), head);
    }
    assert!(fences(&fixture).await.iter().all(|fence| *fence == 1));
    follower.stop().await;
}

async fn the_lag_is_told_in_events_and_seconds(backend: Backend) {
    let place = Place::new(backend).await;
    let recorded_at = instant("2026-01-05T08:00:00+07:00");
    let store = EventStore::open(&place.location().log, Clock::fixed(recorded_at)).await.unwrap();
    let mut fixture = Fixture::new(place).await;
    fixture.store = store;
    let log = logs(1, 5).remove(0);
    fixture.append(&log).await;
    let asked_at: Instant = recorded_at + chrono::TimeDelta::seconds(90);
    let lag = i64::try_from(log.len()).unwrap();
    for status in fixture.read_side.status(asked_at).await.unwrap() {
        assert_eq!((status.lag_events, status.lag_seconds, status.per_second), (lag, 90, 0));
        assert_eq!((status.holder, status.stopped), (None, None));
    }
    fixture.read_side.catch_up().await.unwrap();
    for status in fixture.read_side.status(asked_at).await.unwrap() {
        assert_eq!((status.lag_events, status.lag_seconds), (0, 0));
        assert!(0 < status.per_second);
        assert_eq!(status.holder, None, "given back");
    }
    let follower = fixture.read_side.follow();
    until("somebody holds it", async || status(&fixture, Model::PublicStatus).await.holder.is_some()).await;
    let holder = status(&fixture, Model::PublicStatus).await.holder.unwrap();
    assert!(holder.contains(&format!(" {}/", std::process::id())), "{holder}");
    follower.stop().await;
}
