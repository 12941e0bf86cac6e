//! Closures that functions make, and those that are there before.

use std::collections::HashMap;

use rhai::{AST, ASTNode, Dynamic, Expr, FnPtr, ImmutableString, Module, ScriptFuncDef, Shared};

use super::{Attempt, Compiler};

/// How deep values are looked into for closures.
const DEEPEST: usize = 32;

/// Compiled closures by their surroundings and their names.
pub(in crate::compile) type Closures = HashMap<usize, HashMap<ImmutableString, Closure>>;

/// A compiled closure.
#[derive(Clone, Copy)]
pub(in crate::compile) struct Closure {
    pub(in crate::compile) function: usize,
    /// The same called on something, where it has a `this`.
    pub(in crate::compile) method: Option<usize>,
    pub(in crate::compile) parameters: usize,
}

impl Compiler<'_> {
    /// Compiles a closure if that is possible; otherwise it is interpreted where natives call it.
    pub(in crate::compile) fn closure(&mut self, name: &str) {
        let is_known = self.closures.get(&self.at).is_some_and(|known| known.contains_key(name));
        if self.attempt == Attempt::WithoutClosures || is_known {
            return;
        }
        let found = self.here().own().iter().rev().find_map(|module| {
            let mut functions = module.iter_script_fn_info().map(|(.., function)| function);
            let found = functions.find(|function| function.name == name)?;
            Some((module.id().unwrap_or_default().to_owned(), Shared::clone(found)))
        });
        let Some((source, definition)) = found else { return };
        if self.can_be(&definition, &source, self.at) {
            let function = self.number(&definition, &source, false);
            let method = has_this(&definition).then(|| self.number(&definition, &source, true));
            let closure = Closure { function, method, parameters: definition.params.len() };
            self.closures.entry(self.at).or_default().insert(name.into(), closure);
        }
    }

    /// Compiles the closures that a value holds, if that is possible. What is shared is not looked into.
    pub(in crate::compile) fn closures_in(&mut self, value: &Dynamic, depth: usize) {
        if value.is_shared() || depth > DEEPEST || self.attempt == Attempt::WithoutClosures {
            return;
        }
        if let Some(function) = value.read_lock::<FnPtr>() {
            if function.is_anonymous() {
                self.closure(function.fn_name());
            }
            for captured in function.curry() {
                self.closures_in(captured, depth + 1);
            }
        } else if let Ok(items) = value.as_array_ref() {
            for item in items.iter() {
                self.closures_in(item, depth + 1);
            }
        } else if let Ok(map) = value.as_map_ref() {
            for item in map.values() {
                self.closures_in(item, depth + 1);
            }
        }
    }
}

/// Whether a function has a `this`.
fn has_this(definition: &Shared<ScriptFuncDef>) -> bool {
    let mut module = Module::new();
    module.set_script_fn(Shared::clone(definition));
    let mut found = false;
    AST::new([], module).walk(&mut |path: &[ASTNode]| {
        found |= matches!(path.last(), Some(ASTNode::Expr(Expr::ThisPtr(_))));
        true
    });
    found
}
