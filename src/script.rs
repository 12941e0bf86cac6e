//! What hotplate needs of Rhai: engines that are safe to run, budgets, values as JSON.
//!
//! Nothing here knows of HTTP, plugins or files.

pub(crate) mod budget;
pub(crate) mod duration;
pub(crate) mod json;
pub(crate) mod memory;

/// What a native function of the host returns: Rhai raises the error at the call's position.
pub(crate) type Native<T> = Result<T, Box<rhai::EvalAltResult>>;
