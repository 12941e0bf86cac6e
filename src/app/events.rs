//! What tells the page at `/docs` of each new generation: server-sent events, and the same once.
//!
//! Invariants: at most [`MOST`] listen at a time; none of them holds up an end; a listener that is gone is
//! noticed at the next beat; outside development nothing of a script is told; who may read the document no
//! more is told nothing more.

use std::{net::IpAddr, sync::Arc, time::Duration};

use http::{HeaderMap, Method, StatusCode, Uri, header};
use poem::{Body, Response};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::Inner;
use crate::{
    admin::Caller,
    diagnostic::Diagnostic,
    generation::{Entry, Generation, State},
    host::problem::Problem,
    openapi::{Format, diff::Change},
    source::ScriptName,
};

/// How many may listen at a time; the page of one more looks again and again instead.
const MOST: usize = 64;

/// How often something is sent where nothing happens, so that both ends see that the other is there.
const BEAT: Duration = Duration::from_secs(15);

/// Those who listen.
#[derive(Debug)]
pub(crate) struct Listeners {
    places: Arc<Semaphore>,
    ended: watch::Sender<bool>,
}

impl Default for Listeners {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST)), ended: watch::Sender::new(false) }
    }
}

impl Listeners {
    /// Says goodbye to all of them, and takes no more.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Answers with what is served now, and then with each generation that is published.
    pub(super) fn listen(&self, source: Source, listener: Listener) -> Response {
        let mut ended = self.ended.subscribe();
        let free = Arc::clone(&self.places).try_acquire_owned().ok();
        let Some(place) = free.filter(|_| !*ended.borrow_and_update()) else {
            let mut full = Problem::new(StatusCode::SERVICE_UNAVAILABLE)
                .detail("too many pages listen already")
                .into_response();
            full.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("30"));
            return full;
        };
        let (sender, events) = mpsc::channel(1);
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                () = source.tell(&listener, &sender) => {}
                _ = ended.changed() => {}
                () = sender.closed() => {}
            }
        });
        opening().body(Body::from_bytes_stream(ReceiverStream::new(events)))
    }
}

/// Where what is told comes from.
#[derive(Debug)]
pub(super) struct Source {
    /// The instance.
    pub(super) inner: Arc<Inner>,
    /// The path below which it is served, empty if it is the root.
    pub(super) prefix: String,
}

/// Who listens, as they asked for it.
#[derive(Debug)]
pub(super) struct Listener {
    headers: HeaderMap,
    uri: Uri,
    host: String,
    peer: Option<IpAddr>,
    local: Option<IpAddr>,
}

impl From<&Caller<'_>> for Listener {
    fn from(caller: &Caller<'_>) -> Self {
        Self {
            headers: caller.headers.clone(),
            uri: caller.uri.clone(),
            host: caller.host.to_owned(),
            peer: caller.peer,
            local: caller.local,
        }
    }
}

impl Listener {
    /// Whether they may read the document that a generation has.
    fn may_read(&self, inner: &Inner, generation: &Generation) -> bool {
        let caller = Caller {
            method: &Method::GET,
            headers: &self.headers,
            uri: &self.uri,
            body: &[],
            host: &self.host,
            peer: self.peer,
            local: self.local,
            wrong_keys: &inner.wrong_keys,
        };
        caller.check_openapi(&generation.settings).is_ok()
    }
}

impl Source {
    /// Sends an event for each generation, and a beat where there is none for long, until nobody listens or
    /// who listens may not any more.
    async fn tell(&self, listener: &Listener, to: &mpsc::Sender<std::io::Result<String>>) {
        let mut published = self.inner.site.follow();
        let mut is_new = true;
        loop {
            let generation = self.inner.site.current();
            if !listener.may_read(&self.inner, &generation) {
                return;
            }
            let event = if is_new { self.event(&generation) } else { ":\n\n".to_owned() };
            drop(generation);
            if to.send(Ok(event)).await.is_err() {
                return;
            }
            is_new = match tokio::time::timeout(BEAT, published.changed()).await {
                Ok(Ok(())) => {
                    published.borrow_and_update();
                    true
                }
                Ok(Err(_)) => return,
                Err(_) => false,
            };
        }
    }

    fn event(&self, generation: &Generation) -> String {
        let (number, state) = (generation.number, self.state(generation));
        format!("event: generation\nid: {number}\nretry: 1000\ndata: {state}\n\n")
    }

    /// What the page is told of a generation.
    pub(super) fn state(&self, generation: &Generation) -> Value {
        let administration = self.inner.admin.described();
        let document = generation.document(Format::Json, &self.prefix, administration);
        let mut state = json!({
            "generation": generation.number,
            "document": document.etag.to_str().unwrap_or_default(),
            "development": generation.settings.server.development,
        });
        if let Some(fields) = state.as_object_mut()
            && generation.settings.server.development
        {
            let failed = generation.plugins.iter().filter_map(failed).collect();
            fields.insert("failed".to_owned(), failed);
            let others = generation.diagnostics.iter().map(Diagnostic::shown).collect();
            fields.insert("diagnostics".to_owned(), others);
            fields.insert("changes".to_owned(), generation.changes.iter().map(told).collect());
            let standing = generation.standing.changes.iter().map(told).collect();
            fields.insert("contract".to_owned(), standing);
        }
        state
    }
}

/// The head of an answer with events.
pub(super) fn opening() -> poem::ResponseBuilder {
    Response::builder()
        .content_type("text/event-stream")
        .header(header::CACHE_CONTROL, "no-store")
        // A proxy that gathers what it forwards would hold back the news.
        .header("x-accel-buffering", "no")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
}

/// What a change of the API means, and which it is.
fn told(change: &Change) -> Value {
    json!({ "severity": change.severity, "message": change.message })
}

/// A plugin whose newest version is not served, and why.
fn failed((name, entry): (&ScriptName, &Arc<Entry>)) -> Option<Value> {
    if !matches!(entry.state, State::Stale | State::Failed) {
        return None;
    }
    let diagnostics: Vec<Value> = entry.diagnostics.iter().map(Diagnostic::shown).collect();
    Some(json!({
        "plugin": name.as_str(),
        "file": entry.file,
        "state": entry.state,
        "diagnostics": diagnostics,
    }))
}
