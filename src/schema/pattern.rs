//! Patterns as JSON Schema has them: as JavaScript writes them, ECMA-262. What searches for them here knows
//! more than that, which tools that read a document would not.

use std::{iter::Peekable, str::Chars};

/// What begins a group.
const GROUPS: [&str; 5] = [":", "=", "!", "<=", "<!"];

/// Letters that mean something behind a backslash.
const ESCAPES: &str = "dDwWsSbBfnrtv";

/// Characters that mean themselves behind a backslash.
const THEMSELVES: &str = "^$\\.*+?()[]{}|/-";

/// Whether a pattern is written as in JavaScript; in words, what of it is not.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    let mut is_repeated = false;
    while let Some(letter) = rest.next() {
        let repeats = std::mem::take(&mut is_repeated);
        match letter {
            '\\' => escape(&mut rest)?,
            '[' if in_class => return Err("`[` inside of `[…]` is written `\\[`".to_owned()),
            '[' => in_class = true,
            ']' => in_class = false,
            '&' | '~' if in_class && rest.peek() == Some(&letter) => {
                return Err(format!("`{letter}{letter}` inside of `[…]` is nothing that it has"));
            }
            '(' if !in_class && rest.peek() == Some(&'?') => {
                rest.next();
                group(rest.clone())?;
            }
            '+' if repeats => {
                return Err("`+` behind another repetition is nothing that it has".to_owned());
            }
            '*' | '+' | '?' | '}' if !in_class => is_repeated = !repeats,
            _ => {}
        }
    }
    Ok(())
}

fn group(rest: Peekable<Chars<'_>>) -> Result<(), String> {
    let begins: String = rest.take(40).collect();
    let is_named = || {
        let name = begins.strip_prefix('<').and_then(|name| name.split_once('>'));
        name.is_some_and(|(name, _)| name.chars().all(|c| c.is_alphanumeric() || "_$".contains(c)))
    };
    if GROUPS.iter().any(|group| begins.starts_with(group)) || is_named() {
        return Ok(());
    }
    let shown: String = begins.chars().take_while(|c| !":)>".contains(*c)).take(10).collect();
    Err(format!("`(?{shown}` begins no group that it has; letters of both cases are `[Aa]`"))
}

fn escape(rest: &mut Peekable<Chars<'_>>) -> Result<(), String> {
    let wrong = |written: String| Err(format!("`\\{written}` is nothing that it has"));
    let Some(letter) = rest.next() else { return Ok(()) };
    let braced = rest.peek() == Some(&'{');
    match letter {
        'b' | 'B' if braced => wrong(format!("{letter}{{")),
        'x' if braced => wrong("x{".to_owned()),
        'p' | 'P' if !braced => wrong(letter.to_string()),
        'x' | 'u' | 'p' | 'P' | 'c' | 'k' => Ok(()),
        letter if letter.is_ascii_digit() => Ok(()),
        letter if ESCAPES.contains(letter) || THEMSELVES.contains(letter) => Ok(()),
        letter => wrong(letter.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_javascript_has_is_fine() {
        for pattern in [
            "",
            "^[a-z]{1,9}$",
            "a+?b*?c??d{2,}?",
            "(?:a|b)",
            "(?<name>x)",
            "(?=a)",
            "\\d\\w\\s\\b",
            "\\x41\\u0041\\u{1F600}",
            "\\p{L}\\P{Lu}",
            "\\^\\$\\.\\/\\-",
            "[\\w.+-]+@[\\w-]+",
            "[*+?&~]",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn what_it_does_not_have_is_told() {
        for pattern in [
            "(?i)abc",
            "(?x)a b",
            "(?P<n>a)",
            "(?s).",
            "(?m)^a",
            "a++",
            "\\Aa",
            "a\\z",
            "\\x{41}",
            "\\pL",
            "\\U0001F600",
            "\\b{start}a",
            "\\<",
            "[a[b]]",
            "[a&&b]",
        ] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
    }
}
