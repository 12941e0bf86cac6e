//! One sequence read beside another, both in the order of their names.

use std::{cmp::Ordering, iter::Peekable};

/// Finds what stands under names that are asked for in their order: one step each, where a look-up would
/// compare its way through a tree.
pub(super) struct Beside<I: Iterator>(Peekable<I>);

impl<'a, V, I: Iterator<Item = (&'a str, V)>> Beside<I> {
    /// Over named values in the order of their names.
    pub(super) fn new(values: I) -> Self {
        Self(values.peekable())
    }

    /// What stands under `name`, which comes after all names that were asked for.
    pub(super) fn at(&mut self, name: &str) -> Option<V> {
        loop {
            match self.0.peek()?.0.cmp(name) {
                Ordering::Less => drop(self.0.next()),
                Ordering::Equal => return self.0.next().map(|(_, value)| value),
                Ordering::Greater => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Beside;

    #[test]
    fn names_are_found_in_their_order_whatever_stands_between_them() {
        let mut beside = Beside::new([("a", 1), ("c", 2), ("d", 3), ("f", 4)].into_iter());
        let found = ["b", "c", "d", "e", "g"].map(|name| beside.at(name));
        assert_eq!(found, [None, Some(2), Some(3), None, None]);
    }
}
