use proptest::prelude::*;

use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn built_in() -> &'static Calendar {
    Calendar::built_in()
}

fn declared(date: NaiveDate, kind: DayKind) -> DeclaredDay {
    DeclaredDay { date, kind, name: "test".to_owned(), decision: None }
}

/// Monday to Friday of each year, as if nothing were ever declared.
fn plain_weeks(years: RangeInclusive<i32>) -> Calendar {
    Calendar::new("plain", years, [], []).unwrap()
}

#[test]
fn working_days_per_year() {
    let expected = [
        (2017, 250),
        (2018, 250),
        (2019, 252),
        (2020, 252),
        (2021, 250),
        (2022, 249),
        (2023, 249),
        (2024, 251),
        (2025, 250),
        (2026, 250),
        (2027, 250),
    ];
    for (year, days) in expected {
        let first = NaiveDate::from_yo_opt(year, 1).unwrap();
        let next = NaiveDate::from_yo_opt(year + 1, 1).unwrap();
        assert_eq!(built_in().working_days_between(first, next), Ok(days), "{year}");
    }
}

#[test]
fn weekdays_off_are_those_of_the_decisions() {
    let expected = [
        (2018, "1/1 14/2 15/2 16/2 19/2 20/2 25/4 30/4 1/5 3/9 31/12"),
        (2019, "1/1 4/2 5/2 6/2 7/2 8/2 15/4 29/4 30/4 1/5 2/9"),
        (2022, "3/1 31/1 1/2 2/2 3/2 4/2 11/4 2/5 3/5 1/9 2/9"),
        (2023, "2/1 20/1 23/1 24/1 25/1 26/1 1/5 2/5 3/5 1/9 4/9"),
        (2026, "1/1 2/1 16/2 17/2 18/2 19/2 20/2 27/4 30/4 1/5 31/8 1/9 2/9"),
    ];
    for (year, days) in expected {
        let off = built_in()
            .declared_days()
            .filter(|day| day.date.year() == year && !day.kind.is_working() && !is_weekend(day.date));
        let off: Vec<_> = off.map(|day| day.date.format("%-d/%-m").to_string()).collect();
        assert_eq!(off.join(" "), days, "{year}");
    }
}

#[test]
fn every_swap_has_its_make_up_day() {
    let count = |kind| built_in().declared_days().filter(|day| day.kind == kind).count();
    assert_eq!(count(DayKind::Swap), 6);
    assert_eq!(count(DayKind::MakeUp), 6);
}

#[test]
fn a_day_says_what_it_is_and_why() {
    let Ok(Day::Off(swap)) = built_in().day(date("2026-01-02")) else { panic!("2/1/2026 is off") };
    assert_eq!(swap.kind, DayKind::Swap);
    let decision = swap.decision.clone().unwrap();
    assert_eq!(decision.decided_on, Some(date("2025-12-25")));
    assert_eq!(decision.reference, "12729/VPCP-KGVX");
    assert!(matches!(built_in().day(date("2026-01-10")), Ok(Day::MakeUp(_))));
    assert!(matches!(built_in().day(date("2026-01-11")), Ok(Day::Weekend)));
    assert!(matches!(built_in().day(date("2026-11-24")), Ok(Day::Working)));
    // A holiday on a Saturday is explained by the holiday.
    assert!(matches!(built_in().day(date("2023-04-29")), Ok(Day::Off(_))));
}

#[test]
fn years_that_are_not_loaded_are_an_error() {
    let not_loaded = |year| CalendarError::YearNotLoaded { year };
    let calendar = built_in();
    let (before, last, after) = (date("2016-12-31"), date("2027-12-31"), date("2028-01-01"));
    assert_eq!(calendar.years(), 2017..=2027);
    assert_eq!(calendar.is_working_day(before), Err(not_loaded(2016)));
    assert_eq!(calendar.is_working_day(after), Err(not_loaded(2028)));
    assert_eq!(calendar.day(after), Err(not_loaded(2028)));
    assert_eq!(calendar.is_provisional(2028), Err(not_loaded(2028)));
    assert_eq!(calendar.nth_working_day_after(last, 1), Err(not_loaded(2028)));
    assert_eq!(calendar.nth_working_day_after(last, u32::MAX), Err(not_loaded(2028)));
    assert_eq!(calendar.nth_working_day_after(NaiveDate::MAX, 0), Err(not_loaded(262_142)));
    assert_eq!(calendar.nth_working_day_after(NaiveDate::MIN, 0), Err(not_loaded(-262_143)));
    assert_eq!(calendar.working_day_on_or_before(date("2017-01-01")), Err(not_loaded(2016)));
    assert_eq!(calendar.working_days_between(last, after), Ok(1));
    assert_eq!(calendar.working_days_between(last, date("2028-01-02")), Err(not_loaded(2028)));
    assert_eq!(calendar.working_days_between(before, last), Err(not_loaded(2016)));
}

#[test]
fn the_undecided_year_is_provisional() {
    assert_eq!(built_in().is_provisional(2026), Ok(false));
    assert_eq!(built_in().is_provisional(2027), Ok(true));
}

#[test]
fn the_version_names_the_content() {
    assert_eq!(built_in().version().as_str(), "vn-2017-2027.1+2cc20c7e4536689b");
    assert_eq!(built_in().version().to_string(), built_in().version().as_str());
    let more = built_in().with(declared(date("2026-11-24"), DayKind::Holiday)).unwrap();
    assert_ne!(more.version(), built_in().version());
    let rows = ["2020-01-01,off,holiday,A", "2020-05-01,off,holiday,B"];
    let one = Calendar::parse(&format!("date,day,kind,name\n{}\n{}\n", rows[0], rows[1])).unwrap();
    let other = format!("\u{feff}# the same\r\ndate,day,kind,name\r\n{}\r\n\r\n{}", rows[1], rows[0]);
    assert_eq!(Calendar::parse(&other).unwrap().version(), one.version());
    assert!(one.version().as_str().starts_with("table-2020-2020+"));
}

#[test]
fn a_late_decision_makes_a_new_calendar() {
    let monday = date("2027-08-30");
    let swap = built_in().with(declared(monday, DayKind::Swap)).unwrap();
    let both = swap.with(declared(date("2027-08-21"), DayKind::MakeUp)).unwrap();
    assert_eq!(built_in().is_working_day(monday), Ok(true));
    assert_eq!(both.is_working_day(monday), Ok(false));
    assert_eq!(both.is_working_day(date("2027-08-21")), Ok(true));
}

#[test]
fn a_calendar_refuses_what_it_cannot_mean() {
    let with = |text: &str, kind| built_in().with(declared(date(text), kind)).unwrap_err();
    let on = date;
    assert_eq!(
        with("2026-01-02", DayKind::Holiday),
        InvalidCalendar::DuplicateDate { date: on("2026-01-02") }
    );
    assert_eq!(
        with("2026-01-05", DayKind::MakeUp),
        InvalidCalendar::MakeUpOnWeekday { date: on("2026-01-05") }
    );
    assert_eq!(
        with("2030-01-01", DayKind::Holiday),
        InvalidCalendar::OutsideYears { date: on("2030-01-01") }
    );
    let nameless = DeclaredDay { name: " ".to_owned(), ..declared(on("2026-03-03"), DayKind::Holiday) };
    assert_eq!(built_in().with(nameless), Err(InvalidCalendar::Nameless { date: on("2026-03-03") }));
    let new =
        |label, years, provisional: Option<i32>| Calendar::new(label, years, provisional, []).unwrap_err();
    #[expect(clippy::reversed_empty_ranges, reason = "that is what must be refused")]
    let backwards = 2021..=2020;
    assert_eq!(new("a", backwards, None), InvalidCalendar::YearsNotARange { first: 2021, last: 2020 });
    assert_eq!(new("a", 1..=2020, None), InvalidCalendar::YearsNotARange { first: 1, last: 2020 });
    assert_eq!(new("a b", 2020..=2020, None), InvalidCalendar::BadLabel { label: "a b".to_owned() });
    assert_eq!(new("a", 2020..=2020, Some(2021)), InvalidCalendar::ProvisionalYearNotLoaded { year: 2021 });
}

#[test]
fn both_formats_are_read() {
    let plain = "date,day,kind,name\n2025-01-01,off,holiday,A\n2025-04-26,working,make_up,\"B, \"\"C\"\"\"\n";
    let calendar = Calendar::parse(plain).unwrap();
    assert_eq!(calendar.years(), 2025..=2025);
    assert_eq!(calendar.declared_days().last().unwrap().name, "B, \"C\"");
    assert_eq!(calendar.is_provisional(2025), Ok(false));

    let own = "version,x.2\nyears,2025,2025\nprovisional,2025\ndate,day,kind,name,decision,decided_on\n\
               2025-01-01,off,holiday,A,12/QD,2024-12-01\n2025-04-30,off,holiday,B,,\n";
    let calendar = Calendar::parse(own).unwrap();
    let decisions: Vec<_> = calendar.declared_days().map(|day| day.decision.clone()).collect();
    let decided_on = Some(date("2024-12-01"));
    assert_eq!(decisions, [Some(Decision { reference: "12/QD".to_owned(), decided_on }), None]);
    assert_eq!(calendar.is_provisional(2025), Ok(true));
}

#[test]
fn a_bad_table_is_refused_with_its_line() {
    let plain = "date,day,kind,name\n2025-01-01,off,holiday,A\n";
    let own = "date,day,kind,name,decision,decided_on\n";
    let text = str::to_owned;
    let on = date;
    let cases = [
        (String::new(), 1, TableFault::HeaderMissing),
        ("2025-01-01,off,holiday,A".to_owned(), 1, TableFault::HeaderMissing),
        ("date,day,kind,name\n".to_owned(), 1, TableFault::Empty),
        (format!("{plain}2025-04-30,off,holiday"), 3, TableFault::FieldCount { expected: 4, found: 3 }),
        (format!("{plain}2025-04-30,off,holiday,A,B"), 3, TableFault::FieldCount { expected: 4, found: 5 }),
        // As many as the other header has.
        (
            format!("{plain}2025-04-30,off,holiday,A,1/QD,"),
            3,
            TableFault::FieldCount { expected: 4, found: 6 },
        ),
        (format!("{own}2025-01-01,off,holiday,A"), 2, TableFault::FieldCount { expected: 6, found: 4 }),
        (format!("{plain}2025-04-30,off,holiday,\"A"), 3, TableFault::StrayQuote),
        (format!("{plain}2025-04-30,off,holiday,\"A\"B"), 3, TableFault::StrayQuote),
        (format!("{plain}\n2025-02-30,off,holiday,A"), 4, TableFault::BadDate(text("2025-02-30"))),
        (format!("{plain}2025-4-30,off,holiday,A"), 3, TableFault::BadDate(text("2025-4-30"))),
        (format!("{plain}2025-04-30,of,holiday,A"), 3, TableFault::UnknownDay(text("of"))),
        (format!("{plain}2025-04-30,off,feast,A"), 3, TableFault::UnknownKind(text("feast"))),
        (
            format!("{plain}2025-04-26,off,make_up,A"),
            3,
            TableFault::DayContradictsKind { day: text("off"), kind: text("make_up") },
        ),
        (
            format!("{plain}2025-04-30,working,holiday,A"),
            3,
            TableFault::DayContradictsKind { day: text("working"), kind: text("holiday") },
        ),
        (
            format!("{plain}2025-01-01,off,swap,A"),
            3,
            TableFault::Invalid(InvalidCalendar::DuplicateDate { date: on("2025-01-01") }),
        ),
        (
            format!("{plain}2025-04-25,working,make_up,A"),
            3,
            TableFault::Invalid(InvalidCalendar::MakeUpOnWeekday { date: on("2025-04-25") }),
        ),
        (
            format!("{plain}2025-04-30,off,holiday,"),
            3,
            TableFault::Invalid(InvalidCalendar::Nameless { date: on("2025-04-30") }),
        ),
        (
            format!("years,2026,2026\n{plain}"),
            3,
            TableFault::Invalid(InvalidCalendar::OutsideYears { date: on("2025-01-01") }),
        ),
        (format!("years,2025,2026\n{plain}"), 3, TableFault::YearWithoutHoliday { year: 2026 }),
        (format!("{plain}2027-01-01,off,holiday,A"), 3, TableFault::YearWithoutHoliday { year: 2026 }),
        (format!("years,2025,x\n{plain}"), 1, TableFault::BadYear(text("x"))),
        (
            format!("years,2025,99999\n{plain}"),
            1,
            TableFault::Invalid(InvalidCalendar::YearsNotARange { first: 2025, last: 99_999 }),
        ),
        (format!("version,a\nversion,b\n{plain}"), 2, TableFault::OutOfPlace(text("version"))),
        (format!("years,2025,2025\nyears,2025,2026\n{plain}"), 2, TableFault::OutOfPlace(text("years"))),
        (format!("{own}2025-01-01,off,holiday,A,,2025-01-01"), 2, TableFault::DecisionWithoutReference),
        (format!("{own}2025-01-01,off,holiday,A,1/QD,2025"), 2, TableFault::BadDate(text("2025"))),
    ];
    for (table, line, fault) in cases {
        assert_eq!(Calendar::parse(&table), Err(CalendarParseError { line, fault }), "{table}");
    }
}

/// A calendar of 2017-2027 with some days more off and some weekends more worked than decided.
fn calendars() -> impl Strategy<Value = Calendar> {
    let off = prop::collection::btree_set(0..4017_u64, 0..60);
    let make_up = prop::collection::btree_set(0..573_u64, 0..20);
    (off, make_up).prop_map(|(off, make_up)| {
        let first = date("2017-01-01"); // a Sunday
        let mut days = BTreeMap::new();
        for week in make_up {
            let saturday = first + chrono::Days::new(6 + 7 * week);
            days.insert(saturday, declared(saturday, DayKind::MakeUp));
        }
        for offset in off {
            let day = first + chrono::Days::new(offset);
            days.entry(day).or_insert(declared(day, DayKind::Holiday));
        }
        Calendar::new("random", 2017..=2027, [], days.into_values()).unwrap()
    })
}

proptest! {
    #[test]
    fn counting_agrees_with_walking(calendar in calendars(), offset in 0..3600_u64, n in 0..200_u32) {
        let from = date("2017-01-01") + chrono::Days::new(offset);
        let mut walked = from;
        let mut counted = 0;
        while counted < n {
            walked = walked.succ_opt().unwrap();
            counted += u32::from(calendar.day(walked).unwrap().is_working());
        }
        prop_assert_eq!(calendar.nth_working_day_after(from, n), Ok(walked));
        let days = from.iter_days().take_while(|day| *day < walked);
        let between = days.filter(|day| calendar.is_working_day(*day).unwrap()).count();
        prop_assert_eq!(calendar.working_days_between(from, walked), Ok(i64::try_from(between).unwrap()));
        prop_assert_eq!(calendar.working_days_between(walked, from), Ok(-i64::try_from(between).unwrap()));
    }

    #[test]
    fn n_days_and_then_m_days_are_n_plus_m_days(
        calendar in calendars(), offset in 0..3000_u64, n in 0..200_u32, m in 0..200_u32,
    ) {
        let from = date("2017-01-01") + chrono::Days::new(offset);
        let by_parts = calendar.nth_working_day_after(calendar.nth_working_day_after(from, n).unwrap(), m);
        prop_assert_eq!(by_parts, calendar.nth_working_day_after(from, n + m));
    }

    #[test]
    fn neighbours_are_worked_and_nearest(calendar in calendars(), offset in 30..4000_u64) {
        let day = date("2017-01-01") + chrono::Days::new(offset);
        let (before, after) = (calendar.working_day_on_or_before(day), calendar.working_day_on_or_after(day));
        let (Ok(before), Ok(after)) = (before, after) else { return Ok(()) };
        prop_assert!(before <= day && day <= after);
        prop_assert!(calendar.is_working_day(before).unwrap() && calendar.is_working_day(after).unwrap());
        let gap = before.succ_opt().unwrap();
        prop_assert!(before == day || calendar.working_days_between(gap, after) == Ok(0));
    }
}

#[test]
fn a_plain_week_has_five_days() {
    let calendar = plain_weeks(2020..=2020);
    assert_eq!(calendar.working_days_between(date("2020-01-06"), date("2020-01-13")), Ok(5));
}
