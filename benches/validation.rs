//! What it costs to hold a request against its spec: the same route with and without one.
//!
//! `cargo bench --bench validation`. The server is called in this process, without sockets, so that what
//! differs between the two is the checking of parameters and body, and of the answer where it is checked.

use std::{fs, time::Instant};

use hotplate::Hotplate;
use poem::{Body, Endpoint as _, Request, http::Method};

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
const REQUESTS: u32 = 20_000;
const ROUNDS: usize = 7;

fn request(path: &'static str) -> Request {
    Request::builder()
        .method(Method::POST)
        .uri_str(path)
        .content_type("application/json")
        .body(Body::from_string(BODY.to_owned()))
}

#[expect(clippy::print_stdout, reason = "its result is what it prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("plain.rhai"), PLAIN)?;
    fs::write(folder.path().join("checked.rhai"), CHECKED)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Hotplate::builder().plugins(folder.path()).build()?;
        let endpoint = server.endpoint();
        let mut best = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            for (which, path) in ["/plain/5", "/checked/5"].into_iter().enumerate() {
                let began = Instant::now();
                for _ in 0..REQUESTS {
                    let response = endpoint.call(request(path)).await?;
                    assert_eq!(response.status(), 200);
                }
                let each = began.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS);
                best[which] = best[which].min(each);
            }
        }
        let [plain, checked] = best;
        println!(
            "without a spec {plain:.0} ns, with one {checked:.0} ns: {:.0} ns more",
            checked - plain
        );
        server.end().await;
        Ok(())
    })
}
