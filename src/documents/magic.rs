//! Magic variables in pages: `@TITLE=text@`, `@INCLUDE=file@`, `@TIME=+format@`, `@FILETIME=file+format@`.
//!
//! A backslash before the first `@` prints the variable as it is. Here they are only found; what they mean
//! is up to who composes the page.

use jiff::{ZonedDateTime, fmt::strtime};

/// The longest value, in bytes. Without a limit, every lone `@` would be looked for an end.
const LONGEST: usize = 1000;

/// The format of times that have none: that of the C locale.
const USUAL: &str = "%a %b %e %H:%M:%S %Y";

/// A piece of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text that is as it is.
    Text(&'a str),
    /// The title of the page.
    Title(&'a str),
    /// The content of a file.
    Include(&'a str),
    /// The time of the request, in a format.
    Time(&'a str),
    /// When a file was modified, in a format.
    FileTime(&'a str, &'a str),
}

/// Whether there may be a variable in a page.
pub(super) fn has_any(text: &str) -> bool {
    text.contains("@T") || text.contains("@I") || text.contains("@F")
}

/// The pieces of a page, in order.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find('@')).map(|at| from + at) {
        let Some((piece, length)) = text.get(at..).and_then(variable) else {
            from = at + 1;
            continue;
        };
        let before = text.get(begin..at).unwrap_or_default();
        if let Some(before) = before.strip_suffix('\\') {
            pieces.push(Piece::Text(before));
            pieces.push(Piece::Text(text.get(at..at + length).unwrap_or_default()));
        } else {
            pieces.push(Piece::Text(before));
            pieces.push(piece);
        }
        begin = at + length;
        from = begin;
    }
    pieces.push(Piece::Text(text.get(begin..).unwrap_or_default()));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// The variable that a text begins with, and its length in bytes.
fn variable(text: &str) -> Option<(Piece<'_>, usize)> {
    let rest = text.strip_prefix('@')?;
    let name_length = rest.bytes().take_while(u8::is_ascii_uppercase).count();
    let (name, rest) = rest.split_at_checked(name_length)?;
    if !matches!(name, "TITLE" | "INCLUDE" | "TIME" | "FILETIME") {
        return None;
    }
    let end = rest.bytes().take(LONGEST).position(|byte| matches!(byte, b'@' | b'\n'))?;
    let value = rest.get(..end).filter(|_| rest.as_bytes().get(end) == Some(&b'@'))?;
    let length = 1 + name_length + end + 1;
    // `@TIME+%H@` is understood as well as `@TIME=+%H@`.
    let given = match value.strip_prefix('=') {
        Some(given) => given,
        None if name == "TIME" && (value.is_empty() || value.starts_with('+')) => value,
        None => return None,
    };
    let piece = match name {
        "TITLE" => Piece::Title(given.trim()),
        "INCLUDE" => Piece::Include(given.trim()),
        "TIME" => Piece::Time(format_of(given.strip_prefix('+').unwrap_or(given))),
        _ => {
            let (file, format) = given.split_once('+').unwrap_or((given, ""));
            Piece::FileTime(file.trim(), format_of(format))
        }
    };
    Some((piece, length))
}

fn format_of(given: &str) -> &str {
    if given.trim().is_empty() { USUAL } else { given }
}

/// A time in a format as of `strftime`; a format that is none is shown as it is.
pub(super) fn formatted(time: &ZonedDateTime, format: &str) -> String {
    strtime::format(format, time).unwrap_or_else(|_| format.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Piece::*, *};

    #[test]
    fn variables_are_found_where_they_are_whole() {
        assert_eq!(
            pieces("a@TITLE=My page@b @INCLUDE=x/y.md@ @TIME=+%H:%M@@TIME@@TIME+%Y@"),
            [
                Text("a"),
                Title("My page"),
                Text("b "),
                Include("x/y.md"),
                Text(" "),
                Time("%H:%M"),
                Time(USUAL),
                Time("%Y"),
            ]
        );
        assert_eq!(pieces("@FILETIME=a.txt+%d@"), [FileTime("a.txt", "%d")]);
        assert_eq!(pieces("@FILETIME=a.txt@"), [FileTime("a.txt", USUAL)]);
    }

    #[test]
    fn what_is_no_variable_stays() {
        for text in [
            "",
            "me@TIMES.example",
            "@TITLE",
            "@TITLE=a\n@",
            "@TIMELY@",
            "@INCLUDE@",
            "@title=x@",
            "@ @@ @TITLE:x@",
            &format!("@TITLE={}@", "x".repeat(2000)),
        ] {
            let all: Vec<_> = pieces(text);
            assert!(all.iter().all(|piece| matches!(piece, Text(_))), "{text}: {all:?}");
        }
    }

    #[test]
    fn a_backslash_prints_the_variable() {
        assert_eq!(pieces("a \\@INCLUDE=x@ b"), [Text("a "), Text("@INCLUDE=x@"), Text(" b")]);
        assert_eq!(pieces("a \\@b"), [Text("a \\@b")]);
    }

    #[test]
    fn a_megabyte_of_beginnings_takes_no_time() {
        for begin in ["@", "@TITLE=", "@INCLUDE=x\n", "\\@TIME"] {
            assert!(!pieces(&begin.repeat((1 << 20) / begin.len())).is_empty());
        }
    }
}
