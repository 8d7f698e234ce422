//! `motcua bench`: what this machine does, and how far that is from its limits.

mod append;
mod generated;
mod read;
mod rebuild;
mod visible;

use std::time::Duration;

use clap::Subcommand;
use comfy_table::{Table, presets};
use infrastructure::bench::Scratch;
use infrastructure::location::{DbUrl, Location};

use super::{CliError, StoreArgs, output};

#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    /// Events per second of the lane, beside plain one-row-per-transaction INSERTs
    Append(append::AppendBench),
    /// Events per second of a rebuild: all models in one pass, and each alone
    Rebuild(rebuild::RebuildBench),
    /// How long a worklist, an overdue board and a look-up take, over as many dossiers as are asked for
    Read(read::ReadBench),
    /// From an append until the read models show it, at a steady rate; also beside a rebuild
    Visible(visible::VisibleBench),
}

impl Bench {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Append(bench) => bench.run().await,
            Self::Rebuild(bench) => bench.run().await,
            Self::Read(bench) => bench.run().await,
            Self::Visible(bench) => bench.run().await,
        }
    }
}

async fn scratch(store: &StoreArgs) -> Result<Scratch, CliError> {
    let location = store.location()?;
    let name = format!("motcua_bench_{}", std::process::id());
    Ok(Scratch::beside(&location.log, &name).await?)
}

/// Where the read models of a scratch database are.
fn read_url(scratch: &Scratch) -> Result<DbUrl, CliError> {
    Ok(match scratch.file() {
        Some(path) => Location::from_urls(&format!("sqlite:{}", path.display()), None, None)?.read,
        None => scratch.url.clone(),
    })
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    table
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(events: u64, elapsed: Duration) -> f64 {
    events as f64 / elapsed.as_secs_f64()
}

fn kind(store: &StoreArgs) -> Result<&'static str, CliError> {
    Ok(match store.location()?.log {
        DbUrl::Sqlite(_) => "sqlite",
        DbUrl::Postgres(_) => "postgres",
    })
}

/// What Linux tells of the memory of this process.
struct PeakMemory;

impl PeakMemory {
    fn begin() -> Self {
        // Sets the mark back to what is held now. Where that cannot be done the mark is of the whole run.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self
    }

    fn mib(&self) -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib / 1024)
    }
}

/// Times of something that was done often.
struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// So many in a thousand were not slower, in milliseconds.
    fn per_mille(&self, share: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((self.0.len() * share / 1000).min(last)).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}
