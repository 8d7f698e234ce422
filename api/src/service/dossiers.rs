//! Commands on dossiers.

use std::sync::Arc;

use domain::access::{Function, Principal};
use domain::codes::{AgencyCode, DossierCode, PaperCode, ProcedureCode, StepCode, UnitCode};
use domain::decider::Decider;
use domain::dossier::{
    Act, Agencies, Answer, AnswerWithin, Appointment, Channel, CodeRule, Command, CompleteStep, Dossier,
    Filed, Holder, ImportedFrom, ProcedureRef, Receive, Register, Rejection, Submit, Submitted,
    SupplementRequest, WorkingTime, stream,
};
use domain::form::Form;
use domain::identity::{AgencyId, DossierId, PrincipalId, ProcedureId};
use domain::private::Private;
use domain::procedure::{self, InForce, Procedure};
use domain::recorded::Version;
use domain::time::{Instant, local_date, truncate};
use infrastructure::execute::{Entered, Refusal, Request};
use serde::Serialize;

use super::{Caller, Done, Service};
use crate::input::{
    AnswerInput, CompleteStepInput, FinishProcessingInput, ForwardDossierInput, OnDossier,
    ReceiveDossierInput, RefuseDossierInput, RegisterDossierInput, ReturnResultInput, SubmitDossierInput,
    SupplementInput, WithdrawDossierInput,
};
use crate::problem::{Problem, ServiceError};

pub(super) const NAME_CHARS_MAX: usize = 300;
const SUBJECT_CHARS_MAX: usize = 1_000;
pub(super) const NOTE_CHARS_MAX: usize = 4_000;
const FORM_BYTES_MAX: usize = 64 * 1024;
const PAPERS_MAX: usize = 100;

/// A command on a dossier that was accepted, now or by an earlier try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub dossier_id: DossierId,
    /// What the applicant looks it up by.
    pub code: DossierCode,
    pub done: Done,
}

/// Everything about a new dossier but its code.
struct Draft {
    code_agency: AgencyCode,
    procedure: InForce,
    rules: WorkingTime,
    submitted: Submitted,
}

type Decision = Result<Vec<domain::dossier::Event>, Refusal<Rejection>>;

impl Service {
    /// Nộp hồ sơ trực tuyến: the code is given at submission.
    pub async fn submit_dossier(
        &self,
        caller: &Caller,
        input: &SubmitDossierInput,
        imported: Option<ImportedFrom>,
    ) -> Result<Accepted, ServiceError> {
        caller.principal.require(Function::File).map_err(Problem::from)?;
        let request = self.request(caller, "submitDossier", input.idempotency_key, input)?;
        self.enter(&request, input, Channel::Online, CodeRule::AtSubmission, imported, |draft| {
            let rules = draft.rules.clone();
            let working_hours = draft.procedure.definition.policies.answer_within_working_hours;
            let answer_within = Some(AnswerWithin { working_hours, rules });
            Ok(Command::Submit(Submit { submitted: draft.submitted.clone(), answer_within }))
        })
        .await
    }

    /// Tiếp nhận trực tiếp hoặc qua bưu chính: the code is given at receipt.
    pub async fn register_dossier(
        &self,
        caller: &Caller,
        input: &RegisterDossierInput,
        imported: Option<ImportedFrom>,
    ) -> Result<Accepted, ServiceError> {
        caller.principal.require(Function::Intake).map_err(Problem::from)?;
        let request = self.request(caller, "registerDossier", input.submit.idempotency_key, input)?;
        let appointment = appointment(input.appointment.map(Into::into), input.without_appointment)?;
        let channel = input.channel.into();
        self.enter(&request, &input.submit, channel, CodeRule::AtReceipt, imported, move |draft| {
            let receiving = draft.submitted.agencies.receiving;
            let receive = Receive {
                procedure: Arc::clone(&draft.procedure.definition),
                appointment: appointment.clone(),
                rules: draft.rules.clone(),
                holder: Holder { agency: receiving, unit: None, assignee: None },
            };
            Ok(Command::Register(Register { submitted: draft.submitted.clone(), receive }))
        })
        .await
    }

    /// A new dossier. (a) Decide with a placeholder: a refusal costs no number. (b) Allocate the number. (c) Decide with
    /// the code, and append. A crash in between leaves a number that a retry gets back, with its entry time: the retry
    /// is judged as of then.
    async fn enter(
        &self,
        request: &Request,
        input: &SubmitDossierInput,
        channel: Channel,
        code_rule: CodeRule,
        imported: Option<ImportedFrom>,
        command: impl Fn(&Draft) -> Result<Command, Problem>,
    ) -> Result<Accepted, ServiceError> {
        let dossier_id = request.command.dossier();
        let stream = stream(dossier_id);
        if let Some(done) = self.executor.done_before::<Rejection>(request, &stream).await? {
            return self.accepted(dossier_id, done).await;
        }
        let entered = self.executor.entered_before::<Rejection>(request).await?;
        let at = match &entered {
            Entered::With(entry) => entry.at,
            Entered::Not(_) => request.at.unwrap_or_else(|| self.clock().now()),
        };
        let mut draft = self.draft(&request.principal, input, channel, code_rule, imported, at).await?;
        let placeholder = command(&draft)?;
        Dossier::default().decide(at, &placeholder).map_err(Problem::from)?;
        let entry = match entered {
            Entered::With(entry) => entry,
            Entered::Not(used_up) => {
                let agency = &draft.code_agency;
                self.executor.allocate_code::<Rejection>(request, used_up, agency, dossier_id, at).await?
            }
        };
        draft.submitted.code = entry.code;
        let command = command(&draft)?;
        let request = Request { at: Some(entry.at), ..request.clone() };
        let decide = |state: &Dossier, at: Instant| state.decide(at, &command).map_err(Refusal::Rejected);
        let done = self.executor.execute(&stream, &request, decide).await?;
        self.accepted(dossier_id, done).await
    }

    async fn draft(
        &self,
        principal: &Principal,
        input: &SubmitDossierInput,
        channel: Channel,
        code_rule: CodeRule,
        imported: Option<ImportedFrom>,
        at: Instant,
    ) -> Result<Draft, ServiceError> {
        let day = local_date(at);
        let (receiving_id, receiving) =
            self.agency_on("receivingAgency", &input.receiving_agency, day).await?;
        let competent = match &input.competent_agency {
            Some(code) if *code != input.receiving_agency => {
                self.agency_on("competentAgency", code, day).await?.0
            }
            Some(_) | None => receiving_id,
        };
        let supporting = match &input.supporting_agency {
            Some(code) => Some(self.agency_on("supportingAgency", code, day).await?.0),
            None => None,
        };
        // Staff take in for their own agencies; applicants, whatever else they may do elsewhere, file with any.
        let takes_in = principal.may(Function::Intake, [receiving_id]);
        if code_rule == CodeRule::AtReceipt && !takes_in {
            return Err(Problem::NotFound { what: "receivingAgency" }.into());
        }
        let code = ProcedureCode::parse(&input.procedure).map_err(Problem::code_of("procedure"))?;
        let procedure_id = ProcedureId::of(&code);
        let known = self.executor.load::<Procedure>(&procedure::stream(procedure_id)).await?;
        let procedure = known.state.in_force().ok_or(Problem::NotFound { what: "procedure" })?;
        // Staff file for others; what is taken over from elsewhere was filed by nobody here.
        let files_online = code_rule == CodeRule::AtSubmission && imported.is_none();
        let filer = (files_online && !takes_in).then_some(principal.id);
        let (applicant, delegate) =
            self.people(principal.id, filer, &input.applicant, input.delegate.as_ref()).await?;
        let (form, public_form) = form(input, procedure.definition.form.as_ref())?;
        let submitted = Submitted {
            code: DossierCode::placeholder(&receiving.codes.code, day),
            code_rule,
            procedure: ProcedureRef { id: procedure_id, code, version: procedure.version },
            agencies: Agencies { supporting, receiving: receiving_id, competent },
            channel,
            dossier_key: self.executor.keys.take().await?,
            applicant,
            delegate: delegate.map(Box::new),
            subject: optional("subject", input.subject.as_deref(), SUBJECT_CHARS_MAX)?,
            form,
            public_form,
            papers: papers(input.papers.as_deref())?,
            answer_by: None,
            imported,
        };
        let rules = WorkingTime {
            calendar: self.calendar(receiving.calendar).await?,
            office_hours: receiving.office_hours,
        };
        Ok(Draft { code_agency: receiving.codes.code, procedure, rules, submitted })
    }

    pub async fn request_intake_supplement(
        &self,
        caller: &Caller,
        input: &SupplementInput,
    ) -> Result<Accepted, ServiceError> {
        let command = Command::RequestIntakeSupplement { request: supplement(input)? };
        self.act(caller, "requestIntakeSupplement", &input.on, input, command).await
    }

    pub async fn supply_intake_supplement(
        &self,
        caller: &Caller,
        input: &AnswerInput,
    ) -> Result<Accepted, ServiceError> {
        const OPERATION: &str = "supplyIntakeSupplement";
        let filed = match self.filed(caller, OPERATION, &input.on, input, Act::SupplyIntakeSupplement).await?
        {
            Ok(filed) => filed,
            Err(before) => return Ok(before),
        };
        let rules = self.working_time(caller, filed.agencies.receiving).await?;
        let working_hours = self.definition(&filed).await?.policies.answer_within_working_hours;
        let answer_within = Some(AnswerWithin { working_hours, rules });
        let command = Command::SupplyIntakeSupplement { supply: answer(input)?, answer_within };
        self.act(caller, OPERATION, &input.on, input, command).await
    }

    pub async fn refuse_dossier(
        &self,
        caller: &Caller,
        input: &RefuseDossierInput,
    ) -> Result<Accepted, ServiceError> {
        let command = Command::Refuse { reason: reason(&input.reason)? };
        self.act(caller, "refuseDossier", &input.on, input, command).await
    }

    pub async fn receive_dossier(
        &self,
        caller: &Caller,
        input: &ReceiveDossierInput,
    ) -> Result<Accepted, ServiceError> {
        let filed = match self.filed(caller, "receiveDossier", &input.on, input, Act::Receive).await? {
            Ok(filed) => filed,
            Err(before) => return Ok(before),
        };
        let receiving = filed.agencies.receiving;
        let law = self.working_time(caller, receiving).await?;
        let command = Command::Receive(Receive {
            procedure: self.definition(&filed).await?,
            appointment: appointment(input.appointment.map(Into::into), input.without_appointment)?,
            rules: law,
            holder: Holder { agency: receiving, unit: None, assignee: None },
        });
        self.act(caller, "receiveDossier", &input.on, input, command).await
    }

    pub async fn forward_dossier(
        &self,
        caller: &Caller,
        input: &ForwardDossierInput,
    ) -> Result<Accepted, ServiceError> {
        if let Err(before) = self.filed(caller, "forwardDossier", &input.on, input, Act::Forward).await? {
            return Ok(before);
        }
        let unit = unit(input.unit.as_deref())?;
        let assignee = input.assignee.map(PrincipalId);
        let note = note(input.note.as_deref())?;
        // Where it is now is for the state that decides to say: this process may have seen an older one.
        let command = |filed: &Filed| {
            let agency = filed.holder.as_ref().map_or(filed.agencies.receiving, |holder| holder.agency);
            let to = Holder { agency, unit: unit.clone(), assignee };
            Command::Forward { to, note: note.clone() }
        };
        self.act_by(caller, "forwardDossier", &input.on, input, Act::Forward, command).await
    }

    pub async fn complete_step(
        &self,
        caller: &Caller,
        input: &CompleteStepInput,
    ) -> Result<Accepted, ServiceError> {
        let filed = match self.filed(caller, "completeStep", &input.on, input, Act::CompleteStep).await? {
            Ok(filed) => filed,
            Err(before) => return Ok(before),
        };
        let command = Command::CompleteStep(CompleteStep {
            step: StepCode::parse(&input.step).map_err(Problem::code_of("step"))?,
            note: note(input.note.as_deref())?,
            procedure: self.definition(&filed).await?,
        });
        self.act(caller, "completeStep", &input.on, input, command).await
    }

    pub async fn request_supplement(
        &self,
        caller: &Caller,
        input: &SupplementInput,
    ) -> Result<Accepted, ServiceError> {
        let command = Command::RequestSupplement { request: supplement(input)? };
        self.act(caller, "requestSupplement", &input.on, input, command).await
    }

    pub async fn receive_supplement(
        &self,
        caller: &Caller,
        input: &AnswerInput,
    ) -> Result<Accepted, ServiceError> {
        let filed =
            match self.filed(caller, "receiveSupplement", &input.on, input, Act::ReceiveSupplement).await? {
                Ok(filed) => filed,
                Err(before) => return Ok(before),
            };
        let command = Command::ReceiveSupplement {
            supply: answer(input)?,
            rules: self.working_time(caller, filed.agencies.receiving).await?,
        };
        self.act(caller, "receiveSupplement", &input.on, input, command).await
    }

    pub async fn finish_processing(
        &self,
        caller: &Caller,
        input: &FinishProcessingInput,
    ) -> Result<Accepted, ServiceError> {
        let command =
            Command::FinishProcessing { outcome: input.outcome.into(), note: note(input.note.as_deref())? };
        self.act(caller, "finishProcessing", &input.on, input, command).await
    }

    pub async fn return_result(
        &self,
        caller: &Caller,
        input: &ReturnResultInput,
    ) -> Result<Accepted, ServiceError> {
        let note = note(input.note.as_deref())?;
        let command = Command::ReturnResult { method: input.method.into(), note };
        self.act(caller, "returnResult", &input.on, input, command).await
    }

    pub async fn withdraw_dossier(
        &self,
        caller: &Caller,
        input: &WithdrawDossierInput,
    ) -> Result<Accepted, ServiceError> {
        let command =
            Command::Withdraw { reason: optional("reason", input.reason.as_deref(), NOTE_CHARS_MAX)? };
        self.act(caller, "withdrawDossier", &input.on, input, command).await
    }

    pub(super) async fn act(
        &self,
        caller: &Caller,
        operation: &str,
        on: &OnDossier,
        canonical: &impl Serialize,
        command: Command,
    ) -> Result<Accepted, ServiceError> {
        // What has no kind makes a dossier, or is a succession of agencies: neither comes this way.
        let act = command.act().ok_or(Problem::NotFound { what: "dossier" })?;
        self.act_by(caller, operation, on, canonical, act, |_| command.clone()).await
    }

    /// A command on a dossier that is there: authorise, then decide, on whatever state the executor has in hand.
    /// `command` says what is asked for, of that state.
    pub(super) async fn act_by(
        &self,
        caller: &Caller,
        operation: &str,
        on: &OnDossier,
        canonical: &impl Serialize,
        act: Act,
        command: impl Fn(&Filed) -> Command,
    ) -> Result<Accepted, ServiceError> {
        // Before anything else, also before the client's version is compared: a conflict tells who did what.
        let filed = match self.filed(caller, operation, on, canonical, act).await? {
            Ok(filed) => filed,
            Err(before) => return Ok(before),
        };
        let dossier_id = DossierId(on.dossier_id);
        let mut request = self.request(caller, operation, on.idempotency_key, canonical)?;
        request.expected = on.expected_version.map(Version);
        let decide = |state: &Dossier, at: Instant| -> Decision {
            let filed = state.filed().ok_or(Refusal::Rejected(Rejection::NotFiled))?;
            let command = command(filed);
            // What makes a dossier, and what a succession of agencies does, come another way.
            let relation = command.relation(filed, &caller.principal);
            let relation = relation.ok_or(Refusal::Rejected(Rejection::AlreadyFiled))?;
            filed.authorise(&caller.principal, relation).map_err(Refusal::Denied)?;
            state.decide(at, &command).map_err(Refusal::Rejected)
        };
        let done = self.executor.execute(&stream(dossier_id), &request, decide).await;
        let done = done.map_err(|error| told_to(caller, &filed, error.into()))?;
        self.accepted(dossier_id, done).await
    }

    /// The dossier as this process last saw it, for what about it never changes: procedure version, agencies. Reading
    /// it here does not decide anything; it only keeps what is out of scope from being told apart. Who has lost sight
    /// of the dossier since still gets the answer of an earlier try.
    pub(super) async fn filed(
        &self,
        caller: &Caller,
        operation: &str,
        on: &OnDossier,
        canonical: &impl Serialize,
        act: Act,
    ) -> Result<Result<Filed, Accepted>, ServiceError> {
        let dossier_id = DossierId(on.dossier_id);
        let stream = stream(dossier_id);
        let mut known = self.executor.load_cached::<Dossier>(&stream).await?;
        let settled = known.state.filed().is_some_and(|filed| {
            filed.authorise(&caller.principal, act.relation(filed, &caller.principal)).is_ok()
        });
        if !settled {
            known = self.executor.load::<Dossier>(&stream).await?;
        }
        match known.state.filed() {
            Some(filed) if filed.is_known_to(&caller.principal) => Ok(Ok(filed.clone())),
            Some(_) | None => {
                let request = self.request(caller, operation, on.idempotency_key, canonical)?;
                let before = self.executor.done_before::<Rejection>(&request, &stream).await?;
                let done = before.ok_or(Problem::NotFound { what: "dossier" })?;
                Ok(Err(self.accepted(dossier_id, done).await?))
            }
        }
    }

    /// The version of the procedure that the dossier keeps. Published versions never change.
    pub(super) async fn definition(&self, filed: &Filed) -> Result<Arc<procedure::Definition>, ServiceError> {
        let stream = procedure::stream(filed.procedure.id);
        let mut known = self.executor.load_cached::<Procedure>(&stream).await?;
        if known.state.version(filed.procedure.version).is_none() {
            known = self.executor.load::<Procedure>(&stream).await?;
        }
        let version = known.state.version(filed.procedure.version);
        Ok(version.ok_or(Problem::NotFound { what: "procedure" })?.definition)
    }

    /// The answer to a command: the executor has the dossier in hand, so this asks nothing of the database.
    async fn accepted(
        &self,
        dossier_id: DossierId,
        done: infrastructure::execute::Done,
    ) -> Result<Accepted, ServiceError> {
        let known = self.executor.load_cached::<Dossier>(&stream(dossier_id)).await?;
        let code = known.state.filed().ok_or(Problem::NotFound { what: "dossier" })?.code.clone();
        Ok(Accepted { dossier_id, code, done: Done { version: done.version, position: done.position } })
    }

    /// Calendar and office hours of an agency as of the command.
    pub(super) async fn working_time(
        &self,
        caller: &Caller,
        receiving: AgencyId,
    ) -> Result<WorkingTime, ServiceError> {
        let day = local_date(caller.at.unwrap_or_else(|| self.clock().now()));
        let particulars = self.known(receiving, "receivingAgency").await?.on(day);
        Ok(WorkingTime {
            calendar: self.calendar(particulars.calendar).await?,
            office_hours: particulars.office_hours,
        })
    }
}

/// What happened since is for those who see the dossier's history: an applicant, and who has a function without that, learns
/// that their version is old.
pub(super) fn told_to(caller: &Caller, filed: &Filed, error: ServiceError) -> ServiceError {
    match error {
        ServiceError::Problem(Problem::VersionConflict { expected, actual, .. })
            if !caller.principal.may(Function::ReadDossiers, filed.concerned()) =>
        {
            Problem::VersionConflict { expected, actual, since: Vec::new() }.into()
        }
        error => error,
    }
}

pub(super) fn unit(code: Option<&str>) -> Result<Option<UnitCode>, Problem> {
    code.map(UnitCode::parse).transpose().map_err(Problem::code_of("unit"))
}

pub(super) fn note(text: Option<&str>) -> Result<Option<Private>, Problem> {
    optional("note", text, NOTE_CHARS_MAX)
}

pub(super) fn reason(text: &str) -> Result<Private, Problem> {
    required("reason", text, NOTE_CHARS_MAX)
}

fn appointment(at: Option<Instant>, without: bool) -> Result<Appointment, Problem> {
    match (at, without) {
        (Some(_), true) => Err(Problem::invalid("appointment", "given together with withoutAppointment")),
        (Some(at), false) => Ok(Appointment::At(truncate(at))),
        (None, true) => Ok(Appointment::None),
        (None, false) => Ok(Appointment::ByProcedure),
    }
}

fn supplement(input: &SupplementInput) -> Result<SupplementRequest, Problem> {
    Ok(SupplementRequest {
        reason: reason(&input.reason)?,
        papers: papers(input.papers.as_deref())?,
        answer_by: input.answer_by.map(|at| truncate(at.into())),
    })
}

fn answer(input: &AnswerInput) -> Result<Answer, Problem> {
    Ok(Answer { note: note(input.note.as_deref())?, papers: papers(input.papers.as_deref())? })
}

/// The answers, judged by the procedure's form if it has one: what is private, to be sealed, and what the form marks as
/// public. Without a form everything is private.
fn form(
    input: &SubmitDossierInput,
    schema: Option<&Form>,
) -> Result<(Option<Private>, Option<serde_json::Value>), ServiceError> {
    let Some(answers) = &input.form else { return Ok((None, None)) };
    if !answers.0.is_object() {
        return Err(Problem::invalid("form", "must be a JSON object").into());
    }
    let text = serde_json::to_string(&answers.0)?;
    if FORM_BYTES_MAX < text.len() {
        return Err(Problem::invalid("form", "larger than 64 KiB").into());
    }
    let Some(schema) = schema else { return Ok((Some(Private::open(text)), None)) };
    schema.validate(&answers.0).map_err(|errors| {
        let reasons: Vec<_> =
            errors.iter().map(|error| format!("{}: {}", error.path, error.reason)).collect();
        Problem::invalid("form", reasons.join("; "))
    })?;
    let (public, private) = schema.split(&answers.0);
    let public = Some(public).filter(|public| public.as_object().is_some_and(|fields| !fields.is_empty()));
    Ok((Some(Private::open(serde_json::to_string(&private)?)), public))
}

fn papers(codes: Option<&[String]>) -> Result<Vec<PaperCode>, Problem> {
    let codes = codes.unwrap_or_default();
    if PAPERS_MAX < codes.len() {
        return Err(Problem::invalid("papers", "more than 100"));
    }
    codes.iter().map(|code| PaperCode::parse(code).map_err(Problem::code_of("papers"))).collect()
}

/// A text that must be there.
pub(super) fn required(field: &'static str, text: &str, chars_max: usize) -> Result<Private, Problem> {
    let text = plain(field, text, chars_max)?;
    if text.is_empty() {
        return Err(Problem::invalid(field, "empty"));
    }
    Ok(Private::open(text))
}

/// A text without the blanks around it. NUL cannot be stored by PostgreSQL and means nothing in a name.
pub(super) fn plain(field: &'static str, text: &str, chars_max: usize) -> Result<String, Problem> {
    let text = text.trim();
    if chars_max < text.chars().count() {
        return Err(Problem::invalid(field, format!("longer than {chars_max} characters")));
    }
    if text.contains('\0') {
        return Err(Problem::invalid(field, "contains NUL"));
    }
    Ok(text.to_owned())
}

pub(super) fn optional(
    field: &'static str,
    text: Option<&str>,
    chars_max: usize,
) -> Result<Option<Private>, Problem> {
    match text.map(str::trim) {
        Some(text) if !text.is_empty() => required(field, text, chars_max).map(Some),
        Some(_) | None => Ok(None),
    }
}
