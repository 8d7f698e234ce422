//! Signing in with a password: `POST /session` begins a session, `DELETE /session` ends it, `POST /session/password`
//! changes the password, `POST /session/second-factor` sets up a second factor.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::access::{Principal, Purpose};
use domain::codes::LoginName;
use domain::identity::PrincipalId;
use domain::private::Secret;
use domain::recorded::Via;
use infrastructure::keys::KeyError;
use infrastructure::keys::credentials::{Shown, Verified};
use serde::Deserialize;
use serde_json::json;

use super::authentication::{SESSION_COOKIE, is_of_this_site, session_token};
use super::{Server, failed, json_response, refuse};
use crate::problem::{Failure, ServiceError};
use crate::service::{Caller, check_password};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SignInBody {
    login: String,
    password: String,
    /// Of the second factor, where there is one.
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PasswordBody {
    login: String,
    password: String,
    code: Option<String>,
    new_password: String,
}

/// Not a word about which of it was wrong.
fn wrong() -> Response {
    let reason = "Tên đăng nhập, mật khẩu hoặc mã không đúng, hoặc tài khoản đang tạm khóa. / Wrong, or closed for a while.";
    refuse(StatusCode::UNAUTHORIZED, "SIGN_IN_FAILED", reason)
}

fn cross_site() -> Response {
    refuse(StatusCode::FORBIDDEN, "CROSS_SITE", "sign in from a page of this server")
}

fn cookie(token: &str, seconds: i64) -> String {
    format!("{SESSION_COOKIE}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}

/// Who it is, and what they have shown of it; nothing where the password has to be changed first.
async fn show(
    server: &Server,
    login: &str,
    password: String,
    code: Option<&str>,
) -> Result<(Principal, Option<Verified>), Response> {
    // A name that nobody can have takes as long as one that nobody has.
    let id = LoginName::parse(login).map_or(PrincipalId(uuid::Uuid::nil()), |login| PrincipalId::of(&login));
    let policy = &server.settings.sign_in.credentials;
    let keys = &server.service.executor.keys;
    let shown = keys.show_password(id, Secret::new(password), code, policy).await;
    let shown = shown.map_err(|error| not_done(&error.into()))?;
    let verified = match shown {
        Shown::Right(verified) => Some(verified),
        Shown::MustChange => None,
        Shown::Wrong => return Err(wrong()),
    };
    // Of a locked account nobody learns that the password was right.
    let principal = server.service.principal(id).await.map_err(|error| not_done(&error))?;
    let principal = principal.ok_or_else(|| {
        tracing::warn!(account = %id, "the password of a locked account was shown");
        wrong()
    })?;
    Ok((principal, verified))
}

/// Who has shown who they are changes what they show it with.
fn themselves(principal: Principal) -> Caller {
    Caller { principal, via: Via::Graphql, traceparent: None, purpose: Purpose::default(), at: None }
}

fn not_done(error: &ServiceError) -> Response {
    if let ServiceError::Failure(Failure::Keys(KeyError::NoTurn)) = error {
        let reason = "Quá nhiều người đang đăng nhập, hãy thử lại sau. / Too many sign in: come again when Retry-After says.";
        let refused = refuse(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", reason);
        return ([(RETRY_AFTER, HeaderValue::from_static("5"))], refused).into_response();
    }
    failed(error)
}

pub(super) async fn begin(
    State(server): State<Server>,
    method: Method,
    headers: HeaderMap,
    body: Result<Json<SignInBody>, JsonRejection>,
) -> Response {
    if !is_of_this_site(&method, &headers) && headers.contains_key("origin") {
        return cross_site();
    }
    let Ok(Json(body)) = body else { return malformed() };
    let shown = match show(&server, &body.login, body.password, body.code.as_deref()).await {
        Ok((_, Some(shown))) => shown,
        Ok((_, None)) => {
            let reason = "Hãy đổi mật khẩu. / The password has to be changed: POST /session/password.";
            return refuse(StatusCode::FORBIDDEN, "PASSWORD_MUST_CHANGE", reason);
        }
        Err(refused) => return refused,
    };
    let policy = &server.settings.sign_in.credentials;
    match server.service.executor.keys.begin_session(&shown, policy).await {
        Ok(Some((token, session))) => {
            tracing::info!(account = %session.principal, strong = session.strong, "somebody signed in");
            let cookie = cookie(token.expose(), policy.session_max.num_seconds());
            let body = json!({"strong": session.strong, "endsAt": session.ends_at.to_rfc3339()});
            ([(SET_COOKIE, cookie)], json_response(StatusCode::OK, &body)).into_response()
        }
        Ok(None) => wrong(),
        Err(error) => failed(&error),
    }
}

pub(super) async fn end(State(server): State<Server>, method: Method, headers: HeaderMap) -> Response {
    if !is_of_this_site(&method, &headers) {
        return cross_site();
    }
    if let Some(token) = session_token(&headers)
        && let Err(error) = server.service.executor.keys.end_session(token).await
    {
        return failed(&error);
    }
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie("", 0))]).into_response()
}

pub(super) async fn change_password(
    State(server): State<Server>,
    body: Result<Json<PasswordBody>, JsonRejection>,
) -> Response {
    let Ok(Json(body)) = body else { return malformed() };
    if let Err(reason) = check_password(&body.new_password) {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "PASSWORD_TOO_WEAK", reason);
    }
    if body.new_password == body.password {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "PASSWORD_TOO_WEAK", "it is the old one");
    }
    let principal = match show(&server, &body.login, body.password, body.code.as_deref()).await {
        Ok((principal, _)) => principal,
        Err(refused) => return refused,
    };
    match server.service.change_password(&themselves(principal), Secret::new(body.new_password)).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => not_done(&error),
    }
}

/// Told this once: who has it can make codes. A second factor that is there is taken away by who manages the account.
pub(super) async fn second_factor(
    State(server): State<Server>,
    body: Result<Json<SignInBody>, JsonRejection>,
) -> Response {
    let Ok(Json(body)) = body else { return malformed() };
    let principal = match show(&server, &body.login, body.password, body.code.as_deref()).await {
        Ok((principal, Some(_))) => principal,
        Ok((_, None)) => return wrong(),
        Err(refused) => return refused,
    };
    match server.service.set_second_factor(&themselves(principal)).await {
        Ok(Some(secret)) => {
            let uri =
                format!("otpauth://totp/motcua:{}?secret={}&issuer=motcua", body.login, secret.expose());
            json_response(StatusCode::OK, &json!({"secret": secret.expose(), "uri": uri}))
        }
        Ok(None) => wrong(),
        Err(error) => not_done(&error),
    }
}

fn malformed() -> Response {
    refuse(StatusCode::BAD_REQUEST, "BAD_REQUEST", "send JSON with login and password")
}
