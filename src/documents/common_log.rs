//! The file with a line for each answer.
//!
//! Each line is one write at the end of the file, so that lines of several requests, and of several
//! programs, do not mix. No request waits for another.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwapOption;

/// A log that is appended to.
#[derive(Debug)]
pub(crate) struct CommonLog {
    path: PathBuf,
    file: ArcSwapOption<File>,
    /// Whether the last write failed: the fault is told once, not for each request.
    is_failing: AtomicBool,
}

impl CommonLog {
    /// A log at `path`, which is made if it is not there.
    pub(super) fn open(path: PathBuf) -> Self {
        let log = Self { path, file: ArcSwapOption::empty(), is_failing: AtomicBool::new(false) };
        log.reopen();
        log
    }

    /// Opens the file by its name again: whoever rotates logs has renamed it.
    pub(super) fn reopen(&self) {
        match open(&self.path) {
            Ok(file) => {
                self.file.store(Some(Arc::new(file)));
                self.is_failing.store(false, Ordering::Relaxed);
            }
            // Where it goes on to be written is better than nowhere.
            Err(error) => self.failed(&error),
        }
    }

    /// Writes lines, each with its end.
    pub(crate) fn write(&self, lines: &str) {
        let file = self.file.load();
        let Some(file) = file.as_ref() else { return };
        if let Err(error) = (&**file).write_all(lines.as_bytes()) {
            self.failed(&error);
        }
    }

    fn failed(&self, error: &io::Error) {
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            tracing::error!(file = name, %error, "`documents.common_log` cannot be written");
        }
    }
}

fn open(path: &std::path::Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    OpenOptions::new().create(true).append(true).custom_flags(nonblock).open(path)
}
