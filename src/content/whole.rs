//! A document that is in memory whole, with everything that answers made of it need.

use std::{sync::OnceLock, time::SystemTime};

use http::{HeaderMap, HeaderValue, header};
use hyper::body::Bytes;
use sha2::{Digest as _, Sha256};

use super::{
    coding::Coding,
    conditions::Validators,
    identity::{Identity, Part},
    kind::Kind,
};

/// A document in memory.
#[derive(Debug)]
pub(crate) struct Whole {
    plain: Form,
    /// In the order of [`Coding::REAL`]; nothing where the coding makes it no smaller.
    coded: [OnceLock<Option<Form>>; 2],
    is_compressible: bool,
    modified: Option<SystemTime>,
    /// The files that it was made of: while they are the same, so is it.
    made_of: Vec<Part>,
    keeping: Keeping,
    /// Files that it includes, for the log.
    pub(crate) included: Vec<Included>,
}

/// A document in one coding.
#[derive(Debug)]
pub(crate) struct Form {
    /// The bytes.
    pub(crate) content: Bytes,
    /// All headers of an answer with all of it.
    pub(crate) headers: HeaderMap,
    /// Its entity tag.
    pub(crate) etag: String,
}

/// A file that was included.
#[derive(Debug, Clone)]
pub(crate) struct Included {
    /// Its path below the mount.
    pub(crate) path: String,
    /// Its size in bytes.
    pub(crate) bytes: u64,
}

/// Whether it may answer further requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// As long as its files are the same.
    WhileSame,
    /// Not at all: it says what time it is, or its files are too new to tell their versions apart.
    Not,
}

/// What a document is, for its headers.
#[derive(Debug)]
pub(crate) struct Nature {
    /// The value of `Content-Type`.
    pub(crate) content_type: String,
    /// Whether it is worth compressing.
    pub(crate) is_compressible: bool,
    /// The value of `Cache-Control`.
    pub(crate) cache_control: String,
    /// The value of `Content-Security-Policy`, if it has one.
    pub(crate) policy: Option<String>,
    /// When it was modified, where that tells versions apart.
    pub(crate) modified: Option<SystemTime>,
}

impl Nature {
    /// That of a file as it is.
    pub(crate) fn of(kind: Kind, is_utf8: bool, identity: &Identity, cache_control: &str) -> Self {
        Self {
            content_type: kind.content_type(is_utf8),
            is_compressible: kind.is_compressible(),
            cache_control: cache_control.to_owned(),
            policy: None,
            modified: identity.last_modified(SystemTime::now()),
        }
    }

    /// The headers of every form of it; those of the form itself are missing.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(12);
        let mut put = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put(header::CONTENT_TYPE, &self.content_type);
        put(header::CACHE_CONTROL, &self.cache_control);
        if let Some(policy) = &self.policy {
            put(header::CONTENT_SECURITY_POLICY, policy);
        }
        if let Some(modified) = self.modified {
            put(header::LAST_MODIFIED, &httpdate::fmt_http_date(modified));
        }
        put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        put(header::ACCEPT_RANGES, "bytes");
        if self.is_compressible {
            put(header::VARY, "accept-encoding");
        }
        headers
    }
}

/// The headers of one form.
pub(crate) fn form_headers(mut headers: HeaderMap, etag: &str, coding: Coding) -> HeaderMap {
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(name) = coding.name() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    headers
}

impl Form {
    fn new(content: Bytes, headers: HeaderMap, digest: &str, coding: Coding) -> Self {
        let etag = format!("\"{digest}{}\"", coding.mark());
        let mut headers = form_headers(headers, &etag, coding);
        headers.insert(header::CONTENT_LENGTH, content.len().into());
        Self { content, headers, etag }
    }
}

impl Whole {
    /// A document with this content.
    pub(crate) fn new(
        content: &Bytes,
        nature: &Nature,
        made_of: Vec<Part>,
        keeping: Keeping,
    ) -> Self {
        let is_compressible = nature.is_compressible && content.len() >= super::coding::LEAST;
        let plain =
            Form::new(content.clone(), nature.headers(), &digest(content), Coding::Identity);
        Self {
            plain,
            coded: Default::default(),
            is_compressible,
            modified: nature.modified,
            made_of,
            keeping,
            included: Vec::new(),
        }
    }

    /// Adds what was compressed before: the file beside it, with its own identity.
    pub(crate) fn with_sibling(mut self, coding: Coding, content: &Bytes, part: Part) -> Self {
        let form = Form::new(content.clone(), self.base_headers(), &digest(content), coding);
        if let Some(place) = place(coding).and_then(|place| self.coded.get(place))
            && place.set(Some(form)).is_ok()
        {
            self.made_of.push(part);
        }
        self
    }

    fn base_headers(&self) -> HeaderMap {
        let mut headers = self.plain.headers.clone();
        headers.remove(header::ETAG);
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers
    }

    /// The document in a coding, if that is made already. `None`: it is not made yet.
    pub(crate) fn ready(&self, coding: Coding) -> Option<&Form> {
        match place(coding) {
            None => Some(&self.plain),
            Some(place) => Some(self.coded.get(place)?.get()?.as_ref().unwrap_or(&self.plain)),
        }
    }

    /// The document in a coding. Compressing takes milliseconds, the first time.
    pub(crate) fn form(&self, coding: Coding) -> &Form {
        let coded = place(coding).and_then(|place| self.coded.get(place));
        let made = coded.and_then(|coded| coded.get_or_init(|| self.encode(coding)).as_ref());
        made.unwrap_or(&self.plain)
    }

    fn encode(&self, coding: Coding) -> Option<Form> {
        let content = coding.encode(&self.plain.content).ok()?;
        let is_smaller = content.len() < self.plain.content.len();
        let digest = self.plain.etag.trim_matches('"');
        is_smaller.then(|| Form::new(content, self.base_headers(), digest, coding))
    }

    /// Whether there is, or can be, a form in this coding.
    pub(crate) fn has(&self, coding: Coding) -> bool {
        match place(coding).and_then(|place| self.coded.get(place)).map(OnceLock::get) {
            None => true,
            Some(None) => self.is_compressible,
            Some(Some(form)) => form.is_some(),
        }
    }

    /// How this version is told from others, in that form.
    pub(crate) fn validators<'a>(&self, form: &'a Form) -> Validators<'a> {
        Validators { etag: Some(&form.etag), modified: self.modified }
    }

    /// Whether it may be kept at all.
    pub(crate) fn is_to_be_kept(&self, now: SystemTime) -> bool {
        self.keeping == Keeping::WhileSame && self.made_of.iter().all(|part| part.is_settled(now))
    }

    /// Whether everything that it was made of is as it was.
    pub(crate) fn is_same(&self) -> bool {
        self.made_of.iter().all(Part::is_same)
    }

    /// The most memory that it may take, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let forms = if self.is_compressible { 3 } else { 1 };
        let siblings: usize =
            self.coded.iter().filter_map(|form| Some(form.get()?.as_ref()?.content.len())).sum();
        self.plain.content.len() * forms + siblings + self.made_of.len() * 256 + 2048
    }
}

fn place(coding: Coding) -> Option<usize> {
    Coding::REAL.iter().position(|real| *real == coding)
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().take(16).fold(String::with_capacity(32), |text, byte| {
        // Writing to a string cannot fail.
        text + format!("{byte:02x}").as_str()
    })
}
