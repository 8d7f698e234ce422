//! Who a request is from. A session comes as a cookie, which a browser sends along with whatever another site makes it
//! send: so a request with one has to show that it comes from a page of this server.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::Response;
use domain::access::Purpose;
use domain::recorded::Via;
use domain::time::Instant;
use infrastructure::keys::credentials::Look;

use super::{Server, header, refuse};
use crate::service::Caller;
use crate::sign_in::{Credential, Entrance, NotSignedIn};

/// `__Host-`: over TLS only, for this host alone, for all of its paths. Other sites cannot set it.
pub(super) const SESSION_COOKIE: &str = "__Host-motcua-session";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Why personal data is read, by the name of a [`Purpose`]; the agency in charge handles the dossier, if absent.
pub(super) const PURPOSE: HeaderName = HeaderName::from_static("motcua-purpose");

/// Somebody, and until when if the credential says so.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub(super) caller: Caller,
    pub(super) until: Option<Instant>,
    /// By which client.
    pub(super) client: Option<String>,
}

/// Why what a request brings along is not taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) reason: &'static str,
}

impl Refused {
    /// It cannot be told now: nobody is turned away for good.
    pub(super) fn is_for_now(self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    fn unauthenticated(reason: &'static str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, code: "UNAUTHENTICATED", reason }
    }

    pub(super) fn into_response(self) -> Response {
        refuse(self.status, self.code, self.reason)
    }
}

/// What a request brings along to show who it is from; nothing is nobody.
pub(super) fn credential(method: &Method, headers: &HeaderMap) -> Result<Option<Credential>, Refused> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        let token =
            token.ok_or(Refused::unauthenticated("the Authorization header is not a bearer token"))?;
        return Ok(Some(Credential::Bearer(token.trim().to_owned())));
    }
    let Some(token) = session_token(headers) else { return Ok(None) };
    if !is_of_this_site(method, headers) {
        return Err(Refused {
            status: StatusCode::FORBIDDEN,
            code: "CROSS_SITE",
            reason: "a session is good for requests from pages of this server only",
        });
    }
    Ok(Some(Credential::Session(token.to_owned())))
}

pub(super) fn session_token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies =
        cookies.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, token)| token)
}

/// Browsers say where a request comes from. What says nothing may read and not write: it may be an old browser that was
/// made to follow a link.
pub(super) fn is_of_this_site(method: &Method, headers: &HeaderMap) -> bool {
    if let Some(site) = header(headers, &SEC_FETCH_SITE) {
        return matches!(site, "same-origin" | "none");
    }
    match header(headers, &ORIGIN) {
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == header(headers, &HOST)
        }
        None => matches!(*method, Method::GET | Method::HEAD),
    }
}

/// Why it is read. What nobody knows is refused: a record would say something else than who asked.
fn purpose(headers: &HeaderMap) -> Result<Purpose, Refused> {
    let Some(value) = headers.get(PURPOSE) else { return Ok(Purpose::default()) };
    value.to_str().ok().and_then(|name| Purpose::named(name.trim())).ok_or(Refused {
        status: StatusCode::BAD_REQUEST,
        code: "UNKNOWN_PURPOSE",
        reason: "Motcua-Purpose is HANDLING, ENQUIRY, COMPLAINT, INSPECTION, DATA_SUBJECT_REQUEST or AUTHORITY_REQUEST",
    })
}

/// Whose credential a request brings along, and what they may do here and now.
pub(super) async fn authenticate(
    server: &Server,
    entrance: Entrance,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<SignedIn>, Refused> {
    look_at(server, entrance, method, headers, Look::Request).await
}

/// The same of a request that goes on, by the server itself.
pub(super) async fn authenticate_again(
    server: &Server,
    entrance: Entrance,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<SignedIn>, Refused> {
    look_at(server, entrance, method, headers, Look::Again).await
}

async fn look_at(
    server: &Server,
    entrance: Entrance,
    method: &Method,
    headers: &HeaderMap,
    look: Look,
) -> Result<Option<SignedIn>, Refused> {
    let purpose = purpose(headers)?;
    let Some(credential) = credential(method, headers)? else { return Ok(None) };
    match server.settings.sign_in.of(&server.service, &credential, entrance, look).await {
        Ok(signed_in) => {
            let traceparent = header(headers, &TRACEPARENT).filter(|value| is_traceparent(value));
            let caller = Caller {
                principal: signed_in.principal,
                via: Via::Graphql,
                traceparent: traceparent.map(str::to_owned),
                purpose,
                at: None,
            };
            Ok(Some(SignedIn { caller, until: signed_in.until, client: signed_in.client }))
        }
        Err(NotSignedIn::Refused(reason)) => Err(Refused::unauthenticated(reason)),
        Err(error @ (NotSignedIn::Unknown(_) | NotSignedIn::NoKeys)) => {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::error!(error, "nobody can be signed in");
            Err(Refused {
                status: StatusCode::SERVICE_UNAVAILABLE,
                code: "UNAVAILABLE",
                reason: "who you are cannot be told now: try again",
            })
        }
    }
}

/// `00-<trace id>-<span id>-<flags>` and nothing else: it is written for ever.
fn is_traceparent(text: &str) -> bool {
    text.len() == 55 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Who a request is from, and where it came in, as it was found on its way in.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) entrance: Entrance,
    pub(super) signed_in: Result<Option<SignedIn>, Refused>,
}

impl Who {
    pub(super) fn signed_in(&self) -> Result<Option<&SignedIn>, Refused> {
        self.signed_in.as_ref().map(Option::as_ref).map_err(|refused| *refused)
    }
}

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Put there in front of every route that asks.
        let nobody = Self { entrance: Entrance::default(), signed_in: Ok(None) };
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(nobody))
    }
}

/// Somebody, where nobody may ask.
pub(super) struct Somebody(pub(super) Caller);

impl<S: Sync> FromRequestParts<S> for Somebody {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Ok(who) = Who::from_request_parts(parts, state).await;
        let signed_in = who.signed_in.map_err(Refused::into_response)?;
        let nobody = || Refused::unauthenticated("you have to sign in").into_response();
        signed_in.map(|signed_in| Self(signed_in.caller)).ok_or_else(nobody)
    }
}
