//! `session::`: sessions by their ids, for scripts whose clients have the id from somewhere else than the cookie.
//!
//! Whoever shows an id has the session, so a script passes on only what is meant for that client.

use rhai::{Dynamic, ImmutableString, Map, Module};

use super::{MOST_BYTES, Visit, json_of, visit, work};
use crate::{
    host::{
        define::{native, quoted, refusal},
        request::ScriptRequest,
    },
    script::Native,
    services::sessions::{Changes, MOST_NAME_BYTES, Plan, SessionId},
};

/// The functions of `session::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let m = &mut module;
    native(
        "create",
        &["req: Request", "values: Map", "String"],
        "Begins another session with these values and returns its id. It becomes that of the request, cookie included.",
    )
    .set_into_module(m, |request: ScriptRequest, values: Map| create(&request, &values, &Map::new()));
    native(
        "create",
        &["req: Request", "values: Map", "options: Map", "String"],
        "The same; options: `cookie: false` leaves the request its own session and cookie, `bind: true` lets only the address of this client find the session.",
    )
    .set_into_module(m, |request: ScriptRequest, values: Map, options: Map| {
        create(&request, &values, &options)
    });
    native(
        "get",
        &["req: Request", "id: &str", "Dynamic"],
        "What is in the session of this id, as a map; null if there is none for this client.",
    )
    .set_into_module(m, |request: ScriptRequest, id: ImmutableString| get(&request, &id));
    native(
        "update",
        &["req: Request", "id: &str", "changes: Map", "Dynamic"],
        "Keeps values in the session of this id, takes out those that are null, and returns all that is in it; null if there is none for this client.",
    )
    .set_into_module(m, |request: ScriptRequest, id: ImmutableString, changes: Map| {
        update(&request, &id, &changes)
    });
    module
}

fn create(request: &ScriptRequest, values: &Map, options: &Map) -> Native<String> {
    const NAME: &str = "session::create";
    if let Some(other) = options.keys().find(|key| !["cookie", "bind"].contains(&key.as_str())) {
        let message =
            format!("`{NAME}` has the options `cookie` and `bind`, not {}", quoted(other));
        return Err(refusal(message));
    }
    let option = |name: &str, usual: bool| match options.get(name) {
        None => Ok(usual),
        Some(value) => {
            value.as_bool().map_err(|_| refusal(format!("`{NAME}`: `{name}` is true or false")))
        }
    };
    let (has_cookie, is_bound) = (option("cookie", true)?, option("bind", false)?);
    let visit = request.visit()?;
    let mut changes = changes_of(NAME, values)?;
    changes.retain(|_, value| value.is_some());
    let id = match has_cookie {
        true => visit.begin(changes, is_bound)?,
        false => visit.made(&changes, is_bound)?,
    };
    Ok(id.text())
}

fn get(request: &ScriptRequest, id: &str) -> Native<Dynamic> {
    let Some(id) = SessionId::parse(id) else { return Ok(Dynamic::UNIT) };
    let visit = request.visit()?;
    if visit.shows(&id) || visit.is_of(&id) {
        return own(&visit, &id);
    }
    let Some(seen) =
        work(&visit.sessions, |sessions, asked| sessions.find(&id, visit.address, asked))?
    else {
        return Ok(Dynamic::UNIT);
    };
    if seen.is_due {
        let none = Changes::new();
        let noted = work(&visit.sessions, |sessions, asked| {
            // It was found: that its use cannot be noted is no reason to say that it was not.
            if let Err(error) = sessions.keep(&plan(&visit, &id, &none), asked) {
                sessions.tell(&error);
            }
            Ok(())
        });
        noted?;
    }
    Ok(visit::map_of(&seen.values)?.into())
}

fn update(request: &ScriptRequest, id: &str, changes: &Map) -> Native<Dynamic> {
    let Some(id) = SessionId::parse(id) else { return Ok(Dynamic::UNIT) };
    let visit = request.visit()?;
    let json = changes_of("session::update", changes)?;
    if visit.shows(&id) || visit.is_of(&id) {
        if !own(&visit, &id)?.is_unit() {
            for (name, value) in changes {
                visit.set(name, value)?;
            }
        }
        return own(&visit, &id);
    }
    let found = work(&visit.sessions, |sessions, asked| {
        let Some(seen) = sessions.find(&id, visit.address, asked)? else { return Ok(None) };
        Ok(sessions.keep(&plan(&visit, &id, &json), asked)?.then_some(seen))
    })?;
    let Some(seen) = found else { return Ok(Dynamic::UNIT) };
    let mut values = seen.values;
    for (name, value) in json {
        match value {
            Some(value) => values.insert(name, value),
            None => values.remove(&name),
        };
    }
    Ok(visit::map_of(&values)?.into())
}

/// What is in the session of the request itself, if `id` is its id.
fn own(visit: &Visit, id: &SessionId) -> Native<Dynamic> {
    let values = visit.to_map()?;
    Ok(if visit.is_of(id) { values.into() } else { Dynamic::UNIT })
}

fn plan<'a>(visit: &Visit, id: &'a SessionId, changes: &'a Changes) -> Plan<'a> {
    Plan {
        from: Some(id),
        to: Some(id),
        goes_on: true,
        changes,
        address: visit.address,
        is_bound: false,
    }
}

fn changes_of(function: &str, values: &Map) -> Native<Changes> {
    let mut changes = Changes::new();
    for (name, value) in values {
        if name == "id" || !(1..=MOST_NAME_BYTES).contains(&name.len()) {
            return Err(refusal(format!(
                "`{function}`: a name has 1 to {MOST_NAME_BYTES} bytes and is not `id`: {}",
                quoted(name)
            )));
        }
        let json = if value.is_unit() { None } else { Some(json_of(value)?) };
        changes.insert(name.to_string(), json);
    }
    let bytes: usize =
        changes.iter().map(|(n, v)| n.len() + v.as_ref().map_or(0, String::len)).sum();
    match bytes > MOST_BYTES {
        true => Err(visit::too_large(bytes)),
        false => Ok(changes),
    }
}
