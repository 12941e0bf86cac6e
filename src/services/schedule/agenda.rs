//! Which jobs there are, which of them run, and what is due at a moment.
//!
//! It has no clock and no thread, so that a test can let years go by and clocks jump.
//!
//! - Of two runs of one job, by plugin and name, the second does not begin before the first has ended,
//!   whatever versions of the plugin they belong to.
//! - However long nobody looked, and wherever the clock went, a job begins once at most in one look.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    record::{Due, Record},
    timetable::Timetable,
};

/// How many jobs of one plugin run at a time.
const AT_ONCE: usize = 4;

/// How often the clock on the wall is looked at while a job goes by it: it may be set at any time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// By how much the clock on the wall must go back to count as set back. Less is drift, and a time that
/// was reached is not reached again.
const SET_BACK: SignedDuration = SignedDuration::from_secs(2);

/// A moment, on the clock that only goes forward and on the one on the wall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) steady: Instant,
    pub(super) wall: Timestamp,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { steady: Instant::now(), wall: Timestamp::now() }
    }
}

/// A job to be scheduled.
#[derive(Debug)]
pub(crate) struct Assignment<W> {
    /// Its name, which no other job of its plugin has.
    pub(crate) name: Arc<str>,
    /// When it runs.
    pub(crate) timetable: Timetable,
    /// What is known of its runs.
    pub(crate) record: Arc<Record>,
    /// What to do.
    pub(crate) work: W,
}

/// The jobs of one version of a plugin.
#[derive(Debug)]
pub(super) struct Roster<W> {
    id: u64,
    plugin: Arc<str>,
    jobs: Vec<(Assignment<W>, Due)>,
}

/// A run that begins now.
#[derive(Debug)]
pub(super) struct Start<W> {
    pub(super) plugin: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) work: W,
}

/// All jobs.
#[derive(Debug)]
pub(super) struct Agenda<W> {
    rosters: HashMap<String, Roster<W>>,
    running: HashMap<Arc<str>, Vec<Arc<str>>>,
    looked: Option<Moment>,
    next_id: u64,
}

impl<W> Default for Agenda<W> {
    fn default() -> Self {
        let (rosters, running) = (HashMap::new(), HashMap::new());
        Self { rosters, running, looked: None, next_id: 1 }
    }
}

impl<W: Clone> Agenda<W> {
    /// Takes the jobs of a version of a plugin in place of those of the version before, which come back.
    /// They are held until they are released by the number that is given.
    pub(super) fn put(
        &mut self,
        plugin: &str,
        assignments: Vec<Assignment<W>>,
    ) -> (u64, Option<Roster<W>>) {
        let before = self.rosters.remove(plugin);
        let planned = |job: &Assignment<W>| {
            let (_, due) = before.as_ref()?.jobs.iter().find(|(there, _)| {
                there.name == job.name
                    && there.timetable == job.timetable
                    && matches!(there.timetable, Timetable::Every(_))
            })?;
            match due {
                Due::At(moment) => Some(*moment),
                Due::Held(moment) => *moment,
                Due::On(_) | Due::Waiting(_) | Due::Never => None,
            }
        };
        let jobs = assignments.into_iter().map(|job| {
            let due = Due::Held(planned(&job));
            (job, due)
        });
        let id = self.next_id;
        self.next_id += 1;
        let jobs = jobs.collect();
        self.rosters.insert(plugin.to_owned(), Roster { id, plugin: plugin.into(), jobs });
        (id, before)
    }

    /// Forgets the jobs of a plugin. Runs that go on go on.
    pub(super) fn remove(&mut self, plugin: &str) -> Option<Roster<W>> {
        self.rosters.remove(plugin)
    }

    /// Lets held jobs be due; nothing where other ones took their place.
    pub(super) fn release(&mut self, id: u64, now: Moment) {
        let Some(roster) = self.rosters.values_mut().find(|roster| roster.id == id) else { return };
        for (job, due) in &mut roster.jobs {
            if let Due::Held(planned) = *due {
                let first = match &job.timetable {
                    Timetable::Every(time) => planned.or_else(|| now.steady.checked_add(*time)),
                    Timetable::After(time) => now.steady.checked_add(*time),
                    Timetable::Cron(pattern) => {
                        plan(job, due, pattern.after(now.wall).map_or(Due::Never, Due::On));
                        continue;
                    }
                };
                plan(job, due, first.map_or(Due::Never, Due::At));
            }
        }
    }

    /// What begins now. Each run that is given counts as running until it has [`Agenda::ended`].
    pub(super) fn look(&mut self, now: Moment) -> Vec<Start<W>> {
        let set_back = self.looked.replace(now).is_some_and(|before| went_back(before, now));
        let mut starts = Vec::new();
        for roster in self.rosters.values_mut() {
            if set_back {
                roster.ask_the_clock_again(now);
            }
            let running = self.running.entry(Arc::clone(&roster.plugin)).or_default();
            // Whoever waits longest comes first, or jobs that are due again at once would keep it waiting.
            let mut turn: Vec<_> = roster
                .jobs
                .iter_mut()
                .filter_map(|(job, due)| Some((since(*due, now)?, job, due)))
                .collect();
            turn.sort_by_key(|(since, ..)| *since);
            for (_, job, due) in turn {
                starts.extend(begin(&roster.plugin, job, due, running, now));
            }
        }
        self.running.retain(|_, jobs| !jobs.is_empty());
        starts
    }

    /// A run has ended.
    pub(super) fn ended(&mut self, plugin: &str, name: &str) {
        if let Some(jobs) = self.running.get_mut(plugin) {
            jobs.retain(|there| &**there != name);
        }
    }

    /// How long nothing is due, at most; for ever where that is nothing.
    pub(super) fn quiet(&self, now: Moment) -> Option<Duration> {
        let left = |due: &Due| match due {
            Due::At(moment) => Some(moment.saturating_duration_since(now.steady)),
            Due::On(moment) => {
                let left = moment.duration_since(now.wall);
                Some(Duration::try_from(left).unwrap_or_default().min(LOOK_EVERY))
            }
            Due::Held(_) | Due::Waiting(_) | Due::Never => None,
        };
        self.rosters.values().flat_map(|roster| &roster.jobs).filter_map(|(_, due)| left(due)).min()
    }

    /// Whether there are no jobs.
    pub(super) fn is_empty(&self) -> bool {
        self.rosters.is_empty()
    }

    /// The plugins with jobs that run, and these.
    pub(super) fn running(&self) -> Vec<(String, String)> {
        let of = |(plugin, jobs): (&Arc<str>, &Vec<Arc<str>>)| {
            jobs.iter().map(|job| (plugin.to_string(), job.to_string())).collect::<Vec<_>>()
        };
        self.running.iter().flat_map(of).collect()
    }
}

/// Since when a job is to begin, if it is; those that become due now come last, in their order.
fn since(due: Due, now: Moment) -> Option<Instant> {
    match due {
        Due::Waiting(since) => Some(since),
        Due::At(moment) => (moment <= now.steady).then_some(now.steady),
        Due::On(moment) => (moment <= now.wall).then_some(now.steady),
        Due::Held(_) | Due::Never => None,
    }
}

impl<W> Roster<W> {
    /// What goes by the clock on the wall is due as that says now.
    fn ask_the_clock_again(&mut self, now: Moment) {
        for (job, due) in &mut self.jobs {
            if let (Timetable::Cron(pattern), Due::On(_)) = (&job.timetable, *due) {
                plan(job, due, pattern.after(now.wall).map_or(Due::Never, Due::On));
            }
        }
    }
}

/// Begins a job that is due, unless its run before goes on or too many others of its plugin do.
fn begin<W: Clone>(
    plugin: &Arc<str>,
    job: &Assignment<W>,
    due: &mut Due,
    running: &mut Vec<Arc<str>>,
    now: Moment,
) -> Option<Start<W>> {
    if running.contains(&job.name) {
        job.record.skip(1);
        plan(job, due, following(job, *due, now));
        return None;
    }
    if running.len() >= AT_ONCE {
        plan(job, due, Due::Waiting(since(*due, now).unwrap_or(now.steady)));
        return None;
    }
    running.push(Arc::clone(&job.name));
    job.record.begin();
    plan(job, due, following(job, *due, now));
    let (plugin, name) = (Arc::clone(plugin), Arc::clone(&job.name));
    Some(Start { plugin, name, work: job.work.clone() })
}

/// When a job is due after it was. Times that went by meanwhile are counted as skipped.
fn following<W>(job: &Assignment<W>, due: Due, now: Moment) -> Due {
    match &job.timetable {
        Timetable::After(_) => Due::Never,
        Timetable::Cron(pattern) => {
            // A clock that goes back a little does not reach the same time again.
            let reached = match due {
                Due::On(moment) => moment.max(now.wall),
                _ => now.wall,
            };
            pattern.after(reached).map_or(Due::Never, Due::On)
        }
        Timetable::Every(time) => {
            let was = match due {
                Due::At(moment) => moment,
                _ => now.steady,
            };
            let late = now.steady.saturating_duration_since(was).as_nanos();
            let interval = time.as_nanos().max(1);
            job.record.skip(u64::try_from(late / interval).unwrap_or(u64::MAX));
            let past = u64::try_from(late % interval).unwrap_or(u64::MAX);
            let past = Duration::from_nanos(past);
            now.steady.checked_add(time.saturating_sub(past)).map_or(Due::Never, Due::At)
        }
    }
}

fn plan<W>(job: &Assignment<W>, due: &mut Due, next: Due) {
    *due = next;
    job.record.plan(next);
}

/// Whether the clock on the wall was set back between two moments.
fn went_back(before: Moment, now: Moment) -> bool {
    let steady = now.steady.saturating_duration_since(before.steady);
    let steady = SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX);
    now.wall.duration_since(before.wall).saturating_add(SET_BACK) < steady
}

#[cfg(test)]
mod tests;
