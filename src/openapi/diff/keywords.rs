//! The keywords of numbers, strings, arrays and objects, each compared by its own rule.

use std::{cmp::Ordering, collections::BTreeSet};

use serde_json::{Map, Value};

use super::{
    documents::Node,
    numbers::{self, BOUNDS},
    place::{Step, shown},
    rule::SchemaRule,
    schema::{Comparer, Turn},
    types::Types,
    view::{View, is_annotation},
};

/// Keywords that are compared by rules of their own.
const JUDGED: [&str; 22] = [
    "contentMediaType",
    "multipleOf",
    "pattern",
    "format",
    "uniqueItems",
    "items",
    "prefixItems",
    "contains",
    "minContains",
    "maxContains",
    "additionalProperties",
    "propertyNames",
    "dependentRequired",
    "unevaluatedProperties",
    "unevaluatedItems",
    "anyOf",
    "oneOf",
    "not",
    "discriminator",
    "if",
    "then",
    "else",
];

impl<'a> Comparer<'a, '_> {
    /// Descriptions, examples, defaults and the like.
    pub(super) fn annotations(&mut self, old: &View<'a>, new: &View<'a>) {
        let changed = |key: &str| old.keyword(key) != new.keyword(key);
        if ["title", "description", "externalDocs", "$comment"].into_iter().any(changed) {
            self.tell(SchemaRule::DescriptionChanged, "description changed");
        }
        if ["example", "examples"].into_iter().any(changed) {
            self.tell(SchemaRule::ExamplesChanged, "examples changed");
        }
        match (old.is_set("deprecated"), new.is_set("deprecated")) {
            (false, true) => self.tell(SchemaRule::Deprecated, "is deprecated now"),
            (true, false) => self.tell(SchemaRule::Reinstated, "is deprecated no more"),
            _ => {}
        }
        match (old.keyword("default"), new.keyword("default")) {
            (Some(a), Some(b)) if !numbers::same(a, b) => {
                let what = format!("default changed from {} to {}", shown(a), shown(b));
                self.tell(SchemaRule::DefaultChanged, &what);
            }
            (Some(a), None) => {
                self.tell(SchemaRule::DefaultRemoved, &format!("default {} removed", shown(a)));
            }
            (None, Some(b)) => {
                self.tell(SchemaRule::DefaultAdded, &format!("default {} added", shown(b)));
            }
            _ => {}
        }
        let extensions = old.keywords.keys().chain(new.keywords.keys());
        let names: BTreeSet<&str> =
            extensions.copied().filter(|key| key.starts_with("x-") && changed(key)).collect();
        for name in names {
            self.tell(SchemaRule::ExtensionChanged, &format!("`{name}` changed"));
        }
    }

    /// Minimum, maximum and their like.
    pub(super) fn bounds(&mut self, old: &View<'a>, new: &View<'a>, common: Types) {
        for bound in BOUNDS.iter().filter(|bound| common.meets(bound.of)) {
            let (tightened, loosened) = bound.rules;
            let words = bound.words;
            match (bound.of(old), bound.of(new)) {
                (None, Some(b)) => self.tell(tightened, &format!("{words} set to {b}")),
                (Some(a), None) => self.tell(loosened, &format!("{words} {a} removed")),
                (Some(a), Some(b)) => {
                    let what = format!("{words} changed from {a} to {b}");
                    match bound.order(b, a, new) {
                        Ordering::Greater => self.tell(tightened, &what),
                        Ordering::Less => self.tell(loosened, &what),
                        Ordering::Equal => {}
                    }
                }
                (None, None) => {}
            }
        }
    }

    pub(super) fn multiple_of(&mut self, old: &View<'a>, new: &View<'a>) {
        let of = |view: &View<'a>| match view.keyword("multipleOf") {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        };
        match (of(old), of(new)) {
            (None, Some(b)) => {
                self.tell(
                    SchemaRule::MultipleOfTightened,
                    &format!("must be a multiple of {b} now"),
                );
            }
            (Some(a), None) => {
                let what = format!("need not be a multiple of {a} any more");
                self.tell(SchemaRule::MultipleOfLoosened, &what);
            }
            (Some(a), Some(b)) if a != b => {
                let rule = match (numbers::is_multiple(b, a), numbers::is_multiple(a, b)) {
                    (true, true) => return,
                    (true, false) => SchemaRule::MultipleOfTightened,
                    (false, true) => SchemaRule::MultipleOfLoosened,
                    (false, false) => SchemaRule::MultipleOfChanged,
                };
                self.tell(rule, &format!("must be a multiple of {b} instead of {a}"));
            }
            _ => {}
        }
    }

    /// Items and what is demanded of them together.
    pub(super) fn arrays(&mut self, old: &View<'a>, new: &View<'a>) {
        match (old.is_set("uniqueItems"), new.is_set("uniqueItems")) {
            (false, true) => {
                self.tell(SchemaRule::UniqueItemsTightened, "items must be unique now");
            }
            (true, false) => {
                self.tell(SchemaRule::UniqueItemsLoosened, "items need not be unique any more");
            }
            _ => {}
        }
        let (first, rest) = (items(old), items(new));
        for index in 0..first.0.len().max(rest.0.len()) {
            let at = |(leading, others): &(Vec<Node<'a>>, Option<Node<'a>>)| {
                leading.get(index).copied().or(*others)
            };
            self.nodes_at(Step::ItemAt(index), at(&first), at(&rest));
        }
        self.nodes_at(Step::Item, first.1, rest.1);
        self.contains(old, new);
        self.unevaluated("unevaluatedItems", old, new);
    }

    fn contains(&mut self, old: &View<'a>, new: &View<'a>) {
        let most =
            old.keywords.contains_key("maxContains") || new.keywords.contains_key("maxContains");
        match (old.keywords.get("contains"), new.keywords.get("contains")) {
            (None, None) => return,
            (None, Some(_)) => {
                return self.tell(SchemaRule::ContainsTightened, "must contain a certain item now");
            }
            (Some(_), None) => {
                let what = "need not contain a certain item any more";
                return self.tell(SchemaRule::ContainsLoosened, what);
            }
            (Some(a), Some(b)) => {
                let before = self.turn;
                if most {
                    self.turn = Turn::Both;
                }
                self.nodes_at(Step::Contained, Some(*a), Some(*b));
                self.turn = before;
            }
        }
        let number = |view: &View<'a>, key: &str, unset: u64| {
            view.keyword(key).map_or(Some(unset), Value::as_u64)
        };
        let least = (number(old, "minContains", 1), number(new, "minContains", 1));
        let most = (number(old, "maxContains", u64::MAX), number(new, "maxContains", u64::MAX));
        for (words, order) in
            [("minContains", least.1.cmp(&least.0)), ("maxContains", most.0.cmp(&most.1))]
        {
            let what = format!("`{words}` changed");
            match order {
                Ordering::Greater => self.tell(SchemaRule::ContainsTightened, &what),
                Ordering::Less => self.tell(SchemaRule::ContainsLoosened, &what),
                Ordering::Equal => {}
            }
        }
    }

    /// What an object may hold beside its properties.
    pub(super) fn other_properties(&mut self, old: &View<'a>, new: &View<'a>) {
        let of = |view: &View<'a>| view.keywords.get("additionalProperties").copied();
        let closed =
            |node: Option<Node<'a>>| node.is_some_and(|node| *node.value == Value::Bool(false));
        let (a, b) = (of(old), of(new));
        match (closed(a), closed(b)) {
            (true, true) => {}
            (false, true) => {
                let what = "no longer allows other properties";
                self.tell(SchemaRule::AdditionalPropertiesForbidden, what);
            }
            (true, false) => {
                let what = "allows other properties now";
                self.tell(SchemaRule::AdditionalPropertiesAllowed, what);
            }
            (false, false) => self.nodes_at(Step::Value, a, b),
        }
        let of = |view: &View<'a>| view.keywords.get("propertyNames").copied();
        self.nodes_at(Step::Name, of(old), of(new));
        self.unevaluated("unevaluatedProperties", old, new);
        self.dependencies(old, new);
    }

    fn unevaluated(&mut self, key: &str, old: &View<'a>, new: &View<'a>) {
        let of = |view: &View<'a>| {
            view.keywords.get(key).copied().filter(|node| *node.value != Value::Bool(true))
        };
        let (a, b) = (of(old), of(new));
        let rule = match (a, b) {
            (None, None) => return,
            (None, Some(_)) => SchemaRule::UnevaluatedTightened,
            (Some(_), None) => SchemaRule::UnevaluatedLoosened,
            (Some(a), Some(b)) if self.documents.same(a, b) => return,
            (Some(_), Some(_)) => SchemaRule::UnevaluatedChanged,
        };
        self.tell(rule, &format!("`{key}` changed"));
    }

    fn dependencies(&mut self, old: &View<'a>, new: &View<'a>) {
        let of = |view: &View<'a>| pairs(view.keyword("dependentRequired"));
        let (a, b) = (of(old), of(new));
        for (name, needed) in b.difference(&a) {
            let what = format!("`{name}` demands `{needed}` now");
            self.tell(SchemaRule::DependentRequiredTightened, &what);
        }
        for (name, needed) in a.difference(&b) {
            let what = format!("`{name}` no longer demands `{needed}`");
            self.tell(SchemaRule::DependentRequiredLoosened, &what);
        }
    }

    /// What must not be.
    pub(super) fn negation(&mut self, old: &View<'a>, new: &View<'a>) {
        match (old.keywords.get("not"), new.keywords.get("not")) {
            (None, None) => {}
            (None, Some(_)) => self.tell(SchemaRule::NotAdded, "excludes something now"),
            (Some(_), None) => self.tell(SchemaRule::NotRemoved, "excludes nothing any more"),
            (Some(a), Some(b)) => {
                let before = self.turn;
                self.turn = match before {
                    Turn::Straight => Turn::Reversed,
                    Turn::Reversed => Turn::Straight,
                    Turn::Both => Turn::Both,
                };
                self.nodes_at(Step::Not, Some(*a), Some(*b));
                self.turn = before;
            }
        }
    }

    /// Whatever has no rule of its own.
    pub(super) fn unknown(&mut self, old: &View<'a>, new: &View<'a>) {
        self.discriminator(old, new);
        self.content(old, new);
        let differs = |key: &str| match (old.keywords.get(key), new.keywords.get(key)) {
            (None, None) => false,
            (Some(a), Some(b)) => !self.documents.same(*a, *b),
            _ => true,
        };
        let conditional = ["if", "then", "else"].into_iter().any(differs);
        let keys: BTreeSet<&str> =
            old.keywords.keys().chain(new.keywords.keys()).copied().collect();
        let strange = keys.into_iter().filter(|key| {
            !JUDGED.contains(key) && !is_annotation(key) && !numbers::is_bound(key) && differs(key)
        });
        let strange: Vec<&str> = strange.collect();
        if conditional {
            let what = "`if`, `then` or `else` changed, which cannot be decided";
            self.tell(SchemaRule::UndecidableChange, what);
        }
        for key in strange {
            match key {
                "patternProperties" | "dependentSchemas" | "contentEncoding" | "contentSchema"
                | "xml" => {
                    let what = format!("`{key}` changed, which cannot be decided");
                    self.tell(SchemaRule::UndecidableChange, &what);
                }
                _ => {
                    let what = format!("keyword `{key}` changed, which has no rule");
                    self.tell(SchemaRule::UnknownKeywordChanged, &what);
                }
            }
        }
    }

    fn discriminator(&mut self, old: &View<'a>, new: &View<'a>) {
        let (a, b) = (old.keyword("discriminator"), new.keyword("discriminator"));
        if a == b {
            return;
        }
        let name = |value: Option<&'a Value>| value.and_then(|value| value.get("propertyName"));
        let mapping = |value: Option<&'a Value>| {
            let mapping = value.and_then(|value| value.get("mapping")?.as_object());
            mapping.into_iter().flat_map(Map::iter).collect::<Vec<_>>()
        };
        let extended = a.is_none()
            || name(a) == name(b) && mapping(a).iter().all(|pair| mapping(b).contains(pair));
        match extended {
            true => self.tell(SchemaRule::DiscriminatorExtended, "discriminator tells more now"),
            false => self.tell(SchemaRule::DiscriminatorChanged, "discriminator changed"),
        }
    }
}

/// The schemas of the first items, and that of all others.
fn items<'a>(view: &View<'a>) -> (Vec<Node<'a>>, Option<Node<'a>>) {
    let first = view
        .keywords
        .get("prefixItems")
        .and_then(|node| Some(node.value.as_array()?.iter().map(|item| node.part(item)).collect()));
    (first.unwrap_or_default(), view.keywords.get("items").copied())
}

/// Which property demands which.
fn pairs(value: Option<&Value>) -> BTreeSet<(&str, &str)> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields
        .flat_map(|(name, needed)| {
            let needed = needed.as_array().into_iter().flatten().filter_map(Value::as_str);
            needed.map(move |needed| (name.as_str(), needed))
        })
        .collect()
}
