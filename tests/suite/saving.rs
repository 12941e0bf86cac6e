//! All the ways in which editors and deployments save a file: each is seen, and none shows half a file.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use serde_json::json;

use crate::harness::{Ask, Project, Server, assert_tells, wait_until};

fn text(version: usize) -> String {
    format!("get(|r| \"V:{version}:END\");\n")
}

/// Saves three times in one way, and each time waits until what was saved is served.
#[track_caller]
fn each_save_is_served(mut save: impl FnMut(&Path, &str)) {
    let server = Server::start(&[("a.rhai", &text(100)), ("other.rhai", "get(|r| \"other\");")]);
    let path = server.plugins().join("a.rhai");
    let mut times = Vec::new();
    for version in 101..104 {
        save(&path, &text(version));
        let saved = Instant::now();
        let wanted = format!("V:{version}:END");
        wait_until(&format!("version {version}"), || {
            let answer = server.get("/a");
            // An editor may take the file away for a moment, but never for as long as to be noticed.
            let body = answer.ok();
            assert!(body.starts_with("V:") && body.ends_with(":END"), "torn: {body}");
            body == wanted
        });
        times.push(saved.elapsed());
    }
    assert_eq!(server.get("/other").ok(), "other");
    times.sort();
    assert!(times[1] < Duration::from_millis(500), "{times:?}");
}

fn beside(path: &Path, before: &str, after: &str) -> std::path::PathBuf {
    let name = path.file_name().unwrap().to_string_lossy();
    path.with_file_name(format!("{before}{name}{after}"))
}

#[test]
fn written_in_place() {
    each_save_is_served(|path, text| fs::write(path, text).unwrap());
}

#[test]
fn truncated_and_written_slowly() {
    each_save_is_served(|path, text| {
        let mut file = fs::File::create(path).unwrap();
        for piece in text.as_bytes().chunks(text.len() / 4) {
            file.write_all(piece).unwrap();
            file.flush().unwrap();
            // The pace of the writer is what is tested.
            std::thread::sleep(Duration::from_millis(15));
        }
    });
}

#[test]
fn renamed_over() {
    each_save_is_served(|path, text| {
        let aside = beside(path, "", ".tmp");
        fs::write(&aside, text).unwrap();
        fs::rename(aside, path).unwrap();
    });
}

#[test]
fn as_vim_saves() {
    each_save_is_served(|path, text| {
        let probe = path.with_file_name("4913");
        fs::write(&probe, "").unwrap();
        fs::remove_file(probe).unwrap();
        let (swap, backup) = (beside(path, ".", ".swp"), beside(path, "", "~"));
        fs::write(&swap, "b0VIM").unwrap();
        fs::rename(path, &backup).unwrap();
        fs::write(path, text).unwrap();
        fs::remove_file(backup).unwrap();
        fs::remove_file(swap).unwrap();
    });
}

#[test]
fn as_emacs_saves() {
    each_save_is_served(|path, text| {
        let (lock, auto, backup) =
            (beside(path, ".#", ""), beside(path, "#", "#"), beside(path, "", "~"));
        symlink("user@host.1:1", &lock).unwrap();
        fs::write(&auto, text).unwrap();
        fs::copy(path, &backup).unwrap();
        fs::write(path, text).unwrap();
        for leftover in [lock, auto, backup] {
            fs::remove_file(leftover).unwrap();
        }
    });
}

#[test]
fn as_jetbrains_saves() {
    each_save_is_served(|path, text| {
        let (new, old) = (beside(path, "", "___jb_tmp___"), beside(path, "", "___jb_old___"));
        fs::write(&new, text).unwrap();
        fs::rename(path, &old).unwrap();
        fs::rename(&new, path).unwrap();
        fs::remove_file(old).unwrap();
    });
}

#[test]
fn deleted_and_created() {
    each_save_is_served(|path, text| {
        fs::remove_file(path).unwrap();
        fs::write(path, text).unwrap();
    });
}

#[test]
fn with_the_same_length_and_time() {
    each_save_is_served(|path, text| {
        let time = fs::metadata(path).unwrap().modified().unwrap();
        let aside = beside(path, ".", ".aB3xYz");
        fs::write(&aside, text).unwrap();
        OpenOptions::new().write(true).open(&aside).unwrap().set_modified(time).unwrap();
        fs::rename(aside, path).unwrap();
    });
}

#[test]
fn with_a_time_in_the_past() {
    each_save_is_served(|path, text| {
        fs::write(path, text).unwrap();
        let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        OpenOptions::new().write(true).open(path).unwrap().set_modified(past).unwrap();
    });
}

#[test]
fn saved_twice_at_once() {
    each_save_is_served(|path, text| {
        fs::write(path, text.replace("V:", "V:0")).unwrap();
        fs::write(path, text).unwrap();
    });
}

#[test]
fn a_link_to_a_versioned_file_that_is_swapped() {
    let versions = tempfile::tempdir().unwrap();
    let mut count = 0;
    each_save_is_served(|path, text| {
        count += 1;
        let version = versions.path().join(format!("a.rhai.{count}"));
        fs::write(&version, text).unwrap();
        let link = beside(path, ".", ".lnk");
        symlink(&version, &link).unwrap();
        fs::rename(link, path).unwrap();
    });
}

#[test]
fn a_folder_of_links_through_data_that_is_swapped_as_orchestrators_do() {
    let server = Server::start(&[]);
    let folder = server.plugins();
    let swap = |version: usize| {
        let name = format!("..2026_{version}");
        fs::create_dir(folder.join(&name)).unwrap();
        fs::write(folder.join(&name).join("cm.rhai"), text(version)).unwrap();
        symlink(&name, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    };
    swap(1);
    symlink("..data/cm.rhai", folder.join("cm.rhai")).unwrap();
    server.wait_for("/cm", "V:1:END");
    for version in 2..5 {
        swap(version);
        server.wait_for("/cm", &format!("V:{version}:END"));
        fs::remove_dir_all(folder.join(format!("..2026_{}", version - 1))).unwrap();
    }
}

#[test]
fn a_plugin_folder_that_is_itself_a_swapped_link() {
    let project = crate::harness::Project::new(&[]);
    let (root, folder) = (project.root().to_owned(), project.plugins());
    fs::remove_dir_all(&folder).unwrap();
    let release = |version: usize| {
        let name = format!("release{version}");
        fs::create_dir(root.join(&name)).unwrap();
        fs::write(root.join(&name).join("a.rhai"), text(version)).unwrap();
        symlink(&name, root.join("next")).unwrap();
        fs::rename(root.join("next"), &folder).unwrap();
    };
    release(1);
    let server = project.start();
    assert_eq!(server.get("/a").ok(), "V:1:END");
    for version in 2..4 {
        release(version);
        server.wait_for("/a", &format!("V:{version}:END"));
    }
}

#[test]
fn new_folders_and_what_is_saved_in_them_at_once() {
    let server = Server::start(&[]);
    for n in 0..5 {
        let folder = server.plugins().join(format!("new{n}/deeper"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("x.rhai"), text(n)).unwrap();
    }
    for n in 0..5 {
        server.wait_for(&format!("/new{n}/deeper/x"), &format!("V:{n}:END"));
    }
    fs::remove_dir_all(server.plugins().join("new0")).unwrap();
    server.wait_for_status("/new0/deeper/x", 404);
    fs::rename(server.plugins().join("new1"), server.plugins().join("moved")).unwrap();
    server.wait_for("/moved/deeper/x", "V:1:END");
    server.wait_for_status("/new1/deeper/x", 404);
}

#[test]
fn a_storm_of_other_files_drowns_no_change() {
    let server = Server::start(&[("a.rhai", &text(1))]);
    for n in 0..500 {
        let path = server.plugins().join(format!("storm{n}.txt"));
        fs::write(&path, "x").unwrap();
        fs::remove_file(path).unwrap();
    }
    server.save("a.rhai", &text(2));
    server.wait_for("/a", "V:2:END");
}

#[test]
fn a_change_that_is_held_back_is_not_told_as_loaded() {
    let server = Project::new(&[("a.rhai", "get(|r| \"a\");"), ("b.rhai", "get(|r| \"b\");")])
        .env("HOTPLATE_WATCH__SETTLE_MS", "600")
        .start();
    server.remove("a.rhai");
    let answer = server.ask(Ask::post("/reload/all"));
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(answer.json()["failed"], serde_json::json!(["a"]));
    assert_eq!(answer.json()["status"], "Some plugins failed");
    assert_tells(&answer.json()["diagnostics"][0], &["`a` is not loaded yet"]);
    assert_eq!(server.get("/a").ok(), "a");
    server.wait_for_status("/a", 404);
    let answer = server.ask(Ask::post("/reload/all"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["failed"], serde_json::json!([]));
}

#[test]
fn a_report_tells_what_the_watcher_loaded_just_before() {
    let server = Project::new(&[("u.rhai", "get(|| 1);"), ("v.rhai", "get(|| 1);")]).start();
    assert_eq!(server.report()["changed"], json!([]));
    server.save("u.rhai", "get(#{ returns: int() }, || 2);");
    server.save("w.rhai", "get(|| 2);");
    server.remove("v.rhai");
    wait_until("all to be noticed", || {
        server.get("/u").text() == "2"
            && server.get("/w").status == 200
            && server.get("/v").status == 404
    });
    let report = server.report();
    assert_eq!(report["changed"], json!(["u"]), "{report}");
    assert_eq!(report["added"], json!(["w"]), "{report}");
    assert_eq!(report["removed"], json!(["v"]), "{report}");
    assert!(!report["changes"].as_array().unwrap().is_empty(), "{report}");
    let again = server.report();
    for key in ["added", "changed", "removed", "changes"] {
        assert_eq!(again[key], json!([]), "{again}");
    }
}

#[test]
fn of_many_who_save_and_reload_at_once_each_is_told_of_their_own() {
    let names: Vec<String> = (0..16).map(|n| format!("p{n}.rhai")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "get(|r| 0);")).collect();
    let server = Server::start(&files);
    std::thread::scope(|scope| {
        for (n, name) in names.iter().enumerate() {
            let (server, plugin) = (&server, format!("p{n}"));
            scope.spawn(move || {
                for version in 1..6 {
                    server.save(name, &format!("get(|r| {version});"));
                    let answer = server.ask(Ask::post(&format!("/reload/{plugin}")));
                    let report = answer.json();
                    let changed = report["changed"].as_array().unwrap();
                    assert!(changed.contains(&json!(plugin)), "{version}: {report}");
                    assert_eq!(server.get(&format!("/{plugin}")).ok(), version.to_string());
                }
            });
        }
    });
}
