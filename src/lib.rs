//! hotplate: an HTTP server that people program by dropping Rhai scripts into a folder.
mod diagnostic;
mod source;
pub use diagnostic::{Diagnostic, Frame, Place, Related, Severity};
