//! Where a file is: the folders on the way to it, each opened in the one before.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    time::{Duration, Instant, SystemTime},
};

use rustix::{
    fs::{
        AtFlags, Dir, FileType, Mode, OFlags, Stat, fsync, mkdirat, open, openat, statat, unlinkat,
    },
    io::Errno,
};

use super::{Entry, FilesError, Folder, SAVING};
use crate::content::way::Way;

/// A folder, which no link stands for.
const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The folder of a plugin itself may be a link: whoever runs the program put it there.
const ROOT: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// After how long what is still being written is left over from a program that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

impl Folder {
    /// The folder itself, which is made if it is missing.
    pub(super) fn made(&self) -> Result<File, FilesError> {
        if let Some(root) = self.opened()? {
            return Ok(root);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        for above in self.path.ancestors().skip(1).take(2) {
            fsync(open(above, ROOT, Mode::empty())?)?;
        }
        Ok(File::from(open(&self.path, ROOT, Mode::empty())?))
    }

    /// The folder itself, if it is there.
    fn opened(&self) -> Result<Option<File>, FilesError> {
        match open(&self.path, ROOT, Mode::empty()) {
            Ok(root) => Ok(Some(File::from(root))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder itself and those on the way to a file, if all are there.
    pub(super) fn folders(&self, way: &Way) -> Result<Option<(File, Vec<File>)>, FilesError> {
        let Some(root) = self.opened()? else { return Ok(None) };
        let mut folders = Vec::new();
        for name in above(way) {
            match openat(folders.last().unwrap_or(&root), name, FOLDER, Mode::empty()) {
                Ok(folder) => folders.push(File::from(folder)),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some((root, folders)))
    }

    /// Shows all files whose names begin with `prefix`.
    pub(super) fn walk<E: From<FilesError>>(
        &self,
        prefix: &str,
        by: Instant,
        mut each: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut left = vec![String::new()];
        while let Some(path) = left.pop() {
            let Some(folder) = self.folder(&path)? else { continue };
            for found in Dir::read_from(&folder).map_err(FilesError::from)? {
                if Instant::now() >= by {
                    return Err(FilesError::Late.into());
                }
                let found = found.map_err(FilesError::from)?;
                let Ok(name) = found.file_name().to_str() else { continue };
                if path.is_empty() && name.starts_with(SAVING) {
                    clean(&folder, name);
                }
                let whole = format!("{path}{name}");
                if super::way(&whole).is_err() {
                    continue;
                }
                let Some(stat) = stat(&folder, name)? else { continue };
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::RegularFile if whole.starts_with(prefix) => {
                        let modified = modified(&stat);
                        let size = u64::try_from(stat.st_size).unwrap_or_default();
                        each(Entry { name: whole, size, modified })?;
                    }
                    FileType::Directory => {
                        let inside = format!("{whole}/");
                        if inside.starts_with(prefix) || prefix.starts_with(&inside) {
                            left.push(inside);
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The folder of this path, which is empty or ends in a slash, if it is there.
    fn folder(&self, path: &str) -> Result<Option<File>, FilesError> {
        if path.is_empty() {
            return self.opened();
        }
        let Ok(way) = super::way(path.trim_end_matches('/')) else { return Ok(None) };
        match self.root.open(&way) {
            Ok(opened) => Ok(opened.metadata.is_dir().then_some(opened.file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Removes what a program left half written that was killed.
fn clean(root: &File, name: &str) {
    let old = |stat: &Stat| {
        SystemTime::now().duration_since(modified(stat)).is_ok_and(|age| age > ABANDONED)
    };
    if stat(root, name).is_ok_and(|stat| stat.is_some_and(|stat| old(&stat)))
        && let Err(error) = unlinkat(root, name, AtFlags::empty())
    {
        tracing::debug!(%error, "what was half saved stays");
    }
}

/// The names of the folders on a way.
fn above(way: &Way) -> impl Iterator<Item = &str> {
    let above = way.as_str().rsplit_once('/').map(|(above, _)| above);
    above.into_iter().flat_map(|above| above.split('/'))
}

/// The folders on the way to a file, which are made where they are missing.
pub(super) fn made(root: &File, way: &Way) -> Result<Vec<File>, FilesError> {
    let mut folders: Vec<File> = Vec::new();
    for name in above(way) {
        let at = folders.last().unwrap_or(root);
        match mkdirat(at, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(meaning(error)),
        }
        folders.push(File::from(openat(at, name, FOLDER, Mode::empty()).map_err(meaning)?));
    }
    Ok(folders)
}

/// The size of a file, if there is one; a folder is in the way.
pub(super) fn size(folder: &File, name: &str) -> Result<Option<u64>, FilesError> {
    let found = stat(folder, name)?;
    Ok(found.and_then(|stat| match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => u64::try_from(stat.st_size).ok(),
        _ => None,
    }))
}

/// Removes the folders on a way that are empty now.
pub(super) fn prune(root: &File, folders: &[File], way: &Way) {
    let names: Vec<_> = above(way).collect();
    for (depth, name) in names.iter().enumerate().rev() {
        let at = depth.checked_sub(1).and_then(|depth| folders.get(depth)).unwrap_or(root);
        // The first one that holds something ends it.
        if unlinkat(at, *name, AtFlags::REMOVEDIR).is_err() {
            break;
        }
    }
}

fn stat(folder: &File, name: &str) -> Result<Option<Stat>, FilesError> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn modified(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// What is in the way is no fault of the system.
pub(super) fn meaning(error: Errno) -> FilesError {
    match error {
        Errno::NOTDIR | Errno::ISDIR | Errno::LOOP | Errno::EXIST | Errno::NOTEMPTY => {
            FilesError::Taken
        }
        Errno::NAMETOOLONG | Errno::INVAL => FilesError::Name,
        other => FilesError::System(io::Error::from(other)),
    }
}
