//! Turns: no more than a few do something at a time, and the others wait for theirs, but not for ever.
//!
//! Whoever waits does so in the line of a party, such as a plugin, and the parties come one after the other: however
//! many of one party wait, another one waits for one of them only.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

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
pub(super) struct Turns {
    most: usize,
    /// Whether a party that has no turn gets one at once, also where all are taken.
    one_for_each: bool,
    now: Mutex<Now>,
}

/// Who has a turn, and who waits for one.
#[derive(Debug, Default)]
struct Now {
    taken: usize,
    /// How many turns a party has; a party without any is not in it.
    parties: HashMap<Box<str>, usize>,
    /// The lines of those who wait, that of the next party first; none is empty.
    lines: VecDeque<(Box<str>, VecDeque<Arc<Ticket>>)>,
}

/// One who waits.
#[derive(Debug, Default)]
struct Ticket {
    is_given: AtomicBool,
    called: Condvar,
}

/// One's turn, until it is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    party: Box<str>,
}

impl Turns {
    /// At most `most` at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { most, one_for_each: false, now: Mutex::default() }
    }

    /// At most `most` at a time, and beyond them one for each party that has none: no party waits for another.
    pub(super) fn with_one_for_each(most: usize) -> Self {
        Self { one_for_each: true, ..Self::new(most) }
    }

    /// Waits for a turn; `None` if there was none in time. Blocks.
    pub(super) fn take(&self, asked: Asked<'_>) -> Option<Turn<'_>> {
        let Asked { by: party, until } = asked;
        let mut now = self.lock();
        if self.is_free_for(&now, party) {
            now.give(party);
            return Some(Turn { turns: self, party: party.into() });
        }
        let ticket = now.stand_in_line(party);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                now.leave(party, &ticket);
                return None;
            }
            let waited = ticket.called.wait_timeout(now, left);
            now = waited.unwrap_or_else(PoisonError::into_inner).0;
            if ticket.is_given.load(Ordering::Relaxed) {
                return Some(Turn { turns: self, party: party.into() });
            }
        }
    }

    fn is_free_for(&self, now: &Now, party: &str) -> bool {
        now.taken < self.most || self.one_for_each && !now.parties.contains_key(party)
    }

    // A panic under the lock leaves whole entries behind.
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn give(&mut self, party: &str) {
        self.taken += 1;
        match self.parties.get_mut(party) {
            Some(has) => *has += 1,
            None => drop(self.parties.insert(party.into(), 1)),
        }
    }

    fn give_back(&mut self, party: &str) {
        self.taken -= 1;
        if let Some(has) = self.parties.get_mut(party) {
            *has -= 1;
            if *has == 0 {
                self.parties.remove(party);
            }
        }
    }

    fn stand_in_line(&mut self, party: &str) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::default());
        match self.lines.iter_mut().find(|(of, _)| **of == *party) {
            Some((_, line)) => line.push_back(Arc::clone(&ticket)),
            None => self.lines.push_back((party.into(), VecDeque::from([Arc::clone(&ticket)]))),
        }
        ticket
    }

    fn leave(&mut self, party: &str, ticket: &Arc<Ticket>) {
        if let Some((_, line)) = self.lines.iter_mut().find(|(of, _)| **of == *party) {
            line.retain(|other| !Arc::ptr_eq(other, ticket));
        }
        self.lines.retain(|(_, line)| !line.is_empty());
    }

    /// Calls the first of the line at a place, whose party is then the last.
    fn call(&mut self, place: usize) {
        let Some((party, mut line)) = self.lines.remove(place) else { return };
        if let Some(ticket) = line.pop_front() {
            self.give(&party);
            ticket.is_given.store(true, Ordering::Relaxed);
            ticket.called.notify_one();
        }
        if !line.is_empty() {
            self.lines.push_back((party, line));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut now = self.turns.lock();
        now.give_back(&self.party);
        let next = |now: &Now| now.lines.iter().position(|(of, _)| self.turns.is_free_for(now, of));
        while let Some(place) = next(&now) {
            now.call(place);
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

    use super::{Asked, Turn, Turns};

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
        assert!(now.taken == 0 && now.parties.is_empty() && now.lines.is_empty(), "{now:?}");
    }

    #[test]
    fn a_party_waits_for_one_of_another_and_not_for_all_that_wait() {
        let (turns, order) = (Turns::new(1), Mutex::new(Vec::new()));
        let later = Instant::now() + Duration::from_secs(30);
        let first = take(&turns, "many", Instant::now());
        thread::scope(|scope| {
            let waiting = || turns.lock().lines.iter().map(|(_, line)| line.len()).sum::<usize>();
            let wait = |party: &'static str| {
                let before = waiting();
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let _turn = take(turns, party, later).unwrap();
                    order.lock().unwrap().push(party);
                });
                while waiting() == before {
                    thread::yield_now();
                }
            };
            for party in ["many", "many", "many", "one", "other", "one"] {
                wait(party);
            }
            drop(first);
        });
        let order = order.into_inner().unwrap();
        assert_eq!(order, ["many", "one", "other", "many", "one", "many"]);
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
