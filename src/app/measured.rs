//! What the benchmarks of this repository measure, opened to them alone: no part of the interface.

use std::path::Path;

use http::Method;
use rhai::Dynamic;
use tokio::runtime::Runtime;

use super::{Hotplate, StartError};
use crate::{
    generation::{path, router::Found},
    script::json,
};

/// A JSON text as a script's value; `None` if it is no JSON.
pub fn parse(text: &[u8]) -> Option<Dynamic> {
    json::parse(text).ok()
}

/// Appends a script's value as JSON; false if it has no such form or more than `most` bytes.
pub fn write(value: &Dynamic, out: &mut Vec<u8>, most: usize) -> bool {
    json::write(value, out, most).is_ok()
}

/// The plugins of a folder, not watched, whose scripts run on the workers of [`runtime`] as those of the
/// program do.
///
/// # Errors
/// [`StartError::Faults`] when the folder cannot be used.
pub fn site(folder: &Path) -> Result<Hotplate, StartError> {
    let mut settings = crate::Settings::default();
    settings.watch.mode = crate::WatchMode::Off;
    settings.log.access = crate::AccessLog::Off;
    Hotplate::builder().settings(settings).plugins(folder).on_workers().build()
}

/// The runtime of the program.
///
/// # Errors
/// What the system says when there are no threads for it.
pub fn runtime(workers: usize) -> std::io::Result<Runtime> {
    super::serve::runtime(workers)
}

/// Whether a route answers `method` at a path as it is sent.
pub fn finds(site: &Hotplate, method: &Method, path: &str) -> bool {
    let generation = site.inner.site.current();
    let Ok(path) = path::canonical(path) else { return false };
    matches!(generation.router.find(method, &path), Found::Route(..))
}
