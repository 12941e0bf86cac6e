//! A schema as it is compared: references followed, `allOf` joined, `null` told apart.
//!
//! Two ways to write the same schema give the same view wherever that can be seen without solving
//! anything; what cannot be joined stays as it is written, in `rest`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    documents::{Node, resolve},
    numbers,
    types::Types,
};

/// How many references may lead from one to the next.
const DEEPEST: usize = 64;

/// How many parts one schema may be all of.
const MOST_PARTS: usize = 1000;

/// A schema as it is compared.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    /// The types that are allowed, null not counted.
    pub(super) types: Types,
    /// Whether null is.
    pub(super) nullable: bool,
    /// The only values that are allowed, null not counted, if they are listed.
    pub(super) values: Option<Vec<&'a Value>>,
    /// Whether the list is a `const`.
    pub(super) is_const: bool,
    /// Its properties.
    pub(super) properties: BTreeMap<&'a str, Node<'a>>,
    /// Properties that must be there.
    pub(super) required: BTreeSet<&'a str>,
    /// All other keywords.
    pub(super) keywords: BTreeMap<&'a str, Node<'a>>,
    /// Members of `allOf` that could not be joined.
    pub(super) rest: Vec<Node<'a>>,
    /// The first reference that was followed.
    pub(super) name: Option<&'a str>,
    /// A reference that leads nowhere.
    pub(super) lost: Option<&'a str>,
    declared: Types,
}

impl<'a> View<'a> {
    /// The view of a schema in the document `root`.
    pub(super) fn of(root: &'a Value, node: Node<'a>) -> Self {
        Self::build(root, node, &mut Vec::new())
    }

    /// The view of a schema that is met behind the references `on_the_way`.
    fn build(root: &'a Value, node: Node<'a>, on_the_way: &mut Vec<&'a str>) -> Self {
        let mut view = Self::anything();
        let mut parts = Vec::new();
        let outer = on_the_way.len();
        view.gather(root, node, on_the_way, &mut parts);
        let many = parts.iter().filter(|part| part.is_closed_or_open_object()).count() > 1;
        on_the_way.extend(parts.iter().filter_map(Part::reference));
        for part in &parts {
            view.join(part, many);
        }
        view.split_null(root, on_the_way);
        on_the_way.truncate(outer);
        view.settle();
        view
    }

    fn anything() -> Self {
        Self {
            types: Types::ALL,
            nullable: true,
            values: None,
            is_const: false,
            properties: BTreeMap::new(),
            required: BTreeSet::new(),
            keywords: BTreeMap::new(),
            rest: Vec::new(),
            name: None,
            lost: None,
            declared: Types::ALL,
        }
    }

    /// Collects what the schema consists of: itself, what it refers to, what it is all of.
    fn gather(
        &mut self,
        root: &'a Value,
        node: Node<'a>,
        on_the_way: &mut Vec<&'a str>,
        parts: &mut Vec<Part<'a>>,
    ) {
        let fields = match node.value {
            Value::Object(fields) => fields,
            Value::Bool(false) => {
                self.declared = Types::NOTHING;
                return;
            }
            _ => return,
        };
        parts.push(Part { fields, node });
        if node.is_bare {
            return;
        }
        if parts.len() > MOST_PARTS || on_the_way.len() > DEEPEST {
            self.lost = Some("a schema with too many parts");
            return;
        }
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            self.name = self.name.or(Some(reference));
            match resolve(root, node.base, reference) {
                // A reference that comes back to itself adds nothing.
                Some(_) if on_the_way.contains(&reference) => {}
                Some(target) => {
                    on_the_way.push(reference);
                    self.gather(root, target, on_the_way, parts);
                    on_the_way.pop();
                }
                None => self.lost = self.lost.or(Some(reference)),
            }
        }
        if let Some(reference) = fields.get("$dynamicRef").and_then(Value::as_str) {
            self.lost = self.lost.or(Some(reference));
        }
        for member in fields.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.gather(root, node.part(member), on_the_way, parts);
        }
    }

    /// Joins a part to what is there, or leaves it in `rest` if the two say something of one keyword.
    fn join(&mut self, part: &Part<'a>, many: bool) {
        if !self.can_join(part, many) {
            // What it refers to is gathered already.
            self.rest.push(Node { is_bare: true, ..part.node });
            return;
        }
        for (key, value) in part.fields {
            let node = part.node.part(value);
            match key.as_str() {
                "$ref" | "$dynamicRef" | "allOf" | "$defs" | "definitions" | "$comment" => {}
                "type" => match Types::of_keyword(value) {
                    Some(types) => self.declared = self.declared.and(types),
                    None => {
                        self.keywords.insert(key, node);
                    }
                },
                "enum" | "const" => self.limit_values(key, value),
                "properties" => {
                    for (name, value) in value.as_object().into_iter().flatten() {
                        self.properties.entry(name).or_insert(node.part(value));
                    }
                }
                "required" => {
                    self.required
                        .extend(value.as_array().into_iter().flatten().filter_map(Value::as_str));
                }
                _ => {
                    let there = self.keywords.entry(key).or_insert(node);
                    if numbers::is_tighter(key, value, there.value) {
                        *there = node;
                    }
                }
            }
        }
    }

    fn limit_values(&mut self, key: &str, value: &'a Value) {
        let listed: Vec<&Value> = match (key, value) {
            ("const", value) => vec![value],
            (_, Value::Array(values)) => values.iter().collect(),
            _ => return,
        };
        self.is_const |= key == "const";
        self.values = Some(match self.values.take() {
            None => listed,
            Some(before) => before
                .into_iter()
                .filter(|value| listed.iter().any(|other| numbers::same(value, other)))
                .collect(),
        });
    }

    fn can_join(&self, part: &Part<'a>, many: bool) -> bool {
        part.fields.iter().all(|(key, value)| match key.as_str() {
            "properties" => value.as_object().into_iter().flatten().all(|(name, value)| {
                self.properties.get(name.as_str()).is_none_or(|there| there.value == value)
            }),
            // It counts the properties of its own part only.
            "additionalProperties" => !many || *value == Value::Bool(true),
            key if is_joined(key) || is_annotation(key) || numbers::is_bound(key) => true,
            key => self.keywords.get(key).is_none_or(|there| there.value == value),
        })
    }

    /// Takes a variant that is only `null` out of `anyOf` and `oneOf`, where it is how null is allowed.
    fn split_null(&mut self, root: &'a Value, on_the_way: &mut Vec<&'a str>) {
        for key in ["anyOf", "oneOf"] {
            let Some(union) = self.keywords.get(key).copied() else { continue };
            let Some(variants) = union.value.as_array() else { continue };
            let is_null = |variant: &Value| {
                let fields = variant.as_object();
                fields.is_some_and(|fields| {
                    let rest = fields.keys().all(|key| key == "type" || is_annotation(key));
                    rest && fields.get("type").and_then(Types::of_keyword) == Some(Types::NULL)
                })
            };
            let mut others = variants.iter().filter(|variant| !is_null(variant));
            let (first, second) = (others.next(), others.next());
            if let (Some(only), None) = (first, second)
                && self.other_union(key).is_none()
            {
                let only = Self::build(root, union.part(only), on_the_way);
                self.become_only(key, only, variants.len() > 1);
            }
        }
    }

    /// A union of one schema is that schema.
    fn become_only(&mut self, key: &str, inner: Self, or_null: bool) {
        let joins = inner.rest.is_empty()
            && self.values.is_none()
            && self.properties.is_empty()
            && self.keywords.keys().all(|there| *there == key || is_annotation(there));
        if !joins {
            return;
        }
        self.keywords.remove(key);
        let outer = std::mem::replace(self, inner);
        for (key, node) in outer.keywords {
            self.keywords.insert(key, node);
        }
        self.required.extend(outer.required);
        self.rest.extend(outer.rest);
        self.lost = self.lost.or(outer.lost);
        let own = self.declared.and(outer.declared);
        self.declared = own;
        if or_null && outer.declared.meets(Types::NULL) {
            self.declared = own.or(Types::NULL);
            if let Some(values) = &mut self.values {
                values.push(&Value::Null);
            }
        }
    }

    /// The key of a union beside the one under `key`.
    fn other_union(&self, key: &str) -> Option<&Node<'a>> {
        self.keywords.get(if key == "anyOf" { "oneOf" } else { "anyOf" })
    }

    /// Works out the types, null and the values from all that was joined.
    fn settle(&mut self) {
        let mut types = self.declared;
        if let Some(values) = &mut self.values {
            values.retain(|value| types.meets(Types::of_value(value)));
            types = values.iter().fold(Types::NOTHING, |all, value| all.or(Types::of_value(value)));
            values.retain(|value| !value.is_null());
        }
        self.nullable = types.meets(Types::NULL);
        self.types = types.without(Types::NULL);
        // A part whose only object it is may say the same with either keyword.
        if self.rest.is_empty()
            && !self.keywords.contains_key("additionalProperties")
            && !["anyOf", "oneOf", "if", "dependentSchemas"]
                .iter()
                .any(|key| self.keywords.contains_key(key))
            && let Some(unevaluated) = self.keywords.remove("unevaluatedProperties")
        {
            self.keywords.insert("additionalProperties", unevaluated);
        }
    }

    /// A keyword's value.
    pub(super) fn keyword(&self, key: &str) -> Option<&'a Value> {
        self.keywords.get(key).map(|node| node.value)
    }

    /// Whether a keyword is there and true.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.keyword(key) == Some(&Value::Bool(true))
    }

    /// The variants of a union, with its keyword.
    pub(super) fn union(&self) -> Option<(&'static str, Vec<Node<'a>>)> {
        ["oneOf", "anyOf"].into_iter().find_map(|key| {
            let node = self.keywords.get(key)?;
            Some((key, node.value.as_array()?.iter().map(|one| node.part(one)).collect()))
        })
    }

    /// Whether it allows everything.
    pub(super) fn is_anything(&self) -> bool {
        self.nullable
            && self.types.or(Types::NULL) == Types::ALL
            && self.values.is_none()
            && self.properties.is_empty()
            && self.required.is_empty()
            && self.rest.is_empty()
            && self.lost.is_none()
            && self.keywords.keys().all(|key| is_annotation(key))
    }
}

/// One object of keywords.
struct Part<'a> {
    fields: &'a Map<String, Value>,
    node: Node<'a>,
}

impl<'a> Part<'a> {
    /// What it refers to.
    fn reference(&self) -> Option<&'a str> {
        self.fields.get("$ref").and_then(Value::as_str)
    }

    /// Whether it says which properties there are.
    fn is_closed_or_open_object(&self) -> bool {
        ["properties", "patternProperties", "additionalProperties"]
            .iter()
            .any(|key| self.fields.contains_key(*key))
    }
}

/// Keywords that are joined by rules of their own.
fn is_joined(key: &str) -> bool {
    matches!(
        key,
        "$ref"
            | "$dynamicRef"
            | "allOf"
            | "$defs"
            | "definitions"
            | "type"
            | "enum"
            | "const"
            | "required"
    )
}

/// Keywords that say something to people and tools, and allow or forbid nothing.
pub(super) fn is_annotation(key: &str) -> bool {
    matches!(
        key,
        "title"
            | "description"
            | "default"
            | "deprecated"
            | "readOnly"
            | "writeOnly"
            | "example"
            | "examples"
            | "externalDocs"
            | "$comment"
    ) || key.starts_with("x-")
}
