//! The start page, in a real browser.

use std::process::Command;

use crate::harness::{Ask, Server, wait_until};

/// What Chromium makes of a page, or nothing where there is none and none is required.
pub(crate) fn rendered(url: &str) -> Option<String> {
    let Some(browser) =
        ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
            Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success())
        })
    else {
        assert_ne!(
            std::env::var("HOTPLATE_REQUIRE_SERVICES").as_deref(),
            Ok("1"),
            "Chromium is required and not installed"
        );
        eprintln!("SKIPPED: Chromium is not installed, so the page is not looked at");
        return None;
    };
    let profile = tempfile::tempdir().unwrap();
    let out = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=3000", "--dump-dom", url])
        .output()
        .unwrap();
    Some(String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn the_start_page_shows_what_is_served_and_what_is_broken() {
    let server = Server::dev(&[
        ("hello.rhai", "get(|| \"hi\");\nget(\"/{name}\", |req| req.params.name);"),
        (
            "beat.rhai",
            "cron(\"0 6 * * *\", #{ name: \"sun<b>rise\", zone: \"Asia/Tokyo\" }, || 1);",
        ),
        ("broken.rhai", "get(|| \n  nosuchthing(1));"),
    ]);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let Some(dom) = rendered(&format!("http://127.0.0.1:{}/", server.port())) else { return };
    for shown in [
        "href=\"/hello\"",
        "/hello/{name}",
        "broken.rhai:2:3",
        "nosuchthing",
        "plugins/hello.rhai",
        "sun&lt;b&gt;rise",
        "cron 0 6 * * * Asia/Tokyo",
    ] {
        assert!(dom.contains(shown), "{shown} is not in:\n{dom}");
    }
}

#[test]
fn what_a_script_says_of_itself_does_not_become_part_of_the_page() {
    let server = Server::dev(&[(
        "x.rhai",
        "//! <script>document.title = 'taken'</script>\n\
         get(\"/\", #{ summary: \"<img src=x onerror=\\\"document.title='taken'\\\">\" }, || 1);",
    )]);
    let Some(dom) = rendered(&format!("http://127.0.0.1:{}/", server.port())) else { return };
    assert!(dom.contains("&lt;img"), "the summary is shown as text:\n{dom}");
    assert!(!dom.contains("<title>taken"), "{dom}");
}

#[test]
fn the_page_is_there_in_development_only_and_for_our_own_names() {
    let server = Server::start(&[("a.rhai", "get(|| 1);")]);
    assert_eq!(server.get("/").status, 404);
    let server = Server::dev(&[("a.rhai", "get(|| 1);")]);
    assert_eq!(server.ask(Ask::get("/").header("Host", "evil.example")).status, 421);
    wait_until("the icon is there", || server.get("/favicon.ico").status == 200);
}
