//! Rebuilding read models while they answer: a shadow is fed from the beginning of the log in big pages, catches up,
//! and takes the place of the live table in one transaction. docs/adr/0015

use std::time::Duration;

use domain::recorded::Position;
use infrastructure::db::Db;
use infrastructure::event_store::{PageLimit, micros};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::batch::Unwritten;
use crate::lease::{RENEW_EVERY, TERM, checkpoints};
use crate::read_model::{AnyFolder, Model, Occurrence, on_folder};
use crate::read_side::{ReadSide, WAIT_POLL};
use crate::runner::{Flip, Portion, RunError, Runner};
use crate::shadow::{self, Slot};

/// A page while models are built.
const PAGE: PageLimit = PageLimit::rows(2_500);
/// Events that are folded before they are written: a row that changes eight times meanwhile is written once.
pub const PORTION_EVENTS: usize = 250_000;
/// Dossiers, and so rows in memory, of a portion.
const PORTION_PARTITIONS: usize = 50_000;
/// SQLite has one writer: whoever feeds the live models in another process needs a moment to get in.
const PAUSE_BETWEEN_PORTIONS: Duration = Duration::from_millis(20);
/// How long a live model that is fed may take to come to where its shadow is.
const LIVE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a flip is tried; what was built stays for the next rebuild.
const FLIP_PATIENCE: Duration = Duration::from_secs(60);
/// Readers that were kept waiting for a flip get their turn.
const PAUSE_AFTER_BUSY: Duration = Duration::from_millis(100);

/// Streams of a filled model that are written in one transaction.
const FILLED_TOGETHER: usize = 10_000;

/// How a rebuild went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Where it began: not at 0 when an earlier one had been interrupted.
    pub from: Position,
    pub at: Position,
    /// The new tables have taken their place.
    pub is_complete: bool,
}

impl ReadSide {
    /// Builds models again beside those that answer, which are fed meanwhile by whoever does that, and puts them in
    /// their place. `report` gets the position at the beginning and after each page; when it answers no, the build
    /// stops there, and the next one goes on from there.
    pub async fn rebuild(
        &self,
        models: &[Model],
        report: impl FnMut(Position) -> bool,
    ) -> Result<Rebuilt, RunError> {
        let head = self.store().head().await?;
        for &model in models {
            // Left by a flip whose program ended before it could put it away.
            shadow::drop_retired(self.database(), model).await?;
            let from = shadow::prepare(self.database(), model, head).await?;
            if Position(0) < from {
                tracing::info!(model = model.name(), position = from.0, "an interrupted rebuild goes on");
            }
        }
        let portion = Portion {
            page: PAGE,
            events: self.portion_events(),
            partitions: PORTION_PARTITIONS,
            is_written_beside: true,
        };
        let mut runner = self.runner(Slot::Shadow, models, portion);
        let built = self.build(&mut runner, models, head, report).await;
        runner.release().await?;
        built
    }

    async fn build(
        &self,
        runner: &mut Runner,
        models: &[Model],
        head: Position,
        mut report: impl FnMut(Position) -> bool,
    ) -> Result<Rebuilt, RunError> {
        self.take_all(runner).await?;
        let from = runner.least();
        let stopped = |at| Ok(Rebuilt { from, at, is_complete: false });
        if !report(from) {
            return stopped(from);
        }
        let mut end = head;
        let mut reported = from;
        while runner.least() < end {
            self.hold_all(runner).await?;
            let step = runner.step().await?;
            if let Some(failure) = runner.take_failure() {
                return Err(failure);
            }
            if let Some((position, type_name)) = step.newer {
                tracing::error!(%position, type_name, "a newer program has written to the log; update this one");
                end = end.min(Position(position.0 - 1));
            }
            if reported < runner.least_written() {
                reported = runner.least_written();
                if !report(reported) {
                    self.settle(runner).await?;
                    return stopped(runner.least_written());
                }
            }
            if let Db::Sqlite(_) = self.database().writer {
                tokio::time::sleep(PAUSE_BETWEEN_PORTIONS).await;
            }
        }
        self.settle(runner).await?;
        let at = runner.least_written();
        if reported < at && !report(at) {
            return stopped(at);
        }
        self.index(runner, models).await?;
        for &model in models {
            self.hold_all(runner).await?;
            self.put_in_place(runner, model).await?;
        }
        Ok(Rebuilt { from, at, is_complete: true })
    }

    /// Fills models with the streams of no log, for measuring what is asked of them. There must be none.
    pub async fn fill<E: From<RunError>>(
        &self,
        models: &[Model],
        streams: impl Iterator<Item = Result<Vec<Occurrence>, E>>,
        mut report: impl FnMut(u64),
    ) -> Result<(), E> {
        let failed = |error: sqlx::Error| E::from(RunError::from(error));
        let mut folders = Vec::new();
        for &model in models {
            shadow::prepare(self.database(), model, Position(0)).await.map_err(failed)?;
            folders.push(AnyFolder::new(model, Slot::Shadow));
        }
        let mut streams = streams.peekable();
        let mut done = 0;
        while streams.peek().is_some() {
            for stream in streams.by_ref().take(FILLED_TOGETHER) {
                for occurrence in stream? {
                    folders
                        .iter_mut()
                        .for_each(|folder| on_folder!(folder, folder => folder.fold(&occurrence)));
                }
                done += 1;
            }
            let batches: Vec<_> =
                folders.iter_mut().map(|folder| on_folder!(folder, folder => folder.take_batch())).collect();
            self.write_filled(batches).await?;
            folders
                .iter_mut()
                .for_each(|folder| on_folder!(folder, folder => folder.adopt(Position(0), &[])));
            report(done);
        }
        for &model in models {
            shadow::index(self.database(), model).await.map_err(failed)?;
            let mut tx = self.database().begin_write().await.map_err(failed)?;
            shadow::seize(&mut tx, model).await.map_err(failed)?;
            shadow::flip(&mut tx, model, Position(0)).await.map_err(failed)?;
            tx.commit().await.map_err(failed)?;
            shadow::drop_retired(self.database(), model).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn write_filled(&self, batches: Vec<Box<dyn Unwritten>>) -> Result<(), RunError> {
        if let Some(bulk) = &self.database().bulk {
            let work = move |connection: &rusqlite::Connection| {
                batches.iter().try_for_each(|batch| batch.write_in_bulk(connection))
            };
            return Ok(bulk.write(work).await?);
        }
        let mut tx = self.database().begin_write().await?;
        for batch in batches {
            batch.write(&mut tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// One table after the other, or at the same time where the database can do that.
    async fn index(&self, runner: &mut Runner, models: &[Model]) -> Result<(), RunError> {
        let mut indexing = JoinSet::new();
        for &model in models {
            let database = self.database().clone();
            match self.database().writer {
                Db::Sqlite(_) => {
                    shadow::index(&database, model).await?;
                    self.hold_all(runner).await?;
                }
                Db::Postgres(_) => {
                    indexing.spawn(async move { shadow::index(&database, model).await });
                }
            }
        }
        loop {
            match tokio::time::timeout(RENEW_EVERY, indexing.join_next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(indexed)) => {
                    indexed.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
                }
                // Meanwhile nobody else is to think that this rebuild was left.
                Err(_) => self.hold_all(runner).await?,
            }
        }
    }

    /// What was folded is written, or the rebuild ends here.
    async fn settle(&self, runner: &mut Runner) -> Result<(), RunError> {
        let is_written = runner.settle().await?;
        match runner.take_failure() {
            Some(failure) => Err(failure),
            None if is_written => Ok(()),
            // Somebody else has the lease: it says who.
            None => self.hold_all(runner).await,
        }
    }

    /// A process that was killed leaves leases behind, which end by themselves; a process that lives renews them.
    async fn take_all(&self, runner: &mut Runner) -> Result<(), RunError> {
        let started = Instant::now();
        loop {
            match self.hold_all(runner).await {
                Err(RunError::RebuildUnderWay { .. }) if started.elapsed() < 2 * TERM => {
                    tokio::time::sleep(WAIT_POLL).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn hold_all(&self, runner: &mut Runner) -> Result<(), RunError> {
        runner.hold_leases().await?;
        let Some(model) = runner.missing() else { return Ok(()) };
        let now = micros(self.clock().now());
        let checkpoints = checkpoints(self.database()).await?;
        let holder = checkpoints.get(&Slot::Shadow.name(model.name())).and_then(|shadow| shadow.holder(now));
        let holder = holder.unwrap_or("another process").to_owned();
        Err(RunError::RebuildUnderWay { model: model.name(), holder })
    }

    async fn put_in_place(&self, runner: &mut Runner, model: Model) -> Result<(), RunError> {
        let started = Instant::now();
        while started.elapsed() < FLIP_PATIENCE {
            self.hold_all(runner).await?;
            match runner.flip(model, LIVE_PATIENCE < started.elapsed()).await? {
                Flip::Done => {
                    tracing::info!(model = model.name(), "the rebuilt read model has taken its place");
                    return Ok(shadow::drop_retired(self.database(), model).await?);
                }
                Flip::Ahead => tokio::time::sleep(WAIT_POLL).await,
                Flip::Busy => tokio::time::sleep(PAUSE_AFTER_BUSY).await,
                Flip::Behind => {
                    runner.step().await?;
                    self.settle(runner).await?;
                }
            }
        }
        Err(RunError::ReadersBusy { model: model.name() })
    }
}
