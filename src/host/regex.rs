//! `regex::`.
//!
//! Matching takes linear time, but cannot be interrupted: patterns and texts are bounded in size.
//! Compiled patterns are kept, up to [`MOST_KEPT`] of them, for all scripts of one server.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use regex::{Match, Regex, RegexBuilder};
use rhai::{Array, Dynamic, ImmutableString, Map, Module};

use super::define::{native, quoted, refusal};
use crate::script::{Native, budget};

/// The most patterns kept compiled.
const MOST_KEPT: usize = 256;

/// The most bytes of a pattern.
const MOST_PATTERN: usize = 4096;

/// The most bytes of a compiled pattern.
const MOST_COMPILED: usize = 512 << 10;

/// The most bytes of a text to search.
const MOST_TEXT: usize = 1 << 20;

/// About how many bytes one match takes as a script's map.
const MATCH_BYTES: usize = 400;

/// The functions of `regex::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let m = &mut module;
    let cache = Arc::new(Cache::default());
    let kept = Arc::clone(&cache);
    native("test", &["pattern: &str", "s: &str", "bool"], "Whether a text has a match.")
        .set_into_module(m, move |pattern: &str, text: &str| -> Native<bool> {
            Ok(kept.ready("regex::test", pattern, text)?.is_match(text))
        });
    let kept = Arc::clone(&cache);
    native(
        "find",
        &["pattern: &str", "s: &str", "Dynamic"],
        "The first match as #{ text, start, end, groups }, or null.\nstart and end count characters; groups holds the numbered groups and, by name, the named ones.",
    )
    .set_into_module(m, move |pattern: &str, text: &str| {
        let regex = kept.ready("regex::find", pattern, text)?;
        let found = Finder::new(&regex, text).next();
        found.transpose().map(Option::unwrap_or_default)
    });
    let kept = Arc::clone(&cache);
    native(
        "find_all",
        &["pattern: &str", "s: &str", "Array"],
        "All matches, each as `find` gives it.",
    )
    .set_into_module(m, move |pattern: &str, text: &str| {
        let regex = kept.ready("regex::find_all", pattern, text)?;
        Finder::new(&regex, text).collect::<Native<Array>>()
    });
    let kept = cache;
    native(
        "replace",
        &["pattern: &str", "s: &str", "with: &str", "String"],
        "A text with each match replaced. In `with`, $1 and ${name} stand for groups, $$ for a dollar.",
    )
    .set_into_module(m, move |pattern: &str, text: &str, with: &str| {
        replace(&*kept.ready("regex::replace", pattern, text)?, text, with)
    });
    module
}

#[derive(Default)]
struct Cache {
    compiled: Mutex<HashMap<Box<str>, Arc<Regex>>>,
}

impl Cache {
    /// The compiled pattern, and the promise that the text is of a bearable size.
    fn ready(&self, function: &str, pattern: &str, text: &str) -> Native<Arc<Regex>> {
        budget::check()?;
        if text.len() > MOST_TEXT {
            return Err(refusal(format!(
                "`{function}` searches at most {MOST_TEXT} bytes of text, not {}",
                text.len()
            )));
        }
        let kept =
            self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(pattern).cloned();
        if let Some(regex) = kept {
            return Ok(regex);
        }
        let regex = Arc::new(compiled(function, pattern)?);
        let mut kept = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            // Which one goes hardly matters: only a script that makes up patterns gets here.
            let other = kept.keys().next().cloned();
            other.and_then(|other| kept.remove(&other));
        }
        kept.insert(pattern.into(), Arc::clone(&regex));
        Ok(regex)
    }
}

fn compiled(function: &str, pattern: &str) -> Native<Regex> {
    if pattern.len() > MOST_PATTERN {
        return Err(refusal(format!("`{function}`: a pattern has at most {MOST_PATTERN} bytes")));
    }
    let regex = RegexBuilder::new(pattern)
        .size_limit(MOST_COMPILED)
        .dfa_size_limit(MOST_COMPILED)
        .nest_limit(64)
        .build();
    regex.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            refusal(format!("`{function}`: the pattern {} is too large", quoted(pattern)))
        }
        // It shows the pattern with a mark below the place, over several lines.
        error => refusal(format!("`{function}`: {error}")),
    })
}

/// The matches of a text, as scripts see them.
struct Finder<'r, 't> {
    regex: &'r Regex,
    matches: regex::CaptureMatches<'r, 't>,
    text: &'t str,
    /// A byte offset up to which characters have been counted, and their number.
    counted: (usize, i64),
}

impl<'r, 't> Finder<'r, 't> {
    fn new(regex: &'r Regex, text: &'t str) -> Self {
        Self { regex, matches: regex.captures_iter(text), text, counted: (0, 0) }
    }

    fn characters(&mut self, offset: usize) -> i64 {
        let (from, count) = self.counted;
        let between = self.text.get(from..offset).unwrap_or_default();
        let count = count + i64::try_from(between.chars().count()).unwrap_or(0);
        self.counted = (offset, count);
        count
    }

    fn as_map(&mut self, captures: &regex::Captures<'t>) -> Native<Dynamic> {
        budget::check()?;
        budget::charge(captures.len().saturating_mul(MATCH_BYTES))?;
        let part = |part: Option<Match<'t>>| -> Dynamic {
            part.map_or(Dynamic::UNIT, |part| ImmutableString::from(part.as_str()).into())
        };
        let whole = captures.get(0);
        let (start, end) = whole.map_or((0, 0), |whole| (whole.start(), whole.end()));
        let mut groups = Map::new();
        for (index, name) in self.regex.capture_names().enumerate().skip(1) {
            let group = part(captures.get(index));
            if let Some(name) = name {
                groups.insert(name.into(), group.clone());
            }
            groups.insert(index.to_string().into(), group);
        }
        let (start, end) = (self.characters(start), self.characters(end));
        let found: Map = [
            ("text", part(whole)),
            ("start", start.into()),
            ("end", end.into()),
            ("groups", groups.into()),
        ]
        .into_iter()
        .map(|(key, value)| (key.into(), value))
        .collect();
        Ok(found.into())
    }
}

impl Iterator for Finder<'_, '_> {
    type Item = Native<Dynamic>;

    fn next(&mut self) -> Option<Self::Item> {
        let captures = self.matches.next()?;
        Some(self.as_map(&captures))
    }
}

fn replace(regex: &Regex, text: &str, with: &str) -> Native<String> {
    let mut out = String::new();
    let mut end = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(text.get(end..whole.start()).unwrap_or_default());
        // A match may be put in as often as `with` names it.
        budget::charge(with.len().saturating_mul(whole.len().max(1)))?;
        captures.expand(with, &mut out);
        end = whole.end();
        budget::check()?;
    }
    out.push_str(text.get(end..).unwrap_or_default());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use crate::host::testing::{eval, outgrown, refused};

    #[test]
    fn texts_are_searched_and_replaced() {
        for (script, wanted) in [
            (r#"regex::test("^a+$", "aaa")"#, "true"),
            (r#"regex::test("^a+$", "aab")"#, "false"),
            (
                r#"let f = regex::find("(?<y>\\d+)-(\\d+)", "é 26-11"); `${f.text} ${f.start} ${f.end} ${f.groups.y} ${f.groups["2"]}`"#,
                "26-11 2 7 26 11",
            ),
            (r#"regex::find("x", "abc") == ()"#, "true"),
            (r#"regex::find("(x)|(y)", "y").groups["1"] == ()"#, "true"),
            (r#"regex::find_all("\\w", "a b").len()"#, "2"),
            (r#"regex::find_all("é", "éé")[1].start"#, "1"),
            (r#"regex::replace("(a)(b)", "ab-ab", "$2$1")"#, "ba-ba"),
            (r#"regex::replace("x", "abc", "y")"#, "abc"),
            (r#"regex::replace("", "ab", "-")"#, "-a-b-"),
        ] {
            assert_eq!(eval(script).to_string(), wanted, "{script}");
        }
    }

    #[test]
    fn a_bad_pattern_is_shown_with_its_place() {
        let message = refused(r#"regex::test("a(b", "x")"#);
        assert!(message.contains("a(b\n     ^\nerror: unclosed group"), "{message}");
        let message = refused(r#"regex::test("(\\w{500}){500}", "x")"#);
        assert!(message.contains("is too large"), "{message}");
        assert!(refused(r#"regex::test("a".repeat(5000), "x")"#).contains("at most 4096 bytes"));
        let message = refused(r#"let s = "a".repeat(2000000); regex::test("a", s)"#);
        assert!(message.contains("at most 1048576 bytes"), "{message}");
    }

    #[test]
    fn what_grows_beyond_the_budget_is_stopped() {
        let script = r#"let s = "a".repeat(1000000); regex::replace("a", s, "b".repeat(100000))"#;
        outgrown(script);
        outgrown(r#"regex::find_all("", "a".repeat(1000000))"#);
    }

    #[test]
    fn more_patterns_than_are_kept_still_work() {
        let script = r"for i in 0..300 { if !regex::test(`^${i}$`, `${i}`) { throw i } } 1";
        assert_eq!(eval(script).as_int(), Ok(1));
    }
}
