//! What is said on each paper. Texts are open and readable; whoever fills them in has checked who may read them. What is
//! not known is `None` and is printed as a dotted line, to be written by hand.

use domain::codes::DossierCode;
use domain::time::Instant;

use super::Kind;

/// The content of one paper.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Receipt(Receipt),
    SupplementRequest(SupplementRequest),
    Refusal(Refusal),
    Apology(Apology),
    StopNotice(StopNotice),
    ControlSheet(ControlSheet),
    Register(Register),
    HandOver(HandOver),
}

impl Content {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Receipt(_) => Kind::Receipt,
            Self::SupplementRequest(_) => Kind::SupplementRequest,
            Self::Refusal(_) => Kind::Refusal,
            Self::Apology(_) => Kind::Apology,
            Self::StopNotice(_) => Kind::StopNotice,
            Self::ControlSheet(_) => Kind::ControlSheet,
            Self::Register(_) => Kind::Register,
            Self::HandOver(_) => Kind::HandOver,
        }
    }
}

/// Who issues a paper, when and under which number.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    pub agency: String,
    /// Trung tâm phục vụ hành chính công, bộ phận tiếp nhận và trả kết quả.
    pub counter: Option<String>,
    /// The running number of the paper, without its symbol.
    pub number: Option<String>,
    /// Địa danh.
    pub place: Option<String>,
    pub issued_at: Instant,
}

/// The person or body that a dossier is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applicant {
    pub name: String,
    /// Of a citizen or of an enterprise (số định danh, mã số thuế).
    pub id_number: Option<String>,
    pub address: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

/// A paper of a dossier, with how many there are of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    pub name: String,
    pub originals: Option<u32>,
    pub certified: Option<u32>,
    pub copies: Option<u32>,
}

/// Giấy tiếp nhận hồ sơ và hẹn trả kết quả.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    pub issuer: Issuer,
    pub code: DossierCode,
    pub applicant: Applicant,
    pub request: Option<String>,
    pub papers: Vec<Item>,
    pub sets: Option<u32>,
    /// The time that the law gives, in words.
    pub term: Option<String>,
    pub received_at: Instant,
    /// Ngày hẹn trả thông báo nghĩa vụ tài chính: the other appointment of land dossiers.
    pub notice_at: Option<Instant>,
    pub due_at: Option<Instant>,
    pub result_at: Option<String>,
    pub book: Option<String>,
    pub book_entry: Option<String>,
    pub submitter: Option<String>,
    pub receiver: Option<String>,
}

/// Phiếu yêu cầu bổ sung, hoàn thiện hồ sơ.
#[derive(Clone, Debug, PartialEq)]
pub struct SupplementRequest {
    pub issuer: Issuer,
    pub code: DossierCode,
    pub applicant: Applicant,
    pub request: Option<String>,
    pub papers: Vec<Item>,
    pub reason: String,
    /// The provision it rests on.
    pub basis: Option<String>,
    /// Before receipt, or while it is processed.
    pub stage: Option<String>,
    pub answer_by: Option<Instant>,
    pub contact: Option<String>,
    pub contact_phone: Option<String>,
    pub website: Option<String>,
    pub guide: Option<String>,
}

/// Phiếu từ chối tiếp nhận giải quyết hồ sơ.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub issuer: Issuer,
    pub code: DossierCode,
    pub applicant: Applicant,
    pub request: Option<String>,
    pub reason: String,
    pub submitter: Option<String>,
    pub receiver: Option<String>,
}

/// Phiếu xin lỗi và hẹn lại; văn bản xin lỗi và đề nghị gia hạn.
#[derive(Clone, Debug, PartialEq)]
pub struct Apology {
    pub issuer: Issuer,
    pub code: DossierCode,
    pub applicant: Applicant,
    pub request: Option<String>,
    pub received_at: Instant,
    pub due_at_original: Option<Instant>,
    pub reason: String,
    pub due_at_new: Option<Instant>,
    /// How often and how far it may be extended, in words.
    pub limit: Option<String>,
    /// Extensions before this one.
    pub earlier: Vec<Extension>,
    pub signer: Option<String>,
}

/// An extension that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Extension {
    pub made_at: Instant,
    pub due_at: Instant,
    pub reason: Option<String>,
}

/// Thông báo dừng giải quyết hồ sơ.
#[derive(Clone, Debug, PartialEq)]
pub struct StopNotice {
    pub issuer: Issuer,
    pub code: DossierCode,
    pub applicant: Applicant,
    pub request: Option<String>,
    pub received_at: Option<Instant>,
    /// Who asked to stop, and when.
    pub asked_by: Option<String>,
    pub asked_at: Option<Instant>,
    /// How far the dossier had come.
    pub stage: Option<String>,
    pub reason: String,
    pub stopped_at: Instant,
    /// What becomes of fees paid.
    pub fees: Option<String>,
    pub signer: Option<String>,
}

/// Phiếu kiểm soát quá trình giải quyết hồ sơ.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlSheet {
    pub issuer: Issuer,
    pub code: DossierCode,
    pub applicant: Applicant,
    pub procedure: Option<String>,
    pub received_at: Instant,
    pub due_at: Option<Instant>,
    pub processed_by: Option<String>,
    pub transfers: Vec<Transfer>,
}

/// A dossier goes from one pair of hands to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    pub from: String,
    pub to: String,
    pub at: Instant,
    pub result: Option<Timing>,
    pub note: Option<String>,
}

/// Whether a task was done in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    Early,
    OnTime,
    Late,
}

/// Sổ theo dõi hồ sơ.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    pub issuer: Issuer,
    pub book: Option<String>,
    /// Of which time, in words.
    pub period: Option<String>,
    pub entries: Vec<Entry>,
}

/// A line of the register.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub code: DossierCode,
    pub procedure: String,
    pub sets: Option<u32>,
    pub applicant: Applicant,
    pub competent: String,
    pub received_at: Option<Instant>,
    pub due_at: Option<Instant>,
    pub returned_at: Option<Instant>,
    pub return_method: Option<String>,
    /// Where the dossier stands.
    pub status: Option<String>,
    pub note: Option<String>,
}

/// Giấy bàn giao hồ sơ.
#[derive(Clone, Debug, PartialEq)]
pub struct HandOver {
    pub issuer: Issuer,
    pub from: String,
    pub to: String,
    pub handed_over_by: Option<String>,
    pub procedure: Option<String>,
    pub at: Instant,
    pub dossiers: Vec<HandedOver>,
}

/// A dossier on a hand-over slip.
#[derive(Clone, Debug, PartialEq)]
pub struct HandedOver {
    pub code: DossierCode,
    pub applicant: String,
    pub received_at: Option<Instant>,
    pub due_at: Option<Instant>,
}
