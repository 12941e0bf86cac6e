//! The configuration file in the repository against the types, both ways.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::load::known_keys;
use super::*;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file() -> String {
    fs::read_to_string(root().join("config/hotplate.toml")).unwrap()
}

/// The lines that are settings or headers, commented out or not, and whether they are marked as
/// having no default.
fn written() -> Vec<(String, String, bool)> {
    let mut section = String::new();
    let mut unset = false;
    let mut lines = Vec::new();
    for line in file().lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if let Some(header) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = header.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, value)) = bare.split_once(" = ")
            && key.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
        {
            lines.push((format!("{section}.{key}"), value.to_owned(), unset));
        }
        unset = line.contains("(not set)");
    }
    lines
}

/// A file with one key in its section, which is one of several where there may be several.
fn with(section: &str, line: &str) -> String {
    match section {
        "documents.mounts" if line.starts_with("folder") => format!("[[{section}]]\n{line}\n"),
        "documents.mounts" => format!("[[{section}]]\nfolder = \"html\"\n{line}\n"),
        "tls.sni" => {
            let whole = ["hosts = [\"a.b\"]", "cert = \"c.pem\"", "key = \"k.pem\""];
            let name = line.split(' ').next().unwrap_or_default();
            let others = whole.iter().filter(|other| other.split(' ').next() != Some(name));
            let others: Vec<_> = others.copied().collect();
            format!("[[{section}]]\n{line}\n{}\n", others.join("\n"))
        }
        _ => format!("[{section}]\n{line}\n"),
    }
}

#[test]
fn the_file_has_every_key_and_no_other() {
    let written: BTreeSet<_> = written().into_iter().map(|(key, ..)| key).collect();
    let known: BTreeSet<_> = known_keys().into_iter().collect();
    assert_eq!(written, known);
}

#[test]
fn the_file_as_it_is_says_the_defaults_but_for_development() {
    let mut shipped = load(&file(), &[]);
    assert!(shipped.server.development);
    shipped.server.development = false;
    let mut default = load("", &[]);
    default.paths = shipped.paths.clone();
    assert_eq!(shipped, default);
}

#[test]
fn what_is_commented_out_are_the_defaults() {
    for (key, value, unset) in written() {
        let in_plugin = key.starts_with("plugins.NAME.");
        if unset || key.starts_with("auth.keys.") || key == "server.development" {
            continue;
        }
        let (section, name) = key.rsplit_once('.').unwrap();
        let set = load(&with(section, &format!("{name} = {value}")), &[]);
        let default = match section {
            "documents.mounts" => load(&with(section, ""), &[]),
            _ => load("", &[]),
        };
        if in_plugin {
            assert_eq!(set.limits_of("NAME"), default.limits_of("NAME"), "{key}");
            assert_eq!(set.plugin("NAME").enabled, default.plugin("NAME").enabled, "{key}");
            assert_eq!(set.plugin("NAME").auth, default.plugin("NAME").auth, "{key}");
            continue;
        }
        assert_eq!(set.redacted(), default.redacted(), "{key}");
    }
}

#[test]
fn every_example_in_the_file_is_accepted() {
    for (key, value, _) in written() {
        let (section, name) = key.rsplit_once('.').unwrap();
        if name.ends_with("key_file") {
            // The file of a key has to be there.
            continue;
        }
        let more = match key.as_str() {
            "auth.keys.NAME.scopes" => "key = \"k\"\n",
            _ => "",
        };
        load(&with(section, &format!("{name} = {value}\n{more}")), &[("ADMIN_KEY", "k")]);
    }
}

#[test]
fn the_guide_has_every_key() {
    let guide = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let mut section = "";
    let mut documented = BTreeSet::new();
    for line in guide.lines() {
        if let Some(header) = line.strip_prefix("## `[").and_then(|rest| rest.strip_suffix("]`")) {
            section = header.trim_matches(['[', ']']);
        }
        if section.is_empty() {
            continue;
        }
        if let Some((key, _)) = line.strip_prefix("| `").and_then(|rest| rest.split_once('`')) {
            documented.insert(format!("{section}.{key}"));
        }
    }
    let of_plugin = ["plugins.NAME.limits.", "plugins.NAME.cors."];
    let is_own = |key: &String| of_plugin.iter().any(|own| key.starts_with(own));
    let known = known_keys().into_iter().filter(|key| !is_own(key));
    assert_eq!(documented, known.collect());
}
