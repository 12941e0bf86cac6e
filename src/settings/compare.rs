//! What a change of settings means for a server that is running.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Settings;

impl Settings {
    /// Takes over from `started` what cannot change while a server runs, and names what was another.
    pub(super) fn keep_fixed(&mut self, started: &Self) -> Vec<String> {
        let differ = started.needs_restart(self);
        self.network.bind = started.network.bind;
        self.network.port = started.network.port;
        self.network.workers = started.network.workers;
        self.limits.script_threads = started.limits.script_threads;
        self.paths.data.clone_from(&started.paths.data);
        self.paths.pidfile.clone_from(&started.paths.pidfile);
        self.log.format = started.log.format;
        self.log.file.clone_from(&started.log.file);
        self.sessions.store.clone_from(&started.sessions.store);
        self.tls.enabled = started.tls.enabled;
        self.tls.redirect_port = started.tls.redirect_port;
        self.watch.clone_from(&started.watch);
        differ
    }

    /// The settings that differ in `new` and cannot change while the server runs, by name: what is
    /// bound, opened or started once.
    pub fn needs_restart(&self, new: &Self) -> Vec<String> {
        let fixed = [
            ("network.bind", self.network.bind != new.network.bind),
            ("network.port", self.network.port != new.network.port),
            ("network.workers", self.network.workers != new.network.workers),
            ("limits.script_threads", self.limits.script_threads != new.limits.script_threads),
            ("paths.data", self.paths.data != new.paths.data),
            ("paths.pidfile", self.paths.pidfile != new.paths.pidfile),
            ("log.format", self.log.format != new.log.format),
            ("log.file", self.log.file != new.log.file),
            ("sessions.store", self.sessions.store != new.sessions.store),
            ("tls.enabled", self.tls.enabled != new.tls.enabled),
            ("tls.redirect_port", self.tls.redirect_port != new.tls.redirect_port),
            ("watch.mode", self.watch.mode != new.watch.mode),
            ("watch.poll_ms", self.watch.poll_ms != new.watch.poll_ms),
            ("watch.settle_ms", self.watch.settle_ms != new.watch.settle_ms),
        ];
        fixed.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key.to_owned()).collect()
    }

    /// What scripts see as `config`: no secret, of paths only the last part, and no plugin's own
    /// settings, which only that plugin sees.
    pub fn redacted(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// A digest of everything that is set for the plugin `name`, its limits included: when it
    /// changes, that plugin has to be loaded again.
    pub fn plugin_fingerprint(&self, name: &str) -> String {
        let plugin = self.plugin(name);
        let whole = json!({
            "enabled": plugin.enabled,
            "route_path": plugin.route_path,
            "auth": plugin.auth,
            "apikey": plugin.apikey.as_ref().map(super::Secret::digest),
            "limits": self.limits_of(name),
            "settings": plugin.settings,
            "development": self.server.development,
            "string_type": self.server.string_type,
            "responses": self.openapi.responses,
        });
        let digest = Sha256::digest(whole.to_string());
        digest.iter().fold(String::new(), |hex, byte| hex + format!("{byte:02x}").as_str())
    }
}
