//! Subscriptions over both transports: what arrives, what never does, what is refused, and what happens when a connection, a
//! credential or the server ends. The clients of others are the official ones (`tests/js/listen.mjs`).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use api::documents::{Documents, id_of};
use api::graphql::PositionText;
use api::http::{Rates, Settings, admin_router, router};
use api::input::{AccountKind, Function, GrantOver, IssueMachineKeyInput, OpenAccountInput};
use api::sign_in::SignIn;
use api::sign_in::administration::Administration;
use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use domain::identity::PrincipalId;
use domain::private::Secret;
use domain::recorded::Position;
use futures::future::join_all;
use futures::{SinkExt, StreamExt};
use infrastructure::event_store::PageLimit;
use infrastructure::location::DbUrl;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tower::ServiceExt;

use crate::access::{account, granting, group};
use crate::graphql::{
    ADMIN, AUDITOR, Answer, INTAKE, OFFICER_B, STRANGER, System, answer_of, key, submission,
};
use crate::schema::judges;
use crate::support::office::{AGENCY, caller};
use crate::support::{Backend, Place, Server, TempFolder, instant, on_each_backend};

const NOW: &str = "2024-04-22T09:00:00+07:00";
const CITIZEN: &str = "dev:citizen:dan@000.00.16.H42";
/// Nothing that is waited for takes longer.
const SOON: Duration = Duration::from_secs(20);
/// What urql takes, whatever it asks.
const URQL: &str = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed";
const EVENTS: &str = "subscription { dossierEvents { position eventType dossier { id version } } }";

on_each_backend!(
    both_official_clients_are_told_everything_in_order,
    both_official_clients_subscribe_by_an_identifier,
    a_cut_connection_misses_nothing_and_repeats_nothing,
    nobody_is_told_what_they_may_not_see,
    whoever_takes_nothing_holds_up_nobody_and_misses_nothing,
);

/// The system behind a port, in this process.
struct Served {
    address: String,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Served {
    async fn new(system: &System, settings: Settings) -> Self {
        let app = router(system.service.clone(), settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, task }
    }

    fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }
}

fn settings() -> Settings {
    Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() }
}

/// An official client that listens.
struct Listener {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Listener {
    fn start(protocol: &str, url: &str, token: &str, count: usize, after: Option<&str>) -> Self {
        Self::with(&[protocol, url, token, &count.to_string()], after.into_iter())
    }

    fn with<'a>(arguments: &[&str], more: impl Iterator<Item = &'a str>) -> Self {
        let mut child = Command::new("node")
            .arg("listen.mjs")
            .args(arguments)
            .args(more)
            .current_dir(judges())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs the clients");
        Self { lines: BufReader::new(child.stdout.take().unwrap()).lines(), _child: child }
    }

    async fn line(&mut self) -> Value {
        let line = timeout(Duration::from_secs(60), self.lines.next_line()).await.expect("it says something");
        serde_json::from_str(&line.unwrap().expect("it has not ended")).unwrap()
    }

    /// All events, how it ended, and how often it was cut.
    async fn told(&mut self) -> (Vec<Value>, Value, usize) {
        let (mut events, mut cuts) = (Vec::new(), 0);
        loop {
            let line = self.line().await;
            if line.get("ended").is_some() {
                return (events, line["ended"].clone(), cuts);
            } else if line.get("cut").is_some() {
                cuts += 1;
            } else {
                events.push(line);
            }
        }
    }
}

/// Passes bytes on between clients and a server until it cuts them off.
struct Proxy {
    address: String,
    cuts: watch::Sender<u32>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    async fn new(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (cuts, cut) = watch::channel(0);
        let to = to.to_owned();
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (to, mut cut) = (to.clone(), cut.clone());
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(to).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, cuts, task }
    }

    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

/// What the log says of all dossiers after a position, as the clients print it.
async fn logged(system: &System, after: Position) -> Vec<(String, String, i64)> {
    let mut at = after;
    let mut events = Vec::new();
    loop {
        let page = system.service.store().read_all(at, PageLimit::rows(500)).await.unwrap();
        at = page.next;
        events.extend(
            page.rows
                .into_iter()
                .filter(|row| row.stream.starts_with("dossier-"))
                .map(|row| (PositionText(Position(row.position)).encode(), row.type_name, row.version)),
        );
        if page.at_end {
            return events;
        }
    }
}

fn as_logged(events: &[Value]) -> Vec<(String, String, i64)> {
    let of = |event: &Value| {
        let text = |field: &str| event[field].as_str().unwrap_or_else(|| panic!("{event}")).to_owned();
        (text("position"), text("eventType"), event["version"].as_i64().unwrap())
    };
    events.iter().map(of).collect()
}

async fn head(system: &System) -> String {
    PositionText(system.service.store().head().await.unwrap()).encode()
}

async fn submit(system: &System, names: impl Iterator<Item = String>) {
    let names: Vec<String> = names.collect();
    for some in names.chunks(50) {
        join_all(some.iter().map(|name| async move {
            system.act(ADMIN, "submitDossier", &submission(name)).await;
        }))
        .await;
    }
}

async fn both_official_clients_are_told_everything_in_order(backend: Backend) {
    let system = System::new(backend, NOW).await;
    submit(&system, (0..5).map(|n| format!("before {n}"))).await;
    let start = system.service.store().head().await.unwrap();
    submit(&system, (0..5).map(|n| format!("after {n}"))).await;
    let served = Served::new(&system, settings()).await;
    let url = served.url();
    let after = PositionText(start).encode();
    let mut listeners =
        ["ws", "sse"].map(|protocol| Listener::start(protocol, &url, AUDITOR, 40, Some(&after)));
    // What was there when they came arrives first.
    for listener in &mut listeners {
        assert_eq!(listener.line().await["eventType"], "dossier.submitted.v1");
    }
    submit(&system, (0..35).map(|n| format!("live {n}"))).await;
    let expected = logged(&system, start).await;
    assert_eq!(expected.len(), 40);
    for mut listener in listeners {
        let (events, ended, cuts) = listener.told().await;
        assert_eq!((as_logged(&events), cuts), (expected[1..].to_vec(), 0));
        assert_eq!(ended, "enough");
        // Never shown as it was before the event.
        assert!(events.iter().all(|event| event["version"].as_i64() <= event["dossier"]["version"].as_i64()));
    }
    drop(served);
    system.stop().await;
}

/// It names all that it can read, whatever it asks.
#[tokio::test(flavor = "multi_thread")]
async fn urql_asks_queries_mutations_and_subscriptions() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let after = PositionText(system.service.store().head().await.unwrap()).encode();
    let served = Served::new(&system, settings()).await;
    let input = submission("by urql").to_string();
    let mut asking = Command::new("node");
    let asking = asking.args(["urql.mjs", &served.url(), ADMIN, &input, &after]).current_dir(judges());
    let said = timeout(Duration::from_secs(60), asking.kill_on_drop(true).output()).await.unwrap().unwrap();
    let said: Value = serde_json::from_slice(&said.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&said.stderr)));
    assert!(said["accepted"].as_array().unwrap().contains(&json!(URQL)), "{said}");
    assert!(said["query"]["me"].is_object(), "{said}");
    assert_eq!(said["mutation"]["submitDossier"]["problems"], json!([]), "{said}");
    assert_eq!(said["subscription"]["dossierEvents"]["eventType"], "dossier.submitted.v1", "{said}");
    drop(served);
    system.stop().await;
}

async fn both_official_clients_subscribe_by_an_identifier(backend: Backend) {
    const KNOWN: &str = "subscription S($after: Position) {
        dossierEvents(after: $after) { position version eventType dossier { version } } }";
    let system = System::new(backend, NOW).await;
    let start = system.service.store().head().await.unwrap();
    submit(&system, (0..3).map(|n| format!("before {n}"))).await;
    let folder = TempFolder::new();
    std::fs::write(folder.join("portal.json"), json!({id_of(KNOWN): KNOWN}).to_string()).unwrap();
    let settings = Settings {
        sign_in: SignIn { session_client: Some("portal".to_owned()), ..SignIn::development() },
        documents: Some(Arc::new(Documents::load(&folder).await.unwrap())),
        ..Settings::default()
    };
    let served = Served::new(&system, settings.clone()).await;
    let (url, after, id) = (served.url(), PositionText(start).encode(), id_of(KNOWN));
    for protocol in ["ws", "sse"] {
        let mut listener = Listener::with(&[protocol, &url, AUDITOR, "3"], [after.as_str(), &id].into_iter());
        let (events, ended, cuts) = listener.told().await;
        assert_eq!((as_logged(&events), cuts, ended), (logged(&system, start).await, 0, json!("enough")));
    }
    // Whoever sends a text, or what is not known, is refused within the stream.
    let known = router(system.service.clone(), settings);
    let mut socket = signed_in(&served.address, AUDITOR).await;
    assert_eq!(refusal(&mut socket, KNOWN).await, "PERSISTED_QUERY_ID_REQUIRED");
    for (body, refused) in [
        (json!({"query": KNOWN}), "PERSISTED_QUERY_ID_REQUIRED"),
        (json!({"documentId": id_of(EVENTS)}), "PERSISTED_QUERY_NOT_FOUND"),
        (json!({"documentId": id, "query": EVENTS}), "DOCUMENT_ID_MISMATCH"),
    ] {
        let request = asked(AUDITOR).body(Body::from(body.to_string())).unwrap();
        assert_eq!(Stream::of(&known, request).await.refusal().await, refused);
    }
    let request = asked(AUDITOR).body(Body::from(json!({"documentId": id}).to_string())).unwrap();
    drop((Stream::of(&known, request).await, socket, served));
    system.stop().await;
}

async fn a_cut_connection_misses_nothing_and_repeats_nothing(backend: Backend) {
    let system = System::new(backend, NOW).await;
    let start = system.service.store().head().await.unwrap();
    let served = Served::new(&system, settings()).await;
    let proxy = Proxy::new(&served.address).await;
    let (url, after) = (format!("http://{}/graphql", proxy.address), PositionText(start).encode());
    let mut listeners =
        ["ws", "sse"].map(|protocol| Listener::start(protocol, &url, AUDITOR, 240, Some(&after)));
    submit(&system, (0..20).map(|n| format!("first {n}"))).await;
    for listener in &mut listeners {
        assert_eq!(listener.line().await["eventType"], "dossier.submitted.v1");
    }
    let burst = submit(&system, (0..220).map(|n| format!("burst {n}")));
    let cutting = async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            proxy.cut();
        }
    };
    tokio::join!(burst, cutting);
    let expected = logged(&system, start).await;
    assert_eq!(expected.len(), 240);
    for mut listener in listeners {
        let (events, ended, cuts) = listener.told().await;
        assert_eq!(as_logged(&events), expected[1..]);
        assert_eq!(ended, "enough");
        assert!(0 < cuts, "no connection was cut");
    }
    drop((proxy, served));
    system.stop().await;
}

/// A stream of server-sent events, in process.
struct Stream {
    body: BodyDataStream,
    text: String,
}

/// One event: the fields that it has.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sent {
    event: String,
    data: String,
    id: String,
    retry: String,
}

impl Sent {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn code(&self) -> Value {
        self.json()["errors"][0]["extensions"]["code"].clone()
    }
}

fn asked(token: &str) -> axum::http::request::Builder {
    let request = Request::post("/graphql")
        .header("content-type", "application/json")
        .header("accept", "text/event-stream");
    if token.is_empty() { request } else { request.header("authorization", format!("Bearer {token}")) }
}

fn body(document: &str, variables: Value) -> Body {
    Body::from(json!({"query": document, "variables": variables}).to_string())
}

impl Stream {
    async fn open(router: &Router, token: &str, document: &str, variables: Value) -> Self {
        let request = asked(token).body(body(document, variables)).unwrap();
        Self::of(router, request).await
    }

    async fn of(router: &Router, request: Request<Body>) -> Self {
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next one of any kind; none at the end.
    async fn any(&mut self) -> Option<Sent> {
        loop {
            if let Some((one, rest)) = self.text.split_once("\n\n") {
                let mut sent = Sent::default();
                for line in one.lines() {
                    let (name, value) = line.split_once(':').unwrap();
                    let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
                    match name {
                        "event" => sent.event = value,
                        "data" => sent.data = value,
                        "id" => sent.id = value,
                        "retry" => sent.retry = value,
                        _ => assert_eq!(name, "", "{line}"),
                    }
                }
                self.text = rest.to_owned();
                return Some(sent);
            }
            let bytes = timeout(SOON, self.body.next()).await.expect("an event, or the end")?;
            self.text += std::str::from_utf8(&bytes.unwrap()).unwrap();
        }
    }

    /// The next one that says something.
    async fn next(&mut self) -> Option<Sent> {
        let said = async {
            loop {
                match self.any().await {
                    Some(sent) if sent.event.is_empty() && sent.retry.is_empty() => {}
                    sent => return sent,
                }
            }
        };
        timeout(SOON, said).await.expect("an event, or the end")
    }

    /// The code of the one error that it is answered with, and the end.
    async fn refusal(mut self) -> Value {
        let refused = self.next().await.unwrap();
        assert_eq!(refused.event, "next");
        assert_eq!(self.next().await.unwrap().event, "complete");
        assert_eq!(self.next().await, None);
        refused.code()
    }
}

/// The code that a subscription is refused with: as a request, or within the stream.
pub(crate) async fn refused_as(router: &Router, token: &str, document: &str) -> Value {
    let request = asked(token).body(body(document, json!({}))).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    if response.status() != StatusCode::OK {
        let request = asked(token).body(body(document, json!({}))).unwrap();
        return code(&answer_of(router, request).await);
    }
    Stream::open(router, token, document, json!({})).await.refusal().await
}

async fn nobody_is_told_what_they_may_not_see(backend: Backend) {
    let system = System::new(backend, NOW).await;
    let before = head(&system).await;
    let of = "subscription S($after: Position) { dossierEvents(after: $after) { eventType dossier { id } } }";
    let mut streams = Vec::new();
    for who in [STRANGER, OFFICER_B, AUDITOR] {
        // From the beginning of the log, and from now on.
        streams.push(Stream::open(&system.router, who, of, json!({"after": before})).await);
        streams.push(Stream::open(&system.router, who, of, json!({})).await);
    }
    // Whoever has not said anything yet is not told what happened before they did.
    for stream in &mut streams {
        assert_eq!(stream.any().await.unwrap().id, before);
    }
    let named = |name: &str, to: &str| {
        let mut input = submission(name);
        input["competentAgency"] = json!(to);
        input["receivingAgency"] = json!(to);
        input
    };
    let (b, c) = ("000.00.17.H42", "000.00.18.H42");
    let mut ids = Vec::new();
    for (name, to) in [("B one", b), ("C one", c), ("B two", b), ("C two", c)] {
        ids.push(system.act(ADMIN, "submitDossier", &named(name, to)).await.id);
    }
    let first = ids[0];
    let expected = [vec![ids[1], ids[3]], vec![ids[0], ids[2]], ids.clone()];
    for (n, stream) in streams.iter_mut().enumerate() {
        for id in &expected[n / 2] {
            let told = stream.next().await.unwrap();
            assert_eq!(told.json()["data"]["dossierEvents"]["dossier"]["id"], json!(id));
            assert_eq!(told.json()["data"]["dossierEvents"]["eventType"], "dossier.submitted.v1");
        }
    }
    // Of one dossier.
    let one = "subscription S($id: UUID, $code: String, $after: Position) {
        dossierEvents(id: $id, code: $code, after: $after) { position dossier { id code } }
    }";
    let mut of_one =
        Stream::open(&system.router, OFFICER_B, one, json!({"id": first, "after": before})).await;
    let told = of_one.next().await.unwrap().json()["data"]["dossierEvents"].clone();
    assert_eq!(told["dossier"]["id"], json!(first));
    let code = &told["dossier"]["code"];
    let mut by_code =
        Stream::open(&system.router, AUDITOR, one, json!({"code": code, "after": before})).await;
    assert_eq!(by_code.next().await.unwrap().json()["data"]["dossierEvents"], told);
    let last = Position(system.service.store().head().await.unwrap().0 + 1);
    for variables in [json!({}), json!({"id": first})] {
        let refused = answer_of(&system.router, asked(CITIZEN).body(body(one, variables)).unwrap()).await;
        assert_eq!((refused.status, self::code(&refused)), (StatusCode::FORBIDDEN, json!("NO_FUNCTION")));
    }
    for (who, variables, refused) in [
        // Who may not know of it, and what is not there, get the same answer.
        (STRANGER, json!({"id": first}), "NOT_FOUND"),
        (STRANGER, json!({"code": code}), "NOT_FOUND"),
        (AUDITOR, json!({"id": key("absent")}), "NOT_FOUND"),
        (AUDITOR, json!({"code": "nonsense"}), "BAD_USER_INPUT"),
        (AUDITOR, json!({"id": first, "code": code}), "BAD_USER_INPUT"),
        (AUDITOR, json!({"after": PositionText(last).encode()}), "BAD_USER_INPUT"),
    ] {
        let stream = Stream::open(&system.router, who, one, variables.clone()).await;
        assert_eq!(stream.refusal().await, json!(refused), "{who} {variables}");
    }
    drop((streams, of_one, by_code));
    system.stop().await;
}

async fn whoever_takes_nothing_holds_up_nobody_and_misses_nothing(backend: Backend) {
    // More than is kept for those who are a little behind.
    const MANY: usize = 1_100;
    let system = System::new(backend, NOW).await;
    let served = Served::new(&system, settings()).await;
    let start = system.service.store().head().await.unwrap();
    // One that reads nothing at all, over a real connection, with more to write than the kernel keeps.
    let wide = format!("subscription {{ dossierEvents {{ dossier {{ {} }} }} }}", wide());
    let mut stuck = TcpStream::connect(&served.address).await.unwrap();
    let text = json!({"query": wide}).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {AUDITOR}\r\nAccept: text/event-stream\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    stuck.write_all(request.as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    stuck.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    // One that comes back to it later.
    let mut late = Stream::open(&system.router, AUDITOR, EVENTS, json!({})).await;
    assert_eq!(late.any().await.unwrap().id, PositionText(start).encode());
    let mut quick = Stream::open(&system.router, AUDITOR, EVENTS, json!({})).await;
    let quick = tokio::spawn(async move {
        let mut told = Vec::new();
        while told.len() < MANY {
            told.push(quick.next().await.unwrap().id);
        }
        told
    });
    submit(&system, (0..MANY).map(|n| format!("many {n}"))).await;
    let expected: Vec<String> = logged(&system, start).await.into_iter().map(|event| event.0).collect();
    assert_eq!(expected.len(), MANY);
    assert_eq!(timeout(SOON, quick).await.expect("nobody is held up").unwrap(), expected);
    let mut told = Vec::new();
    while told.len() < MANY {
        told.push(late.next().await.unwrap().id);
    }
    assert_eq!(told, expected);
    drop((stuck, late, served));
    system.stop().await;
}

/// Much of a dossier.
fn wide() -> &'static str {
    "id code subject stage nationalCode channel version history { eventType recordedAt actor } receivingAgency { name code id }"
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(address: &str, headers: &[(&'static str, &str)]) -> Result<Socket, (StatusCode, String)> {
    let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let status = StatusCode::from_u16(response.status().as_u16()).unwrap();
            let body: Value = serde_json::from_slice(response.body().as_ref().unwrap()).unwrap();
            Err((status, body["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned()))
        }
        Err(error) => panic!("{error}"),
    }
}

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// The next message, or the code that it was closed with.
async fn hear(socket: &mut Socket) -> Result<Value, u16> {
    let heard = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.unwrap().code.into()),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(SOON, heard).await.expect("a message, or the end")
}

async fn init(socket: &mut Socket, token: &str) -> Result<Value, u16> {
    let payload = json!({"authorization": format!("Bearer {token}")});
    say(socket, json!({"type": "connection_init", "payload": payload})).await;
    hear(socket).await
}

async fn signed_in(address: &str, token: &str) -> Socket {
    let mut socket = connect(address, &[PROTOCOL]).await.unwrap();
    assert_eq!(init(&mut socket, token).await.unwrap()["type"], "connection_ack");
    socket
}

fn subscribe(id: &str, document: &str) -> Value {
    json!({"id": id, "type": "subscribe", "payload": {"query": document}})
}

/// The code of the error that a subscription is refused with.
async fn refusal(socket: &mut Socket, document: &str) -> String {
    say(socket, subscribe("refused", document)).await;
    let answer = hear(socket).await.unwrap();
    assert_eq!((&answer["type"], &answer["id"]), (&json!("error"), &json!("refused")), "{answer}");
    answer["payload"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_opened_by_own_pages_for_one_protocol() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let other = "https://portal.example".to_owned();
    let system = System { service: system.service.clone().taking_origins(vec![other]), ..system };
    let served = Served::new(&system, settings()).await;
    let address = &served.address;
    let own = format!("http://{address}");
    for (headers, refused) in [
        (vec![], (StatusCode::BAD_REQUEST, "SUBPROTOCOL_NOT_ACCEPTABLE")),
        (
            vec![("sec-websocket-protocol", "graphql-ws")],
            (StatusCode::BAD_REQUEST, "SUBPROTOCOL_NOT_ACCEPTABLE"),
        ),
        (vec![PROTOCOL, ("origin", "https://evil.example")], (StatusCode::FORBIDDEN, "FOREIGN_ORIGIN")),
        (vec![PROTOCOL, ("origin", "null")], (StatusCode::FORBIDDEN, "FOREIGN_ORIGIN")),
        (
            vec![PROTOCOL, ("authorization", "Bearer x"), ("sec-websocket-version", "7")],
            (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
        ),
    ] {
        let (status, code) = connect(address, &headers).await.unwrap_err();
        assert_eq!((status, code.as_str()), refused, "{headers:?}");
    }
    for headers in [
        vec![PROTOCOL],
        vec![PROTOCOL, ("origin", &own)],
        vec![PROTOCOL, ("origin", "https://portal.example")],
        vec![("sec-websocket-protocol", "graphql-ws, graphql-transport-ws")],
    ] {
        let mut socket = connect(address, &headers).await.unwrap();
        assert_eq!(init(&mut socket, AUDITOR).await.unwrap()["type"], "connection_ack", "{headers:?}");
    }
    drop(served);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_closed_with_the_codes_of_the_protocol() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let served = Served::new(&system, settings()).await;
    let address = &served.address;
    let bearer = format!("Bearer {AUDITOR}");
    // Before anybody has said who they are.
    for (message, closed) in [
        (json!({"type": "connection_init"}), 4401),
        (json!({"type": "connection_init", "payload": {}}), 4401),
        (json!({"type": "connection_init", "payload": {"authorization": "Bearer nonsense"}}), 4401),
        (json!({"type": "connection_init", "payload": {"authorization": 7}}), 4401),
        (
            json!({"type": "connection_init", "payload": {"authorization": bearer, "motcua-purpose": "X"}}),
            4400,
        ),
        (json!({"type": "connection_init", "payload": {"authorization": bearer, "motcua-purpose": 7}}), 4400),
        (subscribe("1", EVENTS), 4401),
        (json!({"type": "start"}), 4400),
        (json!([]), 4400),
    ] {
        let mut socket = connect(address, &[PROTOCOL]).await.unwrap();
        say(&mut socket, message.clone()).await;
        assert_eq!(hear(&mut socket).await, Err(closed), "{message}");
    }
    let mut silent = connect(address, &[PROTOCOL]).await.unwrap();
    say(&mut silent, json!({"type": "ping"})).await;
    assert_eq!(hear(&mut silent).await, Ok(json!({"type": "pong"})));
    assert_eq!(hear(&mut silent).await, Err(4408));
    // The upgrade's own header will do; what the client says goes before it.
    let mut by_header = connect(address, &[PROTOCOL, ("authorization", &bearer)]).await.unwrap();
    say(&mut by_header, json!({"type": "connection_init"})).await;
    let position = head(&system).await;
    let ack = json!({"type": "connection_ack", "payload": {"position": position}});
    assert_eq!(hear(&mut by_header).await, Ok(ack));
    let mut not_by_header = connect(address, &[PROTOCOL, ("authorization", &bearer)]).await.unwrap();
    assert_eq!(init(&mut not_by_header, "nonsense").await, Err(4401));
    let mut for_purpose = connect(address, &[PROTOCOL]).await.unwrap();
    let payload = json!({"authorization": bearer, "Motcua-Purpose": "INSPECTION"});
    say(&mut for_purpose, json!({"type": "connection_init", "payload": payload})).await;
    assert_eq!(hear(&mut for_purpose).await.unwrap()["type"], "connection_ack");
    // After it.
    for (message, closed) in [
        (json!({"type": "connection_init"}), 4429),
        (subscribe("taken", EVENTS), 4409),
        (subscribe("", EVENTS), 4400),
        (subscribe(&"x".repeat(129), EVENTS), 4400),
        (json!({"id": "1", "type": "subscribe", "payload": {"query": 7}}), 4400),
        (json!({"id": "1", "type": "subscribe"}), 4400),
        (json!({"type": "connection_terminate"}), 4400),
        (subscribe("1", &"#".repeat(300_000)), 1009),
    ] {
        let mut socket = signed_in(address, AUDITOR).await;
        say(&mut socket, subscribe("taken", EVENTS)).await;
        say(&mut socket, message.clone()).await;
        assert_eq!(hear(&mut socket).await, Err(closed), "{}", &message.to_string()[..30]);
    }
    let mut socket = signed_in(address, AUDITOR).await;
    socket.send(Message::binary(&b"{}"[..])).await.unwrap();
    assert_eq!(hear(&mut socket).await, Err(4400));
    drop(served);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_takes_subscriptions_and_as_many_as_it_may() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let served = Served::new(&system, settings()).await;
    let mut socket = signed_in(&served.address, INTAKE).await;
    for (document, code) in [
        ("{ __typename }", "SUBSCRIPTION_EXPECTED"),
        ("mutation { submitDossier(input: {}) { version } }", "SUBSCRIPTION_EXPECTED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { dossierEvents { position } more: dossierEvents { position } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("subscription { ... { dossierEvents { position } } }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { dossierEvents(after: \"x\") { position } }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription A { dossierEvents { position } } subscription B { dossierEvents { position } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (&over_limit("TOO_MANY_ALIASES"), "TOO_MANY_ALIASES"),
        (&over_limit("NESTED_TOO_DEEP"), "NESTED_TOO_DEEP"),
        (&over_limit("DOCUMENT_TOO_LONG"), "DOCUMENT_TOO_LONG"),
        (&over_limit("QUERY_TOO_COMPLEX"), "QUERY_TOO_COMPLEX"),
    ] {
        assert_eq!(refusal(&mut socket, document).await, code, "{}", &document[..document.len().min(80)]);
    }
    say(&mut socket, json!({"id": "1", "type": "subscribe", "payload": {"query": null}})).await;
    assert_eq!(hear(&mut socket).await.unwrap()["payload"][0]["extensions"]["code"], "BAD_REQUEST");
    for n in 0..20 {
        say(&mut socket, subscribe(&n.to_string(), EVENTS)).await;
    }
    assert_eq!(refusal(&mut socket, EVENTS).await, "TOO_MANY_SUBSCRIPTIONS");
    // What is complete makes room, and its id is free again.
    for n in 0..20 {
        say(&mut socket, json!({"id": n.to_string(), "type": "complete"})).await;
    }
    say(&mut socket, subscribe("7", EVENTS)).await;
    say(&mut socket, json!({"type": "ping"})).await;
    assert_eq!(hear(&mut socket).await, Ok(json!({"type": "pong"})));
    // The pong says nothing of how far the subscription is: it is told of one of these.
    let mut told = None;
    for n in 0..40 {
        system.act(ADMIN, "submitDossier", &submission(&format!("again {n}"))).await;
        if let Ok(heard) = timeout(Duration::from_millis(500), hear(&mut socket)).await {
            told = Some(heard.unwrap());
            break;
        }
    }
    let told = told.expect("it is told of one of them");
    assert_eq!((&told["id"], &told["type"]), (&json!("7"), &json!("next")), "{told}");
    assert_eq!(told["payload"]["data"]["dossierEvents"]["eventType"], "dossier.submitted.v1");

    // Sockets and streams of one principal are counted together, and told in the metrics.
    let mut others = Vec::new();
    for _ in 0..10 {
        others.push(signed_in(&served.address, INTAKE).await);
    }
    let mut streams = Vec::new();
    for _ in 0..9 {
        streams.push(Stream::open(&system.router, INTAKE, EVENTS, json!({})).await);
    }
    assert_eq!(open_streams(&system).await, 20);
    let mut socket_too_many = connect(&served.address, &[PROTOCOL]).await.unwrap();
    assert_eq!(init(&mut socket_too_many, INTAKE).await, Err(1013));
    let request = asked(INTAKE).body(body(EVENTS, json!({}))).unwrap();
    let refused = answer_of(&system.router, request).await;
    assert_eq!((refused.status, code(&refused)), (StatusCode::TOO_MANY_REQUESTS, json!("TOO_MANY_STREAMS")));
    assert_eq!(refused.headers["retry-after"], "5");
    // Others are not touched by it.
    let _other = signed_in(&served.address, AUDITOR).await;
    drop((others, streams));
    timeout(SOON, async {
        while open_streams(&system).await != 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("whoever is gone leaves a place");
    signed_in(&served.address, INTAKE).await;
    drop(served);
    system.stop().await;
}

fn over_limit(code: &str) -> String {
    let inner = match code {
        "TOO_MANY_ALIASES" => (0..41).map(|n| format!("a{n}: position ")).collect(),
        "NESTED_TOO_DEEP" => "dossier { ".repeat(70) + &"} ".repeat(70),
        "DOCUMENT_TOO_LONG" => format!("position # {}\n", "x".repeat(70_000)),
        "QUERY_TOO_COMPLEX" => "...F ".repeat(60),
        other => panic!("{other}"),
    };
    let fragment = format!("fragment F on DossierEvent {{ {} }}", "position ".repeat(100));
    let fragment = if inner.contains("...F") { fragment.as_str() } else { "" };
    format!("subscription {{ dossierEvents {{ {inner} }} }} {fragment}")
}

async fn open_streams(system: &System) -> i64 {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let metrics = answer_of(&admin_router(system.service.clone(), Settings::default()), request).await.body;
    let line = metrics.lines().find_map(|line| line.strip_prefix("motcua_streams_open ")).unwrap();
    line.parse().unwrap()
}

fn code(answer: &Answer) -> Value {
    answer.json()["errors"][0]["extensions"]["code"].clone()
}

/// Places are for who may listen, and listens.
#[tokio::test(flavor = "multi_thread")]
async fn who_listens_to_nothing_holds_no_place() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let idle_max = Duration::from_secs(2);
    let served = Served::new(&system, Settings { idle_max, ..settings() }).await;
    for _ in 0..25 {
        let mut socket = connect(&served.address, &[PROTOCOL]).await.unwrap();
        assert_eq!(init(&mut socket, CITIZEN).await, Err(4403));
        let refused = answer_of(&system.router, asked(CITIZEN).body(body(EVENTS, json!({}))).unwrap()).await;
        assert_eq!((refused.status, code(&refused)), (StatusCode::FORBIDDEN, json!("NO_FUNCTION")));
    }
    assert_eq!(open_streams(&system).await, 0);
    // Who may and does not is let go; a refused subscription is none, and one that was completed neither.
    let begun = std::time::Instant::now();
    let mut idle = signed_in(&served.address, INTAKE).await;
    let mut refused = signed_in(&served.address, INTAKE).await;
    assert_eq!(refusal(&mut refused, "subscription { nothing }").await, "GRAPHQL_VALIDATION_FAILED");
    let mut completed = signed_in(&served.address, INTAKE).await;
    say(&mut completed, subscribe("1", EVENTS)).await;
    let mut listening = signed_in(&served.address, INTAKE).await;
    say(&mut listening, subscribe("1", EVENTS)).await;
    for socket in [&mut idle, &mut refused] {
        assert_eq!(hear(socket).await, Err(1000));
    }
    assert!(idle_max <= begun.elapsed(), "{:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    say(&mut completed, json!({"id": "1", "type": "complete"})).await;
    assert_eq!(hear(&mut completed).await, Err(1000));
    assert!(idle_max / 2 <= begun.elapsed(), "{:?}", begun.elapsed());
    say(&mut listening, json!({"type": "ping"})).await;
    assert_eq!(hear(&mut listening).await, Ok(json!({"type": "pong"})));
    drop(served);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_stream_is_refused_as_json_and_what_is_no_subscription_within_it() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let post = asked;
    let valid = || body(EVENTS, json!({}));
    let beyond = PositionText(Position(1_000_000)).encode();
    for (request, status, refused) in [
        (post("").body(valid()), StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        (post("nonsense").body(valid()), StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        (post(AUDITOR).header("last-event-id", "7").body(valid()), StatusCode::BAD_REQUEST, "BAD_REQUEST"),
        (post(AUDITOR).body(Body::from("[]")), StatusCode::BAD_REQUEST, "BAD_REQUEST"),
        (
            Request::post("/graphql").header("accept", "text/event-stream").body(valid()),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
    ] {
        let answer = answer_of(&system.router, request.unwrap()).await;
        assert_eq!((answer.status, code(&answer)), (status, json!(refused)));
        assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
    }
    for (document, refused) in [
        ("{ __typename }", "SUBSCRIPTION_EXPECTED"),
        ("mutation { submitDossier(input: {}) { version } }", "SUBSCRIPTION_EXPECTED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (&over_limit("TOO_MANY_ALIASES"), "TOO_MANY_ALIASES"),
    ] {
        let stream = Stream::open(&system.router, AUDITOR, document, json!({})).await;
        assert_eq!(stream.refusal().await, json!(refused), "{document}");
    }
    let request = post(AUDITOR).header("last-event-id", beyond).body(valid()).unwrap();
    assert_eq!(Stream::of(&system.router, request).await.refusal().await, "BAD_USER_INPUT");

    // A subscription that is asked for as anything else.
    for accept in ["application/json", "application/graphql-response+json", "*/*"] {
        let request = post(AUDITOR).body(valid()).unwrap();
        let (mut parts, valid) = request.into_parts();
        parts.headers.insert("accept", accept.parse().unwrap());
        let answer = answer_of(&system.router, Request::from_parts(parts, valid)).await;
        assert_eq!(code(&answer), "STREAM_NEEDED", "{}", answer.body);
    }
    // Who names a stream among others is answered by one only where it is what was meant.
    for (accept, document, media) in [
        (URQL, "{ __typename }", "application/graphql-response+json; charset=utf-8"),
        (URQL, "mutation { submitDossier }", "application/graphql-response+json; charset=utf-8"),
        (URQL, "subscription {", "application/graphql-response+json; charset=utf-8"),
        (URQL, EVENTS, "text/event-stream"),
        ("application/json, text/event-stream", "{ __typename }", "application/json; charset=utf-8"),
        ("application/json, text/event-stream", EVENTS, "text/event-stream"),
        (
            "text/event-stream;q=0.5, application/json;q=0.6",
            "{ __typename }",
            "application/json; charset=utf-8",
        ),
        ("application/json;q=0.5, text/event-stream", "{ __typename }", "text/event-stream"),
    ] {
        let (mut parts, asked) = post(AUDITOR).body(body(document, json!({}))).unwrap().into_parts();
        parts.headers.insert("accept", accept.parse().unwrap());
        let response = system.router.clone().oneshot(Request::from_parts(parts, asked)).await.unwrap();
        assert_eq!(response.headers()["content-type"], media, "{accept}: {document}");
    }
    let by_get = "/graphql?query=subscription%20%7B%20dossierEvents%20%7B%20position%20%7D%20%7D";
    assert_eq!(system.get(by_get).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(open_streams(&system).await, 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_after_the_last_event_and_tells_names_of_today() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let named = "subscription { dossierEvents { dossier { receivingAgency { name } } } }";
    let mut stream = Stream::open(&system.router, AUDITOR, named, json!({})).await;
    assert_eq!(
        stream.any().await.unwrap().id,
        head(&system).await,
        "who is cut off now knows where they were"
    );
    let mut ids = Vec::new();
    let name = async |stream: &mut Stream, ids: &mut Vec<String>| {
        let told = stream.next().await.unwrap();
        ids.push(told.id.clone());
        told.json()["data"]["dossierEvents"]["dossier"]["receivingAgency"]["name"].clone()
    };
    system.act(ADMIN, "submitDossier", &submission("one")).await;
    assert_eq!(name(&mut stream, &mut ids).await, "Ủy ban nhân dân phường Đặng Xá");
    let rename = "mutation M($input: RenameAgencyInput!) { renameAgency(input: $input) { position problems { code } } }";
    let on = json!({"agency": "000.00.16.H42", "from": "2024-04-22", "idempotencyKey": key("rename")});
    let renamed = system.ask(ADMIN, rename, json!({"input": {"on": on, "name": "Phường mới"}})).await;
    assert_eq!(renamed["renameAgency"]["problems"], json!([]));
    let at = renamed["renameAgency"]["position"].clone();
    system.ask("", "query Q($at: Position) { agencies(minPosition: $at) { name } }", json!({"at": at})).await;
    system.act(ADMIN, "submitDossier", &submission("two")).await;
    assert_eq!(name(&mut stream, &mut ids).await, "Phường mới");
    system.act(ADMIN, "submitDossier", &submission("three")).await;
    name(&mut stream, &mut ids).await;
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3);
    // The header goes before the argument: a client sends again what it sent first.
    let again = "subscription S($after: Position) { dossierEvents(after: $after) { position } }";
    let request = asked(AUDITOR).header("last-event-id", &ids[1]);
    let request = request.body(body(again, json!({"after": ids[0]}))).unwrap();
    let mut resumed = Stream::of(&system.router, request).await;
    let told = resumed.next().await.unwrap();
    assert_eq!((&told.id, &told.json()["data"]["dossierEvents"]["position"]), (&ids[2], &json!(ids[2])));
    drop((stream, resumed));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_ends_ends_what_it_opened() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let life = Duration::from_millis(700);
    let settings = Settings {
        sign_in: api::sign_in::SignIn {
            development_token_life: chrono::TimeDelta::from_std(life).ok(),
            ..api::sign_in::SignIn::development()
        },
        ..settings()
    };
    let served = Served::new(&system, settings.clone()).await;
    let mut socket = signed_in(&served.address, AUDITOR).await;
    say(&mut socket, subscribe("1", EVENTS)).await;
    let begun = tokio::time::Instant::now();
    let short = router(system.service.clone(), settings);
    let mut stream = Stream::open(&short, AUDITOR, EVENTS, json!({})).await;
    let ended = stream.next().await.unwrap();
    assert!(Duration::from_millis(500) < begun.elapsed(), "{:?}", begun.elapsed());
    assert_eq!((ended.event.as_str(), ended.code()), ("next", json!("UNAUTHENTICATED")));
    assert_eq!(stream.next().await.unwrap().event, "complete");
    assert_eq!(stream.next().await, None);
    // The code after which clients connect again with another credential.
    assert_eq!(hear(&mut socket).await, Err(4403));
    drop((socket, served));
    timeout(SOON, system.service.live.ended()).await.expect("nothing stays open");
    system.stop().await;
}

/// By the clock that waits, not by that of the system.
async fn seconds_later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// An account that may listen.
async fn listener(system: &System, kind: AccountKind) -> PrincipalId {
    let (service, admin) = (&system.service, caller(ADMIN));
    service.define_permission_group(&admin, &group("XEM", &[Function::ReadDossiers])).await.unwrap();
    let input = OpenAccountInput { kind, ..account("nghe.tin", AGENCY) };
    let id = service.open_account(&admin, &input).await.unwrap().account;
    service.grant(&admin, &granting(id, "XEM", GrantOver::Province, None)).await.unwrap();
    id
}

/// The server looks by itself whether the session goes on: that is no request.
#[tokio::test]
async fn listening_keeps_no_session_awake() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let id = listener(&system, AccountKind::Person).await;
    let keys = &system.service.executor.keys;
    let password = keys.hash_password(Secret::new("Cua-rieng-toi-2")).await.unwrap();
    keys.set_password(id, &password, false).await.unwrap();
    let body = json!({"login": "nghe.tin", "password": "Cua-rieng-toi-2"});
    let request = Request::post("/session").header("content-type", "application/json");
    let begun = system.send(request.body(Body::from(body.to_string())).unwrap()).await;
    let cookie = begun.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let request = asked("").header("cookie", cookie).header("sec-fetch-site", "same-origin");
    let request = request.body(self::body(EVENTS, json!({}))).unwrap();
    let mut stream = Stream::of(&system.router, request).await;
    assert!(!stream.any().await.unwrap().id.is_empty(), "it tells where it begins");
    for minutes in [11, 22] {
        system.clock.set(instant(NOW) + chrono::TimeDelta::minutes(minutes));
        seconds_later(61).await;
        system.act(ADMIN, "submitDossier", &submission(&minutes.to_string())).await;
        let told = stream.next().await.unwrap();
        assert_eq!(told.json()["data"]["dossierEvents"]["eventType"], "dossier.submitted.v1", "{told:?}");
    }
    system.clock.set(instant(NOW) + chrono::TimeDelta::minutes(31));
    seconds_later(61).await;
    assert_eq!(stream.refusal().await, "UNAUTHENTICATED");
    system.stop().await;
}

/// What cannot be told now is asked again: nobody is signed out by a key store that is away for a moment.
#[tokio::test]
async fn nobody_is_signed_out_because_it_cannot_be_told_who_they_are() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let id = listener(&system, AccountKind::Machine).await;
    let until = "2024-05-22".parse().unwrap();
    let issue = IssueMachineKeyInput { idempotency_key: None, account_id: id.0, until, functions: None };
    let (_, key, _) = system.service.issue_machine_key(&caller(ADMIN), &issue).await.unwrap();
    let key = key.expose();
    let keys = system.place.by_hand_in(&DbUrl::parse(&system.place.keys()).unwrap(), "keys").await;
    let rename = async |from: &str, to: &str| {
        let text = format!("ALTER TABLE {from} RENAME TO {to}");
        let done = infrastructure::on_db!(&keys, pool => {
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(pool).await.map(|_| ())
        });
        done.unwrap();
    };
    let mut stream = Stream::open(&system.router, key, EVENTS, json!({})).await;
    assert!(!stream.any().await.unwrap().id.is_empty(), "it tells where it begins");
    let mut is_told = async |name: &str| {
        system.act(ADMIN, "submitDossier", &submission(name)).await;
        let told = stream.next().await.unwrap();
        assert_eq!(told.json()["data"]["dossierEvents"]["eventType"], "dossier.submitted.v1", "{told:?}");
    };
    rename("machine_key", "away").await;
    seconds_later(61).await;
    is_told("while it is away").await;
    seconds_later(100).await;
    is_told("still").await;
    rename("away", "machine_key").await;
    seconds_later(6).await;
    is_told("it is there again").await;
    // The time that it is away begins anew; and it is not borne for ever.
    rename("machine_key", "away").await;
    seconds_later(61).await;
    is_told("away again").await;
    seconds_later(181).await;
    let ended = stream.next().await.unwrap();
    assert_eq!(
        (ended.event.as_str(), ended.retry.as_str()),
        ("", "10000"),
        "not complete: clients come back"
    );
    assert_eq!(stream.next().await, None);
    // Who opens a socket meanwhile is told by a code after which clients come back.
    let served = Served::new(&system, settings()).await;
    let mut socket = connect(&served.address, &[PROTOCOL]).await.unwrap();
    assert_eq!(init(&mut socket, key).await.unwrap_err(), 1013);
    rename("away", "machine_key").await;
    drop(signed_in(&served.address, key).await);
    drop(served);
    system.stop().await;
}

/// Each minute it is asked again whom a stream belongs to, as somebody who came in where they came in.
#[tokio::test]
async fn a_stream_administers_where_it_was_opened() {
    let a_minute_later = async || seconds_later(61).await;
    let system = System::new(Backend::Sqlite, NOW).await;
    let administration = Administration {
        in_office_hours: true,
        on_admin_listener: true,
        from: vec!["10.1.0.0/16".parse().unwrap()],
        ..Administration::default()
    };
    let settings =
        Settings { sign_in: SignIn { administration, ..SignIn::development() }, ..Settings::default() };
    let admin = admin_router(system.service.clone(), settings);
    let mut request = asked(ADMIN).body(body(EVENTS, json!({}))).unwrap();
    request.extensions_mut().insert(ConnectInfo("10.1.2.3:4000".parse::<SocketAddr>().unwrap()));
    let mut stream = Stream::of(&admin, request).await;
    assert!(!stream.any().await.unwrap().id.is_empty(), "it tells where it begins");
    for name in ["one", "two"] {
        a_minute_later().await;
        system.act(ADMIN, "submitDossier", &submission(name)).await;
        let told = stream.next().await.unwrap();
        assert_eq!(told.json()["data"]["dossierEvents"]["eventType"], "dossier.submitted.v1", "{told:?}");
    }
    // Who may do something else by then connects again.
    system.clock.set(instant("2024-04-22T20:00:00+07:00"));
    a_minute_later().await;
    assert_eq!(stream.refusal().await, "UNAUTHENTICATED");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_subscription_counts_as_a_request() {
    let system = System::new(Backend::Sqlite, NOW).await;
    let rates = Rates { per_principal: NonZeroU32::new(1), ..Rates::default() };
    let served = Served::new(&system, Settings { rates, ..settings() }).await;
    let mut socket = signed_in(&served.address, AUDITOR).await;
    let mut codes = Vec::new();
    for _ in 0..7 {
        codes.push(refusal(&mut socket, "{ __typename }").await);
    }
    assert_eq!(codes[0], "SUBSCRIPTION_EXPECTED");
    assert_eq!(codes[6], "RATE_LIMITED");
    drop(served);
    system.stop().await;
}

/// Reads what a connection says until it ends.
async fn all_of(address: &str) -> JoinHandle<String> {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let text = json!({"query": EVENTS}).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev:auditor:{}@000.00.18.H42\r\n\
         Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        connection.local_addr().unwrap().port(),
        text.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    connection.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    tokio::spawn(async move {
        let mut text = String::new();
        connection.read_to_string(&mut text).await.unwrap();
        text
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_lets_go_of_those_who_listen() {
    let place = Place::with_keys(Backend::Sqlite).await;
    let server = Server::start(&place).await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(all_of(&server.address).await);
    }
    let mut socket = signed_in(&server.address, AUDITOR).await;
    say(&mut socket, subscribe("1", EVENTS)).await;
    // One that never says who it is.
    let _silent = connect(&server.address, &[PROTOCOL]).await.unwrap();
    let start = std::time::Instant::now();
    server.signal("TERM").await;
    assert_eq!(hear(&mut socket).await, Err(1001));
    drop(socket);
    for stream in streams {
        let text = timeout(SOON, stream).await.expect("the stream ends").unwrap();
        assert!(text.contains("retry: 1000") || text.contains("retry:1000"), "{text}");
        // It is not: clients come back.
        assert!(!text.contains("complete"), "{text}");
    }
    server.ended().await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
