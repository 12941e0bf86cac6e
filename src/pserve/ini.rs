//! The INI files of Python's configparser, as pserve reads them.
//!
//! Names of keys are in lower case, those of sections as they are written; `=` or `:` ends a name; a line
//! that is indented deeper than its key goes on with the value; `#` and `;` begin a comment only at the
//! beginning of a line.

use crate::diagnostic::{Diagnostic, Place};

/// The section whose keys all others have too.
pub(super) const DEFAULT: &str = "DEFAULT";

/// A key with its value as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) raw: String,
    pub(super) line: usize,
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) entries: Vec<Entry>,
}

/// A file.
#[derive(Debug, Clone)]
pub(super) struct Ini {
    pub(super) sections: Vec<Section>,
    file: String,
    text: String,
}

impl Section {
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Ini {
    /// Reads a text.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Box<Diagnostic>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut ini = Self { sections: Vec::new(), file: file.to_owned(), text: text.to_owned() };
        let (mut key_indent, mut open) = (0, false);
        for (at, line) in text.lines().enumerate() {
            let number = at + 1;
            let content = line.trim();
            if content.starts_with(['#', ';']) {
                continue;
            }
            if content.is_empty() {
                if let Some(entry) = ini.last().filter(|_| open) {
                    entry.raw.push('\n');
                }
                continue;
            }
            let indent = line.chars().take_while(|letter| letter.is_whitespace()).count();
            if open
                && indent > key_indent
                && let Some(entry) = ini.last()
            {
                entry.raw.push('\n');
                entry.raw.push_str(content);
                continue;
            }
            key_indent = indent;
            if let Some(name) = header(content) {
                ini.begin(name, number)?;
                open = false;
                continue;
            }
            ini.add(content, number)?;
            open = true;
        }
        for entry in ini.sections.iter_mut().flat_map(|section| &mut section.entries) {
            entry.raw.truncate(entry.raw.trim_end().len());
        }
        Ok(ini)
    }

    /// A section by its name.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// A key of a section, or of that which stands for all.
    pub(super) fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        let of = |name: &str| self.section(name)?.entry(key);
        of(section).or_else(|| of(DEFAULT))
    }

    /// Whether a key of a section is the one of that which stands for all.
    pub(super) fn is_default(&self, section: &str, key: &str) -> bool {
        self.section(section).is_none_or(|section| section.entry(key).is_none())
    }

    /// What is wrong in a line.
    pub(super) fn fault(&self, line: usize, message: impl Into<String>) -> Box<Diagnostic> {
        Box::new(Diagnostic::error("ini", message).at(Place::at(&*self.file, &self.text, line, 1)))
    }

    fn last(&mut self) -> Option<&mut Entry> {
        self.sections.last_mut()?.entries.last_mut()
    }

    fn begin(&mut self, name: &str, line: usize) -> Result<(), Box<Diagnostic>> {
        if self.section(name).is_some() {
            return Err(self.fault(line, format!("the section [{name}] is there already")));
        }
        self.sections.push(Section { name: name.to_owned(), entries: Vec::new() });
        Ok(())
    }

    fn add(&mut self, content: &str, line: usize) -> Result<(), Box<Diagnostic>> {
        let Some((key, raw)) = content.split_once(['=', ':']) else {
            let fault = self.fault(line, "this is no `key = value`, no [section] and no comment");
            return Err(Box::new(fault.help("a comment begins with `#` or `;`")));
        };
        let key = key.trim().to_lowercase();
        if key.is_empty() {
            return Err(self.fault(line, "the key has no name"));
        }
        let Some(section) = self.sections.last_mut() else {
            let fault = self.fault(line, format!("`{key}` stands in no section"));
            return Err(Box::new(fault.help("the file begins with a [section]")));
        };
        if section.entry(&key).is_some() {
            let message = format!("`{key}` is in [{}] already", section.name);
            return Err(self.fault(line, message));
        }
        section.entries.push(Entry { key, raw: raw.trim().to_owned(), line });
        Ok(())
    }
}

/// The name in `[name]`, whatever follows it.
fn header(content: &str) -> Option<&str> {
    let (name, _) = content.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        let fault = Ini::parse("old.ini", text).unwrap_err();
        format!("{}: {}", fault.place.as_ref().unwrap().line, fault.message)
    }

    #[test]
    fn it_is_read_as_python_reads_it() {
        let text = "\u{feff}# a comment\n[main] ; more\nDomain = a=b:c # no comment\n; a comment\n\
                    long: one\n   two\n\n   three\n\n[paths]\n  plugins=x\n  pidfile = y\nempty =\n";
        let ini = Ini::parse("old.ini", text).unwrap();
        let value =
            |section: &str, key: &str| ini.entry(section, key).map(|entry| entry.raw.as_str());
        assert_eq!(value("main", "domain"), Some("a=b:c # no comment"));
        assert_eq!(value("main", "long"), Some("one\ntwo\n\nthree"));
        assert_eq!(value("paths", "plugins"), Some("x"));
        assert_eq!(value("paths", "pidfile"), Some("y"));
        assert_eq!(value("paths", "empty"), Some(""));
        assert_eq!(ini.entry("paths", "pidfile").unwrap().line, 12);
    }

    #[test]
    fn what_is_no_ini_is_told_with_its_line() {
        assert_eq!(why("a = 1\n"), "1: `a` stands in no section");
        assert_eq!(
            why("[a]\nb = 1\nnonsense\n"),
            "3: this is no `key = value`, no [section] and no comment"
        );
        assert_eq!(why("[a]\nb = 1\nB: 2\n"), "3: `b` is in [a] already");
        assert_eq!(why("[a]\n[b]\n[a]\n"), "3: the section [a] is there already");
        assert_eq!(why("[a]\n= 1\n"), "2: the key has no name");
    }
}
