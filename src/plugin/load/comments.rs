//! What the comments of a script say.

use std::collections::BTreeMap;

use crate::script::compile::Compiled;

/// The comments above functions, by name.
pub(super) fn of_functions(script: &Compiled) -> BTreeMap<String, String> {
    script
        .ast
        .iter_functions()
        .filter(|function| !function.comments.is_empty())
        .map(|function| {
            let lines = function.comments.iter().flat_map(|comment| comment.lines());
            let text: Vec<&str> = lines.map(|line| line.trim_start_matches('/').trim()).collect();
            (function.name.to_owned(), text.join("\n"))
        })
        .collect()
}

/// The `//!` comment of the file.
pub(super) fn of_file(script: &Compiled) -> String {
    let lines = script.ast.doc().lines().map(|line| line.trim_start_matches("//!").trim());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
