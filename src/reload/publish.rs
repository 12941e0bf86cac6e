//! A generation put into service, and the report of what that changed.

use std::sync::Arc;

use super::{Reloader, beside::Beside, report::Report};
use crate::{
    diagnostic::{Diagnostic, Severity},
    generation::{Entry, Generation, State},
    openapi::diff::Severity as ApiSeverity,
    plugin::Plugin,
    source::watch::Watcher,
};

/// How many changes of the API are logged one by one.
const MOST_LOGGED: usize = 50;

impl Reloader {
    /// Serves a generation, unless it is what is served already, and tells what became of it.
    pub(super) fn publish(&mut self, mut generation: Generation) -> Report {
        let before = self.parts.site.current();
        let entries = generation.plugins.iter().map(|(name, entry)| (name.as_str(), entry));
        let mut entries = Beside::new(entries);
        for (name, known) in &mut self.known {
            let Some(entry) = entries.at(name.as_str()) else { continue };
            if !is_same_version(known.plugin.as_ref(), entry.plugin.as_ref()) {
                known.plugin.clone_from(&entry.plugin);
            }
            if entry.state != State::Serving && known.failed.is_none() {
                // It lost a route to another plugin, which may give it back without it changing.
                known.seen = None;
            }
        }
        let mut report = compare(&before, &generation);
        if is_same(&before, &generation) {
            report.generation = before.number;
            return report;
        }
        generation.number = before.number + 1;
        generation.watching = self.watcher.as_ref().map(Watcher::in_words).unwrap_or_default();
        report.generation = generation.number;
        drop(before);
        let (old, new) = self.parts.site.publish(generation);
        for (_, plugin, _) in replaced(&old, &new) {
            self.retired.push(Arc::clone(plugin));
        }
        self.forget_jobs(&old, &new);
        self.start_all(&new, &report);
        report
    }

    /// Runs `on_start` of all that is served for the first time in this version, and then its jobs as they
    /// are due.
    fn start_all(&self, new: &Generation, report: &Report) {
        let fresh = report.added.iter().chain(&report.changed);
        let fresh = fresh.filter_map(|name| new.serving(name).cloned());
        let fresh = fresh.map(|plugin| (self.put_jobs(&plugin), plugin));
        let (first, ready): (Vec<_>, Vec<_>) = fresh.partition(|(_, plugin)| plugin.has_on_start());
        // Dropping them lets the jobs be due.
        drop(ready);
        if first.is_empty() {
            return;
        }
        let start = move || {
            for (held, plugin) in first {
                plugin.start();
                drop(held);
            }
        };
        if self.parts.executor.pool().run(start).is_err() {
            tracing::error!("no thread is free to run `on_start`");
        }
    }
}

fn is_same(before: &Generation, after: &Generation) -> bool {
    let same_entry = |(a, b): (&Arc<Entry>, &Arc<Entry>)| {
        if Arc::ptr_eq(a, b) {
            return true;
        }
        is_same_version(a.plugin.as_ref(), b.plugin.as_ref())
            && a.state == b.state
            && a.mount == b.mount
            && a.diagnostics == b.diagnostics
    };
    before.number > 0
        && Arc::ptr_eq(&before.settings, &after.settings)
        && before.diagnostics == after.diagnostics
        && before.standing == after.standing
        && before.plugins.len() == after.plugins.len()
        && before.plugins.keys().eq(after.plugins.keys())
        && before.plugins.values().zip(after.plugins.values()).all(same_entry)
}

fn compare(before: &Generation, after: &Generation) -> Report {
    let mut report = Report::default();
    for (name, _, old) in replaced(after, before) {
        let names = if old.is_some() { &mut report.changed } else { &mut report.added };
        names.push(name.to_owned());
    }
    report.unchanged = after.served.len() - report.changed.len() - report.added.len();
    let gone = replaced(before, after).filter(|(.., new)| new.is_none());
    report.removed = gone.map(|(name, ..)| name.to_owned()).collect();
    report.loaded_plugins = after.served().map(|(name, _)| name.to_owned()).collect();
    report.failed = after
        .plugins
        .iter()
        .filter(|(_, entry)| matches!(entry.state, State::Stale | State::Failed))
        .map(|(name, _)| name.to_string())
        .collect();
    report.changes.clone_from(&after.changes);
    report.contract = after.standing.clone().into();
    report.diagnostics = after.all_diagnostics().cloned().collect();
    report.diagnostics.extend(after.served().flat_map(|(_, plugin)| plugin.warnings()));
    report
}

/// The plugins that are served in `one` and not in the same version in `other`, each with the version that
/// is served there.
fn replaced<'a>(
    one: &'a Generation,
    other: &'a Generation,
) -> impl Iterator<Item = (&'a str, &'a Arc<Plugin>, Option<&'a Arc<Plugin>>)> {
    let mut others = other.served.iter().peekable();
    one.served.iter().filter_map(move |plugin| {
        // Most are the very same; only beside one that is not, names are compared.
        if others.next_if(|other| Arc::ptr_eq(other, plugin)).is_some() {
            return None;
        }
        let name = plugin.name();
        while others.next_if(|other| other.name() < name).is_some() {}
        let there = others.next_if(|other| other.name() == name);
        let is_same = there.is_some_and(|there| Arc::ptr_eq(there, plugin));
        (!is_same).then_some((name, plugin, there))
    })
}

fn is_same_version(one: Option<&Arc<Plugin>>, other: Option<&Arc<Plugin>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// Logs what changed, and of what is wrong that which was not logged before.
pub(super) fn log(report: &Report, logged: &[Diagnostic]) {
    if report.has_changes() {
        tracing::info!(
            generation = report.generation,
            added = report.added.len(),
            changed = report.changed.len(),
            removed = report.removed.len(),
            unchanged = report.unchanged,
            failed = report.failed.len(),
            milliseconds = report.milliseconds,
            "looked again"
        );
    }
    for change in report.changes.iter().take(MOST_LOGGED) {
        let rule = change.rule_name();
        match change.severity {
            ApiSeverity::Breaking => tracing::warn!(rule, "{change}"),
            ApiSeverity::Compatible => tracing::info!(rule, "{change}"),
            ApiSeverity::Cosmetic => tracing::debug!(rule, "{change}"),
        }
    }
    if report.changes.len() > MOST_LOGGED {
        tracing::info!(more = report.changes.len() - MOST_LOGGED, "further changes of the API");
    }
    for diagnostic in report.diagnostics.iter().filter(|fault| !logged.contains(fault)) {
        match diagnostic.severity {
            Severity::Error => tracing::error!("{}", diagnostic.render(false)),
            Severity::Warning => tracing::warn!("{}", diagnostic.render(false)),
        }
    }
}
