//! One step on the way to a due instant, as data and as a sentence.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};

use super::{Half, Moved};
use crate::calendar::DeclaredDay;

/// What happened to one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The local day.
    pub on: NaiveDate,
    /// Counted, skipped, moved or due.
    pub what: What,
}

/// The kinds of step. All times are local.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Received within office hours.
    Received {
        /// Of the receipt.
        time: NaiveTime,
    },
    /// Received outside office hours, or too late for the day: counts as received at another moment.
    ReceiptMoved {
        /// Of the receipt.
        time: NaiveTime,
        /// The moment it counts from.
        to: NaiveDateTime,
        /// Why it moved.
        because: Moved,
    },
    /// Counting starts the day after.
    FirstDayNotCounted,
    /// An ordinary working day.
    WorkingDayCounted {
        /// From 1.
        nth: u32,
    },
    /// A Saturday or Sunday that is worked.
    MakeUpDayCounted {
        /// From 1.
        nth: u32,
        /// Name and decision.
        day: DeclaredDay,
    },
    /// Half a working day.
    HalfDayCounted {
        /// From 1.
        nth: u32,
        /// Which half.
        half: Half,
    },
    /// Office time of one session.
    HoursCounted {
        /// Start within the session.
        from: NaiveTime,
        /// End within the session.
        to: NaiveTime,
    },
    /// A day of the calendar, off or not.
    CalendarDayCounted {
        /// From 1.
        nth: u32,
    },
    /// Not counted: Saturday or Sunday.
    Weekend,
    /// Not counted: holiday, substitute or swap, with name and decision.
    DayOff(DeclaredDay),
    /// The last day of a calendar term is off.
    MovedToWorkingDay {
        /// Name and decision of the day off; `None` for a plain weekend.
        off: Option<DeclaredDay>,
        /// The next working day.
        to: NaiveDate,
    },
    /// The result.
    Due {
        /// Of the due instant.
        time: NaiveTime,
        /// Which rule chose the time.
        end: End,
    },
    /// The result was not computed.
    Given {
        /// Of the due instant.
        time: NaiveTime,
    },
    /// There is no due instant.
    NoAppointment,
}

/// Why the due instant has this time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The office closes.
    Day,
    /// The half-day ends.
    Half(Half),
    /// The time of the receipt.
    ClockTime,
    /// The hours have passed.
    Hours,
}

impl Reason {
    /// One sentence in Vietnamese, for the officer and the citizen.
    pub fn vietnamese(&self) -> String {
        let on = vietnamese_date(self.on);
        match &self.what {
            What::Received { time } => format!("{on}: tiếp nhận lúc {}.", clock(*time)),
            What::ReceiptMoved { time, to, because } => {
                let to = format!("{} {}", clock(to.time()), vietnamese_date(to.date()));
                let because = vietnamese_moved(*because);
                format!("{on}: nộp lúc {}, {because}; được tính là tiếp nhận lúc {to}.", clock(*time))
            }
            What::FirstDayNotCounted => format!("{on}: ngày tiếp nhận, chưa tính vào thời hạn."),
            What::WorkingDayCounted { nth } => format!("{on}: ngày làm việc thứ {nth}."),
            What::MakeUpDayCounted { nth, day } => {
                format!("{on}: ngày làm bù ({}), ngày làm việc thứ {nth}.", vietnamese_basis(day))
            }
            What::HalfDayCounted { nth, half } => {
                format!("{on}: {}, nửa ngày thứ {nth}.", vietnamese_half(*half))
            }
            What::HoursCounted { from, to } => {
                format!("{on}: tính từ {} đến {}.", clock(*from), clock(*to))
            }
            What::CalendarDayCounted { nth } => format!("{on}: ngày thứ {nth}."),
            What::Weekend => format!("{on}: nghỉ hằng tuần, không tính."),
            What::DayOff(day) => format!("{on}: nghỉ ({}), không tính.", vietnamese_basis(day)),
            What::MovedToWorkingDay { off, to } => {
                let off = off.as_ref().map_or("nghỉ hằng tuần".to_owned(), vietnamese_basis);
                let to = vietnamese_date(*to);
                format!("{on}: ngày cuối của thời hạn là ngày nghỉ ({off}), chuyển sang {to}.")
            }
            What::Due { time, end } => {
                format!("{on}: hẹn trả lúc {}, {}.", clock(*time), vietnamese_end(*end))
            }
            What::Given { time } => format!("{on}: hẹn trả lúc {}, được ấn định trực tiếp.", clock(*time)),
            What::NoAppointment => format!("{on}: thủ tục không có ngày hẹn trả."),
        }
    }

    /// The same sentence in English. Names of days and decisions stay Vietnamese.
    pub fn english(&self) -> String {
        let on = english_date(self.on);
        match &self.what {
            What::Received { time } => format!("{on}: received at {}.", clock(*time)),
            What::ReceiptMoved { time, to, because } => {
                let to = format!("{} on {}", clock(to.time()), english_date(to.date()));
                let because = english_moved(*because);
                format!("{on}: handed in at {}, {because}; counts as received at {to}.", clock(*time))
            }
            What::FirstDayNotCounted => format!("{on}: day of receipt, not counted."),
            What::WorkingDayCounted { nth } => format!("{on}: working day {nth}."),
            What::MakeUpDayCounted { nth, day } => {
                format!("{on}: make-up day ({}), working day {nth}.", english_basis(day))
            }
            What::HalfDayCounted { nth, half } => {
                format!("{on}: {}, half-day {nth}.", english_half(*half))
            }
            What::HoursCounted { from, to } => {
                format!("{on}: counted from {} to {}.", clock(*from), clock(*to))
            }
            What::CalendarDayCounted { nth } => format!("{on}: day {nth}."),
            What::Weekend => format!("{on}: weekend, not counted."),
            What::DayOff(day) => format!("{on}: day off ({}), not counted.", english_basis(day)),
            What::MovedToWorkingDay { off, to } => {
                let off = off.as_ref().map_or("weekend".to_owned(), english_basis);
                format!("{on}: the term ends on a day off ({off}), moved to {}.", english_date(*to))
            }
            What::Due { time, end } => {
                format!("{on}: due at {}, {}.", clock(*time), english_end(*end))
            }
            What::Given { time } => format!("{on}: due at {}, as given.", clock(*time)),
            What::NoAppointment => format!("{on}: the procedure has no appointment date."),
        }
    }
}

fn clock(time: NaiveTime) -> String {
    let whole_minute = time.second() == 0;
    time.format(if whole_minute { "%H:%M" } else { "%H:%M:%S" }).to_string()
}

fn vietnamese_date(date: NaiveDate) -> String {
    let weekday = match date.weekday() {
        Weekday::Mon => "Thứ Hai",
        Weekday::Tue => "Thứ Ba",
        Weekday::Wed => "Thứ Tư",
        Weekday::Thu => "Thứ Năm",
        Weekday::Fri => "Thứ Sáu",
        Weekday::Sat => "Thứ Bảy",
        Weekday::Sun => "Chủ Nhật",
    };
    format!("{weekday} {}", date.format("%d/%m/%Y"))
}

fn english_date(date: NaiveDate) -> String {
    date.format("%A %-d %B %Y").to_string()
}

fn vietnamese_basis(day: &DeclaredDay) -> String {
    let Some(decision) = &day.decision else {
        return day.name.clone();
    };
    let on = decision.decided_on.map(|date| format!(" ngày {}", date.format("%d/%m/%Y"))).unwrap_or_default();
    format!("{}; căn cứ: {}{on}", day.name, decision.reference)
}

fn english_basis(day: &DeclaredDay) -> String {
    let Some(decision) = &day.decision else {
        return day.name.clone();
    };
    let on = decision.decided_on.map(|date| format!(" of {}", date.format("%-d %B %Y"))).unwrap_or_default();
    format!("{}; basis: {}{on}", day.name, decision.reference)
}

fn vietnamese_moved(because: Moved) -> String {
    match because {
        Moved::BeforeOpening => "trước giờ làm việc".to_owned(),
        Moved::OverLunch => "trong giờ nghỉ trưa".to_owned(),
        Moved::AfterClosing => "sau giờ làm việc".to_owned(),
        Moved::AfterCutOff(time) => format!("sau {} theo quy định của thủ tục", clock(time)),
        Moved::DayOff => "vào ngày nghỉ".to_owned(),
    }
}

fn english_moved(because: Moved) -> String {
    match because {
        Moved::BeforeOpening => "before opening".to_owned(),
        Moved::OverLunch => "during the lunch break".to_owned(),
        Moved::AfterClosing => "after closing".to_owned(),
        Moved::AfterCutOff(time) => format!("after {}, the procedure's cut-off", clock(time)),
        Moved::DayOff => "on a day off".to_owned(),
    }
}

fn vietnamese_half(half: Half) -> &'static str {
    match half {
        Half::Morning => "buổi sáng",
        Half::Afternoon => "buổi chiều",
    }
}

fn english_half(half: Half) -> &'static str {
    match half {
        Half::Morning => "morning",
        Half::Afternoon => "afternoon",
    }
}

fn vietnamese_end(end: End) -> &'static str {
    match end {
        End::Day => "cuối ngày làm việc",
        End::Half(Half::Morning) => "cuối buổi sáng",
        End::Half(Half::Afternoon) => "cuối buổi chiều",
        End::ClockTime => "cùng giờ tiếp nhận",
        End::Hours => "khi hết số giờ làm việc",
    }
}

fn english_end(end: End) -> &'static str {
    match end {
        End::Day => "the end of the working day",
        End::Half(Half::Morning) => "the end of the morning",
        End::Half(Half::Afternoon) => "the end of the afternoon",
        End::ClockTime => "the clock time of the receipt",
        End::Hours => "when the working hours have passed",
    }
}
