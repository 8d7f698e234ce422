//! Messages to officials about deadlines and break-glass: what is to be sent and when, and what became of what was. The list that whoever carries notices works off.

use domain::identity::{AgencyId, DeliveryId, DisclosureId, DossierId, PrincipalId};
use domain::notice::{Delivery, DeliveryFailure, Event as NoticeEvent, Occasion, Way};
use domain::recorded::Event;
use infrastructure::db::Database;
use infrastructure::event_store::micros;
use infrastructure::on_db;
use uuid::Uuid;

use crate::deadline_board::{self, Item, Moment, State};
use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::statement::Statement;
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

/// A message to somebody.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Notice {
    pub dossier_id: Uuid,
    pub delivery_id: Uuid,
    /// Of a deadline: [`rank`] of an occasion.
    pub occasion: Option<i64>,
    pub due_at: Option<i64>,
    /// Or of this break-glass.
    pub disclosure: Option<Uuid>,
    pub holder_agency: Uuid,
    /// Nobody in particular, where nobody was set up.
    pub recipient: Option<Uuid>,
    #[sqlx(try_from = "String")]
    pub way: WayName,
    #[sqlx(try_from = "String")]
    pub state: DeliveryState,
    pub raised_at: i64,
    pub attempts: i64,
    /// Nothing when it is settled.
    pub next_at: Option<i64>,
    pub settled_at: Option<i64>,
    /// Why the last try came to nothing.
    pub failure: Option<String>,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The instant is in microseconds.
    Deadline(Occasion, i64),
    Disclosure(DisclosureId),
}

/// A way as a table names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayName(pub Way);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    Pending,
    Delivered,
    GivenUp,
    Withdrawn,
}

/// A text that names none of them: somebody else's hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a table names what does not exist")]
pub struct UnknownName;

impl DeliveryState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::GivenUp, Self::Withdrawn];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::GivenUp => "GIVEN_UP",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

impl TryFrom<String> for DeliveryState {
    type Error = UnknownName;

    fn try_from(name: String) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|state| state.name() == name).ok_or(UnknownName)
    }
}

impl TryFrom<String> for WayName {
    type Error = UnknownName;

    fn try_from(name: String) -> Result<Self, UnknownName> {
        Way::ALL.into_iter().find(|way| way.name() == name).map(Self).ok_or(UnknownName)
    }
}

/// As tables compare occasions: the graver, the greater.
pub fn rank(occasion: Occasion) -> i64 {
    match occasion {
        Occasion::DueSoon => 1,
        Occasion::DueToday => 2,
        Occasion::Overdue => 3,
        Occasion::Escalated => 4,
    }
}

/// Why a try came to nothing, in words that say nothing else.
fn words(failure: &DeliveryFailure) -> String {
    match failure {
        DeliveryFailure::Unreachable => "UNREACHABLE".to_owned(),
        DeliveryFailure::TimedOut => "TIMED_OUT".to_owned(),
        DeliveryFailure::Answered(code) => format!("ANSWERED {code}"),
        DeliveryFailure::Declined(code) => format!("DECLINED {code}"),
        DeliveryFailure::NotSetUp => "NOT_SET_UP".to_owned(),
    }
}

impl Notice {
    /// Nothing of a row that somebody else wrote.
    pub fn about(&self) -> Option<About> {
        if let Some(disclosure) = self.disclosure {
            return Some(About::Disclosure(DisclosureId(disclosure)));
        }
        Some(About::Deadline(self.occasion()?, self.due_at?))
    }

    pub fn occasion(&self) -> Option<Occasion> {
        Occasion::ALL.into_iter().find(|occasion| Some(rank(*occasion)) == self.occasion)
    }

    pub fn dossier(&self) -> DossierId {
        DossierId(self.dossier_id)
    }

    pub fn delivery(&self) -> DeliveryId {
        DeliveryId(self.delivery_id)
    }

    pub fn holder(&self) -> AgencyId {
        AgencyId(self.holder_agency)
    }

    pub fn recipient(&self) -> Option<PrincipalId> {
        self.recipient.map(PrincipalId)
    }

    fn new(dossier_id: Uuid, about: About, holder: AgencyId, delivery: &Delivery, at: i64) -> Self {
        let (occasion, due_at, disclosure) = match about {
            About::Deadline(occasion, due_at) => (Some(rank(occasion)), Some(due_at), None),
            About::Disclosure(disclosure) => (None, None, Some(disclosure.0)),
        };
        Self {
            dossier_id,
            delivery_id: delivery.id.0,
            occasion,
            due_at,
            disclosure,
            holder_agency: holder.0,
            recipient: delivery.to.map(|to| to.0),
            way: WayName(delivery.by),
            state: DeliveryState::Pending,
            raised_at: at,
            attempts: 0,
            next_at: Some(at),
            settled_at: None,
            failure: None,
        }
    }

    fn settle(&mut self, state: DeliveryState, at: i64) {
        self.state = state;
        self.next_at = None;
        self.settled_at = Some(at);
    }
}

impl ReadModel for Notice {
    const VERSION: i64 = 2;
    const TABLE: Table = Table {
        name: "notice",
        key: &[uuid("dossier_id"), uuid("delivery_id")],
        values: &[
            int("occasion"),
            int("due_at"),
            uuid("disclosure"),
            uuid("holder_agency"),
            uuid("recipient"),
            text("way"),
            text("state"),
            int("raised_at"),
            int("attempts"),
            int("next_at"),
            int("settled_at"),
            text("failure"),
        ],
    };

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::Notice(_) => occurrence.id("notice"),
            Event::Dossier(_)
            | Event::Code(_)
            | Event::Procedure(_)
            | Event::Agency(_)
            | Event::Calendar(_)
            | Event::Synchronisation(_)
            | Event::Payment(_)
            | Event::Account(_)
            | Event::PermissionGroup(_)
            | Event::Disclosure(_)
            | Event::ReadModel(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, occurrence: &Occurrence) -> Result<(), FoldError> {
        let Event::Notice(event) = &occurrence.event else { return Ok(()) };
        let Some(dossier_id) = Self::partition(occurrence) else { return Ok(()) };
        let at = micros(occurrence.occurred_at);
        let delivery = match event {
            NoticeEvent::Raised(raised) => {
                let about = About::Deadline(raised.occasion, micros(raised.due_at));
                let new = |delivery| Self::new(dossier_id, about, raised.holder, delivery, at);
                rows.extend(raised.deliveries.iter().map(new));
                return Ok(());
            }
            NoticeEvent::DisclosureRaised(raised) => {
                let about = About::Disclosure(raised.disclosure);
                let new = |delivery| Self::new(dossier_id, about, raised.holder, delivery, at);
                rows.extend(raised.deliveries.iter().map(new));
                return Ok(());
            }
            NoticeEvent::Delivered(event) => event.delivery,
            NoticeEvent::AttemptFailed(event) => event.delivery,
            NoticeEvent::Withdrawn(event) => event.delivery,
        };
        let row = rows.iter_mut().find(|row| row.delivery_id == delivery.0);
        let row = row.ok_or(FoldError { event: occurrence.event.type_name(), of: "notice" })?;
        match event {
            NoticeEvent::Raised(_) | NoticeEvent::DisclosureRaised(_) => {}
            NoticeEvent::Delivered(_) => {
                row.attempts += 1;
                row.failure = None;
                row.settle(DeliveryState::Delivered, at);
            }
            NoticeEvent::AttemptFailed(failed) => {
                row.attempts = i64::from(failed.attempt);
                row.failure = Some(words(&failed.failure));
                match failed.again_at {
                    Some(again_at) => row.next_at = Some(micros(again_at)),
                    None => row.settle(DeliveryState::GivenUp, at),
                }
            }
            NoticeEvent::Withdrawn(_) => row.settle(DeliveryState::Withdrawn, at),
        }
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![
            self.dossier_id.into(),
            self.delivery_id.into(),
            self.occasion.into(),
            self.due_at.into(),
            self.disclosure.into(),
            self.holder_agency.into(),
            self.recipient.into(),
            self.way.0.name().into(),
            self.state.name().into(),
            self.raised_at.into(),
            self.attempts.into(),
            self.next_at.into(),
            self.settled_at.into(),
            self.failure.as_ref().into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            dossier_id: cells.uuid()?,
            delivery_id: cells.uuid()?,
            occasion: cells.int_or_null()?,
            due_at: cells.int_or_null()?,
            disclosure: cells.uuid_or_null()?,
            holder_agency: cells.uuid()?,
            recipient: cells.uuid_or_null()?,
            way: cells.text()?.try_into().map_err(|_| WrongCell)?,
            state: cells.text()?.try_into().map_err(|_| WrongCell)?,
            raised_at: cells.int()?,
            attempts: cells.int()?,
            next_at: cells.int_or_null()?,
            settled_at: cells.int_or_null()?,
            failure: cells.text_or_null()?,
        })
    }
}

macro_rules! columns {
    () => {
        "dossier_id, delivery_id, occasion, due_at, disclosure, holder_agency, recipient, way, state, raised_at, attempts,
         next_at, settled_at, failure"
    };
}

const TO_SEND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM notice WHERE next_at IS NOT NULL AND next_at <= $1
      AND (next_at, dossier_id, delivery_id) > ($2, $3, $4) ORDER BY next_at, dossier_id, delivery_id LIMIT $5"
);
const OF_DOSSIERS: &str = concat!("SELECT ", columns!(), " FROM notice WHERE dossier_id IN (");
const UNSETTLED: &str = "SELECT COUNT(*) FROM notice WHERE next_at IS NOT NULL";
const GIVEN_UP: &str = "SELECT COUNT(*) FROM notice WHERE state = 'GIVEN_UP'";
const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM notice WHERE next_at IS NOT NULL OR state = 'GIVEN_UP' ORDER BY raised_at, dossier_id, delivery_id LIMIT $1"
);

pub(crate) const SQL: &[&str] = &[TO_SEND, UNSETTLED, GIVEN_UP, LIST];

/// A place in the list of what is to be sent: after it comes the next.
pub type Place = (i64, Uuid, Uuid);
/// Before all.
pub const START: Place = (i64::MIN, Uuid::nil(), Uuid::nil());

impl Notice {
    /// The place of a message that is to be sent.
    pub fn place(&self) -> Place {
        (self.next_at.unwrap_or(i64::MAX), self.dossier_id, self.delivery_id)
    }
}

/// What is to be sent by now, in order.
pub async fn to_send(database: &Database, now: i64, after: Place, limit: i64) -> sqlx::Result<Vec<Notice>> {
    on_db!(&database.readers, pool => sqlx::query_as(TO_SEND)
        .bind(now).bind(after.0).bind(after.1).bind(after.2).bind(limit).fetch_all(pool).await)
}

/// All of some dossiers, the oldest of each first.
pub async fn of_dossiers(database: &Database, dossiers: &[Uuid]) -> sqlx::Result<Vec<Notice>> {
    let mut statement = Statement::default();
    statement.push(OF_DOSSIERS);
    let places = statement.bind_all(dossiers.iter().copied());
    statement.push(&places);
    statement.push(") ORDER BY dossier_id, raised_at, occasion, way, delivery_id");
    statement.fetch_all(database).await
}

/// What is not delivered: it waits, or was given up. The oldest first.
pub async fn undelivered(database: &Database, limit: i64) -> sqlx::Result<Vec<Notice>> {
    on_db!(&database.readers, pool => sqlx::query_as(LIST).bind(limit).fetch_all(pool).await)
}

/// How many wait, and how many were given up.
pub async fn counts(database: &Database) -> sqlx::Result<(i64, i64)> {
    on_db!(&database.readers, pool => {
        let unsettled = sqlx::query_scalar(UNSETTLED).fetch_one(pool).await?;
        Ok((unsettled, sqlx::query_scalar(GIVEN_UP).fetch_one(pool).await?))
    })
}

/// Dossiers whose clock runs and that are due in a stretch of time, of which no notice as grave as this was raised for the
/// instant at which they are due; the earliest first.
pub async fn not_told(
    database: &Database,
    occasion: Occasion,
    (from, before): (i64, i64),
    after: (i64, Uuid),
    limit: i64,
) -> sqlx::Result<Vec<Item>> {
    let mut statement = Statement::default();
    let (state, from) = (statement.bind(State::Running.name()), statement.bind(from));
    let (before, occasion) = (statement.bind(before), statement.bind(rank(occasion)));
    let (after_due, after_id, limit) =
        (statement.bind(after.0), statement.bind(after.1), statement.bind(limit));
    statement.push(&format!(
        "SELECT dossier_id, due_at, from_at FROM deadline_board AS board
         WHERE state = {state} AND due_at >= {from} AND due_at < {before}
           AND (due_at, dossier_id) > ({after_due}, {after_id})
           AND NOT EXISTS (SELECT 1 FROM notice WHERE notice.dossier_id = board.dossier_id
                             AND notice.due_at = board.due_at AND notice.occasion >= {occasion})
           AND"
    ));
    deadline_board::valid(&mut statement, Moment::Now);
    statement.push(&format!(" ORDER BY due_at, dossier_id LIMIT {limit}"));
    statement.fetch_all(database).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_ranks_grow_with_gravity() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::try_from(state.name().to_owned()), Ok(state));
        }
        for way in Way::ALL {
            assert_eq!(WayName::try_from(way.name().to_owned()), Ok(WayName(way)));
        }
        assert_eq!(DeliveryState::try_from("SENT".to_owned()), Err(UnknownName));
        assert_eq!(WayName::try_from("FAX".to_owned()), Err(UnknownName));
        let ranks = Occasion::ALL.map(rank);
        assert!(ranks.is_sorted() && Occasion::ALL.is_sorted(), "{ranks:?}");
    }
}
