//! What is asked of the board: how many of each class, in groups; and which.

use domain::access::Scope;
use infrastructure::db::Database;
use uuid::Uuid;

use super::{FOR_EVER, Fact, State};
use crate::dossier_summary::seen_now;
use crate::interval::{OPEN, nodes_over};
use crate::statement::Statement;

/// When the rows that are meant were valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The rows without an end.
    Now,
    /// Business time, by what is known now.
    At(i64),
    /// Business time, by what was known at an instant, which is not before it. Reads the whole table.
    Known { at: i64, known: i64 },
}

/// The instants that a board is asked with, as microseconds.
#[derive(Clone, Copy, Debug)]
pub struct AsOf {
    pub moment: Moment,
    /// What due instants are compared with.
    pub at: i64,
    pub day_end: i64,
    /// The end of "soon"; that of the day where nothing is soon.
    pub soon_end: i64,
}

/// Whose dossiers are meant. Every part is optional.
#[derive(Clone, Debug)]
pub struct Within {
    /// The caller's.
    pub scope: Scope,
    pub agency: Option<AgencyPart>,
    pub procedure: Option<Uuid>,
    /// Lĩnh vực, as the catalogue of procedures has it.
    pub field: Option<String>,
}

impl Within {
    /// All of a scope.
    pub fn of(scope: Scope) -> Self {
        Self { scope, agency: None, procedure: None, field: None }
    }
}

/// An agency, alone or with those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgencyPart {
    pub agency: Uuid,
    /// With all that are below it on a day ([`crate::agency_directory::day_number`]).
    pub subordinates_on: Option<i64>,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    Whole,
    CompetentAgency,
    HolderAgency,
    Procedure,
    /// The procedure and the task that was done last.
    Step,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Counts {
    pub overdue: i64,
    pub due_today: i64,
    pub due_soon: i64,
    pub on_time: i64,
    pub paused: i64,
    /// Online submissions that the office has not answered yet.
    pub intake_waiting: i64,
    /// Of these, beyond the working hours it has for it.
    pub intake_overdue: i64,
    /// The applicant has not brought in time what is waited for: to be reminded, and then for an officer to decide.
    pub unanswered: i64,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.overdue += other.overdue;
        self.due_today += other.due_today;
        self.due_soon += other.due_soon;
        self.on_time += other.on_time;
        self.paused += other.paused;
        self.intake_waiting += other.intake_waiting;
        self.intake_overdue += other.intake_overdue;
        self.unanswered += other.unanswered;
    }
}

/// Some dossiers that are counted together. What they are not grouped by is `None`.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Group {
    pub agency_id: Option<Uuid>,
    pub procedure_id: Option<Uuid>,
    pub step: Option<String>,
    #[sqlx(flatten)]
    pub counts: Counts,
}

/// What can be listed of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Overdue,
    DueToday,
    DueSoon,
    OnTime,
    Paused,
    IntakeWaiting,
    IntakeOverdue,
    Unanswered,
}

/// What is open in figures: received and neither resolved, stopped nor withdrawn, by what the law measures by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Its clock runs or stands still.
    All,
    Running,
    NotDue,
    Overdue,
    Paused,
}

/// A dossier on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Item {
    pub dossier_id: Uuid,
    /// [`FOR_EVER`] where nothing is promised.
    pub due_at: i64,
    /// Since when it has been in this state.
    pub from_at: i64,
}

impl Item {
    /// What is promised, if anything is.
    pub fn due(&self) -> Option<i64> {
        (self.due_at != FOR_EVER).then_some(self.due_at)
    }
}

/// A dossier of which something counts in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct FactItem {
    pub dossier_id: Uuid,
    /// When it happened.
    pub from_at: i64,
}

/// The rows that are valid at a moment.
pub(crate) fn valid(statement: &mut Statement, moment: Moment) {
    match moment {
        Moment::Now => {
            // As a literal: a place says nothing to the planner about a partial index.
            statement.push(&format!(" board.node = {OPEN}"));
        }
        Moment::At(at) => {
            let nodes = statement.bind_all(nodes_over(at));
            let at = statement.bind(at);
            statement.push(&format!(
                " board.node IN ({nodes}) AND {at} < board.until_at AND board.from_at <= {at}"
            ));
        }
        Moment::Known { at, known } => {
            let (at, known) = (statement.bind(at), statement.bind(known));
            statement.push(&format!(
                " board.state IN ('SUBMITTED', 'AWAITING', 'RUNNING', 'PAUSED')
                  AND board.from_at <= {at} AND ({at} < board.until_at OR {known} < board.until_known)
                  AND board.known_from <= {known} AND {known} < board.gone_known"
            ));
        }
    }
}

/// The rows of a dossier that may be seen and are asked for. Who takes in or decides a dossier sees it, then and now; who
/// merely held it for a while sees it on the board of that time only while it holds it still.
fn within(statement: &mut Statement, moment: Moment, within: &Within) {
    if let Some(scope) = statement.scope(&within.scope) {
        // Each column by itself, so that an index of each can be used.
        statement
            .push(&format!(" AND (board.competent_agency IN {scope} OR board.receiving_agency IN {scope}"));
        statement.push(&match moment {
            Moment::Now => format!(" OR board.holder_agency IN {scope})"),
            // One value and not EXISTS: a database that asks it for all dossiers at once reads the whole table.
            Moment::At(_) | Moment::Known { .. } => format!(
                " OR (board.holder_agency IN {scope} AND (
                      SELECT latest.holder_agency FROM deadline_board AS latest
                      WHERE latest.dossier_id = board.dossier_id
                        AND latest.until_at = {FOR_EVER} AND latest.gone_known = {FOR_EVER} LIMIT 1) IN {scope}))"
            ),
        });
    }
    if let Some(part) = &within.agency {
        let agencies = agencies(statement, part);
        statement.push(&format!(
            " AND (board.competent_agency IN {agencies} OR board.holder_agency IN {agencies})"
        ));
    }
    of_procedures(statement, "board.procedure_id", within);
}

/// A list of agencies for `IN`.
pub(crate) fn agencies(statement: &mut Statement, part: &AgencyPart) -> String {
    let agency = statement.bind(part.agency);
    match part.subordinates_on {
        None => format!("({agency})"),
        Some(day) => {
            let day = statement.bind(day);
            format!(
                "(WITH RECURSIVE part (id) AS (SELECT {agency} UNION
                    SELECT below.agency_id FROM agency_directory AS below JOIN part ON below.parent_id = part.id
                    WHERE below.from_day <= {day} AND {day} < below.until_day)
                  SELECT id FROM part)"
            )
        }
    }
}

/// Narrows rows to a procedure, or to those of a field.
pub(crate) fn of_procedures(statement: &mut Statement, column: &str, within: &Within) {
    if let Some(procedure) = within.procedure {
        let procedure = statement.bind(procedure);
        statement.push(&format!(" AND {column} = {procedure}"));
    }
    if let Some(field) = &within.field {
        let field = statement.bind(field.clone());
        statement.push(&format!(
            " AND {column} IN (SELECT catalogue.procedure_id FROM procedure_catalogue AS catalogue
                               WHERE catalogue.field = {field})"
        ));
    }
}

pub async fn counts(
    database: &Database,
    as_of: AsOf,
    group_by: GroupBy,
    part: &Within,
) -> sqlx::Result<Vec<Group>> {
    let (agency, procedure, step) = match group_by {
        GroupBy::Whole => (None, None, None),
        GroupBy::CompetentAgency => (Some("competent_agency"), None, None),
        GroupBy::HolderAgency => (Some("holder_agency"), None, None),
        GroupBy::Procedure => (None, Some("procedure_id"), None),
        GroupBy::Step => (None, Some("procedure_id"), Some("step")),
    };
    let none = "CAST(NULL AS UUID)";
    let columns = format!(
        "{} AS agency_id, {} AS procedure_id, {} AS step",
        agency.unwrap_or(none),
        procedure.unwrap_or(none),
        step.unwrap_or("CAST(NULL AS TEXT)")
    );
    let by: Vec<&str> = [agency, procedure, step].into_iter().flatten().collect();
    let groups = if by.is_empty() { String::new() } else { format!(" GROUP BY {}", by.join(", ")) };
    let mut statement = Statement::default();
    let (at, day_end) = (statement.bind(as_of.at), statement.bind(as_of.day_end.max(as_of.at)));
    let soon_end = statement.bind(as_of.soon_end.max(as_of.day_end).max(as_of.at));
    let before = |column: &str, instant: &str| format!("COUNT(CASE WHEN {column} < {instant} THEN 1 END)");
    statement.push(
        "SELECT agency_id, procedure_id, step,
                CAST(SUM(overdue) AS BIGINT) AS overdue,
                CAST(SUM(until_today) - SUM(overdue) AS BIGINT) AS due_today,
                CAST(SUM(until_soon) - SUM(until_today) AS BIGINT) AS due_soon,
                CAST(SUM(running) - SUM(until_soon) AS BIGINT) AS on_time,
                CAST(SUM(paused) AS BIGINT) AS paused,
                CAST(SUM(intake_waiting) AS BIGINT) AS intake_waiting,
                CAST(SUM(intake_overdue) AS BIGINT) AS intake_overdue,
                CAST(SUM(unanswered) AS BIGINT) AS unanswered FROM (",
    );
    let zero = || "0".to_owned();
    let waits = || before("wait_until", &at);
    let all = || "COUNT(*)".to_owned();
    // By state, so that only numbers are compared row by row.
    let parts = [
        (
            State::Running,
            [
                before("due_at", &at),
                before("due_at", &day_end),
                before("due_at", &soon_end),
                all(),
                zero(),
                zero(),
                zero(),
                zero(),
            ],
        ),
        (State::Paused, [zero(), zero(), zero(), zero(), all(), zero(), zero(), waits()]),
        (State::Submitted, [zero(), zero(), zero(), zero(), zero(), all(), waits(), zero()]),
        (State::Awaiting, [zero(), zero(), zero(), zero(), zero(), zero(), zero(), waits()]),
    ];
    let names = [
        "overdue",
        "until_today",
        "until_soon",
        "running",
        "paused",
        "intake_waiting",
        "intake_overdue",
        "unanswered",
    ];
    for (nth, (state, figures)) in parts.iter().enumerate() {
        let figures: Vec<String> =
            figures.iter().zip(names).map(|(figure, name)| format!("{figure} AS {name}")).collect();
        let union = if nth == 0 { "" } else { " UNION ALL " };
        statement.push(&format!(
            "{union}SELECT {columns}, {} FROM deadline_board AS board WHERE state = '{}' AND",
            figures.join(", "),
            state.name()
        ));
        valid(&mut statement, as_of.moment);
        within(&mut statement, as_of.moment, part);
        statement.push(&groups);
    }
    statement.push(") AS parts GROUP BY agency_id, procedure_id, step");
    statement.fetch_all(database).await
}

/// States, and a stretch of one kind of due instants.
struct Rows {
    states: &'static [State],
    due: &'static str,
    from: i64,
    before: i64,
}

impl Class {
    fn rows(self, as_of: AsOf) -> Rows {
        let AsOf { at, .. } = as_of;
        let day_end = as_of.day_end.max(at);
        let soon_end = as_of.soon_end.max(day_end);
        let running = |from, before| Rows { states: &[State::Running], due: "due_at", from, before };
        let waiting = |states, before| Rows { states, due: "wait_until", from: i64::MIN, before };
        match self {
            Self::Overdue => running(i64::MIN, at),
            Self::DueToday => running(at, day_end),
            Self::DueSoon => running(day_end, soon_end),
            Self::OnTime => running(soon_end, FOR_EVER),
            Self::Paused => Rows { states: &[State::Paused], ..running(i64::MIN, FOR_EVER) },
            Self::IntakeWaiting => waiting(&[State::Submitted], FOR_EVER),
            Self::IntakeOverdue => waiting(&[State::Submitted], at),
            Self::Unanswered => waiting(&[State::Awaiting, State::Paused], at),
        }
    }
}

impl Pending {
    fn rows(self, at: i64) -> Rows {
        let rows = |states, from, before| Rows { states, due: "legal_due_at", from, before };
        match self {
            Self::All => rows(&[State::Running, State::Paused], i64::MIN, FOR_EVER),
            Self::Running => rows(&[State::Running], i64::MIN, FOR_EVER),
            Self::NotDue => rows(&[State::Running], at, FOR_EVER),
            Self::Overdue => rows(&[State::Running], i64::MIN, at),
            Self::Paused => rows(&[State::Paused], i64::MIN, FOR_EVER),
        }
    }
}

/// Dossiers of one class that may be seen, the earliest due first.
pub async fn items(
    database: &Database,
    as_of: AsOf,
    class: Class,
    part: &Within,
    after: (i64, Uuid),
    limit: i64,
) -> sqlx::Result<Vec<Item>> {
    let narrow = |statement: &mut Statement| {
        within(statement, as_of.moment, part);
        if as_of.moment != Moment::Now {
            still_seen(statement, part);
        }
    };
    list(database, as_of.moment, &class.rows(as_of), narrow, after, limit).await
}

/// Open dossiers that count for agencies as the competent ones then, the earliest due first.
pub async fn pending(
    database: &Database,
    at: i64,
    class: Pending,
    part: &Within,
    after: (i64, Uuid),
    limit: i64,
) -> sqlx::Result<Vec<Item>> {
    let narrow = |statement: &mut Statement| {
        competent(statement, part);
        still_seen(statement, part);
    };
    list(database, Moment::At(at), &class.rows(at), narrow, after, limit).await
}

async fn list(
    database: &Database,
    moment: Moment,
    rows: &Rows,
    narrow: impl FnOnce(&mut Statement),
    after: (i64, Uuid),
    limit: i64,
) -> sqlx::Result<Vec<Item>> {
    let Rows { states, due, from, before } = *rows;
    let mut statement = Statement::default();
    let states = statement.bind_all(states.iter().map(|state| state.name()));
    statement.push(&format!(
        "SELECT dossier_id, {due} AS due_at, from_at FROM deadline_board AS board WHERE state IN ({states}) AND"
    ));
    valid(&mut statement, moment);
    if from != i64::MIN {
        let from = statement.bind(from);
        statement.push(&format!(" AND {due} >= {from}"));
    }
    // To the end of time means those without an appointment too.
    if before != FOR_EVER {
        let before = statement.bind(before);
        statement.push(&format!(" AND {due} < {before}"));
    }
    narrow(&mut statement);
    let (after_due, after_id, limit) =
        (statement.bind(after.0), statement.bind(after.1), statement.bind(limit));
    statement.push(&format!(
        " AND ({due}, dossier_id) > ({after_due}, {after_id}) ORDER BY {due}, dossier_id LIMIT {limit}"
    ));
    statement.fetch_all(database).await
}

/// Dossiers of which some facts count in a stretch of time for who was competent then, by what is known now: in the
/// order in which it happened.
pub async fn facts(
    database: &Database,
    facts: &[Fact],
    (from, until): (i64, i64),
    part: &Within,
    after: (i64, Uuid),
    limit: i64,
) -> sqlx::Result<Vec<FactItem>> {
    let mut statement = Statement::default();
    let facts = statement.bind_all(facts.iter().map(|fact| fact.name()));
    let (from, until) = (statement.bind(from), statement.bind(until));
    statement.push(&format!(
        "SELECT dossier_id, from_at FROM deadline_board AS board
         WHERE fact IN ({facts}) AND fact <> 'STEP' AND from_at >= {from} AND from_at < {until} AND gone_known = {FOR_EVER}"
    ));
    competent(&mut statement, part);
    still_seen(&mut statement, part);
    let (after_at, after_id, limit) =
        (statement.bind(after.0), statement.bind(after.1), statement.bind(limit));
    statement.push(&format!(
        " AND (from_at, dossier_id) > ({after_at}, {after_id}) ORDER BY from_at, dossier_id LIMIT {limit}"
    ));
    statement.fetch_all(database).await
}

/// What counted for an agency then counts for it for ever; which dossiers these were is told to who sees them now. They
/// may have gone to another successor.
fn still_seen(statement: &mut Statement, part: &Within) {
    if let Some(agencies) = statement.scope(&part.scope) {
        let seen = seen_now("board.dossier_id", &agencies);
        statement.push(&format!(" AND {seen}"));
    }
}

/// Narrows rows of the board to those that count for agencies as the competent ones.
pub(crate) fn competent(statement: &mut Statement, part: &Within) {
    if let Some(scope) = statement.scope(&part.scope) {
        statement.push(&format!(" AND board.competent_agency IN {scope}"));
    }
    if let Some(agency) = &part.agency {
        let agencies = agencies(statement, agency);
        statement.push(&format!(" AND board.competent_agency IN {agencies}"));
    }
    of_procedures(statement, "board.procedure_id", part);
}
