//! Who may use the administration.
//!
//! With a key configured: whoever presents it. Without one: only a program on this machine that talks to
//! a loopback address by a loopback name, with no proxy between. A page of another site never.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use poem::Response;

use super::plain;
use crate::{
    host::problem::Problem,
    middleware::{
        client,
        hosts::{HostList, HostName, is_loopback_host},
        keys::{Basic, Presented},
        origin,
    },
    services::rates::Rates,
    settings::{OpenApiAccess, Settings},
};

/// How many wrong keys an address may present at once; later ones are counted one every two seconds.
const WRONG_KEYS: (u32, Duration) = (30, Duration::from_secs(60));

/// What a browser shows when it asks for a key.
const CHALLENGE: HeaderValue = HeaderValue::from_static(
    "Basic realm=\"hotplate: any user, the key as password\", charset=\"UTF-8\"",
);

/// Counts the wrong keys of each address. A right key is not asked how many wrong ones came before.
#[derive(Debug)]
pub(crate) struct WrongKeys(Rates);

impl Default for WrongKeys {
    fn default() -> Self {
        Self(Rates::new(WRONG_KEYS.0, WRONG_KEYS.1))
    }
}

/// What a request would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only reads.
    Reads,
    /// It changes what is served.
    Changes,
}

/// What is known of whoever sends a request.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    /// The method.
    pub(crate) method: &'a Method,
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
    /// The wrong keys so far.
    pub(crate) wrong_keys: &'a WrongKeys,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// No key that fits.
    Unauthorized,
    /// No key would help: a page of another site is behind the request, or no key is configured and the
    /// caller is not on this machine.
    Refused,
    /// `Host` is not a name of this server.
    Misdirected,
    /// There is no `Host`, as HTTP/1.0 allows.
    Hostless,
    /// The configuration switched it off.
    Absent,
}

impl Denied {
    /// The answer, which tells no more than that.
    pub(crate) fn into_response(self) -> Response {
        match self {
            Self::Unauthorized | Self::Refused => plain(StatusCode::FORBIDDEN, "unauthorized"),
            Self::Absent => Problem::new(StatusCode::NOT_FOUND).into_response(),
            Self::Hostless => plain(StatusCode::BAD_REQUEST, "no host is named"),
            Self::Misdirected => {
                plain(StatusCode::MISDIRECTED_REQUEST, "not a name of this server")
            }
        }
    }
}

impl Caller<'_> {
    /// Whether the caller may use the administration for the purpose of one of `scopes`.
    pub(crate) fn check(
        &self,
        scopes: &[&str],
        effect: Effect,
        settings: &Settings,
    ) -> Result<(), Denied> {
        self.check_host(settings)?;
        if origin::is_cross_site(self.headers, self.host) {
            return Err(Denied::Refused);
        }
        if !settings.auth.has_key() {
            return if self.is_local(settings) { Ok(()) } else { Err(Denied::Refused) };
        }
        let opens = |basic| {
            let presented = self.presented(basic, settings);
            presented.administrator(&settings.auth, scopes).is_some()
        };
        let basic = match effect {
            Effect::Changes if !origin::is_our_own(self.headers) => Basic::Ignored,
            Effect::Changes | Effect::Reads => Basic::Counts,
        };
        match opens(basic) {
            true => Ok(()),
            // To ask again for a key that is right would have no end.
            false if basic == Basic::Ignored && opens(Basic::Counts) => Err(Denied::Refused),
            false => Err(Denied::Unauthorized),
        }
    }

    /// The answer to a caller that is denied. A wrong key is counted, and whoever presented too many is told
    /// when to come back; a person at a browser is asked for a key.
    pub(crate) fn refuse(&self, denied: Denied, settings: &Settings) -> Response {
        if denied != Denied::Unauthorized {
            return denied.into_response();
        }
        if !self.presented(Basic::Counts, settings).is_empty() {
            let client = client::address(self.peer, self.headers, &settings.network);
            if let Err(wait) = self.wrong_keys.0.take(client, Instant::now()) {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let mut response = plain(StatusCode::FORBIDDEN, "too many wrong keys");
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                return response;
            }
        }
        if origin::is_navigation(self.method, self.headers) {
            let mut response = plain(StatusCode::UNAUTHORIZED, "unauthorized");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
            return response;
        }
        denied.into_response()
    }

    /// Whether the caller may read the OpenAPI document and its pages.
    pub(crate) fn check_openapi(&self, settings: &Settings) -> Result<(), Denied> {
        match settings.openapi_access() {
            OpenApiAccess::Off => Err(Denied::Absent),
            OpenApiAccess::Key => self.check(&["openapi"], Effect::Reads, settings),
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
            _ if self.host.is_empty() => Err(Denied::Hostless),
            _ => Err(Denied::Misdirected),
        }
    }

    /// The keys that the request carries.
    pub(crate) fn presented(&self, basic: Basic, settings: &Settings) -> Presented {
        Presented::of(self.headers, self.uri, self.body, basic, &settings.auth)
    }

    fn is_local(&self, settings: &Settings) -> bool {
        let loopback =
            |address: Option<IpAddr>| address.is_some_and(|a| a.to_canonical().is_loopback());
        settings.network.is_loopback()
            && loopback(self.peer)
            && loopback(self.local)
            && HostName::parse(self.host).is_some_and(|name| is_loopback_host(name.host()))
            && !origin::is_forwarded(self.headers)
    }
}
