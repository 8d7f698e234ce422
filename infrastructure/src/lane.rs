//! The one writer of this process. It takes every waiting append, opens one transaction, locks the log's head, checks
//! all expected versions and repeats in one statement, assigns positions, inserts everything in one statement, commits
//! once, and then answers each caller. docs/adr/0001
//!
//! Positions come from the locked head row, so position order is commit order, also between processes; there are no
//! holes, because a batch that rolls back takes its positions with it. A request is atomic by itself: one that meets
//! another version fails alone.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::identity::{AppendId, EventId};
use domain::recorded::{Position, Version};
use domain::time::Instant;
use sqlx::{PgConnection, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::clock::Clock;
use crate::db::{Database, Trouble, Tx, trouble};
use crate::event_store::{StoreError, micros};

/// The most requests of one transaction.
const BATCH_REQUESTS_MAX: usize = 1_024;
/// The most bytes of event text in one transaction, roughly.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Callers beyond this many wait before they queue: the lane's memory stays bounded.
const QUEUE_MAX: usize = 4_096;
/// The largest event: content and metadata together. Attachments are files, not events.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// The most events of one append.
pub const APPEND_EVENTS_MAX: usize = 256;
/// How long a batch is tried again while the database is out of reach. Callers wait that long, and then are told.
const OUTAGE_MAX: Duration = Duration::from_secs(8);
const PAUSE_FIRST: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What an append expects of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This version exactly; 0 is a stream that does not exist.
    Exactly(Version),
    /// Whatever it is: only for code streams, whose versions are the numbers given.
    Any,
}

/// One append to one stream: all of it or nothing.
#[derive(Clone, Debug)]
pub struct Append {
    /// Makes a repeat recognisable: the n-th event's id derives from it.
    pub id: AppendId,
    pub stream: String,
    pub expected: Expected,
    pub events: Vec<NewEvent>,
    pub metadata: String,
    /// Business time of all its events.
    pub occurred_at: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    pub type_name: &'static str,
    pub data: String,
}

/// Where an append ended up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    pub stream: String,
    /// Position of the last event.
    pub position: Position,
    /// Version of the stream after it.
    pub version: Version,
    /// Server time of the append.
    pub recorded_at: Instant,
    /// The log had it already, from an earlier try.
    pub repeated: bool,
}

/// The lane's answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Appended(Appended),
    /// These events are in the log already, from an earlier try of the same append.
    Repeated,
    Conflict {
        actual: Version,
    },
}

pub(crate) struct Waiting {
    pub(crate) append: Append,
    pub(crate) answer: oneshot::Sender<Result<Outcome, StoreError>>,
}

/// Starts the lane; it ends when the last sender is dropped.
pub(crate) fn start(
    database: Database,
    clock: Clock,
    head: watch::Sender<Position>,
) -> (mpsc::Sender<Waiting>, tokio::task::JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let lane = Lane { database, clock, head, receiver };
    (sender, tokio::spawn(lane.run()))
}

struct Lane {
    database: Database,
    clock: Clock,
    head: watch::Sender<Position>,
    receiver: mpsc::Receiver<Waiting>,
}

impl Lane {
    async fn run(mut self) {
        while let Some(first) = self.receiver.recv().await {
            let batch = self.gather(first);
            self.commit(batch).await;
        }
    }

    /// Everything that waits already, up to the limits. Nothing is waited for: while one batch commits, the next one
    /// gathers by itself.
    fn gather(&mut self, first: Waiting) -> Vec<Waiting> {
        let mut bytes = first.append.bytes();
        let mut batch = vec![first];
        while batch.len() < BATCH_REQUESTS_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(next) = self.receiver.try_recv() else { break };
            bytes += next.append.bytes();
            batch.push(next);
        }
        batch
    }

    async fn commit(&self, batch: Vec<Waiting>) {
        let appends: Vec<&Append> = batch.iter().map(|waiting| &waiting.append).collect();
        match self.write(&appends).await {
            Ok(outcomes) => {
                for (waiting, outcome) in batch.into_iter().zip(outcomes) {
                    // A caller that went away has its append all the same, and will find it on a retry.
                    let _ = waiting.answer.send(Ok(outcome));
                }
            }
            Err(error) if 1 < batch.len() && trouble(&error) == Trouble::Lasting => {
                tracing::warn!(%error, requests = batch.len(), "a batch failed; its requests are tried one by one");
                for waiting in batch {
                    let outcome = self.write(&[&waiting.append]).await.map_err(StoreError::from);
                    let _ = waiting.answer.send(outcome.map(|mut one| one.remove(0)));
                }
            }
            Err(error) => {
                let error = std::sync::Arc::new(error);
                for waiting in batch {
                    let _ = waiting.answer.send(Err(StoreError::from(std::sync::Arc::clone(&error))));
                }
            }
        }
    }

    /// Writes a batch, again and again while the trouble is a passing one. A commit whose outcome is unknown is safe
    /// to try again: what it wrote is recognised by its event ids.
    async fn write(&self, appends: &[&Append]) -> sqlx::Result<Vec<Outcome>> {
        let started = std::time::Instant::now();
        let mut pause = PAUSE_FIRST;
        loop {
            match self.write_once(appends).await {
                Err(error) if trouble(&error) == Trouble::Passing && started.elapsed() < OUTAGE_MAX => {
                    tracing::warn!(%error, "the log is out of reach; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                outcome => return outcome,
            }
        }
    }

    async fn write_once(&self, appends: &[&Append]) -> sqlx::Result<Vec<Outcome>> {
        let mut tx = self.database.begin_write().await?;
        let head = lock_head(&mut tx).await?;
        let known = look_up(&mut tx, appends).await?;
        let recorded_at = head.recorded_at.max(micros(self.clock.now()));
        let (outcomes, rows) = assign(appends, known, head.position, recorded_at);
        if rows.is_empty() {
            tx.rollback().await?;
            return Ok(outcomes);
        }
        let end = head.position + rows.len() as i64;
        insert(&mut tx, &rows, end, recorded_at).await?;
        tx.commit().await?;
        self.head.send_if_modified(|head| {
            let moved = head.0 < end;
            head.0 = head.0.max(end);
            moved
        });
        Ok(outcomes)
    }
}

impl Append {
    fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.data.len() + self.metadata.len()).sum()
    }

    pub(crate) fn event_ids(&self) -> impl Iterator<Item = EventId> {
        (0..).zip(&self.events).map(|(n, _)| self.id.event(n))
    }
}

struct Head {
    position: i64,
    recorded_at: i64,
}

/// What the log knows about the streams and the appends of a batch.
#[derive(Default)]
struct Known {
    versions: HashMap<String, i64>,
    /// First event ids that are in the log already.
    repeated: HashSet<Uuid>,
}

/// A row to insert. Everything but the numbers is borrowed from the request.
struct NewRow<'a> {
    position: i64,
    stream: &'a str,
    version: i64,
    event_id: Uuid,
    type_name: &'a str,
    data: &'a str,
    metadata: &'a str,
    occurred_at: i64,
}

/// Decides each request in the order of arrival, as if it were alone after those before it.
fn assign<'a>(
    appends: &[&'a Append],
    mut known: Known,
    mut position: i64,
    recorded_at: i64,
) -> (Vec<Outcome>, Vec<NewRow<'a>>) {
    let mut rows = Vec::with_capacity(appends.len());
    let mut outcomes = Vec::with_capacity(appends.len());
    for append in appends {
        let first = append.id.event(0).0;
        let version = known.versions.get(&append.stream).copied().unwrap_or(0);
        let outcome = if known.repeated.contains(&first) {
            Outcome::Repeated
        } else if append.expected != Expected::Any && append.expected != Expected::Exactly(Version(version)) {
            Outcome::Conflict { actual: Version(version) }
        } else {
            let mut version = version;
            for (event, event_id) in append.events.iter().zip(append.event_ids()) {
                position += 1;
                version += 1;
                rows.push(NewRow {
                    position,
                    stream: &append.stream,
                    version,
                    event_id: event_id.0,
                    type_name: event.type_name,
                    data: &event.data,
                    metadata: &append.metadata,
                    occurred_at: micros(append.occurred_at),
                });
            }
            known.versions.insert(append.stream.clone(), version);
            known.repeated.insert(first);
            Outcome::Appended(Appended {
                stream: append.stream.clone(),
                position: Position(position),
                version: Version(version),
                recorded_at: crate::event_store::instant(recorded_at),
                repeated: false,
            })
        };
        outcomes.push(outcome);
    }
    (outcomes, rows)
}

// The statements below are the lane's own, one per dialect: bulk input is arrays in PostgreSQL and one JSON text in
// SQLite. With the table module of `projections` they are the only dialect-specific SQL of the program.

const LOCK_HEAD_POSTGRES: &str = "SELECT position, recorded_at FROM log_head WHERE id = 1 FOR UPDATE";
/// `BEGIN IMMEDIATE` holds the lock already.
const LOCK_HEAD_SQLITE: &str = "SELECT position, recorded_at FROM log_head WHERE id = 1";

async fn lock_head(tx: &mut Tx) -> sqlx::Result<Head> {
    let (position, recorded_at) = match tx {
        Tx::Sqlite(tx) => sqlx::query_as(LOCK_HEAD_SQLITE).fetch_one(&mut **tx).await?,
        Tx::Postgres(tx) => sqlx::query_as(LOCK_HEAD_POSTGRES).fetch_one(&mut **tx).await?,
    };
    Ok(Head { position, recorded_at })
}

const LOOK_UP_POSTGRES: &str = "
    SELECT s.stream, NULL::uuid AS event_id,
           (SELECT e.version FROM event e WHERE e.stream = s.stream ORDER BY e.version DESC LIMIT 1) AS version
    FROM UNNEST($1::text[]) AS s(stream)
    UNION ALL
    SELECT NULL, e.event_id, NULL FROM event e WHERE e.event_id = ANY($2::uuid[])";
const LOOK_UP_SQLITE: &str = "
    SELECT s.value, NULL,
           (SELECT e.version FROM event e WHERE e.stream = s.value ORDER BY e.version DESC LIMIT 1)
    FROM json_each($1) AS s
    UNION ALL
    SELECT NULL, e.event_id, NULL FROM event e WHERE e.event_id IN (SELECT unhex(value) FROM json_each($2))";

async fn look_up(tx: &mut Tx, appends: &[&Append]) -> sqlx::Result<Known> {
    let streams: HashSet<&str> = appends.iter().map(|append| append.stream.as_str()).collect();
    let streams: Vec<&str> = streams.into_iter().collect();
    let ids: Vec<Uuid> = appends.iter().map(|append| append.id.event(0).0).collect();
    let found: Vec<(Option<String>, Option<Uuid>, Option<i64>)> = match tx {
        Tx::Sqlite(tx) => look_up_sqlite(tx, &streams, &ids).await?,
        Tx::Postgres(tx) => {
            sqlx::query_as(LOOK_UP_POSTGRES).bind(&streams).bind(&ids).fetch_all(&mut **tx).await?
        }
    };
    let mut known = Known::default();
    for row in found {
        match row {
            (Some(stream), _, Some(version)) => {
                known.versions.insert(stream, version);
            }
            (_, Some(event_id), _) => {
                known.repeated.insert(event_id);
            }
            (_, None, None) | (None, None, Some(_)) => {}
        }
    }
    Ok(known)
}

async fn look_up_sqlite(
    connection: &mut SqliteConnection,
    streams: &[&str],
    ids: &[Uuid],
) -> sqlx::Result<Vec<(Option<String>, Option<Uuid>, Option<i64>)>> {
    let ids: Vec<String> = ids.iter().map(|id| id.simple().to_string()).collect();
    sqlx::query_as(LOOK_UP_SQLITE).bind(json(&streams)?).bind(json(&ids)?).fetch_all(connection).await
}

async fn insert(tx: &mut Tx, rows: &[NewRow<'_>], end: i64, recorded_at: i64) -> sqlx::Result<()> {
    match tx {
        Tx::Sqlite(tx) => insert_sqlite(tx, rows, end, recorded_at).await,
        Tx::Postgres(tx) => insert_postgres(tx, rows, end, recorded_at).await,
    }
}

/// Rows and head in one statement: one round trip less for every batch.
const INSERT_POSTGRES: &str = "
    WITH moved AS (UPDATE log_head SET position = $8, recorded_at = $9 WHERE id = 1)
    INSERT INTO event (position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at)
    SELECT $8 - $10 + e.n, e.stream, e.version, e.event_id, e.type, e.data, e.metadata, e.occurred_at, $9
    FROM UNNEST($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[])
         WITH ORDINALITY AS e(stream, version, event_id, type, data, metadata, occurred_at, n)";

async fn insert_postgres(
    connection: &mut PgConnection,
    rows: &[NewRow<'_>],
    end: i64,
    recorded_at: i64,
) -> sqlx::Result<()> {
    sqlx::query(INSERT_POSTGRES)
        .bind(rows.iter().map(|row| row.stream).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.version).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event_id).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.type_name).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.data).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.metadata).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.occurred_at).collect::<Vec<_>>())
        .bind(end)
        .bind(recorded_at)
        .bind(rows.len() as i64)
        .execute(connection)
        .await?;
    Ok(())
}

const INSERT_SQLITE: &str = "
    INSERT INTO event (position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5, value ->> 6,
           value ->> 7, $2
    FROM json_each($1)";
const MOVE_HEAD_SQLITE: &str = "UPDATE log_head SET position = $1, recorded_at = $2 WHERE id = 1";

async fn insert_sqlite(
    connection: &mut SqliteConnection,
    rows: &[NewRow<'_>],
    end: i64,
    recorded_at: i64,
) -> sqlx::Result<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let event_id = row.event_id.simple().to_string();
            let NewRow { position, stream, version, type_name, data, metadata, occurred_at, .. } = row;
            (position, stream, version, event_id, type_name, data, metadata, occurred_at)
        })
        .collect();
    sqlx::query(INSERT_SQLITE).bind(json(&rows)?).bind(recorded_at).execute(&mut *connection).await?;
    sqlx::query(MOVE_HEAD_SQLITE).bind(end).bind(recorded_at).execute(connection).await?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}
