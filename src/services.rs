//! What outlives every reload and knows nothing of Rhai.

pub(crate) mod state;
