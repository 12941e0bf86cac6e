//! Names of scripts, and what a file is by its name.

use std::{borrow::Borrow, fmt, path::Path};

use super::fault;
use crate::diagnostic::Diagnostic;

/// First segments of paths that are the server's own.
const RESERVED: [&str; 13] = [
    "plugins",
    "reload",
    "load",
    "unload",
    "rollback",
    "docs",
    "openapi.json",
    "openapi.yaml",
    "healthz",
    "readyz",
    "metrics",
    "favicon.ico",
    "all",
];

/// The folder of scripts that are only imported.
const LIBRARIES: &str = "lib";

/// The longest name of one file or folder, in bytes.
const LONGEST: usize = 100;

/// A script's name: its path below the plugin folder without the extension, such as `shop/orders`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScriptName(String);

impl ScriptName {
    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ScriptName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScriptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Class {
    /// A plugin and the path it owns.
    Plugin {
        /// Its name.
        name: ScriptName,
        /// Its path, such as `/shop/orders`.
        mount: String,
    },
    /// A script that is only imported.
    Library(ScriptName),
    /// Nothing to us.
    Ignored,
}

/// Whether a name would be ignored wherever it stands: hidden, or an editor's.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '#'])
}

/// Why the server keeps the first segment of a path for itself, if it does.
pub(crate) fn reserved(first: &str) -> Option<String> {
    if first.starts_with('_') {
        return Some(format!(
            "names that begin with `_` are the server's own, so `{first}` cannot be served"
        ));
    }
    RESERVED.contains(&first).then(|| format!("`/{first}` is a path of the server itself"))
}

/// What the file at a path relative to the plugin folder is.
pub(crate) fn classify(relative: &Path) -> Result<Class, Box<Diagnostic>> {
    let shown = relative.to_string_lossy();
    let refuse = |message: String, help: &str| {
        Err(Box::new(fault("plugin-name", &shown, message).help(help)))
    };
    if !shown.ends_with(".rhai") {
        return Ok(Class::Ignored);
    }
    let Some(path) = relative.to_str() else {
        return refuse(
            format!("the name of `{shown}` is not UTF-8"),
            "rename it: letters, digits, `-` and `_`",
        );
    };
    let stem = path.strip_suffix(".rhai").unwrap_or(path);
    let parts: Vec<&str> = stem.split('/').collect();
    if parts.iter().any(|part| is_hidden(part)) || path.split('/').any(|part| part == ".rhai") {
        return Ok(Class::Ignored);
    }
    for part in &parts {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if part.is_empty() || part.len() > LONGEST || !part.chars().all(good) {
            return refuse(
                format!("`{part}` in `{path}` cannot be part of a plugin's name"),
                "rename it: up to 100 letters, digits, `-` and `_`",
            );
        }
    }
    if stem.ends_with("_test") {
        return Ok(Class::Ignored);
    }
    let name = ScriptName(stem.to_owned());
    let first = parts.first().copied().unwrap_or_default();
    if first == LIBRARIES {
        return match parts.len() {
            1 => refuse(
                "`lib` is the folder of libraries and cannot be a plugin".to_owned(),
                "rename the file",
            ),
            _ => Ok(Class::Library(name)),
        };
    }
    if let Some(why) = reserved(first) {
        return refuse(why, "rename it, or serve it elsewhere");
    }
    let served = match parts.split_last() {
        Some((&"index", above)) => above,
        _ => &parts,
    };
    let mount = format!("/{}", served.join("/"));
    Ok(Class::Plugin { name, mount })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Class, classify};

    fn class(path: &str) -> Class {
        classify(Path::new(path)).expect("the name is good")
    }

    #[test]
    fn a_script_owns_the_path_of_its_name_and_an_index_that_of_its_folder() {
        for (path, owned) in [
            ("users.rhai", "/users"),
            ("shop/orders.rhai", "/shop/orders"),
            ("shop/index.rhai", "/shop"),
            ("index.rhai", "/"),
            ("shop/plugins.rhai", "/shop/plugins"),
        ] {
            match class(path) {
                Class::Plugin { mount, .. } => assert_eq!(mount, owned),
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_editors_leave_behind_is_nothing_to_us() {
        for path in [
            ".a.rhai",
            ".a.rhai.swp",
            "a.rhai~",
            "#a.rhai#",
            ".#a.rhai",
            "a.rhai.bak",
            "4913",
            "a.RHAI",
            ".git/a.rhai",
            "..data/a.rhai",
            "a_test.rhai",
            ".rhai",
            "a.rhai___jb_tmp___",
        ] {
            assert_eq!(class(path), Class::Ignored, "{path}");
        }
    }

    #[test]
    fn reserved_and_odd_names_are_refused_by_name() {
        for path in [
            "plugins.rhai",
            "reload/x.rhai",
            "all.rhai",
            "_x.rhai",
            "lib.rhai",
            "a b.rhai",
            "*rest.rhai",
            ":p.rhai",
            "<re>.rhai",
            "a.b.rhai",
            "{id}.rhai",
            "\u{e9}.rhai",
            "openapi.json.rhai",
            "a%20.rhai",
            "metrics/index.rhai",
        ] {
            assert!(classify(Path::new(path)).is_err(), "{path}");
        }
    }
}
