//! When a change is told: at once, when a file has come to rest, or by the clock.
//!
//! A lone change never waits. Only a storm does: what comes too thick is gathered until its time is up, so
//! that whoever is woken gets few and small messages however many events there are.

use std::{
    collections::HashMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{Identity, changed::Changed, identity_at};

/// How many changes are told within one [`WINDOW`] before they are gathered.
const BURST: u32 = 32;

/// The time that changes are counted in.
const WINDOW: Duration = Duration::from_millis(50);

/// How many files may be waited for.
const MOST_SETTLING: usize = 1000;

/// How many times the settle time a file that never rests is waited for.
const PATIENCE: u32 = 10;

/// How often the folder is looked for while it is missing.
const MISSING: Duration = Duration::from_millis(250);

/// How often it is made sure that the folder is the one that is watched: a mount tells nobody.
const PRESENT: Duration = Duration::from_secs(1);

type Wake = Box<dyn Fn(Changed) + Send>;

/// Tells of changes in time.
pub(super) struct Pulse {
    settle: Duration,
    wake: Mutex<Wake>,
    beat: Mutex<Beat>,
    bell: Condvar,
}

#[derive(Default)]
struct Beat {
    /// Files that are being written; `None` for what is no file.
    settling: HashMap<Option<PathBuf>, Settling>,
    window: Option<Instant>,
    told: u32,
    gathered: Option<Changed>,
    poll: Option<Poll>,
    root: Option<Root>,
    ended: bool,
}

struct Settling {
    due: Instant,
    latest: Instant,
}

struct Poll {
    every: Duration,
    due: Instant,
}

/// The plugin folder as it was when it was last watched.
struct Root {
    path: PathBuf,
    identity: Option<Identity>,
    due: Instant,
}

impl Pulse {
    /// A pulse that tells `wake`. Files that are being written rest for `settle` first.
    pub(super) fn new(settle: Duration, wake: Wake) -> Arc<Self> {
        let (wake, beat) = (Mutex::new(wake), Mutex::default());
        Arc::new(Self { settle, wake, beat, bell: Condvar::new() })
    }

    /// Starts the thread that waits, until [`Pulse::end`].
    pub(super) fn start(pulse: &Arc<Self>) -> io::Result<()> {
        let pulse = Arc::clone(pulse);
        thread::Builder::new()
            .name("hotplate-watch".to_owned())
            .spawn(move || {
                // Whatever one turn gives up on, changes must go on being told.
                while catch_unwind(AssertUnwindSafe(|| pulse.run())).is_err() {
                    tracing::error!("the watcher gave up a turn and goes on");
                    thread::sleep(MISSING);
                    pulse.now(Changed::Unclear);
                }
            })
            .map(drop)
    }

    /// Ends the thread.
    pub(super) fn end(&self) {
        self.beat().ended = true;
        self.bell.notify_all();
    }

    /// Tells a change at once, unless there is a storm.
    pub(super) fn now(&self, changed: Changed) {
        let mut beat = self.beat();
        if beat.ended {
            return;
        }
        if let Changed::Files(files) = &changed {
            for file in files {
                beat.settling.remove(&Some(file.clone()));
            }
        }
        let now = Instant::now();
        if beat.window.is_none_or(|window| now >= window + WINDOW) && beat.gathered.is_none() {
            beat.window = Some(now);
            beat.told = 0;
        }
        if beat.told < BURST && beat.gathered.is_none() {
            beat.told += 1;
            drop(beat);
            return self.tell(changed);
        }
        let first = beat.gathered.is_none();
        beat.gathered = Some(match beat.gathered.take() {
            Some(gathered) => gathered.and(changed),
            None => changed,
        });
        drop(beat);
        if first {
            self.bell.notify_all();
        }
    }

    /// Tells a change of `file` when nothing more follows for the settle time.
    pub(super) fn settled(&self, file: Option<PathBuf>) {
        let now = Instant::now();
        let mut beat = self.beat();
        let is_known = beat.settling.contains_key(&file);
        let key = if is_known || beat.settling.len() < MOST_SETTLING { file } else { None };
        let due = now + self.settle;
        let settling = beat
            .settling
            .entry(key)
            .or_insert_with(|| Settling { due, latest: now + self.settle * PATIENCE });
        settling.due = due.min(settling.latest);
        drop(beat);
        if !is_known {
            self.bell.notify_all();
        }
    }

    /// Tells of an unclear change each time that `every` has passed.
    pub(super) fn poll_every(&self, every: Duration) {
        let every = every.max(Duration::from_millis(1));
        self.beat().poll = Some(Poll { every, due: Instant::now() + every });
        self.bell.notify_all();
    }

    /// Tells of an unclear change while the folder at `path` is not the one that is expected.
    pub(super) fn expect_root(&self, path: &Path, identity: Option<Identity>) {
        let mut beat = self.beat();
        // The thread is told only of a nearer time than the one that it waits for.
        let was_there = beat.root.as_ref().is_some_and(|root| root.identity.is_some());
        let due = Instant::now() + if identity.is_some() { PRESENT } else { MISSING };
        beat.root = Some(Root { path: path.to_owned(), identity, due });
        drop(beat);
        if identity.is_none() || !was_there {
            self.bell.notify_all();
        }
    }

    fn beat(&self) -> MutexGuard<'_, Beat> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, changed: Changed) {
        (self.wake.lock().unwrap_or_else(PoisonError::into_inner))(changed);
    }

    fn run(&self) {
        let mut beat = self.beat();
        while !beat.ended {
            let now = Instant::now();
            if let Some(path) = beat.root_to_check(now) {
                drop(beat);
                let identity = identity_at(&path);
                beat = self.beat();
                beat.root_checked(&path, identity, now);
            }
            if let Some(changed) = beat.due_changes(now) {
                drop(beat);
                self.tell(changed);
                beat = self.beat();
                continue;
            }
            beat = match beat.next() {
                Some(due) => {
                    let time = due.saturating_duration_since(Instant::now());
                    self.bell.wait_timeout(beat, time).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.bell.wait(beat).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Beat {
    /// The nearest time at which there is something to do.
    fn next(&self) -> Option<Instant> {
        let settling = self.settling.values().map(|settling| settling.due);
        let gathered = self.gathered.as_ref().and(self.window).map(|window| window + WINDOW);
        let poll = self.poll.as_ref().map(|poll| poll.due);
        let root = self.root.as_ref().filter(|_| self.poll.is_none()).map(|root| root.due);
        settling.chain(gathered).chain(poll).chain(root).min()
    }

    /// What is to be told by now.
    fn due_changes(&mut self, now: Instant) -> Option<Changed> {
        let mut due =
            self.gathered.take_if(|_| self.window.is_none_or(|window| now >= window + WINDOW));
        if due.is_some() {
            self.window = Some(now);
            self.told = 1;
        }
        let mut add = |changed: Changed| {
            due = Some(match due.take() {
                Some(before) => before.and(changed),
                None => changed,
            });
        };
        for (file, _) in self.settling.extract_if(|_, settling| settling.due <= now) {
            add(file.map_or(Changed::Unclear, |file| Changed::Files(vec![file])));
        }
        if let Some(poll) = self.poll.as_mut().filter(|poll| poll.due <= now) {
            poll.due = now + poll.every;
            add(Changed::Unclear);
        }
        due
    }

    fn root_to_check(&self, now: Instant) -> Option<PathBuf> {
        let root = self.root.as_ref().filter(|root| root.due <= now && self.poll.is_none());
        root.map(|root| root.path.clone())
    }

    fn root_checked(&mut self, path: &Path, identity: Option<Identity>, now: Instant) {
        let Some(root) = self.root.as_mut().filter(|root| root.path == path && root.due <= now)
        else {
            return;
        };
        root.due = now + if root.identity.is_some() { PRESENT } else { MISSING };
        if root.identity != identity {
            self.settling.insert(None, Settling { due: now, latest: now });
        }
    }
}
