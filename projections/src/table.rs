//! Bulk load and bulk upsert of any table, in both dialects. With the lane this is the only dialect-specific SQL of
//! the program: bulk input is arrays in PostgreSQL, and JSON ids and chunks of rows in SQLite.

use std::borrow::Cow;
use std::sync::Arc;

use infrastructure::db::{Database, Db, Tx};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Postgres, Row, Sqlite};
use tokio::sync::mpsc::Receiver;
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

/// A value of a row. Texts are borrowed where they are on their way into a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cell<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
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

impl From<i64> for Cell<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Cell<'_> {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl From<Uuid> for Cell<'_> {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row that does not hold what its read model wrote: corruption, or somebody else's hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row does not have the shape of its read model")]
pub struct WrongCell;

/// The cells of a loaded row, taken one after the other.
pub struct Cells(std::vec::IntoIter<Cell<'static>>);

impl Cells {
    pub fn new(cells: Vec<Cell<'static>>) -> Self {
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
            Some(Cell::Text(value)) => Ok(Some(value.into_owned())),
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
    insert_one_sqlite: String,
    upsert_one_sqlite: String,
    /// For so many rows at a time.
    upsert_sqlite: [(usize, Arc<str>); SQLITE_ROWS.len()],
    upsert_postgres: Arc<str>,
    copy_postgres: Arc<str>,
}

/// SQLite takes rows by the chunk: few statements, each prepared once. Measured against one JSON text unpacked by
/// `json_each`, which parses every row once per column.
const SQLITE_ROWS: [usize; 4] = [512, 64, 8, 1];

/// Whether rows are in the table already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// None of their keys is.
    New,
    /// They are, or may be.
    Changed,
}

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
pub async fn rows(database: &Database, table: Table) -> sqlx::Result<Vec<Vec<Cell<'static>>>> {
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
        let insert_sqlite = |rows: usize| {
            let rows = vec![row.as_str(); rows].join(", ");
            format!("INSERT INTO {name} ({columns}) VALUES {rows}")
        };
        let or_update = format!(" ON CONFLICT ({key}) DO UPDATE SET {set}");
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
            copy_postgres: format!("COPY {name} ({columns}) FROM STDIN (FORMAT binary)").into(),
            insert_one_sqlite: insert_sqlite(1),
            upsert_one_sqlite: insert_sqlite(1) + &or_update,
            upsert_sqlite: SQLITE_ROWS.map(|rows| (rows, (insert_sqlite(rows) + &or_update).into())),
            upsert_postgres: format!(
                "INSERT INTO {name} ({columns}) SELECT * FROM UNNEST({from_arrays})
                 ON CONFLICT ({key}) DO UPDATE SET {set}"
            )
            .into(),
        }
    }

    /// All rows of some partitions.
    pub(crate) async fn load(
        &self,
        database: &Database,
        partitions: &[Uuid],
    ) -> sqlx::Result<Vec<Vec<Cell<'static>>>> {
        match &database.readers {
            Db::Sqlite(pool) => {
                let ids: Vec<String> = partitions.iter().map(|id| id.simple().to_string()).collect();
                let rows = sqlx::query(AssertSqlSafe(self.load_sqlite.as_str()))
                    .bind(json(&ids)?)
                    .fetch_all(pool)
                    .await?;
                rows.iter().map(|row| self.cells_sqlite(row)).collect()
            }
            Db::Postgres(pool) => {
                let rows = sqlx::query(AssertSqlSafe(self.load_postgres.as_str()))
                    .bind(partitions)
                    .fetch_all(pool)
                    .await?;
                rows.iter().map(|row| self.cells_postgres(row)).collect()
            }
        }
    }

    /// The whole table in the order of its key.
    pub(crate) async fn load_all(&self, database: &Database) -> sqlx::Result<Vec<Vec<Cell<'static>>>> {
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

    /// Makes statements of rows: few, with many rows each. What takes long about it is done here, so that it can be done
    /// while earlier ones are executed.
    pub(crate) fn upserts(&self, dialect: Dialect, rows: &[Vec<Cell<'_>>]) -> Vec<Prepared> {
        match dialect {
            Dialect::Sqlite => in_chunks(&self.upsert_sqlite, rows),
            Dialect::Postgres if rows.is_empty() => Vec::new(),
            Dialect::Postgres => {
                let mut query = sqlx::query(AssertSqlSafe(Arc::clone(&self.upsert_postgres)));
                for (n, column) in self.table.columns().enumerate() {
                    query = match column.kind {
                        Kind::Int => query.bind(array(rows, n, |cell| match cell {
                            Cell::Int(value) => Some(*value),
                            Cell::Null | Cell::Text(_) | Cell::Uuid(_) => None,
                        })),
                        Kind::Text => query.bind(array(rows, n, |cell| match cell {
                            Cell::Text(value) => Some(value.as_ref()),
                            Cell::Null | Cell::Int(_) | Cell::Uuid(_) => None,
                        })),
                        Kind::Uuid => query.bind(array(rows, n, |cell| match cell {
                            Cell::Uuid(value) => Some(*value),
                            Cell::Null | Cell::Int(_) | Cell::Text(_) => None,
                        })),
                    };
                }
                vec![Prepared::Postgres(query)]
            }
        }
    }

    /// The same for rows whose keys are not there yet.
    pub(crate) fn inserts(&self, dialect: Dialect, rows: &[Vec<Cell<'_>>]) -> Vec<Prepared> {
        match dialect {
            Dialect::Sqlite => self.upserts(dialect, rows),
            Dialect::Postgres => {
                vec![Prepared::Copy { statement: Arc::clone(&self.copy_postgres), rows: copy_binary(rows) }]
            }
        }
    }

    /// Adds rows whose keys are not there yet, or changes rows, of a SQLite table.
    pub(crate) fn write_in_bulk(
        &self,
        connection: &Connection,
        are: Rows,
        rows: &[Vec<Cell<'_>>],
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(match are {
            Rows::New => &self.insert_one_sqlite,
            Rows::Changed => &self.upsert_one_sqlite,
        })?;
        for row in rows {
            for (n, cell) in (1_usize..).zip(row) {
                statement.raw_bind_parameter(n, cell)?;
            }
            statement.raw_execute()?;
        }
        Ok(())
    }

    /// Makes statements of rows, as [`Self::inserts`] and [`Self::upserts`].
    pub(crate) fn statements(&self, dialect: Dialect, are: Rows, rows: &[Vec<Cell<'_>>]) -> Vec<Prepared> {
        match are {
            Rows::New => self.inserts(dialect, rows),
            Rows::Changed => self.upserts(dialect, rows),
        }
    }

    // The two are the same text over two row types, which share no trait that would hold it.
    fn cells_sqlite(&self, row: &SqliteRow) -> sqlx::Result<Vec<Cell<'static>>> {
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

    fn cells_postgres(&self, row: &PgRow) -> sqlx::Result<Vec<Cell<'static>>> {
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

fn in_chunks(statements: &[(usize, Arc<str>)], rows: &[Vec<Cell<'_>>]) -> Vec<Prepared> {
    let mut rest = rows;
    let mut prepared = Vec::new();
    for (size, sql) in statements {
        while let Some((chunk, after)) = rest.split_at_checked(*size) {
            let mut query = sqlx::query(AssertSqlSafe(Arc::clone(sql)));
            for cell in chunk.iter().flatten() {
                query = match cell {
                    Cell::Null => query.bind(None::<i64>),
                    Cell::Int(value) => query.bind(*value),
                    Cell::Text(value) => query.bind(value.as_ref()),
                    Cell::Uuid(value) => query.bind(*value),
                };
            }
            prepared.push(Prepared::Sqlite(query));
            rest = after;
        }
    }
    prepared
}

fn array<'a, T>(
    rows: &'a [Vec<Cell<'_>>],
    n: usize,
    value: impl Fn(&'a Cell<'_>) -> Option<T>,
) -> Vec<Option<T>> {
    rows.iter().map(|row| row.get(n).and_then(&value)).collect()
}

/// Which of the two a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    pub(crate) fn of(tx: &Tx) -> Self {
        match tx {
            Tx::Sqlite(_) => Self::Sqlite,
            Tx::Postgres(_) => Self::Postgres,
        }
    }
}

/// A statement with its values.
pub(crate) enum Prepared {
    Sqlite(Query<'static, Sqlite, SqliteArguments>),
    Postgres(Query<'static, Postgres, PgArguments>),
    /// What follows it of the same kind belongs to the same `COPY`.
    Copy {
        statement: Arc<str>,
        rows: Vec<u8>,
    },
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Uuid(value) => ValueRef::Blob(value.as_bytes()),
        }))
    }
}

/// Executes statements as they come, each in a transaction of the dialect that it was made for.
pub(crate) async fn execute_all(tx: &mut Tx, mut statements: Receiver<Prepared>) -> sqlx::Result<()> {
    let mut next = statements.recv().await;
    while let Some(statement) = next {
        next = match (statement, &mut *tx) {
            (Prepared::Sqlite(query), Tx::Sqlite(tx)) => {
                query.execute(&mut **tx).await?;
                statements.recv().await
            }
            (Prepared::Postgres(query), Tx::Postgres(tx)) => {
                query.execute(&mut **tx).await?;
                statements.recv().await
            }
            (Prepared::Copy { statement, rows }, Tx::Postgres(tx)) => {
                // One for all rows: each would cost a few messages back and forth.
                let mut copy = tx.copy_in_raw(&statement).await?;
                copy.send(COPY_HEADER).await?;
                copy.send(rows).await?;
                let after = loop {
                    match statements.recv().await {
                        Some(Prepared::Copy { rows, .. }) => copy.send(rows).await?,
                        other => break other,
                    };
                };
                copy.send(COPY_END).await?;
                copy.finish().await?;
                after
            }
            (Prepared::Sqlite(_), Tx::Postgres(_))
            | (Prepared::Postgres(_) | Prepared::Copy { .. }, Tx::Sqlite(_)) => {
                return Err(sqlx::Error::Configuration("a statement of the other dialect".into()));
            }
        };
    }
    Ok(())
}

/// Executes statements that are all there.
pub(crate) async fn write_all(tx: &mut Tx, statements: Vec<Prepared>) -> sqlx::Result<()> {
    let (prepared, receiver) = tokio::sync::mpsc::channel(statements.len().max(1));
    for statement in statements {
        // There is room for all of them.
        let _ = prepared.try_send(statement);
    }
    drop(prepared);
    execute_all(tx, receiver).await
}

/// Signature, no flags, no header extension.
const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

const COPY_END: &[u8] = &(-1_i16).to_be_bytes();

/// Rows as PostgreSQL's binary `COPY` takes them: the number of cells, then each with its length before it.
fn copy_binary(rows: &[Vec<Cell<'_>>]) -> Vec<u8> {
    // Most cells are numbers and ids: 20 bytes with their length.
    let mut bytes = Vec::with_capacity(rows.iter().map(|row| 2 + 20 * row.len()).sum());
    let put = |bytes: &mut Vec<u8>, cell: &[u8]| {
        // A cell is part of an event, and those are bounded far below.
        bytes.extend(i32::try_from(cell.len()).unwrap_or(i32::MAX).to_be_bytes());
        bytes.extend_from_slice(cell);
    };
    for row in rows {
        bytes.extend(i16::try_from(row.len()).unwrap_or(i16::MAX).to_be_bytes());
        for cell in row {
            match cell {
                Cell::Null => bytes.extend((-1_i32).to_be_bytes()),
                Cell::Int(value) => put(&mut bytes, &value.to_be_bytes()),
                Cell::Uuid(value) => put(&mut bytes, value.as_bytes()),
                Cell::Text(value) => put(&mut bytes, value.as_bytes()),
            }
        }
    }
    bytes
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
        let row = vec![Cell::Uuid(id), Cell::Int(-5), Cell::Null, Cell::from(""), Cell::from("Sở\t\\N")];
        let mut expected = vec![0, 5, 0, 0, 0, 16];
        expected.extend(id.as_bytes());
        expected.extend([0, 0, 0, 8, 255, 255, 255, 255, 255, 255, 255, 251]);
        expected.extend([255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 7]);
        expected.extend("Sở\t\\N".as_bytes());
        assert_eq!(copy_binary(&[row]), expected);
    }
}
