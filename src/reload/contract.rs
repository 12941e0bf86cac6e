//! The accepted document, watched like a script, and what it has to say to each load.
//!
//! Under `refuse` a version that breaks it is not served: the plugin keeps the one before, its file being
//! deleted included. What was already so before the load is told and not refused: keeping the version
//! before would mend nothing. What a person turns off by name, in the configuration or through
//! `/unload/…`, is turned off.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::PathBuf,
    sync::Arc,
};

use super::{Candidates, Reloader};
use crate::{
    diagnostic::{Diagnostic, Place},
    generation::{
        Entry, Generation, State,
        assemble::{Candidate, assemble},
    },
    openapi::{
        Fragment,
        contract::{self, Accepted, ByShape, Owners, Standing},
        diff::{self, Change},
    },
    plugin::{Plugin, route::Route},
    settings::{OnBreaking, Settings},
    source::{digest::Digest, watch::Changed},
};

/// The name of the accepted document, relative to the project.
const FILE: &str = "openapi/contract.json";

/// How many breaking changes of one plugin are told one by one.
const MOST_TOLD: usize = 20;

/// How to accept what is there now.
const ACCEPT: &str = "run `hotplate openapi --accept` to accept the new API";

/// The accepted document as it was last read, and how what is served stands to it.
#[derive(Debug, Default)]
pub(super) struct Contract {
    /// Where it is; none if there is no project.
    file: Option<PathBuf>,
    /// What was read last; none if nothing was looked for, or nothing was there.
    read: Option<Digest>,
    accepted: Option<Arc<Accepted>>,
    /// Why it cannot be read.
    fault: Option<Diagnostic>,
    /// How what is served differs from it.
    differs: ByShape,
    /// The configuration that `differs` holds for; none if all is to be compared again.
    judged: Option<Arc<Settings>>,
}

impl Contract {
    /// The accepted document in `file`, which is not read yet.
    pub(super) fn at(file: Option<PathBuf>) -> Self {
        Self { file, ..Self::default() }
    }

    /// Reads it again where that may make a difference.
    pub(super) fn reread(&mut self, changed: &Changed, asked: bool) {
        let Some(file) = &self.file else { return };
        let is_first = self.judged.is_none() && self.read.is_none();
        if !is_first && !asked && !changed.may_mean(file) {
            return;
        }
        let bytes = match contract::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if self.accepted.is_some() || self.fault.is_some() {
                    *self = Self::at(self.file.take());
                }
                return;
            }
            Err(error) => {
                self.judged = None;
                self.read = None;
                self.fault =
                    Some(unreadable(&format!("cannot be read: {error}"), Place::file(FILE)));
                return;
            }
        };
        let digest = Digest::of(&bytes);
        if self.read == Some(digest) {
            return;
        }
        (self.read, self.judged) = (Some(digest), None);
        let text = String::from_utf8_lossy(&bytes);
        match Accepted::parse(&text) {
            Ok(accepted) => {
                self.accepted = Some(Arc::new(accepted));
                self.fault = None;
            }
            Err(fault) => {
                let place = match fault.line {
                    0 => Place::file(FILE),
                    line => Place::at(FILE, &text, line, fault.column.max(1)),
                };
                self.fault = Some(unreadable(&format!("cannot be used: {fault}"), place));
            }
        }
    }

    /// While a document that should be there cannot be read, what was served when that was noticed, or
    /// what could be read last, stands in for it.
    fn stand_in(&mut self, current: &Generation) {
        if self.fault.is_some() && self.accepted.is_none() && current.number > 0 {
            let fragments = current.api.fragments(&current.settings).map(|(_, fragment)| fragment);
            let document = contract::document_of(fragments, &current.settings);
            self.accepted = Some(Arc::new(Accepted::of(document)));
            self.judged = None;
        }
    }

    /// How a generation differs from the accepted document; compared anew where it is not `current`.
    fn compare(&self, current: &Generation, next: &Generation) -> ByShape {
        let Some(accepted) = &self.accepted else { return ByShape::new() };
        let carries = self.judged.as_ref().is_some_and(|with| Arc::ptr_eq(with, &next.settings));
        if !carries {
            let all = next.api.fragments(&next.settings).map(|(_, fragment)| fragment);
            return accepted.compare(all, &next.settings, None);
        }
        let shapes = moved(current, next);
        let mut differs = self.differs.clone();
        if !shapes.is_empty() {
            differs.retain(|shape, _| !shapes.contains(shape));
            let there = next.api.at(&shapes, &next.settings);
            differs.extend(accepted.compare(there, &next.settings, Some(&shapes)));
        }
        differs
    }
}

impl Reloader {
    /// Puts candidates together to the generation that follows `current`, without those that break what
    /// was promised where that is refused.
    pub(super) fn within_contract(
        &mut self,
        current: &Generation,
        settings: &Arc<Settings>,
        mut candidates: Candidates,
        diagnostics: &[Diagnostic],
    ) -> Generation {
        let is_strict = settings.contract.on_breaking == OnBreaking::Refuse;
        if is_strict {
            self.contract.stand_in(current);
        }
        loop {
            let tried = (is_strict && current.number > 0).then(|| candidates.clone());
            let mut next =
                assemble(current, Arc::clone(settings), candidates, diagnostics.to_vec());
            let differs = self.contract.compare(current, &next);
            let refused = match &tried {
                Some(tried) => self.offenders(current, &next, tried, &differs),
                None => BTreeMap::new(),
            };
            if refused.is_empty() {
                next.changes = changes(current, &next);
                next.standing = match self.contract.accepted {
                    Some(_) => Standing::of(&differs),
                    None => Standing::default(),
                };
                next.diagnostics.extend(self.contract.fault.clone());
                next.diagnostics.extend(warnings(current, &next, &differs));
                self.contract.differs = differs;
                self.contract.judged = Some(Arc::clone(settings));
                return next;
            }
            // What is kept may have what another version gave up, and so the whole is judged again.
            candidates = tried.unwrap_or_default();
            for (name, faults) in refused {
                self.refuse(current, &mut candidates, &name, faults);
            }
        }
    }

    /// The plugins whose new version breaks what their old one keeps, each with what to say of it.
    fn offenders(
        &self,
        current: &Generation,
        next: &Generation,
        candidates: &Candidates,
        differs: &ByShape,
    ) -> BTreeMap<String, Vec<Diagnostic>> {
        let Some(accepted) = &self.contract.accepted else { return BTreeMap::new() };
        let mut offences: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
        let breaking = differs.values().flatten().filter(|change| change.is_breaking());
        let breaking: Vec<&Change> = breaking.collect();
        if breaking.is_empty() {
            return BTreeMap::new();
        }
        let owners = Owners::new(next.api.fragments(&next.settings));
        let before = Owners::new(current.api.fragments(&current.settings));
        for change in breaking {
            // A plugin that is new has no version to keep: whose route it was keeps it. Where it takes only
            // requests, nobody's version changed but its own.
            let is_its_own =
                |name: &str| change.is_of_new_route() || current.serving(name).is_some();
            let owner = owners.of(change).filter(|(name, _)| is_its_own(name));
            if let Some((name, _)) = owner.or_else(|| before.of(change)) {
                offences.entry(name).or_default().push(change);
            }
        }
        let mut refused = BTreeMap::new();
        for (name, mut changes) in offences {
            let kept = current.serving(name);
            let is_same = match (kept, next.serving(name)) {
                (Some(kept), Some(now)) => Arc::ptr_eq(now, kept),
                (None, None) => true,
                _ => false,
            };
            let is_off = self.unloaded.contains(name)
                || candidates.get(name).is_some_and(|candidate| candidate.entry.plugin.is_none());
            if is_same || is_off {
                continue;
            }
            let already = already(accepted, next, name, kept, &changes);
            changes.retain(|change| !already.contains(&change.message));
            if !changes.is_empty() {
                let faults = told(&changes, name, next, &owners, Diagnostic::error);
                refused.insert(name.to_owned(), faults);
            }
        }
        refused
    }

    /// Leaves a plugin as it was before, which for one that is new is: not served.
    fn refuse(
        &mut self,
        current: &Generation,
        candidates: &mut Candidates,
        name: &str,
        diagnostics: Vec<Diagnostic>,
    ) {
        let there = current.plugins.get_key_value(name).map(|(name, entry)| (name.clone(), entry));
        let new = || candidates.get_key_value(name).map(|(name, new)| (name.clone(), &new.entry));
        let Some((name, entry)) = there.or_else(new) else { return };
        let before = current.serving(name.as_str()).map(Arc::clone);
        let state = if before.is_some() { State::Stale } else { State::Failed };
        let entry = Entry { plugin: before.clone(), state, diagnostics, ..(**entry).clone() };
        let entry = Arc::new(entry);
        let known = self.known.entry(name.clone()).or_default();
        known.plugin.clone_from(&before);
        candidates.insert(name.clone(), Candidate { entry, before });
    }
}

/// The breaking changes that keeping the version before would not mend.
fn already(
    accepted: &Accepted,
    next: &Generation,
    name: &str,
    kept: Option<&Arc<Plugin>>,
    changes: &[&Change],
) -> HashSet<String> {
    let settings = &next.settings;
    let shapes = changes.iter().map(|change| diff::shape(&change.path)).collect();
    let fragment = kept.map(|kept| Fragment::of_plugin(kept, settings.plugin(name).auth));
    let others = next.api.fragments(settings).filter(|(other, _)| *other != name);
    // First, for where others have its routes now, it would win.
    let all = fragment.iter().chain(others.map(|(_, fragment)| fragment));
    let before = accepted.compare(all, settings, Some(&shapes));
    let breaking = before.into_values().flatten().filter(Change::is_breaking);
    breaking.map(|change| change.message).collect()
}

/// The shapes of the paths of all plugins that are not in the same version in both.
fn moved(current: &Generation, next: &Generation) -> BTreeSet<String> {
    let of = |one: &Generation, other: &Generation| {
        let differing = one.api.differing(&other.api, &one.settings);
        differing.flat_map(Fragment::shapes).cloned().collect::<Vec<_>>()
    };
    of(next, current).into_iter().chain(of(current, next)).collect()
}

/// How a generation differs from the one before.
fn changes(current: &Generation, next: &Generation) -> Vec<Change> {
    if current.number == 0 {
        return Vec::new();
    }
    let same_settings = Arc::ptr_eq(&current.settings, &next.settings);
    let shapes = moved(current, next);
    if same_settings && shapes.is_empty() {
        return Vec::new();
    }
    let (before, after) = (&current.settings, &next.settings);
    if same_settings {
        let (old, new) = (current.api.at(&shapes, before), next.api.at(&shapes, after));
        return contract::compare((old, before), (new, after), Some(&shapes));
    }
    let old = current.api.fragments(before).map(|(_, fragment)| fragment);
    let new = next.api.fragments(after).map(|(_, fragment)| fragment);
    contract::compare((old, before), (new, after), None)
}

/// What is served although it breaks the accepted document.
fn warnings(current: &Generation, next: &Generation, differs: &ByShape) -> Vec<Diagnostic> {
    let breaking = differs.values().flatten().filter(|change| change.is_breaking());
    let breaking: Vec<&Change> = breaking.collect();
    if breaking.is_empty() {
        return Vec::new();
    }
    let owners = Owners::new(next.api.fragments(&next.settings));
    let before = Owners::new(current.api.fragments(&current.settings));
    let mut by_owner: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in breaking {
        let owner = owners.of(change).or_else(|| before.of(change));
        by_owner.entry(owner.map_or("", |(name, _)| name)).or_default().push(change);
    }
    let warn = |(name, changes): (&str, Vec<&Change>)| {
        told(&changes, name, next, &owners, Diagnostic::warning)
    };
    by_owner.into_iter().flat_map(warn).collect()
}

/// Breaking changes as diagnostics of a plugin, as many as are told one by one.
fn told(
    changes: &[&Change],
    plugin: &str,
    next: &Generation,
    owners: &Owners<'_>,
    make: impl Fn(&'static str, String) -> Diagnostic,
) -> Vec<Diagnostic> {
    let of_plugin = |fault: Diagnostic| match plugin {
        "" => fault,
        name => fault.of_plugin(name),
    };
    let one = |change: &&Change| {
        let message =
            format!("the accepted API is broken: {change} (rule `{}`)", change.rule_name());
        let fault = of_plugin(make("contract-broken", message)).help(ACCEPT);
        match place_of(change, plugin, next, owners) {
            Some(place) => fault.at(place),
            None => fault,
        }
    };
    let mut faults: Vec<Diagnostic> = changes.iter().take(MOST_TOLD).map(one).collect();
    if changes.len() > MOST_TOLD {
        let message = format!(
            "the accepted API is broken: {} more breaking changes",
            changes.len() - MOST_TOLD
        );
        let help = "`hotplate openapi --check` lists them all";
        faults.push(of_plugin(make("contract-broken", message)).help(help));
    }
    faults
}

/// Where the route that a change is of is declared now; a hidden one has no owner.
fn place_of(
    change: &Change,
    plugin: &str,
    next: &Generation,
    owners: &Owners<'_>,
) -> Option<Place> {
    let owner = owners.of(change);
    let mut routes = next.serving(owner.map_or(plugin, |(name, _)| name))?.routes().iter();
    let route = if let Some((_, line)) = owner {
        routes.find(|route| route.place.line == line)?
    } else {
        let shape = diff::shape(&change.path);
        let has_method = |route: &Route| match change.method.as_deref() {
            None => true,
            Some(method) => route.methods.contains(&method),
        };
        routes
            .find(|route| has_method(route) && diff::shape(&route.pattern.to_string()) == shape)?
    };
    Some(route.place.clone())
}

fn unreadable(why: &str, place: Place) -> Diagnostic {
    let message = format!("the accepted document {why}");
    let help = "mend it, or write it anew with `hotplate openapi --accept`; under \
                `on_breaking = \"refuse\"` what was accepted or served before holds until then";
    Diagnostic::error("contract-unreadable", message).at(place).help(help)
}
