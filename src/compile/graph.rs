//! Which functions a function calls, and what is known of all of them.

use std::collections::HashMap;

use rhai::{
    AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, GlobalRuntimeState, ImmutableString,
    Module, Scope, ScriptFuncDef, Shared, Stmt,
};

use super::{
    Function,
    lower::{Lower, Lowered},
};

/// A function and all that it calls, itself first.
pub(super) fn functions(
    engine: &Engine,
    global: &GlobalRuntimeState,
    first: &Shared<ScriptFuncDef>,
) -> Lowered<(Vec<Function>, Closures)> {
    functions_with(engine, global, first, Attempt::Whole)
}

/// What is compiled beside the functions that are called by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// Closures too.
    Whole,
    /// Nothing, because all that is asked is whether it can be done.
    WithoutClosures,
}

fn functions_with(
    engine: &Engine,
    global: &GlobalRuntimeState,
    first: &Shared<ScriptFuncDef>,
    attempt: Attempt,
) -> Lowered<(Vec<Function>, Closures)> {
    let source = global.source().unwrap_or_default();
    let mut compiler = Compiler {
        engine,
        global,
        index: HashMap::new(),
        waiting: Vec::new(),
        closures: HashMap::new(),
        attempt,
    };
    compiler.number(first, source);
    let mut done = Vec::new();
    while let Some((definition, source)) = compiler.waiting.get(done.len()).cloned() {
        done.push(compiler.function(&definition, &source)?);
    }
    Ok((done, compiler.closures))
}

/// Compiled closures by their names: their numbers, and how many parameters each has.
pub(super) type Closures = HashMap<ImmutableString, (usize, usize)>;

/// What is known of all functions.
pub(super) struct Compiler<'c> {
    pub(super) engine: &'c Engine,
    pub(super) global: &'c GlobalRuntimeState,
    index: HashMap<*const ScriptFuncDef, usize>,
    /// All functions that are called, in the order of their numbers.
    waiting: Vec<(Shared<ScriptFuncDef>, ImmutableString)>,
    closures: Closures,
    attempt: Attempt,
}

impl Compiler<'_> {
    /// The number of a function.
    fn number(&mut self, definition: &Shared<ScriptFuncDef>, source: &str) -> usize {
        let next = self.waiting.len();
        let number = *self.index.entry(Shared::as_ptr(definition)).or_insert(next);
        if number == next {
            self.waiting.push((Shared::clone(definition), source.into()));
        }
        number
    }

    /// The function that a call by name means, if it is one of the script.
    pub(super) fn script_function(&mut self, name: &str, arguments: usize) -> Option<usize> {
        let global = self.global;
        let (module, definition) = global
            .lib
            .iter()
            .rev()
            .find_map(|module| Some((module, module.get_script_fn(name, arguments)?)))?;
        let source = module.id().unwrap_or_default();
        Some(self.number(definition, source))
    }

    /// Compiles a closure if that is possible; otherwise it is interpreted where natives call it.
    pub(super) fn closure(&mut self, name: &str) {
        if self.attempt == Attempt::WithoutClosures || self.closures.contains_key(name) {
            return;
        }
        let global = self.global;
        let found = global.lib.iter().rev().find_map(|module| {
            let mut functions = module.iter_script_fn_info().map(|(.., function)| function);
            functions.find(|function| function.name == name).map(|found| (module, found))
        });
        let Some((module, definition)) = found else { return };
        let attempt = Attempt::WithoutClosures;
        if functions_with(self.engine, global, definition, attempt).is_ok() {
            let number = self.number(definition, module.id().unwrap_or_default());
            self.closures.insert(name.into(), (number, definition.params.len()));
        }
    }

    /// Whether the script has a function that a method call of this name may mean.
    pub(super) fn may_be_method(&self, name: &str, arguments: usize) -> bool {
        self.global
            .lib
            .iter()
            .flat_map(|module| module.iter_script_fn_info())
            .any(|(.., function)| function.name == name && function.params.len() == arguments)
    }

    /// The value of an expression that depends on nothing but the surroundings.
    pub(super) fn value_of(&self, expr: &Expr) -> Result<Dynamic, Box<EvalAltResult>> {
        let (mut global, mut caches) = (self.global.clone(), rhai::Caches::new());
        let statement = [Stmt::Expr(Box::new(expr.clone()))];
        #[expect(deprecated, reason = "not deprecated but volatile; the version of rhai is pinned")]
        self.engine.eval_statements_raw(&mut global, &mut caches, &mut Scope::new(), &statement)
    }

    fn function(
        &mut self,
        definition: &Shared<ScriptFuncDef>,
        source: &ImmutableString,
    ) -> Lowered<Function> {
        let statements = statements(definition);
        let mut lower = Lower::new(definition, source, self);
        let code = lower.statements(&statements, true)?;
        Ok(Function {
            name: definition.name.clone(),
            source: source.clone(),
            weight: lower.nodes,
            is_empty: statements.is_empty(),
            code,
        })
    }
}

/// The statements of a function, which Rhai shows only while its tree is walked.
pub(super) fn statements(definition: &Shared<ScriptFuncDef>) -> Vec<Stmt> {
    let mut module = Module::new();
    module.set_script_fn(Shared::clone(definition));
    let mut statements = Vec::new();
    AST::new([], module).walk(&mut |path: &[ASTNode]| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push((*statement).clone());
        }
        true
    });
    statements
}
