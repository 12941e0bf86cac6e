//! A request on its way to its answer.
//!
//! It only points at what hyper read: what is made of that for a script takes the parts out of it, and
//! nothing of half a kilobyte is moved from one function to the next.

use std::net::IpAddr;

use http::{HeaderMap, Method, Uri, Version, request::Parts};
use poem::{Body, Response};

/// What answers the requests of a server.
pub(crate) trait Answers: Send + Sync + 'static {
    /// The answer to `request`.
    fn answer(&self, request: &mut Request<'_>) -> impl Future<Output = Response> + Send;
}

/// A request whose head is whole.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// Its head, of which an answer may take what it needs.
    pub(crate) parts: &'a mut Parts,
    /// The target as it was sent, where a program that embeds this one has taken something off it.
    pub(crate) original: Option<&'a Uri>,
    /// The body, if there is one.
    pub(crate) body: Option<Body>,
    /// The other end of the connection.
    pub(crate) remote: Option<IpAddr>,
    /// Our end of it.
    pub(crate) local: Option<IpAddr>,
    /// Whether it came under TLS.
    pub(crate) is_encrypted: bool,
}

impl Request<'_> {
    pub(crate) fn method(&self) -> &Method {
        &self.parts.method
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// The target as it was sent.
    pub(crate) fn original_uri(&self) -> &Uri {
        self.original.unwrap_or(&self.parts.uri)
    }

    pub(crate) fn version(&self) -> Version {
        self.parts.version
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The other end of the connection, and ours.
    pub(crate) fn connection(&self) -> (Option<IpAddr>, Option<IpAddr>) {
        (self.remote, self.local)
    }

    /// What is left of it in the form that poem's own endpoints take, without a body.
    pub(crate) fn take_for_poem(&mut self) -> poem::Request {
        let mut request = poem::Request::default();
        request.set_method(self.parts.method.clone());
        request.set_version(self.parts.version);
        *request.uri_mut() = std::mem::take(&mut self.parts.uri);
        *request.headers_mut() = std::mem::take(&mut self.parts.headers);
        request
    }
}
