//! What is in a folder, as a page.

use std::io;

use rustix::fs::{AtFlags, Dir, FileType, StatxFlags, statx};

use super::escape::{escaped, filled, segment};
use crate::content::{
    beneath::{Links, Opened, Root},
    way::{DotFiles, Way, is_shown},
};

/// The most entries that are listed.
const MOST: usize = 10_000;

/// The page has its style in itself and nothing else.
pub(super) const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'";

const PAGE: &str = include_str!("../../static/listing.html");

/// One entry; folders come first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    is_file: bool,
    name: String,
    size: u64,
    modified: i64,
}

/// The page for a folder that was opened; `shown` is its path as clients know it.
pub(super) fn page(
    folder: &Opened,
    root: &Root,
    way: &Way,
    dots: DotFiles,
    shown: &str,
) -> io::Result<String> {
    let mut entries = Vec::new();
    let mut all = true;
    for entry in Dir::read_from(&folder.file)? {
        let entry = entry?;
        // What has no name in UTF-8 cannot be asked for either.
        let Ok(name) = entry.file_name().to_str() else { continue };
        if matches!(name, "." | "..") || !is_shown(name, dots) {
            continue;
        }
        if entries.len() == MOST {
            all = false;
            break;
        }
        entries.extend(entry_of(folder, root, way, name));
    }
    entries.sort();
    Ok(html(&entries, all, way, shown))
}

fn entry_of(folder: &Opened, root: &Root, way: &Way, name: &str) -> Option<Entry> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let found = statx(&folder.file, name, flags, StatxFlags::BASIC_STATS).ok()?;
    let entry = |is_file, size, modified| Entry { is_file, name: name.to_owned(), size, modified };
    match FileType::from_raw_mode(found.stx_mode.into()) {
        FileType::RegularFile => Some(entry(true, found.stx_size, found.stx_mtime.tv_sec)),
        FileType::Directory => Some(entry(false, 0, found.stx_mtime.tv_sec)),
        FileType::Symlink if root.links() == Links::Inside => {
            let metadata = root.open(&way.join(name)).ok()?.metadata;
            let modified = std::os::unix::fs::MetadataExt::mtime(&metadata);
            Some(entry(metadata.is_file(), metadata.len(), modified))
        }
        _ => None,
    }
}

fn html(entries: &[Entry], all: bool, way: &Way, shown: &str) -> String {
    let mut rows = String::new();
    if !way.as_str().is_empty() {
        rows.push_str("<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for entry in entries {
        let slash = if entry.is_file { "" } else { "/" };
        let (name, target) = (escaped(&entry.name), segment(&entry.name));
        let modified = jiff::Timestamp::from_second(entry.modified).unwrap_or_default();
        let modified = modified.strftime("%Y-%m-%d %H:%M");
        let size = if entry.is_file { size(entry.size) } else { String::new() };
        let modified = modified.to_string();
        rows.extend(["<tr><td><a href=\"", &*target, slash, "\">", &*name, slash, "</a><td>"]);
        rows.extend([&*size, "<td>", &*modified, "\n"]);
    }
    if !all {
        rows.push_str("<tr><td>and more<td><td>\n");
    }
    filled(PAGE, &[("path", &escaped(shown)), ("rows", &rows)])
}

fn size(bytes: u64) -> String {
    let mut whole = bytes;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if whole < 10_240 {
            return format!("{whole} {unit}");
        }
        whole = whole.div_ceil(1024);
    }
    format!("{whole} TiB")
}
