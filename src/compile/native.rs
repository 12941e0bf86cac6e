//! Calls of native functions, and the nodes that are left to Rhai.
//!
//! [`Interpreted`] is one node of the syntax tree with variables in place of its operands: Rhai evaluates
//! it, and so decides which function it means and which error it raises. On the way Rhai writes the
//! function it found into its cache. [`Site`] takes it from there, and calls it itself from then on, as
//! long as the types of the arguments stay what they were.

use std::{
    any::TypeId,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use rhai::{
    Dynamic, EvalAltResult, Expr, FnArgsVec, ImmutableString, NativeCallContext, Position,
    RhaiFunc, Scope, Stmt,
};

use super::{
    Callee,
    environment::Namespace,
    handed::{Calls, handed},
    known::{Known, enter, hash_of, unreachable_known},
    vm::Host,
};

/// What a native or the interpreter gives.
pub(super) type Given<T> = Result<T, Box<EvalAltResult>>;

/// How many sets of types a call remembers.
const REMEMBERED: usize = 3;

/// How often a call looks for its function in Rhai's cache and does not find it, before it gives up: there
/// may be none.
const MOST_MISSES: u8 = 8;

/// How many bits the filter of Rhai's cache has.
const FILTER_BITS: u64 = 512;

/// The name of the variable that stands for an operand; no script can have such names.
pub(super) fn operand_name(index: usize) -> ImmutableString {
    format!("${index}").into()
}

/// A variable without a place, which Rhai looks for by its name.
pub(super) fn variable(name: ImmutableString, position: Position) -> Expr {
    Expr::Variable(Box::new((None, name, rhai::Namespace::NONE, 0)), None, position)
}

/// A node that Rhai evaluates, with variables for its operands.
pub(super) struct Interpreted {
    statements: Vec<Stmt>,
    names: Box<[ImmutableString]>,
}

impl Interpreted {
    /// `statement` has the variables `names`, in the order of the operands.
    pub(super) fn new(statement: Stmt, names: Vec<ImmutableString>) -> Self {
        Self { statements: vec![statement], names: names.into() }
    }

    /// The value of the node. The operands are taken; the first is put back as the node left it.
    pub(super) fn run(&self, host: &mut Host<'_>, operands: &mut [&mut Dynamic]) -> Given<Dynamic> {
        let mut scope = Scope::new();
        // A variable that closures share is changed where it is, so it need not come back.
        let shared =
            operands.first().filter(|first| first.is_shared()).map(|first| (**first).clone());
        for (name, operand) in self.names.iter().zip(operands.iter_mut()) {
            scope.push_dynamic(name.as_str(), std::mem::take(*operand));
        }
        #[expect(deprecated, reason = "not deprecated but volatile; the version of rhai is pinned")]
        let result =
            host.engine.eval_statements_raw(host.global, host.caches, &mut scope, &self.statements);
        if let (Some(name), Some(operand)) = (self.names.first(), operands.first_mut()) {
            let left = shared.or_else(|| scope.remove::<Dynamic>(name));
            **operand = left.unwrap_or_default();
        }
        result
    }
}

/// How the first argument of a call is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// A value that nobody else has.
    Own,
    /// A variable or a part of one, which a method may change.
    Place,
}

/// One call of a native function in the text.
pub(super) struct Site {
    name: ImmutableString,
    position: Position,
    interpreted: Interpreted,
    /// Where the function is, if its name has a namespace.
    namespace: Option<Namespace>,
    known: [OnceLock<Known>; REMEMBERED],
    /// Rhai does more than to call a function here, so it is always asked.
    always_interpreted: AtomicBool,
    /// How often the function was not in Rhai's cache.
    misses: AtomicU8,
}

/// Functions after which Rhai prints what they give.
const PRINTING: [&str; 2] = ["print", "debug"];

impl Site {
    pub(super) fn new(name: ImmutableString, position: Position, interpreted: Interpreted) -> Self {
        let always_interpreted = AtomicBool::new(PRINTING.contains(&name.as_str()));
        Self {
            name,
            position,
            interpreted,
            namespace: None,
            known: [const { OnceLock::new() }; REMEMBERED],
            always_interpreted,
            misses: AtomicU8::new(0),
        }
    }

    /// The same for a function of a namespace.
    pub(super) fn within(self, namespace: Namespace) -> Self {
        // Nothing is printed after a function of a namespace, whatever its name.
        let always_interpreted = AtomicBool::new(false);
        Self { namespace: Some(namespace), always_interpreted, ..self }
    }

    /// Whether Rhai hands a variable that may not be changed over as it is.
    pub(super) fn takes_constants(&self) -> bool {
        self.namespace.is_some()
    }

    /// Where the call stands.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    fn known(&self, arguments: &[&mut Dynamic]) -> Option<&Known> {
        if self.always_interpreted.load(Ordering::Relaxed) {
            return None;
        }
        for known in &self.known {
            let known = known.get()?;
            if known.types.len() == arguments.len()
                && known.types.iter().zip(arguments).all(|(kind, value)| *kind == value.type_id())
            {
                return Some(known);
            }
        }
        None
    }

    /// Whether it was found to be a function of Rhai's own for an array and a closure.
    pub(super) fn is_built_in(&self) -> bool {
        let wanted = [TypeId::of::<rhai::Array>(), TypeId::of::<rhai::FnPtr>()];
        self.known.iter().filter_map(OnceLock::get).any(|known| {
            known.types.starts_with(&wanted)
                && matches!(known.function, RhaiFunc::Plugin { .. } | RhaiFunc::StaticPlugin { .. })
        })
    }

    /// Whether a function of Rhai's own is known for two arguments of these types.
    #[inline]
    pub(super) fn is_own_for(&self, types: [TypeId; 2]) -> bool {
        self.known.iter().map_while(OnceLock::get).any(|known| {
            known.types.as_slice() == types.as_slice()
                && matches!(known.function, RhaiFunc::Plugin { .. } | RhaiFunc::StaticPlugin { .. })
        })
    }

    /// Whether a function is known for these arguments, and whether it may change the first.
    pub(super) fn changes_first(&self, arguments: &[&mut Dynamic]) -> Option<bool> {
        self.known(arguments).map(|known| known.is_method)
    }

    /// Calls the function if it is known for these arguments.
    pub(super) fn call_known(
        &self,
        host: &mut Host<'_>,
        first: First,
        arguments: &mut [&mut Dynamic],
    ) -> Option<Given<Dynamic>> {
        // Rhai refuses a closure whose variables are in use by the call itself.
        let in_use = |value: &Dynamic| value.is_shared() || value.is_fnptr() && value.is_locked();
        if arguments.iter().any(|argument| in_use(argument)) {
            return None;
        }
        let known = self.known(arguments)?;
        Some(self.invoke(known, host, first, arguments))
    }

    /// Calls the function, asking Rhai which it is if it is not known yet.
    pub(super) fn call(
        &self,
        host: &mut Host<'_>,
        first: First,
        arguments: &mut [&mut Dynamic],
    ) -> Given<Dynamic> {
        if let Some(result) = self.call_known(host, first, arguments) {
            return result;
        }
        if self.look_up(host, arguments)
            && let Some(result) = self.call_known(host, first, arguments)
        {
            return result;
        }
        self.ask(host, arguments)
    }

    /// Looks for the function in its namespace; false if it has none, or there is none for these arguments.
    fn look_up(&self, host: &Host<'_>, arguments: &[&mut Dynamic]) -> bool {
        let Some(namespace) = &self.namespace else { return false };
        if !self.can_learn(arguments) || self.misses.load(Ordering::Relaxed) >= MOST_MISSES {
            return false;
        }
        let types: FnArgsVec<TypeId> =
            arguments.iter().map(|argument| argument.type_id()).collect();
        let Some((function, source)) = namespace.native(&types) else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        self.keep(host, Known::new(types, &function, source))
    }

    fn invoke(
        &self,
        known: &Known,
        host: &mut Host<'_>,
        first: First,
        arguments: &mut [&mut Dynamic],
    ) -> Given<Dynamic> {
        // A function that is no method may take its arguments away.
        let copies = first == First::Place && !known.is_method;
        if !known.is_pure && !copies && arguments.first().is_some_and(|first| first.is_read_only())
        {
            return Err(self.not_pure());
        }
        for (at, calls) in &known.calls {
            // Only what is handed over as a value: a variable stays what it is.
            if let Some(argument) =
                arguments.get_mut(*at).filter(|_| *at > 0 || first == First::Own)
                && let Some(handed) = handed(host, argument, *calls)
            {
                **argument = handed;
            }
        }
        host.global.level += 1;
        let result = {
            let context = known.has_context.then(|| {
                NativeCallContext::new_with_all_fields(
                    host.engine,
                    &self.name,
                    known.source.as_deref(),
                    host.global,
                    self.position,
                )
            });
            match arguments {
                [place, rest @ ..] if copies => {
                    let mut copy = place.clone();
                    let mut arguments: FnArgsVec<&mut Dynamic> =
                        FnArgsVec::with_capacity(rest.len() + 1);
                    arguments.push(&mut copy);
                    arguments.extend(rest.iter_mut().map(|argument| &mut **argument));
                    enter(&known.function, context, &mut arguments)
                }
                _ => enter(&known.function, context, arguments),
            }
        };
        host.global.level -= 1;
        match result {
            // Rhai gives no position to what a function of a namespace raises.
            Err(error) if self.namespace.is_none() => Err(filled(error, self.position)),
            result => result,
        }
    }

    /// The arguments in which a function is handed functions that it calls.
    fn calls(&self, host: &Host<'_>, known: &Known) -> Box<[(usize, Calls)]> {
        let is_rhais =
            matches!(known.function, RhaiFunc::Plugin { .. } | RhaiFunc::StaticPlugin { .. });
        let on = |kind: TypeId| known.types.first().is_some_and(|first| *first == kind);
        let on_map = on(TypeId::of::<rhai::Map>());
        let namespace = self.namespace.as_ref().map_or("", |namespace| namespace.name.as_str());
        let callee = Callee { namespace, name: &self.name };
        let functions = known.types.iter().enumerate();
        let functions = functions.filter(|(_, kind)| **kind == TypeId::of::<rhai::FnPtr>());
        functions
            .filter_map(|(at, _)| match is_rhais {
                true if on_map || on(TypeId::of::<rhai::Array>()) => {
                    Calls::of_rhai(&self.name, on_map).map(|calls| (at, calls))
                }
                true => None,
                false => (host.program.hooks.calls)(callee, at).map(|calls| (at, calls)),
            })
            .collect()
    }

    #[cold]
    fn not_pure(&self) -> Box<EvalAltResult> {
        let name = self.name.to_string();
        Box::new(EvalAltResult::ErrorNonPureMethodCallOnConstant(name, self.position))
    }

    /// Lets Rhai evaluate the call, and remembers which function it found.
    pub(super) fn ask(
        &self,
        host: &mut Host<'_>,
        arguments: &mut [&mut Dynamic],
    ) -> Given<Dynamic> {
        let Some((types, hash)) = self.learnable(arguments) else {
            return self.interpreted.run(host, arguments);
        };
        // Rhai keeps only what it meets a second time; this makes it the second time.
        host.caches.fn_resolution_cache_mut().bloom_filter.mark(hash);
        let result = self.interpreted.run(host, arguments);
        self.remember(host, types, hash);
        result
    }

    /// Takes the function for these arguments from Rhai's cache, without a call; false if it is not there.
    /// Then Rhai, who must be asked now, will put it there.
    pub(super) fn learn(&self, host: &mut Host<'_>, arguments: &[&mut Dynamic]) -> bool {
        if self.misses.load(Ordering::Relaxed) >= MOST_MISSES {
            return false;
        }
        let Some((types, hash)) = self.learnable(arguments) else { return false };
        if self.remember(host, types, hash) {
            return true;
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        // Rhai keeps only what it meets a second time, and this makes all the second time: so no other step
        // of the same chain is found missing when a getter before it has been called here.
        let filter = &mut host.caches.fn_resolution_cache_mut().bloom_filter;
        for hash in 0..FILTER_BITS {
            filter.mark(hash);
        }
        false
    }

    /// Whether one more function can be remembered, and these arguments tell which.
    fn can_learn(&self, arguments: &[&mut Dynamic]) -> bool {
        !self.always_interpreted.load(Ordering::Relaxed)
            && self.known.iter().any(|known| known.get().is_none())
            && !arguments.iter().any(|argument| argument.is_shared())
    }

    /// The types of arguments and the key of a function for them, if one more can be remembered.
    fn learnable(&self, arguments: &[&mut Dynamic]) -> Option<(FnArgsVec<TypeId>, u64)> {
        if self.namespace.is_some() || !self.can_learn(arguments) {
            return None;
        }
        let types: FnArgsVec<TypeId> =
            arguments.iter().map(|argument| argument.type_id()).collect();
        let hash = hash_of(&self.name, &types)?;
        Some((types, hash))
    }

    /// Remembers the function that Rhai's cache holds under a key, if it does.
    fn remember(&self, host: &mut Host<'_>, types: FnArgsVec<TypeId>, hash: u64) -> bool {
        let found = host.caches.fn_resolution_cache_mut().dict.get(&hash).and_then(Option::as_ref);
        let Some(found) = found.filter(|found| found.func.is_native()) else { return false };
        let known = Known::new(types, &found.func, found.source.clone());
        self.keep(host, known)
    }

    /// Remembers a function; false if there is no room.
    fn keep(&self, host: &Host<'_>, mut known: Known) -> bool {
        known.calls = self.calls(host, &known);
        let mut known = Some(known);
        for place in &self.known {
            if place.get().is_some() {
                continue;
            }
            // Another thread may have been faster, and then the next place is tried.
            place.get_or_init(|| known.take().unwrap_or_else(unreachable_known));
            if known.is_none() {
                return true;
            }
        }
        false
    }
}

/// The error with this position, if it has none.
#[cold]
pub(super) fn filled(mut error: Box<EvalAltResult>, position: Position) -> Box<EvalAltResult> {
    if error.position().is_none() {
        error.set_position(position);
    }
    error
}
