//! What the machine that carries messages to the national portal tells.

use async_graphql::{Enum, InputObject};
use serde::Serialize;
use uuid::Uuid;

/// What became of a message to the national portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum MessageOutcome {
    /// Đã gửi.
    Sent,
    /// Cổng đã nhận (error_code 0).
    Acknowledged,
    /// Cổng từ chối.
    Declined,
}

/// Ghi nhận đồng bộ với Cổng Dịch vụ công quốc gia.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RecordSynchronisationInput {
    pub idempotency_key: Uuid,
    pub dossier_id: Uuid,
    /// The version of the dossier up to which the message carried it.
    pub version: i64,
    pub outcome: MessageOutcome,
    /// error_code of the answer, if it was DECLINED.
    pub answer: Option<String>,
}
