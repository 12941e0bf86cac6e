//! What people write wrong, and the exact words they get.

use super::*;

/// The faults of a file, one a line.
fn faults(text: &str) -> String {
    lines(&try_load(text, &[]).unwrap_err())
}

fn faults_of_variable(name: &str, value: &str) -> String {
    lines(&try_load("", &[(name, value)]).unwrap_err())
}

#[test]
fn an_unknown_key_names_the_nearest_and_its_line() {
    let found = try_load("[network]\nprot = 80\n", &[]).unwrap_err();
    assert_eq!(
        lines(&found),
        "config/hotplate.toml:2:1: unknown key `network.prot` [did you mean `network.port`?]"
    );
    assert_eq!(found.first().unwrap().place.as_ref().unwrap().source, "prot");
    assert_eq!(
        faults("port = 80\n"),
        "config/hotplate.toml:1:1: unknown key `port` [did you mean `network.port`?]"
    );
    assert_eq!(
        faults("[watch]\nzebra = 1\n"),
        "config/hotplate.toml:2:1: unknown key `watch.zebra` [known here: mode, settle_ms, poll_ms]"
    );
    assert_eq!(
        faults("[netwrok]\nport = 80\n"),
        "config/hotplate.toml:1:2: unknown key `netwrok` [did you mean `network`?]"
    );
}

#[test]
fn a_cookie_that_browsers_refuse_and_a_place_that_is_none_are_refused() {
    assert_eq!(
        faults(
            "[sessions]\nstore = \"mongodb://localhost\"\nttl = 0\ncookie = \"a b\"\nsame_site = \"none \"\n"
        ),
        "config/hotplate.toml:2:9: `sessions.store` is not valid: a place is wanted, such as \"sqlite:data/sessions.db\" or \"redis://127.0.0.1:6379\"\n\
         config/hotplate.toml:3:7: `sessions.ttl` must be an integer from 1 to 315360000, not 0\n\
         config/hotplate.toml:4:10: `sessions.cookie` cannot be \"a b\": the name of a cookie is wanted, such as PS_SESSID\n\
         config/hotplate.toml:5:13: `sessions.same_site` must be one of \"lax\", \"strict\", \"none\", not \"none \""
    );
    let help =
        "[set `sessions.secure` to true if browsers reach this server by HTTPS, through a proxy]";
    assert_eq!(
        faults("[sessions]\ncookie = \"__Host-id\"\nsame_site = \"none\"\n"),
        format!(
            "config/hotplate.toml:2:10: `sessions.cookie` begins with `__Host-`: browsers refuse such a cookie unless it is Secure {help}\n\
             config/hotplate.toml:3:13: `sessions.same_site` is \"none\": browsers refuse such a cookie unless it is Secure {help}"
        )
    );
}

#[test]
fn all_faults_are_reported_in_the_order_of_the_file() {
    assert_eq!(
        faults(
            "network = { port = \"http\", bind = \"here\" }\n[limits]\nqueue = -1\nscript_ms = 0x1FFFFFFFFFFFFFFFFF\n\
             [server]\nstring_type = \"xml\"\ndevelopment = 1\n[paths]\nplugins = [\"a\"]\n"
        ),
        "config/hotplate.toml:1:20: `network.port` must be an integer from 0 to 65535, found a string\n\
         config/hotplate.toml:1:35: `network.bind` cannot be \"here\": an IP address is wanted, such as 127.0.0.1, 0.0.0.0 or ::1\n\
         config/hotplate.toml:3:9: `limits.queue` must be an integer from 0 to 1000000, not -1\n\
         config/hotplate.toml:4:13: `limits.script_ms` must be an integer from 1 to 86400000, not 590295810358705651711\n\
         config/hotplate.toml:6:15: `server.string_type` must be one of \"text\", \"html\", not \"xml\"\n\
         config/hotplate.toml:7:15: `server.development` must be true or false, found an integer\n\
         config/hotplate.toml:9:11: `paths.plugins` must be a string, found an array"
    );
    assert_eq!(
        faults("network = 5"),
        "config/hotplate.toml:1:11: `network` must be a table, found an integer"
    );
}

#[test]
fn lists_are_checked_item_by_item() {
    assert_eq!(
        faults("[network]\nhosts = [\"a\", 5, \"http://b\"]\ntrusted_proxies = \"10.0.0.1\"\n"),
        "config/hotplate.toml:2:15: `network.hosts` must be an array of strings, found an integer\n\
         config/hotplate.toml:2:18: `network.hosts` cannot be \"http://b\": a host name is wanted, such as example.org, without scheme and path\n\
         config/hotplate.toml:3:19: `network.trusted_proxies` must be an array of strings, found a string"
    );
}

#[test]
fn a_half_written_file_is_a_fault_at_its_end() {
    let found = faults("[network]\nport = ");
    assert!(found.starts_with("config/hotplate.toml:2:8: not valid TOML: "), "{found}");
    assert!(
        found.ends_with("[the file ends here: perhaps it was not written to its end]"),
        "{found}"
    );
    assert!(
        faults("[network]\nport = 1\nport = 2\n").contains(":3:1: not valid TOML: duplicate key")
    );
}

#[test]
fn what_is_no_text_or_no_file_is_refused() {
    let folder = project("");
    let file = folder.path().join("config/hotplate.toml");
    fs::write(&file, b"[network]\nport = 1 # \xff").unwrap();
    assert_eq!(
        lines(&Settings::load(&sources(folder.path(), &[])).unwrap_err()),
        "config/hotplate.toml:2:12: the configuration is not UTF-8 text [save the file in the encoding UTF-8]"
    );
    fs::write(&file, "#".repeat((1 << 20) + 1)).unwrap();
    assert_eq!(
        lines(&Settings::load(&sources(folder.path(), &[])).unwrap_err()),
        "config/hotplate.toml: cannot read the configuration: it has more than 1048576 bytes [it is one file of TOML, in UTF-8]"
    );
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(
        lines(&Settings::load(&sources(folder.path(), &[])).unwrap_err()),
        "config/hotplate.toml: cannot read the configuration: it is not a regular file [it is one file of TOML, in UTF-8]"
    );
    let mut sources = sources(folder.path(), &[]);
    sources.file = Some("none.toml".into());
    assert_eq!(
        lines(&Settings::load(&sources).unwrap_err()),
        "none.toml: cannot read the configuration: there is no such file [create it, or start without --config]"
    );
}

#[test]
fn a_byte_order_mark_is_ignored() {
    assert_eq!(load("\u{feff}[network]\nport = 5\n", &[]).network.port, 5);
}

#[test]
fn faults_of_variables_name_the_variable() {
    assert_eq!(
        faults_of_variable("HOTPLATE_NETWORK__PROT", "1"),
        "environment variable HOTPLATE_NETWORK__PROT: unknown key `network.prot` [did you mean `HOTPLATE_NETWORK__PORT`?]"
    );
    assert_eq!(
        faults_of_variable("HOTPLATE_NETWROK__PORT", "1"),
        "environment variable HOTPLATE_NETWROK__PORT: unknown key `netwrok` [did you mean `HOTPLATE_NETWORK__PORT`?]"
    );
    assert_eq!(
        faults_of_variable("HOTPLATE_NETWORK__PORT", "many"),
        "environment variable HOTPLATE_NETWORK__PORT: `network.port` must be an integer from 0 to 65535, found a string"
    );
    assert_eq!(
        faults_of_variable("HOTPLATE_PORT", "1"),
        "environment variable HOTPLATE_PORT: `HOTPLATE_PORT` names no setting [write HOTPLATE_SECTION__KEY, such as HOTPLATE_NETWORK__PORT]"
    );
    assert_eq!(
        faults_of_variable("HOTPLATE_NETWORK__PORT__X", "1"),
        "environment variable HOTPLATE_NETWORK__PORT__X: `network.port` must be an integer from 0 to 65535, found a table"
    );
    assert!(try_load("", &[("HOTPLATE_NETWORK__", "1")]).is_err());
}

#[test]
fn faults_of_interpolation_point_at_the_reference() {
    assert_eq!(
        faults("[paths]\ndata = \"x/${ENV:NOPE}\"\n"),
        "config/hotplate.toml:2:11: the environment variable `NOPE` is not set [set it, or give a default: `${ENV:NOPE:-default}`]"
    );
    assert_eq!(
        faults("[paths]\ndata = \"${paths.plugin}\"\n"),
        "config/hotplate.toml:2:9: `paths.plugin` is not a setting [did you mean `${paths.plugins}`?]"
    );
    assert_eq!(
        faults("[paths]\ndata = \"${paths.pidfile}\"\n"),
        "config/hotplate.toml:2:9: `paths.pidfile` is not set and has no default [refer to `${section.key}` or `${ENV:VAR}`]"
    );
    assert_eq!(
        faults("[paths]\ndata = \"${paths\"\n"),
        "config/hotplate.toml:2:9: `${` has no closing `}` [write `$${` for a literal `${`]"
    );
    assert_eq!(
        faults("[paths]\ndata = \"${paths}\"\n"),
        "config/hotplate.toml:2:9: `paths` is a table, not a single value [refer to one of its values]"
    );
    let found = faults(
        "[plugins.p]\na = \"${plugins.p.b}\"\nb = \"${plugins.p.a}\"\nc = \"${plugins.p.a}\"\n",
    );
    assert!(
        found.contains("`plugins.p.b` refers to itself: plugins.p.a → plugins.p.b → plugins.p.a"),
        "{found}"
    );
}

#[test]
fn references_cannot_blow_up() {
    let mut text = String::from("[plugins.p]\na0 = \"\"\n");
    for level in 1..14 {
        let below = format!("${{plugins.p.a{}}}", level - 1).repeat(8);
        text = format!("{text}a{level} = \"{below}\"\n");
    }
    assert!(faults(&text).contains("too many references"));
    let long = format!(
        "[plugins.p]\na = \"{}\"\nb = \"{}\"\n",
        "x".repeat(40_000),
        "${plugins.p.a}".repeat(3)
    );
    assert!(faults(&long).contains("too long"));
}

#[test]
fn a_fault_never_shows_a_secret() {
    for text in [
        "[auth]\napikey = 'swordfish\n",
        "[auth]\napikey = ['swordfish']\n",
        "[auth]\napikye = \"swordfish\"\n",
        "[auth]\napikye = \"swordfish\n",
        "[auth]\napikey = \" swordfish\"\n",
        "auth = { apikey = \"swordfish\", prot = 1 }\n",
        "auth = { apikye = \"swordfish\", prot = 1 }\n",
        "[auth.keys.a]\nsha256 = \"swordfish\"\n",
        "[auth.keys.a]\nkey = \"swordfish\"\nsha256 = \"swordfish\"\n",
        "[auth]\napikey = \"swordfish${ENV:X}\"\n",
        "[log]\nlevel = \"${ENV:PASSWORD}\"\n",
        "[plugins.a]\nauth = \"swordfish\"\npassword = \"swordfish\"\nauth\n",
    ] {
        let found = try_load(text, &[("PASSWORD", "swordfish")]).unwrap_err();
        let shown: String = found.iter().map(|fault| fault.render(false)).collect();
        assert!(!shown.contains("swordfish"), "{text}\n{shown}");
    }
    let found = try_load("", &[("HOTPLATE_AUTH__KEYS__A__SHA256", "swordfish")]).unwrap_err();
    assert!(!lines(&found).contains("swordfish"));
}

#[test]
fn a_key_is_one_text_that_someone_can_send() {
    assert_eq!(
        faults("[auth]\napikey = \"\"\n"),
        "config/hotplate.toml:2:10: `auth.apikey` is not valid: an empty key would keep no one out"
    );
    assert_eq!(
        faults_of_variable("HOTPLATE_AUTH__APIKEY", "two\nlines"),
        "environment variable HOTPLATE_AUTH__APIKEY: `auth.apikey` is not valid: a key has no control characters and no spaces around it"
    );
    assert_eq!(
        faults("[auth.keys.ci]\nscopes = []\n"),
        "config/hotplate.toml:1:12: `auth.keys.ci` must have one of `key`, `sha256` and `key_file`, found none"
    );
}

#[test]
fn a_bind_that_others_can_reach_needs_a_key_and_no_development() {
    assert_eq!(
        faults("[network]\nbind = \"0.0.0.0\"\n[server]\ndevelopment = true\n"),
        "config/hotplate.toml:2:8: 0.0.0.0 can be reached by others and no key guards the administration [set auth.apikey, or start with --insecure]\n\
         config/hotplate.toml:4:15: development mode is refused on 0.0.0.0, which others can reach: it shows sources and faults [set server.development to false, or network.bind to 127.0.0.1]"
    );
    load("[network]\nbind = \"0.0.0.0\"\n[auth]\napikey = \"k\"\n", &[]);
    load("[network]\nbind = \"::1\"\n[server]\ndevelopment = true\n", &[]);
    let folder = project("");
    let mut sources = sources(folder.path(), &[]);
    sources.overrides.bind = Some("::".parse().unwrap());
    assert!(lines(&Settings::load(&sources).unwrap_err()).starts_with("--bind: :: can be reached"));
    sources.overrides.insecure = Some(true);
    let warnings = Settings::load(&sources).unwrap().warnings;
    assert!(lines(&warnings).contains("no key guards the administration: nobody may use it"));
    sources.overrides.development = Some(true);
    assert!(lines(&Settings::load(&sources).unwrap_err()).starts_with("--dev: development mode"));
}

#[test]
fn a_guarded_plugin_needs_the_key_it_asks_for() {
    assert_eq!(
        faults("[plugins.a]\nauth = \"plugin\"\n[plugins.\"b/c\"]\nauth = \"global\"\n"),
        "config/hotplate.toml:2:8: `plugins.a` asks for its own key and has none [set `plugins.a.apikey`]\n\
         config/hotplate.toml:4:8: `plugins.\"b/c\"` asks for the global key and there is none [set `auth.apikey`]"
    );
    let warnings = try_load("[plugins.a]\napikey = \"k\"\n", &[]).unwrap().warnings;
    assert_eq!(
        lines(&warnings),
        "config/hotplate.toml:2:10: `plugins.a` has a key and does not ask for it: it is open to everyone [set `plugins.a.auth` to \"plugin\"]"
    );
}

#[test]
fn tls_needs_its_two_files() {
    assert_eq!(
        faults("[tls]\nenabled = true\ncert = \"c.pem\"\n"),
        "config/hotplate.toml:2:11: `tls.enabled` is true and `tls.key` is not set [set `tls.key` to the path of a PEM file]"
    );
}

#[test]
fn an_own_key_that_looks_like_a_slip_is_a_warning() {
    let warnings =
        try_load("[plugins.shop]\nenabeld = false\n[plugins.shop.orders]\nenabled = false\n", &[]);
    assert_eq!(
        lines(&warnings.unwrap().warnings),
        "config/hotplate.toml:2:1: `plugins.shop.enabeld` is taken as a setting of the script's own [did you mean `enabled`?]\n\
         config/hotplate.toml:3:15: `plugins.shop.orders` is taken as a setting of the script's own [for the plugin shop/orders write [plugins.\"shop/orders\"]]"
    );
}

#[test]
fn certificates_of_names_are_for_names_and_each_name_has_one() {
    let tables = |hosts: &[&str]| -> String {
        let table = |hosts| format!("[[tls.sni]]\nhosts = {hosts}\ncert = \"c\"\nkey = \"k\"\n");
        hosts.iter().map(table).collect::<String>()
            + "[tls]\nenabled = true\ncert = \"c\"\nkey = \"k\"\n"
    };
    let told = |hosts: &[&str]| {
        let tables = tables(hosts);
        let (sni, tls) = tables.split_at(tables.find("[tls]").unwrap());
        faults(&format!("{tls}{sni}"))
    };
    for host in ["10.0.0.1", "a b", "a:443", "*", "*.*.b", "a..b", ""] {
        let told = told(&[&format!("[{host:?}]")]);
        assert!(told.contains("a name such as a.example.org or *.example.org is wanted"), "{told}");
    }
    assert!(told(&["[]"]).contains("`tls.sni` must have `hosts`"));
    assert!(told(&["[\"a.b\"]", "[\"A.b\"]"]).contains("`tls.sni` has two certificates for a.b"));
    let load = |text: &str| load(text, &[]).tls.sni.len();
    let tables = tables(&["[\"a.b\", \"*.b\"]", "[\"*.c.b\"]"]);
    let (sni, tls) = tables.split_at(tables.find("[tls]").unwrap());
    assert_eq!(load(&format!("{tls}{sni}")), 2);
}

#[test]
fn a_port_that_leads_to_another_is_another() {
    let tls = "[tls]\nenabled = true\ncert = \"c\"\nkey = \"k\"\nredirect_port = 8080\n";
    assert!(faults(tls).contains("`tls.redirect_port` is 8080, as `network.port` is"));
}
