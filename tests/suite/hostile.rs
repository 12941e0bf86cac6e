//! The scripts of `tests/hostile`: the first comment of each says what must happen to it, and within
//! what time. Each folder is a group with a server of its own.
//!
//! Whatever they do, the server lives, others are answered, its memory stays within bounds, nothing
//! that they try to smuggle reaches the wire, and no answer tells a path or a key.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use crate::harness::{Answer, Ask, Project, Server, wait_until};

/// How long a call and a load may take here: less than usual, for there are many.
const TIME_MS: &str = "500";

/// How much the memory of the server may grow while one script is loaded, in bytes.
const MOST_GROWTH: u64 = 256 << 20;

/// How much it may while one answers a request: the 64 MiB that a call may hold, and the 256 MiB of its
/// thread's stack, which an unoptimised build fills on a machine that is quick enough.
const MOST_OF_A_CALL: u64 = 320 << 20;

/// How much more it may have when all have run, without what they keep in `state`, in bytes.
const MOST_LEFT: u64 = 64 << 20;

/// How long another route may take while hostile scripts run, on a machine that does much else.
const OTHERS: Duration = Duration::from_secs(5);

/// What must happen to a script.
#[derive(Debug)]
enum Expected {
    /// A request is answered with one of these statuses.
    Request(Vec<u16>),
    /// A request is answered, and the body ends before its end.
    Cut,
    /// The script is served or fails to load.
    Load { may_serve: bool, may_fail: bool },
}

#[derive(Debug)]
struct Hostile {
    name: String,
    text: String,
    expected: Expected,
    within: Duration,
}

impl Hostile {
    /// Reads what the first comment says.
    fn of(name: &str, text: &str) -> Self {
        let first = text.lines().next().unwrap_or_default();
        let said = first.strip_prefix("// ").unwrap_or_else(|| panic!("{name} says nothing"));
        let (what, rest) = said.split_once(" within ").unwrap_or_else(|| panic!("{name}: {said}"));
        let seconds = rest.split(' ').next().unwrap().parse().unwrap();
        let words = |list: &str| {
            let words = list.split([',', ' ']).filter(|word| !matches!(*word, "" | "or" | "is"));
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let expected = if let Some(statuses) = what.strip_prefix("request: ") {
            match statuses {
                "cut" => Expected::Cut,
                list => Expected::Request(words(list).iter().map(|s| s.parse().unwrap()).collect()),
            }
        } else {
            let words =
                words(what.strip_prefix("load: ").unwrap_or_else(|| panic!("{name}: {said}")));
            assert!(
                words.iter().all(|word| ["served", "fails"].contains(&&**word)),
                "{name}: {said}"
            );
            let has = |wanted: &str| words.iter().any(|word| word == wanted);
            Expected::Load { may_serve: has("served"), may_fail: has("fails") }
        };
        let within = Duration::from_secs(seconds);
        Self { name: name.to_owned(), text: text.to_owned(), expected, within }
    }
}

fn folder(name: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile").join(name);
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            (stem, fs::read_to_string(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

fn group(name: &str) -> Vec<Hostile> {
    let found: Vec<_> = folder(name).iter().map(|(name, text)| Hostile::of(name, text)).collect();
    // One script of a group alone, for whoever looks into it.
    match std::env::var("HOTPLATE_HOSTILE") {
        Ok(only) => found.into_iter().filter(|hostile| hostile.name.contains(&only)).collect(),
        Err(_) => found,
    }
}

/// How functions of scripts are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// As it is set by default: compiled where they can be.
    Usual,
    /// By the interpreter alone.
    Interpreted,
}

/// A server with a plugin that must always answer, and the libraries of the hostile.
fn server(scripts: &[Hostile], run: Run) -> Server {
    let project = Project::new(&[("ok.rhai", "get(|req| \"ok\");")]);
    fs::create_dir(project.plugins().join("lib")).unwrap();
    for (name, text) in folder("lib") {
        project.save(&format!("lib/{name}.rhai"), &text);
    }
    for hostile in scripts {
        project.save(&format!("{}.rhai", hostile.name), &hostile.text);
    }
    project
        .env("HOTPLATE_LIMITS__SCRIPT_MS", TIME_MS)
        .env("HOTPLATE_LIMITS__LOAD_MS", TIME_MS)
        .env("HOTPLATE_WATCH__MODE", "off")
        .env("HOTPLATE_LIMITS__COMPILE", if run == Run::Usual { "true" } else { "false" })
        .env("HOTPLATE_NETWORK__WORKERS", "2")
        .start()
}

/// Others are served as if nothing were.
#[track_caller]
fn assert_serves(server: &Server, after: &str) {
    let began = Instant::now();
    assert_eq!(server.get("/ok").ok(), "ok", "after {after}");
    assert!(began.elapsed() < OTHERS, "another route took {:?} beside {after}", began.elapsed());
}

/// What is wrong with an answer to a hostile script, if anything is.
fn fault(hostile: &Hostile, answer: &Answer, took: Duration, root: &str) -> Option<String> {
    let told = format!("{:?} {}", answer.headers, answer.text());
    let shown: String = told.chars().take(600).collect();
    let fits = match &hostile.expected {
        Expected::Request(statuses) => statuses.contains(&answer.status) && answer.whole,
        Expected::Cut => answer.status == 200 && !answer.whole,
        Expected::Load { .. } => true,
    };
    let name = &hostile.name;
    if !fits {
        let (status, whole) = (answer.status, answer.whole);
        return Some(format!(
            "{name}: {status}, whole {whole}, not {:?}: {shown}",
            hostile.expected
        ));
    }
    if took > hostile.within {
        return Some(format!("{name} took {took:?}"));
    }
    let smuggled = answer.header("x-injected").is_some()
        || answer.headers.iter().any(|(_, value)| value.to_lowercase().contains("; domain=evil"));
    if smuggled || told.contains(root) {
        return Some(format!("{name} smuggled something out: {shown}"));
    }
    None
}

/// How many threads of scripts work while nobody asks for anything.
fn at_work(server: &Server) -> usize {
    let threads = || {
        let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
        let tasks = tasks.map(|task| task.unwrap().path());
        let stats = tasks.filter_map(|task| fs::read_to_string(task.join("stat")).ok());
        let ours = stats.filter(|stat| stat.contains("(hotplate-script)"));
        // The number of the thread, and the ticks it has used.
        let used = ours.map(|stat| {
            let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
            (stat.split(' ').next().unwrap().to_owned(), ticks)
        });
        used.collect::<std::collections::HashMap<_, _>>()
    };
    let before = threads();
    std::thread::sleep(Duration::from_millis(200));
    let after = threads();
    after.iter().filter(|(thread, used)| before.get(*thread).is_some_and(|b| b < used)).count()
}

/// Asks for each script, `at_a_time` together.
fn requests(name: &str, at_a_time: usize, run: Run) {
    let scripts = group(name);
    let server = server(&scripts, run);
    let root = server.root().to_string_lossy().into_owned();
    server.forget_peak_memory();
    let start = server.peak_memory();
    let mut faults = Vec::new();
    for some in scripts.chunks(at_a_time) {
        server.forget_peak_memory();
        let before = server.peak_memory();
        let began = Instant::now();
        let mut open: Vec<_> = some.iter().map(|_| server.connect()).collect();
        for (hostile, connection) in some.iter().zip(&mut open) {
            let target = format!("/{}", hostile.name);
            connection.begin(&Ask::get(&target).header("Connection", "close"));
        }
        let names: Vec<_> = some.iter().map(|hostile| hostile.name.as_str()).collect();
        assert_serves(&server, &names.join(", "));
        for (hostile, connection) in some.iter().zip(&mut open) {
            match connection.answer(false) {
                Some(answer) => faults.extend(fault(hostile, &answer, began.elapsed(), &root)),
                None => faults.push(format!("{} has no answer", hostile.name)),
            }
        }
        let growth = server.peak_memory().saturating_sub(before);
        if at_a_time == 1 && growth > MOST_OF_A_CALL {
            faults.push(format!("{} took {} MiB", names.join(", "), growth >> 20));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert_serves(&server, "all of them");
    let kept: u64 = scripts
        .iter()
        .filter_map(|hostile| server.plugin(&hostile.name)["state_bytes"].as_u64())
        .sum();
    let left = || {
        server.forget_peak_memory();
        server.peak_memory().saturating_sub(start + kept)
    };
    wait_until("what the scripts took is given back", || left() < MOST_LEFT);
    wait_until("no thread works on", || at_work(&server) == 0);
    let ended = server.terminate();
    assert!(ended.status.success(), "{:?}", ended.status);
    let longest = ended.stderr.lines().map(str::len).max().unwrap_or_default();
    assert!(longest < 64 << 10, "a line of the log has {longest} bytes");
}

/// Loads each script beside the others.
fn loads(name: &str) {
    let scripts = group(name);
    let server = server(&[], Run::Usual);
    let root = server.root().to_string_lossy().into_owned();
    let mut faults = Vec::new();
    for hostile in &scripts {
        let Expected::Load { may_serve, may_fail } = hostile.expected else {
            faults.extend(one_request(&server, hostile, &root));
            continue;
        };
        let file = format!("{}.rhai", hostile.name);
        server.save(&file, &hostile.text);
        server.forget_peak_memory();
        let before = server.peak_memory();
        let began = Instant::now();
        let mut loading = server.connect();
        loading.begin(&Ask::post(&format!("/reload/{}", hostile.name)));
        assert_serves(&server, &hostile.name);
        let answer = loading.answer(false).unwrap_or_else(|| panic!("{}: no report", hostile.name));
        let took = began.elapsed();
        faults.extend(fault(hostile, &answer, took, &root));
        let loaded = answer.status == 200;
        let fits = if loaded { may_serve } else { may_fail && answer.status == 422 };
        if !fits {
            let told: String = answer.text().chars().take(600).collect();
            faults.push(format!("{}: {} {told}", hostile.name, answer.status));
        }
        if loaded {
            server.get(&format!("/{}", hostile.name));
        }
        let growth = server.peak_memory().saturating_sub(before);
        if growth > MOST_GROWTH {
            faults.push(format!("{} took {} MiB", hostile.name, growth >> 20));
        }
        server.remove(&file);
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    server.report();
    assert_serves(&server, "all of them");
    let ended = server.terminate();
    assert!(ended.status.success(), "{:?}", ended.status);
}

fn one_request(server: &Server, hostile: &Hostile, root: &str) -> Option<String> {
    let file = format!("{}.rhai", hostile.name);
    server.save(&file, &hostile.text);
    server.reload(&hostile.name);
    let began = Instant::now();
    let answer = server.get(&format!("/{}", hostile.name));
    let found = fault(hostile, &answer, began.elapsed(), root);
    server.remove(&file);
    found
}

#[test]
fn hostile_scripts_that_take_time_are_stopped() {
    requests("cpu", 4, Run::Usual);
}

#[test]
fn hostile_scripts_that_take_time_are_stopped_by_the_interpreter_too() {
    requests("cpu", 4, Run::Interpreted);
}

#[test]
fn hostile_scripts_with_deep_values_are_stopped_by_the_interpreter_too() {
    requests("nest", 1, Run::Interpreted);
}

#[test]
fn hostile_scripts_that_take_memory_are_stopped() {
    requests("memory", 1, Run::Usual);
}

#[test]
fn hostile_scripts_with_deep_values_are_stopped() {
    requests("nest", 1, Run::Usual);
}

#[test]
fn hostile_scripts_put_nothing_odd_on_the_wire() {
    requests("wire", 4, Run::Usual);
}

#[test]
fn hostile_scripts_find_no_native_that_gives_up() {
    requests("native", 4, Run::Usual);
}

#[test]
fn hostile_scripts_keep_no_file_outside_their_folder_and_fill_no_disk() {
    requests("files", 4, Run::Usual);
}

#[test]
fn hostile_scripts_do_not_end_the_parser() {
    loads("parse");
}

#[test]
fn hostile_scripts_are_stopped_while_they_load() {
    loads("load");
}

#[test]
fn hostile_scripts_import_nothing_from_elsewhere() {
    loads("import");
}

#[test]
fn hostile_jobs_are_refused_or_do_no_harm_while_they_load() {
    loads("jobs");
}

#[test]
fn hostile_jobs_are_stopped_all_at_once() {
    let scripts: Vec<_> = group("jobs")
        .into_iter()
        .filter(|hostile| matches!(hostile.expected, Expected::Request(_)))
        .collect();
    let server = server(&scripts, Run::Usual);
    let before = server.peak_memory();
    let is_over =
        |job: &serde_json::Value, plugin: &str| job["plugin"] == plugin && !job["last"].is_null();
    let began = Instant::now();
    for hostile in &scripts {
        loop {
            let jobs = server.get("/plugins").json()["jobs"].as_array().cloned().unwrap();
            if jobs.iter().any(|job| is_over(job, &hostile.name)) {
                break;
            }
            let waited = began.elapsed();
            assert!(waited < Duration::from_secs(60), "no job of {} has ended", hostile.name);
            assert_serves(&server, &hostile.name);
        }
    }
    for hostile in &scripts {
        let asked = Instant::now();
        assert_eq!(server.get(&format!("/{}", hostile.name)).ok(), "ok", "{}", hostile.name);
        assert!(asked.elapsed() < hostile.within, "{} took {:?}", hostile.name, asked.elapsed());
    }
    let growth = server.peak_memory().saturating_sub(before);
    assert!(growth < 4 * MOST_GROWTH, "the server grew by {} MiB", growth >> 20);
    let ended = server.terminate();
    assert!(ended.status.success(), "{:?}", ended.status);
    let longest = ended.stderr.lines().map(str::len).max().unwrap_or_default();
    assert!(longest < 64 << 10, "a line of the log has {longest} bytes");
    assert!(!ended.stderr.lines().any(|line| line.starts_with("ERROR forged")));
}

#[test]
fn there_are_many_hostile_scripts() {
    let groups =
        ["cpu", "memory", "nest", "wire", "native", "parse", "load", "import", "jobs", "files"];
    let all: usize = groups.iter().map(|name| folder(name).len()).sum();
    assert!(all >= 150, "only {all}");
}
