//! `motcua projections`

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use domain::identity::NAMESPACE;
use domain::recorded::Via;
use serde_json::json;
use uuid::Uuid;

use super::import::default_operator;
use super::{CliError, StoreArgs, output};
use crate::input::SkipParkedStreamInput;
use crate::service::Projection;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Projections {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Fold a parked stream again, with a program that can read what an earlier one could not
    Retry {
        /// Read model
        name: String,
        /// Parked stream
        stream: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Go on without the event at which a stream is parked. It is written into the log
    Skip {
        /// Read model
        name: String,
        /// Parked stream
        stream: String,
        /// Version of the event in its stream, as `motcua projections` shows it
        #[arg(value_name = "VERSION")]
        event: i64,
        /// For auditors; it names nobody
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        store: StoreArgs,
    },
}

impl Projections {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let caller = default_operator(Via::CommandLine)?;
        match self.what {
            Some(What::Retry { name, stream, store }) => {
                let service = store.open_existing().await?;
                service.retry_parked_stream(&caller, &name, &stream).await?;
                output::note(&format!("{name} goes on with {stream}"));
                Ok(())
            }
            Some(What::Skip { name, stream, event: version, reason, store }) => {
                let service = store.open_existing().await?;
                // The same skip again is the same request.
                let said = json!([name, stream, version, reason]).to_string();
                let idempotency_key = Uuid::new_v5(&NAMESPACE, said.as_bytes());
                let input = SkipParkedStreamInput {
                    idempotency_key,
                    model: name.clone(),
                    stream: stream.clone(),
                    version,
                    reason,
                };
                service.skip_parked_stream(&caller, &input).await?;
                // Whoever feeds the model reads it in the log; if nobody does, this program.
                service.read_side.catch_up().await?;
                output::note(&format!("{name} goes on without version {version} of {stream}"));
                Ok(())
            }
            None => {
                let service = self.store.open_existing().await?;
                let projections = service.projections(&caller).await?;
                if self.json {
                    let projections: Vec<_> = projections.iter().map(object).collect();
                    output::json(&json!({"projections": projections}))
                } else {
                    output::text(&people(&projections))
                }
            }
        }
    }
}

fn object(projection: &Projection) -> serde_json::Value {
    let Projection { status, skipped } = projection;
    let parked = status.parked.iter().map(|parked| {
        json!({
            "stream": parked.stream, "version": parked.version, "position": parked.position,
            "reason": parked.reason,
        })
    });
    let rebuild = status.rebuild.as_ref().map(|rebuild| {
        json!({"position": rebuild.at.0, "eventsPerSecond": rebuild.per_second, "holder": rebuild.holder})
    });
    json!({
        "name": status.name,
        "version": status.version,
        "position": status.at.0,
        "lagEvents": status.lag_events,
        "lagSeconds": status.lag_seconds,
        "eventsPerSecond": status.per_second,
        "holder": status.holder,
        "stopped": status.stopped,
        "parked": parked.collect::<Vec<_>>(),
        "skipped": skipped,
        "rebuild": rebuild,
    })
}

fn people(projections: &[Projection]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "model", "version", "position", "lag", "events/s", "fed by", "parked", "skipped", "rebuild",
    ]);
    let mut notes = String::new();
    for Projection { status, skipped } in projections {
        let rebuild = status.rebuild.as_ref().map_or_else(String::new, |rebuild| {
            format!("{} by {}", rebuild.at, rebuild.holder.as_deref().unwrap_or("nobody: interrupted"))
        });
        table.add_row([
            status.name.to_owned(),
            status.version.to_string(),
            status.at.to_string(),
            format!("{} events, {} s", status.lag_events, status.lag_seconds),
            status.per_second.to_string(),
            status.holder.clone().unwrap_or_else(|| "nobody".to_owned()),
            status.parked.len().to_string(),
            skipped.len().to_string(),
            rebuild,
        ]);
        let name = status.name;
        if let Some(reason) = &status.stopped {
            notes += &format!("{name} stands still: {reason}\n");
        }
        for parked in &status.parked {
            notes += &format!(
                "{name} waits at version {} of {}: {}\n",
                parked.version, parked.stream, parked.reason
            );
        }
    }
    format!("{table}\n{notes}")
}
