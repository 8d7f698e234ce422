//! Deadline board: what the clock of each dossier was like, from when until when. One row per dossier is valid at any
//! instant, so the board as of any instant is one query. Overdue is never stored: it is asked. A correction empties the
//! interval of the mistake and opens the one before it again: as of then, it never was.

use domain::dossier::{Correctable, Event as Dossier, Resumption};
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
    /// What is promised.
    pub due_at: Option<i64>,
    /// What the law measures by.
    pub legal_due_at: Option<i64>,
    /// Until when somebody is waited for: the office with an answer to a submission, else the applicant.
    pub wait_until: Option<i64>,
    pub competent_agency: Uuid,
    pub holder_agency: Uuid,
    pub receiving_agency: Uuid,
}

/// What the clock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The office has to say whether it takes it.
    Submitted,
    /// The applicant is waited for before receipt.
    Awaiting,
    Refused,
    Running,
    Paused,
    Ended,
    Stopped,
    Withdrawn,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Submitted,
        Self::Awaiting,
        Self::Refused,
        Self::Running,
        Self::Paused,
        Self::Ended,
        Self::Stopped,
        Self::Withdrawn,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Awaiting => "AWAITING",
            Self::Refused => "REFUSED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Ended => "ENDED",
            Self::Stopped => "STOPPED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl DeadlineBoard {
    /// The row after this one, from an event on.
    fn next(&self, recorded: &Recorded) -> Option<Self> {
        let Event::Dossier(event) = &recorded.event else { return None };
        let state = |state, wait_until: Option<domain::time::Instant>| Self {
            state,
            wait_until: wait_until.map(micros),
            ..self.clone()
        };
        let next = match event {
            Dossier::IntakeSupplementRequested(requested) => {
                state(State::Awaiting, requested.request.answer_by)
            }
            Dossier::IntakeSupplementReceived(received) => state(State::Submitted, received.answer_by),
            Dossier::Refused(_) => state(State::Refused, None),
            Dossier::Received(received) => Self {
                due_at: received.due_at.map(micros),
                legal_due_at: received.due_at.map(micros),
                holder_agency: received.holder.agency.0,
                ..state(State::Running, None)
            },
            Dossier::Forwarded(forwarded) => self.held_by(forwarded.to.agency.0)?,
            Dossier::Accepted(accepted) => self.held_by(accepted.holder.agency.0)?,
            Dossier::SupplementRequested(requested) => state(State::Paused, requested.request.answer_by),
            Dossier::Paused(paused) => state(State::Paused, paused.until),
            Dossier::SupplementReceived(received) => state(State::Running, None).running(&received.clock),
            Dossier::Resumed(resumed) => state(State::Running, None).running(&resumed.clock),
            Dossier::Extended(extended) => Self { due_at: Some(micros(extended.due_at)), ..self.clone() },
            Dossier::ProcessingFinished(_) => state(State::Ended, None),
            Dossier::Stopped(_) => state(State::Stopped, None),
            Dossier::Withdrawn(_) => state(State::Withdrawn, None),
            Dossier::CarriedOver(carried) => self.carried_over(carried.from.0, carried.to.0)?,
            Dossier::Submitted(_)
            | Dossier::StepCompleted(_)
            | Dossier::ResultReturned(_)
            | Dossier::Sent(_)
            | Dossier::SentBack(_)
            | Dossier::Recalled(_)
            | Dossier::OpinionRequested(_)
            | Dossier::OpinionGiven(_)
            | Dossier::Proposed(_)
            | Dossier::Approved(_)
            | Dossier::ReworkRequested(_)
            | Dossier::Signed(_)
            | Dossier::Issued(_)
            | Dossier::ObligationRequested(_)
            | Dossier::PaymentRecorded(_)
            | Dossier::ObligationWaived(_)
            | Dossier::PaymentRefunded(_)
            | Dossier::ApplicantNotified(_)
            | Dossier::FileAttached(_)
            | Dossier::Corrected(_) => return None,
        };
        Some(Self {
            from_version: recorded.version.0,
            from_at: micros(recorded.occurred_at),
            until_at: FOR_EVER,
            ..next
        })
    }

    /// What the old agency answered for until now, its successor answers for from now on. What has ended stays with who
    /// ended it: there the clock says no more.
    fn carried_over(&self, from: Uuid, to: Uuid) -> Option<Self> {
        let there = |agency| if agency == from { to } else { agency };
        let carried = Self {
            competent_agency: there(self.competent_agency),
            holder_agency: there(self.holder_agency),
            receiving_agency: there(self.receiving_agency),
            ..self.clone()
        };
        (self.state != State::Ended && carried != *self).then_some(carried)
    }

    fn held_by(&self, agency: Uuid) -> Option<Self> {
        (agency != self.holder_agency).then(|| Self { holder_agency: agency, ..self.clone() })
    }

    fn running(self, clock: &Resumption) -> Self {
        Self {
            due_at: clock.due_at.map(micros),
            legal_due_at: clock.legal_due_at.or(clock.due_at).map(micros),
            ..self
        }
    }
}

/// Whether taking this back changes what the clock did.
fn moved_the_clock(what: Correctable) -> bool {
    match what {
        Correctable::Refused
        | Correctable::ProcessingFinished
        | Correctable::Stopped
        | Correctable::Withdrawn => true,
        Correctable::StepCompleted | Correctable::ResultReturned => false,
    }
}

/// The rows as if the current one had never begun.
fn take_back(rows: &mut [DeadlineBoard]) {
    rows.sort_by_key(|row| row.from_version);
    let Some(current) = rows.iter().position(|row| row.until_at == FOR_EVER) else { return };
    let from_at = rows[current].from_at;
    // Rows that were taken back before are empty already.
    let before =
        rows[..current].iter().rposition(|row| row.until_at == from_at && row.from_at != row.until_at);
    let before = before.or_else(|| rows[..current].iter().rposition(|row| row.until_at == from_at));
    if let Some(before) = before {
        rows[current].until_at = from_at;
        rows[before].until_at = FOR_EVER;
    }
}

impl ReadModel for DeadlineBoard {
    const VERSION: i64 = 2;
    const TABLE: Table = Table {
        name: "deadline_board",
        key: &[uuid("dossier_id"), int("from_version")],
        values: &[
            int("from_at"),
            int("until_at"),
            text("state"),
            int("due_at"),
            int("legal_due_at"),
            int("wait_until"),
            uuid("competent_agency"),
            uuid("holder_agency"),
            uuid("receiving_agency"),
        ],
    };

    fn partition(recorded: &Recorded) -> Option<Uuid> {
        match &recorded.event {
            Event::Dossier(_) => stream_id(&recorded.stream, "dossier"),
            Event::Code(_)
            | Event::Procedure(_)
            | Event::Agency(_)
            | Event::Calendar(_)
            | Event::Synchronisation(_)
            | Event::ReadModel(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, recorded: &Recorded) -> Result<(), FoldError> {
        let Event::Dossier(event) = &recorded.event else { return Ok(()) };
        if let Some(current) = rows.iter_mut().find(|row| row.until_at == FOR_EVER) {
            if let Some(next) = current.next(recorded) {
                current.until_at = next.from_at;
                rows.push(next);
            } else if let Dossier::Corrected(corrected) = event
                && moved_the_clock(corrected.what)
            {
                take_back(rows);
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
            legal_due_at: None,
            wait_until: submitted.answer_by.map(micros),
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
            self.legal_due_at.into(),
            self.wait_until.into(),
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
            legal_due_at: cells.int_or_null()?,
            wait_until: cells.int_or_null()?,
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
           COUNT(CASE WHEN state = 'ENDED' AND (legal_due_at IS NULL OR from_at <= legal_due_at) THEN 1 END)
               AS ended_on_time,
           COUNT(CASE WHEN state = 'ENDED' AND legal_due_at < from_at THEN 1 END) AS ended_late,
           COUNT(CASE WHEN state = 'SUBMITTED' THEN 1 END) AS intake_waiting,
           COUNT(CASE WHEN state = 'SUBMITTED' AND wait_until < $1 THEN 1 END) AS intake_overdue,
           COUNT(CASE WHEN state IN ('AWAITING', 'PAUSED') AND wait_until < $1 THEN 1 END) AS unanswered
    FROM deadline_board AS board
    WHERE state IN ('SUBMITTED', 'AWAITING', 'RUNNING', 'PAUSED', 'ENDED') AND from_at <= $1 AND $1 < until_at
      AND (CAST($4 AS UUID) IS NULL OR $4 IN (competent_agency, receiving_agency) OR ($4 = holder_agency AND EXISTS (
          SELECT 1 FROM deadline_board AS latest WHERE latest.dossier_id = board.dossier_id
             AND latest.until_at = 9223372036854775807 AND latest.holder_agency = $4)))
      AND (CAST($5 AS UUID) IS NULL OR $5 IN (competent_agency, holder_agency))";

// $1 as of; $2, $3 due from (inclusive) and before; $4, $10 states; $5 scope; $6 agency; $7, $8 after (due, id); $9 limit.
// Without an appointment the due instant is the end of time.
macro_rules! items {
    ($due:literal) => {
        concat!(
            "SELECT dossier_id, ",
            $due,
            " AS due_at, from_at FROM deadline_board AS board
             WHERE state IN ($4, $10) AND from_at <= $1 AND $1 < until_at
               AND COALESCE(",
            $due,
            ", 9223372036854775807) >= $2 AND COALESCE(",
            $due,
            ", 9223372036854775806) < $3
               AND (CAST($5 AS UUID) IS NULL OR $5 IN (competent_agency, receiving_agency)
                    OR ($5 = holder_agency AND EXISTS (
                        SELECT 1 FROM deadline_board AS latest WHERE latest.dossier_id = board.dossier_id
                           AND latest.until_at = 9223372036854775807 AND latest.holder_agency = $5)))
               AND (CAST($6 AS UUID) IS NULL OR $6 IN (competent_agency, holder_agency))
               AND (COALESCE(",
            $due,
            ", 9223372036854775807), dossier_id) > ($7, $8)
             ORDER BY COALESCE(",
            $due,
            ", 9223372036854775807), dossier_id LIMIT $9"
        )
    };
}
const ITEMS: &str = items!("due_at");
const WAITING_ITEMS: &str = items!("wait_until");

pub(crate) const SQL: &[&str] = &[COUNTS, ITEMS, WAITING_ITEMS];

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
    /// Online submissions that the office has not answered yet.
    pub intake_waiting: i64,
    /// Of these, beyond the working hours it has for it.
    pub intake_overdue: i64,
    /// The applicant has not brought in time what is waited for: to be reminded, and then for an officer to decide.
    pub unanswered: i64,
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
    let (sql, states, from, before) = match class {
        Class::Overdue => (ITEMS, [State::Running; 2], i64::MIN, as_of.at),
        Class::DueToday => (ITEMS, [State::Running; 2], as_of.at, today),
        Class::DueSoon => (ITEMS, [State::Running; 2], today, soon),
        Class::OnTime => (ITEMS, [State::Running; 2], soon, FOR_EVER),
        Class::Paused => (ITEMS, [State::Paused; 2], i64::MIN, FOR_EVER),
        Class::IntakeWaiting => (WAITING_ITEMS, [State::Submitted; 2], i64::MIN, FOR_EVER),
        Class::IntakeOverdue => (WAITING_ITEMS, [State::Submitted; 2], i64::MIN, as_of.at),
        Class::Unanswered => (WAITING_ITEMS, [State::Awaiting, State::Paused], i64::MIN, as_of.at),
    };
    on_db!(&database.readers, pool => sqlx::query_as(sql)
        .bind(as_of.at).bind(from).bind(before).bind(states[0].name()).bind(scope).bind(agency)
        .bind(after.0).bind(after.1).bind(limit).bind(states[1].name())
        .fetch_all(pool).await)
}
