//! How a plugin's functions run: what is interpreted, and what self-check found.

use serde_json::{Value, json};

use crate::{
    compile::Obstacle,
    host::declare::{callback::Callback, compared::Compared},
    plugin::Plugin,
};

/// What was found where compiled functions are held against the interpreter; null where they are not.
pub(super) fn self_check(plugin: &Plugin) -> Value {
    let functions =
        || plugin.functions().filter_map(|function| Some((function, function.compared()?)));
    if functions().next().is_none() {
        return Value::Null;
    }
    let difference = |(function, compared): (&Callback, &Compared)| {
        compared.first().map(|first| {
            json!({
                "file": function.file(),
                "line": function.position().line(),
                "calls": compared.different(),
                "compiled": first.compiled,
                "interpreted": first.interpreted,
            })
        })
    };
    json!({
        "calls": functions().map(|(_, compared)| compared.calls()).sum::<u64>(),
        "differences": functions().filter_map(difference).collect::<Vec<_>>(),
    })
}

/// Why a function is left to the interpreter.
pub(crate) fn obstacle(obstacle: &Obstacle) -> Value {
    json!({
        "function": name(obstacle),
        "why": obstacle.what,
        "file": obstacle.file,
        "line": obstacle.position.line(),
        "column": obstacle.position.position(),
    })
}

/// What a function is called; a closure has no name that anybody knows.
pub(crate) fn name(obstacle: &Obstacle) -> &str {
    match obstacle.function.starts_with("anon$") {
        true => "a closure",
        false => &obstacle.function,
    }
}
