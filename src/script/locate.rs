//! Where a native was called that raised an error without a position.
//!
//! Rhai gives no position to errors of functions that are called through a namespace, so the call is
//! looked for in the syntax tree of the function that was running.

use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, Module, Position, Shared, Stmt};

use super::compile::Compiled;

/// The calls of `namespace::function`, or of a function or method without a namespace, in a function of the script
/// or at its top level.
pub(super) fn calls(script: &Compiled, within: Option<&str>, called: &str) -> Vec<Position> {
    let (namespace, function) = called.split_once("::").unwrap_or(("", called));
    let mut found = Vec::new();
    let mut visit = |ast: &AST, most: usize| {
        let mut tops = 0;
        ast.walk(&mut |path: &[ASTNode]| {
            tops += usize::from(path.len() == 1);
            if tops > most {
                return false;
            }
            let (call, position) = match path.last() {
                Some(
                    ASTNode::Expr(Expr::FnCall(call, position) | Expr::MethodCall(call, position))
                    | ASTNode::Stmt(Stmt::FnCall(call, position)),
                ) => (call, *position),
                _ => return true,
            };
            if is(call, namespace, function) && !found.contains(&position) {
                found.push(position);
            }
            true
        });
    };
    match within {
        None => visit(&script.ast, script.ast.statements().len()),
        Some(name) => {
            for (.., definition) in script.ast.shared_lib().iter_script_fn_info() {
                if definition.name == name {
                    let mut module = Module::new();
                    module.set_script_fn(Shared::clone(definition));
                    visit(&AST::new([], module), usize::MAX);
                }
            }
        }
    }
    found
}

fn is(call: &FnCallExpr, namespace: &str, function: &str) -> bool {
    let is_there = match namespace {
        "" => !call.is_qualified(),
        namespace => call.is_qualified() && call.namespace.root() == namespace,
    };
    is_there && call.name == function
}

/// The native that an error message begins with, as in `` `state::set` at the top level … ``.
pub(super) fn named(message: &str) -> Option<&str> {
    let name = message.strip_prefix('`')?.split(['`', '(']).next()?;
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    name.split_once("::").filter(|(a, b)| plain(a) && plain(b)).map(|_| name)
}

/// Where a name stands in the map that a call has as an argument: `path` leads from map to map, which may be
/// constants of the top level. The call itself where the map is not written in this script.
pub(super) fn argument(script: &Compiled, call: Position, path: &[String]) -> Position {
    let mut found = call;
    script.ast.walk(&mut |nodes: &[ASTNode]| {
        let (there, position) = match nodes.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) => (call, *position),
            _ => return true,
        };
        if position != call {
            return true;
        }
        let mut maps = there.args.iter().map(|argument| written(script, argument));
        let spec = maps.find(|argument| matches!(argument, Expr::Map(..)));
        found = spec.and_then(|spec| inside(script, spec, path)).unwrap_or(call);
        false
    });
    found
}

fn inside(script: &Compiled, expression: &Expr, path: &[String]) -> Option<Position> {
    let (first, rest) = path.split_first()?;
    let Expr::Map(map, _) = written(script, expression) else { return None };
    let (name, value) = map.0.iter().find(|(name, _)| name.name == first.as_str())?;
    inside(script, value, rest).or(Some(name.pos))
}

/// What a constant of the top level was declared as; everything else as it is.
fn written<'s>(script: &'s Compiled, expression: &'s Expr) -> &'s Expr {
    let Expr::Variable(variable, ..) = expression else { return expression };
    let declared = script.ast.statements().iter().find_map(|statement| match statement {
        Stmt::Var(declared, flags, _)
            if flags.intersects(ASTFlags::CONSTANT) && declared.0.name == variable.1 =>
        {
            Some(&declared.1)
        }
        _ => None,
    });
    declared.unwrap_or(expression)
}
