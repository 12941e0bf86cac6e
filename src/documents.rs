//! Files that are served as they are, and what the server itself shows.
//!
//! Folders of documents are part of a generation: they change when the configuration does. A document is
//! opened below its folder by construction, never by a path that was checked before. Small ones answer
//! from memory, after a look at whether their files are still the same: an answer is never older than its
//! request. What the server shows itself is part of the program, so that one binary is all there is.

mod common_log;
mod compose;
pub(crate) mod docs;
mod errors;
mod escape;
pub(crate) mod file;
mod highlight;
mod listing;
mod load;
mod look;
mod magic;
mod markdown;
mod memory;
mod mount;
mod page;
pub(crate) mod start;
mod workshop;

use std::{io, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use poem::Response;

pub(crate) use self::mount::Mount;
use self::{
    common_log::CommonLog,
    errors::Template,
    escape::segment,
    load::{Loaded, Wish},
    memory::Memory,
    workshop::Workshop,
};
pub(crate) use crate::content::whole::Included;
use crate::{
    content::{respond, way::Way, whole},
    diagnostic::Diagnostic,
    settings::{DocumentSettings, Settings},
};

/// The methods that documents know.
const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// All folders that are served.
#[derive(Debug)]
pub(crate) struct Documents {
    settings: DocumentSettings,
    /// Those with the longest path first.
    mounts: Vec<Mount>,
    memory: Memory,
    error_page: Template,
    envelope: Template,
    workshop: Workshop,
    development: bool,
    log: Option<CommonLog>,
}

/// A request, as far as documents are concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// Its method.
    pub(crate) method: &'a Method,
    /// Its headers.
    pub(crate) headers: &'a HeaderMap,
    /// Its target, below what we are mounted at.
    pub(crate) uri: &'a Uri,
    /// Its target as it was sent.
    pub(crate) original: &'a Uri,
    /// The generation that it is answered by.
    pub(crate) generation: u64,
}

impl Documents {
    /// The folders of these settings.
    pub(crate) fn new(settings: &Settings) -> Arc<Self> {
        let documents = settings.documents.clone();
        let mut mounts: Vec<Mount> = documents.mounts.iter().map(Mount::new).collect();
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path().len()));
        Arc::new(Self {
            memory: Memory::new(if mounts.is_empty() { 0 } else { documents.cache_bytes }),
            error_page: Template::new(
                documents.error_page.clone(),
                include_str!("../static/error.html"),
            ),
            envelope: page::envelope(&documents),
            workshop: Workshop::default(),
            development: settings.server.development,
            log: documents.common_log.clone().map(CommonLog::open),
            mounts,
            settings: documents,
        })
    }

    /// The folders of `new`, which are these ones if nothing changed for them.
    pub(crate) fn follow(self: &Arc<Self>, old: &Settings, new: &Settings) -> Arc<Self> {
        let is_same =
            old.documents == new.documents && old.server.development == new.server.development;
        if is_same { Arc::clone(self) } else { Self::new(new) }
    }

    /// What is wrong with the settings that only the disk tells.
    pub(crate) fn diagnose(settings: &Settings) -> Vec<Diagnostic> {
        let documents = &settings.documents;
        let missing = documents.mounts.iter().filter(|mount| !mount.folder.is_dir());
        let missing = missing.map(|mount| {
            let message = format!("the folder of the documents at {} is not there", mount.path);
            Diagnostic::warning("document-folder", message)
                .help("make the folder, or correct `folder` in [[documents.mounts]]")
        });
        let templates = [("envelope", &documents.envelope), ("error_page", &documents.error_page)];
        let unreadable = templates.into_iter().filter_map(|(key, path)| {
            let error = errors::read(path.as_ref()?).err()?;
            let message = format!("`documents.{key}` cannot be read: {}", error.kind());
            Some(Diagnostic::warning("document-template", message).help("the built-in one is used"))
        });
        missing.chain(unreadable).collect()
    }

    /// The log of answers, if there is one.
    pub(crate) fn log(&self) -> Option<&CommonLog> {
        self.log.as_ref()
    }

    /// Whether included files are logged too.
    pub(crate) fn logs_includes(&self) -> bool {
        self.settings.log_includes
    }

    /// Opens the log by its name again.
    pub(crate) fn reopen_log(&self) {
        if let Some(log) = &self.log {
            log.reopen();
        }
    }

    /// The folder that a canonical path is in: of several the one with the longest path.
    pub(crate) fn mount_of(&self, path: &str) -> Option<&Mount> {
        self.mounts.iter().find(|mount| mount.settings.below(path).is_some())
    }

    /// The answer from memory, if the path led to a document before, in this generation, and that is as it
    /// was. Does not wait.
    pub(crate) fn kept(&self, ask: &Ask<'_>) -> Option<Response> {
        if self.mounts.is_empty() || !matches!(*ask.method, Method::GET | Method::HEAD) {
            return None;
        }
        // Most requests are not for documents, and need not be looked up.
        self.mount_of(ask.uri.path())?;
        let kept = self.memory.find(ask.original.path())?;
        let kept = kept.as_ref().filter(|kept| kept.is_of(ask.generation))?;
        let whole = kept.whole();
        let coding = respond::coding_of(whole, ask.method, ask.headers);
        if whole.ready(coding).is_none() || !whole.is_same() {
            return None;
        }
        Some(told(respond::whole(whole, coding, ask.method, ask.headers), whole))
    }

    /// The answer to a request for `path`, which is canonical and in `mount`.
    pub(crate) async fn serve(
        self: &Arc<Self>,
        mount: &Mount,
        path: &str,
        ask: &Ask<'_>,
    ) -> Response {
        match *ask.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => {
                let response = Response::builder().status(StatusCode::NO_CONTENT);
                return response.header(header::ALLOW, ALLOW).finish();
            }
            _ => {
                let mut response = self.error(StatusCode::METHOD_NOT_ALLOWED);
                response.headers_mut().insert(header::ALLOW, ALLOW);
                return response;
            }
        }
        let has_slash = ask.uri.path().ends_with('/');
        let way = mount.settings.below(path).and_then(|rest| Way::of(rest, mount.dots));
        let Some(way) = way else { return self.error(StatusCode::NOT_FOUND) };
        let prefix = prefix(ask).to_owned();
        let wish = Wish { way, has_slash, shown: path.to_owned(), prefix };
        let Some(place) = self.mounts.iter().position(|other| std::ptr::eq(other, mount)) else {
            return self.error(StatusCode::NOT_FOUND);
        };
        let documents = Arc::clone(self);
        let (method, headers) = (ask.method.clone(), ask.headers.clone());
        let (key, generation) = (ask.original.path().to_owned(), ask.generation);
        let work = move || documents.answer(place, &wish, &method, &headers, &key, generation);
        let answer = tokio::task::spawn_blocking(work).await;
        match answer.map_err(io::Error::other).and_then(|answer| answer) {
            Ok(Some(response)) => response,
            Ok(None) => self.redirect(path, ask),
            Err(error) => self.error(status_of(&error)),
        }
    }

    /// The answer from memory or from the disk; nothing where a slash is missing.
    fn answer(
        &self,
        place: usize,
        wish: &Wish,
        method: &Method,
        headers: &HeaderMap,
        key: &str,
        generation: u64,
    ) -> io::Result<Option<Response>> {
        let answer = |whole: &Arc<whole::Whole>| {
            let coding = respond::coding_of(whole, method, headers);
            told(respond::whole(whole, coding, method, headers), whole)
        };
        if let Some(kept) = self.memory.find(key)
            && let Some(kept) = kept.as_ref()
            && kept.whole().is_same()
        {
            kept.set_of(generation);
            return Ok(Some(answer(kept.whole())));
        }
        let mount = self.mounts.get(place).ok_or(io::ErrorKind::NotFound)?;
        Ok(match self.load(mount, wish)? {
            Loaded::Whole(whole) => {
                // What is in memory is answered before anybody asks for a key.
                if !mount.is_guarded() {
                    self.memory.keep(key, &whole, generation);
                }
                Some(answer(&whole))
            }
            Loaded::Large(large) => Some(respond::large(&large, method, headers)),
            Loaded::Redirect => None,
        })
    }

    /// To the same path with a slash at its end, so that what the page names is found beside it. The target is
    /// relative: it holds wherever we are mounted, and leads to no other host.
    fn redirect(&self, path: &str, ask: &Ask<'_>) -> Response {
        let name = path.rsplit('/').next().unwrap_or_default();
        let query = ask.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let Ok(target) = HeaderValue::from_str(&format!("{}/{query}", segment(name))) else {
            return self.error(StatusCode::NOT_FOUND);
        };
        let mut response = self.error(StatusCode::MOVED_PERMANENTLY);
        response.headers_mut().insert(header::LOCATION, target);
        response
    }

    /// The page of an error.
    fn error(&self, status: StatusCode) -> Response {
        errors::page(&self.error_page, status)
    }
}

/// Notes on an answer what the log needs of it.
fn told(mut response: Response, whole: &whole::Whole) -> Response {
    if !whole.included.is_empty() {
        response.extensions_mut().insert(whole.included.clone());
    }
    response
}

/// What stands before our own paths where we are part of another server.
fn prefix<'a>(ask: &Ask<'a>) -> &'a str {
    ask.original.path().strip_suffix(ask.uri.path()).unwrap_or_default()
}

fn status_of(error: &io::Error) -> StatusCode {
    match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NOT_FOUND,
        io::ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => StatusCode::SERVICE_UNAVAILABLE,
        _ => {
            tracing::error!(%error, "a document cannot be read");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
