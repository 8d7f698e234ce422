//! Events per second of the lane, beside plain one-row-per-transaction INSERTs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use domain::identity::{AppendId, NAMESPACE};
use domain::recorded::Version;
use infrastructure::bench::plain_inserts;
use infrastructure::clock::Clock;
use infrastructure::event_store::{Append, EventStore, Expected, NewEvent};
use infrastructure::location::DbUrl;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::generated::sample;
use super::{CliError, StoreArgs, kind, output, rate, scratch, table};

#[derive(Debug, Args)]
pub(in crate::cli) struct AppendBench {
    /// Clients that append at once
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    clients: Vec<u32>,
    /// Seconds per measurement
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct AppendRow {
    clients: u32,
    lane_per_second: f64,
    plain_per_second: f64,
    ratio: f64,
}

impl AppendBench {
    pub(in crate::cli) async fn run(self) -> Result<(), CliError> {
        let scratch = scratch(&self.store).await?;
        let measured = self.measure(&scratch.url).await;
        scratch.remove().await?;
        let rows = measured?;
        if self.json {
            return output::json(
                &json!({"store": kind(&self.store)?, "seconds": self.seconds, "rows": rows}),
            );
        }
        let mut table = table(["clients", "lane, events/s", "plain INSERT, rows/s", "ratio"]);
        for row in rows {
            table.add_row([
                row.clients.to_string(),
                format!("{:.0}", row.lane_per_second),
                format!("{:.0}", row.plain_per_second),
                format!("{:.1}", row.ratio),
            ]);
        }
        output::text(&format!("{table}\n"))
    }

    async fn measure(&self, url: &DbUrl) -> Result<Vec<AppendRow>, CliError> {
        let store = EventStore::open(url, Clock::System).await?;
        let longest = Duration::from_secs(self.seconds);
        let mut rows = Vec::new();
        for &clients in &self.clients {
            let lane_per_second = lane_appends(&store, clients, longest).await?;
            let (data, metadata) = sample();
            let plain_per_second = plain_inserts(url, clients, longest, (&data, &metadata)).await?;
            tracing::info!(clients, lane_per_second, plain_per_second, "measured");
            rows.push(AppendRow {
                clients,
                lane_per_second,
                plain_per_second,
                ratio: lane_per_second / plain_per_second,
            });
        }
        store.database().close().await;
        Ok(rows)
    }
}

/// One event to a new stream each, expected version "none".
async fn lane_appends(store: &EventStore, clients: u32, longest: Duration) -> Result<f64, CliError> {
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let (data, metadata) = sample();
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..clients {
        let (store, done) = (store.clone(), Arc::clone(&done));
        let (data, metadata) = (data.clone(), metadata.clone());
        tasks.spawn(async move {
            for n in 0_u64.. {
                if longest <= started.elapsed() {
                    break;
                }
                let id = Uuid::new_v5(&NAMESPACE, format!("bench {clients}/{client}/{n}").as_bytes());
                let append = Append {
                    id: AppendId(id),
                    stream: format!("bench-{id}"),
                    expected: Expected::Exactly(Version(0)),
                    events: vec![NewEvent { type_name: "code.allocated.v1", data: data.clone() }],
                    metadata: metadata.clone(),
                    occurred_at: domain::time::Instant::UNIX_EPOCH,
                };
                store.append(append).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), infrastructure::event_store::StoreError>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.map_err(|error| CliError::Refused(error.to_string()))??;
    }
    Ok(rate(done.load(Ordering::Relaxed), started.elapsed()))
}
