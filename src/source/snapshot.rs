//! The plugin folder at one moment.
//!
//! A snapshot changes only by being refreshed, and is the folder at a later moment then. An unchanged file
//! is the same `Arc` in the next snapshot, and what could not be read is there too, with the reason: absent
//! means gone.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    digest::Digest,
    error::SourceError,
    look::{Folder, Look},
    name::{self, Kind, ScriptName},
    script::{Script, Trust},
    seen::{Entry, Files, Reach, Seen},
};
use crate::diagnostic::Diagnostic;

type Scripts = BTreeMap<ScriptName, Arc<Script>>;

/// Everything that was in the plugin folder when it was looked at.
#[derive(Debug)]
pub(crate) struct Snapshot {
    taken: Taken,
    plugins: Scripts,
    libraries: Scripts,
    diagnostics: Vec<Diagnostic>,
    folders: Vec<PathBuf>,
}

/// What the looks found.
#[derive(Debug)]
struct Taken {
    root: PathBuf,
    /// The root without links.
    real: PathBuf,
    /// The root's device and inode.
    identity: (u64, u64),
    files: Files,
    /// The folders that were read, by their paths without links.
    folders: BTreeMap<PathBuf, Folder>,
    faults: Vec<Diagnostic>,
    points: Vec<PathBuf>,
}

impl Snapshot {
    /// Looks at everything below `root`. Files that are as they were in `previous` are not opened.
    ///
    /// # Errors
    /// The folder itself cannot be read, or holds too much.
    pub(crate) fn read(root: &Path, previous: Option<&Self>) -> Result<Self, SourceError> {
        let (real, identity) = find(root)?;
        let mut look = Look::new(&real, previous.map(|previous| &previous.taken.files));
        look.whole()?;
        let Look { files, folders, faults, points, .. } = look;
        Ok(Self::of(Taken {
            root: root.to_owned(),
            real,
            identity,
            files,
            folders,
            faults,
            points,
        }))
    }

    /// Looks at the files in `changed` only, paths as the watcher tells them, and at those that can
    /// change without a word: linked ones, and those whose time cannot be trusted yet. Looks at
    /// everything when a path is no file in a known folder.
    ///
    /// # Errors
    /// As for [`Snapshot::read`]; then it is as it was.
    pub(crate) fn refresh(&mut self, changed: &[PathBuf]) -> Result<(), SourceError> {
        let (real, identity) = find(&self.taken.root)?;
        let is_same_folder = real == self.taken.real && identity == self.taken.identity;
        match is_same_folder.then(|| self.news(changed)).flatten() {
            Some(news) => self.take(news),
            None => *self = Self::read(&self.taken.root, Some(self))?,
        }
        Ok(())
    }

    /// What stands now under the names that are to be looked at; `None` if that cannot be told without
    /// looking at everything.
    fn news(&self, changed: &[PathBuf]) -> Option<Vec<News>> {
        let taken = &self.taken;
        let is_silent = |seen: &Seen| seen.reach == Reach::Shared || seen.trust == Trust::Racy;
        let mut silent = taken.files.iter().filter(|(_, seen)| is_silent(seen)).peekable();
        let by_relative: HashMap<&Path, &Folder> = match silent.peek() {
            Some(_) => taken.folders.values().map(|folder| (&*folder.relative, folder)).collect(),
            None => HashMap::new(),
        };
        let silent = silent.map(|(path, _)| {
            let folder = path.parent().and_then(|parent| by_relative.get(parent).copied());
            folder.zip(path.file_name())
        });
        let told = changed.iter().map(|path| {
            let folder = path.parent().and_then(|parent| taken.folders.get(parent));
            folder.filter(|_| !taken.folders.contains_key(path)).zip(path.file_name())
        });
        // A name that is no script's may be a link to a folder that was there, and one that is new may
        // be that of a folder which was at fault.
        let is_file = |(folder, name): &(&Folder, &OsStr)| {
            name::is_script(name)
                && (taken.faults.is_empty()
                    || taken.files.contains_key(&folder.relative.join(name)))
        };
        let told = told.map(|told| told.filter(is_file));
        let wanted = silent.chain(told).collect::<Option<Vec<_>>>()?;
        let mut look = Look::new(&taken.real, Some(&taken.files));
        let mut news = Vec::with_capacity(wanted.len());
        for (folder, name) in wanted {
            if look.file(folder, name).is_err() || !look.points.is_empty() {
                return None;
            }
            let path = folder.relative.join(name);
            let seen = look.files.remove(&path);
            news.push(News { path, seen });
        }
        Some(news)
    }

    /// Takes in what was found under some names.
    fn take(&mut self, news: Vec<News>) {
        let mut are_plain = true;
        for News { path, seen } in news {
            let now = seen.clone();
            let before = match seen {
                Some(seen) => self.taken.files.insert(path, seen),
                None => self.taken.files.remove(&path),
            };
            are_plain &= before.iter().chain(&now).all(Seen::is_plain);
            for (seen, is_there) in [(before, false), (now, true)] {
                let Some(Entry::Script(script)) = seen.map(|seen| seen.entry) else { continue };
                let scripts = match script.kind {
                    Kind::Plugin => &mut self.plugins,
                    Kind::Library => &mut self.libraries,
                    Kind::Test => continue,
                };
                match is_there {
                    true => drop(scripts.insert(script.name.clone(), script)),
                    false => drop(scripts.remove(&script.name)),
                }
            }
        }
        if !are_plain {
            self.sort();
        }
    }

    /// The folder, as it was named.
    pub(crate) fn root(&self) -> &Path {
        &self.taken.root
    }

    /// The scripts that serve routes, by name.
    pub(crate) fn plugins(&self) -> impl DoubleEndedIterator<Item = &Arc<Script>> {
        self.plugins.values()
    }

    /// The scripts that are only imported, by name.
    pub(crate) fn libraries(&self) -> impl DoubleEndedIterator<Item = &Arc<Script>> {
        self.libraries.values()
    }

    /// The library called `name`, such as `lib/money`.
    pub(crate) fn library(&self, name: &str) -> Option<&Arc<Script>> {
        self.libraries.get(name)
    }

    /// What tells all libraries together from others.
    pub(crate) fn libraries_digest(&self) -> Vec<u8> {
        let libraries = self.libraries.iter();
        let parts = libraries.map(|(name, script)| (name.as_str(), &script.digest));
        Digest::of_all(parts).as_bytes().to_vec()
    }

    /// What is wrong with names and folders. The faults of scripts are with the scripts.
    pub(crate) fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// What has to be watched, as paths without links: a folder means all that is in it, anything else (a
    /// link on the way, a link's target, something that is missing) means itself.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Whether a plugin of that name is there.
    pub(crate) fn has_plugin(&self, name: &str) -> bool {
        self.plugins.contains_key(name)
    }

    /// How long ago a script's file changed last, by the clock of its file system.
    pub(crate) fn age(script: &Script) -> Duration {
        script.stamp.age(SystemTime::now())
    }

    fn of(taken: Taken) -> Self {
        let mut snapshot = Self {
            taken,
            plugins: Scripts::new(),
            libraries: Scripts::new(),
            diagnostics: Vec::new(),
            folders: Vec::new(),
        };
        snapshot.sort();
        snapshot
    }

    /// Sorts what was found.
    fn sort(&mut self) {
        let taken = &self.taken;
        let (mut plugins, mut libraries) = (Scripts::new(), Scripts::new());
        let mut diagnostics = taken.faults.clone();
        let mut folders: Vec<PathBuf> = taken.folders.keys().cloned().collect();
        folders.extend(taken.points.iter().cloned());
        for seen in taken.files.values() {
            folders.extend(seen.points.iter().cloned());
            match &seen.entry {
                Entry::Refused(fault) => diagnostics.push((**fault).clone()),
                Entry::Script(script) => {
                    let scripts = match script.kind {
                        Kind::Plugin => &mut plugins,
                        Kind::Library => &mut libraries,
                        // Tests are run by themselves, and serve nothing.
                        Kind::Test => continue,
                    };
                    scripts.insert(script.name.clone(), Arc::clone(script));
                }
            }
        }
        folders.sort();
        folders.dedup();
        (self.plugins, self.libraries) = (plugins, libraries);
        (self.diagnostics, self.folders) = (diagnostics, folders);
    }
}

/// What stands under one name now, if anything does.
struct News {
    path: PathBuf,
    seen: Option<Seen>,
}

/// The folder without links and which one it is.
fn find(root: &Path) -> Result<(PathBuf, (u64, u64)), SourceError> {
    let found = root.canonicalize().and_then(|real| Ok((fs::metadata(&real)?, real)));
    let (metadata, real) = found.map_err(|error| SourceError::of(root, &error))?;
    if !metadata.is_dir() {
        return Err(SourceError::NotAFolder(super::error::last_component(root)));
    }
    Ok((real, (metadata.dev(), metadata.ino())))
}
