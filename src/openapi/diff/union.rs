//! `anyOf` and `oneOf` as sets of variants, `allOf` as a set of demands.
//!
//! Variants are brought together by content, then by name; one that allows nothing that another one does
//! not allow too makes no difference.

use serde_json::Value;

use super::{
    change::Side,
    documents::Node,
    place::{Step, shown},
    rule::SchemaRule,
    schema::Comparer,
    types::Types,
    view::{View, is_annotation},
};

/// How many pairs of variants are tried for whether one allows what the other does.
const MOST_TRIALS: usize = 400;

/// One of several schemas that are allowed.
struct Variant<'a> {
    view: View<'a>,
    /// As it is written, if it is.
    node: Option<Node<'a>>,
    /// What tells it from the others.
    key: Option<String>,
}

impl Variant<'_> {
    fn is_null(&self) -> bool {
        self.view.types.is_empty() && self.view.nullable
    }

    fn name(&self) -> String {
        self.key.clone().unwrap_or_else(|| self.view.types.to_string())
    }
}

impl<'a> Comparer<'a, '_> {
    /// Compares variants; true if that was all there is to compare.
    pub(super) fn unions(&mut self, old: &View<'a>, new: &View<'a>) -> bool {
        let (old_root, new_root) = (self.documents.old, self.documents.new);
        match (old.union(), new.union()) {
            (None, None) => false,
            (Some((a, before)), Some((b, after))) => {
                let before = written(old_root, &before);
                let after = written(new_root, &after);
                if a != b && !(are_apart(&before) && are_apart(&after)) {
                    if b == "oneOf" {
                        let what = "must match exactly one of its variants now";
                        self.tell(SchemaRule::VariantsTightened, what);
                    } else {
                        let what = "may match several of its variants now";
                        self.tell(SchemaRule::VariantsLoosened, what);
                    }
                }
                self.variants(&before, &after);
                false
            }
            (None, Some((_, after))) if old.is_anything() || !is_pure(new) => {
                let what = format!("limited to {} variants", after.len());
                self.tell(SchemaRule::VariantsTightened, &what);
                false
            }
            (Some(_), None) if new.is_anything() || !is_pure(old) => {
                self.tell(SchemaRule::VariantsLoosened, "no longer limited to its variants");
                false
            }
            (None, Some((_, after))) => {
                self.variants(&split(old), &written(new_root, &after));
                true
            }
            (Some((_, before)), None) => {
                self.variants(&written(old_root, &before), &split(new));
                true
            }
        }
    }

    fn variants(&mut self, old: &[Variant<'a>], new: &[Variant<'a>]) {
        let (mut gone, mut come): (Vec<_>, Vec<_>) = (old.iter().collect(), new.iter().collect());
        take_pairs(&mut gone, &mut come, |a, b| match (a.node, b.node) {
            (Some(a), Some(b)) => self.documents.same(a, b),
            _ => false,
        });
        for (a, b) in take_pairs(&mut gone, &mut come, |a, b| a.key.is_some() && a.key == b.key) {
            // Of a schema that had no variants before, the place stays the same.
            let step = a.node.and(b.node).map(|_| Step::Variant(a.name()));
            let depth = self.path.len();
            self.path.extend(step);
            self.views(&a.view, &b.view);
            self.path.truncate(depth);
        }
        if let ([a], [b]) = (&*gone, &*come)
            && (a.key.is_none() && b.key.is_none())
        {
            return self.views(&a.view, &b.view);
        }
        let tries = old.len() * new.len() <= MOST_TRIALS;
        for variant in gone {
            let fits = |other: &Variant<'a>, comparer: &mut Self| {
                comparer.is_harmless(Side::Request, &variant.view, &other.view)
            };
            if tries && new.iter().any(|other| fits(other, self)) {
                continue;
            }
            if variant.is_null() {
                self.tell(SchemaRule::BecameNotNullable, "must not be null any more");
            } else {
                let what = format!("variant {} removed", variant.name());
                self.tell(SchemaRule::VariantRemoved, &what);
            }
        }
        for variant in come {
            let fits = |other: &Variant<'a>, comparer: &mut Self| {
                comparer.is_harmless(Side::Response, &other.view, &variant.view)
            };
            if tries && old.iter().any(|other| fits(other, self)) {
                continue;
            }
            if variant.is_null() {
                self.tell(SchemaRule::BecameNullable, "may now be null");
            } else {
                let what = format!("variant {} added", variant.name());
                self.tell(SchemaRule::VariantAdded, &what);
            }
        }
    }

    /// Demands that could not be joined into one schema.
    pub(super) fn members(&mut self, old: &View<'a>, new: &View<'a>) {
        let (mut before, mut after) = (old.rest.clone(), new.rest.clone());
        take_pairs(&mut before, &mut after, |a, b| self.documents.same(*a, *b));
        if before.len() == after.len() {
            for (a, b) in before.into_iter().zip(after) {
                self.nodes(Some(a), Some(b));
            }
            return;
        }
        for _ in after.len()..before.len() {
            self.tell(SchemaRule::AllOfMemberRemoved, "no longer matches a member of `allOf`");
        }
        for _ in before.len()..after.len() {
            self.tell(SchemaRule::AllOfMemberAdded, "must match another member of `allOf`");
        }
        if !before.is_empty() && !after.is_empty() {
            let what = "`allOf` changed in more than one member, which cannot be decided";
            self.tell(SchemaRule::UndecidableChange, what);
        }
    }
}

/// Takes out the pairs that `fits` brings together.
fn take_pairs<T>(old: &mut Vec<T>, new: &mut Vec<T>, fits: impl Fn(&T, &T) -> bool) -> Vec<(T, T)> {
    let mut pairs = Vec::new();
    let mut left = Vec::new();
    for a in old.drain(..) {
        match new.iter().position(|b| fits(&a, b)) {
            Some(place) => pairs.push((a, new.remove(place))),
            None => left.push(a),
        }
    }
    *old = left;
    pairs
}

/// The variants of a union as they are written, with the names that tell them apart.
fn written<'a>(root: &'a Value, nodes: &[Node<'a>]) -> Vec<Variant<'a>> {
    let view =
        |node: &Node<'a>| Variant { view: View::of(root, *node), node: Some(*node), key: None };
    let mut variants: Vec<Variant<'a>> = nodes.iter().map(view).collect();
    let keys: Vec<Option<String>> = variants.iter().map(|variant| key(&variant.view)).collect();
    let types: Vec<String> =
        variants.iter().map(|variant| variant.view.types.to_string()).collect();
    for (index, variant) in variants.iter_mut().enumerate() {
        let unique =
            |all: &[String]| all.iter().filter(|other| **other == types[index]).count() == 1;
        variant.key = keys.get(index).cloned().flatten().or_else(|| {
            let own = types.get(index).filter(|_| unique(&types))?;
            Some(own.clone())
        });
    }
    variants
}

/// What names a variant: its component, its title, or a constant property.
fn key(view: &View<'_>) -> Option<String> {
    if let Some(name) = view.name {
        return Some(name.rsplit('/').next().unwrap_or(name).to_owned());
    }
    if let Some(title) = view.keyword("title").and_then(Value::as_str) {
        return Some(title.to_owned());
    }
    view.properties.iter().find_map(|(name, node)| {
        let constant = node.value.get("const")?;
        Some(format!("{name}={}", shown(constant)))
    })
}

/// A schema without variants as one variant for each of its types.
fn split<'a>(view: &View<'a>) -> Vec<Variant<'a>> {
    let only = |types: Types, nullable: bool| {
        let mut one = view.clone();
        (one.types, one.nullable) = (types, nullable);
        if let Some(values) = &mut one.values {
            values.retain(|value| types.meets(Types::of_value(value)));
        }
        let key = key(&one).or_else(|| Some(types.to_string()));
        Variant { view: one, node: None, key }
    };
    let mut variants: Vec<Variant<'a>> = view.types.each().map(|one| only(one, false)).collect();
    if view.nullable {
        variants.push(only(Types::NOTHING, true));
    }
    variants
}

/// Whether variants have no type in common, so that a value matches one at most.
fn are_apart(variants: &[Variant<'_>]) -> bool {
    let mut seen = Types::NOTHING;
    variants.iter().all(|variant| {
        let null = if variant.view.nullable { Types::NULL } else { Types::NOTHING };
        let own = variant.view.types.or(null);
        let apart = !seen.meets(own);
        seen = seen.or(own);
        apart
    })
}

/// Whether a schema says nothing but which variants it has.
fn is_pure(view: &View<'_>) -> bool {
    view.properties.is_empty()
        && view.required.is_empty()
        && view.values.is_none()
        && view.rest.is_empty()
        && view
            .keywords
            .keys()
            .all(|key| matches!(*key, "anyOf" | "oneOf" | "discriminator") || is_annotation(key))
        && !(view.keywords.contains_key("anyOf") && view.keywords.contains_key("oneOf"))
}
