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
    compiler.number(first, source, false);
    let mut done = Vec::new();
    while let Some(waiting) = compiler.waiting.get(done.len()).cloned() {
        done.push(compiler.function(&waiting)?);
    }
    Ok((done, compiler.closures))
}

/// Compiled closures by their names.
pub(super) type Closures = HashMap<ImmutableString, Closure>;

/// A compiled closure.
#[derive(Clone, Copy)]
pub(super) struct Closure {
    pub(super) function: usize,
    /// The same called on something, where it has a `this`.
    pub(super) method: Option<usize>,
    pub(super) parameters: usize,
}

/// A function that is to be compiled.
#[derive(Clone)]
struct Waiting {
    definition: Shared<ScriptFuncDef>,
    source: ImmutableString,
    is_method: bool,
}

/// A function that is called on something.
pub(super) struct Method {
    /// The type that it is for, if not for all.
    pub(super) of: Option<ImmutableString>,
    pub(super) function: usize,
}

/// What is known of all functions.
pub(super) struct Compiler<'c> {
    pub(super) engine: &'c Engine,
    pub(super) global: &'c GlobalRuntimeState,
    /// By the function and whether it is called on something, which is then `this`.
    index: HashMap<(*const ScriptFuncDef, bool), usize>,
    /// All functions that are called, in the order of their numbers.
    waiting: Vec<Waiting>,
    closures: Closures,
    attempt: Attempt,
}

impl Compiler<'_> {
    /// The number of a function.
    fn number(
        &mut self,
        definition: &Shared<ScriptFuncDef>,
        source: &str,
        is_method: bool,
    ) -> usize {
        let next = self.waiting.len();
        let number = *self.index.entry((Shared::as_ptr(definition), is_method)).or_insert(next);
        if number == next {
            let (definition, source) = (Shared::clone(definition), source.into());
            self.waiting.push(Waiting { definition, source, is_method });
        }
        number
    }

    /// The function that a call by name means, if it is one of the script.
    pub(super) fn script_function(&mut self, name: &str, arguments: usize) -> Option<usize> {
        let (definition, source) = self
            .named(name, arguments)
            .find(|(definition, _)| definition.this_type.is_none())
            .map(|(definition, source)| (Shared::clone(definition), source.to_owned()))?;
        Some(self.number(&definition, &source, false))
    }

    /// The functions of a name, those that Rhai would find first at the beginning.
    fn named(
        &self,
        name: &str,
        arguments: usize,
    ) -> impl Iterator<Item = (&Shared<ScriptFuncDef>, &str)> {
        self.global.lib.iter().rev().flat_map(move |module| {
            let functions = module.iter_script_fn_info().map(|(.., function)| function);
            functions
                .filter(move |function| function.name == name && function.params.len() == arguments)
                .map(|function| (function, module.id().unwrap_or_default()))
        })
    }

    /// The functions of the script that a method call may mean.
    pub(super) fn methods(&mut self, name: &str, arguments: usize) -> Vec<Method> {
        let named: Vec<_> = self
            .named(name, arguments)
            .map(|(definition, source)| (Shared::clone(definition), source.to_owned()))
            .collect();
        named
            .into_iter()
            .map(|(definition, source)| Method {
                of: definition.this_type.clone(),
                function: self.number(&definition, &source, true),
            })
            .collect()
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
            let source = module.id().unwrap_or_default();
            let function = self.number(definition, source, false);
            let method = has_this(definition).then(|| self.number(definition, source, true));
            let closure = Closure { function, method, parameters: definition.params.len() };
            self.closures.insert(name.into(), closure);
        }
    }

    /// Whether the script has a function that a method call of this name may mean.
    pub(super) fn may_be_method(&self, name: &str, arguments: usize) -> bool {
        self.named(name, arguments).next().is_some()
    }

    /// The value of an expression that depends on nothing but the surroundings.
    pub(super) fn value_of(&self, expr: &Expr) -> Result<Dynamic, Box<EvalAltResult>> {
        let (mut global, mut caches) = (self.global.clone(), rhai::Caches::new());
        let statement = [Stmt::Expr(Box::new(expr.clone()))];
        #[expect(deprecated, reason = "not deprecated but volatile; the version of rhai is pinned")]
        self.engine.eval_statements_raw(&mut global, &mut caches, &mut Scope::new(), &statement)
    }

    fn function(&mut self, waiting: &Waiting) -> Lowered<Function> {
        let Waiting { definition, source, is_method } = waiting;
        let statements = statements(definition);
        let mut lower = Lower::new(definition, source, *is_method, self);
        let code = lower.statements(&statements, true)?;
        Ok(Function {
            name: definition.name.clone(),
            source: source.clone(),
            weight: lower.nodes,
            is_empty: statements.is_empty(),
            is_method: *is_method,
            code,
        })
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
