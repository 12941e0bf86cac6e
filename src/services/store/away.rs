//! Taking many records away: in parts, so that nobody waits for all of it.

use std::time::Instant;

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{Id, Store, StoreError, now};

/// How much one part has at most: records, and the bytes from which on there is no other one.
const PART: usize = 1000;
const PART_BYTES: usize = 4 << 20;

/// A record that may go.
struct Found {
    coll: String,
    id: Id,
    size: usize,
    is_over: bool,
}

impl Store {
    /// Writes; a few of the records whose time is over go first, and all of them if there is no room else.
    pub(super) fn write<T>(
        &self,
        by: Instant,
        work: impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let swept = |to: &Transaction<'_>| {
            self.sweep(to)?;
            work(to)
        };
        loop {
            match self.database.write(self.asked(by), swept) {
                Err(StoreError::Full { .. }) => {}
                written => return written,
            }
            if self.database.write(self.asked(by), |to| self.sweep(to))? == 0 {
                return self.database.write(self.asked(by), work);
            }
        }
    }

    /// Takes away records whose time is over, as many as one part has; how many there were.
    fn sweep(&self, to: &Transaction<'_>) -> Result<usize, StoreError> {
        let found = self.part(
            to,
            "SELECT coll, id, size, TRUE FROM records WHERE plugin = ?1 AND expires <= ?2",
            params![&*self.plugin, now()],
        )?;
        self.take_away(to, &found)?;
        Ok(found.len())
    }

    /// Takes all records of a collection away; how many there were. Those that are written meanwhile stay.
    pub(crate) fn clear(&self, coll: &str, by: Instant) -> Result<usize, StoreError> {
        self.key(coll, &Id::Number(0))?;
        let (mut count, mut last_write, mut after) = (0, None, None::<Id>);
        loop {
            let found = self.database.write(self.asked(by), |to| {
                let last_write = match last_write {
                    Some(known) => known,
                    None => *last_write.insert(self.last_write(to)?),
                };
                let (all, rest) = (clearing(""), clearing("AND id > ?5"));
                let found = match &after {
                    None => self.part(to, &all, params![&*self.plugin, coll, now(), last_write]),
                    Some(id) => {
                        self.part(to, &rest, params![&*self.plugin, coll, now(), last_write, id])
                    }
                }?;
                self.take_away(to, &found)?;
                Ok::<_, StoreError>(found)
            })?;
            count += found.iter().filter(|found| !found.is_over).count();
            match found.into_iter().next_back() {
                Some(last) => after = Some(last.id),
                None => return Ok(count),
            }
        }
    }

    /// The number of the plugin's last write.
    fn last_write(&self, to: &Transaction<'_>) -> Result<i64, StoreError> {
        let read = || {
            to.prepare_cached("SELECT writes FROM uses WHERE plugin = ?1")?
                .query_row([&*self.plugin], |row| row.get(0))
                .optional()
        };
        Ok(read().map_err(|error| self.trouble(error))?.unwrap_or_default())
    }

    /// The first of the records that a statement finds.
    fn part(
        &self,
        to: &Transaction<'_>,
        statement: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<Found>, StoreError> {
        let found = |row: &Row<'_>| {
            let (coll, id, size) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Found { coll, id, size, is_over: row.get(3)? })
        };
        let read = || {
            let mut statement = to.prepare_cached(statement)?;
            let (mut all, mut bytes) = (Vec::new(), 0);
            for record in statement.query_map(params, found)? {
                let record = record?;
                bytes += record.size;
                all.push(record);
                if all.len() == PART || bytes >= PART_BYTES {
                    break;
                }
            }
            Ok(all)
        };
        read().map_err(|error| self.trouble(error))
    }

    fn take_away(&self, to: &Transaction<'_>, found: &[Found]) -> Result<(), StoreError> {
        let step = |error| self.trouble(error);
        let mut delete = to
            .prepare_cached("DELETE FROM records WHERE plugin = ?1 AND coll = ?2 AND id = ?3")
            .map_err(step)?;
        for Found { coll, id, .. } in found {
            delete.execute(params![&*self.plugin, coll, id]).map_err(step)?;
        }
        self.give_room(to, found.iter().map(|found| found.size).sum())
    }
}

fn clearing(after: &str) -> String {
    format!(
        "SELECT coll, id, size, coalesce(expires <= ?3, FALSE) FROM records \
         WHERE plugin = ?1 AND coll = ?2 AND version <= ?4 {after} ORDER BY id"
    )
}
