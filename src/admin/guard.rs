//! Who may use the administration.
//!
//! With a key configured: whoever presents it. Without one: only a program on this machine that talks to
//! a loopback address by a loopback name, with no proxy between. A page of another site never.

use std::net::IpAddr;

use http::{HeaderMap, StatusCode, Uri};
use poem::Response;

use super::plain;
use crate::{
    host::problem::Problem,
    middleware::{
        hosts::{HostList, HostName, is_loopback_host},
        keys::Presented,
        origin,
    },
    settings::{AuthSettings, OpenApiAccess, Settings},
};

/// What is known of whoever sends a request.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    /// The headers.
    pub(crate) headers: &'a HeaderMap,
    /// Path and query.
    pub(crate) uri: &'a Uri,
    /// The body, read whole.
    pub(crate) body: &'a [u8],
    /// `Host`, or `:authority`, as sent.
    pub(crate) host: &'a str,
    /// The other end of the connection.
    pub(crate) peer: Option<IpAddr>,
    /// Our end of it.
    pub(crate) local: Option<IpAddr>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// No key that fits, or none is configured and the caller is not on this machine.
    Unauthorized,
    /// `Host` is not a name of this server.
    Misdirected,
    /// The configuration switched it off.
    Absent,
}

impl Denied {
    /// The answer, which tells no more than that.
    pub(crate) fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => plain(StatusCode::FORBIDDEN, "unauthorized"),
            Self::Absent => Problem::new(StatusCode::NOT_FOUND).into_response(),
            Self::Misdirected => {
                plain(StatusCode::MISDIRECTED_REQUEST, "not a name of this server")
            }
        }
    }
}

impl Caller<'_> {
    /// Whether the caller may use the administration for the purpose of one of `scopes`.
    pub(crate) fn check(&self, scopes: &[&str], settings: &Settings) -> Result<(), Denied> {
        self.check_host(settings)?;
        if origin::is_cross_site(self.headers, self.host) {
            return Err(Denied::Unauthorized);
        }
        let allowed = match has_keys(&settings.auth) {
            true => self.presented(settings).administrator(&settings.auth, scopes).is_some(),
            false => self.is_local(settings),
        };
        if allowed { Ok(()) } else { Err(Denied::Unauthorized) }
    }

    /// Whether the caller may read the OpenAPI document and its pages.
    pub(crate) fn check_openapi(&self, settings: &Settings) -> Result<(), Denied> {
        match settings.openapi_access() {
            OpenApiAccess::Off => Err(Denied::Absent),
            OpenApiAccess::Key => self.check(&["openapi"], settings),
            // What development shows of files is not for a page of another site that calls itself ours.
            OpenApiAccess::Open if settings.server.development => self.check_host(settings),
            OpenApiAccess::Open => Ok(()),
        }
    }

    /// Whether the request was meant for this server.
    pub(crate) fn check_host(&self, settings: &Settings) -> Result<(), Denied> {
        let names = settings.network.hosts.iter().map(String::as_str);
        let ours = HostList::new(names, Some(settings.network.bind));
        match HostName::parse(self.host) {
            Some(name) if ours.accepts(name.host(), self.local) => Ok(()),
            _ => Err(Denied::Misdirected),
        }
    }

    /// The keys that the request carries.
    pub(crate) fn presented(&self, settings: &Settings) -> Presented {
        Presented::of(self.headers, self.uri, self.body, &settings.auth)
    }

    fn is_local(&self, settings: &Settings) -> bool {
        let loopback =
            |address: Option<IpAddr>| address.is_some_and(|a| a.to_canonical().is_loopback());
        settings.network.is_loopback()
            && loopback(self.peer)
            && HostName::parse(self.host).is_some_and(|name| is_loopback_host(name.host()))
            && !origin::is_forwarded(self.headers)
    }
}

fn has_keys(settings: &AuthSettings) -> bool {
    settings.apikey.is_some() || !settings.keys.is_empty()
}
