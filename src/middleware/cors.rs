//! Cross-origin resource sharing: what a browser is told about pages of other origins.
//!
//! Origins are compared as they are sent, byte by byte, and the answer names the one that asked.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::Response;

use crate::settings::{ANY_ORIGIN, CorsRules};

/// The most bytes of header names that a preflight may ask for.
const MOST_ASKED: usize = 4096;

impl CorsRules<'_> {
    /// What an origin is granted by: itself, or `*` where every one is let in.
    fn granted(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else { return None };
        if self
            .origins
            .iter()
            .any(|known| known.as_bytes() == origin.as_bytes() && known != ANY_ORIGIN)
        {
            return Some(origin.clone());
        }
        let any = !self.credentials && self.origins.iter().any(|known| known == ANY_ORIGIN);
        any.then(|| HeaderValue::from_static(ANY_ORIGIN))
    }

    /// Whether a page of the origin that asks may send what a browser remembers.
    pub(crate) fn trusts(&self, headers: &HeaderMap) -> bool {
        self.enabled && self.credentials && self.granted(headers).is_some()
    }

    /// The answer to a browser that asks whether it may send a request, if that is what this is.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let asks = *method == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks {
            return None;
        }
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        let granted = self.granted(headers);
        let answer = response.headers_mut();
        if granted.is_some() {
            if let Ok(methods) = HeaderValue::from_str(&self.methods.join(", ")) {
                answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            }
            if let Some(names) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS)
                && names.len() <= MOST_ASKED
            {
                answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
            }
            answer.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.into());
        }
        let asked = "Access-Control-Request-Method, Access-Control-Request-Headers";
        answer.append(header::VARY, HeaderValue::from_static(asked));
        self.mark(granted, answer);
        Some(response)
    }

    /// What a request's answer will be marked with.
    pub(crate) fn grant(&self, headers: &HeaderMap) -> Grant {
        Grant { origin: self.granted(headers), credentials: self.credentials }
    }

    fn mark(&self, origin: Option<HeaderValue>, answer: &mut HeaderMap) {
        Grant { origin, credentials: self.credentials }.mark(answer);
    }
}

/// What one answer says to the page that asked.
#[derive(Debug)]
pub(crate) struct Grant {
    origin: Option<HeaderValue>,
    credentials: bool,
}

impl Grant {
    /// Marks an answer. What a script said of this is taken out: the configuration decides.
    pub(crate) fn mark(self, answer: &mut HeaderMap) {
        answer.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        answer.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = self.origin else { return };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
    }
}
