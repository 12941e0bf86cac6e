//! The access log: one record a request, keys redacted.
//!
//! Its events have a target of their own for each form, so that whoever writes the log can write a record as it
//! is, without what stands before other events.

use std::{net::IpAddr, time::Duration};

use http::{Method, StatusCode, Uri, Version};

use crate::settings::AccessLog;

/// The target of events that are records as text.
const TEXT: &str = "hotplate::access";

/// The target of events that are records as JSON: their fields, of which a writer makes an object.
pub(crate) const JSON: &str = "hotplate::access::json";

/// The target of events whose message is a record in the Common Log Format.
pub(crate) const COMMON: &str = "hotplate::access::clf";

/// What is logged of a request.
pub(crate) struct Record<'a> {
    /// Its method.
    pub(crate) method: &'a Method,
    /// Its path and query.
    pub(crate) uri: &'a Uri,
    /// Its version.
    pub(crate) version: Version,
    /// Who sent it.
    pub(crate) client: IpAddr,
    /// How it was answered.
    pub(crate) status: StatusCode,
    /// How many bytes the answer has, where that is known.
    pub(crate) bytes: Option<u64>,
    /// How long it took.
    pub(crate) time: Duration,
}

/// Writes the record of a request, if such records are kept.
pub(crate) fn log(kind: AccessLog, record: &Record<'_>) {
    let milliseconds = (record.time.as_secs_f64() * 1e6).round() / 1e3;
    let target = shown(record.uri);
    let (client, status) = (record.client, record.status.as_u16());
    match kind {
        AccessLog::Off => {}
        AccessLog::Clf => {
            tracing::info!(target: COMMON, "{}", common(record, &target));
        }
        AccessLog::Text => tracing::info!(
            target: TEXT,
            method = %record.method, path = target, status, milliseconds, %client
        ),
        AccessLog::Json => tracing::info!(
            target: JSON,
            method = %record.method, path = target, status, milliseconds, %client
        ),
    }
}

/// The record in the Common Log Format, for `target` instead of its own.
pub(crate) fn common(record: &Record<'_>, target: &str) -> String {
    let time = jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000");
    let bytes = record.bytes.map_or("-".to_owned(), |bytes| bytes.to_string());
    let Record { method, version, client, status, .. } = record;
    let status = status.as_u16();
    format!("{client} - - [{time}] \"{method} {target} {version:?}\" {status} {bytes}")
}

/// The path and query without keys and without characters that could pass for another record.
pub(crate) fn shown(uri: &Uri) -> String {
    let mut shown = escaped(uri.path());
    if let Some(query) = uri.query() {
        shown.push('?');
        let pairs: Vec<String> = query.split('&').map(redacted).collect();
        shown.push_str(&pairs.join("&"));
    }
    shown
}

fn redacted(pair: &str) -> String {
    let name = pair.split('=').next().unwrap_or_default();
    let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    match decoded.as_ref() {
        "apikey" => "apikey=[redacted]".to_owned(),
        _ => escaped(pair),
    }
}

pub(crate) fn escaped(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).take(2048).collect()
}
