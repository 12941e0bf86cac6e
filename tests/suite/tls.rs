//! Certificates: which one is shown to whom, and what becomes of them while the server runs.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use rustix::process::Signal;
use rustls::{
    SupportedProtocolVersion,
    version::{TLS12, TLS13},
};

use crate::harness::{Authority, Made, Project, Secure, Server, wait_until};

const ONE: &str = "[tls]\nenabled = true\ncert = \"a.crt\"\nkey = \"a.key\"\n";

fn shown(server: &Server) -> Option<Vec<u8>> {
    Secure::asking("localhost").shown(server.address())
}

fn project(made: &Made, config: &str) -> Project {
    let project = Project::new(&[("t.rhai", "get(|req| req.url);")]).config(config);
    made.put(project.root(), "a");
    project
}

#[test]
fn a_certificate_that_cannot_be_used_leaves_the_one_in_use_and_a_good_one_replaces_it() {
    let authority = Authority::new("Test");
    let (first, second) = (authority.leaf(&["localhost"]), authority.leaf(&["localhost"]));
    let server = project(&first, ONE).start();
    assert_eq!(shown(&server), Some(first.der.clone()));
    let with = |cert: &str, key: &str| Made { cert: cert.into(), key: key.into(), der: Vec::new() };
    let nonsense = "-----BEGIN CERTIFICATE-----\nnonsense";
    for (made, why) in [
        (
            with(&first.cert, &second.key),
            "the key a.key (`tls.key`) does not belong to the certificate a.crt",
        ),
        (with(nonsense, &first.key), "a.crt (`tls.cert`) is not valid PEM"),
        (with("", ""), "a.crt (`tls.cert`) holds no certificate"),
        (with(&first.cert, ""), "a.key (`tls.key`) holds no private key"),
    ] {
        made.put(server.root(), "a");
        server.signal(Signal::HUP);
        server.wait_for_log(why);
        assert!(server.log().contains("; the certificate in use stays"));
        assert_eq!(shown(&server), Some(first.der.clone()));
    }
    fs::remove_file(server.root().join("a.crt")).unwrap();
    server.wait_for_log("a.crt (`tls.cert`) cannot be read");
    second.put(server.root(), "a");
    server.signal(Signal::HUP);
    wait_until("the new one is shown", || shown(&server) == Some(second.der.clone()));
    assert!(server.terminate().status.success());
}

#[test]
fn a_report_tells_what_is_wrong_with_a_certificate() {
    let authority = Authority::new("Test");
    let (first, second) = (authority.leaf(&["localhost"]), authority.leaf(&["localhost"]));
    let server = project(&first, ONE).start();
    fs::write(server.root().join("a.key"), &second.key).unwrap();
    let ask = |method: &str, target: &str| {
        let client = Secure::asking("localhost");
        let answer = client.shake(server.address()).unwrap().ask(method, target).unwrap();
        serde_json::from_str::<serde_json::Value>(&answer.1).unwrap()
    };
    let report = ask("POST", "/reload/all");
    assert_eq!(report["status"], "Some plugins failed", "{report}");
    let told = |shown: &serde_json::Value| shown["diagnostics"][0].clone();
    let mismatch = "the key a.key (`tls.key`) does not belong to the certificate a.crt (`tls.cert`); the certificate in use stays";
    for told in [told(&report), told(&ask("GET", "/plugins"))] {
        assert_eq!(
            (told["code"].as_str(), told["message"].as_str()),
            (Some("tls-certificate"), Some(mismatch))
        );
    }
    second.put(server.root(), "a");
    let report = ask("POST", "/reload/all");
    assert_eq!(report["diagnostics"].as_array().map(Vec::len), Some(0), "{report}");
    assert_eq!(shown(&server), Some(second.der.clone()));
}

#[test]
fn a_start_with_a_pair_that_cannot_be_used_says_which_file() {
    let authority = Authority::new("Test");
    let project = project(&authority.leaf(&["localhost"]), ONE);
    fs::write(project.root().join("a.key"), authority.leaf(&["localhost"]).key).unwrap();
    let ended = project.run();
    assert!(!ended.status.success());
    let key = project.root().join("a.key");
    let told = format!("the key {} (`tls.key`) does not belong to the certificate", key.display());
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    fs::remove_file(key).unwrap();
    let ended = project.run();
    assert!(
        ended.stderr.contains("a.key (`tls.key`) cannot be read: No such file"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_check_tells_what_is_wrong_with_certificates() {
    let authority = Authority::new("Test");
    let project = project(&authority.leaf(&["localhost"]), ONE).bare().arg("check");
    assert!(project.run().status.success());
    fs::write(project.root().join("a.key"), "").unwrap();
    let ended = project.run();
    assert!(!ended.status.success());
    let told = "error[tls-certificate]: a.key (`tls.key`) holds no private key";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}

/// Puts a pair where another is, in the ways in which that is done.
fn renew(root: &Path, made: &Made, way: usize) {
    match way {
        // In place, the certificate first.
        0 => made.put(root, "a"),
        // Each file renamed over the old one.
        1 => {
            made.put(root, "new");
            fs::rename(root.join("new.crt"), root.join("a.crt")).unwrap();
            fs::rename(root.join("new.key"), root.join("a.key")).unwrap();
        }
        // As certbot has it: links that lead to another version, one after the other.
        _ => {
            let folder = root.join("archive").join(way.to_string());
            fs::create_dir_all(&folder).unwrap();
            made.put(&folder, "a");
            for file in ["a.key", "a.crt"] {
                symlink(folder.join(file), root.join("link")).unwrap();
                fs::rename(root.join("link"), root.join(file)).unwrap();
            }
        }
    }
}

/// Does something while a client shakes hands and asks all the time, and is never refused.
fn while_asked(server: &Server, act: impl FnOnce()) {
    let (ends, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                let answer = Secure::asking("localhost").get(server.address(), "/t");
                assert_eq!(answer.unwrap().0, 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
        act();
        ends.store(true, Ordering::Relaxed);
        client.join().unwrap();
    });
    assert!(answered.load(Ordering::Relaxed) > 0);
    assert!(!server.log().contains("the certificate in use stays"), "{}", server.log());
}

#[test]
fn new_certificates_are_taken_by_themselves_and_nobody_is_refused_meanwhile() {
    let authority = Authority::new("Test");
    let first = authority.leaf(&["localhost"]);
    for mode in ["auto", "poll"] {
        let watch = format!("{ONE}[watch]\nmode = \"{mode}\"\npoll_ms = 50\n");
        let server = project(&first, &watch).start();
        while_asked(&server, || {
            for way in 0..4 {
                let made = authority.leaf(&["localhost"]);
                renew(server.root(), &made, way);
                wait_until("the new one is shown", || shown(&server) == Some(made.der.clone()));
            }
        });
    }
}

#[test]
fn a_signal_and_a_reload_take_new_certificates_where_nothing_is_watched_and_refuse_nobody() {
    let authority = Authority::new("Test");
    let server =
        project(&authority.leaf(&["localhost"]), &format!("{ONE}[watch]\nmode = \"off\"\n"))
            .start();
    while_asked(&server, || {
        for _ in 0..3 {
            let made = authority.leaf(&["localhost"]);
            made.put(server.root(), "a");
            server.signal(Signal::HUP);
            wait_until("the new one is shown", || shown(&server) == Some(made.der.clone()));
            let made = authority.leaf(&["localhost"]);
            made.put(server.root(), "a");
            assert_ne!(shown(&server), Some(made.der.clone()));
            let shaken = Secure::asking("localhost").shake(server.address()).unwrap();
            assert_eq!(shaken.ask("POST", "/reload/all").unwrap().0, 200);
            assert_eq!(shown(&server), Some(made.der));
        }
    });
}

#[test]
fn the_cookie_of_a_session_is_kept_from_plain_ports() {
    let script = "get(|req| { req.session.n = 1; });";
    let project = Project::new(&[("t.rhai", script)]).config(ONE);
    Authority::new("Test").leaf(&["localhost"]).put(project.root(), "a");
    let server = project.start();
    let shaken = Secure::asking("localhost").shake(server.address()).unwrap();
    let (status, head, _) = shaken.whole("GET", "/t").unwrap();
    assert_eq!(status, 204);
    let head = head.to_lowercase();
    let cookie = head.lines().find(|line| line.starts_with("set-cookie: ")).unwrap();
    assert!(cookie.contains("; secure") && cookie.contains("; httponly"), "{cookie}");
}

#[test]
fn a_name_gets_its_certificate_and_all_others_the_main_one() {
    let authority = Authority::new("Test");
    let main = authority.leaf(&["localhost"]);
    let config = "[[tls.sni]]\nhosts = [\"shop.example.test\"]\ncert = \"shop.crt\"\nkey = \"shop.key\"\n\
        [[tls.sni]]\nhosts = [\"*.example.test\", \"other.test\"]\ncert = \"star.crt\"\nkey = \"star.key\"\n";
    let project = project(&main, &format!("{ONE}{config}"));
    let shop = authority.leaf(&["shop.example.test"]);
    let star = authority.leaf(&["*.example.test", "other.test"]);
    shop.put(project.root(), "shop");
    star.put(project.root(), "star");
    let server = project.start();
    let asked = |name| Secure::asking(name).shown(server.address()).unwrap();
    for (name, made) in [
        ("shop.example.test", &shop),
        ("SHOP.example.test", &shop),
        ("a.example.test", &star),
        ("other.test", &star),
        ("a.b.example.test", &main),
        ("example.test", &main),
        ("a.other.test", &main),
        ("localhost", &main),
    ] {
        assert_eq!(asked(name), made.der, "{name}");
    }
    assert_eq!(Secure::silent().shown(server.address()).unwrap(), main.der);
    // One is renewed and one is broken: the others do not mind.
    let renewed = authority.leaf(&["shop.example.test"]);
    fs::write(server.root().join("star.key"), "").unwrap();
    renewed.put(server.root(), "shop");
    wait_until("the new one is shown", || asked("shop.example.test") == renewed.der);
    server.wait_for_log("star.key (`tls.sni.key`) holds no private key");
    assert_eq!(asked("a.example.test"), star.der);
    // A name that goes away is like any other.
    server.save_config(ONE);
    wait_until("the main one is shown", || asked("a.example.test") == main.der);
}

#[test]
fn http2_is_spoken_with_whoever_offers_it() {
    let server = project(&Authority::new("Test").leaf(&["localhost"]), ONE).start();
    let alpn = |offered: &[&str]| {
        let shaken = Secure::asking("localhost").alpn(offered).shake(server.address());
        shaken.map(|shaken| shaken.alpn())
    };
    assert_eq!(alpn(&["h2", "http/1.1"]).unwrap().as_deref(), Some("h2"));
    assert_eq!(alpn(&["http/1.1", "h2"]).unwrap().as_deref(), Some("h2"));
    assert_eq!(alpn(&["http/1.1"]).unwrap().as_deref(), Some("http/1.1"));
    assert_eq!(alpn(&[]).unwrap(), None);
    assert!(alpn(&["spdy/1"]).is_err(), "a protocol that nobody speaks is refused");
    let url = format!("https://{}/t", server.address());
    let answer = Secure::asking("localhost").get(server.address(), "/t").unwrap();
    assert_eq!(answer, (200, url.clone()));
    assert_eq!(over_http2(&server, &url), (200, url));
}

/// What an address answers over HTTP/2.
fn over_http2(server: &Server, url: &str) -> (u16, String) {
    use http_body_util::BodyExt as _;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let config = Secure::asking("localhost").alpn(&["h2"]).config();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = TokioIo::new(connector.connect(name, socket).await.unwrap());
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::get(url).body(String::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.version(), http::Version::HTTP_2);
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    })
}

#[test]
fn the_oldest_version_can_be_set_and_changed() {
    let server = project(&Authority::new("Test").leaf(&["localhost"]), ONE).start();
    let spoken = |versions: &[&'static SupportedProtocolVersion]| {
        let shaken = Secure::asking("localhost").versions(versions).shake(server.address());
        shaken.ok().and_then(|shaken| shaken.version())
    };
    assert_eq!(spoken(&[&TLS12]), Some(rustls::ProtocolVersion::TLSv1_2));
    assert_eq!(spoken(&[&TLS12, &TLS13]), Some(rustls::ProtocolVersion::TLSv1_3));
    server.save_config(&format!("{ONE}min_version = \"1.3\"\n"));
    wait_until("TLS 1.2 is refused", || spoken(&[&TLS12]).is_none());
    assert_eq!(spoken(&[&TLS13]), Some(rustls::ProtocolVersion::TLSv1_3));
}

#[test]
fn dates_are_warned_of_in_the_log_and_the_listing() {
    let authority = Authority::new("Test");
    let past = authority.made(&["localhost"], |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 2);
    });
    let future = authority.made(&["localhost"], |params| {
        params.not_before = rcgen::date_time_ymd(2100, 1, 2);
    });
    let server = project(&past, ONE).start();
    let message = "the certificate a.crt (`tls.cert`) has expired, at 2020-01-02T00:00:00Z";
    server.wait_for_log(message);
    assert_eq!(shown(&server), Some(past.der));
    let listing = || {
        let answer = Secure::asking("localhost").get(server.address(), "/plugins").unwrap().1;
        let listing: serde_json::Value = serde_json::from_str(&answer).unwrap();
        listing["diagnostics"][0]["message"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(listing(), message);
    future.put(server.root(), "a");
    let message = "the certificate a.crt (`tls.cert`) does not hold before 2100-01-02T00:00:00Z";
    wait_until("it is in the listing", || listing() == message);
    server.wait_for_log(message);
    authority.leaf(&["localhost"]).put(server.root(), "a");
    wait_until("nothing is wrong", || listing().is_empty());
}
