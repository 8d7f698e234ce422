//! The rows of one read model in hand: pages are folded in memory, then what changed is given away to be written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use domain::read_model::StreamSkipped;
use domain::recorded::{Event, Position, Version};
use infrastructure::db::{Database, Tx};
use infrastructure::event_store::EventStore;
use infrastructure::{on_db, on_tx};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::batch::{Batch, Change, Target, Unwritten};
use crate::page::{Decoded, Seen};
use crate::read_model::{Model, Occurrence, ReadModel};
use crate::runner::RunError;
use crate::shadow::Slot;
use crate::table::{Cell, Cells, WrongCell};

/// Partitions whose rows a folder keeps in memory when they are written.
const PARTITIONS_MAX: usize = 50_000;

const PARKED: &str = "SELECT name, stream, version, position, reason FROM parked ORDER BY name, stream";
const UNPARK: &str = "DELETE FROM parked WHERE name = $1";

pub(crate) const SQL: &[&str] = &[PARKED, UNPARK];

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
    unpark_all(tx, &slot.name(model.name())).await
}

pub(crate) async fn unpark_all(tx: &mut Tx, name: &str) -> sqlx::Result<()> {
    on_tx!(tx, connection => sqlx::query(UNPARK).bind(name).execute(connection).await.map(|_| ()))
}

/// Where a stream is parked.
#[derive(Clone, Copy, Debug)]
struct At {
    version: Version,
    position: Position,
}

/// The rows of one partition. They are shared with what is being written, and copied when they change meanwhile.
struct Partition<R> {
    rows: Arc<Vec<R>>,
    /// As they were when they were last given away, if they have been touched since.
    before: Option<Arc<Vec<R>>>,
}

impl<R> From<Arc<Vec<R>>> for Partition<R> {
    fn from(rows: Arc<Vec<R>>) -> Self {
        Self { rows, before: None }
    }
}

/// What is to be written, beside rows.
#[derive(Default)]
struct Changes {
    /// Partitions that were touched.
    touched: Vec<Uuid>,
    /// Streams that were parked, and why.
    parked: BTreeMap<String, String>,
    unparked: Vec<String>,
}

/// The rows of one read model that are in hand, and how far they go.
pub(crate) struct Folder<R: ReadModel> {
    model: Model,
    /// Of the table, the checkpoint and the parked streams.
    name: String,
    target: Arc<Target>,
    partitions: HashMap<Uuid, Partition<R>>,
    /// No rows, shared by all who have none yet.
    empty: Arc<Vec<R>>,
    changes: Changes,
    /// Up to where events are folded; the table is there once they are written.
    pub(crate) at: Position,
    parked: HashMap<String, At>,
}

impl<R: ReadModel> Folder<R> {
    pub(crate) fn new(model: Model, slot: Slot) -> Self {
        Self {
            model,
            name: slot.name(model.name()),
            target: Arc::new(Target::of::<R>(slot)),
            partitions: HashMap::new(),
            empty: Arc::default(),
            changes: Changes::default(),
            at: Position::default(),
            parked: HashMap::new(),
        }
    }

    /// Forgets what is in memory and goes on from what the database says.
    pub(crate) fn adopt(&mut self, at: Position, parked: &[Parked]) {
        self.partitions.clear();
        self.changes = Changes::default();
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

    /// How many partitions wait to be written.
    pub(crate) fn touched(&self) -> usize {
        self.changes.touched.len()
    }

    /// Folds the events of a page. What changed is kept until it is written.
    pub(crate) async fn fold_page(
        &mut self,
        database: &Database,
        store: &EventStore,
        decoded: &Decoded,
    ) -> Result<(), RunError> {
        let mut known = Vec::new();
        for seen in &decoded.events {
            let Seen::Readable(occurrence) = seen else { continue };
            let Some(id) = R::partition(occurrence) else { continue };
            if occurrence.version.0 == 1 {
                // A stream that begins has no rows yet.
                self.partitions.entry(id).or_insert_with(|| Arc::clone(&self.empty).into());
            } else {
                known.push(id);
            }
        }
        self.load(database, known).await?;
        for seen in &decoded.events {
            match seen {
                Seen::Readable(occurrence) => {
                    if let Some(skipped) = self.skipped(occurrence) {
                        let after = Version(skipped.version);
                        self.go_on(database, store, &skipped.stream, after, occurrence.position).await?;
                    } else if self.parked.is_empty() || !self.parked.contains_key(&occurrence.stream) {
                        self.fold(occurrence);
                    }
                }
                Seen::Poison { stream, version, position, reason } => {
                    if !self.parked.contains_key(stream) {
                        self.park(stream, *version, *position, reason.clone());
                    }
                }
            }
        }
        self.at = decoded.next;
        Ok(())
    }

    /// Folds the events of a parked stream again, from the one that parked it. False if it is parked there again.
    pub(crate) async fn retry(
        &mut self,
        database: &Database,
        store: &EventStore,
        stream: &str,
    ) -> Result<bool, RunError> {
        let Some(parked) = self.parked.get(stream).copied() else { return Ok(false) };
        // A version that was not kept lies before the first: the events that were folded are passed over.
        let after = Version((parked.version.0 - 1).max(0));
        let until = Position(self.at.0 + 1);
        self.go_on(database, store, stream, after, until).await?;
        Ok(self.parked.get(stream).is_none_or(|again| again.position != parked.position))
    }

    /// What an administrator lets this model go on without, if it is what the model is waiting for.
    fn skipped<'a>(&self, occurrence: &'a Occurrence) -> Option<&'a StreamSkipped> {
        let Event::ReadModel(domain::read_model::Event::StreamSkipped(skipped)) = &occurrence.event else {
            return None;
        };
        let is_own = occurrence.stream == domain::read_model::stream(self.model.name());
        let parked = self.parked.get(&skipped.stream)?;
        (is_own && parked.version.0 == skipped.version).then_some(skipped)
    }

    /// Folds what was held back of a stream: its events after a version and before a position.
    async fn go_on(
        &mut self,
        database: &Database,
        store: &EventStore,
        stream: &str,
        after: Version,
        until: Position,
    ) -> Result<(), RunError> {
        let Some(parked) = self.parked.remove(stream) else { return Ok(()) };
        self.changes.parked.remove(stream);
        self.changes.unparked.push(stream.to_owned());
        let rows = store.read_stream(stream, after).await?;
        for row in rows.into_iter().skip_while(|row| row.position < parked.position.0) {
            if until.0 <= row.position || self.parked.contains_key(stream) {
                break;
            }
            let (version, position) = (Version(row.version), Position(row.position));
            match row.decode() {
                Ok(recorded) => {
                    let occurrence = Occurrence::from(recorded);
                    self.load(database, R::partition(&occurrence)).await?;
                    self.fold(&occurrence);
                }
                Err(error) => self.park(stream, version, position, error.to_string()),
            }
        }
        Ok(())
    }

    pub(crate) fn fold(&mut self, occurrence: &Occurrence) {
        let Some(id) = R::partition(occurrence) else { return };
        let partition = self.partitions.entry(id).or_insert_with(|| Arc::clone(&self.empty).into());
        if partition.before.is_none() {
            partition.before = Some(Arc::clone(&partition.rows));
            self.changes.touched.push(id);
        }
        let rows = Arc::make_mut(&mut partition.rows);
        if rows.is_empty() {
            rows.reserve_exact(R::ROWS);
        }
        if let Err(error) = R::fold(rows, occurrence) {
            let Occurrence { stream, version, position, .. } = occurrence;
            self.park(stream, *version, *position, error.to_string());
        }
    }

    fn park(&mut self, stream: &str, version: Version, position: Position, reason: String) {
        tracing::error!(model = self.name, stream, %version, %position, reason, "a stream is parked");
        self.parked.insert(stream.to_owned(), At { version, position });
        self.changes.parked.insert(stream.to_owned(), reason);
    }

    /// Brings the rows of partitions into memory, as they were last written. Those that are being written are there.
    async fn load(
        &mut self,
        database: &Database,
        partitions: impl IntoIterator<Item = Uuid>,
    ) -> Result<(), RunError> {
        let missing: HashSet<Uuid> =
            partitions.into_iter().filter(|id| !self.partitions.contains_key(id)).collect();
        let missing: Vec<Uuid> = missing.into_iter().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut rows: HashMap<Uuid, Vec<R>> = HashMap::new();
        for cells in self.target.rows.load(database, &missing).await? {
            let id = match cells.first() {
                Some(Cell::Uuid(id)) => *id,
                Some(Cell::Null | Cell::Int(_) | Cell::Text(_)) | None => return Err(wrong::<R>(WrongCell)),
            };
            let row = R::from_cells(&mut Cells::new(cells)).map_err(wrong::<R>)?;
            rows.entry(id).or_default().push(row);
        }
        for id in missing {
            let rows = rows.remove(&id).map_or_else(|| Arc::clone(&self.empty), Arc::new);
            self.partitions.insert(id, rows.into());
        }
        Ok(())
    }

    /// Gives away what changed since the last time. Before the next time it is written, or the folder adopts again.
    pub(crate) fn take_batch(&mut self) -> Box<dyn Unwritten> {
        let Changes { mut touched, parked, unparked } = std::mem::take(&mut self.changes);
        touched.sort_unstable();
        if PARTITIONS_MAX < self.partitions.len() {
            // What was touched now is likely to be touched again, and is not in the table before it is written.
            self.partitions.retain(|_, partition| partition.before.is_some());
        }
        let mut changes = Vec::with_capacity(touched.len());
        for id in touched {
            let Some(Partition { rows, before }) = self.partitions.get_mut(&id) else { continue };
            let Some(before) = before.take() else { continue };
            changes.push(Change { before, after: Arc::clone(rows) });
        }
        let parked = parked.into_iter().filter_map(|(stream, reason)| {
            let At { version: Version(version), position: Position(position) } = *self.parked.get(&stream)?;
            Some(Parked { name: self.name.clone(), stream, version, position, reason })
        });
        Box::new(Batch {
            target: Arc::clone(&self.target),
            name: self.name.clone(),
            parked: parked.collect(),
            changes,
            unparked,
        })
    }
}

fn wrong<R: ReadModel>(source: WrongCell) -> RunError {
    RunError::Row { table: R::TABLE.name, source }
}
