//! What stands around functions: libraries, imports and constants; and the functions in namespaces.
//!
//! Rhai puts the surroundings of an imported function around those of its caller for the time of the call.
//! So a function is compiled once for each way on which it is reached, and a call of an imported one does
//! what Rhai does.
//!
//! - Rhai remembers functions by name and number of parameters alone. Where an imported library has one
//!   that others around it have as well, which of them is called depends on what ran before: such libraries
//!   are left to Rhai.
//! - So is an imported function that calls what only its callers have.

use std::{
    any::TypeId,
    collections::{HashMap, HashSet},
};

use rhai::{
    Dynamic, EncapsulatedEnviron, Engine, EvalAltResult, Expr, FnArgsVec, FnCallExpr,
    GlobalRuntimeState, ImmutableString, Module, Position, RhaiFunc, ScriptFuncDef, Shared, Stmt,
};

use super::{
    Obstacle,
    graph::{Compiler, statements},
    known::hash_of,
    vm::{Out, Vm},
};

/// A name for functions of which only the types matter.
const ANY: &str = "any";

/// How many parameters of a function Rhai tries as ones of any type.
const MOST_DYNAMIC: usize = 16;

/// How many sets of surroundings there may be for one program.
const MOST_ENTERED: usize = 64;

/// Surroundings that functions run in.
pub(super) struct Environment {
    pub(super) global: GlobalRuntimeState,
    /// How many of its libraries are those of callers.
    pub(super) inherited: usize,
    /// The surroundings that are entered from here.
    entered: HashMap<*const EncapsulatedEnviron, Shared<Entry>>,
}

impl Environment {
    pub(super) fn new(global: GlobalRuntimeState, inherited: usize) -> Self {
        Self { global, inherited, entered: HashMap::new() }
    }

    /// The libraries that are not those of callers.
    pub(super) fn own(&self) -> &[Shared<Module>] {
        self.global.lib.get(self.inherited..).unwrap_or_default()
    }
}

/// How the surroundings of an imported function are entered.
pub(super) struct Entry {
    environment: usize,
    source: Option<ImmutableString>,
    environ: Shared<EncapsulatedEnviron>,
}

impl Entry {
    /// Puts the surroundings around those that are there.
    fn enter(&self, global: &mut GlobalRuntimeState) {
        global.source.clone_from(&self.source);
        for (name, module) in &self.environ.imports {
            global.push_import(name.clone(), Shared::clone(module));
        }
        global.lib.extend(self.environ.lib.iter().cloned());
        global.constants.clone_from(&self.environ.constants);
    }
}

/// What a call with a namespace means.
pub(super) enum Qualified {
    /// A function that is compiled too.
    Script(usize, Shared<Entry>),
    /// Natives, by the types they are called with; or nothing, which Rhai says.
    Natives(Namespace),
}

/// A namespace with the key of a name in it.
pub(super) struct Namespace {
    pub(super) name: ImmutableString,
    /// The module alone.
    module: Shared<GlobalRuntimeState>,
    /// What the key of a function differs in from that of one called [`ANY`] for the same types.
    key: u64,
}

impl Namespace {
    /// The native for these types.
    pub(super) fn native(&self, types: &[TypeId]) -> Option<(RhaiFunc, Option<ImmutableString>)> {
        let dynamic = types.len().min(MOST_DYNAMIC);
        (0..1_usize << dynamic).find_map(|mask| {
            let is_any = |at: usize| at < dynamic && mask & (1 << (dynamic - at - 1)) != 0;
            let types: FnArgsVec<TypeId> = types
                .iter()
                .enumerate()
                .map(|(at, kind)| if is_any(at) { TypeId::of::<Dynamic>() } else { *kind })
                .collect();
            let key = hash_of(ANY, &types)? ^ self.key;
            let (function, source) = self.module.get_qualified_fn(key, false)?;
            function.is_native().then(|| (function.into_owned(), source.cloned()))
        })
    }
}

/// The key of a function of so many parameters that is called [`ANY`], without their types.
fn bare(arguments: usize) -> Option<u64> {
    let call = format!("{ANY}({})", "0,".repeat(arguments));
    let tree = Engine::new_raw().compile_expression(call).ok()?;
    match tree.statements().first()? {
        Stmt::FnCall(call, _) => Some(call.hashes.native()),
        Stmt::Expr(expr) => match &**expr {
            Expr::FnCall(call, _) => Some(call.hashes.native()),
            _ => None,
        },
        _ => None,
    }
}

/// Names and numbers of parameters of the functions of a library.
fn names(library: &Module) -> impl Iterator<Item = (&str, usize)> {
    library.iter_script_fn_info().map(|(_, _, name, parameters, _)| (name, parameters))
}

/// The name of a function that libraries both have, if there is one.
fn overlap(one: &[Shared<Module>], other: &[Shared<Module>]) -> Option<String> {
    let of_one: HashSet<_> = one.iter().flat_map(|library| names(library)).collect();
    let mut others = other.iter().flat_map(|library| names(library));
    others.find(|name| of_one.contains(name)).map(|(name, _)| name.to_owned())
}

/// Why functions of a library are left to Rhai that has a function of the same name as another.
fn ambiguous(name: &str) -> String {
    format!("the script or another library has a `{name}`, too, as its library has")
}

impl Compiler<'_> {
    /// The surroundings of the function at hand.
    pub(super) fn here(&self) -> &Environment {
        &self.environments[self.at]
    }

    /// What a call with a namespace means; `None` where Rhai has to do it.
    pub(super) fn qualified(&mut self, call: &FnCallExpr) -> Option<Qualified> {
        let module = self.module_of(call)?;
        let alone = self.alone(&module);
        let key = call.hashes.native();
        if let Some((function, source)) = alone.get_qualified_fn(key, false) {
            let RhaiFunc::Script { fn_def, env } = &*function else { return None };
            let entry = match self.entry(env.as_ref()?, source.cloned()) {
                Ok(entry) => entry,
                Err(why) => {
                    self.leave_imported(fn_def, source.map(ImmutableString::as_str), why);
                    return None;
                }
            };
            let number = self.imported(fn_def, &entry)?;
            return Some(Qualified::Script(number, entry));
        }
        let arguments = call.args.len();
        let known = self.bare.get(&arguments).copied();
        let bare = known.or_else(|| bare(arguments))?;
        self.bare.insert(arguments, bare);
        let name = call.namespace.to_string().into();
        Some(Qualified::Natives(Namespace { name, module: alone, key: key ^ bare }))
    }

    /// The module that a namespace begins with, as Rhai finds it.
    fn module_of(&self, call: &FnCallExpr) -> Option<Shared<Module>> {
        let global = &self.here().global;
        let indexed = call.namespace.index.filter(|_| !global.always_search_scope);
        let indexed = indexed.and_then(|index| global.num_imports().checked_sub(index.get()));
        if let Some(module) = indexed.and_then(|at| global.get_shared_import(at)) {
            return Some(module);
        }
        let root = call.namespace.path.first()?.name.as_str();
        if let Some(at) = global.find_import(root) {
            return global.get_shared_import(at);
        }
        let mut named = self.namespaces.iter();
        named.find(|(name, _)| name == root).map(|(_, module)| Shared::clone(module))
    }

    fn alone(&mut self, module: &Shared<Module>) -> Shared<GlobalRuntimeState> {
        let engine = self.engine;
        let alone = self.alone.entry(Shared::as_ptr(module)).or_insert_with(|| {
            let mut global = engine.new_global_runtime_state();
            global.push_import("", Shared::clone(module));
            global.into()
        });
        Shared::clone(alone)
    }

    /// Says why an imported function is left to Rhai, at its beginning.
    fn leave_imported(
        &mut self,
        definition: &Shared<ScriptFuncDef>,
        file: Option<&str>,
        why: String,
    ) {
        let begins = statements(definition).first().map_or(Position::NONE, Stmt::position);
        self.leave(Obstacle {
            function: definition.name.to_string(),
            what: why,
            file: file.unwrap_or_default().to_owned(),
            position: begins,
        });
    }

    /// How surroundings are entered from those at hand, or why Rhai has to do it.
    fn entry(
        &mut self,
        environ: &Shared<EncapsulatedEnviron>,
        source: Option<ImmutableString>,
    ) -> Result<Shared<Entry>, String> {
        let key = Shared::as_ptr(environ);
        if let Some(entry) = self.here().entered.get(&key) {
            return Ok(Shared::clone(entry));
        }
        let libraries = environ.lib.as_slice();
        let mut known =
            libraries.iter().filter_map(|library| self.ambiguous.get(&Shared::as_ptr(library)));
        let known = known.next().cloned();
        if let Some(name) = known.or_else(|| overlap(&self.here().global.lib, libraries)) {
            return Err(ambiguous(&name));
        }
        if self.environments.len() > MOST_ENTERED {
            return Err(format!("libraries are reached on more than {MOST_ENTERED} ways"));
        }
        let others = self.environments.iter().skip(1).map(Environment::own);
        let mut others = others.filter(|own| !same(own, libraries));
        if let Some((other, name)) = others.find_map(|own| Some((own, overlap(own, libraries)?))) {
            // What was compiled of the other one is not to be, either: all begins again.
            let both = other.iter().chain(libraries).map(Shared::as_ptr);
            let both: Vec<_> = both.map(|library| (library, name.clone())).collect();
            self.ambiguous.extend(both);
            self.begins_again = true;
            return Err(ambiguous(&name));
        }
        let entry =
            Entry { environment: self.environments.len(), source, environ: Shared::clone(environ) };
        let mut global = self.here().global.clone();
        let inherited = global.lib.len();
        entry.enter(&mut global);
        let entry = Shared::new(entry);
        let at = self.at;
        self.environments[at].entered.insert(key, Shared::clone(&entry));
        self.environments.push(Environment::new(global, inherited));
        Ok(entry)
    }

    /// The number of an imported function, if it can be compiled with all that it calls.
    fn imported(&mut self, definition: &Shared<ScriptFuncDef>, entry: &Entry) -> Option<usize> {
        let environment = entry.environment;
        let last = entry.environ.lib.last().and_then(|library| library.id());
        let source = last.or(entry.source.as_deref()).unwrap_or_default();
        if !self.can_be_imported(definition, source, environment) {
            return None;
        }
        Some(self.number_in(definition, source, false, environment))
    }
}

fn same(one: &[Shared<Module>], other: &[Shared<Module>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| Shared::ptr_eq(a, b))
}

impl Vm<'_> {
    /// Calls an imported function whose arguments are the top of the stack.
    pub(super) fn call_imported(
        &mut self,
        function: usize,
        entry: &Entry,
        start: usize,
        position: Position,
    ) -> Out {
        // Rhai looks at the depth before it looks at whether there is anything to do.
        if self.host.global.level >= self.most_levels {
            self.shorten(start);
            return self.fail(EvalAltResult::ErrorStackOverflow(position));
        }
        let global = &mut *self.host.global;
        let (libraries, imports) = (global.lib.len(), global.num_imports());
        let (source, constants) = (global.source.clone(), global.constants.clone());
        entry.enter(global);
        let environment = std::mem::replace(&mut self.host.environment, entry.environment);
        let out = self.call(function, start, position);
        self.host.environment = environment;
        let global = &mut *self.host.global;
        global.lib.truncate(libraries);
        global.truncate_imports(imports);
        global.source = source;
        global.constants = constants;
        out
    }
}
