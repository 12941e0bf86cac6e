//! Sessions in a real server of Redis: the same as in SQLite, and what becomes of requests when it is gone.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    harness::{Answer, Ask, Project, Server, assert_problem, wait_until},
    sessions::{VISITS, assert_none_is_lost, cookie, put, seen, with},
};

/// A server of Redis in a folder and on a port of its own, ended with the test.
struct Redis {
    child: Option<Child>,
    folder: tempfile::TempDir,
    port: u16,
    options: Vec<String>,
}

impl Redis {
    /// One that runs, or none where none is installed and none is required.
    fn start(options: &[&str]) -> Option<Self> {
        let mut redis = Self::stopped(options)?;
        redis.run();
        Some(redis)
    }

    /// One that does not run yet.
    fn stopped(options: &[&str]) -> Option<Self> {
        if Command::new(program()).arg("--version").output().is_err() {
            assert_ne!(
                std::env::var("HOTPLATE_REQUIRE_SERVICES").as_deref(),
                Ok("1"),
                "redis-server is required and not installed"
            );
            eprintln!("SKIPPED: redis-server is not installed, so no session is kept in it");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = options.iter().map(|&option| option.to_owned()).collect();
        Some(Self { child: None, folder: tempfile::tempdir().unwrap(), port, options })
    }

    fn run(&mut self) {
        let command = Command::new(program())
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(self.folder.path())
            .args(["--save", "", "--enable-debug-command", "yes", "--daemonize", "no"])
            .args(&self.options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(command.unwrap());
        let port = self.port;
        wait_until("Redis takes connections", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a command, and reads what comes first; nothing if `and_wait` is false.
    fn say(&self, command: &str, and_wait: bool) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut answer = [0; 4096];
        let length = if and_wait { stream.read(&mut answer).unwrap() } else { 0 };
        // A server that sleeps reads it later.
        std::mem::forget(stream);
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `redis-server`, or another one that speaks as it does, such as `valkey-server`.
fn program() -> String {
    std::env::var("SUITE_REDIS").unwrap_or_else(|_| "redis-server".to_owned())
}

fn served(redis: &Redis, more: &str) -> Server {
    let config = format!("[sessions]\nstore = \"{}\"\n{more}", redis.url());
    Project::new(&[("t.rhai", VISITS)]).config(&config).start()
}

/// That a request which touches the session is turned away at once.
#[track_caller]
fn assert_turned_away(server: &Server, ask: Ask) {
    let began = Instant::now();
    let answer = server.ask(ask);
    assert_problem(&answer, 503);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(!answer.text().to_lowercase().contains("redis"), "{}", answer.text());
    let began = Instant::now();
    assert_eq!(server.get("/t/untouched").ok(), "ok");
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}

/// That sessions are there again within five seconds.
#[track_caller]
fn assert_back(server: &Server, ask: impl Fn() -> Ask) -> Answer {
    let began = Instant::now();
    loop {
        let answer = server.ask(ask());
        if answer.status != 503 {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{}", answer.text());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn trouble(server: &Server) -> Value {
    server.get("/plugins").json()["sessions"].clone()
}

#[test]
fn sessions_in_redis_begin_change_are_renewed_and_end_as_everywhere() {
    let Some(redis) = Redis::start(&[]) else { return };
    let server = served(&redis, "");
    assert_eq!(trouble(&server), json!({ "store": "redis" }));
    let nothing = server.get("/t");
    assert_eq!((nothing.json()["id"].clone(), nothing.header("set-cookie")), (Value::Null, None));
    let id = put(&server, None, "cart", &json!([{ "n": 1 }, 2.5, "ü"]));
    put(&server, Some(&id), "gone", &json!(1));
    server.ask(with(Ask::new("PUT", "/t/gone").json(&Value::Null), &id));
    assert_eq!(seen(&server, &id), json!({ "cart": [{ "n": 1 }, 2.5, "ü"] }));
    let login = server.ask(with(Ask::post("/t/login").json(&json!({ "user": "ann" })), &id));
    let after = cookie(&login).unwrap().to_owned();
    assert_eq!(seen(&server, &id), Value::Null, "the old id is nobody's");
    assert_eq!(seen(&server, &after), json!({ "cart": [{ "n": 1 }, 2.5, "ü"], "user": "ann" }));
    let keys = redis.say("KEYS *", true);
    assert!(keys.starts_with("*1\r\n") && !keys.contains(&after), "only a digest: {keys}");
    assert_eq!(server.ask(with(Ask::post("/t/logout"), &after)).status, 204);
    assert_eq!(seen(&server, &after), Value::Null);
    assert_eq!(redis.say("KEYS *", true), "*0\r\n");
    assert!(!server.root().join("data").exists(), "no file is needed");
}

#[test]
fn servers_with_one_redis_share_their_sessions() {
    let Some(redis) = Redis::start(&[]) else { return };
    let (one, other) = (served(&redis, ""), served(&redis, ""));
    let id = put(&one, None, "cart", &json!([1]));
    assert_eq!(seen(&other, &id), json!({ "cart": [1] }));
    put(&other, Some(&id), "note", &json!("by the other"));
    assert_eq!(seen(&one, &id), json!({ "cart": [1], "note": "by the other" }));
    // A login at one takes the old id away at the other, and a logout the session.
    let login = one.ask(with(Ask::post("/t/login").json(&json!({ "user": "ann" })), &id));
    let after = cookie(&login).unwrap().to_owned();
    assert_eq!((seen(&other, &id), &seen(&other, &after)["user"]), (Value::Null, &json!("ann")));
    assert_eq!(other.ask(with(Ask::post("/t/logout"), &after)).status, 204);
    assert_eq!(seen(&one, &after), Value::Null);
}

#[test]
fn requests_that_change_different_values_at_once_lose_none_in_redis() {
    let Some(redis) = Redis::start(&[]) else { return };
    let server = served(&redis, "[limits]\nscript_ms = 15000\n");
    let id = put(&server, None, "n", &json!(0));
    assert_none_is_lost(&server, &id, 25);
    let large = json!("x".repeat(65_000));
    assert_problem(&server.ask(with(Ask::new("PUT", "/t/l").json(&large), &id)), 413);
    assert_eq!(seen(&server, &id).as_object().unwrap().len(), 101);
}

#[test]
fn a_session_in_redis_lives_on_while_it_is_used() {
    let Some(redis) = Redis::start(&[]) else { return };
    let server = served(&redis, "ttl = 2\n");
    let used = put(&server, None, "a", &json!(1));
    let unused = put(&server, None, "b", &json!(2));
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        assert_eq!(seen(&server, &used), json!({ "a": 1 }), "{:?}", began.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(seen(&server, &unused), Value::Null);
    wait_until("Redis takes both away", || redis.say("KEYS *", true) == "*0\r\n");
}

#[test]
fn no_name_and_no_id_says_anything_to_redis() {
    let Some(redis) = Redis::start(&[]) else { return };
    let config = format!("[sessions]\nstore = \"{}\"\n", redis.url());
    let script = "post(|req| { for name in req.body { req.session[name] = name; } });\n\
                  get(|req| req.session.to_map());";
    let server = Project::new(&[("t.rhai", script)]).config(&config).start();
    let names = ["a\r\nFLUSHALL\r\n", "*1\r\n$8\r\nFLUSHALL\r\n", "expires", "\0", "v:x", "' .. '"];
    let id = cookie(&server.post("/t", &json!(names))).unwrap().to_owned();
    let all = server.ask(with(Ask::get("/t"), &id)).json();
    assert_eq!(all.as_object().unwrap().len(), names.len());
    assert!(names.iter().all(|name| all[name] == *name), "{all}");
    for odd in ["x\"; FLUSHALL", "x%0d%0aFLUSHALL%0d%0a", "*", "hotplate:session:*"] {
        assert_eq!(server.ask(with(Ask::get("/t"), odd)).json(), json!({}), "{odd}");
    }
    assert_eq!(server.ask(with(Ask::get("/t"), &id)).json(), all);
}

#[test]
fn without_redis_who_touches_the_session_is_turned_away_and_it_is_found_when_it_is_there() {
    let Some(mut redis) = Redis::stopped(&["--appendonly", "yes", "--appendfsync", "always"])
    else {
        return;
    };
    let server = served(&redis, "");
    let first_time = || Ask::new("PUT", "/t/a").json(&json!(1));
    for _ in 0..5 {
        assert_turned_away(&server, first_time());
    }
    assert_eq!(trouble(&server)["trouble"], "out of reach; the log says why");
    redis.run();
    let answer = assert_back(&server, first_time);
    let id = cookie(&answer).unwrap().to_owned();
    assert_eq!(trouble(&server)["trouble"], Value::Null);
    // Ended and begun again between two requests, it is not missed.
    redis.kill();
    redis.run();
    let there = assert_back(&server, || with(Ask::get("/t"), &id));
    assert_eq!(there.json()["all"], json!({ "a": 1 }));
    redis.kill();
    for _ in 0..5 {
        assert_turned_away(&server, with(Ask::get("/t"), &id));
    }
    // Gone for longer: the pauses between two looks grow, and not beyond what is bearable.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        assert_turned_away(&server, with(Ask::get("/t"), &id));
        std::thread::sleep(Duration::from_millis(50));
    }
    redis.run();
    let there = assert_back(&server, || with(Ask::get("/t"), &id));
    assert_eq!(there.json()["all"], json!({ "a": 1 }));
    let told = server.log().matches("sessions: ").count();
    assert!((1..20).contains(&told), "told now and then: {told}");
}

#[test]
fn a_redis_that_does_not_answer_holds_nobody_up() {
    let Some(redis) = Redis::start(&[]) else { return };
    let server = served(&redis, "");
    let id = put(&server, None, "a", &json!(1));
    redis.say("DEBUG SLEEP 3", false);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_turned_away(&server, with(Ask::get("/t"), &id)));
        }
    });
    while began.elapsed() < Duration::from_secs(2) {
        assert_turned_away(&server, with(Ask::get("/t"), &id));
    }
    std::thread::sleep(Duration::from_secs(3).saturating_sub(began.elapsed()));
    let there = assert_back(&server, || with(Ask::get("/t"), &id));
    assert_eq!(there.json()["all"], json!({ "a": 1 }));
}

#[test]
fn a_redis_that_still_loads_is_as_one_that_is_not_there() {
    let Some(mut redis) = Redis::start(&[]) else { return };
    let server = served(&redis, "");
    let id = put(&server, None, "a", &json!(1));
    redis.say("DEBUG POPULATE 30000 key 10", true);
    assert_eq!(redis.say("SAVE", true), "+OK\r\n");
    assert!(redis.folder().join("dump.rdb").exists());
    redis.kill();
    let slowly = ["--key-load-delay", "100", "--loading-process-events-interval-bytes", "1024"];
    redis.options = slowly.map(str::to_owned).into();
    redis.run();
    assert!(redis.say("GET a", true).starts_with("-LOADING"), "it loads");
    for _ in 0..5 {
        assert_turned_away(&server, with(Ask::get("/t"), &id));
    }
    server.wait_for_log("is loading the dataset in memory");
    wait_until("it has loaded", || !redis.say("GET a", true).starts_with("-LOADING"));
    let there = assert_back(&server, || with(Ask::get("/t"), &id));
    assert_eq!(there.json()["all"], json!({ "a": 1 }));
}

#[test]
fn a_password_of_redis_is_used_and_shown_to_nobody() {
    let Some(redis) = Redis::start(&["--requirepass", "open sesame"]) else { return };
    let config = |password: &str| {
        format!("[sessions]\nstore = \"redis://:{password}@127.0.0.1:{}/3\"\n", redis.port)
    };
    let scripts = [("t.rhai", VISITS), ("c.rhai", "get(|| config);")];
    let server = Project::new(&scripts).config(&config("open%20sesame")).start();
    let id = put(&server, None, "a", &json!(1));
    assert_eq!(seen(&server, &id), json!({ "a": 1 }));
    let shown = server.get("/c").json()["sessions"]["store"].clone();
    assert_eq!(shown, format!("redis://127.0.0.1:{}/3", redis.port));
    let wrong = Project::new(&scripts).config(&config("open%20barley")).start();
    assert_turned_away(&wrong, Ask::new("PUT", "/t/a").json(&json!(1)));
    wrong.wait_for_log("sessions: ");
    for server in [server, wrong] {
        let told = [server.log(), server.get("/c").ok(), server.get("/plugins").ok()].concat();
        assert!(!told.contains("sesame") && !told.contains("barley"), "{told}");
    }
}
