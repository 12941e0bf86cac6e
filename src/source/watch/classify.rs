//! What an event of the file system says about scripts.

use std::path::Path;

use notify::{
    Event, EventKind,
    event::{AccessKind, AccessMode, ModifyKind},
};

/// What to do about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing of ours.
    Nothing,
    /// A file is being written: wait until it is quiet.
    Writing,
    /// A file is whole.
    Whole,
    /// Folders, links, or events that were lost: look at everything.
    Unclear,
}

/// What an event on `path` means; `files` are watched beside scripts.
pub(super) fn meaning(event: &Event, path: &Path, files: &[std::path::PathBuf]) -> Meaning {
    if event.need_rescan() {
        return Meaning::Unclear;
    }
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let is_ours = name.ends_with(".rhai") && !name.starts_with(['.', '#'])
        || files.iter().any(|file| file == path);
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) if is_ours => Meaning::Whole,
        EventKind::Modify(ModifyKind::Name(_)) if is_ours => Meaning::Whole,
        EventKind::Modify(ModifyKind::Name(_)) => other(event, path),
        EventKind::Modify(_) if is_ours => Meaning::Writing,
        // The mode of a folder may hide or show what is in it.
        EventKind::Modify(ModifyKind::Metadata(_)) => folder_or_nothing(path),
        EventKind::Create(_) if is_ours => created(path),
        EventKind::Remove(_) if is_ours => Meaning::Whole,
        EventKind::Remove(_) | EventKind::Create(_) => other(event, path),
        EventKind::Access(_) | EventKind::Modify(_) => Meaning::Nothing,
        EventKind::Any | EventKind::Other => Meaning::Unclear,
    }
}

/// A file that was just made is empty; a link or a second name of a file is whole.
fn created(path: &Path) -> Meaning {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Meaning::Writing,
        Ok(_) => Meaning::Unclear,
        Err(_) => Meaning::Whole,
    }
}

/// Names that are not scripts matter where they are folders or links, and where they were and it
/// cannot be told any more.
fn other(event: &Event, path: &Path) -> Meaning {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Meaning::Nothing,
        Ok(_) => Meaning::Unclear,
        Err(_) => match event.kind {
            EventKind::Remove(notify::event::RemoveKind::File) => Meaning::Nothing,
            // A folder's name seldom has an extension; an editor's file nearly always does.
            _ if path.extension().is_some() || looks_temporary(path) => Meaning::Nothing,
            _ => Meaning::Unclear,
        },
    }
}

fn folder_or_nothing(path: &Path) -> Meaning {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Meaning::Nothing,
        _ => Meaning::Unclear,
    }
}

fn looks_temporary(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name == "4913" || name.ends_with('~') || name.starts_with('#') || name.ends_with("___")
}
