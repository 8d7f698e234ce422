//! How long tasks took: where dossiers wait.

use infrastructure::db::Database;
use uuid::Uuid;

use super::{FOR_EVER, State, Within, competent};
use crate::statement::Statement;

/// A stretch of the life of a dossier of which some task was done in a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Stretch {
    pub dossier_id: Uuid,
    pub from_at: i64,
    pub until_at: i64,
    #[sqlx(try_from = "String")]
    pub state: State,
    /// It began with the end of the task that is named in `step`.
    pub step_done: bool,
    pub step: Option<String>,
    pub competent_agency: Uuid,
}

/// A name that is no state of the board.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no state of the board")]
pub struct InvalidState(String);

impl TryFrom<String> for State {
    type Error = InvalidState;

    fn try_from(name: String) -> Result<Self, InvalidState> {
        Self::from_name(&name).ok_or(InvalidState(name))
    }
}

/// The lives, from the receipt on, of dossiers of a procedure of which some task was done in a stretch of time: in the
/// order in which they went, dossier by dossier. At most `limit` rows; one more says that there are more.
pub async fn lives(
    database: &Database,
    procedure: Uuid,
    (from, until): (i64, i64),
    part: &Within,
    limit: i64,
) -> sqlx::Result<Vec<Stretch>> {
    let mut statement = Statement::default();
    let (procedure, from, until) = (statement.bind(procedure), statement.bind(from), statement.bind(until));
    statement.push(&format!(
        "SELECT dossier_id, from_at, until_at, state, fact IS NOT NULL AND fact = 'STEP' AS step_done, step,
                competent_agency
         FROM deadline_board
         WHERE state IN ('RUNNING', 'PAUSED') AND gone_known = {FOR_EVER} AND dossier_id IN (
             SELECT dossier_id FROM deadline_board AS board
             WHERE fact = 'STEP' AND procedure_id = {procedure} AND from_at >= {from} AND from_at < {until}
               AND gone_known = {FOR_EVER}"
    ));
    competent(&mut statement, part);
    let limit = statement.bind(limit + 1);
    statement.push(&format!(") ORDER BY dossier_id, from_at, from_version LIMIT {limit}"));
    statement.fetch_all(database).await
}
