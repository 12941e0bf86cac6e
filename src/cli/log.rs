//! Where the program's log goes, and how much of it. Panics go there too: whatever caught one goes on.
//!
//! In a log that is text, a record of a request that is JSON or in the Common Log Format is a line by itself, for
//! the programs that read such lines.

use std::{
    fs::{File, OpenOptions},
    io::IsTerminal as _,
    panic,
    sync::Arc,
};

use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, filter_fn},
    fmt::{self, writer::BoxMakeWriter},
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

/// Changes how much is logged.
#[derive(Debug, Clone)]
pub(super) struct Level(reload::Handle<LevelFilter, Registry>);

/// Begins to log to standard error, or to the configured file.
pub(super) fn begin(settings: &LogSettings) -> Result<Level, Failure> {
    let (filter, handle) = reload::Layer::new(level(settings.level));
    let to = match &settings.file {
        None => To::Stderr,
        Some(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let file = OpenOptions::new().create(true).append(true).open(path);
            To::File(Arc::new(file.map_err(|source| Failure::LogFile { name, source })?))
        }
    };
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
    Ok(Level(handle))
}

/// Where a log goes.
#[derive(Debug)]
enum To {
    Stderr,
    File(Arc<File>),
}

impl To {
    /// A writer of whole lines.
    fn writer(&self) -> BoxMakeWriter {
        match self {
            Self::Stderr => BoxMakeWriter::new(std::io::stderr),
            Self::File(file) => BoxMakeWriter::new(Arc::clone(file)),
        }
    }

    fn is_terminal(&self) -> bool {
        matches!(self, Self::Stderr) && std::io::stderr().is_terminal()
    }
}

type BoxLayer<S> = Box<dyn Layer<S> + Send + Sync>;

/// Events as text, but for the records of requests that have a form of their own.
fn text<S>(to: &To) -> BoxLayer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let others = |target: &str| ![access::JSON, access::COMMON].contains(&target);
    let events = fmt::layer().with_writer(to.writer()).with_ansi(to.is_terminal());
    let events = events.with_target(false).with_filter(filter_fn(move |of| others(of.target())));
    let records = json(to).with_filter(filter_fn(|of| of.target() == access::JSON));
    let common = fmt::layer().with_writer(to.writer()).with_ansi(false).without_time();
    let common = common.with_level(false).with_target(false);
    let common = common.with_filter(filter_fn(|of| of.target() == access::COMMON));
    events.and_then(records).and_then(common).boxed()
}

/// Events as JSON.
fn json<S>(to: &To) -> BoxLayer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fmt::layer().with_writer(to.writer()).json().flatten_event(true).boxed()
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
