//! Feeds read models: some pages of events are folded in memory, then rows, counters and checkpoints are written in one
//! transaction, under leases ([`crate::lease`]).
//!
//! Models that stand at the same place are fed together, so that a query over two of them sees one moment. Each has a
//! checkpoint of its own all the same: one that fails stands still, with its reason, and is tried again; one that is
//! behind catches up page by page beside the others, and joins them when it is there.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Duration;

use domain::recorded::Position;
use infrastructure::bulk;
use infrastructure::clock::Clock;
use infrastructure::db::{Database, Db, Trouble, Tx, trouble};
use infrastructure::event_store::{EventStore, PageLimit, StoreError, micros};
use tokio::time::Instant;

use crate::batch::Unwritten;
use crate::folder::{Parked, clear, parked};
use crate::lease::{Advance, Lease, RENEW_EVERY, Taken, checkpoints};
use crate::page::Pages;
use crate::read_model::{AnyFolder, Model, on_folder};
use crate::shadow::{self, Slot};
use crate::table::WrongCell;

/// The most events that are left for the transaction of a flip, which readers and the live model wait for.
const FLIP_EVENTS_MAX: i64 = 1_000;
/// How long a model that failed is left alone: the first time, and at most.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

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
    #[error("the read models cannot be written")]
    Bulk(#[from] rusqlite::Error),
    #[error("a row of {table} cannot be read")]
    Row {
        table: &'static str,
        #[source]
        source: WrongCell,
    },
    #[error("the read model {model} stands still in another process: {reason}")]
    Stopped { model: &'static str, reason: String },
    #[error("the read model {model} is fed by {holder}, which does not get on")]
    HeldUp { model: &'static str, holder: String },
    #[error("the read model {model} is being rebuilt by {holder}")]
    RebuildUnderWay { model: &'static str, holder: String },
    #[error("the stream {stream} is not parked in the read model {model}")]
    NotParked { model: &'static str, stream: String },
    #[error("the stream {stream} is parked in the read model {model} for the same reason as before")]
    StillParked { model: &'static str, stream: String },
    #[error("the rebuilt read model {model} could not take its place: its readers kept it busy")]
    ReadersBusy { model: &'static str },
}

impl RunError {
    /// Whether it lies in the table of one model: then the others can go on.
    fn is_of_one_model(&self) -> bool {
        match self {
            Self::Row { .. } => true,
            Self::Unavailable(error) => {
                matches!(error, sqlx::Error::Database(_)) && trouble(error) == Trouble::Lasting
            }
            Self::Bulk(error) => error.sqlite_error().is_some() && bulk::trouble(error) == Trouble::Lasting,
            Self::Store(_)
            | Self::NewerModel { .. }
            | Self::Stopped { .. }
            | Self::HeldUp { .. }
            | Self::RebuildUnderWay { .. }
            | Self::NotParked { .. }
            | Self::StillParked { .. }
            | Self::ReadersBusy { .. } => false,
        }
    }

    /// With everything behind it: what an operator reads.
    fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            text.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        text
    }
}

/// One model in the hands of a runner.
struct Seat {
    model: Model,
    folder: AnyFolder,
    /// Up to where the table is.
    written: Position,
    lease: Option<Lease>,
    /// Since it failed.
    failure: Option<Failure>,
    fits: Fits,
}

/// Whether a table is of this program's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fits {
    Yes,
    /// It answers as it is until a rebuild takes its place.
    IsOlder,
    /// It is left to the newer program.
    IsNewer,
}

struct Failure {
    error: RunError,
    pause: Duration,
    again_at: Instant,
}

impl Fits {
    fn of(table: i64, program: i64) -> Self {
        match table.cmp(&program) {
            Ordering::Less => Self::IsOlder,
            Ordering::Equal => Self::Yes,
            Ordering::Greater => Self::IsNewer,
        }
    }
}

impl Seat {
    /// Forgets what is in memory and goes on from what the database says.
    fn adopt(&mut self, at: Position, parked: &[Parked]) {
        on_folder!(&mut self.folder, folder => folder.adopt(at, parked));
        self.written = at;
    }

    /// Up to where events are folded.
    fn at(&self) -> Position {
        on_folder!(&self.folder, folder => folder.at)
    }

    /// Whether pages go to it now.
    fn is_fed(&self) -> bool {
        self.lease.is_some() && self.failure.as_ref().is_none_or(|failure| failure.again_at <= Instant::now())
    }
}

/// Why a portion was not written.
enum Unfed {
    Lost { seat: usize },
    Failed { seat: usize, error: RunError },
    Together(RunError),
}

impl From<rusqlite::Error> for Unfed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Together(error.into())
    }
}

impl Unfed {
    fn because_of(seat: usize, error: RunError) -> Self {
        if error.is_of_one_model() { Self::Failed { seat, error } } else { Self::Together(error) }
    }
}

/// How an attempt to put a shadow in the place of its live model ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flip {
    Done,
    /// The live model has got far ahead meanwhile: more pages are to be fed first.
    Behind,
    /// The live model is fed and not as far yet: it would seem to jump before the others.
    Ahead,
    /// Readers held on to the table for too long.
    Busy,
}

/// How much is read at once, and how much is folded before it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portion {
    pub(crate) page: PageLimit,
    /// Pages follow each other until there are so many events, or so many partitions of a model to be written.
    pub(crate) events: usize,
    pub(crate) partitions: usize,
    /// The next portion is folded while this one is written.
    pub(crate) is_written_beside: bool,
}

/// A portion that was folded.
struct Folded {
    events: usize,
    next: Position,
    at_end: bool,
    newer: Option<(Position, String)>,
    started: Instant,
}

/// A portion that is being written: for some seats that stood at one place.
struct Writing {
    fed: Vec<usize>,
    next: Position,
    task: tokio::task::JoinHandle<Result<(), Unfed>>,
}

/// What a seat has to be written.
struct Delivery {
    seat: usize,
    model: Model,
    lease: Lease,
    /// Where the checkpoint has to be.
    after: Position,
    batch: Box<dyn Unwritten>,
}

/// Feeds some read models, as far as it gets their leases.
pub(crate) struct Runner {
    database: Database,
    store: EventStore,
    clock: Clock,
    /// Who it is, for people.
    holder: String,
    slot: Slot,
    seats: Vec<Seat>,
    pages: Pages,
    portion: Portion,
    writing: Vec<Writing>,
    renewed_at: Instant,
}

/// How far a step came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Vec<(Model, Position)>,
    /// Nothing was left to read when it was read.
    pub(crate) at_end: bool,
    pub(crate) newer: Option<(Position, String)>,
}

impl Runner {
    pub(crate) fn new(
        database: Database,
        store: EventStore,
        clock: Clock,
        holder: String,
        slot: Slot,
        models: &[Model],
        portion: Portion,
    ) -> Self {
        let models: BTreeSet<Model> = models.iter().copied().collect();
        let seat = |model| Seat {
            model,
            folder: AnyFolder::new(model, slot),
            written: Position::default(),
            lease: None,
            failure: None,
            fits: Fits::Yes,
        };
        Self {
            pages: Pages::new(store.clone(), portion.page),
            portion,
            writing: Vec::new(),
            database,
            store,
            clock,
            holder,
            slot,
            seats: models.into_iter().map(seat).collect(),
            renewed_at: Instant::now(),
        }
    }

    /// Takes the leases that are free, and renews the others when it is time. A model whose table is ahead of the log,
    /// as after restoring a backup, starts again. One of another version is not fed.
    pub(crate) async fn hold_leases(&mut self) -> Result<(), RunError> {
        self.renew_if_due().await?;
        if self.seats.iter().all(|seat| seat.lease.is_some()) {
            return Ok(());
        }
        let now = micros(self.clock.now());
        let checkpoints = checkpoints(&self.database).await?;
        let mut free = Vec::new();
        for (nth, seat) in self.seats.iter_mut().enumerate().filter(|(_, seat)| seat.lease.is_none()) {
            let checkpoint = checkpoints.get(&self.slot.name(seat.model.name()));
            seat.fits =
                checkpoint.map_or(Fits::Yes, |checkpoint| Fits::of(checkpoint.version, seat.model.version()));
            let holder = checkpoint.and_then(|checkpoint| checkpoint.holder(now));
            if seat.fits == Fits::Yes && holder.is_none_or(|holder| holder == self.holder) {
                free.push(nth);
            }
        }
        if free.is_empty() { Ok(()) } else { self.take(&free).await }
    }

    /// In one transaction, so that of two runners one gets all of them.
    async fn take(&mut self, free: &[usize]) -> Result<(), RunError> {
        let mut tx = self.database.begin_write().await?;
        let now = self.clock.now();
        let mut all_taken = Vec::new();
        for &nth in free {
            let model = self.seats[nth].model;
            let name = self.slot.name(model.name());
            let taken = Lease::take(&mut tx, &name, model.version(), &self.holder, now).await?;
            let Some(Taken { lease, mut position, version }) = taken else { continue };
            self.seats[nth].fits = Fits::of(version, model.version());
            if self.seats[nth].fits != Fits::Yes {
                // Somebody else was here since it was looked at.
                return Ok(tx.rollback().await?);
            }
            // Asked under the lock: whoever fed the model until now cannot have moved it beyond.
            let head = self.store.head().await?;
            if head < position {
                tracing::warn!(model = name, %position, %head, "the read model is ahead of the log: it starts again");
                clear(&mut tx, model, self.slot).await?;
                lease.begin_again(&mut tx, model.version()).await?;
                position = Position(0);
            }
            all_taken.push((nth, lease, position));
        }
        tx.commit().await?;
        let parked = parked(&self.database).await?;
        for (nth, lease, position) in all_taken {
            let seat = &mut self.seats[nth];
            seat.adopt(position, &parked);
            seat.lease = Some(lease);
        }
        Ok(())
    }

    async fn renew_if_due(&mut self) -> Result<(), RunError> {
        // What is being written renews them, and would be waited for.
        let is_writing = self.writing.iter().any(|writing| !writing.task.is_finished());
        if self.renewed_at.elapsed() < RENEW_EVERY || is_writing {
            return Ok(());
        }
        let mut tx = self.database.begin_write().await?;
        let now = self.clock.now();
        let mut lost = Vec::new();
        for (nth, seat) in self.seats.iter().enumerate() {
            if let Some(lease) = &seat.lease
                && lease.hold(&mut tx, now).await?.is_none()
            {
                lost.push(nth);
            }
        }
        tx.commit().await?;
        self.renewed_at = Instant::now();
        for nth in lost {
            self.lose(nth).await?;
        }
        Ok(())
    }

    async fn lose(&mut self, nth: usize) -> Result<(), RunError> {
        let seat = &mut self.seats[nth];
        tracing::warn!(model = seat.model.name(), "the lease of the read model is lost");
        match seat.lease.take() {
            // Where a checkpoint was moved by hand the lease is still ours, and would be in our way.
            Some(lease) => Ok(lease.release(&self.database).await?),
            None => Ok(()),
        }
    }

    /// Gives the leases back, when what is being written is written.
    pub(crate) async fn release(mut self) -> Result<(), RunError> {
        for Writing { task, .. } in self.writing.drain(..) {
            let _ = task.await;
        }
        for lease in self.seats.into_iter().filter_map(|seat| seat.lease) {
            lease.release(&self.database).await?;
        }
        Ok(())
    }

    /// Feeds one portion to each place where models stand, those ahead first: whoever is behind holds up nobody.
    pub(crate) async fn step(&mut self) -> Result<Step, RunError> {
        let places: BTreeSet<Position> =
            self.seats.iter().filter(|seat| seat.is_fed()).map(Seat::at).collect();
        let mut step = Step { at_end: true, ..Step::default() };
        let mut ahead = None;
        for place in places.into_iter().rev() {
            let seats = &self.seats;
            let fed: Vec<usize> =
                (0..seats.len()).filter(|nth| seats[*nth].is_fed() && seats[*nth].at() == place).collect();
            match self.feed(fed, place, ahead).await? {
                Some(folded) => {
                    ahead.get_or_insert(folded.next);
                    step.at_end &= folded.at_end;
                    step.newer = step.newer.or(folded.newer);
                }
                // The others come again at once, without the one that cannot.
                None => {
                    step.at_end = false;
                    break;
                }
            }
        }
        let held = self.seats.iter().filter(|seat| seat.lease.is_some());
        step.at = held.map(|seat| (seat.model, seat.written)).collect();
        Ok(step)
    }

    /// Folds a portion for models that stand at one place, no further than another place so that they meet, and writes
    /// it or begins to. Nothing if that could not be done, or not what was begun before.
    async fn feed(
        &mut self,
        fed: Vec<usize>,
        place: Position,
        last: Option<Position>,
    ) -> Result<Option<Folded>, RunError> {
        let folded = match self.fold(&fed, place, last).await {
            Ok(folded) => folded,
            Err(unfed) => {
                self.settle().await?;
                self.forget(&fed, unfed).await?;
                return Ok(None);
            }
        };
        if !self.settle().await? {
            return Ok(None);
        }
        if 0 < folded.events {
            self.begin_to_write(fed, &folded);
            if !self.portion.is_written_beside && !self.settle().await? {
                return Ok(None);
            }
        }
        Ok(Some(folded))
    }

    async fn fold(
        &mut self,
        fed: &[usize],
        place: Position,
        last: Option<Position>,
    ) -> Result<Folded, Unfed> {
        let mut folded =
            Folded { events: 0, next: place, at_end: false, newer: None, started: Instant::now() };
        loop {
            let page = match last {
                Some(last) => self.pages.between(folded.next, last).await,
                None => self.pages.after(folded.next).await,
            };
            let decoded = page.map_err(|error| Unfed::Together(error.into()))?;
            for &seat in fed {
                let folder = &mut self.seats[seat].folder;
                on_folder!(folder, folder => folder.fold_page(&self.database, &self.store, &decoded).await)
                    .map_err(|error| Unfed::because_of(seat, error))?;
            }
            folded.events += decoded.events.len();
            folded.next = decoded.next;
            folded.at_end = decoded.at_end;
            folded.newer = decoded.newer;
            let touched = |nth: &usize| on_folder!(&self.seats[*nth].folder, folder => folder.touched());
            if decoded.events.is_empty()
                || folded.at_end
                || folded.newer.is_some()
                || last == Some(folded.next)
                || self.portion.events <= folded.events
                || fed.iter().any(|nth| self.portion.partitions <= touched(nth))
            {
                return Ok(folded);
            }
            self.renew_if_due().await.map_err(Unfed::Together)?;
        }
    }

    /// Models that answer are written together. Shadows, which nobody asks, each by itself, at the same time where the
    /// database can do that.
    fn begin_to_write(&mut self, fed: Vec<usize>, folded: &Folded) {
        let is_apart = match &self.database.writer {
            Db::Sqlite(_) => false,
            Db::Postgres(_) => self.portion.is_written_beside,
        };
        self.renewed_at = Instant::now();
        if is_apart {
            fed.into_iter().for_each(|nth| self.spawn_write(vec![nth], folded));
        } else {
            self.spawn_write(fed, folded);
        }
    }

    fn spawn_write(&mut self, fed: Vec<usize>, folded: &Folded) {
        let (database, clock) = (self.database.clone(), self.clock.clone());
        let (next, events, started) = (folded.next, folded.events, folded.started);
        let mut deliveries = Vec::new();
        let mut lost = None;
        for &seat in &fed {
            let Seat { model, folder, lease, written, .. } = &mut self.seats[seat];
            let batch = on_folder!(folder, folder => folder.take_batch());
            match lease.clone() {
                Some(lease) => {
                    deliveries.push(Delivery { seat, model: *model, lease, after: *written, batch });
                }
                None => lost = Some(seat),
            }
        }
        let bulk = database.bulk.clone();
        let task = tokio::spawn(async move {
            match (lost, bulk) {
                (Some(seat), _) => Err(Unfed::Lost { seat }),
                (None, Some(bulk)) => {
                    let work = move |connection: &rusqlite::Connection| {
                        write_in_bulk(connection, &clock, deliveries, next, events, started)
                    };
                    bulk.write(work).await
                }
                (None, None) => write(&database, &clock, deliveries, next, events, started).await,
            }
        });
        self.writing.push(Writing { fed, next, task });
    }

    /// Waits for what is being written. False if some could not be: then its models are back at what is written.
    pub(crate) async fn settle(&mut self) -> Result<bool, RunError> {
        let mut settled = Ok(true);
        for Writing { fed, next, task } in std::mem::take(&mut self.writing) {
            let written = task.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
            let Err(unfed) = written else {
                for nth in fed {
                    let seat = &mut self.seats[nth];
                    seat.written = next;
                    seat.failure = None;
                }
                continue;
            };
            settled = self.forget(&fed, unfed).await.and(settled).map(|_| false);
        }
        settled
    }

    /// Goes back to what is written. When a lease was lost, if only because a rebuild has taken the model's place, it is
    /// taken back before anything else is fed, and the models stay together.
    async fn forget(&mut self, fed: &[usize], unfed: Unfed) -> Result<(), RunError> {
        let parked = parked(&self.database).await?;
        for &nth in fed {
            let seat = &mut self.seats[nth];
            seat.adopt(seat.written, &parked);
        }
        match unfed {
            Unfed::Lost { seat } => self.lose(seat).await,
            Unfed::Failed { seat, error } => self.stop(seat, error).await,
            Unfed::Together(error) => Err(error),
        }
    }

    /// Puts a shadow in the place of its live model, at the place where that one is, so that no reader sees an older
    /// answer and no query over two models two moments.
    ///
    /// The live model is given a while to come to where its shadow is; then the shadow may be ahead.
    pub(crate) async fn flip(&mut self, model: Model, may_be_ahead: bool) -> Result<Flip, RunError> {
        let now = self.clock.now();
        let checkpoints = checkpoints(&self.database).await?;
        let is_fed = checkpoints.get(model.name()).is_some_and(|live| live.holder(micros(now)).is_some());
        let Some(nth) = self.seats.iter().position(|seat| seat.model == model) else { return Ok(Flip::Done) };
        let mut tx = self.database.begin_write().await?;
        let (live, _) = shadow::seize(&mut tx, model).await?;
        let at = self.seats[nth].at();
        if live < at && is_fed && !may_be_ahead {
            tx.rollback().await?;
            return Ok(Flip::Ahead);
        }
        if FLIP_EVENTS_MAX < live.0 - at.0 {
            tx.rollback().await?;
            return Ok(Flip::Behind);
        }
        let flipped = self.flip_at(&mut tx, nth, live).await;
        if let Ok(true) = flipped {
            tx.commit().await?;
            self.seats.remove(nth);
            return Ok(Flip::Done);
        }
        tx.rollback().await?;
        // What was folded was not written.
        let parked = parked(&self.database).await?;
        self.seats[nth].adopt(at, &parked);
        match flipped {
            Err(RunError::Unavailable(error)) if is_lock_timeout(&error) => Ok(Flip::Busy),
            Err(error) => Err(error),
            Ok(_) => {
                Err(RunError::RebuildUnderWay { model: model.name(), holder: "another process".to_owned() })
            }
        }
    }

    /// False when the shadow is not ours any more.
    async fn flip_at(&mut self, tx: &mut Tx, nth: usize, live: Position) -> Result<bool, RunError> {
        let now = self.clock.now();
        let seat = &mut self.seats[nth];
        let Some(lease) = &seat.lease else { return Ok(false) };
        if lease.hold(tx, now).await?.is_none() {
            return Ok(false);
        }
        while seat.at() < live {
            let decoded = self.pages.between(seat.at(), live).await?;
            if decoded.events.is_empty() {
                return Err(RunError::NewerModel { model: seat.model.name() });
            }
            on_folder!(&mut seat.folder, folder => {
                folder.fold_page(&self.database, &self.store, &decoded).await
            })?;
        }
        on_folder!(&mut seat.folder, folder => folder.take_batch()).write(tx).await?;
        shadow::flip(tx, seat.model, seat.at()).await?;
        Ok(true)
    }

    /// Leaves a model alone for a while, and says why where everybody can see it.
    async fn stop(&mut self, nth: usize, error: RunError) -> Result<(), RunError> {
        let seat = &mut self.seats[nth];
        let pause = seat.failure.as_ref().map_or(PAUSE_FIRST, |failure| (2 * failure.pause).min(PAUSE_MAX));
        let reason = error.chain();
        tracing::error!(model = seat.model.name(), reason, ?pause, "the read model stands still");
        if let Some(lease) = &seat.lease {
            lease.stop(&self.database, &reason).await?;
        }
        seat.failure = Some(Failure { error, pause, again_at: Instant::now() + pause });
        Ok(())
    }

    /// Models that a newer program has built.
    pub(crate) fn newer_model(&self) -> Option<Model> {
        self.seats.iter().find(|seat| seat.fits == Fits::IsNewer).map(|seat| seat.model)
    }

    /// Models that an older program has built.
    pub(crate) fn older_models(&self) -> Vec<Model> {
        self.seats.iter().filter(|seat| seat.fits == Fits::IsOlder).map(|seat| seat.model).collect()
    }

    /// A model whose lease this runner has not.
    pub(crate) fn missing(&self) -> Option<Model> {
        self.seats.iter().find(|seat| seat.lease.is_none()).map(|seat| seat.model)
    }

    /// Up to where events are folded for the model that is furthest behind.
    pub(crate) fn least(&self) -> Position {
        self.seats.iter().map(Seat::at).min().unwrap_or_default()
    }

    /// Where the table is that is furthest behind.
    pub(crate) fn least_written(&self) -> Position {
        self.seats.iter().map(|seat| seat.written).min().unwrap_or_default()
    }

    /// Models that this runner holds and cannot feed.
    pub(crate) fn is_stopped(&self, model: Model) -> bool {
        self.seats.iter().any(|seat| seat.model == model && seat.failure.is_some())
    }

    pub(crate) fn holds(&self, model: Model) -> bool {
        self.seats.iter().any(|seat| seat.model == model && seat.lease.is_some())
    }

    /// The first failure of a model, if any.
    pub(crate) fn take_failure(&mut self) -> Option<RunError> {
        self.seats.iter_mut().find_map(|seat| seat.failure.take()).map(|failure| failure.error)
    }
}

/// Rows, counters and checkpoints in one transaction, if all leases are still held.
async fn write(
    database: &Database,
    clock: &Clock,
    deliveries: Vec<Delivery>,
    next: Position,
    events: usize,
    started: Instant,
) -> Result<(), Unfed> {
    let together = |error: sqlx::Error| Unfed::Together(error.into());
    let mut tx = database.begin_write().await.map_err(together)?;
    let now = clock.now();
    for Delivery { seat, model, lease, after, .. } in &deliveries {
        // Nobody else changes the checkpoint while the lease is held, unless by hand.
        if lease.hold(&mut tx, now).await.map_err(together)? != Some((*after, model.version())) {
            return Err(Unfed::Lost { seat: *seat });
        }
    }
    let mut leases = Vec::new();
    for Delivery { seat, lease, batch, .. } in deliveries {
        leases.push((lease, batch.has_changes()));
        batch.write(&mut tx).await.map_err(|error| Unfed::because_of(seat, error.into()))?;
    }
    let (now, per_second) = (clock.now(), per_second(events, started.elapsed()));
    for (lease, has_changes) in leases {
        let advance = Advance { to: next, per_second, has_changes };
        lease.advance(&mut tx, advance, now).await.map_err(together)?;
    }
    tx.commit().await.map_err(together)
}

/// As [`write`], on the thread that may wait for SQLite.
fn write_in_bulk(
    connection: &rusqlite::Connection,
    clock: &Clock,
    deliveries: Vec<Delivery>,
    next: Position,
    events: usize,
    started: Instant,
) -> Result<(), Unfed> {
    let now = clock.now();
    for Delivery { seat, model, lease, after, .. } in &deliveries {
        if lease.hold_in_bulk(connection, now)? != Some((*after, model.version())) {
            return Err(Unfed::Lost { seat: *seat });
        }
    }
    for Delivery { seat, batch, .. } in &deliveries {
        batch.write_in_bulk(connection).map_err(|error| Unfed::because_of(*seat, error.into()))?;
    }
    let (now, per_second) = (clock.now(), per_second(events, started.elapsed()));
    for Delivery { lease, batch, .. } in &deliveries {
        let advance = Advance { to: next, per_second, has_changes: batch.has_changes() };
        lease.advance_in_bulk(connection, advance, now)?;
    }
    Ok(())
}

/// PostgreSQL: somebody else has kept the lock.
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("55P03"))
}

pub(crate) fn per_second(events: usize, elapsed: Duration) -> i64 {
    let micros = u128::max(elapsed.as_micros(), 1);
    i64::try_from(events as u128 * 1_000_000 / micros).unwrap_or(i64::MAX)
}
