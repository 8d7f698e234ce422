//! A simulated province: a deterministic year of dossiers, with mistakes and refusals, driven through the same service
//! as every other interface. `demo` serves one, `simulate` reports on one.

mod plan;
mod random;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::access::Purpose;
use domain::identity::NAMESPACE;
use domain::recorded::Via;
use domain::time::{Instant, VIETNAM};
use uuid::Uuid;

use self::plan::{Act, Dossier};
pub(super) use self::plan::{Plan, YEAR};
use super::{CliError, output};
use crate::development_token;
use crate::input::{
    AnswerInput, ApplicantInput, ApplicantKind, Channel, CompleteStepInput, EstablishAgencyInput,
    ExtendDossierInput, FinishProcessingInput, ForwardDossierInput, GiveOpinionInput, IssueDecisionInput,
    NoteInput, NoticeChannel, NotifyApplicantInput, OnDossier, PauseDossierInput, PaymentMethod,
    ProposeOutcomeInput, ReasonInput, ReceiveDossierInput, RecordPaymentInput, RefuseDossierInput,
    RegisterDossierInput, RequestObligationInput, RequestOpinionInput, ReturnResultInput, SendDossierInput,
    SubmitDossierInput, SupplementInput, Vnd, WaiveObligationInput, WithdrawDossierInput,
};
use crate::problem::{Problem, ServiceError};
use crate::service::{Accepted, Caller, Service};

/// Refusals that the plan means to meet, by code.
pub(super) type Refusals = BTreeMap<&'static str, u64>;

/// Makes what is not there yet: a province half made is completed, one that is there is left as it is (`None`). Another
/// refusal than those that are meant ends it.
pub(super) async fn make(service: &Service, plan: &Plan, seed: u64) -> Result<Option<Refusals>, CliError> {
    let head = service.store().head().await?;
    if plan.events() <= head.0.unsigned_abs() {
        return Ok(None);
    }
    // Mistakes write nothing, and met a state that is gone where a province is completed: they are made once.
    let completes = 0 < head.0;
    catalogue(service, plan).await?;
    let done = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for agency in 0..plan.agencies.len() {
        let maker = Maker { service: service.clone(), seed };
        let acts: Vec<(Dossier, Instant, Act, usize)> = plan.acts_of(agency);
        let code = plan.agencies[agency].code.clone();
        let done = Arc::clone(&done);
        tasks.spawn(async move {
            let mut refusals = Refusals::new();
            for (dossier, at, act, nth) in acts {
                if completes && matches!(act, Act::Refused { .. }) {
                    continue;
                }
                if let Some(code) = maker.perform(&code, &dossier, at, &act, nth).await? {
                    *refusals.entry(code).or_default() += 1;
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, CliError>(refusals)
        });
    }
    let mut refusals = Refusals::new();
    let mut progress = output::Progress::new("making the province", plan.acts());
    let mut every = tokio::time::interval(std::time::Duration::from_millis(200));
    loop {
        tokio::select! {
            task = tasks.join_next() => match task {
                Some(task) => {
                    for (code, count) in task.map_err(|error| CliError::Refused(error.to_string()))?? {
                        *refusals.entry(code).or_default() += count;
                    }
                }
                None => break,
            },
            _ = every.tick() => progress.set(done.load(Ordering::Relaxed)),
        }
    }
    progress.finish();
    Ok(Some(refusals))
}

async fn catalogue(service: &Service, plan: &Plan) -> Result<(), CliError> {
    let admin = caller("admin", "demo", &plan.agencies[0].code, plan.end - plan::YEAR)?;
    for agency in &plan.agencies {
        let key = Uuid::new_v5(&NAMESPACE, agency.code.as_bytes());
        let input = EstablishAgencyInput {
            parent: agency.parent.map(|parent| plan.agencies[parent].code.clone()),
            ..EstablishAgencyInput::new(key, &agency.code, &agency.name)
        };
        service.establish_agency(&admin, &input).await?;
    }
    for procedure in &plan.procedures {
        service.publish_procedure(&admin, &procedure.code, &procedure.definition, &[]).await?;
    }
    Ok(())
}

fn caller(group: &str, name: &str, agency: &str, at: Instant) -> Result<Caller, ServiceError> {
    let principal = development_token::parse(&format!("dev:{group}:{name}@{agency}"))
        .map_err(|error| Problem::invalid("token", error.to_string()))?;
    Ok(Caller { principal, via: Via::Demo, traceparent: None, purpose: Purpose::default(), at: Some(at) })
}

fn payment(on: OnDossier, dossier: &Dossier, obligation: u32, amount: u64) -> RecordPaymentInput {
    RecordPaymentInput {
        on,
        obligation,
        order: format!("MAU-{}-{obligation}", dossier.number),
        amount: Vnd(amount),
        method: PaymentMethod::NationalGateway,
    }
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

    /// The code of the refusal that was meant, if one was.
    async fn perform(
        &self,
        agency: &str,
        dossier: &Dossier,
        at: Instant,
        act: &Act,
        nth: usize,
    ) -> Result<Option<&'static str>, CliError> {
        let (act, meant) = match act {
            Act::Refused { act, code } => (act.as_ref(), Some(*code)),
            act => (act, None),
        };
        match (self.ask(agency, dossier, at, act, nth).await, meant) {
            (Ok(_), None) => Ok(None),
            (Err(ServiceError::Problem(problem)), Some(code)) if problem.code() == code => Ok(Some(code)),
            (outcome, meant) => {
                tracing::error!(
                    dossier = dossier.number,
                    nth,
                    ?act,
                    ?meant,
                    "another outcome than was meant"
                );
                outcome?;
                Err(CliError::Refused(format!("dossier {}: {act:?} was not refused", dossier.number)))
            }
        }
    }

    async fn ask(
        &self,
        agency: &str,
        dossier: &Dossier,
        at: Instant,
        act: &Act,
        nth: usize,
    ) -> Result<Accepted, ServiceError> {
        let service = &self.service;
        let intake = || caller("intake", &format!("tiep-nhan@{agency}"), agency, at);
        let on = || OnDossier {
            idempotency_key: self.key(dossier, nth),
            dossier_id: self.dossier_id(agency, dossier),
            expected_version: None,
        };
        let note = None;
        let by = |group: &str, name: &str| caller(group, &format!("{name}@{agency}"), agency, at);
        let leader = || by("leader", "lanh-dao");
        let reason = |text: &str| ReasonInput { on: on(), reason: text.to_owned() };
        let no_note = || NoteInput { on: on(), note: None };
        match act {
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
                service.forward_dossier(&by(group, from)?, &input).await
            }
            Act::CompleteStep { by: officer, step } => {
                let input = CompleteStepInput { on: on(), step: step.to_string(), note };
                service.complete_step(&by("officer", officer)?, &input).await
            }
            Act::RequestSupplement { by: officer } => {
                let reason = "Đề nghị bổ sung bản vẽ (MẪU).".to_owned();
                let input = SupplementInput { on: on(), reason, papers: None, answer_by: None };
                service.request_supplement(&by("officer", officer)?, &input).await
            }
            Act::ReceiveSupplement => {
                service.receive_supplement(&intake()?, &AnswerInput { on: on(), note, papers: None }).await
            }
            Act::Finish { outcome } => {
                let input = FinishProcessingInput { on: on(), outcome: *outcome, note };
                service.finish_processing(&leader()?, &input).await
            }
            Act::Return(method) => {
                service
                    .return_result(&intake()?, &ReturnResultInput { on: on(), method: *method, note })
                    .await
            }
            Act::Withdraw => {
                service.withdraw_dossier(&intake()?, &WithdrawDossierInput { on: on(), reason: None }).await
            }
            Act::Notify(about) => {
                let input = NotifyApplicantInput { on: on(), about: *about, by: NoticeChannel::Sms, note };
                service.notify_applicant(&intake()?, &input).await
            }
            Act::Send { to } => {
                let input = SendDossierInput { on: on(), agency: to.clone(), note };
                service.send_dossier(&leader()?, &input).await
            }
            Act::SendBack { at: there } => {
                let input = reason("Thiếu hồ sơ giấy (MẪU).");
                service
                    .send_dossier_back(&caller("leader", &format!("lanh-dao@{there}"), there, at)?, &input)
                    .await
            }
            Act::Recall => service.recall_dossier(&leader()?, &no_note()).await,
            Act::RequestOpinion { by: officer, from } => {
                let question = "Có phù hợp quy hoạch không? (MẪU)".to_owned();
                let input = RequestOpinionInput { on: on(), agency: from.clone(), question, answer_by: None };
                service.request_opinion(&by("officer", officer)?, &input).await
            }
            Act::GiveOpinion { at: there } => {
                let input =
                    GiveOpinionInput { on: on(), opinion: 1, answer: "Phù hợp (MẪU).".to_owned() };
                service
                    .give_opinion(&caller("officer", &format!("chuyen-vien-1@{there}"), there, at)?, &input)
                    .await
            }
            Act::Propose { by: officer, outcome } => {
                let input = ProposeOutcomeInput { on: on(), outcome: *outcome, note };
                service.propose_outcome(&by("officer", officer)?, &input).await
            }
            Act::RequestRework => service.request_rework(&leader()?, &reason("Chưa đủ căn cứ (MẪU).")).await,
            Act::Approve => service.approve_proposal(&leader()?, &no_note()).await,
            Act::Sign => service.sign_decision(&leader()?, &no_note()).await,
            Act::Issue => {
                let input = IssueDecisionInput { on: on(), number: format!("{}/MẪU", dossier.number) };
                service.issue_decision(&leader()?, &input).await
            }
            Act::Pause { by: officer, reason } => {
                let input = PauseDossierInput { on: on(), reason: *reason, note, until: None };
                service.pause_dossier(&by("officer", officer)?, &input).await
            }
            Act::Resume { by: officer } => service.resume_dossier(&by("officer", officer)?, &no_note()).await,
            Act::AskForMoney { kind, amount, stops_clock } => {
                let (kind, amount, stops_clock) = (*kind, Vnd(*amount), *stops_clock);
                let input =
                    RequestObligationInput { on: on(), kind, amount, note, pay_by: None, stops_clock };
                service.request_obligation(&intake()?, &input).await
            }
            Act::PayTax { amount } => {
                let input = payment(on(), dossier, plan::TAX, *amount);
                service.record_payment(&intake()?, &input).await
            }
            Act::PayFee { obligation, amount } => {
                let input = payment(on(), dossier, *obligation, *amount);
                service.record_payment(&intake()?, &input).await
            }
            Act::WaiveTax => {
                let reason = "Hộ nghèo (MẪU).".to_owned();
                let input = WaiveObligationInput { on: on(), obligation: plan::TAX, reason };
                service.waive_obligation(&leader()?, &input).await
            }
            Act::Extend(due_at) => {
                let input = ExtendDossierInput {
                    on: on(),
                    reason: "Phải xác minh thêm (MẪU).".to_owned(),
                    due_at: due_at.with_timezone(&VIETNAM),
                    signed_by: "Lãnh đạo (MẪU)".to_owned(),
                };
                service.extend_dossier(&leader()?, &input).await
            }
            Act::Stop => service.stop_dossier(&leader()?, &reason("Chủ hồ sơ đề nghị dừng (MẪU).")).await,
            Act::Correct { group, by: who } => {
                service.correct_last(&by(group, who)?, &reason("Bấm nhầm hồ sơ (MẪU).")).await
            }
            // Only ever inside of nothing: `perform` has taken it apart.
            Act::Refused { .. } => Err(Problem::invalid("act", "refused twice").into()),
        }
    }

    /// Who files: the applicant online, the intake officer at the counter.
    fn applicant(&self, agency: &str, dossier: &Dossier, at: Instant) -> Result<Caller, ServiceError> {
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
                account_id: None,
                name: dossier.applicant.clone(),
                id_number: Some(format!("000{:09}", dossier.number)),
                phone: Some(format!("0000{:06}", dossier.number)),
                email: None,
                address: Some(format!("Thôn {} (MẪU)", dossier.number % 20 + 1)),
            },
            delegate: None,
            subject: Some(format!("Hồ sơ mẫu số {}", dossier.number)),
            form: None,
            papers: None,
        }
    }
}

/// The channel of a registration, by chance.
const REGISTER_CHANNELS: [Channel; 5] =
    [Channel::Counter, Channel::Counter, Channel::Counter, Channel::Counter, Channel::Post];
