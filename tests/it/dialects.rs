//! Two dialects, one text: the same statements, the same tables, the same migrations. docs/adr/0006

use std::collections::BTreeMap;
use std::path::Path;

use infrastructure::db::{Contents, Database, Db};
use infrastructure::location::DbUrl;
use infrastructure::{event_store, read_log};
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use crate::support::{Backend, Place, block_on, is_there, on_each_backend};

on_each_backend!(every_statement_of_the_log_prepares);

async fn every_statement_of_the_log_prepares(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    assert!(!event_store::SQL.is_empty());
    for statement in event_store::SQL.iter().chain(read_log::SQL) {
        let statement = AssertSqlSafe(*statement).into_sql_str();
        let prepared = match &store.database().writer {
            Db::Sqlite(pool) => pool.prepare(statement.clone()).await.map(|_| ()),
            Db::Postgres(pool) => pool.prepare(statement.clone()).await.map(|_| ()),
        };
        prepared.unwrap_or_else(|error| panic!("{}: {error}", statement.as_str()));
    }
}

const SETS: [(&str, Contents); 3] =
    [("log", Contents::Log), ("read", Contents::Read), ("keys", Contents::Keys)];

#[test]
fn both_dialects_have_the_same_migrations() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("migrations");
    let names = |set: &str, dialect: &str| {
        let mut names: Vec<_> = std::fs::read_dir(root.join(set).join(dialect))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let mut sets: Vec<_> = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    sets.sort();
    assert_eq!(sets, ["keys", "log", "read"]);
    for (set, _) in SETS {
        assert_eq!(names(set, "sqlite"), names(set, "postgres"), "migrations/{set}");
        assert!(!names(set, "sqlite").is_empty());
    }
}

/// Column by column: name, kind, and whether it may be absent.
type Tables = BTreeMap<String, Vec<(String, &'static str, bool)>>;

/// Both dialects must have the same columns in the same order, of types that hold the same values.
#[test]
fn both_dialects_have_the_same_tables() {
    if !is_there(Backend::Postgres) {
        return;
    }
    block_on(async {
        for (set, contents) in SETS {
            let (sqlite, postgres) = (Place::new(Backend::Sqlite).await, Place::new(Backend::Postgres).await);
            let sqlite = sqlite_tables(&sqlite.log_url(), contents).await;
            let postgres = postgres_tables(&postgres.log_url(), contents, set).await;
            assert_eq!(sqlite, postgres, "migrations/{set}");
            assert!(!sqlite.is_empty());
        }
    });
}

async fn sqlite_tables(url: &DbUrl, contents: Contents) -> Tables {
    let Db::Sqlite(pool) = Database::open(url, contents).await.unwrap().writer else { unreachable!() };
    let rows: Vec<(String, String, String, bool, i64)> = sqlx::query_as(
        "SELECT t.name, c.name, c.type, c.\"notnull\", c.pk
         FROM pragma_table_list t, pragma_table_info(t.name) c
         WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '_sqlx_%'
         ORDER BY t.name, c.cid",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    tables(rows.into_iter().map(|(table, column, kind, not_null, key)| {
        let kind = match kind.as_str() {
            "INTEGER" => "number",
            "TEXT" => "text",
            "BLOB" => "bytes",
            other => panic!("{table}.{column}: a type {other} has no twin in PostgreSQL"),
        };
        (table, (column, kind, !not_null && key == 0))
    }))
}

async fn postgres_tables(url: &DbUrl, contents: Contents, schema: &str) -> Tables {
    let Db::Postgres(pool) = Database::open(url, contents).await.unwrap().writer else { unreachable!() };
    let rows: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES'
         FROM information_schema.columns WHERE table_schema = $1 AND table_name NOT LIKE '\\_sqlx\\_%'
         ORDER BY table_name, ordinal_position",
    )
    .bind(schema)
    .fetch_all(&pool)
    .await
    .unwrap();
    tables(rows.into_iter().map(|(table, column, kind, nullable)| {
        let kind = match kind.as_str() {
            "bigint" => "number",
            "text" => "text",
            "uuid" | "bytea" => "bytes",
            other => panic!("{table}.{column}: a type {other} has no twin in SQLite"),
        };
        (table, (column, kind, nullable))
    }))
}

fn tables(columns: impl Iterator<Item = (String, (String, &'static str, bool))>) -> Tables {
    let mut tables = Tables::new();
    for (table, column) in columns {
        tables.entry(table).or_default().push(column);
    }
    tables
}
