//! The plugin folder as it was at one moment, a [`Snapshot`], and what watches it.
//!
//! Knows nothing of Rhai, of HTTP or of what a script means. One snapshot is taken first, and all that
//! follows is computed from it: a load cannot see half a save. What a person wrote wrongly is a
//! [`crate::Diagnostic`] in the snapshot; only a folder that cannot be read at all is an error.

pub(crate) mod digest;
mod error;
mod links;
mod look;
pub(crate) mod name;
mod script;
mod seen;
mod snapshot;
#[cfg(test)]
mod tests;
pub(crate) mod watch;

pub(crate) use self::{name::ScriptName, script::Script, snapshot::Snapshot};
