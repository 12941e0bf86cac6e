//! What variables that closures share are kept in, so that nothing which holds itself outlives its run.
//!
//! Counting references never frees what `a.f = || a` makes. So each cell made in a run is remembered, weakly,
//! and what is still in one at the end of the run is dropped: by then the run has given its answer, and no value
//! of it is used any more. Every circle leads through such a cell, as values are copied everywhere else.

use std::{
    cell::RefCell,
    mem,
    sync::{PoisonError, Weak},
};

use rhai::{Dynamic, Locked, Shared};

/// The tag of variables whose cell was made here.
const OURS: i32 = 0x5ce1;

/// How many cells are remembered before it is looked which of them are gone.
const MANY: usize = 64;

thread_local! {
    /// The cells of the run on this thread, if there is one.
    static MADE: RefCell<Option<Cells>> = const { RefCell::new(None) };
}

/// Cells, which are emptied when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    made: Vec<Weak<Locked<Dynamic>>>,
    /// How many there may be before it is looked which of them are gone.
    most: usize,
}

impl Cells {
    fn remember(&mut self, cell: &Shared<Locked<Dynamic>>) {
        if self.made.len() >= self.most.max(MANY) {
            self.made.retain(|cell| cell.strong_count() > 0);
            self.most = self.made.len().saturating_mul(2);
        }
        self.made.push(Shared::downgrade(cell));
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        for cell in self.made.drain(..) {
            let Some(cell) = cell.upgrade() else { continue };
            let inside = mem::take(&mut *cell.write().unwrap_or_else(PoisonError::into_inner));
            // After the lock, as the last one to hold the cell may be in it.
            drop(inside);
        }
    }
}

/// A run whose cells are remembered until this is dropped; then they are emptied, and the run before it, if any,
/// goes on.
#[derive(Debug)]
pub(crate) struct Remembering {
    before: Option<Cells>,
    is_over: bool,
    /// Bound to this thread: the cells are.
    _not_send: std::marker::PhantomData<*const ()>,
}

/// Remembers the cells that are made on this thread from now on.
pub(crate) fn remember() -> Remembering {
    let before = MADE.replace(Some(Cells::default()));
    Remembering { before, is_over: false, _not_send: std::marker::PhantomData }
}

impl Remembering {
    /// Ends it and gives the cells, for a run whose values are used afterwards.
    pub(crate) fn keep(mut self) -> Cells {
        self.end()
    }

    fn end(&mut self) -> Cells {
        if mem::replace(&mut self.is_over, true) {
            return Cells::default();
        }
        MADE.replace(self.before.take()).unwrap_or_default()
    }
}

impl Drop for Remembering {
    fn drop(&mut self) {
        // Emptied where they are borrowed no more.
        drop(self.end());
    }
}

/// Makes a variable one that closures share, if it is not yet.
pub(crate) fn share(variable: &mut Dynamic) {
    if variable.is_shared() {
        return;
    }
    // What is a constant cannot become part of itself.
    let value = mem::take(variable);
    *variable = if value.is_read_only() { value.into_shared() } else { in_cell(value) };
}

/// Remembers the cell of a variable that Rhai itself has just made one that closures share, if that is to be done.
pub(crate) fn adopt(variable: &mut Dynamic) {
    let is_new = variable.is_shared() && variable.tag() != OURS && !variable.is_read_only();
    if is_new && MADE.with_borrow(Option::is_some) {
        // No closure holds it yet, so that its value is moved.
        *variable = in_cell(mem::take(variable).flatten());
    }
}

fn in_cell(value: Dynamic) -> Dynamic {
    let cell = Shared::new(Locked::new(value));
    MADE.with_borrow_mut(|made| made.as_mut().map(|made| made.remember(&cell)));
    let mut variable = Dynamic::from(cell);
    variable.set_tag(OURS);
    variable
}

#[cfg(test)]
mod tests {
    use rhai::{Array, Engine, Scope};

    use super::*;

    /// A value in a circle of two cells, and what tells whether it is still there.
    fn circle(make: fn(&mut Dynamic)) -> Weak<Locked<Dynamic>> {
        let (mut one, mut other) = (Dynamic::from(Array::new()), Dynamic::from(Array::new()));
        make(&mut one);
        make(&mut other);
        one.write_lock::<Array>().unwrap().push(other.clone());
        other.write_lock::<Array>().unwrap().push(one);
        MADE.with_borrow(|made| made.as_ref().unwrap().made.last().unwrap().clone())
    }

    #[test]
    fn a_circle_is_gone_at_the_end_of_its_run_and_those_of_the_run_around_it_are_not() {
        let around = remember();
        let kept = circle(share);
        let run = remember();
        let gone = circle(share);
        assert_eq!(gone.strong_count(), 1);
        drop(run);
        assert_eq!((gone.strong_count(), kept.strong_count()), (0, 1));
        let cells = around.keep();
        assert_eq!(kept.strong_count(), 1);
        drop(cells);
        assert_eq!(kept.strong_count(), 0);
    }

    #[test]
    fn what_rhai_shares_itself_is_adopted_and_still_one_variable() {
        let run = remember();
        let gone = circle(|variable| {
            *variable = mem::take(variable).into_shared();
            adopt(variable);
        });
        drop(run);
        assert_eq!(gone.strong_count(), 0);

        let mut engine = Engine::new();
        #[expect(
            deprecated,
            reason = "not deprecated but volatile; the version of rhai is pinned"
        )]
        engine.on_var(|name, _, mut context| {
            if let Some(variable) = context.scope_mut().get_mut(name) {
                adopt(variable);
            }
            Ok(None)
        });
        let script = "let n = 1; let up = || { n += 1; n }; let twice = || n * 2; up.call(); n += 1; [n, twice.call()]";
        let _run = remember();
        let value = engine.eval_with_scope::<Array>(&mut Scope::new(), script).unwrap();
        let numbers: Vec<i64> = value.into_iter().map(Dynamic::cast).collect();
        assert_eq!(numbers, [3, 6]);
        assert_eq!(MADE.with_borrow(|made| made.as_ref().unwrap().made.len()), 1);
    }

    #[test]
    fn cells_that_are_gone_take_no_place() {
        let _run = remember();
        for n in 0..10_000_i64 {
            share(&mut Dynamic::from(n));
        }
        let held = MADE.with_borrow(|made| made.as_ref().unwrap().made.capacity());
        assert!(held <= 2 * MANY, "{held}");
    }

    #[test]
    fn a_constant_and_a_variable_without_a_run_are_shared_as_rhai_does_it() {
        let mut variable = Dynamic::from(1_i64);
        share(&mut variable);
        assert!(variable.is_shared());
        let _run = remember();
        let mut constant = Dynamic::from(1_i64).into_read_only();
        share(&mut constant);
        assert!(constant.is_shared() && constant.is_read_only());
        let untouched = constant.clone();
        adopt(&mut constant);
        assert_eq!((constant.tag(), untouched.tag()), (0, 0));
    }
}
