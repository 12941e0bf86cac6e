//! What a library shows to those who import it.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{ASTFlags, ASTNode, FnAccess, Stmt};

use super::is_closure;
use crate::script::{budget, compile::Compiled};

/// The names of a library, gathered once for all calls.
#[derive(Debug)]
pub(super) struct Exports<'a> {
    /// Its file, relative to the plugin folder.
    pub(super) file: &'a str,
    /// Its public functions, with the numbers of arguments they take.
    pub(super) functions: BTreeMap<&'a str, BTreeSet<usize>>,
    /// Its private functions.
    pub(super) private: BTreeSet<&'a str>,
    /// The variables it exports.
    pub(super) variables: BTreeSet<String>,
}

impl<'a> Exports<'a> {
    /// Those of one library.
    pub(super) fn of(library: &'a Compiled) -> Self {
        let mut functions: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        let mut private = BTreeSet::new();
        for (_, access, name, takes, _) in library.ast.shared_lib().iter_script_fn_info() {
            if access != FnAccess::Public {
                private.insert(name);
            } else if !is_closure(name) {
                functions.entry(name).or_default().insert(takes);
            }
        }
        Self { file: &library.text.file, functions, private, variables: variables(library) }
    }
}

fn variables(library: &Compiled) -> BTreeSet<String> {
    let mut exported = BTreeSet::new();
    library.ast.walk(&mut |path: &[ASTNode]| {
        match path {
            [ASTNode::Stmt(Stmt::Var(variable, options, _))]
                if options.contains(ASTFlags::EXPORTED) =>
            {
                exported.insert(variable.0.name.to_string());
            }
            [ASTNode::Stmt(Stmt::Export(export, _))] => {
                let alias = if export.1.name.is_empty() { &export.0 } else { &export.1 };
                exported.insert(alias.name.to_string());
            }
            _ => {}
        }
        budget::tick().is_none()
    });
    exported
}
