//! One look at the plugin folder, whole or at some files.
//!
//! Real folders are read before linked ones, so that a link never takes a folder's place, and each folder
//! is read once, so that links in a circle end. A file whose stamp is as it was is not opened.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ffi::OsStr,
    fs::{self, FileType, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    error::{SourceError, last_component},
    links,
    name::{self, Meaning, shown},
    script::{self, Stamp, Trust},
    seen::{Entry, Files, Named, Reach, Seen},
};
use crate::diagnostic::{Diagnostic, Place};

/// How many folders deep plugins may lie.
const DEEPEST: usize = 16;

/// How many entries of folders are looked at.
const MOST: usize = 100_000;

/// A folder that was read.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// Its path without links.
    pub(super) real: PathBuf,
    /// Its path below the plugin folder.
    pub(super) relative: PathBuf,
    depth: usize,
    way: Way,
}

/// How a folder was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    Linked,
}

impl Folder {
    /// The plugin folder itself.
    pub(super) fn root(real: PathBuf) -> Self {
        Self { real, relative: PathBuf::new(), depth: 0, way: Way::Direct }
    }
}

/// What a look gathers.
#[derive(Debug)]
pub(super) struct Look<'a> {
    root: &'a Path,
    previous: Option<&'a Files>,
    pub(super) files: Files,
    /// By their paths without links.
    pub(super) folders: BTreeMap<PathBuf, Folder>,
    /// Faults of folders.
    pub(super) faults: Vec<Diagnostic>,
    /// What leads to linked folders.
    pub(super) points: Vec<PathBuf>,
    visited: HashMap<(u64, u64), String>,
    entries: usize,
}

impl<'a> Look<'a> {
    /// A look at the folder `root`, a path without links. What is in `previous` and did not change is
    /// taken from there.
    pub(super) fn new(root: &'a Path, previous: Option<&'a Files>) -> Self {
        Self {
            root,
            previous,
            files: Files::new(),
            folders: BTreeMap::new(),
            faults: Vec::new(),
            points: Vec::new(),
            visited: HashMap::new(),
            entries: 0,
        }
    }

    /// Looks at everything.
    pub(super) fn whole(&mut self) -> Result<(), SourceError> {
        let mut ahead =
            Ahead { direct: vec![Folder::root(self.root.to_owned())], linked: VecDeque::new() };
        while let Some(folder) = ahead.direct.pop().or_else(|| ahead.linked.pop_front()) {
            if !self.enter(&folder) {
                continue;
            }
            let read = self.folder(&folder, &mut ahead);
            if self.entries > MOST {
                return Err(SourceError::TooMany {
                    folder: last_component(self.root),
                    limit: MOST,
                });
            }
            match read {
                Err(error) if folder.depth == 0 => return Err(SourceError::of(self.root, &error)),
                Err(error) => self.unreadable(&folder, &error),
                Ok(()) => {}
            }
            self.folders.insert(folder.real.clone(), folder);
        }
        Ok(())
    }

    /// Looks at one name in a folder, which may be there no more.
    pub(super) fn file(&mut self, folder: &Folder, name: &OsStr) -> Result<(), Unclear> {
        let path = folder.real.join(name);
        let relative = folder.relative.join(name);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.files.remove(&relative);
                return Ok(());
            }
            Err(_) => return Err(Unclear),
        };
        self.files.remove(&relative);
        if metadata.is_dir() {
            return Err(Unclear);
        }
        let mut ahead = Ahead::default();
        self.entry(folder, name, metadata.file_type(), || Ok(metadata), &mut ahead);
        if ahead.linked.is_empty() { Ok(()) } else { Err(Unclear) }
    }

    /// Whether a folder is to be read: it is there, near enough, and was not read before.
    fn enter(&mut self, folder: &Folder) -> bool {
        let metadata = match fs::metadata(&folder.real) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
            Err(error) => {
                self.unreadable(folder, &error);
                return false;
            }
        };
        let file = shown(&folder.relative);
        if folder.depth > DEEPEST {
            let message = format!("`{file}` is not read: it lies more than {DEEPEST} folders deep");
            self.faults.push(Diagnostic::error("folder-too-deep", message).at(Place::file(file)));
            return false;
        }
        let before = self.visited.insert((metadata.dev(), metadata.ino()), file.clone());
        let Some(before) = before else { return true };
        let already =
            if before.is_empty() { "the plugin folder".to_owned() } else { format!("`{before}`") };
        let message = format!("`{file}` is not read: it is {already} by another name");
        let help = "remove the link, or hide it by a name that begins with a dot";
        self.faults
            .push(Diagnostic::warning("folder-twice", message).at(Place::file(file)).help(help));
        self.visited.insert((metadata.dev(), metadata.ino()), before);
        false
    }

    fn folder(&mut self, folder: &Folder, ahead: &mut Ahead) -> io::Result<()> {
        let (first_direct, first_linked) = (ahead.direct.len(), ahead.linked.len());
        for entry in fs::read_dir(&folder.real)? {
            let entry = entry?;
            self.entries += 1;
            if self.entries > MOST {
                return Ok(());
            }
            let name = entry.file_name();
            if name::is_litter(&name) {
                continue;
            }
            // What is gone between the two looks is as if it never was.
            if let Ok(kind) = entry.file_type() {
                self.entry(folder, &name, kind, || entry.metadata(), ahead);
            }
        }
        // The order in the folder is by chance; which of two links is read must not be.
        if let Some(new) = ahead.direct.get_mut(first_direct..) {
            new.sort_by(|a, b| b.relative.cmp(&a.relative));
        }
        if let Some(new) = ahead.linked.make_contiguous().get_mut(first_linked..) {
            new.sort_by(|a, b| a.relative.cmp(&b.relative));
        }
        Ok(())
    }

    fn entry(
        &mut self,
        folder: &Folder,
        name: &OsStr,
        kind: FileType,
        metadata: impl FnOnce() -> io::Result<Metadata>,
        ahead: &mut Ahead,
    ) {
        let is_script = name::is_script(name);
        if kind.is_dir() && is_script {
            let file = shown(&folder.relative.join(name));
            let message =
                format!("`{file}` is a folder with the name of a script, and is not read");
            let fault = Diagnostic::error("not-a-file", message).at(Place::file(file));
            self.faults.push(fault.help("rename the folder"));
        } else if kind.is_dir() {
            ahead.direct.push(Folder {
                real: folder.real.join(name),
                relative: folder.relative.join(name),
                depth: folder.depth + 1,
                way: folder.way,
            });
        } else if kind.is_symlink() {
            self.link(folder, name, ahead);
        } else if is_script {
            let metadata = metadata();
            if metadata.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
                return;
            }
            let is_shared = metadata.as_ref().is_ok_and(|metadata| metadata.nlink() > 1);
            let reach = if is_shared { Reach::Shared } else { Reach::Direct };
            let stamp = metadata.ok().map(|metadata| Stamp::of(&metadata));
            self.script(folder, name, Found { stamp, reach, points: Vec::new(), confined: true });
        }
    }

    fn link(&mut self, folder: &Folder, name: &OsStr, ahead: &mut Ahead) {
        let is_script = name::is_script(name);
        let target = fs::metadata(folder.real.join(name));
        let is_folder = target.as_ref().is_ok_and(Metadata::is_dir);
        if !is_script && !is_folder && target.is_ok() {
            return;
        }
        let trail = links::follow(folder.real.clone(), Path::new(name));
        if is_script {
            let confined = trail.end.as_ref().is_some_and(|end| end.starts_with(self.root));
            let stamp = target.ok().map(|metadata| Stamp::of(&metadata));
            let found = Found { stamp, reach: Reach::Shared, points: trail.points, confined };
            return self.script(folder, name, found);
        }
        self.points.extend(trail.points);
        if let Some(real) = trail.end.filter(|_| is_folder) {
            ahead.linked.push_back(Folder {
                real,
                relative: folder.relative.join(name),
                depth: folder.depth + 1,
                way: Way::Linked,
            });
        }
    }

    fn script(&mut self, folder: &Folder, entry: &OsStr, found: Found) {
        let relative = folder.relative.join(entry);
        let confined = found.confined && folder.way == Way::Direct;
        let before = self.previous.and_then(|files| files.get(&relative));
        if let Some(before) = before
            && before.still_holds(found.stamp, confined)
        {
            let seen = Seen { points: found.points.into(), reach: found.reach, ..before.clone() };
            self.files.insert(relative, seen);
            return;
        }
        let (name, kind, mount) = match name::meaning(&relative) {
            Meaning::Script { name, kind, mount } => (name, kind, mount),
            Meaning::Refused(fault) => {
                let seen = Seen {
                    entry: Entry::Refused(Box::new(fault)),
                    points: found.points.into(),
                    reach: found.reach,
                    trust: Trust::Settled,
                };
                self.files.insert(relative, seen);
                return;
            }
            Meaning::Nothing => return,
        };
        let file = format!("{name}{}", name::EXTENSION);
        let content = match script::read(&folder.real.join(entry), &file) {
            Ok(content) => content,
            // A file that was there a moment ago is gone; a link is still there.
            Err(error) if error.kind() == io::ErrorKind::NotFound && found.points.is_empty() => {
                return;
            }
            Err(error) => script::unreadable(&file, &error),
        };
        let named = Named { name, kind, mount, file, confined };
        let seen = Seen::new(named, content, before, found.reach, found.points);
        self.files.insert(relative, seen);
    }

    /// A folder that cannot be read: what was in it is still there, and faulty.
    fn unreadable(&mut self, folder: &Folder, error: &io::Error) {
        let file = shown(&folder.relative);
        let message = format!("the folder `{file}` cannot be read: {error}");
        let fault = Diagnostic::error("unreadable", message)
            .at(Place::file(file))
            .help("allow the user that runs the server to read and enter the folder");
        let before = self.previous.into_iter().flatten();
        for (relative, seen) in before.filter(|(path, _)| path.starts_with(&folder.relative)) {
            let Entry::Script(script) = &seen.entry else { continue };
            let content = script::below_unreadable(&script.file, &fault);
            let seen = Seen::new(Named::of(script), content, Some(seen), seen.reach, Vec::new());
            self.files.entry(relative.clone()).or_insert(seen);
        }
        self.faults.push(fault);
    }
}

/// One name cannot be looked at without looking at a folder.
#[derive(Debug)]
pub(super) struct Unclear;

/// The folders that are still to be read.
#[derive(Debug, Default)]
struct Ahead {
    direct: Vec<Folder>,
    linked: VecDeque<Folder>,
}

/// A script before it is read.
struct Found {
    /// Of the file itself, where there is one.
    stamp: Option<Stamp>,
    reach: Reach,
    points: Vec<PathBuf>,
    confined: bool,
}
