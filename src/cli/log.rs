//! Where the program's log goes, and how much of it. Panics go there too: whatever caught one goes on.
//!
//! Records are written by a thread of its own. Where whoever reads them is slow, as a terminal is that was told to stop,
//! nothing waits for it: some thousand records do, and those beyond are lost and counted.
//!
//! In a log that is text, a record of a request that is JSON or in the Common Log Format is a line by itself, for
//! the programs that read such lines.

use std::{fs::OpenOptions, io::IsTerminal as _, panic};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt as _,
};

use super::Failure;
use crate::{
    middleware::access,
    settings::{LogFormat, LogLevel, LogSettings},
};

/// How many records may wait to be written.
const MOST_WAITING: usize = 8192;

/// Changes how much is logged.
#[derive(Debug, Clone)]
pub(super) struct Level(reload::Handle<LevelFilter, Registry>);

/// The log, until this is dropped: then what waits is written, if that takes no longer than a second.
#[derive(Debug)]
pub(super) struct Log {
    lost: ErrorCounter,
    told: usize,
    _writing: WorkerGuard,
}

impl Log {
    /// Logs how many records were lost since that was told.
    pub(super) fn tell_lost(&mut self) {
        let lost = self.lost.dropped_lines();
        let more = lost.saturating_sub(std::mem::replace(&mut self.told, lost));
        if more > 0 {
            tracing::warn!(
                records = more,
                "the log is not read as fast as it is written: records were lost"
            );
        }
    }
}

/// Begins to log to standard error, or to the configured file.
pub(super) fn begin(settings: &LogSettings) -> Result<(Level, Log), Failure> {
    let (filter, handle) = reload::Layer::new(level(settings.level));
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(MOST_WAITING);
    let builder = builder.thread_name("hotplate-log");
    let (writer, writing) = match &settings.file {
        None => builder.finish(std::io::stderr()),
        Some(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let file = OpenOptions::new().create(true).append(true).open(path);
            builder.finish(file.map_err(|source| Failure::LogFile { name, source })?)
        }
    };
    let log = Log { lost: writer.error_counter(), told: 0, _writing: writing };
    let to = To { writer, is_terminal: settings.file.is_none() && std::io::stderr().is_terminal() };
    let layer = match settings.format {
        LogFormat::Text => text(&to),
        LogFormat::Json => json(&to),
    };
    // A second instance in the process finds a log there already, and that one goes on.
    drop(tracing_subscriber::registry().with(filter).with(layer).try_init());
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        tracing::error!(thread, place, "panicked: {}", panic_text(panic));
    }));
    Ok((Level(handle), log))
}

/// Where a log goes.
struct To {
    writer: NonBlocking,
    is_terminal: bool,
}

type BoxLayer<S> = Box<dyn Layer<S> + Send + Sync>;

/// Events as text, but for the records of requests that have a form of their own.
fn text<S>(to: &To) -> BoxLayer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let others = |target: &str| ![access::JSON, access::COMMON].contains(&target);
    let events = fmt::layer().with_writer(to.writer.clone()).with_ansi(to.is_terminal);
    let events = events.with_target(false).with_filter(filter_fn(move |of| others(of.target())));
    let records = json(to).with_filter(filter_fn(|of| of.target() == access::JSON));
    let common = fmt::layer().with_writer(to.writer.clone()).with_ansi(false).without_time();
    let common = common.with_level(false).with_target(false);
    let common = common.with_filter(filter_fn(|of| of.target() == access::COMMON));
    events.and_then(records).and_then(common).boxed()
}

/// Events as JSON.
fn json<S>(to: &To) -> BoxLayer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fmt::layer().with_writer(to.writer.clone()).json().flatten_event(true).boxed()
}

/// What a panic says.
fn panic_text<'a>(panic: &'a panic::PanicHookInfo<'_>) -> &'a str {
    let payload = panic.payload();
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    payload.downcast_ref::<&str>().copied().or(owned).unwrap_or("(no text)")
}

impl Level {
    /// Logs as much as the settings say.
    pub(super) fn set(&self, settings: &LogSettings) {
        // The log is gone only when the program ends.
        drop(self.0.modify(|filter| *filter = level(settings.level)));
    }
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
