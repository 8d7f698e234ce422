//! Figures per competent agency over a range of months, as of its end: what was carried over, came in, was resolved
//! and is pending. The identities of DOMAIN 4.1 hold by construction for live dossiers:
//! carried over + received = to process; resolved = early + on time + late; pending = not due + overdue.

use std::collections::BTreeMap;

use infrastructure::db::Database;
use infrastructure::on_db;
use uuid::Uuid;

// $1, $2 first and last month; $3 scope; $4 agency.
const COUNTERS: &str = "
    SELECT agency_id,
           CAST(SUM(CASE WHEN month < $1 THEN received - withdrawn - ended_early - ended_on_time - ended_late ELSE 0 END)
                AS BIGINT) AS carried_over,
           CAST(SUM(CASE WHEN month >= $1 THEN received ELSE 0 END) AS BIGINT) AS received,
           CAST(SUM(CASE WHEN month >= $1 THEN received_online ELSE 0 END) AS BIGINT) AS received_online,
           CAST(SUM(CASE WHEN month >= $1 THEN received_post ELSE 0 END) AS BIGINT) AS received_post,
           CAST(SUM(CASE WHEN month >= $1 THEN refused ELSE 0 END) AS BIGINT) AS refused,
           CAST(SUM(CASE WHEN month >= $1 THEN withdrawn ELSE 0 END) AS BIGINT) AS withdrawn,
           CAST(SUM(CASE WHEN month >= $1 THEN ended_early ELSE 0 END) AS BIGINT) AS early,
           CAST(SUM(CASE WHEN month >= $1 THEN ended_on_time ELSE 0 END) AS BIGINT) AS on_time,
           CAST(SUM(CASE WHEN month >= $1 THEN ended_late ELSE 0 END) AS BIGINT) AS late
    FROM agency_month
    WHERE month <= $2 AND (CAST($3 AS UUID) IS NULL OR agency_id = $3)
      AND (CAST($4 AS UUID) IS NULL OR agency_id = $4)
    GROUP BY agency_id ORDER BY agency_id";

// $1 as of; $2 scope; $3 agency.
const OPEN: &str = "
    SELECT competent_agency AS agency_id,
           COUNT(CASE WHEN state = 'RUNNING' AND (due_at IS NULL OR due_at >= $1) THEN 1 END) AS not_due,
           COUNT(CASE WHEN state = 'RUNNING' AND due_at < $1 THEN 1 END) AS overdue,
           COUNT(CASE WHEN state = 'PAUSED' THEN 1 END) AS paused
    FROM deadline_board
    WHERE state IN ('RUNNING', 'PAUSED') AND from_at <= $1 AND $1 < until_at
      AND (CAST($2 AS UUID) IS NULL OR competent_agency = $2) AND (CAST($3 AS UUID) IS NULL OR competent_agency = $3)
    GROUP BY competent_agency";

pub(crate) const SQL: &[&str] = &[COUNTERS, OPEN];

#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
struct Counters {
    agency_id: Uuid,
    carried_over: i64,
    received: i64,
    received_online: i64,
    received_post: i64,
    refused: i64,
    withdrawn: i64,
    early: i64,
    on_time: i64,
    late: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
struct Open {
    agency_id: Uuid,
    not_due: i64,
    overdue: i64,
    paused: i64,
}

/// Figures of one agency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgencyProgress {
    pub agency_id: Uuid,
    pub carried_over: i64,
    pub received: i64,
    pub received_online: i64,
    pub received_post: i64,
    pub refused: i64,
    pub withdrawn: i64,
    pub early: i64,
    pub on_time: i64,
    pub late: i64,
    pub not_due: i64,
    pub overdue: i64,
    pub paused: i64,
}

impl AgencyProgress {
    pub fn to_process(&self) -> i64 {
        self.carried_over + self.received
    }

    pub fn resolved(&self) -> i64 {
        self.early + self.on_time + self.late
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
    let counters: Vec<Counters> = on_db!(&database.readers, pool => sqlx::query_as(COUNTERS)
        .bind(period.first_month).bind(period.last_month).bind(scope).bind(agency)
        .fetch_all(pool).await)?;
    let open: Vec<Open> = on_db!(&database.readers, pool => sqlx::query_as(OPEN)
        .bind(period.end).bind(scope).bind(agency)
        .fetch_all(pool).await)?;
    let mut rows: BTreeMap<Uuid, AgencyProgress> = BTreeMap::new();
    for counted in counters {
        let agency_id = counted.agency_id;
        rows.insert(
            agency_id,
            AgencyProgress {
                agency_id,
                carried_over: counted.carried_over,
                received: counted.received,
                received_online: counted.received_online,
                received_post: counted.received_post,
                refused: counted.refused,
                withdrawn: counted.withdrawn,
                early: counted.early,
                on_time: counted.on_time,
                late: counted.late,
                ..AgencyProgress::default()
            },
        );
    }
    for open in open {
        let row = rows.entry(open.agency_id).or_default();
        row.agency_id = open.agency_id;
        (row.not_due, row.overdue, row.paused) = (open.not_due, open.overdue, open.paused);
    }
    Ok(rows.into_values().collect())
}
