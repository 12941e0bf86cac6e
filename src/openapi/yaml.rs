//! A document as YAML that people can read: blocks, texts of several lines as they are, quotes where a
//! reader of YAML 1.1 or 1.2 would take a text for something else.

use serde_json::{Number, Value};

use super::order::Ordered;

/// The longest name that may stand on one line with its value; the specification says 1024.
const LONGEST_NAME: usize = 1000;

/// Words that some readers take for something else than texts.
const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// Writes a value, which is an object in every document.
pub(super) fn write(value: &Ordered<'_>) -> String {
    let mut out = String::new();
    match value.value() {
        Value::Object(map) if !map.is_empty() => members(&mut out, value, 0, false),
        Value::Array(list) if !list.is_empty() => items(&mut out, list, 0),
        scalar => {
            inline(&mut out, scalar, 0);
            out.push('\n');
        }
    }
    out
}

/// The members of an object; the first one follows on the line of a dash where `begun`.
fn members(out: &mut String, object: &Ordered<'_>, indent: usize, begun: bool) {
    let Value::Object(map) = object.value() else { return };
    for (index, (name, value)) in object.members(map).into_iter().enumerate() {
        if index > 0 || !begun {
            pad(out, indent);
        }
        let name = if is_plain(name) { name.to_owned() } else { quoted(name) };
        if name.len() > LONGEST_NAME {
            out.extend(["? ", &name, "\n"]);
            pad(out, indent);
        } else {
            out.push_str(&name);
        }
        out.push(':');
        member(out, value, indent);
    }
}

fn member(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            members(out, &Ordered::new(value), indent + 2, false);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            items(out, list, indent + 2);
        }
        scalar => {
            out.push(' ');
            inline(out, scalar, indent + 2);
            out.push('\n');
        }
    }
}

fn items(out: &mut String, list: &[Value], indent: usize) {
    for item in list {
        pad(out, indent);
        out.push('-');
        match item {
            Value::Object(map) if !map.is_empty() => {
                out.push(' ');
                members(out, &Ordered::new(item), indent + 2, true);
            }
            other => member(out, other, indent),
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// What stands on one line, or begins on it.
fn inline(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(set) => out.push_str(if *set { "true" } else { "false" }),
        Value::Number(written) => out.push_str(&number(written)),
        Value::String(text) if is_plain(text) => out.push_str(text),
        Value::String(text) if is_block(text) => block(out, text, indent),
        Value::String(text) => out.push_str(&quoted(text)),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// `1e300` is a text to readers of YAML 1.1, `1.0e+300` is not.
fn number(number: &Number) -> String {
    let written = number.to_string();
    let Some((digits, exponent)) = written.split_once(['e', 'E']) else { return written };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
    format!("{digits}{point}e{sign}{exponent}")
}

/// Whether a text can stand without quotes, whatever follows it.
fn is_plain(text: &str) -> bool {
    let begins = |c: char| c.is_alphabetic() || c == '/' || c == '_';
    let goes_on = |c: char| c.is_alphanumeric() || " _/.+-{}$(),;'=`\"*<>?!&[]".contains(c);
    text.starts_with(begins)
        && text.chars().all(goes_on)
        && !text.ends_with(' ')
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a text of several lines can be written as it is.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && !text.chars().any(|c| c != '\n' && is_special(c))
}

fn block(out: &mut String, text: &str, indent: usize) {
    let (body, mark) = match text.strip_suffix('\n') {
        Some(body) => (body, "|"),
        None => (text, "|-"),
    };
    out.push_str(mark);
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

/// Characters that no reader is sure to give back as they are.
fn is_special(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_special(c) => out.extend(["\\u", &format!("{:04x}", u32::from(c))]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Ordered, write};

    #[track_caller]
    fn is_written(value: &Value, text: &str) {
        assert_eq!(write(&Ordered::new(value)), text);
    }

    #[test]
    fn objects_and_lists_are_blocks() {
        is_written(
            &json!({
                "openapi": "3.1.0",
                "paths": { "/todo/{id}": { "get": { "tags": ["todo"], "responses": {} } } },
                "tags": [{ "name": "todo", "description": "Things to do, kept." }, []],
            }),
            r#"openapi: "3.1.0"
tags:
  - name: todo
    description: "Things to do, kept."
  - []
paths:
  /todo/{id}:
    get:
      tags:
        - todo
      responses: {}
"#
            .replace("\"Things to do, kept.\"", "Things to do, kept.")
            .as_str(),
        );
    }

    #[test]
    fn a_text_of_several_lines_stays_one() {
        is_written(
            &json!({ "description": "One.\n\n- two: # three\n  four", "title": "One.\n" }),
            "title: |\n  One.\ndescription: |-\n  One.\n\n  - two: # three\n    four\n",
        );
        is_written(&json!({ "title": " one\ntwo" }), "title: \" one\\ntwo\"\n");
        is_written(&json!({ "title": "one\r\ntwo" }), "title: \"one\\r\\ntwo\"\n");
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_quoted() {
        for text in [
            "",
            "true",
            "NO",
            "null",
            "~",
            "1",
            "1.0",
            "-",
            "- a",
            "a: b",
            "a #b",
            "a ",
            "*a",
            "&a",
            "!a",
            "@a",
            "%a",
            "'a'",
            "\"a\"",
            "[a]",
            "{a}",
            "2026-01-01",
            "a:",
            "?",
            "<<",
            "0x1",
            ".5",
            "=",
        ] {
            let quoted = serde_json::to_string(text).unwrap();
            is_written(&json!({ "title": text }), &format!("title: {quoted}\n"));
        }
    }

    #[test]
    fn numbers_are_numbers_to_every_reader() {
        is_written(
            &json!([1, -2.5, 1e300, 1e-7, true, null]),
            "- 1\n- -2.5\n- 1.0e+300\n- 1.0e-7\n- true\n- null\n",
        );
    }

    #[test]
    fn names_are_quoted_like_texts_and_may_be_long() {
        is_written(
            &json!({ "200": 1, "a b": 2, "a: b": 3, "*/*": 4 }),
            "\"*/*\": 4\n\"200\": 1\na b: 2\n\"a: b\": 3\n",
        );
        let long = "a".repeat(1500);
        let mut members = serde_json::Map::new();
        members.insert(long.clone(), 1.into());
        is_written(&members.into(), &format!("? {long}\n: 1\n"));
    }

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        is_written(
            &json!({ "title": "a\u{0}\u{7f}\u{85}\u{2028}\u{feff}b😀" }),
            "title: \"a\\u0000\\u007f\\u0085\\u2028\\ufeffb😀\"\n",
        );
    }
}
