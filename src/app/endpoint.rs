//! A request on its way: which generation, which area, who asks, and what answers.

use std::{net::IpAddr, sync::Arc, time::Instant};

use http::{Method, StatusCode, Uri, Version, header, uri::Scheme};
use hyper::body::Bytes;
use poem::{Endpoint, Request, Response};

use super::{Inner, cors, docs, documents, openapi};
use crate::{
    admin::{Area, Caller, Denied},
    documents::start,
    generation::{
        Generation, path,
        router::{Found, Target},
    },
    host::{
        problem::Problem,
        request::{AuthInfo, ClientCert, Params, RequestData, RequestId, ScriptRequest, host_of},
    },
    middleware::{
        access, body, client,
        keys::{Basic, Holder, Presented, Unauthorized},
        origin,
    },
    openapi::Format,
    plugin::spec::Auth,
    settings::{AccessLog, PluginAuth, Settings},
};

/// The endpoint of a [`crate::Hotplate`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HotplateEndpoint {
    pub(super) inner: Arc<Inner>,
}

impl HotplateEndpoint {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    async fn answer(&self, request: &mut Request) -> Response {
        let generation = self.inner.site.current();
        let logged = Logged::begin(request, &generation.settings);
        let response = match generation.has_cors {
            false => self.dispatch(request, &generation).await,
            // Boxed, as it is the smaller part of all requests.
            true => Box::pin(self.across_origins(request, &generation)).await,
        };
        if let Some(logged) = logged {
            logged.end(&response);
        }
        response
    }

    /// The answer, with what it says to pages of other origins.
    async fn across_origins(
        &self,
        request: &mut Request,
        generation: &Arc<Generation>,
    ) -> Response {
        let Some(rules) = cors::rules(request, generation) else {
            return self.dispatch(request, generation).await;
        };
        if let Some(answer) = rules.preflight(request.method(), request.headers()) {
            return answer;
        }
        let grant = rules.grant(request.headers());
        let mut response = self.dispatch(request, generation).await;
        grant.mark(response.headers_mut());
        response
    }

    async fn dispatch(&self, request: &mut Request, generation: &Arc<Generation>) -> Response {
        if let Some(response) = documents::kept(request, generation) {
            return response;
        }
        let (target, values, path) = {
            let Ok(path) = path::canonical(request.uri().path()) else {
                return Problem::new(StatusCode::BAD_REQUEST)
                    .detail("the path is not valid")
                    .into_response();
            };
            if let Some(part) = docs::Part::of(&path) {
                return self.docs(part, request, generation);
            }
            if let Some(area) = Area::of(&path) {
                let path = path.into_owned();
                // Boxed, so that the future of every other request is not as large as this one's.
                let request = std::mem::take(request);
                return Box::pin(self.administration(area, &path, request, generation)).await;
            }
            if let Some(format) = openapi::format_at(&path) {
                return self.document(format, request, generation);
            }
            if path.starts_with("/_hotplate/") {
                return self.nothing(&path, request, generation);
            }
            let found = generation.router.find(request.method(), &path);
            if let Some(mount) = documents::mount(&path, &found, generation) {
                let caller = self.caller(request);
                return Box::pin(documents::serve(mount, &path, request, &caller, generation))
                    .await;
            }
            match found {
                Found::Route(target, values) => (target, values, path::restored(path)),
                Found::Options(allow) => {
                    return Response::builder()
                        .status(StatusCode::NO_CONTENT)
                        .header(header::ALLOW, allow)
                        .finish();
                }
                Found::OtherMethods(allow) => {
                    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED).into_response();
                    response.headers_mut().insert(header::ALLOW, allow.clone());
                    return response;
                }
                Found::Nothing => return self.nothing(&path, request, generation),
            }
        };
        self.script(target, values, path, request, generation).await
    }

    async fn administration(
        &self,
        area: Area,
        path: &str,
        mut request: Request,
        generation: &Generation,
    ) -> Response {
        let body = match read_body(&mut request, &generation.settings).await {
            Ok(body) => body,
            Err(refused) => return refused,
        };
        let (headers, uri) = (request.headers().clone(), request.uri().clone());
        let connection = connection(&request);
        let host = host_of(&headers, request.original_uri()).to_owned();
        let method = request.method().clone();
        let caller = Caller {
            method: &method,
            headers: &headers,
            uri: &uri,
            body: &body,
            host: &host,
            peer: connection.0,
            local: connection.1,
            wrong_keys: &self.inner.wrong_keys,
        };
        self.inner.admin.serve(area, path, request, &caller, generation).await
    }

    fn document(&self, format: Format, request: &Request, generation: &Generation) -> Response {
        let caller = self.caller(request);
        let administration = self.inner.admin.described();
        let (method, prefix) = (request.method(), prefix(request));
        openapi::answer(format, method, prefix, &caller, generation, administration)
    }

    /// Who sends a request whose body is of no account.
    pub(super) fn caller<'a>(&'a self, request: &'a Request) -> Caller<'a> {
        let headers = request.headers();
        let host = host_of(headers, request.original_uri());
        let (peer, local) = connection(request);
        Caller {
            method: request.method(),
            headers,
            uri: request.uri(),
            body: &[],
            host,
            peer,
            local,
            wrong_keys: &self.inner.wrong_keys,
        }
    }

    async fn script(
        &self,
        target: Target,
        values: Vec<String>,
        path: String,
        request: &mut Request,
        generation: &Generation,
    ) -> Response {
        let settings = &generation.settings;
        let body = match read_body(request, settings).await {
            Ok(body) => body,
            Err(refused) => return refused,
        };
        let not_found = || Problem::new(StatusCode::NOT_FOUND).into_response();
        let Some(plugin) = generation.served.get(target.plugin) else { return not_found() };
        let Some(route) = plugin.routes().get(target.route) else { return not_found() };
        let auth = &route.spec.auth;
        let holder = authorised(plugin.name(), auth, request, &body, settings);
        let Ok(holder) = holder else {
            let caller = Caller { body: &body, ..self.caller(request) };
            return caller.refuse(Denied::Unauthorized, settings);
        };
        let (peer, _) = connection(request);
        let data = RequestData {
            client_ip: client::address(peer, request.headers(), &settings.network),
            client_cert: request.extensions().get::<Arc<ClientCert>>().cloned(),
            id: RequestId::next(),
            params: Params { names: Arc::clone(&route.names), values },
            path,
            subpath_at: plugin.mount().trim_end_matches('/').len(),
            auth: holder.map(|holder| AuthInfo { name: holder.name, scopes: holder.scopes }),
            scheme: if *request.scheme() == Scheme::HTTPS { "https" } else { "http" },
            method: request.method().clone(),
            uri: target_of(request),
            headers: std::mem::take(request.headers_mut()),
            body,
        };
        let request = ScriptRequest::new(data);
        plugin.serve(target.route, request, &self.inner.executor).await
    }

    /// What is shown where no route is.
    fn nothing(&self, path: &str, request: &Request, generation: &Generation) -> Response {
        if path == "/favicon.ico" && matches!(*request.method(), Method::GET | Method::HEAD) {
            return start::icon(request.headers());
        }
        if let Some(style) =
            path.strip_prefix("/_hotplate/").and_then(|name| start::style(name, request.headers()))
            && matches!(*request.method(), Method::GET | Method::HEAD)
        {
            return style;
        }
        if !generation.settings.server.development {
            return Problem::new(StatusCode::NOT_FOUND).into_response();
        }
        let page = match path {
            "/" => Some(start::page(request.headers())),
            _ => path
                .strip_prefix("/_hotplate/")
                .and_then(|name| start::part(name, request.headers())),
        };
        if let Some(page) = page.filter(|_| matches!(*request.method(), Method::GET | Method::HEAD))
        {
            return match self.caller(request).check_host(&generation.settings) {
                Ok(()) => page,
                Err(denied) => denied.into_response(),
            };
        }
        match generation.failed_owner(path) {
            None => Problem::new(StatusCode::NOT_FOUND).into_response(),
            Some((name, entry)) => {
                let rendered: Vec<String> =
                    entry.diagnostics.iter().map(|fault| fault.render(false)).collect();
                let shown = serde_json::to_value(&entry.diagnostics).unwrap_or_default();
                Problem::new(StatusCode::SERVICE_UNAVAILABLE)
                    .detail(format!("the plugin {name} has not loaded yet"))
                    .with("diagnostics", shown)
                    .with("rendered", rendered.join("\n"))
                    .into_response()
            }
        }
    }
}

impl Endpoint for HotplateEndpoint {
    type Output = Response;

    // By reference from here on: a future that is given a request by value holds a copy of it, an `async fn`
    // two, and a request is half a kilobyte.
    #[expect(clippy::manual_async_fn, reason = "it would hold the request twice")]
    fn call(&self, mut request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        async move { Ok(self.answer(&mut request).await) }
    }
}

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
    pub(super) fn begin(request: &Request, settings: &Settings) -> Option<Self> {
        let kind = settings.log.access;
        if kind == AccessLog::Off {
            return None;
        }
        let (peer, _) = connection(request);
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

/// Who presents a key that opens the route, where it needs one.
fn authorised(
    name: &str,
    auth: &Auth,
    request: &Request,
    body: &[u8],
    settings: &Settings,
) -> Result<Option<Holder>, Unauthorized> {
    let plugin = settings.plugin(name);
    let presented = || {
        let (headers, method) = (request.headers(), request.method());
        let host = host_of(headers, request.original_uri());
        let trusted = || settings.cors_of(Some(name)).trusts(headers);
        let basic = match method.is_safe() || !origin::is_cross_site(headers, host) || trusted() {
            true => Basic::Counts,
            false => Basic::Ignored,
        };
        Presented::of(headers, request.uri(), body, basic, &settings.auth)
    };
    match (auth, plugin.auth) {
        (Auth::Open, _) | (Auth::AsPlugin, PluginAuth::None) => Ok(None),
        (Auth::AsPlugin, _) => presented().user(name, plugin, &settings.auth),
        (Auth::AnyOf(scopes), _) => presented().holder(scopes, name, plugin, &settings.auth),
    }
}

async fn read_body(request: &mut Request, settings: &Settings) -> Result<Bytes, Response> {
    let body = request.take_body();
    if body.is_empty() {
        return Ok(Bytes::new());
    }
    body::read(body, settings.limits.body_bytes).await.map_err(|unread| {
        let (status, close) = match unread {
            body::Unread::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, true),
            body::Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, true),
            body::Unread::CutShort => (StatusCode::BAD_REQUEST, true),
        };
        let mut response = Problem::new(status).detail(unread.to_string()).into_response();
        if close {
            let close = header::HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    })
}

/// The target as it was sent, taken out of a request that nobody asks for it any more.
fn target_of(request: &mut Request) -> Uri {
    // Where a program nests this one it takes off the beginning of the path, and nothing else.
    if request.original_uri().path().len() == request.uri().path().len() {
        return std::mem::take(request.uri_mut());
    }
    request.original_uri().clone()
}

/// The path that a program which embeds this one has nested it at; empty if it is the root.
pub(super) fn prefix(request: &Request) -> &str {
    let whole = request.original_uri().path();
    whole.strip_suffix(request.uri().path()).unwrap_or_default().trim_end_matches('/')
}

/// The other end of the connection, and ours.
pub(super) fn connection(request: &Request) -> (Option<IpAddr>, Option<IpAddr>) {
    (ip(request.remote_addr().as_socket_addr()), ip(request.local_addr().as_socket_addr()))
}

pub(super) fn ip(address: Option<&std::net::SocketAddr>) -> Option<IpAddr> {
    address.map(std::net::SocketAddr::ip)
}

pub(super) fn content_length(response: &Response) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
