//! From a document to the answer to one request: conditions, parts, codings.

use std::{fs::File, io, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Body, Response, ResponseParts};

use super::{
    coding::{Coding, choose},
    conditions::{Validators, Verdict, Wanted, judge, wanted},
    identity::Identity,
    kind::{Kind, begins_as_utf8},
    stream,
    whole::{Nature, Whole, form_headers},
};

/// A file that is too large to be in memory.
#[derive(Debug)]
pub(crate) struct Large {
    /// The file.
    pub(crate) file: Arc<File>,
    /// Its size in bytes.
    pub(crate) length: u64,
    /// What tells its versions apart, if anything does already.
    pub(crate) tag: Option<String>,
    /// What it is.
    pub(crate) nature: Nature,
    /// Files beside it that are the same, compressed: with their sizes and what tells them apart.
    pub(crate) siblings: Vec<(Coding, Arc<File>, u64, Option<String>)>,
}

impl Large {
    /// A file without others beside it.
    pub(crate) fn of(
        file: File,
        identity: &Identity,
        kind: Kind,
        cache_control: &str,
    ) -> io::Result<Self> {
        let is_utf8 = kind.is_text() && begins_as_utf8(&file)?;
        Ok(Self {
            length: identity.size(),
            tag: identity.settled_tag(),
            nature: Nature::of(kind, is_utf8, identity, cache_control),
            siblings: Vec::new(),
            file: Arc::new(file),
        })
    }
}

/// The coding that a client gets of a document in memory. A part is taken of what is not coded.
pub(crate) fn coding_of(whole: &Whole, method: &Method, headers: &HeaderMap) -> Coding {
    if *method == Method::GET && headers.contains_key(header::RANGE) {
        return Coding::Identity;
    }
    choose(headers, |coding| whole.has(coding))
}

/// The answer with a document in memory, in that coding.
pub(crate) fn whole(
    whole: &Whole,
    coding: Coding,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let form = whole.form(coding);
    let version = whole.validators(form);
    match judge(headers, version) {
        Verdict::Send => {}
        Verdict::NotModified => return not_modified(&form.headers),
        Verdict::Failed => return empty(StatusCode::PRECONDITION_FAILED),
    }
    let length = form.content.len() as u64;
    match wanted(method, headers, length, version) {
        Wanted::Whole if *method == Method::HEAD => {
            response(StatusCode::OK, form.headers.clone(), Body::empty())
        }
        Wanted::Whole => {
            response(StatusCode::OK, form.headers.clone(), Body::from_bytes(form.content.clone()))
        }
        Wanted::Part(first, last) => {
            let bounds = usize::try_from(first).ok().zip(usize::try_from(last).ok());
            let part = bounds.map(|(first, last)| form.content.slice(first..=last));
            let headers = part_headers(form.headers.clone(), first, last, length);
            response(
                StatusCode::PARTIAL_CONTENT,
                headers,
                Body::from_bytes(part.unwrap_or_default()),
            )
        }
        Wanted::Nothing => unsatisfiable(length),
    }
}

/// The answer with a large file.
pub(crate) fn large(large: &Large, method: &Method, headers: &HeaderMap) -> Response {
    let has_range = *method == Method::GET && headers.contains_key(header::RANGE);
    let is_coded = large.nature.is_compressible && !has_range;
    let beside = |coding| large.siblings.iter().find(|sibling| sibling.0 == coding);
    let coding = match is_coded {
        true => choose(headers, |coding| coding == Coding::Gzip || beside(coding).is_some()),
        false => Coding::Identity,
    };
    let (file, length, tag) = match beside(coding) {
        Some((_, file, length, tag)) => (file, *length, tag),
        None => (&large.file, large.length, &large.tag),
    };
    let is_made_here = coding != Coding::Identity && beside(coding).is_none();
    let etag = tag.as_ref().map(|tag| format!("\"{tag}{}\"", coding.mark()));
    let mut own = form_headers(large.nature.headers(), etag.as_deref().unwrap_or(""), coding);
    if etag.is_none() {
        own.remove(header::ETAG);
    }
    let version = Validators { etag: etag.as_deref(), modified: large.nature.modified };
    match judge(headers, version) {
        Verdict::Send => {}
        Verdict::NotModified => return not_modified(&own),
        Verdict::Failed => return empty(StatusCode::PRECONDITION_FAILED),
    }
    if is_made_here {
        own.remove(header::ACCEPT_RANGES);
        let body = match *method {
            Method::HEAD => Body::empty(),
            _ => stream::gzipped(Arc::clone(file), length),
        };
        return response(StatusCode::OK, own, body);
    }
    match wanted(method, headers, length, version) {
        Wanted::Whole => {
            own.insert(header::CONTENT_LENGTH, length.into());
            let body = match *method {
                Method::HEAD => Body::empty(),
                _ => stream::part(Arc::clone(file), 0, length),
            };
            response(StatusCode::OK, own, body)
        }
        Wanted::Part(first, last) => {
            let body = stream::part(Arc::clone(file), first, last - first + 1);
            response(StatusCode::PARTIAL_CONTENT, part_headers(own, first, last, length), body)
        }
        Wanted::Nothing => unsatisfiable(length),
    }
}

fn part_headers(mut headers: HeaderMap, first: u64, last: u64, length: u64) -> HeaderMap {
    if let Ok(range) = HeaderValue::from_str(&format!("bytes {first}-{last}/{length}")) {
        headers.insert(header::CONTENT_RANGE, range);
    }
    headers.insert(header::CONTENT_LENGTH, (last - first + 1).into());
    headers
}

fn unsatisfiable(length: u64) -> Response {
    let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
    if let Ok(range) = HeaderValue::from_str(&format!("bytes */{length}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

fn not_modified(own: &HeaderMap) -> Response {
    let told = [
        header::ETAG,
        header::LAST_MODIFIED,
        header::CACHE_CONTROL,
        header::CONTENT_SECURITY_POLICY,
        header::VARY,
    ];
    let told =
        told.into_iter().filter_map(|name| own.get(&name).map(|value| (name, value.clone())));
    response(StatusCode::NOT_MODIFIED, told.collect(), Body::empty())
}

fn empty(status: StatusCode) -> Response {
    response(status, HeaderMap::new(), Body::empty())
}

fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let version = http::Version::default();
    let extensions = http::Extensions::default();
    Response::from_parts(ResponseParts { status, version, headers, extensions }, body)
}
