//! Jobs, as the administration tells of them.

use poem_openapi::Object;

use crate::{
    generation::Generation,
    plugin::job::Job as PluginJob,
    services::schedule::{Due, Last, Outcome},
};

/// What a plugin does by the clock.
#[derive(Debug, Object)]
pub(super) struct Job {
    /// The plugin that declared it.
    plugin: String,
    /// Its name.
    name: String,
    /// When it runs, such as `every 5m` or `cron 0 6 * * *`.
    schedule: String,
    /// The time zone of a cron pattern.
    #[oai(skip_serializing_if_is_none)]
    zone: Option<String>,
    /// How long a run may take, in milliseconds.
    timeout_ms: u64,
    /// `running`, `waiting` until it is due, `queued` behind other jobs of its plugin, or `done` when it
    /// runs no more.
    state: String,
    /// Runs that began since this version of the plugin is served.
    runs: u64,
    /// Runs of these that failed.
    failures: u64,
    /// Times that it was due and did not run, because the run before went on.
    skips: u64,
    /// The last run that ended.
    #[oai(skip_serializing_if_is_none)]
    last: Option<LastRun>,
    /// When it is due next, as RFC 3339.
    #[oai(skip_serializing_if_is_none)]
    next: Option<String>,
    /// The file that declares it.
    file: String,
    /// The line of the declaration.
    line: u64,
}

/// A run of a job that has ended.
#[derive(Debug, Object)]
struct LastRun {
    /// When it began, as RFC 3339.
    began: String,
    /// How long it took.
    milliseconds: f64,
    /// `ok` or `failed`.
    result: String,
    /// What went wrong.
    #[oai(skip_serializing_if_is_none)]
    fault: Option<String>,
}

impl Job {
    /// All jobs that are scheduled, plugin by plugin.
    pub(super) fn all(generation: &Generation) -> Vec<Self> {
        let of = |(name, plugin): (&str, &std::sync::Arc<crate::plugin::Plugin>)| {
            plugin.jobs().iter().map(|job| Self::of(name, job)).collect::<Vec<_>>()
        };
        generation.served().flat_map(of).collect()
    }

    fn of(plugin: &str, job: &PluginJob) -> Self {
        let standing = job.record.standing();
        let state = match (standing.since, standing.due) {
            (Some(_), _) => "running",
            (None, Due::Waiting(_)) => "queued",
            (None, Due::Never) => "done",
            (None, Due::Held(_) | Due::At(_) | Due::On(_)) => "waiting",
        };
        Self {
            plugin: plugin.to_owned(),
            name: job.name.to_string(),
            schedule: job.timetable.to_string(),
            zone: job.timetable.zone().map(str::to_owned),
            timeout_ms: u64::try_from(job.timeout.as_millis()).unwrap_or(u64::MAX),
            state: state.to_owned(),
            runs: standing.runs,
            failures: standing.failures,
            skips: standing.skips,
            last: standing.last.map(LastRun::from),
            next: standing.due.on_the_wall().map(|moment| format!("{moment:.3}")),
            file: job.place.file.clone(),
            line: job.place.line as u64,
        }
    }
}

impl From<Last> for LastRun {
    fn from(last: Last) -> Self {
        let (result, fault) = match last.outcome {
            Outcome::Ok => ("ok", None),
            Outcome::Failed(fault) => ("failed", Some(fault)),
        };
        Self {
            began: format!("{:.3}", last.began),
            milliseconds: last.took.as_secs_f64() * 1000.0,
            result: result.to_owned(),
            fault,
        }
    }
}
