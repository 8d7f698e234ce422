//! Back ends to test against, each test with a store of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use infrastructure::environment::variable;
use infrastructure::location::{DbUrl, Location};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A back end that a suite runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// The back ends there are. A required one that is missing fails the run; another one says that it was not run.
pub(crate) fn backends() -> Vec<Backend> {
    let required = variable("REQUIRED_BACKENDS").unwrap_or_default();
    let mut backends = vec![Backend::Sqlite];
    match variable("TEST_POSTGRES_URL") {
        Some(_) => backends.push(Backend::Postgres),
        None => {
            assert!(
                !required.contains("postgres"),
                "PostgreSQL is required, but TEST_POSTGRES_URL is not set"
            );
            println!("not run: postgres (TEST_POSTGRES_URL is not set)");
        }
    }
    backends
}

/// Whether the slow depth was asked for.
pub(crate) fn is_long() -> bool {
    variable("MOTCUA_LONG").is_some()
}

/// A folder and, on PostgreSQL, a database, both gone at the end.
pub(crate) struct Place {
    pub(crate) backend: Backend,
    pub(crate) folder: PathBuf,
    database: Option<String>,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Place {
    pub(crate) async fn new(backend: Backend) -> Self {
        let name = format!("motcua_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => {
                admin(&format!("CREATE DATABASE {name}")).await;
                Some(name)
            }
        };
        Self { backend, folder, database }
    }

    /// The `--store` URL.
    pub(crate) fn store(&self) -> String {
        match &self.database {
            None => format!("sqlite:{}", self.folder.join("motcua.db").display()),
            Some(name) => match DbUrl::parse(&variable("TEST_POSTGRES_URL").unwrap()).unwrap() {
                DbUrl::Postgres(url) => url.with_database(name).expose().to_owned(),
                DbUrl::Sqlite(_) => panic!("TEST_POSTGRES_URL is not a PostgreSQL URL"),
            },
        }
    }

    /// The `--keys` URL: a file of this test's own on both back ends.
    pub(crate) fn keys(&self) -> String {
        format!("sqlite:{}", self.folder.join("motcua-keys.db").display())
    }

    pub(crate) fn location(&self) -> Location {
        let master = self.folder.join("motcua-master.key");
        Location::from_urls(&self.store(), Some(&self.keys()), Some(&master)).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        if let Some(name) = self.database.take() {
            // A runtime of its own: dropping may happen inside one that cannot wait.
            let dropped = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(admin(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
            });
            let _ = dropped.join();
        }
    }
}

/// A statement on the server itself.
async fn admin(sql: &str) {
    let url = variable("TEST_POSTGRES_URL").unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
}

/// The folder of real input, if it is there. `REQUIRED_INPUT` makes its absence a failure.
pub(crate) fn real_input() -> Option<PathBuf> {
    let folder = variable("MOTCUA_REAL_INPUT")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        variable("REQUIRED_INPUT").is_none(),
        "real input is required, but {} is absent",
        folder.display()
    );
    println!("not run: there is no real input at {}", folder.display());
    None
}

/// The binary under test. It must be there, and not older than the sources that it is built from.
pub(crate) fn binary() -> PathBuf {
    let path = variable("MOTCUA_BIN").map(PathBuf::from).unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap();
        test.parent().and_then(std::path::Path::parent).unwrap().join("motcua")
    });
    let built = std::fs::metadata(&path).and_then(|file| file.modified());
    let built = built.unwrap_or_else(|error| panic!("the binary under test {}: {error}", path.display()));
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    for krate in ["domain", "infrastructure", "projections", "api"] {
        newer_source(&root.join(krate).join("src"), built);
    }
    path
}

fn newer_source(folder: &std::path::Path, built: std::time::SystemTime) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            newer_source(&entry.path(), built);
        } else {
            let changed = entry.metadata().unwrap().modified().unwrap();
            let path = entry.path();
            assert!(
                changed <= built,
                "{} is newer than the binary under test: build it again",
                path.display()
            );
        }
    }
}
