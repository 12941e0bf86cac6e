//! The answer of a route that has no handler yet: an example of what it promises.
//!
//! The same request gets the same answer. What the request says itself (parameters of the path, a body)
//! is taken over where the schema has a place for it, so that the mock behaves like the real thing.

use http::{Method, StatusCode};
use rhai::{Dynamic, Map};
use serde_json::Value;

use crate::{
    host::{answer::ScriptResponse, request::ScriptRequest},
    plugin::spec::Spec,
    schema::{
        Schema,
        check::Checker,
        example::{Allowance, example, seed},
        walk,
    },
    script::json,
};

/// The header that marks an answer as made up.
pub(crate) const MARK: &str = "x-hotplate-mock";

/// How many seeds are tried for an example that fits.
const TRIES: u64 = 16;

/// What a route without a handler answers with.
#[derive(Debug)]
pub(crate) struct Mock {
    status: StatusCode,
    content: Option<(String, Schema, Checker)>,
}

impl Mock {
    /// A mock of the first success that a spec promises.
    ///
    /// # Errors
    ///
    /// In words: it promises nothing, or nothing of which an example could be made.
    pub(crate) fn of(spec: &Spec) -> Result<Self, String> {
        let first = spec.returns.range(200..300).next().or_else(|| spec.returns.iter().next());
        let Some((status, answer)) = first else {
            return Err("a route without a handler answers with an example of what it `returns`, \
                        which this spec does not say"
                .to_owned());
        };
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
        let Some((kind, schema)) = &answer.content else {
            return Ok(Self { status, content: None });
        };
        let checker = Checker::new(schema)?;
        let mock = Self { status, content: Some((kind.clone(), schema.clone(), checker)) };
        match mock.example(0) {
            Some(_) => Ok(mock),
            None => Err("no example could be made of what this route `returns`: give one by \
                         `.example(…)`"
                .to_owned()),
        }
    }

    fn example(&self, seed: u64) -> Option<Value> {
        let (_, schema, checker) = self.content.as_ref()?;
        // All tries together are one example.
        let mut allowance = Allowance::default();
        if walk::is_file(schema.json(), schema.components()) {
            return example(schema, seed, &mut allowance);
        }
        (0..TRIES)
            .map_while(|more| example(schema, seed.wrapping_add(more), &mut allowance))
            .find(|made| checker.is_valid(made))
    }

    /// The answer to a request.
    pub(crate) fn answer(&self, request: &ScriptRequest) -> ScriptResponse {
        let Some((kind, _, checker)) = &self.content else {
            return ScriptResponse::mock(self.status, None, MARK);
        };
        let data = request.data();
        let query = data.uri.query().unwrap_or_default();
        // The head of an answer is that of the same answer.
        let method = if data.method == Method::HEAD { &Method::GET } else { &data.method };
        let target = [method.as_str(), data.path(), query].map(str::as_bytes);
        let seed = seed(target.into_iter().chain([&*data.body]));
        let made = self.example(seed).or_else(|| self.example(0));
        let mut value = made.unwrap_or_default();
        if value.is_object() {
            overlay(&mut value, request.body().ok(), checker);
            overlay(&mut value, Some(request.params()), checker);
        }
        ScriptResponse::mock(self.status, Some((kind, json::from_value(&value))), MARK)
    }
}

/// Takes over each member that keeps the value one that fits.
fn overlay(value: &mut Value, from: Option<Dynamic>, checker: &Checker) {
    let Some(from) = from.and_then(Dynamic::try_cast::<Map>) else { return };
    for (name, member) in from {
        let Some(there) = value.get(name.as_str()) else { continue };
        let Ok(mut member) = json::to_value(&member) else { continue };
        if let (Value::Number(_), Value::String(text)) = (there, &member)
            && let Ok(number) = text.parse::<serde_json::Number>()
        {
            member = Value::Number(number);
        }
        let mut with = value.clone();
        with[name.as_str()] = member;
        if checker.is_valid(&with) {
            *value = with;
        }
    }
}
