//! A script function that is called later, in the surroundings it was registered in.
//!
//! Rhai's own `FnPtr::call` would lose the imports, constants and functions around the closure, so they
//! are kept with it.

use std::sync::{Arc, Mutex, PoisonError};

use rhai::{
    AST, ASTNode, Caches, Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState,
    ImmutableString, Module, NativeCallContext, Position, Scope, ScriptFuncDef, Shared, Stmt,
};

use super::{
    compared::{Compared, Difference},
    raise,
};
use crate::{
    compile::{self, Hooks, Modules, Obstacle, Program, Run, Stack},
    host::{closures, current, request::lend},
    script::{Native, budget, cells, effect, unshare},
};

/// How many sets of surroundings are kept for calls to come.
const MOST_KEPT: usize = 64;

/// How many names of functions a set of surroundings may remember and be kept.
const MOST_NAMES: usize = 1024;

/// A function to call later.
///
/// Its statements are evaluated in surroundings that are kept from one call to the next, with all
/// functions that were looked up: Rhai itself would look them up again at each call.
pub(crate) struct Callback {
    function: FnPtr,
    parameters: Vec<ImmutableString>,
    statements: Vec<Stmt>,
    surroundings: GlobalRuntimeState,
    #[expect(clippy::vec_box, reason = "they are moved in and out at each call")]
    kept: Mutex<Vec<Box<Run>>>,
    definition: Shared<ScriptFuncDef>,
    form: Form,
    compared: Option<Compared>,
    takes: usize,
    file: String,
    position: Position,
}

/// How a function is evaluated.
enum Form {
    /// By Rhai, because nobody asked for anything else.
    Interpreted,
    /// By Rhai, because it cannot be compiled.
    Refused(Obstacle),
    /// As it was compiled.
    Compiled(Arc<Program>),
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:?}", self.file, self.position)
    }
}

impl Callback {
    /// Keeps `function` as it is at this point of the load; it may take up to `most` arguments.
    pub(crate) fn new(
        context: &NativeCallContext,
        mut function: FnPtr,
        most: usize,
    ) -> Native<Self> {
        let surroundings = context.global_runtime_state().clone();
        let captured = function.curry().len();
        let definition = surroundings
            .lib
            .iter()
            .rev()
            .flat_map(|module| module.iter_script_fn_info())
            .map(|(.., definition)| definition)
            .filter(|definition| definition.name == function.fn_name())
            .max_by_key(|definition| {
                let takes = definition.params.len().saturating_sub(captured);
                (takes <= most, takes)
            })
            .cloned();
        let Some(definition) = definition else {
            return Err(raise(format!(
                "`{}` is not a function of this script: pass a closure, or a function by its bare name",
                function.fn_name()
            )));
        };
        let takes = definition.params.len().saturating_sub(captured);
        if takes > most {
            let closure = match most {
                0 => "`|| …`",
                1 => "`|req| …` or `|| …`",
                _ => "`|req, res| …`",
            };
            return Err(raise(format!(
                "this function takes {takes} arguments; it must be {closure}"
            )));
        }
        if !unshare::captured(&mut function) {
            return Err(raise(format!(
                "this function captures values that are nested deeper than {} levels",
                unshare::DEEPEST
            )));
        }
        Ok(Self {
            parameters: definition.params.iter().cloned().collect(),
            statements: statements(&definition),
            definition,
            form: Form::Interpreted,
            compared: None,
            function,
            surroundings,
            kept: Mutex::default(),
            takes,
            file: context.call_source().unwrap_or_default().to_owned(),
            position: context.call_position(),
        })
    }

    /// The file of the call that registered it, relative to the plugin folder.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Where it was registered.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The function's name, which Rhai gives to closures too.
    pub(crate) fn name(&self) -> &str {
        self.function.fn_name()
    }

    /// How many variables it captured.
    pub(crate) fn captured(&self) -> usize {
        self.function.curry().len()
    }

    /// Calls it with as many of the arguments as it takes.
    pub(crate) fn call<const N: usize>(
        &self,
        engine: &Engine,
        arguments: [Dynamic; N],
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut surroundings = self.take();
        let given =
            self.function.curry().iter().cloned().chain(arguments.into_iter().take(self.takes));
        let result = match (&self.form, &self.compared) {
            (Form::Compiled(program), None) => {
                surroundings.stack.extend(given);
                program.run(engine, &mut surroundings)
            }
            (Form::Compiled(program), Some(compared)) => {
                self.run_both(engine, program, compared, &mut surroundings, given.collect())
            }
            _ => self.interpret(engine, &mut surroundings, given),
        };
        match result {
            // Names that a script makes up must not be remembered for ever.
            Ok(value) if surroundings.caches.fn_resolution_cache_mut().dict.len() > MOST_NAMES => {
                Ok(value)
            }
            Ok(value) => {
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() < MOST_KEPT {
                    kept.push(surroundings);
                }
                Ok(value)
            }
            // What an error may have left half done is not used again.
            Err(error) if is_of_the_system(&error) => Err(error),
            Err(error) => Err(Box::new(EvalAltResult::ErrorInFunctionCall(
                self.function.fn_name().to_owned(),
                self.surroundings.source().unwrap_or(&self.file).to_owned(),
                error,
                self.position,
            ))),
        }
    }

    /// Compiles it if that is possible. Its constants are taken as they are now, so the top level must
    /// have run.
    pub(crate) fn compile(&mut self, engine: &Engine, modules: Modules<'_>) {
        let hooks = Hooks {
            operations: budget::ticks,
            is_full: budget::is_full,
            lend: lend::lend,
            calls: closures::calls,
            share: cells::share,
        };
        let (global, captured) = (&self.surroundings, self.function.curry());
        let compiled = compile::compile(engine, global, &self.definition, captured, modules, hooks);
        self.form = match compiled {
            Ok(program) => Form::Compiled(program),
            Err(obstacle) => Form::Refused(obstacle),
        };
    }

    /// From now on, what it comes to compiled is held against what the interpreter makes of the same call,
    /// wherever the call has no effects.
    pub(crate) fn compare(&mut self) {
        if matches!(self.form, Form::Compiled(_)) {
            self.compared = Some(Compared::default());
        }
    }

    /// What was found where it was held against the interpreter; `None` where it is not.
    pub(crate) fn compared(&self) -> Option<&Compared> {
        self.compared.as_ref()
    }

    /// Whether it runs compiled.
    pub(crate) fn is_compiled(&self) -> bool {
        matches!(self.form, Form::Compiled(_))
    }

    /// Why it is left to the interpreter although it was to be compiled, or why closures and imported
    /// functions are that it calls.
    pub(crate) fn obstacles(&self) -> &[Obstacle] {
        match &self.form {
            Form::Refused(obstacle) => std::slice::from_ref(obstacle),
            Form::Compiled(program) => program.left(),
            Form::Interpreted => &[],
        }
    }

    /// Runs it compiled. A call without effects is interpreted as well, unless a budget ended it, and both
    /// outcomes are compared; the first is what counts.
    fn run_both(
        &self,
        engine: &Engine,
        program: &Arc<Program>,
        compared: &Compared,
        run: &mut Run,
        given: Vec<Dynamic>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let again = given.clone();
        run.stack.extend(given);
        let (result, had_effects) = effect::watch(|| program.run(engine, run));
        if had_effects || result.as_ref().is_err_and(|error| is_of_the_system(error)) {
            return result;
        }
        let mut fresh = self.take();
        let (expected, had_effects) =
            effect::watch(|| self.interpret(engine, &mut fresh, again.into_iter()));
        let is_whole =
            !had_effects && !expected.as_ref().is_err_and(|error| is_of_the_system(error));
        let difference = is_whole.then(|| compared.compare(&result, &expected)).flatten();
        difference.inspect(|difference| self.tell(difference));
        result
    }

    fn tell(&self, difference: &Difference) {
        let (file, line) = (self.file(), self.position.line().unwrap_or_default());
        // What they give may be secret.
        let Difference { compiled, interpreted } = match current::is_development() {
            true => difference,
            false => &Difference::hidden(),
        };
        tracing::error!(
            file,
            line,
            compiled,
            interpreted,
            "self-check: compiled, this function gives something else than interpreted; report it, and set \
             `compile = false` for its plugin until it is mended"
        );
    }

    fn interpret(
        &self,
        engine: &Engine,
        run: &mut Run,
        given: impl Iterator<Item = Dynamic>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut scope = Scope::new();
        for (name, value) in self.parameters.iter().zip(given) {
            scope.push_dynamic(name.clone(), value);
        }
        #[expect(
            deprecated,
            reason = "the only way to keep what was looked up; the version of rhai is pinned"
        )]
        engine.eval_statements_raw(&mut run.global, &mut run.caches, &mut scope, &self.statements)
    }

    fn take(&self) -> Box<Run> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| {
            let mut global = self.surroundings.clone();
            // Inside a function: its constants are its own.
            global.level += 1;
            global.scope_level += 1;
            Box::new(Run { global, caches: Caches::new(), stack: Stack::default() })
        })
    }
}

/// Errors that end a script whatever it does, which keep the place where they arose.
fn is_of_the_system(error: &EvalAltResult) -> bool {
    matches!(
        error,
        EvalAltResult::ErrorTerminated(..)
            | EvalAltResult::ErrorStackOverflow(..)
            | EvalAltResult::ErrorTooManyOperations(..)
    )
}

/// The statements of a function, which Rhai shows only while its tree is walked.
fn statements(definition: &Shared<ScriptFuncDef>) -> Vec<Stmt> {
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
