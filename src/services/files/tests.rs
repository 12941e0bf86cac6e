use std::{
    fs,
    os::unix::fs::symlink,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Entry, Files, FilesError, Folder};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn files(data: &tempfile::TempDir, most: u64) -> Files {
    Files::new(Arc::new(Folder::of(data.path(), "shop/photos")), most)
}

fn names(files: &Files, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    let each = |entry: Entry| {
        names.push(entry.name);
        Ok::<_, FilesError>(())
    };
    files.walk(prefix, soon(), each).unwrap();
    names.sort();
    names
}

fn text(files: &Files, name: &str) -> Option<String> {
    let opened = files.open(name).ok()?;
    let length = usize::try_from(opened.metadata.len()).unwrap();
    Some(String::from_utf8(Files::read(&opened.file, length, soon()).unwrap()).unwrap())
}

#[test]
fn a_file_is_there_until_it_is_deleted() {
    let data = tempfile::tempdir().unwrap();
    let files = files(&data, 1 << 20);
    assert!(names(&files, "").is_empty());
    assert!(matches!(files.open("a.txt"), Err(FilesError::Missing)));
    assert!(!files.delete("a.txt", soon()).unwrap());
    files.save("a.txt", b"one", soon()).unwrap();
    files.save("2026/11/b.txt", b"two", soon()).unwrap();
    files.save("a.txt", b"three", soon()).unwrap();
    assert_eq!(text(&files, "a.txt").as_deref(), Some("three"));
    assert_eq!(text(&files, "2026/11/b.txt").as_deref(), Some("two"));
    assert_eq!(names(&files, ""), ["2026/11/b.txt", "a.txt"]);
    assert_eq!(names(&files, "2026/1"), ["2026/11/b.txt"]);
    assert_eq!(names(&files, "2027"), [""; 0]);
    assert!(data.path().join("files/shop.photos/2026/11/b.txt").is_file());
    assert!(matches!(files.open("2026"), Err(FilesError::Missing)), "a folder is no file");
    assert!(files.delete("2026/11/b.txt", soon()).unwrap());
    assert!(!data.path().join("files/shop.photos/2026").exists(), "empty folders go too");
}

#[test]
fn no_name_leads_out() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("secret"), "secret").unwrap();
    let files = files(&data, 1 << 20);
    files.save("in/a", b"a", soon()).unwrap();
    let folder = data.path().join("files/shop.photos");
    symlink("../../secret", folder.join("link")).unwrap();
    symlink("../..", folder.join("out")).unwrap();
    let long = "x".repeat(256);
    let deep = "a/".repeat(16) + "a";
    for name in [
        "",
        ".",
        "..",
        "../secret",
        "a/../../secret",
        "/etc/passwd",
        "a//b",
        "a/",
        "/",
        "a\0b",
        "a\\b",
        "a\nb",
        ".hidden",
        "a/.b",
        ".saving-0",
        ".well-known/a",
        &long,
        &deep,
    ] {
        assert!(matches!(files.save(name, b"", soon()), Err(FilesError::Name)), "{name:?}");
        assert!(matches!(files.open(name), Err(FilesError::Name)), "{name:?}");
        assert!(!files.delete(name, soon()).unwrap(), "{name:?}");
    }
    for name in ["link", "out/secret", "out/files/shop.photos/in/a"] {
        assert!(matches!(files.open(name), Err(FilesError::Missing)), "{name}");
        assert!(!files.delete(name, soon()).unwrap(), "{name}");
    }
    assert!(matches!(files.save("out/secret", b"", soon()), Err(FilesError::Taken)));
    files.save("link", b"mine", soon()).unwrap();
    assert_eq!(fs::read(data.path().join("secret")).unwrap(), b"secret");
    assert_eq!(text(&files, "link").as_deref(), Some("mine"));
    assert_eq!(names(&files, ""), ["in/a", "link"]);
}

#[test]
fn what_is_in_the_way_is_told() {
    let data = tempfile::tempdir().unwrap();
    let files = files(&data, 1 << 20);
    files.save("a/b", b"", soon()).unwrap();
    assert!(matches!(files.save("a", b"", soon()), Err(FilesError::Taken)));
    assert!(matches!(files.save("a/b/c", b"", soon()), Err(FilesError::Taken)));
    let left = fs::read_dir(data.path().join("files/shop.photos")).unwrap().count();
    assert_eq!(left, 1, "nothing half saved is left");
}

#[test]
fn a_plugin_keeps_no_more_than_it_may() {
    let data = tempfile::tempdir().unwrap();
    let files = files(&data, 3 * 4096);
    files.save("a", &[0; 4097], soon()).unwrap();
    files.save("b", b"", soon()).unwrap();
    assert!(matches!(files.save("c", b"", soon()), Err(FilesError::Full { .. })));
    // What takes the place of another counts instead of it.
    files.save("a", &[0; 8192], soon()).unwrap();
    assert!(files.save("a", &[0; 8193], soon()).is_err());
    assert!(files.delete("a", soon()).unwrap());
    files.save("c", b"", soon()).unwrap();
    // What is on the disk counts for whoever comes later, too.
    let again = super::tests::files(&data, 3 * 4096);
    again.save("d", b"", soon()).unwrap();
    assert!(matches!(again.save("e", b"", soon()), Err(FilesError::Full { .. })));
}

#[test]
fn whoever_is_late_leaves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let files = files(&data, 1 << 20);
    files.save("a", b"a", soon()).unwrap();
    let late = Instant::now();
    assert!(matches!(files.save("b", b"b", late), Err(FilesError::Late)));
    assert_eq!(names(&files, ""), ["a"]);
    let left = fs::read_dir(data.path().join("files/shop.photos")).unwrap().count();
    assert_eq!(left, 1);
}

#[test]
fn many_at_once_are_counted_right() {
    let data = tempfile::tempdir().unwrap();
    let files = files(&data, 8 * 4096);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let files = &files;
            scope.spawn(move || {
                for round in 0..8 {
                    files.save(&format!("d/{thread}"), &[0; 5000], soon()).unwrap();
                    if round % 2 == 1 {
                        files.delete(&format!("d/{thread}"), soon()).unwrap();
                    }
                }
            });
        }
    });
    assert!(names(&files, "").is_empty());
    files.save("all", &vec![0; 8 * 4096], soon()).unwrap();
}
