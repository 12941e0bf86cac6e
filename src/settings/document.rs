//! The text of a configuration file, and places in it that give no secret away.
//!
//! A line is only shown when nothing on it can be a key someone keeps secret; in doubt the place
//! has no text.

use std::ops::Range;

use crate::diagnostic::Place;

/// Words that mark a key whose value is a secret.
const SECRET_WORDS: [&str; 6] = ["key", "sha256", "secret", "passw", "token", "credential"];

/// A configuration file that has been read.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Its name relative to the project.
    pub(super) name: String,
    /// Its text, without a byte order mark.
    pub(super) text: String,
}

impl Document {
    /// The place of `span`, the value or the name of the setting `path`.
    pub(super) fn place(&self, path: &str, span: &Range<usize>) -> Place {
        let mut place = self.bare(span);
        let header = place.source.starts_with('[') && !place.source.contains('=');
        let plain = header || path.starts_with("tls.") || !sounds_secret(&place.source);
        if is_secret(path) || !plain {
            place.source.clear();
        }
        place
    }

    /// The place of `span`, a name that is not known: what it is set to may be a misspelt secret.
    pub(super) fn place_of_name(&self, span: &Range<usize>) -> Place {
        let mut place = self.bare(span);
        let end = (place.column + place.length).saturating_sub(1);
        let shown: String = place.source.chars().take(end).collect();
        let guarded = shown.contains('=') || sounds_secret(&shown);
        place.source = if guarded { String::new() } else { shown };
        place
    }

    /// The place of `span`, where the text stops being TOML.
    pub(super) fn place_of_fault(&self, span: &Range<usize>, known: &[String]) -> Place {
        let mut place = self.bare(span);
        if !is_harmless(&place.source, known) {
            place.source.clear();
        }
        place
    }

    fn bare(&self, span: &Range<usize>) -> Place {
        Place::of_offset(self.name.clone(), &self.text, span.start, span.len())
    }
}

/// Whether `path` names a setting that is never shown.
pub(super) fn is_secret(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or_default();
    match last {
        "apikey" | "sha256" => true,
        "key" => path.starts_with("auth."),
        // The address of Redis may hold a password.
        "store" => path.starts_with("sessions."),
        _ => false,
    }
}

fn sounds_secret(text: &str) -> bool {
    let lower = text.to_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word))
}

/// Whether a broken line cannot hold a secret: a header, a known key, or something without a value.
fn is_harmless(line: &str, known: &[String]) -> bool {
    if sounds_secret(line) {
        return false;
    }
    let line = line.trim_start();
    match line.split_once('=') {
        Some((name, _)) => {
            let name = name.trim();
            known.iter().any(|path| path.rsplit('.').next() == Some(name))
        }
        None => line.starts_with('[') || !line.contains(['"', '\'']),
    }
}
