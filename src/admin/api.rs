//! The routes of the administration.

use std::sync::Arc;

use poem_openapi::{ApiResponse, OpenApi, Tags, param::Path, payload::Json};

use super::reply::{
    Alive, Load, Loaded, Plugins, Ready, Refusal, Reload, Reloaded, ReloadedAll, Unloaded,
};
use crate::{
    diagnostic::Diagnostic,
    generation::{Entry, State},
    reload::{Handle, Scope, report::Report},
    services::sessions::Sessions,
    site::Site,
};

/// The name of "all plugins" where a plugin is expected.
const ALL: &str = "all";

pub(super) struct Api {
    site: Arc<Site>,
    reloader: Handle,
    sessions: Arc<Sessions>,
}

#[derive(Tags)]
enum Group {
    /// What is served, and loading it again.
    Administration,
}

#[derive(ApiResponse)]
enum ReloadAnswer {
    /// What was asked for is served as written.
    #[oai(status = 200)]
    Done(Json<Reload>),
    /// Something failed; of that the last good version is served.
    #[oai(status = 422)]
    Failed(Json<Reload>),
    /// There is no such plugin.
    #[oai(status = 404)]
    Unknown(Json<Refusal>),
    /// The server is ending.
    #[oai(status = 503)]
    Ending(Json<Refusal>),
}

#[derive(ApiResponse)]
enum LoadAnswer {
    /// It is served.
    #[oai(status = 200)]
    Done(Json<Loaded>),
    /// It failed.
    #[oai(status = 422)]
    Failed(Json<Loaded>),
    /// There is no such plugin.
    #[oai(status = 404)]
    Unknown(Json<Refusal>),
    /// The server is ending.
    #[oai(status = 503)]
    Ending(Json<Refusal>),
}

#[expect(clippy::large_enum_variant, reason = "made once for each answer")]
#[derive(ApiResponse)]
enum UnloadAnswer {
    /// It is served no more.
    #[oai(status = 200)]
    Done(Json<Unloaded>),
    /// There is no such plugin.
    #[oai(status = 404)]
    Unknown(Json<Refusal>),
    /// The server is ending.
    #[oai(status = 503)]
    Ending(Json<Refusal>),
}

/// Whether what a plugin's file and the configuration say is what is served.
fn is_good_for(report: &Report, name: &str) -> bool {
    let is_about = |fault: &Diagnostic| fault.plugin.as_deref().is_none_or(|plugin| plugin == name);
    let is_wrong = |fault: &Diagnostic| fault.is_error() && is_about(fault);
    !report.failed.iter().any(|failed| failed == name) && !report.diagnostics.iter().any(is_wrong)
}

impl Api {
    pub(super) fn new(site: Arc<Site>, reloader: Handle, sessions: Arc<Sessions>) -> Self {
        Self { site, reloader, sessions }
    }

    async fn reload_plugin(&self, name: String) -> ReloadAnswer {
        if name == ALL {
            return match self.reloader.reload(Scope::All).await {
                Ok(report) => all(report),
                Err(error) => ReloadAnswer::Ending(refusal(error.to_string())),
            };
        }
        match self.reloader.reload(Scope::Plugin(name.clone())).await {
            Ok(report) => match self.entry(&name) {
                None => ReloadAnswer::Unknown(unknown(&name)),
                Some(entry) => {
                    let success = entry.state == State::Serving && is_good_for(&report, &name);
                    let load = explained(report, &name, entry.state).into();
                    let reply = Reloaded { reloaded: name, success, load };
                    reloaded(success, Reload::One(reply))
                }
            },
            Err(error) => ReloadAnswer::Ending(refusal(error.to_string())),
        }
    }

    async fn load_plugin(&self, name: String) -> LoadAnswer {
        match self.reloader.reload(Scope::Load(name.clone())).await {
            Ok(report) => match self.entry(&name) {
                None => LoadAnswer::Unknown(unknown(&name)),
                Some(entry) => {
                    let success = entry.state == State::Serving && is_good_for(&report, &name);
                    let load = explained(report, &name, entry.state).into();
                    let reply = Json(Loaded { loaded: name, success, load });
                    if success { LoadAnswer::Done(reply) } else { LoadAnswer::Failed(reply) }
                }
            },
            Err(error) => LoadAnswer::Ending(refusal(error.to_string())),
        }
    }

    async fn unload_plugin(&self, name: String) -> UnloadAnswer {
        if self.entry(&name).is_none() {
            return UnloadAnswer::Unknown(unknown(&name));
        }
        match self.reloader.reload(Scope::Unload(name.clone())).await {
            Ok(report) => {
                let success = self.entry(&name).is_none_or(|entry| entry.plugin.is_none());
                let load = Load::from(report);
                UnloadAnswer::Done(Json(Unloaded { unloaded: name, success, load }))
            }
            Err(error) => UnloadAnswer::Ending(refusal(error.to_string())),
        }
    }

    fn entry(&self, name: &str) -> Option<Arc<Entry>> {
        self.site.current().plugins.get(name).cloned()
    }
}

fn all(report: Report) -> ReloadAnswer {
    let good = report.is_good();
    let status = if good { "All plugins reloaded" } else { "Some plugins failed" };
    let reply = ReloadedAll { status: status.to_owned(), load: report.into() };
    reloaded(good, Reload::All(reply))
}

fn reloaded(good: bool, reply: Reload) -> ReloadAnswer {
    if good { ReloadAnswer::Done(Json(reply)) } else { ReloadAnswer::Failed(Json(reply)) }
}

fn unknown(name: &str) -> Json<Refusal> {
    refusal(format!("no plugin named {name}"))
}

fn refusal(error: String) -> Json<Refusal> {
    Json(Refusal { error })
}

#[expect(clippy::unused_async, reason = "the macro takes asynchronous handlers only")]
#[OpenApi(tag = "Group::Administration")]
impl Api {
    /// What is served.
    #[oai(path = "/plugins", method = "get")]
    async fn plugins(&self) -> Json<Plugins> {
        Json(Plugins::of(&self.site.current(), &self.sessions))
    }

    /// What is served.
    #[oai(path = "/plugins", method = "post")]
    async fn plugins_by_post(&self) -> Json<Plugins> {
        Json(Plugins::of(&self.site.current(), &self.sessions))
    }

    /// Loads a plugin again, or `all`.
    #[oai(path = "/reload/:plugin", method = "get")]
    async fn reload(&self, plugin: Path<String>) -> ReloadAnswer {
        self.reload_plugin(plugin.0).await
    }

    /// Loads a plugin again, or `all`.
    #[oai(path = "/reload/:plugin", method = "post")]
    async fn reload_by_post(&self, plugin: Path<String>) -> ReloadAnswer {
        self.reload_plugin(plugin.0).await
    }

    /// Serves a plugin that was unloaded.
    #[oai(path = "/load/:plugin", method = "get")]
    async fn load(&self, plugin: Path<String>) -> LoadAnswer {
        self.load_plugin(plugin.0).await
    }

    /// Serves a plugin that was unloaded.
    #[oai(path = "/load/:plugin", method = "post")]
    async fn load_by_post(&self, plugin: Path<String>) -> LoadAnswer {
        self.load_plugin(plugin.0).await
    }

    /// Stops serving a plugin until it is loaded again.
    #[oai(path = "/unload/:plugin", method = "get")]
    async fn unload(&self, plugin: Path<String>) -> UnloadAnswer {
        self.unload_plugin(plugin.0).await
    }

    /// Stops serving a plugin until it is loaded again.
    #[oai(path = "/unload/:plugin", method = "post")]
    async fn unload_by_post(&self, plugin: Path<String>) -> UnloadAnswer {
        self.unload_plugin(plugin.0).await
    }

    /// Whether the server is alive.
    #[oai(path = "/healthz", method = "get")]
    async fn alive(&self) -> Json<Alive> {
        Json(Alive { status: "alive".to_owned() })
    }

    /// Whether the server serves.
    #[oai(path = "/readyz", method = "get")]
    async fn ready(&self) -> Json<Ready> {
        let generation = self.site.current();
        Json(Ready {
            status: "ready".to_owned(),
            generation: generation.number,
            stale: generation.stale().into_iter().map(str::to_owned).collect(),
        })
    }
}

/// A report that says why a plugin is not served which has no fault.
fn explained(mut report: Report, name: &str, state: State) -> Report {
    let (why, help) = match state {
        State::Disabled => (
            "the configuration turns this plugin off",
            "set `enabled = true` in its section of the configuration".to_owned(),
        ),
        State::Unloaded => {
            ("this plugin was unloaded by hand", format!("call /load/{name} to serve it again"))
        }
        State::Serving | State::Stale | State::Failed => return report,
    };
    report.diagnostics.push(Diagnostic::error("plugin-off", why).of_plugin(name).help(help));
    report
}
