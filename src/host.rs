//! What a script sees: the modules, types and functions of the script API.
//!
//! All of it is registered once into one shared module. Whose script is running is known from
//! [`current`], which the caller of a script sets for the thread.

pub(crate) mod answer;
mod base64;
mod bulk;
mod closures;
mod crypto;
pub(crate) mod current;
pub(crate) mod declare;
pub(crate) mod define;
pub(crate) mod error;
mod extras;
mod files;
mod json;
mod limits;
pub(crate) mod log;
pub(crate) mod problem;
mod regex;
pub(crate) mod request;
pub(crate) mod schema;
pub(crate) mod session;
mod sleep;
mod state;
mod store;
mod system;
mod text;
mod time;
mod url;

#[cfg(test)]
mod audit;
#[cfg(test)]
mod testing;

use rhai::Module;

use crate::script::engine::Natives;

/// Everything that scripts see, without what an embedding program adds.
pub(crate) fn natives() -> Natives {
    let mut language = Module::new();
    extras::register(&mut language);
    bulk::register(&mut language);
    closures::register(&mut language);
    json::register(&mut language);
    let mut global = Module::new();
    sleep::register(&mut global);
    declare::register(&mut global);
    request::register(&mut global);
    schema::register(&mut global);
    session::register(&mut global);
    answer::register(&mut global);
    error::register(&mut global);
    Natives::standard()
        .with_language(language)
        .with_global(global)
        .with_namespace("base64", base64::module())
        .with_namespace("crypto", crypto::module())
        .with_namespace("files", files::module())
        .with_namespace("json", json::module())
        .with_namespace("limits", limits::module())
        .with_namespace("log", log::module())
        .with_namespace("regex", regex::module())
        .with_namespace("session", session::module())
        .with_namespace("state", state::module())
        .with_namespace("store", store::module())
        .with_namespace("system", system::module())
        .with_namespace("time", time::module())
        .with_namespace("url", url::module())
}
