//! What a monitoring system asks of a server, as OpenMetrics: how far the read models are, how long the log is, and who
//! listens. On a
//! listener of its own, which is not for the public. <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use projections::read_side::Status;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Server, ready};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    name: &'static str,
}

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
}

async fn metrics(State(server): State<Server>) -> Response {
    let service = &server.service;
    let asked = async {
        let head = service.store().head().await?;
        let status = service.status().await?;
        let notices = projections::notice::counts(service.read_side.database()).await?;
        let payments = projections::payment_order::counts(service.read_side.database()).await?;
        let streams = i64::try_from(service.live.count()).unwrap_or(i64::MAX);
        Ok::<_, projections::runner::RunError>(text((head.0, streams), &status, notices, payments))
    };
    match asked.await {
        Ok(Ok(text)) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "metrics cannot be told");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

type Value = fn(&Status) -> i64;

/// What is told of each read model.
const GAUGES: [(&str, &str, Value); 8] = [
    ("projection_position", "Position in the log up to which the read model is", |status| status.at.0),
    ("projection_lag_events", "Events of the log that the read model has not seen", |status| {
        status.lag_events
    }),
    ("projection_lag_seconds", "Since when the first of them waits", |status| status.lag_seconds),
    ("projection_events_per_second", "How fast it was fed when there was something to feed", |status| {
        status.per_second
    }),
    ("projection_stopped", "1 while it stands still after a failure", |status| {
        i64::from(status.stopped.is_some())
    }),
    ("projection_missing", "1 while it has nothing to answer with, after a migration", |status| {
        i64::from(status.is_missing())
    }),
    ("projection_parked_streams", "Streams that it goes on without until somebody decides", |status| {
        i64::try_from(status.parked.len()).unwrap_or(i64::MAX)
    }),
    (
        "projection_rebuild_position",
        "How far the table is that is built beside; 0 if there is none",
        |status| status.rebuild.as_ref().map_or(0, |rebuild| rebuild.at.0),
    ),
];

fn text(
    (head, streams): (i64, i64),
    models: &[Status],
    (waiting, given_up): (i64, i64),
    (discrepancies, refunds): (i64, i64),
) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("motcua");
    for (name, help, value) in [
        ("log_head_position", "Position of the last event", head),
        ("streams_open", "Streams and sockets of those who listen", streams),
        ("notices_waiting", "Reminders that are to be delivered, or tried again", waiting),
        ("notices_given_up", "Reminders that could not be delivered", given_up),
        ("payment_discrepancies", "Payment orders with what nobody has settled", discrepancies),
        ("payment_refunds_waiting", "Refunds that gateways are asked for", refunds),
    ] {
        let gauge: Gauge = Gauge::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
    for (name, help, value) in GAUGES {
        let family = Family::<Labels, Gauge>::default();
        for status in models {
            family.get_or_create(&Labels { name: status.name }).set(value(status));
        }
        registry.register(name, help, family);
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}
