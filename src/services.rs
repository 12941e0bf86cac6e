//! What outlives every reload and knows nothing of Rhai.

pub(crate) mod database;
pub(crate) mod files;
pub(crate) mod machine;
pub(crate) mod passwords;
pub(crate) mod rates;
pub(crate) mod schedule;
pub(crate) mod state;
pub(crate) mod store;
mod told;
mod turns;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use self::{
    database::Database,
    files::{Files, Folder},
    state::{State, States},
    store::Store,
};

/// What plugins keep, each its own.
#[derive(Debug)]
pub(crate) struct Services {
    states: States,
    database: Arc<Database>,
    data: PathBuf,
    folders: Mutex<HashMap<String, Arc<Folder>>>,
}

impl Services {
    /// Those whose files are in the folder `data`, which is made when something is first kept.
    pub(crate) fn new(data: &Path) -> Self {
        let database = Arc::new(Database::at(data.join(database::FILE)));
        Self {
            states: States::default(),
            database,
            data: data.to_owned(),
            folders: Mutex::default(),
        }
    }

    /// The memory of a plugin, until the program ends.
    pub(crate) fn state(&self, plugin: &str) -> Arc<State> {
        self.states.of(plugin)
    }

    /// What a plugin keeps for good, at most `most_bytes`.
    pub(crate) fn store(&self, plugin: &str, most_bytes: usize) -> Store {
        Store::new(Arc::clone(&self.database), plugin, most_bytes)
    }

    /// Leaves files behind as a copy of them must be: whole, and without company.
    pub(crate) fn close(&self) {
        self.database.close();
    }

    /// The files that a plugin keeps, of at most `most_bytes` together.
    pub(crate) fn files(&self, plugin: &str, most_bytes: u64) -> Files {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = folders
            .entry(plugin.to_owned())
            .or_insert_with(|| Arc::new(Folder::of(&self.data, plugin)));
        Files::new(Arc::clone(folder), most_bytes)
    }
}
