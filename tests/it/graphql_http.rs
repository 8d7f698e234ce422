//! GraphQL over HTTP to the letter: methods, media types, statuses, and what is refused before anything is executed.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use api::http::{Rates, Settings, router};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::graphql::{ADMIN, AUDITOR, Answer, System, key};
use crate::schema::judges;
use crate::support::statements::executed;
use crate::support::{Backend, Place, Server, backends};

const RESPONSE: &str = "application/graphql-response+json";

#[tokio::test(flavor = "multi_thread")]
async fn all_audits_of_graphql_http_pass() {
    let place = Place::with_keys(Backend::Sqlite).await;
    let server = Server::start(&place).await;
    let audit = Command::new("node")
        .arg("audit.mjs")
        .arg(format!("http://{}/graphql", server.address))
        .current_dir(judges())
        .output()
        .await
        .expect("node runs the audits");
    let report: Value = serde_json::from_slice(&audit.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&audit.stderr)));
    assert_eq!(report, json!({"count": 61, "found": []}));
}

fn asked(path_and_query: &str, accept: &str) -> Request<Body> {
    Request::get(path_and_query).header("accept", accept).body(Body::empty()).unwrap()
}

fn posted(accept: &str, body: &Value) -> Request<Body> {
    Request::post("/graphql")
        .header("accept", accept)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn code(answer: &Answer) -> String {
    answer.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_asked_by_get_and_nothing_else_is() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let two = "/graphql?query=query%20A%7B__typename%7D%20query%20B(%24x%3AString!)%7BpublicStatus(code%3A%24x)%7Bcode%7D%7D";
    let first = system.send(asked(&format!("{two}&operationName=A"), RESPONSE)).await;
    assert_eq!((first.status, first.json()), (StatusCode::OK, json!({"data": {"__typename": "Query"}})));
    assert_eq!(first.headers["content-type"], "application/graphql-response+json; charset=utf-8");
    let second = format!("{two}&operationName=B&variables=%7B%22x%22%3A%22y%22%7D&extensions=%7B%7D");
    let second = system.send(asked(&second, "application/json")).await;
    assert_eq!((second.status, second.json()), (StatusCode::OK, json!({"data": {"publicStatus": null}})));
    assert_eq!(second.headers["content-type"], "application/json; charset=utf-8");
    for unclear in [two.to_owned(), format!("{two}&operationName=C")] {
        let answer = system.send(asked(&unclear, RESPONSE)).await;
        assert_eq!(
            (answer.status, answer.json().get("data")),
            (StatusCode::BAD_REQUEST, None),
            "{}",
            answer.body
        );
    }

    let mutation = "mutation%20M%7BsubmitDossier(input%3A%7B%7D)%7Bversion%7D%7D";
    let mixed = format!("/graphql?query=query%20A%7B__typename%7D%20{mutation}&operationName=M");
    for by_get in [format!("/graphql?query={mutation}"), mixed.clone()] {
        for accept in [RESPONSE, "application/json"] {
            let answer = system.send(asked(&by_get, accept)).await;
            assert_eq!(
                (answer.status, code(&answer).as_str()),
                (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED")
            );
            assert_eq!(answer.headers["allow"], "POST");
        }
    }
    // The document may have one, as long as it is not the one that is meant.
    let query = mixed.replace("operationName=M", "operationName=A").replace("input%3A%7B%7D", "input%3A%24i");
    let query = query.replace("mutation%20M", "mutation%20M(%24i%3ASubmitDossierInput!)");
    let answer = system.send(asked(&query, RESPONSE)).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"data": {"__typename": "Query"}})));

    for (path, status) in [
        ("/graphql", StatusCode::BAD_REQUEST),
        ("/graphql?query=", StatusCode::BAD_REQUEST),
        ("/graphql?query=%7B__typename%7D&variables=7", StatusCode::BAD_REQUEST),
        ("/graphql?query=%7B__typename%7D&variables=%7B", StatusCode::BAD_REQUEST),
        ("/graphql?query=%7B__typename%7D&extensions=%5B%5D", StatusCode::BAD_REQUEST),
        ("/graphql?query=%7B__typename%7D&variables=null&operationName=", StatusCode::OK),
    ] {
        let answer = system.send(asked(path, RESPONSE)).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
    let none = system.send(asked("/graphql?query=%7B__typename%7D", "text/html")).await;
    assert_eq!((none.status, code(&none).as_str()), (StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE"));
    // Somebody with a browser.
    let page = system.send(asked("/graphql", "text/html,application/xhtml+xml,*/*;q=0.8")).await;
    assert_eq!(
        (page.status, &page.headers["location"]),
        (StatusCode::SEE_OTHER, &"/graphiql/".parse().unwrap())
    );
    let put = Request::put("/graphql").body(Body::empty()).unwrap();
    let put = system.send(put).await;
    assert_eq!((put.status, code(&put).as_str()), (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"));
    assert_eq!(put.headers["allow"], "GET, POST");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_says_whether_the_request_was_executed() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    for (query, expected) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let body = json!({"query": query});
        let new = system.send(posted(RESPONSE, &body)).await;
        let old = system.send(posted("application/json", &body)).await;
        assert_eq!((new.status, old.status), (StatusCode::BAD_REQUEST, StatusCode::OK), "{query}");
        for answer in [new, old] {
            assert_eq!((code(&answer).as_str(), answer.json().get("data")), (expected, None), "{query}");
        }
    }
    // Executed, though nothing came of one field; the error is that field's alone.
    let two =
        json!({"query": "{ __typename d: dossier(code: \"x\") { id } publicStatus(code: \"x\") { code } }"});
    let answer = system.send(posted(RESPONSE, &two)).await;
    assert_eq!((answer.status, code(&answer).as_str()), (StatusCode::OK, "UNAUTHENTICATED"));
    assert_eq!(answer.json()["data"], json!({"__typename": "Query", "d": null, "publicStatus": null}));
    assert_eq!(answer.json()["errors"][0]["path"], json!(["d"]));
    // What may not be null takes along what is around it.
    let answer =
        system.send(posted(RESPONSE, &json!({"query": "{ __typename projections { name } }"}))).await;
    assert_eq!((answer.status, code(&answer).as_str()), (StatusCode::OK, "UNAUTHENTICATED"));
    assert_eq!(answer.json().get("data"), Some(&Value::Null));
    // Nobody's name of a field is guessed at.
    let guess = system.send(posted(RESPONSE, &json!({"query": "{ dossie }"}))).await;
    assert!(!guess.body.contains("Did you mean") && !guess.body.contains("dossiers"), "{}", guess.body);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_for_those_who_sign_in() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let closed = router(system.service.clone(), Settings::default());
    for query in [
        "{ __schema { description } }",
        "{ ...F } fragment F on Query { t: __type(name: \"Query\") { name } }",
    ] {
        let body = json!({"query": query});
        let answer = crate::graphql::answer_of(&closed, posted(RESPONSE, &body)).await;
        assert_eq!((answer.status, code(&answer).as_str()), (StatusCode::BAD_REQUEST, "UNAUTHENTICATED"));
        // Where there are development tokens somebody develops.
        assert_eq!(system.send(posted(RESPONSE, &body)).await.json().get("errors"), None);
    }
    system.stop().await;
}

/// What is refused for its size, and how often the database was asked for it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_executed_of_a_document_that_asks_for_too_much() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let page = |first: u32| {
            format!("dossiers(first: {first}) {{ nodes {{ id code stage history {{ version }} }} }}")
        };
        let (allowed, statements) =
            executed(system.ask(AUDITOR, &format!("{{ {} }}", page(2)), json!({}))).await;
        assert_eq!(allowed["dossiers"]["nodes"], json!([]));
        assert!(statements.iter().any(|sql| sql.contains("dossier_summary")), "{statements:?}");
        let many = |n: usize, what: &str| (0..n).map(|n| format!("f{n}: {what} ")).collect::<String>();
        let deep = |n: usize| format!("{}{}", "{ a ".repeat(n), "}".repeat(n));
        for (document, refused) in [
            (
                "{ dossiers(first: 100) { nodes { history { version eventType actor stage dueAt } } } }".to_owned(),
                "QUERY_TOO_COMPLEX",
            ),
            (format!("{{ {} }}", many(41, "dossiers(first: 1) { totalCount }")), "TOO_MANY_ALIASES"),
            (format!("{{ {} }}", "__typename ".repeat(5_000)), "TOO_MANY_TOKENS"),
            (format!("{{ __typename {} }}", "@skip(if: false) ".repeat(61)), "TOO_MANY_DIRECTIVES"),
            (deep(10_000), "NESTED_TOO_DEEP"),
            (format!("{{ a(b: {}", "[".repeat(30_000)), "NESTED_TOO_DEEP"),
            (deep(60), "GRAPHQL_VALIDATION_FAILED"),
            (format!("{{ __typename }} # {}", "x".repeat(64 * 1024)), "DOCUMENT_TOO_LONG"),
            (
                "{ dossiers { nodes { ...F } } } fragment F on Dossier { ...G } fragment G on Dossier { ...F }".to_owned(),
                "GRAPHQL_VALIDATION_FAILED",
            ),
        ] {
            let start: String = document.chars().take(50).collect();
            let none = json!({});
            let asking = system.ask_in(AUDITOR, "en", &document, &none);
            let (answer, statements) = executed(asking).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], refused, "{start}: {answer}");
            assert_eq!(answer.get("data"), None, "{start}");
            assert_eq!(statements, Vec::<String>::new(), "{start}");
        }
        system.stop().await;
    }
}

/// Whoever waited too long sends the same again, and it is done once.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_given_up_and_can_be_repeated() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let settings = Settings {
            sign_in: api::sign_in::SignIn::development(),
            time_max: Duration::from_millis(300),
            ..Settings::default()
        };
        let impatient = router(system.service.clone(), settings);
        let input = json!({"idempotencyKey": key("slow"), "code": "000.00.99.H42", "name": "Sở Nội vụ"});
        let document = "mutation M($input: EstablishAgencyInput!) { establishAgency(input: $input) { agencyId problems { code } } }";
        let body = json!({"query": document, "variables": {"input": input}});
        let request = || {
            let mut request = posted(RESPONSE, &body);
            request.headers_mut().insert("authorization", format!("Bearer {ADMIN}").parse().unwrap());
            request
        };
        let lock = system.place.lock_log().await;
        let given_up = crate::graphql::answer_of(&impatient, request()).await;
        assert_eq!(
            (given_up.status, code(&given_up).as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT"),
            "{}",
            given_up.body
        );
        lock.release().await;
        let mut agencies = std::collections::BTreeSet::new();
        for _ in 0..2 {
            let done = system.send(request()).await.json();
            assert_eq!(done["data"]["establishAgency"]["problems"], json!([]), "{done}");
            agencies.insert(done["data"]["establishAgency"]["agencyId"].to_string());
        }
        assert_eq!(agencies.len(), 1);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_tells_browsers_to_be_careful() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let nobody = Request::get("/graphql?query=%7Bme%7Bid%7D%7D").header("authorization", "Bearer nobody");
    for (request, status) in [
        (get("/graphql?query=%7B__typename%7D"), StatusCode::OK),
        (get("/graphql"), StatusCode::BAD_REQUEST),
        (nobody.body(Body::empty()).unwrap(), StatusCode::UNAUTHORIZED),
        (get("/livez"), StatusCode::OK),
        (get("/nothing"), StatusCode::NOT_FOUND),
        (get("/papers/6d1c9f5e-0000-4000-8000-000000000001/receipt.pdf"), StatusCode::UNAUTHORIZED),
        (posted("text/plain", &json!({"query": "{ __typename }"})), StatusCode::NOT_ACCEPTABLE),
    ] {
        let path = request.uri().to_string();
        let answer = system.send(request).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.headers.get(name).unwrap(), value, "{path}: {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_request_are_refused_as_json() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let post = |content_type: &'static str, body: Vec<u8>| {
        Request::post("/graphql").header("content-type", content_type).body(Body::from(body)).unwrap()
    };
    let query = br#"{"query": "{ __typename }"}"#.to_vec();
    for media in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        let answer = system.send(post(media, query.clone())).await;
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::OK, json!({"data": {"__typename": "Query"}}))
        );
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    for media in [
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let answer = system.send(post(media, query.clone())).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{media}");
        assert_eq!(answer.json()["errors"][0]["extensions"]["code"], "UNSUPPORTED_MEDIA_TYPE");
    }
    let json = "application/json";
    for body in [
        &b""[..],
        b"{",
        b"null",
        b"42",
        b"\"{ __typename }\"",
        b"\xff\xfe",
        br#"[{"query": "{ __typename }"}]"#,
        br#"["{ __typename }"]"#,
        br#" ["{ __typename }", null, {}, {}]"#,
        br#"{"query": 42}"#,
        br#"{"query": "{ __typename }", "variables": 7}"#,
    ] {
        let answer = system.send(post(json, body.to_vec())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", String::from_utf8_lossy(body));
        assert_eq!(answer.json()["errors"][0]["extensions"]["code"], "BAD_REQUEST");
        assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
    }
    // A document that is JSON but not GraphQL is an answer of GraphQL.
    for bad in [r#"{"query": "{ nothing }"}"#, r#"{"query": "{"}"#, r#"{"query": ""}"#] {
        let answer = system.send(post(json, bad.into())).await;
        assert_eq!(answer.status, StatusCode::OK, "{bad}");
        assert_eq!(answer.json()["errors"].as_array().map(Vec::len), Some(1), "{bad}");
    }

    // One MiB is the most.
    let padded = |length: usize| {
        let mut body = query.clone();
        body.resize(length, b' ');
        body
    };
    assert_eq!(system.send(post(json, padded(1024 * 1024))).await.status, StatusCode::OK);
    let large = system.send(post(json, padded(1024 * 1024 + 1))).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(large.json()["errors"][0]["extensions"]["code"], "BODY_TOO_LARGE");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_bounded_in_depth_and_in_what_they_cost() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let holder = "deadlineBoard { dossiers(class: PAUSED, first: 1) { edges { node { dossier { history { actingFor { code } } } } } } }";
    system.ask(AUDITOR, &format!("{{ {holder} }}"), json!({})).await;
    // What the schema itself nests, as tools ask for it.
    let nested = (0..9).fold("name".to_owned(), |inner, _| format!("name ofType {{ {inner} }}"));
    let introspection = format!(
        "query IntrospectionQuery {{ __schema {{ queryType {{ name }} types {{ ...Full }} directives {{ name args {{ ...Arg }} }} }} }}
         fragment Full on __Type {{
            kind name description fields(includeDeprecated: true) {{ name args {{ ...Arg }} type {{ ...Ref }} }}
            inputFields {{ ...Arg }} interfaces {{ ...Ref }} enumValues {{ name }} possibleTypes {{ ...Ref }}
         }}
         fragment Arg on __InputValue {{ name type {{ ...Ref }} defaultValue }}
         fragment Ref on __Type {{ kind {nested} }}"
    );
    let schema = system.ask("", &introspection, json!({})).await;
    assert_eq!(schema["__schema"]["queryType"]["name"], "Query");

    let deep = (0..20).fold("name".to_owned(), |inner, _| format!("ofType {{ {inner} }}"));
    let deep = format!("{{ __type(name: \"Dossier\") {{ {deep} }} }}");
    assert_eq!(system.error(AUDITOR, &deep, json!({})).await.0, "QUERY_TOO_DEEP");

    let aliases = |field: &str, count: usize| {
        let fields: Vec<_> = (0..count).map(|n| format!("f{n}: {field}")).collect();
        format!("{{ {} }}", fields.join(" "))
    };
    let page = "dossiers(first: 100) { nodes { id code stage } }";
    system.ask(AUDITOR, &aliases(page, 1), json!({})).await;
    for costly in [
        aliases(page, 40),
        aliases("dossiers(first: 0) { totalCount }", 5_000),
        aliases("dossiers(first: -1) { totalCount }", 5_000),
        aliases("deadlineBoard { dossiers(class: PAUSED, first: 0) { pageInfo { hasNextPage } } }", 5_000),
        aliases("publicStatus(code: \"x\") { code }", 5_000),
        "{ dossiers(first: 2147483647) { totalCount } }".to_owned(),
        "{ dossiers(first: 100) { nodes { history { version eventType actor stage dueAt } } } }".to_owned(),
    ] {
        let answer = system.ask_in(AUDITOR, "en", &costly, &json!({})).await;
        let start: String = costly.chars().take(60).collect();
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        let is_refused = matches!(
            code,
            Some("QUERY_TOO_COMPLEX" | "TOO_MANY_ALIASES" | "TOO_MANY_TOKENS" | "DOCUMENT_TOO_LONG")
        );
        assert!(is_refused, "{start}: {}", answer["errors"]);
        assert_eq!(answer.get("data"), None, "{start}");
    }
    system.stop().await;
}

/// A query from an address, by somebody or nobody, with a word of where it comes from or none.
fn from(peer: &str, token: &str, forwarded_for: &str) -> Request<Body> {
    let mut request = posted(RESPONSE, &json!({"query": "{ __typename }"}));
    request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
    if !token.is_empty() {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    if !forwarded_for.is_empty() {
        request.headers_mut().insert("x-forwarded-for", forwarded_for.parse().unwrap());
    }
    request
}

/// The first answer that is a refusal, of so many as would be enough however slow the machine is.
async fn until_refused(router: &axum::Router, peer: &str, token: &str, header: &str) -> Option<Answer> {
    for _ in 0..100 {
        let answer = crate::graphql::answer_of(router, from(peer, token, header)).await;
        if answer.status != StatusCode::OK {
            return Some(answer);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_too_often_is_told_when_to_come_again() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let one = NonZeroU32::new(1);
    let rates = Rates { per_address: one, per_principal: one, proxy: None };
    let settings = Settings { sign_in: api::sign_in::SignIn::development(), rates, ..Settings::default() };
    let limited = router(system.service.clone(), settings);
    let refused = until_refused(&limited, "192.0.2.1:1000", "", "").await.unwrap();
    assert_eq!((refused.status, code(&refused).as_str()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"));
    assert_eq!(refused.headers["retry-after"], "1");
    // Another port, or a word of the client's own, is the same address.
    let first = async |peer: &str, token: &str, header: &str| {
        crate::graphql::answer_of(&limited, from(peer, token, header)).await.status
    };
    until_refused(&limited, "192.0.2.1:2000", "", "198.51.100.1").await.unwrap();
    // Somebody else, and somebody with a token, are not held up; each has a measure of their own.
    assert_eq!(first("192.0.2.2:1000", "", "").await, StatusCode::OK);
    assert_eq!(first("192.0.2.1:1000", AUDITOR, "").await, StatusCode::OK);
    until_refused(&limited, "192.0.2.1:1000", AUDITOR, "").await.unwrap();
    assert_eq!(first("192.0.2.1:1000", ADMIN, "").await, StatusCode::OK);
    // Guesses count for the address.
    let guess = until_refused(&limited, "192.0.2.3:1000", "dev:king:x@000.00.16.H42", "").await.unwrap();
    assert_eq!(guess.status, StatusCode::UNAUTHORIZED);
    let mut last = guess.status;
    for _ in 0..100 {
        last = first("192.0.2.3:1000", "dev:king:x@000.00.16.H42", "").await;
        if last == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    // Those who watch the server are not counted.
    for _ in 0..20 {
        let mut live = Request::get("/livez").body(Body::empty()).unwrap();
        live.extensions_mut().insert(ConnectInfo("192.0.2.1:1000".parse::<SocketAddr>().unwrap()));
        assert_eq!(crate::graphql::answer_of(&limited, live).await.status, StatusCode::OK);
    }
    system.stop().await;
}
