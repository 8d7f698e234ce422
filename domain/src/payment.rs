//! An order to pay through a gateway (đơn thanh toán trực tuyến): what was asked, what the gateway has taken, what does
//! not fit, and what goes back. A stream per order, beside the dossier's. docs/adr/0021
//!
//! The dossier says what is owed and paid; this says what a gateway did about it. Money that was taken and does not fit
//! is a discrepancy until it went back or somebody has settled it: it is never dropped, and never counted as paid.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::codes::{GatewayCode, OrderCode, TransactionCode};
use crate::decider::{self, Decider, events};
use crate::dossier::PaymentMethod;
use crate::identity::{DossierId, KeyId, PaymentOrderId};
use crate::private::{HasPrivate, KeyOwner, Private};
use crate::time::Instant;

/// In front of an order's id in its code.
const CODE_PREFIX: &str = "MC";

/// What can be done about an order.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Place(Ordered),
    /// The gateway has taken the money, all of it. `surplus_vnd`: how much of it nothing was due for.
    Take {
        taken: Taken,
        surplus_vnd: u64,
    },
    /// Something does not fit.
    Find(Discrepancy),
    /// Somebody has dealt with a discrepancy by other means.
    Settle {
        discrepancy: u32,
        note: Private,
    },
    RequestRefund {
        reason: Private,
    },
    /// The gateway has given the money back.
    ConfirmRefund {
        refund: u32,
    },
    /// The gateway will not give it back, however often it is asked.
    DeclineRefund {
        refund: u32,
        answer: String,
    },
}

events! {
    /// Facts about an order.
    pub enum Event {
        "payment.ordered.v1" => Ordered,
        "payment.taken.v1" => Taken,
        "payment.discrepancy_found.v1" => DiscrepancyFound,
        "payment.discrepancy_settled.v1" => DiscrepancySettled,
        "payment.refund_requested.v1" => RefundRequested,
        "payment.refund_confirmed.v1" => RefundConfirmed,
    }
}

/// The applicant is about to be sent to the gateway: written before the gateway hears of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ordered {
    pub dossier: DossierId,
    /// Of the dossier.
    pub obligation: u32,
    pub gateway: GatewayCode,
    /// As which its payments are recorded.
    pub method: PaymentMethod,
    pub amount_vnd: u64,
    /// The gateway should take no money after it; what it takes all the same is money.
    pub expires_at: Instant,
    /// Seals the free text of the dossier, and of this order.
    pub dossier_key: KeyId,
}

/// The gateway has the money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub transaction: TransactionCode,
    pub amount_vnd: u64,
    /// As the gateway says.
    pub paid_at: Instant,
}

/// The gateway and the log do not say the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiscrepancyFound {
    /// Of this order, from 1.
    pub number: u32,
    #[serde(flatten)]
    pub discrepancy: Discrepancy,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discrepancy {
    pub kind: DiscrepancyKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionCode>,
    /// The money that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// ISO 4217.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// A code of the gateway, or of the rule that refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum DiscrepancyKind { $($(#[$doc])* $name,)+ }

        impl DiscrepancyKind {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// In tables, and as clients see it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

kinds! {
    /// Another amount was taken than was asked for.
    WrongAmount => "WRONG_AMOUNT",
    WrongCurrency => "WRONG_CURRENCY",
    /// Money was taken a second time under one order.
    ChargedTwice => "CHARGED_TWICE",
    /// It was paid when nothing, or not so much, was due: the dossier is withdrawn, the obligation waived or paid otherwise.
    Surplus => "SURPLUS",
    /// The rules of the dossier do not let it be recorded.
    NotRecordable => "NOT_RECORDABLE",
    /// Paid here, and the gateway knows nothing of it, or another amount.
    NotAtGateway => "NOT_AT_GATEWAY",
    /// The gateway gave money back of which the log does not say so, or the other way round.
    RefundDiffers => "REFUND_DIFFERS",
    /// The gateway does not give the money back.
    RefundDeclined => "REFUND_DECLINED",
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiscrepancySettled {
    pub discrepancy: u32,
    pub note: Private,
}

/// The money is to go back: written before the gateway is asked, which may be asked again under the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefundRequested {
    /// Of this order, from 1.
    pub refund: u32,
    pub reason: Private,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefundConfirmed {
    pub refund: u32,
}

impl HasPrivate for Ordered {}
impl HasPrivate for Taken {}
impl HasPrivate for DiscrepancyFound {}
impl HasPrivate for RefundConfirmed {}

impl HasPrivate for DiscrepancySettled {
    fn each_private(&mut self, visit: &mut dyn FnMut(&'static str, KeyOwner, &mut Private)) {
        visit("note", KeyOwner::Dossier, &mut self.note);
    }
}

impl HasPrivate for RefundRequested {
    fn each_private(&mut self, visit: &mut dyn FnMut(&'static str, KeyOwner, &mut Private)) {
        visit("reason", KeyOwner::Dossier, &mut self.reason);
    }
}

impl DiscrepancyKind {
    /// The money that was too much is the money that went back.
    pub fn goes_with_a_refund(self) -> bool {
        match self {
            Self::Surplus | Self::RefundDeclined => true,
            Self::WrongAmount
            | Self::WrongCurrency
            | Self::ChargedTwice
            | Self::NotRecordable
            | Self::NotAtGateway
            | Self::RefundDiffers => false,
        }
    }
}

impl PaymentOrderId {
    /// The n-th order for an obligation, from 1: the same on whatever machine, so that a retry is the same order.
    pub fn of(dossier: DossierId, obligation: u32, n: u32) -> Self {
        Self(Uuid::new_v5(&dossier.0, format!("payment order:{obligation}:{n}").as_bytes()))
    }

    /// What the gateway and the dossier call it.
    pub fn code(self) -> Option<OrderCode> {
        OrderCode::parse(&format!("{CODE_PREFIX}{}", self.0.simple())).ok()
    }

    /// The order that a code names, if it is one of this program's.
    pub fn of_code(code: &OrderCode) -> Option<Self> {
        let hex = code.as_str().strip_prefix(CODE_PREFIX)?;
        let id = Uuid::try_parse(hex).ok().map(Self)?;
        // There is one way to write it.
        (id.code().as_ref() == Some(code)).then_some(id)
    }
}

/// An order as of some event of its stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    pub placed: Option<Ordered>,
    pub taken: Option<Taken>,
    pub refund: Refund,
    pub discrepancies: Vec<Found>,
}

/// Where giving the money back stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Refund {
    #[default]
    None,
    /// The gateway is being asked.
    Requested {
        refund: u32,
        reason: Private,
    },
    /// The gateway said no so many times.
    Declined {
        times: u32,
    },
    Confirmed {
        refund: u32,
    },
}

/// A discrepancy, and whether it is settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub number: u32,
    pub discrepancy: Discrepancy,
    pub settled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("no such order was placed")]
    NeverPlaced,
    #[error("the order was placed otherwise")]
    PlacedOtherwise,
    #[error("the order is paid by another transaction")]
    TakenOtherwise,
    #[error("nothing was paid under the order")]
    NothingTaken,
    #[error("a refund is under way")]
    RefundPending,
    #[error("the money went back already")]
    AlreadyRefunded,
    #[error("no such refund was requested")]
    UnknownRefund,
    #[error("the order has no discrepancy {discrepancy}")]
    UnknownDiscrepancy { discrepancy: u32 },
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NeverPlaced => "PAYMENT_NEVER_ORDERED",
            Self::PlacedOtherwise => "PAYMENT_ORDERED_OTHERWISE",
            Self::TakenOtherwise => "PAYMENT_TAKEN_OTHERWISE",
            Self::NothingTaken => "NOTHING_PAID",
            Self::RefundPending => "REFUND_PENDING",
            Self::AlreadyRefunded => "ALREADY_REFUNDED",
            Self::UnknownRefund => "UNKNOWN_REFUND",
            Self::UnknownDiscrepancy { .. } => "UNKNOWN_DISCREPANCY",
        }
    }
}

impl Decider for Order {
    const CATEGORY: &'static str = "payment";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, _at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        if let Command::Place(ordered) = command {
            return self.place(ordered);
        }
        if self.placed.is_none() {
            return Err(Rejection::NeverPlaced);
        }
        match command {
            Command::Place(_) => Err(Rejection::PlacedOtherwise),
            Command::Take { taken, surplus_vnd } => self.take(taken, *surplus_vnd),
            Command::Find(discrepancy) => Ok(self.find(discrepancy).into_iter().collect()),
            Command::Settle { discrepancy, note } => self.settle(*discrepancy, note),
            Command::RequestRefund { reason } => self.request_refund(reason),
            Command::ConfirmRefund { refund } => {
                let confirmed = Event::RefundConfirmed(RefundConfirmed { refund: *refund });
                self.of_pending_refund(*refund, Some(confirmed))
            }
            Command::DeclineRefund { refund, answer } => {
                let declined = Discrepancy {
                    kind: DiscrepancyKind::RefundDeclined,
                    transaction: self.taken.as_ref().map(|taken| taken.transaction.clone()),
                    amount: self.taken.as_ref().map(|taken| taken.amount_vnd),
                    currency: None,
                    // With its number: it may be declined again for the same reason, and that is news.
                    answer: Some(format!("{refund}: {answer}")),
                };
                self.of_pending_refund(*refund, self.find(&declined))
            }
        }
    }

    fn evolve(mut self, _at: Instant, event: &Event) -> Self {
        match event {
            Event::Ordered(ordered) => self.placed = Some(ordered.clone()),
            Event::Taken(taken) => self.taken = Some(taken.clone()),
            Event::DiscrepancyFound(DiscrepancyFound { number, discrepancy }) => {
                if discrepancy.kind == DiscrepancyKind::RefundDeclined
                    && let Refund::Requested { refund, .. } = self.refund
                {
                    self.refund = Refund::Declined { times: refund };
                }
                self.discrepancies.push(Found {
                    number: *number,
                    discrepancy: discrepancy.clone(),
                    settled: false,
                });
            }
            Event::DiscrepancySettled(settled) => {
                self.each_settled(|found| found.number == settled.discrepancy);
            }
            Event::RefundRequested(RefundRequested { refund, reason }) => {
                self.refund = Refund::Requested { refund: *refund, reason: reason.clone() };
            }
            Event::RefundConfirmed(RefundConfirmed { refund }) => {
                self.refund = Refund::Confirmed { refund: *refund };
                self.each_settled(|found| found.discrepancy.kind.goes_with_a_refund());
            }
        }
        self
    }
}

impl Order {
    /// an order is for one obligation and one amount, and stays so; the same again is no news.
    fn place(&self, ordered: &Ordered) -> Result<Vec<Event>, Rejection> {
        match &self.placed {
            None => Ok(vec![Event::Ordered(ordered.clone())]),
            // Until when, and under which key, the first one says.
            Some(placed)
                if placed.amount_vnd == ordered.amount_vnd
                    && (placed.dossier, placed.obligation) == (ordered.dossier, ordered.obligation)
                    && placed.gateway == ordered.gateway =>
            {
                Ok(Vec::new())
            }
            Some(_) => Err(Rejection::PlacedOtherwise),
        }
    }

    /// an order is paid once, by one transaction; the same message again is no news. What nothing was due for is
    /// written down with it.
    fn take(&self, taken: &Taken, surplus_vnd: u64) -> Result<Vec<Event>, Rejection> {
        match &self.taken {
            Some(known) if known.transaction == taken.transaction => Ok(Vec::new()),
            Some(_) => Err(Rejection::TakenOtherwise),
            None => {
                let surplus = (0 < surplus_vnd).then(|| Discrepancy {
                    kind: DiscrepancyKind::Surplus,
                    transaction: Some(taken.transaction.clone()),
                    amount: Some(surplus_vnd),
                    currency: None,
                    answer: None,
                });
                let surplus = surplus.and_then(|surplus| self.find(&surplus));
                Ok(std::iter::once(Event::Taken(taken.clone())).chain(surplus).collect())
            }
        }
    }

    /// What does not fit is written down once, also when it is settled already.
    fn find(&self, discrepancy: &Discrepancy) -> Option<Event> {
        let is_known = self.discrepancies.iter().any(|found| found.discrepancy == *discrepancy);
        let number =
            u32::try_from(self.discrepancies.len()).map_or(u32::MAX, |known| known.saturating_add(1));
        (!is_known)
            .then(|| Event::DiscrepancyFound(DiscrepancyFound { number, discrepancy: discrepancy.clone() }))
    }

    fn settle(&self, discrepancy: u32, note: &Private) -> Result<Vec<Event>, Rejection> {
        let found = self.discrepancies.iter().find(|found| found.number == discrepancy);
        match found.ok_or(Rejection::UnknownDiscrepancy { discrepancy })? {
            Found { settled: true, .. } => Ok(Vec::new()),
            Found { settled: false, .. } => {
                let note = note.clone();
                Ok(vec![Event::DiscrepancySettled(DiscrepancySettled { discrepancy, note })])
            }
        }
    }

    /// money goes back once: while the gateway is being asked, and once it has given it back, there is no other
    /// refund. After a no it may be asked again.
    fn request_refund(&self, reason: &Private) -> Result<Vec<Event>, Rejection> {
        if self.taken.is_none() {
            return Err(Rejection::NothingTaken);
        }
        let refund = match self.refund {
            Refund::None => 1,
            Refund::Declined { times } => times.saturating_add(1),
            Refund::Requested { .. } => return Err(Rejection::RefundPending),
            Refund::Confirmed { .. } => return Err(Rejection::AlreadyRefunded),
        };
        Ok(vec![Event::RefundRequested(RefundRequested { refund, reason: reason.clone() })])
    }

    /// What the gateway says of a refund counts while it is waited for; said again it is no news.
    fn of_pending_refund(&self, refund: u32, event: Option<Event>) -> Result<Vec<Event>, Rejection> {
        match self.refund {
            Refund::Requested { refund: pending, .. } if pending == refund => Ok(event.into_iter().collect()),
            Refund::Confirmed { refund: last } | Refund::Declined { times: last } if refund <= last => {
                Ok(Vec::new())
            }
            Refund::None | Refund::Requested { .. } | Refund::Confirmed { .. } | Refund::Declined { .. } => {
                Err(Rejection::UnknownRefund)
            }
        }
    }

    fn each_settled(&mut self, is_settled: impl Fn(&Found) -> bool) {
        for found in self.discrepancies.iter_mut() {
            found.settled |= is_settled(found);
        }
    }
}

/// `payment-<order id>`
pub fn stream(id: PaymentOrderId) -> String {
    format!("{}-{id}", Order::CATEGORY)
}
