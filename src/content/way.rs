//! Where a document is below its folder.
//!
//! A way is made of plain names: it has no empty segment, no dot segment, no control character, and no
//! name that begins with a dot where such files are not served.

/// Whether files are served whose names begin with a dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DotFiles {
    /// They are not there.
    Hidden,
    /// They are as all others.
    Served,
}

/// A relative path of plain names; empty for the folder itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Way(String);

/// The folder that certificates and the like are fetched from (RFC 8615): it is there to be served.
const WELL_KNOWN: &str = ".well-known";

impl Way {
    /// The way that the rest of a canonical path means.
    pub(crate) fn of(rest: &str, dots: DotFiles) -> Option<Self> {
        let sound = rest.is_empty()
            || rest.split('/').enumerate().all(|(index, name)| {
                is_name(name) && (is_shown(name, dots) || index == 0 && name == WELL_KNOWN)
            });
        sound.then(|| Self(rest.to_owned()))
    }

    /// The way to what a document at this way calls `written`: relative to the folder it is in, or to the
    /// root if it begins with a slash. Nothing where that leads out.
    pub(crate) fn beside(&self, written: &str, dots: DotFiles) -> Option<Self> {
        let mut names: Vec<&str> = match written.strip_prefix('/') {
            Some(_) => Vec::new(),
            None => {
                self.0.rsplit_once('/').map_or(Vec::new(), |(above, _)| above.split('/').collect())
            }
        };
        for name in written.strip_prefix('/').unwrap_or(written).split('/') {
            match name {
                "." => {}
                ".." => drop(names.pop()?),
                name => names.push(name),
            }
        }
        Self::of(&names.join("/"), dots).filter(|way| !way.0.is_empty())
    }

    /// The way to `name` in the folder that this way leads to.
    pub(crate) fn join(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}/{name}", self.0)) }
    }

    /// The way to the file with `ending` after its name.
    pub(crate) fn with_ending(&self, ending: &str) -> Self {
        Self(format!("{}{ending}", self.0))
    }

    /// The last name; empty for the folder itself.
    pub(crate) fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The way as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a name is shown.
pub(crate) fn is_shown(name: &str, dots: DotFiles) -> bool {
    dots == DotFiles::Served || !name.starts_with('.')
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.chars().any(|c| c.is_control() || "/\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{DotFiles, Way};

    fn of(rest: &str) -> Option<String> {
        Way::of(rest, DotFiles::Hidden).map(|way| way.as_str().to_owned())
    }

    #[test]
    fn only_plain_names_are_a_way() {
        assert_eq!(of("a/b.txt").as_deref(), Some("a/b.txt"));
        assert_eq!(of("").as_deref(), Some(""));
        for rest in ["a//b", "../a", "a/..", "./a", "a/", "a\u{1}b", "a\0", ".env", "a/.git/config"]
        {
            assert_eq!(of(rest), None, "{rest:?}");
        }
        assert_eq!(of(".well-known/acme").as_deref(), Some(".well-known/acme"));
        assert_eq!(of("a/.well-known"), None);
        assert!(Way::of(".env", DotFiles::Served).is_some());
        assert!(Way::of("..", DotFiles::Served).is_none());
    }

    #[test]
    fn what_a_document_names_stays_below_the_root() {
        let way = Way::of("guide/first.md", DotFiles::Hidden).expect("it is plain");
        let beside =
            |written| way.beside(written, DotFiles::Hidden).map(|way| way.as_str().to_owned());
        assert_eq!(beside("x.md").as_deref(), Some("guide/x.md"));
        assert_eq!(beside("../x.md").as_deref(), Some("x.md"));
        assert_eq!(beside("/x.md").as_deref(), Some("x.md"));
        for written in ["../../x", "/../x", "//x", "~/x/..//", "", "..", "/", "a/../../..", ".env"]
        {
            assert_eq!(beside(written), None, "{written}");
        }
    }
}
