//! Two schemas compared, for one side of the conversation.
//!
//! Every difference is told by the rule of its keyword. A difference that no rule can judge is breaking,
//! and says so.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use super::{
    change::{Change, Operation, Severity, Side},
    documents::{Documents, Node},
    lists, numbers,
    place::{Step, shown, within},
    rule::{Effect, Rule, SchemaRule},
    types::Types,
    view::View,
};

/// How deep schemas may be nested before they are only told to differ.
const DEEPEST: usize = 100;

/// How many pairs of schemas are looked at and changes told for one message before the rest is only told to
/// differ.
const MOST_PAIRS: u32 = 5_000;

/// What allows everything, for what is not there.
static ANYTHING: Value = Value::Bool(true);

/// The message that a schema describes.
#[derive(Debug)]
pub(super) struct Site<'s> {
    /// The operation.
    pub(super) operation: Operation<'s>,
    /// Who sends it.
    pub(super) side: Side,
    /// Which part of the operation it is.
    pub(super) location: String,
    /// How a sentence about the whole begins, such as `response body`.
    pub(super) whole: String,
    /// How a sentence about a part begins, such as `response`.
    pub(super) part: String,
    /// Whether values are written as text, so that any word will do for a string.
    pub(super) is_text: bool,
}

/// What the place of a schema does to the meaning of its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Turn {
    /// What it allows is allowed.
    Straight,
    /// What it allows is forbidden.
    Reversed,
    /// Both more and less may do harm.
    Both,
}

/// Compares the schemas of one site.
pub(super) struct Comparer<'a, 's> {
    pub(super) documents: &'s Documents<'a>,
    pub(super) site: &'s Site<'s>,
    pub(super) side: Side,
    pub(super) path: Vec<Step<'a>>,
    pub(super) turn: Turn,
    pub(super) changes: Vec<Change>,
    /// Pairs of references that were compared, or are being: each is told once in a message.
    pub(super) met: HashSet<(&'a str, &'a str, Turn)>,
    pub(super) fuel: u32,
    /// Whether it was told that there is more.
    pub(super) is_cut: bool,
}

/// Compares the schema of one site; a schema that is not there allows everything.
pub(super) fn compare<'a>(
    documents: &Documents<'a>,
    site: &Site<'_>,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
) -> Vec<Change> {
    let mut comparer = Comparer {
        documents,
        site,
        side: site.side,
        path: Vec::new(),
        turn: Turn::Straight,
        changes: Vec::new(),
        met: HashSet::new(),
        fuel: documents.fuel.get().min(MOST_PAIRS),
        is_cut: false,
    };
    let fuel = comparer.fuel;
    comparer.nodes(old.map(Node::root), new.map(Node::root));
    documents.fuel.set(documents.fuel.get().saturating_sub(fuel - comparer.fuel));
    comparer.changes
}

impl<'a> Comparer<'a, '_> {
    /// Compares two schemas.
    pub(super) fn nodes(&mut self, old: Option<Node<'a>>, new: Option<Node<'a>>) {
        let old = old.unwrap_or(Node::root(&ANYTHING));
        let new = new.unwrap_or(Node::root(&ANYTHING));
        if self.documents.same(old, new) {
            return;
        }
        let (old, new) = (View::of(self.documents.old, old), View::of(self.documents.new, new));
        if let (Some(a), Some(b)) = (old.name, new.name)
            && !self.met.insert((a, b, self.turn))
        {
            return;
        }
        self.views(&old, &new);
    }

    /// Compares two schemas where a step leads.
    pub(super) fn nodes_at(
        &mut self,
        step: Step<'a>,
        old: Option<Node<'a>>,
        new: Option<Node<'a>>,
    ) {
        self.path.push(step);
        self.nodes(old, new);
        self.path.pop();
    }

    /// Compares two schemas as they are seen.
    pub(super) fn views(&mut self, old: &View<'a>, new: &View<'a>) {
        if self.path.len() > DEEPEST || !self.spend() {
            return self.cut();
        }
        self.annotations(old, new);
        if let Some(lost) = old.lost.or(new.lost) {
            let what = format!("may have changed: `{lost}` cannot be followed");
            return self.tell(SchemaRule::UndecidableChange, &what);
        }
        if self.unions(old, new) {
            return;
        }
        self.nullability(old, new);
        let Some(common) = self.types(old, new) else { return };
        self.values(old, new);
        if !lists::decide(old, new) {
            self.bounds(old, new, common);
            if common.meets(Types::NUMBER) {
                self.multiple_of(old, new);
            }
            if common.meets(Types::STRING) {
                self.strings(old, new);
            }
            self.format(old, new);
        }
        if common.meets(Types::ARRAY) {
            self.arrays(old, new);
        }
        if common.meets(Types::OBJECT) {
            self.objects(old, new);
        }
        self.members(old, new);
        self.negation(old, new);
        self.unknown(old, new);
    }

    fn nullability(&mut self, old: &View<'a>, new: &View<'a>) {
        let unlimited = Types::ALL.without(Types::NULL);
        if old.types == unlimited && new.types != unlimited
            || new.types == unlimited && old.types != unlimited
        {
            // The change of types says it.
            return;
        }
        match (old.nullable, new.nullable) {
            (false, true) => self.tell(SchemaRule::BecameNullable, "may now be null"),
            (true, false) => self.tell(SchemaRule::BecameNotNullable, "must not be null any more"),
            _ => {}
        }
    }

    /// Compares types, and gives those that both allow; none where nothing else is left to compare.
    fn types(&mut self, old: &View<'a>, new: &View<'a>) -> Option<Types> {
        let (a, b) = (self.types_of(old), self.types_of(new));
        let common = a.and(b);
        if a == b || old.values.is_some() && new.values.is_some() && !common.is_empty() {
            return (!common.is_empty()).then_some(common);
        }
        let words = |view: &View<'a>, types: Types| match view.types == types {
            true => types.to_string(),
            false => view.types.to_string(),
        };
        let what = format!("type changed from {} to {}", words(old, a), words(new, b));
        let rule = match (a.holds(b), b.holds(a)) {
            (true, _) => SchemaRule::TypeNarrowed,
            (_, true) => SchemaRule::TypeWidened,
            _ => SchemaRule::TypeChanged,
        };
        self.tell(rule, &what);
        let common = old.types.and(new.types);
        (!common.is_empty()).then_some(common)
    }

    /// The types that a value may have; where values are text, a free string is also every number.
    fn types_of(&self, view: &View<'a>) -> Types {
        let free = ["minLength", "maxLength", "pattern", "format"]
            .iter()
            .all(|key| !view.keywords.contains_key(*key));
        let nested = self.path.iter().any(|step| !matches!(step, Step::Item | Step::Property(_)));
        if self.site.is_text
            && !nested
            && free
            && view.values.is_none()
            && view.types.meets(Types::STRING)
        {
            return view.types.or(Types::SCALAR);
        }
        view.types
    }

    fn values(&mut self, old: &View<'a>, new: &View<'a>) {
        let one = |values: &[&Value]| match values {
            [only] => shown(only),
            _ => String::new(),
        };
        match (&old.values, &new.values) {
            (None, None) => {}
            (None, Some(values)) if new.is_const => {
                self.tell(SchemaRule::ConstAdded, &format!("limited to {}", one(values)));
            }
            (None, Some(_)) => self.tell(SchemaRule::EnumAdded, "limited to an enum"),
            (Some(values), None) if old.is_const => {
                self.tell(
                    SchemaRule::ConstRemoved,
                    &format!("no longer limited to {}", one(values)),
                );
            }
            (Some(_), None) => self.tell(SchemaRule::EnumRemoved, "no longer limited to an enum"),
            (Some(a), Some(b)) => {
                let missing = |from: &[&'a Value], value: &Value| {
                    !from.iter().any(|other| numbers::same(other, value))
                };
                if old.is_const && new.is_const {
                    if b.iter().any(|value| missing(a, value)) {
                        let what = format!("constant changed from {} to {}", one(a), one(b));
                        self.tell(SchemaRule::ConstChanged, &what);
                    }
                    return;
                }
                for gone in a.iter().filter(|value| missing(b, value)) {
                    let what = format!("value {} removed from its enum", shown(gone));
                    self.tell(SchemaRule::EnumValueRemoved, &what);
                }
                for added in b.iter().filter(|value| missing(a, value)) {
                    let what = format!("value {} added to its enum", shown(added));
                    self.tell(SchemaRule::EnumValueAdded, &what);
                }
            }
        }
    }

    fn objects(&mut self, old: &View<'a>, new: &View<'a>) {
        let names: BTreeSet<&str> =
            old.properties.keys().chain(new.properties.keys()).copied().collect();
        for name in &names {
            self.property(name, old, new);
        }
        let loose = old.required.symmetric_difference(&new.required);
        for name in loose.filter(|name| !names.contains(*name)) {
            self.path.push(Step::Property(name));
            self.requirement(old.required.contains(name), new.required.contains(name));
            self.path.pop();
        }
        self.other_properties(old, new);
    }

    fn property(&mut self, name: &'a str, old: &View<'a>, new: &View<'a>) {
        let (a, b) = (old.properties.get(name).copied(), new.properties.get(name).copied());
        let hidden = |fields: Option<&serde_json::Map<String, Value>>| {
            let key = if self.side == Side::Request { "readOnly" } else { "writeOnly" };
            fields.and_then(|fields| fields.get(key)) == Some(&Value::Bool(true))
        };
        let hidden = (
            hidden(a.and_then(|node| self.documents.old(node.value))),
            hidden(b.and_then(|node| self.documents.new_of(node.value))),
        );
        let (was, is) = (old.required.contains(name), new.required.contains(name));
        self.path.push(Step::Property(name));
        match (a, b, hidden) {
            (None, None, _)
            | (_, _, (true, true))
            | (None, _, (_, true))
            | (_, None, (true, _)) => {}
            (Some(_), Some(_), (false, true)) => self.hides(),
            (Some(_), Some(_), (true, false)) => self.shows(),
            (Some(a), Some(b), _) => {
                self.nodes(Some(a), Some(b));
                self.requirement(was, is);
            }
            (Some(_), None, _) => self.tell(SchemaRule::PropertyRemoved, "removed"),
            (None, Some(_), _) if is && !was => {
                let what = if self.side == Side::Request { "added, and required" } else { "added" };
                self.tell(SchemaRule::RequiredPropertyAdded, what);
            }
            (None, Some(_), _) => self.tell(SchemaRule::PropertyAdded, "added"),
        }
        self.path.pop();
    }

    fn hides(&mut self) {
        match self.side {
            Side::Request => self.tell(SchemaRule::BecameReadOnly, "is read-only now"),
            Side::Response => self.tell(SchemaRule::BecameWriteOnly, "is write-only now"),
        }
    }

    fn shows(&mut self) {
        match self.side {
            Side::Request => self.tell(SchemaRule::NoLongerReadOnly, "is read-only no more"),
            Side::Response => self.tell(SchemaRule::NoLongerWriteOnly, "is write-only no more"),
        }
    }

    fn requirement(&mut self, was: bool, is: bool) {
        let request = self.side == Side::Request;
        match (was, is) {
            (false, true) => {
                let what = if request { "newly required" } else { "is always there now" };
                self.tell(SchemaRule::PropertyBecameRequired, what);
            }
            (true, false) => {
                let what =
                    if request { "no longer required" } else { "is no longer sure to be there" };
                self.tell(SchemaRule::PropertyBecameOptional, what);
            }
            _ => {}
        }
    }

    /// Whether there is fuel for one step more.
    fn spend(&mut self) -> bool {
        let left = self.fuel.checked_sub(1);
        self.fuel = left.unwrap_or_default();
        left.is_some()
    }

    /// Tells once that there is more than can be compared.
    fn cut(&mut self) {
        if !std::mem::replace(&mut self.is_cut, true) {
            self.put(SchemaRule::UndecidableChange, "differs in more than can be compared");
        }
    }

    /// Tells a change of what is at the path now.
    pub(super) fn tell(&mut self, rule: SchemaRule, what: &str) {
        match self.spend() {
            true => self.put(rule, what),
            false => self.cut(),
        }
    }

    fn put(&mut self, rule: SchemaRule, what: &str) {
        let effect = match (rule.effect(), self.turn) {
            (Effect::Narrows, Turn::Reversed) => Effect::Widens,
            (Effect::Widens, Turn::Reversed) => Effect::Narrows,
            (Effect::Narrows | Effect::Widens, Turn::Both) => Effect::Breaks,
            (effect, _) => effect,
        };
        let within = within(&self.path);
        let subject = match self.path.last() {
            None => self.site.whole.clone(),
            Some(step) => format!("{} {} \"{within}\"", self.site.part, step.noun()),
        };
        self.changes.push(self.site.operation.graded(
            Rule::Schema(self.side, rule),
            effect.severity(self.side),
            &self.site.location,
            within,
            &format!("{subject} {what}"),
        ));
    }

    /// Whether a comparison of its own tells nothing breaking.
    pub(super) fn is_harmless(&mut self, side: Side, old: &View<'a>, new: &View<'a>) -> bool {
        let mut aside = Comparer {
            documents: self.documents,
            site: self.site,
            side,
            path: Vec::new(),
            turn: Turn::Straight,
            changes: Vec::new(),
            met: self.met.clone(),
            fuel: self.fuel,
            is_cut: false,
        };
        aside.views(old, new);
        self.fuel = aside.fuel;
        aside.changes.iter().all(|change| change.severity != Severity::Breaking)
    }
}
