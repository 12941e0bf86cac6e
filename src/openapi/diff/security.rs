//! Who may call an operation, compared: a client that holds the old key must still get in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    change::{Change, Operation},
    rule::RouteRule,
};

/// Where changes of security are found.
const LOCATION: &str = "security";

/// One way in: everything that it demands, each with its scopes.
type Way = BTreeMap<Scheme, BTreeSet<String>>;

/// A security scheme by what a client has to send, not by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scheme {
    sent: String,
    name: String,
}

/// Compares what two operations demand; `old` and `new` are each a document with its operation.
pub(super) fn compare(
    operation: Operation<'_>,
    old: (&Value, &Map<String, Value>),
    new: (&Value, &Map<String, Value>),
) -> Vec<Change> {
    let (before, after) = (ways(old.0, old.1), ways(new.0, new.1));
    let mut changes = Vec::new();
    let mut tell = |rule: RouteRule, what: &str| {
        changes.push(operation.change(rule.into(), LOCATION, what));
    };
    let open = |ways: &[Way]| ways.iter().any(Way::is_empty);
    match (open(&before), open(&after)) {
        (true, false) => {
            tell(RouteRule::KeyNewlyDemanded, &format!("key newly demanded ({})", list(&after)));
            return changes;
        }
        (false, true) => {
            tell(RouteRule::KeyNoLongerDemanded, "key no longer demanded");
            return changes;
        }
        (true, true) => return changes,
        (false, false) => {}
    }
    for way in before.iter().filter(|way| !leads_in(way, &after)) {
        let same = after.iter().find(|other| sent(other) == sent(way));
        match same {
            Some(other) => {
                let what = format!("scope changed from {} to {}", scopes(way), scopes(other));
                tell(RouteRule::ScopeChanged, &what);
            }
            None if has_named_twin(way, &after) => {
                let what = format!("key {} is to be sent in another way", words(way));
                tell(RouteRule::SecuritySchemeChanged, &what);
            }
            None => {
                tell(
                    RouteRule::SecuritySchemeRemoved,
                    &format!("key {} no longer accepted", words(way)),
                );
            }
        }
    }
    for way in after.iter().filter(|way| !leads_in(way, &before)) {
        let same = before.iter().find(|other| sent(other) == sent(way));
        match same {
            Some(other) if leads_in(other, &after) => {
                let what = format!("scope {} suffices besides {}", scopes(way), scopes(other));
                tell(RouteRule::ScopeRelaxed, &what);
            }
            Some(_) => {}
            None if has_named_twin(way, &before) => {}
            None => {
                let what = format!("key {} accepted too", words(way));
                tell(RouteRule::SecuritySchemeAdded, &what);
            }
        }
    }
    changes.dedup();
    changes
}

/// Whether who comes this way is let in by any of `ways`: none of what it demands is missing.
fn leads_in(way: &Way, ways: &[Way]) -> bool {
    ways.iter().any(|other| {
        other.iter().all(|(scheme, scopes)| {
            way.iter().any(|(held, with)| held.sent == scheme.sent && with.is_superset(scopes))
        })
    })
}

fn sent(way: &Way) -> Vec<&str> {
    way.keys().map(|scheme| scheme.sent.as_str()).collect()
}

fn has_named_twin(way: &Way, ways: &[Way]) -> bool {
    ways.iter().any(|other| {
        way.keys().map(|scheme| &scheme.name).eq(other.keys().map(|scheme| &scheme.name))
    })
}

/// The ways into an operation; one that demands nothing if there is no other.
fn ways(document: &Value, operation: &Map<String, Value>) -> Vec<Way> {
    let stated = operation.get("security").or_else(|| document.get("security"));
    let stated = stated.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if stated.is_empty() {
        return vec![Way::new()];
    }
    let schemes = document.get("components").and_then(|all| all.get("securitySchemes"));
    let way = |demands: &Value| -> Way {
        let demands = demands.as_object().into_iter().flatten();
        demands
            .map(|(name, scopes)| {
                let scopes = scopes.as_array().into_iter().flatten();
                let scopes = scopes.filter_map(Value::as_str).map(str::to_owned);
                let definition = schemes.and_then(|all| all.get(name));
                let scheme = Scheme { sent: described(name, definition), name: name.clone() };
                (scheme, scopes.collect())
            })
            .collect()
    };
    stated.iter().map(way).collect()
}

/// What a client has to send for a scheme.
fn described(name: &str, definition: Option<&Value>) -> String {
    let Some(definition) = definition else { return name.to_owned() };
    let text = |key: &str| definition.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "apiKey" => format!("{} {}", text("in"), text("name")),
        "http" => format!("http {}", text("scheme").to_lowercase()),
        // Where tokens come from is part of it.
        other => {
            let flows = definition.get("flows").map(Value::to_string).unwrap_or_default();
            format!("{other} {}{flows}", text("openIdConnectUrl"))
        }
    }
}

fn words(way: &Way) -> String {
    let names: Vec<&str> = way.keys().map(|scheme| scheme.name.as_str()).collect();
    names.join(" with ")
}

fn list(ways: &[Way]) -> String {
    let words: Vec<String> = ways.iter().map(words).collect();
    words.join(" or ")
}

fn scopes(way: &Way) -> String {
    let scopes: Vec<&str> = way.values().flatten().map(String::as_str).collect();
    if scopes.is_empty() { "none".to_owned() } else { format!("`{}`", scopes.join("`, `")) }
}
