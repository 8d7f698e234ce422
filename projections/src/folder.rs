//! The rows of one read model in hand: a page is folded in memory, then what changed is written.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::read_model::StreamSkipped;
use domain::recorded::{Event, Position, Recorded, Version};
use infrastructure::db::{Database, Tx};
use infrastructure::event_store::EventStore;
use infrastructure::{on_db, on_tx};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::page::{Decoded, Seen};
use crate::read_model::{Model, ReadModel};
use crate::runner::RunError;
use crate::shadow::Slot;
use crate::table::{Cell, Cells, OnConflict, Statements, Table, WrongCell};

/// Partitions whose rows a folder keeps in memory between pages.
const CACHED_PARTITIONS_MAX: usize = 50_000;

const PARK: &str = "INSERT INTO parked (name, stream, version, position, reason) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (name, stream) DO NOTHING";
const PARKED: &str = "SELECT name, stream, version, position, reason FROM parked ORDER BY name, stream";
const UNPARK_STREAM: &str = "DELETE FROM parked WHERE name = $1 AND stream = $2";
const UNPARK: &str = "DELETE FROM parked WHERE name = $1";

pub(crate) const SQL: &[&str] = &[PARK, PARKED, UNPARK, UNPARK_STREAM];

/// A stream that a read model goes on without.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Parked {
    pub name: String,
    pub stream: String,
    /// Of the event in its stream.
    pub version: i64,
    pub position: i64,
    pub reason: String,
}

pub(crate) async fn parked(database: &Database) -> sqlx::Result<Vec<Parked>> {
    on_db!(&database.readers, pool => sqlx::query_as(PARKED).fetch_all(pool).await)
}

/// Empties a read model. Its lease must be held.
pub(crate) async fn clear(tx: &mut Tx, model: Model, slot: Slot) -> sqlx::Result<()> {
    let (table, tally) = model.tables();
    for table in [Some(table), tally].into_iter().flatten() {
        let sql = format!("DELETE FROM {}", slot.name(table.name));
        on_tx!(&mut *tx, connection => sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(|_| ()))?;
    }
    on_tx!(tx, connection => sqlx::query(UNPARK).bind(slot.name(model.name())).execute(connection).await.map(|_| ()))
}

/// Where a stream is parked.
#[derive(Clone, Copy, Debug)]
struct At {
    version: Version,
    position: Position,
}

/// What is to be written.
struct Changes<R> {
    /// The rows of partitions that were touched, as they were.
    before: HashMap<Uuid, Vec<R>>,
    /// Streams that were parked, and why.
    parked: BTreeMap<String, String>,
    unparked: Vec<String>,
}

impl<R> Default for Changes<R> {
    fn default() -> Self {
        Self { before: HashMap::new(), parked: BTreeMap::new(), unparked: Vec::new() }
    }
}

/// The rows of one read model that are in hand, and how far they go.
pub(crate) struct Folder<R: ReadModel> {
    model: Model,
    /// Of the table, the checkpoint and the parked streams.
    name: String,
    slot: Slot,
    statements: Statements,
    tally: Option<Statements>,
    /// Rows by partition, as they are in the table at `at`.
    rows: HashMap<Uuid, Vec<R>>,
    pub(crate) at: Position,
    parked: HashMap<String, At>,
}

impl<R: ReadModel> Folder<R> {
    pub(crate) fn new(model: Model, slot: Slot) -> Self {
        let statements =
            |table: Table, on_conflict| Statements::new(table, &slot.name(table.name), on_conflict);
        Self {
            model,
            name: slot.name(model.name()),
            slot,
            statements: statements(R::TABLE, OnConflict::Replace),
            tally: R::TALLY.map(|tally| statements(tally, OnConflict::Add)),
            rows: HashMap::new(),
            at: Position::default(),
            parked: HashMap::new(),
        }
    }

    /// Forgets what is in memory and goes on from what the database says.
    pub(crate) fn adopt(&mut self, at: Position, parked: &[Parked]) {
        self.rows.clear();
        self.at = at;
        self.parked = parked
            .iter()
            .filter(|parked| parked.name == self.name)
            .map(|parked| {
                let Parked { stream, version, position, .. } = parked;
                (stream.clone(), At { version: Version(*version), position: Position(*position) })
            })
            .collect();
    }

    /// Folds the events of a page and writes what changed. The caller commits, or makes the folder adopt again.
    pub(crate) async fn apply(
        &mut self,
        tx: &mut Tx,
        store: &EventStore,
        decoded: &Decoded,
    ) -> Result<(), RunError> {
        if CACHED_PARTITIONS_MAX < self.rows.len() {
            self.rows.clear();
        }
        self.load(
            tx,
            decoded.events.iter().filter_map(|seen| match seen {
                Seen::Readable(recorded) => R::partition(recorded),
                Seen::Poison { .. } => None,
            }),
        )
        .await?;
        let mut changes = Changes::default();
        for seen in &decoded.events {
            match seen {
                Seen::Readable(recorded) => {
                    if let Some(skipped) = self.skipped(recorded) {
                        let after = Version(skipped.version);
                        self.go_on(tx, store, &skipped.stream, after, recorded.position, &mut changes)
                            .await?;
                    } else if !self.parked.contains_key(&recorded.stream) {
                        self.fold(recorded, &mut changes);
                    }
                }
                Seen::Poison { stream, version, position, reason } => {
                    if !self.parked.contains_key(stream) {
                        self.park(stream, *version, *position, reason.clone(), &mut changes);
                    }
                }
            }
        }
        self.save(tx, changes).await?;
        self.at = decoded.next;
        Ok(())
    }

    /// Folds the events of a parked stream again, from the one that parked it. False if it is parked there again.
    pub(crate) async fn retry(
        &mut self,
        tx: &mut Tx,
        store: &EventStore,
        stream: &str,
    ) -> Result<bool, RunError> {
        let Some(parked) = self.parked.get(stream).copied() else { return Ok(false) };
        let mut changes = Changes::default();
        // A version that was not kept lies before the first: the events that were folded are passed over.
        let after = Version((parked.version.0 - 1).max(0));
        let until = Position(self.at.0 + 1);
        self.go_on(tx, store, stream, after, until, &mut changes).await?;
        let goes_on = self.parked.get(stream).is_none_or(|again| again.position != parked.position);
        self.save(tx, changes).await?;
        Ok(goes_on)
    }

    /// What an administrator lets this model go on without, if it is what the model is waiting for.
    fn skipped<'a>(&self, recorded: &'a Recorded) -> Option<&'a StreamSkipped> {
        let Event::ReadModel(domain::read_model::Event::StreamSkipped(skipped)) = &recorded.event else {
            return None;
        };
        let is_own = recorded.stream == domain::read_model::stream(self.model.name());
        let parked = self.parked.get(&skipped.stream)?;
        (is_own && parked.version.0 == skipped.version).then_some(skipped)
    }

    /// Folds what was held back of a stream: its events after a version and before a position.
    async fn go_on(
        &mut self,
        tx: &mut Tx,
        store: &EventStore,
        stream: &str,
        after: Version,
        until: Position,
        changes: &mut Changes<R>,
    ) -> Result<(), RunError> {
        let Some(parked) = self.parked.remove(stream) else { return Ok(()) };
        changes.parked.remove(stream);
        changes.unparked.push(stream.to_owned());
        let rows = store.read_stream(stream, after).await?;
        for row in rows.into_iter().skip_while(|row| row.position < parked.position.0) {
            if until.0 <= row.position || self.parked.contains_key(stream) {
                break;
            }
            let (version, position) = (Version(row.version), Position(row.position));
            match row.decode() {
                Ok(recorded) => {
                    self.load(tx, R::partition(&recorded)).await?;
                    self.fold(&recorded, changes);
                }
                Err(error) => self.park(stream, version, position, error.to_string(), changes),
            }
        }
        Ok(())
    }

    fn fold(&mut self, recorded: &Recorded, changes: &mut Changes<R>) {
        let Some(partition) = R::partition(recorded) else { return };
        let rows = self.rows.entry(partition).or_default();
        changes.before.entry(partition).or_insert_with(|| rows.clone());
        if let Err(error) = R::fold(rows, recorded) {
            let Recorded { stream, version, position, .. } = recorded;
            self.park(stream, *version, *position, error.to_string(), changes);
        }
    }

    fn park(
        &mut self,
        stream: &str,
        version: Version,
        position: Position,
        reason: String,
        changes: &mut Changes<R>,
    ) {
        tracing::error!(model = self.name, stream, %version, %position, reason, "a stream is parked");
        self.parked.insert(stream.to_owned(), At { version, position });
        changes.parked.insert(stream.to_owned(), reason);
    }

    /// Brings the rows of partitions into memory.
    async fn load(
        &mut self,
        tx: &mut Tx,
        partitions: impl IntoIterator<Item = Uuid>,
    ) -> Result<(), RunError> {
        let missing: HashSet<Uuid> =
            partitions.into_iter().filter(|partition| !self.rows.contains_key(partition)).collect();
        let missing: Vec<Uuid> = missing.into_iter().collect();
        if missing.is_empty() {
            return Ok(());
        }
        for cells in self.statements.load(tx, &missing).await? {
            let partition = match cells.first() {
                Some(Cell::Uuid(partition)) => *partition,
                Some(Cell::Null | Cell::Int(_) | Cell::Text(_)) | None => return Err(self.wrong(WrongCell)),
            };
            let row = R::from_cells(&mut Cells::new(cells)).map_err(|source| self.wrong(source))?;
            self.rows.entry(partition).or_default().push(row);
        }
        for partition in missing {
            self.rows.entry(partition).or_default();
        }
        Ok(())
    }

    fn wrong(&self, source: WrongCell) -> RunError {
        RunError::Row { table: R::TABLE.name, source }
    }

    async fn save(&self, tx: &mut Tx, changes: Changes<R>) -> Result<(), RunError> {
        let Changes { before, parked, unparked } = changes;
        let (mut added, mut changed) = (Vec::new(), Vec::new());
        let mut counters: BTreeMap<Vec<Cell>, Vec<i64>> = BTreeMap::new();
        let key = R::TABLE.key.len();
        for (partition, old) in &before {
            let new = self.rows.get(partition).map_or(&[][..], Vec::as_slice);
            for row in new.iter().filter(|row| !old.contains(row)).map(R::to_cells) {
                let has_key = |old: &R| old.to_cells()[..key] == row[..key];
                if self.slot == Slot::Live || old.iter().any(has_key) {
                    changed.push(row);
                } else {
                    added.push(row);
                }
            }
            if self.tally.is_some() {
                new.iter().for_each(|row| row.tally(&mut |key, values| add(&mut counters, key, values, 1)));
                old.iter().for_each(|row| row.tally(&mut |key, values| add(&mut counters, key, values, -1)));
            }
        }
        self.statements.insert(tx, &added).await?;
        self.statements.upsert(tx, &changed).await?;
        if let Some(tally) = &self.tally {
            let rows: Vec<Vec<Cell>> = counters
                .into_iter()
                .filter(|(_, values)| values.iter().any(|value| *value != 0))
                .map(|(key, values)| key.into_iter().chain(values.into_iter().map(Cell::Int)).collect())
                .collect();
            tally.upsert(tx, &rows).await?;
        }
        for stream in unparked {
            on_tx!(&mut *tx, connection => sqlx::query(UNPARK_STREAM)
                .bind(&self.name).bind(stream).execute(connection).await.map(|_| ()))?;
        }
        for (stream, reason) in parked {
            let Some(at) = self.parked.get(&stream) else { continue };
            on_tx!(&mut *tx, connection => sqlx::query(PARK)
                .bind(&self.name).bind(&stream).bind(at.version.0).bind(at.position.0).bind(reason)
                .execute(connection).await.map(|_| ()))?;
        }
        Ok(())
    }
}

fn add(counters: &mut BTreeMap<Vec<Cell>, Vec<i64>>, key: Vec<Cell>, values: &[i64], sign: i64) {
    let sums = counters.entry(key).or_insert_with(|| vec![0; values.len()]);
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += sign * value;
    }
}
