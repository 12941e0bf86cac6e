//! What a script sees: the modules, types and functions of the script API.
//!
//! All of it is registered once into one shared module. Whose script is running is known from
//! [`current`], which the caller of a script sets for the thread.

pub(crate) mod base64;
pub(crate) mod bulk;
pub(crate) mod crypto;
pub(crate) mod current;
pub(crate) mod define;
pub(crate) mod extras;
pub(crate) mod json;
pub(crate) mod log;
pub(crate) mod regex;
pub(crate) mod sleep;
pub(crate) mod state;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod url;

#[cfg(test)]
mod testing;
