//! Two OpenAPI 3.1 documents compared: what a client that was written for the old one notices of the new.
//!
//! Requests and answers are judged each in their own direction: a request must not be demanded more of,
//! an answer must not promise less. What cannot be decided is breaking, by a rule that says so.

mod body;
mod change;
mod documents;
mod encoding;
mod keywords;
mod lists;
mod numbers;
mod operation;
mod parameters;
mod place;
mod rule;
mod schema;
mod security;
mod shadowing;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod union;
mod view;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use self::change::{Change, Severity};
use self::{change::Operation, documents::Documents, rule::RouteRule};

/// The methods that a path item may have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Every change from one document to another, path by path, breaking ones first in each operation.
pub(crate) fn compare(old: &Value, new: &Value) -> Vec<Change> {
    let (before, after) = (paths(old, |_| true), paths(new, |_| true));
    let around_them = [old, new].into_iter().filter_map(|document| document.get("webhooks"));
    let parts = items(&before).chain(items(&after)).chain(around_them);
    let documents = Documents::new(old, new, parts);
    let mut changes = around(&documents);
    changes.extend(compare_paths(&documents, &before, &after));
    changes
}

/// The changes of the paths whose shape is `wanted`; what stands around them is left alone.
pub(crate) fn compare_some(old: &Value, new: &Value, wanted: impl Fn(&str) -> bool) -> Vec<Change> {
    let (before, after) = (paths(old, &wanted), paths(new, &wanted));
    let documents = Documents::new(old, new, items(&before).chain(items(&after)));
    compare_paths(&documents, &before, &after)
}

fn compare_paths<'a>(
    documents: &Documents<'a>,
    before: &Paths<'a>,
    after: &Paths<'a>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for (shape, (path, item)) in before {
        match after.get(shape) {
            None => {
                let rule = RouteRule::RouteRemoved.into();
                changes.push(whole(path).change(rule, "path", "route removed"));
            }
            Some(other) => changes.extend(compare_items(documents, (path, item), *other)),
        }
    }
    for (shape, (path, item)) in after {
        if !before.contains_key(shape) {
            let added = || whole(path).change(RouteRule::RouteAdded.into(), "path", "route added");
            let shadows = shadowing::compare(documents, (path, item));
            changes.push(shadows.unwrap_or_else(added));
        }
    }
    changes
}

/// The shape of a path: two that differ only in the names of parameters have the same.
pub(crate) fn shape(path: &str) -> String {
    let mut shape = String::with_capacity(path.len());
    let mut inside = false;
    for letter in path.chars() {
        match letter {
            '{' => {
                inside = true;
                shape.push_str("{}");
            }
            '}' => inside = false,
            _ if inside => {}
            letter => shape.push(letter),
        }
    }
    shape
}

/// The names of a path's parameters, in their order.
fn parameter_names(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
}

fn whole(path: &str) -> Operation<'_> {
    Operation { method: None, path }
}

/// Path items by their shape, each with the path as it is written.
type Paths<'a> = BTreeMap<String, (&'a str, &'a Value)>;

/// The path items of a document whose shape is `wanted`.
fn paths(document: &Value, wanted: impl Fn(&str) -> bool) -> Paths<'_> {
    let all = fields(document.get("paths")).filter(|(path, _)| path.starts_with('/'));
    let shaped = all.map(|(path, item)| (shape(path), (path.as_str(), item)));
    shaped.filter(|(shape, _)| wanted(shape)).collect()
}

fn items<'a>(paths: &Paths<'a>) -> impl Iterator<Item = &'a Value> {
    paths.values().map(|(_, item)| *item)
}

fn compare_items<'a>(
    documents: &Documents<'a>,
    old: (&'a str, &'a Value),
    new: (&'a str, &'a Value),
) -> Vec<Change> {
    let mut changes = Vec::new();
    let security = |document: &'a Value| {
        (document.get("security"), document.pointer("/components/securitySchemes"))
    };
    if old.0 == new.0
        && documents.same_whole(old.1, new.1)
        && security(documents.old) == security(documents.new)
    {
        return changes;
    }
    let names: Vec<(&str, &str)> =
        parameter_names(old.0).into_iter().zip(parameter_names(new.0)).collect();
    for (before, after) in names.iter().filter(|(before, after)| before != after) {
        let what = format!("path parameter \"{before}\" renamed to \"{after}\"");
        let rule = RouteRule::PathParameterRenamed.into();
        changes.push(whole(old.0).change(rule, "path", &what));
    }
    let (Some(before), Some(after)) = (documents.old(old.1), documents.new_of(new.1)) else {
        let what = "cannot be read as it was";
        let rule = RouteRule::UnresolvedReferenceChanged.into();
        changes.push(whole(old.0).change(rule, "path", what));
        return changes;
    };
    for key in METHODS {
        let name = key.to_uppercase();
        let operation = Operation { method: Some(&name), path: old.0 };
        let rule = match (before.get(key), after.get(key)) {
            (None, None) => continue,
            (Some(_), None) if key == "head" && after.contains_key("get") => {
                (RouteRule::HeadLeftToGet, "is answered as GET is")
            }
            (Some(_), None) => (RouteRule::MethodRemoved, "method removed"),
            (None, Some(_)) => (RouteRule::MethodAdded, "method added"),
            (Some(a), Some(b)) => {
                let both = [(before, a), (after, b)];
                let mut found = operation::compare(documents, operation, both, &names);
                found.sort_by_key(|change| std::cmp::Reverse(change.severity));
                changes.extend(found);
                continue;
            }
        };
        changes.push(operation.change(rule.0.into(), "path", rule.1));
    }
    for (key, rule, what) in [
        ("summary", RouteRule::SummaryChanged, "summary changed"),
        ("description", RouteRule::DescriptionChanged, "description changed"),
    ] {
        if before.get(key) != after.get(key) {
            changes.push(whole(old.0).change(rule.into(), "path", what));
        }
    }
    changes
}

/// What stands around the paths.
fn around(documents: &Documents<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    let document = whole("");
    let both = |key: &str| (documents.old.get(key), documents.new.get(key));
    let urls = |value: Option<&Value>| -> Vec<String> {
        let servers = value.and_then(Value::as_array).into_iter().flatten();
        servers.filter_map(|server| Some(server.get("url")?.as_str()?.to_owned())).collect()
    };
    let (old, new) = both("servers");
    let (old, new) = (urls(old), urls(new));
    for gone in old.iter().filter(|url| !new.contains(url)) {
        let what = format!("server {gone} removed");
        changes.push(document.change(RouteRule::ServerRemoved.into(), "servers", &what));
    }
    for added in new.iter().filter(|url| !old.contains(url)) {
        let what = format!("server {added} added");
        changes.push(document.change(RouteRule::ServerAdded.into(), "servers", &what));
    }
    for (key, rule, what) in [
        ("info", RouteRule::InfoChanged, "title, version or description of the API changed"),
        ("tags", RouteRule::TagsChanged, "tags of the API changed"),
        ("externalDocs", RouteRule::ExternalDocsChanged, "external documentation changed"),
        ("webhooks", RouteRule::WebhooksChanged, "webhooks changed, which cannot be decided"),
    ] {
        let (old, new) = both(key);
        let same = match (old, new) {
            (Some(old), Some(new)) => documents.same_whole(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if !same {
            changes.push(document.change(rule.into(), key, what));
        }
    }
    changes
}

/// The fields of an object; none if it is none.
fn fields(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}
