//! Two SQL dialects behind one text: an enum of pools, and a macro that type-checks a body once per dialect.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::bulk::Bulk;
use crate::location::DbUrl;

/// A pool of connections to one database.
#[derive(Clone, Debug)]
pub enum Db {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// An open transaction.
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Type-checks the body once per dialect, so it may use all that both drivers share.
#[macro_export]
macro_rules! on_db {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::db::Db::Sqlite($pool) => $body,
            $crate::db::Db::Postgres($pool) => $body,
        }
    };
}

/// The twin of [`on_db!`] over an open transaction.
#[macro_export]
macro_rules! on_tx {
    ($tx:expr, $connection:ident => $body:expr) => {
        match $tx {
            $crate::db::Tx::Sqlite(tx) => {
                let $connection = &mut **tx;
                $body
            }
            $crate::db::Tx::Postgres(tx) => {
                let $connection = &mut **tx;
                $body
            }
        }
    };
}

/// One database: many readers and, on SQLite, a single writing connection.
#[derive(Clone, Debug)]
pub struct Database {
    pub readers: Db,
    pub writer: Db,
    /// Read models on SQLite.
    pub bulk: Option<Bulk>,
}

/// What is kept in a database: its schema in PostgreSQL, and how durable a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// The log: a commit is on disk before it is answered.
    Log,
    /// Read models: rebuildable, so SQLite may lose the last commits on power loss.
    Read,
    /// Keys: as durable as the log, and what is deleted is overwritten.
    Keys,
}

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("the database {url} cannot be opened")]
    Open {
        url: DbUrl,
        #[source]
        source: sqlx::Error,
    },
    #[error("the folder {} cannot be created", path.display())]
    Folder {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the database {url} has schema version {version}, which is newer than this program")]
    NewerSchema { url: DbUrl, version: i64 },
    #[error("the schema of the database {url} cannot be brought up to date")]
    Migrate {
        url: DbUrl,
        #[source]
        source: MigrateError,
    },
    #[error(
        "this program is linked to SQLite {found}, which has the WAL-reset corruption bug; 3.51.3 or later is needed"
    )]
    UnsafeSqlite { found: String },
}

static LOG_SQLITE: Migrator = sqlx::migrate!("../migrations/log/sqlite");
static LOG_POSTGRES: Migrator = sqlx::migrate!("../migrations/log/postgres");
static READ_SQLITE: Migrator = sqlx::migrate!("../migrations/read/sqlite");
static READ_POSTGRES: Migrator = sqlx::migrate!("../migrations/read/postgres");
static KEYS_SQLITE: Migrator = sqlx::migrate!("../migrations/keys/sqlite");
static KEYS_POSTGRES: Migrator = sqlx::migrate!("../migrations/keys/postgres");

const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";
const WRITER_PRAGMAS: &[(&str, &str)] = &[
    ("wal_autocheckpoint", "4000"),
    // KiB. The pages that one transaction changes stay in memory; else they are written, and read again.
    ("cache_size", "-65536"),
    // Sorts the entries of an index on the other cores.
    ("threads", "4"),
];
const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const READERS_MAX: u32 = 8;
const POSTGRES_CONNECTIONS_MAX: u32 = 12;
/// How often a step of the start is tried when other processes start on the same database at the same time.
const START_TRIES_MAX: u32 = 8;
const START_PAUSE: Duration = Duration::from_millis(50);

impl Contents {
    /// The schema in PostgreSQL. Statements name no schema: the connection's search path does.
    fn schema(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Read => "read",
            Self::Keys => "keys",
        }
    }
}

impl Database {
    /// Connects, creating what is missing, and brings the schema up to date.
    pub async fn open(url: &DbUrl, contents: Contents) -> Result<Self, DbError> {
        let database = match url {
            DbUrl::Sqlite(path) => Self::open_sqlite(url, path, contents).await?,
            DbUrl::Postgres(postgres) => Self::open_postgres(url, postgres.expose(), contents).await?,
        };
        database.migrate(url, contents).await?;
        Ok(database)
    }

    async fn open_sqlite(url: &DbUrl, path: &std::path::Path, contents: Contents) -> Result<Self, DbError> {
        let failed = |source| DbError::Open { url: url.clone(), source };
        sqlite_is_safe()?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|source| DbError::Folder { path: folder.to_owned(), source })?;
        }
        let synchronous = match contents {
            Contents::Log | Contents::Keys => SqliteSynchronous::Full,
            Contents::Read => SqliteSynchronous::Normal,
        };
        let mut options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(BUSY_TIMEOUT);
        for (name, value) in WRITER_PRAGMAS {
            options = options.pragma(*name, *value);
        }
        if contents == Contents::Keys {
            options = options.pragma("secure_delete", "ON");
        }
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(ACQUIRE_TIMEOUT);
        let mut writer = pool.clone().connect_with(options.clone()).await;
        for _ in 1..START_TRIES_MAX {
            // The switch to a write-ahead log waits for nobody: two processes that make it at once get in each other's
            // way.
            if !writer.as_ref().is_err_and(is_busy) {
                break;
            }
            tokio::time::sleep(START_PAUSE).await;
            writer = pool.clone().connect_with(options.clone()).await;
        }
        let writer = writer.map_err(failed)?;
        let reading = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("query_only", "ON")
            .row_buffer_size(1024);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(reading)
            .await
            .map_err(failed)?;
        let bulk = (contents == Contents::Read).then(|| Bulk::new(path, WRITER_PRAGMAS));
        Ok(Self { readers: Db::Sqlite(readers), writer: Db::Sqlite(writer), bulk })
    }

    async fn open_postgres(url: &DbUrl, text: &str, contents: Contents) -> Result<Self, DbError> {
        let failed = |source| DbError::Open { url: url.clone(), source };
        let options: PgConnectOptions = text.parse().map_err(failed)?;
        // A plan is kept from the day when a table was empty, and would then read all of it for every batch. The log
        // and the keys are only ever asked by key; read models get a plan for the size they have. Read models are
        // rebuilt from the log, so they need not wait for the disk.
        // Whoever stands still in the middle of a page would keep its checkpoints locked: the server lets go of it.
        let settings = match contents {
            Contents::Log | Contents::Keys => {
                vec![("synchronous_commit", "on"), ("enable_seqscan", "off")]
            }
            Contents::Read => vec![
                ("synchronous_commit", "off"),
                ("plan_cache_mode", "force_custom_plan"),
                ("idle_in_transaction_session_timeout", "10s"),
            ],
        };
        // To compile a question takes longer than to answer it: a board of a past day took half a second. So does starting
        // processes that share it, which it is planned for where the table's size is not known yet: the events of twenty
        // dossiers took 10 ms with them, and 1.4 without.
        let quick = [("jit", "off"), ("max_parallel_workers_per_gather", "0")];
        let options = options
            .options([("search_path", contents.schema())])
            .options(settings)
            .options(quick)
            .application_name("motcua");
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        let schema = format!("CREATE SCHEMA IF NOT EXISTS {}", contents.schema());
        let mut tries = 0;
        // Two processes that start together may both see no schema; the second then meets the first's.
        while let Err(error) = sqlx::query(AssertSqlSafe(schema.as_str())).execute(&pool).await {
            tries += 1;
            if 3 <= tries {
                return Err(failed(error));
            }
        }
        let writer = match contents {
            // The lane's own: it holds one connection, and a ping before every batch would be a round trip for nothing.
            Contents::Log => PgPoolOptions::new()
                .max_connections(2)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_with(options)
                .await
                .map_err(failed)?,
            Contents::Read | Contents::Keys => pool.clone(),
        };
        Ok(Self { readers: Db::Postgres(pool), writer: Db::Postgres(writer), bulk: None })
    }

    async fn migrate(&self, url: &DbUrl, contents: Contents) -> Result<(), DbError> {
        let run = || async {
            match (&self.writer, contents) {
                (Db::Sqlite(pool), Contents::Log) => LOG_SQLITE.run(pool).await,
                (Db::Sqlite(pool), Contents::Read) => READ_SQLITE.run(pool).await,
                (Db::Sqlite(pool), Contents::Keys) => KEYS_SQLITE.run(pool).await,
                (Db::Postgres(pool), Contents::Log) => LOG_POSTGRES.run(pool).await,
                (Db::Postgres(pool), Contents::Read) => READ_POSTGRES.run(pool).await,
                (Db::Postgres(pool), Contents::Keys) => KEYS_POSTGRES.run(pool).await,
            }
        };
        let mut done = run().await;
        for _ in 1..START_TRIES_MAX {
            // On SQLite the migrator locks nothing: of two processes that start together the second meets the tables
            // of the first, and the next time finds nothing to do.
            let Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) = done else { break };
            tokio::time::sleep(START_PAUSE).await;
            done = run().await;
        }
        done.map_err(|source| match source {
            MigrateError::VersionMissing(version) => DbError::NewerSchema { url: url.clone(), version },
            source => DbError::Migrate { url: url.clone(), source },
        })
    }

    /// Begins a transaction that will write. On SQLite it takes the write lock at once: a read that turns into a write
    /// is refused without waiting.
    pub async fn begin_write(&self) -> sqlx::Result<Tx> {
        match &self.writer {
            Db::Sqlite(pool) => match pool.begin_with(BEGIN_SQLITE).await {
                // A full disk makes SQLite roll back by itself; the driver goes on counting a transaction, and this
                // connection would never begin another one.
                Err(sqlx::Error::InvalidSavePointStatement) => {
                    pool.acquire().await?.close().await?;
                    pool.begin_with(BEGIN_SQLITE).await.map(Tx::Sqlite)
                }
                begun => begun.map(Tx::Sqlite),
            },
            // READ COMMITTED on purpose: the head row's lock is the order.
            Db::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
    }

    pub async fn close(&self) {
        on_db!(&self.readers, pool => pool.close().await);
        on_db!(&self.writer, pool => pool.close().await);
        if let Some(bulk) = &self.bulk {
            bulk.close();
        }
    }
}

impl Tx {
    pub async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }

    pub async fn rollback(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await,
            Self::Postgres(tx) => tx.rollback().await,
        }
    }
}

/// What went wrong with a statement, as far as a caller can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The connection is gone, or the database is busy or starting: worth trying again.
    Passing,
    DiskFull,
    ReadOnly,
    /// Anything else.
    Lasting,
}

/// Sorts an error. PostgreSQL speaks in SQLSTATE, SQLite in primary result codes.
pub fn trouble(error: &sqlx::Error) -> Trouble {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_)
        | sqlx::Error::BeginFailed => Trouble::Passing,
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            match code.parse::<u32>() {
                // SQLite: extended codes keep the primary one in the low byte.
                Ok(number) if database.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() => {
                    match number & 0xff {
                        5 | 6 => Trouble::Passing,
                        8 => Trouble::ReadOnly,
                        13 => Trouble::DiskFull,
                        _ => Trouble::Lasting,
                    }
                }
                _ => match code.as_ref() {
                    "53100" => Trouble::DiskFull,
                    "25006" => Trouble::ReadOnly,
                    code if code.starts_with("08") || code.starts_with("57P") || code.starts_with("40") => {
                        Trouble::Passing
                    }
                    _ => Trouble::Lasting,
                },
            }
        }
        _ => Trouble::Lasting,
    }
}

/// SQLite: somebody else has the lock.
fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_)) && trouble(error) == Trouble::Passing
}

/// SQLite 3.7.0 to 3.51.2 can corrupt a WAL file that two connections write and checkpoint at the same moment.
fn sqlite_is_safe() -> Result<(), DbError> {
    let text = libsqlite3_sys::SQLITE_VERSION.to_string_lossy();
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let found = (next(), next(), next());
    if found < SQLITE_VERSION_MIN {
        return Err(DbError::UnsafeSqlite { found: text.into_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linked_sqlite_is_safe() {
        sqlite_is_safe().unwrap();
    }
}
