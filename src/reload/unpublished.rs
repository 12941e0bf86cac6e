//! The build without the publishing: what would be served, for tools that only look.
//!
//! Nothing is watched, no `on_start` runs, and no site changes.

use std::sync::{Arc, mpsc};

use super::{Parts, Reloader};
use crate::{
    diagnostic::Diagnostic,
    generation::Generation,
    script::stack::{self, STACK},
    source::Snapshot,
};

/// Builds the generation that would be served.
///
/// # Errors
/// The plugin folder cannot be read. A plugin that fails to load is no error: it is in the generation,
/// with what is wrong with it.
pub(crate) fn build(parts: Parts) -> Result<Generation, Vec<Diagnostic>> {
    let failed = |error: &dyn std::fmt::Display| {
        vec![Diagnostic::error("no-thread", format!("the build could not be started: {error}"))]
    };
    // Scripts run while they load, and need the stack for it.
    let built = std::thread::Builder::new()
        .name("hotplate-build".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            stack::is_large_here();
            Reloader::new(parts, mpsc::channel().1).build()
        })
        .map_err(|error| failed(&error))?
        .join();
    built.map_err(|_| failed(&"it panicked"))?
}

impl Reloader {
    fn build(mut self) -> Result<Generation, Vec<Diagnostic>> {
        let settings = Arc::clone(&self.parts.settings);
        let snapshot = Snapshot::read(&settings.paths.plugins, None)
            .map_err(|error| vec![error.diagnostic()])?;
        let current = self.parts.site.current();
        let diagnostics = super::configured::around(&settings, &snapshot);
        let candidates = self.candidates(&current, &settings, &snapshot, true);
        let mut generation =
            crate::generation::assemble::assemble(&current, settings, candidates, diagnostics);
        generation.number = 1;
        Ok(generation)
    }
}
