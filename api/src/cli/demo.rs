//! `motcua demo`: a deterministic province, through the same commands as everything else, and served.
//!
//! The same seed and start instant give the same dossiers with the same codes. Persons are generated, and marked MẪU.

use chrono::{DateTime, FixedOffset};
use clap::Args;
use domain::calendar::Calendar;
use domain::recorded::{Position, Via};
use domain::time::{Instant, VIETNAM, truncate};
use infrastructure::event_store::{PageLimit, instant};
use serde_json::json;
use std::net::SocketAddr;

use super::serve::serve;
use super::simulation::{self, Plan};
use super::{CliError, StoreArgs, output};
use crate::http::Settings;
use crate::service::Service;
use crate::sign_in::SignIn;

const DEFAULT_STORE: &str = "sqlite:demo-province/motcua.db";

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where to make the province: sqlite:PATH or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "URL", default_value = DEFAULT_STORE)]
    store: String,
    /// Where the keys are [default: beside a SQLite store; a file of this user for PostgreSQL]
    #[arg(long, value_name = "URL")]
    keys: Option<String>,
    /// The file of the master key [default: beside the keys]
    #[arg(long, value_name = "FILE")]
    master_key: Option<std::path::PathBuf>,
    /// The folder of the files of dossiers [default: beside a SQLite store; beside the master key for PostgreSQL]
    #[arg(long, value_name = "DIR")]
    files: Option<std::path::PathBuf>,
    /// Address and port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Dossiers of the year that ends at the start instant
    #[arg(long, default_value_t = 20_000)]
    dossiers: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The start instant, with offset [default: now]
    #[arg(long, value_name = "INSTANT")]
    at: Option<DateTime<FixedOffset>>,
    /// Make the province and end, without serving it
    #[arg(long)]
    no_serve: bool,
    /// Print what was made as one JSON object
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let store = StoreArgs {
            store: self.store.clone(),
            keys: self.keys.clone(),
            master_key: self.master_key.clone(),
            files: self.files.clone(),
        };
        let service = store.open().await?;
        let calendar = service.calendar(None).await?;
        let plan = Plan::new(self.seed, self.dossiers, self.end(&service).await?, &calendar)
            .map_err(|error| CliError::Refused(error.to_string()))?;
        let made = simulation::make(&service, &plan, self.seed).await?.is_some();
        service.read_side.catch_up().await?;
        self.tell(&plan, made, &calendar)?;
        if self.no_serve {
            return Ok(());
        }
        serve(
            service,
            self.listen,
            Settings { sign_in: SignIn::development(), ..Settings::default() },
            try_this,
        )
        .await
    }

    /// The start instant: of the province that is there already, else as given, else now.
    async fn end(&self, service: &Service) -> Result<Instant, CliError> {
        let page = service.store().read_all(Position(0), PageLimit::rows(1)).await?;
        let Some(first) = page.rows.first() else {
            let now = self.at.map_or_else(|| service.clock().now(), |at| truncate(at.to_utc()));
            return Ok(now);
        };
        if first.decode_metadata()?.channel != Via::Demo {
            return Err(CliError::Refused(
                "this store holds something else than a demo province; give another --store".to_owned(),
            ));
        }
        Ok(instant(first.occurred_at) + simulation::YEAR)
    }

    fn tell(&self, plan: &Plan, made: bool, calendar: &Calendar) -> Result<(), CliError> {
        if self.json {
            return output::json(&json!({
                "made": made,
                "agencies": plan.agencies.len(),
                "procedures": plan.procedures.len(),
                "dossiers": plan.dossiers.len(),
                "events": plan.events(),
                "end": plan.end.with_timezone(&VIETNAM),
                "calendar": calendar.version(),
            }));
        }
        output::note(&format!(
            "{}: {} agencies, {} procedures, {} dossiers with {} events in the year up to {}. Persons are generated (MẪU).",
            if made { "made a province" } else { "the province was there already" },
            plan.agencies.len(),
            plan.procedures.len(),
            plan.dossiers.len(),
            plan.events(),
            plan.end.with_timezone(&VIETNAM).format("%d/%m/%Y %H:%M"),
        ));
        Ok(())
    }
}

fn try_this(address: SocketAddr) {
    let token = "dev:admin:demo@000.00.00.H25";
    output::note(&format!(
        "
GraphiQL     http://{address}/graphiql/     token: {token}
Health       http://{address}/readyz

Three queries to try, there or with curl:
  {{ deadlineBoard {{ overdue dueToday dueSoon onTime paused dossiers(class: OVERDUE, first: 5) {{ nodes {{ dueAt dossier {{ code applicantName }} }} }} }} }}
  {{ dossiers(first: 5, filter: {{ search: \"xay dung\" }}) {{ totalCount nodes {{ code stage procedure {{ name }} receivingAgency {{ name }} }} }} }}
  {{ procedures {{ code name }} agencies {{ code name }} }}

  curl -s http://{address}/graphql -H 'content-type: application/json' -H 'authorization: Bearer {token}' \\
       -d '{{\"query\":\"{{ deadlineBoard {{ overdue dueToday dueSoon onTime paused }} }}\"}}'

Ctrl-C stops it; the same command starts it again, with everything that was written.
"
    ));
}
