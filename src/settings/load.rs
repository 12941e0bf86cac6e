//! From files, variables and flags to [`Settings`].
//!
//! Defaults < file < environment < flags. A fault anywhere means that nothing is loaded; all faults
//! are reported, not only the first.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;

use toml::de::DeTable;

use crate::diagnostic::{Diagnostic, Place};

use super::check::Exposure;
use super::decode::{Bases, settings};
use super::document::Document;
use super::environment;
use super::interpolate::Interpolation;
use super::reader::Reader;
use super::tree::{Kind, Node, Origin, Table, put, table_of};
use super::{Settings, decode, info};

/// The most bytes that a configuration file may have: 1 MiB.
const MAX_FILE: u64 = 1 << 20;
/// The most syntax faults that are shown of one file.
const MAX_SYNTAX_FAULTS: usize = 5;

/// Where settings come from.
#[derive(Clone, Default)]
pub struct Sources {
    /// The configuration file; it must exist. Without one, `config/hotplate.toml` below
    /// `working_dir` is read if it is there.
    pub file: Option<PathBuf>,
    /// What the paths of `file` and `overrides` are relative to, and the project if there is no file.
    pub working_dir: PathBuf,
    /// Environment variables, for `HOTPLATE_SECTION__KEY`, `${ENV:VAR}` and `HOME`.
    pub env: Vec<(String, String)>,
    /// What was said on the command line.
    pub overrides: Overrides,
}

/// Settings that have a command-line flag: they win over everything else.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--plugins DIR`, relative to the working folder.
    pub plugins: Option<PathBuf>,
    /// `--bind ADDR`.
    pub bind: Option<IpAddr>,
    /// `--port N`.
    pub port: Option<u16>,
    /// `--dev`.
    pub development: Option<bool>,
    /// `--tls-dev`: TLS with a certificate that is made on request, which only this machine can reach.
    pub tls_dev: Option<bool>,
    /// `--insecure`: allows a bind that others can reach without any key. There is no such setting
    /// in the file.
    pub insecure: Option<bool>,
}

/// Settings that were loaded, and from where.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The folder that relative paths were resolved against.
    pub project_root: PathBuf,
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
    /// What is accepted but probably not meant.
    pub warnings: Vec<Diagnostic>,
    /// The text of the file, which may hold secrets.
    pub(super) text: Option<Hidden>,
}

/// A text that nothing shows.
#[derive(Clone)]
pub(super) struct Hidden(pub(super) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Loaded {
    /// The text of the file, for when it is read again.
    pub(crate) fn take_text(&mut self) -> Option<String> {
        self.text.take().map(|text| text.0)
    }
}

impl std::fmt::Debug for Sources {
    /// Variables by their names alone: some hold keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("file", &self.file)
            .field("working_dir", &self.working_dir)
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("overrides", &self.overrides)
            .finish()
    }
}

impl Sources {
    /// The process's own environment and working folder, without a file and without flags.
    /// Variables that are not UTF-8 are left out.
    pub fn of_process() -> std::io::Result<Self> {
        Ok(Self {
            working_dir: std::env::current_dir()?,
            env: process_environment(),
            ..Self::default()
        })
    }

    /// The file that is read, or would be if it were there.
    pub fn config_file(&self) -> PathBuf {
        let working_dir = absolute(&self.working_dir);
        match &self.file {
            Some(file) => absolute(&working_dir.join(file)),
            None => working_dir.join("config").join("hotplate.toml"),
        }
    }

    /// The project: the folder that holds `config/`, or the configuration file's own, or the working
    /// folder where there is no such file. Relative paths in the file start there.
    pub fn project_root(&self) -> PathBuf {
        match self.existing_file() {
            Some(file) => project_of(&file),
            None => absolute(&self.working_dir),
        }
    }

    /// The file that says what the `OpenAPI` document says about the API as a whole.
    pub fn info_file(&self) -> PathBuf {
        self.project_root().join("openapi").join("info.toml")
    }

    /// The accepted `OpenAPI` document.
    pub fn contract_file(&self) -> PathBuf {
        self.project_root().join("openapi").join("contract.json")
    }

    /// The files that are read, or would be if they were there.
    pub(crate) fn files(&self) -> [PathBuf; 3] {
        [self.config_file(), self.info_file(), self.contract_file()]
    }

    fn existing_file(&self) -> Option<PathBuf> {
        let file = self.config_file();
        // A link that leads nowhere is a fault, not a missing file.
        let is_there = || fs::symlink_metadata(&file).is_ok();
        (self.file.is_some() || is_there()).then_some(file)
    }
}

/// The variables of the process that are UTF-8, and those that are settings whatever they are: what is no
/// text of them is U+FFFD, and refused.
pub fn process_environment() -> Vec<(String, String)> {
    let texts = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        match value.into_string() {
            Ok(value) => Some((name, value)),
            Err(value) if environment::is_setting(&name) => {
                Some((name, value.to_string_lossy().into_owned()))
            }
            Err(_) => None,
        }
    });
    texts.collect()
}

/// The dotted paths of all settings; `NAME` stands for names that people choose.
pub(super) fn known_keys() -> Vec<String> {
    let document = Document::default();
    let reader = Reader::new(&document);
    let mut sample = Table::new();
    let empty = || Node::new(Kind::Table(Table::new()), Origin::Flag(""));
    put(&mut sample, &["auth", "keys", "NAME"].map(str::to_owned), empty());
    put(&mut sample, &["plugins", "NAME"].map(str::to_owned), empty());
    for tables in [["documents", "mounts"], ["tls", "sni"]] {
        let one = Node::new(Kind::Array(vec![empty()]), Origin::Flag(""));
        put(&mut sample, &tables.map(str::to_owned), one);
    }
    decode::settings(&reader, sample, &Bases::default());
    reader.known()
}

/// Settings that were loaded over those of a server that runs.
pub(super) struct LoadedOver {
    pub(super) loaded: Loaded,
    /// The settings that cannot change and are others, by name.
    pub(super) restart_needed: Vec<String>,
}

/// See [`Settings::load`].
pub(super) fn load(sources: &Sources) -> Result<Loaded, Vec<Diagnostic>> {
    load_with(sources, None).map(|read| read.loaded)
}

/// The same while a server runs that was started with other settings: what cannot change is as it was then,
/// before anything is judged by it.
pub(super) fn load_over(
    sources: &Sources,
    started: &Settings,
) -> Result<LoadedOver, Vec<Diagnostic>> {
    load_with(sources, Some(started))
}

fn load_with(sources: &Sources, started: Option<&Settings>) -> Result<LoadedOver, Vec<Diagnostic>> {
    let working_dir = absolute(&sources.working_dir);
    let file = sources.existing_file();
    let project_root = sources.project_root();
    let document = match &file {
        Some(file) => read(file, &project_root)?,
        None => Document::default(),
    };
    let mut tree = parse(&document, &known_keys())?;
    let mut diagnostics = environment::overlay(&mut tree, &sources.env);
    overlay_flags(&mut tree, &sources.overrides, &working_dir);

    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let interpolation = Interpolation {
        tree: &tree,
        document: &document,
        environment: &sources.env,
        defaults: &defaults,
        faults: RefCell::default(),
        followed: Cell::new(0),
    };
    let expanded = interpolation.expanded();
    diagnostics.extend(interpolation.faults.into_inner());

    let home = sources.env.iter().rev().find(|(name, value)| name == "HOME" && !value.is_empty());
    let bases = Bases { root: project_root.clone(), home: home.map(|(_, value)| value.into()) };
    let reader = Reader::new(&document);
    let mut settings = settings(&reader, expanded, &bases);
    if let Some(folder) = &sources.overrides.plugins {
        // Text of a path may have lost what is not UTF-8.
        settings.paths.plugins = absolute(&working_dir.join(folder));
    }
    if sources.overrides.tls_dev == Some(true) {
        // Its certificate is in the folder that the server began with.
        let data = &started.unwrap_or(&settings).paths.data;
        let data = data.clone();
        settings.tls.switch_to_development(&data);
    }
    let restart_needed = started.map_or_else(Vec::new, |started| settings.keep_fixed(started));
    // Whoever renews a certificate tells nobody: its files are watched.
    settings.files.extend(settings.tls.files().cloned());
    let exposure = match sources.overrides.insecure {
        Some(true) => Exposure::Accepted,
        _ => Exposure::Guarded,
    };
    let mut broken_rules = settings.broken_rules(exposure);
    for (key, rule) in &mut broken_rules {
        rule.place = reader.place_of(key);
    }
    diagnostics.extend(reader.finish());
    // Rules between settings say nothing about settings that could not be read.
    if !diagnostics.iter().any(Diagnostic::is_error) {
        diagnostics.extend(broken_rules.into_iter().map(|(_, rule)| rule));
    }
    diagnostics.sort_by_key(|found| found.place.as_ref().map(|place| (place.line, place.column)));
    match info::load(&sources.info_file(), &project_root, &sources.env) {
        Ok(info) => settings.openapi.info = info,
        Err(faults) => diagnostics.extend(faults),
    }
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    let text = file.is_some().then_some(Hidden(document.text));
    let loaded = Loaded { settings, project_root, file, warnings: diagnostics, text };
    Ok(LoadedOver { loaded, restart_needed })
}

fn absolute(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The folder that holds `config/`, or else the file's own.
fn project_of(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(file);
    let holder =
        folder.parent().filter(|_| folder.file_name().is_some_and(|name| name == "config"));
    holder.unwrap_or(folder).to_owned()
}

/// Reads a file of the configuration; its faults name it relative to the project.
pub(super) fn read(file: &Path, project_root: &Path) -> Result<Document, Vec<Diagnostic>> {
    let name = file.strip_prefix(project_root).unwrap_or(file).to_string_lossy().into_owned();
    let bytes = bytes_of(file).map_err(|error| {
        let message = format!("cannot read the configuration: {}", reason(&error));
        let fault = Diagnostic::error("config-unreadable", message).at(Place::file(name.clone()));
        vec![match error.kind() {
            ErrorKind::NotFound => fault.help("create it, or start without --config"),
            ErrorKind::PermissionDenied => fault.help("let the user that runs the server read it"),
            _ => fault.help("it is one file of TOML, in UTF-8"),
        }]
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
            Ok(Document { name, text })
        }
        Err(error) => Err(vec![not_text(name, &error)]),
    }
}

fn bytes_of(file: &Path) -> io::Result<Vec<u8>> {
    // Asked before opening: to open a pipe would wait for its writer.
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(io::Error::other(format!("it has more than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

fn not_text(name: String, error: &FromUtf8Error) -> Diagnostic {
    let sound = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let mut lines = sound.rsplit(|byte| *byte == b'\n');
    let column = String::from_utf8_lossy(lines.next().unwrap_or_default()).chars().count() + 1;
    let line = lines.count() + 1;
    Diagnostic::error("config-syntax", "the configuration is not UTF-8 text")
        .at(Place { line, column, ..Place::file(name) })
        .help("save the file in the encoding UTF-8")
}

/// Parses a file, in which the keys `known` may stand.
pub(super) fn parse(document: &Document, known: &[String]) -> Result<Table, Vec<Diagnostic>> {
    let (table, errors) = DeTable::parse_recoverable(&document.text);
    if errors.is_empty() {
        return Ok(table_of(table.get_ref()));
    }
    let mut faults: Vec<Diagnostic> = Vec::new();
    for error in errors {
        let end = document.text.len();
        let span = error.span().unwrap_or(end..end);
        let place = document.place_of_fault(&span, known);
        // What follows on the same line follows from the first fault.
        let again =
            |fault: &Diagnostic| fault.place.as_ref().is_some_and(|was| was.line == place.line);
        if faults.iter().any(again) || faults.len() >= MAX_SYNTAX_FAULTS {
            continue;
        }
        let message = format!("not valid TOML: {}", error.message());
        let fault = Diagnostic::error("config-syntax", message).at(place);
        let ended = document.text.get(span.start..).unwrap_or_default().trim().is_empty();
        let cut = "the file ends here: perhaps it was not written to its end";
        faults.push(if ended { fault.help(cut) } else { fault });
    }
    Err(faults)
}

fn overlay_flags(tree: &mut Table, overrides: &Overrides, working_dir: &Path) {
    let mut set = |path: [&str; 2], flag, kind| {
        put(tree, &path.map(str::to_owned), Node::new(kind, Origin::Flag(flag)));
    };
    if let Some(folder) = &overrides.plugins {
        let folder = absolute(&working_dir.join(folder)).to_string_lossy().into_owned();
        set(["paths", "plugins"], "--plugins", Kind::Loose(folder));
    }
    if let Some(bind) = overrides.bind {
        set(["network", "bind"], "--bind", Kind::Loose(bind.to_string()));
    }
    if let Some(port) = overrides.port {
        set(["network", "port"], "--port", Kind::Integer(port.into()));
    }
    if let Some(development) = overrides.development {
        set(["server", "development"], "--dev", Kind::Boolean(development));
    }
}
