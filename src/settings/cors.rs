//! `[cors]` and `[plugins.NAME.cors]`: which pages of other origins may read answers.

use http::Method;
use serde::Serialize;
use url::Url;

use crate::diagnostic::Diagnostic;

use super::Settings;
use super::fields::Fields;
use super::tree::join;

/// The origin that stands for every one.
pub(crate) const ANY: &str = "*";

/// `[cors]`: what holds where a plugin has nothing of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CorsSettings {
    /// Whether pages of other origins are answered at all.
    pub enabled: bool,
    /// The origins, exactly as a browser writes them; or `*` alone, for every one.
    pub origins: Vec<String>,
    /// Whether those pages may send cookies and HTTP Basic.
    pub credentials: bool,
    /// The methods that those pages may use.
    pub methods: Vec<String>,
    /// Seconds for which a browser may remember that it asked.
    pub max_age: u32,
}

/// `[plugins.NAME.cors]`: what a plugin has of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CorsOverrides {
    /// See [`CorsSettings::enabled`].
    pub enabled: Option<bool>,
    /// See [`CorsSettings::origins`].
    pub origins: Option<Vec<String>>,
    /// See [`CorsSettings::credentials`].
    pub credentials: Option<bool>,
    /// See [`CorsSettings::methods`].
    pub methods: Option<Vec<String>>,
    /// See [`CorsSettings::max_age`].
    pub max_age: Option<u32>,
}

/// What holds in one place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CorsRules<'a> {
    /// See [`CorsSettings::enabled`].
    pub(crate) enabled: bool,
    /// See [`CorsSettings::origins`].
    pub(crate) origins: &'a [String],
    /// See [`CorsSettings::credentials`].
    pub(crate) credentials: bool,
    /// See [`CorsSettings::methods`].
    pub(crate) methods: &'a [String],
    /// See [`CorsSettings::max_age`].
    pub(crate) max_age: u32,
}

impl Default for CorsSettings {
    fn default() -> Self {
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        Self {
            enabled: false,
            origins: Vec::new(),
            credentials: false,
            methods: methods.map(str::to_owned).into(),
            max_age: 3600,
        }
    }
}

impl Settings {
    /// What holds for a plugin, or for what is no plugin's.
    pub(crate) fn cors_of(&self, plugin: Option<&str>) -> CorsRules<'_> {
        let all = &self.cors;
        let own = plugin.and_then(|name| self.plugins.get(name)).map(|plugin| &plugin.cors);
        let own = own.unwrap_or(&NOTHING);
        CorsRules {
            enabled: own.enabled.unwrap_or(all.enabled),
            origins: own.origins.as_deref().unwrap_or(&all.origins),
            credentials: own.credentials.unwrap_or(all.credentials),
            methods: own.methods.as_deref().unwrap_or(&all.methods),
            max_age: own.max_age.unwrap_or(all.max_age),
        }
    }

    /// Whether pages of other origins are answered anywhere.
    pub(crate) fn has_cors(&self) -> bool {
        self.cors.enabled || self.plugins.values().any(|plugin| plugin.cors.enabled == Some(true))
    }

    pub(super) fn check_cors(&self, broken: &mut Vec<(String, Diagnostic)>) {
        self.check_cors_at("cors", None, broken);
        for (name, plugin) in &self.plugins {
            if plugin.cors != CorsOverrides::default() {
                let path = format!("{}.cors", join("plugins", name));
                self.check_cors_at(&path, Some(name), broken);
            }
        }
    }

    fn check_cors_at(
        &self,
        path: &str,
        plugin: Option<&String>,
        broken: &mut Vec<(String, Diagnostic)>,
    ) {
        let rules = self.cors_of(plugin.map(String::as_str));
        let own = plugin.and_then(|name| self.plugins.get(name)).map(|plugin| &plugin.cors);
        let sets_origins = own.is_none_or(|own| own.origins.is_some());
        let of = |found: Diagnostic| match plugin {
            Some(name) => found.of_plugin(name.as_str()),
            None => found,
        };
        if rules.credentials && rules.origins.iter().any(|origin| origin == ANY) {
            let message = format!(
                "`{path}`: every origin (\"*\") with credentials would open everything to every page"
            );
            let key = if sets_origins { "origins" } else { "credentials" };
            let fault = Diagnostic::error("config-contradiction", message)
                .help("name the origins, or set `credentials` to false");
            broken.push((format!("{path}.{key}"), of(fault)));
        }
        if rules.enabled && rules.origins.is_empty() {
            let message =
                format!("`{path}` is enabled and has no origins: no page gets anything by it");
            let key = if sets_origins && own.is_some() { "origins" } else { "enabled" };
            let warning = Diagnostic::warning("config-unused", message)
                .help("set `origins`, such as [\"https://app.example.org\"]");
            broken.push((format!("{path}.{key}"), of(warning)));
        }
    }
}

static NOTHING: CorsOverrides =
    CorsOverrides { enabled: None, origins: None, credentials: None, methods: None, max_age: None };

/// `[cors]`.
pub(super) fn read(fields: &mut Fields) -> CorsSettings {
    let (default, set) = (CorsSettings::default(), overrides(fields));
    CorsSettings {
        enabled: set.enabled.unwrap_or(default.enabled),
        origins: set.origins.unwrap_or(default.origins),
        credentials: set.credentials.unwrap_or(default.credentials),
        methods: set.methods.unwrap_or(default.methods),
        max_age: set.max_age.unwrap_or(default.max_age),
    }
}

/// `[plugins.NAME.cors]`.
pub(super) fn overrides(fields: &mut Fields) -> CorsOverrides {
    CorsOverrides {
        enabled: fields.truth("enabled"),
        origins: list(fields, "origins", origin),
        credentials: fields.truth("credentials"),
        methods: list(fields, "methods", method),
        // Browsers remember for a day at most.
        max_age: fields.number("max_age", 0..=86_400),
    }
}

fn list(
    fields: &mut Fields,
    key: &'static str,
    parse: impl Fn(&str) -> Result<String, String>,
) -> Option<Vec<String>> {
    let is_set = fields.left().contains_key(key);
    let list = fields.list(key, parse);
    is_set.then_some(list)
}

/// An origin as a browser writes it, or `*`.
fn origin(text: &str) -> Result<String, String> {
    let wanted = "an origin is wanted, such as https://app.example.org or http://localhost:3000";
    if text == ANY {
        return Ok(text.to_owned());
    }
    if text == "null" {
        return Err("every page in a sandbox calls itself null, whoever wrote it".to_owned());
    }
    let url = Url::parse(text).map_err(|_| wanted.to_owned())?;
    let written = url.origin().ascii_serialization();
    if !matches!(url.scheme(), "http" | "https") || written == "null" {
        return Err(wanted.to_owned());
    }
    match written == text {
        true => Ok(written),
        false => Err(format!("a browser writes it as {written}")),
    }
}

fn method(text: &str) -> Result<String, String> {
    let sound = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    match Method::from_bytes(text.as_bytes()) {
        Ok(_) if sound => Ok(text.to_owned()),
        _ => Err("a method is wanted, in capital letters, such as GET".to_owned()),
    }
}
