//! What the benchmarks of this repository measure, opened to them alone: no part of the interface.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use http::Method;
use rhai::{Dynamic, Engine};
use tokio::runtime::Runtime;

use super::{Hotplate, StartError};
use crate::{
    compile::Modules,
    generation::{path, router::Found},
    host::{
        self,
        declare::{self, callback::Callback},
    },
    openapi::Format,
    script::{
        budget::{self, Limits, Thread},
        json,
    },
};

/// A JSON text as a script's value; `None` if it is no JSON.
pub fn parse(text: &[u8]) -> Option<Dynamic> {
    json::parse(text).ok()
}

/// Appends a script's value as JSON; false if it has no such form or more than `most` bytes.
pub fn write(value: &Dynamic, out: &mut Vec<u8>, most: usize) -> bool {
    json::write(value, out, most).is_ok()
}

/// The plugins of a folder, not watched, whose scripts run on the workers of [`runtime`] as those of the
/// program do.
///
/// # Errors
/// [`StartError::Faults`] when the folder cannot be used.
pub fn site(folder: &Path) -> Result<Hotplate, StartError> {
    let mut settings = crate::Settings::default();
    settings.watch.mode = crate::WatchMode::Off;
    settings.log.access = crate::AccessLog::Off;
    Hotplate::builder().settings(settings).plugins(folder).on_workers().build()
}

/// The runtime of the program.
///
/// # Errors
/// What the system says when there are no threads for it.
pub fn runtime(workers: usize) -> std::io::Result<Runtime> {
    super::serve::runtime(workers)
}

/// Whether a route answers `method` at a path as it is sent.
pub fn finds(site: &Hotplate, method: &Method, path: &str) -> bool {
    let generation = site.inner.site.current();
    let Ok(path) = path::canonical(path) else { return false };
    matches!(generation.router.find(method, &path), Found::Route(..))
}

/// The size of the document of what is served, which is made when this is first called.
pub fn document(site: &Hotplate) -> usize {
    let generation = site.inner.site.current();
    generation.document(Format::Json, "", site.inner.admin.described()).bytes.len()
}

/// A function of a script, called as the server calls one: within a budget.
#[derive(Debug)]
pub struct Function {
    engine: Engine,
    callback: Callback,
}

/// Nothing that is measured takes so long.
const LONG: Duration = Duration::from_secs(600);

impl Function {
    /// The function that a script hands to `on_start`, or to `before` if it takes an argument, compiled or
    /// left to Rhai; `None` if there is none, or if it cannot be compiled with all that it calls.
    pub fn of(script: &str, is_compiled: bool) -> Option<Self> {
        let natives = host::natives();
        let engine = natives.engine(64);
        let (ran, mut declared) = declare::collect(|| engine.run(script));
        ran.ok()?;
        let mut callback = declared.on_start.pop().or_else(|| declared.before.pop())?;
        if is_compiled {
            let iterators = natives.iterators();
            let namespaces = natives.namespaces();
            callback.compile(&engine, Modules { iterators: &iterators, namespaces });
        }
        callback.obstacles().is_empty().then_some(Self { engine, callback })
    }

    /// What it gives for arguments; `None` if it raises an error.
    pub fn call<const N: usize>(&self, arguments: [Dynamic; N]) -> Option<Dynamic> {
        let deadline = Instant::now() + LONG;
        let limits = Limits {
            deadline,
            operations: u64::MAX,
            memory_bytes: 1 << 30,
            total_memory_bytes: u64::MAX,
        };
        let _budget = budget::enter(limits, Thread::Own);
        self.callback.call(&self.engine, arguments).ok()
    }
}
