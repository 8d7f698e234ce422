//! GraphQL over HTTP, by its own specification ("GraphQL over HTTP", Stage 2 draft): what is asked by GET and by POST,
//! which of the two media types answers, and what a status means. One document at a time, no uploads, no batches.

use async_graphql::parser::types::{DocumentOperations, OperationType};
use async_graphql::{Pos, Request, Response as Answer, ServerError, Variables};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, ACCEPT_LANGUAGE, ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use domain::access::{Denial, Function};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::authentication::{SignedIn, Who};
use super::{Server, header, live};
use crate::documents::{Document, id_of};
use crate::graphql::execution::Execution;
use crate::graphql::limits::{self, has_one_field, operation};
use crate::graphql::{RequestContext, of_failure, of_problem, unauthenticated};
use crate::messages::Language;
use crate::problem::Problem;
use crate::service::{Caller, ReadThrough};

/// What an answer is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    /// `application/graphql-response+json`: the status says whether the request could be executed.
    GraphqlResponse,
    /// `application/json`, as older clients know it: 200 for whatever is a request at all.
    Json,
}

impl Media {
    const ALL: [(Self, &'static str, &'static str); 2] = [
        (Self::Json, "application", "json"),
        (Self::GraphqlResponse, "application", "graphql-response+json"),
    ];

    fn named(main: &str, sub: &str) -> Option<Self> {
        let fits = |(_, of_main, of_sub): &&(Self, &str, &str)| {
            (main == "*" && sub == "*")
                || (main.eq_ignore_ascii_case(of_main) && (sub == "*" || sub.eq_ignore_ascii_case(of_sub)))
        };
        Self::ALL.iter().find(fits).map(|(media, ..)| *media)
    }

    /// The one that the client likes best. None, if neither.
    fn negotiate(accept: Option<&str>) -> Option<Self> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Some(Self::Json) };
        best(accept, Self::named)
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }

    fn answer(self, status: StatusCode, body: &impl serde::Serialize) -> Response {
        let mut response = super::json_response(status, body);
        response.headers_mut().insert(CONTENT_TYPE, self.content_type());
        response
    }

    fn refuse(self, status: StatusCode, code: &str, message: &str) -> Response {
        self.answer(status, &json!({"errors": [{"message": message, "extensions": {"code": code}}]}))
    }

    /// A request that cannot be executed, as opposed to one that is none.
    fn unexecuted(self, errors: &[ServerError]) -> Response {
        let status = match self {
            Self::GraphqlResponse => StatusCode::BAD_REQUEST,
            Self::Json => StatusCode::OK,
        };
        self.answer(status, &json!({"errors": errors}))
    }
}

/// What the client likes best of what is known; of those that it likes as much, the first that it names.
fn best<T>(accept: &str, known: impl Fn(&str, &str) -> Option<T>) -> Option<T> {
    let mut best: Option<(f32, T)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let (main, sub) = parts.next().unwrap_or_default().split_once('/').unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
        if let (Some(media), Some(quality)) = (known(main, sub), quality)
            && 0.0 < quality
            && best.as_ref().is_none_or(|(found, _)| *found < quality)
        {
            best = Some((quality, media));
        }
    }
    best.map(|(_, media)| media)
}

/// Which answers a client takes as a stream. Only by its name is a stream asked for: whoever takes anything gets one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Streams {
    None,
    /// Those of subscriptions: there are clients that name all that they can read, whatever they ask.
    Subscriptions,
    /// All: it is what the client likes best.
    All,
}

impl Streams {
    fn of(accept: Option<&str>) -> Self {
        let accept = accept.unwrap_or_default();
        let is_stream = |main: &str, sub: &str| {
            main.eq_ignore_ascii_case("text") && sub.eq_ignore_ascii_case("event-stream")
        };
        let liked = best(accept, |main, sub| match Media::named(main, sub) {
            Some(_) => Some(Self::Subscriptions),
            None => is_stream(main, sub).then_some(Self::All),
        });
        let is_named = best(accept, |main, sub| is_stream(main, sub).then_some(())).is_some();
        liked.filter(|_| is_named).unwrap_or(Self::None)
    }
}

/// What both ways to ask carry.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    query: Option<String>,
    /// Of a trusted document, in the place of its text.
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    /// `documentId` is taken from here as well: a client of `graphql-transport-ws` has nowhere else to put it.
    extensions: Option<Map<String, Value>>,
}

impl Parameters {
    fn of_body(body: &[u8]) -> Result<Self, String> {
        // A list is neither a batch nor, field by field, a request.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err("send one JSON object".to_owned());
        }
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }

    fn of_pairs(pairs: Vec<(String, String)>) -> Result<Self, String> {
        let mut parameters = Self::default();
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            let object =
                |value: &str| serde_json::from_str(value).map_err(|error| format!("{name}: {error}"));
            match name.as_str() {
                "query" => parameters.query = Some(value),
                "documentId" => parameters.document_id = Some(value),
                "operationName" => parameters.operation_name = Some(value),
                "variables" => parameters.variables = object(&value)?,
                "extensions" => parameters.extensions = object(&value)?,
                _ => {}
            }
        }
        Ok(parameters)
    }

    /// Text and identifier of what is asked. Beside an identifier an empty text is none: some clients have to send one.
    fn document(&mut self) -> (Option<String>, Option<String>) {
        let extended = self.extensions.as_ref().and_then(|extensions| extensions.get("documentId"));
        let extended = extended.and_then(Value::as_str).map(str::to_owned);
        let id = self.document_id.take().or(extended);
        (self.query.take().filter(|query| id.is_none() || !query.is_empty()), id)
    }
}

/// Queries only: a browser sends a GET for anybody who makes it follow a link.
pub(super) async fn by_get(
    State(server): State<Server>,
    who: Who,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    pairs: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Response {
    if live::asks_for_socket(&headers) {
        return live::open_socket(server, who.entrance, upgrade, headers);
    }
    let accept = header(&headers, &ACCEPT);
    let parameters = match pairs {
        Ok(Query(pairs)) => Parameters::of_pairs(pairs),
        Err(rejection) => Err(rejection.body_text()),
    };
    let is_empty = matches!(&parameters, Ok(Parameters { query: None, document_id: None, .. }));
    if is_empty && accept.is_some_and(|accept| accept.contains("text/html")) {
        return Redirect::to("/graphiql/").into_response();
    }
    let media = match acceptable(accept) {
        Ok(media) => media,
        Err(refused) => return *refused,
    };
    let parameters = match parameters {
        Ok(parameters) => parameters,
        Err(reason) => return media.refuse(StatusCode::BAD_REQUEST, "BAD_REQUEST", &not_a_request(&reason)),
    };
    let signed_in = match who.signed_in() {
        Ok(signed_in) => signed_in,
        Err(refused) => return media.refuse(refused.status, refused.code, refused.reason),
    };
    let prepared = prepare(&server, signed_in, language_of(&headers), parameters);
    answer(&server, signed_in, media, prepared, true).await
}

/// As JSON only: anything that a browser sends to another site without asking it first is refused.
pub(super) async fn by_post(
    State(server): State<Server>,
    who: Who,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let accept = header(&headers, &ACCEPT);
    let streams = Streams::of(accept);
    // A stream that does not come about is refused as JSON.
    let media = match if streams == Streams::All { Ok(Media::Json) } else { acceptable(accept) } {
        Ok(media) => media,
        Err(refused) => return *refused,
    };
    if !is_json(header(&headers, &CONTENT_TYPE)) {
        let reason = "send application/json, in UTF-8";
        return media.refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", reason);
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            let code = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                "BODY_TOO_LARGE"
            } else {
                "BAD_REQUEST"
            };
            return media.refuse(rejection.status(), code, &rejection.body_text());
        }
    };
    let parameters = match Parameters::of_body(&body) {
        Ok(parameters) => parameters,
        Err(reason) => return media.refuse(StatusCode::BAD_REQUEST, "BAD_REQUEST", &not_a_request(&reason)),
    };
    let signed_in = match who.signed_in() {
        Ok(signed_in) => signed_in,
        Err(refused) => return media.refuse(refused.status, refused.code, refused.reason),
    };
    let prepared = prepare(&server, signed_in, language_of(&headers), parameters);
    let is_stream = match streams {
        Streams::None => false,
        Streams::Subscriptions => prepared.as_ref().is_ok_and(Prepared::is_subscription),
        Streams::All => true,
    };
    if is_stream {
        return live::stream(&server, who.entrance, signed_in, &headers, prepared).await;
    }
    answer(&server, signed_in, media, prepared, false).await
}

pub(super) async fn by_another_method() -> Response {
    not_allowed(Media::Json, "GET, POST", "use GET or POST")
}

fn not_allowed(media: Media, allowed: &'static str, reason: &str) -> Response {
    let mut response = media.refuse(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", reason);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn acceptable(accept: Option<&str>) -> Result<Media, Box<Response>> {
    Media::negotiate(accept).ok_or_else(|| {
        let reason = "this server answers application/graphql-response+json or application/json";
        Box::new(Media::Json.refuse(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", reason))
    })
}

fn is_json(content_type: Option<&str>) -> bool {
    let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    let is_utf8 = |part: &str| match part.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    is_json && parts.all(is_utf8)
}

fn language_of(headers: &HeaderMap) -> Language {
    Language::from_accept_language(header(headers, &ACCEPT_LANGUAGE))
}

fn not_a_request(reason: &str) -> String {
    format!("not a GraphQL request: {reason}")
}

async fn answer(
    server: &Server,
    signed_in: Option<&SignedIn>,
    media: Media,
    prepared: Result<Prepared, Unprepared>,
    is_get: bool,
) -> Response {
    let Prepared { request, execution, kind, operation, .. } = match prepared {
        Ok(prepared) => prepared,
        Err(Unprepared::NoQuery) => {
            let reason = not_a_request("there is no query");
            return media.refuse(StatusCode::BAD_REQUEST, "BAD_REQUEST", &reason);
        }
        Err(Unprepared::Refused(error)) => return media.unexecuted(&[*error]),
    };
    if is_get && !matches!(kind, None | Some(OperationType::Query)) {
        return not_allowed(media, "POST", "only queries are asked by GET");
    }
    if kind == Some(OperationType::Subscription) {
        let reason = "a subscription is answered as text/event-stream, or over graphql-transport-ws";
        return media.unexecuted(&[with_code(ServerError::new(reason, None), "STREAM_NEEDED")]);
    }
    let answered = async {
        let response = server.api.execute(request).await;
        let caller = signed_in.map(|signed_in| &signed_in.caller);
        let recorded = record(server, caller, operation, &execution).await;
        recorded.map_or_else(|error| Answer::from_errors(vec![error]), |()| response)
    };
    let Ok(response) = tokio::time::timeout(server.settings.time_max, answered).await else {
        let reason =
            "it took too long; a command may have been done: send it again with the same idempotencyKey";
        return media.refuse(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", reason);
    };
    match execution.finish(response) {
        Ok(mut response) => {
            // Only the library's own have none: of an argument that is not what its type says.
            response.errors = coded(response.errors, "BAD_USER_INPUT");
            media.answer(StatusCode::OK, &response)
        }
        Err(errors) => media.unexecuted(&coded(errors, "GRAPHQL_VALIDATION_FAILED")),
    }
}

/// Writes down what an answer shows of personal data. An answer that this fails for is not given.
pub(super) async fn record(
    server: &Server,
    caller: Option<&Caller>,
    operation: Option<String>,
    execution: &Execution,
) -> Result<(), ServerError> {
    let exposed = execution.take_exposed();
    // Nothing is plain to nobody.
    let Some(caller) = caller else { return Ok(()) };
    let recorded = server.service.record_read(caller, ReadThrough::Graphql(operation), exposed).await;
    recorded.map_err(|failure| of_failure(&failure).into_server_error(Pos::default()))
}

/// What can be executed.
pub(super) struct Prepared {
    pub(super) request: Request,
    pub(super) execution: Execution,
    /// Of the operation that is meant, if one is.
    pub(super) kind: Option<OperationType>,
    pub(super) has_one_field: bool,
    /// What the client calls it; of a trusted document, what that is.
    pub(super) operation: Option<String>,
}

impl Prepared {
    fn is_subscription(&self) -> bool {
        self.kind == Some(OperationType::Subscription)
    }
}

pub(super) enum Unprepared {
    NoQuery,
    Refused(Box<ServerError>),
}

impl Unprepared {
    fn of(problem: &Problem, language: Language) -> Self {
        of_problem(problem, language).into_server_error(Pos::default()).into()
    }
}

impl From<ServerError> for Unprepared {
    fn from(error: ServerError) -> Self {
        Self::Refused(Box::new(error))
    }
}

/// Whichever way it came, it is held to the same limits.
pub(super) fn prepare(
    server: &Server,
    signed_in: Option<&SignedIn>,
    language: Language,
    mut parameters: Parameters,
) -> Result<Prepared, Unprepared> {
    let caller = signed_in.map(|signed_in| &signed_in.caller);
    let asked = asked(server, signed_in, parameters.document(), language)?;
    let Parameters { operation_name, variables, .. } = parameters;
    let (document, counted) = match &asked {
        Asked::Trusted(document) => (document.parsed.clone(), document.counted),
        Asked::AdHoc(query) => limits::parse(query)?,
    };
    if counted.asks_for_schema {
        may_see_schema(server, caller, language)?;
    }
    let meant = operation(&document, operation_name.as_deref()).map(|operation| &operation.node);
    let (kind, has_one_field) = (meant.map(|meant| meant.ty), meant.is_some_and(has_one_field));
    let name = match (&document.operations, &operation_name) {
        (_, Some(name)) => Some(name.clone()),
        (DocumentOperations::Multiple(named), None) => named.keys().next().map(ToString::to_string),
        (DocumentOperations::Single(_), None) => None,
    };
    let (text, operation) = match asked {
        Asked::Trusted(document) => (document.text.clone(), Some(document.name_of(name.as_deref()))),
        Asked::AdHoc(query) => (query, name),
    };
    let execution = Execution::default();
    let mut request = Request::new(text)
        .variables(Variables::from_json(Value::Object(variables.unwrap_or_default())))
        .data(RequestContext::new(&server.service, caller.cloned(), language))
        .data(execution.clone());
    request.operation_name = operation_name;
    request.set_parsed_query(document);
    Ok(Prepared { request, execution, kind, has_one_field, operation })
}

/// What is asked.
enum Asked<'a> {
    /// What was told before the server started.
    Trusted(&'a Document),
    AdHoc(String),
}

/// Where documents are told beforehand, others are for who may ask with their own. Who sends one is seen from the credential.
fn asked<'a>(
    server: &'a Server,
    signed_in: Option<&SignedIn>,
    (query, id): (Option<String>, Option<String>),
    language: Language,
) -> Result<Asked<'a>, Unprepared> {
    let refused = |code: &'static str, reason: &str| {
        let problem = Problem::Refused { code, reason: reason.to_owned() };
        Unprepared::of(&problem, language)
    };
    if let (Some(query), Some(id)) = (&query, &id)
        && id_of(query) != *id
    {
        return Err(refused("DOCUMENT_ID_MISMATCH", "the identifier is not the document's"));
    }
    let documents = server.settings.documents.as_deref();
    let client = signed_in.and_then(|signed_in| signed_in.client.as_deref());
    let known = documents.zip(id.as_deref()).and_then(|(documents, id)| documents.find(client, id));
    match (known, query) {
        (Some(document), _) => Ok(Asked::Trusted(document)),
        (None, Some(query)) if documents.is_none() || may_ask_anything(signed_in) => Ok(Asked::AdHoc(query)),
        (None, Some(_)) => Err(refused("PERSISTED_QUERY_ID_REQUIRED", "only known documents are taken")),
        (None, None) if id.is_some() => {
            Err(refused("PERSISTED_QUERY_NOT_FOUND", "the document is not known"))
        }
        (None, None) => Err(Unprepared::NoQuery),
    }
}

fn may_ask_anything(signed_in: Option<&SignedIn>) -> bool {
    signed_in.is_some_and(|signed_in| signed_in.caller.principal.has(Function::AdHocQueries))
}

/// The schema is told to those who write documents: where documents are told beforehand, to who may send others; else to
/// whoever does more than file. Those who develop against a server of their own see it; others know it from its file.
fn may_see_schema(server: &Server, caller: Option<&Caller>, language: Language) -> Result<(), Unprepared> {
    let settings = &server.settings;
    if settings.documents.is_none() && settings.sign_in.development_tokens {
        return Ok(());
    }
    let Some(Caller { principal, .. }) = caller else {
        return Err(unauthenticated().into_server_error(Pos::default()).into());
    };
    let may = match settings.documents {
        Some(_) => principal.has(Function::AdHocQueries),
        None => principal.is_staff(),
    };
    let denial = Problem::Denied(Denial::NoFunction { function: Function::AdHocQueries });
    if may { Ok(()) } else { Err(Unprepared::of(&denial, language)) }
}

/// With a code for those that have none.
pub(super) fn coded(errors: Vec<ServerError>, code: &str) -> Vec<ServerError> {
    let coded = |error: ServerError| {
        if error.extensions.is_some() { error } else { with_code(error, code) }
    };
    errors.into_iter().map(coded).collect()
}

pub(super) fn with_code(mut error: ServerError, code: &str) -> ServerError {
    error.extensions.get_or_insert_default().set("code", code);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_is_what_the_client_likes_best() {
        use Media::{GraphqlResponse, Json};
        for (accept, media) in [
            (None, Some(Json)),
            (Some(""), Some(Json)),
            (Some("*/*"), Some(Json)),
            (Some("application/*"), Some(Json)),
            (Some("application/json"), Some(Json)),
            (Some("application/json; charset=utf-8"), Some(Json)),
            (Some("application/graphql-response+json"), Some(GraphqlResponse)),
            (Some("Application/GraphQL-Response+JSON"), Some(GraphqlResponse)),
            (Some("application/graphql-response+json, application/json"), Some(GraphqlResponse)),
            (Some("application/json, application/graphql-response+json"), Some(Json)),
            (Some("application/json;q=0.9, application/graphql-response+json"), Some(GraphqlResponse)),
            (Some("text/html, */*;q=0.1"), Some(Json)),
            (Some("text/html"), None),
            (Some("application/json;q=0"), None),
            (Some("application/json;q=x"), None),
            (Some("nonsense"), None),
        ] {
            assert_eq!(Media::negotiate(accept), media, "{accept:?}");
        }
    }

    #[test]
    fn a_stream_is_for_who_likes_it_best_and_for_subscriptions_of_who_takes_it() {
        for (accept, streams) in [
            (None, Streams::None),
            (Some(""), Streams::None),
            (Some("*/*"), Streams::None),
            (Some("text/*"), Streams::None),
            (Some("application/json"), Streams::None),
            (Some("application/json, text/event-stream;q=0"), Streams::None),
            (Some("text/event-stream"), Streams::All),
            (Some("Text/Event-Stream; charset=utf-8"), Streams::All),
            (Some("text/event-stream, application/json"), Streams::All),
            (Some("text/event-stream, */*;q=0.1"), Streams::All),
            (Some("application/json;q=0.9, text/event-stream"), Streams::All),
            (Some("text/html, text/event-stream"), Streams::All),
            (Some("application/json, text/event-stream"), Streams::Subscriptions),
            (Some("*/*, text/event-stream"), Streams::Subscriptions),
            (Some("text/event-stream;q=0.9, application/graphql-response+json"), Streams::Subscriptions),
            (Some(URQL), Streams::Subscriptions),
        ] {
            assert_eq!(Streams::of(accept), streams, "{accept:?}");
        }
        assert_eq!(Media::negotiate(Some(URQL)), Some(Media::GraphqlResponse));
    }

    /// What urql sends, whatever it asks.
    const URQL: &str = "application/graphql-response+json, application/graphql+json, application/json, \
                        text/event-stream, multipart/mixed";

    #[test]
    fn a_body_is_json_in_utf_8() {
        for is_so in [
            "application/json",
            "APPLICATION/JSON",
            "application/json; charset=\"UTF-8\"",
            "application/json;x=y",
        ] {
            assert!(is_json(Some(is_so)), "{is_so}");
        }
        for is_not in
            ["", "text/plain", "application/json; charset=latin1", "application/jsonp", "application/graphql"]
        {
            assert!(!is_json(Some(is_not)), "{is_not}");
        }
        assert!(!is_json(None));
    }
}
