//! Why the plugin folder as a whole could not be read.
//!
//! The folder is named by its last component only: these texts reach clients.

use std::{io, path::Path};

use thiserror::Error;

use crate::diagnostic::Diagnostic;

/// The plugin folder could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum SourceError {
    /// Nothing is there.
    #[error("the plugin folder `{0}` does not exist")]
    Missing(String),
    /// Something else is there.
    #[error("`{0}` is not a folder, so no plugins can be read from it")]
    NotAFolder(String),
    /// It is there and cannot be read.
    #[error("the plugin folder `{folder}` cannot be read: {reason}")]
    Unreadable {
        /// Its last component.
        folder: String,
        /// What the system says.
        reason: String,
    },
    /// It holds more than anybody means to load.
    #[error("the plugin folder `{folder}` holds more than {limit} entries")]
    TooMany {
        /// Its last component.
        folder: String,
        /// How many are read.
        limit: usize,
    },
}

impl SourceError {
    /// What `error` means for the folder at `root`.
    pub(super) fn of(root: &Path, error: &io::Error) -> Self {
        let folder = last_component(root);
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(folder),
            io::ErrorKind::NotADirectory => Self::NotAFolder(folder),
            _ => Self::Unreadable { folder, reason: error.to_string() },
        }
    }

    /// The same, to be shown beside the faults of scripts.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        let (code, help) = match self {
            Self::Missing(_) => (
                "plugins-missing",
                "create the folder, or name another with --plugins or `plugins` in [paths]",
            ),
            Self::NotAFolder(_) => {
                ("plugins-not-a-folder", "name a folder with --plugins or `plugins` in [paths]")
            }
            Self::Unreadable { .. } => (
                "plugins-unreadable",
                "allow the user that runs the server to read and enter the folder",
            ),
            Self::TooMany { .. } => (
                "plugins-too-many",
                "move what is no plugin out of the folder, or into one whose name begins with a dot",
            ),
        };
        Diagnostic::error(code, self.to_string()).help(help)
    }
}

/// The last component of a path, as text.
pub(super) fn last_component(path: &Path) -> String {
    path.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned())
}
