//! `multipart/form-data`, of a body that is here whole.

use std::{
    convert::Infallible,
    pin::pin,
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, header};
use hyper::body::Bytes;

use super::file::File;

/// The most parts that a body may have: each costs more than its bytes.
const MOST_PARTS: usize = 1_000;

/// How often the parser may ask to be asked again, though all it waits for is here.
const MOST_POLLS: usize = 1_000_000;

/// One field of a form.
#[derive(Debug)]
pub(crate) struct Part {
    /// The field's name.
    pub(crate) name: String,
    /// Whether it says that it is a file: it has a file name.
    pub(crate) is_file: bool,
    /// What it holds.
    pub(crate) file: File,
}

impl Part {
    /// What it holds as text; in words, why it is none.
    pub(crate) fn text(&self) -> Result<&str, String> {
        std::str::from_utf8(&self.file.bytes).map_err(|error| {
            let (name, place) = (&self.name, error.valid_up_to());
            format!("is not valid UTF-8 in the field `{name}` from byte {place} on")
        })
    }
}

/// Reads all parts; in words, why that cannot be done.
pub(crate) fn parse(headers: &HeaderMap, body: &Bytes) -> Result<Vec<Part>, String> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let boundary = multer::parse_boundary(kind.unwrap_or_default())
        .map_err(|_| "the content type names no boundary".to_owned())?;
    let body = tokio_stream::once(Ok::<Bytes, Infallible>(body.clone()));
    let mut reading = pin!(read(multer::Multipart::new(body, boundary)));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..MOST_POLLS {
        if let Poll::Ready(parts) = reading.as_mut().poll(&mut context) {
            return parts;
        }
    }
    Err("the parts do not end".to_owned())
}

async fn read(mut multipart: multer::Multipart<'static>) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(|error| words(&error))? {
        if parts.len() >= MOST_PARTS {
            return Err(format!("there are more than {MOST_PARTS} parts"));
        }
        let Some(name) = field.name().map(str::to_owned) else {
            return Err("a part has no name".to_owned());
        };
        let filename = field.file_name();
        // What a browser sends of a field where no file was chosen.
        let is_none = filename == Some("");
        let filename = filename.map(Into::into);
        let content_type = field.content_type().map_or_else(
            || if filename.is_some() { "application/octet-stream" } else { "text/plain" }.into(),
            |kind| kind.to_string().into(),
        );
        let bytes = field.bytes().await.map_err(|error| words(&error))?;
        let is_file = filename.is_some();
        if is_none && bytes.is_empty() {
            continue;
        }
        parts.push(Part { name, is_file, file: File { filename, content_type, bytes } });
    }
    Ok(parts)
}

fn words(error: &multer::Error) -> String {
    match error {
        multer::Error::IncompleteStream | multer::Error::IncompleteFieldData { .. } => {
            "the last part does not end".to_owned()
        }
        multer::Error::IncompleteHeaders | multer::Error::ReadHeaderFailed(_) => {
            "the headers of a part are not whole".to_owned()
        }
        _ => "the parts cannot be told apart".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};
    use hyper::body::Bytes;

    use super::parse;

    fn parsed(body: &'static str) -> Result<Vec<String>, String> {
        let kind = HeaderValue::from_static("multipart/form-data; boundary=x");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]);
        let show = |part: super::Part| {
            let text = String::from_utf8_lossy(&part.file.bytes).into_owned();
            format!("{}:{}:{}:{text}", part.name, part.is_file, part.file.content_type)
        };
        Ok(parse(&headers, &Bytes::from_static(body.as_bytes()))?.into_iter().map(show).collect())
    }

    #[test]
    fn texts_and_files_are_told_apart() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"f\"; filename=\"n.png\"\r\n\
                    Content-Type: image/png\r\n\r\nbytes\r\n--x--\r\n";
        let parts = parsed(body).expect("it is whole");
        assert_eq!(parts, ["a:false:text/plain:1", "f:true:image/png:bytes"]);
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        for body in ["", "--x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1"] {
            assert!(parsed(body).is_err(), "{body:?}");
        }
    }
}
