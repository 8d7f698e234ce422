//! Read models against the log they are folded from: table == fold, rebuild == live, and nothing lost or doubled when
//! things go wrong.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use domain::decider::StoredEvent;
use domain::dossier::{self, Event as DossierEvent};
use domain::identity::{CommandId, DossierId};
use domain::recorded::{Position, Recorded, Version};
use domain::testing::{interleaved_histories, recorded, seal_for_test};
use domain::time::Instant;
use infrastructure::clock::Clock;
use infrastructure::event_store::{Append, EventStore, Expected, NewEvent, PageLimit};
use infrastructure::on_db;
use projections::dossier_summary::DossierSummary;
use projections::read_model::{Occurrence, ReadModel};
use projections::read_side::WaitError;
use projections::runner::RunError;
use projections::table::{Cell, Table, rows};
use projections::{Model, ReadSide, deadline_board::DeadlineBoard, public_status::PublicStatus};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::support::{Place, backends, is_long};

pub(crate) type Log = Vec<(DossierId, Instant, DossierEvent)>;

/// A log and its read models, fed by hand.
pub(crate) struct Fixture {
    pub(crate) place: Place,
    pub(crate) store: EventStore,
    pub(crate) read_side: ReadSide,
    versions: HashMap<DossierId, i64>,
}

impl Fixture {
    pub(crate) async fn new(place: Place) -> Self {
        let location = place.location();
        let store = EventStore::open(&location.log, Clock::System).await.unwrap();
        let read_side = ReadSide::open(&location.read, store.clone()).await.unwrap();
        Self { place, store, read_side, versions: HashMap::new() }
    }

    pub(crate) async fn append(&mut self, log: &[(DossierId, Instant, DossierEvent)]) {
        for (id, at, event) in log {
            let version = self.versions.entry(*id).or_default();
            let mut event = event.clone();
            seal_for_test(&mut event);
            let append = Append {
                id: CommandId(Uuid::new_v5(&id.0, &version.to_be_bytes())).append(),
                stream: dossier::stream(*id),
                expected: Expected::Exactly(Version(*version)),
                events: vec![NewEvent { type_name: event.type_name(), data: event.encode().unwrap() }],
                metadata: METADATA.to_owned(),
                occurred_at: *at,
            };
            self.store.append(append).await.unwrap();
            *version += 1;
        }
    }

    /// Appends what no program can read.
    pub(crate) async fn poison(&mut self, id: DossierId, at: Instant) {
        let version = self.versions.entry(id).or_default();
        let append = Append {
            id: CommandId(Uuid::new_v5(&id.0, &version.to_be_bytes())).append(),
            stream: dossier::stream(id),
            expected: Expected::Exactly(Version(*version)),
            events: vec![NewEvent { type_name: "dossier.withdrawn.v1", data: "not json".to_owned() }],
            metadata: METADATA.to_owned(),
            occurred_at: at,
        };
        self.store.append(append).await.unwrap();
        *version += 1;
    }

    pub(crate) async fn table(&self, table: Table) -> Vec<Vec<Cell<'static>>> {
        rows(self.read_side.database(), table).await.unwrap()
    }

    /// Everything the read models hold.
    pub(crate) async fn dump(&self) -> Dump {
        dump_of(&self.read_side).await
    }

    /// What was appended, as it is in the log: with the times of its recording.
    pub(crate) async fn recorded(&self) -> Vec<Recorded> {
        let page = self.store.read_all(Position(0), PageLimit::rows(u32::MAX)).await.unwrap();
        page.rows.into_iter().map(|row| row.decode().unwrap()).collect()
    }

    async fn parked(&self) -> Vec<projections::Parked> {
        let status = self.read_side.status(Instant::UNIX_EPOCH).await.unwrap();
        status.into_iter().flat_map(|status| status.parked).collect()
    }

    pub(crate) async fn sql(&self, sql: &str, log: bool) {
        let database = if log { self.store.database() } else { self.read_side.database() };
        on_db!(&database.writer, pool => {
            sqlx::query(AssertSqlSafe(sql.to_owned())).execute(pool).await.map(|_| ())
        })
        .unwrap();
    }
}

pub(crate) const METADATA: &str = r#"{"command":"00000000-0000-0000-0000-000000000001","mac":"m","actor":"00000000-0000-0000-0000-000000000002","acting_as":{"agency":"00000000-0000-0000-0000-000000000003"},"channel":"demo"}"#;

/// Tables by name, with their rows.
pub(crate) type Dump = Vec<(&'static str, Vec<Vec<Cell<'static>>>)>;

async fn dump_of(read_side: &ReadSide) -> Dump {
    let mut dump = Vec::new();
    for model in Model::ALL {
        let (table, tally) = model.tables();
        for table in [Some(table), tally].into_iter().flatten() {
            dump.push((table.name, rows(read_side.database(), table).await.unwrap()));
        }
    }
    dump
}

/// Counters that fell back to zero are rows of zeros where they were counted live.
pub(crate) fn comparable(dump: Dump) -> Dump {
    let plain = |name, rows| if name == "progress_counter" { without_zeros(rows) } else { rows };
    dump.into_iter().map(|(name, rows)| (name, plain(name, rows))).collect()
}

/// Told anew from the log, every table says the same; these had something to say.
pub(crate) async fn told_anew_they_say_the_same(read_side: &ReadSide, tables: &[&str]) {
    read_side.catch_up().await.unwrap();
    let live = comparable(dump_of(read_side).await);
    for table in tables {
        let (_, rows) = live.iter().find(|(name, _)| name == table).expect("a table of a read model");
        assert!(!rows.is_empty(), "{table} is empty");
    }
    assert!(read_side.rebuild(Model::ALL, |_| true).await.unwrap().is_complete);
    for ((name, live), (_, rebuilt)) in live.into_iter().zip(comparable(dump_of(read_side).await)) {
        assert_eq!(live, rebuilt, "{name}");
    }
}

/// The rows that a log folds to, in memory, in the order of the key.
pub(crate) fn folded<R: ReadModel>(events: &[Recorded]) -> (Vec<R>, Vec<Vec<Cell<'static>>>) {
    let mut partitions: BTreeMap<Uuid, Vec<R>> = BTreeMap::new();
    for recorded in events {
        let occurrence = Occurrence::from(recorded.clone());
        if let Some(partition) = R::partition(&occurrence) {
            R::fold(partitions.entry(partition).or_default(), &occurrence).unwrap();
        }
    }
    let rows: Vec<R> = partitions.into_values().flatten().collect();
    let own = |cell: Cell<'_>| match cell {
        Cell::Text(text) => Cell::from(text.into_owned()),
        Cell::Null => Cell::Null,
        Cell::Int(value) => Cell::Int(value),
        Cell::Uuid(value) => Cell::Uuid(value),
    };
    let mut cells: Vec<Vec<Cell<'static>>> =
        rows.iter().map(|row| row.to_cells().into_iter().map(own).collect()).collect();
    cells.sort_by(|one, other| one[..R::TABLE.key.len()].cmp(&other[..R::TABLE.key.len()]));
    (rows, cells)
}

/// What the rows add up to.
fn tallied(rows: &[DeadlineBoard]) -> Vec<Vec<Cell<'static>>> {
    let mut sums: BTreeMap<Vec<Cell<'static>>, Vec<i64>> = BTreeMap::new();
    for row in rows {
        row.tally(&mut |key, values| {
            let sum = sums.entry(key).or_insert_with(|| vec![0; values.len()]);
            sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        });
    }
    sums.into_iter()
        .map(|(key, values)| key.into_iter().chain(values.into_iter().map(Cell::Int)).collect())
        .collect()
}

/// Counters that fell back to zero stay in the table as rows of zeros.
fn without_zeros(rows: Vec<Vec<Cell<'static>>>) -> Vec<Vec<Cell<'static>>> {
    rows.into_iter().filter(|row| row[3..].iter().any(|cell| *cell != Cell::Int(0))).collect()
}

/// Histories grown by deciding random commands.
pub(crate) fn logs(count: u32, dossiers_max: usize) -> Vec<Log> {
    let mut runner = TestRunner::new(Config { cases: count, ..Config::default() });
    let strategy = interleaved_histories(dossiers_max);
    let mut logs = Vec::new();
    while logs.len() < count as usize {
        let log = strategy.new_tree(&mut runner).unwrap().current();
        // The numbers of a day begin again after 9,999: among many dossiers two may draw the same code.
        let mut codes = HashSet::new();
        let mut submitted = log.iter().filter_map(|(_, _, event)| match event {
            DossierEvent::Submitted(submitted) => Some(&submitted.code),
            _ => None,
        });
        // A history whose first command is refused is empty, and shows nothing.
        if !log.is_empty() && submitted.all(|code| codes.insert(code)) {
            logs.push(log);
        }
    }
    logs
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_is_the_fold_of_the_log_and_a_rebuild_changes_nothing() {
    let cases = if is_long() { 100 } else { 12 };
    for backend in backends() {
        for (nth, log) in logs(cases, 12).into_iter().enumerate() {
            let mut fixture = Fixture::new(Place::new(backend).await).await;
            // Fed in pieces, as it comes in.
            for piece in log.chunks(nth % 7 * 5 + 3) {
                fixture.append(piece).await;
                fixture.read_side.catch_up().await.unwrap();
            }
            let events = fixture.recorded().await;
            let summaries = folded::<DossierSummary>(&events).1;
            assert_eq!(fixture.table(DossierSummary::TABLE).await, summaries, "{backend:?}");
            let (board, board_rows) = folded::<DeadlineBoard>(&events);
            assert_eq!(fixture.table(DeadlineBoard::TABLE).await, board_rows, "{backend:?}");
            assert_eq!(
                fixture.table(PublicStatus::TABLE).await,
                folded::<PublicStatus>(&events).1,
                "{backend:?}"
            );
            let tally = fixture.table(DeadlineBoard::TALLY.unwrap()).await;
            assert_eq!(without_zeros(tally), tallied(&board), "{backend:?}");

            // Of what is not about dossiers: beside the rows of accounts, payments and procedures.
            let told = ["dossier_summary", "deadline_board", "public_status"];
            told_anew_they_say_the_same(&fixture.read_side, if events.is_empty() { &[] } else { &told })
                .await;
        }
    }
}

/// What a table says and the log does not is noticed, and gone when it is told anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_log_does_not_tell_is_noticed() {
    for backend in backends() {
        let mut fixture = Fixture::new(Place::new(backend).await).await;
        fixture.append(&logs(1, 3).remove(0)).await;
        fixture.read_side.catch_up().await.unwrap();
        fixture.sql("UPDATE public_status SET submitted_at = 1", false).await;
        let read_side = fixture.read_side.clone();
        let told =
            tokio::spawn(async move { told_anew_they_say_the_same(&read_side, &["public_status"]).await });
        assert!(told.await.unwrap_err().is_panic(), "{backend:?}");
        told_anew_they_say_the_same(&fixture.read_side, &["public_status"]).await;
    }
}

/// Two runners on one database while it is written to: every event is applied once.
#[tokio::test(flavor = "multi_thread")]
async fn two_runners_apply_nothing_twice() {
    for backend in backends() {
        let mut fixture = Fixture::new(Place::new(backend).await).await;
        let location = fixture.place.location();
        let other_store = EventStore::open(&location.log, Clock::System).await.unwrap();
        let other = ReadSide::open(&location.read, other_store).await.unwrap();
        let followers = [fixture.read_side.follow(), other.follow()];
        let log = logs(1, 40).remove(0);
        for piece in log.chunks(4) {
            fixture.append(piece).await;
        }
        let head = fixture.store.head().await.unwrap();
        fixture.read_side.wait_for(Model::ALL, Some(head), Duration::from_secs(20)).await.unwrap();
        drop(followers);
        let (board, rows) = folded::<DeadlineBoard>(&fixture.recorded().await);
        assert_eq!(fixture.table(DeadlineBoard::TABLE).await, rows, "{backend:?}");
        let tally = fixture.table(DeadlineBoard::TALLY.unwrap()).await;
        assert_eq!(without_zeros(tally), tallied(&board), "{backend:?}");
    }
}

/// One model starts again while the others are at the end, and there is more between them than a page: those ahead stay
/// where they are, and fold nothing a second time.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_starts_again_sets_no_other_back() {
    for backend in backends() {
        let mut fixture = Fixture::new(Place::new(backend).await).await;
        // A page of the live runner holds 2,000 events.
        let log = logs(40, 900).into_iter().find(|log| 2_500 < log.len()).expect("a log of several pages");
        fixture.append(&log).await;
        fixture.read_side.catch_up().await.unwrap();
        let live = fixture.dump().await;
        fixture.sql("UPDATE checkpoint SET position = 0 WHERE name = 'public_status'", false).await;
        fixture.sql("DELETE FROM public_status", false).await;
        let head = fixture.store.head().await.unwrap();
        // A process that has seen nothing yet.
        let other = ReadSide::open(&fixture.place.location().read, fixture.store.clone()).await.unwrap();
        let follower = other.follow();
        other.wait_for(Model::ALL, Some(head), Duration::from_secs(20)).await.unwrap();
        follower.stop().await;
        assert_eq!(fixture.dump().await, live, "{backend:?}");
    }
}

/// Processes that start while others feed the models find them healthy: no checkpoint is ever set back.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_starts_sets_no_model_back() {
    for backend in backends() {
        let mut fixture = Fixture::new(Place::new(backend).await).await;
        fixture.read_side.catch_up().await.unwrap();
        let refuse = match backend {
            crate::support::Backend::Sqlite => vec![
                "CREATE TRIGGER forward BEFORE UPDATE ON checkpoint WHEN NEW.position < OLD.position
                 BEGIN SELECT RAISE(ABORT, 'set back'); END",
            ],
            crate::support::Backend::Postgres => vec![
                "CREATE FUNCTION set_back() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'set back'; END $$",
                "CREATE TRIGGER forward BEFORE UPDATE ON checkpoint FOR EACH ROW
                 WHEN (NEW.position < OLD.position) EXECUTE FUNCTION set_back()",
            ],
        };
        for sql in refuse {
            fixture.sql(sql, false).await;
        }
        let follower = fixture.read_side.follow();
        let (url, store) = (fixture.place.location().read, fixture.store.clone());
        let starting = tokio::spawn(async move {
            for _ in 0..30 {
                ReadSide::open(&url, store.clone()).await.unwrap().catch_up().await.unwrap();
            }
        });
        let mut logs = logs(40, 60).into_iter();
        while !starting.is_finished() {
            fixture.append(&logs.next().expect("enough to write")).await;
        }
        starting.await.unwrap();
        follower.stop().await;
    }
}

/// A table that a newer program has built is not fed, and not built anew, by an older one that runs or starts, until
/// somebody asks for that.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_program_leaves_the_table_of_a_newer_one_alone() {
    for backend in backends() {
        let mut fixture = Fixture::new(Place::new(backend).await).await;
        let log = logs(1, 10).remove(0);
        let (first, then) = log.split_at(log.len() / 2);
        fixture.append(first).await;
        let follower = fixture.read_side.follow();
        let head = fixture.store.head().await.unwrap();
        fixture.read_side.wait_for(Model::ALL, Some(head), Duration::from_secs(20)).await.unwrap();
        let older = fixture.dump().await;
        fixture.sql("UPDATE checkpoint SET version = version + 1 WHERE name = 'public_status'", false).await;
        fixture.append(then).await;
        let short = Duration::from_millis(300);
        let head = fixture.store.head().await.unwrap();
        let waited = fixture.read_side.wait_for(&[Model::PublicStatus], Some(head), short).await;
        assert!(matches!(waited, Err(WaitError::Behind(_))), "{backend:?}");
        let started = fixture.read_side.catch_up().await;
        let Err(RunError::NewerModel { model }) = started else { panic!("{backend:?}: {started:?}") };
        assert_eq!(model, "public_status");
        let public = |dump: Vec<(&'static str, Vec<Vec<Cell<'static>>>)>| {
            dump.into_iter().find(|(name, _)| *name == "public_status").unwrap()
        };
        assert_eq!(public(fixture.dump().await), public(older));
        // Asked for.
        fixture.read_side.rebuild(&[Model::PublicStatus], |_| true).await.unwrap();
        fixture.read_side.wait_for(Model::ALL, Some(head), Duration::from_secs(20)).await.unwrap();
        follower.stop().await;
        let rows = folded::<PublicStatus>(&recorded(log)).1;
        assert_eq!(fixture.table(PublicStatus::TABLE).await, rows, "{backend:?}");
    }
}

/// An event that does not decode parks its stream in every model, visibly; the others go on, and nothing is skipped
/// silently. A type of a newer program stops the models before it.
#[tokio::test(flavor = "multi_thread")]
async fn poison_parks_a_stream_and_a_newer_writer_stops_the_models() {
    for backend in backends() {
        let mut fixture = Fixture::new(Place::new(backend).await).await;
        let log = logs(1, 10).remove(0);
        fixture.append(&log).await;
        let head = fixture.store.head().await.unwrap().0;
        let poisoned = dossier::stream(log[0].0);
        let version = fixture.versions[&log[0].0];
        let quote = METADATA;
        let id = |n: u32| match backend {
            crate::support::Backend::Sqlite => format!("X'{:032x}'", n),
            crate::support::Backend::Postgres => format!("'{}'", Uuid::from_u128(u128::from(n))),
        };
        let insert = |position: i64, stream: &str, version: i64, n: u32, kind: &str| {
            format!(
                "INSERT INTO event (position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at)
                 VALUES ({position}, '{stream}', {version}, {}, '{kind}', 'not json', '{quote}', 0, 0)",
                id(n)
            )
        };
        fixture.sql(&insert(head + 1, &poisoned, version + 1, 1, "dossier.withdrawn.v1"), true).await;
        fixture.sql(&format!("UPDATE log_head SET position = {}", head + 1), true).await;
        fixture.read_side.catch_up().await.unwrap();
        for model in fixture.read_side.status(Instant::UNIX_EPOCH).await.unwrap() {
            assert_eq!((model.at, model.lag_events), (Position(head + 1), 0), "{backend:?}");
            assert_eq!(model.parked.len(), 1, "{backend:?} {}", model.name);
            assert_eq!(
                (model.parked[0].stream.as_str(), model.parked[0].position),
                (poisoned.as_str(), head + 1)
            );
        }
        let (_, rows) = folded::<DossierSummary>(&recorded(log));
        assert_eq!(
            fixture.table(DossierSummary::TABLE).await,
            rows,
            "{backend:?}: the parked row stays as it was"
        );

        // The list is part of what is rebuilt.
        let parked = fixture.parked().await;
        fixture.read_side.rebuild(Model::ALL, |_| true).await.unwrap();
        assert_eq!(fixture.parked().await, parked, "{backend:?}");
        assert_eq!(fixture.table(DossierSummary::TABLE).await, rows, "{backend:?}");

        fixture.sql(&insert(head + 2, "dossier-x", 1, 2, "dossier.from_tomorrow.v9"), true).await;
        fixture.sql(&format!("UPDATE log_head SET position = {}", head + 2), true).await;
        assert_eq!(fixture.read_side.catch_up().await.unwrap(), Position(head + 1), "{backend:?}");
        let newer = fixture.read_side.newer_writer();
        assert_eq!(newer, Some((Position(head + 2), "dossier.from_tomorrow.v9".to_owned())), "{backend:?}");
    }
}

/// A checkpoint ahead of the log is one of a log that was restored from a backup: the model is built anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_ahead_of_the_log_is_dropped() {
    for backend in backends() {
        let mut fixture = Fixture::new(Place::new(backend).await).await;
        let log = logs(1, 10).remove(0);
        fixture.append(&log).await;
        fixture.read_side.catch_up().await.unwrap();
        let live = fixture.dump().await;
        fixture.sql("UPDATE checkpoint SET position = 1000000", false).await;
        fixture.sql("DELETE FROM public_status", false).await;
        fixture.read_side.catch_up().await.unwrap();
        assert_eq!(fixture.dump().await, live, "{backend:?}");
    }
}

/// A query waits for the position it was given, and says how far behind a model is when it waited in vain.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_position_is_bounded() {
    for backend in backends() {
        let mut fixture = Fixture::new(Place::new(backend).await).await;
        let log = logs(1, 5).remove(0);
        fixture.append(&log).await;
        let head = fixture.store.head().await.unwrap();
        let wait = |position, longest| {
            let read_side = fixture.read_side.clone();
            async move { read_side.wait_for(&[Model::PublicStatus], Some(position), longest).await }
        };
        let short = Duration::from_millis(50);
        let Err(WaitError::Behind(behind)) = wait(head, short).await else {
            panic!("{backend:?}: not behind")
        };
        assert_eq!((behind.model, behind.lag), ("public_status", head.0), "{backend:?}");
        let waiting = tokio::spawn(wait(head, Duration::from_secs(20)));
        let follower = fixture.read_side.follow();
        waiting.await.unwrap().unwrap();
        follower.stop().await;
        // Another process sees it in the database.
        let location = fixture.place.location();
        let other = ReadSide::open(&location.read, fixture.store.clone()).await.unwrap();
        other.wait_for(Model::ALL, Some(head), short).await.unwrap();
        let beyond = other.wait_for(Model::ALL, Some(Position(head.0 + 7)), short).await;
        assert!(matches!(beyond, Err(WaitError::Behind(behind)) if behind.lag == 7), "{backend:?}");
    }
}

/// Every shared statement is understood by both dialects.
#[tokio::test(flavor = "multi_thread")]
async fn every_statement_prepares() {
    for backend in backends() {
        let fixture = Fixture::new(Place::new(backend).await).await;
        let statements = projections::shared_sql();
        assert!(15 < statements.len());
        for sql in statements {
            on_db!(&fixture.read_side.database().readers, pool => {
                let text = sqlx::SqlSafeStr::into_sql_str(sql);
                pool.prepare(text).await.map(|_| ()).unwrap_or_else(|error| panic!("{backend:?} {sql}: {error}"));
            });
        }
        for sql in infrastructure::event_store::SQL.iter().chain(infrastructure::read_log::SQL) {
            on_db!(&fixture.store.database().readers, pool => {
                let text = sqlx::SqlSafeStr::into_sql_str(*sql);
                pool.prepare(text).await.map(|_| ()).unwrap_or_else(|error| panic!("{backend:?} {sql}: {error}"));
            });
        }
    }
}
