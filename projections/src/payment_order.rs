//! Orders to payment gateways: what does not fit, what is to go back, and what was taken on a day.

use domain::identity::{DossierId, PaymentOrderId};
use domain::payment::{self, DiscrepancyKind, Event as Payment, Found};
use domain::recorded::Event;
use infrastructure::db::Database;
use infrastructure::event_store::micros;
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PaymentOrder {
    pub order_id: Uuid,
    pub dossier_id: Uuid,
    pub obligation: i64,
    pub gateway: String,
    pub amount_vnd: i64,
    pub ordered_at: i64,
    pub expires_at: i64,
    /// The transaction by which it was paid.
    pub taken_by: Option<String>,
    /// As the gateway says.
    pub paid_at: Option<i64>,
    /// The number of the last refund that was asked for, 0 before the first.
    pub refund: i64,
    /// While the gateway is being asked.
    pub refund_requested_at: Option<i64>,
    pub refunded_at: Option<i64>,
    /// [`Found`] discrepancies, as JSON.
    pub discrepancies: String,
    /// How many of them nobody has settled.
    pub unsettled: i64,
}

impl PaymentOrder {
    pub fn order(&self) -> PaymentOrderId {
        PaymentOrderId(self.order_id)
    }

    pub fn dossier(&self) -> DossierId {
        DossierId(self.dossier_id)
    }

    pub fn found(&self) -> serde_json::Result<Vec<Found>> {
        serde_json::from_str(&self.discrepancies)
    }

    /// The place in the list of discrepancies.
    pub fn place(&self) -> Place {
        (self.ordered_at, self.order_id)
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<Found>)) -> serde_json::Result<()> {
        let mut found = self.found()?;
        change(&mut found);
        let unsettled = found.iter().filter(|found| !found.settled).count();
        self.unsettled = i64::try_from(unsettled).unwrap_or(i64::MAX);
        self.discrepancies = serde_json::to_string(&found)?;
        Ok(())
    }
}

impl ReadModel for PaymentOrder {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "payment_order",
        key: &[uuid("order_id")],
        values: &[
            uuid("dossier_id"),
            int("obligation"),
            text("gateway"),
            int("amount_vnd"),
            int("ordered_at"),
            int("expires_at"),
            text("taken_by"),
            int("paid_at"),
            int("refund"),
            int("refund_requested_at"),
            int("refunded_at"),
            text("discrepancies"),
            int("unsettled"),
        ],
    };

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::Payment(_) => occurrence.id("payment"),
            Event::Dossier(_)
            | Event::Code(_)
            | Event::Procedure(_)
            | Event::Agency(_)
            | Event::Calendar(_)
            | Event::Synchronisation(_)
            | Event::Notice(_)
            | Event::Account(_)
            | Event::PermissionGroup(_)
            | Event::Disclosure(_)
            | Event::ReadModel(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, occurrence: &Occurrence) -> Result<(), FoldError> {
        let Event::Payment(event) = &occurrence.event else { return Ok(()) };
        let nonsense = || FoldError { event: occurrence.event.type_name(), of: "payment order" };
        let order_id = Self::partition(occurrence).ok_or_else(nonsense)?;
        let at = micros(occurrence.occurred_at);
        if let Payment::Ordered(ordered) = event {
            rows.push(Self {
                order_id,
                dossier_id: ordered.dossier.0,
                obligation: i64::from(ordered.obligation),
                gateway: ordered.gateway.to_string(),
                amount_vnd: i64::try_from(ordered.amount_vnd).map_err(|_| nonsense())?,
                ordered_at: at,
                expires_at: micros(ordered.expires_at),
                taken_by: None,
                paid_at: None,
                refund: 0,
                refund_requested_at: None,
                refunded_at: None,
                discrepancies: "[]".to_owned(),
                unsettled: 0,
            });
            return Ok(());
        }
        let row = rows.first_mut().ok_or_else(nonsense)?;
        match event {
            Payment::Ordered(_) => {}
            Payment::Taken(taken) => {
                row.taken_by = Some(taken.transaction.to_string());
                row.paid_at = Some(micros(taken.paid_at));
            }
            Payment::DiscrepancyFound(payment::DiscrepancyFound { number, discrepancy }) => {
                if discrepancy.kind == DiscrepancyKind::RefundDeclined {
                    row.refund_requested_at = None;
                }
                let found = Found { number: *number, discrepancy: discrepancy.clone(), settled: false };
                row.change(|known| known.push(found)).map_err(|_| nonsense())?;
            }
            Payment::DiscrepancySettled(settled) => {
                let settle = |known: &mut Vec<Found>| {
                    for found in known.iter_mut().filter(|found| found.number == settled.discrepancy) {
                        found.settled = true;
                    }
                };
                row.change(settle).map_err(|_| nonsense())?;
            }
            Payment::RefundRequested(requested) => {
                row.refund = i64::from(requested.refund);
                row.refund_requested_at = Some(at);
            }
            Payment::RefundConfirmed(_) => {
                row.refund_requested_at = None;
                row.refunded_at = Some(at);
                let settle = |known: &mut Vec<Found>| {
                    for found in known.iter_mut().filter(|found| found.discrepancy.kind.goes_with_a_refund())
                    {
                        found.settled = true;
                    }
                };
                row.change(settle).map_err(|_| nonsense())?;
            }
        }
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![
            self.order_id.into(),
            self.dossier_id.into(),
            self.obligation.into(),
            self.gateway.as_str().into(),
            self.amount_vnd.into(),
            self.ordered_at.into(),
            self.expires_at.into(),
            self.taken_by.as_ref().into(),
            self.paid_at.into(),
            self.refund.into(),
            self.refund_requested_at.into(),
            self.refunded_at.into(),
            self.discrepancies.as_str().into(),
            self.unsettled.into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            order_id: cells.uuid()?,
            dossier_id: cells.uuid()?,
            obligation: cells.int()?,
            gateway: cells.text()?,
            amount_vnd: cells.int()?,
            ordered_at: cells.int()?,
            expires_at: cells.int()?,
            taken_by: cells.text_or_null()?,
            paid_at: cells.int_or_null()?,
            refund: cells.int()?,
            refund_requested_at: cells.int_or_null()?,
            refunded_at: cells.int_or_null()?,
            discrepancies: cells.text()?,
            unsettled: cells.int()?,
        })
    }
}

macro_rules! columns {
    () => {
        "order_id, dossier_id, obligation, gateway, amount_vnd, ordered_at, expires_at, taken_by, paid_at, refund,
         refund_requested_at, refunded_at, discrepancies, unsettled"
    };
}

const UNSETTLED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM payment_order WHERE unsettled > 0 AND (ordered_at, order_id) > ($1, $2) ORDER BY ordered_at, order_id LIMIT $3"
);
const REFUNDS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM payment_order WHERE refund_requested_at IS NOT NULL AND (refund_requested_at, order_id) > ($1, $2)
      ORDER BY refund_requested_at, order_id LIMIT $3"
);
const PAID: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM payment_order WHERE gateway = $1 AND paid_at IS NOT NULL AND (paid_at, order_id) > ($2, $3) AND paid_at < $4
      ORDER BY paid_at, order_id LIMIT $5"
);
const COUNTS: &str = "SELECT
    (SELECT COUNT(*) FROM payment_order WHERE unsettled > 0),
    (SELECT COUNT(*) FROM payment_order WHERE refund_requested_at IS NOT NULL)";

pub(crate) const SQL: &[&str] = &[UNSETTLED, REFUNDS, PAID, COUNTS];

/// A place in a list by time: after it comes the next.
pub type Place = (i64, Uuid);
/// Before all.
pub const START: Place = (i64::MIN, Uuid::nil());

/// Orders with a discrepancy that nobody has settled, the oldest first.
pub async fn unsettled(database: &Database, after: Place, limit: i64) -> sqlx::Result<Vec<PaymentOrder>> {
    on_db!(&database.readers, pool => sqlx::query_as(UNSETTLED)
        .bind(after.0).bind(after.1).bind(limit).fetch_all(pool).await)
}

/// Orders whose gateway is being asked to give money back, the longest waiting first.
pub async fn refunds(database: &Database, after: Place, limit: i64) -> sqlx::Result<Vec<PaymentOrder>> {
    on_db!(&database.readers, pool => sqlx::query_as(REFUNDS)
        .bind(after.0).bind(after.1).bind(limit).fetch_all(pool).await)
}

/// Orders that a gateway was paid for after a place and before an instant.
pub async fn paid(
    database: &Database,
    gateway: &str,
    after: Place,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<PaymentOrder>> {
    on_db!(&database.readers, pool => sqlx::query_as(PAID)
        .bind(gateway).bind(after.0).bind(after.1).bind(before).bind(limit).fetch_all(pool).await)
}

/// How many orders have a discrepancy that nobody has settled, and how many wait for a refund.
pub async fn counts(database: &Database) -> sqlx::Result<(i64, i64)> {
    on_db!(&database.readers, pool => sqlx::query_as(COUNTS).fetch_one(pool).await)
}
