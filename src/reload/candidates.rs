//! What each plugin that is there comes to: carried over as it was, loaded anew, or held back.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Candidates, Held, Known, Reloader, Seen,
    beside::Beside,
    build::{Job, Workshop},
    configured::{mount_of, reserved_mount},
    share::Standing,
};
use crate::{
    diagnostic::Diagnostic,
    generation::{Entry, Generation, State, assemble::Candidate},
    plugin::{
        Plugin,
        load::{Loaded, UNKNOWN_SCHEMA},
    },
    settings::Settings,
    source::{Script, ScriptName, Snapshot},
};

/// How long a file that never comes to rest may hold back what it says.
const LONGEST_HOLD: Duration = Duration::from_secs(2);

/// How many times the settle time a file may be gone before its routes are: what replaces it may have to
/// wait for a processor or a disk, and nobody waits for a route to end.
const GONE: u32 = 10;

/// What a look found out about one plugin, beside its script.
enum Finding {
    /// It is served as it was.
    Same,
    /// Its newest version failed before and is as it was.
    StillFailed,
    /// It loaded anew, or did not; the text tells this version from others.
    Loaded(Box<Loaded>, String),
}

/// What a look sees in the plugins before any is loaded.
struct Sorted<'a> {
    /// Those that are served and were judged by just what is there now.
    carried: Candidates,
    /// The same, as they would be loaded.
    standing: Vec<Standing<'a>>,
    /// All others.
    rest: Vec<&'a Arc<Script>>,
}

impl Reloader {
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
        let Sorted { carried: mut candidates, mut standing, rest } =
            self.sorted(current, settings, snapshot, &libraries);
        let mut findings = BTreeMap::new();
        let mut jobs = Vec::new();
        let version_of = |job: &Job<'_>| {
            let alone = workshop.made(job.name, job.script, std::iter::empty());
            format!("{:?} {libraries:?} {}", alone.0, job.mount)
        };
        for script in rest {
            let name = script.name.as_str();
            let mount = mount_of(settings, script);
            if let Some(state) = self.switched_off(settings, name) {
                self.known.remove(name);
                self.held.remove(name);
                candidates.insert(script.name.clone(), absent(script, mount, state, Vec::new()));
                continue;
            }
            if let Some(fault) = reserved_mount(name, mount) {
                let mut candidate = absent(script, mount, State::Failed, vec![fault]);
                let before = self.known.get(name).and_then(|known| known.plugin.clone());
                if let Some(plugin) = before {
                    let entry = Entry {
                        state: State::Stale,
                        mount: plugin.mount().to_owned(),
                        plugin: Some(Arc::clone(&plugin)),
                        ..(*candidate.entry).clone()
                    };
                    candidate = Candidate { entry: Arc::new(entry), before: Some(plugin) };
                }
                candidates.insert(script.name.clone(), candidate);
                continue;
            }
            let known = self.known.entry(script.name.clone()).or_default();
            let as_seen = known.is_judged_by(script, settings, &libraries);
            let mendable = known.failed.as_ref().is_some_and(|(_, faults)| may_be_mended(faults));
            let retry = retry || mendable;
            if as_seen && known.failed.is_some() && !retry {
                findings.insert(name, (script, Finding::StillFailed));
                continue;
            }
            let made = |plugin: &Arc<Plugin>| {
                workshop.made(name, script, plugin.imports().iter().map(String::as_str))
            };
            let is_same =
                |plugin: &Arc<Plugin>| plugin.mount() == mount && *plugin.made() == made(plugin);
            let job = Job { name, mount, script };
            if let Some(plugin) = known.plugin.clone().filter(is_same) {
                findings.insert(name, (script, Finding::Same));
                standing.push(Standing { job, plugin });
                continue;
            }
            let version = version_of(&job);
            let failed_before = known.failed.as_ref().is_some_and(|(there, _)| *there == version);
            if failed_before && !retry {
                findings.insert(name, (script, Finding::StillFailed));
                continue;
            }
            jobs.push(job);
        }
        standing.sort_by_key(|there| there.job.name);
        let before = |name: &str| self.known.get(name).and_then(|known| known.plugin.clone());
        let still_failed =
            findings.iter().filter(|(_, (_, found))| matches!(found, Finding::StillFailed));
        let stale: Vec<Arc<Plugin>> = still_failed.filter_map(|(name, _)| before(name)).collect();
        for (job, loaded) in workshop.load_sharing(&jobs, &standing, &stale, before) {
            candidates.remove(job.name);
            let finding = Finding::Loaded(Box::new(loaded), version_of(job));
            findings.insert(job.name, (job.script, finding));
        }
        for (name, (script, finding)) in findings {
            let mount = mount_of(settings, script);
            if let Some(candidate) = self.judge(snapshot, script, mount, finding) {
                if !self.held.contains_key(name)
                    && let Some(known) = self.known.get_mut(name)
                {
                    known.seen = Some(Seen {
                        script: Arc::clone(script),
                        settings: Arc::clone(settings),
                        libraries: Arc::clone(&libraries),
                    });
                }
                candidates.insert(script.name.clone(), candidate);
            }
        }
        self.gone(snapshot, &mut candidates);
        candidates
    }

    /// Tells the plugins that need no look from the others. Of thousands one has changed, so this walks
    /// beside what is known instead of looking each of them up, and makes nothing that it may not need.
    fn sorted<'a>(
        &self,
        current: &Generation,
        settings: &'a Arc<Settings>,
        snapshot: &'a Snapshot,
        libraries: &[u8],
    ) -> Sorted<'a> {
        let mut known = Beside::new(self.known.iter().map(|(name, known)| (name.as_str(), known)));
        let entries = current.plugins.iter().map(|(name, entry)| (name.as_str(), entry));
        let mut entries = Beside::new(entries);
        let (mut carried, mut standing, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for script in snapshot.plugins() {
            let name = script.name.as_str();
            let is_judged = known.at(name).is_some_and(|known| {
                known.failed.is_none() && known.is_judged_by(script, settings, libraries)
            });
            let entry = entries.at(name).filter(|entry| {
                is_judged
                    && entry.state == State::Serving
                    && !self.held.contains_key(name)
                    && self.switched_off(settings, name).is_none()
            });
            let Some(entry) = entry else {
                rest.push(script);
                continue;
            };
            let before = entry.plugin.clone();
            if let Some(plugin) = &before {
                let job = Job { name, mount: mount_of(settings, script), script };
                standing.push(Standing { job, plugin: Arc::clone(plugin) });
            }
            carried.push((script.name.clone(), Candidate { entry: Arc::clone(entry), before }));
        }
        Sorted { carried: carried.into_iter().collect(), standing, rest }
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
        mount: &str,
        finding: Finding,
    ) -> Option<Candidate> {
        let name = script.name.as_str();
        let before = self.known.get(name).and_then(|known| known.plugin.clone());
        let settled = |reloader: &mut Self| reloader.held.remove(name);
        let (plugin, state, diagnostics) = match finding {
            Finding::Same => {
                settled(self);
                self.known.entry(script.name.clone()).or_default().failed = None;
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
                let known = self.known.entry(script.name.clone()).or_default();
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
        let (file, mount) = (script.file.clone(), mount.to_owned());
        let entry = Arc::new(Entry { plugin, state, mount, file, diagnostics });
        Some(Candidate { entry, before })
    }

    /// Whether a script may still be being written, and so is held back.
    fn hold_while_young(&mut self, snapshot: &Snapshot, script: &Arc<Script>) -> bool {
        let young =
            snapshot.libraries().chain([script]).any(|file| Snapshot::age(file) < self.settle());
        let held = self.held.entry(script.name.to_string()).or_insert_with(Held::now);
        held.gone = None;
        held.since.elapsed() < LONGEST_HOLD && young
    }

    /// Whether a plugin whose file went away only now is held back: what was half written before has no part
    /// in how long that may take.
    fn hold_while_gone(&mut self, name: &str) -> bool {
        let longest = self.settle() * GONE;
        let held = self.held.entry(name.to_owned()).or_insert_with(Held::now);
        held.gone.get_or_insert_with(Instant::now).elapsed() < longest
    }

    /// Plugins whose script is there no more: editors take a file away for a moment.
    fn gone(&mut self, snapshot: &Snapshot, candidates: &mut Candidates) {
        let mut there =
            Beside::new(snapshot.plugins().map(|script| (script.name.as_str(), script)));
        let is_gone = |name: &&ScriptName| there.at(name.as_str()).is_none();
        let gone: Vec<ScriptName> = self.known.keys().filter(is_gone).cloned().collect();
        for name in gone {
            let served = self.known.get(&name).is_some_and(|known| known.plugin.is_some());
            if served
                && self.hold_while_gone(name.as_str())
                && let Some(candidate) = self.as_it_was(name.as_str())
            {
                candidates.insert(name, candidate);
                continue;
            }
            self.held.remove(name.as_str());
            self.known.remove(&name);
        }
    }

    fn as_it_was(&self, name: &str) -> Option<Candidate> {
        let current = self.parts.site.current();
        let entry = Arc::clone(current.plugins.get(name)?);
        Some(Candidate { before: entry.plugin.clone(), entry })
    }
}

/// A plugin of which no version is served.
fn absent(script: &Script, mount: &str, state: State, diagnostics: Vec<Diagnostic>) -> Candidate {
    let (file, mount) = (script.file.clone(), mount.to_owned());
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

impl Known {
    /// Whether what is known of a plugin was found out from just this.
    fn is_judged_by(
        &self,
        script: &Arc<Script>,
        settings: &Arc<Settings>,
        libraries: &[u8],
    ) -> bool {
        self.seen.as_ref().is_some_and(|seen| {
            Arc::ptr_eq(&seen.script, script)
                && Arc::ptr_eq(&seen.settings, settings)
                && *seen.libraries == *libraries
        })
    }
}
