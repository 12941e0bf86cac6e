//! The plain port that leads to HTTPS.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use poem::Response;

use super::{Inner, logged::Logged};
use crate::{
    host::{problem::Problem, request::host_of},
    middleware::hosts::{HostList, HostName},
    server::{Answers, Request},
    settings::Settings,
};

/// Answers every request that is for us with the address of the same thing under HTTPS.
pub(super) struct Redirect {
    pub(super) inner: Arc<Inner>,
    /// The port that speaks HTTPS.
    pub(super) port: u16,
}

impl Redirect {
    fn redirect(&self, request: &Request<'_>, settings: &Settings) -> Response {
        let refused = |status, detail| Problem::new(status).detail(detail).into_response();
        let bad = |detail| refused(StatusCode::BAD_REQUEST, detail);
        let Some(name) = HostName::parse(host_of(request.headers(), request.original_uri())) else {
            return bad("no Host header");
        };
        let (_, local) = request.connection();
        // To lead others to a name that is not ours would make us the servant of whoever invents one.
        let hosts = settings.network.hosts.iter().map(String::as_str);
        let ours = HostList::new(hosts, Some(settings.network.bind)).accepts(name.host(), local);
        if !ours && !settings.tls.names(name.host()) {
            return refused(StatusCode::MISDIRECTED_REQUEST, "not a name of this server");
        }
        let target = request.original_uri().path_and_query().map_or("/", |target| target.as_str());
        if !target.starts_with('/') {
            return bad("the request target is not a path");
        }
        let host = name.host();
        let location = match self.port {
            443 => format!("https://{host}{target}"),
            port => format!("https://{host}:{port}{target}"),
        };
        let Ok(location) = HeaderValue::try_from(location) else {
            return bad("the request target is not a path");
        };
        let mut response = Response::builder().status(StatusCode::PERMANENT_REDIRECT).finish();
        response.headers_mut().insert(header::LOCATION, location);
        response
    }
}

impl Answers for Redirect {
    async fn answer(&self, request: &mut Request<'_>) -> Response {
        let generation = self.inner.site.current();
        let logged = Logged::begin(request, &generation.settings);
        let response = self.redirect(request, &generation.settings);
        match logged {
            Some(logged) => logged.end(response),
            None => response,
        }
    }
}
