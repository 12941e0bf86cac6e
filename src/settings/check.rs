//! Rules between settings: each is sound alone, together they are not.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;

use super::Settings;
use super::choice::{MountAuth, PluginAuth};
use super::tree::join;

/// Whether a bind that others can reach may do without any key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// It may not.
    Guarded,
    /// It may: someone said `--insecure`.
    Accepted,
}

impl Settings {
    /// What is wrong between settings that are each sound alone: errors and warnings. Settings that
    /// were loaded have been checked; settings built in code should be before they are used.
    pub fn check(&self, exposure: Exposure) -> Vec<Diagnostic> {
        self.broken_rules(exposure).into_iter().map(|(_, rule)| rule).collect()
    }

    /// The same, each with the setting to point at.
    pub(super) fn broken_rules(&self, exposure: Exposure) -> Vec<(String, Diagnostic)> {
        let mut broken = Vec::new();
        self.check_exposure(exposure, &mut broken);
        self.check_plugins(&mut broken);
        self.check_cors(&mut broken);
        self.check_sessions(&mut broken);
        self.check_tls(&mut broken);
        self.check_mounts(&mut broken);
        broken
    }

    fn check_exposure(&self, exposure: Exposure, broken: &mut Vec<(String, Diagnostic)>) {
        if self.network.is_loopback() {
            return;
        }
        let bind = self.network.bind;
        if self.server.development {
            let message = format!(
                "development mode is refused on {bind}, which others can reach: it shows sources and faults"
            );
            broken.push((
                "server.development".to_owned(),
                Diagnostic::error("config-exposed", message)
                    .help("set server.development to false, or network.bind to 127.0.0.1"),
            ));
        }
        if exposure == Exposure::Accepted && !self.auth.has_key() {
            let message = format!(
                "{bind} can be reached by others and no key guards the administration: nobody may use it"
            );
            broken.push((
                "network.bind".to_owned(),
                Diagnostic::warning("config-exposed", message).help("set auth.apikey"),
            ));
        }
        if exposure == Exposure::Guarded && !self.auth.has_key() {
            let message =
                format!("{bind} can be reached by others and no key guards the administration");
            broken.push((
                "network.bind".to_owned(),
                Diagnostic::error("config-exposed", message)
                    .help("set auth.apikey, or start with --insecure"),
            ));
        }
    }

    fn check_plugins(&self, broken: &mut Vec<(String, Diagnostic)>) {
        for (name, plugin) in &self.plugins {
            let path = join("plugins", name);
            let (key, rule) = match (plugin.auth, &plugin.apikey) {
                (PluginAuth::Plugin, None) => (
                    "auth",
                    Diagnostic::error(
                        "config-incomplete",
                        format!("`{path}` asks for its own key and has none"),
                    )
                    .help(format!("set `{path}.apikey`")),
                ),
                (PluginAuth::Global, _) if !self.auth.has_key() => (
                    "auth",
                    Diagnostic::error(
                        "config-incomplete",
                        format!("`{path}` asks for the global key and there is none"),
                    )
                    .help("set `auth.apikey`"),
                ),
                (PluginAuth::None, Some(_)) => (
                    "apikey",
                    Diagnostic::warning(
                        "config-unused",
                        format!(
                            "`{path}` has a key and does not ask for it: it is open to everyone"
                        ),
                    )
                    .help(format!("set `{path}.auth` to \"plugin\"")),
                ),
                _ => continue,
            };
            broken.push((join(&path, key), rule.of_plugin(name)));
        }
    }

    fn check_tls(&self, broken: &mut Vec<(String, Diagnostic)>) {
        if !self.tls.enabled {
            return;
        }
        if self.tls.development && !self.network.is_loopback() {
            let bind = self.network.bind;
            let message = format!(
                "--tls-dev is refused on {bind}, which others can reach: nobody can trust that certificate"
            );
            broken.push((
                "network.bind".to_owned(),
                Diagnostic::error("config-exposed", message)
                    .help("set tls.cert and tls.key, or network.bind to 127.0.0.1"),
            ));
        }
        for (key, path) in [("cert", &self.tls.cert), ("key", &self.tls.key)] {
            if path.is_none() {
                let message = format!("`tls.enabled` is true and `tls.{key}` is not set");
                broken.push((
                    "tls.enabled".to_owned(),
                    Diagnostic::error("config-incomplete", message)
                        .help(format!("set `tls.{key}` to the path of a PEM file")),
                ));
            }
        }
        self.check_redirect(broken);
        if self.tls.sni.iter().any(|sni| sni.hosts.is_empty()) {
            broken.push((
                "tls.sni".to_owned(),
                Diagnostic::error("config-incomplete", "`tls.sni` must have `hosts`")
                    .help("set `hosts` to the names that the certificate is for"),
            ));
        }
        let mut names = BTreeSet::new();
        for host in self.tls.sni.iter().flat_map(|sni| &sni.hosts) {
            if !names.insert(host) {
                let message = format!("`tls.sni` has two certificates for {host}");
                broken.push((
                    "tls.sni".to_owned(),
                    Diagnostic::error("config-bad-value", message)
                        .help("name each host once: there is one certificate for it"),
                ));
            }
        }
    }

    fn check_redirect(&self, broken: &mut Vec<(String, Diagnostic)>) {
        let Some(port) = self.tls.redirect_port else { return };
        let mut rule = |rule| broken.push(("tls.redirect_port".to_owned(), rule));
        if port != 0 && port == self.network.port {
            let message = format!("`tls.redirect_port` is {port}, as `network.port` is");
            rule(
                Diagnostic::error("config-bad-value", message)
                    .help("choose two ports: one speaks HTTPS, the other leads to it"),
            );
        }
        if !self.network.is_loopback() && self.network.hosts.is_empty() && self.tls.sni.is_empty() {
            let message = "`tls.redirect_port` leads only to names that are ours, and none is set";
            rule(
                Diagnostic::warning("config-incomplete", message)
                    .help("set `network.hosts` to the names of this server"),
            );
        }
    }

    fn check_mounts(&self, broken: &mut Vec<(String, Diagnostic)>) {
        let mounts = &self.documents.mounts;
        for (index, mount) in mounts.iter().enumerate() {
            let before = mounts.iter().take(index).any(|other| other.path == mount.path);
            if before {
                let message = format!("two of `documents.mounts` have the path {}", mount.path);
                broken.push((
                    "documents.mounts".to_owned(),
                    Diagnostic::error("config-bad-value", message)
                        .help("give each folder a `path` of its own"),
                ));
            }
            if mount.auth == MountAuth::Global && !self.auth.has_key() {
                let message = format!(
                    "the folder at {} asks for the global key and there is none",
                    mount.path
                );
                broken.push((
                    "documents.mounts".to_owned(),
                    Diagnostic::error("config-incomplete", message).help("set `auth.apikey`"),
                ));
            }
        }
    }
}
