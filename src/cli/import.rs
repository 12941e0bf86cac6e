//! `hotplate import`: the configuration of a pserve server as ours.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Failure, arguments::Import, print, say};
use crate::{pserve, settings::process_environment};

/// Why there is no new configuration.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImportError {
    /// The old one cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The new one cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    /// There is something where the new one would go.
    #[error("{} is there already; move it away first", .0.display())]
    There(PathBuf),
}

/// Prints or writes the new configuration, and says what it does not have.
pub(super) fn run(options: &Import) -> Result<ExitCode, Failure> {
    let read = |source| ImportError::Read { path: options.file.clone(), source };
    let bytes = std::fs::read(&options.file).map_err(read)?;
    let text = String::from_utf8_lossy(&bytes);
    let name = options.file.file_name().unwrap_or_default().to_string_lossy();
    let environment = process_environment();
    let folder = options.file.parent().unwrap_or_else(|| Path::new(""));
    let home = pserve::Home { folder, environment: &environment };
    let imported = pserve::import(&name, &text, &home, options.secrets.unwrap_or_default())
        .map_err(|fault| vec![*fault])?;
    match &options.out {
        None => print(&imported.toml),
        Some(path) => write(path, &imported.toml)?,
    }
    for note in &imported.notes {
        say(note);
    }
    if !imported.variables.is_empty() {
        let names: Vec<&str> = imported.variables.iter().map(String::as_str).collect();
        say(&format!("set before the start: {}", names.join(" ")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that was not there, which only its owner reads: keys may stand in it.
fn write(path: &Path, text: &str) -> Result<(), ImportError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => ImportError::There(path.to_owned()),
        _ => ImportError::Write { path: path.to_owned(), source },
    };
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
