//! What changed in one read model, on its way into the table: each row once, however often it has changed. It shares
//! its rows with the folder, which goes on folding while they are written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use infrastructure::db::Tx;
use infrastructure::on_tx;
use rusqlite::{Connection, named_params};
use tokio::sync::mpsc;

use crate::folder::Parked;
use crate::read_model::ReadModel;
use crate::shadow::Slot;
use crate::table;
use crate::table::{Cell, Dialect, OnConflict, Rows, Statements, Table};

/// Partitions whose rows are made into cells together.
const PARTITIONS: usize = 2_048;
/// Rows that are changed together: whole chunks, whatever the dialect makes of them.
const ROWS: usize = 1_024;
/// Statements that are ready before they are executed.
const AHEAD: usize = 8;

const PARK: &str = "INSERT INTO parked (name, stream, version, position, reason) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (name, stream) DO NOTHING";
const UNPARK_STREAM: &str = "DELETE FROM parked WHERE name = $1 AND stream = $2";

pub(crate) const SQL: &[&str] = &[PARK, UNPARK_STREAM];

/// Where the rows of a read model go.
pub(crate) struct Target {
    slot: Slot,
    pub(crate) rows: Statements,
    tally: Option<Statements>,
}

impl Target {
    pub(crate) fn of<R: ReadModel>(slot: Slot) -> Self {
        let statements =
            |table: Table, on_conflict| Statements::new(table, &slot.name(table.name), on_conflict);
        Self {
            slot,
            rows: statements(R::TABLE, OnConflict::Replace),
            tally: R::TALLY.map(|tally| statements(tally, OnConflict::Add)),
        }
    }
}

/// The rows of a partition, as they are in the table and as they are to be.
pub(crate) struct Change<R> {
    pub(crate) before: Arc<Vec<R>>,
    pub(crate) after: Arc<Vec<R>>,
}

pub(crate) struct Batch<R: ReadModel> {
    pub(crate) target: Arc<Target>,
    pub(crate) name: String,
    /// In the order of the key, so that neighbours are written one after the other.
    pub(crate) changes: Vec<Change<R>>,
    pub(crate) parked: Vec<Parked>,
    pub(crate) unparked: Vec<String>,
}

pub(crate) type Writing<'a> = Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'a>>;

/// A batch of some read model.
pub(crate) trait Unwritten: Send + Sync {
    /// The caller commits, or makes the folder adopt again.
    fn write<'a>(self: Box<Self>, tx: &'a mut Tx) -> Writing<'a>;

    /// Whether any row is other than it was.
    fn has_changes(&self) -> bool;

    /// The same on SQLite, on this thread.
    fn write_in_bulk(&self, connection: &Connection) -> rusqlite::Result<()>;
}

impl<R: ReadModel> Unwritten for Batch<R> {
    fn write<'a>(self: Box<Self>, tx: &'a mut Tx) -> Writing<'a> {
        Box::pin(Arc::new(*self).write_all(tx))
    }

    fn has_changes(&self) -> bool {
        self.changes.iter().any(|change| change.before != change.after)
    }

    fn write_in_bulk(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.make(&mut |statements, are, rows| statements.write_in_bulk(connection, are, rows))?;
        for stream in &self.unparked {
            connection.execute(UNPARK_STREAM, named_params! { "$1": self.name, "$2": stream })?;
        }
        for Parked { name, stream, version, position, reason } in &self.parked {
            let values = named_params! {
                "$1": name, "$2": stream, "$3": version, "$4": position, "$5": reason,
            };
            connection.execute(PARK, values)?;
        }
        Ok(())
    }
}

impl<R: ReadModel> Batch<R> {
    async fn write_all(self: Arc<Self>, tx: &mut Tx) -> sqlx::Result<()> {
        let (prepared, statements) = mpsc::channel(AHEAD);
        let (batch, dialect) = (Arc::clone(&self), Dialect::of(tx));
        // One makes statements while the database executes others.
        let making = tokio::task::spawn_blocking(move || {
            // Nobody takes any more when one has failed.
            let _ = batch.make(&mut |statements, are, rows| {
                let mut made = statements.statements(dialect, are, rows).into_iter();
                made.try_for_each(|statement| prepared.blocking_send(statement).map_err(|_| ()))
            });
        });
        table::execute_all(tx, statements).await?;
        if let Err(panic) = making.await {
            std::panic::resume_unwind(panic.into_panic());
        }
        for stream in &self.unparked {
            unpark(tx, &self.name, stream).await?;
        }
        for parked in &self.parked {
            park(tx, parked).await?;
        }
        Ok(())
    }

    /// Gives away what is to be in the table, and in that of the counters.
    fn make<E>(
        &self,
        put: &mut impl FnMut(&Statements, Rows, &[Vec<Cell<'_>>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Target { slot, rows, tally } = &*self.target;
        let mut counters = Counters::default();
        let mut changed = Vec::new();
        for changes in self.changes.chunks(PARTITIONS) {
            let mut added = Vec::new();
            for change in changes {
                let Difference { new, other, gone } = change.difference();
                if *slot == Slot::Shadow {
                    added.extend(new.iter().map(|row| row.to_cells()));
                } else {
                    changed.extend(new.iter().copied());
                }
                changed.extend(other.iter().copied());
                if tally.is_some() {
                    new.iter()
                        .chain(&other)
                        .for_each(|row| row.tally(&mut |key, values| counters.add(key, values, 1)));
                    gone.iter().for_each(|row| row.tally(&mut |key, values| counters.add(key, values, -1)));
                }
            }
            if !added.is_empty() {
                put(rows, Rows::New, &added)?;
            }
        }
        for changed in changed.chunks(ROWS) {
            let cells: Vec<_> = changed.iter().map(|row| row.to_cells()).collect();
            put(rows, Rows::Changed, &cells)?;
        }
        match tally {
            Some(tally) => put(tally, Rows::Changed, &counters.into_rows()),
            None => Ok(()),
        }
    }
}

pub(crate) async fn park(tx: &mut Tx, parked: &Parked) -> sqlx::Result<()> {
    let Parked { name, stream, version, position, reason } = parked;
    on_tx!(tx, connection => sqlx::query(PARK)
        .bind(name).bind(stream).bind(*version).bind(*position).bind(reason)
        .execute(connection).await.map(|_| ()))
}

pub(crate) async fn unpark(tx: &mut Tx, name: &str, stream: &str) -> sqlx::Result<()> {
    on_tx!(tx, connection => sqlx::query(UNPARK_STREAM)
        .bind(name).bind(stream).execute(connection).await.map(|_| ()))
}

/// How the rows of a partition differ from what they were.
struct Difference<'a, R> {
    /// Rows under a key that was not there.
    new: Vec<&'a R>,
    /// Rows that are other than they were.
    other: Vec<&'a R>,
    /// What these were.
    gone: Vec<&'a R>,
}

impl<R: ReadModel> Change<R> {
    fn difference(&self) -> Difference<'_, R> {
        let Self { before, after } = self;
        // Nearly always rows stay where they are, and new ones come at the end.
        let moved = |n: usize| before.get(n) != after.get(n);
        let mut gone: Vec<&R> = (0..before.len()).filter(|n| moved(*n)).map(|n| &before[n]).collect();
        let fresh = (0..after.len()).filter(|n| moved(*n)).map(|n| &after[n]);
        if gone.is_empty() {
            return Difference { new: fresh.collect(), other: Vec::new(), gone };
        }
        let was: HashMap<Vec<Cell<'_>>, &R> = gone.iter().map(|row| (key(*row), *row)).collect();
        let (mut new, mut other, mut same) = (Vec::new(), Vec::new(), HashSet::new());
        for row in fresh {
            let key = key(row);
            match was.get(&key) {
                None => new.push(row),
                Some(old) if *old == row => {
                    same.insert(key);
                }
                Some(_) => other.push(row),
            }
        }
        if !same.is_empty() {
            gone.retain(|row| !same.contains(&key(*row)));
        }
        Difference { new, other, gone }
    }
}

fn key<R: ReadModel>(row: &R) -> Vec<Cell<'_>> {
    let mut cells = row.to_cells();
    cells.truncate(R::TABLE.key.len());
    cells
}

/// What is added to the counters, by their key.
#[derive(Default)]
struct Counters(BTreeMap<Vec<Cell<'static>>, Vec<i64>>);

impl Counters {
    fn add(&mut self, key: Vec<Cell<'static>>, values: &[i64], sign: i64) {
        let sums = self.0.entry(key).or_insert_with(|| vec![0; values.len()]);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += sign * value;
        }
    }

    fn into_rows(self) -> Vec<Vec<Cell<'static>>> {
        self.0
            .into_iter()
            .filter(|(_, values)| values.iter().any(|value| *value != 0))
            .map(|(key, values)| key.into_iter().chain(values.into_iter().map(Cell::Int)).collect())
            .collect()
    }
}
