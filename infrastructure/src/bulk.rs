//! Much at once into a SQLite database: a connection that takes each row from where it lies, with a statement of one row
//! that is prepared once. Through the pool every value is copied twice and handed to another thread; measured in
//! docs/performance.md. PostgreSQL has `COPY`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::db::{BUSY_TIMEOUT, Trouble};

/// Opened when it is first needed; one at a time writes through it.
#[derive(Clone, Debug)]
pub struct Bulk {
    path: PathBuf,
    pragmas: &'static [(&'static str, &'static str)],
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Bulk {
    pub(crate) fn new(path: &Path, pragmas: &'static [(&'static str, &'static str)]) -> Self {
        Self { path: path.to_owned(), pragmas, connection: Arc::default() }
    }

    /// Does the work in one transaction, on a thread that may be kept waiting. It is committed if the work succeeds.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<rusqlite::Error> + Send + 'static,
    {
        let bulk = self.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let mut there = bulk.lock();
            // Not put back after a failure: the next one begins with another connection.
            let mut connection = match there.take() {
                Some(connection) => connection,
                None => bulk.open()?,
            };
            let tx = Transaction::new(&mut connection, TransactionBehavior::Immediate)?;
            let done = work(&tx)?;
            tx.commit()?;
            *there = Some(connection);
            Ok(done)
        });
        writing.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // What is written in bulk can be written again.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        for (name, value) in self.pragmas {
            connection.pragma_update(None, name, value)?;
        }
        Ok(connection)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn close(&self) {
        *self.lock() = None;
    }
}

/// Sorts an error, as [`crate::db::trouble`] does.
pub fn trouble(error: &rusqlite::Error) -> Trouble {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Passing,
        Some(ErrorCode::ReadOnly) => Trouble::ReadOnly,
        Some(ErrorCode::DiskFull) => Trouble::DiskFull,
        Some(_) | None => Trouble::Lasting,
    }
}
