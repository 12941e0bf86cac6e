//! Opening the file, and what SQLite's errors mean.

use std::{
    fs::{DirBuilder, OpenOptions},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    time::Instant,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::{DatabaseError, LOCKED, is_late, wal};

/// What each version added, from an empty file on. What stands here has been released and stays as it is.
const VERSIONS: [&str; 3] = [
    "CREATE TABLE records (
        plugin TEXT NOT NULL,
        coll TEXT NOT NULL,
        id NOT NULL,
        value TEXT NOT NULL,
        size INTEGER NOT NULL,
        version INTEGER NOT NULL,
        expires INTEGER,
        PRIMARY KEY (plugin, coll, id)
    ) WITHOUT ROWID;
    CREATE INDEX records_expire ON records (expires) WHERE expires IS NOT NULL;
    CREATE TABLE counters (
        plugin TEXT NOT NULL,
        coll TEXT NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (plugin, coll)
    ) WITHOUT ROWID;
    CREATE TABLE uses (
        plugin TEXT PRIMARY KEY,
        bytes INTEGER NOT NULL,
        writes INTEGER NOT NULL
    ) WITHOUT ROWID;",
    "CREATE TABLE sessions (
        id BLOB PRIMARY KEY,
        address TEXT NOT NULL,
        bound INTEGER NOT NULL,
        expires INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX sessions_expire ON sessions (expires);
    CREATE TABLE session_values (
        session BLOB NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (session, name)
    ) WITHOUT ROWID;",
    // What is looked for is compared with keys, and a table WITHOUT ROWID has whole rows as keys, large values and all.
    // Values come last, so that nobody reads them for what stands behind.
    "CREATE TABLE kept (
        plugin TEXT NOT NULL,
        coll TEXT NOT NULL,
        id NOT NULL,
        size INTEGER NOT NULL,
        version INTEGER NOT NULL,
        expires INTEGER,
        value TEXT NOT NULL,
        PRIMARY KEY (plugin, coll, id)
    );
    INSERT INTO kept SELECT plugin, coll, id, size, version, expires, value FROM records;
    DROP TABLE records;
    ALTER TABLE kept RENAME TO records;
    CREATE INDEX records_expire ON records (plugin, expires) WHERE expires IS NOT NULL;
    CREATE TABLE kept (
        session BLOB NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (session, name)
    );
    INSERT INTO kept SELECT session, name, value FROM session_values;
    DROP TABLE session_values;
    ALTER TABLE kept RENAME TO session_values;",
];

/// How many statements are kept ready.
const STATEMENTS: usize = 32;

/// Opens the file for reading; it must be there.
pub(super) fn reader(path: &Path, by: Instant) -> Result<Connection, DatabaseError> {
    // Not opened as read-only: a reader may be the first to find what a killed process left in the WAL.
    let connection = connection(path, by)?;
    let only_reads = connection.pragma_update(None, "query_only", true);
    only_reads.map_err(|error| meaning(path, error))?;
    Ok(connection)
}

/// Opens the file for writing; makes it and its folder where they are missing.
pub(super) fn writer(path: &Path, by: Instant) -> Result<Connection, DatabaseError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| DatabaseError::Open { path, error }
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(failed(folder))?;
    }
    // Only its owner reads it; SQLite gives its other files the same rights.
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
    file.map_err(failed(path))?;
    let writer = connection(path, by)?;
    wal::watch(&writer);
    Ok(writer)
}

/// A connection to a file with all its tables.
fn connection(path: &Path, by: Instant) -> Result<Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let wait = by.saturating_duration_since(Instant::now()).min(LOCKED);
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(wait)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        settle(&connection)?;
        let is_ours = bring_up(&connection)?;
        Ok(is_ours.then_some(connection))
    };
    let newer = || DatabaseError::Newer { path: path.to_owned() };
    open().map_err(|error| meaning(path, error))?.ok_or_else(newer)
}

fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Brings the tables up to this version; false where they are of a newer one.
fn bring_up(connection: &Connection) -> rusqlite::Result<bool> {
    let version = |connection: &Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, usize>(0))
    };
    if version(connection)? == VERSIONS.len() {
        return Ok(true);
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    for addition in VERSIONS.iter().skip(found) {
        transaction.execute_batch(addition)?;
    }
    if found < VERSIONS.len() {
        transaction.pragma_update(None, "user_version", VERSIONS.len())?;
    }
    transaction.commit()?;
    Ok(found <= VERSIONS.len())
}

/// What SQLite's error means for the file.
pub(super) fn meaning(path: &Path, error: rusqlite::Error) -> DatabaseError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        _ if is_late(&error) => DatabaseError::Late,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DatabaseError::Locked { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            DatabaseError::Damaged { path, error }
        }
        _ => DatabaseError::Sqlite { path, error },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_written_is_on_the_disk_when_it_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/hotplate.db");
        let by = Instant::now() + Duration::from_secs(10);
        for connection in [writer(&path, by).unwrap(), reader(&path, by).unwrap()] {
            let journal: String =
                connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            let synchronous: i64 =
                connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            // 2 is FULL: the WAL is synced at each commit.
            assert_eq!((journal.as_str(), synchronous), ("wal", 2));
        }
    }
}
