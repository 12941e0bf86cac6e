//! What all pages of the server have in common: colours, and how a fault is shown.

use super::file::File;

static STYLE: File =
    File::plain("text/css; charset=utf-8", include_bytes!("../../static/look.css"));
static SCRIPT: File =
    File::plain("text/javascript; charset=utf-8", include_bytes!("../../static/look.js"));

/// One of these files, by its name.
pub(super) fn part(name: &str) -> Option<&'static File> {
    match name {
        "look.css" => Some(&STYLE),
        "look.js" => Some(&SCRIPT),
        _ => None,
    }
}
