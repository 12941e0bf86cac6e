//! Sessions in a SQLite file.

use std::{sync::Arc, time::Instant};

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    Asked, Changes, Database, Known, MOST_BYTES, Moments, Plan, SessionError, SessionId, Values,
    written,
};

/// How many sessions one transaction of a sweep takes away.
const BATCH: usize = 256;

/// Who takes away sessions that expired; no plugin has that name.
const SWEEPER: &str = "-";

/// What a session is known by in the file.
type Key = [u8; 32];

/// The tables of sessions in a database.
#[derive(Debug)]
pub(super) struct Sqlite {
    database: Arc<Database>,
}

impl Sqlite {
    /// Keeps no connection open from now on.
    pub(super) fn close(&self) {
        self.database.close();
    }

    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// The session under this key, expired or not.
    pub(super) fn find(&self, key: &Key, asked: Asked<'_>) -> Result<Option<Known>, SessionError> {
        let found = self.database.read(asked, |connection| {
            let read = || {
                let mut known = connection
                    .prepare_cached("SELECT address, bound, expires FROM sessions WHERE id = ?1")?
                    .query_row([key], |row| {
                        let (address, is_bound, expires) = (row.get(0)?, row.get(1)?, row.get(2)?);
                        Ok(Known { values: Values::new(), address, is_bound, expires })
                    })
                    .optional()?;
                if let Some(known) = &mut known {
                    let mut statement = connection.prepare_cached(
                        "SELECT name, value FROM session_values WHERE session = ?1",
                    )?;
                    let values =
                        statement.query_map([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
                    known.values = values.collect::<rusqlite::Result<_>>()?;
                }
                Ok(known)
            };
            read().map_err(|error| SessionError::from(self.database.error(error)))
        })?;
        Ok(found.flatten())
    }

    /// Carries out a plan; false if the session it is about is there no more.
    pub(super) fn keep(
        &self,
        plan: &Plan<'_>,
        moments: Moments,
        asked: Asked<'_>,
    ) -> Result<bool, SessionError> {
        self.database.write(asked, |to| {
            let step = |error| SessionError::from(self.database.error(error));
            if !prepare(to, plan, moments).map_err(step)? {
                return Ok(false);
            }
            let Some(key) = plan.to.map(SessionId::key).filter(|_| !plan.changes.is_empty()) else {
                return Ok(true);
            };
            match change(to, &key, plan.changes).map_err(step)? {
                bytes if bytes > MOST_BYTES => Err(SessionError::Large(bytes)),
                _ => Ok(true),
            }
        })
    }

    /// Takes away a few of those that expired before `now`, and lets none live beyond `latest`; whether there
    /// are more.
    pub(super) fn sweep(&self, now: i64, latest: i64, by: Instant) -> Result<bool, SessionError> {
        let step = |error| self.database.error(error);
        let asked = Asked { by: SWEEPER, until: by };
        let found: Option<bool> = self.database.read(asked, |connection| {
            connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM sessions WHERE expires <= ?1) \
                     OR EXISTS (SELECT 1 FROM sessions WHERE expires > ?2)",
                )
                .and_then(|mut statement| statement.query_row([now, latest], |row| row.get(0)))
                .map_err(step)
        })?;
        if found != Some(true) {
            return Ok(false);
        }
        let swept = self.database.write(asked, |to| swept(to, now, latest).map_err(step))?;
        Ok(swept == BATCH)
    }
}

/// Brings the session to its new id and its new end; false if it is not there.
fn prepare(to: &Transaction<'_>, plan: &Plan<'_>, moments: Moments) -> rusqlite::Result<bool> {
    let before = plan.from.map(SessionId::key);
    let after = plan.to.map(SessionId::key);
    let Some(after) = after else {
        let Some(before) = before else { return Ok(true) };
        return end(to, &before);
    };
    match before {
        Some(before) if plan.goes_on => {
            let mut statement = to.prepare_cached(
                "UPDATE sessions SET id = ?2, expires = ?3 WHERE id = ?1 AND expires > ?4",
            )?;
            if statement.execute(params![before, after, moments.expires, moments.now])? == 0 {
                return Ok(false);
            }
            if before != after {
                to.prepare_cached("UPDATE session_values SET session = ?2 WHERE session = ?1")?
                    .execute([before, after])?;
            }
            Ok(true)
        }
        before => {
            if let Some(before) = before {
                end(to, &before)?;
            }
            let mut statement =
                to.prepare_cached("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4)")?;
            let address = written(plan.address);
            statement.execute(params![after, address, plan.is_bound, moments.expires])?;
            Ok(true)
        }
    }
}

/// Writes what changed; how many bytes the session has then.
fn change(to: &Transaction<'_>, key: &Key, changes: &Changes) -> rusqlite::Result<usize> {
    for (name, value) in changes {
        match value {
            Some(value) => to
                .prepare_cached(
                    "INSERT INTO session_values VALUES (?1, ?2, ?3) \
                     ON CONFLICT (session, name) DO UPDATE SET value = excluded.value",
                )?
                .execute(params![key, name, value])?,
            None => to
                .prepare_cached("DELETE FROM session_values WHERE session = ?1 AND name = ?2")?
                .execute(params![key, name])?,
        };
    }
    to.prepare_cached(
        "SELECT coalesce(sum(octet_length(name) + octet_length(value)), 0) \
         FROM session_values WHERE session = ?1",
    )?
    .query_row([key], |row| row.get(0))
}

/// Takes a session away; whether it was there.
fn end(to: &Transaction<'_>, key: &Key) -> rusqlite::Result<bool> {
    to.prepare_cached("DELETE FROM session_values WHERE session = ?1")?.execute([key])?;
    to.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([key]).map(|rows| rows > 0)
}

/// How many sessions went.
fn swept(to: &Transaction<'_>, now: i64, latest: i64) -> rusqlite::Result<usize> {
    to.prepare_cached("UPDATE sessions SET expires = ?1 WHERE expires > ?1")?.execute([latest])?;
    let mut statement =
        to.prepare_cached("SELECT id FROM sessions WHERE expires <= ?1 ORDER BY expires LIMIT ?2")?;
    let keys = statement.query_map(params![now, BATCH], |row| row.get::<_, Key>(0))?;
    let keys = keys.collect::<rusqlite::Result<Vec<_>>>()?;
    for key in &keys {
        end(to, key)?;
    }
    Ok(keys.len())
}
