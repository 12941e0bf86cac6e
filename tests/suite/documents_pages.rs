//! Markdown and HTML as pages: what becomes part of them, and what must not.

use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    documents::{HTML, project, put, rest, serve},
    harness::{Ask, Server, within},
};

fn with(documents: &[(&str, &str)], config: &str) -> Server {
    project(documents, &format!("[documents]\n{config}\n{HTML}")).start()
}

#[test]
fn markdown_is_a_page_with_a_title_in_its_envelope() {
    let server = serve(&[
        ("html/a.md", "text\n\n# A & <b>B</b>\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n"),
        ("html/set.md", "@TITLE=Set < here@\n# Other\n"),
        ("html/plain.md", "no heading\n\n## second level\n"),
        ("html/sub/index.md", "# Index"),
    ]);
    let page = server.get("/html/a.md");
    let html = page.ok();
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for part in
        ["<table>", "<td>1</td>", "type=\"checkbox\"", "<!doctype html>", "/_hotplate/markdown.css"]
    {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(html.contains("<title>A &amp; B</title>"), "{html}");
    assert!(server.get("/html/set.md").ok().contains("<title>Set &lt; here</title>"));
    assert!(server.get("/html/plain.md").ok().contains("<title>plain.md</title>"));
    assert!(server.get("/html/sub/").ok().contains("<h1 id=\"index\">Index</h1>"));
    for name in ["markdown.css", "highlight.css"] {
        let css = server.get(&format!("/_hotplate/{name}"));
        assert_eq!(
            (css.status, css.header("content-type")),
            (200, Some("text/css; charset=utf-8"))
        );
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'self'"), "{policy}");
    let etag = page.header("etag").unwrap();
    assert_eq!(server.ask(Ask::get("/html/a.md").header("If-None-Match", etag)).status, 304);
}

#[test]
fn code_is_highlighted_by_classes_and_headings_are_listed() {
    let server = serve(&[(
        "html/a.md",
        "[TOC]\n\n## First\n\n```rust\nfn main() {} // <x>\n```\n\n```nolang\n<y>\n```\n\n### Second\n",
    )]);
    let html = server.get("/html/a.md").ok();
    assert!(html.contains("<span class=\"hl-comment"), "{html}");
    assert!(html.contains("&lt;x&gt;") && html.contains("&lt;y&gt;"), "{html}");
    assert!(html.contains("<li class=\"toc-3\"><a href=\"#second\">Second</a>"), "{html}");
    assert!(!html.contains("style="), "{html}");
}

#[test]
fn the_envelope_and_the_style_sheets_are_ones_own() {
    let server = with(
        &[
            ("html/a.md", "# T\n\n## U\n\n{title} {mdhtml}\n"),
            ("e.html", "<i>{title}|{markdown_css}|{highlight_css}|{x}</i>{mdhtml}{toc}"),
        ],
        "envelope = \"e.html\"\nmarkdown_css = \"my.css\"\nhighlight_css = \"https://x.example/h.css\"",
    );
    let html = server.get("/html/a.md").ok();
    assert!(html.starts_with("<i>T|/html/my.css|https://x.example/h.css|{x}</i>"), "{html}");
    assert!(html.contains("<p>{title} {mdhtml}</p>"), "what the page says is no template: {html}");
    assert!(html.contains("class=\"toc\""), "{html}");
    rest();
    server.get("/html/a.md");
    put(server.root(), "e.html", "new: {title}");
    assert_eq!(server.get("/html/a.md").ok(), "new: T");
}

#[test]
fn markdown_may_be_served_as_it_is() {
    let server = project(&[("html/a.md", "# T")], &format!("{HTML}markdown = false\n")).start();
    let answer = server.get("/html/a.md");
    assert_eq!(answer.ok(), "# T");
    assert_eq!(answer.header("content-type"), Some("text/markdown; charset=utf-8"));
}

#[test]
fn nothing_in_markdown_runs_in_the_browser() {
    let attacks = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<iframe src=\"javascript:alert(1)\"></iframe>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](vbscript:msgbox(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x]: javascript:alert(1)\n\n[x]",
        "<javascript:alert(1)>",
        "![x](javascript:alert(1))",
        "![x](\"onerror=\"alert(1))",
        "[x](x \"\\\" onmouseover=alert(1) x=\\\"\")",
        "`<script>alert(1)</script>`",
        "```html\n<script>alert(1)</script>\n```",
        "```\"><script>alert(1)</script>\nx\n```",
        "# <script>alert(1)</script>",
        "| <script>alert(1)</script> |\n|---|\n| x |",
        "[^1]\n\n[^1]: <script>alert(1)</script>",
        "@TITLE=</title><script>alert(1)</script>@",
        "@TIME=+<script>alert(1)</script>@",
        "<!-- --><script>alert(1)</script>",
        "<math><mtext></mtext><script>alert(1)</script></math>",
    ];
    let server = serve(&[]);
    for (number, attack) in attacks.iter().enumerate() {
        put(server.root(), &format!("html/{number}.md"), attack);
        let html = server.get(&format!("/html/{number}.md")).ok().to_lowercase();
        let tags: Vec<&str> =
            html.split('<').skip(1).filter_map(|tag| tag.split('>').next()).collect();
        for tag in tags {
            let name = tag.split([' ', '/']).next().unwrap();
            assert!(!["script", "iframe", "svg", "math"].contains(&name), "{attack}: <{tag}>");
            // Outside of quotes an attribute would be one.
            let outside: String = tag.split('"').step_by(2).collect();
            assert!(!outside.contains(" on"), "{attack}: <{tag}>");
            for bad in ["\"javascript:", "\"vbscript:", "\"data:text"] {
                assert!(!tag.contains(bad), "{attack}: <{tag}>");
            }
        }
    }
}

#[test]
fn html_in_markdown_is_kept_where_all_documents_are_ones_own() {
    let server = with(&[("html/a.md", "<b class=\"x\">bold</b>")], "markdown_html = true");
    assert!(server.get("/html/a.md").ok().contains("<b class=\"x\">bold</b>"));
}

#[test]
fn pathological_markdown_takes_bounded_time_and_nobody_waits_for_it() {
    let server = serve(&[("html/ok.txt", "ok")]);
    let many = |text: &str, count: usize| text.repeat(count);
    let pages = [
        many("*a **a ", 65_000),
        many("a**b", 50_000) + many("c* ", 50_000).as_str(),
        many("[", 200_000) + "a" + many("]", 200_000).as_str(),
        many("[a](<b", 100_000),
        many("> ", 200_000) + "a",
        many("- ", 100_000) + "a",
        many("`a", 200_000),
        (1..2000).flat_map(|count| ["e".to_owned(), "`".repeat(count)]).collect(),
        many("[a](", 100_000),
        many("<!--", 100_000),
        many("&#x", 100_000),
        many("![", 150_000),
        many("\\", 500_000),
        many("|", 500_000) + "\n" + many("-|", 200_000).as_str(),
        many("# a\n", 200_000),
        (0..30_000).flat_map(|n| [format!("[{n}]: /x\n"), format!("[{n}]\n")]).collect(),
        many("[^a]\n", 50_000) + "\n[^a]: x\n",
        many("```rust\nfn f<'a>(x: &'a str) {}\n```\n", 20_000),
        many("* a\n", 200_000),
        many("www.a.b ", 100_000),
        many("a@b.c_", 100_000),
        many("@INCLUDE=", 100_000),
        many("1. ", 100_000),
        many("***", 200_000),
    ];
    for (number, page) in pages.iter().enumerate() {
        put(server.root(), &format!("html/{number}.md"), page);
        let began = Instant::now();
        let mut slow = server.connect();
        slow.begin(&Ask::get(&format!("/html/{number}.md")));
        assert_eq!(server.get("/html/ok.txt").ok(), "ok", "page {number}");
        let answer = slow.answer(false).expect("an answer");
        assert!(matches!(answer.status, 200 | 503), "page {number}: {}", answer.status);
        let time = began.elapsed();
        assert!(time < within(Duration::from_secs(5)), "page {number} took {time:?}");
    }
    // What is larger than a page may be is text.
    put(server.root(), "html/large.md", many("# a\n", 300_000));
    let answer = server.get("/html/large.md");
    assert_eq!((answer.status, answer.body.len()), (200, 1_200_000));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn files_times_and_titles_are_put_in_their_places() {
    let server = serve(&[
        (
            "html/sub/a.md",
            "@TITLE=The title@\nA @INCLUDE=../b.md@ B\n\n@INCLUDE=/c.html@\n\nT@TIME=+%Y@T\n\n\
             F@FILETIME=../b.md+%Y-%m@F \\@INCLUDE=/b.md@",
        ),
        ("html/b.md", "*b*"),
        (
            "html/e.md",
            "# A @INCLUDE=img.html@ B\n\nA `@INCLUDE=img.html@` and ![@INCLUDE=img.html@](y.png)\n",
        ),
        ("html/img.html", "<img src=\"x.png\">"),
        ("html/f.html", "<p>1 < 2 @INCLUDE=b.md@</p>"),
        ("html/c.html", "<aside>@INCLUDE=b.md@</aside>"),
        (
            "html/d.html",
            "<html><head><title>old</title></head><body>@TITLE=N & N@@INCLUDE=b.md@ @INCLUDE=c.html@</body>",
        ),
    ]);
    let html = server.get("/html/sub/a.md").ok();
    assert!(html.contains("A <em>b</em> B"), "{html}");
    assert!(html.contains("<aside>@INCLUDE=b.md@</aside>"), "not looked at again: {html}");
    assert!(!html.contains("<p><aside>"), "{html}");
    assert!(html.contains("<title>The title</title>"), "{html}");
    let year = |text: &str| text.parse::<i32>().is_ok_and(|year| year > 2020);
    assert!(html.split('T').any(year), "{html}");
    let month = html.split('F').find(|text| text.len() == 7 && text.contains('-'));
    assert!(month.is_some(), "{html}");
    assert!(html.contains("@INCLUDE=/b.md@") && !html.contains("\\@"), "{html}");
    let html = server.get("/html/e.md").ok();
    assert!(html.contains("<h1 id=\"a--b\">A <img src=\"x.png\"> B</h1>"), "{html}");
    assert!(html.contains("<code>&lt;img src=&quot;x.png&quot;&gt;</code>"), "{html}");
    assert!(html.contains("alt=\"\"") && html.contains("<title>A  B</title>"), "{html}");
    let html = server.get("/html/f.html").ok();
    assert!(html.contains("1 < 2 <p><em>b</em></p>"), "{html}");
    let html = server.get("/html/d.html").ok();
    assert!(html.contains("<title>N &amp; N</title>"), "{html}");
    assert!(html.contains("<p><em>b</em></p>\n <aside>@INCLUDE"), "{html}");
}

#[test]
fn times_without_a_format_are_told_as_date_tells_them() {
    let page = "<p>@TIME@|@FILETIME=b.txt@</p>";
    let project = project(&[("html/a.html", page), ("html/b.txt", "b")], HTML).env("TZ", "UTC");
    let file = fs::File::options().write(true).open(project.root().join("html/b.txt")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_614_834_367)).unwrap();
    let html = project.start().get("/html/a.html").ok();
    let told = html.trim_start_matches("<p>").trim_end_matches("</p>");
    let (now, modified) = told.split_once('|').unwrap();
    assert_eq!(modified, "Thu Mar  4 05:06:07 2021");
    let now = jiff::civil::DateTime::strptime("%a %b %e %H:%M:%S %Y", now).unwrap();
    let now = jiff::tz::TimeZone::UTC.to_timestamp(now).unwrap();
    let ago = jiff::Timestamp::now().duration_since(now);
    assert!((0..60).contains(&ago.as_secs()), "{html}");
}

#[test]
fn a_page_is_as_new_as_everything_that_it_was_made_of() {
    let server =
        serve(&[("html/a.md", "A @INCLUDE=b.md@ @FILETIME=c.txt+%Y@"), ("html/b.md", "first")]);
    rest();
    for _ in 0..3 {
        assert!(server.get("/html/a.md").ok().contains("A first"));
    }
    put(server.root(), "html/b.md", "other");
    assert!(server.get("/html/a.md").ok().contains("A other"));
    put(server.root(), "html/c.txt", "c");
    let year = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
        / 31_557_600
        + 1970;
    assert!(
        server.get("/html/a.md").ok().contains(&format!("other {year}")),
        "a file that was missing came"
    );
    fs::remove_file(server.root().join("html/b.md")).unwrap();
    assert!(!server.get("/html/a.md").ok().contains("other 2"), "the included file is gone");
}

#[test]
fn nothing_from_outside_the_folder_gets_into_a_page() {
    let secret = "root:x:the secret";
    let server = serve(&[("secret.txt", secret), ("html/.env", secret), ("html/ok.txt", "fine")]);
    let html = server.root().join("html");
    symlink("../secret.txt", html.join("link.txt")).unwrap();
    symlink("..", html.join("up")).unwrap();
    assert!(
        std::process::Command::new("mkfifo").arg(html.join("pipe")).status().unwrap().success()
    );
    let absolute = server.root().join("secret.txt").display().to_string();
    let names = [
        "../secret.txt",
        "sub/../../secret.txt",
        "/../secret.txt",
        "..\\secret.txt",
        "%2e%2e/secret.txt",
        "~/.bashrc",
        "/etc/passwd",
        "//etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "file:///etc/passwd",
        "link.txt",
        "up/secret.txt",
        "pipe",
        ".env",
        "",
        ".",
        "..",
        "/",
        &absolute,
    ];
    let began = Instant::now();
    for name in names {
        for ending in ["md", "html"] {
            let text =
                format!("begin @INCLUDE={name}@ @FILETIME={name}+Y%YY@ end @INCLUDE=ok.txt@");
            put(server.root(), &format!("html/x.{ending}"), &text);
            let page = server.get(&format!("/html/x.{ending}")).ok();
            assert!(page.contains("begin") && page.contains("fine"), "{name}: {page}");
            assert!(!page.contains("secret:") && !page.contains("root:"), "{name}: {page}");
            assert!(!page.contains("Y20"), "{name} tells a time: {page}");
        }
    }
    assert!(began.elapsed() < Duration::from_secs(20), "something hung");
}

#[test]
fn what_includes_itself_ends() {
    let server = serve(&[
        ("html/self.md", "S @INCLUDE=self.md@"),
        ("html/a.md", "A @INCLUDE=b.md@"),
        ("html/b.md", "B @INCLUDE=a.md@"),
        ("html/self.html", "S @INCLUDE=self.html@"),
    ]);
    assert!(server.get("/html/self.md").ok().contains("S S @INCLUDE=self.md@"));
    assert!(server.get("/html/a.md").ok().contains("A B @INCLUDE=a.md@"));
    assert_eq!(server.get("/html/self.html").ok(), "S S @INCLUDE=self.html@");
    // A billion laughs, were it parsed again.
    for level in 0..25 {
        let next = format!("@INCLUDE=l{}.md@", level + 1).repeat(2);
        put(server.root(), &format!("html/l{level}.md"), next);
    }
    assert!(server.get("/html/l0.md").ok().len() < 10_000);
    // More than a megabyte in all.
    put(server.root(), "html/big.txt", "x".repeat(300_000));
    put(server.root(), "html/bomb.html", "@INCLUDE=big.txt@".repeat(1000));
    let page = server.get("/html/bomb.html").ok();
    assert_eq!(page.len(), 900_000);
    server.wait_for_log("1 MiB");
}

#[test]
fn included_files_may_have_lines_in_the_log() {
    let server = with(
        &[("html/a.md", "@INCLUDE=b.txt@"), ("html/b.txt", "four")],
        "common_log = \"log\"\nlog_includes = true",
    );
    server.get("/html/a.md").ok();
    let log = fs::read_to_string(server.root().join("log")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[1].contains("/html/b.txt") && lines[1].ends_with("200 4"), "{log}");
}

#[test]
fn the_example_site_is_served() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = root.join("examples/documents/hotplate.toml");
    let server =
        crate::harness::Project::new(&[]).arg("--config").arg(config.to_str().unwrap()).start();
    let page = server.get("/").ok();
    assert!(page.contains("<title>A small site</title>") && page.contains("hl-"), "{page}");
    assert!(server.get("/plain.html").ok().contains("<em>Markdown</em>"));
    assert!(server.get("/guide/").ok().contains("<strong>needed</strong>"));
    assert!(server.get("/files/").ok().contains("note.md"));
    assert_eq!(server.get("/visits").ok(), "Visit number 1.");
}
