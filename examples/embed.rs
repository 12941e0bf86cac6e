//! hotplate inside a poem application: scripts answer below `/scripts`, and may call a function of
//! the host.
//!
//! `cargo run --example embed`, then `curl localhost:3000/scripts/hello`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::net::TcpListener;

use hotplate::{Hotplate, Settings};
use poem::{EndpointExt as _, Route, get, handler};
use rhai::{FuncRegistration, Module};

#[handler]
fn native() -> &'static str {
    "answered by Rust\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut greetings = Module::new();
    FuncRegistration::new("greet")
        .set_into_module(&mut greetings, |name: &str| format!("Good day, {name}!"));

    let scripts = Hotplate::builder()
        .settings(Settings::default())
        .plugins("plugins")
        .namespace("host", greetings)
        .build()?;
    for fault in &scripts.first_report().diagnostics {
        eprintln!("{}", fault.render(false));
    }

    let app = Route::new().at("/", get(native)).nest("/scripts", scripts.endpoint()).boxed();
    let listener = TcpListener::bind("127.0.0.1:3000")?;
    listener.set_nonblocking(true)?;
    println!("http://{}/scripts/hello", listener.local_addr()?);
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let acceptor = poem::listener::TcpAcceptor::from_tokio(listener)?;
    let end = async {
        if tokio::signal::ctrl_c().await.is_err() {
            eprintln!("ending: signals cannot be received");
        }
        scripts.drain();
    };
    poem::Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(app, end, None).await?;
    scripts.end().await;
    Ok(())
}
