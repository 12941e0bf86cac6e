//! Paths of routes: `/a/{id}`, `/files/{*rest}`.

use std::fmt;

use thiserror::Error;

/// One segment of a route's path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// Text that must stand there, decoded.
    Literal(String),
    /// `{name}`: any one segment.
    Parameter(String),
    /// `{*name}`: all that is left, also nothing.
    Tail(String),
}

/// The path of a route below its plugin's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Segment>);

/// Why a path is not one that a route can have.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum PatternError {
    #[error("the path `{0}` must begin with `/`")]
    NoSlash(String),
    #[error("the path `{0}` has an empty segment")]
    EmptySegment(String),
    #[error(
        "`{0}` is not a path segment here: a parameter is written `{{{1}}}`, a tail `{{*rest}}`"
    )]
    OtherSyntax(String, String),
    #[error(
        "`{0}` is not a parameter: write a whole segment as `{{name}}`, of letters, digits and `_`"
    )]
    Parameter(String),
    #[error("the parameter `{0}` stands in the path twice")]
    Twice(String),
    #[error("`{{*{0}}}` takes all that is left, so it must be the last segment")]
    TailNotLast(String),
    #[error("the path segment `{0}` has a character that paths do not have: {1}")]
    Character(String, &'static str),
    #[error("the path is longer than 1024 bytes or has more than 32 segments")]
    TooLong,
}

impl Pattern {
    /// Reads a path as written in a script.
    pub(crate) fn parse(path: &str) -> Result<Self, PatternError> {
        if path.len() > 1024 || path.matches('/').count() > 32 {
            return Err(PatternError::TooLong);
        }
        if path.is_empty() || path == "/" {
            return Ok(Self(Vec::new()));
        }
        let Some(below) = path.strip_prefix('/') else {
            return Err(PatternError::NoSlash(path.to_owned()));
        };
        let below = below.strip_suffix('/').unwrap_or(below);
        let mut segments: Vec<Segment> = Vec::new();
        for written in below.split('/') {
            if written.is_empty() {
                return Err(PatternError::EmptySegment(path.to_owned()));
            }
            if let Some(Segment::Tail(name)) = segments.last() {
                return Err(PatternError::TailNotLast(name.clone()));
            }
            let segment = segment(written)?;
            if let Some(name) = segment.name()
                && segments.iter().any(|there| there.name() == Some(name))
            {
                return Err(PatternError::Twice(name.to_owned()));
            }
            segments.push(segment);
        }
        Ok(Self(segments))
    }

    /// The literal segments of a plugin's own path.
    pub(crate) fn of_mount(mount: &str) -> Self {
        let literal = |part: &str| Segment::Literal(part.to_owned());
        Self(mount.split('/').filter(|part| !part.is_empty()).map(literal).collect())
    }

    /// This path, and then the other.
    #[must_use]
    pub(crate) fn join(&self, below: &Self) -> Self {
        Self(self.0.iter().chain(&below.0).cloned().collect())
    }

    /// The segments.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether it ends in a tail.
    pub(crate) fn has_tail(&self) -> bool {
        matches!(self.0.last(), Some(Segment::Tail(_)))
    }

    /// The names of its parameters and tail, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(Segment::name)
    }
}

impl Segment {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter(name) | Self::Tail(name) => Some(name),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => write!(f, "/{text}"),
            Segment::Parameter(name) => write!(f, "/{{{name}}}"),
            Segment::Tail(name) => write!(f, "/{{*{name}}}"),
        })
    }
}

fn segment(written: &str) -> Result<Segment, PatternError> {
    let other = |name: &str| {
        let name = if name.is_empty() { "name" } else { name };
        Err(PatternError::OtherSyntax(written.to_owned(), name.to_owned()))
    };
    if let Some(name) = written.strip_prefix(':') {
        return other(name);
    }
    if let Some(name) = written.strip_prefix('*') {
        return other(name);
    }
    if let Some(name) = written.strip_prefix('<').and_then(|name| name.strip_suffix('>')) {
        return other(name.rsplit(':').next().unwrap_or(name));
    }
    if !written.contains(['{', '}']) {
        return literal(written);
    }
    let inner = written.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
    let Some(inner) = inner else { return Err(PatternError::Parameter(written.to_owned())) };
    let name = inner.strip_prefix('*').unwrap_or(inner);
    if !is_name(name) {
        return Err(PatternError::Parameter(written.to_owned()));
    }
    Ok(match inner.starts_with('*') {
        true => Segment::Tail(name.to_owned()),
        false => Segment::Parameter(name.to_owned()),
    })
}

fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn literal(written: &str) -> Result<Segment, PatternError> {
    let why = if written.contains(['?', '#']) {
        "`?` and `#` begin the query and the fragment"
    } else if written.contains('%') {
        "write it decoded, without `%`"
    } else if written.contains(char::is_whitespace) || written.contains(char::is_control) {
        "a space or control character"
    } else if written.contains('\\') {
        "a backslash"
    } else if written == "." || written == ".." {
        "dots alone are removed by clients"
    } else {
        return Ok(Segment::Literal(written.to_owned()));
    };
    Err(PatternError::Character(written.to_owned(), why))
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[track_caller]
    fn refused(path: &str, message: &str) {
        assert_eq!(
            Pattern::parse(path).map_err(|error| error.to_string()),
            Err(message.to_owned())
        );
    }

    #[test]
    fn a_path_reads_back_as_written_without_its_last_slash() {
        for (written, read) in
            [("", "/"), ("/", "/"), ("/a/", "/a"), ("/a/{id}/{*rest}", "/a/{id}/{*rest}")]
        {
            assert_eq!(
                Pattern::parse(written).map(|pattern| pattern.to_string()),
                Ok(read.to_owned())
            );
        }
    }

    #[test]
    fn other_frameworks_spellings_are_refused_with_the_right_one() {
        refused(
            "/:id",
            "`:id` is not a path segment here: a parameter is written `{id}`, a tail `{*rest}`",
        );
        refused(
            "/<int:id>",
            "`<int:id>` is not a path segment here: a parameter is written `{id}`, a tail `{*rest}`",
        );
        refused(
            "/*",
            "`*` is not a path segment here: a parameter is written `{name}`, a tail `{*rest}`",
        );
        refused("a", "the path `a` must begin with `/`");
        refused("/{a}/{a}", "the parameter `a` stands in the path twice");
        refused("/{*a}/b", "`{*a}` takes all that is left, so it must be the last segment");
        refused("/a//b", "the path `/a//b` has an empty segment");
        refused(
            "/a{b",
            "`a{b` is not a parameter: write a whole segment as `{name}`, of letters, digits and `_`",
        );
    }
}
