//! What a configuration guarded and guards no longer, only because it does not say so any more: a file that
//! is saved slowly reads like that for a while.

use std::collections::BTreeSet;

use super::{MountAuth, OpenApiAccess, PluginAuth, Settings};

/// The keys that guarded something in `before`, are not among those `written`, and without which it is open
/// in `after`. Written names begin with a dot, as in `.plugins.shop.auth`.
pub(super) fn lost(before: &Settings, after: &Settings, written: &BTreeSet<String>) -> Vec<String> {
    let mut lost = Vec::new();
    let mut missed = |key: String| {
        if !written.contains(&format!(".{key}")) {
            lost.push(key);
        }
    };
    if before.auth.apikey.is_some() && after.auth.apikey.is_none() {
        missed("auth.apikey".to_owned());
    }
    for (name, plugin) in &before.plugins {
        let is_open = after.plugins.get(name).is_none_or(|now| now.auth == PluginAuth::None);
        if plugin.auth != PluginAuth::None && is_open {
            missed(format!("plugins.{name}.auth"));
        }
    }
    for mount in before.documents.mounts.iter().filter(|mount| mount.auth != MountAuth::None) {
        let mut now = after.documents.mounts.iter().enumerate();
        let open = now.find(|(_, now)| now.path == mount.path && now.auth == MountAuth::None);
        if let Some((index, _)) = open {
            missed(format!("documents.mounts.{index}.auth"));
        }
    }
    let is_open = after.openapi_access() == OpenApiAccess::Open;
    if before.openapi.access.is_some_and(|access| access != OpenApiAccess::Open) && is_open {
        missed("openapi.access".to_owned());
    }
    if before.tls.client_ca.is_some() && after.tls.client_ca.is_none() {
        missed("tls.client_ca".to_owned());
    }
    lost
}
