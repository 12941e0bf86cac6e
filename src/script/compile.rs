//! A script's text as a syntax tree.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use rhai::{AST, Engine, Position};

use super::{Text, doc, fault, token};
use crate::diagnostic::{Diagnostic, Place};

/// A script that parses.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    /// Where it came from.
    pub(crate) text: Text,
    /// The syntax tree; its source is the file.
    pub(crate) ast: Arc<AST>,
    /// What the comments above calls say, by the line (from 1) of the call.
    pub(crate) docs: Arc<BTreeMap<usize, String>>,
}

impl Compiled {
    /// Whether nothing stands in it but comments.
    pub(crate) fn is_empty(&self) -> bool {
        self.ast.statements().is_empty() && !self.ast.has_functions()
    }
}

/// Parses a script.
pub(crate) fn compile(engine: &Engine, text: &Text) -> Result<Compiled, Box<Diagnostic>> {
    let prepared = doc::prepare(&text.text);
    if let Some((line, column)) = prepared.unclosed {
        let clamped = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let place = text.place(Position::new(clamped(line), clamped(column)));
        let fault = Diagnostic::error("syntax", "a comment begins here and does not end").at(place);
        return Err(Box::new(fault.help("close it with `*/`")));
    }
    token::begin();
    // The parser is not ours, and a folder of scripts must not be able to end the process.
    let parsed = catch_unwind(AssertUnwindSafe(|| engine.compile(&prepared.text)));
    let mut ast = match parsed {
        Ok(Ok(ast)) => ast,
        Ok(Err(error)) => return Err(Box::new(fault::syntax(&error, text))),
        Err(_) => {
            return Err(Box::new(
                Diagnostic::error("parser-panic", "the parser gave up on this script")
                    .at(Place::file(&*text.file))
                    .help("take back the last change; please report the script"),
            ));
        }
    };
    ast.set_source(&*text.file);
    Ok(Compiled { text: text.clone(), ast: Arc::new(ast), docs: Arc::new(prepared.docs) })
}
