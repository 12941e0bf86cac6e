//! What compiling a script's functions buys: each of them as Rhai walks it and as it was compiled, in one
//! process, taking turns. `cargo bench --bench compiled` runs it; what it prints is told in README.md.
//!
//! With names after `--bench`, only those are run; with `interpreted` or `compiled` before a name, that one
//! is called once and nothing is printed, for tools that count instructions.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it is a program for people")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use hotplate::measured::{self, Function};
use rhai::Dynamic;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The least time of one round.
const ROUND: Duration = Duration::from_millis(40);

/// How many arguments are made before they are used, which is not measured.
const AT_ONCE: u32 = 64;

/// How many rounds there are of each.
const ROUNDS: usize = 11;

/// What `order` is called with: a kilobyte of JSON, as it comes from a client. The others take no argument.
fn argument() -> Dynamic {
    let item = r#"{"sku":"SKU-001","qty":3,"price":995,"tags":["a","t1"],"gift":false}"#;
    let items = [item; 9].join(",");
    let customer =
        r#"{"name":"Ada Lovelace","address":{"street":"12 St James Sq","city":"London"}}"#;
    let text = format!(r#"{{"id":4711,"customer":{customer},"items":[{items}],"notes":""}}"#);
    measured::parse(text.as_bytes()).unwrap()
}

const SCRIPTS: [(&str, &str); 9] = [
    (
        "fib",
        "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }
        on_start(|| fib(20));",
    ),
    (
        "while",
        "on_start(|| {
            let i = 0;
            let sum = 0;
            while i < 10000 {
                if i % 3 == 0 { sum += i; }
                i += 1;
            }
            sum
        });",
    ),
    (
        "for",
        "on_start(|| {
            let sum = 0;
            for i in 0..10000 {
                let square = i * i;
                sum = (sum + square) % 1000003;
            }
            sum
        });",
    ),
    (
        "list",
        "on_start(|| {
            let items = [];
            for i in 0..1000 {
                items.push(#{ id: i, name: `item ${i}`, price: i * 3, even: i % 2 == 0 });
            }
            items
        });",
    ),
    (
        "order",
        "before(|order| {
            let lines = [];
            let total = 0;
            for item in order.items {
                let line = item.qty * item.price;
                total += line;
                lines.push(#{ sku: item.sku, total: line });
            }
            #{
                id: order.id,
                customer: order.customer.name.to_upper(),
                city: order.customer.address.city,
                lines: lines,
                total: total,
            }
        });",
    ),
    (
        "constant",
        r#"const ITEM = #{ sku: "SKU-001", qty: 3, price: 995, tags: ["a", "t1"] };
        const ORDER = #{ id: 4711, items: [ITEM, ITEM, ITEM, ITEM, ITEM, ITEM, ITEM, ITEM, ITEM], notes: "" };
        on_start(|| {
            let order = ORDER;
            let total = 0;
            for item in order.items { total += item.qty * item.price; }
            total
        });"#,
    ),
    (
        "natives",
        r#"on_start(|| {
            let sum = 0;
            for i in 0..1000 {
                sum += parse_int("42") + max(i, 7) + abs(i - 500);
                if "blue".contains("l") { sum += "sky".len(); }
            }
            sum
        });"#,
    ),
    (
        "closures",
        "on_start(|| {
            let items = [];
            for i in 0..100 { items.push(i); }
            items.map(|x| x * 2).filter(|x| x % 3 == 0).reduce(|sum, x| sum + x, 0)
        });",
    ),
    (
        "text",
        r#"on_start(|| {
            let text = "";
            for i in 0..100 {
                let part = `${i}, `;
                text += part;
                if part == "50, " { text += "half way, "; }
            }
            text.trim();
            text
        });"#,
    ),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Anything but `cargo bench` only wants to know that it compiles.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let chosen = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !SCRIPTS.iter().any(|(name, _)| chosen(name));
    let wanted = SCRIPTS.iter().filter(|(name, _)| all || chosen(name));
    if chosen("interpreted") || chosen("compiled") {
        for (_, script) in wanted {
            let function = Function::of(script, chosen("compiled")).unwrap();
            // What natives there are is known after the second call.
            for _ in 0..4 {
                drop(black_box(function.call([argument()]).unwrap()));
            }
        }
        return;
    }
    println!("{:<12} {:>14} {:>14} {:>8} {:>9}", "", "interpreted", "compiled", "ratio", "spread");
    for (name, script) in wanted {
        compare(name, script);
    }
}

/// Prints the median times of a call, and that of the ratios with how far the middle half is apart.
fn compare(name: &str, script: &str) {
    let both = [false, true].map(|is_compiled| Function::of(script, is_compiled).unwrap());
    let values =
        both.each_ref().map(|function| format!("{:?}", function.call([argument()]).unwrap()));
    assert_eq!(values[0], values[1], "{name}");
    let times = both.each_ref().map(times_of_a_round);
    let mut rounds: Vec<[f64; 2]> = (0..ROUNDS)
        .map(|_| {
            let time =
                |at: usize| time(&both[at], times[at]).as_secs_f64() * 1e6 / f64::from(times[at]);
            [time(0), time(1)]
        })
        .collect();
    let median = |of: &dyn Fn(&[f64; 2]) -> f64, rounds: &mut Vec<[f64; 2]>, at: usize| {
        rounds.sort_by(|a, b| of(a).total_cmp(&of(b)));
        of(&rounds[at])
    };
    let interpreted = median(&|round| round[0], &mut rounds, ROUNDS / 2);
    let compiled = median(&|round| round[1], &mut rounds, ROUNDS / 2);
    let [low, ratio, high] = [ROUNDS / 4, ROUNDS / 2, ROUNDS - 1 - ROUNDS / 4]
        .map(|at| median(&|round| round[0] / round[1], &mut rounds, at));
    println!(
        "{name:<12} {interpreted:>11.1} µs {compiled:>11.1} µs {ratio:>8.1} {:>7.1} %",
        (high - low) / ratio * 100.0
    );
}

fn times_of_a_round(function: &Function) -> u32 {
    let mut times = 1;
    while time(function, times) < ROUND && times < 1 << 20 {
        times *= 2;
    }
    times
}

fn time(function: &Function, times: u32) -> Duration {
    let mut took = Duration::ZERO;
    let mut left = times;
    while left > 0 {
        let some = left.min(AT_ONCE);
        let arguments: Vec<Dynamic> = (0..some).map(|_| argument()).collect();
        let began = Instant::now();
        for argument in arguments {
            drop(black_box(function.call([argument])));
        }
        took += began.elapsed();
        left -= some;
    }
    took
}
