//! What clients send, before it is parsed. Its JSON is the canonical request: the MAC that tells a retry from a reused
//! key is taken over it.

mod access;
mod administration;
mod disclosures;
mod payments;
pub(crate) mod period;
mod synchronisation;

pub use access::*;
pub use administration::*;
pub use async_graphql::Json;
use async_graphql::{Enum, InputObject, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, FixedOffset};
pub use disclosures::*;
pub use payments::*;
use serde::Serialize;
pub use synchronisation::*;
use uuid::Uuid;

/// An amount of đồng. Given as a number or as digits, returned as digits: amounts exceed 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Vnd(pub u64);

#[Scalar(specified_by_url = "https://www.iso.org/iso-4217-currency-codes.html")]
impl ScalarType for Vnd {
    fn parse(value: Value) -> InputValueResult<Self> {
        let amount = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        };
        amount.map(Self).ok_or_else(|| InputValueError::custom("not an amount of đồng"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// How the applicant is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum ApplicantKind {
    /// Người dân (LoaiDoiTuong 1).
    Citizen,
    /// Doanh nghiệp (LoaiDoiTuong 2).
    Enterprise,
    /// Cơ quan nhà nước (LoaiDoiTuong 3).
    StateAgency,
    /// Tổ chức khác (LoaiDoiTuong 4).
    OtherOrganisation,
}

/// The way a dossier comes in. KenhThucHien: 1 counter, 2 online, 3 post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum Channel {
    /// Trực tuyến.
    Online,
    /// Trực tiếp.
    Counter,
    /// Bưu chính công ích.
    Post,
    Email,
    Internal,
}

/// How a result is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum ReturnMethod {
    Counter,
    Post,
    Online,
}

/// What came of the processing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum Outcome {
    /// The result asked for is issued.
    Granted,
    /// Examined and not granted, with reasons.
    Declined,
}

/// Chủ hồ sơ. Everything here is sealed before it is written.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ApplicantInput {
    pub kind: ApplicantKind,
    /// ChuHoSo.
    pub name: String,
    /// SoDinhDanh.
    pub id_number: Option<String>,
    /// SoDienThoai.
    pub phone: Option<String>,
    pub email: Option<String>,
    pub address: Option<String>,
}

/// Nộp hồ sơ trực tuyến.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SubmitDossierInput {
    /// The same key again gets the first answer and writes nothing.
    pub idempotency_key: Uuid,
    /// MaTTHC.
    pub procedure: String,
    /// Code of the agency that takes it in (nơi tiếp nhận).
    pub receiving_agency: String,
    /// Code of the agency that decides (cơ quan có thẩm quyền); the receiving one if absent.
    pub competent_agency: Option<String>,
    /// Code of the agency that helped to file (nơi hỗ trợ).
    pub supporting_agency: Option<String>,
    pub applicant: ApplicantInput,
    /// TrichYeuHoSo, at most 1,000 characters.
    pub subject: Option<String>,
    /// The form's answers.
    pub form: Option<Json<serde_json::Value>>,
    /// Codes of the papers handed in.
    pub papers: Option<Vec<String>>,
}

/// Tiếp nhận hồ sơ nộp trực tiếp hoặc qua bưu chính: entering and receiving in one act.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RegisterDossierInput {
    pub submit: SubmitDossierInput,
    pub channel: Channel,
    /// NgayHenTra, where the procedure leaves it to the officer.
    pub appointment: Option<DateTime<FixedOffset>>,
    /// No appointment is given, where the procedure leaves it to the officer.
    #[graphql(default)]
    pub without_appointment: bool,
}

/// What every command on a dossier carries.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct OnDossier {
    /// The same key again gets the first answer and writes nothing.
    pub idempotency_key: Uuid,
    pub dossier_id: Uuid,
    /// The version that the client saw; another one is a conflict that says who did what since.
    pub expected_version: Option<i64>,
}

/// Yêu cầu bổ sung, hoàn thiện hồ sơ.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SupplementInput {
    pub on: OnDossier,
    /// What is missing and why.
    pub reason: String,
    pub papers: Option<Vec<String>>,
    pub answer_by: Option<DateTime<FixedOffset>>,
}

/// Nộp bổ sung.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct AnswerInput {
    pub on: OnDossier,
    pub note: Option<String>,
    pub papers: Option<Vec<String>>,
}

/// Từ chối tiếp nhận.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RefuseDossierInput {
    pub on: OnDossier,
    pub reason: String,
}

/// Tiếp nhận và hẹn trả.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ReceiveDossierInput {
    pub on: OnDossier,
    /// NgayHenTra, where the procedure leaves it to the officer.
    pub appointment: Option<DateTime<FixedOffset>>,
    /// No appointment is given, where the procedure leaves it to the officer.
    #[graphql(default)]
    pub without_appointment: bool,
}

/// Phân công, chuyển trong cơ quan.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ForwardDossierInput {
    pub on: OnDossier,
    /// Code of the unit, `PHONG_QUAN_LY_DO_THI`.
    pub unit: Option<String>,
    /// The officer it is assigned to.
    pub assignee: Option<Uuid>,
    pub note: Option<String>,
}

/// Chuyển hồ sơ sang cơ quan khác.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SendDossierInput {
    pub on: OnDossier,
    /// Code of the agency it goes to.
    pub agency: String,
    pub note: Option<String>,
}

/// Nhận hồ sơ cơ quan khác chuyển đến.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct AcceptDossierInput {
    pub on: OnDossier,
    pub unit: Option<String>,
    /// The officer it is assigned to.
    pub assignee: Option<Uuid>,
}

/// An act that needs a reason and nothing else.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ReasonInput {
    pub on: OnDossier,
    pub reason: String,
}

/// An act that may have a note.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct NoteInput {
    pub on: OnDossier,
    pub note: Option<String>,
}

/// Lấy ý kiến cơ quan khác.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RequestOpinionInput {
    pub on: OnDossier,
    /// Code of the agency that is asked.
    pub agency: String,
    pub question: String,
    pub answer_by: Option<DateTime<FixedOffset>>,
}

/// Cho ý kiến.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct GiveOpinionInput {
    pub on: OnDossier,
    /// Number of the question within the dossier.
    pub opinion: u32,
    pub answer: String,
}

/// Trình duyệt.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ProposeOutcomeInput {
    pub on: OnDossier,
    pub outcome: Outcome,
    pub note: Option<String>,
}

/// Phát hành.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct IssueDecisionInput {
    pub on: OnDossier,
    /// Số, ký hiệu văn bản.
    pub number: String,
}

/// Why a clock stands still. A supplement is asked for by a mutation of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum PauseReason {
    /// Thực hiện nghĩa vụ tài chính (TrangThaiHoSo 6).
    FinancialObligation,
    /// Niêm yết công khai.
    PublicPosting,
    /// Another agency's part, where the procedure does not count it.
    OtherAgency,
    /// Tạm dừng theo quyết định (TrangThaiHoSo 8).
    Suspension,
}

/// Tạm dừng tính thời hạn.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct PauseDossierInput {
    pub on: OnDossier,
    pub reason: PauseReason,
    pub note: Option<String>,
    /// When it is expected to go on; nothing happens by itself then.
    pub until: Option<DateTime<FixedOffset>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum ObligationKind {
    /// Phí.
    Charge,
    /// Lệ phí.
    Fee,
    /// Thuế.
    Tax,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum PaymentMethod {
    Cash,
    BankTransfer,
    /// Cổng Dịch vụ công Quốc gia.
    NationalGateway,
    /// Cổng thanh toán của bộ, ngành, địa phương.
    LocalGateway,
}

/// Yêu cầu thực hiện nghĩa vụ tài chính.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RequestObligationInput {
    pub on: OnDossier,
    pub kind: ObligationKind,
    pub amount: Vnd,
    pub note: Option<String>,
    pub pay_by: Option<DateTime<FixedOffset>>,
    /// The clock stands still until it is paid or waived.
    #[graphql(default)]
    pub stops_clock: bool,
}

/// Ghi nhận thanh toán. The same order again writes nothing.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RecordPaymentInput {
    pub on: OnDossier,
    /// Number of the obligation within the dossier.
    pub obligation: u32,
    /// As the gateway or the cash desk numbers it.
    pub order: String,
    pub amount: Vnd,
    pub method: PaymentMethod,
}

/// Miễn, giảm.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct WaiveObligationInput {
    pub on: OnDossier,
    pub obligation: u32,
    pub reason: String,
}

/// Hoàn trả.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RefundPaymentInput {
    pub on: OnDossier,
    pub order: String,
    pub reason: String,
}

/// Xin lỗi và gia hạn thời gian giải quyết.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ExtendDossierInput {
    pub on: OnDossier,
    pub reason: String,
    /// The new appointment.
    pub due_at: DateTime<FixedOffset>,
    /// Who signed the letter, as printed.
    pub signed_by: String,
}

/// What the applicant is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum Notice {
    Received,
    Refused,
    SupplementNeeded,
    PaymentNeeded,
    Extended,
    Stopped,
    ResultReady,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum NoticeChannel {
    Sms,
    Email,
    Portal,
    Telephone,
    Letter,
    InPerson,
}

/// Thông báo cho người nộp: that it was done, not the doing.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct NotifyApplicantInput {
    pub on: OnDossier,
    pub about: Notice,
    pub by: NoticeChannel,
    pub note: Option<String>,
}

/// Hoàn thành công việc của quy trình.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct CompleteStepInput {
    pub on: OnDossier,
    /// Code of the task, as in the procedure.
    pub step: String,
    pub note: Option<String>,
}

/// Kết thúc xử lý (NgayKetThucXuLy).
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct FinishProcessingInput {
    pub on: OnDossier,
    pub outcome: Outcome,
    pub note: Option<String>,
}

/// Trả kết quả (NgayTra).
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ReturnResultInput {
    pub on: OnDossier,
    pub method: ReturnMethod,
    pub note: Option<String>,
}

/// Công dân rút hồ sơ.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct WithdrawDossierInput {
    pub on: OnDossier,
    pub reason: Option<String>,
}

macro_rules! domain_enums {
    ($($here:ident => $there:path { $($variant:ident),+ })+) => {$(
        impl From<$here> for $there {
            fn from(value: $here) -> Self {
                match value { $($here::$variant => Self::$variant,)+ }
            }
        }

        impl From<$there> for $here {
            fn from(value: $there) -> Self {
                match value { $(<$there>::$variant => Self::$variant,)+ }
            }
        }
    )+};
}

domain_enums! {
    ApplicantKind => domain::dossier::ApplicantKind { Citizen, Enterprise, StateAgency, OtherOrganisation }
    Channel => domain::dossier::Channel { Online, Counter, Post, Email, Internal }
    ReturnMethod => domain::dossier::ReturnMethod { Counter, Post, Online }
    Outcome => domain::dossier::Outcome { Granted, Declined }
    PauseReason => domain::dossier::PauseReason { FinancialObligation, PublicPosting, OtherAgency, Suspension }
    ObligationKind => domain::dossier::ObligationKind { Charge, Fee, Tax }
    PaymentMethod => domain::dossier::PaymentMethod { Cash, BankTransfer, NationalGateway, LocalGateway }
    Notice => domain::dossier::Notice {
        Received, Refused, SupplementNeeded, PaymentNeeded, Extended, Stopped, ResultReady
    }
    NoticeChannel => domain::dossier::NoticeChannel { Sms, Email, Portal, Telephone, Letter, InPerson }
}
