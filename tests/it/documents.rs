//! Trusted documents: who may send which, by what shows who they are; what a manifest has to be; who is told the schema.

use std::path::Path;
use std::sync::Arc;

use api::documents::{Documents, id_of};
use api::http::{Settings, admin_router, router};
use api::input::{AccountKind, Function as FunctionInput, IssueMachineKeyInput, OpenAccountInput};
use api::sign_in::SignIn;
use api::sign_in::issuers::{Issuers, Named};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use infrastructure::clock::Clock;
use infrastructure::read_log::Which;
use serde_json::{Map, Value, json};

use crate::access::{account, group};
use crate::cli::{motcua, stored};
use crate::graphql::{Answer, answer_of};
use crate::sign_in::{self, OWN, Office, instant_of, of_issuer};
use crate::support::issuer::Issuer;
use crate::support::office::{AGENCY, INTAKE, LAN, caller, registered};
use crate::support::{Backend, Place, Server, TempFolder, instant, on_each_backend};

on_each_backend!(
    a_client_sends_its_documents_and_no_other,
    who_may_ask_anything_is_held_to_the_limits,
    a_record_of_a_read_names_the_document,
    the_schema_is_told_to_who_writes_documents,
);

const RESPONSE: &str = "application/graphql-response+json";
const ME: &str = "query Me { me { principalId } }";
const LIST: &str = "query List($first: Int!) { dossiers(first: $first) { nodes { code applicantName } } }";
const OFFICES: &str = "query Offices { agencies { code } }";
const ESTABLISH: &str =
    "mutation M($input: EstablishAgencyInput!) { establishAgency(input: $input) { problems { code } } }";
const SCHEMA: &str = "query Schema { __schema { queryType { name } } }";
const INTEGRATOR: &str = "dev:integrator:may@000.00.16.H42";

/// A manifest as the client preset writes it.
fn manifest(folder: &Path, client: &str, documents: &[&str]) {
    let entry = |text: &&str| (id_of(text).split_once(':').unwrap().1.to_owned(), json!(text));
    let manifest: Map<String, Value> = documents.iter().map(entry).collect();
    std::fs::write(folder.join(format!("{client}.json")), json!(manifest).to_string()).unwrap();
}

async fn documents(of: &[(&str, &[&str])]) -> Option<Arc<Documents>> {
    let folder = TempFolder::new();
    for (client, documents) in of {
        manifest(&folder, client, documents);
    }
    Some(Arc::new(Documents::load(&folder).await.unwrap()))
}

fn post(headers: &[(&str, &str)], body: &Value) -> Request<Body> {
    let mut request =
        Request::post("/graphql").header("accept", RESPONSE).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_string())).unwrap()
}

fn code(answer: &Answer) -> String {
    answer.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
}

async fn by(router: &Router, token: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    answer_of(router, post(if token.is_empty() { &[] } else { &headers }, body)).await
}

async fn a_client_sends_its_documents_and_no_other(backend: Backend) {
    let issuer = Issuer::start(sign_in::now()).await;
    let issuers = Issuers::new(vec![sign_in::settings(&issuer, Named::Staff)]).unwrap();
    let settings = Settings {
        sign_in: SignIn {
            issuers: Arc::new(issuers),
            session_client: Some("portal".to_owned()),
            ..SignIn::default()
        },
        documents: documents(&[
            ("portal", &[ME, ESTABLISH]),
            ("truc-lien-thong", &[ME, LIST]),
            ("cong-vu", &[ME]),
            ("public", &[OFFICES]),
        ])
        .await,
        ..Settings::default()
    };
    // The issuer's tokens are of this second.
    let office = Office::served(backend, Clock::fixed(instant_of(sign_in::now())), settings).await;
    let id = |text: &str| json!({"documentId": id_of(text), "variables": {"first": 1}});
    let text = |text: &str| json!({"query": text});

    // A token, by whom it was issued to.
    office.opened(&of_issuer(&issuer, "lan"), "XEM").await;
    let token = |claims: Value| {
        let mut all = issuer.claims("lan");
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        issuer.signer().sign(&all)
    };
    let of_azp = token(json!({"azp": "cong-vu"}));
    // A key of a machine, by its account.
    let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("truc-lien-thong", AGENCY) };
    let machine = office.opened(&machine, "XEM").await;
    let input = IssueMachineKeyInput {
        idempotency_key: None,
        account_id: machine.0,
        until: (office.service.clock().now() + chrono::TimeDelta::days(30)).date_naive(),
        functions: None,
    };
    let (_, key, _) = office.service.issue_machine_key(&caller(crate::graphql::ADMIN), &input).await.unwrap();
    // A session, by the settings.
    office.somebody("XEM").await;
    let session = office.sign_in(OWN, None).await.cookie();
    let session = [("cookie", session.as_str()), ("sec-fetch-site", "same-origin")];
    let by_session = async |body: &Value| answer_of(&office.router, post(&session, body)).await;
    let ask = async |token: &str, body: &Value| by(&office.router, token, body).await;

    for (who, known, unknown) in [
        (of_azp.as_str(), &[ME, OFFICES][..], &[LIST, ESTABLISH][..]),
        (&token(json!({"client_id": "cong-vu"})), &[ME, OFFICES], &[LIST]),
        (&token(json!({"azp": "cong-vu", "client_id": "cong-vu"})), &[ME, OFFICES], &[LIST]),
        // What contradicts itself, names nobody we know, or says nothing, is no client.
        (&token(json!({"azp": "cong-vu", "client_id": "portal"})), &[OFFICES], &[ME]),
        (&token(json!({"azp": "khac"})), &[OFFICES], &[ME]),
        (&issuer.token_for("lan"), &[OFFICES], &[ME]),
        (key.expose(), &[ME, LIST, OFFICES], &[ESTABLISH]),
        ("", &[OFFICES], &[ME, LIST]),
    ] {
        for document in known {
            let answer = ask(who, &id(document)).await;
            assert_eq!(
                (answer.status, answer.json().get("errors")),
                (StatusCode::OK, None),
                "{}",
                answer.body
            );
        }
        for document in unknown {
            let answer = ask(who, &id(document)).await;
            assert_eq!(code(&answer), "PERSISTED_QUERY_NOT_FOUND", "{who} {document}");
            assert_eq!((answer.status, answer.json().get("data")), (StatusCode::BAD_REQUEST, None));
            assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 1);
        }
        for document in [ME, LIST, "{ agencies { name } }"] {
            let answer = ask(who, &text(document)).await;
            assert_eq!(
                (answer.status, code(&answer).as_str()),
                (StatusCode::BAD_REQUEST, "PERSISTED_QUERY_ID_REQUIRED"),
                "{who} {document}"
            );
        }
    }
    assert_eq!(by_session(&id(ME)).await.status, StatusCode::OK);
    assert_eq!(code(&by_session(&id(LIST)).await), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(code(&by_session(&text(OFFICES)).await), "PERSISTED_QUERY_ID_REQUIRED");
    // Whoever is told by what anybody can set is nobody.
    for name in ["client-id", "x-client-id", "apollographql-client-name", "graphql-client-name"] {
        let bearer = format!("Bearer {of_azp}");
        let headers = [("authorization", bearer.as_str()), (name, "truc-lien-thong")];
        let answer = answer_of(&office.router, post(&headers, &id(LIST))).await;
        assert_eq!(code(&answer), "PERSISTED_QUERY_NOT_FOUND", "{name}");
    }

    // The text may come along, if it is the document's; an empty one is none.
    let both = |text: &str, id: &str| json!({"query": text, "documentId": id});
    assert_eq!(ask(&of_azp, &both(ME, &id_of(ME))).await.status, StatusCode::OK);
    assert_eq!(ask(&of_azp, &both("", &id_of(ME))).await.status, StatusCode::OK);
    for (query, id) in [
        (ME.to_owned(), id_of(OFFICES)),
        (format!("{ME} "), id_of(ME)),
        ("{ agencies { name } }".to_owned(), id_of(ME)),
        (ME.to_owned(), "x".to_owned()),
    ] {
        let answer = ask(&of_azp, &both(&query, &id)).await;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (StatusCode::BAD_REQUEST, "DOCUMENT_ID_MISMATCH")
        );
    }
    // Of a text that is not known, its identifier makes none that is.
    assert_eq!(code(&ask(&of_azp, &both(LIST, &id_of(LIST))).await), "PERSISTED_QUERY_ID_REQUIRED");
    let hash = id_of(ME).split_once(':').unwrap().1.to_owned();
    for unknown in
        [hash.clone(), hash.to_uppercase(), format!("sha256:{}", hash.to_uppercase()), "x".to_owned()]
    {
        let answer = ask(&of_azp, &json!({"documentId": unknown})).await;
        assert_eq!(code(&answer), "PERSISTED_QUERY_NOT_FOUND", "{unknown}");
    }
    // Documents are not learned from those who send them.
    let learn = json!({"query": LIST, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}});
    assert_eq!(code(&ask(&of_azp, &learn).await), "PERSISTED_QUERY_ID_REQUIRED");
    let learnt = json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}});
    assert_eq!(code(&ask(&of_azp, &learnt).await), "BAD_REQUEST");
    // Where the payload has no other place.
    let extended = json!({"query": "", "extensions": {"documentId": id_of(ME)}});
    assert_eq!(ask(&of_azp, &extended).await.status, StatusCode::OK);

    // Older clients read 200 with an error.
    let mut old = post(&[], &id(ME));
    old.headers_mut().insert("accept", "application/json".parse().unwrap());
    let old = answer_of(&office.router, old).await;
    assert_eq!((old.status, code(&old).as_str()), (StatusCode::OK, "PERSISTED_QUERY_NOT_FOUND"));
    // By GET, and mutations not.
    let get = async |id: &str, more: &str| {
        let request = Request::get(format!("/graphql?documentId={id}{more}")).header("accept", RESPONSE);
        let request = request.header("authorization", format!("Bearer {}", key.expose()));
        answer_of(&office.router, request.body(Body::empty()).unwrap()).await
    };
    let listed = get(&id_of(LIST), "&operationName=List&variables=%7B%22first%22%3A1%7D").await;
    assert_eq!(
        (listed.status, listed.json()),
        (StatusCode::OK, json!({"data": {"dossiers": {"nodes": []}}}))
    );
    assert_eq!(code(&get(&id_of(LIST), "&operationName=Other").await), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(code(&get(&id_of(ESTABLISH), "").await), "PERSISTED_QUERY_NOT_FOUND");
    let request = Request::get(format!("/graphql?documentId={}", id_of(ESTABLISH)));
    let request = request.header("cookie", session[0].1).header("sec-fetch-site", "same-origin");
    let by_get = answer_of(&office.router, request.body(Body::empty()).unwrap()).await;
    assert_eq!(by_get.status, StatusCode::METHOD_NOT_ALLOWED, "{}", by_get.body);
    let by_browser =
        Request::get(format!("/graphql?documentId={}", id_of(OFFICES))).header("accept", "text/html");
    let by_browser = answer_of(&office.router, by_browser.body(Body::empty()).unwrap()).await;
    assert_eq!(by_browser.status, StatusCode::NOT_ACCEPTABLE, "somebody who asks is sent to no other page");
}

async fn who_may_ask_anything_is_held_to_the_limits(backend: Backend) {
    let settings = Settings {
        sign_in: SignIn { session_client: Some("portal".to_owned()), ..SignIn::development() },
        documents: documents(&[("portal", &[ME])]).await,
        ..Settings::default()
    };
    let office = Office::served(backend, Clock::fixed(instant("2026-03-02T09:30:00+07:00")), settings).await;
    let ask = async |token: &str, body: &Value| by(&office.router, token, body).await;
    let query = json!({"query": "{ dossiers(first: 1) { totalCount } }"});
    assert_eq!(ask(INTEGRATOR, &query).await.json(), json!({"data": {"dossiers": {"totalCount": 0}}}));
    assert_eq!(code(&ask(LAN, &query).await), "PERSISTED_QUERY_ID_REQUIRED");
    // Theirs as well, by identifiers.
    for token in [INTEGRATOR, LAN] {
        assert_eq!(ask(token, &json!({"documentId": id_of(ME)})).await.status, StatusCode::OK);
    }
    let deep = "{ dossiers(first: 100) { nodes { history { version eventType actor stage dueAt } } } }";
    for (document, refused) in [
        (deep, "QUERY_TOO_COMPLEX"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
    ] {
        assert_eq!(code(&ask(INTEGRATOR, &json!({"query": document})).await), refused);
    }
    // A key that is for something else is not for asking anything.
    let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("may-tich-hop", AGENCY) };
    let id = office.opened(&machine, "TICH_HOP").await;
    for (functions, expected) in [
        (None, ""),
        (Some(vec![FunctionInput::ReadDossiers, FunctionInput::AdHocQueries]), ""),
        (Some(vec![FunctionInput::ReadDossiers]), "PERSISTED_QUERY_ID_REQUIRED"),
        // What lets somebody ask lets nobody see.
        (Some(vec![FunctionInput::AdHocQueries]), "NO_FUNCTION"),
    ] {
        let until = "2026-12-31".parse().unwrap();
        let input = IssueMachineKeyInput { idempotency_key: None, account_id: id.0, until, functions };
        let issued = office.service.issue_machine_key(&caller(crate::graphql::ADMIN), &input).await;
        let (_, key, _) = issued.unwrap();
        assert_eq!(code(&ask(key.expose(), &query).await), expected);
    }
}

/// The name of an operation is what a client calls it; that of a trusted document is the document's.
async fn a_record_of_a_read_names_the_document(backend: Backend) {
    let anonymous = "query($first: Int!) { dossiers(first: $first) { nodes { applicantName } } }";
    let settings = Settings {
        sign_in: SignIn { session_client: Some("portal".to_owned()), ..SignIn::development() },
        documents: documents(&[("portal", &[LIST, anonymous])]).await,
        ..Settings::default()
    };
    let office = Office::served(backend, Clock::fixed(instant("2026-03-02T09:30:00+07:00")), settings).await;
    registered(&office.service, "one").await;
    office.service.read_side.catch_up().await.unwrap();
    let open =
        router(office.service.clone(), Settings { sign_in: SignIn::development(), ..Settings::default() });
    let known = |text: &str, name: Value| json!({"documentId": id_of(text), "operationName": name, "variables": {"first": 1}});
    for body in [known(LIST, Value::Null), known(LIST, json!("List")), known(anonymous, Value::Null)] {
        assert_eq!(by(&office.router, INTAKE, &body).await.status, StatusCode::OK);
    }
    let text = json!({"query": LIST, "variables": {"first": 1}});
    assert_eq!(by(&open, INTAKE, &text).await.status, StatusCode::OK);
    let mut records = office.service.reads.before(Which::default(), i64::MAX, 100).await.unwrap().records;
    records.reverse();
    let names: Vec<_> = records.iter().map(|record| record.read.name.clone().unwrap_or_default()).collect();
    let short = |text: &str| id_of(text)[.."sha256:".len() + 16].to_owned();
    let list = format!("{} List", short(LIST));
    assert_eq!(names, [list.clone(), list, short(anonymous), "List".to_owned()]);
}

async fn the_schema_is_told_to_who_writes_documents(backend: Backend) {
    let known = documents(&[("portal", &[ME, SCHEMA]), ("public", &[SCHEMA])]).await;
    let production = SignIn { session_client: Some("portal".to_owned()), ..SignIn::default() };
    let settings = Settings { sign_in: production.clone(), documents: known.clone(), ..Settings::default() };
    let office = Office::served(backend, Clock::fixed(instant("2026-03-02T09:30:00+07:00")), settings).await;
    let open = router(office.service.clone(), Settings { sign_in: production, ..Settings::default() });
    let developed = Settings { sign_in: SignIn::development(), ..Settings::default() };
    let development = router(office.service.clone(), developed.clone());
    let told = router(office.service.clone(), Settings { documents: known, ..developed });
    let define = async |code: &str, functions: &[FunctionInput]| {
        let group = group(code, functions);
        office.service.define_permission_group(&caller(crate::graphql::ADMIN), &group).await.unwrap();
    };
    define("NOP", &[FunctionInput::File]).await;
    define("TRUY_VAN", &[FunctionInput::AdHocQueries]).await;
    let mut keys = vec![String::new()];
    for group in ["NOP", "XEM", "TRUY_VAN"] {
        let login = format!("may-{}", group.to_lowercase());
        let login = login.replace('_', "-");
        let machine = OpenAccountInput { kind: AccountKind::Machine, ..account(&login, AGENCY) };
        let id = office.opened(&machine, group).await;
        let until = "2026-12-31".parse().unwrap();
        let input = IssueMachineKeyInput { idempotency_key: None, account_id: id.0, until, functions: None };
        let issued = office.service.issue_machine_key(&caller(crate::graphql::ADMIN), &input).await;
        keys.push(issued.unwrap().1.expose().to_owned());
    }
    let [nobody, files, sees, asks] = keys.try_into().unwrap();
    let text = json!({"query": SCHEMA});
    for (who, without, with) in [
        (&nobody, "UNAUTHENTICATED", "PERSISTED_QUERY_ID_REQUIRED"),
        // As a citizen, by what they may do.
        (&files, "NO_FUNCTION", "PERSISTED_QUERY_ID_REQUIRED"),
        (&sees, "", "PERSISTED_QUERY_ID_REQUIRED"),
        (&asks, "", ""),
    ] {
        for (router, expected) in [(&open, without), (&office.router, with)] {
            assert_eq!(code(&by(router, who, &text).await), expected, "{who}");
        }
        // A document that is known tells it to nobody else either.
        let expected = match with {
            "" => "",
            _ if who.is_empty() => "UNAUTHENTICATED",
            _ => "NO_FUNCTION",
        };
        let by_id = json!({"documentId": id_of(SCHEMA)});
        assert_eq!(code(&by(&office.router, who, &by_id).await), expected, "{who}");
    }
    // Where somebody develops it is told to anybody, but not where documents are told beforehand.
    assert_eq!(code(&by(&development, "", &text).await), "");
    assert_eq!(code(&by(&told, "", &text).await), "PERSISTED_QUERY_ID_REQUIRED");
    assert_eq!(code(&by(&told, "", &json!({"documentId": id_of(SCHEMA)})).await), "UNAUTHENTICATED");
    assert_eq!(code(&by(&told, INTEGRATOR, &text).await), "");
    // What is for those who run the server is told as little.
    let admin = admin_router(office.service.clone(), Settings::default());
    let answer = by(&admin, "", &text).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NOT_FOUND, ""));
}

/// All that is wrong is said, with the file and the document.
#[tokio::test]
async fn a_manifest_that_is_not_right_stops_the_start() {
    let folder = TempFolder::new();
    manifest(
        &folder,
        "right",
        &[ME, LIST, OFFICES, ESTABLISH, "subscription S { dossierEvents { position } }"],
    );
    // Too long only for who asks for more rows than are told when nobody says how many.
    let rows =
        "query Q($first: Int!) { dossiers(first: $first) { nodes { history { version eventType } } } }";
    manifest(&folder, "rows", &[rows]);
    assert_eq!(
        Documents::load(&folder).await.unwrap().clients().collect::<Vec<_>>(),
        [("right", 5), ("rows", 1)]
    );
    let prefixed = json!({id_of(ME): ME}).to_string();
    std::fs::write(folder.join("prefixed.json"), prefixed).unwrap();
    std::fs::write(folder.join("read-me.txt"), "no manifest").unwrap();
    assert_eq!(Documents::load(&folder).await.unwrap().clients().count(), 3);
    // One file is one client's.
    let one = Documents::load(&folder.join("rows.json")).await.unwrap();
    assert_eq!(one.clients().collect::<Vec<_>>(), [("rows", 1)]);

    let aliases = (0..41).map(|n| format!("a{n}: __typename ")).collect::<String>();
    let deep =
        format!("{{ __type(name: \"Query\") {{ {} name {} }} }}", "ofType { ".repeat(16), "}".repeat(16));
    let wrong: Vec<(String, &str)> = vec![
        ("{ nothing }".to_owned(), "Unknown field \"nothing\""),
        ("query A { me { principalId } } query B { nothing }".to_owned(), "Unknown field \"nothing\""),
        ("query { dossiers(first: \"x\") { totalCount } }".to_owned(), "Invalid value for argument \"first\""),
        ("query ($first: Int!) { me { principalId } }".to_owned(), "not used"),
        ("{ me {".to_owned(), "expected"),
        (format!("{{ {aliases} }}"), "41 aliases"),
        ("__typename ".repeat(4_001), "4000 tokens"),
        (format!("{{ {} }}", "a { ".repeat(65)), "64 deep"),
        (
            "query ($n: Int!) { dossiers(first: $n) { nodes { schedule { task name group dueAt doneAt }
                history { version eventType actor stage dueAt } a: history { version eventType actor stage dueAt }
                b: history { version eventType actor stage dueAt } c: history { version eventType actor } } } }"
                .to_owned(),
            "costs",
        ),
        (
            "{ dossiers(first: 100) { nodes { history { version eventType actor stage dueAt } } } }".to_owned(),
            "costs",
        ),
        (deep, "fields deep"),
    ];
    let texts: Vec<&str> = wrong.iter().map(|(text, _)| text.as_str()).collect();
    manifest(&folder, "wrong", &texts);
    let sha1 = json!({"356a192b7913b04c54574d18c28d46e6395428ab": ME, id_of(LIST): ME}).to_string();
    std::fs::write(folder.join("other.json"), sha1).unwrap();
    std::fs::write(folder.join("list.json"), "[]").unwrap();
    let found = Documents::load(&folder).await.unwrap_err();
    let said = found.to_string();
    for (text, reason) in &wrong {
        let hash = id_of(text).split_once(':').unwrap().1.to_owned();
        let of_it = found.0.iter().filter(|wrong| wrong.hash.as_deref() == Some(&hash));
        assert!(of_it.clone().any(|wrong| wrong.reason.contains(reason)), "{text}: {reason}: {said}");
        assert!(of_it.clone().all(|wrong| wrong.file.ends_with("wrong.json")));
    }
    let of_hash = id_of(ME).split_once(':').unwrap().1.to_owned();
    for hash in ["356a192b7913b04c54574d18c28d46e6395428ab", &id_of(LIST)] {
        let line = format!("other.json: {hash}: the SHA-256 of its text is {of_hash}");
        assert!(said.contains(&line), "{said}");
    }
    assert!(said.contains("list.json: it is no object of hashes and texts"), "{said}");
    assert!(!said.contains("right.json") && !said.contains("rows.json"), "{said}");

    let empty = TempFolder::new();
    for (path, reason) in
        [(&*empty, "there is no *.json in it"), (&empty.join("gone.json"), "it cannot be read")]
    {
        let said = Documents::load(path).await.unwrap_err().to_string();
        assert!(said.contains(reason), "{said}");
    }
    // And the program does not begin to serve.
    let place = Place::new(Backend::Sqlite).await;
    let path = folder.display().to_string();
    let output = motcua(&place.folder, &stored(&place, &["serve", "--documents", &path])).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for said in ["Unknown field \"nothing\"", "41 aliases", "the SHA-256 of its text is", "list.json"] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
    assert!(!stderr.contains("listening"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_takes_the_documents_of_a_folder() {
    let place = Place::with_keys(Backend::Sqlite).await;
    let folder = TempFolder::new();
    manifest(&folder, "cong-dvc", &[ME]);
    manifest(&folder, "public", &[OFFICES]);
    let path = folder.display().to_string();
    let server = Server::start_with(&place, &["--documents", &path, "--session-client", "cong-dvc"]).await;
    let url = format!("http://{}/graphql", server.address);
    let ask = async |token: &str, body: Value| {
        let mut request = reqwest::Client::new().post(&url).json(&body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let offices = ask("", json!({"documentId": id_of(OFFICES)})).await;
    assert_eq!(offices, json!({"data": {"agencies": []}}));
    let me = ask(LAN, json!({"documentId": id_of(ME)})).await;
    assert!(me["data"]["me"]["principalId"].is_string(), "{me}");
    let refused = ask(LAN, json!({"query": ME})).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_ID_REQUIRED");
    server.kill().await;
}

/// Without them everything is taken, within the limits; an identifier is of nothing.
#[tokio::test(flavor = "multi_thread")]
async fn where_no_documents_are_told_anybody_asks_anything() {
    let clock = Clock::fixed(instant("2026-03-02T09:30:00+07:00"));
    let office = Office::new(Backend::Sqlite, clock, SignIn::development()).await;
    assert_eq!(by(&office.router, "", &json!({"query": OFFICES})).await.status, StatusCode::OK);
    let answer = by(&office.router, "", &json!({"documentId": id_of(OFFICES)})).await;
    assert_eq!(code(&answer), "PERSISTED_QUERY_NOT_FOUND");
    let both = json!({"query": OFFICES, "documentId": id_of(OFFICES)});
    assert_eq!(by(&office.router, "", &both).await.status, StatusCode::OK);
}
