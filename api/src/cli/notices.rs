//! `motcua notices`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use domain::time::VIETNAM;
use infrastructure::event_store::instant;
use projections::notice::{self, About, Notice};
use serde_json::json;

use super::{CliError, StoreArgs, output, stop_requested};
use crate::notices::{EXAMPLE, Notifier, Round, Settings};
use crate::service::Service;

/// The most that is listed.
const LIST_MAX: i64 = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum Notices {
    /// Remind people of deadlines until stopped, as `motcua serve --notices` does
    Run(Run),
    /// Show what was not delivered: what waits, and what was given up
    List(List),
    /// Print a file of settings to begin with
    Example,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Who is reminded, when and how: see `motcua notices example`
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// One round, then stop
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long, requires = "once")]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Notices {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Run(run) => run.run().await,
            Self::List(list) => list.run().await,
            Self::Example => output::text(EXAMPLE),
        }
    }
}

/// A notifier by a file of settings.
pub(super) fn notifier(service: &Service, settings: &std::path::Path) -> Result<Notifier, CliError> {
    let settings = Settings::read(settings).map_err(|error| CliError::Usage(chain(&error)))?;
    Notifier::new(service.clone(), settings).map_err(|error| CliError::Usage(chain(&error)))
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

impl Run {
    async fn run(self) -> Result<(), CliError> {
        let service = self.store.open_existing().await?;
        let notifier = notifier(&service, &self.settings)?;
        // What is written down has to be seen, and there may be no server.
        let follower = service.read_side.follow();
        if self.once {
            service.read_side.catch_up().await?;
            let round = notifier.once().await;
            follower.stop().await;
            return match round? {
                Some(round) => self.tell(round),
                None => Err(CliError::Refused("another process carries notices".to_owned())),
            };
        }
        let carrying = notifier.follow();
        output::note("carrying notices");
        stop_requested().await;
        carrying.stop().await;
        follower.stop().await;
        Ok(())
    }

    fn tell(&self, round: Round) -> Result<(), CliError> {
        let Round { raised, delivered, failed, withdrawn, waiting } = round;
        if self.json {
            return output::json(&json!({
                "raised": raised, "delivered": delivered, "failed": failed, "withdrawn": withdrawn, "waiting": waiting,
            }));
        }
        output::text(&format!(
            "{raised} raised, {delivered} delivered, {failed} failed, {withdrawn} withdrawn, {waiting} wait\n"
        ))
    }
}

impl List {
    async fn run(self) -> Result<(), CliError> {
        let service = self.store.open_existing().await?;
        let database = service.read_side.database();
        let (waiting, given_up) = notice::counts(database).await?;
        let rows = notice::undelivered(database, LIST_MAX).await?;
        if self.json {
            let notices: Vec<_> = rows.iter().map(object).collect();
            return output::json(&json!({"waiting": waiting, "givenUp": given_up, "notices": notices}));
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["dossier", "occasion", "due", "to", "by", "state", "tries", "next", "failure"]);
        for row in &rows {
            table.add_row([
                row.dossier_id.to_string(),
                occasion(row).to_owned(),
                row.due_at.map(local).unwrap_or_default(),
                row.recipient.map_or_else(|| "nobody".to_owned(), |id| id.to_string()),
                row.way.0.name().to_owned(),
                row.state.name().to_owned(),
                row.attempts.to_string(),
                row.next_at.map(local).unwrap_or_default(),
                row.failure.clone().unwrap_or_default(),
            ]);
        }
        output::text(&format!("{table}\n{waiting} wait, {given_up} were given up\n"))
    }
}

fn occasion(row: &Notice) -> &'static str {
    match row.about() {
        Some(About::Deadline(occasion, _)) => occasion.name(),
        Some(About::Disclosure(_)) => "DISCLOSURE",
        None => "?",
    }
}

fn local(micros: i64) -> String {
    instant(micros).with_timezone(&VIETNAM).format("%Y-%m-%d %H:%M").to_string()
}

fn object(row: &Notice) -> serde_json::Value {
    json!({
        "id": row.delivery_id,
        "dossierId": row.dossier_id,
        "occasion": occasion(row),
        "dueAt": row.due_at.map(local),
        "disclosureId": row.disclosure,
        "recipient": row.recipient,
        "way": row.way.0.name(),
        "state": row.state.name(),
        "attempts": row.attempts,
        "nextAt": row.next_at.map(local),
        "failure": row.failure,
    })
}
