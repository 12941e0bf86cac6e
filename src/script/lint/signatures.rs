//! The names that the host and Rhai's packages define.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{Engine, FuncInfo};

use crate::script::engine::Natives;

/// Variables that every script sees.
pub(crate) const HOST_VARIABLES: [&str; 2] = ["settings", "config"];

/// What is neither script nor registered but part of the language.
const LANGUAGE: [&str; 12] = [
    "Fn",
    "call",
    "curry",
    "is_shared",
    "type_of",
    "is_def_var",
    "is_def_fn",
    "print",
    "debug",
    "exit",
    "eval",
    "sleep",
];

/// Functions by name, each with the numbers of arguments it takes.
type Functions = BTreeMap<String, BTreeSet<usize>>;

/// The native functions that scripts may call.
#[derive(Debug, Default)]
pub(crate) struct Signatures {
    global: Functions,
    host: Functions,
    namespaces: BTreeMap<String, Functions>,
}

impl Signatures {
    /// Reads them from the natives that engines get.
    pub(crate) fn of(natives: &Natives) -> Self {
        let mut signatures = Self::default();
        for (namespace, name, takes) in functions(&natives.engine(8)) {
            match namespace.as_str() {
                "" => signatures.global.entry(name).or_default().insert(takes),
                _ => signatures
                    .namespaces
                    .entry(namespace)
                    .or_default()
                    .entry(name)
                    .or_default()
                    .insert(takes),
            };
        }
        for (_, name, takes) in functions(&natives.host_alone()) {
            signatures.host.entry(name).or_default().insert(takes);
        }
        signatures
    }

    /// Whether it is a word of the language rather than a function.
    pub(super) fn is_language(name: &str) -> bool {
        LANGUAGE.contains(&name)
    }

    /// The numbers of arguments that a function without namespace takes.
    pub(super) fn takes(&self, name: &str) -> Option<&BTreeSet<usize>> {
        self.global.get(name)
    }

    /// Whether the host, not Rhai's packages, has that function.
    pub(super) fn is_host(&self, name: &str, takes: usize) -> bool {
        self.host.get(name).is_some_and(|arities| arities.contains(&takes))
    }

    /// The functions of a namespace of the host.
    pub(super) fn namespace(&self, name: &str) -> Option<&Functions> {
        self.namespaces.get(name)
    }

    /// All namespaces.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.keys().map(String::as_str)
    }

    /// The names of all functions without namespace.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.global.keys().map(String::as_str).filter(|name| !name.contains('$'))
    }
}

/// The functions of an engine: namespace, name, number of arguments.
fn functions(engine: &Engine) -> Vec<(String, String, usize)> {
    let read = |info: FuncInfo<'_>| {
        let name = info.metadata.name.to_string();
        Some((info.namespace.to_string(), name, info.metadata.num_params))
    };
    engine.collect_fn_metadata(None, read, true)
}
