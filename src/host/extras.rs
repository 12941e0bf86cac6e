//! Soon.
use rhai::Module;
/// Soon.
pub(crate) fn register(_module: &mut Module) {}
