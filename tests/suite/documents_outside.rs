//! What must never be served: anything that is not below the folder, and what is no file.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    documents::{HTML, project, put, rest, serve},
    harness::{Ask, Server},
};

/// Ways to write `../`, each of which somebody's server once took for it.
const UP: [&str; 43] = [
    "../",
    "..%2f",
    "..%2F",
    "..%5c",
    "..%5C",
    "..\\",
    "..%252f",
    "..%252F",
    "..%255c",
    "..%c0%af",
    "..%c1%9c",
    "..%e0%80%af",
    "..%f0%80%80%af",
    "..%ef%bc%8f",
    "..%u2215",
    "..%u002f",
    "..%00/",
    "..%00%2f",
    "..%0a/",
    "..%0d%0a/",
    "..%09/",
    "..;/",
    "..;a=b/",
    "..%3b/",
    "..%23/",
    "..%3f/",
    "..%20/",
    ".%2e/",
    "%2e./",
    "%2e%2e/",
    "%2E%2E/",
    "%2e%2e%2f",
    "%2e%2e%5c",
    "%252e%252e/",
    "%252e%252e%252f",
    "%c0%ae%c0%ae/",
    "%e0%80%ae%e0%80%ae/",
    "%u002e%u002e/",
    "./../",
    "//../",
    "..//",
    "...//",
    ".../.../",
];

const SECRET: &str = "the secret outside";

/// `html/` is served, `secret.txt` is beside it.
fn server() -> Server {
    serve(&[("html/sub/a.txt", "inside"), ("secret.txt", SECRET), ("html-private/x.txt", SECRET)])
}

#[track_caller]
fn assert_refused(server: &Server, path: &str) {
    let answer = server.get(path);
    assert!(matches!(answer.status, 400 | 404), "{path}: {} {}", answer.status, answer.text());
    let told = answer.text();
    assert!(!told.contains(SECRET) && !told.contains("root:"), "{path}: {told}");
    assert!(!told.contains(server.root().to_str().unwrap()), "{path} shows a path: {told}");
}

#[test]
fn no_way_of_writing_dot_dot_leads_out() {
    let server = server();
    for up in UP {
        for count in [1, 2, 3, 8] {
            let up = up.repeat(count);
            assert_refused(&server, &format!("/html/{up}secret.txt"));
            assert_refused(&server, &format!("/html/sub/{up}secret.txt"));
            assert_refused(&server, &format!("/html/{up}etc/passwd"));
        }
    }
    assert_eq!(server.get("/html/sub/a.txt").ok(), "inside");
}

#[test]
fn absolute_paths_homes_and_devices_are_nothing() {
    let server = server();
    let root = server.root().to_str().unwrap().to_owned();
    for path in [
        "//etc/passwd",
        "/%2fetc/passwd",
        "/%2fetc%2fpasswd",
        "/~/.bashrc",
        "/~root/.bashrc",
        "/%7e/.profile",
        "/proc/self/environ",
        "/dev/zero",
        "/file:///etc/passwd",
        "/C:/secret.txt",
        "/C:%5csecret.txt",
        "/.",
        "/./sub/a.txt",
        "//sub/a.txt",
        "/sub//a.txt",
        &format!("/{root}/secret.txt"),
    ] {
        assert_refused(&server, &format!("/html{path}"));
    }
}

#[test]
fn the_root_of_the_file_system_is_not_served_under_an_empty_path() {
    let config = "[[documents.mounts]]\nfolder = \"html\"\npath = \"/\"\n";
    let server = project(&[("html/a.txt", "a"), ("secret.txt", SECRET)], config).start();
    for path in
        ["/etc/passwd", "//etc/passwd", "/%2fetc/passwd", "/../secret.txt", "/..%2fsecret.txt"]
    {
        assert_refused(&server, path);
    }
    assert_eq!(server.get("/a.txt").ok(), "a");
}

#[test]
fn a_folder_beside_with_the_same_beginning_is_another() {
    let server = server();
    for path in ["/html-private/x.txt", "/html/-private/x.txt", "/html/../html-private/x.txt"] {
        assert_refused(&server, path);
    }
}

#[test]
fn names_that_begin_with_a_dot_are_not_there_unless_allowed() {
    let files = [
        ("html/.env", SECRET),
        ("html/.git/config", SECRET),
        ("html/sub/.htaccess", SECRET),
        ("html/.well-known/acme-challenge/t", "token"),
    ];
    let server = serve(&files);
    for path in ["/.env", "/%2eenv", "/.git/config", "/.git/", "/.git", "/sub/.htaccess"] {
        assert_refused(&server, &format!("/html{path}"));
    }
    assert_eq!(server.get("/html/.well-known/acme-challenge/t").ok(), "token");
    let server = project(&files, &format!("{HTML}dotfiles = true\n")).start();
    assert_eq!(server.get("/html/.env").text(), SECRET);
    assert_refused(&server, "/html/../secret.txt");
}

#[test]
fn links_are_not_followed_and_if_allowed_only_inside() {
    let link = |server: &Server| {
        let html = server.root().join("html");
        symlink("../secret.txt", html.join("relative")).unwrap();
        symlink(server.root().join("secret.txt"), html.join("absolute")).unwrap();
        symlink("..", html.join("up")).unwrap();
        symlink("/", html.join("root")).unwrap();
        symlink("loop", html.join("loop")).unwrap();
        symlink("/proc/self/root", html.join("magic")).unwrap();
        symlink("sub/a.txt", html.join("inner")).unwrap();
        symlink("sub", html.join("folder")).unwrap();
    };
    let outside =
        ["relative", "absolute", "up/secret.txt", "root/etc/passwd", "loop", "magic/etc/passwd"];
    let server = server();
    link(&server);
    for name in outside.iter().chain(&["inner", "folder/a.txt", "folder/"]) {
        assert_refused(&server, &format!("/html/{name}"));
    }
    let config = format!("{HTML}symlinks = true\n");
    let server = project(&[("html/sub/a.txt", "inside"), ("secret.txt", SECRET)], &config).start();
    link(&server);
    for name in outside {
        assert_refused(&server, &format!("/html/{name}"));
    }
    for name in ["inner", "folder/a.txt"] {
        assert_eq!(server.get(&format!("/html/{name}")).ok(), "inside", "{name}");
    }
    // What is behind a link counts, not the link.
    put(server.root(), "html/sub/a.txt", "edited");
    assert_eq!(server.get("/html/inner").ok(), "edited");
    rest();
    assert_eq!(server.get("/html/inner").ok(), "edited");
    put(server.root(), "html/sub/a.txt", "again");
    assert_eq!(server.get("/html/inner").ok(), "again");
}

#[test]
fn no_moment_lies_between_a_check_and_its_use() {
    let server = server();
    let html = server.root().join("html");
    put(&html, "race/a.txt", "inside");
    put(server.root(), "outside/a.txt", SECRET);
    let (inside, target) = (html.join("race"), server.root().join("outside"));
    let stop = Arc::new(AtomicBool::new(false));
    let racing = std::thread::spawn({
        let (stop, aside, link) = (Arc::clone(&stop), html.join("aside"), html.join("link"));
        move || {
            while !stop.load(Ordering::Relaxed) {
                symlink(&target, &link).unwrap();
                fs::rename(&inside, &aside).unwrap();
                fs::rename(&link, &inside).unwrap();
                fs::remove_file(&inside).unwrap();
                fs::rename(&aside, &inside).unwrap();
            }
        }
    });
    let mut connection = server.connect();
    let began = Instant::now();
    let (mut inside, mut asked) = (0, 0);
    while began.elapsed() < Duration::from_secs(2) || inside == 0 {
        let answer = connection.ask(&Ask::get("/html/race/a.txt"));
        assert!(!answer.text().contains(SECRET), "leaked after {asked} requests");
        inside += usize::from(answer.status == 200);
        asked += 1;
    }
    stop.store(true, Ordering::Relaxed);
    racing.join().unwrap();
}

#[test]
fn pipes_sockets_devices_and_folders_are_no_files_and_nothing_hangs() {
    let server = server();
    let html = server.root().join("html");
    let made = std::process::Command::new("mkfifo").arg(html.join("pipe")).status().unwrap();
    assert!(made.success());
    let _socket = UnixListener::bind(html.join("socket")).unwrap();
    symlink("/dev/zero", html.join("zero")).unwrap();
    let began = Instant::now();
    for name in ["pipe", "socket", "zero", "pipe/", "pipe.gz"] {
        assert_refused(&server, &format!("/html/{name}"));
    }
    // A pipe beside a file, where a compressed one may be.
    put(&html, "b.txt", "b".repeat(1000));
    assert!(
        std::process::Command::new("mkfifo").arg(html.join("b.txt.gz")).status().unwrap().success()
    );
    let answer = server.ask(Ask::get("/html/b.txt").header("Accept-Encoding", "gzip"));
    assert_eq!(answer.status, 200);
    assert!(began.elapsed() < Duration::from_secs(10), "it hung");
}

#[test]
fn a_file_that_may_not_be_read_is_forbidden() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = serve(&[("html/a.txt", SECRET)]);
    let path = server.root().join("html/a.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    let answer = server.get("/html/a.txt");
    // Who runs tests as root may read everything.
    if fs::read(&path).is_err() {
        assert_eq!(answer.status, 403);
        assert!(!answer.text().contains(SECRET));
    }
}
