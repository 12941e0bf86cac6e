//! What a file in the plugin folder is, by its name alone.
//!
//! A name that is accepted is made of ASCII letters, digits, `-`, `_` and `/` only, so that it can stand
//! in a URL, a configuration key and a log line without quoting.

use std::{
    borrow::Borrow,
    ffi::OsStr,
    fmt::{self, Display, Formatter},
    path::{Component, Path},
    sync::Arc,
};

use crate::diagnostic::{Diagnostic, Place};

/// The ending of every script.
pub(super) const EXTENSION: &str = ".rhai";

/// How long one component of a name may be, in bytes.
const LONGEST: usize = 100;

/// Names that belong to the server at the top level.
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

/// The name of a script: its path below the plugin folder without the extension, such as `shop/orders`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScriptName(Arc<str>);

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

impl Display for ScriptName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Serves routes.
    Plugin,
    /// Is only imported.
    Library,
    /// Tests others.
    Test,
}

/// What a path in the plugin folder means.
#[derive(Debug)]
pub(super) enum Meaning {
    /// A script.
    Script {
        /// Its name.
        name: ScriptName,
        /// What it is for.
        kind: Kind,
        /// The path that it owns; empty for what is no plugin.
        mount: String,
    },
    /// A script whose name cannot be served.
    Refused(Diagnostic),
    /// Nothing: another kind of file, something hidden, an editor's litter.
    Nothing,
}

/// Whether an entry is hidden or an editor's lock or autosave file.
pub(super) fn is_litter(name: &OsStr) -> bool {
    matches!(name.as_encoded_bytes().first(), Some(b'.' | b'#'))
}

/// Whether an entry is a script by its name.
pub(super) fn is_script(name: &OsStr) -> bool {
    !is_litter(name) && name.as_encoded_bytes().ends_with(EXTENSION.as_bytes())
}

/// A path as it can be shown: what is not UTF-8 is replaced and what is not printable escaped.
pub(super) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if !text.chars().any(char::is_control) {
        return text.into_owned();
    }
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() })
        .collect()
}

/// Says what the file at `relative`, a path below the plugin folder, means.
pub(super) fn meaning(relative: &Path) -> Meaning {
    let mut components = Vec::new();
    for component in relative.components() {
        match component {
            Component::Normal(name) if !is_litter(name) => components.push(name),
            _ => return Meaning::Nothing,
        }
    }
    if !components.last().is_some_and(|name| is_script(name)) {
        return Meaning::Nothing;
    }
    let stems: Option<Vec<&str>> = components.iter().map(|name| name.to_str()).collect();
    let Some(mut stems) = stems else {
        return refused(
            relative,
            "its name is not valid UTF-8",
            "rename it with letters, digits, `-` and `_`",
        );
    };
    if let Some(last) = stems.last_mut() {
        *last = last.strip_suffix(EXTENSION).unwrap_or(last);
    }
    named(relative, &stems)
}

fn named(relative: &Path, stems: &[&str]) -> Meaning {
    let (Some(first), Some(last)) = (stems.first(), stems.last()) else { return Meaning::Nothing };
    let is_test = last.strip_suffix("_test").is_some_and(|tested| !tested.is_empty());
    let is_library = *first == LIBRARIES && stems.len() > 1;
    if !is_test
        && !is_library
        && let Some(refused) = refused_first(relative, first, stems.len() == 1)
    {
        return refused;
    }
    if let Some(odd) = stems.iter().find_map(|stem| odd(relative, stem)) {
        return odd;
    }
    let name = ScriptName(stems.join("/").into());
    let kind = match (is_test, is_library) {
        (true, _) => Kind::Test,
        (_, true) => Kind::Library,
        _ => Kind::Plugin,
    };
    let mount = if kind == Kind::Plugin { mount(&name) } else { String::new() };
    Meaning::Script { name, kind, mount }
}

fn mount(name: &ScriptName) -> String {
    let path = match name.as_str() {
        "index" => "",
        name => name.strip_suffix("/index").unwrap_or(name),
    };
    format!("/{path}")
}

/// Why the server keeps the first segment of a path for itself, if it does.
pub(crate) fn reserved(first: &str) -> Option<String> {
    if RESERVED.contains(&first) {
        return Some(format!("`{first}` is reserved at the top level for the server itself"));
    }
    first.starts_with('_').then(|| {
        "names that begin with `_` are reserved at the top level for the server itself".to_owned()
    })
}

fn refused_first(relative: &Path, first: &str, is_file: bool) -> Option<Meaning> {
    let reason = if first == LIBRARIES {
        format!("`{first}` is the folder of scripts that are only imported")
    } else {
        reserved(first)?
    };
    let bare = first.trim_start_matches('_').replace('.', "-");
    let example = if bare.is_empty() { "hello".to_owned() } else { format!("my-{bare}") };
    let help = if is_file {
        format!("rename it, for example to `{example}{EXTENSION}`")
    } else {
        format!("rename the folder `{first}`, for example to `{example}`")
    };
    Some(refused(relative, &reason, help))
}

fn odd(relative: &Path, stem: &str) -> Option<Meaning> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if stem.len() > LONGEST {
        let reason = format!("a component of a name has at most {LONGEST} bytes");
        return Some(refused(relative, &reason, "give it a shorter name"));
    }
    let strange = stem.chars().find(|c| !allowed(*c))?;
    let reason = format!("`{}` cannot be part of a name", strange.escape_debug());
    let mended: String = stem.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let mended = mended.trim_matches('-');
    let help = if mended.is_empty() {
        "use letters, digits, `-` and `_`".to_owned()
    } else {
        let stem = shown(Path::new(stem));
        format!("rename `{stem}` with letters, digits, `-` and `_`, for example to `{mended}`")
    };
    Some(refused(relative, &reason, help))
}

fn refused(relative: &Path, reason: &str, help: impl Into<String>) -> Meaning {
    let file = shown(relative);
    let message = format!("`{file}` is not loaded: {reason}");
    Meaning::Refused(Diagnostic::error("plugin-name", message).at(Place::file(file)).help(help))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn told(path: &str) -> String {
        match meaning(Path::new(path)) {
            Meaning::Script { name, kind, mount } => format!("{kind:?} {name} {mount}"),
            Meaning::Refused(diagnostic) => {
                format!("{} | {}", diagnostic.message, diagnostic.help.unwrap_or_default())
            }
            Meaning::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn a_path_says_what_a_script_is_and_what_it_owns() {
        assert_eq!(told("users.rhai"), "Plugin users /users");
        assert_eq!(told("shop/orders.rhai"), "Plugin shop/orders /shop/orders");
        assert_eq!(told("index.rhai"), "Plugin index /");
        assert_eq!(told("shop/index.rhai"), "Plugin shop/index /shop");
        assert_eq!(told("myindex.rhai"), "Plugin myindex /myindex");
        assert_eq!(told("shop/lib/x.rhai"), "Plugin shop/lib/x /shop/lib/x");
        assert_eq!(told("lib/money.rhai"), "Library lib/money ");
        assert_eq!(told("users_test.rhai"), "Test users_test ");
        assert_eq!(told("lib/money_test.rhai"), "Test lib/money_test ");
    }

    #[test]
    fn what_editors_leave_behind_is_nothing() {
        for path in [
            ".chaos9.rhai.swp",
            "chaos9.rhai~",
            "#chaos9.rhai#",
            ".#chaos9.rhai",
            "chaos9.rhai.bak",
            "4913",
            "chaos9.rhai.tmp",
            "chaos9.RHAI",
            "chaos9.RHAI.orig",
            ".DS_Store",
            "._chaos9.rhai",
            ".rhai",
            "chaos9.rhai.swx",
            "a.rhai___jb_tmp___",
            ".git/x.rhai",
            "..2026/a.rhai",
            "../a.rhai",
            "#x.rhai",
            "",
        ] {
            assert_eq!(told(path), "nothing", "{path}");
        }
    }

    #[test]
    fn reserved_names_are_refused_by_name() {
        let names = RESERVED.iter().chain(&["_", "_x", "_test", "lib"]);
        for name in names {
            let message = told(&format!("{name}.rhai"));
            assert!(message.starts_with(&format!("`{name}.rhai` is not loaded: ")), "{message}");
        }
        assert_eq!(
            told("docs/x.rhai"),
            "`docs/x.rhai` is not loaded: `docs` is reserved at the top level for the server itself \
             | rename the folder `docs`, for example to `my-docs`"
        );
        assert_eq!(told("shop/docs.rhai"), "Plugin shop/docs /shop/docs");
        assert_eq!(told("shop/_x.rhai"), "Plugin shop/_x /shop/_x");
        assert_eq!(told("metrics_test.rhai"), "Test metrics_test ");
    }

    #[test]
    fn odd_names_are_refused_by_name() {
        let long = format!("{}.rhai", "a".repeat(101));
        for path in [
            "*rest.rhai",
            ":p.rhai",
            "<re>.rhai",
            "a b.rhai",
            "ü.rhai",
            "a\nb.rhai",
            "a.b.rhai",
            &long,
        ] {
            assert!(told(path).contains(" is not loaded: "), "{}", told(path));
            assert!(!told(path).contains('\n'), "{}", told(path));
        }
        assert!(told("a b.rhai").ends_with("for example to `a-b`"));
        let raw = OsStr::from_bytes(b"a\xff.rhai");
        assert!(
            matches!(meaning(Path::new(raw)), Meaning::Refused(d) if d.message.contains("UTF-8"))
        );
    }
}
