//! The system's own notifications.
//!
//! One watch for each inode, never recursive. A watch is renewed when another folder stands at its path or
//! when events say that it went away: the system watches what was there, not the path. Watches that are no
//! longer wanted go before new ones come, because two paths of one inode share a watch.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use notify::{ErrorKind, Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use thiserror::Error;

use super::{
    Identity,
    changed::Changed,
    interest::{Interest, Lost, When},
    pulse::Pulse,
};

/// Why the system does not tell of changes.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    /// Too many folders are watched.
    #[error(
        "the limit of watched folders is reached; raise it with `sysctl fs.inotify.max_user_watches=524288`"
    )]
    Watches,
    /// Too many programs watch.
    #[error(
        "the limit of watchers is reached; raise it with `sysctl fs.inotify.max_user_instances=1024`"
    )]
    Instances,
    /// Anything else.
    #[error("the system does not tell of changes: {0}")]
    Other(String),
}

/// Whether folders are watched that were not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// The same as before.
    Nothing,
    /// There are new ones.
    Watched,
}

/// The system's watcher and what it watches.
pub(super) struct Native {
    watcher: RecommendedWatcher,
    watched: HashMap<PathBuf, Identity>,
}

impl Native {
    /// A watcher of nothing.
    pub(super) fn new(
        interest: &Arc<Mutex<Interest>>,
        pulse: &Arc<Pulse>,
    ) -> Result<Self, Refusal> {
        let (interest, pulse) = (Arc::clone(interest), Arc::clone(pulse));
        let handler = move |event: notify::Result<Event>| {
            let handled = catch_unwind(AssertUnwindSafe(|| handle(event, &interest, &pulse)));
            if handled.is_err() {
                tracing::error!("an event of the watcher was given up");
                pulse.now(Changed::Unclear);
            }
        };
        let watcher = notify::recommended_watcher(handler).map_err(|error| match &error.kind {
            ErrorKind::Io(io) if io.raw_os_error() == Some(libc::EMFILE) => Refusal::Instances,
            _ => Refusal::of(&error),
        })?;
        Ok(Self { watcher, watched: HashMap::new() })
    }

    /// Watches these folders and no others, anew where the watch is in doubt.
    pub(super) fn watch(
        &mut self,
        wanted: &BTreeMap<PathBuf, Identity>,
        lost: &Lost,
    ) -> Result<News, Refusal> {
        let stays = |(path, identity): (&PathBuf, &Identity)| {
            wanted.get(path) == Some(identity) && !lost.holds(path)
        };
        let (stay, go): (HashMap<_, _>, HashMap<_, _>) =
            self.watched.drain().partition(|(path, identity)| stays((path, identity)));
        self.watched = stay;
        for path in go.keys() {
            // A folder that is gone took its watch with it.
            drop(self.watcher.unwatch(path));
        }
        let mut identities: HashSet<Identity> = self.watched.values().copied().collect();
        let mut news = News::Nothing;
        for (path, identity) in wanted {
            if !identities.insert(*identity) {
                continue;
            }
            match self.watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path.clone(), *identity);
                    news = News::Watched;
                }
                // What is gone is told by the folder above it; what is forbidden by the snapshot.
                Err(error) if is_about_the_folder(&error) => {}
                Err(error) => return Err(Refusal::of(&error)),
            }
        }
        Ok(news)
    }
}

impl Refusal {
    /// What an error means, without the paths that it names.
    fn of(error: &notify::Error) -> Self {
        match &error.kind {
            ErrorKind::MaxFilesWatch => Self::Watches,
            ErrorKind::Io(error) => Self::Other(error.to_string()),
            ErrorKind::Generic(reason) => Self::Other(reason.clone()),
            other => Self::Other(format!("{other:?}")),
        }
    }
}

fn is_about_the_folder(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::NotADirectory
        ),
        _ => false,
    }
}

fn handle(event: notify::Result<Event>, interest: &Mutex<Interest>, pulse: &Pulse) {
    let lock = || interest.lock().unwrap_or_else(PoisonError::into_inner);
    let event = match event {
        Ok(event) if !event.need_rescan() => event,
        Ok(_) | Err(_) => {
            lock().lose_all();
            return pulse.now(Changed::Unclear);
        }
    };
    for path in &event.paths {
        let notice = lock().notice(event.kind, path);
        match notice {
            Some(notice) if notice.when == When::Now => pulse.now(notice.changed()),
            Some(notice) => pulse.settled(notice.file),
            None => {}
        }
    }
}
