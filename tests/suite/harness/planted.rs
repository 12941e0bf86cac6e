//! Secrets that every run of the program in the suite is given, and that nothing it says may hold.
//!
//! In no answer: a key of its configuration, a secret of its environment or of a file beside its scripts,
//! the folder it runs in. In no log: the same, but for the folder.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, sync::Mutex};

/// A secret of the environment.
pub(super) const OF_ENVIRONMENT: &str = "planted-4f1d9c-in-the-environment";

/// A secret in a file.
pub(super) const OF_FILE: &str = "planted-a83e07-in-a-file";

/// A key shorter than this is a word that may stand anywhere.
const SHORTEST_KEY: usize = 6;

/// Whether a value names a file, as the key of a certificate does.
fn is_file(value: &str) -> bool {
    [".pem", ".key"].iter().any(|end| value.ends_with(end))
}

/// What a server may not say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Planted {
    secrets: Vec<String>,
    folder: String,
}

/// What the servers of this process may not say, by their addresses, for clients that know no more of them.
static BY_ADDRESS: Mutex<BTreeMap<SocketAddr, Planted>> = Mutex::new(BTreeMap::new());

/// Fails if an answer of the server at an address holds anything that was planted there.
#[track_caller]
pub(super) fn assert_not_in_answer_of(address: SocketAddr, told: &str) {
    let planted = BY_ADDRESS.lock().unwrap().get(&address).cloned();
    if let Some(planted) = planted {
        planted.assert_not_in_answer(told);
    }
}

impl Planted {
    /// Remembers it as that of a server.
    pub(super) fn is_at(&self, address: SocketAddr) {
        BY_ADDRESS.lock().unwrap().insert(address, self.clone());
    }

    /// Fails if a log file below a folder holds any of the secrets.
    #[track_caller]
    pub(super) fn assert_not_in_files(&self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.assert_not_in_files(&path),
                Ok(kind) if kind.is_file() && path.extension().is_some_and(|end| end == "log") => {
                    let text = fs::read(&path).unwrap_or_default();
                    self.assert_not_in_log(&String::from_utf8_lossy(&text));
                }
                _ => {}
            }
        }
    }

    /// What a server in `root` may not say that has this configuration and these variables.
    pub(super) fn of<'a>(
        root: &Path,
        config: &str,
        variables: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut secrets = vec![OF_ENVIRONMENT.to_owned(), OF_FILE.to_owned()];
        for line in config.lines() {
            if let Some((name, value)) = line.split_once('=')
                && ["apikey", "key"].contains(&name.trim())
            {
                secrets.push(value.trim().trim_matches('"').to_owned());
            }
        }
        let of_keys = variables.filter(|(name, _)| name.ends_with("KEY"));
        secrets.extend(of_keys.map(|(_, value)| value.to_owned()));
        // Files and variables are named openly.
        secrets.retain(|secret| {
            secret.len() >= SHORTEST_KEY && !secret.contains("${") && !is_file(secret)
        });
        Self { secrets, folder: root.to_string_lossy().into_owned() }
    }

    /// Fails if an answer holds anything of it.
    #[track_caller]
    pub(super) fn assert_not_in_answer(&self, told: &str) {
        self.assert_not_in_log(told);
        if !self.folder.is_empty() {
            assert!(!told.contains(&self.folder), "the folder is in an answer: {told}");
        }
    }

    /// Fails if a log holds any of the secrets.
    #[track_caller]
    pub(super) fn assert_not_in_log(&self, told: &str) {
        for secret in &self.secrets {
            assert!(!told.contains(secret.as_str()), "`{secret}` is told: {told}");
        }
    }
}
