//! Subscriptions: `graphql-transport-ws` over a WebSocket (`socket.rs`), and `graphql-sse` in its mode of distinct connections
//! (`events.rs`). Neither answers anything else.

mod events;
mod socket;

use std::future::pending;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError};
use axum::http::header::UPGRADE;
use axum::http::{HeaderMap, Method};
use domain::recorded::Position;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub(super) use self::events::stream;
pub(super) use self::socket::open as open_socket;

use super::authentication::{SignedIn, authenticate, authenticate_again};
use super::graphql::{Parameters, Prepared, Unprepared, coded, prepare, record, with_code};
use super::{Server, header};
use crate::graphql::live::{Progress, Reached, ResumeAfter};
use crate::messages::Language;
use crate::problem::Problem;
use crate::service::{Held, Service};
use crate::sign_in::Entrance;

/// How often a credential is looked at again.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(60);
/// And how often while it cannot be told whether it holds.
const ASK_AGAIN_EVERY: Duration = Duration::from_secs(5);
/// How long whoever listens stays meanwhile.
const UNKNOWN_MAX: Duration = Duration::from_secs(180);
const TOO_MANY_STREAMS: &str = "too many streams are open: close one";

pub(super) fn asks_for_socket(headers: &HeaderMap) -> bool {
    header(headers, &UPGRADE).is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
}

/// Somebody who is connected: who that is, and how long.
struct Session {
    server: Server,
    entrance: Entrance,
    credential: HeaderMap,
    signed_in: SignedIn,
    until: Option<Instant>,
    look_again: Instant,
    /// Since when it cannot be told whether the credential holds.
    unknown_since: Option<Instant>,
    stopping: watch::Receiver<bool>,
    _place: Held,
}

/// Why there is no session.
enum NotOpened {
    Refused(Problem),
    /// The principal has too many already, or all together have.
    TooMany,
}

/// Why a session is disturbed.
enum Due {
    /// The server stops.
    Stop,
    /// The credential has come to its end.
    Expiry,
    LookAgain,
}

/// What a credential comes to that is looked at again.
enum Standing {
    Holds,
    Ended,
    /// Nobody could tell for too long: whoever listens comes back later.
    Unknown,
}

impl Session {
    /// Nobody holds a place who may not listen to anything.
    fn open(
        server: &Server,
        entrance: Entrance,
        credential: HeaderMap,
        signed_in: SignedIn,
    ) -> Result<Self, NotOpened> {
        Service::may_listen(&signed_in.caller).map_err(NotOpened::Refused)?;
        let live = &server.service.live;
        let place = live.open(signed_in.caller.principal.id).ok_or(NotOpened::TooMany)?;
        // By the clock that the credential is held against; the wait is by the one that never goes back.
        let left = signed_in.until.map(|until| until - server.service.clock().now());
        let until = left.map(|left| Instant::now() + left.to_std().unwrap_or_default());
        Ok(Self {
            _place: place,
            server: server.clone(),
            entrance,
            credential,
            signed_in,
            until,
            look_again: Instant::now() + LOOK_AGAIN_EVERY,
            unknown_since: None,
            stopping: live.stopping(),
        })
    }

    async fn due(&mut self) -> Due {
        let expiry = async {
            match self.until {
                Some(until) => sleep_until(until).await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.stopping.wait_for(|is_stopping| *is_stopping) => Due::Stop,
            () = expiry => Due::Expiry,
            () = sleep_until(self.look_again) => Due::LookAgain,
        }
    }

    /// Whether the credential still says what it said. Whoever may do something else now connects again.
    async fn standing(&mut self) -> Standing {
        let again = authenticate_again(&self.server, self.entrance, &Method::GET, &self.credential).await;
        let now = Instant::now();
        if again.as_ref().is_err_and(|refused| refused.is_for_now()) {
            self.look_again = now + ASK_AGAIN_EVERY;
            let since = *self.unknown_since.get_or_insert(now);
            return if now - since < UNKNOWN_MAX { Standing::Holds } else { Standing::Unknown };
        }
        self.look_again = now + LOOK_AGAIN_EVERY;
        self.unknown_since = None;
        let principal = &self.signed_in.caller.principal;
        match again {
            Ok(Some(again)) if again.caller.principal == *principal => Standing::Holds,
            Ok(_) | Err(_) => Standing::Ended,
        }
    }

    fn prepare(&self, language: Language, parameters: Parameters) -> Result<Prepared, Unprepared> {
        prepare(&self.server, Some(&self.signed_in), language, parameters)
    }

    fn subscribe(
        &self,
        prepared: Result<Prepared, Unprepared>,
        resume: Option<Position>,
    ) -> Result<Subscription, Vec<ServerError>> {
        Subscription::open(&self.server, &self.signed_in, prepared, resume)
    }
}

/// What a subscription says next.
enum Said {
    Next(Box<Response>),
    /// It does not come about.
    Refused(Vec<ServerError>),
}

struct Subscription {
    said: BoxStream<'static, Said>,
    reached: watch::Receiver<Reached>,
}

impl Subscription {
    fn open(
        server: &Server,
        signed_in: &SignedIn,
        prepared: Result<Prepared, Unprepared>,
        resume: Option<Position>,
    ) -> Result<Self, Vec<ServerError>> {
        let refused = |reason: &str, code: &str| vec![with_code(ServerError::new(reason, None), code)];
        let Prepared { request, execution, kind, has_one_field, operation } =
            prepared.map_err(|unprepared| match unprepared {
                Unprepared::NoQuery => refused("there is no query", "BAD_REQUEST"),
                Unprepared::Refused(error) => vec![*error],
            })?;
        match kind {
            Some(OperationType::Query | OperationType::Mutation) => {
                let reason = "only subscriptions are answered here: POST /graphql for queries and mutations";
                return Err(refused(reason, "SUBSCRIPTION_EXPECTED"));
            }
            Some(OperationType::Subscription) if !has_one_field => {
                let reason = "a subscription has one root field, named directly and without directives";
                return Err(refused(reason, "GRAPHQL_VALIDATION_FAILED"));
            }
            Some(OperationType::Subscription) | None => {}
        }
        let progress = Progress::default();
        let reached = progress.watch();
        let mut request = request.data(progress);
        if let Some(position) = resume {
            request = request.data(ResumeAfter(position));
        }
        let (own_server, caller) = (server.clone(), signed_in.caller.clone());
        let said = server.api.execute_stream(request).then(move |response| {
            let (server, caller) = (own_server.clone(), caller.clone());
            let (operation, execution) = (operation.clone(), execution.clone());
            async move {
                // Each event is written down by itself, before it is told.
                if let Err(error) = record(&server, Some(&caller), operation, &execution).await {
                    return Said::Refused(vec![error]);
                }
                match execution.finish(response) {
                    Ok(mut response) => {
                        response.errors = coded(response.errors, "BAD_USER_INPUT");
                        Said::Next(Box::new(response))
                    }
                    Err(errors) => Said::Refused(coded(errors, "GRAPHQL_VALIDATION_FAILED")),
                }
            }
        });
        Ok(Self { said: said.boxed(), reached })
    }
}
