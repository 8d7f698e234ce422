//! Instants and local dates. Việt Nam is at UTC+7 without daylight saving since 1975, so a fixed offset is civil time.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, SubsecRound, Utc};

/// A point in time, to the microsecond: PostgreSQL keeps no more, and the ledger's leaf stores microseconds.
pub type Instant = DateTime<Utc>;

/// Civil time of Việt Nam.
pub const VIETNAM: FixedOffset = match FixedOffset::east_opt(7 * 3600) {
    Some(offset) => offset,
    None => panic!("seven hours are a valid offset"),
};

/// The instant cut to whole microseconds.
pub fn truncate(instant: Instant) -> Instant {
    instant.trunc_subsecs(6)
}

/// Civil time in Việt Nam. At the end of time, which an officer's typing error can reach, it stands still.
pub fn local(instant: Instant) -> NaiveDateTime {
    instant.naive_utc().checked_add_offset(VIETNAM).unwrap_or(NaiveDateTime::MAX)
}

/// The civil date in Việt Nam: receipts between 00:00 and 07:00 fall on the previous day in UTC.
pub fn local_date(instant: Instant) -> NaiveDate {
    local(instant).date()
}

/// When a civil date begins in Việt Nam.
pub fn day_start(day: NaiveDate) -> Instant {
    let midnight = day.and_time(chrono::NaiveTime::MIN).checked_sub_offset(VIETNAM);
    midnight.unwrap_or(NaiveDateTime::MIN).and_utc()
}
