//! Sessions: what is remembered of a visitor from one request to the next, under an id that only the
//! visitor has.
//!
//! - An id is 256 random bits of ours; the store has its SHA-256 only, so that whoever reads the store has no
//!   session by it. An id that we did not make is nobody's.
//! - What is written is durable before [`Sessions::keep`] returns, and only what changed is written: two
//!   requests that change different values of one session lose neither.
//! - A session that has ended or expired never comes back, whatever becomes of the clock.

mod clock;
mod id;
mod redis;
mod sqlite;
mod sweep;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

pub(crate) use self::id::SessionId;
use self::{
    clock::Clock,
    redis::Redis,
    sqlite::Sqlite,
    sweep::{Signal, Sweeper},
};
use super::{
    database::{Database, DatabaseError},
    turns::Asked,
};
use crate::settings::{RedisUrl, SessionSettings};

/// The most bytes of one session: its names and its values as JSON.
pub(crate) const MOST_BYTES: usize = 64 << 10;

/// The most bytes of the name of a value.
pub(crate) const MOST_NAME_BYTES: usize = 256;

/// In how many parts of its life a session is noted as used once at most, so that reading seldom writes.
const NOTED: u32 = 20;

/// How often the same trouble with Redis is logged.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// How long a sweep may take at most.
const SWEEP: Duration = Duration::from_secs(10);

/// Why a session was not found or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Redis did not do it, or could not be asked.
    #[error("Redis: {0}")]
    Redis(#[from] ::redis::RedisError),
    /// Redis failed a moment ago and is left alone for a while.
    #[error("Redis was out of reach a moment ago")]
    Unreachable,
    /// It would hold too much.
    #[error("a session holds at most {MOST_BYTES} bytes, this one would hold {0}")]
    Large(usize),
    /// The system has no random numbers.
    #[error("no id can be made: {0}")]
    Random(#[from] getrandom::Error),
}

impl SessionError {
    /// Whether the store could not be reached, or did not answer in time.
    pub(crate) fn is_outage(&self) -> bool {
        !matches!(self, Self::Large(_))
    }
}

/// The values of a session by their names, as JSON.
pub(crate) type Values = BTreeMap<String, String>;

/// What changes: values by their names, `None` where one goes.
pub(crate) type Changes = BTreeMap<String, Option<String>>;

/// A session as it was found.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Its values.
    pub(crate) values: Values,
    /// Whether it is time to note that it is used.
    pub(crate) is_due: bool,
}

/// What becomes of a session.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// The session that is there, if one is.
    pub(crate) from: Option<&'a SessionId>,
    /// The id that it will have; none if it ends.
    pub(crate) to: Option<&'a SessionId>,
    /// Whether the values of `from` stay.
    pub(crate) goes_on: bool,
    /// What changes.
    pub(crate) changes: &'a Changes,
    /// The address of the client, for a session that begins.
    pub(crate) address: IpAddr,
    /// Whether a session that begins is for that address only, whatever the settings say.
    pub(crate) is_bound: bool,
}

/// What a store knows of a session besides its values.
#[derive(Debug)]
struct Known {
    values: Values,
    address: String,
    is_bound: bool,
    expires: i64,
}

/// The moments that a plan is carried out at, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Moments {
    now: i64,
    expires: i64,
}

/// All sessions of a server.
#[derive(Debug)]
pub(crate) struct Sessions {
    shared: Arc<Shared>,
    sweeper: Sweeper,
}

#[derive(Debug)]
struct Shared {
    settings: ArcSwap<SessionSettings>,
    store: Store,
    clock: Clock,
    trouble: Mutex<bool>,
    told: Mutex<Option<Instant>>,
}

/// Where they are.
#[derive(Debug)]
enum Store {
    Sqlite(Sqlite),
    Redis(Box<Redis>),
}

impl Sessions {
    /// Keeps no connection open from now on.
    pub(crate) fn close(&self) {
        if let Store::Sqlite(store) = &self.shared.store {
            store.close();
        }
    }

    /// Those that are kept in this database.
    pub(crate) fn new(settings: &SessionSettings, database: Arc<Database>) -> Self {
        Self::of(settings, Store::Sqlite(Sqlite::new(database)))
    }

    /// Those that are kept by this server of Redis.
    pub(crate) fn in_redis(settings: &SessionSettings, url: &RedisUrl) -> Self {
        Self::of(settings, Store::Redis(Box::new(Redis::new(url))))
    }

    fn of(settings: &SessionSettings, store: Store) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings: ArcSwap::from_pointee(settings.clone()),
                store,
                clock: Clock::default(),
                trouble: Mutex::default(),
                told: Mutex::default(),
            }),
            sweeper: Sweeper::default(),
        }
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Arc<SessionSettings> {
        self.shared.settings.load_full()
    }

    /// Other settings from now on; the store is the one that it was.
    pub(crate) fn configure(&self, settings: &SessionSettings) {
        self.shared.settings.store(Arc::new(settings.clone()));
        self.sweeper.wake();
    }

    /// What kind of store it is, and whether it was out of reach when it was last used.
    pub(crate) fn state(&self) -> (&'static str, bool) {
        let kind = match &self.shared.store {
            Store::Sqlite(_) => "sqlite",
            Store::Redis(_) => "redis",
        };
        (kind, *self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The session with this id, for a client of this address.
    pub(crate) fn find(
        &self,
        id: &SessionId,
        caller: IpAddr,
        asked: Asked<'_>,
    ) -> Result<Option<Seen>, SessionError> {
        self.begin_sweeping();
        let found = match &self.shared.store {
            Store::Sqlite(store) => store.find(&id.key(), asked),
            Store::Redis(store) => store.find(id, asked.until),
        };
        let found = self.shared.noted(found)?;
        let Some(known) = found else { return Ok(None) };
        let settings = self.shared.settings.load();
        let now = self.shared.clock.now();
        if known.expires <= now {
            self.sweeper.wake();
            return Ok(None);
        }
        if (known.is_bound || settings.bind_address) && known.address != written(caller) {
            return Ok(None);
        }
        let (left, life) = (known.expires - now, millis(settings.life()));
        // More is left than a session lives: the setting, or the clock, was another one.
        let is_due = left <= life - life / i64::from(NOTED) || left > life;
        Ok(Some(Seen { values: known.values, is_due }))
    }

    /// Carries out a plan, all of it or nothing; false if the session has ended meanwhile, and then nothing
    /// was done.
    pub(crate) fn keep(&self, plan: &Plan<'_>, asked: Asked<'_>) -> Result<bool, SessionError> {
        self.begin_sweeping();
        let now = self.shared.clock.now();
        let expires = now.saturating_add(millis(self.shared.settings.load().life()));
        let moments = Moments { now, expires };
        self.shared.noted(match &self.shared.store {
            Store::Sqlite(store) => store.keep(plan, moments, asked),
            Store::Redis(store) => store.keep(plan, moments, asked.until),
        })
    }

    /// Says in the log what went wrong.
    pub(crate) fn tell(&self, error: &SessionError) {
        self.shared.tell(error);
    }

    fn begin_sweeping(&self) {
        // Redis sweeps by itself.
        if matches!(self.shared.store, Store::Redis(_)) {
            return;
        }
        let shared = Arc::downgrade(&self.shared);
        self.sweeper.begin(move |signal: &Signal| {
            let shared = shared.upgrade()?;
            shared.sweep(signal);
            Some(shared.pause())
        });
    }
}

impl Shared {
    /// Notes whether the store could be reached.
    fn noted<T>(&self, result: Result<T, SessionError>) -> Result<T, SessionError> {
        let is_down = result.as_ref().is_err_and(SessionError::is_outage);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = is_down;
        result
    }

    fn tell(&self, error: &SessionError) {
        match (error, &self.store) {
            (SessionError::Database(error), Store::Sqlite(store)) => store.database().tell(error),
            (SessionError::Redis(_), _) => {
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
                    tracing::error!("sessions: {error}");
                    *told = Some(Instant::now());
                }
            }
            // What was wrong has been told.
            (SessionError::Unreachable, _) => {}
            (error, _) => tracing::error!("sessions: {error}"),
        }
    }

    /// Takes away what has expired, a few at a time, so that requests have their turns in between.
    fn sweep(&self, signal: &Signal) {
        let Store::Sqlite(store) = &self.store else { return };
        let life = millis(self.settings.load().life());
        loop {
            let now = self.clock.now();
            match store.sweep(now, now.saturating_add(life), Instant::now() + SWEEP) {
                Ok(true) if !signal.is_over() => {}
                Ok(_) => return,
                Err(error) => return self.tell(&error),
            }
        }
    }

    /// The time between two sweeps.
    fn pause(&self) -> Duration {
        let life = self.settings.load().life();
        (life / 10).clamp(Duration::from_millis(500), Duration::from_secs(60))
    }
}

/// An address as stores have it: one text for each.
fn written(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
