//! The configuration while it is saved: what it guards stays guarded, however it is written.

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::harness::{Ask, Project, Server, wait_until};

/// The guard of the plugin stands at the end, so that it is what a file lacks that is not whole.
fn config(version: usize) -> String {
    format!(
        "[plugins.shown]\nversion = {version}\n\n# {}\n[plugins.private]\nauth = \"plugin\"\napikey = \"the key\"\n",
        "a long comment ".repeat(20)
    )
}

fn served() -> Server {
    let files =
        [("private.rhai", "get(|| \"private\");"), ("shown.rhai", "get(|| settings.version);")];
    Project::new(&files).config(&config(100)).start()
}

fn file(server: &Server) -> std::path::PathBuf {
    server.root().join("config/hotplate.toml")
}

/// Saves three times in one way; each counts in the end, and nobody is let in without the key meanwhile.
#[track_caller]
fn stays_guarded(save: impl Fn(&Path, &str) + Send + 'static) {
    let server = served();
    let path = file(&server);
    let saving = std::thread::spawn(move || {
        for version in 101..104 {
            save(&path, &config(version));
            // What follows at once would hide what comes of this one.
            std::thread::sleep(Duration::from_millis(400));
        }
    });
    let began = Instant::now();
    while !saving.is_finished() || began.elapsed() < Duration::from_millis(500) {
        assert_eq!(server.get("/private").status, 403);
    }
    saving.join().unwrap();
    wait_until("the last version", || server.get("/shown").ok() == "103");
    assert_eq!(server.get("/private").status, 403);
    assert_eq!(server.ask(Ask::get("/private").header("X-Custom-Auth", "the key")).status, 200);
}

#[test]
fn written_in_place() {
    stays_guarded(|path, text| fs::write(path, text).unwrap());
}

#[test]
fn truncated_and_written_slowly() {
    stays_guarded(|path, text| {
        let mut file = fs::File::create(path).unwrap();
        for piece in text.as_bytes().chunks(text.len() / 8) {
            file.write_all(piece).unwrap();
            // The pace of the writer is what is tested.
            std::thread::sleep(Duration::from_millis(15));
        }
    });
}

#[test]
fn written_with_a_long_pause_where_it_parses() {
    stays_guarded(|path, text| {
        let (first, rest) = text.split_once("[plugins.private]").unwrap();
        let mut file = fs::File::create(path).unwrap();
        file.write_all(first.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(1_600));
        write!(file, "[plugins.private]{rest}").unwrap();
    });
}

#[test]
fn moved_away_and_written_anew() {
    stays_guarded(|path, text| {
        let backup = path.with_extension("toml~");
        fs::rename(path, &backup).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fs::write(path, text).unwrap();
        fs::remove_file(backup).unwrap();
    });
}

#[test]
fn moved_away_and_another_moved_there() {
    stays_guarded(|path, text| {
        let (new, old) = (path.with_extension("new"), path.with_extension("old"));
        fs::write(&new, text).unwrap();
        fs::rename(path, &old).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fs::rename(&new, path).unwrap();
        fs::remove_file(old).unwrap();
    });
}

#[test]
fn deleted_and_created() {
    stays_guarded(|path, text| {
        fs::remove_file(path).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fs::write(path, text).unwrap();
    });
}

#[test]
fn a_file_that_is_gone_or_empty_leaves_all_as_it_was_and_is_told_of() {
    let server = served();
    let path = file(&server);
    let told = |message: &str| {
        let reload = server.get("/reload/all");
        assert!(reload.text().contains(message), "{}", reload.text());
        assert_eq!(server.get("/private").status, 403);
        assert_eq!(server.get("/shown").ok(), "100");
    };
    fs::remove_file(&path).unwrap();
    told("hotplate.toml is not there any more");
    fs::write(&path, "\n").unwrap();
    told("hotplate.toml is empty");
}

#[test]
fn what_opens_something_by_saying_less_counts_when_it_is_asked_for() {
    let server = served();
    let path = file(&server);
    fs::write(&path, "[plugins.shown]\nversion = 7\n").unwrap();
    server.wait_for_log("`plugins.private.auth` is not in hotplate.toml any more");
    assert_eq!(server.get("/private").status, 403);
    assert_eq!(server.get("/shown").ok(), "100");
    // What loses no guard counts at once.
    server.save_config(&config(101));
    wait_until("it counts", || server.get("/shown").text() == "101");
    fs::write(&path, "[plugins.shown]\nversion = 8\n").unwrap();
    let reload = server.report();
    assert_eq!(reload["failed"], json!([]), "{reload}");
    assert_eq!(server.get("/private").status, 200);
    assert_eq!(server.get("/shown").ok(), "8");
    // What is said counts without being asked for.
    server.save_config(&config(102));
    wait_until("the guard is back", || server.get("/private").status == 403);
    server.save_config("[plugins.private]\nauth = \"none\"\n[plugins.shown]\nversion = 9\n");
    wait_until("the guard is off", || server.get("/private").status == 200);
}

#[test]
fn every_guard_that_is_not_said_any_more_holds() {
    let project = Project::new(&[("t.rhai", "get(|| settings.n);")]).config(
        "[plugins.t]\nn = 1\n[auth]\napikey = \"k\"\n[openapi]\naccess = \"key\"\n[server]\ndevelopment = true\n\
         [[documents.mounts]]\npath = \"/d\"\nfolder = \"d\"\nauth = \"global\"\n",
    );
    fs::create_dir(project.root().join("d")).unwrap();
    fs::write(project.root().join("d/a.txt"), "secret").unwrap();
    let server = project.start();
    let whole = fs::read_to_string(file(&server)).unwrap();
    for (key, text) in [
        ("auth.apikey", whole.replace("apikey = \"k\"\n", "").replace("auth = \"global\"\n", "")),
        ("openapi.access", whole.replace("access = \"key\"\n", "")),
        ("documents.mounts.0.auth", whole.replace("auth = \"global\"\n", "")),
    ] {
        fs::write(file(&server), text.replace("n = 1", "n = 2")).unwrap();
        server.wait_for_log(&format!("`{key}` is not in hotplate.toml any more"));
        assert_eq!(server.get("/t").ok(), "1");
        for path in ["/plugins", "/openapi.json", "/d/a.txt"] {
            assert_eq!(server.get(path).status, 403, "{key}: {path}");
        }
    }
}

#[test]
fn development_is_refused_where_others_can_reach_the_socket_that_is_open() {
    let key = "[auth]\napikey = \"k\"\n";
    let open = format!("[network]\nbind = \"0.0.0.0\"\nhosts = [\"a.example\"]\n{key}");
    let project = Project::new(&[("broken.rhai", "get(|| nothing);")]).config(&open);
    let server = project.start();
    let local = format!("[network]\nbind = \"127.0.0.1\"\n[server]\ndevelopment = true\n{key}");
    server.save_config(&local);
    let ask = |path: &str| {
        server.ask(Ask::get(path).header("Host", "a.example").header("X-Custom-Auth", "k"))
    };
    let reload = ask("/reload/all");
    assert!(reload.text().contains("development mode is refused on 0.0.0.0"), "{}", reload.text());
    assert!(!ask("/broken").text().contains("nothing"));
}

#[test]
fn what_needs_a_restart_is_told_once() {
    let server = Project::new(&[("t.rhai", "get(|| settings.n);")]).config("").start();
    for n in 0..4 {
        server.save_config(&format!("[limits]\nscript_threads = 7\n[plugins.t]\nn = {n}\n"));
        wait_until("it is read", || server.get("/t").text() == n.to_string());
        assert_eq!(server.report()["restart_needed"], json!(["limits.script_threads"]));
    }
    assert_eq!(server.log().matches("restart to apply it").count(), 1);
}
