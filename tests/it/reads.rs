//! Who has seen personal data: a record for each answer that shows some in plain, and none for any other; no value in it; no
//! answer without it. docs/adr/0023

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use api::http::{Settings, router};
use api::input::{
    AccountKind, DelegateInput, Function as FunctionInput, GrantOver, IssueMachineKeyInput, OpenAccountInput,
};
use api::service::{Accepted, Service};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use domain::access::{Function, Powers, Scope};
use domain::codes::AgencyCode;
use domain::identity::{AgencyId, DossierId};
use futures::StreamExt;
use infrastructure::clock::Clock;
use infrastructure::read_log::{Fault, Numbered, PruneError, Pruned, Read, Which};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::access::{account, granting, group};
use crate::support::binary::binary;
use crate::support::office::{
    ADMIN, AGENCY, CITIZEN, INTAKE, LAN, LEADER, MAI, OTHER_AGENCY, caller, established, forward_to, key,
    registration,
};
use crate::support::statements::executed;
use crate::support::{Backend, Place, instant, on_each_backend};

on_each_backend!(
    what_is_shown_is_written_down_and_what_is_masked_is_not,
    a_note_and_what_a_delegate_sees_are_written_down,
    each_event_of_a_subscription_is_written_down_before_it_is_told,
    an_answer_whose_record_cannot_be_written_is_not_given,
    records_are_neither_changed_nor_taken_out_before_their_time,
    a_changed_and_a_removed_record_are_noticed,
    records_of_two_processes_are_one_chain,
    no_value_is_in_a_record_a_log_or_an_error,
    absent_and_forbidden_answers_are_the_same_bytes,
    an_auditor_asks_who_has_seen_what,
    an_auditor_of_a_small_agency_finds_what_is_theirs_among_thousands,
    old_records_are_taken_out_and_what_is_left_is_still_a_chain,
    who_takes_records_out_by_hand_is_noticed,
    what_is_damaged_is_not_taken_out,
    records_are_read_and_written_while_old_ones_are_taken_out,
    killed_while_it_takes_out_it_goes_on_where_it_was,
);

pub(crate) const NOW: &str = "2026-03-02T09:00:00+07:00";
/// At the counter of the other agency.
pub(crate) const FOREIGN_INTAKE: &str = "dev:intake:xa@000.00.17.H42";
pub(crate) const AUDITOR: &str = "dev:auditor:thanh-tra@000.00.17.H42";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
pub(crate) const NAME: &str = "MẪU Trần Thị Quỳnh";
const ID_NUMBER: &str = "035185000777";
pub(crate) const PHONE: &str = "0912345777";
const EMAIL: &str = "mau.quynh@example.vn";
const ADDRESS: &str = "MẪU thôn Bèo, xã Sen";
pub(crate) const SUBJECT: &str = "MẪU xác nhận đất vườn";
const FILE: &str = "MAU-ho-khau-quynh.pdf";
/// As they are seeded; and the file name as it is in a header.
pub(crate) const VALUES: [&str; 8] = [NAME, "Quỳnh", ID_NUMBER, PHONE, EMAIL, ADDRESS, SUBJECT, FILE];

pub(crate) struct Office {
    pub(crate) service: Service,
    pub(crate) place: Place,
    pub(crate) dossier: Accepted,
    pub(crate) file: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Office {
    pub(crate) async fn new(backend: Backend, clock: Clock) -> Self {
        let place = Place::with_keys(backend).await;
        let service = established(&place, clock).await;
        let dossier = register(&service, "one").await;
        let mut office = Self { service, place, dossier, file: String::new() };
        let upload = Request::post(format!(
            "/dossiers/{}/files?purpose=paper&paper=DON_DE_NGHI",
            office.dossier.dossier_id
        ));
        let upload = upload
            .header("authorization", format!("Bearer {INTAKE}"))
            .header("idempotency-key", key("file").to_string())
            .header("content-type", "application/pdf")
            .header("x-file-name", FILE);
        let answer = office.send(upload.body(Body::from("%PDF-1.7\n")).unwrap()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let answer: Value = serde_json::from_str(&answer.text).unwrap();
        office.file = answer["file"].as_str().unwrap().to_owned();
        office.service.read_side.catch_up().await.unwrap();
        office.service.people.catch_up().await.unwrap();
        assert_eq!(office.read().await, [], "nothing was shown so far");
        office
    }

    pub(crate) fn router(&self) -> axum::Router {
        let settings = Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() };
        router(self.service.clone(), settings)
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, text: String::from_utf8_lossy(&body).into_owned() }
    }

    pub(crate) async fn ask(&self, token: &str, query: &str) -> Answer {
        self.send(question(token, query)).await
    }

    /// The records, the oldest first.
    pub(crate) async fn read(&self) -> Vec<Numbered> {
        let mut records = self.service.reads.before(Which::default(), i64::MAX, 1_000).await.unwrap().records;
        records.reverse();
        records
    }

    pub(crate) async fn faults(&self) -> Vec<Fault> {
        self.service.reads.verify().await.unwrap().faults
    }

    pub(crate) fn id(&self) -> DossierId {
        self.dossier.dossier_id
    }
}

pub(crate) fn question(token: &str, query: &str) -> Request<Body> {
    Request::post("/graphql")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("traceparent", TRACE)
        .body(Body::from(json!({"query": query}).to_string()))
        .unwrap()
}

pub(crate) async fn register(service: &Service, name: &str) -> Accepted {
    let mut input = registration(key(name));
    let applicant = &mut input.submit.applicant;
    applicant.name = NAME.to_owned();
    applicant.id_number = Some(ID_NUMBER.to_owned());
    applicant.phone = Some(PHONE.to_owned());
    applicant.email = Some(EMAIL.to_owned());
    applicant.address = Some(ADDRESS.to_owned());
    input.submit.subject = Some(SUBJECT.to_owned());
    service.register_dossier(&caller(INTAKE), &input, None).await.unwrap()
}

/// A request of somebody, by token.
pub(crate) type Asking = Box<dyn Fn(&str) -> Request<Body>>;
/// A request of somebody for something, by token and what is asked for.
type AskingAs = Box<dyn Fn(&str, &str) -> Request<Body>>;

/// Something that is asked, and what it shows to who sees it in plain.
pub(crate) struct Way {
    pub(crate) request: Asking,
    pub(crate) channel: &'static str,
    pub(crate) name: Option<&'static str>,
    pub(crate) fields: &'static [&'static str],
}

const ALL: [&str; 6] = [
    "applicant.address",
    "applicant.email",
    "applicant.idNumber",
    "applicant.name",
    "applicant.phone",
    "subject",
];

pub(crate) fn ways(office: &Office) -> Vec<Way> {
    let (id, code) = (office.id(), office.dossier.code.to_string());
    let graphql = |query: String, name, fields| Way {
        request: Box::new(move |token| question(token, &query)),
        channel: "graphql",
        name,
        fields,
    };
    let path = |path: String, channel, name, fields| Way {
        request: Box::new(move |token| {
            let request = Request::get(&path).header("authorization", format!("Bearer {token}"));
            request.header("traceparent", TRACE).body(Body::empty()).unwrap()
        }),
        channel,
        name,
        fields,
    };
    vec![
        graphql(
            format!("query One {{ dossier(id: \"{id}\") {{ applicantName }} }}"),
            Some("One"),
            &["applicant.name"],
        ),
        graphql(
            format!("{{ dossier(code: \"{code}\") {{ a: applicantName subject code }} }}"),
            None,
            &["applicant.name", "subject"],
        ),
        graphql(format!("{{ node(id: \"{id}\") {{ ... on Dossier {{ subject }} }} }}"), None, &["subject"]),
        graphql(
            format!(
                "{{ dossier(id: \"{id}\") {{ application {{
                    applicant {{ name idNumber phone email address }} subject }} }} }}"
            ),
            None,
            &ALL,
        ),
        graphql("{ dossiers { nodes { applicantName } } }".to_owned(), None, &["applicant.name"]),
        graphql(
            "{ workList(of: AGENCY) { nodes { dossier { applicantName } } } }".to_owned(),
            None,
            &["applicant.name"],
        ),
        graphql(format!("{{ dossier(id: \"{id}\") {{ files {{ id n: name }} }} }}"), None, &["file.name"]),
        graphql(
            format!("{{ search(text: \"{ID_NUMBER}\") {{ matchedBy }} }}"),
            None,
            &["applicant.idNumber"],
        ),
        graphql(format!("{{ search(text: \"{PHONE}\") {{ matchedBy }} }}"), None, &["applicant.phone"]),
        path(format!("/papers/{id}/receipt.html"), "paper", Some("receipt"), &ALL),
        path(format!("/papers/{id}/receipt.pdf"), "paper", Some("receipt"), &ALL),
        path(
            format!("/papers/{id}/control-sheet.html"),
            "paper",
            Some("control-sheet"),
            &["applicant.address", "applicant.name"],
        ),
        path(
            format!("/papers/{id}/register.html"),
            "paper",
            Some("register"),
            &["applicant.address", "applicant.name", "applicant.phone"],
        ),
        path(
            format!("/registers/{AGENCY}/register.html?from=2026-03-01&to=2030-12-31"),
            "register",
            None,
            &["applicant.address", "applicant.name", "applicant.phone"],
        ),
        path(format!("/dossiers/{id}/files/{}", office.file), "file", None, &["file.content", "file.name"]),
    ]
}

async fn what_is_shown_is_written_down_and_what_is_masked_is_not(backend: Backend) {
    let office = Office::new(backend, Clock::fixed(instant(NOW))).await;
    let mut count = 0;
    for (n, way) in ways(&office).iter().enumerate() {
        // In plain to those who take it in and work on it; masked, refused or not there to others.
        for (token, sees) in [(INTAKE, true), (LAN, true), (LEADER, false), (AUDITOR, false), (MAI, false)] {
            let answer = office.send((way.request)(token)).await;
            let records = office.read().await;
            assert_eq!(
                records.len(),
                count + usize::from(sees),
                "{n} {token} {} {}",
                answer.status,
                answer.text
            );
            if !sees {
                let shown = VALUES.iter().find(|value| answer.text.contains(*value));
                // What was looked for is in the question.
                assert_eq!(shown, None, "{n} {token} {}", answer.text);
                continue;
            }
            assert_eq!(answer.status, StatusCode::OK, "{n} {}", answer.text);
            assert!(!answer.text.contains("\"errors\""), "{n} {}", answer.text);
            count += 1;
            let Numbered { seq, read } = records.last().unwrap();
            let principal = caller(token).principal;
            assert_eq!((*seq, read.at), (count as i64, instant(NOW)));
            assert_eq!((read.principal, &read.acting_as), (principal.id, &principal.acting_as));
            assert_eq!((read.channel.as_str(), read.name.as_deref()), (way.channel, way.name), "{n}");
            assert_eq!(read.traceparent.as_deref(), Some(TRACE));
            let fields = way.fields.iter().map(|field| (*field).to_owned()).collect();
            assert_eq!(read.dossiers, BTreeMap::from([(office.id(), fields)]), "{n}");
        }
    }
    // Nothing personal is asked for, and nobody is found: no record.
    for query in [
        "{ dossiers { totalCount nodes { code stage } } }",
        "{ search(text: \"MẪU Lê Văn Không\") { matchedBy } }",
        "{ dossiers { nodes { files { id } } } }",
        "{ dossiers { nodes { history { eventType } allowedActions } } }",
    ] {
        let answer = office.ask(INTAKE, query).await;
        assert!(!answer.text.contains("\"errors\""), "{}", answer.text);
        assert_eq!(office.read().await.len(), count, "{query}");
    }
    // A page is one record.
    for name in ["two", "three"] {
        register(&office.service, name).await;
    }
    office.service.read_side.catch_up().await.unwrap();
    office.ask(INTAKE, "{ dossiers { nodes { applicantName } } }").await;
    let records = office.read().await;
    assert_eq!((records.len(), records[count].read.dossiers.len()), (count + 1, 3));
    // An answer to who changes something shows it as well.
    let act = format!(
        "mutation {{ forwardDossier(input: {{on: {{idempotencyKey: \"{}\", dossierId: \"{}\"}}, assignee: \"{}\"}})
         {{ dossier {{ subject }} problems {{ code }} }} }}",
        key("forward"),
        office.id(),
        caller(LAN).principal.id,
    );
    let following = office.service.read_side.follow();
    let answer = office.ask(ADMIN, &act).await;
    following.stop().await;
    assert!(answer.text.contains(SUBJECT), "{}", answer.text);
    assert_eq!(office.read().await.len(), count + 2);
    assert_eq!(office.faults().await, []);
}

/// What was written with an act, and what somebody who acts for the applicant sees of them.
async fn a_note_and_what_a_delegate_sees_are_written_down(backend: Backend) {
    let office = Office::new(backend, Clock::fixed(instant(NOW))).await;
    let friend = "dev:citizen:ban@000.00.16.H42";
    let mut input = registration(key("with a delegate"));
    input.submit.applicant.account_id = Some(caller(CITIZEN).principal.id.0);
    input.submit.delegate = Some(DelegateInput {
        account_id: Some(caller(friend).principal.id.0),
        name: "MẪU Lê Thị Thay".to_owned(),
        id_number: None,
        phone: None,
        email: None,
        address: None,
    });
    let dossier = office.service.register_dossier(&caller(INTAKE), &input, None).await.unwrap().dossier_id;
    let mut forward = forward_to(LAN, key("forward"), dossier);
    forward.note = Some("MẪU xem giúp ông Mực".to_owned());
    office.service.forward_dossier(&caller(LEADER), &forward).await.unwrap();
    office.service.read_side.catch_up().await.unwrap();

    let texts = format!("{{ dossier(id: \"{dossier}\") {{ history {{ texts {{ name text }} }} }} }}");
    let mine = format!(
        "{{ myDossier(id: \"{dossier}\") {{ application {{ applicant {{ name }} delegate {{ name }} }} }} }}"
    );
    let mut count = 0;
    for (token, query, shown, fields) in [
        (INTAKE, &texts, Some("ông Mực"), &["note"][..]),
        (LEADER, &texts, None, &[]),
        // Of themselves nobody reads, of the other both do.
        (friend, &mine, Some("MẪU Lê Thị Thay"), &["applicant.name"]),
        (CITIZEN, &mine, Some("MẪU Lê Thị Thay"), &["delegate.name"]),
    ] {
        let answer = office.ask(token, query).await;
        assert!(!answer.text.contains("\"errors\""), "{token} {}", answer.text);
        let sees = answer.text.contains(shown.unwrap_or("ông Mực"));
        assert_eq!(sees, shown.is_some(), "{token} {}", answer.text);
        let records = office.read().await;
        count += usize::from(!fields.is_empty());
        assert_eq!(records.len(), count, "{token} {}", answer.text);
        if !fields.is_empty() {
            let read = &records.last().unwrap().read;
            assert_eq!(read.principal, caller(token).principal.id);
            let fields = fields.iter().map(|field| (*field).to_owned()).collect();
            assert_eq!(read.dossiers, BTreeMap::from([(dossier, fields)]), "{token}");
        }
    }
}

async fn each_event_of_a_subscription_is_written_down_before_it_is_told(backend: Backend) {
    let office = Office::new(backend, Clock::fixed(instant(NOW))).await;
    let following = office.service.read_side.follow();
    let listen = |token: &str| {
        let query = "subscription Desk { dossierEvents { dossier { applicantName } } }";
        let mut request = question(token, query);
        request.headers_mut().insert("accept", "text/event-stream".parse().unwrap());
        let router = office.router();
        async move { router.oneshot(request).await.unwrap().into_body().into_data_stream() }
    };
    let (mut plain, mut masked) = (listen(INTAKE).await, listen(LEADER).await);
    let next = async |stream: &mut axum::body::BodyDataStream| {
        let mut text = String::new();
        while !text.contains("event: next") {
            let piece = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap();
            text.push_str(std::str::from_utf8(&piece.unwrap().unwrap()).unwrap());
        }
        text
    };
    // A stream is listened to from when it is asked for the first time.
    let told = futures::future::join(next(&mut plain), next(&mut masked));
    let act = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        register(&office.service, "two").await
    };
    let ((shown, hidden), dossier) = tokio::join!(told, act);
    assert!(shown.contains(NAME), "{shown}");
    assert!(!hidden.contains(NAME) && hidden.contains("M***"), "{hidden}");
    let records = office.read().await;
    assert!(!records.is_empty());
    for Numbered { read, .. } in &records {
        assert_eq!((read.principal, read.name.as_deref()), (caller(INTAKE).principal.id, Some("Desk")));
        assert_eq!(read.dossiers.keys().collect::<Vec<_>>(), [&dossier.dossier_id]);
    }
    // What cannot be written down ends the subscription, and is not told.
    drop((plain, masked));
    let mut plain = listen(INTAKE).await;
    refuse_records(&office.place).await;
    let told = next(&mut plain);
    let act = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        register(&office.service, "three").await
    };
    let (shown, _) = tokio::join!(told, act);
    assert!(shown.contains("INTERNAL") && !shown.contains(NAME), "{shown}");
    following.stop().await;
}

/// Behind the program's back: no record is taken any more.
async fn refuse_records(place: &Place) {
    let refuse = match place.backend {
        Backend::Sqlite => {
            "CREATE TRIGGER refused BEFORE INSERT ON personal_read
             BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
        }
        Backend::Postgres => {
            "CREATE TRIGGER refused BEFORE INSERT ON personal_read
             FOR EACH ROW EXECUTE FUNCTION refuse_change_of_read()"
        }
    };
    place.sql(refuse).await.unwrap();
}

async fn an_answer_whose_record_cannot_be_written_is_not_given(backend: Backend) {
    let office = Office::new(backend, Clock::fixed(instant(NOW))).await;
    refuse_records(&office.place).await;
    for (n, way) in ways(&office).iter().enumerate() {
        let answer = office.send((way.request)(INTAKE)).await;
        assert!(answer.text.contains("INTERNAL"), "{n} {}", answer.text);
        let shown = VALUES.iter().find(|value| answer.text.contains(*value));
        assert_eq!(shown, None, "{n} {}", answer.text);
        if way.channel != "graphql" {
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{n}");
        }
    }
    // Who is shown nothing in plain is answered all the same, and so is who asks for nothing personal.
    let answer = office.ask(LEADER, "{ dossiers { nodes { applicantName } } }").await;
    assert!(answer.text.contains("M*** T***"), "{}", answer.text);
    let answer = office.ask(INTAKE, "{ dossiers { nodes { code } } }").await;
    assert!(answer.text.contains(office.dossier.code.as_str()), "{}", answer.text);
    assert_eq!(office.read().await, []);
    // Nothing is left of what failed: the next record is the first.
    let drop = match backend {
        Backend::Sqlite => "DROP TRIGGER refused",
        Backend::Postgres => "DROP TRIGGER refused ON personal_read",
    };
    office.place.sql(drop).await.unwrap();
    office.ask(INTAKE, "{ dossiers { nodes { applicantName } } }").await;
    assert_eq!(office.read().await[0].seq, 1);
    assert_eq!(office.faults().await, []);
}

/// Some records, one each.
pub(crate) async fn shown_times(office: &Office, times: usize) {
    for _ in 0..times {
        office.ask(INTAKE, "{ dossiers { nodes { applicantName } } }").await;
    }
}

async fn records_are_neither_changed_nor_taken_out_before_their_time(backend: Backend) {
    let office = Office::new(backend, Clock::System).await;
    shown_times(&office, 2).await;
    let before = office.read().await;
    for statement in [
        "UPDATE personal_read SET read_at = 0",
        "UPDATE personal_read_dossier SET seq = 9",
        "DELETE FROM personal_read",
        "DELETE FROM personal_read WHERE seq = 2",
        "DELETE FROM personal_read_dossier",
    ] {
        let refused = office.place.sql(statement).await.unwrap_err().to_string();
        assert!(refused.contains("records of reads are"), "{statement}: {refused}");
    }
    let others: &[&str] = match backend {
        Backend::Sqlite => {
            &["REPLACE INTO personal_read SELECT seq, read_at, principal, '{}', mac FROM personal_read"]
        }
        Backend::Postgres => &["TRUNCATE personal_read", "TRUNCATE personal_read_dossier"],
    };
    for statement in others {
        let refused = office.place.sql(statement).await.unwrap_err().to_string();
        assert!(refused.contains("records of reads are"), "{statement}: {refused}");
    }
    assert_eq!(office.read().await, before);
    assert_eq!(office.faults().await, []);
}

/// Takes away what keeps records from being changed, as whoever owns the database can.
pub(crate) async fn unprotect(office: &Office, backend: Backend) {
    let triggers = [
        ("personal_read_is_never_updated", "personal_read"),
        ("personal_read_is_kept", "personal_read"),
        ("personal_read_dossier_is_kept", "personal_read_dossier"),
    ];
    for (trigger, table) in triggers {
        let statement = match backend {
            Backend::Sqlite => format!("DROP TRIGGER {trigger}"),
            Backend::Postgres => format!("DROP TRIGGER {trigger} ON {table}"),
        };
        office.place.sql(&statement).await.unwrap();
    }
}

async fn a_changed_and_a_removed_record_are_noticed(backend: Backend) {
    let someone = match backend {
        Backend::Sqlite => "X'00000000000000000000000000000001'",
        Backend::Postgres => "'00000000-0000-0000-0000-000000000001'",
    };
    let cases = [
        (
            "UPDATE personal_read SET data = replace(data, 'applicant.name', 'subject') WHERE seq = 2"
                .to_owned(),
            vec![Fault::Changed { seq: 2 }],
        ),
        (
            "UPDATE personal_read SET read_at = read_at - 1 WHERE seq = 3".to_owned(),
            vec![Fault::Changed { seq: 3 }],
        ),
        (
            format!("UPDATE personal_read SET principal = {someone} WHERE seq = 1"),
            vec![Fault::Changed { seq: 1 }],
        ),
        ("DELETE FROM personal_read WHERE seq = 2".to_owned(), vec![Fault::Missing { from: 2, to: 2 }]),
        ("DELETE FROM personal_read WHERE seq = 1".to_owned(), vec![Fault::Missing { from: 1, to: 1 }]),
        ("DELETE FROM personal_read WHERE seq = 4".to_owned(), vec![Fault::End]),
        ("DELETE FROM personal_read".to_owned(), vec![Fault::End]),
        ("DELETE FROM personal_read_dossier WHERE seq = 2".to_owned(), vec![Fault::Lost { seq: 2 }]),
        // Two change places: each was written elsewhere. What follows the second knows no such mac before it.
        (
            "UPDATE personal_read SET seq = 99 WHERE seq = 2; UPDATE personal_read SET seq = 2 WHERE seq = 3;
             UPDATE personal_read SET seq = 3 WHERE seq = 99"
                .to_owned(),
            vec![Fault::Changed { seq: 2 }, Fault::Changed { seq: 3 }, Fault::Changed { seq: 4 }],
        ),
    ];
    for (statement, faults) in cases {
        let office = Office::new(backend, Clock::fixed(instant(NOW))).await;
        shown_times(&office, 4).await;
        assert_eq!(office.faults().await, []);
        unprotect(&office, backend).await;
        office.place.sql(&statement).await.unwrap();
        assert_eq!(office.faults().await, faults, "{statement}");
    }
}

async fn records_of_two_processes_are_one_chain(backend: Backend) {
    let office = Office::new(backend, Clock::fixed(instant(NOW))).await;
    let other = crate::support::office::open(&office.place, Clock::fixed(instant(NOW))).await;
    let other = Office { service: other, place: office.place, dossier: office.dossier, file: office.file };
    let settings = Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() };
    let first = router(office.service.clone(), settings);
    let query = "{ dossiers { nodes { applicantName } } }";
    let mut asked = Vec::new();
    for n in 0..60 {
        let router = if n % 2 == 0 { first.clone() } else { other.router() };
        asked.push(tokio::spawn(async move { router.oneshot(question(INTAKE, query)).await.unwrap() }));
    }
    for asked in asked {
        let body = to_bytes(asked.await.unwrap().into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(text.contains(NAME), "{text}");
    }
    let records = other.read().await;
    assert!(records.iter().map(|record| record.seq).eq(1..=60));
    assert_eq!(other.faults().await, []);
}

/// What a server says about requests, and what it writes into its log, holds no value: refusals, failures, everything that it
/// tells at the level of debugging.
async fn no_value_is_in_a_record_a_log_or_an_error(backend: Backend) {
    let office = Office::new(backend, Clock::System).await;
    let log = office.place.location().master_key.with_file_name(format!("{}.log", key("log")));
    let file = std::fs::File::create(&log).unwrap();
    let (listen, port) = free_port().await;
    let mut server = tokio::process::Command::new(binary())
        .args(["serve", "--listen", &listen, "--development-tokens"])
        .args(["--store", &office.place.store(), "--keys", &office.place.keys()])
        .arg("--master-key")
        .arg(office.place.master_key())
        .arg("--files")
        .arg(office.place.location().files)
        .env("MOTCUA_LOG", "debug")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut shown = 0;
    for is_writable in [true, false] {
        if !is_writable {
            refuse_records(&office.place).await;
        }
        for way in ways(&office) {
            for token in [INTAKE, LEADER, MAI] {
                let text = exchange(port, (way.request)(token)).await;
                let is_plain = is_writable && token == INTAKE;
                shown += usize::from(is_plain);
                if !is_plain {
                    let found = VALUES.iter().find(|value| text.contains(*value));
                    assert_eq!(found, None, "{token} {text}");
                }
            }
        }
    }
    server.kill().await.unwrap();
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("a request failed") || said.contains("refused"), "{said}");
    let records = office.read().await;
    assert_eq!(records.len(), shown);
    let mut texts = vec![("log", said)];
    texts.extend(records.iter().map(|record| ("record", format!("{record:?}"))));
    for (what, text) in texts {
        for value in VALUES {
            assert!(!text.contains(value), "{value} in a {what}: {text}");
        }
    }
}

async fn free_port() -> (String, u16) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (format!("127.0.0.1:{port}"), port)
}

/// One request over a connection of its own.
async fn exchange(port: u16, request: Request<Body>) -> String {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut text =
        format!("{} {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n", parts.method, parts.uri);
    for (name, value) in &parts.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(&[text.as_bytes(), &body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn absent_and_forbidden_answers_are_the_same_bytes(backend: Backend) {
    let office = Office::new(backend, Clock::fixed(instant(NOW))).await;
    let (id, code) = (office.id().to_string(), office.dossier.code.to_string());
    let absent_id = key("nobody filed this").to_string();
    let absent_code = format!("{}9999", &code[..code.len() - 4]);
    let queries = [
        "{ dossier(id: \"ID\") { code applicantName } }",
        "{ dossier(code: \"CODE\") { code subject } }",
        "{ dossier(id: \"ID\") { history { eventType } files { name } } }",
        "{ node(id: \"ID\") { id } }",
        "{ search(text: \"CODE\") { matchedBy } }",
    ];
    let mut requests: Vec<AskingAs> = Vec::new();
    for query in queries {
        requests
            .push(Box::new(move |id, code| question(MAI, &query.replace("ID", id).replace("CODE", code))));
    }
    let file = office.file.clone();
    for path in [
        "/papers/ID/receipt.html".to_owned(),
        "/papers/ID/receipt.pdf".to_owned(),
        format!("/dossiers/ID/files/{file}"),
    ] {
        requests.push(Box::new(move |id, _| {
            let request = Request::get(path.replace("ID", id));
            request.header("authorization", format!("Bearer {MAI}")).body(Body::empty()).unwrap()
        }));
    }
    for (n, request) in requests.iter().enumerate() {
        let forbidden = office.send(request(&id, &code)).await;
        let absent = office.send(request(&absent_id, &absent_code)).await;
        assert_eq!((forbidden.status, &forbidden.text), (absent.status, &absent.text), "{n}");
    }
    // And it is there for others.
    let answer = office.ask(ADMIN, &format!("{{ dossier(id: \"{id}\") {{ code }} }}")).await;
    assert!(answer.text.contains(&code), "{}", answer.text);
    assert_eq!(office.read().await, []);
}

async fn an_auditor_asks_who_has_seen_what(backend: Backend) {
    let clock = Clock::fixed(instant(NOW));
    let office = Office::new(backend, clock.clone()).await;
    let other = register(&office.service, "two").await;
    office.service.read_side.catch_up().await.unwrap();
    office.ask(INTAKE, "{ dossiers { nodes { applicantName } } }").await;
    clock.set(instant("2026-03-03T09:00:00+07:00"));
    office.ask(LAN, &format!("{{ dossier(id: \"{}\") {{ subject }} }}", office.id())).await;
    let reads = async |token: &str, arguments: &str| {
        let fields =
            "nodes { principalId channel dossiers { id fields } } pageInfo { hasNextPage endCursor }";
        let answer =
            office.ask(token, &format!("{{ personalDataReads(first: 9{arguments}) {{ {fields} }} }}")).await;
        serde_json::from_str::<Value>(&answer.text).unwrap()
    };
    let count = |answer: &Value| answer["data"]["personalDataReads"]["nodes"].as_array().map(Vec::len);
    let id = |token: &str| caller(token).principal.id.to_string();
    let all = reads(AUDITOR, "").await;
    let nodes = &all["data"]["personalDataReads"]["nodes"];
    assert_eq!(count(&all), Some(2), "{all}");
    // The newest first.
    let subject = json!([{"id": office.id().to_string(), "fields": ["subject"]}]);
    assert_eq!((&nodes[0]["principalId"], &nodes[0]["dossiers"]), (&json!(id(LAN)), &subject));
    assert_eq!(nodes[1]["dossiers"].as_array().map(Vec::len), Some(2));
    for (arguments, found) in [
        (format!(", dossier: \"{}\"", office.id()), 2),
        (format!(", dossier: \"{}\"", other.dossier_id), 1),
        (format!(", dossier: \"{}\", principal: \"{}\"", office.id(), id(LAN)), 1),
        (format!(", dossier: \"{}\", principal: \"{}\"", other.dossier_id, id(LAN)), 0),
        (format!(", principal: \"{}\"", id(INTAKE)), 1),
        (", from: \"2026-03-03T00:00:00+07:00\"".to_owned(), 1),
        (", to: \"2026-03-03T09:00:00+07:00\"".to_owned(), 1),
        (format!(", dossier: \"{}\"", key("nobody filed this")), 0),
    ] {
        let answer = reads(AUDITOR, &arguments).await;
        assert_eq!(count(&answer), Some(found), "{arguments}: {answer}");
    }
    let page = "{ personalDataReads(first: 1) { nodes { principalId } pageInfo { hasNextPage endCursor } } }";
    let first: Value = serde_json::from_str(&office.ask(AUDITOR, page).await.text).unwrap();
    let info = &first["data"]["personalDataReads"]["pageInfo"];
    assert_eq!(info["hasNextPage"], json!(true), "{first}");
    let rest = reads(AUDITOR, &format!(", after: {}", info["endCursor"])).await;
    assert_eq!(rest["data"]["personalDataReads"]["nodes"][0]["principalId"], json!(id(INTAKE)), "{rest}");
    assert_eq!(count(&rest), Some(1));
    // To look is no read of personal data itself; and it is for who audits, over what they audit.
    assert_eq!(office.read().await.len(), 2);
    let refused = reads(INTAKE, "").await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], json!("NO_FUNCTION"), "{refused}");
    for (agency, found) in [(AGENCY, 2), (OTHER_AGENCY, 0)] {
        let mut auditor = caller(AUDITOR);
        let agency = AgencyId::of(&AgencyCode::parse(agency).unwrap());
        auditor.principal.powers = Powers::over(&[Function::Audit], &Scope::of(agency));
        let seen =
            office.service.personal_data_reads(&auditor, Which::default(), |_| true, None, 9).await.unwrap();
        assert_eq!((seen.rows.len(), seen.next), (found, None), "{agency}");
    }
    // The command line looks at all of them.
    let verified = verify(&office, 0).await;
    assert_eq!((&verified["records"], &verified["faults"]), (&json!(2), &json!([])), "{verified}");
    unprotect(&office, backend).await;
    office.place.sql("DELETE FROM personal_read WHERE seq = 1").await.unwrap();
    let verified = verify(&office, 1).await;
    assert_eq!(verified["faults"], json!(["records 1 to 1 are missing"]), "{verified}");
}

/// Somebody who audits one agency, by their key.
pub(crate) async fn auditor_of(service: &Service, agency: &str) -> String {
    let admin = caller(ADMIN);
    service.define_permission_group(&admin, &group("THANH_TRA", &[FunctionInput::Audit])).await.unwrap();
    let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("may.thanh.tra", agency) };
    let id = service.open_account(&admin, &machine).await.unwrap().account;
    let over = granting(id, "THANH_TRA", GrantOver::Agency, Some(agency));
    service.grant(&admin, &over).await.unwrap();
    let until = "2026-03-31".parse().unwrap();
    let issue = IssueMachineKeyInput { idempotency_key: None, account_id: id.0, until, functions: None };
    service.issue_machine_key(&admin, &issue).await.unwrap().1.expose().to_owned()
}

/// One read of a dossier of their agency, before thousands of others': each answer looks at some, and says where to go on.
async fn an_auditor_of_a_small_agency_finds_what_is_theirs_among_thousands(backend: Backend) {
    let clock = Clock::fixed(instant(NOW));
    let office = Office::new(backend, clock.clone()).await;
    let mut own = registration(key("own"));
    own.submit.receiving_agency = OTHER_AGENCY.to_owned();
    let own = office.service.register_dossier(&caller(FOREIGN_INTAKE), &own, None).await.unwrap().dossier_id;
    office.service.read_side.catch_up().await.unwrap();
    let shown = "{ dossiers { nodes { applicantName } } }";
    office.ask(FOREIGN_INTAKE, shown).await;
    clock.set(instant("2026-03-03T09:00:00+07:00"));
    office.ask(INTAKE, shown).await;
    assert_eq!(office.read().await.len(), 2);
    let copies = "INSERT INTO personal_read (seq, read_at, principal, data, mac)
         WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 4500)
         SELECT n.i, r.read_at, r.principal, r.data, r.mac FROM n, personal_read r WHERE r.seq = 2;
         UPDATE personal_read_head SET seq = 4500";
    office.place.sql(copies).await.unwrap();
    let auditor = auditor_of(&office.service, OTHER_AGENCY).await;
    let page = async |arguments: &str, after: &Value| {
        let after = if after.is_null() { "null".to_owned() } else { after.to_string() };
        let query = format!(
            "{{ personalDataReads(after: {after}{arguments}) {{
                 nodes {{ dossiers {{ id }} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let answer: Value = serde_json::from_str(&office.ask(&auditor, &query).await.text).unwrap();
        let page = &answer["data"]["personalDataReads"];
        assert!(page["nodes"].is_array(), "{answer}");
        (page["nodes"].clone(), page["pageInfo"].clone())
    };
    let found = json!([{"dossiers": [{"id": own.to_string()}]}]);
    let (mut after, mut pages) = (Value::Null, Vec::new());
    loop {
        let (nodes, info) = page(", first: 5", &after).await;
        pages.push(nodes);
        after = info["endCursor"].clone();
        assert!(after.is_string(), "{info}");
        if info["hasNextPage"] != json!(true) {
            break;
        }
    }
    assert_eq!(pages, [json!([]), json!([]), found.clone()]);
    // What is asked for by its dossier or by who read it is found at once.
    let by = caller(FOREIGN_INTAKE).principal.id;
    for arguments in [format!(", dossier: \"{own}\""), format!(", principal: \"{by}\"")] {
        assert_eq!(page(&arguments, &Value::Null).await.0, found, "{arguments}");
    }
    // Of nothing nothing is asked.
    let (nothing, statements) = executed(page(", first: 0", &Value::Null)).await;
    assert_eq!(nothing.0, json!([]));
    assert!(!statements.iter().any(|sql| sql.contains("personal_read")), "{statements:?}");
    // An instant has no index: so many numbers are looked at by one statement, also where most are of nothing.
    office.place.sql("UPDATE personal_read_head SET seq = 200000").await.unwrap();
    let to = ", to: \"2026-03-02T10:00:00+07:00\"";
    let ((nodes, info), statements) = executed(page(to, &Value::Null)).await;
    assert_eq!((nodes, &info["hasNextPage"]), (found, &json!(false)));
    let looked = statements.iter().filter(|sql| sql.contains("seq >= $5")).count();
    assert_eq!(looked, 4, "{statements:?}");
}

async fn verify(office: &Office, code: i32) -> Value {
    let folder = crate::support::TempFolder::new();
    let arguments = crate::cli::stored(&office.place, &["reads", "verify", "--json"]);
    crate::cli::json_of(&crate::cli::motcua(&folder, &arguments).await, code)
}

/// Long ago, by whatever clock.
const LONG_AGO: &str = "2022-03-02T09:00:00+07:00";

fn day(text: &str) -> chrono::NaiveDate {
    text.parse().unwrap()
}

/// Four records of 2 March 2022, and three of a year later.
async fn aged(backend: Backend) -> Office {
    let clock = Clock::fixed(instant(LONG_AGO));
    let office = Office::new(backend, clock.clone()).await;
    shown_times(&office, 4).await;
    clock.set(instant("2023-03-02T09:00:00+07:00"));
    shown_times(&office, 3).await;
    office
}

async fn prune(office: &Office, before: &str) -> Result<Pruned, PruneError> {
    office.service.reads.prune(day(before), Clock::System.now()).await
}

async fn old_records_are_taken_out_and_what_is_left_is_still_a_chain(backend: Backend) {
    let office = aged(backend).await;
    // Not before their time, and none of a day that is only begun two years ago.
    let latest = domain::time::local_date(Clock::System.now() - chrono::TimeDelta::days(731));
    for too_young in [latest.succ_opt().unwrap(), day("2999-01-01")] {
        let refused = office.service.reads.prune(too_young, Clock::System.now()).await;
        assert!(matches!(refused, Err(PruneError::TooYoung { latest: named }) if named == latest));
    }
    assert_eq!(prune(&office, "2022-03-02").await.unwrap(), Pruned::default());
    let pruned = prune(&office, "2022-03-03").await.unwrap();
    assert_eq!(pruned, Pruned { records: 4, last: Some((4, instant(LONG_AGO))) });
    let verified = office.service.reads.verify().await.unwrap();
    assert_eq!((verified.records, verified.pruned, verified.last.0, verified.faults), (3, 4, 7, vec![]));
    assert_eq!(office.read().await.iter().map(|record| record.seq).collect::<Vec<_>>(), [5, 6, 7]);
    // What is found by its dossier is what is there.
    let which = Which { dossier: Some(office.id()), ..Which::default() };
    assert_eq!(office.service.reads.before(which, i64::MAX, 9).await.unwrap().records.len(), 3);
    // Once more there is nothing to do; records go on after the last one, also when none is left.
    assert_eq!(prune(&office, "2022-03-03").await.unwrap(), Pruned::default());
    shown_times(&office, 1).await;
    assert_eq!(prune(&office, "2023-03-03").await.unwrap().records, 4);
    assert_eq!(office.read().await, []);
    assert_eq!(office.faults().await, []);
    shown_times(&office, 1).await;
    assert_eq!(office.read().await[0].seq, 9);
    assert_eq!(office.faults().await, []);
    // What is changed after it is noticed, as before it.
    unprotect(&office, backend).await;
    office.place.sql("UPDATE personal_read SET read_at = read_at - 1").await.unwrap();
    assert_eq!(office.faults().await, [Fault::Changed { seq: 9 }]);
    // The command line says what it took out, and what it will not.
    let office = aged(backend).await;
    let folder = crate::support::TempFolder::new();
    let cli = async |before: &str, more: &[&str]| {
        let arguments = [&["reads", "prune", "--before", before], more].concat();
        crate::cli::motcua(&folder, &crate::cli::stored(&office.place, &arguments)).await
    };
    let refused = cli("2999-01-01", &[]).await;
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("READS_TOO_YOUNG"), "{refused:?}");
    assert_eq!(office.read().await.len(), 7);
    let said = crate::cli::json_of(&cli("2022-12-31", &["--json"]).await, 0);
    assert_eq!(said, json!({"removed": 4, "last": 4, "lastReadAt": "2022-03-02T09:00:00+07:00"}));
    let said = cli("2022-12-31", &[]).await;
    assert!(String::from_utf8_lossy(&said.stdout).contains("no record is as old as that"), "{said:?}");
    let verified = verify(&office, 0).await;
    assert_eq!((&verified["records"], &verified["pruned"]), (&json!(3), &json!(4)), "{verified}");
}

/// Whoever owns the database can take records out and say that they were too old; they cannot show it.
async fn who_takes_records_out_by_hand_is_noticed(backend: Backend) {
    let by_hand = "
        UPDATE personal_read_head SET pruned_seq = 5, pruned_mac = (SELECT mac FROM personal_read WHERE seq = 5);
        DELETE FROM personal_read WHERE seq <= 5; DELETE FROM personal_read_dossier WHERE seq <= 5";
    let set_back = "UPDATE personal_read_head SET pruned_seq = 0, pruned_mac = '', pruned_proof = ''";
    let not_pruned = |to| vec![Fault::NotPruned { to }];
    for (is_pruned, statement, faults) in [
        (false, by_hand, not_pruned(5)),
        // A proof of less is none of more.
        (true, by_hand, not_pruned(5)),
        (true, "UPDATE personal_read_head SET pruned_proof = ''", not_pruned(4)),
        (true, "UPDATE personal_read_head SET pruned_mac = mac", {
            let mut faults = not_pruned(4);
            faults.push(Fault::Changed { seq: 5 });
            faults
        }),
        (true, set_back, vec![Fault::Missing { from: 1, to: 4 }]),
        (true, "DELETE FROM personal_read WHERE seq = 5", vec![Fault::Missing { from: 5, to: 5 }]),
        (false, "UPDATE personal_read_head SET pruned_proof = 'x'", not_pruned(0)),
    ] {
        let office = aged(backend).await;
        if is_pruned {
            prune(&office, "2022-03-03").await.unwrap();
        }
        assert_eq!(office.faults().await, []);
        unprotect(&office, backend).await;
        office.place.sql(statement).await.unwrap();
        assert_eq!(office.faults().await, faults, "{is_pruned} {statement}");
        // And nothing is taken out on top of it.
        let more = prune(&office, "2023-03-03").await;
        assert!(matches!(more, Err(PruneError::Damaged)), "{is_pruned} {statement}: {more:?}");
        assert_eq!(office.faults().await, faults);
    }
}

/// It is evidence.
async fn what_is_damaged_is_not_taken_out(backend: Backend) {
    for statement in [
        "UPDATE personal_read SET data = replace(data, 'applicant.name', 'subject') WHERE seq = 2",
        "UPDATE personal_read SET read_at = read_at - 1 WHERE seq = 3",
        "DELETE FROM personal_read_dossier WHERE seq = 1",
        "DELETE FROM personal_read WHERE seq = 2",
    ] {
        let office = aged(backend).await;
        unprotect(&office, backend).await;
        office.place.sql(statement).await.unwrap();
        let before = (office.read().await, office.faults().await);
        assert!(matches!(prune(&office, "2022-03-03").await, Err(PruneError::Damaged)), "{statement}");
        assert_eq!((office.read().await, office.faults().await), before, "{statement}");
    }
}

/// Records as many as these, of long ago.
async fn write_old(office: &Office, count: usize) {
    let read = Read {
        at: instant(LONG_AGO),
        principal: caller(INTAKE).principal.id,
        acting_as: caller(INTAKE).principal.acting_as,
        channel: "graphql".to_owned(),
        name: None,
        traceparent: None,
        purpose: None,
        dossiers: BTreeMap::from([(office.id(), ["subject".to_owned()].into())]),
    };
    let written = futures::stream::iter((0..count).map(|_| office.service.reads.append(&read)));
    written.buffer_unordered(200).for_each(async |written| written.unwrap()).await;
}

async fn records_are_read_and_written_while_old_ones_are_taken_out(backend: Backend) {
    let clock = Clock::fixed(instant(LONG_AGO));
    let office = Office::new(backend, clock.clone()).await;
    write_old(&office, 1_700).await;
    clock.set(instant("2023-03-02T09:00:00+07:00"));
    let other = crate::support::office::open(&office.place, clock.clone()).await;
    let pruning = async { other.reads.prune(day("2022-03-03"), Clock::System.now()).await.unwrap() };
    let looking = async {
        let mut looks = 0;
        for _ in 0..20 {
            assert_eq!(office.faults().await, []);
            looks += 1;
        }
        looks
    };
    let (pruned, (), looks) = tokio::join!(pruning, shown_times(&office, 20), looking);
    assert_eq!((pruned.records, looks), (1_700, 20));
    let verified = office.service.reads.verify().await.unwrap();
    assert_eq!((verified.records, verified.pruned, verified.faults), (20, 1_700, vec![]));
}

/// After two portions of 500 it is held up in the third, and killed there.
async fn killed_while_it_takes_out_it_goes_on_where_it_was(backend: Backend) {
    let office = Office::new(backend, Clock::fixed(instant(LONG_AGO))).await;
    write_old(&office, 1_300).await;
    let (hold_up, let_go) = match backend {
        Backend::Sqlite => (
            "CREATE TRIGGER held_up BEFORE DELETE ON personal_read WHEN OLD.seq = 1100
             BEGIN SELECT count(*) FROM personal_read a, personal_read b, personal_read c, personal_read d; END",
            "DROP TRIGGER held_up",
        ),
        Backend::Postgres => (
            "CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_sleep(3); RETURN OLD; END $$;
             CREATE TRIGGER held_up BEFORE DELETE ON personal_read
             FOR EACH ROW WHEN (OLD.seq = 1100) EXECUTE FUNCTION hold_up()",
            "DROP TRIGGER held_up ON personal_read",
        ),
    };
    office.place.sql(hold_up).await.unwrap();
    let arguments = ["reads", "prune", "--before", "2022-03-03", "--json"];
    let arguments = crate::cli::stored(&office.place, &arguments);
    let mut child = tokio::process::Command::new(binary())
        .args(&arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while office.service.reads.verify().await.unwrap().pruned < 1_000 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    });
    waited.await.unwrap();
    child.kill().await.unwrap();
    let verified = office.service.reads.verify().await.unwrap();
    assert_eq!((verified.records, verified.pruned, verified.faults), (300, 1_000, vec![]));
    office.place.sql(let_go).await.unwrap();
    let folder = crate::support::TempFolder::new();
    let said = crate::cli::json_of(&crate::cli::motcua(&folder, &arguments).await, 0);
    assert_eq!((&said["removed"], &said["last"]), (&json!(300), &json!(1_300)));
    assert_eq!(verify(&office, 0).await["pruned"], json!(1_300));
    shown_times(&office, 1).await;
    assert_eq!(office.read().await[0].seq, 1_301);
    assert_eq!(office.faults().await, []);
}
