//! What the administration answers with.

pub(crate) mod compiled;
mod jobs;

use std::sync::atomic::Ordering;

use poem_openapi::{Object, Union, types::Any};
use serde_json::{Value, json};

use self::{
    compiled::{obstacle, self_check},
    jobs::Job,
};
use crate::{
    diagnostic::Diagnostic,
    generation::{Entry, Generation},
    plugin::{
        Plugin,
        route::{Handler, Route},
    },
    reload::report::Report,
    script::memory,
    services::sessions::Sessions,
    settings::ScriptLimits,
};

/// What is served.
#[expect(clippy::struct_field_names, reason = "the names are those that clients know")]
#[derive(Debug, Object)]
pub(super) struct Plugins {
    /// The names of all plugins that are being served.
    loaded_plugins: Vec<String>,
    /// The number of the generation that is served.
    generation: u64,
    /// Whether the memory budget of scripts is `enforced`; it needs jemalloc.
    memory: String,
    /// The limits of plugins that have none of their own.
    limits: Any<Value>,
    /// How changes of files are noticed, and why so.
    watching: String,
    /// Every plugin that is known, with its routes, limits and faults.
    plugins: Vec<Any<Value>>,
    /// Where sessions are kept, and whether they can be reached.
    sessions: SessionStore,
    /// What the plugins do by the clock.
    jobs: Vec<Job>,
    /// Faults that belong to no plugin.
    diagnostics: Vec<Any<Value>>,
    /// How the API differs from the generation before.
    changes: Vec<Any<Value>>,
    /// How it stands to the accepted document, `openapi/contract.json`.
    contract: Any<Value>,
}

/// Where sessions are kept.
#[derive(Debug, Object)]
pub(super) struct SessionStore {
    /// `sqlite` or `redis`.
    store: String,
    /// What is wrong, if anything is.
    #[oai(skip_serializing_if_is_none)]
    trouble: Option<String>,
}

/// What a load did.
#[derive(Debug, Object)]
pub(super) struct Load {
    /// The generation that is served after it.
    generation: u64,
    /// Plugins that are served for the first time.
    added: Vec<String>,
    /// Plugins that are served in a new version.
    changed: Vec<String>,
    /// Plugins that are served no more.
    removed: Vec<String>,
    /// How many plugins were carried over as they were.
    unchanged: u64,
    /// Plugins whose newest version is not served.
    failed: Vec<String>,
    /// All that is wrong, with file, line and column.
    diagnostics: Vec<Any<Value>>,
    /// How the API differs from the generation before.
    changes: Vec<Any<Value>>,
    /// How it stands to the accepted document, `openapi/contract.json`.
    contract: Any<Value>,
    /// Settings that changed and need a restart.
    restart_needed: Vec<String>,
    /// The names of all plugins that are being served, older versions included.
    loaded_plugins: Vec<String>,
    /// How long it took.
    milliseconds: f64,
}

/// The answer to loading everything again.
#[derive(Debug, Object)]
pub(super) struct ReloadedAll {
    /// `All plugins reloaded` or `Some plugins failed`.
    pub(super) status: String,
    /// What the load did.
    #[oai(flatten)]
    pub(super) load: Load,
}

/// The answer to loading one plugin again.
#[expect(clippy::struct_field_names, reason = "the names are those that clients know")]
#[derive(Debug, Object)]
pub(super) struct Reloaded {
    /// The plugin.
    pub(super) reloaded: String,
    /// Whether its newest version is served.
    pub(super) success: bool,
    /// What the load did.
    #[oai(flatten)]
    pub(super) load: Load,
}

/// The answer to loading again, all plugins or one.
#[derive(Debug, Union)]
pub(super) enum Reload {
    /// All plugins.
    All(ReloadedAll),
    /// One plugin.
    One(Reloaded),
}

/// The answer to loading a plugin that was unloaded.
#[expect(clippy::struct_field_names, reason = "the names are those that clients know")]
#[derive(Debug, Object)]
pub(super) struct Loaded {
    /// The plugin.
    pub(super) loaded: String,
    /// Whether its newest version is served.
    pub(super) success: bool,
    /// What the load did.
    #[oai(flatten)]
    pub(super) load: Load,
}

/// The answer to unloading a plugin.
#[expect(clippy::struct_field_names, reason = "the names are those that clients know")]
#[derive(Debug, Object)]
pub(super) struct Unloaded {
    /// The plugin.
    pub(super) unloaded: String,
    /// Whether it is served no more.
    pub(super) success: bool,
    /// What the load did.
    #[oai(flatten)]
    pub(super) load: Load,
}

/// Why there is no answer.
#[derive(Debug, Object)]
pub(super) struct Refusal {
    /// In a few words.
    pub(super) error: String,
}

/// That the server is alive.
#[derive(Debug, Object)]
pub(super) struct Alive {
    /// `alive`.
    pub(super) status: String,
}

/// That the server serves.
#[derive(Debug, Object)]
pub(super) struct Ready {
    /// `ready`.
    pub(super) status: String,
    /// The number of the generation that is served.
    pub(super) generation: u64,
    /// Plugins that are served in an older version than the newest.
    pub(super) stale: Vec<String>,
}

impl Plugins {
    pub(super) fn of(generation: &Generation, sessions: &Sessions) -> Self {
        let (store, is_down) = sessions.state();
        let trouble = is_down.then(|| "out of reach; the log says why".to_owned());
        Self {
            sessions: SessionStore { store: store.to_owned(), trouble },
            loaded_plugins: generation.served().map(|(name, _)| name.to_owned()).collect(),
            generation: generation.number,
            memory: if memory::is_enforced() { "enforced" } else { "unenforced" }.to_owned(),
            limits: Any(limits(&generation.settings.limits.script)),
            watching: generation.watching.clone(),
            plugins: generation
                .plugins
                .iter()
                .map(|(name, entry)| Any(plugin(name.as_str(), entry)))
                .collect(),
            jobs: Job::all(generation),
            diagnostics: shown(generation.diagnostics.iter()),
            changes: generation.changes.iter().map(data).map(Any).collect(),
            contract: Any(data(&generation.standing)),
        }
    }
}

impl From<Report> for Load {
    fn from(report: Report) -> Self {
        Self {
            generation: report.generation,
            diagnostics: shown(report.diagnostics.iter()),
            changes: report.changes.iter().map(data).map(Any).collect(),
            contract: Any(data(&report.contract)),
            added: report.added,
            changed: report.changed,
            removed: report.removed,
            unchanged: report.unchanged as u64,
            failed: report.failed,
            restart_needed: report.restart_needed,
            loaded_plugins: report.loaded_plugins,
            milliseconds: report.milliseconds,
        }
    }
}

fn data(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Diagnostics as data, each with its rendered form.
fn shown<'a>(diagnostics: impl Iterator<Item = &'a Diagnostic>) -> Vec<Any<Value>> {
    diagnostics.map(|diagnostic| Any(diagnostic.shown())).collect()
}

fn plugin(name: &str, entry: &Entry) -> Value {
    let warnings = entry.plugin.as_ref().map(|plugin| plugin.warnings()).unwrap_or_default();
    let diagnostics: Vec<Value> =
        shown(entry.diagnostics.iter().chain(&warnings)).into_iter().map(|any| any.0).collect();
    let mut value = json!({
        "name": name,
        "path": entry.mount,
        "file": entry.file,
        "state": entry.state,
        "diagnostics": diagnostics,
        "routes": [],
    });
    if let (Some(fields), Some(plugin)) = (value.as_object_mut(), &entry.plugin) {
        fields.extend(served(plugin));
    }
    value
}

fn served(plugin: &Plugin) -> serde_json::Map<String, Value> {
    let routes: Vec<Value> = plugin.routes().iter().map(route).collect();
    let fields = json!({
        "description": plugin.about(),
        "routes": routes,
        "imports": plugin.imports(),
        "state_bytes": plugin.state_bytes(),
        "requests": plugin.counters().requests.load(Ordering::Relaxed),
        "broken_promises": plugin.counters().broken_promises.load(Ordering::Relaxed),
        "faults": plugin.counters().faults.load(Ordering::Relaxed),
        "interpreted": plugin.obstacles().into_iter().map(obstacle).collect::<Vec<_>>(),
        "self_check": self_check(plugin),
        "refused": plugin.counters().refused.load(Ordering::Relaxed),
        "leak": plugin.leak().map(|leak| leak.message),
        "limits": limits(plugin.limits()),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}

fn limits(limits: &ScriptLimits) -> Value {
    json!({
        "script_ms": limits.script_ms,
        "load_ms": limits.load_ms,
        "operations": limits.operations,
        "call_depth": limits.call_depth,
        "memory_bytes": limits.memory_bytes,
        "total_memory_bytes": limits.total_memory_bytes,
        "output_bytes": limits.output_bytes,
        "stream_bytes": limits.stream_bytes,
        "concurrency": limits.concurrency,
        "queue": limits.queue,
        "store_bytes": limits.store_bytes,
        "files_bytes": limits.files_bytes,
        "compile": limits.compile,
        "self_check": limits.self_check,
    })
}

fn route(route: &Route) -> Value {
    json!({
        "methods": route.methods,
        "path": route.pattern.to_string(),
        "summary": route.spec.summary,
        "description": route.spec.description,
        "tags": route.spec.tags,
        "operation_id": route.spec.operation_id,
        "deprecated": route.spec.deprecated,
        "hidden": route.spec.hidden,
        "mock": matches!(route.handler, Handler::Mock(_)),
        "file": route.place.file,
        "line": route.place.line,
    })
}
