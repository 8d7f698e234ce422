//! Rebuilding while readers read: nobody sees an error, an empty table or an older answer, whatever happens to whoever
//! rebuilds; and what was rebuilt is what was there.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use domain::access::Scope;
use domain::dossier;
use domain::identity::CommandId;
use domain::recorded::Position;
use infrastructure::clock::Clock;
use infrastructure::db::{Database, Db};
use infrastructure::event_store::{Append, Expected, NewEvent};
use projections::deadline_board::Within;
use projections::progress::{DayRange, Period, SplitBy, progress};
use projections::read_side::Status;
use projections::runner::RunError;
use projections::{Model, Rebuilt};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use uuid::Uuid;

use crate::cli::{json_of, motcua, stored};
use crate::read_models::{Fixture, Log, METADATA, comparable, logs};
use crate::support::{Backend, Place, binary, is_long, on_each_backend};

on_each_backend!(
    readers_notice_nothing,
    what_was_rebuilt_is_what_was_there_after_many_commands,
    an_interrupted_rebuild_goes_on_where_it_was,
    killed_between_two_indexes_it_makes_the_others,
    a_rebuilt_table_has_the_indexes_that_it_had,
    a_rebuild_that_was_killed_goes_on_and_says_so,
    a_table_of_an_older_program_answers_until_the_new_one_is_built,
    only_one_rebuilds_a_model_at_a_time,
    a_write_that_fails_beside_the_next_portion_loses_and_doubles_nothing,
);

const LONG: Duration = Duration::from_secs(60);

async fn status(fixture: &Fixture, model: Model) -> Status {
    let status = fixture.read_side.status(Clock::System.now()).await.unwrap();
    status.into_iter().find(|status| status.name == model.name()).unwrap()
}

/// Rows, how much was done to them, and how far they go: none of it ever falls.
async fn seen(database: &Database, table: &str) -> sqlx::Result<(i64, i64, i64)> {
    let sql = match table {
        "dossier_summary" => {
            "SELECT COUNT(*), CAST(COALESCE(SUM(stream_version), 0) AS BIGINT), COALESCE(MAX(position), 0)
             FROM dossier_summary"
        }
        _ => {
            "SELECT COUNT(*), CAST(COALESCE(SUM(from_version), 0) AS BIGINT), CAST(0 AS BIGINT) FROM deadline_board"
        }
    };
    match &database.readers {
        Db::Sqlite(pool) => sqlx::query_as(sql).fetch_one(pool).await,
        Db::Postgres(pool) => sqlx::query_as(sql).fetch_one(pool).await,
    }
}

/// Reads until it is told to stop, and fails at the first answer that is an error, older or of two moments.
async fn read_all_the_time(
    database: Database,
    is_over: Arc<AtomicBool>,
    reads: Arc<AtomicU64>,
    adds_up: bool,
) {
    let mut last = [(0, 0, 0); 2];
    while !is_over.load(Ordering::Relaxed) {
        for (nth, table) in ["dossier_summary", "deadline_board"].into_iter().enumerate() {
            let now = seen(&database, table).await.unwrap();
            let (rows, done, position) = now;
            assert!(
                last[nth].0 <= rows && last[nth].1 <= done && last[nth].2 <= position,
                "{table}: {last:?} {now:?}"
            );
            last[nth] = now;
        }
        let day = |text: &str| text.parse().unwrap();
        let period = Period {
            days: DayRange { from: day("1000-01-01"), to: day("3000-12-31") },
            start: 0,
            end: i64::MAX / 2,
            known: None,
        };
        let split = SplitBy { agency: true, procedure: false };
        for row in progress(&database, period, split, &Within::of(Scope::Province)).await.unwrap() {
            let open = row.pending() + row.paused;
            let processed = row.resolved() + row.withdrawn + row.stopped + open;
            assert!(!adds_up || row.to_process() == processed, "counters and board of two moments: {row:?}");
        }
        reads.fetch_add(1, Ordering::Relaxed);
    }
}

/// Without dossiers whose times are odd: their figures do not add up for ever.
fn without_imports(log: Log) -> Log {
    let is_import = |event: &dossier::Event| match event {
        dossier::Event::Submitted(submitted) => submitted.imported.is_some(),
        _ => false,
    };
    let imported: Vec<_> =
        log.iter().filter(|(_, _, event)| is_import(event)).map(|(id, _, _)| *id).collect();
    log.into_iter().filter(|(id, _, _)| !imported.contains(id)).collect()
}

async fn readers_notice_nothing(backend: Backend) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let log = without_imports(logs(10, 250).into_iter().max_by_key(Vec::len).unwrap());
    let (before, after) = log.split_at(log.len() / 2);
    fixture.append(before).await;
    let follower = fixture.read_side.follow();
    let head = fixture.store.head().await.unwrap();
    fixture.read_side.wait_for(Model::ALL, Some(head), LONG).await.unwrap();

    let (is_over, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let database = fixture.read_side.database().clone();
            tokio::spawn(read_all_the_time(database, Arc::clone(&is_over), Arc::clone(&reads), true))
        })
        .collect();
    let read_side = fixture.read_side.clone();
    let rebuilding = tokio::spawn(async move {
        for _ in 0..3 {
            let rebuilt = read_side.rebuild(Model::ALL, |_| true).await.unwrap();
            assert!(rebuilt.is_complete);
        }
    });
    for piece in after.chunks(after.len() / 40 + 1) {
        fixture.append(piece).await;
        // The live models are fed all the while.
        let head = fixture.store.head().await.unwrap();
        fixture.read_side.wait_for(Model::ALL, Some(head), LONG).await.unwrap();
    }
    rebuilding.await.unwrap();
    is_over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    eprintln!("{backend:?}: {} rounds of reading during three rebuilds", reads.load(Ordering::Relaxed));
    follower.stop().await;
    let live = comparable(fixture.dump().await);
    fixture.read_side.rebuild(Model::ALL, |_| true).await.unwrap();
    assert_eq!(comparable(fixture.dump().await), live);
    for status in fixture.read_side.status(Clock::System.now()).await.unwrap() {
        assert!(status.rebuild.is_none());
    }
}

async fn what_was_rebuilt_is_what_was_there_after_many_commands(backend: Backend) {
    let events = if is_long() { 10_000 } else { 2_000 };
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let log = logs(20, events / 3).into_iter().find(|log| events <= log.len()).expect("a long log");
    for piece in log.chunks(log.len() / 7) {
        fixture.append(piece).await;
        fixture.read_side.catch_up().await.unwrap();
    }
    let live = comparable(fixture.dump().await);
    let head = fixture.store.head().await.unwrap();
    let rebuilt = fixture.read_side.rebuild(Model::ALL, |_| true).await.unwrap();
    assert_eq!(rebuilt, Rebuilt { from: Position(0), at: head, is_complete: true });
    assert_eq!(comparable(fixture.dump().await), live);
}

async fn an_interrupted_rebuild_goes_on_where_it_was(backend: Backend) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let log = logs(5, 40).into_iter().max_by_key(Vec::len).unwrap();
    let (before, after) = log.split_at(log.len() / 2);
    fixture.append(before).await;
    fixture.read_side.catch_up().await.unwrap();
    let stopped_at = fixture.store.head().await.unwrap();
    let models = [Model::DossierSummary, Model::PublicStatus];
    let stopped = fixture.read_side.rebuild(&models, |position| position == Position(0)).await.unwrap();
    assert_eq!(stopped, Rebuilt { from: Position(0), at: stopped_at, is_complete: false });
    let left = status(&fixture, Model::PublicStatus).await.rebuild.unwrap();
    assert_eq!((left.at, left.holder), (stopped_at, None));

    fixture.append(after).await;
    fixture.read_side.catch_up().await.unwrap();
    let live = comparable(fixture.dump().await);
    let head = fixture.store.head().await.unwrap();
    let rebuilt = fixture.read_side.rebuild(&models, |_| true).await.unwrap();
    assert_eq!(rebuilt, Rebuilt { from: stopped_at, at: head, is_complete: true });
    assert_eq!(comparable(fixture.dump().await), live);
    assert!(status(&fixture, Model::PublicStatus).await.rebuild.is_none());
}

/// Definitions without names, as the database tells them.
async fn indexes(fixture: &Fixture) -> Vec<(String, String)> {
    let (sql, begins) = match fixture.place.backend {
        Backend::Sqlite => {
            ("SELECT tbl_name, COALESCE(sql, '') FROM sqlite_master WHERE type = 'index'", "(")
        }
        Backend::Postgres => {
            ("SELECT tablename::text, indexdef FROM pg_indexes WHERE schemaname = 'read'", "USING ")
        }
    };
    let rows: Vec<(String, String)> = match &fixture.read_side.database().readers {
        Db::Sqlite(pool) => sqlx::query_as(sql).fetch_all(pool).await,
        Db::Postgres(pool) => sqlx::query_as(sql).fetch_all(pool).await,
    }
    .unwrap();
    let shape = |sql: String| {
        let unique = if sql.starts_with("CREATE UNIQUE") { "UNIQUE " } else { "" };
        format!("{unique}{}", sql.find(begins).map_or("", |at| &sql[at..]))
    };
    let mut indexes: Vec<_> = rows.into_iter().map(|(table, sql)| (table, shape(sql))).collect();
    indexes.sort();
    indexes
}

/// Also a second time, when the names of the first rebuild are taken.
async fn a_rebuilt_table_has_the_indexes_that_it_had(backend: Backend) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let migrated = indexes(&fixture).await;
    assert!(10 < migrated.iter().filter(|(table, _)| Model::from_name(table).is_some()).count());
    fixture.append(&logs(1, 10).remove(0)).await;
    for _ in 0..3 {
        fixture.read_side.rebuild(Model::ALL, |_| true).await.unwrap();
        assert_eq!(indexes(&fixture).await, migrated);
    }
}

/// A log of many pages, of one dossier.
async fn many_events(fixture: &mut Fixture, appends: u32) {
    let log = logs(1, 1).remove(0);
    fixture.append(&log[..1]).await;
    for n in 0..appends {
        let step =
            NewEvent { type_name: "dossier.step_completed.v1", data: r#"{"step":"THU_LY"}"#.to_owned() };
        let append = Append {
            id: CommandId(Uuid::from_u128(u128::from(n))).append(),
            stream: dossier::stream(log[0].0),
            expected: Expected::Any,
            events: vec![step; 256],
            metadata: METADATA.to_owned(),
            occurred_at: log[0].1,
        };
        fixture.store.append(append).await.unwrap();
    }
}

/// The real program, killed with -9 in the middle; the same command goes on, and readers have their table meanwhile.
async fn a_rebuild_that_was_killed_goes_on_and_says_so(backend: Backend) {
    let mut fixture = Fixture::new(Place::with_keys(backend).await).await;
    many_events(&mut fixture, 300).await;
    fixture.read_side.catch_up().await.unwrap();
    let live = comparable(fixture.dump().await);
    let head = fixture.store.head().await.unwrap();
    let arguments = stored(&fixture.place, &["rebuild", "--portion", "2000", "--json"]);
    let mut child = Command::new(binary())
        .args(&arguments)
        .env("HOME", &fixture.place.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    loop {
        let rebuild = status(&fixture, Model::DossierSummary).await.rebuild;
        if rebuild.is_some_and(|rebuild| Position(0) < rebuild.at) {
            child.kill().await.unwrap();
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "it was to be killed in the middle");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Each model is as far as it was written.
    let status = fixture.read_side.status(Clock::System.now()).await.unwrap();
    let left =
        status.into_iter().filter_map(|status| status.rebuild).map(|rebuild| rebuild.at).min().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "", "it was to be killed in the middle, at {left}");
    assert_eq!(comparable(fixture.dump().await), live);

    let again = motcua(&fixture.place.folder, &arguments).await;
    let report = json_of(&again, 0);
    assert_eq!(report["from"], left.0, "{report}");
    assert_eq!((&report["position"], &report["interrupted"]), (&json!(head.0), &json!(false)));
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("an interrupted rebuild goes on"), "{said}");
    assert_eq!(comparable(fixture.dump().await), live);
}

/// Killed with -9 when some indexes are made and others are not: what was built and indexed stays.
async fn killed_between_two_indexes_it_makes_the_others(backend: Backend) {
    let mut fixture = Fixture::new(Place::with_keys(backend).await).await;
    let migrated = indexes(&fixture).await;
    fixture.append(&logs(5, 60).into_iter().max_by_key(Vec::len).unwrap()).await;
    fixture.read_side.catch_up().await.unwrap();
    let live = comparable(fixture.dump().await);
    let arguments = stored(&fixture.place, &["rebuild", "deadline_board", "--json"]);
    let count = |indexes: &[(String, String)], table: &str| {
        indexes.iter().filter(|(indexed, _)| indexed == table).count()
    };
    let all = count(&migrated, "deadline_board");
    let mut killed = false;
    for _ in 0..20 {
        let mut child = Command::new(binary())
            .args(&arguments)
            .env("HOME", &fixture.place.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut begun = 0;
        while let Some(line) = lines.next_line().await.unwrap() {
            begun += usize::from(line.contains("indexing"));
            if begun == 4 {
                break;
            }
        }
        child.kill().await.unwrap();
        // The key and some others. Where it was faster than the kill it is killed again.
        let made = count(&indexes(&fixture).await, "deadline_board_shadow");
        if 1 < made && made < all {
            killed = true;
            break;
        }
        assert_eq!(comparable(fixture.dump().await), live);
    }
    assert!(killed, "it was to be killed between two indexes");
    assert_eq!(comparable(fixture.dump().await), live);
    let again = motcua(&fixture.place.folder, &arguments).await;
    assert_eq!(json_of(&again, 0)["interrupted"], json!(false));
    let said = String::from_utf8(again.stderr).unwrap();
    let made_now = said.lines().filter(|line| line.contains("indexing")).count();
    assert!((1..all).contains(&made_now), "{said}");
    assert_eq!(indexes(&fixture).await, migrated);
    assert_eq!(comparable(fixture.dump().await), live);
}

/// A newer program finds a table that an older one has built: it answers, complete, until the new one is there.
fn version_of(name: &str) -> i64 {
    Model::from_name(name).unwrap().version()
}

async fn a_table_of_an_older_program_answers_until_the_new_one_is_built(backend: Backend) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let log = logs(5, 60).into_iter().max_by_key(Vec::len).unwrap();
    fixture.append(&log).await;
    fixture.read_side.catch_up().await.unwrap();
    let live = comparable(fixture.dump().await);
    fixture.sql("UPDATE checkpoint SET version = version - 1", false).await;
    let (is_over, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let database = fixture.read_side.database().clone();
    let reading = tokio::spawn(read_all_the_time(database, Arc::clone(&is_over), reads, false));
    let follower = fixture.read_side.follow();
    let is_older = |status: &Status| status.version < version_of(status.name);
    let upgraded = async {
        while fixture.read_side.status(Clock::System.now()).await.unwrap().iter().any(is_older) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, upgraded).await.unwrap();
    assert_eq!(comparable(fixture.dump().await), live);
    let more = logs(1, 3).remove(0);
    fixture.append(&more[..1]).await;
    let head = fixture.store.head().await.unwrap();
    fixture.read_side.wait_for(Model::ALL, Some(head), LONG).await.unwrap();
    is_over.store(true, Ordering::Relaxed);
    reading.await.unwrap();
    follower.stop().await;
    for status in fixture.read_side.status(Clock::System.now()).await.unwrap() {
        assert_eq!((status.version, status.at), (version_of(status.name), head), "{}", status.name);
    }

    // A program that only needs the models for a moment does the same.
    fixture.sql("UPDATE checkpoint SET version = version - 1 WHERE name = 'deadline_board'", false).await;
    let before = comparable(fixture.dump().await);
    assert_eq!(fixture.read_side.catch_up().await.unwrap(), head);
    assert_eq!(comparable(fixture.dump().await), before);
    assert_eq!(status(&fixture, Model::DeadlineBoard).await.version, Model::DeadlineBoard.version());

    // A migration that makes a table anew leaves nothing to answer with, and says so.
    let emptied = "UPDATE checkpoint SET version = 0, position = 0 WHERE name = 'deadline_board'";
    fixture.sql(emptied, false).await;
    fixture.sql("DELETE FROM deadline_board", false).await;
    fixture.sql("DELETE FROM progress_counter", false).await;
    assert!(status(&fixture, Model::DeadlineBoard).await.is_missing());
    fixture.read_side.catch_up().await.unwrap();
    assert!(!status(&fixture, Model::DeadlineBoard).await.is_missing());
    assert_eq!(comparable(fixture.dump().await), before);
}

async fn only_one_rebuilds_a_model_at_a_time(backend: Backend) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let log = logs(1, 5).remove(0);
    fixture.append(&log).await;
    let models = [Model::PublicStatus];
    fixture.read_side.rebuild(&models, |_| false).await.unwrap();
    let held = "UPDATE checkpoint SET holder = 'somebody', until_at = 9000000000000000
                WHERE name = 'public_status_shadow'";
    fixture.sql(held, false).await;
    match fixture.read_side.rebuild(&models, |_| true).await {
        Err(RunError::RebuildUnderWay { model: "public_status", holder }) => assert_eq!(holder, "somebody"),
        other => panic!("{other:?}"),
    }
    fixture.sql("UPDATE checkpoint SET until_at = 1 WHERE name = 'public_status_shadow'", false).await;
    assert!(fixture.read_side.rebuild(&models, |_| true).await.unwrap().is_complete);
}

/// A portion cannot be written while the next one is being folded: what was written before stays, what was folded is
/// forgotten, and the next rebuild goes on from there.
async fn a_write_that_fails_beside_the_next_portion_loses_and_doubles_nothing(backend: Backend) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    let log = logs(20, 2_000).into_iter().find(|log| 5_500 <= log.len()).expect("a long log");
    fixture.append(&log).await;
    fixture.read_side.catch_up().await.unwrap();
    let live = comparable(fixture.dump().await);
    let head = fixture.store.head().await.unwrap();
    assert!(5_000 < head.0, "portions, of a page each: {head}");
    let read_side = fixture.read_side.clone().rebuilding_by(100);
    // Makes the tables of the shadows.
    let stopped = read_side.rebuild(Model::ALL, |_| false).await.unwrap();
    assert_eq!(stopped.at, Position(0));

    // In the second portion and every later one, at a row in the middle.
    let trap = match backend {
        Backend::Sqlite => vec![
            "CREATE TRIGGER trap BEFORE INSERT ON deadline_board_shadow WHEN NEW.dossier_id > x'80'
             AND 0 < (SELECT position FROM checkpoint WHERE name = 'deadline_board_shadow')
             BEGIN SELECT RAISE(ABORT, 'trap'); END",
        ],
        Backend::Postgres => vec![
            "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.dossier_id > '80000000-0000-0000-0000-000000000000'
                    AND 0 < (SELECT position FROM checkpoint WHERE name = 'deadline_board_shadow')
                THEN RAISE EXCEPTION 'trap'; END IF; RETURN NEW; END $$",
            "CREATE TRIGGER trap BEFORE INSERT ON deadline_board_shadow FOR EACH ROW EXECUTE FUNCTION trap()",
        ],
    };
    for statement in trap {
        fixture.sql(statement, false).await;
    }
    let failed = read_side.rebuild(Model::ALL, |_| true).await.unwrap_err();
    let mut chain = failed.to_string();
    let mut cause = std::error::Error::source(&failed);
    while let Some(inner) = cause {
        chain.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    assert!(chain.contains("trap"), "{chain}");
    let left = status(&fixture, Model::DeadlineBoard).await.rebuild.unwrap();
    assert!(Position(0) < left.at && left.at < head, "{left:?}");
    assert_eq!(left.holder, None);
    assert_eq!(comparable(fixture.dump().await), live);

    let gone = match backend {
        Backend::Sqlite => "DROP TRIGGER trap",
        Backend::Postgres => "DROP TRIGGER trap ON deadline_board_shadow",
    };
    fixture.sql(gone, false).await;
    let from = fixture.read_side.status(Clock::System.now()).await.unwrap().into_iter();
    let from = from.filter_map(|status| status.rebuild).map(|rebuild| rebuild.at).min().unwrap();
    let rebuilt = read_side.rebuild(Model::ALL, |_| true).await.unwrap();
    assert_eq!(rebuilt, Rebuilt { from, at: head, is_complete: true });
    assert_eq!(comparable(fixture.dump().await), live);
}
