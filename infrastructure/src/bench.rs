//! What the lane is measured against: the same machine's plain INSERT, one row per transaction, on tables of the same
//! shape; and a scratch database, so that no measurement touches a real log.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::db::{Database, Db, DbError};
use crate::location::{DbUrl, PostgresUrl};

/// A database for one run, gone afterwards.
#[derive(Debug)]
pub struct Scratch {
    pub url: DbUrl,
    /// The server it was made on, and its name there.
    server: Option<(PostgresUrl, String)>,
}

impl Scratch {
    /// Beside the given store: on the same disk, or on the same server.
    pub async fn beside(store: &DbUrl, name: &str) -> Result<Self, DbError> {
        match store {
            DbUrl::Sqlite(path) => {
                Ok(Self { url: DbUrl::Sqlite(path.with_file_name(format!("{name}.db"))), server: None })
            }
            DbUrl::Postgres(url) => {
                let failed = |source| DbError::Open { url: store.clone(), source };
                let mut connection = PgConnection::connect(url.expose()).await.map_err(failed)?;
                // The name is ours: letters, digits and underscores.
                let create = format!("CREATE DATABASE {name}");
                sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await.map_err(failed)?;
                let scratch = DbUrl::Postgres(url.with_database(name));
                Ok(Self { url: scratch, server: Some((url.clone(), name.to_owned())) })
            }
        }
    }

    /// The database file of a SQLite scratch; its companions have the same stem.
    pub fn file(&self) -> Option<PathBuf> {
        match &self.url {
            DbUrl::Sqlite(path) => Some(path.clone()),
            DbUrl::Postgres(_) => None,
        }
    }

    pub async fn remove(self) -> Result<(), DbError> {
        if let Some((url, name)) = self.server {
            let failed = |source| DbError::Open { url: DbUrl::Postgres(url.clone()), source };
            let mut connection = PgConnection::connect(url.expose()).await.map_err(failed)?;
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await.map_err(failed)?;
        } else if let DbUrl::Sqlite(path) = &self.url {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            for suffix in ["", "-read", "-keys"] {
                for ending in ["db", "db-wal", "db-shm"] {
                    let _ = std::fs::remove_file(path.with_file_name(format!("{stem}{suffix}.{ending}")));
                }
            }
            let _ = std::fs::remove_file(path.with_file_name(format!("{stem}-master.key")));
        }
        Ok(())
    }
}

const CREATE_SQLITE: &str = "
    CREATE TABLE IF NOT EXISTS plain (
        position INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, version INTEGER NOT NULL,
        event_id BLOB NOT NULL UNIQUE, type TEXT NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL,
        occurred_at INTEGER NOT NULL, recorded_at INTEGER NOT NULL, UNIQUE (stream, version)) STRICT";
const CREATE_POSTGRES: &str = "
    CREATE TABLE IF NOT EXISTS plain (
        position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream TEXT COLLATE \"C\" NOT NULL,
        version BIGINT NOT NULL, event_id UUID NOT NULL UNIQUE, type TEXT COLLATE \"C\" NOT NULL, data TEXT NOT NULL,
        metadata TEXT NOT NULL, occurred_at BIGINT NOT NULL, recorded_at BIGINT NOT NULL, UNIQUE (stream, version))";
const INSERT: &str = "
    INSERT INTO plain (stream, version, event_id, type, data, metadata, occurred_at, recorded_at)
    VALUES ($1, 1, $2, 'bench.plain.v1', $3, $4, $5, $5)";

/// Connections of the plain writers: PostgreSQL takes a hundred by default.
const PLAIN_CONNECTIONS_MAX: u32 = 64;

/// Rows per second of `clients` that each insert one row per transaction for a while, as a program without a lane does:
/// as durable as the log, with a connection each as far as the server has them.
pub async fn plain_inserts(
    url: &DbUrl,
    clients: u32,
    longest: Duration,
    (data, metadata): (&str, &str),
) -> Result<f64, sqlx::Error> {
    let database = match url {
        DbUrl::Sqlite(path) => {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            sqlx::query(CREATE_SQLITE).execute(&pool).await?;
            Db::Sqlite(pool)
        }
        DbUrl::Postgres(url) => {
            let connections = clients.clamp(1, PLAIN_CONNECTIONS_MAX);
            let options = PgPoolOptions::new().max_connections(connections).test_before_acquire(false);
            let pool = options.connect(url.expose()).await?;
            sqlx::query(CREATE_POSTGRES).execute(&pool).await?;
            Db::Postgres(pool)
        }
    };
    let database = Database { readers: database.clone(), writer: database, bulk: None };
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..clients {
        let (database, done) = (database.clone(), Arc::clone(&done));
        let (data, metadata) = (data.to_owned(), metadata.to_owned());
        tasks.spawn(async move {
            for n in 0_u64.. {
                if longest <= started.elapsed() {
                    break;
                }
                let event_id =
                    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{clients}/{client}/{n}").as_bytes());
                insert(&database, event_id, &data, &metadata).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), sqlx::Error>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.map_err(|_| sqlx::Error::WorkerCrashed)??;
    }
    let elapsed = started.elapsed();
    database.close().await;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    Ok(done.load(Ordering::Relaxed) as f64 / elapsed.as_secs_f64())
}

async fn insert(database: &Database, event_id: Uuid, data: &str, metadata: &str) -> sqlx::Result<()> {
    let mut tx = database.begin_write().await?;
    let stream = event_id.to_string();
    crate::on_tx!(&mut tx, connection => sqlx::query(INSERT)
        .bind(stream).bind(event_id).bind(data).bind(metadata).bind(0_i64)
        .execute(connection).await.map(|_| ()))?;
    tx.commit().await
}
