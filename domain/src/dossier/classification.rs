//! Early, on time or late: at an instant, by the law's measure or by what was promised, and as QĐ 766/QĐ-TTg counts.
//! Computed whenever it is asked, never stored.

use super::{Filed, Pause, Phase};
use crate::time::{Instant, local_date};

/// How an ended dossier stands to its due instant.
///
/// Early: finished on an earlier day than the due day. On time: on the due day, at or before the due instant; also
/// without an appointment. Late: after it. (DOMAIN 1.6.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timeliness {
    Early,
    OnTime,
    Late,
}

impl Timeliness {
    pub fn of(ended_at: Instant, due_at: Option<Instant>) -> Self {
        match due_at {
            Some(due_at) if due_at < ended_at => Self::Late,
            Some(due_at) if local_date(ended_at) < local_date(due_at) => Self::Early,
            Some(_) | None => Self::OnTime,
        }
    }
}

/// A share as it is published: hundredths of a per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

impl Share {
    /// a share has two decimals, half of one rounded up; of nothing there is no share; and what is published as all
    /// or as none is all or none, however many they are.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        let exact = u128::from(part.min(whole)) * 10_000;
        let rounded = (2 * exact + u128::from(whole)).checked_div(2 * u128::from(whole))?;
        let rounded = match rounded {
            0 if 0 < part => 1,
            10_000 if part < whole => 9_999,
            rounded => rounded,
        };
        u16::try_from(rounded).ok().map(Self)
    }

    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// What QĐ 766/QĐ-TTg looks at to call a received dossier on time or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// NgayHenTra, moved by pauses, not by an extension.
    pub due_at: Option<Instant>,
    /// End of processing, stop or withdrawal.
    pub ended_at: Option<Instant>,
    /// Since when the applicant is waited for with a supplement.
    pub waiting_since: Option<Instant>,
    pub supplements: u32,
}

impl Measure {
    /// on time if processing ended by the appointment; while a supplement is waited for, the request counts as
    /// the end; more than one request for a supplement counts as late.
    pub fn is_on_time(&self, as_of: Instant) -> bool {
        let end = self.ended_at.or(self.waiting_since).unwrap_or(as_of);
        self.supplements <= 1 && self.due_at.is_none_or(|due_at| end <= due_at)
    }
}

impl Filed {
    /// Of a dossier that has been received.
    pub fn measure(&self) -> Option<Measure> {
        let clock = self.clock()?;
        let (ended_at, waiting_since) = match &self.phase {
            Phase::Finished { at, .. }
            | Phase::Returned { at, .. }
            | Phase::Stopped { at, .. }
            | Phase::Withdrawn { at, .. } => (Some(*at), None),
            Phase::Paused { since, reason: Pause::Supplement, .. } => (None, Some(*since)),
            Phase::Paused { .. }
            | Phase::InProgress { .. }
            | Phase::Submitted { .. }
            | Phase::AwaitingIntakeSupplement
            | Phase::Refused => (None, None),
        };
        Some(Measure { due_at: clock.legal_due_at, ended_at, waiting_since, supplements: self.supplements })
    }
}
