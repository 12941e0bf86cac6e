//! The file that tells other programs our process id.
//!
//! Invariants: a reader sees the whole id or none; the file is removed only while it holds our own.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process,
};

/// Why the pidfile could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the pidfile {}: {source}", path.display())]
pub(crate) struct PidFileError {
    path: PathBuf,
    source: io::Error,
}

/// A pidfile, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes our process id and a newline to `path`, replacing what a run that died left there:
    /// the port, not this file, keeps a second server away.
    ///
    /// # Errors
    /// [`PidFileError`] when the folder is missing or not writable.
    pub(crate) fn write(path: &Path) -> Result<Self, PidFileError> {
        let failed = |source| PidFileError { path: path.to_owned(), source };
        let mut beside = OsString::from(path);
        beside.push(format!(".{}", process::id()));
        let beside = PathBuf::from(beside);
        fs::write(&beside, format!("{}\n", process::id())).map_err(failed)?;
        fs::rename(&beside, path).map_err(|source| {
            drop(fs::remove_file(&beside));
            failed(source)
        })?;
        Ok(Self { path: path.to_owned() })
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
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = PidFile::write(&folder.path().join("none/x.pid")).unwrap_err();
        assert!(error.to_string().contains("none/x.pid"), "{error}");
    }
}
