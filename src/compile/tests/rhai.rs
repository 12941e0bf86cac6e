//! Rhai's own scripts and the repository's: how much of them is compiled, and why the rest is not.
//!
//! The statements of a script are put into a function `main`, because only functions are compiled.

#![expect(clippy::string_slice, reason = "every place is one between two characters")]

use std::{cell::Cell, collections::BTreeMap, fs, path::Path};

use ::rhai::Dynamic;

use super::{
    Hooks, TOLD,
    made::{self, Made, engine},
    ran, widget,
};

/// How many operations a script may take; one that takes more is not compared.
const MOST: u64 = 200_000;

thread_local! {
    static USED: Cell<u64> = const { Cell::new(0) };
}

pub(super) fn operations(more: u64) -> Option<Dynamic> {
    USED.set(USED.get() + more);
    (USED.get() > MOST).then_some(Dynamic::UNIT)
}

/// Hooks that end what takes too many operations.
pub(super) const HOOKS: Hooks = Hooks { operations, ..made::HOOKS };

/// What cannot give the same twice, or waits.
const UNSTEADY: [&str; 2] = ["timestamp", "sleep"];

/// The end of what begins at a place and has no meaning for the statements around: comments, strings and
/// characters. The place itself if nothing such begins there.
fn skip(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let until = |open: usize, close: &str| {
        rest[open..].find(close).map_or(text.len(), |end| at + open + end + close.len())
    };
    if rest.starts_with("//") {
        return until(2, "\n");
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    if rest.starts_with('#') {
        let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
        if rest[hashes..].starts_with('"') {
            return until(hashes + 1, &format!("\"{}", &rest[..hashes]));
        }
        return at;
    }
    let Some(quote) = rest.chars().next().filter(|first| "\"'`".contains(*first)) else {
        return at;
    };
    let mut here = at + 1;
    while here < text.len() {
        let rest = &text[here..];
        if rest.starts_with(quote) {
            return here + 1;
        }
        if quote == '`' && rest.starts_with("${") {
            here = close(text, here + 1);
        } else if quote != '`' && rest.starts_with('\\') {
            here += 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
        } else {
            here += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The end of what the brace at a place opens.
fn close(text: &str, open: usize) -> usize {
    let (mut at, mut depth) = (open, 0);
    while at < text.len() {
        let next = skip(text, at);
        if next > at {
            at = next;
            continue;
        }
        match text.as_bytes()[at] {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        at += text[at..].chars().next().map_or(1, char::len_utf8);
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The script with its statements in a function.
fn wrapped(text: &str) -> String {
    let (mut functions, mut statements) = (String::new(), String::new());
    let (mut at, mut depth, mut is_word) = (0, 0, false);
    while at < text.len() {
        let next = skip(text, at);
        if next > at {
            statements.push_str(&text[at..next]);
            at = next;
            continue;
        }
        let rest = &text[at..];
        if depth == 0
            && !is_word
            && ["fn ", "private fn "].iter().any(|word| rest.starts_with(word))
        {
            let end = rest.find('{').map_or(text.len(), |open| close(text, at + open));
            functions.push_str(&text[at..end]);
            functions.push('\n');
            at = end;
            continue;
        }
        let here = rest.chars().next().unwrap_or_default();
        match here {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        is_word = here.is_alphanumeric() || "_:.".contains(here);
        statements.push(here);
        at += here.len_utf8();
    }
    format!("{functions}fn main() {{\n{statements}\n}}\n")
}

/// What was counted.
#[derive(Default)]
struct Count {
    compiled: usize,
    interpreted: usize,
    compared: usize,
    reasons: BTreeMap<String, Vec<String>>,
    wrong: Vec<String>,
}

impl Count {
    fn refused(&mut self, what: &str, of: &str) {
        self.interpreted += 1;
        self.reasons.entry(what.to_owned()).or_default().push(of.to_owned());
    }

    fn print(&self) {
        let all = self.compiled + self.interpreted;
        println!("{} of {all} compiled, {} compared", self.compiled, self.compared);
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, of)| std::cmp::Reverse(of.len()));
        for (what, of) in reasons {
            println!("{:5}  {what}: {}", of.len(), of[..of.len().min(4)].join(", "));
        }
    }

    fn script(&mut self, engine: &Made, name: &str, text: &str) {
        let source = wrapped(text);
        // Some are no scripts but faults, and some have statements that a function may not have.
        if engine.0.compile(text).is_err() || engine.0.compile(&source).is_err() {
            return;
        }
        match ran(engine, &source, HOOKS, begin) {
            Ok((expected, compiled)) => {
                self.compiled += 1;
                let is_long =
                    [&expected, &compiled].iter().any(|it| it.contains("ErrorTerminated"));
                if is_long || UNSTEADY.iter().any(|word| text.contains(word)) {
                    return;
                }
                self.compared += 1;
                if expected != compiled {
                    let told = format!("  rhai:     {expected}\n  compiled: {compiled}");
                    self.wrong.push(format!("{name}\n{source}\n{told}"));
                }
            }
            Err(obstacle) => self.refused(&obstacle.what, name),
        }
    }
}

#[test]
fn rhais_own_scripts_are_compiled_and_give_what_rhai_gives() {
    super::with_room(rhais_own);
}

/// Begins to count anew.
pub(super) fn begin() {
    USED.set(0);
}

fn rhais_own() {
    let mut engine = engine();
    widget::register(&mut engine.0);
    engine.0.on_progress(|_| operations(1));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/rhai.txt");
    let text = fs::read_to_string(file).unwrap();
    let mut count = Count::default();
    for part in text.split("====== ").skip(1) {
        let (name, script) = part.split_once('\n').unwrap();
        count.script(&engine, name, script);
    }
    TOLD.with(|told| told.borrow_mut().clear());
    count.print();
    assert!(count.wrong.is_empty(), "{} differ:\n{}", count.wrong.len(), count.wrong.join("\n"));
    assert!(count.compiled * 10 >= (count.compiled + count.interpreted) * 9);
    assert!(count.compared > 800, "only {}", count.compared);
}
