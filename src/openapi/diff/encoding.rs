//! How the parts of a form are written.

use serde_json::Value;

use super::{
    body::{covers, essence},
    change::Side,
    fields,
    rule::RouteRule,
};

/// What a change of it means, in two media types that hold the same schema or not.
pub(super) fn compare(side: Side, old: &Value, new: &Value) -> Option<(RouteRule, &'static str)> {
    let of = |media: &Value| media.get("encoding").map(spoken).filter(|all| *all != empty());
    let (a, b) = (of(old), of(new));
    (a != b).then(|| match side {
        Side::Request if takes_as_much(a.as_ref(), b.as_ref()) => {
            (RouteRule::RequestEncodingWidened, "takes more types of files")
        }
        Side::Request => (RouteRule::RequestEncodingChanged, "encoding changed"),
        Side::Response => (RouteRule::ResponseEncodingChanged, "encoding changed"),
    })
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

/// How the parts of a form are written, without what is meant where nothing is said.
fn spoken(encoding: &Value) -> Value {
    let mut encoding = encoding.clone();
    let usual = [("style", Value::from("form")), ("explode", true.into())];
    if let Some(parts) = encoding.as_object_mut() {
        for part in parts.values_mut().filter_map(Value::as_object_mut) {
            part.retain(|key, value| {
                !usual.iter().any(|(name, usual)| key == name && value == usual)
            });
        }
        parts.retain(|_, part| part.as_object().is_none_or(|part| !part.is_empty()));
    }
    encoding
}

/// Whether parts of a form may have all types that they might have before; what says nothing of types takes
/// them all.
fn takes_as_much(old: Option<&Value>, new: Option<&Value>) -> bool {
    let types = |part: &Value| -> Option<Vec<String>> {
        let fields = part.as_object()?;
        let only = fields.keys().all(|key| key == "contentType");
        let listed = fields.get("contentType").and_then(Value::as_str).filter(|_| only)?;
        Some(listed.split(',').map(essence).collect())
    };
    fields(new).all(|(name, now)| {
        let before = old.and_then(|parts| parts.get(name));
        match (before.and_then(types), types(now)) {
            (Some(before), Some(now)) => before
                .iter()
                .all(|name| now.iter().any(|range| range == name || covers(range, name))),
            _ => false,
        }
    })
}
