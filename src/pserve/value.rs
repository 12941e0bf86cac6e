//! Values of pserve's files: `${section:key}`, `${ENV:VAR}`, and the prefixes `int: float: bool: list:`.

use std::fmt::Write as _;

use super::ini::{Entry, Ini};
use crate::diagnostic::Diagnostic;

/// How deep references may lead into each other, as in Python.
const DEEPEST: usize = 10;

/// The most bytes of a value.
const LONGEST: usize = 64 << 10;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// An environment variable; one that is not set is empty.
    Env(String),
}

/// A text in which environment variables may stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(Vec<Piece>);

/// A value as it is meant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(Text),
    Integer(i64),
    Float(f64),
    Bool(bool),
    List(Vec<Value>),
}

impl Text {
    /// The text, where no variable is in it.
    pub(super) fn plain(&self) -> Option<String> {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Env(_) => None,
        };
        self.0.iter().map(text).collect()
    }

    /// The text that stands in our file: with `${ENV:VAR:-}` for variables.
    pub(super) fn written(&self) -> String {
        let mut written = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => written.push_str(&text.replace("${", "$${")),
                // Writing to a string does not fail.
                Piece::Env(name) => write!(written, "${{ENV:{name}:-}}").unwrap_or_default(),
            }
        }
        written
    }

    /// Whether all of it comes from the environment.
    pub(super) fn is_variable(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|piece| matches!(piece, Piece::Env(_)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The part before a separator, and that behind it.
    pub(super) fn split_once(&self, separator: char) -> Option<(Self, Self)> {
        let (at, before, after) =
            self.0.iter().enumerate().find_map(|(at, piece)| match piece {
                Piece::Text(text) => text.split_once(separator).map(|(a, b)| (at, a, b)),
                Piece::Env(_) => None,
            })?;
        let mut first = Self(self.0.iter().take(at).cloned().collect());
        first.push(before);
        let mut second = Self::default();
        second.push(after);
        second.0.extend(self.0.iter().skip(at + 1).cloned());
        Some((first, second))
    }

    /// The parts between separators.
    pub(super) fn split(&self, separator: char) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut rest = self.clone();
        while let Some((part, after)) = rest.split_once(separator) {
            parts.push(part);
            rest = after;
        }
        parts.push(rest);
        parts
    }

    /// The same with what is not a variable changed.
    pub(super) fn map(&self, change: impl Fn(&str) -> String) -> Self {
        let mut changed = Self::default();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => changed.push(&change(text)),
                Piece::Env(name) => changed.0.push(Piece::Env(name.clone())),
            }
        }
        changed
    }

    /// The text with its variables filled in.
    pub(super) fn filled(&self, environment: &[(String, String)]) -> String {
        let value = |name: &String| environment.iter().rev().find(|(there, _)| there == name);
        let fill = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Env(name) => value(name).map(|(_, value)| value.clone()).unwrap_or_default(),
        };
        self.0.iter().map(fill).collect()
    }

    fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(before)) => before.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut made = Self::default();
        made.push(text);
        made
    }
}

impl Value {
    /// Whether it counts as true: what pserve's documentation lists, whatever its code makes of other texts.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Bool(value) => *value,
            Self::Integer(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => text.plain().is_some_and(|text| is_true(&text)),
            Self::List(items) => !items.is_empty(),
        }
    }

    /// It as a text, if it is one.
    pub(super) fn text(&self) -> Option<Text> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Integer(number) => Some(Text::from(&*number.to_string())),
            Self::Float(number) => Some(Text::from(&*number.to_string())),
            Self::Bool(_) | Self::List(_) => None,
        }
    }

    /// It in TOML.
    pub(super) fn toml(&self) -> String {
        match self {
            Self::Text(text) => super::write::quoted(&text.written()),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => format!("{number:?}"),
            Self::Bool(value) => value.to_string(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::toml).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

/// The texts that are true.
fn is_true(text: &str) -> bool {
    matches!(text.trim(), "true" | "enabled" | "on" | "1" | "enable")
}

/// The value of a key.
pub(super) fn read(ini: &Ini, section: &str, entry: &Entry) -> Result<Value, Box<Diagnostic>> {
    let raw = &entry.raw;
    let Some((prefix, rest)) = raw.split_once(':').filter(|(prefix, _)| is_prefix(prefix)) else {
        return Ok(Value::Text(expand(ini, section, raw, entry, 0)?));
    };
    let rest = rest.trim_start();
    if prefix == "list" {
        let rest = rest.strip_prefix("list:").unwrap_or(rest);
        let item = |item: &str| match item.split_once(':').filter(|(prefix, _)| is_prefix(prefix)) {
            Some((prefix, raw)) if prefix != "list" => convert(ini, section, prefix, raw, entry),
            _ => Ok(Value::Text(expand(ini, section, item, entry, 0)?)),
        };
        return Ok(Value::List(rest.split_whitespace().map(item).collect::<Result<_, _>>()?));
    }
    convert(ini, section, prefix, rest, entry)
}

fn is_prefix(prefix: &str) -> bool {
    matches!(prefix, "int" | "float" | "bool" | "list")
}

fn convert(
    ini: &Ini,
    section: &str,
    prefix: &str,
    raw: &str,
    entry: &Entry,
) -> Result<Value, Box<Diagnostic>> {
    let text = expand(ini, section, raw, entry, 0)?;
    let Some(plain) = text.plain() else {
        // Our own configuration converts what a variable holds.
        return Ok(Value::Text(text));
    };
    let wrong = |what: &str| {
        ini.fault(entry.line, format!("`{}` is {prefix}:{plain}, which is no {what}", entry.key))
    };
    match prefix {
        "int" => plain
            .trim()
            .replace('_', "")
            .parse()
            .map(Value::Integer)
            .map_err(|_| wrong("whole number")),
        "float" => match plain.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err(wrong("number")),
        },
        _ => Ok(Value::Bool(is_true(&plain))),
    }
}

/// A text with its references followed; those to the environment stay.
fn expand(
    ini: &Ini,
    section: &str,
    raw: &str,
    entry: &Entry,
    depth: usize,
) -> Result<Text, Box<Diagnostic>> {
    let fault = |message: String| ini.fault(entry.line, message);
    if depth > DEEPEST {
        return Err(fault(format!("`{}` refers to itself, or too deep", entry.key)));
    }
    let mut text = Text::default();
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('$') {
        text.push(before);
        if let Some(after) = after.strip_prefix('$') {
            text.push("$");
            rest = after;
            continue;
        }
        let reference = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        let Some((reference, after)) = reference else {
            let fault = fault(format!("`$` in `{}` begins no `${{…}}`", entry.key));
            return Err(Box::new(fault.help("write `$$` for a `$`")));
        };
        rest = after;
        if let Some(name) = reference.strip_prefix("ENV:") {
            text.0.push(Piece::Env(name.to_owned()));
            continue;
        }
        let (of, key) = reference.split_once(':').unwrap_or((section, reference));
        let Some(found) = ini.entry(of, &key.to_lowercase()) else {
            return Err(fault(format!("`${{{reference}}}` refers to nothing")));
        };
        // A value with a prefix is its text here, as it is there.
        text.0.extend(expand(ini, of, &found.raw, found, depth + 1)?.0);
        if text.0.len() > LONGEST || text.written().len() > LONGEST {
            return Err(fault(format!("`{}` becomes too long", entry.key)));
        }
    }
    text.push(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, String> {
        let ini = Ini::parse("old.ini", text).unwrap();
        let entry = ini.entry("a", "x").unwrap().clone();
        read(&ini, "a", &entry).map(|value| value.toml()).map_err(|fault| fault.message)
    }

    #[test]
    fn values_are_what_pserve_makes_of_them() {
        for (text, toml) in [
            ("[a]\nx = plain", "\"plain\""),
            ("[a]\nx = int:42", "42"),
            ("[a]\nx = int: 42", "42"),
            ("[a]\nx = float:2", "2.0"),
            ("[a]\nx = bool:enable", "true"),
            ("[a]\nx = bool:True", "false"),
            ("[a]\nx = list:a int:1 bool:on b", "[\"a\", 1, true, \"b\"]"),
            ("[a]\nx = list:", "[]"),
            ("[a]\nx = ${b:y}/z\n[b]\ny = ${ENV:HOME}/q", "\"${ENV:HOME:-}/q/z\""),
            ("[a]\nx = ${y}\ny = 1", "\"1\""),
            ("[a]\nx = ${ENV:PORT}", "\"${ENV:PORT:-}\""),
            ("[a]\nx = int:${ENV:PORT}", "\"${ENV:PORT:-}\""),
            ("[a]\nx = a$$b", "\"a$b\""),
            ("[a]\nx = $${b}", "\"$${b}\""),
            ("[DEFAULT]\nd = 5\n[a]\nx = ${d}", "\"5\""),
            ("[a]\nx = http://h", "\"http://h\""),
            ("[a]\nx = a \"b\" \\ c", "\"a \\\"b\\\" \\\\ c\""),
        ] {
            assert_eq!(of(text).as_deref(), Ok(toml), "{text}");
        }
    }

    #[test]
    fn what_means_nothing_is_told() {
        for (text, message) in [
            ("[a]\nx = int:two", "`x` is int:two, which is no whole number"),
            ("[a]\nx = float:inf", "`x` is float:inf, which is no number"),
            ("[a]\nx = ${b:y}", "`${b:y}` refers to nothing"),
            ("[a]\nx = ${x}", "`x` refers to itself, or too deep"),
            ("[a]\nx = 5$", "`$` in `x` begins no `${…}`"),
            ("[a]\nx = ${y", "`$` in `x` begins no `${…}`"),
        ] {
            assert_eq!(of(text).unwrap_err(), message, "{text}");
        }
        let line = |n: usize| format!("x{n} = {}", format!("${{x{}}}", n + 1).repeat(9));
        let bomb = (0..9).map(line).collect::<Vec<_>>().join("\n");
        assert!(
            of(&format!("[a]\nx = ${{x0}}\n{bomb}\nx9 = 123456789"))
                .unwrap_err()
                .contains("too long")
        );
    }

    #[test]
    fn a_text_is_parted_around_its_variables() {
        let ini = Ini::parse("old.ini", "[a]\nx = html:${ENV:HOME}/docs").unwrap();
        let entry = ini.entry("a", "x").unwrap();
        let Value::Text(text) = read(&ini, "a", entry).unwrap() else { panic!() };
        let (path, folder) = text.split_once(':').unwrap();
        assert_eq!(
            (path.plain().unwrap(), folder.written()),
            ("html".into(), "${ENV:HOME:-}/docs".into())
        );
        assert!(folder.plain().is_none() && !folder.is_variable());
    }
}
