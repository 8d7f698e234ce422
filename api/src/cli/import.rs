//! `motcua import`: what other systems hold, through the same commands as everything else.

use std::fs::File;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::codes::{AgencyCode, ProcedureCode};
use domain::dossier::{Channel, ImportedFrom};
use domain::identity::{NAMESPACE, ProcedureId};
use domain::procedure::{self, Definition, EndOfProcessing, Procedure, ProcedureTerm, Severity, Step, Task};
use domain::recorded::Via;
use domain::time::VIETNAM;
use futures::StreamExt;
use projections::dossier_summary;
use serde_json::json;
use uuid::Uuid;

use super::{CliError, StoreArgs, operator, output};
use crate::import::procedure_files::{self, ImportError, ParsedProcedure};
use crate::import::xes::{self, Trace, Xes};
use crate::input::{
    ApplicantInput, ApplicantKind, CompleteStepInput, EstablishAgencyInput, FinishProcessingInput, OnDossier,
    Outcome, ReceiveDossierInput, RegisterDossierInput, SubmitDossierInput,
};
use crate::problem::ServiceError;
use crate::service::{Caller, Published, Service};

/// Traces taken in side by side; within a trace one event follows the other.
const TRACES_AT_ONCE: usize = 64;
/// Where an import belongs unless it is told: the People's Committee of the province.
const DEFAULT_AGENCY: &str = "000.00.00.H25";
const DEFAULT_PROCEDURE: &str = "XES";

#[derive(Debug, Subcommand)]
pub(super) enum Import {
    /// Procedure definitions: every *_workflow.xml and *.procedure.json of a folder
    Procedures(Procedures),
    /// Dossiers of another system: an event log in IEEE XES, plain or gzip
    Xes(XesFile),
}

#[derive(Debug, Args)]
pub(super) struct Procedures {
    dir: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct XesFile {
    file: PathBuf,
    /// The agency that received the dossiers and is competent for them; established if it is not there
    #[arg(long, value_name = "CODE", default_value = DEFAULT_AGENCY)]
    agency: AgencyCode,
    /// The procedure of the dossiers; made from the activities of the file if it is not there
    #[arg(long, value_name = "CODE", default_value = DEFAULT_PROCEDURE)]
    procedure: ProcedureCode,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Procedures(procedures) => procedures.run().await,
            Self::Xes(xes) => xes.run().await,
        }
    }
}

impl Procedures {
    async fn run(self) -> Result<(), CliError> {
        let parsed = procedure_files::read_dir(&self.dir).map_err(|error| match error {
            ImportError::Folder { dir, source } => {
                CliError::io(format!("the folder {} cannot be read", dir.display()))(source)
            }
            ImportError::NoFiles { .. } | ImportError::TooManyFiles { .. } => {
                CliError::Refused(chain(&error))
            }
        })?;
        let service = self.store.open().await?;
        let caller = default_operator(Via::Import)?;
        let mut progress = output::Progress::new("importing procedures", parsed.len() as u64);
        let (mut published, mut drafts) = (0, 0);
        for (n, procedure) in (1..).zip(&parsed) {
            match publish(&service, &caller, procedure).await? {
                Some(Published::Version(_)) => published += 1,
                Some(Published::Draft) => drafts += 1,
                None => {}
            }
            progress.set(n);
        }
        progress.finish();
        service.read_side.catch_up().await?;
        self.print(&parsed, published, drafts)
    }

    fn print(&self, parsed: &[ParsedProcedure], published: u32, drafts: u32) -> Result<(), CliError> {
        let read = parsed.len();
        let unreadable = read - (published + drafts) as usize;
        let all = parsed
            .iter()
            .flat_map(|procedure| procedure.defects.iter().map(move |defect| (&procedure.file, defect)));
        if self.json {
            let defects: Vec<_> = all
                .map(|(file, defect)| {
                    json!({
                        "file": file,
                        "element": defect.element,
                        "severity": severity(defect.severity),
                        "reason": defect.reason,
                    })
                })
                .collect();
            return output::json(&json!({
                "read": read, "published": published, "drafts": drafts, "unreadable": unreadable, "defects": defects,
            }));
        }
        let mut text = String::new();
        for (file, defect) in all {
            let severity = severity(defect.severity);
            text.push_str(&format!("{severity:<8} {file}: {}: {}\n", defect.element, defect.reason));
        }
        text.push_str(&format!(
            "{read} definitions read, {published} published, {drafts} kept as drafts, {unreadable} unreadable\n"
        ));
        output::text(&text)
    }
}

/// `None` for a file in which no definition, or no code for it, could be read.
async fn publish(
    service: &Service,
    caller: &Caller,
    procedure: &ParsedProcedure,
) -> Result<Option<Published>, ServiceError> {
    match (&procedure.code, &procedure.definition) {
        (Some(code), Some(definition)) => {
            service.publish_procedure(caller, code, definition, &procedure.defects).await.map(Some)
        }
        _ => Ok(None),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The machine's administrator, of the province itself.
pub(super) fn default_operator(via: Via) -> Result<Caller, CliError> {
    let agency = AgencyCode::parse(DEFAULT_AGENCY).map_err(|error| CliError::Usage(error.to_string()))?;
    Ok(operator(&agency, via))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

impl XesFile {
    async fn run(self) -> Result<(), CliError> {
        let what = format!("the file {} cannot be read", self.file.display());
        let file = File::open(&self.file).map_err(CliError::io(what))?;
        let log = tokio::task::spawn_blocking(move || xes::read_xes(file))
            .await
            .map_err(|error| CliError::Refused(error.to_string()))?
            .map_err(|error| CliError::Refused(chain(&error)))?;
        // Before anything is written: half an import would be a false one.
        for trace in &log.traces {
            channel(trace)?;
        }
        let service = self.store.open().await?;
        let caller = operator(&self.agency, Via::Import);
        self.prepare(&service, &caller, &log).await?;

        let mut progress = output::Progress::new("importing dossiers", log.traces.len() as u64);
        let mut traces = futures::stream::iter(&log.traces)
            .map(|trace| self.take_in(&service, &caller, trace))
            .buffer_unordered(TRACES_AT_ONCE);
        let mut done = 0;
        while let Some(outcome) = traces.next().await {
            outcome?;
            done += 1;
            progress.set(done);
        }
        drop(traces);
        progress.finish();
        self.report(&service, &log).await
    }

    /// What the dossiers are under in the log: it is the same for the same agency and procedure.
    fn source(&self) -> String {
        format!("xes {}@{}", self.procedure, self.agency)
    }

    /// The same key for the same act, however often the file is imported.
    fn key(&self, trace: &Trace, act: &str) -> Uuid {
        Uuid::new_v5(&NAMESPACE, format!("{}\0{}\0{act}", self.source(), trace.case).as_bytes())
    }

    /// Agency and procedure must be there before the first dossier.
    async fn prepare(&self, service: &Service, caller: &Caller, log: &Xes) -> Result<(), CliError> {
        let stream = domain::agency::stream(domain::identity::AgencyId::of(&self.agency));
        let agency = service.executor.load::<domain::agency::Agency>(&stream).await?;
        if agency.state == domain::agency::Agency::Absent {
            let key = Uuid::new_v5(&NAMESPACE, self.agency.as_str().as_bytes());
            let name = format!("Cơ quan {}", self.agency);
            let input = EstablishAgencyInput::new(key, self.agency.to_string(), name);
            service.establish_agency(caller, &input).await?;
        }
        let stream = procedure::stream(ProcedureId::of(&self.procedure));
        let known = service.executor.load::<Procedure>(&stream).await?;
        if known.state.in_force().is_none() {
            let definition = definition_of(log)?;
            service.publish_procedure(caller, &self.procedure, &definition, &[]).await?;
        }
        Ok(())
    }

    /// One trace, in its order, the end of processing last.
    async fn take_in(&self, service: &Service, caller: &Caller, trace: &Trace) -> Result<(), CliError> {
        let imported = ImportedFrom { source: self.source(), case: trace.case.clone() };
        let at = |at| Caller { at: Some(at), ..caller.clone() };
        let submit = SubmitDossierInput {
            idempotency_key: self.key(trace, "enter"),
            procedure: self.procedure.to_string(),
            receiving_agency: self.agency.to_string(),
            competent_agency: None,
            supporting_agency: None,
            applicant: ApplicantInput {
                kind: ApplicantKind::Citizen,
                // The source is anonymous.
                account_id: None,
                name: format!("Hồ sơ {}", trace.case),
                id_number: None,
                phone: None,
                email: None,
                address: None,
            },
            delegate: None,
            subject: None,
            form: None,
            papers: None,
        };
        let appointment = trace.deadline.map(|at| at.with_timezone(&VIETNAM));
        let without_appointment = trace.deadline.is_none();
        let dossier_id = match channel(trace)? {
            Channel::Online => {
                let submitted = service.submit_dossier(&at(trace.start), &submit, Some(imported)).await?;
                let on = self.on(trace, "receive", submitted.dossier_id.0);
                let receive = ReceiveDossierInput { on, appointment, without_appointment };
                service.receive_dossier(&at(trace.start), &receive).await?;
                submitted.dossier_id
            }
            other => {
                let register = RegisterDossierInput {
                    submit,
                    channel: input_channel(other),
                    appointment,
                    without_appointment,
                };
                service.register_dossier(&at(trace.start), &register, Some(imported)).await?.dossier_id
            }
        };
        for (n, activity) in trace.activities.iter().enumerate() {
            let on = self.on(trace, &format!("activity {n}"), dossier_id.0);
            let step = CompleteStepInput { on, step: xes::step_code(&activity.name).to_string(), note: None };
            service.complete_step(&at(activity.at), &step).await?;
        }
        if let Some(end) = trace.end {
            let on = self.on(trace, "end", dossier_id.0);
            let finish = FinishProcessingInput { on, outcome: Outcome::Granted, note: None };
            service.finish_processing(&at(end), &finish).await?;
        }
        Ok(())
    }

    fn on(&self, trace: &Trace, act: &str, dossier_id: Uuid) -> OnDossier {
        OnDossier { idempotency_key: self.key(trace, act), dossier_id, expected_version: None }
    }

    /// Counted in the read model, not in the file: it says what the boards will say.
    async fn report(&self, service: &Service, log: &Xes) -> Result<(), CliError> {
        service.read_side.catch_up().await?;
        let counted = dossier_summary::imported(service.read_side.database(), &self.source()).await?;
        let open = counted.dossiers - counted.ended;
        if self.json {
            let defects: Vec<_> = log
                .defects
                .iter()
                .map(|defect| {
                    json!({
                        "trace": defect.trace,
                        "line": defect.line,
                        "case": defect.case,
                        "element": defect.element,
                        "reason": defect.reason,
                    })
                })
                .collect();
            return output::json(&json!({
                "dossiers": counted.dossiers,
                "events": counted.events,
                "activities": counted.activities,
                "ended": counted.ended,
                "onTime": counted.on_time,
                "late": counted.late,
                "open": open,
                "anomalies": counted.anomalies,
                "tracesRead": log.traces_read,
                "defects": defects,
            }));
        }
        let mut text = String::new();
        for defect in &log.defects {
            let case = defect.case.as_deref().unwrap_or("?");
            text.push_str(&format!(
                "trace {case}, line {}: {}: {}\n",
                defect.line, defect.element, defect.reason
            ));
        }
        text.push_str(&format!(
            "{} dossiers with {} events, {} of them activities; {} ended, {} on time and {} late; {open} open; \
             {} anomalies\n",
            counted.dossiers,
            counted.events,
            counted.activities,
            counted.ended,
            counted.on_time,
            counted.late,
            counted.anomalies,
        ));
        output::text(&text)
    }
}

fn channel(trace: &Trace) -> Result<Channel, CliError> {
    xes::channel(&trace.channel).ok_or_else(|| {
        CliError::Refused(format!("trace {} has the unknown channel {:?}", trace.case, trace.channel))
    })
}

fn input_channel(channel: Channel) -> crate::input::Channel {
    match channel {
        Channel::Online => crate::input::Channel::Online,
        Channel::Counter => crate::input::Channel::Counter,
        Channel::Post => crate::input::Channel::Post,
        Channel::Email => crate::input::Channel::Email,
        Channel::Internal => crate::input::Channel::Internal,
    }
}

/// A procedure with the activities that the file names, in the order in which they first appear. The source gives the
/// due instant of each dossier, so the term is set at receipt.
fn definition_of(log: &Xes) -> Result<Definition, CliError> {
    let mut tasks: Vec<Task> = Vec::new();
    for activity in log.traces.iter().flat_map(|trace| &trace.activities) {
        let code = xes::step_code(&activity.name);
        if !tasks.iter().any(|task| task.code == code) {
            let name = activity.name.clone();
            tasks.push(Task::new(code, name));
        }
    }
    let last = tasks.last().map(|task| task.code.clone());
    let last = last.ok_or_else(|| CliError::Refused("the file has no activities".to_owned()))?;
    let steps = vec![Step::new("XES", "XES", tasks)];
    Ok(Definition {
        end_of_processing: Some(EndOfProcessing { task: last, assumed: true }),
        ..Definition::new("Hồ sơ nhập từ tệp XES", ProcedureTerm::SetAtReceipt, steps)
    })
}
