//! What a script may use: wall time, operations, memory and output.
//!
//! A budget belongs to the thread that runs the script, because Rhai gives its progress callback
//! nothing else to know the call by. [`enter`] starts it, [`tick`] is called by the engine for every
//! operation, natives that work in proportion to an argument call [`check`] and [`charge`], and
//! [`Guard::spent`] tells afterwards whether it ran out: a native such as `sort` may have swallowed
//! the error on the way.
//!
//! A script begins on the thread that took the request. Once it has run [`ESCALATE_AFTER`], that
//! thread gives up the rest of its work to another one, so that a slow script delays nobody else.

mod escalate;
mod slices;
mod speed;
mod together;

use std::{
    cell::{Cell, RefCell},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rhai::{Dynamic, EvalAltResult, Position};

use self::{slices::Slices, speed::Began};
pub(crate) use self::{speed::Speed, together::Kept};
use super::{Native, effect, memory};
use crate::services::processor;

/// How long a script may hold a thread that serves other requests too.
const ESCALATE_AFTER: Duration = Duration::from_millis(2);

/// Ticks between two looks at the clock.
const CLOCK_EVERY: u64 = 16;

/// The limits of one run of a script.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// When it must have ended.
    pub(crate) deadline: Instant,
    /// How many operations (nodes of the syntax tree evaluated) it may use.
    pub(crate) operations: u64,
    /// How many bytes it may hold at a time.
    pub(crate) memory_bytes: u64,
    /// How many bytes all scripts of the process may hold together, what each has without asking aside.
    pub(crate) total_memory_bytes: u64,
}

/// Why a run was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spent {
    /// The deadline passed.
    Time,
    /// Too many operations.
    Operations,
    /// Too much memory held at a time.
    Memory,
    /// Too much memory held by all scripts together.
    Crowded,
    /// Too many slow scripts at work already.
    Busy,
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "the script ran longer than `script_ms` (`load_ms` while loading) allows",
            Self::Operations => "the script used more `operations` than allowed",
            Self::Memory => "the script held more than `memory_bytes` at a time",
            Self::Crowded => "all scripts together held more than `total_memory_bytes`",
            Self::Busy => "too many slow scripts are running",
        })
    }
}

/// The thread that a script runs on.
#[derive(Debug, Clone)]
pub(crate) enum Thread {
    /// A worker of a multi-threaded runtime, which has other requests to serve.
    Worker(Arc<Slow>),
    /// A thread of our own that may be held until the deadline.
    Own,
    /// One where this party, a plugin by its name, takes turns with the others if it takes long.
    InTurn(Arc<str>),
}

/// The scripts that gave up their worker, bounded in number.
#[derive(Debug)]
pub(crate) struct Slow {
    running: AtomicUsize,
    most: usize,
}

impl Slow {
    /// At most `most` slow scripts at a time.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { running: AtomicUsize::new(0), most })
    }
}

/// What is looked at when `TICKS` or `MOST_HELD` are over.
struct Meter {
    limits: Cell<Option<Limits>>,
    escalate_at: Cell<Option<Instant>>,
    /// How often it was made sure that this thread holds up nobody.
    rounds: Cell<u32>,
    spent: Cell<Option<Spent>>,
    /// The balance of memory at the start.
    base: Cell<i64>,
    /// Bytes of what all may hold together that this script was given.
    given: Cell<i64>,
    thread: RefCell<Option<Thread>>,
    escalated: RefCell<Option<Arc<Slow>>>,
    slices: RefCell<Option<Slices>>,
    /// How long natives blocked a thread of our own.
    blocked: Cell<Duration>,
}

// Apart from the rest, which is dropped with the thread and so costs a look at whether it was.
thread_local! {
    static TICKS: Cell<u64> = const { Cell::new(0) };
    /// The number of operations at which the clock is looked at; 0 once anything is spent.
    static NEXT_LOOK: Cell<u64> = const { Cell::new(u64::MAX) };
    /// The balance of memory from which on more has to be asked for; none is given once anything is spent.
    static MOST_HELD: Cell<i64> = const { Cell::new(i64::MAX) };
}

thread_local! {
    static METER: Meter = const {
        Meter {
            limits: Cell::new(None),
            escalate_at: Cell::new(None),
            rounds: Cell::new(0),
            spent: Cell::new(None),
            base: Cell::new(0),
            given: Cell::new(0),
            thread: RefCell::new(None),
            escalated: RefCell::new(None),
            slices: RefCell::new(None),
            blocked: Cell::new(Duration::ZERO),
        }
    };
}

/// A budget in force on this thread until it is dropped; then the one before it, if any, goes on.
pub(crate) struct Guard {
    ticks: u64,
    next_look: u64,
    most_held: i64,
    limits: Option<Limits>,
    escalate_at: Option<Instant>,
    rounds: u32,
    spent: Option<Spent>,
    base: i64,
    given: i64,
    thread: Option<Thread>,
    escalated: Option<Arc<Slow>>,
    slices: Option<Slices>,
    blocked: Duration,
    began: Began,
    /// Bound to this thread: the meter is thread-local.
    _not_send: std::marker::PhantomData<*const ()>,
}

/// Starts a budget on this thread, now.
pub(crate) fn enter(limits: Limits, thread: Thread) -> Guard {
    enter_at(Instant::now(), limits, thread)
}

/// Starts a budget on this thread; `now` is now, for those who have just looked at the clock.
pub(crate) fn enter_at(now: Instant, limits: Limits, thread: Thread) -> Guard {
    memory::prepare();
    let base = memory::balance();
    let most = match limits.memory_bytes {
        u64::MAX => i64::MAX,
        bytes => i64::try_from(bytes).unwrap_or(i64::MAX).min(together::FREE),
    };
    METER.with(|meter| {
        let soon = Some(now + ESCALATE_AFTER);
        let (escalate_at, began, slices) = match &thread {
            Thread::Worker(_) => (soon, Began::OnWorker(now), None),
            Thread::Own => (None, Began::OnOwn(processor::time()), None),
            Thread::InTurn(party) => {
                let slices = Slices::new(Arc::clone(party));
                (soon, Began::OnOwn(processor::time()), Some(slices))
            }
        };
        Guard {
            ticks: TICKS.replace(0),
            next_look: NEXT_LOOK.replace(CLOCK_EVERY),
            most_held: MOST_HELD.replace(base.saturating_add(most)),
            limits: meter.limits.replace(Some(limits)),
            escalate_at: meter.escalate_at.replace(escalate_at),
            rounds: meter.rounds.replace(0),
            spent: meter.spent.replace(None),
            base: meter.base.replace(base),
            given: meter.given.replace(0),
            thread: meter.thread.replace(Some(thread)),
            escalated: meter.escalated.take(),
            slices: meter.slices.replace(slices),
            blocked: meter.blocked.take(),
            began,
            _not_send: std::marker::PhantomData,
        }
    })
}

impl Guard {
    /// Why the run was stopped, if it was, whatever the script made of it.
    #[expect(clippy::unused_self, reason = "the guard is the proof that a budget is in force")]
    pub(crate) fn spent(&self) -> Option<Spent> {
        METER.with(|meter| meter.spent.get())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        TICKS.set(self.ticks);
        NEXT_LOOK.set(self.next_look);
        MOST_HELD.set(self.most_held);
        METER.with(|meter| {
            meter.limits.set(self.limits);
            meter.escalate_at.set(self.escalate_at);
            meter.rounds.set(self.rounds);
            meter.blocked.set(self.blocked);
            meter.spent.set(self.spent);
            meter.base.set(self.base);
            let given = meter.given.replace(self.given);
            together::give_back(given);
            meter.thread.replace(self.thread.take());
            if let Some(slow) = meter.escalated.replace(self.escalated.take()) {
                slow.running.fetch_sub(1, Ordering::Relaxed);
            }
            meter.slices.replace(self.slices.take());
        });
    }
}

/// One operation: `Some` ends the script. For [`rhai::Engine::on_progress`].
#[inline]
pub(crate) fn tick() -> Option<Dynamic> {
    ticks(1)
}

/// So many operations more, of code that does not ask at each of them: `Some` ends the script.
#[inline]
pub(crate) fn ticks(operations: u64) -> Option<Dynamic> {
    let ticks = TICKS.get() + operations;
    TICKS.set(ticks);
    if is_full()
        && let Err(spent) = METER.with(|meter| meter.take_memory(0))
    {
        return METER.with(|meter| meter.stop(spent));
    }
    if ticks >= NEXT_LOOK.get() {
        return METER.with(|meter| meter.look(ticks));
    }
    None
}

impl Meter {
    #[cold]
    fn look(&self, ticks: u64) -> Option<Dynamic> {
        if self.spent.get().is_some() {
            return self.ended();
        }
        let limits = self.limits.get()?;
        NEXT_LOOK.set(ticks + CLOCK_EVERY);
        if ticks > limits.operations {
            return self.stop(Spent::Operations);
        }
        let now = Instant::now();
        if now >= limits.deadline {
            return self.stop(Spent::Time);
        }
        if self.escalate_at.get().is_some_and(|at| now >= at)
            && let Err(spent) = self.give_way(limits.deadline)
        {
            return self.stop(spent);
        }
        self.ended()
    }

    /// What ends the script, once anything is spent.
    fn ended(&self) -> Option<Dynamic> {
        self.spent.get().map(|_| Dynamic::UNIT)
    }

    #[cold]
    fn stop(&self, why: Spent) -> Option<Dynamic> {
        if self.spent.get().is_none() {
            self.spent.set(Some(why));
        }
        // Every operation from now on ends the script, whatever swallowed the last one's error.
        NEXT_LOOK.set(0);
        MOST_HELD.set(i64::MIN);
        self.ended()
    }
}

/// Whether the script holds more memory than it may; [`ticks`] ends it then.
#[inline]
pub(crate) fn is_full() -> bool {
    memory::balance() > MOST_HELD.get()
}

/// Whether the script may go on; for natives that work in proportion to an argument.
pub(crate) fn check() -> Native<()> {
    METER.with(|meter| {
        if meter.limits.get().is_none() {
            return Ok(());
        }
        let memory = if is_full() { meter.take_memory(0) } else { Ok(()) };
        match memory {
            Err(spent) => meter.stop(spent),
            Ok(()) => meter.look(TICKS.get()),
        };
        match meter.spent.get() {
            Some(_) => Err(terminated()),
            None => Ok(()),
        }
    })
}

/// Asks for `bytes` of memory before a native allocates them.
pub(crate) fn charge(bytes: usize) -> Native<()> {
    METER.with(|meter| {
        let asked = i64::try_from(bytes).unwrap_or(i64::MAX);
        if memory::balance().saturating_add(asked) <= MOST_HELD.get() {
            return Ok(());
        }
        meter.take_memory(asked).map_err(|spent| {
            meter.stop(spent);
            terminated()
        })
    })
}

/// Counts bytes that outlive the script, until the result is dropped, against what all scripts may hold.
pub(crate) fn keep(bytes: usize) -> Native<Kept> {
    METER.with(|meter| {
        meter.keep(bytes).map_err(|spent| {
            meter.stop(spent);
            terminated()
        })
    })
}

/// How long the script may still run; `None` where no budget is in force.
pub(crate) fn remaining() -> Option<Duration> {
    METER
        .with(|meter| meter.limits.get())
        .map(|limits| limits.deadline.saturating_duration_since(Instant::now()))
}

/// Runs what blocks; meanwhile the thread's other work goes to another one.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> Native<T> {
    effect::note();
    METER.with(|meter| meter.blocking(work)).map_err(|spent| {
        METER.with(|meter| meter.stop(spent));
        terminated()
    })
}

/// The error that ends a script and that no `catch` sees.
fn terminated() -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE))
}
