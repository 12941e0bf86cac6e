//! How much memory the current thread holds, as its allocator counts it.
//!
//! The figures are jemalloc's own counters for each thread. They move only in a program that
//! installed jemalloc as its global allocator; [`is_enforced`] tells.

use std::{cell::Cell, sync::OnceLock};

use tikv_jemalloc_ctl::thread::{ThreadLocal, allocatedp, deallocatedp};

/// The counters of one thread: bytes ever allocated and ever freed.
#[derive(Clone, Copy)]
struct Counters {
    allocated: ThreadLocal<u64>,
    deallocated: ThreadLocal<u64>,
}

thread_local! {
    static COUNTERS: Cell<Option<Counters>> = const { Cell::new(None) };
}

impl Counters {
    fn of_this_thread() -> Option<Self> {
        Some(Self { allocated: allocatedp::read().ok()?, deallocated: deallocatedp::read().ok()? })
    }
}

/// Bytes that this thread has allocated and not freed. Only differences mean anything: memory freed
/// by another thread than the one that allocated it moves the balance of both.
/// Zero on a thread that was not [`prepare`]d.
#[inline]
pub(crate) fn balance() -> i64 {
    COUNTERS.get().map_or(0, |counters| {
        counters.allocated.get().wrapping_sub(counters.deallocated.get()).cast_signed()
    })
}

/// Makes the counters of this thread known.
pub(crate) fn prepare() {
    if COUNTERS.get().is_none() {
        COUNTERS.set(Counters::of_this_thread());
    }
}

/// Whether the counters move, that is, whether this program allocates through jemalloc.
pub(crate) fn is_enforced() -> bool {
    static ENFORCED: OnceLock<bool> = OnceLock::new();
    *ENFORCED.get_or_init(|| {
        prepare();
        let before = balance();
        let block = std::hint::black_box(vec![1_u8; 1 << 16]);
        let moved = balance().wrapping_sub(before) >= 1 << 15;
        drop(block);
        moved
    })
}
