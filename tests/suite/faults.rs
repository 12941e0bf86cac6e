//! A system that runs out of something, or takes something away: what stands is served on, and it is told.
//!
//! Namespaces make the shortage where the system allows them; where it does not, the test says so loudly.

use std::{
    fs::{self, File, FileTimes, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    process::Command,
    time::{Duration, SystemTime},
};

use crate::harness::{Project, Server, assert_tells, wait_until};

/// Whether a command works here; if not, that is said.
pub(crate) fn works(command: &[&str]) -> bool {
    let ran = Command::new(command[0]).args(&command[1..]).output();
    let works = ran.is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("SKIPPED: `{}` is not possible here", command.join(" "));
    }
    works
}

/// Runs the program in a user namespace that may watch no more than so many folders.
fn with_few_watches(limit: &str, count: u32) -> Option<Vec<String>> {
    let script = format!("echo {count} > /proc/sys/user/{limit} && exec \"$@\"");
    let around = ["unshare", "--user", "--map-root-user", "sh", "-c", &script, "sh"];
    works(&[&around[..], &["true"]].concat())
        .then(|| around.iter().map(|&word| word.to_owned()).collect())
}

#[test]
fn where_the_limit_of_watches_is_reached_changes_are_polled_for_and_that_is_told() {
    for (limit, count, reason) in [
        ("max_inotify_watches", 1, "the limit of watched folders is reached"),
        ("max_inotify_instances", 0, "the limit of watchers is reached"),
    ] {
        let Some(around) = with_few_watches(limit, count) else { return };
        let around: Vec<&str> = around.iter().map(String::as_str).collect();
        let server = Project::new(&[("t.rhai", "get(|req| \"old\");")])
            .env("HOTPLATE_WATCH__POLL_MS", "50")
            .through(&around)
            .start();
        server.wait_for_log("changes are noticed by polling");
        assert!(server.log().contains(reason), "{}", server.log());
        let told = server.get("/plugins").json()["watching"].as_str().unwrap().to_owned();
        assert!(told.starts_with("poll: ") && told.contains(reason), "{told}");
        server.save("t.rhai", "get(|req| \"new\");");
        server.wait_for("/t", "new");
    }
}

#[test]
fn the_limit_of_watches_may_be_reached_while_running() {
    let Some(around) = with_few_watches("max_inotify_watches", 6) else { return };
    let around: Vec<&str> = around.iter().map(String::as_str).collect();
    let server = Project::new(&[("t.rhai", "get(|req| \"old\");")])
        .env("HOTPLATE_WATCH__POLL_MS", "50")
        .through(&around)
        .start();
    for n in 0..12 {
        server.save(&format!("folder{n}/x.rhai"), "get(|req| \"x\");");
    }
    server.wait_for_log("changes are noticed by polling");
    server.wait_for("/folder11/x", "x");
    server.save("folder11/x.rhai", "get(|req| \"y\");");
    server.wait_for("/folder11/x", "y");
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let server = Project::new(&[("t.rhai", "get(|req| { log::error(\"lost\"); \"ok\" });")])
        .config("[log]\nfile = \"/dev/full\"\n")
        .start();
    for _ in 0..10 {
        assert_eq!(server.get("/t").ok(), "ok");
    }
    server.save("t.rhai", "get(|req| \"new\");");
    server.wait_for("/t", "new");
    assert!(server.terminate().status.success());
}

#[test]
fn a_full_disk_keeps_what_is_served_and_room_on_it_is_seen() {
    let script = "mount -t tmpfs -o size=64k tmpfs plugins && exec \"$@\"";
    let around = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"];
    let mount = "mount -t tmpfs -o size=64k tmpfs /mnt";
    if !works(&["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]) {
        return;
    }
    let server = Project::new(&[]).env("HOTPLATE_WATCH__POLL_MS", "50").through(&around).start();
    // The folder as the program sees it; ours is another one.
    let folder = format!("/proc/{}/root{}", server.pid(), server.plugins().display());
    let file = format!("{folder}/t.rhai");
    let rest = format!("{folder}/rest.txt");
    fs::write(&file, "get(|req| \"old\");").unwrap();
    server.wait_for("/t", "old");
    drop(fs::write(&rest, vec![b'x'; 1 << 20]));
    // As an editor does that saves in place: the file is emptied, and then there is no room.
    let text = format!("get(|req| {{ let a = \"{}\"; a }});", "x".repeat(20_000));
    let saved = fs::write(&file, text);
    assert!(saved.is_err(), "the disk was not full");
    wait_until("the fault is told", || server.plugin("t")["state"] == "stale");
    assert_eq!(server.get("/t").ok(), "old");
    fs::remove_file(&rest).unwrap();
    fs::write(&file, "get(|req| \"new\");").unwrap();
    server.wait_for("/t", "new");
    assert_eq!(server.plugin("t")["state"], "serving");
}

#[test]
fn a_script_and_a_folder_that_may_not_be_read_keep_what_is_served() {
    let around = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let mode = |path: &std::path::Path, mode: u32| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    let project = Project::new(&[("t.rhai", "get(|req| \"old\");"), ("o.rhai", "get(|req| 1);")])
        .env("HOTPLATE_WATCH__POLL_MS", "50")
        .through(&around);
    mode(project.root(), 0o755);
    let program = crate::harness::program();
    if !works(&[&around[..], &[&*program, "--version"]].concat()) {
        return;
    }
    let server = project.start();
    let file = server.plugins().join("t.rhai");
    assert_eq!(server.get("/t").ok(), "old");
    mode(&file, 0);
    wait_until("it is told", || server.plugin("t")["state"] == "stale");
    assert_tells(&server.plugin("t")["diagnostics"][0], &["t.rhai"]);
    assert_eq!(server.get("/t").ok(), "old");
    fs::write(&file, "get(|req| \"new\");").unwrap();
    mode(&file, 0o644);
    server.wait_for("/t", "new");
    mode(&server.plugins(), 0);
    server.report();
    assert_eq!(server.get("/t").ok(), "new");
    assert_eq!(server.get("/o").ok(), "1");
    mode(&server.plugins(), 0o755);
    server.save("t.rhai", "get(|req| \"newest\");");
    mode(&file, 0o644);
    server.wait_for("/t", "newest");
}

#[test]
fn a_clock_that_jumps_hides_no_save_and_holds_none_back() {
    let server = Server::start(&[("t.rhai", "get(|req| 0);")]);
    let file = server.plugins().join("t.rhai");
    let now = SystemTime::now();
    let year = Duration::from_secs(365 * 24 * 3600);
    let times = [now + year * 70, now - year * 40, SystemTime::UNIX_EPOCH, now + year, now];
    for (n, time) in (1..).zip(times) {
        fs::write(&file, format!("get(|req| {n});")).unwrap();
        let set = File::options().write(true).open(&file).unwrap();
        set.set_times(FileTimes::new().set_modified(time).set_accessed(time)).unwrap();
        drop(set);
        server.wait_for("/t", &n.to_string());
        // A save that takes routes away is held back for a moment, by whatever clock.
        fs::write(&file, "get(|req| ").unwrap();
        let set = File::options().write(true).open(&file).unwrap();
        set.set_times(FileTimes::new().set_modified(time)).unwrap();
        drop(set);
        wait_until("the broken save is told", || server.plugin("t")["state"] == "stale");
        assert_eq!(server.get("/t").ok(), n.to_string());
    }
}

#[test]
fn what_a_link_leads_to_outside_the_folder_is_not_told() {
    const SECRET: &str = "hunter20c7e51";
    let server = Project::new(&[("ok.rhai", "get(|req| \"ok\");")]).arg("--dev").start();
    let outside = [
        ("config", format!("[network]\nport = 1\napikey = \"{SECRET}\"\n")),
        ("word", SECRET.to_owned()),
        ("variable", format!("KEY = {SECRET}")),
        ("number", format!("9{SECRET}")),
        ("called", format!("{SECRET}();")),
        ("missing", format!("import \"lib/{SECRET}\" as x;")),
        ("bytes", format!("{SECRET} \0")),
        ("ticked", format!("import \"a`{SECRET}\" as h;")),
        ("thrown", format!("throw \"{SECRET}\";")),
        ("in_function", format!("fn {SECRET}() {{ 1 / 0 }} {SECRET}();")),
        ("routed", format!("get(\"/{SECRET}{{\", |req| 1);")),
        ("twice", format!("get(\"/{SECRET}\", |req| 1); get(\"/{SECRET}\", |req| 2);")),
        ("schema", format!("get(\"/\", #{{ returns: int().min(\"{SECRET}\") }}, |req| 1);")),
        ("unknown", format!("get(\"/\", #{{ {SECRET}: 1 }}, |req| 1);")),
        ("runs", format!("let x = #{{}}; x.a.b; // {SECRET}")),
        ("later", format!("get(|req| {{ let x = #{{}}; x.a.b.c }} /* {SECRET} */);")),
    ];
    for (name, text) in &outside {
        fs::write(server.root().join(name), text).unwrap();
        symlink(format!("../{name}"), server.plugins().join(format!("{name}.rhai"))).unwrap();
    }
    let mut told = server.report().to_string();
    for (name, _) in &outside {
        told += &server.get(&format!("/{name}")).text();
        let plugin = server.plugin(name).to_string();
        assert!(plugin.contains(&format!("{name}.rhai")), "{plugin}");
        told += &plugin;
    }
    told += &server.get("/").text();
    told += &server.log();
    assert!(!told.contains(SECRET), "{told}");
    let place = &server.plugin("config")["diagnostics"][0];
    assert_eq!((&place["line"], &place["source"]), (&2.into(), &"".into()), "{place}");
}

#[test]
fn lines_of_a_folder_that_is_a_link_are_shown() {
    let server = Project::new(&[("t.rhai", "get(|req| 1);")]).arg("--dev").start();
    let release = server.root().join("release");
    fs::create_dir_all(release.join("now")).unwrap();
    fs::write(release.join("now/t.rhai"), "get(|req| nope(1));").unwrap();
    symlink("now/t.rhai", release.join("u.rhai")).unwrap();
    fs::rename(server.plugins(), server.root().join("before")).unwrap();
    symlink("release", server.plugins()).unwrap();
    server.report();
    for name in ["now/t", "u"] {
        assert_tells(&server.plugin(name)["diagnostics"][0], &["nope", "get(|req| nope(1));"]);
    }
}
