//! Functions of Rhai as closures of Rust, made once when a script is loaded.
//!
//! Rhai walks the syntax tree of a function each time it runs. Here the tree is walked once, and each of
//! its nodes becomes a closure that knows its operands: local variables are places on a stack, numbers
//! stay what they are, and a native function is remembered at its call by the types it was called with.
//! This module knows Rhai and nothing of what scripts are for.
//!
//! - What a program gives, and which error it raises where, is what Rhai gives and raises. Whatever is
//!   not done here is done by Rhai itself, on the one node at hand and with the same operands: see
//!   [`native::Interpreted`].
//! - A function is compiled with all functions that it calls, or not at all: [`Obstacle`] says why.
//! - A budget is asked through one function, see [`Hooks`], at each call, at each turn of a loop and before
//!   anything that takes memory.

mod assign;
mod builtin;
mod call;
mod chain;
mod chain_lower;
mod chain_method;
mod chain_short;
mod closures;
mod environment;
mod flow;
mod graph;
mod handed;
mod held;
mod iterate;
mod known;
mod literal;
mod lower;
mod lower_call;
mod lower_closures;
mod lower_expr;
mod lower_literal;
mod native;
mod operator;
mod part;
mod peek;
mod slot;
mod switch;
mod trial;
mod vm;

use std::sync::Arc;

use rhai::{
    Caches, Dynamic, Engine, EvalAltResult, GlobalRuntimeState, ImmutableString, Module, Position,
    ScriptFuncDef, Shared,
};

use self::vm::{Code, Host, Kind, Vm};
pub(crate) use self::{handed::Calls, slot::Stack};

/// What a program asks of who runs it.
#[derive(Clone, Copy)]
pub(crate) struct Hooks {
    /// So many operations more were done; `Some` ends the program with that token.
    ///
    /// One operation is one node of the syntax tree; a function and the body of a loop count as often as
    /// they are entered, with all their nodes.
    pub(crate) operations: fn(u64) -> Option<Dynamic>,
    /// Whether so much memory is held that `operations` must be asked now.
    pub(crate) is_full: fn() -> bool,
    /// Lends what is at the end of two properties of a value of the host's own, such as `x.a.b`, without
    /// the whole of `x.a` being made for it. `None` where it cannot, or where the looker gives none: then
    /// getters and indexers are called.
    ///
    /// What is lent is what the getter of the first property would have given, and that of the second: a
    /// property that there is not is `()`.
    pub(crate) lend: Lend,
    /// How a native of the host calls the function that is its argument of this number, counted from 0,
    /// if it does nothing else with it and not after it has returned.
    pub(crate) calls: fn(Callee<'_>, usize) -> Option<Calls>,
    /// Makes a variable shared, if it is not yet, because a closure captures it.
    pub(crate) share: fn(&mut Dynamic),
}

/// A native by its namespace, which is empty where it has none, and its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callee<'n> {
    /// The namespace.
    pub(crate) namespace: &'n str,
    /// The name.
    pub(crate) name: &'n str,
}

/// The second property of the first property of a value, shown to a looker; without one it is given itself.
pub(crate) type Lend = fn(&Dynamic, [&str; 2], Option<&mut Looker<'_>>) -> Option<Dynamic>;

/// Takes what it needs of a value.
pub(crate) type Looker<'l> = dyn FnMut(&Dynamic) -> Option<Dynamic> + 'l;

/// Why a function stays with the interpreter: what it has itself, or what a function has that it calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// The function, as Rhai names it.
    pub(crate) function: String,
    /// What cannot be compiled, in words.
    pub(crate) what: String,
    /// The file of the function.
    pub(crate) file: String,
    /// Where it stands.
    pub(crate) position: Position,
}

/// A function with all that it calls, ready to run on any thread.
pub(crate) struct Program {
    functions: Vec<Function>,
    closures: graph::Closures,
    left: Vec<Obstacle>,
    hooks: Hooks,
    /// Where types are found that can be iterated over.
    iterators: GlobalRuntimeState,
}

/// One function.
struct Function {
    name: ImmutableString,
    /// The file that it stands in, which errors carry.
    source: ImmutableString,
    code: Code,
    /// How many operations entering it counts as.
    weight: u32,
    /// Rhai does not even enter a function without statements.
    is_empty: bool,
    /// The first of its variables is `this`, which is left on the stack when it ends.
    is_method: bool,
}

/// What a program runs in and what it keeps from one run to the next.
pub(crate) struct Run {
    /// Rhai's own surroundings: libraries, imports, constants, the level of calls.
    pub(crate) global: GlobalRuntimeState,
    /// The functions that Rhai looked up.
    pub(crate) caches: Caches,
    /// The local variables; empty between runs.
    pub(crate) stack: Stack,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("functions", &self.functions.len()).finish_non_exhaustive()
    }
}

/// The modules of an engine, which Rhai does not show.
#[derive(Clone, Copy)]
pub(crate) struct Modules<'m> {
    /// Those that hold the types that can be iterated over.
    pub(crate) iterators: &'m [Shared<Module>],
    /// Those whose functions are called as `name::…`. Calls in others are left to Rhai.
    pub(crate) namespaces: &'m [(String, Shared<Module>)],
}

/// Compiles a function that captured these values as it would run in `global`, whose constants are taken as
/// they are now.
pub(crate) fn compile(
    engine: &Engine,
    global: &GlobalRuntimeState,
    function: &Shared<ScriptFuncDef>,
    captured: &[Dynamic],
    modules: Modules<'_>,
    hooks: Hooks,
) -> Result<Arc<Program>, Obstacle> {
    let graph::Functions { compiled: functions, closures, left } =
        graph::functions(engine, global, function, captured, modules.namespaces)?;
    let mut known = engine.new_global_runtime_state();
    for module in modules.iterators {
        known.push_import("", Shared::clone(module));
    }
    Ok(Arc::new(Program { functions, closures, left, hooks, iterators: known }))
}

impl Program {
    /// Why closures and imported functions that it calls stay with the interpreter.
    pub(crate) fn left(&self) -> &[Obstacle] {
        &self.left
    }

    /// What is known of a closure in these surroundings.
    fn closure(&self, environment: usize, name: &str) -> Option<graph::Closure> {
        self.closures.get(&environment)?.get(name).copied()
    }

    /// Runs it. The stack of `run` holds the arguments and is empty afterwards, whatever happens.
    ///
    /// Errors are as Rhai's would be inside the function: its caller wraps them.
    pub(crate) fn run(
        self: &Arc<Self>,
        engine: &Engine,
        run: &mut Run,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let stack = std::mem::take(&mut run.stack);
        let Run { global, caches, .. } = run;
        let host = Host { engine, program: self, global, caches, environment: 0 };
        let mut vm = Vm::new(host, stack);
        let out = match self.functions.first() {
            Some(function) if vm.spend(function.weight, Position::NONE) => (function.code)(&mut vm),
            Some(_) => vm::Out::FAIL,
            None => vm::Out::UNIT,
        };
        let result = match out.kind {
            Kind::Fail => match vm.error.take() {
                Some(error) => match *error {
                    EvalAltResult::Exit(value, _) => Ok(value),
                    error => Err(Box::new(error)),
                },
                None => Ok(Dynamic::UNIT),
            },
            _ => Ok(vm.value(out)),
        };
        run.stack = vm.into_stack();
        result
    }
}

#[cfg(test)]
mod tests;
