//! What outlives every reload and knows nothing of Rhai.

pub(crate) mod account;
pub(crate) mod bodies;
pub(crate) mod database;
pub(crate) mod files;
pub(crate) mod machine;
pub(crate) mod passwords;
pub(crate) mod processor;
pub(crate) mod rates;
pub(crate) mod schedule;
pub(crate) mod sessions;
pub(crate) mod state;
pub(crate) mod store;
mod told;
pub(crate) mod turns;
mod unbroken;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use self::{
    database::Database,
    files::{Files, Folder},
    sessions::Sessions,
    state::{State, States},
    store::Store,
};
use crate::settings::{SessionSettings, SessionStore};

/// What plugins keep, each its own.
#[derive(Debug)]
pub(crate) struct Services {
    states: States,
    database: Arc<Database>,
    data: PathBuf,
    folders: Mutex<HashMap<String, Arc<Folder>>>,
    sessions: Arc<Sessions>,
}

impl Services {
    /// Those whose files are in the folder `data`, which is made when something is first kept.
    pub(crate) fn new(data: &Path, sessions: &SessionSettings) -> Self {
        let path = data.join(database::FILE);
        let database = Arc::new(Database::at(path.clone()));
        let of_sessions = match &sessions.store {
            // Two databases of one file would wait for each other's locks.
            SessionStore::Sqlite(own) if *own != path => Arc::new(Database::at(own.clone())),
            _ => Arc::clone(&database),
        };
        let sessions = Arc::new(match &sessions.store {
            SessionStore::Redis(url) => Sessions::in_redis(sessions, url),
            _ => Sessions::new(sessions, of_sessions),
        });
        Self {
            states: States::default(),
            database,
            data: data.to_owned(),
            folders: Mutex::default(),
            sessions,
        }
    }

    /// What is remembered of visitors.
    pub(crate) fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
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
        self.sessions.close();
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
