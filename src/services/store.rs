//! What one plugin keeps for good: collections of JSON texts, each under an id.
//!
//! - A plugin sees its own collections only.
//! - Sizes are counted with each write, in the same transaction, so that the quota holds across restarts.
//! - No reading and no writing goes on for long at a time: where there is much, it is done in parts.
//! - No transaction is open while a script's closure runs. What depends on the value before it is done by
//!   comparing: [`Store::replace`] succeeds only if the record is still the version that was seen.

mod away;
mod id;
mod write;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, OptionalExtension as _, params};

pub(crate) use self::id::Id;
use super::{
    database::{Database, DatabaseError},
    turns::Asked,
};

/// The most bytes of the name of a collection, and of an id.
pub(crate) const MOST_NAME_BYTES: usize = 256;

/// The most bytes of one value, as JSON.
pub(crate) const MOST_VALUE_BYTES: usize = 8 << 20;

/// How long records are walked over at a time: whoever reads keeps the log of the database from beginning anew.
const LOOK: Duration = Duration::from_millis(100);

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The name of a collection, or an id, is empty or too long.
    #[error("a collection's name and an id have 1 to {MOST_NAME_BYTES} bytes, not {0}")]
    Name(usize),
    /// The value is too large.
    #[error("a value has at most {MOST_VALUE_BYTES} bytes as JSON, this one has {0}")]
    Large(usize),
    /// The plugin would keep too much.
    #[error("the plugin would keep {wanted} bytes, more than the {most} of `store_bytes`")]
    Full {
        /// What it would keep, in bytes.
        wanted: usize,
        /// What it may keep, in bytes.
        most: usize,
    },
    /// No more ids are left to count up to.
    #[error("there are no more ids")]
    Exhausted,
}

/// How long a record is there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stay {
    /// Until it is deleted.
    Always,
    /// For so long from now on.
    For(Duration),
    /// As long as the one before.
    AsBefore,
}

/// A record as it was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Its value, as JSON.
    pub(crate) json: String,
    /// Which version of it: another write makes another version.
    pub(crate) version: i64,
}

/// Whether a walk over records goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    /// To the next one.
    On,
    /// No further.
    Enough,
}

/// In which order records are walked over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// By id, the smallest first: numbers before texts.
    Up,
    /// By id, the largest first.
    Down,
}

/// What one plugin keeps.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    database: Arc<Database>,
    plugin: Arc<str>,
    most_bytes: usize,
}

/// One record's place.
#[derive(Clone, Copy)]
struct Key<'a> {
    plugin: &'a str,
    coll: &'a str,
    id: &'a Id,
}

impl Store {
    /// That of the plugin of this name, which keeps at most `most_bytes`.
    pub(crate) fn new(database: Arc<Database>, plugin: &str, most_bytes: usize) -> Self {
        Self { database, plugin: plugin.into(), most_bytes }
    }

    fn asked(&self, until: Instant) -> Asked<'_> {
        Asked { by: &self.plugin, until }
    }

    /// The database it is in.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The record under an id.
    pub(crate) fn get(&self, coll: &str, id: &Id, by: Instant) -> Result<Option<Seen>, StoreError> {
        let key = self.key(coll, id)?;
        let seen = self.database.read(self.asked(by), |connection| self.seen(connection, key))?;
        Ok(seen.flatten())
    }

    /// Keeps a value under an id, in place of the one before.
    pub(crate) fn set(
        &self,
        coll: &str,
        id: &Id,
        json: &str,
        stay: Stay,
        by: Instant,
    ) -> Result<(), StoreError> {
        let key = self.key(coll, id)?;
        self.write(by, |to| self.put(to, key, json, stay))
    }

    /// Keeps a value if the record is still the version that was seen, or still absent: false if not.
    pub(crate) fn replace(
        &self,
        coll: &str,
        id: &Id,
        seen: Option<i64>,
        json: &str,
        by: Instant,
    ) -> Result<bool, StoreError> {
        let key = self.key(coll, id)?;
        self.write(by, |to| {
            if self.seen(to, key)?.map(|seen| seen.version) != seen {
                return Ok(false);
            }
            self.put(to, key, json, Stay::AsBefore).map(|()| true)
        })
    }

    /// Keeps a value under the next number, which was never given to a record of the collection; `json` makes the value
    /// for it.
    pub(crate) fn add<T>(
        &self,
        coll: &str,
        by: Instant,
        json: impl Fn(i64) -> (T, String),
    ) -> Result<T, StoreError> {
        self.key(coll, &Id::Number(0))?;
        self.write(by, |to| {
            let number = self.next_number(to, coll)?;
            let (value, json) = json(number);
            let id = Id::Number(number);
            let key = Key { plugin: &self.plugin, coll, id: &id };
            self.put(to, key, &json, Stay::Always)?;
            Ok(value)
        })
    }

    /// Takes a record away; whether there was one.
    pub(crate) fn delete(&self, coll: &str, id: &Id, by: Instant) -> Result<bool, StoreError> {
        let key = self.key(coll, id)?;
        self.database.write(self.asked(by), |to| {
            let was_there = self.seen(to, key)?.is_some();
            self.remove(
                to,
                "DELETE FROM records WHERE plugin = ?1 AND coll = ?2 AND id = ?3 RETURNING size",
                params![key.plugin, key.coll, key.id],
            )?;
            Ok(was_there)
        })
    }

    /// How many records a collection has.
    pub(crate) fn count(&self, coll: &str, by: Instant) -> Result<usize, StoreError> {
        self.key(coll, &Id::Number(0))?;
        let counted =
            self.database.read(self.asked(by), |connection| self.counted(connection, coll))?;
        Ok(counted.unwrap_or_default())
    }

    /// Walks over the records of a collection, those after `after` if that is given, in the order. What is written
    /// meanwhile shows if the walk is a long one and has not come there.
    pub(crate) fn walk<E: From<StoreError>>(
        &self,
        coll: &str,
        order: Order,
        after: Option<&Id>,
        by: Instant,
        mut each: impl FnMut(Id, &str) -> Result<Walk, E>,
    ) -> Result<(), E> {
        self.key(coll, after.unwrap_or(&Id::Number(0)))?;
        let mut after = after.cloned();
        loop {
            let from = after.take();
            let (last, until) = (&mut after, Instant::now() + LOOK);
            let each = |id: Id, json: &str| match each(id.clone(), json) {
                Ok(Walk::On) if Instant::now() > until => {
                    *last = Some(id);
                    Ok(Walk::Enough)
                }
                walk => walk,
            };
            self.look(coll, order, from.as_ref(), by, each)?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Walks over records as they are at one moment.
    fn look<E: From<StoreError>>(
        &self,
        coll: &str,
        order: Order,
        after: Option<&Id>,
        by: Instant,
        mut each: impl FnMut(Id, &str) -> Result<Walk, E>,
    ) -> Result<(), E> {
        let text = match (order, after) {
            (Order::Up, None) => walking("", "ASC"),
            (Order::Down, None) => walking("", "DESC"),
            (Order::Up, Some(_)) => walking("AND id > ?4", "ASC"),
            (Order::Down, Some(_)) => walking("AND id < ?4", "DESC"),
        };
        let walked = self.database.read(self.asked(by), |connection| {
            let step = |error| self.trouble(error);
            let mut statement = connection.prepare_cached(&text).map_err(step)?;
            let mut rows = match after {
                None => statement.query(params![&*self.plugin, coll, now()]),
                Some(after) => statement.query(params![&*self.plugin, coll, now(), after]),
            }
            .map_err(step)?;
            while let Some(row) = rows.next().map_err(step)? {
                let id = row.get(0).map_err(step)?;
                let json = row.get_ref(1).map_err(step)?.as_str().unwrap_or("null");
                match each(id, json) {
                    Ok(Walk::On) => {}
                    Ok(Walk::Enough) => break,
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok::<_, StoreError>(Ok(()))
        })?;
        walked.unwrap_or(Ok(()))
    }

    fn key<'a>(&'a self, coll: &'a str, id: &'a Id) -> Result<Key<'a>, StoreError> {
        for length in [coll.len(), id.bytes()] {
            if !(1..=MOST_NAME_BYTES).contains(&length) {
                return Err(StoreError::Name(length));
            }
        }
        Ok(Key { plugin: &self.plugin, coll, id })
    }

    fn seen(&self, connection: &Connection, key: Key<'_>) -> Result<Option<Seen>, StoreError> {
        let read = || {
            connection
                .prepare_cached(
                    "SELECT value, version FROM records WHERE plugin = ?1 AND coll = ?2 AND id = ?3 \
                     AND (expires IS NULL OR expires > ?4)",
                )?
                .query_row(params![key.plugin, key.coll, key.id, now()], |row| {
                    Ok(Seen { json: row.get(0)?, version: row.get(1)? })
                })
                .optional()
        };
        read().map_err(|error| self.trouble(error))
    }

    fn counted(&self, connection: &Connection, coll: &str) -> Result<usize, StoreError> {
        let read = || {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM records WHERE plugin = ?1 AND coll = ?2 \
                     AND (expires IS NULL OR expires > ?3)",
                )?
                .query_row(params![&*self.plugin, coll, now()], |row| row.get(0))
        };
        read().map_err(|error| self.trouble(error))
    }

    fn trouble(&self, error: rusqlite::Error) -> StoreError {
        StoreError::Database(self.database.error(error))
    }
}

fn walking(after: &str, direction: &str) -> String {
    format!(
        "SELECT id, value FROM records WHERE plugin = ?1 AND coll = ?2 \
         AND (expires IS NULL OR expires > ?3) {after} ORDER BY id {direction}"
    )
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
