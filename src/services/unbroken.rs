//! Work of a thread that goes on although one turn of it panicked.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// How long work rests that panicked, so that one that always does takes no processor for itself.
const REST: Duration = Duration::from_secs(1);

/// Does `work` until it comes to its end. What it panics for is in the log already, by the hook for panics.
pub(super) fn until_done(what: &str, work: impl Fn()) {
    while catch_unwind(AssertUnwindSafe(&work)).is_err() {
        tracing::error!("{what} gave up a turn and goes on");
        std::thread::sleep(REST);
    }
}
