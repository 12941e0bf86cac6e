//! The file that tells other programs our process id.
//!
//! Invariants: a reader sees the whole id or none; the file is removed only while it holds our own.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

/// Why the pidfile could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PidFileError {
    /// Its folder is missing, or not writable.
    #[error("cannot write the pidfile {}: {source}: the folder of `paths.pidfile` must be there and be writable", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server holds it.
    #[error(
        "the pidfile {} is that of a server that runs: stop it, or set another `paths.pidfile`",
        path.display()
    )]
    Held {
        /// The file.
        path: PathBuf,
    },
}

/// A pidfile, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    /// Locked as long as the server runs, however it ends.
    _lock: File,
}

impl PidFile {
    /// Writes our process id and a newline to `path`, replacing what a run that died left there.
    ///
    /// # Errors
    /// [`PidFileError`] when the folder is missing or not writable, or another server holds the file.
    pub(crate) fn write(path: &Path) -> Result<Self, PidFileError> {
        let failed = |source| PidFileError::Write { path: path.to_owned(), source };
        let lock = |file: &File| flock(file, FlockOperation::NonBlockingLockExclusive);
        let is_held = |file: File| lock(&file) == Err(Errno::WOULDBLOCK);
        if File::open(path).is_ok_and(is_held) {
            return Err(PidFileError::Held { path: path.to_owned() });
        }
        let mut beside = OsString::from(path);
        beside.push(format!(".{}", process::id()));
        let beside = PathBuf::from(beside);
        fs::write(&beside, format!("{}\n", process::id())).map_err(failed)?;
        let ours = File::open(&beside).map_err(failed)?;
        // Where files cannot be locked, nothing keeps a second server from it.
        lock(&ours).unwrap_or_default();
        fs::rename(&beside, path).map_err(|source| {
            drop(fs::remove_file(&beside));
            failed(source)
        })?;
        Ok(Self { path: path.to_owned(), _lock: ours })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let ours = fs::read_to_string(&self.path)
            .is_ok_and(|text| text.trim().parse() == Ok(process::id()));
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, "pidfile not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_our_id_and_goes_with_us() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hotplate.pid");
        fs::write(&path, "99999999\n").unwrap();
        let file = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", process::id()));
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_successors_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hotplate.pid");
        let file = PidFile::write(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn the_file_of_a_server_that_runs_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hotplate.pid");
        let first = PidFile::write(&path).unwrap();
        let refused = PidFile::write(&path).unwrap_err().to_string();
        assert!(refused.contains("a server that runs"), "{refused}");
        drop(first);
        assert!(PidFile::write(&path).is_ok());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = PidFile::write(&folder.path().join("none/x.pid")).unwrap_err();
        assert!(error.to_string().contains("none/x.pid"), "{error}");
    }
}
