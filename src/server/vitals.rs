//! What one connection is doing, as cheap marks, and when that has lasted too long.
//!
//! Marks are set on the hot path with plain atomic stores; nothing there reads a clock or touches a
//! timer. The connection's driver gives them their times and compares them with the limits: a head
//! after each poll that left it incomplete, an activity when it looks, a few times in each idle time.
//!
//! Invariants:
//! - A connection with a request in service, or whose answer waits for its producer, has no deadline
//!   but that of a write the peer does not take.
//! - The clock of a head starts at its first byte and is not pushed on by later ones.
//! - A peer that answers wait for takes so many bytes in each second: a little now and then is not enough.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Waker},
    time::{Duration, Instant},
};

use super::ServerLimits;

/// How long an ended connection listens on, so that the peer reads our last answer before a reset.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// The most bytes of an HTTP/2 write that are taken for pings and acknowledgements, which must not
/// keep an idle connection alive: our own pings would.
const HOUSEKEEPING: usize = 64;

/// What a connection is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Order {
    /// Go on.
    Run,
    /// Finish what was asked and end.
    Drain,
    /// End now.
    Cut,
}

/// Which protocol the bytes belong to, as far as deadlines care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Bytes while no request is in service are the next head.
    Http1,
    /// Bytes may be mere housekeeping: only requests count.
    Http2,
}

/// Milliseconds since the connection was born, plus one; 0 means "not so".
type Mark = AtomicU64;

/// A mark that was set and has not been given its time yet.
const UNTIMED: u64 = u64::MAX;

/// The marks of one connection.
#[derive(Debug)]
pub(super) struct Vitals {
    born: Instant,
    order: AtomicU8,
    http2: AtomicBool,
    /// When the head being read began.
    head: Mark,
    /// When the peer last took bytes or was last served.
    last: Mark,
    /// Since when a write has been waiting for the peer.
    blocked: Mark,
    /// Since when answers have been waiting for the peer, however little it takes now and then.
    owing: Mark,
    /// Bytes that it has taken since.
    taken: AtomicU64,
    /// Answers of HTTP/2 that are not sent: a peer need not take them though the socket would.
    answers: AtomicU32,
    /// Since when we only listen for the peer's end.
    linger: Mark,
    /// Requests in the endpoint.
    services: AtomicU32,
    /// Answers that wait for the endpoint to produce more of them.
    producing: AtomicU32,
    /// Whether a whole request has been seen.
    served: AtomicBool,
    /// Whether a request body was left unread.
    unread: AtomicBool,
    /// Whether the protocol is HTTP no more.
    upgraded: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Vitals {
    /// Marks of a connection accepted now, whose first byte is awaited.
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            order: AtomicU8::new(Order::Run as u8),
            http2: AtomicBool::new(false),
            head: Mark::new(1),
            last: Mark::new(1),
            blocked: Mark::new(0),
            owing: Mark::new(0),
            taken: AtomicU64::new(0),
            answers: AtomicU32::new(0),
            linger: Mark::new(0),
            services: AtomicU32::new(0),
            producing: AtomicU32::new(0),
            served: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    /// Now, as a mark.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX - 1).saturating_add(1)
    }

    /// The instant of a mark.
    pub(super) fn instant(&self, mark: u64) -> tokio::time::Instant {
        (self.born + Duration::from_millis(mark.saturating_sub(1))).into()
    }

    /// What the connection has been told.
    pub(super) fn order(&self) -> Order {
        match self.order.load(Relaxed) {
            0 => Order::Run,
            1 => Order::Drain,
            _ => Order::Cut,
        }
    }

    /// Tells the connection and wakes it; an order never weakens an earlier one.
    pub(super) fn tell(&self, order: Order) {
        // Under the lock, so that a task that keeps its waker here reads the order afterwards.
        let waker = {
            let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
            self.order.fetch_max(order as u8, Relaxed);
            waker.clone()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Keeps the task's waker for [`Self::tell`], touching the lock only when it is a new one.
    pub(super) fn keep_waker(&self, cx: &Context<'_>, kept: &mut Option<Waker>) {
        if kept.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return;
        }
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        *kept = Some(cx.waker().clone());
    }

    /// Starts the protocol: the clock of the first head (HTTP/1) or of idleness (HTTP/2).
    pub(super) fn begin(&self, protocol: Protocol) {
        let now = self.now();
        self.last.store(now, Relaxed);
        self.http2.store(protocol == Protocol::Http2, Relaxed);
        self.head.store(if protocol == Protocol::Http2 { 0 } else { now }, Relaxed);
    }

    /// Bytes came in.
    pub(super) fn read(&self) {
        if self.services.load(Relaxed) == 0
            && self.head.load(Relaxed) == 0
            && !self.http2.load(Relaxed)
        {
            self.head.store(UNTIMED, Relaxed);
        }
    }

    /// The peer took `bytes` bytes.
    pub(super) fn wrote(&self, bytes: usize) {
        if bytes > HOUSEKEEPING || !self.http2.load(Relaxed) {
            self.last.store(UNTIMED, Relaxed);
            if self.owing.load(Relaxed) != 0 {
                self.taken.store(self.taken.load(Relaxed) + bytes as u64, Relaxed);
            }
        }
        if self.blocked.load(Relaxed) != 0 {
            self.blocked.store(0, Relaxed);
        }
        // A pipelined head waits for our answers: its clock starts after them.
        if self.head.load(Relaxed) != 0 {
            self.head.store(UNTIMED, Relaxed);
        }
    }

    /// The peer does not take bytes.
    pub(super) fn write_blocked(&self) {
        if self.blocked.load(Relaxed) == 0 {
            let now = self.now();
            self.blocked.store(now, Relaxed);
            self.owe(now);
        }
    }

    /// From `mark` on the peer has to take something, unless it had to already.
    fn owe(&self, mark: u64) {
        if self.owing.load(Relaxed) == 0 {
            self.taken.store(0, Relaxed);
            self.owing.store(mark, Relaxed);
        }
    }

    /// Nothing waits for the peer but what the socket holds.
    fn owe_nothing(&self) {
        if self.owing.load(Relaxed) != 0
            && self.blocked.load(Relaxed) == 0
            && self.answers.load(Relaxed) == 0
        {
            self.owing.store(0, Relaxed);
        }
    }

    /// Whether it speaks HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Relaxed)
    }

    /// An answer, or a part of one, is there to be sent.
    pub(super) fn answer_begins(&self) {
        if self.is_http2() {
            self.answers.fetch_add(1, Relaxed);
            self.owe(UNTIMED);
        }
    }

    /// It was handed to the socket, or is not sent any more.
    pub(super) fn answer_ends(&self) {
        if self.is_http2() {
            self.answers.fetch_sub(1, Relaxed);
            self.owe_nothing();
        }
    }

    /// All that was written has been taken.
    pub(super) fn flushed(&self) {
        if self.blocked.load(Relaxed) != 0 {
            self.blocked.store(0, Relaxed);
        }
    }

    /// The answer made progress towards the peer without a write of ours to show for it yet.
    pub(super) fn progressed(&self) {
        self.last.store(UNTIMED, Relaxed);
    }

    /// A request body was dropped before its end.
    pub(super) fn left_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    /// Whether closing now would reset the connection over the head of our last answer.
    pub(super) fn must_linger(&self) -> bool {
        self.unread.load(Relaxed) || self.head.load(Relaxed) != 0
    }

    /// From now on only the peer's end is awaited.
    pub(super) fn linger(&self) {
        if self.linger.load(Relaxed) == 0 {
            self.linger.store(self.now(), Relaxed);
        }
    }

    /// HTTP is over on this connection and its driver gone, but its socket lives on.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Relaxed);
    }

    /// Whether the socket has left HTTP.
    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Relaxed)
    }

    /// Changes the number of requests in the endpoint by one, up or (wrapping) down. One task does so in
    /// HTTP/1, and many in HTTP/2.
    fn count(&self, by: u32) {
        if self.http2.load(Relaxed) {
            self.services.fetch_add(by, Relaxed);
        } else {
            self.services.store(self.services.load(Relaxed).wrapping_add(by), Relaxed);
        }
    }

    /// A request enters the endpoint.
    pub(super) fn enter(&self) {
        self.count(1);
        self.owe_nothing();
        self.head.store(0, Relaxed);
        self.served.store(true, Relaxed);
    }

    /// A request leaves the endpoint.
    pub(super) fn leave(&self) {
        self.count(u32::MAX);
        self.last.store(UNTIMED, Relaxed);
    }

    /// An answer begins to wait for its producer.
    pub(super) fn producer_waits(&self) {
        self.producing.fetch_add(1, Relaxed);
        self.answer_ends();
        self.owe_nothing();
    }

    /// An answer no longer waits for its producer.
    pub(super) fn producer_done(&self) {
        self.producing.fetch_sub(1, Relaxed);
        self.answer_begins();
        self.progressed();
    }

    fn is_serving(&self) -> bool {
        self.services.load(Relaxed) != 0 || self.producing.load(Relaxed) != 0
    }

    /// When marks that can appear between two timer checks run out; `None` when there are none.
    pub(super) fn urgent(&self, limits: &ServerLimits) -> Option<u64> {
        self.waited(limits).into_iter().chain(self.overdue(limits)).min()
    }

    /// When the peer will have taken too little of the answers that wait for it.
    fn overdue(&self, limits: &ServerLimits) -> Option<u64> {
        let mut since = self.owing.load(Relaxed);
        if since == 0 {
            return None;
        }
        if since == UNTIMED {
            since = self.now();
            self.owing.store(since, Relaxed);
        }
        let earned = self.taken.load(Relaxed).saturating_mul(1_000) / limits.rate.max(1);
        Some(after(since, limits.idle).saturating_add(earned))
    }

    /// When a head, a write or the peer's end will have taken too long.
    fn waited(&self, limits: &ServerLimits) -> Option<u64> {
        let mut head = self.head.load(Relaxed);
        let blocked = self.blocked.load(Relaxed);
        let linger = self.linger.load(Relaxed);
        if head | blocked | linger == 0 {
            return None;
        }
        if head == UNTIMED {
            head = self.now();
            self.head.store(head, Relaxed);
        }
        let mut due = u64::MAX;
        if linger != 0 {
            due = after(linger, LINGER);
        } else if head != 0 && !self.is_serving() {
            due = after(head, limits.header);
        }
        if blocked != 0 {
            due = due.min(after(blocked, limits.idle));
        }
        (due != u64::MAX).then_some(due)
    }

    /// When the connection has to end unless something happens; `None` while it serves.
    pub(super) fn due(&self, limits: &ServerLimits) -> Option<u64> {
        let last = after(self.last_activity(), limits.idle);
        let idle = || (!self.is_serving()).then_some(last);
        self.waited(limits).or_else(idle).into_iter().chain(self.overdue(limits)).min()
    }

    /// How long, in milliseconds, the connection is known to have waited for its peer; `None` while
    /// it serves.
    pub(super) fn waiting(&self) -> Option<u64> {
        if self.is_serving() || self.is_upgraded() {
            return None;
        }
        let head = self.head.load(Relaxed);
        let since = if matches!(head, 0 | UNTIMED) { self.last_activity() } else { head };
        Some(self.now().saturating_sub(since))
    }

    /// The last activity; one since the last look counts as now.
    fn last_activity(&self) -> u64 {
        let last = self.last.load(Relaxed);
        if last != UNTIMED {
            return last;
        }
        let now = self.now();
        self.last.store(now, Relaxed);
        now
    }

    /// Whether a whole request has come over this connection.
    pub(super) fn has_served(&self) -> bool {
        self.served.load(Relaxed)
    }
}

fn after(mark: u64, time: Duration) -> u64 {
    mark.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
