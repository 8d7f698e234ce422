//! What every suite stands on: back ends, a fresh installation for each test, an office that can take dossiers, a log
//! read and checked from outside, and choices drawn from a printed seed.
//!
//! A back end that `REQUIRED_BACKENDS` names and that is missing fails every test that needs it. One that is neither
//! required nor there prints one `not run:` line.

pub(crate) mod binary;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod issuer;
pub(crate) mod office;
pub(crate) mod receiver;
pub(crate) mod statements;

pub(crate) use binary::{Server, binary};

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::recorded::Position;
use domain::time::Instant;
use infrastructure::clock::Clock;
use infrastructure::db::Db;
use infrastructure::entropy::Entropy;
use infrastructure::environment;
use infrastructure::event_store::{EventStore, PageLimit, StoredRow};
use infrastructure::location::{DbUrl, Location};
use infrastructure::on_db;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A test that takes longer hangs.
const TEST_TIME_MAX: Duration = Duration::from_secs(1_200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// Runs each named test, an `async fn(Backend)`, on each back end: `sqlite::name` and `postgres::name`.
macro_rules! on_each_backend {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                $crate::support::run($crate::support::Backend::Sqlite, super::$name);
            })+
        }

        mod postgres {
            $(#[test]
            fn $name() {
                $crate::support::run($crate::support::Backend::Postgres, super::$name);
            })+
        }
    };
}
pub(crate) use on_each_backend;

pub(crate) fn run<F: Future<Output = ()>>(backend: Backend, test: impl FnOnce(Backend) -> F) {
    if is_there(backend) {
        block_on(test(backend));
    }
}

pub(crate) fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(TEST_TIME_MAX, test).await.expect("the test hangs") });
}

/// Whether tests can run on a back end; panics when they must and cannot.
pub(crate) fn is_there(backend: Backend) -> bool {
    static NOT_RUN: Once = Once::new();
    let is_required = required_backends().contains(&backend);
    if backend == Backend::Sqlite || postgres_url().is_some() {
        return true;
    }
    assert!(!is_required, "REQUIRED_BACKENDS names postgres, but TEST_POSTGRES_URL does not say where it is");
    NOT_RUN.call_once(|| not_run("postgres: TEST_POSTGRES_URL does not say where it is"));
    false
}

/// The back ends there are, for a test that goes through them by itself.
pub(crate) fn backends() -> Vec<Backend> {
    [Backend::Sqlite, Backend::Postgres].into_iter().filter(|backend| is_there(*backend)).collect()
}

fn required_backends() -> Vec<Backend> {
    let names = environment::variable("REQUIRED_BACKENDS").unwrap_or_default();
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| match name {
            "sqlite" => Backend::Sqlite,
            "postgres" => Backend::Postgres,
            unknown => panic!("REQUIRED_BACKENDS names {unknown}, which is no back end"),
        })
        .collect()
}

fn postgres_url() -> Option<String> {
    environment::variable("TEST_POSTGRES_URL")
}

/// Says what a run leaves out, past the capture of the test harness.
pub(crate) fn not_run(what: &str) {
    let _ = writeln!(std::io::stderr(), "not run: {what}");
}

/// Whether the slow depth was asked for.
pub(crate) fn is_long() -> bool {
    environment::variable("MOTCUA_LONG").is_some()
}

/// The folder of real input, if it is there. `REQUIRED_INPUT` makes its absence a failure.
pub(crate) fn real_input() -> Option<PathBuf> {
    static NOT_RUN: Once = Once::new();
    let folder = environment::variable("MOTCUA_REAL_INPUT")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let folder = folder.display();
    assert!(
        environment::variable("REQUIRED_INPUT").is_none(),
        "real input is required, but {folder} is absent"
    );
    NOT_RUN.call_once(|| not_run(&format!("real input: there is none at {folder}")));
    None
}

/// A folder that goes away with its guard.
pub(crate) struct TempFolder(PathBuf);

impl TempFolder {
    pub(crate) fn new() -> Self {
        loop {
            let path = std::env::temp_dir().join(unique("motcua-test"));
            match std::fs::create_dir(&path) {
                Ok(()) => return Self(path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
}

impl std::ops::Deref for TempFolder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Where one installation of one test keeps everything. It goes away with this value.
pub(crate) struct Place {
    pub(crate) backend: Backend,
    pub(crate) folder: PathBuf,
    _folder: TempFolder,
    /// Databases on the PostgreSQL server: of log and read models, and of keys.
    databases: Vec<String>,
}

impl Place {
    /// Room for a log and its read models; keys go to a file.
    pub(crate) async fn new(backend: Backend) -> Self {
        let folder = TempFolder::new();
        let mut place = Self { backend, folder: folder.to_owned(), _folder: folder, databases: Vec::new() };
        place.add_database().await;
        place
    }

    /// The same, but on PostgreSQL keys go to another database of the same server.
    pub(crate) async fn with_keys(backend: Backend) -> Self {
        let mut place = Self::new(backend).await;
        place.add_database().await;
        place
    }

    async fn add_database(&mut self) {
        if self.backend == Backend::Postgres {
            let name = unique("motcua_test").replace('-', "_");
            let created = administer(vec![format!("CREATE DATABASE {name}")]).await;
            self.databases.push(name);
            created.unwrap();
        }
    }

    /// The `--store` URL.
    pub(crate) fn store(&self) -> String {
        match self.backend {
            Backend::Sqlite => format!("sqlite:{}", self.folder.join("motcua.db").display()),
            Backend::Postgres => database_url(&self.databases[0]),
        }
    }

    /// The `--keys` URL.
    pub(crate) fn keys(&self) -> String {
        match self.databases.get(1) {
            Some(database) => database_url(database),
            None => format!("sqlite:{}", self.folder.join("motcua-keys.db").display()),
        }
    }

    pub(crate) fn master_key(&self) -> PathBuf {
        self.folder.join("motcua-master.key")
    }

    pub(crate) fn log_url(&self) -> DbUrl {
        DbUrl::parse(&self.store()).unwrap()
    }

    pub(crate) fn location(&self) -> Location {
        let (store, keys) = (self.store(), self.keys());
        Location::from_urls(&store, Some(&keys), Some(&self.master_key())).unwrap()
    }

    /// The name of the log's database on the PostgreSQL server.
    pub(crate) fn database(&self) -> &str {
        &self.databases[0]
    }

    pub(crate) async fn open(&self) -> EventStore {
        self.open_at(Clock::System).await
    }

    pub(crate) async fn open_at(&self, clock: Clock) -> EventStore {
        EventStore::open(&self.log_url(), clock).await.unwrap()
    }

    /// A connection to the log's database that belongs to no program of ours.
    pub(crate) async fn by_hand(&self) -> Db {
        self.by_hand_in(&self.log_url(), "log").await
    }

    pub(crate) async fn by_hand_in(&self, url: &DbUrl, schema: &str) -> Db {
        match url {
            DbUrl::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                Db::Sqlite(SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap())
            }
            DbUrl::Postgres(url) => {
                let options: PgConnectOptions = url.expose().parse().unwrap();
                let options = options.options([("search_path", schema)]).application_name("by hand");
                Db::Postgres(PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap())
            }
        }
    }

    /// Runs SQL on the log's database behind the back of every program.
    pub(crate) async fn sql(&self, text: &str) -> sqlx::Result<()> {
        let db = self.by_hand().await;
        let done = on_db!(&db, pool => sqlx::raw_sql(AssertSqlSafe(text)).execute(pool).await.map(|_| ()));
        on_db!(&db, pool => pool.close().await);
        done
    }

    /// Writes an event of a dossier that nobody can read, at the log's end.
    pub(crate) async fn poison(&self, dossier: domain::identity::DossierId, version: i64) {
        let (stream, id) = (domain::dossier::stream(dossier), dossier.0);
        let id = match self.backend {
            Backend::Sqlite => format!("X'{}'", id.simple()),
            Backend::Postgres => format!("'{id}'"),
        };
        self.sql(&format!(
            "UPDATE log_head SET position = position + 1;
             INSERT INTO event (position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at)
             VALUES ((SELECT position FROM log_head), '{stream}', {version}, {id}, 'dossier.withdrawn.v1', 'not json',
                 '{{}}', 0, 0)"
        ))
        .await
        .unwrap();
    }

    /// Makes the database refuse to insert an event of which the condition, in terms of `NEW`, is true.
    pub(crate) async fn refuse_insert(&self, condition: &str, sqlstate: &str) {
        let text = match self.backend {
            Backend::Sqlite => format!(
                "CREATE TRIGGER refuse_insert BEFORE INSERT ON event WHEN {condition}
                 BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
            ),
            Backend::Postgres => format!(
                "CREATE FUNCTION refuse_insert() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN RAISE EXCEPTION 'refused by the test' USING ERRCODE = '{sqlstate}'; END $$;
                 CREATE TRIGGER refuse_insert BEFORE INSERT ON event FOR EACH ROW WHEN ({condition})
                 EXECUTE FUNCTION refuse_insert()"
            ),
        };
        self.sql(&text).await.unwrap();
    }

    pub(crate) async fn allow_insert(&self) {
        let text = match self.backend {
            Backend::Sqlite => "DROP TRIGGER refuse_insert",
            Backend::Postgres => "DROP TRIGGER refuse_insert ON event; DROP FUNCTION refuse_insert()",
        };
        self.sql(text).await.unwrap();
    }

    /// Keeps every writer of the log waiting until the lock is released.
    pub(crate) async fn lock_log(&self) -> LogLock {
        let db = self.by_hand().await;
        let text = match self.backend {
            Backend::Sqlite => "BEGIN IMMEDIATE",
            Backend::Postgres => "BEGIN; SELECT position FROM log_head FOR UPDATE",
        };
        on_db!(&db, pool => sqlx::raw_sql(text).execute(pool).await.map(|_| ())).unwrap();
        LogLock(db)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let drops: Vec<_> = self
            .databases
            .iter()
            .map(|name| format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .collect();
        if drops.is_empty() {
            return;
        }
        // On a thread of its own: this one may be inside a runtime.
        let dropping = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(administer(drops))
        });
        match dropping.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => not_run(&format!("dropping a test database: {error}")),
            Err(_) => not_run("dropping a test database: panicked"),
        }
    }
}

/// The write lock of a log, held by nobody who writes.
pub(crate) struct LogLock(Db);

impl LogLock {
    pub(crate) async fn release(self) {
        on_db!(&self.0, pool => sqlx::raw_sql("ROLLBACK").execute(pool).await.map(|_| ())).unwrap();
        on_db!(&self.0, pool => pool.close().await);
    }
}

fn database_url(name: &str) -> String {
    match DbUrl::parse(&postgres_url().unwrap()).unwrap() {
        DbUrl::Postgres(url) => url.with_database(name).expose().to_owned(),
        DbUrl::Sqlite(_) => panic!("TEST_POSTGRES_URL is not a PostgreSQL URL"),
    }
}

/// Runs statements on the PostgreSQL server itself, one by one.
pub(crate) async fn administer(statements: Vec<String>) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(&postgres_url().unwrap()).await?;
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    connection.close().await
}

/// Every event, read in the global order.
pub(crate) async fn whole_log(store: &EventStore) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    let mut after = Position(0);
    loop {
        let page = store.read_all(after, PageLimit::rows(1_000)).await.unwrap();
        rows.extend(page.rows);
        after = page.next;
        if page.at_end {
            return rows;
        }
    }
}

/// What holds for every log: positions 1 to n, versions 1 to m in every stream, no event twice, and a recorded time
/// that never falls.
#[track_caller]
pub(crate) fn assert_sound(rows: &[StoredRow]) {
    let mut versions: HashMap<&str, i64> = HashMap::new();
    let mut event_ids = HashSet::new();
    let mut recorded_at = i64::MIN;
    for (position, row) in (1..).zip(rows) {
        assert_eq!(row.position, position, "positions have a hole or a repeat");
        let version = versions.entry(&row.stream).or_default();
        *version += 1;
        assert_eq!(row.version, *version, "versions of {} have a hole or a repeat", row.stream);
        assert!(event_ids.insert(row.event_id), "event {} is there twice", row.event_id);
        assert!(recorded_at <= row.recorded_at, "the recorded time falls at position {position}");
        recorded_at = row.recorded_at;
    }
}

/// An instant as RFC 3339 says it.
pub(crate) fn instant(text: &str) -> Instant {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// Choices that can be made again: SplitMix64.
#[derive(Clone)]
pub(crate) struct Choices(u64);

impl Choices {
    /// From `MOTCUA_SEED`, else from the system. The seed is printed, so that a failing run can be repeated.
    pub(crate) fn seeded(what: &str) -> Self {
        let seed = environment::variable("MOTCUA_SEED").map_or_else(
            || u64::from_be_bytes(Entropy::System.bytes().unwrap()),
            |text| text.parse().expect("MOTCUA_SEED is a number"),
        );
        eprintln!("{what}: MOTCUA_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below another.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let end = u64::try_from(from.len()).unwrap();
        &from[usize::try_from(self.below(end)).unwrap()]
    }

    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

/// What a request was refused with.
#[track_caller]
pub(crate) fn problem<T: std::fmt::Debug>(
    outcome: Result<T, api::problem::ServiceError>,
) -> api::problem::Problem {
    match outcome {
        Err(api::problem::ServiceError::Problem(problem)) => problem,
        other => panic!("expected a problem, got {other:?}"),
    }
}
