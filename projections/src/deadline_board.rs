//! Deadline board: what the clock of each dossier was like, from when until when. One row per dossier is valid at any
//! instant after receipt, so the board as of any instant is one query. Overdue is never stored: it is asked.

use domain::dossier::Event as Dossier;
use domain::recorded::{Event, Recorded};
use infrastructure::db::Database;
use infrastructure::event_store::micros;
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, ReadModel, stream_id};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

/// The end of the time that has none yet.
pub const FOR_EVER: i64 = i64::MAX;

#[derive(Clone, Debug, PartialEq)]
pub struct DeadlineBoard {
    pub dossier_id: Uuid,
    /// Version of the event that opened this row.
    pub from_version: i64,
    pub from_at: i64,
    pub until_at: i64,
    pub state: State,
    pub due_at: Option<i64>,
    pub competent_agency: Uuid,
    pub holder_agency: Uuid,
    pub receiving_agency: Uuid,
}

/// `Submitted` rows are there before receipt, to carry the agencies; they never show on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Submitted,
    Running,
    Paused,
    Ended,
    Withdrawn,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Ended => "ENDED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Submitted, Self::Running, Self::Paused, Self::Ended, Self::Withdrawn]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

impl DeadlineBoard {
    /// The row after this one, from an event on.
    fn next(&self, recorded: &Recorded) -> Option<Self> {
        let Event::Dossier(event) = &recorded.event else { return None };
        let next = match event {
            Dossier::Submitted(_)
            | Dossier::IntakeSupplementRequested(_)
            | Dossier::IntakeSupplementReceived(_)
            | Dossier::Refused(_)
            | Dossier::StepCompleted(_)
            | Dossier::ResultReturned(_) => return None,
            Dossier::Received(received) => Self {
                state: State::Running,
                due_at: received.due_at.map(micros),
                holder_agency: received.holder.agency.0,
                ..self.clone()
            },
            Dossier::Forwarded(forwarded) if forwarded.to.agency.0 == self.holder_agency => return None,
            Dossier::Forwarded(forwarded) => Self { holder_agency: forwarded.to.agency.0, ..self.clone() },
            Dossier::SupplementRequested(_) => Self { state: State::Paused, ..self.clone() },
            Dossier::SupplementReceived(received) => {
                Self { state: State::Running, due_at: received.due_at.map(micros), ..self.clone() }
            }
            Dossier::ProcessingFinished(_) => Self { state: State::Ended, ..self.clone() },
            Dossier::Withdrawn(_) => Self { state: State::Withdrawn, ..self.clone() },
        };
        Some(Self {
            from_version: recorded.version.0,
            from_at: micros(recorded.occurred_at),
            until_at: FOR_EVER,
            ..next
        })
    }
}

impl ReadModel for DeadlineBoard {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "deadline_board",
        key: &[uuid("dossier_id"), int("from_version")],
        values: &[
            int("from_at"),
            int("until_at"),
            text("state"),
            int("due_at"),
            uuid("competent_agency"),
            uuid("holder_agency"),
            uuid("receiving_agency"),
        ],
    };

    fn partition(recorded: &Recorded) -> Option<Uuid> {
        let Event::Dossier(event) = &recorded.event else { return None };
        match event {
            Dossier::Submitted(_)
            | Dossier::Received(_)
            | Dossier::Forwarded(_)
            | Dossier::SupplementRequested(_)
            | Dossier::SupplementReceived(_)
            | Dossier::ProcessingFinished(_)
            | Dossier::Withdrawn(_) => stream_id(&recorded.stream, "dossier"),
            Dossier::IntakeSupplementRequested(_)
            | Dossier::IntakeSupplementReceived(_)
            | Dossier::Refused(_)
            | Dossier::StepCompleted(_)
            | Dossier::ResultReturned(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, recorded: &Recorded) -> Result<(), FoldError> {
        let Event::Dossier(event) = &recorded.event else { return Ok(()) };
        if let Some(current) = rows.iter_mut().max_by_key(|row| row.from_version) {
            if let Some(next) = current.next(recorded) {
                current.until_at = next.from_at;
                rows.push(next);
            }
            return Ok(());
        }
        let (Dossier::Submitted(submitted), Some(dossier_id)) = (event, Self::partition(recorded)) else {
            return Err(FoldError { event: recorded.event.type_name(), of: "dossier" });
        };
        rows.push(Self {
            dossier_id,
            from_version: recorded.version.0,
            from_at: micros(recorded.occurred_at),
            until_at: FOR_EVER,
            state: State::Submitted,
            due_at: None,
            competent_agency: submitted.agencies.competent.0,
            holder_agency: submitted.agencies.receiving.0,
            receiving_agency: submitted.agencies.receiving.0,
        });
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell> {
        vec![
            self.dossier_id.into(),
            self.from_version.into(),
            self.from_at.into(),
            self.until_at.into(),
            self.state.name().into(),
            self.due_at.into(),
            self.competent_agency.into(),
            self.holder_agency.into(),
            self.receiving_agency.into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            dossier_id: cells.uuid()?,
            from_version: cells.int()?,
            from_at: cells.int()?,
            until_at: cells.int()?,
            state: State::from_name(&cells.text()?).ok_or(WrongCell)?,
            due_at: cells.int_or_null()?,
            competent_agency: cells.uuid()?,
            holder_agency: cells.uuid()?,
            receiving_agency: cells.uuid()?,
        })
    }
}

// Scope: who takes in or decides a dossier sees it, then and now; who merely held it for a while sees it on the board of
// that time only while it holds it still. An imported dossier that ended before it started has an empty running row and
// so is never open.
//
// $1 as of; $2 end of that local day; $3 end of "soon"; $4 scope; $5 agency.
const COUNTS: &str = "
    SELECT COUNT(CASE WHEN state = 'RUNNING' AND due_at < $1 THEN 1 END) AS overdue,
           COUNT(CASE WHEN state = 'RUNNING' AND due_at >= $1 AND due_at < $2 THEN 1 END) AS due_today,
           COUNT(CASE WHEN state = 'RUNNING' AND due_at >= $1 AND due_at >= $2 AND due_at < $3 THEN 1 END) AS due_soon,
           COUNT(CASE WHEN state = 'RUNNING' AND (due_at IS NULL OR (due_at >= $2 AND due_at >= $3)) THEN 1 END)
               AS on_time,
           COUNT(CASE WHEN state = 'PAUSED' THEN 1 END) AS paused,
           COUNT(CASE WHEN state = 'ENDED' AND (due_at IS NULL OR from_at <= due_at) THEN 1 END) AS ended_on_time,
           COUNT(CASE WHEN state = 'ENDED' AND due_at < from_at THEN 1 END) AS ended_late
    FROM deadline_board AS board
    WHERE state IN ('RUNNING', 'PAUSED', 'ENDED') AND from_at <= $1 AND $1 < until_at
      AND (CAST($4 AS UUID) IS NULL OR $4 IN (competent_agency, receiving_agency) OR ($4 = holder_agency AND EXISTS (
          SELECT 1 FROM deadline_board AS latest WHERE latest.dossier_id = board.dossier_id
             AND latest.until_at = 9223372036854775807 AND latest.holder_agency = $4)))
      AND (CAST($5 AS UUID) IS NULL OR $5 IN (competent_agency, holder_agency))";

// $1 as of; $2, $3 due from (inclusive) and before; $4 state; $5 scope; $6 agency; $7, $8 after (due, id); $9 limit.
// Without an appointment the due instant is the end of time.
const ITEMS: &str = "
    SELECT dossier_id, due_at, from_at FROM deadline_board AS board
    WHERE state = $4 AND from_at <= $1 AND $1 < until_at
      AND COALESCE(due_at, 9223372036854775807) >= $2 AND COALESCE(due_at, 9223372036854775806) < $3
      AND (CAST($5 AS UUID) IS NULL OR $5 IN (competent_agency, receiving_agency) OR ($5 = holder_agency AND EXISTS (
          SELECT 1 FROM deadline_board AS latest WHERE latest.dossier_id = board.dossier_id
             AND latest.until_at = 9223372036854775807 AND latest.holder_agency = $5)))
      AND (CAST($6 AS UUID) IS NULL OR $6 IN (competent_agency, holder_agency))
      AND (COALESCE(due_at, 9223372036854775807), dossier_id) > ($7, $8)
    ORDER BY COALESCE(due_at, 9223372036854775807), dossier_id LIMIT $9";

pub(crate) const SQL: &[&str] = &[COUNTS, ITEMS];

/// The instants a board is asked with, as microseconds.
#[derive(Clone, Copy, Debug)]
pub struct AsOf {
    pub at: i64,
    pub day_end: i64,
    /// The end of "soon"; that of the day where nothing is soon.
    pub soon_end: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Counts {
    pub overdue: i64,
    pub due_today: i64,
    pub due_soon: i64,
    pub on_time: i64,
    pub paused: i64,
    pub ended_on_time: i64,
    pub ended_late: i64,
}

/// What can be listed of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Overdue,
    DueToday,
    DueSoon,
    OnTime,
    Paused,
}

/// A dossier on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Item {
    pub dossier_id: Uuid,
    pub due_at: Option<i64>,
    /// Since when it has been in this state.
    pub from_at: i64,
}

pub async fn counts(
    database: &Database,
    as_of: AsOf,
    scope: Option<Uuid>,
    agency: Option<Uuid>,
) -> sqlx::Result<Counts> {
    on_db!(&database.readers, pool => sqlx::query_as(COUNTS)
        .bind(as_of.at).bind(as_of.day_end).bind(as_of.soon_end).bind(scope).bind(agency)
        .fetch_one(pool).await)
}

/// Dossiers of one class, the earliest due first.
pub async fn items(
    database: &Database,
    as_of: AsOf,
    class: Class,
    (scope, agency): (Option<Uuid>, Option<Uuid>),
    after: (i64, Uuid),
    limit: i64,
) -> sqlx::Result<Vec<Item>> {
    let today = as_of.day_end.max(as_of.at);
    let soon = as_of.soon_end.max(today);
    let (state, from, before) = match class {
        Class::Overdue => (State::Running, i64::MIN, as_of.at),
        Class::DueToday => (State::Running, as_of.at, today),
        Class::DueSoon => (State::Running, today, soon),
        Class::OnTime => (State::Running, soon, FOR_EVER),
        Class::Paused => (State::Paused, i64::MIN, FOR_EVER),
    };
    on_db!(&database.readers, pool => sqlx::query_as(ITEMS)
        .bind(as_of.at).bind(from).bind(before).bind(state.name()).bind(scope).bind(agency)
        .bind(after.0).bind(after.1).bind(limit)
        .fetch_all(pool).await)
}
