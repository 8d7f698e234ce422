//! Figures per competent agency over a range of months, as of its end: what was carried over, came in, was resolved
//! and is pending. The identities of DOMAIN 4.1 hold by construction for live dossiers:
//! carried over + received + taken over - passed on = to process; resolved = early + on time + late; pending = not due + overdue.

use domain::dossier::Share;
use infrastructure::db::Database;
use infrastructure::on_db;
use uuid::Uuid;

// $1, $2 first and last month; $3 scope; $4 agency; $5 as of. One statement, so that counters and board are of one
// moment: what happens in between would make the identities fail.
const FIGURES: &str = "
    SELECT agency_id,
           CAST(SUM(carried_over) AS BIGINT) AS carried_over,
           CAST(SUM(received) AS BIGINT) AS received,
           CAST(SUM(received_online) AS BIGINT) AS received_online,
           CAST(SUM(received_post) AS BIGINT) AS received_post,
           CAST(SUM(refused) AS BIGINT) AS refused,
           CAST(SUM(withdrawn) AS BIGINT) AS withdrawn,
           CAST(SUM(stopped) AS BIGINT) AS stopped,
           CAST(SUM(taken_over) AS BIGINT) AS taken_over,
           CAST(SUM(passed_on) AS BIGINT) AS passed_on,
           CAST(SUM(ended_early) AS BIGINT) AS early,
           CAST(SUM(ended_on_time) AS BIGINT) AS on_time,
           CAST(SUM(ended_late) AS BIGINT) AS late,
           CAST(SUM(not_due) AS BIGINT) AS not_due,
           CAST(SUM(overdue) AS BIGINT) AS overdue,
           CAST(SUM(paused) AS BIGINT) AS paused
    FROM (SELECT agency_id, received + taken_over - passed_on - withdrawn - stopped - ended_early - ended_on_time
                     - ended_late AS carried_over,
                 0 AS received, 0 AS received_online, 0 AS received_post, 0 AS refused, 0 AS withdrawn,
                 0 AS stopped, 0 AS taken_over, 0 AS passed_on,
                 0 AS ended_early, 0 AS ended_on_time, 0 AS ended_late, 0 AS not_due, 0 AS overdue, 0 AS paused
          FROM agency_month WHERE month < $1
          UNION ALL
          SELECT agency_id, 0, received, received_online, received_post, refused, withdrawn, stopped,
                 taken_over, passed_on, ended_early, ended_on_time, ended_late, 0, 0, 0
          FROM agency_month WHERE month BETWEEN $1 AND $2
          UNION ALL
          SELECT competent_agency, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                 CASE WHEN state = 'RUNNING' AND (legal_due_at IS NULL OR legal_due_at >= $5) THEN 1 ELSE 0 END,
                 CASE WHEN state = 'RUNNING' AND legal_due_at < $5 THEN 1 ELSE 0 END,
                 CASE WHEN state = 'PAUSED' THEN 1 ELSE 0 END
          FROM deadline_board
          WHERE state IN ('RUNNING', 'PAUSED') AND from_at <= $5 AND $5 < until_at) AS figures
    WHERE (CAST($3 AS UUID) IS NULL OR agency_id = $3) AND (CAST($4 AS UUID) IS NULL OR agency_id = $4)
    GROUP BY agency_id ORDER BY agency_id";

pub(crate) const SQL: &[&str] = &[FIGURES];

/// Figures of one agency.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct AgencyProgress {
    pub agency_id: Uuid,
    pub carried_over: i64,
    pub received: i64,
    pub received_online: i64,
    pub received_post: i64,
    pub refused: i64,
    pub withdrawn: i64,
    pub stopped: i64,
    /// From agencies that this one took the place of.
    pub taken_over: i64,
    /// To agencies that took its place.
    pub passed_on: i64,
    pub early: i64,
    pub on_time: i64,
    pub late: i64,
    pub not_due: i64,
    pub overdue: i64,
    pub paused: i64,
}

impl AgencyProgress {
    /// The figures of both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            agency_id: Uuid::nil(),
            carried_over: self.carried_over + other.carried_over,
            received: self.received + other.received,
            received_online: self.received_online + other.received_online,
            received_post: self.received_post + other.received_post,
            refused: self.refused + other.refused,
            withdrawn: self.withdrawn + other.withdrawn,
            stopped: self.stopped + other.stopped,
            taken_over: self.taken_over + other.taken_over,
            passed_on: self.passed_on + other.passed_on,
            early: self.early + other.early,
            on_time: self.on_time + other.on_time,
            late: self.late + other.late,
            not_due: self.not_due + other.not_due,
            overdue: self.overdue + other.overdue,
            paused: self.paused + other.paused,
        }
    }

    pub fn to_process(&self) -> i64 {
        self.carried_over + self.received + self.taken_over - self.passed_on
    }

    pub fn resolved(&self) -> i64 {
        self.early + self.on_time + self.late
    }

    /// Of what was resolved, how much was not late. (DOMAIN Q5.)
    pub fn on_time_share(&self) -> Option<Share> {
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        Share::of(count(self.early + self.on_time), count(self.resolved()))
    }

    pub fn pending(&self) -> i64 {
        self.not_due + self.overdue
    }
}

/// Months as `year * 12 + month - 1`; `end` is the instant up to which the last month goes, in microseconds: its end,
/// or now while it lasts.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    pub first_month: i64,
    pub last_month: i64,
    pub end: i64,
}

pub async fn agency_progress(
    database: &Database,
    period: Period,
    scope: Option<Uuid>,
    agency: Option<Uuid>,
) -> sqlx::Result<Vec<AgencyProgress>> {
    on_db!(&database.readers, pool => sqlx::query_as(FIGURES)
        .bind(period.first_month).bind(period.last_month).bind(scope).bind(agency).bind(period.end)
        .fetch_all(pool).await)
}
