//! Signing in: from what a request brings along to who it is from. Tokens say who somebody is, never what they may do: that
//! is asked of their account, each time. What is left of that depends on how they show it, and on where they come in.
//!
//! | a request brings | and is from | by the client |
//! | --- | --- | --- |
//! | a token of an issuer (JWT) | the account of its subject, or a citizen | that it was issued to: `azp`, `client_id` |
//! | a key of a machine, `mck_…` | the machine's account, as far as the key goes | of the account's login name |
//! | a session, as a cookie | who signed in with a password | whose pages this server's are, by its settings |
//! | a development token, `dev:…` | whom it names; only where these are taken | the same |

pub mod administration;
pub mod issuers;

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use domain::access::{ActingAs, Function, Powers, Principal, Scope};
use domain::account::Identity;
use domain::time::Instant;
use infrastructure::keys::credentials::{CredentialPolicy, Look, MACHINE_KEY_PREFIX};

use self::administration::{ADMINISTRATION, Administration};
use self::issuers::{Issuers, Kind};
use crate::development_token;
use crate::problem::ServiceError;
use crate::service::Service;

/// How people and machines may sign in.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// Take development tokens. They prove nothing: never where real dossiers are.
    pub development_tokens: bool,
    /// How long a development token lasts that a stream or socket was opened with; for ever if absent.
    pub development_token_life: Option<TimeDelta>,
    pub issuers: Arc<Issuers>,
    pub credentials: CredentialPolicy,
    pub administration: Administration,
    /// The client that sessions are of: whose pages sign people in here.
    pub session_client: Option<String>,
}

/// Where a request came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Entrance {
    pub listener: Listener,
    /// Where it is from, where that is known.
    pub address: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Listener {
    /// The one for everybody.
    #[default]
    Service,
    /// The one for those who run the server.
    Admin,
}

/// What a request brings along.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    Bearer(String),
    Session(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Bearer(_) => "Bearer(…)",
            Self::Session(_) => "Session(…)",
        })
    }
}

/// Somebody, until their credential ends by itself.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub principal: Principal,
    pub until: Option<Instant>,
    /// The program that they use, as far as the credential shows it.
    pub client: Option<String>,
}

/// Why a credential is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotSignedIn {
    #[error("{0}")]
    Refused(&'static str),
    /// It cannot be told now: nobody is turned away for good.
    #[error("whether the credential holds cannot be told now")]
    Unknown(#[source] ServiceError),
    #[error("the issuer's keys cannot be fetched")]
    NoKeys,
}

impl<E: Into<ServiceError>> From<E> for NotSignedIn {
    fn from(error: E) -> Self {
        Self::Unknown(error.into())
    }
}

const NO_ACCOUNT: NotSignedIn = NotSignedIn::Refused("there is no account for it, or it is locked");
const INVALID: NotSignedIn = NotSignedIn::Refused("the token is not valid");

impl SignIn {
    /// For those who develop, and for demonstrations.
    pub fn development() -> Self {
        Self { development_tokens: true, ..Self::default() }
    }

    /// Who a credential belongs to, and what they may do here and now.
    pub async fn of(
        &self,
        service: &Service,
        credential: &Credential,
        entrance: Entrance,
        look: Look,
    ) -> Result<SignedIn, NotSignedIn> {
        let (mut signed_in, strong) = match credential {
            Credential::Session(token) => self.by_session(service, token, look).await?,
            Credential::Bearer(token) if token.starts_with("dev:") => {
                (self.by_development_token(service, token)?, true)
            }
            Credential::Bearer(key) if key.starts_with(MACHINE_KEY_PREFIX) => {
                (by_machine_key(service, key, look).await?, true)
            }
            Credential::Bearer(token) => self.by_token(service, token).await?,
        };
        let principal = &mut signed_in.principal;
        if ADMINISTRATION.iter().any(|function| principal.has(*function))
            && let Some(closed) = self.administration.closed(service, entrance, strong).await?
        {
            self.administration.told.once(principal.id, closed, entrance);
            principal.powers = principal.powers.without(&ADMINISTRATION);
        }
        Ok(signed_in)
    }

    async fn by_session(
        &self,
        service: &Service,
        token: &str,
        look: Look,
    ) -> Result<(SignedIn, bool), NotSignedIn> {
        let session = service.executor.keys.session(token, &self.credentials, look).await?;
        let session = session.ok_or(NotSignedIn::Refused("the session has ended"))?;
        let principal = service.principal(session.principal).await?.ok_or(NO_ACCOUNT)?;
        // Without a second factor nobody administers.
        let client = self.session_client.clone();
        Ok((SignedIn { principal, until: Some(session.ends_at), client }, session.strong))
    }

    fn by_development_token(&self, service: &Service, token: &str) -> Result<SignedIn, NotSignedIn> {
        if !self.development_tokens {
            return Err(NotSignedIn::Refused("this server takes no development tokens"));
        }
        let principal = development_token::parse(token.trim()).map_err(|_| INVALID)?;
        let until = self.development_token_life.map(|life| service.clock().now() + life);
        Ok(SignedIn { principal, until, client: self.session_client.clone() })
    }

    async fn by_token(&self, service: &Service, token: &str) -> Result<(SignedIn, bool), NotSignedIn> {
        let verified = self.issuers.verify(token, service.clock().now()).await?;
        let id = service.principal_of_subject(&verified.issuer, &verified.subject);
        let principal = match verified.kind {
            Kind::Staff => service.principal(id).await?.ok_or(NO_ACCOUNT)?,
            // They have no account: what they may do is file, and what they have filed is theirs.
            Kind::Citizens { portal } => Principal {
                id,
                acting_as: ActingAs { agency: portal, unit: None, position_title: None },
                powers: Powers::over(&[Function::File], &Scope::nothing()),
            },
        };
        let signed_in = SignedIn { principal, until: Some(verified.expires_at), client: verified.client };
        Ok((signed_in, verified.strong))
    }
}

async fn by_machine_key(service: &Service, key: &str, look: Look) -> Result<SignedIn, NotSignedIn> {
    let shown = service.executor.keys.show_machine_key(key, look).await?;
    let shown = shown.ok_or(NotSignedIn::Refused("the key is not valid"))?;
    let (mut principal, identity) = service.account_holder(shown.principal).await?.ok_or(NO_ACCOUNT)?;
    if let Some(functions) = &shown.functions {
        principal.powers = principal.powers.only(functions);
    }
    let client = match identity {
        Identity::Login(login) => Some(login.to_string()),
        Identity::Issuer(_) => None,
    };
    Ok(SignedIn { principal, until: Some(shown.until), client })
}
