//! Rebuilding read models while they answer: a shadow is fed from the beginning of the log in big pages, catches up,
//! and takes the place of the live table in one transaction. docs/adr/0015

use std::time::Duration;

use domain::recorded::Position;
use infrastructure::db::Db;
use infrastructure::event_store::{PageLimit, micros};
use tokio::time::Instant;

use crate::lease::{TERM, checkpoints};
use crate::read_model::Model;
use crate::read_side::{ReadSide, WAIT_POLL};
use crate::runner::{Flip, RunError, Runner};
use crate::shadow::{self, Slot};

/// A page while models are built.
const PAGE: PageLimit = PageLimit::rows(10_000);
/// SQLite has one writer: whoever feeds the live models in another process needs a moment to get in.
const PAUSE_BETWEEN_PAGES: Duration = Duration::from_millis(20);
/// How long a live model that is fed may take to come to where its shadow is.
const LIVE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a flip is tried; what was built stays for the next rebuild.
const FLIP_PATIENCE: Duration = Duration::from_secs(60);
/// Readers that were kept waiting for a flip get their turn.
const PAUSE_AFTER_BUSY: Duration = Duration::from_millis(100);

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
        let mut runner = self.runner(Slot::Shadow, models, PAGE);
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
        while runner.least() < end {
            self.hold_all(runner).await?;
            let step = runner.step().await?;
            if let Some(failure) = runner.take_failure() {
                return Err(failure);
            }
            if !report(runner.least()) {
                return stopped(runner.least());
            }
            if let Some((position, type_name)) = step.newer {
                tracing::error!(%position, type_name, "a newer program has written to the log; update this one");
                end = end.min(Position(position.0 - 1));
            }
            if let Db::Sqlite(_) = self.database().writer {
                tokio::time::sleep(PAUSE_BETWEEN_PAGES).await;
            }
        }
        let at = runner.least();
        for &model in models {
            self.put_in_place(runner, model).await?;
        }
        Ok(Rebuilt { from, at, is_complete: true })
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
                    if let Some(failure) = runner.take_failure() {
                        return Err(failure);
                    }
                }
            }
        }
        Err(RunError::ReadersBusy { model: model.name() })
    }
}
