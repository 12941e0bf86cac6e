//! Changed plugins loaded beside what is served, several at a time.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::ScopedJoinHandle,
    time::Duration,
};

use rhai::Dynamic;
use sha2::{Digest as _, Sha256};

use crate::{
    diagnostic::{Diagnostic, Place},
    host::current::PluginContext,
    plugin::{
        Made,
        load::{Inputs, Loaded, Shared, load},
    },
    script::{
        Lines, Text,
        compile::{Compiled, compile},
        engine::Natives,
        import::{Libraries, Shelf},
        lint::signatures::Signatures,
        stack::{self, STACK},
    },
    services::Services,
    settings::{Responses, Settings, StringType},
    source::{Script, Snapshot},
};

/// What all loads of one look share.
pub(super) struct Workshop<'a> {
    pub(super) settings: &'a Settings,
    pub(super) snapshot: &'a Snapshot,
    pub(super) services: &'a Services,
    pub(super) natives: &'a Natives,
    pub(super) signatures: &'a Signatures,
    compiled: Mutex<BTreeMap<String, Compiled>>,
    config: Dynamic,
    config_text: String,
}

/// One plugin to load.
pub(super) struct Job<'a> {
    pub(super) name: &'a str,
    pub(super) mount: &'a str,
    pub(super) script: &'a Arc<Script>,
}

/// How long no load may come to an end before more are begun beside those that are under way.
const LOADS_LONG: Duration = Duration::from_millis(50);

/// The most plugins that are loaded at a time.
const MOST_LOADERS: usize = 64;

impl<'a> Workshop<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        snapshot: &'a Snapshot,
        services: &'a Services,
        natives: &'a Natives,
        signatures: &'a Signatures,
    ) -> Self {
        let redacted = settings.redacted();
        let config_text = redacted.to_string();
        let config = crate::script::json::from_value(&redacted);
        let compiled = Mutex::default();
        Self { settings, snapshot, services, natives, signatures, compiled, config, config_text }
    }

    /// What a plugin with these imports is made of, as one digest.
    pub(super) fn made<'n>(
        &self,
        name: &str,
        script: &Script,
        imports: impl Iterator<Item = &'n str>,
    ) -> Made {
        let mut digest = Sha256::new();
        let mut reads_config = mentions_config(script);
        digest.update(script.digest.as_bytes());
        for import in imports {
            digest.update(import.as_bytes());
            if let Some(library) = self.snapshot.library(import) {
                reads_config |= mentions_config(library);
                digest.update(library.digest.as_bytes());
            }
        }
        digest.update(self.settings.plugin_fingerprint(name).as_bytes());
        if reads_config {
            digest.update(self.config_text.as_bytes());
        }
        Made(digest.finalize().to_vec())
    }

    /// Loads all of them; the answers are in the order of the jobs.
    ///
    /// They are loaded by as many threads as there are cores, and by more when none of them comes to an end for
    /// a while: whoever loads for ever has a time of its own for that, and the others are not to wait for it.
    pub(super) fn load_all(&self, jobs: &[&Job<'_>], shared: &Shared<'_>) -> Vec<Loaded> {
        if let [job] = jobs {
            return vec![self.load(job, shared)];
        }
        let next = AtomicUsize::new(0);
        let take = || {
            let index = next.fetch_add(1, Ordering::Relaxed);
            jobs.get(index).map(|job| (index, job))
        };
        let mut loaded = BTreeMap::new();
        std::thread::scope(|scope| {
            let (sender, ended) = std::sync::mpsc::channel();
            let begin = || {
                let sender = sender.clone();
                let work = move || {
                    stack::is_large_here();
                    while let Some((index, job)) = take() {
                        if sender.send((index, self.load(job, shared))).is_err() {
                            return;
                        }
                    }
                };
                let thread = std::thread::Builder::new().name("hotplate-load".to_owned());
                let begun = thread.stack_size(STACK).spawn_scoped(scope, work);
                let warn = |error: &std::io::Error| {
                    tracing::warn!(%error, "a loading thread could not be started");
                };
                begun.inspect_err(warn).ok()
            };
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let mut threads = Vec::new();
            let mut more = cores.min(8);
            while loaded.len() < jobs.len() {
                let left = jobs.len().saturating_sub(next.load(Ordering::Relaxed));
                let wanted = more.min(left).min(MOST_LOADERS - threads.len());
                threads.extend((0..wanted).map_while(|_| begin()));
                more = 0;
                match ended.recv_timeout(LOADS_LONG) {
                    Ok((index, one)) => drop(loaded.insert(index, one)),
                    // What none of them could do is done below.
                    Err(_) if threads.iter().all(ScopedJoinHandle::is_finished) => {
                        loaded.extend(ended.try_iter());
                        return;
                    }
                    Err(_) => more = threads.len(),
                }
            }
        });
        let lone = |job: &Job<'_>| self.load(job, shared);
        jobs.iter()
            .enumerate()
            .map(|(index, job)| loaded.remove(&index).unwrap_or_else(|| lone(job)))
            .collect()
    }

    /// What becomes of answers that are not what their routes promise.
    fn responses(&self) -> Responses {
        match self.settings.openapi.responses {
            Responses::Auto if self.settings.server.development => Responses::Refuse,
            Responses::Auto => Responses::Log,
            said => said,
        }
    }

    fn load(&self, job: &Job<'_>, shared: &Shared<'_>) -> Loaded {
        let lines = if job.script.confined { Lines::Shown } else { Lines::Hidden };
        let text = match &job.script.text {
            Ok(text) => Text { file: job.script.file.clone(), text: Arc::clone(text), lines },
            Err(fault) => {
                let fault = fault.clone().of_plugin(job.name);
                return Err(vec![match lines {
                    Lines::Shown => fault,
                    Lines::Hidden => fault.without_lines(),
                }]);
            }
        };
        let limits = self.settings.limits_of(job.name);
        let table = serde_json::Value::Object(self.settings.plugin(job.name).settings.clone());
        let context = PluginContext {
            name: job.name.to_owned(),
            settings: crate::script::json::from_value(&table),
            config: self.config.clone(),
            string_type: content_type(self.settings.server.string_type),
            development: self.settings.server.development,
            output_bytes: limits.output_bytes,
            stream_bytes: limits.stream_bytes,
            state: self.services.state(job.name),
            store: self.services.store(job.name, limits.store_bytes),
            files: self.services.files(job.name, limits.files_bytes),
            sessions: Arc::clone(self.services.sessions()),
        };
        let inputs = Inputs {
            name: job.name,
            mount: job.mount,
            text,
            context: Arc::new(context),
            limits,
            responses: self.responses(),
            shared,
            shelf: self,
            natives: self.natives,
            signatures: self.signatures,
        };
        let made = |libraries: &Libraries| {
            let names = libraries.names();
            self.made(job.name, job.script, names.iter().map(String::as_str))
        };
        // Whatever a script does to its loading is a fault of that script alone.
        catch_unwind(AssertUnwindSafe(|| load(inputs, made))).unwrap_or_else(|_| {
            let fault = Diagnostic::error("panic", "loading this script gave up")
                .at(Place::file(&*job.script.file))
                .help("take back the last change; please report the script");
            Err(vec![fault.of_plugin(job.name)])
        })
    }
}

impl Shelf for Workshop<'_> {
    fn take(&self, name: &str) -> Option<Result<Compiled, Box<Diagnostic>>> {
        let library = self.snapshot.library(name)?;
        if !library.confined {
            let message = format!("`{name}` is a link that leads out of the plugin folder");
            let fault = Diagnostic::error("import-outside", message)
                .at(Place::file(&*library.file))
                .help("copy the file into the plugin folder");
            return Some(Err(Box::new(fault)));
        }
        let known = self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(compiled) = known {
            return Some(Ok(compiled));
        }
        let text = match &library.text {
            Ok(text) => {
                let (file, text) = (library.file.clone(), Arc::clone(text));
                Text { file, text, lines: Lines::Shown }
            }
            Err(fault) => return Some(Err(Box::new(fault.clone()))),
        };
        let compiled = compile(&self.natives.engine(8), &text);
        if let Ok(compiled) = &compiled {
            let mut all = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(name.to_owned(), compiled.clone());
        }
        Some(compiled)
    }

    fn names(&self) -> Vec<String> {
        self.snapshot.libraries().map(|library| library.name.to_string()).collect()
    }
}

/// The content type of a plain string.
fn content_type(kind: StringType) -> &'static str {
    match kind {
        StringType::Text => "text/plain; charset=utf-8",
        StringType::Html => "text/html; charset=utf-8",
    }
}

/// Whether a script may read the whole configuration, so that any change of it is a change of the
/// plugin.
fn mentions_config(script: &Script) -> bool {
    script.text.as_ref().is_ok_and(|text| text.contains("config"))
}
