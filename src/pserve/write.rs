//! TOML as people write it: sections with their keys, and comments above them.

use std::fmt::Write as _;

/// A section of a new file.
#[derive(Debug, Default)]
pub(super) struct Section {
    header: Option<String>,
    lines: Vec<String>,
}

impl Section {
    /// What stands before all sections.
    pub(super) fn top() -> Self {
        Self::default()
    }

    /// `[name]`, or `[[name]]`.
    pub(super) fn new(header: impl Into<String>) -> Self {
        Self { header: Some(header.into()), lines: Vec::new() }
    }

    /// Adds `key = value`, where the value is TOML.
    pub(super) fn set(&mut self, name: &str, value: impl AsRef<str>) {
        self.lines.push(format!("{} = {}", key(name), value.as_ref()));
    }

    /// Adds comments.
    pub(super) fn comment(&mut self, text: &str) {
        // A comment ends with its line, whatever somebody's names hold.
        self.lines.extend(text.lines().map(|line| format!("# {}", printable(line))));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Puts sections together.
pub(super) fn file(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections.iter().filter(|section| !section.is_empty()) {
        if !text.is_empty() {
            text.push('\n');
        }
        if let Some(header) = &section.header {
            text.extend([header.as_str(), "\n"]);
        }
        for line in &section.lines {
            text.extend([line.as_str(), "\n"]);
        }
    }
    text
}

/// A name as a key: bare where that is possible.
pub(super) fn key(name: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

/// A text as a string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            letter if letter.is_control() => {
                // Writing to a string does not fail.
                write!(quoted, "\\u{:04X}", u32::from(letter)).unwrap_or_default();
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A line without what would end it or move a terminal.
pub(super) fn printable(line: &str) -> String {
    line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_keys_are_read_as_they_were_written() {
        for text in ["", "a", "a b", "q\"\\\n\t\r\u{1}é\u{7f}", "${ENV:X}", "# no comment"] {
            let line = format!("{} = {}", key(text), quoted(text));
            let table: toml::Table = line.parse().unwrap();
            assert_eq!(table.get(text).and_then(toml::Value::as_str), Some(text), "{line}");
        }
        let mut section = Section::new("[a]");
        section.comment("x\u{7}y\nz");
        section.set("k", "1");
        assert_eq!(file(&[Section::top(), section]), "[a]\n# x y\n# z\nk = 1\n");
    }
}
