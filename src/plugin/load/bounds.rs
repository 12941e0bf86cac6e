//! What a load may use, and what is said of one that used more.

use std::time::{Duration, Instant};

use crate::{
    diagnostic::{Diagnostic, Place},
    script::budget::{Guard, Limits, Spent},
    settings::ScriptLimits,
};

/// When a part of a load that begins now must have ended.
pub(super) fn deadline(limits: &ScriptLimits) -> Instant {
    Instant::now() + Duration::from_millis(limits.load_ms)
}

/// What reading and checking a script may use: time alone, for nothing of it runs.
pub(super) fn of_reading(deadline: Instant) -> Limits {
    Limits { deadline, operations: u64::MAX, memory_bytes: u64::MAX, total_memory_bytes: u64::MAX }
}

/// What running the top level may use, and making routes of what it declared.
pub(super) fn of_running(limits: &ScriptLimits, deadline: Instant) -> Limits {
    Limits {
        deadline,
        operations: limits.operations,
        memory_bytes: limits.memory_bytes,
        total_memory_bytes: limits.total_memory_bytes,
    }
}

/// Refuses a script whose reading and checking took too long.
pub(super) fn in_time(
    reading: &Guard,
    limits: &ScriptLimits,
    file: &str,
) -> Result<(), Vec<Diagnostic>> {
    let Some(spent) = reading.spent() else { return Ok(()) };
    let fault = Diagnostic::error("load-budget", in_words(spent, limits)).at(Place::file(file));
    Err(vec![fault.help("the script is too much to read: make several plugins or libraries of it")])
}

/// What was used up.
pub(super) fn in_words(spent: Spent, limits: &ScriptLimits) -> String {
    match spent {
        Spent::Time => format!("loading took longer than {} ms (`load_ms`)", limits.load_ms),
        Spent::Operations => {
            format!("loading used more than {} operations (`operations`)", limits.operations)
        }
        Spent::Memory => {
            format!("loading held more than {} bytes (`memory_bytes`)", limits.memory_bytes)
        }
        Spent::Busy | Spent::Crowded => spent.to_string(),
    }
}
