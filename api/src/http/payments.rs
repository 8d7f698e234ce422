//! What payment gateways call back: `POST /payments/callback/{gateway}`. Whoever is not the gateway learns nothing, and
//! leaves nothing behind.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use domain::codes::GatewayCode;
use infrastructure::payment_gateway::Callback;
use infrastructure::signature::{ID, SIGNATURE, Signed, TIMESTAMP};
use serde_json::json;

use super::{Server, header, json_response, refuse};
use crate::problem::{Problem, ServiceError};
use crate::service::PaymentOutcome;

pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// 200 once it is written down, also as a discrepancy: told again it would be the same. 503 if it could not be written
/// down: to be told again.
pub(super) async fn callback(
    State(server): State<Server>,
    Path(gateway): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let gateways = &server.service.gateways;
    let gateway = GatewayCode::parse(&gateway).ok().and_then(|code| gateways.get(&code));
    let Some(gateway) = gateway else {
        return refuse(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such gateway");
    };
    let given = |name| header(&headers, &HeaderName::from_static(name)).unwrap_or_default();
    let signed = Signed { id: given(ID), timestamp: given(TIMESTAMP), signature: given(SIGNATURE) };
    if let Err(reason) = gateway.verify(signed, &body) {
        tracing::warn!(gateway = %gateway.code(), %reason, "a callback is not believed");
        return refuse(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "the message is not believed");
    }
    let told = match Callback::parse(&body) {
        Ok(Callback::Paid(told)) => told,
        Ok(Callback::Other) => return answer("ignored"),
        Err(error) => {
            tracing::error!(gateway = %gateway.code(), %error, "a callback is not understood");
            return refuse(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", "the message is not understood");
        }
    };
    match server.service.take_payment(gateway, &told).await {
        Ok(PaymentOutcome::Recorded) => answer("recorded"),
        Ok(PaymentOutcome::Repeated) => answer("repeated"),
        Ok(PaymentOutcome::Discrepancy(_)) => answer("discrepancy"),
        Err(ServiceError::Problem(Problem::NotFound { .. })) => {
            tracing::error!(gateway = %gateway.code(), "money was taken for an order that nobody has placed");
            refuse(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such order")
        }
        Err(ServiceError::Problem(Problem::InvalidInput { field, .. })) => {
            tracing::error!(gateway = %gateway.code(), field, "a callback is not understood");
            refuse(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", "the message is not understood")
        }
        Err(error) => {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::error!(gateway = %gateway.code(), error, "a callback cannot be written down");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "tell it again later")
        }
    }
}

fn answer(result: &str) -> Response {
    json_response(StatusCode::OK, &json!({"result": result}))
}
