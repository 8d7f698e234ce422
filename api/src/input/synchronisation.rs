//! What the machine that carries messages to the national portal tells.

use async_graphql::{Enum, InputObject};
use serde::Serialize;
use uuid::Uuid;

/// Kết quả gửi bản tin. What became of a message to the national portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum MessageOutcome {
    /// Đã gửi. It went out, and there is no answer yet.
    Sent,
    /// Cổng đã nhận (error_code 0). The portal has the dossier up to that version.
    Acknowledged,
    /// Cổng từ chối. The portal did not take the message.
    Declined,
}

/// Ghi nhận đồng bộ với Cổng Dịch vụ công quốc gia. By the machine that carries the messages.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RecordSynchronisationInput {
    pub idempotency_key: Uuid,
    pub dossier_id: Uuid,
    /// Phiên bản của hồ sơ. The version of the dossier up to which the message carried it.
    pub version: i64,
    /// Kết quả gửi. What became of the message.
    pub outcome: MessageOutcome,
    /// Mã phản hồi của cổng (error_code). Of the answer, if it was DECLINED.
    pub answer: Option<String>,
}
