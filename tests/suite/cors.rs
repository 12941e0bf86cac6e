//! Pages of other origins: what they may read, and what a browser makes of it.

use serde_json::json;

use crate::{
    documents,
    harness::{Answer, Ask, Project, Server},
};

const PAGE: &str = "https://app.example.org";

const SCRIPT: &str = r#"
get("/", |req| "read");
get("/own", |req| response("x", #{ "Access-Control-Allow-Origin": "*", "Vary": "Accept" }));
put("/", |req| "written");
get("/fault", |req| nothing.here);
get("/missing", |req| not_found("no"));
"#;

fn served(more: &str) -> Server {
    let script = SCRIPT.replace(
        "response(\"x\", #{ \"Access-Control-Allow-Origin\": \"*\", \"Vary\": \"Accept\" })",
        "#{ status: 200, headers: #{ \"Access-Control-Allow-Origin\": \"*\", Vary: \"Accept\" }, body: \"x\" }",
    );
    let script = script.replace(
        "get(\"/fault\", |req| nothing.here);",
        "get(\"/fault\", |req| 1 / (req.query.len() * 0));",
    );
    Project::new(&[("t.rhai", &script), ("other.rhai", "get(|req| \"other\");")])
        .config(&format!(
            "[cors]\nenabled = true\norigins = [\"{PAGE}\", \"http://localhost:3000\"]\n{more}"
        ))
        .start()
}

fn from(ask: Ask, origin: &str) -> Ask {
    ask.header("Origin", origin)
}

fn preflight(path: &str, origin: &str) -> Ask {
    from(Ask::new("OPTIONS", path), origin)
        .header("Access-Control-Request-Method", "PUT")
        .header("Access-Control-Request-Headers", "authorization, x-own")
}

#[track_caller]
fn assert_varies(answer: &Answer) {
    let varies =
        answer.all("vary").flat_map(|value| value.split(',')).any(|name| name.trim() == "Origin");
    assert!(varies, "{:?}", answer.headers);
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[test]
fn an_origin_that_is_named_may_read_and_no_look_alike() {
    let server = served("");
    for origin in [PAGE, "http://localhost:3000"] {
        let answer = server.ask(from(Ask::get("/t"), origin));
        assert_eq!((answer.ok().as_str(), allowed(&answer)), ("read", Some(origin)));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert_varies(&answer);
    }
    for origin in [
        "null",
        "*",
        "",
        "https://app.example.org.evil.example",
        "https://evil-app.example.org",
        "https://evil.app.example.org",
        "https://app.example.org:444",
        "https://app.example.org:443",
        "http://app.example.org",
        "https://APP.example.org",
        "https://app.example.org/",
        "https://app.example.org.",
        "https://app-example.org",
        "https://appxexample.org",
        "https://app.example.org@evil.example",
        "https://app.example.org, https://evil.example",
        "https://localhost:3000",
        "http://localhost",
        "file://",
    ] {
        let answer = server.ask(from(Ask::get("/t"), origin));
        assert_eq!((answer.ok().as_str(), allowed(&answer)), ("read", None), "{origin}");
        assert_varies(&answer);
        assert_eq!(allowed(&server.ask(preflight("/t", origin))), None, "{origin}");
    }
    let twice = from(from(Ask::get("/t"), PAGE), "http://evil.example");
    assert_eq!(allowed(&server.ask(twice)), None);
    assert_varies(&server.get("/t"));
}

#[test]
fn every_answer_says_so_errors_and_what_scripts_said_included() {
    let server =
        served("[plugins.other]\nauth = \"global\"\n[auth]\napikey = \"the-global-key\"\n");
    for (path, status) in [
        ("/t/fault", 500),
        ("/t/missing", 404),
        ("/nowhere", 404),
        ("/other", 403),
        ("/t/own", 200),
    ] {
        let answer = server.ask(from(Ask::get(path), PAGE));
        assert_eq!((answer.status, allowed(&answer)), (status, Some(PAGE)), "{path}");
        assert_varies(&answer);
        let answer = server.ask(from(Ask::get(path), "https://evil.example"));
        assert_eq!((answer.status, allowed(&answer)), (status, None), "{path}");
        assert_varies(&answer);
    }
    let answer = server.ask(from(Ask::new("DELETE", "/t"), PAGE));
    assert_eq!((answer.status, allowed(&answer)), (405, Some(PAGE)));
}

#[test]
fn a_preflight_is_answered_before_the_key() {
    let server = served(
        "max_age = 7\n[plugins.t]\nauth = \"global\"\n[auth]\napikey = \"the-global-key\"\n",
    );
    let answer = server.ask(preflight("/t", PAGE));
    assert_eq!((answer.status, allowed(&answer)), (204, Some(PAGE)));
    for (name, value) in [
        ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("access-control-allow-headers", "authorization, x-own"),
        ("access-control-max-age", "7"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    assert_varies(&answer);
    let refused = server.ask(preflight("/t", "https://evil.example"));
    assert_eq!((refused.status, allowed(&refused)), (204, None));
    assert_eq!(refused.header("access-control-allow-methods"), None);
    assert_varies(&refused);
    assert_eq!(server.ask(from(Ask::new("PUT", "/t"), PAGE)).status, 403);
}

#[test]
fn a_plugin_has_rules_of_its_own_and_an_empty_list_is_nobody() {
    let server = served(
        "[plugins.t.cors]\norigins = [\"https://one.example\"]\ncredentials = true\nmethods = [\"PUT\"]\n\
         [plugins.other.cors]\norigins = []\n",
    );
    let answer = server.ask(from(Ask::get("/t"), "https://one.example"));
    assert_eq!(allowed(&answer), Some("https://one.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(allowed(&server.ask(from(Ask::get("/t"), PAGE))), None);
    let asked = server.ask(preflight("/t", "https://one.example"));
    assert_eq!(asked.header("access-control-allow-methods"), Some("PUT"));
    assert_eq!(allowed(&server.ask(from(Ask::get("/other"), PAGE))), None);
    assert_eq!(allowed(&server.ask(from(Ask::get("/nowhere"), PAGE))), Some(PAGE));
    server.save_config("[plugins.t.cors]\nenabled = true\norigins = [\"*\"]\n");
    server.report();
    let answer = server.ask(from(Ask::get("/t"), "https://anybody.example"));
    assert_eq!(allowed(&answer), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let other = server.ask(from(Ask::get("/other"), PAGE));
    assert_eq!((allowed(&other), other.header("vary")), (None, None));
}

#[test]
fn the_administration_is_for_no_other_origin() {
    let server = served("");
    for path in ["/plugins", "/reload/all", "/healthz", "/docs", "/openapi.json"] {
        for ask in [from(Ask::get(path), PAGE), preflight(path, PAGE)] {
            let answer = server.ask(ask);
            assert_eq!(allowed(&answer), None, "{path}");
            assert_eq!(answer.header("access-control-allow-methods"), None, "{path}");
        }
    }
    assert_eq!(
        server.ask(from(Ask::get("/reload/all"), PAGE)).json(),
        json!({ "error": "unauthorized" })
    );
}

#[test]
fn rules_that_make_no_sense_are_told_with_their_line() {
    for (config, told) in [
        (
            "[cors]\norigins = [\"*\"]\ncredentials = true\n",
            "hotplate.toml:2:11|`cors`: every origin (\"*\") with credentials",
        ),
        (
            "[cors]\norigins = [\"null\"]\n",
            "hotplate.toml:2:12|`cors.origins` cannot be \"null\": every page in a sandbox",
        ),
        (
            "[cors]\norigins = [\"https://A.example/\"]\n",
            "a browser writes it as https://a.example",
        ),
        (
            "[cors]\norigins = [\"a.example\"]\n",
            "an origin is wanted, such as https://app.example.org",
        ),
        ("[cors]\nmethods = [\"get\"]\n", "a method is wanted, in capital letters"),
        ("[cors]\nmax_age = -1\n", "`cors.max_age` must be an integer from 0 to 86400, not -1"),
        ("[cors]\norigin = \"x\"\n", "unknown key `cors.origin`"),
        (
            "[cors]\norigins = [\"*\"]\n[plugins.t.cors]\ncredentials = true\n",
            "hotplate.toml:4:15|`plugins.t.cors`: every origin",
        ),
    ] {
        let ended = Project::new(&[("t.rhai", "get(|req| 1);")]).config(config).run();
        assert!(!ended.status.success(), "{config}");
        for told in told.split('|') {
            assert!(ended.stderr.contains(told), "{told}\nis not in\n{}", ended.stderr);
        }
    }
    let server =
        Project::new(&[("t.rhai", "get(|req| 1);")]).config("[cors]\nenabled = true\n").start();
    server.wait_for_log("`cors` is enabled and has no origins");
    assert_eq!(allowed(&server.ask(from(Ask::get("/t"), PAGE))), None);
}

#[test]
fn documents_say_so_beside_their_coding_in_every_form_that_they_are_answered_in() {
    let config = format!(
        "[cors]\nenabled = true\norigins = [\"{PAGE}\"]\n[[documents.mounts]]\nfolder = \"html\"\n"
    );
    let text = "A line that comes again and again.\n".repeat(200);
    let server =
        documents::project(&[("html/a.txt", &text), ("html/a.md", "# A")], &config).start();
    let tag = |coding: &str| {
        let answer = server.ask(Ask::get("/html/a.txt").header("Accept-Encoding", coding));
        answer.header("etag").unwrap().to_owned()
    };
    let (plain, gzip) = (tag("identity"), tag("gzip"));
    let get = |target: &str| Ask::get(target).header("Accept-Encoding", "gzip");
    // From the file, and when that has rested from memory.
    for _ in 0..3 {
        for (ask, status, coding, is_coded) in [
            (get("/html/a.txt"), 200, Some("gzip"), true),
            (Ask::get("/html/a.txt"), 200, None, true),
            (get("/html/a.md"), 200, None, false),
            (get("/html/a.txt").header("If-None-Match", &gzip), 304, None, true),
            (Ask::get("/html/a.txt").header("If-None-Match", &plain), 304, None, true),
            (get("/html/a.txt").header("Range", "bytes=2-5"), 206, None, true),
            (get("/html/none.txt"), 404, None, false),
            (get("/html/sub"), 404, None, false),
        ] {
            for (origin, may) in [(PAGE, Some(PAGE)), ("https://evil.example", None)] {
                let answer = server.ask(from(ask.clone(), origin));
                let found = (answer.status, allowed(&answer));
                assert_eq!(found, (status, may), "{ask:?}");
                assert_varies(&answer);
                if is_coded {
                    assert_eq!(answer.header("content-encoding"), coding, "{ask:?}");
                    let vary: Vec<&str> = answer.all("vary").collect();
                    assert!(
                        vary.iter().any(|vary| vary.contains("accept-encoding")),
                        "{ask:?} {vary:?}"
                    );
                }
            }
        }
        documents::rest();
    }
}

/// A page that asks a server on another port, which is another origin, and writes down what it was let see.
/// `asking` is JavaScript: `see(name, path, options)` for each request.
fn page(port: u16, asking: &str) -> String {
    format!(
        "get(|req| html(`<title>asking</title><script>\
         const see = async (name, path, options) => {{ let seen; \
           try {{ seen = (await (await fetch('http://127.0.0.1:{port}' + path, options)).text()); }} \
           catch (error) {{ seen = 'kept from me'; }} \
           document.body.append(name + '=[' + seen + '] '); }};\
         addEventListener('load', async () => {{ {asking} document.body.append('done'); }});\
         </script><body></body>`));"
    )
}

/// What a browser shows of the page; nothing where there is none.
fn shown(server: &Server) -> Option<String> {
    crate::page::rendered(&format!("http://127.0.0.1:{}/p", server.port()))
}

#[track_caller]
fn assert_seen(page: &str, all: &[&str]) {
    for told in all {
        assert!(page.contains(told), "{told} is not in:\n{page}");
    }
}

#[test]
fn a_browser_lets_a_page_of_a_named_origin_read_and_no_other() {
    let asking = "\
        await see('simple', '/t');\
        await see('preflighted', '/t', { method: 'PUT', headers: { 'Authorization': 'Bearer the-global-key' } });\
        await see('refused', '/t', { method: 'PUT' });\
        await see('administration', '/plugins', { headers: { 'X-Custom-Auth': 'the-global-key' } });";
    let asked = Project::new(&[(
        "t.rhai",
        "get(\"/\", |req| \"read\"); put(\"/\", #{ auth: \"admin\" }, |req| \"written\");",
    )])
    .config("[auth]\napikey = \"the-global-key\"\n")
    .start();
    let named = Server::start(&[("p.rhai", &page(asked.port(), asking))]);
    let other = Server::start(&[("p.rhai", &page(asked.port(), asking))]);
    asked.save_config(&format!(
        "[auth]\napikey = \"the-global-key\"\n[cors]\nenabled = true\norigins = [\"http://127.0.0.1:{}\"]\n",
        named.port()
    ));
    let reload = asked.ask(Ask::post("/reload/all").header("X-Custom-Auth", "the-global-key"));
    assert_eq!(reload.status, 200, "{}", reload.text());
    let (Some(named), Some(other)) = (shown(&named), shown(&other)) else { return };
    assert_seen(
        &named,
        &[
            "simple=[read]",
            "preflighted=[written]",
            "refused=[{\"error\":\"unauthorized\"}]",
            "administration=[kept from me]",
        ],
    );
    for told in ["simple", "preflighted", "refused", "administration"] {
        assert_seen(&other, &[&format!("{told}=[kept from me]")]);
    }
}

#[test]
fn a_browser_lets_a_page_use_cookies_and_methods_only_where_the_rules_say_so() {
    let asking = "\
        const cookies = { credentials: 'include' };\
        await see('begun', '/visits', { method: 'POST', ...cookies });\
        await see('found', '/visits', cookies);\
        await see('anonymous', '/visits');\
        await see('deleted', '/visits', { method: 'DELETE', ...cookies });\
        await see('unset', '/plain', cookies);\
        await see('plain', '/plain');";
    let script = "get(|req| req.session.user ?? \"nobody\"); post(|req| { req.session.user = \"ann\"; \"kept\" }); \
                  delete(|| { state::set(\"deleted\", true); \"deleted\" }); \
                  get(\"/deleted\", || json(state::get(\"deleted\", false)));";
    let plain = "get(|req| req.session.user ?? \"nobody\");";
    let asked = Server::start(&[("visits.rhai", script), ("plain.rhai", plain)]);
    let named = Server::start(&[("p.rhai", &page(asked.port(), asking))]);
    asked.save_config(&format!(
        "[cors]\nenabled = true\norigins = [\"http://127.0.0.1:{}\"]\n\
         [plugins.visits.cors]\ncredentials = true\nmethods = [\"GET\", \"POST\"]\n",
        named.port()
    ));
    let report = asked.report();
    assert_eq!(report["failed"], json!([]), "{report}");
    let Some(named) = shown(&named) else { return };
    assert_seen(
        &named,
        &[
            "begun=[kept]",
            "found=[ann]",
            "anonymous=[nobody]",
            "deleted=[kept from me]",
            "unset=[kept from me]",
            "plain=[nobody]",
        ],
    );
    assert_eq!(asked.get("/visits/deleted").json(), json!(false), "it was never asked to");
}
