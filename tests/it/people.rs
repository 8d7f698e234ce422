//! Finding dossiers by what officers type or scan: codes and parts of codes for all, people for those who may know them.

use api::service::{Hit, SearchMatch, Service};
use domain::dossier::{self, Dossier};
use domain::identity::DossierId;
use domain::private::KeyOwner;
use domain::recorded::Position;
use infrastructure::clock::Clock;
use infrastructure::db::Db;
use projections::person_search;
use projections::table::{Cell, rows};
use serde_json::json;

use crate::support::office::{
    ADMIN, AGENCY, INTAKE, LAN, LEADER, MAI, OTHER_AGENCY, ask, caller, established, key, open, submission,
};
use crate::support::{Backend, Place, instant, on_each_backend, problem};

on_each_backend!(
    a_person_is_found_by_name_words_and_numbers,
    nobody_is_found_by_those_who_may_not_know,
    a_code_is_found_as_it_is_scanned_and_in_parts,
    whoever_is_erased_is_not_found,
    a_search_waits_for_what_it_asks_for,
    people_are_fed_by_one_process_and_again_when_they_must,
    an_unreadable_person_waits_until_it_can_be_read,
    an_odd_search_is_refused,
);

const MORNING: &str = "2026-01-05T08:00:00+07:00";

async fn office(backend: Backend) -> (Place, Service, Clock) {
    let place = Place::with_keys(backend).await;
    let clock = Clock::fixed(instant(MORNING));
    let service = established(&place, clock.clone()).await;
    (place, service, clock)
}

struct Person {
    name: &'static str,
    phone: Option<&'static str>,
    id_number: Option<&'static str>,
}

const fn person(name: &'static str) -> Person {
    Person { name, phone: None, id_number: None }
}

/// Submits online, each a minute after the other.
async fn submit(
    service: &Service,
    clock: &Clock,
    nth: usize,
    agency: &str,
    person: &Person,
) -> (DossierId, String) {
    clock.set(clock.now() + std::time::Duration::from_secs(60));
    let mut input = submission(key(&format!("person {nth}")));
    input.receiving_agency = agency.to_owned();
    input.applicant.name = person.name.to_owned();
    input.applicant.phone = person.phone.map(str::to_owned);
    input.applicant.id_number = person.id_number.map(str::to_owned);
    let citizen = format!("dev:citizen:dan@{agency}");
    let accepted = service.submit_dossier(&caller(&citizen), &input, None).await.unwrap();
    (accepted.dossier_id, accepted.code.to_string())
}

async fn fed(service: &Service) -> Position {
    service.read_side.catch_up().await.unwrap();
    service.people.catch_up().await.unwrap()
}

/// Codes in the order in which they are found, and by what.
async fn found(service: &Service, token: &str, text: &str) -> Vec<(String, SearchMatch)> {
    let hits = service.search(&caller(token), text, 20, None).await.unwrap();
    hits.into_iter().map(|Hit { row, by }| (row.code, by)).collect()
}

async fn table(service: &Service) -> Vec<Vec<Cell<'static>>> {
    rows(service.read_side.database(), person_search::TABLE).await.unwrap()
}

async fn sql(service: &Service, text: &'static str) {
    match &service.read_side.database().writer {
        Db::Sqlite(pool) => sqlx::query(text).execute(pool).await.map(|_| ()).unwrap(),
        Db::Postgres(pool) => sqlx::query(text).execute(pool).await.map(|_| ()).unwrap(),
    }
}

async fn a_person_is_found_by_name_words_and_numbers(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let people = [
        Person {
            name: "MẪU Đặng Thị Hồng", phone: Some("0912 345 678"), id_number: Some("035185000123")
        },
        person("MẪU Hồng Thị Đặng"),
        person("Mẫu Đặng Thị Hồng"),
        Person { name: "MẪU Công ty TNHH An-Bình", phone: None, id_number: Some("0700123456") },
        person("MẪU Hồng Đặng"),
    ];
    let mut codes = Vec::new();
    for (nth, person) in people.iter().enumerate() {
        codes.push(submit(&service, &clock, nth, AGENCY, person).await.1);
    }
    fed(&service).await;
    let [first, turned, same, company, short] = codes.try_into().unwrap();
    let by = |codes: &[(&String, SearchMatch)]| -> Vec<(String, SearchMatch)> {
        codes.iter().map(|(code, by)| ((*code).clone(), *by)).collect()
    };
    use SearchMatch::{IdNumber, Name, Phone, Words};
    // The whole name before its words in another order; the newest first.
    let whole = by(&[(&same, Name), (&first, Name), (&turned, Words)]);
    assert_eq!(found(&service, INTAKE, "mẫu đặng thị hồng").await, whole);
    assert_eq!(found(&service, INTAKE, " MAU  DANG thi hong").await, whole);
    let words = by(&[(&short, Words), (&same, Words), (&turned, Words), (&first, Words)]);
    assert_eq!(found(&service, INTAKE, "dang hong").await, words);
    assert_eq!(found(&service, INTAKE, "binh an").await, by(&[(&company, Words)]));
    for phone in ["0912345678", "+84 912.345.678", "0084912345678"] {
        assert_eq!(found(&service, INTAKE, phone).await, by(&[(&first, Phone)]), "{phone}");
    }
    assert_eq!(found(&service, INTAKE, "0351 8500 0123").await, by(&[(&first, IdNumber)]));
    // Whole words and numbers only.
    for part in ["dan", "091234567", "đặng hồng nhung"] {
        assert_eq!(found(&service, INTAKE, part).await, [], "{part}");
    }
    let page = service.search(&caller(INTAKE), "dang hong", 2, None).await.unwrap();
    assert_eq!(page.iter().map(|hit| &hit.row.code).collect::<Vec<_>>(), [&short, &same]);
    // Nothing that can be read is kept.
    let everything = format!("{:?}", table(&service).await);
    assert!(!table(&service).await.is_empty() && !everything.contains("Text"), "{everything}");

    let query = "query($text: String!) {
        search(text: $text, first: 1) { matchedBy dossier { code applicantName } }
    }";
    let answer = ask(&service, INTAKE, query, json!({"text": "0912345678"})).await;
    let hit = json!({"matchedBy": "PHONE", "dossier": {"code": first, "applicantName": "MẪU Đặng Thị Hồng"}});
    assert_eq!(answer["search"], json!([hit]));
}

async fn nobody_is_found_by_those_who_may_not_know(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let here = submit(&service, &clock, 1, AGENCY, &person("MẪU Trần Văn Đức")).await.1;
    let there = submit(&service, &clock, 2, OTHER_AGENCY, &person("MẪU Trần Văn Đức")).await.1;
    fed(&service).await;
    let codes = async |token: &str| {
        let found = found(&service, token, "trần văn đức").await;
        found.into_iter().map(|(code, _)| code).collect::<Vec<_>>()
    };
    assert_eq!(codes(ADMIN).await, [there.clone(), here.clone()]);
    assert_eq!(codes(LAN).await, [here]);
    assert_eq!(codes(MAI).await, [there]);
    // A leader reads no personal data, and an auditor sees the whole province, masked.
    assert_eq!(codes(LEADER).await, [] as [String; 0]);
    assert_eq!(codes("dev:auditor:kiem-toan@000.00.16.H42").await, [] as [String; 0]);
    let citizen = service.search(&caller("dev:citizen:dan@000.00.16.H42"), "trần văn đức", 20, None).await;
    assert_eq!(problem(citizen).code(), "NO_FUNCTION");
}

async fn a_code_is_found_as_it_is_scanned_and_in_parts(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let one = submit(&service, &clock, 1, AGENCY, &person("MẪU A")).await.1;
    let two = submit(&service, &clock, 2, AGENCY, &person("MẪU B")).await.1;
    let other = submit(&service, &clock, 3, OTHER_AGENCY, &person("MẪU C")).await.1;
    fed(&service).await;
    assert_eq!(two, "000.00.16.H42-260105-0002");
    for scanned in ["000.00.16.H42-260105-0002\r\n", "000.00.16.h42–260105–0002", &two] {
        assert_eq!(found(&service, LEADER, scanned).await, [(two.clone(), SearchMatch::Code)], "{scanned:?}");
    }
    let part = |code: &String| (code.clone(), SearchMatch::PartOfCode);
    assert_eq!(found(&service, LEADER, "260105-0001").await, [part(&one)]);
    assert_eq!(found(&service, ADMIN, "0001").await, [part(&other), part(&one)]);
    assert_eq!(found(&service, LEADER, "h42-2601").await, [part(&two), part(&one)]);
    // Neither a wild card nor another agency's.
    for nothing in ["0%1", "260105_0001", &other] {
        assert_eq!(found(&service, LEADER, nothing).await, [], "{nothing}");
    }
    // What it is about is public, and found without diacritics.
    let text = |code: &String| (code.clone(), SearchMatch::Text);
    assert_eq!(found(&service, LEADER, "cap giay xac nhan").await, [text(&two), text(&one)]);
}

async fn whoever_is_erased_is_not_found(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let (gone, _) = submit(&service, &clock, 1, AGENCY, &person("MẪU Lê Thị Gone")).await;
    let stays = submit(&service, &clock, 2, AGENCY, &person("MẪU Lê Thị Stays")).await.1;
    fed(&service).await;
    let known = service.executor.load::<Dossier>(&dossier::stream(gone)).await.unwrap();
    let key = known.state.key(KeyOwner::Applicant).unwrap();
    let of_key = async |service: &Service| {
        table(service).await.into_iter().filter(|row| row[0] == Cell::Uuid(key.0)).count()
    };
    assert_eq!(of_key(&service).await, 11);
    service.executor.keys.destroy(key).await.unwrap();
    // Until it is purged nothing can be read either.
    let query = "{ search(text: \"lê thị gone\") { dossier { applicantName } } }";
    let answer = ask(&service, INTAKE, query, json!({})).await;
    assert_eq!(answer["search"], json!([{"dossier": {"applicantName": "[đã xóa]"}}]));
    fed(&service).await;
    assert_eq!(of_key(&service).await, 0);
    assert_eq!(found(&service, INTAKE, "lê thị gone").await, []);
    assert_eq!(found(&service, INTAKE, "lê thị").await, [(stays, SearchMatch::Words)]);
    // Filled anew it does not come back.
    sql(&service, "UPDATE checkpoint SET version = version - 1 WHERE name = 'person_search'").await;
    fed(&service).await;
    assert_eq!(of_key(&service).await, 0);
    assert!(!table(&service).await.is_empty());
}

async fn a_search_waits_for_what_it_asks_for(backend: Backend) {
    let (_place, service, clock) = office(backend).await;
    let followers = [service.read_side.follow(), service.people.follow()];
    for nth in 0..20 {
        let (_, code) = submit(&service, &clock, nth, AGENCY, &person("MẪU Vũ Thị Nhanh")).await;
        let head = service.store().head().await.unwrap();
        let hits = service.search(&caller(INTAKE), "vũ thị nhanh", 1, Some(head)).await.unwrap();
        assert_eq!(hits[0].row.code, code);
    }
    for follower in followers {
        follower.stop().await;
    }
    submit(&service, &clock, 20, AGENCY, &person("MẪU Vũ Thị Nhanh")).await;
    let head = service.read_side.catch_up().await.unwrap();
    let late = service.search(&caller(INTAKE), "vũ thị nhanh", 1, Some(head)).await;
    assert_eq!(problem(late).code(), "READ_MODEL_BEHIND");
}

async fn people_are_fed_by_one_process_and_again_when_they_must(backend: Backend) {
    let (place, service, clock) = office(backend).await;
    submit(&service, &clock, 1, AGENCY, &person("MẪU Bùi Văn Một")).await;
    let position = fed(&service).await;
    let before = table(&service).await;
    // Another process holds the lease.
    let other = open(&place, clock.clone()).await;
    let follower = other.people.follow();
    let held = async {
        while service.people.catch_up().await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), held).await.unwrap();
    follower.stop().await;
    assert_eq!(fed(&service).await, position);
    // A table of an older program, or one that is ahead of its log, is filled anew.
    for damage in [
        "UPDATE checkpoint SET version = version - 1 WHERE name = 'person_search'",
        "UPDATE checkpoint SET position = position + 1000 WHERE name = 'person_search'",
    ] {
        sql(&service, "DELETE FROM person_search").await;
        sql(&service, damage).await;
        assert_eq!(fed(&service).await, position);
        assert_eq!(table(&service).await, before, "{damage}");
    }
    // One of a newer program is left alone.
    sql(&service, "UPDATE checkpoint SET version = version + 1 WHERE name = 'person_search'").await;
    assert!(service.people.catch_up().await.is_err());
    let status = service.status().await.unwrap();
    assert_eq!(status.iter().filter(|status| status.name == person_search::NAME).count(), 1);
}

/// A dossier whose first event this program cannot read, and a later one can.
async fn an_unreadable_person_waits_until_it_can_be_read(backend: Backend) {
    let (place, service, clock) = office(backend).await;
    let (id, _) = submit(&service, &clock, 1, AGENCY, &person("MẪU Cao Văn Lạ")).await;
    let stream = dossier::stream(id);
    let swap = async |from: &str, to: &str| {
        let guard = match backend {
            Backend::Sqlite => "DROP TRIGGER IF EXISTS event_is_never_updated",
            Backend::Postgres => "ALTER TABLE event DISABLE TRIGGER ALL",
        };
        place.sql(guard).await.unwrap();
        let text =
            format!("UPDATE event SET data = REPLACE(data, '{from}', '{to}') WHERE stream = '{stream}'");
        place.sql(&text).await.unwrap();
    };
    swap("\"channel\"", "\"chanel\"").await;
    fed(&service).await;
    let parked = async || {
        let status = service.people.status(clock.now()).await.unwrap().remove(0);
        status.parked.into_iter().map(|parked| parked.stream).collect::<Vec<_>>()
    };
    assert_eq!(parked().await, std::slice::from_ref(&stream));
    assert!(table(&service).await.is_empty());
    swap("\"chanel\"", "\"channel\"").await;
    fed(&service).await;
    assert_eq!(parked().await, [] as [String; 0]);
    assert_eq!(table(&service).await.len(), 11);
}

async fn an_odd_search_is_refused(backend: Backend) {
    let (_place, service, _clock) = office(backend).await;
    fed(&service).await;
    for odd in ["", "  ", &"a".repeat(301), "a\0"] {
        let refused = service.search(&caller(INTAKE), odd, 20, None).await;
        assert_eq!(problem(refused).code(), "BAD_USER_INPUT", "{odd:?}");
    }
    // Nothing in it: neither words nor digits.
    assert_eq!(found(&service, INTAKE, "-.,").await, []);
}
