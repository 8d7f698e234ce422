//! The router: GraphQL, papers, files, callbacks of payment gateways, GraphiQL from vendored assets, health.

mod authentication;
mod files;
mod graphql;
mod live;
mod metrics;
mod papers;
mod payments;
mod rate;
mod session;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use projections::read_side::Status;
use rust_embed::RustEmbed;
use serde_json::json;
use tower_http::set_header::SetResponseHeaderLayer;

use self::rate::Limiter;
pub use self::rate::Rates;
use crate::documents::Documents;
use crate::graphql::{Api, schema};
use crate::messages::{self, Language};
use crate::problem::Problem;
use crate::service::Service;
use crate::sign_in::{Listener, SignIn};

const BODY_BYTES_MAX: usize = 1024 * 1024;
const CSP: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

/// How the server is run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub sign_in: SignIn,
    /// How long a GraphQL request may be worked on.
    pub time_max: Duration,
    /// How long a socket may be without a subscription: its place is another's.
    pub idle_max: Duration,
    pub rates: Rates,
    /// What clients may ask, and nothing else, but for who may ask anything; anything within the limits if absent.
    pub documents: Option<Arc<Documents>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sign_in: SignIn::default(),
            time_max: Duration::from_secs(30),
            idle_max: Duration::from_secs(60),
            rates: Rates::default(),
            documents: None,
        }
    }
}

#[derive(Clone)]
struct Server {
    api: Api,
    service: Service,
    settings: Settings,
    limiter: Arc<Limiter>,
    listener: Listener,
}

impl Server {
    fn new(service: Service, settings: Settings, listener: Listener) -> Self {
        let limiter = Arc::new(Limiter::new(settings.rates));
        Self { api: schema(service.clone()), service, settings, limiter, listener }
    }

    fn asked() -> Router<Self> {
        Router::new().route(
            "/graphql",
            get(graphql::by_get).post(graphql::by_post).fallback(graphql::by_another_method),
        )
    }

    /// Signing in. Whoever guesses passwords may be somebody already: it counts for the address, whoever it is.
    fn signing_in(&self) -> Router<Self> {
        Router::new()
            .route("/session", post(session::begin).delete(session::end))
            .route("/session/password", post(session::change_password))
            .route("/session/second-factor", post(session::second_factor))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(from_fn_with_state(self.clone(), rate::limit_address))
    }
}

/// What every answer has.
fn with_headers(router: Router<Server>) -> Router<Server> {
    let header = |name: &'static str, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    router
        .layer(header("x-content-type-options", "nosniff"))
        .layer(header("referrer-policy", "same-origin"))
        .layer(header("cache-control", "no-store"))
}

/// GraphiQL and what it needs, vendored: it works in a closed network.
#[derive(RustEmbed)]
#[folder = "assets/graphiql/"]
struct Assets;

pub fn router(service: Service, settings: Settings) -> Router {
    let server = Server::new(service, settings, Listener::Service);
    let router = Server::asked()
        .route("/graphiql", get(|| async { Redirect::to("/graphiql/") }))
        .route("/graphiql/", get(|| asset(Path("index.html".to_owned()))))
        .route("/graphiql/{*path}", get(asset))
        .route("/papers/{dossier}/{file}", get(papers::paper))
        .route("/registers/{agency}/{file}", get(papers::register))
        .route("/tables/{file}", get(tables::table))
        .route(
            "/payments/callback/{gateway}",
            post(payments::callback).layer(DefaultBodyLimit::max(payments::BODY_BYTES_MAX)),
        )
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        // Beyond that layer: a file streams, and has a limit of its own.
        .route("/dossiers/{dossier}/files", post(files::upload))
        .route("/dossiers/{dossier}/files/{file}", get(files::download))
        .layer(from_fn_with_state(server.clone(), rate::limit))
        .merge(server.signing_in())
        // Whoever watches over the server asks as often as they like.
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready));
    with_headers(router).with_state(server)
}

/// For those who run the server: metrics and health, on a listener that the public does not reach. Where administration is
/// done here and nowhere else, asking and signing in as well.
pub fn admin_router(service: Service, settings: Settings) -> Router {
    let server = Server::new(service, settings, Listener::Admin);
    let asked = if server.settings.sign_in.administration.on_admin_listener {
        let asked = Server::asked().layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
        let asked = asked.layer(from_fn_with_state(server.clone(), rate::limit));
        with_headers(asked.merge(server.signing_in()))
    } else {
        Router::new()
    };
    asked.merge(metrics::router()).with_state(server)
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    json_response(status, &json!({"errors": [{"message": message, "extensions": {"code": code}}]}))
}

/// A refusal of what is asked for by GET.
fn problem(problem: &Problem) -> Response {
    let status = match problem {
        Problem::NotFound { .. } => StatusCode::NOT_FOUND,
        Problem::Denied(_) => StatusCode::FORBIDDEN,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    refuse(status, problem.code(), &messages::of(problem, Language::Vietnamese))
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "an answer cannot be made");
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "the answer cannot be made")
}

fn json_response(status: StatusCode, body: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, [(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn asset(Path(path): Path<String>) -> Response {
    match Assets::get(&path) {
        Some(file) => {
            let media = format!("{}; charset=utf-8", file.metadata.mimetype());
            let headers = [(CONTENT_TYPE, media), (CONTENT_SECURITY_POLICY, CSP.to_owned())];
            (headers, file.data).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Ready: log and read models answer, each has something to answer with, and no newer program has written to the log.
async fn ready(State(server): State<Server>) -> Response {
    match server.service.status().await {
        Ok(status) => {
            let newer = server.service.read_side.newer_writer();
            let models: Vec<_> = status
                .iter()
                .map(|status| {
                    json!({
                        "name": status.name,
                        "lag": status.lag_events,
                        "parked": status.parked.len(),
                        "stopped": status.stopped.is_some(),
                        "missing": status.is_missing(),
                    })
                })
                .collect();
            let is_ready = newer.is_none() && !status.iter().any(Status::is_missing);
            let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            let newer = newer.map(|(position, type_name)| json!({"position": position.0, "type": type_name}));
            json_response(status, &json!({"ready": is_ready, "models": models, "newerWriter": newer}))
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "not ready");
            json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({"ready": false}))
        }
    }
}
