//! hotplate: an HTTP server that people program by dropping Rhai scripts into a folder.
//!
//! The modules, from the lowest floor to the highest; each uses only those below it:
//!
//! - `diagnostic`: what is wrong with something a person wrote, and where.
//! - `settings`: the configuration, typed.
//! - `content`: files as answers, opened below their folder by construction.
//! - `source`: the plugin folder as a snapshot, and what watches it.
//! - `services`: what outlives every reload and knows nothing of Rhai.
//! - `compile`: functions of Rhai as closures of Rust.
//! - `pserve`: configurations of the server that inspired this one, carried over.
//! - `script`: engines, budgets, lints: Rhai without HTTP.
//! - `host`: what a script sees.
//! - `plugin`: one loaded script with its routes, and how a request runs through it.
//! - `openapi`: the document of what is served.
//! - `documents`, `middleware`: what the server itself shows, and what stands before everything.
//! - `generation`: the immutable whole of what is served. `site`: the one that is current.
//! - `reload`: the only one that publishes generations.
//! - `admin`: the administration routes. `server`: connections. `app`: all of it as one endpoint.
//! - `cli`: the program.
//!
//! A program that embeds hotplate starts at [`Hotplate::builder`].

mod admin;
mod app;
pub mod cli;
mod compile;
mod content;
mod diagnostic;
mod documents;
mod generation;
mod host;
mod middleware;
mod openapi;
mod plugin;
mod pserve;
mod reload;
mod schema;
mod script;
mod server;
mod services;
mod settings;
mod site;
mod source;

#[doc(hidden)]
pub use app::measured;
pub use app::{Builder, Hotplate, HotplateEndpoint, StartError};
pub use diagnostic::{Diagnostic, Frame, Place, Related, Severity};
pub use openapi::diff::{Change as ApiChange, Severity as ApiSeverity};
pub use reload::report::{ContractStanding, Report};
pub use server::ServerError;
pub use settings::{
    AccessLog, ApiContact, ApiInfo, ApiLicense, ApiServer, ApiTag, AuthSettings, ContractSettings,
    CorsOverrides, CorsSettings, DocumentSettings, Exposure, InvalidDigest, InvalidRange,
    InvalidRedisUrl, KeySettings, LimitOverrides, Limits, Loaded, LogFormat, LogLevel, LogSettings,
    MountAuth, MountSettings, NetworkSettings, OnBreaking, OpenApiAccess, OpenApiSettings,
    Overrides, PathSettings, PluginAuth, PluginSettings, ProxyRange, RedisUrl, Responses, SameSite,
    ScriptLimits, Secret, ServerSettings, SessionSettings, SessionStore, Settings, SniSettings,
    Sources, StringType, TlsSettings, TlsVersion, WatchMode, WatchSettings, process_environment,
};

// Tests see the memory budget only where the program allocates through jemalloc.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
