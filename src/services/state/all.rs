//! The memories of all plugins, and what they hold together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use super::{MOST_BYTES, Refused, State};
use crate::services::account::Account;

/// The most bytes that all plugins hold together, those that are served no more among them.
const MOST_TOGETHER: usize = 512 << 20;

/// The memory of all plugins. A plugin that goes and comes back finds its own again, unless the room was needed.
#[derive(Debug)]
pub(crate) struct States(Arc<All>);

#[derive(Debug)]
pub(super) struct All {
    by_plugin: Mutex<HashMap<String, Arc<State>>>,
    bytes: Account,
    most: usize,
}

impl Default for States {
    fn default() -> Self {
        Self::new(MOST_TOGETHER)
    }
}

impl States {
    /// Empty ones, for about `most` bytes together.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(All { by_plugin: Mutex::default(), bytes: Account::new(), most }))
    }

    /// The memory of the plugin of this name, empty at first.
    pub(crate) fn of(&self, plugin: &str) -> Arc<State> {
        let mut states = self.0.by_plugin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get(plugin) {
            return Arc::clone(state);
        }
        let state = Arc::new(State::new(MOST_BYTES, Share(Arc::downgrade(&self.0))));
        states.insert(plugin.to_owned(), Arc::clone(&state));
        state
    }
}

/// What one plugin has to do with the others: the bytes that all of them hold.
#[derive(Debug, Default)]
pub(super) struct Share(Weak<All>);

impl Share {
    /// Counts so many bytes more. Where they are too many, what plugins keep that are gone is forgotten first.
    pub(super) fn take(&self, more: usize) -> Result<(), Refused> {
        let Some(all) = self.0.upgrade() else { return Ok(()) };
        if all.bytes.take(more, all.most) {
            return Ok(());
        }
        all.forget_those_gone();
        if all.bytes.take(more, all.most) {
            Ok(())
        } else {
            Err(Refused::Crowded { most: all.most })
        }
    }

    /// Counts so many bytes less.
    pub(super) fn give_back(&self, bytes: usize) {
        if let Some(all) = self.0.upgrade() {
            all.bytes.give_back(bytes);
        }
    }
}

impl All {
    fn forget_those_gone(&self) {
        let mut states = self.by_plugin.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = states.extract_if(|_, state| Arc::strong_count(state) == 1);
        let gone: Vec<(String, Arc<State>)> = gone.collect();
        drop(states);
        for (plugin, state) in &gone {
            if state.bytes() > 0 {
                tracing::warn!(
                    plugin,
                    "its `state` is forgotten: it is not there, and others need the room"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plugin_that_comes_back_finds_its_memory() {
        let states = States::default();
        states.of("a").set("k", json!(1)).unwrap();
        assert!(states.of("b").value("k").is_none());
        assert!(states.of("a").value("k").is_some());
    }

    #[test]
    fn all_together_hold_so_much_and_those_that_are_gone_make_room_first() {
        let states = States::new(10_000);
        let text = |bytes: usize| json!("x".repeat(bytes));
        let (one, other) = (states.of("one"), states.of("other"));
        states.of("gone").set("k", text(4000)).unwrap();
        one.set("k", text(4000)).unwrap();
        other.set("k", text(5000)).unwrap();
        assert!(states.of("gone").value("k").is_none());
        let refused = other.set("l", text(4000)).unwrap_err();
        assert_eq!(refused, Refused::Crowded { most: 10_000 });
        assert!(other.replace("l", None, text(4000)).is_err());
        // What is there may become smaller, and what that frees is for all.
        other.set("k", text(10)).unwrap();
        one.set("l", text(4000)).unwrap();
        assert!(one.delete("k"));
        other.set("l", text(4000)).unwrap();
        drop((one, other));
        states.of("third").set("k", text(9000)).unwrap();
        assert_eq!(states.0.bytes.taken(), states.of("third").bytes());
    }

    #[test]
    fn what_is_counted_is_what_they_hold() {
        let states = States::new(1 << 20);
        let plugins: Vec<_> = (0..4).map(|n| states.of(&n.to_string())).collect();
        std::thread::scope(|scope| {
            for plugin in &plugins {
                scope.spawn(|| {
                    for n in 0..2000_usize {
                        let key = (n % 7).to_string();
                        drop(plugin.set(&key, json!("x".repeat(n * 31 % 90_000))));
                        drop(plugin.incr("n", 1));
                        if n % 5 == 0 {
                            plugin.delete(&key);
                        }
                    }
                });
            }
        });
        let held: usize = plugins.iter().map(|plugin| plugin.bytes()).sum();
        assert_eq!(states.0.bytes.taken(), held);
    }
}
