use std::collections::BTreeMap;

use chrono::{Datelike, Weekday};
use proptest::prelude::*;

use super::*;
use crate::calendar::{DayKind, DeclaredDay};
use crate::time::local_date;

/// Local time in Viet Nam, `2024-05-06 09:00` or with seconds.
fn at(text: &str) -> Instant {
    let seconds = if text.len() == 16 { ":00" } else { "" };
    instant(NaiveDateTime::parse_from_str(&format!("{text}{seconds}"), "%Y-%m-%d %H:%M:%S").unwrap())
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn time(text: &str) -> NaiveTime {
    text.parse().unwrap()
}

fn built_in() -> &'static Calendar {
    Calendar::built_in()
}

/// With the built-in calendar and the default office hours; both ways must agree.
#[track_caller]
fn due_under(policy: DuePolicy, received: &str, term: Term) -> NaiveDateTime {
    let hours = OfficeHours::default();
    let fast = due_at(at(received), &term, built_in(), &hours, &policy).unwrap();
    let told = due(at(received), &term, built_in(), &hours, &policy).unwrap();
    assert_eq!(told.at, fast);
    local(fast.unwrap())
}

#[track_caller]
fn assert_due(received: &str, term: Term, expected: &str) {
    assert_eq!(due_under(DuePolicy::default(), received, term), local(at(expected)), "{received} {term:?}");
}

#[track_caller]
fn assert_due_under(policy: DuePolicy, received: &str, term: Term, expected: &str) {
    assert_eq!(due_under(policy, received, term), local(at(expected)), "{received} {term:?} {policy:?}");
}

fn ending(day_term_due: DayTermDue) -> DuePolicy {
    DuePolicy { day_term_due, ..DuePolicy::default() }
}

fn late(late_receipt: LateReceipt) -> DuePolicy {
    DuePolicy { late_receipt, ..DuePolicy::default() }
}

/// Received in the morning, n working days, due; computed by hand from the decisions on days off.
const DUE_DATES: [(&str, u32, &str, &str); 13] = [
    ("2018-08-08", 15, "2018-08-29", "plain"),
    ("2018-12-28", 3, "2019-01-04", "swap 31/12 and New Year"),
    ("2019-01-04", 1, "2019-01-05", "a make-up Saturday is a valid due date"),
    ("2021-02-09", 10, "2021-03-02", "Tet"),
    ("2022-04-29", 3, "2022-05-06", "two substitute days"),
    ("2022-08-31", 2, "2022-09-06", "National Day 1-2/9"),
    ("2023-04-28", 3, "2023-05-08", "holidays on a weekend"),
    ("2024-02-07", 1, "2024-02-15", "Tet"),
    ("2024-04-26", 5, "2024-05-07", "swap and make-up Saturday 4/5"),
    ("2024-05-06", 10, "2024-05-20", "plain"),
    ("2025-04-25", 3, "2025-04-29", "make-up Saturday 26/4 counts"),
    ("2026-04-24", 5, "2026-05-06", "substitute 27/4"),
    ("2026-08-21", 5, "2026-08-27", "make-up Saturday 22/8 counts"),
];

#[test]
fn working_days_end_on_the_dates_computed_by_hand() {
    for (received, n, due, why) in DUE_DATES {
        let got = due_under(DuePolicy::default(), &format!("{received} 09:00"), Term::WorkingDays(n));
        assert_eq!(got, date(due).and_time(time("17:00:00")), "{why}");
    }
}

#[test]
fn a_pause_moves_the_due_instant_by_its_working_days() {
    let term = Term::WorkingDays(10);
    let resume = |due, paused, resumed| resume_ok(due, paused, resumed, term);
    // Paused working days 9, 10 and 13/5/2024.
    let due = resume("2024-05-20 17:00", "2024-05-09 10:00", "2024-05-14 08:00");
    assert_eq!(due, Ok(at("2024-05-23 17:00")));
    // Within one day, whatever the hours.
    let due = resume("2024-05-20 11:30", "2024-05-09 07:00", "2024-05-09 17:00");
    assert_eq!(due, Ok(at("2024-05-20 11:30")));
    // Over a weekend only.
    let due = resume("2024-05-20 17:00", "2024-05-11 08:00", "2024-05-13 08:00");
    assert_eq!(due, Ok(at("2024-05-20 17:00")));
    // Over Tet 2024 (8-14/2 off): paused 7, 15 and 16/2.
    let due = resume("2024-02-16 09:15", "2024-02-07 16:00", "2024-02-19 08:00");
    assert_eq!(due, Ok(at("2024-02-21 09:15")));
    // Over the make-up Saturday 4/5/2024 (two days, and it is also the first one after), and onto 22/8/2026.
    let due = resume("2024-05-03 17:00", "2024-05-03 08:00", "2024-05-06 08:00");
    assert_eq!(due, Ok(at("2024-05-06 17:00")));
    let due = resume("2026-08-21 17:00", "2026-08-18 08:00", "2026-08-19 08:00");
    assert_eq!(due, Ok(at("2026-08-22 17:00")));
    // A due instant on a day off, which somebody gave, moves on to working days.
    let due = resume("2024-05-19 09:00", "2024-05-09 10:00", "2024-05-10 08:00");
    assert_eq!(due, Ok(at("2024-05-20 09:00")));
    // Local dates: 06:00 in Viet Nam is still the day before in UTC.
    let due = resume("2024-05-20 17:00", "2024-05-09 06:00", "2024-05-10 06:00");
    assert_eq!(due, Ok(at("2024-05-21 17:00")));
}

#[test]
fn a_pause_cannot_end_before_it_begins_or_beyond_the_calendar() {
    let (paused_at, resumed_at) = (at("2024-05-09 10:00"), at("2024-05-09 09:59"));
    let (term, hours) = (Term::WorkingDays(10), OfficeHours::default());
    let due = resume_due(at("2024-05-20 17:00"), paused_at, resumed_at, &term, built_in(), &hours);
    assert_eq!(due, Err(DueError::ResumedBeforePaused { paused_at, resumed_at }));
    let due = resume_ok("2027-12-31 17:00", "2027-12-01 08:00", "2027-12-02 08:00", term);
    assert_eq!(due, Err(DueError::Calendar(CalendarError::YearNotLoaded { year: 2028 })));
}

fn resume_ok(due: &str, paused: &str, resumed: &str, term: Term) -> Result<Instant, DueError> {
    resume_due(at(due), at(paused), at(resumed), &term, built_in(), &OfficeHours::default())
}

#[test]
fn a_pause_moves_a_term_of_hours_by_its_office_time() {
    let resume = |due, paused, resumed| resume_ok(due, paused, resumed, Term::WorkingHours(8));
    // Thursday 9/5/2024: from 10:00 over lunch to 14:00, two hours of office time; over the evening; over the weekend.
    let due = resume("2024-05-09 15:00", "2024-05-09 10:00", "2024-05-09 14:00");
    assert_eq!(due, Ok(at("2024-05-09 17:00")));
    let due = resume("2024-05-09 16:00", "2024-05-09 10:00", "2024-05-09 14:00");
    assert_eq!(due, Ok(at("2024-05-10 08:00")));
    let due = resume("2024-05-10 16:00", "2024-05-09 17:00", "2024-05-10 07:00");
    assert_eq!(due, Ok(at("2024-05-10 16:00")));
    let due = resume("2024-05-13 08:00", "2024-05-10 16:00", "2024-05-13 07:30");
    assert_eq!(due, Ok(at("2024-05-13 09:30")));
    // Paused on a day off.
    let due = resume("2024-05-13 08:00", "2024-05-11 09:00", "2024-05-13 07:30");
    assert_eq!(due, Ok(at("2024-05-13 08:30")));
}

#[test]
fn a_pause_moves_a_term_of_half_days_by_its_half_days() {
    let resume = |due, paused, resumed| resume_ok(due, paused, resumed, Term::HalfDays(3));
    // Thursday 9/5/2024.
    let due = resume("2024-05-10 11:30", "2024-05-09 08:00", "2024-05-09 14:00");
    assert_eq!(due, Ok(at("2024-05-10 17:00")));
    let due = resume("2024-05-10 17:00", "2024-05-09 14:00", "2024-05-10 08:00");
    assert_eq!(due, Ok(at("2024-05-13 11:30")));
    let due = resume("2024-05-10 17:00", "2024-05-09 08:00", "2024-05-09 10:00");
    assert_eq!(due, Ok(at("2024-05-10 17:00")));
    // From the afternoon of a Saturday off to Monday morning: nothing worked is lost.
    let due = resume("2024-05-13 17:00", "2024-05-11 15:00", "2024-05-13 08:00");
    assert_eq!(due, Ok(at("2024-05-13 17:00")));
}

#[test]
fn the_half_day_ladder() {
    // Thursday 5/7/2018; the weekend follows on 7/7.
    let ladder = [
        (0, "2018-07-05 11:30", "2018-07-05 17:00"),
        (1, "2018-07-05 17:00", "2018-07-06 11:30"),
        (2, "2018-07-06 11:30", "2018-07-06 17:00"),
        (3, "2018-07-06 17:00", "2018-07-09 11:30"),
        (4, "2018-07-09 11:30", "2018-07-09 17:00"),
        (5, "2018-07-09 17:00", "2018-07-10 11:30"),
        (20, "2018-07-19 11:30", "2018-07-19 17:00"),
    ];
    for (n, morning, afternoon) in ladder {
        assert_due("2018-07-05 08:20", Term::HalfDays(n), morning);
        assert_due("2018-07-05 14:20", Term::HalfDays(n), afternoon);
    }
}

#[test]
fn the_moment_of_the_last_day_is_a_policy() {
    let term = Term::WorkingDays(2);
    assert_due("2018-07-05 09:41:07", term, "2018-07-09 17:00");
    assert_due_under(ending(DayTermDue::SameClockTime), "2018-07-05 09:41:07", term, "2018-07-09 09:41:07");
    assert_due_under(ending(DayTermDue::EndOfHalfDay), "2018-07-05 09:41:07", term, "2018-07-09 11:30");
    assert_due_under(ending(DayTermDue::EndOfHalfDay), "2018-07-05 13:41:07", term, "2018-07-09 17:00");
    assert_due_under(ending(DayTermDue::SameClockTime), "2018-07-05 06:00", term, "2018-07-09 07:00");
}

#[test]
fn a_receipt_outside_office_hours_counts_from_the_next_opening() {
    let same_day = Term::WorkingDays(0);
    let one_day = Term::WorkingDays(1);
    // Friday 6/7/2018.
    assert_due("2018-07-06 00:00", same_day, "2018-07-06 17:00"); // still 5/7 in UTC
    assert_due("2018-07-06 06:59:59", same_day, "2018-07-06 17:00");
    assert_due("2018-07-06 16:30", same_day, "2018-07-06 17:00");
    assert_due("2018-07-06 17:00", same_day, "2018-07-06 17:00");
    assert_due("2018-07-06 17:00:01", same_day, "2018-07-09 17:00");
    assert_due("2018-07-06 17:00", one_day, "2018-07-09 17:00");
    assert_due("2018-07-06 17:00:01", one_day, "2018-07-10 17:00");
    assert_due("2018-07-08 20:00", one_day, "2018-07-10 17:00"); // Sunday, online
    assert_due("2018-07-06 11:30", Term::HalfDays(0), "2018-07-06 11:30");
    assert_due("2018-07-06 11:30:01", Term::HalfDays(0), "2018-07-06 17:00");
    assert_due("2018-07-06 15:00", one_day, "2018-07-09 17:00");
    assert_due("2018-07-06 15:00:01", one_day, "2018-07-09 17:00");
    assert_due("2024-02-10 09:00", one_day, "2024-02-16 17:00"); // Tet
    assert_due("2024-05-04 09:00", same_day, "2024-05-04 17:00"); // make-up Saturday
    assert_due("2024-05-04 09:00", one_day, "2024-05-06 17:00");
    assert_due("2024-05-03 18:00", Term::WorkingHours(1), "2024-05-04 08:00");
}

#[test]
fn a_procedure_may_cut_off_at_15_00() {
    let policy = late(LateReceipt::NextDayAfter(time("15:00:00")));
    let same_day = Term::WorkingDays(0);
    assert_due_under(policy, "2018-07-05 15:00", same_day, "2018-07-05 17:00");
    assert_due_under(policy, "2018-07-05 15:00:01", same_day, "2018-07-06 17:00");
    // Before a day off: the next working day, not 24 hours later.
    assert_due_under(policy, "2018-07-06 15:30", same_day, "2018-07-09 17:00");
    assert_due_under(policy, "2018-12-28 15:30", same_day, "2019-01-02 17:00");
    assert_due_under(policy, "2018-07-06 18:00", same_day, "2018-07-09 17:00");
}

#[test]
fn an_agency_may_choose_not_to_lose_the_day() {
    let policy = late(LateReceipt::SameDay);
    assert_due_under(policy, "2018-07-06 18:00", Term::WorkingDays(1), "2018-07-09 17:00");
    assert_due_under(policy, "2018-07-08 20:00", Term::WorkingDays(1), "2018-07-09 17:00");
    assert_due_under(policy, "2018-07-08 20:00", Term::HalfDays(1), "2018-07-09 11:30");
    assert_due_under(policy, "2018-07-08 20:00", Term::CalendarDays(3), "2018-07-11 17:00");
    // Never before the receipt.
    assert_due_under(policy, "2018-07-06 18:00", Term::WorkingDays(0), "2018-07-09 17:00");
    assert_due_under(policy, "2018-07-06 18:00", Term::WorkingHours(1), "2018-07-09 08:00");
    // Who comes in time is not late.
    assert_due_under(policy, "2018-07-05 08:00", Term::HalfDays(1), "2018-07-05 17:00");
}

#[test]
fn hours_are_office_time() {
    let hours = Term::WorkingHours;
    assert_due("2018-07-06 10:30", hours(1), "2018-07-06 11:30");
    assert_due("2018-07-06 10:30:30", hours(1), "2018-07-06 13:30:30"); // over lunch
    assert_due("2018-07-06 11:30", hours(1), "2018-07-06 14:30");
    assert_due("2018-07-06 12:15", hours(1), "2018-07-06 14:30");
    assert_due("2018-07-06 16:30", hours(1), "2018-07-09 07:30"); // over a weekend
    assert_due("2018-07-06 17:00", hours(1), "2018-07-09 08:00");
    assert_due("2018-07-06 07:00", hours(8), "2018-07-06 17:00");
    assert_due("2018-07-06 07:00:01", hours(8), "2018-07-09 07:00:01");
    assert_due("2018-07-06 13:30", hours(8), "2018-07-09 11:30");
    assert_due("2018-07-06 09:00", hours(80), "2018-07-20 09:00");
    assert_due("2018-07-06 16:30", hours(0), "2018-07-06 16:30");
    assert_due("2018-07-06 19:00", hours(0), "2018-07-09 07:00");
}

#[test]
fn an_office_may_work_through_lunch() {
    let session = |opens, closes| Session { opens: time(opens), closes: time(closes) };
    let hours = OfficeHours::new(session("08:00:00", "12:00:00"), session("12:00:00", "16:00:00"));
    let due = due(
        at("2018-07-06 11:00"),
        &Term::WorkingHours(6),
        built_in(),
        &hours.unwrap(),
        &DuePolicy::default(),
    );
    assert_eq!(due.unwrap().at, Some(at("2018-07-09 09:00")));
}

#[test]
fn calendar_days_that_end_on_a_day_off_move_on() {
    let days = Term::CalendarDays;
    assert_due("2018-07-05 09:00", days(1), "2018-07-06 17:00");
    assert_due("2018-07-05 09:00", days(2), "2018-07-09 17:00"); // Saturday
    assert_due("2018-07-05 09:00", days(30), "2018-08-06 17:00"); // Saturday 4/8
    assert_due("2024-02-01 09:00", days(7), "2024-02-15 17:00"); // 8/2: Tet
    assert_due("2024-05-02 09:00", days(2), "2024-05-04 17:00"); // make-up Saturday
    assert_due("2018-07-05 09:00", days(0), "2018-07-05 17:00");
}

#[test]
fn given_and_open_terms_are_not_computed() {
    let (hours, policy) = (OfficeHours::default(), DuePolicy::default());
    assert_due("2018-07-05 09:00", Term::Given(at("2018-07-08 10:00")), "2018-07-08 10:00");
    assert_due("2018-07-05 09:00", Term::Given(at("2018-07-05 09:00")), "2018-07-05 09:00");
    let (given, received) = (at("2018-07-05 08:59"), at("2018-07-05 09:00"));
    let error = due_at(received, &Term::Given(given), built_in(), &hours, &policy);
    assert_eq!(error, Err(DueError::GivenBeforeReceipt { given, received }));
    // Neither needs a calendar.
    let long_ago = at("1999-07-05 09:00");
    assert_eq!(due_at(long_ago, &Term::Open, built_in(), &hours, &policy), Ok(None));
    let open = due(long_ago, &Term::Open, built_in(), &hours, &policy).unwrap();
    assert_eq!((open.at, open.why.len()), (None, 1));
}

#[test]
fn a_year_that_is_not_loaded_is_an_error() {
    let year = |received, term| {
        let due = due(at(received), &term, built_in(), &OfficeHours::default(), &DuePolicy::default());
        let Err(DueError::Calendar(CalendarError::YearNotLoaded { year })) = due else { panic!("{due:?}") };
        year
    };
    assert_eq!(year("2027-12-31 09:00", Term::WorkingDays(1)), 2028);
    assert_eq!(year("2027-12-31 09:00", Term::HalfDays(2)), 2028);
    assert_eq!(year("2027-12-31 18:00", Term::WorkingDays(0)), 2028);
    assert_eq!(year("2027-12-31 16:30", Term::WorkingHours(1)), 2028);
    assert_eq!(year("2027-12-31 09:00", Term::CalendarDays(1)), 2028);
    assert_eq!(year("2016-12-30 09:00", Term::WorkingDays(5)), 2016);
    // Local, not UTC: seven in the evening UTC on 31/12/2016 is already 2017.
    assert_due("2017-01-01 02:00", Term::WorkingDays(0), "2017-01-03 17:00");
    for endless in [Term::WorkingDays, Term::HalfDays, Term::WorkingHours, Term::CalendarDays] {
        assert!(year("2018-07-05 09:00", endless(u32::MAX)) > 2027);
    }
}

#[test]
fn the_reasons_tell_every_day() {
    let told = due(
        at("2024-04-26 09:05"),
        &Term::WorkingDays(3),
        built_in(),
        &OfficeHours::default(),
        &DuePolicy::default(),
    );
    let why = told.unwrap().why;
    let vietnamese: Vec<_> = why.iter().map(Reason::vietnamese).collect();
    assert_eq!(
        vietnamese,
        [
            "Thứ Sáu 26/04/2024: tiếp nhận lúc 09:05.",
            "Thứ Sáu 26/04/2024: ngày tiếp nhận, chưa tính vào thời hạn.",
            "Thứ Bảy 27/04/2024: nghỉ hằng tuần, không tính.",
            "Chủ Nhật 28/04/2024: nghỉ hằng tuần, không tính.",
            "Thứ Hai 29/04/2024: nghỉ (Nghỉ hoán đổi với ngày 04/05/2024; \
             căn cứ: 2450/VPCP-KGVX ngày 12/04/2024), không tính.",
            "Thứ Ba 30/04/2024: nghỉ (Ngày Chiến thắng 30/4; \
             căn cứ: Điều 112 Bộ luật Lao động 2019), không tính.",
            "Thứ Tư 01/05/2024: nghỉ (Ngày Quốc tế Lao động 1/5; \
             căn cứ: Điều 112 Bộ luật Lao động 2019), không tính.",
            "Thứ Năm 02/05/2024: ngày làm việc thứ 1.",
            "Thứ Sáu 03/05/2024: ngày làm việc thứ 2.",
            "Thứ Bảy 04/05/2024: ngày làm bù (Làm bù cho ngày 29/04/2024; \
             căn cứ: 2450/VPCP-KGVX ngày 12/04/2024), ngày làm việc thứ 3.",
            "Thứ Bảy 04/05/2024: hẹn trả lúc 17:00, cuối ngày làm việc.",
        ]
    );
    let english: Vec<_> = why.iter().map(Reason::english).collect();
    assert_eq!(english[0], "Friday 26 April 2024: received at 09:05.");
    assert_eq!(
        english[9],
        "Saturday 4 May 2024: make-up day (Làm bù cho ngày 29/04/2024; \
         basis: 2450/VPCP-KGVX of 12 April 2024), working day 3."
    );
}

#[test]
fn the_reasons_tell_moves_halves_and_hours() {
    let tell = |received, term| -> Vec<String> {
        let told = due(at(received), &term, built_in(), &OfficeHours::default(), &DuePolicy::default());
        told.unwrap().why.iter().map(Reason::vietnamese).collect()
    };
    assert_eq!(
        tell("2018-07-07 20:00", Term::HalfDays(1)),
        [
            "Thứ Bảy 07/07/2018: nộp lúc 20:00, vào ngày nghỉ; \
             được tính là tiếp nhận lúc 07:00 Thứ Hai 09/07/2018.",
            "Thứ Bảy 07/07/2018: nghỉ hằng tuần, không tính.",
            "Chủ Nhật 08/07/2018: nghỉ hằng tuần, không tính.",
            "Thứ Hai 09/07/2018: buổi chiều, nửa ngày thứ 1.",
            "Thứ Hai 09/07/2018: hẹn trả lúc 17:00, cuối buổi chiều.",
        ]
    );
    assert_eq!(
        tell("2018-07-05 11:00", Term::WorkingHours(2)),
        [
            "Thứ Năm 05/07/2018: tiếp nhận lúc 11:00.",
            "Thứ Năm 05/07/2018: tính từ 11:00 đến 11:30.",
            "Thứ Năm 05/07/2018: tính từ 13:30 đến 15:00.",
            "Thứ Năm 05/07/2018: hẹn trả lúc 15:00, khi hết số giờ làm việc.",
        ]
    );
    assert_eq!(
        tell("2018-09-01 09:00", Term::CalendarDays(5)).last().unwrap(),
        "Thứ Hai 10/09/2018: hẹn trả lúc 17:00, cuối ngày làm việc."
    );
    assert_eq!(
        tell("2018-08-31 09:00", Term::CalendarDays(2))[4],
        "Chủ Nhật 02/09/2018: ngày cuối của thời hạn là ngày nghỉ \
         (Quốc khánh; căn cứ: Điều 115 Bộ luật Lao động 2012), chuyển sang Thứ Ba 04/09/2018."
    );
}

/// The English sentences under the default office hours.
fn in_english(received: &str, term: Term, policy: DuePolicy) -> Vec<String> {
    let told = due(at(received), &term, built_in(), &OfficeHours::default(), &policy);
    told.unwrap().why.iter().map(Reason::english).collect()
}

#[test]
fn every_move_of_a_receipt_has_its_words() {
    // A Friday; the weekend follows.
    let first = |received, policy| in_english(received, Term::HalfDays(0), policy)[0].clone();
    let next_day = DuePolicy::default();
    assert_eq!(
        first("2018-07-06 06:59:30", next_day),
        "Friday 6 July 2018: handed in at 06:59:30, before opening; \
         counts as received at 07:00 on Friday 6 July 2018."
    );
    assert_eq!(
        first("2018-07-06 12:00", next_day),
        "Friday 6 July 2018: handed in at 12:00, during the lunch break; \
         counts as received at 13:30 on Friday 6 July 2018."
    );
    assert_eq!(
        first("2018-07-06 17:01", next_day),
        "Friday 6 July 2018: handed in at 17:01, after closing; \
         counts as received at 07:00 on Monday 9 July 2018."
    );
    assert_eq!(
        first("2018-07-07 09:00", next_day),
        "Saturday 7 July 2018: handed in at 09:00, on a day off; \
         counts as received at 07:00 on Monday 9 July 2018."
    );
    assert_eq!(
        first("2018-07-05 15:01", late(LateReceipt::NextDayAfter(time("15:00:00")))),
        "Thursday 5 July 2018: handed in at 15:01, after 15:00, the procedure's cut-off; \
         counts as received at 07:00 on Friday 6 July 2018."
    );
}

#[test]
fn who_comes_when_the_office_opens_or_closes_is_not_moved() {
    for received in ["07:00", "11:30", "13:30", "17:00"] {
        let told = in_english(&format!("2018-07-06 {received}"), Term::HalfDays(0), DuePolicy::default());
        assert_eq!(told[0], format!("Friday 6 July 2018: received at {received}."));
    }
}

#[test]
fn every_end_has_its_words() {
    let last = |term, policy| in_english("2018-07-05 09:41", term, policy).pop().unwrap();
    let default = DuePolicy::default();
    let one_day = Term::WorkingDays(1);
    let expected = [
        (one_day, default, "Friday 6 July 2018: due at 17:00, the end of the working day."),
        (
            one_day,
            ending(DayTermDue::SameClockTime),
            "Friday 6 July 2018: due at 09:41, the clock time of the receipt.",
        ),
        (
            one_day,
            ending(DayTermDue::EndOfHalfDay),
            "Friday 6 July 2018: due at 11:30, the end of the morning.",
        ),
        (Term::HalfDays(1), default, "Thursday 5 July 2018: due at 17:00, the end of the afternoon."),
        (
            Term::WorkingHours(1),
            default,
            "Thursday 5 July 2018: due at 10:41, when the working hours have passed.",
        ),
        (Term::CalendarDays(1), default, "Friday 6 July 2018: due at 17:00, the end of the working day."),
        (Term::Given(at("2018-07-08 10:00")), default, "Sunday 8 July 2018: due at 10:00, as given."),
        (Term::Open, default, "Thursday 5 July 2018: the procedure has no appointment date."),
    ];
    for (term, policy, sentence) in expected {
        assert_eq!(last(term, policy), sentence);
    }
}

#[test]
fn the_reasons_tell_halves_hours_and_days_of_the_calendar_in_english_too() {
    let default = DuePolicy::default();
    assert_eq!(
        in_english("2018-07-05 14:00", Term::HalfDays(2), default),
        [
            "Thursday 5 July 2018: received at 14:00.",
            "Friday 6 July 2018: morning, half-day 1.",
            "Friday 6 July 2018: afternoon, half-day 2.",
            "Friday 6 July 2018: due at 17:00, the end of the afternoon.",
        ]
    );
    // Nothing is counted of a morning that is over.
    assert_eq!(
        in_english("2018-07-05 11:30", Term::WorkingHours(1), default),
        [
            "Thursday 5 July 2018: received at 11:30.",
            "Thursday 5 July 2018: counted from 13:30 to 14:30.",
            "Thursday 5 July 2018: due at 14:30, when the working hours have passed.",
        ]
    );
    assert_eq!(
        in_english("2018-07-05 09:00", Term::CalendarDays(2), default),
        [
            "Thursday 5 July 2018: received at 09:00.",
            "Thursday 5 July 2018: day of receipt, not counted.",
            "Friday 6 July 2018: day 1.",
            "Saturday 7 July 2018: day 2.",
            "Saturday 7 July 2018: the term ends on a day off (weekend), moved to Monday 9 July 2018.",
            "Sunday 8 July 2018: weekend, not counted.",
            "Monday 9 July 2018: due at 17:00, the end of the working day.",
        ]
    );
}

#[test]
fn stored_forms_are_pinned() {
    let pinned = [
        (Term::WorkingDays(15), r#"{"working_days":15}"#),
        (Term::HalfDays(3), r#"{"half_days":3}"#),
        (Term::WorkingHours(4), r#"{"working_hours":4}"#),
        (Term::CalendarDays(30), r#"{"calendar_days":30}"#),
        (Term::Given(at("2024-05-06 09:00")), r#"{"given":"2024-05-06T02:00:00Z"}"#),
        (Term::Open, r#""open""#),
    ];
    for (term, json) in pinned {
        assert_eq!(serde_json::to_string(&term).unwrap(), json);
        assert_eq!(serde_json::from_str::<Term>(json).unwrap(), term);
    }
    let policy = DuePolicy {
        day_term_due: DayTermDue::EndOfHalfDay,
        late_receipt: LateReceipt::NextDayAfter(time("15:00:00")),
        ..DuePolicy::default()
    };
    let json = r#"{"day_term_due":"end_of_half_day","late_receipt":{"next_day_after":"15:00:00"}}"#;
    assert_eq!(serde_json::to_string(&policy).unwrap(), json);
    assert_eq!(serde_json::from_str::<DuePolicy>(json).unwrap(), policy);
    assert_eq!(serde_json::from_str::<DuePolicy>("{}").unwrap(), DuePolicy::default());
    let json = concat!(
        r#"{"morning":{"opens":"07:00:00","closes":"11:30:00"},"#,
        r#""afternoon":{"opens":"13:30:00","closes":"17:00:00"}}"#
    );
    assert_eq!(serde_json::to_string(&OfficeHours::default()).unwrap(), json);
    assert_eq!(serde_json::from_str::<OfficeHours>(json).unwrap(), OfficeHours::default());
}

#[test]
fn office_hours_are_in_order() {
    let session = |opens, closes| Session { opens: time(opens), closes: time(closes) };
    let (morning, afternoon) = (session("07:00:00", "11:30:00"), session("13:30:00", "17:00:00"));
    let out_of_order = Err(InvalidOfficeHours::OutOfOrder);
    assert_eq!(OfficeHours::new(morning, afternoon), Ok(OfficeHours::default()));
    assert_eq!(OfficeHours::default().length(), TimeDelta::hours(8));
    assert_eq!(OfficeHours::new(afternoon, morning), out_of_order);
    assert_eq!(OfficeHours::new(morning, session("17:00:00", "17:00:00")), out_of_order);
    assert_eq!(OfficeHours::new(session("07:00:00", "07:00:00"), afternoon), out_of_order);
    assert_eq!(OfficeHours::new(morning, session("11:00:00", "17:00:00")), out_of_order);
    let odd = session("13:30:30", "17:00:00");
    assert_eq!(OfficeHours::new(morning, odd), Err(InvalidOfficeHours::NotWholeMinutes));
    let json = serde_json::to_string(&OfficeHours::default()).unwrap();
    let backwards = json.replace("07:00:00", "12:00:00");
    assert!(serde_json::from_str::<OfficeHours>(&backwards).is_err());
}

/// Any second of 2017-2026, and the moments at which rules change more often than chance would pick them.
fn receipts() -> impl Strategy<Value = Instant> {
    let landmarks = [
        "00:00:00", "06:59:59", "07:00:00", "11:30:00", "11:30:01", "13:29:59", "13:30:00", "15:00:00",
        "15:00:01", "16:30:00", "17:00:00", "17:00:01", "23:59:59",
    ];
    let any_time =
        (0..86_400_u32).prop_map(|second| NaiveTime::from_num_seconds_from_midnight_opt(second, 0));
    let times = prop_oneof![
        any_time.prop_map(Option::unwrap),
        prop::sample::select(landmarks.to_vec()).prop_map(time)
    ];
    // The first week stays out: a receipt on it may count as one of 2016.
    (7..3600_u64, times).prop_map(|(day, time)| instant((date("2017-01-01") + Days::new(day)).and_time(time)))
}

fn counted(n: impl Strategy<Value = u32>) -> impl Strategy<Value = (fn(u32) -> Term, u32)> {
    let kinds: [fn(u32) -> Term; 4] =
        [Term::WorkingDays, Term::HalfDays, Term::WorkingHours, Term::CalendarDays];
    (prop::sample::select(kinds.to_vec()), n)
}

fn policies() -> impl Strategy<Value = DuePolicy> {
    let ends = [DayTermDue::EndOfDay, DayTermDue::SameClockTime, DayTermDue::EndOfHalfDay];
    let cut_offs = ["05:00:00", "12:00:00", "15:00:00", "20:00:00"];
    let lates = prop_oneof![
        Just(LateReceipt::NextDay),
        Just(LateReceipt::SameDay),
        prop::sample::select(cut_offs.to_vec()).prop_map(|cut_off| LateReceipt::NextDayAfter(time(cut_off))),
    ];
    (prop::sample::select(ends.to_vec()), lates).prop_map(|(day_term_due, late_receipt)| DuePolicy {
        day_term_due,
        late_receipt,
        ..DuePolicy::default()
    })
}

fn office_hours() -> impl Strategy<Value = OfficeHours> {
    let summer = OfficeHours::default();
    let session = |opens, closes| Session { opens: time(opens), closes: time(closes) };
    let winter = OfficeHours::new(session("07:30:00", "11:30:00"), session("13:00:00", "16:00:00")).unwrap();
    let no_lunch =
        OfficeHours::new(session("08:00:00", "12:10:00"), session("12:10:00", "15:55:00")).unwrap();
    prop::sample::select(vec![summer, winter, no_lunch])
}

/// The built-in calendar with some decisions more, close enough together to matter.
fn calendars() -> impl Strategy<Value = Calendar> {
    prop::collection::vec(0..4000_u64, 0..40).prop_map(|offsets| {
        let dates = offsets.into_iter().map(|offset| date("2017-01-01") + Days::new(offset));
        let more = dates.map(|date| (date, opposite(built_in(), date)));
        let decided = built_in().declared_days().map(|day| (day.date, day.clone()));
        let days: BTreeMap<_, _> = more.chain(decided).collect();
        Calendar::new("random", 2017..=2027, [], days.into_values()).unwrap()
    })
}

/// A working day as a day off, a weekend day as a make-up day.
fn opposite(calendar: &Calendar, date: NaiveDate) -> DeclaredDay {
    let works = calendar.is_working_day(date).unwrap();
    let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    let kind = if weekend && !works { DayKind::MakeUp } else { DayKind::Holiday };
    DeclaredDay { date, kind, name: "test".to_owned(), decision: None }
}

fn due_ok(
    received: Instant,
    term: Term,
    calendar: &Calendar,
    hours: &OfficeHours,
    policy: &DuePolicy,
) -> Instant {
    due_at(received, &term, calendar, hours, policy).unwrap().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn both_ways_agree(
        received in receipts(), (term, n) in counted(0..150_u32), calendar in calendars(),
        hours in office_hours(), policy in policies(),
    ) {
        let told = due(received, &term(n), &calendar, &hours, &policy).unwrap();
        prop_assert_eq!(told.at, due_at(received, &term(n), &calendar, &hours, &policy).unwrap());
        let last = told.why.last().unwrap();
        prop_assert_eq!(told.at.map(local_date), Some(last.on));
        // A receipt on a day off may count as one of the day before, which is told second.
        let in_order = told.why.iter().map(|reason| reason.on).is_sorted();
        prop_assert!(in_order || policy.late_receipt == LateReceipt::SameDay);
    }

    #[test]
    fn never_before_the_receipt_and_always_while_the_office_works(
        received in receipts(), (term, n) in counted(0..60_u32), calendar in calendars(),
        hours in office_hours(), policy in policies(),
    ) {
        let due = due_ok(received, term(n), &calendar, &hours, &policy);
        prop_assert!(received <= due);
        prop_assert!(calendar.is_working_day(local_date(due)).unwrap());
        let time = local(due).time();
        let session = hours.session(hours.half_of(time));
        prop_assert!(session.opens <= time && time <= session.closes);
    }

    #[test]
    fn a_later_receipt_is_never_due_earlier(
        one in receipts(), gap in prop_oneof![0..7 * 86_400_i64, 0..90 * 86_400_i64],
        (term, n) in counted(0..60_u32), calendar in calendars(),
        hours in office_hours(), policy in policies(),
    ) {
        let other = one + TimeDelta::seconds(gap);
        let [one, other] = [one, other].map(|at| due_ok(at, term(n), &calendar, &hours, &policy));
        prop_assert!(one <= other);
    }

    #[test]
    fn a_longer_term_is_never_due_earlier(
        received in receipts(), (term, n) in counted(0..60_u32), calendar in calendars(),
        hours in office_hours(), policy in policies(),
    ) {
        let [short, long] = [n, n + 1].map(|n| due_ok(received, term(n), &calendar, &hours, &policy));
        prop_assert!(short <= long);
    }

    #[test]
    fn a_day_more_off_is_never_earlier_and_a_day_more_worked_never_later(
        received in receipts(), (term, n) in counted(0..60_u32), calendar in calendars(),
        hours in office_hours(), policy in policies(), ahead in 0..30_u64,
    ) {
        let day = local_date(received) - Days::new(5) + Days::new(ahead);
        let Ok(changed) = calendar.with(opposite(&calendar, day)) else { return Ok(()) };
        let before = due_ok(received, term(n), &calendar, &hours, &policy);
        let after = due_ok(received, term(n), &changed, &hours, &policy);
        if changed.is_working_day(day).unwrap() {
            prop_assert!(after <= before);
        } else {
            prop_assert!(before <= after);
        }
    }

    #[test]
    fn two_half_days_are_a_day(
        received in receipts(), n in 0..60_u32, calendar in calendars(), hours in office_hours(),
        late_receipt in policies().prop_map(|policy| policy.late_receipt),
    ) {
        let day_term_due = DayTermDue::EndOfHalfDay;
        let policy = DuePolicy { day_term_due, late_receipt, ..DuePolicy::default() };
        prop_assert_eq!(
            due_ok(received, Term::HalfDays(2 * n), &calendar, &hours, &policy),
            due_ok(received, Term::WorkingDays(n), &calendar, &hours, &policy)
        );
    }

    #[test]
    fn a_pause_never_makes_it_earlier_and_a_longer_one_never_less_late(
        received in receipts(), (term, n) in counted(0..40_u32), paused in receipts(),
        gap in 0..60 * 86_400_i64, more in 0..10 * 86_400_i64,
        calendar in calendars(), hours in office_hours(), policy in policies(),
    ) {
        let term = term(n);
        let due = due_ok(received, term, &calendar, &hours, &policy);
        let resume =
            |gap| resume_due(due, paused, paused + TimeDelta::seconds(gap), &term, &calendar, &hours).unwrap();
        prop_assert!(due <= resume(gap));
        prop_assert!(resume(gap) <= resume(gap + more));
        prop_assert_eq!(resume(0), due);
        if matches!(term, Term::WorkingDays(_) | Term::CalendarDays(_)) {
            prop_assert_eq!(local(resume(gap)).time(), local(due).time());
        }
    }

    // What was left when the clock stopped is left when it runs again.
    #[test]
    fn a_term_of_hours_keeps_the_hours_that_are_left(
        received in receipts(), n in 1..80_u32, gap in 0..60 * 86_400_i64, calendar in calendars(),
        hours in office_hours(), part in 0..80_u32,
    ) {
        let policy = DuePolicy::default();
        let paused = due_ok(received, Term::WorkingHours(part.min(n)), &calendar, &hours, &policy);
        let due = due_ok(received, Term::WorkingHours(n), &calendar, &hours, &policy);
        let resumed = paused + TimeDelta::seconds(gap);
        let left = Term::WorkingHours(n - part.min(n));
        let moved = resume_due(due, paused, resumed, &Term::WorkingHours(n), &calendar, &hours).unwrap();
        if due != paused {
            prop_assert_eq!(moved, due_ok(resumed, left, &calendar, &hours, &policy));
        }
    }

    #[test]
    fn every_reason_has_its_sentences(
        received in receipts(), (term, n) in counted(0..40_u32), policy in policies(),
    ) {
        let told = due(received, &term(n), built_in(), &OfficeHours::default(), &policy).unwrap();
        for reason in told.why {
            prop_assert!(reason.vietnamese().ends_with('.') && reason.english().ends_with('.'));
        }
    }
}
