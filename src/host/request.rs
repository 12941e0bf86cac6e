//! The request as a script sees it: `req`.
//!
//! Making one costs an allocation; everything else is computed when it is asked for, once. A request
//! is read-only: what its properties give is a copy, marked so that a change to the copy is noticed
//! ([`copy`]).

pub(crate) mod body;
mod client_cert;
mod copy;
pub(crate) mod fields;
pub(crate) mod file;
mod headers;
pub(crate) mod lend;
pub(crate) mod multipart;
mod register;
pub(crate) mod typed;

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use http::{HeaderMap, Method, Uri, header};
use hyper::body::Bytes;
use rhai::{Dynamic, Map};

pub(crate) use client_cert::ClientCert;
use file::File;
pub(crate) use headers::Headers;
pub(crate) use register::register;
use typed::Typed;

use super::{
    current::{self, Phase},
    error::mistake,
    session::Visit,
};
use crate::{
    script::{Native, effect},
    services::bodies::Held,
};

/// What the server knows of a request when it calls a handler.
#[derive(Debug)]
pub(crate) struct RequestData {
    /// The method.
    pub(crate) method: Method,
    /// The target as it was sent.
    pub(crate) uri: Uri,
    /// The path, decoded and canonical, where that is not as it was sent.
    pub(crate) path: Option<String>,
    /// Where in the path the plugin's mount ends.
    pub(crate) subpath_at: usize,
    /// The parameters of the route's path.
    pub(crate) params: Params,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The whole body.
    pub(crate) body: Bytes,
    /// What the body takes of what all bodies may hold.
    #[expect(dead_code, reason = "it is there to be dropped with the body")]
    pub(crate) held: Held,
    /// The client's address, as far as it can be believed.
    pub(crate) client_ip: IpAddr,
    /// The certificate that it showed, if it was asked for one.
    pub(crate) client_cert: Option<Arc<ClientCert>>,
    /// Its name in logs and answers.
    pub(crate) id: RequestId,
    /// Whose key it carries, if it carries a valid one.
    pub(crate) auth: Option<AuthInfo>,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// Whether the client may see faults: in development, where the host that it asked for is ours.
    pub(crate) shows_faults: bool,
}

impl RequestData {
    /// The path, decoded and canonical.
    pub(crate) fn path(&self) -> &str {
        let sent = || {
            let path = self.uri.path();
            Some(path.strip_suffix('/').unwrap_or(path)).filter(|path| !path.is_empty())
        };
        self.path.as_deref().or_else(sent).unwrap_or("/")
    }
}

/// The parameters of a route's path.
#[derive(Debug)]
pub(crate) struct Params {
    /// Their names, which are the route's.
    pub(crate) names: Arc<[Arc<str>]>,
    /// Their values in the order of the names, decoded.
    pub(crate) values: Vec<String>,
}

/// The host that a client asked for, with its port if it gave one: `Host`, or the authority of the target.
pub(crate) fn host_of<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> &'a str {
    let header = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    header.or_else(|| uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default()
}

/// Whose key a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthInfo {
    /// The name of the key.
    pub(crate) name: String,
    /// What the key may do.
    pub(crate) scopes: Vec<String>,
}

/// The name of a request in logs and answers: 16 hexadecimal digits, unique in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RequestId(u64);

impl RequestId {
    /// The next name.
    pub(crate) fn next() -> Self {
        static SEED: OnceLock<u64> = OnceLock::new();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let seed = *SEED.get_or_init(|| getrandom::u64().unwrap_or_default());
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // The finaliser of splitmix64 maps distinct numbers to distinct numbers.
        let mut mixed = seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(mixed ^ (mixed >> 31))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The script's `req`. Cloning it costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct ScriptRequest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    data: RequestData,
    typed_headers: BTreeMap<String, Dynamic>,
    params: Option<Dynamic>,
    files: Option<Vec<(String, File)>>,
    query: Part,
    cookies: Part,
    body: Part,
    is_body_declared: bool,
    vars: Part,
    visit: OnceLock<Arc<Visit>>,
}

/// A part of the request that takes work to make. Most are asked for once, and the first to ask gets
/// the value itself; it is kept, and copied, from the second time on.
#[derive(Debug, Default)]
struct Part {
    asked: AtomicBool,
    kept: OnceLock<Dynamic>,
}

/// What a request has.
const PROPERTIES: [&str; 14] = [
    "method",
    "path",
    "subpath",
    "url",
    "params",
    "query",
    "headers",
    "cookies",
    "body",
    "vars",
    "client_ip",
    "client_cert",
    "id",
    "auth",
];

impl ScriptRequest {
    /// A request to be given to a handler; nothing of it is looked into.
    pub(crate) fn new(data: RequestData) -> Self {
        Self(Arc::new(Inner {
            data,
            typed_headers: BTreeMap::new(),
            params: None,
            files: None,
            query: Part::default(),
            cookies: Part::default(),
            body: Part::default(),
            is_body_declared: false,
            vars: Part::default(),
            visit: OnceLock::new(),
        }))
    }

    /// What the server knows of it.
    pub(crate) fn data(&self) -> &RequestData {
        &self.0.data
    }

    /// Its header fields.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.0.data.headers
    }

    /// The session that it belongs to, which is not looked up before it is used.
    pub(super) fn visit(&self) -> Native<Arc<Visit>> {
        effect::note();
        if let Some(visit) = self.0.visit.get() {
            return Ok(Arc::clone(visit));
        }
        let Some(plugin) = current::plugin() else {
            return Err(mistake("a session is only there while a plugin answers a request"));
        };
        let is_over = current::phase() != Some(Phase::Request);
        let visit = Arc::new(Visit::new(Arc::clone(&plugin.sessions), &self.0.data, is_over));
        current::visited(&visit);
        Ok(Arc::clone(self.0.visit.get_or_init(|| visit)))
    }

    /// Takes parts that were made already, before anybody else has the request.
    pub(crate) fn fill(&mut self, typed: Typed) {
        let Some(inner) = Arc::get_mut(&mut self.0) else { return };
        let map = |map: Option<Map>| Part::of(map.map(Dynamic::from_map));
        inner.typed_headers = typed.headers;
        inner.params = typed.params.map(|params| copy::mark(Dynamic::from_map(params)));
        inner.files = typed.files;
        inner.query = map(typed.query);
        inner.cookies = map(typed.cookies);
        inner.is_body_declared = typed.body.is_some();
        inner.body = Part::of(typed.body);
    }

    /// The value of a header that is declared, typed.
    fn typed_header(&self, name: &str) -> Option<&Dynamic> {
        match self.0.typed_headers.is_empty() {
            true => None,
            false => self.0.typed_headers.get(&name.to_ascii_lowercase()),
        }
    }

    /// All of it as a plain map; raises if its body is not what its content type says.
    pub(crate) fn to_map(&self) -> Native<Dynamic> {
        let mut map = Map::new();
        for name in PROPERTIES {
            let value = match name {
                "headers" => Headers::of(self.clone()).to_map().into(),
                name => self.property(name).unwrap_or_else(|| Ok(Dynamic::UNIT))?,
            };
            let value = match value.as_blob_ref() {
                Ok(blob) => String::from_utf8_lossy(&blob).into_owned().into(),
                Err(_) => value.clone(),
            };
            map.insert(name.into(), value);
        }
        Ok(map.into())
    }

    /// The property of that name; `None` if a request has none.
    fn property(&self, name: &str) -> Option<Native<Dynamic>> {
        let data = &self.0.data;
        let value = match name {
            "method" => data.method.as_str().into(),
            "path" => data.path().into(),
            "subpath" => data.path().get(data.subpath_at..).unwrap_or_default().into(),
            "url" => self.url().into(),
            "params" => return Some(Ok(self.params())),
            "query" => return Some(self.query()),
            "headers" => Dynamic::from(Headers::of(self.clone())),
            "cookies" => return Some(self.cookies()),
            "body" => return Some(self.body()),
            "vars" => return Some(self.vars()),
            "client_ip" => data.client_ip.to_string().into(),
            "client_cert" => match &data.client_cert {
                Some(cert) => cert.to_map().into(),
                None => Dynamic::UNIT,
            },
            "id" => data.id.to_string().into(),
            "auth" => self.auth(),
            _ => return None,
        };
        Some(Ok(copy::mark(value)))
    }

    fn url(&self) -> String {
        let data = &self.0.data;
        let target = data.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        format!("{}://{}{target}", data.scheme, host_of(&data.headers, &data.uri))
    }

    fn auth(&self) -> Dynamic {
        let Some(auth) = &self.0.data.auth else { return Dynamic::UNIT };
        let mut map = Map::new();
        map.insert("name".into(), auth.name.as_str().into());
        let scopes: rhai::Array = auth.scopes.iter().map(|scope| scope.as_str().into()).collect();
        map.insert("scopes".into(), scopes.into());
        map.into()
    }

    /// The parameters of the path. As cheap to make as to copy, so they are never kept.
    pub(crate) fn params(&self) -> Dynamic {
        if let Some(typed) = &self.0.params {
            return typed.clone();
        }
        let Params { names, values } = &self.0.data.params;
        let params = names.iter().map(|name| &**name).zip(values.iter().map(String::as_str));
        copy::mark(fields::single(params))
    }

    fn query(&self) -> Native<Dynamic> {
        self.0.query.value(|| Ok(self.query_map()))
    }

    fn query_map(&self) -> Dynamic {
        let query = self.0.data.uri.query().unwrap_or_default();
        Dynamic::from_map(fields::urlencoded(query.as_bytes()))
    }

    fn cookies(&self) -> Native<Dynamic> {
        self.0.cookies.value(|| Ok(fields::cookies(self.headers())))
    }

    /// The body by its content type.
    pub(crate) fn body(&self) -> Native<Dynamic> {
        self.0.body.value(|| self.body_made())
    }

    fn body_made(&self) -> Native<Dynamic> {
        body::parsed(self.headers(), &self.0.data.body)
    }

    /// The files of a form by their fields; those of a name that came several times are an array.
    pub(super) fn files(&self) -> Native<Map> {
        let files = match &self.0.files {
            Some(files) => files.clone(),
            None => body::files(self.headers(), &self.0.data.body)?,
        };
        Ok(fields::grouped(files.into_iter().map(|(name, file)| (name, Dynamic::from(file)))))
    }

    fn vars(&self) -> Native<Dynamic> {
        self.0.vars.value(|| self.vars_made())
    }

    fn vars_made(&self) -> Native<Dynamic> {
        // Clients of pserve send JSON under whatever content type.
        let object = match self.0.is_body_declared {
            true => None,
            false => body::object(self.headers(), &self.0.data.body),
        };
        let mut vars = match object {
            Some(object) => object,
            None => self.body()?.try_cast::<Map>().unwrap_or_default(),
        };
        let sent = self.0.data.uri.query().unwrap_or_default();
        for (name, value) in self.query()?.try_cast::<Map>().unwrap_or_default() {
            // What was sent is more than what stands for what was not.
            let is_sent = !fields::of_query(sent, &name).is_unit();
            if is_sent || !vars.contains_key(&name) {
                vars.insert(name, value);
            }
        }
        Ok(Dynamic::from_map(vars))
    }
}

impl Part {
    /// A part that is made already, if it is.
    fn of(made: Option<Dynamic>) -> Self {
        let part = Self::default();
        if let Some(made) = made {
            part.kept.get_or_init(|| copy::mark(made));
        }
        part
    }

    /// The part as `make` gives it, marked as the request's own.
    fn value(&self, make: impl Fn() -> Native<Dynamic>) -> Native<Dynamic> {
        if let Some(kept) = self.kept.get() {
            return Ok(kept.clone());
        }
        let fresh = copy::mark(make()?);
        if !self.asked.swap(true, Ordering::Relaxed) {
            return Ok(fresh);
        }
        Ok(self.kept.get_or_init(|| fresh).clone())
    }
}

#[cfg(test)]
mod tests;
