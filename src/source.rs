//! The plugin folder, read into an immutable snapshot.
//!
//! A load computes only from its snapshot, so it cannot see half a save. What a file's stamp (device,
//! inode, size, times) shows to be as it was is carried over unread.

mod file;
pub(crate) mod name;
mod walk;
pub(crate) mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub(crate) use self::file::Script;
use self::name::{Class, ScriptName};
use crate::diagnostic::{Diagnostic, Place};

/// Everything in the plugin folder at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    root: PathBuf,
    plugins: BTreeMap<ScriptName, Arc<Script>>,
    libraries: BTreeMap<ScriptName, Arc<Script>>,
    diagnostics: Vec<Diagnostic>,
    folders: Vec<PathBuf>,
}

/// Why a plugin folder cannot be read.
#[derive(Debug, Error)]
pub(crate) enum SourceError {
    /// It is not there.
    #[error("the plugin folder `{0}` is not there")]
    Missing(String),
    /// It is something else.
    #[error("`{0}` is not a folder")]
    NotAFolder(String),
    /// The system does not let us.
    #[error("the plugin folder `{0}` cannot be read: {1}")]
    Unreadable(String, std::io::ErrorKind),
}

impl SourceError {
    /// The same for people, with what to do.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        let (code, help) = match self {
            Self::Missing(_) => (
                "plugins-missing",
                "create it, or name another with `--plugins` or `paths.plugins`",
            ),
            Self::NotAFolder(_) => {
                ("plugins-not-a-folder", "name the folder that holds the scripts with `--plugins`")
            }
            Self::Unreadable(..) => {
                ("plugins-unreadable", "let the user that runs the server read the folder")
            }
        };
        Diagnostic::error(code, self.to_string()).help(help)
    }

    fn of(root: &Path, error: &std::io::Error) -> Self {
        let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned();
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing(name),
            std::io::ErrorKind::NotADirectory => Self::NotAFolder(name),
            kind => Self::Unreadable(name, kind),
        }
    }
}

impl Snapshot {
    /// Reads the folder at `root`; files that are as they were in `previous` are not read again.
    ///
    /// # Errors
    /// [`SourceError`] when the folder itself cannot be read. Faults of single files are diagnostics.
    pub(crate) fn read(root: &Path, previous: Option<&Self>) -> Result<Self, SourceError> {
        let found = walk::walk(root).map_err(|error| SourceError::of(root, &error))?;
        let mut snapshot = Self {
            root: root.to_owned(),
            plugins: BTreeMap::new(),
            libraries: BTreeMap::new(),
            diagnostics: found.diagnostics,
            folders: found.folders,
        };
        for entry in found.files {
            match name::classify(&entry.relative) {
                Ok(Class::Ignored) => {}
                Ok(class) => snapshot.take(class, &entry, previous),
                Err(fault) => snapshot.diagnostics.push(*fault),
            }
        }
        Ok(snapshot)
    }

    /// The same with only these files looked at again; the rest is believed to be as it was. What
    /// cannot be told from single files is read whole.
    pub(crate) fn refresh(&self, files: &[PathBuf]) -> Result<Self, SourceError> {
        let whole = || Self::read(&self.root, Some(self));
        let mut snapshot = self.clone();
        for path in files {
            let Ok(relative) = path.strip_prefix(&self.root) else { return whole() };
            let known =
                path.parent().is_some_and(|folder| self.folders.iter().any(|f| f == folder));
            let Ok(class) = name::classify(relative) else { return whole() };
            let (map, name) = match &class {
                Class::Ignored => continue,
                Class::Plugin { name, .. } => (&mut snapshot.plugins, name.clone()),
                Class::Library(name) => (&mut snapshot.libraries, name.clone()),
            };
            match std::fs::symlink_metadata(path) {
                Ok(metadata) if metadata.is_file() && known => {
                    let entry = walk::Found {
                        path: path.clone(),
                        relative: relative.to_owned(),
                        outside: map.get(&name).is_some_and(|script| !script.confined),
                    };
                    snapshot.take(class, &entry, Some(self));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    map.remove(&name);
                }
                _ => return whole(),
            }
        }
        Ok(snapshot)
    }

    fn take(&mut self, class: Class, entry: &walk::Found, previous: Option<&Self>) {
        let (name, mount, library) = match class {
            Class::Plugin { name, mount } => (name, mount, false),
            Class::Library(name) => (name, String::new(), true),
            Class::Ignored => return,
        };
        let before = previous.and_then(|previous| {
            let map = if library { &previous.libraries } else { &previous.plugins };
            map.get(&name)
        });
        let map = if library { &mut self.libraries } else { &mut self.plugins };
        match file::read(entry, &name, mount, before) {
            Some(script) => map.insert(name, script),
            None => map.remove(&name),
        };
    }

    /// The folder it was read from.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The scripts of plugins, by name.
    pub(crate) fn plugins(&self) -> impl Iterator<Item = &Arc<Script>> {
        self.plugins.values()
    }

    /// Whether a plugin of that name is there.
    pub(crate) fn has_plugin(&self, name: &str) -> bool {
        self.plugins.contains_key(name)
    }

    /// The libraries, by name.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Arc<Script>> {
        self.libraries.values()
    }

    /// The library of that name.
    pub(crate) fn library(&self, name: &str) -> Option<&Arc<Script>> {
        self.libraries.get(name)
    }

    /// A digest of all libraries together.
    pub(crate) fn libraries_digest(&self) -> Vec<u8> {
        let mut digest = Sha256::new();
        for script in self.libraries.values() {
            digest.update(script.name.as_str());
            digest.update(script.digest.as_bytes());
        }
        digest.finalize().to_vec()
    }

    /// What is wrong with names and folders.
    pub(crate) fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Every folder that a change may come from.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// How long ago a file was changed, by the clock of its file system.
    pub(crate) fn age(script: &Script) -> Duration {
        SystemTime::now().duration_since(script.changed_at()).unwrap_or_default()
    }
}

/// A fault of one file, by its name relative to the plugin folder.
fn fault(code: &'static str, relative: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message).at(Place::file(relative))
}

/// Names of folders and files in one sorted set.
type Names = BTreeSet<PathBuf>;
