//! Who feeds a read model: one runner at a time, until when, under a number that counts the takings. The number, the
//! fence, is compared in the transaction that writes the rows, so whoever was paused and overtaken writes nothing more.
//! Clocks decide only who may take over; no clock is needed to keep two from writing. docs/adr/0015

use std::collections::HashMap;
use std::time::Duration;

use domain::recorded::Position;
use infrastructure::db::{Database, Tx};
use infrastructure::event_store::micros;
use infrastructure::{on_db, on_tx};
use rusqlite::{Connection, OptionalExtension, named_params};

/// How long a lease holds without being renewed: so long nobody feeds the models after a crash.
pub(crate) const TERM: Duration = Duration::from_secs(3);
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(1);

const CREATE: &str =
    "INSERT INTO checkpoint (name, version, position) VALUES ($1, $2, 0) ON CONFLICT (name) DO NOTHING";
const TAKE: &str =
    "UPDATE checkpoint SET holder = $2, fence = fence + 1, changes = changes + 1, until_at = $3
    WHERE name = $1 AND (holder IS NULL OR holder = $2 OR until_at <= $4) RETURNING fence, position, version";
// Renews the lease, and locks the row until the transaction ends.
const HOLD: &str = "UPDATE checkpoint SET until_at = $3 WHERE name = $1 AND fence = $2
    RETURNING position, version";
const MOVE: &str = "UPDATE checkpoint SET position = $3, per_second = $4, until_at = $5, stopped = NULL,
    changes = changes + $6 WHERE name = $1 AND fence = $2";
const BEGIN_AGAIN: &str =
    "UPDATE checkpoint SET version = $3, position = 0, stopped = NULL, changes = changes + 1
    WHERE name = $1 AND fence = $2";
const RELEASE: &str = "UPDATE checkpoint SET holder = NULL WHERE name = $1 AND fence = $2";
const STOP: &str = "UPDATE checkpoint SET stopped = $3 WHERE name = $1 AND fence = $2";
const CHECKPOINTS: &str =
    "SELECT name, version, position, holder, until_at, stopped, per_second FROM checkpoint";

const CHANGES: &str = "SELECT name, changes FROM checkpoint WHERE name IN ($1, $2) ORDER BY name";

pub(crate) const SQL: &[&str] = &[CREATE, TAKE, HOLD, MOVE, BEGIN_AGAIN, RELEASE, STOP, CHECKPOINTS, CHANGES];

/// What the database says of a read model.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Checkpoint {
    pub(crate) name: String,
    pub(crate) version: i64,
    pub(crate) position: i64,
    holder: Option<String>,
    until_at: i64,
    pub(crate) stopped: Option<String>,
    pub(crate) per_second: i64,
}

impl Checkpoint {
    /// Whoever feeds it now.
    pub(crate) fn holder(&self, now: i64) -> Option<&str> {
        self.holder.as_deref().filter(|_| now < self.until_at)
    }
}

/// By name.
pub(crate) async fn checkpoints(database: &Database) -> sqlx::Result<HashMap<String, Checkpoint>> {
    let rows: Vec<Checkpoint> =
        on_db!(&database.readers, pool => sqlx::query_as(CHECKPOINTS).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(|checkpoint| (checkpoint.name.clone(), checkpoint)).collect())
}

/// How often the rows of two read models have changed: another answer says that they have since.
pub(crate) async fn changes(database: &Database, names: [&str; 2]) -> sqlx::Result<Vec<(String, i64)>> {
    let [one, other] = names;
    on_db!(&database.readers, pool => {
        sqlx::query_as(CHANGES).bind(one.to_owned()).bind(other.to_owned()).fetch_all(pool).await
    })
}

/// How far a checkpoint is to be moved, and whether rows changed on the way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Advance {
    pub(crate) to: Position,
    pub(crate) per_second: i64,
    pub(crate) has_changes: bool,
}

/// A lease that was taken. It may be lost at any moment: every use says whether it is still held.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    name: String,
    fence: i64,
}

/// A lease, and the checkpoint as it was taken.
pub(crate) struct Taken {
    pub(crate) lease: Lease,
    pub(crate) position: Position,
    pub(crate) version: i64,
}

fn term_from(now: domain::time::Instant) -> i64 {
    micros(now + TERM)
}

pub(crate) async fn create(tx: &mut Tx, name: &str, version: i64) -> sqlx::Result<()> {
    on_tx!(tx, connection => sqlx::query(CREATE)
        .bind(name).bind(version).execute(connection).await.map(|_| ()))
}

impl Lease {
    /// Takes the lease, also back, unless somebody else holds it; creates the checkpoint if there is none.
    pub(crate) async fn take(
        tx: &mut Tx,
        name: &str,
        version: i64,
        holder: &str,
        now: domain::time::Instant,
    ) -> sqlx::Result<Option<Taken>> {
        create(tx, name, version).await?;
        let taken: Option<(i64, i64, i64)> = on_tx!(tx, connection => sqlx::query_as(TAKE)
            .bind(name).bind(holder).bind(term_from(now)).bind(micros(now))
            .fetch_optional(connection).await)?;
        Ok(taken.map(|(fence, position, version)| Taken {
            lease: Self { name: name.to_owned(), fence },
            position: Position(position),
            version,
        }))
    }

    /// Renews the lease, locks the checkpoint until the transaction ends, and says what it is, with the version of the
    /// table; nothing if somebody else has taken the lease.
    pub(crate) async fn hold(
        &self,
        tx: &mut Tx,
        now: domain::time::Instant,
    ) -> sqlx::Result<Option<(Position, i64)>> {
        let held: Option<(i64, i64)> = on_tx!(tx, connection => sqlx::query_as(HOLD)
            .bind(&self.name).bind(self.fence).bind(term_from(now)).fetch_optional(connection).await)?;
        Ok(held.map(|(position, version)| (Position(position), version)))
    }

    /// Moves the checkpoint, and renews the lease once more: what was written may have taken long. The lease must be held
    /// in this transaction.
    pub(crate) async fn advance(
        &self,
        tx: &mut Tx,
        Advance { to, per_second, has_changes }: Advance,
        now: domain::time::Instant,
    ) -> sqlx::Result<()> {
        on_tx!(tx, connection => sqlx::query(MOVE)
            .bind(&self.name).bind(self.fence).bind(to.0).bind(per_second).bind(term_from(now))
            .bind(i64::from(has_changes)).execute(connection).await.map(|_| ()))
    }

    /// As [`Self::hold`], in bulk.
    pub(crate) fn hold_in_bulk(
        &self,
        connection: &Connection,
        now: domain::time::Instant,
    ) -> rusqlite::Result<Option<(Position, i64)>> {
        let values = named_params! { "$1": self.name, "$2": self.fence, "$3": term_from(now) };
        let held = |row: &rusqlite::Row<'_>| Ok((Position(row.get(0)?), row.get(1)?));
        connection.query_row(HOLD, values, held).optional()
    }

    /// As [`Self::advance`], in bulk.
    pub(crate) fn advance_in_bulk(
        &self,
        connection: &Connection,
        Advance { to, per_second, has_changes }: Advance,
        now: domain::time::Instant,
    ) -> rusqlite::Result<()> {
        let until = term_from(now);
        let values = named_params! {
            "$1": self.name, "$2": self.fence, "$3": to.0, "$4": per_second, "$5": until,
            "$6": i64::from(has_changes),
        };
        connection.execute(MOVE, values).map(|_| ())
    }

    /// Sets the checkpoint back to the beginning of the log, for a table of this version that was emptied.
    pub(crate) async fn begin_again(&self, tx: &mut Tx, version: i64) -> sqlx::Result<()> {
        on_tx!(tx, connection => sqlx::query(BEGIN_AGAIN)
            .bind(&self.name).bind(self.fence).bind(version).execute(connection).await.map(|_| ()))
    }

    /// Says why the model stands still.
    pub(crate) async fn stop(&self, database: &Database, reason: &str) -> sqlx::Result<()> {
        on_db!(&database.writer, pool => sqlx::query(STOP)
            .bind(&self.name).bind(self.fence).bind(reason).execute(pool).await.map(|_| ()))
    }

    /// Gives the lease back, so that nobody has to wait until it ends.
    pub(crate) async fn release(&self, database: &Database) -> sqlx::Result<()> {
        on_db!(&database.writer, pool => sqlx::query(RELEASE)
            .bind(&self.name).bind(self.fence).execute(pool).await.map(|_| ()))
    }
}
