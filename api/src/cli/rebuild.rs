//! `motcua rebuild`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use projections::{Model, PORTION_EVENTS, Rebuilt};
use serde_json::json;

use super::{CliError, StoreArgs, output, stop_requested};

#[derive(Debug, Args)]
pub(super) struct Rebuild {
    /// Read models to build again [default: all]: agency_directory, procedure_catalogue, dossier_summary,
    /// deadline_board (with progress_counter), public_status
    names: Vec<String>,
    /// Events that are folded before they are written: more is faster and takes more memory
    #[arg(long, value_name = "EVENTS", default_value_t = PORTION_EVENTS)]
    portion: usize,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Rebuild {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let models = self.models()?;
        let service = self.store.open_existing().await?;
        let head = service.store().head().await?;
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        tokio::spawn(async move {
            stop_requested().await;
            asked.store(true, Ordering::Relaxed);
        });
        let mut progress = output::Progress::new("rebuilding", head.0.unsigned_abs());
        let mut is_beginning = true;
        let started = std::time::Instant::now();
        let rebuilt = service
            .read_side
            .clone()
            .rebuilding_by(self.portion)
            .rebuild(&models, |position| {
                let position = position.0.unsigned_abs();
                if is_beginning {
                    progress.begin_at(position);
                    is_beginning = false;
                }
                progress.set(position);
                !stop.load(Ordering::Relaxed)
            })
            .await?;
        progress.finish();
        let seconds = started.elapsed().as_secs_f64();
        let Rebuilt { from, at, is_complete } = rebuilt;
        if self.json {
            let names: Vec<_> = models.iter().map(|model| model.name()).collect();
            output::json(&json!({
                "models": names, "from": from.0, "position": at.0, "head": head.0, "seconds": seconds,
                "interrupted": !is_complete,
            }))?;
        } else if is_complete {
            let events = at.0 - from.0;
            output::note(&format!("{} models built from {events} events in {seconds:.1} s", models.len()));
        } else {
            output::note(&format!("stopped at {at} of {head}; the same command goes on from there"));
        }
        Ok(())
    }

    fn models(&self) -> Result<Vec<Model>, CliError> {
        if self.names.is_empty() {
            return Ok(Model::ALL.to_vec());
        }
        self.names
            .iter()
            .map(|name| {
                Model::from_name(name)
                    .ok_or_else(|| CliError::Usage(format!("there is no read model {name}; see --help")))
            })
            .collect()
    }
}
