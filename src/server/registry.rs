//! The connections that are open.
//!
//! Invariants: a connection is listed from accept until its socket is dropped, upgraded or not; the
//! list holds marks, never sockets.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::vitals::{Order, Vitals};

/// A connection that has waited this many milliseconds for its peer may be shed for a new one.
const SHED_AFTER: u64 = 500;

/// All open connections of one server.
#[derive(Debug, Default)]
pub(super) struct Registry {
    open: Mutex<Open>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<Vitals>>,
}

impl Registry {
    /// Lists a connection until the returned registration is dropped.
    pub(super) fn open(self: &Arc<Self>) -> Registration {
        let vitals = Arc::new(Vitals::new());
        let mut open = self.lock();
        let id = open.next;
        open.next += 1;
        open.connections.insert(id, Arc::clone(&vitals));
        drop(open);
        Registration { registry: Arc::clone(self), id, vitals }
    }

    /// How many connections are open.
    pub(super) fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// Waits until a connection closes after this call.
    pub(super) async fn one_closed(&self) {
        self.closed.notified().await;
    }

    /// Waits until none is open.
    pub(super) async fn all_closed(&self) {
        while self.len() != 0 {
            self.one_closed().await;
        }
    }

    /// Tells every open connection.
    pub(super) fn tell_all(&self, order: Order) {
        let all: Vec<_> = self.lock().connections.values().cloned().collect();
        for vitals in all {
            vitals.tell(order);
        }
    }

    /// Cuts connections that wait for their peer, those that never sent a whole request first, and
    /// says how many.
    pub(super) fn shed(&self) -> usize {
        let waiting: Vec<_> = self
            .lock()
            .connections
            .values()
            .filter(|vitals| vitals.waiting().is_some_and(|ms| ms >= SHED_AFTER))
            .cloned()
            .collect();
        let strangers = waiting.iter().any(|vitals| !vitals.has_served());
        let mut shed = 0;
        for vitals in waiting.iter().filter(|vitals| !(strangers && vitals.has_served())) {
            vitals.tell(Order::Cut);
            shed += 1;
        }
        shed
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps one connection listed.
#[derive(Debug)]
pub(super) struct Registration {
    registry: Arc<Registry>,
    id: u64,
    vitals: Arc<Vitals>,
}

impl Registration {
    /// The marks of the connection.
    pub(super) fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.lock().connections.remove(&self.id);
        // A permit is kept when the accept loop is not waiting just now.
        self.registry.closed.notify_one();
    }
}
