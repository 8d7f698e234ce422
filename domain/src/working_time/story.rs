//! The due instant by walking: every day and half-day is visited and noted, nothing is computed at once.
//!
//! Deliberately not built on the arithmetic of [`super::due_at`]: two ways to the same answer check each
//! other.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::{
    Due, DueError, DuePolicy, End, Half, OfficeHours, Reason, Start, Term, What, due_at, end_of_day_term,
    instant, not_before,
};
use crate::calendar::{Calendar, CalendarError, Day};
use crate::time::{Instant, local, local_date};

/// As [`due_at`], with the reasons day by day.
///
/// # Errors
/// As [`due_at`].
pub fn due(
    received: Instant,
    term: &Term,
    calendar: &Calendar,
    hours: &OfficeHours,
    policy: &DuePolicy,
) -> Result<Due, DueError> {
    // Refuses a term that no calendar can answer before walking through it.
    due_at(received, term, calendar, hours, policy)?;
    let received_local = local(received);
    let mut story = Story { calendar, hours, why: Vec::new() };
    let due = match *term {
        Term::Open => {
            story.note(received_local.date(), What::NoAppointment);
            return Ok(Due { at: None, why: story.why });
        }
        Term::Given(at) => {
            let at = not_before(received, at)?;
            story.note(local_date(at), What::Given { time: local(at).time() });
            return Ok(Due { at: Some(at), why: story.why });
        }
        Term::WorkingDays(n) => {
            let start = Start::of_days(n, received_local, calendar, hours, policy.late_receipt)?;
            story.begin(received_local, start)?;
            story.working_days(start, n, policy)?
        }
        Term::HalfDays(n) => {
            let start = Start::of_days(n, received_local, calendar, hours, policy.late_receipt)?;
            story.begin(received_local, start)?;
            story.half_days(start, n)?
        }
        Term::WorkingHours(n) => {
            let start = Start::when_open(received_local, calendar, hours, policy.late_receipt)?;
            story.begin(received_local, start)?;
            story.working_hours(start.at, n)?
        }
        Term::CalendarDays(n) => {
            let start = Start::of_days(n, received_local, calendar, hours, policy.late_receipt)?;
            story.begin(received_local, start)?;
            story.calendar_days(start.first_not_counted(received_local), n)?
        }
    };
    Ok(Due { at: Some(instant(due)), why: story.why })
}

struct Story<'a> {
    calendar: &'a Calendar,
    hours: &'a OfficeHours,
    why: Vec<Reason>,
}

impl Story<'_> {
    fn note(&mut self, on: NaiveDate, what: What) {
        self.why.push(Reason { on, what });
    }

    /// The receipt, and the days off that the office took before it could look at it.
    fn begin(&mut self, received: NaiveDateTime, start: Start) -> Result<(), CalendarError> {
        let what = match start.moved {
            None => What::Received { time: received.time() },
            Some(because) => What::ReceiptMoved { time: received.time(), to: start.at, because },
        };
        self.note(received.date(), what);
        let waited = received.date().iter_days().take_while(|date| *date < start.at.date());
        for date in waited {
            self.note_day_off(date)?;
        }
        Ok(())
    }

    fn working_days(
        &mut self,
        start: Start,
        n: u32,
        policy: &DuePolicy,
    ) -> Result<NaiveDateTime, CalendarError> {
        let mut date = start.at.date();
        if n != 0 {
            self.note(date, What::FirstDayNotCounted);
        }
        for nth in 1..=n {
            date = self.next_working_day(date)?;
            self.note_counted(date, nth)?;
        }
        let (time, end) = end_of_day_term(start.at.time(), self.hours, policy.day_term_due);
        Ok(self.end(date, time, end))
    }

    fn half_days(&mut self, start: Start, n: u32) -> Result<NaiveDateTime, CalendarError> {
        let mut date = start.at.date();
        let mut half = self.hours.half_of(start.at.time());
        for nth in 1..=n {
            (date, half) = self.next_half(date, half)?;
            self.note(date, What::HalfDayCounted { nth, half });
        }
        Ok(self.end(date, self.hours.session(half).closes, End::Half(half)))
    }

    fn working_hours(&mut self, start: NaiveDateTime, n: u32) -> Result<NaiveDateTime, CalendarError> {
        let (mut date, mut from) = (start.date(), start.time());
        // Carried along: without a lunch break the same time ends one half and begins the other.
        let mut half = self.hours.half_of(from);
        let mut left = TimeDelta::hours(i64::from(n));
        loop {
            let spent = left.min(self.hours.session(half).closes - from);
            let to = from + spent;
            if TimeDelta::zero() < spent {
                self.note(date, What::HoursCounted { from, to });
            }
            left -= spent;
            if left.is_zero() {
                return Ok(self.end(date, to, End::Hours));
            }
            (date, half) = self.next_half(date, half)?;
            from = self.hours.session(half).opens;
        }
    }

    fn next_half(&mut self, date: NaiveDate, half: Half) -> Result<(NaiveDate, Half), CalendarError> {
        Ok(match half {
            Half::Morning => (date, Half::Afternoon),
            Half::Afternoon => (self.next_working_day(date)?, Half::Morning),
        })
    }

    fn calendar_days(&mut self, first: NaiveDate, n: u32) -> Result<NaiveDateTime, CalendarError> {
        let mut date = first;
        if n != 0 {
            self.note(date, What::FirstDayNotCounted);
        }
        for nth in 1..=n {
            date = tomorrow(date)?;
            self.note(date, What::CalendarDayCounted { nth });
        }
        let off = match self.calendar.day(date)? {
            Day::Working | Day::MakeUp(_) => {
                return Ok(self.end(date, self.hours.closes(), End::Day));
            }
            Day::Weekend => None,
            Day::Off(day) => Some(day.clone()),
        };
        let to = self.calendar.working_day_on_or_after(date)?;
        self.note(date, What::MovedToWorkingDay { off, to });
        date = self.next_working_day(date)?;
        Ok(self.end(date, self.hours.closes(), End::Day))
    }

    /// Notes the days off in between.
    fn next_working_day(&mut self, date: NaiveDate) -> Result<NaiveDate, CalendarError> {
        let mut date = tomorrow(date)?;
        while !self.calendar.is_working_day(date)? {
            self.note_day_off(date)?;
            date = tomorrow(date)?;
        }
        Ok(date)
    }

    fn note_day_off(&mut self, date: NaiveDate) -> Result<(), CalendarError> {
        match self.calendar.day(date)? {
            Day::Working | Day::MakeUp(_) => {}
            Day::Weekend => self.note(date, What::Weekend),
            Day::Off(day) => self.note(date, What::DayOff(day.clone())),
        }
        Ok(())
    }

    fn note_counted(&mut self, date: NaiveDate, nth: u32) -> Result<(), CalendarError> {
        match self.calendar.day(date)? {
            Day::MakeUp(day) => self.note(date, What::MakeUpDayCounted { nth, day: day.clone() }),
            Day::Working | Day::Weekend | Day::Off(_) => self.note(date, What::WorkingDayCounted { nth }),
        }
        Ok(())
    }

    fn end(&mut self, date: NaiveDate, time: NaiveTime, end: End) -> NaiveDateTime {
        self.note(date, What::Due { time, end });
        date.and_time(time)
    }
}

fn tomorrow(date: NaiveDate) -> Result<NaiveDate, CalendarError> {
    date.succ_opt().ok_or(CalendarError::YearNotLoaded { year: date.year() })
}
