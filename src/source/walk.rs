//! The files below the plugin folder.
//!
//! Links are followed, because deployments swap them; a folder is entered once, however many ways lead
//! to it.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{Names, fault, name::is_hidden};
use crate::diagnostic::Diagnostic;

/// How deep folders may be nested.
const DEEPEST: usize = 16;

/// How many entries are looked at.
const MOST: usize = 100_000;

/// A file that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The same below the plugin folder.
    pub(super) relative: PathBuf,
    /// Whether it was reached through a linked folder, or is a link that leads out of the folder.
    pub(super) outside: bool,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) files: Vec<Found>,
    pub(super) folders: Vec<PathBuf>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Looks through `root`; an error is one of the folder itself.
pub(super) fn walk(root: &Path) -> io::Result<Walked> {
    let canonical = fs::canonicalize(root)?;
    let mut walk = Walk {
        root,
        canonical: &canonical,
        walked: Walked::default(),
        watched: Names::from([root.to_owned(), canonical.clone()]),
        entered: BTreeSet::new(),
        left: MOST,
    };
    walk.folder(Path::new(""), 0, false)?;
    walk.walked.folders = walk.watched.into_iter().collect();
    Ok(walk.walked)
}

struct Walk<'a> {
    root: &'a Path,
    canonical: &'a Path,
    walked: Walked,
    watched: Names,
    entered: BTreeSet<(u64, u64)>,
    left: usize,
}

impl Walk<'_> {
    fn folder(&mut self, relative: &Path, depth: usize, outside: bool) -> io::Result<()> {
        let path = self.root.join(relative);
        let metadata = fs::metadata(&path)?;
        if !self.entered.insert((metadata.dev(), metadata.ino())) {
            return Ok(());
        }
        self.watched.insert(path.clone());
        let mut entries = fs::read_dir(&path)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if self.left == 0 {
                let message =
                    format!("the folder holds more than {MOST} entries; the rest is not read");
                self.refuse("too-many-files", relative, message);
                return Ok(());
            }
            self.left -= 1;
            self.entry(&entry, relative, depth, outside);
        }
        Ok(())
    }

    fn entry(&mut self, entry: &fs::DirEntry, above: &Path, depth: usize, outside: bool) {
        let name = entry.file_name();
        if is_hidden(&name.to_string_lossy()) {
            return;
        }
        let relative = above.join(&name);
        let Ok(kind) = entry.file_type() else { return };
        let is_script = Path::new(&name).extension().is_some_and(|end| end == "rhai");
        if kind.is_symlink() {
            self.link(entry.path(), relative, depth, outside, is_script);
        } else if kind.is_dir() {
            self.enter(&relative, depth, outside);
        } else if is_script {
            self.walked.files.push(Found { path: entry.path(), relative, outside });
        }
    }

    fn enter(&mut self, relative: &Path, depth: usize, outside: bool) {
        if depth >= DEEPEST {
            let message = format!("folders are nested more than {DEEPEST} deep here");
            return self.refuse("too-deep", relative, message);
        }
        if let Err(error) = self.folder(relative, depth + 1, outside) {
            let message = format!("the folder cannot be read: {}", error.kind());
            self.refuse("unreadable", relative, message);
        }
    }

    fn link(
        &mut self,
        path: PathBuf,
        relative: PathBuf,
        depth: usize,
        outside: bool,
        script: bool,
    ) {
        let target = fs::canonicalize(&path);
        let leads_out = target.as_ref().is_ok_and(|target| !target.starts_with(self.canonical));
        match (target, fs::metadata(&path)) {
            (Ok(target), Ok(metadata)) if metadata.is_dir() => {
                self.watched.extend(target.parent().map(Path::to_owned));
                self.enter(&relative, depth, true);
            }
            (Ok(target), Ok(_)) if script => {
                self.watched.extend(target.parent().map(Path::to_owned));
                self.walked.files.push(Found { path, relative, outside: outside || leads_out });
            }
            // A link that leads nowhere is as good as no file: it may be about to be swapped.
            _ => {}
        }
    }

    fn refuse(&mut self, code: &'static str, relative: &Path, message: String) {
        self.walked.diagnostics.push(fault(code, &relative.to_string_lossy(), message));
    }
}
