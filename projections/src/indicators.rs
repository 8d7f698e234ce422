//! What QĐ 766/QĐ-TTg measures: the dossiers received in a stretch of time, as they stood at its end.

use domain::dossier::{Channel, Measure};
use infrastructure::db::Database;
use infrastructure::event_store::instant;
use uuid::Uuid;

use crate::deadline_board::{FOR_EVER, Fact, State, Within, competent};
use crate::dossier_summary::{FinanceText, channel_from_name, seen_now};
use crate::statement::Statement;

/// A dossier that was received in the stretch of time.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Received {
    pub dossier_id: Uuid,
    pub received_at: i64,
    channel: String,
    /// At the end, and since when.
    #[sqlx(try_from = "String")]
    pub state: State,
    since: i64,
    fact: Option<String>,
    legal_due_at: i64,
    supplements: i64,
    /// These by what is known now.
    #[sqlx(try_from = "String")]
    pub finance: FinanceText,
    pub paper_files: i64,
    pub result_files: i64,
    /// By the end, with its receipt.
    pub portal_has_it: bool,
    /// The dossier behind it is in the scope now; what it counts for does not depend on that.
    pub is_seen: bool,
}

impl Received {
    pub fn is_online(&self) -> bool {
        channel_from_name(&self.channel) == Some(Channel::Online)
    }

    /// When processing ended with a result, if it has.
    pub fn resolved_at(&self) -> Option<i64> {
        (self.state == State::Ended).then_some(self.since)
    }

    /// What the rule of indicator 2.1 looks at.
    pub fn measure(&self) -> Measure {
        let since = instant(self.since);
        let is_over = matches!(self.state, State::Ended | State::Stopped | State::Withdrawn);
        let waits = self.fact.as_deref() == Some(Fact::SupplementRequested.name());
        Measure {
            due_at: (self.legal_due_at != FOR_EVER).then(|| instant(self.legal_due_at)),
            ended_at: is_over.then_some(since),
            waiting_since: waits.then_some(since),
            supplements: u32::try_from(self.supplements).unwrap_or(u32::MAX),
        }
    }
}

/// A stretch in which the clock of such a dossier ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Run {
    pub dossier_id: Uuid,
    pub from_at: i64,
    pub until_at: i64,
}

fn received_in(statement: &mut Statement, (start, end): (i64, i64), part: &Within) {
    let (start, end) = (statement.bind(start), statement.bind(end));
    statement.push(&format!(
        " board.fact = 'RECEIVED' AND board.fact <> 'STEP' AND board.from_at BETWEEN {start} AND {end}
          AND board.gone_known = {FOR_EVER}"
    ));
    competent(statement, part);
}

/// Those received from an instant to another, both included, as of the second; in the order of their receipt. At most
/// `limit` rows; one more says that there are more.
pub async fn received(
    database: &Database,
    (start, end): (i64, i64),
    part: &Within,
    limit: i64,
) -> sqlx::Result<Vec<Received>> {
    let mut statement = Statement::default();
    let at = statement.bind(end);
    let seen = statement.scope(&part.scope).map(|agencies| seen_now("board.dossier_id", &agencies));
    let seen = seen.as_deref().unwrap_or("TRUE");
    statement.push(&format!(
        "SELECT board.dossier_id, board.from_at AS received_at, board.channel, latest.state, latest.from_at AS since,
                latest.fact, latest.legal_due_at,
                (SELECT COUNT(*) FROM deadline_board AS asked
                 WHERE asked.dossier_id = board.dossier_id AND asked.fact = 'SUPPLEMENT_REQUESTED'
                   AND asked.from_at <= {at} AND asked.gone_known = {FOR_EVER}) AS supplements,
                summary.finance, summary.paper_files, summary.result_files,
                EXISTS (SELECT 1 FROM portal_acknowledgement AS portal
                        WHERE portal.dossier_id = board.dossier_id AND board.from_version <= portal.up_to
                          AND portal.acknowledged_at <= {at}) AS portal_has_it,
                {seen} AS is_seen
         FROM deadline_board AS board
         JOIN deadline_board AS latest ON latest.dossier_id = board.dossier_id AND latest.gone_known = {FOR_EVER}
              AND latest.from_at <= {at} AND {at} < latest.until_at
         JOIN dossier_summary AS summary ON summary.dossier_id = board.dossier_id
         WHERE"
    ));
    received_in(&mut statement, (start, end), part);
    let limit = statement.bind(limit + 1);
    statement.push(&format!(" ORDER BY board.from_at, board.dossier_id LIMIT {limit}"));
    statement.fetch_all(database).await
}

/// The stretches in which the clocks of those ran.
pub async fn runs(database: &Database, (start, end): (i64, i64), part: &Within) -> sqlx::Result<Vec<Run>> {
    let mut statement = Statement::default();
    statement.push(&format!(
        "SELECT run.dossier_id, run.from_at, run.until_at
         FROM deadline_board AS board
         JOIN deadline_board AS run ON run.dossier_id = board.dossier_id AND run.gone_known = {FOR_EVER}
              AND run.state = 'RUNNING'
         WHERE"
    ));
    received_in(&mut statement, (start, end), part);
    statement.fetch_all(database).await
}
