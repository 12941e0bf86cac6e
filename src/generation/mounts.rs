//! Where documents and plugins want the same paths.
//!
//! The longer path wins: documents at `/shop/pictures` answer there, whatever the plugin `shop` declares,
//! and documents at `/` answer what no plugin does. Under the same path the plugin's routes come first.

use std::sync::Arc;

use crate::{
    diagnostic::Diagnostic,
    host::declare::pattern::{Pattern, Segment},
    plugin::Plugin,
    settings::{MountSettings, Settings},
    source::name::reserved,
};

/// What is wrong with the paths of documents.
pub(super) fn diagnose(settings: &Settings, plugins: &[Arc<Plugin>]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for mount in &settings.documents.mounts {
        let first = mount.path.split('/').nth(1).unwrap_or_default();
        if let Some(why) = reserved(first) {
            let message = format!("documents cannot be served at {}: {why}", mount.path);
            found.push(
                Diagnostic::error("document-path", message)
                    .help("choose another `path` in [[documents.mounts]]"),
            );
            continue;
        }
        for plugin in plugins {
            found.extend(between(mount, plugin));
        }
    }
    found
}

fn between(mount: &MountSettings, plugin: &Plugin) -> Vec<Diagnostic> {
    let (path, name) = (&mount.path, plugin.name());
    if plugin.mount() == path && path != "/" {
        let message = format!("the plugin {name} and documents are both served at {path}");
        return vec![Diagnostic::warning("document-collision", message).of_plugin(name).help(
            "the plugin's routes come first; or set another `path` in [[documents.mounts]]",
        )];
    }
    if plugin.mount().len() >= path.len() {
        return Vec::new();
    }
    let hidden = plugin.routes().iter().filter(|route| {
        let begin = literal(&route.pattern);
        begin
            .strip_prefix(path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    hidden
        .map(|route| {
            let message = format!("this route is never reached: documents are served at {path}");
            Diagnostic::warning("document-collision", message)
                .of_plugin(name)
                .at(route.place.clone())
                .help("set another `path` in [[documents.mounts]], or move the route")
        })
        .collect()
}

/// The path up to the first parameter.
fn literal(pattern: &Pattern) -> String {
    let mut path = String::new();
    for segment in pattern.segments() {
        let Segment::Literal(text) = segment else { break };
        path.push('/');
        path.push_str(text);
    }
    path
}
