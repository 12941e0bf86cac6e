//! The database of what plugins keep: one SQLite file, opened when it is first needed.
//!
//! - What was written is on the disk before [`Database::write`] returns: WAL, `synchronous = FULL`.
//! - One write at a time, and few reads and one of each party. Whoever waits for a turn waits no longer than its
//!   time; next is the party that did the least.
//! - No statement outlives its time: SQLite asks on its way.
//! - A file that is damaged, locked or not to be written is an error each time, and nothing else: the next
//!   call tries anew.

mod lane;
mod open;
mod wal;

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use self::{lane::Lane, wal::Wal};
use super::{
    told::Told,
    turns::{Asked, Turns},
};

/// The name of the file in the folder of data.
pub(crate) const FILE: &str = "hotplate.db";

/// How many reads go on at a time.
const READERS: usize = 4;

/// How long the lock of another process is waited for.
const LOCKED: Duration = Duration::from_secs(1);

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// The time was over.
    #[error("the database took longer than the time that was left")]
    Late,
    /// The file or its folder cannot be made.
    #[error("cannot open {path}: {error}", path = path.display())]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A newer version of the program made it.
    #[error("{path} was made by a newer version of hotplate", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// It is no database, or parts of it are damaged.
    #[error("{path} is damaged ({error}): move it away, or put a copy in its place", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
    /// Another process keeps it locked.
    #[error("{path} is locked by another process", path = path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Anything else: a full disk, missing rights.
    #[error("{path}: {error}", path = path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
}

/// The database. It holds no file before it is used.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    /// Each party writes one thing after the other.
    writing: Turns,
    writer: Lane,
    readers: Lane,
    wal: Wal,
    /// Brings the log into the file.
    keeper: Lane,
    /// Held by whoever opens the file: nobody finds it half made.
    opening: Mutex<()>,
    told: Told,
}

impl Database {
    /// The one in this file, which is made when something is first written.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self {
            path,
            writing: Turns::with_one_for_each(0),
            writer: Lane::of_one(),
            readers: Lane::of(READERS),
            wal: Wal::default(),
            keeper: Lane::of_one(),
            opening: Mutex::default(),
            told: Told::default(),
        }
    }

    /// Reads; `None` where nothing has ever been written.
    pub(crate) fn read<T, E: From<DatabaseError>>(
        &self,
        asked: Asked<'_>,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        if !self.path.exists() {
            return Ok(None);
        }
        let open = || {
            let _alone = self.alone();
            open::reader(&self.path, asked.until)
        };
        self.readers.with(asked, LOCKED, open, work).map(Some)
    }

    /// Writes: all of it or nothing. What it returns is said only after it is on the disk.
    pub(crate) fn write<T, E: From<DatabaseError>>(
        &self,
        asked: Asked<'_>,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _turn = self.writing.take(asked).ok_or(DatabaseError::Late)?;
        let (value, is_long) = self.on_writer(asked, |connection| {
            let transaction =
                Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
                    .map_err(|error| self.error(error))?;
            let value = work(&transaction)?;
            transaction.commit().map_err(|error| self.error(error))?;
            Ok::<_, E>((value, self.wal.grew(asked.by)))
        })?;
        if is_long {
            // What was written is on the disk all the same, and whoever writes next tries again.
            match self.bring_in(asked) {
                Ok(()) | Err(DatabaseError::Late) => {}
                Err(error) => self.tell(&error),
            }
        }
        Ok(value)
    }

    /// Brings the log into the file: most of it beside the writes of others.
    fn bring_in(&self, asked: Asked<'_>) -> Result<(), DatabaseError> {
        let step = |error| self.error(error);
        let open = || self.open_writer(asked);
        self.keeper.with(asked, LOCKED, open, |beside| {
            if !self.wal.is_long() {
                return Ok(());
            }
            wal::bring_most_in(beside).map_err(step)?;
            self.on_writer(asked, |alone| self.wal.bring_rest_in(alone).map_err(step))
        })
    }

    fn on_writer<T, E: From<DatabaseError>>(
        &self,
        asked: Asked<'_>,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.writer.with(asked, LOCKED, || self.open_writer(asked), work)
    }

    fn open_writer(&self, asked: Asked<'_>) -> Result<Connection, DatabaseError> {
        let _alone = self.alone();
        open::writer(&self.path, asked.until)
    }

    /// Keeps no connection open from now on: the last one to be closed puts into the file what is still in the
    /// WAL. Whoever comes later is served all the same.
    pub(crate) fn close(&self) {
        self.readers.close();
        self.keeper.close();
        self.writer.close();
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What SQLite's error means.
    pub(crate) fn error(&self, error: rusqlite::Error) -> DatabaseError {
        open::meaning(&self.path, error)
    }

    /// Logs what is wrong; the same trouble no more than now and then.
    pub(crate) fn tell(&self, error: &DatabaseError) {
        let text = error.to_string();
        if self.told.is_news(&text) {
            tracing::error!("the database: {text}");
        }
    }
}

/// Whether SQLite was told to stop because the time is over.
fn is_late(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}
