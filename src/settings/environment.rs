//! `HOTPLATE_SECTION__KEY`: settings from environment variables.
//!
//! A variable with our prefix is either understood or refused: a misspelt one never goes unnoticed.

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
    let mut ours: Vec<_> = environment
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && !NO_SETTINGS.contains(&name.as_str()))
        .collect();
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
        let kind = kind_of(find(tree, &path), value);
        put(tree, &path, Node::new(kind, Origin::Env(name.clone())));
    }
    faults
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

/// A script's own key has no declared type: it keeps the type that it has in the file.
fn kind_of(replaced: Option<&Node>, value: &str) -> Kind {
    let loose = || Kind::Loose(value.to_owned());
    let Some(replaced) = replaced else { return loose() };
    match (&replaced.kind, parsed(value)) {
        (Kind::Integer(_), Some(new @ Kind::Integer(_)))
        | (Kind::Float(_), Some(new @ (Kind::Float(_) | Kind::Integer(_))))
        | (Kind::Boolean(_), Some(new @ Kind::Boolean(_)))
        | (Kind::Array(_), Some(new @ Kind::Array(_))) => new,
        _ => loose(),
    }
}

/// The text as a TOML value, if it is one.
pub(super) fn parsed(text: &str) -> Option<Kind> {
    let value = DeValue::parse(text.trim()).ok()?;
    Some(Node::from_toml(&value).kind)
}
