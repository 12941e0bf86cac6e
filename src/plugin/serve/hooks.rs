//! What runs at the beginning and end of a plugin: `on_start` and `on_stop`, each under the load budget.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    time::Instant,
};

use super::Plugin;
use crate::{
    diagnostic::{Diagnostic, Place},
    host::{
        current::{self, Phase},
        declare::callback::Callback,
    },
    script::{budget, cells},
};

impl Plugin {
    /// Runs `on_start`, once this version is served.
    pub(crate) fn start(&self) {
        if let Some(diagnostic) = self.run_hooks(&self.on_start, "on_start") {
            *self.start_fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(diagnostic);
        }
    }

    /// Runs `on_stop`, when nothing uses this version any more.
    pub(crate) fn stop(&self) {
        self.run_hooks(&self.on_stop, "on_stop");
    }

    fn run_hooks(&self, hooks: &[Callback], what: &str) -> Option<Diagnostic> {
        for hook in hooks {
            let budget =
                budget::enter(self.budget(Instant::now() + self.load_time()), self.share.thread());
            let _cells = cells::remember();
            let _current = current::enter(Arc::clone(&self.context), Phase::Lifecycle);
            let result = catch_unwind(AssertUnwindSafe(|| hook.call(&self.engine, [])));
            let mut diagnostic = match result {
                Ok(Ok(_)) if budget.spent().is_none() => continue,
                Ok(Err(error)) => self.diagnose(&error, hook.file()),
                Ok(Ok(_)) | Err(_) => Diagnostic::error("hook", "it did not end")
                    .at(Place::file(hook.file()))
                    .of_plugin(&*self.name),
            };
            if let Some(spent) = budget.spent() {
                diagnostic.message = spent.to_string();
            }
            diagnostic.message = format!("`{what}` failed: {}", diagnostic.message);
            tracing::error!(plugin = self.name, "{}", diagnostic.render(false));
            return Some(diagnostic);
        }
        None
    }
}
