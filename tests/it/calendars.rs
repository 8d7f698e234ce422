//! Calendars by decision: a late swap, what it touches and what it leaves, and days of a place. The swap is the real one:
//! 2/1/2026 was exchanged for 10/1/2026 on 25/12/2025.

use api::input::{
    AdoptCalendarInput, AnswerInput, CalendarDayInput, CalendarDayKind, ChooseCalendarInput,
    DecideCalendarInput, DecisionInput, ForwardDossierInput, OnAgency, OpenCalendarInput, SupplementInput,
};
use api::service::{ImpactQuestion, Service};
use chrono::NaiveDate;
use domain::calendar::Calendar;
use domain::identity::DossierId;
use domain::time::Instant;
use infrastructure::clock::Clock;
use serde_json::json;
use uuid::Uuid;

use crate::support::office::{
    ADMIN, AGENCY, INTAKE, LAN, LEADER, ask, caller, established, forward_to, key, on, registered,
};
use crate::support::{Backend, Place, instant, on_each_backend, problem};

on_each_backend!(
    a_late_swap_lists_what_it_touches_and_moves_nothing,
    a_dossier_that_cannot_be_read_is_named_beside_what_is_touched,
    a_due_instant_is_explained_with_the_calendar_it_was_computed_with,
    a_place_keeps_days_of_its_own,
    refusals_write_nothing,
    calendars_through_the_interface,
);

/// Friday 26/12/2025, the day after the decision; the dossiers came in before.
const AFTER: &str = "2025-12-26T08:00:00+07:00";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn decision(reference: &str, decided_on: &str) -> DecisionInput {
    DecisionInput { reference: reference.to_owned(), decided_on: Some(day(decided_on)) }
}

fn a_day(date: &str, kind: CalendarDayKind, name: &str) -> CalendarDayInput {
    CalendarDayInput { date: day(date), kind, name: name.to_owned() }
}

fn the_swap() -> DecideCalendarInput {
    DecideCalendarInput {
        idempotency_key: key("swap"),
        expected_version: None,
        calendar: None,
        decision: decision("12729/VPCP-KGVX", "2025-12-25"),
        days: Some(vec![
            a_day("2026-01-02", CalendarDayKind::Swap, "Nghỉ hoán đổi với ngày 10/01/2026"),
            a_day("2026-01-10", CalendarDayKind::MakeUp, "Làm bù cho ngày 02/01/2026"),
        ]),
        withdrawn: None,
        settled: None,
    }
}

/// The built-in table as it was before the swap: the national calendar of these tests.
fn table_of_before() -> String {
    let table = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/data/calendar-vn.csv"),
    );
    let of_the_swap = |line: &&str| !line.starts_with("2026-01-02,") && !line.starts_with("2026-01-10,");
    table.unwrap().lines().filter(of_the_swap).collect::<Vec<_>>().join("\n")
}

async fn before_the_swap(place: &Place, at: &str) -> (Service, Clock) {
    let clock = Clock::fixed(instant(at));
    let service = established(place, clock.clone()).await;
    let adopt = AdoptCalendarInput {
        idempotency_key: key("adopt"),
        expected_version: None,
        table: Some(table_of_before()),
    };
    service.adopt_calendar(&caller(ADMIN), &adopt).await.unwrap();
    (service, clock)
}

async fn due(service: &Service, id: DossierId) -> Instant {
    service.read_side.catch_up().await.unwrap();
    let row = service.dossier_by_id(&caller(ADMIN), id).await.unwrap().unwrap();
    infrastructure::event_store::instant(row.due_at.unwrap())
}

async fn touched(service: &Service, question: &ImpactQuestion<'_>) -> Vec<(Uuid, Instant, Instant)> {
    service.read_side.catch_up().await.unwrap();
    let impact = service.calendar_impact(&caller(ADMIN), question, None, 100).await.unwrap();
    assert_eq!(impact.next, None);
    impact
        .touched
        .iter()
        .map(|one| (one.dossier_id, one.due_at.unwrap(), one.would_be_due_at.unwrap()))
        .collect()
}

async fn a_late_swap_lists_what_it_touches_and_moves_nothing(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = before_the_swap(&place, "2025-12-22T09:00:00+07:00").await;
    // Five working days from Monday 22/12: due on Monday 29/12, before the days of the swap.
    let early = registered(&service, "early").await.dossier_id;
    clock.set(instant("2025-12-25T09:00:00+07:00"));
    // From Thursday 25/12: 26, 29, 30, 31/12 and then 2/1.
    let on_the_day_off = registered(&service, "due on the day that goes").await.dossier_id;
    // Asked for a supplement on the 26th, answered on the 29th: one day more, 5/1.
    let paused = registered(&service, "paused").await.dossier_id;
    clock.set(instant(AFTER));
    let forward = ForwardDossierInput { ..forward_to(LAN, key("forward"), paused) };
    service.forward_dossier(&caller(LEADER), &forward).await.unwrap();
    let ask = SupplementInput {
        on: on(key("ask"), paused),
        reason: "Thiếu bản vẽ".to_owned(),
        papers: None,
        answer_by: None,
    };
    service.request_supplement(&caller(LAN), &ask).await.unwrap();
    clock.set(instant("2025-12-29T08:00:00+07:00"));
    let answer = AnswerInput { on: on(key("answer"), paused), note: None, papers: None };
    service.receive_supplement(&caller(INTAKE), &answer).await.unwrap();
    assert_eq!(due(&service, on_the_day_off).await, instant("2026-01-02T17:00:00+07:00"));
    assert_eq!(due(&service, paused).await, instant("2026-01-05T17:00:00+07:00"));
    let mut expected = vec![
        (on_the_day_off.0, instant("2026-01-02T17:00:00+07:00"), instant("2026-01-05T17:00:00+07:00")),
        (paused.0, instant("2026-01-05T17:00:00+07:00"), instant("2026-01-06T17:00:00+07:00")),
    ];
    expected.sort();
    // Asked before it is decided, and after.
    let swap = the_swap();
    let before = ImpactQuestion { decision: Some(&swap), ..ImpactQuestion::default() };
    assert_eq!(touched(&service, &before).await, expected);
    let head = service.store().head().await.unwrap();
    service.decide_calendar(&caller(ADMIN), &swap).await.unwrap();
    assert_eq!(service.store().head().await.unwrap().0, head.0 + 1, "one event: the decision");
    assert_eq!(touched(&service, &before).await, expected);
    let days = ImpactQuestion {
        from: Some(day("2026-01-02")),
        to: Some(day("2026-01-10")),
        ..ImpactQuestion::default()
    };
    assert_eq!(touched(&service, &days).await, expected);
    // A page at a time.
    let (mut after, mut paged) = (None, Vec::new());
    loop {
        let page = service.calendar_impact(&caller(ADMIN), &days, after, 1).await.unwrap();
        assert!(page.touched.len() <= 1);
        paged.extend(page.touched.iter().map(|one| one.dossier_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, expected.iter().map(|(id, _, _)| *id).collect::<Vec<_>>());
    // What was promised stays.
    assert_eq!(due(&service, on_the_day_off).await, instant("2026-01-02T17:00:00+07:00"));
    assert_eq!(due(&service, paused).await, instant("2026-01-05T17:00:00+07:00"));
    assert_eq!(due(&service, early).await, instant("2025-12-29T17:00:00+07:00"));
    // What comes in from now on is counted with it: 30, 31/12, 5, 6, 7/1.
    let new = registered(&service, "new").await.dossier_id;
    assert_eq!(due(&service, new).await, instant("2026-01-07T17:00:00+07:00"));
}

async fn a_due_instant_is_explained_with_the_calendar_it_was_computed_with(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, _) = before_the_swap(&place, "2025-12-25T09:00:00+07:00").await;
    let old = registered(&service, "old").await.dossier_id;
    service.decide_calendar(&caller(ADMIN), &the_swap()).await.unwrap();
    let new = registered(&service, "new").await.dossier_id;
    let told = async |id: DossierId| {
        let history = service.history(&caller(ADMIN), id).await.unwrap();
        let told = service.explain_deadline(&history).await.unwrap();
        told.into_iter().map(|step| step.vietnamese).collect::<Vec<_>>().join("\n")
    };
    let (old, new) = (told(old).await, told(new).await);
    assert!(!old.contains("hoán đổi") && old.contains("02/01/2026"), "{old}");
    assert!(new.contains("Nghỉ hoán đổi với ngày 10/01/2026"), "{new}");
    assert!(new.contains("05/01/2026"), "{new}");
}

async fn a_place_keeps_days_of_its_own(backend: Backend) {
    let place = Place::new(backend).await;
    let clock = Clock::fixed(instant("2026-03-02T09:00:00+07:00"));
    let service = established(&place, clock).await;
    let choose = |name: &str| ChooseCalendarInput {
        on: OnAgency {
            idempotency_key: key(name),
            expected_version: None,
            agency: AGENCY.to_owned(),
            from: day("2026-03-01"),
            decision: None,
        },
        calendar: Some("LE_HOI".to_owned()),
    };
    let refused = problem(service.choose_calendar(&caller(ADMIN), &choose("not opened")).await);
    assert_eq!(refused.code(), "NOT_FOUND");
    let open = OpenCalendarInput {
        idempotency_key: key("open"),
        code: "LE_HOI".to_owned(),
        name: "Lịch khu lễ hội".to_owned(),
    };
    service.open_calendar(&caller(ADMIN), &open).await.unwrap();
    let festival = DecideCalendarInput {
        idempotency_key: key("festival"),
        expected_version: None,
        calendar: Some("LE_HOI".to_owned()),
        decision: decision("15/QĐ-UBND", "2026-02-01"),
        days: Some(vec![a_day("2026-03-03", CalendarDayKind::Holiday, "Khai hội")]),
        withdrawn: None,
        settled: None,
    };
    service.decide_calendar(&caller(ADMIN), &festival).await.unwrap();
    let elsewhere = registered(&service, "before it was chosen").await.dossier_id;
    assert_eq!(due(&service, elsewhere).await, instant("2026-03-09T17:00:00+07:00"));
    service.choose_calendar(&caller(ADMIN), &choose("choose")).await.unwrap();
    let here = registered(&service, "here").await.dossier_id;
    assert_eq!(due(&service, here).await, instant("2026-03-10T17:00:00+07:00"));
    let history = service.history(&caller(ADMIN), here).await.unwrap();
    let told = service.explain_deadline(&history).await.unwrap();
    assert!(told.iter().any(|step| step.vietnamese.contains("Khai hội")), "{told:?}");
    let days = service.calendar_days(Some(AGENCY)).await.unwrap();
    assert!(days.days.iter().any(|day| day.name == "Khai hội"));
    assert!(days.version.as_str().starts_with("LE_HOI+"));
    // The dossier that was counted with the national days would be due later under the chosen calendar.
    let days = ImpactQuestion { from: Some(day("2026-03-03")), ..ImpactQuestion::default() };
    let expected = (elsewhere.0, instant("2026-03-09T17:00:00+07:00"), instant("2026-03-10T17:00:00+07:00"));
    assert_eq!(touched(&service, &days).await, [expected]);
}

async fn refusals_write_nothing(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, _) = before_the_swap(&place, "2025-12-22T09:00:00+07:00").await;
    let head = service.store().head().await.unwrap();
    for who in [LEADER, LAN, INTAKE] {
        let refused = problem(service.decide_calendar(&caller(who), &the_swap()).await);
        assert_eq!(refused.code(), "NO_FUNCTION", "{who}");
        let question = ImpactQuestion { from: Some(day("2026-01-02")), ..ImpactQuestion::default() };
        let refused = problem(service.calendar_impact(&caller(who), &question, None, 10).await);
        assert_eq!(refused.code(), "NO_FUNCTION", "{who}");
    }
    let monday = DecideCalendarInput {
        days: Some(vec![a_day("2026-01-05", CalendarDayKind::MakeUp, "Làm bù")]),
        ..the_swap()
    };
    assert_eq!(problem(service.decide_calendar(&caller(ADMIN), &monday).await).code(), "CALENDAR_INVALID");
    let nothing = DecideCalendarInput { days: None, ..the_swap() };
    let refused = problem(service.decide_calendar(&caller(ADMIN), &nothing).await);
    assert_eq!(refused.code(), "CALENDAR_NOTHING_DECIDED");
    let unnamed = DecideCalendarInput { decision: decision("  ", "2025-12-25"), ..the_swap() };
    assert_eq!(problem(service.decide_calendar(&caller(ADMIN), &unnamed).await).code(), "BAD_USER_INPUT");
    let unknown = DecideCalendarInput { calendar: Some("LE_HOI".to_owned()), ..the_swap() };
    assert_eq!(
        problem(service.decide_calendar(&caller(ADMIN), &unknown).await).code(),
        "CALENDAR_NOT_OPENED"
    );
    let half = "date,day,kind,name\n2026-01-01,off,holiday,Tết".to_owned();
    let half = AdoptCalendarInput { idempotency_key: key("half"), expected_version: None, table: Some(half) };
    assert_eq!(problem(service.adopt_calendar(&caller(ADMIN), &half).await).code(), "CALENDAR_YEARS_LOST");
    let nonsense = AdoptCalendarInput {
        idempotency_key: key("nonsense"),
        expected_version: None,
        table: Some("lịch".to_owned()),
    };
    assert_eq!(problem(service.adopt_calendar(&caller(ADMIN), &nonsense).await).code(), "BAD_USER_INPUT");
    let neither = service.calendar_impact(&caller(ADMIN), &ImpactQuestion::default(), None, 10).await;
    assert_eq!(problem(neither).code(), "BAD_USER_INPUT");
    let unknown = ImpactQuestion { decision: Some(&unknown), ..ImpactQuestion::default() };
    let refused = problem(service.calendar_impact(&caller(ADMIN), &unknown, None, 10).await);
    assert_eq!(refused.code(), "CALENDAR_NOT_OPENED", "rather than that it touches nothing");
    let colon =
        OpenCalendarInput {
            idempotency_key: key("colon"), code: "A:B".to_owned(), name: "Lịch".to_owned()
        };
    assert_eq!(problem(service.open_calendar(&caller(ADMIN), &colon).await).code(), "BAD_USER_INPUT");
    assert_eq!(service.store().head().await.unwrap(), head);
    // The same decision twice, under two keys, is one.
    service.decide_calendar(&caller(ADMIN), &the_swap()).await.unwrap();
    let head = service.store().head().await.unwrap();
    let again = DecideCalendarInput { idempotency_key: key("again"), ..the_swap() };
    service.decide_calendar(&caller(ADMIN), &again).await.unwrap();
    assert_eq!(service.store().head().await.unwrap(), head);
}

/// Nobody can say what the decision does to it; of the others it is said.
async fn a_dossier_that_cannot_be_read_is_named_beside_what_is_touched(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, _) = before_the_swap(&place, "2025-12-29T08:00:00+07:00").await;
    let readable = registered(&service, "readable").await;
    let unreadable = registered(&service, "unreadable").await;
    place.poison(unreadable.dossier_id, unreadable.done.version.0 + 1).await;
    service.read_side.catch_up().await.unwrap();
    let swap = the_swap();
    let question = ImpactQuestion { decision: Some(&swap), ..ImpactQuestion::default() };
    let impact = service.calendar_impact(&caller(ADMIN), &question, None, 100).await.unwrap();
    let touched: Vec<_> = impact.touched.iter().map(|touched| touched.dossier_id).collect();
    assert_eq!((touched, impact.unreadable), (vec![readable.dossier_id.0], vec![unreadable.dossier_id.0]));
}

/// The program's own table is what the first decision changes, and it is written down with it.
async fn calendars_through_the_interface(backend: Backend) {
    let place = Place::new(backend).await;
    let clock = Clock::fixed(instant("2026-11-02T09:00:00+07:00"));
    let service = established(&place, clock).await;
    let dossier = registered(&service, "one").await;
    service.read_side.catch_up().await.unwrap();
    let decision = json!({
        "idempotencyKey": key("flood"),
        "decision": {"reference": "77/QĐ-UBND", "decidedOn": "2026-11-02"},
        "days": [{"date": "2026-11-05", "kind": "HOLIDAY", "name": "Nghỉ do bão"}],
    });
    let impact = "query Q($decision: DecideCalendarInput) {
        calendarImpact(decision: $decision) { next dossiers { code dueAt wouldBeDueAt } }
    }";
    let answer = ask(&service, ADMIN, impact, json!({"decision": decision})).await;
    assert_eq!(
        answer["calendarImpact"],
        json!({"next": null, "dossiers": [{
            "code": dossier.code.to_string(),
            "dueAt": "2026-11-09T17:00:00+07:00",
            "wouldBeDueAt": "2026-11-10T17:00:00+07:00",
        }]})
    );
    let decide = "mutation M($input: DecideCalendarInput!) {
        decideCalendar(input: $input) { position problems { code message } }
    }";
    let head = service.store().head().await.unwrap();
    // What is refused writes nothing, also not the table that it would have changed.
    let monday = json!({
        "idempotencyKey": key("monday"),
        "decision": {"reference": "76/QĐ-UBND"},
        "days": [{"date": "2026-11-09", "kind": "MAKE_UP", "name": "Làm bù"}],
    });
    let refused = ask(&service, ADMIN, decide, json!({"input": monday})).await;
    assert_eq!(refused["decideCalendar"]["problems"][0]["code"], "CALENDAR_INVALID");
    assert_eq!(service.store().head().await.unwrap(), head);
    let answer = ask(&service, ADMIN, decide, json!({"input": decision})).await;
    assert_eq!(answer["decideCalendar"]["problems"], json!([]));
    assert_eq!(service.store().head().await.unwrap().0, head.0 + 2, "the table, and the decision");
    let query = "{ calendar(year: 2026) { version firstYear lastYear provisional
        days { date kind name decision { reference decidedOn } } } }";
    let calendar = ask(&service, ADMIN, query, json!({})).await["calendar"].clone();
    assert_ne!(calendar["version"], json!(Calendar::built_in().version().as_str()));
    assert_eq!((&calendar["firstYear"], &calendar["lastYear"]), (&json!(2017), &json!(2027)));
    let day = calendar["days"].as_array().unwrap().iter().find(|day| day["date"] == "2026-11-05").unwrap();
    assert_eq!(day["decision"], json!({"reference": "77/QĐ-UBND", "decidedOn": "2026-11-02"}));
    let refused = ask(
        &service,
        ADMIN,
        decide,
        json!({"input": {
            "idempotencyKey": key("refused"), "decision": {"reference": "78/QĐ-UBND"}, "days": [],
        }}),
    )
    .await;
    assert_eq!(refused["decideCalendar"]["problems"][0]["code"], "CALENDAR_NOTHING_DECIDED");
    let agencies = "query Q($on: NaiveDate) { agencies(asOf: $on) { code nationalCode name lasts } }";
    let answer = ask(&service, ADMIN, agencies, json!({"on": "2026-11-02"})).await;
    assert_eq!(
        answer["agencies"][0],
        json!({
            "code": AGENCY, "nationalCode": null, "name": format!("UBND {AGENCY}"), "lasts": true,
        })
    );
}
