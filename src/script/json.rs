//! stub
pub(crate) fn from_value(_: &serde_json::Value) -> rhai::Dynamic { todo!() }
