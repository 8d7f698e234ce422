//! From an append until every read model shows it, at a steady rate: what somebody who has just clicked waits for.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use infrastructure::clock::Clock;
use infrastructure::event_store::EventStore;
use projections::read_side::WAIT_MAX;
use projections::{Model, ReadSide};
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::generated::{generate, generated};
use super::{CliError, StoreArgs, Times, kind, output, read_url, scratch, table};

#[derive(Debug, Args)]
pub(in crate::cli) struct VisibleBench {
    /// Appends per second
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Events that are in the log before; while they are built into new tables it is measured a second time
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct VisibleRow {
    what: &'static str,
    appends: usize,
    per_second: f64,
    /// Until the append is answered.
    answered_p99_ms: f64,
    /// Until the models show it, from when it was begun.
    p50_ms: f64,
    p99_ms: f64,
    worst_ms: f64,
}

impl VisibleBench {
    pub(in crate::cli) async fn run(self) -> Result<(), CliError> {
        let scratch = scratch(&self.store).await?;
        let store = EventStore::open(&scratch.url, Clock::System).await?;
        let read_side = ReadSide::open(&read_url(&scratch)?, store.clone()).await?;
        let measured = self.measure(&store, &read_side).await;
        read_side.database().close().await;
        store.database().close().await;
        scratch.remove().await?;
        let rows = measured?;
        if self.json {
            return output::json(&json!({"store": kind(&self.store)?, "rows": rows}));
        }
        let mut table =
            table(["", "appends", "per second", "answered p99, ms", "p50, ms", "p99, ms", "worst, ms"]);
        for row in rows {
            let ms = |value: f64| format!("{value:.1}");
            table.add_row([
                row.what.to_owned(),
                row.appends.to_string(),
                format!("{:.0}", row.per_second),
                ms(row.answered_p99_ms),
                ms(row.p50_ms),
                ms(row.p99_ms),
                ms(row.worst_ms),
            ]);
        }
        output::text(&format!("{table}\n"))
    }

    async fn measure(&self, store: &EventStore, read_side: &ReadSide) -> Result<Vec<VisibleRow>, CliError> {
        generate(store, self.events, 10_000).await?;
        read_side.catch_up().await?;
        let follower = read_side.follow();
        let first = self.events.div_ceil(8) + 1;
        let alone = self.appends("alone", first, store, read_side, &|| false).await?;
        let (building, is_built) = tokio::sync::watch::channel(false);
        let rebuild = {
            let read_side = read_side.clone();
            tokio::spawn(async move {
                let mut built = 0;
                // Again and again, as long as it is measured.
                while !building.is_closed() {
                    read_side.rebuild(Model::ALL, |_| true).await?;
                    built += 1;
                }
                Ok::<u32, projections::runner::RunError>(built)
            })
        };
        let second = first + u64::from(self.rate) * self.seconds;
        let beside =
            self.appends("beside a rebuild", second, store, read_side, &|| rebuild.is_finished()).await?;
        drop(is_built);
        let built = rebuild.await.map_err(|error| CliError::Refused(error.to_string()))?;
        tracing::info!(rebuilds = built?, "rebuilt meanwhile");
        follower.stop().await;
        Ok(vec![alone, beside])
    }

    async fn appends(
        &self,
        what: &'static str,
        first: u64,
        store: &EventStore,
        read_side: &ReadSide,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<VisibleRow, CliError> {
        let mut every = tokio::time::interval(Duration::from_secs(1) / self.rate.max(1));
        // The rate is kept, whatever one append takes: who comes late does not wait for who came before.
        every.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (store, read_side) = (Arc::new(store.clone()), Arc::new(read_side.clone()));
        let mut tasks = JoinSet::new();
        let started = Instant::now();
        for dossier in first..first + u64::from(self.rate) * self.seconds {
            if is_over() {
                break;
            }
            let begun = every.tick().await;
            let (store, read_side) = (Arc::clone(&store), Arc::clone(&read_side));
            tasks.spawn(async move {
                let appended = store.append(generated(dossier, 0)?).await?;
                let answered = begun.elapsed();
                read_side
                    .wait_for(Model::ALL, Some(appended.position), 5 * WAIT_MAX)
                    .await
                    .map_err(|error| CliError::Refused(error.to_string()))?;
                Ok::<_, CliError>((answered, begun.elapsed()))
            });
        }
        let (mut answered, mut visible) = (Vec::new(), Vec::new());
        while let Some(task) = tasks.join_next().await {
            let (answer, sight) = task.map_err(|error| CliError::Refused(error.to_string()))??;
            answered.push(answer);
            visible.push(sight);
        }
        let elapsed = started.elapsed();
        let (answered, visible) = (Times::new(answered), Times::new(visible));
        let appends = visible.0.len();
        tracing::info!(what, p99_ms = visible.per_mille(990), "measured");
        Ok(VisibleRow {
            what,
            appends,
            per_second: super::rate(appends as u64, elapsed),
            answered_p99_ms: answered.per_mille(990),
            p50_ms: visible.per_mille(500),
            p99_ms: visible.per_mille(990),
            worst_ms: visible.per_mille(1000),
        })
    }
}
