//! Reminders of deadlines: what is written down about them, and what a dossier's are.

use std::collections::HashMap;

use domain::access::{ActingAs, Powers, Principal, Purpose};
use domain::identity::{AgencyId, DossierId, NAMESPACE, PrincipalId};
use domain::notice::{self, Command, Notices};
use domain::recorded::{Position, Via};
use domain::time::Instant;
use projections::notice::Notice;
use uuid::Uuid;

use super::{Caller, Service};
use crate::problem::ServiceError;

impl Service {
    /// All notices of some dossiers, the oldest of each first. The caller sees the dossiers: they are their parents in
    /// the graph.
    pub async fn notices_of(
        &self,
        dossiers: &[DossierId],
    ) -> Result<HashMap<DossierId, Vec<Notice>>, ServiceError> {
        let ids: Vec<_> = dossiers.iter().map(|id| id.0).collect();
        let mut notices: HashMap<DossierId, Vec<Notice>> = HashMap::new();
        for notice in projections::notice::of_dossiers(self.database(), &ids).await? {
            notices.entry(DossierId(notice.dossier_id)).or_default().push(notice);
        }
        Ok(notices)
    }

    /// Writes down what was done about a notice. Nobody asks for it: the process that carries notices does it, for the
    /// agency that holds the dossier. The key says what it is about, so that another process does the same only once.
    pub(crate) async fn record_notice(
        &self,
        id: DossierId,
        holder: AgencyId,
        key: &str,
        command: Command,
    ) -> Result<Position, ServiceError> {
        let operation = match &command {
            Command::Raise { .. } | Command::RaiseDisclosure { .. } => "raiseNotice",
            Command::Deliver { .. } => "deliverNotice",
            Command::Fail { .. } => "failNotice",
            Command::Withdraw { .. } => "withdrawNotice",
        };
        let key = Uuid::new_v5(&id.0, key.as_bytes());
        let request = self.request(&carrier_of(holder), operation, key, &key)?;
        Ok(self.decide::<Notices>(&notice::stream(id), &request, command).await?.position)
    }

    /// Whoever has a code, or had it last.
    pub(crate) async fn agency_of_today(&self, code: &str, at: Instant) -> Result<AgencyId, ServiceError> {
        self.agency_ever("agency", code, domain::time::local_date(at)).await
    }

    /// Until when a deadline is soon, and before when one is so long gone that the head is told: as of an instant, by the
    /// national calendar. What lies beyond the calendar is absent.
    pub(crate) async fn notice_bounds(
        &self,
        at: Instant,
        soon_days: u32,
        escalate_days: u32,
    ) -> Result<NoticeBounds, ServiceError> {
        const DAYS_BACK_MAX: usize = 60;
        let calendar = self.calendar(None).await?;
        let today = domain::time::local_date(at);
        let soon_end = calendar.nth_working_day_after(today, soon_days).ok().map(super::queries::end_of);
        // The last day whose n-th working day after has come.
        let escalated = today.iter_days().rev().skip(1).take(DAYS_BACK_MAX).find(|day| {
            calendar.nth_working_day_after(*day, escalate_days).is_ok_and(|reached| reached <= today)
        });
        let is_day_off = calendar.is_working_day(today).is_ok_and(|is_working| !is_working);
        Ok(NoticeBounds {
            day_end: super::queries::end_of(today),
            soon_end,
            escalate_before: escalated.map(super::queries::end_of),
            is_day_off,
        })
    }
}

/// Instants in microseconds that divide deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoticeBounds {
    pub(crate) day_end: i64,
    pub(crate) soon_end: Option<i64>,
    pub(crate) escalate_before: Option<i64>,
    pub(crate) is_day_off: bool,
}

fn carrier_of(holder: AgencyId) -> Caller {
    let acting_as = ActingAs { agency: holder, unit: None, position_title: None };
    Caller {
        principal: Principal {
            id: PrincipalId(Uuid::new_v5(&NAMESPACE, b"process:notices")),
            acting_as,
            powers: Powers::default(),
        },
        via: Via::Process,
        traceparent: None,
        purpose: Purpose::default(),
        at: None,
    }
}
