//! Break-glass.

use async_graphql::{Enum, InputObject};
use domain::disclosure;
use serde::Serialize;
use uuid::Uuid;

/// Lý do mở dữ liệu khẩn cấp. Why it could not wait for who may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[graphql(remote = "disclosure::DisclosureReason")]
pub enum DisclosureReason {
    /// Nguy hiểm đến tính mạng, sức khỏe. Somebody's life or health.
    Danger,
    /// Người thụ lý vắng mặt, hạn giải quyết không chờ. Whoever handles it is not there, and its deadline does not wait.
    Absence,
    /// Người nộp hồ sơ đang chờ tại quầy. The applicant stands at the counter.
    ApplicantPresent,
    /// Cơ quan có thẩm quyền yêu cầu gấp. A court, an investigator or another competent authority asks.
    Authority,
    /// Lý do khác, nêu trong ghi chú. As the note says.
    Other,
}

/// Kết luận về lần mở dữ liệu. What whoever looked at it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[graphql(remote = "disclosure::Finding")]
pub enum DisclosureFinding {
    /// Có căn cứ. There was a reason.
    Justified,
    /// Không có căn cứ. There was none: what is still open is closed.
    Unjustified,
}

/// Mở dữ liệu cá nhân khẩn cấp. For who sees the dossier masked.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct BreakGlassInput {
    /// Khóa chống trùng. The same key again gets the first answer and writes nothing.
    pub idempotency_key: Uuid,
    /// Hồ sơ cần mở. The dossier.
    pub dossier_id: Uuid,
    /// Lý do. Why it cannot wait.
    pub reason: DisclosureReason,
    /// Ghi chú tự nhập, ít nhất 20 ký tự. Typed by hand, 20 characters at least; it is sealed.
    pub note: String,
}

/// Kết luận về một lần mở dữ liệu khẩn cấp. What somebody else than who opened it found.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct AcknowledgeDisclosureInput {
    /// Khóa chống trùng. The same key again gets the first answer and writes nothing.
    pub idempotency_key: Uuid,
    /// Mã lần mở dữ liệu. The disclosure.
    pub disclosure_id: Uuid,
    /// Kết luận. Whether it was justified.
    pub finding: DisclosureFinding,
    /// Ghi chú. It is sealed.
    pub note: Option<String>,
}
