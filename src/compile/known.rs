//! Native functions that were found, and the keys by which Rhai finds them.

use std::{any::TypeId, sync::Arc};

use rhai::{
    Dynamic, EvalAltResult, FnArgsVec, FuncRegistration, ImmutableString, Module,
    NativeCallContext, Position, RhaiFunc,
};

use super::{handed::Calls, native::Given};

/// A function that was found for some types.
pub(super) struct Known {
    pub(super) types: FnArgsVec<TypeId>,
    pub(super) function: RhaiFunc,
    pub(super) source: Option<ImmutableString>,
    pub(super) has_context: bool,
    pub(super) is_pure: bool,
    pub(super) is_method: bool,
    /// The arguments in which it is handed functions, and how it calls them.
    pub(super) calls: Box<[(usize, Calls)]>,
}

impl Known {
    pub(super) fn new(
        types: FnArgsVec<TypeId>,
        function: &RhaiFunc,
        source: Option<ImmutableString>,
    ) -> Self {
        Self {
            types,
            calls: Box::default(),
            has_context: function.has_context(),
            is_pure: function.is_pure(),
            is_method: function.is_method(),
            source,
            function: function.clone(),
        }
    }
}

/// Never called: the place is initialised once with what was just made.
#[cold]
pub(super) fn unreachable_known() -> Known {
    Known::new(FnArgsVec::new(), &nothing(), None)
}

/// Calls it.
pub(super) fn enter(
    function: &RhaiFunc,
    context: Option<NativeCallContext<'_>>,
    arguments: &mut [&mut Dynamic],
) -> Given<Dynamic> {
    match function {
        RhaiFunc::Pure { func, .. } | RhaiFunc::Method { func, .. } => func(context, arguments),
        RhaiFunc::Plugin { func } => func.call(context, arguments),
        RhaiFunc::StaticPlugin { func } => func.call(context, arguments),
        _ => Err(Box::new(EvalAltResult::ErrorFunctionNotFound(String::new(), Position::NONE))),
    }
}

fn nothing() -> RhaiFunc {
    RhaiFunc::Pure {
        func: Arc::new(|_: Option<NativeCallContext<'_>>, _: &mut [&mut Dynamic]| {
            Ok(Dynamic::UNIT)
        }),
        has_context: false,
        is_pure: true,
        is_volatile: false,
    }
}

/// The key under which Rhai's cache holds the function of a name for these types.
///
/// Rhai does not show how it makes its keys, but tells the key of a function that is registered.
pub(super) fn hash_of(name: &str, types: &[TypeId]) -> Option<u64> {
    // Rhai refuses to register indexers of types that have them built in.
    let built_in = [
        TypeId::of::<rhai::Array>(),
        TypeId::of::<rhai::Map>(),
        TypeId::of::<ImmutableString>(),
        TypeId::of::<rhai::INT>(),
        TypeId::of::<rhai::Blob>(),
        TypeId::of::<()>(),
    ];
    if name.starts_with("index$") && types.first().is_some_and(|first| built_in.contains(first)) {
        return None;
    }
    let mut module = Module::new();
    Some(module.set_fn_raw_with_options(FuncRegistration::new(name), types, nothing()).hash)
}
