//! One plugin as it is served: its compiled script, routes and hooks. Immutable, and never half of
//! anything: a plugin either loaded or is not there.
//!
//! A plugin owns no socket, file or connection, so undoing a load is dropping it.

pub(crate) mod admission;
#[cfg(test)]
mod both;
pub(crate) mod checks;
pub(crate) mod execute;
mod growth;
pub(crate) mod job;
pub(crate) mod load;
mod pace;
pub(crate) mod pool;
pub(crate) mod route;
pub(crate) mod serve;
pub(crate) mod spec;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use rhai::Engine;

use self::{
    admission::Admission, execute::Pace, growth::Growth, job::Job, load::Shared, pace::RoutePace,
    pool::Share, route::Route,
};
use crate::{
    compile::Obstacle,
    diagnostic::Diagnostic,
    host::{
        current::PluginContext,
        declare::{Component, callback::Callback},
    },
    schema::{Components, closure},
    script::{Texts, cells::Cells, stack},
    settings::{Responses, ScriptLimits},
};

/// What a plugin was made of; two loads of the same digest are the same plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made(pub(crate) Vec<u8>);

/// A plugin that loaded.
pub(crate) struct Plugin {
    name: String,
    mount: String,
    made: Made,
    engine: Engine,
    context: Arc<PluginContext>,
    limits: ScriptLimits,
    responses: Responses,
    routes: Vec<Route>,
    components: BTreeMap<String, Component>,
    /// Names of schemas that it refers to and does not declare.
    foreign: Vec<String>,
    /// Those schemas of other plugins as it was made with, and all that they refer to.
    borrowed: Components,
    /// Why it cannot be served yet: schemas that it refers to were not known when it was loaded.
    lacks: Vec<Diagnostic>,
    before: Vec<Callback>,
    after: Vec<Callback>,
    on_start: Vec<Callback>,
    on_stop: Vec<Callback>,
    jobs: Vec<Job>,
    imports: BTreeSet<String>,
    about: String,
    warnings: Vec<Diagnostic>,
    texts: Texts,
    admission: Admission,
    counters: Counters,
    growth: Growth,
    /// What closures of its top level share.
    cells: Cells,
    /// How many of its calls are on threads of our own.
    share: Share,
    /// How fast each route is.
    paces: Box<[RoutePace]>,
    /// What went wrong in `on_start`, which runs after the plugin is served.
    start_fault: Mutex<Option<Diagnostic>>,
}

/// What a plugin counts while it is served.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Requests answered by a script.
    pub(crate) requests: AtomicU64,
    /// Requests whose script failed.
    pub(crate) faults: AtomicU64,
    /// Requests that were turned away because too many others were being answered.
    pub(crate) refused: AtomicU64,
    /// Answers that were not what their route promises.
    pub(crate) broken_promises: AtomicU64,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // All that holds values of its top level.
        stack::drop_deep((
            mem::take(&mut self.routes),
            [&mut self.before, &mut self.after, &mut self.on_start, &mut self.on_stop]
                .map(mem::take),
            mem::take(&mut self.jobs),
            mem::take(&mut self.cells),
        ));
    }
}

impl Plugin {
    /// Its name, such as `shop/orders`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The path it owns, such as `/shop/orders`.
    pub(crate) fn mount(&self) -> &str {
        &self.mount
    }

    /// What it was made of.
    pub(crate) fn made(&self) -> &Made {
        &self.made
    }

    /// Its routes, in the order of the script.
    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Whether its routes stand where those of another version do, in the same order.
    pub(crate) fn has_routes_of(&self, other: &Self) -> bool {
        let same = |(a, b): (&Route, &Route)| a.methods == b.methods && a.shape() == b.shape();
        self.routes.len() == other.routes.len() && self.routes.iter().zip(&other.routes).all(same)
    }

    /// The named schemas it declares, its libraries' among them, by name.
    pub(crate) fn components(&self) -> &BTreeMap<String, Component> {
        &self.components
    }

    /// Whether its schemas are those of another version.
    pub(crate) fn has_schemas_of(&self, other: &Self) -> bool {
        self.components.len() == other.components.len()
            && self.components.iter().all(|(name, component)| {
                other.components.get(name).is_some_and(|there| there.json == component.json)
            })
    }

    /// Whether it was made with what these named schemas of all plugins say.
    pub(crate) fn is_made_with(&self, shared: &Shared<'_>) -> bool {
        self.foreign.is_empty()
            || self.borrowed == closure(self.foreign.clone(), |name| shared.get(name))
    }

    /// Whether all schemas that it refers to are there.
    pub(crate) fn is_complete(&self) -> bool {
        self.lacks.is_empty()
    }

    /// It, or why it cannot be served: schemas that it refers to are nowhere.
    pub(crate) fn complete(mut self) -> Result<Self, Vec<Diagnostic>> {
        if self.lacks.is_empty() { Ok(self) } else { Err(mem::take(&mut self.lacks)) }
    }

    /// What to say where it declares a named schema that is another one in a plugin that was there first.
    pub(crate) fn clash_with(&self, first: &Self, name: &str) -> Option<Diagnostic> {
        let place = |plugin: &Self, component: &Component| {
            plugin.texts.place(&component.file, component.position)
        };
        let (component, there) = (self.components.get(name)?, first.components.get(name)?);
        // Where it is from one library in two versions, that plugin is stale and its schema goes with it.
        let is_older = component.file == there.file && self.texts.differ_from(&first.texts);
        if there.json == component.json || is_older {
            return None;
        }
        let message = format!("the schema `{name}` is another one in the plugin {}", first.name);
        let help = "give one of them another name, or move it to a library that both import";
        Some(
            Diagnostic::error("schema-collision", message)
                .at(place(self, component))
                .related("declared here first", place(first, there))
                .help(help),
        )
    }

    /// The names of the libraries it imports, directly or through others.
    pub(crate) fn imports(&self) -> &BTreeSet<String> {
        &self.imports
    }

    /// The `//!` comment of its file.
    pub(crate) fn about(&self) -> &str {
        &self.about
    }

    /// What is served but probably not what was meant.
    pub(crate) fn warnings(&self) -> Vec<Diagnostic> {
        self.warnings.iter().cloned().chain(self.found_later()).collect()
    }

    /// What was found out, and logged, while it is served: that its start failed, that it leaks.
    pub(crate) fn found_later(&self) -> impl Iterator<Item = Diagnostic> {
        let fault = self.start_fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        fault.into_iter().chain(self.leak())
    }

    /// That what it keeps grows from request to request, if that is so.
    pub(crate) fn leak(&self) -> Option<Diagnostic> {
        self.growth.leak(&self.name)
    }

    /// Its functions that are called later: handlers, hooks and jobs.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &Callback> {
        let handlers = self.routes.iter().filter_map(Route::script);
        let hooks =
            self.before.iter().chain(&self.after).chain(&self.on_start).chain(&self.on_stop);
        handlers.chain(hooks).chain(self.jobs.iter().map(|job| &job.function))
    }

    /// Why functions of it, and closures and imported functions that they call, are left to the interpreter,
    /// each reason once.
    pub(crate) fn obstacles(&self) -> Vec<&Obstacle> {
        let mut found: Vec<&Obstacle> = Vec::new();
        for obstacle in self.functions().flat_map(Callback::obstacles) {
            if !found.contains(&obstacle) {
                found.push(obstacle);
            }
        }
        found
    }

    /// Its limits.
    pub(crate) fn limits(&self) -> &ScriptLimits {
        &self.limits
    }

    /// What it counted so far.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The size of what it keeps in `state`, in bytes.
    pub(crate) fn state_bytes(&self) -> usize {
        self.context.state.bytes()
    }

    /// Whether anything is to be run when nothing uses it any more.
    pub(crate) fn has_on_stop(&self) -> bool {
        !self.on_stop.is_empty()
    }

    /// Whether anything is to be run once it is served.
    pub(crate) fn has_on_start(&self) -> bool {
        !self.on_start.is_empty()
    }

    /// Whether calls of a route took long lately.
    fn pace(&self, route: usize) -> Pace {
        self.paces.get(route).map_or(Pace::Quick, RoutePace::get)
    }

    fn script_time(&self) -> Duration {
        Duration::from_millis(self.limits.script_ms)
    }

    fn load_time(&self) -> Duration {
        Duration::from_millis(self.limits.load_ms)
    }
}
