//! Files opened below a folder by construction: no name leads out of it, whatever happens meanwhile.
//!
//! The kernel resolves the whole path with `openat2` and refuses to leave the folder; there is no moment
//! between a check and its use. Where there is no `openat2`, each component is opened by itself and no
//! symbolic link is followed. Only regular files and folders are given out, and opening never waits.

use std::{
    fs::{File, Metadata},
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
};

use rustix::{
    fs::{Mode, OFlags, openat},
    io::Errno,
};

use super::way::Way;

/// Whether symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// They are not there.
    Refused,
    /// Those are followed that stay below the folder.
    Inside,
}

/// A folder that nothing leads out of.
#[derive(Debug)]
pub(crate) struct Root {
    folder: PathBuf,
    links: Links,
}

/// A regular file or a folder.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The file.
    pub(crate) file: File,
    /// What it is: as the file itself says, not the name.
    pub(crate) metadata: Metadata,
}

/// A pipe waits for its writer and a terminal becomes the process's own, unless told not to.
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

#[cfg(any(target_os = "linux", target_os = "android"))]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Root {
    pub(crate) fn new(folder: PathBuf, links: Links) -> Self {
        Self { folder, links }
    }

    /// Where a way is on disk: for telling whether it is as it was, never for opening.
    pub(crate) fn path_of(&self, way: &Way) -> PathBuf {
        self.folder.join(way.as_str())
    }

    /// Whether links are followed.
    pub(crate) fn links(&self) -> Links {
        self.links
    }

    /// Opens what a way leads to.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] for what is not there, is neither a file nor a folder, or would lead out.
    pub(crate) fn open(&self, way: &Way) -> io::Result<Opened> {
        // Opened anew each time: the folder may have been replaced as a whole.
        let root = rustix::fs::open(&self.folder, FOLDER, Mode::empty()).map_err(known)?;
        let name = if way.as_str().is_empty() { "." } else { way.as_str() };
        let file = File::from(self.open_in(&root, name).map_err(known)?);
        let metadata = file.metadata()?;
        if metadata.is_file() || metadata.is_dir() {
            return Ok(Opened { file, metadata });
        }
        Err(io::ErrorKind::NotFound.into())
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn open_in(&self, root: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
        use rustix::fs::{ResolveFlags, openat2};
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        if self.links == Links::Refused {
            resolve |= ResolveFlags::NO_SYMLINKS;
        }
        // The kernel cannot always tell that a link stays below while others rename, and says so.
        for _ in 0..16 {
            match openat2(root, name, READ, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                // An old kernel, or a sandbox that does not know the call.
                Err(Errno::NOSYS | Errno::PERM) => return walk(root.as_fd(), name),
                opened => return opened,
            }
        }
        Err(Errno::NOENT)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn open_in(&self, root: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
        walk(root.as_fd(), name)
    }
}

/// Opens component by component, following no link at all.
fn walk(root: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    let mut folder: Option<OwnedFd> = None;
    let mut names = name.split('/').peekable();
    while let Some(name) = names.next() {
        let at = folder.as_ref().map_or(root, AsFd::as_fd);
        let flags = if names.peek().is_some() { FOLDER } else { READ };
        let opened = openat(at, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
        if names.peek().is_none() {
            return Ok(opened);
        }
        folder = Some(opened);
    }
    Err(Errno::NOENT)
}

/// What is no fault of the system is one kind of error: it is not there.
fn known(error: Errno) -> io::Error {
    match error {
        Errno::NOENT
        | Errno::NOTDIR
        | Errno::LOOP
        | Errno::XDEV
        | Errno::NAMETOOLONG
        | Errno::INVAL
        | Errno::NXIO
        | Errno::NODEV
        | Errno::OPNOTSUPP
        | Errno::MLINK => io::ErrorKind::NotFound.into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read as _, os::unix::fs::symlink};

    use super::*;
    use crate::content::way::DotFiles;

    fn way(text: &str) -> Way {
        Way::of(text, DotFiles::Served).unwrap()
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("root/sub")).unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        fs::write(folder.path().join("root/sub/a"), "a").unwrap();
        symlink("../secret", folder.path().join("root/out")).unwrap();
        symlink("sub", folder.path().join("root/in")).unwrap();
        symlink("loop", folder.path().join("root/loop")).unwrap();
        folder
    }

    fn text(opened: io::Result<Opened>) -> Option<String> {
        let mut text = String::new();
        opened.ok()?.file.read_to_string(&mut text).ok()?;
        Some(text)
    }

    #[test]
    fn links_are_not_there_unless_they_are_allowed_and_stay_inside() {
        let folder = folder();
        let root = Root::new(folder.path().join("root"), Links::Refused);
        assert_eq!(text(root.open(&way("sub/a"))).as_deref(), Some("a"));
        for name in ["out", "in/a", "loop", "missing", "sub/a/b"] {
            let error = root.open(&way(name)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{name}");
        }
        let root = Root::new(folder.path().join("root"), Links::Inside);
        assert_eq!(text(root.open(&way("in/a"))).as_deref(), Some("a"));
        for name in ["out", "loop"] {
            assert_eq!(
                root.open(&way(name)).unwrap_err().kind(),
                io::ErrorKind::NotFound,
                "{name}"
            );
        }
    }

    #[test]
    fn without_openat2_no_link_is_followed_either() {
        let folder = folder();
        let root = rustix::fs::open(folder.path().join("root"), FOLDER, Mode::empty()).unwrap();
        let open = |name: &str| walk(root.as_fd(), name);
        assert!(open("sub/a").is_ok() && open("sub").is_ok() && open(".").is_ok());
        for name in ["out", "in/a", "in", "loop", "sub/missing"] {
            assert!(open(name).is_err(), "{name}");
        }
    }
}
