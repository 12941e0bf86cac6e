//! What the document of a thousand routes costs whoever asks for it first after a change.
//!
//! `cargo bench --bench openapi`. With `once` after `--bench` it is made once and nothing is printed, for
//! tools that count instructions.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it is a program for people")]

use std::{fmt::Write as _, fs, time::Instant};

use hotplate::measured;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const PLUGINS: usize = 50;
const ROUNDS: usize = 21;

/// Four of them for each of five things: twenty routes that describe what they take and give.
const ROUTES: &str = r#"
/// All of them.
get("/THING", #{
    query: #{ limit: int().min(1).max(100).default(20), sort: one_of(["name", "age"]).default("name") },
    returns: #{ items: array(ITEM), total: int() },
}, |req| #{ items: [], total: 0 });

/// One of them.
get("/THING/{id}", #{ params: #{ id: int().min(1) }, returns: ITEM, errors: #{ "404": "There is none." } },
    |req| not_found());

/// Another one.
post("/THING", #{ body: ITEM, returns: #{ "201": ITEM } }, |req| created("/", req.body));

/// One less.
delete("/THING/{id}", #{ params: #{ id: int().min(1) }, returns: #{ "204": () }, errors: #{ "404": "There is none." } },
    |req| null);
"#;

fn main() {
    // Anything but `cargo bench` only wants to know that it compiles.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for plugin in 0..PLUGINS {
        let mut script = format!(
            "const ITEM = schema(\"Item{plugin}\", #{{ id: int().min(1), name: string().min(1).max(40), \
             email: string().format(\"email\").optional(), tags: array(string()).max(10).default([]) }});"
        );
        for thing in ["cats", "dogs", "hens", "pigs", "rats"] {
            write!(script, "{}", ROUTES.replace("THING", thing)).unwrap();
        }
        fs::write(folder.path().join(format!("p{plugin}.rhai")), script).unwrap();
    }
    let once = std::env::args().any(|argument| argument == "once");
    let mut each = Vec::new();
    let mut bytes = 0;
    for _ in 0..if once { 1 } else { ROUNDS } {
        let site = measured::site(folder.path()).unwrap();
        let began = Instant::now();
        bytes = measured::document(&site);
        each.push(began.elapsed().as_secs_f64() * 1e3);
    }
    assert!(bytes > PLUGINS * 10_000, "not all plugins were loaded: {bytes} bytes");
    if once {
        return;
    }
    each.sort_by(f64::total_cmp);
    println!(
        "the document of {} routes, {bytes} bytes: median {:.1} ms, least {:.1} ms, most {:.1} ms",
        PLUGINS * 20,
        each[ROUNDS / 2],
        each[0],
        each[ROUNDS - 1]
    );
}
