//! Which functions a function calls, and what is known of all of them.

mod closures;

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
};

use rhai::{
    AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, GlobalRuntimeState, ImmutableString,
    Module, Position, Scope, ScriptFuncDef, Shared, Stmt,
};

pub(super) use self::closures::{Closure, Closures};
use super::{
    Function, Obstacle,
    environment::Environment,
    lower::{Lower, Lowered},
};

/// Functions, what is known of closures, and what is not compiled of those that are called.
pub(super) struct Functions {
    pub(super) compiled: Vec<Function>,
    pub(super) closures: Closures,
    pub(super) left: Vec<Obstacle>,
}

/// A function that captured these values and all that it calls, itself first.
pub(super) fn functions(
    engine: &Engine,
    global: &GlobalRuntimeState,
    first: &Shared<ScriptFuncDef>,
    captured: &[Dynamic],
    namespaces: &[(String, Shared<Module>)],
) -> Lowered<Functions> {
    let beginning = Beginning { engine, namespaces, captured, attempt: Attempt::Whole };
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
    /// The values that hold closures from the beginning.
    captured: &'c [Dynamic],
    attempt: Attempt,
}

impl Beginning<'_> {
    fn functions(
        self,
        first: &Shared<ScriptFuncDef>,
        source: &str,
        environment: impl Fn() -> Environment,
    ) -> Lowered<Functions> {
        let mut ambiguous = HashMap::new();
        loop {
            let mut compiler = Compiler {
                engine: self.engine,
                namespaces: self.namespaces,
                attempt: self.attempt,
                environments: vec![environment()],
                at: 0,
                stray: Cell::new(None),
                index: HashMap::new(),
                refused: HashSet::new(),
                left: Vec::new(),
                waiting: Vec::new(),
                closures: HashMap::new(),
                alone: HashMap::new(),
                bare: HashMap::new(),
                ambiguous,
                begins_again: false,
            };
            compiler.number_in(first, source, false, 0);
            for value in self.captured {
                compiler.closures_in(value, 0);
            }
            let mut done = Vec::new();
            while let Some(waiting) = compiler.waiting.get(done.len()).cloned() {
                done.push(compiler.function(&waiting)?);
                if compiler.begins_again {
                    break;
                }
            }
            if !compiler.begins_again {
                let Compiler { closures, left, .. } = compiler;
                return Ok(Functions { compiled: done, closures, left });
            }
            ambiguous = compiler.ambiguous;
        }
    }
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
    /// Where the function at hand calls what only callers in other files have.
    stray: Cell<Option<Position>>,
    index: HashMap<Key, usize>,
    /// Imported functions that cannot be compiled.
    refused: HashSet<Key>,
    /// Why closures and imported functions are left to Rhai.
    left: Vec<Obstacle>,
    /// All functions that are called, in the order of their numbers.
    waiting: Vec<Waiting>,
    closures: Closures,
    /// Modules alone, where Rhai looks for what is in them.
    pub(super) alone: HashMap<*const Module, Shared<GlobalRuntimeState>>,
    /// The keys of functions without a namespace, by their numbers of parameters.
    pub(super) bare: HashMap<usize, u64>,
    /// Libraries with functions of which others have some of the same names, and one of those.
    pub(super) ambiguous: HashMap<*const Module, String>,
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

    /// Says why a function is left to Rhai where it is called.
    pub(super) fn leave(&mut self, obstacle: Obstacle) {
        if !self.left.contains(&obstacle) {
            self.left.push(obstacle);
        }
    }

    /// Whether an imported function can be compiled with all that it calls.
    pub(super) fn can_be_imported(
        &mut self,
        definition: &Shared<ScriptFuncDef>,
        source: &str,
        environment: usize,
    ) -> bool {
        let key = (Shared::as_ptr(definition), false, environment);
        if self.attempt == Attempt::WithoutClosures || self.index.contains_key(&key) {
            return true;
        }
        if self.refused.contains(&key) {
            return false;
        }
        let can_be = self.can_be(definition, source, environment);
        if !can_be {
            self.refused.insert(key);
        }
        can_be
    }

    /// Whether a function can be compiled with all that it calls; says why where it cannot be.
    fn can_be(
        &mut self,
        definition: &Shared<ScriptFuncDef>,
        source: &str,
        environment: usize,
    ) -> bool {
        let Some(around) = self.environments.get(environment) else { return false };
        let beginning = Beginning {
            engine: self.engine,
            namespaces: self.namespaces,
            captured: &[],
            attempt: Attempt::WithoutClosures,
        };
        let environment = || Environment::new(around.global.clone(), around.inherited);
        match beginning.functions(definition, source, environment) {
            Ok(_) => true,
            Err(obstacle) => {
                self.leave(obstacle);
                false
            }
        }
    }

    /// The function that a call by name means, if it is one of the script.
    pub(super) fn script_function(
        &mut self,
        name: &str,
        arguments: usize,
        position: Position,
    ) -> Option<usize> {
        let (definition, source) = self
            .named(name, arguments, position)
            .find(|(definition, _)| definition.this_type.is_none())
            .map(|(definition, source)| (Shared::clone(definition), source.to_owned()))?;
        Some(self.number(&definition, &source, false))
    }

    /// The functions of a name, those that Rhai would find first at the beginning.
    fn named(
        &self,
        name: &str,
        arguments: usize,
        position: Position,
    ) -> impl Iterator<Item = (&Shared<ScriptFuncDef>, &str)> {
        let here = self.here();
        here.global.lib.iter().enumerate().rev().flat_map(move |(at, module)| {
            let functions = module.iter_script_fn_info().map(|(.., function)| function);
            functions
                .filter(move |function| function.name == name && function.params.len() == arguments)
                .inspect(move |_| {
                    let stray = (at < here.inherited).then_some(position);
                    self.stray.set(self.stray.get().or(stray));
                })
                .map(|function| (function, module.id().unwrap_or_default()))
        })
    }

    /// The functions of the script that a method call may mean.
    pub(super) fn methods(
        &mut self,
        name: &str,
        arguments: usize,
        position: Position,
    ) -> Vec<Method> {
        let named: Vec<_> = self
            .named(name, arguments, position)
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

    /// Whether the script has a function that a method call of this name may mean.
    pub(super) fn may_be_method(&self, name: &str, arguments: usize, position: Position) -> bool {
        self.named(name, arguments, position).next().is_some()
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
        self.stray.set(None);
        let statements = statements(definition);
        let mut lower = Lower::new(definition, source, *is_method, self);
        let code = lower.statements(&statements, true)?;
        let weight = lower.nodes;
        if let Some(position) = self.stray.get() {
            return Err(Obstacle {
                function: definition.name.to_string(),
                what: "a call of a function of the script that imports it".to_owned(),
                file: source.to_string(),
                position,
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
