//! `motcua demo`: a deterministic province, through the same commands as everything else, and served.
//!
//! The same seed and start instant give the same dossiers with the same codes. Persons are generated, and marked MẪU.

mod plan;
mod random;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, FixedOffset};
use clap::Args;
use domain::identity::NAMESPACE;
use domain::recorded::{Position, Via};
use domain::time::{Instant, VIETNAM, truncate};
use infrastructure::event_store::instant;
use serde_json::json;
use uuid::Uuid;

use self::plan::{Act, Dossier, Plan};
use super::serve::serve;
use super::{CliError, StoreArgs, output};
use crate::development_token;
use crate::http::Settings;
use crate::input::{
    AnswerInput, ApplicantInput, ApplicantKind, Channel, CompleteStepInput, EstablishAgencyInput,
    FinishProcessingInput, ForwardDossierInput, OnDossier, ReceiveDossierInput, RefuseDossierInput,
    RegisterDossierInput, ReturnResultInput, SubmitDossierInput, SupplementInput, WithdrawDossierInput,
};
use crate::service::{Accepted, Caller, Service};

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
        };
        let service = store.open().await?;
        let plan = Plan::new(self.seed, self.dossiers, self.end(&service).await?, &service.calendar)
            .map_err(|error| CliError::Refused(error.to_string()))?;
        let made = self.make(&service, &plan).await?;
        service.read_side.catch_up().await?;
        self.tell(&plan, made, &service)?;
        if self.no_serve {
            return Ok(());
        }
        serve(service, self.listen, Settings { development_tokens: true }, try_this).await
    }

    /// The start instant: of the province that is there already, else as given, else now.
    async fn end(&self, service: &Service) -> Result<Instant, CliError> {
        let page = service.store().read_all(Position(0), 1).await?;
        let Some(first) = page.rows.first() else {
            let now = self.at.map_or_else(|| service.clock().now(), |at| truncate(at.to_utc()));
            return Ok(now);
        };
        if first.decode_metadata()?.channel != Via::Demo {
            return Err(CliError::Refused(
                "this store holds something else than a demo province; give another --store".to_owned(),
            ));
        }
        Ok(instant(first.occurred_at) + plan::YEAR)
    }

    /// True when something was made now: a province that is there is left as it is, one half made is completed.
    async fn make(&self, service: &Service, plan: &Plan) -> Result<bool, CliError> {
        let head = service.store().head().await?;
        if plan.events() <= head.0.unsigned_abs() {
            return Ok(false);
        }
        self.catalogue(service, plan).await?;
        let done = Arc::new(AtomicU64::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for agency in 0..plan.agencies.len() {
            let maker = Maker { service: service.clone(), seed: self.seed };
            let acts: Vec<(Dossier, Instant, Act, usize)> = plan.acts_of(agency);
            let code = plan.agencies[agency].code.clone();
            let done = Arc::clone(&done);
            tasks.spawn(async move {
                for (dossier, at, act, nth) in acts {
                    maker.perform(&code, &dossier, at, &act, nth).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), CliError>(())
            });
        }
        let mut progress = output::Progress::new("making the province", plan.acts());
        let mut every = tokio::time::interval(std::time::Duration::from_millis(200));
        loop {
            tokio::select! {
                task = tasks.join_next() => match task {
                    Some(task) => task.map_err(|error| CliError::Refused(error.to_string()))??,
                    None => break,
                },
                _ = every.tick() => progress.set(done.load(Ordering::Relaxed)),
            }
        }
        progress.finish();
        Ok(true)
    }

    async fn catalogue(&self, service: &Service, plan: &Plan) -> Result<(), CliError> {
        let admin = caller("admin", "demo", &plan.agencies[0].code, plan.end - plan::YEAR)?;
        for agency in &plan.agencies {
            let input = EstablishAgencyInput {
                idempotency_key: Uuid::new_v5(&NAMESPACE, agency.code.as_bytes()),
                code: agency.code.clone(),
                name: agency.name.clone(),
                parent: agency.parent.map(|parent| plan.agencies[parent].code.clone()),
            };
            service.establish_agency(&admin, &input).await?;
        }
        for procedure in &plan.procedures {
            service.publish_procedure(&admin, &procedure.code, &procedure.definition, &[]).await?;
        }
        Ok(())
    }

    fn tell(&self, plan: &Plan, made: bool, service: &Service) -> Result<(), CliError> {
        if self.json {
            return output::json(&json!({
                "made": made,
                "agencies": plan.agencies.len(),
                "procedures": plan.procedures.len(),
                "dossiers": plan.dossiers.len(),
                "events": plan.events(),
                "end": plan.end.with_timezone(&VIETNAM),
                "calendar": service.calendar.version(),
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

fn caller(group: &str, name: &str, agency: &str, at: Instant) -> Result<Caller, CliError> {
    let principal = development_token::parse(&format!("dev:{group}:{name}@{agency}"))
        .map_err(|error| CliError::Refused(error.to_string()))?;
    Ok(Caller { principal, via: Via::Demo, traceparent: None, at: Some(at) })
}

/// Performs acts of one agency, one after the other.
struct Maker {
    service: Service,
    seed: u64,
}

impl Maker {
    /// The same act has the same key, however often the province is made.
    fn key(&self, dossier: &Dossier, nth: usize) -> Uuid {
        Uuid::new_v5(&NAMESPACE, format!("demo {} {} {nth}", self.seed, dossier.number).as_bytes())
    }

    async fn perform(
        &self,
        agency: &str,
        dossier: &Dossier,
        at: Instant,
        act: &Act,
        nth: usize,
    ) -> Result<Accepted, CliError> {
        let service = &self.service;
        let intake = || caller("intake", &format!("tiep-nhan@{agency}"), agency, at);
        let on = || OnDossier {
            idempotency_key: self.key(dossier, nth),
            dossier_id: self.dossier_id(agency, dossier),
            expected_version: None,
        };
        let note = None;
        let accepted = match act {
            Act::Submit => {
                service
                    .submit_dossier(
                        &self.applicant(agency, dossier, at)?,
                        &self.filing(agency, dossier),
                        None,
                    )
                    .await
            }
            Act::Register(channel) => {
                let submit = self.filing(agency, dossier);
                let appointment = dossier.appointment.map(|at| at.with_timezone(&VIETNAM));
                let input = RegisterDossierInput {
                    submit,
                    channel: *channel,
                    appointment,
                    without_appointment: false,
                };
                service.register_dossier(&intake()?, &input, None).await
            }
            Act::RequestIntakeSupplement => {
                let reason = "Thiếu bản sao giấy tờ (MẪU).".to_owned();
                let input = SupplementInput { on: on(), reason, papers: None, answer_by: None };
                service.request_intake_supplement(&intake()?, &input).await
            }
            Act::SupplyIntakeSupplement => {
                let input = AnswerInput { on: on(), note, papers: None };
                service.supply_intake_supplement(&intake()?, &input).await
            }
            Act::Refuse => {
                let reason = "Không thuộc thẩm quyền giải quyết (MẪU).".to_owned();
                service.refuse_dossier(&intake()?, &RefuseDossierInput { on: on(), reason }).await
            }
            Act::Receive => {
                let appointment = dossier.appointment.map(|at| at.with_timezone(&VIETNAM));
                let input = ReceiveDossierInput { on: on(), appointment, without_appointment: false };
                service.receive_dossier(&intake()?, &input).await
            }
            Act::Forward { from, to } => {
                let assignee = development_token::principal_id(&format!("{to}@{agency}")).0;
                let group = if *from == "tiep-nhan" { "leader" } else { "officer" };
                let input = ForwardDossierInput { on: on(), unit: None, assignee: Some(assignee), note };
                service
                    .forward_dossier(&caller(group, &format!("{from}@{agency}"), agency, at)?, &input)
                    .await
            }
            Act::CompleteStep { by, step } => {
                let input = CompleteStepInput { on: on(), step: step.to_string(), note };
                service
                    .complete_step(&caller("officer", &format!("{by}@{agency}"), agency, at)?, &input)
                    .await
            }
            Act::RequestSupplement { by } => {
                let reason = "Đề nghị bổ sung bản vẽ (MẪU).".to_owned();
                let input = SupplementInput { on: on(), reason, papers: None, answer_by: None };
                service
                    .request_supplement(&caller("officer", &format!("{by}@{agency}"), agency, at)?, &input)
                    .await
            }
            Act::ReceiveSupplement => {
                service.receive_supplement(&intake()?, &AnswerInput { on: on(), note, papers: None }).await
            }
            Act::Finish { by, outcome } => {
                let input = FinishProcessingInput { on: on(), outcome: *outcome, note };
                service
                    .finish_processing(&caller("leader", &format!("{by}@{agency}"), agency, at)?, &input)
                    .await
            }
            Act::Return(method) => {
                service
                    .return_result(&intake()?, &ReturnResultInput { on: on(), method: *method, note })
                    .await
            }
            Act::Withdraw => {
                service.withdraw_dossier(&intake()?, &WithdrawDossierInput { on: on(), reason: None }).await
            }
        };
        accepted.map_err(|error| {
            tracing::error!(dossier = dossier.number, nth, ?act, "the demo's own act was not taken");
            error.into()
        })
    }

    /// Who files: the applicant online, the intake officer at the counter.
    fn applicant(&self, agency: &str, dossier: &Dossier, at: Instant) -> Result<Caller, CliError> {
        caller("citizen", &format!("cong-dan-{}", dossier.number), agency, at)
    }

    fn dossier_id(&self, agency: &str, dossier: &Dossier) -> Uuid {
        let key = self.key(dossier, 0);
        let (operation, name) = match dossier.acts.first() {
            Some((_, Act::Submit)) => ("submitDossier", format!("cong-dan-{}", dossier.number)),
            _ => ("registerDossier", format!("tiep-nhan@{agency}")),
        };
        let principal = development_token::principal_id(&name);
        domain::identity::CommandId::derive(principal, operation, key).dossier().0
    }

    fn filing(&self, agency: &str, dossier: &Dossier) -> SubmitDossierInput {
        SubmitDossierInput {
            idempotency_key: self.key(dossier, 0),
            procedure: dossier.procedure.to_string(),
            receiving_agency: agency.to_owned(),
            competent_agency: None,
            supporting_agency: None,
            applicant: ApplicantInput {
                kind: ApplicantKind::Citizen,
                name: dossier.applicant.clone(),
                id_number: Some(format!("000{:09}", dossier.number)),
                phone: Some(format!("0000{:06}", dossier.number)),
                email: None,
                address: Some(format!("Thôn {} (MẪU)", dossier.number % 20 + 1)),
            },
            subject: Some(format!("Hồ sơ mẫu số {}", dossier.number)),
            form: None,
            papers: None,
        }
    }
}

/// The channel of a registration, by chance.
const REGISTER_CHANNELS: [Channel; 5] =
    [Channel::Counter, Channel::Counter, Channel::Counter, Channel::Counter, Channel::Post];
