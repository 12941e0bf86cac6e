//! Names that nothing defines, with the name that was meant where one is near.

mod calls;
mod exports;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use rhai::{
    ASTFlags, ASTNode, Expr, FlowControl, Position, ScriptFuncDef, Shared, Stmt, StmtBlock, Token,
};

use self::{exports::Exports, scope::Scope};
use super::{
    MOST, each_statement, functions, is_closure, place,
    signatures::{HOST_VARIABLES, Signatures},
};
use crate::{
    diagnostic::{Diagnostic, nearest},
    script::{
        budget,
        compile::Compiled,
        import::{Libraries, imports_of},
        token::CURRY,
    },
};

/// Functions that declare something; they stand at the top level, after the imports.
pub(crate) const DECLARING: [&str; 15] = [
    "get", "post", "put", "patch", "delete", "head", "options", "any", "route", "before", "after",
    "on_start", "on_stop", "every", "cron",
];

/// What is wrong with the names of a script and of the libraries that it imports; at most [`MOST`] faults,
/// and no more is looked for once that many are found or the time to load is over.
pub(crate) fn check(
    script: &Compiled,
    libraries: &Libraries,
    natives: &Signatures,
) -> Vec<Diagnostic> {
    let texts = || libraries.iter().chain([script]);
    let exports = libraries.iter().map(|library| (&*library.text.file, Exports::of(library)));
    let known =
        Known { natives, exports: exports.collect(), members: texts().flat_map(members).collect() };
    let mut faults = Vec::new();
    for text in texts() {
        let mut walker = Walker::new(text, libraries, &known, MOST - faults.len());
        walker.walk();
        faults.append(&mut walker.faults);
    }
    faults
}

/// Names that maps are seen to have.
fn members(script: &Compiled) -> BTreeSet<String> {
    let mut members = BTreeSet::new();
    script.ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Expr(Expr::Map(map, _))) => {
                members.extend(map.0.iter().map(|(name, _)| name.name.to_string()));
            }
            Some(ASTNode::Expr(Expr::Property(property, _))) => {
                members.insert(property.2.to_string());
            }
            _ => {}
        }
        budget::tick().is_none()
    });
    members
}

/// What is known to a script and all its libraries.
struct Known<'a> {
    natives: &'a Signatures,
    /// What the libraries show, by their files.
    exports: BTreeMap<&'a str, Exports<'a>>,
    /// Names that maps are seen to have: calling one may call a function kept there.
    members: BTreeSet<String>,
}

/// Where the walker is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    TopLevel,
    Function,
}

struct Walker<'a> {
    script: &'a Compiled,
    known: &'a Known<'a>,
    imports: BTreeMap<String, Option<&'a Exports<'a>>>,
    /// Script functions, by name, with the numbers of arguments they take.
    functions: BTreeMap<String, BTreeSet<usize>>,
    /// The same, as they are defined.
    definitions: BTreeMap<&'a str, Vec<&'a Shared<ScriptFuncDef>>>,
    constants: BTreeSet<String>,
    /// Top-level variables, which functions do not see.
    variables: BTreeSet<String>,
    scope: Scope,
    /// Names that only a closure has whose captured variables are being looked at.
    inner: Vec<String>,
    place: At,
    faults: Vec<Diagnostic>,
    /// How many faults are looked for.
    most: usize,
}

impl<'a> Walker<'a> {
    fn new(script: &'a Compiled, libraries: &Libraries, known: &'a Known<'a>, most: usize) -> Self {
        let exports = |path: &str| known.exports.get(&*libraries.find(path)?.text.file);
        let mut walker = Self {
            script,
            known,
            imports: imports_of(script)
                .into_iter()
                .map(|import| (import.alias, exports(&import.path)))
                .collect(),
            functions: BTreeMap::new(),
            definitions: BTreeMap::new(),
            constants: BTreeSet::new(),
            variables: BTreeSet::new(),
            scope: Scope::default(),
            inner: Vec::new(),
            place: At::TopLevel,
            faults: Vec::new(),
            most,
        };
        for function in functions(script) {
            let arities = walker.functions.entry(function.name.to_string()).or_default();
            arities.insert(function.params.len());
            walker.definitions.entry(&function.name).or_default().push(function);
        }
        walker
    }

    fn walk(&mut self) {
        self.top_level();
        let mut functions: Vec<_> = functions(self.script).collect();
        functions.sort_by_key(|function| function.body.start_position());
        for function in functions {
            if self.is_over() {
                break;
            }
            self.replaced_host_function(function);
            self.scope = function.params.iter().map(ToString::to_string).collect();
            self.place = At::Function;
            each_statement(function, |statement| self.statement(statement));
        }
        let place =
            |fault: &Diagnostic| fault.place.as_ref().map(|place| (place.line, place.column));
        self.faults.sort_by_key(place);
    }

    /// Whether enough is found, or no time is left to look for more.
    fn is_over(&self) -> bool {
        self.faults.len() >= self.most || budget::tick().is_some()
    }

    fn fault(&mut self, code: &'static str, message: String, at: Position, help: Option<String>) {
        if self.faults.len() >= self.most {
            return;
        }
        let mut diagnostic = Diagnostic::error(code, message).at(place(self.script, at));
        diagnostic.help = help;
        self.faults.push(diagnostic);
    }

    fn top_level(&mut self) {
        let script = self.script;
        let mut declared = false;
        script.ast.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(Stmt::Var(variable, options, _))] = path {
                let name = variable.0.name.to_string();
                match options.contains(ASTFlags::CONSTANT) {
                    true => self.constants.insert(name),
                    false => self.variables.insert(name),
                };
            }
            budget::tick().is_none()
        });
        // The walk yields function bodies after the statements, which are told apart by their number.
        let mut left = script.ast.statements().len();
        script.ast.walk(&mut |path: &[ASTNode]| {
            let [ASTNode::Stmt(statement)] = path else { return true };
            if left == 0 || self.is_over() {
                return false;
            }
            left -= 1;
            if let Stmt::Import(import, position) = statement {
                self.import(&import.0, *position, declared);
                return true;
            }
            declared |= declares(statement);
            self.statement(statement);
            true
        });
    }

    fn import(&mut self, path: &Expr, position: Position, declared: bool) {
        if !matches!(path, Expr::StringConstant(..)) {
            let message = "an import names its library literally".to_owned();
            let help = Some("write `import \"lib/name\" as name;`".to_owned());
            self.fault("import-path", message, path.start_position(), help);
        } else if declared {
            let message = "imports stand above the first route, which would not see this one";
            let help = Some("move it to the top of the file".to_owned());
            self.fault("import-late", message.to_owned(), position, help);
        }
    }

    fn replaced_host_function(&mut self, function: &rhai::ScriptFuncDef) {
        let (name, takes) = (function.name.as_str(), function.params.len());
        if is_closure(name)
            || function.this_type.is_some()
            || !self.known.natives.is_host(name, takes)
        {
            return;
        }
        let message = format!("`fn {name}` would replace hotplate's own `{name}` in this script");
        let position = self.script.text.begin_of(function);
        self.fault("replaces-host", message, position, Some("give it another name".to_owned()));
    }

    fn block(&mut self, block: &StmtBlock) {
        let known = self.scope.len();
        block.iter().for_each(|statement| self.statement(statement));
        self.scope.truncate(known);
    }

    fn flow(&mut self, flow: &FlowControl) {
        self.expression(&flow.expr);
        self.block(&flow.body);
        self.block(&flow.branch);
    }

    fn statement(&mut self, statement: &Stmt) {
        if self.is_over() {
            return;
        }
        match statement {
            Stmt::If(flow, _) | Stmt::While(flow, _) | Stmt::Do(flow, ..) => self.flow(flow),
            Stmt::TryCatch(flow, _) => {
                self.block(&flow.body);
                let known = self.scope.len();
                if let Expr::Variable(caught, ..) = &flow.expr {
                    self.scope.push(caught.1.to_string());
                }
                self.block(&flow.branch);
                self.scope.truncate(known);
            }
            Stmt::Switch(switch, _) => {
                self.expression(&switch.0);
                for case in &switch.1.expressions {
                    self.expression(&case.lhs);
                    self.expression(&case.rhs);
                }
            }
            Stmt::For(each, _) => {
                let (item, counter, flow) = &**each;
                self.expression(&flow.expr);
                let known = self.scope.len();
                self.scope.push(item.name.to_string());
                if let Some(counter) = counter {
                    self.scope.push(counter.name.to_string());
                }
                self.block(&flow.body);
                self.scope.truncate(known);
            }
            Stmt::Var(variable, ..) => {
                self.expression(&variable.1);
                self.scope.push(variable.0.name.to_string());
            }
            Stmt::Assignment(assignment) => {
                self.expression(&assignment.1.lhs);
                self.expression(&assignment.1.rhs);
            }
            Stmt::FnCall(call, position) => self.call(call, *position),
            Stmt::Block(block) => self.block(block),
            Stmt::Expr(expression) => self.expression(expression),
            Stmt::BreakLoop(value, ..) | Stmt::Return(value, ..) => {
                value.iter().for_each(|value| self.expression(value));
            }
            Stmt::Import(_, position) => {
                let message = "imports stand at the top level of a file".to_owned();
                let help = Some("move it to the top of the file".to_owned());
                self.fault("import-late", message, *position, help);
            }
            _ => {}
        }
    }

    fn expression(&mut self, expression: &Expr) {
        if self.is_over() {
            return;
        }
        match expression {
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::Map(map, _) => map.0.iter().for_each(|(_, value)| self.expression(value)),
            Expr::Variable(variable, _, position) if variable.2.is_empty() => {
                self.variable(&variable.1, *position);
            }
            Expr::Variable(variable, _, position) => {
                self.qualified_variable(&variable.2, &variable.1, *position);
            }
            Expr::Property(property, position) if property.2.as_str() == CURRY => {
                let message = "`curry` is a word of the language".to_owned();
                let help = "a property of that name is written `x[\"curry\"]`".to_owned();
                self.fault("reserved-word", message, *position, Some(help));
            }
            Expr::Stmt(block) => self.block(block),
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::MethodCall(call, position) => self.method(call, *position),
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
                self.expression(&pair.lhs);
                self.expression(&pair.rhs);
            }
            Expr::And(parts, _) | Expr::Or(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::Coalesce(parts, position) => {
                if let Some(Expr::FnCall(call, _)) = parts.first()
                    && let Some(Token::Plus | Token::Minus | Token::Multiply) = call.op_token
                {
                    let message = "`+` binds tighter than `??`, so the default is never used here";
                    let help = "put brackets around it: `\"order \" + (x ?? \"none\")`, or \
                                write `order ${x ?? \"none\"}` in back-ticks";
                    self.fault(
                        "default-unused",
                        message.to_owned(),
                        *position,
                        Some(help.to_owned()),
                    );
                }
                parts.iter().for_each(|part| self.expression(part));
            }
            _ => {}
        }
    }

    fn variable(&mut self, name: &str, position: Position) {
        let known = self.scope.contains(name)
            || self.constants.contains(name)
            || self.functions.contains_key(name)
            || HOST_VARIABLES.contains(&name);
        if known {
            return;
        }
        if self.place == At::Function && self.variables.contains(name) {
            let message = format!("functions do not see `{name}`, a variable of the top level");
            let help =
                format!("make it a constant (`const {name} = …`), or pass it as an argument");
            self.fault("unknown-variable", message, position, Some(help));
            return;
        }
        let candidates = self
            .scope
            .iter()
            .chain(&self.inner)
            .chain(&self.constants)
            .chain(self.functions.keys().filter(|name| !is_closure(name)))
            .map(String::as_str)
            .chain(HOST_VARIABLES);
        let help = nearest(name, candidates).map(|near| format!("did you mean `{near}`?"));
        self.fault("unknown-variable", format!("there is no variable `{name}`"), position, help);
    }
}

/// Whether a statement of the top level declares a route or a hook.
fn declares(statement: &Stmt) -> bool {
    let call = match statement {
        Stmt::FnCall(call, _) => call,
        Stmt::Expr(expression) => match &**expression {
            Expr::FnCall(call, _) => call,
            _ => return false,
        },
        _ => return false,
    };
    call.namespace.is_empty() && DECLARING.contains(&call.name.as_str())
}
