//! What clients were promised: the accepted document, and how what is served differs from it.
//!
//! The routes of plugins are promised, those of the server itself are not. Only what may have changed is
//! put together and compared again; the rest of the judgement is carried over.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::{
    Format, Surroundings,
    diff::{self, Change, Severity},
    document,
    fragment::Fragment,
    order::Ordered,
    yaml,
};
use crate::{settings::Settings, source::name::reserved};

/// Changes by the shape of the path that they are of.
pub(crate) type ByShape = BTreeMap<String, Vec<Change>>;

/// A document that was accepted.
#[derive(Debug)]
pub(crate) struct Accepted(Value);

/// The most bytes that an accepted document may have.
const MOST_BYTES: u64 = 64 << 20;

/// Reads the file of an accepted document.
///
/// # Errors
///
/// Also where it is no file that ends: to open a pipe would wait for its writer.
pub(crate) fn read(file: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("it has more than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(bytes)
}

/// Why a text is no document that can be compared.
#[derive(Debug, Error)]
#[error("{message}")]
pub(crate) struct Unreadable {
    /// In words.
    pub(crate) message: String,
    /// The line, from 1; 0 if the whole is meant.
    pub(crate) line: usize,
    /// The column, from 1; 0 if the whole is meant.
    pub(crate) column: usize,
}

impl Accepted {
    /// Reads an accepted document.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let document: Value = serde_json::from_str(text).map_err(|error| Unreadable {
            message: format!("it is not valid JSON: {error}"),
            line: error.line(),
            column: error.column(),
        })?;
        let whole = |message: &str| Unreadable { message: message.to_owned(), line: 0, column: 0 };
        let version = document.get("openapi").and_then(Value::as_str);
        if !version.is_some_and(|version| version.starts_with("3.")) {
            return Err(whole("it is no OpenAPI 3 document: `openapi` does not say \"3.1.0\""));
        }
        if !document.get("paths").is_some_and(Value::is_object) {
            return Err(whole("it is no OpenAPI 3 document: it has no `paths`"));
        }
        Ok(Self::of(document))
    }

    /// A document that stands for an accepted one.
    pub(crate) fn of(document: Value) -> Self {
        Self(document)
    }

    /// How what the fragments say differs from it, for the paths in `shapes`, or for all.
    pub(crate) fn compare<'a>(
        &self,
        fragments: impl Iterator<Item = &'a Fragment>,
        settings: &Settings,
        shapes: Option<&BTreeSet<String>>,
    ) -> ByShape {
        let new = of_shapes(fragments, settings, shapes);
        let wanted =
            |shape: &str| is_promised(shape) && shapes.is_none_or(|shapes| shapes.contains(shape));
        by_shape(diff::compare_some(&self.0, &new, wanted))
    }

    /// How another document differs from it, what stands around the paths included.
    pub(crate) fn compare_with(&self, new: &Self) -> Vec<Change> {
        diff::compare(&self.0, &new.0)
    }
}

/// How two sets of fragments differ in the paths in `shapes`.
pub(crate) fn compare<'a, 'b>(
    (old, old_settings): (impl Iterator<Item = &'a Fragment>, &Settings),
    (new, new_settings): (impl Iterator<Item = &'b Fragment>, &Settings),
    shapes: Option<&BTreeSet<String>>,
) -> Vec<Change> {
    let old = of_shapes(old, old_settings, shapes);
    let new = of_shapes(new, new_settings, shapes);
    diff::compare_some(&old, &new, |shape| shapes.is_none_or(|shapes| shapes.contains(shape)))
}

/// The document that is accepted when it is written down: the routes of plugins, without servers and without
/// where they stand in scripts.
pub(crate) fn document_of<'a>(
    fragments: impl Iterator<Item = &'a Fragment>,
    settings: &Settings,
) -> Value {
    of_shapes(fragments, settings, None)
}

/// A document of those fragments that have a path in `shapes`, or of all.
fn of_shapes<'a>(
    fragments: impl Iterator<Item = &'a Fragment>,
    settings: &Settings,
    shapes: Option<&BTreeSet<String>>,
) -> Value {
    let involved = fragments.filter(|fragment| {
        shapes.is_none_or(|shapes| fragment.shapes().any(|shape| shapes.contains(shape)))
    });
    let mut plain = settings.clone();
    plain.server.development = false;
    document::assemble(
        involved,
        Surroundings { settings: &plain, generation: 0, administration: None },
    )
}

/// Whether a path is a plugin's, and not the server's own.
fn is_promised(shape: &str) -> bool {
    reserved(shape.split('/').nth(1).unwrap_or_default()).is_none()
}

fn by_shape(changes: Vec<Change>) -> ByShape {
    let mut all = ByShape::new();
    for change in changes {
        all.entry(diff::shape(&change.path)).or_default().push(change);
    }
    all
}

impl Fragment {
    /// The shapes of its paths.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = &String> {
        self.operations.iter().map(|operation| &operation.path.shape)
    }

    /// The line at which an operation was declared; of any method where none is given. None if it has no
    /// such operation; 0 if the line is not known.
    pub(crate) fn line_of(&self, shape: &str, method: Option<&str>) -> Option<usize> {
        let operation = self.operations.iter().find(|operation| {
            operation.path.shape == shape
                && method.is_none_or(|method| operation.method.eq_ignore_ascii_case(method))
        })?;
        Some(operation.place.as_ref().map_or(0, |(_, line)| *line))
    }
}

/// Who has which operation.
#[derive(Debug, Default)]
pub(crate) struct Owners<'a>(HashMap<&'a str, Vec<(&'a str, &'a Fragment)>>);

impl<'a> Owners<'a> {
    /// The owners among named fragments.
    pub(crate) fn new(fragments: impl Iterator<Item = (&'a str, &'a Fragment)>) -> Self {
        let mut owners = Self::default();
        for (name, fragment) in fragments {
            for shape in fragment.shapes() {
                let all = owners.0.entry(shape).or_default();
                if all.last().is_none_or(|(last, _)| *last != name) {
                    all.push((name, fragment));
                }
            }
        }
        owners
    }

    /// Whose operation a change is of, with the line of its route, 0 if that is not known.
    pub(crate) fn of(&self, change: &Change) -> Option<(&'a str, usize)> {
        let shape = diff::shape(&change.path);
        let method = change.method.as_deref();
        self.0
            .get(shape.as_str())?
            .iter()
            .find_map(|(name, fragment)| Some((*name, fragment.line_of(&shape, method)?)))
    }
}

/// How what is served stands to the accepted document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Standing {
    /// Whether there is an accepted document.
    pub(crate) accepted: bool,
    /// How many changes are breaking.
    pub(crate) breaking: usize,
    /// How many are compatible.
    pub(crate) compatible: usize,
    /// How many are cosmetic.
    pub(crate) cosmetic: usize,
    /// The breaking ones, then the compatible ones, as many as are told.
    pub(crate) changes: Vec<Change>,
}

/// How many changes are told one by one.
const MOST_TOLD: usize = 200;

impl Standing {
    /// The sum of all changes.
    pub(crate) fn of(all: &ByShape) -> Self {
        let mut standing = Self { accepted: true, ..Self::default() };
        let mut told = Vec::new();
        for change in all.values().flatten() {
            match change.severity {
                Severity::Breaking => standing.breaking += 1,
                Severity::Compatible => standing.compatible += 1,
                Severity::Cosmetic => {
                    standing.cosmetic += 1;
                    continue;
                }
            }
            told.push(change);
        }
        told.sort_by_key(|change| std::cmp::Reverse(change.severity));
        standing.changes = told.into_iter().take(MOST_TOLD).cloned().collect();
        standing
    }
}

/// A document as text that people can read and compare: pretty, in a stable order.
pub(crate) fn pretty(document: &Value) -> String {
    written(document, Format::Json)
}

/// A value as text in a format.
pub(crate) fn written(value: &Value, format: Format) -> String {
    let ordered = Ordered::new(value);
    match format {
        Format::Yaml => yaml::write(&ordered),
        Format::Json => serde_json::to_string_pretty(&ordered).unwrap_or_default() + "\n",
    }
}
