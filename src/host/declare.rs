//! What a script's top level declares: routes, what runs around them, at its beginning and end, and by
//! the clock.
//!
//! The declaring functions exist for all scripts; what they declare goes to the load in progress on
//! this thread ([`collect`]). Outside a load they are errors.

pub(crate) mod callback;
pub(crate) mod compared;
pub(crate) mod job;
pub(crate) mod pattern;

use std::{cell::RefCell, collections::BTreeMap};

use rhai::{
    Array, Dynamic, EvalAltResult, FnPtr, FuncRegistration, ImmutableString, Map, Module,
    NativeCallContext, Position,
};

use serde_json::Value;

use self::{callback::Callback, job::DeclaredJob, pattern::Pattern};
use crate::script::{Native, import::is_importing, mistake::Mistake};

/// The request methods that routes may have, in the order that `Allow` lists them.
pub(crate) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What `any` stands for.
const ANY: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A route as a script declared it.
#[derive(Debug)]
pub(crate) struct DeclaredRoute {
    /// Its methods, each one of [`METHODS`].
    pub(crate) methods: Vec<&'static str>,
    /// Its path below the plugin's.
    pub(crate) pattern: Pattern,
    /// What it says about itself.
    pub(crate) spec: Map,
    /// What answers; a route without a handler is a mock.
    pub(crate) handler: Option<Callback>,
    /// The file of the call that declared it, relative to the plugin folder.
    pub(crate) file: String,
    /// Where that call stands.
    pub(crate) position: Position,
}

/// A named schema as a script declared it.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    /// What it is, as JSON Schema.
    pub(crate) json: Value,
    /// The file that declares it, relative to the plugin folder.
    pub(crate) file: String,
    /// Where.
    pub(crate) position: Position,
}

/// Everything that one load declared, in order.
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    /// The routes.
    pub(crate) routes: Vec<DeclaredRoute>,
    /// Run before every route; an answer of theirs is the answer.
    pub(crate) before: Vec<Callback>,
    /// Run after every route, with the answer.
    pub(crate) after: Vec<Callback>,
    /// Run once this version is served.
    pub(crate) on_start: Vec<Callback>,
    /// Run when nothing uses this version any more.
    pub(crate) on_stop: Vec<Callback>,
    /// Run by the clock.
    pub(crate) jobs: Vec<DeclaredJob>,
    /// The named schemas, by name.
    pub(crate) components: BTreeMap<String, Component>,
    /// Names of schemas that are referred to, each with the first place that does.
    pub(crate) references: BTreeMap<String, (String, Position)>,
}

impl Declarations {
    /// All functions that were declared.
    pub(crate) fn callbacks_mut(&mut self) -> impl Iterator<Item = &mut Callback> {
        let handlers = self.routes.iter_mut().filter_map(|route| route.handler.as_mut());
        let around = self.before.iter_mut().chain(&mut self.after);
        let jobs = self.jobs.iter_mut().map(|job| &mut job.function);
        handlers.chain(around).chain(&mut self.on_start).chain(&mut self.on_stop).chain(jobs)
    }
}

thread_local! {
    static LOAD: RefCell<Option<Declarations>> = const { RefCell::new(None) };
}

/// Runs a top level and returns what it declared beside its result.
pub(crate) fn collect<T>(run: impl FnOnce() -> T) -> (T, Declarations) {
    let outer = LOAD.with(|load| load.replace(Some(Declarations::default())));
    let result = run();
    let declared = LOAD.with(|load| load.replace(outer));
    (result, declared.unwrap_or_default())
}

/// Adds to the load in progress.
fn declare(what: &str, add: impl FnOnce(&mut Declarations)) -> Native<()> {
    LOAD.with(|load| match load.borrow_mut().as_mut() {
        Some(declarations) => {
            add(declarations);
            Ok(())
        }
        None => Err(raise(format!(
            "`{what}` declares, so it stands at the top level of a plugin; it was called while a \
             function ran"
        ))),
    })
}

/// Declares a named schema; one that is declared already must be the same.
pub(super) fn component(name: &str, component: &Component) -> Native<()> {
    let mut other = None;
    declare("schema", |declarations| {
        let there =
            declarations.components.entry(name.to_owned()).or_insert_with(|| component.clone());
        if there.json != component.json {
            other = Some(there.clone());
        }
    })?;
    let Some(other) = other else { return Ok(()) };
    let (file, line) = (&other.file, other.position.line().unwrap_or(0));
    let message = format!("the schema `{name}` is another one at {file}:{line}");
    Err(Mistake::new("schema", message).help("give one of them another name").raised())
}

/// Notes that a named schema is referred to.
pub(super) fn reference(name: &str, file: String, position: Position) -> Native<()> {
    declare("ref", |declarations| {
        declarations.references.entry(name.to_owned()).or_insert((file, position));
    })
}

/// An error without a status of its own, in words for the script's author.
fn raise(message: impl Into<Dynamic>) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(message.into(), Position::NONE))
}

/// Registers the declaring functions.
pub(crate) fn register(module: &mut Module) {
    for (name, methods) in [
        ("get", &["GET"][..]),
        ("post", &["POST"]),
        ("put", &["PUT"]),
        ("patch", &["PATCH"]),
        ("delete", &["DELETE"]),
        ("head", &["HEAD"]),
        ("options", &["OPTIONS"]),
        ("any", &ANY),
    ] {
        verb(module, name, methods);
    }
    FuncRegistration::new("route")
        .with_params_info(["methods: array", "path: string", "spec: map", "handler: function"])
        .set_into_module(
            module,
            |context: NativeCallContext,
             methods: Array,
             path: ImmutableString,
             spec: Map,
             handler: FnPtr| {
                add_route(&context, "route", &listed(&methods)?, &path, spec, Some(handler))
            },
        );
    FuncRegistration::new("route")
        .with_params_info(["methods: array", "path: string", "spec: map"])
        .set_into_module(
            module,
            |context: NativeCallContext, methods: Array, path: ImmutableString, spec: Map| {
                add_route(&context, "route", &listed(&methods)?, &path, spec, None)
            },
        );
    job::register(module);
    hook(module, "before", 1, |declarations, callback| declarations.before.push(callback));
    hook(module, "after", 2, |declarations, callback| declarations.after.push(callback));
    hook(module, "on_start", 0, |declarations, callback| declarations.on_start.push(callback));
    hook(module, "on_stop", 0, |declarations, callback| declarations.on_stop.push(callback));
}

fn listed(methods: &Array) -> Native<Vec<&'static str>> {
    if methods.is_empty() {
        return Err(raise("`route` needs at least one method, such as [\"GET\"]"));
    }
    methods.iter().map(method).collect()
}

fn verb(module: &mut Module, name: &'static str, methods: &'static [&'static str]) {
    FuncRegistration::new(name).with_params_info(["handler: function"]).set_into_module(
        module,
        move |context: NativeCallContext, handler: FnPtr| {
            add_route(&context, name, methods, "/", Map::new(), Some(handler))
        },
    );
    FuncRegistration::new(name)
        .with_params_info(["path: string", "handler: function"])
        .set_into_module(
            module,
            move |context: NativeCallContext, path: ImmutableString, handler: FnPtr| {
                add_route(&context, name, methods, &path, Map::new(), Some(handler))
            },
        );
    FuncRegistration::new(name)
        .with_params_info(["spec: map", "handler: function"])
        .set_into_module(module, move |context: NativeCallContext, spec: Map, handler: FnPtr| {
            add_route(&context, name, methods, "/", spec, Some(handler))
        });
    FuncRegistration::new(name)
        .with_params_info(["path: string", "spec: map", "handler: function"])
        .set_into_module(
            module,
            move |context: NativeCallContext, path: ImmutableString, spec: Map, handler: FnPtr| {
                add_route(&context, name, methods, &path, spec, Some(handler))
            },
        );
    FuncRegistration::new(name).with_params_info(["path: string", "spec: map"]).set_into_module(
        module,
        move |context: NativeCallContext, path: ImmutableString, spec: Map| {
            add_route(&context, name, methods, &path, spec, None)
        },
    );
}

fn add_route(
    context: &NativeCallContext,
    called: &str,
    methods: &[&'static str],
    path: &str,
    spec: Map,
    handler: Option<FnPtr>,
) -> Native<()> {
    if is_importing() {
        let message = format!("`{called}` declares a route, and a library has none");
        let help = "declare it in a plugin, or in a function of the library that plugins call";
        return Err(Mistake::new("library-route", message).help(help).raised());
    }
    let pattern = Pattern::parse(path).map_err(|error| raise(error.to_string()))?;
    let handler = handler.map(|handler| Callback::new(context, handler, 1)).transpose()?;
    let methods = methods.to_vec();
    let file = context.call_source().unwrap_or_default().to_owned();
    let position = context.call_position();
    declare(called, |declarations| {
        declarations.routes.push(DeclaredRoute { methods, pattern, spec, handler, file, position });
    })
}

fn method(value: &Dynamic) -> Native<&'static str> {
    let written = value.to_string();
    let known = METHODS.into_iter().find(|known| known.eq_ignore_ascii_case(&written));
    known.ok_or_else(|| {
        raise(format!("`{written}` is not a method that routes have: {}", METHODS.join(", ")))
    })
}

fn hook(
    module: &mut Module,
    name: &'static str,
    most: usize,
    add: impl Fn(&mut Declarations, Callback) + Send + Sync + 'static,
) {
    FuncRegistration::new(name).with_params_info(["f: function"]).set_into_module(
        module,
        move |context: NativeCallContext, function: FnPtr| {
            let callback = Callback::new(&context, function, most)?;
            declare(name, |declarations| add(declarations, callback))
        },
    );
}
