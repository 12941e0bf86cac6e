//! One script's file: its stamp, its text, or what is wrong with it.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};

use super::{fault, name::ScriptName, walk::Found};
use crate::diagnostic::{Diagnostic, Place};

/// The most bytes that a script may have: 1 MiB. Compiling takes far more than its size.
const MOST: u64 = 1 << 20;

/// How old a change must be for the stamp to tell it from the next one: file systems count time in
/// ticks of the kernel.
const TICK: Duration = Duration::from_millis(20);

/// Never wait for whoever writes a pipe.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

/// A script as it was read.
#[derive(Debug)]
pub(crate) struct Script {
    /// Its name.
    pub(crate) name: ScriptName,
    /// The path it owns, were it served as named; empty for a library.
    pub(crate) mount: String,
    /// Its file, relative to the plugin folder.
    pub(crate) file: String,
    /// What stands in it, or why that cannot be used.
    pub(crate) text: Result<Arc<str>, Diagnostic>,
    /// Its content, in short.
    pub(crate) digest: Digest,
    /// Whether it lies in the plugin folder itself, and not behind a link that leads out.
    pub(crate) confined: bool,
    stamp: Stamp,
}

/// The content of a file, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What a look at a file tells without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// Whether another change would show in the stamp.
    settled: bool,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let age = SystemTime::now().duration_since(time(changed)).unwrap_or_default();
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed,
            settled: age > TICK,
        }
    }

    /// Whether a file with this stamp is certainly the one that had the other.
    fn proves(&self, before: &Self) -> bool {
        before.settled && Self { settled: true, ..*self } == *before
    }
}

fn time((seconds, nanoseconds): (i64, i64)) -> SystemTime {
    let whole = Duration::from_secs(seconds.max(0).unsigned_abs());
    let rest = Duration::from_nanos(nanoseconds.max(0).unsigned_abs());
    SystemTime::UNIX_EPOCH + whole + rest
}

impl Script {
    /// When the file was last changed.
    pub(super) fn changed_at(&self) -> SystemTime {
        time(self.stamp.changed)
    }
}

/// Reads a file, unless it is as it was; `None` where there is none.
pub(super) fn read(
    found: &Found,
    name: &ScriptName,
    mount: String,
    before: Option<&Arc<Script>>,
) -> Option<Arc<Script>> {
    let file = found.relative.to_string_lossy().into_owned();
    let metadata = match fs::metadata(&found.path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return Some(unreadable(found, name, mount, file, &error)),
    };
    let stamp = Stamp::of(&metadata);
    let confined = !found.outside;
    if let Some(before) = before
        && stamp.proves(&before.stamp)
        && before.confined == confined
    {
        return Some(Arc::clone(before));
    }
    let content = match content(&found.path, &metadata, &file) {
        Ok(content) => content,
        Err(Unread::Gone) => return None,
        Err(Unread::Fault(fault)) => Err(*fault),
    };
    let (text, digest) = match content {
        Ok(bytes) => {
            let digest = Digest(Sha256::digest(&bytes).into());
            (text(bytes, &file), digest)
        }
        Err(fault) => (Err(fault), Digest([0; 32])),
    };
    let unchanged = before.filter(|before| {
        before.digest == digest && before.text == text && before.confined == confined
    });
    // The text is shared with the version before, so that what was made of it stays valid.
    let text = unchanged.map_or(text, |before| before.text.clone());
    Some(Arc::new(Script { name: name.clone(), mount, file, text, digest, confined, stamp }))
}

fn unreadable(
    found: &Found,
    name: &ScriptName,
    mount: String,
    file: String,
    error: &io::Error,
) -> Arc<Script> {
    let text = Err(no_permission(&file, error));
    let stamp =
        Stamp { device: 0, inode: 0, size: 0, modified: (0, 0), changed: (0, 0), settled: false };
    let (digest, confined) = (Digest([0; 32]), !found.outside);
    Arc::new(Script { name: name.clone(), mount, file, text, digest, confined, stamp })
}

enum Unread {
    /// It went away in the meantime.
    Gone,
    Fault(Box<Diagnostic>),
}

fn content(
    path: &Path,
    metadata: &Metadata,
    file: &str,
) -> Result<Result<Vec<u8>, Diagnostic>, Unread> {
    if !metadata.is_file() {
        return Ok(Err(not_a_file(file)));
    }
    let open = || -> io::Result<Option<Vec<u8>>> {
        let mut opened: File = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)?;
        if !opened.metadata()?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        opened.by_ref().take(MOST + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    match open() {
        Ok(None) => Ok(Err(not_a_file(file))),
        Ok(Some(bytes)) if bytes.len() as u64 > MOST => {
            Ok(Err(fault("script-too-large", file, "the script is larger than 1 MiB")
                .help("split it, or keep its data elsewhere")))
        }
        Ok(Some(bytes)) => Ok(Ok(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Unread::Gone),
        Err(error) => Err(Unread::Fault(Box::new(no_permission(file, &error)))),
    }
}

fn not_a_file(file: &str) -> Diagnostic {
    fault("not-a-file", file, "this is not a regular file").help("remove it, or rename it")
}

fn no_permission(file: &str, error: &io::Error) -> Diagnostic {
    fault("unreadable", file, format!("the script cannot be read: {}", error.kind()))
        .help("let the user that runs the server read it")
}

/// The bytes as text without a byte-order mark, which Rhai would refuse.
fn text(bytes: Vec<u8>, file: &str) -> Result<Arc<str>, Diagnostic> {
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let good = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default()).into_owned();
            return Err(Diagnostic::error("not-utf8", "the script is not UTF-8 text")
                .at(Place::of_offset(file, &good, good.len(), 1))
                .help("save it as UTF-8"));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if let Some(at) = text.find('\0') {
        let shown = text.replace('\0', "\u{fffd}");
        let place = Place::of_offset(file, &shown, at, 1);
        return Err(Diagnostic::error("nul-byte", "the script holds a NUL byte").at(place));
    }
    Ok(text.into())
}
