//! Signing in: from what a request brings along to who it is from. Tokens say who somebody is, never what they may do: that
//! is asked of their account, each time.
//!
//! | a request brings | and is from |
//! | --- | --- |
//! | a token of an issuer (JWT) | the account of its subject, or a citizen |
//! | a key of a machine, `mck_…` | the machine's account |
//! | a session, as a cookie | who signed in with a password |
//! | a development token, `dev:…` | whom it names; only where these are taken |

pub mod issuers;

use std::sync::Arc;

use chrono::TimeDelta;
use domain::access::{ActingAs, Function, Powers, Principal, Scope};
use domain::time::Instant;
use domain::working_time::{OfficeHours, office_time};
use infrastructure::keys::credentials::{CredentialPolicy, MACHINE_KEY_PREFIX};

use self::issuers::{Issuers, Kind};
use crate::development_token;
use crate::problem::ServiceError;
use crate::service::Service;

/// What lets somebody change what holds for others.
const ADMINISTRATION: [Function; 2] = [Function::Administer, Function::ManageAccess];
/// Long enough that any office is open in it, if it is open.
const MOMENT: TimeDelta = TimeDelta::minutes(1);

/// How people and machines may sign in.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// Take development tokens. They prove nothing: never where real dossiers are.
    pub development_tokens: bool,
    /// How long a development token lasts that a stream or socket was opened with; for ever if absent.
    pub development_token_life: Option<TimeDelta>,
    pub issuers: Arc<Issuers>,
    pub credentials: CredentialPolicy,
    /// Nobody administers outside office hours (QĐ 742/QĐ-BTTTT, part 4).
    pub administration_in_office_hours: bool,
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

    /// Who a credential belongs to, and what they may do now.
    pub async fn of(&self, service: &Service, credential: &Credential) -> Result<SignedIn, NotSignedIn> {
        let (mut signed_in, strong) = match credential {
            Credential::Session(token) => self.by_session(service, token).await?,
            Credential::Bearer(token) if token.starts_with("dev:") => {
                (self.by_development_token(service, token)?, true)
            }
            Credential::Bearer(key) if key.starts_with(MACHINE_KEY_PREFIX) => {
                (by_machine_key(service, key).await?, true)
            }
            Credential::Bearer(token) => (self.by_token(service, token).await?, true),
        };
        let powers = &mut signed_in.principal.powers;
        let administers = ADMINISTRATION.iter().any(|function| powers.of(*function).is_some());
        if administers && !(strong && self.is_administration_open(service).await?) {
            *powers = powers.without(&ADMINISTRATION);
        }
        Ok(signed_in)
    }

    async fn by_session(&self, service: &Service, token: &str) -> Result<(SignedIn, bool), NotSignedIn> {
        let session = service.executor.keys.session(token, &self.credentials).await?;
        let session = session.ok_or(NotSignedIn::Refused("the session has ended"))?;
        let principal = service.principal(session.principal).await?.ok_or(NO_ACCOUNT)?;
        // Without a second factor nobody administers.
        Ok((SignedIn { principal, until: Some(session.ends_at) }, session.strong))
    }

    fn by_development_token(&self, service: &Service, token: &str) -> Result<SignedIn, NotSignedIn> {
        if !self.development_tokens {
            return Err(NotSignedIn::Refused("this server takes no development tokens"));
        }
        let principal = development_token::parse(token.trim()).map_err(|_| INVALID)?;
        let until = self.development_token_life.map(|life| service.clock().now() + life);
        Ok(SignedIn { principal, until })
    }

    async fn by_token(&self, service: &Service, token: &str) -> Result<SignedIn, NotSignedIn> {
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
        Ok(SignedIn { principal, until: Some(verified.expires_at) })
    }

    async fn is_administration_open(&self, service: &Service) -> Result<bool, NotSignedIn> {
        if !self.administration_in_office_hours {
            return Ok(true);
        }
        let (now, calendar) = (service.clock().now(), service.calendar(None).await?);
        // Of a year that the calendar does not know nobody can say that it is a working day.
        let worked = office_time(now, now + MOMENT, &calendar, &OfficeHours::default());
        Ok(worked.is_ok_and(|worked| TimeDelta::zero() < worked))
    }
}

async fn by_machine_key(service: &Service, key: &str) -> Result<SignedIn, NotSignedIn> {
    let shown = service.executor.keys.show_machine_key(key).await?;
    let (id, until) = shown.ok_or(NotSignedIn::Refused("the key is not valid"))?;
    let principal = service.principal(id).await?.ok_or(NO_ACCOUNT)?;
    Ok(SignedIn { principal, until: Some(until) })
}
