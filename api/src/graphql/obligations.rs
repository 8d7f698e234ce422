//! What is to be paid for a dossier.

use async_graphql::SimpleObject;
use domain::dossier;

use crate::input::{ObligationKind, PaymentMethod, Vnd};

/// Nghĩa vụ tài chính. What is to be paid for a dossier, and was paid.
#[derive(Clone, Debug, SimpleObject)]
pub struct Obligation {
    /// Số thứ tự trong hồ sơ. Within the dossier, from 1.
    pub number: u32,
    /// Phí, lệ phí hoặc thuế. What it is to be paid for.
    pub kind: ObligationKind,
    /// Số tiền phải nộp. What was asked for.
    pub amount: Vnd,
    /// Số tiền còn phải nộp. What is due of it now; 0 where it was waived or refunded.
    pub outstanding: Vnd,
    /// Được miễn, giảm. The obligation was lifted.
    pub waived: bool,
    /// Các lần thanh toán. Those that were refunded as well.
    pub payments: Vec<Payment>,
}

/// Giao dịch thanh toán. Money that came in for an obligation.
#[derive(Clone, Debug, SimpleObject)]
pub struct Payment {
    /// Số đơn, số biên lai. As the gateway or the cash desk numbers it.
    pub order: String,
    /// Số tiền đã nộp. What came in.
    pub amount: Vnd,
    /// Hình thức thanh toán. How it was paid.
    pub method: PaymentMethod,
    /// Đã hoàn trả. The money went back.
    pub refunded: bool,
}

impl From<&dossier::Obligation> for Obligation {
    fn from(obligation: &dossier::Obligation) -> Self {
        Self {
            number: obligation.number,
            kind: obligation.kind.into(),
            amount: Vnd(obligation.amount_vnd),
            outstanding: Vnd(obligation.outstanding_vnd()),
            waived: obligation.waived,
            payments: obligation
                .payments
                .iter()
                .map(|payment| Payment {
                    order: payment.order.to_string(),
                    amount: Vnd(payment.amount_vnd),
                    method: payment.method.into(),
                    refunded: payment.refunded,
                })
                .collect(),
        }
    }
}
