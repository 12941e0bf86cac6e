//! Connections to a server of Redis, each lent to one request at a time, and whether the server is there.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use ::redis::{Client, Cmd, Connection, ConnectionLike as _, RedisError, RedisResult, Value};

use super::SessionError;
use crate::settings::RedisUrl;

/// How long one request waits for the server at most.
const PATIENCE: Duration = Duration::from_millis(700);

/// How long a server must have been waited for to be one that does not answer.
const ENOUGH: Duration = Duration::from_millis(200);

/// How many connections are kept while nobody uses them.
const IDLE: usize = 16;

/// How many are made at a time: where names of hosts are not found out, each waits long.
const CONNECTING: usize = 8;

/// How long a server that failed is left alone: so long at first, and no longer than this.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

/// Connections that are lent.
#[derive(Debug)]
pub(super) struct Lines {
    client: Option<Client>,
    state: Mutex<State>,
    connecting: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    failed: Option<Failed>,
}

/// Since the server failed.
#[derive(Debug, Clone, Copy)]
struct Failed {
    times: u32,
    /// Until when nobody asks it.
    until: Instant,
}

/// One of those that are being made, until it is dropped.
struct Connecting {
    all: Arc<AtomicUsize>,
    /// How many there are with it.
    count: usize,
}

impl Connecting {
    fn one_more(all: &Arc<AtomicUsize>) -> Self {
        Self { count: all.fetch_add(1, Ordering::Relaxed) + 1, all: Arc::clone(all) }
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl Lines {
    pub(super) fn new(url: &RedisUrl) -> Self {
        // What the settings take, the client takes; if not, it is a server that is never there.
        Self {
            client: Client::open(url.whole()).ok(),
            state: Mutex::default(),
            connecting: Arc::default(),
        }
    }

    /// What the server answers, in time.
    pub(super) fn ask(&self, command: &Cmd, by: Instant) -> Result<Value, SessionError> {
        let began = Instant::now();
        let until = by.min(began + PATIENCE);
        let idle = self.begin()?;
        let asked = match idle {
            // The server may have ended while nobody used it: another connection may find a new one.
            Some(line) => match self.asked(line, command, until) {
                Err(error) if error.is_connection_dropped() => {
                    self.lock().idle.clear();
                    self.connect(until).and_then(|line| self.asked(line, command, until))
                }
                asked => asked,
            },
            None => self.connect(until).and_then(|line| self.asked(line, command, until)),
        };
        asked.inspect(|_| self.lock().failed = None).map_err(|error| {
            // A script that had hardly any time left says nothing of the server.
            match error.is_timeout() && began.elapsed() < ENOUGH {
                true => self.lock().idle.clear(),
                false => self.fail(),
            }
            SessionError::Redis(error)
        })
    }

    /// A connection that nobody uses, or none; an error while the server is left alone.
    fn begin(&self) -> Result<Option<Connection>, SessionError> {
        let (mut state, now) = (self.lock(), Instant::now());
        if let Some(failed) = &mut state.failed {
            if now < failed.until {
                return Err(SessionError::Unreachable);
            }
            // One asks it; the others wait for what becomes of that.
            failed.until = now + PATIENCE;
        }
        Ok(state.idle.pop())
    }

    /// The connection is kept if it can be used again.
    fn asked(&self, mut line: Connection, command: &Cmd, until: Instant) -> RedisResult<Value> {
        let left = left(until)?;
        line.set_read_timeout(Some(left))?;
        line.set_write_timeout(Some(left))?;
        let answer = line.req_command(command).and_then(Value::extract_error);
        // Of one that failed, the answer may still come.
        if answer.is_ok() {
            let mut state = self.lock();
            if state.idle.len() < IDLE {
                state.idle.push(line);
            }
        }
        answer
    }

    /// Another connection. It is made on a thread of its own: nothing ends the search for a host.
    fn connect(&self, until: Instant) -> RedisResult<Connection> {
        let left = left(until)?;
        let Some(client) = self.client.clone() else { return Err(gone("its address is not one")) };
        let connecting = Connecting::one_more(&self.connecting);
        if connecting.count > CONNECTING {
            return Err(gone("too many connections are being made"));
        }
        let (sender, made) = mpsc::channel();
        let thread = std::thread::Builder::new().name("hotplate-redis".to_owned());
        let spawned = thread.spawn(move || {
            let line = client.get_connection_with_timeout(left);
            drop(connecting);
            // Whoever wanted it may have given up.
            drop(sender.send(line));
        });
        if spawned.is_err() {
            return Err(gone("there is no thread to connect on"));
        }
        made.recv_timeout(left).unwrap_or_else(|_| Err(gone("it does not answer")))
    }

    /// Leaves the server alone for a while.
    fn fail(&self) {
        let mut state = self.lock();
        state.idle.clear();
        let times = state.failed.map_or(0, |failed| failed.times);
        let [first, longest] = BACK_OFF;
        let pause = first.saturating_mul(2_u32.saturating_pow(times)).min(longest);
        state.failed =
            Some(Failed { times: times.saturating_add(1), until: Instant::now() + pause });
    }

    // A panic under the lock leaves whole entries behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left(until: Instant) -> RedisResult<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(gone("it took too long")) } else { Ok(left) }
}

fn gone(why: &'static str) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, why).into()
}
