//! Programs that nobody wrote, for as long as there is time: those of our generator and of Rhai's own.
//!
//! `COMPILE_SECONDS` says for how long (10 unless it is set). A program that differs has its number printed and
//! kept in `target/compile-seeds.txt`; `COMPILE_SEED` repeats that program alone. What was found is mended
//! with a program in [`super::corpus`], because numbers mean other programs once a generator changes.

use std::{
    fs,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use super::{
    generator, grain,
    made::{Made, engine},
    ran,
    rhai::{HOOKS, begin, operations},
    with_room,
};

/// How long programs are made, in seconds.
const SECONDS: u64 = 10;

/// The program of a number: of even ones it is ours, of odd ones Rhai's.
fn program(seed: u64) -> String {
    if seed.is_multiple_of(2) { generator::program(seed) } else { grain::program(seed) }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Keeps the number of a program that differs beside what was built.
fn keep(seed: u64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("compile-seeds.txt");
    let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
    writeln!(file, "{seed}").unwrap();
}

#[test]
fn generated_programs_give_what_rhai_gives() {
    with_room(generated);
}

/// Both outcomes must be the same, unless one of them took too long.
fn check(engine: &Made, source: &str) {
    match ran(engine, source, HOOKS, begin) {
        Ok((expected, compiled)) => {
            let is_long = [&expected, &compiled].iter().any(|it| it.contains("ErrorTerminated"));
            assert!(is_long || compiled == expected, "{source}\n  {expected}\n  {compiled}");
        }
        Err(obstacle) => panic!("not compiled: {obstacle:?}\n{source}"),
    }
}

fn generated() {
    let mut engine = engine();
    engine.0.on_progress(|_| operations(1));
    if let Some(seed) = number("COMPILE_SEED") {
        let source = program(seed);
        println!("{source}");
        return check(&engine, &source);
    }
    let seconds = Duration::from_secs(number("COMPILE_SECONDS").unwrap_or(SECONDS));
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let first = u64::try_from(since.as_micros()).unwrap();
    let (began, mut compared) = (Instant::now(), [0_u32; 2]);
    for seed in first.. {
        if began.elapsed() >= seconds {
            break;
        }
        let source = program(seed);
        // Rhai refuses some of them, such as a condition that cannot be one.
        if engine.0.compile(&source).is_err() {
            continue;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| check(&engine, &source)));
        if outcome.is_err() {
            keep(seed);
            panic!("repeat it with COMPILE_SEED={seed}");
        }
        compared[usize::from(seed % 2 == 1)] += 1;
    }
    let [ours, of_rhai] = compared;
    println!("{ours} programs of ours and {of_rhai} of Rhai's, from {first} on");
    assert!(ours > 20 && of_rhai > 20, "only {ours} and {of_rhai}");
}
