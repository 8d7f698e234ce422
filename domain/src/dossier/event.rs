//! What is written about a dossier, for ever. The business time is on the envelope. An event stores what was decided
//! from outside (law, calendar, officer), never what can be folded from its own stream.

mod private;

use serde::{Deserialize, Serialize};

use super::Agencies;
use crate::calendar::CalendarVersion;
use crate::codes::{Digest, DossierCode, MediaType, OrderCode, PaperCode, ProcedureCode, StepCode, UnitCode};
use crate::decider::events;
use crate::identity::{AgencyId, FileId, KeyId, PrincipalId, ProcedureId};
use crate::private::Private;
use crate::time::Instant;
use crate::working_time::{DuePolicy, OfficeHours, Term};

events! {
    /// Facts about a dossier.
    #[expect(clippy::large_enum_variant, reason = "events are few and short-lived; a box would be one more allocation")]
    pub enum Event {
        "dossier.submitted.v1" => Submitted,
        "dossier.intake_supplement_requested.v1" => IntakeSupplementRequested,
        "dossier.intake_supplement_received.v1" => IntakeSupplementReceived,
        "dossier.refused.v1" => Refused,
        "dossier.received.v1" => Received,
        "dossier.forwarded.v1" => Forwarded,
        "dossier.step_completed.v1" => StepCompleted,
        "dossier.supplement_requested.v1" => SupplementRequested,
        "dossier.supplement_received.v1" => SupplementReceived,
        "dossier.processing_finished.v1" => ProcessingFinished,
        "dossier.result_returned.v1" => ResultReturned,
        "dossier.withdrawn.v1" => Withdrawn,
        "dossier.paused.v1" => Paused,
        "dossier.resumed.v1" => Resumed,
        "dossier.sent.v1" => Sent,
        "dossier.accepted.v1" => Accepted,
        "dossier.sent_back.v1" => SentBack,
        "dossier.recalled.v1" => Recalled,
        "dossier.opinion_requested.v1" => OpinionRequested,
        "dossier.opinion_given.v1" => OpinionGiven,
        "dossier.proposed.v1" => Proposed,
        "dossier.approved.v1" => Approved,
        "dossier.rework_requested.v1" => ReworkRequested,
        "dossier.signed.v1" => Signed,
        "dossier.issued.v1" => Issued,
        "dossier.obligation_requested.v1" => ObligationRequested,
        "dossier.payment_recorded.v1" => PaymentRecorded,
        "dossier.obligation_waived.v1" => ObligationWaived,
        "dossier.payment_refunded.v1" => PaymentRefunded,
        "dossier.extended.v1" => Extended,
        "dossier.stopped.v1" => Stopped,
        "dossier.applicant_notified.v1" => ApplicantNotified,
        "dossier.corrected.v1" => Corrected,
        "dossier.carried_over.v1" => CarriedOver,
        "dossier.file_attached.v1" => FileAttached,
        "dossier.delegate_named.v1" => DelegateNamed,
        "dossier.delegate_removed.v1" => DelegateRemoved,
    }
}

impl Event {
    /// A paper came, or the applicant said who acts for them: the office has done nothing, and can take back what it could
    /// take back before.
    pub fn is_beside_the_work(&self) -> bool {
        match self {
            Self::FileAttached(attached) => attached.purpose == FilePurpose::Paper,
            Self::DelegateNamed(_) | Self::DelegateRemoved(_) => true,
            Self::Submitted(_)
            | Self::IntakeSupplementRequested(_)
            | Self::IntakeSupplementReceived(_)
            | Self::Refused(_)
            | Self::Received(_)
            | Self::Forwarded(_)
            | Self::StepCompleted(_)
            | Self::SupplementRequested(_)
            | Self::SupplementReceived(_)
            | Self::ProcessingFinished(_)
            | Self::ResultReturned(_)
            | Self::Withdrawn(_)
            | Self::Paused(_)
            | Self::Resumed(_)
            | Self::Sent(_)
            | Self::Accepted(_)
            | Self::SentBack(_)
            | Self::Recalled(_)
            | Self::OpinionRequested(_)
            | Self::OpinionGiven(_)
            | Self::Proposed(_)
            | Self::Approved(_)
            | Self::ReworkRequested(_)
            | Self::Signed(_)
            | Self::Issued(_)
            | Self::ObligationRequested(_)
            | Self::PaymentRecorded(_)
            | Self::ObligationWaived(_)
            | Self::PaymentRefunded(_)
            | Self::Extended(_)
            | Self::Stopped(_)
            | Self::ApplicantNotified(_)
            | Self::Corrected(_)
            | Self::CarriedOver(_) => false,
        }
    }
}

/// The dossier entered the system and has its code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    pub code: DossierCode,
    pub code_rule: CodeRule,
    pub procedure: ProcedureRef,
    pub agencies: Agencies,
    pub channel: Channel,
    /// Seals the free text of this dossier.
    pub dossier_key: KeyId,
    pub applicant: Applicant,
    /// Who files it for the applicant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegate: Option<Box<Delegate>>,
    /// Trích yếu: what is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Private>,
    /// The form's answers as one JSON object, but those that the form marks as public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Private>,
    /// The answers that the form of the procedure version marks as public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_form: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<PaperCode>,
    /// Until when the office has to say whether it is received (8 working hours after an online submission by default).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Instant>,
    /// Set on dossiers taken over from another system: the name of the source and the case in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<ImportedFrom>,
}

/// Which rule gave the code its date: the receiving agency's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeRule {
    /// Online: an applicant must be able to look it up, and the national feed wants it in every state.
    AtSubmission,
    /// At the counter and by post: the day of receipt (TT 01/2018/TT-VPCP, Art. 19).
    AtReceipt,
}

/// The version in force when the dossier entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureRef {
    pub id: ProcedureId,
    pub code: ProcedureCode,
    pub version: u32,
}

/// The way the dossier came in. National codes (KenhThucHien): 1 counter, 2 online, 3 post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Online,
    Counter,
    Post,
    Email,
    Internal,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applicant {
    /// Seals what is about this person in this dossier; no two dossiers share it.
    pub key: KeyId,
    pub kind: ApplicantKind,
    /// Whose dossier it is to follow and act on online; nobody's where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<PrincipalId>,
    pub name: Private,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_number: Option<Private>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Private>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Private>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Private>,
}

/// Người được ủy quyền: acts for the applicant in this dossier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delegate {
    /// Seals what is about this person, and tells one delegate of a dossier from another.
    pub key: KeyId,
    /// Who acts online; nobody where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<PrincipalId>,
    pub name: Private,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_number: Option<Private>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Private>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Private>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Private>,
}

/// Ủy quyền: who acts for the applicant from now on, in the place of an earlier one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DelegateNamed {
    pub delegate: Delegate,
}

/// Chấm dứt ủy quyền.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DelegateRemoved {
    /// The key of the one who was.
    pub delegate: KeyId,
}

/// LoaiDoiTuong of the national feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicantKind {
    Citizen,
    Enterprise,
    StateAgency,
    OtherOrganisation,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportedFrom {
    pub source: String,
    pub case: String,
}

/// What is missing, why, and until when it is waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupplementRequest {
    pub reason: Private,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<PaperCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Instant>,
}

/// What was brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<PaperCode>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntakeSupplementRequested {
    #[serde(flatten)]
    pub request: SupplementRequest,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntakeSupplementReceived {
    #[serde(flatten)]
    pub supply: Answer,
    /// As of the submission, counted afresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    pub reason: Private,
}

/// The clock starts and the appointment is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Received {
    pub term: Term,
    /// `None`: the procedure gives no appointment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Instant>,
    /// What the due instant was computed with, so that it can be computed again.
    pub calendar: CalendarVersion,
    pub office_hours: OfficeHours,
    pub due_policy: DuePolicy,
    pub holder: Holder,
}

/// Who has the dossier in hand. A unit is a code, not a text: it is stored in the clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub agency: AgencyId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<PrincipalId>,
}

impl Holder {
    /// The same people and unit under another agency.
    pub(super) fn carried_over(self, from: AgencyId, to: AgencyId) -> Self {
        if self.agency == from { Self { agency: to, ..self } } else { self }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forwarded {
    pub to: Holder,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepCompleted {
    pub step: StepCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anomalies: Vec<Anomaly>,
}

/// The clock stops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupplementRequested {
    #[serde(flatten)]
    pub request: SupplementRequest,
}

/// The clock runs again, towards this due instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupplementReceived {
    #[serde(flatten)]
    pub supply: Answer,
    #[serde(flatten)]
    pub clock: Resumption,
}

/// Where a clock that runs again leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resumption {
    /// What the applicant is promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Instant>,
    /// What the law measures by, where it is another: without the extension, or with a pause that moves no promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_due_at: Option<Instant>,
    pub calendar: CalendarVersion,
}

/// The end of processing (NgayKetThucXuLy).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessingFinished {
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anomalies: Vec<Anomaly>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The result asked for is issued.
    Granted,
    /// Examined and not granted, with reasons: not a refusal at intake.
    Declined,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultReturned {
    pub method: ReturnMethod,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnMethod {
    Counter,
    Post,
    Online,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Withdrawn {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Private>,
}

/// The clock stops for another reason than a supplement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paused {
    pub reason: PauseReason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
    /// When it is expected to run again; nothing happens by itself then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
}

/// Why a clock stands still (DOMAIN 1.5). A supplement has events of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Nghĩa vụ tài chính: taxes and fees that the applicant has to pay first. National state 6.
    FinancialObligation,
    /// Niêm yết công khai. National state 4: it is being processed.
    PublicPosting,
    /// Another agency's part, where the procedure does not count it. National state 4.
    OtherAgency,
    /// Tạm dừng by decision. National state 8.
    Suspension,
}

/// The clock runs again after another pause than that for a supplement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resumed {
    #[serde(flatten)]
    pub clock: Resumption,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

/// Under way to another agency; the sender holds it until it is accepted there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    pub to: AgencyId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

/// The other agency has it. The clock goes on as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    pub holder: Holder,
}

/// The other agency does not take it; the sender keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentBack {
    pub reason: Private,
}

/// Taken back by who handed it over, before anybody had begun (thu hồi).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalled {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Private>,
}

/// Another agency is asked for its opinion while the dossier stays here and the clock runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpinionRequested {
    /// Of this dossier, from 1.
    pub opinion: u32,
    pub from: AgencyId,
    pub question: Private,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpinionGiven {
    pub opinion: u32,
    pub answer: Private,
}

/// The officer proposes how to decide (trình duyệt).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposed {
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

/// A leader agrees to the proposal (xét duyệt).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approved {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

/// A leader does not agree: it is to be processed again (yêu cầu thụ lý lại).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReworkRequested {
    pub reason: Private,
}

/// Signed (ký duyệt).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

/// The document has its number and stamp (văn thư phát hành).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Issued {
    /// Số, ký hiệu: may name a person's case, so it is sealed.
    pub number: Private,
}

/// The applicant has to pay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObligationRequested {
    /// Of this dossier, from 1.
    pub obligation: u32,
    pub kind: ObligationKind,
    /// In đồng.
    pub amount_vnd: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_by: Option<Instant>,
    /// The clock stands still until it is paid or waived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stops_clock: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObligationKind {
    /// Phí.
    Charge,
    /// Lệ phí.
    Fee,
    /// Thuế.
    Tax,
}

/// Money has come in. An order is recorded once, however often its message arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentRecorded {
    pub obligation: u32,
    pub order: OrderCode,
    pub amount_vnd: u64,
    pub method: PaymentMethod,
}

/// DuocThanhToanTrucTuyen of the national feed: 1 and 2 are online, 3 is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    Cash,
    BankTransfer,
    /// Through the National Public Service Portal.
    NationalGateway,
    /// Through a gateway of the ministry or province.
    LocalGateway,
}

/// The obligation is lifted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObligationWaived {
    pub obligation: u32,
    pub reason: Private,
}

/// The whole amount of an order went back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentRefunded {
    pub order: OrderCode,
    pub reason: Private,
}

/// Apology and new appointment (văn bản xin lỗi và đề nghị gia hạn). The law goes on measuring by the old one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extended {
    pub reason: Private,
    pub due_at: Instant,
    /// Who signed the letter, as printed.
    pub signed_by: Private,
}

/// Processing ends without a result (dừng giải quyết). National state 8.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    pub reason: Private,
}

/// The applicant was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplicantNotified {
    pub about: Notice,
    pub by: NoticeChannel,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    Received,
    Refused,
    SupplementNeeded,
    PaymentNeeded,
    Extended,
    Stopped,
    ResultReady,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeChannel {
    Sms,
    Email,
    Portal,
    Telephone,
    Letter,
    InPerson,
}

/// The event before this one was a mistake: everything is as it was before it. Statistics follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Corrected {
    pub what: Correctable,
    pub reason: Private,
}

/// An agency is there no more, and another has its place in this dossier, whatever it was. The clock goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarriedOver {
    pub from: AgencyId,
    pub to: AgencyId,
}

/// What can be taken back as long as nothing else has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correctable {
    Refused,
    StepCompleted,
    ProcessingFinished,
    ResultReturned,
    Stopped,
    Withdrawn,
}

/// A digitised paper or result. Its content was in the content store, and on disk, before this was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileAttached {
    pub file: FileId,
    pub purpose: FilePurpose,
    /// Which paper it is; for a result, if it is one that has a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<PaperCode>,
    pub media_type: MediaType,
    /// Of the content as it was sent, in bytes.
    pub size: u64,
    /// Of the object in the content store: what is compared without any key.
    pub sha256: Digest,
    /// The dossier key that wraps the file's own.
    pub key: KeyId,
    /// As the sender calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Private>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilePurpose {
    /// Thành phần hồ sơ: a paper that was handed in, digitised.
    Paper,
    /// Kết quả giải quyết: what is handed out.
    Result,
}

/// Something odd in the source of an import. It is written down and counted; nothing is dropped or corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anomaly {
    /// The business time lies before one already written.
    BeforePrevious,
    StepNotInProcedure,
    EndedBeforeStart,
    EndedBeforeFirstActivity,
    ActivitiesAfterEnd {
        count: u32,
    },
}
