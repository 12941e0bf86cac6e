//! Where in a schema something is, in words.

use serde_json::Value;

/// A step into a schema.
#[derive(Debug, Clone)]
pub(super) enum Step<'a> {
    Property(&'a str),
    Item,
    ItemAt(usize),
    Value,
    Name,
    Variant(String),
    Not,
    Contained,
}

impl Step<'_> {
    /// What stands there, as a sentence calls it.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Property(_) => "property",
            Self::Item | Self::ItemAt(_) => "item",
            Self::Value => "value",
            Self::Name => "property name",
            Self::Variant(_) => "variant",
            Self::Not => "exclusion",
            Self::Contained => "contained item",
        }
    }
}

/// A path in words: `address.city`, `[].email`, `*`, `pet<Cat>.name`.
pub(super) fn within(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    let dot = |text: &mut String| {
        if !text.is_empty() {
            text.push('.');
        }
    };
    for step in path {
        match step {
            Step::Property(name) => {
                dot(&mut text);
                text.push_str(name);
            }
            Step::Item | Step::Contained => text.push_str("[]"),
            Step::ItemAt(index) => text.extend(["[", &index.to_string(), "]"]),
            Step::Value | Step::Name => {
                dot(&mut text);
                text.push('*');
            }
            Step::Variant(name) => text.extend(["<", name, ">"]),
            Step::Not => text.push_str("<not>"),
        }
    }
    text
}

/// A value in a sentence.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
