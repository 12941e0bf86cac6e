//! What goes wrong only in functions that are called later: by requests, at the beginning and end, by the
//! clock.

use std::collections::HashSet;

use rhai::{AST, ASTNode, Expr, Module, Position, ScriptFuncDef, Shared, Stmt};

use super::{Defined, MOST, each_statement, place};
use crate::{diagnostic::Diagnostic, script::budget};

/// Methods that only change what they are called on: their value is of no use.
const CHANGING: [&str; 10] = [
    "push",
    "insert",
    "append",
    "clear",
    "set",
    "truncate",
    "splice",
    "dedup",
    "mixin",
    "fill_with",
];

/// What calls a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CalledBy {
    /// Requests, which are answered with its value.
    Requests,
    /// The clock, again and again.
    Clock,
    /// The beginning or the end, once.
    Lifecycle,
}

/// A function registered to be called later.
#[derive(Debug, Clone)]
pub(crate) struct Handler {
    /// What calls it.
    pub(crate) called_by: CalledBy,
    /// Its name, which Rhai gives to closures too.
    pub(crate) function: String,
    /// How many variables it captured.
    pub(crate) captured: usize,
}

/// What is wrong with a function of a text as a handler, at most [`MOST`] faults. Functions of its libraries
/// are not known here.
pub(crate) fn check(defined: &Defined<'_>, handler: &Handler) -> Vec<Diagnostic> {
    let Some(function) = defined.functions.get(handler.function.as_str()) else {
        return Vec::new();
    };
    let mut lint = Lint { defined, faults: Vec::new() };
    if handler.called_by == CalledBy::Requests {
        lint.lost_value(function);
    }
    lint.late_job(function);
    if handler.called_by == CalledBy::Lifecycle {
        return lint.faults;
    }
    let captured: Vec<String> =
        function.params.iter().take(handler.captured).map(ToString::to_string).collect();
    let request = function.params.get(handler.captured).map(ToString::to_string);
    lint.changes(function, &captured, request.as_deref(), 0);
    lint.faults
}

struct Lint<'a> {
    defined: &'a Defined<'a>,
    faults: Vec<Diagnostic>,
}

impl Lint<'_> {
    fn fault(&mut self, code: &'static str, message: String, at: Position, help: String) {
        if self.faults.len() < MOST {
            let place = place(self.defined.script, at);
            self.faults.push(Diagnostic::error(code, message).at(place).help(help));
        }
    }

    /// A `try` at the end looks like the answer, but it is a statement.
    fn lost_value(&mut self, function: &Shared<ScriptFuncDef>) {
        let mut lost = None;
        each_statement(function, |statement| {
            lost = match statement {
                Stmt::TryCatch(flow, position) if ends_in_value(flow.body.statements()) => {
                    Some(*position)
                }
                _ => None,
            };
        });
        if let Some(position) = lost {
            let message = "the value of `try` is lost, so this answers nothing";
            let help = "write `return` before the values, or `attempt(|| …, |e| …)`";
            self.fault("try-value", message.to_owned(), position, help.to_owned());
        }
    }

    /// A job that is declared while a function runs would be refused only then.
    fn late_job(&mut self, function: &Shared<ScriptFuncDef>) {
        each_statement(function, |statement| {
            let (call, position) = match statement {
                Stmt::FnCall(call, position) => (call, *position),
                Stmt::Expr(expression) => match &**expression {
                    Expr::FnCall(call, position) => (call, *position),
                    _ => return,
                },
                _ => return,
            };
            let name = call.name.as_str();
            let declares = matches!(name, "every" | "cron" | "after") && call.args.len() >= 2;
            if declares && call.namespace.is_empty() {
                let message =
                    format!("`{name}` declares a job, but this runs when the script is served");
                let help =
                    "move it to the top level; a job may look into `state` for what it has to do";
                self.fault("job", message, position, help.to_owned());
            }
        });
    }

    /// Changes of what the next request will not see: captured variables and copies of the request.
    fn changes(
        &mut self,
        function: &Shared<ScriptFuncDef>,
        captured: &[String],
        request: Option<&str>,
        depth: usize,
    ) {
        if depth > 16 {
            return;
        }
        let mut local = HashSet::new();
        let mut changed = Vec::new();
        let mut inner = Vec::new();
        let mut module = Module::new();
        module.set_script_fn(Shared::clone(function));
        AST::new([], module).walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                    local.insert(variable.0.name.to_string());
                }
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    changed.extend(chain(&assignment.1.lhs));
                }
                Some(ASTNode::Expr(expression @ Expr::Dot(..)))
                    if !inside_chain(path) && ends_in_change(expression) =>
                {
                    changed.extend(chain(expression));
                }
                Some(ASTNode::Expr(Expr::FnCall(call, _))) if call.name == "curry" => {
                    if let Some(Expr::DynamicConstant(value, _)) = call.args.first()
                        && let Some(closure) = value.read_lock::<rhai::FnPtr>()
                    {
                        let names = call.args.iter().skip(1).filter_map(variable_name);
                        inner.push((closure.fn_name().to_owned(), names.collect::<Vec<_>>()));
                    }
                }
                _ => {}
            }
            budget::tick().is_none()
        });
        for change in changed.iter().filter(|change| !local.contains(&change.root)) {
            if captured.contains(&change.root) {
                match self.defined.constants.contains(change.root.as_str()) {
                    true => self.constant(change),
                    false => self.captured(change),
                }
            } else if request == Some(change.root.as_str())
                && change.property.as_deref().is_some_and(|property| property != "session")
            {
                self.copy(change);
            }
        }
        for (name, passed) in inner {
            let Some(closure) = self.defined.functions.get(name.as_str()) else { continue };
            let seen = |name: &&String| passed.contains(name) && !local.contains(*name);
            let captured: Vec<String> = captured.iter().filter(seen).cloned().collect();
            let request = request.filter(|name| passed.iter().any(|there| there == name));
            self.changes(closure, &captured, request, depth + 1);
        }
    }

    fn captured(&mut self, change: &Change) {
        let name = &change.root;
        let message =
            format!("`{name}` is captured: each call changes a copy of its own, and loses it");
        let help = format!("use `state::incr(\"{name}\")`, or `state::update` for other values");
        self.fault("captured-change", message, change.position, help);
    }

    fn constant(&mut self, change: &Change) {
        let name = &change.root;
        let help = format!("write `let copy = {name};` and change that");
        self.fault("constant-change", format!("`{name}` is a constant"), change.position, help);
    }

    fn copy(&mut self, change: &Change) {
        let property = change.property.as_deref().unwrap_or("body");
        let root = &change.root;
        let message = format!("this changes a copy of `{root}.{property}`, which is then lost");
        let help = format!("write `let {property} = {root}.{property};` and change that");
        self.fault("request-change", message, change.position, help);
    }
}

/// A change of something reached from a variable.
struct Change {
    root: String,
    property: Option<String>,
    position: Position,
}

/// The variable at the root of `a.b[c].d`, and the first property.
fn chain(expression: &Expr) -> Option<Change> {
    match expression {
        Expr::Variable(variable, _, position) if variable.2.is_empty() => {
            Some(Change { root: variable.1.to_string(), property: None, position: *position })
        }
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
            let mut change = chain(&pair.lhs)?;
            if change.property.is_none() {
                change.property = first_property(&pair.rhs);
            }
            Some(change)
        }
        _ => None,
    }
}

fn first_property(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Property(property, _) => Some(property.2.to_string()),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => first_property(&pair.lhs),
        _ => None,
    }
}

/// Whether the node is a part of a longer chain, which is looked at as a whole.
fn inside_chain(path: &[ASTNode]) -> bool {
    let parent = path.len().checked_sub(2).and_then(|at| path.get(at));
    matches!(parent, Some(ASTNode::Expr(Expr::Dot(..) | Expr::Index(..))))
}

/// Whether a chain ends in a call that changes what it is called on.
fn ends_in_change(expression: &Expr) -> bool {
    match expression {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => ends_in_change(&pair.rhs),
        Expr::MethodCall(call, _) => CHANGING.contains(&call.name.as_str()),
        _ => false,
    }
}

fn variable_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Variable(variable, ..) => Some(variable.1.to_string()),
        _ => None,
    }
}

fn ends_in_value(block: &[Stmt]) -> bool {
    matches!(block.last(), Some(Stmt::Expr(_) | Stmt::FnCall(..)))
}
