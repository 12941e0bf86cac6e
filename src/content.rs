//! Bytes on their way from a disk to a client: where they are, what they are, and which of them are wanted.
//!
//! What is opened is below its folder by construction. Conditions, parts and codings are those of the standard.

pub(crate) mod beneath;
pub(crate) mod coding;
pub(crate) mod conditions;
pub(crate) mod identity;
pub(crate) mod kind;
pub(crate) mod respond;
mod stream;
pub(crate) mod way;
pub(crate) mod whole;
