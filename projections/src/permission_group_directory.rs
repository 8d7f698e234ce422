//! Permission groups: which there are, and what each allows now.

use domain::permission_group::Event as PermissionGroup;
use domain::recorded::Event;
use infrastructure::db::Database;
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PermissionGroupDirectory {
    pub group_id: Uuid,
    pub code: String,
    pub name: String,
    /// Names of functions, as JSON.
    pub functions: String,
    /// 1 where it allows nothing any more.
    pub retired: i64,
}

impl ReadModel for PermissionGroupDirectory {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "permission_group_directory",
        key: &[uuid("group_id")],
        values: &[text("code"), text("name"), text("functions"), int("retired")],
    };

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::PermissionGroup(_) => occurrence.id("permission_group"),
            Event::Dossier(_)
            | Event::Code(_)
            | Event::Procedure(_)
            | Event::Agency(_)
            | Event::Calendar(_)
            | Event::Synchronisation(_)
            | Event::Notice(_)
            | Event::Payment(_)
            | Event::Account(_)
            | Event::Disclosure(_)
            | Event::ReadModel(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, occurrence: &Occurrence) -> Result<(), FoldError> {
        let Event::PermissionGroup(event) = &occurrence.event else { return Ok(()) };
        let nonsense = FoldError { event: occurrence.event.type_name(), of: "permission group" };
        let Some(group_id) = Self::partition(occurrence) else { return Err(nonsense) };
        match event {
            PermissionGroup::Defined(defined) => {
                let row = Self {
                    group_id,
                    code: defined.code.to_string(),
                    name: defined.name.clone(),
                    functions: serde_json::to_string(&defined.functions).map_err(|_| nonsense)?,
                    retired: 0,
                };
                match rows.first_mut() {
                    Some(known) => *known = row,
                    None => rows.push(row),
                }
            }
            PermissionGroup::Retired(_) => rows.first_mut().ok_or(nonsense)?.retired = 1,
        }
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![
            self.group_id.into(),
            self.code.as_str().into(),
            self.name.as_str().into(),
            self.functions.as_str().into(),
            self.retired.into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            group_id: cells.uuid()?,
            code: cells.text()?,
            name: cells.text()?,
            functions: cells.text()?,
            retired: cells.int()?,
        })
    }
}

const ALL: &str =
    "SELECT group_id, code, name, functions, retired FROM permission_group_directory ORDER BY code";

pub(crate) const SQL: &[&str] = &[ALL];

/// All of them, by code.
pub async fn all(database: &Database) -> sqlx::Result<Vec<PermissionGroupDirectory>> {
    on_db!(&database.readers, pool => sqlx::query_as(ALL).fetch_all(pool).await)
}
