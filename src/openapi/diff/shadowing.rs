//! A new route that takes requests away from one that was there: `/users/me` beside `/users/{id}`.

use serde_json::{Map, Value};

use super::{
    super::document::GOES_ON,
    METHODS,
    change::{Change, Operation},
    documents::Documents,
    fields, operation,
    rule::RouteRule,
};

/// What breaks for requests that an old route with parameters answered and the new one answers now.
pub(super) fn compare<'a>(
    documents: &Documents<'a>,
    (path, item): (&'a str, &'a Value),
) -> Option<Change> {
    let now = documents.new_of(item)?;
    METHODS.into_iter().filter(|method| now.contains_key(*method)).find_map(|method| {
        let (template, was) = covering(documents, path, method)?;
        let name = method.to_uppercase();
        let at = Operation { method: Some(&name), path };
        let both = [(was, was.get(method)?), (now, now.get(method)?)];
        // The parameters of the path are those of another path.
        let of_path = |change: &Change| change.location.starts_with("path parameter");
        let changes = operation::compare(documents, at, both, &[]);
        let mut breaking = changes.iter().filter(|change| change.is_breaking() && !of_path(change));
        let first = breaking.next()?;
        let more = match breaking.count() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let what = format!(
            "takes requests from {template}, and breaks what that promised ({}{more})",
            first.rule_name()
        );
        Some(at.change(RouteRule::RouteShadowed.into(), "path", &what))
    })
}

/// The old path with parameters that a new one is one of, and that had the method.
fn covering<'a>(
    documents: &Documents<'a>,
    path: &str,
    method: &str,
) -> Option<(&'a str, &'a Map<String, Value>)> {
    // All that was there, also where only some paths are compared.
    let templates = fields(documents.old.get("paths")).filter(|(path, _)| path.contains('{'));
    templates.into_iter().find_map(|(template, item)| {
        let item = documents.old(item)?;
        let operation = item.get(method)?;
        let goes_on = operation.get(GOES_ON) == Some(&Value::Bool(true));
        matches(template, path, goes_on).then_some((template.as_str(), item))
    })
}

/// Whether every request for `path` was one for `template`, whose last parameter may go on.
fn matches(template: &str, path: &str, goes_on: bool) -> bool {
    let mut segments = path.split('/');
    let mut wanted = template.split('/').peekable();
    while let Some(one) = wanted.next() {
        let Some(segment) = segments.next() else { return false };
        if one.starts_with('{') {
            if goes_on && wanted.peek().is_none() {
                return true;
            }
        } else if one != segment {
            return false;
        }
    }
    segments.next().is_none()
}
