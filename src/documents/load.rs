//! What a path leads to, read from the disk. Everything here may block.

use std::{
    fs::File,
    io::{self, Read as _},
    sync::Arc,
};

use super::{
    Documents, listing,
    mount::Mount,
    page::{self, Source},
};
use crate::content::{
    beneath::Opened,
    coding::Coding,
    identity::{Identity, Part},
    kind::Kind,
    respond::Large,
    way::Way,
    whole::{Keeping, Nature, Whole},
};

/// The largest file that is read into memory, in bytes.
pub(super) const SMALL: u64 = 256 << 10;

/// How often a file is read again that changes while it is read.
const TRIES: usize = 3;

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Loaded {
    /// A document in memory.
    Whole(Arc<Whole>),
    /// A file that is sent piece by piece.
    Large(Box<Large>),
    /// A folder that was asked for without the slash at its end.
    Redirect,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// Where it is.
    pub(super) way: Way,
    /// Whether the path ends with a slash.
    pub(super) has_slash: bool,
    /// The path as the client knows it, for people.
    pub(super) shown: String,
    /// What stands before our own paths where we are part of another server.
    pub(super) prefix: String,
}

impl Documents {
    /// Reads what a path leads to.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] for what is not there; others as the system tells them.
    pub(super) fn load(&self, mount: &Mount, wish: &Wish) -> io::Result<Loaded> {
        let opened = mount.root.open(&wish.way)?;
        if opened.metadata.is_file() {
            return match wish.has_slash {
                true => Err(io::ErrorKind::NotFound.into()),
                false => self.file(mount, wish, &wish.way, &opened, Vec::new()),
            };
        }
        if !wish.has_slash {
            return Ok(Loaded::Redirect);
        }
        let mut made_of = Vec::new();
        for name in &mount.settings.index {
            let way = wish.way.join(name);
            match mount.root.open(&way) {
                Ok(index) if index.metadata.is_file() => {
                    return self.file(mount, wish, &way, &index, made_of);
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                // One that appears later comes first.
                _ => made_of.push(Part::now(mount.root.path_of(&way), mount.root.links())),
            }
        }
        if !mount.settings.listing {
            return Err(io::ErrorKind::NotFound.into());
        }
        let html = listing::page(&opened, &mount.root, &wish.way, mount.dots, &wish.shown)?;
        let nature = Nature {
            content_type: "text/html; charset=utf-8".to_owned(),
            is_compressible: true,
            cache_control: mount.settings.cache_control.clone(),
            policy: Some(listing::POLICY.to_owned()),
            modified: None,
        };
        Ok(Loaded::Whole(Arc::new(Whole::new(&html.into(), &nature, Vec::new(), Keeping::Not))))
    }

    /// A file, as a page if it is one. `made_of` is what it depends on that is not there.
    fn file(
        &self,
        mount: &Mount,
        wish: &Wish,
        way: &Way,
        opened: &Opened,
        made_of: Vec<Part>,
    ) -> io::Result<Loaded> {
        let kind = Kind::of(way.name());
        let is_markdown = kind.is_markdown() && mount.settings.markdown;
        if !is_markdown && !kind.is_html() {
            return plain(mount, way, opened, kind, made_of);
        }
        // Its source is shown where rendering it would take too long.
        let otherwise = if is_markdown { Kind::TEXT } else { kind };
        if opened.metadata.len() > page::LARGEST {
            return plain(mount, way, opened, otherwise, made_of);
        }
        let Read { content, identity, is_torn } = read(&opened.file, page::LARGEST)?;
        if content.len() as u64 > page::LARGEST {
            return plain(mount, way, opened, otherwise, made_of);
        }
        let text = match String::from_utf8(content) {
            Ok(text) => text,
            Err(wrong) if is_markdown => String::from_utf8_lossy(wrong.as_bytes()).into_owned(),
            // It says for itself what it is.
            Err(_) => return plain(mount, way, opened, kind, made_of),
        };
        let mut depends_on = made_of.clone();
        depends_on.push(Part::read(mount.root.path_of(way), mount.root.links(), identity));
        let keeping = if is_torn { Keeping::Not } else { Keeping::WhileSame };
        let source = Source { text, keeping, made_of: depends_on };
        if is_markdown {
            return Ok(Loaded::Whole(self.markdown(mount, wish, way, source)?));
        }
        match self.html(mount, way, wish, source)? {
            Some(page) => Ok(Loaded::Whole(page)),
            None => plain(mount, way, opened, kind, made_of),
        }
    }
}

/// A file as it is.
fn plain(
    mount: &Mount,
    way: &Way,
    opened: &Opened,
    kind: Kind,
    mut made_of: Vec<Part>,
) -> io::Result<Loaded> {
    let metadata = opened.file.metadata()?;
    if metadata.len() > SMALL {
        return large(mount, way, opened, &Identity::of(&metadata), kind);
    }
    let Read { content, identity, is_torn } = read(&opened.file, SMALL)?;
    if content.len() as u64 > SMALL {
        // It has grown meanwhile.
        return large(mount, way, opened, &identity, kind);
    }
    made_of.push(Part::read(mount.root.path_of(way), mount.root.links(), identity));
    let keeping = if is_torn { Keeping::Not } else { Keeping::WhileSame };
    let is_utf8 = kind.is_text() && std::str::from_utf8(&content).is_ok();
    let nature = Nature::of(kind, is_utf8, &identity, &mount.settings.cache_control);
    let mut whole = Whole::new(&content.into(), &nature, made_of, keeping);
    for (coding, sibling) in siblings(mount, way, kind, &identity) {
        let Ok(read) = read(&sibling.file, SMALL) else { continue };
        if read.content.len() as u64 <= SMALL && !read.is_torn {
            let path = mount.root.path_of(&way.with_ending(coding.ending()));
            let part = Part::read(path, mount.root.links(), read.identity);
            whole = whole.with_sibling(coding, &read.content.into(), part);
        }
    }
    Ok(Loaded::Whole(Arc::new(whole)))
}

fn large(
    mount: &Mount,
    way: &Way,
    opened: &Opened,
    identity: &Identity,
    kind: Kind,
) -> io::Result<Loaded> {
    let siblings = siblings(mount, way, kind, identity)
        .map(|(coding, sibling)| {
            let tag = Identity::of(&sibling.metadata).settled_tag();
            (coding, Arc::new(sibling.file), sibling.metadata.len(), tag)
        })
        .collect();
    let file = opened.file.try_clone()?;
    let large = Large::of(file, identity, kind, &mount.settings.cache_control)?;
    Ok(Loaded::Large(Box::new(Large { siblings, ..large })))
}

/// The compressed files beside a file. One that is older than the file, or that was there long before the file
/// came there, says something else by now.
fn siblings(
    mount: &Mount,
    way: &Way,
    kind: Kind,
    identity: &Identity,
) -> impl Iterator<Item = (Coding, Opened)> {
    let codings = if kind.is_compressible() { &Coding::REAL[..] } else { &[] };
    codings.iter().filter_map(move |coding| {
        let opened = mount.root.open(&way.with_ending(coding.ending())).ok()?;
        let is_of_it = !Identity::of(&opened.metadata).is_older_than(identity);
        (opened.metadata.is_file() && is_of_it).then_some((*coding, opened))
    })
}

/// A file that was read.
pub(super) struct Read {
    /// What is in it, of at most one byte more than was asked for.
    pub(super) content: Vec<u8>,
    /// Which version it is.
    pub(super) identity: Identity,
    /// Whether it kept changing while it was read.
    pub(super) is_torn: bool,
}

/// Reads a file of at most `most` bytes; one more is read of a larger one.
pub(super) fn read(mut file: &File, most: u64) -> io::Result<Read> {
    use std::io::Seek as _;
    file.rewind()?;
    let mut tries = 0;
    loop {
        let before = Identity::of(&file.metadata()?);
        let mut content =
            Vec::with_capacity(usize::try_from(before.size().min(most)).unwrap_or(0) + 1);
        file.take(most + 1).read_to_end(&mut content)?;
        let identity = Identity::of(&file.metadata()?);
        let is_torn = identity != before;
        tries += 1;
        if !is_torn || tries == TRIES {
            return Ok(Read { content, identity, is_torn });
        }
        file.rewind()?;
    }
}
