//! Files of dossiers as clients and operators meet them: through the router, the real binary, and the folder they lie in.

use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::Duration;

use api::http::{Settings, router};
use api::input::{ReasonInput, WithdrawDossierInput};
use api::service::{Accepted, FilePolicy, Service, Shown};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use domain::dossier;
use domain::private::KeyOwner;
use futures::{StreamExt, stream};
use infrastructure::clock::Clock;
use infrastructure::scanner::Scanner;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use crate::cli::{json_of, motcua, stored};
use crate::support::office::{
    CITIZEN, HUNG, INTAKE, LAN, LEADER, MAI, caller, established, key, on, open, registered, submission,
};
use crate::support::{Backend, Place, Server, assert_sound, on_each_backend, whole_log};

on_each_backend!(
    a_file_comes_in_and_goes_out,
    any_part_of_a_file_can_be_had,
    who_may_not_is_told_before_a_byte_is_read,
    a_retry_gets_the_first_answer,
    whoever_sends_slowly_keeps_nobody_else_out,
    what_is_not_taken_leaves_nothing_behind,
    what_is_not_known_to_be_clean_is_not_taken,
    a_destroyed_key_and_a_damaged_object_give_nothing,
    an_event_never_names_what_is_not_there,
    an_upload_under_way_when_the_server_is_killed_is_done_once,
);

const NAME: &str = "Đơn MẪU Nguyễn Thị Mơ.pdf";
const ENCODED: &str = "%C4%90%C6%A1n%20M%E1%BA%AAU%20Nguy%E1%BB%85n%20Th%E1%BB%8B%20M%C6%A1.pdf";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Result<Vec<u8>, axum::Error>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn bytes(&self) -> &[u8] {
        self.body.as_deref().unwrap()
    }

    fn json(&self) -> Value {
        let text = String::from_utf8_lossy(self.bytes());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {} {text}", self.status))
    }

    #[track_caller]
    fn refused(&self, status: StatusCode, code: &str) {
        let answer = self.json();
        assert_eq!(
            (self.status, &answer["errors"][0]["extensions"]["code"]),
            (status, &json!(code)),
            "{answer}"
        );
    }
}

async fn send(service: &Service, request: Request<Body>) -> Answer {
    let router = router(
        service.clone(),
        Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() },
    );
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map(|body| body.to_vec());
    Answer { status: parts.status, headers: parts.headers, body }
}

/// An upload that can be changed before it is sent.
fn uploading(dossier: &Accepted, name: &str, token: &str) -> axum::http::request::Builder {
    Request::post(format!("/dossiers/{}/files?purpose=paper&paper=DON_DE_NGHI", dossier.dossier_id))
        .header("authorization", format!("Bearer {token}"))
        .header("idempotency-key", key(name).to_string())
        .header("content-type", "application/pdf")
}

async fn upload(service: &Service, dossier: &Accepted, name: &str, content: Vec<u8>) -> Answer {
    send(service, uploading(dossier, name, INTAKE).body(Body::from(content)).unwrap()).await
}

/// Attached, and its id.
async fn attached(service: &Service, dossier: &Accepted, name: &str, content: Vec<u8>) -> String {
    let answer = upload(service, dossier, name, content).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    answer.json()["file"].as_str().unwrap().to_owned()
}

fn getting(dossier: &Accepted, file: &str, token: &str) -> axum::http::request::Builder {
    Request::get(format!("/dossiers/{}/files/{file}", dossier.dossier_id))
        .header("authorization", format!("Bearer {token}"))
}

async fn get(service: &Service, dossier: &Accepted, file: &str, token: &str) -> Answer {
    send(service, getting(dossier, file, token).body(Body::empty()).unwrap()).await
}

fn pdf(size: usize) -> Vec<u8> {
    let mut content = b"%PDF-1.7\nMAU Nguyen Thi Mo\n".to_vec();
    content.extend((content.len()..size).map(|n| u8::try_from(n % 251).unwrap()));
    content
}

async fn office(backend: Backend) -> (Place, Service, Accepted) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, Clock::System).await;
    let dossier = registered(&service, "one").await;
    (place, service, dossier)
}

/// Every file in a part of the content store.
fn lying(place: &Place, part: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![place.location().files.join(part)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

fn count(place: &Place) -> (usize, usize) {
    (lying(place, "objects").len(), lying(place, "incoming").len())
}

async fn a_file_comes_in_and_goes_out(backend: Backend) {
    let (place, service, dossier) = office(backend).await;
    // More than the limit of other requests.
    let content = pdf(3_000_000);
    let request = uploading(&dossier, "a", INTAKE).header("x-file-name", ENCODED);
    let answer = send(&service, request.body(Body::from(content.clone())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    let said = answer.json();
    assert_eq!((&said["size"], &said["version"]), (&json!(3_000_000), &json!(3)));
    let (file, sha256) = (said["file"].as_str().unwrap(), said["sha256"].as_str().unwrap());

    let answer = get(&service, &dossier, file, INTAKE).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.bytes() == content);
    for (header, value) in [
        ("content-type", "application/pdf"),
        ("content-length", "3000000"),
        ("etag", &format!("\"{sha256}\"")),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(header), value, "{header}");
    }
    let disposition =
        format!("attachment; filename=\"{}-{file}.pdf\"; filename*=UTF-8''{ENCODED}", dossier.code.as_str());
    assert_eq!(answer.header("content-disposition"), disposition);

    // Nothing plain lies anywhere, and the name is nowhere in the log.
    let [object] = lying(&place, "objects").try_into().unwrap();
    assert!(object.ends_with(format!("{file}-{sha256}")), "{}", object.display());
    assert!(!std::fs::read(&object).unwrap().windows(6).any(|window| window == b"Nguyen"));
    let rows = whole_log(service.store()).await;
    let row = rows.last().unwrap();
    assert_eq!(row.type_name, "dossier.file_attached.v1");
    assert!(!row.data.contains("MẪU") && row.data.contains(sha256), "{}", row.data);

    // The list: the name for who may read it. Nothing else of the dossier has moved.
    service.read_side.catch_up().await.unwrap();
    for (token, name) in [(INTAKE, json!(NAME)), (LEADER, Value::Null)] {
        let query = format!(
            "{{ dossier(code: \"{}\") {{ stage files {{ id purpose paper mediaType size sha256 name }} }} }}",
            dossier.code.as_str()
        );
        let request = Request::post("/graphql")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let answer =
            send(&service, request.body(Body::from(json!({"query": query}).to_string())).unwrap()).await;
        let expected = json!([{
            "id": file, "purpose": "PAPER", "paper": "DON_DE_NGHI", "mediaType": "application/pdf",
            "size": "3000000", "sha256": sha256, "name": name,
        }]);
        let dossier = &answer.json()["data"]["dossier"];
        assert_eq!((&dossier["files"], &dossier["stage"]), (&expected, &json!("RECEIVED")), "{token}");
    }
}

async fn any_part_of_a_file_can_be_had(backend: Backend) {
    let (_place, service, dossier) = office(backend).await;
    let content = pdf(200_000);
    let file = attached(&service, &dossier, "a", content.clone()).await;
    let whole = get(&service, &dossier, &file, INTAKE).await;
    let ranged = async |range: &str, if_range: Option<&str>| {
        let mut request = getting(&dossier, &file, INTAKE).header("range", range);
        if let Some(tag) = if_range {
            request = request.header("if-range", tag);
        }
        send(&service, request.body(Body::empty()).unwrap()).await
    };
    for (range, from, until) in [
        ("bytes=0-0", 0, 1),
        ("bytes=65530-131080", 65_530, 131_081),
        ("bytes=-5", 199_995, 200_000),
        ("bytes=131072-", 131_072, 200_000),
    ] {
        let answer = ranged(range, Some(whole.header("etag"))).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(answer.header("content-range"), format!("bytes {from}-{}/200000", until - 1));
        assert_eq!(answer.header("content-length"), (until - from).to_string());
        assert!(answer.bytes() == &content[from..until], "{range}");
    }
    let beyond = ranged("bytes=200000-", None).await;
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */200000")
    );
    for answer in [ranged("bytes=0-0", Some("\"another\"")).await, ranged("bytes=0-0,9-9", None).await] {
        assert_eq!((answer.status, answer.bytes().len()), (StatusCode::OK, 200_000));
    }
    let head = getting(&dossier, &file, INTAKE).method("HEAD").header("range", "bytes=0-0");
    let head = send(&service, head.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (head.status, head.header("content-length"), head.bytes()),
        (StatusCode::OK, "200000", &[][..])
    );
}

async fn who_may_not_is_told_before_a_byte_is_read(backend: Backend) {
    let (place, service, dossier) = office(backend).await;
    let unread = || {
        let piece =
            |_: &mut Context<'_>| -> Poll<Option<std::io::Result<Vec<u8>>>> { panic!("the body is read") };
        Body::from_stream(stream::poll_fn(piece))
    };
    for (token, status, code) in [
        ("dev:king:x@nowhere", StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        (CITIZEN, StatusCode::NOT_FOUND, "NOT_FOUND"),
        (LAN, StatusCode::FORBIDDEN, "NO_FUNCTION"),
        (MAI, StatusCode::NOT_FOUND, "NOT_FOUND"),
        ("dev:intake:xa@000.00.17.H42", StatusCode::NOT_FOUND, "NOT_FOUND"),
    ] {
        let answer = send(&service, uploading(&dossier, "a", token).body(unread()).unwrap()).await;
        answer.refused(status, code);
    }
    // A result is for who has it in hand as well.
    let result = |name: &str, token: &str| {
        let path = format!("/dossiers/{}/files?purpose=result", dossier.dossier_id);
        uploading(&dossier, name, token).uri(path)
    };
    let forward = crate::support::office::forward_to(LAN, key("forward"), dossier.dossier_id);
    service.forward_dossier(&caller(LEADER), &forward).await.unwrap();
    send(&service, result("r", HUNG).body(unread()).unwrap())
        .await
        .refused(StatusCode::FORBIDDEN, "NOT_ASSIGNEE");
    for token in [LAN, INTAKE] {
        let answer = send(&service, result(token, token).body(Body::from(pdf(100))).unwrap()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{token}: {:?}", answer.body);
    }
    // What the rules say no to costs no upload either.
    let online = service.submit_dossier(&caller(CITIZEN), &submission(key("online")), None).await.unwrap();
    let path = format!("/dossiers/{}/files?purpose=result", online.dossier_id);
    let answer = send(&service, uploading(&online, "b", INTAKE).uri(path).body(unread()).unwrap()).await;
    answer.refused(StatusCode::CONFLICT, "INVALID_TRANSITION");
    let path = format!("/dossiers/{}/files?purpose=paper", dossier.dossier_id);
    let answer = send(&service, uploading(&dossier, "c", INTAKE).uri(path).body(unread()).unwrap()).await;
    answer.refused(StatusCode::UNPROCESSABLE_ENTITY, "PAPER_NOT_NAMED");
    let withdraw = WithdrawDossierInput { on: on(key("withdraw"), online.dossier_id), reason: None };
    service.withdraw_dossier(&caller(INTAKE), &withdraw).await.unwrap();
    let answer = send(&service, uploading(&online, "d", INTAKE).body(unread()).unwrap()).await;
    answer.refused(StatusCode::CONFLICT, "INVALID_TRANSITION");
    assert_eq!(count(&place), (2, 0));

    // Reading is for who may read the papers.
    let file = attached(&service, &dossier, "e", pdf(100)).await;
    for (token, status, code) in [
        (CITIZEN, StatusCode::NOT_FOUND, "NOT_FOUND"),
        (LEADER, StatusCode::FORBIDDEN, "NO_FUNCTION"),
        (MAI, StatusCode::NOT_FOUND, "NOT_FOUND"),
    ] {
        get(&service, &dossier, &file, token).await.refused(status, code);
    }
    get(&service, &online, &file, INTAKE).await.refused(StatusCode::NOT_FOUND, "NOT_FOUND");
    get(&service, &dossier, "x", INTAKE).await.refused(StatusCode::NOT_FOUND, "NOT_FOUND");
}

/// Uploads that begin and do not end are counted for who sends them: also those that say again what was said.
async fn whoever_sends_slowly_keeps_nobody_else_out(backend: Backend) {
    let (place, service, dossier) = office(backend).await;
    let own = service.submit_dossier(&caller(CITIZEN), &submission(key("own")), None).await.unwrap();
    let slow = |name: &str| {
        let begin = stream::once(async { Ok::<_, std::io::Error>(pdf(70_000)) }).chain(stream::pending());
        let request = uploading(&own, name, CITIZEN).body(Body::from_stream(begin)).unwrap();
        let service = service.clone();
        tokio::spawn(async move { send(&service, request).await })
    };
    let quick = |name: &str| uploading(&own, name, CITIZEN).body(Body::from(pdf(100))).unwrap();
    assert_eq!(send(&service, quick("done")).await.status, StatusCode::CREATED);
    let under_way: Vec<_> = (0..6).map(|n| slow(&format!("slow {n}"))).collect();
    let all_began = async {
        while lying(&place, "incoming").len() < 6 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_began).await.expect("they are under way");
    for name in ["seventh", "done"] {
        let answer = send(&service, quick(name)).await;
        answer.refused(StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_UPLOADS");
    }
    // The counter goes on.
    attached(&service, &dossier, "at the counter", pdf(100)).await;
    for one in under_way {
        one.abort();
        assert!(one.await.is_err_and(|error| error.is_cancelled()));
    }
    assert_eq!(send(&service, quick("seventh")).await.status, StatusCode::CREATED);
}

async fn a_retry_gets_the_first_answer(backend: Backend) {
    let (place, service, dossier) = office(backend).await;
    let first = upload(&service, &dossier, "a", pdf(70_000)).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let again = upload(&service, &dossier, "a", pdf(70_000)).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, first.json()));
    // Another content, another name, another dossier: another request.
    let other = registered(&service, "two").await;
    upload(&service, &dossier, "a", pdf(70_001))
        .await
        .refused(StatusCode::CONFLICT, "IDEMPOTENCY_KEY_REUSED");
    upload(&service, &other, "a", pdf(70_000)).await.refused(StatusCode::CONFLICT, "IDEMPOTENCY_KEY_REUSED");
    let named = uploading(&dossier, "a", INTAKE).header("x-file-name", "b.pdf");
    let answer = send(&service, named.body(Body::from(pdf(70_000))).unwrap()).await;
    answer.refused(StatusCode::CONFLICT, "IDEMPOTENCY_KEY_REUSED");
    // Also once the dossier takes no more.
    let stop =
        ReasonInput { on: on(key("stop"), dossier.dossier_id), reason: "Đất có tranh chấp".to_owned() };
    service.stop_dossier(&caller(LEADER), &stop).await.unwrap();
    assert_eq!(upload(&service, &dossier, "a", pdf(70_000)).await.json(), first.json());
    assert_eq!(count(&place), (1, 0));

    // Many tries at once: one event, and one object.
    let tries = (0..6).map(|_| upload(&service, &other, "many", pdf(300_000)));
    let answers = futures::future::join_all(tries).await;
    let answers: Vec<_> = answers.iter().map(|answer| (answer.status.is_success(), answer.json())).collect();
    assert!(answers.iter().all(|answer| *answer == (true, answers[0].1.clone())), "{answers:?}");
    assert_eq!(count(&place), (2, 0));
    let file = answers[0].1["file"].as_str().unwrap();
    assert!(get(&service, &other, file, INTAKE).await.bytes() == pdf(300_000));
}

async fn what_is_not_taken_leaves_nothing_behind(backend: Backend) {
    let (place, service, dossier) = office(backend).await;
    let service = service.taking_files(FilePolicy { bytes_max: 100_000, scanner: None });
    let head = service.store().head().await.unwrap();
    upload(&service, &dossier, "a", pdf(100_001))
        .await
        .refused(StatusCode::PAYLOAD_TOO_LARGE, "FILE_TOO_LARGE");
    // Without saying how large it is.
    let streamed = |content: Vec<u8>| {
        let pieces: Vec<_> =
            content.chunks(8_192).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        Body::from_stream(stream::iter(pieces))
    };
    let answer = send(&service, uploading(&dossier, "b", INTAKE).body(streamed(pdf(100_001))).unwrap()).await;
    answer.refused(StatusCode::PAYLOAD_TOO_LARGE, "FILE_TOO_LARGE");
    upload(&service, &dossier, "c", Vec::new()).await.refused(StatusCode::UNPROCESSABLE_ENTITY, "FILE_EMPTY");
    for content in [b"MZ\x90\0".to_vec(), b"<html>".repeat(16_000)] {
        let answer = upload(&service, &dossier, "d", content).await;
        answer.refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "FILE_TYPE_MISMATCH");
    }
    let typed = |media: &str| {
        Request::post(format!("/dossiers/{}/files?purpose=paper&paper=A", dossier.dossier_id))
            .header("authorization", format!("Bearer {INTAKE}"))
            .header("idempotency-key", key("e").to_string())
            .header("content-type", media.to_owned())
    };
    for media in ["text/html", "application/octet-stream", "application/x-msdownload", "x"] {
        let answer = send(&service, typed(media).body(Body::from("MZ")).unwrap()).await;
        answer.refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "FILE_TYPE_NOT_ALLOWED");
    }
    // A body that breaks off.
    let pieces = [Ok(pdf(9_000)), Err(std::io::Error::other("cut"))];
    let cut = uploading(&dossier, "f", INTAKE).body(Body::from_stream(stream::iter(pieces))).unwrap();
    send(&service, cut).await.refused(StatusCode::BAD_REQUEST, "UPLOAD_BROKEN");
    // What is said about it.
    let path = |query: &str| format!("/dossiers/{}/files{query}", dossier.dossier_id);
    for query in ["", "?purpose=form", "?paper=A", "?purpose=paper&paper=A%20B"] {
        let request = uploading(&dossier, "g", INTAKE).uri(path(query));
        let answer = send(&service, request.body(Body::from(pdf(100))).unwrap()).await;
        answer.refused(StatusCode::BAD_REQUEST, "BAD_USER_INPUT");
    }
    for name in ["%ff", "a%2Fb.pdf", "a%0D%0Ab.pdf", "%E2%80%AEfdp.exe"] {
        let request = uploading(&dossier, "h", INTAKE).header("x-file-name", name);
        let answer = send(&service, request.body(Body::from(pdf(100))).unwrap()).await;
        answer.refused(StatusCode::BAD_REQUEST, "BAD_USER_INPUT");
    }
    let request = Request::post(path("?purpose=paper&paper=A"))
        .header("authorization", format!("Bearer {INTAKE}"))
        .header("content-type", "application/pdf");
    let answer = send(&service, request.body(Body::from(pdf(100))).unwrap()).await;
    answer.refused(StatusCode::BAD_REQUEST, "BAD_USER_INPUT");
    assert_eq!(count(&place), (0, 0));
    assert_eq!(service.store().head().await.unwrap(), head);
    // At the limit it is taken.
    attached(&service, &dossier, "i", pdf(100_000)).await;
}

async fn what_is_not_known_to_be_clean_is_not_taken(backend: Backend) {
    let (place, service, dossier) = office(backend).await;
    let script = place.folder.join("scanner.sh");
    std::fs::write(&script, "if grep -aq EICAR; then exit 1; fi\n").unwrap();
    let with = |command: &str| {
        let scanner = Scanner::parse(command, Duration::from_millis(700)).unwrap();
        service.clone().taking_files(FilePolicy { scanner: Some(scanner), ..FilePolicy::default() })
    };
    let scanning = with(&format!("sh '{}'", script.display()));
    attached(&scanning, &dossier, "clean", pdf(300_000)).await;
    let infected = [pdf(200_000), b"EICAR".to_vec()].concat();
    let answer = upload(&scanning, &dossier, "infected", infected).await;
    answer.refused(StatusCode::UNPROCESSABLE_ENTITY, "FILE_INFECTED");
    for command in ["sh -c 'cat >/dev/null; exit 2'", "sh -c 'kill -9 $$'", "sleep 60", "/nowhere/scanner"] {
        let answer = upload(&with(command), &dossier, command, pdf(300_000)).await;
        answer.refused(StatusCode::SERVICE_UNAVAILABLE, "SCANNER_UNAVAILABLE");
    }
    assert_eq!(count(&place), (1, 0));
}

async fn a_destroyed_key_and_a_damaged_object_give_nothing(backend: Backend) {
    let (place, service, dossier) = office(backend).await;
    let file = attached(&service, &dossier, "a", pdf(200_000)).await;
    let [object] = lying(&place, "objects").try_into().unwrap();
    let sound = std::fs::read(&object).unwrap();
    let damage = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&object, bytes).unwrap();
    };
    // In what is read first it is an error; later the answer breaks off, and is never short and whole.
    for at in [20, 500] {
        damage(at);
        get(&service, &dossier, &file, INTAKE).await.refused(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL");
    }
    damage(150_000);
    let broken = get(&service, &dossier, &file, INTAKE).await;
    assert_eq!(broken.status, StatusCode::OK);
    assert!(broken.body.is_err(), "{} bytes", broken.bytes().len());
    let range = getting(&dossier, &file, INTAKE).header("range", "bytes=0-99");
    assert_eq!(send(&service, range.body(Body::empty()).unwrap()).await.status, StatusCode::PARTIAL_CONTENT);
    std::fs::write(&object, &sound[..sound.len() - 100]).unwrap();
    get(&service, &dossier, &file, INTAKE).await.refused(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL");
    std::fs::remove_file(&object).unwrap();
    get(&service, &dossier, &file, INTAKE).await.refused(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL");
    std::fs::write(&object, &sound).unwrap();
    assert!(get(&service, &dossier, &file, INTAKE).await.bytes() == pdf(200_000));

    let stream = dossier::stream(dossier.dossier_id);
    let known = service.executor.load::<dossier::Dossier>(&stream).await.unwrap();
    let key = known.state.key(KeyOwner::Dossier).unwrap();
    service.executor.keys.destroy(key).await.unwrap();
    get(&service, &dossier, &file, INTAKE).await.refused(StatusCode::GONE, "FILE_GONE");
    upload(&service, &dossier, "b", pdf(100)).await.refused(StatusCode::GONE, "FILE_GONE");
}

fn make_old(path: &PathBuf) {
    let old = path.metadata().unwrap().modified().unwrap() - Duration::from_secs(2 * 24 * 60 * 60);
    std::fs::File::options().append(true).open(path).unwrap().set_modified(old).unwrap();
}

/// The log takes no event: the object is on disk before, and nobody's after. What is nobody's is collected, and only that.
async fn an_event_never_names_what_is_not_there(backend: Backend) {
    let (place, service, dossier) = office(backend).await;
    attached(&service, &dossier, "first", pdf(1_000)).await;
    place.refuse_insert("NEW.type = 'dossier.file_attached.v1'", "P0001").await;
    let answer = upload(&service, &dossier, "a", pdf(2_000)).await;
    answer.refused(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL");
    assert_eq!(count(&place), (2, 0), "whole, and before the event");
    place.allow_insert().await;
    let file = attached(&service, &dossier, "a", pdf(2_000)).await;
    assert_eq!(count(&place), (3, 0));
    std::fs::write(place.location().files.join("incoming/half.tmp"), "half").unwrap();
    std::fs::write(place.location().files.join("incoming/letter"), "no file of ours").unwrap();

    let run = async |arguments: &[&str]| motcua(&place.folder, &stored(&place, arguments)).await;
    // Whatever is young may be an upload that is under way.
    let collected = json_of(&run(&["files", "collect", "--json"]).await, 0);
    assert_eq!((&collected["objects"], &collected["incoming"]), (&json!(0), &json!(0)), "{collected}");
    lying(&place, "").iter().for_each(make_old);
    let dry = json_of(&run(&["files", "collect", "--dry-run", "--json"]).await, 0);
    assert_eq!(
        (&dry["objects"], &dry["incoming"], &dry["unknown"]),
        (&json!(1), &json!(1), &json!(1)),
        "{dry}"
    );
    assert_eq!(count(&place), (3, 2));
    let collected = json_of(&run(&["files", "collect", "--older-than", "24h", "--json"]).await, 0);
    assert_eq!((&collected["objects"], &collected["incoming"]), (&json!(1), &json!(1)), "{collected}");
    assert_eq!(count(&place), (2, 1));
    let soon = run(&["files", "collect", "--older-than", "5m"]).await;
    assert_eq!(soon.status.code(), Some(2));

    // What the log names is there, and unchanged.
    let verified = json_of(&run(&["files", "verify", "--json"]).await, 0);
    assert_eq!((&verified["files"], &verified["bytes"]), (&json!(2), &json!(3_000)), "{verified}");
    assert!(get(&service, &dossier, &file, INTAKE).await.bytes() == pdf(2_000));
    let objects = lying(&place, "objects");
    let damaged = objects.iter().find(|path| path.to_string_lossy().contains(&file)).unwrap();
    let mut bytes = std::fs::read(damaged).unwrap();
    bytes[1_000] ^= 1;
    std::fs::write(damaged, bytes).unwrap();
    let verified = json_of(&run(&["files", "verify", "--json"]).await, 1);
    assert!(
        verified["damaged"].to_string().contains(&file) && verified["missing"] == json!([]),
        "{verified}"
    );
    std::fs::remove_file(damaged).unwrap();
    let verified = json_of(&run(&["files", "verify", "--json"]).await, 1);
    assert!(
        verified["missing"].to_string().contains(&file) && verified["damaged"] == json!([]),
        "{verified}"
    );
}

/// Posts a file over a connection of its own. An error says nothing about what the server did.
async fn post(address: &str, dossier: &Accepted, name: &str, content: &[u8]) -> std::io::Result<String> {
    let mut connection = tokio::net::TcpStream::connect(address).await?;
    let head = format!(
        "POST /dossiers/{}/files?purpose=paper&paper=DON HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {INTAKE}\r\n\
         Idempotency-Key: {}\r\nContent-Type: application/pdf\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        dossier.dossier_id,
        key(name),
        content.len(),
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(content).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Killed while the object is on disk and its event waits for the log: there is an event with its object, or none.
async fn an_upload_under_way_when_the_server_is_killed_is_done_once(backend: Backend) {
    let (place, service, dossier) = office(backend).await;
    drop(service);
    let content = pdf(150_000);
    for round in 0..2 {
        let name = format!("round {round}");
        let server = Server::start(&place).await;
        let lock = place.lock_log().await;
        let before = lying(&place, "objects").len();
        let address = server.address.clone();
        let under_way =
            tokio::time::timeout(Duration::from_secs(2), post(&address, &dossier, &name, &content));
        assert!(under_way.await.is_err(), "answered while the log was locked");
        assert_eq!(lying(&place, "objects").len(), before + 1, "on disk before the event");
        if round == 0 {
            server.kill().await;
            lock.release().await;
        } else {
            tokio::join!(lock.release(), server.kill());
        }
        let server = Server::start(&place).await;
        let answer = post(&server.address, &dossier, &name, &content).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        server.kill().await;
    }
    let service = open(&place, Clock::System).await;
    let rows = whole_log(service.store()).await;
    assert_sound(&rows);
    assert_eq!(rows.iter().filter(|row| row.type_name == "dossier.file_attached.v1").count(), 2);
    let verified = json_of(&motcua(&place.folder, &stored(&place, &["files", "verify", "--json"])).await, 0);
    assert_eq!(verified["files"], json!(2), "{verified}");
    let history = service.history(&caller(INTAKE), dossier.dossier_id).await.unwrap();
    for file in service.files_of(dossier.dossier_id, &history, Shown::Plain).await.unwrap() {
        let answer = get(&service, &dossier, &file.attached.file.to_string(), INTAKE).await;
        assert!(answer.bytes() == content);
    }
}
