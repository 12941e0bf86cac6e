//! `hotplate import`: a pserve configuration as ours.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::harness::{Ask, Authority, Ended, Project, Secure, Server};

/// Every key that pserve's configuration has.
const ALL: &str = "\
[main]
domain = example.org
number = int:5

[network]
bindto = 0.0.0.0
port = int:${ENV:PORT}

[paths]
plugins = ${ENV:HOME}/plugins
pidfile = ~/run/${main:domain}.pid
documents = html:/old/documents

[SSL]
enabled = bool:true
keyfile = certs/${main:domain}-key.pem
certfile = certs/${main:domain}.pem

[auth]
apikey = the \"global\" key

[plugin_parms]
users = auth_type=plugin&apikey=the+users%27+key&route_path=people&colour=red&password=open%20sesame
reports = auth_type=global
odd = auth_type=none&enabled=1
wrong = auth=global
with_file = json=settings.json&colour=blue
sessman = backend=MongoDB&database=kept&collection=c&session_ttl=1800&vacuum_interval=60&username=me&password=hush&server_url=mongo:27017&auth_type=global

[cors]
enabled = bool:true
origin_url = list:https://a.example https://b.example

[file_server]
documents = docs:/srv/${main:domain}
indexfile = start.html
common_log = logs/access.log
log_includes = bool:enable
markdown_css = markdown.css
highlight_css = highlight.css
markdown_envelope = envelope.html
strange = 1
";

const SETTINGS: &str = r#"{ "colour": "green", "sizes": [1, 2.5], "deep": { "a b": true }, "api_token": "t0ken", "none": null }"#;

fn project(ini: &str) -> Project {
    let project = Project::new(&[]).bare().arg("import").arg("old.ini");
    fs::write(project.root().join("old.ini"), ini).unwrap();
    let plugins = project.root().join("plugins");
    fs::write(plugins.join("settings.json"), SETTINGS).unwrap();
    fs::write(plugins.join("users.py"), "class Users(BasePlugin):\n    pass\n").unwrap();
    fs::write(
        plugins.join("reports.py"),
        "class Daily(BasePlugin):\n    pass\n\nclass Weekly(BasePlugin):\n    pass\n",
    )
    .unwrap();
    let home = project.root().to_string_lossy().into_owned();
    project.env("HOME", &home)
}

/// What is printed for an INI, which must be one.
#[track_caller]
fn import(ini: &str) -> Ended {
    let ended = project(ini).run();
    assert!(ended.status.success(), "{}", ended.stderr);
    ended
}

#[test]
fn every_key_is_carried_or_named() {
    let ended = import(ALL);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pserve/all.toml");
    if std::env::var_os("HOTPLATE_BLESS").is_some() {
        fs::write(&golden, &ended.stdout).unwrap();
    }
    assert_eq!(ended.stdout, fs::read_to_string(&golden).unwrap());
    for (section, key) in [
        ("main", "domain"),
        ("main", "number"),
        ("paths", "documents"),
        ("plugin_parms", "odd"),
        ("plugin_parms", "with_file"),
        ("file_server", "strange"),
    ] {
        let line = format!("not carried: [{section}] {key}: ");
        assert!(ended.stderr.contains(&line), "{line}\n{}", ended.stderr);
        assert!(ended.stdout.contains(&format!("# {line}")), "{line}\n{}", ended.stdout);
    }
    let docs = "hotplate itself answers at /docs: choose another path";
    assert!(ended.stderr.contains(docs) && ended.stdout.contains(docs), "{}", ended.stderr);
    // What is told of a key that is left behind is its name, and no value.
    assert!(
        !ended.stderr.contains("key\"") && !ended.stderr.contains("sesame"),
        "{}",
        ended.stderr
    );
}

/// What stands in `[cors]` for these lines of pserve's, and what is said of it.
#[track_caller]
fn cors(lines: &str) -> (String, String) {
    let ended = import(&format!("[paths]\nplugins = plugins\n[cors]\n{lines}"));
    let section = ended.stdout.split("\n\n").find(|section| section.starts_with("[cors]"));
    (section.unwrap_or_default().trim().to_owned(), ended.stderr)
}

#[test]
fn origins_are_carried_as_browsers_write_them_or_named() {
    let rules = "methods = [\"GET\", \"POST\", \"PUT\", \"DELETE\", \"OPTIONS\"]\nmax_age = 3600";
    let list = "enabled = bool:true\norigin_url = list:https://A.example/ http://b.example:80 app.example ${ENV:X}\n";
    let (section, told) = cors(list);
    assert_eq!(
        section,
        format!(
            "[cors]\nenabled = true\norigins = [\"https://a.example\", \"http://b.example\"]\n\
             credentials = true\n{rules}"
        )
    );
    assert!(told.contains("[cors] origin_url app.example: no browser"), "{told}");
    assert!(told.contains("it comes from the environment"), "{told}");
    let (section, told) = cors("enabled = bool:true\norigin_url = list:*\n");
    assert_eq!(
        section.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n"),
        format!("[cors]\nenabled = true\norigins = [\"*\"]\ncredentials = false\n{rules}")
    );
    assert!(told.contains("without credentials"), "{told}");
    let (section, told) = cors("enabled = bool:false\norigin_url = list:https://a.example\n");
    assert!(section.contains("enabled = false"), "{section}");
    assert!(told.contains("here false is false"), "{told}");
    let (section, told) = cors("origin_url = list:https://a.example\n");
    assert_eq!(section, "");
    assert!(told.contains("without `enabled`"), "{told}");
}

#[test]
fn what_is_open_without_a_key_there_and_not_here_is_told() {
    for (bindto, told) in [
        ("127.0.0.1", "here they are for programs on this machine only"),
        ("localhost", "here they are for programs on this machine only"),
        ("0.0.0.0", "here the server does not start without a key on this address: set `apikey`"),
        ("${ENV:ADDRESS}", "on an address that others can reach the server does not start without"),
    ] {
        let ini = format!("[network]\nbindto = {bindto}\n[paths]\nplugins = plugins\n");
        let imported = import(&ini);
        let said = "without `apikey` pserve opens /plugins and /reload to everybody; ";
        for text in [&imported.stdout, &imported.stderr] {
            assert!(text.contains(said) && text.contains(told), "{bindto}: {text}");
        }
        let with_key = import(&format!("{ini}[auth]\napikey = x\n"));
        assert!(!with_key.stderr.contains("apikey"), "{}", with_key.stderr);
    }
    // And so it is.
    let project =
        project("[network]\nbindto = 0.0.0.0\nport = int:0\n[paths]\nplugins = plugins\n");
    fs::create_dir(project.root().join("config")).unwrap();
    let import = project.arg("-o").arg("config/hotplate.toml");
    assert!(import.run().status.success());
    let refused = import.bare().arg("serve").run();
    assert!(
        !refused.status.success() && refused.stderr.contains("--insecure"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_was_carried_is_a_configuration_that_serves() {
    let ini = ALL
        .replace("bindto = 0.0.0.0", "bindto = localhost")
        .replace("bool:true\nkeyfile", "bool:false\nkeyfile");
    let ini = ini.replace("docs:/srv/${main:domain}", "pages:${ENV:HOME}/pages");
    let project = project(&ini);
    fs::create_dir_all(project.root().join("pages")).unwrap();
    fs::write(project.root().join("pages/start.html"), "<p>start</p>").unwrap();
    fs::create_dir_all(project.root().join("logs")).unwrap();
    fs::create_dir_all(project.root().join("run")).unwrap();
    fs::write(project.root().join("envelope.html"), "{mdhtml}").unwrap();
    fs::create_dir(project.root().join("config")).unwrap();
    let import = project.arg("-o").arg("config/hotplate.toml");
    let ended = import.run();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    let written = fs::metadata(import.root().join("config/hotplate.toml")).unwrap();
    assert_eq!(written.permissions().mode() & 0o777, 0o600);
    import.save("users.rhai", "get(|| `${settings.colour} ${settings.password}`);");
    import.save("with_file.rhai", "get(|| json(settings));");
    let server: Server = import.bare().arg("serve").env("PORT", "0").start();
    assert_eq!(server.get("/pages/").ok(), "<p>start</p>");
    let crossing = server.ask(Ask::get("/pages/").header("Origin", "https://a.example"));
    assert_eq!(crossing.header("access-control-allow-origin"), Some("https://a.example"));
    let asked = Ask::get("/people").header("X-Custom-Auth", "the users' key");
    let answer = server.ask(asked);
    assert_eq!((answer.status, answer.text().as_str()), (200, "red open sesame"));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let settings = server.get("/with_file").json();
    assert_eq!(settings["colour"], "green");
    assert_eq!(settings["sizes"], serde_json::json!([1, 2.5]));
    let admin = Ask::get("/plugins").header("Authorization", "Bearer the \"global\" key");
    assert_eq!(server.ask(admin).status, 200);
    assert!(server.root().join("run/example.org.pid").exists());
    // What is there is not written over.
    let again = project_at(&server);
    assert_eq!(again.0, Some(2));
    assert!(again.1.contains("config/hotplate.toml is there already"), "{}", again.1);
}

#[test]
fn a_port_with_tls_stays_one() {
    let authority = Authority::new("Test");
    let made = authority.leaf(&["localhost"]);
    let serving = |ini: &str| {
        let project = Project::new(&[("t.rhai", "get(|| \"there\");")]).bare();
        fs::write(project.root().join("old.ini"), ini).unwrap();
        fs::create_dir_all(project.root().join("certs")).unwrap();
        made.put(&project.root().join("certs"), "a.test");
        fs::create_dir(project.root().join("config")).unwrap();
        let import = project.arg("import").arg("old.ini").arg("-o").arg("config/hotplate.toml");
        let ended = import.run();
        assert!(ended.status.success(), "{}", ended.stderr);
        let server: Server = import.bare().arg("serve").start();
        (server, ended.stderr)
    };
    let ini = "[main]\ndomain = a.test\n[network]\nbindto = 127.0.0.1\nport = int:0\n[paths]\nplugins = plugins\n\
               [SSL]\nenabled = bool:true\nkeyfile = certs/${main:domain}.key\ncertfile = certs/${main:domain}.crt\n";
    let (server, _) = serving(ini);
    let client = Secure::asking("localhost");
    assert_eq!(client.get(server.address(), "/t").unwrap(), (200, "there".to_owned()));
    assert_eq!(client.shown(server.address()), Some(made.der.clone()));
    // pserve serves plain HTTP where a file is not named, and so it is here, and told.
    let (server, told) = serving(&ini.replace("keyfile = certs/${main:domain}.key\n", ""));
    assert_eq!(server.get("/t").ok(), "there");
    assert!(told.contains("SSL is enabled there without both files"), "{told}");
    // A text is true there, `false` too.
    let (server, told) = serving(&ini.replace("bool:true", "false"));
    assert_eq!(server.get("/t").ok(), "there");
    assert!(told.contains("without `bool:`; here false is false"), "{told}");
}

/// Imports once more, into the configuration of a server that runs.
fn project_at(server: &Server) -> (Option<i32>, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_hotplate"))
        .args(["import", "old.ini", "-o", "config/hotplate.toml"])
        .current_dir(server.root())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn secrets_are_kept_out_where_that_is_asked() {
    let project = project(ALL).arg("--secrets").arg("env");
    let ended = project.run();
    assert!(ended.status.success(), "{}", ended.stderr);
    for secret in ["global\\\"", "the \"global\" key", "users' key", "sesame", "t0ken"] {
        assert!(!ended.stdout.contains(secret), "{secret}: {}", ended.stdout);
        assert!(!ended.stderr.contains(secret), "{secret}: {}", ended.stderr);
    }
    let variables = "set before the start: PSERVE_APIKEY PSERVE_USERS_APIKEY PSERVE_USERS_PASSWORD \
                     PSERVE_WITH_FILE_API_TOKEN\n";
    assert!(ended.stderr.ends_with(variables), "{}", ended.stderr);
    for variable in ["PSERVE_APIKEY", "PSERVE_USERS_APIKEY"] {
        assert!(
            ended.stdout.contains(&format!("apikey = \"${{ENV:{variable}}}\"")),
            "{}",
            ended.stdout
        );
    }
    let plain = import("[auth]\napikey = ${ENV:KEY}\n").stdout;
    assert!(plain.contains("apikey = \"${ENV:KEY:-}\""), "{plain}");
}

#[test]
fn what_is_no_configuration_is_told_with_its_line() {
    for (ini, parts) in [
        (
            "[network]\nport = int:8080\nnonsense\n",
            &["old.ini:3:1", "no `key = value`", "nonsense"][..],
        ),
        ("port = 1\n", &["old.ini:1:1", "stands in no section", "begins with a [section]"]),
        ("[network]\nport = int:many\n", &["old.ini:2:1", "no whole number"]),
        ("[network]\n\nport = 70000\n", &["old.ini:3:1", "0 to 65535"]),
        (
            "[paths]\nplugins = ${main:folder}/x\n",
            &["old.ini:2:1", "`${main:folder}` refers to nothing"],
        ),
        ("[paths]\nplugins = a$b\n", &["old.ini:2:1", "write `$$` for a `$`"]),
        ("[a]\nb = 1\nb = 2\n", &["old.ini:3:1", "`b` is in [a] already"]),
    ] {
        let ended = project(ini).run();
        assert_eq!(ended.status.code(), Some(2), "{ini}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
        for part in parts {
            assert!(ended.stderr.contains(part), "{part} in {}", ended.stderr);
        }
    }
    let ended = Project::new(&[]).bare().arg("import").arg("none.ini").run();
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("cannot read none.ini"), "{}", ended.stderr);
    let ended = project("[main]\n").arg("--secrets").arg("hidden").run();
    assert!(ended.stderr.contains("it is `plain` or `env`"), "{}", ended.stderr);
}

#[test]
fn documents_that_asked_for_a_key_ask_for_one_here() {
    let ini = "[paths]\nplugins = plugins\n[auth]\napikey = all\n[plugin_parms]\nfileserve = auth_type=KIND&apikey=own\n\
        [file_server]\ndocuments = pages:${ENV:HOME}/pages\n[network]\nport = int:0\n";
    for (kind, may, may_not) in [
        ("auth_type=global", &["all"][..], &["own", ""][..]),
        ("auth_type=plugin", &["own", "all"], &["other", ""]),
        // As the examples of pserve's documentation say it.
        ("auth=global", &["all"], &["own", ""]),
        ("auth=plugin", &["own", "all"], &["other", ""]),
    ] {
        let project = project(&ini.replace("auth_type=KIND", kind));
        fs::create_dir_all(project.root().join("pages")).unwrap();
        fs::write(project.root().join("pages/a.txt"), "private").unwrap();
        fs::create_dir(project.root().join("config")).unwrap();
        let import = project.arg("-o").arg("config/hotplate.toml");
        let ended = import.run();
        assert!(ended.status.success(), "{}", ended.stderr);
        let server: Server = import.bare().arg("serve").start();
        let ask = |key: &str| server.ask(Ask::get("/pages/a.txt").header("X-Custom-Auth", key));
        for key in may {
            assert_eq!(ask(key).ok(), "private", "{kind} {key}");
        }
        for key in may_not {
            assert_eq!(ask(key).status, 403, "{kind} {key}");
        }
    }
}

#[test]
fn no_secret_is_written_down_where_that_is_asked_for() {
    let ini = "[paths]\nplugins = plugins\n[plugin_parms]\n\
        a = secret_key=s1&db_pass=s2&pwd=s3&private_key=s4&dsn=postgres://u:s5@h/db&url=http://h/s&size=7\n\
        a_b = apikey=s6\na-b = apikey=s7\n";
    let ended = project(ini).arg("--secrets").arg("env").run();
    assert!(ended.status.success(), "{}", ended.stderr);
    for secret in ["s1", "s2", "s3", "s4", "s5", "s6", "s7"] {
        assert!(!ended.stdout.contains(secret), "{secret}: {}", ended.stdout);
    }
    for kept in ["size = \"7\"", "url = \"http://h/s\""] {
        assert!(ended.stdout.contains(kept), "{}", ended.stdout);
    }
    // Two that come to the same name are two.
    for variable in ["PSERVE_A_B_APIKEY", "PSERVE_A_B_APIKEY_2"] {
        assert!(ended.stdout.contains(&format!("${{ENV:{variable}}}")), "{}", ended.stdout);
        assert!(ended.stderr.contains(variable), "{}", ended.stderr);
    }
}

#[test]
fn a_key_that_stands_for_all_sections_and_was_carried_is_not_named_as_left() {
    let ended = import("[DEFAULT]\nport = int:9000\nother = 1\n[network]\nbindto = 127.0.0.1\n");
    assert!(ended.stdout.contains("port = 9000"), "{}", ended.stdout);
    assert!(!ended.stderr.contains("[DEFAULT] port"), "{}", ended.stderr);
    assert!(ended.stderr.contains("not carried: [DEFAULT] other"), "{}", ended.stderr);
}
