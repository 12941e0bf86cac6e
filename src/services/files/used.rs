//! How much a plugin keeps, in bytes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{FilesError, Folder, cost, place};
use crate::{
    content::way::Way,
    services::turns::{Asked, Turn, Turns},
};

/// How often the disk is asked again before a plugin that is full is refused: others may have made room.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// What is kept, as far as it is known.
#[derive(Debug)]
pub(super) struct Used {
    /// Whoever changes what is there has its turn.
    turns: Turns,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// What is there, and what is being written.
    bytes: u64,
    /// What is being written.
    reserved: u64,
    asked: Option<Instant>,
}

impl Default for Used {
    fn default() -> Self {
        Self { turns: Turns::new(1), known: Mutex::default() }
    }
}

/// What is being written counts already; no more when this is dropped, unless it is kept.
pub(super) struct Reserved<'a> {
    used: &'a Used,
    bytes: u64,
    /// What counts of it: less where it takes the place of another.
    counted: u64,
}

impl Used {
    /// Waits for the turn to change what is there.
    pub(super) fn turn(&self, by: Instant) -> Result<Turn<'_>, FilesError> {
        // The folder is one plugin's.
        self.turns.take(Asked { by: "", until: by }).ok_or(FilesError::Late)
    }

    /// Makes room for a file, which may take the place of another.
    pub(super) fn reserve(
        &self,
        folder: &Folder,
        way: &Way,
        bytes: u64,
        most: u64,
        by: Instant,
    ) -> Result<Reserved<'_>, FilesError> {
        let _turn = self.turn(by)?;
        self.ask(folder, by, |asked| asked.is_none())?;
        let before = match folder.folders(way)? {
            Some((root, folders)) => {
                place::size(folders.last().unwrap_or(&root), way.name())?.map_or(0, cost)
            }
            None => 0,
        };
        let wanted = || (self.known().bytes + bytes).saturating_sub(before);
        if wanted() > most {
            self.ask(folder, by, |asked| asked.is_none_or(|at| at.elapsed() > ASK_AGAIN))?;
        }
        let wanted = wanted();
        if wanted > most {
            return Err(FilesError::Full { wanted, most });
        }
        let counted = bytes.saturating_sub(before);
        let mut known = self.known();
        known.bytes += counted;
        known.reserved += counted;
        Ok(Reserved { used: self, bytes, counted })
    }

    /// Counts what is on the disk, if it is `due`.
    fn ask(
        &self,
        folder: &Folder,
        by: Instant,
        due: impl FnOnce(Option<Instant>) -> bool,
    ) -> Result<(), FilesError> {
        if !due(self.known().asked) {
            return Ok(());
        }
        let mut there = 0;
        folder.walk("", by, |entry| {
            there += cost(entry.size);
            Ok::<_, FilesError>(())
        })?;
        let mut known = self.known();
        known.bytes = there + known.reserved;
        known.asked = Some(Instant::now());
        Ok(())
    }

    /// So much is there no more.
    pub(super) fn less(&self, bytes: u64) {
        let mut known = self.known();
        known.bytes = known.bytes.saturating_sub(bytes);
    }

    // A panic under the lock leaves numbers behind, each of which is whole.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved<'_> {
    /// What was written is there now, in place of what counted `before`.
    pub(super) fn keep(self, before: u64) {
        let mut known = self.used.known();
        known.bytes = (known.bytes + self.bytes).saturating_sub(before);
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut known = self.used.known();
        known.reserved = known.reserved.saturating_sub(self.counted);
        known.bytes = known.bytes.saturating_sub(self.counted);
    }
}
