//! Requests for documents: whether a plugin comes first, the answer, and its line in the log.

use http::{HeaderMap, HeaderValue, Method, Uri, header};
use poem::Response;

use super::logged::content_length;
use crate::{
    admin::{Caller, Denied},
    documents::{Ask, Documents, Included, Mount},
    generation::{Generation, router::Found},
    middleware::{access, client, keys::Basic},
    server::Request,
    settings::Settings,
};

/// What the server shows itself is below this path, whatever folder is served.
const OWN: &str = "/_hotplate/";

/// The answer from memory, if there is one that holds.
pub(super) fn kept(request: &Request<'_>, generation: &Generation) -> Option<Response> {
    let response = generation.documents.kept(&ask(request, generation))?;
    log(&generation.documents, request, &response, generation);
    Some(response)
}

/// The folder that answers a request for a canonical path, where no plugin comes first: the longer path
/// wins, and the plugin where both are the same.
pub(super) fn mount<'g>(
    path: &str,
    found: &Found<'_>,
    generation: &'g Generation,
) -> Option<&'g Mount> {
    let mount = generation.documents.mount_of(path)?;
    if path.starts_with(OWN) {
        return None;
    }
    let owner = match found {
        Found::Route(target, _) => Some(target.plugin),
        Found::Options(_) | Found::OtherMethods(_) => generation.router.owner(path),
        Found::Nothing => None,
    };
    let comes_first = match owner.and_then(|plugin| generation.served.get(plugin)) {
        Some(plugin) => plugin.mount().len() >= mount.path().len(),
        // A plugin that failed keeps its paths, so that nothing else seems to be there meanwhile.
        None => generation
            .failed_owner(path)
            .is_some_and(|(_, entry)| entry.mount.len() > mount.path().len()),
    };
    (!comes_first).then_some(mount)
}

/// The scope of a key that opens folders which ask for one.
const SCOPE: &str = "documents";

/// The answer of a folder.
pub(super) async fn serve(
    mount: &Mount,
    path: &str,
    request: &Request<'_>,
    caller: &Caller<'_>,
    generation: &Generation,
) -> Response {
    let documents = &generation.documents;
    let mut response = match may_read(mount, caller, &generation.settings) {
        true => documents.serve(mount, path, &ask(request, generation)).await,
        false => caller.refuse(Denied::Unauthorized, &generation.settings),
    };
    if mount.is_guarded() {
        keep_private(response.headers_mut());
    }
    if request.method() == Method::HEAD {
        drop(response.take_body());
    }
    log(documents, request, &response, generation);
    response
}

/// Lets no cache that others share keep what asks for a key, whatever the folder says of caching (RFC 9111, 5.2.2).
fn keep_private(headers: &mut HeaderMap) {
    let said = headers.get(header::CACHE_CONTROL).and_then(|said| said.to_str().ok());
    let is_for_all = |part: &&str| {
        let part = part.to_ascii_lowercase();
        part == "public" || part.starts_with("s-maxage")
    };
    let mut parts: Vec<&str> = said.unwrap_or_default().split(',').map(str::trim).collect();
    parts.retain(|part| !part.is_empty() && !is_for_all(part));
    if !parts
        .iter()
        .any(|part| part.eq_ignore_ascii_case("private") || part.eq_ignore_ascii_case("no-store"))
    {
        parts.insert(0, "private");
    }
    if let Ok(kept) = HeaderValue::from_str(&parts.join(", ")) {
        headers.insert(header::CACHE_CONTROL, kept);
    }
    headers.append(header::VARY, HeaderValue::from_static("authorization, x-custom-auth"));
}

/// Whether a caller has the key that a folder asks for.
fn may_read(mount: &Mount, caller: &Caller<'_>, settings: &Settings) -> bool {
    // Reading is all that can be done, so a page of another site cannot do anything with a browser's key.
    let presented = || caller.presented(Basic::Counts, settings);
    !mount.is_guarded() || presented().administrator(&settings.auth, &[SCOPE]).is_some()
}

fn ask<'a>(request: &'a Request<'_>, generation: &Generation) -> Ask<'a> {
    Ask {
        method: request.method(),
        headers: request.headers(),
        uri: request.uri(),
        original: request.original_uri(),
        generation: generation.number,
    }
}

/// Writes the lines of an answer.
fn log(documents: &Documents, request: &Request<'_>, response: &Response, generation: &Generation) {
    let Some(log) = documents.log() else { return };
    let (peer, _) = request.connection();
    let uri: &Uri = request.original_uri();
    let mut record = access::Record {
        method: request.method(),
        uri,
        version: request.version(),
        client: client::address(peer, request.headers(), &generation.settings.network),
        status: response.status(),
        bytes: content_length(response),
        time: std::time::Duration::ZERO,
    };
    let mut lines = access::common(&record, &access::shown(uri)) + "\n";
    if documents.logs_includes()
        && let Some(included) = response.extensions().get::<Vec<Included>>()
    {
        for file in included {
            record.bytes = Some(file.bytes);
            lines += &access::common(&record, &access::escaped(&file.path));
            lines.push('\n');
        }
    }
    log.write(&lines);
}
