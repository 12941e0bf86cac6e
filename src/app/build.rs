//! From settings and host functions to a running instance.

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use rhai::Module;
use thiserror::Error;

use super::{Hotplate, Inner, events::Listeners};
use crate::{
    admin::{Admin, WrongKeys},
    diagnostic::Diagnostic,
    host,
    plugin::execute::{Executor, Threads},
    reload::{self, Applied, Apply, NoReport, Parts},
    script::stack::STACK,
    server::ServerLimits,
    services::{Services, schedule::Scheduler},
    settings::{Exposure, Settings, Sources},
    site::Site,
};

/// Builds a [`Hotplate`].
pub struct Builder {
    configuration: Configuration,
    plugins: Option<PathBuf>,
    development: Option<bool>,
    modules: Vec<(Option<String>, Module)>,
    threads: Threads,
    apply: Vec<Apply>,
}

/// Where the configuration comes from.
#[derive(Debug)]
enum Configuration {
    /// It was made in code.
    Fixed(Box<Settings>),
    /// It is read, at the start and at each reload.
    Read(Box<Sources>),
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("configuration", &self.configuration)
            .finish_non_exhaustive()
    }
}

/// Why there is no running instance.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration or the plugin folder cannot be used; what is wrong with it.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<Diagnostic>),
    /// The connection side failed.
    #[error(transparent)]
    Server(#[from] crate::server::ServerError),
    /// [`Hotplate::end`] was called.
    #[error("the instance has ended")]
    Ended,
    /// A load panicked; what was served is served on, and the next load begins anew.
    #[error("the load gave up")]
    GaveUp,
}

impl From<NoReport> for StartError {
    fn from(why: NoReport) -> Self {
        match why {
            NoReport::Ended => Self::Ended,
            NoReport::GaveUp => Self::GaveUp,
        }
    }
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            configuration: Configuration::Fixed(Box::default()),
            plugins: None,
            development: None,
            modules: Vec::new(),
            threads: Threads::Own,
            apply: Vec::new(),
        }
    }

    /// The folder of scripts; `plugins` in the working directory unless said otherwise.
    #[must_use]
    pub fn plugins(mut self, folder: impl Into<PathBuf>) -> Self {
        self.plugins = Some(folder.into());
        self
    }

    /// Development mode: clients see faults, and the start page is there.
    #[must_use]
    pub fn development(mut self, development: bool) -> Self {
        self.development = Some(development);
        self
    }

    /// Where the configuration is read from, at the start and at each reload. What is said to the builder
    /// itself counts for more.
    #[must_use]
    pub fn sources(mut self, sources: Sources) -> Self {
        self.configuration = Configuration::Read(Box::new(sources));
        self
    }

    /// A configuration made in code, instead of one that is read.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.configuration = Configuration::Fixed(Box::new(settings));
        self
    }

    /// Functions and types of the host that scripts call without a namespace.
    #[must_use]
    pub fn functions(mut self, module: Module) -> Self {
        self.modules.push((None, module));
        self
    }

    /// Functions of the host that scripts call as `name::…`.
    #[must_use]
    pub fn namespace(mut self, name: impl Into<String>, module: Module) -> Self {
        self.modules.push((Some(name.into()), module));
        self
    }

    /// Scripts run on the workers of a multi-threaded runtime made by [`super::serve::runtime`].
    #[must_use]
    pub(crate) fn on_workers(mut self) -> Self {
        self.threads = Threads::Workers;
        self
    }

    /// Is told of each configuration that is put in force, and tells what is wrong with what it names.
    #[must_use]
    pub(crate) fn apply(
        mut self,
        apply: impl Fn(&Arc<Settings>, bool) -> Applied + Send + 'static,
    ) -> Self {
        self.apply.push(Box::new(apply));
        self
    }

    /// Loads the plugins and begins to watch them. Blocks until the first load is done.
    ///
    /// # Errors
    /// [`StartError::Faults`] when the configuration or the plugin folder cannot be used. A plugin that
    /// fails to load is no error: it is absent, and [`Hotplate::first_report`] says why.
    pub fn build(self) -> Result<Hotplate, StartError> {
        let mut parts = self.parts()?;
        let executor = parts.executor.clone();
        let site = Arc::clone(&parts.site);
        let scheduler = parts.scheduler.clone();
        let sessions = Arc::clone(parts.services.sessions());
        let limits = ServerLimits::from(&parts.settings.limits);
        let server_limits = Arc::new(ArcSwap::from_pointee(limits));
        let limits = Arc::clone(&server_limits);
        let apply = parts.apply;
        parts.apply = Box::new(move |settings, asked| {
            limits.store(Arc::new(ServerLimits::from(&settings.limits)));
            apply(settings, asked)
        });
        let (reloader, first) = reload::start(parts).map_err(StartError::Faults)?;
        if !crate::script::memory::is_enforced() {
            tracing::warn!(
                "memory: unenforced; scripts' memory is bounded only in programs that allocate through jemalloc"
            );
        }
        let admin = Admin::new(Arc::clone(&site), reloader.clone(), sessions);
        let listeners = Listeners::default();
        Ok(Hotplate {
            inner: Arc::new(Inner {
                site,
                reloader,
                admin,
                wrong_keys: WrongKeys::default(),
                executor,
                server_limits,
                first,
                listeners,
                scheduler,
            }),
        })
    }

    /// What a reloader is made of, with the site that it publishes to.
    pub(super) fn parts(self) -> Result<Parts, StartError> {
        let Read { settings, sources, text } = self.load()?;
        let settings = Arc::new(settings);
        let mut natives = host::natives();
        for (name, module) in self.modules {
            natives = natives.with_foreign();
            natives = match name {
                None => natives.with_global(module),
                Some(name) => natives.with_namespace(&name, module),
            };
        }
        let apply = self.apply;
        let services = Arc::new(Services::new(&settings.paths.data, &settings.sessions));
        let sessions = Arc::clone(services.sessions());
        let executor = Executor::new(self.threads, settings.limits.script_threads);
        Ok(Parts {
            site: Site::new(Arc::clone(&settings)),
            sources,
            services,
            settings,
            config: text,
            scheduler: Scheduler::new(STACK),
            natives,
            executor,
            apply: Box::new(move |settings, asked| {
                sessions.configure(&settings.sessions);
                let mut all = Applied::default();
                for applied in apply.iter().map(|apply| apply(settings, asked)) {
                    all.diagnostics.extend(applied.diagnostics);
                    all.unsettled |= applied.unsettled;
                }
                all
            }),
        })
    }

    fn load(&self) -> Result<Read, StartError> {
        let fixed = match &self.configuration {
            Configuration::Fixed(fixed) => fixed,
            Configuration::Read(sources) => {
                let mut sources = Sources::clone(sources);
                let overrides = &mut sources.overrides;
                overrides.plugins = self.plugins.clone().or(overrides.plugins.take());
                overrides.development = self.development.or(overrides.development);
                let mut loaded = Settings::load(&sources).map_err(StartError::Faults)?;
                let text = loaded.take_text();
                return Ok(Read { settings: loaded.settings, sources: Some(sources), text });
            }
        };
        let mut settings = Settings::clone(fixed);
        if let Some(plugins) = &self.plugins {
            settings.paths.plugins.clone_from(plugins);
        }
        settings.paths.plugins = std::path::absolute(&settings.paths.plugins)
            .unwrap_or_else(|_| settings.paths.plugins.clone());
        settings.server.development = self.development.unwrap_or(settings.server.development);
        let faults = settings.check(Exposure::Guarded);
        if faults.iter().any(Diagnostic::is_error) {
            return Err(StartError::Faults(faults));
        }
        Ok(Read { settings, sources: None, text: None })
    }
}

/// The configuration that an instance begins with.
struct Read {
    settings: Settings,
    /// Where it is read again.
    sources: Option<Sources>,
    /// The text of its file, if it was read from one.
    text: Option<String>,
}
