//! Who a credential signs in on a connection that stays open.

use axum::http::HeaderMap;
use tokio::time::Instant;

use super::super::{Server, caller};
use crate::service::Caller;

pub(super) struct SignedIn {
    pub(super) caller: Caller,
    /// When the credential ends, if it says so.
    pub(super) until: Option<Instant>,
}

/// Takes what a request would bring: `Authorization`, and whatever else says who asks. Nobody is refused as well.
pub(super) async fn authenticate(server: &Server, credential: &HeaderMap) -> Result<SignedIn, &'static str> {
    let caller = caller(credential, server.settings)?.ok_or("a bearer token is needed")?;
    let until = server.settings.development_token_life.map(|life| Instant::now() + life);
    Ok(SignedIn { caller, until })
}
