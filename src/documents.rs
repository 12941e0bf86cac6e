//! Files that the server itself shows: the start page and the icon.
//!
//! They are part of the program, so that one binary is all there is.

pub(crate) mod start;
