//! One folder that is served, and the path it is served under.

use crate::content::{
    beneath::{Links, Root},
    way::DotFiles,
};
use crate::settings::{MountAuth, MountSettings};

/// A folder under a path.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(super) settings: MountSettings,
    pub(super) root: Root,
    pub(super) dots: DotFiles,
}

impl Mount {
    pub(super) fn new(settings: &MountSettings) -> Self {
        let links = if settings.symlinks { Links::Inside } else { Links::Refused };
        let dots = if settings.dotfiles { DotFiles::Served } else { DotFiles::Hidden };
        let root = Root::new(settings.folder.clone(), links);
        Self { settings: settings.clone(), root, dots }
    }

    /// Whether it asks for a key.
    pub(crate) fn is_guarded(&self) -> bool {
        self.settings.auth != MountAuth::None
    }

    /// The path that it is served under.
    pub(crate) fn path(&self) -> &str {
        &self.settings.path
    }
}
