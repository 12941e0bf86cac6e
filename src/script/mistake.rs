//! A mistake of a script's author that a native function notices, with a code and a help of its own.

use std::fmt;

use rhai::{Dynamic, EvalAltResult, Position};

/// What is wrong, told as a diagnostic at the call's position.
#[derive(Debug, Clone)]
pub(crate) struct Mistake {
    /// The kind of fault, such as `schema`.
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) help: Option<String>,
    /// The names that lead to the part at fault, where it is one of a map.
    pub(crate) inside: Vec<String>,
}

impl Mistake {
    /// A mistake without a help.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None, inside: Vec::new() }
    }

    /// Says what to write instead.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// It as the error that a native function raises.
    pub(crate) fn raised(self) -> Box<EvalAltResult> {
        Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(self), Position::NONE))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inside.as_slice() {
            [] => f.write_str(&self.message),
            inside => write!(f, "`{}`: {}", inside.join("."), self.message),
        }
    }
}
