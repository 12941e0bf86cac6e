//! What hotplate needs of Rhai: engines that are safe to run, budgets, faults as diagnostics.
//!
//! Nothing here knows of HTTP or of plugins.

pub(crate) mod budget;
pub(crate) mod cells;
pub(crate) mod compile;
mod doc;
pub(crate) mod duration;
pub(crate) mod effect;
pub(crate) mod engine;
pub(crate) mod fault;
mod habit;
pub(crate) mod import;
pub(crate) mod json;
pub(crate) mod lint;
mod locate;
pub(crate) mod memory;
pub(crate) mod mistake;
pub(crate) mod stack;
pub(crate) mod token;
pub(crate) mod unshare;

use std::{collections::BTreeMap, sync::Arc};

/// What a native function of the host returns: Rhai raises the error at the call's position.
pub(crate) type Native<T> = Result<T, Box<rhai::EvalAltResult>>;

/// The most arguments of a call, and the most values that a function holds. Where a function is not found,
/// Rhai may try each combination of types: tens of thousands of walks over the arguments, in which
/// nothing stops the script.
pub(crate) const MOST_ARGUMENTS: usize = 64;

/// The text of one script.
#[expect(clippy::struct_field_names, reason = "what stands in a text is its text")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// The file, relative to the plugin folder.
    pub(crate) file: String,
    /// What stands in it.
    pub(crate) text: Arc<str>,
    /// Whether faults show it.
    pub(crate) lines: Lines,
}

/// Whether lines of a text are shown where something is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// They are.
    Shown,
    /// They are not: the file lies outside the plugin folder, and may be no script at all.
    Hidden,
}

impl Text {
    /// A place in it.
    pub(crate) fn place(&self, position: rhai::Position) -> crate::diagnostic::Place {
        let shown = if self.lines == Lines::Shown { &*self.text } else { "" };
        let (line, column) = (position.line().unwrap_or(0), position.position().unwrap_or(0));
        crate::diagnostic::Place::at(&*self.file, shown, line, column)
    }

    /// Where a function of it begins: its `fn`.
    fn begin_of(&self, function: &rhai::ScriptFuncDef) -> rhai::Position {
        let body = function.body.start_position();
        let Some(last) = body.line() else { return rhai::Position::NONE };
        let lines: Vec<&str> = self.text.lines().take(last).collect();
        for (index, line) in lines.iter().enumerate().rev() {
            let found = line.rmatch_indices("fn").map(|(at, _)| at).find(|at| {
                let rest = line.get(at + 2..).unwrap_or_default();
                let after = rest.trim_start().strip_prefix(function.name.as_str());
                after.is_some_and(|after| after.trim_start().starts_with('('))
            });
            if let Some(at) = found {
                let column = line.get(..at).unwrap_or_default().chars().count() + 1;
                let clamped = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
                return rhai::Position::new(clamped(index + 1), clamped(column));
            }
        }
        body
    }
}

/// The texts that a fault may point into, by file.
#[derive(Debug, Default)]
pub(crate) struct Texts(BTreeMap<String, compile::Compiled>);

impl Texts {
    /// Adds a text.
    pub(crate) fn insert(&mut self, script: &compile::Compiled) {
        self.0.insert(script.text.file.clone(), script.clone());
    }

    /// The syntax tree of a file.
    fn script(&self, file: &str) -> Option<&compile::Compiled> {
        self.0.get(file)
    }

    /// Whether a file that is in both has another text in each.
    pub(crate) fn differ_from(&self, other: &Self) -> bool {
        let differs = |(file, script): (&String, &compile::Compiled)| {
            other.0.get(file).is_some_and(|there| there.text != script.text)
        };
        self.0.iter().any(differs)
    }

    /// Where a name stands in the map that a call of a file has as an argument; the call where the map
    /// is not written there.
    pub(crate) fn argument(
        &self,
        file: &str,
        call: rhai::Position,
        path: &[String],
    ) -> rhai::Position {
        self.script(file).map_or(call, |script| locate::argument(script, call, path))
    }

    /// A place in one of the texts.
    pub(crate) fn place(&self, file: &str, position: rhai::Position) -> crate::diagnostic::Place {
        if let Some(script) = self.0.get(file) {
            return script.text.place(position);
        }
        let (line, column) = (position.line().unwrap_or(0), position.position().unwrap_or(0));
        crate::diagnostic::Place::at(file, "", line, column)
    }
}
