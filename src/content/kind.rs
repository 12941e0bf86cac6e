//! What a file is, by the ending of its name.

use std::{fs::File, io, os::unix::fs::FileExt as _};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The media type, without parameters.
    media: &'static str,
}

/// Media types that are text though their name does not begin so.
const TEXTS: [&str; 6] = [
    "application/javascript",
    "application/json",
    "application/xml",
    "application/manifest+json",
    "application/toml",
    "application/x-sh",
];

/// Media types that are no text and still become smaller.
const COMPRESSIBLE: [&str; 6] = [
    "application/wasm",
    "application/vnd.ms-fontobject",
    "font/ttf",
    "font/otf",
    "image/bmp",
    "image/x-icon",
];

impl Kind {
    /// Text and nothing more.
    pub(crate) const TEXT: Self = Self { media: "text/plain" };

    /// The kind of a file with that name.
    pub(crate) fn of(name: &str) -> Self {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        let media = match ending.as_str() {
            "md" | "markdown" => "text/markdown",
            "js" | "mjs" | "cjs" => "text/javascript",
            "map" => "application/json",
            "webmanifest" => "application/manifest+json",
            "rhai" | "log" => "text/plain",
            ending => {
                mime_guess::from_ext(ending).first_raw().unwrap_or("application/octet-stream")
            }
        };
        Self { media }
    }

    /// Markdown.
    pub(crate) fn is_markdown(self) -> bool {
        self.media == "text/markdown"
    }

    /// HTML.
    pub(crate) fn is_html(self) -> bool {
        self.media == "text/html"
    }

    /// Whether it can be read, so that it may have a character encoding.
    pub(crate) fn is_text(self) -> bool {
        self.media.starts_with("text/")
            || self.media.ends_with("+xml")
            || self.media.ends_with("+json")
            || TEXTS.contains(&self.media)
    }

    /// Whether it gets smaller by compression.
    pub(crate) fn is_compressible(self) -> bool {
        self.is_text() || COMPRESSIBLE.contains(&self.media)
    }

    /// The value of `Content-Type`. The encoding is named where it is known: naming a wrong one would win
    /// over what the file says of itself.
    pub(crate) fn content_type(self, is_utf8: bool) -> String {
        // JSON has no such parameter: it is always UTF-8.
        let says = self.is_text() && is_utf8 && !self.media.ends_with("json");
        if says { format!("{}; charset=utf-8", self.media) } else { self.media.to_owned() }
    }
}

/// Whether a file begins as one in UTF-8 does.
pub(crate) fn begins_as_utf8(file: &File) -> io::Result<bool> {
    let mut begin = vec![0; 16 << 10];
    let read = file.read_at(&mut begin, 0)?;
    begin.truncate(read);
    Ok(match std::str::from_utf8(&begin) {
        Ok(_) => true,
        // A letter that is cut at the end is none that is wrong.
        Err(error) => error.error_len().is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn a_file_is_what_its_ending_says() {
        for (name, is) in [
            ("a.html", "text/html; charset=utf-8"),
            ("a.CSS", "text/css; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml; charset=utf-8"),
            ("a.png", "image/png"),
            ("a.tar.gz", "application/gzip"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("a.strange", "application/octet-stream"),
            ("README", "application/octet-stream"),
        ] {
            assert_eq!(Kind::of(name).content_type(true), is, "{name}");
        }
        assert_eq!(Kind::of("latin.txt").content_type(false), "text/plain");
    }
}
