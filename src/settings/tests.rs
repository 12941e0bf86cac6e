//! The settings as a person meets them: files, variables and flags in, settings or faults out.

mod faults;
mod shipped;

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A project whose `config/hotplate.toml` says `text`.
fn project(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/hotplate.toml"), text).unwrap();
    folder
}

fn sources(folder: &Path, env: &[(&str, &str)]) -> Sources {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { working_dir: folder.to_owned(), env, ..Sources::default() }
}

fn try_load(text: &str, env: &[(&str, &str)]) -> Result<Loaded, Vec<Diagnostic>> {
    Settings::load(&sources(project(text).path(), env))
}

/// The settings of a file and variables that have no fault.
fn load(text: &str, env: &[(&str, &str)]) -> Settings {
    try_load(text, env).unwrap_or_else(|faults| panic!("{}", lines(&faults))).settings
}

/// The faults, one a line, each with its help.
fn lines(faults: &[Diagnostic]) -> String {
    let line = |fault: &Diagnostic| match &fault.help {
        Some(help) => format!("{fault} [{help}]"),
        None => fault.to_string(),
    };
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn without_a_file_the_defaults_hold_below_the_working_folder() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = Settings::load(&sources(folder.path(), &[])).unwrap();
    assert_eq!(loaded.file, None);
    assert_eq!(loaded.project_root, folder.path());
    assert_eq!(loaded.settings.network.address().to_string(), "127.0.0.1:8080");
    assert_eq!(loaded.settings.paths.plugins, folder.path().join("plugins"));
    assert!(loaded.warnings.is_empty());
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let folder = project("[network]\nport = 1\nbind = \"127.0.0.2\"\nworkers = 3\n");
    let mut sources = sources(
        folder.path(),
        &[("HOTPLATE_NETWORK__PORT", "2"), ("HOTPLATE_NETWORK__BIND", "127.0.0.3")],
    );
    sources.overrides.port = Some(0);
    let network = Settings::load(&sources).unwrap().settings.network;
    assert_eq!((network.port, network.workers), (0, 3));
    assert_eq!(network.bind.to_string(), "127.0.0.3");
}

#[test]
fn relative_paths_start_at_the_project_and_those_of_flags_at_the_working_folder() {
    let folder =
        project("[paths]\nplugins = \"./scripts/\"\ndata = \"~/data\"\n[log]\nfile = \"/a/b\"\n");
    let root = folder.path();
    let mut sources = sources(&root.join("elsewhere"), &[("HOME", "/home/ann")]);
    sources.file = Some(root.join("config/hotplate.toml"));
    let loaded = Settings::load(&sources).unwrap();
    assert_eq!(loaded.project_root, root);
    assert_eq!(loaded.settings.paths.plugins, root.join("scripts"));
    assert_eq!(loaded.settings.paths.data, Path::new("/home/ann/data"));
    assert_eq!(loaded.settings.log.file.as_deref(), Some(Path::new("/a/b")));

    sources.overrides.plugins = Some("mine".into());
    let loaded = Settings::load(&sources).unwrap();
    assert_eq!(loaded.settings.paths.plugins, root.join("elsewhere/mine"));
}

#[test]
fn a_file_outside_a_config_folder_is_a_project_of_its_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("site.toml"), "").unwrap();
    let mut sources = sources(folder.path(), &[]);
    sources.file = Some("site.toml".into());
    let loaded = Settings::load(&sources).unwrap();
    assert_eq!(loaded.project_root, folder.path());
    assert_eq!(loaded.file, Some(folder.path().join("site.toml")));
}

#[test]
fn variables_take_the_type_that_their_key_wants() {
    let settings = load(
        "[plugins.users]\nretries = 1\nratio = 0.5\ngreeting = \"7\"\n[plugins.\"shop-Front\"]\n",
        &[
            ("HOTPLATE_server__Development", "true"),
            ("HOTPLATE_NETWORK__HOSTS", "a.example, B.example"),
            ("HOTPLATE_NETWORK__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
            ("HOTPLATE_AUTH__KEYS__CI__KEY", "k"),
            ("HOTPLATE_AUTH__KEYS__CI__SCOPES", "orders:read"),
            ("HOTPLATE_PLUGINS__USERS__APIKEY", "12345"),
            ("HOTPLATE_PLUGINS__USERS__AUTH", "plugin"),
            ("HOTPLATE_PLUGINS__USERS__RETRIES", "5"),
            ("HOTPLATE_PLUGINS__USERS__RATIO", "2"),
            ("HOTPLATE_PLUGINS__USERS__GREETING", "8"),
            ("HOTPLATE_PLUGINS__USERS__FRESH", "9"),
            ("HOTPLATE_PLUGINS__USERS__LIMITS__SCRIPT_MS", "100"),
            ("HOTPLATE_PLUGINS__SHOP_FRONT__ENABLED", "off"),
            ("HOTPLATE_BIN", "/bin/hotplate"),
            ("HOTPLATE_REQUIRE_SERVICES", "1"),
            ("OTHER__THING", "1"),
        ],
    );
    assert!(settings.server.development);
    assert_eq!(settings.network.hosts, ["a.example", "b.example"]);
    assert!(settings.network.trusts("10.1.2.3".parse().unwrap()));
    let ci = settings.auth.keys.get("ci").unwrap();
    assert!(ci.key.matches(b"k"));
    assert_eq!(ci.scopes, ["orders:read"]);
    let users = settings.plugin("users");
    assert!(users.apikey.as_ref().unwrap().matches(b"12345"));
    assert_eq!(
        json!(users.settings),
        json!({ "retries": 5, "ratio": 2, "greeting": "8", "fresh": "9" })
    );
    assert_eq!(settings.limits_of("users").script_ms, 100);
    assert!(!settings.plugin("shop-Front").enabled);
    assert_eq!(settings.plugins.len(), 2);
}

#[test]
fn strings_interpolate_settings_and_variables() {
    let settings = load(
        r#"
        [network]
        port = "${ENV:PORT:-81}"
        [auth]
        apikey = "${ENV:SECRET}"
        [paths]
        data = "${paths.plugins}/../kept"
        [plugins."shop/orders"]
        url = "http://${network.bind}:${network.port}/$${x}"
        limits = { script_ms = "${plugins.users.ms}" }
        list = ["${ENV:NONE:-}", "${ENV:EMPTY:-e}"]
        [plugins.users]
        ms = 7
        url = "${plugins."shop/orders".url}"
        "#
        .replace("\"${plugins.\"shop/orders\".url}\"", "'${plugins.\"shop/orders\".url}'")
        .as_str(),
        &[("SECRET", "sw${ord}fish"), ("EMPTY", "")],
    );
    assert_eq!(settings.network.port, 81);
    assert!(settings.auth.apikey.as_ref().unwrap().matches(b"sw${ord}fish"));
    assert!(settings.paths.data.ends_with("plugins/../kept"));
    let orders = settings.plugin("shop/orders");
    assert_eq!(
        json!(orders.settings),
        json!({ "url": "http://127.0.0.1:81/${x}", "list": ["", "e"] })
    );
    assert_eq!(settings.limits_of("shop/orders").script_ms, 7);
    assert_eq!(settings.plugin("users").settings.get("url"), orders.settings.get("url"));
}

#[test]
fn limits_of_a_plugin_lie_over_the_global_ones() {
    let settings = load("[limits]\nqueue = 5\nscript_ms = 9\n[plugins.a.limits]\nqueue = 6\n", &[]);
    assert_eq!((settings.limits_of("a").queue, settings.limits_of("a").script_ms), (6, 9));
    assert_eq!(settings.limits_of("b").queue, 5);
    assert_eq!(settings.limits_of("b").script_timeout().as_millis(), 9);
}

#[test]
fn a_route_path_is_kept_in_one_form() {
    for (written, kept) in [("x/y", "/x/y"), ("/x/y/", "/x/y"), ("/", "/")] {
        let settings = load(&format!("[plugins.a]\nroute_path = \"{written}\"\n"), &[]);
        assert_eq!(settings.plugin("a").route_path.as_deref(), Some(kept));
    }
    for wrong in ["", "//", "/a//b", "/../a", "/{id}", "/a b", "/%61"] {
        assert!(
            try_load(&format!("[plugins.a]\nroute_path = \"{wrong}\"\n"), &[]).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn what_scripts_see_has_no_secret_and_no_absolute_path() {
    let settings = load(
        "[auth]\napikey = \"swordfish\"\n[plugins.a]\napikey = \"mackerel\"\nauth = \"plugin\"\nown = \"herring\"\n\
         [auth.keys.ci]\nkey = \"halibut\"\n[paths]\npidfile = \"/run/secret-place/hotplate.pid\"\n",
        &[],
    );
    let shown = settings.redacted();
    let text = shown.to_string() + format!("{:?}{:?}", settings.auth, settings.plugins).as_str();
    for secret in ["swordfish", "mackerel", "herring", "halibut", "secret-place", "/"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(shown.pointer("/auth/apikey"), Some(&json!("[redacted]")));
    assert_eq!(shown.pointer("/paths/plugins"), Some(&json!("plugins")));
    assert_eq!(shown.pointer("/limits/script_ms"), Some(&json!(2000)));
}

#[test]
fn a_fingerprint_changes_with_what_is_set_for_that_plugin_only() {
    let before = load("[plugins.a]\nx = 1\n[plugins.b]\nx = 1\n", &[]);
    for after in [
        "[plugins.a]\nx = 2\n[plugins.b]\nx = 1\n",
        "[plugins.a]\nx = 1\nlimits = { queue = 1 }\n[plugins.b]\nx = 1\n",
        "[plugins.a]\nx = 1\nauth = \"plugin\"\napikey = \"k\"\n[plugins.b]\nx = 1\n",
    ] {
        let after = load(after, &[]);
        assert_ne!(before.plugin_fingerprint("a"), after.plugin_fingerprint("a"));
        assert_eq!(before.plugin_fingerprint("b"), after.plugin_fingerprint("b"));
        assert_eq!(before.plugin_fingerprint("none"), after.plugin_fingerprint("none"));
    }
}

#[test]
fn what_is_bound_or_opened_once_needs_a_restart_and_is_named() {
    let old = load("", &[]);
    let mut new = old.clone();
    new.limits.script.queue = 1;
    new.log.level = LogLevel::Debug;
    new.server.development = true;
    assert_eq!(old.needs_restart(&new), [""; 0]);
    new.network.port = 1;
    new.log.format = LogFormat::Json;
    assert_eq!(old.needs_restart(&new), ["network.port", "log.format"]);
}
