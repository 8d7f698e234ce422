//! What clients send, before it is parsed. Its JSON is the canonical request: the MAC that tells a retry from a reused
//! key is taken over it.

use async_graphql::{Enum, InputObject};
use chrono::{DateTime, FixedOffset};
use serde::Serialize;
use uuid::Uuid;

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
    pub form: Option<async_graphql::Json<serde_json::Value>>,
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

/// Chuyển hồ sơ, phân công.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ForwardDossierInput {
    pub on: OnDossier,
    /// Code of the agency it goes to; where it is now if absent.
    pub agency: Option<String>,
    pub unit: Option<String>,
    /// The officer it is assigned to.
    pub assignee: Option<Uuid>,
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

/// Khai báo cơ quan.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct EstablishAgencyInput {
    pub idempotency_key: Uuid,
    /// QCVN 102:2016/BTTTT, `000.00.16.H42`.
    pub code: String,
    pub name: String,
    /// Code of the agency above it.
    pub parent: Option<String>,
}

macro_rules! domain_enums {
    ($($here:ident => $there:path { $($variant:ident),+ })+) => {$(
        impl From<$here> for $there {
            fn from(value: $here) -> Self {
                match value { $($here::$variant => Self::$variant,)+ }
            }
        }
    )+};
}

domain_enums! {
    ApplicantKind => domain::dossier::ApplicantKind { Citizen, Enterprise, StateAgency, OtherOrganisation }
    Channel => domain::dossier::Channel { Online, Counter, Post, Email, Internal }
    ReturnMethod => domain::dossier::ReturnMethod { Counter, Post, Online }
    Outcome => domain::dossier::Outcome { Granted, Declined }
}
