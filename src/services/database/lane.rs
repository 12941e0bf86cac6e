//! Connections that are lent to one caller each, no more than a few at a time.
//!
//! A connection to a file that is no longer there under its name is not lent again: what it wrote would
//! be lost.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::DatabaseError;
use crate::services::turns::{Asked, Turns};

/// Steps of SQLite's machine between two looks at the clock.
const LOOK_EVERY: std::ffi::c_int = 1000;

/// A few connections.
#[derive(Debug)]
pub(super) struct Lane {
    most: usize,
    turns: Turns,
    /// Those that nobody uses; `None` once none is kept any more.
    idle: Mutex<Option<Vec<Line>>>,
}

/// An open connection.
#[derive(Debug)]
struct Line {
    connection: Connection,
    /// Until when it may be busy, in milliseconds after `opened`.
    until: Arc<AtomicU64>,
    opened: Instant,
    file: (u64, u64),
    path: PathBuf,
}

impl Lane {
    /// One connection, and the parties that want it come one after the other.
    pub(super) fn of_one() -> Self {
        Self { most: 1, turns: Turns::new(1), idle: Mutex::new(Some(Vec::new())) }
    }

    /// At most `most` connections, and beyond them one for each party that has none.
    pub(super) fn of(most: usize) -> Self {
        let turns = Turns::with_one_for_each(most);
        Self { most, turns, idle: Mutex::new(Some(Vec::new())) }
    }

    /// Works on a connection, opened by `open` if there is none, when it is the turn of who asked. Locks of other
    /// processes are waited for at most `locked`.
    pub(super) fn with<T, E: From<DatabaseError>>(
        &self,
        asked: Asked<'_>,
        locked: Duration,
        open: impl FnOnce() -> Result<Connection, DatabaseError>,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let turn = self.turns.take(asked).ok_or(DatabaseError::Late)?;
        let idle = self.lock().as_mut().and_then(Vec::pop);
        let line = match idle.filter(Line::is_current) {
            Some(line) => line,
            None => Line::new(open()?)?,
        };
        line.prepare(asked.until, locked)?;
        let worked = work(&line.connection);
        match self.lock().as_mut() {
            Some(idle) if idle.len() < self.most => idle.push(line),
            _ => {}
        }
        drop(turn);
        worked
    }

    /// Closes the connections that nobody uses; the others are closed when they are returned.
    pub(super) fn close(&self) {
        let idle = self.lock().take();
        drop(idle);
    }

    // A panic under the lock leaves whole entries behind.
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Line>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn new(connection: Connection) -> Result<Self, DatabaseError> {
        let path = PathBuf::from(connection.path().unwrap_or_default());
        let file =
            identity(&path).map_err(|error| DatabaseError::Open { path: path.clone(), error })?;
        let (until, opened) = (Arc::new(AtomicU64::new(u64::MAX)), Instant::now());
        let deadline = Arc::clone(&until);
        connection
            .progress_handler(
                LOOK_EVERY,
                Some(move || millis(opened) > deadline.load(Ordering::Relaxed)),
            )
            .map_err(|error| DatabaseError::Sqlite { path: path.clone(), error })?;
        Ok(Self { connection, until, opened, file, path })
    }

    /// Nothing takes longer than until `by`.
    fn prepare(&self, by: Instant, locked: Duration) -> Result<(), DatabaseError> {
        let left = by.saturating_duration_since(Instant::now());
        let left_millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        self.until.store(millis(self.opened).saturating_add(left_millis), Ordering::Relaxed);
        // Some of the time is left for the answer.
        let patience = self.connection.busy_timeout(locked.min(left / 2));
        patience.map_err(|error| DatabaseError::Sqlite { path: self.path.clone(), error })
    }

    fn is_current(&self) -> bool {
        identity(&self.path).is_ok_and(|file| file == self.file)
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
