//! The events of the system: inotify on Linux, `FSEvents` on macOS.
//!
//! Folders are watched, not files, because editors replace files; and their parents, because folders
//! are replaced too. The system watches the folder itself and not its name, so what stands behind a
//! name is compared at each load.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{
    Changed,
    classify::{Meaning, meaning},
    debounce::Debouncer,
};

/// Watches folders by the system's events.
pub(super) struct Native {
    watcher: RecommendedWatcher,
    watched: BTreeMap<PathBuf, (u64, u64)>,
    places: Arc<Mutex<Places>>,
}

/// Which of the events in the watched folders are about us: around the plugin folder there may be much
/// else going on.
#[derive(Debug, Default)]
struct Places {
    /// Folders in which everything matters.
    folders: BTreeSet<PathBuf>,
    /// What matters elsewhere: the plugin folder itself, those above it, the configuration.
    names: BTreeSet<PathBuf>,
}

impl Places {
    fn has(&self, path: &Path) -> bool {
        path.parent().is_some_and(|folder| self.folders.contains(folder))
            || self.folders.contains(path)
            || self.names.contains(path)
    }
}

impl Native {
    /// Begins, with nothing to watch yet; `files` matter beside scripts.
    pub(super) fn start(debouncer: Debouncer, files: &[PathBuf]) -> notify::Result<Self> {
        let files = files.to_vec();
        let places = Arc::<Mutex<Places>>::default();
        let shared = Arc::clone(&places);
        let handler = move |event: notify::Result<Event>| match event {
            Ok(event) => {
                let places = shared.lock().unwrap_or_else(PoisonError::into_inner);
                tell(&debouncer, &event, &files, &places);
            }
            Err(_) => debouncer.whole(Changed::Unclear),
        };
        let watcher = notify::recommended_watcher(handler)?;
        Ok(Self { watcher, watched: BTreeMap::new(), places })
    }

    /// Watches exactly these folders, `root`'s surroundings and the folders of `files`.
    pub(super) fn watch(
        &mut self,
        root: &Path,
        folders: &[PathBuf],
        files: &[PathBuf],
    ) -> notify::Result<()> {
        let mut wanted: BTreeMap<PathBuf, (u64, u64)> = BTreeMap::new();
        let parents = files.iter().filter_map(|file| file.parent());
        let around =
            folders.iter().map(PathBuf::as_path).chain(existing_parent(root)).chain([root]);
        for folder in around.chain(parents) {
            if let Ok(metadata) = fs::metadata(folder)
                && metadata.is_dir()
            {
                wanted.insert(folder.to_owned(), (metadata.dev(), metadata.ino()));
            }
        }
        if wanted == self.watched {
            return Ok(());
        }
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = Places {
            folders: folders.iter().cloned().chain([root.to_owned()]).collect(),
            names: root.ancestors().map(Path::to_owned).chain(files.iter().cloned()).collect(),
        };
        let stale: Vec<PathBuf> = self
            .watched
            .iter()
            .filter(|(folder, behind)| wanted.get(*folder) != Some(behind))
            .map(|(folder, _)| folder.clone())
            .collect();
        for folder in stale {
            // A folder that is gone took its watch with it.
            drop(self.watcher.unwatch(&folder));
            self.watched.remove(&folder);
        }
        for (folder, behind) in wanted {
            if self.watched.contains_key(&folder) {
                continue;
            }
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder, behind);
                }
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The nearest folder above `root` that is there: where `root` may come back.
fn existing_parent(root: &Path) -> Option<&Path> {
    root.ancestors().skip(1).find(|folder| folder.is_dir())
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn tell(debouncer: &Debouncer, event: &Event, files: &[PathBuf], places: &Places) {
    if event.paths.is_empty() && event.need_rescan() {
        return debouncer.whole(Changed::Unclear);
    }
    for path in event.paths.iter().filter(|path| event.need_rescan() || places.has(path)) {
        match meaning(event, path, files) {
            Meaning::Nothing => {}
            Meaning::Writing => debouncer.writing(path.clone()),
            Meaning::Whole => debouncer.whole(Changed::Files(vec![path.clone()])),
            Meaning::Unclear => debouncer.whole(Changed::Unclear),
        }
    }
}
