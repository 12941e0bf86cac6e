//! The answers that a route promises.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    host::{
        answer::{OfNull, Usual},
        problem::MEDIA_TYPE as PROBLEM,
        request::body::essence,
    },
    plugin::spec::{Answer, Spec},
    schema::{Components, Schema, check::Checker},
};

/// An answer on its way out.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its header fields, the content type among them.
    pub(crate) headers: &'a HeaderMap,
    /// Its body; none where it is written piece by piece.
    pub(crate) body: Option<&'a [u8]>,
}

/// All answers of a route, compiled.
#[derive(Debug)]
pub(super) struct Answers {
    promised: BTreeMap<u16, Promised>,
    /// How a plain value is answered.
    pub(super) usual: Usual,
    /// Whether a success must be one of those that are promised, and another failure a problem document, as
    /// the document says then.
    names_successes: bool,
}

#[derive(Debug)]
struct Promised {
    /// The media type; none where there is no body.
    kind: Option<String>,
    /// Further ones that a file may have.
    more: Vec<String>,
    checker: Option<Checker>,
    /// The most bytes that a file may have.
    most: Option<u64>,
}

impl Answers {
    pub(super) fn new(spec: &Spec) -> Result<Self, String> {
        let mut promised = BTreeMap::new();
        for (status, answer) in &spec.returns {
            promised.insert(*status, Promised::new(*status, answer)?);
        }
        for (status, answer) in &spec.errors {
            let promise = match answer.content.is_some() {
                true => Promised::new(*status, answer)?,
                false => Promised::problem()?,
            };
            promised.insert(*status, promise);
        }
        let names_successes = !spec.returns.is_empty();
        Ok(Self { promised, usual: usual(spec), names_successes })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.promised.is_empty()
    }

    pub(super) fn broken(&self, sent: &Sent<'_>) -> Option<String> {
        let status = sent.status.as_u16();
        let Some(promised) = self.promised.get(&status) else {
            return self.names_successes.then(|| unnamed(status, sent)).flatten();
        };
        let empty = sent.body.is_some_and(<[u8]>::is_empty);
        let Some(kind) = &promised.kind else {
            return (!empty).then(|| format!("answered {status} with a body, and promised none"));
        };
        let sent_kind = essence(sent.headers, &header::CONTENT_TYPE);
        let mut kinds = std::iter::once(kind).chain(&promised.more);
        if !kinds.any(|kind| fits(kind, &sent_kind)) {
            let sent_kind = if sent_kind.is_empty() { "nothing" } else { &sent_kind };
            return Some(format!("answered {status} with {sent_kind}, and promised {kind}"));
        }
        let size = sent.body.map_or(0, <[u8]>::len) as u64;
        if let Some(most) = promised.most.filter(|most| size > *most) {
            return Some(format!("answered {status}, but the file must have at most {most} bytes"));
        }
        let checker = promised.checker.as_ref()?;
        let value: Value = match kind.ends_with("json") {
            true => match serde_json::from_slice(sent.body?) {
                Ok(value) => value,
                Err(error) => return Some(format!("answered {status} with broken JSON: {error}")),
            },
            false => Value::String(String::from_utf8_lossy(sent.body?).into_owned()),
        };
        let faults = checker.faults(&value);
        let first = faults.first()?;
        let place = match first.pointer.as_str() {
            "" => "the value".to_owned(),
            pointer => format!("`{pointer}`"),
        };
        let more = match faults.len() {
            1 => String::new(),
            several => format!(", and {} more", several - 1),
        };
        Some(format!("answered {status}, but {place} {}{more}", first.message))
    }
}

/// Why an answer that no promise names is none of those that the document has room for.
fn unnamed(status: u16, sent: &Sent<'_>) -> Option<String> {
    if (200..400).contains(&status) {
        return Some(format!("answered {status}, which `returns` does not name"));
    }
    let kind = essence(sent.headers, &header::CONTENT_TYPE);
    (status >= 400 && kind != PROBLEM).then(|| {
        let kind = if kind.is_empty() { "nothing" } else { &kind };
        format!("answered {status} with {kind}, which `errors` does not name: others are {PROBLEM}")
    })
}

/// Whether a media type is the promised one.
fn fits(promised: &str, sent: &str) -> bool {
    match promised.split_once('/') {
        Some(("*", _)) => true,
        Some((kind, "*")) => sent.split('/').next() == Some(kind),
        _ => promised.eq_ignore_ascii_case(sent),
    }
}

impl Promised {
    /// A problem document.
    fn problem() -> Result<Self, String> {
        let json = json!({ "type": "object", "required": ["title", "status"] });
        let checker = Checker::new(&Schema::new(json, Components::new()))?;
        let kind = Some(PROBLEM.to_owned());
        Ok(Self { kind, more: Vec::new(), checker: Some(checker), most: None })
    }

    fn new(status: u16, answer: &Answer) -> Result<Self, String> {
        let Some((kind, schema)) = &answer.content else {
            return Ok(Self { kind: None, more: Vec::new(), checker: None, most: None });
        };
        super::within_budget()?;
        let is_file = crate::schema::walk::is_file(schema.json(), schema.components());
        let checker = if is_file {
            None
        } else {
            let checker = Checker::new(schema);
            Some(checker.map_err(|why| format!("the answer {status}: {why}"))?)
        };
        let most = schema.resolved().get("maxLength").and_then(Value::as_u64);
        let (kind, more) = (Some(kind.clone()), answer.more.clone());
        Ok(Self { kind, more, checker, most: most.filter(|_| is_file) })
    }
}

/// How a plain value is answered: with the only success that is named, 200 otherwise.
fn usual(spec: &Spec) -> Usual {
    let successes: Vec<(&u16, &Answer)> = spec.returns.range(200..300).collect();
    let (status, answer) = match successes.as_slice() {
        [(status, answer)] => (**status, Some(*answer)),
        _ => (200, spec.returns.get(&200)),
    };
    let content = answer.and_then(|answer| answer.content.as_ref());
    let as_json = content.is_some_and(|(kind, _)| kind.ends_with("json"));
    let takes_null = content.is_some_and(|(_, schema)| {
        as_json && crate::schema::walk::kinds(schema.json(), schema.components()).contains(&"null")
    });
    let of_null = match (spec.returns.contains_key(&204), answer) {
        (false, Some(answer)) if answer.content.is_none() => OfNull::Empty,
        (false, Some(_)) if takes_null => OfNull::Json,
        _ => OfNull::NoContent,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Usual { status, as_json, of_null }
}
