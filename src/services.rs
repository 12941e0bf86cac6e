//! What outlives every reload and knows nothing of Rhai.

pub(crate) mod machine;
pub(crate) mod rates;
pub(crate) mod schedule;
pub(crate) mod state;
