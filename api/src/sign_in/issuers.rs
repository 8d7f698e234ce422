//! Tokens of issuers (OpenID Connect, RFC 7519): which are taken, and whom they name. Keys of an issuer are fetched once
//! and kept, and fetched again behind whoever asks: an issuer that is slow, or cannot be reached, holds up nobody whose key is
//! known, and is believed by the keys that it had, for a day.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use domain::codes::AgencyCode;
use domain::identity::AgencyId;
use domain::time::Instant;
use infrastructure::payment_gateway::is_safe;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::Url;
use serde::Deserialize;

use super::{INVALID, NotSignedIn};

/// Clocks differ by that much.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
const FETCH_TIME_MAX: Duration = Duration::from_secs(5);
/// A set of keys is some kilobytes.
const FETCH_BYTES_MAX: usize = 256 * 1024;
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// An issuer changes its keys now and then: they are fetched again after this long.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(10);
/// A token with an unknown key makes them be fetched at once, but not more often than this.
const UNKNOWN_KEY_EVERY: TimeDelta = TimeDelta::seconds(30);
/// And this long they are believed while the issuer cannot be reached.
const STALE_FOR: TimeDelta = TimeDelta::hours(24);

/// The issuers whose tokens are taken.
#[derive(Debug, Default)]
pub struct Issuers {
    by_name: HashMap<String, Arc<Issuer>>,
    client: reqwest::Client,
}

#[derive(Debug)]
struct Issuer {
    settings: IssuerSettings,
    kind: Kind,
    kept: Mutex<Kept>,
    /// Whoever has it fetches the keys.
    fetching: tokio::sync::Mutex<()>,
}

/// Whom an issuer's tokens name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// People and machines that have accounts here.
    Staff,
    /// Applicants. They act through a portal, which is an agency's.
    Citizens { portal: AgencyId },
}

#[derive(Debug, Default)]
struct Kept {
    keys: Option<JwkSet>,
    fetched_at: Option<Instant>,
    tried_at: Option<Instant>,
}

/// What a file says of issuers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    issuer: Vec<IssuerSettings>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// `iss` of its tokens, to the letter.
    pub issuer: String,
    /// What `aud` has to name.
    pub audience: String,
    /// Where its keys are; what its discovery document says if absent.
    pub jwks: Option<String>,
    pub algorithms: Vec<AllowedAlgorithm>,
    /// Whom its tokens name: `staff` or `citizens`.
    pub names: Named,
    /// Of citizens: the code of the agency whose portal they come through.
    pub portal: Option<String>,
    /// What `acr` says where a second factor was shown. If absent it is the issuer's business that one always is.
    pub second_factor_acr: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    Staff,
    Citizens,
}

/// Signatures by a key that only the issuer has. One shared with us would let us write its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum AllowedAlgorithm {
    RS256,
    ES256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl From<AllowedAlgorithm> for Algorithm {
    fn from(algorithm: AllowedAlgorithm) -> Self {
        match algorithm {
            AllowedAlgorithm::RS256 => Self::RS256,
            AllowedAlgorithm::ES256 => Self::ES256,
            AllowedAlgorithm::EdDsa => Self::EdDSA,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidIssuers {
    #[error("the file of issuers cannot be read")]
    Unreadable(#[from] std::io::Error),
    #[error("the file of issuers is not understood")]
    Malformed(#[from] toml::de::Error),
    #[error("the issuer {0} is there twice")]
    Twice(String),
    #[error("the issuer {0} names citizens, so it needs the agency code of their portal")]
    NoPortal(String),
    #[error("the issuer {0} or its keys are not asked for over https")]
    NotEncrypted(String),
    #[error("the issuer {0} allows no algorithm")]
    NoAlgorithm(String),
}

/// Whom a token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub issuer: String,
    pub subject: String,
    pub kind: Kind,
    pub expires_at: Instant,
    /// Which program it was issued to, if it says so.
    pub client: Option<String>,
    /// A second factor was shown, as far as the issuer's settings ask for that.
    pub strong: bool,
}

/// Who is read first, to know which issuer is asked; nothing of it is believed before the signature is.
#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    /// As OpenID Connect names the client.
    azp: Option<String>,
    /// As RFC 9068 does.
    client_id: Option<String>,
    /// How they showed who they are.
    acr: Option<String>,
}

impl Claims {
    /// Two that are not the same prove nothing.
    fn client(&self) -> Option<&String> {
        match (&self.azp, &self.client_id) {
            (Some(azp), Some(client_id)) if azp != client_id => None,
            (azp, client_id) => azp.as_ref().or(client_id.as_ref()),
        }
    }
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuers {
    pub fn load(path: &Path) -> Result<Self, InvalidIssuers> {
        let file: File = toml::from_str(&std::fs::read_to_string(path)?)?;
        Self::new(file.issuer)
    }

    pub fn new(settings: Vec<IssuerSettings>) -> Result<Self, InvalidIssuers> {
        let mut by_name = HashMap::new();
        for settings in settings {
            let name = settings.issuer.clone();
            if !is_encrypted(&name) || !settings.jwks.as_deref().is_none_or(is_encrypted) {
                return Err(InvalidIssuers::NotEncrypted(name));
            }
            if settings.algorithms.is_empty() {
                return Err(InvalidIssuers::NoAlgorithm(name));
            }
            let portal = settings.portal.as_deref().and_then(|code| AgencyCode::parse(code).ok());
            let kind = match (settings.names, portal) {
                (Named::Staff, _) => Kind::Staff,
                (Named::Citizens, Some(code)) => Kind::Citizens { portal: AgencyId::of(&code) },
                (Named::Citizens, None) => return Err(InvalidIssuers::NoPortal(name)),
            };
            let issuer =
                Issuer { settings, kind, kept: Mutex::default(), fetching: tokio::sync::Mutex::default() };
            if by_name.insert(name.clone(), Arc::new(issuer)).is_some() {
                return Err(InvalidIssuers::Twice(name));
            }
        }
        // Keys are not behind another address than the one that is written down.
        let client = reqwest::Client::builder()
            .timeout(FETCH_TIME_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap_or_default();
        Ok(Self { by_name, client })
    }

    /// Whom a token names, if it is one of these issuers', for us, signed by a key of theirs in a way that is allowed, and
    /// of now.
    pub(super) async fn verify(&self, token: &str, now: Instant) -> Result<Verified, NotSignedIn> {
        if TOKEN_BYTES_MAX < token.len() {
            return Err(INVALID);
        }
        let header = decode_header(token).map_err(|_| INVALID)?;
        let claimed: Claimed = jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| INVALID)?;
        let issuer = self.by_name.get(&claimed.iss).ok_or(INVALID)?;
        let is_allowed = |allowed: &AllowedAlgorithm| Algorithm::from(*allowed) == header.alg;
        if !issuer.settings.algorithms.iter().any(is_allowed) {
            return Err(INVALID);
        }
        let key = issuer.key(&self.client, header.kid.as_deref(), now).await?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&issuer.settings.issuer]);
        validation.set_audience(&[&issuer.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Times are held against the clock of this program, not of the library.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = decode::<Claims>(token, &key, &validation).map_err(|_| INVALID)?.claims;
        let at = |seconds: i64| Instant::from_timestamp(seconds, 0).ok_or(INVALID);
        let expires_at = at(claims.exp)?;
        if expires_at + LEEWAY <= now {
            return Err(NotSignedIn::Refused("the token has expired"));
        }
        if let Some(not_before) = claims.nbf
            && now + LEEWAY < at(not_before)?
        {
            return Err(INVALID);
        }
        if claims.sub.is_empty() {
            return Err(INVALID);
        }
        let client = claims.client().cloned();
        let is_strong = |acr: &Vec<String>| claims.acr.as_ref().is_some_and(|said| acr.contains(said));
        Ok(Verified {
            client,
            strong: issuer.settings.second_factor_acr.as_ref().is_none_or(is_strong),
            issuer: claimed.iss,
            subject: claims.sub,
            kind: issuer.kind,
            expires_at: expires_at + LEEWAY,
        })
    }
}

impl Kept {
    fn key(&self, kid: Option<&str>) -> Option<&Jwk> {
        self.keys.as_ref().and_then(|keys| find(keys, kid))
    }

    fn is_believed(&self, now: Instant) -> bool {
        !is_older(self.fetched_at, STALE_FOR, now)
    }

    fn may_be_asked_for(&self, now: Instant) -> bool {
        is_older(self.tried_at, UNKNOWN_KEY_EVERY, now)
    }
}

fn is_older(at: Option<Instant>, than: TimeDelta, now: Instant) -> bool {
    at.is_none_or(|at| than < now - at)
}

impl Issuer {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that a token names. Only who names one that is not known waits for the issuer.
    async fn key(
        self: &Arc<Self>,
        client: &reqwest::Client,
        kid: Option<&str>,
        now: Instant,
    ) -> Result<DecodingKey, NotSignedIn> {
        if let Some(key) = self.known_key(client, kid, now) {
            return DecodingKey::from_jwk(&key).map_err(|_| INVALID);
        }
        let _fetching = self.fetching.lock().await;
        // Whoever fetched before may have found it.
        let is_known = self.kept().key(kid).is_some() && self.kept().is_believed(now);
        if !is_known {
            self.fetch_in_turn(client, now).await;
        }
        let kept = self.kept();
        if !kept.is_believed(now) {
            return Err(NotSignedIn::NoKeys);
        }
        DecodingKey::from_jwk(kept.key(kid).ok_or(INVALID)?).map_err(|_| INVALID)
    }

    /// From memory. What is not fresh is fetched again meanwhile, by one.
    fn known_key(self: &Arc<Self>, client: &reqwest::Client, kid: Option<&str>, now: Instant) -> Option<Jwk> {
        let kept = self.kept();
        let key = kept.key(kid).filter(|_| kept.is_believed(now)).cloned()?;
        if is_older(kept.fetched_at, FRESH_FOR, now) && kept.may_be_asked_for(now) {
            let (issuer, client) = (Arc::clone(self), client.clone());
            tokio::spawn(async move {
                if let Ok(_fetching) = issuer.fetching.try_lock() {
                    issuer.fetch_in_turn(&client, now).await;
                }
            });
        }
        Some(key)
    }

    /// By whoever has the turn, and not too often.
    async fn fetch_in_turn(&self, client: &reqwest::Client, now: Instant) {
        {
            let mut kept = self.kept();
            if !kept.may_be_asked_for(now) {
                return;
            }
            kept.tried_at = Some(now);
        }
        match self.fetch(client).await {
            Ok(keys) => {
                let mut kept = self.kept();
                kept.keys = Some(keys);
                kept.fetched_at = Some(now);
            }
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, issuer = self.settings.issuer, "keys of an issuer are not fetched");
            }
        }
    }

    async fn fetch(&self, client: &reqwest::Client) -> Result<JwkSet, FetchError> {
        let jwks = match &self.settings.jwks {
            Some(jwks) => jwks.clone(),
            None => {
                let issuer = self.settings.issuer.trim_end_matches('/');
                let url = format!("{issuer}/.well-known/openid-configuration");
                let found: Discovery = serde_json::from_slice(&get(client, &url).await?)?;
                if found.issuer != self.settings.issuer {
                    return Err(FetchError::OtherIssuer);
                }
                if !is_encrypted(&found.jwks_uri) {
                    return Err(FetchError::NotEncrypted);
                }
                found.jwks_uri
            }
        };
        Ok(serde_json::from_slice(&get(client, &jwks).await?)?)
    }
}

/// What is fetched is believed: over the open network only where nobody can change it on the way.
fn is_encrypted(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| is_safe(&url))
}

/// By its name; without one only where there is one key to choose from.
fn find<'a>(keys: &'a JwkSet, kid: Option<&str>) -> Option<&'a Jwk> {
    match (kid, keys.keys.as_slice()) {
        (Some(kid), _) => keys.find(kid),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("it is not reached")]
    Unreached(#[from] reqwest::Error),
    #[error("it answered {0}")]
    Answered(reqwest::StatusCode),
    #[error("its answer is longer than {FETCH_BYTES_MAX} bytes")]
    TooLong,
    #[error("its answer is not understood")]
    Malformed(#[from] serde_json::Error),
    #[error("the discovery document is another issuer's")]
    OtherIssuer,
    #[error("the discovery document names keys that are not asked for over https")]
    NotEncrypted,
}

async fn get(client: &reqwest::Client, url: &str) -> Result<Vec<u8>, FetchError> {
    let mut response = client.get(url).send().await?;
    if !response.status().is_success() {
        return Err(FetchError::Answered(response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if FETCH_BYTES_MAX < body.len() + chunk.len() {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
