//! Bulk load and bulk upsert of any table, in both dialects. With the lane this is the only dialect-specific SQL of
//! the program: bulk input is arrays in PostgreSQL, and JSON ids and chunks of rows in SQLite.

use infrastructure::db::{Database, Db, Tx};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

/// A table as its read model describes it.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    /// The first is the partition.
    pub key: &'static [Column],
    pub values: &'static [Column],
}

#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

/// Instants are `Int`: microseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
    Uuid,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cell {
    Null,
    Int(i64),
    Text(String),
    Uuid(Uuid),
}

/// Shorthand for the tables of read models.
pub const fn int(name: &'static str) -> Column {
    Column { name, kind: Kind::Int }
}

pub const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

pub const fn uuid(name: &'static str) -> Column {
    Column { name, kind: Kind::Uuid }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Uuid> for Cell {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row that does not hold what its read model wrote: corruption, or somebody else's hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row does not have the shape of its read model")]
pub struct WrongCell;

/// The cells of a loaded row, taken one after the other.
pub struct Cells(std::vec::IntoIter<Cell>);

impl Cells {
    pub fn new(cells: Vec<Cell>) -> Self {
        Self(cells.into_iter())
    }

    pub fn int(&mut self) -> Result<i64, WrongCell> {
        self.int_or_null()?.ok_or(WrongCell)
    }

    pub fn int_or_null(&mut self) -> Result<Option<i64>, WrongCell> {
        match self.0.next() {
            Some(Cell::Int(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            Some(Cell::Text(_) | Cell::Uuid(_)) | None => Err(WrongCell),
        }
    }

    pub fn text(&mut self) -> Result<String, WrongCell> {
        self.text_or_null()?.ok_or(WrongCell)
    }

    pub fn text_or_null(&mut self) -> Result<Option<String>, WrongCell> {
        match self.0.next() {
            Some(Cell::Text(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            Some(Cell::Int(_) | Cell::Uuid(_)) | None => Err(WrongCell),
        }
    }

    pub fn uuid(&mut self) -> Result<Uuid, WrongCell> {
        self.uuid_or_null()?.ok_or(WrongCell)
    }

    pub fn uuid_or_null(&mut self) -> Result<Option<Uuid>, WrongCell> {
        match self.0.next() {
            Some(Cell::Uuid(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            Some(Cell::Int(_) | Cell::Text(_)) | None => Err(WrongCell),
        }
    }
}

/// The statements of one table.
#[derive(Debug)]
pub(crate) struct Statements {
    table: Table,
    load_sqlite: String,
    load_postgres: String,
    /// For so many rows at a time.
    upsert_sqlite: [(usize, String); 3],
    upsert_postgres: String,
    copy_postgres: String,
}

/// SQLite takes rows by the chunk: few statements, each prepared once. Measured against one JSON text unpacked by
/// `json_each`, which parses every row once per column.
const SQLITE_ROWS: [usize; 3] = [128, 16, 1];

/// What an upsert does with a row that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnConflict {
    Replace,
    /// Values are numbers, and are added.
    Add,
}

impl Table {
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.key.iter().chain(self.values)
    }

    fn column_list(&self) -> String {
        self.columns().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }
}

/// All rows of a read model or of its tally, in the order of the key: for comparing one with another.
pub async fn rows(database: &Database, table: Table) -> sqlx::Result<Vec<Vec<Cell>>> {
    Statements::new(table, table.name, OnConflict::Replace).load_all(database).await
}

impl Statements {
    /// For a table of this shape under a name of its own.
    pub(crate) fn new(table: Table, name: &str, on_conflict: OnConflict) -> Self {
        let columns = table.column_list();
        let partition = table.key[0].name;
        let key = table.key.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let set = table
            .values
            .iter()
            .map(|Column { name: column, .. }| match on_conflict {
                OnConflict::Replace => format!("{column} = excluded.{column}"),
                OnConflict::Add => format!("{column} = {name}.{column} + excluded.{column}"),
            })
            .collect::<Vec<_>>()
            .join(", ");
        let row = format!("({})", vec!["?"; table.columns().count()].join(", "));
        let upsert_sqlite = |rows: usize| {
            let rows = vec![row.as_str(); rows].join(", ");
            format!("INSERT INTO {name} ({columns}) VALUES {rows} ON CONFLICT ({key}) DO UPDATE SET {set}")
        };
        let from_arrays = (1..)
            .zip(table.columns())
            .map(|(n, column)| match column.kind {
                Kind::Int => format!("${n}::bigint[]"),
                Kind::Text => format!("${n}::text[]"),
                Kind::Uuid => format!("${n}::uuid[]"),
            })
            .collect::<Vec<_>>()
            .join(", ");
        Self {
            table,
            load_sqlite: format!(
                "SELECT {columns} FROM {name} WHERE {partition} IN (SELECT unhex(value) FROM json_each($1))"
            ),
            load_postgres: format!("SELECT {columns} FROM {name} WHERE {partition} = ANY($1)"),
            copy_postgres: format!("COPY {name} ({columns}) FROM STDIN"),
            upsert_sqlite: SQLITE_ROWS.map(|rows| (rows, upsert_sqlite(rows))),
            upsert_postgres: format!(
                "INSERT INTO {name} ({columns}) SELECT * FROM UNNEST({from_arrays})
                 ON CONFLICT ({key}) DO UPDATE SET {set}"
            ),
        }
    }

    /// All rows of some partitions.
    pub(crate) async fn load(&self, tx: &mut Tx, partitions: &[Uuid]) -> sqlx::Result<Vec<Vec<Cell>>> {
        match tx {
            Tx::Sqlite(tx) => {
                let ids: Vec<String> = partitions.iter().map(|id| id.simple().to_string()).collect();
                let rows = sqlx::query(AssertSqlSafe(self.load_sqlite.as_str()))
                    .bind(json(&ids)?)
                    .fetch_all(&mut **tx)
                    .await?;
                rows.iter().map(|row| self.cells_sqlite(row)).collect()
            }
            Tx::Postgres(tx) => {
                let rows = sqlx::query(AssertSqlSafe(self.load_postgres.as_str()))
                    .bind(partitions)
                    .fetch_all(&mut **tx)
                    .await?;
                rows.iter().map(|row| self.cells_postgres(row)).collect()
            }
        }
    }

    /// The whole table in the order of its key.
    pub(crate) async fn load_all(&self, database: &Database) -> sqlx::Result<Vec<Vec<Cell>>> {
        let Table { name, key, .. } = self.table;
        let key: Vec<&str> = key.iter().map(|column| column.name).collect();
        let sql = format!("SELECT {} FROM {name} ORDER BY {}", self.table.column_list(), key.join(", "));
        match &database.readers {
            Db::Sqlite(pool) => {
                let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await?;
                rows.iter().map(|row| self.cells_sqlite(row)).collect()
            }
            Db::Postgres(pool) => {
                let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await?;
                rows.iter().map(|row| self.cells_postgres(row)).collect()
            }
        }
    }

    /// Writes rows: all in one statement, or in few.
    pub(crate) async fn upsert(&self, tx: &mut Tx, rows: &[Vec<Cell>]) -> sqlx::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        match tx {
            Tx::Sqlite(tx) => {
                let mut rest = rows;
                for (size, sql) in &self.upsert_sqlite {
                    while let Some((chunk, after)) = rest.split_at_checked(*size) {
                        let mut query = sqlx::query(AssertSqlSafe(sql.as_str()));
                        for cell in chunk.iter().flatten() {
                            query = match cell {
                                Cell::Null => query.bind(None::<i64>),
                                Cell::Int(value) => query.bind(*value),
                                Cell::Text(value) => query.bind(value.as_str()),
                                Cell::Uuid(value) => query.bind(*value),
                            };
                        }
                        query.execute(&mut **tx).await?;
                        rest = after;
                    }
                }
            }
            Tx::Postgres(tx) => {
                let mut query = sqlx::query(AssertSqlSafe(self.upsert_postgres.as_str()));
                for (n, column) in self.table.columns().enumerate() {
                    query = match column.kind {
                        Kind::Int => query.bind(array(rows, n, |cell| match cell {
                            Cell::Int(value) => Some(*value),
                            Cell::Null | Cell::Text(_) | Cell::Uuid(_) => None,
                        })),
                        Kind::Text => query.bind(array(rows, n, |cell| match cell {
                            Cell::Text(value) => Some(value.as_str()),
                            Cell::Null | Cell::Int(_) | Cell::Uuid(_) => None,
                        })),
                        Kind::Uuid => query.bind(array(rows, n, |cell| match cell {
                            Cell::Uuid(value) => Some(*value),
                            Cell::Null | Cell::Int(_) | Cell::Text(_) => None,
                        })),
                    };
                }
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// Writes rows whose keys are not there yet, many at a time.
    pub(crate) async fn insert(&self, tx: &mut Tx, rows: &[Vec<Cell>]) -> sqlx::Result<()> {
        match tx {
            // Already as few statements as there can be.
            Tx::Sqlite(_) => self.upsert(tx, rows).await,
            Tx::Postgres(_) if rows.is_empty() => Ok(()),
            Tx::Postgres(tx) => {
                let mut copy = tx.copy_in_raw(&self.copy_postgres).await?;
                copy.send(copy_text(rows)).await?;
                copy.finish().await.map(|_| ())
            }
        }
    }

    // The two are the same text over two row types, which share no trait that would hold it.
    fn cells_sqlite(&self, row: &SqliteRow) -> sqlx::Result<Vec<Cell>> {
        self.table
            .columns()
            .enumerate()
            .map(|(n, column)| match column.kind {
                Kind::Int => row.try_get::<Option<i64>, _>(n).map(Cell::from),
                Kind::Text => row.try_get::<Option<String>, _>(n).map(Cell::from),
                Kind::Uuid => row.try_get::<Option<Uuid>, _>(n).map(Cell::from),
            })
            .collect()
    }

    fn cells_postgres(&self, row: &PgRow) -> sqlx::Result<Vec<Cell>> {
        self.table
            .columns()
            .enumerate()
            .map(|(n, column)| match column.kind {
                Kind::Int => row.try_get::<Option<i64>, _>(n).map(Cell::from),
                Kind::Text => row.try_get::<Option<String>, _>(n).map(Cell::from),
                Kind::Uuid => row.try_get::<Option<Uuid>, _>(n).map(Cell::from),
            })
            .collect()
    }
}

fn array<'a, T>(rows: &'a [Vec<Cell>], n: usize, value: impl Fn(&'a Cell) -> Option<T>) -> Vec<Option<T>> {
    rows.iter().map(|row| row.get(n).and_then(&value)).collect()
}

/// Rows as PostgreSQL's `COPY … FROM STDIN` takes them: tabs between cells, a line per row.
fn copy_text(rows: &[Vec<Cell>]) -> Vec<u8> {
    let mut text = String::new();
    for row in rows {
        for (n, cell) in row.iter().enumerate() {
            if 0 < n {
                text.push('\t');
            }
            match cell {
                Cell::Null => text.push_str("\\N"),
                Cell::Int(value) => text.push_str(&value.to_string()),
                Cell::Uuid(value) => text.push_str(&value.to_string()),
                Cell::Text(value) => value.chars().for_each(|character| match character {
                    '\\' => text.push_str("\\\\"),
                    '\t' => text.push_str("\\t"),
                    '\n' => text.push_str("\\n"),
                    '\r' => text.push_str("\\r"),
                    other => text.push(other),
                }),
            }
        }
        text.push('\n');
    }
    text.into_bytes()
}

fn json(ids: &[String]) -> sqlx::Result<String> {
    serde_json::to_string(ids).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_copied_as_they_are() {
        let id = Uuid::from_u128(7);
        let row = vec![
            Cell::Uuid(id),
            Cell::Int(-5),
            Cell::Null,
            Cell::from(""),
            Cell::from("\\N"),
            Cell::from("Sở\tTư\npháp\r\\."),
        ];
        let expected = format!("{id}\t-5\t\\N\t\t\\\\N\tSở\\tTư\\npháp\\r\\\\.\n");
        assert_eq!(String::from_utf8(copy_text(&[row])).unwrap(), expected);
    }
}
