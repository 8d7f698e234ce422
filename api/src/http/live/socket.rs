//! `graphql-transport-ws`: subscriptions of one client over one WebSocket. The state machine of the library takes a second
//! subscription under the same id for the first, knows no time to wait for `connection_init`, closes with codes of its own and
//! parses documents before anybody has measured them; so this is written by the protocol.
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>

use std::collections::HashMap;
use std::time::Duration;

use async_graphql::ServerError;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use futures::StreamExt;
use futures::stream::{AbortHandle, BoxStream, SelectAll, abortable, once};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Due, NotOpened, Said, Session, Standing, Subscription, TOO_MANY_STREAMS, authenticate};
use crate::graphql::PositionText;
use crate::http::authentication::PURPOSE;
use crate::http::graphql::{Parameters, with_code};
use crate::http::rate::{RATE_LIMITED, TOO_OFTEN};
use crate::http::{Server, header, refuse};
use crate::messages::Language;
use crate::sign_in::Entrance;

const PROTOCOL: &str = "graphql-transport-ws";
/// A document with its variables.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
const ID_BYTES_MAX: usize = 128;
const SUBSCRIPTIONS_MAX: usize = 20;
/// How long a client may take to say who it is.
const INIT_MAX: Duration = Duration::from_secs(3);
const PING_EVERY: Duration = Duration::from_secs(15);
/// Whoever says nothing for so long, and answers no ping, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(40);
/// Whoever takes nothing for so long is gone.
const SEND_MAX: Duration = Duration::from_secs(20);
/// How long the other side may take to close as well.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// What clients say.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClientMessage {
    ConnectionInit { payload: Option<Map<String, Value>> },
    Ping {},
    Pong {},
    Subscribe { id: String, payload: Parameters },
    Complete { id: String },
}

/// How a connection ends.
enum Closing {
    With(u16, &'static str),
    /// Nobody is there to be told.
    Gone,
}

const UNAUTHORIZED: Closing = Closing::With(4401, "Unauthorized");
const FORBIDDEN: Closing = Closing::With(4403, "Forbidden");
/// The official client takes it for an end, and connects again when it wants to subscribe.
const IDLE: Closing = Closing::With(1000, "No subscription");
const INVALID: Closing = Closing::With(4400, "Invalid message");
/// After which clients come back, as they do not after most codes of the protocol.
const TRY_AGAIN_LATER: Closing = Closing::With(1013, "Try again later");
const UNKNOWN_PURPOSE: Closing = Closing::With(4400, "Unknown purpose");

pub(in crate::http) fn open(
    server: Server,
    entrance: Entrance,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    headers: HeaderMap,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.protocols([PROTOCOL]),
        Err(rejection) => return refuse(rejection.status(), "BAD_REQUEST", &rejection.body_text()),
    };
    if !is_own_page(&headers, server.service.live.origins()) {
        let reason = "pages of other hosts open no sockets here";
        return refuse(StatusCode::FORBIDDEN, "FOREIGN_ORIGIN", reason);
    }
    if upgrade.selected_protocol().is_none() {
        let reason = "the subprotocol is graphql-transport-ws";
        return refuse(StatusCode::BAD_REQUEST, "SUBPROTOCOL_NOT_ACCEPTABLE", reason);
    }
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| serve(server, entrance, headers, socket))
}

/// A browser tells of which page it opens a socket, and asks nobody before it does. Other programs tell nothing.
fn is_own_page(headers: &HeaderMap, others: &[String]) -> bool {
    if !headers.contains_key(ORIGIN) {
        return true;
    }
    let Some(origin) = header(headers, &ORIGIN) else { return false };
    let host = origin.split_once("://").map(|(_, host)| host);
    let is_same = match (host, header(headers, &HOST)) {
        (Some(host), Some(own)) => host.eq_ignore_ascii_case(own),
        _ => false,
    };
    is_same || others.iter().any(|other| origin.eq_ignore_ascii_case(other))
}

async fn serve(server: Server, entrance: Entrance, headers: HeaderMap, mut socket: WebSocket) {
    let language = Language::from_accept_language(header(&headers, &ACCEPT_LANGUAGE));
    // A place is held until the connection is closed.
    let (closing, _session) = match begin(&server, entrance, headers, &mut socket).await {
        Ok(session) => {
            let mut connection = Connection::new(session, language, socket);
            let closing = connection.run().await;
            socket = connection.socket;
            (closing, Some(connection.session))
        }
        Err(closing) => (closing, None),
    };
    if let Closing::With(code, reason) = closing {
        let close = async {
            let frame = CloseFrame { code, reason: reason.into() };
            if socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = socket.recv().await {}
            }
        };
        let _ = timeout(CLOSE_MAX, close).await;
    }
}

/// Waits until the client has said who it is.
async fn begin(
    server: &Server,
    entrance: Entrance,
    headers: HeaderMap,
    socket: &mut WebSocket,
) -> Result<Session, Closing> {
    let deadline = Instant::now() + INIT_MAX;
    let payload = loop {
        let received = timeout_at(deadline, receive(socket)).await;
        match received.map_err(|_| Closing::With(4408, "Connection initialisation timeout"))?? {
            Some(ClientMessage::ConnectionInit { payload }) => break payload.unwrap_or_default(),
            Some(ClientMessage::Subscribe { .. }) => return Err(UNAUTHORIZED),
            Some(ClientMessage::Ping {}) => send(socket, &json!({"type": "pong"})).await?,
            Some(ClientMessage::Pong {} | ClientMessage::Complete { .. }) | None => {}
        }
    };
    // A page cannot set headers of a socket: it says here what they would.
    let mut credential = headers;
    for (header, otherwise) in [(AUTHORIZATION, UNAUTHORIZED), (PURPOSE, UNKNOWN_PURPOSE)] {
        let said = payload.iter().find(|(name, _)| name.eq_ignore_ascii_case(header.as_str()));
        if let Some((_, said)) = said {
            let value = said.as_str().and_then(|said| HeaderValue::from_str(said).ok());
            credential.insert(header, value.ok_or(otherwise)?);
        }
    }
    let signed_in = authenticate(server, entrance, &Method::GET, &credential).await.map_err(|refused| {
        match refused.status {
            StatusCode::BAD_REQUEST => UNKNOWN_PURPOSE,
            _ if refused.is_for_now() => TRY_AGAIN_LATER,
            _ => UNAUTHORIZED,
        }
    })?;
    let signed_in = signed_in.ok_or(UNAUTHORIZED)?;
    let session = Session::open(server, entrance, credential, signed_in).map_err(|not| match not {
        NotOpened::Refused(problem) => Closing::With(4403, problem.code()),
        NotOpened::TooMany => Closing::With(1013, TOO_MANY_STREAMS),
    })?;
    // Who is cut off before the first event knows where to go on as well.
    let head = server.service.store().head().await.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a socket cannot be answered");
        Closing::With(1011, "the event log is unavailable")
    })?;
    let payload = json!({"position": PositionText(head).encode()});
    send(socket, &json!({"type": "connection_ack", "payload": payload})).await?;
    Ok(session)
}

/// What the client says next; nothing where it only shows that it is there.
async fn receive(socket: &mut WebSocket) -> Result<Option<ClientMessage>, Closing> {
    match socket.recv().await {
        Some(Ok(Message::Text(text))) => serde_json::from_str(&text).map(Some).map_err(|_| INVALID),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Binary(_))) => Err(INVALID),
        Some(Ok(Message::Close(_))) | None => Err(Closing::Gone),
        Some(Err(_)) => Err(Closing::With(1009, "Message too large")),
    }
}

async fn send(socket: &mut WebSocket, message: &Value) -> Result<(), Closing> {
    deliver(socket, Message::text(message.to_string())).await
}

/// Waits until the client has taken it: nothing is written ahead for whoever is slow.
async fn deliver(socket: &mut WebSocket, message: Message) -> Result<(), Closing> {
    match timeout(SEND_MAX, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Closing::Gone),
    }
}

/// Which subscription: an id may be used again once it is free.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    id: String,
    serial: u64,
}

struct Subscribed {
    serial: u64,
    abort: AbortHandle,
}

struct Connection {
    session: Session,
    language: Language,
    socket: WebSocket,
    subscribed: HashMap<String, Subscribed>,
    /// What they say; nothing for the end.
    said: SelectAll<BoxStream<'static, (Name, Option<Said>)>>,
    serials: u64,
    heard_at: Instant,
    ping_at: Instant,
    /// When it ends, should there be no subscription by then.
    idle_until: Instant,
}

enum Turn {
    Due(Due),
    Idle,
    Ping,
    Received(Result<Option<ClientMessage>, Closing>),
    Said(Name, Option<Said>),
}

impl Connection {
    fn new(session: Session, language: Language, socket: WebSocket) -> Self {
        let now = Instant::now();
        Self {
            idle_until: now + session.server.settings.idle_max,
            session,
            language,
            socket,
            subscribed: HashMap::new(),
            said: SelectAll::new(),
            serials: 0,
            heard_at: now,
            ping_at: now + PING_EVERY,
        }
    }

    async fn run(&mut self) -> Closing {
        loop {
            let turn = tokio::select! {
                biased;
                due = self.session.due() => Turn::Due(due),
                () = tokio::time::sleep_until(self.idle_until), if self.subscribed.is_empty() => Turn::Idle,
                () = tokio::time::sleep_until(self.ping_at) => Turn::Ping,
                received = receive(&mut self.socket) => Turn::Received(received),
                Some((name, said)) = self.said.next(), if !self.said.is_empty() => Turn::Said(name, said),
            };
            if !self.subscribed.is_empty() {
                self.idle_until = Instant::now() + self.session.server.settings.idle_max;
            }
            if let Err(closing) = self.take(turn).await {
                return closing;
            }
        }
    }

    async fn take(&mut self, turn: Turn) -> Result<(), Closing> {
        match turn {
            Turn::Due(Due::Stop) => Err(Closing::With(1001, "Going away")),
            Turn::Due(Due::Expiry) => Err(FORBIDDEN),
            Turn::Due(Due::LookAgain) => match self.session.standing().await {
                Standing::Holds => Ok(()),
                Standing::Ended => Err(FORBIDDEN),
                Standing::Unknown => Err(TRY_AGAIN_LATER),
            },
            Turn::Idle => Err(IDLE),
            Turn::Ping => {
                self.ping_at = Instant::now() + PING_EVERY;
                if SILENCE_MAX < self.heard_at.elapsed() {
                    return Err(Closing::Gone);
                }
                deliver(&mut self.socket, Message::Ping(Vec::new().into())).await
            }
            Turn::Received(received) => {
                let message = received?;
                self.heard_at = Instant::now();
                match message {
                    Some(message) => self.answer(message).await,
                    None => Ok(()),
                }
            }
            Turn::Said(name, said) => self.tell(name, said).await,
        }
    }

    async fn answer(&mut self, message: ClientMessage) -> Result<(), Closing> {
        match message {
            ClientMessage::ConnectionInit { .. } => {
                Err(Closing::With(4429, "Too many initialisation requests"))
            }
            ClientMessage::Ping {} => send(&mut self.socket, &json!({"type": "pong"})).await,
            ClientMessage::Pong {} => Ok(()),
            ClientMessage::Complete { id } => {
                if let Some(subscribed) = self.subscribed.remove(&id) {
                    subscribed.abort.abort();
                }
                Ok(())
            }
            ClientMessage::Subscribe { id, .. } if id.is_empty() || ID_BYTES_MAX < id.len() => Err(INVALID),
            ClientMessage::Subscribe { id, .. } if self.subscribed.contains_key(&id) => {
                Err(Closing::With(4409, "Subscriber already exists"))
            }
            ClientMessage::Subscribe { id, payload } => match self.subscribe(payload) {
                Ok(subscription) => {
                    self.add(id, subscription);
                    Ok(())
                }
                Err(errors) => self.refuse(&id, &errors).await,
            },
        }
    }

    fn subscribe(&self, parameters: Parameters) -> Result<Subscription, Vec<ServerError>> {
        let refused = |reason: &str, code: &str| vec![with_code(ServerError::new(reason, None), code)];
        if SUBSCRIPTIONS_MAX <= self.subscribed.len() {
            let reason = "a socket has at most 20 subscriptions: complete one";
            return Err(refused(reason, "TOO_MANY_SUBSCRIPTIONS"));
        }
        // As often as whoever asks by a request of its own. The address does not count for who is known.
        let principal = Some(self.session.signed_in.caller.principal.id);
        let limiter = &self.session.server.limiter;
        if limiter.check(principal, self.session.entrance.address).is_err() {
            return Err(refused(TOO_OFTEN, RATE_LIMITED));
        }
        self.session.subscribe(self.session.prepare(self.language, parameters), None)
    }

    fn add(&mut self, id: String, subscription: Subscription) {
        self.serials += 1;
        let name = Name { id: id.clone(), serial: self.serials };
        let (said, abort) = abortable(subscription.said);
        let said = said.map(Some).chain(once(async { None })).map(move |said| (name.clone(), said));
        self.said.push(said.boxed());
        self.subscribed.insert(id, Subscribed { serial: self.serials, abort });
    }

    async fn tell(&mut self, name: Name, said: Option<Said>) -> Result<(), Closing> {
        let Name { id, serial } = name;
        // Of one that the client has completed, nothing more.
        if self.subscribed.get(&id).is_none_or(|subscribed| subscribed.serial != serial) {
            return Ok(());
        }
        match said {
            Some(Said::Next(answer)) => {
                send(&mut self.socket, &json!({"id": id, "type": "next", "payload": answer})).await
            }
            Some(Said::Refused(errors)) => {
                self.subscribed.remove(&id);
                self.refuse(&id, &errors).await
            }
            None => {
                self.subscribed.remove(&id);
                send(&mut self.socket, &json!({"id": id, "type": "complete"})).await
            }
        }
    }

    async fn refuse(&mut self, id: &str, errors: &[ServerError]) -> Result<(), Closing> {
        send(&mut self.socket, &json!({"id": id, "type": "error", "payload": errors})).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_the_same_host_opens_sockets_and_others_only_if_they_are_named() {
        let others = ["https://portal.example".to_owned()];
        for (origin, is_taken) in [
            (None, true),
            (Some("https://motcua.example:8443"), true),
            (Some("https://MOTCUA.example:8443"), true),
            (Some("https://portal.example"), true),
            (Some("http://portal.example"), false),
            (Some("https://motcua.example"), false),
            (Some("https://motcua.example:8443.evil.example"), false),
            (Some("null"), false),
            (Some(""), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("motcua.example:8443"));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_own_page(&headers, &others), is_taken, "{origin:?}");
        }
    }
}
