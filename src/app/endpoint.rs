//! A request on its way: which generation, which area, who asks, and what answers.

use std::{borrow::Cow, net::SocketAddr, sync::Arc};

use http::{Method, StatusCode, Uri, header, uri::Scheme};
use poem::{Endpoint, Response};

use super::{Inner, cors, docs, documents, logged::Logged, openapi, received::receive};
use crate::{
    admin::{Area, Caller, Denied},
    documents::{Mount, start},
    generation::{
        Generation, path,
        router::{Found, Target},
    },
    host::{
        problem::Problem,
        request::{AuthInfo, ClientCert, Params, RequestData, RequestId, ScriptRequest, host_of},
    },
    middleware::{
        body::Received,
        client,
        keys::{Basic, Holder, Presented, Unauthorized},
        origin,
        withheld::withhold,
    },
    openapi::Format,
    plugin::spec::Auth,
    server::{Answers, Request},
    settings::{PluginAuth, Settings},
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

    async fn reply(&self, request: &mut Request<'_>) -> Response {
        let generation = self.inner.site.lease();
        let logged = Logged::begin(request, &generation.settings);
        let response = match generation.has_cors {
            false => self.dispatch(request, &generation).await,
            // Boxed, as it is the smaller part of all requests.
            true => Box::pin(self.across_origins(request, &generation)).await,
        };
        match logged {
            Some(logged) => logged.end(response),
            None => response,
        }
    }

    /// The answer, with what it says to pages of other origins.
    async fn across_origins(
        &self,
        request: &mut Request<'_>,
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

    async fn dispatch(&self, request: &mut Request<'_>, generation: &Arc<Generation>) -> Response {
        if let Some(response) = documents::kept(request, generation) {
            return response;
        }
        let Ok(path) = path::canonical(request.uri().path()) else {
            return Problem::new(StatusCode::BAD_REQUEST)
                .detail("the path is not valid")
                .into_response();
        };
        // All but scripts boxed, so that the future of most requests is not as large as theirs.
        if is_own(&path) {
            let path = path.into_owned();
            return Box::pin(self.own(&path, request, generation)).await;
        }
        let found = generation.router.find(request.method(), &path);
        if let Some(mount) = documents::mount(&path, &found, generation) {
            let path = path.into_owned();
            return Box::pin(self.mounted(mount, &path, request, generation)).await;
        }
        let Found::Route(target, values) = found else {
            return self.without_route(&found, &path, request, generation);
        };
        // Mostly it is as it was sent.
        let path = match path {
            Cow::Borrowed(_) if request.original.is_none() => None,
            path => Some(path::restored(path)),
        };
        self.script(target, values, path, request, generation).await
    }

    /// What the server itself has at a path of its own.
    async fn own(
        &self,
        path: &str,
        request: &mut Request<'_>,
        generation: &Arc<Generation>,
    ) -> Response {
        if let Some(part) = docs::Part::of(path) {
            return self.docs(part, request, generation);
        }
        if let Some(area) = Area::of(path) {
            return self.administration(area, path, request, generation).await;
        }
        match openapi::format_at(path) {
            Some(format) => self.document(format, request, generation),
            None => self.nothing(path, request, generation),
        }
    }

    async fn mounted(
        &self,
        mount: &Mount,
        path: &str,
        request: &Request<'_>,
        generation: &Generation,
    ) -> Response {
        let caller = self.caller(request);
        documents::serve(mount, path, request, &caller, generation).await
    }

    #[cold]
    fn without_route(
        &self,
        found: &Found<'_>,
        path: &str,
        request: &Request<'_>,
        generation: &Generation,
    ) -> Response {
        match found {
            Found::Options(allow) => Response::builder()
                .status(StatusCode::NO_CONTENT)
                .header(header::ALLOW, *allow)
                .finish(),
            Found::OtherMethods(allow) => {
                let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED).into_response();
                response.headers_mut().insert(header::ALLOW, (*allow).clone());
                response
            }
            Found::Route(..) | Found::Nothing => self.nothing(path, request, generation),
        }
    }

    async fn administration(
        &self,
        area: Area,
        path: &str,
        request: &mut Request<'_>,
        generation: &Generation,
    ) -> Response {
        let received = match receive(request, &generation.settings).await {
            Ok(received) => received,
            Err(refused) => return refused,
        };
        let (headers, uri) = (request.headers().clone(), request.uri().clone());
        let (peer, local) = request.connection();
        let host = host_of(&headers, request.original_uri()).to_owned();
        let method = request.method().clone();
        let caller = Caller {
            method: &method,
            headers: &headers,
            uri: &uri,
            body: &received.bytes,
            host: &host,
            peer,
            local,
            wrong_keys: &self.inner.wrong_keys,
        };
        let request = request.take_for_poem();
        self.inner.admin.serve(area, path, request, &caller, generation).await
    }

    fn document(&self, format: Format, request: &Request<'_>, generation: &Generation) -> Response {
        let caller = self.caller(request);
        let administration = self.inner.admin.described();
        let (method, prefix) = (request.method(), prefix(request));
        openapi::answer(format, method, prefix, &caller, generation, administration)
    }

    /// Who sends a request whose body is of no account.
    pub(super) fn caller<'a>(&'a self, request: &'a Request<'_>) -> Caller<'a> {
        let headers = request.headers();
        let host = host_of(headers, request.original_uri());
        let (peer, local) = request.connection();
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
        path: Option<String>,
        request: &mut Request<'_>,
        generation: &Generation,
    ) -> Response {
        let settings = &generation.settings;
        let Received { bytes: body, held } = match receive(request, settings).await {
            Ok(received) => received,
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
        let (peer, _) = request.connection();
        let shows_faults =
            settings.server.development && self.caller(request).check_host(settings).is_ok();
        let is_guarded = holder.is_some();
        let mut data = RequestData {
            shows_faults,
            client_ip: client::address(peer, request.headers(), &settings.network),
            client_cert: request.parts.extensions.get::<Arc<ClientCert>>().cloned(),
            id: RequestId::next(),
            params: Params { names: Arc::clone(&route.names), values },
            path,
            subpath_at: plugin.mount().trim_end_matches('/').len(),
            auth: holder.map(|holder| AuthInfo { name: holder.name, scopes: holder.scopes }),
            scheme: if request.is_encrypted { "https" } else { "http" },
            method: request.method().clone(),
            uri: target_of(request),
            headers: std::mem::take(&mut request.parts.headers),
            body,
            held,
        };
        if is_guarded {
            withhold(&mut data.headers, &mut data.uri, plugin.name(), settings);
        }
        let request = ScriptRequest::new(data);
        plugin.serve(target.route, request, &self.inner.executor).await
    }

    /// What is shown where no route is.
    fn nothing(&self, path: &str, request: &Request<'_>, generation: &Generation) -> Response {
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
        let is_ours = || self.caller(request).check_host(&generation.settings).is_ok();
        match generation.failed_owner(path).filter(|_| is_ours()) {
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

impl Answers for HotplateEndpoint {
    fn answer(&self, request: &mut Request<'_>) -> impl Future<Output = Response> + Send {
        self.reply(request)
    }
}

impl Endpoint for HotplateEndpoint {
    type Output = Response;

    /// As a part of a poem application, which may have nested it and so taken off the beginning of the path.
    async fn call(&self, request: poem::Request) -> poem::Result<Response> {
        let ip = |address: Option<&SocketAddr>| address.map(SocketAddr::ip);
        let remote = ip(request.remote_addr().as_socket_addr());
        let local = ip(request.local_addr().as_socket_addr());
        let is_encrypted = *request.scheme() == Scheme::HTTPS;
        let original = request.original_uri().clone();
        let (given, body) = request.into_parts();
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = given.method;
        parts.uri = given.uri;
        parts.version = given.version;
        parts.headers = given.headers;
        parts.extensions = given.extensions;
        let is_nested = original.path().len() != parts.uri.path().len();
        let mut request = Request {
            parts: &mut parts,
            original: is_nested.then_some(&original),
            body: (!body.is_empty()).then_some(body),
            remote,
            local,
            is_encrypted,
        };
        Ok(self.reply(&mut request).await)
    }
}

/// Whether a canonical path is one of the server's own.
pub(super) fn is_own(path: &str) -> bool {
    docs::Part::of(path).is_some()
        || Area::of(path).is_some()
        || openapi::format_at(path).is_some()
        || path.starts_with("/_hotplate/")
}

/// Who presents a key that opens the route, where it needs one.
fn authorised(
    name: &str,
    auth: &Auth,
    request: &Request<'_>,
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

/// The target as it was sent, taken out of a request that nobody asks for it any more.
fn target_of(request: &mut Request<'_>) -> Uri {
    request.original.cloned().unwrap_or_else(|| std::mem::take(&mut request.parts.uri))
}

/// The path that a program which embeds this one has nested it at; empty if it is the root.
pub(super) fn prefix<'a>(request: &'a Request<'_>) -> &'a str {
    let whole = request.original_uri().path();
    whole.strip_suffix(request.uri().path()).unwrap_or_default().trim_end_matches('/')
}
