//! The reloader's loop: wait for triggers, take all that are there, look once, answer those who asked.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{Handle, NoReport, Parts, Reloader, Scope, Trigger, Waiting, report::Report};
use crate::{
    diagnostic::Diagnostic,
    script::stack::{self, STACK},
    source::watch::{Changed, WatchSettings, Watcher},
};

/// How often retired versions are asked whether they are still in use.
const RETIRED_EVERY: Duration = Duration::from_millis(20);

/// How long somebody who asked waits for files that are still being written.
const PATIENCE: Duration = Duration::from_secs(1);

/// Loads for the first time, then goes on in a thread of its own. An error is one that leaves nothing
/// to serve: the plugin folder cannot be read.
pub(crate) fn start(parts: Parts) -> Result<(Handle, Report), Vec<Diagnostic>> {
    let (sender, triggers) = mpsc::channel();
    let handle = Handle { triggers: sender.clone() };
    let (first, loaded) = mpsc::channel();
    let spawned = std::thread::Builder::new()
        .name("hotplate-reload".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            stack::is_large_here();
            let mut reloader = Reloader::new(parts, triggers);
            // The watcher is there before the first look, so that no change between them is missed.
            let watching = reloader.watch(sender);
            let report = reloader.first_look();
            let report = watching.and(report);
            let goes_on = report.is_ok();
            if first.send(report).is_ok() && goes_on {
                reloader.run();
            }
        });
    let no_thread = |error: &dyn std::fmt::Display| {
        vec![Diagnostic::error("no-thread", format!("the reloader could not be started: {error}"))]
    };
    if let Err(error) = spawned {
        return Err(no_thread(&error));
    }
    let report = loaded.recv().map_err(|error| no_thread(&error))??;
    Ok((handle, report))
}

/// What a round of triggers asks for.
struct Round {
    changed: Option<Changed>,
    /// Whether the configuration is read again and what failed is tried again.
    asked: bool,
    ending: Option<oneshot::Sender<()>>,
}

impl Reloader {
    fn watch(&mut self, triggers: mpsc::Sender<Trigger>) -> Result<(), Vec<Diagnostic>> {
        let watch = &self.parts.settings.watch;
        let settings = WatchSettings {
            mode: watch.mode,
            settle: Duration::from_millis(watch.settle_ms),
            poll: Duration::from_millis(watch.poll_ms),
            files: self.outside_files(),
        };
        let wake = move |changed: Changed| {
            // The reloader has ended, and the program with it.
            drop(triggers.send(Trigger::Changed(changed)));
        };
        match Watcher::start(settings, wake) {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.rearm();
                Ok(())
            }
            Err(error) => Err(vec![Diagnostic::error("watch", error.to_string())]),
        }
    }

    fn run(mut self) {
        loop {
            let Some(round) = self.next_round() else { return };
            // One look may give up; without the reloader nothing would ever be loaded again.
            let looked = catch_unwind(AssertUnwindSafe(|| self.work(&round)));
            if looked.is_err() {
                self.give_up();
            }
            if let Some(ended) = round.ending {
                self.end();
                if ended.send(()).is_err() {
                    tracing::debug!("nobody waited for the end");
                }
                return;
            }
        }
    }

    fn work(&mut self, round: &Round) {
        let is_held = !self.held.is_empty() || self.applied.unsettled;
        if round.changed.is_some() || round.asked || is_held {
            let unclear = Changed::Unclear;
            let report = self.look(round.changed.as_ref().unwrap_or(&unclear), round.asked);
            self.answer(&report);
        }
        if round.ending.is_none() {
            self.retired.run(&self.parts.executor);
        }
    }

    /// After a look that panicked: forgets what it may have left half done, so that the next one judges
    /// everything anew.
    fn give_up(&mut self) {
        tracing::error!("a look at the plugins gave up; what is served stays");
        self.snapshot = None;
        self.held.clear();
        for known in self.known.values_mut() {
            known.seen = None;
        }
        for waiting in std::mem::take(&mut self.waiting) {
            // Whoever asked may have gone away.
            drop(waiting.reply.send(Err(NoReport::GaveUp)));
        }
    }

    /// Waits for a trigger and takes all others that are there already.
    fn next_round(&mut self) -> Option<Round> {
        let mut round = Round { changed: None, asked: false, ending: None };
        let first = match self.patience() {
            None => self.triggers.recv().ok()?,
            Some(time) => match self.triggers.recv_timeout(time) {
                Ok(trigger) => trigger,
                Err(RecvTimeoutError::Timeout) => return Some(round),
                Err(RecvTimeoutError::Disconnected) => return None,
            },
        };
        self.take(first, &mut round);
        while let Ok(trigger) = self.triggers.try_recv() {
            self.take(trigger, &mut round);
        }
        Some(round)
    }

    /// How long to wait for a trigger before looking again without one.
    fn patience(&self) -> Option<Duration> {
        if !self.held.is_empty() || self.applied.unsettled {
            return Some(self.settle().max(Duration::from_millis(5)));
        }
        (!self.retired.is_empty()).then_some(RETIRED_EVERY)
    }

    pub(super) fn settle(&self) -> Duration {
        Duration::from_millis(self.parts.settings.watch.settle_ms)
    }

    fn take(&mut self, trigger: Trigger, round: &mut Round) {
        match trigger {
            Trigger::Changed(changed) => {
                round.changed = Some(match round.changed.take() {
                    Some(before) => before.and(changed),
                    None => changed,
                });
            }
            Trigger::Signal => {
                round.asked = true;
                round.changed = Some(Changed::Unclear);
            }
            Trigger::Asked(scope, reply) => {
                let plugin = match scope {
                    Scope::Unload(name) => {
                        self.unloaded.insert(name);
                        None
                    }
                    Scope::Load(name) => {
                        self.unloaded.remove(&name);
                        None
                    }
                    Scope::All => None,
                    Scope::Plugin(name) => Some(name),
                };
                round.asked = true;
                round.changed = Some(Changed::Unclear);
                self.waiting.push(Waiting { reply, plugin, since: Instant::now(), report: None });
            }
            Trigger::End(reply) => round.ending = Some(reply),
        }
    }

    /// Answers those who asked, unless a file is still being written that they may have meant.
    fn answer(&mut self, report: &Report) {
        let settled = self.held.is_empty();
        if self.waiting.is_empty() {
            return self.untold.keep(report);
        }
        let news = self.untold.take();
        self.untold.keep_for_others(&report.clone().after(news.clone()));
        for mut waiting in std::mem::take(&mut self.waiting) {
            let before = match waiting.report.take() {
                None => news.clone(),
                told => told,
            };
            let mut report = report.clone().after(before);
            if let Some(name) = &waiting.plugin {
                let told = self.untold.of_plugin(name, &report);
                report = report.after(told);
            }
            if settled || waiting.since.elapsed() > PATIENCE {
                report.hold(self.held.keys());
                // Whoever asked may have gone away.
                drop(waiting.reply.send(Ok(report)));
            } else {
                waiting.report = Some(report);
                self.waiting.push(waiting);
            }
        }
    }

    /// Waits for jobs that go on, then runs `on_stop` of all that is served, within the time that each may
    /// take, and of what was served and is used until then; and closes what the services keep open.
    fn end(&mut self) {
        self.watcher = None;
        self.parts.scheduler.close();
        let grace = self.parts.settings.limits.grace();
        let late = self.parts.scheduler.wait(grace);
        self.retired.run_here();
        for (name, known) in std::mem::take(&mut self.known) {
            if let Some(plugin) = known.plugin.filter(|plugin| plugin.has_on_stop()) {
                match late.contains(plugin.name()) {
                    true => tracing::warn!(plugin = %name, "`on_stop` does not run beside a job"),
                    false => plugin.stop(),
                }
            }
        }
        self.retired.end(Instant::now() + self.parts.scheduler.left(grace));
        self.parts.services.close();
    }
}
