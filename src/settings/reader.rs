//! What reading the tree found: faults with their places, and which settings there are.
//!
//! The reader learns the known settings from being asked for them, so that there is no list of
//! keys beside the code that reads them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Place, nearest};

use super::document::{Document, is_secret};
use super::environment;
use super::tree::{Kind, Node, Origin, Table, join, split};

/// Settings that are planned: they are refused like unknown ones, with a better word.
const LATER: [&str; 0] = [];

/// Collects what reading a tree finds.
pub(super) struct Reader<'a> {
    document: &'a Document,
    found: RefCell<Found>,
}

#[derive(Default)]
struct Found {
    diagnostics: Vec<Diagnostic>,
    origins: BTreeMap<String, Origin>,
    known: BTreeSet<String>,
    unknown: Vec<Unknown>,
    files: BTreeSet<PathBuf>,
}

struct Unknown {
    parent: String,
    name: String,
    origin: Origin,
    siblings: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self { document, found: RefCell::default() }
    }

    /// Reports a fault or a warning.
    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().diagnostics.push(diagnostic);
    }

    /// Remembers a file beside the configuration that a setting depends on.
    pub(super) fn depends_on(&self, file: &Path) {
        self.found.borrow_mut().files.insert(file.to_owned());
    }

    /// The files that settings depend on.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.found.borrow().files.iter().cloned().collect()
    }

    /// Remembers that there is a setting `path`, set at `origin` if it is set.
    pub(super) fn asked(&self, path: &str, origin: Option<&Origin>) {
        let mut found = self.found.borrow_mut();
        found.known.insert(path.to_owned());
        if let Some(origin) = origin {
            found.origins.insert(path.to_owned(), origin.clone());
        }
    }

    /// Remembers where the section `path` was begun.
    pub(super) fn begun(&self, path: &str, origin: &Origin) {
        self.found.borrow_mut().origins.insert(path.to_owned(), origin.clone());
    }

    /// A section is no setting of its own.
    pub(super) fn is_section(&self, path: &str) {
        self.found.borrow_mut().known.remove(path);
    }

    /// Reports that `node` is not what `path` wants.
    pub(super) fn wrong(&self, path: &str, node: &Node, code: &'static str, message: String) {
        self.report(Diagnostic::error(code, message).at(self.place(path, &node.origin)));
    }

    /// Reports that `path` must be `expected`, with what was found instead.
    pub(super) fn wrong_type(&self, path: &str, node: &Node, expected: &str) {
        if matches!(node.kind, Kind::Broken) {
            return;
        }
        let found = node.kind.describe();
        let message = format!("`{path}` must be {expected}, found {found}");
        self.wrong(path, node, "config-wrong-type", message);
    }

    /// Remembers the names that a section has and should not have.
    pub(super) fn unknown(&self, parent: &str, left: Table, siblings: &[&'static str]) {
        let mut found = self.found.borrow_mut();
        for (name, entry) in left {
            for origin in origins_of(&entry.name, &entry.node) {
                found.unknown.push(Unknown {
                    parent: parent.to_owned(),
                    name: name.clone(),
                    origin,
                    siblings: siblings.to_vec(),
                });
            }
        }
    }

    /// Where `path` was set; nothing if it has its default.
    pub(super) fn place_of(&self, path: &str) -> Option<Place> {
        let origin = self.found.borrow().origins.get(path).cloned()?;
        Some(self.place(path, &origin))
    }

    /// The settings that were asked for, as dotted paths.
    pub(super) fn known(&self) -> Vec<String> {
        self.found.borrow().known.iter().cloned().collect()
    }

    /// The place of the value of `path`.
    pub(super) fn place(&self, path: &str, origin: &Origin) -> Place {
        match origin {
            Origin::File(span) => self.document.place(path, span),
            Origin::Env(name) => environment::place(name),
            Origin::Flag(name) => Place::file(*name),
        }
    }

    /// The place of a name that is not known or not as meant.
    pub(super) fn place_of_name(&self, origin: &Origin) -> Place {
        match origin {
            Origin::File(span) => self.document.place_of_name(span),
            other => self.place("", other),
        }
    }

    /// Everything found, now that all settings are known.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let faults: Vec<_> = {
            let found = self.found.borrow();
            found.unknown.iter().map(|unknown| self.fault_of(unknown, &found.known)).collect()
        };
        let mut diagnostics = self.found.into_inner().diagnostics;
        diagnostics.extend(faults);
        diagnostics
    }

    fn fault_of(&self, unknown: &Unknown, known: &BTreeSet<String>) -> Diagnostic {
        let path = join(&unknown.parent, &unknown.name);
        let fault = Diagnostic::error("config-unknown-key", format!("unknown key `{path}`"))
            .at(self.place_of_name(&unknown.origin));
        if LATER.contains(&path.as_str()) {
            return fault.help("not available in this version");
        }
        match suggestion(unknown, known) {
            Some(near) => match &unknown.origin {
                Origin::Env(name) => {
                    let depth = split(&path).len();
                    let near = environment::variable_like(name, depth, &near);
                    fault.help(format!("did you mean `{near}`?"))
                }
                _ => fault.help(format!("did you mean `{near}`?")),
            },
            None if unknown.siblings.is_empty() => fault,
            None => fault.help(format!("known here: {}", unknown.siblings.join(", "))),
        }
    }
}

/// The known name that is nearest, in the same section or, spelt the same, in another.
fn suggestion(unknown: &Unknown, known: &BTreeSet<String>) -> Option<String> {
    let written = unknown.name.to_lowercase();
    let same = unknown.siblings.iter().find(|name| **name == written).copied();
    if let Some(near) = same.or_else(|| nearest(&written, unknown.siblings.iter().copied())) {
        return Some(join(&unknown.parent, near));
    }
    let mut elsewhere = known.iter().filter(|path| {
        path.rsplit('.').next() == Some(written.as_str()) && !path.contains("plugins.")
    });
    elsewhere.next().cloned()
}

/// A table made of variables is unknown once for each variable.
fn origins_of(name: &Origin, node: &Node) -> Vec<Origin> {
    let mut origins = Vec::new();
    if matches!(name, Origin::Env(_)) {
        collect(node, &mut origins);
    }
    if origins.is_empty() {
        origins.push(name.clone());
    }
    origins
}

fn collect(node: &Node, origins: &mut Vec<Origin>) {
    match &node.kind {
        Kind::Table(table) => table.values().for_each(|entry| collect(&entry.node, origins)),
        _ => origins.push(node.origin.clone()),
    }
}

/// What `node` says, for a message about `path`; secrets and interpolated text are left out.
pub(super) fn shown(path: &str, node: &Node) -> Option<String> {
    match &node.kind {
        Kind::String(text) if !is_secret(path) && text.chars().count() <= 60 => {
            Some(format!("{text:?}"))
        }
        _ => None,
    }
}
