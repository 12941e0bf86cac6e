//! The variables that are seen at one place of a script.

use std::collections::HashMap;

/// Names in the order of their declarations, found without walking past all of them.
#[derive(Debug, Default)]
pub(super) struct Scope {
    names: Vec<String>,
    /// How many declarations of each name are seen.
    times: HashMap<String, usize>,
}

impl Scope {
    /// How many declarations are seen.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Sees one more.
    pub(super) fn push(&mut self, name: String) {
        *self.times.entry(name.clone()).or_default() += 1;
        self.names.push(name);
    }

    /// Forgets those after the first so many.
    pub(super) fn truncate(&mut self, length: usize) {
        for name in self.names.drain(length.min(self.names.len())..) {
            if let Some(times) = self.times.get_mut(&name) {
                *times -= 1;
                if *times == 0 {
                    self.times.remove(&name);
                }
            }
        }
    }

    /// Whether a name is seen.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.times.contains_key(name)
    }

    /// All names, in the order of their declarations.
    pub(super) fn iter(&self) -> impl Iterator<Item = &String> {
        self.names.iter()
    }
}

impl FromIterator<String> for Scope {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        let mut scope = Self::default();
        names.into_iter().for_each(|name| scope.push(name));
        scope
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn a_name_is_seen_as_long_as_one_of_its_declarations_is() {
        let mut scope: Scope = ["a", "b", "a"].map(str::to_owned).into_iter().collect();
        scope.truncate(2);
        assert!(scope.contains("a") && scope.contains("b"));
        scope.truncate(1);
        assert!(scope.contains("a") && !scope.contains("b"));
        scope.truncate(0);
        assert!(!scope.contains("a"));
        scope.truncate(5);
        assert_eq!(scope.len(), 0);
    }
}
