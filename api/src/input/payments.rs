//! Paying through a gateway.

use async_graphql::InputObject;
use serde::Serialize;
use uuid::Uuid;

/// Bắt đầu thanh toán trực tuyến.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct StartPaymentInput {
    pub idempotency_key: Uuid,
    pub dossier_id: Uuid,
    /// Number of the obligation within the dossier.
    pub obligation: u32,
    /// Where the applicant comes back to, below one of the addresses that are set up; the first of them if absent.
    pub return_url: Option<String>,
}

/// Xử lý sai lệch thanh toán.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SettleDiscrepancyInput {
    pub idempotency_key: Uuid,
    pub order: String,
    /// Number of the discrepancy within the order.
    pub discrepancy: u32,
    /// What was done about it.
    pub note: String,
}
