//! A plugin that is asked too much, on one worker: it turns callers away, and no other plugin notices.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use crate::harness::{Ask, Project, Server};

/// How long another route may take meanwhile, on a machine that does much else.
const OTHERS: Duration = Duration::from_millis(800);

fn one_worker(script: &str) -> Server {
    Project::new(&[("busy.rhai", script), ("ok.rhai", "get(|req| \"ok\");")])
        .config("[plugins.busy.limits]\nscript_ms = 1500\nconcurrency = 2\nqueue = 3\n")
        .env("HOTPLATE_NETWORK__WORKERS", "1")
        .start()
}

/// Asks a plugin that holds two calls and three more in its queue for twenty: those that there is no
/// room for are told so at once, and the others of another plugin are answered all the while.
#[track_caller]
fn assert_turns_away(script: &str) {
    let server = one_worker(script);
    let began = Instant::now();
    let mut all: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for connection in &mut all {
        connection.begin(&Ask::get("/busy").header("Connection", "close"));
    }
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(server.get("/ok").ok(), "ok");
        assert!(asked.elapsed() < OTHERS, "another plugin took {:?}", asked.elapsed());
    }
    let answers: Vec<_> = all.iter_mut().map(|c| c.answer(false).expect("an answer")).collect();
    let took = began.elapsed();
    let is_refused = |text: &str| text.contains("too many requests to answer");
    let refused: Vec<_> = answers.iter().filter(|answer| is_refused(&answer.text())).collect();
    assert!(refused.len() >= 15, "only {} were turned away", refused.len());
    for answer in &refused {
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert!(took < Duration::from_secs(10), "{took:?}");
    let told = server.plugin("busy");
    assert_eq!(told["refused"].as_u64(), Some(refused.len() as u64), "{told}");
    assert_eq!(server.plugin("ok")["refused"], 0);
    assert_eq!(told["limits"]["concurrency"], 2);
    assert_eq!(told["limits"]["queue"], 3);
}

#[test]
fn a_plugin_of_endless_loops_turns_callers_away_and_no_other_notices() {
    assert_turns_away("get(|req| { loop { } });");
}

#[test]
fn a_plugin_that_sleeps_turns_callers_away_and_no_other_notices() {
    assert_turns_away("get(|req| { sleep(3600); });");
}

#[test]
fn a_queue_that_empties_is_answered_in_full() {
    let server = one_worker("get(|req| { sleep(0.05); \"done\" });");
    let mut all: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for connection in &mut all {
        connection.begin(&Ask::get("/busy"));
    }
    for connection in &mut all {
        assert_eq!(connection.answer(false).expect("an answer").ok(), "done");
    }
    assert_eq!(server.plugin("busy")["refused"], 0);
}

#[test]
fn as_many_callers_as_there_are_threads_are_never_turned_away() {
    let server = Project::new(&[("busy.rhai", "get(|req| { sleep(0.003); \"done\" });")])
        .config("[limits]\nscript_threads = 4\nconcurrency = 4\n")
        .env("HOTPLATE_NETWORK__WORKERS", "1")
        .start();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = server.connect();
                for _ in 0..400 {
                    assert_eq!(connection.ask(&Ask::get("/busy")).ok(), "done");
                }
            });
        }
    });
}

#[test]
fn plugins_that_hold_all_threads_leave_some_to_each_of_the_others() {
    let sleeps = "get(|req| { sleep(60); });";
    let good = "get(|req| { sleep(0.01); state::incr(\"asked\"); store::set(\"last\", \"a\", 1); store::count(\"last\") });";
    let server = Project::new(&[("one.rhai", sleeps), ("two.rhai", sleeps), ("good.rhai", good)])
        .config("[limits]\nscript_threads = 4\nconcurrency = 4\nscript_ms = 6000\n")
        .env("HOTPLATE_NETWORK__WORKERS", "1")
        .start();
    // It leaves its worker from now on.
    for _ in 0..3 {
        assert_eq!(server.get("/good").ok(), "1");
    }
    let mut all: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for (n, connection) in all.iter_mut().enumerate() {
        connection.begin(&Ask::get(["/one", "/two"][n % 2]));
    }
    std::thread::sleep(Duration::from_millis(300));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut connection = server.connect();
                for _ in 0..20 {
                    let asked = Instant::now();
                    assert_eq!(connection.ask(&Ask::get("/good")).ok(), "1");
                    assert!(asked.elapsed() < OTHERS, "{:?}", asked.elapsed());
                }
            });
        }
    });
    assert_eq!(server.plugin("good")["refused"], 0);
    for connection in &mut all {
        assert_eq!(connection.answer(false).expect("an answer").status, 503);
    }
}

#[test]
fn scripts_that_nobody_called_before_hold_no_worker() {
    let names: Vec<String> = (0..40).map(|n| format!("bad{n}.rhai")).collect();
    let mut files: Vec<(&str, &str)> =
        names.iter().map(|name| (name.as_str(), "get(|req| { loop { } });")).collect();
    files.push(("ok.rhai", "get(|req| \"ok\");"));
    let server = Project::new(&files)
        .env("HOTPLATE_NETWORK__WORKERS", "1")
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "3000")
        .start();
    assert_eq!(server.get("/ok").ok(), "ok");
    // Each for the first time, all at once.
    let mut all: Vec<_> = names.iter().map(|_| server.connect()).collect();
    for (n, connection) in all.iter_mut().enumerate() {
        connection.begin(&Ask::get(&format!("/bad{n}")));
    }
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(server.get("/ok").ok(), "ok");
        assert!(asked.elapsed() < OTHERS, "{:?}", asked.elapsed());
    }
    for connection in &mut all {
        assert_eq!(connection.answer(false).expect("an answer").status, 503);
    }
}

#[test]
fn many_hostile_plugins_at_once_leave_the_others_alone() {
    let names: Vec<String> = (0..8).map(|n| format!("bad{n}.rhai")).collect();
    let loops = "get(|req| { loop { try { loop { } } catch { } } });";
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), loops)).collect();
    files.push(("ok.rhai", "get(|req| \"ok\");"));
    let server = Project::new(&files)
        .env("HOTPLATE_NETWORK__WORKERS", "1")
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "1000")
        .start();
    let mut all: Vec<_> = (0..64).map(|_| server.connect()).collect();
    for (n, connection) in all.iter_mut().enumerate() {
        connection.begin(&Ask::get(&format!("/bad{}", n % 8)));
    }
    for _ in 0..10 {
        let asked = Instant::now();
        assert_eq!(server.get("/ok").ok(), "ok");
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    }
    for connection in &mut all {
        assert_eq!(connection.answer(false).expect("an answer").status, 503);
    }
}

#[test]
fn scripts_that_wait_where_no_clock_is_asked_hold_up_nobody_for_long() {
    // Rhai waits 50 ms for a value that is locked by the call itself.
    let waits = "get(|req| { let a = []; try { a.push(|| a); } catch { } \"waited\" });";
    let server = Project::new(&[("waits.rhai", waits), ("ok.rhai", "get(|req| \"ok\");")])
        .env("HOTPLATE_NETWORK__WORKERS", "1")
        .start();
    let stop = AtomicBool::new(false);
    let mut times = std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                let mut connection = server.connect();
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(connection.ask(&Ask::get("/waits")).status, 200);
                }
            });
        }
        let began = Instant::now();
        let mut times = Vec::new();
        while began.elapsed() < Duration::from_secs(2) {
            let asked = Instant::now();
            assert_eq!(server.get("/ok").ok(), "ok");
            times.push(asked.elapsed());
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        times
    });
    times.sort_unstable();
    let most = times[times.len() * 9 / 10];
    // 24 of them one after the other would be 1.2 s.
    assert!(most < Duration::from_millis(250), "nine of ten of {} took {most:?}", times.len());
}

#[test]
fn a_plugin_that_keeps_the_store_busy_holds_up_no_others_reads_and_writes() {
    let busy = "get(\"/fill\", |req| { for n in 0..100 { store::set(\"a\", n, #{ n: n, text: \"x\".repeat(50000) }); } \"full\" });\n\
                get(\"/lists\", |req| { loop { store::list(\"a\", #{ where: #{ n: -1 }, sort: \"n\" }); } });\n\
                get(\"/writes\", |req| { loop { store::set(\"a\", 1, \"x\"); } });";
    let other =
        "get(|req| store::get(\"b\", 1) ?? \"none\");\npost(|req| store::set(\"b\", 1, \"kept\"));";
    let server = Project::new(&[("busy.rhai", busy), ("other.rhai", other)])
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "4000")
        .start();
    assert_eq!(server.get("/busy/fill").ok(), "full");
    for path in ["/busy/lists", "/busy/writes"] {
        let mut all: Vec<_> = (0..32).map(|_| server.connect()).collect();
        for connection in &mut all {
            connection.begin(&Ask::get(path));
        }
        std::thread::sleep(Duration::from_millis(300));
        for ask in [Ask::get("/other"), Ask::post("/other")] {
            let mut times: Vec<_> = (0..30)
                .map(|_| {
                    let asked = Instant::now();
                    assert_eq!(server.ask(ask.clone()).status, 200);
                    asked.elapsed()
                })
                .collect();
            times.sort_unstable();
            // One behind 32 others waited for each of them.
            let most = times[27];
            assert!(most < Duration::from_millis(250), "{path}: nine of ten took {most:?}");
        }
        for connection in &mut all {
            assert_eq!(connection.answer(false).expect("an answer").status, 503);
        }
    }
}

/// How many threads of scripts run or could.
fn running(server: &Server) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("stat")).ok());
    stats.filter(|stat| stat.contains("(hotplate-script) R")).count()
}

#[test]
fn scripts_that_compute_without_end_are_not_in_the_way_of_what_all_need() {
    let gets =
        "get(|req| { let n = 0; loop { n += 1; if n % 1000 == 0 { store::get(\"a\", 1); } } });";
    let makes = "get(|req| { loop { let a = []; for n in 0..2000 { a.push(`${n}`); } } });";
    let good = "get(|req| store::get(\"b\", 1) ?? \"none\");\npost(|req| { store::set(\"b\", 1, \"kept\"); \"kept\" });";
    let names: Vec<String> = (0..16).map(|n| format!("busy{n}.rhai")).collect();
    let mut files: Vec<(&str, &str)> = Vec::new();
    for (n, name) in names.iter().enumerate() {
        files.push((name, [gets, makes][n % 2]));
    }
    files.push(("good.rhai", good));
    let server = Project::new(&files).env("HOTPLATE_LIMITS__SCRIPT_MS", "5000").start();
    assert_eq!(server.ask(Ask::post("/good")).ok(), "kept");
    let mut all: Vec<_> = (0..64).map(|_| server.connect()).collect();
    for (n, connection) in all.iter_mut().enumerate() {
        connection.begin(&Ask::get(&format!("/busy{}", n % 16)));
    }
    std::thread::sleep(Duration::from_millis(300));
    let mut at_once: Vec<_> = (0..31)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            running(&server)
        })
        .collect();
    at_once.sort_unstable();
    let most = 2 * std::thread::available_parallelism().unwrap().get() + 4;
    assert!(at_once[15] <= most, "{at_once:?} run at once");
    for ask in [Ask::get("/good"), Ask::post("/good")] {
        let mut times: Vec<_> = (0..40)
            .map(|_| {
                let asked = Instant::now();
                assert_eq!(server.ask(ask.clone()).ok(), "kept");
                asked.elapsed()
            })
            .collect();
        times.sort_unstable();
        let most = times[35];
        assert!(most < Duration::from_millis(250), "nine of ten took {most:?}");
    }
    for connection in &mut all {
        assert_eq!(connection.answer(false).expect("an answer").status, 503);
    }
}
