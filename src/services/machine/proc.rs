//! What Linux tells in `/proc` and `/sys`, and nothing elsewhere.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

/// Clock ticks in a second, as `/proc/stat` counts them on every system that runs this.
const TICKS: f64 = 100.0;

/// The fields of the line of all processors in `/proc/stat`.
const TIMES: [&str; 10] =
    ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"];

/// Seconds since the start, to the hundredth.
pub(super) fn uptime() -> Option<f64> {
    fs::read_to_string("/proc/uptime").ok()?.split(' ').next()?.parse().ok()
}

/// Seconds that the processors spent in each state, all together.
pub(super) fn cpu_times() -> Option<Value> {
    times(&fs::read_to_string("/proc/stat").ok()?)
}

fn times(stat: &str) -> Option<Value> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let numbers = line.split_whitespace().map(|ticks| ticks.parse::<f64>().unwrap_or(0.0) / TICKS);
    // Older systems have fewer states.
    let numbers = numbers.chain(std::iter::repeat(0.0));
    let named =
        TIMES.iter().zip(numbers).map(|(name, seconds)| ((*name).to_owned(), json!(seconds)));
    Some(Value::Object(named.collect()))
}

/// How often something happened since the start: switches between processes, interrupts.
pub(super) fn cpu_stats() -> Option<Value> {
    stats(&fs::read_to_string("/proc/stat").ok()?)
}

fn stats(stat: &str) -> Option<Value> {
    let of = |name: &str| {
        let line = stat.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some(json!({
        "switches": of("ctxt ")?,
        "interrupts": of("intr ")?,
        "soft_interrupts": of("softirq "),
    }))
}

/// The lines of `/proc/meminfo`, in bytes.
pub(super) fn memory() -> BTreeMap<String, u64> {
    meminfo(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

fn meminfo(text: &str) -> BTreeMap<String, u64> {
    let entry = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let number: u64 = rest.split_whitespace().next()?.parse().ok()?;
        let factor = if rest.trim_end().ends_with("kB") { 1024 } else { 1 };
        Some((name.to_owned(), number.saturating_mul(factor)))
    };
    text.lines().filter_map(entry).collect()
}

/// A frequency of the first processor, in MHz.
pub(super) fn megahertz(name: &str) -> Option<f64> {
    let path = format!("/sys/devices/system/cpu/cpu0/cpufreq/{name}");
    let kilohertz: f64 = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    Some(kilohertz / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes_is_read() {
        let stat = "cpu  100 2 300 4000 5 0 6 7\ncpu0 1\nintr 99 1 2\nctxt 77\nsoftirq 55 1\n";
        let told = times(stat).unwrap();
        assert_eq!(
            (&told["user"], &told["idle"], &told["guest"]),
            (&json!(1.0), &json!(40.0), &json!(0.0))
        );
        assert_eq!(
            stats(stat).unwrap(),
            json!({ "switches": 77, "interrupts": 99, "soft_interrupts": 55 })
        );
        let memory = meminfo("MemTotal:  10 kB\nHugePages_Total:  3\nodd\n");
        assert_eq!((memory["MemTotal"], memory["HugePages_Total"]), (10_240, 3));
        assert!(times("").is_none() && stats("").is_none());
    }
}
