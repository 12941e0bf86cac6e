//! Texts of a format, a pattern or a length.

use std::ops::RangeInclusive;

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::Allowance;

/// The most characters of a text that is made longer to reach its least length.
const LONGEST: usize = 100_000;

/// What a part of a pattern is counted as, in bytes, for the work that it is.
const OF_PART: usize = 4;

/// A text of a format, one of 28, of at least and at most so many characters where the format leaves that
/// open; `None` for one that is not known.
pub(super) fn of_format(
    format: &str,
    number: u64,
    lengths: RangeInclusive<usize>,
) -> Option<String> {
    let day = number % 28 + 1;
    let made = usual(format, day)?;
    let least = (*lengths.start()).min(LONGEST);
    if made.len() > *lengths.end() {
        return Some(shortest(format, day).unwrap_or(made));
    }
    Some(match least.saturating_sub(made.len()) {
        0 => made,
        short => longer(format, &made, short).unwrap_or(made),
    })
}

/// A text of a format that is as short as it may be.
fn shortest(format: &str, day: u64) -> Option<String> {
    let letter = char::from(b'a' + u8::try_from(day % 26).unwrap_or(0));
    Some(match format {
        "email" => format!("{letter}@b.co"),
        "hostname" => letter.to_string(),
        "ipv4" => format!("10.0.0.{}", day % 9 + 1),
        "ipv6" => "::1".to_owned(),
        "uri" | "iri" => format!("a:{letter}"),
        "uri-reference" | "iri-reference" | "uri-template" | "regex" | "binary" | "password" => {
            letter.to_string()
        }
        "byte" | "json-pointer" => String::new(),
        "duration" => "P1D".to_owned(),
        _ => return None,
    })
}

/// A text of a format with so many more characters, or a few more than that.
fn longer(format: &str, made: &str, short: usize) -> Option<String> {
    let more = "x".repeat(short);
    Some(match format {
        "email" => {
            let labels = labels(short.saturating_sub(32));
            format!("{}{}", "x".repeat(short.min(32)), made.replace('@', &format!("@{labels}")))
        }
        "hostname" => format!("{}{made}", labels(short)),
        "ipv4" => "198.51.100.100".to_owned(),
        "ipv6" => "2001:0db8:0000:0000:0000:0000:0000:0001".to_owned(),
        "date-time" => match short {
            0 => made.to_owned(),
            digits => made.replace('Z', &format!(".{}Z", "0".repeat(digits.clamp(2, 10) - 1))),
        },
        "byte" => format!("{}{made}", "aGVs".repeat(short.div_ceil(4))),
        "regex" => format!("{more}{made}"),
        "uri" | "iri" | "uri-reference" | "iri-reference" | "uri-template" | "json-pointer"
        | "password" | "binary" => format!("{made}{more}"),
        _ => return None,
    })
}

/// Labels of a name of a host, each with its dot, of about so many characters.
fn labels(long: usize) -> String {
    let mut made = String::new();
    while made.len() < long {
        made.push_str(&"x".repeat((long - made.len()).min(60)));
        made.push('.');
    }
    made
}

/// A text of a format as one meets it.
fn usual(format: &str, day: u64) -> Option<String> {
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
pub(super) fn named(
    name: &str,
    number: u64,
    lengths: RangeInclusive<usize>,
    allowance: &mut Allowance,
) -> String {
    const MORE: &str = " and more";
    let (least, most) = (*lengths.start(), *lengths.end());
    let mut text = format!("{name} {number}");
    let short = least.min(LONGEST).saturating_sub(text.chars().count());
    if !allowance.take_bytes(text.len() + short) {
        return String::new();
    }
    text.push_str(&MORE.repeat(short.div_ceil(MORE.len())));
    let longest = if least == 0 { most } else { most.min(least.max(text.chars().count())) };
    text.chars().take(longest).collect()
}

/// A short text that a pattern matches, of at least so many characters if that can be had by repeating.
pub(super) fn matching(pattern: &str, least: usize, allowance: &mut Allowance) -> Option<String> {
    if !allowance.take_bytes(pattern.len() * OF_PART) {
        return None;
    }
    let parsed = regex_syntax::parse(pattern).ok()?;
    for times in 0..32 {
        let mut text = String::new();
        write(&parsed, times, &mut text, allowance)?;
        let short = least.saturating_sub(text.chars().count());
        if short == 0 || text.len() > LONGEST {
            return Some(text);
        }
        // What does not say how a text begins or ends leaves room there.
        let filling = || "x".repeat(short.min(LONGEST));
        if !parsed.properties().look_set_suffix().contains(Look::End) {
            return allowance.take_bytes(short).then(|| text + filling().as_str());
        }
        if !parsed.properties().look_set_prefix().contains(Look::Start) {
            return allowance.take_bytes(short).then(|| filling() + text.as_str());
        }
    }
    None
}

/// Writes what a part of a pattern matches; what may be repeated is repeated `times` more than it must.
fn write(part: &Hir, times: u32, text: &mut String, allowance: &mut Allowance) -> Option<()> {
    if !allowance.take_bytes(OF_PART) {
        return None;
    }
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => {
            let literal = std::str::from_utf8(&literal.0).ok()?;
            allowance.take_bytes(literal.len());
            text.push_str(literal);
        }
        HirKind::Class(class) => text.push(letter(class)?),
        HirKind::Repetition(repetition) => {
            let wanted = repetition.min.saturating_add(times);
            let count = repetition.max.map_or(wanted, |most| wanted.min(most));
            for _ in 0..count.min(10_000) {
                if text.len() > LONGEST {
                    return None;
                }
                write(&repetition.sub, times, text, allowance)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, times, text, allowance)?,
        HirKind::Concat(parts) => {
            parts.iter().try_for_each(|part| write(part, times, text, allowance))?;
        }
        HirKind::Alternation(parts) => write(parts.first()?, times, text, allowance)?,
    }
    Some(())
}

/// A letter of a class: one that people would type, if there is one.
fn letter(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    // They are sorted, and the letters that are tried are of ASCII.
    let ascii = class.ranges().iter().take_while(|range| range.start().is_ascii());
    let has =
        |letter: char| ascii.clone().any(|range| (range.start()..=range.end()).contains(&letter));
    let usual =
        ('a'..='z').chain('0'..='9').chain('A'..='Z').chain(' '..='~').find(|one| has(*one));
    usual.or_else(|| class.ranges().first().map(regex_syntax::hir::ClassUnicodeRange::start))
}
