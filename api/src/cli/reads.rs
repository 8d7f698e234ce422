//! `motcua reads`

use clap::{Args, Subcommand};
use infrastructure::read_log::Fault;
use serde_json::json;

use super::{CliError, StoreArgs, output};

#[derive(Debug, Subcommand)]
pub(super) enum Reads {
    /// Look whether every record of who has seen personal data is there and as it was written
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(super) struct Verify {
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
            let answer = json!({"records": verified.records, "last": last, "mac": mac, "faults": faults});
            output::text(&format!("{answer}\n"))?;
        } else {
            output::note(&format!("{} records, the last is {last} {mac}", verified.records));
        }
        if faults.is_empty() { Ok(()) } else { Err(CliError::Damaged(faults.join("; "))) }
    }
}

fn said(fault: &Fault) -> String {
    match fault {
        Fault::Missing { from, to } => format!("records {from} to {to} are missing"),
        Fault::Changed { seq } => format!("record {seq} is not what was written"),
        Fault::Lost { seq } => format!("record {seq} is not found by its dossiers"),
        Fault::End => "the end of the records is missing".to_owned(),
    }
}
