//! The ways in which editors and tools save a file.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{FileExt as _, symlink},
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

/// A way of saving a text at a path.
pub(super) type Save = fn(&Path, &str);

/// All of them, by name.
pub(super) const ALL: [(&str, Save); 14] = [
    ("inplace", in_place),
    ("inplace-slow", in_place_slowly),
    ("atomic", atomic),
    ("vim", vim),
    ("emacs", emacs),
    ("jetbrains", jetbrains),
    ("sed", sed),
    ("delete-create", delete_and_create),
    ("link-swap", link_swap),
    ("same-mtime", same_mtime),
    ("old-mtime", old_mtime),
    ("rsync", rsync),
    ("double-save", double_save),
    ("mapped", mapped),
];

fn beside(path: &Path, prefix: &str, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap().to_str().unwrap();
    path.with_file_name(format!("{prefix}{name}{suffix}"))
}

fn in_place(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

fn in_place_slowly(path: &Path, text: &str) {
    let mut file = File::create(path).unwrap();
    for byte in text.bytes() {
        file.write_all(&[byte]).unwrap();
        // The pauses of the writer are what is tested.
        thread::sleep(Duration::from_millis(3));
    }
}

fn via(other: &Path, path: &Path, text: &str) {
    fs::write(other, text).unwrap();
    fs::rename(other, path).unwrap();
}

fn atomic(path: &Path, text: &str) {
    via(&beside(path, "", ".tmp"), path, text);
}

fn vim(path: &Path, text: &str) {
    let probe = path.with_file_name("4913");
    File::create(&probe).unwrap();
    fs::remove_file(&probe).unwrap();
    let (swap, backup) = (beside(path, ".", ".swp"), beside(path, "", "~"));
    fs::write(&swap, "b0VIM").unwrap();
    let had = fs::rename(path, &backup).is_ok();
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.sync_all().unwrap();
    drop(file);
    if had {
        fs::remove_file(&backup).unwrap();
    }
    fs::remove_file(&swap).unwrap();
}

fn emacs(path: &Path, text: &str) {
    let (lock, auto, backup) =
        (beside(path, ".#", ""), beside(path, "#", "#"), beside(path, "", "~"));
    symlink("user@host.1:1", &lock).unwrap();
    fs::write(&auto, text).unwrap();
    fs::copy(path, &backup).unwrap();
    in_place(path, text);
    for litter in [lock, auto, backup] {
        fs::remove_file(litter).unwrap();
    }
}

fn jetbrains(path: &Path, text: &str) {
    let (new, old) = (beside(path, "", "___jb_tmp___"), beside(path, "", "___jb_old___"));
    fs::write(&new, text).unwrap();
    fs::rename(path, &old).unwrap();
    fs::rename(&new, path).unwrap();
    fs::remove_file(&old).unwrap();
}

fn sed(path: &Path, text: &str) {
    via(&path.with_file_name("sedAb3xYz"), path, text);
}

fn delete_and_create(path: &Path, text: &str) {
    fs::remove_file(path).unwrap();
    in_place(path, text);
}

fn link_swap(path: &Path, text: &str) {
    let versions = path.parent().unwrap().with_file_name("versions");
    fs::create_dir_all(&versions).unwrap();
    let version = versions.join(text.replace(' ', "."));
    fs::write(&version, text).unwrap();
    let link = beside(path, "", ".lnk");
    symlink(&version, &link).unwrap();
    fs::rename(&link, path).unwrap();
}

fn touch(path: &Path, time: SystemTime) {
    OpenOptions::new().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn same_mtime(path: &Path, text: &str) {
    let before = fs::metadata(path).unwrap().modified().unwrap();
    atomic(path, text);
    touch(path, before);
}

fn old_mtime(path: &Path, text: &str) {
    atomic(path, text);
    touch(path, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
}

fn rsync(path: &Path, text: &str) {
    via(&beside(path, ".", ".aB3xYz"), path, text);
}

fn double_save(path: &Path, text: &str) {
    in_place(path, "first");
    thread::sleep(Duration::from_millis(1));
    in_place(path, text);
}

/// The events of a mapped write: the length changes, then the file is closed.
fn mapped(path: &Path, text: &str) {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    file.set_len(text.len() as u64).unwrap();
    file.write_all_at(text.as_bytes(), 0).unwrap();
}
