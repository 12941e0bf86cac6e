//! Turns: no more than a few do something at a time, and the others wait for theirs, but not for ever.
//!
//! Whoever waits does so in the line of a party, such as a plugin. Called next is the party whose turns did the least
//! work, in processor time: however many of one party wait, and however much each does, another one that does little
//! waits for the one turn that goes on. This is [start-time fair queueing](https://doi.org/10.1109/90.649569). The time
//! of a clock would not do: whoever is slowed down by others would have had more of it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::processor;

/// For whom something is done, and until when that may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The party, such as a plugin by its name.
    pub(crate) by: &'a str,
    /// When it must be done.
    pub(crate) until: Instant,
}

/// So many turns at a time.
#[derive(Debug)]
pub(crate) struct Turns {
    most: usize,
    /// Whether a party that has no turn gets one at once, also where all are taken.
    one_for_each: bool,
    now: Mutex<Now>,
}

/// Who has a turn, and who waits for one.
#[derive(Debug, Default)]
struct Now {
    taken: usize,
    parties: HashMap<Box<str>, Party>,
    /// How much those had that are called now: whoever comes anew has had as much.
    clock: Duration,
    /// How many came or were called.
    steps: u64,
}

/// One that has a turn or waits for one, or had more than those that are called now.
#[derive(Debug, Default)]
struct Party {
    turns: usize,
    line: VecDeque<Arc<Ticket>>,
    /// The work of its turns, and what it did not do while it had nothing to do.
    had: Duration,
    /// When it came or was last called, in steps: of two that had as much, the one that waits for longer is called.
    since: u64,
}

/// One who waits.
#[derive(Debug, Default)]
struct Ticket {
    is_given: AtomicBool,
    called: Condvar,
}

/// One's turn, until it is dropped; by the thread that took it.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    party: Box<str>,
    /// The processor time of the thread when it began.
    began: Duration,
}

impl Turns {
    /// At most `most` at a time.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, one_for_each: false, now: Mutex::default() }
    }

    /// At most `most` at a time, and beyond them one for each party that has none: no party waits for another.
    pub(super) fn with_one_for_each(most: usize) -> Self {
        Self { one_for_each: true, ..Self::new(most) }
    }

    /// Waits for a turn; `None` if there was none in time. Blocks.
    pub(crate) fn take(&self, asked: Asked<'_>) -> Option<Turn<'_>> {
        let Asked { by: name, until } = asked;
        let mut now = self.lock();
        let taken = now.taken;
        if self.is_free_for(taken, now.meet(name)) {
            now.give(name);
            return Some(self.turn_of(name));
        }
        let ticket = Arc::new(Ticket::default());
        now.meet(name).line.push_back(Arc::clone(&ticket));
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                now.leave(name, &ticket);
                return None;
            }
            let waited = ticket.called.wait_timeout(now, left);
            now = waited.unwrap_or_else(PoisonError::into_inner).0;
            if ticket.is_given.load(Ordering::Relaxed) {
                return Some(self.turn_of(name));
            }
        }
    }

    /// Whether anybody waits.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.lock().parties.values().any(|party| !party.line.is_empty())
    }

    fn turn_of(&self, party: &str) -> Turn<'_> {
        Turn { turns: self, party: party.into(), began: processor::time() }
    }

    fn is_free_for(&self, taken: usize, party: &Party) -> bool {
        taken < self.most || self.one_for_each && party.turns == 0
    }

    /// The party whose first is called next, if there is a turn for any.
    fn next(&self, now: &Now) -> Option<Box<str>> {
        let waiting = now
            .parties
            .iter()
            .filter(|(_, party)| !party.line.is_empty() && self.is_free_for(now.taken, party));
        waiting.min_by_key(|(_, party)| (party.had, party.since)).map(|(name, _)| name.clone())
    }

    // A panic under the lock leaves whole entries behind.
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Party {
    fn is_idle(&self) -> bool {
        self.turns == 0 && self.line.is_empty()
    }
}

impl Now {
    /// The party, which may be a new one.
    fn meet(&mut self, name: &str) -> &mut Party {
        let party = self.parties.entry(name.into()).or_default();
        if party.is_idle() {
            self.steps += 1;
            party.since = self.steps;
            party.had = party.had.max(self.clock);
        }
        party
    }

    fn give(&mut self, name: &str) {
        self.taken += 1;
        self.steps += 1;
        if let Some(party) = self.parties.get_mut(name) {
            party.turns += 1;
            party.since = self.steps;
            self.clock = self.clock.max(party.had);
        }
    }

    fn give_back(&mut self, name: &str, took: Duration) {
        self.taken -= 1;
        if let Some(party) = self.parties.get_mut(name) {
            party.turns -= 1;
            party.had += took;
        }
    }

    fn leave(&mut self, name: &str, ticket: &Arc<Ticket>) {
        if let Some(party) = self.parties.get_mut(name) {
            party.line.retain(|other| !Arc::ptr_eq(other, ticket));
        }
        self.forget();
    }

    /// Gives the first of a party's line its turn; it must be woken.
    fn call(&mut self, name: &str) -> Option<Arc<Ticket>> {
        let ticket = self.parties.get_mut(name)?.line.pop_front()?;
        self.give(name);
        ticket.is_given.store(true, Ordering::Relaxed);
        Some(ticket)
    }

    /// Forgets those of whom nothing needs to be known.
    fn forget(&mut self) {
        let clock = self.clock;
        self.parties.retain(|_, party| !party.is_idle() || party.had > clock);
        if self.taken == 0 && self.parties.values().all(Party::is_idle) {
            self.parties.clear();
            self.clock = Duration::ZERO;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut now = self.turns.lock();
        now.give_back(&self.party, processor::time().saturating_sub(self.began));
        let mut called = Vec::new();
        while let Some(next) = self.turns.next(&now) {
            called.extend(now.call(&next));
        }
        now.forget();
        // Whoever is woken may run in place of this thread, and all others would wait for what it holds.
        drop(now);
        for ticket in called {
            ticket.called.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Mutex,
        thread,
        time::{Duration, Instant},
    };

    use super::{Asked, Turn, Turns, processor};

    fn take<'a>(turns: &'a Turns, by: &str, until: Instant) -> Option<Turn<'a>> {
        turns.take(Asked { by, until })
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    #[test]
    fn no_more_have_a_turn_than_may() {
        let turns = Turns::new(2);
        let one = take(&turns, "a", Instant::now());
        let two = take(&turns, "b", Instant::now());
        assert!(one.is_some() && two.is_some());
        assert!(take(&turns, "a", soon()).is_none());
        drop(one);
        assert!(take(&turns, "a", Instant::now()).is_some());
        drop(two);
        let now = turns.lock();
        assert!(now.taken == 0 && now.parties.is_empty() && now.clock.is_zero(), "{now:?}");
    }

    fn work(millis: u64) {
        let until = processor::time() + Duration::from_millis(millis);
        while processor::time() < until {}
    }

    /// In which order they are called who wait, each for a turn of so many milliseconds of work.
    fn order(waiting: &[(&'static str, u64)]) -> Vec<&'static str> {
        let (turns, order) = (Turns::new(1), Mutex::new(Vec::new()));
        let later = Instant::now() + Duration::from_secs(30);
        let first = take(&turns, "many", Instant::now());
        thread::scope(|scope| {
            let in_line =
                || turns.lock().parties.values().map(|party| party.line.len()).sum::<usize>();
            for (party, millis) in waiting {
                let before = in_line();
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let _turn = take(turns, party, later).unwrap();
                    order.lock().unwrap().push(*party);
                    work(*millis);
                });
                while in_line() == before {
                    thread::yield_now();
                }
            }
            work(20);
            drop(first);
        });
        order.into_inner().unwrap()
    }

    #[test]
    fn a_party_waits_for_one_of_another_and_not_for_all_that_wait() {
        let waiting = [("many", 0), ("many", 0), ("one", 50), ("other", 5), ("one", 0)];
        assert_eq!(order(&waiting), ["one", "other", "many", "many", "one"]);
    }

    #[test]
    fn whoever_does_little_has_more_turns() {
        let waiting = [("long", 60), ("long", 60), ("short", 1), ("short", 1), ("short", 1)];
        assert_eq!(order(&waiting)[..4], ["long", "short", "short", "short"]);
    }

    #[test]
    fn a_party_without_a_turn_gets_one_beyond_all() {
        let turns = Turns::with_one_for_each(2);
        let taken: Vec<_> = (0..3).map(|_| take(&turns, "many", soon())).collect();
        assert_eq!(taken.iter().flatten().count(), 2);
        let other = take(&turns, "other", Instant::now());
        assert!(other.is_some());
        assert!(take(&turns, "other", soon()).is_none());
        drop(other);
        assert!(take(&turns, "other", Instant::now()).is_some());
    }

    #[test]
    fn who_leaves_the_line_is_not_called() {
        let turns = Turns::new(1);
        let first = take(&turns, "a", Instant::now());
        assert!(take(&turns, "a", soon()).is_none());
        assert!(take(&turns, "b", soon()).is_none());
        drop(first);
        assert!(take(&turns, "c", Instant::now()).is_some());
    }
}
