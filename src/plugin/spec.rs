//! What a route promises: parameters, body, answers, who may call it and how often.
//!
//! What is here is documented, and held: requests are checked against it before the script runs.

pub(crate) mod read;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::schema::Schema;

/// What a route says about itself.
#[derive(Debug, Default)]
pub(crate) struct Spec {
    /// One line.
    pub(crate) summary: Option<String>,
    /// Markdown.
    pub(crate) description: Option<String>,
    /// Groups in the document; the plugin's where there are none.
    pub(crate) tags: Vec<String>,
    /// Its name in the document.
    pub(crate) operation_id: Option<String>,
    /// Whether clients should stop using it.
    pub(crate) deprecated: bool,
    /// Whether it is left out of the document and the start page.
    pub(crate) hidden: bool,
    /// Its own wall time instead of the plugin's.
    pub(crate) timeout: Option<Duration>,
    /// Parameters that are declared. Those of the path that are not are strings.
    pub(crate) parameters: Vec<Parameter>,
    /// What a request carries, if that is declared.
    pub(crate) body: Option<Body>,
    /// Its successes, by status; none if it does not say.
    pub(crate) returns: BTreeMap<u16, Answer>,
    /// Its failures, by status.
    pub(crate) errors: BTreeMap<u16, Answer>,
    /// Who may call it.
    pub(crate) auth: Auth,
    /// How often each client may.
    pub(crate) rate_limit: Option<Rate>,
    /// Examples of the body it takes, by name; each is the value itself.
    pub(crate) examples: BTreeMap<String, Value>,
}

/// Whether requests of a method may have a body.
pub(crate) fn takes_body(method: &str) -> bool {
    !["GET", "HEAD"].contains(&method)
}

impl Spec {
    /// What a request of that method carries, if that is declared.
    pub(crate) fn body_of(&self, method: &str) -> Option<&Body> {
        self.body.as_ref().filter(|_| takes_body(method))
    }
}

/// A declared parameter.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// Its name, as it is written in a request.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) location: Location,
    /// What it must be; a default is in the schema.
    pub(crate) schema: Schema,
    /// Whether a request without it is refused.
    pub(crate) required: bool,
}

/// Where a parameter stands in a request; the names are OpenAPI's `in`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Location {
    /// A segment of the path.
    Path,
    /// `?name=value`.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
}

impl Location {
    /// As OpenAPI writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// What a request carries.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// Whether a request without one is refused.
    pub(crate) required: bool,
    /// The media types that are taken, each with what it must hold.
    pub(crate) content: Vec<(String, Schema)>,
    /// The media types that the files of a form may have, by field, as in OpenAPI's `encoding`: several are
    /// separated by commas.
    pub(crate) encoding: BTreeMap<String, String>,
    /// The most bytes that a file in it may have, if that is said.
    pub(crate) largest_file: Option<u64>,
}

/// One answer that a route may give.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// Further media types that the same may have, of a file.
    pub(crate) more: Vec<String>,
    /// What it means, in words; the status's own phrase where nothing is said.
    pub(crate) description: Option<String>,
    /// The media type and what it holds. None is an answer without a body; of an error, a problem
    /// document without members of its own.
    pub(crate) content: Option<(String, Schema)>,
}

/// Who may call a route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Auth {
    /// As the configuration says of its plugin.
    #[default]
    AsPlugin,
    /// Anybody.
    Open,
    /// Who has a key with any of these scopes.
    AnyOf(Vec<String>),
}

/// How often one client may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Times.
    pub(crate) times: u32,
    /// In this time.
    pub(crate) per: Duration,
}
