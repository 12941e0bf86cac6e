//! Documentation comments above route calls.
//!
//! Rhai takes `///` only above a function. Everywhere else the text is kept for the line that
//! follows, and the comment is made a plain one of the same width, so that positions stay true.

use std::{collections::BTreeMap, fmt::Write as _};

/// A text without documentation comments where Rhai refuses them, and what they said.
pub(super) struct Prepared {
    /// The text, byte for byte as long as the original.
    pub(super) text: String,
    /// By the line (from 1) of the code below the comment: what it said.
    pub(super) docs: BTreeMap<usize, String>,
    /// The line and column (both from 1) of a comment that does not end.
    pub(super) unclosed: Option<(usize, usize)>,
}

/// Where the scanner is.
enum Inside {
    Code,
    /// A `"…"` string.
    Quotes,
    /// A back-tick string.
    Ticks,
    /// A `/* … */` comment, so many deep.
    Comment(usize),
}

/// Takes out the documentation comments that do not stand above a function.
pub(super) fn prepare(text: &str) -> Prepared {
    let mut out = String::with_capacity(text.len());
    let mut docs = BTreeMap::new();
    let mut inside = vec![Inside::Code];
    let mut last_comment = None;
    let mut lines = text.split_inclusive('\n').enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let in_code = matches!(inside.last(), Some(Inside::Code)) && inside.len() == 1;
        if !in_code || !is_doc(line) {
            if let Some(offset) = scan(line, &mut inside) {
                last_comment = Some((number + 1, line, offset));
            }
            out.push_str(line);
            continue;
        }
        let mut block = vec![line];
        while let Some((_, next)) = lines.next_if(|(_, next)| is_doc(next) || is_blank(next)) {
            block.push(next);
        }
        if lines.peek().is_some_and(|(_, next)| begins_function(next)) {
            block.iter().for_each(|line| out.push_str(line));
            continue;
        }
        let below = number + block.len() + 1;
        docs.insert(below, said(&block));
        block.iter().for_each(|line| out.push_str(&line.replacen("///", "// ", 1)));
    }
    let is_unclosed = matches!(inside.last(), Some(Inside::Comment(_)));
    let unclosed = last_comment.filter(|_| is_unclosed).map(|(line, text, offset)| {
        (line, text.get(..offset).unwrap_or_default().chars().count() + 1)
    });
    Prepared { text: out, docs, unclosed }
}

fn is_doc(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("///") && !line.starts_with("////")
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

fn begins_function(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("fn ") || line.starts_with("private fn ")
}

/// What the lines of a comment say, without their slashes and one space.
fn said(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines.iter().filter(|line| !is_blank(line)) {
        let line = line.trim().trim_start_matches("///");
        let line = line.strip_prefix(' ').unwrap_or(line);
        writeln!(text, "{line}").unwrap_or_default();
    }
    text.trim().to_owned()
}

/// Follows strings and comments through a line; gives the offset of the last comment that begins in it.
fn scan(line: &str, inside: &mut Vec<Inside>) -> Option<usize> {
    let mut characters = line.chars();
    let mut last_comment = None;
    while let Some(character) = characters.next() {
        match (inside.last_mut(), character) {
            (Some(Inside::Code) | None, _) => match (character, peek(&characters)) {
                ('/', Some('/')) => return last_comment,
                ('/', Some('*')) => {
                    last_comment = Some(line.len() - characters.as_str().len() - 1);
                    characters.next();
                    inside.push(Inside::Comment(1));
                }
                ('"', _) => inside.push(Inside::Quotes),
                ('`', _) => inside.push(Inside::Ticks),
                ('\'', _) => skip_character(&mut characters),
                ('{', _) if inside.len() > 1 => inside.push(Inside::Code),
                ('}', _) if inside.len() > 1 => {
                    inside.pop();
                }
                _ => {}
            },
            (Some(Inside::Quotes), '\\') => {
                characters.next();
            }
            (Some(Inside::Quotes), '"') | (Some(Inside::Ticks), '`') => {
                inside.pop();
            }
            (Some(Inside::Ticks), '$') if peek(&characters) == Some('{') => {
                characters.next();
                inside.push(Inside::Code);
            }
            (Some(Inside::Comment(depth)), '/') if peek(&characters) == Some('*') => {
                *depth += 1;
                characters.next();
            }
            (Some(Inside::Comment(depth)), '*') if peek(&characters) == Some('/') => {
                *depth -= 1;
                characters.next();
                if *depth == 0 {
                    inside.pop();
                }
            }
            _ => {}
        }
    }
    last_comment
}

/// Skips the rest of a character literal, so that `'"'` opens no string.
fn skip_character(characters: &mut std::str::Chars<'_>) {
    if characters.next() == Some('\\') {
        characters.next();
    }
    if peek(characters) == Some('\'') {
        characters.next();
    }
}

fn peek(characters: &std::str::Chars<'_>) -> Option<char> {
    characters.clone().next()
}

#[cfg(test)]
mod tests {
    use super::prepare;

    #[test]
    fn a_comment_above_a_route_is_kept_for_its_line_and_blanked() {
        let prepared = prepare("/// List.\n///\n/// More.\nget(|| 1);\n");
        assert_eq!(prepared.text, "//  List.\n// \n//  More.\nget(|| 1);\n");
        assert_eq!(prepared.docs.get(&4).map(String::as_str), Some("List.\n\nMore."));
    }

    #[test]
    fn a_comment_above_a_function_is_left_to_rhai() {
        let text = "/// Finds.\nfn find(id) { id }\n";
        assert_eq!(prepare(text).text, text);
    }

    #[test]
    fn slashes_inside_strings_and_comments_are_text() {
        let text = "let a = `\n/// no\n${ \"`\" }\n/// no\n`;\n/* \n/// no\n*/\nlet b = '\"';\n";
        assert_eq!(prepare(text).text, text);
    }
}
