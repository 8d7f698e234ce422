//! `motcua replay`: what an auditor asks first.

use clap::Args;
use domain::access::{ActingAs, Function, Powers, Principal, Purpose, Scope};
use domain::codes::{AgencyCode, DossierCode};
use domain::identity::{AgencyId, DossierId};
use domain::recorded::Via;
use domain::time::VIETNAM;
use serde_json::json;

use super::{CliError, StoreArgs, output};
use crate::development_token;
use crate::messages::stage_name;
use crate::problem::Problem;
use crate::service::{Caller, HistoryEntry};

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Dossier code, 000.00.16.H42-190805-0001
    code: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let code = DossierCode::parse(&self.code).map_err(|error| CliError::Usage(error.to_string()))?;
        let service = self.store.open_existing().await?;
        service.read_side.catch_up().await?;
        let caller = auditor(&code)?;
        let row = service.dossier_by_code(&caller, code.as_str()).await?;
        let row = row.ok_or(Problem::NotFound { what: "dossier" })?;
        let entries = service.history(&caller, DossierId(row.dossier_id)).await?;
        self.print(&code, &entries)
    }

    fn print(&self, code: &DossierCode, entries: &[HistoryEntry]) -> Result<(), CliError> {
        let time = |at: domain::time::Instant| at.with_timezone(&VIETNAM).to_rfc3339();
        if self.json {
            let events: Vec<_> = entries
                .iter()
                .map(|entry| {
                    let recorded = &entry.recorded;
                    json!({
                        "version": recorded.version.0,
                        "position": recorded.position.0,
                        "type": recorded.event.type_name(),
                        "eventId": recorded.event_id,
                        "occurredAt": time(recorded.occurred_at),
                        "recordedAt": time(recorded.recorded_at),
                        "actor": recorded.metadata.actor,
                        "actingFor": recorded.metadata.acting_as.agency,
                        "stage": entry.stage.map(domain::dossier::Stage::name),
                        "due": entry.due_at.map(time),
                    })
                })
                .collect();
            return output::json(&json!({"code": code, "events": events}));
        }
        let mut text = format!("{code}\n");
        for entry in entries {
            let recorded = &entry.recorded;
            text.push_str(&format!(
                "{:>4}  {}  {:<42} {}{}\n",
                recorded.version.0,
                recorded.occurred_at.with_timezone(&VIETNAM).format("%d/%m/%Y %H:%M:%S"),
                recorded.event.type_name(),
                entry.stage.map(stage_name).unwrap_or_default(),
                entry
                    .due_at
                    .map(|due| due.with_timezone(&VIETNAM).format(", hẹn trả %d/%m/%Y %H:%M").to_string())
                    .unwrap_or_default(),
            ));
        }
        output::text(&text)
    }
}

/// Whoever can read the database's files can replay it; personal data stays sealed.
fn auditor(code: &DossierCode) -> Result<Caller, CliError> {
    let agency = code.as_str().split('-').next().unwrap_or_default();
    let agency = AgencyCode::parse(agency).map_err(|error| CliError::Usage(error.to_string()))?;
    Ok(Caller {
        principal: Principal {
            id: development_token::principal_id("motcua command line"),
            acting_as: ActingAs { agency: AgencyId::of(&agency), unit: None, position_title: None },
            powers: Powers::over(&[Function::ReadDossiers], &Scope::Province),
        },
        via: Via::CommandLine,
        traceparent: None,
        purpose: Purpose::default(),
        at: None,
    })
}
