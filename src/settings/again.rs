//! The configuration read again while the server runs: what a file that is being saved must not be taken
//! for, and what cannot change any more.

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use toml::{Table, Value};

use super::{
    Settings, guards,
    load::{self, Loaded, Sources},
};
use crate::diagnostic::Diagnostic;

/// How long a file that has lost something must not have changed before it is believed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest that such a file is waited for.
const LONGEST: Duration = Duration::from_secs(10);

/// How often it is looked at meanwhile.
const STEP: Duration = Duration::from_millis(10);

/// The configuration that the server runs with.
pub(crate) struct Running {
    /// The configuration at the start, which what cannot change follows.
    started: Arc<Settings>,
    /// The text of its file as it was last taken over. It may hold secrets: nothing shows it.
    text: Option<String>,
}

/// A configuration that was read again.
pub(crate) struct Again {
    /// It; what cannot change is as it was at the start.
    pub(crate) settings: Settings,
    /// The settings that cannot change and are others in the file, by name.
    pub(crate) restart_needed: Vec<String>,
    /// What is accepted but probably not meant.
    pub(crate) warnings: Vec<Diagnostic>,
}

/// What makes it doubtful that a file is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It is not there.
    Gone,
    /// There is nothing in it.
    Blank,
    /// Something that was in it is not, and it changed just now.
    Less,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

impl Running {
    /// The configuration at the start and the text of its file, if there is one.
    pub(crate) fn new(started: Arc<Settings>, text: Option<String>) -> Self {
        Self { started, text }
    }

    /// Reads the configuration again. A file that lost something while it is being saved is waited for, a
    /// little; one that is gone or empty never counts, for the defaults ask for no key. Nor does one that
    /// opens something by saying less, unless somebody `asked`.
    ///
    /// # Errors
    /// What is wrong with it; the configuration in force stays.
    pub(crate) fn read(
        &mut self,
        sources: &Sources,
        in_force: &Settings,
        asked: bool,
    ) -> Result<Again, Vec<Diagnostic>> {
        let patience = Duration::from_millis(in_force.watch.settle_ms).saturating_mul(4);
        let patience = patience.min(PATIENCE);
        let waits = |doubt| if doubt == Doubt::Less { LONGEST } else { patience };
        let began = Instant::now();
        loop {
            let read = load::load_over(sources, &self.started)?;
            let doubt = self.doubt(&read.loaded);
            match doubt {
                Some(doubt) if began.elapsed() < waits(doubt) => std::thread::sleep(STEP),
                Some(Doubt::Gone) => return Err(vec![gone(&sources.config_file())]),
                Some(Doubt::Blank) => return Err(vec![blank(&sources.config_file())]),
                Some(Doubt::Less) | None => {
                    let lost = self.lost_guards(in_force, &read.loaded);
                    if let (Some(first), false) = (lost.first(), asked) {
                        return Err(vec![opening(&sources.config_file(), first)]);
                    }
                    self.text = read.loaded.text.map(|text| text.0);
                    return Ok(Again {
                        settings: read.loaded.settings,
                        restart_needed: read.restart_needed,
                        warnings: read.loaded.warnings,
                    });
                }
            }
        }
    }

    /// The keys by whose absence something is open now.
    fn lost_guards(&self, in_force: &Settings, loaded: &Loaded) -> Vec<String> {
        let Some(text) = self.text.as_ref().and(loaded.text.as_ref()) else { return Vec::new() };
        guards::lost(in_force, &loaded.settings, &keys(&text.0))
    }

    fn doubt(&self, loaded: &Loaded) -> Option<Doubt> {
        let before = self.text.as_ref()?;
        let (Some(file), Some(text)) = (&loaded.file, &loaded.text) else {
            return Some(Doubt::Gone);
        };
        if text.0.trim().is_empty() && !before.trim().is_empty() {
            return Some(Doubt::Blank);
        }
        let is_less = || !keys(before).is_subset(&keys(&text.0));
        (changed_within(file, PATIENCE) && is_less()).then_some(Doubt::Less)
    }
}

/// Whether the content of a file changed so short a time ago.
fn changed_within(file: &Path, time: Duration) -> bool {
    let modified = fs::metadata(file).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age < time))
}

/// The dotted names of everything that a text sets.
fn keys(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    if let Ok(table) = text.parse::<Table>() {
        gather(&Value::Table(table), "", &mut all);
    }
    all
}

fn gather(value: &Value, name: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Table(table) => {
            table.iter().for_each(|(key, value)| gather(value, &format!("{name}.{key}"), all));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                gather(item, &format!("{name}.{index}"), all);
            }
        }
        _ => {}
    }
    all.insert(name.to_owned());
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn gone(file: &Path) -> Diagnostic {
    let message = format!("{} is not there any more: what it said stays in force", name_of(file));
    Diagnostic::error("config-gone", message).help("put it back; to go on without it, restart")
}

fn opening(file: &Path, key: &str) -> Diagnostic {
    let message = format!(
        "`{key}` is not in {} any more, which would open what it guards: all that the file said stays in force",
        name_of(file)
    );
    Diagnostic::error("config-opens", message).help(
        "put it back or set it to what is meant, or ask for it to be applied: \
         `/reload/all`, or the signal SIGHUP",
    )
}

fn blank(file: &Path) -> Diagnostic {
    let message = format!("{} is empty: what it said stays in force", name_of(file));
    Diagnostic::error("config-gone", message)
        .help("write it again; to go on with the defaults, restart")
}
