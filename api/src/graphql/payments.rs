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
    /// Bắt đầu thanh toán trực tuyến: an order at the gateway for what is due of an obligation. Asked again while the order
    /// is open, it is the same order.
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

    /// Xử lý sai lệch thanh toán by other means than a refund through the gateway.
    async fn settle_payment_discrepancy(
        &self,
        ctx: &Context<'_>,
        input: SettleDiscrepancyInput,
    ) -> Result<SettleDiscrepancyPayload> {
        let outcome = ctx.service().settle_discrepancy(ctx.caller()?, &input).await;
        of_settled_discrepancy(ctx, outcome).await
    }
}

/// Where to send the applicant.
#[derive(SimpleObject)]
pub struct StartPaymentPayload {
    pub redirect_url: Option<String>,
    /// What the payment will be recorded under.
    pub order: Option<String>,
    /// Until when it can be paid.
    pub expires_at: Option<DateTime<FixedOffset>>,
    /// Why it was not done. Empty when it was.
    pub problems: Vec<Problem>,
}

#[derive(Default)]
pub struct PaymentQuery;

type DiscrepancyConnection = Connection<OpaqueCursor<(i64, Uuid)>, PaymentDiscrepancy>;

#[Object]
impl PaymentQuery {
    /// Đơn thanh toán có sai lệch chưa xử lý, the oldest order first: for who administers the whole province.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn payment_discrepancies(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 if absent.")] first: Option<i32>,
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

/// Đơn thanh toán có sai lệch.
#[derive(SimpleObject)]
pub struct PaymentDiscrepancy {
    pub order: String,
    pub dossier_id: Uuid,
    pub obligation: i64,
    pub gateway: String,
    /// What was ordered.
    pub amount: Vnd,
    pub ordered_at: DateTime<FixedOffset>,
    /// As the gateway says; nothing if it is not paid.
    pub paid_at: Option<DateTime<FixedOffset>>,
    /// While the gateway is being asked to give the money back.
    pub refund_requested_at: Option<DateTime<FixedOffset>>,
    /// What nobody has settled.
    pub unsettled: Vec<UnsettledDiscrepancy>,
}

/// Sai lệch chưa xử lý.
#[derive(SimpleObject)]
pub struct UnsettledDiscrepancy {
    /// Within the order, from 1.
    pub number: u32,
    pub kind: DiscrepancyKind,
    pub transaction: Option<String>,
    /// The money that it is about, in its currency.
    pub amount: Option<Vnd>,
    pub currency: Option<String>,
    /// A code of the gateway, or of the rule that refused.
    pub answer: Option<String>,
}

/// Loại sai lệch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::payment::DiscrepancyKind")]
pub enum DiscrepancyKind {
    /// Sai số tiền.
    WrongAmount,
    /// Sai loại tiền.
    WrongCurrency,
    /// Thu hai lần cho một đơn.
    ChargedTwice,
    /// Thu khi không còn phải nộp: to be refunded.
    Surplus,
    /// Không ghi nhận được vào hồ sơ.
    NotRecordable,
    /// Đã ghi nhận nhưng cổng không có giao dịch này.
    NotAtGateway,
    /// Trạng thái hoàn tiền hai bên khác nhau.
    RefundDiffers,
    /// Cổng từ chối hoàn tiền.
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
