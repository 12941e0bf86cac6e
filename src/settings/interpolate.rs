//! `${section.key}`, `${ENV:VAR}` and `${ENV:VAR:-default}` in the strings of the file.
//!
//! Only the file is interpolated: variables and flags are taken as they are. `$${` is a literal
//! `${`. References are bounded in depth, number and length, so that no file can blow up.

use std::cell::{Cell, RefCell};

use serde_json::Value;

use crate::diagnostic::{Diagnostic, nearest};

use super::document::Document;
use super::tree::{Entry, Kind, Node, Origin, Table, find, join, split};

/// References that may be followed from one string into the next.
const MAX_DEPTH: usize = 16;
/// References that may be followed in one file.
const MAX_REFERENCES: usize = 10_000;
/// Bytes that one string may grow to.
const MAX_LENGTH: usize = 64 << 10;

/// What strings are interpolated with.
pub(super) struct Interpolation<'a> {
    pub(super) tree: &'a Table,
    pub(super) document: &'a Document,
    pub(super) environment: &'a [(String, String)],
    /// The documented defaults, for references to settings that nobody set.
    pub(super) defaults: &'a Value,
    pub(super) faults: RefCell<Vec<Diagnostic>>,
    pub(super) followed: Cell<usize>,
}

/// The string has a fault, which was reported.
struct Reported;

/// The string that a reference stands in.
struct Site<'s> {
    path: &'s str,
    origin: &'s Origin,
}

impl Interpolation<'_> {
    /// The whole tree with every string of the file interpolated.
    pub(super) fn expanded(&self) -> Table {
        self.table(self.tree, "")
    }

    fn table(&self, table: &Table, parent: &str) -> Table {
        table
            .iter()
            .map(|(name, entry)| {
                let node = self.node(&entry.node, &join(parent, name));
                (name.clone(), Entry { name: entry.name.clone(), node })
            })
            .collect()
    }

    fn node(&self, node: &Node, path: &str) -> Node {
        let kind = match &node.kind {
            Kind::String(text) if text.contains("${") && is_file(node) => {
                let site = Site { path, origin: &node.origin };
                match self.text(text, &site, &mut vec![path.to_owned()]) {
                    Ok(text) => Kind::Loose(text),
                    Err(Reported) => Kind::Broken,
                }
            }
            Kind::Array(items) => {
                Kind::Array(items.iter().map(|item| self.node(item, path)).collect())
            }
            Kind::Table(inner) => Kind::Table(self.table(inner, path)),
            other => other.clone(),
        };
        Node::new(kind, node.origin.clone())
    }

    fn text(&self, text: &str, site: &Site, stack: &mut Vec<String>) -> Result<String, Reported> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = after;
                continue;
            }
            out.push_str(before);
            let Some((reference, tail)) = after.split_once('}') else {
                return Err(self.report(
                    site,
                    "${",
                    "`${` has no closing `}`",
                    "write `$${` for a literal `${`",
                ));
            };
            out.push_str(&self.reference(reference, site, stack)?);
            if out.len() > MAX_LENGTH {
                let help = "a setting may have 65536 bytes";
                return Err(self.report(
                    site,
                    reference,
                    "the interpolated text is too long",
                    help,
                ));
            }
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn reference(
        &self,
        reference: &str,
        site: &Site,
        stack: &mut Vec<String>,
    ) -> Result<String, Reported> {
        let whole = format!("${{{reference}}}");
        self.followed.set(self.followed.get() + 1);
        if stack.len() > MAX_DEPTH || self.followed.get() > MAX_REFERENCES {
            let help = "write the value itself";
            return Err(self.report(
                site,
                &whole,
                "too many references lead into each other",
                help,
            ));
        }
        if let Some(variable) = reference.strip_prefix("ENV:") {
            return self.variable(variable, &whole, site);
        }
        let path = split(reference);
        let shown = path.iter().fold(String::new(), |parent, name| join(&parent, name));
        if stack.contains(&shown) {
            let message =
                format!("`{}` refers to itself: {} → {shown}", site.path, stack.join(" → "));
            return Err(self.report(site, &whole, &message, "write one of these values out"));
        }
        let Some(node) = find(self.tree, &path) else {
            return self.default(&path, &shown, &whole, site);
        };
        match &node.kind {
            Kind::String(text) if is_file(node) && text.contains("${") => {
                stack.push(shown.clone());
                let inner = Site { path: &shown, origin: &node.origin };
                let text = self.text(text, &inner, stack);
                stack.pop();
                text
            }
            Kind::String(text) | Kind::Loose(text) | Kind::Datetime(text) => Ok(text.clone()),
            Kind::Integer(number) => Ok(number.to_string()),
            Kind::Float(number) => Ok(number.to_string()),
            Kind::Boolean(value) => Ok(value.to_string()),
            Kind::Array(_) | Kind::Table(_) | Kind::Broken => {
                let message = format!("`{shown}` is {}, not a single value", node.kind.describe());
                Err(self.report(site, &whole, &message, "refer to one of its values"))
            }
        }
    }

    fn variable(&self, reference: &str, whole: &str, site: &Site) -> Result<String, Reported> {
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        let value = self.environment.iter().rev().find(|(known, _)| known == name);
        match (value, default) {
            (Some((_, value)), None) => Ok(value.clone()),
            (Some((_, value)), Some(_)) if !value.is_empty() => Ok(value.clone()),
            (_, Some(default)) => Ok(default.to_owned()),
            (None, None) => {
                let message = format!("the environment variable `{name}` is not set");
                let help = format!("set it, or give a default: `${{ENV:{name}:-default}}`");
                Err(self.report(site, whole, &message, &help))
            }
        }
    }

    fn default(
        &self,
        path: &[String],
        shown: &str,
        whole: &str,
        site: &Site,
    ) -> Result<String, Reported> {
        let value = path.iter().try_fold(self.defaults, |value, name| value.get(name));
        match value {
            Some(Value::String(text)) => return Ok(text.clone()),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => return Ok(value.to_string()),
            _ => {}
        }
        let message = match value {
            Some(Value::Null) => format!("`{shown}` is not set and has no default"),
            _ => format!("`{shown}` is not a setting"),
        };
        let near = self.near(path, shown);
        let help = near.map_or_else(
            || "refer to `${section.key}` or `${ENV:VAR}`".to_owned(),
            |near| format!("did you mean `${{{near}}}`?"),
        );
        Err(self.report(site, whole, &message, &help))
    }

    /// The nearest setting beside `path`, written or defaulted.
    fn near(&self, path: &[String], shown: &str) -> Option<String> {
        let mut known = Vec::new();
        paths(self.defaults, "", &mut known);
        if let Some((last, parent)) = path.split_last()
            && let Some(Node { kind: Kind::Table(table), .. }) = find(self.tree, parent)
        {
            let parent = parent.iter().fold(String::new(), |parent, name| join(&parent, name));
            known.extend(table.keys().filter(|name| *name != last).map(|name| join(&parent, name)));
        }
        nearest(shown, known.iter().map(String::as_str)).map(str::to_owned)
    }

    fn report(&self, site: &Site, part: &str, message: &str, help: &str) -> Reported {
        let mut fault = Diagnostic::error("config-interpolation", message).help(help);
        if let Origin::File(span) = site.origin {
            let written = self.document.text.get(span.clone()).unwrap_or_default();
            let span = match written.find(part) {
                Some(at) => span.start + at..span.start + at + part.len(),
                None => span.clone(),
            };
            fault = fault.at(self.document.place(site.path, &span));
        }
        let mut faults = self.faults.borrow_mut();
        if !faults.contains(&fault) {
            faults.push(fault);
        }
        Reported
    }
}

fn is_file(node: &Node) -> bool {
    matches!(node.origin, Origin::File(_))
}

fn paths(value: &Value, parent: &str, known: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| paths(value, &join(parent, name), known));
        }
        Value::Array(_) | Value::Null => {}
        _ => known.push(parent.to_owned()),
    }
}
