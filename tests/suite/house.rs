//! The rules of the house that a plain reading of the sources can hold it to.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The floors, lowest first: a module uses only modules of lower floors.
const FLOORS: [&[&str]; 15] = [
    &["diagnostic"],
    &["settings"],
    &["content"],
    &["source", "services", "schema", "compile"],
    &["script", "pserve"],
    &["host"],
    &["plugin"],
    &["openapi", "documents", "middleware"],
    &["generation"],
    &["site"],
    &["reload"],
    &["admin"],
    &["server"],
    &["app"],
    &["cli"],
];

/// The most lines that a file may have, and those of a file of tests.
const MOST_LINES: usize = 400;
const MOST_LINES_OF_TESTS: usize = 500;

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20);
    found
}

/// Whether a file is only compiled for tests.
fn is_test(path: &Path) -> bool {
    path.iter().any(|part| ["tests", "tests.rs"].contains(&&*part.to_string_lossy()))
}

/// The top-level module of a file.
fn module(path: &Path) -> String {
    let first = path.iter().next().unwrap().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The code without its comments.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that are named after `crate::`, alone or in braces.
fn used(text: &str) -> Vec<String> {
    let code = code(text);
    let mut used = Vec::new();
    for after in code.split("crate::").skip(1) {
        let Some(list) = after.strip_prefix('{') else {
            used.push(word(after));
            continue;
        };
        let mut depth = 0;
        let mut at_name = true;
        for (at, letter) in list.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_name = true,
                letter if at_name && !letter.is_whitespace() => {
                    used.push(word(list.get(at..).unwrap_or_default()));
                    at_name = false;
                }
                _ => {}
            }
        }
    }
    used
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

#[test]
fn a_module_uses_only_lower_floors() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let user = module(&path);
        let Some(own) = floor(&user) else {
            assert!(["main", "lib"].contains(&user.as_str()), "{user} is on no floor");
            continue;
        };
        for used in used(&text) {
            let higher = floor(&used).is_some_and(|other| other >= own && used != user);
            if higher {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn connections_know_nothing_of_scripts() {
    for (path, text) in sources() {
        if module(&path) == "server" {
            let known = ["diagnostic", "settings", "middleware", "server"];
            let strange: Vec<_> = used(&text)
                .into_iter()
                .filter(|used| floor(used).is_some() && !known.contains(&used.as_str()))
                .collect();
            assert!(strange.is_empty(), "{} uses {strange:?}", path.display());
        }
        if ["source", "services", "settings", "schema", "content"].contains(&module(&path).as_str())
        {
            assert!(!code(&text).contains("rhai::"), "{} knows Rhai", path.display());
        }
    }
}

#[test]
fn only_the_program_prints() {
    for (path, text) in sources().iter().filter(|(path, _)| module(path) != "cli" && !is_test(path))
    {
        for printing in ["println!", "eprintln!", "print!(", "io::stdout", "io::stderr", "dbg!"] {
            assert!(!code(text).contains(printing), "{} prints", path.display());
        }
    }
}

#[test]
fn no_file_is_long() {
    for (path, text) in sources() {
        let most = if is_test(&path) { MOST_LINES_OF_TESTS } else { MOST_LINES };
        assert!(text.lines().count() <= most, "{} has more than {most} lines", path.display());
    }
}

#[test]
fn every_file_says_what_it_is() {
    for (path, text) in sources() {
        assert!(
            is_test(&path) || text.starts_with("//! "),
            "{} does not begin with `//!`",
            path.display()
        );
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            !["mod.rs", "utils.rs", "util.rs", "helpers.rs"].contains(&name.as_str()),
            "{}",
            path.display()
        );
    }
}
