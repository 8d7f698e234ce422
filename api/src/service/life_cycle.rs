//! Commands on dossiers beside the main line: hand-overs between agencies, opinions, the decision, money, pauses,
//! extension, stop, notices and corrections.

use domain::codes::OrderCode;
use domain::dossier::{Act, Command, Extend, Holder, RecordPayment, RequestObligation, WorkingTime};
use domain::identity::PrincipalId;
use domain::time::truncate;
use serde::Serialize;

use super::dossiers::{NAME_CHARS_MAX, NOTE_CHARS_MAX, note, reason, required, unit};
use super::{Accepted, Caller, Service};
use crate::input::{
    AcceptDossierInput, ExtendDossierInput, GiveOpinionInput, IssueDecisionInput, NoteInput,
    NotifyApplicantInput, OnDossier, PauseDossierInput, ProposeOutcomeInput, ReasonInput, RecordPaymentInput,
    RequestObligationInput, RequestOpinionInput, SendDossierInput, WaiveObligationInput,
};
use crate::problem::{Problem, ServiceError};

impl Service {
    /// Chuyển hồ sơ sang cơ quan khác.
    pub async fn send_dossier(
        &self,
        caller: &Caller,
        input: &SendDossierInput,
    ) -> Result<Accepted, ServiceError> {
        if let Err(before) = self.filed(caller, "sendDossier", &input.on, input, Act::Send).await? {
            return Ok(before);
        }
        let to = self.agency_on("agency", &input.agency, self.today(caller)).await?.0;
        let command = Command::Send { to, note: note(input.note.as_deref())? };
        self.act(caller, "sendDossier", &input.on, input, command).await
    }

    /// Nhận hồ sơ cơ quan khác chuyển đến.
    pub async fn accept_dossier(
        &self,
        caller: &Caller,
        input: &AcceptDossierInput,
    ) -> Result<Accepted, ServiceError> {
        let agency = caller.principal.acting_as.agency;
        let (unit, assignee) = (unit(input.unit.as_deref())?, input.assignee.map(PrincipalId));
        let command = Command::Accept { holder: Holder { agency, unit, assignee } };
        self.act(caller, "acceptDossier", &input.on, input, command).await
    }

    /// Không nhận, trả lại cơ quan chuyển.
    pub async fn send_dossier_back(
        &self,
        caller: &Caller,
        input: &ReasonInput,
    ) -> Result<Accepted, ServiceError> {
        let command = Command::SendBack { reason: reason(&input.reason)? };
        self.act(caller, "sendDossierBack", &input.on, input, command).await
    }

    /// Thu hồi.
    pub async fn recall_dossier(&self, caller: &Caller, input: &NoteInput) -> Result<Accepted, ServiceError> {
        let command = Command::Recall { reason: note(input.note.as_deref())? };
        self.act(caller, "recallDossier", &input.on, input, command).await
    }

    /// Lấy ý kiến.
    pub async fn request_opinion(
        &self,
        caller: &Caller,
        input: &RequestOpinionInput,
    ) -> Result<Accepted, ServiceError> {
        if let Err(before) =
            self.filed(caller, "requestOpinion", &input.on, input, Act::RequestOpinion).await?
        {
            return Ok(before);
        }
        let command = Command::RequestOpinion {
            from: self.agency_on("agency", &input.agency, self.today(caller)).await?.0,
            question: required("question", &input.question, NOTE_CHARS_MAX)?,
            answer_by: input.answer_by.map(|at| truncate(at.into())),
        };
        self.act(caller, "requestOpinion", &input.on, input, command).await
    }

    /// Cho ý kiến.
    pub async fn give_opinion(
        &self,
        caller: &Caller,
        input: &GiveOpinionInput,
    ) -> Result<Accepted, ServiceError> {
        let opinion = input.opinion;
        let answer = required("answer", &input.answer, NOTE_CHARS_MAX)?;
        let command = Command::GiveOpinion { opinion, answer };
        self.act(caller, "giveOpinion", &input.on, input, command).await
    }

    /// Trình duyệt.
    pub async fn propose_outcome(
        &self,
        caller: &Caller,
        input: &ProposeOutcomeInput,
    ) -> Result<Accepted, ServiceError> {
        let command = Command::Propose { outcome: input.outcome.into(), note: note(input.note.as_deref())? };
        self.act(caller, "proposeOutcome", &input.on, input, command).await
    }

    /// Xét duyệt.
    pub async fn approve_proposal(
        &self,
        caller: &Caller,
        input: &NoteInput,
    ) -> Result<Accepted, ServiceError> {
        let command = Command::Approve { note: note(input.note.as_deref())? };
        self.act(caller, "approveProposal", &input.on, input, command).await
    }

    /// Yêu cầu thụ lý lại.
    pub async fn request_rework(
        &self,
        caller: &Caller,
        input: &ReasonInput,
    ) -> Result<Accepted, ServiceError> {
        let command = Command::RequestRework { reason: reason(&input.reason)? };
        self.act(caller, "requestRework", &input.on, input, command).await
    }

    /// Ký duyệt.
    pub async fn sign_decision(&self, caller: &Caller, input: &NoteInput) -> Result<Accepted, ServiceError> {
        let command = Command::Sign { note: note(input.note.as_deref())? };
        self.act(caller, "signDecision", &input.on, input, command).await
    }

    /// Phát hành.
    pub async fn issue_decision(
        &self,
        caller: &Caller,
        input: &IssueDecisionInput,
    ) -> Result<Accepted, ServiceError> {
        let command = Command::Issue { number: required("number", &input.number, NAME_CHARS_MAX)? };
        self.act(caller, "issueDecision", &input.on, input, command).await
    }

    /// Tạm dừng tính thời hạn.
    pub async fn pause_dossier(
        &self,
        caller: &Caller,
        input: &PauseDossierInput,
    ) -> Result<Accepted, ServiceError> {
        let command = Command::Pause {
            reason: input.reason.into(),
            note: note(input.note.as_deref())?,
            until: input.until.map(|at| truncate(at.into())),
        };
        self.act(caller, "pauseDossier", &input.on, input, command).await
    }

    /// Tiếp tục giải quyết.
    pub async fn resume_dossier(&self, caller: &Caller, input: &NoteInput) -> Result<Accepted, ServiceError> {
        let note = note(input.note.as_deref())?;
        let command = |rules| Command::Resume { note: note.clone(), rules };
        self.act_with_rules(caller, "resumeDossier", &input.on, input, Act::Resume, command).await
    }

    /// Yêu cầu thực hiện nghĩa vụ tài chính.
    pub async fn request_obligation(
        &self,
        caller: &Caller,
        input: &RequestObligationInput,
    ) -> Result<Accepted, ServiceError> {
        let command = Command::RequestObligation(RequestObligation {
            kind: input.kind.into(),
            amount_vnd: input.amount.0,
            note: note(input.note.as_deref())?,
            pay_by: input.pay_by.map(|at| truncate(at.into())),
            stops_clock: input.stops_clock,
        });
        self.act(caller, "requestObligation", &input.on, input, command).await
    }

    /// Ghi nhận thanh toán.
    pub async fn record_payment(
        &self,
        caller: &Caller,
        input: &RecordPaymentInput,
    ) -> Result<Accepted, ServiceError> {
        let order = OrderCode::parse(&input.order).map_err(Problem::code_of("order"))?;
        let command = |rules| {
            Command::RecordPayment(RecordPayment {
                obligation: input.obligation,
                order: order.clone(),
                amount_vnd: input.amount.0,
                method: input.method.into(),
                rules,
            })
        };
        self.act_with_rules(caller, "recordPayment", &input.on, input, Act::RecordPayment, command).await
    }

    /// Miễn, giảm.
    pub async fn waive_obligation(
        &self,
        caller: &Caller,
        input: &WaiveObligationInput,
    ) -> Result<Accepted, ServiceError> {
        let (obligation, reason) = (input.obligation, reason(&input.reason)?);
        let command = |rules| Command::Waive { obligation, reason: reason.clone(), rules };
        self.act_with_rules(caller, "waiveObligation", &input.on, input, Act::Waive, command).await
    }

    /// Xin lỗi và gia hạn.
    pub async fn extend_dossier(
        &self,
        caller: &Caller,
        input: &ExtendDossierInput,
    ) -> Result<Accepted, ServiceError> {
        let filed = match self.filed(caller, "extendDossier", &input.on, input, Act::Extend).await? {
            Ok(filed) => filed,
            Err(before) => return Ok(before),
        };
        let command = Command::Extend(Extend {
            reason: reason(&input.reason)?,
            due_at: truncate(input.due_at.into()),
            signed_by: required("signedBy", &input.signed_by, NAME_CHARS_MAX)?,
            extensions_max: self.definition(&filed).await?.policies.extensions_max,
        });
        self.act(caller, "extendDossier", &input.on, input, command).await
    }

    /// Dừng giải quyết.
    pub async fn stop_dossier(&self, caller: &Caller, input: &ReasonInput) -> Result<Accepted, ServiceError> {
        let command = Command::Stop { reason: reason(&input.reason)? };
        self.act(caller, "stopDossier", &input.on, input, command).await
    }

    /// Thông báo cho người nộp.
    pub async fn notify_applicant(
        &self,
        caller: &Caller,
        input: &NotifyApplicantInput,
    ) -> Result<Accepted, ServiceError> {
        let note = note(input.note.as_deref())?;
        let command = Command::Notify { about: input.about.into(), by: input.by.into(), note };
        self.act(caller, "notifyApplicant", &input.on, input, command).await
    }

    /// Đính chính thao tác vừa thực hiện.
    pub async fn correct_last(&self, caller: &Caller, input: &ReasonInput) -> Result<Accepted, ServiceError> {
        let reason = reason(&input.reason)?;
        self.act(caller, "correctLast", &input.on, input, Command::Correct { reason }).await
    }

    /// A command that lets the clock run again, with calendar and office hours of the receiving agency.
    async fn act_with_rules(
        &self,
        caller: &Caller,
        operation: &str,
        on: &OnDossier,
        canonical: &impl Serialize,
        act: Act,
        command: impl Fn(WorkingTime) -> Command,
    ) -> Result<Accepted, ServiceError> {
        let filed = match self.filed(caller, operation, on, canonical, act).await? {
            Ok(filed) => filed,
            Err(before) => return Ok(before),
        };
        let rules = self.working_time(caller, filed.agencies.receiving).await?;
        self.act(caller, operation, on, canonical, command(rules)).await
    }
}
