//! Events per second of a rebuild: all models in one pass, and each alone.

use std::time::Instant;

use clap::Args;
use infrastructure::bench::Scratch;
use infrastructure::clock::Clock;
use infrastructure::event_store::EventStore;
use projections::{Model, PORTION_EVENTS, ReadSide};
use serde::Serialize;
use serde_json::json;

use super::generated::generate;
use super::{CliError, PeakMemory, StoreArgs, kind, output, rate, read_url, scratch, table};

#[derive(Debug, Args)]
pub(in crate::cli) struct RebuildBench {
    /// Events of the generated log
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Dossiers that are open at once: so many lives interleave in the log
    #[arg(long, default_value_t = 10_000)]
    open: u64,
    /// Events that are folded before they are written
    #[arg(long, value_name = "EVENTS", default_value_t = PORTION_EVENTS)]
    portion: usize,
    /// Only the pass that feeds all models
    #[arg(long)]
    together: bool,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct RebuildRow {
    models: String,
    events: u64,
    seconds: f64,
    per_second: f64,
    /// The most memory that the process has held meanwhile; nothing where the system does not tell.
    peak_mib: Option<u64>,
}

impl RebuildBench {
    pub(in crate::cli) async fn run(self) -> Result<(), CliError> {
        let scratch = scratch(&self.store).await?;
        let measured = self.measure(&scratch).await;
        scratch.remove().await?;
        let rows = measured?;
        if self.json {
            return output::json(&json!({"store": kind(&self.store)?, "rows": rows}));
        }
        let mut table = table(["models", "events", "seconds", "events/s", "peak, MiB"]);
        for row in rows {
            table.add_row([
                row.models,
                row.events.to_string(),
                format!("{:.2}", row.seconds),
                format!("{:.0}", row.per_second),
                row.peak_mib.map_or("-".to_owned(), |mib| mib.to_string()),
            ]);
        }
        output::text(&format!("{table}\n"))
    }

    async fn measure(&self, scratch: &Scratch) -> Result<Vec<RebuildRow>, CliError> {
        let store = EventStore::open(&scratch.url, Clock::System).await?;
        generate(&store, self.events, self.open).await?;
        let head = store.head().await?.0.unsigned_abs();
        let read_side = ReadSide::open(&read_url(scratch)?, store.clone()).await?.rebuilding_by(self.portion);
        let mut rows = Vec::new();
        let mut sets = vec![("all, one pass", Model::ALL.to_vec())];
        if !self.together {
            sets.extend(Model::ALL.iter().map(|model| (model.name(), vec![*model])));
        }
        for (name, models) in sets {
            let memory = PeakMemory::begin();
            let started = Instant::now();
            read_side.rebuild(&models, |_| true).await?;
            let elapsed = started.elapsed();
            let per_second = rate(head, elapsed);
            tracing::info!(models = name, per_second, "measured");
            rows.push(RebuildRow {
                models: name.to_owned(),
                events: head,
                seconds: elapsed.as_secs_f64(),
                per_second,
                peak_mib: memory.mib(),
            });
        }
        read_side.database().close().await;
        store.database().close().await;
        Ok(rows)
    }
}
