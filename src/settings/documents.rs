//! `[documents]`: folders of files that are served as they are, and Markdown as pages.

use std::path::PathBuf;

use serde::Serialize;

use super::choice::MountAuth;
use super::sections::{last_part, last_part_if_any};

/// `[documents]`: what holds for all folders that are served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DocumentSettings {
    /// `[[documents.mounts]]`: the folders.
    pub mounts: Vec<MountSettings>,
    /// The address of the style sheet of Markdown pages, instead of the one that is built in. One that is
    /// relative starts at the path of the mount.
    pub markdown_css: Option<String>,
    /// The address of the style sheet of highlighted code, in the same way.
    pub highlight_css: Option<String>,
    /// The HTML file that Markdown is put into, instead of the one that is built in.
    #[serde(serialize_with = "last_part_if_any")]
    pub envelope: Option<PathBuf>,
    /// Whether HTML in Markdown becomes part of the page.
    pub markdown_html: bool,
    /// The `Content-Security-Policy` of Markdown pages.
    pub markdown_policy: String,
    /// The HTML file that errors are shown with, instead of the one that is built in.
    #[serde(serialize_with = "last_part_if_any")]
    pub error_page: Option<PathBuf>,
    /// The file that each answer has a line in, in the Common Log Format.
    #[serde(serialize_with = "last_part_if_any")]
    pub common_log: Option<PathBuf>,
    /// Whether included files have lines in `common_log` too.
    pub log_includes: bool,
    /// Bytes of memory for small files.
    pub cache_bytes: usize,
}

/// `[[documents.mounts]]`: a folder and the path that it is served under.
#[expect(clippy::struct_excessive_bools, reason = "each is a key that a person turns on or off")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MountSettings {
    /// The path, such as `/html`; `/` for everything.
    pub path: String,
    /// The folder.
    #[serde(serialize_with = "last_part")]
    pub folder: PathBuf,
    /// Which key it asks for.
    pub auth: MountAuth,
    /// What a folder is answered with: the first of these files that is in it.
    pub index: Vec<String>,
    /// Whether a folder without an index is answered with a list of what is in it.
    pub listing: bool,
    /// Whether files and folders are served whose names begin with a dot.
    pub dotfiles: bool,
    /// Whether symbolic links are followed that stay in the folder.
    pub symlinks: bool,
    /// Whether Markdown is served as pages.
    pub markdown: bool,
    /// The `Cache-Control` of what is served.
    pub cache_control: String,
}

impl Default for DocumentSettings {
    fn default() -> Self {
        Self {
            mounts: Vec::new(),
            markdown_css: None,
            highlight_css: None,
            envelope: None,
            markdown_html: false,
            markdown_policy:
                "default-src 'self'; img-src * data:; style-src 'self' 'unsafe-inline'; \
                              object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
                    .to_owned(),
            error_page: None,
            common_log: None,
            log_includes: false,
            cache_bytes: 64 << 20,
        }
    }
}

impl MountSettings {
    /// `folder` served under `path`, with the defaults for everything else.
    pub fn new(path: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            folder: folder.into(),
            auth: MountAuth::default(),
            index: ["index.html", "index.md"].map(str::to_owned).into(),
            listing: false,
            dotfiles: false,
            symlinks: false,
            markdown: true,
            cache_control: "no-cache".to_owned(),
        }
    }

    /// Whether a canonical path is served from the folder, and what of it is below.
    pub fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.path.trim_end_matches('/'))?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }
}
