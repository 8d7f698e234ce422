//! Who has seen personal data: records beside the event log, each bound to the one before. docs/adr/0023, 0024
//!
//! They are no events: nothing is folded from them, there are more of them, and they go when they are old enough. The mac of
//! a record covers its number, its content and the mac before; its key is not in the database. What was taken out for its age
//! has a mac as well, so that nobody else takes anything out unnoticed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use domain::access::{ActingAs, Purpose};
use domain::identity::{DossierId, PrincipalId};
use domain::time::{Instant, day_start, local_date};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::db::{Database, Tx};
use crate::event_store::{EventStore, StoreError, instant, micros};
use crate::keys::Keys;
use crate::{on_db, on_tx};

/// Records that are committed together.
const BATCH_MAX: usize = 64;
const QUEUE_MAX: usize = 1_024;
/// Dossiers of one statement.
const ROWS_MAX: usize = 500;
/// Records that are looked at, or taken out, together.
const PAGE: i64 = 500;
/// Numbers that one question looks at, where no index finds what is asked for.
const NUMBERS_MAX: i64 = 50_000;
/// Records are kept for two years at least: a policy. The triggers of the database say so too, by its own clock.
pub const KEPT: TimeDelta = TimeDelta::days(731);

/// What one answer showed in plain, to whom and through what. Names of fields, never values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    pub at: Instant,
    pub principal: PrincipalId,
    pub acting_as: ActingAs,
    /// `graphql`, `paper`, `file`, `register`.
    pub channel: String,
    /// Nobody was asked for one before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// Which operation or which paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    pub dossiers: BTreeMap<DossierId, BTreeSet<String>>,
}

/// A record, with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    pub seq: i64,
    pub read: Read,
}

/// Records, and before which number there may be more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub records: Vec<Numbered>,
    pub next: Option<i64>,
}

/// Which records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which {
    pub dossier: Option<DossierId>,
    pub principal: Option<PrincipalId>,
    pub from: Option<Instant>,
    /// Without this instant itself.
    pub to: Option<Instant>,
}

/// What is wrong with the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Some are missing, from one number up to another.
    Missing { from: i64, to: i64 },
    /// It is not what was written, or not where it was written.
    Changed { seq: i64 },
    /// It is not found by what was written.
    Lost { seq: i64 },
    /// The end of the records is not where they end.
    End,
    /// Somebody else says that the records up to this one were taken out for their age.
    NotPruned { to: i64 },
}

/// What a look at all records found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub records: i64,
    /// Number and mac of the last: who keeps them elsewhere notices records that were taken off the end together with it.
    pub last: (i64, String),
    /// Number of the last that was taken out for its age, 0 if none was.
    pub pruned: i64,
    pub faults: Vec<Fault>,
}

/// What was taken out for its age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub records: i64,
    /// Number and time of the last of them, if any was.
    pub last: Option<(i64, Instant)>,
}

#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    #[error("records of reads are kept for two years: name a day that is not after {latest}")]
    TooYoung { latest: NaiveDate },
    /// What is damaged is evidence: it stays until somebody has looked at it.
    #[error("the records are not as they were written: see `motcua reads verify`")]
    Damaged,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone)]
pub struct ReadLog {
    database: Database,
    keys: Keys,
    queue: mpsc::Sender<Waiting>,
}

struct Waiting {
    row: NewRow,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

struct NewRow {
    read_at: i64,
    principal: Uuid,
    data: String,
    dossiers: Vec<Uuid>,
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    read_at: i64,
    principal: Uuid,
    data: String,
    mac: String,
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
struct Head {
    seq: i64,
    mac: String,
    pruned_seq: i64,
    pruned_mac: String,
    pruned_proof: String,
}

/// Locks the row, so that the order of numbers is that of commits.
const MOVE_HEAD: &str = "UPDATE personal_read_head SET seq = seq + $1 WHERE id = 1 RETURNING seq, mac, pruned_seq, pruned_mac, pruned_proof";
const SET_HEAD: &str = "UPDATE personal_read_head SET mac = $1 WHERE id = 1";
const HEAD: &str =
    "SELECT seq, mac, pruned_seq, pruned_mac, pruned_proof FROM personal_read_head WHERE id = 1";
/// Before the rows of its dossiers: those are kept as long as it is there.
const DELETE: &str = "DELETE FROM personal_read WHERE seq > $1 AND seq <= $2";
const DELETE_DOSSIERS: &str = "DELETE FROM personal_read_dossier WHERE seq > $1 AND seq <= $2";
const SET_PRUNED: &str =
    "UPDATE personal_read_head SET pruned_seq = $1, pruned_mac = $2, pruned_proof = $3 WHERE id = 1";
const INSERT: &str =
    "INSERT INTO personal_read (seq, read_at, principal, data, mac) VALUES ($1, $2, $3, $4, $5)";
/// The rows are said behind it.
const INSERT_DOSSIERS: &str = "INSERT INTO personal_read_dossier (seq, dossier) VALUES";
const AFTER: &str = "
    SELECT seq, read_at, principal, data, mac FROM personal_read WHERE seq > $1 ORDER BY seq LIMIT $2";
const DOSSIERS_OF: &str = "
    SELECT seq, dossier FROM personal_read_dossier WHERE seq >= $1 AND seq <= $2";
const BEFORE: &str = "
    SELECT seq, read_at, principal, data, mac FROM personal_read
    WHERE seq < $1 AND seq >= $5 AND read_at >= $2 AND read_at < $3 ORDER BY seq DESC LIMIT $4";
const OF_PRINCIPAL_BEFORE: &str = "
    SELECT seq, read_at, principal, data, mac FROM personal_read
    WHERE seq < $1 AND read_at >= $2 AND read_at < $3 AND principal = $5 ORDER BY seq DESC LIMIT $4";
const OF_DOSSIER_BEFORE: &str = "
    SELECT r.seq, r.read_at, r.principal, r.data, r.mac
    FROM personal_read_dossier d JOIN personal_read r ON r.seq = d.seq
    WHERE d.dossier = $5 AND (r.principal = $6 OR $7) AND d.seq < $1 AND r.read_at >= $2 AND r.read_at < $3 ORDER BY d.seq DESC LIMIT $4";

/// Every statement here that both dialects share; a test prepares each on both.
pub const SQL: &[&str] = &[
    MOVE_HEAD,
    SET_HEAD,
    HEAD,
    DELETE,
    DELETE_DOSSIERS,
    SET_PRUNED,
    INSERT,
    AFTER,
    DOSSIERS_OF,
    BEFORE,
    OF_PRINCIPAL_BEFORE,
    OF_DOSSIER_BEFORE,
];

impl ReadLog {
    /// Its writer ends when the last clone is dropped.
    pub fn start(store: &EventStore, keys: Keys) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let database = store.database().clone();
        tokio::spawn(write_all(database.clone(), keys.clone(), waiting));
        Self { database, keys, queue }
    }

    /// Writes a record down. It is on disk when this returns, or it is not written.
    pub async fn append(&self, read: &Read) -> Result<(), StoreError> {
        let row = NewRow {
            read_at: micros(read.at),
            principal: read.principal.0,
            data: serde_json::to_string(read).map_err(|error| StoreError::Unencodable(Arc::new(error)))?,
            dossiers: read.dossiers.keys().map(|id| id.0).collect(),
        };
        let (answer, answered) = oneshot::channel();
        self.queue.send(Waiting { row, answer }).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Records before a number, newest first. It may find fewer than there are, and says before which number to go on.
    pub async fn before(&self, which: Which, seq: i64, limit: i64) -> Result<Found, StoreError> {
        let from = which.from.map_or(i64::MIN, micros);
        let to = which.to.map_or(i64::MAX, micros);
        let head = self.head().await?;
        // The first that is there, or of those that an instant is looked for among.
        let oldest = head.pruned_seq + 1;
        let is_indexed = which.dossier.is_some() || which.principal.is_some();
        let floor = if is_indexed { oldest } else { oldest.max(seq.min(head.seq + 1) - NUMBERS_MAX) };
        let rows: Vec<Row> = on_db!(&self.database.readers, pool => {
            let query = |sql| sqlx::query_as(sql).bind(seq).bind(from).bind(to).bind(limit);
            let Which { dossier, principal, .. } = which;
            match (dossier, principal) {
                (Some(dossier), principal) => {
                    let query = query(OF_DOSSIER_BEFORE).bind(dossier.0);
                    let any = principal.is_none();
                    query.bind(principal.map(|id| id.0).unwrap_or_default()).bind(any).fetch_all(pool).await
                }
                (None, Some(principal)) => query(OF_PRINCIPAL_BEFORE).bind(principal.0).fetch_all(pool).await,
                (None, None) => query(BEFORE).bind(floor).fetch_all(pool).await,
            }
        })?;
        let is_full = rows.len() as i64 == limit;
        let next = rows.last().map(|last| last.seq).filter(|_| is_full).or((oldest < floor).then_some(floor));
        let records = rows.into_iter().map(Row::decode).collect::<Result<_, _>>()?;
        Ok(Found { records, next })
    }

    /// Looks at every record: whether it is there, what was written, and found by what was written.
    pub async fn verify(&self) -> Result<Verified, StoreError> {
        loop {
            let head = self.head().await?;
            let verified = self.look(&head).await?;
            // What is taken out meanwhile is not missing.
            if self.head().await?.pruned_seq == head.pruned_seq {
                return Ok(verified);
            }
        }
    }

    async fn head(&self) -> Result<Head, StoreError> {
        Ok(on_db!(&self.database.readers, pool => sqlx::query_as(HEAD).fetch_one(pool).await)?)
    }

    async fn look(&self, head: &Head) -> Result<Verified, StoreError> {
        let (mut seq, mut mac) = (head.pruned_seq, head.pruned_mac.clone());
        let last = (head.seq, head.mac.clone());
        let mut verified = Verified { records: 0, last, pruned: head.pruned_seq, faults: Vec::new() };
        if !head.is_proven(&self.keys) {
            verified.faults.push(Fault::NotPruned { to: head.pruned_seq });
        }
        loop {
            let rows: Vec<Row> = on_db!(&self.database.readers, pool => {
                sqlx::query_as(AFTER).bind(seq).bind(PAGE).fetch_all(pool).await
            })?;
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { break };
            let found: Vec<(i64, Uuid)> = on_db!(&self.database.readers, pool => {
                sqlx::query_as(DOSSIERS_OF).bind(first.seq).bind(last.seq).fetch_all(pool).await
            })?;
            let found = by_record(found);
            for row in rows {
                // What is written meanwhile is looked at the next time.
                if head.seq < row.seq {
                    return Ok(verified.ended((seq, &mac), (head.seq, &head.mac)));
                }
                verified.faults.extend(row.faults((seq, &mac), &found, &self.keys));
                verified.records += 1;
                (seq, mac) = (row.seq, row.mac);
            }
        }
        Ok(verified.ended((seq, &mac), (head.seq, &head.mac)))
    }

    /// Takes out the oldest records, up to the first that was not written before a local day: a portion at a time, so that
    /// whoever reads or writes waits for one portion at most, and so that what is interrupted goes on where it was.
    pub async fn prune(&self, before: NaiveDate, now: Instant) -> Result<Pruned, PruneError> {
        let latest = local_date(now - KEPT);
        if latest < before {
            return Err(PruneError::TooYoung { latest });
        }
        let mut pruned = Pruned::default();
        loop {
            let portion = self.prune_portion(micros(day_start(before))).await?;
            if portion.records == 0 {
                return Ok(pruned);
            }
            pruned = Pruned { records: pruned.records + portion.records, last: portion.last };
        }
    }

    /// What is taken out is looked at first: else it would take along that somebody has changed it.
    async fn prune_portion(&self, before: i64) -> Result<Pruned, PruneError> {
        let failed = StoreError::from;
        let mut tx = self.database.begin_write().await.map_err(failed)?;
        // Whoever writes records waits here.
        let head: Head = on_tx!(&mut tx, connection => {
            sqlx::query_as(MOVE_HEAD).bind(0_i64).fetch_one(connection).await
        })
        .map_err(failed)?;
        let rows: Vec<Row> = on_tx!(&mut tx, connection => {
            sqlx::query_as(AFTER).bind(head.pruned_seq).bind(PAGE).fetch_all(connection).await
        })
        .map_err(failed)?;
        let to = rows.last().map_or(head.pruned_seq, |last| last.seq);
        let found: Vec<(i64, Uuid)> = on_tx!(&mut tx, connection => {
            sqlx::query_as(DOSSIERS_OF).bind(head.pruned_seq + 1).bind(to).fetch_all(connection).await
        })
        .map_err(failed)?;
        let (found, is_proven) = (by_record(found), head.is_proven(&self.keys));
        let (mut seq, mut mac, mut pruned) = (head.pruned_seq, head.pruned_mac, Pruned::default());
        for row in rows.into_iter().take_while(|row| row.read_at < before) {
            if !is_proven || !row.faults((seq, &mac), &found, &self.keys).is_empty() {
                return Err(PruneError::Damaged);
            }
            pruned.records += 1;
            pruned.last = Some((row.seq, instant(row.read_at)));
            (seq, mac) = (row.seq, row.mac);
        }
        if pruned.records == 0 {
            return Ok(pruned);
        }
        let proof = self.keys.prune_mac(seq, &mac);
        for sql in [DELETE, DELETE_DOSSIERS] {
            on_tx!(&mut tx, connection => {
                sqlx::query(sql).bind(head.pruned_seq).bind(seq).execute(connection).await.map(|_| ())
            })
            .map_err(failed)?;
        }
        on_tx!(&mut tx, connection => {
            sqlx::query(SET_PRUNED).bind(seq).bind(&mac).bind(&proof).execute(connection).await.map(|_| ())
        })
        .map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(pruned)
    }
}

fn by_record(rows: Vec<(i64, Uuid)>) -> BTreeMap<i64, BTreeSet<Uuid>> {
    let mut found: BTreeMap<i64, BTreeSet<Uuid>> = BTreeMap::new();
    for (seq, dossier) in rows {
        found.entry(seq).or_default().insert(dossier);
    }
    found
}

impl Head {
    /// Whether it was this program that took out what is not there any more.
    fn is_proven(&self, keys: &Keys) -> bool {
        match self.pruned_seq {
            0 => self.pruned_mac.is_empty() && self.pruned_proof.is_empty(),
            seq => self.pruned_proof == keys.prune_mac(seq, &self.pruned_mac),
        }
    }
}

impl Verified {
    fn ended(mut self, reached: (i64, &str), head: (i64, &str)) -> Self {
        if reached != head {
            self.faults.push(Fault::End);
        }
        self
    }
}

impl Row {
    fn decode(self) -> Result<Numbered, StoreError> {
        let read = serde_json::from_str(&self.data);
        let read =
            read.map_err(|error| StoreError::UndecodableRead { seq: self.seq, source: Arc::new(error) })?;
        Ok(Numbered { seq: self.seq, read })
    }

    /// What is wrong with it, after the record before.
    fn faults(
        &self,
        (seq, mac): (i64, &str),
        found: &BTreeMap<i64, BTreeSet<Uuid>>,
        keys: &Keys,
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        if seq + 1 < self.seq {
            faults.push(Fault::Missing { from: seq + 1, to: self.seq - 1 });
        } else if self.mac != keys.read_mac(mac, self.seq, &self.data) || !self.is_whole() {
            faults.push(Fault::Changed { seq: self.seq });
        }
        if found.get(&self.seq).unwrap_or(&BTreeSet::new()) != &self.dossiers() {
            faults.push(Fault::Lost { seq: self.seq });
        }
        faults
    }

    fn parsed(&self) -> Option<Read> {
        serde_json::from_str(&self.data).ok()
    }

    /// Whether the columns that it is found by say what it says.
    fn is_whole(&self) -> bool {
        self.parsed()
            .is_some_and(|read| micros(read.at) == self.read_at && read.principal.0 == self.principal)
    }

    fn dossiers(&self) -> BTreeSet<Uuid> {
        self.parsed().map(|read| read.dossiers.keys().map(|id| id.0).collect()).unwrap_or_default()
    }
}

/// One writer per process; among several the head's row decides. What waits is committed together.
async fn write_all(database: Database, keys: Keys, mut queue: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::new();
    while 0 < queue.recv_many(&mut batch, BATCH_MAX).await {
        let (rows, answers): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|waiting| (waiting.row, waiting.answer)).unzip();
        let written = write(&database, &keys, &rows).await.map_err(Arc::new);
        for answer in answers {
            // Who does not wait any more shows nothing either.
            let _ = answer.send(written.clone().map_err(StoreError::from));
        }
    }
}

async fn write(database: &Database, keys: &Keys, rows: &[NewRow]) -> sqlx::Result<()> {
    let mut tx = database.begin_write().await?;
    let count = rows.len() as i64;
    let head: Head = on_tx!(&mut tx, connection => {
        sqlx::query_as(MOVE_HEAD).bind(count).fetch_one(connection).await
    })?;
    let mut mac = head.mac;
    for (seq, row) in (head.seq - count + 1..).zip(rows) {
        mac = keys.read_mac(&mac, seq, &row.data);
        on_tx!(&mut tx, connection => {
            sqlx::query(INSERT)
                .bind(seq).bind(row.read_at).bind(row.principal).bind(&row.data).bind(&mac)
                .execute(connection).await.map(|_| ())
        })?;
        insert_dossiers(&mut tx, seq, &row.dossiers).await?;
    }
    on_tx!(&mut tx, connection => sqlx::query(SET_HEAD).bind(&mac).execute(connection).await.map(|_| ()))?;
    tx.commit().await
}

async fn insert_dossiers(tx: &mut Tx, seq: i64, dossiers: &[Uuid]) -> sqlx::Result<()> {
    for some in dossiers.chunks(ROWS_MAX) {
        let places: Vec<String> = (2..).take(some.len()).map(|n| format!("($1, ${n})")).collect();
        let sql = format!("{INSERT_DOSSIERS} {}", places.join(", "));
        on_tx!(&mut *tx, connection => {
            let query = sqlx::query(AssertSqlSafe(sql)).bind(seq);
            let query = some.iter().fold(query, |query, dossier| query.bind(*dossier));
            query.execute(connection).await.map(|_| ())
        })?;
    }
    Ok(())
}
