//! Which plugin's script runs on this thread, and why.
//!
//! Natives are registered once for all plugins, so they learn here whom they serve. Nothing is known
//! outside a run.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Instant,
};

use rhai::Dynamic;

use super::session::Visit;
use crate::services::{files::Files, sessions::Sessions, state::State, store::Store, turns::Asked};

/// What natives know of the plugin they serve. Immutable for the life of one version of the plugin.
#[derive(Debug)]
pub(crate) struct PluginContext {
    /// The plugin's name, such as `shop/orders`.
    pub(crate) name: String,
    /// Its own table of the configuration, as a script map.
    pub(crate) settings: Dynamic,
    /// The whole configuration with secrets redacted, as a script map.
    pub(crate) config: Dynamic,
    /// The content type of a plain string.
    pub(crate) string_type: &'static str,
    /// Whether errors may show their cause to the client.
    pub(crate) development: bool,
    /// The most bytes that an answer may have.
    pub(crate) output_bytes: usize,
    /// The most bytes that a call may write into a stream.
    pub(crate) stream_bytes: u64,
    /// Its memory that survives reloads.
    pub(crate) state: Arc<State>,
    /// What it keeps for good.
    pub(crate) store: Store,
    /// The files that it keeps.
    pub(crate) files: Files,
    /// What is remembered of visitors.
    pub(crate) sessions: Arc<Sessions>,
}

/// Why a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its top level, which only declares.
    Load,
    /// A route's handler, or `before` and `after` around it.
    Request,
    /// What writes the body of an answer that has begun.
    Stream,
    /// `on_start` or `on_stop`.
    Lifecycle,
    /// A job, by the clock.
    Job,
}

/// One run of a script.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// The plugin.
    pub(crate) plugin: Arc<PluginContext>,
    /// Why it runs.
    pub(crate) phase: Phase,
}

/// What a run has logged so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Logged {
    /// How many records.
    pub(crate) records: usize,
    /// How many bytes, of all of them.
    pub(crate) bytes: usize,
    /// Whether no more is taken.
    pub(crate) is_closed: bool,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
    static VISIT: RefCell<Option<Arc<Visit>>> = const { RefCell::new(None) };
    /// Asked for more often than the rest, so told without looking into it.
    static DEVELOPMENT: Cell<bool> = const { Cell::new(true) };
    static LOGGED: Cell<Logged> =
        const { Cell::new(Logged { records: 0, bytes: 0, is_closed: false }) };
}

/// A run in force on this thread until it is dropped; then the one before it, if any.
pub(crate) struct Guard {
    run: Option<Run>,
    logged: Logged,
    visit: Option<Arc<Visit>>,
    development: bool,
}

/// Says which plugin's script runs on this thread from now on.
pub(crate) fn enter(plugin: Arc<PluginContext>, phase: Phase) -> Guard {
    let development = DEVELOPMENT.replace(plugin.development);
    let run = RUN.with(|run| run.replace(Some(Run { plugin, phase })));
    Guard { run, logged: LOGGED.take(), visit: VISIT.take(), development }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let before = self.run.take();
        RUN.with(|run| run.replace(before));
        VISIT.set(self.visit.take());
        LOGGED.set(self.logged);
        DEVELOPMENT.set(self.development);
    }
}

/// Counts a record of so many bytes, and tells what the run has logged with it.
pub(crate) fn logged(bytes: usize) -> Logged {
    let mut logged = LOGGED.get();
    logged.records = logged.records.saturating_add(1);
    logged.bytes = logged.bytes.saturating_add(bytes);
    LOGGED.set(logged);
    logged
}

/// Takes no more records of this run.
pub(crate) fn close_log() {
    LOGGED.set(Logged { is_closed: true, ..LOGGED.get() });
}

/// The plugin whose script runs on this thread.
pub(crate) fn plugin() -> Option<Arc<PluginContext>> {
    RUN.with(|run| run.borrow().as_ref().map(|run| Arc::clone(&run.plugin)))
}

/// Asks a service for something on behalf of the plugin whose script runs, which must be done by a time.
pub(crate) fn asks<T>(until: Instant, ask: impl FnOnce(Asked<'_>) -> T) -> T {
    let plugin = plugin();
    let by = plugin.as_ref().map_or("", |plugin| &plugin.name);
    ask(Asked { by, until })
}

/// Remembers that the run used this session.
pub(crate) fn visited(visit: &Arc<Visit>) {
    VISIT.set(Some(Arc::clone(visit)));
}

/// The session that the run used, if it used one.
pub(crate) fn take_visit() -> Option<Arc<Visit>> {
    VISIT.take()
}

/// Whether the server whose script runs on this thread is in development; also where none runs.
pub(crate) fn is_development() -> bool {
    DEVELOPMENT.get()
}

/// Why a script runs on this thread.
pub(crate) fn phase() -> Option<Phase> {
    RUN.with(|run| run.borrow().as_ref().map(|run| run.phase))
}
