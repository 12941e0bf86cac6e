//! HTTP errors that scripts raise: `not_found("…")`, `fail(503, "…")`, `throw #{ status: 409 }`.
//!
//! Raised errors carry a map with at least `status` and `title`, so that `catch (e)` sees
//! `e.status`. Whatever is raised, [`outcome`] says what it means for the request.

mod caught;

use http::StatusCode;
use rhai::{
    Dynamic, EvalAltResult, FnPtr, FuncRegistration, INT, ImmutableString, Map, Module,
    NativeCallContext, Position,
};

use super::problem::{Problem, error_status, usual_title};
use crate::script::Native;

/// The functions that raise, and what each raises.
const RAISING: [(&str, StatusCode); 10] = [
    ("bad_request", StatusCode::BAD_REQUEST),
    ("unauthorized", StatusCode::UNAUTHORIZED),
    ("forbidden", StatusCode::FORBIDDEN),
    ("not_found", StatusCode::NOT_FOUND),
    ("conflict", StatusCode::CONFLICT),
    ("unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ("unprocessable", StatusCode::UNPROCESSABLE_ENTITY),
    ("too_many_requests", StatusCode::TOO_MANY_REQUESTS),
    ("bad_gateway", StatusCode::BAD_GATEWAY),
    ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
];

/// What an error that left a script means for the request.
#[derive(Debug)]
pub(crate) enum Raised {
    /// The script meant an HTTP error with its own status, 4xx or 5xx.
    Problem(Problem),
    /// The script has a bug: 500.
    Fault(Box<EvalAltResult>),
    /// The script was stopped: its budget ran out.
    Spent,
}

/// What an error that left a script means for the request.
pub(crate) fn outcome(error: Box<EvalAltResult>) -> Raised {
    let problem = match error.unwrap_inner() {
        EvalAltResult::ErrorTerminated(..) => return Raised::Spent,
        EvalAltResult::ErrorRuntime(value, _) => {
            value.as_map_ref().ok().and_then(|map| Problem::from_map(&map))
        }
        _ => None,
    };
    match problem {
        Some(problem) => Raised::Problem(problem),
        None => Raised::Fault(error),
    }
}

/// Whether an error that left a script is an HTTP error that it meant.
pub(crate) fn is_problem(error: &EvalAltResult) -> bool {
    match error.unwrap_inner() {
        EvalAltResult::ErrorRuntime(value, _) => {
            value.as_map_ref().is_ok_and(|map| Problem::from_map(&map).is_some())
        }
        _ => false,
    }
}

/// The error that a native raises for the client to see, with `detail` for people.
#[expect(clippy::unnecessary_box_returns, reason = "Rhai takes errors boxed")]
pub(crate) fn raise(status: StatusCode, detail: impl Into<String>) -> Box<EvalAltResult> {
    let mut members = Map::new();
    members.insert("detail".into(), detail.into().into());
    raise_with(status, members)
}

/// The error that a native raises for a mistake in the script: 500 for the client.
#[expect(clippy::unnecessary_box_returns, reason = "Rhai takes errors boxed")]
pub(crate) fn mistake(message: impl Into<String>) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(message.into().into(), Position::NONE))
}

#[expect(clippy::unnecessary_box_returns, reason = "Rhai takes errors boxed")]
fn raise_with(status: StatusCode, mut members: Map) -> Box<EvalAltResult> {
    members.insert("status".into(), Dynamic::from(INT::from(status.as_u16())));
    if !members.contains_key("title") {
        members.insert("title".into(), usual_title(status).into());
    }
    Box::new(EvalAltResult::ErrorRuntime(members.into(), Position::NONE))
}

fn fail_status(number: INT) -> Native<StatusCode> {
    error_status(number)
        .ok_or_else(|| mistake(format!("fail() takes a status from 400 to 599, not {number}")))
}

/// Adds the functions that raise, `problem` and `attempt`.
pub(crate) fn register(module: &mut Module) {
    for (name, status) in RAISING {
        let comment = format!("/// Ends the request with {status}.");
        let named = |parameter: &[&str]| {
            FuncRegistration::new(name)
                .in_global_namespace()
                .with_params_info(parameter)
                .with_comments([&comment])
        };
        named(&["!"]).set_into_module(module, move || -> Native<Dynamic> {
            Err(raise_with(status, Map::new()))
        });
        named(&["detail: String", "!"])
            .set_into_module(module, move |detail: ImmutableString| -> Native<Dynamic> {
                Err(raise(status, detail))
            });
        named(&["members: Map", "!"])
            .set_into_module(module, move |members: Map| -> Native<Dynamic> {
                Err(raise_with(status, members))
            });
    }
    let fail = || {
        FuncRegistration::new("fail")
            .in_global_namespace()
            .with_comments(["/// Ends the request with a status from 400 to 599."])
    };
    fail()
        .with_params_info(["status: int", "!"])
        .set_into_module(module, |status: INT| -> Native<Dynamic> {
            Err(raise_with(fail_status(status)?, Map::new()))
        });
    fail().with_params_info(["status: int", "detail: String", "!"]).set_into_module(
        module,
        |status: INT, detail: ImmutableString| -> Native<Dynamic> {
            Err(raise(fail_status(status)?, detail))
        },
    );
    fail().with_params_info(["status: int", "members: Map", "!"]).set_into_module(
        module,
        |status: INT, members: Map| -> Native<Dynamic> {
            Err(raise_with(fail_status(status)?, members))
        },
    );
    FuncRegistration::new("problem")
        .in_global_namespace()
        .with_params_info(["caught: ?", "Map"])
        .with_comments(["/// `#{ status, title, detail }` of anything caught."])
        .set_into_module(module, |caught: Dynamic| caught::problem(&caught));
    FuncRegistration::new("attempt")
        .in_global_namespace()
        .with_params_info(["action: Fn", "fallback: Fn", "?"])
        .with_comments([
            "/// What `action` returns or, when it raises, what `fallback` makes of the error.",
        ])
        .set_into_module(module, |context: NativeCallContext, action: FnPtr, fallback: FnPtr| {
            caught::attempt(&context, &action, &fallback)
        });
}

#[cfg(test)]
mod tests;
