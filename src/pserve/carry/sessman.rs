//! The parameters of pserve's `sessman`: where ours keeps its sessions, and for how long, `[sessions]` says.

use std::collections::BTreeMap;

use super::Carried;
use crate::pserve::{parameters::Parameter, write::Section};

/// The plugin.
pub(super) const NAME: &str = "sessman";

/// The longest that a session lives here, in seconds.
const MOST_SECONDS: u64 = 315_360_000;

/// What we have otherwise, and why it is not carried.
const OTHERWISE: [(&str, &str); 6] = [
    (
        "database",
        "sessions begin anew, in the file that plugins keep things in; `[sessions] store` names another one",
    ),
    ("collection", "sessions need no name of a collection"),
    ("vacuum_interval", "sessions that expired are taken away without one"),
    ("username", "no database asks for it; for Redis it stands in `[sessions] store`"),
    ("password", "no database asks for it; for Redis it stands in `[sessions] store`"),
    ("server_url", "MongoDB is not used; `[sessions] store` may name a server of Redis"),
];

impl Carried<'_> {
    /// Takes what means sessions out of the parameters of `sessman`.
    pub(super) fn sessman(
        &mut self,
        parms: &str,
        parameters: &mut BTreeMap<String, Parameter>,
        section: &mut Section,
    ) {
        section.comment("plugins/sessman.rhai of hotplate is this plugin; copy it.");
        let mut sessions = Section::new("[sessions]");
        if let Some(ttl) = parameters.remove("session_ttl") {
            let seconds = ttl.text().and_then(|text| text.written().trim().parse::<u64>().ok());
            if let Some(seconds) = seconds.filter(|seconds| (1..=MOST_SECONDS).contains(seconds)) {
                sessions.set("ttl", seconds.to_string());
            } else {
                let why = format!("`session_ttl` is a number of seconds up to {MOST_SECONDS}");
                self.leave("plugin_parms", parms, &why);
            }
        }
        if let Some(backend) = parameters.remove("backend") {
            let backend = backend.text().map(|text| text.written().to_lowercase());
            if backend.as_deref() != Some("sqlite") {
                let why =
                    "`backend`: sessions are kept in SQLite, or in Redis by `[sessions] store`";
                self.leave("plugin_parms", parms, why);
            }
        }
        for (name, why) in OTHERWISE {
            if parameters.remove(name).is_some() {
                self.leave("plugin_parms", parms, &format!("`{name}`: {why}"));
            }
        }
        self.sections.push(sessions);
    }
}
