use proptest::prelude::*;

use super::*;
use crate::decider::Rejection as _;
use crate::testing::{Given, agency, agency_code, at, decided, given};
use crate::working_time::Session;

const MONDAY: &str = "2024-05-06 09:00";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn particulars() -> Established {
    Established {
        parent: Some(agency(0)),
        ..Established::new(agency_code(16), "Ủy ban nhân dân thành phố Phủ Lý")
    }
}

fn decision() -> Decision {
    Decision { reference: "202/2025/QH15".to_owned(), decided_on: Some(day("2025-06-12")) }
}

fn establish() -> Command {
    Command::Establish(particulars())
}

fn rename(name: &str, from: Option<NaiveDate>) -> Command {
    Command::Rename(Renamed { name: name.to_owned(), from, decision: None })
}

fn recode(number: u8, national: &str, from: &str) -> Command {
    let national_code = Some(NationalAgencyCode::parse(national).unwrap());
    Command::Recode(Recoded { code: agency_code(number), national_code, from: day(from), decision: None })
}

fn successor(number: u8, fields: &[&str]) -> Successor {
    let fields = fields.iter().map(|field| FieldCode::parse(field).unwrap()).collect();
    Successor { agency: agency(number), fields }
}

fn succeed(by: Vec<Successor>, from: &str) -> Command {
    Command::Succeed(Succeeded { by, from: day(from), decision: decision() })
}

fn office_hours() -> OfficeHours {
    let session = |opens, closes| {
        let time = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        Session { opens: time(opens), closes: time(closes) }
    };
    OfficeHours::new(session(8, 12), session(13, 17)).unwrap()
}

fn history(commands: impl IntoIterator<Item = Command>) -> Vec<(Instant, Event)> {
    decided::<Agency>(commands.into_iter().map(|command| (at(MONDAY), command)))
}

fn known(commands: impl IntoIterator<Item = Command>) -> Known {
    given::<Agency>(history(commands)).state().known().unwrap().clone()
}

fn there() -> Given<Agency> {
    given::<Agency>(history([establish()]))
}

#[test]
fn an_agency_is_established_once() {
    given::<Agency>([]).when(at(MONDAY), establish()).then([Event::Established(particulars())]);
    let known = there();
    known.when(at(MONDAY), establish()).then([]);
    for other in [
        Established { parent: None, ..particulars() },
        Established { office_hours: office_hours(), ..particulars() },
        Established { from: Some(day("2024-05-06")), ..particulars() },
    ] {
        known.when(at(MONDAY), Command::Establish(other)).rejected(Rejection::AlreadyEstablished);
    }
}

#[test]
fn a_new_name_changes_nothing_else_and_the_old_one_can_be_asked_for() {
    let name = "Ủy ban nhân dân phường Phủ Lý";
    let on = day("2024-05-06");
    there().when(at(MONDAY), rename(name, None)).then([Event::Renamed(Renamed {
        name: name.to_owned(),
        from: None,
        decision: None,
    })]);
    let renamed = given::<Agency>(history([establish(), rename(name, None)]));
    renamed.when(at(MONDAY), rename(name, None)).then([]);
    let known = known([establish(), rename(name, None)]);
    let before = known.on(on.pred_opt().unwrap());
    assert_eq!(before.name, particulars().name);
    assert_eq!(known.on(on), Particulars { name: name.to_owned(), ..before });
    assert_eq!(known.changes(), [on]);
}

#[test]
fn both_identifiers_change_from_a_day_on() {
    let known = known([establish(), recode(17, "H42.17", "2025-07-01")]);
    let (before, after) = (known.on(day("2025-06-30")), known.on(day("2025-07-01")));
    assert_eq!(before.codes, Codes { code: agency_code(16), national: None });
    assert_eq!(after.codes.code, agency_code(17));
    assert_eq!(after.codes.national.unwrap().as_str(), "H42.17");
    assert_eq!(known.id(), agency(16), "whatever its code, it is the same agency");
}

#[test]
fn office_hours_calendar_and_place_in_the_tree_change_from_a_day_on() {
    let calendar = CalendarId::of(&crate::codes::CalendarCode::parse("LE_HOI").unwrap());
    let (from, decision) = (day("2025-07-01"), None);
    let known = known([
        establish(),
        Command::SetOfficeHours(OfficeHoursSet {
            office_hours: office_hours(),
            from,
            decision: decision.clone(),
        }),
        Command::ChooseCalendar(CalendarChosen {
            calendar: Some(calendar),
            from,
            decision: decision.clone(),
        }),
        Command::Move(Moved { parent: None, from, decision }),
    ]);
    let (before, after) = (known.on(day("2025-06-30")), known.on(from));
    assert_eq!(before.office_hours, OfficeHours::default());
    assert_eq!((before.calendar, before.parent), (None, Some(agency(0))));
    assert_eq!(after.office_hours, office_hours());
    assert_eq!((after.calendar, after.parent), (Some(calendar), None));
}

#[test]
fn others_take_its_place_from_a_day_on() {
    let known = known([
        establish(),
        succeed(vec![successor(1, &[]), successor(2, &["H42-LV01", "H42-LV02"])], "2025-07-01"),
    ]);
    let (eve, first) = (day("2025-06-30"), day("2025-07-01"));
    assert!(known.exists_on(eve) && !known.exists_on(first));
    let field = |code: &str| FieldCode::parse(code).unwrap();
    assert_eq!(known.heir(None, eve), None);
    assert_eq!(known.heir(None, first), Some(agency(1)));
    assert_eq!(known.heir(Some(&field("H42-LV02")), first), Some(agency(2)));
    assert_eq!(known.heir(Some(&field("H42-LV03")), first), Some(agency(1)));
    assert_eq!(known.on(first).name, particulars().name, "its papers keep its name");
}

#[test]
fn a_succession_is_clear_and_final() {
    let known = there();
    let unclear = [
        vec![],
        vec![successor(1, &["H42-LV01"])],
        vec![successor(1, &[]), successor(2, &[])],
        vec![successor(1, &[]), successor(1, &["H42-LV01"])],
        vec![successor(1, &[]), successor(2, &["H42-LV01"]), successor(3, &["H42-LV01"])],
        vec![successor(16, &[])],
    ];
    for by in unclear {
        known.when(at(MONDAY), succeed(by, "2025-07-01")).rejected(Rejection::SuccessorsUnclear);
    }
    let gone = given::<Agency>(history([establish(), succeed(vec![successor(1, &[])], "2025-07-01")]));
    gone.when(at(MONDAY), succeed(vec![successor(1, &[])], "2025-07-01")).then([]);
    let from = day("2025-07-01");
    gone.when(at(MONDAY), succeed(vec![successor(2, &[])], "2025-08-01"))
        .rejected(Rejection::AlreadySucceeded { from });
    gone.when(at(MONDAY), rename("Sở mới", Some(from))).rejected(Rejection::AlreadySucceeded { from });
    // Until then it can still be renamed.
    let name = "Sở cũ".to_owned();
    let renamed = Renamed { name: name.clone(), from: Some(day("2025-06-30")), decision: None };
    gone.when(at(MONDAY), rename(&name, renamed.from)).then([Event::Renamed(renamed)]);
}

#[test]
fn what_is_not_there_cannot_change() {
    for command in [rename("Sở Tư pháp", None), succeed(vec![successor(1, &[])], "2025-07-01")] {
        given::<Agency>([]).when(at(MONDAY), command).rejected(Rejection::NotEstablished);
    }
    // On disk it would be a fact about nothing.
    let renamed = Event::Renamed(Renamed { name: "Sở Tư pháp".to_owned(), from: None, decision: None });
    assert_eq!(given::<Agency>([(at(MONDAY), renamed)]).state(), Agency::Absent);
    let since = day("2025-07-01");
    let young = Established { from: Some(since), ..particulars() };
    let young = given::<Agency>(history([Command::Establish(young)]));
    young
        .when(at(MONDAY), rename("Sở Tư pháp", Some(day("2025-06-30"))))
        .rejected(Rejection::BeforeEstablished { since });
    let young = young.state().known().unwrap().clone();
    assert!(!young.exists_on(day("2025-06-30")) && young.exists_on(since));
    assert_eq!(young.changes(), [since], "its first day is one");
}

#[test]
fn an_agency_does_not_belong_to_itself() {
    let itself = Some(agency(16));
    let command = Command::Establish(Established { parent: itself, ..particulars() });
    given::<Agency>([]).when(at(MONDAY), command).rejected(Rejection::OwnParent);
    let moved = Moved { parent: itself, from: day("2025-07-01"), decision: None };
    there().when(at(MONDAY), Command::Move(moved)).rejected(Rejection::OwnParent);
}

#[test]
fn a_name_is_not_empty() {
    for nameless in ["", " ", "\u{a0}\t"] {
        let particulars = Established { name: nameless.to_owned(), ..particulars() };
        given::<Agency>([]).when(at(MONDAY), Command::Establish(particulars)).rejected(Rejection::NameEmpty);
        there().when(at(MONDAY), rename(nameless, None)).rejected(Rejection::NameEmpty);
    }
}

#[test]
fn codes_of_refusals_are_pinned() {
    let since = day("2025-07-01");
    let codes = [
        Rejection::NotEstablished,
        Rejection::AlreadyEstablished,
        Rejection::NameEmpty,
        Rejection::BeforeEstablished { since },
        Rejection::AlreadySucceeded { from: since },
        Rejection::OwnParent,
        Rejection::SuccessorsUnclear,
    ]
    .map(|rejection| rejection.code());
    assert_eq!(
        codes,
        [
            "AGENCY_NOT_ESTABLISHED",
            "AGENCY_ALREADY_ESTABLISHED",
            "AGENCY_NAME_EMPTY",
            "AGENCY_NOT_YET_ESTABLISHED",
            "AGENCY_SUCCEEDED",
            "AGENCY_TREE_HAS_A_CIRCLE",
            "AGENCY_SUCCESSORS_UNCLEAR",
        ]
    );
}

proptest! {
    /// In whatever order changes are written down: on a day holds what was said of the latest day up to it, and of one
    /// day what was said last.
    #[test]
    fn on_a_day_holds_what_began_last(names in proptest::collection::vec((0..400_u64, 0..5_u8), 0..12)) {
        let first = day("2025-01-01");
        let on = |n: u64| first + chrono::Days::new(n);
        let mut agency = given::<Agency>(history([establish()])).state();
        for (n, name) in &names {
            for event in agency.decide(at(MONDAY), &rename(&format!("Sở {name}"), Some(on(*n)))).unwrap() {
                agency = agency.evolve(at(MONDAY), &event);
            }
        }
        for n in (0..400).step_by(7) {
            let latest = (0..names.len()).filter(|i| names[*i].0 <= n).max_by_key(|i| (names[*i].0, *i));
            let expected = latest.map_or(particulars().name, |i| format!("Sở {}", names[i].1));
            prop_assert_eq!(agency.known().unwrap().on(on(n)).name, expected);
        }
    }
}
