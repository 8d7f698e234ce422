//! Feeds read models: a page of events is folded in memory, then rows, counters and checkpoints are written in one
//! transaction. Whoever writes locks the checkpoints first, so two processes never apply a page twice; the second finds
//! the checkpoint moved and goes on from there.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::decider::DecodeError;
use domain::recorded::{Position, Recorded};
use infrastructure::db::{Database, Tx};
use infrastructure::event_store::{EventStore, Page, StoreError, StoredRow};
use infrastructure::{on_db, on_tx};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::read_model::{AnyFolder, Model, ReadModel, on_folder};
use crate::table::{Cell, Cells, OnConflict, Statements, WrongCell};

/// Partitions whose rows a folder keeps in memory between pages.
const CACHED_PARTITIONS_MAX: usize = 50_000;

// Locks the checkpoint by writing it; the same text in both dialects.
const LOCK: &str = "UPDATE checkpoint SET position = position WHERE name = $1 RETURNING position, version";
const CREATE: &str =
    "INSERT INTO checkpoint (name, version, position) VALUES ($1, $2, 0) ON CONFLICT (name) DO NOTHING";
const MOVE: &str = "UPDATE checkpoint SET position = $2, version = $3 WHERE name = $1";
const CHECKPOINTS: &str = "SELECT name, position FROM checkpoint";
const PARK: &str = "INSERT INTO parked (name, stream, position, reason) VALUES ($1, $2, $3, $4)
    ON CONFLICT (name, stream) DO NOTHING";
const PARKED: &str = "SELECT name, stream, position, reason FROM parked ORDER BY name, stream";
const UNPARK: &str = "DELETE FROM parked WHERE name = $1";

pub(crate) const SQL: &[&str] = &[LOCK, CREATE, MOVE, CHECKPOINTS, PARK, PARKED, UNPARK];

/// Why a page could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the read models are unavailable")]
    Unavailable(#[from] sqlx::Error),
    /// Two programs of different versions must not feed one table; `motcua rebuild` of either makes it that one's.
    #[error("a newer program has built the read model {model}")]
    NewerModel { model: &'static str },
    #[error("a row of {table} cannot be read")]
    Row {
        table: &'static str,
        #[source]
        source: WrongCell,
    },
}

/// A stream that a read model goes on without.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Parked {
    pub name: String,
    pub stream: String,
    pub position: i64,
    pub reason: String,
}

/// An event as the runner sees it.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are readable; a box would be one more allocation each"
)]
pub(crate) enum Seen {
    Readable(Recorded),
    /// Does not decode: its stream is parked.
    Poison {
        stream: String,
        position: Position,
        reason: String,
    },
}

/// A decoded page. It ends before the first event that a newer program wrote.
pub(crate) struct Decoded {
    pub(crate) events: Vec<Seen>,
    pub(crate) next: Position,
    pub(crate) at_end: bool,
    /// The type that this program does not know.
    pub(crate) newer: Option<(Position, String)>,
}

pub(crate) fn decode(page: Page) -> Decoded {
    let mut decoded = Decoded {
        events: Vec::with_capacity(page.rows.len()),
        next: page.next,
        at_end: page.at_end,
        newer: None,
    };
    for row in page.rows {
        let StoredRow { position, ref stream, .. } = row;
        let (position, stream) = (Position(position), stream.clone());
        match row.decode() {
            Ok(recorded) => decoded.events.push(Seen::Readable(recorded)),
            Err(StoreError::Undecodable { type_name, source, .. })
                if matches!(*source, DecodeError::UnknownType(_)) =>
            {
                decoded.next = Position(position.0 - 1);
                decoded.newer = Some((position, type_name));
                break;
            }
            Err(error) => decoded.events.push(Seen::Poison { stream, position, reason: error.to_string() }),
        }
    }
    decoded
}

/// The rows of one read model that are in hand, and how far they go.
pub(crate) struct Folder<R: ReadModel> {
    model: Model,
    statements: Statements,
    tally: Option<Statements>,
    /// Rows by partition, as they are in the table at `at`.
    rows: HashMap<Uuid, Vec<R>>,
    pub(crate) at: Position,
    parked: HashSet<String>,
}

impl<R: ReadModel> Folder<R> {
    pub(crate) fn new(model: Model) -> Self {
        Self {
            model,
            statements: Statements::new(R::TABLE, OnConflict::Replace),
            tally: R::TALLY.map(|tally| Statements::new(tally, OnConflict::Add)),
            rows: HashMap::new(),
            at: Position::default(),
            parked: HashSet::new(),
        }
    }

    /// Forgets what is in memory and goes on from what the database says.
    pub(crate) fn adopt(&mut self, at: Position, parked: &[Parked]) {
        self.rows.clear();
        self.at = at;
        self.parked = parked
            .iter()
            .filter(|parked| parked.name == self.model.name())
            .map(|parked| parked.stream.clone())
            .collect();
    }

    /// Folds the events after `at` and writes what changed. The caller commits, or drops this folder's memory.
    pub(crate) async fn apply(&mut self, tx: &mut Tx, decoded: &Decoded) -> Result<(), RunError> {
        self.load(tx, decoded).await?;
        let mut before: HashMap<Uuid, Vec<R>> = HashMap::new();
        let mut newly_parked = Vec::new();
        for seen in &decoded.events {
            match seen {
                Seen::Readable(recorded) => {
                    if recorded.position <= self.at || self.parked.contains(&recorded.stream) {
                        continue;
                    }
                    let Some(partition) = R::partition(recorded) else { continue };
                    let rows = self.rows.entry(partition).or_default();
                    before.entry(partition).or_insert_with(|| rows.clone());
                    if let Err(error) = R::fold(rows, recorded) {
                        newly_parked.push((recorded.stream.clone(), recorded.position, error.to_string()));
                        self.parked.insert(recorded.stream.clone());
                    }
                }
                Seen::Poison { stream, position, reason } => {
                    if self.at < *position && self.parked.insert(stream.clone()) {
                        newly_parked.push((stream.clone(), *position, reason.clone()));
                    }
                }
            }
        }
        self.save(tx, before).await?;
        for (stream, position, reason) in newly_parked {
            tracing::error!(model = self.model.name(), %stream, %position, reason, "a stream is parked");
            on_tx!(&mut *tx, connection => sqlx::query(PARK)
                .bind(self.model.name()).bind(stream).bind(position.0).bind(reason)
                .execute(connection).await.map(|_| ()))?;
        }
        // Pages are read from the model that is furthest behind: one that is ahead stays where it is.
        let next = decoded.next.max(self.at);
        on_tx!(&mut *tx, connection => sqlx::query(MOVE)
            .bind(self.model.name()).bind(next.0).bind(R::VERSION)
            .execute(connection).await.map(|_| ()))?;
        self.at = next;
        Ok(())
    }

    /// Brings the rows that the page touches into memory.
    async fn load(&mut self, tx: &mut Tx, decoded: &Decoded) -> Result<(), RunError> {
        if CACHED_PARTITIONS_MAX < self.rows.len() {
            self.rows.clear();
        }
        let missing: HashSet<Uuid> = decoded
            .events
            .iter()
            .filter_map(|seen| match seen {
                Seen::Readable(recorded) if self.at < recorded.position => R::partition(recorded),
                Seen::Readable(_) | Seen::Poison { .. } => None,
            })
            .filter(|partition| !self.rows.contains_key(partition))
            .collect();
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

    async fn save(&self, tx: &mut Tx, before: HashMap<Uuid, Vec<R>>) -> Result<(), RunError> {
        let mut changed = Vec::new();
        let mut counters: BTreeMap<Vec<Cell>, Vec<i64>> = BTreeMap::new();
        for (partition, old) in &before {
            let new = self.rows.get(partition).map_or(&[][..], Vec::as_slice);
            changed.extend(new.iter().filter(|row| !old.contains(row)).map(R::to_cells));
            if self.tally.is_some() {
                new.iter().for_each(|row| row.tally(&mut |key, values| add(&mut counters, key, values, 1)));
                old.iter().for_each(|row| row.tally(&mut |key, values| add(&mut counters, key, values, -1)));
            }
        }
        self.statements.upsert(tx, &changed).await?;
        if let Some(tally) = &self.tally {
            let rows: Vec<Vec<Cell>> = counters
                .into_iter()
                .filter(|(_, values)| values.iter().any(|value| *value != 0))
                .map(|(key, values)| key.into_iter().chain(values.into_iter().map(Cell::Int)).collect())
                .collect();
            tally.upsert(tx, &rows).await?;
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

/// Feeds some read models together.
pub(crate) struct Runner {
    database: Database,
    store: EventStore,
    folders: Vec<(Model, AnyFolder)>,
}

/// How far a step came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Position,
    pub(crate) events: usize,
    pub(crate) at_end: bool,
    pub(crate) newer: Option<(Position, String)>,
}

impl Runner {
    pub(crate) async fn new(
        database: Database,
        store: EventStore,
        models: &[Model],
    ) -> Result<Self, RunError> {
        let mut models = models.to_vec();
        models.sort();
        let folders = models.into_iter().map(|model| (model, AnyFolder::new(model))).collect();
        let mut runner = Self { database, store, folders };
        runner.prepare().await?;
        Ok(runner)
    }

    /// Creates checkpoints that are missing, and starts again where a table is of an older version or ahead of the log:
    /// a restored backup. A table of a newer version is left to the newer program.
    async fn prepare(&mut self) -> Result<(), RunError> {
        for (model, _) in &self.folders {
            let mut tx = self.database.begin_write().await?;
            create(&mut tx, *model).await?;
            let (position, version) = lock(&mut tx, *model).await?;
            // Asked under the lock: whoever feeds the model now cannot have moved it beyond.
            let head = self.store.head().await?;
            if model.version() < version {
                return Err(RunError::NewerModel { model: model.name() });
            }
            if version != model.version() || head < position {
                tracing::warn!(model = model.name(), %position, %head, "the read model is built anew");
                clear(&mut tx, *model).await?;
            }
            tx.commit().await?;
        }
        self.adopt().await
    }

    /// Forgets what is in memory: after a failure, or when another process was faster.
    async fn adopt(&mut self) -> Result<(), RunError> {
        let checkpoints = checkpoints(&self.database).await?;
        let parked = parked(&self.database).await?;
        for (model, folder) in &mut self.folders {
            let at = checkpoints.get(model).copied().unwrap_or_default();
            on_folder!(folder, folder => folder.adopt(at, &parked));
        }
        Ok(())
    }

    fn at(&self) -> Position {
        self.folders
            .iter()
            .map(|(_, folder)| on_folder!(folder, folder => folder.at))
            .min()
            .unwrap_or_default()
    }

    /// Reads the page after the checkpoints. On its own, so that a rebuild can read ahead.
    pub(crate) async fn read(store: &EventStore, after: Position, limit: u32) -> Result<Decoded, StoreError> {
        let page = store.read_all(after, limit).await?;
        Ok(tokio::task::spawn_blocking(move || decode(page)).await.unwrap_or_else(|panic| {
            // A panic in a decoder is a bug; the runner must not go on as if the page were empty.
            std::panic::resume_unwind(panic.into_panic())
        }))
    }

    /// Reads and applies one page.
    pub(crate) async fn step(&mut self, limit: u32) -> Result<Step, RunError> {
        let decoded = Self::read(&self.store, self.at(), limit).await?;
        self.apply(decoded).await
    }

    pub(crate) async fn apply(&mut self, decoded: Decoded) -> Result<Step, RunError> {
        if !decoded.events.is_empty() {
            match self.write(&decoded).await {
                Ok(true) => {}
                Ok(false) => self.adopt().await?,
                Err(error) => {
                    self.adopt().await?;
                    return Err(error);
                }
            }
        }
        Ok(Step { at: self.at(), events: decoded.events.len(), at_end: decoded.at_end, newer: decoded.newer })
    }

    /// False when another process had moved a checkpoint.
    async fn write(&mut self, decoded: &Decoded) -> Result<bool, RunError> {
        let mut tx = self.database.begin_write().await?;
        for (model, folder) in &mut self.folders {
            let (position, version) = lock(&mut tx, *model).await?;
            if version != model.version() {
                return Err(RunError::NewerModel { model: model.name() });
            }
            if position != on_folder!(&*folder, folder => folder.at) {
                tx.rollback().await?;
                return Ok(false);
            }
            on_folder!(folder, folder => folder.apply(&mut tx, decoded).await)?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Reads ahead while it writes, until the log's end as of now. `report` gets the position after each page, and
    /// says whether to go on.
    pub(crate) async fn run_to_end(
        &mut self,
        limit: u32,
        mut report: impl FnMut(Position) -> bool,
    ) -> Result<Step, RunError> {
        let mut decoded = Self::read(&self.store, self.at(), limit).await?;
        loop {
            let next = decoded.next;
            let last = decoded.at_end || decoded.newer.is_some();
            let store = self.store.clone();
            let ahead =
                tokio::spawn(
                    async move { if last { None } else { Some(Self::read(&store, next, limit).await) } },
                );
            let step = self.apply(decoded).await?;
            let go_on = report(step.at);
            let ahead = match ahead.await {
                Ok(ahead) => ahead,
                // A panic in a reader is a bug; the run must not look complete.
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
            match ahead {
                _ if !go_on => return Ok(step),
                Some(ahead) if step.at == next => decoded = ahead?,
                None if next <= step.at => return Ok(step),
                // Another process was faster: read from where it left off.
                Some(_) | None => decoded = Self::read(&self.store, step.at, limit).await?,
            }
        }
    }
}

async fn create(tx: &mut Tx, model: Model) -> sqlx::Result<()> {
    on_tx!(tx, connection => sqlx::query(CREATE)
        .bind(model.name()).bind(model.version()).execute(connection).await.map(|_| ()))
}

async fn lock(tx: &mut Tx, model: Model) -> sqlx::Result<(Position, i64)> {
    let (position, version): (i64, i64) =
        on_tx!(tx, connection => sqlx::query_as(LOCK).bind(model.name()).fetch_one(connection).await)?;
    Ok((Position(position), version))
}

/// Empties a read model. Its checkpoint must be locked.
pub(crate) async fn clear(tx: &mut Tx, model: Model) -> sqlx::Result<()> {
    let (table, tally) = model.tables();
    for table in [Some(table), tally].into_iter().flatten() {
        let sql = format!("DELETE FROM {}", table.name);
        on_tx!(&mut *tx, connection => sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(|_| ()))?;
    }
    on_tx!(&mut *tx, connection => sqlx::query(UNPARK).bind(model.name()).execute(connection).await.map(|_| ()))?;
    on_tx!(&mut *tx, connection => sqlx::query(MOVE)
        .bind(model.name()).bind(0_i64).bind(model.version()).execute(connection).await.map(|_| ()))
}

/// Empties some read models and sets them back to the beginning of the log.
pub(crate) async fn reset(database: &Database, models: &[Model]) -> sqlx::Result<()> {
    for model in models {
        let mut tx = database.begin_write().await?;
        create(&mut tx, *model).await?;
        lock(&mut tx, *model).await?;
        clear(&mut tx, *model).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// How far each read model is, as the database says.
pub(crate) async fn checkpoints(database: &Database) -> sqlx::Result<HashMap<Model, Position>> {
    let rows: Vec<(String, i64)> =
        on_db!(&database.writer, pool => sqlx::query_as(CHECKPOINTS).fetch_all(pool).await)?;
    Ok(rows
        .into_iter()
        .filter_map(|(name, position)| Some((Model::from_name(&name)?, Position(position))))
        .collect())
}

pub(crate) async fn parked(database: &Database) -> sqlx::Result<Vec<Parked>> {
    on_db!(&database.readers, pool => sqlx::query_as(PARKED).fetch_all(pool).await)
}
