//! Which of the system's events matter, and when.
//!
//! Decided from the event and, only for a name that just appeared, one look at what it is. Events that
//! cannot matter are dropped here: editors' litter, what stands beside the folder, our own reading.

use std::{
    collections::{HashMap, HashSet},
    fs, mem,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use notify::event::{
    AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RemoveKind, RenameMode,
};

use super::{Plan, changed::Changed};
use crate::source::name::{is_litter, is_script};

/// Which paths matter.
#[derive(Debug, Default)]
pub(super) struct Interest {
    /// Folders in which any script or folder matters.
    inside: HashSet<PathBuf>,
    /// Paths that matter in themselves, the watched folders among them.
    points: HashSet<PathBuf>,
    /// Other files that matter, and the names that they are told by.
    files: HashMap<PathBuf, PathBuf>,
    lost: Lost,
}

/// Watched folders that the system may watch no more, because what stood at the path went away.
#[derive(Debug)]
pub(super) enum Lost {
    /// These, and all below them.
    These(HashSet<PathBuf>),
    /// Events were lost, so any.
    Any,
}

impl Default for Lost {
    fn default() -> Self {
        Self::These(HashSet::new())
    }
}

impl Lost {
    /// Whether the watch of `folder` is in doubt.
    pub(super) fn holds(&self, folder: &Path) -> bool {
        match self {
            Self::These(lost) if lost.is_empty() => false,
            Self::These(lost) => folder.ancestors().any(|above| lost.contains(above)),
            Self::Any => true,
        }
    }
}

/// When a change is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// At once: it is complete.
    Now,
    /// When nothing more follows: a file is being written.
    Settled,
}

/// An event that matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) when: When,
    /// The file, where it is one.
    pub(super) file: Option<PathBuf>,
}

impl Notice {
    /// What the event changed.
    pub(super) fn changed(self) -> Changed {
        self.file.map_or(Changed::Unclear, |file| Changed::Files(vec![file]))
    }
}

/// What happened to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// A file that was open for writing was closed.
    Written,
    /// Content or metadata changed.
    Modified,
    /// Something was moved here.
    Came,
    /// Something was made here.
    Made(Thing),
    /// Something was removed or moved away from here.
    Left(Thing),
}

/// What it happened to, as far as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Folder,
    Unknown,
}

impl Act {
    fn of(kind: EventKind) -> Option<Self> {
        match kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Self::Written),
            // The two halves of a move are told apart from the whole.
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => None,
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                Some(Self::Left(Thing::Unknown))
            }
            EventKind::Modify(ModifyKind::Name(_)) => Some(Self::Came),
            EventKind::Create(CreateKind::Folder) => Some(Self::Made(Thing::Folder)),
            EventKind::Create(_) => Some(Self::Made(Thing::Unknown)),
            EventKind::Remove(RemoveKind::Folder) => Some(Self::Left(Thing::Folder)),
            EventKind::Remove(_) => Some(Self::Left(Thing::Unknown)),
            EventKind::Modify(_) | EventKind::Any | EventKind::Other => Some(Self::Modified),
        }
    }

    fn when(self, path: &Path) -> When {
        match self {
            Self::Modified => When::Settled,
            Self::Made(Thing::Unknown) if is_new_file(path) => When::Settled,
            Self::Written | Self::Came | Self::Left(_) | Self::Made(_) => When::Now,
        }
    }
}

impl Interest {
    /// Takes over a new plan, and gives the watches that are in doubt since the last one.
    pub(super) fn renew(&mut self, plan: &Plan) -> Lost {
        self.inside = plan.inside.iter().cloned().collect();
        self.points = plan.points.iter().chain(plan.watched.keys()).cloned().collect();
        self.files = plan.files.iter().cloned().collect();
        mem::take(&mut self.lost)
    }

    /// Events were lost.
    pub(super) fn lose_all(&mut self) {
        self.lost = Lost::Any;
    }

    /// Whether an event matters, and how.
    pub(super) fn notice(&mut self, kind: EventKind, path: &Path) -> Option<Notice> {
        let act = Act::of(kind)?;
        if self.points.contains(path) {
            self.note_loss(act, path);
            return Some(Notice { when: act.when(path), file: None });
        }
        if let Some(file) = self.files.get(path) {
            return Some(Notice { when: act.when(path), file: Some(file.clone()) });
        }
        let name = path.file_name().filter(|name| !is_litter(name))?;
        if !path.parent().is_some_and(|parent| self.inside.contains(parent)) {
            return None;
        }
        if is_script(name) {
            return Some(Notice { when: act.when(path), file: Some(path.to_owned()) });
        }
        let may_hold_scripts = match act {
            Act::Made(Thing::Folder) | Act::Left(Thing::Folder) => true,
            Act::Came | Act::Made(Thing::Unknown) => is_folder_or_link(path),
            Act::Written | Act::Modified | Act::Left(Thing::Unknown) => false,
        };
        may_hold_scripts.then_some(Notice { when: When::Now, file: None })
    }

    fn note_loss(&mut self, act: Act, path: &Path) {
        if let (Act::Left(_), Lost::These(lost)) = (act, &mut self.lost) {
            lost.insert(path.to_owned());
        }
    }
}

/// Whether a name that just appeared is a file that somebody is about to write and close.
fn is_new_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.nlink() == 1)
}

fn is_folder_or_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir() || metadata.is_symlink())
}

#[cfg(test)]
mod tests {
    use notify::event::{DataChange, MetadataKind};

    use super::*;

    const CLOSED: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));
    const OPENED: EventKind = EventKind::Access(AccessKind::Open(AccessMode::Any));
    const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const TOUCHED: EventKind = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
    const FROM: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::From));
    const TO: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::To));
    const GONE: EventKind = EventKind::Remove(RemoveKind::File);

    fn interest() -> Interest {
        let plan = Plan {
            watched: [("/s/plugins", 1), ("/s", 2)].map(|(path, id)| (path.into(), (0, id))).into(),
            inside: vec!["/s/plugins".into()],
            points: vec!["/s/plugins/..data".into()],
            files: vec![("/s/hotplate.toml".into(), "hotplate.toml".into())],
        };
        let mut interest = Interest::default();
        drop(interest.renew(&plan));
        interest
    }

    fn told(kind: EventKind, path: &str) -> Option<(When, Option<String>)> {
        let notice = interest().notice(kind, Path::new(path))?;
        Some((notice.when, notice.file.map(|file| file.display().to_string())))
    }

    #[test]
    fn a_finished_change_of_a_script_is_told_at_once() {
        for kind in [CLOSED, FROM, TO, GONE] {
            let file = "/s/plugins/a.rhai";
            assert_eq!(told(kind, file), Some((When::Now, Some(file.to_owned()))), "{kind:?}");
        }
    }

    #[test]
    fn a_write_without_end_waits_for_more() {
        for kind in [WRITTEN, TOUCHED] {
            let told = told(kind, "/s/plugins/a.rhai").map(|(when, _)| when);
            assert_eq!(told, Some(When::Settled), "{kind:?}");
        }
    }

    #[test]
    fn what_cannot_matter_is_dropped() {
        for path in [
            "/s/plugins/a.rhai~",
            "/s/plugins/.a.rhai.swp",
            "/s/plugins/x.txt",
            "/s/b.rhai",
            "/s/x",
        ] {
            for kind in [CLOSED, WRITTEN, TOUCHED, FROM, TO, GONE, OPENED] {
                assert_eq!(told(kind, path), None, "{kind:?} {path}");
            }
        }
        assert_eq!(told(OPENED, "/s/plugins/a.rhai"), None);
    }

    #[test]
    fn links_folders_and_other_files_are_known_by_name() {
        assert_eq!(told(TO, "/s/plugins/..data"), Some((When::Now, None)));
        assert_eq!(told(FROM, "/s/plugins"), Some((When::Now, None)));
        assert_eq!(
            told(EventKind::Create(CreateKind::Folder), "/s/plugins/shop"),
            Some((When::Now, None))
        );
        assert_eq!(told(EventKind::Create(CreateKind::Folder), "/s/other"), None);
        let file = Some("hotplate.toml".to_owned());
        assert_eq!(told(CLOSED, "/s/hotplate.toml"), Some((When::Now, file)));
    }

    #[test]
    fn a_folder_that_went_away_has_lost_its_watch_and_those_below() {
        let mut interest = interest();
        assert!(!interest.lost.holds(Path::new("/s/plugins")));
        assert!(interest.notice(FROM, Path::new("/s/plugins")).is_some());
        assert!(interest.lost.holds(Path::new("/s/plugins/shop")));
        assert!(!interest.lost.holds(Path::new("/s")));
    }
}
