//! Script values as JSON and back, straight between bytes and [`rhai::Dynamic`].
//!
//! - Nothing here recurses deeper than [`MOST_DEPTH`] over a script's value, so that a value that
//!   holds itself is an error and never the end of the process.
//! - What has no JSON form is refused by its path; nothing is written as a type's name.
//! - `NaN` and the infinities are written as `null`, as `JSON.stringify` does. Integers stay
//!   integers and floats keep their point, so that a value read back has the type it had.
//! - Maps are written in the order of their keys.

mod escape;
mod parse;
mod quick;
mod value;
mod write;

pub(crate) use parse::parse;
pub(crate) use value::{from_value, to_value};
pub(crate) use write::{write, write_pretty};
#[cfg(test)]
use {
    parse::ParseError,
    write::{Hook, write_with},
};

use std::fmt::{self, Write as _};

/// The most levels of arrays and maps that a script's value may have.
pub(crate) const MOST_DEPTH: usize = 64;

/// Nodes between two looks at the budget.
const CHECK_EVERY: u32 = 1024;

/// Why a script's value cannot be written as JSON, and which part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub(crate) struct Unserializable {
    /// The part at fault, such as `$.items[3].f`; `$` is the whole value.
    pub(crate) path: String,
    /// What is wrong with it.
    pub(crate) why: Why,
}

/// What is wrong with a value that cannot be written as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// A function or closure.
    Function,
    /// A binary large object.
    Blob,
    /// What `timestamp()` makes.
    Timestamp,
    /// Another type without a JSON form, by its name.
    Type(String),
    /// More levels than [`MOST_DEPTH`], perhaps because the value holds itself.
    Depth,
    /// More bytes than this.
    Size(usize),
    /// A shared value that is being changed at this moment.
    Locked,
    /// The script's budget ended meanwhile; the engine stops the script by itself.
    Stopped,
}

impl Unserializable {
    fn sentence(&self) -> String {
        let path = &self.path;
        match &self.why {
            Why::Function => format!("`{path}` is a function, which has no JSON form"),
            Why::Blob => format!("`{path}` is a blob, which has no JSON form: use base64::encode"),
            Why::Timestamp => {
                format!("`{path}` is a timestamp, which has no JSON form: use time::now()")
            }
            Why::Type(name) => format!("`{path}` is of type {name}, which has no JSON form"),
            Why::Depth => format!(
                "`{path}` is nested deeper than {MOST_DEPTH} levels: does the value hold itself?"
            ),
            Why::Size(most) => format!("the JSON is longer than {most} bytes, at `{path}`"),
            Why::Locked => format!("`{path}` is being changed while it is read"),
            Why::Stopped => "the script's budget ended while its value was written".into(),
        }
    }
}

/// A fault on its way up to the root, with the steps that lead to it, innermost first.
struct Fault {
    why: Why,
    steps: Vec<Step>,
}

enum Step {
    Index(usize),
    Key(rhai::Identifier),
}

type Fallible<T> = Result<T, Box<Fault>>;

fn fault<T>(why: Why) -> Fallible<T> {
    Err(Box::new(Fault { why, steps: Vec::new() }))
}

impl Fault {
    #[expect(clippy::unnecessary_box_returns, reason = "it is boxed all the way up")]
    fn below(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.steps.push(step);
        self
    }
}

/// A path as deep as a value that holds itself says no more than its first steps.
const MOST_STEPS: usize = 8;

impl From<Box<Fault>> for Unserializable {
    fn from(fault: Box<Fault>) -> Self {
        let mut path = String::from("$");
        for step in fault.steps.iter().rev().take(MOST_STEPS) {
            write_step(&mut path, step).unwrap_or_default();
        }
        if fault.steps.len() > MOST_STEPS {
            path.push('…');
        }
        Self { path, why: fault.why }
    }
}

fn write_step(path: &mut String, step: &Step) -> fmt::Result {
    match step {
        Step::Index(index) => write!(path, "[{index}]"),
        Step::Key(key) if is_identifier(key) => write!(path, ".{key}"),
        Step::Key(key) => {
            let short: String = key.chars().take(40).collect();
            write!(path, "[{short:?}]")
        }
    }
}

fn is_identifier(key: &str) -> bool {
    key.len() <= 40
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests;
