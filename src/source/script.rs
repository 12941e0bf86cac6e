//! One script as it was read.
//!
//! What is not a regular file is never opened for long: it is looked at first, opened without blocking,
//! and looked at again. What was changed so recently that the clock of the file system could not tell a
//! later change from it is read again at the next look ("racily clean", as in git).

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    digest::Digest,
    name::{Kind, ScriptName},
};
use crate::diagnostic::{Diagnostic, Place};

/// The largest script, in bytes.
pub(super) const LARGEST: u64 = 1024 * 1024;

/// How old a change must be before its time can be trusted: many ticks of the slowest kernel clock, for on a
/// machine that shares its processors a tick may come late.
const RACY: Duration = Duration::from_millis(200);

/// A script as it was read, or why it could not be.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// Its name.
    pub(crate) name: ScriptName,
    /// What it is for.
    pub(crate) kind: Kind,
    /// The path that it owns; empty for what is no plugin.
    pub(crate) mount: String,
    /// Its path below the plugin folder, as diagnostics name it.
    pub(crate) file: String,
    /// Its text without a byte order mark, or why there is none.
    pub(crate) text: Result<Arc<str>, Diagnostic>,
    /// What tells this content, or this fault, from others.
    pub(crate) digest: Digest,
    /// Whether the file itself lies in the plugin folder and was reached through no linked folder.
    pub(crate) confined: bool,
    /// What the file system says of it.
    pub(super) stamp: Stamp,
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a file that could not be looked at.
    pub(super) const NONE: Self =
        Self { device: 0, inode: 0, size: 0, modified: (0, 0), changed: (0, 0) };

    /// The stamp that `metadata` holds.
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// How long before `now` the file changed last; zero for a change in the future.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        let (seconds, nanoseconds) = self.changed;
        let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds))
        else {
            return Duration::MAX;
        };
        let changed = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        now.duration_since(changed).unwrap_or_default()
    }
}

/// What reading a file gave.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) text: Result<Arc<str>, Diagnostic>,
    pub(super) digest: Digest,
    pub(super) stamp: Stamp,
    /// Whether an equal stamp will mean an equal content.
    pub(super) trust: Trust,
}

/// Whether a stamp tells every later change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// An equal stamp is an equal content.
    Settled,
    /// The file has to be read again.
    Racy,
}

/// Reads the script at `path`, which diagnostics call `file`. An error is what the system says when
/// there is nothing, or nothing that can be opened.
pub(super) fn read(path: &Path, file: &str) -> io::Result<Content> {
    let before = std::fs::metadata(path)?;
    if !before.is_file() {
        return Ok(not_a_file(file, Stamp::of(&before)));
    }
    if before.size() > LARGEST {
        return Ok(too_large(file, Stamp::of(&before)));
    }
    let now = SystemTime::now();
    let mut opened =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let metadata = opened.metadata()?;
    let stamp = Stamp::of(&metadata);
    if !metadata.is_file() {
        return Ok(not_a_file(file, stamp));
    }
    let bytes = bytes_of(&mut opened, metadata.size())?;
    if bytes.len() as u64 > LARGEST {
        return Ok(too_large(file, stamp));
    }
    let still = Stamp::of(&opened.metadata()?) == stamp;
    let trust = if still && stamp.age(now) > RACY { Trust::Settled } else { Trust::Racy };
    let (text, digest) = match text_of(&bytes, file) {
        Ok(text) => (Ok(Arc::from(text)), Digest::of(text.as_bytes())),
        Err(fault) => (Err(*fault), Digest::of(&bytes)),
    };
    Ok(Content { text, digest, stamp, trust })
}

/// A script that cannot be opened, for `error`.
pub(super) fn unreadable(file: &str, error: &io::Error) -> Content {
    let (reason, help) = match error.kind() {
        io::ErrorKind::NotFound => {
            ("it is a link that points at nothing".to_owned(), "mend the link, or remove it")
        }
        _ if error.raw_os_error() == Some(libc::ELOOP) => {
            ("it is a link that leads in a circle".to_owned(), "mend the link, or remove it")
        }
        io::ErrorKind::PermissionDenied => (
            "the user that runs the server may not read it".to_owned(),
            "give that user permission to read the file",
        ),
        _ => (error.to_string(), "see what the system says of the file"),
    };
    let message = format!("`{file}` cannot be read: {reason}");
    let fault = Diagnostic::error("unreadable", message).help(help);
    // What the system refused now it may grant later without the file changing.
    Content { trust: Trust::Racy, ..faulty(fault, file, Stamp::NONE) }
}

/// A file below a folder that cannot be read, for `error`.
pub(super) fn below_unreadable(file: &str, fault: &Diagnostic) -> Content {
    Content { trust: Trust::Racy, ..faulty(fault.clone(), file, Stamp::NONE) }
}

fn bytes_of(opened: &mut File, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(LARGEST)).unwrap_or_default() + 1);
    opened.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn faulty(fault: Diagnostic, file: &str, stamp: Stamp) -> Content {
    let digest = Digest::of(fault.message.as_bytes());
    let fault = if fault.place.is_some() { fault } else { fault.at(Place::file(file)) };
    Content { text: Err(fault), digest, stamp, trust: Trust::Settled }
}

fn not_a_file(file: &str, stamp: Stamp) -> Content {
    let message = format!("`{file}` is not a regular file");
    let help = "a script is a plain text file: rename or remove what is there";
    faulty(Diagnostic::error("not-a-file", message).help(help), file, stamp)
}

fn too_large(file: &str, stamp: Stamp) -> Content {
    let message = "the script is larger than 1 MiB";
    let help = "move data out of the script, into files that it reads or a store";
    faulty(Diagnostic::error("script-too-large", message).help(help), file, stamp)
}

/// The text of a script without its byte order mark.
fn text_of<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, Box<Diagnostic>> {
    if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        let fault = Diagnostic::error("not-utf8", "the script is written in UTF-16");
        return Err(Box::new(fault.at(Place::file(file)).help("save it as UTF-8")));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Box::new(not_utf8(bytes, error.valid_up_to(), file)))?;
    if let Some(offset) = text.find('\0') {
        let visible = text.replace('\0', "\u{2400}");
        let place = Place::of_offset(file, &visible, offset, '\u{2400}'.len_utf8());
        let fault = Diagnostic::error("nul-byte", "the script holds a NUL byte");
        let help = "a script is plain text: remove the byte, or save the file again";
        return Err(Box::new(fault.at(place).help(help)));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn not_utf8(bytes: &[u8], valid: usize, file: &str) -> Diagnostic {
    let visible = String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}");
    // NUL bytes before the fault grew by two bytes each.
    let nuls = bytes.iter().take(valid).filter(|byte| **byte == 0).count();
    let place = Place::of_offset(file, &visible, valid + 2 * nuls, '\u{fffd}'.len_utf8());
    Diagnostic::error("not-utf8", "the script is not valid UTF-8")
        .at(place)
        .help("save it as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(bytes: &[u8]) -> (&'static str, usize, usize, String) {
        let fault = text_of(bytes, "a.rhai").unwrap_err();
        let place = fault.place.unwrap();
        (fault.code, place.line, place.column, place.source)
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        assert_eq!(fault(b"let a;\nlet \xff;"), ("not-utf8", 2, 5, "let \u{fffd};".to_owned()));
        assert_eq!(fault(b"\0\n \0\xff"), ("not-utf8", 2, 3, " \u{fffd}\u{fffd}".to_owned()));
        assert_eq!(fault("ü\nü\0".as_bytes()), ("nul-byte", 2, 2, "ü\u{2400}".to_owned()));
        assert_eq!(fault(b"\xff\xfeg\0e\0t\0").0, "not-utf8");
    }

    #[test]
    fn a_byte_order_mark_is_ignored() {
        assert_eq!(text_of("\u{feff}get()\r\n".as_bytes(), "a.rhai").unwrap(), "get()\r\n");
        assert_eq!(text_of(b"", "a.rhai").unwrap(), "");
    }

    #[test]
    fn a_change_that_the_clock_cannot_tell_from_the_next_is_not_trusted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a").unwrap();
        assert_eq!(read(file.path(), "a.rhai").unwrap().trust, Trust::Racy);
        let settled = (0..500).find(|_| {
            std::thread::yield_now();
            let aged =
                Stamp::of(&std::fs::metadata(file.path()).unwrap()).age(SystemTime::now()) > RACY;
            if !aged {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            aged
        });
        assert!(settled.is_some());
        assert_eq!(read(file.path(), "a.rhai").unwrap().trust, Trust::Settled);
    }
}
