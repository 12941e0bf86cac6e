//! How many Debian packages have a newer version, as apt's lists on the disk tell: nothing is asked of
//! the network, and nothing is run.
//!
//! A package counts when it is installed, not on hold, and a list that apt upgrades from has a version
//! that Debian's order puts after the one installed. Preferences (pins) are not read.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// The most bytes that are read of all lists together, unpacked.
const MOST_BYTES: u64 = 1 << 30;

/// The number of packages with a newer version below `root`; nothing where no list of apt can be read.
pub(super) fn upgrades(root: &Path) -> Option<usize> {
    let installed = installed(&root.join("var/lib/dpkg/status"))?;
    let folder = root.join("var/lib/apt/lists");
    let names: Vec<String> = fs::read_dir(&folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let by_hand = taken_by_hand(&folder, &names);
    let mut newer = HashSet::new();
    let (mut left, mut seen) = (MOST_BYTES, false);
    for name in names.iter().filter(|name| is_list(name)) {
        if by_hand.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let text = open(&folder.join(name), name)?;
        let read = stanzas(BufReader::new(text.take(left)), |stanza| {
            let key = (stanza.package.clone(), stanza.architecture.clone());
            let is_newer = installed
                .get(&key)
                .is_some_and(|here| compare(&stanza.version, here) == Ordering::Greater);
            if is_newer {
                newer.insert(key);
            }
        })?;
        left = left.saturating_sub(read);
        seen = true;
    }
    seen.then_some(newer.len())
}

/// Lists of which apt takes packages only by hand: `NotAutomatic`, as backports are.
fn taken_by_hand(folder: &Path, names: &[String]) -> Vec<String> {
    let is_by_hand = |name: &&String| {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        text.lines().take(100).any(|line| line.trim_end() == "NotAutomatic: yes")
    };
    let prefix = |name: &String| {
        let prefix = name.strip_suffix("InRelease").or_else(|| name.strip_suffix("Release"));
        prefix.map(str::to_owned)
    };
    let releases = names.iter().filter(|name| name.ends_with("Release"));
    releases.filter(is_by_hand).filter_map(prefix).collect()
}

fn is_list(name: &str) -> bool {
    let name = name.rsplit_once('.').map_or(name, |(stem, end)| match end {
        "gz" | "lz4" => stem,
        _ => name,
    });
    name.ends_with("_Packages")
}

fn open(path: &Path, name: &str) -> Option<Box<dyn Read>> {
    let file = File::open(path).ok()?;
    Some(match name.rsplit_once('.').map(|(_, end)| end) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some("lz4") => Box::new(lz4_flex::frame::FrameDecoder::new(file)),
        _ => Box::new(file),
    })
}

/// The installed packages that are not on hold, by name and architecture.
fn installed(status: &Path) -> Option<HashMap<(String, String), String>> {
    let mut found = HashMap::new();
    let file = BufReader::new(File::open(status).ok()?.take(MOST_BYTES));
    stanzas(file, |stanza| {
        if stanza.status == "install ok installed" {
            let key = (stanza.package.clone(), stanza.architecture.clone());
            found.insert(key, stanza.version.clone());
        }
    })?;
    Some(found)
}

/// What is needed of the description of a package.
#[derive(Debug, Default)]
struct Stanza {
    package: String,
    version: String,
    architecture: String,
    status: String,
}

/// Gives each description, and how many bytes they are; nothing where the text cannot be read to its end.
fn stanzas(mut text: impl BufRead, mut each: impl FnMut(&Stanza)) -> Option<u64> {
    let mut stanza = Stanza::default();
    let mut line = Vec::new();
    let mut bytes = 0;
    loop {
        line.clear();
        let read = text.read_until(b'\n', &mut line).ok()?;
        bytes += read as u64;
        let content = line.trim_ascii_end();
        if read == 0 || content.is_empty() {
            if !stanza.package.is_empty() {
                each(&stanza);
            }
            stanza = Stanza::default();
            if read == 0 {
                return Some(bytes);
            }
            continue;
        }
        for (name, field) in [
            ("Package: ", &mut stanza.package),
            ("Version: ", &mut stanza.version),
            ("Architecture: ", &mut stanza.architecture),
            ("Status: ", &mut stanza.status),
        ] {
            if let Some(value) = content.strip_prefix(name.as_bytes()) {
                *field = String::from_utf8_lossy(value).into_owned();
            }
        }
    }
}

/// Debian's order of versions: epoch, then upstream's version, then the revision.
fn compare(a: &str, b: &str) -> Ordering {
    let parts = |version: &str| {
        let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch.parse::<u64>().unwrap_or(0), upstream.to_owned(), revision.to_owned())
    };
    let (a, b) = (parts(a), parts(b));
    a.0.cmp(&b.0).then_with(|| by_runs(&a.1, &b.1)).then_with(|| by_runs(&a.2, &b.2))
}

/// Runs of other characters and of digits in turn: the first by their order, the second as numbers.
fn by_runs(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let (of_a, of_b) = (run(&mut a, false), run(&mut b, false));
        let longest = of_a.len().max(of_b.len());
        for at in 0..longest {
            let order = weight(of_a.get(at)).cmp(&weight(of_b.get(at)));
            if order != Ordering::Equal {
                return order;
            }
        }
        let (of_a, of_b) = (digits(run(&mut a, true)), digits(run(&mut b, true)));
        let order = of_a.len().cmp(&of_b.len()).then_with(|| of_a.cmp(of_b));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Takes the digits, or what is none, from the beginning.
fn run<'a>(text: &mut &'a [u8], of_digits: bool) -> &'a [u8] {
    let end = text.iter().position(|byte| byte.is_ascii_digit() != of_digits);
    let (run, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, &[]));
    *text = rest;
    run
}

/// The digits of a number that count.
fn digits(run: &[u8]) -> &[u8] {
    let zeros = run.iter().take_while(|byte| **byte == b'0').count();
    run.get(zeros..).unwrap_or_default()
}

/// `~` comes before the end, which comes before letters, and these before everything else.
fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn versions_are_in_debians_order() {
        let ascending = [
            "0.9~rc1-1",
            "0.9-1",
            "0.9-1+b1",
            "0.9-1.1",
            "0.9-2",
            "0.9a-1",
            "0.9+dfsg-1",
            "0.10-1",
            "1.0",
            "1:0.1-1",
        ];
        for (at, lower) in ascending.iter().enumerate() {
            assert_eq!(compare(lower, lower), Ordering::Equal);
            for higher in &ascending[at + 1..] {
                assert_eq!(compare(lower, higher), Ordering::Less, "{lower} {higher}");
                assert_eq!(compare(higher, lower), Ordering::Greater, "{higher} {lower}");
            }
        }
        assert_eq!(compare("1.00", "1.0"), Ordering::Equal);
    }

    fn package(name: &str, version: &str, rest: &str) -> String {
        format!(
            "Package: {name}\n{rest}Architecture: amd64\nVersion: {version}\nDescription: x\n y\n\n"
        )
    }

    #[test]
    fn packages_with_a_newer_version_are_counted() {
        let root = tempfile::tempdir().unwrap();
        let (dpkg, lists) =
            (root.path().join("var/lib/dpkg"), root.path().join("var/lib/apt/lists"));
        fs::create_dir_all(&dpkg).unwrap();
        assert_eq!(upgrades(root.path()), None);
        let (ok, held) = ("Status: install ok installed\n", "Status: hold ok installed\n");
        let status = ["a", "b", "c", "d"].map(|name| package(name, "1.0-1", ok)).concat()
            + package("held", "1.0-1", held).as_str()
            + package("gone", "1.0-1", "Status: deinstall ok config-files\n").as_str();
        fs::write(dpkg.join("status"), status).unwrap();
        fs::create_dir_all(&lists).unwrap();
        // There are no lists in most images: then it is not known.
        assert_eq!(upgrades(root.path()), None);
        let all: String =
            ["a", "held", "gone", "strange"].map(|name| package(name, "1.0-2", "")).concat();
        fs::write(lists.join("x_dists_stable_main_binary-amd64_Packages"), all).unwrap();
        assert_eq!(upgrades(root.path()), Some(1));
        let mut packed = flate2::write::GzEncoder::new(
            File::create(lists.join("y_dists_stable_main_Packages.gz")).unwrap(),
            flate2::Compression::fast(),
        );
        packed
            .write_all([package("b", "1.1-1", ""), package("a", "1.1-1", "")].concat().as_bytes())
            .unwrap();
        packed.finish().unwrap();
        assert_eq!(upgrades(root.path()), Some(2));
        let mut packed = lz4_flex::frame::FrameEncoder::new(
            File::create(lists.join("z_dists_stable_main_Packages.lz4")).unwrap(),
        );
        packed.write_all(package("c", "2", "").as_bytes()).unwrap();
        packed.finish().unwrap();
        assert_eq!(upgrades(root.path()), Some(3));
        fs::write(lists.join("x_dists_stable-backports_InRelease"), "Hash: x\nNotAutomatic: yes\n")
            .unwrap();
        fs::write(lists.join("x_dists_stable-backports_main_Packages"), package("d", "9", ""))
            .unwrap();
        assert_eq!(upgrades(root.path()), Some(3));
        // What cannot be read to its end counts for nothing known.
        fs::write(lists.join("w_Packages.lz4"), "no lz4").unwrap();
        assert_eq!(upgrades(root.path()), None);
    }
}
