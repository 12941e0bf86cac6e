//! Markdown to HTML: as GitHub has it, with anchors, a table of contents and highlighted code.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    fmt::{self, Write},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use comrak::{
    Arena, Options,
    adapters::{HeadingAdapter, HeadingMeta},
    nodes::Sourcepos,
    options::Plugins,
};

use super::{escape::escaped, highlight::Highlighter};

/// Whether HTML in Markdown becomes part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RawHtml {
    /// It is left out.
    Omitted,
    /// It does.
    Kept,
}

/// Markdown as HTML.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rendered {
    /// The HTML, a fragment.
    pub(super) html: String,
    /// The text of the first heading of the first level.
    pub(super) title: Option<String>,
    /// The headings as a list of links.
    pub(super) contents: String,
}

/// A paragraph of only this becomes the table of contents.
const CONTENTS: &str = "<p>[TOC]</p>";

/// The deepest heading in the table of contents.
const DEEPEST: u8 = 3;

/// What is done as GitHub does, beyond what `CommonMark` says.
fn options(raw: RawHtml) -> Options<'static> {
    let mut options = common_mark(raw);
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    options
}

fn common_mark(raw: RawHtml) -> Options<'static> {
    let mut options = Options::default();
    options.render.r#unsafe = raw == RawHtml::Kept;
    options
}

/// Renders Markdown; code is highlighted until `until`.
pub(super) fn render(text: &str, raw: RawHtml, until: Instant) -> Rendered {
    let options = options(raw);
    let (headings, highlighter) = (Headings::default(), Highlighter { until });
    let mut plugins = Plugins::default();
    plugins.render.heading_adapter = Some(&headings);
    plugins.render.codefence_syntax_highlighter = Some(&highlighter);
    let mut html = String::with_capacity(text.len() * 2);
    let arena = Arena::new();
    let root = comrak::parse_document(&arena, text, &options);
    if comrak::format_html_with_plugins(root, &options, &mut html, &plugins).is_err() {
        tracing::error!("Markdown could not be written to memory");
    }
    let headings = headings.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let contents = headings.contents();
    if let Some(at) = html.find(CONTENTS) {
        html.replace_range(at..at + CONTENTS.len(), &contents);
    }
    let title = headings.all.into_iter().find(|heading| heading.level == 1);
    Rendered { html, title: title.map(|heading| heading.text), contents }
}

/// Gives headings anchors and remembers them.
#[derive(Debug, Default)]
struct Headings(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    all: Vec<Heading>,
    anchors: HashSet<String>,
    /// The next number for an anchor that is taken: looking for a free one from the start would be quadratic.
    next: HashMap<String, usize>,
}

#[derive(Debug)]
struct Heading {
    level: u8,
    text: String,
    anchor: String,
}

impl HeadingAdapter for Headings {
    fn enter(
        &self,
        output: &mut dyn Write,
        heading: &HeadingMeta,
        _sourcepos: Option<Sourcepos>,
    ) -> fmt::Result {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let anchor = seen.anchor(&heading.content);
        write!(output, "<h{} id=\"{}\">", heading.level, escaped(&anchor))?;
        let text = heading.content.clone();
        seen.all.push(Heading { level: heading.level, text, anchor });
        Ok(())
    }

    fn exit(&self, output: &mut dyn Write, heading: &HeadingMeta) -> fmt::Result {
        write!(output, "</h{}>", heading.level)
    }
}

impl Seen {
    /// As GitHub makes them: lower case, words with hyphens between them.
    fn anchor(&mut self, text: &str) -> String {
        let base: String = text
            .trim()
            .to_lowercase()
            .chars()
            .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
            .map(|letter| if letter == ' ' { '-' } else { letter })
            .collect();
        let base = if base.is_empty() { "section".to_owned() } else { base };
        let mut anchor = base.clone();
        let next = self.next.entry(base.clone()).or_default();
        while !self.anchors.insert(anchor.clone()) {
            *next += 1;
            anchor = format!("{base}-{next}");
        }
        anchor
    }

    fn contents(&self) -> String {
        let shown = || self.all.iter().filter(|heading| (2..=DEEPEST).contains(&heading.level));
        if shown().next().is_none() {
            return String::new();
        }
        let mut list = String::from("<nav class=\"toc\">\n<ul>\n");
        for heading in shown() {
            let (level, text) = (heading.level.to_string(), escaped(&heading.text));
            let anchor = escaped(&heading.anchor);
            list.extend(["<li class=\"toc-", &*level, "\"><a href=\"#", &*anchor, "\">"]);
            list.extend([&*text, "</a></li>\n"]);
        }
        list + "</ul>\n</nav>\n"
    }
}
