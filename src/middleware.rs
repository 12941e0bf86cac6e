//! What stands between a connection and whatever answers: keys, origins, bodies, clients.
//!
//! Nothing here knows of plugins or generations.

pub(crate) mod access;
pub(crate) mod body;
pub(crate) mod certificate;
pub(crate) mod client;
pub(crate) mod cors;
pub(crate) mod hosts;
pub(crate) mod keys;
pub(crate) mod origin;
pub(crate) mod withheld;
