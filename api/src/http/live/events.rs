//! `graphql-sse`, distinct connections: one POST is one subscription, answered by a stream of server-sent events. The id of an
//! event is its position in the log: a client that sends the last one goes on after it.
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use async_graphql::{Response as Answer, ServerError};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use domain::recorded::Position;
use futures::StreamExt;
use futures::stream::unfold;
use tokio::time::{Instant, sleep_until};

use super::super::authentication::SignedIn;
use super::{Due, NotOpened, Said, Session, Standing, Subscription, TOO_MANY_STREAMS};
use crate::graphql::PositionText;
use crate::http::graphql::{Prepared, Unprepared, with_code};
use crate::http::{Server, header, refuse};
use crate::sign_in::Entrance;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies keep back what they do not know to be a stream.
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
/// Proxies cut what is silent, and whoever is not told anything goes on later from there.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(10);
/// When to come back after a stop of the server.
const COME_BACK_AFTER: Duration = Duration::from_secs(1);
/// And where it could not be told whose the credential is.
const COME_BACK_LATER: Duration = Duration::from_secs(10);

pub(in crate::http) async fn stream(
    server: &Server,
    entrance: Entrance,
    signed_in: Option<&SignedIn>,
    headers: &HeaderMap,
    prepared: Result<Prepared, Unprepared>,
) -> Response {
    let Some(signed_in) = signed_in else {
        return refuse(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "you have to sign in");
    };
    let resume = match header(headers, &LAST_EVENT_ID).filter(|id| !id.is_empty()).map(PositionText::decode) {
        None => None,
        Some(Some(position)) => Some(position.0),
        Some(None) => {
            let reason = "Last-Event-ID is not a position of this server";
            return refuse(StatusCode::BAD_REQUEST, "BAD_REQUEST", reason);
        }
    };
    let session = match Session::open(server, entrance, headers.clone(), signed_in.clone()) {
        Ok(session) => session,
        Err(NotOpened::Refused(problem)) => {
            return refuse(StatusCode::FORBIDDEN, problem.code(), &problem.to_string());
        }
        Err(NotOpened::TooMany) => {
            let refused = refuse(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_STREAMS", TOO_MANY_STREAMS);
            return ([(RETRY_AFTER, HeaderValue::from_static("5"))], refused).into_response();
        }
    };
    let events = match session.subscribe(prepared, resume) {
        Ok(subscription) => {
            let sign_of_life = Instant::now() + SIGN_OF_LIFE_EVERY;
            Events {
                waiting: VecDeque::new(),
                running: Some(Box::new(Running { session, subscription, last_id: None, sign_of_life })),
            }
        }
        Err(errors) => {
            Events { waiting: [next(&Answer::from_errors(errors)), complete()].into(), running: None }
        }
    };
    let events = unfold(events, |mut events| async {
        let event = events.next().await?;
        Some((Ok::<_, Infallible>(event), events))
    });
    ([NO_BUFFERING], Sse::new(events)).into_response()
}

struct Events {
    /// To be sent before anything else happens.
    waiting: VecDeque<Event>,
    running: Option<Box<Running>>,
}

struct Running {
    session: Session,
    subscription: Subscription,
    last_id: Option<Position>,
    sign_of_life: Instant,
}

/// What comes next of a stream.
enum Turn {
    Event(Event),
    End(Vec<Event>),
}

impl Events {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            match self.running.as_mut()?.turn().await {
                Turn::Event(event) => return Some(event),
                Turn::End(events) => {
                    self.waiting.extend(events);
                    self.running = None;
                }
            }
        }
    }
}

impl Running {
    async fn turn(&mut self) -> Turn {
        loop {
            let Subscription { said, reached } = &mut self.subscription;
            let is_new = self.last_id.is_none();
            let turn = tokio::select! {
                biased;
                due = self.session.due() => match due {
                    // Not the end of the subscription: who is told that it is complete does not come back.
                    Due::Stop => Turn::End(vec![Event::default().retry(COME_BACK_AFTER)]),
                    Due::Expiry => Turn::End(signed_out()),
                    Due::LookAgain => match self.session.standing().await {
                        Standing::Holds => continue,
                        Standing::Ended => Turn::End(signed_out()),
                        Standing::Unknown => Turn::End(vec![Event::default().retry(COME_BACK_LATER)]),
                    },
                },
                said = said.next() => match said {
                    Some(Said::Next(answer)) => {
                        self.last_id = reached.borrow_and_update().told.max(self.last_id);
                        Turn::Event(with_id(next(&answer), self.last_id))
                    }
                    Some(Said::Refused(errors)) => {
                        Turn::End(vec![next(&Answer::from_errors(errors)), complete()])
                    }
                    None => Turn::End(vec![complete()]),
                },
                // Who is cut off before the first event knows where to go on as well.
                Ok(()) = reached.changed(), if is_new => self.passed(),
                () = sleep_until(self.sign_of_life) => self.passed(),
            };
            self.sign_of_life = Instant::now() + SIGN_OF_LIFE_EVERY;
            return turn;
        }
    }

    /// How far the subscriber has got without being told anything.
    fn passed(&mut self) -> Turn {
        self.last_id = self.subscription.reached.borrow_and_update().passed.max(self.last_id);
        Turn::Event(with_id(Event::default().comment(""), self.last_id))
    }
}

fn with_id(event: Event, position: Option<Position>) -> Event {
    match position {
        Some(position) => event.id(PositionText(position).encode()),
        None => event,
    }
}

fn next(answer: &Answer) -> Event {
    let event = Event::default().event("next");
    match serde_json::to_string(answer) {
        Ok(text) => event.data(text),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            event.data(r#"{"errors":[{"message":"the answer cannot be written"}]}"#)
        }
    }
}

fn complete() -> Event {
    Event::default().event("complete").data("")
}

fn signed_out() -> Vec<Event> {
    let error = ServerError::new("Phiên đăng nhập đã kết thúc. / The session has ended.", None);
    vec![next(&Answer::from_errors(vec![with_code(error, "UNAUTHENTICATED")])), complete()]
}
