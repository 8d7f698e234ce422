//! Paying through a gateway.

use async_graphql::InputObject;
use serde::Serialize;
use uuid::Uuid;

/// Bắt đầu thanh toán trực tuyến. For what is due of one obligation.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct StartPaymentInput {
    pub idempotency_key: Uuid,
    pub dossier_id: Uuid,
    /// Số thứ tự của nghĩa vụ tài chính. Number of the obligation within the dossier.
    pub obligation: u32,
    /// Địa chỉ quay về. Where the applicant comes back to, below one of the addresses that are set up; the first of
    /// them if absent.
    pub return_url: Option<String>,
}

/// Xử lý sai lệch thanh toán. By other means than a refund through the gateway.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SettleDiscrepancyInput {
    pub idempotency_key: Uuid,
    /// Số đơn. What the gateway knows the order by.
    pub order: String,
    /// Số thứ tự của sai lệch. Number of the discrepancy within the order.
    pub discrepancy: u32,
    /// Cách đã xử lý. What was done about it.
    pub note: String,
}
