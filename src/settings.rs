//! The settings of a server: typed, checked, and loaded from file, environment and flags.
//!
//! Invariants: a [`Settings`] that [`Settings::load`] returns has no unknown key, no value out of its
//! range, and paths that are absolute; a fault means that nothing is loaded. Secrets are kept as
//! digests and are never shown. The keys are documented in `docs/configuration.md`, and
//! `config/hotplate.toml` holds each with its default.

mod access;
mod address;
mod again;
mod check;
mod choice;
mod compare;
mod cors;
mod decode;
mod document;
mod documents;
mod environment;
mod fields;
mod guards;
mod info;
mod interpolate;
mod keys;
mod limits;
mod load;
mod reader;
mod secret;
mod sections;
mod sessions;
#[cfg(test)]
mod tests;
mod tls;
mod tree;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde::Serialize;

use crate::diagnostic::Diagnostic;

pub use access::{AuthSettings, KeySettings, PluginSettings};
pub use address::{InvalidRange, ProxyRange};
pub(crate) use again::Running;
pub use check::Exposure;
pub use choice::{
    AccessLog, LogFormat, LogLevel, MountAuth, OnBreaking, OpenApiAccess, PluginAuth, Responses,
    SameSite, StringType, TlsVersion, WatchMode,
};
pub(crate) use cors::{ANY as ANY_ORIGIN, CorsRules};
pub use cors::{CorsOverrides, CorsSettings};
pub use documents::{DocumentSettings, MountSettings};
pub use info::{ApiContact, ApiInfo, ApiLicense, ApiServer, ApiTag};
pub use limits::{LimitOverrides, Limits, ScriptLimits};
pub use load::{Loaded, Overrides, Sources, process_environment};
pub use secret::{InvalidDigest, Secret};
pub use sections::{
    ContractSettings, LogSettings, NetworkSettings, OpenApiSettings, PathSettings, ServerSettings,
    WatchSettings,
};
pub use sessions::{InvalidRedisUrl, RedisUrl, SessionSettings, SessionStore};
pub use tls::{SniSettings, TlsSettings};

/// All settings of a server.
///
/// ```
/// use hotplate::{Secret, Settings};
///
/// let mut settings = Settings::default();
/// settings.network.port = 0;
/// settings.auth.apikey = Some(Secret::new("a long random key"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Settings {
    /// `[server]`.
    pub server: ServerSettings,
    /// `[network]`.
    pub network: NetworkSettings,
    /// `[paths]`.
    pub paths: PathSettings,
    /// `[auth]`.
    pub auth: AuthSettings,
    /// `[plugins.NAME]`, by the name of the plugin: `users`, `shop/orders`.
    pub plugins: BTreeMap<String, PluginSettings>,
    /// `[watch]`.
    pub watch: WatchSettings,
    /// `[limits]`.
    pub limits: Limits,
    /// `[log]`.
    pub log: LogSettings,
    /// `[openapi]`.
    pub openapi: OpenApiSettings,
    /// `[contract]`.
    pub contract: ContractSettings,
    /// `[cors]`.
    pub cors: CorsSettings,
    /// `[sessions]`.
    pub sessions: SessionSettings,
    /// `[tls]`.
    pub tls: TlsSettings,
    /// `[documents]`.
    pub documents: DocumentSettings,
    /// Files beside the configuration that it names and that count as part of it: those of keys and certificates.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
}

/// What holds for a plugin that has no section.
static UNSET: LazyLock<PluginSettings> = LazyLock::new(PluginSettings::default);

impl Settings {
    /// Loads the settings from `sources`: defaults, then the file, then the environment, then flags.
    /// Fails with all faults that were found, in the order of the file, possibly with warnings
    /// among them.
    pub fn load(sources: &Sources) -> Result<Loaded, Vec<Diagnostic>> {
        load::load(sources)
    }

    /// What is set for the plugin `name`; the defaults if nothing is.
    pub fn plugin(&self, name: &str) -> &PluginSettings {
        self.plugins.get(name).unwrap_or(&UNSET)
    }

    /// Who may read the `OpenAPI` document and its pages: as set, or else everyone in development and
    /// callers with a key otherwise.
    pub fn openapi_access(&self) -> OpenApiAccess {
        match self.openapi.access {
            Some(set) => set,
            None if self.server.development => OpenApiAccess::Open,
            None => OpenApiAccess::Key,
        }
    }

    /// The limits of the plugin `name`: its own over the global ones.
    pub fn limits_of(&self, name: &str) -> ScriptLimits {
        self.limits.script.overlaid(&self.plugin(name).limits)
    }
}
