//! stub
use std::{path::{Path, PathBuf}, time::Duration};
#[derive(Debug)]
pub(crate) enum Changed { Files(Vec<PathBuf>), Unclear }
impl Changed {
    pub(crate) fn and(self, _: Changed) -> Changed { todo!() }
    pub(crate) fn may_mean(&self, _: &Path) -> bool { todo!() }
}
pub(crate) struct WatchSettings { pub(crate) mode: crate::settings::WatchMode, pub(crate) settle: Duration, pub(crate) poll: Duration, pub(crate) files: Vec<PathBuf> }
#[derive(Debug)]
pub(crate) struct Watcher;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub(crate) struct WatchError;
impl Watcher {
    pub(crate) fn start(_: WatchSettings, _: impl Fn(Changed) + Send + 'static) -> Result<Watcher, WatchError> { todo!() }
    pub(crate) fn rearm(&mut self, _: &Path, _: &[PathBuf]) { todo!() }
}
