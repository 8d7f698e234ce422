//! How often somebody may ask: whoever signs in by who that is, everybody else by address. Whoever asks more often is told when
//! to come again.

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use domain::identity::PrincipalId;
use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::authentication::{Who, authenticate};
use super::{Server, refuse};
use crate::sign_in::Entrance;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const RATE_LIMITED: &str = "RATE_LIMITED";
pub(super) const TOO_OFTEN: &str =
    "Quá nhiều yêu cầu, hãy thử lại sau. / Too many requests: come again when Retry-After says.";
/// Requests after which those who have not asked for a while are forgotten.
const TIDY_AFTER: u32 = 10_000;
const FOR_A_MOMENT: NonZeroU32 = match NonZeroU32::new(5) {
    Some(times) => times,
    None => NonZeroU32::MIN,
};

/// Requests per second in the long run, any number where none is given; for a moment it may be five times as many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    pub per_address: Option<NonZeroU32>,
    pub per_principal: Option<NonZeroU32>,
    /// The one address whose word is taken for where a request comes from: a proxy's. Anybody can send such a header.
    pub proxy: Option<IpAddr>,
}

/// Of one server.
pub(super) struct Limiter {
    addresses: Measure<IpAddr>,
    principals: Measure<PrincipalId>,
    proxy: Option<IpAddr>,
}

impl Limiter {
    pub(super) fn new(rates: Rates) -> Self {
        Self {
            addresses: Measure::new(rates.per_address),
            principals: Measure::new(rates.per_principal),
            proxy: rates.proxy,
        }
    }

    /// How long to wait, if it was too often.
    pub(super) fn check(
        &self,
        principal: Option<PrincipalId>,
        address: Option<IpAddr>,
    ) -> Result<(), Duration> {
        match principal {
            Some(principal) => self.principals.check(&principal),
            // Those of whom nothing is known are one.
            None => self.addresses.check(&network(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))),
        }
    }

    /// Where a request comes from: from whoever is connected, or from where the proxy says.
    fn address(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer?.ip().to_canonical();
        if self.proxy != Some(peer) {
            return Some(peer);
        }
        // The last one is what the proxy itself has added.
        let forwarded = headers.get_all(FORWARDED_FOR).iter().next_back();
        let last = forwarded.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
        let said = last.and_then(|address| address.trim().parse().ok());
        Some(said.map_or(peer, |said: IpAddr| said.to_canonical()))
    }
}

/// How often each of some has asked.
struct Measure<K: Clone + Eq + Hash> {
    limiter: Option<DefaultKeyedRateLimiter<K>>,
    checks: AtomicU32,
}

impl<K: Clone + Eq + Hash> Measure<K> {
    fn new(per_second: Option<NonZeroU32>) -> Self {
        let quota = |per_second: NonZeroU32| {
            Quota::per_second(per_second).allow_burst(per_second.saturating_mul(FOR_A_MOMENT))
        };
        Self { limiter: per_second.map(quota).map(RateLimiter::keyed), checks: AtomicU32::new(0) }
    }

    fn check(&self, key: &K) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        if self.checks.fetch_add(1, Ordering::Relaxed) % TIDY_AFTER == TIDY_AFTER - 1 {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|not_until| not_until.wait_time_from(limiter.clock().now()))
    }
}

/// Whoever has one address of IPv6 has all of a network's.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

fn address_of(server: &Server, request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    server.limiter.address(peer, request.headers())
}

fn too_often(wait: Duration) -> Response {
    let mut refused = refuse(StatusCode::TOO_MANY_REQUESTS, RATE_LIMITED, TOO_OFTEN);
    refused.headers_mut().insert(RETRY_AFTER, wait.as_secs().saturating_add(1).into());
    refused
}

/// In front of every route but those of health and of signing in.
pub(super) async fn limit(State(server): State<Server>, mut request: Request, next: Next) -> Response {
    // A token that is not taken is somebody's guess, and counts for the address.
    let address = address_of(&server, &request);
    let entrance = Entrance { listener: server.listener, address };
    let signed_in = authenticate(&server, entrance, request.method(), request.headers()).await;
    let who = Who { entrance, signed_in };
    let principal = who.signed_in().ok().flatten().map(|signed_in| signed_in.caller.principal.id);
    match server.limiter.check(principal, address) {
        Ok(()) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(wait) => too_often(wait),
    }
}

/// In front of signing in.
pub(super) async fn limit_address(State(server): State<Server>, request: Request, next: Next) -> Response {
    match server.limiter.check(None, address_of(&server, &request)) {
        Ok(()) => next.run(request).await,
        Err(wait) => too_often(wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(proxy: Option<&str>) -> Limiter {
        let two = NonZeroU32::new(2);
        let proxy = proxy.map(|proxy| proxy.parse().unwrap());
        Limiter::new(Rates { per_address: two, per_principal: two, proxy })
    }

    #[test]
    fn a_forwarding_header_is_taken_from_the_proxy_only() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, "203.0.113.9, 198.51.100.7".parse().unwrap());
        let peer: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        for (proxy, expected) in [
            (None, "192.0.2.1"),
            (Some("192.0.2.2"), "192.0.2.1"),
            // What stands before it was sent by whoever asked the proxy.
            (Some("192.0.2.1"), "198.51.100.7"),
        ] {
            assert_eq!(
                limiter(proxy).address(Some(peer), &headers),
                expected.parse::<IpAddr>().ok(),
                "{proxy:?}"
            );
        }
        headers.insert(FORWARDED_FOR, "nonsense".parse().unwrap());
        assert_eq!(limiter(Some("192.0.2.1")).address(Some(peer), &headers), Some(peer.ip()));
        assert_eq!(limiter(Some("192.0.2.1")).address(None, &headers), None);
    }

    #[test]
    fn each_has_a_measure_of_their_own_and_a_network_has_one() {
        let limiter = limiter(None);
        let [one, other]: [IpAddr; 2] = ["2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()];
        let elsewhere: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        let somebody = PrincipalId(uuid::Uuid::from_u128(1));
        for n in 0..10 {
            assert!(limiter.check(None, Some(if n % 2 == 0 { one } else { other })).is_ok(), "{n}");
        }
        assert!(limiter.check(None, Some(one)).is_err() && limiter.check(None, Some(other)).is_err());
        assert!(limiter.check(None, Some(elsewhere)).is_ok());
        for n in 0..10 {
            assert!(limiter.check(Some(somebody), Some(one)).is_ok(), "{n}");
        }
        let wait = limiter.check(Some(somebody), None).unwrap_err();
        assert!(Duration::ZERO < wait && wait < Duration::from_secs(1), "{wait:?}");
    }
}
