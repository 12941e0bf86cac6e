//! hotplate: an HTTP server that people program by dropping Rhai scripts into a folder.

mod diagnostic;
mod host;
mod script;
mod services;

pub use diagnostic::{Diagnostic, Frame, Place, Related, Severity};

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
