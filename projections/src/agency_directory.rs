//! Agency directory: codes, names and the tree, as they were from which day on.

use chrono::{Datelike, NaiveDate};
use domain::agency::Event as Agency;
use domain::recorded::Event;
use domain::text::fold;
use domain::time::local_date;
use infrastructure::db::Database;
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

/// The day that never comes.
const NEVER: i64 = i64::MAX;
/// Since before anybody wrote it down.
const ALWAYS: i64 = i64::MIN;

/// What held for an agency in a stretch of days.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct AgencyDirectory {
    pub agency_id: Uuid,
    pub from_day: i64,
    /// The first day on which something else holds, or nothing.
    pub until_day: i64,
    pub code: String,
    pub national_code: Option<String>,
    pub name: String,
    pub parent_id: Option<Uuid>,
    /// From this day on others have its place.
    pub ended_day: i64,
    /// What was said of `from_day` itself: what is said later of an earlier day does not reach beyond it.
    pub said: String,
    pub search_text: String,
}

/// What an event may say of a day.
#[derive(Clone, Copy)]
enum Said {
    Code,
    Name,
    Parent,
}

impl Said {
    fn letter(self) -> char {
        match self {
            Self::Code => 'c',
            Self::Name => 'n',
            Self::Parent => 'p',
        }
    }
}

/// A day as the table has it.
pub fn day_number(day: NaiveDate) -> i64 {
    i64::from(day.num_days_from_ce())
}

impl AgencyDirectory {
    /// Whether this is what holds on a day.
    pub fn holds_on(&self, day: NaiveDate) -> bool {
        (self.from_day..self.until_day).contains(&day_number(day))
    }

    /// Whether the agency is there at all from some day on.
    pub fn lasts(&self) -> bool {
        self.ended_day == NEVER
    }

    fn searchable(&mut self) {
        let national = self.national_code.as_deref().unwrap_or_default();
        self.search_text = fold(&format!("{} {national} {}", self.code, self.name));
    }
}

/// Something said of a day and all that follow, up to the next about which the same was said already.
fn say(rows: &mut Vec<AgencyDirectory>, from: i64, what: Said, change: impl Fn(&mut AgencyDirectory)) {
    rows.sort_by_key(|row| row.from_day);
    let at = rows.partition_point(|row| row.from_day < from);
    if rows.get(at).is_none_or(|row| row.from_day != from) {
        let Some(before) = rows.get(at.saturating_sub(1)) else { return };
        let next = AgencyDirectory { from_day: from, said: String::new(), ..before.clone() };
        rows.insert(at, next);
    }
    rows[at].said.retain(|letter| letter != what.letter());
    rows[at].said.push(what.letter());
    for (nth, row) in rows[at..].iter_mut().enumerate() {
        if 0 < nth && row.said.contains(what.letter()) {
            break;
        }
        change(row);
        row.searchable();
    }
}

/// Each stretch lasts until the next one, and none beyond the agency's end.
fn close(rows: &mut [AgencyDirectory]) {
    rows.sort_by_key(|row| row.from_day);
    for at in 0..rows.len() {
        let next = rows.get(at + 1).map_or(NEVER, |row| row.from_day);
        rows[at].until_day = next.min(rows[at].ended_day).max(rows[at].from_day);
    }
}

impl ReadModel for AgencyDirectory {
    const VERSION: i64 = 2;
    const TABLE: Table = Table {
        name: "agency_directory",
        key: &[uuid("agency_id"), int("from_day")],
        values: &[
            int("until_day"),
            text("code"),
            text("national_code"),
            text("name"),
            uuid("parent_id"),
            int("ended_day"),
            text("said"),
            text("search_text"),
        ],
    };

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::Agency(_) => occurrence.id("agency"),
            Event::Dossier(_)
            | Event::Code(_)
            | Event::Procedure(_)
            | Event::Calendar(_)
            | Event::Synchronisation(_)
            | Event::Notice(_)
            | Event::Payment(_)
            | Event::Account(_)
            | Event::PermissionGroup(_)
            | Event::Disclosure(_)
            | Event::ReadModel(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, occurrence: &Occurrence) -> Result<(), FoldError> {
        let Event::Agency(event) = &occurrence.event else { return Ok(()) };
        let nonsense = FoldError { event: occurrence.event.type_name(), of: "agency" };
        let Some(agency_id) = Self::partition(occurrence) else { return Err(nonsense) };
        if rows.is_empty() {
            let Agency::Established(established) = event else { return Err(nonsense) };
            let mut row = Self {
                agency_id,
                from_day: established.from.map_or(ALWAYS, day_number),
                until_day: NEVER,
                code: established.code.to_string(),
                national_code: established.national_code.as_ref().map(ToString::to_string),
                name: established.name.clone(),
                parent_id: established.parent.map(|parent| parent.0),
                ended_day: NEVER,
                said: String::new(),
                search_text: String::new(),
            };
            row.searchable();
            rows.push(row);
            return Ok(());
        }
        match event {
            Agency::Renamed(renamed) => {
                let from = renamed.from.unwrap_or_else(|| local_date(occurrence.occurred_at));
                say(rows, day_number(from), Said::Name, |row| row.name.clone_from(&renamed.name));
            }
            Agency::Recoded(recoded) => say(rows, day_number(recoded.from), Said::Code, |row| {
                row.code = recoded.code.to_string();
                row.national_code = recoded.national_code.as_ref().map(ToString::to_string);
            }),
            Agency::Moved(moved) => say(rows, day_number(moved.from), Said::Parent, |row| {
                row.parent_id = moved.parent.map(|parent| parent.0);
            }),
            Agency::Succeeded(succeeded) => {
                rows.iter_mut().for_each(|row| row.ended_day = day_number(succeeded.from));
            }
            // Not of what is listed here, or said a second time.
            Agency::Established(_) | Agency::OfficeHoursSet(_) | Agency::CalendarChosen(_) => {}
        }
        close(rows);
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![
            self.agency_id.into(),
            self.from_day.into(),
            self.until_day.into(),
            self.code.as_str().into(),
            self.national_code.as_ref().into(),
            self.name.as_str().into(),
            self.parent_id.into(),
            self.ended_day.into(),
            self.said.as_str().into(),
            self.search_text.as_str().into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            agency_id: cells.uuid()?,
            from_day: cells.int()?,
            until_day: cells.int()?,
            code: cells.text()?,
            national_code: cells.text_or_null()?,
            name: cells.text()?,
            parent_id: cells.uuid_or_null()?,
            ended_day: cells.int()?,
            said: cells.text()?,
            search_text: cells.text()?,
        })
    }
}

macro_rules! columns {
    () => {
        "agency_id, from_day, until_day, code, national_code, name, parent_id, ended_day, said, search_text"
    };
}

const ALL: &str = concat!("SELECT ", columns!(), " FROM agency_directory ORDER BY agency_id, from_day");
const BY_CODE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM agency_directory WHERE code = $1 ORDER BY from_day DESC, agency_id"
);

pub(crate) const SQL: &[&str] = &[ALL, BY_CODE];

/// All agencies, each with what held when: some hundreds.
pub async fn all(database: &Database) -> sqlx::Result<Vec<AgencyDirectory>> {
    on_db!(&database.readers, pool => sqlx::query_as(ALL).fetch_all(pool).await)
}

/// Who has or had this code, the latest first.
pub async fn by_code(database: &Database, code: &str) -> sqlx::Result<Vec<AgencyDirectory>> {
    on_db!(&database.readers, pool => sqlx::query_as(BY_CODE).bind(code).fetch_all(pool).await)
}
