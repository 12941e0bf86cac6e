//! Compiled functions against Rhai itself: value, error with position, and every effect in its order.

mod corpus;
mod generator;
mod rhai;
mod widget;

use std::cell::RefCell;

use ::rhai::{
    AST, Caches, Dynamic, Engine, EvalAltResult, FuncRegistration, ImmutableString, Module,
    OptimizationLevel, Position, Scope, ScriptFuncDef, Shared,
    packages::{Package, StandardPackage},
};

use super::{Hooks, Looker, Obstacle, Run, Stack, compile};

thread_local! {
    /// What the program at hand told on its way.
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn tell(what: String) {
    TOLD.with(|told| told.borrow_mut().push(what));
}

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

fn engine() -> (Engine, Vec<Shared<Module>>) {
    let standard = StandardPackage::new().as_shared_module();
    let host: Shared<Module> = host().into();
    let mut engine = Engine::new_raw();
    engine.register_global_module(Shared::clone(&standard));
    engine.register_global_module(Shared::clone(&host));
    let mut own = Module::new();
    FuncRegistration::new("twice").set_into_module(&mut own, |x: i64| x * 2);
    FuncRegistration::new("grow").set_into_module(&mut own, |x: &mut ::rhai::Array| {
        x.push(Dynamic::UNIT);
        i64::try_from(x.len()).unwrap()
    });
    own.set_var("LIMIT", 7_i64);
    own.build_index();
    engine.register_static_module("own", own.into());
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
    (engine, vec![host, standard])
}

const HOOKS: Hooks = Hooks { operations: |_| None, is_full: || false, lend };

/// Lends what is in the parts and the table of a point.
fn lend(value: &Dynamic, [first, second]: [&str; 2], look: &mut Looker<'_>) -> Option<Dynamic> {
    let point = value.read_lock::<Point>()?;
    match (first, second) {
        ("table", "id") => look(&point.x.into()),
        ("table", "name") => look(&point.inner.0.clone().into()),
        ("table", _) => look(&Dynamic::UNIT),
        _ => None,
    }
}

fn function(ast: &AST, name: &str) -> Shared<ScriptFuncDef> {
    ast.shared_lib()
        .iter_script_fn_info()
        .map(|(.., function)| function)
        .find(|function| function.name == name)
        .cloned()
        .unwrap()
}

/// What a run came to, as text.
fn outcome(result: Result<Dynamic, Box<EvalAltResult>>) -> String {
    let told = TOLD.with(|told| std::mem::take(&mut *told.borrow_mut())).join(", ");
    match result {
        Ok(value) => format!("{} {value:?} [{told}]", value.type_name()),
        Err(error) => format!("{} [{told}]", unnumbered(&format!("{error:?}"))),
    }
}

/// Which argument of a call is called locked may differ, as docs/scripting.md says; that one is, may not.
fn unnumbered(error: &str) -> String {
    const RACE: &str = "ErrorDataRace(\"argument #";
    let Some((before, rest)) = error.split_once(RACE) else { return error.to_owned() };
    format!("{before}{RACE}{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit()))
}

/// Both outcomes of `main()`, Rhai's first; or why it is not compiled.
fn both(
    engine: &(Engine, Vec<Shared<Module>>),
    source: &str,
) -> Result<(String, String), Obstacle> {
    ran(engine, source, HOOKS, || {})
}

/// The same with these hooks, beginning anew before each run.
fn ran(
    (engine, iterators): &(Engine, Vec<Shared<Module>>),
    source: &str,
    hooks: Hooks,
    begin: fn(),
) -> Result<(String, String), Obstacle> {
    let mut ast = engine.compile(source).unwrap_or_else(|error| panic!("{error}\n{source}"));
    ast.set_source("test");
    let main = function(&ast, "main");
    let mut global = engine.new_global_runtime_state();
    global.lib.push(Shared::clone(ast.shared_lib()));
    global.source = Some("test".into());
    global.level = 1;
    global.scope_level = 1;
    let program = compile(engine, &global, &main, iterators, hooks)?;
    let statements = super::graph::statements(&main);
    begin();
    #[expect(deprecated, reason = "not deprecated but volatile")]
    let expected = outcome(engine.eval_statements_raw(
        &mut global.clone(),
        &mut Caches::new(),
        &mut Scope::new(),
        &statements,
    ));
    let mut run = Run { global, caches: Caches::new(), stack: Stack::default() };
    begin();
    let first = outcome(program.run(engine, &mut run));
    // Natives that are known by now are called another way.
    for _ in 0..2 {
        begin();
        let again = outcome(program.run(engine, &mut run));
        if again != first {
            return Ok((expected, format!("{first}, and then {again}")));
        }
    }
    assert!(run.stack.is_empty());
    assert_eq!(run.global.level, 1, "{source}");
    Ok((expected, first))
}

fn check(engine: &(Engine, Vec<Shared<Module>>), source: &str) {
    match both(engine, source) {
        Ok((expected, compiled)) => {
            assert_eq!(compiled, expected, "left: compiled, right: interpreted\n{source}");
        }
        Err(obstacle) => panic!("not compiled: {obstacle:?}\n{source}"),
    }
}

/// Runs a test with room for the deepest calls of an interpreter that is not optimised.
fn with_room(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_corpus_gives_what_rhai_gives() {
    with_room(corpus);
}

fn corpus() {
    let engine = engine();
    let mut wrong = Vec::new();
    for source in corpus::PROGRAMS {
        if let Err(error) = engine.0.compile(source) {
            wrong.push(format!("{source}\n  {error}"));
            continue;
        }
        match both(&engine, source) {
            Ok((expected, compiled)) if expected == compiled => {}
            Ok((expected, compiled)) => {
                wrong.push(format!("{source}\n  rhai:     {expected}\n  compiled: {compiled}"));
            }
            Err(obstacle) => wrong.push(format!("{source}\n  {obstacle:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// `COMPILE_SEED` repeats one program, `COMPILE_PROGRAMS` says how many are made.
#[test]
fn generated_programs_give_what_rhai_gives() {
    let engine = engine();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("COMPILE_SEED") {
        let source = generator::program(seed);
        println!("{source}");
        return check(&engine, &source);
    }
    let begin = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(1, |time| u64::try_from(time.as_micros()).unwrap());
    let sources = (begin..).map(|seed| (seed, generator::program(seed)));
    // Rhai refuses some of them, such as a condition that cannot be one.
    let sources = sources.filter(|(_, source)| engine.0.compile(source).is_ok());
    for (seed, source) in
        sources.take(usize::try_from(number("COMPILE_PROGRAMS").unwrap_or(300)).unwrap())
    {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(&engine, &source);
        }));
        assert!(outcome.is_ok(), "repeat it with COMPILE_SEED={seed}");
    }
}

#[test]
fn what_cannot_be_compiled_says_why_and_where() {
    let engine = engine();
    for (source, what, line) in [
        ("fn main() {\n  eval(\"1\")\n}", "`eval`", 2),
        ("fn main() {\n\n  f!()\n}\nfn f() { 1 }", "a call with `!`", 3),
        ("fn main() { f() }\nfn f() { exit(1) }", "`exit`", 2),
        ("fn main() { f() }\nfn f() { import \"x\" as x; }", "`import` inside of a function", 2),
    ] {
        let obstacle = both(&engine, source).unwrap_err();
        assert_eq!((obstacle.what.as_str(), obstacle.position.line()), (what, Some(line)));
    }
}

#[test]
fn a_program_without_an_end_is_ended() {
    let (engine, iterators) = engine();
    for body in
        ["loop {}", "while true { 1 }", "for i in 0..9000000000 {}", "f()", "do {} while true"]
    {
        let source = format!(
            "fn f() {{ loop {{ try {{ f2() }} catch {{}} }} }} fn f2() {{ 1 }} fn main() {{ {body} }}"
        );
        let ast = engine.compile(source).unwrap();
        let mut global = engine.new_global_runtime_state();
        global.lib.push(Shared::clone(ast.shared_lib()));
        let hooks = Hooks {
            is_full: || false,
            lend: |_, _, _| None,
            operations: |more| {
                thread_local!(static COUNT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });
                COUNT.set(COUNT.get() + more);
                (COUNT.get() > 100_000).then_some(Dynamic::UNIT)
            },
        };
        let program =
            compile(&engine, &global, &function(&ast, "main"), &iterators, hooks).unwrap();
        let mut run = Run { global, caches: Caches::new(), stack: Stack::default() };
        let error = program.run(&engine, &mut run).unwrap_err();
        assert!(matches!(*error, EvalAltResult::ErrorTerminated(..)), "{body}: {error:?}");
    }
}
