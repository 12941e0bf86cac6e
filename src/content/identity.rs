//! Whether a file is still the one that was read.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::beneath::Links;

/// What changes when a file changes or another takes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The system stamps changes with a clock that ticks this often, at the slowest. Two changes within a
/// tick cannot be told apart.
const TICK: Duration = Duration::from_millis(100);

/// The same where the file system keeps whole seconds, or every other of them.
const COARSE_TICK: Duration = Duration::from_secs(3);

/// Files that belong together may come this many seconds apart, in any order.
const AT_ONCE: i64 = 10;

impl Identity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The identity of what has that name now, if anything has. Nothing is opened, and so it does not
    /// matter where links lead: only to the same file is the same.
    pub(crate) fn at(path: &Path, links: Links) -> Option<Self> {
        let metadata = match links {
            Links::Refused => fs::symlink_metadata(path),
            Links::Inside => fs::metadata(path),
        };
        metadata.ok().map(|metadata| Self::of(&metadata))
    }

    /// Whether a further change would show: the last one is longer ago than a tick of the file system's
    /// clock. Before that, what was read cannot be kept.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        let tick = if self.changed.1 == 0 { COARSE_TICK } else { TICK };
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let changed = i128::from(self.changed.0) * 1_000_000_000 + i128::from(self.changed.1);
        let age = i128::try_from(since_epoch.as_nanos()).unwrap_or(0) - changed;
        age > i128::try_from(tick.as_nanos()).unwrap_or(i128::MAX)
    }

    /// When the content changed, for `Last-Modified`: whole seconds tell versions apart only once the second
    /// is over.
    pub(crate) fn last_modified(&self, now: SystemTime) -> Option<SystemTime> {
        let seconds = u64::try_from(self.modified.0).ok()?;
        let modified = UNIX_EPOCH + Duration::from_secs(seconds);
        let age = now.duration_since(modified).ok()?;
        (age >= Duration::from_secs(2)).then_some(modified)
    }

    /// Its size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether its content was modified before that of the other, or it was last changed some seconds before:
    /// a file that is put back keeps the time of its content.
    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        self.modified < other.modified || self.changed.0 + AT_ONCE < other.changed.0
    }

    /// The same, once a further change would show: before the clock has moved on, two versions cannot be told
    /// apart, and so none has a name.
    pub(crate) fn settled_tag(&self) -> Option<String> {
        self.is_settled(SystemTime::now()).then(|| self.tag())
    }

    /// A text that differs for what differs.
    pub(crate) fn tag(&self) -> String {
        let Self { inode, size, modified, changed, .. } = self;
        let (seconds, nanoseconds) = modified;
        format!("{inode:x}-{size:x}-{seconds:x}.{nanoseconds:x}-{:x}.{:x}", changed.0, changed.1)
    }
}

/// Something that an answer was made of, as it was then; nothing where there was nothing.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    path: PathBuf,
    links: Links,
    identity: Option<Identity>,
}

impl Part {
    /// A file that was read.
    pub(crate) fn read(path: PathBuf, links: Links, identity: Identity) -> Self {
        Self { path, links, identity: Some(identity) }
    }

    /// What is at `path` now, if anything is.
    pub(crate) fn now(path: PathBuf, links: Links) -> Self {
        let identity = Identity::at(&path, links);
        Self { path, links, identity }
    }

    /// Whether it is as it was.
    pub(crate) fn is_same(&self) -> bool {
        Identity::at(&self.path, self.links) == self.identity
    }

    /// Whether a further change would show.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        self.identity.is_none_or(|identity| identity.is_settled(now))
    }
}
