//! When and where somebody administers (QĐ 742/QĐ-BTTTT, part 4). Whoever may, and does it elsewhere, is left what else they may
//! do.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use domain::access::Function;
use domain::identity::PrincipalId;
use domain::working_time::{OfficeHours, office_time};
use ipnet::IpNet;

use super::{Entrance, Listener, NotSignedIn};
use crate::service::Service;

/// What lets somebody change what holds for others.
pub(super) const ADMINISTRATION: [Function; 2] = [Function::Administer, Function::ManageAccess];
/// Long enough that any office is open in it, if it is open.
const MOMENT: TimeDelta = TimeDelta::minutes(1);
/// More than there are administrators with places to be at. After that they are told again.
const TOLD_MAX: usize = 1_024;

/// What is asked of who administers, besides a second factor.
#[derive(Clone, Debug, Default)]
pub struct Administration {
    pub in_office_hours: bool,
    /// Through the listener for those who run the server, and no other.
    pub on_admin_listener: bool,
    /// From an address in one of these networks; from anywhere if there are none.
    pub from: Vec<IpNet>,
    pub told: Told,
}

/// Why somebody who may administer does not, here and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Closed {
    #[error("no second factor was shown")]
    NoSecondFactor,
    #[error("it is not done through this listener")]
    OtherListener,
    #[error("it is not done from this address")]
    OtherAddress,
    #[error("the offices are closed")]
    OutsideOfficeHours,
}

impl Administration {
    pub(super) async fn closed(
        &self,
        service: &Service,
        entrance: Entrance,
        strong: bool,
    ) -> Result<Option<Closed>, NotSignedIn> {
        Ok(if !strong {
            Some(Closed::NoSecondFactor)
        } else if self.on_admin_listener && entrance.listener != Listener::Admin {
            Some(Closed::OtherListener)
        } else if !self.is_from_here(entrance.address) {
            Some(Closed::OtherAddress)
        } else if self.in_office_hours && !is_office_open(service).await? {
            Some(Closed::OutsideOfficeHours)
        } else {
            None
        })
    }

    fn is_from_here(&self, address: Option<IpAddr>) -> bool {
        self.from.is_empty()
            || address.is_some_and(|address| self.from.iter().any(|network| network.contains(&address)))
    }
}

async fn is_office_open(service: &Service) -> Result<bool, NotSignedIn> {
    let (now, calendar) = (service.clock().now(), service.calendar(None).await?);
    // Of a year that the calendar does not know nobody can say that it is a working day.
    let worked = office_time(now, now + MOMENT, &calendar, &OfficeHours::default());
    Ok(worked.is_ok_and(|worked| TimeDelta::zero() < worked))
}

/// Of whom the log has been told: each request of theirs asks again.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Mutex<HashSet<(PrincipalId, Closed, Entrance)>>>);

impl Told {
    pub(super) fn once(&self, principal: PrincipalId, closed: Closed, entrance: Entrance) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if TOLD_MAX <= told.len() {
            told.clear();
        }
        if told.insert((principal, closed, entrance)) {
            let address = entrance.address.map(tracing::field::display);
            tracing::warn!(%principal, address, "administration is closed to who asks: {closed}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_administrators_by_its_network() {
        let networks = ["10.1.0.0/16", "192.0.2.7/32", "2001:db8:1::/48"];
        let from = networks.iter().map(|network| network.parse().unwrap()).collect();
        let administration = Administration { from, ..Administration::default() };
        for (address, is_one) in [
            ("10.1.255.3", true),
            ("10.2.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8:1:2::3", true),
            ("2001:db8:2::3", false),
            ("::ffff:10.1.0.1", false),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(administration.is_from_here(Some(address)), is_one, "{address}");
            assert!(Administration::default().is_from_here(Some(address)));
        }
        assert!(!administration.is_from_here(None), "who comes from nowhere is not one of them");
    }
}
