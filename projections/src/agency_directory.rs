//! Agency directory: codes, names and the tree.

use domain::agency::Event as Agency;
use domain::recorded::{Event, Recorded};
use domain::text::fold;
use infrastructure::db::Database;
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, ReadModel, stream_id};
use crate::table::{Cell, Cells, Table, WrongCell, text, uuid};

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct AgencyDirectory {
    pub agency_id: Uuid,
    pub code: String,
    pub name: String,
    pub parent_id: Option<Uuid>,
    pub search_text: String,
}

impl ReadModel for AgencyDirectory {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "agency_directory",
        key: &[uuid("agency_id")],
        values: &[text("code"), text("name"), uuid("parent_id"), text("search_text")],
    };

    fn partition(recorded: &Recorded) -> Option<Uuid> {
        match &recorded.event {
            Event::Agency(_) => stream_id(&recorded.stream, "agency"),
            Event::Dossier(_) | Event::Code(_) | Event::Procedure(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, recorded: &Recorded) -> Result<(), FoldError> {
        let Event::Agency(event) = &recorded.event else { return Ok(()) };
        let nonsense = FoldError { event: recorded.event.type_name(), of: "agency" };
        let Some(agency_id) = Self::partition(recorded) else { return Err(nonsense) };
        match event {
            Agency::Established(established) => {
                *rows = vec![Self {
                    agency_id,
                    code: established.code.to_string(),
                    name: established.name.clone(),
                    parent_id: established.parent.map(|parent| parent.0),
                    search_text: fold(&format!("{} {}", established.code, established.name)),
                }];
            }
            Agency::Renamed(renamed) => {
                let Some(row) = rows.first_mut() else { return Err(nonsense) };
                row.name.clone_from(&renamed.name);
                row.search_text = fold(&format!("{} {}", row.code, renamed.name));
            }
        }
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell> {
        let row = self.clone();
        vec![
            row.agency_id.into(),
            row.code.into(),
            row.name.into(),
            row.parent_id.into(),
            row.search_text.into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            agency_id: cells.uuid()?,
            code: cells.text()?,
            name: cells.text()?,
            parent_id: cells.uuid_or_null()?,
            search_text: cells.text()?,
        })
    }
}

const ALL: &str = "SELECT agency_id, code, name, parent_id, search_text FROM agency_directory ORDER BY code";

pub(crate) const SQL: &[&str] = &[ALL];

/// All agencies by code: some hundreds.
pub async fn all(database: &Database) -> sqlx::Result<Vec<AgencyDirectory>> {
    on_db!(&database.readers, pool => sqlx::query_as(ALL).fetch_all(pool).await)
}
