//! An engine with natives that tell what they do.

use ::rhai::{
    Dynamic, Engine, EvalAltResult, FuncRegistration, ImmutableString, Module, OptimizationLevel,
    Position, Shared,
    packages::{Package, StandardPackage},
};

use super::{
    super::{Callee, Calls, Hooks, Looker, Modules},
    libraries::Libraries,
    tell,
};

/// A type of the host's own.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    x: i64,
    inner: Dynamic2,
}

#[derive(Debug, Clone, PartialEq)]
struct Dynamic2(String);

fn host() -> Module {
    let mut module = Module::new();
    module.set_custom_type::<Point>("Point");
    let register = |name: &str| FuncRegistration::new(name).in_global_namespace();
    register("note").set_into_module(&mut module, |value: Dynamic| {
        tell(format!("{value:?}"));
        value
    });
    register("point")
        .set_into_module(&mut module, |x: i64| Point { x, inner: Dynamic2("a".into()) });
    register("broken").set_into_module(
        &mut module,
        |value: Dynamic| -> Result<Dynamic, Box<EvalAltResult>> {
            Err(Box::new(EvalAltResult::ErrorRuntime(value, Position::NONE)))
        },
    );
    register("shift").set_into_module(&mut module, |point: &mut Point, by: i64| {
        point.x += by;
        point.x
    });
    register("plain").set_into_module(&mut module, |point: Point| point.x);
    FuncRegistration::new_getter("x").set_into_module(&mut module, |point: &mut Point| {
        tell("get x".into());
        point.x
    });
    FuncRegistration::new_getter("parts").set_into_module(&mut module, |point: &mut Point| {
        let parts: ::rhai::Array = vec![point.x.into(), point.inner.0.clone().into()];
        parts
    });
    FuncRegistration::new_getter("table").set_into_module(&mut module, |point: &mut Point| {
        let mut map = ::rhai::Map::new();
        map.insert("id".into(), point.x.into());
        map.insert("name".into(), point.inner.0.clone().into());
        map
    });
    FuncRegistration::new_setter("x").set_into_module(&mut module, |point: &mut Point, x: i64| {
        tell(format!("set x {x}"));
        point.x = x;
    });
    FuncRegistration::new_setter("table").set_into_module(
        &mut module,
        |_: &mut Point, value: Dynamic| {
            tell(format!("set table {value:?}"));
        },
    );
    FuncRegistration::new_index_getter()
        .set_into_module(&mut module, |point: &mut Point, name: ImmutableString| {
            format!("{name}={}", point.x)
        });
    register("+")
        .set_into_module(&mut module, |a: Point, b: Point| Point { x: a.x + b.x, inner: a.inner });
    register("==").set_into_module(&mut module, |a: Point, b: Point| a.x == b.x);
    register("each_of").set_into_module(
        &mut module,
        |context: ::rhai::NativeCallContext, items: ::rhai::Array, f: ::rhai::FnPtr| {
            let results: Result<::rhai::Array, _> = items
                .into_iter()
                .map(|item| f.call_within_context::<Dynamic>(&context, (item,)))
                .collect();
            results
        },
    );
    module.build_index();
    module
}

/// An engine with the modules that it was made of.
pub(super) struct Made(
    pub(super) Engine,
    pub(super) Vec<Shared<Module>>,
    pub(super) Vec<(String, Shared<Module>)>,
);

impl Made {
    pub(super) fn modules(&self) -> Modules<'_> {
        Modules { iterators: &self.1, namespaces: &self.2 }
    }
}

pub(super) fn engine() -> Made {
    let standard = StandardPackage::new().as_shared_module();
    let host: Shared<Module> = host().into();
    let mut engine = Engine::new_raw();
    engine.register_global_module(Shared::clone(&standard));
    engine.register_global_module(Shared::clone(&host));
    let mut own = Module::new();
    FuncRegistration::new("twice").set_into_module(&mut own, |x: i64| x.wrapping_mul(2));
    FuncRegistration::new("grow").set_into_module(&mut own, |x: &mut ::rhai::Array| {
        x.push(Dynamic::UNIT);
        i64::try_from(x.len()).unwrap()
    });
    FuncRegistration::new("second").set_into_module(&mut own, |_: i64, y: Dynamic| y);
    FuncRegistration::new("second")
        .set_into_module(&mut own, |_: i64, y: i64| y.wrapping_add(1000));
    FuncRegistration::new("second").set_into_module(&mut own, |x: Dynamic, y: Dynamic| vec![x, y]);
    FuncRegistration::new("raise").set_into_module(
        &mut own,
        |value: Dynamic| -> Result<Dynamic, Box<EvalAltResult>> {
            Err(Box::new(EvalAltResult::ErrorRuntime(value, Position::NONE)))
        },
    );
    FuncRegistration::new("source")
        .set_into_module(&mut own, |context: ::rhai::NativeCallContext| {
            format!("{:?}", context.fn_source())
        });
    FuncRegistration::new("bump").with_purity(false).set_into_module(&mut own, |x: &mut i64| {
        *x += 1;
        *x
    });
    FuncRegistration::new("apply").set_into_module(
        &mut own,
        |context: ::rhai::NativeCallContext, f: ::rhai::FnPtr, x: Dynamic| {
            f.call_within_context::<Dynamic>(&context, (x,))
        },
    );
    own.set_var("LIMIT", 7_i64);
    let mut inner = Module::new();
    FuncRegistration::new("thrice").set_into_module(&mut inner, |x: i64| x * 3);
    own.set_sub_module("inner", inner);
    own.set_id("own module");
    own.build_index();
    let own: Shared<Module> = own.into();
    engine.register_static_module("own", Shared::clone(&own));
    engine.set_module_resolver(Libraries);
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_strings_interned(0);
    engine.set_max_call_levels(24);
    engine.set_max_expr_depths(128, 128);
    engine.on_print(|text| tell(format!("print {text}")));
    #[expect(deprecated, reason = "not deprecated but volatile")]
    engine.on_var(|name, index, context| {
        if index > 0 || context.scope().contains(name) {
            return Ok(None);
        }
        let mut settings = ::rhai::Map::new();
        settings.insert("a".into(), 1_i64.into());
        settings.insert("list".into(), vec![Dynamic::from(1_i64), 2_i64.into()].into());
        Ok((name == "SETTINGS").then(|| settings.into()))
    });
    Made(engine, vec![host, standard], vec![("own".to_owned(), own)])
}

/// As Rhai does it.
pub(super) fn share(variable: &mut Dynamic) {
    *variable = std::mem::take(variable).into_shared();
}

pub(super) const HOOKS: Hooks =
    Hooks { operations: |_| None, is_full: || false, lend, calls, share };

/// The natives of [`host`] and of `own` that call closures.
pub(super) fn calls(native: Callee<'_>, argument: usize) -> Option<Calls> {
    match (native.namespace, native.name, argument) {
        ("", "each_of", 1) | ("own", "apply", 0) => Some(Calls::With(1, 1)),
        _ => None,
    }
}

/// Lends what is in the parts and the table of a point.
pub(super) fn lend(
    value: &Dynamic,
    [first, second]: [&str; 2],
    look: Option<&mut Looker<'_>>,
) -> Option<Dynamic> {
    let point = value.read_lock::<Point>()?;
    let item: Dynamic = match (first, second) {
        ("table", "id") => point.x.into(),
        ("table", "name") => point.inner.0.clone().into(),
        ("table", _) => Dynamic::UNIT,
        _ => return None,
    };
    match look {
        Some(look) => look(&item),
        None => Some(item),
    }
}
