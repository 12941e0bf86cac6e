//! `openapi/info.toml`: what the `OpenAPI` document says about the API as a whole.
//!
//! It is read with the configuration and by the same rules: a key that is not known is refused, and a
//! fault means that nothing is loaded.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::diagnostic::Diagnostic;

use super::document::Document;
use super::fields::Fields;
use super::interpolate::Interpolation;
use super::load::{parse, read};
use super::reader::Reader;

/// What the `OpenAPI` document says about the API as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiInfo {
    /// What the API is called.
    pub title: String,
    /// Its own version, which is not that of hotplate.
    pub version: String,
    /// What it is in one line.
    pub summary: Option<String>,
    /// What it is, in Markdown.
    pub description: Option<String>,
    /// The URL of its terms.
    pub terms_of_service: Option<String>,
    /// Whom to ask.
    pub contact: Option<ApiContact>,
    /// Under which licence it may be used.
    pub license: Option<ApiLicense>,
    /// Where it is served; where the document came from if there is none.
    pub servers: Vec<ApiServer>,
    /// Groups of routes beside those of plugins, in the order in which they are to be shown.
    pub tags: Vec<ApiTag>,
}

/// Whom to ask about an API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApiContact {
    /// Their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Their address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Under which licence an API may be used: its name and at most one of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApiLicense {
    /// Its name.
    pub name: String,
    /// Its SPDX expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Where an API is served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApiServer {
    /// The URL that paths are appended to: absolute, or a path.
    pub url: String,
    /// What is served there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A group of routes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApiTag {
    /// Its name, as routes say it in `tags`.
    pub name: String,
    /// What it is, in Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Default for ApiInfo {
    fn default() -> Self {
        Self {
            title: "API".to_owned(),
            version: "0.1.0".to_owned(),
            summary: None,
            description: None,
            terms_of_service: None,
            contact: None,
            license: None,
            servers: Vec::new(),
            tags: Vec::new(),
        }
    }
}

/// Reads `file` of the project at `root`; the defaults if it is not there. `environment` is for
/// `${ENV:VAR}`.
pub(super) fn load(
    file: &Path,
    root: &Path,
    environment: &[(String, String)],
) -> Result<ApiInfo, Vec<Diagnostic>> {
    // A link that leads nowhere is a fault, not a missing file.
    if fs::symlink_metadata(file).is_err() {
        return Ok(ApiInfo::default());
    }
    let document = read(file, root)?;
    let tree = parse(&document, &known_keys())?;
    let interpolation = Interpolation {
        tree: &tree,
        document: &document,
        environment,
        defaults: &Value::Null,
        faults: RefCell::default(),
        followed: Cell::new(0),
    };
    let expanded = interpolation.expanded();
    let mut faults = interpolation.faults.into_inner();
    let reader = Reader::new(&document);
    let read = Fields::whole(&reader, expanded, info);
    faults.extend(reader.finish());
    match faults.is_empty() {
        true => Ok(read),
        false => Err(faults),
    }
}

fn known_keys() -> Vec<String> {
    let document = Document::default();
    let reader = Reader::new(&document);
    Fields::whole(&reader, super::tree::Table::new(), info);
    reader.known()
}

fn info(fields: &mut Fields) -> ApiInfo {
    let default = ApiInfo::default();
    let (mut urls, mut names) = (BTreeSet::new(), BTreeSet::new());
    ApiInfo {
        title: fields.parsed("title", said).unwrap_or(default.title),
        version: fields.parsed("version", said).unwrap_or(default.version),
        summary: fields.parsed("summary", said),
        description: fields.parsed("description", said),
        terms_of_service: fields.parsed("terms_of_service", page),
        contact: fields.section_if_there("contact", |fields| {
            Some(ApiContact {
                name: fields.parsed("name", said),
                url: fields.parsed("url", page),
                email: fields.parsed("email", email),
            })
        }),
        license: fields.section_if_there("license", license),
        servers: fields.tables("servers", |fields| {
            let description = fields.parsed("description", said);
            let url = once(fields, "url", server, &mut urls)?;
            Some(ApiServer { url, description })
        }),
        tags: fields.tables("tags", |fields| {
            let description = fields.parsed("description", said);
            let name = once(fields, "name", said, &mut names)?;
            Some(ApiTag { name, description })
        }),
    }
}

/// What tells a table from the others of its kind.
fn once(
    fields: &mut Fields,
    key: &'static str,
    parse: impl FnOnce(&str) -> Result<String, &'static str>,
    seen: &mut BTreeSet<String>,
) -> Option<String> {
    let path = fields.path_of(key);
    let read = fields.required(key, parse)?;
    if !seen.insert(read.clone()) {
        let message = format!("`{path}` is \"{read}\" twice");
        let mut fault = Diagnostic::error("config-bad-value", message);
        fault.place = fields.reader().place_of(&path);
        fields.reader().report(fault);
    }
    Some(read)
}

fn license(fields: &mut Fields) -> Option<ApiLicense> {
    let both = ["identifier", "url"].iter().all(|key| fields.left().contains_key(*key));
    let (identifier, url) = (fields.parsed("identifier", said), fields.parsed("url", page));
    let read = ApiLicense { name: fields.required("name", said)?, identifier, url };
    if both {
        let message = "`license` has `identifier` and `url`, of which OpenAPI takes one".to_owned();
        let mut fault = Diagnostic::error("config-bad-value", message);
        fault.place = fields.reader().place_of(&fields.path_of("url"));
        fields.reader().report(fault);
    }
    Some(read)
}

fn said(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("a text is wanted"),
        said => Ok(said.to_owned()),
    }
}

fn page(text: &str) -> Result<String, &'static str> {
    match Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(text.to_owned()),
        _ => Err("a URL is wanted, such as https://example.org/terms"),
    }
}

fn email(text: &str) -> Result<String, &'static str> {
    let sound = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    match text.rsplit_once('@') {
        Some((name, host)) if sound(name) && sound(host) => Ok(text.to_owned()),
        _ => Err("an address is wanted, such as api@example.org"),
    }
}

/// Paths begin with a slash and are appended, so that a server ends without one.
fn server(text: &str) -> Result<String, &'static str> {
    let fits = !text.contains(['{', '}', '?', '#']) && !text.contains(char::is_whitespace);
    let local = text.starts_with('/') && !text.starts_with("//");
    if fits && (local || page(text).is_ok()) {
        let trimmed = text.trim_end_matches('/');
        return Ok(if trimmed.is_empty() { "/" } else { trimmed }.to_owned());
    }
    Err("a URL such as https://api.example.org/v1 is wanted, or a path such as /v1")
}
