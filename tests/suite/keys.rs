//! Keys: how they are given, carried, refused, counted and changed.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, Project, Server, wait_until};

pub(crate) const KEY: &str = "the-global-key";

const GUARDED: &str = "[plugins.t]\nauth = \"global\"\n";

/// A plugin that asks for [`KEY`].
pub(crate) fn guarded() -> Server {
    guarded_with("")
}

/// The same, with more in the configuration.
pub(crate) fn guarded_with(more: &str) -> Server {
    Project::new(&[("t.rhai", "get(|req| req.auth.name); post(|req| \"posted\");")])
        .config(&format!("[auth]\napikey = \"{KEY}\"\n{GUARDED}{more}"))
        .start()
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A request that carries a key.
pub(crate) fn with(ask: Ask, key: &str) -> Ask {
    ask.header("Authorization", &format!("Bearer {key}"))
}

/// Asserts that no key fitted.
#[track_caller]
pub(crate) fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.json()), (403, json!({ "error": "unauthorized" })));
    assert_eq!(answer.header("www-authenticate"), None);
}

#[test]
fn a_person_at_a_browser_is_asked_for_the_key_and_nobody_else() {
    let server = guarded();
    let page = "text/html,application/xhtml+xml,*/*;q=0.8";
    for path in ["/t", "/plugins"] {
        for ask in [
            Ask::get(path).header("Sec-Fetch-Mode", "navigate").header("Sec-Fetch-Site", "none"),
            Ask::get(path).header("Accept", page),
        ] {
            let answer = server.ask(ask.clone());
            assert_eq!((answer.status, answer.json()), (401, json!({ "error": "unauthorized" })));
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm=\""));
            let again = ask.clone().header("Authorization", &basic("me", "wrong"));
            assert_eq!(server.ask(again).status, 401);
            let right = ask.header("Authorization", &basic("me", KEY));
            assert_eq!(server.ask(right).status, 200, "{path}");
        }
        for ask in [
            Ask::get(path),
            Ask::get(path).header("Accept", "*/*"),
            Ask::post(path).header("Accept", page),
            Ask::get(path).header("Accept", page).header("Sec-Fetch-Mode", "cors"),
            Ask::get(path).header("Accept", page).header("Sec-Fetch-Dest", "image"),
        ] {
            assert_refused(&server.ask(ask));
        }
    }
}

#[test]
fn the_password_of_basic_is_the_key_and_the_user_is_anyone() {
    let server = guarded();
    for user in ["", "me", "a b", "the-global-key"] {
        let ask = Ask::get("/t").header("Authorization", &basic(user, KEY));
        assert_eq!(server.ask(ask).ok(), "apikey", "{user}");
    }
    let unpadded = basic("me", KEY).trim_end_matches('=').to_owned();
    assert_eq!(server.ask(Ask::get("/t").header("Authorization", &unpadded)).status, 200);
    for odd in [
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic !!!".to_owned(),
        format!("Basic {KEY}"),
        format!("Basic {}", STANDARD.encode(KEY)),
        basic(KEY, ""),
        basic("me", &format!("x:{KEY}")),
    ] {
        assert_refused(&server.ask(Ask::get("/t").header("Authorization", &odd)));
    }
}

#[test]
fn what_a_browser_remembers_opens_nothing_for_pages_of_other_sites() {
    let server = guarded();
    let remembered = |ask: Ask| ask.header("Authorization", &basic("me", KEY));
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Referer", "http://evil.example/"),
    ] {
        for path in ["/plugins", "/reload/all", "/unload/t"] {
            for ask in [Ask::get(path), Ask::post(path)] {
                let ask = ask.header("Sec-Fetch-Mode", "navigate").header("Accept", "text/html");
                assert_refused(&server.ask(remembered(ask).header(name, value)));
            }
        }
        assert_refused(&server.ask(remembered(Ask::post("/t")).header(name, value)));
        assert_eq!(server.ask(remembered(Ask::get("/t")).header(name, value)).status, 200);
    }
    // A page can leave these marks out on plain HTTP, so a request without any of them changes nothing.
    for path in ["/reload/all", "/unload/t", "/load/t"] {
        assert_refused(&server.ask(remembered(Ask::get(path).header("Accept", "text/html"))));
        assert_refused(&server.ask(remembered(Ask::post(path))));
    }
    let own = format!("http://{}", server.address());
    for (name, value) in
        [("Origin", own.as_str()), ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "none")]
    {
        let ask = remembered(Ask::post("/reload/all")).header(name, value);
        assert_eq!(server.ask(ask).status, 200, "{name}: {value}");
    }
    assert_eq!(server.ask(with(Ask::post("/reload/all"), KEY)).status, 200);
}

#[test]
fn a_key_in_the_query_can_be_refused_and_is_in_no_log() {
    for (format, access) in
        [("text", "text"), ("text", "json"), ("text", "clf"), ("json", "text"), ("json", "clf")]
    {
        let server = Project::new(&[("t.rhai", "get(|req| req.auth.name);")])
            .config(&format!(
                "[auth]\napikey = \"{KEY}\"\nurl_key = false\n{GUARDED}\
                 [log]\nformat = \"{format}\"\naccess = \"{access}\"\n"
            ))
            .start();
        for name in ["apikey", "%61pikey", "apike%79"] {
            for path in ["/t", "/plugins", "/openapi.json"] {
                assert_refused(&server.ask(Ask::get(&format!("{path}?x=1&{name}={KEY}"))));
            }
        }
        assert_eq!(server.ask(with(Ask::get("/t"), KEY)).ok(), "apikey");
        let target = "/openapi.json?x=1&apikey=[redacted]";
        wait_until("all are logged", || server.log().matches(target).count() == 3);
        let log = server.log();
        assert!(!log.contains(KEY), "{log}");
        let (whole, _) = log.rsplit_once('\n').unwrap();
        if format == "json" {
            whole.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).expect(line)));
        }
        for line in whole.lines().filter(|line| line.contains(target)) {
            assert_is_record(line, format, access, target);
        }
    }
}

/// Asserts that a line of the log is what programs read that are told it is so.
#[track_caller]
fn assert_is_record(line: &str, format: &str, access: &str, target: &str) {
    let common = |line: &str| {
        line.starts_with("127.0.0.1 - - [")
            && line.contains(&format!("] \"GET {target} HTTP/1.1\" 403 "))
            && line.rsplit(' ').next().is_some_and(|bytes| bytes.parse::<u32>().is_ok())
    };
    let object = || serde_json::from_str::<Value>(line).expect(line);
    match (format, access) {
        ("json", "clf") => assert!(object()["message"].as_str().is_some_and(common), "{line}"),
        (_, "clf") => assert!(common(line), "{line}"),
        ("json", _) | (_, "json") => {
            let object = object();
            let told = ["method", "path", "status", "client"].map(|name| object[name].clone());
            assert_eq!(json!(told), json!(["GET", target, 403, "127.0.0.1"]));
        }
        _ => assert!(line.contains("method=GET"), "{line}"),
    }
}

#[test]
fn a_key_opens_what_its_scopes_name_and_nothing_else() {
    let key = |name: &str, scope: &str| {
        format!("[auth.keys.{name}]\nkey = \"key-named-{name}\"\nscopes = [\"{scope}\"]\n")
    };
    let keys = [
        key("all", "admin"),
        key("ci", "reload"),
        key("reader", "openapi"),
        key("shop", "plugin:shop/orders"),
    ];
    let script = "get(|req| req.auth.name);";
    let project = Project::new(&[("t.rhai", script), ("own.rhai", script)]);
    fs::create_dir(project.plugins().join("shop")).unwrap();
    project.save("shop/orders.rhai", script);
    let project = project.config(&format!(
        "{}{GUARDED}[plugins.\"shop/orders\"]\nauth = \"global\"\n\
         [plugins.own]\nauth = \"plugin\"\napikey = \"the-plugins-own\"\n",
        keys.concat()
    ));
    let server = project.start();
    for (path, opened_by) in [
        ("/plugins", &["all", "ci"][..]),
        ("/reload/all", &["all", "ci"]),
        ("/reload/t", &["all", "ci"]),
        ("/reload/shop/orders", &["all", "ci"]),
        ("/unload/t", &["all"]),
        ("/load/t", &["all"]),
        ("/openapi.json", &["all", "reader"]),
        ("/t", &["all"]),
        // Only its own key opens a plugin that has one.
        ("/own", &[]),
        ("/shop/orders", &["all", "shop"]),
    ] {
        for name in ["all", "ci", "reader", "shop"] {
            let answer = server.ask(with(Ask::get(path), &format!("key-named-{name}")));
            match opened_by.contains(&name) {
                true => assert_eq!(answer.status, 200, "{path} {name}: {}", answer.text()),
                false => assert_refused(&answer),
            }
        }
    }
    assert_eq!(server.ask(with(Ask::get("/shop/orders"), "key-named-shop")).ok(), "shop");
    assert_eq!(server.ask(with(Ask::get("/own"), "the-plugins-own")).ok(), "own");
}

#[test]
fn a_key_comes_from_text_digest_file_or_environment() {
    // sha256sum of "the-hashed-key".
    let digest = {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest("the-hashed-key");
        digest.iter().fold(String::new(), |hex, byte| hex + format!("{byte:02x}").as_str())
    };
    let project = Project::new(&[
        ("t.rhai", "get(|req| req.auth.name);"),
        ("own.rhai", "get(|req| req.auth.name);"),
    ])
    .env("KEY_OF_CI", "the-key-of-the-environment")
    .config(&format!(
        "[auth]\napikey_file = \"secrets/global\"\n\
         [auth.keys.plain]\nkey = \"the-plain-key\"\nscopes = [\"plugin:t\"]\n\
         [auth.keys.hashed]\nsha256 = \"{digest}\"\nscopes = [\"plugin:t\"]\n\
         [auth.keys.filed]\nkey_file = \"secrets/filed\"\nscopes = [\"plugin:t\"]\n\
         [auth.keys.ci]\nkey = \"${{ENV:KEY_OF_CI}}\"\nscopes = [\"plugin:t\"]\n\
         [plugins.t]\nauth = \"global\"\n\
         [plugins.own]\nauth = \"plugin\"\napikey_file = \"secrets/own\"\n"
    ));
    fs::create_dir(project.root().join("secrets")).unwrap();
    for (name, text) in [
        ("global", "the-key-in-a-file\n"),
        ("filed", "another-key-in-a-file\r\n"),
        ("own", "the-plugins-own"),
    ] {
        fs::write(project.root().join("secrets").join(name), text).unwrap();
    }
    let server = project.start();
    for (path, key, name) in [
        ("/t", "the-key-in-a-file", "apikey"),
        ("/t", "the-plain-key", "plain"),
        ("/t", "the-hashed-key", "hashed"),
        ("/t", "another-key-in-a-file", "filed"),
        ("/t", "the-key-of-the-environment", "ci"),
        ("/own", "the-plugins-own", "own"),
    ] {
        assert_eq!(server.ask(with(Ask::get(path), key)).ok(), name);
    }
    assert_eq!(server.ask(with(Ask::get("/plugins"), "the-key-in-a-file")).status, 200);
    fs::write(server.root().join("secrets/filed"), "a-new-key-in-the-file").unwrap();
    wait_until("the new key counts", || {
        server.ask(with(Ask::get("/t"), "a-new-key-in-the-file")).status == 200
    });
    assert_refused(&server.ask(with(Ask::get("/t"), "another-key-in-a-file")));
    // A file that is empty for a moment takes no key away.
    fs::write(server.root().join("secrets/filed"), "").unwrap();
    server.wait_for_log("an empty key would keep no one out");
    assert_eq!(server.ask(with(Ask::get("/t"), "a-new-key-in-the-file")).ok(), "filed");
}

#[test]
fn the_global_key_and_that_of_a_plugin_may_be_given_as_digests() {
    use sha2::{Digest as _, Sha256};
    let hex = |key: &str| {
        let digest = Sha256::digest(key);
        digest.iter().fold(String::new(), |hex, byte| hex + format!("{byte:02x}").as_str())
    };
    let project = Project::new(&[("t.rhai", "get(|req| req.auth.name);")]).config(&format!(
        "[auth]\napikey_sha256 = \"{}\"\n[plugins.t]\nauth = \"plugin\"\napikey_sha256 = \"{}\"\n",
        hex("the-global-one"),
        hex("the-plugins-own")
    ));
    let server = project.start();
    assert_eq!(server.ask(with(Ask::get("/plugins"), "the-global-one")).status, 200);
    assert_eq!(server.ask(with(Ask::get("/t"), "the-plugins-own")).ok(), "t");
    for digest in [hex("the-global-one"), hex("the-plugins-own")] {
        assert_refused(&server.ask(with(Ask::get("/t"), &digest)));
    }
}

#[test]
fn a_key_that_cannot_be_read_is_told_with_its_line() {
    for (config, told) in [
        (
            "[auth]\napikey_file = \"none\"\n",
            [
                "config/hotplate.toml:2:15",
                "no key can be read from the file of `auth.apikey_file`: there is no such file",
            ],
        ),
        (
            "[auth]\napikey_file = \"plugins\"\n",
            [
                "config/hotplate.toml:2:15",
                "no key can be read from the file of `auth.apikey_file`: it is not a regular file",
            ],
        ),
        (
            "[auth]\napikey = \"a\"\napikey_file = \"config/hotplate.toml\"\n",
            ["config/hotplate.toml:3:15", "`auth.apikey` and `auth.apikey_file` are both set"],
        ),
        ("[auth]\napikey_sha256 = \"a\"\n", ["config/hotplate.toml:2:17", "64 hexadecimal digits"]),
        (
            "[auth.keys.x]\nkey = \"a\"\nkey_file = \"b\"\n",
            [
                "config/hotplate.toml:1:12",
                "`auth.keys.x` must have one of `key`, `sha256` and `key_file`, found several",
            ],
        ),
        (
            "[plugins.t]\nauth = \"plugin\"\napikey_file = 5\n",
            [
                "config/hotplate.toml:3:15",
                "`plugins.t.apikey_file` must be a string, found an integer",
            ],
        ),
    ] {
        let ended = Project::new(&[("t.rhai", "get(|req| 1);")]).config(config).run();
        assert!(!ended.status.success());
        for told in told {
            assert!(ended.stderr.contains(told), "{told}\nis not in\n{}", ended.stderr);
        }
    }
}

#[test]
fn keys_are_rotated_by_reloads_without_a_request_refused() {
    let config = |keys: &[&str]| {
        let key = |name: &&str| {
            format!("[auth.keys.{name}]\nkey = \"key-named-{name}\"\nscopes = [\"plugin:t\"]\n")
        };
        keys.iter().map(key).collect::<String>() + GUARDED
    };
    let names = ["first", "second", "third"];
    let server = Project::new(&[("t.rhai", "get(|req| req.auth.name);")])
        .config(&config(&["first"]))
        .start();
    let (current, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let used = [0, 0, 0].map(AtomicUsize::new);
    let opens =
        |name: &str| server.ask(with(Ask::get("/t"), &format!("key-named-{name}"))).status == 200;
    thread::scope(|scope| {
        for used in &used {
            let (server, current, done) = (&server, &current, &done);
            scope.spawn(move || {
                let mut connection = server.connect();
                while !done.load(Ordering::SeqCst) {
                    let index = current.load(Ordering::SeqCst);
                    let name = names[index];
                    let ask = with(Ask::get("/t"), &format!("key-named-{name}"));
                    assert_eq!(connection.ask(&ask).ok(), name);
                    used.store(index, Ordering::SeqCst);
                }
            });
        }
        for next in 1..names.len() {
            // Both count, then the callers change, then the old one is taken away.
            server.save_config(&config(&[names[next - 1], names[next]]));
            server.signal(Signal::HUP);
            wait_until("both keys count", || opens(names[next]) && opens(names[next - 1]));
            current.store(next, Ordering::SeqCst);
            wait_until("all callers have changed", || {
                used.iter().all(|used| used.load(Ordering::SeqCst) == next)
            });
            server.save_config(&config(&[names[next]]));
            server.signal(Signal::HUP);
            wait_until("the old key is gone", || !opens(names[next - 1]));
        }
        done.store(true, Ordering::SeqCst);
    });
}

/// What let a request in is no business of the script: it would log it, answer with it or send it on.
#[test]
fn a_script_does_not_see_the_key_that_let_its_caller_in() {
    let script = "get(|req| { log::info(req.url); #{ url: req.url, query: req.query, vars: req.vars, \
                  headers: req.headers } });";
    let open = "get(|req| req.headers);";
    let server = Project::new(&[("guarded.rhai", script), ("open.rhai", open)])
        .config("[auth]\napikey = \"the-global-key\"\n[plugins.guarded]\nauth = \"plugin\"\napikey = \"the-own-key\"\n")
        .start();
    let told = |ask: Ask| {
        let answer = server.ask(ask);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let query = told(Ask::get("/guarded?a=1&apikey=the-own-key&b=2"));
    assert_eq!(query["query"], json!({ "a": "1", "b": "2" }));
    assert!(query["url"].as_str().unwrap().ends_with("/guarded?a=1&b=2"), "{query}");
    let alone = told(Ask::get("/guarded?apikey=the%2Down-key"));
    assert!(alone["url"].as_str().unwrap().ends_with("/guarded"), "{alone}");
    let both = Ask::get("/guarded")
        .header("X-Custom-Auth", "the-own-key")
        .header("Authorization", "Bearer for somebody else");
    let both = told(both);
    assert_eq!(both["headers"]["authorization"], "Bearer for somebody else");
    assert_eq!(both["headers"]["x-custom-auth"], json!(null));
    let bearer = told(Ask::get("/guarded").header("Authorization", "Bearer the-own-key"));
    assert_eq!(bearer["headers"]["authorization"], json!(null));
    // Where no key is asked for, a header is a header.
    let free = told(Ask::get("/open").header("Authorization", "Bearer x"));
    assert_eq!(free["authorization"], "Bearer x");
}
