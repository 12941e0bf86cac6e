//! The machine that this runs on, as JSON: what is read from the system, each time anew.
//!
//! A reading may hang where a file system does (a network share that is gone), and nothing can interrupt
//! it. So each has a thread of its own, at most [`MOST_AT_ONCE`] at a time, and is waited for no longer
//! than whoever asked can wait. What a system does not tell is null.

mod packages;
mod proc;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use serde_json::{Value, json};
use sysinfo::{CpuRefreshKind, Disks, Networks, RefreshKind, System};

/// How many readings go on at a time; those that hang count for as long as they do.
const MOST_AT_ONCE: usize = 8;

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
    /// Disks that are mounted.
    Disks,
    /// Network interfaces.
    Networks,
    /// Seconds since the machine was started.
    Uptime,
    /// The operating system.
    Os,
    /// How many packages have a newer version.
    Upgrades,
}

/// Why there is no reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoReading {
    /// Others have not come back.
    #[error("{MOST_AT_ONCE} readings of the machine have not come back")]
    Busy,
    /// It took too long.
    #[error("the machine did not tell in time")]
    Late,
    /// It gave up.
    #[error("the machine did not tell")]
    Failed,
}

/// Reads the machine. Clones share one bound.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machine {
    reading: Arc<AtomicUsize>,
}

/// One reading that goes on.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Machine {
    /// Reads a part of the machine, and waits for it for at most `patience`. Blocks.
    pub(crate) fn read(&self, part: Part, patience: Duration) -> Result<Value, NoReading> {
        let place = Place(Arc::clone(&self.reading));
        if place.0.fetch_add(1, Ordering::Relaxed) >= MOST_AT_ONCE {
            return Err(NoReading::Busy);
        }
        let (told, answer) = mpsc::channel();
        let thread = std::thread::Builder::new().name("hotplate-machine".to_owned());
        let spawned = thread.spawn(move || {
            let value = part.read();
            drop(place);
            // Whoever asked may have gone.
            drop(told.send(value));
        });
        if spawned.is_err() {
            return Err(NoReading::Failed);
        }
        answer.recv_timeout(patience).map_err(|why| match why {
            RecvTimeoutError::Timeout => NoReading::Late,
            RecvTimeoutError::Disconnected => NoReading::Failed,
        })
    }
}

impl Part {
    fn read(self) -> Value {
        match self {
            Self::Cpu => cpu(),
            Self::Memory => memory(),
            Self::Disks => disks(),
            Self::Networks => networks(),
            Self::Uptime => {
                #[expect(clippy::cast_precision_loss, reason = "no machine runs for so long")]
                let whole = || System::uptime() as f64;
                json!(proc::uptime().unwrap_or_else(whole))
            }
            Self::Os => os(),
            Self::Upgrades => json!(packages::upgrades(Path::new("/"))),
        }
    }
}

fn cpu() -> Value {
    let kind = CpuRefreshKind::nothing().with_frequency();
    let system = System::new_with_specifics(RefreshKind::nothing().with_cpu(kind));
    let load = System::load_average();
    let first = system.cpus().first();
    let megahertz = |cpu: &sysinfo::Cpu| (cpu.frequency() > 0).then(|| cpu.frequency());
    json!({
        "model": first.map(|cpu| cpu.brand().trim()).filter(|brand| !brand.is_empty()),
        "count": system.cpus().len(),
        "physical": System::physical_core_count(),
        "mhz": first.and_then(megahertz),
        "mhz_min": proc::megahertz("cpuinfo_min_freq"),
        "mhz_max": proc::megahertz("cpuinfo_max_freq"),
        "load": [load.one, load.five, load.fifteen],
        "times": proc::cpu_times(),
        "stats": proc::cpu_stats(),
    })
}

fn memory() -> Value {
    let mut system = System::new();
    system.refresh_memory();
    let told = proc::memory();
    let of = |name: &str| told.get(name).copied();
    // What the system can give back at once is cache too, as `free` counts it.
    let cached = of("Cached").map(|cached| cached + of("SReclaimable").unwrap_or(0));
    let (total, available) = (system.total_memory(), system.available_memory());
    json!({
        "total": total,
        "available": available,
        "free": system.free_memory(),
        "used": system.used_memory(),
        "percent": percent(total.saturating_sub(available), total),
        "cached": cached,
        "buffers": of("Buffers"),
        "active": of("Active"),
        "inactive": of("Inactive"),
        "shared": of("Shmem"),
        "slab": of("Slab"),
        "swap_total": system.total_swap(),
        "swap_free": system.free_swap(),
        "swap_used": system.used_swap(),
    })
}

fn disks() -> Value {
    let disks = Disks::new_with_refreshed_list();
    let of = |disk: &sysinfo::Disk| {
        let (total, free) = (disk.total_space(), disk.available_space());
        json!({
            "device": disk.name().to_string_lossy(),
            "mount": disk.mount_point().to_string_lossy(),
            "fstype": disk.file_system().to_string_lossy(),
            "total": total,
            "free": free,
            "used": total.saturating_sub(free),
            "percent": percent(total.saturating_sub(free), total),
            "read_only": disk.is_read_only(),
            "removable": disk.is_removable(),
        })
    };
    disks.list().iter().map(of).collect()
}

fn networks() -> Value {
    let networks = Networks::new_with_refreshed_list();
    let mut all: Vec<_> = networks.list().iter().collect();
    all.sort_by_key(|(name, _)| *name);
    let of = |(name, network): (&String, &sysinfo::NetworkData)| {
        let mut addresses: Vec<_> = network.ip_networks().to_vec();
        addresses.sort_by_key(|address| address.addr);
        json!({
            "name": name,
            "addresses": addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "mac": network.mac_address().to_string(),
            "mtu": network.mtu(),
            "received": network.total_received(),
            "transmitted": network.total_transmitted(),
        })
    };
    all.into_iter().map(of).collect()
}

fn os() -> Value {
    let uname = rustix::system::uname();
    json!({
        "name": System::name(),
        "version": System::os_version(),
        "sysname": uname.sysname().to_string_lossy(),
        "release": uname.release().to_string_lossy(),
        "build": uname.version().to_string_lossy(),
        "machine": uname.machine().to_string_lossy(),
        "hostname": uname.nodename().to_string_lossy(),
    })
}

/// A share in percent, to one digit behind the point; of nothing it is nothing.
fn percent(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "one digit is kept")]
    match whole {
        0 => 0.0,
        whole => (part as f64 / whole as f64 * 1000.0).round() / 10.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [Part; 7] = [
        Part::Cpu,
        Part::Memory,
        Part::Disks,
        Part::Networks,
        Part::Uptime,
        Part::Os,
        Part::Upgrades,
    ];

    #[test]
    fn every_part_is_told() {
        let machine = Machine::default();
        for part in PARTS {
            let told = machine.read(part, Duration::from_secs(60)).unwrap();
            assert!(part == Part::Upgrades || !told.is_null(), "{part:?}: {told}");
        }
        assert_eq!(machine.reading.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn nobody_waits_longer_than_they_can_and_readings_that_hang_are_few() {
        let machine = Machine::default();
        assert_eq!(machine.read(Part::Upgrades, Duration::ZERO), Err(NoReading::Late));
        machine.reading.store(MOST_AT_ONCE, Ordering::Relaxed);
        assert_eq!(machine.read(Part::Os, Duration::from_secs(1)), Err(NoReading::Busy));
        machine.reading.store(0, Ordering::Relaxed);
        assert!(machine.read(Part::Os, Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn a_share_is_a_number_whatever_it_is_of() {
        assert_eq!(percent(1, 3).to_string(), "33.3");
        assert_eq!(percent(0, 0).to_string(), "0");
    }
}
