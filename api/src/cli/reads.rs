//! `motcua reads`

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use domain::time::{VIETNAM, local_date};
use infrastructure::read_log::{Fault, PruneError, Pruned};
use serde_json::json;

use super::{CliError, StoreArgs, output};

#[derive(Debug, Subcommand)]
pub(super) enum Reads {
    /// Look whether every record of who has seen personal data is there and as it was written
    Verify(Verify),
    /// Take out the records that are older than they have to be kept. Interrupted, it goes on where it was
    Prune(Prune),
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Prune {
    /// The first local day whose records stay; two years ago at the latest
    #[arg(long, value_name = "DATE")]
    before: NaiveDate,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Reads {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Verify(verify) => verify.run().await,
            Self::Prune(prune) => prune.run().await,
        }
    }
}

impl Verify {
    async fn run(self) -> Result<(), CliError> {
        let service = self.store.open_existing().await?;
        let verified = service.reads.verify().await?;
        let faults: Vec<String> = verified.faults.iter().map(said).collect();
        let (last, mac) = &verified.last;
        if self.json {
            let (records, pruned) = (verified.records, verified.pruned);
            let answer =
                json!({"records": records, "last": last, "mac": mac, "pruned": pruned, "faults": faults});
            output::text(&format!("{answer}\n"))?;
        } else {
            output::note(&format!("{} records, the last is {last} {mac}", verified.records));
            if 0 < verified.pruned {
                output::note(&format!("those up to {} were taken out for their age", verified.pruned));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(CliError::Damaged(faults.join("; "))) }
    }
}

impl Prune {
    async fn run(self) -> Result<(), CliError> {
        let service = self.store.open_existing().await?;
        let pruned = service.reads.prune(self.before, service.clock().now()).await;
        let Pruned { records, last } = pruned.map_err(|error| match error {
            PruneError::TooYoung { .. } => CliError::Refused(format!("READS_TOO_YOUNG: {error}")),
            PruneError::Damaged => CliError::Damaged(error.to_string()),
            PruneError::Store(error) => error.into(),
        })?;
        if self.json {
            let read_at = last.map(|(_, at)| at.with_timezone(&VIETNAM).to_rfc3339());
            let answer = json!({"removed": records, "last": last.map(|(seq, _)| seq), "lastReadAt": read_at});
            return output::json(&answer);
        }
        match last {
            Some((seq, at)) => output::text(&format!(
                "{records} records were taken out, the last is {seq} of {}\n",
                local_date(at)
            )),
            None => output::text("no record is as old as that\n"),
        }
    }
}

fn said(fault: &Fault) -> String {
    match fault {
        Fault::Missing { from, to } => format!("records {from} to {to} are missing"),
        Fault::Changed { seq } => format!("record {seq} is not what was written"),
        Fault::Lost { seq } => format!("record {seq} is not found by its dossiers"),
        Fault::End => "the end of the records is missing".to_owned(),
        Fault::NotPruned { to } => format!("records up to {to} were not taken out by this program"),
    }
}
