//! The write-ahead log: what was written is in it first, and brought into the file later.
//!
//! SQLite would bring it in at the end of whichever write makes the log long, and every other writer would wait. Here:
//!
//! - Most is brought in beside the writes, by a connection of its own, and by those who wrote the most or much,
//!   before they write again.
//! - What is left is little, and brought in while nobody writes: then the log begins anew.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, Row};

/// Pages from which on the log is brought in, as many as SQLite lets it have.
const LONG: usize = 1000;

/// Pages from which on those who read are waited for, because the log can only begin anew without them.
const VERY_LONG: usize = 16 * LONG;

/// How long they are waited for.
const PATIENCE: Duration = Duration::from_millis(100);

/// Pages that are few: those who wrote no more bring nothing in, and so many may be left for when nobody writes.
const FEW: usize = 64;

/// How often it is tried to leave no more than a few.
const TRIES: usize = 4;

thread_local! {
    /// The pages of the log after the last commit of this thread, until they are counted.
    static PAGES: Cell<Option<usize>> = const { Cell::new(None) };
}

/// How long the log is, and who wrote it.
#[derive(Debug, Default)]
pub(super) struct Wal {
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    /// All pages of the log.
    pages: usize,
    /// How many of them are in the file.
    in_file: usize,
    /// How many of the others each party wrote.
    by: HashMap<Box<str>, usize>,
}

/// What bringing in has come to, in pages.
#[derive(Debug, Clone, Copy)]
struct BroughtIn {
    all: usize,
    of_them: usize,
}

impl Written {
    fn is_long(&self) -> bool {
        self.pages.saturating_sub(self.in_file) >= LONG
    }
}

impl Wal {
    /// Counts what the commit of a party on this thread added; whether that party has to bring the log in.
    pub(super) fn grew(&self, by: &str) -> bool {
        // There are none where a commit had nothing to write.
        let Some(pages) = PAGES.take() else { return false };
        let mut written = self.written();
        if pages < written.pages {
            // It began anew.
            *written = Written::default();
        }
        let added = pages.saturating_sub(written.pages);
        written.pages = pages;
        let own = written.by.get(by).copied().unwrap_or_default() + added;
        written.by.insert(by.into(), own);
        let is_most = || own > FEW && written.by.values().all(|other| *other <= own);
        written.is_long() && (own >= LONG || is_most())
    }

    /// Whether there is still much to bring in: somebody else may have done it.
    pub(super) fn is_long(&self) -> bool {
        self.written().is_long()
    }

    /// Brings the rest in, on the connection that alone may write now.
    pub(super) fn bring_rest_in(&self, alone: &Connection) -> rusqlite::Result<()> {
        let pages = self.written().pages;
        let way = if pages < VERY_LONG { "PASSIVE" } else { "RESTART" };
        alone.busy_timeout(PATIENCE)?;
        let BroughtIn { all, of_them } = bring_in(alone, way)?;
        // The next write begins it anew if that is all of it and nobody reads from it.
        *self.written() = Written { pages: all, in_file: of_them, by: HashMap::new() };
        Ok(())
    }

    // A panic under the lock leaves numbers behind, each of which is whole.
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings most in, on a connection that others write beside.
pub(super) fn bring_most_in(beside: &Connection) -> rusqlite::Result<()> {
    for _ in 0..TRIES {
        let BroughtIn { all, of_them } = bring_in(beside, "PASSIVE")?;
        if all.saturating_sub(of_them) <= FEW {
            break;
        }
    }
    Ok(())
}

/// Has this connection tell the length of the log after each commit, instead of bringing it in.
pub(super) fn watch(writer: &Connection) {
    writer.wal_hook(Some(|_, pages| {
        PAGES.set(usize::try_from(pages).ok());
        Ok(())
    }));
}

fn bring_in(connection: &Connection, way: &str) -> rusqlite::Result<BroughtIn> {
    let count = |row: &Row<'_>, at| {
        row.get::<_, i64>(at).map(|pages| usize::try_from(pages).unwrap_or_default())
    };
    connection.query_row(&format!("PRAGMA wal_checkpoint({way})"), [], |row| {
        Ok(BroughtIn { all: count(row, 1)?, of_them: count(row, 2)? })
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn connection(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        watch(&connection);
        connection
    }

    fn write(connection: &Connection, bytes: usize) {
        connection.execute("INSERT INTO t VALUES (zeroblob(?1))", [bytes]).unwrap();
    }

    #[test]
    fn whoever_wrote_much_brings_the_log_in_and_then_it_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, wal) = (connection(&folder.path().join("t.db")), Wal::default());
        writer.execute_batch("CREATE TABLE t (value BLOB)").unwrap();
        assert!(!wal.grew("little"));
        write(&writer, 2 * LONG * 4096);
        assert!(wal.grew("much"));
        write(&writer, 10);
        assert!(!wal.grew("little"), "the other one does it");
        bring_most_in(&connection(&folder.path().join("t.db"))).unwrap();
        wal.bring_rest_in(&writer).unwrap();
        assert!(!wal.is_long());
        write(&writer, 10);
        assert!(!wal.grew("much"));
        assert!(wal.written().pages < 10, "{wal:?}");
    }

    #[test]
    fn what_somebody_still_reads_is_brought_in_later_and_not_by_those_who_wrote_little() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let (writer, wal) = (connection(&path), Wal::default());
        writer.execute_batch("CREATE TABLE t (value BLOB); INSERT INTO t VALUES (1)").unwrap();
        let reader = connection(&path);
        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        write(&writer, 2 * LONG * 4096);
        assert!(wal.grew("much"));
        bring_most_in(&connection(&path)).unwrap();
        wal.bring_rest_in(&writer).unwrap();
        assert!(wal.is_long(), "{wal:?}");
        write(&writer, 10);
        assert!(!wal.grew("little"));
        reader.execute_batch("COMMIT").unwrap();
        write(&writer, LONG * 4096);
        assert!(wal.grew("much"));
        bring_most_in(&connection(&path)).unwrap();
        wal.bring_rest_in(&writer).unwrap();
        assert!(!wal.is_long(), "{wal:?}");
    }

    #[test]
    fn a_commit_that_writes_nothing_counts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, wal) = (connection(&folder.path().join("t.db")), Wal::default());
        writer.execute_batch("CREATE TABLE t (value BLOB)").unwrap();
        wal.grew("one");
        let pages = wal.written().pages;
        writer.execute_batch("BEGIN; SELECT * FROM t; COMMIT").unwrap();
        assert!(!wal.grew("one"));
        assert_eq!(wal.written().pages, pages);
    }
}
