//! hotplate in another program.

use std::{
    fs,
    net::TcpListener,
    sync::atomic::{AtomicBool, Ordering},
    thread::JoinHandle,
};

use hotplate::{Hotplate, Settings, Sources};
use poem::{Route, endpoint::make_sync};
use rhai::{FuncRegistration, Module};
use tokio::sync::oneshot;

use crate::harness::{Ask, Connection, wait_until};

/// A folder with scripts.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A program that serves with an instance on a runtime of its own, until it is told to end.
struct Program {
    address: std::net::SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Program {
    fn start(instance: Hotplate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            current_thread().block_on(async move {
                let shutdown = async { drop(ended.await) };
                instance.serve(listener, shutdown).await.unwrap();
            });
        });
        Self { address, end: Some(end), thread: Some(thread) }
    }

    #[track_caller]
    fn get(&self, target: &str) -> crate::harness::Answer {
        Connection::open(self.address).ask(&Ask::get(target).header("Connection", "close"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.end.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

#[test]
fn an_instance_serves_on_a_runtime_that_it_does_not_own() {
    let folder = folder(&[(
        "hello.rhai",
        "get(|r| \"hello\");\nget(\"/loop\", #{ timeout: \"300ms\" }, |r| { loop { } });",
    )]);
    let program = Program::start(Hotplate::builder().plugins(folder.path()).build().unwrap());
    assert_eq!(program.get("/hello").ok(), "hello");
    let mut looping = Connection::open(program.address);
    looping.begin(&Ask::get("/hello/loop"));
    assert_eq!(program.get("/hello").ok(), "hello");
    assert_eq!(looping.answer(false).unwrap().status, 503);
    fs::write(folder.path().join("hello.rhai"), "get(|r| \"new\");").unwrap();
    wait_until("the new version", || program.get("/hello").text() == "new");
}

#[test]
fn a_version_with_deep_values_is_dropped_where_the_stack_is_large_enough() {
    // Each closure holds the one before; the last is in a circle besides.
    let chain = "let f = || 1;\nfor n in 0..30000 { let g = f; f = || g; }\nlet a = #{ f: f };\na.a = || a;\nconst F = f;\n\
                 fn slow(req) { sleep(0.5); type_of(F) }\nget(slow);\nget(\"/now\", |req| \"old\");";
    let folder = folder(&[("deep.rhai", chain)]);
    let program = Program::start(Hotplate::builder().plugins(folder.path()).build().unwrap());
    assert_eq!(program.get("/deep/now").ok(), "old");
    for version in ["new", "newer"] {
        let mut slow = Connection::open(program.address);
        slow.begin(&Ask::get("/deep"));
        std::thread::sleep(std::time::Duration::from_millis(100));
        let text = chain.replace("\"old\"", &format!("\"{version}\""));
        fs::write(folder.path().join("deep.rhai"), text).unwrap();
        wait_until("the new version", || program.get("/deep/now").text() == version);
        // This was the last request on the version before.
        assert!(slow.answer(false).is_some());
        assert_eq!(program.get("/deep/now").ok(), version);
    }
}

#[test]
fn without_a_configuration_the_defaults_hold_whatever_stands_in_the_working_folder() {
    // Cargo starts tests in this repository, whose configuration turns development mode on.
    assert!(fs::read_to_string("config/hotplate.toml").unwrap().contains("\ndevelopment = true"));
    let folder = folder(&[("broken.rhai", "get(|| throw \"a fault of mine\");")]);
    let program = Program::start(Hotplate::builder().plugins(folder.path()).build().unwrap());
    let answer = program.get("/broken");
    assert_eq!(answer.status, 500);
    assert!(!answer.text().contains("a fault of mine"), "{}", answer.text());
}

#[test]
fn an_instance_that_is_dropped_ends() {
    static STOPPED: AtomicBool = AtomicBool::new(false);
    let folder = folder(&[("a.rhai", "get(|| 1); on_stop(|| stopped());")]);
    let mut module = Module::new();
    FuncRegistration::new("stopped")
        .set_into_module(&mut module, || STOPPED.store(true, Ordering::Relaxed));
    let instance = Hotplate::builder().plugins(folder.path()).functions(module).build().unwrap();
    let endpoint = instance.endpoint();
    drop(instance);
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(!STOPPED.load(Ordering::Relaxed), "its endpoint still serves");
    drop(endpoint);
    wait_until("`on_stop` ran", || STOPPED.load(Ordering::Relaxed));
}

#[test]
fn development_mode_is_for_nobody_who_is_not_on_this_machine() {
    let folder = folder(&[("hello.rhai", "get(|r| \"hello\");")]);
    let instance = Hotplate::builder().plugins(folder.path()).development(true).build().unwrap();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let refused = current_thread().block_on(instance.serve(listener, std::future::pending()));
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("development mode is refused on 0.0.0.0"), "{told}");
}

#[test]
fn development_mode_stays_off_while_others_can_reach_the_socket() {
    let folder = folder(&[("hello.rhai", "get(|r| \"hello\");")]);
    let config = folder.path().join("hotplate.toml");
    fs::write(&config, "").unwrap();
    let sources = Sources { file: Some(config.clone()), ..Sources::default() };
    let instance = Hotplate::builder().sources(sources).plugins(folder.path()).build().unwrap();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    current_thread().block_on(async {
        let serving = instance.serve(listener, std::future::pending());
        let asking = async {
            fs::write(&config, "[server]\ndevelopment = true\n").unwrap();
            instance.reload().await.unwrap()
        };
        tokio::pin!(serving);
        let report = tokio::select! {
            biased;
            _ = &mut serving => panic!("it does not serve"),
            report = asking => report,
        };
        let told = report.diagnostics[0].render(false);
        assert!(told.contains("development mode is refused on 0.0.0.0"), "{told}");
    });
}

#[test]
fn nothing_that_is_printed_holds_a_key() {
    let folder = folder(&[("hotplate.toml", "[auth]\napikey = \"in the file\"\n")]);
    let env = vec![
        ("HOTPLATE_AUTH__URL_KEY".to_owned(), "false".to_owned()),
        ("X".to_owned(), "in the environment".to_owned()),
    ];
    let file = Some(folder.path().join("hotplate.toml"));
    let sources = Sources { file, env, ..Sources::default() };
    let loaded = Settings::load(&sources).unwrap();
    let builder = Hotplate::builder().sources(sources.clone());
    for told in [format!("{sources:?}"), format!("{loaded:?}"), format!("{builder:?}")] {
        assert!(!told.contains("in the "), "{told}");
    }
}

#[test]
fn without_its_allocator_it_says_that_memory_is_unenforced() {
    let folder = folder(&[("hello.rhai", "get(|r| \"hello\");")]);
    let instance = Hotplate::builder().plugins(folder.path()).build().unwrap();
    assert!(!instance.enforces_memory());
    let program = Program::start(instance);
    assert_eq!(program.get("/plugins").json()["memory"], "unenforced");
}

#[test]
fn two_instances_in_one_process_know_nothing_of_each_other() {
    let script = "get(|r| `${settings.name ?? \"none\"} ${state::incr(\"n\")}`);";
    let (first, second) =
        (folder(&[("a.rhai", script)]), folder(&[("a.rhai", script), ("b.rhai", "get(|r| 1);")]));
    let first = Program::start(Hotplate::builder().plugins(first.path()).build().unwrap());
    let second = Program::start(Hotplate::builder().plugins(second.path()).build().unwrap());
    assert_eq!(first.get("/a").ok(), "none 1");
    assert_eq!(first.get("/a").ok(), "none 2");
    assert_eq!(second.get("/a").ok(), "none 1");
    assert_eq!(first.get("/b").status, 404);
}

#[test]
fn scripts_call_functions_of_the_program() {
    let folder = folder(&[("a.rhai", "get(|r| `${double(4)} ${shop::price(\"tea\")}`);")]);
    let mut functions = rhai::Module::new();
    functions.set_native_fn("double", |n: rhai::INT| Ok(n * 2));
    let mut shop = rhai::Module::new();
    shop.set_native_fn("price", |what: rhai::ImmutableString| Ok(format!("3 for {what}")));
    let instance = Hotplate::builder()
        .plugins(folder.path())
        .functions(functions)
        .namespace("shop", shop)
        .build()
        .unwrap();
    assert!(instance.first_report().is_good(), "{:?}", instance.first_report());
    let program = Program::start(instance);
    assert_eq!(program.get("/a").ok(), "8 3 for tea");
}

#[test]
fn it_is_nested_in_a_poem_application() {
    let folder = folder(&[("hello.rhai", "get(\"/{id}\", |r| r.path + \" \" + r.params.id);")]);
    let instance = Hotplate::builder().plugins(folder.path()).build().unwrap();
    let app = Route::new()
        .at("/own", make_sync(|_| "the program's"))
        .nest("/scripts", instance.endpoint());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let program = std::thread::spawn(move || {
        current_thread().block_on(async move {
            let acceptor = poem::listener::TcpAcceptor::from_std(listener).unwrap();
            let ended = async {
                drop(ended.await);
                instance.drain();
            };
            poem::Server::new_with_acceptor(acceptor)
                .run_with_graceful_shutdown(app, ended, None)
                .await
                .unwrap();
            instance.end().await;
        });
    });
    let get = |target: &str| {
        Connection::open(address).ask(&Ask::get(target).header("Connection", "close"))
    };
    assert_eq!(get("/own").ok(), "the program's");
    assert_eq!(get("/scripts/hello/7").ok(), "/hello/7 7");
    assert_eq!(get("/scripts/none").status, 404);
    assert_eq!(get("/hello/7").status, 404);
    assert!(get("/scripts/plugins").json()["loaded_plugins"].is_array());
    let document = get("/scripts/openapi.json").json();
    assert_eq!(document["servers"], serde_json::json!([{ "url": "/scripts" }]));
    assert!(document["paths"]["/hello/{id}"]["get"].is_object());
    assert!(get("/scripts/docs").ok().contains("src=\"docs/docs.js\""));
    get("/scripts/docs/docs.js").ok();
    assert_eq!(get("/scripts/docs/").header("location"), Some("../docs"));
    let told = get("/scripts/docs/state").json();
    assert_eq!(get("/scripts/openapi.json").header("etag"), told["document"].as_str());
    let mut listener = Connection::open(address);
    listener.begin(&Ask::get("/scripts/docs/events"));
    drop(end);
    program.join().unwrap();
}

#[test]
fn a_reload_is_asked_for_and_told() {
    let folder = folder(&[("a.rhai", "get(|r| 1);")]);
    let instance = Hotplate::builder().plugins(folder.path()).build().unwrap();
    current_thread().block_on(async {
        fs::write(folder.path().join("b.rhai"), "get(|r| nope(r));").unwrap();
        let report = instance.reload().await.unwrap();
        assert_eq!(report.failed, ["b"]);
        assert!(!report.is_good());
        assert!(report.diagnostics[0].render(false).contains("b.rhai:1"));
        instance.end().await;
        assert!(instance.reload().await.is_err());
    });
}

#[test]
fn a_folder_that_is_not_there_is_an_error_with_words() {
    let error = Hotplate::builder().plugins("no/such/folder").build().unwrap_err();
    assert!(error.to_string().contains("folder"), "{error}");
}

#[test]
fn settings_are_made_in_code() {
    let folder = folder(&[("a.rhai", "get(|r| \"<b>\");\npost(|r| r.text());")]);
    let mut settings = hotplate::Settings::default();
    settings.server.string_type = hotplate::StringType::Html;
    settings.limits.body_bytes = 10;
    let program = Program::start(
        Hotplate::builder().plugins(folder.path()).settings(settings).build().unwrap(),
    );
    assert_eq!(program.get("/a").header("content-type"), Some("text/html; charset=utf-8"));
    let ask = Ask::post("/a").body("text/plain", "x".repeat(11));
    assert_eq!(Connection::open(program.address).ask(&ask).status, 413);
}
