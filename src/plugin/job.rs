//! A job of a plugin: data only. The scheduler says when it runs, the plugin how.

use std::{sync::Arc, time::Duration};

use crate::{
    diagnostic::Place,
    host::declare::{callback::Callback, job::DeclaredJob},
    script::Texts,
    services::schedule::{Record, Timetable},
};

/// What a plugin does by the clock.
#[derive(Debug)]
pub(crate) struct Job {
    /// Its name, which no other job of the plugin has.
    pub(crate) name: Arc<str>,
    /// When it runs.
    pub(crate) timetable: Timetable,
    /// How long a run may take.
    pub(crate) timeout: Duration,
    /// What it does.
    pub(super) function: Callback,
    /// Where it was declared.
    pub(crate) place: Place,
    /// What is known of its runs.
    pub(crate) record: Arc<Record>,
}

impl Job {
    /// A job as a script declared it, which takes `usual` at most unless it says otherwise.
    pub(super) fn new(declared: DeclaredJob, usual: Duration, texts: &Texts) -> Self {
        let function = declared.function;
        Self {
            name: declared.name.into(),
            timetable: declared.timetable,
            timeout: declared.timeout.unwrap_or(usual),
            place: texts.place(function.file(), function.position()),
            function,
            record: Arc::default(),
        }
    }
}
