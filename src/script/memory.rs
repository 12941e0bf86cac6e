//! How much memory the current thread holds, as its allocator counts it.
//!
//! The figures are jemalloc's own counters for each thread. They move only in a program that
//! installed jemalloc as its global allocator; [`is_enforced`] tells.

use std::{cell::Cell, sync::OnceLock};

use tikv_jemalloc_ctl::{
    Access as _, AsName as _, background_thread, max_background_threads,
    thread::{ThreadLocal, allocatedp, deallocatedp},
};

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

/// How long memory that was freed is kept for what comes next, in milliseconds.
const KEPT_FREE_MS: isize = 1000;

/// Lets the allocator give memory that nobody uses back to the system soon, and by itself: else it does
/// so only when the thread that freed it allocates again, which after a flood may be never.
///
/// # Errors
/// The allocator of this program cannot do that; nothing else depends on it.
pub(crate) fn give_back_soon() -> Result<(), tikv_jemalloc_ctl::Error> {
    // For what threads allocate from that are to come, and from what there is already.
    for name in [&b"arenas.dirty_decay_ms\0"[..], b"arena.0.dirty_decay_ms\0"] {
        name.name().write(KEPT_FREE_MS)?;
    }
    max_background_threads::write(1)?;
    background_thread::write(true)?;
    // Blocks of more than 8 MiB come from an arena of their own, the one after all others, which is made
    // with the first of them. A block that nobody writes to takes no memory.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(16 << 20)));
    let large: u32 = b"opt.narenas\0"[..].name().read()?;
    let time = format!("arena.{large}.dirty_decay_ms\0");
    time.as_bytes().name().write(0_isize)
}

/// How much a thread may free before that is given back at once, in bytes.
const MUCH: u64 = 8 << 20;

/// Gives back at once what this thread has freed when it is dropped, if that is much: scripts that take
/// all they may, one after another and each on another thread, would leave it to every one of them.
pub(crate) struct GiveBack {
    freed: u64,
}

/// Begins to count what this thread frees.
pub(crate) fn give_back_what_is_freed() -> GiveBack {
    GiveBack { freed: freed() }
}

impl Drop for GiveBack {
    fn drop(&mut self) {
        if freed().wrapping_sub(self.freed) >= MUCH {
            give_back_now();
        }
    }
}

/// Bytes that this thread has ever freed; zero on a thread that was not [`prepare`]d.
#[inline]
fn freed() -> u64 {
    COUNTERS.get().map_or(0, |counters| counters.deallocated.get())
}

fn give_back_now() {
    let given = || {
        let arena: u32 = b"thread.arena\0"[..].name().read()?;
        let time = format!("arena.{arena}.dirty_decay_ms\0");
        // Nothing may be kept, and from now on again for a while.
        time.as_bytes().name().write(0_isize)?;
        time.as_bytes().name().write(KEPT_FREE_MS)
    };
    if let Err(error) = given() {
        tracing::debug!(%error, "memory goes back to the system late");
    }
}
