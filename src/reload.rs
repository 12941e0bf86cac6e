//! The reloader: the one task that publishes generations.
//!
//! Whatever triggers it (a saved file, a signal, a request) says only "look again". It takes one
//! snapshot, builds beside what is served, and swaps; what failed to build leaves the last good version
//! in place. Digests decide what changed, so lost, doubled and misnamed events do not matter.

mod beside;
mod build;
mod candidates;
mod configured;
mod contract;
mod jobs;
mod look;
mod publish;
pub(crate) mod report;
mod retire;
mod run;
mod share;
pub(crate) mod unpublished;
mod untold;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, mpsc},
    time::Instant,
};

use thiserror::Error;
use tokio::sync::oneshot;

use self::{contract::Contract, report::Report, retire::Retired, untold::Untold};
use crate::{
    diagnostic::Diagnostic,
    generation::assemble::Candidate,
    plugin::{Plugin, execute::Executor},
    script::{engine::Natives, lint::signatures::Signatures},
    services::{Services, schedule::Scheduler},
    settings::{Running, Settings, Sources},
    site::Site,
    source::{
        Script, ScriptName, Snapshot,
        watch::{Changed, Watcher},
    },
};

/// What is asked of the reloader beside looking again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    All,
    /// Everything; the caller wants to know of this plugin.
    Plugin(String),
    /// Serve a plugin that was unloaded.
    Load(String),
    /// Stop serving a plugin until it is loaded again.
    Unload(String),
}

/// Where the report of a look goes.
type Reply = oneshot::Sender<Result<Report, NoReport>>;

/// Why the reloader looks.
enum Trigger {
    /// Files changed.
    Changed(Changed),
    /// SIGHUP.
    Signal,
    /// Somebody waits for the report.
    Asked(Scope, Reply),
    /// The program ends: run `on_stop` everywhere.
    End(oneshot::Sender<()>),
}

/// Asks the reloader for things. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    triggers: mpsc::Sender<Trigger>,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub(crate) enum NoReport {
    /// The reloader has ended.
    #[error("the server is ending")]
    Ended,
    /// The look did not come to its end; what was served is served on.
    #[error("the load gave up; the log tells why")]
    GaveUp,
}

impl Handle {
    /// A handle of no reloader: whatever is asked, the answer is that it has ended.
    pub(crate) fn without_reloader() -> Self {
        Self { triggers: mpsc::channel().0 }
    }

    /// Looks again and gives the report of the load that contains the caller's change.
    pub(crate) async fn reload(&self, scope: Scope) -> Result<Report, NoReport> {
        let (reply, report) = oneshot::channel();
        self.triggers.send(Trigger::Asked(scope, reply)).map_err(|_| NoReport::Ended)?;
        match report.await {
            Ok(report) => report,
            // Whoever asks while the reloader ends is never answered.
            Err(_) => Err(NoReport::Ended),
        }
    }

    /// Looks again, for a signal.
    pub(crate) fn signal(&self) {
        // An ended reloader has nothing to look at.
        drop(self.triggers.send(Trigger::Signal));
    }

    /// Looks at what may differ because time has passed.
    pub(crate) fn time_passed(&self) {
        drop(self.triggers.send(Trigger::Changed(Changed::Unclear)));
    }

    /// Ends the reloader in the same way, without waiting for it.
    pub(crate) fn end_soon(&self) {
        let (reply, _) = oneshot::channel();
        // One that has ended already has nothing left to do.
        drop(self.triggers.send(Trigger::End(reply)));
    }

    /// Ends the reloader after `on_stop` has run everywhere.
    pub(crate) async fn end(&self) {
        let (reply, ended) = oneshot::channel();
        if self.triggers.send(Trigger::End(reply)).is_ok() {
            drop(ended.await);
        }
    }
}

/// Told of the configuration in force each time that it, or a file that it names, may have changed, and
/// whether somebody asked for that.
pub(crate) type Apply = Box<dyn Fn(&Arc<Settings>, bool) -> Applied + Send>;

/// What came of applying a configuration.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// What is wrong with what it names.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether files may still be being written, so that another look is due soon.
    pub(crate) unsettled: bool,
}

/// What the reloader is made of; everything here outlives generations.
pub(crate) struct Parts {
    /// Where generations are published.
    pub(crate) site: Arc<Site>,
    /// Where the configuration comes from; `None` when it was made in code.
    pub(crate) sources: Option<Sources>,
    /// The configuration in force.
    pub(crate) settings: Arc<Settings>,
    /// The text of its file, if it was read from one.
    pub(crate) config: Option<String>,
    /// What plugins keep.
    pub(crate) services: Arc<Services>,
    /// Runs the jobs of plugins.
    pub(crate) scheduler: Scheduler,
    /// The functions that scripts see.
    pub(crate) natives: Natives,
    /// Where scripts run.
    pub(crate) executor: Executor,
    /// Told of each new configuration.
    pub(crate) apply: Apply,
}

/// Plugins on their way into a generation, by name.
type Candidates = BTreeMap<ScriptName, Candidate>;

/// What is known of one plugin between loads.
#[derive(Debug, Default)]
struct Known {
    /// The version that is served.
    plugin: Option<Arc<Plugin>>,
    /// What the newest version was made of and what is wrong with it, when it failed.
    failed: Option<(String, Vec<Diagnostic>)>,
    /// What it was last judged by: as long as this is the same, so is the judgement.
    seen: Option<Seen>,
}

/// Everything that a judgement depends on.
#[derive(Debug, Clone)]
struct Seen {
    script: Arc<Script>,
    settings: Arc<Settings>,
    libraries: Arc<[u8]>,
}

/// The task itself.
struct Reloader {
    parts: Parts,
    signatures: Arc<Signatures>,
    /// The configuration as it is read again.
    running: Running,
    triggers: mpsc::Receiver<Trigger>,
    snapshot: Option<Snapshot>,
    known: BTreeMap<ScriptName, Known>,
    unloaded: BTreeSet<String>,
    /// Plugins whose files may still be being written.
    held: BTreeMap<String, Held>,
    waiting: Vec<Waiting>,
    untold: Untold,
    retired: Retired,
    watcher: Option<Watcher>,
    /// What was logged last, so that nothing is logged at every look.
    logged: Vec<Diagnostic>,
    /// What is wrong with the configuration, until it is mended.
    config_faults: Vec<Diagnostic>,
    /// Which settings were said to need a restart.
    restart_told: Vec<String>,
    /// What came of applying it.
    applied: Applied,
    contract: Contract,
}

impl Reloader {
    /// One that has not looked yet.
    fn new(mut parts: Parts, triggers: mpsc::Receiver<Trigger>) -> Self {
        Self {
            signatures: Arc::new(Signatures::of(&parts.natives)),
            running: Running::new(Arc::clone(&parts.settings), parts.config.take()),
            contract: Contract::at(parts.sources.as_ref().map(Sources::contract_file)),
            parts,
            triggers,
            snapshot: None,
            known: BTreeMap::new(),
            unloaded: BTreeSet::new(),
            held: BTreeMap::new(),
            waiting: Vec::new(),
            untold: Untold::default(),
            retired: Retired::default(),
            watcher: None,
            logged: Vec::new(),
            config_faults: Vec::new(),
            restart_told: Vec::new(),
            applied: Applied::default(),
        }
    }
}

/// That a plugin is held back as it was.
struct Held {
    /// Since when.
    since: Instant,
    /// Since when its file is not there, if it is not.
    gone: Option<Instant>,
}

impl Held {
    /// Held from now on.
    fn now() -> Self {
        Self { since: Instant::now(), gone: None }
    }
}

/// Somebody who waits for a report.
struct Waiting {
    reply: Reply,
    /// The plugin that is asked for, if it is not all of them.
    plugin: Option<String>,
    since: Instant,
    report: Option<Report>,
}

pub(crate) use run::start;
