//! hotplate: an HTTP server that people program by dropping Rhai scripts into a folder.
mod diagnostic;
mod server;
pub use diagnostic::{Diagnostic, Frame, Place, Related, Severity};
