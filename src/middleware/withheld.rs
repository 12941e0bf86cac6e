//! Keys that let a request in, kept from the script that answers it: what it logs, answers or sends on holds none.

use http::{HeaderMap, HeaderName, Uri, header, uri::PathAndQuery};

use super::keys::{self, PARAMETER};
use crate::settings::Settings;

/// The header that is made for keys.
const CUSTOM: HeaderName = HeaderName::from_static("x-custom-auth");

/// Takes the keys of this server out of the headers and the query of a request for the plugin `name`. A key in
/// the body stays there: a body is what was sent, to the last byte.
pub(crate) fn withhold(headers: &mut HeaderMap, uri: &mut Uri, name: &str, settings: &Settings) {
    let own = settings.plugins.get(name).and_then(|plugin| plugin.apikey.as_ref());
    let is_key = |key: &[u8]| {
        let named = settings.auth.keys.values().map(|key| &key.key);
        settings.auth.apikey.iter().chain(own).chain(named).any(|secret| secret.matches(key))
    };
    keep(headers, &header::AUTHORIZATION, |value| {
        !keys::in_authorization(value, keys::Basic::Counts).is_some_and(|key| is_key(&key))
    });
    keep(headers, &CUSTOM, |value| !is_key(value));
    if let Some(query) = uri.query().filter(|query| query.contains(PARAMETER)) {
        let holds_key = |pair: &str| {
            let mut parsed = form_urlencoded::parse(pair.as_bytes());
            parsed.any(|(name, value)| name == PARAMETER && is_key(value.as_bytes()))
        };
        let left: Vec<&str> = query.split('&').filter(|pair| !holds_key(pair)).collect();
        if left.len() < query.split('&').count() {
            replace_query(uri, &left.join("&"));
        }
    }
}

/// Keeps the values of a header that `fits` says may stay.
fn keep(headers: &mut HeaderMap, name: &HeaderName, fits: impl Fn(&[u8]) -> bool) {
    if headers.get_all(name).iter().all(|value| fits(value.as_bytes())) {
        return;
    }
    let kept: Vec<_> =
        headers.get_all(name).iter().filter(|value| fits(value.as_bytes())).cloned().collect();
    headers.remove(name);
    for value in kept {
        headers.append(name, value);
    }
}

fn replace_query(uri: &mut Uri, query: &str) {
    let target = match query {
        "" => uri.path().to_owned(),
        query => format!("{}?{query}", uri.path()),
    };
    let mut parts = uri.clone().into_parts();
    // A part of what was a target is one.
    if let Ok(target) = PathAndQuery::try_from(target) {
        parts.path_and_query = Some(target);
    }
    if let Ok(without) = Uri::from_parts(parts) {
        *uri = without;
    }
}
