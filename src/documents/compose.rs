//! What the magic variables of a page mean: files, times and a title put in their places.
//!
//! What is included is not looked at for variables again, so that nothing can include itself. It comes from
//! below the folder of the page only, and from all files together at most a megabyte.

use std::{io, time::SystemTime};

use jiff::{Timestamp, ZonedDateTime, tz::TimeZone};

use super::{
    escape::escaped,
    load::read,
    magic::{Piece, formatted, pieces},
    mount::Mount,
};
use crate::content::{
    identity::{Identity, Part},
    kind::Kind,
    way::Way,
    whole::{Included, Keeping},
};

/// The most bytes that a page may include, all files together.
const MOST: u64 = 1 << 20;

/// The most files that a page may include or ask the time of.
const MOST_FILES: usize = 256;

/// What becomes of the files that a page includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    /// Part of Markdown: HTML is put in after it is rendered.
    Markdown,
    /// Part of HTML: Markdown is rendered first.
    Html,
}

/// A page with its variables replaced.
#[derive(Debug, Default)]
pub(super) struct Composed {
    /// The text, with a mark for each of the `parts`.
    pub(super) text: String,
    /// What is put in the places of marks after rendering: HTML, or Markdown to be rendered.
    pub(super) parts: Vec<(String, String)>,
    /// The title, if the page sets one.
    pub(super) title: Option<String>,
    /// The files that it was made of, beside its own.
    pub(super) made_of: Vec<Part>,
    /// Files that were included.
    pub(super) included: Vec<Included>,
    /// Whether it says what time it is.
    pub(super) tells_time: bool,
    /// What could not be put in.
    pub(super) faults: Vec<String>,
}

impl Composed {
    /// Whether it can answer further requests.
    pub(super) fn keeping(&self) -> Keeping {
        if self.tells_time { Keeping::Not } else { Keeping::WhileSame }
    }

    /// The text with the marks replaced by what `made` says of each part; a mark that is a paragraph of its
    /// own is replaced with the paragraph.
    pub(super) fn put_in(&self, html: &str, made: impl Fn(&str) -> String) -> String {
        let mut html = html.to_owned();
        for (mark, part) in &self.parts {
            let part = made(part);
            html = put(&html.replace(&format!("<p>{mark}</p>"), &part), mark, &part);
        }
        html
    }
}

/// Puts HTML in the places of a mark: as text where it stands in code, and nothing inside a tag, such as in
/// the anchor of a heading.
fn put(html: &str, mark: &str, part: &str) -> String {
    let mut all = String::with_capacity(html.len() + part.len());
    let mut pieces = html.split(mark);
    all.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        // What was included is whole. A bare `<` of a text opens nothing.
        let opens = |name: &str| all.rfind(name);
        let begins = |at: usize| {
            let next = all.get(at + 1..).unwrap_or_default().chars().next();
            next.is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?'))
        };
        // Not beyond the last `>`, so that a text of many bare ones is not walked through for each part.
        let closed = opens(">").map_or(0, |at| at + 1);
        let open = all.get(closed..).unwrap_or_default();
        let is_in_tag = open.match_indices('<').any(|(at, _)| begins(closed + at));
        if !is_in_tag {
            match opens("<code") > opens("</code") {
                true => all.push_str(&escaped(part)),
                false => all.push_str(part),
            }
        }
        all.push_str(piece);
    }
    all
}

/// Replaces the variables of a page at `way`.
pub(super) fn compose(text: &str, mount: &Mount, way: &Way, into: Into) -> Composed {
    let mut composer = Composer {
        mount,
        way,
        into,
        left: MOST,
        mark: format!("hotplate{}", uuid::Uuid::new_v4().simple()),
        done: Composed { text: String::with_capacity(text.len()), ..Composed::default() },
    };
    for piece in pieces(text) {
        composer.add(piece);
    }
    for fault in &composer.done.faults {
        tracing::warn!(document = format!("{}/{}", mount.path(), way.as_str()), "{fault}");
    }
    composer.done
}

struct Composer<'a> {
    mount: &'a Mount,
    way: &'a Way,
    into: Into,
    /// How many bytes may still be included.
    left: u64,
    /// What marks begin with: nothing that a page could contain.
    mark: String,
    done: Composed,
}

impl Composer<'_> {
    fn add(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Text(text) => self.done.text.push_str(text),
            Piece::Title(title) => self.done.title = Some(title.to_owned()),
            Piece::Time(format) => {
                self.done.tells_time = true;
                let time = formatted(&ZonedDateTime::now(), format);
                self.add_text(&time);
            }
            Piece::FileTime(file, format) => match self.modified(file) {
                Ok(time) => self.add_text(&formatted(&time, format)),
                Err(error) => self.fault("FILETIME", file, &error),
            },
            Piece::Include(file) => {
                if let Err(error) = self.include(file) {
                    self.fault("INCLUDE", file, &error);
                }
            }
        }
    }

    /// Text that is no markup of the page.
    fn add_text(&mut self, text: &str) {
        match self.into {
            Into::Markdown => self.done.text.push_str(text),
            Into::Html => self.done.text.push_str(&super::escape::escaped(text)),
        }
    }

    fn fault(&mut self, variable: &str, file: &str, error: &io::Error) {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file in the folder".to_owned(),
            io::ErrorKind::FileTooLarge => "all that is included may have 1 MiB".to_owned(),
            kind => kind.to_string(),
        };
        self.done.faults.push(format!("@{variable}={file}@: {why}"));
    }

    /// The way to a file, which is noted as one that the page depends on.
    fn way_to(&mut self, file: &str) -> io::Result<Way> {
        let way = self.way.beside(file, self.mount.dots).ok_or(io::ErrorKind::NotFound)?;
        if self.done.made_of.len() >= MOST_FILES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(way)
    }

    fn note(&mut self, way: &Way, identity: Option<Identity>) {
        let (path, links) = (self.mount.root.path_of(way), self.mount.root.links());
        self.done.made_of.push(match identity {
            Some(identity) => Part::read(path, links, identity),
            None => Part::now(path, links),
        });
    }

    fn modified(&mut self, file: &str) -> io::Result<ZonedDateTime> {
        let way = self.way_to(file)?;
        let opened = self.mount.root.open(&way).inspect_err(|_| self.note(&way, None))?;
        self.note(&way, Some(Identity::of(&opened.metadata)));
        if !opened.metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let modified: SystemTime = opened.metadata.modified()?;
        let modified = Timestamp::try_from(modified).map_err(io::Error::other)?;
        Ok(modified.to_zoned_datetime(TimeZone::system()))
    }

    fn include(&mut self, file: &str) -> io::Result<()> {
        let way = self.way_to(file)?;
        let opened = self.mount.root.open(&way).inspect_err(|_| self.note(&way, None))?;
        self.note(&way, Some(Identity::of(&opened.metadata)));
        if !opened.metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if opened.metadata.len() > self.left {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let content = read(&opened.file, self.left)?.content;
        let bytes = content.len() as u64;
        self.left = self.left.checked_sub(bytes).ok_or(io::ErrorKind::FileTooLarge)?;
        let text = String::from_utf8(content)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))?;
        let path = format!("{}/{}", self.mount.path().trim_end_matches('/'), way.as_str());
        self.done.included.push(Included { path, bytes });
        let kind = Kind::of(way.name());
        let is_marked = match self.into {
            Into::Markdown => kind.is_html(),
            Into::Html => kind.is_markdown(),
        };
        if is_marked {
            let mark = format!("{}x{}x", self.mark, self.done.parts.len());
            self.done.text.push_str(&mark);
            self.done.parts.push((mark, text));
        } else {
            self.done.text.push_str(&text);
        }
        Ok(())
    }
}
