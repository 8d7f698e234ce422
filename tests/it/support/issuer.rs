//! An issuer of tokens (OpenID Connect) that runs in the test: discovery, keys, and a token endpoint.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const AUDIENCE: &str = "motcua";
/// Of PKCS #8 around a key of 2,048 bits: what is left is PKCS #1.
const PKCS8_HEAD: usize = 26;

/// A key of the issuer, under a name.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) kid: String,
    pub(crate) key: EncodingKey,
    pub(crate) jwk: Jwk,
}

impl Signer {
    pub(crate) fn new(kid: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let key = EncodingKey::from_rsa_der(&der.as_ref()[PKCS8_HEAD..]);
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        Self { kid: kid.to_owned(), key, jwk }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::RS256) };
        encode(&header, claims, &self.key).unwrap()
    }
}

struct State_ {
    url: String,
    signers: Mutex<Vec<Signer>>,
    fetched: AtomicUsize,
    down: Mutex<bool>,
    hangs: Mutex<bool>,
    /// What its discovery document says of where its keys are.
    jwks: String,
    now: i64,
}

/// The issuer; it ends with the test.
#[derive(Clone)]
pub(crate) struct Issuer(Arc<State_>);

impl Issuer {
    /// Its tokens are of this second.
    pub(crate) async fn start(now: i64) -> Self {
        Self::begin(now, "127.0.0.1").await
    }

    /// One whose keys are said to be at another host, where they are as well.
    pub(crate) async fn with_keys_at(now: i64, host: &str) -> Self {
        Self::begin(now, host).await
    }

    async fn begin(now: i64, keys_at: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let jwks = format!("http://{keys_at}:{}/jwks", listener.local_addr().unwrap().port());
        let signers = Mutex::new(vec![Signer::new("first")]);
        let issuer = Self(Arc::new(State_ {
            url,
            signers,
            fetched: AtomicUsize::new(0),
            down: Mutex::new(false),
            hangs: Mutex::new(false),
            jwks,
            now,
        }));
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(keys))
            .route("/token", post(token))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        issuer
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    pub(crate) fn signer(&self) -> Signer {
        self.0.signers.lock().unwrap().last().unwrap().clone()
    }

    /// A new key in the place of all before.
    pub(crate) fn rotate(&self, kid: &str) {
        *self.0.signers.lock().unwrap() = vec![Signer::new(kid)];
    }

    pub(crate) fn go_down(&self, down: bool) {
        *self.0.down.lock().unwrap() = down;
    }

    /// It takes requests, and answers none.
    pub(crate) fn hang(&self, hangs: bool) {
        *self.0.hangs.lock().unwrap() = hangs;
    }

    /// How often its keys were asked for.
    pub(crate) fn fetched(&self) -> usize {
        self.0.fetched.load(Ordering::SeqCst)
    }

    pub(crate) fn claims(&self, subject: &str) -> Value {
        let now = self.0.now;
        json!({"iss": self.url(), "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 600})
    }

    pub(crate) fn token_for(&self, subject: &str) -> String {
        self.signer().sign(&self.claims(subject))
    }
}

async fn discovery(State(issuer): State<Issuer>) -> Json<Value> {
    let url = issuer.url();
    Json(json!({
        "issuer": url, "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
        "jwks_uri": issuer.0.jwks, "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

async fn keys(State(issuer): State<Issuer>) -> Response {
    issuer.0.fetched.fetch_add(1, Ordering::SeqCst);
    while *issuer.0.hangs.lock().unwrap() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    if *issuer.0.down.lock().unwrap() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let keys = issuer.0.signers.lock().unwrap().iter().map(|signer| signer.jwk.clone()).collect();
    Json(JwkSet { keys }).into_response()
}

/// The code is `<subject>:<nonce>`: who has signed in is not what is tested.
async fn token(
    State(issuer): State<Issuer>,
    Form(form): Form<std::collections::HashMap<String, String>>,
) -> Json<Value> {
    let (subject, nonce) = form["code"].split_once(':').unwrap();
    let client = form.get("client_id").cloned().unwrap_or_else(|| "cong-vu".to_owned());
    let mut identity = issuer.claims(subject);
    identity["aud"] = json!(client);
    identity["nonce"] = json!(nonce);
    Json(json!({
        "access_token": issuer.token_for(subject), "token_type": "Bearer", "expires_in": 600,
        "id_token": issuer.signer().sign(&identity),
    }))
}
