//! Calls that look as if they declared a route and are another function of Rhai: `get("/x", 5)` takes a character
//! of a string.

use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::names::DECLARING;
use crate::script::{budget, compile::Compiled};

/// A call of a declaring function.
#[derive(Debug)]
pub(crate) struct Verb {
    /// Its name.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) position: Position,
    /// Whether its last argument can be no function, whatever runs before.
    pub(crate) has_no_handler: bool,
}

/// The calls of declaring functions that stand alone at the top level: each runs once, unless the script ends
/// before, so each must have declared something.
pub(crate) fn at_the_top(script: &Compiled) -> Vec<Verb> {
    let ends_early = ends_early(script);
    let statements = script.ast.statements().iter();
    let found = statements.filter_map(|statement| match statement {
        Stmt::FnCall(call, position) => Some((&**call, *position)),
        Stmt::Expr(expression) => match &**expression {
            Expr::FnCall(call, position) => Some((&**call, *position)),
            _ => None,
        },
        _ => None,
    });
    let verbs =
        found.filter(|(call, _)| is_verb(call)).map(|(call, position)| verb(call, position));
    verbs.filter(|verb| verb.has_no_handler || !ends_early).collect()
}

/// The same anywhere else, where a call with a path has something that is no function in place of a handler.
pub(crate) fn elsewhere(script: &Compiled) -> Vec<Verb> {
    let mut found = Vec::new();
    script.ast.walk(&mut |path: &[ASTNode<'_>]| {
        let call = match path.last() {
            Some(
                ASTNode::Stmt(Stmt::FnCall(call, position))
                | ASTNode::Expr(Expr::FnCall(call, position)),
            ) => Some((call, position)),
            _ => None,
        };
        if let Some((call, position)) = call
            && let [first, _] = &*call.args
            && is_verb(call)
            && is_path(first)
            && is_no_function(call)
        {
            found.push(verb(call, *position));
        }
        budget::tick().is_none()
    });
    found
}

fn verb(call: &FnCallExpr, position: Position) -> Verb {
    Verb { name: call.name.to_string(), position, has_no_handler: is_no_function(call) }
}

fn is_verb(call: &FnCallExpr) -> bool {
    !call.is_qualified() && DECLARING.contains(&call.name.as_str())
}

/// Whether the last argument is written as something else than a function.
fn is_no_function(call: &FnCallExpr) -> bool {
    matches!(
        call.args.last(),
        Some(
            Expr::BoolConstant(..)
                | Expr::IntegerConstant(..)
                | Expr::FloatConstant(..)
                | Expr::CharConstant(..)
                | Expr::StringConstant(..)
                | Expr::InterpolatedString(..)
                | Expr::Array(..)
                | Expr::Unit(..)
        )
    )
}

/// Whether an expression begins with a slash.
fn is_path(expression: &Expr) -> bool {
    match expression {
        Expr::StringConstant(text, _) => text.starts_with('/'),
        Expr::InterpolatedString(parts, _) => parts.first().is_some_and(is_path),
        Expr::FnCall(call, _) if call.name == "+" => call.args.first().is_some_and(is_path),
        _ => false,
    }
}

/// Whether the top level may end before its last statement.
fn ends_early(script: &Compiled) -> bool {
    let mut ends = false;
    for statement in script.ast.statements() {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            ends |= match path.last() {
                Some(ASTNode::Stmt(Stmt::Return(..))) => true,
                Some(
                    ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)),
                ) => call.name == "exit",
                _ => false,
            };
            !ends && budget::tick().is_none()
        });
    }
    ends
}
