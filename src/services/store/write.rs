//! Writing records and counting their sizes, within one transaction.

use rusqlite::{CachedStatement, OptionalExtension as _, Transaction, params};

use super::{Key, MOST_VALUE_BYTES, Stay, Store, StoreError, now};

/// What a record costs besides its texts.
const RECORD_BYTES: usize = 64;

impl Store {
    pub(super) fn next_number(&self, to: &Transaction<'_>, coll: &str) -> Result<i64, StoreError> {
        let largest: Option<i64> = one(
            // Numbers come before texts.
            to.prepare_cached(
                "SELECT max(id) FROM records WHERE plugin = ?1 AND coll = ?2 AND id < ''",
            ),
            params![&*self.plugin, coll],
        )
        .map_err(|error| self.trouble(error))?
        .flatten();
        let last: Option<i64> = one(
            to.prepare_cached("SELECT last FROM counters WHERE plugin = ?1 AND coll = ?2"),
            params![&*self.plugin, coll],
        )
        .map_err(|error| self.trouble(error))?;
        if last.is_none() {
            self.take_room(to, 0, RECORD_BYTES + self.plugin.len() + coll.len())?;
        }
        let last = last.unwrap_or(0).max(largest.unwrap_or(0));
        let next = last.checked_add(1).ok_or(StoreError::Exhausted)?;
        run(
            to,
            "INSERT INTO counters VALUES (?1, ?2, ?3) \
             ON CONFLICT (plugin, coll) DO UPDATE SET last = excluded.last",
            params![&*self.plugin, coll, next],
        )
        .map_err(|error| self.trouble(error))?;
        Ok(next)
    }

    pub(super) fn put(
        &self,
        to: &Transaction<'_>,
        key: Key<'_>,
        json: &str,
        stay: Stay,
    ) -> Result<(), StoreError> {
        if json.len() > MOST_VALUE_BYTES {
            return Err(StoreError::Large(json.len()));
        }
        let now = now();
        let before: Option<(usize, Option<i64>)> = to
            .prepare_cached(
                "SELECT size, expires FROM records WHERE plugin = ?1 AND coll = ?2 AND id = ?3",
            )
            .and_then(|mut statement| {
                let place = params![key.plugin, key.coll, key.id];
                statement.query_row(place, |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(|error| self.trouble(error))?;
        let size = RECORD_BYTES + key.plugin.len() + key.coll.len() + key.id.bytes() + json.len();
        let version = self.take_room(to, before.map_or(0, |(size, _)| size), size)?;
        let expires = match stay {
            Stay::Always => None,
            Stay::For(time) => {
                Some(now.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
            }
            // One whose time is over is none.
            Stay::AsBefore => before.and_then(|(_, expires)| expires).filter(|at| *at > now),
        };
        run(
            to,
            "INSERT INTO records (plugin, coll, id, size, version, expires, value) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (plugin, coll, id) DO UPDATE SET \
             size = excluded.size, version = excluded.version, expires = excluded.expires, \
             value = excluded.value",
            params![key.plugin, key.coll, key.id, size, version, expires, json],
        )
        .map_err(|error| self.trouble(error))
    }

    /// Counts `size` bytes in place of `before`; the number of this write.
    fn take_room(
        &self,
        to: &Transaction<'_>,
        before: usize,
        size: usize,
    ) -> Result<i64, StoreError> {
        let uses: Option<(usize, i64)> = to
            .prepare_cached("SELECT bytes, writes FROM uses WHERE plugin = ?1")
            .and_then(|mut statement| {
                let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                statement.query_row([&*self.plugin], read).optional()
            })
            .map_err(|error| self.trouble(error))?;
        let (bytes, writes) = uses.unwrap_or_default();
        let wanted = bytes.saturating_sub(before).saturating_add(size);
        // A plugin that is full may still make its values smaller.
        if wanted > self.most_bytes && size > before {
            return Err(StoreError::Full { wanted, most: self.most_bytes });
        }
        run(
            to,
            "INSERT INTO uses VALUES (?1, ?2, ?3) \
             ON CONFLICT (plugin) DO UPDATE SET bytes = excluded.bytes, writes = excluded.writes",
            params![&*self.plugin, wanted, writes + 1],
        )
        .map_err(|error| self.trouble(error))?;
        Ok(writes + 1)
    }

    /// Runs a statement that takes records away and returns their sizes.
    pub(super) fn remove(
        &self,
        to: &Transaction<'_>,
        statement: &str,
        params: impl rusqlite::Params,
    ) -> Result<(), StoreError> {
        let sum = || {
            let mut statement = to.prepare_cached(statement)?;
            let sizes = statement.query_map(params, |row| row.get::<_, usize>(0))?;
            sizes.sum::<rusqlite::Result<usize>>()
        };
        let freed = sum().map_err(|error| self.trouble(error))?;
        self.give_room(to, freed)
    }

    /// Counts so many bytes less.
    pub(super) fn give_room(&self, to: &Transaction<'_>, freed: usize) -> Result<(), StoreError> {
        if freed == 0 {
            return Ok(());
        }
        run(
            to,
            "UPDATE uses SET bytes = max(bytes - ?2, 0) WHERE plugin = ?1",
            params![&*self.plugin, freed],
        )
        .map_err(|error| self.trouble(error))
    }
}

fn one<T: rusqlite::types::FromSql>(
    statement: rusqlite::Result<CachedStatement<'_>>,
    params: impl rusqlite::Params,
) -> rusqlite::Result<Option<T>> {
    statement?.query_row(params, |row| row.get(0)).optional()
}

fn run(
    to: &Transaction<'_>,
    statement: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<()> {
    to.prepare_cached(statement)?.execute(params).map(drop)
}
