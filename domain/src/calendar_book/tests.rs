use chrono::Datelike;

use super::*;
use crate::calendar::Day;
use crate::decider::Rejection as _;
use crate::testing::{at, decided, given};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn now() -> Instant {
    at("2025-12-25 10:00")
}

/// The national calendar as it was before the swap of 2/1/2026 was decided.
fn before_the_swap() -> Arc<Calendar> {
    let withdrawn = vec![day("2026-01-02"), day("2026-01-10")];
    Arc::new(Calendar::built_in().amended(&Amendment { withdrawn, ..Amendment::default() }).unwrap())
}

fn named(date: &str, kind: DayKind, name: &str) -> DecidedDay {
    DecidedDay { date: day(date), kind, name: name.to_owned() }
}

fn decision(reference: &str, decided_on: &str) -> Decision {
    Decision { reference: reference.to_owned(), decided_on: Some(day(decided_on)) }
}

/// Works on Saturday 10/1/2026 instead of Friday 2/1/2026.
fn the_swap() -> Decided {
    Decided {
        decision: decision("12729/VPCP-KGVX", "2025-12-25"),
        days: vec![
            named("2026-01-02", DayKind::Swap, "Nghỉ Tết Dương lịch (hoán đổi)"),
            named("2026-01-10", DayKind::MakeUp, "Làm bù ngày 02/01/2026"),
        ],
        withdrawn: Vec::new(),
        settled: Vec::new(),
    }
}

fn festival() -> Opened {
    Opened { code: CalendarCode::parse("LE_HOI").unwrap(), name: "Lịch khu lễ hội".to_owned() }
}

fn festival_day() -> Decided {
    Decided {
        decision: decision("15/QĐ-UBND", "2026-02-01"),
        days: vec![named("2026-03-03", DayKind::Holiday, "Khai hội")],
        withdrawn: Vec::new(),
        settled: Vec::new(),
    }
}

fn book(commands: impl IntoIterator<Item = Command>) -> CalendarBook {
    given::<CalendarBook>(decided::<CalendarBook>(commands.into_iter().map(|command| (now(), command))))
        .state()
}

fn adopted() -> Command {
    Command::Adopt(before_the_swap())
}

#[test]
fn a_table_is_adopted_whole_and_comes_back_from_its_event() {
    let table = Arc::new(Calendar::built_in().clone());
    let state = book([Command::Adopt(Arc::clone(&table))]);
    assert_eq!(state.national(), [Arc::clone(&table)]);
    assert_eq!(state.decide(now(), &Command::Adopt(table)), Ok(Vec::new()));
    // What the program came with does not take the place of what was adopted.
    assert_eq!(state.decide(now(), &Command::Begin(before_the_swap())), Ok(Vec::new()));
    assert_eq!(book([Command::Begin(before_the_swap())]), book([adopted()]));
    assert_eq!(CalendarBook::Absent.national().len(), 1, "the built-in one before anything is adopted");
}

#[test]
fn a_late_swap_makes_a_new_version_and_the_old_one_stays() {
    let state = book([adopted(), Command::Decide(the_swap())]);
    let versions = state.national();
    let [before, after] = versions else { panic!("two versions") };
    assert_eq!(before.is_working_day(day("2026-01-02")), Ok(true));
    assert_eq!(after.is_working_day(day("2026-01-02")), Ok(false));
    assert_eq!(after.is_working_day(day("2026-01-10")), Ok(true));
    let Ok(Day::Off(why)) = after.day(day("2026-01-02")) else { panic!("off") };
    assert_eq!(why.decision, Some(the_swap().decision), "who asks why gets the decision");
    for version in versions {
        assert_eq!(state.version(&state, version.version()).as_ref(), Some(version));
    }
    assert_eq!(state.version(&state, Calendar::built_in().version()), None, "never a version of this one");
    assert_eq!(state.decide(now(), &Command::Decide(the_swap())), Ok(Vec::new()), "decided already");
}

#[test]
fn a_decision_replaces_takes_back_and_settles() {
    let table = Arc::new(Calendar::built_in().clone());
    let decided = Decided {
        decision: decision("01/QĐ", "2026-11-01"),
        days: vec![named("2026-01-02", DayKind::Holiday, "Nghỉ lễ")],
        withdrawn: vec![day("2026-01-10")],
        settled: vec![2027],
    };
    let state = book([Command::Adopt(table), Command::Decide(decided.clone())]);
    let latest = state.latest();
    assert_eq!(latest.is_working_day(day("2026-01-10")), Ok(false), "a plain Saturday again");
    let Ok(Day::Off(off)) = latest.day(day("2026-01-02")) else { panic!("off") };
    assert_eq!(off.kind, DayKind::Holiday);
    assert_eq!(latest.is_provisional(2027), Ok(false));
    let touched: Vec<_> = decided.touched().into_iter().collect();
    assert_eq!(touched, [day("2026-01-02"), day("2026-01-10")]);
}

#[test]
fn a_newer_table_may_reach_further_and_not_less_far() {
    let whole = Calendar::built_in();
    let until = |last: i32| {
        let days = whole.declared_days().filter(|day| day.date.year() <= last).cloned();
        Arc::new(Calendar::new("vn", 2017..=last, [], days).unwrap())
    };
    let state = book([Command::Adopt(until(2025))]);
    assert_eq!(state.decide(now(), &Command::Adopt(until(2026))).unwrap().len(), 1);
    let refused = state.decide(now(), &Command::Adopt(until(2024)));
    assert_eq!(refused, Err(Rejection::YearsLost { first: 2017, last: 2025 }));
    assert_eq!(stream(national()), "calendar-2c4d3021-22bc-5a98-9f7b-325434245493");
}

#[test]
fn a_decision_says_one_thing_of_a_day() {
    let swap = || named("2026-01-02", DayKind::Swap, "Nghỉ hoán đổi");
    let holiday = || named("2026-01-02", DayKind::Holiday, "Nghỉ lễ");
    for (days, withdrawn) in [
        (vec![swap(), holiday()], vec![]),
        (vec![swap(), swap()], vec![]),
        (vec![holiday()], vec![day("2026-01-02")]),
    ] {
        let decided =
            Decided { decision: decision("02/QĐ", "2026-11-01"), days, withdrawn, settled: Vec::new() };
        let state = book([Command::Adopt(Arc::new(Calendar::built_in().clone()))]);
        let refused = state.decide(now(), &Command::Decide(decided));
        let twice = InvalidCalendar::DuplicateDate { date: day("2026-01-02") };
        assert_eq!(refused, Err(Rejection::Invalid(twice)));
    }
}

#[test]
fn a_place_keeps_the_national_days_beside_its_own() {
    let national = book([adopted()]);
    let own = book([Command::Open(festival()), Command::Decide(festival_day())]);
    let before = own.over(&national.national()[0]).unwrap();
    assert_eq!(before.is_working_day(day("2026-03-03")), Ok(false));
    assert_eq!(before.is_working_day(day("2026-01-02")), Ok(true));
    // A later national decision holds there too.
    let national = book([adopted(), Command::Decide(the_swap())]);
    let after = own.over(&national.national()[1]).unwrap();
    assert_eq!(after.is_working_day(day("2026-03-03")), Ok(false));
    assert_eq!(after.is_working_day(day("2026-01-02")), Ok(false));
    for calendar in [&before, &after, &national.national()[0]] {
        let found = own.version(&national, calendar.version());
        assert_eq!(found.as_ref(), Some(calendar), "also what held before either decision");
    }
    assert!(after.version().as_str().starts_with("LE_HOI+"));
    assert_eq!(national.over(&before).unwrap(), before, "the national calendar lies over nothing");
}

#[test]
fn a_place_may_work_on_a_national_day_off_and_decide_for_years_to_come() {
    let decided = Decided {
        days: vec![named("2031-03-03", DayKind::Holiday, "Khai hội")],
        withdrawn: vec![day("2026-04-27")],
        ..festival_day()
    };
    let own = book([Command::Open(festival()), Command::Decide(decided)]);
    let calendar = own.over(&CalendarBook::Absent.national()[0]).unwrap();
    assert_eq!(Calendar::built_in().is_working_day(day("2026-04-27")), Ok(false));
    assert_eq!(calendar.is_working_day(day("2026-04-27")), Ok(true));
    assert!(calendar.is_working_day(day("2031-03-03")).is_err(), "that year is not loaded");
}

#[test]
fn a_day_that_a_place_takes_back_is_as_the_nation_has_it() {
    let taken_back = Decided { days: Vec::new(), withdrawn: vec![day("2026-03-03")], ..festival_day() };
    let own = book([Command::Open(festival()), Command::Decide(festival_day()), Command::Decide(taken_back)]);
    let flood = Decided { days: vec![named("2026-03-03", DayKind::Holiday, "Nghỉ do bão")], ..the_swap() };
    let national = book([adopted(), Command::Decide(flood)]);
    let versions = national.national();
    assert_eq!(own.over(&versions[0]).unwrap().is_working_day(day("2026-03-03")), Ok(true));
    assert_eq!(own.over(&versions[1]).unwrap().is_working_day(day("2026-03-03")), Ok(false));
}

#[test]
fn refusals_say_why() {
    let unnamed = Decided { decision: decision(" ", "2025-12-25"), ..the_swap() };
    let nothing = Decided { days: Vec::new(), ..the_swap() };
    let weekday = Decided { days: vec![named("2026-01-05", DayKind::MakeUp, "Làm bù")], ..the_swap() };
    let twice = Decided { withdrawn: vec![day("2026-01-02")], ..the_swap() };
    let absent = Decided { days: Vec::new(), withdrawn: vec![day("2026-01-05")], ..the_swap() };
    let unloaded = Decided { days: Vec::new(), settled: vec![2031], ..the_swap() };
    let short = Calendar::new("short", 2020..=2027, [], []).unwrap();
    let named_otherwise = Opened { name: "Lịch khác".to_owned(), ..festival() };
    let national = Opened { code: CalendarCode::parse(NATIONAL).unwrap(), ..festival() };
    let nameless = Opened { name: " ".to_owned(), ..festival() };
    let invalid = Rejection::Invalid;
    let (in_book, local) = (book([adopted()]), book([Command::Open(festival())]));
    let weekday_date = day("2026-01-05");
    let refused = [
        (&CalendarBook::Absent, Command::Decide(the_swap()), Rejection::NotOpened),
        (&CalendarBook::Absent, Command::Open(national), Rejection::NotNational),
        (&CalendarBook::Absent, Command::Open(nameless), Rejection::NameEmpty),
        (&in_book, Command::Open(festival()), Rejection::NotNational),
        (&local, adopted(), Rejection::NotNational),
        (&local, Command::Begin(before_the_swap()), Rejection::NotNational),
        (&local, Command::Open(named_otherwise), Rejection::AlreadyOpened),
        (&in_book, Command::Adopt(Arc::new(short)), Rejection::YearsLost { first: 2017, last: 2027 }),
        (&in_book, Command::Decide(unnamed.clone()), Rejection::DecisionUnnamed),
        (&local, Command::Decide(unnamed), Rejection::DecisionUnnamed),
        (&in_book, Command::Decide(nothing), Rejection::NothingDecided),
        (
            &in_book,
            Command::Decide(weekday.clone()),
            invalid(InvalidCalendar::MakeUpOnWeekday { date: weekday_date }),
        ),
        (&local, Command::Decide(weekday), invalid(InvalidCalendar::MakeUpOnWeekday { date: weekday_date })),
        (&local, Command::Decide(twice), invalid(InvalidCalendar::DuplicateDate { date: day("2026-01-02") })),
        (&in_book, Command::Decide(absent), invalid(InvalidCalendar::NotDeclared { date: weekday_date })),
        (
            &in_book,
            Command::Decide(unloaded),
            invalid(InvalidCalendar::ProvisionalYearNotLoaded { year: 2031 }),
        ),
    ];
    for (state, command, rejection) in refused {
        assert!(!rejection.code().is_empty());
        assert_eq!(state.decide(now(), &command), Err(rejection));
    }
    assert_eq!(local.decide(now(), &Command::Open(festival())), Ok(Vec::new()));
}
