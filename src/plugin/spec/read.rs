//! A spec as it is written in a script: what it says, or what is wrong with it.

mod answers;
pub(crate) mod body;
mod parameters;

use rhai::{Dynamic, EvalAltResult, Map};

use super::{Auth, Rate, Spec};
use crate::{
    diagnostic::nearest,
    host::{declare::pattern::Pattern, schema::ScriptSchema},
    schema::{Components, Schema, walk},
    script::{duration, json, mistake::Mistake},
};

/// What a spec may say.
const KNOWN: [&str; 17] = [
    "summary",
    "description",
    "tags",
    "operation_id",
    "deprecated",
    "hidden",
    "examples",
    "params",
    "query",
    "headers",
    "cookies",
    "body",
    "returns",
    "errors",
    "auth",
    "rate_limit",
    "timeout",
];

/// What is wrong with a spec.
#[derive(Debug)]
pub(crate) struct SpecFault {
    /// Where in the spec: the names that lead there.
    pub(crate) path: Vec<String>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) help: Option<String>,
}

/// What a spec is read with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// All named schemas that are known.
    pub(crate) components: &'a Components,
    /// The route's path below the plugin's.
    pub(crate) pattern: &'a Pattern,
    /// The route's methods.
    pub(crate) methods: &'a [&'static str],
    /// The content type of a plain string.
    pub(crate) string_type: &'a str,
}

type Read<T> = Result<T, SpecFault>;

impl SpecFault {
    fn new(path: &[&str], message: impl Into<String>) -> Self {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        Self { path, message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A mistake that a schema of the spec has.
    fn of(path: &[&str], error: &EvalAltResult) -> Self {
        let mistake = match error {
            EvalAltResult::ErrorRuntime(value, _) => {
                value.read_lock::<Mistake>().map(|mistake| mistake.clone())
            }
            _ => None,
        };
        let mistake = mistake.unwrap_or_else(|| Mistake::new("schema", error.to_string()));
        let path = path.iter().map(|part| (*part).to_owned()).chain(mistake.inside);
        let path: Vec<String> = path.collect();
        let message = format!("`{}`: {}", path.join("."), mistake.message);
        Self { path, message, help: mistake.help }
    }
}

impl Reading<'_> {
    /// A schema complete with what it refers to.
    fn complete(&self, schema: &ScriptSchema) -> Schema {
        let mut known = schema.components().clone();
        for (name, json) in self.components {
            known.entry(name.clone()).or_insert_with(|| json.clone());
        }
        let mut json = schema.value();
        walk::loosen(&mut json, &known);
        Schema::gather(json, &known)
    }
}

/// Reads a spec.
pub(crate) fn read(spec: &Map, reading: Reading<'_>) -> Read<Spec> {
    for key in spec.keys() {
        if KNOWN.contains(&key.as_str()) {
            continue;
        }
        let fault = |help: String| {
            let fault = SpecFault::new(&[key], format!("`{key}` is not known in a spec"));
            Err(fault.help(help))
        };
        if key.bytes().all(|byte| byte.is_ascii_digit()) {
            return fault(format!("a status stands in `returns`: `returns: #{{ \"{key}\": … }}`"));
        }
        return match nearest(key, KNOWN).or_else(|| usual(key)) {
            Some(near) => fault(format!("did you mean `{near}`?")),
            None => fault(format!("it has {}", KNOWN.join(", "))),
        };
    }
    let body = match spec.get("body") {
        None => None,
        Some(value) => Some(body::read(value, reading)?),
    };
    let timeout = match text(spec, "timeout")? {
        None => None,
        Some(written) => {
            let time = duration::parse_duration(&written).filter(|time| !time.is_zero());
            Some(time.ok_or_else(|| {
                SpecFault::new(
                    &["timeout"],
                    format!("`timeout` in a spec is a duration such as \"2s\", not \"{written}\""),
                )
            })?)
        }
    };
    Ok(Spec {
        summary: text(spec, "summary")?,
        description: text(spec, "description")?,
        tags: names(spec, "tags")?,
        operation_id: operation_id(spec)?,
        deprecated: flag(spec, "deprecated")?,
        hidden: flag(spec, "hidden")?,
        timeout,
        parameters: parameters::read(spec, reading)?,
        examples: body::examples(spec.get("examples"), body.as_ref())?,
        body,
        returns: answers::returns(spec.get("returns"), reading)?,
        errors: answers::errors(spec.get("errors"), reading)?,
        auth: auth(spec)?,
        rate_limit: rate(spec)?,
    })
}

/// The schema at a place of the spec.
fn schema(path: &[&str], value: &Dynamic) -> Read<ScriptSchema> {
    ScriptSchema::of(value).map_err(|error| SpecFault::of(path, &error))
}

/// What other frameworks call a part of a spec.
fn usual(key: &str) -> Option<&'static str> {
    Some(match key {
        "response" | "responses" | "response_model" | "output" => "returns",
        "request" | "request_body" | "input" | "payload" => "body",
        "path" | "parameters" => "params",
        "querystring" => "query",
        "name" | "id" | "operationId" => "operation_id",
        "security" | "scopes" => "auth",
        "title" => "summary",
        "rate" | "limit" | "throttle" => "rate_limit",
        "header" => "headers",
        "cookie" => "cookies",
        _ => return None,
    })
}

fn text(spec: &Map, name: &str) -> Read<Option<String>> {
    match spec.get(name) {
        None => Ok(None),
        Some(value) => match value.clone().into_string() {
            Ok(text) => Ok(Some(text)),
            Err(kind) => {
                let message = format!("`{name}` in a spec is a string, not {}", words(kind));
                Err(SpecFault::new(&[name], message))
            }
        },
    }
}

fn flag(spec: &Map, name: &str) -> Read<bool> {
    match spec.get(name).map(Dynamic::as_bool) {
        None => Ok(false),
        Some(Ok(set)) => Ok(set),
        Some(Err(kind)) => {
            let message = format!("`{name}` in a spec is true or false, not {}", words(kind));
            Err(SpecFault::new(&[name], message))
        }
    }
}

fn names(spec: &Map, name: &str) -> Read<Vec<String>> {
    let Some(value) = spec.get(name) else { return Ok(Vec::new()) };
    let wrong = || SpecFault::new(&[name], format!("`{name}` in a spec is an array of strings"));
    let items = value.clone().into_array().map_err(|_| wrong())?;
    items.into_iter().map(|item| item.into_string().map_err(|_| wrong())).collect()
}

/// A name that generators can make a function of.
fn operation_id(spec: &Map) -> Read<Option<String>> {
    let Some(id) = text(spec, "operation_id")? else { return Ok(None) };
    let fits = id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if fits {
        return Ok(Some(id));
    }
    let message = format!("`operation_id` cannot be {}", crate::host::define::quoted(&id));
    let help = "clients are generated from it: a letter, then letters, digits, `_`, `-` and `.`";
    Err(SpecFault::new(&["operation_id"], message).help(help))
}

fn auth(spec: &Map) -> Read<Auth> {
    let wrong = || {
        SpecFault::new(&["auth"], "`auth` in a spec is a scope, an array of scopes, or false")
            .help("write `auth: \"orders:write\"`, `auth: [\"read\", \"write\"]` or `auth: false`")
    };
    let Some(value) = spec.get("auth") else { return Ok(Auth::AsPlugin) };
    if let Ok(said) = value.as_bool() {
        return if said { Err(wrong()) } else { Ok(Auth::Open) };
    }
    let scopes = match value.clone().into_string() {
        Ok(one) => vec![one],
        Err(_) => names(spec, "auth").map_err(|_| wrong())?,
    };
    let fits = |scope: &String| !scope.is_empty() && !scope.contains(char::is_whitespace);
    match !scopes.is_empty() && scopes.iter().all(fits) {
        true => Ok(Auth::AnyOf(scopes)),
        false => Err(wrong()),
    }
}

fn rate(spec: &Map) -> Read<Option<Rate>> {
    let Some(written) = text(spec, "rate_limit")? else { return Ok(None) };
    let rate = written.split_once('/').and_then(|(times, per)| {
        let times = times.trim().parse().ok().filter(|times| *times > 0)?;
        let per = duration::parse_duration(per).filter(|per| !per.is_zero())?;
        Some(Rate { times, per })
    });
    match rate {
        Some(rate) => Ok(Some(rate)),
        None => Err(SpecFault::new(
            &["rate_limit"],
            format!(
                "`rate_limit` in a spec is times and a time such as \"60/1m\", not \"{written}\""
            ),
        )),
    }
}

/// A value of the spec as JSON.
fn plain(path: &[&str], value: &Dynamic) -> Read<serde_json::Value> {
    json::to_value(value)
        .map_err(|error| SpecFault::new(path, format!("`{}`: {error}", path.join("."))))
}

fn map<'a>(
    path: &[&str],
    value: &'a Dynamic,
    what: &str,
) -> Read<impl std::ops::Deref<Target = Map> + use<'a>> {
    value.as_map_ref().map_err(|kind| {
        SpecFault::new(
            path,
            format!("`{}` in a spec is {what}, not {}", path.join("."), words(kind)),
        )
    })
}

fn words(kind: &str) -> &str {
    crate::host::define::words(kind)
}
