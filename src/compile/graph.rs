//! Which functions a function calls, and what is known of all of them.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
};

use rhai::{
    AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, GlobalRuntimeState, ImmutableString,
    Module, Position, Scope, ScriptFuncDef, Shared, Stmt,
};

use super::{
    Function, Obstacle,
    environment::Environment,
    lower::{Lower, Lowered},
};

/// Functions and what is known of closures.
pub(super) type Functions = (Vec<Function>, Closures);

/// A function and all that it calls, itself first.
pub(super) fn functions(
    engine: &Engine,
    global: &GlobalRuntimeState,
    first: &Shared<ScriptFuncDef>,
    namespaces: &[(String, Shared<Module>)],
) -> Lowered<Functions> {
    let beginning = Beginning { engine, namespaces, attempt: Attempt::Whole };
    let source = global.source().unwrap_or_default();
    beginning.functions(first, source, || Environment::new(global.clone(), 0))
}

/// What is compiled beside the functions that are called by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// Closures too.
    Whole,
    /// Nothing, because all that is asked is whether it can be done.
    WithoutClosures,
}

/// What compiling begins with.
#[derive(Clone, Copy)]
struct Beginning<'c> {
    engine: &'c Engine,
    namespaces: &'c [(String, Shared<Module>)],
    attempt: Attempt,
}

impl Beginning<'_> {
    fn functions(
        self,
        first: &Shared<ScriptFuncDef>,
        source: &str,
        environment: impl Fn() -> Environment,
    ) -> Lowered<Functions> {
        let mut ambiguous = HashSet::new();
        loop {
            let mut compiler = Compiler {
                engine: self.engine,
                namespaces: self.namespaces,
                attempt: self.attempt,
                environments: vec![environment()],
                at: 0,
                strays: Cell::new(false),
                index: HashMap::new(),
                refused: HashSet::new(),
                waiting: Vec::new(),
                closures: HashMap::new(),
                alone: HashMap::new(),
                bare: HashMap::new(),
                ambiguous,
                begins_again: false,
            };
            compiler.number_in(first, source, false, 0);
            let mut done = Vec::new();
            while let Some(waiting) = compiler.waiting.get(done.len()).cloned() {
                done.push(compiler.function(&waiting)?);
                if compiler.begins_again {
                    break;
                }
            }
            if !compiler.begins_again {
                return Ok((done, compiler.closures));
            }
            ambiguous = compiler.ambiguous;
        }
    }
}

/// Compiled closures by their surroundings and their names.
pub(super) type Closures = HashMap<usize, HashMap<ImmutableString, Closure>>;

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
    environment: usize,
}

/// A function that is called on something.
pub(super) struct Method {
    /// The type that it is for, if not for all.
    pub(super) of: Option<ImmutableString>,
    pub(super) function: usize,
}

/// A function in its surroundings, and whether it is called on something, which is then `this`.
type Key = (*const ScriptFuncDef, bool, usize);

/// What is known of all functions.
pub(super) struct Compiler<'c> {
    pub(super) engine: &'c Engine,
    /// The modules of the host's natives by their names.
    pub(super) namespaces: &'c [(String, Shared<Module>)],
    attempt: Attempt,
    pub(super) environments: Vec<Environment>,
    /// The surroundings of the function at hand.
    pub(super) at: usize,
    /// Whether the function at hand calls what only callers in other files have.
    strays: Cell<bool>,
    index: HashMap<Key, usize>,
    /// Imported functions that cannot be compiled.
    refused: HashSet<Key>,
    /// All functions that are called, in the order of their numbers.
    waiting: Vec<Waiting>,
    closures: Closures,
    /// Modules alone, where Rhai looks for what is in them.
    pub(super) alone: HashMap<*const Module, Shared<GlobalRuntimeState>>,
    /// The keys of functions without a namespace, by their numbers of parameters.
    pub(super) bare: HashMap<usize, u64>,
    /// Libraries with functions of which others have some of the same names.
    pub(super) ambiguous: HashSet<*const Module>,
    pub(super) begins_again: bool,
}

impl Compiler<'_> {
    /// The number of a function of the surroundings at hand.
    fn number(
        &mut self,
        definition: &Shared<ScriptFuncDef>,
        source: &str,
        is_method: bool,
    ) -> usize {
        self.number_in(definition, source, is_method, self.at)
    }

    /// The number of a function in its surroundings.
    pub(super) fn number_in(
        &mut self,
        definition: &Shared<ScriptFuncDef>,
        source: &str,
        is_method: bool,
        environment: usize,
    ) -> usize {
        let next = self.waiting.len();
        let key = (Shared::as_ptr(definition), is_method, environment);
        let number = *self.index.entry(key).or_insert(next);
        if number == next {
            let (definition, source) = (Shared::clone(definition), source.into());
            self.waiting.push(Waiting { definition, source, is_method, environment });
        }
        number
    }

    /// Whether an imported function can be compiled with all that it calls.
    pub(super) fn can_be_imported(
        &mut self,
        definition: &Shared<ScriptFuncDef>,
        environment: usize,
    ) -> bool {
        let key = (Shared::as_ptr(definition), false, environment);
        if self.attempt == Attempt::WithoutClosures || self.index.contains_key(&key) {
            return true;
        }
        if self.refused.contains(&key) {
            return false;
        }
        let can_be = self.can_be(definition, environment);
        if !can_be {
            self.refused.insert(key);
        }
        can_be
    }

    fn can_be(&self, definition: &Shared<ScriptFuncDef>, environment: usize) -> bool {
        let Some(around) = self.environments.get(environment) else { return false };
        let attempt = Attempt::WithoutClosures;
        let beginning = Beginning { engine: self.engine, namespaces: self.namespaces, attempt };
        let environment = || Environment::new(around.global.clone(), around.inherited);
        beginning.functions(definition, "", environment).is_ok()
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
        let here = self.here();
        here.global.lib.iter().enumerate().rev().flat_map(move |(at, module)| {
            let functions = module.iter_script_fn_info().map(|(.., function)| function);
            functions
                .filter(move |function| function.name == name && function.params.len() == arguments)
                .inspect(move |_| self.strays.set(self.strays.get() || at < here.inherited))
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
        if self.can_be(&definition, self.at) {
            let function = self.number(&definition, &source, false);
            let method = has_this(&definition).then(|| self.number(&definition, &source, true));
            let closure = Closure { function, method, parameters: definition.params.len() };
            self.closures.entry(self.at).or_default().insert(name.into(), closure);
        }
    }

    /// Whether the script has a function that a method call of this name may mean.
    pub(super) fn may_be_method(&self, name: &str, arguments: usize) -> bool {
        self.named(name, arguments).next().is_some()
    }

    /// The value of an expression that depends on nothing but the surroundings.
    pub(super) fn value_of(&self, expr: &Expr) -> Result<Dynamic, Box<EvalAltResult>> {
        let (mut global, mut caches) = (self.here().global.clone(), rhai::Caches::new());
        let statement = [Stmt::Expr(Box::new(expr.clone()))];
        #[expect(deprecated, reason = "not deprecated but volatile; the version of rhai is pinned")]
        self.engine.eval_statements_raw(&mut global, &mut caches, &mut Scope::new(), &statement)
    }

    fn function(&mut self, waiting: &Waiting) -> Lowered<Function> {
        let Waiting { definition, source, is_method, environment } = waiting;
        self.at = *environment;
        self.strays.set(false);
        let statements = statements(definition);
        let mut lower = Lower::new(definition, source, *is_method, self);
        let code = lower.statements(&statements, true)?;
        let weight = lower.nodes;
        if self.strays.get() {
            return Err(Obstacle {
                function: definition.name.to_string(),
                what: "a call of a function of the script that imports it".to_owned(),
                file: source.to_string(),
                position: Position::NONE,
            });
        }
        Ok(Function {
            name: definition.name.clone(),
            source: source.clone(),
            weight,
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
