//! `every`, `cron` and `after`: what runs by the clock.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Project, Server, assert_tells, refusal, refusal_among, wait_until};

/// What `/plugins` says of a job.
#[track_caller]
fn job(server: &Server, name: &str) -> Value {
    let listing = server.get("/plugins").json();
    let jobs = listing["jobs"].as_array().cloned().unwrap_or_default();
    jobs.into_iter().find(|job| job["name"] == name).unwrap_or_default()
}

/// Waits until a job has begun so often.
#[track_caller]
fn wait_for_runs(server: &Server, name: &str, runs: u64) {
    wait_until(&format!("{runs} runs of {name}"), || {
        job(server, name)["runs"].as_u64() >= Some(runs)
    });
}

/// Waits until a job has a last run.
#[track_caller]
fn last_run(server: &Server, name: &str) -> Value {
    wait_until(&format!("a run of {name} that ended"), || !job(server, name)["last"].is_null());
    job(server, name)["last"].clone()
}

const TICKING: &str = "every(\"100ms\", #{ name: \"tick\" }, || state::incr(\"ticks\"));\n\
                       get(|| json(state::get(\"ticks\", 0)));\n";

fn ticks(server: &Server) -> i64 {
    server.get("/t").json().as_i64().unwrap()
}

#[test]
fn a_job_runs_again_and_again_and_is_told_of() {
    let server = Server::dev(&[("t.rhai", TICKING)]);
    wait_for_runs(&server, "tick", 3);
    wait_until("it counts", || ticks(&server) >= 3);
    let told = job(&server, "tick");
    assert_eq!(
        (&told["plugin"], &told["schedule"], &told["timeout_ms"], &told["failures"]),
        (&json!("t"), &json!("every 100ms"), &json!(2000), &json!(0))
    );
    assert_eq!((&told["file"], &told["line"]), (&json!("t.rhai"), &json!(1)));
    assert_eq!(told["zone"], Value::Null);
    let next = told["next"].as_str().unwrap();
    assert!(next.ends_with('Z') && next.contains('T'), "{next}");
    let last = last_run(&server, "tick");
    assert_eq!((&last["result"], &last["fault"]), (&json!("ok"), &Value::Null));
    assert!(last["milliseconds"].as_f64().unwrap() < 2000.0);
}

#[test]
fn once_after_a_while_is_once() {
    let script = "after(\"50ms\", #{ name: \"later\" }, || state::incr(\"n\"));\n\
                  every(\"100ms\", #{ name: \"beat\" }, || 0);\n\
                  get(|| json(state::get(\"n\", 0)));";
    let server = Server::dev(&[("t.rhai", script)]);
    server.wait_for("/t", "1");
    wait_for_runs(&server, "beat", 5);
    assert_eq!(server.get("/t").ok(), "1");
    let told = job(&server, "later");
    assert_eq!((&told["state"], &told["runs"]), (&json!("done"), &json!(1)));
    assert_eq!(told["next"], Value::Null);
}

#[test]
fn a_cron_job_runs_by_the_clock_of_its_zone() {
    let script = "cron(\"* * * * * *\", #{ name: \"seconds\" }, || state::incr(\"n\"));\n\
                  cron(\"0 6 * * *\", #{ name: \"morning\", zone: \"Asia/Tokyo\" }, || 0);\n\
                  get(|| json(state::get(\"n\", 0)));";
    let server = Server::dev(&[("t.rhai", script)]);
    server.wait_for("/t", "2");
    assert_eq!(job(&server, "seconds")["zone"], "UTC");
    let told = job(&server, "morning");
    assert_eq!(
        (&told["schedule"], &told["zone"]),
        (&json!("cron 0 6 * * *"), &json!("Asia/Tokyo"))
    );
    let next = told["next"].as_str().unwrap();
    assert!(next.ends_with("T21:00:00.000Z"), "{next}");
    assert_eq!(told["runs"], 0);
}

#[test]
fn a_run_that_is_due_while_one_goes_on_is_skipped_and_counted() {
    let script = "every(\"100ms\", #{ name: \"long\", timeout: \"1m\" }, || {\n\
                      if state::incr(\"now\") > 1 { state::set(\"twice\", true) }\n\
                      while state::get(\"open\") == null { sleep(0.005); }\n\
                      state::incr(\"now\", -1);\n\
                  });\n\
                  post(|| state::set(\"open\", true));\n\
                  get(|| json(state::get(\"twice\")));";
    let server = Server::dev(&[("t.rhai", script)]);
    wait_until("skips", || job(&server, "long")["skips"].as_u64() >= Some(3));
    let told = job(&server, "long");
    assert_eq!((&told["runs"], &told["state"]), (&json!(1), &json!("running")));
    server.post("/t", &Value::Null);
    wait_for_runs(&server, "long", 3);
    assert_eq!(server.get("/t").ok(), "null");
}

#[test]
fn an_unchanged_plugin_goes_on_with_its_jobs() {
    let server = Server::dev(&[("t.rhai", TICKING), ("o.rhai", "get(|| 1);")]);
    wait_for_runs(&server, "tick", 2);
    server.report();
    server.reload("t");
    server.save("o.rhai", "get(|| 2);");
    server.report();
    assert!(job(&server, "tick")["runs"].as_u64() >= Some(2), "it began anew");
    let before = ticks(&server);
    wait_until("it goes on", || ticks(&server) > before + 1);
}

#[test]
fn a_broken_save_leaves_the_jobs_of_the_last_good_version() {
    let server = Server::dev(&[("t.rhai", TICKING)]);
    wait_for_runs(&server, "tick", 1);
    server.save("t.rhai", "every(\"100ms\", || nope());");
    assert_eq!(server.report()["failed"], json!(["t"]));
    let before = ticks(&server);
    wait_until("it goes on", || ticks(&server) > before + 1);
}

#[test]
fn the_jobs_of_a_version_end_with_it() {
    let text = |version: u32| {
        format!(
            "every(\"100ms\", #{{ name: \"v{version}\" }}, || state::incr(\"v{version}\"));\n\
             get(|| json([state::get(\"v1\", 0), state::get(\"v2\", 0)]));"
        )
    };
    let server = Server::dev(&[("t.rhai", &text(1))]);
    wait_for_runs(&server, "v1", 1);
    server.save("t.rhai", &text(2));
    server.report();
    assert_eq!(job(&server, "v1"), Value::Null);
    wait_for_runs(&server, "v2", 1);
    let before = server.get("/t").json();
    wait_for_runs(&server, "v2", 4);
    assert_eq!(server.get("/t").json()[0], before[0]);
    server.get("/unload/t");
    assert_eq!(job(&server, "v2"), Value::Null);
    server.get("/load/t");
    wait_for_runs(&server, "v2", 1);
    server.remove("t.rhai");
    wait_until("it is gone", || job(&server, "v2").is_null());
}

#[test]
fn no_job_runs_before_its_generation_is_published_nor_before_on_start() {
    let script = "on_start(|| { sleep(0.3); state::set(\"ready\", true) });\n\
                  after(\"0s\", #{ name: \"first\" }, || if state::get(\"ready\") != true { throw \"early\" });\n\
                  get(|| 1);";
    let server = Server::dev(&[("t.rhai", script)]);
    assert_eq!(last_run(&server, "first")["result"], "ok");
}

#[test]
fn a_version_that_is_refused_runs_no_job() {
    let server = Server::dev(&[("t.rhai", "get(|| json(state::get(\"n\", 0)));")]);
    // The second route collides with the first: the whole version is refused.
    server.save("t.rhai", "after(\"0s\", || state::incr(\"n\"));\nget(|| 1);\nget(|| 2);");
    assert_eq!(server.report()["failed"], json!(["t"]));
    server.save("u.rhai", "every(\"100ms\", #{ name: \"beat\" }, || 0);");
    server.report();
    wait_for_runs(&server, "beat", 2);
    assert_eq!(server.get("/t").ok(), "0");
}

#[test]
fn a_run_in_flight_ends_before_on_stop() {
    let script = "every(\"100ms\", #{ name: \"long\", timeout: \"1m\" }, || {\n\
                      state::set(\"began\", true);\n\
                      while state::get(\"open\") == null { sleep(0.005); }\n\
                      state::set(\"order\", state::get(\"order\", []) + [\"job\"]);\n\
                  });\n\
                  on_stop(|| state::set(\"order\", state::get(\"order\", []) + [\"stop\"]));\n\
                  get(|| json([state::get(\"began\"), state::get(\"order\", [])]));\n\
                  post(|| state::set(\"open\", true));";
    let server = Server::dev(&[("t.rhai", script)]);
    wait_until("it runs", || server.get("/t").json()[0] == true);
    let other = "get(|| json(state::get(\"order\", [])));\npost(|| state::set(\"open\", true));";
    server.save("t.rhai", other);
    server.report();
    assert_eq!(server.get("/t").json(), json!([]));
    server.post("/t", &Value::Null);
    wait_until("both are over", || server.get("/t").json() == json!(["job", "stop"]));
}

#[test]
fn a_hundred_versions_with_jobs_leave_none_behind() {
    let text = |version: u32| {
        format!(
            "on_stop(|| state::incr(\"stops\"));\n\
             every(\"100ms\", #{{ name: \"beat\" }}, || state::incr(\"beats\"));\n\
             every(\"1h\", || {version});\n\
             get(|| json(#{{ version: {version}, stops: state::get(\"stops\", 0) }}));"
        )
    };
    let server = Server::dev(&[("t.rhai", &text(0))]);
    for version in 1..=100 {
        server.save("t.rhai", &text(version));
        server.report();
    }
    assert_eq!(server.get("/t").json()["version"], 100);
    // `on_stop` runs when nothing uses a version any more: neither a run nor the schedule.
    wait_until("all stopped", || server.get("/t").json()["stops"] == 100);
    // The beat went on over all of them.
    assert!(job(&server, "beat")["runs"].as_u64().is_some());
    wait_for_runs(&server, "beat", 2);
}

#[test]
fn a_job_that_fails_is_told_in_the_log_and_runs_again() {
    let script = "fn work() { let x = #{}; x.a.b.c }\n\
                  every(\"100ms\", #{ name: \"bad\" }, || work());\nget(|| 1);";
    let server = Server::start(&[("t.rhai", script)]);
    wait_for_runs(&server, "bad", 3);
    let last = last_run(&server, "bad");
    assert_eq!(last["result"], "failed");
    assert_tells(&last["fault"], &["the job `bad` failed", "t.rhai:1:"]);
    server.wait_for_log("the job `bad` failed");
    let log = server.log();
    assert!(log.contains("t.rhai:1:") && log.contains("called at t.rhai:2:"), "{log}");
    // The same failure is not told ten times a second.
    assert_eq!(log.matches("the job `bad` failed").count(), 1, "{log}");
    assert!(job(&server, "bad")["failures"].as_u64() >= Some(1));
}

#[test]
fn a_job_has_the_time_of_a_request_or_its_own() {
    let script = "every(\"100ms\", #{ name: \"endless\", timeout: \"150ms\" }, || { loop { } });\n\
                  after(\"0s\", #{ name: \"usual\" }, || { try { loop { } } catch { } });\n\
                  get(|| \"ok\");";
    let server = Project::new(&[("t.rhai", script)])
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "300")
        .env("HOTPLATE_LIMITS__OPERATIONS", "100000000000")
        .start();
    for (name, time) in [("endless", 150), ("usual", 300)] {
        let last = last_run(&server, name);
        assert_tells(&last["fault"], &[&format!("it ran longer than {time} ms")]);
        assert!(last["milliseconds"].as_f64().unwrap() < 5000.0, "{last}");
    }
    assert_eq!(job(&server, "usual")["timeout_ms"], 300);
    assert_eq!(server.get("/t").ok(), "ok");
}

#[test]
fn a_job_sees_what_handlers_see_and_is_compiled_as_they_are() {
    let script = "import \"lib/sums\" as sums;\n\
                  const STEP = 2;\n\
                  fn twice(n) { n * STEP }\n\
                  for name in [\"a\", \"b\"] {\n\
                      after(\"0s\", #{ name: name }, || state::set(name, sums::more(twice(settings.from))));\n\
                  }\n\
                  get(|| [state::get(\"a\"), state::get(\"b\")]);";
    for compile in ["true", "false"] {
        let server = Project::new(&[("lib/sums.rhai", "fn more(n) { n + 1 }"), ("t.rhai", script)])
            .config("[plugins.t]\nfrom = 20\n")
            .env("HOTPLATE_LIMITS__COMPILE", compile)
            .start();
        wait_until("both ran", || server.get("/t").json() == json!([41, 41]));
        assert_eq!(server.plugin("t")["interpreted"], json!([]));
        assert_eq!(server.plugin("t")["diagnostics"], json!([]));
    }
}

#[test]
fn a_plugin_of_jobs_alone_needs_no_route() {
    let server =
        Server::dev(&[("t.rhai", "fn sweep() { log::info(\"swept\") }\nevery(\"100ms\", sweep);")]);
    server.wait_for_log("swept");
    assert_eq!(server.plugin("t")["diagnostics"], json!([]));
    assert_eq!(job(&server, "sweep")["schedule"], "every 100ms");
}

#[test]
fn a_library_declares_jobs_for_whoever_imports_it() {
    let library = "after(\"0s\", #{ name: \"of the library\" }, || state::incr(\"n\"));\n\
                   fn begin() { after(\"0s\", #{ name: \"of its function\" }, || state::incr(\"m\")); }";
    let script = "import \"lib/x\" as x;\nx::begin();\n\
                  get(|| json([state::get(\"n\", 0), state::get(\"m\", 0)]));";
    let server = Server::dev(&[("lib/x.rhai", library), ("a.rhai", script), ("b.rhai", script)]);
    for plugin in ["/a", "/b"] {
        wait_until("both ran", || server.get(plugin).json() == json!([1, 1]));
    }
    let told = job(&server, "of the library");
    assert_eq!((&told["plugin"], &told["file"]), (&json!("a"), &json!("lib/x.rhai")));
}

#[test]
fn jobs_without_a_name_are_named_by_what_they_are() {
    let script =
        "every(\"90m\", || 1);\nevery(\"1h30m\", || 2);\ncron(\"0 6 * * *\", || 3);\nget(|| 1);";
    let server = Server::dev(&[("t.rhai", script)]);
    for name in ["every 1h30m", "every 1h30m (2)", "cron 0 6 * * *"] {
        assert_eq!(job(&server, name)["runs"], 0, "{name}");
    }
}

#[test]
fn what_is_no_job_is_told_where_it_stands_and_how_it_is_written() {
    for (script, parts) in [
        (
            "every(\"5 minutes\", || 1);",
            &["\"5 minutes\" is no duration", "\"1h30m\"", "t.rhai:1:1"][..],
        ),
        ("every(300, || 1);", &["when it runs is a string, not an integer", "every(\"5m\", || …)"]),
        ("every(\"10ms\", || 1);", &["every 100 ms at most"]),
        ("every(\"0 6 * * *\", || 1);", &["is no duration", "`cron(\"0 6 * * *\", || …)`"]),
        (
            "\n\ncron(\"61 * * * *\", || 1);",
            &["`61` is no minute, which is 0 to 59", "t.rhai:3:1", "\"0 6 * * *\""],
        ),
        ("cron(\"0 6 *\", || 1);", &["this one has 3", "minute hour day-of-month"]),
        ("cron(\"0 0 30 2 *\", || 1);", &["would never run"]),
        (
            "cron(\"0 6 * * *\", #{ zone: \"Europe/Berlim\" }, || 1);",
            &["there is no time zone `Europe/Berlim`", "did you mean \"Europe/Berlin\"?"],
        ),
        (
            "every(\"5m\", #{ zone: \"UTC\" }, || 1);",
            &["only `cron` goes by the clock of a time zone"],
        ),
        (
            "every(\"5m\", #{ timout: \"5s\" }, || 1);",
            &["no option `timout`", "did you mean `timeout`?"],
        ),
        ("every(\"5m\", #{ timeout: 5 }, || 1);", &["`timeout` is a string, not an integer"]),
        (
            "every(\"5m\", #{ timeout: \"0s\" }, || 1);",
            &["`timeout` is a duration such as \"30s\", \"24h\" at most, not \"0s\""],
        ),
        ("every(\"5m\", #{ name: \"\" }, || 1);", &["a name is a line of 1 to 100 characters"]),
        ("every(\"5m\", \"name\", || 1);", &["options are a map, not a string"]),
        ("every(\"5m\", 5);", &["the last argument is what to do, a function, not an integer"]),
        ("every(\"5m\", |x| 1);", &["takes 1 arguments; it must be `|| …`"]),
        ("every(\"5m\");", &["`every` takes 2 or 3 arguments, 1 given"]),
        ("evry(\"5m\", || 1);", &["did you mean `every`?"]),
        (
            "every(\"5m\", #{ name: \"a\" }, || 1);\nafter(\"5m\", #{ name: \"a\" }, || 1);",
            &["there is a job `a` already", "t.rhai:2:1"],
        ),
        ("for n in 0..65 { every(\"5m\", || n); }", &["at most 64 jobs"]),
        (
            "let n = 0;\nevery(\"5m\", || { n += 1; });",
            &["each call changes a copy", "state::incr"],
        ),
        (
            "get(|| {\n  every(\"5m\", || 1);\n  1\n});",
            &["`every` declares a job", "t.rhai:2:3", "top level"],
        ),
        ("on_start(|| cron(\"0 6 * * *\", || 1));", &["`cron` declares a job"]),
        ("every(\"5m\", || after(\"1s\", || 1));", &["`after` declares a job"]),
    ] {
        assert_tells(&refusal(&format!("{script}\n")), parts);
    }
    let library = "every(\"1 h\", || 1);";
    let told =
        refusal_among(&[("lib/x.rhai", library), ("t.rhai", "import \"lib/x\" as x;\nget(|| 1);")]);
    assert_tells(&told, &["\"1 h\" is no duration", "lib/x.rhai:1:1"]);
}

#[test]
fn a_job_that_is_declared_deep_in_a_function_is_refused_when_that_runs() {
    let script = "fn later() { every(\"5m\", || 1) }\nget(|| later());";
    let told = crate::harness::answer(script).json();
    assert_tells(&told, &["`every` declares, so it stands at the top level"]);
}

#[test]
fn a_job_that_runs_when_the_server_ends_is_waited_for() {
    let script = "after(\"0s\", #{ name: \"long\", timeout: \"1m\" }, || {\n\
                      log::info(\"began\"); sleep(1); log::info(\"done\");\n\
                  });\n\
                  every(\"100ms\", #{ name: \"beat\" }, || log::info(\"beat\"));\n\
                  on_stop(|| log::info(\"stopped\"));\nget(|| 1);";
    let server = Server::start(&[("t.rhai", script)]);
    server.wait_for_log("began");
    let ended = server.terminate();
    assert!(ended.status.success(), "{:?}", ended.status);
    let at =
        |text: &str| ended.stderr.rfind(text).unwrap_or_else(|| panic!("{text}: {}", ended.stderr));
    assert!(at("done") < at("stopped"), "{}", ended.stderr);
}

#[test]
fn a_job_that_does_not_end_holds_the_end_up_for_the_grace_and_no_longer() {
    let script = "after(\"0s\", #{ name: \"endless\", timeout: \"1h\" }, || { log::info(\"began\"); loop { sleep(1); } });\n\
                  on_stop(|| log::info(\"stopped beside it\"));\nget(|| 1);";
    let other = "on_stop(|| log::info(\"the other stopped\"));\nget(|| 1);";
    let server = Project::new(&[("t.rhai", script), ("u.rhai", other)])
        .env("HOTPLATE_LIMITS__GRACE_MS", "500")
        .start();
    server.wait_for_log("began");
    let began = Instant::now();
    let ended = server.terminate();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(ended.status.success(), "{:?}", ended.status);
    for told in ["a job did not end in time", "the other stopped", "does not run beside a job"] {
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("stopped beside it"), "{}", ended.stderr);
}

#[test]
fn long_jobs_hold_up_no_request() {
    let jobs =
        "for n in 0..8 { every(\"100ms\", #{ name: `j${n}` }, || { loop { } }); }\nget(|| \"ok\");";
    let server = Project::new(&[("t.rhai", jobs)]).env("HOTPLATE_NETWORK__WORKERS", "1").start();
    wait_for_runs(&server, "j0", 1);
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(server.get("/t").ok(), "ok");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    // Only four of them run at a time, and the others wait for their turn.
    wait_for_runs(&server, "j7", 1);
}

/// What makes a program see another time, if it is installed.
pub(crate) fn faketime() -> Option<String> {
    let folders = std::fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
    let library = folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists());
    if library.is_none() {
        assert_ne!(
            std::env::var("HOTPLATE_REQUIRE_SERVICES").as_deref(),
            Ok("1"),
            "faketime is required and not installed"
        );
        eprintln!("SKIPPED: faketime is not installed, so the clock is not set");
    }
    library.map(|library| library.to_string_lossy().into_owned())
}

#[test]
fn a_clock_that_is_set_while_serving_makes_no_storm_and_stops_nothing() {
    let Some(library) = faketime() else { return };
    let script = "cron(\"* * * * * *\", #{ name: \"seconds\" }, || 0);\n\
                  cron(\"0 0 1 1 *\", #{ name: \"year\" }, || 0);\n\
                  every(\"200ms\", #{ name: \"beat\" }, || 0);\nget(|| time::now());";
    let project = Project::new(&[("t.rhai", script)]);
    let clock = project.root().join("clock");
    std::fs::write(&clock, "+0").unwrap();
    let path = clock.to_string_lossy().into_owned();
    let server = project
        .env("LD_PRELOAD", &library)
        .env("FAKETIME_TIMESTAMP_FILE", &path)
        .env("FAKETIME_NO_CACHE", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .start();
    let runs = |name: &str| job(&server, name)["runs"].as_u64().unwrap();
    for (set, year) in [("+400d", 1), ("-400d", 1), ("+0", 2)] {
        let (before, seconds, beats) = (Instant::now(), runs("seconds"), runs("beat"));
        std::fs::write(&clock, set).unwrap();
        wait_for_runs(&server, "seconds", seconds + 2);
        wait_for_runs(&server, "beat", beats + 5);
        let took = before.elapsed().as_secs();
        assert!(runs("seconds") <= seconds + took + 3, "{set}: it storms");
        assert!(runs("beat") <= beats + 5 * took + 10, "{set}: it storms");
        // A new year that was passed over comes once.
        wait_until("the year", || runs("year") == year);
    }
}
