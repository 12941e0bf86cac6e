//! `log::`, and where `print` and `debug` go.
//!
//! One record is one line, whatever the script puts in it: control characters are escaped. A
//! message and its fields are cut to [`MOST_BYTES`]. One run writes so many records and bytes and no
//! more: a loop that prints must not fill a disk.

use rhai::{Dynamic, ImmutableString, Map, Module};
use tracing::Level;

use super::{current, define::native, text};
use crate::script::{Native, budget, effect, json};

/// The most bytes of a message, and of its fields.
const MOST_BYTES: usize = 16 << 10;

/// The most records of one run, and the most bytes of all of them together.
const MOST_RECORDS: usize = 1000;
const MOST_RUN_BYTES: usize = 1 << 20;

/// The functions of `log::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    for (name, level) in [
        ("debug", Level::DEBUG),
        ("info", Level::INFO),
        ("warn", Level::WARN),
        ("error", Level::ERROR),
    ] {
        let about = format!("Writes a record of level {name} to the log.");
        native(name, &["message: Dynamic", "()"], &about)
            .set_into_module(&mut module, move |message: Dynamic| record(level, &message, None));
        let about = format!("Writes a record of level {name} with fields to the log.");
        native(name, &["message: Dynamic", "fields: Map", "()"], &about)
            .set_into_module(&mut module, move |message: Dynamic, fields: Map| {
                record(level, &message, Some(fields))
            });
    }
    module
}

/// What `print` wrote: a record of level info.
pub(crate) fn print(message: &str) {
    emit(Level::INFO, &one_line(message), None);
}

/// What `debug` wrote: a record of level debug.
pub(crate) fn debug(message: &str) {
    emit(Level::DEBUG, &one_line(message), None);
}

fn record(level: Level, message: &Dynamic, fields: Option<Map>) -> Native<()> {
    let message = match message.read_lock::<ImmutableString>() {
        Some(text) => one_line(&text),
        None => one_line(&text::display(message, MOST_BYTES)),
    };
    let fields = fields.map(|fields| fields_of(&Dynamic::from_map(fields)));
    emit(level, &message, fields.as_deref());
    budget::check()
}

/// Fields as JSON, or as text where they have no JSON form: a log never fails for its argument.
fn fields_of(fields: &Dynamic) -> String {
    let mut out = Vec::new();
    match json::write(fields, &mut out, MOST_BYTES) {
        Ok(()) => String::from_utf8(out).unwrap_or_default(),
        Err(_) => one_line(&text::display(fields, MOST_BYTES)),
    }
}

fn emit(level: Level, message: &str, fields: Option<&str>) {
    effect::note();
    let logged = current::logged(message.len() + fields.map_or(0, str::len));
    let (message, fields) = match logged.records <= MOST_RECORDS && logged.bytes <= MOST_RUN_BYTES {
        true => (message, fields),
        false if logged.is_closed => return,
        false => {
            current::close_log();
            ("this run has logged too much: the rest of it is left out", None)
        }
    };
    let plugin = current::plugin();
    let plugin = plugin.as_ref().map_or("", |plugin| plugin.name.as_str());
    // A level is part of a call site, so each needs its own.
    macro_rules! event {
        ($level:expr) => {
            match fields {
                Some(fields) => {
                    tracing::event!(target: "hotplate::script", $level, plugin, fields, "{message}");
                }
                None => tracing::event!(target: "hotplate::script", $level, plugin, "{message}"),
            }
        };
    }
    match level {
        Level::ERROR => event!(Level::ERROR),
        Level::WARN => event!(Level::WARN),
        Level::INFO => event!(Level::INFO),
        _ => event!(Level::DEBUG),
    }
}

/// A text without anything that a terminal or a reader of lines would take for more than text.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MOST_BYTES));
    for character in text.chars() {
        if line.len() >= MOST_BYTES {
            line.push('…');
            break;
        }
        match character {
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                line.extend(c.escape_default());
            }
            c => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stays_one_line() {
        assert_eq!(one_line("a\nb\r\u{1b}[31m\u{2028}é"), "a\\nb\\r\\u{1b}[31m\\u{2028}é");
        assert!(one_line(&"x".repeat(1 << 20)).len() <= MOST_BYTES + '…'.len_utf8());
    }

    #[test]
    fn fields_without_a_json_form_are_still_logged() {
        let mut map = Map::new();
        map.insert("n".into(), Dynamic::ONE);
        assert_eq!(fields_of(&map.clone().into()), r#"{"n":1}"#);
        map.insert("b".into(), Dynamic::from_blob(vec![1]));
        assert!(fields_of(&map.into()).starts_with("#{"));
    }
}
