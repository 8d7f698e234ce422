//! The office hours of one place: a morning and an afternoon, the same on every working day.

use chrono::{NaiveTime, TimeDelta, Timelike};
use serde::{Deserialize, Serialize};

/// One half of the working day; opening and closing both belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Session {
    /// Local time.
    pub opens: NaiveTime,
    /// Local time.
    pub closes: NaiveTime,
}

/// Which half of the day. A receipt at the end of the morning, to the second, is still one of the morning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Half {
    /// Until the office closes for lunch.
    Morning,
    /// From then on.
    Afternoon,
}

/// Two sessions in order, each of them longer than nothing, in whole minutes. The engine relies on this, so
/// it also holds for deserialised values; it is the meaning of office hours and will not be tightened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct OfficeHours {
    morning: Session,
    afternoon: Session,
}

#[derive(Deserialize)]
struct Unchecked {
    morning: Session,
    afternoon: Session,
}

/// What cannot be office hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOfficeHours {
    /// Each must come after the one before: open, close, open, close. Lunch may take no time.
    #[error("the office must open, close, open and close again in this order")]
    OutOfOrder,
    /// Seconds are nobody's office hours.
    #[error("office hours are whole minutes")]
    NotWholeMinutes,
}

impl Default for OfficeHours {
    /// 07:00-11:30 and 13:30-17:00: eight hours, a working day.
    fn default() -> Self {
        const fn at(hour: u32, minute: u32) -> NaiveTime {
            match NaiveTime::from_hms_opt(hour, minute, 0) {
                Some(time) => time,
                None => panic!("a time of day"),
            }
        }
        const MORNING: Session = Session { opens: at(7, 0), closes: at(11, 30) };
        const AFTERNOON: Session = Session { opens: at(13, 30), closes: at(17, 0) };
        Self { morning: MORNING, afternoon: AFTERNOON }
    }
}

impl TryFrom<Unchecked> for OfficeHours {
    type Error = InvalidOfficeHours;

    fn try_from(hours: Unchecked) -> Result<Self, Self::Error> {
        Self::new(hours.morning, hours.afternoon)
    }
}

impl OfficeHours {
    /// # Errors
    /// The sessions are out of order or not in whole minutes.
    pub fn new(morning: Session, afternoon: Session) -> Result<Self, InvalidOfficeHours> {
        let times = [morning.opens, morning.closes, afternoon.opens, afternoon.closes];
        if times.iter().any(|time| time.second() != 0 || time.nanosecond() != 0) {
            return Err(InvalidOfficeHours::NotWholeMinutes);
        }
        let lunch_is_possible = morning.closes <= afternoon.opens;
        if morning.opens < morning.closes && lunch_is_possible && afternoon.opens < afternoon.closes {
            Ok(Self { morning, afternoon })
        } else {
            Err(InvalidOfficeHours::OutOfOrder)
        }
    }

    /// The session of a half.
    pub fn session(&self, half: Half) -> Session {
        match half {
            Half::Morning => self.morning,
            Half::Afternoon => self.afternoon,
        }
    }

    /// The first moment of the working day.
    pub fn opens(&self) -> NaiveTime {
        self.morning.opens
    }

    /// The last moment of the working day.
    pub fn closes(&self) -> NaiveTime {
        self.afternoon.closes
    }

    /// The half that `time` belongs to.
    pub fn half_of(&self, time: NaiveTime) -> Half {
        if time <= self.morning.closes { Half::Morning } else { Half::Afternoon }
    }

    /// Office time in a working day; at least two minutes.
    pub fn length(&self) -> TimeDelta {
        self.morning.length() + self.afternoon.length()
    }

    /// Office time from the opening until `time`.
    pub(super) fn passed_at(&self, time: NaiveTime) -> TimeDelta {
        self.morning.passed_at(time) + self.afternoon.passed_at(time)
    }

    /// The earliest time at which `passed` of office time has passed, at most a day.
    pub(super) fn time_after(&self, passed: TimeDelta) -> NaiveTime {
        let morning = self.morning.length();
        if passed <= morning {
            self.morning.opens + passed
        } else {
            self.afternoon.opens + (passed - morning)
        }
    }
}

impl Session {
    fn length(self) -> TimeDelta {
        self.closes - self.opens
    }

    fn passed_at(self, time: NaiveTime) -> TimeDelta {
        time.clamp(self.opens, self.closes) - self.opens
    }
}
