//! Reading keys: as they are, or from a file.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use crate::diagnostic::Diagnostic;

use super::access::KeySettings;
use super::decode::{Bases, scope};
use super::fields::Fields;
use super::secret::Secret;

/// The most bytes that the file of a key may have.
const MOST_BYTES: u64 = 4096;

impl Fields<'_, '_> {
    fn secret(&mut self, key: &'static str) -> Option<Secret> {
        self.parsed(key, |text| checked(text).map(Secret::new))
    }

    /// `apikey`, its digest `apikey_sha256`, or the file that `apikey_file` names.
    pub(super) fn apikey(&mut self, bases: &Bases) -> Option<Secret> {
        let ways = ["apikey", "apikey_sha256", "apikey_file"];
        let set: Vec<_> = ways.into_iter().filter(|way| self.left().contains_key(*way)).collect();
        let from_key = self.secret("apikey");
        let from_digest = self.parsed("apikey_sha256", Secret::from_sha256_hex);
        let from_file = self.secret_file("apikey_file", bases);
        if let [first, .., last] = set[..] {
            let (first, last) = (self.path_of(first), self.path_of(last));
            let message = format!("`{first}` and `{last}` are both set: which is the key?");
            let mut fault = Diagnostic::error("config-contradiction", message);
            fault.place = self.reader().place_of(&last);
            self.reader().report(fault.help("remove one of them"));
        }
        from_key.or(from_digest).or(from_file)
    }

    /// The key in the file that `key` names.
    fn secret_file(&mut self, key: &'static str, bases: &Bases) -> Option<Secret> {
        let (text, node) = self.text(key)?;
        let read = match text.as_str() {
            "" => Err("the path of a file is wanted".to_owned()),
            _ if text.contains('\0') => Err("a path has no NUL".to_owned()),
            _ => bases.resolve(&text).map_err(str::to_owned).and_then(|path| {
                self.reader().depends_on(&path);
                read(&path)
            }),
        };
        let path = self.path_of(key);
        // The path is not shown: it may be an absolute one.
        let wrong = |why: String| {
            let message = format!("no key can be read from the file of `{path}`: {why}");
            self.reader().wrong(&path, &node, "config-unreadable", message);
        };
        read.map_err(wrong).ok()
    }
}

/// `[auth.keys.NAME]`.
pub(super) fn named(fields: &mut Fields, bases: &Bases) -> Option<KeySettings> {
    let ways = ["key", "sha256", "key_file"];
    let set = ways.iter().filter(|way| fields.left().contains_key(**way)).count();
    let from_key = fields.secret("key");
    let from_digest = fields.parsed("sha256", Secret::from_sha256_hex);
    let from_file = fields.secret_file("key_file", bases);
    let scopes = fields.list("scopes", scope);
    if set != 1 {
        let path = fields.path_of("key");
        let path = path.strip_suffix(".key").unwrap_or(&path);
        let found = if set == 0 { "none" } else { "several" };
        let message =
            format!("`{path}` must have one of `key`, `sha256` and `key_file`, found {found}");
        let mut fault = Diagnostic::error("config-incomplete", message);
        fault.place = fields.reader().place_of(path);
        fields.reader().report(fault);
        return None;
    }
    from_key.or(from_digest).or(from_file).map(|key| KeySettings { key, scopes })
}

fn checked(text: &str) -> Result<&str, &'static str> {
    if text.is_empty() {
        return Err("an empty key would keep no one out");
    }
    if text.chars().any(char::is_control) || text.trim() != text {
        return Err("a key has no control characters and no spaces around it");
    }
    Ok(text)
}

/// Reads a key of one line.
fn read(path: &Path) -> Result<Secret, String> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    // Asked before opening: to open a pipe would wait for its writer.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut text = Vec::new();
    File::open(path).map_err(io)?.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(io)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MOST_BYTES) {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    let text = String::from_utf8(text).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    checked(line).map(Secret::new).map_err(str::to_owned)
}
