//! Mutants of the hostile scripts, and of good ones, through compiling, loading and calling: the server
//! must live, answer every call and serve the others.
//!
//! `HOTPLATE_FUZZ_SECONDS` says for how long (8 unless it is set), `HOTPLATE_FUZZ_SEED` with which
//! mutants to begin: a failure names the seed that brings it back.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use crate::harness::{Ask, Project, Server};

/// Scripts that are loaded together.
const BATCH: usize = 24;

/// How many calls of one mutant are made, of each that its routes allow: a piece that is repeated may declare
/// a route two hundred times.
const MOST_CALLS: usize = 24;

/// How many calls are under way at a time.
const AT_ONCE: usize = 8;

/// The longest mutant, in characters.
const LONGEST: usize = 40_000;

/// What a mutant may get in place of a number, or anywhere.
const PIECES: [&str; 44] = [
    "0",
    "-1",
    "9223372036854775807",
    "-9223372036854775807",
    "1e308",
    "0.0",
    "()",
    "null",
    "true",
    "\"\"",
    "\"x\".repeat(1000000)",
    "[]",
    "#{}",
    "|x| x",
    "|| { loop { } }",
    "loop { }",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "#{",
    "`${",
    "/*",
    "//",
    ";",
    ",",
    "=>",
    "??",
    "?.",
    "this",
    "throw",
    "try { ",
    " } catch { }",
    "return",
    "break",
    "continue",
    "fn f() { f() }",
    "req",
    "state::keys()",
    "Fn(\"f\")",
    ".curry(1)",
    ".call()",
];

/// What is sent as JSON.
const BODIES: [&str; 6] =
    ["{}", "[]", "null", "{\"a\":{\"b\":[1,2.5,\"x\"]}}", "[[[[]]]]", "9223372036854775808"];

/// `SplitMix64`: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `most`, or 0.
    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % (most.max(1) as u64)).unwrap()
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// Two places in order, no further apart than `most`.
    fn range(&mut self, length: usize, most: usize) -> (usize, usize) {
        let from = self.below(length + 1);
        (from, (from + self.below(most)).min(length))
    }
}

fn scripts() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let groups = ["cpu", "memory", "nest", "wire", "native", "parse", "load", "import", "files"];
    let folders = groups.iter().map(|group| root.join("tests/hostile").join(group));
    let mut found = Vec::new();
    for folder in folders.chain([root.join("plugins"), root.join("tests/broken")]) {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        let texts = files.iter().filter(|file| file.extension().is_some_and(|end| end == "rhai"));
        found.extend(texts.map(|file| fs::read_to_string(file).unwrap()));
    }
    found
}

fn mutant(random: &mut Random, scripts: &[String]) -> String {
    let mut text: Vec<char> = scripts[random.below(scripts.len())].chars().collect();
    for _ in 0..=random.below(4) {
        mutate(random, &mut text, scripts);
        text.truncate(LONGEST);
    }
    text.into_iter().collect()
}

fn mutate(random: &mut Random, text: &mut Vec<char>, scripts: &[String]) {
    let length = text.len();
    match random.below(8) {
        0 => {
            let (from, to) = random.range(length, 40);
            text.drain(from..to);
        }
        1 => {
            let (from, to) = random.range(length, 60);
            let piece = text[from..to].repeat(1 + random.below(200));
            text.splice(from..from, piece);
        }
        2 => {
            let other: Vec<char> = scripts[random.below(scripts.len())].chars().collect();
            let (from, to) = random.range(other.len(), other.len());
            let at = random.below(length + 1);
            text.splice(at..at, other[from..to].iter().copied());
        }
        3 => {
            let digits: Vec<usize> = (0..length).filter(|&at| text[at].is_ascii_digit()).collect();
            if !digits.is_empty() {
                let at = digits[random.below(digits.len())];
                text.splice(at..=at, random.one_of(&PIECES).chars());
            }
        }
        4 | 5 => {
            let at = random.below(length + 1);
            text.splice(at..at, random.one_of(&PIECES).chars());
        }
        6 => {
            let (open, close) =
                [("(", ")"), ("[", "]"), ("{ ", " }"), ("-", ""), ("|| ", "")][random.below(5)];
            let (from, to) = random.range(length, 30);
            let times = 1 + random.below(300);
            text.splice(to..to, close.repeat(times).chars());
            text.splice(from..from, open.repeat(times).chars());
        }
        _ => {
            let (from, to) = random.range(length, 10);
            text[from..to].reverse();
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A call of each method of each route that is served, or of [`MOST_CALLS`] of a plugin's; in words, whether it
/// is a HEAD, and the request.
fn calls(random: &mut Random, listing: &Value) -> Vec<(String, bool, Ask)> {
    let mut calls = Vec::new();
    for plugin in listing["plugins"].as_array().into_iter().flatten() {
        let routes = plugin["routes"].as_array().into_iter().flatten();
        let mut all: Vec<(&str, &str)> = routes
            .flat_map(|route| {
                let methods = route["methods"].as_array().into_iter().flatten();
                methods.filter_map(|method| Some((method.as_str()?, route["path"].as_str()?)))
            })
            .collect();
        while all.len() > MOST_CALLS {
            all.swap_remove(random.below(all.len()));
        }
        for (method, path) in all {
            let ask = Ask::new(method, &target(random, path)).header("Connection", "close");
            let ask = match random.below(4) {
                0 => ask,
                1 => ask.body("application/json", random.one_of(&BODIES)),
                2 => ask.body("application/x-www-form-urlencoded", "a=1&a=2&b[]="),
                _ => ask.body("text/plain", random.one_of(&PIECES)),
            };
            calls.push((format!("{method} {path}"), method == "HEAD", ask));
        }
    }
    calls
}

/// A path that a pattern matches.
fn target(random: &mut Random, pattern: &str) -> String {
    let mut target = String::new();
    for segment in pattern.split('/').skip(1) {
        let text = match segment.strip_prefix('{') {
            Some(tail) if tail.starts_with('*') => "a/b",
            Some(_) => random.one_of(&["1", "x", "-1", "9223372036854775808"]),
            None => segment,
        };
        target.push('/');
        for byte in text.bytes() {
            match byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
                true => target.push(char::from(byte)),
                false => write!(target, "%{byte:02X}").unwrap(),
            }
        }
    }
    if target.is_empty() { "/".to_owned() } else { target }
}

/// Loads a batch of mutants and calls all that are served; what went wrong, if anything did.
fn batch(server: &Server, seed: u64, scripts: &[String]) -> Result<(), String> {
    let mut random = Random(seed);
    for n in 0..BATCH {
        server.write(&format!("m{n}.rhai"), mutant(&mut random, scripts).as_bytes());
    }
    let mut asking = server.connect();
    asking.begin(&Ask::post("/reload/all").header("Connection", "close"));
    let report = asking.answer(false).ok_or("there is no report")?.json();
    report["loaded_plugins"].as_array().ok_or("the report is none")?;
    let calls = calls(&mut random, &server.get("/plugins").json());
    for some in calls.chunks(AT_ONCE) {
        let mut open: Vec<_> = some.iter().map(|_| server.connect()).collect();
        for ((.., ask), connection) in some.iter().zip(&mut open) {
            connection.begin(ask);
        }
        for ((call, to_head, _), connection) in some.iter().zip(&mut open) {
            connection.answer(*to_head).ok_or(format!("{call} is not answered"))?;
        }
    }
    let answer = server.get("/ok");
    if answer.text() != "ok" {
        return Err(format!("the others are answered {}", answer.status));
    }
    Ok(())
}

#[test]
fn mutants_of_hostile_scripts_do_no_more_harm_than_they() {
    let seconds = number("HOTPLATE_FUZZ_SECONDS").unwrap_or(8);
    let by_time = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let first = number("HOTPLATE_FUZZ_SEED").unwrap_or_else(by_time);
    let scripts = scripts();
    let server = Project::new(&[("ok.rhai", "get(|req| \"ok\");")])
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "50")
        .env("HOTPLATE_LIMITS__LOAD_MS", "50")
        .env("HOTPLATE_LIMITS__MEMORY_BYTES", "16777216")
        .env("HOTPLATE_WATCH__MODE", "off")
        .start();
    let began = Instant::now();
    let mut seed = first;
    while began.elapsed() < Duration::from_secs(seconds) {
        if let Err(why) = batch(&server, seed, &scripts) {
            let left = std::env::temp_dir().join(format!("hotplate-mutants-{seed}"));
            drop(fs::create_dir_all(&left));
            for n in 0..BATCH {
                let name = format!("m{n}.rhai");
                drop(fs::copy(server.plugins().join(&name), left.join(&name)));
            }
            panic!("{why}: HOTPLATE_FUZZ_SEED={seed} brings it back; see {}", left.display());
        }
        seed += 1;
    }
    eprintln!("seeds {first} to {}, {BATCH} mutants each", seed - 1);
    assert!(server.terminate().status.success());
}
