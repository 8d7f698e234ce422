//! `motcua export`: what is in force, as files that can be read, compared and imported again.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use domain::codes::ProcedureCode;
use domain::identity::ProcedureId;
use domain::procedure::{self, InForce, Procedure};
use projections::procedure_catalogue;
use serde_json::json;

use super::{CliError, StoreArgs, output};
use crate::import::procedure_json::{self, FILE_SUFFIX};

#[derive(Debug, Subcommand)]
pub(super) enum Export {
    /// Every procedure in force, one *.procedure.json each
    Procedures(Procedures),
}

#[derive(Debug, Args)]
pub(super) struct Procedures {
    /// Made if it is not there; files of the same name are replaced
    dir: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Export {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Procedures(procedures) => procedures.run().await,
        }
    }
}

impl Procedures {
    async fn run(self) -> Result<(), CliError> {
        let service = self.store.open_existing().await?;
        service.read_side.catch_up().await?;
        let folder = format!("the folder {} cannot be made", self.dir.display());
        std::fs::create_dir_all(&self.dir).map_err(CliError::io(folder))?;
        let mut written = Vec::new();
        for row in procedure_catalogue::all(service.read_side.database()).await? {
            let code =
                ProcedureCode::parse(&row.code).map_err(|error| CliError::Refused(error.to_string()))?;
            let stream = procedure::stream(ProcedureId::of(&code));
            let known = service.executor.load::<Procedure>(&stream).await?;
            if let Some(in_force) = known.state.in_force() {
                written.push(write(&self.dir, &in_force)?);
            }
        }
        if self.json {
            return output::json(&json!({"written": written.len(), "files": written}));
        }
        output::text(&format!("{} procedures written to {}\n", written.len(), self.dir.display()))
    }
}

/// The name of the file. Written beside and then renamed: a reader sees the old file or the new one.
fn write(dir: &Path, in_force: &InForce) -> Result<String, CliError> {
    let name = format!("{}{FILE_SUFFIX}", in_force.code);
    let path = dir.join(&name);
    let text = procedure_json::write(&in_force.code, &in_force.definition)?;
    let beside = dir.join(format!("{name}.part"));
    std::fs::File::create(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&beside, &path))
        .map_err(CliError::io(format!("the file {} cannot be written", path.display())))?;
    Ok(name)
}
