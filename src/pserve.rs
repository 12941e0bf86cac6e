//! Configurations of `pserve`, the server that this one was inspired by, carried over to ours.
//!
//! Every key of the old file is either in the new one, or named as not carried, in a comment of the new
//! file and to whoever asked. Nothing is guessed about what a key means: where ours does otherwise, a
//! comment says so.

mod carry;
mod classes;
mod ini;
mod parameters;
mod value;
mod write;

use std::{collections::BTreeSet, path::Path};

use self::{ini::Ini, write::Section};
use crate::diagnostic::Diagnostic;

/// What becomes of keys and passwords.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// They stand in the new file.
    #[default]
    Plain,
    /// The new file takes them from the environment.
    Env,
}

/// A configuration that was carried over.
#[derive(Debug)]
pub(crate) struct Imported {
    /// The new configuration, as TOML.
    pub(crate) toml: String,
    /// What is not carried, or not as it was: one line each.
    pub(crate) notes: Vec<String>,
    /// The environment variables that the new configuration takes secrets from.
    pub(crate) variables: BTreeSet<String>,
}

/// Where the old configuration was at home.
#[derive(Debug)]
pub(crate) struct Home<'a> {
    /// The folder that files are relative to which it names.
    pub(crate) folder: &'a Path,
    /// The environment: only to find those files.
    pub(crate) environment: &'a [(String, String)],
}

/// Carries over the text of a configuration; `name` is what its faults call the file.
///
/// # Errors
/// The text is no configuration of `pserve`: what is wrong, with the line.
pub(crate) fn import(
    name: &str,
    text: &str,
    home: &Home<'_>,
    secrets: Secrets,
) -> Result<Imported, Box<Diagnostic>> {
    let ini = Ini::parse(name, text)?;
    let mut carried = carry::Carried::new(&ini, home, secrets);
    carried.all()?;
    Ok(carried.finish(name))
}

/// A new file, as it begins.
fn opening(name: &str) -> Section {
    let mut section = Section::top();
    section.comment(&format!("Carried over from {name} by hotplate import."));
    section.comment("Relative paths start at the folder that holds config/, or at this file's own; in pserve, where it");
    section.comment("was started. Scripts are written anew: see docs/from-pserve.md.");
    section
}

#[cfg(test)]
mod tests;
