//! The read models of one installation: opening them, feeding them, waiting for them, rebuilding them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::recorded::Position;
use infrastructure::db::{Contents, Database, DbError};
use infrastructure::event_store::EventStore;
use infrastructure::location::DbUrl;
use tokio::sync::watch;

use crate::read_model::Model;
use crate::runner::{self, Parked, RunError, Runner, Step};

/// Events of one page while the models follow the log.
const PAGE_LIVE: u32 = 2_000;
/// Events of one page while they are built.
const PAGE_REBUILD: u32 = 10_000;
/// How long a query may wait for the position it asked for.
pub const WAIT_MAX: Duration = Duration::from_secs(2);
/// How often another process's runner is looked at while waiting.
const WAIT_POLL: Duration = Duration::from_millis(20);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// The read models. Clones share the runner's progress.
#[derive(Clone)]
pub struct ReadSide {
    database: Database,
    store: EventStore,
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
pub struct Health {
    pub model: Model,
    pub at: Position,
    /// Events of the log that it has not seen.
    pub lag: i64,
    pub parked: Vec<Parked>,
}

impl ReadSide {
    pub async fn open(url: &DbUrl, store: EventStore) -> Result<Self, DbError> {
        let database = Database::open(url, Contents::Read).await?;
        Ok(Self { database, store, progress: Arc::new(watch::channel(Progress::default()).0) })
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Follows the log until the returned task is aborted.
    pub fn follow(&self) -> tokio::task::JoinHandle<()> {
        let read_side = self.clone();
        tokio::spawn(async move {
            loop {
                // A failure costs a pause, never an event: the next runner starts at the checkpoints.
                if let Err(error) = read_side.follow_until_failure().await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the read models stopped; starting again"
                    );
                }
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        })
    }

    async fn follow_until_failure(&self) -> Result<(), RunError> {
        let mut head = self.store.watch_head();
        let mut runner = Runner::new(self.database.clone(), self.store.clone(), Model::ALL).await?;
        loop {
            head.mark_unchanged();
            let step = runner.step(PAGE_LIVE).await?;
            self.note(Model::ALL, &step);
            if let Some((position, type_name)) = &step.newer {
                tracing::error!(%position, type_name, "a newer program has written to the log; update this one");
                tokio::time::sleep(Duration::from_secs(5)).await;
            } else if step.at_end && head.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    /// Brings all models to the log's end as of now.
    pub async fn catch_up(&self) -> Result<Position, RunError> {
        self.run(Model::ALL, |_| true).await
    }

    /// Empties models and builds them again from the log. `report` gets the position after each page; when it answers
    /// no, the build stops there and goes on from there the next time the models are fed.
    pub async fn rebuild(
        &self,
        models: &[Model],
        report: impl FnMut(Position) -> bool,
    ) -> Result<Position, RunError> {
        runner::reset(&self.database, models).await?;
        self.run(models, report).await
    }

    async fn run(
        &self,
        models: &[Model],
        report: impl FnMut(Position) -> bool,
    ) -> Result<Position, RunError> {
        let mut runner = Runner::new(self.database.clone(), self.store.clone(), models).await?;
        let step = runner.run_to_end(PAGE_REBUILD, report).await?;
        self.note(models, &step);
        Ok(step.at)
    }

    fn note(&self, models: &[Model], step: &Step) {
        self.progress.send_modify(|progress| {
            progress.at.extend(models.iter().map(|model| (*model, step.at)));
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
            let there = runner::checkpoints(&self.database).await?;
            let Some(behind) = behind(&there, models, position) else { return Ok(()) };
            if deadline <= tokio::time::Instant::now() {
                return Err(behind.into());
            }
            let _ = tokio::time::timeout(WAIT_POLL, progress.changed()).await;
        }
    }

    /// All models with how far they are and what they go on without.
    pub async fn health(&self) -> Result<Vec<Health>, RunError> {
        let head = self.store.head().await?;
        let checkpoints = runner::checkpoints(&self.database).await?;
        let parked = runner::parked(&self.database).await?;
        Ok(Model::ALL
            .iter()
            .map(|&model| {
                let at = checkpoints.get(&model).copied().unwrap_or_default();
                let parked = parked.iter().filter(|parked| parked.name == model.name()).cloned().collect();
                Health { model, at, lag: (head.0 - at.0).max(0), parked }
            })
            .collect())
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
