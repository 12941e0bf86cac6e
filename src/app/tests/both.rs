//! The scripts of this repository by both evaluators: each function of each is called in two sites, one that
//! compiles and one that does not, and both must come to the same, or both to the end of their budget.
//!
//! Each site keeps what its scripts keep, so that effects are compared by those who see them. What the clock
//! and chance gave is masked; where one call ends by its budget and the other does not, both are made again
//! with more.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, Method};

use super::super::{Hotplate, check::Unpublished};
use crate::{
    Settings, WatchMode,
    host::declare::callback::Callback,
    host::request::{Params, RequestData, RequestId},
    plugin::Plugin,
    script::budget::Limits,
    script::stack::STACK,
    services::bodies::Held,
};

/// What a function may use: little, because most hostile ones use all of it.
const TIME: Duration = Duration::from_millis(250);
const OPERATIONS: u64 = 100_000;
const MEMORY_BYTES: u64 = 16 << 20;

/// How long a script may load, which is enough on a machine that does much else: most hostile ones that load for
/// ever use up their operations before.
const LOAD_MS: u64 = 2000;

/// What is sent to each handler: something for most of them.
const BODY: &str = r#"{
    "id": 1, "name": "ann", "title": "x", "text": "y", "n": 3, "items": [{ "sku": "a", "qty": 2, "price": 1.5 }],
    "customer": { "name": "ann", "address": { "city": "here" } }
}"#;

/// How many times as much a function may use where only one evaluator came to an end.
const MORE: u32 = 8;

/// Scripts that are left out: one shows how busy the machine is, which changes from call to call, the other
/// the configuration, which says whether functions are compiled.
const LEFT_OUT: [&str; 2] = ["systeminfo", "config_read"];

/// What is never the same twice: times, and what is drawn by chance.
const UNSTEADY: [(&str, &str); 3] = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r#""[A-Za-z0-9_-]{43}""#, "TOKEN"),
];

/// A site with the scripts of a folder, and what it keeps.
struct Site {
    unpublished: Unpublished,
    data: tempfile::TempDir,
}

fn site(scripts: &Path, is_compiled: bool) -> Site {
    let data = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.watch.mode = WatchMode::Off;
    settings.paths.data = data.path().to_owned();
    settings.limits.script.compile = is_compiled;
    settings.limits.script.load_ms = LOAD_MS;
    settings.limits.script.operations = OPERATIONS;
    let unpublished =
        Hotplate::builder().settings(settings).development(true).plugins(scripts).check().unwrap();
    Site { unpublished, data }
}

impl Site {
    fn plugins(&self) -> Vec<(&str, &Arc<Plugin>)> {
        self.unpublished.generation().served().collect()
    }

    /// What a function comes to, without what can only be so in this site at this time.
    fn outcome(
        &self,
        plugin: &Plugin,
        function: usize,
        id: RequestId,
        times: u32,
    ) -> Option<String> {
        let limits = Limits {
            deadline: Instant::now() + TIME * times,
            operations: OPERATIONS * u64::from(times),
            memory_bytes: MEMORY_BYTES,
            total_memory_bytes: u64::MAX,
        };
        let outcome = plugin.outcome(function, request(id), limits)?;
        let outcome = outcome.replace(&*self.data.path().to_string_lossy(), "DATA");
        Some(UNSTEADY.iter().fold(outcome, |text, (what, mask)| {
            regex::Regex::new(what).unwrap().replace_all(&text, *mask).into_owned()
        }))
    }
}

fn request(id: RequestId) -> RequestData {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.insert("host", "localhost".parse().unwrap());
    RequestData {
        shows_faults: false,
        method: Method::POST,
        uri: "http://localhost/p/1?a=1&b=2&n=12&name=ann&q=x".parse().unwrap(),
        path: Some("/p/1".to_owned()),
        subpath_at: 2,
        params: Params {
            names: ["id", "name", "n", "rest"].map(Arc::from).into(),
            values: ["1", "ann", "3", "a/b"].map(str::to_owned).to_vec(),
        },
        headers,
        body: BODY.into(),
        held: Held::default(),
        client_ip: [127, 0, 0, 1].into(),
        client_cert: None,
        id,
        auth: None,
        scheme: "http",
    }
}

/// What was seen.
#[derive(Default)]
struct Seen {
    same: usize,
    ended: usize,
    wrong: Vec<String>,
}

impl Seen {
    /// Calls all functions of the scripts of a folder in both sites.
    fn compare(&mut self, folder: &Path) {
        let (compiled, interpreted) = (site(folder, true), site(folder, false));
        let (ones, others) = (compiled.plugins(), interpreted.plugins());
        let names = |plugins: &[(&str, &Arc<Plugin>)]| {
            plugins.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&ones), names(&others), "{}", folder.display());
        for ((name, one), (_, other)) in ones.into_iter().zip(others) {
            if LEFT_OUT.contains(&name) {
                continue;
            }
            for function in 0..one.count() {
                let id = RequestId::next();
                let both = |times| {
                    (
                        compiled.outcome(one, function, id, times),
                        interpreted.outcome(other, function, id, times),
                    )
                };
                let outcomes = match both(1) {
                    (None, Some(_)) | (Some(_), None) => both(MORE),
                    outcomes => outcomes,
                };
                match outcomes {
                    (None, None) => self.ended += 1,
                    (outcome, expected) if outcome == expected => self.same += 1,
                    (outcome, expected) => {
                        let told = told(outcome, expected);
                        self.wrong.push(format!("{name}, function {function}\n{told}"));
                    }
                }
            }
        }
    }

    fn end(self, least: usize) {
        println!("{} the same, {} ended by a budget", self.same, self.ended);
        assert!(self.wrong.is_empty(), "{} differ:\n{}", self.wrong.len(), self.wrong.join("\n"));
        assert!(self.same + self.ended >= least, "only {} and {}", self.same, self.ended);
    }
}

/// Two outcomes from where they differ.
fn told(outcome: Option<String>, expected: Option<String>) -> String {
    let text = |text: Option<String>| text.unwrap_or_else(|| "the end of its budget".to_owned());
    let (outcome, expected) = (text(outcome), text(expected));
    let same = outcome.chars().zip(expected.chars()).take_while(|(a, b)| a == b).count();
    let from =
        |text: String| text.chars().skip(same.saturating_sub(80)).take(300).collect::<String>();
    format!("  rhai:     {}\n  compiled: {}", from(expected), from(outcome))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a test with the stack that scripts have.
fn with_room(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 * STACK).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The scripts of a folder of hostile ones, with the libraries that they import.
fn hostile(group: &'static str, least: usize) {
    with_room(move || {
        let folder = tempfile::tempdir().unwrap();
        let from = root().join("tests/hostile");
        for (from, to) in [
            (from.join(group), folder.path().to_owned()),
            (from.join("lib"), folder.path().join("lib")),
        ] {
            fs::create_dir_all(&to).unwrap();
            for file in fs::read_dir(from).unwrap().map(|file| file.unwrap().path()) {
                fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
            }
        }
        let mut seen = Seen::default();
        seen.compare(folder.path());
        seen.end(least);
    });
}

#[test]
fn the_bundled_plugins_and_the_examples_come_to_the_same() {
    with_room(|| {
        let mut seen = Seen::default();
        for folder in ["plugins", "examples/plugins"] {
            seen.compare(&root().join(folder));
        }
        seen.end(20);
    });
}

#[test]
fn the_scripts_that_are_measured_beside_other_servers_are_compiled_and_come_to_the_same() {
    with_room(|| {
        let folder = root().join("tests/beside");
        let compiled = site(&folder, true);
        let plugins = compiled.plugins();
        assert_eq!(plugins.len(), 6);
        for (name, plugin) in plugins {
            assert!(plugin.functions().all(Callback::is_compiled), "{name}");
            assert!(plugin.obstacles().is_empty(), "{name}: {:?}", plugin.obstacles());
        }
        let mut seen = Seen::default();
        seen.compare(&folder);
        seen.end(6);
    });
}

#[test]
fn the_scripts_of_the_documents_come_to_the_same() {
    with_room(|| {
        let mut seen = Seen::default();
        let documents = fs::read_dir(root().join("docs")).unwrap().map(|file| file.unwrap().path());
        for document in documents.chain([root().join("README.md")]) {
            let folder = tempfile::tempdir().unwrap();
            let Ok(text) = fs::read_to_string(&document) else { continue };
            let mut is_none = true;
            for (number, block) in text.split("```rhai").enumerate().skip(1) {
                let (said, rest) = block.split_once('\n').unwrap();
                let (script, _) = rest.split_once("```").unwrap();
                let name = match said.trim().strip_prefix("library=") {
                    Some(library) => format!("{library}.rhai"),
                    None => format!("block{number}.rhai"),
                };
                let file = folder.path().join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, script).unwrap();
                is_none = false;
            }
            if !is_none {
                seen.compare(folder.path());
            }
        }
        seen.end(40);
    });
}

#[test]
fn hostile_scripts_that_take_time_come_to_the_same() {
    hostile("cpu", 90);
}

#[test]
fn hostile_scripts_that_take_memory_come_to_the_same() {
    hostile("memory", 70);
}

#[test]
fn hostile_scripts_with_deep_values_come_to_the_same() {
    hostile("nest", 30);
}

#[test]
fn hostile_scripts_of_answers_come_to_the_same() {
    hostile("wire", 60);
}

#[test]
fn hostile_scripts_of_natives_come_to_the_same() {
    hostile("native", 80);
}

#[test]
fn hostile_scripts_of_files_imports_and_jobs_come_to_the_same() {
    hostile("files", 10);
    hostile("import", 2);
    hostile("jobs", 10);
}

#[test]
fn hostile_scripts_that_load_come_to_the_same() {
    hostile("parse", 1);
    hostile("load", 1);
}
