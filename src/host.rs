//! What a script sees: the modules, types and functions of the script API.
//!
//! All of it is registered once into one shared module. Whose script is running is known from
//! [`current`], which the caller of a script sets for the thread.

pub(crate) mod answer;
pub(crate) mod current;
pub(crate) mod declare;
pub(crate) mod error;
pub(crate) mod problem;
pub(crate) mod request;

use rhai::Module;

use crate::script::engine::Natives;

/// Everything that scripts see, without what an embedding program adds.
pub(crate) fn natives() -> Natives {
    let mut global = Module::new();
    declare::register(&mut global);
    request::register(&mut global);
    answer::register(&mut global);
    error::register(&mut global);
    Natives::standard().with_global(global)
}
