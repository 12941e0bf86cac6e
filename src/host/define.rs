//! How natives are declared and how they refuse: the same way everywhere.
//!
//! Every native carries its parameters and a sentence, from which the definitions for editors and
//! the reference are made.

use rhai::{Blob, Dynamic, EvalAltResult, FuncRegistration, ImmutableString, Position};

use super::current::{self, Phase};
use crate::script::{Native, effect};

/// A native by its name, its parameters with their types (the last is what it returns), and a
/// sentence about it.
pub(crate) fn native(name: &str, params: &[&str], about: &str) -> FuncRegistration {
    let lines = about.lines().map(|line| format!("/// {line}"));
    let comments = [lines.collect::<Vec<_>>().join("\n")];
    FuncRegistration::new(name)
        .with_namespace(rhai::FnNamespace::Internal)
        .with_params_info(params)
        .with_comments(comments)
}

/// As [`native`], for what scripts call without a namespace.
pub(crate) fn global(name: &str, params: &[&str], about: &str) -> FuncRegistration {
    native(name, params, about).in_global_namespace()
}

/// The error that a native raises, in words for who wrote the script.
#[expect(clippy::unnecessary_box_returns, reason = "Rhai boxes its errors")]
pub(crate) fn refusal(message: impl Into<String>) -> Box<EvalAltResult> {
    let message = ImmutableString::from(message.into());
    Box::new(EvalAltResult::ErrorRuntime(message.into(), Position::NONE))
}

/// Refuses what has an effect while a script's top level runs.
pub(crate) fn not_while_loading(function: &str) -> Native<()> {
    effect::note();
    if current::phase() != Some(Phase::Load) {
        return Ok(());
    }
    Err(refusal(format!(
        "`{function}` at the top level would run at each check and reload: do it in on_start(|| …)"
    )))
}

/// The bytes of a string or blob; `function` names who asks.
pub(crate) fn with_bytes<T>(
    function: &str,
    data: &Dynamic,
    work: impl FnOnce(&[u8]) -> Native<T>,
) -> Native<T> {
    if let Some(text) = data.read_lock::<ImmutableString>() {
        return work(text.as_bytes());
    }
    if let Some(blob) = data.read_lock::<Blob>() {
        return work(&blob);
    }
    let name = data.type_name();
    Err(refusal(format!("`{function}` takes a string or a blob, not {}", words(name))))
}

/// A script type in words, from its Rust name.
pub(crate) fn words(type_name: &str) -> &str {
    match type_name {
        "()" => "null",
        "i64" => "an integer",
        "f64" => "a float",
        "bool" => "a bool",
        "char" => "a character",
        "string" => "a string",
        "array" => "an array",
        "map" => "a map",
        "blob" => "a blob",
        "timestamp" => "a timestamp",
        "Fn" => "a function",
        other => {
            let plain = other.split('<').next().unwrap_or(other);
            plain.rsplit("::").next().unwrap_or(plain)
        }
    }
}

/// A text for an error message: quoted, and short.
pub(crate) fn quoted(text: &str) -> String {
    const MOST_CHARS: usize = 60;
    let short: String = text.chars().take(MOST_CHARS).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{more}")
}
