//! Paying through a gateway. The dossier's own events say what is paid; the order's say what the gateway did. Each step
//! can be done again: whatever is cut off in between is finished by the gateway's next try, by the process that asks for
//! refunds, or by the reconciliation of the day. docs/adr/0021

use std::collections::HashSet;

use chrono::{NaiveDate, TimeDelta};
use domain::access::{ActingAs, Function, Powers, Principal, Purpose, Scope};
use domain::codes::{GatewayCode, OrderCode, TransactionCode};
use domain::decider::Decider;
use domain::dossier::{self, Act, Dossier, Filed, RecordPayment, Relation};
use domain::identity::{DossierId, NAMESPACE, PaymentOrderId, PrincipalId};
use domain::payment::{self, Command, Discrepancy, DiscrepancyKind, Order, Ordered, Refund, Taken};
use domain::private::{KeyOwner, Private};
use domain::recorded::{Version, Via};
use domain::time::{Instant, day_start, truncate};
use infrastructure::event_store::micros;
use infrastructure::keys::KeyError;
use infrastructure::payment_gateway::{CURRENCY, Gateway, GatewayError, OrderRequest, RefundRequest, Told};
use projections::Model;
use projections::payment_order::{self, PaymentOrder, Place};
use projections::read_side::WAIT_MAX;
use uuid::Uuid;

use super::dossiers::{reason, told_to};
use super::queries::ERASED;
use super::{Accepted, Caller, Done, Service};
use crate::input::{OnDossier, RefundPaymentInput, SettleDiscrepancyInput, StartPaymentInput};
use crate::payments::Gateways;
use crate::problem::{Problem, ServiceError};

/// Orders for one obligation, of which most were left to expire.
const ORDERS_MAX: u32 = 100;
/// Somebody who is sent to a gateway has this long at least.
const TIME_LEFT_MIN: TimeDelta = TimeDelta::seconds(60);
/// Of one day of one gateway.
const PAGES_MAX: u32 = 100_000;
const PAGE: i64 = 500;
const REFUND_REQUESTED: &str = "payment.refund_requested.v1";

/// Where to send the applicant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedPayment {
    pub redirect_url: String,
    pub order: OrderCode,
    pub expires_at: Instant,
}

/// What became of what a gateway told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentOutcome {
    Recorded,
    /// It was known.
    Repeated,
    /// Written down, and not as paid.
    Discrepancy(DiscrepancyKind),
}

/// What became of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundOutcome {
    Refunded,
    Declined,
    /// The gateway is asked again.
    Waiting,
    /// Nothing is waited for.
    Settled,
}

/// What a day of a gateway came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// What the gateway has taken.
    pub told: u64,
    /// What was not known here, and is recorded now.
    pub recorded: u64,
    /// Orders with what does not fit, also where it was known before.
    pub discrepancies: Vec<(OrderCode, DiscrepancyKind)>,
    /// Orders that the gateway names, and that nobody here has placed with it.
    pub unknown: Vec<String>,
}

impl Reconciled {
    pub fn agrees(&self) -> bool {
        self.discrepancies.is_empty() && self.unknown.is_empty()
    }
}

impl Service {
    /// With these gateways from here on.
    #[must_use]
    pub fn paid_through(self, gateways: Gateways) -> Self {
        Self { gateways, ..self }
    }

    /// Bắt đầu thanh toán trực tuyến. What is open for the same money is found again, so that nobody pays twice.
    pub async fn start_payment(
        &self,
        caller: &Caller,
        input: &StartPaymentInput,
    ) -> Result<StartedPayment, ServiceError> {
        let dossier = DossierId(input.dossier_id);
        let known = self.executor.load::<Dossier>(&dossier::stream(dossier)).await?;
        let filed = known.state.filed().ok_or(Problem::NotFound { what: "dossier" })?;
        may_pay(caller, filed)?;
        let request = self.request(caller, "startPayment", input.idempotency_key, input)?;
        let gateway = self.gateways.first().ok_or_else(not_set_up)?;
        let asked = input.return_url.as_deref();
        let return_url = gateway.return_url(asked);
        let return_url =
            return_url.ok_or_else(|| Problem::invalid("returnUrl", "not a place that is set up"))?;
        let earlier = self.store().find_append(request.command.append(), 1).await?;
        let (id, ordered) = match earlier.first() {
            Some(row) => {
                let id = row.stream.split_once('-').and_then(|(_, id)| id.parse().ok());
                match id {
                    Some(id) if row.decode_metadata()?.mac == request.mac => {
                        self.placed_before(filed, id).await?
                    }
                    Some(_) | None => return Err(Problem::KeyReused.into()),
                }
            }
            None => {
                let amount_vnd = filed.payable_vnd(input.obligation).map_err(Problem::from)?;
                let dossier_key =
                    known.state.key(KeyOwner::Dossier).ok_or(Problem::NotFound { what: "dossier" })?;
                let now = self.clock().now();
                let time = TimeDelta::from_std(gateway.order_time()).unwrap_or(TimeDelta::MAX);
                let ordered = Ordered {
                    dossier,
                    obligation: input.obligation,
                    gateway: gateway.code().clone(),
                    method: gateway.method(),
                    amount_vnd,
                    expires_at: truncate(now.checked_add_signed(time).unwrap_or(Instant::MAX_UTC)),
                    dossier_key,
                };
                self.place_order(&request, ordered, now).await?
            }
        };
        let order = id.code().ok_or(Problem::NotFound { what: "order" })?;
        let opened = gateway.open_order(OrderRequest {
            order: &order,
            amount_vnd: ordered.amount_vnd,
            description: filed.code.as_str(),
            return_url: &return_url,
            expires_at: ordered.expires_at,
        });
        match opened.await {
            Ok(redirect_url) => Ok(StartedPayment { redirect_url, order, expires_at: ordered.expires_at }),
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(gateway = %gateway.code(), %order, error, "an order was not opened");
                Err(unavailable().into())
            }
        }
    }

    /// The order of an earlier try of the same request, as long as what it asks for is what is due.
    async fn placed_before(
        &self,
        filed: &Filed,
        id: PaymentOrderId,
    ) -> Result<(PaymentOrderId, Ordered), ServiceError> {
        let known = self.executor.load::<Order>(&payment::stream(id)).await?;
        let placed = known.state.placed.as_ref().ok_or(Problem::NotFound { what: "order" })?;
        if known.state.taken.is_some() {
            let nothing_due = dossier::Rejection::NothingDue { obligation: placed.obligation };
            return Err(Problem::from(nothing_due).into());
        }
        if filed.payable_vnd(placed.obligation).map_err(Problem::from)? != placed.amount_vnd {
            let reason = "another amount is due now: start again under another key".to_owned();
            return Err(Problem::Refused { code: "PAYMENT_ORDERED_OTHERWISE", reason }.into());
        }
        if placed.expires_at <= self.clock().now()
            || self.gateways.first().map(Gateway::code) != Some(&placed.gateway)
        {
            let reason = "the order has expired: start again under another key".to_owned();
            return Err(Problem::Refused { code: "PAYMENT_ORDER_EXPIRED", reason }.into());
        }
        Ok((id, placed.clone()))
    }

    /// The first order for the obligation that is open for just this, or a new one behind those that are not.
    async fn place_order(
        &self,
        request: &infrastructure::execute::Request,
        ordered: Ordered,
        now: Instant,
    ) -> Result<(PaymentOrderId, Ordered), ServiceError> {
        for n in 1..=ORDERS_MAX {
            let id = PaymentOrderId::of(ordered.dossier, ordered.obligation, n);
            let stream = payment::stream(id);
            let mut known = self.executor.load::<Order>(&stream).await?;
            if known.state.placed.is_none() {
                match self.decide::<Order>(&stream, request, Command::Place(ordered.clone())).await {
                    // Another was faster, with another amount: the next number.
                    Err(ServiceError::Problem(Problem::Refused {
                        code: "PAYMENT_ORDERED_OTHERWISE",
                        ..
                    })) => {
                        continue;
                    }
                    done => done?,
                };
                known = self.executor.load::<Order>(&stream).await?;
            }
            if let Some(placed) = &known.state.placed
                && known.state.taken.is_none()
                && known.state.discrepancies.is_empty()
                && placed.amount_vnd == ordered.amount_vnd
                && placed.gateway == ordered.gateway
                && now + TIME_LEFT_MIN <= placed.expires_at
            {
                return Ok((id, placed.clone()));
            }
        }
        let reason = format!("there were {ORDERS_MAX} orders for the obligation");
        Err(Problem::Refused { code: "TOO_MANY_PAYMENT_ORDERS", reason }.into())
    }

    /// What a gateway says that it has taken: recorded once, whoever says it and however often. What does not fit is
    /// written down as that. Money that comes late is money.
    pub async fn take_payment(&self, gateway: &Gateway, told: &Told) -> Result<PaymentOutcome, ServiceError> {
        let unknown = Problem::NotFound { what: "order" };
        let code = told.order().ok_or(unknown.clone())?;
        let id = PaymentOrderId::of_code(&code).ok_or(unknown.clone())?;
        let transaction = told.transaction().ok_or_else(|| Problem::invalid("transaction", "is a code"))?;
        let known = self.executor.load::<Order>(&payment::stream(id)).await?;
        let placed = known.state.placed.as_ref().filter(|placed| placed.gateway == *gateway.code());
        let placed = placed.ok_or(unknown)?;
        let misfit = |kind| Discrepancy {
            kind,
            transaction: Some(transaction.clone()),
            amount: Some(told.amount),
            currency: Some(told.currency()),
            answer: None,
        };
        if told.currency != CURRENCY {
            return self.find(id, placed, misfit(DiscrepancyKind::WrongCurrency)).await;
        }
        if told.amount != placed.amount_vnd {
            return self.find(id, placed, misfit(DiscrepancyKind::WrongAmount)).await;
        }
        match &known.state.taken {
            Some(taken) if taken.transaction == transaction => return Ok(PaymentOutcome::Repeated),
            Some(_) => return self.find(id, placed, misfit(DiscrepancyKind::ChargedTwice)).await,
            None => {}
        }
        // The dossier first: until the order says that it is taken, everything here is done again.
        match self.record_taken(id, &code, placed, &transaction).await {
            Ok(_) => {}
            Err(ServiceError::Problem(problem @ (Problem::Contended | Problem::Behind(_)))) => {
                return Err(problem.into());
            }
            Err(ServiceError::Problem(problem)) => {
                let answer = Some(problem.code().to_owned());
                let misfit = Discrepancy { answer, ..misfit(DiscrepancyKind::NotRecordable) };
                return self.find(id, placed, misfit).await;
            }
            Err(failure) => return Err(failure),
        }
        let (caller, filed) = self.gateway_at(placed).await?;
        let surplus_vnd = filed.surplus_vnd(&code);
        let taken =
            Taken { transaction: transaction.clone(), amount_vnd: told.amount, paid_at: told.paid_at() };
        let key = Uuid::new_v5(&id.0, transaction.as_str().as_bytes());
        let request = self.request(&caller, "takeOrder", key, &(&code, &transaction))?;
        match self.decide::<Order>(&payment::stream(id), &request, Command::Take { taken, surplus_vnd }).await
        {
            Ok(_) if 0 < surplus_vnd => Ok(PaymentOutcome::Discrepancy(DiscrepancyKind::Surplus)),
            Ok(_) => Ok(PaymentOutcome::Recorded),
            // Two transactions at the same time: one of them paid.
            Err(ServiceError::Problem(Problem::Refused { code: "PAYMENT_TAKEN_OTHERWISE", .. })) => {
                self.find(id, placed, misfit(DiscrepancyKind::ChargedTwice)).await
            }
            Err(error) => Err(error),
        }
    }

    /// Who writes about an order, and the dossier as it is.
    async fn gateway_at(&self, placed: &Ordered) -> Result<(Caller, Filed), ServiceError> {
        let dossier = self.executor.load::<Dossier>(&dossier::stream(placed.dossier)).await?;
        let filed = dossier.state.filed().ok_or(Problem::NotFound { what: "dossier" })?;
        Ok((of_gateway(&placed.gateway, filed), filed.clone()))
    }

    async fn record_taken(
        &self,
        id: PaymentOrderId,
        code: &OrderCode,
        placed: &Ordered,
        transaction: &TransactionCode,
    ) -> Result<Accepted, ServiceError> {
        let (caller, filed) = self.gateway_at(placed).await?;
        let rules = self.working_time(&caller, filed.agencies.receiving).await?;
        let command = dossier::Command::RecordPayment(RecordPayment {
            obligation: placed.obligation,
            order: code.clone(),
            amount_vnd: placed.amount_vnd,
            method: placed.method,
            rules,
        });
        let on = OnDossier {
            idempotency_key: Uuid::new_v5(&id.0, transaction.as_str().as_bytes()),
            dossier_id: placed.dossier.0,
            expected_version: None,
        };
        self.act(&caller, "takePayment", &on, &(code, transaction), command).await
    }

    async fn find(
        &self,
        id: PaymentOrderId,
        placed: &Ordered,
        discrepancy: Discrepancy,
    ) -> Result<PaymentOutcome, ServiceError> {
        let kind = discrepancy.kind;
        let key = Uuid::new_v5(&id.0, &serde_json::to_vec(&discrepancy)?);
        let (caller, _) = self.gateway_at(placed).await?;
        let request = self.request(&caller, "findDiscrepancy", key, &discrepancy)?;
        self.decide::<Order>(&payment::stream(id), &request, Command::Find(discrepancy)).await?;
        tracing::warn!(order = %id, kind = kind.name(), "a payment does not fit");
        Ok(PaymentOutcome::Discrepancy(kind))
    }

    /// Hoàn trả. Money that came through a gateway goes back through it: that it is to go is written down before the
    /// gateway is asked, and the dossier says that it went once the gateway says so.
    pub async fn refund_payment(
        &self,
        caller: &Caller,
        input: &RefundPaymentInput,
    ) -> Result<Accepted, ServiceError> {
        let order = OrderCode::parse(&input.order).map_err(Problem::code_of("order"))?;
        if let Some(id) = PaymentOrderId::of_code(&order) {
            let known = self.executor.load::<Order>(&payment::stream(id)).await?;
            let placed = known.state.placed.as_ref();
            if let Some(placed) = placed.filter(|placed| placed.dossier.0 == input.on.dossier_id) {
                if known.state.taken.is_some() {
                    return self.request_refund(caller, input, id, order).await;
                }
                self.is_no_half_of_a_payment(caller, placed, &order).await?;
            }
        }
        let command = dossier::Command::Refund { order, reason: reason(&input.reason)? };
        self.act(caller, "refundPayment", &input.on, input, command).await
    }

    /// A payment of the gateway that was cut off after its first half: as cash it would never go back. What somebody at the
    /// counter has recorded under the same number is theirs.
    async fn is_no_half_of_a_payment(
        &self,
        caller: &Caller,
        placed: &Ordered,
        order: &OrderCode,
    ) -> Result<(), ServiceError> {
        let (_, filed) = self.gateway_at(placed).await?;
        // Who may not refund is told that, and nothing of the payment.
        if filed.authorise(&caller.principal, Act::Refund.relation(&filed, &caller.principal)).is_err() {
            return Ok(());
        }
        match filed.finance.payment(order) {
            Some((_, payment))
                if payment.method == placed.method && payment.amount_vnd == placed.amount_vnd =>
            {
                let reason = "the gateway has to tell the payment again: reconcile the day".to_owned();
                Err(Problem::Refused { code: "PAYMENT_INCOMPLETE", reason }.into())
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn request_refund(
        &self,
        caller: &Caller,
        input: &RefundPaymentInput,
        id: PaymentOrderId,
        order: OrderCode,
    ) -> Result<Accepted, ServiceError> {
        const OPERATION: &str = "refundPayment";
        if let Err(before) = self.filed(caller, OPERATION, &input.on, input, Act::Refund).await? {
            return Ok(before);
        }
        let (dossier_id, stream) = (DossierId(input.on.dossier_id), payment::stream(id));
        let dossier_stream = dossier::stream(dossier_id);
        let request = self.request(caller, OPERATION, input.on.idempotency_key, input)?;
        let before = self.executor.done_before::<payment::Rejection>(&request, &stream).await?;
        let requested = match before {
            Some(done) => done.position,
            None => {
                let reason = reason(&input.reason)?;
                let known = self.executor.load::<Dossier>(&dossier_stream).await?;
                let filed = known.state.filed().ok_or(Problem::NotFound { what: "dossier" })?;
                let relation = Act::Refund.relation(filed, &caller.principal);
                filed.authorise(&caller.principal, relation).map_err(Problem::from)?;
                if let Some(expected) =
                    input.on.expected_version.map(Version).filter(|seen| *seen != known.version)
                {
                    let conflict = self.executor.version_conflict::<dossier::Rejection>(
                        &dossier_stream,
                        expected,
                        known.version,
                    );
                    return Err(told_to(caller, filed, conflict.await?.into()));
                }
                let command = dossier::Command::Refund { order, reason: reason.clone() };
                let at = self.clock().now().max(known.last_at);
                known.state.decide(at, &command).map_err(Problem::from)?;
                let command = Command::RequestRefund { reason };
                self.decide::<Order>(&stream, &request, command).await?.position
            }
        };
        if let Err(error) = self.carry_refund(id).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::error!(order = %id, error, "a refund waits");
        }
        let known = self.executor.load::<Dossier>(&dossier_stream).await?;
        let filed = known.state.filed().ok_or(Problem::NotFound { what: "dossier" })?;
        let done = Done { version: known.version, position: known.position.max(requested) };
        Ok(Accepted { dossier_id, code: filed.code.clone(), done })
    }

    /// Asks the gateway for money that is to go back, if any is, and writes down what it says. Cut off anywhere, it is
    /// done again under the same number.
    pub async fn carry_refund(&self, id: PaymentOrderId) -> Result<RefundOutcome, ServiceError> {
        let stream = payment::stream(id);
        let known = self.executor.load::<Order>(&stream).await?;
        let Order {
            placed: Some(placed),
            taken: Some(taken),
            refund: Refund::Requested { refund, reason },
            ..
        } = &known.state
        else {
            return Ok(RefundOutcome::Settled);
        };
        let Some(gateway) = self.gateways.get(&placed.gateway) else { return Ok(RefundOutcome::Waiting) };
        let order = id.code().ok_or(Problem::NotFound { what: "order" })?;
        let number = format!("{order}-{refund}");
        let request = RefundRequest {
            refund: &number,
            order: &order,
            transaction: &taken.transaction,
            amount_vnd: taken.amount_vnd,
        };
        let key = Uuid::new_v5(&id.0, format!("refund:{refund}").as_bytes());
        let (command, outcome) = match gateway.refund(request).await {
            Ok(()) => {
                self.record_refunded(placed, order, reason, key).await?;
                (Command::ConfirmRefund { refund: *refund }, RefundOutcome::Refunded)
            }
            Err(GatewayError::Declined(answer)) => {
                (Command::DeclineRefund { refund: *refund, answer }, RefundOutcome::Declined)
            }
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(gateway = %placed.gateway, %order, error, "a refund waits for the gateway");
                return Ok(RefundOutcome::Waiting);
            }
        };
        let (caller, _) = self.gateway_at(placed).await?;
        let request = self.request(&caller, "settleRefund", key, &number)?;
        self.decide::<Order>(&stream, &request, command).await?;
        Ok(outcome)
    }

    async fn record_refunded(
        &self,
        placed: &Ordered,
        order: OrderCode,
        sealed: &Private,
        key: Uuid,
    ) -> Result<(), ServiceError> {
        let reason = match sealed {
            Private::Open(secret) => secret.expose().to_owned(),
            Private::Sealed(token) => {
                let id = PaymentOrderId::of_code(&order).ok_or(Problem::NotFound { what: "order" })?;
                match self.executor.keys.open_value(token, &payment::stream(id), REFUND_REQUESTED).await {
                    Err(KeyError::Destroyed(_)) => ERASED.to_owned(),
                    opened => opened?.expose().to_owned(),
                }
            }
        };
        let (caller, _) = self.gateway_at(placed).await?;
        let on = OnDossier { idempotency_key: key, dossier_id: placed.dossier.0, expected_version: None };
        let canonical = order.clone();
        let command = dossier::Command::Refund { order, reason: Private::open(reason) };
        match self.act(&caller, "confirmRefund", &on, &canonical, command).await {
            // Somebody has written it down by hand.
            Err(ServiceError::Problem(Problem::Refused { code: "ALREADY_REFUNDED", .. })) => Ok(()),
            done => done.map(|_| ()),
        }
    }

    /// Xử lý sai lệch: what was done about it lies outside, and is said in the note.
    pub async fn settle_discrepancy(
        &self,
        caller: &Caller,
        input: &SettleDiscrepancyInput,
    ) -> Result<Done, ServiceError> {
        // Money of all agencies.
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let code = OrderCode::parse(&input.order).map_err(Problem::code_of("order"))?;
        let id = PaymentOrderId::of_code(&code).ok_or(Problem::NotFound { what: "order" })?;
        let note = reason(&input.note)?;
        let request = self.request(caller, "settlePaymentDiscrepancy", input.idempotency_key, input)?;
        let command = Command::Settle { discrepancy: input.discrepancy, note };
        self.decide::<Order>(&payment::stream(id), &request, command).await
    }

    /// Orders with what nobody has settled, the oldest first, and whether there are more.
    pub async fn payment_discrepancies(
        &self,
        caller: &Caller,
        after: Place,
        limit: i64,
    ) -> Result<(Vec<PaymentOrder>, bool), ServiceError> {
        // Money of all agencies.
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let mut rows = payment_order::unsettled(self.database(), after, limit.saturating_add(1)).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = limit < rows.len();
        rows.truncate(limit);
        Ok((rows, has_more))
    }

    /// Đối soát: a day of a gateway against the log. What is missing here is recorded; what differs is written down.
    /// `progress` is told how many of how many are done.
    pub async fn reconcile(
        &self,
        caller: &Caller,
        gateway: &Gateway,
        day: NaiveDate,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Reconciled, ServiceError> {
        // Money of all agencies.
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let mut reconciled = Reconciled::default();
        let mut seen = HashSet::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = gateway.taken_on(day, after.as_deref()).await?;
            for told in &page.payments {
                reconciled.told += 1;
                self.reconcile_told(gateway, told, &mut reconciled).await?;
                seen.extend(told.order().and_then(|code| PaymentOrderId::of_code(&code)));
                progress(reconciled.told, page.total);
            }
            if page.next.is_none() || page.next == after {
                break;
            }
            after = page.next;
        }
        self.reconcile_paid(gateway, day, &seen, &mut reconciled).await?;
        Ok(reconciled)
    }

    async fn reconcile_told(
        &self,
        gateway: &Gateway,
        told: &Told,
        reconciled: &mut Reconciled,
    ) -> Result<(), ServiceError> {
        let code = match (self.take_payment(gateway, told).await, told.order()) {
            (Ok(PaymentOutcome::Repeated), Some(code)) => code,
            (Ok(PaymentOutcome::Recorded), Some(code)) => {
                reconciled.recorded += 1;
                code
            }
            (Ok(PaymentOutcome::Discrepancy(kind)), Some(code)) => {
                if kind == DiscrepancyKind::Surplus {
                    reconciled.recorded += 1;
                }
                reconciled.discrepancies.push((code.clone(), kind));
                code
            }
            (Err(ServiceError::Problem(Problem::NotFound { .. } | Problem::InvalidInput { .. })), _)
            | (Ok(_), None) => {
                reconciled.unknown.push(told.order.chars().take(80).collect());
                return Ok(());
            }
            (Err(error), _) => return Err(error),
        };
        let Some(id) = PaymentOrderId::of_code(&code) else { return Ok(()) };
        if told.refunded {
            // It may have been asked for, and the answer lost.
            self.carry_refund(id).await?;
        }
        let known = self.executor.load::<Order>(&payment::stream(id)).await?;
        let Some(placed) = &known.state.placed else { return Ok(()) };
        let is_it = known
            .state
            .taken
            .as_ref()
            .is_some_and(|taken| Some(&taken.transaction) == told.transaction().as_ref());
        let is_refunded = matches!(known.state.refund, Refund::Confirmed { .. });
        if !is_it || told.refunded == is_refunded {
            return Ok(());
        }
        // Asked again: it may have gone back since the list was made.
        let now = gateway.payment_of(&code).await?;
        if now.is_none_or(|now| now.refunded != is_refunded) {
            let differs = Discrepancy {
                kind: DiscrepancyKind::RefundDiffers,
                transaction: told.transaction(),
                amount: Some(told.amount),
                currency: None,
                answer: None,
            };
            self.find(id, placed, differs).await?;
            reconciled.discrepancies.push((code, DiscrepancyKind::RefundDiffers));
        }
        Ok(())
    }

    /// What was paid here on the day and is not in the gateway's list.
    async fn reconcile_paid(
        &self,
        gateway: &Gateway,
        day: NaiveDate,
        seen: &HashSet<PaymentOrderId>,
        reconciled: &mut Reconciled,
    ) -> Result<(), ServiceError> {
        let head = self.store().head().await?;
        self.read_side.wait_for(&[Model::PaymentOrder], Some(head), WAIT_MAX).await?;
        let end = day.succ_opt().map_or(i64::MAX, |next| micros(day_start(next)));
        let mut after = (micros(day_start(day)).saturating_sub(1), Uuid::max());
        loop {
            let code = gateway.code().as_str();
            let rows = payment_order::paid(self.database(), code, after, end, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.paid_at.unwrap_or(i64::MAX), last.order_id);
            for row in rows.into_iter().filter(|row| !seen.contains(&row.order())) {
                self.reconcile_row(gateway, &row, reconciled).await?;
            }
        }
    }

    async fn reconcile_row(
        &self,
        gateway: &Gateway,
        row: &PaymentOrder,
        reconciled: &mut Reconciled,
    ) -> Result<(), ServiceError> {
        let Some(code) = row.order().code() else { return Ok(()) };
        let known = self.executor.load::<Order>(&payment::stream(row.order())).await?;
        let (Some(placed), Some(taken)) = (&known.state.placed, &known.state.taken) else { return Ok(()) };
        // The gateway may reckon it to another day.
        let now = gateway.payment_of(&code).await?;
        let is_there = now.is_some_and(|now| {
            now.transaction().as_ref() == Some(&taken.transaction) && now.amount == taken.amount_vnd
        });
        if !is_there {
            let missing = Discrepancy {
                kind: DiscrepancyKind::NotAtGateway,
                transaction: Some(taken.transaction.clone()),
                amount: Some(taken.amount_vnd),
                currency: None,
                answer: None,
            };
            self.find(row.order(), placed, missing).await?;
            reconciled.discrepancies.push((code, DiscrepancyKind::NotAtGateway));
        }
        Ok(())
    }
}

/// Who may send somebody to pay, or goes themselves: whoever records payments, and whose dossier it is.
fn may_pay(caller: &Caller, filed: &Filed) -> Result<(), Problem> {
    let principal = &caller.principal;
    let counter = || Act::RecordPayment.relation(filed, principal);
    let relation = if filed.is_theirs(principal) { Relation::Applicant } else { counter() };
    Ok(filed.authorise(&caller.principal, relation)?)
}

/// The gateway as somebody who acts: a machine, for the agency that has the dossier.
fn of_gateway(gateway: &GatewayCode, filed: &Filed) -> Caller {
    let agency = filed.holder.as_ref().map_or(filed.agencies.receiving, |holder| holder.agency);
    Caller {
        principal: Principal {
            id: principal_of(gateway),
            acting_as: ActingAs { agency, unit: None, position_title: None },
            powers: Powers::over(&[Function::Intake, Function::Approve], &Scope::Province),
        },
        via: Via::Gateway,
        traceparent: None,
        purpose: Purpose::default(),
        at: None,
    }
}

/// Who a gateway is in the log.
pub fn principal_of(gateway: &GatewayCode) -> PrincipalId {
    PrincipalId(Uuid::new_v5(&NAMESPACE, format!("gateway:{gateway}").as_bytes()))
}

fn not_set_up() -> Problem {
    Problem::Refused { code: "PAYMENT_NOT_SET_UP", reason: "no payment gateway is set up".to_owned() }
}

fn unavailable() -> Problem {
    Problem::Refused {
        code: "PAYMENT_GATEWAY_UNAVAILABLE",
        reason: "the payment gateway did not open the order; try again".to_owned(),
    }
}
