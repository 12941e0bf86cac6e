//! What was written, before it is given meaning: values that remember where they came from.
//!
//! Layers (file, environment, flags) are trees, and laying one over another replaces values and
//! joins tables.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the file, at these bytes.
    File(Range<usize>),
    /// In this environment variable.
    Env(String),
    /// In this command-line flag.
    Flag(&'static str),
}

/// A value as it was written.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A string of the file.
    String(String),
    /// Text of a variable, or with interpolations in it: it may stand for any scalar, and is not
    /// repeated in messages, since it may be secret.
    Loose(String),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Table),
    /// Something whose fault has been reported already.
    Broken,
}

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) origin: Origin,
}

/// A value with the place of its name.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: Origin,
    pub(super) node: Node,
}

/// Values by name.
pub(super) type Table = BTreeMap<String, Entry>;

impl Kind {
    /// What it is, with its article, for messages.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::String(_) | Self::Loose(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Datetime(_) => "a date",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
            Self::Broken => "nothing",
        }
    }
}

impl Node {
    pub(super) fn new(kind: Kind, origin: Origin) -> Self {
        Self { kind, origin }
    }

    /// The same, with everything in it set at `origin`.
    pub(super) fn set_at(self, origin: &Origin) -> Self {
        let kind = match self.kind {
            Kind::Array(items) => {
                Kind::Array(items.into_iter().map(|item| item.set_at(origin)).collect())
            }
            Kind::Table(table) => Kind::Table(
                table
                    .into_iter()
                    .map(|(name, entry)| {
                        let node = entry.node.set_at(origin);
                        (name, Entry { name: origin.clone(), node })
                    })
                    .collect(),
            ),
            kind => kind,
        };
        Self::new(kind, origin.clone())
    }

    /// A value parsed from TOML.
    pub(super) fn from_toml(value: &Spanned<DeValue<'_>>) -> Self {
        let origin = Origin::File(value.span());
        let kind = match value.get_ref() {
            DeValue::String(text) => Kind::String(text.to_string()),
            DeValue::Integer(number) => {
                // What does not even fit here is out of every range, and the range is then named.
                let parsed = i128::from_str_radix(number.as_str(), number.radix());
                Kind::Integer(parsed.unwrap_or(i128::MAX))
            }
            DeValue::Float(number) => Kind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Kind::Boolean(*value),
            DeValue::Datetime(value) => Kind::Datetime(value.to_string()),
            DeValue::Array(items) => Kind::Array(items.iter().map(Self::from_toml).collect()),
            DeValue::Table(table) => Kind::Table(table_of(table)),
        };
        Self { kind, origin }
    }
}

/// A table parsed from TOML.
pub(super) fn table_of(table: &DeTable<'_>) -> Table {
    table
        .iter()
        .map(|(name, value)| {
            let entry = Entry { name: Origin::File(name.span()), node: Node::from_toml(value) };
            (name.get_ref().to_string(), entry)
        })
        .collect()
}

/// Puts `node` at `path`, making the tables on the way, over whatever was there.
pub(super) fn put(table: &mut Table, path: &[String], node: Node) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        let name_origin = node.origin.clone();
        let entry = table.entry(name.clone());
        entry
            .and_modify(|entry| entry.node = node.clone())
            .or_insert(Entry { name: name_origin, node });
        return;
    }
    let entry = table.entry(name.clone()).or_insert_with(|| Entry {
        name: node.origin.clone(),
        node: Node::new(Kind::Table(Table::new()), node.origin.clone()),
    });
    if let Kind::Table(inner) = &mut entry.node.kind {
        put(inner, rest, node);
        return;
    }
    let mut inner = Table::new();
    put(&mut inner, rest, node.clone());
    entry.node = Node::new(Kind::Table(inner), node.origin);
}

/// The value at `path`.
pub(super) fn find<'t>(table: &'t Table, path: &[String]) -> Option<&'t Node> {
    let (name, rest) = path.split_first()?;
    let node = &table.get(name)?.node;
    match (&node.kind, rest.is_empty()) {
        (_, true) => Some(node),
        (Kind::Table(inner), false) => find(inner, rest),
        _ => None,
    }
}

/// `name` below `parent` as it is written in messages and in the file.
pub(super) fn join(parent: &str, name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let plain = !name.is_empty() && name.chars().all(bare);
    let name = if plain { name.to_owned() } else { format!("{name:?}") };
    match parent {
        "" => name,
        _ => format!("{parent}.{name}"),
    }
}

/// The names in a dotted path, where `"…"` keeps its dots.
pub(super) fn split(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut quoted = false;
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => names.push(String::new()),
            _ => {
                if let Some(name) = names.last_mut() {
                    name.push(c);
                }
            }
        }
    }
    names.iter().map(|name| name.trim().to_owned()).collect()
}
