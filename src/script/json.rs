//! stub
pub(crate) fn from_value(v: &serde_json::Value) -> rhai::Dynamic {
    rhai::serde::to_dynamic(v).unwrap_or_default()
}
