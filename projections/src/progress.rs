//! Figures over a stretch of days, as of its end: what was carried over, came in, was resolved and is pending, for the
//! agency that was competent then. The identities of DOMAIN 4.1 hold by construction for live dossiers:
//! carried over + received + taken over - passed on = to process; resolved = early + on time + late;
//! pending = not due + overdue.

use chrono::{Datelike, Months, NaiveDate};
use domain::dossier::Share;
use domain::time::day_start;
use infrastructure::db::Database;
use infrastructure::event_store::micros;
use uuid::Uuid;

use crate::deadline_board::{FIGURES, FOR_EVER, Moment, Within, agencies, competent, of_procedures, valid};
use crate::statement::Statement;

/// `year * 12 + month - 1`.
pub fn month_number(day: NaiveDate) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month0())
}

/// Days from and to, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    pub from: NaiveDate,
    pub to: NaiveDate,
}

/// Whole months, ends included, and the days before and after them.
#[derive(Debug)]
struct Stretches {
    months: Option<(i64, i64)>,
    days: Vec<DayRange>,
}

impl DayRange {
    fn stretches(self) -> Stretches {
        let Self { from, to } = self;
        let only_days = Stretches { months: None, days: vec![self] };
        // The first days of whole months.
        let first_month = if from.day() == 1 { Some(from) } else { next_month(from) };
        let after_last = to.succ_opt().and_then(|next| next.with_day(1));
        let (Some(first_month), Some(after_last)) = (first_month, after_last) else { return only_days };
        if after_last <= first_month {
            return only_days;
        }
        let before = first_month.pred_opt().filter(|last| from <= *last).map(|to| Self { from, to });
        let after = (after_last <= to).then_some(Self { from: after_last, to });
        Stretches {
            months: Some((month_number(first_month), month_number(after_last) - 1)),
            days: before.into_iter().chain(after).collect(),
        }
    }

    /// From the beginning of the first day to before the end of the last.
    fn instants(self) -> (i64, i64) {
        let after = self.to.succ_opt().map_or(i64::MAX, |next| micros(day_start(next)));
        (micros(day_start(self.from)), after)
    }
}

/// The first day of the month after.
fn next_month(day: NaiveDate) -> Option<NaiveDate> {
    day.with_day(1)?.checked_add_months(Months::new(1))
}

/// What figures are added up by; by neither, there is one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SplitBy {
    pub agency: bool,
    pub procedure: bool,
}

/// Figures of an agency, a procedure, or one in the other. What they are not split by is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Progress {
    pub agency_id: Option<Uuid>,
    pub procedure_id: Option<Uuid>,
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
    #[sqlx(rename = "ended_early")]
    pub early: i64,
    #[sqlx(rename = "ended_on_time")]
    pub on_time: i64,
    #[sqlx(rename = "ended_late")]
    pub late: i64,
    pub not_due: i64,
    pub overdue: i64,
    pub paused: i64,
}

impl Progress {
    /// Adds the figures of others.
    pub fn add(&mut self, other: &Self) {
        self.carried_over += other.carried_over;
        self.received += other.received;
        self.received_online += other.received_online;
        self.received_post += other.received_post;
        self.refused += other.refused;
        self.withdrawn += other.withdrawn;
        self.stopped += other.stopped;
        self.taken_over += other.taken_over;
        self.passed_on += other.passed_on;
        self.early += other.early;
        self.on_time += other.on_time;
        self.late += other.late;
        self.not_due += other.not_due;
        self.overdue += other.overdue;
        self.paused += other.paused;
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

/// A stretch of days with the instants that belong to it, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub days: DayRange,
    /// The beginning of the first day.
    pub start: i64,
    /// The last instant that the figures hold for: the end of the last day, or now while it lasts.
    pub end: i64,
    /// Business time alone, or as it was known at an instant that is not before the end.
    pub known: Option<i64>,
}

/// The figures, in no particular order; where nothing at all is to be counted there is no row.
pub async fn progress(
    database: &Database,
    period: Period,
    split: SplitBy,
    part: &Within,
) -> sqlx::Result<Vec<Progress>> {
    let moment = |at| match period.known {
        None => Moment::At(at),
        Some(known) => Moment::Known { at, known },
    };
    let column = |is_split: bool, column: &'static str| if is_split { column } else { "CAST(NULL AS UUID)" };
    let (agency, procedure) = (column(split.agency, "agency_id"), column(split.procedure, "procedure_id"));
    let mut statement = Statement::default();
    let sums: Vec<String> = ["carried_over", "not_due", "overdue", "paused"]
        .into_iter()
        .chain(FIGURES)
        .map(|figure| format!("CAST(SUM({figure}) AS BIGINT) AS {figure}"))
        .collect();
    // One statement, so that all of it is of one moment: what happens in between would make the identities fail.
    statement.push(&format!(
        "SELECT {agency} AS agency_id, {procedure} AS procedure_id, {} FROM (",
        sums.join(", ")
    ));
    open_before(&mut statement, moment(period.start - 1), part);
    statement.push(" UNION ALL ");
    open_at_the_end(&mut statement, moment(period.end), period.end, part);
    let Stretches { months, days } = match period.known {
        None => period.days.stretches(),
        // The counters are of what is known now.
        Some(_) => Stretches { months: None, days: vec![period.days] },
    };
    if let Some(months) = months {
        statement.push(" UNION ALL ");
        counters(&mut statement, months, part);
    }
    for days in days {
        for passed_on in [false, true] {
            statement.push(" UNION ALL ");
            facts(&mut statement, days.instants(), period.known, passed_on, part);
        }
    }
    statement.push(") AS parts");
    let by: Vec<&str> = [(split.agency, "agency_id"), (split.procedure, "procedure_id")]
        .into_iter()
        .filter_map(|(is_split, column)| is_split.then_some(column))
        .collect();
    if by.is_empty() {
        statement.push(" HAVING COUNT(*) > 0");
    } else {
        statement.push(&format!(" GROUP BY {}", by.join(", ")));
    }
    statement.fetch_all(database).await
}

/// Columns of the parts that are added up.
const NO_FIGURES: &str = "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0";

fn open_before(statement: &mut Statement, moment: Moment, part: &Within) {
    let names = FIGURES.map(|figure| format!("0 AS {figure}")).join(", ");
    statement.push(&format!(
        "SELECT competent_agency AS agency_id, procedure_id, 1 AS carried_over, 0 AS not_due, 0 AS overdue,
                0 AS paused, {names}
         FROM deadline_board AS board WHERE state IN ('RUNNING', 'PAUSED') AND"
    ));
    valid(statement, moment);
    competent(statement, part);
}

fn open_at_the_end(statement: &mut Statement, moment: Moment, end: i64, part: &Within) {
    let end = statement.bind(end);
    statement.push(&format!(
        "SELECT competent_agency, procedure_id, 0,
                CASE WHEN state = 'RUNNING' AND legal_due_at >= {end} THEN 1 ELSE 0 END,
                CASE WHEN state = 'RUNNING' AND legal_due_at < {end} THEN 1 ELSE 0 END,
                CASE WHEN state = 'PAUSED' THEN 1 ELSE 0 END, {NO_FIGURES}
         FROM deadline_board AS board WHERE state IN ('RUNNING', 'PAUSED') AND"
    ));
    valid(statement, moment);
    competent(statement, part);
}

fn counters(statement: &mut Statement, (first, last): (i64, i64), part: &Within) {
    let (first, last) = (statement.bind(first), statement.bind(last));
    statement.push(&format!(
        "SELECT agency_id, procedure_id, 0, 0, 0, 0, {} FROM progress_counter
         WHERE month BETWEEN {first} AND {last}",
        FIGURES.join(", ")
    ));
    if let Some(scope) = statement.scope(&part.scope) {
        statement.push(&format!(" AND agency_id IN {scope}"));
    }
    if let Some(agency) = &part.agency {
        let agencies = agencies(statement, agency);
        statement.push(&format!(" AND agency_id IN {agencies}"));
    }
    of_procedures(statement, "procedure_id", part);
}

/// What counters would be of some days, or when less was known: counted from the rows themselves.
fn facts(
    statement: &mut Statement,
    (from, until): (i64, i64),
    known: Option<i64>,
    passed_on: bool,
    part: &Within,
) {
    let fact = |name: &str| format!("CASE WHEN fact = '{name}' THEN 1 ELSE 0 END");
    let received_by =
        |channel: &str| format!("CASE WHEN fact = 'RECEIVED' AND channel = '{channel}' THEN 1 ELSE 0 END");
    let figures = [
        fact("RECEIVED"),
        received_by("ONLINE"),
        received_by("POST"),
        fact("REFUSED"),
        fact("WITHDRAWN"),
        fact("STOPPED"),
        fact("CARRIED_OVER"),
        "0".to_owned(),
        fact("ENDED_EARLY"),
        fact("ENDED_ON_TIME"),
        fact("ENDED_LATE"),
    ];
    let (agency, figures, counted) = if passed_on {
        ("carried_from", "0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0".to_owned(), "'CARRIED_OVER'")
    } else {
        let counted =
            "'RECEIVED', 'REFUSED', 'WITHDRAWN', 'STOPPED', 'CARRIED_OVER', 'ENDED_EARLY', 'ENDED_ON_TIME',
                       'ENDED_LATE'";
        ("competent_agency", figures.join(", "), counted)
    };
    let (from, until) = (statement.bind(from), statement.bind(until));
    statement.push(&format!(
        "SELECT {agency}, procedure_id, 0, 0, 0, 0, {figures} FROM deadline_board AS board
         WHERE fact IN ({counted}) AND fact <> 'STEP' AND {from} <= from_at AND from_at < {until}"
    ));
    match known {
        None => statement.push(&format!(" AND gone_known = {FOR_EVER}")),
        Some(known) => {
            let known = statement.bind(known);
            statement.push(&format!(" AND known_from <= {known} AND {known} < gone_known"));
        }
    }
    if let Some(scope) = statement.scope(&part.scope) {
        statement.push(&format!(" AND {agency} IN {scope}"));
    }
    if let Some(part) = &part.agency {
        let agencies = agencies(statement, part);
        statement.push(&format!(" AND {agency} IN {agencies}"));
    }
    of_procedures(statement, "procedure_id", part);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stretches_cover_every_day_once(from in 736_000_i32..739_000, length in 0_i32..900) {
            let day = |number| NaiveDate::from_num_days_from_ce_opt(number).unwrap();
            let (from, to) = (day(from), day(from + length));
            let Stretches { months, days } = DayRange { from, to }.stretches();
            for number in from.num_days_from_ce() - 40..=to.num_days_from_ce() + 40 {
                let on = day(number);
                let in_months =
                    months.iter().filter(|(first, last)| (*first..=*last).contains(&month_number(on))).count();
                let in_days = days.iter().filter(|range| (range.from..=range.to).contains(&on)).count();
                prop_assert_eq!(in_months + in_days, usize::from((from..=to).contains(&on)), "{}", on);
            }
            let single: i64 = days.iter().map(|range| (range.to - range.from).num_days() + 1).sum();
            prop_assert!(single <= 60, "{single} single days");
        }
    }
}
