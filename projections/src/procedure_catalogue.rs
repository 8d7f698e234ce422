//! Procedure catalogue: what can be applied for, and what is wrong with a draft.

use domain::procedure::{Definition, Event as Procedure};
use domain::recorded::Event;
use domain::text::fold;
use infrastructure::db::Database;
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct ProcedureCatalogue {
    pub procedure_id: Uuid,
    pub code: String,
    pub name: String,
    pub field: Option<String>,
    /// The term as JSON, as events hold it.
    pub term: String,
    /// The version in force; `None` while there are drafts only.
    pub version: Option<i64>,
    /// Defects of the last draft as JSON.
    pub defects: String,
    pub search_text: String,
}

impl ProcedureCatalogue {
    fn describe(&mut self, definition: &Definition) -> Result<(), serde_json::Error> {
        self.name.clone_from(&definition.name);
        self.field.clone_from(&definition.field);
        self.term = serde_json::to_string(&definition.term)?;
        self.search_text = fold(&format!(
            "{} {} {}",
            self.code,
            definition.name,
            definition.field.as_deref().unwrap_or_default()
        ));
        Ok(())
    }
}

impl ReadModel for ProcedureCatalogue {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "procedure_catalogue",
        key: &[uuid("procedure_id")],
        values: &[
            text("code"),
            text("name"),
            text("field"),
            text("term"),
            int("version"),
            text("defects"),
            text("search_text"),
        ],
    };

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::Procedure(_) => occurrence.id("procedure"),
            Event::Dossier(_)
            | Event::Code(_)
            | Event::Agency(_)
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
        let Event::Procedure(event) = &occurrence.event else { return Ok(()) };
        let nonsense = FoldError { event: occurrence.event.type_name(), of: "procedure" };
        let Some(procedure_id) = Self::partition(occurrence) else { return Err(nonsense) };
        match event {
            Procedure::Drafted(drafted) => {
                if rows.is_empty() {
                    rows.push(Self {
                        procedure_id,
                        code: drafted.code.to_string(),
                        name: String::new(),
                        field: None,
                        term: String::new(),
                        version: None,
                        defects: String::new(),
                        search_text: String::new(),
                    });
                }
                let Some(row) = rows.first_mut() else { return Err(nonsense) };
                row.defects = serde_json::to_string(&drafted.defects).map_err(|_| nonsense.clone())?;
                row.describe(&drafted.definition).map_err(|_| nonsense)
            }
            Procedure::Published(published) => {
                let Some(row) = rows.first_mut() else { return Err(nonsense) };
                row.version = Some(i64::from(published.version));
                Ok(())
            }
        }
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![
            self.procedure_id.into(),
            self.code.as_str().into(),
            self.name.as_str().into(),
            self.field.as_ref().into(),
            self.term.as_str().into(),
            self.version.into(),
            self.defects.as_str().into(),
            self.search_text.as_str().into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            procedure_id: cells.uuid()?,
            code: cells.text()?,
            name: cells.text()?,
            field: cells.text_or_null()?,
            term: cells.text()?,
            version: cells.int_or_null()?,
            defects: cells.text()?,
            search_text: cells.text()?,
        })
    }
}

const ALL: &str = "
    SELECT procedure_id, code, name, field, term, version, defects, search_text
    FROM procedure_catalogue ORDER BY code";

pub(crate) const SQL: &[&str] = &[ALL];

/// The whole catalogue, by code: some hundreds to two thousand rows.
pub async fn all(database: &Database) -> sqlx::Result<Vec<ProcedureCatalogue>> {
    on_db!(&database.readers, pool => sqlx::query_as(ALL).fetch_all(pool).await)
}
