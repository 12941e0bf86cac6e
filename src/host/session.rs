//! `req.session`: what is remembered of a visitor, and `session::`, the same by an id.
//!
//! A session is looked up when a script first asks for it, once in a request; what the script writes is kept
//! together when it has made its answer, before that is sent. A script that fails keeps nothing.

mod by_id;
mod cookie;
mod visit;

use std::time::{Duration, Instant};

use http::StatusCode;
use rhai::{Dynamic, FuncRegistration, ImmutableString, Map, Module};

pub(crate) use self::{
    by_id::module,
    visit::{Mark, Visit},
};
use super::{
    current,
    error::{mistake, raise},
    problem::Problem,
    request::ScriptRequest,
};
use crate::{
    script::{Native, budget, json},
    services::{
        database::DatabaseError,
        sessions::{MOST_BYTES, SessionError, Sessions},
        turns::Asked,
    },
};

/// How long a call takes at most where no deadline is in force.
const LONGEST: Duration = Duration::from_secs(10);

/// What a client is told when sessions are out of reach.
const OUT_OF_REACH: &str = "sessions cannot be reached at the moment";

/// The script's `req.session`. Cloning it costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct ScriptSession(std::sync::Arc<Visit>);

impl ScriptSession {
    /// That of a request, which is not looked up yet.
    pub(crate) fn of(request: &ScriptRequest) -> Native<Self> {
        request.visit().map(Self)
    }
}

/// Adds the type `Session` with what it can do.
pub(crate) fn register(module: &mut Module) {
    module.set_custom_type::<ScriptSession>("Session");
    FuncRegistration::new_getter("id").set_into_module(module, |session: &mut ScriptSession| {
        session.0.id().map(|id| id.map_or(Dynamic::UNIT, Dynamic::from))
    });
    FuncRegistration::new_setter("id")
        .with_purity(true)
        .set_into_module(module, |session: &mut ScriptSession, value: Dynamic| {
            own_id(session, &value)
        });
    FuncRegistration::new_index_getter().set_into_module(
        module,
        |session: &mut ScriptSession, name: ImmutableString| match name.as_str() {
            "id" => session.0.id().map(|id| id.map_or(Dynamic::UNIT, Dynamic::from)),
            name => session.0.value(name),
        },
    );
    FuncRegistration::new_index_setter().with_purity(true).set_into_module(
        module,
        |session: &mut ScriptSession, name: ImmutableString, value: Dynamic| match name.as_str() {
            "id" => own_id(session, &value),
            name => session.0.set(name, &value),
        },
    );
    method(
        "renew",
        "?",
        "Gives the session another id and keeps what is in it: after a login. Returns the id.",
    )
    .set_into_module(module, |session: &mut ScriptSession| {
        session.0.renew().map(|id| id.map_or(Dynamic::UNIT, Dynamic::from))
    });
    method("clear", "()", "Ends the session and forgets what was in it: at a logout.")
        .set_into_module(module, |session: &mut ScriptSession| session.0.clear());
    method("keys", "Array", "The names of what is in the session.")
        .set_into_module(module, |session: &mut ScriptSession| session.0.keys());
    method("to_map", "Map", "All that is in the session.")
        .set_into_module(module, |session: &mut ScriptSession| -> Native<Map> {
            session.0.to_map()
        });
    FuncRegistration::new("contains")
        .in_global_namespace()
        .with_params_info(["self: Session", "name: String", "bool"])
        .with_comments(["/// Whether something of that name is in the session."])
        .set_into_module(module, |session: &mut ScriptSession, name: ImmutableString| {
            session.0.contains(&name)
        });
}

fn method(name: &str, returns: &str, comment: &str) -> FuncRegistration {
    FuncRegistration::new(name)
        .in_global_namespace()
        .with_params_info(["self: Session", returns])
        .with_comments([format!("/// {comment}")])
}

/// Refuses to set the id. Rhai sets a property again after a method was called on it: that is no change.
fn own_id(session: &ScriptSession, value: &Dynamic) -> Native<()> {
    let same = match (session.0.id()?, value.read_lock::<ImmutableString>()) {
        (Some(id), Some(value)) => *value == id,
        (None, None) => value.is_unit(),
        _ => false,
    };
    match same {
        true => Ok(()),
        false => Err(mistake(
            "the server gives a session its id: `req.session.renew()` gives it another one",
        )),
    }
}

/// Works on the sessions until the script's time is over.
fn work<T>(
    sessions: &Sessions,
    work: impl FnOnce(&Sessions, Asked<'_>) -> Result<T, SessionError>,
) -> Native<T> {
    budget::check()?;
    let worked = budget::blocking(|| current::asks(deadline(), |asked| work(sessions, asked)))?;
    worked.or_else(|error| {
        if matches!(error, SessionError::Database(DatabaseError::Late)) {
            budget::check()?;
        }
        let (status, detail) = told(sessions, &error);
        Err(raise(status, detail))
    })
}

fn deadline() -> Instant {
    Instant::now() + budget::remaining().unwrap_or(LONGEST).min(LONGEST)
}

/// What a client is told of an error; the log says more.
fn told(sessions: &Sessions, error: &SessionError) -> (StatusCode, String) {
    if error.is_outage() {
        sessions.tell(error);
        return (StatusCode::SERVICE_UNAVAILABLE, OUT_OF_REACH.to_owned());
    }
    (StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
}

fn problem((status, detail): (StatusCode, String)) -> Problem {
    let problem = Problem::new(status).detail(detail);
    if status == StatusCode::SERVICE_UNAVAILABLE { problem.retry_after(1) } else { problem }
}

fn json_of(value: &Dynamic) -> Native<String> {
    let mut out = Vec::new();
    let written = json::write(value, &mut out, MOST_BYTES);
    budget::check()?;
    written.map_err(|error| match error.why {
        json::Why::Size(_) => raise(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a session holds at most {MOST_BYTES} bytes, and this value is longer"),
        ),
        _ => mistake(format!("a session cannot hold this: {error}")),
    })?;
    String::from_utf8(out).map_err(|_| mistake("a session holds UTF-8 only"))
}

fn value_of(json: &str) -> Native<Dynamic> {
    budget::charge(json.len())?;
    json::parse(json.as_bytes()).or_else(|error| {
        budget::check()?;
        Err(mistake(format!("what is in the session is no JSON: {error}")))
    })
}
