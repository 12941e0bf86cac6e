//! `HOTPLATE_SECTION__KEY`: settings from environment variables.
//!
//! A variable with our prefix is either understood or refused: a misspelt one never goes unnoticed.

use std::collections::BTreeMap;

use toml::de::DeValue;

use crate::diagnostic::{Diagnostic, Place};

use super::tree::{Entry, Kind, Node, Origin, Table, find, put};

/// What all our variables begin with.
const PREFIX: &str = "HOTPLATE_";

/// Variables with our prefix that are no settings.
const NO_SETTINGS: [&str; 2] = ["HOTPLATE_BIN", "HOTPLATE_REQUIRE_SERVICES"];

/// Lays the variables of `environment` over `tree`; what is no setting comes back as faults.
pub(super) fn overlay(tree: &mut Table, environment: &[(String, String)]) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    let mut ours: Vec<_> = environment.iter().filter(|(name, _)| is_setting(name)).collect();
    let mut seen: BTreeMap<Vec<String>, &String> = BTreeMap::new();
    ours.sort();
    for (name, value) in ours {
        let tail = name.strip_prefix(PREFIX).unwrap_or_default();
        let parts: Vec<&str> = tail.split("__").collect();
        if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) {
            faults.push(
                Diagnostic::error("config-variable", format!("`{name}` names no setting"))
                    .at(place(name))
                    .help("write HOTPLATE_SECTION__KEY, such as HOTPLATE_NETWORK__PORT"),
            );
            continue;
        }
        let path = path_of(tree, &parts);
        let mut refuse = |message: String, help: &str| {
            let fault = Diagnostic::error("config-variable", message).at(place(name));
            faults.push(fault.help(help));
        };
        if value.contains('\u{fffd}') {
            refuse(format!("`{name}` is not UTF-8"), "set it to a text in UTF-8");
            continue;
        }
        if let Some(first) = seen.insert(path.clone(), name) {
            let message = format!("`{first}` and `{name}` are the same setting");
            refuse(message, "upper and lower case are the same: remove one of them");
            continue;
        }
        match kind_of(find(tree, &path), &path, value) {
            Ok(kind) => put(tree, &path, Node::new(kind, Origin::Env(name.clone()))),
            Err(wanted) => {
                let key = path.join(".");
                refuse(format!("`{key}` must be {wanted}, as it is in the file"), "see the file");
            }
        }
    }
    faults
}

/// Whether a variable is one of ours.
pub(super) fn is_setting(name: &str) -> bool {
    name.starts_with(PREFIX) && !NO_SETTINGS.contains(&name)
}

/// The place of a fault in the variable `name`.
pub(super) fn place(name: &str) -> Place {
    Place::file(format!("environment variable {name}"))
}

/// The variable `name` with `path` in place of its first `depth` names.
pub(super) fn variable_like(name: &str, depth: usize, path: &str) -> String {
    let tail = name.strip_prefix(PREFIX).unwrap_or_default();
    let begin = path.replace('.', "__").to_uppercase();
    tail.split("__").skip(depth).fold(format!("{PREFIX}{begin}"), |name, part| name + "__" + part)
}

/// Variables have no case: a name that the file has is taken in the file's spelling.
fn path_of(tree: &Table, parts: &[&str]) -> Vec<String> {
    let mut table = Some(tree);
    let mut path = Vec::with_capacity(parts.len());
    for part in parts {
        let lower = part.to_lowercase();
        let same =
            |name: &&String| name.to_lowercase().replace('-', "_") == lower.replace('-', "_");
        let exact = table.is_some_and(|table| table.contains_key(&lower));
        let name = match table.and_then(|table| table.keys().find(same)) {
            Some(name) if !exact => name.clone(),
            _ => lower,
        };
        table = table.and_then(|table| table.get(&name)).and_then(|entry: &Entry| {
            match &entry.node.kind {
                Kind::Table(inner) => Some(inner),
                _ => None,
            }
        });
        path.push(name);
    }
    path
}

/// A script's own key has no declared type: it keeps the type that it has in the file. An error says which.
fn kind_of(replaced: Option<&Node>, path: &[String], value: &str) -> Result<Kind, &'static str> {
    let loose = || Kind::Loose(value.to_owned());
    let Some(replaced) = replaced else { return Ok(loose()) };
    // What is declared is judged where it is read.
    let is_own = matches!(path, [plugins, _, key] if plugins == "plugins" && !is_section(key));
    let mistaken = |wanted| if is_own { Err(wanted) } else { Ok(loose()) };
    match (&replaced.kind, parsed(value)) {
        (Kind::Integer(_), Some(new @ Kind::Integer(_)))
        | (Kind::Float(_), Some(new @ (Kind::Float(_) | Kind::Integer(_))))
        | (Kind::Boolean(_), Some(new @ Kind::Boolean(_)))
        | (Kind::Array(_), Some(new @ Kind::Array(_))) => Ok(new),
        (Kind::Boolean(_), _) => match value.trim().to_lowercase().as_str() {
            "1" | "on" | "yes" => Ok(Kind::Boolean(true)),
            "0" | "off" | "no" => Ok(Kind::Boolean(false)),
            _ => mistaken("true or false"),
        },
        (Kind::Array(items), _) if is_own => {
            let is_text = items.first().is_none_or(|item| matches!(item.kind, Kind::String(_)));
            let item = |text: &str| match parsed(text).filter(|_| !is_text) {
                Some(kind) => Node::new(kind, replaced.origin.clone()),
                None => Node::new(Kind::String(text.to_owned()), replaced.origin.clone()),
            };
            Ok(Kind::Array(value.split(',').map(str::trim).map(item).collect()))
        }
        (Kind::Integer(_), _) => mistaken("an integer"),
        (Kind::Float(_), _) => mistaken("a number"),
        _ => Ok(loose()),
    }
}

/// Whether a key of a plugin's table holds settings of the server.
fn is_section(key: &str) -> bool {
    ["limits", "cors"].contains(&key)
}

/// The text as a TOML value, if it is one.
pub(super) fn parsed(text: &str) -> Option<Kind> {
    let value = DeValue::parse(text.trim()).ok()?;
    Some(Node::from_toml(&value).kind)
}
