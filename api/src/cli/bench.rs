//! `motcua bench`: what this machine does, and how far that is from its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets;
use domain::decider::StoredEvent;
use domain::dossier as events;
use domain::identity::{AgencyId, AppendId, KeyId, NAMESPACE, ProcedureId};
use domain::private::{Private, SealedToken};
use domain::recorded::Version;
use domain::time::VIETNAM;
use domain::working_time::{DuePolicy, OfficeHours, Term};
use infrastructure::bench::{Scratch, plain_inserts};
use infrastructure::clock::Clock;
use infrastructure::event_store::{Append, EventStore, Expected, NewEvent};
use infrastructure::location::{DbUrl, Location};
use projections::{Model, ReadSide};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{CliError, StoreArgs, output};
use crate::problem::Failure;

/// Dossiers whose events interleave in the generated log.
const DOSSIERS_OPEN: u64 = 2_000;
const WRITERS: usize = 128;

#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    /// Events per second of the lane, beside plain one-row-per-transaction INSERTs
    Append(AppendBench),
    /// Events per second of a rebuild: all models in one pass, and each alone
    Rebuild(RebuildBench),
}

#[derive(Debug, Args)]
pub(super) struct AppendBench {
    /// Clients that append at once
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    clients: Vec<u32>,
    /// Seconds per measurement
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RebuildBench {
    /// Events of the generated log
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct AppendRow {
    clients: u32,
    lane_per_second: f64,
    plain_per_second: f64,
    ratio: f64,
}

#[derive(Debug, Serialize)]
struct RebuildRow {
    models: String,
    events: u64,
    seconds: f64,
    per_second: f64,
}

impl Bench {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Append(bench) => bench.run().await,
            Self::Rebuild(bench) => bench.run().await,
        }
    }
}

async fn scratch(store: &StoreArgs) -> Result<Scratch, CliError> {
    let location = store.location()?;
    let name = format!("motcua_bench_{}", std::process::id());
    Ok(Scratch::beside(&location.log, &name).await?)
}

/// Of an event of some 300 bytes, envelope included.
fn sample() -> (String, String) {
    let metadata = format!(
        r#"{{"command":"{id}","mac":"{mac}","actor":"{id}","acting_as":{{"agency":"{id}"}},"channel":"demo"}}"#,
        id = NAMESPACE,
        mac = "m".repeat(43),
    );
    (format!(r#"{{"dossier_id":"{NAMESPACE}","entered_at":"2026-11-24T02:00:00Z"}}"#), metadata)
}

impl AppendBench {
    async fn run(self) -> Result<(), CliError> {
        let scratch = scratch(&self.store).await?;
        let measured = self.measure(&scratch.url).await;
        scratch.remove().await?;
        let rows = measured?;
        if self.json {
            return output::json(
                &json!({"store": kind(&self.store)?, "seconds": self.seconds, "rows": rows}),
            );
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["clients", "lane, events/s", "plain INSERT, rows/s", "ratio"]);
        for row in rows {
            table.add_row([
                row.clients.to_string(),
                format!("{:.0}", row.lane_per_second),
                format!("{:.0}", row.plain_per_second),
                format!("{:.1}", row.ratio),
            ]);
        }
        output::text(&format!("{table}\n"))
    }

    async fn measure(&self, url: &DbUrl) -> Result<Vec<AppendRow>, CliError> {
        let store = EventStore::open(url, Clock::System).await?;
        let longest = Duration::from_secs(self.seconds);
        let mut rows = Vec::new();
        for &clients in &self.clients {
            let lane_per_second = lane_appends(&store, clients, longest).await?;
            let (data, metadata) = sample();
            let plain_per_second = plain_inserts(url, clients, longest, (&data, &metadata)).await?;
            tracing::info!(clients, lane_per_second, plain_per_second, "measured");
            rows.push(AppendRow {
                clients,
                lane_per_second,
                plain_per_second,
                ratio: lane_per_second / plain_per_second,
            });
        }
        store.database().close().await;
        Ok(rows)
    }
}

/// One event to a new stream each, expected version "none".
async fn lane_appends(store: &EventStore, clients: u32, longest: Duration) -> Result<f64, CliError> {
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let (data, metadata) = sample();
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..clients {
        let (store, done) = (store.clone(), Arc::clone(&done));
        let (data, metadata) = (data.clone(), metadata.clone());
        tasks.spawn(async move {
            for n in 0_u64.. {
                if longest <= started.elapsed() {
                    break;
                }
                let id = Uuid::new_v5(&NAMESPACE, format!("bench {clients}/{client}/{n}").as_bytes());
                let append = Append {
                    id: AppendId(id),
                    stream: format!("bench-{id}"),
                    expected: Expected::Exactly(Version(0)),
                    events: vec![NewEvent { type_name: "code.allocated.v1", data: data.clone() }],
                    metadata: metadata.clone(),
                    occurred_at: domain::time::Instant::UNIX_EPOCH,
                };
                store.append(append).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), infrastructure::event_store::StoreError>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.map_err(|error| CliError::Refused(error.to_string()))??;
    }
    Ok(rate(done.load(Ordering::Relaxed), started.elapsed()))
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

impl RebuildBench {
    async fn run(self) -> Result<(), CliError> {
        let scratch = scratch(&self.store).await?;
        let measured = self.measure(&scratch).await;
        scratch.remove().await?;
        let rows = measured?;
        if self.json {
            return output::json(&json!({"store": kind(&self.store)?, "rows": rows}));
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["models", "events", "seconds", "events/s"]);
        for row in rows {
            table.add_row([
                row.models,
                row.events.to_string(),
                format!("{:.2}", row.seconds),
                format!("{:.0}", row.per_second),
            ]);
        }
        output::text(&format!("{table}\n"))
    }

    async fn measure(&self, scratch: &Scratch) -> Result<Vec<RebuildRow>, CliError> {
        let read = match scratch.file() {
            Some(path) => Location::from_urls(&format!("sqlite:{}", path.display()), None, None)?.read,
            None => scratch.url.clone(),
        };
        let store = EventStore::open(&scratch.url, Clock::System).await?;
        generate(&store, self.events).await?;
        let head = store.head().await?.0.unsigned_abs();
        let read_side = ReadSide::open(&read, store.clone()).await?;
        let mut rows = Vec::new();
        let mut sets = vec![("all, one pass", Model::ALL.to_vec())];
        sets.extend(Model::ALL.iter().map(|model| (model.name(), vec![*model])));
        for (name, models) in sets {
            let started = Instant::now();
            read_side.rebuild(&models, |_| true).await.map_err(Failure::from)?;
            let elapsed = started.elapsed();
            let per_second = rate(head, elapsed);
            tracing::info!(models = name, per_second, "measured");
            rows.push(RebuildRow {
                models: name.to_owned(),
                events: head,
                seconds: elapsed.as_secs_f64(),
                per_second,
            });
        }
        read_side.database().close().await;
        store.database().close().await;
        Ok(rows)
    }
}

/// Dossiers of eight events each, thousands of them open at once, as a province has them. Values are sealed tokens of
/// the usual length; nothing opens them here.
async fn generate(store: &EventStore, events: u64) -> Result<(), CliError> {
    let mut progress = output::Progress::new("generating events", events);
    let dossiers = events.div_ceil(8);
    let mut done = 0;
    for first in (0..dossiers).step_by(usize::try_from(DOSSIERS_OPEN).unwrap_or(usize::MAX)) {
        let group = first..dossiers.min(first + DOSSIERS_OPEN);
        for nth in 0..8_usize {
            let mut tasks = tokio::task::JoinSet::new();
            for writer in 0..WRITERS {
                let (store, group) = (store.clone(), group.clone());
                tasks.spawn(async move {
                    for dossier in group.skip(writer).step_by(WRITERS) {
                        store.append(generated(dossier, nth)?).await?;
                    }
                    Ok::<(), CliError>(())
                });
            }
            while let Some(task) = tasks.join_next().await {
                task.map_err(|error| CliError::Refused(error.to_string()))??;
            }
            done += group.end - group.start;
            progress.set(done);
        }
    }
    progress.finish();
    Ok(())
}

fn generated(dossier: u64, nth: usize) -> Result<Append, CliError> {
    let id = Uuid::new_v5(&NAMESPACE, format!("bench dossier {dossier}").as_bytes());
    let event = generated_event(dossier, nth)?;
    let (_, metadata) = sample();
    let hours = i64::try_from(dossier / 4 + 9 * nth as u64).unwrap_or(0);
    Ok(Append {
        id: AppendId(Uuid::new_v5(&id, &nth.to_be_bytes())),
        stream: format!("dossier-{id}"),
        expected: Expected::Exactly(Version(i64::try_from(nth).unwrap_or(0))),
        events: vec![NewEvent { type_name: event.type_name(), data: event.encode()? }],
        metadata,
        occurred_at: domain::time::Instant::UNIX_EPOCH + chrono::TimeDelta::hours(400_000 + hours),
    })
}

fn generated_event(dossier: u64, nth: usize) -> Result<events::Event, CliError> {
    let usage = |error: domain::codes::InvalidCode| CliError::Usage(error.to_string());
    let sealed = |length: usize| Private::Sealed(SealedToken::from_text("x".repeat(length)));
    let agency = AgencyId(Uuid::from_u128(u128::from(dossier % 143) + 1));
    let holder = events::Holder { agency, unit: None, assignee: None };
    let due_at = Some(domain::time::Instant::UNIX_EPOCH + chrono::TimeDelta::hours(400_100));
    let calendar = domain::calendar::Calendar::built_in().version().clone();
    let step = |code: &str| -> Result<events::Event, CliError> {
        let step = domain::codes::StepCode::parse(code).map_err(usage)?;
        Ok(events::Event::StepCompleted(events::StepCompleted { step, note: None, anomalies: Vec::new() }))
    };
    Ok(match nth {
        0 => {
            let day = domain::time::Instant::UNIX_EPOCH.with_timezone(&VIETNAM).date_naive()
                + chrono::Days::new(16_000 + dossier / 9_000);
            let code = domain::codes::AgencyCode::parse("000.00.16.H42").map_err(usage)?;
            let code = domain::codes::DossierCode::new(&code, day, dossier % 9_000 + 1)
                .ok_or_else(|| CliError::Usage("too many events".to_owned()))?;
            let procedure = domain::codes::ProcedureCode::parse("DT01").map_err(usage)?;
            events::Event::Submitted(events::Submitted {
                code,
                code_rule: events::CodeRule::AtSubmission,
                procedure: events::ProcedureRef {
                    id: ProcedureId::of(&procedure),
                    code: procedure,
                    version: 1,
                },
                agencies: events::Agencies { supporting: None, receiving: agency, competent: agency },
                channel: events::Channel::Online,
                dossier_key: KeyId(NAMESPACE),
                applicant: events::Applicant {
                    key: KeyId(NAMESPACE),
                    kind: events::ApplicantKind::Citizen,
                    name: sealed(160),
                    id_number: Some(sealed(150)),
                    phone: Some(sealed(150)),
                    email: None,
                    address: Some(sealed(200)),
                },
                subject: Some(sealed(220)),
                form: None,
                public_form: None,
                papers: Vec::new(),
                answer_by: None,
                imported: None,
            })
        }
        1 => events::Event::Received(events::Received {
            term: Term::WorkingDays(15),
            due_at,
            calendar,
            office_hours: OfficeHours::default(),
            due_policy: DuePolicy::default(),
            holder,
        }),
        2 => step("BAN_GIAO")?,
        3 => events::Event::Forwarded(events::Forwarded { to: holder, note: None }),
        4 => step("THU_LY")?,
        5 => step("XET_DUYET")?,
        6 => events::Event::ProcessingFinished(events::ProcessingFinished {
            outcome: events::Outcome::Granted,
            note: None,
            anomalies: Vec::new(),
        }),
        _ => events::Event::ResultReturned(events::ResultReturned {
            method: events::ReturnMethod::Counter,
            note: None,
        }),
    })
}
