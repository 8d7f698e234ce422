//! `motcua simulate`: a year of a province through the real commands, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant as Started;

use chrono::{DateTime, Datelike, FixedOffset, Months};
use clap::Args;
use domain::access::{Function, Purpose};
use domain::time::{local_date, truncate};
use projections::progress::Progress;
use serde_json::json;

use super::simulation::{self, Plan};
use super::{CliError, StoreArgs, output};
use crate::development_token;
use crate::service::{Caller, GroupKey, Part, ProgressBy, ProgressQuestion, SearchInput, Service};

#[derive(Debug, Args)]
pub(super) struct Simulate {
    #[command(flatten)]
    store: StoreArgs,
    /// Dossiers of the year that ends at the given instant
    #[arg(long, default_value_t = 5_000)]
    dossiers: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The end of the year, with offset [default: now]
    #[arg(long, value_name = "INSTANT")]
    at: Option<DateTime<FixedOffset>>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Simulate {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let service = self.store.open().await?;
        if service.store().head().await?.0 != 0 {
            return Err(CliError::Refused(
                "this store holds something already; give a new --store".to_owned(),
            ));
        }
        let end = self.at.map_or_else(|| service.clock().now(), |at| truncate(at.to_utc()));
        let calendar = service.calendar(None).await?;
        let plan = Plan::new(self.seed, self.dossiers, end, &calendar)
            .map_err(|error| CliError::Refused(error.to_string()))?;
        let started = Started::now();
        let refusals = simulation::make(&service, &plan, self.seed).await?.unwrap_or_default();
        let seconds = started.elapsed().as_secs_f64();
        service.read_side.catch_up().await?;
        let stages = stages(&service).await?;
        let codes: BTreeSet<u8> =
            stages.iter().filter(|(_, count)| 0 < *count).map(|(stage, _)| stage.national_code()).collect();
        let months = identities(&service, end).await?;
        let events = service.store().head().await?.0;
        let stages: BTreeMap<_, _> = stages.iter().map(|(stage, count)| (stage.name(), *count)).collect();
        if self.json {
            return output::json(&json!({
                "dossiers": plan.dossiers.len(),
                "events": events,
                "seconds": seconds,
                "refusals": refusals,
                "unexpectedRefusals": 0,
                "stages": stages,
                "nationalCodes": codes,
                "monthsWhoseFiguresAddUp": months,
            }));
        }
        output::note(&format!(
            "{} dossiers, {events} events in {seconds:.1} s; every refusal was a mistake that was meant: {refusals:?}",
            plan.dossiers.len(),
        ));
        output::note(&format!(
            "stages {stages:?}; national codes {codes:?}; figures add up in {months} months"
        ));
        Ok(())
    }
}

fn auditor(service: &Service) -> Result<Caller, CliError> {
    let principal = development_token::parse("dev:auditor:mo-phong@000.00.00.H25")
        .map_err(|error| CliError::Refused(error.to_string()))?;
    principal.require(Function::ReadDossiers).map_err(|error| CliError::Refused(error.to_string()))?;
    let at = Some(service.clock().now());
    Ok(Caller {
        principal,
        via: domain::recorded::Via::Demo,
        traceparent: None,
        purpose: Purpose::default(),
        at,
    })
}

/// How many dossiers stand where.
async fn stages(service: &Service) -> Result<Vec<(domain::dossier::Stage, i64)>, CliError> {
    let caller = auditor(service)?;
    let mut stages = Vec::new();
    for stage in domain::dossier::Stage::ALL {
        let search = SearchInput { stage: Some(stage), ..SearchInput::default() };
        stages.push((stage, service.count_dossiers(&caller, &search).await?));
    }
    Ok(stages)
}

/// The months of the year for which the figures of every agency add up and follow from the month before; the first
/// that does not is an error.
async fn identities(service: &Service, end: domain::time::Instant) -> Result<usize, CliError> {
    let caller = auditor(service)?;
    let this_month = local_date(end).with_day(1);
    let mut carried: BTreeMap<GroupKey, i64> = BTreeMap::new();
    let mut months = 0;
    for back in (1..=13).rev() {
        let from = this_month.and_then(|first| first.checked_sub_months(Months::new(back)));
        let to =
            from.and_then(|first| first.checked_add_months(Months::new(1))).and_then(|next| next.pred_opt());
        let (Some(from), Some(to)) = (from, to) else { continue };
        let by = ProgressBy::Agency;
        let question = ProgressQuestion { days: (from, to), known_at: None, by, part: Part::default() };
        for (key, row) in service.progress(&caller, &question).await?.rows {
            let open = row.pending() + row.paused;
            let before = carried.get(&key).copied().unwrap_or(0);
            if !adds_up(&row) || row.carried_over != before {
                return Err(CliError::Refused(format!(
                    "the figures do not add up: {key:?} {row:?} from {from} to {to}"
                )));
            }
            carried.insert(key, open);
        }
        months += 1;
    }
    Ok(months)
}

fn adds_up(row: &Progress) -> bool {
    row.to_process() == row.resolved() + row.withdrawn + row.stopped + row.pending() + row.paused
}
