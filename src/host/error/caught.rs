//! What a script caught: the value that `catch` would see, and the problem that it amounts to.
//!
//! An error that `catch` does not see, such as a spent budget, is never turned into a value.

use rhai::{Dynamic, EvalAltResult, FnPtr, INT, Map, NativeCallContext};

use super::{error_status, usual_title};
use crate::script::{Native, budget};

/// Calls `action` and, when it raises something catchable, `fallback` with what was raised.
pub(super) fn attempt(
    context: &NativeCallContext,
    action: &FnPtr,
    fallback: &FnPtr,
) -> Native<Dynamic> {
    let error = match action.call_raw(context, None, [] as [Dynamic; 0]) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if error.is_pseudo_error() || !error.unwrap_inner().is_catchable() {
        return Err(error);
    }
    budget::check()?;
    let caught = value(error);
    match fallback.call_raw(context, None, [caught]) {
        Err(error) if takes_nothing(fallback, &error) => {
            fallback.call_raw(context, None, [] as [Dynamic; 0])
        }
        result => result,
    }
}

/// Whether a fallback was not called because it is written `|| …`.
fn takes_nothing(fallback: &FnPtr, error: &EvalAltResult) -> bool {
    matches!(error, EvalAltResult::ErrorFunctionNotFound(signature, _)
        if signature.starts_with(fallback.fn_name()))
}

/// The value that `catch (e)` sees.
fn value(mut error: Box<EvalAltResult>) -> Dynamic {
    if let EvalAltResult::ErrorRuntime(value, _) = error.unwrap_inner() {
        return value.clone();
    }
    let mut caught = Map::new();
    let position = error.unwrap_inner().position();
    if let Some(line) = position.line().and_then(|line| INT::try_from(line).ok()) {
        caught.insert("line".into(), line.into());
    }
    if let Some(column) = position.position().and_then(|column| INT::try_from(column).ok()) {
        caught.insert("position".into(), column.into());
    }
    let kind = format!("{:?}", error.unwrap_inner());
    let kind = kind.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    caught.insert("error".into(), kind.into());
    caught.insert("message".into(), message(&mut error).into());
    caught.into()
}

fn message(error: &mut EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
        | EvalAltResult::ErrorInModule(_, inner, _) => message(inner),
        error => {
            error.clear_position();
            error.to_string()
        }
    }
}

/// `#{ status, title, detail }` of anything caught, with the other members it had if it was an HTTP
/// error; whatever else is a 500.
pub(super) fn problem(caught: &Dynamic) -> Map {
    if let Ok(members) = caught.as_map_ref() {
        let status = members.get("status").and_then(|status| status.as_int().ok());
        if let Some(status) = status.and_then(error_status) {
            let mut members = members.clone();
            if !members.contains_key("title") {
                members.insert("title".into(), usual_title(status).into());
            }
            members.entry("detail".into()).or_insert(Dynamic::UNIT);
            return members;
        }
        let detail = members.get("message").or_else(|| members.get("detail")).cloned();
        return fault(detail.unwrap_or(Dynamic::UNIT));
    }
    if caught.is_string() || caught.is_unit() {
        return fault(caught.flatten_clone());
    }
    if caught.is_int() || caught.is_float() || caught.is_bool() || caught.is_char() {
        return fault(caught.to_string().into());
    }
    // A container may hold itself, and printing it would never end.
    let kind = crate::host::define::words(caught.type_name());
    fault(format!("{kind} was thrown").into())
}

fn fault(detail: Dynamic) -> Map {
    let status = http::StatusCode::INTERNAL_SERVER_ERROR;
    let mut members = Map::new();
    members.insert("status".into(), INT::from(status.as_u16()).into());
    members.insert("title".into(), usual_title(status).into());
    members.insert("detail".into(), detail);
    members
}
