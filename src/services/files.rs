//! Files that plugins keep: each below a folder of its own, and no name leads out of it.
//!
//! - Every part of a name is opened in the folder before it, and no link is followed on the way.
//! - A file is there whole or not at all: it is written beside its place and moved there when it is on the disk.
//! - What a plugin keeps is counted, from the disk once and then with each change. Each file counts in blocks of
//!   [`BLOCK`], so that many small ones are bounded too.
//! - Whoever waits, for its turn or between two pieces, waits no longer than its time.

mod place;
mod used;

use std::{
    fs::File,
    io::{self, Write as _},
    os::{fd::AsFd as _, unix::fs::FileExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Instant, SystemTime},
};

use rustix::fs::{AtFlags, Mode, OFlags, fsync, openat, renameat, unlinkat};

use self::used::{Reserved, Used};
use super::told::Told;
use crate::content::{
    beneath::{Links, Opened, Root},
    way::{DotFiles, Way},
};

/// What the smallest file counts, in bytes; others count a whole number of these.
pub(crate) const BLOCK: u64 = 4096;

/// The most bytes of a name, and the most folders and names in it.
const MOST_NAME_BYTES: usize = 1024;
const MOST_PARTS: usize = 16;

/// The most bytes of one part of a name, as file systems have it.
const MOST_PART_BYTES: usize = 255;

/// What the names of files begin with that are being written.
const SAVING: &str = ".saving-";

/// Bytes between two looks at the clock.
const PIECE: usize = 256 << 10;

/// Why a file is not kept or not found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    /// No file can have this name.
    #[error(
        "no file can have this name: a name is such as \"2026/cat.png\", of {MOST_PARTS} parts and {MOST_NAME_BYTES} \
         bytes at most; no part is empty, begins with a dot, or holds a backslash or a control character"
    )]
    Name,
    /// There is none of this name.
    #[error("there is no file of this name")]
    Missing,
    /// A folder has the name, or a file has the name of one of its folders.
    #[error("the name is taken: by a folder, or a file has the name of its folder")]
    Taken,
    /// The plugin would keep too much.
    #[error("the plugin would keep {wanted} bytes of files, more than the {most} of `files_bytes`")]
    Full {
        /// What it would keep, in bytes.
        wanted: u64,
        /// What it may keep, in bytes.
        most: u64,
    },
    /// The time was over.
    #[error("it took longer than the time that was left")]
    Late,
    /// The system did not do it: a full disk, missing rights.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl From<rustix::io::Errno> for FilesError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::System(error.into())
    }
}

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// When it was saved.
    pub(crate) modified: SystemTime,
}

/// The files of one plugin.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    folder: Arc<Folder>,
    most_bytes: u64,
}

/// The folder of one plugin. It is not there before something is kept.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    root: Root,
    used: Used,
    told: Told,
}

impl Folder {
    /// That of a plugin, in the folder of data.
    pub(super) fn of(data: &Path, plugin: &str) -> Self {
        // No plugin has a dot in its name, so no two have the same folder, and none is in another's.
        let path = data.join("files").join(plugin.replace('/', "."));
        Self {
            root: Root::new(path.clone(), Links::Refused),
            path,
            used: Used::default(),
            told: Told::default(),
        }
    }
}

impl Files {
    pub(super) fn new(folder: Arc<Folder>, most_bytes: u64) -> Self {
        Self { folder, most_bytes }
    }

    /// Opens a file.
    pub(crate) fn open(&self, name: &str) -> Result<Opened, FilesError> {
        let opened = self.folder.root.open(&way(name)?);
        let opened = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FilesError::Missing,
            _ => FilesError::System(error),
        })?;
        if opened.metadata.is_file() { Ok(opened) } else { Err(FilesError::Missing) }
    }

    /// What a file holds, `length` bytes of it, read until `by` at most.
    pub(crate) fn read(file: &File, length: usize, by: Instant) -> Result<Vec<u8>, FilesError> {
        let mut content = vec![0; length];
        let mut filled = 0;
        while let Some(rest) = content.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            if Instant::now() >= by {
                return Err(FilesError::Late);
            }
            let piece = rest.len().min(PIECE);
            match file.read_at(rest.get_mut(..piece).unwrap_or_default(), filled as u64) {
                // Somebody else made it shorter.
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        content.truncate(filled);
        Ok(content)
    }

    /// Keeps a file, in place of the one of this name. It is on the disk when this returns.
    pub(crate) fn save(&self, name: &str, content: &[u8], by: Instant) -> Result<(), FilesError> {
        let way = way(name)?;
        let folder = &*self.folder;
        let root = folder.made()?;
        let cost = cost(content.len() as u64);
        let reserved = folder.used.reserve(folder, &way, cost, self.most_bytes, by)?;
        let beside = Beside::new(&root)?;
        write(&beside, content, by)?;
        beside.file.sync_all()?;
        folder.place(&root, beside, &way, reserved, by)
    }

    /// Takes a file away; whether there was one.
    pub(crate) fn delete(&self, name: &str, by: Instant) -> Result<bool, FilesError> {
        let Ok(way) = way(name) else { return Ok(false) };
        self.folder.remove(&way, by)
    }

    /// Shows all files whose names begin with `prefix`, in no order.
    pub(crate) fn walk<E: From<FilesError>>(
        &self,
        prefix: &str,
        by: Instant,
        each: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        self.folder.walk(prefix, by, each)
    }

    /// Logs what is wrong with the disk; the same trouble no more than now and then.
    pub(crate) fn tell(&self, error: &io::Error) {
        let text = format!("{}: {error}", self.folder.path.display());
        if self.folder.told.is_news(&text) {
            tracing::error!("the files of plugins: {text}");
        }
    }
}

/// A file that is being written: gone when this is dropped, unless it has found its place.
struct Beside<'a> {
    root: &'a File,
    file: File,
    name: String,
    is_placed: bool,
}

impl<'a> Beside<'a> {
    fn new(root: &'a File) -> Result<Self, FilesError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!("{SAVING}{:016x}", u64::from_le_bytes(random));
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(openat(root, &*name, flags, Mode::RUSR | Mode::WUSR)?);
        Ok(Self { root, file, name, is_placed: false })
    }

    /// Moves the file to its place.
    fn place(mut self, folder: &File, name: &str) -> Result<(), FilesError> {
        renameat(self.root, &*self.name, folder, name).map_err(place::meaning)?;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        if !self.is_placed
            && let Err(error) = unlinkat(self.root, &*self.name, AtFlags::empty())
        {
            tracing::warn!(%error, "what was half saved is left behind");
        }
    }
}

fn write(beside: &Beside<'_>, content: &[u8], by: Instant) -> Result<(), FilesError> {
    for piece in content.chunks(PIECE) {
        if Instant::now() >= by {
            return Err(FilesError::Late);
        }
        (&beside.file).write_all(piece)?;
    }
    Ok(())
}

impl Folder {
    /// Moves what was written to its place, and has both on the disk.
    fn place(
        &self,
        root: &File,
        beside: Beside<'_>,
        way: &Way,
        reserved: Reserved<'_>,
        by: Instant,
    ) -> Result<(), FilesError> {
        let turn = self.used.turn(by)?;
        let folders = place::made(root, way)?;
        let folder = folders.last().unwrap_or(root);
        let before = place::size(folder, way.name())?.map_or(0, cost);
        beside.place(folder, way.name())?;
        reserved.keep(before);
        drop(turn);
        // The last one holds the file; those before it hold folders that may be new.
        for folder in folders.iter().rev().chain([root]) {
            fsync(folder.as_fd())?;
        }
        Ok(())
    }

    fn remove(&self, way: &Way, by: Instant) -> Result<bool, FilesError> {
        let turn = self.used.turn(by)?;
        let Some((root, folders)) = self.folders(way)? else { return Ok(false) };
        let folder = folders.last().unwrap_or(&root);
        let Some(size) = place::size(folder, way.name())? else { return Ok(false) };
        unlinkat(folder, way.name(), AtFlags::empty())?;
        self.used.less(cost(size));
        fsync(folder.as_fd())?;
        place::prune(&root, &folders, way);
        drop(turn);
        Ok(true)
    }
}

/// The way that a name means.
fn way(name: &str) -> Result<Way, FilesError> {
    let parts = name.split('/');
    let fits = (1..=MOST_NAME_BYTES).contains(&name.len())
        && parts.clone().count() <= MOST_PARTS
        && parts.clone().all(|part| part.len() <= MOST_PART_BYTES && !part.starts_with('.'));
    Way::of(name, DotFiles::Hidden).filter(|_| fits).ok_or(FilesError::Name)
}

/// What a file of this size counts.
fn cost(size: u64) -> u64 {
    size.max(1).next_multiple_of(BLOCK)
}

#[cfg(test)]
mod tests;
