//! Where the program's log goes, and how much of it.

use std::{fs::OpenOptions, io::IsTerminal as _, sync::Mutex};

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
    Ok(Level(handle))
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
