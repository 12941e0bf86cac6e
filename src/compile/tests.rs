//! Compiled functions against Rhai itself: value, error with position, and every effect in its order.

mod corpus;
mod generated;
mod generator;
mod grain;
mod handed;
mod libraries;
mod made;
mod modules;
mod rhai;
mod widget;

use std::{cell::RefCell, sync::Arc};

use ::rhai::{
    AST, Caches, Dynamic, EvalAltResult, GlobalRuntimeState, Scope, ScriptFuncDef, Shared,
};

use self::made::{HOOKS, Made, calls, engine, share};
use super::{Hooks, Obstacle, Program, Run, Stack, compile};

thread_local! {
    /// What the program at hand told on its way.
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn tell(what: String) {
    TOLD.with(|told| told.borrow_mut().push(what));
}

fn function(ast: &AST, name: &str) -> Shared<ScriptFuncDef> {
    ast.shared_lib()
        .iter_script_fn_info()
        .map(|(.., function)| function)
        .find(|function| function.name == name)
        .cloned()
        .unwrap()
}

/// What a run came to, as text: what it gave or raised, what it told, and what is left of its arguments.
fn outcome(result: Result<Dynamic, Box<EvalAltResult>>, left: &[Dynamic]) -> String {
    let told = TOLD.with(|told| std::mem::take(&mut *told.borrow_mut())).join(", ");
    let left: Vec<String> =
        left.iter().map(|value| format!("{:?}", value.flatten_clone())).collect();
    let told = format!("{told}; {}", left.join(", "));
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
fn both(engine: &Made, source: &str) -> Result<(String, String), Obstacle> {
    ran(engine, source, HOOKS, || {})
}

/// A program as it is run.
struct Prepared {
    main: Shared<ScriptFuncDef>,
    global: GlobalRuntimeState,
    program: Arc<Program>,
}

/// Compiles `main()`, after what is at the top was run.
fn prepared(made: &Made, source: &str, hooks: Hooks) -> Result<Prepared, Obstacle> {
    let engine = &made.0;
    let mut ast = engine.compile(source).unwrap_or_else(|error| panic!("{error}\n{source}"));
    ast.set_source("test");
    let main = function(&ast, "main");
    let mut global = engine.new_global_runtime_state();
    global.lib.push(Shared::clone(ast.shared_lib()));
    global.source = Some("test".into());
    // What is at the top: constants and imports.
    #[expect(deprecated, reason = "not deprecated but volatile")]
    let top = engine.eval_statements_raw(
        &mut global,
        &mut Caches::new(),
        &mut Scope::new(),
        ast.statements(),
    );
    assert!(top.is_ok(), "{top:?}\n{source}");
    global.level = 1;
    global.scope_level = 1;
    let program = compile(engine, &global, &main, &[], made.modules(), hooks)?;
    Ok(Prepared { main, global, program })
}

/// The same with these hooks, beginning anew before each run.
fn ran(made: &Made, source: &str, hooks: Hooks, begin: fn()) -> Result<(String, String), Obstacle> {
    let Prepared { main, global, program } = prepared(made, source, hooks)?;
    let engine = &made.0;
    let statements = super::graph::statements(&main);
    begin();
    let arguments = given(&main);
    let mut scope = Scope::new();
    for (name, value) in main.params.iter().zip(&arguments) {
        scope.push_dynamic(name.clone(), value.clone());
    }
    #[expect(deprecated, reason = "not deprecated but volatile")]
    let result = engine.eval_statements_raw(
        &mut global.clone(),
        &mut Caches::new(),
        &mut scope,
        &statements,
    );
    let expected = outcome(result, &arguments);
    let mut run = Run { global, caches: Caches::new(), stack: Stack::default() };
    let mut again = || {
        begin();
        let arguments = given(&main);
        run.stack.extend(arguments.iter().cloned());
        let outcome = outcome(program.run(engine, &mut run), &arguments);
        assert!(run.stack.is_empty());
        assert_eq!(run.global.level, 1, "{source}");
        assert_eq!((run.global.lib.len(), run.global.source()), (1, Some("test")), "{source}");
        outcome
    };
    let first = again();
    // Natives that are known by now are called another way.
    for _ in 0..2 {
        let again = again();
        if again != first {
            return Ok((expected, format!("{first}, and then {again}")));
        }
    }
    Ok((expected, first))
}

/// Arguments for as many parameters as a function has.
fn given(function: &ScriptFuncDef) -> Vec<Dynamic> {
    generator::arguments().into_iter().take(function.params.len()).collect()
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
    let programs = [corpus::PROGRAMS, modules::PROGRAMS, handed::PROGRAMS];
    for source in programs.into_iter().flatten() {
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

/// What stays with the interpreter of what is called, as `file:line: function: why`.
fn left(engine: &Made, source: &str) -> Vec<String> {
    let prepared =
        prepared(engine, source, HOOKS).unwrap_or_else(|why| panic!("{why:?}\n{source}"));
    let told = prepared.program.left().iter().map(|left| {
        let Obstacle { function, what, file, position } = left;
        assert!(position.line().is_some(), "{left:?}");
        let name = if function.starts_with("anon$") { "a closure" } else { function };
        format!("{file}:{}: {name}: {what}", position.line().unwrap())
    });
    told.collect()
}

#[test]
fn closures_and_imported_functions_that_stay_with_the_interpreter_say_why_and_where() {
    let engine = engine();
    for (source, told) in [
        // Called by a closure that is handed to a native, one that is called here, and one that is only kept.
        (
            "fn f(x) {\n  if false { exit(1) } x\n}\nfn main() { [1].map(|x| f(x)) }",
            &["test:2: f: `exit`"][..],
        ),
        ("fn main() {\n  let f = |x| eval(\"x\");\n  f.call(1) }", &["test:2: a closure: `eval`"]),
        (
            "fn main() {\n  #{ f: |x| f!(x) } }\nfn f(x) { x }",
            &["test:2: a closure: a call with `!`"],
        ),
        // Each reason once, and one for each function.
        (
            "fn f(x) { exit(x) }\nfn main() { [1].map(|x| f(x)); [2].map(|x| f(x));\n[|| eval(\"1\")] }",
            &["test:1: f: `exit`", "test:3: a closure: `eval`"],
        ),
        (
            "import \"money\" as m; import \"clash\" as c; fn main() { [m::taxed(1), c::use_helper(1)] }",
            &[
                "lib/money:7: taxed: the script or another library has a `helper`, too, as its library has",
                "lib/clash:3: use_helper: the script or another library has a `helper`, too, as its library has",
            ],
        ),
        (
            "import \"money\" as m; fn of_the_script(x) { x } fn main() { m::calls_script(4) }",
            &["lib/money:24: calls_script: a call of a function of the script that imports it"],
        ),
        // All of it is compiled.
        ("import \"money\" as m; fn main() { m::mapped([1]).map(|x| m::taxed(x)) }", &[]),
    ] {
        assert_eq!(left(&engine, source), told, "{source}");
    }
}

#[test]
fn a_program_without_an_end_is_ended() {
    let made = engine();
    let engine = &made.0;
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
            calls,
            share,
            operations: |more| {
                thread_local!(static COUNT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });
                COUNT.set(COUNT.get() + more);
                (COUNT.get() > 100_000).then_some(Dynamic::UNIT)
            },
        };
        let program =
            compile(engine, &global, &function(&ast, "main"), &[], made.modules(), hooks).unwrap();
        let mut run = Run { global, caches: Caches::new(), stack: Stack::default() };
        let error = program.run(engine, &mut run).unwrap_err();
        assert!(matches!(*error, EvalAltResult::ErrorTerminated(..)), "{body}: {error:?}");
    }
}
