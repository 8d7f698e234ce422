//! `motcua payments`

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use domain::codes::GatewayCode;
use domain::recorded::Via;
use projections::payment_order::{self, PaymentOrder, START};
use serde_json::{Value, json};

use super::import::default_operator;
use super::notices::chain;
use super::{CliError, StoreArgs, output};
use crate::payments::{EXAMPLE, Gateways, carry_refunds};
use crate::service::{Reconciled, Service};

/// The most that is listed.
const LIST_MAX: i64 = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum Payments {
    /// Ask for refunds that wait, then compare a day of each gateway with the log: what is missing here is recorded, what
    /// differs is written down and makes the exit code 1
    Reconcile(Reconcile),
    /// Show orders with what nobody has settled, and how many refunds wait
    List(List),
    /// Print a file of settings to begin with
    Example,
}

#[derive(Debug, Args)]
pub(super) struct Reconcile {
    /// The gateways: see `motcua payments example`
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// A day in Việt Nam, as in 2026-03-02
    #[arg(long)]
    day: NaiveDate,
    /// One gateway rather than all of them
    #[arg(long, value_name = "CODE")]
    gateway: Option<GatewayCode>,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
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

impl Payments {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Reconcile(reconcile) => reconcile.run().await,
            Self::List(list) => list.run().await,
            Self::Example => output::text(EXAMPLE),
        }
    }
}

/// The gateways of a file of settings.
pub(super) fn gateways(service: &Service, settings: &Path) -> Result<Gateways, CliError> {
    Gateways::read(settings, service.clock()).map_err(|error| CliError::Usage(chain(&error)))
}

impl Reconcile {
    async fn run(self) -> Result<(), CliError> {
        let service = self.store.open_existing().await?;
        let gateways = gateways(&service, &self.settings)?;
        if let Some(code) = self.gateway.as_ref().filter(|code| gateways.get(code).is_none()) {
            return Err(CliError::Usage(format!("there is no gateway {code} in the settings")));
        }
        let service = service.paid_through(gateways);
        // What is written down has to be seen, and there may be no server.
        let follower = service.read_side.follow();
        let reconciled = self.reconcile(&service).await;
        follower.stop().await;
        self.tell(&reconciled?)
    }

    async fn reconcile(&self, service: &Service) -> Result<Vec<(GatewayCode, Reconciled)>, CliError> {
        service.read_side.catch_up().await?;
        let caller = default_operator(Via::CommandLine)?;
        carry_refunds(service).await?;
        let mut days = Vec::new();
        for gateway in service.gateways.iter() {
            let code = gateway.code();
            if self.gateway.as_ref().is_some_and(|wanted| wanted != code) {
                continue;
            }
            let mut bar: Option<output::Progress> = None;
            let progress = |done, total| {
                bar.get_or_insert_with(|| output::Progress::new("payments compared", total)).set(done);
            };
            let day = service.reconcile(&caller, gateway, self.day, progress).await;
            if let Some(bar) = bar {
                bar.finish();
            }
            days.push((code.clone(), day?));
        }
        Ok(days)
    }

    fn tell(&self, days: &[(GatewayCode, Reconciled)]) -> Result<(), CliError> {
        if self.json {
            let gateways: Vec<_> = days.iter().map(|(code, day)| object(code, day)).collect();
            output::json(&json!({"day": self.day, "gateways": gateways}))?;
        } else {
            for (code, day) in days {
                output::text(&format!(
                    "{code}: {} taken, {} recorded now, {} differ, {} of unknown orders\n",
                    day.told,
                    day.recorded,
                    day.discrepancies.len(),
                    day.unknown.len(),
                ))?;
                for (order, kind) in &day.discrepancies {
                    output::text(&format!("  {order} {}\n", kind.name()))?;
                }
                for order in &day.unknown {
                    output::text(&format!("  {order:?} UNKNOWN_ORDER\n"))?;
                }
            }
        }
        if days.iter().all(|(_, day)| day.agrees()) {
            return Ok(());
        }
        Err(CliError::Damaged(format!("gateways and log do not agree about {}", self.day)))
    }
}

impl List {
    async fn run(self) -> Result<(), CliError> {
        let service = self.store.open_existing().await?;
        let database = service.read_side.database();
        let (unsettled, refunds) = payment_order::counts(database).await?;
        let rows = payment_order::unsettled(database, START, LIST_MAX).await?;
        let orders = rows.iter().map(order).collect::<Result<Vec<_>, CliError>>()?;
        if self.json {
            return output::json(
                &json!({"unsettled": unsettled, "refundsWaiting": refunds, "orders": orders}),
            );
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header([
            "order",
            "dossier",
            "gateway",
            "ordered",
            "number",
            "kind",
            "amount",
            "transaction",
            "answer",
        ]);
        for order in &orders {
            for found in order["discrepancies"].as_array().into_iter().flatten() {
                let cells = [
                    &order["order"],
                    &order["dossierId"],
                    &order["gateway"],
                    &order["amount"],
                    &found["number"],
                    &found["kind"],
                    &found["amount"],
                    &found["transaction"],
                    &found["answer"],
                ];
                table.add_row(cells.map(plain));
            }
        }
        output::text(&format!("{table}\n{unsettled} orders differ, {refunds} refunds wait\n"))
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn object(code: &GatewayCode, day: &Reconciled) -> Value {
    let discrepancies: Vec<_> =
        day.discrepancies.iter().map(|(order, kind)| json!({"order": order, "kind": kind.name()})).collect();
    json!({
        "gateway": code,
        "told": day.told,
        "recorded": day.recorded,
        "discrepancies": discrepancies,
        "unknown": day.unknown,
    })
}

fn order(row: &PaymentOrder) -> Result<Value, CliError> {
    let found = row.found()?;
    let discrepancies: Vec<_> = found
        .into_iter()
        .filter(|found| !found.settled)
        .map(|found| {
            json!({
                "number": found.number,
                "kind": found.discrepancy.kind.name(),
                "amount": found.discrepancy.amount,
                "transaction": found.discrepancy.transaction,
                "answer": found.discrepancy.answer,
            })
        })
        .collect();
    Ok(json!({
        "order": row.order().code(),
        "dossierId": row.dossier_id,
        "gateway": row.gateway,
        "amount": row.amount_vnd,
        "discrepancies": discrepancies,
    }))
}
