//! What stands under one name in the plugin folder, kept from look to look.
//!
//! What is read again and is the same stays the same `Arc`.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{
    name::{Kind, ScriptName},
    script::{Content, Script, Stamp, Trust},
};
use crate::diagnostic::Diagnostic;

/// A file by its path below the plugin folder.
pub(super) type Files = BTreeMap<PathBuf, Seen>;

/// What stands under one name.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) entry: Entry,
    /// What leads to the file when it is a link.
    pub(super) points: Arc<[PathBuf]>,
    pub(super) reach: Reach,
    pub(super) trust: Trust,
}

/// A script, or a file that is none because of its name.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Script(Arc<Script>),
    Refused(Box<Diagnostic>),
}

/// Whether a change of a file is always told under this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It has one name.
    Direct,
    /// It has others: a link leads to it, or it has several hard links.
    Shared,
}

/// What is known of a script by its place.
pub(super) struct Named {
    pub(super) name: ScriptName,
    pub(super) kind: Kind,
    pub(super) mount: String,
    pub(super) file: String,
    pub(super) confined: bool,
}

impl Named {
    /// The place of a script that is known already.
    pub(super) fn of(script: &Script) -> Self {
        let Script { name, kind, mount, file, confined, .. } = script.clone();
        Self { name, kind, mount, file, confined }
    }
}

impl Seen {
    /// What was read now; the script of `before` where nothing is new.
    pub(super) fn new(
        named: Named,
        content: Content,
        before: Option<&Self>,
        reach: Reach,
        points: Vec<PathBuf>,
    ) -> Self {
        let Named { name, kind, mount, file, confined } = named;
        let Content { text, digest, stamp, trust } = content;
        let script = match before.map(|before| &before.entry) {
            Some(Entry::Script(before))
                if before.digest == digest
                    && before.stamp == stamp
                    && before.confined == confined =>
            {
                Arc::clone(before)
            }
            _ => Arc::new(Script { name, kind, mount, file, text, digest, confined, stamp }),
        };
        Self { entry: Entry::Script(script), points: points.into(), reach, trust }
    }

    /// Whether it is a script, and one that no link leads to.
    pub(super) fn is_plain(&self) -> bool {
        self.points.is_empty() && matches!(self.entry, Entry::Script(_))
    }

    /// Whether a file with this stamp need not be read.
    pub(super) fn still_holds(&self, stamp: Option<Stamp>, confined: bool) -> bool {
        match &self.entry {
            Entry::Refused(_) => true,
            Entry::Script(script) => {
                self.trust == Trust::Settled
                    && stamp == Some(script.stamp)
                    && script.confined == confined
            }
        }
    }
}
