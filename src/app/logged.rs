//! The record of a request in the access log.

use std::{io, net::IpAddr, time::Instant};

use http::{Method, Uri, Version, header};
use http_body_util::combinators::BoxBody;
use hyper::body::{Body as _, Bytes};
use poem::{Body, Response};

use crate::{
    middleware::{access, client},
    server::Request,
    settings::{AccessLog, Settings},
};

/// A request of which a record is kept.
pub(super) struct Logged {
    kind: AccessLog,
    began: Instant,
    method: Method,
    uri: Uri,
    version: Version,
    client: IpAddr,
}

impl Logged {
    pub(super) fn begin(request: &Request<'_>, settings: &Settings) -> Option<Self> {
        let kind = settings.log.access;
        if kind == AccessLog::Off {
            return None;
        }
        let (peer, _) = request.connection();
        Some(Self {
            kind,
            began: Instant::now(),
            method: request.method().clone(),
            uri: request.original_uri().clone(),
            version: request.version(),
            client: client::address(peer, request.headers(), &settings.network),
        })
    }

    /// Writes the record, and gives the response back.
    pub(super) fn end(self, mut response: Response) -> Response {
        let body: BoxBody<Bytes, io::Error> = response.take_body().into();
        let is_sent = self.method != Method::HEAD;
        let bytes = body.size_hint().exact().filter(|bytes| is_sent && *bytes > 0);
        response.set_body(Body::from(body));
        let record = access::Record {
            method: &self.method,
            uri: &self.uri,
            version: self.version,
            client: self.client,
            status: response.status(),
            bytes,
            time: self.began.elapsed(),
        };
        access::log(self.kind, &record);
        response
    }
}

/// How many bytes a response says its body has.
pub(super) fn content_length(response: &Response) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
