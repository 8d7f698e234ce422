//! The read models of one installation: opening them, feeding them, waiting for them, rebuilding them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use domain::recorded::Position;
use domain::time::Instant;
use infrastructure::clock::Clock;
use infrastructure::db::{Contents, Database, Db, DbError};
use infrastructure::environment;
use infrastructure::event_store::{EventStore, PageLimit, micros};
use infrastructure::location::DbUrl;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::folder::{self, Parked};
use crate::lease::{self, Lease, RENEW_EVERY};
use crate::read_model::{AnyFolder, Model, on_folder};
use crate::rebuild::PORTION_EVENTS;
use crate::runner::{Portion, RunError, Runner, Step};
use crate::shadow::{self, Slot};

/// Tells those who hold leases in this process apart.
static HOLDERS: AtomicU32 = AtomicU32::new(1);
/// While the models follow the log, each page is written at once.
const LIVE: Portion =
    Portion { page: PageLimit::rows(2_000), events: 1, partitions: 1, is_written_beside: false };
/// Events of a portion while tables of an older program are built again beside a server.
const UPGRADE_PORTION_SQLITE: usize = 25_000;
/// How long those who need a model at the log's end wait for another process that feeds it and does not get on.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(20);
/// How often whoever is to be the only one says that it still is.
pub const SOLE_RENEW_EVERY: Duration = RENEW_EVERY;
/// Of the lease of a process that is no read model.
const SOLE_VERSION: i64 = 1;
/// How long a query may wait for the position it asked for.
pub const WAIT_MAX: Duration = Duration::from_secs(2);
/// How often another process's runner is looked at while waiting.
pub(crate) const WAIT_POLL: Duration = Duration::from_millis(20);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// The read models. Clones share the runner's progress.
#[derive(Clone)]
pub struct ReadSide {
    database: Database,
    store: EventStore,
    clock: Clock,
    portion_events: usize,
    progress: Arc<watch::Sender<Progress>>,
}

/// What this process knows of its runner.
#[derive(Clone, Debug, Default)]
struct Progress {
    at: HashMap<Model, Position>,
    /// An event type that a newer program wrote: the models stand still before it.
    newer: Option<(Position, String)>,
}

/// A read model is not yet where a query wants it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the read model {model} is {lag} events behind")]
pub struct Behind {
    pub model: &'static str,
    pub lag: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    #[error(transparent)]
    Behind(#[from] Behind),
    #[error("the read models are unavailable")]
    Unavailable(#[from] sqlx::Error),
}

/// How a read model is doing.
#[derive(Clone, Debug)]
pub struct Status {
    /// Of a read model, or of the table of people.
    pub name: &'static str,
    /// Of its table.
    pub version: i64,
    pub at: Position,
    /// Events of the log that it has not seen, and how long ago the first of them was recorded.
    pub lag_events: i64,
    pub lag_seconds: i64,
    /// Events per second, as long as there were any to feed.
    pub per_second: i64,
    /// Who feeds it.
    pub holder: Option<String>,
    /// Why it stands still, while it does.
    pub stopped: Option<String>,
    pub parked: Vec<Parked>,
    /// The one that is built beside it.
    pub rebuild: Option<Rebuild>,
}

impl Status {
    /// A migration has emptied the table, and what it held is being built.
    pub fn is_missing(&self) -> bool {
        self.version == 0
    }
}

/// How a rebuild is doing, or where it was left.
#[derive(Clone, Debug)]
pub struct Rebuild {
    pub at: Position,
    pub per_second: i64,
    /// Who is at it; nobody if it was interrupted.
    pub holder: Option<String>,
}

/// Works in the background until it is stopped, or dropped. Dropped, it leaves its leases to end by themselves.
pub struct Follower {
    task: tokio::task::JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Follower {
    /// The work ends soon after it is told to stop.
    pub fn start<F>(work: impl FnOnce(watch::Receiver<bool>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        Self { task: tokio::spawn(work(stopped)), stop }
    }

    /// Ends after the page under way and gives the leases back, so that another process can go on at once.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

/// The right to be the only process that does something, for as long as it is renewed (every [`SOLE_RENEW_EVERY`]).
pub struct Sole {
    read_side: ReadSide,
    lease: Lease,
}

impl Sole {
    /// Renews it, and says whether it is still held.
    pub async fn renew(&self) -> sqlx::Result<bool> {
        let mut tx = self.read_side.database.begin_write().await?;
        let held = self.lease.hold(&mut tx, self.read_side.clock.now()).await?;
        tx.commit().await?;
        Ok(held.is_some())
    }

    /// Gives it back, so that nobody has to wait until it ends.
    pub async fn release(self) -> sqlx::Result<()> {
        self.lease.release(&self.read_side.database).await
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ReadSide {
    pub async fn open(url: &DbUrl, store: EventStore) -> Result<Self, DbError> {
        let database = Database::open(url, Contents::Read).await?;
        Ok(Self {
            database,
            store,
            clock: Clock::System,
            portion_events: PORTION_EVENTS,
            progress: Arc::new(watch::channel(Progress::default()).0),
        })
    }

    /// With another clock for the leases. It is not the clock of the commands, which a demo sets to the past.
    #[must_use]
    pub fn leasing_by(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// With another number of events that a rebuild folds before it writes: more is faster, and takes more memory.
    #[must_use]
    pub fn rebuilding_by(self, portion_events: usize) -> Self {
        Self { portion_events: portion_events.max(1), ..self }
    }

    pub(crate) fn portion_events(&self) -> usize {
        self.portion_events
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Follows the log, as far as no other process does.
    pub fn follow(&self) -> Follower {
        let read_side = self.clone();
        Follower::start(|mut stopped| async move {
            while !*stopped.borrow() {
                let mut runner = read_side.runner(Slot::Live, Model::ALL, LIVE);
                // A failure costs a pause, never an event: the next runner starts at the checkpoints.
                if let Err(error) = read_side.feed(&mut runner, &mut stopped).await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the read models stopped; starting again"
                    );
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
                if let Err(error) = runner.release().await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "leases were not given back");
                }
            }
        })
    }

    pub(crate) fn store(&self) -> &EventStore {
        &self.store
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn runner(&self, slot: Slot, models: &[Model], portion: Portion) -> Runner {
        let (database, store, clock) = (self.database.clone(), self.store.clone(), self.clock.clone());
        Runner::new(database, store, clock, self.holder(), slot, models, portion)
    }

    /// Takes the right to be the only one who does what the name says, unless another process has it.
    pub async fn sole(&self, name: &str, holder: &str) -> sqlx::Result<Option<Sole>> {
        let mut tx = self.database.begin_write().await?;
        let taken = Lease::take(&mut tx, name, SOLE_VERSION, holder, self.clock.now()).await?;
        tx.commit().await?;
        Ok(taken.map(|taken| Sole { read_side: self.clone(), lease: taken.lease }))
    }

    /// A name for whoever is about to take leases, which nobody else has.
    pub fn holder(&self) -> String {
        format!("{}/{}", environment::process_name(), HOLDERS.fetch_add(1, Ordering::Relaxed))
    }

    async fn feed(&self, runner: &mut Runner, stop: &mut watch::Receiver<bool>) -> Result<(), RunError> {
        let mut head = self.store.watch_head();
        // Ends with this task.
        let mut upgrade = JoinSet::new();
        while !*stop.borrow_and_update() {
            head.mark_unchanged();
            runner.hold_leases().await?;
            let older = runner.older_models();
            let _ = upgrade.try_join_next();
            if upgrade.is_empty() && !older.is_empty() {
                upgrade.spawn(self.clone().upgrade(older));
            }
            let step = runner.step().await?;
            self.note(&step);
            if let Some((position, type_name)) = &step.newer {
                tracing::error!(%position, type_name, "a newer program has written to the log; update this one");
            } else if !step.at_end {
                continue;
            }
            // Leases are renewed, and those of others looked at, also when nothing happens.
            let woken = async {
                match step.newer {
                    Some(_) => std::future::pending().await,
                    None => head.changed().await,
                }
            };
            tokio::select! {
                _ = tokio::time::timeout(RENEW_EVERY, woken) => {}
                _ = stop.changed() => {}
            }
        }
        Ok(())
    }

    /// Builds what an older program has left, while that answers.
    async fn upgrade(self, models: Vec<Model>) {
        let names: Vec<_> = models.iter().map(|model| model.name()).collect();
        tracing::info!(models = ?names, "an older program has built these read models: they are built again beside");
        let read_side = match &self.database.writer {
            // The models that answer wait for the one writer meanwhile: shorter waits, and a longer rebuild.
            Db::Sqlite(_) => self.rebuilding_by(UPGRADE_PORTION_SQLITE),
            Db::Postgres(_) => self,
        };
        if let Err(error) = read_side.rebuild(&models, |_| true).await {
            tracing::error!(error = &error as &dyn std::error::Error, "read models were not built again");
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }

    /// Brings all models to the log's end as of now: those that others feed are waited for.
    pub async fn catch_up(&self) -> Result<Position, RunError> {
        let mut runner = self.runner(Slot::Live, Model::ALL, LIVE);
        let caught_up = self.feed_to_end(&mut runner).await;
        let failure = runner.take_failure();
        runner.release().await?;
        match failure {
            Some(failure) => caught_up.and(Err(failure)),
            None => caught_up,
        }
    }

    async fn feed_to_end(&self, runner: &mut Runner) -> Result<Position, RunError> {
        let head = self.store.head().await?;
        let mut moved = (Position::default(), tokio::time::Instant::now());
        loop {
            runner.hold_leases().await?;
            if let Some(model) = runner.newer_model() {
                return Err(RunError::NewerModel { model: model.name() });
            }
            let older = runner.older_models();
            if !older.is_empty() {
                self.rebuild(&older, |_| true).await?;
                continue;
            }
            let step = runner.step().await?;
            self.note(&step);
            let end = step.newer.as_ref().map_or(head, |(position, _)| Position(position.0 - 1).min(head));
            let now = micros(self.clock.now());
            let checkpoints = lease::checkpoints(&self.database).await?;
            let mut least = end;
            let mut waits_for = None;
            for model in Model::ALL.iter().filter(|model| !runner.is_stopped(**model)) {
                let Some(checkpoint) = checkpoints.get(model.name()) else { continue };
                let at = Position(checkpoint.position);
                least = least.min(at);
                if at < end && !runner.holds(*model) {
                    if let Some(reason) = &checkpoint.stopped {
                        return Err(RunError::Stopped { model: model.name(), reason: reason.clone() });
                    }
                    waits_for = Some((model.name(), checkpoint.holder(now).unwrap_or("nobody").to_owned()));
                }
            }
            if end <= least {
                return Ok(least);
            }
            if moved.0 < least {
                moved = (least, tokio::time::Instant::now());
            }
            if let Some((model, holder)) = waits_for {
                if CATCH_UP_PATIENCE < moved.1.elapsed() {
                    return Err(RunError::HeldUp { model, holder });
                }
                tokio::time::sleep(WAIT_POLL).await;
            }
        }
    }

    /// Folds a parked stream again from where it was parked, for a program that can do what an earlier one could not.
    /// Whoever feeds the model loses its lease: it has rows in memory that are not the same any more.
    pub async fn retry(&self, model: Model, stream: &str) -> Result<(), RunError> {
        let name = model.name();
        let mut tx = self.database.begin_write().await?;
        lease::create(&mut tx, name, model.version()).await?;
        let (at, version) = shadow::seize(&mut tx, model).await?;
        if version != model.version() {
            return Err(RunError::NewerModel { model: name });
        }
        // Nobody else parks anything here while the checkpoint is locked.
        let parked = folder::parked(&self.database).await?;
        if !parked.iter().any(|parked| parked.name == name && parked.stream == stream) {
            return Err(RunError::NotParked { model: name, stream: stream.to_owned() });
        }
        let mut folder = AnyFolder::new(model, Slot::Live);
        let goes_on = on_folder!(&mut folder, folder => {
            folder.adopt(at, &parked);
            folder.retry(&self.database, &self.store, stream).await
        })?;
        if !goes_on {
            tx.rollback().await?;
            return Err(RunError::StillParked { model: name, stream: stream.to_owned() });
        }
        on_folder!(&mut folder, folder => folder.take_batch()).write(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// How often the rows of two models have changed: another answer says that they have since. It is read before the rows
    /// are, and compared before a copy of them is used.
    pub async fn changes(&self, models: [Model; 2]) -> sqlx::Result<Vec<(String, i64)>> {
        lease::changes(&self.database, models.map(Model::name)).await
    }

    fn note(&self, step: &Step) {
        self.progress.send_modify(|progress| {
            progress.at.extend(step.at.iter().copied());
            progress.newer.clone_from(&step.newer);
        });
    }

    /// Waits, bounded, until the models have seen a position. Without one they answer as they are.
    pub async fn wait_for(
        &self,
        models: &[Model],
        position: Option<Position>,
        longest: Duration,
    ) -> Result<(), WaitError> {
        let Some(position) = position else { return Ok(()) };
        let deadline = tokio::time::Instant::now() + longest;
        let mut progress = self.progress.subscribe();
        loop {
            let here = progress.borrow_and_update().at.clone();
            if behind(&here, models, position).is_none() {
                return Ok(());
            }
            // The runner may be another process's.
            let there = lease::checkpoints(&self.database).await?;
            let there = models.iter().filter_map(|model| {
                there.get(model.name()).map(|checkpoint| (*model, Position(checkpoint.position)))
            });
            let Some(behind) = behind(&there.collect(), models, position) else { return Ok(()) };
            if deadline <= tokio::time::Instant::now() {
                return Err(behind.into());
            }
            let _ = tokio::time::timeout(WAIT_POLL, progress.changed()).await;
        }
    }

    /// All models with how far they are, who feeds them, and what they go on without.
    pub async fn status(&self, now: Instant) -> Result<Vec<Status>, RunError> {
        let models: Vec<_> = Model::ALL.iter().map(|model| (model.name(), model.version())).collect();
        self.status_of(&models, now).await
    }

    /// The same of whatever has a checkpoint, by name and version.
    pub(crate) async fn status_of(
        &self,
        models: &[(&'static str, i64)],
        now: Instant,
    ) -> Result<Vec<Status>, RunError> {
        let head = self.store.head().await?;
        let mut checkpoints = lease::checkpoints(&self.database).await?;
        let parked = folder::parked(&self.database).await?;
        let mut status = Vec::new();
        for &(name, version) in models {
            let checkpoint = checkpoints.remove(name);
            let at = Position(checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.position));
            let unseen_since = self.store.recorded_after(at).await?;
            let lag = unseen_since.map_or(TimeDelta::zero(), |since| now - since);
            let leased_at = micros(self.clock.now());
            let holder = checkpoint.as_ref().and_then(|checkpoint| checkpoint.holder(leased_at));
            let rebuild = checkpoints.remove(&Slot::Shadow.name(name)).map(|shadow| Rebuild {
                at: Position(shadow.position),
                per_second: shadow.per_second,
                holder: shadow.holder(leased_at).map(str::to_owned),
            });
            status.push(Status {
                rebuild,
                name,
                version: checkpoint.as_ref().map_or(version, |checkpoint| checkpoint.version),
                at,
                lag_events: (head.0 - at.0).max(0),
                lag_seconds: lag.num_seconds().max(0),
                per_second: checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.per_second),
                holder: holder.map(str::to_owned),
                stopped: checkpoint.and_then(|checkpoint| checkpoint.stopped),
                parked: parked.iter().filter(|parked| parked.name == name).cloned().collect(),
            });
        }
        Ok(status)
    }

    /// The event type of a newer program that the models stand before, if any.
    pub fn newer_writer(&self) -> Option<(Position, String)> {
        self.progress.borrow().newer.clone()
    }
}

fn behind(at: &HashMap<Model, Position>, models: &[Model], position: Position) -> Option<Behind> {
    models.iter().find_map(|model| {
        let here = at.get(model).copied().unwrap_or_default();
        (here < position).then(|| Behind { model: model.name(), lag: position.0 - here.0 })
    })
}
