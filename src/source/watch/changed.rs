//! What may have changed.

use std::path::{Path, PathBuf};

/// How many paths are told apart.
const MOST: usize = 1000;

/// What may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changed {
    /// These files, and nothing else that is known of.
    Files(Vec<PathBuf>),
    /// Anything.
    Unclear,
}

impl Changed {
    /// Both changes. Beyond a thousand paths they are told apart no more.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        let (Self::Files(mut files), Self::Files(others)) = (self, other) else {
            return Self::Unclear;
        };
        for file in others {
            if files.last() != Some(&file) {
                files.push(file);
            }
        }
        if files.len() > MOST {
            files.sort();
            files.dedup();
        }
        if files.len() > MOST { Self::Unclear } else { Self::Files(files) }
    }

    /// Whether `file`, named as it was when the watcher started, may have changed.
    pub(crate) fn may_mean(&self, file: &Path) -> bool {
        match self {
            Self::Files(files) => files.iter().any(|changed| changed == file),
            Self::Unclear => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: impl Iterator<Item = usize>) -> Changed {
        Changed::Files(names.map(|name| PathBuf::from(name.to_string())).collect())
    }

    #[test]
    fn a_storm_costs_little_memory() {
        let storm = (0..100_000).fold(files(0..=0), |all, i| all.and(files(i % 900..=i % 900)));
        assert!(matches!(&storm, Changed::Files(files) if files.len() <= MOST));
        assert!(storm.may_mean(Path::new("899")) && !storm.may_mean(Path::new("900")));
        let larger = (0..2000).fold(files(0..=0), |all, i| all.and(files(i..=i)));
        assert_eq!(larger, Changed::Unclear);
        assert!(larger.may_mean(Path::new("anything")));
    }
}
