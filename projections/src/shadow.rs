//! A read model that is built beside the one that answers, and takes its place in one transaction. docs/adr/0015
//!
//! A shadow is a table of the same shape under another name, with a checkpoint, a lease and parked streams of its own:
//! what was built survives a crash, and the same rebuild goes on from there.

use domain::recorded::Position;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use infrastructure::db::{Database, Db, Tx};
use infrastructure::on_tx;
use sqlx::AssertSqlSafe;

use crate::lease;
use crate::read_model::Model;

/// The table that answers, or the one that is built beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Live,
    Shadow,
}

impl Slot {
    /// What a table or a checkpoint is called in this slot.
    pub(crate) fn name(self, name: &str) -> String {
        match self {
            Self::Live => name.to_owned(),
            Self::Shadow => format!("{name}_shadow"),
        }
    }
}

// Two rebuilds that begin at once wait for each other here.
const LOCK: &str = "UPDATE checkpoint SET fence = fence WHERE name = $1";
const FIND: &str = "SELECT version, position FROM checkpoint WHERE name = $1";
const FORGET: &str = "DELETE FROM checkpoint WHERE name = $1";
const UNPARK: &str = "DELETE FROM parked WHERE name = $1";
// Whoever feeds the live model must take it again: the rows that it has in memory are not those of the new table. It
// stays the holder, so that the models that are fed together are not torn apart.
const SEIZE: &str = "UPDATE checkpoint SET fence = fence + 1, changes = changes + 1 WHERE name = $1 RETURNING position, version";
const BECOME: &str = "UPDATE checkpoint SET version = $2, position = $3, stopped = NULL WHERE name = $1";
const PARKED_BECOME: &str = "UPDATE parked SET name = $1 WHERE name = $2";
/// How long readers are kept waiting for a flip that has to wait for other readers.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '500ms'";
const TABLE_SQLITE: &str = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = $1";
// Without those that belong to the table itself, as that of its key.
const INDEXES_SQLITE: &str = "SELECT name, sql FROM sqlite_master
    WHERE type = 'index' AND tbl_name = $1 AND sql IS NOT NULL ORDER BY name";
const KEY_POSTGRES: &str = "SELECT pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = to_regclass($1) AND contype = 'p'";
const INDEXES_POSTGRES: &str = "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = to_regclass($1) AND NOT indisprimary ORDER BY 1";
/// For sorting the entries of an index.
const INDEX_MEMORY: &str = "SET LOCAL maintenance_work_mem = '256MB'";

pub(crate) const SQL: &[&str] = &[LOCK, FIND, FORGET, UNPARK, SEIZE, BECOME, PARKED_BECOME];

/// Makes room for a rebuild, or finds what an earlier one has left; says where it goes on.
pub(crate) async fn prepare(database: &Database, model: Model, head: Position) -> sqlx::Result<Position> {
    let shadow = Slot::Shadow.name(model.name());
    let mut tx = database.begin_write().await?;
    lease::create(&mut tx, model.name(), model.version()).await?;
    execute(&mut tx, LOCK, &[model.name()]).await?;
    let found: Option<(i64, i64)> = on_tx!(&mut tx, connection => {
        sqlx::query_as(FIND).bind(&shadow).fetch_optional(connection).await
    })?;
    if let Some((version, position)) = found
        && version == model.version()
        && position <= head.0
    {
        tx.commit().await?;
        return Ok(Position(position));
    }
    execute(&mut tx, FORGET, &[&shadow]).await?;
    execute(&mut tx, UNPARK, &[&shadow]).await?;
    for table in tables(model) {
        drop_table(&mut tx, &Slot::Shadow.name(table)).await?;
        clone_table(&mut tx, table, &Slot::Shadow.name(table)).await?;
    }
    lease::create(&mut tx, &shadow, model.version()).await?;
    tx.commit().await?;
    Ok(Position(0))
}

/// Where the live model is, and its version. Its checkpoint is locked until the transaction ends, so it cannot move on.
pub(crate) async fn seize(tx: &mut Tx, model: Model) -> sqlx::Result<(Position, i64)> {
    let (position, version): (i64, i64) = on_tx!(tx, connection => {
        sqlx::query_as(SEIZE).bind(model.name()).fetch_one(connection).await
    })?;
    Ok((Position(position), version))
}

/// Puts the shadow in the place of the live model: tables, counters, parked streams and checkpoint. Both leases must be
/// held in this transaction.
pub(crate) async fn flip(tx: &mut Tx, model: Model, at: Position) -> sqlx::Result<()> {
    let (live, shadow) = (model.name(), Slot::Shadow.name(model.name()));
    if let Tx::Postgres(tx) = tx {
        sqlx::query(LOCK_TIMEOUT).execute(&mut **tx).await?;
    }
    for table in tables(model) {
        run(tx, format!("ALTER TABLE {table} RENAME TO {}", retired(table))).await?;
        run(tx, format!("ALTER TABLE {} RENAME TO {table}", Slot::Shadow.name(table))).await?;
    }
    execute(tx, UNPARK, &[live]).await?;
    execute(tx, PARKED_BECOME, &[live, &shadow]).await?;
    execute(tx, FORGET, &[&shadow]).await?;
    on_tx!(tx, connection => sqlx::query(BECOME)
        .bind(live).bind(model.version()).bind(at.0).execute(connection).await.map(|_| ()))
}

/// Drops what a flip has put aside. Not in the flip itself, which readers wait for; nobody can read it any more: who
/// began before has its snapshot (SQLite) or was waited for (PostgreSQL).
pub(crate) async fn drop_retired(database: &Database, model: Model) -> sqlx::Result<()> {
    let mut tx = database.begin_write().await?;
    for table in tables(model) {
        drop_table(&mut tx, &retired(table)).await?;
    }
    tx.commit().await
}

fn tables(model: Model) -> impl Iterator<Item = &'static str> {
    let (table, tally) = model.tables();
    [Some(table), tally].into_iter().flatten().map(|table| table.name)
}

fn retired(table: &str) -> String {
    format!("{table}_retired")
}

/// A table of the same shape with its key, as the migrations have left it. Its other indexes are made when it is full:
/// to sort once is a fraction of the work.
async fn clone_table(tx: &mut Tx, table: &str, shadow: &str) -> sqlx::Result<()> {
    match tx {
        Tx::Sqlite(connection) => {
            let made: String =
                sqlx::query_scalar(TABLE_SQLITE).bind(table).fetch_one(&mut **connection).await?;
            run(tx, format!("CREATE TABLE {shadow} {}", shape(&made, "("))).await
        }
        Tx::Postgres(connection) => {
            let key: String =
                sqlx::query_scalar(KEY_POSTGRES).bind(table).fetch_one(&mut **connection).await?;
            run(tx, format!("CREATE TABLE {shadow} (LIKE {table} INCLUDING ALL EXCLUDING INDEXES)")).await?;
            run(tx, format!("ALTER TABLE {shadow} ADD {key}")).await
        }
    }
}

/// Gives the shadow the indexes that the live table has, as far as it has not got them yet: each in a transaction of its
/// own, so that whoever feeds the live models gets in between, and a rebuild that is killed here goes on here.
pub(crate) async fn index(database: &Database, model: Model) -> sqlx::Result<()> {
    for table in tables(model) {
        let shadow = Slot::Shadow.name(table);
        let mut tx = database.begin_write().await?;
        let (wanted, there) = (indexes(&mut tx, table).await?, indexes(&mut tx, &shadow).await?);
        tx.rollback().await?;
        let missing = wanted.iter().filter(|wanted| !there.iter().any(|index| index.shape == wanted.shape));
        let making: Vec<_> = missing.map(|index| index.make(database, table, &shadow).boxed()).collect();
        stream::iter(making).buffer_unordered(at_once(database)).try_collect::<()>().await?;
        if let Db::Postgres(pool) = &database.writer {
            // Until the server does so by itself the planner would know nothing of the new table.
            sqlx::query(AssertSqlSafe(format!("ANALYZE {shadow}"))).execute(pool).await?;
        }
    }
    Ok(())
}

struct Index {
    name: String,
    is_unique: bool,
    /// Columns and condition, as the database tells them.
    shape: String,
}

/// Indexes of one table that are made at the same time: PostgreSQL sorts on more than one core.
fn at_once(database: &Database) -> usize {
    match database.writer {
        Db::Sqlite(_) => 1,
        Db::Postgres(_) => 2,
    }
}

impl Index {
    async fn make(&self, database: &Database, table: &str, shadow: &str) -> sqlx::Result<()> {
        let Self { name, is_unique, shape } = self;
        tracing::info!(table, index = name, "indexing");
        let mut tx = database.begin_write().await?;
        let unique = if *is_unique { "UNIQUE " } else { "" };
        let name = match &mut tx {
            Tx::Sqlite(_) => other_index_name(name),
            // PostgreSQL finds one by itself.
            Tx::Postgres(connection) => {
                sqlx::query(INDEX_MEMORY).execute(&mut **connection).await?;
                String::new()
            }
        };
        run(&mut tx, format!("CREATE {unique}INDEX {name} ON {shadow} {shape}")).await?;
        tx.commit().await
    }
}

async fn indexes(tx: &mut Tx, table: &str) -> sqlx::Result<Vec<Index>> {
    let (made, begins): (Vec<(String, String)>, _) = match tx {
        Tx::Sqlite(tx) => (sqlx::query_as(INDEXES_SQLITE).bind(table).fetch_all(&mut **tx).await?, "("),
        Tx::Postgres(tx) => {
            (sqlx::query_as(INDEXES_POSTGRES).bind(table).fetch_all(&mut **tx).await?, "USING ")
        }
    };
    let index = |(name, sql): (String, String)| Index {
        name,
        is_unique: sql.starts_with("CREATE UNIQUE"),
        shape: shape(&sql, begins).to_owned(),
    };
    Ok(made.into_iter().map(index).collect())
}

/// What follows the names in a definition.
fn shape<'a>(sql: &'a str, begins: &str) -> &'a str {
    sql.find(begins).map_or("", |at| &sql[at..])
}

/// SQLite renames no index, and two cannot have one name: they alternate between two names, neither of which is a
/// migration's.
fn other_index_name(name: &str) -> String {
    match (name.strip_suffix("__a"), name.strip_suffix("__b")) {
        (Some(base), _) => format!("{base}__b"),
        (None, Some(base)) => format!("{base}__a"),
        (None, None) => format!("{name}__a"),
    }
}

async fn drop_table(tx: &mut Tx, table: &str) -> sqlx::Result<()> {
    run(tx, format!("DROP TABLE IF EXISTS {table}")).await
}

/// A statement over names that are ours.
async fn run(tx: &mut Tx, sql: String) -> sqlx::Result<()> {
    on_tx!(tx, connection => sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(|_| ()))
}

async fn execute(tx: &mut Tx, sql: &'static str, names: &[&str]) -> sqlx::Result<()> {
    on_tx!(tx, connection => {
        let query = names.iter().fold(sqlx::query(sql), |query, name| query.bind((*name).to_owned()));
        query.execute(connection).await.map(|_| ())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_never_gets_the_name_that_it_has() {
        let first = other_index_name("dossier_summary_code");
        let second = other_index_name(&first);
        assert_eq!([first.as_str(), second.as_str()], ["dossier_summary_code__a", "dossier_summary_code__b"]);
        assert_eq!(other_index_name(&second), first);
    }
}
