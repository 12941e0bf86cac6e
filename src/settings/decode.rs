//! From the tree to [`Settings`]: every key with its type and its range.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, nearest};

use super::Settings;
use super::access::{AuthSettings, PluginSettings};
use super::address::ProxyRange;
use super::cors;
use super::documents::{DocumentSettings, MountSettings};
use super::fields::Fields;
use super::keys;
use super::limits::{LimitOverrides, Limits, ScriptLimits};
use super::reader::Reader;
use super::sections::{
    ContractSettings, LogSettings, NetworkSettings, OpenApiSettings, PathSettings, ServerSettings,
    WatchSettings,
};
use super::sessions;
use super::tls;
use super::tree::{Kind, Table};

/// A day, the longest any deadline may be.
const DAY_MS: u64 = 86_400_000;
/// The most bytes that any limit may allow: 64 GiB.
const MAX_BYTES: u64 = 64 << 30;
/// The largest integer that TOML and scripts have.
const MAX_INTEGER: u64 = i64::MAX.unsigned_abs();

/// What relative paths and `~` are resolved against.
#[derive(Debug, Clone, Default)]
pub(super) struct Bases {
    /// The project.
    pub(super) root: PathBuf,
    /// The home of the user, if it is known.
    pub(super) home: Option<PathBuf>,
}

impl Bases {
    pub(super) fn resolve(&self, text: &str) -> Result<PathBuf, &'static str> {
        let path = match (text.strip_prefix('~'), &self.home) {
            (Some(tail), Some(home)) if tail.is_empty() || tail.starts_with('/') => {
                home.join(tail.trim_start_matches('/'))
            }
            (Some(tail), None) if tail.is_empty() || tail.starts_with('/') => {
                return Err("`~` needs the environment variable HOME");
            }
            _ => PathBuf::from(text),
        };
        Ok(self.root.join(path).components().collect())
    }
}

/// Reads the whole tree; faults and warnings are with the reader.
pub(super) fn settings(reader: &Reader, tree: Table, bases: &Bases) -> Settings {
    let mut fields = Fields::new(reader, String::new(), tree);
    let mut read = Settings {
        server: fields.section("server", server),
        network: fields.section("network", network),
        paths: fields.section("paths", |fields| paths(fields, bases)),
        auth: fields.section("auth", |fields| auth(fields, bases)),
        plugins: fields.sections("plugins", |name, fields| Some(plugin(name, fields, bases))),
        watch: fields.section("watch", watch),
        limits: fields.section("limits", limits),
        log: fields.section("log", |fields| log(fields, bases)),
        openapi: fields.section("openapi", |fields| OpenApiSettings {
            access: fields.choice_if_set("access"),
            responses: fields.choice("responses"),
            ..OpenApiSettings::default()
        }),
        contract: fields.section("contract", |fields| ContractSettings {
            on_breaking: fields.choice("on_breaking"),
        }),
        cors: fields.section("cors", cors::read),
        sessions: fields.section("sessions", |fields| sessions::read(fields, bases)),
        tls: fields.section("tls", |fields| tls::read(fields, bases)),
        documents: fields.section("documents", |fields| documents(fields, bases)),
        files: Vec::new(),
    };
    read.files = reader.files();
    reader.unknown("", fields.left().clone(), fields.names());
    read
}

fn server(fields: &mut Fields) -> ServerSettings {
    let default = ServerSettings::default();
    ServerSettings {
        development: fields.boolean("development", default.development),
        string_type: fields.choice("string_type"),
    }
}

fn network(fields: &mut Fields) -> NetworkSettings {
    let default = NetworkSettings::default();
    NetworkSettings {
        bind: fields.address("bind").unwrap_or(default.bind),
        port: fields.number("port", 0..=65_535).unwrap_or(default.port),
        workers: fields.number("workers", 0..=1_024).unwrap_or(default.workers),
        hosts: fields.list("hosts", host),
        trusted_proxies: fields.list("trusted_proxies", str::parse::<ProxyRange>),
    }
}

fn paths(fields: &mut Fields, bases: &Bases) -> PathSettings {
    let default = PathSettings::default();
    let absolute = |path: &Path| bases.root.join(path);
    PathSettings {
        plugins: fields
            .file("plugins", |text| bases.resolve(text))
            .unwrap_or_else(|| absolute(&default.plugins)),
        data: fields
            .file("data", |text| bases.resolve(text))
            .unwrap_or_else(|| absolute(&default.data)),
        pidfile: fields.file("pidfile", |text| bases.resolve(text)),
    }
}

fn auth(fields: &mut Fields, bases: &Bases) -> AuthSettings {
    let default = AuthSettings::default();
    AuthSettings {
        apikey: fields.apikey(bases),
        url_key: fields.boolean("url_key", default.url_key),
        keys: fields.sections("keys", |_, fields| keys::named(fields, bases)),
    }
}

fn plugin(name: &str, fields: &mut Fields, bases: &Bases) -> PluginSettings {
    let default = PluginSettings::default();
    let read = PluginSettings {
        enabled: fields.boolean("enabled", default.enabled),
        route_path: fields.parsed("route_path", route_path),
        auth: fields.choice("auth"),
        apikey: fields.apikey(bases),
        limits: fields.section("limits", overrides),
        cors: fields.section("cors", cors::overrides),
        settings: serde_json::Map::new(),
    };
    warn_of_slips(name, fields);
    PluginSettings { settings: fields.rest(), ..read }
}

/// A plugin may have any keys of its own, so a misspelt one of ours is only probably a slip.
fn warn_of_slips(name: &str, fields: &Fields) {
    for (written, entry) in fields.left() {
        let path = fields.path_of(written);
        let help = match &entry.node.kind {
            Kind::Table(inner) if fields.names().iter().any(|ours| inner.contains_key(*ours)) => {
                format!("for the plugin {name}/{written} write [plugins.\"{name}/{written}\"]")
            }
            _ => match nearest(written, fields.names().iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => continue,
            },
        };
        let message = format!("`{path}` is taken as a setting of the script's own");
        let warning = Diagnostic::warning("config-own-key", message).help(help).of_plugin(name);
        fields.reader().report(warning.at(fields.reader().place_of_name(&entry.name)));
    }
}

fn watch(fields: &mut Fields) -> WatchSettings {
    let default = WatchSettings::default();
    WatchSettings {
        mode: fields.choice("mode"),
        settle_ms: fields.number("settle_ms", 0..=60_000).unwrap_or(default.settle_ms),
        poll_ms: fields.number("poll_ms", 10..=3_600_000).unwrap_or(default.poll_ms),
    }
}

fn limits(fields: &mut Fields) -> Limits {
    let default = Limits::default();
    Limits {
        header_ms: fields.number("header_ms", 1..=DAY_MS).unwrap_or(default.header_ms),
        body_ms: fields.number("body_ms", 1..=DAY_MS).unwrap_or(default.body_ms),
        idle_ms: fields.number("idle_ms", 1..=DAY_MS).unwrap_or(default.idle_ms),
        grace_ms: fields.number("grace_ms", 0..=DAY_MS).unwrap_or(default.grace_ms),
        body_bytes: fields.number("body_bytes", 0..=MAX_BYTES).unwrap_or(default.body_bytes),
        total_body_bytes: fields
            .number("total_body_bytes", 1_048_576..=MAX_BYTES)
            .unwrap_or(default.total_body_bytes),
        // The HTTP implementation needs a buffer of 8 KiB at least.
        header_bytes: fields
            .number("header_bytes", 8_192..=16_777_216)
            .unwrap_or(default.header_bytes),
        connections: fields.number("connections", 1..=1_000_000).unwrap_or(default.connections),
        script_threads: fields
            .number("script_threads", 1..=1_024)
            .unwrap_or(default.script_threads),
        script: ScriptLimits {
            total_memory_bytes: fields
                .number("total_memory_bytes", 1_048_576..=MAX_BYTES)
                .unwrap_or(default.script.total_memory_bytes),
            ..ScriptLimits::default().overlaid(&overrides(fields))
        },
    }
}

fn overrides(fields: &mut Fields) -> LimitOverrides {
    LimitOverrides {
        script_ms: fields.number("script_ms", 1..=DAY_MS),
        load_ms: fields.number("load_ms", 1..=DAY_MS),
        operations: fields.number("operations", 1_000..=MAX_INTEGER),
        call_depth: fields.number("call_depth", 1..=1_024),
        memory_bytes: fields.number("memory_bytes", 1_048_576..=MAX_BYTES),
        output_bytes: fields.number("output_bytes", 0..=MAX_BYTES),
        stream_bytes: fields.number("stream_bytes", 0..=MAX_BYTES),
        concurrency: fields.number("concurrency", 1..=10_000),
        queue: fields.number("queue", 0..=1_000_000),
        store_bytes: fields.number("store_bytes", 0..=MAX_BYTES),
        files_bytes: fields.number("files_bytes", 0..=MAX_BYTES),
        compile: fields.truth("compile"),
        self_check: fields.truth("self_check"),
    }
}

fn log(fields: &mut Fields, bases: &Bases) -> LogSettings {
    LogSettings {
        level: fields.choice("level"),
        format: fields.choice("format"),
        access: fields.choice("access"),
        file: fields.file("file", |text| bases.resolve(text)),
    }
}

fn documents(fields: &mut Fields, bases: &Bases) -> DocumentSettings {
    let default = DocumentSettings::default();
    DocumentSettings {
        mounts: fields.tables("mounts", |fields| mount(fields, bases)),
        markdown_css: fields.parsed("markdown_css", one_line),
        highlight_css: fields.parsed("highlight_css", one_line),
        envelope: fields.file("envelope", |text| bases.resolve(text)),
        markdown_html: fields.boolean("markdown_html", default.markdown_html),
        markdown_policy: fields
            .parsed("markdown_policy", one_line)
            .unwrap_or(default.markdown_policy),
        error_page: fields.file("error_page", |text| bases.resolve(text)),
        common_log: fields.file("common_log", |text| bases.resolve(text)),
        log_includes: fields.boolean("log_includes", default.log_includes),
        cache_bytes: fields.number("cache_bytes", 0..=MAX_BYTES).unwrap_or(default.cache_bytes),
    }
}

fn mount(fields: &mut Fields, bases: &Bases) -> Option<MountSettings> {
    let path = fields.parsed("path", route_path);
    let path_is_set = path.is_some();
    let folder = fields.required("folder", |text| folder(text, bases)).unwrap_or_default();
    let base = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let default = MountSettings::new(path.unwrap_or_else(|| format!("/{base}")), folder);
    let set = fields.left().contains_key("index");
    let index = fields.list("index", file_name);
    let read = MountSettings {
        auth: fields.choice("auth"),
        index: if set { index } else { default.index },
        listing: fields.boolean("listing", default.listing),
        dotfiles: fields.boolean("dotfiles", default.dotfiles),
        symlinks: fields.boolean("symlinks", default.symlinks),
        markdown: fields.boolean("markdown", default.markdown),
        cache_control: fields.parsed("cache_control", one_line).unwrap_or(default.cache_control),
        path: default.path,
        folder: default.folder,
    };
    if !path_is_set && !base.is_empty() && route_path(&base).is_err() {
        let message =
            format!("`{}` must be set: {base:?} cannot be a path", fields.path_of("path"));
        let mut fault = Diagnostic::error("config-incomplete", message);
        fault.place = fields.reader().place_of(&fields.path_of("folder"));
        fields.reader().report(fault);
    }
    (!read.folder.as_os_str().is_empty()).then_some(read)
}

fn folder(text: &str, bases: &Bases) -> Result<PathBuf, &'static str> {
    if text.is_empty() || text.contains('\0') {
        return Err("the path of a folder is wanted");
    }
    bases.resolve(text)
}

/// The value of a header or an attribute.
fn one_line(text: &str) -> Result<String, &'static str> {
    if !text.is_empty() && text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return Ok(text.to_owned());
    }
    Err("printable ASCII characters are wanted")
}

fn file_name(text: &str) -> Result<String, &'static str> {
    let sound = !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\', '\0']);
    if sound { Ok(text.to_owned()) } else { Err("the name of a file is wanted, without a path") }
}

fn host(text: &str) -> Result<String, &'static str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a host name is wanted, such as example.org, without scheme and path")
}

pub(super) fn scope(text: &str) -> Result<String, &'static str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:/*".contains(c);
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err("a scope has letters, digits and -._:/* only, such as orders:read")
}

/// `x/y`, `/x/y` and `/x/y/` are the same path, kept as `/x/y`.
fn route_path(text: &str) -> Result<String, &'static str> {
    let path = text.strip_prefix('/').unwrap_or(text);
    let path = path.strip_suffix('/').unwrap_or(path);
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let sound =
        |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(fits);
    if path.is_empty() && text == "/" || path.split('/').all(sound) {
        return Ok(format!("/{path}"));
    }
    Err("a path such as /shop/orders is wanted, of letters, digits and -._~")
}
