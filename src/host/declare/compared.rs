//! What is found where compiled functions are held against the interpreter.

use std::{
    fmt::{self, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rhai::{Dynamic, EvalAltResult};

use crate::host::answer::ScriptResponse;

/// The most bytes of an outcome that are compared.
const MOST_BYTES: usize = 1 << 20;

/// The most characters of an outcome that are kept.
const MOST_CHARS: usize = 400;

/// What the two evaluators of one function made of the same calls.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    calls: AtomicU64,
    different: AtomicU64,
    first: Mutex<Option<Difference>>,
}

/// One call that came to two outcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What the compiled function made of it, shortened.
    pub(crate) compiled: String,
    /// What Rhai's interpreter made of it, shortened.
    pub(crate) interpreted: String,
}

impl Difference {
    /// One whose outcomes are for nobody to see.
    pub(super) fn hidden() -> Self {
        let text = || "(shown in development)".to_owned();
        Self { compiled: text(), interpreted: text() }
    }
}

impl Compared {
    /// Compares what one call came to. Gives the difference if it is the first of this function.
    pub(super) fn compare(
        &self,
        compiled: &Result<Dynamic, Box<EvalAltResult>>,
        interpreted: &Result<Dynamic, Box<EvalAltResult>>,
    ) -> Option<Difference> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let (compiled, interpreted) = (outcome(compiled), outcome(interpreted));
        if compiled == interpreted {
            return None;
        }
        self.different.fetch_add(1, Ordering::Relaxed);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_some() {
            return None;
        }
        let short = |text: &str| text.chars().take(MOST_CHARS).collect();
        let difference =
            Difference { compiled: short(&compiled), interpreted: short(&interpreted) };
        *first = Some(difference.clone());
        Some(difference)
    }

    /// How many calls were compared.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How many of them came to two outcomes.
    pub(crate) fn different(&self) -> u64 {
        self.different.load(Ordering::Relaxed)
    }

    /// The first of those.
    pub(crate) fn first(&self) -> Option<Difference> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a call came to, as text: a value with its type, or an error with its position and all that is
/// nested in it. It is cut, because what a value holds many times is shown as often.
pub(crate) fn outcome(result: &Result<Dynamic, Box<EvalAltResult>>) -> String {
    let mut text = Cut(String::new());
    // What does not fit is left out.
    let _cut = match result {
        Ok(value) => match value.read_lock::<ScriptResponse>() {
            Some(response) => write!(text, "{:?}", *response),
            None => write!(text, "{} {value:?}", value.type_name()),
        },
        Err(error) => write!(text, "{error:?}"),
    };
    text.0
}

/// A text that takes no more than so much.
struct Cut(String);

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match self.0.len().saturating_add(text.len()) <= MOST_BYTES {
            true => {
                self.0.push_str(text);
                Ok(())
            }
            false => Err(fmt::Error),
        }
    }
}

#[cfg(test)]
mod tests {
    use rhai::Position;

    use super::*;

    #[test]
    fn values_types_errors_and_positions_are_told_apart_and_the_first_difference_is_kept() {
        let compared = Compared::default();
        let at = |line, column| {
            Err(Box::new(EvalAltResult::ErrorRuntime("x".into(), Position::new(line, column))))
        };
        assert_eq!(compared.compare(&Ok(1.into()), &Ok(1.into())), None);
        assert_eq!(compared.compare(&at(1, 2), &at(1, 2)), None);
        assert!(compared.compare(&Ok(1.into()), &Ok(1.0.into())).is_some());
        assert_eq!(compared.compare(&at(1, 2), &at(1, 3)), None, "only the first is told");
        assert_eq!((compared.calls(), compared.different()), (4, 2));
        assert_eq!(compared.first().unwrap().interpreted, "f64 1.0");
    }
}
