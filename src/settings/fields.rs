//! Typed reading of one section.
//!
//! A fault is reported and the default stands in, so that one reading finds all faults.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use serde_json::{Map, Number, Value};

use crate::diagnostic::Diagnostic;

use super::choice::Choice;
use super::environment::parsed;
use super::reader::{Reader, shown};
use super::tree::{Entry, Kind, Node, Table, join};

/// One section that is being read: what is asked for is taken out, what is left is unknown.
pub(super) struct Fields<'r, 'a> {
    reader: &'r Reader<'a>,
    path: String,
    table: Table,
    asked: Vec<&'static str>,
}

impl<'r, 'a> Fields<'r, 'a> {
    pub(super) fn new(reader: &'r Reader<'a>, path: String, table: Table) -> Self {
        Self { reader, path, table, asked: Vec::new() }
    }

    /// Reads a whole file.
    pub(super) fn whole<T>(
        reader: &'r Reader<'a>,
        table: Table,
        read: impl FnOnce(&mut Fields) -> T,
    ) -> T {
        let mut fields = Fields::new(reader, String::new(), table);
        let value = read(&mut fields);
        reader.unknown("", fields.table, &fields.asked);
        value
    }

    pub(super) fn reader(&self) -> &'r Reader<'a> {
        self.reader
    }

    /// The dotted path of `key` in this section.
    pub(super) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Takes the value of `key`, if it is set.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.asked.push(key);
        let entry = self.table.remove(key);
        self.reader.asked(&self.path_of(key), entry.as_ref().map(|entry| &entry.node.origin));
        entry.map(|entry| entry.node)
    }

    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        self.truth(key).unwrap_or(default)
    }

    /// A boolean that may be left out.
    pub(super) fn truth(&mut self, key: &'static str) -> Option<bool> {
        let node = self.take(key)?;
        let value = match &node.kind {
            Kind::Boolean(value) => Some(*value),
            Kind::Loose(text) => match text.trim().to_lowercase().as_str() {
                "true" | "1" | "on" | "yes" => Some(true),
                "false" | "0" | "off" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if value.is_none() {
            self.reader.wrong_type(&self.path_of(key), &node, "true or false");
        }
        value
    }

    /// A whole number in `range`; a fault leaves nothing, so that a default stands in.
    pub(super) fn number<N>(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<N>
    where
        N: TryFrom<u64>,
    {
        let node = self.take(key)?;
        let path = self.path_of(key);
        let (low, high) = (range.start(), range.end());
        let expected = format!("an integer from {low} to {high}");
        let written = match &node.kind {
            Kind::Integer(number) => Some(*number),
            Kind::Loose(text) => match parsed(text) {
                Some(Kind::Integer(number)) => Some(number),
                _ => None,
            },
            _ => None,
        };
        let Some(written) = written else {
            self.reader.wrong_type(&path, &node, &expected);
            return None;
        };
        let number = u64::try_from(written).ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| N::try_from(number).ok());
        if number.is_none() {
            let message = match node.kind {
                Kind::Integer(written) => format!("`{path}` must be {expected}, not {written}"),
                _ => format!("`{path}` must be {expected}"),
            };
            self.reader.wrong(&path, &node, "config-out-of-range", message);
        }
        number
    }

    pub(super) fn choice<C: Choice + Default>(&mut self, key: &'static str) -> C {
        self.choice_if_set(key).unwrap_or_default()
    }

    /// The word that is set; a fault leaves nothing, so that a default stands in.
    pub(super) fn choice_if_set<C: Choice>(&mut self, key: &'static str) -> Option<C> {
        let node = self.take(key)?;
        let path = self.path_of(key);
        let words: Vec<_> = C::ALL.iter().map(|choice| format!("{:?}", choice.word())).collect();
        let expected = format!("one of {}", words.join(", "));
        let Some(text) = text_of(&node) else {
            self.reader.wrong_type(&path, &node, &expected);
            return None;
        };
        if let Some(choice) = C::ALL.iter().find(|choice| choice.word() == text) {
            return Some(*choice);
        }
        let found = shown(&path, &node).map_or_else(String::new, |found| format!(", not {found}"));
        let message = format!("`{path}` must be {expected}{found}");
        self.reader.wrong(&path, &node, "config-bad-value", message);
        None
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<(String, Node)> {
        let node = self.take(key)?;
        if let Some(text) = text_of(&node).map(str::to_owned) {
            return Some((text, node));
        }
        self.reader.wrong_type(&self.path_of(key), &node, "a string");
        None
    }

    /// A string that `parse` understands; its error says what is wanted.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let (text, node) = self.text(key)?;
        parse(&text).map_err(|error| self.bad(key, &node, &error)).ok()
    }

    pub(super) fn address(&mut self, key: &'static str) -> Option<IpAddr> {
        self.parsed(key, |text| match text {
            "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
            _ => IpAddr::from_str(text)
                .map_err(|_| "an IP address is wanted, such as 127.0.0.1, 0.0.0.0 or ::1"),
        })
    }

    /// A path, with `~` expanded and made absolute by `resolve`.
    pub(super) fn file(
        &mut self,
        key: &'static str,
        resolve: impl FnOnce(&str) -> Result<PathBuf, &'static str>,
    ) -> Option<PathBuf> {
        self.parsed(key, |text| match text {
            "" => Err("a path is wanted"),
            _ if text.contains('\0') => Err("a path has no NUL"),
            _ => resolve(text),
        })
    }

    /// A list of strings that `parse` understands; a variable may also write them with commas.
    pub(super) fn list<T, E: std::fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let items = match &node.kind {
            Kind::Array(items) => items.clone(),
            Kind::Loose(text) => match parsed(text) {
                Some(Kind::Array(items)) => items
                    .into_iter()
                    .map(|item| Node::new(item.kind, node.origin.clone()))
                    .collect(),
                _ => text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(|item| Node::new(Kind::Loose(item.to_owned()), node.origin.clone()))
                    .collect(),
            },
            _ => {
                self.reader.wrong_type(&self.path_of(key), &node, "an array of strings");
                return Vec::new();
            }
        };
        let read = |item: &Node| {
            if let Some(text) = text_of(item) {
                return parse(text).map_err(|error| self.bad(key, item, &error)).ok();
            }
            self.reader.wrong_type(&self.path_of(key), item, "an array of strings");
            None
        };
        items.iter().filter_map(read).collect()
    }

    /// The section `key`, empty if it is not there, read by `read`.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Fields) -> T,
    ) -> T {
        let node = self.take(key);
        let path = self.path_of(key);
        self.reader.is_section(&path);
        self.below(path, node, read)
    }

    /// The section `key`, read by `read` if it is there.
    pub(super) fn section_if_there<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Fields) -> Option<T>,
    ) -> Option<T> {
        let there = self.table.contains_key(key);
        let read = self.section(key, |fields| if there { read(fields) } else { None });
        read.filter(|_| there)
    }

    /// The array of tables `[[key]]`, each read by `read`.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Fields) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let path = self.path_of(key);
        self.reader.is_section(&path);
        let written = match &node.kind {
            Kind::Array(items) => Some(items.clone()),
            Kind::Loose(text) => match parsed(text) {
                Some(Kind::Array(items)) => {
                    Some(items.into_iter().map(|item| item.set_at(&node.origin)).collect())
                }
                _ => None,
            },
            _ => None,
        };
        let Some(items) = written else {
            let wanted = format!("tables, each begun with [[{path}]]");
            self.reader.wrong_type(&path, &node, &wanted);
            return Vec::new();
        };
        let one = |item: Node| {
            self.reader.begun(&path, &item.origin);
            self.below(path.clone(), Some(item), &mut read)
        };
        items.into_iter().filter_map(one).collect()
    }

    /// A string that `parse` understands and that must be there.
    pub(super) fn required<T, E: std::fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            let message = format!("`{}` must have `{key}`", self.path);
            let mut fault = Diagnostic::error("config-incomplete", message);
            fault.place = self.reader.place_of(&self.path);
            self.reader.report(fault);
        }
        self.parsed(key, parse)
    }

    /// The sections below `key`, whose names people choose, each read by `read`.
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&str, &mut Fields) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let node = self.take(key);
        let path = self.path_of(key);
        self.reader.is_section(&path);
        let Some(entries) = self.table_of(&path, node) else { return BTreeMap::new() };
        let one = |(name, entry): (String, Entry)| {
            self.reader.begun(&join(&path, &name), &entry.name);
            let read = |fields: &mut Fields| read(&name, fields);
            let value = self.below(join(&path, &name), Some(entry.node), read)?;
            Some((name, value))
        };
        entries.into_iter().filter_map(one).collect()
    }

    /// All that was not asked for, as JSON: a script's own settings.
    pub(super) fn rest(&mut self) -> Map<String, Value> {
        let left = std::mem::take(&mut self.table);
        self.map(left, &self.path)
    }

    /// What is left, before [`Fields::rest`] takes it.
    pub(super) fn left(&self) -> &Table {
        &self.table
    }

    /// The names that were asked for.
    pub(super) fn names(&self) -> &[&'static str] {
        &self.asked
    }

    /// Reports that `key` has a value that does not do.
    pub(super) fn bad(&self, key: &str, node: &Node, wanted: &dyn std::fmt::Display) {
        let path = self.path_of(key);
        let message = match shown(&path, node) {
            Some(found) => format!("`{path}` cannot be {found}: {wanted}"),
            None => format!("`{path}` is not valid: {wanted}"),
        };
        self.reader.wrong(&path, node, "config-bad-value", message);
    }

    fn below<T>(&self, path: String, node: Option<Node>, read: impl FnOnce(&mut Fields) -> T) -> T {
        let table = self.table_of(&path, node).unwrap_or_default();
        let mut fields = Fields::new(self.reader, path, table);
        let value = read(&mut fields);
        self.reader.unknown(&fields.path, fields.table, &fields.asked);
        value
    }

    fn table_of(&self, path: &str, node: Option<Node>) -> Option<Table> {
        let node = node?;
        if let Kind::Table(table) = node.kind {
            return Some(table);
        }
        self.reader.wrong_type(path, &node, "a table");
        None
    }

    fn map(&self, table: Table, path: &str) -> Map<String, Value> {
        table
            .into_iter()
            .map(|(name, entry)| {
                let value = self.json(entry.node, &join(path, &name));
                (name, value)
            })
            .collect()
    }

    fn json(&self, node: Node, path: &str) -> Value {
        let number = match &node.kind {
            Kind::Integer(number) => i64::try_from(*number).ok().map(Number::from),
            Kind::Float(number) => Number::from_f64(*number),
            _ => None,
        };
        if number.is_none() && matches!(node.kind, Kind::Integer(_) | Kind::Float(_)) {
            let message = format!("`{path}` must be a finite number of at most 64 bits");
            self.reader.wrong(path, &node, "config-out-of-range", message);
        }
        match node.kind {
            Kind::String(text) | Kind::Loose(text) | Kind::Datetime(text) => Value::String(text),
            Kind::Boolean(value) => Value::Bool(value),
            Kind::Integer(_) | Kind::Float(_) => number.map_or(Value::Null, Value::Number),
            Kind::Array(items) => {
                items.into_iter().map(|item| self.json(item, path)).collect::<Vec<_>>().into()
            }
            Kind::Table(table) => Value::Object(self.map(table, path)),
            Kind::Broken => Value::Null,
        }
    }
}

/// The text of a string, wherever it came from.
fn text_of(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::String(text) | Kind::Loose(text) => Some(text),
        _ => None,
    }
}
