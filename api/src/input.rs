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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Vnd(pub u64);

/// Số tiền, đơn vị đồng. An amount of money in VND. Given as a number or as digits, returned as digits: amounts exceed
/// 32 bits.
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

/// Loại đối tượng (LoaiDoiTuong). What kind of applicant it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum ApplicantKind {
    /// Người dân (LoaiDoiTuong 1). A citizen.
    Citizen,
    /// Doanh nghiệp (LoaiDoiTuong 2). An enterprise.
    Enterprise,
    /// Cơ quan nhà nước (LoaiDoiTuong 3). An agency of the state.
    StateAgency,
    /// Tổ chức khác (LoaiDoiTuong 4). Another organisation.
    OtherOrganisation,
}

/// Kênh thực hiện (KenhThucHien). The way a dossier comes in; the national codes are 1, 2 and 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum Channel {
    /// Trực tuyến (KenhThucHien 2). Online.
    Online,
    /// Trực tiếp (KenhThucHien 1). At the counter.
    Counter,
    /// Bưu chính công ích (KenhThucHien 3). By post.
    Post,
    /// Thư điện tử. By e-mail, as older systems had it.
    Email,
    /// Nội bộ cơ quan. From inside the office, as older systems had it.
    Internal,
}

/// Hình thức trả kết quả. How a result is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum ReturnMethod {
    /// Trả trực tiếp (HinhThuc 0). At the counter.
    Counter,
    /// Trả qua bưu chính công ích (HinhThuc 1). By post.
    Post,
    /// Trả trực tuyến. Online.
    Online,
}

/// Kết quả giải quyết. What came of the processing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum Outcome {
    /// Đồng ý giải quyết. The result asked for is issued.
    Granted,
    /// Không giải quyết, có nêu lý do. Examined and not granted, with reasons.
    Declined,
}

/// Chủ hồ sơ. Everything here is sealed before it is written.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ApplicantInput {
    /// Loại đối tượng (LoaiDoiTuong). What kind of applicant it is.
    pub kind: ApplicantKind,
    /// Tài khoản của chủ hồ sơ. Whose dossier it is to follow online: said at a counter only, where who files online is who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Uuid>,
    /// Tên chủ hồ sơ (ChuHoSo). The whole name of the person or body that the dossier is about.
    pub name: String,
    /// Số định danh (SoDinhDanh). Number of the identity card, or what an organisation is registered under.
    pub id_number: Option<String>,
    /// Số điện thoại (SoDienThoai). Where the applicant can be called.
    pub phone: Option<String>,
    /// Thư điện tử (Email). Where the applicant can be written to.
    pub email: Option<String>,
    /// Địa chỉ. Where the applicant lives or has its seat.
    pub address: Option<String>,
}

/// Người được ủy quyền. Who acts for the applicant; everything here but the account is sealed before it is written.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct DelegateInput {
    /// Tài khoản của người được ủy quyền. Who may act online, as `me` tells them their account; nobody if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Uuid>,
    /// Họ tên. At most 300 characters.
    pub name: String,
    /// Số định danh. Of an identity card or passport.
    pub id_number: Option<String>,
    /// Số điện thoại. As it is dialled.
    pub phone: Option<String>,
    /// Thư điện tử. An e-mail address.
    pub email: Option<String>,
    /// Địa chỉ. Where they live.
    pub address: Option<String>,
}

/// Ủy quyền. Lets somebody act for the applicant, in the place of an earlier one.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct NameDelegateInput {
    pub on: OnDossier,
    /// Người được ủy quyền. Who acts from now on.
    pub delegate: DelegateInput,
}

/// Chấm dứt ủy quyền. Nobody acts for the applicant any more.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RemoveDelegateInput {
    pub on: OnDossier,
}

/// Nhận kết quả trực tuyến. The applicant takes the result, which is a file.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct CollectResultInput {
    pub on: OnDossier,
}

/// Nộp hồ sơ trực tuyến. What is filed; the dossier gets its code.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SubmitDossierInput {
    pub idempotency_key: Uuid,
    /// Mã thủ tục hành chính (MaTTHC). Procedure code.
    pub procedure: String,
    /// Mã nơi tiếp nhận. Code of the agency that takes it in.
    pub receiving_agency: String,
    /// Mã cơ quan có thẩm quyền. Code of the agency that decides; the receiving one if absent.
    pub competent_agency: Option<String>,
    /// Mã nơi hỗ trợ. Code of the agency that helped to file.
    pub supporting_agency: Option<String>,
    /// Chủ hồ sơ (ChuHoSo). The person or body that the dossier is about.
    pub applicant: ApplicantInput,
    /// Người được ủy quyền nộp. Who files it for the applicant; online this is the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegate: Option<DelegateInput>,
    /// Trích yếu hồ sơ (TrichYeuHoSo). At most 1,000 characters; sealed before it is written.
    pub subject: Option<String>,
    /// Nội dung biểu mẫu điện tử. The form's answers, as the form of the procedure in force asks.
    pub form: Option<Json<serde_json::Value>>,
    /// Mã các thành phần hồ sơ (MaThanhPhanHoSo). Codes of the papers handed in.
    pub papers: Option<Vec<String>>,
}

/// Tiếp nhận hồ sơ nộp trực tiếp hoặc qua bưu chính. Entering and receiving in one act.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RegisterDossierInput {
    /// Nội dung hồ sơ. What is filed.
    pub submit: SubmitDossierInput,
    /// Kênh thực hiện (KenhThucHien). The way the dossier came in.
    pub channel: Channel,
    /// Ngày hẹn trả (NgayHenTra). Where the procedure leaves it to the officer.
    pub appointment: Option<DateTime<FixedOffset>>,
    /// Không hẹn ngày trả. No appointment is given, where the procedure leaves it to the officer.
    #[graphql(default)]
    pub without_appointment: bool,
}

/// Hồ sơ được thao tác. What every command on a dossier carries.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct OnDossier {
    pub idempotency_key: Uuid,
    pub dossier_id: Uuid,
    /// Phiên bản đã xem. The version that the client saw; another one is a conflict that says who did what since.
    pub expected_version: Option<i64>,
}

/// Yêu cầu bổ sung, hoàn thiện hồ sơ. What the applicant is told in one go.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SupplementInput {
    pub on: OnDossier,
    /// Nội dung cần bổ sung (NoiDungBoSung). What is missing and why.
    pub reason: String,
    /// Mã các giấy tờ còn thiếu. Codes of the papers that are missing.
    pub papers: Option<Vec<String>>,
    /// Hạn bổ sung. Until when it is waited for; no limit if absent.
    pub answer_by: Option<DateTime<FixedOffset>>,
}

/// Nộp bổ sung. What the applicant brought after a request.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct AnswerInput {
    pub on: OnDossier,
    pub note: Option<String>,
    /// Mã các thành phần hồ sơ đã nộp (MaThanhPhanHoSo). Codes of the papers that were brought.
    pub papers: Option<Vec<String>>,
}

/// Từ chối tiếp nhận. The dossier is not received.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RefuseDossierInput {
    pub on: OnDossier,
    /// Lý do từ chối. Why it is not received, as the applicant reads it.
    pub reason: String,
}

/// Tiếp nhận và hẹn trả. The clock starts, and the appointment is given.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ReceiveDossierInput {
    pub on: OnDossier,
    /// Ngày hẹn trả (NgayHenTra). Where the procedure leaves it to the officer.
    pub appointment: Option<DateTime<FixedOffset>>,
    /// Không hẹn ngày trả. No appointment is given, where the procedure leaves it to the officer.
    #[graphql(default)]
    pub without_appointment: bool,
}

/// Phân công, chuyển trong cơ quan. Into the hands of another unit or officer of the same agency.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ForwardDossierInput {
    pub on: OnDossier,
    /// Mã phòng, bộ phận. Code of the unit, such as `PHONG_QUAN_LY_DO_THI`.
    pub unit: Option<String>,
    /// Cán bộ được phân công. The officer it is assigned to.
    pub assignee: Option<Uuid>,
    pub note: Option<String>,
}

/// Chuyển hồ sơ sang cơ quan khác. The sender holds it until it is accepted there.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SendDossierInput {
    pub on: OnDossier,
    /// Mã cơ quan nhận. Code of the agency it goes to.
    pub agency: String,
    pub note: Option<String>,
}

/// Nhận hồ sơ cơ quan khác chuyển đến. The agency that it was sent to takes it in hand.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct AcceptDossierInput {
    pub on: OnDossier,
    /// Mã phòng, bộ phận nhận. Code of the unit that takes it; none if absent.
    pub unit: Option<String>,
    /// Cán bộ được phân công. The officer it is assigned to.
    pub assignee: Option<Uuid>,
}

/// Thao tác cần nêu lý do. An act that needs a reason and nothing else.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ReasonInput {
    pub on: OnDossier,
    /// Lý do. Why it is done, in words.
    pub reason: String,
}

/// Thao tác có thể kèm ghi chú. An act that may have a note.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct NoteInput {
    pub on: OnDossier,
    pub note: Option<String>,
}

/// Lấy ý kiến cơ quan khác. The dossier stays, and the clock goes on.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RequestOpinionInput {
    pub on: OnDossier,
    /// Mã cơ quan được lấy ý kiến. Code of the agency that is asked.
    pub agency: String,
    /// Nội dung lấy ý kiến. What is asked, in words.
    pub question: String,
    /// Hạn cho ý kiến. Until when an answer is hoped for; no limit if absent.
    pub answer_by: Option<DateTime<FixedOffset>>,
}

/// Cho ý kiến. What the agency that was asked says.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct GiveOpinionInput {
    pub on: OnDossier,
    /// Số thứ tự của yêu cầu lấy ý kiến. Number of the question within the dossier.
    pub opinion: u32,
    /// Nội dung ý kiến. The opinion, in words.
    pub answer: String,
}

/// Trình duyệt. The officer proposes how to decide.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ProposeOutcomeInput {
    pub on: OnDossier,
    /// Kết quả đề xuất. What is proposed.
    pub outcome: Outcome,
    pub note: Option<String>,
}

/// Phát hành. The document has its number and stamp.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct IssueDecisionInput {
    pub on: OnDossier,
    /// Số, ký hiệu văn bản. As printed on it.
    pub number: String,
}

/// Lý do tạm dừng tính thời hạn. Why a clock stands still. A supplement is asked for by a mutation of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum PauseReason {
    /// Thực hiện nghĩa vụ tài chính (TrangThaiHoSo 6). The applicant has something to pay.
    FinancialObligation,
    /// Niêm yết công khai. Something is posted in public for a time.
    PublicPosting,
    /// Phần việc của cơ quan khác. Only where the procedure does not count it.
    OtherAgency,
    /// Tạm dừng theo quyết định (TrangThaiHoSo 8). It goes on later.
    Suspension,
}

/// Tạm dừng tính thời hạn. The clock stands still until the dossier is resumed.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct PauseDossierInput {
    pub on: OnDossier,
    /// Lý do tạm dừng. Why the clock stands still.
    pub reason: PauseReason,
    pub note: Option<String>,
    /// Ngày dự kiến tiếp tục. When it is expected to go on; nothing happens by itself then.
    pub until: Option<DateTime<FixedOffset>>,
}

/// Loại nghĩa vụ tài chính. What it is to be paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum ObligationKind {
    /// Phí. A charge for a service.
    Charge,
    /// Lệ phí. A fee of the state.
    Fee,
    /// Thuế. A tax.
    Tax,
}

/// Hình thức thanh toán. How money came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum PaymentMethod {
    /// Tiền mặt. In cash.
    Cash,
    /// Chuyển khoản. By bank transfer.
    BankTransfer,
    /// Cổng Dịch vụ công quốc gia (DuocThanhToanTrucTuyen 1). Online, through the national gateway.
    NationalGateway,
    /// Cổng thanh toán của bộ, ngành, địa phương (DuocThanhToanTrucTuyen 2). Online, through the gateway of a
    /// ministry or province.
    LocalGateway,
}

/// Yêu cầu thực hiện nghĩa vụ tài chính. The applicant has to pay.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RequestObligationInput {
    pub on: OnDossier,
    /// Phí, lệ phí hoặc thuế. What it is to be paid for.
    pub kind: ObligationKind,
    /// Số tiền phải nộp. What is asked for.
    pub amount: Vnd,
    pub note: Option<String>,
    /// Hạn nộp. Until when it is waited for; no limit if absent.
    pub pay_by: Option<DateTime<FixedOffset>>,
    /// Tạm dừng tính thời hạn. The clock stands still until it is paid or waived.
    #[graphql(default)]
    pub stops_clock: bool,
}

/// Ghi nhận thanh toán. The same order again writes nothing.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RecordPaymentInput {
    pub on: OnDossier,
    /// Số thứ tự của nghĩa vụ tài chính. Number of the obligation within the dossier.
    pub obligation: u32,
    /// Số đơn, số biên lai. As the gateway or the cash desk numbers it.
    pub order: String,
    /// Số tiền đã nộp. What came in.
    pub amount: Vnd,
    /// Hình thức thanh toán. How it was paid.
    pub method: PaymentMethod,
}

/// Miễn, giảm. What is due of the obligation is due no more.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct WaiveObligationInput {
    pub on: OnDossier,
    /// Số thứ tự của nghĩa vụ tài chính. Number of the obligation within the dossier.
    pub obligation: u32,
    /// Lý do miễn, giảm. Why it is lifted, in words.
    pub reason: String,
}

/// Hoàn trả. The money of an order goes back.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RefundPaymentInput {
    pub on: OnDossier,
    /// Số đơn, số biên lai. What the payment was recorded under.
    pub order: String,
    /// Lý do hoàn trả. Why the money goes back, in words.
    pub reason: String,
}

/// Xin lỗi và gia hạn thời gian giải quyết. The law goes on measuring by the old appointment.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ExtendDossierInput {
    pub on: OnDossier,
    /// Lý do chậm. Why the result is late, as the applicant reads it in the letter.
    pub reason: String,
    /// Ngày hẹn trả mới (NgayHenTra). The new appointment.
    pub due_at: DateTime<FixedOffset>,
    /// Người ký văn bản xin lỗi. Who signed the letter, as printed.
    pub signed_by: String,
}

/// Nội dung thông báo. What the applicant is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum Notice {
    /// Đã tiếp nhận hồ sơ. The dossier was received.
    Received,
    /// Từ chối tiếp nhận hồ sơ. The dossier was not received.
    Refused,
    /// Yêu cầu bổ sung hồ sơ. Something is missing.
    SupplementNeeded,
    /// Yêu cầu thực hiện nghĩa vụ tài chính. There is something to pay.
    PaymentNeeded,
    /// Xin lỗi và hẹn lại ngày trả. The appointment was put off.
    Extended,
    /// Dừng giải quyết hồ sơ. Processing was stopped.
    Stopped,
    /// Đã có kết quả. The result can be fetched.
    ResultReady,
}

/// Hình thức thông báo. By which way the applicant was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum NoticeChannel {
    /// Tin nhắn SMS. By text message.
    Sms,
    /// Thư điện tử. By e-mail.
    Email,
    /// Trên cổng dịch vụ công. On the portal.
    Portal,
    /// Điện thoại. By telephone.
    Telephone,
    /// Văn bản gửi qua bưu chính. By letter.
    Letter,
    /// Thông báo trực tiếp. Face to face.
    InPerson,
}

/// Thông báo cho người nộp. That it was done, not the doing.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct NotifyApplicantInput {
    pub on: OnDossier,
    /// Nội dung thông báo. What the applicant was told.
    pub about: Notice,
    /// Hình thức thông báo. By which way they were told.
    pub by: NoticeChannel,
    pub note: Option<String>,
}

/// Hoàn thành công việc của quy trình. A task of the procedure was done.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct CompleteStepInput {
    pub on: OnDossier,
    /// Mã công việc. Code of the task, as in the procedure.
    pub step: String,
    pub note: Option<String>,
}

/// Kết thúc xử lý (NgayKetThucXuLy). The outcome is decided, and the clock ends.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct FinishProcessingInput {
    pub on: OnDossier,
    /// Kết quả giải quyết. What came of the processing.
    pub outcome: Outcome,
    pub note: Option<String>,
}

/// Trả kết quả (NgayTra). The applicant has the result.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ReturnResultInput {
    pub on: OnDossier,
    /// Hình thức trả kết quả (HinhThuc). How it was handed out.
    pub method: ReturnMethod,
    pub note: Option<String>,
}

/// Công dân rút hồ sơ. The applicant takes it back.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct WithdrawDossierInput {
    pub on: OnDossier,
    /// Lý do rút. What the applicant says; none if absent.
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
