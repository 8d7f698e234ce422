//! A SELECT put together from parts, in the text that both dialects share: a filter that is not asked for is not in it,
//! so the planner sees the query that there is.

use domain::access::Scope;
use infrastructure::db::Database;
use infrastructure::on_db;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};

use crate::table::Cell;

/// Text with numbered places, and what goes there.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    text: String,
    cells: Vec<Cell<'static>>,
}

impl Statement {
    /// Appends text of the program, never a value.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A place for a value, such as `$3`.
    pub(crate) fn bind(&mut self, value: impl Into<Cell<'static>>) -> String {
        self.cells.push(value.into());
        format!("${}", self.cells.len())
    }

    /// Places for values, with commas between.
    pub(crate) fn bind_all(&mut self, values: impl IntoIterator<Item = impl Into<Cell<'static>>>) -> String {
        let places: Vec<String> = values.into_iter().map(|value| self.bind(value)).collect();
        places.join(", ")
    }

    /// The agencies of a scope, as a list for `IN`; nothing where there is nothing to narrow.
    pub(crate) fn scope(&mut self, scope: &Scope) -> Option<String> {
        let Scope::Agencies(agencies) = scope else { return None };
        let places = self.bind_all(agencies.iter().map(|agency| agency.0));
        // A scope of nobody: a list must not be empty, and nothing equals this.
        Some(if places.is_empty() { "(NULL)".to_owned() } else { format!("({places})") })
    }

    pub(crate) async fn fetch_all<T>(self, database: &Database) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let Self { text, cells } = self;
        on_db!(&database.readers, pool => {
            let mut query = sqlx::query_as(AssertSqlSafe(text));
            for cell in cells {
                query = match cell {
                    Cell::Null => query.bind(None::<i64>),
                    Cell::Int(value) => query.bind(value),
                    Cell::Text(value) => query.bind(value.into_owned()),
                    Cell::Uuid(value) => query.bind(value),
                };
            }
            query.fetch_all(pool).await
        })
    }
}
