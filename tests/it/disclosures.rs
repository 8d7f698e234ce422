//! Break-glass: what it opens, to whom and for how long; that each read by it is written down under its name; who looks at it,
//! and that the heads are told. Why personal data is read. docs/adr/0024

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use api::input::{AcknowledgeDisclosureInput, BreakGlassInput, DisclosureFinding, DisclosureReason};
use api::notices::{Notifier, Round, Settings};
use api::problem::ServiceError;
use api::service::{Caller, DisclosurePolicy, Exposed, PersonalField, ReadThrough, Searched, Shown};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use chrono::TimeDelta;
use domain::access::{Function, Purpose, Scope};
use domain::identity::{DisclosureId, DossierId};
use domain::notice::{self, Way};
use domain::recorded::Version;
use futures::StreamExt;
use infrastructure::clock::Clock;
use infrastructure::read_log::{Numbered, Read, Which};
use projections::Model;
use projections::notice::DeliveryState;
use projections::read_side::Follower;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::notices::{NOTHING, Office as Reminded, person};
use crate::read_models::told_anew_they_say_the_same;
use crate::reads::{
    AUDITOR, FOREIGN_INTAKE, NAME, NOW, Office, SUBJECT, VALUES, Way as Asking, auditor_of, question,
    register, ways,
};
use crate::support::binary::Server;
use crate::support::http::Client;
use crate::support::office::{
    ADMIN, AGENCY, INTAKE, LAN, LEADER, MAI, OTHER_AGENCY, caller, hand_over, key, open, registration,
};
use crate::support::receiver::{Answer, MailServer};
use crate::support::{Backend, instant, on_each_backend, whole_log};

on_each_backend!(
    broken_glass_shows_one_dossier_to_one_person_for_its_time_and_each_read_names_it,
    an_event_is_told_in_plain_as_long_as_the_glass_is_broken,
    who_may_not_break_the_glass_opens_nothing,
    nothing_is_seen_that_the_log_does_not_say_was_opened,
    an_auditor_looks_at_each_and_nobody_at_their_own,
    the_heads_are_told_once_whatever_happens,
    the_log_of_the_program_is_told_where_nobody_else_is,
    an_auditor_of_a_small_agency_finds_the_one_of_theirs,
    each_read_says_what_it_was_for_and_an_unknown_purpose_is_refused,
    records_of_before_there_were_purposes_are_whole,
);

/// Sees dossiers masked, and may break the glass.
const DUTY: &str = "dev:duty:truc@000.00.16.H42";
const OTHER_DUTY: &str = "dev:duty:truc-khac@000.00.16.H42";
const FOREIGN_DUTY: &str = "dev:duty:truc-so@000.00.17.H42";
const NOTE: &str = "MẪU bà Quỳnh ngất tại quầy, cần báo người nhà";

const BREAK: &str = "mutation($input: BreakGlassInput!) { breakGlass(input: $input) {
    disclosureId until position problems { code } dossier { applicantName } } }";

fn breaking(name: &str, dossier: DossierId) -> BreakGlassInput {
    BreakGlassInput {
        idempotency_key: key(name),
        dossier_id: dossier.0,
        reason: DisclosureReason::Danger,
        note: NOTE.to_owned(),
    }
}

fn asking(token: &str, query: &str, variables: Value) -> Request<Body> {
    let mut request = question(token, query);
    *request.body_mut() = Body::from(json!({"query": query, "variables": variables}).to_string());
    request
}

/// An office whose read models follow.
struct Watched {
    office: Office,
    clock: Clock,
    follower: Mutex<Option<Follower>>,
}

impl Watched {
    async fn new(backend: Backend) -> Self {
        let clock = Clock::fixed(instant(NOW));
        let office = Office::new(backend, clock.clone()).await;
        let follower = Mutex::new(Some(office.service.read_side.follow()));
        Self { office, clock, follower }
    }

    /// Nothing is fed any more.
    async fn stop(&self) {
        let follower = self.follower.lock().unwrap().take();
        follower.unwrap().stop().await;
    }

    async fn ask(&self, token: &str, query: &str, variables: Value) -> Value {
        let answer = self.office.send(asking(token, query, variables)).await;
        serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{error}: {}", answer.text))
    }

    async fn break_glass(&self, token: &str, name: &str, dossier: DossierId, note: &str) -> Value {
        let input = json!({
            "idempotencyKey": key(name), "dossierId": dossier.0, "reason": "DANGER", "note": note,
        });
        let answer = self.ask(token, BREAK, json!({"input": input})).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"]["breakGlass"].clone()
    }

    /// Of all answers to who asks in every way that shows something of one dossier.
    async fn seen(&self, token: &str) -> Vec<(Asking, crate::reads::Answer)> {
        let mut seen = Vec::new();
        for way in ways(&self.office).into_iter().filter(is_of_one_dossier) {
            let answer = self.office.send((way.request)(token)).await;
            seen.push((way, answer));
        }
        seen
    }

    async fn assert_masked(&self, token: &str) {
        let before = self.office.read().await.len();
        for (way, answer) in self.seen(token).await {
            let shown = VALUES.iter().find(|value| answer.text.contains(*value));
            assert_eq!(shown, None, "{token} {:?} {}", way.fields, answer.text);
        }
        assert_eq!(self.office.read().await.len(), before, "what is masked is not recorded");
    }
}

/// People are not searched for through a broken glass, nor is the book of a counter one dossier.
fn is_of_one_dossier(way: &Asking) -> bool {
    way.channel != "register" && !matches!(way.fields, ["applicant.idNumber"] | ["applicant.phone"])
}

fn disclosure_of(answer: &Value) -> DisclosureId {
    DisclosureId(answer["disclosureId"].as_str().unwrap_or_else(|| panic!("{answer}")).parse().unwrap())
}

async fn broken_glass_shows_one_dossier_to_one_person_for_its_time_and_each_read_names_it(backend: Backend) {
    let watched = Watched::new(backend).await;
    let office = &watched.office;
    let other = register(&office.service, "two").await;
    watched.assert_masked(DUTY).await;
    let answer = watched.break_glass(DUTY, "break", office.id(), NOTE).await;
    // The answer itself shows it, and so does everything that is asked after it.
    assert_eq!((&answer["problems"], &answer["dossier"]["applicantName"]), (&json!([]), &json!(NAME)));
    assert_eq!(answer["until"], json!("2026-03-02T10:00:00+07:00"));
    let disclosure = disclosure_of(&answer);
    assert_eq!(office.read().await.len(), 1);
    let seen = watched.seen(DUTY).await;
    let records = office.read().await.split_off(1);
    assert_eq!(records.len(), seen.len());
    for ((way, answer), Numbered { read, .. }) in seen.iter().zip(&records) {
        assert_eq!(answer.status, StatusCode::OK, "{:?} {}", way.fields, answer.text);
        assert!(!answer.text.contains("\"errors\""), "{}", answer.text);
        assert_eq!(read.principal, caller(DUTY).principal.id);
        assert_eq!((read.channel.as_str(), read.name.as_deref()), (way.channel, way.name));
        assert_eq!(read.purpose, Some(Purpose::BreakGlass(disclosure)), "{:?}", way.fields);
        let fields = way.fields.iter().map(|field| (*field).to_owned()).collect();
        assert_eq!(read.dossiers, BTreeMap::from([(office.id(), fields)]));
    }
    // A page shows the one dossier in plain, and every other one masked.
    let page = watched.ask(DUTY, "{ dossiers { nodes { id applicantName } } }", json!({})).await;
    let nodes = page["data"]["dossiers"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2, "{page}");
    for node in nodes {
        let is_opened = node["id"].as_str().unwrap().contains(&office.id().to_string());
        assert_eq!(node["applicantName"] == json!(NAME), is_opened, "{node}");
    }
    let record = office.read().await.pop().unwrap().read;
    assert_eq!(record.dossiers.keys().collect::<Vec<_>>(), [&office.id()]);
    assert_ne!(other.dossier_id, office.id());
    // To nobody else, whoever else may break the glass.
    for token in [OTHER_DUTY, FOREIGN_DUTY, LEADER, AUDITOR, MAI] {
        watched.assert_masked(token).await;
    }
    // Asked again under the same key it is the same, and nothing more is open.
    assert_eq!(disclosure_of(&watched.break_glass(DUTY, "break", office.id(), NOTE).await), disclosure);
    watched.clock.set(instant("2026-03-02T09:59:59+07:00"));
    let query = format!("{{ dossier(id: \"{}\") {{ subject }} }}", office.id());
    assert!(office.ask(DUTY, &query).await.text.contains(SUBJECT));
    watched.clock.set(instant("2026-03-02T10:00:00+07:00"));
    watched.assert_masked(DUTY).await;
    // By right and by a disclosure in one answer: a record for each.
    watched.break_glass(DUTY, "break again", office.id(), NOTE).await;
    let before = office.read().await.len();
    let mut exposed = Exposed::default();
    exposed.add(other.dossier_id, Shown::Plain, [PersonalField::Subject]);
    exposed.add(office.id(), Shown::Disclosed(disclosure), [PersonalField::Subject]);
    let through = ReadThrough::Graphql(None);
    office.service.record_read(&caller(DUTY), through, exposed).await.unwrap();
    let records = office.read().await.split_off(before);
    let mut purposes: Vec<_> = records.iter().map(|record| record.read.purpose.unwrap()).collect();
    purposes.sort_unstable();
    assert_eq!(purposes, [Purpose::Handling, Purpose::BreakGlass(disclosure)]);
    assert_eq!(office.faults().await, []);
    // What was said of it is nowhere in plain.
    for row in whole_log(office.service.store()).await {
        assert!(!row.data.contains("ngất") && !row.metadata.contains("ngất"), "{}", row.data);
    }
    // For as long as it is set up.
    let service = office.service.clone().disclosing(DisclosurePolicy { open_for: TimeDelta::minutes(5) });
    let broken = service.break_glass(&caller(OTHER_DUTY), &breaking("short", office.id())).await.unwrap();
    assert_eq!(broken.until, instant("2026-03-02T10:05:00+07:00"));
    watched.stop().await;
}

async fn an_event_is_told_in_plain_as_long_as_the_glass_is_broken(backend: Backend) {
    let watched = Watched::new(backend).await;
    let office = &watched.office;
    let query = format!(
        "subscription Desk {{ dossierEvents(id: \"{}\") {{ dossier {{ applicantName }} }} }}",
        office.id()
    );
    let mut request = question(DUTY, &query);
    request.headers_mut().insert("accept", "text/event-stream".parse().unwrap());
    let mut stream = office.router().oneshot(request).await.unwrap().into_body().into_data_stream();
    let mut next = async || {
        let mut text = String::new();
        while !text.contains("event: next") {
            let piece = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap();
            text.push_str(std::str::from_utf8(&piece.unwrap().unwrap()).unwrap());
        }
        text
    };
    let forward = async |to: &str| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let forwarding = crate::support::office::forward_to(to, key(to), office.id());
        office.service.forward_dossier(&caller(ADMIN), &forwarding).await.unwrap();
    };
    let (told, ()) = tokio::join!(next(), forward(LAN));
    assert!(told.contains("M*** T***") && !told.contains(NAME), "{told}");
    // Whoever listens already is told in plain from then on, and masked when its time is over.
    let disclosure = disclosure_of(&watched.break_glass(DUTY, "break", office.id(), NOTE).await);
    let (told, ()) = tokio::join!(next(), forward(crate::support::office::HUNG));
    assert!(told.contains(NAME), "{told}");
    let Numbered { read, .. } = office.read().await.pop().unwrap();
    assert_eq!((read.name.as_deref(), read.purpose), (Some("Desk"), Some(Purpose::BreakGlass(disclosure))));
    watched.clock.set(instant("2026-03-02T10:30:00+07:00"));
    let (told, ()) = tokio::join!(next(), forward(LEADER));
    assert!(told.contains("M*** T***") && !told.contains(NAME), "{told}");
    watched.stop().await;
}

async fn who_may_not_break_the_glass_opens_nothing(backend: Backend) {
    let watched = Watched::new(backend).await;
    let office = &watched.office;
    let absent = DossierId(key("nobody filed this"));
    let code = async |token: &str, dossier: DossierId, note: &str| {
        let answer = watched.break_glass(token, &format!("{token} {dossier} {note}"), dossier, note).await;
        assert_eq!((&answer["disclosureId"], &answer["dossier"]), (&json!(null), &json!(null)), "{answer}");
        answer["problems"][0]["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    assert_eq!(code(DUTY, absent, NOTE).await, "NOT_FOUND");
    // Out of scope: like absent, to the last byte.
    assert_eq!(code(FOREIGN_DUTY, office.id(), NOTE).await, "NOT_FOUND");
    let bytes = async |dossier: DossierId| {
        let input =
            json!({"idempotencyKey": key("x"), "dossierId": dossier.0, "reason": "OTHER", "note": NOTE});
        office.send(asking(FOREIGN_DUTY, BREAK, json!({"input": input}))).await.text
    };
    assert_eq!(bytes(absent).await, bytes(office.id()).await);
    for token in [LEADER, LAN, INTAKE, AUDITOR, ADMIN] {
        assert_eq!(code(token, office.id(), NOTE).await, "NO_FUNCTION", "{token}");
        assert_eq!(code(token, absent, NOTE).await, "NOT_FOUND", "{token}");
    }
    assert!(caller(ADMIN).principal.has(Function::ManageAccess), "who manages access may not by that");
    // Sees it, and has the function over another agency only; or sees nothing.
    let other = caller(MAI).principal.acting_as.agency;
    let own = caller(DUTY).principal.acting_as.agency;
    let with = |functions: &[(Function, Scope)]| {
        let mut with = caller(DUTY);
        with.principal.powers = domain::access::Powers::default();
        for (function, scope) in functions {
            with.principal.powers.add(*function, scope.clone());
        }
        with
    };
    let reads = (Function::ReadDossiers, Scope::of(own));
    let breaks = (Function::BreakGlass, Scope::of(own));
    for (who, code) in [
        (with(&[reads.clone(), (Function::BreakGlass, Scope::of(other))]), "NO_FUNCTION"),
        (with(std::slice::from_ref(&breaks)), "NO_FUNCTION"),
        (with(&[]), "NOT_FOUND"),
        (
            with(&[reads.clone(), breaks.clone(), (Function::ReadPersonalData, Scope::Province)]),
            "DISCLOSURE_NOT_NEEDED",
        ),
    ] {
        let refused = office.service.break_glass(&who, &breaking("refused", office.id())).await;
        assert_eq!(refusal(refused), code, "{:?}", who.principal.powers);
    }
    // A note that says nothing is none.
    for note in ["", "                                   ", "gấp", &"x".repeat(4_001)] {
        assert_eq!(code(DUTY, office.id(), note).await, "BAD_USER_INPUT", "{note}");
    }
    let unknown = BREAK.replace("$input: BreakGlassInput!", "").replace("($input)", "").replace(
        "input: $input",
        &format!(
            "input: {{idempotencyKey: \"{0}\", dossierId: \"{0}\", reason: CURIOSITY, note: \"{NOTE}\"}}",
            key("x")
        ),
    );
    let unknown = unknown.replace("mutation()", "mutation");
    let answer = office.ask(DUTY, &unknown).await;
    assert!(answer.text.contains("GRAPHQL_VALIDATION_FAILED"), "{}", answer.text);
    let rows = whole_log(office.service.store()).await;
    assert!(rows.iter().all(|row| !row.stream.starts_with("disclosure-")), "nothing was opened");
    assert_eq!(office.read().await, []);
    watched.stop().await;
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(outcome: Result<T, ServiceError>) -> &'static str {
    match outcome.unwrap_err() {
        ServiceError::Problem(problem) => problem.code(),
        ServiceError::Failure(failure) => panic!("{failure:?}"),
    }
}

/// A read model that is behind hides what was opened, and shows nothing that is closed: what it says is asked of the log.
async fn nothing_is_seen_that_the_log_does_not_say_was_opened(backend: Backend) {
    let watched = Watched::new(backend).await;
    let (office, clock) = (&watched.office, &watched.clock);
    let subject = format!("{{ dossier(id: \"{}\") {{ subject }} }}", office.id());
    watched.stop().await;
    let refused = office.service.break_glass(&caller(DUTY), &breaking("break", office.id())).await;
    assert_eq!(refusal(refused), "READ_MODEL_BEHIND");
    assert!(!office.ask(DUTY, &subject).await.text.contains(SUBJECT));
    // Asked again it is the same disclosure, and open now.
    let follower = office.service.read_side.follow();
    let broken = office.service.break_glass(&caller(DUTY), &breaking("break", office.id())).await.unwrap();
    assert!(office.ask(DUTY, &subject).await.text.contains(SUBJECT));
    follower.stop().await;
    // Found to be unjustified it is closed at once, though the read model does not know it yet.
    let finding = |finding| AcknowledgeDisclosureInput {
        idempotency_key: key("finding"),
        disclosure_id: broken.disclosure.0,
        finding,
        note: None,
    };
    let unjustified = finding(DisclosureFinding::Unjustified);
    office.service.acknowledge_disclosure(&caller(AUDITOR), &unjustified).await.unwrap();
    let rows = projections::disclosure::open(
        office.service.read_side.database(),
        caller(DUTY).principal.id,
        clock.now().timestamp_micros(),
    );
    assert_eq!(rows.await.unwrap().len(), 1, "the read model still says that it is open");
    assert!(!office.ask(DUTY, &subject).await.text.contains(SUBJECT));
    let receipt = Request::get(format!("/papers/{}/receipt.html", office.id()));
    let receipt = receipt.header("authorization", format!("Bearer {DUTY}")).body(Body::empty()).unwrap();
    assert_eq!(office.send(receipt).await.status, StatusCode::FORBIDDEN);
    // A row that nobody wrote through the log opens nothing.
    office.service.read_side.catch_up().await.unwrap();
    let db = office.place.by_hand_in(&office.place.location().read, "read").await;
    let forge = match backend {
        Backend::Sqlite => "X'00000000000000000000000000000001'",
        Backend::Postgres => "'00000000-0000-0000-0000-000000000001'",
    };
    let forge =
        format!("UPDATE disclosure SET acknowledged_at = NULL, finding = NULL, disclosure_id = {forge}");
    let forged = infrastructure::on_db!(&db, pool => {
        sqlx::query(sqlx::AssertSqlSafe(forge)).execute(pool).await.map(|done| done.rows_affected())
    });
    assert_eq!(forged.unwrap(), 1);
    assert!(!office.ask(DUTY, &subject).await.text.contains(SUBJECT));
}

/// Without anybody who is set up to be told, whoever runs the server learns of it: when it starts that nobody is, and of each.
async fn the_log_of_the_program_is_told_where_nobody_else_is(backend: Backend) {
    let office = Office::new(backend, Clock::System).await;
    let server = Server::start(&office.place).await;
    let mut client = Client::connect(&server.address).await.unwrap();
    let input = |name: &str, dossier: DossierId, note: &str| json!({"idempotencyKey": key(name), "dossierId": dossier.0, "reason": "DANGER", "note": note});
    let done = client.graphql(DUTY, BREAK, &input("one", office.id(), NOTE)).await.unwrap();
    let disclosure = done["data"]["breakGlass"]["disclosureId"].as_str().unwrap_or_else(|| panic!("{done}"));
    // The same again, and what is refused, opens nothing.
    client.graphql(DUTY, BREAK, &input("one", office.id(), NOTE)).await.unwrap();
    client.graphql(DUTY, BREAK, &input("two", office.id(), "ngắn")).await.unwrap();
    client.graphql(INTAKE, BREAK, &input("three", office.id(), NOTE)).await.unwrap();
    drop(client);
    server.signal("TERM").await;
    let said = server.ended().await;
    assert!(
        said.iter().any(|line| line.contains("no --notices is given") && line.contains("WARN")),
        "{said:#?}"
    );
    let told: Vec<_> = said.iter().filter(|line| line.contains("break-glass:")).collect();
    assert_eq!(told.len(), 1, "{said:#?}");
    for part in ["WARN", disclosure, &office.id().to_string()] {
        assert!(told[0].contains(part), "{part}: {told:?}");
    }
    let said = said.join("\n");
    for value in VALUES.into_iter().chain([NOTE, DUTY]) {
        assert!(!said.contains(value), "{value}: {said}");
    }
}

/// Behind thousands of others', which are passed over some at a time.
async fn an_auditor_of_a_small_agency_finds_the_one_of_theirs(backend: Backend) {
    let watched = Watched::new(backend).await;
    let office = &watched.office;
    let mut own = registration(key("own"));
    own.submit.receiving_agency = OTHER_AGENCY.to_owned();
    let own = office.service.register_dossier(&caller(FOREIGN_INTAKE), &own, None).await.unwrap().dossier_id;
    let first = disclosure_of(&watched.break_glass(FOREIGN_DUTY, "own", own, NOTE).await);
    watched.clock.set(instant("2026-03-02T09:10:00+07:00"));
    disclosure_of(&watched.break_glass(DUTY, "another's", office.id(), NOTE).await);
    watched.stop().await;
    let id = match backend {
        Backend::Sqlite => "randomblob(16)",
        Backend::Postgres => "gen_random_uuid()",
    };
    let copies = format!(
        "INSERT INTO disclosure (disclosure_id, dossier_id, principal, agency, reason, note, opened_at, until_at)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4499)
         SELECT {id}, d.dossier_id, d.principal, d.agency, d.reason, d.note, d.opened_at + n.i, d.until_at
         FROM n, (SELECT * FROM disclosure ORDER BY opened_at DESC LIMIT 1) d"
    );
    let db = office.place.by_hand_in(&office.place.location().read, "read").await;
    infrastructure::on_db!(&db, pool => sqlx::query(sqlx::AssertSqlSafe(copies)).execute(pool).await.map(|_| ()))
        .unwrap();
    let auditor = auditor_of(&office.service, OTHER_AGENCY).await;
    let (mut after, mut pages) = (Value::Null, Vec::new());
    loop {
        let answer = watched.ask(&auditor, LISTED, json!({"first": 5, "after": after})).await;
        let page = &answer["data"]["disclosures"];
        pages.push(page["nodes"].as_array().unwrap_or_else(|| panic!("{answer}")).clone());
        after = page["pageInfo"]["endCursor"].clone();
        assert!(after.is_string(), "{answer}");
        if page["pageInfo"]["hasNextPage"] != json!(true) {
            break;
        }
    }
    let counts: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(counts, [0, 0, 1], "each looks at so many, and the next goes on there");
    assert_eq!(pages[2][0]["id"], json!(first.0));
    let nothing = watched.ask(&auditor, LISTED, json!({"first": 0})).await;
    assert_eq!(nothing["data"]["disclosures"]["nodes"], json!([]), "{nothing}");
}

const LISTED: &str = "query($unacknowledged: Boolean, $after: String, $first: Int) {
    disclosures(unacknowledged: $unacknowledged, after: $after, first: $first) {
        nodes { id dossierId openedBy actingFor { code } reason note openedAt until acknowledgedAt acknowledgedBy finding
                findingNote }
        pageInfo { hasNextPage endCursor } } }";
const ACKNOWLEDGE: &str = "mutation($input: AcknowledgeDisclosureInput!) {
    acknowledgeDisclosure(input: $input) { position problems { code } } }";

async fn an_auditor_looks_at_each_and_nobody_at_their_own(backend: Backend) {
    let watched = Watched::new(backend).await;
    let office = &watched.office;
    let first = disclosure_of(&watched.break_glass(DUTY, "first", office.id(), NOTE).await);
    watched.clock.set(instant("2026-03-02T09:10:00+07:00"));
    let second = disclosure_of(&watched.break_glass(OTHER_DUTY, "second", office.id(), NOTE).await);
    let list = async |token: &str, variables: Value| watched.ask(token, LISTED, variables).await;
    let before = office.read().await.len();
    let seen = list(AUDITOR, json!({"unacknowledged": true, "first": 1})).await;
    let page = &seen["data"]["disclosures"];
    let newest = json!({
        "id": second.0, "dossierId": office.id().0, "openedBy": caller(OTHER_DUTY).principal.id.0,
        "actingFor": {"code": AGENCY}, "reason": "DANGER", "note": NOTE, "openedAt": "2026-03-02T09:10:00+07:00",
        "until": "2026-03-02T10:10:00+07:00", "acknowledgedAt": null, "acknowledgedBy": null, "finding": null,
        "findingNote": null,
    });
    assert_eq!(page["nodes"], json!([newest]), "{seen}");
    assert_eq!(page["pageInfo"]["hasNextPage"], json!(true));
    let rest = list(AUDITOR, json!({"after": page["pageInfo"]["endCursor"]})).await;
    let rest = &rest["data"]["disclosures"];
    assert_eq!((rest["nodes"].as_array().unwrap().len(), &rest["nodes"][0]["id"]), (1, &json!(first.0)));
    // A note may name people: that it was shown is written down as well.
    let records = office.read().await;
    assert_eq!(records.len(), before + 2);
    let fields = ["disclosure.note".to_owned()].into_iter().collect();
    assert_eq!(records[before].read.dossiers, BTreeMap::from([(office.id(), fields)]));
    assert_eq!(records[before].read.purpose, Some(Purpose::Handling));

    let acknowledge = async |token: &str, name: &str, id: DisclosureId, finding: &str, note: &str| {
        let input = json!({
            "idempotencyKey": key(name), "disclosureId": id.0, "finding": finding, "note": note,
        });
        let answer = watched.ask(token, ACKNOWLEDGE, json!({"input": input})).await;
        let answer = answer["data"]["acknowledgeDisclosure"].clone();
        answer["problems"][0]["code"].as_str().map_or_else(|| answer["position"].clone(), |code| json!(code))
    };
    let absent = DisclosureId(key("nobody opened this"));
    assert_eq!(acknowledge(AUDITOR, "absent", absent, "JUSTIFIED", "").await, json!("NOT_FOUND"));
    for token in [DUTY, LEADER, INTAKE] {
        assert_eq!(acknowledge(token, "no auditor", first, "JUSTIFIED", "").await, json!("NO_FUNCTION"));
        let refused = list(token, json!({})).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], json!("NO_FUNCTION"), "{refused}");
    }
    // Of other agencies' dossiers nothing is known, nor can it be acknowledged.
    let audits = |token: &str, agency: &str| -> Caller {
        let mut who = caller(token);
        let agency = domain::codes::AgencyCode::parse(agency).unwrap();
        who.principal.powers.add(Function::Audit, Scope::of(domain::identity::AgencyId::of(&agency)));
        who
    };
    let input = |name: &str, id: DisclosureId| AcknowledgeDisclosureInput {
        idempotency_key: key(name),
        disclosure_id: id.0,
        finding: DisclosureFinding::Justified,
        note: None,
    };
    let elsewhere = audits(MAI, OTHER_AGENCY);
    let end = projections::disclosure::END;
    let none = Searched { rows: vec![], next: None };
    assert_eq!(office.service.disclosures(&elsewhere, false, end, 9).await.unwrap(), none);
    let refused = office.service.acknowledge_disclosure(&elsewhere, &input("elsewhere", first)).await;
    assert_eq!(refusal(refused), "NOT_FOUND");
    // Their own, though they audit: nobody.
    let both = audits(DUTY, AGENCY);
    let refused = office.service.acknowledge_disclosure(&both, &input("own", first)).await;
    assert_eq!(refusal(refused), "OWN_DISCLOSURE");
    assert!(office.service.acknowledge_disclosure(&both, &input("other's", second)).await.is_ok());

    watched.clock.set(instant("2026-03-02T09:20:00+07:00"));
    let position = acknowledge(AUDITOR, "look", first, "UNJUSTIFIED", "MẪU không thấy ai ngất").await;
    assert_eq!(acknowledge(AUDITOR, "look", first, "UNJUSTIFIED", "MẪU không thấy ai ngất").await, position);
    let again = acknowledge(AUDITOR, "look again", first, "JUSTIFIED", "").await;
    assert_eq!(again, json!("DISCLOSURE_ALREADY_ACKNOWLEDGED"));
    watched.stop().await;
    office.service.read_side.catch_up().await.unwrap();
    let left = list(AUDITOR, json!({"unacknowledged": true})).await;
    assert_eq!(left["data"]["disclosures"]["nodes"], json!([]), "{left}");
    let all = list(AUDITOR, json!({})).await;
    let last = &all["data"]["disclosures"]["nodes"][1];
    assert_eq!(
        (&last["finding"], &last["acknowledgedBy"], &last["acknowledgedAt"], &last["findingNote"]),
        (
            &json!("UNJUSTIFIED"),
            &json!(caller(AUDITOR).principal.id.0),
            &json!("2026-03-02T09:20:00+07:00"),
            &json!("MẪU không thấy ai ngất")
        )
    );
    // Rebuilt it is what it was.
    told_anew_they_say_the_same(&office.service.read_side, &["disclosure"]).await;
    assert_eq!(list(AUDITOR, json!({})).await, all);
}

fn heads(url: &str, mail: &MailServer) -> String {
    format!(
        "since = \"2026-01-01\"\nlink = \"https://example.vn/ho-so/{{code}}\"
         [email]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"motcua@example.vn\"\n{}{}{}",
        mail.port,
        person(LEADER, &format!("head = true\nemail = \"lanh-dao@example.vn\"\nwebhook = \"{url}/head\"")),
        person(LAN, &format!("webhook = \"{url}/lan\"")),
        person(MAI, &format!("head = true\nwebhook = \"{url}/other\"")).replace(AGENCY, OTHER_AGENCY),
    )
}

async fn the_heads_are_told_once_whatever_happens(backend: Backend) {
    let office = Reminded::new(backend).await;
    let mail = MailServer::start().await;
    let dossier = office.dossier("a").await;
    let settings = heads(&office.receiver.url, &mail);
    let notifier = office.notifier(&settings);
    let break_glass = async |token: &str, name: &str, dossier: DossierId| {
        let follower = office.service.read_side.follow();
        let broken = office.service.break_glass(&caller(token), &breaking(name, dossier)).await.unwrap();
        follower.stop().await;
        broken
    };
    assert_eq!(office.at(&notifier, "2026-03-02T09:00").await, NOTHING);
    let broken = break_glass(DUTY, "one", dossier.dossier_id).await;
    // The webhook does not behave at first, and the mail server neither: each is tried again under the same id.
    office.receiver.answer([Answer::Status(503)]);
    mail.reply(["451 4.7.1 later"]);
    assert_eq!(office.round(&notifier).await, Round { raised: 1, failed: 2, ..NOTHING });
    assert_eq!(office.round(&notifier).await, NOTHING);
    assert_eq!(office.at(&notifier, "2026-03-02T09:01").await, Round { delivered: 2, ..NOTHING });
    let got = office.receiver.take();
    let ids: Vec<_> = got.iter().map(|got| got.headers["webhook-id"].to_str().unwrap()).collect();
    assert_eq!((got.len(), ids[0]), (2, ids[1]), "the head, and nobody else");
    let body = got[1].json();
    for (field, value) in [
        ("type", json!("disclosure")),
        ("disclosureId", json!(broken.disclosure.0)),
        ("code", json!(dossier.code)),
        ("reason", json!("DANGER")),
        ("openedAt", json!("2026-03-02T09:00:00+07:00")),
        ("until", json!("2026-03-02T10:00:00+07:00")),
        ("actingFor", json!(format!("UBND {AGENCY}"))),
        ("holderAgency", json!(format!("UBND {AGENCY}"))),
    ] {
        assert_eq!(body[field], value, "{field}: {body}");
    }
    assert_eq!(got[1].path, "/head");
    let mails = mail.take();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let texts = [got[1].body.clone(), mails[0].clone()];
    let by = caller(DUTY).principal.id.to_string();
    for text in &texts {
        for personal in ["Nguyễn", "ngất", "Quỳnh", by.as_str()] {
            assert!(!text.contains(personal), "{personal}: {text}");
        }
    }
    let rows = office.notices(dossier.dossier_id).await;
    assert!(rows.iter().all(|row| row.state == DeliveryState::Delivered && row.attempts == 2), "{rows:?}");
    assert_eq!(rows.len(), 2);
    // It is no reminder of a deadline.
    let query = "query($code: String!) { dossier(code: $code) { reminders { occasion } } }";
    let reminders =
        crate::support::office::ask(&office.service, LEADER, query, json!({"code": dossier.code})).await;
    assert_eq!(reminders["dossier"]["reminders"], json!([]));

    // Tables that are built anew, or gone altogether, and a program that starts: nobody is told again.
    office.service.read_side.rebuild(&[Model::Notice, Model::Disclosure], |_| true).await.unwrap();
    assert_eq!(office.round(&notifier).await, NOTHING);
    for table in ["notice", "disclosure"] {
        let db = office.place.by_hand_in(&office.place.location().read, "read").await;
        for text in [
            format!("DELETE FROM {table}"),
            format!("UPDATE checkpoint SET position = 0 WHERE name = '{table}'"),
        ] {
            let text = sqlx::AssertSqlSafe(text);
            infrastructure::on_db!(&db, pool => sqlx::query(text).execute(pool).await.map(|_| ())).unwrap();
        }
    }
    assert_eq!(office.round(&notifier).await, NOTHING);
    let again = open(&office.place, office.clock.clone()).await;
    let restarted = Reminded { service: again, ..office };
    let office = &restarted;
    let path = office.place.folder.join("notices.toml");
    let notifier = Notifier::new(office.service.clone(), Settings::read(&path).unwrap()).unwrap();
    assert_eq!(office.round(&notifier).await, NOTHING);
    assert_eq!((office.receiver.take().len(), mail.take().len()), (0, 0));
    let stream = notice::stream(dossier.dossier_id);
    let told = office.service.store().read_stream(&stream, Version(0)).await.unwrap();
    let of = |name: &str| told.iter().filter(|row| row.type_name == name).count();
    assert_eq!((of("notice.disclosure_raised.v1"), of("notice.delivered.v1")), (1, 2));

    // The heads of the agency that has it by now; and of what an auditor has looked at meanwhile as well.
    let service = &office.service;
    hand_over(service, LAN, OTHER_AGENCY, MAI, "b", dossier.dossier_id).await;
    let follower = service.read_side.follow();
    service.read_side.catch_up().await.unwrap();
    let broken = service.break_glass(&caller(DUTY), &breaking("two", dossier.dossier_id)).await.unwrap();
    let look = AcknowledgeDisclosureInput {
        idempotency_key: key("look"),
        disclosure_id: broken.disclosure.0,
        finding: DisclosureFinding::Justified,
        note: None,
    };
    service.acknowledge_disclosure(&caller(AUDITOR), &look).await.unwrap();
    follower.stop().await;
    assert_eq!(office.round(&notifier).await, Round { raised: 1, delivered: 1, ..NOTHING });
    let paths: Vec<_> = office.receiver.take().into_iter().map(|got| got.path).collect();
    assert_eq!(paths, ["/other"]);
    // A head who does it themselves is told by nobody: where there is no other, the log of the program is.
    let mut leader = caller(MAI);
    leader.principal.powers = caller(DUTY).principal.powers;
    let follower = service.read_side.follow();
    service.break_glass(&leader, &breaking("own", dossier.dossier_id)).await.unwrap();
    follower.stop().await;
    assert_eq!(office.round(&notifier).await, Round { raised: 1, delivered: 1, ..NOTHING });
    assert_eq!(office.receiver.take().len(), 0);
    // Where nobody is set up it is as well.
    let follower = service.read_side.follow();
    service.break_glass(&caller(DUTY), &breaking("three", dossier.dossier_id)).await.unwrap();
    follower.stop().await;
    let notifier = office.notifier("since = \"2026-01-01\"\n");
    assert_eq!(office.round(&notifier).await, Round { raised: 1, delivered: 1, ..NOTHING });
    let rows = office.notices(dossier.dossier_id).await;
    assert_eq!(rows.iter().filter(|row| row.way.0 == Way::Log && row.recipient.is_none()).count(), 2);
}

/// A request of somebody, for a stated purpose.
fn for_purpose(mut request: Request<Body>, purpose: &str) -> Request<Body> {
    request.headers_mut().insert("motcua-purpose", purpose.parse().unwrap());
    request
}

async fn each_read_says_what_it_was_for_and_an_unknown_purpose_is_refused(backend: Backend) {
    let watched = Watched::new(backend).await;
    let office = &watched.office;
    let mut expected = Vec::new();
    let named: Vec<&str> = Purpose::NAMED.iter().map(|purpose| purpose.name()).collect();
    for (way, purpose) in ways(office).iter().zip(named.iter().cycle()) {
        let answer = office.send(for_purpose((way.request)(INTAKE), purpose)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        expected.push(Purpose::named(purpose));
    }
    let recorded: Vec<_> = office.read().await.into_iter().map(|record| record.read.purpose).collect();
    assert_eq!(recorded, expected);
    // Where nobody says anything the agency in charge handles it.
    office.ask(INTAKE, "{ dossiers { nodes { applicantName } } }").await;
    assert_eq!(office.read().await.pop().unwrap().read.purpose, Some(Purpose::Handling));
    // What is not known is not ignored, by whatever way: nothing is shown, and nothing written.
    let before = office.read().await.len();
    let break_glass = format!("BREAK_GLASS {}", key("mine"));
    for unknown in ["CURIOSITY", "handling", "", "BREAK_GLASS", &break_glass, "HANDLING,COMPLAINT"] {
        for way in &ways(office) {
            let answer = office.send(for_purpose((way.request)(INTAKE), unknown)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{unknown} {}", answer.text);
            assert!(answer.text.contains("UNKNOWN_PURPOSE"), "{unknown} {}", answer.text);
        }
    }
    let nobody = Request::post("/graphql").header("content-type", "application/json");
    let nobody = nobody.body(Body::from(json!({"query": "{ agencies { code } }"}).to_string())).unwrap();
    assert_eq!(office.send(for_purpose(nobody, "CURIOSITY")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(office.read().await.len(), before);
    // A stream says it once, for all that it tells.
    let stream = |purpose: &str| {
        let query = "subscription { dossierEvents { dossier { applicantName } } }";
        let mut request = for_purpose(question(INTAKE, query), purpose);
        request.headers_mut().insert("accept", "text/event-stream".parse().unwrap());
        let router = office.router();
        async move { router.oneshot(request).await.unwrap() }
    };
    let refused = stream("CURIOSITY").await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let refused = to_bytes(refused.into_body(), usize::MAX).await.unwrap();
    assert!(String::from_utf8_lossy(&refused).contains("UNKNOWN_PURPOSE"));
    let mut told = stream("INSPECTION").await.into_body().into_data_stream();
    let next = async {
        let mut text = String::new();
        while !text.contains("event: next") {
            let piece = tokio::time::timeout(Duration::from_secs(20), told.next()).await.unwrap();
            text.push_str(std::str::from_utf8(&piece.unwrap().unwrap()).unwrap());
        }
    };
    let act = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        register(&office.service, "streamed").await
    };
    tokio::join!(next, act);
    assert_eq!(office.read().await.pop().unwrap().read.purpose, Some(Purpose::Inspection));
    watched.stop().await;
    // Who audits sees it, and asks for one of them.
    let reads = async |arguments: &str| {
        let query =
            format!("{{ personalDataReads(first: 100{arguments}) {{ nodes {{ purpose disclosureId }} }} }}");
        let answer: Value = serde_json::from_str(&office.ask(AUDITOR, &query).await.text).unwrap();
        answer["data"]["personalDataReads"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    };
    let all = reads("").await;
    for name in named {
        let of_it: Vec<_> = all.iter().filter(|node| node["purpose"] == json!(name)).cloned().collect();
        assert!(!of_it.is_empty(), "{name}");
        assert_eq!(reads(&format!(", purpose: {name}")).await, of_it, "{name}");
    }
    assert_eq!(reads(", purpose: BREAK_GLASS").await, [json!(null); 0]);
    assert_eq!(office.faults().await, []);
}

async fn records_of_before_there_were_purposes_are_whole(backend: Backend) {
    let office = Office::new(backend, Clock::fixed(instant(NOW))).await;
    // As it was written then, to the byte.
    let old = format!(
        r#"{{"at":"2026-03-02T02:00:00Z","principal":"{0}","acting_as":{{"agency":"{0}"}},"channel":"graphql","dossiers":{{"{1}":["subject"]}}}}"#,
        Uuid::from_u128(7),
        office.id(),
    );
    let read: Read = serde_json::from_str(&old).unwrap();
    assert_eq!((read.purpose, serde_json::to_string(&read).unwrap()), (None, old));
    office.service.reads.append(&read).await.unwrap();
    office.ask(INTAKE, "{ dossiers { nodes { applicantName } } }").await;
    assert_eq!(office.faults().await, []);
    let records = office.service.reads.before(Which::default(), i64::MAX, 9).await.unwrap().records;
    let purposes: Vec<_> = records.iter().map(|record| record.read.purpose).collect();
    assert_eq!(purposes, [Some(Purpose::Handling), None]);
    let query = "{ personalDataReads { nodes { purpose disclosureId } } }";
    let answer: Value = serde_json::from_str(&office.ask(AUDITOR, query).await.text).unwrap();
    assert_eq!(
        answer["data"]["personalDataReads"]["nodes"],
        json!([{"purpose": "HANDLING", "disclosureId": null}, {"purpose": null, "disclosureId": null}])
    );
}
