//! What requests carry and what answers hold: media types, statuses, headers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    change::{Change, Operation, Side},
    documents::Documents,
    encoding, fields,
    rule::RouteRule,
    schema::{self, Site},
};

/// Compares what requests carry.
pub(super) fn requests<'a>(
    documents: &Documents<'a>,
    operation: Operation<'_>,
    [old, new]: [Option<&'a Value>; 2],
) -> Vec<Change> {
    let location = "request body";
    let change = |rule: RouteRule, what: &str| operation.change(rule.into(), location, what);
    let required = |body: &Map<String, Value>| body.get("required") == Some(&Value::Bool(true));
    let before = old.and_then(|body| documents.old(body));
    let after = new.and_then(|body| documents.new_of(body));
    let (before, after) = match (before, after) {
        (None, None) if old == new => return Vec::new(),
        (None, None) => {
            let what = "request body cannot be read as it was";
            return vec![change(RouteRule::UnresolvedReferenceChanged, what)];
        }
        (None, Some(body)) if required(body) => {
            let what = "request body added, and required";
            return vec![change(RouteRule::RequiredRequestBodyAdded, what)];
        }
        (None, Some(_)) => {
            return vec![change(RouteRule::OptionalRequestBodyAdded, "request body added")];
        }
        (Some(_), None) => {
            return vec![change(RouteRule::RequestBodyRemoved, "request body removed")];
        }
        (Some(before), Some(after)) => (before, after),
    };
    let mut changes = Vec::new();
    match (required(before), required(after)) {
        (false, true) => {
            let what = "request body newly required";
            changes.push(change(RouteRule::RequestBodyBecameRequired, what));
        }
        (true, false) => {
            let what = "request body no longer required";
            changes.push(change(RouteRule::RequestBodyBecameOptional, what));
        }
        _ => {}
    }
    if before.get("description") != after.get("description") {
        let what = "description of the request body changed";
        changes.push(change(RouteRule::DescriptionChanged, what));
    }
    let site = Site {
        operation,
        side: Side::Request,
        location: "request".to_owned(),
        whole: location.to_owned(),
        part: "request".to_owned(),
        is_text: false,
    };
    changes.extend(contents(documents, &site, before.get("content"), after.get("content")));
    changes
}

/// Compares answers, status by status.
pub(super) fn responses<'a>(
    documents: &Documents<'a>,
    operation: Operation<'_>,
    [old, new]: [Option<&'a Value>; 2],
) -> Vec<Change> {
    let mut changes = Vec::new();
    let statuses = |value| -> BTreeMap<String, &'a Value> {
        let all = fields(value).filter(|(status, _)| !status.starts_with("x-"));
        all.map(|(status, value)| (status.replace('x', "X"), value)).collect()
    };
    let (before, after) = (statuses(old), statuses(new));
    // A range of which the new document names some is said more exactly now.
    let is_narrowed = |range: &str| {
        let first = range.strip_suffix("XX");
        first.is_some_and(|first| after.keys().any(|status| status.starts_with(first)))
    };
    let gone: Vec<&String> = before
        .keys()
        .filter(|status| !after.contains_key(*status) && !is_narrowed(status))
        .collect();
    let come: Vec<&String> = after
        .keys()
        .filter(|status| !before.contains_key(*status) && in_range(&before, status).is_none())
        .collect();
    let only = |statuses: &[&String]| {
        let mut successes = statuses.iter().filter(|status| is_success(status));
        successes.next().filter(|_| successes.next().is_none()).map(|only| (*only).clone())
    };
    // One success in the place of another is one change, and their answers are compared.
    let replaced = only(&gone).zip(only(&come));
    let change = |rule: RouteRule, status: &str, what: &str| {
        operation.change(rule.into(), &format!("response {status}"), what)
    };
    if let Some((a, b)) = &replaced {
        let what = format!("success status {a} changed to {b}");
        changes.push(change(RouteRule::SuccessStatusChanged, a, &what));
    }
    for status in gone {
        let (rule, kind) = match is_success(status) {
            true if replaced.is_some() => continue,
            true => (RouteRule::SuccessStatusRemoved, "success"),
            false => (RouteRule::ErrorStatusRemoved, "error"),
        };
        changes.push(change(rule, status, &format!("{kind} status {status} removed")));
    }
    for status in &come {
        let (rule, kind) = match is_success(status) {
            true if replaced.is_some() => continue,
            true => (RouteRule::SuccessStatusAdded, "success"),
            false => (RouteRule::ErrorStatusAdded, "error"),
        };
        changes.push(change(rule, status, &format!("{kind} status {status} added")));
    }
    let successes =
        |all: &BTreeMap<String, &Value>| all.keys().filter(|key| is_success(key)).count();
    let alone = successes(&before) <= 1 && successes(&after) <= 1;
    for (status, value) in &after {
        let was = match &replaced {
            Some((a, b)) if b == status => before.get(a),
            // A new status may have been promised as one of a range, or its answer by one that says
            // nothing of statuses.
            _ => before.get(status).or_else(|| in_range(&before, status)).or_else(|| {
                let generic = before.get("default").filter(|_| successes(&before) == 0);
                generic.filter(|_| is_success(status))
            }),
        };
        let Some(was) = was else { continue };
        let words = match is_success(status) && alone {
            true => "response".to_owned(),
            false => format!("response {status}"),
        };
        changes.extend(response(documents, operation, status, &words, was, value));
    }
    changes
}

/// The range that promised a status.
fn in_range<'m, 'a>(
    statuses: &'m BTreeMap<String, &'a Value>,
    status: &str,
) -> Option<&'m &'a Value> {
    statuses.get(&format!("{}XX", status.chars().next()?))
}

fn is_success(status: &str) -> bool {
    status.starts_with(['1', '2', '3'])
}

fn response<'a>(
    documents: &Documents<'a>,
    operation: Operation<'_>,
    status: &str,
    words: &str,
    old: &'a Value,
    new: &'a Value,
) -> Vec<Change> {
    if documents.same_whole(old, new) {
        return Vec::new();
    }
    let location = format!("response {status}");
    let mut changes = Vec::new();
    let mut tell = |rule: RouteRule, what: &str| {
        changes.push(operation.change(rule.into(), &location, &format!("{words} {what}")));
    };
    let (Some(before), Some(after)) = (documents.old(old), documents.new_of(new)) else {
        tell(RouteRule::UnresolvedReferenceChanged, "cannot be read as it was");
        return changes;
    };
    if before.get("description") != after.get("description") {
        tell(RouteRule::DescriptionChanged, "description changed");
    }
    if before.get("links") != after.get("links") {
        tell(RouteRule::LinksChanged, "links changed");
    }
    let site = Site {
        operation,
        side: Side::Response,
        location,
        whole: format!("{words} body"),
        part: words.to_owned(),
        is_text: false,
    };
    changes.extend(headers(documents, &site, before.get("headers"), after.get("headers")));
    changes.extend(contents(documents, &site, before.get("content"), after.get("content")));
    changes
}

fn headers<'a>(
    documents: &Documents<'a>,
    site: &Site<'_>,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let lower = |value| -> BTreeMap<String, (&'a str, &'a Value)> {
        let named =
            fields(value).map(|(name, value)| (name.to_lowercase(), (name.as_str(), value)));
        named.filter(|(name, _)| name != "content-type").collect()
    };
    let (before, after) = (lower(old), lower(new));
    for (key, (name, header)) in &before {
        let words = format!("{} header \"{name}\"", site.part);
        let location = format!("{} header \"{name}\"", site.location);
        let mut tell = |rule: RouteRule, what: &str| {
            changes.push(site.operation.change(rule.into(), &location, &format!("{words} {what}")));
        };
        let Some((_, other)) = after.get(key) else {
            tell(RouteRule::ResponseHeaderRemoved, "removed");
            continue;
        };
        let (Some(a), Some(b)) = (documents.old(header), documents.new_of(other)) else {
            if !documents.same_whole(header, other) {
                tell(RouteRule::UnresolvedReferenceChanged, "cannot be read as it was");
            }
            continue;
        };
        let required =
            |header: &Map<String, Value>| header.get("required") == Some(&Value::Bool(true));
        match (required(a), required(b)) {
            (true, false) => {
                tell(RouteRule::ResponseHeaderBecameOptional, "is no longer sure to be there");
            }
            (false, true) => tell(RouteRule::ResponseHeaderBecameRequired, "is always there now"),
            _ => {}
        }
        if a.get("description") != b.get("description") {
            tell(RouteRule::DescriptionChanged, "description changed");
        }
        let within = Site {
            operation: site.operation,
            side: Side::Response,
            location,
            part: format!("{words}:"),
            whole: words,
            is_text: true,
        };
        changes.extend(schema::compare(documents, &within, a.get("schema"), b.get("schema")));
    }
    for (name, _) in after.iter().filter(|(key, _)| !before.contains_key(*key)).map(|(_, at)| at) {
        let what = format!("{} header \"{name}\" added", site.part);
        let rule = RouteRule::ResponseHeaderAdded.into();
        changes.push(site.operation.change(rule, &site.location, &what));
    }
    changes
}

/// Compares contents, media type by media type.
pub(super) fn contents<'a>(
    documents: &Documents<'a>,
    site: &Site<'_>,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
) -> Vec<Change> {
    let types = |value| -> BTreeMap<String, &'a Value> {
        fields(value).map(|(name, value)| (essence(name), value)).collect()
    };
    let (before, after) = (types(old), types(new));
    let mut changes = Vec::new();
    let request = site.side == Side::Request;
    let mut tell = |rule: RouteRule, what: &str| {
        changes.push(site.operation.change(
            rule.into(),
            &site.location,
            &format!("{} {what}", site.whole),
        ));
    };
    if !request && before.is_empty() != after.is_empty() {
        match after.is_empty() {
            true => tell(RouteRule::ResponseBodyRemoved, "removed"),
            false => tell(RouteRule::ResponseBodyAdded, "added"),
        }
        return changes;
    }
    let mut pairs = Vec::new();
    for (name, media) in &before {
        match (after.get(name), covering(&after, name)) {
            (Some(other), _) => pairs.push((name, *media, *other)),
            // What a client sends is still taken.
            (None, Some(range)) if request => pairs.push((name, *media, *range)),
            // What it gets is now said more exactly.
            (None, _) if !request && after.keys().any(|other| covers(name, other)) => {}
            _ => {
                let rule = match request {
                    true => RouteRule::RequestMediaTypeRemoved,
                    false => RouteRule::ResponseMediaTypeRemoved,
                };
                tell(rule, &format!("of type {name} removed"));
            }
        }
    }
    for (name, media) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        if let Some(range) = covering(&before, name).filter(|_| !request) {
            pairs.push((name, *range, *media));
            continue;
        }
        let rule = match request {
            true => RouteRule::RequestMediaTypeAdded,
            false => RouteRule::ResponseMediaTypeAdded,
        };
        if !(request && before.keys().any(|other| covers(name, other))) {
            tell(rule, &format!("of type {name} added"));
        }
    }
    let alone = before.len() <= 1 && after.len() <= 1;
    for (name, a, b) in pairs {
        changes.extend(media(documents, site, (name, alone), a, b));
    }
    changes
}

fn media<'a>(
    documents: &Documents<'a>,
    site: &Site<'_>,
    (name, alone): (&str, bool),
    old: &'a Value,
    new: &'a Value,
) -> Vec<Change> {
    if documents.same_whole(old, new) {
        return Vec::new();
    }
    let of_type = |words: &str| match alone {
        true => words.to_owned(),
        false => format!("{words} ({name})"),
    };
    let within = Site {
        operation: site.operation,
        side: site.side,
        location: format!("{} {name}", site.location),
        whole: of_type(&site.whole),
        part: of_type(&site.part),
        is_text: matches!(name, "application/x-www-form-urlencoded" | "multipart/form-data"),
    };
    let mut changes = schema::compare(documents, &within, old.get("schema"), new.get("schema"));
    let mut tell = |rule: RouteRule, what: &str| {
        let what = format!("{} {what}", within.whole);
        changes.push(site.operation.change(rule.into(), &within.location, &what));
    };
    if ["example", "examples"].iter().any(|key| old.get(*key) != new.get(*key)) {
        tell(RouteRule::ExamplesChanged, "examples changed");
    }
    if let Some((rule, what)) = encoding::compare(site.side, old, new) {
        tell(rule, what);
    }
    changes
}

/// A media type without its parameters.
pub(super) fn essence(name: &str) -> String {
    name.split(';').next().unwrap_or_default().trim().to_lowercase()
}

/// The range that a media type falls under.
fn covering<'m, 'a>(types: &'m BTreeMap<String, &'a Value>, name: &str) -> Option<&'m &'a Value> {
    types.iter().find(|(range, _)| covers(range, name)).map(|(_, value)| value)
}

/// Whether a range, such as `text/*`, has room for a media type.
pub(super) fn covers(range: &str, name: &str) -> bool {
    let general = range.strip_suffix('*').filter(|general| general.ends_with('/'));
    range != name && general.is_some_and(|general| general == "*/" || name.starts_with(general))
}
