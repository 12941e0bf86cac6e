//! One run of a job, under the budget of a request but with a time of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use super::Plugin;
use crate::{
    diagnostic::Diagnostic,
    host::current::{self, Phase},
    plugin::job::Job,
    script::{
        budget::{self, Spent},
        cells, memory,
    },
    services::schedule::{Outcome, Worth},
};

impl Plugin {
    /// What it does by the clock.
    pub(crate) fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// Runs a job to its end, on a thread of our own, and notes what became of it.
    pub(crate) fn run_job(&self, index: usize) {
        let Some(job) = self.jobs.get(index) else { return };
        let began = Instant::now();
        let fault = self.fault_of(job);
        let took = began.elapsed();
        let outcome = match &fault {
            None => Outcome::Ok,
            Some(fault) => Outcome::Failed(fault.to_string()),
        };
        let worth = job.record.end(took, outcome, Instant::now());
        let Some(fault) = fault else { return };
        let fault = fault.render(false);
        if worth == Worth::Known {
            tracing::debug!(plugin = self.name, job = &*job.name, "{fault}");
        } else {
            tracing::error!(plugin = self.name, job = &*job.name, "{fault}");
        }
    }

    /// Runs a job, and gives what went wrong.
    fn fault_of(&self, job: &Job) -> Option<Diagnostic> {
        let name = &job.name;
        let fault = |code, message: String| {
            Diagnostic::error(code, message).at(job.place.clone()).of_plugin(&*self.name)
        };
        if self.growth.is_exhausted() {
            let message =
                format!("the job `{name}` is run no more: its plugin left too much memory behind");
            return Some(fault("job", message));
        }
        let _much = memory::give_back_what_is_freed();
        let budget = budget::enter(self.budget(Instant::now() + job.timeout), self.share.thread());
        let before = memory::balance();
        let cells = cells::remember();
        let _current = current::enter(std::sync::Arc::clone(&self.context), Phase::Job);
        // What it returns is dropped here, where the stack is large.
        let result =
            catch_unwind(AssertUnwindSafe(|| job.function.call(&self.engine, []).map(drop)));
        let spent = budget.spent();
        drop(cells);
        self.note_left(before, 0);
        let mut diagnostic = match result {
            Ok(Ok(())) if spent.is_none() => return None,
            Ok(Err(error)) => self.diagnose(&error, job.function.file()),
            Ok(Ok(())) => fault("budget", String::new()),
            Err(_) => fault("panic", "a native function gave up".to_owned()),
        };
        if let Some(spent) = spent {
            diagnostic.code = "budget";
            diagnostic.message = match spent {
                Spent::Time => format!("it ran longer than {} ms", job.timeout.as_millis()),
                other => other.to_string(),
            };
            diagnostic.help = Some(
                "its time is `timeout`, or else `script_ms`; other limits are set in [limits], for \
                 one plugin in [plugins.NAME.limits]"
                    .to_owned(),
            );
        }
        diagnostic.message = format!("the job `{name}` failed: {}", diagnostic.message);
        Some(diagnostic)
    }
}
