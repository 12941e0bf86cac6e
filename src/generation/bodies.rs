//! Bodies that routes declare and that the server would not take.

use std::sync::Arc;

use crate::{diagnostic::Diagnostic, plugin::Plugin, settings::Settings};

/// Warnings about files that are declared larger than any body may be.
pub(super) fn diagnose(settings: &Settings, plugins: &[Arc<Plugin>]) -> Vec<Diagnostic> {
    let most = settings.limits.body_bytes as u64;
    let mut found = Vec::new();
    for plugin in plugins {
        for route in plugin.routes() {
            let Some(largest) = route.spec.body.as_ref().and_then(|body| body.largest_file) else {
                continue;
            };
            if largest > most {
                let message = format!(
                    "a file of {largest} bytes may be sent here, and a body has {most} bytes at most"
                );
                found.push(
                    Diagnostic::warning("body-bytes", message)
                        .of_plugin(plugin.name())
                        .at(route.place.clone())
                        .help("raise `body_bytes` in [limits], or lower the `.max(…)` of the file"),
                );
            }
        }
    }
    found
}
