//! Where the program's log goes, and how much of it. Panics go there too: whatever caught one goes on.

use std::{fs::OpenOptions, io::IsTerminal as _, panic, sync::Mutex};

use tracing_subscriber::{
    Layer as _, Registry, filter::LevelFilter, fmt, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

use super::Failure;
use crate::settings::{LogFormat, LogLevel, LogSettings};

/// Changes how much is logged.
#[derive(Debug, Clone)]
pub(super) struct Level(reload::Handle<LevelFilter, Registry>);

/// Begins to log to standard error, or to the configured file.
pub(super) fn begin(settings: &LogSettings) -> Result<Level, Failure> {
    let (filter, handle) = reload::Layer::new(level(settings.level));
    let (writer, color) = match &settings.file {
        None => (fmt::writer::BoxMakeWriter::new(std::io::stderr), std::io::stderr().is_terminal()),
        Some(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|source| Failure::LogFile { name, source })?;
            (fmt::writer::BoxMakeWriter::new(Mutex::new(file)), false)
        }
    };
    let layer = fmt::layer().with_writer(writer).with_ansi(color);
    let layer = match settings.format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
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
