//! The memory of plugins that survives reloads.

/// The memory of one plugin.
#[derive(Debug, Default)]
pub(crate) struct State {}
