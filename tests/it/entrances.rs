//! Administration through a listener of its own and from addresses of its own: who comes in elsewhere does what else they may.

use std::net::SocketAddr;

use api::http::{Rates, Settings, admin_router, router};
use api::sign_in::SignIn;
use api::sign_in::administration::Administration;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use infrastructure::clock::Clock;
use serde_json::{Value, json};

use crate::graphql::answer_of;
use crate::sign_in::{OWN, Office, code_of};
use crate::support::office::{ADMIN, key};
use crate::support::{Backend, Place, Server, instant, on_each_backend};

on_each_backend!(
    who_administers_comes_in_where_it_is_done,
    a_session_administers_through_the_other_listener_only,
);

const DEFINE: &str = "mutation M($input: DefinePermissionGroupInput!) {
    definePermissionGroup(input: $input) { problems { code } } }";
const ESTABLISH: &str = "mutation M($input: EstablishAgencyInput!) {
    establishAgency(input: $input) { agencyId problems { code } } }";
const OFFICE: &str = "10.1.2.3:4000";
const ELSEWHERE: &str = "192.0.2.9:4000";

fn administration(from: &[&str], on_admin_listener: bool) -> Administration {
    let from = from.iter().map(|network| network.parse().unwrap()).collect();
    Administration { from, on_admin_listener, ..Administration::default() }
}

fn posted(peer: Option<&str>, headers: &[(&str, &str)], body: &Value) -> Request<Body> {
    let mut request = Request::post("/graphql").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_string())).unwrap();
    if let Some(peer) = peer {
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
    }
    request
}

/// What an administrator is answered to the two acts that need a function each; nothing where both are done.
async fn refusals(router: &Router, peer: Option<&str>, headers: &[(&str, &str)]) -> Vec<Value> {
    let mut refused = Vec::new();
    for (field, document, input) in [
        (
            "definePermissionGroup",
            DEFINE,
            json!({
                "idempotencyKey": key("define"), "code": "MOI", "name": "Mới", "functions": ["INTAKE"],
            }),
        ),
        (
            "establishAgency",
            ESTABLISH,
            json!({
                "idempotencyKey": key("establish"), "code": "000.00.99.H42", "name": "Sở Nội vụ",
            }),
        ),
    ] {
        let bearer = format!("Bearer {ADMIN}");
        let all = [&[("authorization", bearer.as_str())], headers].concat();
        let body = json!({"query": document, "variables": {"input": input}});
        let answer = answer_of(router, posted(peer, &all, &body)).await.json();
        refused.extend(answer["data"][field]["problems"].as_array().unwrap().iter().cloned());
    }
    let codes = refused.into_iter().map(|problem| problem["code"].clone());
    codes.collect()
}

async fn who_administers_comes_in_where_it_is_done(backend: Backend) {
    let clock = Clock::fixed(instant("2026-03-02T09:30:00+07:00"));
    let office = Office::new(backend, clock, SignIn::development()).await;
    let served = |administration: &Administration, proxy: Option<&str>| {
        let settings = Settings {
            sign_in: SignIn { administration: administration.clone(), ..SignIn::development() },
            rates: Rates { proxy: proxy.map(|proxy| proxy.parse().unwrap()), ..Rates::default() },
            ..Settings::default()
        };
        (router(office.service.clone(), settings.clone()), admin_router(office.service.clone(), settings))
    };
    let (done, refused) = (Vec::<Value>::new(), vec![json!("NO_FUNCTION"); 2]);

    // By the listener.
    let (service, admin) = served(&administration(&[], true), None);
    assert_eq!(refusals(&service, Some(OFFICE), &[]).await, refused);
    assert_eq!(refusals(&admin, Some(ELSEWHERE), &[]).await, done);
    // What else they may is there, everywhere.
    let read = json!({"query": "{ dossiers { totalCount } }"});
    let bearer = format!("Bearer {ADMIN}");
    for router in [&service, &admin] {
        let request = posted(Some(ELSEWHERE), &[("authorization", &bearer)], &read);
        assert_eq!(answer_of(router, request).await.json()["data"]["dossiers"]["totalCount"], 0);
    }
    // Metrics are beside it, and nothing that is for everybody.
    for (path, status) in [
        ("/metrics", StatusCode::OK),
        ("/livez", StatusCode::OK),
        ("/graphiql/", StatusCode::NOT_FOUND),
        ("/tables/progress.csv", StatusCode::NOT_FOUND),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(answer_of(&admin, request).await.status, status, "{path}");
    }
    assert_eq!(
        answer_of(&service, Request::get("/metrics").body(Body::empty()).unwrap()).await.status,
        StatusCode::NOT_FOUND
    );

    // By the address, of both versions; an address that is not known is none.
    let (service, _) = served(&administration(&["10.1.0.0/16", "2001:db8:1::/48"], false), None);
    for (peer, answer) in [
        (Some(OFFICE), &done),
        (Some("[2001:db8:1::7]:4000"), &done),
        (Some("[::ffff:10.1.9.9]:4000"), &done),
        (Some(ELSEWHERE), &refused),
        (Some("[2001:db8:2::7]:4000"), &refused),
        (None, &refused),
    ] {
        assert_eq!(&refusals(&service, peer, &[]).await, answer, "{peer:?}");
    }
    // Nobody is where they say they are.
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        assert_eq!(refusals(&service, Some(ELSEWHERE), &[(header, "10.1.2.3")]).await, refused, "{header}");
    }
    // A proxy that is named says where somebody is; what they said themselves stands before it.
    let (service, _) = served(&administration(&["10.1.0.0/16"], false), Some("192.0.2.9"));
    for (forwarded, answer) in [("10.1.2.3", &done), ("10.1.2.3, 198.51.100.1", &refused)] {
        let headers = [("x-forwarded-for", forwarded)];
        assert_eq!(&refusals(&service, Some(ELSEWHERE), &headers).await, answer, "{forwarded}");
    }

    // Both.
    let (service, admin) = served(&administration(&["10.1.0.0/16"], true), None);
    for (router, peer, answer) in [
        (&service, OFFICE, &refused),
        (&service, ELSEWHERE, &refused),
        (&admin, ELSEWHERE, &refused),
        (&admin, OFFICE, &done),
    ] {
        assert_eq!(&refusals(router, Some(peer), &[]).await, answer, "{peer}");
    }
}

/// One cookie, as a browser sends it to both: it is of the host, not of the port.
async fn a_session_administers_through_the_other_listener_only(backend: Backend) {
    let clock = Clock::fixed(instant("2026-03-02T09:30:00+07:00"));
    let sign_in = SignIn { administration: administration(&[], true), ..SignIn::default() };
    let office = Office::new(backend, clock.clone(), sign_in.clone()).await;
    let admin = admin_router(office.service.clone(), Settings { sign_in, ..Settings::default() });
    let id = office.somebody("QUAN_TRI").await;
    let secret = office.service.executor.keys.set_second_factor(id).await.unwrap().unwrap();
    let code = code_of(secret.expose(), &clock, 0);
    let login = json!({"login": "lan.nguyen", "password": OWN, "code": code});
    let request = Request::post("/session").header("content-type", "application/json");
    let begun = answer_of(&admin, request.body(Body::from(login.to_string())).unwrap()).await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
    let cookie = begun.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let me = json!({"query": "{ me { powers { function } } }"});
    for (router, powers) in [(&office.router, &["AUDIT"][..]), (&admin, &["ADMINISTER", "AUDIT"])] {
        let answer = answer_of(router, posted(None, &headers, &me)).await.json();
        let powers: Vec<Value> = powers.iter().map(|power| json!({"function": power})).collect();
        assert_eq!(answer["data"]["me"]["powers"], json!(powers));
    }
}

/// The options of the program: both listeners, the addresses, and one line in the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_administers_where_it_is_told() {
    let place = Place::with_keys(Backend::Sqlite).await;
    let admin = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().to_string()
    };
    let on_admin = ["--admin", &admin, "--administration-on-admin-listener"];
    for (from, is_done) in [("127.0.0.0/8,::1", true), ("10.1.0.0/16", false)] {
        let arguments = [&on_admin[..], &["--administration-from", from]].concat();
        let server = Server::start_with(&place, &arguments).await;
        for (address, may) in [(&server.address, false), (&admin, is_done)] {
            for n in 0..2 {
                let input = json!({"idempotencyKey": key(&format!("{from} {n}")), "code": format!("00{n}.00.99.H42"), "name": "Sở"});
                let body = json!({"query": ESTABLISH, "variables": {"input": input}});
                let url = format!("http://{address}/graphql");
                let request = reqwest::Client::new().post(url).bearer_auth(ADMIN).json(&body);
                let answer = request.send().await.unwrap().json::<Value>().await.unwrap();
                let done = &answer["data"]["establishAgency"];
                let code = done["problems"][0]["code"].as_str();
                assert_eq!(code, if may { None } else { Some("NO_FUNCTION") }, "{from} {address}: {answer}");
                assert_eq!(done["agencyId"].is_string(), may, "{from} {address}: {answer}");
            }
        }
        server.signal("TERM").await;
        let said = server.ended().await;
        let lines = said.iter().filter(|line| line.contains("administration is closed to who asks"));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), if is_done { 1 } else { 2 }, "one for each way in: {lines:#?}");
        assert!(lines.iter().all(|line| line.contains("address=127.0.0.1")), "{lines:#?}");
    }
}
