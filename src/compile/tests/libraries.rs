//! Libraries that programs import.

use ::rhai::{
    Engine, EvalAltResult, GlobalRuntimeState, Module, ModuleResolver, Position, Scope, Shared,
};

const LIBRARIES: &[(&str, &str)] = &[
    (
        "money",
        r#"import "text" as text;
        const RATE = 3;
        const TABLE = #{ a: [1, 2] };
        fn double(x) { x * 2 }
        fn rate() { RATE }
        fn table() { TABLE.a }
        fn taxed(x) { helper(x) + RATE }
        private fn helper(x) { x * 100 }
        fn shown(x) { text::bold(`${x} EUR`) }
        fn broken_here(x) { helper(x) + nothing_there(x) }
        fn throws(x) { throw #{ got: x } }
        fn change(x) { x.push(4); x }
        fn mapped(items) { items.map(|x| x * RATE) }
        fn adder(n) { |x| x + n }
        fn each(items, f) { for item in items { f.call(item); } }
        fn deep(n) { if n <= 0 { 0 } else { 1 + deep(n - 1) } }
        fn empty(x) {}
        fn caught(x) { try { throw x } catch (e) { return [e, RATE]; } }
        fn caught_error() { try { nothing_there(1) } catch (e) { return e; } }
        fn source_of() { own::source() }
        fn who() { settings_of(1) }
        fn methodical(x) { x.bumped(2); x }
        fn bumped(by) { this += by * RATE; }
        fn calls_script(x) { of_the_script(x) }
        fn reads_nobody() { NOBODY }
        fn reads_script() { OF_SCRIPT }
        fn many(a, b, c) { [a, b, c] }"#,
    ),
    (
        "text",
        r#"const MARK = "*";
        fn bold(x) { MARK + x + MARK }
        fn twice_bold(x) { bold(bold(x)) }
        fn fails(x) { x.y.z }"#,
    ),
    (
        "clash",
        "const RATE = 9;
        fn helper(x) { x + 1 }
        fn use_helper(x) { helper(x) * RATE }",
    ),
];

/// Evaluates them.
pub(super) struct Libraries;

impl ModuleResolver for Libraries {
    fn resolve(
        &self,
        engine: &Engine,
        _: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        self.resolve_raw(
            engine,
            &mut engine.new_global_runtime_state(),
            &mut Scope::new(),
            path,
            position,
        )
    }

    fn resolve_raw(
        &self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        _: &mut Scope,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let Some((name, text)) = LIBRARIES.iter().find(|(name, _)| *name == path) else {
            return Err(Box::new(EvalAltResult::ErrorModuleNotFound(path.to_owned(), position)));
        };
        let mut tree = engine.compile(text)?;
        tree.set_source(format!("lib/{name}"));
        Module::eval_ast_as_new_raw(engine, &mut Scope::new(), global, &tree).map(Into::into)
    }
}
