//! What the configuration says of the plugins that are there.

use crate::{
    diagnostic::{Diagnostic, nearest},
    settings::Settings,
    source::{Script, Snapshot, name::reserved},
};

/// The path that a plugin owns.
pub(super) fn mount_of<'a>(settings: &'a Settings, script: &'a Script) -> &'a str {
    let own = settings.plugin(script.name.as_str()).route_path.as_deref();
    own.unwrap_or(&script.mount)
}

/// Why a path given by `route_path` cannot be served.
pub(super) fn reserved_mount(name: &str, mount: &str) -> Option<Diagnostic> {
    let why = reserved(mount.split('/').nth(1).unwrap_or_default())?;
    let message = format!("`route_path` of {name}: {why}");
    let help = "choose another `route_path` in its table of the configuration";
    Some(Diagnostic::error("route-path", message).of_plugin(name).help(help))
}

/// What is wrong with the folder as a whole, and with the tables of plugins that are not there.
pub(super) fn around(settings: &Settings, snapshot: &Snapshot) -> Vec<Diagnostic> {
    snapshot.diagnostics().iter().cloned().chain(unknown_plugins(settings, snapshot)).collect()
}

/// Tables of the configuration that belong to no plugin.
fn unknown_plugins(settings: &Settings, snapshot: &Snapshot) -> Vec<Diagnostic> {
    let names = || snapshot.plugins().map(|script| script.name.as_str());
    let unknown = settings.plugins.keys().filter(|name| !snapshot.has_plugin(name));
    unknown
        .map(|name| {
            let message = format!("[plugins.{name}] belongs to no plugin");
            let diagnostic = Diagnostic::warning("unknown-plugin", message);
            match nearest(name, names()) {
                Some(near) => diagnostic.help(format!("did you mean [plugins.{near}]?")),
                None => diagnostic.help(format!("no file `{name}.rhai` is in the plugin folder")),
            }
        })
        .collect()
}
