//! A [`Diagnostic`] as text for people: one line, or the source line with a caret under the fault.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Place, Severity};

impl fmt::Display for Diagnostic {
    /// `file:line:column: message`, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Place {
    /// `file:line:column`, as far as it is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        Ok(())
    }
}

impl Diagnostic {
    /// The whole of it for a terminal or a log: the message, the source line with a caret, the other
    /// places, the calls that led there and the help. With `color`, in ANSI colours.
    pub fn render(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut main = Group::with_title(level.primary_title(self.message.as_str()).id(self.code));
        if let Some(place) = &self.place {
            main = annotated(main, place, None, AnnotationKind::Primary);
        }
        for related in &self.related {
            main = annotated(main, &related.place, Some(&related.message), AnnotationKind::Context);
        }
        let calls: Vec<String> = self.stack.iter().map(ToString::to_string).collect();
        for call in &calls {
            main = main.element(Level::NOTE.message(call.as_str()));
        }
        if let Some(help) = &self.help {
            main = main.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[main])
    }
}

impl fmt::Display for super::Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in `{}`, called at {}", self.function, self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// Adds a place to a group: the line with its caret where the line is known, else only its name.
fn annotated<'a>(
    group: Group<'a>,
    place: &'a Place,
    label: Option<&'a str>,
    kind: AnnotationKind,
) -> Group<'a> {
    let is_beyond = place.column.saturating_sub(1) > place.source.chars().count();
    if place.line == 0 || place.source.is_empty() || is_beyond {
        let mut origin = Origin::path(place.file.as_str());
        if place.line > 0 {
            origin = origin.line(place.line).char_column(place.column.max(1));
        }
        return group.element(origin);
    }
    let byte = |column: usize| {
        place.source.char_indices().nth(column).map_or(place.source.len(), |(at, _)| at)
    };
    let from = byte(place.column.saturating_sub(1));
    let to = byte(place.column.saturating_sub(1) + place.length);
    group.element(
        Snippet::source(place.source.as_str())
            .line_start(place.line)
            .path(place.file.as_str())
            .annotation(kind.span(from..to.max(from)).label(label)),
    )
}
