//! The types `Request` and `Headers` of the script API.
//!
//! Every property has a setter that refuses, because a silent change to a copy is worse than an
//! error. Unknown names go to the indexers, which name what there is.

use std::any::TypeId;

use rhai::{Array, Blob, Dynamic, FuncRegistration, INT, ImmutableString, Map, Module};

use super::{
    Headers, PROPERTIES, ScriptRequest, body,
    copy::{self, Change},
};
use crate::{
    diagnostic::nearest,
    host::{error::mistake, session::ScriptSession},
    script::Native,
};

/// What a request has besides [`PROPERTIES`]: it is no part of what was sent.
const SESSION: &str = "session";

/// Adds the types `Request` and `Headers` with what they can do.
pub(crate) fn register(module: &mut Module) {
    super::file::register(module);
    request(module);
    headers(module);
}

fn method(name: &str, returns: &str, comment: &str) -> FuncRegistration {
    FuncRegistration::new(name)
        .in_global_namespace()
        .with_params_info(["self: Request", returns])
        .with_comments([comment])
}

fn request(module: &mut Module) {
    module.set_custom_type::<ScriptRequest>("Request");
    for name in PROPERTIES {
        FuncRegistration::new_getter(name)
            .set_into_module(module, move |request: &mut ScriptRequest| property(request, name));
        // Said to be pure so that a constant request is refused with our words, not Rhai's.
        FuncRegistration::new_setter(name)
            .with_purity(true)
            .set_into_module(module, move |request: &mut ScriptRequest, value: Dynamic| {
                refuse(request, name, &value)
            });
    }
    FuncRegistration::new_getter(SESSION)
        .set_into_module(module, |request: &mut ScriptRequest| ScriptSession::of(request));
    FuncRegistration::new_setter(SESSION)
        .with_purity(true)
        .set_into_module(module, |request: &mut ScriptRequest, value: Dynamic| {
            refuse(request, SESSION, &value)
        });
    FuncRegistration::new_index_getter()
        .set_into_module(module, |request: &mut ScriptRequest, name: ImmutableString| {
            property(request, &name)
        });
    FuncRegistration::new_index_setter().with_purity(true).set_into_module(
        module,
        |request: &mut ScriptRequest, name: ImmutableString, value: Dynamic| {
            refuse(request, &name, &value)
        },
    );
    method("text", "String", "/// The body as text; 400 if it is not UTF-8.")
        .set_into_module(module, |request: &mut ScriptRequest| {
            body::text(request.headers(), &request.data().body)
        });
    method("json", "?", "/// The body as JSON, whatever its content type; 400 if it is not JSON.")
        .set_into_module(module, |request: &mut ScriptRequest| {
            body::as_json(request.headers(), &request.data().body)
        });
    method("form", "Map", "/// The texts of a form; 415 if the body is something else.")
        .set_into_module(module, |request: &mut ScriptRequest| -> Native<Map> {
            body::form(request.headers(), &request.data().body)
        });
    method(
        "files",
        "Map",
        "/// The files of a form by their fields; 415 if it is no multipart form.",
    )
    .set_into_module(module, |request: &mut ScriptRequest| -> Native<Map> { request.files() });
    method("bytes", "Blob", "/// The body as it was sent.")
        .set_into_module(module, |request: &mut ScriptRequest| -> Blob {
            request.data().body.to_vec()
        });
}

fn property(request: &ScriptRequest, name: &str) -> Native<Dynamic> {
    if name == SESSION {
        return ScriptSession::of(request).map(Dynamic::from);
    }
    request.property(name).unwrap_or_else(|| Err(mistake(unknown(name))))
}

fn unknown(name: &str) -> String {
    let known = PROPERTIES.join(", ") + ", " + SESSION;
    let usual = match name {
        "ip" | "remote_addr" | "remote_ip" | "peer" => Some("client_ip"),
        "param" | "args" | "path_params" => Some("params"),
        "search" | "query_string" | "querystring" | "get" => Some("query"),
        "json" | "data" | "post" | "payload" | "form_data" => Some("body"),
        "user" | "key" | "identity" => Some("auth"),
        _ => None,
    };
    match usual.or_else(|| nearest(name, PROPERTIES.into_iter().chain([SESSION]))) {
        Some(meant) => {
            format!("a request has no `{name}`: did you mean `{meant}`? It has {known}")
        }
        None => format!("a request has no `{name}`; it has {known}"),
    }
}

fn refuse(request: &ScriptRequest, name: &str, value: &Dynamic) -> Native<()> {
    if name == SESSION {
        // What `req.session.user = x` changed is the session itself.
        return match value.is::<ScriptSession>() {
            true => Ok(()),
            false => Err(mistake(
                "a session is not replaced: write `req.session.name = value`, or `req.session.clear()`",
            )),
        };
    }
    let scalar = value.is_string() || value.is_variant();
    if scalar && copy::is_marked(value) && PROPERTIES.contains(&name) {
        return Ok(());
    }
    let current = property(request, name)?;
    match copy::change(&current, value) {
        Change::None => Ok(()),
        Change::Inside => Err(mistake(format!(
            "this changes a copy of `req.{name}`: the request is read-only; write \
             `let {name} = req.{name};` and change that"
        ))),
        Change::Replaced => Err(mistake(
            "the request is read-only: copy what you change, e.g. let body = req.body;",
        )),
    }
}

fn headers(module: &mut Module) {
    let method = |name: &str, returns: &str, comment: &str| {
        FuncRegistration::new(name)
            .in_global_namespace()
            .with_params_info(["self: Headers", returns])
            .with_comments([comment])
    };
    module.set_custom_type::<Headers>("Headers");
    FuncRegistration::new_index_getter()
        .set_into_module(module, |headers: &mut Headers, name: ImmutableString| {
            headers.value(&name)
        });
    FuncRegistration::new_index_setter().with_purity(true).set_into_module(
        module,
        |_: &mut Headers, _: ImmutableString, value: Dynamic| {
            if copy::is_marked(&value) {
                return Ok(());
            }
            Err(mistake(
                "headers are read-only here: a response takes them by .header(name, value)",
            ))
        },
    );
    FuncRegistration::new("contains")
        .in_global_namespace()
        .with_params_info(["self: Headers", "name: String", "bool"])
        .with_comments(["/// Whether there is a header of that name."])
        .set_into_module(module, |headers: &mut Headers, name: ImmutableString| {
            headers.contains(&name)
        });
    method("len", "int", "/// How many different headers there are.")
        .set_into_module(module, |headers: &mut Headers| {
            INT::try_from(headers.len()).unwrap_or(INT::MAX)
        });
    method("keys", "Array", "/// The names, in lower case.")
        .set_into_module(module, |headers: &mut Headers| headers.keys());
    method("values", "Array", "/// The values, in the order of the names.")
        .set_into_module(module, |headers: &mut Headers| headers.values());
    method("entries", "Array", "/// `#{ key, value }` of each header.")
        .set_into_module(module, |headers: &mut Headers| headers.entries());
    method("to_map", "Map", "/// All of them as a map, names in lower case.")
        .set_into_module(module, |headers: &mut Headers| headers.to_map());
    module.set_iter(TypeId::of::<Headers>(), |headers| {
        let entries: Array =
            headers.try_cast::<Headers>().map(|headers| headers.entries()).unwrap_or_default();
        Box::new(entries.into_iter())
    });
}
