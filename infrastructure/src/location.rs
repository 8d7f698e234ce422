//! Where the databases are. One `--store` URL is enough: the rest follows from it.

use std::path::{Path, PathBuf};

use crate::environment;

/// One database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DbUrl {
    Sqlite(PathBuf),
    /// The URL as given. It may carry a password: it is never printed.
    Postgres(PostgresUrl),
}

/// A connection URL whose `Debug` keeps the password to itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The same server, another database.
    pub fn with_database(&self, name: &str) -> Self {
        let (base, query) =
            self.0.split_once('?').map_or((self.0.as_str(), None), |(base, query)| (base, Some(query)));
        let scheme_end = base.find("://").map_or(0, |at| at + 3);
        let path = base[scheme_end..].find('/').map_or(base.len(), |at| scheme_end + at);
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Self(format!("{}/{name}{query}", &base[..path]))
    }

    /// Host, port and database, without user and password.
    pub fn public(&self) -> String {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        rest.split('?').next().unwrap_or_default().to_owned()
    }
}

impl std::fmt::Debug for PostgresUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "postgres://{}", self.public())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocation {
    // The text itself may hold a password, so it is not repeated.
    #[error("a store is sqlite:PATH or postgres://HOST/DATABASE; this URL has another scheme")]
    Scheme,
    #[error("a store URL of the form sqlite:PATH needs a path")]
    NoPath,
    #[error(
        "no place for the keys of a PostgreSQL store: neither HOME nor XDG_DATA_HOME is set, so give --keys"
    )]
    NoDataHome,
}

impl DbUrl {
    pub fn parse(text: &str) -> Result<Self, InvalidLocation> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(PostgresUrl(text.to_owned())));
        }
        let path = text.strip_prefix("sqlite:").ok_or(InvalidLocation::Scheme)?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(InvalidLocation::NoPath);
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl std::fmt::Display for DbUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            Self::Postgres(url) => write!(formatter, "{url:?}"),
        }
    }
}

/// The databases of one installation. Three, so that the runner never fights the lane for SQLite's single writer, and
/// so that keys are never in the log's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub log: DbUrl,
    pub read: DbUrl,
    pub keys: DbUrl,
    /// The file of the master key that wraps every other key.
    pub master_key: PathBuf,
    /// The folder of the content store.
    pub files: PathBuf,
}

impl Location {
    /// `sqlite:motcua.db` keeps `motcua-read.db`, `motcua-keys.db`, `motcua-master.key` and `motcua-files` beside it. A
    /// PostgreSQL store keeps log and read models in two schemas of one database, and its keys in a file of this user
    /// unless `keys` says where; files are beside the master key.
    pub fn from_urls(
        store: &str,
        keys: Option<&str>,
        master_key: Option<&Path>,
    ) -> Result<Self, InvalidLocation> {
        let log = DbUrl::parse(store)?;
        let keys = keys.map(DbUrl::parse).transpose()?;
        let (read, keys, beside) = match &log {
            DbUrl::Sqlite(path) => {
                let keys = keys.unwrap_or_else(|| DbUrl::Sqlite(sibling(path, "-keys.db")));
                (DbUrl::Sqlite(sibling(path, "-read.db")), keys, sibling(path, "-master.key"))
            }
            DbUrl::Postgres(url) => {
                let home = environment::data_home().ok_or(InvalidLocation::NoDataHome);
                let name = url.public().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                let keys = match keys {
                    Some(keys) => keys,
                    None => DbUrl::Sqlite(home.clone()?.join(format!("{name}-keys.db"))),
                };
                let beside = match &keys {
                    DbUrl::Sqlite(path) => path.with_extension("key"),
                    DbUrl::Postgres(_) => match master_key {
                        Some(given) => given.to_owned(),
                        None => home?.join(format!("{name}-master.key")),
                    },
                };
                (log.clone(), keys, beside)
            }
        };
        let master_key = master_key.map_or(beside, Path::to_owned);
        let files = match &log {
            DbUrl::Sqlite(path) => sibling(path, "-files"),
            DbUrl::Postgres(url) => {
                let name = url.public().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                master_key.with_file_name(format!("{name}-files"))
            }
        };
        Ok(Self { log, read, keys, master_key, files })
    }

    /// With the content store somewhere else.
    #[must_use]
    pub fn with_files(self, files: Option<&Path>) -> Self {
        Self { files: files.map_or(self.files, Path::to_owned), ..self }
    }
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!("{stem}{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_sqlite_store_are_siblings() {
        let location = Location::from_urls("sqlite:/var/lib/x/motcua.db", None, None).unwrap();
        assert_eq!(location.read, DbUrl::Sqlite("/var/lib/x/motcua-read.db".into()));
        assert_eq!(location.keys, DbUrl::Sqlite("/var/lib/x/motcua-keys.db".into()));
        assert_eq!(location.master_key, PathBuf::from("/var/lib/x/motcua-master.key"));
        assert_eq!(location.files, PathBuf::from("/var/lib/x/motcua-files"));
        let elsewhere = location.with_files(Some(Path::new("/srv/files")));
        assert_eq!(elsewhere.files, PathBuf::from("/srv/files"));
    }

    #[test]
    fn a_password_is_never_printed() {
        let url = DbUrl::parse("postgres://user:hunter2@db.example:5433/motcua?sslmode=require").unwrap();
        assert_eq!(url.to_string(), "postgres://db.example:5433/motcua");
        assert!(!format!("{url:?}").contains("hunter2"));
    }

    #[test]
    fn another_database_of_the_same_server() {
        let DbUrl::Postgres(url) = DbUrl::parse("postgres://u:p@h:5433/one?sslmode=disable").unwrap() else {
            panic!("not PostgreSQL")
        };
        assert_eq!(url.with_database("two").expose(), "postgres://u:p@h:5433/two?sslmode=disable");
    }

    #[test]
    fn other_urls_are_refused() {
        assert_eq!(DbUrl::parse("mysql://x"), Err(InvalidLocation::Scheme));
        assert_eq!(DbUrl::parse("motcua.db"), Err(InvalidLocation::Scheme));
        assert_eq!(DbUrl::parse("sqlite:"), Err(InvalidLocation::NoPath));
    }
}
