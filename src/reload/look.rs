//! One look: read, compare, load what changed, put together, publish.

use std::{path::PathBuf, sync::Arc, time::Instant};

use super::{Candidates, Reloader, configured::around, publish::log, report::Report};
use crate::{
    diagnostic::Diagnostic,
    documents::Documents,
    generation::{Entry, Generation, State, assemble::Candidate},
    settings::{Settings, Sources},
    source::{Snapshot, watch::Changed},
};

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
        let mut logged = std::mem::replace(&mut self.logged, report.diagnostics.clone());
        if !report.diagnostics.is_empty() {
            let current = self.parts.site.current();
            logged.extend(current.served().flat_map(|(_, plugin)| plugin.found_later()));
        }
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
        let read = self.running.read(sources, &in_force, asked);
        let read = read.and_then(|read| match self.parts.site.refused(&read.settings) {
            Some(fault) => Err(vec![fault]),
            None => Ok(read),
        });
        let (settings, restart) = match read {
            Ok(read) => {
                self.config_faults = read.warnings;
                let is_new = |key: &&String| !self.restart_told.contains(*key);
                for key in read.restart_needed.iter().filter(is_new) {
                    tracing::warn!(key, "this setting changed; restart to apply it");
                }
                self.restart_told.clone_from(&read.restart_needed);
                if *in_force == read.settings {
                    (in_force, read.restart_needed)
                } else {
                    self.parts.settings = Arc::new(read.settings);
                    (Arc::clone(&self.parts.settings), read.restart_needed)
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

    /// The plugin folder as it is now. Where it cannot be read, what is known of it stays.
    fn read(&mut self, settings: &Settings, changed: &Changed) -> Result<Snapshot, Diagnostic> {
        let root = &settings.paths.plugins;
        let (before, error) = match (self.snapshot.take(), changed) {
            (Some(mut there), Changed::Files(files))
                if there.root() == root && self.held.is_empty() =>
            {
                match there.refresh(files) {
                    Ok(()) => return Ok(there),
                    Err(error) => (Some(there), error),
                }
            }
            (before, _) => {
                let previous = before.as_ref().filter(|before| before.root() == root);
                match Snapshot::read(root, previous) {
                    Ok(read) => return Ok(read),
                    Err(error) => (before, error),
                }
            }
        };
        self.snapshot = before;
        Err(error.diagnostic())
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
