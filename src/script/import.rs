//! Imports, resolved from the snapshot a load was made of and never from the disk.
//!
//! A plugin's imports stand as literals at its top level, so the whole graph is known before anything
//! runs: cycles and missing modules are found by walking it, and a change of a library is a change of
//! all that import it, however deeply.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rhai::{
    ASTNode, Engine, EvalAltResult, Expr, GlobalRuntimeState, Module, ModuleResolver, Position,
    Scope, Shared, Stmt,
};

use super::{budget, compile::Compiled, lint::MOST};
use crate::diagnostic::Diagnostic;

/// How deep libraries may import each other.
const DEEPEST: usize = 32;

/// One `import "path" as alias;`.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    /// The path as written, which is the library's name.
    pub(crate) path: String,
    /// The name it is used by.
    pub(crate) alias: String,
    /// Where the path stands.
    pub(crate) position: Position,
}

/// The imports at the top level of a script, in order.
pub(crate) fn imports_of(script: &Compiled) -> Vec<Import> {
    let mut found = Vec::new();
    script.ast.walk(&mut |path: &[ASTNode]| {
        if let [ASTNode::Stmt(Stmt::Import(import, _))] = path
            && let (Expr::StringConstant(text, position), alias) = &**import
        {
            found.push(Import {
                path: text.to_string(),
                alias: alias.name.to_string(),
                position: *position,
            });
        }
        budget::tick().is_none()
    });
    found
}

/// The libraries that a plugin imports, directly or through others, each compiled.
#[derive(Debug, Default)]
pub(crate) struct Libraries {
    modules: BTreeMap<String, Compiled>,
}

impl Libraries {
    /// The names of all of them.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.modules.keys().cloned().collect()
    }

    /// One of them.
    pub(crate) fn find(&self, name: &str) -> Option<&Compiled> {
        self.modules.get(name)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Compiled> {
        self.modules.values()
    }
}

/// Gives a library's compiled text by its name, or says what is wrong with it.
pub(crate) trait Shelf {
    /// The library, compiled; `None` where there is none of that name.
    fn take(&self, name: &str) -> Option<Result<Compiled, Box<Diagnostic>>>;
    /// The names of all libraries, for "did you mean".
    fn names(&self) -> Vec<String>;
}

/// Walks the imports of a script and gathers all that they need.
pub(crate) fn gather(script: &Compiled, shelf: &dyn Shelf) -> Result<Libraries, Vec<Diagnostic>> {
    let mut walk =
        Walk { shelf, libraries: Libraries::default(), faults: Vec::new(), trail: Vec::new() };
    walk.visit(script);
    if walk.faults.is_empty() { Ok(walk.libraries) } else { Err(walk.faults) }
}

struct Walk<'a> {
    shelf: &'a dyn Shelf,
    libraries: Libraries,
    faults: Vec<Diagnostic>,
    trail: Vec<String>,
}

impl Walk<'_> {
    fn visit(&mut self, script: &Compiled) {
        for import in imports_of(script) {
            if self.faults.len() >= MOST || budget::check().is_err() {
                return;
            }
            let fault = |code, message: String| {
                Diagnostic::error(code, message).at(script.text.place(import.position))
            };
            if let Some(right) = misspelt(&import.path) {
                let message = format!("imports are written from the plugin folder, as `{right}`");
                let help = format!("write `import \"{right}\" as {};`", import.alias);
                self.faults.push(fault("import-path", message).help(help));
                continue;
            }
            if let Some(at) = self.trail.iter().position(|name| *name == import.path) {
                let round: Vec<&str> = self.trail.iter().skip(at).map(String::as_str).collect();
                let message =
                    format!("`{}` imports itself through {}", import.path, round.join(" → "));
                self.faults.push(
                    fault("import-cycle", message).help("move what both need to a third library"),
                );
                continue;
            }
            if self.libraries.modules.contains_key(&import.path) {
                continue;
            }
            if self.trail.len() >= DEEPEST {
                let message = format!("libraries import each other more than {DEEPEST} deep");
                self.faults.push(fault("import-depth", message));
                continue;
            }
            match self.shelf.take(&import.path) {
                Some(Ok(library)) => {
                    self.trail.push(import.path.clone());
                    self.visit(&library);
                    self.trail.pop();
                    self.libraries.modules.insert(import.path, library);
                }
                Some(Err(diagnostic)) => {
                    let label = format!("imported as `{}`", import.alias);
                    self.faults.push(diagnostic.related(label, script.text.place(import.position)));
                }
                None => self.faults.push(missing(&import, self.shelf, fault)),
            }
        }
    }
}

fn missing(
    import: &Import,
    shelf: &dyn Shelf,
    fault: impl Fn(&'static str, String) -> Diagnostic,
) -> Diagnostic {
    let names = shelf.names();
    let diagnostic = fault("import-not-found", format!("there is no library `{}`", import.path));
    let below = format!("lib/{}", import.path);
    let meant = names.iter().find(|name| **name == below).map(String::as_str);
    let near = || crate::diagnostic::nearest(&import.path, names.iter().map(String::as_str));
    match meant.or_else(near) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!(
            "libraries stand below `lib/`: save it as `{}.rhai`",
            match import.path.strip_prefix("lib/") {
                Some(_) => import.path.clone(),
                None => below,
            }
        )),
    }
}

/// The right spelling of a path that is relative, absolute or has an extension.
fn misspelt(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let right = parts.join("/");
    let right = right.strip_suffix(".rhai").unwrap_or(&right);
    let below = |name: &str| match name {
        "" => "lib/name".to_owned(),
        name if name.starts_with("lib/") => name.to_owned(),
        name => format!("lib/{name}"),
    };
    (right != path).then(|| below(right))
}

thread_local! {
    /// Whether the top level of a library runs.
    static IMPORTING: Cell<bool> = const { Cell::new(false) };
}

/// While it is there, the top level of a library runs.
struct Importing {
    outer: bool,
}

impl Importing {
    fn begin() -> Self {
        Self { outer: IMPORTING.replace(true) }
    }
}

impl Drop for Importing {
    fn drop(&mut self) {
        IMPORTING.set(self.outer);
    }
}

/// Whether the top level of a library runs on this thread, and not that of a plugin.
pub(crate) fn is_importing() -> bool {
    IMPORTING.get()
}

/// Resolves imports from the libraries gathered before anything ran.
pub(crate) struct Resolver(pub(crate) Arc<Libraries>);

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        _: &Engine,
        _: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        Err(Box::new(EvalAltResult::ErrorModuleNotFound(path.to_owned(), position)))
    }

    fn resolve_raw(
        &self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        _: &mut Scope,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let Some(library) = self.0.find(path) else {
            return Err(Box::new(EvalAltResult::ErrorModuleNotFound(path.to_owned(), position)));
        };
        let _importing = Importing::begin();
        let mut module =
            Module::eval_ast_as_new_raw(engine, &mut Scope::new(), global, &library.ast)
                .map_err(|error| EvalAltResult::ErrorInModule(path.to_owned(), error, position))?;
        module.build_index();
        Ok(module.into())
    }
}
