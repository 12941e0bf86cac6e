//! Rhai's own natives that work or grow in proportion to their arguments, bounded by the budget.
//!
//! - A native that allocates asks the budget before; one that loops asks on the way.
//! - Nothing recurses over a value without a limit of its own.
//! - The same signature in a module registered after the standard package takes precedence, so
//!   [`register`] goes into a module that comes later.
//!
//! `docs/natives.md` lists every native of the standard package that matters, and its bound.

mod arrays;
mod blobs;
mod chars;
mod compare;
mod order;
mod print;
mod strings;

use rhai::Module;

use crate::script::{Native, budget};

/// Replaces them.
pub(crate) fn register(module: &mut Module) {
    arrays::register(module);
    blobs::register(module);
    chars::register(module);
    compare::register(module);
    order::register(module);
    print::register(module);
    strings::register(module);
}

/// Work done since the last look at the budget, in bytes touched.
#[derive(Default)]
pub(crate) struct Toll {
    bytes: usize,
}

impl Toll {
    /// What handling one value costs besides its bytes.
    pub(crate) const VALUE: usize = 64;

    /// Bytes between two looks at the budget.
    const STRETCH: usize = 64 << 10;

    /// Counts work, and looks at the budget when much has come together.
    pub(crate) fn pay(&mut self, bytes: usize) -> Native<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes < Self::STRETCH {
            return Ok(());
        }
        self.bytes = 0;
        budget::check()
    }
}

/// A text that asks the budget before it grows.
#[derive(Default)]
pub(crate) struct Growing {
    text: String,
    toll: Toll,
}

impl Growing {
    /// Appends a text.
    pub(crate) fn push_str(&mut self, text: &str) -> Native<()> {
        self.toll.pay(text.len() + 1)?;
        let wanted = self.text.len().saturating_add(text.len());
        if wanted > self.text.capacity() {
            budget::charge(wanted.max(self.text.capacity().saturating_mul(2)))?;
        }
        self.text.push_str(text);
        Ok(())
    }

    /// The whole text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests;
