//! Texts of a format, a pattern or a length.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The most characters of a text that is made longer to reach its least length.
const LONGEST: usize = 100_000;

/// A text of a format, one of 28; `None` for one that is not known.
pub(super) fn of_format(format: &str, number: u64) -> Option<String> {
    let day = number % 28 + 1;
    Some(match format {
        "date" => format!("2026-01-{day:02}"),
        "date-time" => format!("2026-01-{day:02}T09:30:00Z"),
        "time" => format!("09:{day:02}:00Z"),
        "duration" => format!("PT{day}M"),
        "email" => format!("user{day}@example.com"),
        "hostname" => format!("host{day}.example.com"),
        "ipv4" => format!("192.0.2.{day}"),
        "ipv6" => format!("2001:db8::{day}"),
        "uri" | "iri" | "uri-reference" | "iri-reference" => format!("https://example.com/{day}"),
        "uri-template" => format!("https://example.com/{day}/{{id}}"),
        "uuid" => format!("6f9619ff-8b86-4d01-b42d-00c04fc96{day:03}"),
        "json-pointer" => format!("/{day}"),
        "relative-json-pointer" => day.to_string(),
        "regex" => format!("^{day}$"),
        "byte" => "aGVsbG8=".to_owned(),
        "password" => format!("secret-{day}-word"),
        "binary" => "example".to_owned(),
        _ => return None,
    })
}

/// A text after the name of what it is, within its lengths.
pub(super) fn named(name: &str, number: u64, least: usize, most: usize) -> String {
    let mut text = format!("{name} {number}");
    while text.chars().count() < least.min(LONGEST) {
        text.push_str(" and more");
    }
    let longest = if least == 0 { most } else { most.min(least.max(text.chars().count())) };
    text.chars().take(longest).collect()
}

/// A short text that a pattern matches, of at least so many characters if that can be had by repeating.
pub(super) fn matching(pattern: &str, least: usize) -> Option<String> {
    let parsed = regex_syntax::parse(pattern).ok()?;
    for times in 0..32 {
        let mut text = String::new();
        write(&parsed, times, &mut text)?;
        if text.chars().count() >= least || text.len() > LONGEST {
            return Some(text);
        }
    }
    None
}

/// Writes what a part of a pattern matches; what may be repeated is repeated `times` more than it must.
fn write(part: &Hir, times: u32, text: &mut String) -> Option<()> {
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(class) => text.push(letter(class)?),
        HirKind::Repetition(repetition) => {
            let wanted = repetition.min.saturating_add(times);
            let count = repetition.max.map_or(wanted, |most| wanted.min(most));
            for _ in 0..count.min(10_000) {
                if text.len() > LONGEST {
                    return None;
                }
                write(&repetition.sub, times, text)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, times, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, times, text))?,
        HirKind::Alternation(parts) => write(parts.first()?, times, text)?,
    }
    Some(())
}

/// A letter of a class: one that people would type, if there is one.
fn letter(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let has = |letter: char| {
        class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&letter))
    };
    let usual =
        ('a'..='z').chain('0'..='9').chain('A'..='Z').chain(' '..='~').find(|one| has(*one));
    usual.or_else(|| class.ranges().first().map(regex_syntax::hir::ClassUnicodeRange::start))
}
