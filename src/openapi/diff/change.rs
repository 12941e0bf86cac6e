//! One difference between two documents: what became different, where, and what it means for clients.

use std::fmt;

use serde::{Serialize, Serializer};

use super::rule::{RouteRule, Rule};

/// What a change means for a client that was written for the old document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing: what is sent and answered is the same.
    Cosmetic,
    /// It goes on to work.
    Compatible,
    /// It may stop working, or nobody can say that it does not.
    Breaking,
}

impl Severity {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cosmetic => "cosmetic",
            Self::Compatible => "compatible",
            Self::Breaking => "breaking",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who sends what a schema describes: in requests it must not become narrower, in answers not wider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// The client.
    Request,
    /// The server.
    Response,
}

impl Side {
    /// As rules and sentences begin.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// One difference between two documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// What it means for clients.
    pub severity: Severity,
    /// The rule that says so.
    #[serde(serialize_with = "name_of")]
    pub(crate) rule: Rule,
    /// The method in capitals; none where the whole path or document is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path as the old document has it, or the new one where it is new; empty for the document.
    pub path: String,
    /// Which part of the operation: `response 200 application/json`, `query parameter "limit"`.
    pub location: String,
    /// Where in the schema of that part, such as `address.city` or `[].email`; empty for the whole.
    #[serde(rename = "at")]
    pub within: String,
    /// All of it in one sentence.
    pub message: String,
}

impl Change {
    /// The name of the rule that says so, such as `response-property-removed`.
    pub fn rule_name(&self) -> String {
        self.rule.to_string()
    }

    /// Whether clients may stop working.
    pub fn is_breaking(&self) -> bool {
        self.severity == Severity::Breaking
    }

    /// Whether it is a new route's doing, which takes requests from one that goes on.
    pub(crate) fn is_of_new_route(&self) -> bool {
        self.rule == Rule::from(RouteRule::RouteShadowed)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn name_of<S: Serializer>(rule: &Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(rule)
}

/// The operation that changes are found in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation<'a> {
    /// In capitals; none for the whole path.
    pub(super) method: Option<&'a str>,
    /// The path, empty for the whole document.
    pub(super) path: &'a str,
}

impl Operation<'_> {
    /// A change of this operation that is no matter of a schema; `what` is a sentence's end, such as
    /// `route removed`.
    pub(super) fn change(self, rule: Rule, location: &str, what: &str) -> Change {
        self.graded(rule, rule.severity(), location, String::new(), what)
    }

    /// A change with a severity that its place decides.
    pub(super) fn graded(
        self,
        rule: Rule,
        severity: Severity,
        location: &str,
        within: String,
        what: &str,
    ) -> Change {
        let message = match (self.method, self.path) {
            (Some(method), path) => format!("{method} {path}: {what}: {severity}"),
            (None, "") => format!("{what}: {severity}"),
            (None, path) => format!("{path}: {what}: {severity}"),
        };
        Change {
            severity,
            rule,
            method: self.method.map(str::to_owned),
            path: self.path.to_owned(),
            location: location.to_owned(),
            within,
            message,
        }
    }
}
