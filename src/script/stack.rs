//! Threads whose stack is large enough for what scripts make: values are dropped recursively, and a stack that runs
//! out ends the process.

use std::{
    cell::Cell,
    sync::{Arc, Mutex, PoisonError},
};

/// The stack of a thread that runs scripts, in bytes. Address space, not memory.
pub(crate) const STACK: usize = 256 << 20;

thread_local! {
    static IS_LARGE: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread has a stack of [`STACK`].
pub(crate) fn is_large_here() {
    IS_LARGE.set(true);
}

/// Drops what may hold deep values, on this thread if its stack is large enough, or else on one of its own.
pub(crate) fn drop_deep<T: Send + 'static>(value: T) {
    if IS_LARGE.get() {
        return drop(value);
    }
    let kept = Arc::new(Mutex::new(Some(value)));
    let dropped = Arc::clone(&kept);
    let take = |kept: &Mutex<Option<T>>| kept.lock().unwrap_or_else(PoisonError::into_inner).take();
    let thread = std::thread::Builder::new().name("hotplate-drop".to_owned()).stack_size(STACK);
    if let Err(error) = thread.spawn(move || drop(take(&dropped))) {
        tracing::warn!(%error, "a version of a plugin is kept, because no thread could be started to drop it");
        std::mem::forget(take(&kept));
    }
}

#[cfg(test)]
mod tests {
    use rhai::Dynamic;

    use super::drop_deep;

    #[test]
    fn what_is_too_deep_for_a_stack_is_dropped_on_another() {
        // Made on a large stack, for making it copies nothing and dropping it there would be no test.
        let mut deep = Dynamic::from(1_i64);
        for _ in 0..200_000 {
            deep = Dynamic::from_array(vec![deep]);
        }
        let small = std::thread::Builder::new().stack_size(256 << 10);
        small.spawn(move || drop_deep(deep)).unwrap().join().unwrap();
    }
}
