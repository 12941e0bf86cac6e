//! Starting the program: flags, variables, and what it says when it cannot serve.

use std::{net::TcpListener, time::Duration};

use crate::harness::{Ended, Project, Server};

const HELLO: (&str, &str) = ("hello.rhai", "get(|r| \"hello\");");

/// The program must refuse to start, soon, and say all of `parts`.
#[track_caller]
fn refused(project: &Project, parts: &[&str]) -> Ended {
    let ended = project.run();
    assert!(!ended.status.success(), "it ended well: {}", ended.stderr);
    assert!(ended.time < Duration::from_secs(2), "{:?}", ended.time);
    assert_eq!(ended.stdout, "");
    for part in parts {
        assert!(ended.stderr.contains(part), "`{part}` is not told in:\n{}", ended.stderr);
    }
    ended
}

#[test]
fn it_begins_with_one_line_with_its_address_and_pid() {
    let server = Server::start(&[HELLO]);
    let wanted = format!(
        "hotplate {} serves http://{} (pid {})\n",
        env!("CARGO_PKG_VERSION"),
        server.address(),
        server.pid()
    );
    assert_eq!(server.first_line(), wanted);
    assert_eq!(server.get("/hello").ok(), "hello");
}

#[test]
fn serving_is_what_runs_without_a_subcommand() {
    let server = Project::new(&[HELLO]).bare().start();
    assert_eq!(server.get("/hello").ok(), "hello");
    let server = Project::new(&[HELLO]).bare().arg("--dev").start();
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn flags_win_over_variables_and_those_over_the_file() {
    let project = Project::new(&[HELLO])
        .config("[network]\nbind = \"127.0.0.1\"\nport = 1\n[paths]\nplugins = \"nowhere\"\n");
    std::fs::create_dir(project.root().join("others")).unwrap();
    std::fs::write(project.root().join("others/x.rhai"), "get(|r| \"x\");").unwrap();
    let server = project
        .env("HOTPLATE_NETWORK__PORT", "2")
        .env("HOTPLATE_PATHS__PLUGINS", "nowhere-either")
        .arg("--plugins")
        .arg("others")
        .arg("--port")
        .arg("0")
        .start();
    assert_eq!(server.get("/x").ok(), "x");
    assert!(server.port() > 2);
}

#[test]
fn every_key_can_be_set_by_a_variable() {
    let server =
        Project::new(&[("a.rhai", "get(|r| settings.greeting + config.limits.body_bytes);")])
            .env("HOTPLATE_LIMITS__BODY_BYTES", "5000")
            .env("HOTPLATE_PLUGINS__A__GREETING", "hi")
            .start();
    assert_eq!(server.get("/a").ok(), "hi5000");
}

#[test]
fn a_configuration_elsewhere_makes_its_folder_the_project() {
    let project = Project::new(&[]);
    let site = project.root().join("site");
    std::fs::create_dir_all(site.join("scripts")).unwrap();
    std::fs::write(site.join("own.toml"), "[paths]\nplugins = \"scripts\"\n").unwrap();
    std::fs::write(site.join("scripts/x.rhai"), "get(|r| \"x\");").unwrap();
    let server = project.arg("--config").arg("site/own.toml").start();
    assert_eq!(server.get("/x").ok(), "x");
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_nearest_one() {
    let project = Project::new(&[HELLO]).config("[network]\nport = 0\nbidn = \"127.0.0.1\"\n");
    refused(&project, &["config/hotplate.toml:3", "network.bidn", "did you mean `network.bind`"]);
    let project = Project::new(&[HELLO]).config("[netwrok]\nport = 0\n");
    refused(&project, &["config/hotplate.toml:1", "netwrok", "network"]);
}

#[test]
fn an_unknown_variable_is_told_by_its_name() {
    let project = Project::new(&[HELLO]).env("HOTPLATE_NETWORK__PROT", "80");
    refused(&project, &["HOTPLATE_NETWORK__PROT", "did you mean `HOTPLATE_NETWORK__PORT`"]);
}

#[test]
fn a_wrong_type_is_told_with_what_is_wanted() {
    let project = Project::new(&[HELLO])
        .without_env("HOTPLATE_NETWORK__PORT")
        .config("\n[network]\nport = \"eighty\"\n");
    refused(&project, &["config/hotplate.toml:3", "network.port", "65535"]);
    let project = Project::new(&[HELLO]).config("[watch]\nmode = \"sometimes\"\n");
    refused(&project, &["config/hotplate.toml:2", "auto", "poll"]);
}

#[test]
fn a_half_written_configuration_is_told_with_its_line() {
    let project = Project::new(&[HELLO]).config("[network]\nport = 0\nbind = \"127.0\n");
    refused(&project, &["config/hotplate.toml:3"]);
}

#[test]
fn a_missing_configuration_that_was_named_is_told() {
    let project = Project::new(&[HELLO]).arg("--config").arg("none.toml");
    refused(&project, &["none.toml"]);
}

#[test]
fn a_port_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let project = Project::new(&[HELLO]).arg("--port").arg(&port);
    refused(&project, &[&port, "in use"]);
}

#[test]
fn a_missing_plugin_folder_is_told() {
    let project = Project::new(&[]).arg("--plugins").arg("nowhere");
    let ended = refused(&project, &["nowhere"]);
    assert!(ended.stderr.contains("help"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let project = Project::new(&[HELLO]).arg("--plugins").arg("plugins/hello.rhai");
    refused(&project, &["hello.rhai"]);
}

#[test]
fn development_is_refused_where_others_can_connect() {
    let project = Project::new(&[HELLO])
        .arg("--dev")
        .arg("--bind")
        .arg("0.0.0.0")
        .env("HOTPLATE_AUTH__APIKEY", "some-key");
    refused(&project, &["development", "127.0.0.1"]);
}

#[test]
fn an_open_address_needs_a_key_or_consent() {
    let project = || Project::new(&[HELLO]).arg("--bind").arg("0.0.0.0");
    refused(&project(), &["auth.apikey", "--insecure"]);
}

#[test]
fn an_unknown_flag_is_told() {
    refused(&Project::new(&[HELLO]).arg("--prot"), &["--prot", "--port"]);
}

#[test]
fn the_configuration_in_the_repository_starts_in_development() {
    let shipped = include_str!("../../config/hotplate.toml");
    let server = Project::new(&[HELLO]).config(shipped).start();
    assert_eq!(server.get("/").status, 200);
    assert_eq!(server.get("/hello").ok(), "hello");
}

#[test]
fn a_broken_script_does_not_keep_it_from_starting() {
    let server = Server::start(&[HELLO, ("broken.rhai", "get(|r| {\n  oops(r)\n});")]);
    assert_eq!(server.get("/hello").ok(), "hello");
    server.wait_for_log("broken.rhai:2");
}

#[test]
fn an_empty_plugin_folder_is_served() {
    let server = Server::dev(&[]);
    assert_eq!(server.get("/").status, 200);
    for method in ["GET", "HEAD"] {
        assert_eq!(server.ask(crate::harness::Ask::new(method, "/favicon.ico")).status, 200);
    }
    server.save("hello.rhai", HELLO.1);
    server.wait_for("/hello", "hello");
}

#[test]
fn a_variable_that_is_no_text_or_there_twice_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let project = Project::new(&[("t.rhai", "get(|| 1);")]);
    let ended = |change: &dyn Fn(&mut std::process::Command)| {
        let mut command = project.command();
        change(&mut command);
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let secret = std::ffi::OsString::from_vec(b"geheim\xfc".to_vec());
    let told = ended(&|command| {
        command.env("HOTPLATE_AUTH__APIKEY", &secret);
    });
    assert!(told.contains("`HOTPLATE_AUTH__APIKEY` is not UTF-8"), "{told}");
    assert!(!told.contains("geheim"), "{told}");
    let told = ended(&|command| {
        command.env("HOTPLATE_NETWORK__PORT", "0").env("HOTPLATE_Network__Port", "0");
    });
    assert!(told.contains("are the same setting"), "{told}");
}

#[test]
fn a_variable_takes_the_type_that_a_scripts_key_has_in_the_file() {
    let script = "get(|| settings);";
    let config = "[plugins.t]\nn = 3\nb = false\nl = [1, 2]\nw = [\"a\"]\nx = 1.5\n";
    let project = Project::new(&[("t.rhai", script)]).config(config);
    let server = project
        .clone()
        .env("HOTPLATE_PLUGINS__T__N", "4")
        .env("HOTPLATE_PLUGINS__T__B", "yes")
        .env("HOTPLATE_PLUGINS__T__L", "3,4")
        .env("HOTPLATE_PLUGINS__T__W", "b.example,c.example")
        .env("HOTPLATE_PLUGINS__T__X", "2")
        .start();
    let wanted = serde_json::json!({ "n": 4, "b": true, "l": [3, 4], "w": ["b.example", "c.example"], "x": 2 });
    assert_eq!(server.get("/t").json(), wanted);
    let refused = project.env("HOTPLATE_PLUGINS__T__N", "abc").run();
    assert!(!refused.status.success());
    assert!(refused.stderr.contains("`plugins.t.n` must be an integer"), "{}", refused.stderr);
}
