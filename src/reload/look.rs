//! One look: read, compare, load what changed, put together, publish.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Candidates, Reloader, Seen,
    build::{Job, Workshop},
    configured::{around, mount_of, reserved_mount},
    publish::log,
    report::Report,
    share::Standing,
};
use crate::{
    diagnostic::Diagnostic,
    documents::Documents,
    generation::{Entry, Generation, State, assemble::Candidate},
    plugin::{
        Plugin,
        load::{Loaded, UNKNOWN_SCHEMA},
    },
    settings::{Settings, Sources},
    source::{Script, Snapshot, watch::Changed},
};

/// How long a file that never comes to rest may hold back what it says.
const LONGEST_HOLD: Duration = Duration::from_secs(2);

/// How many times the settle time a file may be gone before its routes are: what replaces it may have to
/// wait for a processor, and nobody waits for a route to end.
const GONE: u32 = 4;

/// What a look found out about one plugin, beside its script.
enum Finding {
    /// It is served as it was.
    Same,
    /// Its newest version failed before and is as it was.
    StillFailed,
    /// It loaded anew, or did not; the text tells this version from others.
    Loaded(Box<Loaded>, String),
}

impl Reloader {
    /// The look at the start: a folder that cannot be read ends the program.
    pub(super) fn first_look(&mut self) -> Result<Report, Vec<Diagnostic>> {
        let root = self.parts.settings.paths.plugins.clone();
        if let Err(error) = Snapshot::read(&root, None) {
            return Err(vec![error.diagnostic()]);
        }
        Ok(self.look(&Changed::Unclear, false))
    }

    /// Looks at everything that `changed` names and publishes what became of it. When `asked`, the
    /// configuration is read again and what failed is tried again.
    pub(super) fn look(&mut self, changed: &Changed, asked: bool) -> Report {
        let began = Instant::now();
        let (settings, restart_needed) = self.reread_settings(changed, asked);
        self.contract.reread(changed, asked);
        let mut diagnostics = self.config_faults.clone();
        diagnostics.extend(self.applied.diagnostics.iter().cloned());
        diagnostics.extend(Documents::diagnose(&settings));
        let current = self.parts.site.current();
        let generation = match self.read(&settings, changed) {
            Ok(snapshot) => {
                diagnostics.extend(around(&settings, &snapshot));
                let candidates = self.candidates(&current, &settings, &snapshot, asked);
                self.snapshot = Some(snapshot);
                self.within_contract(&current, &settings, candidates, &diagnostics)
            }
            Err(fault) => {
                diagnostics.push(fault);
                self.within_contract(&current, &settings, all_stale(&current), &diagnostics)
            }
        };
        drop(current);
        let mut report = self.publish(generation);
        if asked {
            self.parts.site.current().documents.reopen_log();
        }
        report.restart_needed = restart_needed;
        report.took(began.elapsed());
        self.rearm();
        let logged = std::mem::replace(&mut self.logged, report.diagnostics.clone());
        log(&report, &logged);
        report
    }

    /// The configuration in force, read again where that may make a difference.
    fn reread_settings(&mut self, changed: &Changed, asked: bool) -> (Arc<Settings>, Vec<String>) {
        let in_force = Arc::clone(&self.parts.settings);
        let Some(sources) = &self.parts.sources else { return (in_force, Vec::new()) };
        let may_differ = |file: &PathBuf| changed.may_mean(file);
        if !asked && !self.applied.unsettled && !self.outside_files().iter().any(may_differ) {
            return (in_force, Vec::new());
        }
        let (settings, restart) = match Settings::load(sources) {
            Ok(loaded) => {
                self.config_faults = loaded.warnings;
                let restart = self.started_with.needs_restart(&loaded.settings);
                if *in_force == loaded.settings {
                    (in_force, restart)
                } else {
                    for key in &restart {
                        tracing::warn!(key, "this setting changed; restart to apply it");
                    }
                    self.parts.settings = Arc::new(loaded.settings);
                    (Arc::clone(&self.parts.settings), restart)
                }
            }
            Err(faults) => {
                self.config_faults = faults;
                (in_force, Vec::new())
            }
        };
        // The same settings may name certificates that were renewed.
        self.applied = (self.parts.apply)(&settings, asked);
        (settings, restart)
    }

    /// The files outside the plugin folder that the configuration consists of.
    pub(super) fn outside_files(&self) -> Vec<PathBuf> {
        let read = self.parts.sources.iter().flat_map(Sources::files);
        read.chain(self.parts.settings.files.iter().cloned()).collect()
    }

    fn read(&self, settings: &Settings, changed: &Changed) -> Result<Snapshot, Diagnostic> {
        let root = &settings.paths.plugins;
        let read = match (&self.snapshot, changed) {
            (Some(before), Changed::Files(files))
                if before.root() == root && self.held.is_empty() =>
            {
                before.refresh(files)
            }
            (before, _) => Snapshot::read(root, before.as_ref().filter(|b| b.root() == root)),
        };
        read.map_err(|error| error.diagnostic())
    }

    pub(super) fn rearm(&mut self) {
        let root = self.parts.settings.paths.plugins.clone();
        let files = self.outside_files();
        if let Some(watcher) = &mut self.watcher {
            watcher.follow(files);
            let folders = self.snapshot.as_ref().map(Snapshot::folders).unwrap_or_default();
            if let Err(error) = watcher.rearm(&root, folders) {
                tracing::error!(%error, "some changes will not be noticed");
            }
        }
    }

    pub(super) fn candidates(
        &mut self,
        current: &Generation,
        settings: &Arc<Settings>,
        snapshot: &Snapshot,
        retry: bool,
    ) -> Candidates {
        let (natives, services) = (self.parts.natives.clone(), Arc::clone(&self.parts.services));
        let signatures = Arc::clone(&self.signatures);
        let workshop = Workshop::new(settings, snapshot, &services, &natives, &signatures);
        let libraries: Arc<[u8]> = snapshot.libraries_digest().into();
        let seen = |script: &Arc<Script>| Seen {
            script: Arc::clone(script),
            settings: Arc::clone(settings),
            libraries: Arc::clone(&libraries),
        };
        let mut findings = BTreeMap::new();
        let mut jobs = Vec::new();
        let mut standing = Vec::new();
        let version_of = |job: &Job<'_>| {
            let alone = workshop.made(job.name, job.script, std::iter::empty());
            format!("{:?} {libraries:?} {}", alone.0, job.mount)
        };
        let mut candidates = BTreeMap::new();
        for script in snapshot.plugins() {
            let name = script.name.as_str();
            if let Some(state) = self.switched_off(settings, name) {
                let mount = mount_of(settings, script);
                self.known.remove(name);
                self.held.remove(name);
                candidates.insert(name.to_owned(), absent(script, mount, state, Vec::new()));
                continue;
            }
            let mount = mount_of(settings, script);
            if let Some(candidate) = self.untouched(current, name, &seen(script)) {
                if let Some(plugin) = candidate.entry.plugin.clone() {
                    standing.push(Standing { job: Job { name, mount, script }, plugin });
                }
                candidates.insert(name.to_owned(), candidate);
                continue;
            }
            if let Some(fault) = reserved_mount(name, &mount) {
                self.known.remove(name);
                let candidate = absent(script, mount, State::Failed, vec![fault]);
                candidates.insert(name.to_owned(), candidate);
                continue;
            }
            let known = self.known.entry(name.to_owned()).or_default();
            let as_seen = known.seen.as_ref().is_some_and(|before| before.is_same(&seen(script)));
            let mendable = known.failed.as_ref().is_some_and(|(_, faults)| may_be_mended(faults));
            let retry = retry || mendable;
            if as_seen && known.failed.is_some() && !retry {
                findings.insert(name, Finding::StillFailed);
                continue;
            }
            let made = |plugin: &Arc<Plugin>| {
                workshop.made(name, script, plugin.imports().iter().map(String::as_str))
            };
            let is_same =
                |plugin: &Arc<Plugin>| plugin.mount() == mount && *plugin.made() == made(plugin);
            if let Some(plugin) = known.plugin.clone().filter(is_same) {
                findings.insert(name, Finding::Same);
                standing.push(Standing { job: Job { name, mount, script }, plugin });
                continue;
            }
            let version = version_of(&Job { name, mount: mount.clone(), script });
            let failed_before = known.failed.as_ref().is_some_and(|(there, _)| *there == version);
            if failed_before && !retry {
                findings.insert(name, Finding::StillFailed);
                continue;
            }
            jobs.push(Job { name, mount, script });
        }
        let before = |name: &str| self.known.get(name).and_then(|known| known.plugin.clone());
        for (job, loaded) in workshop.load_sharing(&jobs, &standing, before) {
            candidates.remove(job.name);
            findings.insert(job.name, Finding::Loaded(Box::new(loaded), version_of(job)));
        }
        for script in snapshot.plugins() {
            if let Some(finding) = findings.remove(script.name.as_str()) {
                let mount = mount_of(settings, script);
                if let Some(candidate) = self.judge(snapshot, script, mount, finding) {
                    if !self.held.contains_key(script.name.as_str())
                        && let Some(known) = self.known.get_mut(script.name.as_str())
                    {
                        known.seen = Some(seen(script));
                    }
                    candidates.insert(script.name.to_string(), candidate);
                }
            }
        }
        self.gone(snapshot, &mut candidates);
        candidates
    }

    /// A plugin that is served and was judged by just what is there now.
    fn untouched(&self, current: &Generation, name: &str, seen: &Seen) -> Option<Candidate> {
        let known = self.known.get(name)?;
        let same = known.failed.is_none()
            && known.seen.as_ref().is_some_and(|before| before.is_same(seen))
            && !self.held.contains_key(name);
        let entry =
            current.plugins.get(name).filter(|entry| same && entry.state == State::Serving)?;
        Some(Candidate { before: entry.plugin.clone(), entry: Arc::clone(entry) })
    }

    fn switched_off(&self, settings: &Settings, name: &str) -> Option<State> {
        if settings.plugins.get(name).is_some_and(|plugin| !plugin.enabled) {
            return Some(State::Disabled);
        }
        self.unloaded.contains(name).then_some(State::Unloaded)
    }

    /// Decides what becomes of a plugin whose script is there.
    fn judge(
        &mut self,
        snapshot: &Snapshot,
        script: &Arc<Script>,
        mount: String,
        finding: Finding,
    ) -> Option<Candidate> {
        let name = script.name.as_str();
        let before = self.known.get(name).and_then(|known| known.plugin.clone());
        let settled = |reloader: &mut Self| reloader.held.remove(name);
        let (plugin, state, diagnostics) = match finding {
            Finding::Same => {
                settled(self);
                self.known.entry(name.to_owned()).or_default().failed = None;
                (before.clone(), State::Serving, Vec::new())
            }
            Finding::StillFailed => {
                settled(self);
                let failed = self.known.get(name).and_then(|known| known.failed.as_ref());
                let faults = failed.map(|(_, faults)| faults.clone()).unwrap_or_default();
                (before.clone(), fallen_back(before.as_ref()), faults)
            }
            Finding::Loaded(loaded, version) => {
                if takes_away(&loaded, before.as_ref()) && self.hold_while_young(snapshot, script) {
                    return self.as_it_was(name);
                }
                settled(self);
                let known = self.known.entry(name.to_owned()).or_default();
                match *loaded {
                    Ok(plugin) => {
                        known.failed = None;
                        (Some(Arc::new(plugin)), State::Serving, Vec::new())
                    }
                    Err(faults) => {
                        known.failed = Some((version, faults.clone()));
                        (before.clone(), fallen_back(before.as_ref()), faults)
                    }
                }
            }
        };
        let file = script.file.clone();
        let entry = Arc::new(Entry { plugin, state, mount, file, diagnostics });
        Some(Candidate { entry, before })
    }

    /// Whether a script may still be being written, and so is held back.
    fn hold_while_young(&mut self, snapshot: &Snapshot, script: &Arc<Script>) -> bool {
        let young =
            snapshot.libraries().chain([script]).any(|file| Snapshot::age(file) < self.settle());
        self.hold(script.name.as_str(), LONGEST_HOLD) && young
    }

    /// Holds a plugin back as it was; false once it was held for `longest`.
    fn hold(&mut self, name: &str, longest: Duration) -> bool {
        let since = *self.held.entry(name.to_owned()).or_insert_with(Instant::now);
        since.elapsed() < longest
    }

    /// Plugins whose script is there no more: editors take a file away for a moment.
    fn gone(&mut self, snapshot: &Snapshot, candidates: &mut Candidates) {
        let gone: Vec<String> =
            self.known.keys().filter(|name| !snapshot.has_plugin(name)).cloned().collect();
        for name in gone {
            let served = self.known.get(&name).is_some_and(|known| known.plugin.is_some());
            if served
                && self.hold(&name, self.settle() * GONE)
                && let Some(candidate) = self.as_it_was(&name)
            {
                candidates.insert(name, candidate);
                continue;
            }
            self.held.remove(&name);
            self.known.remove(&name);
        }
    }

    fn as_it_was(&self, name: &str) -> Option<Candidate> {
        let current = self.parts.site.current();
        let entry = Arc::clone(current.plugins.get(name)?);
        Some(Candidate { before: entry.plugin.clone(), entry })
    }
}

/// Every plugin as it was, when nothing can be read.
fn all_stale(current: &Generation) -> Candidates {
    let stale = |entry: &Arc<Entry>| {
        let entry = match entry.plugin {
            Some(_) => Arc::new(Entry { state: State::Stale, ..(**entry).clone() }),
            None => Arc::clone(entry),
        };
        Candidate { before: entry.plugin.clone(), entry }
    };
    current.plugins.iter().map(|(name, entry)| (name.clone(), stale(entry))).collect()
}

/// A plugin of which no version is served.
fn absent(script: &Script, mount: String, state: State, diagnostics: Vec<Diagnostic>) -> Candidate {
    let file = script.file.clone();
    let entry = Arc::new(Entry { plugin: None, state, mount, file, diagnostics });
    Candidate { entry, before: None }
}

/// Whether what is wrong may be mended by another plugin.
fn may_be_mended(faults: &[Diagnostic]) -> bool {
    faults.iter().any(|fault| fault.code == UNKNOWN_SCHEMA)
}

/// Whether a load, were it served, would take away what is there.
fn takes_away(loaded: &Loaded, before: Option<&Arc<Plugin>>) -> bool {
    let Some(before) = before else { return false };
    let Ok(plugin) = loaded else { return true };
    before.routes().iter().any(|old| {
        let kept = plugin.routes().iter().any(|new| {
            new.shape() == old.shape()
                && old.methods.iter().all(|method| new.methods.contains(method))
        });
        !kept
    })
}

fn fallen_back(before: Option<&Arc<Plugin>>) -> State {
    if before.is_some() { State::Stale } else { State::Failed }
}
