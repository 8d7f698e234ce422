//! Break-glass: who has opened the personal data of which dossier to themselves, and what became of it. What is open is
//! looked for here, and is open only if the log says so too.

use domain::disclosure::{DisclosureReason, Event as DisclosureEvent, Finding};
use domain::identity::{DisclosureId, DossierId, PrincipalId};
use domain::private::Private;
use domain::recorded::Event;
use infrastructure::db::Database;
use infrastructure::event_store::micros;
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::statement::Statement;
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Disclosure {
    pub disclosure_id: Uuid,
    pub dossier_id: Uuid,
    pub principal: Uuid,
    /// The agency that they acted for.
    pub agency: Uuid,
    /// The name of a [`DisclosureReason`].
    pub reason: String,
    /// Sealed.
    pub note: String,
    pub opened_at: i64,
    pub until_at: i64,
    pub acknowledged_at: Option<i64>,
    pub acknowledged_by: Option<Uuid>,
    /// The name of a [`Finding`].
    pub finding: Option<String>,
    /// Sealed.
    pub finding_note: Option<String>,
}

impl Disclosure {
    pub fn disclosure(&self) -> DisclosureId {
        DisclosureId(self.disclosure_id)
    }

    pub fn dossier(&self) -> DossierId {
        DossierId(self.dossier_id)
    }

    pub fn reason(&self) -> Option<DisclosureReason> {
        DisclosureReason::ALL.iter().copied().find(|reason| reason.name() == self.reason)
    }

    pub fn finding(&self) -> Option<Finding> {
        let name = self.finding.as_deref()?;
        Finding::ALL.iter().copied().find(|finding| finding.name() == name)
    }

    /// The place in a list by time.
    pub fn place(&self) -> Place {
        (self.opened_at, self.disclosure_id)
    }
}

impl ReadModel for Disclosure {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "disclosure",
        key: &[uuid("disclosure_id")],
        values: &[
            uuid("dossier_id"),
            uuid("principal"),
            uuid("agency"),
            text("reason"),
            text("note"),
            int("opened_at"),
            int("until_at"),
            int("acknowledged_at"),
            uuid("acknowledged_by"),
            text("finding"),
            text("finding_note"),
        ],
    };

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::Disclosure(_) => occurrence.id("disclosure"),
            Event::Dossier(_)
            | Event::Code(_)
            | Event::Procedure(_)
            | Event::Agency(_)
            | Event::Calendar(_)
            | Event::Synchronisation(_)
            | Event::Notice(_)
            | Event::Payment(_)
            | Event::Account(_)
            | Event::PermissionGroup(_)
            | Event::ReadModel(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, occurrence: &Occurrence) -> Result<(), FoldError> {
        let Event::Disclosure(event) = &occurrence.event else { return Ok(()) };
        let nonsense = || FoldError { event: occurrence.event.type_name(), of: "disclosure" };
        let disclosure_id = Self::partition(occurrence).ok_or_else(nonsense)?;
        let sealed = |note: &Private| note.token().map(|token| token.as_str().to_owned());
        match event {
            DisclosureEvent::Opened(opened) => {
                let row = Self {
                    disclosure_id,
                    dossier_id: opened.dossier.0,
                    principal: opened.by.0,
                    agency: opened.acting_as.0,
                    reason: opened.reason.name().to_owned(),
                    note: sealed(&opened.note).unwrap_or_default(),
                    opened_at: micros(occurrence.occurred_at),
                    until_at: micros(opened.until),
                    acknowledged_at: None,
                    acknowledged_by: None,
                    finding: None,
                    finding_note: None,
                };
                match rows.first_mut() {
                    Some(known) => *known = row,
                    None => rows.push(row),
                }
            }
            DisclosureEvent::Acknowledged(acknowledged) => {
                let row = rows.first_mut().ok_or_else(nonsense)?;
                row.acknowledged_at = Some(micros(occurrence.occurred_at));
                row.acknowledged_by = Some(acknowledged.by.0);
                row.finding = Some(acknowledged.finding.name().to_owned());
                row.finding_note = acknowledged.note.as_ref().and_then(sealed);
            }
        }
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![
            self.disclosure_id.into(),
            self.dossier_id.into(),
            self.principal.into(),
            self.agency.into(),
            self.reason.as_str().into(),
            self.note.as_str().into(),
            self.opened_at.into(),
            self.until_at.into(),
            self.acknowledged_at.into(),
            self.acknowledged_by.into(),
            self.finding.as_ref().into(),
            self.finding_note.as_ref().into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            disclosure_id: cells.uuid()?,
            dossier_id: cells.uuid()?,
            principal: cells.uuid()?,
            agency: cells.uuid()?,
            reason: cells.text()?,
            note: cells.text()?,
            opened_at: cells.int()?,
            until_at: cells.int()?,
            acknowledged_at: cells.int_or_null()?,
            acknowledged_by: cells.uuid_or_null()?,
            finding: cells.text_or_null()?,
            finding_note: cells.text_or_null()?,
        })
    }
}

macro_rules! columns {
    () => {
        "disclosure_id, dossier_id, principal, agency, reason, note, opened_at, until_at, acknowledged_at, acknowledged_by,
         finding, finding_note"
    };
}

const OPEN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM disclosure WHERE principal = $1 AND until_at > $2 ORDER BY opened_at, disclosure_id"
);
const BEFORE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM disclosure WHERE (opened_at, disclosure_id) < ($1, $2) ORDER BY opened_at DESC, disclosure_id DESC LIMIT $3"
);
const UNACKNOWLEDGED_BEFORE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM disclosure WHERE acknowledged_at IS NULL AND (opened_at, disclosure_id) < ($1, $2)
      ORDER BY opened_at DESC, disclosure_id DESC LIMIT $3"
);
const NOT_TOLD: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM disclosure WHERE opened_at >= $1 AND (opened_at, disclosure_id) > ($2, $3)
      AND NOT EXISTS (SELECT 1 FROM notice WHERE notice.dossier_id = disclosure.dossier_id
                        AND notice.disclosure = disclosure.disclosure_id)
      ORDER BY opened_at, disclosure_id LIMIT $4"
);
const BY_IDS: &str = concat!("SELECT ", columns!(), " FROM disclosure WHERE disclosure_id IN (");

pub(crate) const SQL: &[&str] = &[OPEN, BEFORE, UNACKNOWLEDGED_BEFORE, NOT_TOLD];

/// A place in a list by time.
pub type Place = (i64, Uuid);
/// Before all.
pub const START: Place = (i64::MIN, Uuid::nil());
/// After all.
pub const END: Place = (i64::MAX, Uuid::max());

/// Those of somebody whose time is not over, the oldest first.
pub async fn open(database: &Database, principal: PrincipalId, now: i64) -> sqlx::Result<Vec<Disclosure>> {
    on_db!(&database.readers, pool => sqlx::query_as(OPEN).bind(principal.0).bind(now).fetch_all(pool).await)
}

/// Before a place, the newest first: all, or those that nobody has looked at.
pub async fn before(
    database: &Database,
    unacknowledged: bool,
    place: Place,
    limit: i64,
) -> sqlx::Result<Vec<Disclosure>> {
    let sql = if unacknowledged { UNACKNOWLEDGED_BEFORE } else { BEFORE };
    on_db!(&database.readers, pool => sqlx::query_as(sql)
        .bind(place.0).bind(place.1).bind(limit).fetch_all(pool).await)
}

/// Those since an instant of which nobody was told, the oldest first.
pub async fn not_told(
    database: &Database,
    since: i64,
    after: Place,
    limit: i64,
) -> sqlx::Result<Vec<Disclosure>> {
    on_db!(&database.readers, pool => sqlx::query_as(NOT_TOLD)
        .bind(since).bind(after.0).bind(after.1).bind(limit).fetch_all(pool).await)
}

pub async fn by_ids(database: &Database, ids: &[Uuid]) -> sqlx::Result<Vec<Disclosure>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = Statement::default();
    statement.push(BY_IDS);
    let places = statement.bind_all(ids.iter().copied());
    statement.push(&places);
    statement.push(")");
    statement.fetch_all(database).await
}
