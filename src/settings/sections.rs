//! The sections of the configuration that have no rules of their own.
//!
//! Every type has a `Default` that is the documented default; paths are as they were set, and
//! absolute once [`load`](super::Settings::load) has resolved them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::address::ProxyRange;
use super::choice::{
    AccessLog, LogFormat, LogLevel, OnBreaking, OpenApiAccess, Responses, StringType, WatchMode,
};
use super::info::ApiInfo;

/// `[server]`: how the server behaves as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServerSettings {
    /// Whether faults are shown in answers and `/` is the development page. Refused on a bind that
    /// others can reach.
    pub development: bool,
    /// The content type of a plain string that a handler returns.
    pub string_type: StringType,
}

/// `[network]`: where the server listens and whom it believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NetworkSettings {
    /// The address to listen on.
    pub bind: IpAddr,
    /// The port to listen on; 0 lets the system choose.
    pub port: u16,
    /// Worker threads; 0 means one for each core. See [`NetworkSettings::worker_count`].
    pub workers: usize,
    /// Names that are ours in `Host`, besides the address that is listened on.
    pub hosts: Vec<String>,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<ProxyRange>,
}

/// `[paths]`: where things are on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PathSettings {
    /// The folder of scripts.
    #[serde(serialize_with = "last_part")]
    pub plugins: PathBuf,
    /// The folder for what plugins keep.
    #[serde(serialize_with = "last_part")]
    pub data: PathBuf,
    /// The file that holds the process id while the server runs.
    #[serde(serialize_with = "last_part_if_any")]
    pub pidfile: Option<PathBuf>,
}

/// `[watch]`: how changes on disk are noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WatchSettings {
    /// By what means.
    pub mode: WatchMode,
    /// Milliseconds that a file which looks half-written is given before it counts.
    pub settle_ms: u64,
    /// Milliseconds between two looks when polling.
    pub poll_ms: u64,
}

/// `[log]`: what is logged and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LogSettings {
    /// The least severe events that are logged.
    pub level: LogLevel,
    /// How events are written.
    pub format: LogFormat,
    /// How requests are logged.
    pub access: AccessLog,
    /// The file to append to, instead of standard error.
    #[serde(serialize_with = "last_part_if_any")]
    pub file: Option<PathBuf>,
}

/// `[openapi]`: the generated `OpenAPI` document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenApiSettings {
    /// Who may read it, if that is set. See [`Settings::openapi_access`](super::Settings::openapi_access).
    pub access: Option<OpenApiAccess>,
    /// What it says about the API as a whole, from `openapi/info.toml`.
    #[serde(skip)]
    pub info: ApiInfo,
    /// What becomes of an answer that is not what its route promises there.
    pub responses: Responses,
}

/// `[contract]`: what clients were promised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ContractSettings {
    /// What a reload that breaks the promise does.
    pub on_breaking: OnBreaking,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8080,
            workers: 0,
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

impl Default for PathSettings {
    fn default() -> Self {
        Self { plugins: "plugins".into(), data: "data".into(), pidfile: None }
    }
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { mode: WatchMode::default(), settle_ms: 50, poll_ms: 500 }
    }
}

impl NetworkSettings {
    /// The address and port to listen on.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port)
    }

    /// How many worker threads to start: as set, or one for each core.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            set => set,
        }
    }

    /// Whether only this machine can connect.
    pub fn is_loopback(&self) -> bool {
        self.bind.to_canonical().is_loopback()
    }

    /// Whether `peer` is a proxy whose forwarding headers are believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| range.contains(peer))
    }
}

impl WatchSettings {
    /// How long a file that looks half-written is given before it counts.
    pub fn settle(&self) -> Duration {
        Duration::from_millis(self.settle_ms)
    }

    /// The time between two looks when polling.
    pub fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
}

/// Scripts see no absolute path: where the server lives on disk is not theirs to pass on.
pub(super) fn last_part<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    serializer.serialize_str(&name)
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
pub(super) fn last_part_if_any<S: Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => last_part(path, serializer),
        None => serializer.serialize_none(),
    }
}
