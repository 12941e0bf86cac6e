//! Two documents beside each other: what references mean in each, and which mean the same in both.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
};

use serde_json::{Map, Value};

/// How many references may lead from one to the next.
const LONGEST_CHAIN: usize = 32;

/// How many pairs of schemas are looked at, and changes of them told, in all.
const MOST_PAIRS: u32 = 500_000;

/// A part of a document, and the schema that its local references (`#/$defs/…`) are relative to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    /// The part.
    pub(super) value: &'a Value,
    /// The outermost schema around it.
    pub(super) base: &'a Value,
    /// Whether only its own keywords count, because what it refers to is counted elsewhere.
    pub(super) is_bare: bool,
}

impl<'a> Node<'a> {
    /// An outermost schema.
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, base: value, is_bare: false }
    }

    /// A part of the same schema.
    pub(super) fn part(self, value: &'a Value) -> Self {
        Self { value, base: self.base, is_bare: false }
    }
}

/// The old and the new document.
#[derive(Debug)]
pub(super) struct Documents<'a> {
    /// The one that clients were written for.
    pub(super) old: &'a Value,
    /// The one that is to hold now.
    pub(super) new: &'a Value,
    /// Components, as `schemas/User`, that mean something else in the new document.
    changed: HashSet<&'a str>,
    /// How many pairs of schemas may still be looked at, so that no documents keep it busy for long.
    pub(super) fuel: Cell<u32>,
}

impl<'a> Documents<'a> {
    /// Both documents, of which only `parts` are going to be compared.
    pub(super) fn new(
        old: &'a Value,
        new: &'a Value,
        parts: impl Iterator<Item = &'a Value>,
    ) -> Self {
        let fuel = Cell::new(MOST_PAIRS);
        let mut documents = Self { old, new, changed: HashSet::new(), fuel };
        documents.changed = documents.changed(parts);
        documents
    }

    /// Whether two parts are the same to the letter, and what they refer to is too.
    pub(super) fn same(&self, old: Node<'_>, new: Node<'_>) -> bool {
        let mut same = old.value == new.value;
        if same {
            references(old.value, &mut |reference| {
                same &= match component(reference) {
                    Some(name) => !self.changed.contains(name),
                    None => self.leads_to_the_same(reference, old.base, new.base),
                };
            });
        }
        same
    }

    /// Whether two parts that have no schema around them are the same.
    pub(super) fn same_whole(&self, old: &Value, new: &Value) -> bool {
        self.same(Node::root(old), Node::root(new))
    }

    /// Whether a reference to something else than a component can be seen to mean the same: it stays
    /// within a schema that is the same, or leads nowhere.
    fn leads_to_the_same(&self, reference: &str, old: &Value, new: &Value) -> bool {
        let nowhere = |root: &Value| resolve(root, &Value::Null, reference).is_none();
        old == new && (within(old, reference).is_some() || nowhere(self.old) && nowhere(self.new))
    }

    /// The components that differ, or that refer to one that does, at whatever depth.
    fn changed(&self, parts: impl Iterator<Item = &'a Value>) -> HashSet<&'a str> {
        let mut named: Vec<&'a str> = Vec::new();
        parts.for_each(|part| references(part, &mut |name| named.extend(component(name))));
        let mut met: HashSet<&str> = HashSet::new();
        let mut changed: HashSet<&str> = HashSet::new();
        let mut users: HashMap<&str, Vec<&str>> = HashMap::new();
        let find = |root: &'a Value, name: &str| {
            root.get("components").and_then(|all| all.pointer(&format!("/{name}")))
        };
        while let Some(name) = named.pop() {
            if !met.insert(name) {
                continue;
            }
            let (old, new) = (find(self.old, name), find(self.new, name));
            let mut same = old == new;
            for value in [old, new].into_iter().flatten() {
                references(value, &mut |reference| match component(reference) {
                    Some(used) => {
                        users.entry(used).or_default().push(name);
                        named.push(used);
                    }
                    None => same = same && self.leads_to_the_same(reference, value, value),
                });
            }
            if !same {
                changed.insert(name);
            }
        }
        let mut waiting: Vec<&str> = changed.iter().copied().collect();
        while let Some(name) = waiting.pop() {
            for user in users.get(name).into_iter().flatten() {
                if changed.insert(user) {
                    waiting.push(user);
                }
            }
        }
        changed
    }

    /// An object of the old document behind its references.
    pub(super) fn old(&self, value: &'a Value) -> Option<&'a Map<String, Value>> {
        object(self.old, value)
    }

    /// An object of the new document behind its references.
    pub(super) fn new_of(&self, value: &'a Value) -> Option<&'a Map<String, Value>> {
        object(self.new, value)
    }
}

/// An object behind its references, if they lead to one.
fn object<'a>(root: &'a Value, value: &'a Value) -> Option<&'a Map<String, Value>> {
    let mut at = Node::root(value);
    for _ in 0..LONGEST_CHAIN {
        let fields = at.value.as_object()?;
        match fields.get("$ref").and_then(Value::as_str) {
            None => return Some(fields),
            Some(reference) => at = resolve(root, at.base, reference)?,
        }
    }
    None
}

/// Where a reference leads.
pub(super) fn resolve<'a>(root: &'a Value, base: &'a Value, reference: &str) -> Option<Node<'a>> {
    let pointer = pointer(reference)?;
    if pointer.starts_with("/components/") {
        return root.pointer(&pointer).map(Node::root);
    }
    // What is not in the components is meant within the schema; a document's own root is the last try.
    let local = base.pointer(&pointer).map(|value| Node::root(base).part(value));
    local.or_else(|| root.pointer(&pointer).map(Node::root))
}

/// What a reference names within a schema.
fn within<'v>(base: &'v Value, reference: &str) -> Option<&'v Value> {
    pointer(reference).and_then(|pointer| base.pointer(&pointer))
}

/// The JSON Pointer of a reference into the same document.
fn pointer(reference: &str) -> Option<std::borrow::Cow<'_, str>> {
    percent_encoding::percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()
}

/// `schemas/User` of `#/components/schemas/User`; none for a reference to anything else.
fn component(reference: &str) -> Option<&str> {
    let name = reference.strip_prefix("#/components/")?;
    (name.matches('/').count() == 1 && !name.contains(['%', '~'])).then_some(name)
}

/// Calls `found` with every reference in a value.
fn references<'a>(value: &'a Value, found: &mut impl FnMut(&'a str)) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match (key.as_str(), value) {
                    ("$ref" | "$dynamicRef", Value::String(reference)) => found(reference),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
