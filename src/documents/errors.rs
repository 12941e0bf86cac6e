//! Errors as pages, in a template of one's own.

use std::{fs, io::Read as _, path::PathBuf, sync::Arc, time::SystemTime};

use arc_swap::ArcSwapOption;
use http::{HeaderValue, StatusCode, header};
use poem::Response;

use super::escape::filled;
use crate::content::{
    beneath::Links,
    identity::{Identity, Part},
};

/// The most bytes that a template may have.
const MOST: u64 = 1 << 20;

/// The built-in page has its style in itself and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// A file of the configuration that pages are made with, read again when it changes.
#[derive(Debug)]
pub(super) struct Template {
    path: Option<PathBuf>,
    built_in: &'static str,
    kept: ArcSwapOption<(Part, Arc<str>)>,
}

impl Template {
    /// The template at `path`, or the one that is built in.
    pub(super) fn new(path: Option<PathBuf>, built_in: &'static str) -> Self {
        Self { path, built_in, kept: ArcSwapOption::empty() }
    }

    /// Whether it is not the one that is built in.
    pub(super) fn is_own(&self) -> bool {
        self.path.is_some()
    }

    /// What there is to watch.
    pub(super) fn part(&self) -> Option<Part> {
        // The configuration may name a link: it is no client that does.
        self.path.clone().map(|path| Part::now(path, Links::Inside))
    }

    /// Its text. One that cannot be read is as if there were none, and the log says so.
    pub(super) fn text(&self) -> Arc<str> {
        let Some(path) = &self.path else { return self.built_in.into() };
        if let Some(kept) = self.kept.load().as_ref().filter(|kept| kept.0.is_same()) {
            return Arc::clone(&kept.1);
        }
        match read(path) {
            Ok((text, identity)) => {
                let text: Arc<str> = text.into();
                if identity.is_settled(SystemTime::now()) {
                    let part = Part::read(path.clone(), Links::Inside, identity);
                    self.kept.store(Some(Arc::new((part, Arc::clone(&text)))));
                }
                text
            }
            Err(error) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                tracing::warn!(template = name, %error, "a template cannot be read");
                self.built_in.into()
            }
        }
    }
}

/// Whether a template can be read.
pub(super) fn read(path: &std::path::Path) -> std::io::Result<(String, Identity)> {
    // Asked before opening: to open a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let file = fs::File::open(path)?;
    let identity = Identity::of(&file.metadata()?);
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text)?;
    Ok((text, identity))
}

/// The page of an error.
pub(super) fn page(template: &Template, status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or("Error");
    let text = template.text();
    let html = filled(&text, &[("status", status.as_str()), ("reason", reason)]);
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_LENGTH, html.len())
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(
            header::CACHE_CONTROL,
            if status.is_server_error() { "no-store" } else { "no-cache" },
        )
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(html);
    if !template.is_own() {
        let policy = HeaderValue::from_static(POLICY);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
