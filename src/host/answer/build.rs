//! The functions that make and change responses, and the type `Response`.

use http::{HeaderValue, StatusCode, header};
use std::sync::Arc;

use rhai::{
    Blob, Dynamic, FnPtr, FuncRegistration, INT, ImmutableString, Map, Module, NativeCallContext,
};

use super::{Content, ScriptResponse, as_plain, cookie, fields, file, stream};
use crate::{
    host::{declare::callback::Callback, error::mistake},
    script::Native,
};

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// Adds the functions that make responses, and the types `Response` and `Stream`.
pub(crate) fn register(module: &mut Module) {
    constructors(module);
    redirects(module);
    file::register(module);
    statuses(module);
    response(module);
    stream::register(module);
}

pub(super) fn named(name: &str, parameters: &[&str], comment: &str) -> FuncRegistration {
    FuncRegistration::new(name)
        .in_global_namespace()
        .with_params_info(parameters.iter().copied().chain(["Response"]))
        .with_comments([comment])
}

fn constructors(module: &mut Module) {
    named("json", &["value: ?"], "/// The value as JSON.").set_into_module(
        module,
        |value: Dynamic| -> Native<ScriptResponse> {
            let value = as_plain(&value).unwrap_or(Ok(value))?;
            Ok(ScriptResponse::new(StatusCode::OK, Content::json(value)))
        },
    );
    for (name, kind, comment) in [
        ("text", TEXT, "/// The string as plain text."),
        ("html", HTML, "/// The string as HTML. Escape what users wrote."),
    ] {
        named(name, &["text: String"], comment).set_into_module(
            module,
            move |text: ImmutableString| {
                ScriptResponse::new(StatusCode::OK, Content::Text(text, kind))
            },
        );
        named(name, &["value: ?"], comment).set_into_module(
            module,
            move |value: Dynamic| -> Native<ScriptResponse> {
                let text = displayed(name, &value)?;
                Ok(ScriptResponse::new(StatusCode::OK, Content::Text(text, kind)))
            },
        );
    }
    let bytes = |parameter: &str| {
        named("bytes", &[parameter, "type: String"], "/// Bytes of the given content type.")
    };
    bytes("bytes: Blob").set_into_module(module, |bytes: Blob, kind: ImmutableString| {
        with_type(Content::Bytes(bytes.into()), &kind)
    });
    bytes("text: String").set_into_module(
        module,
        |text: ImmutableString, kind: ImmutableString| {
            with_type(Content::Bytes(text.into_owned().into_bytes().into()), &kind)
        },
    );
    named(
        "stream",
        &["type: String", "write: Fn"],
        "/// A body that `|out| out.write(…)` writes piece by piece.",
    )
    .set_into_module(
        module,
        |context: NativeCallContext, kind: ImmutableString, closure: FnPtr| {
            let write = Callback::new(&context, closure, 1)?;
            with_type(Content::Stream(Arc::new(write)), &kind)
        },
    );
}

fn displayed(function: &str, value: &Dynamic) -> Native<ImmutableString> {
    if value.is_int() || value.is_float() || value.is_bool() || value.is_char() {
        return Ok(value.to_string().into());
    }
    let kind = crate::host::define::words(value.type_name());
    Err(mistake(format!("{function}() takes a string, not {kind}")))
}

pub(super) fn with_type(content: Content, kind: &str) -> Native<ScriptResponse> {
    let mut response = ScriptResponse::new(StatusCode::OK, content);
    let value = HeaderValue::from_str(kind)
        .ok()
        .filter(|_| kind.contains('/'))
        .ok_or_else(|| mistake(format!("`{}` is not a content type", fields::printable(kind))))?;
    response.headers.insert(header::CONTENT_TYPE, value);
    Ok(response)
}

fn redirects(module: &mut Module) {
    let comment = "/// Sends the client to a path or an http(s) address.";
    named("redirect", &["url: String"], comment)
        .set_into_module(module, |url: ImmutableString| redirect(&url, 303));
    named("redirect", &["url: String", "status: int"], comment)
        .set_into_module(module, |url: ImmutableString, status: INT| redirect(&url, status));
    let comment = "/// 201 with the value and, if given, where it is from now on.";
    named("created", &["value: ?"], comment)
        .set_into_module(module, |value: Dynamic| with_status(201, value));
    named("created", &["value: ?", "location: String"], comment).set_into_module(
        module,
        |value: Dynamic, location: ImmutableString| -> Native<ScriptResponse> {
            let mut response = with_status(201, value)?;
            fields::put(&mut response.headers, "location", &fields::location(&location)?)?;
            Ok(response)
        },
    );
}

fn redirect(url: &str, status: INT) -> Native<ScriptResponse> {
    if ![301, 302, 303, 307, 308].contains(&status) {
        return Err(mistake(format!(
            "redirect() takes the status 301, 302, 303, 307 or 308, not {status}"
        )));
    }
    let mut response = ScriptResponse::new(fields::status(status)?, Content::Empty);
    fields::put(&mut response.headers, "location", &fields::location(url)?)?;
    Ok(response)
}

fn statuses(module: &mut Module) {
    named("status", &["status: int"], "/// A status from 200 to 599 without a body.")
        .set_into_module(module, |status: INT| -> Native<ScriptResponse> {
            Ok(ScriptResponse::new(fields::status(status)?, Content::Empty))
        });
    named("status", &["status: int", "value: ?"], "/// A status from 200 to 599 with a value.")
        .set_into_module(module, with_status);
}

/// The response that `value` stands for, with another status.
fn with_status(status: INT, value: Dynamic) -> Native<ScriptResponse> {
    let status = fields::status(status)?;
    let response = ScriptResponse::from_value(value).map_err(|error| mistake(error.to_string()))?;
    Ok(ScriptResponse { status, ..response })
}

fn response(module: &mut Module) {
    module.set_custom_type::<ScriptResponse>("Response");
    let method = |name: &str, parameters: &[&str], comment: &str| {
        let parameters: Vec<_> = ["self: Response"].iter().chain(parameters).copied().collect();
        named(name, &parameters, comment)
    };
    method("status", &["status: int"], "/// The response with another status.").set_into_module(
        module,
        |response: &mut ScriptResponse, status: INT| -> Native<ScriptResponse> {
            response.status = fields::status(status)?;
            Ok(response.clone())
        },
    );
    method("header", &["name: String", "value: ?"], "/// The response with a header set.")
        .set_into_module(
            module,
            |response: &mut ScriptResponse,
             name: ImmutableString,
             value: Dynamic|
             -> Native<ScriptResponse> {
                fields::set(&mut response.headers, &name, &value)?;
                Ok(response.clone())
            },
        );
    let comment = "/// The response with a cookie: `#{ max_age path domain same_site http_only \
                   secure expires }`, of which `Path=/; HttpOnly; SameSite=Lax` is the default.";
    method("cookie", &["name: String", "value: ?"], comment).set_into_module(
        module,
        |response: &mut ScriptResponse, name: ImmutableString, value: Dynamic| {
            set_cookie(response, &name, &value, &Map::new())
        },
    );
    method("cookie", &["name: String", "value: ?", "options: Map"], comment).set_into_module(
        module,
        |response: &mut ScriptResponse, name: ImmutableString, value: Dynamic, options: Map| {
            set_cookie(response, &name, &value, &options)
        },
    );
    FuncRegistration::new_getter("status")
        .set_into_module(module, |response: &mut ScriptResponse| {
            INT::from(response.status.as_u16())
        });
    FuncRegistration::new_getter("headers")
        .set_into_module(module, |response: &mut ScriptResponse| response.fields());
    FuncRegistration::new_getter("body")
        .set_into_module(module, |response: &mut ScriptResponse| response.content.value());
}

fn set_cookie(
    response: &mut ScriptResponse,
    name: &str,
    value: &Dynamic,
    options: &Map,
) -> Native<ScriptResponse> {
    let cookie = cookie::cookie(name, value, options)?;
    fields::put(&mut response.headers, "set-cookie", &cookie)?;
    Ok(response.clone())
}
