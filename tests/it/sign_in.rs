//! Who a request is from: tokens of issuers, keys of machines, sessions with passwords and second factors.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use api::http::{Rates, Settings, router};
use api::input::{
    AccountKind, ForwardDossierInput, Function as FunctionInput, GrantOver, IssueMachineKeyInput,
    LockAccountInput, LockReason, OpenAccountInput, PlaceInput,
};
use api::service::Service;
use api::sign_in::SignIn;
use api::sign_in::administration::Administration;
use api::sign_in::issuers::{AllowedAlgorithm, InvalidIssuers, IssuerSettings, Issuers, Named};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use chrono::TimeDelta;
use domain::identity::PrincipalId;
use domain::private::Secret;
use futures::future::join_all;
use infrastructure::clock::Clock;
use infrastructure::keys::credentials::{CredentialPolicy, Look, Shown};
use infrastructure::location::DbUrl;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use openidconnect::core::{CoreClient, CoreProviderMetadata};
use openidconnect::{AuthorizationCode, ClientId, HttpRequest, HttpResponse, IssuerUrl, Nonce, RedirectUrl};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::access::{account, granting, group};
use crate::support::issuer::{AUDIENCE, Issuer, Signer};
use crate::support::office::{ADMIN, AGENCY, CITIZEN, LEADER, ask, caller, established, key, on, registered};
use crate::support::{Backend, Place, Server, backends, instant, on_each_backend, whole_log};

on_each_backend!(
    a_token_of_an_issuer_is_an_account_here,
    a_token_that_is_not_quite_right_is_refused,
    keys_of_an_issuer_change_and_cannot_always_be_fetched,
    a_citizen_files_and_sees_nothing_else,
    a_machines_key_is_shown_once_and_followed_by_another,
    a_key_is_good_for_what_it_was_issued_for,
    a_password_is_changed_before_anything_else,
    wrong_passwords_close_the_account_for_a_while,
    many_passwords_at_once_are_judged_no_oftener_than_one_by_one,
    whoever_guesses_passwords_is_counted_by_address,
    a_session_does_not_begin_with_a_password_of_before,
    nobody_learns_of_a_locked_account_that_the_password_was_right,
    an_issuer_that_hangs_holds_up_nobody_whose_key_is_known,
    an_issuer_says_whether_a_second_factor_was_shown,
    nobody_administers_without_a_second_factor,
    a_session_ends_and_is_good_for_this_site_only,
    administration_is_closed_outside_office_hours,
    no_secret_is_in_the_log,
);

const LOGIN: &str = "lan.nguyen";
const FIRST: &str = "Mat-khau-dau-1";
pub(crate) const OWN: &str = "Cua-rieng-toi-2";

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
    }

    /// The cookie that was set, as a browser sends it back.
    pub(crate) fn cookie(&self) -> String {
        let set = self.headers["set-cookie"].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }
}

pub(crate) struct Office {
    place: Place,
    pub(crate) service: Service,
    pub(crate) router: Router,
    clock: Clock,
}

impl Office {
    pub(crate) async fn new(backend: Backend, clock: Clock, sign_in: SignIn) -> Self {
        Self::served(backend, clock, Settings { sign_in, ..Settings::default() }).await
    }

    pub(crate) async fn served(backend: Backend, clock: Clock, settings: Settings) -> Self {
        let place = Place::with_keys(backend).await;
        let service = established(&place, clock.clone()).await;
        let router = router(service.clone(), settings);
        let admin = caller(ADMIN);
        for (code, functions) in [
            ("XEM", &[FunctionInput::ReadDossiers][..]),
            ("QUAN_TRI", &[FunctionInput::Administer, FunctionInput::Audit]),
            ("TICH_HOP", &[FunctionInput::ReadDossiers, FunctionInput::AdHocQueries]),
        ] {
            service.define_permission_group(&admin, &group(code, functions)).await.unwrap();
        }
        service.read_side.catch_up().await.unwrap();
        Self { place, service, router, clock }
    }

    /// Half past nine on a working day.
    async fn on_monday(backend: Backend) -> Self {
        Self::new(backend, Clock::fixed(instant("2026-03-02T09:30:00+07:00")), SignIn::default()).await
    }

    async fn with(backend: Backend, issuer: &Issuer, names: Named) -> Self {
        let clock = Clock::fixed(instant_of(now()));
        let issuers = Issuers::new(vec![settings(issuer, names)]).unwrap();
        Self::new(backend, clock, SignIn { issuers: Arc::new(issuers), ..SignIn::default() }).await
    }

    fn later(&self, seconds: i64) {
        self.clock.set(self.clock.now() + TimeDelta::seconds(seconds));
    }

    /// All that is kept of passwords, keys and sessions, as it is kept.
    async fn kept(&self) -> Vec<Vec<u8>> {
        let url = DbUrl::parse(&self.place.keys()).unwrap();
        let database = self.place.by_hand_in(&url, "keys").await;
        let mut kept = Vec::new();
        infrastructure::on_db!(&database, pool => {
            let hashes: Vec<(String,)> = sqlx::query_as("SELECT hash FROM password").fetch_all(pool).await.unwrap();
            kept.extend(hashes.into_iter().map(|(hash,)| hash.into_bytes()));
            for blobs in [
                "SELECT totp FROM password WHERE totp IS NOT NULL",
                "SELECT hash FROM machine_key",
                "SELECT hash FROM session",
            ] {
                let blobs: Vec<(Vec<u8>,)> = sqlx::query_as(blobs).fetch_all(pool).await.unwrap();
                kept.extend(blobs.into_iter().map(|(blob,)| blob));
            }
        });
        kept
    }

    /// How many wrong passwords in a row are counted.
    async fn failures(&self) -> i64 {
        let url = DbUrl::parse(&self.place.keys()).unwrap();
        let database = self.place.by_hand_in(&url, "keys").await;
        let (failures,): (i64,) = infrastructure::on_db!(&database, pool => {
            sqlx::query_as("SELECT failures FROM password").fetch_one(pool).await.unwrap()
        });
        failures
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "mot-cua.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn me(&self, headers: &[(&str, &str)]) -> Answer {
        let query =
            json!({"query": "{ me { principalId agency { code } powers { function agencies { code } } } }"});
        self.send("POST", "/graphql", headers, &query).await
    }

    pub(crate) async fn by(&self, token: &str) -> Answer {
        self.me(&[("authorization", &format!("Bearer {token}"))]).await
    }

    pub(crate) async fn opened(&self, input: &OpenAccountInput, group: &str) -> PrincipalId {
        let done = self.service.open_account(&caller(ADMIN), input).await.unwrap();
        let granting = granting(done.account, group, GrantOver::Agency, Some(AGENCY));
        self.service.grant(&caller(ADMIN), &granting).await.unwrap();
        done.account
    }

    /// With a password that they have chosen.
    pub(crate) async fn somebody(&self, group: &str) -> PrincipalId {
        let id = self.opened(&account(LOGIN, AGENCY), group).await;
        self.give_password(id, OWN).await;
        id
    }

    /// That they would have chosen themselves.
    async fn give_password(&self, id: PrincipalId, password: &str) {
        let keys = &self.service.executor.keys;
        let password = keys.hash_password(Secret::new(password)).await.unwrap();
        keys.set_password(id, &password, false).await.unwrap();
    }

    pub(crate) async fn sign_in(&self, password: &str, code: Option<&str>) -> Answer {
        let body = json!({"login": LOGIN, "password": password, "code": code});
        self.send("POST", "/session", &[], &body).await
    }
}

pub(crate) fn now() -> i64 {
    Clock::System.now().timestamp()
}

pub(crate) fn instant_of(seconds: i64) -> domain::time::Instant {
    domain::time::Instant::from_timestamp(seconds, 0).unwrap()
}

pub(crate) fn settings(issuer: &Issuer, names: Named) -> IssuerSettings {
    IssuerSettings {
        issuer: issuer.url().to_owned(),
        audience: AUDIENCE.to_owned(),
        jwks: None,
        algorithms: vec![AllowedAlgorithm::RS256],
        names,
        portal: (names == Named::Citizens).then(|| AGENCY.to_owned()),
        second_factor_acr: None,
    }
}

pub(crate) fn of_issuer(issuer: &Issuer, subject: &str) -> OpenAccountInput {
    OpenAccountInput {
        idempotency_key: key(subject),
        kind: AccountKind::Person,
        login: None,
        issuer: Some(issuer.url().to_owned()),
        subject: Some(subject.to_owned()),
        name: "MẪU Trần Văn B".to_owned(),
        place: PlaceInput { agency: AGENCY.to_owned(), unit: None, position_title: None },
    }
}

/// As a client by others asks an issuer.
async fn http(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let response = reqwest::Client::new().execute(request.try_into()?).await?;
    let mut answer = axum::http::Response::builder().status(response.status());
    for (name, value) in response.headers() {
        answer = answer.header(name, value);
    }
    Ok(answer.body(response.bytes().await?.to_vec()).unwrap())
}

async fn a_token_of_an_issuer_is_an_account_here(backend: Backend) {
    let issuer = Issuer::start(now()).await;
    let office = Office::with(backend, &issuer, Named::Staff).await;
    let id = office.opened(&of_issuer(&issuer, "001099000123"), "XEM").await;
    // The issuer is one to a client by others, which signs somebody in and gets a token for us.
    let metadata =
        CoreProviderMetadata::discover_async(IssuerUrl::new(issuer.url().to_owned()).unwrap(), &http)
            .await
            .unwrap();
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new("cong-vu".to_owned()), None)
        .set_redirect_uri(RedirectUrl::new("http://127.0.0.1/ve".to_owned()).unwrap());
    let code = AuthorizationCode::new("001099000123:nonce-1".to_owned());
    let token = client.exchange_code(code).unwrap().request_async(&http).await.unwrap();
    let identity = openidconnect::TokenResponse::id_token(&token).unwrap();
    let claims = identity.claims(&client.id_token_verifier(), &Nonce::new("nonce-1".to_owned())).unwrap();
    assert_eq!(claims.subject().as_str(), "001099000123");
    let access = openidconnect::OAuth2TokenResponse::access_token(&token).secret().clone();

    let me = office.by(&access).await;
    assert_eq!(
        me.body["data"]["me"],
        json!({
            "principalId": id.0, "agency": {"code": AGENCY},
            "powers": [{"function": "READ_DOSSIERS", "agencies": [{"code": AGENCY}]}],
        }),
        "{}",
        me.body
    );
    // A token says who somebody is. What it says of what they may do is not listened to.
    let mut boasts = issuer.claims("001099000123");
    boasts["roles"] = json!(["ADMINISTER"]);
    let boasting = office.by(&issuer.signer().sign(&boasts)).await;
    assert_eq!(boasting.body["data"]["me"]["powers"].as_array().unwrap().len(), 1);
    // Who has no account, or a locked one, is nobody.
    assert_eq!(office.by(&issuer.token_for("somebody else")).await.code(), "UNAUTHENTICATED");
    let lock = LockAccountInput { idempotency_key: key("lock"), account_id: id.0, reason: LockReason::Left };
    office.service.lock_account(&caller(ADMIN), &lock).await.unwrap();
    assert_eq!(office.by(&access).await.code(), "UNAUTHENTICATED");
    // The subject, which is the number of an identity card here, is nowhere in the log.
    let log: String = whole_log(office.service.store())
        .await
        .iter()
        .map(|row| format!("{}{}{}", row.stream, row.data, row.metadata))
        .collect();
    assert!(log.contains(&id.to_string()) && !log.contains("001099000123"));
}

async fn a_token_that_is_not_quite_right_is_refused(backend: Backend) {
    let issuer = Issuer::start(now()).await;
    let office = Office::with(backend, &issuer, Named::Staff).await;
    office.opened(&of_issuer(&issuer, "lan"), "XEM").await;
    // The clock stands still.
    let now = office.clock.now().timestamp();
    let right = issuer.claims("lan");
    let with = |name: &str, value: Value| {
        let mut claims = right.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = right.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let sign = |claims: &Value| issuer.signer().sign(claims);
    assert_eq!(office.by(&sign(&right)).await.status, StatusCode::OK);
    let stranger = Signer::new("first");
    let shared = EncodingKey::from_secret(b"what everybody knows").unwrap();
    let header = Header { kid: Some("first".to_owned()), ..Header::new(Algorithm::HS256) };
    let (head, rest) =
        sign(&right).split_once('.').map(|(head, rest)| (head.to_owned(), rest.to_owned())).unwrap();
    let other_subject = sign(&issuer.claims("hung"));
    let swapped =
        format!("{head}.{}.{}", other_subject.split('.').nth(1).unwrap(), rest.split('.').nth(1).unwrap());
    let none = format!("eyJhbGciOiJub25lIn0.{}.", rest.split('.').next().unwrap());
    for (what, token) in [
        ("expired", sign(&with("exp", json!(now - 31)))),
        ("not yet", sign(&with("nbf", json!(now + 60)))),
        ("for somebody else", sign(&with("aud", json!("khac")))),
        ("by somebody else", sign(&with("iss", json!("https://khac.test")))),
        ("no expiry", sign(&without("exp"))),
        ("no audience", sign(&without("aud"))),
        ("no subject", sign(&without("sub"))),
        ("empty subject", sign(&with("sub", json!("")))),
        ("a key of the same name", stranger.sign(&right)),
        ("a shared key", encode(&header, &right, &shared).unwrap()),
        ("another's claims", swapped),
        ("no signature", none),
        ("cut off", sign(&right)[..100].to_owned()),
        ("no token", "abc".to_owned()),
        ("too long", format!("{}.{}", "a".repeat(20_000), "b")),
        ("a development token", CITIZEN.to_owned()),
    ] {
        let refused = office.by(&token).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"), "{what}");
        assert!(!refused.body.to_string().contains(&token), "{what}");
    }
    // Within what clocks differ.
    assert_eq!(office.by(&sign(&with("exp", json!(now - 5)))).await.status, StatusCode::OK);
    let two = issuer.claims("lan")["aud"].clone();
    assert_eq!(office.by(&sign(&with("aud", json!(["khac", two])))).await.status, StatusCode::OK);
    let twice = vec![settings(&issuer, Named::Staff), settings(&issuer, Named::Staff)];
    assert!(matches!(Issuers::new(twice), Err(InvalidIssuers::Twice(_))));
    let plain =
        IssuerSettings { issuer: "http://dang-nhap.test".to_owned(), ..settings(&issuer, Named::Staff) };
    assert!(matches!(Issuers::new(vec![plain]), Err(InvalidIssuers::NotEncrypted(_))));
    for url in [
        "http://127.0.0.1:x@dang-nhap.test/",
        "http://127.0.0.1.dang-nhap.test/",
        "ftp://127.0.0.1/",
        "127.0.0.1",
    ] {
        let right = settings(&issuer, Named::Staff);
        let (issuer, jwks) = (url.to_owned(), Some(url.to_owned()));
        for unsafe_one in [IssuerSettings { issuer, ..right.clone() }, IssuerSettings { jwks, ..right }] {
            assert!(matches!(Issuers::new(vec![unsafe_one]), Err(InvalidIssuers::NotEncrypted(_))), "{url}");
        }
    }
    let any = IssuerSettings { algorithms: Vec::new(), ..settings(&issuer, Named::Staff) };
    assert!(matches!(Issuers::new(vec![any]), Err(InvalidIssuers::NoAlgorithm(_))));
    let nowhere = IssuerSettings { portal: None, ..settings(&issuer, Named::Citizens) };
    assert!(matches!(Issuers::new(vec![nowhere]), Err(InvalidIssuers::NoPortal(_))));
}

async fn keys_of_an_issuer_change_and_cannot_always_be_fetched(backend: Backend) {
    let issuer = Issuer::start(now()).await;
    let office = Office::with(backend, &issuer, Named::Staff).await;
    office.opened(&of_issuer(&issuer, "lan"), "XEM").await;
    let long = |minutes: i64| {
        let mut claims = issuer.claims("lan");
        claims["exp"] = json!(now() + minutes * 60);
        claims
    };
    let first = issuer.signer();
    let status = async |token: &str| office.by(token).await.status;
    for _ in 0..5 {
        assert_eq!(status(&first.sign(&long(3_000))).await, StatusCode::OK);
    }
    assert_eq!(issuer.fetched(), 1, "keys are kept");
    // A key that is not known is looked for at once, but not for everybody who makes one up.
    issuer.rotate("second");
    office.later(31);
    assert_eq!(status(&issuer.signer().sign(&long(3_000))).await, StatusCode::OK);
    assert_eq!(issuer.fetched(), 2);
    for nth in 0..5 {
        let made_up = Signer { kid: format!("made up {nth}"), ..first.clone() };
        assert_eq!(status(&made_up.sign(&long(3_000))).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(issuer.fetched(), 2);
    assert_eq!(status(&first.sign(&long(3_000))).await, StatusCode::UNAUTHORIZED, "the old key is gone");
    // The issuer is down: the keys that were there are believed for a day.
    issuer.go_down(true);
    office.later(23 * 3600);
    assert_eq!(status(&issuer.signer().sign(&long(3_000))).await, StatusCode::OK);
    office.later(2 * 3600);
    let refused = office.by(&issuer.signer().sign(&long(3_000))).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
    issuer.go_down(false);
    office.later(31);
    assert_eq!(status(&issuer.signer().sign(&long(3_000))).await, StatusCode::OK);
}

async fn an_issuer_that_hangs_holds_up_nobody_whose_key_is_known(backend: Backend) {
    let issuer = Issuer::start(now()).await;
    let office = Office::with(backend, &issuer, Named::Staff).await;
    office.opened(&of_issuer(&issuer, "lan"), "XEM").await;
    let mut claims = issuer.claims("lan");
    claims["exp"] = json!(now() + 3 * 24 * 3600);
    let token = issuer.signer().sign(&claims);
    assert_eq!(office.by(&token).await.status, StatusCode::OK);
    issuer.hang(true);
    for _ in 0..3 {
        office.later(11 * 60);
        // Less than what a request to an issuer may take.
        let answer = tokio::time::timeout(Duration::from_secs(3), office.by(&token)).await;
        assert_eq!(answer.expect("nobody waits for the issuer").status, StatusCode::OK);
    }
    // It is asked all the same, behind them.
    let asked = async {
        while issuer.fetched() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked).await.expect("the keys are fetched again");
    // And what it says when it answers again is what holds: the old key is gone.
    issuer.hang(false);
    issuer.rotate("second");
    let gone = async {
        loop {
            office.later(11 * 60);
            if office.by(&token).await.status == StatusCode::UNAUTHORIZED {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("a key that is gone is not taken");
    // Keys that the discovery document would have fetched in the open are not fetched.
    let open = Issuer::with_keys_at(now(), "0.0.0.0").await;
    let office = Office::with(backend, &open, Named::Staff).await;
    let refused = office.by(&open.token_for("lan")).await;
    assert_eq!((refused.status, open.fetched()), (StatusCode::SERVICE_UNAVAILABLE, 0));
}

async fn an_issuer_says_whether_a_second_factor_was_shown(backend: Backend) {
    let issuer = Issuer::start(now()).await;
    let acr = ["loa2".to_owned(), "loa3".to_owned()];
    for (asked, said, administers) in [
        (None, None, true),
        (Some(acr.to_vec()), Some("loa3"), true),
        (Some(acr.to_vec()), Some("loa1"), false),
        (Some(acr.to_vec()), None, false),
        (Some(Vec::new()), Some("loa3"), false),
    ] {
        let settings = IssuerSettings { second_factor_acr: asked.clone(), ..settings(&issuer, Named::Staff) };
        let issuers = Arc::new(Issuers::new(vec![settings]).unwrap());
        let sign_in = SignIn { issuers, ..SignIn::default() };
        let office = Office::new(backend, Clock::fixed(instant_of(now())), sign_in).await;
        office.opened(&of_issuer(&issuer, "lan"), "QUAN_TRI").await;
        let mut claims = issuer.claims("lan");
        if let Some(said) = said {
            claims["acr"] = json!(said);
        }
        let me = office.by(&issuer.signer().sign(&claims)).await;
        let expected = if administers { &["ADMINISTER", "AUDIT"][..] } else { &["AUDIT"] };
        assert_eq!(powers(&me), expected, "{asked:?} {said:?}");
    }
}

async fn a_citizen_files_and_sees_nothing_else(backend: Backend) {
    let issuer = Issuer::start(now()).await;
    let office = Office::with(backend, &issuer, Named::Citizens).await;
    let token = issuer.token_for("001099000456");
    let bearer = format!("Bearer {token}");
    let me = office.by(&token).await;
    assert_eq!(me.body["data"]["me"]["powers"], json!([{"function": "FILE", "agencies": []}]));
    let submit = json!({
        "query": "mutation M($input: SubmitDossierInput!) { submitDossier(input: $input) { code problems { code } } }",
        "variables": {"input": {
            "idempotencyKey": key("submit"), "procedure": "DT01", "receivingAgency": AGENCY,
            "applicant": {"kind": "CITIZEN", "name": "MẪU Nguyễn Thị Mơ"},
        }},
    });
    let filed = office.send("POST", "/graphql", &[("authorization", &bearer)], &submit).await;
    let code =
        filed.body["data"]["submitDossier"]["code"].as_str().unwrap_or_else(|| panic!("{}", filed.body));
    office.service.read_side.catch_up().await.unwrap();
    let read = json!({"query": format!("{{ dossier(code: \"{code}\") {{ stage }} }}")});
    let refused = office.send("POST", "/graphql", &[("authorization", &bearer)], &read).await;
    assert_eq!(refused.code(), "NO_FUNCTION");
    let log: String =
        whole_log(office.service.store()).await.iter().map(|row| row.metadata.clone()).collect();
    assert!(!log.contains("001099000456"));
}

async fn a_machines_key_is_shown_once_and_followed_by_another(backend: Backend) {
    let office = Office::on_monday(backend).await;
    let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("truc-lien-thong", AGENCY) };
    let id = office.opened(&machine, "XEM").await;
    const ISSUE: &str = "mutation M($input: IssueMachineKeyInput!) {
        issueMachineKey(input: $input) { keyId key expiresAt problems { code } } }";
    let issue = async |account: PrincipalId, until: &str| {
        let input = json!({"input": {"accountId": account.0, "until": until}});
        ask(&office.service, ADMIN, ISSUE, input).await["issueMachineKey"].clone()
    };
    let first = issue(id, "2026-03-31").await;
    let (name, whole) = (first["keyId"].as_str().unwrap(), first["key"].as_str().unwrap());
    assert_eq!(office.by(whole).await.body["data"]["me"]["principalId"], json!(id.0));
    let other = if whole.ends_with('A') { "B" } else { "A" };
    for wrong in [format!("{}{other}", &whole[..whole.len() - 1]), "mck_x.y".to_owned(), "mck_".to_owned()] {
        assert_eq!(office.by(&wrong).await.status, StatusCode::UNAUTHORIZED);
    }
    // The next one is there before the first is gone.
    let second = issue(id, "2027-03-02").await["key"].as_str().unwrap().to_owned();
    for key in [whole, &second] {
        assert_eq!(office.by(key).await.status, StatusCode::OK);
    }
    let revoke = api::input::RevokeMachineKeyInput { account_id: id.0, key_id: name.to_owned() };
    office.service.revoke_machine_key(&caller(ADMIN), &revoke).await.unwrap();
    assert_eq!(office.by(whole).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(office.by(&second).await.status, StatusCode::OK);
    office.service.read_side.catch_up().await.unwrap();
    let listed = "{ accounts { nodes { machineKeys { keyId expiresAt revokedAt lastUsedAt } } } }";
    let listed = ask(&office.service, ADMIN, listed, json!({})).await;
    let keys = listed["accounts"]["nodes"][0]["machineKeys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().any(|key| key["keyId"] == name && key["revokedAt"] == "2026-03-02T09:30:00+07:00"));
    assert!(keys.iter().all(|key| key["lastUsedAt"] == "2026-03-02T09:30:00+07:00"));
    // The last day is a whole day.
    office.clock.set(instant("2027-03-02T23:59:59+07:00"));
    assert_eq!(office.by(&second).await.status, StatusCode::OK);
    office.clock.set(instant("2027-03-03T00:00:00+07:00"));
    assert_eq!(office.by(&second).await.status, StatusCode::UNAUTHORIZED);
    for until in ["2027-03-01", "2028-12-31"] {
        assert_eq!(issue(id, until).await["problems"][0]["code"], "BAD_USER_INPUT", "{until}");
    }
    let person = office.opened(&account(LOGIN, AGENCY), "XEM").await;
    assert_eq!(issue(person, "2027-06-01").await["problems"][0]["code"], "BAD_USER_INPUT");
}

/// What somebody may do, as they are told themselves.
fn powers(me: &Answer) -> Vec<&str> {
    let powers = me.body["data"]["me"]["powers"].as_array().unwrap_or_else(|| panic!("{}", me.body));
    powers.iter().map(|power| power["function"].as_str().unwrap()).collect()
}

async fn a_key_is_good_for_what_it_was_issued_for(backend: Backend) {
    let office = Office::on_monday(backend).await;
    let may_all = [FunctionInput::ReadDossiers, FunctionInput::Process, FunctionInput::ReadPersonalData];
    office.service.define_permission_group(&caller(ADMIN), &group("XU_LY", &may_all)).await.unwrap();
    let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("may-xu-ly", AGENCY) };
    let id = office.opened(&machine, "XU_LY").await;
    const ISSUE: &str = "mutation M($input: IssueMachineKeyInput!) {
        issueMachineKey(input: $input) { keyId key problems { code } } }";
    let issue = async |functions: Value| {
        let input = json!({"input": {"accountId": id.0, "until": "2026-12-31", "functions": functions}});
        ask(&office.service, ADMIN, ISSUE, input).await["issueMachineKey"].clone()
    };
    let secret = |issued: &Value| issued["key"].as_str().unwrap_or_else(|| panic!("{issued}")).to_owned();
    let reading = issue(json!(["READ_DOSSIERS"])).await;
    // The next one, beside the first: what it is for has to be said again.
    let whole = issue(Value::Null).await;
    let more = issue(json!(["APPROVE", "READ_DOSSIERS", "PROCESS", "PROCESS"])).await;
    assert_eq!(issue(json!([])).await["problems"][0]["code"], "BAD_USER_INPUT", "a key is for something");
    let all = ["PROCESS", "READ_DOSSIERS", "READ_PERSONAL_DATA"];
    for (issued, may) in [
        (&reading, &["READ_DOSSIERS"][..]),
        (&whole, &all),
        // What the account may not do, its key may not.
        (&more, &["PROCESS", "READ_DOSSIERS"]),
        // And the first is what it was.
        (&reading, &["READ_DOSSIERS"]),
    ] {
        assert_eq!(powers(&office.by(&secret(issued)).await), may);
    }

    let dossier = registered(&office.service, "one").await;
    let assignee = Some(id.0);
    let on_it = on(key("to the machine"), dossier.dossier_id);
    let forwarding = ForwardDossierInput { on: on_it, unit: None, assignee, note: None };
    office.service.forward_dossier(&caller(LEADER), &forwarding).await.unwrap();
    office.service.read_side.catch_up().await.unwrap();
    let complete = json!({
        "query": "mutation M($input: CompleteStepInput!) { completeStep(input: $input) { problems { code } } }",
        "variables": {"input": {
            "on": {"idempotencyKey": key("complete"), "dossierId": dossier.dossier_id.0}, "step": "THU_LY",
        }},
    });
    let read =
        json!({"query": format!("{{ dossier(code: \"{}\") {{ stage applicantName }} }}", dossier.code)});
    let by = async |issued: &Value, body: &Value| {
        let bearer = format!("Bearer {}", secret(issued));
        office.send("POST", "/graphql", &[("authorization", &bearer)], body).await.body
    };
    let seen = by(&reading, &read).await;
    assert_eq!(seen["data"]["dossier"]["stage"], "IN_PROGRESS", "{seen}");
    assert!(seen["data"]["dossier"]["applicantName"].as_str().unwrap().contains("***"), "{seen}");
    let refused = by(&reading, &complete).await;
    assert_eq!(refused["data"]["completeStep"]["problems"][0]["code"], "NO_FUNCTION", "{refused}");
    let open = by(&whole, &read).await;
    assert!(!open["data"]["dossier"]["applicantName"].as_str().unwrap().contains("***"), "{open}");
    let done = by(&more, &complete).await;
    assert_eq!(done["data"]["completeStep"]["problems"], json!([]), "its account may: {done}");

    let listed = "{ accounts { nodes { machineKeys { keyId functions } } } }";
    let listed = ask(&office.service, ADMIN, listed, json!({})).await;
    let listed = listed["accounts"]["nodes"][0]["machineKeys"].as_array().unwrap().clone();
    for (issued, functions) in [
        (&reading, json!(["READ_DOSSIERS"])),
        (&whole, Value::Null),
        (&more, json!(["PROCESS", "APPROVE", "READ_DOSSIERS"])),
    ] {
        assert!(listed.contains(&json!({"keyId": issued["keyId"], "functions": functions})), "{listed:?}");
    }
}

async fn a_password_is_changed_before_anything_else(backend: Backend) {
    let office = Office::on_monday(backend).await;
    let id = office.opened(&account(LOGIN, AGENCY), "XEM").await;
    assert_eq!(office.sign_in(FIRST, None).await.code(), "SIGN_IN_FAILED", "there is no password yet");
    const SET: &str =
        "mutation M($input: SetPasswordInput!) { setPassword(input: $input) { problems { code } } }";
    let set = async |password: &str| {
        let input = json!({"input": {"accountId": id.0, "password": password}});
        ask(&office.service, ADMIN, SET, input).await["setPassword"]["problems"][0]["code"].clone()
    };
    for weak in ["Ngan-1", "chi-co-chu-thuong", "CHUHOAVATHUONGnhungthieu"] {
        assert_eq!(set(weak).await, "BAD_USER_INPUT", "{weak}");
    }
    assert_eq!(set(FIRST).await, Value::Null);
    let refused = office.sign_in(FIRST, None).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "PASSWORD_MUST_CHANGE"));
    let change = async |old: &str, new: &str| {
        let body = json!({"login": LOGIN, "password": old, "newPassword": new});
        office.send("POST", "/session/password", &[], &body).await
    };
    assert_eq!(change(FIRST, FIRST).await.code(), "PASSWORD_TOO_WEAK");
    assert_eq!(change(FIRST, "ngan").await.code(), "PASSWORD_TOO_WEAK");
    assert_eq!(change("Sai-mat-khau-3", OWN).await.code(), "SIGN_IN_FAILED");
    assert_eq!(change(FIRST, OWN).await.status, StatusCode::NO_CONTENT);
    assert_eq!(office.sign_in(FIRST, None).await.code(), "SIGN_IN_FAILED");
    let signed_in = office.sign_in(OWN, None).await;
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap();
    for part in ["__Host-", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let session = signed_in.cookie();
    let me = office.me(&[("cookie", &session), ("sec-fetch-site", "same-origin")]).await;
    assert_eq!(me.body["data"]["me"]["principalId"], json!(id.0));
    // A new password ends what was begun with the old one, and gets old.
    office.give_password(id, FIRST).await;
    let me = office.me(&[("cookie", &session), ("sec-fetch-site", "same-origin")]).await;
    assert_eq!(me.code(), "UNAUTHENTICATED");
    office.later(91 * 24 * 3600);
    assert_eq!(office.sign_in(FIRST, None).await.code(), "PASSWORD_MUST_CHANGE");
}

async fn wrong_passwords_close_the_account_for_a_while(backend: Backend) {
    let office = Office::on_monday(backend).await;
    office.somebody("XEM").await;
    let wrong = office.sign_in("Sai-mat-khau-3", None).await;
    for _ in 0..4 {
        office.sign_in("Sai-mat-khau-3", None).await;
    }
    let closed = office.sign_in(OWN, None).await;
    assert_eq!((closed.status, &closed.body), (wrong.status, &wrong.body), "nobody learns that it was right");
    office.later(14 * 60);
    assert_eq!(office.sign_in(OWN, None).await.code(), "SIGN_IN_FAILED");
    office.later(61);
    assert_eq!(office.sign_in(OWN, None).await.status, StatusCode::OK);
    // Four, a right one, four: never five in a row.
    for _ in 0..2 {
        for _ in 0..4 {
            office.sign_in("Sai-mat-khau-3", None).await;
        }
        assert_eq!(office.sign_in(OWN, None).await.status, StatusCode::OK);
    }
    for login in ["khong-co-ai", "Không phải tên", ""] {
        let body = json!({"login": login, "password": OWN});
        let nobody = office.send("POST", "/session", &[], &body).await;
        assert_eq!((nobody.status, &nobody.body), (wrong.status, &wrong.body), "{login}");
    }
    for body in [
        json!({}),
        json!({"login": LOGIN}),
        json!([]),
        json!({"login": LOGIN, "password": OWN, "admin": true}),
    ] {
        assert_eq!(
            office.send("POST", "/session", &[], &body).await.status,
            StatusCode::BAD_REQUEST,
            "{body}"
        );
    }
}

/// They wait for their turn together: what was so when they came is not what is so when they are judged.
async fn many_passwords_at_once_are_judged_no_oftener_than_one_by_one(backend: Backend) {
    let office = Office::on_monday(backend).await;
    office.somebody("XEM").await;
    let mut tries: Vec<_> = (0..50).map(|n| format!("Sai-mat-khau-{n}")).collect();
    tries.push(OWN.to_owned());
    let answers = join_all(tries.iter().map(|password| office.sign_in(password, None))).await;
    for (answer, password) in answers.iter().zip(&tries) {
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNAUTHORIZED, "SIGN_IN_FAILED"),
            "{password}"
        );
    }
    assert_eq!(office.failures().await, 5, "no more were judged");
    assert_eq!(office.sign_in(OWN, None).await.code(), "SIGN_IN_FAILED", "it is closed");
    office.later(15 * 60);
    assert_eq!(office.sign_in(OWN, None).await.status, StatusCode::OK);
    assert_eq!(office.failures().await, 0);
}

/// Whatever else they bring along: a token of their own opens no second measure.
async fn whoever_guesses_passwords_is_counted_by_address(backend: Backend) {
    let rates = Rates { per_address: NonZeroU32::new(1), ..Rates::default() };
    let settings = Settings { rates, sign_in: SignIn::development(), ..Settings::default() };
    let clock = Clock::fixed(instant("2026-03-02T09:30:00+07:00"));
    let office = Office::served(backend, clock, settings).await;
    let bearer = format!("Bearer {CITIZEN}");
    let with_token = [("authorization", bearer.as_str())];
    for path in ["/session", "/session/password", "/session/second-factor"] {
        let mut codes = Vec::new();
        for _ in 0..7 {
            codes.push(office.send("POST", path, &with_token, &json!([])).await.code().to_owned());
        }
        assert_eq!(codes[6], "RATE_LIMITED", "{path}: {codes:?}");
    }
    for _ in 0..7 {
        assert_eq!(office.by(CITIZEN).await.status, StatusCode::OK, "who is known is counted by who that is");
    }
}

async fn a_session_does_not_begin_with_a_password_of_before(backend: Backend) {
    let office = Office::on_monday(backend).await;
    let id = office.somebody("XEM").await;
    let (keys, policy) = (&office.service.executor.keys, CredentialPolicy::default());
    let shown = async |password: &str, code: Option<&str>| match keys
        .show_password(id, Secret::new(password), code, &policy)
        .await
        .unwrap()
    {
        Shown::Right(verified) => verified,
        shown => panic!("{shown:?}"),
    };
    let verified = shown(OWN, None).await;
    assert!(keys.begin_session(&verified, &policy).await.unwrap().is_some());
    // The same password again is another one: what was shown before is of before.
    office.give_password(id, OWN).await;
    assert!(keys.begin_session(&verified, &policy).await.unwrap().is_none());
    // So is a second factor.
    let verified = shown(OWN, None).await;
    let secret = keys.set_second_factor(id).await.unwrap().unwrap();
    assert!(keys.begin_session(&verified, &policy).await.unwrap().is_none());
    let verified = shown(OWN, Some(&code_of(secret.expose(), &office.clock, 0))).await;
    let (token, _) = keys.begin_session(&verified, &policy).await.unwrap().unwrap();
    keys.take_second_factor_away(id).await.unwrap();
    assert_eq!(
        keys.session(token.expose(), &policy, Look::Request).await.unwrap(),
        None,
        "it has ended with it"
    );
    // Whatever comes first: no session of an old password goes on.
    for n in 0..10 {
        let verified = shown(OWN, None).await;
        let began = async {
            for _ in 0..n {
                tokio::task::yield_now().await;
            }
            keys.begin_session(&verified, &policy).await.unwrap()
        };
        let (begun, ()) = tokio::join!(began, office.give_password(id, OWN));
        if let Some((token, _)) = begun {
            assert_eq!(keys.session(token.expose(), &policy, Look::Request).await.unwrap(), None);
        }
    }
}

async fn nobody_learns_of_a_locked_account_that_the_password_was_right(backend: Backend) {
    let office = Office::on_monday(backend).await;
    let id = office.somebody("XEM").await;
    let session = office.sign_in(OWN, None).await;
    assert_eq!(session.status, StatusCode::OK);
    let lock =
        LockAccountInput { idempotency_key: key("lock"), account_id: id.0, reason: LockReason::Suspected };
    office.service.lock_account(&caller(ADMIN), &lock).await.unwrap();
    let kept = office.kept().await;
    let asked = async |password: &str| {
        let body = json!({"login": LOGIN, "password": password});
        let change = json!({"login": LOGIN, "password": password, "newPassword": "Mat-khau-khac-3"});
        [
            office.send("POST", "/session", &[], &body).await,
            office.send("POST", "/session/password", &[], &change).await,
            office.send("POST", "/session/second-factor", &[], &body).await,
        ]
    };
    let wrong = office.sign_in("Sai-mat-khau-3", None).await;
    for answer in asked(OWN).await {
        assert_eq!((answer.status, &answer.body), (StatusCode::UNAUTHORIZED, &wrong.body));
    }
    assert_eq!(office.kept().await, kept, "nothing was changed");
    // Nor that it has to be changed.
    office.later(91 * 24 * 3600);
    for answer in asked(OWN).await {
        assert_eq!((answer.status, &answer.body), (StatusCode::UNAUTHORIZED, &wrong.body));
    }
}

pub(crate) fn code_of(secret: &str, clock: &Clock, steps: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let at = u64::try_from(clock.now().timestamp() + 30 * steps).unwrap();
    totp_rs::Builder::new().with_secret(secret).build_noncompliant().generate(at).to_string()
}

async fn nobody_administers_without_a_second_factor(backend: Backend) {
    let office = Office::on_monday(backend).await;
    let id = office.somebody("QUAN_TRI").await;
    let powers = async |cookie: &str| {
        let me = office.me(&[("cookie", cookie), ("sec-fetch-site", "same-origin")]).await;
        let powers = me.body["data"]["me"]["powers"].as_array().unwrap().clone();
        powers.iter().map(|power| power["function"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let weak = office.sign_in(OWN, None).await.cookie();
    assert_eq!(powers(&weak).await, ["AUDIT"], "what changes things for others is not there");
    let body = json!({"login": LOGIN, "password": OWN});
    let told = office.send("POST", "/session/second-factor", &[], &body).await;
    let secret = told.body["secret"].as_str().unwrap().to_owned();
    assert!(told.body["uri"].as_str().unwrap().starts_with("otpauth://totp/"));
    // From now on a code is needed, of now, and each once.
    assert_eq!(office.sign_in(OWN, None).await.code(), "SIGN_IN_FAILED");
    assert_eq!(office.sign_in(OWN, Some("000000")).await.code(), "SIGN_IN_FAILED");
    let old = code_of(&secret, &office.clock, -3);
    assert_eq!(office.sign_in(OWN, Some(&old)).await.code(), "SIGN_IN_FAILED");
    let right = code_of(&secret, &office.clock, 0);
    let strong = office.sign_in(OWN, Some(&right)).await;
    assert_eq!(strong.body["strong"], true, "{}", strong.body);
    assert_eq!(powers(&strong.cookie()).await, ["ADMINISTER", "AUDIT"]);
    assert_eq!(office.sign_in(OWN, Some(&right)).await.code(), "SIGN_IN_FAILED", "a code is good once");
    // Without the code nobody changes the password or the second factor either.
    let body = json!({"login": LOGIN, "password": OWN, "newPassword": FIRST});
    assert_eq!(office.send("POST", "/session/password", &[], &body).await.code(), "SIGN_IN_FAILED");
    // The device is lost: who manages the account takes it away, with a password that has to be changed.
    let input = api::input::SetPasswordInput {
        account_id: id.0,
        password: FIRST.to_owned(),
        without_second_factor: true,
    };
    office.service.set_password(&caller(ADMIN), input).await.unwrap();
    assert_eq!(office.sign_in(FIRST, None).await.code(), "PASSWORD_MUST_CHANGE");
}

async fn a_session_ends_and_is_good_for_this_site_only(backend: Backend) {
    let office = Office::on_monday(backend).await;
    office.somebody("XEM").await;
    let session = office.sign_in(OWN, None).await.cookie();
    let here: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];
    let status = async |headers: &[(&str, &str)]| {
        let headers = [&[("cookie", session.as_str())], headers].concat();
        let me = office.me(&headers).await;
        (me.status, me.code().to_owned())
    };
    let good = (StatusCode::OK, String::new());
    let crossed = (StatusCode::FORBIDDEN, "CROSS_SITE".to_owned());
    assert_eq!(status(here).await, good);
    assert_eq!(status(&[("origin", "https://mot-cua.test")]).await, good);
    for elsewhere in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://khac.test")],
        &[("origin", "null")],
        // Nothing says where it comes from.
        &[],
    ] {
        assert_eq!(status(elsewhere).await, crossed, "{elsewhere:?}");
    }
    // A link that somebody was made to follow may read nothing either.
    let followed = office
        .send(
            "GET",
            "/graphql?query=%7Bme%7BprincipalId%7D%7D",
            &[("cookie", &session), ("sec-fetch-site", "cross-site")],
            &json!({}),
        )
        .await;
    assert_eq!(followed.code(), "CROSS_SITE");
    // It is kept awake by asking, and not for ever.
    for _ in 0..19 {
        office.later(29 * 60);
        assert_eq!(status(here).await, good);
    }
    office.later(31 * 60);
    assert_eq!(status(here).await.1, "UNAUTHENTICATED");
    let session = office.sign_in(OWN, None).await.cookie();
    for _ in 0..21 {
        office.later(29 * 60);
        office.me(&[("cookie", &session), here[0]]).await;
    }
    assert_eq!(
        office.me(&[("cookie", &session), here[0]]).await.code(),
        "UNAUTHENTICATED",
        "ten hours are over"
    );
    // And it is ended.
    let session = office.sign_in(OWN, None).await.cookie();
    let from_elsewhere = office.send("DELETE", "/session", &[("cookie", &session)], &json!({})).await;
    assert_eq!(from_elsewhere.code(), "CROSS_SITE");
    let ended = office.send("DELETE", "/session", &[("cookie", &session), here[0]], &json!({})).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(office.me(&[("cookie", &session), here[0]]).await.code(), "UNAUTHENTICATED");
    let foreign = office
        .send(
            "POST",
            "/session",
            &[("origin", "https://khac.test")],
            &json!({"login": LOGIN, "password": OWN}),
        )
        .await;
    assert_eq!(foreign.code(), "CROSS_SITE", "nobody is signed in by a page of somebody else");
}

async fn administration_is_closed_outside_office_hours(backend: Backend) {
    let clock = Clock::fixed(instant("2026-03-02T09:30:00+07:00"));
    let administration = Administration { in_office_hours: true, ..Administration::default() };
    let sign_in = SignIn { administration, ..SignIn::development() };
    let office = Office::new(backend, clock, sign_in).await;
    let administers = async |at: &str| {
        office.clock.set(instant(at));
        let me = office.by(ADMIN).await;
        let powers = me.body["data"]["me"]["powers"].as_array().unwrap().clone();
        assert!(
            powers.iter().any(|power| power["function"] == "READ_DOSSIERS"),
            "the rest is there at any time"
        );
        powers.iter().any(|power| power["function"] == "ADMINISTER" || power["function"] == "MANAGE_ACCESS")
    };
    assert!(administers("2026-03-02T09:30:00+07:00").await);
    assert!(!administers("2026-03-02T06:00:00+07:00").await);
    assert!(!administers("2026-03-02T12:00:00+07:00").await, "at noon");
    assert!(!administers("2026-03-02T20:00:00+07:00").await);
    assert!(!administers("2026-03-07T09:30:00+07:00").await, "on a Saturday");
    assert!(administers("2026-03-03T14:00:00+07:00").await);
}

async fn no_secret_is_in_the_log(backend: Backend) {
    let office = Office::on_monday(backend).await;
    let id = office.somebody("XEM").await;
    let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("may", AGENCY) };
    let machine = OpenAccountInput { login: Some("may-moc".to_owned()), ..machine };
    let machine = office.opened(&machine, "XEM").await;
    let input = IssueMachineKeyInput {
        idempotency_key: None,
        account_id: machine.0,
        until: "2026-06-30".parse().unwrap(),
        functions: None,
    };
    let (_, whole, _) = office.service.issue_machine_key(&caller(ADMIN), &input).await.unwrap();
    // Setting it up ends sessions: one that is begun after it shows a code.
    let secret = office.service.executor.keys.set_second_factor(id).await.unwrap().unwrap();
    let code = code_of(secret.expose(), &office.clock, 0);
    let session = office.sign_in(OWN, Some(&code)).await.cookie();
    let rows = whole_log(office.service.store()).await;
    let log: String = rows.iter().map(|row| format!("{}{}", row.data, row.metadata)).collect();
    let key_secret = whole.expose().split_once('.').unwrap().1.to_owned();
    let token = session.split_once('=').unwrap().1.to_owned();
    for secret in [OWN, secret.expose(), &key_secret, &token] {
        assert!(!log.contains(secret));
    }
    // And what is kept elsewhere is not what was told.
    let kept = office.kept().await;
    assert_eq!(kept.len(), 4, "a password, a second factor, a key, a session");
    let raw = totp_rs::Secret::try_from_base32(secret.expose()).unwrap();
    let plain = [OWN.as_bytes(), key_secret.as_bytes(), token.as_bytes(), raw.as_ref()];
    for kept in kept {
        for plain in plain {
            assert!(!kept.windows(plain.len()).any(|window| window == plain));
        }
    }
}

/// Seeded where somebody signs in, and looked for in all that the program says, with everything that it can say about it.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_what_the_server_says() {
    for backend in backends() {
        let clock = Clock::System;
        let issuer = Issuer::start(now()).await;
        let office = Office::new(backend, clock, SignIn::default()).await;
        office.somebody("QUAN_TRI").await;
        let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("may-moc", AGENCY) };
        let machine = office.opened(&machine, "XEM").await;
        let until = domain::time::local_date(office.clock.now());
        let input =
            IssueMachineKeyInput { idempotency_key: None, account_id: machine.0, until, functions: None };
        let (_, machine_key, _) = office.service.issue_machine_key(&caller(ADMIN), &input).await.unwrap();
        office.opened(&of_issuer(&issuer, "lan"), "XEM").await;
        let issuers = office.place.folder.join("issuers.toml");
        let (url, audience) = (issuer.url(), AUDIENCE);
        std::fs::write(
            &issuers,
            format!("[[issuer]]\nissuer = \"{url}\"\naudience = \"{audience}\"\nalgorithms = [\"RS256\"]\nnames = \"staff\"\n"),
        )
        .unwrap();
        let arguments = ["--issuers", issuers.to_str().unwrap()];
        let server = Server::start_in(&office.place, &arguments, &[("MOTCUA_LOG", "trace")]).await;
        let client = reqwest::Client::new();
        let post = async |path: &str, headers: &[(&str, &str)], body: &Value| {
            let mut request = client.post(format!("http://{}{path}", server.address)).json(body);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request.send().await.unwrap()
        };
        let credentials = |password: &str, code: Option<&str>| json!({"login": LOGIN, "password": password, "code": code, "newPassword": "Mat-khau-khac-3"});
        let sign_in =
            |password: &str, code: Option<&str>| json!({"login": LOGIN, "password": password, "code": code});
        // Wrong ones, and one that somebody typed where the login goes.
        let wrong = "Sai-mat-khau-4";
        assert_eq!(post("/session", &[], &sign_in(wrong, None)).await.status(), 401);
        assert_eq!(post("/session/password", &[], &credentials(wrong, None)).await.status(), 401);
        let swapped = json!({"login": "nham-cho-mat-khau-5", "password": wrong});
        assert_eq!(post("/session", &[], &swapped).await.status(), 401);
        assert_eq!(post("/session/password", &[], &credentials(OWN, None)).await.status(), 204);
        let own = "Mat-khau-khac-3";
        let told: Value =
            post("/session/second-factor", &[], &sign_in(own, None)).await.json().await.unwrap();
        let secret = told["secret"].as_str().unwrap().to_owned();
        let code = code_of(&secret, &office.clock, 0);
        let begun = post("/session", &[], &sign_in(own, Some(&code))).await;
        assert_eq!(begun.status(), 200);
        let cookie = begun.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let session = cookie.split_once('=').unwrap().1.to_owned();
        let me = json!({"query": "{ me { principalId } }"});
        let right = issuer.token_for("lan");
        let unknown = issuer.token_for("nobody that is known");
        let made_up = format!("{}x", machine_key.expose());
        for (token, status) in
            [(machine_key.expose(), 200), (&made_up, 401), (&right, 200), (&unknown, 401), (CITIZEN, 200)]
        {
            let bearer = format!("Bearer {token}");
            assert_eq!(post("/graphql", &[("authorization", &bearer)], &me).await.status(), status);
        }
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        assert_eq!(post("/graphql", &headers, &me).await.status(), 200);
        // A password that is set for somebody, as a literal of the document and as a variable.
        let set =
            "mutation M($input: SetPasswordInput!) { setPassword(input: $input) { problems { code } } }";
        let literal = format!(
            "mutation {{ setPassword(input: {{accountId: \"{machine}\", password: \"Dat-cho-nguoi-6\"}}) {{ problems {{ code }} }} }}"
        );
        let variables = json!({"input": {"accountId": machine.0, "password": "Dat-cho-nguoi-7"}});
        let admin = format!("Bearer {ADMIN}");
        for body in [json!({"query": literal}), json!({"query": set, "variables": variables})] {
            let done = post("/graphql", &[("authorization", &admin)], &body).await;
            let done: Value = done.json().await.unwrap();
            assert_eq!(done["data"]["setPassword"]["problems"], json!([]), "{done}");
        }
        // Five in a row.
        for _ in 0..6 {
            assert_eq!(post("/session", &[], &sign_in(wrong, None)).await.status(), 401);
        }
        server.signal("TERM").await;
        let said = server.ended().await.join("\n");
        let id = PrincipalId::of(&domain::codes::LoginName::parse(LOGIN).unwrap());
        for expected in
            ["somebody signed in", "a password or a code was wrong", "is_closed=true", &id.to_string()]
        {
            assert!(said.contains(expected), "{expected} is not said: {said}");
        }
        assert!(said.contains("DEBUG") || said.contains("TRACE"), "it says everything: {said}");
        let key_secret = machine_key.expose().split_once('.').unwrap().1;
        let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
        let typed = PrincipalId::of(&domain::codes::LoginName::parse("nham-cho-mat-khau-5").unwrap());
        for secret in [
            OWN,
            own,
            wrong,
            "nham-cho-mat-khau-5",
            &typed.to_string(),
            "Dat-cho-nguoi-6",
            "Dat-cho-nguoi-7",
            &secret,
            &format!("\"{code}\""),
            key_secret,
            &session,
            &right,
            &signature(&right),
            &unknown,
            &signature(&unknown),
            CITIZEN,
            ADMIN,
        ] {
            assert!(!said.contains(secret), "{secret} is said");
        }
    }
}
