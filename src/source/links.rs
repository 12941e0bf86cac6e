//! The way that symbolic links lead from a path to what it means.
//!
//! Deployments swap links (`current`, `..data`), and a link is noticed only in the folder it stands in:
//! every path on the way matters.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// How many links are followed, as many as Linux follows.
const LONGEST: usize = 40;

/// What stands on the way from a path to its file.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// Each link, and the end or the first thing that is missing. All are free of links above their last
    /// component.
    pub(super) points: Vec<PathBuf>,
    /// The path without links, unless something is missing.
    pub(super) end: Option<PathBuf>,
}

/// Follows `path`, which may be relative to the working directory.
pub(super) fn trail(path: &Path) -> Trail {
    match std::path::absolute(path) {
        Ok(path) => follow(PathBuf::from("/"), &path),
        Err(_) => Trail::default(),
    }
}

/// Follows `path` from `real`, a folder whose own path holds no link.
pub(super) fn follow(real: PathBuf, path: &Path) -> Trail {
    let mut trail = Trail::default();
    let mut here = real;
    let mut ahead = parts(path);
    let mut links = 0;
    while let Some(part) = ahead.pop_front() {
        match part {
            Part::Root => here = PathBuf::from("/"),
            Part::Up => {
                here.pop();
            }
            Part::Down(name) => {
                let next = here.join(name);
                match target(&next) {
                    Ok(None) => here = next,
                    Ok(Some(target)) if links < LONGEST => {
                        links += 1;
                        trail.points.push(next);
                        let mut way = parts(&target);
                        way.append(&mut ahead);
                        ahead = way;
                    }
                    Ok(Some(_)) | Err(_) => {
                        trail.points.push(next);
                        return trail;
                    }
                }
            }
        }
    }
    trail.points.push(here.clone());
    trail.end = Some(here);
    trail
}

enum Part {
    Root,
    Up,
    Down(OsString),
}

fn parts(path: &Path) -> VecDeque<Part> {
    path.components()
        .filter_map(|component| match component {
            Component::RootDir => Some(Part::Root),
            Component::ParentDir => Some(Part::Up),
            Component::Normal(name) => Some(Part::Down(name.to_owned())),
            Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

fn target(path: &Path) -> io::Result<Option<PathBuf>> {
    let is_link = fs::symlink_metadata(path)?.is_symlink();
    is_link.then(|| fs::read_link(path)).transpose()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_on_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        fs::create_dir(real.join("v1")).unwrap();
        fs::write(real.join("v1/a"), "a").unwrap();
        symlink("v1", real.join("data")).unwrap();
        symlink("data/../data/a", real.join("a")).unwrap();
        let trail = trail(&real.join("a"));
        assert_eq!(trail.points, ["a", "data", "data", "v1/a"].map(|path| real.join(path)));
        assert_eq!(trail.end, Some(real.join("v1/a")));
    }

    #[test]
    fn a_way_that_ends_nowhere_names_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        symlink("gone/a", real.join("a")).unwrap();
        symlink("circle", real.join("circle")).unwrap();
        let lost = trail(&real.join("a"));
        assert_eq!(lost.points, ["a", "gone"].map(|path| real.join(path)));
        assert_eq!(lost.end, None);
        assert_eq!(trail(&real.join("circle")).end, None);
    }
}
