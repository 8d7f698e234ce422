//! When a dossier is due, as a pure function of receipt, term, calendar, office hours and policy; and why.
//!
//! The law counts days, people ask for a date and an hour. Four rules are common to all terms:
//! - the day of receipt is not counted: counting starts the day after (Civil Code 2015, article 147);
//! - a receipt outside office hours counts from the next moment the office is open ([`LateReceipt`] says when
//!   that costs a day);
//! - a dossier is never due before it was received;
//! - what the loaded calendar years cannot answer is an error, not a guess.
//!
//! [`due_at`] is the answer by arithmetic, for the many; [`due`] walks day by day and tells every step, for
//! the officer and the citizen. That both agree is a property test. Instants are UTC, everything inside is
//! local time.
//!
//! This module must not know dossiers, procedures or the clock.

mod hours;
mod reason;
mod start;
mod story;

#[cfg(test)]
mod tests;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, CalendarError};
use crate::time::{Instant, VIETNAM, local};
pub use hours::{Half, InvalidOfficeHours, OfficeHours, Session};
pub use reason::{End, Reason, What};
pub use start::Moved;
use start::Start;
pub use story::due;

/// How long the processing may take. Stored in events for ever: the names and meanings below never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Term {
    /// The n-th working day after the day of receipt; 0 is that day itself. [`DayTermDue`] names the moment.
    #[serde(rename = "working_days")]
    WorkingDays(u32),
    /// The end of the n-th half-day after the half-day of receipt; 0 is the end of that half-day itself.
    ///
    /// So a morning with 1 ends the same afternoon and an afternoon with 1 the next working morning; 2 is
    /// "qua đêm", 3 is a day and a half, and 2n is the n-th working day, same half.
    #[serde(rename = "half_days")]
    HalfDays(u32),
    /// The earliest moment at which n hours of office time have passed. With the default office hours eight
    /// make a working day: eight hours from the opening end at closing, not at the next opening.
    #[serde(rename = "working_hours")]
    WorkingHours(u32),
    /// The n-th day of the calendar after the day of receipt; if it is off, the next working day (Civil Code
    /// 2015, article 148). Always until the end of the working day: a clock time carried over from the
    /// receipt would make a later receipt due earlier wherever several days move to the same one.
    #[serde(rename = "calendar_days")]
    CalendarDays(u32),
    /// Set by an officer or taken over from another system: kept as it is, on a day off as well.
    #[serde(rename = "given")]
    Given(Instant),
    /// The procedure has no appointment date.
    #[serde(rename = "open")]
    Open,
}

/// At which moment of the last day a term of working days ends. Both field practices exist, so it is a
/// policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DayTermDue {
    /// When the office closes.
    #[default]
    #[serde(rename = "end_of_day")]
    EndOfDay,
    /// At the clock time of the receipt (moved into office hours).
    #[serde(rename = "same_clock_time")]
    SameClockTime,
    /// At the end of the half-day in which the receipt fell: morning in, morning out.
    #[serde(rename = "end_of_half_day")]
    EndOfHalfDay,
}

/// When a receipt is too late for its own day. It matters to terms of whole days only: hours are counted when
/// the office is open in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LateReceipt {
    /// After closing or on a day off counts as the next opening, so one working day is lost. The default:
    /// both peer systems whose code we read do so. At closing time exactly is not late.
    #[default]
    #[serde(rename = "next_day")]
    NextDay,
    /// As `NextDay`, and already after this time of the day. For procedures with such a rule only
    /// (authentication and civil status: "sau 15 giờ"). At that time exactly is not late.
    #[serde(rename = "next_day_after")]
    NextDayAfter(NaiveTime),
    /// After closing or on a day off counts as the last closing before, so no working day is lost.
    #[serde(rename = "same_day")]
    SameDay,
}

/// What a pause does to the due instant. All three are in the field (DOMAIN 1.5), so it is a policy of the procedure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resume {
    /// R1: the due instant moves by the time of the pause. The default.
    #[default]
    #[serde(rename = "shift")]
    Shift,
    /// R3: the whole term runs again from the resumption ("tính lại từ đầu sau khi nhận đủ hồ sơ").
    #[serde(rename = "restart")]
    Restart,
    /// R4: the promised instant stays; only what on time is measured by moves.
    #[serde(rename = "statistics_only")]
    StatisticsOnly,
}

impl Resume {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What an agency or a procedure may choose. The default fits a procedure that says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct DuePolicy {
    /// For [`Term::WorkingDays`].
    pub day_term_due: DayTermDue,
    /// For all terms that are counted.
    pub late_receipt: LateReceipt,
    /// After a pause.
    #[serde(skip_serializing_if = "Resume::is_default")]
    pub resume: Resume,
}

/// A due instant and the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// `None` for [`Term::Open`].
    pub at: Option<Instant>,
    /// In the order of the days; never empty.
    pub why: Vec<Reason>,
}

/// There is no due instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DueError {
    /// The term reaches into a year without a calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// A dossier cannot be due before it was received.
    #[error("the given due instant {given} is before the receipt at {received}")]
    GivenBeforeReceipt {
        /// The due instant asked for.
        given: Instant,
        /// The receipt.
        received: Instant,
    },
    /// A pause cannot end before it began.
    #[error("the pause from {paused_at} ends before it begins, at {resumed_at}")]
    ResumedBeforePaused {
        /// When the clock was stopped.
        paused_at: Instant,
        /// When it was started again.
        resumed_at: Instant,
    },
}

/// The due instant of a dossier received at `received`; `None` for [`Term::Open`]. A few array look-ups.
///
/// # Errors
/// A year that is not loaded, or a given instant before the receipt.
pub fn due_at(
    received: Instant,
    term: &Term,
    calendar: &Calendar,
    hours: &OfficeHours,
    policy: &DuePolicy,
) -> Result<Option<Instant>, DueError> {
    let local_receipt = local(received);
    let due = match *term {
        Term::Open => return Ok(None),
        Term::Given(at) => return not_before(received, at).map(Some),
        Term::WorkingDays(n) => {
            let start = Start::of_days(n, local_receipt, calendar, hours, policy.late_receipt)?;
            let (time, _) = end_of_day_term(start.at.time(), hours, policy.day_term_due);
            calendar.nth_working_day_after(start.at.date(), n)?.and_time(time)
        }
        Term::HalfDays(n) => {
            let start = Start::of_days(n, local_receipt, calendar, hours, policy.late_receipt)?;
            half_days_later(start.at, n, calendar, hours)?
        }
        Term::WorkingHours(n) => {
            let start = Start::when_open(local_receipt, calendar, hours, policy.late_receipt)?;
            after_office_time(start.at, TimeDelta::hours(i64::from(n)), calendar, hours)?
        }
        Term::CalendarDays(n) => {
            let start = Start::of_days(n, local_receipt, calendar, hours, policy.late_receipt)?;
            let last = plus_days(start.first_not_counted(local_receipt), n);
            calendar.working_day_on_or_after(last)?.and_time(hours.closes())
        }
    };
    Ok(Some(instant(due)))
}

/// The due instant after one pause: it moves by the time of the pause, counted in the unit of the term. Several pauses
/// are applied one after the other.
///
/// - Hours: by the office time of the pause.
/// - Half-days: by the half-days from that of the pause (counted) to that of the resumption (not counted).
/// - Any other term: by the working days from the local day of the pause (counted) to that of the resumption (not
///   counted); the clock time stays. A pause within one day, or over days off only, moves nothing.
///
/// This is the rule for supplements asked for during processing. A procedure whose term starts afresh with
/// the complete dossier computes it with [`due_at`] from the day of completion instead.
///
/// # Errors
/// A year that is not loaded, or a pause that ends before it begins.
pub fn resume_due(
    due: Instant,
    paused_at: Instant,
    resumed_at: Instant,
    term: &Term,
    calendar: &Calendar,
    hours: &OfficeHours,
) -> Result<Instant, DueError> {
    if resumed_at < paused_at {
        return Err(DueError::ResumedBeforePaused { paused_at, resumed_at });
    }
    let (paused, resumed, due) = (local(paused_at), local(resumed_at), local(due));
    let days = calendar.working_days_between(paused.date(), resumed.date())?;
    let moved = match term {
        Term::WorkingHours(_) => {
            let passed_on = |at: NaiveDateTime| office_time_passed(at, calendar, hours);
            let whole = TimeDelta::seconds(days * hours.length().num_seconds());
            after_office_time(due, whole + passed_on(resumed)? - passed_on(paused)?, calendar, hours)?
        }
        Term::HalfDays(_) => {
            let in_afternoon = |at: NaiveDateTime| {
                let works = calendar.is_working_day(at.date())?;
                Ok::<_, CalendarError>(i64::from(works && hours.half_of(at.time()) == Half::Afternoon))
            };
            let halves = 2 * days + in_afternoon(resumed)? - in_afternoon(paused)?;
            // Not negative, as checked; and a calendar of at most 300 years fits.
            half_days_later(due, u32::try_from(halves).unwrap_or(0), calendar, hours)?
        }
        Term::WorkingDays(_) | Term::CalendarDays(_) | Term::Given(_) | Term::Open => {
            let days = u32::try_from(days).unwrap_or(0);
            calendar.nth_working_day_after(due.date(), days)?.and_time(due.time())
        }
    };
    Ok(instant(moved))
}

/// Office time between two instants, by the calendar and the clock; nothing if the second lies before the first.
///
/// # Errors
/// A year that is not loaded.
pub fn office_time(
    from: Instant,
    until: Instant,
    calendar: &Calendar,
    hours: &OfficeHours,
) -> Result<TimeDelta, CalendarError> {
    let (from, until) = (local(from), local(until.max(from)));
    let days = calendar.working_days_between(from.date(), until.date())?;
    let whole = TimeDelta::seconds(days * hours.length().num_seconds());
    Ok(whole + office_time_passed(until, calendar, hours)? - office_time_passed(from, calendar, hours)?)
}

/// The end of the n-th half-day after that of `from`.
fn half_days_later(
    from: NaiveDateTime,
    n: u32,
    calendar: &Calendar,
    hours: &OfficeHours,
) -> Result<NaiveDateTime, CalendarError> {
    let (days, half) = match hours.half_of(from.time()) {
        Half::Morning => (n / 2, if n.is_multiple_of(2) { Half::Morning } else { Half::Afternoon }),
        Half::Afternoon => (n.div_ceil(2), if n.is_multiple_of(2) { Half::Afternoon } else { Half::Morning }),
    };
    Ok(calendar.nth_working_day_after(from.date(), days)?.and_time(hours.session(half).closes))
}

/// Office time of the local day until `at`; none on a day off.
fn office_time_passed(
    at: NaiveDateTime,
    calendar: &Calendar,
    hours: &OfficeHours,
) -> Result<TimeDelta, CalendarError> {
    Ok(if calendar.is_working_day(at.date())? { hours.passed_at(at.time()) } else { TimeDelta::zero() })
}

/// The earliest moment at which so much office time has passed since `start`, a moment of a working day: whole days by
/// the calendar, the rest by the clock.
fn after_office_time(
    start: NaiveDateTime,
    time: TimeDelta,
    calendar: &Calendar,
    hours: &OfficeHours,
) -> Result<NaiveDateTime, CalendarError> {
    if time.is_zero() {
        return Ok(start);
    }
    let day = hours.length();
    let mut days = time.num_seconds() / day.num_seconds();
    let mut passed = hours.passed_at(start.time()) + time - TimeDelta::seconds(days * day.num_seconds());
    if passed.is_zero() {
        // Whole days from an opening end with a closing, the earliest moment at which they have passed.
        days -= 1;
        passed = day;
    } else if passed > day {
        days += 1;
        passed -= day;
    }
    let days = u32::try_from(days).unwrap_or(u32::MAX); // beyond any calendar
    Ok(calendar.nth_working_day_after(start.date(), days)?.and_time(hours.time_after(passed)))
}

/// The moment of the last day, and how to call it.
fn end_of_day_term(receipt: NaiveTime, hours: &OfficeHours, policy: DayTermDue) -> (NaiveTime, End) {
    match policy {
        DayTermDue::EndOfDay => (hours.closes(), End::Day),
        DayTermDue::SameClockTime => (receipt, End::ClockTime),
        DayTermDue::EndOfHalfDay => {
            let half = hours.half_of(receipt);
            (hours.session(half).closes, End::Half(half))
        }
    }
}

fn not_before(received: Instant, given: Instant) -> Result<Instant, DueError> {
    if given < received {
        return Err(DueError::GivenBeforeReceipt { given, received });
    }
    Ok(given)
}

/// Saturates at the end of time, which no calendar has loaded.
fn plus_days(date: NaiveDate, n: u32) -> NaiveDate {
    date.checked_add_days(Days::new(u64::from(n))).unwrap_or(NaiveDate::MAX)
}

/// Only for local times in a loaded year: far from the end of time, where the subtraction would panic.
fn instant(local: NaiveDateTime) -> Instant {
    (local - VIETNAM).and_utc()
}
