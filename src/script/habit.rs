//! What people write out of habit from other languages, and how it is written in Rhai.

use crate::diagnostic::Place;

/// Words that end where a script stops making sense, or begin there.
const WORDS: [(&[&str], &str); 16] = [
    (&["function", "def", "func", "fun"], "a function is written `fn name(a, b) { … }`"),
    (&["lambda"], "a function without a name is written `|a, b| …`"),
    (&["var"], "a variable is written `let name = …;`"),
    (
        &["new"],
        "there are no classes: a map is written `#{ name: value }`, an error `not_found(\"…\")`",
    ),
    (
        &["class", "struct", "interface"],
        "there are no classes: a map is written `#{ name: value }`",
    ),
    (&["async", "await"], "calls are not awaited: leave the word out"),
    (&["elif", "elsif", "elseif"], "write `else if`"),
    (&["else"], "a branch is written `if a { … } else { … }`"),
    (&["and"], "write `&&`"),
    (&["or"], "write `||`"),
    (&["not"], "write `!`, which takes true or false only"),
    (&["then"], "a branch is written `if a { … } else { … }`"),
    (&["match", "case"], "write `switch value { 1 => …, _ => … }`"),
    (&["except", "rescue"], "write `try { … } catch (e) { … }`"),
    (&["foreach"], "a loop is written `for x in items { … }`"),
    (&["from", "require"], "write `import \"lib/name\" as name;`"),
];

/// Signs that begin where a script stops making sense.
const SIGNS: [(&[&str], &str); 5] = [
    (&["=>", "->"], "a function without a name is written `|a, b| …`"),
    (&["++"], "write `x += 1`"),
    (&["--"], "write `x -= 1`"),
    (&["?"], "write `if a { b } else { c }`; for null, `a ?? b`"),
    (&["'"], "texts stand in double quotes, \"…\", or in backticks: `… ${value}`"),
];

/// What to write instead of what stands at a place, or right before it.
pub(super) fn help(place: &Place) -> Option<&'static str> {
    let at = place.source.char_indices().nth(place.column.saturating_sub(1));
    let at = at.map_or(place.source.len(), |(at, _)| at);
    let (before, here) = place.source.split_at_checked(at)?;
    let before = before.trim_end();
    let ends = |text: &str| text.trim_end_matches(is_of_word).len();
    let begins = here.find(|letter| !is_of_word(letter)).unwrap_or(here.len());
    let (last, next) = (before.get(ends(before)..)?, here.get(..begins)?);
    let known = |word: &str| {
        let found = WORDS.iter().find(|(words, _)| words.contains(&word));
        found.map(|(_, help)| *help)
    };
    let sign = || {
        let found = SIGNS.iter().find(|(signs, _)| signs.iter().any(|sign| here.starts_with(sign)));
        found.map(|(_, help)| *help)
    };
    if matches!(last, "let" | "const" | "fn") {
        // A name, and an unlucky one.
        return None;
    }
    if let Some(help) = known(next).or_else(|| known(last)).or_else(sign) {
        return Some(help);
    }
    if before.trim_start().starts_with("for (") {
        return Some("a loop is written `for x in items { … }` or `for i in 0..3 { … }`");
    }
    let declares = |word: &str| before.trim_start().starts_with(word);
    if here.starts_with(':') && (declares("let ") || declares("const ")) {
        return Some("a variable has no type: leave out the colon and what follows it");
    }
    if matches!(last, "f" | "r" | "b") && here.starts_with(['"', '`']) {
        return Some("a text with values in it stands in backticks: `… ${value}`");
    }
    None
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(line: &str, part: &str) {
        let column = line.find('^').expect("a mark") + 1;
        let place = Place::at("a.rhai", &line.replacen('^', "", 1), 1, column);
        let said = help(&place);
        assert!(said.is_some_and(|said| said.contains(part)), "{line}: {said:?}");
    }

    #[test]
    fn what_stands_at_the_place_or_before_it_is_known() {
        says("function ^f() { 1 }", "fn name");
        says("get((r) ^=> 1);", "|a, b|");
        says("^var x = 1;", "let name");
        says("get(|r| ^'hello');", "double quotes");
        says("get(|r| not ^x);", "`!`");
        says("get(|r| a ^and b);", "`&&`");
        says("get(|r| x ^? 1 : 2);", "if a { b }");
        says("x^++;", "x += 1");
        says("let x^: int = 1;", "no type");
        says("get(|r| f^\"x {r}\");", "backticks");
        says("for (i ^= 0; i < 3; i++) {}", "for x in");
        says("import x ^from \"y\";", "import \"lib/name\"");
        says("throw ^new Error(\"x\");", "no classes");
        says("if true { 1 } elif ^x { 2 }", "else if");
        assert_eq!(help(&Place::at("a.rhai", "let x = 1 1;", 1, 11)), None);
        assert_eq!(help(&Place::at("a.rhai", "let match = 1;", 1, 5)), None);
    }
}
