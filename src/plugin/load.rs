//! From a script's text to a [`Plugin`], or to everything that is wrong with it.
//!
//! Loading is pure: it reads the snapshot it is given, runs the top level under the load budget and
//! touches nothing else, so that a candidate can be thrown away.

mod bounds;
mod comments;
mod later;
mod names;
mod shared;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rhai::{AST, ASTNode, EvalAltResult, Scope, Stmt};

use super::{
    Counters, Made, Plugin,
    admission::Admission,
    growth::Growth,
    job::Job,
    pace::RoutePace,
    pool::Share,
    route::{Named, Route},
};
use crate::{
    compile::Modules,
    diagnostic::{Diagnostic, Place},
    host::{
        current::{self, Phase, PluginContext},
        declare::{
            self, Declarations,
            pattern::{Pattern, Segment},
        },
        error::mistake,
        log,
    },
    schema::Components,
    script::{
        Lines, Text, Texts,
        budget::{self, Thread},
        cells,
        compile::{Compiled, compile},
        engine::Natives,
        fault,
        import::{Libraries, Resolver, Shelf, gather},
        lint::{self, signatures::Signatures},
        unshare,
    },
    settings::{Responses, ScriptLimits},
    source::name::reserved,
};

pub(crate) use self::shared::Shared;

/// What a plugin is loaded from.
pub(crate) struct Inputs<'a> {
    /// Its name, such as `shop/orders`.
    pub(crate) name: &'a str,
    /// The path it owns.
    pub(crate) mount: &'a str,
    /// Its script.
    pub(crate) text: Text,
    /// What natives will know of it.
    pub(crate) context: Arc<PluginContext>,
    /// Its limits.
    pub(crate) limits: ScriptLimits,
    /// What becomes of answers that are not what their routes promise.
    pub(crate) responses: Responses,
    /// The named schemas of all plugins, as far as they are known.
    pub(crate) shared: &'a Shared<'a>,
    /// The libraries of the snapshot.
    pub(crate) shelf: &'a dyn Shelf,
    /// The functions that scripts see.
    pub(crate) natives: &'a Natives,
    /// Their names.
    pub(crate) signatures: &'a Signatures,
}

/// The code of a fault that another plugin may mend by declaring a schema.
pub(crate) const UNKNOWN_SCHEMA: &str = names::UNKNOWN;

/// A loaded plugin, before it is known what it was made of: that includes what it imports.
pub(crate) type Loaded = Result<Plugin, Vec<Diagnostic>>;

/// Loads a plugin. Must run on a thread with a large stack that may be held for the load time.
pub(crate) fn load(inputs: Inputs<'_>, made: impl FnOnce(&Libraries) -> Made) -> Loaded {
    let name = inputs.name.to_owned();
    let lines = inputs.text.lines;
    let told = |fault: Diagnostic| match lines {
        Lines::Shown => fault.of_plugin(&*name),
        Lines::Hidden => fault.without_text().of_plugin(&*name),
    };
    load_unnamed(inputs, made).map_err(|faults| faults.into_iter().map(told).collect())
}

/// A script without anything in it, as a file is that is about to be written.
fn empty(message: &str, file: &str) -> Diagnostic {
    Diagnostic::error("empty-script", message)
        .at(Place::file(file))
        .help("delete the file to take its routes down; the smallest route is `get(|| \"hello\");`")
}

fn load_unnamed(inputs: Inputs<'_>, made: impl FnOnce(&Libraries) -> Made) -> Loaded {
    if inputs.text.text.trim().is_empty() {
        return Err(vec![empty("the script is empty", &inputs.text.file)]);
    }
    // Constants keep values of the top level, and with them what closures share, for as long as the plugin is.
    let cells = cells::remember();
    let mut engine = inputs.natives.engine(inputs.limits.call_depth);
    // From here on: what a script is made of can take longer to read than to run.
    let deadline = bounds::deadline(&inputs.limits);
    let reading = budget::enter(bounds::of_reading(deadline), Thread::Own);
    let in_time = || bounds::in_time(&reading, &inputs.limits, &inputs.text.file);
    let read = read(&engine, &inputs);
    in_time()?;
    let Read { script, libraries, texts } = read?;
    if script.is_empty() {
        let message = "the script holds nothing but comments";
        return Err(vec![empty(message, &inputs.text.file)]);
    }
    engine.set_module_resolver(Resolver(Arc::clone(&libraries)));
    let captures = captures(&script, &libraries);
    install_variables(&mut engine, captures);
    install_output(&mut engine);
    let mut declared = run_top_level(&engine, &script, &inputs, &texts, deadline)?;
    let mut faults = later::check_verbs(&script, &declared);
    faults.extend(later::check_handlers(&script, &libraries, &declared));
    if inputs.limits.compile && faults.is_empty() {
        compile_functions(&engine, &inputs, &mut declared);
    }
    in_time()?;
    drop(reading);
    let named = names::gather(&declared, inputs.shared, &texts);
    faults.extend(names::circular(&named.components, &declared, &texts));
    let mut routes = Vec::new();
    if named.lacks.is_empty() {
        let more;
        let declared = std::mem::take(&mut declared.routes);
        (routes, more) = self::routes(declared, &named.components, &inputs, &script, &texts);
        faults.extend(more);
        faults.extend(collisions(&routes));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let warnings = match routes.is_empty() && declared.jobs.is_empty() {
        true => vec![
            Diagnostic::warning("no-routes", "this plugin declares no route")
                .at(Place::file(&*script.text.file))
                .help("the smallest route is `get(|req| \"hello\");`"),
        ],
        false => Vec::new(),
    };
    let usual = Duration::from_millis(inputs.limits.script_ms);
    Ok(Plugin {
        name: inputs.name.to_owned(),
        mount: inputs.mount.to_owned(),
        made: made(&libraries),
        engine,
        admission: Admission::new(inputs.limits.concurrency, inputs.limits.queue),
        context: inputs.context,
        limits: inputs.limits,
        share: Share::of(inputs.name),
        paces: routes.iter().map(|_| RoutePace::default()).collect(),
        responses: inputs.responses,
        routes,
        components: declared.components,
        foreign: named.foreign,
        borrowed: named.borrowed,
        lacks: named.lacks,
        before: declared.before,
        after: declared.after,
        on_start: declared.on_start,
        on_stop: declared.on_stop,
        jobs: declared.jobs.into_iter().map(|job| Job::new(job, usual, &texts)).collect(),
        imports: libraries.names(),
        about: comments::of_file(&script),
        warnings,
        texts,
        counters: Counters::default(),
        growth: Growth::default(),
        cells: cells.keep(),
        start_fault: Mutex::new(None),
    })
}

/// A script that can run, with all that it imports.
struct Read {
    script: Compiled,
    libraries: Arc<Libraries>,
    texts: Texts,
}

/// Parses a script and its libraries, and checks their names.
fn read(engine: &rhai::Engine, inputs: &Inputs<'_>) -> Result<Read, Vec<Diagnostic>> {
    let script = compile(engine, &inputs.text).map_err(|fault| vec![*fault])?;
    let libraries = Arc::new(gather(&script, inputs.shelf)?);
    let mut texts = Texts::default();
    texts.insert(&script);
    libraries.iter().for_each(|library| texts.insert(library));
    let faults = lint::names::check(&script, &libraries, inputs.signatures);
    if faults.is_empty() { Ok(Read { script, libraries, texts }) } else { Err(faults) }
}

/// Whether closures of a script or of what it imports capture variables.
fn captures(script: &Compiled, libraries: &Libraries) -> bool {
    let mut found = false;
    for text in libraries.iter().chain([script]) {
        text.ast.walk(&mut |path: &[ASTNode<'_>]| {
            found |= matches!(path.last(), Some(ASTNode::Stmt(Stmt::Share(_))));
            !found
        });
    }
    found
}

/// Constants of the top level and the host's variables, which Rhai hides from functions.
///
/// Rhai asks here for every variable, and so also for one that it has just made shared, before the closure which
/// captures it takes hold of it.
fn install_variables(engine: &mut rhai::Engine, captures: bool) {
    #[expect(deprecated, reason = "not deprecated but volatile; the version of rhai is pinned")]
    engine.on_var(move |name, index, mut context| {
        if captures && let Some(variable) = context.scope_mut().get_mut(name) {
            cells::adopt(variable);
            return Ok(None);
        }
        if index > 0 || context.scope().contains(name) {
            return Ok(None);
        }
        let constants = context.global_runtime_state().constants.as_ref();
        if let Some(constants) = constants
            && let Ok(constants) = constants.read()
            && let Some(value) = constants.get(name)
        {
            let mut value = value.clone();
            // What its closures share would be shared by all calls.
            if captures && !unshare::value(&mut value) {
                let levels = unshare::DEEPEST;
                return Err(mistake(format!(
                    "the constant `{name}` is nested deeper than {levels} levels, or holds itself"
                )));
            }
            return Ok(Some(value));
        }
        Ok(match name {
            "settings" => current::plugin().map(|plugin| plugin.settings.clone()),
            "config" => current::plugin().map(|plugin| plugin.config.clone()),
            _ => None,
        })
    });
}

/// Compiles what was declared. Constants are known, now that the top level has run.
fn compile_functions(engine: &rhai::Engine, inputs: &Inputs<'_>, declared: &mut Declarations) {
    let _current = current::enter(Arc::clone(&inputs.context), Phase::Load);
    let iterators = inputs.natives.iterators();
    let modules = Modules { iterators: &iterators, namespaces: inputs.natives.namespaces() };
    let compares = inputs.limits.self_check && !inputs.natives.has_foreign();
    for callback in declared.callbacks_mut() {
        if budget::check().is_err() {
            return;
        }
        callback.compile(engine, modules);
        if compares {
            callback.compare();
        }
    }
}

/// What scripts print goes to the log.
fn install_output(engine: &mut rhai::Engine) {
    engine.on_print(log::print);
    engine.on_debug(|text, _, _| log::debug(text));
}

/// Runs the top level under the load budget.
fn run_top_level(
    engine: &rhai::Engine,
    script: &Compiled,
    inputs: &Inputs<'_>,
    texts: &Texts,
    deadline: Instant,
) -> Result<Declarations, Vec<Diagnostic>> {
    let budget = budget::enter(bounds::of_running(&inputs.limits, deadline), Thread::Own);
    let _current = current::enter(Arc::clone(&inputs.context), Phase::Load);
    let (result, declared) =
        declare::collect(|| catch_unwind(AssertUnwindSafe(|| run(engine, &script.ast))));
    let file = &script.text.file;
    if let Some(spent) = budget.spent() {
        let mut fault = match result {
            Ok(Err(error)) => fault::runtime(&error, file, texts),
            _ => Diagnostic::error("budget", "").at(Place::file(&**file)),
        };
        fault.code = "load-budget";
        fault.message = bounds::in_words(spent, &inputs.limits);
        fault.help =
            Some("the top level only declares: work goes into `on_start(|| …)`".to_owned());
        return Err(vec![fault]);
    }
    match result {
        Ok(Ok(())) => Ok(declared),
        Ok(Err(error)) => Err(vec![fault::runtime(&error, file, texts)]),
        Err(_) => Err(vec![
            Diagnostic::error("panic", "a native function gave up while the script was loaded")
                .at(Place::file(&**file)),
        ]),
    }
}

fn run(engine: &rhai::Engine, ast: &AST) -> Result<(), Box<EvalAltResult>> {
    engine.run_ast_with_scope(&mut Scope::new(), ast)
}

fn routes(
    declared: Vec<declare::DeclaredRoute>,
    components: &Components,
    inputs: &Inputs<'_>,
    script: &Compiled,
    texts: &Texts,
) -> (Vec<Route>, Vec<Diagnostic>) {
    let context = &inputs.context;
    let (string_type, rates) = (context.string_type, context.state.rates());
    let named = Named { components, string_type, rates };
    let mount = Pattern::of_mount(inputs.mount);
    let docs = comments::of_functions(script);
    let (mut routes, mut faults) = (Vec::new(), Vec::new());
    let deadline = bounds::deadline(&inputs.limits);
    let budget = budget::enter(bounds::of_running(&inputs.limits, deadline), Thread::Own);
    for route in declared {
        let place = texts.place(&route.file, route.position);
        let (file, position) = (route.file.clone(), route.position);
        let doc = script
            .docs
            .get(&place.line)
            .filter(|_| place.file == script.text.file)
            .or_else(|| docs.get(route.handler.as_ref()?.name()));
        let made = Route::new(route, &mount, doc.map(String::as_str), place.clone(), named);
        if budget::check().is_err()
            && let Some(spent) = budget.spent()
        {
            let message = bounds::in_words(spent, &inputs.limits);
            let fault = Diagnostic::error("load-budget", message).at(place);
            faults.push(fault.help("its schemas ask for too much"));
            return (routes, faults);
        }
        match made {
            Ok(route) => {
                faults.extend(reserved_path(&route));
                routes.push(route);
            }
            Err(fault) => {
                let position = texts.argument(&file, position, &fault.path);
                let place = texts.place(&file, position);
                let mut diagnostic = Diagnostic::error("spec", fault.message).at(place);
                diagnostic.help = fault.help;
                faults.push(diagnostic);
            }
        }
    }
    (routes, faults)
}

/// A route that would stand where the server's own paths are.
fn reserved_path(route: &Route) -> Option<Diagnostic> {
    let Some(Segment::Literal(first)) = route.pattern.segments().first() else { return None };
    let why = reserved(first)?;
    let fault = Diagnostic::error("reserved-path", why).at(route.place.clone());
    Some(fault.help("give the route another path"))
}

/// Two routes of one script with the same method and path.
fn collisions(routes: &[Route]) -> Vec<Diagnostic> {
    let mut first: BTreeMap<(String, &str), &Route> = BTreeMap::new();
    let mut faults = Vec::new();
    for route in routes {
        for method in &route.methods {
            match first.get(&(route.shape(), *method)) {
                None => {
                    first.insert((route.shape(), method), route);
                }
                Some(there) => faults.push(route.collides_with(there, method)),
            }
        }
    }
    faults
}
