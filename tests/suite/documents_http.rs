//! Documents as HTTP has them: versions, parts, codings.

use std::{
    fs,
    io::Read as _,
    time::{Duration, SystemTime},
};

use flate2::read::GzDecoder;

use crate::{
    documents::{project, put, rest, serve},
    harness::{Answer, Ask, Server},
};

fn text() -> String {
    "A line that comes again and again.\n".repeat(200)
}

fn age(server: &Server, name: &str, seconds: u64) {
    let file = fs::File::options().write(true).open(server.root().join(name)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

fn accepting(server: &Server, target: &str, codings: &str) -> Answer {
    server.ask(Ask::get(target).header("Accept-Encoding", codings))
}

fn gunzip(body: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(body).read_to_string(&mut text).unwrap();
    text
}

fn unbrotli(mut body: &[u8]) -> String {
    let mut out = Vec::new();
    brotli::BrotliDecompress(&mut body, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_client_that_has_the_version_is_told_so() {
    let server = serve(&[("html/a.txt", "text")]);
    age(&server, "html/a.txt", 100);
    let first = server.get("/html/a.txt");
    let etag = first.header("etag").unwrap().to_owned();
    let modified = first.header("last-modified").unwrap().to_owned();
    for (name, value) in [("If-None-Match", &etag), ("If-Modified-Since", &modified)] {
        let answer = server.ask(Ask::get("/html/a.txt").header(name, value));
        assert_eq!(answer.status, 304, "{name}");
        assert_eq!(answer.header("etag"), Some(&*etag));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let head = server.ask(Ask::new("HEAD", "/html/a.txt").header(name, value));
        assert_eq!(head.status, 304);
    }
    let failed = server.ask(Ask::get("/html/a.txt").header("If-Match", "\"other\""));
    assert_eq!(failed.status, 412);
    // Another version of the same size and age is another.
    put(server.root(), "html/a.txt", "TEXT");
    age(&server, "html/a.txt", 100);
    let second = server.ask(Ask::get("/html/a.txt").header("If-None-Match", &etag));
    assert_eq!(second.ok(), "TEXT");
    assert_ne!(second.header("etag"), Some(&*etag));
    // The same content is the same version, whenever it was written.
    put(server.root(), "html/a.txt", "text");
    assert_eq!(server.get("/html/a.txt").header("etag"), Some(&*etag));
}

#[test]
fn a_file_that_just_changed_has_no_date_that_would_hide_the_next_change() {
    let server = serve(&[("html/a.txt", "text")]);
    assert_eq!(server.get("/html/a.txt").header("last-modified"), None);
}

#[test]
fn a_large_file_has_a_version_once_it_has_rested() {
    let server = serve(&[]);
    put(server.root(), "html/large.bin", vec![7; 400_000]);
    rest();
    let etag = server.get("/html/large.bin").header("etag").unwrap().to_owned();
    let again = server.ask(Ask::get("/html/large.bin").header("If-None-Match", &etag));
    assert_eq!(again.status, 304);
    put(server.root(), "html/large.bin", vec![8; 400_000]);
    let changed = server.ask(Ask::get("/html/large.bin").header("If-None-Match", &etag));
    assert_eq!((changed.status, changed.body[0]), (200, 8));
}

#[test]
fn a_part_is_sent_and_one_beyond_the_end_refused() {
    let server = serve(&[("html/a.bin", "0123456789")]);
    let ask = |range: &str| server.ask(Ask::get("/html/a.bin").header("Range", range));
    for (range, body, told) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=3-5", "345", "bytes 3-5/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=5-500", "56789", "bytes 5-9/10"),
    ] {
        let answer = ask(range);
        assert_eq!((answer.status, answer.text().as_str()), (206, body), "{range}");
        assert_eq!(answer.header("content-range"), Some(told));
        assert_eq!(answer.header("content-length"), Some(&*body.len().to_string()));
    }
    let beyond = ask("bytes=10-");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */10")));
    for range in ["bytes=0-1,3-4", "bytes=5-3", "rows=1-2", "bytes=x"] {
        let answer = ask(range);
        assert_eq!((answer.status, answer.text().as_str()), (200, "0123456789"), "{range}");
    }
    let etag = ask("bytes=0-0").header("etag").unwrap().to_owned();
    let part = |condition: &str| {
        let ask =
            Ask::get("/html/a.bin").header("Range", "bytes=0-0").header("If-Range", condition);
        server.ask(ask).status
    };
    assert_eq!((part(&etag), part("\"other\""), part("W/\"x\"")), (206, 200, 200));
    assert_eq!(ask("bytes=0-0").header("accept-ranges"), Some("bytes"));
}

#[test]
fn text_is_compressed_as_the_client_likes_it() {
    let text = text();
    let server =
        serve(&[("html/a.txt", &text), ("html/a.png", &text), ("html/small.txt", "small")]);
    let plain = server.get("/html/a.txt");
    assert_eq!((plain.ok(), plain.header("content-encoding")), (text.clone(), None));
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    for round in 0..2 {
        let gzip = accepting(&server, "/html/a.txt", "gzip");
        assert_eq!(gzip.header("content-encoding"), Some("gzip"), "{round}");
        assert_eq!(gzip.header("vary"), Some("accept-encoding"));
        assert!(gzip.body.len() < 1000 && gunzip(&gzip.body) == text);
        let brotli = accepting(&server, "/html/a.txt", "gzip, deflate, br");
        assert_eq!(brotli.header("content-encoding"), Some("br"));
        assert!(unbrotli(&brotli.body) == text);
        let tags = [&plain, &gzip, &brotli].map(|answer| answer.header("etag").unwrap().to_owned());
        assert!(
            tags[0] != tags[1] && tags[1] != tags[2],
            "each form is a version of its own: {tags:?}"
        );
        let again = Ask::get("/html/a.txt").header("Accept-Encoding", "gzip");
        assert_eq!(server.ask(again.header("If-None-Match", &tags[1])).status, 304);
        rest();
    }
    for (target, codings) in [
        ("/html/a.txt", "gzip;q=0, br;q=0"),
        ("/html/a.txt", "identity, gzip;q=0.1"),
        ("/html/a.txt", "zstd"),
        ("/html/a.png", "gzip"),
        ("/html/small.txt", "gzip"),
    ] {
        let answer = accepting(&server, target, codings);
        assert_eq!(answer.header("content-encoding"), None, "{target} {codings}");
    }
    let part =
        Ask::get("/html/a.txt").header("Accept-Encoding", "gzip").header("Range", "bytes=2-5");
    let part = server.ask(part);
    assert_eq!((part.status, part.text().as_str()), (206, "line"));
    assert_eq!(part.header("content-encoding"), None);
}

#[test]
fn a_large_text_is_compressed_on_its_way() {
    let large = text().repeat(100);
    let server = serve(&[("html/a.txt", &large)]);
    let answer = accepting(&server, "/html/a.txt", "gzip, br");
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.len() < large.len() / 10 && gunzip(&answer.body) == large);
    assert_eq!(server.get("/html/a.txt").ok().len(), large.len());
}

#[test]
fn a_file_that_was_compressed_before_is_taken_unless_it_is_older() {
    let server = serve(&[("html/a.js", &text())]);
    let put_gz = |text: &str| {
        let mut body = Vec::new();
        flate2::read::GzEncoder::new(text.as_bytes(), flate2::Compression::fast())
            .read_to_end(&mut body)
            .unwrap();
        put(server.root(), "html/a.js.gz", body);
    };
    put_gz("made before");
    let answer = accepting(&server, "/html/a.js", "gzip");
    assert_eq!(gunzip(&answer.body), "made before");
    assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(unbrotli(&accepting(&server, "/html/a.js", "gzip, br").body), text());
    rest();
    assert_eq!(gunzip(&accepting(&server, "/html/a.js", "gzip").body), "made before");
    put_gz("made anew");
    assert_eq!(gunzip(&accepting(&server, "/html/a.js", "gzip").body), "made anew");
    put(server.root(), "html/a.js", format!("// edited\n{}", text()));
    age(&server, "html/a.js.gz", 60);
    let answer = accepting(&server, "/html/a.js", "gzip");
    assert!(gunzip(&answer.body).starts_with("// edited"));
    assert_eq!(server.get("/html/a.js.gz").header("content-type"), Some("application/gzip"));
    let mut brotli = Vec::new();
    brotli::BrotliCompress(
        &mut "made by brotli".as_bytes(),
        &mut brotli,
        &brotli::enc::BrotliEncoderParams::default(),
    )
    .unwrap();
    put(server.root(), "html/a.js.br", brotli);
    let answer = accepting(&server, "/html/a.js", "gzip, br");
    assert_eq!(answer.header("content-encoding"), Some("br"));
    assert_eq!(unbrotli(&answer.body), "made by brotli");
}

#[test]
fn memory_for_documents_is_bounded_and_may_be_none() {
    for bytes in [0, 100_000] {
        let config = format!(
            "[documents]\ncache_bytes = {bytes}\n[[documents.mounts]]\nfolder = \"html\"\n"
        );
        let server = project(&[], &config).start();
        for number in 0..30 {
            put(server.root(), &format!("html/{number}.bin"), vec![number; 20_000]);
        }
        rest();
        for number in (0..30).chain(0..30) {
            let answer = server.get(&format!("/html/{number}.bin"));
            assert!(answer.body == vec![number; 20_000], "{number}");
        }
    }
}
