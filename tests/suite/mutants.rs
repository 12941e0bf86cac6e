//! Mutants of the hostile scripts, and of good ones, through compiling, loading and calling: the server
//! must live, answer every call and serve the others.
//!
//! `HOTPLATE_FUZZ_SECONDS` says for how long (8 unless it is set), `HOTPLATE_FUZZ_SEED` with which
//! mutants to begin: a failure names the seed that brings it back, and leaves the least that does.

use std::{
    cell::RefCell,
    fmt::Write as _,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    prop_oneof,
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
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

/// A choice that a case leaves to chance: it is made anew from its number.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        // The steps of `SplitMix64`.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (most.max(1) as u64)).unwrap()
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

fn scripts() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let groups = [
        "cpu", "memory", "nest", "wire", "native", "parse", "load", "import", "files", "jobs",
        "lib",
    ];
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

/// One change of a text. Places are parts of whatever length it has by then.
#[derive(Debug, Clone)]
enum Change {
    Cut { at: Index, length: usize },
    Repeat { at: Index, length: usize, times: usize },
    Graft { from: Index, at: Index, to: Index },
    InPlaceOfADigit { at: Index, piece: &'static str },
    Insert { at: Index, piece: &'static str },
    Wrap { at: Index, length: usize, with: (&'static str, &'static str), times: usize },
    Reverse { at: Index, length: usize },
}

fn change() -> impl Strategy<Value = Change> {
    let at = || any::<Index>();
    let piece = || select(&PIECES[..]);
    let with = select(&[("(", ")"), ("[", "]"), ("{ ", " }"), ("-", ""), ("|| ", "")][..]);
    prop_oneof![
        (at(), 0..40_usize).prop_map(|(at, length)| Change::Cut { at, length }),
        (at(), 0..60_usize, 1..200_usize).prop_map(|(at, length, times)| Change::Repeat {
            at,
            length,
            times
        }),
        (at(), at(), at()).prop_map(|(from, at, to)| Change::Graft { from, at, to }),
        (at(), piece()).prop_map(|(at, piece)| Change::InPlaceOfADigit { at, piece }),
        (at(), piece()).prop_map(|(at, piece)| Change::Insert { at, piece }),
        (at(), 0..30_usize, with, 1..300_usize)
            .prop_map(|(at, length, with, times)| Change::Wrap { at, length, with, times }),
        (at(), 0..10_usize).prop_map(|(at, length)| Change::Reverse { at, length }),
    ]
}

impl Change {
    fn apply(&self, text: &mut Vec<char>, scripts: &[String]) {
        let all = text.len();
        let piece = |at: &Index, length: usize| {
            let from = at.index(all + 1);
            (from, (from + length).min(all))
        };
        match self {
            Self::Cut { at, length } => {
                let (from, to) = piece(at, *length);
                text.drain(from..to);
            }
            Self::Repeat { at, length, times } => {
                let (from, to) = piece(at, *length);
                let repeated = text[from..to].repeat(*times);
                text.splice(from..from, repeated);
            }
            Self::Graft { from, at, to } => {
                let other: Vec<char> = scripts[from.index(scripts.len())].chars().collect();
                let begin = to.index(other.len() + 1);
                let place = at.index(all + 1);
                text.splice(place..place, other[begin..].iter().copied());
            }
            Self::InPlaceOfADigit { at, piece } => {
                let digits: Vec<usize> = (0..all).filter(|&at| text[at].is_ascii_digit()).collect();
                if !digits.is_empty() {
                    let at = *at.get(&digits);
                    text.splice(at..=at, piece.chars());
                }
            }
            Self::Insert { at, piece } => {
                let at = at.index(all + 1);
                text.splice(at..at, piece.chars());
            }
            Self::Wrap { at, length, with: (open, close), times } => {
                let (from, to) = piece(at, *length);
                text.splice(to..to, close.repeat(*times).chars());
                text.splice(from..from, open.repeat(*times).chars());
            }
            Self::Reverse { at, length } => {
                let (from, to) = piece(at, *length);
                text[from..to].reverse();
            }
        }
        text.truncate(LONGEST);
    }
}

/// Texts that are loaded together, and the number of what else is left to chance.
fn batches(scripts: Arc<[String]>) -> impl Strategy<Value = (Vec<String>, u64)> {
    let mutant = (any::<Index>(), vec(change(), 1..5)).prop_map(move |(script, changes)| {
        let mut text: Vec<char> = scripts[script.index(scripts.len())].chars().collect();
        changes.iter().for_each(|change| change.apply(&mut text, &scripts));
        text.into_iter().collect()
    });
    (vec(mutant, 1..=BATCH), any::<u64>())
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A call of each method of each route that is served, or of [`MOST_CALLS`] of a plugin's; in words, whether it
/// is a HEAD, and the request.
fn calls(random: &mut Chance, listing: &Value) -> Vec<(String, bool, Ask)> {
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
fn target(random: &mut Chance, pattern: &str) -> String {
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

/// Loads texts and calls all that are served; what went wrong, if anything did.
fn call_all(server: &Server, texts: &[String], chance: u64) -> Result<(), String> {
    for n in 0..BATCH {
        let name = format!("m{n}.rhai");
        match texts.get(n) {
            Some(text) => server.write(&name, text.as_bytes()),
            None => drop(fs::remove_file(server.plugins().join(&name))),
        }
    }
    let mut asking = server.try_connect()?;
    asking.begin(&Ask::post("/reload/all").header("Connection", "close"));
    let report = asking.answer(false).ok_or("there is no report")?.json();
    report["loaded_plugins"].as_array().ok_or("the report is none")?;
    let calls = calls(&mut Chance(chance), &server.get("/plugins").json());
    for some in calls.chunks(AT_ONCE) {
        let open = some.iter().map(|_| server.try_connect());
        let mut open = open.collect::<Result<Vec<_>, _>>()?;
        for ((.., ask), connection) in some.iter().zip(&mut open) {
            connection.begin(ask);
        }
        for ((call, to_head, _), connection) in some.iter().zip(&mut open) {
            connection.answer(*to_head).ok_or(format!("{call} is not answered"))?;
        }
    }
    let mut asking = server.try_connect()?;
    let answer = asking.ask(&Ask::get("/ok").header("Connection", "close"));
    if answer.text() != "ok" {
        return Err(format!("the others are answered {}", answer.status));
    }
    Ok(())
}

fn server() -> Server {
    Project::new(&[("ok.rhai", "get(|req| \"ok\");")])
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "50")
        .env("HOTPLATE_LIMITS__LOAD_MS", "50")
        .env("HOTPLATE_LIMITS__MEMORY_BYTES", "16777216")
        .env("HOTPLATE_WATCH__MODE", "off")
        .start()
}

/// Whatever is done to a server by a case, the next case has one that lives.
fn survives(
    running: &RefCell<Option<Server>>,
    texts: &[String],
    chance: u64,
) -> Result<(), TestCaseError> {
    let served = running.take().unwrap_or_else(server);
    let called = catch_unwind(AssertUnwindSafe(|| call_all(&served, texts, chance)));
    match called {
        Ok(Ok(())) => {
            running.replace(Some(served));
            Ok(())
        }
        Ok(Err(why)) => Err(TestCaseError::fail(why)),
        Err(_) => Err(TestCaseError::fail("it gave no answer, or a broken one")),
    }
}

#[test]
fn mutants_of_hostile_scripts_do_no_more_harm_than_they() {
    let seconds = number("HOTPLATE_FUZZ_SECONDS").unwrap_or(8);
    let by_time = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let first = number("HOTPLATE_FUZZ_SEED").unwrap_or_else(by_time);
    let batches = batches(scripts().into());
    let running = RefCell::new(None);
    let began = Instant::now();
    let mut seed = first;
    while began.elapsed() < Duration::from_secs(seconds) {
        let config = Config {
            cases: 1,
            failure_persistence: None,
            max_shrink_iters: 1_000,
            max_shrink_time: 120_000,
            ..Config::default()
        };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let run = runner.run(&batches, |(texts, chance)| survives(&running, &texts, chance));
        if let Err(TestError::Fail(why, (texts, _))) = &run {
            let left = std::env::temp_dir().join(format!("hotplate-mutants-{seed}"));
            drop(fs::create_dir_all(&left));
            for (n, text) in texts.iter().enumerate() {
                drop(fs::write(left.join(format!("m{n}.rhai")), text));
            }
            let left = left.display();
            panic!("{why}: HOTPLATE_FUZZ_SEED={seed} brings it back; the least of it is in {left}");
        }
        run.unwrap();
        seed += 1;
    }
    eprintln!("seeds {first} to {}, up to {BATCH} mutants each", seed - 1);
    let last = running.take();
    assert!(last.is_none_or(|server| server.terminate().status.success()));
}
