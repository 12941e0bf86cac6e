//! One operation in both documents.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    super::document::GOES_ON,
    body,
    change::{Change, Operation},
    documents::Documents,
    parameters,
    rule::RouteRule,
    security,
};

/// Where changes of the operation itself are found.
const LOCATION: &str = "operation";

/// Fields that are compared by code of their own, or that say only where a route stands in its script.
const JUDGED: [&str; 5] = ["parameters", "requestBody", "responses", "security", "x-hotplate"];

/// Compares an operation, each given with its path item; `names` are the old and new names of the
/// parameters of the path.
pub(super) fn compare<'a>(
    documents: &Documents<'a>,
    operation: Operation<'_>,
    [(old_item, old), (new_item, new)]: [(&'a Map<String, Value>, &'a Value); 2],
    names: &[(&'a str, &'a str)],
) -> Vec<Change> {
    let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else {
        if old == new {
            return Vec::new();
        }
        let rule = RouteRule::UnresolvedReferenceChanged.into();
        return vec![operation.change(rule, LOCATION, "cannot be read as it was")];
    };
    let mut changes = about(documents, operation, before, after);
    let listed = [(old_item, before), (new_item, after)];
    changes.extend(parameters::compare(documents, operation, listed, names));
    let bodies = [before.get("requestBody"), after.get("requestBody")];
    changes.extend(body::requests(documents, operation, bodies));
    let responses = [before.get("responses"), after.get("responses")];
    changes.extend(body::responses(documents, operation, responses));
    changes.extend(security::compare(operation, (documents.old, before), (documents.new, after)));
    let mut seen = BTreeSet::new();
    changes.retain(|change| seen.insert(change.message.clone()));
    changes
}

/// What the operation says about itself.
fn about(
    documents: &Documents<'_>,
    operation: Operation<'_>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Vec<Change> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for key in keys.into_iter().filter(|key| !JUDGED.contains(&key.as_str())) {
        let (a, b) = (old.get(key), new.get(key));
        let same = match (a, b) {
            (Some(a), Some(b)) => documents.same_whole(a, b),
            _ => false,
        };
        if same {
            continue;
        }
        let (rule, what) = match key.as_str() {
            "summary" => (RouteRule::SummaryChanged, "summary changed".to_owned()),
            "description" => (RouteRule::DescriptionChanged, "description changed".to_owned()),
            "tags" => (RouteRule::TagsChanged, "tags changed".to_owned()),
            "externalDocs" => {
                (RouteRule::ExternalDocsChanged, "external documentation changed".to_owned())
            }
            "operationId" => {
                let name = |value: Option<&Value>| match value.and_then(Value::as_str) {
                    Some(name) => format!("\"{name}\""),
                    None => "none".to_owned(),
                };
                let what = format!("operation id changed from {} to {}", name(a), name(b));
                (RouteRule::OperationIdChanged, what)
            }
            "deprecated" => match (a, b) {
                (_, Some(Value::Bool(true))) => {
                    (RouteRule::OperationDeprecated, "is deprecated now".to_owned())
                }
                (Some(Value::Bool(true)), _) => {
                    (RouteRule::OperationReinstated, "is deprecated no more".to_owned())
                }
                _ => continue,
            },
            "callbacks" => {
                let what = "callbacks changed, which cannot be decided".to_owned();
                (RouteRule::CallbacksChanged, what)
            }
            "servers" => (RouteRule::ServerRemoved, "servers changed".to_owned()),
            GOES_ON => {
                if let Some(Value::Bool(true)) = b {
                    (RouteRule::LongerPathsAdded, "longer paths are answered too".to_owned())
                } else {
                    let what = "longer paths are not answered any more".to_owned();
                    (RouteRule::LongerPathsRemoved, what)
                }
            }
            key if key.starts_with("x-") => {
                (RouteRule::ExtensionChanged, format!("`{key}` changed"))
            }
            key => (RouteRule::UnknownFieldChanged, format!("`{key}` changed, which has no rule")),
        };
        changes.push(operation.change(rule.into(), LOCATION, &what));
    }
    changes
}
