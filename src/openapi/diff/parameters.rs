//! The parameters of an operation, by place and name; those of the path by their position.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    body,
    change::{Change, Operation, Side},
    documents::Documents,
    rule::RouteRule,
    schema::{self, Site},
};

/// A parameter's place and name, as they are compared.
type Key = (String, String);

/// The parameters of an operation.
type Parameters<'a> = BTreeMap<Key, &'a Map<String, Value>>;

/// A path item and the operation in it: both may list parameters.
type Listed<'a> = (&'a Map<String, Value>, &'a Map<String, Value>);

/// Compares the parameters of two operations, each given with its path item.
pub(super) fn compare<'a>(
    documents: &Documents<'a>,
    operation: Operation<'_>,
    [old, new]: [Listed<'a>; 2],
    names: &[(&'a str, &'a str)],
) -> Vec<Change> {
    let same_name = |name: &str| name.to_owned();
    let renamed = |name: &str| {
        let before = names.iter().find(|(_, after)| *after == name);
        before.map_or(name, |(before, _)| *before).to_owned()
    };
    let before = listed(old, |value| documents.old(value), same_name);
    let after = listed(new, |value| documents.new_of(value), renamed);
    let mut changes = Vec::new();
    for (key, parameter) in &before {
        let location = located(key);
        if let Some(other) = after.get(key) {
            changes.extend(one(documents, operation, &location, parameter, other));
            continue;
        }
        let elsewhere = after.keys().find(|(place, name)| {
            *name == key.1 && !before.contains_key(&(place.clone(), name.clone()))
        });
        let (rule, what) = match elsewhere {
            Some((place, _)) => {
                (RouteRule::ParameterMoved, format!("{location} moved to the {place}"))
            }
            None => (RouteRule::ParameterRemoved, format!("{location} removed")),
        };
        changes.push(operation.change(rule.into(), &location, &what));
    }
    for (key, parameter) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        let moved = before.keys().any(|(place, name)| {
            *name == key.1 && !after.contains_key(&(place.clone(), name.clone()))
        });
        let location = located(key);
        let (rule, what) = match is_required(key, parameter) {
            true => (RouteRule::RequiredParameterAdded, format!("{location} added, and required")),
            false => (RouteRule::OptionalParameterAdded, format!("{location} added")),
        };
        if !moved {
            changes.push(operation.change(rule.into(), &location, &what));
        }
    }
    changes
}

/// Those of the path item and, over them, those of the operation.
fn listed<'a>(
    (item, operation): Listed<'a>,
    follow: impl Fn(&'a Value) -> Option<&'a Map<String, Value>>,
    name_of: impl Fn(&str) -> String,
) -> Parameters<'a> {
    let list = |fields: &'a Map<String, Value>| {
        fields.get("parameters").and_then(Value::as_array).into_iter().flatten()
    };
    let both = list(item).chain(list(operation)).filter_map(follow);
    both.filter_map(|parameter| {
        let place = parameter.get("in")?.as_str()?.to_owned();
        let name = parameter.get("name")?.as_str()?;
        let name = match place.as_str() {
            "path" => name_of(name),
            "header" => name.to_lowercase(),
            _ => name.to_owned(),
        };
        Some(((place, name), parameter))
    })
    .collect()
}

fn located((place, name): &Key) -> String {
    format!("{place} parameter \"{name}\"")
}

fn is_required((place, _): &Key, parameter: &Map<String, Value>) -> bool {
    place == "path" || parameter.get("required") == Some(&Value::Bool(true))
}

fn one<'a>(
    documents: &Documents<'a>,
    operation: Operation<'_>,
    location: &str,
    old: &'a Map<String, Value>,
    new: &'a Map<String, Value>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut tell = |rule: RouteRule, what: &str| {
        changes.push(operation.change(rule.into(), location, &format!("{location} {what}")));
    };
    let set = |fields: &Map<String, Value>, key: &str| fields.get(key) == Some(&Value::Bool(true));
    match (set(old, "required"), set(new, "required")) {
        (false, true) => tell(RouteRule::ParameterBecameRequired, "newly required"),
        (true, false) => tell(RouteRule::ParameterBecameOptional, "no longer required"),
        _ => {}
    }
    match (set(old, "deprecated"), set(new, "deprecated")) {
        (false, true) => tell(RouteRule::ParameterDeprecated, "is deprecated now"),
        (true, false) => tell(RouteRule::ParameterReinstated, "is deprecated no more"),
        _ => {}
    }
    if old.get("description") != new.get("description") {
        tell(RouteRule::DescriptionChanged, "description changed");
    }
    if ["example", "examples"].iter().any(|key| old.get(*key) != new.get(*key)) {
        tell(RouteRule::ExamplesChanged, "examples changed");
    }
    let extensions = old.keys().chain(new.keys()).filter(|key| key.starts_with("x-"));
    if extensions.into_iter().any(|key| old.get(key) != new.get(key)) {
        tell(RouteRule::ExtensionChanged, "extensions changed");
    }
    if written(old) != written(new) {
        tell(RouteRule::ParameterStyleChanged, "is written in another style");
    }
    let site = |is_text: bool| Site {
        operation,
        side: Side::Request,
        location: location.to_owned(),
        whole: location.to_owned(),
        part: format!("{location}:"),
        is_text,
    };
    match (old.get("content"), new.get("content")) {
        (None, None) => {
            changes.extend(schema::compare(
                documents,
                &site(true),
                old.get("schema"),
                new.get("schema"),
            ));
        }
        (Some(a), Some(b)) => {
            changes.extend(body::contents(documents, &site(false), Some(a), Some(b)));
        }
        _ => {
            let what = format!("{location} is written in another style");
            let rule = RouteRule::ParameterStyleChanged.into();
            changes.push(operation.change(rule, location, &what));
        }
    }
    changes
}

/// How a parameter is written: its style, whether arrays are spread, and reserved letters.
fn written(parameter: &Map<String, Value>) -> (&str, bool, bool) {
    let place = parameter.get("in").and_then(Value::as_str).unwrap_or_default();
    let usual = if matches!(place, "query" | "cookie") { "form" } else { "simple" };
    let style = parameter.get("style").and_then(Value::as_str).unwrap_or(usual);
    let flag = |key: &str| parameter.get(key).and_then(Value::as_bool);
    (style, flag("explode").unwrap_or(style == "form"), flag("allowReserved").unwrap_or(false))
}
