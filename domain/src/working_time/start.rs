//! From which moment a receipt counts.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use super::{Half, LateReceipt, OfficeHours};
use crate::calendar::{Calendar, CalendarError};

/// Why a receipt does not count from its own moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moved {
    /// The office was not open yet.
    BeforeOpening,
    /// The office was closed for lunch.
    OverLunch,
    /// The office had closed.
    AfterClosing,
    /// The cut-off time of the procedure had passed.
    AfterCutOff(NaiveTime),
    /// The office does not work on that day.
    DayOff,
}

/// A moment within office hours on a working day, and why it is not that of the receipt.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) at: NaiveDateTime,
    pub(super) moved: Option<Moved>,
}

impl Start {
    /// The first moment, from the receipt on, at which the office is open for it.
    pub(super) fn when_open(
        received: NaiveDateTime,
        calendar: &Calendar,
        hours: &OfficeHours,
        late: LateReceipt,
    ) -> Result<Self, CalendarError> {
        let (date, time) = (received.date(), received.time());
        let (morning, afternoon) = (hours.session(Half::Morning), hours.session(Half::Afternoon));
        let late =
            if calendar.is_working_day(date)? { too_late(time, hours, late) } else { Some(Moved::DayOff) };
        if late.is_some() {
            let next = calendar.working_day_on_or_after(date.succ_opt().unwrap_or(date))?;
            return Ok(Self { at: next.and_time(hours.opens()), moved: late });
        }
        let (time, moved) = if time < morning.opens {
            (morning.opens, Some(Moved::BeforeOpening))
        } else if morning.closes < time && time < afternoon.opens {
            (afternoon.opens, Some(Moved::OverLunch))
        } else {
            (time, None)
        };
        Ok(Self { at: date.and_time(time), moved })
    }

    /// As [`Start::when_open`], but for a term of `n` whole or half days, of which a late receipt need not
    /// lose one. With no day to count there is nothing to lose, and the last closing would be before the
    /// receipt.
    pub(super) fn of_days(
        n: u32,
        received: NaiveDateTime,
        calendar: &Calendar,
        hours: &OfficeHours,
        late: LateReceipt,
    ) -> Result<Self, CalendarError> {
        let start = Self::when_open(received, calendar, hours, late)?;
        if late == LateReceipt::SameDay && n != 0 && received.date() < start.at.date() {
            let last = calendar.working_day_on_or_before(received.date())?;
            return Ok(Self { at: last.and_time(hours.closes()), ..start });
        }
        Ok(start)
    }

    /// The day after which days of the calendar are counted. A receipt that counts as the closing of Friday
    /// was still received on Sunday.
    pub(super) fn first_not_counted(&self, received: NaiveDateTime) -> NaiveDate {
        self.at.date().max(received.date())
    }
}

fn too_late(time: NaiveTime, hours: &OfficeHours, late: LateReceipt) -> Option<Moved> {
    match late {
        _ if hours.closes() < time => Some(Moved::AfterClosing),
        LateReceipt::NextDayAfter(cut_off) if cut_off < time => Some(Moved::AfterCutOff(cut_off)),
        LateReceipt::NextDay | LateReceipt::NextDayAfter(_) | LateReceipt::SameDay => None,
    }
}
