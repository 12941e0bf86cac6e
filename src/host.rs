//! What a script sees: the modules, types and functions of the script API.
//!
//! All of it is registered once into one shared module. Whose script is running is known from
//! [`current`], which the caller of a script sets for the thread.

pub(crate) mod answer;
pub(crate) mod current;
pub(crate) mod error;
mod json_shim;
pub(crate) mod problem;
pub(crate) mod request;
