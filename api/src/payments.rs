//! Payment gateways of this installation, and the process that asks them for the money that is to go back. docs/adr/0021

mod settings;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::codes::GatewayCode;
use infrastructure::payment_gateway::Gateway;
use projections::payment_order::{self, START};
use projections::read_side::Follower;

pub use self::settings::EXAMPLE;
use crate::problem::ServiceError;
use crate::service::{RefundOutcome, Service};

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(30);
const PAGE: i64 = 200;

/// Gateways by code. Clones share them.
#[derive(Clone, Default)]
pub struct Gateways(Arc<[Gateway]>);

impl Gateways {
    pub fn new(gateways: Vec<Gateway>) -> Self {
        Self(gateways.into())
    }

    pub fn get(&self, code: &GatewayCode) -> Option<&Gateway> {
        self.0.iter().find(|gateway| gateway.code() == code)
    }

    /// The one that takes new orders.
    pub fn first(&self) -> Option<&Gateway> {
        self.0.first()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Gateway> {
        self.0.iter()
    }
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefundRound {
    pub refunded: u64,
    pub declined: u64,
    /// Refunds that are asked for again.
    pub waiting: u64,
}

/// Asks for refunds until it is stopped. Any number of processes may: a gateway gives money back once under one number,
/// and the log writes it down once.
pub fn follow(service: Service) -> Follower {
    Follower::start(|mut stopped| async move {
        while !*stopped.borrow() {
            tokio::select! {
                round = carry_refunds(&service) => match round {
                    Ok(round) if round == RefundRound::default() => {}
                    Ok(RefundRound { refunded, declined, waiting }) => {
                        tracing::info!(refunded, declined, waiting, "refunds");
                    }
                    Err(error) => {
                        let error: &(dyn std::error::Error + 'static) = &error;
                        tracing::error!(error, "refunds are not asked for; trying again");
                    }
                },
                _ = stopped.changed() => {}
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stopped.changed() => {}
            }
        }
    })
}

/// Asks once for every refund that waits. A gateway that does not answer is left alone until the next round.
pub async fn carry_refunds(service: &Service) -> Result<RefundRound, ServiceError> {
    let mut round = RefundRound::default();
    let mut silent = HashSet::new();
    let mut after = START;
    loop {
        let rows = payment_order::refunds(service.read_side.database(), after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(round) };
        after = (last.refund_requested_at.unwrap_or(i64::MAX), last.order_id);
        for row in rows {
            if silent.contains(&row.gateway) {
                round.waiting += 1;
                continue;
            }
            match service.carry_refund(row.order()).await {
                Ok(RefundOutcome::Refunded) => round.refunded += 1,
                Ok(RefundOutcome::Declined) => round.declined += 1,
                // The table had not seen yet what became of it.
                Ok(RefundOutcome::Settled) => {}
                Ok(RefundOutcome::Waiting) => {
                    round.waiting += 1;
                    silent.insert(row.gateway);
                }
                Err(error) if error.is_about_one_stream() => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::error!(order = %row.order_id, error, "a refund cannot be written down");
                    round.waiting += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
