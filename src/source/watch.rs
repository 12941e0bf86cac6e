//! What notices that files change.
//!
//! A change that tells "look again" is all that leaves this module: that a lost, doubled or misnamed event
//! does no harm is up to the digests. Every folder is watched by its own inode, and the set is compared
//! with what is there after each look. Nothing sleeps or reads files in the system's callback.

mod changed;
mod interest;
mod native;
mod pulse;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use thiserror::Error;

pub(crate) use self::changed::Changed;
use self::{
    interest::Interest,
    native::{Native, Refusal},
    pulse::Pulse,
};
use super::links;
use crate::settings::WatchMode;

/// A folder's device and inode.
type Identity = (u64, u64);

/// How to watch.
#[derive(Debug, Clone)]
pub(crate) struct WatchSettings {
    /// By what means.
    pub(crate) mode: WatchMode,
    /// How long a file that is being written without being closed has to rest.
    pub(crate) settle: Duration,
    /// The time between two looks when polling.
    pub(crate) poll: Duration,
    /// Files outside the plugin folder that matter too, as they are to be named in [`Changed`].
    pub(crate) files: Vec<PathBuf>,
}

/// By what means changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// The system's notifications.
    Native,
    /// Looking again and again.
    Poll,
    /// Not at all.
    Off,
}

/// What is in force, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InForce {
    /// By what means changes are noticed.
    pub(crate) means: Means,
    /// Why, as a person is told.
    pub(crate) reason: String,
}

/// Changes cannot be noticed by the means that were asked for.
#[derive(Debug, Error)]
pub(crate) enum WatchError {
    /// The system's notifications cannot be had.
    #[error("changes cannot be watched: {0}; or set `mode = \"poll\"` in [watch]")]
    Native(String),
    /// There is no thread for it.
    #[error("changes cannot be watched: {0}")]
    Thread(std::io::Error),
}

/// Notices changes until it is dropped.
pub(crate) struct Watcher {
    settings: WatchSettings,
    in_force: InForce,
    native: Option<Native>,
    interest: Arc<Mutex<Interest>>,
    pulse: Arc<Pulse>,
}

impl Watcher {
    /// Begins to watch: nothing until [`Watcher::rearm`] has told what.
    ///
    /// `wake` is called from threads of the watcher and must only hand over: it must not call the watcher.
    /// Storms are gathered, so that it is called some hundred times a second at most.
    ///
    /// # Errors
    /// The means that were asked for cannot be had.
    pub(crate) fn start(
        settings: WatchSettings,
        wake: impl Fn(Changed) + Send + 'static,
    ) -> Result<Self, WatchError> {
        let pulse = Pulse::new(settings.settle, Box::new(wake));
        let interest = Arc::new(Mutex::new(Interest::default()));
        let asked = |means, reason: &str| InForce { means, reason: reason.to_owned() };
        let mut watcher = Self {
            in_force: asked(Means::Off, "switched off in [watch]"),
            native: None,
            interest,
            pulse,
            settings,
        };
        match watcher.settings.mode {
            WatchMode::Off => return Ok(watcher),
            WatchMode::Poll => {
                watcher.in_force = asked(Means::Poll, "asked for in [watch]");
                watcher.pulse.poll_every(watcher.settings.poll);
            }
            WatchMode::Auto | WatchMode::Native => {
                match Native::new(&watcher.interest, &watcher.pulse) {
                    Ok(native) => {
                        watcher.native = Some(native);
                        watcher.in_force = asked(Means::Native, "the system tells of changes");
                    }
                    Err(refusal) => watcher.refused(&refusal)?,
                }
            }
        }
        Pulse::start(&watcher.pulse).map_err(WatchError::Thread)?;
        Ok(watcher)
    }

    /// What is in force.
    #[cfg(test)]
    pub(crate) fn mode(&self) -> &InForce {
        &self.in_force
    }

    /// What is in force, as a person is told.
    pub(crate) fn in_words(&self) -> String {
        let means = match self.in_force.means {
            Means::Native => "native",
            Means::Poll => "poll",
            Means::Off => "off",
        };
        format!("{means}: {}", self.in_force.reason)
    }

    /// Takes other files outside the plugin folder to matter, from the next [`Watcher::rearm`] on.
    pub(crate) fn follow(&mut self, files: Vec<PathBuf>) {
        self.settings.files = files;
    }

    /// Watches the plugin folder at `root`, what a snapshot says has to be watched (`folders`), and what
    /// leads there; nothing else any more. To be called after every look, also after one that failed.
    ///
    /// Where something was not watched before, it may have changed between the look and now, and so the
    /// watcher wakes once more.
    ///
    /// # Errors
    /// The system refuses to watch, and polling is not allowed.
    pub(crate) fn rearm(&mut self, root: &Path, folders: &[PathBuf]) -> Result<(), WatchError> {
        if self.in_force.means == Means::Off {
            return Ok(());
        }
        self.pulse.expect_root(root, identity_at(root));
        let Some(native) = &mut self.native else { return Ok(()) };
        let plan = Plan::of(root, folders, &self.settings.files);
        let lost = {
            let mut interest = self.interest.lock().unwrap_or_else(PoisonError::into_inner);
            interest.renew(&plan)
        };
        match native.watch(&plan.watched, &lost) {
            Ok(native::News::Nothing) => Ok(()),
            Ok(native::News::Watched) => {
                self.pulse.now(Changed::Unclear);
                Ok(())
            }
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn refused(&mut self, refusal: &Refusal) -> Result<(), WatchError> {
        if self.settings.mode == WatchMode::Native {
            return Err(WatchError::Native(refusal.to_string()));
        }
        tracing::warn!(reason = %refusal, poll = ?self.settings.poll, "changes are noticed by polling");
        self.native = None;
        self.in_force = InForce { means: Means::Poll, reason: refusal.to_string() };
        self.pulse.poll_every(self.settings.poll);
        Ok(())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.pulse.end();
    }
}

/// What is to be watched.
#[derive(Debug, Default)]
struct Plan {
    /// Folders to watch, by which they are.
    watched: BTreeMap<PathBuf, Identity>,
    /// Folders in which any script matters.
    inside: Vec<PathBuf>,
    /// Paths that matter in themselves.
    points: Vec<PathBuf>,
    /// Other files that matter, with the names that they are told by.
    files: Vec<(PathBuf, PathBuf)>,
}

impl Plan {
    fn of(root: &Path, folders: &[PathBuf], files: &[PathBuf]) -> Self {
        let mut plan = Self::default();
        let way = links::trail(root);
        way.end.iter().for_each(|end| plan.folder(end));
        way.points.iter().for_each(|point| plan.point(point));
        for path in folders {
            if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
                plan.folder(path);
            } else {
                plan.point(path);
            }
        }
        for file in files {
            let way = links::trail(file);
            if let Some((end, links)) = way.points.split_last() {
                for link in links {
                    plan.point(link);
                }
                plan.around(end);
                plan.files.push((end.clone(), file.clone()));
            }
        }
        plan
    }

    fn folder(&mut self, path: &Path) {
        if let Some(identity) = identity_at(path) {
            self.watched.insert(path.to_owned(), identity);
            self.inside.push(path.to_owned());
        }
    }

    fn point(&mut self, path: &Path) {
        self.around(path);
        self.points.push(path.to_owned());
    }

    /// Watches the folder that `path` stands in.
    fn around(&mut self, path: &Path) {
        let Some(parent) = path.parent().filter(|parent| !self.watched.contains_key(*parent))
        else {
            return;
        };
        if let Some(identity) = identity_at(parent) {
            self.watched.insert(parent.to_owned(), identity);
        }
    }
}

fn identity_at(path: &Path) -> Option<Identity> {
    fs::metadata(path)
        .ok()
        .filter(Metadata::is_dir)
        .map(|metadata| (metadata.dev(), metadata.ino()))
}
