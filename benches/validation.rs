//! What it costs to hold a request against its spec: the same route with and without one.
//!
//! `cargo bench --bench validation`. The server is called in this process, without sockets, so that what
//! differs between the two is the checking of parameters and body, and of the answer where it is checked.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it is a program for people")]

use std::{fs, time::Instant};

use hotplate::{Hotplate, measured};
use poem::{Body, Endpoint as _, Request, http::Method};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const PLAIN: &str = r#"post("/{id}", |req| req.body);"#;

const CHECKED: &str = r#"
const NEW_TODO = schema("NewTodo", #{
    title: string().min(1).max(200),
    done:  bool().default(false),
    due:   string().format("date").optional(),
});
post("/{id}", #{ params: #{ id: int().min(1) }, body: NEW_TODO }, |req| req.body);
"#;

const BODY: &str = r#"{"title":"Make tea","done":true,"due":"2026-01-31"}"#;

/// Requests of one round, and how many rounds there are of each route, by turns.
const REQUESTS: u32 = 2_000;
const ROUNDS: usize = 101;

fn request(path: &'static str) -> Request {
    Request::builder()
        .method(Method::POST)
        .uri_str(path)
        .content_type("application/json")
        .body(Body::from_string(BODY.to_owned()))
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plain.rhai"), PLAIN).unwrap();
    fs::write(folder.path().join("checked.rhai"), CHECKED).unwrap();
    let site = measured::site(folder.path()).unwrap();
    let runtime = measured::runtime(1).unwrap();
    // Anything but `cargo bench` only wants to know that it runs.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let rounds = if is_measured { ROUNDS } else { 1 };
    let mut plain = Vec::with_capacity(rounds);
    let mut more = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let (without, with) =
            (round(&runtime, &site, "/plain/5"), round(&runtime, &site, "/checked/5"));
        plain.push(without);
        more.push(with - without);
    }
    let [_, without, _] = quartiles(&mut plain);
    let [low, median, high] = quartiles(&mut more);
    println!(
        "without a spec {without:.0} ns, with one {median:.0} ns more \
         (half of {rounds} pairs of rounds between {low:.0} and {high:.0})"
    );
}

/// The time of one request of many on a worker, in nanoseconds.
fn round(runtime: &Runtime, site: &Hotplate, path: &'static str) -> f64 {
    let requests: Vec<_> = (0..REQUESTS).map(|_| request(path)).collect();
    let endpoint = site.endpoint();
    let all = runtime.spawn(async move {
        let began = Instant::now();
        for request in requests {
            let response = endpoint.call(request).await.unwrap();
            assert_eq!(response.status(), 200);
        }
        began.elapsed()
    });
    runtime.block_on(all).unwrap().as_secs_f64() * 1e9 / f64::from(REQUESTS)
}

fn quartiles(times: &mut [f64]) -> [f64; 3] {
    times.sort_by(f64::total_cmp);
    [times.len() / 4, times.len() / 2, times.len() * 3 / 4]
        .map(|place| times.get(place).copied().unwrap_or_default())
}
