//! Small documents kept in memory, by the path that clients ask for.
//!
//! There is no lock: each place holds one document, is read by loading and changed by swapping. What is
//! here is never trusted: whoever takes it asks whether its files are still the same.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use arc_swap::{ArcSwapOption, Guard};

use crate::content::whole::Whole;

/// How many documents are kept at most.
const PLACES: usize = 8192;

/// How many places a document may stand in.
const WAYS: usize = 4;

/// The documents that are kept.
#[derive(Debug)]
pub(super) struct Memory {
    places: Box<[ArcSwapOption<Kept>]>,
    hasher: RandomState,
    /// Bytes in use, and the most that may be.
    used: AtomicUsize,
    most: usize,
    /// Where room is made next.
    hand: AtomicUsize,
    /// Counts uses, to tell the old from the new.
    clock: AtomicU64,
}

/// One document that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    key: Box<str>,
    whole: Arc<Whole>,
    weight: usize,
    last_used: AtomicU64,
    /// The generation in which the path was last seen to lead here.
    generation: AtomicU64,
}

impl Kept {
    /// The document.
    pub(super) fn whole(&self) -> &Arc<Whole> {
        &self.whole
    }

    /// Whether the path leads here in that generation.
    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Relaxed) == generation
    }

    /// The path leads here in that generation.
    pub(super) fn set_of(&self, generation: u64) {
        self.generation.store(generation, Ordering::Relaxed);
    }
}

impl Memory {
    /// A memory of `most` bytes; none at all if that is 0.
    pub(super) fn new(most: usize) -> Self {
        let places = if most == 0 { 0 } else { PLACES };
        Self {
            places: (0..places).map(|_| ArcSwapOption::empty()).collect(),
            hasher: RandomState::new(),
            used: AtomicUsize::new(0),
            most,
            hand: AtomicUsize::new(0),
            clock: AtomicU64::new(0),
        }
    }

    fn places_of(&self, key: &str) -> impl Iterator<Item = &ArcSwapOption<Kept>> {
        let hash = usize::try_from(self.hasher.hash_one(key) & 0xffff_ffff).unwrap_or(0);
        let count = self.places.len().max(1);
        (0..WAYS).filter_map(move |way| self.places.get((hash + way) % count))
    }

    /// What is kept for a path.
    pub(super) fn find(&self, key: &str) -> Option<Guard<Option<Arc<Kept>>>> {
        let mut found = self.places_of(key).map(ArcSwapOption::load);
        let found = found.find(|kept| kept.as_ref().is_some_and(|kept| *kept.key == *key))?;
        if let Some(kept) = found.as_ref() {
            // The clock is moved by what is added: who only reads writes to no memory of all.
            let now = self.clock.load(Ordering::Relaxed);
            if kept.last_used.load(Ordering::Relaxed) != now {
                kept.last_used.store(now, Ordering::Relaxed);
            }
        }
        Some(found)
    }

    /// Keeps a document for a path, if it may be kept.
    pub(super) fn keep(&self, key: &str, whole: &Arc<Whole>, generation: u64) {
        let weight = whole.weight() + key.len();
        if !whole.is_to_be_kept(SystemTime::now()) || weight > self.most / 4 {
            return;
        }
        self.make_room(weight);
        let now = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        let kept = Kept {
            key: key.into(),
            whole: Arc::clone(whole),
            weight,
            last_used: AtomicU64::new(now),
            generation: AtomicU64::new(generation),
        };
        let age = |place: &&ArcSwapOption<Kept>| match place.load().as_ref() {
            Some(there) if *there.key == *key => 0,
            Some(there) => 2 + there.last_used.load(Ordering::Relaxed),
            None => 1,
        };
        let Some(place) = self.places_of(key).min_by_key(age) else { return };
        self.used.fetch_add(weight, Ordering::Relaxed);
        self.forget(place.swap(Some(Arc::new(kept))));
    }

    /// Drops documents until there is room for `weight` bytes: those that nobody asked for lately first.
    fn make_room(&self, weight: usize) {
        let recent = self.clock.load(Ordering::Relaxed).saturating_sub(PLACES as u64 / 8);
        for round in 0..self.places.len() * 2 {
            if self.used.load(Ordering::Relaxed) + weight <= self.most {
                return;
            }
            let hand = self.hand.fetch_add(1, Ordering::Relaxed) % self.places.len().max(1);
            let Some(place) = self.places.get(hand) else { return };
            let is_old = |kept: &Kept| kept.last_used.load(Ordering::Relaxed) < recent;
            if round >= self.places.len() || place.load().as_ref().is_some_and(|kept| is_old(kept))
            {
                self.forget(place.swap(None));
            }
        }
    }

    fn forget(&self, kept: Option<Arc<Kept>>) {
        if let Some(kept) = kept {
            self.used.fetch_sub(kept.weight, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::whole::{Keeping, Nature};

    fn document(bytes: usize) -> Arc<Whole> {
        let nature = Nature {
            content_type: "image/png".to_owned(),
            is_compressible: false,
            cache_control: "no-cache".to_owned(),
            policy: None,
            modified: None,
        };
        Arc::new(Whole::new(&vec![0; bytes].into(), &nature, Vec::new(), Keeping::WhileSame))
    }

    fn is_kept(memory: &Memory, key: &str) -> bool {
        memory.find(key).is_some()
    }

    #[test]
    fn what_is_kept_is_found_and_never_more_than_allowed() {
        let memory = Memory::new(1 << 18);
        let document_of_1000 = document(1000);
        for number in 0..1000 {
            memory.keep(&format!("/{number}"), &document_of_1000, 1);
            assert!(memory.used.load(Ordering::Relaxed) <= 1 << 18, "{number}");
            assert!(is_kept(&memory, &format!("/{number}")));
        }
        let kept = (0..1000).filter(|number| is_kept(&memory, &format!("/{number}"))).count();
        assert!((40..=90).contains(&kept), "{kept}");
        memory.keep("/large", &document(1 << 17), 1);
        assert!(!is_kept(&memory, "/large"));
        memory.make_room(1 << 18);
        assert_eq!(memory.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn nothing_is_kept_without_memory() {
        let memory = Memory::new(0);
        memory.keep("/a", &document(1), 1);
        assert!(!is_kept(&memory, "/a"));
    }
}
