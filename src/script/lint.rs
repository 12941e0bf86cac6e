//! Mistakes that Rhai would only find, or never find, while a request waits.
//!
//! A script is read twice: [`names`] before it runs (undefined names, imports out of place, functions
//! that would replace the host's), [`handlers`] once it is known which of its functions answer
//! requests (values that are lost, changes that reach only a copy).

pub(crate) mod handlers;
pub(crate) mod names;
pub(crate) mod signatures;
pub(crate) mod verbs;

use std::collections::{HashMap, HashSet};

use rhai::{AST, ASTFlags, ASTNode, Module, Position, ScriptFuncDef, Shared, Stmt};

use super::{budget, compile::Compiled};

/// How many faults of one plugin are looked for: who mends them sees the others at the next load.
pub(crate) const MOST: usize = 20;

/// The functions and constants of one text, found by their names.
#[derive(Debug)]
pub(crate) struct Defined<'a> {
    script: &'a Compiled,
    functions: HashMap<&'a str, &'a Shared<ScriptFuncDef>>,
    /// Constants of the top level.
    constants: HashSet<&'a str>,
}

impl<'a> Defined<'a> {
    /// Those of a text.
    pub(crate) fn by(script: &'a Compiled) -> Self {
        let mut by_name = HashMap::new();
        for function in functions(script) {
            by_name.entry(function.name.as_str()).or_insert(function);
        }
        let constant = |statement: &'a Stmt| match statement {
            Stmt::Var(variable, options, _) if options.contains(ASTFlags::CONSTANT) => {
                Some(variable.0.name.as_str())
            }
            _ => None,
        };
        let constants = script.ast.statements().iter().filter_map(constant).collect();
        Self { script, functions: by_name, constants }
    }
}

/// Calls `visit` with each statement of a function's body, in order.
fn each_statement(function: &Shared<ScriptFuncDef>, mut visit: impl FnMut(&Stmt)) {
    let mut module = Module::new();
    module.set_script_fn(Shared::clone(function));
    AST::new([], module).walk(&mut |path: &[ASTNode]| {
        if let [ASTNode::Stmt(statement)] = path {
            visit(statement);
        }
        budget::tick().is_none()
    });
}

/// The functions of a script, closures included.
fn functions(script: &Compiled) -> impl Iterator<Item = &Shared<ScriptFuncDef>> {
    script.ast.shared_lib().iter_script_fn_info().map(|(.., function)| function)
}

/// Whether a function is a closure, to which Rhai gives a name of its own.
fn is_closure(name: &str) -> bool {
    name.starts_with("anon$")
}

fn place(script: &Compiled, position: Position) -> crate::diagnostic::Place {
    script.text.place(position)
}
