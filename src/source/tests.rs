//! Snapshots of real folders.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use tempfile::TempDir;

use super::{Script, Snapshot, error::SourceError};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        write(folder.path(), file, text);
    }
    folder
}

fn write(root: &Path, file: &str, text: impl AsRef<[u8]>) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn names<'a>(scripts: impl Iterator<Item = &'a Arc<Script>>) -> Vec<String> {
    scripts.map(|script| script.name.to_string()).collect()
}

fn plugin<'a>(snapshot: &'a Snapshot, name: &str) -> &'a Arc<Script> {
    snapshot.plugins().find(|script| script.name.as_str() == name).unwrap()
}

fn text(snapshot: &Snapshot, name: &str) -> String {
    plugin(snapshot, name).text.as_ref().unwrap().to_string()
}

fn fault(snapshot: &Snapshot, name: &str) -> &'static str {
    plugin(snapshot, name).text.as_ref().unwrap_err().code
}

/// Waits until the files are so old that their times can be trusted.
fn rest(root: &Path) {
    let newest = || {
        let snapshot = Snapshot::read(root, None).unwrap();
        snapshot.plugins().chain(snapshot.libraries()).map(|script| Snapshot::age(script)).min()
    };
    while newest().is_some_and(|age| age < Duration::from_millis(220)) {
        thread::yield_now();
    }
}

#[test]
fn a_folder_is_read_whole() {
    let folder = folder(&[
        ("users.rhai", "1"),
        ("shop/orders.rhai", "2"),
        ("shop/index.rhai", "3"),
        ("lib/money.rhai", "4"),
        ("users_test.rhai", "5"),
        (".git/x.rhai", "6"),
        ("users.rhai~", "7"),
        ("docs/x.rhai", "8"),
        ("a b.rhai", "9"),
    ]);
    let snapshot = Snapshot::read(folder.path(), None).unwrap();
    assert_eq!(names(snapshot.plugins()), ["shop/index", "shop/orders", "users"]);
    assert_eq!(names(snapshot.libraries()), ["lib/money"]);
    assert!(snapshot.has_plugin("users") && !snapshot.has_plugin("lib/money"));
    assert_eq!(plugin(&snapshot, "shop/index").mount, "/shop");
    assert_eq!(plugin(&snapshot, "shop/index").file, "shop/index.rhai");
    assert!(snapshot.library("lib/money").is_some_and(|library| library.confined));
    let refused: Vec<&str> =
        snapshot.diagnostics().iter().map(|fault| &*fault.place.as_ref().unwrap().file).collect();
    assert_eq!(refused, ["a b.rhai", "docs/x.rhai"]);
}

#[test]
fn an_unchanged_file_is_the_same_in_the_next_snapshot() {
    let folder = folder(&[("a.rhai", "a"), ("b.rhai", "b"), ("lib/c.rhai", "c")]);
    rest(folder.path());
    let before = Snapshot::read(folder.path(), None).unwrap();
    write(folder.path(), "b.rhai", "B");
    let after = Snapshot::read(folder.path(), Some(&before)).unwrap();
    assert!(Arc::ptr_eq(plugin(&before, "a"), plugin(&after, "a")));
    assert_eq!(before.libraries_digest(), after.libraries_digest());
    assert_ne!(plugin(&before, "b").digest, plugin(&after, "b").digest);
    assert_eq!(text(&before, "b"), "b");
    assert_eq!(text(&after, "b"), "B");
}

#[test]
fn a_second_change_within_one_tick_of_the_clock_is_seen() {
    let folder = folder(&[]);
    for round in 0..200 {
        write(folder.path(), "a.rhai", format!("{round:03}a"));
        let mut before = Snapshot::read(folder.path(), None).unwrap();
        write(folder.path(), "a.rhai", format!("{round:03}b"));
        let after = Snapshot::read(folder.path(), Some(&before)).unwrap();
        assert_eq!(text(&after, "a"), format!("{round:03}b"));
        before.refresh(&[]).unwrap();
        assert_eq!(text(&before, "a"), format!("{round:03}b"));
        let again = Snapshot::read(folder.path(), Some(&after)).unwrap();
        assert!(Arc::ptr_eq(plugin(&after, "a"), plugin(&again, "a")), "read again, and the same");
    }
}

#[test]
fn a_time_set_back_hides_no_change() {
    let folder = folder(&[("a.rhai", "a")]);
    let path = folder.path().join("a.rhai");
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    fs::File::options().write(true).open(&path).unwrap().set_modified(past).unwrap();
    rest(folder.path());
    let before = Snapshot::read(folder.path(), None).unwrap();
    write(folder.path(), "a.rhai", "b");
    fs::File::options().write(true).open(&path).unwrap().set_modified(past).unwrap();
    assert_eq!(text(&Snapshot::read(folder.path(), Some(&before)).unwrap(), "a"), "b");
}

#[test]
fn a_refresh_looks_at_what_is_named_and_gives_what_a_whole_look_gives() {
    let folder =
        folder(&[("a.rhai", "a"), ("b.rhai", "b"), ("shop/c.rhai", "c"), ("docs.rhai", "")]);
    rest(folder.path());
    let root = folder.path().canonicalize().unwrap();
    let mut snapshot = Snapshot::read(&root, None).unwrap();
    let steps: [(&[&str], &dyn Fn()); 9] = [
        (&["a.rhai"], &|| write(&root, "a.rhai", "A")),
        (&["shop/c.rhai"], &|| write(&root, "shop/c.rhai", "C")),
        (&["b.rhai"], &|| fs::remove_file(root.join("b.rhai")).unwrap()),
        (&["docs.rhai", "d.rhai"], &|| {
            fs::rename(root.join("docs.rhai"), root.join("d.rhai")).unwrap();
        }),
        (&["d.rhai"], &|| write(&root, "d.rhai", "d")),
        (&["f.rhai"], &|| fs::create_dir(root.join("f.rhai")).unwrap()),
        (&["f.rhai"], &|| fs::remove_dir(root.join("f.rhai")).unwrap()),
        (&["new"], &|| write(&root, "new/e.rhai", "e")),
        (&["new"], &|| fs::rename(root.join("new"), root.join("old")).unwrap()),
    ];
    for (changed, step) in steps {
        step();
        let changed: Vec<PathBuf> = changed.iter().map(|path| root.join(path)).collect();
        snapshot.refresh(&changed).unwrap();
        let whole = Snapshot::read(&root, None).unwrap();
        assert_eq!(names(snapshot.plugins()), names(whole.plugins()), "{changed:?}");
        assert!(
            snapshot.plugins().zip(whole.plugins()).all(|(a, b)| a.digest == b.digest),
            "{changed:?}"
        );
        assert_eq!(snapshot.diagnostics(), whole.diagnostics(), "{changed:?}");
        assert_eq!(snapshot.folders(), whole.folders(), "{changed:?}");
    }
}

#[test]
fn a_refresh_sees_what_changed_under_another_name() {
    let folder = folder(&[("a.rhai", "a")]);
    let root = folder.path().canonicalize().unwrap();
    symlink("a.rhai", root.join("soft.rhai")).unwrap();
    fs::hard_link(root.join("a.rhai"), root.join("hard.rhai")).unwrap();
    rest(&root);
    let mut snapshot = Snapshot::read(&root, None).unwrap();
    write(&root, "a.rhai", "A");
    snapshot.refresh(&[root.join("a.rhai")]).unwrap();
    for name in ["a", "soft", "hard"] {
        assert_eq!(text(&snapshot, name), "A", "{name}");
    }
}

#[test]
fn what_is_no_script_text_is_refused_at_the_file() {
    let folder = folder(&[("bom.rhai", "\u{feff}x"), ("empty.rhai", "")]);
    let root = folder.path();
    write(root, "large.rhai", vec![b' '; 10 * 1024 * 1024]);
    write(root, "binary.rhai", b"\x7fELF\0\0\xff");
    write(root, "nul.rhai", b"a\0");
    fs::create_dir(root.join("folder.rhai")).unwrap();
    write(root, "folder.rhai/x.rhai", "x");
    symlink("/dev/zero", root.join("zero.rhai")).unwrap();
    symlink("nowhere", root.join("lost.rhai")).unwrap();
    symlink("circle.rhai", root.join("circle.rhai")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket.rhai")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(root.join("fifo.rhai")).status().unwrap();
    assert!(made.success());
    let snapshot = Snapshot::read(root, None).unwrap();
    assert_eq!(text(&snapshot, "bom"), "x");
    assert_eq!(text(&snapshot, "empty"), "");
    assert_eq!(fault(&snapshot, "large"), "script-too-large");
    assert_eq!(fault(&snapshot, "binary"), "not-utf8");
    assert_eq!(fault(&snapshot, "nul"), "nul-byte");
    for name in ["zero", "socket", "fifo"] {
        assert_eq!(fault(&snapshot, name), "not-a-file", "{name}");
    }
    for name in ["lost", "circle"] {
        assert_eq!(fault(&snapshot, name), "unreadable", "{name}");
    }
    assert_eq!(snapshot.plugins().count(), 10);
    let folder = snapshot.diagnostics().first().unwrap();
    assert_eq!((folder.code, &*folder.place.as_ref().unwrap().file), ("not-a-file", "folder.rhai"));
    let shown: String =
        snapshot.plugins().filter_map(|s| s.text.as_ref().err()).map(|f| f.render(false)).collect();
    assert!(!shown.contains(root.to_str().unwrap()), "{shown}");
}

#[test]
fn a_fault_is_the_same_as_long_as_the_file_is() {
    let folder = folder(&[]);
    write(folder.path(), "a.rhai", b"\xff");
    symlink("nowhere", folder.path().join("lost.rhai")).unwrap();
    rest(folder.path());
    let before = Snapshot::read(folder.path(), None).unwrap();
    let after = Snapshot::read(folder.path(), Some(&before)).unwrap();
    for name in ["a", "lost"] {
        assert!(Arc::ptr_eq(plugin(&before, name), plugin(&after, name)), "{name}");
    }
    write(folder.path(), "nowhere", "now here");
    assert_eq!(text(&Snapshot::read(folder.path(), Some(&after)).unwrap(), "lost"), "now here");
}

#[test]
fn linked_folders_are_read_once_and_circles_end() {
    let outside = folder(&[("x.rhai", "x"), ("deep/y.rhai", "y")]);
    let folder = folder(&[("shop/orders.rhai", "o"), ("lib/money.rhai", "m")]);
    let root = folder.path();
    symlink("shop", root.join("alias")).unwrap();
    symlink(".", root.join("shop/self")).unwrap();
    symlink("..", root.join("shop/up")).unwrap();
    symlink(outside.path(), root.join("out")).unwrap();
    symlink(root, outside.path().join("back")).unwrap();
    symlink(outside.path(), root.join("lib/out")).unwrap();
    let snapshot = Snapshot::read(root, None).unwrap();
    assert_eq!(names(snapshot.plugins()), ["out/deep/y", "out/x", "shop/orders"]);
    assert_eq!(names(snapshot.libraries()), ["lib/money"]);
    let faults: Vec<_> =
        snapshot.diagnostics().iter().map(|fault| (fault.code, fault.is_error())).collect();
    assert_eq!(faults, [("folder-twice", false); 5]);
}

#[test]
fn libraries_behind_links_that_lead_out_are_not_confined() {
    let outside = folder(&[("x.rhai", "x")]);
    let folder = folder(&[("lib/money.rhai", "m"), ("lib/sub/a.rhai", "a")]);
    let lib = folder.path().join("lib");
    symlink("money.rhai", lib.join("inner.rhai")).unwrap();
    symlink(outside.path().join("x.rhai"), lib.join("outer.rhai")).unwrap();
    symlink(outside.path(), lib.join("linked")).unwrap();
    let snapshot = Snapshot::read(folder.path(), None).unwrap();
    let confined: Vec<_> =
        snapshot.libraries().map(|library| (library.name.as_str(), library.confined)).collect();
    assert_eq!(
        confined,
        [
            ("lib/inner", true),
            ("lib/linked/x", false),
            ("lib/money", true),
            ("lib/outer", false),
            ("lib/sub/a", true)
        ]
    );
}

#[test]
fn a_folder_that_is_none_is_named_without_its_path() {
    let folder = folder(&[("file", "")]);
    let missing = Snapshot::read(&folder.path().join("gone"), None).unwrap_err();
    assert_eq!(missing, SourceError::Missing("gone".to_owned()));
    let file = Snapshot::read(&folder.path().join("file"), None).unwrap_err();
    assert_eq!(file, SourceError::NotAFolder("file".to_owned()));
    assert!(!missing.diagnostic().render(false).contains(folder.path().to_str().unwrap()));
}

#[test]
fn too_deep_folders_are_named() {
    let path = format!("{}x.rhai", "d/".repeat(17));
    let folder = folder(&[(&path, "x"), (&format!("{}y.rhai", "e/".repeat(16)), "y")]);
    let snapshot = Snapshot::read(folder.path(), None).unwrap();
    assert_eq!(snapshot.plugins().count(), 1);
    assert_eq!(snapshot.diagnostics().first().map(|fault| fault.code), Some("folder-too-deep"));
}

#[test]
fn looking_again_at_a_thousand_files_opens_none() {
    let folder = folder(&[]);
    for i in 0..1000 {
        write(folder.path(), &format!("p{}/x{i}.rhai", i % 10), "get(|req| 1);");
    }
    rest(folder.path());
    let before = Snapshot::read(folder.path(), None).unwrap();
    let began = Instant::now();
    let mut after = Snapshot::read(folder.path(), Some(&before)).unwrap();
    let whole = began.elapsed();
    let root = folder.path().canonicalize().unwrap();
    let began = Instant::now();
    after.refresh(&[root.join("p1/x1.rhai")]).unwrap();
    println!("1,000 files: all {whole:?}, one {:?}", began.elapsed());
    assert_eq!(after.plugins().count(), 1000);
    for (a, b) in before.plugins().zip(after.plugins()) {
        assert!(Arc::ptr_eq(a, b));
    }
}
