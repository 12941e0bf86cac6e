//! The administration: what is served, and loading it again.
//!
//! It lives outside generations, so that a site that is broken can be mended through it. Its surface
//! is the one that clients of `pserve` rely on, declared with poem-openapi.

mod api;
mod guard;
pub(crate) mod reply;

use std::sync::Arc;

use http::{Method, StatusCode, header};
use poem::{Endpoint, Request, Response, endpoint::BoxEndpoint};
use poem_openapi::OpenApiService;
use serde_json::json;

use self::api::Api;
use self::guard::Effect;
pub(crate) use self::guard::{Caller, Denied, WrongKeys};
use crate::{
    generation::Generation,
    openapi::{Access, Fragment, upgrade},
    reload::Handle,
    services::sessions::Sessions,
    site::Site,
};

/// The paths of the administration, by their first segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    /// `/plugins`.
    Plugins,
    /// `/reload/…`.
    Reload,
    /// `/load/…` and `/unload/…`.
    Load,
    /// `/healthz` and `/readyz`.
    Health,
}

impl Area {
    /// The area of a canonical path, if it is one of the administration.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let first = path.strip_prefix('/')?.split('/').next()?;
        Some(match first {
            "plugins" => Self::Plugins,
            "reload" => Self::Reload,
            "load" | "unload" => Self::Load,
            "healthz" | "readyz" => Self::Health,
            _ => return None,
        })
    }

    /// What its requests do.
    fn effect(self) -> Effect {
        match self {
            Self::Plugins | Self::Health => Effect::Reads,
            Self::Reload | Self::Load => Effect::Changes,
        }
    }

    /// The scopes that open it, beside `admin`.
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Plugins | Self::Reload => &["reload"],
            Self::Load | Self::Health => &[],
        }
    }
}

/// The administration of one instance.
pub(crate) struct Admin {
    endpoint: BoxEndpoint<'static, Response>,
    described: Fragment,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

impl Admin {
    /// The administration of `site`, loading through `reloader`, and telling of `sessions`.
    pub(crate) fn new(site: Arc<Site>, reloader: Handle, sessions: Arc<Sessions>) -> Self {
        let service = OpenApiService::new(
            Api::new(site, reloader, sessions),
            "hotplate",
            env!("CARGO_PKG_VERSION"),
        );
        let described = describe(&service.spec());
        let endpoint = poem::EndpointExt::boxed(poem::EndpointExt::map_to_response(service));
        Self { endpoint, described }
    }

    /// What the OpenAPI document says of these routes.
    pub(crate) fn described(&self) -> &Fragment {
        &self.described
    }

    /// Answers a request to a path of `area`; `path` is canonical.
    pub(crate) async fn serve(
        &self,
        area: Area,
        path: &str,
        mut request: Request,
        caller: &Caller<'_>,
        generation: &Generation,
    ) -> Response {
        if area != Area::Health
            && let Err(denied) = caller.check(area.scopes(), area.effect(), &generation.settings)
        {
            return caller.refuse(denied, &generation.settings);
        }
        if request.method() == Method::HEAD {
            request.set_method(Method::GET);
        }
        if request.method() == Method::OPTIONS {
            return allow(Response::builder().status(StatusCode::NO_CONTENT).finish(), area);
        }
        let Some(uri) = rewritten(path) else { return not_found() };
        *request.uri_mut() = uri;
        match self.endpoint.call(request).await {
            Ok(response) => response,
            Err(error) if error.status() == StatusCode::METHOD_NOT_ALLOWED => {
                allow(plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"), area)
            }
            Err(error) if error.status() == StatusCode::NOT_FOUND => not_found(),
            Err(error) => plain(error.status(), "the request could not be answered"),
        }
    }
}

/// The administration in the OpenAPI document: declared for 3.0, shown in 3.1.
fn describe(declared: &str) -> Fragment {
    let declared = serde_json::from_str(declared).unwrap_or_default();
    let access = |path: &str| match Area::of(path) {
        None | Some(Area::Health) => Access::Open,
        Some(area) => {
            let scopes = ["admin"].iter().chain(area.scopes());
            Access::Administration(scopes.map(|scope| (*scope).to_owned()).collect())
        }
    };
    let about = "What is served, and loading it again.";
    Fragment::of_document(upgrade(declared, "hotplate."), "Administration", about, access)
}

/// `/reload/shop/orders` as `/reload/shop%2Forders`: the names of nested plugins are one parameter.
fn rewritten(path: &str) -> Option<http::Uri> {
    let mut parts = path.splitn(3, '/').skip(1);
    let first = parts.next()?;
    let path = match parts.next() {
        None => format!("/{first}"),
        Some(name) => {
            let name = crate::generation::path::restored(name);
            let name =
                percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
            format!("/{first}/{name}")
        }
    };
    path.parse().ok()
}

fn allow(mut response: Response, area: Area) -> Response {
    let methods = match area {
        Area::Health => "GET, HEAD, OPTIONS",
        _ => "GET, HEAD, POST, OPTIONS",
    };
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(methods));
    response
}

fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "not found")
}

/// An answer in the form that clients of the administration know.
fn plain(status: StatusCode, error: &str) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .body(json!({ "error": error }).to_string())
}
