//! What a request costs inside the program: JSON both ways, finding a route, and all from the endpoint to
//! the answer. `cargo bench` runs it; what it prints is told in README.md.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it is a program for people")]

use std::{
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

use hotplate::{Hotplate, measured};
use http::Method;
use poem::{Endpoint, Request};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The least time of one round.
const ROUND: Duration = Duration::from_millis(100);

/// How many rounds there are of each.
const ROUNDS: usize = 11;

/// How many plugins the router knows.
const PLUGINS: usize = 200;

const SCRIPTS: [(&str, &str); 3] = [
    ("hello.rhai", r#"get(|req| "Hello, world!");"#),
    (
        "greet.rhai",
        r#"get("/{name}", |req| #{
            name: req.params.name,
            sum: parse_int(req.query.a) + parse_int(req.query.b),
            tag: req.headers["x-tag"],
        });"#,
    ),
    (
        "orders.rhai",
        "post(|req| {
            let lines = [];
            let total = 0;
            for item in req.body.items {
                let line = item.qty * item.price;
                total += line;
                lines.push(#{ sku: item.sku, total: line });
            }
            #{ id: req.body.id, lines: lines, total: total }
        });",
    ),
];

fn main() {
    // Anything but `cargo bench` only wants to know that it compiles.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:<44} {:>12} {:>9}", "", "median", "spread");
    let order = order();
    json(&order);
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in SCRIPTS {
        fs::write(folder.path().join(name), script).unwrap();
    }
    for plugin in 0..PLUGINS {
        let script = r#"get("/", || ()); get("/{id}", || ()); get("/{id}/parts/{part}", || ());"#;
        fs::write(folder.path().join(format!("p{plugin}.rhai")), script).unwrap();
    }
    let site = measured::site(folder.path()).unwrap();
    routes(&site);
    requests(&site, &order);
}

/// A nested document of about a kilobyte.
fn order() -> String {
    let item = |n: usize| {
        let price = 995 + 10 * n;
        format!(
            r#"{{"sku":"SKU-{n:03}","qty":{n},"price":{price},"tags":["a","t{n}"],"gift":false}}"#
        )
    };
    let items: Vec<_> = (1..13).map(item).collect();
    format!(
        r#"{{"id":4711,"customer":{{"name":"Ada Lovelace","city":"London"}},"items":[{}],"notes":null}}"#,
        items.join(",")
    )
}

fn json(order: &str) {
    measure("json: read 1 KB", |times| {
        for _ in 0..times {
            drop(black_box(measured::parse(black_box(order.as_bytes())).unwrap()));
        }
    });
    let value = measured::parse(order.as_bytes()).unwrap();
    let mut out = Vec::new();
    measure("json: write 1 KB", |times| {
        for _ in 0..times {
            out.clear();
            assert!(measured::write(black_box(&value), &mut out, usize::MAX));
        }
    });
}

fn routes(site: &Hotplate) {
    for (name, path) in [
        ("router: a literal", "/p77"),
        ("router: a parameter", "/p77/4711"),
        ("router: two parameters, one encoded", "/p77/47%2011/parts/9"),
    ] {
        measure(name, |times| {
            for _ in 0..times {
                assert!(measured::finds(site, &Method::GET, black_box(path)));
            }
        });
    }
}

fn requests(site: &Hotplate, order: &str) {
    let runtime = measured::runtime(1).unwrap();
    let post = || {
        Request::builder()
            .method(Method::POST)
            .uri_str("/orders")
            .content_type("application/json")
            .body(order.to_owned())
    };
    let get = |path: &'static str| {
        move || Request::builder().uri_str(path).header("x-tag", "blue").finish()
    };
    dispatch("request: a plain answer", &runtime, site, get("/hello"));
    dispatch("request: parameters to JSON", &runtime, site, get("/greet/ada?a=7&b=35"));
    dispatch("request: JSON to JSON", &runtime, site, post);
    dispatch("request: nothing there", &runtime, site, get("/nowhere"));
}

/// From the endpoint to the answer, on a worker, the making of the request included.
fn dispatch(name: &str, runtime: &Runtime, site: &Hotplate, request: impl Fn() -> Request) {
    measure(name, |times| {
        let requests: Vec<_> = (0..times).map(|_| request()).collect();
        let endpoint = site.endpoint();
        let all = runtime.spawn(async move {
            for request in requests {
                drop(black_box(endpoint.call(request).await));
            }
        });
        runtime.block_on(all).unwrap();
    });
}

/// Prints the median time of one of many, and how far the middle half of the rounds is apart.
fn measure(name: &str, mut run: impl FnMut(u32)) {
    let mut time = |times: u32| {
        let began = Instant::now();
        run(times);
        began.elapsed()
    };
    let mut times = 1;
    while time(times) < ROUND && times < 1 << 20 {
        times *= 2;
    }
    let mut each: Vec<f64> =
        (0..ROUNDS).map(|_| time(times).as_secs_f64() * 1e9 / f64::from(times)).collect();
    each.sort_by(f64::total_cmp);
    let [low, median, high] = [ROUNDS / 4, ROUNDS / 2, ROUNDS - 1 - ROUNDS / 4]
        .map(|place| each.get(place).copied().unwrap_or_default());
    println!("{name:<44} {median:>9.0} ns {:>7.1} %", (high - low) / median * 100.0);
}
