//! What a reload changes and what it leaves alone.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Ask, Project, Server, assert_tells, wait_until};

#[test]
fn a_saved_script_is_served_without_asking() {
    let server = Server::dev(&[("a.rhai", "get(|r| \"old\");")]);
    assert_eq!(server.get("/a").ok(), "old");
    server.save("a.rhai", "get(|r| \"new\");");
    server.wait_for("/a", "new");
    server.save("b/c.rhai", "get(|r| \"born\");");
    server.wait_for("/b/c", "born");
    server.remove("a.rhai");
    server.wait_for_status("/a", 404);
}

#[test]
fn a_broken_save_keeps_the_last_good_plugin() {
    let server = Server::start(&[("a.rhai", "get(|r| \"good\");"), ("b.rhai", "get(|r| \"b\");")]);
    for broken in ["get(|r| \"half", "}{", "get(|r| { }", "\0\0\0", "get(|r| nope(r));", "throw 1;"]
    {
        server.save("a.rhai", broken);
        let report = server.report();
        assert_eq!(report["failed"], json!(["a"]), "{broken:?}");
        assert_eq!(server.get("/a").ok(), "good", "{broken:?}");
        assert_eq!(server.plugin("a")["state"], "stale", "{broken:?}");
        assert_eq!(server.get("/b").ok(), "b");
    }
    server.save("a.rhai", "get(|r| \"mended\");");
    server.wait_for("/a", "mended");
    assert_eq!(server.plugin("a")["diagnostics"], json!([]));
    assert_eq!(server.report()["status"], "All plugins reloaded");
}

#[test]
fn a_plugin_that_never_was_good_says_so_only_in_development() {
    let broken = [("a.rhai", "get(|r| {\n  nope(r)\n});")];
    let server = Server::dev(&broken);
    server.report();
    let answer = server.get("/a");
    assert_eq!(answer.status, 503);
    assert_tells(&answer.json()["rendered"], &["a.rhai:2"]);
    let server = Server::start(&broken);
    let answer = server.get("/a");
    assert_eq!(answer.status, 404);
    assert!(!answer.text().contains("nope"));
}

#[test]
fn the_report_tells_what_was_added_changed_and_removed() {
    let server = Project::new(&[
        ("a.rhai", "get(|r| 1);"),
        ("b.rhai", "get(|r| 2);"),
        ("c.rhai", "get(|r| 3);"),
    ])
    .env("HOTPLATE_WATCH__MODE", "off")
    .start();
    server.save("a.rhai", "get(|r| 10);");
    server.remove("b.rhai");
    server.save("d.rhai", "get(|r| 4);");
    let report = server.report();
    assert_eq!(report["changed"], json!(["a"]));
    assert_eq!(report["removed"], json!(["b"]));
    assert_eq!(report["added"], json!(["d"]));
    assert_eq!(report["unchanged"], 1);
    assert_eq!(report["loaded_plugins"], json!(["a", "c", "d"]));
    assert!(report["milliseconds"].as_f64().unwrap() > 0.0);
    assert!(report["generation"].as_u64() > Some(1), "{report}");
    let again = server.report();
    assert_eq!(again["generation"], report["generation"], "nothing changed");
}

#[test]
fn a_hangup_looks_again() {
    let server =
        Project::new(&[("a.rhai", "get(|r| \"old\");")]).env("HOTPLATE_WATCH__MODE", "off").start();
    server.save("a.rhai", "get(|r| \"new\");");
    assert_eq!(server.get("/a").ok(), "old");
    server.signal(Signal::HUP);
    server.wait_for("/a", "new");
}

#[test]
fn polling_sees_changes_too() {
    let server = Project::new(&[("a.rhai", "get(|r| \"old\");")])
        .env("HOTPLATE_WATCH__MODE", "poll")
        .env("HOTPLATE_WATCH__POLL_MS", "20")
        .start();
    server.save("a.rhai", "get(|r| \"new\");");
    server.wait_for("/a", "new");
}

#[test]
fn a_plugin_that_collides_after_a_change_fails_and_its_last_version_stays() {
    let server = Server::start(&[
        ("shop.rhai", "get(\"/sale\", |r| \"shop\");"),
        ("shop/sale.rhai", "get(\"/x\", |r| \"x\");"),
    ]);
    server.save("shop/sale.rhai", "get(\"/x\", |r| \"x2\");\nget(|r| \"sale\");");
    let report = server.report();
    assert_eq!(report["failed"], json!(["shop/sale"]));
    assert_tells(&report["diagnostics"][0], &["shop.rhai:1", "shop/sale.rhai:2"]);
    assert_eq!(server.get("/shop/sale").ok(), "shop");
    assert_eq!(server.get("/shop/sale/x").ok(), "x");
    server.remove("shop.rhai");
    server.wait_for("/shop/sale", "sale");
    server.wait_for("/shop/sale/x", "x2");
}

#[test]
fn the_earlier_name_fails_when_it_is_the_one_that_changed() {
    let server = Server::start(&[
        ("shop.rhai", "get(\"/x\", |r| \"x\");"),
        ("shop/sale.rhai", "get(|r| \"sale\");"),
    ]);
    server.save("shop.rhai", "get(\"/x\", |r| \"x\");\nget(\"/sale\", |r| \"shop\");");
    assert_eq!(server.report()["failed"], json!(["shop"]));
    assert_eq!(server.get("/shop/sale").ok(), "sale");
}

#[test]
fn of_two_that_change_at_once_the_one_that_had_the_route_keeps_it() {
    let library = "fn name() { \"sale\" }";
    let sale = "import \"lib/l\" as l;\nget(|r| l::name());\nget(\"/more\", |r| \"more\");";
    let server = Project::new(&[
        ("lib/l.rhai", library),
        ("shop.rhai", "get(\"/x\", |r| \"x\");"),
        ("shop/sale.rhai", sale),
    ])
    .env("HOTPLATE_WATCH__MODE", "off")
    .start();
    server.save("shop.rhai", "get(\"/x\", |r| \"x\");\nget(\"/sale\", |r| \"shop\");");
    server.save("lib/l.rhai", "fn name() { \"sale2\" }");
    assert_eq!(server.report()["failed"], json!(["shop"]));
    assert_eq!(server.get("/shop/sale").ok(), "sale2");
    assert_eq!(server.get("/shop/sale/more").ok(), "more");
    assert_eq!(server.get("/shop/x").ok(), "x");
    assert_eq!(server.plugin("shop")["state"], "stale");
    // Also where it gets routes beside those that it had.
    server.save("shop/sale.rhai", &format!("{sale}\nget(\"/new\", |r| \"new\");"));
    server.save("shop.rhai", "get(\"/sale\", |r| \"shop\");");
    assert_eq!(server.report()["failed"], json!(["shop"]));
    assert_eq!(server.get("/shop/sale/new").ok(), "new");
    assert_eq!(server.get("/shop/x").ok(), "x");
}

#[test]
fn of_two_that_change_at_once_none_loses_its_last_version() {
    let server = Project::new(&[
        ("a.rhai", "get(\"/p\", |r| \"a\");\nget(\"/b/free\", |r| \"a\");"),
        ("a/b.rhai", "get(\"/q\", |r| \"b\");"),
    ])
    .env("HOTPLATE_WATCH__MODE", "off")
    .start();
    // Each has a claim of the other's: whoever comes first takes what the other would fall back on.
    server.save("a.rhai", "get(\"/p\", |r| \"a2\");\nget(\"/b/q\", |r| \"a2\");");
    server.save("a/b.rhai", "get(\"/q\", |r| \"b2\");\nget(\"/free\", |r| \"b2\");");
    let report = server.report();
    assert_eq!(report["loaded_plugins"], json!(["a", "a/b"]), "{report}");
    assert_eq!(server.plugin("a")["state"], "stale");
    assert_eq!(server.get("/a/p").ok(), "a");
    assert_eq!(server.get("/a/b/free").ok(), "a");
    assert_eq!(server.get("/a/b/q").ok(), "b");
    for name in ["a", "a/b"] {
        assert!(!server.plugin(name)["diagnostics"][0].is_null(), "{name} says what is wrong");
    }
}

#[test]
fn a_route_that_moves_to_another_plugin_in_one_look_moves() {
    let server = Project::new(&[
        ("shop.rhai", "get(\"/x\", |r| \"x\");"),
        ("shop/sale.rhai", "get(|r| \"sale\");\nget(\"/more\", |r| 1);"),
    ])
    .env("HOTPLATE_WATCH__MODE", "off")
    .start();
    server.save("shop.rhai", "get(\"/x\", |r| \"x\");\nget(\"/sale\", |r| \"shop\");");
    server.save("shop/sale.rhai", "get(\"/more\", |r| 1);");
    assert_eq!(server.report()["failed"], json!([]));
    assert_eq!(server.get("/shop/sale").ok(), "shop");
}

#[test]
fn a_folder_that_goes_away_keeps_everything_and_coming_back_is_seen() {
    let server = Server::dev(&[("a.rhai", "get(|r| \"a\");")]);
    let away = server.root().join("away");
    fs::rename(server.plugins(), &away).unwrap();
    let answer = server.ask(Ask::post("/reload/all"));
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(answer.json()["loaded_plugins"], json!(["a"]));
    assert_eq!(server.get("/a").ok(), "a");
    assert_eq!(server.plugin("a")["state"], "stale");
    fs::rename(&away, server.plugins()).unwrap();
    server.save("a.rhai", "get(|r| \"back\");");
    server.wait_for("/a", "back");
    assert_eq!(server.plugin("a")["state"], "serving");
}

#[test]
fn a_folder_that_is_replaced_is_followed() {
    let server = Server::dev(&[("a.rhai", "get(|r| \"old\");")]);
    let fresh = server.root().join("fresh");
    fs::create_dir(&fresh).unwrap();
    fs::write(fresh.join("a.rhai"), "get(|r| \"new\");").unwrap();
    fs::rename(server.plugins(), server.root().join("away")).unwrap();
    fs::rename(&fresh, server.plugins()).unwrap();
    let began = Instant::now();
    server.wait_for("/a", "new");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    server.save("a.rhai", "get(|r| \"newer\");");
    server.wait_for("/a", "newer");
}

#[test]
fn a_folder_that_is_deleted_and_made_again_is_followed_while_all_is_served() {
    let server = Server::dev(&[("a.rhai", "get(|r| \"old\");")]);
    fs::remove_dir_all(server.plugins()).unwrap();
    for _ in 0..20 {
        assert_eq!(server.get("/a").ok(), "old");
        std::thread::sleep(Duration::from_millis(25));
    }
    fs::create_dir(server.plugins()).unwrap();
    server.save("a.rhai", "get(|r| \"new\");");
    let began = Instant::now();
    server.wait_for("/a", "new");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    server.save("a.rhai", "get(|r| \"newer\");");
    server.wait_for("/a", "newer");
}

#[test]
fn a_configuration_that_cannot_be_used_changes_nothing() {
    let good = "[plugins.a]\ngreeting = \"hi\"\n";
    let server = Project::new(&[("a.rhai", "get(|r| settings.greeting);")]).config(good).start();
    for broken in [
        "[plugins.a]\ngreeting = \"hal",
        "[plugins.a]\ngreeting = \"new\"\n[netwrok]\n",
        "[network]\nworkers = \"x\"\n",
    ] {
        server.save_config(broken);
        let answer = server.ask(Ask::post("/reload/all"));
        assert_eq!(answer.status, 422, "{broken}: {}", answer.text());
        assert_tells(&answer.json()["diagnostics"][0], &["hotplate.toml:"]);
        assert_eq!(server.get("/a").ok(), "hi");
    }
    server.save_config("[plugins.a]\ngreeting = \"new\"\n");
    server.wait_for("/a", "new");
    assert_eq!(server.report()["status"], "All plugins reloaded");
}

#[test]
fn settings_that_need_a_restart_are_named() {
    let server =
        Project::new(&[("a.rhai", "get(|r| 1);")]).config("[network]\nworkers = 1\n").start();
    server.save_config("[network]\nworkers = 2\nbind = \"::1\"\n");
    let report = server.report();
    assert_eq!(report["restart_needed"], json!(["network.bind", "network.workers"]));
    assert_eq!(server.get("/a").ok(), "1");
}

#[test]
fn limits_change_while_running() {
    let server = Project::new(&[("a.rhai", "post(|r| r.text().len());")]).config("").start();
    let long = || server.ask(Ask::post("/a").body("text/plain", "x".repeat(1000))).status;
    assert_eq!(long(), 200);
    server.save_config("[limits]\nbody_bytes = 100\n");
    wait_until("the new limit holds", || long() == 413);
}

#[test]
fn an_unchanged_save_publishes_nothing() {
    let server = Server::dev(&[("a.rhai", "get(|r| 1);")]);
    server.save("a.rhai", "get(|r| 1);");
    assert_eq!(server.report()["generation"], 1);
}

#[test]
fn requests_go_on_while_everything_changes() {
    let text = |n: usize| format!("get(|r| \"V:{n}:END\");");
    let server = Server::start(&[("a.rhai", &text(0)), ("lib/l.rhai", "fn f() { 1 }")]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut connection = server.connect();
            let (mut asked, mut last) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                let answer = connection.ask(&Ask::get("/a"));
                let body = answer.ok();
                let version = body.strip_prefix("V:").and_then(|rest| rest.strip_suffix(":END"));
                let version: usize =
                    version.unwrap_or_else(|| panic!("torn: {body}")).parse().unwrap();
                assert!(version >= last, "{version} after {last}");
                (asked, last) = (asked + 1, version);
            }
            asked
        });
        for n in 1..=40 {
            match n % 3 {
                0 => server.write("a.rhai", text(n).as_bytes()),
                1 => server.save("a.rhai", &text(n)),
                _ => {
                    server.save("a.rhai", "get(|r| \"half");
                    server.signal(Signal::HUP);
                    server.save("a.rhai", &text(n));
                }
            }
            if n % 5 == 0 {
                server.report();
                assert_eq!(server.get("/a").ok(), format!("V:{n}:END"));
            }
        }
        server.wait_for("/a", "V:40:END");
        done.store(true, Ordering::Relaxed);
        assert!(asking.join().unwrap() > 0);
    });
}

#[test]
fn a_plugin_is_never_answered_with_a_library_of_another_version() {
    let plugin =
        |n: usize| format!("import \"lib/l\" as l;\nget(|r| [{n}, l::version(), l::version()]);");
    let library = |n: usize| format!("fn version() {{ {n} }}");
    let server = Project::new(&[("a.rhai", &plugin(0)), ("lib/l.rhai", &library(0))])
        .env("HOTPLATE_WATCH__MODE", "off")
        .start();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut connection = server.connect();
            let mut asked = 0;
            while !done.load(Ordering::Relaxed) {
                let versions = connection.ask(&Ask::get("/a")).json();
                assert!(versions[0] == versions[1] && versions[1] == versions[2], "{versions}");
                asked += 1;
            }
            asked
        });
        for n in 1..=30 {
            server.save("lib/l.rhai", &library(n));
            server.save("a.rhai", &plugin(n));
            server.report();
            assert_eq!(server.get("/a").json(), serde_json::json!([n, n, n]));
        }
        done.store(true, Ordering::Relaxed);
        assert!(asking.join().unwrap() > 0);
    });
}

#[test]
fn a_request_under_way_ends_on_the_version_that_it_began_with() {
    let text = |version: &str| {
        format!(
            "fn version() {{ \"{version}\" }}\nget(|r| {{ while state::get(\"open\") == null {{ }} version() }});\n\
             post(|r| state::set(\"open\", 1));\nget(\"/now\", |r| version());\n"
        )
    };
    let server = Server::dev(&[("a.rhai", &text("old"))]);
    let mut slow = server.connect();
    slow.begin(&Ask::get("/a"));
    wait_until("it runs", || server.plugin("a")["requests"].as_u64() >= Some(1));
    server.save("a.rhai", &text("new"));
    server.report();
    assert_eq!(server.get("/a/now").ok(), "new");
    server.ask(Ask::post("/a"));
    assert_eq!(slow.answer(false).unwrap().ok(), "old");
}

#[test]
fn a_thousand_reloads_leave_nothing_behind() {
    let server =
        Project::new(&[("a.rhai", "get(|r| 0);")]).env("HOTPLATE_WATCH__MODE", "off").start();
    let held = || {
        let process = format!("/proc/{}", server.pid());
        let count = |what: &str| fs::read_dir(format!("{process}/{what}")).unwrap().count();
        let pages = fs::read_to_string(format!("{process}/statm")).unwrap();
        let resident = pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096;
        (resident, count("fd"), count("task"))
    };
    let mut connection = server.connect();
    let mut reload = |version: usize| {
        server.save("a.rhai", &format!("get(|r| {version});"));
        assert_eq!(connection.ask(&Ask::post("/reload/a")).status, 200);
        assert_eq!(connection.ask(&Ask::get("/a")).json(), version);
    };
    (0..100).for_each(&mut reload);
    let (memory, files, threads) = held();
    (100..1100).for_each(&mut reload);
    let (memory_after, files_after, threads_after) = held();
    assert!(memory_after < memory + (16 << 20), "{memory} bytes became {memory_after}");
    assert!(files_after <= files + 4, "{files} descriptors became {files_after}");
    assert!(threads_after <= threads + 4, "{threads} threads became {threads_after}");
}

#[test]
fn a_reserved_route_path_keeps_the_plugin_where_it_was() {
    let server = Project::new(&[("hello.rhai", "get(|| \"h\");")])
        .config("[plugins.hello]\nroute_path = \"/people\"\n")
        .start();
    assert_eq!(server.get("/people").ok(), "h");
    server.save_config("[plugins.hello]\nroute_path = \"/plugins\"\n");
    wait_until("it is told", || server.plugin("hello")["state"] == "stale");
    assert_eq!(server.get("/people").ok(), "h");
    assert_tells(&server.plugin("hello")["diagnostics"][0], &["`route_path` of hello"]);
    server.save_config("[plugins.hello]\nroute_path = \"/others\"\n");
    wait_until("it moved", || server.get("/others").status == 200);
    assert_eq!(server.get("/people").status, 404);
}

#[test]
fn a_header_comment_that_is_written_slowly_takes_no_route_down() {
    let server = Server::start(&[("c.rhai", "get(|| \"v1\");")]);
    for half in ["// a header com", "/* a header", "/* a header */\nget(|| \"v2\")\n// and"] {
        std::fs::write(server.plugins().join("c.rhai"), half).unwrap();
        let began = std::time::Instant::now();
        while began.elapsed() < std::time::Duration::from_millis(300) {
            assert_eq!(server.get("/c").status, 200, "{half}");
        }
    }
    server.wait_for("/c", "v2");
}

#[test]
fn a_script_may_end_before_its_routes() {
    let script = "if settings.off == true { return; }\nget(|| 1);";
    let project = Project::new(&[("u.rhai", script)]).config("[plugins.u]\noff = true\n");
    let server = project.start();
    assert_eq!(server.plugin("u")["state"], "serving");
    assert_eq!(server.get("/u").status, 404);
    server.save_config("[plugins.u]\noff = false\n");
    server.wait_for("/u", "1");
}
