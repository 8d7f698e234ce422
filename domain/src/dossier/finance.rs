//! What an applicant has to pay for a dossier, and has paid: the financial state, apart from the business state.

use serde::{Deserialize, Serialize};

use super::{Event, ObligationKind, PaymentMethod};
use crate::codes::OrderCode;

/// Everything about money of one dossier. Read models keep it as JSON; it is no part of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finance {
    pub obligations: Vec<Obligation>,
}

/// What the applicant was asked to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obligation {
    pub number: u32,
    pub kind: ObligationKind,
    pub amount_vnd: u64,
    /// The clock stands still for it.
    pub stops_clock: bool,
    pub waived: bool,
    pub payments: Vec<Payment>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub order: OrderCode,
    pub amount_vnd: u64,
    pub method: PaymentMethod,
    pub refunded: bool,
}

/// The financial state by name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinancialState {
    /// Nothing was asked for.
    None,
    /// Something is not paid, or not all of it.
    Due,
    /// All is paid or waived.
    Settled,
    /// What was paid went back, and nothing is due.
    Refunded,
}

impl FinancialState {
    /// The name in read models and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Due => "DUE",
            Self::Settled => "SETTLED",
            Self::Refunded => "REFUNDED",
        }
    }
}

impl Obligation {
    pub fn paid_vnd(&self) -> u64 {
        self.payments
            .iter()
            .filter(|payment| !payment.refunded)
            .fold(0, |sum, payment| sum.saturating_add(payment.amount_vnd))
    }

    /// What is still to be paid: nothing once it is waived, or once what was paid for it went back.
    pub fn outstanding_vnd(&self) -> u64 {
        if self.waived || self.is_refunded() { 0 } else { self.amount_vnd.saturating_sub(self.paid_vnd()) }
    }

    pub fn is_refunded(&self) -> bool {
        !self.payments.is_empty() && self.payments.iter().all(|payment| payment.refunded)
    }
}

impl Finance {
    pub fn obligation(&self, number: u32) -> Option<&Obligation> {
        self.obligations.iter().find(|obligation| obligation.number == number)
    }

    pub fn payment(&self, order: &OrderCode) -> Option<(u32, &Payment)> {
        self.obligations.iter().find_map(|obligation| {
            obligation
                .payments
                .iter()
                .find(|payment| payment.order == *order)
                .map(|payment| (obligation.number, payment))
        })
    }

    pub fn outstanding_vnd(&self) -> u64 {
        self.obligations.iter().fold(0, |sum, obligation| sum.saturating_add(obligation.outstanding_vnd()))
    }

    /// Something is still to be paid that the clock stands still for.
    pub fn holds_the_clock(&self) -> bool {
        self.obligations.iter().any(|obligation| obligation.stops_clock && 0 < obligation.outstanding_vnd())
    }

    pub fn state(&self) -> FinancialState {
        if self.obligations.is_empty() {
            FinancialState::None
        } else if 0 < self.outstanding_vnd() {
            FinancialState::Due
        } else if self.obligations.iter().all(Obligation::is_refunded) {
            FinancialState::Refunded
        } else {
            FinancialState::Settled
        }
    }

    pub(super) fn next_number(&self) -> u32 {
        u32::try_from(self.obligations.len()).map_or(u32::MAX, |count| count.saturating_add(1))
    }

    pub fn evolve(&mut self, event: &Event) {
        match event {
            Event::ObligationRequested(requested) => self.obligations.push(Obligation {
                number: requested.obligation,
                kind: requested.kind,
                amount_vnd: requested.amount_vnd,
                stops_clock: requested.stops_clock,
                waived: false,
                payments: Vec::new(),
            }),
            Event::PaymentRecorded(recorded) => {
                let payment = Payment {
                    order: recorded.order.clone(),
                    amount_vnd: recorded.amount_vnd,
                    method: recorded.method,
                    refunded: false,
                };
                self.each(
                    |obligation| obligation.number == recorded.obligation,
                    |o| o.payments.push(payment.clone()),
                );
            }
            Event::ObligationWaived(waived) => {
                self.each(|obligation| obligation.number == waived.obligation, |o| o.waived = true);
            }
            Event::PaymentRefunded(refunded) => {
                for payment in self.obligations.iter_mut().flat_map(|obligation| &mut obligation.payments) {
                    payment.refunded |= payment.order == refunded.order;
                }
            }
            Event::Submitted(_)
            | Event::IntakeSupplementRequested(_)
            | Event::IntakeSupplementReceived(_)
            | Event::Refused(_)
            | Event::Received(_)
            | Event::Forwarded(_)
            | Event::StepCompleted(_)
            | Event::SupplementRequested(_)
            | Event::SupplementReceived(_)
            | Event::ProcessingFinished(_)
            | Event::ResultReturned(_)
            | Event::Withdrawn(_)
            | Event::Paused(_)
            | Event::Resumed(_)
            | Event::Sent(_)
            | Event::Accepted(_)
            | Event::SentBack(_)
            | Event::Recalled(_)
            | Event::OpinionRequested(_)
            | Event::OpinionGiven(_)
            | Event::Proposed(_)
            | Event::Approved(_)
            | Event::ReworkRequested(_)
            | Event::Signed(_)
            | Event::Issued(_)
            | Event::Extended(_)
            | Event::Stopped(_)
            | Event::ApplicantNotified(_)
            | Event::CarriedOver(_)
            | Event::DelegateNamed(_)
            | Event::DelegateRemoved(_)
            | Event::FileAttached(_)
            | Event::Corrected(_) => {}
        }
    }

    fn each(&mut self, which: impl Fn(&Obligation) -> bool, change: impl Fn(&mut Obligation)) {
        self.obligations.iter_mut().filter(|obligation| which(obligation)).for_each(change);
    }
}
