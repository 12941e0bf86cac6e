//! `system::`, the machine that the server runs on.
//!
//! Each call reads anew, on a thread of its own: a file system that hangs holds nobody up for longer than
//! a script may run.

use std::time::Duration;

use rhai::{Dynamic, Module};

use super::define::{native, not_while_loading, refusal};
use crate::{
    script::{Native, budget, json},
    services::machine::{Machine, Part},
};

/// How long a reading is waited for where no deadline is in force.
const PATIENCE: Duration = Duration::from_secs(10);

/// The functions of `system::`.
pub(crate) fn module() -> Module {
    let machine = Machine::default();
    let mut module = Module::new();
    for (name, part, returns, about) in [
        (
            "cpu",
            Part::Cpu,
            "Map",
            "The processors: model, count, physical, mhz, mhz_min, mhz_max, load, times, stats.",
        ),
        (
            "memory",
            Part::Memory,
            "Map",
            "The memory, in bytes: total, available, free, used, percent, cached, buffers, active, \
             inactive, shared, slab, swap_total, swap_free, swap_used.",
        ),
        (
            "disks",
            Part::Disks,
            "Array",
            "The mounted disks, in bytes: device, mount, fstype, total, free, used, percent, \
             read_only, removable.",
        ),
        (
            "networks",
            Part::Networks,
            "Array",
            "The network interfaces: name, addresses, mac, mtu, received, transmitted (bytes).",
        ),
        ("uptime", Part::Uptime, "f64", "Seconds since the machine was started."),
        (
            "os",
            Part::Os,
            "Map",
            "The operating system: name, version, sysname, release, build, machine, hostname.",
        ),
        (
            "upgrades",
            Part::Upgrades,
            "Dynamic",
            "How many Debian packages have a newer version in apt's lists, or null where that is not \
             known. Takes a second or so: ask in a job.",
        ),
    ] {
        let machine = machine.clone();
        native(name, &[returns], about)
            .set_into_module(&mut module, move || read(&machine, name, part));
    }
    module
}

fn read(machine: &Machine, name: &str, part: Part) -> Native<Dynamic> {
    not_while_loading(&format!("system::{name}"))?;
    budget::check()?;
    let patience = budget::remaining().unwrap_or(PATIENCE).min(PATIENCE);
    let told = budget::blocking(|| machine.read(part, patience))?;
    budget::check()?;
    let told = told.map_err(|why| refusal(format!("`system::{name}`: {why}")))?;
    Ok(json::from_value(&told))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::host::{
        current::Phase,
        testing::{Trial, eval},
    };

    #[test]
    fn the_machine_is_told_in_plain_values() {
        for script in [
            "system::cpu().count > 0",
            "system::cpu().load.len() == 3",
            "system::memory().total > 0",
            "system::disks().len() >= 0",
            "system::networks().len() >= 0",
            "system::uptime() > 0.0",
            "system::os().sysname.len() > 0",
        ] {
            assert_eq!(eval(script).to_string(), "true", "{script}");
        }
    }

    #[test]
    fn the_top_level_does_not_read_the_machine() {
        let trial = Trial { phase: Phase::Load, ..Trial::default() };
        let message = trial.run("system::cpu()").unwrap_err().message;
        assert!(message.contains("on_start"), "{message}");
    }

    #[test]
    fn a_reading_is_not_waited_for_beyond_the_scripts_time() {
        let trial = Trial { time: Duration::from_millis(1), ..Trial::default() };
        assert!(trial.run("loop { system::disks() }").is_err());
    }
}
