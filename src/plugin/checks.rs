//! What a route promises, compiled: its requests are held against it before the script runs, its answers
//! before they are sent.
//!
//! A route that declares nothing has no checks, and pays nothing.

mod answer;
mod body;
mod form;
pub(crate) mod mock;
mod parameters;
mod texts;

use http::StatusCode;
use serde_json::{Value, json};

pub(crate) use self::answer::Sent;
use self::{answer::Answers, body::BodyCheck, parameters::ParameterCheck};
use super::spec::{Location, Spec, takes_body};
use crate::{
    host::{
        answer::Usual,
        problem::Problem,
        request::{RequestData, typed::Typed},
    },
    schema::check::{self, Fault},
    script::budget,
};

/// The most faults that one answer lists.
const MOST_FAULTS: usize = 50;

/// What a route's requests and answers are held against.
#[derive(Debug)]
pub(crate) struct Checks {
    parameters: Vec<ParameterCheck>,
    body: Option<BodyCheck>,
    answers: Answers,
}

/// Something wrong with a request.
#[derive(Debug)]
struct Wrong {
    /// `path`, `query`, `header`, `cookie` or `body`.
    location: &'static str,
    /// The parameter's name; none for the body.
    name: Option<String>,
    fault: Fault,
}

impl Checks {
    /// Compiles what a spec declares; `None` where it declares nothing.
    ///
    /// # Errors
    ///
    /// In words, which schema cannot be compiled.
    pub(crate) fn of(spec: &Spec) -> Result<Option<Self>, String> {
        let parameters = spec
            .parameters
            .iter()
            .map(|parameter| within_budget().and_then(|()| ParameterCheck::new(parameter)))
            .collect::<Result<Vec<_>, _>>()?;
        let body = spec.body.as_ref().map(BodyCheck::new).transpose()?;
        let answers = Answers::new(spec)?;
        if parameters.is_empty() && body.is_none() && answers.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { parameters, body, answers }))
    }

    /// What a request's declared parts are, or why it is refused.
    pub(crate) fn request(&self, data: &RequestData) -> Result<Typed, Problem> {
        let mut wrong = Vec::new();
        let mut typed = Typed::default();
        parameters::check(&self.parameters, data, &mut typed, &mut wrong);
        if let Some(body) = self.body.as_ref().filter(|_| takes_body(data.method.as_str())) {
            body.check(data, &mut typed, &mut wrong)?;
        }
        if wrong.is_empty() { Ok(typed) } else { Err(invalid(wrong)) }
    }

    /// How a plain value of the handler is answered.
    pub(crate) fn usual(&self) -> Usual {
        self.answers.usual
    }

    /// Why an answer is not what the route promises; nothing if it is.
    pub(crate) fn broken(&self, sent: &Sent<'_>) -> Option<String> {
        self.answers.broken(sent)
    }

    /// Whether any answer is promised.
    pub(crate) fn promises(&self) -> bool {
        !self.answers.is_empty()
    }
}

/// Whether the load that compiles schemas may go on.
fn within_budget() -> Result<(), String> {
    budget::check().map_err(|_| "there is no time or memory left to load it".to_owned())
}

/// The answer to a request that does not fit: everything that is wrong, each with its place.
fn invalid(mut wrong: Vec<Wrong>) -> Problem {
    let count = wrong.len();
    // Of one value no more are looked for than are told.
    let has_more = wrong
        .chunk_by(|a, b| (a.location, &a.name) == (b.location, &b.name))
        .any(|of_one| of_one.len() >= check::MOST_FAULTS);
    wrong.truncate(MOST_FAULTS);
    let least = if has_more { "at least " } else { "" };
    let detail = match wrong.as_slice() {
        [one] if count == 1 => one.in_words(),
        told if told.len() < count => {
            format!("{least}{count} parts of the request do not fit, `errors` has {}", told.len())
        }
        _ => format!("{least}{count} parts of the request do not fit, see `errors`"),
    };
    let errors: Vec<Value> = wrong.iter().map(Wrong::to_json).collect();
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail(detail).with("errors", errors)
}

impl Wrong {
    fn in_words(&self) -> String {
        let Fault { pointer, message } = &self.fault;
        match (&self.name, pointer.as_str()) {
            (Some(name), "") => format!("the {} parameter `{name}` {message}", self.location),
            (Some(name), pointer) => {
                format!("the {} parameter `{name}` at `{pointer}` {message}", self.location)
            }
            (None, "") => format!("the body {message}"),
            (None, pointer) => format!("`{pointer}` in the body {message}"),
        }
    }

    fn to_json(&self) -> Value {
        let mut json = json!({ "in": self.location, "detail": self.fault.message });
        if let Some(name) = &self.name {
            json["name"] = name.as_str().into();
        }
        if self.name.is_none() || !self.fault.pointer.is_empty() {
            json["pointer"] = self.fault.pointer.as_str().into();
        }
        json
    }
}

impl Location {
    fn wrong(self, name: &str, fault: Fault) -> Wrong {
        Wrong { location: self.as_str(), name: Some(name.to_owned()), fault }
    }
}
