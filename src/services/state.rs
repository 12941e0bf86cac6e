//! The memory of plugins that survives reloads.
//!
//! - A plugin's values are JSON values: they belong to no version of its script.
//! - No lock is held while a script runs. What depends on the value before it (`update`) is done
//!   by comparing: [`State::replace`] succeeds only if the value is still the one that was seen.
//! - Sizes are an estimate of the memory held, kept as a running total.

mod all;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use serde_json::Value;

use self::all::Share;
pub(crate) use self::all::States;
use super::rates::{KeyRates, RouteRates};

/// The most bytes of a key.
pub(crate) const MOST_KEY_BYTES: usize = 1024;

/// The most keys of one plugin.
pub(crate) const MOST_KEYS: usize = 1_000_000;

/// The most bytes that one plugin holds, unless said otherwise.
pub(crate) const MOST_BYTES: usize = 64 << 20;

/// What a key costs besides its text and its value.
const ENTRY_BYTES: usize = 96;

/// Why a value was not kept; what was there before is still there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The key is too long.
    #[error("a key has at most {MOST_KEY_BYTES} bytes, this one has {0}")]
    LongKey(usize),
    /// There are too many keys.
    #[error("a plugin keeps at most {MOST_KEYS} keys")]
    ManyKeys,
    /// The plugin would hold too much.
    #[error("the plugin would keep {wanted} bytes in its state, more than the {most} it may")]
    Full {
        /// What it would hold, in bytes.
        wanted: usize,
        /// What it may hold, in bytes.
        most: usize,
    },
    /// All plugins would hold too much.
    #[error("all plugins together keep at most {most} bytes in their states")]
    Crowded {
        /// What they may hold, in bytes.
        most: usize,
    },
    /// The value to count up is no integer.
    #[error("`{key}` holds {kind}, not an integer")]
    NotAnInteger {
        /// The key.
        key: String,
        /// What it holds, in words.
        kind: &'static str,
    },
    /// The sum does not fit an integer.
    #[error("`{0}` would become too large for an integer")]
    Overflow(String),
}

/// The memory of one plugin.
#[derive(Debug)]
pub(crate) struct State {
    kept: RwLock<Kept>,
    most_bytes: usize,
    share: Share,
    rates: RouteRates,
    taken: KeyRates,
}

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<Box<str>, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    value: Arc<Value>,
    bytes: usize,
}

impl Default for State {
    fn default() -> Self {
        Self::new(MOST_BYTES, Share::default())
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.share.give_back(self.bytes());
    }
}

impl State {
    /// An empty memory for about `most_bytes` bytes.
    fn new(most_bytes: usize, share: Share) -> Self {
        Self {
            kept: RwLock::default(),
            most_bytes,
            share,
            rates: RouteRates::default(),
            taken: KeyRates::default(),
        }
    }

    /// How often clients called the plugin's routes.
    pub(crate) fn rates(&self) -> &RouteRates {
        &self.rates
    }

    /// What the plugin counts under keys of its own.
    pub(crate) fn taken(&self) -> &KeyRates {
        &self.taken
    }

    /// The value of a key.
    pub(crate) fn value(&self, key: &str) -> Option<Arc<Value>> {
        self.read().entries.get(key).map(|entry| Arc::clone(&entry.value))
    }

    /// Keeps a value under a key, in place of the one before.
    pub(crate) fn set(&self, key: &str, value: Value) -> Result<(), Refused> {
        let bytes = cost(key, &value)?;
        let before = self.write().put(key, value, bytes, self.most())?;
        drop(before);
        Ok(())
    }

    /// Keeps a value if the key's value is still the one `seen`: `false` if it is another by now.
    pub(crate) fn replace(
        &self,
        key: &str,
        seen: Option<&Arc<Value>>,
        value: Value,
    ) -> Result<bool, Refused> {
        let bytes = cost(key, &value)?;
        let mut kept = self.write();
        let same = match (kept.entries.get(key), seen) {
            (Some(entry), Some(seen)) => Arc::ptr_eq(&entry.value, seen),
            (None, None) => true,
            _ => false,
        };
        if !same {
            return Ok(false);
        }
        let before = kept.put(key, value, bytes, self.most())?;
        drop(kept);
        drop(before);
        Ok(true)
    }

    /// Adds to an integer, which is 0 at first, and returns the sum. One step for all callers.
    pub(crate) fn incr(&self, key: &str, by: i64) -> Result<i64, Refused> {
        let bytes = cost(key, &Value::Null)?;
        let mut kept = self.write();
        let before = match kept.entries.get(key).map(|entry| &*entry.value) {
            None => 0,
            Some(value) => value.as_i64().ok_or_else(|| Refused::NotAnInteger {
                key: key.to_owned(),
                kind: kind_of(value),
            })?,
        };
        let sum = before.checked_add(by).ok_or_else(|| Refused::Overflow(key.to_owned()))?;
        kept.put(key, Value::from(sum), bytes, self.most())?;
        Ok(sum)
    }

    /// Forgets a key; whether there was one.
    pub(crate) fn delete(&self, key: &str) -> bool {
        let mut kept = self.write();
        let Some(entry) = kept.entries.remove(key) else { return false };
        kept.bytes = kept.bytes.saturating_sub(entry.bytes);
        drop(kept);
        self.share.give_back(entry.bytes);
        drop(entry);
        true
    }

    /// All keys in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.read().entries.keys().map(ToString::to_string).collect();
        keys.sort_unstable();
        keys
    }

    /// About how many bytes all keys take, without the values: what [`State::keys`] will allocate.
    pub(crate) fn key_bytes(&self) -> usize {
        let kept = self.read();
        kept.entries.keys().map(|key| key.len() + ENTRY_BYTES).sum()
    }

    /// About how many bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.read().bytes
    }

    fn most(&self) -> Most<'_> {
        Most { bytes: self.most_bytes, share: &self.share }
    }

    // A panic under the lock leaves whole entries behind, so the lock is as good as before.
    fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a memory may hold.
#[derive(Clone, Copy)]
struct Most<'a> {
    bytes: usize,
    share: &'a Share,
}

impl Kept {
    /// Puts a value in, and gives back the one before so that it is dropped outside the lock.
    fn put(
        &mut self,
        key: &str,
        value: Value,
        bytes: usize,
        most: Most<'_>,
    ) -> Result<Option<Arc<Value>>, Refused> {
        if let Some(entry) = self.entries.get_mut(key) {
            let wanted = self.bytes.saturating_sub(entry.bytes).saturating_add(bytes);
            // A plugin that is full may still make its values smaller.
            match bytes.checked_sub(entry.bytes) {
                Some(more) if more > 0 && wanted > most.bytes => {
                    return Err(Refused::Full { wanted, most: most.bytes });
                }
                Some(more) => most.share.take(more)?,
                None => most.share.give_back(entry.bytes - bytes),
            }
            self.bytes = wanted;
            entry.bytes = bytes;
            return Ok(Some(std::mem::replace(&mut entry.value, Arc::new(value))));
        }
        if self.entries.len() >= MOST_KEYS {
            return Err(Refused::ManyKeys);
        }
        let wanted = self.bytes.saturating_add(bytes);
        if wanted > most.bytes {
            return Err(Refused::Full { wanted, most: most.bytes });
        }
        most.share.take(bytes)?;
        self.bytes = wanted;
        self.entries.insert(key.into(), Entry { value: Arc::new(value), bytes });
        Ok(None)
    }
}

fn cost(key: &str, value: &Value) -> Result<usize, Refused> {
    if key.len() > MOST_KEY_BYTES {
        return Err(Refused::LongKey(key.len()));
    }
    Ok(ENTRY_BYTES + key.len() + weight(value))
}

/// About how many bytes a value holds.
fn weight(value: &Value) -> usize {
    const NODE: usize = size_of::<Value>();
    NODE + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(entries) => {
            entries.iter().map(|(key, item)| NODE + key.len() + weight(item)).sum()
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a float",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_kept_until_it_is_deleted() {
        let state = State::default();
        assert!(state.value("a").is_none());
        state.set("a", json!({ "x": [1, 2] })).unwrap();
        assert_eq!(*state.value("a").unwrap(), json!({ "x": [1, 2] }));
        assert!(state.delete("a"));
        assert!(!state.delete("a"));
        assert_eq!(state.bytes(), 0);
    }

    #[test]
    fn counting_up_loses_nothing_between_threads() {
        let state = State::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| assert!(state.incr("n", 1).is_ok())));
            }
        });
        assert_eq!(state.incr("n", 0), Ok(4000));
    }

    #[test]
    fn only_integers_are_counted_up() {
        let state = State::default();
        state.set("s", json!("x")).unwrap();
        assert_eq!(
            state.incr("s", 1).unwrap_err().to_string(),
            "`s` holds a string, not an integer"
        );
        state.set("n", json!(i64::MAX)).unwrap();
        assert_eq!(state.incr("n", 1), Err(Refused::Overflow("n".into())));
        assert_eq!(*state.value("n").unwrap(), json!(i64::MAX));
    }

    #[test]
    fn a_value_replaced_meanwhile_is_not_overwritten() {
        let state = State::default();
        assert_eq!(state.replace("k", None, json!(1)), Ok(true));
        let seen = state.value("k").unwrap();
        state.set("k", json!(1)).unwrap();
        assert_eq!(state.replace("k", Some(&seen), json!(2)), Ok(false));
        assert_eq!(state.replace("k", None, json!(2)), Ok(false));
        assert_eq!(state.replace("k", state.value("k").as_ref(), json!(3)), Ok(true));
        assert_eq!(*state.value("k").unwrap(), json!(3));
    }

    #[test]
    fn a_full_memory_refuses_what_is_new_and_keeps_what_is_old() {
        let state = State::new(4096, Share::default());
        state.set("a", json!("x".repeat(2000))).unwrap();
        let refused = state.set("b", json!("x".repeat(3000))).unwrap_err();
        assert!(matches!(refused, Refused::Full { most: 4096, .. }));
        assert!(state.set("a", json!("x".repeat(5000))).is_err());
        assert_eq!(state.value("a").unwrap().as_str().map(str::len), Some(2000));
        state.set("a", json!("")).unwrap();
        state.set("b", json!("x".repeat(3000))).unwrap();
        assert_eq!(state.keys(), ["a", "b"]);
    }

    #[test]
    fn a_long_key_is_refused() {
        let state = State::default();
        assert_eq!(state.set(&"k".repeat(1025), json!(1)), Err(Refused::LongKey(1025)));
        assert!(state.set(&"k".repeat(1024), json!(1)).is_ok());
    }
}
