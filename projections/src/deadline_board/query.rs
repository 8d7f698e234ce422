//! What is asked of the board: how many of each class, in groups; and which.

use infrastructure::db::Database;
use uuid::Uuid;

use super::{FOR_EVER, Fact, State};
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
#[derive(Clone, Debug, Default)]
pub struct Within {
    /// The caller's scope; `None` is the whole province.
    pub scope: Option<Uuid>,
    pub agency: Option<AgencyPart>,
    pub procedure: Option<Uuid>,
    /// Lĩnh vực, as the catalogue of procedures has it.
    pub field: Option<String>,
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
    if let Some(scope) = within.scope {
        let scope = statement.bind(scope);
        statement.push(&format!(" AND ({scope} IN (board.competent_agency, board.receiving_agency)"));
        statement.push(&match moment {
            Moment::Now => format!(" OR {scope} = board.holder_agency)"),
            Moment::At(_) | Moment::Known { .. } => format!(
                " OR ({scope} = board.holder_agency AND EXISTS (
                      SELECT 1 FROM deadline_board AS latest WHERE latest.dossier_id = board.dossier_id
                         AND latest.until_at = {FOR_EVER} AND latest.gone_known = {FOR_EVER}
                         AND latest.holder_agency = {scope})))"
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
    let none = "CAST(NULL AS UUID)";
    let (agency, procedure, step, groups) = match group_by {
        GroupBy::Whole => (none, none, "CAST(NULL AS TEXT)", ""),
        GroupBy::CompetentAgency => {
            ("competent_agency", none, "CAST(NULL AS TEXT)", " GROUP BY competent_agency")
        }
        GroupBy::HolderAgency => ("holder_agency", none, "CAST(NULL AS TEXT)", " GROUP BY holder_agency"),
        GroupBy::Procedure => (none, "procedure_id", "CAST(NULL AS TEXT)", " GROUP BY procedure_id"),
        GroupBy::Step => (none, "procedure_id", "step", " GROUP BY procedure_id, step"),
    };
    let mut statement = Statement::default();
    let (at, day_end) = (statement.bind(as_of.at), statement.bind(as_of.day_end.max(as_of.at)));
    let soon_end = statement.bind(as_of.soon_end.max(as_of.day_end).max(as_of.at));
    statement.push(&format!(
        "SELECT {agency} AS agency_id, {procedure} AS procedure_id, {step} AS step,
                COUNT(CASE WHEN state = 'RUNNING' AND due_at < {at} THEN 1 END) AS overdue,
                COUNT(CASE WHEN state = 'RUNNING' AND due_at >= {at} AND due_at < {day_end} THEN 1 END) AS due_today,
                COUNT(CASE WHEN state = 'RUNNING' AND due_at >= {day_end} AND due_at < {soon_end} THEN 1 END)
                    AS due_soon,
                COUNT(CASE WHEN state = 'RUNNING' AND due_at >= {soon_end} THEN 1 END) AS on_time,
                COUNT(CASE WHEN state = 'PAUSED' THEN 1 END) AS paused,
                COUNT(CASE WHEN state = 'SUBMITTED' THEN 1 END) AS intake_waiting,
                COUNT(CASE WHEN state = 'SUBMITTED' AND wait_until < {at} THEN 1 END) AS intake_overdue,
                COUNT(CASE WHEN state IN ('AWAITING', 'PAUSED') AND wait_until < {at} THEN 1 END) AS unanswered
         FROM deadline_board AS board WHERE"
    ));
    valid(&mut statement, as_of.moment);
    within(&mut statement, as_of.moment, part);
    statement.push(groups);
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
    let narrow = |statement: &mut Statement| within(statement, as_of.moment, part);
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
    let narrow = |statement: &mut Statement| competent(statement, part);
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
    let (after_at, after_id, limit) =
        (statement.bind(after.0), statement.bind(after.1), statement.bind(limit));
    statement.push(&format!(
        " AND (from_at, dossier_id) > ({after_at}, {after_id}) ORDER BY from_at, dossier_id LIMIT {limit}"
    ));
    statement.fetch_all(database).await
}

/// Narrows rows of the board to those that count for agencies as the competent ones.
pub(crate) fn competent(statement: &mut Statement, part: &Within) {
    if let Some(scope) = part.scope {
        let scope = statement.bind(scope);
        statement.push(&format!(" AND board.competent_agency = {scope}"));
    }
    if let Some(agency) = &part.agency {
        let agencies = agencies(statement, agency);
        statement.push(&format!(" AND board.competent_agency IN {agencies}"));
    }
    of_procedures(statement, "board.procedure_id", part);
}
