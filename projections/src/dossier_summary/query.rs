//! What is asked of the table of dossiers.

use domain::access::Scope;
use domain::dossier::{Channel, Stage};
use infrastructure::db::Database;
use infrastructure::on_db;
use uuid::Uuid;

use super::{DossierSummary, channel_name};
use crate::statement::Statement;

macro_rules! columns {
    () => {
        "dossier_id, code, stage, stage_before, procedure_id, procedure_version, supporting_agency, receiving_agency,
         competent_agency, holder_agency, holder_unit, assignee, held_before, transit_agency, consulted, channel,
         applicant_kind, applicant_name, subject, submitted_at, answer_by, received_at, due_at_original, legal_due_at,
         due_at, paused_since, supplements, extensions, approval, ended_at, outcome, returned_at, withdrawn_at,
         refused_at, stopped_at, announced, paper_files, result_files, financial_state, finance, import_source, activities, anomalies,
         stream_version, position"
    };
}

pub(crate) use columns;

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM dossier_summary WHERE dossier_id = $1");
const BY_CODE: &str = concat!("SELECT ", columns!(), " FROM dossier_summary WHERE code = $1");
// An array would be dialect-specific; a short list is repeated to fill the places.
const BY_IDS_CHUNK: usize = 10;
const BY_IDS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM dossier_summary WHERE dossier_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
);
const IMPORTED: &str = "
    SELECT COUNT(*) AS dossiers, CAST(COALESCE(SUM(stream_version), 0) AS BIGINT) AS events,
           CAST(COALESCE(SUM(activities), 0) AS BIGINT) AS activities, COUNT(ended_at) AS ended,
           COUNT(CASE WHEN ended_at IS NOT NULL AND (legal_due_at IS NULL OR ended_at <= legal_due_at) THEN 1 END) AS on_time,
           COUNT(CASE WHEN legal_due_at < ended_at THEN 1 END) AS late,
           CAST(COALESCE(SUM(anomalies), 0) AS BIGINT) AS anomalies
    FROM dossier_summary WHERE import_source = $1";

// $1 the agency; $2 among the consulted; $3 the dossier before; $4 how many. What is closed stays under the name it was closed under.
const OPEN_WITH: &str = "
    SELECT dossier_id FROM dossier_summary
    WHERE ($1 IN (receiving_agency, competent_agency, holder_agency, supporting_agency, transit_agency)
           OR consulted LIKE $2)
      AND stage NOT IN ('REFUSED', 'RETURNED', 'STOPPED', 'WITHDRAWN')
      AND dossier_id > $3
    ORDER BY dossier_id LIMIT $4";
// $1 the agency; $2, $3 a stretch of time; $4 how many.
const RECEIVED_IN: &str = "
    SELECT received_at, code, dossier_id FROM dossier_summary
    WHERE receiving_agency = $1 AND received_at >= $2 AND received_at < $3
    ORDER BY received_at, code LIMIT $4";

const CODES_LIKE: &str = "SELECT code FROM dossier_summary WHERE code LIKE $1 ESCAPE '\\' LIMIT $2";
/// More codes than that with one part: the part says little.
const CODES_MAX: i64 = 2_000;

pub(crate) const SQL: &[&str] = &[BY_ID, BY_CODE, BY_IDS, IMPORTED, OPEN_WITH, RECEIVED_IN, CODES_LIKE];

/// What to list. Every other part is optional.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The caller's.
    pub scope: Scope,
    /// In any role.
    pub agency: Option<Uuid>,
    pub stage: Option<Stage>,
    pub procedure: Option<Uuid>,
    pub channel: Option<Channel>,
    /// In code, procedure and agency; without regard to case and diacritics.
    pub search: Option<String>,
}

impl Filter {
    /// All of a scope.
    pub fn of(scope: Scope) -> Self {
        Self { scope, agency: None, stage: None, procedure: None, channel: None, search: None }
    }
}

/// What waits for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkList {
    /// In the hand of an officer of an agency.
    Assigned { agency: Uuid, officer: Uuid },
    /// In a unit of an agency, whoever has it there.
    Unit { agency: Uuid, unit: String },
    /// Anywhere in an agency.
    Held(Uuid),
    /// Before the receipt by an agency.
    Intake(Uuid),
    /// There is a result for an agency to hand out.
    ToReturn(Uuid),
    /// Sent to an agency, and not taken or sent back yet.
    Incoming(Uuid),
    /// An agency's opinion is waited for.
    Consulted(Uuid),
}

/// A place in the list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub submitted_at: i64,
    pub dossier_id: Uuid,
}

impl Cursor {
    /// Before the newest.
    pub const START: Self = Self { submitted_at: i64::MAX, dossier_id: Uuid::max() };
}

impl DossierSummary {
    pub fn cursor(&self) -> Cursor {
        Cursor { submitted_at: self.submitted_at, dossier_id: self.dossier_id }
    }
}

pub async fn by_id(database: &Database, id: Uuid) -> sqlx::Result<Option<DossierSummary>> {
    on_db!(&database.readers, pool => sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await)
}

pub async fn by_code(database: &Database, code: &str) -> sqlx::Result<Option<DossierSummary>> {
    on_db!(&database.readers, pool => sqlx::query_as(BY_CODE).bind(code).fetch_optional(pool).await)
}

/// Dossiers by their ids, in no particular order; a page's worth.
pub async fn by_ids(database: &Database, ids: &[Uuid]) -> sqlx::Result<Vec<DossierSummary>> {
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(BY_IDS_CHUNK) {
        let found: Vec<DossierSummary> = on_db!(&database.readers, pool => {
            let mut query = sqlx::query_as(BY_IDS);
            for id in chunk.iter().chain(std::iter::repeat(&chunk[0])).take(BY_IDS_CHUNK) {
                query = query.bind(id);
            }
            query.fetch_all(pool).await
        })?;
        rows.extend(found);
    }
    Ok(rows)
}

/// The agencies that may read its personal data.
const ANSWERING: [&str; 3] = ["receiving_agency", "competent_agency", "holder_agency"];

/// That an agency of a list has a part in a dossier. `table` names the table of dossiers, with its dot.
pub(crate) fn taking_part(table: &str, agencies: &str) -> String {
    let roles = ANSWERING.into_iter().chain(["supporting_agency", "transit_agency"]);
    format!(" AND {}", in_roles(roles, table, agencies))
}

/// That one takes it in, decides or holds it.
pub(crate) fn answering(table: &str, agencies: &str) -> String {
    format!(" AND {}", in_roles(ANSWERING, table, agencies))
}

fn in_roles(roles: impl IntoIterator<Item = &'static str>, table: &str, agencies: &str) -> String {
    let roles: Vec<String> = roles.into_iter().map(|role| format!("{table}{role} IN {agencies}")).collect();
    format!("({})", roles.join(" OR "))
}

/// That somebody sees, now, the dossier of a row of another table, whatever agency that row counts for.
pub(crate) fn seen_now(dossier_id: &str, agencies: &str) -> String {
    let has_part = taking_part("seen.", agencies);
    format!("EXISTS (SELECT 1 FROM dossier_summary AS seen WHERE seen.dossier_id = {dossier_id}{has_part})")
}

fn filtered(statement: &mut Statement, filter: &Filter) {
    // So that each part can begin with AND.
    statement.push(" FROM dossier_summary WHERE 1 = 1");
    if let Some(agencies) = statement.scope(&filter.scope) {
        statement.push(&taking_part("", &agencies));
    }
    if let Some(agency) = filter.agency {
        let agency = statement.bind(agency);
        statement.push(&taking_part("", &format!("({agency})")));
    }
    if let Some(stage) = filter.stage {
        let stage = statement.bind(stage.name());
        statement.push(&format!(" AND stage = {stage}"));
    }
    if let Some(procedure) = filter.procedure {
        let procedure = statement.bind(procedure);
        statement.push(&format!(" AND procedure_id = {procedure}"));
    }
    if let Some(channel) = filter.channel {
        let channel = statement.bind(channel_name(channel));
        statement.push(&format!(" AND channel = {channel}"));
    }
    if let Some(text) = &filter.search {
        let text = statement.bind(like(text));
        let agency = format!(
            "IN (SELECT a.agency_id FROM agency_directory a WHERE a.search_text LIKE {text} ESCAPE '\\')"
        );
        statement.push(&format!(
            " AND (LOWER(code) LIKE {text} ESCAPE '\\'
                   OR procedure_id IN (SELECT p.procedure_id FROM procedure_catalogue p
                                       WHERE p.search_text LIKE {text} ESCAPE '\\')
                   OR receiving_agency {agency} OR competent_agency {agency})"
        ));
    }
}

/// Dossiers after a cursor, newest first.
pub async fn page(
    database: &Database,
    filter: &Filter,
    after: Cursor,
    limit: i64,
) -> sqlx::Result<Vec<DossierSummary>> {
    let mut statement = Statement::default();
    statement.push(concat!("SELECT ", columns!()));
    filtered(&mut statement, filter);
    let (at, id, limit) =
        (statement.bind(after.submitted_at), statement.bind(after.dossier_id), statement.bind(limit));
    statement.push(&format!(
        " AND (submitted_at, dossier_id) < ({at}, {id}) ORDER BY submitted_at DESC, dossier_id DESC LIMIT {limit}"
    ));
    statement.fetch_all(database).await
}

pub async fn count(database: &Database, filter: &Filter) -> sqlx::Result<i64> {
    let mut statement = Statement::default();
    statement.push("SELECT COUNT(*)");
    filtered(&mut statement, filter);
    counted(statement, database).await
}

/// The one number that a statement counts.
async fn counted(statement: Statement, database: &Database) -> sqlx::Result<i64> {
    Ok(statement.fetch_all::<(i64,)>(database).await?.first().map_or(0, |(count,)| *count))
}

fn waiting(statement: &mut Statement, list: &WorkList, scope: &Scope) {
    statement.push(" FROM dossier_summary WHERE next_due IS NOT NULL AND ");
    let condition = match list {
        WorkList::Assigned { agency, officer } => {
            let (officer, agency) = (statement.bind(*officer), statement.bind(*agency));
            format!("assignee = {officer} AND holder_agency = {agency}")
        }
        WorkList::Unit { agency, unit } => {
            let (agency, unit) = (statement.bind(*agency), statement.bind(unit.clone()));
            format!("holder_agency = {agency} AND holder_unit = {unit}")
        }
        WorkList::Held(agency) => format!("holder_agency = {}", statement.bind(*agency)),
        WorkList::Intake(agency) => {
            let agency = statement.bind(*agency);
            format!("receiving_agency = {agency} AND stage IN ('SUBMITTED', 'AWAITING_INTAKE_SUPPLEMENT')")
        }
        WorkList::ToReturn(agency) => {
            format!("receiving_agency = {} AND stage = 'FINISHED'", statement.bind(*agency))
        }
        WorkList::Incoming(agency) => format!("transit_agency = {}", statement.bind(*agency)),
        WorkList::Consulted(agency) => {
            let agency = statement.bind(format!("%:{agency}%"));
            format!("consulted IS NOT NULL AND consulted LIKE {agency}")
        }
    };
    statement.push(&condition);
    if let Some(agencies) = statement.scope(scope) {
        statement.push(&taking_part("", &agencies));
    }
}

/// What waits and is in the scope, with when it is due next ([`i64::MAX`] where nobody says when): the earliest first.
pub async fn work_list(
    database: &Database,
    list: &WorkList,
    scope: &Scope,
    after: (i64, Uuid),
    limit: i64,
) -> sqlx::Result<Vec<Waiting>> {
    let mut statement = Statement::default();
    statement.push(concat!("SELECT next_due, ", columns!()));
    waiting(&mut statement, list, scope);
    let (due, id, limit) = (statement.bind(after.0), statement.bind(after.1), statement.bind(limit));
    statement.push(&format!(
        " AND (next_due, dossier_id) > ({due}, {id}) ORDER BY next_due, dossier_id LIMIT {limit}"
    ));
    statement.fetch_all(database).await
}

/// A dossier of a worklist.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Waiting {
    pub next_due: i64,
    #[sqlx(flatten)]
    pub summary: DossierSummary,
}

pub async fn count_waiting(database: &Database, list: &WorkList, scope: &Scope) -> sqlx::Result<i64> {
    let mut statement = Statement::default();
    statement.push("SELECT COUNT(*)");
    waiting(&mut statement, list, scope);
    counted(statement, database).await
}

/// What an import brought in, counted over its rows.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Imported {
    pub dossiers: i64,
    pub events: i64,
    pub activities: i64,
    pub ended: i64,
    pub on_time: i64,
    pub late: i64,
    pub anomalies: i64,
}

pub async fn imported(database: &Database, source: &str) -> sqlx::Result<Imported> {
    on_db!(&database.readers, pool => sqlx::query_as(IMPORTED).bind(source).fetch_one(pool).await)
}

/// A received dossier that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct OpenDossier {
    pub dossier_id: Uuid,
    pub code: String,
}

/// Open dossiers in which an agency has a part, in the order of their ids.
pub async fn open_with(
    database: &Database,
    agency: Uuid,
    after: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    on_db!(&database.readers, pool => sqlx::query_scalar(OPEN_WITH)
        .bind(agency).bind(format!("%:{agency}%")).bind(after).bind(limit).fetch_all(pool).await)
}

/// Open dossiers whose way from receipt to due instant touches a stretch of time, in the order of their ids.
pub async fn open_over(
    database: &Database,
    (from, until): (i64, i64),
    scope: &Scope,
    after: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<OpenDossier>> {
    let mut statement = Statement::default();
    let (from, until) = (statement.bind(from), statement.bind(until));
    statement.push(&format!(
        "SELECT dossier_id, code FROM dossier_summary
         WHERE received_at < {until} AND legal_due_at >= {from}
           AND ended_at IS NULL AND stopped_at IS NULL AND withdrawn_at IS NULL"
    ));
    if let Some(agencies) = statement.scope(scope) {
        statement.push(&taking_part("", &agencies));
    }
    let (after, limit) = (statement.bind(after), statement.bind(limit));
    statement.push(&format!(" AND dossier_id > {after} ORDER BY dossier_id LIMIT {limit}"));
    statement.fetch_all(database).await
}

/// Dossiers that an agency, or one whose place it has, received in a stretch of time: when, code and id, in this order.
pub async fn received_in(
    database: &Database,
    agency: Uuid,
    (from, until): (i64, i64),
    limit: i64,
) -> sqlx::Result<Vec<(i64, String, Uuid)>> {
    on_db!(&database.readers, pool => sqlx::query_as(RECEIVED_IN)
        .bind(agency).bind(from).bind(until).bind(limit).fetch_all(pool).await)
}

/// Dossiers whose code has a part, in the scope; newest first.
pub async fn with_part_of_code(
    database: &Database,
    part: &str,
    scope: &Scope,
    limit: i64,
) -> sqlx::Result<Vec<DossierSummary>> {
    let part = like(part).to_uppercase();
    // Codes alone are in their index: to go through them takes a fraction of going through the rows.
    let codes: Vec<String> = on_db!(&database.readers, pool => sqlx::query_scalar(CODES_LIKE)
        .bind(&part).bind(CODES_MAX + 1).fetch_all(pool).await)?;
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = Statement::default();
    statement.push(concat!("SELECT ", columns!(), " FROM dossier_summary WHERE "));
    if codes.len() as i64 <= CODES_MAX {
        let codes = statement.bind_all(codes);
        statement.push(&format!("code IN ({codes})"));
    } else {
        // Of so many a page of the newest is soon found.
        let part = statement.bind(part);
        statement.push(&format!("code LIKE {part} ESCAPE '\\'"));
    }
    if let Some(agencies) = statement.scope(scope) {
        statement.push(&taking_part("", &agencies));
    }
    let limit = statement.bind(limit);
    statement.push(&format!(" ORDER BY submitted_at DESC, dossier_id DESC LIMIT {limit}"));
    statement.fetch_all(database).await
}

/// The pattern that finds a text anywhere, folded as the search columns are.
pub fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in domain::text::fold(text).chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
