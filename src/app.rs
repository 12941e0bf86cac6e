//! All of hotplate as one value: build it, mount its endpoint or let it serve.

mod build;
pub(crate) mod check;
mod cors;
mod docs;
mod documents;
mod endpoint;
mod events;
mod logged;
pub mod measured;
mod openapi;
mod received;
mod redirect;
pub(crate) mod serve;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use self::build::{Builder, StartError};
pub use self::endpoint::HotplateEndpoint;
use self::events::Listeners;
use crate::{
    admin::{Admin, WrongKeys},
    plugin::execute::Executor,
    reload::{Handle, Scope, report::Report},
    server::ServerLimits,
    services::schedule::Scheduler,
    settings::Settings,
    site::Site,
};

/// A running instance: its plugins are loaded and watched until [`Hotplate::end`], or until it and all its
/// endpoints are dropped.
///
/// Nothing in it is global, so that several can live in one program.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let scripts = hotplate::Hotplate::builder().plugins("plugins").build()?;
/// let app = poem::Route::new().nest("/scripts", scripts.endpoint());
/// # drop(app);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Hotplate {
    inner: Arc<Inner>,
}

/// What the endpoint and the reloader share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) site: Arc<Site>,
    pub(crate) reloader: Handle,
    pub(crate) admin: Admin,
    pub(crate) wrong_keys: WrongKeys,
    pub(crate) executor: Executor,
    pub(crate) server_limits: Arc<ArcSwap<ServerLimits>>,
    pub(crate) first: Report,
    pub(crate) listeners: Listeners,
    pub(crate) scheduler: Scheduler,
}

/// Whoever drops an instance without ending it leaves nothing running.
impl Drop for Inner {
    fn drop(&mut self) {
        self.listeners.end();
        self.scheduler.close();
        self.reloader.end_soon();
    }
}

impl Hotplate {
    /// Begins to build one.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The endpoint to nest in a poem application, or to mount behind anything that speaks to one. It
    /// answers below the path it is nested at, the administration included.
    pub fn endpoint(&self) -> HotplateEndpoint {
        HotplateEndpoint::new(Arc::clone(&self.inner))
    }

    /// Looks again at the plugin folder and the configuration, and tells what became of it.
    ///
    /// # Errors
    /// [`StartError::Ended`] after [`Hotplate::end`], [`StartError::GaveUp`] when the look panicked.
    pub async fn reload(&self) -> Result<Report, StartError> {
        self.inner.reloader.reload(Scope::All).await.map_err(StartError::from)
    }

    /// What the first load did.
    pub fn first_report(&self) -> &Report {
        &self.inner.first
    }

    /// The configuration in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.inner.site.current().settings)
    }

    /// Whether scripts' memory budgets hold: the program must allocate through jemalloc for that.
    pub fn enforces_memory(&self) -> bool {
        crate::script::memory::is_enforced()
    }

    /// Says goodbye to those who listen: pages at `/docs` that wait to be told of the next generation. No
    /// job begins any more. A program that serves the endpoint with a server of its own calls this when
    /// that begins to end, so that it does not wait for them; [`Hotplate::serve`] does it itself.
    pub fn drain(&self) {
        self.inner.listeners.end();
        self.inner.scheduler.close();
    }

    /// Waits for jobs that are under way, for `grace_ms` at most, runs `on_stop` of every plugin and stops
    /// watching. Requests that are under way go on.
    pub async fn end(&self) {
        self.drain();
        self.inner.reloader.end().await;
    }

    /// Lets the reloader look at what only time changes, without waiting for it.
    pub(crate) fn time_passed(&self) {
        self.inner.reloader.time_passed();
    }

    /// Asks the reloader to look again, without waiting for it.
    pub(crate) fn look_again(&self) {
        self.inner.reloader.signal();
    }
}
