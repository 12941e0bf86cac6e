//! What would be served, built without being published: for the tools of the command line.
//!
//! It is the build that the server does, with nothing watched, no `on_start` run and no port bound.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use thiserror::Error;

use super::{Builder, StartError};
use crate::{
    admin::Admin,
    diagnostic::Diagnostic,
    generation::Generation,
    openapi::{
        Format,
        contract::{self, Accepted, Unreadable},
        diff::Change,
    },
    reload::{Handle, unpublished},
};

/// What would be served.
pub(crate) struct Unpublished {
    generation: Generation,
    admin: Admin,
    contract: Option<PathBuf>,
}

/// Why what is there cannot be compared with what was accepted, or not be accepted.
#[derive(Debug, Error)]
pub(crate) enum ContractError {
    /// A document cannot be read.
    #[error("cannot read {name}: {source}")]
    Read {
        /// The file, as it was named.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A document is none.
    #[error("cannot use {name}: {source}")]
    NotADocument {
        /// The file, as it was named.
        name: String,
        /// Why.
        source: Unreadable,
    },
    /// Nothing was accepted so far.
    #[error("there is no {0}: nothing was accepted so far; `hotplate openapi --accept` writes it")]
    Missing(String),
    /// The document is one that readers of JSON do not take.
    #[error("the document cannot be read as JSON: {0}")]
    Unprintable(#[source] serde_json::Error),
    /// The accepted document cannot be written.
    #[error("cannot write {name}: {source}")]
    Write {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// How the accepted document is called in messages.
const CONTRACT: &str = "openapi/contract.json";

impl Builder {
    /// Builds what would be served, without serving it.
    ///
    /// # Errors
    /// [`StartError::Faults`] when the configuration or the plugin folder cannot be used. A plugin that
    /// fails to load is no error here: see [`Unpublished::faults`].
    pub(crate) fn check(self) -> Result<Unpublished, StartError> {
        let parts = self.parts()?;
        let contract = parts.sources.as_ref().map(crate::settings::Sources::contract_file);
        let admin = Admin::new(
            Arc::clone(&parts.site),
            Handle::without_reloader(),
            Arc::clone(parts.services.sessions()),
        );
        let generation = unpublished::build(parts).map_err(StartError::Faults)?;
        Ok(Unpublished { generation, admin, contract })
    }
}

impl Unpublished {
    /// What would be served.
    pub(crate) fn generation(&self) -> &Generation {
        &self.generation
    }

    /// What keeps something from being served as written.
    pub(crate) fn faults(&self) -> Vec<Diagnostic> {
        self.generation.all_diagnostics().filter(|found| found.is_error()).cloned().collect()
    }

    /// The OpenAPI document as it would be served, as text.
    pub(crate) fn document(&self, format: Format) -> Result<String, ContractError> {
        let rendering = self.generation.document(format, "", self.admin.described());
        match format {
            Format::Yaml => Ok(String::from_utf8_lossy(&rendering.bytes).into_owned()),
            Format::Json => {
                let value: Value =
                    serde_json::from_slice(&rendering.bytes).map_err(ContractError::Unprintable)?;
                Ok(contract::pretty(&value))
            }
        }
    }

    /// How it differs from the accepted document.
    pub(crate) fn compare(&self) -> Result<Vec<Change>, ContractError> {
        let missing = || ContractError::Missing(CONTRACT.to_owned());
        let accepted = match read(self.contract.as_deref().ok_or_else(missing)?, CONTRACT) {
            Err(ContractError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(missing());
            }
            read => read?,
        };
        Ok(self.changes_from(&accepted))
    }

    /// Accepts it: writes it down as the document that later versions are compared with. Gives how it
    /// differs from what was accepted before, if that can be told.
    pub(crate) fn accept(&self) -> Result<Before, ContractError> {
        let file = self.contract.as_deref();
        let file = file.ok_or_else(|| ContractError::Missing(CONTRACT.to_owned()))?;
        let before = match read(file, CONTRACT) {
            Ok(accepted) => Before::Accepted(self.changes_from(&accepted)),
            Err(ContractError::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Before::Nothing
            }
            Err(error) => Before::Unreadable(error),
        };
        let settings = &self.generation.settings;
        let fragments = self.generation.api.fragments(settings).map(|(_, fragment)| fragment);
        let text = contract::pretty(&contract::document_of(fragments, settings));
        replace(file, text.as_bytes())
            .map_err(|source| ContractError::Write { name: CONTRACT.to_owned(), source })?;
        Ok(before)
    }

    fn changes_from(&self, accepted: &Accepted) -> Vec<Change> {
        let settings = &self.generation.settings;
        let fragments = self.generation.api.fragments(settings).map(|(_, fragment)| fragment);
        accepted.compare(fragments, settings, None).into_values().flatten().collect()
    }
}

/// What was accepted before.
pub(crate) enum Before {
    /// A document, and how what is accepted now differs from it.
    Accepted(Vec<Change>),
    /// None.
    Nothing,
    /// Something that is no document.
    Unreadable(ContractError),
}

/// How the document in one file differs from that in another.
pub(crate) fn compare_files(old: &Path, new: &Path) -> Result<Vec<Change>, ContractError> {
    let read = |path: &Path| read(path, &path.display().to_string());
    Ok(read(old)?.compare_with(&read(new)?))
}

fn read(path: &Path, name: &str) -> Result<Accepted, ContractError> {
    let name = || name.to_owned();
    // Documents to compare may come through pipes; what is accepted is a file.
    let text = if name() == CONTRACT { contract::read(path) } else { fs::read(path) };
    let text = text.map_err(|source| ContractError::Read { name: name(), source })?;
    let text = String::from_utf8_lossy(&text);
    Accepted::parse(&text).map_err(|source| ContractError::NotADocument { name: name(), source })
}

/// Writes a file beside where it goes and renames it, so that nobody reads a half of it. Where the name
/// is a link, what it leads to is replaced.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.join(format!(".{name}.{}.new", std::process::id()));
    let write = || {
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, &path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&aside)))
}
