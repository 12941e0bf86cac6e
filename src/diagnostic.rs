//! What is wrong with something a person wrote: a script, a configuration, a folder.
//!
//! A [`Diagnostic`] is data, the same in the terminal, in the log, in a reload report and on the
//! development page. It names files relative to the folder the person edits, never absolutely.

mod render;

use serde::Serialize;

/// One fault, where it is, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable kebab-case name of the kind of fault, such as `unknown-function`.
    pub code: &'static str,
    /// What is wrong, in one sentence without a position.
    pub message: String,
    /// The plugin that cannot be served as written, if it is one plugin's fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Where it is.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The script calls that led there, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<Frame>,
    /// Other places that matter, such as the route that was there first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
}

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Served, but probably not what was meant.
    Warning,
    /// Not served as written.
    Error,
}

/// A position in a file, with the line it points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, relative to the plugin folder or to the project.
    pub file: String,
    /// The line, from 1; 0 when only the file is known.
    pub line: usize,
    /// The column in characters, from 1; 0 when only the line is known.
    pub column: usize,
    /// How many characters are meant, at least 1.
    pub length: usize,
    /// The text of that line, without its end; empty when unknown.
    pub source: String,
}

/// One call on the way to a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// The function that was called.
    pub function: String,
    /// The file of the call, relative to the plugin folder.
    pub file: String,
    /// The line of the call, from 1; 0 when unknown.
    pub line: usize,
    /// The column of the call, from 1; 0 when unknown.
    pub column: usize,
}

/// Another place that a fault is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// What stands there.
    pub message: String,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
}

/// The most characters of a line that are kept to be shown.
const MOST_SHOWN: usize = 4_000;

impl Place {
    /// A whole file, without a line.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 0, length: 1, source: String::new() }
    }

    /// A line and column (both from 1) of `text`, whose line is kept to be shown.
    pub fn at(file: impl Into<String>, text: &str, line: usize, column: usize) -> Self {
        let most = column.saturating_add(100).clamp(400, MOST_SHOWN);
        let shown = line.checked_sub(1).and_then(|before| text.lines().nth(before));
        let source = shown.unwrap_or_default().chars().take(most).collect();
        Self { file: file.into(), line, column, length: 1, source }
    }

    /// The place of a byte offset of `text`, `bytes` long.
    pub fn of_offset(file: impl Into<String>, text: &str, offset: usize, bytes: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let meant = text.get(offset..offset.saturating_add(bytes)).unwrap_or_default();
        let length = meant.lines().next().unwrap_or_default().chars().count();
        Self::at(file, text, line, column).spanning(length)
    }

    /// The same place, `length` characters wide.
    #[must_use]
    pub fn spanning(mut self, length: usize) -> Self {
        self.length = length.max(1);
        self
    }
}

impl Diagnostic {
    /// A fault that keeps something from being served as written.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: shortened(message.into()),
            plugin: None,
            place: None,
            help: None,
            stack: Vec::new(),
            related: Vec::new(),
        }
    }

    /// Something that is served, but probably not what was meant.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says which plugin it keeps from being served.
    #[must_use]
    pub fn of_plugin(mut self, plugin: impl Into<String>) -> Self {
        self.plugin = Some(plugin.into());
        self
    }

    /// The same without lines of the file that it is about.
    #[must_use]
    pub(crate) fn without_lines(mut self) -> Self {
        let related = self.related.iter_mut().map(|related| &mut related.place);
        for place in self.place.iter_mut().chain(related) {
            place.source.clear();
        }
        self
    }

    /// The same without anything that the file it is about may have put into it: what kind of fault it is,
    /// and where.
    #[must_use]
    pub(crate) fn without_text(self) -> Self {
        let mut bare = self.without_lines();
        bare.message = format!("{} in a file outside the plugin folder", bare.code);
        bare.help = Some("put the file into the plugin folder to be shown the fault".to_owned());
        bare.stack.clear();
        for related in &mut bare.related {
            "here".clone_into(&mut related.message);
        }
        bare
    }

    /// Adds another place that the fault is about.
    #[must_use]
    pub fn related(mut self, message: impl Into<String>, place: Place) -> Self {
        self.related.push(Related { message: message.into(), place });
        self
    }

    /// It as data, with its rendered form as `rendered`.
    pub(crate) fn shown(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("rendered".to_owned(), self.render(false).into());
        }
        value
    }

    /// Whether it keeps something from being served as written.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The most bytes of a message: some of it is what a script threw, which may be as long as it likes.
const MOST_MESSAGE: usize = 4 << 10;

/// A message that a person can read, with `…` where it was cut.
fn shortened(mut message: String) -> String {
    if message.len() > MOST_MESSAGE {
        let end = (0..=MOST_MESSAGE).rev().find(|&end| message.is_char_boundary(end));
        message.truncate(end.unwrap_or(0));
        message.shrink_to_fit();
        message.push('…');
    }
    message
}

/// The known name nearest to `written`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let budget = (written.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .filter(|name| *name != written)
        .map(|name| (strsim::osa_distance(written, name), name))
        .filter(|(distance, name)| *distance <= budget && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
