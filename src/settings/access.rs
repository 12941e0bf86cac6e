//! Keys, and what is set for each plugin.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::choice::PluginAuth;
use super::cors::CorsOverrides;
use super::limits::LimitOverrides;
use super::secret::Secret;

/// `[auth]`: the keys that open the administration and guarded plugins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuthSettings {
    /// The global key: it may do everything.
    pub apikey: Option<Secret>,
    /// Whether a key is accepted in the query, where proxies and histories keep it.
    pub url_key: bool,
    /// Further keys by name.
    pub keys: BTreeMap<String, KeySettings>,
}

/// `[auth.keys.NAME]`: a key that may do some things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeySettings {
    /// The key, from `key` or `sha256`.
    pub key: Secret,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// `[plugins.NAME]`: what is set for one plugin.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PluginSettings {
    /// Whether it is served.
    pub enabled: bool,
    /// The path it is served under instead of its own: it begins with `/` and ends without one.
    pub route_path: Option<String>,
    /// Which key its routes ask for.
    pub auth: PluginAuth,
    /// Its own key, for [`PluginAuth::Plugin`].
    pub apikey: Option<Secret>,
    /// The limits it has of its own.
    pub limits: LimitOverrides,
    /// What pages of other origins may do with it.
    pub cors: CorsOverrides,
    /// All other keys: the script's `settings`. Other plugins do not see them.
    #[serde(skip)]
    pub settings: Map<String, Value>,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self { apikey: None, url_key: true, keys: BTreeMap::new() }
    }
}

impl Default for PluginSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            route_path: None,
            auth: PluginAuth::default(),
            apikey: None,
            limits: LimitOverrides::default(),
            cors: CorsOverrides::default(),
            settings: Map::new(),
        }
    }
}

impl fmt::Debug for PluginSettings {
    /// Of the script's own settings only the names: what they hold may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginSettings")
            .field("enabled", &self.enabled)
            .field("route_path", &self.route_path)
            .field("auth", &self.auth)
            .field("apikey", &self.apikey)
            .field("limits", &self.limits)
            .field("cors", &self.cors)
            .field("settings", &self.settings.keys())
            .finish()
    }
}

impl AuthSettings {
    /// Whether any key is set that can open the administration.
    pub fn has_key(&self) -> bool {
        self.apikey.is_some() || !self.keys.is_empty()
    }
}

impl KeySettings {
    /// A key that may do what `scopes` say.
    pub fn new(key: Secret, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { key, scopes: scopes.into_iter().map(Into::into).collect() }
    }
}
