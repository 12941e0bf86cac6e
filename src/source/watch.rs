//! What tells that files may have changed.
//!
//! A trigger is only a hint: digests decide. So lost, doubled and misnamed events do no harm, as long
//! as the last change of a storm is told, and told late enough to find it.

mod classify;
mod debounce;
mod native;
mod poll;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use thiserror::Error;

use self::{debounce::Debouncer, native::Native, poll::Poller};
use crate::settings::WatchMode;

/// More paths than these are told as "anything".
const MOST_PATHS: usize = 1000;

/// How often a plugin folder that is not there is looked for.
const MISSING_EVERY: Duration = Duration::from_millis(250);

/// What may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changed {
    /// These files and nothing else.
    Files(Vec<PathBuf>),
    /// Anything.
    Unclear,
}

impl Changed {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Files(mut files), Self::Files(more)) => {
                files.extend(more);
                files.sort();
                files.dedup();
                if files.len() > MOST_PATHS { Self::Unclear } else { Self::Files(files) }
            }
            _ => Self::Unclear,
        }
    }

    /// Whether `file` may be among them.
    pub(crate) fn may_mean(&self, file: &Path) -> bool {
        match self {
            Self::Files(files) => files.iter().any(|there| there == file),
            Self::Unclear => true,
        }
    }
}

/// How to watch.
#[derive(Debug, Clone)]
pub(crate) struct WatchSettings {
    /// By which means.
    pub(crate) mode: WatchMode,
    /// How long a file that is being written must be quiet.
    pub(crate) settle: Duration,
    /// How often to look when polling.
    pub(crate) poll: Duration,
    /// Files to watch beside the plugin folder.
    pub(crate) files: Vec<PathBuf>,
}

/// Why nothing can be watched.
#[derive(Debug, Error)]
pub(crate) enum WatchError {
    /// The system refuses, and only its events were asked for.
    #[error("changes cannot be watched: {0}; set `watch.mode = \"poll\"` or raise the limit")]
    Native(#[source] notify::Error),
}

/// Told of changes; called from the watcher's threads.
type Wake = Arc<dyn Fn(Changed) + Send + Sync>;

/// Watches until it is dropped.
pub(crate) struct Watcher {
    settings: WatchSettings,
    wake: Wake,
    native: Option<Native>,
    poller: Option<Poller>,
    missing: Option<Poller>,
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Watcher {
    /// Begins to watch; `wake` is told of changes.
    ///
    /// # Errors
    /// [`WatchError`] when only the system's events were asked for and it has none for us.
    pub(crate) fn start(
        settings: WatchSettings,
        wake: impl Fn(Changed) + Send + Sync + Sync + 'static,
    ) -> Result<Self, WatchError> {
        let wake: Wake = Arc::new(wake);
        let mut watcher = Self { settings, wake, native: None, poller: None, missing: None };
        match watcher.settings.mode {
            WatchMode::Off => {}
            WatchMode::Poll => watcher.poll(),
            WatchMode::Native | WatchMode::Auto => {
                let debouncer = Debouncer::new(watcher.settings.settle, Arc::clone(&watcher.wake));
                match Native::start(debouncer, &watcher.settings.files) {
                    Ok(native) => watcher.native = Some(native),
                    Err(error) => watcher.give_up(error)?,
                }
            }
        }
        Ok(watcher)
    }

    /// Watches these folders from now on, and the places where `root` may come back. Says nothing
    /// about changes that happened before.
    pub(crate) fn rearm(&mut self, root: &Path, folders: &[PathBuf]) {
        let watches = self.native.is_some();
        self.missing = match watches && !root.is_dir() {
            true => self
                .missing
                .take()
                .or_else(|| Some(Poller::start(MISSING_EVERY, Arc::clone(&self.wake)))),
            false => None,
        };
        let Some(native) = &mut self.native else { return };
        if let Err(error) = native.watch(root, folders, &self.settings.files)
            && let Err(error) = self.give_up(error)
        {
            tracing::error!(%error, "some changes will not be noticed");
        }
    }

    fn poll(&mut self) {
        self.native = None;
        self.poller = Some(Poller::start(self.settings.poll, Arc::clone(&self.wake)));
    }

    /// Where the system's events cannot be had, files are looked at again and again.
    fn give_up(&mut self, error: notify::Error) -> Result<(), WatchError> {
        if self.settings.mode == WatchMode::Native {
            return Err(WatchError::Native(error));
        }
        let remedy = match error.kind {
            notify::ErrorKind::MaxFilesWatch => {
                "raise fs.inotify.max_user_watches (or max_user_instances) with sysctl"
            }
            _ => "set `watch.mode = \"poll\"` to silence this",
        };
        tracing::warn!(%error, remedy, poll_ms = self.settings.poll.as_millis(), "polling for changes instead");
        self.poll();
        Ok(())
    }
}
