//! Who may call a route, and how often, as its spec says.

use crate::harness::{Answer, Ask, Project, Server, assert_problem};

const KEYS: &str = r#"
[auth]
apikey = "global-key-of-the-site"
[auth.keys.reader]
key = "the-key-of-a-reader"
scopes = ["orders:read"]
[plugins.t]
auth = "plugin"
apikey = "the-key-of-the-plugin"
"#;

const SCRIPT: &str = r#"
get("/open", #{ auth: false }, |req| "open");
get("/read", #{ auth: ["orders:read", "orders:write"] }, |req| req.auth.name);
get("/write", #{ auth: "orders:write" }, |req| req.auth.name);
get("/own", #{ auth: "plugin:t" }, |req| req.auth.name);
get("/as-plugin", |req| req.auth.name);
"#;

fn ask(server: &Server, path: &str, key: &str) -> Answer {
    let ask = Ask::get(path);
    server.ask(if key.is_empty() {
        ask
    } else {
        ask.header("Authorization", &format!("Bearer {key}"))
    })
}

#[test]
fn a_route_says_which_scopes_open_it() {
    let server = Project::new(&[("t.rhai", SCRIPT)]).config(KEYS).start();
    let (global, reader, own) =
        ("global-key-of-the-site", "the-key-of-a-reader", "the-key-of-the-plugin");
    for (path, key, answer) in [
        ("/t/open", "", Some("open")),
        ("/t/read", "", None),
        ("/t/read", "wrong", None),
        ("/t/read", reader, Some("reader")),
        ("/t/read", global, Some("apikey")),
        ("/t/read", own, None),
        ("/t/write", reader, None),
        ("/t/write", global, Some("apikey")),
        ("/t/own", own, Some("t")),
        ("/t/as-plugin", own, Some("t")),
        ("/t/as-plugin", reader, None),
    ] {
        let got = ask(&server, path, key);
        match answer {
            Some(text) => assert_eq!(got.ok(), text, "{path} {key}"),
            None => assert_eq!(got.status, 403, "{path} {key}"),
        }
    }
}

#[test]
fn a_client_that_calls_too_often_is_told_when_to_come_back() {
    let script = r#"get("/", #{ rate_limit: "2/1h" }, |req| "ok"); get("/free", |req| "ok");"#;
    let server = Server::start(&[("t.rhai", script)]);
    for _ in 0..2 {
        assert_eq!(server.get("/t").ok(), "ok");
    }
    let refused = server.get("/t");
    assert_problem(&refused, 429);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1700..=1800).contains(&seconds), "{seconds}");
    assert_eq!(server.get("/t/free").ok(), "ok");
}
