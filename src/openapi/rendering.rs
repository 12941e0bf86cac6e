//! A document as bytes, in JSON and in YAML, each with its entity tag.

use std::sync::OnceLock;

use http::HeaderValue;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{Format, order::Ordered, yaml};
use crate::{settings::ApiServer, source::digest::Digest};

/// A document in one form.
#[derive(Debug, Clone)]
pub(crate) struct Rendering {
    /// It.
    pub(crate) bytes: Bytes,
    /// Its digest, as an entity tag.
    pub(crate) etag: HeaderValue,
}

/// A document and the forms in which it was asked for.
#[derive(Debug)]
pub(super) struct Document {
    value: Value,
    servers: Vec<ApiServer>,
    /// The prefix that was first asked for, which is nearly always the only one.
    prefix: OnceLock<String>,
    json: OnceLock<Rendering>,
    yaml: OnceLock<Rendering>,
}

impl Document {
    /// A document that has no servers yet; those that are configured.
    pub(super) fn new(value: Value, servers: Vec<ApiServer>) -> Self {
        Self {
            value,
            servers,
            prefix: OnceLock::new(),
            json: OnceLock::new(),
            yaml: OnceLock::new(),
        }
    }

    /// The document as it is served below `prefix`.
    pub(super) fn render(&self, format: Format, prefix: &str) -> Rendering {
        if self.prefix.get_or_init(|| prefix.to_owned()) != prefix {
            return self.made(format, prefix);
        }
        let cell = match format {
            Format::Json => &self.json,
            Format::Yaml => &self.yaml,
        };
        cell.get_or_init(|| self.made(format, prefix)).clone()
    }

    fn made(&self, format: Format, prefix: &str) -> Rendering {
        let servers = match self.servers.is_empty() {
            true => json!([{ "url": if prefix.is_empty() { "/" } else { prefix } }]),
            false => serde_json::to_value(&self.servers).unwrap_or_default(),
        };
        let whole = Ordered::with(&self.value, "servers", &servers);
        let bytes = match format {
            Format::Json => serde_json::to_vec(&whole).unwrap_or_default(),
            Format::Yaml => yaml::write(&whole).into_bytes(),
        };
        Rendering { etag: etag(&bytes), bytes: bytes.into() }
    }
}

fn etag(bytes: &[u8]) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", Digest::of(bytes).hex()))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}
