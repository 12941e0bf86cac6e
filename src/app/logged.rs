//! The record of a request in the access log.

use std::{net::IpAddr, time::Instant};

use http::{Method, Uri, Version, header};
use poem::Response;

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

    pub(super) fn end(self, response: &Response) {
        let record = access::Record {
            method: &self.method,
            uri: &self.uri,
            version: self.version,
            client: self.client,
            status: response.status(),
            bytes: content_length(response),
            time: self.began.elapsed(),
        };
        access::log(self.kind, &record);
    }
}

/// How many bytes a response says its body has.
pub(super) fn content_length(response: &Response) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
