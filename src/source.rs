//! stub
pub(crate) mod watch;
use std::{path::{Path, PathBuf}, sync::Arc, time::Duration};
use crate::diagnostic::Diagnostic;
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScriptName(String);
impl ScriptName { pub(crate) fn as_str(&self) -> &str { &self.0 } }
impl std::fmt::Display for ScriptName { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) } }
#[derive(Debug)]
pub(crate) struct Script { pub(crate) name: ScriptName, pub(crate) mount: String, pub(crate) file: String, pub(crate) text: Result<Arc<str>, Diagnostic>, pub(crate) digest: Digest, pub(crate) confined: bool }
#[derive(Debug, Clone)]
pub(crate) struct Digest([u8; 32]);
impl Digest { pub(crate) fn as_bytes(&self) -> &[u8] { &self.0 } }
#[derive(Debug)]
pub(crate) struct Snapshot { root: PathBuf }
#[derive(Debug)]
pub(crate) struct SourceError;
impl SourceError { pub(crate) fn diagnostic(&self) -> Diagnostic { todo!() } }
impl Snapshot {
    pub(crate) fn read(_: &Path, _: Option<&Snapshot>) -> Result<Snapshot, SourceError> { todo!() }
    pub(crate) fn refresh(&self, _: &[PathBuf]) -> Result<Snapshot, SourceError> { todo!() }
    pub(crate) fn root(&self) -> &Path { &self.root }
    pub(crate) fn plugins(&self) -> std::vec::IntoIter<&Arc<Script>> { todo!() }
    pub(crate) fn libraries(&self) -> std::vec::IntoIter<&Arc<Script>> { todo!() }
    pub(crate) fn library(&self, _: &str) -> Option<&Arc<Script>> { todo!() }
    pub(crate) fn libraries_digest(&self) -> String { todo!() }
    pub(crate) fn diagnostics(&self) -> &[Diagnostic] { todo!() }
    pub(crate) fn folders(&self) -> &[PathBuf] { todo!() }
    pub(crate) fn len(&self) -> usize { todo!() }
    pub(crate) fn age(&self, _: &Script) -> Duration { todo!() }
}
