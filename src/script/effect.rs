//! Whether a run of a script left the realm of its own values: whether it did something that a second run
//! would do again, or saw something that a second run would see otherwise.
//!
//! Natives that write, log, wait, tell the time or draw random numbers say so with [`note`].

use std::cell::Cell;

thread_local! {
    static NOTED: Cell<bool> = const { Cell::new(false) };
}

/// Says that the script on this thread has an effect, or depends on more than its arguments.
pub(crate) fn note() {
    NOTED.set(true);
}

/// Runs a script; and whether it had effects, or depended on more than its arguments.
pub(crate) fn watch<T>(run: impl FnOnce() -> T) -> (T, bool) {
    let outer = NOTED.replace(false);
    let result = run();
    let noted = NOTED.get();
    NOTED.set(outer || noted);
    (result, noted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_counts_outside_and_what_was_before_does_not_count_inside() {
        let ((before, inside, after), all) = watch(|| {
            let before = watch(|| ()).1;
            let inside = watch(note).1;
            (before, inside, watch(|| ()).1)
        });
        assert_eq!((before, inside, after, all), (false, true, false, true));
    }
}
