//! Numbers of the day of one agency: one stream per agency and local date, whose versions are the numbers given.
//! docs/adr/0005

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::codes::{AgencyCode, DossierCode, yymmdd};
use crate::decider::events;
use crate::identity::DossierId;
use crate::private::HasPrivate;
use crate::time::Instant;

pub const CATEGORY: &str = "code";

events! {
    /// Facts of a code stream.
    pub enum Event {
        "code.allocated.v1" => Allocated,
    }
}

/// The number that is this event's stream version belongs to the dossier, used or not. `entered_at`, not the clock,
/// is the entry time of the dossier from here on, also on a retry the day after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Allocated {
    pub dossier_id: DossierId,
    pub entered_at: Instant,
}

impl HasPrivate for Allocated {}

/// `code-000.00.16.H42-190805`
pub fn stream(agency: &AgencyCode, date: NaiveDate) -> String {
    format!("{CATEGORY}-{agency}-{}", yymmdd(date))
}

/// The code that a number of a code stream makes: `code-000.00.16.H42-190805` and 1 are `000.00.16.H42-190805-0001`.
/// `None` above [`DossierCode::NUMBERS_PER_DAY`].
pub fn code(stream: &str, number: i64) -> Option<DossierCode> {
    let of_the_day = stream.strip_prefix(CATEGORY)?.strip_prefix('-')?;
    DossierCode::of_the_day(of_the_day, u64::try_from(number).ok()?)
}
