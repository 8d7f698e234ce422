//! Paying through a gateway, and what does not fit.

use async_graphql::connection::{Connection, Edge, OpaqueCursor, query};
use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::payment::{self, Found};
use projections::Model;
use projections::payment_order::{PaymentOrder, START};
use uuid::Uuid;

use super::objects::{local, local_micros};
use super::payload::{Problem, SettleDiscrepancyPayload, of_settled_discrepancy, problems};
use super::query::{checked_cursor, checked_page, page_size};
use super::{ContextExt, PAGE_DEFAULT, PositionText, of_failure};
use crate::input::{SettleDiscrepancyInput, StartPaymentInput, Vnd};
use crate::problem::{Failure, ServiceError};

#[derive(Default)]
pub struct PaymentMutation;

#[Object]
impl PaymentMutation {
    /// Bắt đầu thanh toán trực tuyến. An order at the gateway for what is due of an obligation. Asked again while the
    /// order is open, it is the same order.
    async fn start_payment(
        &self,
        ctx: &Context<'_>,
        input: StartPaymentInput,
    ) -> Result<StartPaymentPayload> {
        match ctx.service().start_payment(ctx.caller()?, &input).await {
            Ok(started) => Ok(StartPaymentPayload {
                redirect_url: Some(started.redirect_url),
                order: Some(started.order.to_string()),
                expires_at: Some(local(started.expires_at)),
                problems: Vec::new(),
            }),
            Err(ServiceError::Problem(found)) => Ok(StartPaymentPayload {
                redirect_url: None,
                order: None,
                expires_at: None,
                problems: problems(ctx, found).await?,
            }),
            Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
        }
    }

    /// Xử lý sai lệch thanh toán. By other means than a refund through the gateway.
    async fn settle_payment_discrepancy(
        &self,
        ctx: &Context<'_>,
        input: SettleDiscrepancyInput,
    ) -> Result<SettleDiscrepancyPayload> {
        let outcome = ctx.service().settle_discrepancy(ctx.caller()?, &input).await;
        of_settled_discrepancy(ctx, outcome).await
    }
}

/// Nơi chuyển người nộp đến. Where to send the applicant.
#[derive(SimpleObject)]
pub struct StartPaymentPayload {
    /// Địa chỉ trang thanh toán. The gateway's page for this order; null where nothing was done.
    pub redirect_url: Option<String>,
    /// Số đơn. What the payment will be recorded under; null where nothing was done.
    pub order: Option<String>,
    /// Hạn thanh toán. Until when it can be paid; null where nothing was done.
    pub expires_at: Option<DateTime<FixedOffset>>,
    pub problems: Vec<Problem>,
}

#[derive(Default)]
pub struct PaymentQuery;

type DiscrepancyConnection = Connection<OpaqueCursor<(i64, Uuid)>, PaymentDiscrepancy>;

#[Object]
impl PaymentQuery {
    /// Đơn thanh toán có sai lệch chưa xử lý. The oldest order first: for who administers the whole province.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn payment_discrepancies(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        min_position: Option<PositionText>,
    ) -> Result<DiscrepancyConnection> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let wait = service.wait_for(&[Model::PaymentOrder], min_position.map(|position| position.0));
        wait.await.map_err(|error| ctx.error(error))?;
        query(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let after = after.map(|OpaqueCursor(place)| place);
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let found = service.payment_discrepancies(caller, after.unwrap_or(START), first).await;
                let (rows, has_more) = found.map_err(|error| ctx.error(error))?;
                let mut connection: DiscrepancyConnection = Connection::new(after.is_some(), has_more);
                for row in rows {
                    let cursor = OpaqueCursor(row.place());
                    let node = PaymentDiscrepancy::of(row).map_err(|failure| of_failure(&failure))?;
                    connection.edges.push(Edge::new(cursor, node));
                }
                Ok::<_, async_graphql::Error>(connection)
            },
        )
        .await
    }
}

/// Đơn thanh toán có sai lệch. An order about which gateway and log do not say the same.
#[derive(SimpleObject)]
pub struct PaymentDiscrepancy {
    /// Số đơn. What the gateway knows the order by.
    pub order: String,
    /// Mã định danh hồ sơ. The dossier that it was to be paid for.
    pub dossier_id: Uuid,
    /// Số thứ tự của nghĩa vụ tài chính. Number of the obligation within the dossier.
    pub obligation: i64,
    /// Mã cổng thanh toán. As the gateway is set up.
    pub gateway: String,
    /// Số tiền của đơn. What was ordered.
    pub amount: Vnd,
    /// Thời điểm đặt đơn. When the applicant was sent to the gateway.
    pub ordered_at: DateTime<FixedOffset>,
    /// Thời điểm thanh toán. As the gateway says; null if it is not paid.
    pub paid_at: Option<DateTime<FixedOffset>>,
    /// Thời điểm yêu cầu hoàn tiền. While the gateway is being asked to give the money back; null otherwise.
    pub refund_requested_at: Option<DateTime<FixedOffset>>,
    /// Các sai lệch chưa xử lý. What nobody has settled.
    pub unsettled: Vec<UnsettledDiscrepancy>,
}

/// Sai lệch chưa xử lý. What does not fit, and was not dealt with yet.
#[derive(SimpleObject)]
pub struct UnsettledDiscrepancy {
    /// Số thứ tự trong đơn. Within the order, from 1.
    pub number: u32,
    /// Loại sai lệch. What does not fit.
    pub kind: DiscrepancyKind,
    /// Mã giao dịch của cổng. What the gateway took under which number; null where it knows none.
    pub transaction: Option<String>,
    /// Số tiền liên quan. The money that it is about, in its currency; null where it is about none.
    pub amount: Option<Vnd>,
    /// Loại tiền. Three letters of ISO 4217; null where it is about no money.
    pub currency: Option<String>,
    /// Mã phản hồi. A code of the gateway, or of the rule that refused; null where there is none.
    pub answer: Option<String>,
}

/// Loại sai lệch thanh toán. What does not fit between the gateway and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::payment::DiscrepancyKind")]
pub enum DiscrepancyKind {
    /// Sai số tiền. Another amount was paid than was ordered.
    WrongAmount,
    /// Sai loại tiền. It was paid in another currency than VND.
    WrongCurrency,
    /// Thu hai lần cho một đơn. The gateway charged one order twice.
    ChargedTwice,
    /// Thu khi không còn phải nộp. Paid when nothing was due: to be refunded.
    Surplus,
    /// Không ghi nhận được vào hồ sơ. The payment could not be recorded on the dossier.
    NotRecordable,
    /// Đã ghi nhận nhưng cổng không có giao dịch này. It was recorded, and the gateway does not know the transaction.
    NotAtGateway,
    /// Trạng thái hoàn tiền hai bên khác nhau. Gateway and log do not say the same about a refund.
    RefundDiffers,
    /// Cổng từ chối hoàn tiền. The gateway does not give the money back.
    RefundDeclined,
}

impl PaymentDiscrepancy {
    fn of(row: PaymentOrder) -> std::result::Result<Self, Failure> {
        let found = row.found()?;
        let unsettled = found.into_iter().filter(|found| !found.settled).map(UnsettledDiscrepancy::from);
        Ok(Self {
            order: row.order().code().map(|code| code.to_string()).unwrap_or_default(),
            dossier_id: row.dossier_id,
            obligation: row.obligation,
            gateway: row.gateway,
            amount: Vnd(u64::try_from(row.amount_vnd).map_err(|_| Failure::Row(row.amount_vnd.to_string()))?),
            ordered_at: local_micros(row.ordered_at),
            paid_at: row.paid_at.map(local_micros),
            refund_requested_at: row.refund_requested_at.map(local_micros),
            unsettled: unsettled.collect(),
        })
    }
}

impl From<Found> for UnsettledDiscrepancy {
    fn from(Found { number, discrepancy, .. }: Found) -> Self {
        let payment::Discrepancy { kind, transaction, amount, currency, answer } = discrepancy;
        Self {
            number,
            kind: kind.into(),
            transaction: transaction.map(|transaction| transaction.to_string()),
            amount: amount.map(Vnd),
            currency,
            answer,
        }
    }
}
