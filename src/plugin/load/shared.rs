//! The named schemas that plugins share.

use std::{collections::HashMap, sync::OnceLock};

use serde_json::Value;

use crate::plugin::Plugin;

/// The named schemas of several plugins; of two that differ the first counts, and assembling refuses the
/// other.
///
/// Most plugins refer to none but their own, so nothing is gathered before one is asked for.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    plugins: Vec<&'a Plugin>,
    /// Which of them declares which name.
    by_name: OnceLock<HashMap<String, usize>>,
}

impl<'a> Shared<'a> {
    /// Those of these plugins.
    pub(crate) fn of(plugins: impl Iterator<Item = &'a Plugin>) -> Self {
        Self { plugins: plugins.collect(), by_name: OnceLock::new() }
    }

    /// The schema of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        let plugin = self.plugins.get(*self.by_name().get(name)?)?;
        Some(&plugin.components().get(name)?.json)
    }

    /// All names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name().keys().map(String::as_str)
    }

    fn by_name(&self) -> &HashMap<String, usize> {
        self.by_name.get_or_init(|| {
            let mut by_name = HashMap::new();
            for (index, plugin) in self.plugins.iter().enumerate() {
                for name in plugin.components().keys() {
                    by_name.entry(name.clone()).or_insert(index);
                }
            }
            by_name
        })
    }
}
