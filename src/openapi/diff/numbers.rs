//! Numbers as JSON has them, compared exactly, and the keywords that bound something by one.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{rule::SchemaRule, types::Types, view::View};

/// A keyword that bounds something from below or above.
pub(super) struct Bound {
    /// Its name.
    pub(super) keyword: &'static str,
    /// Its name when the bound itself is excluded.
    exclusive: Option<&'static str>,
    /// Whether it bounds from below.
    is_lower: bool,
    /// The type whose values it bounds.
    pub(super) of: Types,
    /// As it is called in a sentence.
    pub(super) words: &'static str,
    /// What it means to bound more, and less.
    pub(super) rules: (SchemaRule, SchemaRule),
}

/// All of them.
pub(super) const BOUNDS: [Bound; 8] = [
    Bound {
        keyword: "minimum",
        exclusive: Some("exclusiveMinimum"),
        is_lower: true,
        of: Types::NUMBER,
        words: "minimum",
        rules: (SchemaRule::MinimumTightened, SchemaRule::MinimumLoosened),
    },
    Bound {
        keyword: "maximum",
        exclusive: Some("exclusiveMaximum"),
        is_lower: false,
        of: Types::NUMBER,
        words: "maximum",
        rules: (SchemaRule::MaximumTightened, SchemaRule::MaximumLoosened),
    },
    Bound {
        keyword: "minLength",
        exclusive: None,
        is_lower: true,
        of: Types::STRING,
        words: "least length",
        rules: (SchemaRule::MinLengthTightened, SchemaRule::MinLengthLoosened),
    },
    Bound {
        keyword: "maxLength",
        exclusive: None,
        is_lower: false,
        of: Types::STRING,
        words: "greatest length",
        rules: (SchemaRule::MaxLengthTightened, SchemaRule::MaxLengthLoosened),
    },
    Bound {
        keyword: "minItems",
        exclusive: None,
        is_lower: true,
        of: Types::ARRAY,
        words: "least number of items",
        rules: (SchemaRule::MinItemsTightened, SchemaRule::MinItemsLoosened),
    },
    Bound {
        keyword: "maxItems",
        exclusive: None,
        is_lower: false,
        of: Types::ARRAY,
        words: "greatest number of items",
        rules: (SchemaRule::MaxItemsTightened, SchemaRule::MaxItemsLoosened),
    },
    Bound {
        keyword: "minProperties",
        exclusive: None,
        is_lower: true,
        of: Types::OBJECT,
        words: "least number of properties",
        rules: (SchemaRule::MinPropertiesTightened, SchemaRule::MinPropertiesLoosened),
    },
    Bound {
        keyword: "maxProperties",
        exclusive: None,
        is_lower: false,
        of: Types::OBJECT,
        words: "greatest number of properties",
        rules: (SchemaRule::MaxPropertiesTightened, SchemaRule::MaxPropertiesLoosened),
    },
];

/// A bound that is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit<'a> {
    number: &'a Number,
    is_exclusive: bool,
}

impl std::fmt::Display for Limit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.is_exclusive { "beyond " } else { "" }, self.number)
    }
}

impl Bound {
    /// Whether a keyword is this one.
    pub(super) fn is_named(&self, keyword: &str) -> bool {
        keyword == self.keyword || Some(keyword) == self.exclusive
    }

    /// What a schema sets, if that bounds anything.
    pub(super) fn of<'a>(&self, view: &View<'a>) -> Option<Limit<'a>> {
        let number = |key: &str| match view.keyword(key) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        };
        let own = number(self.keyword).map(|number| Limit { number, is_exclusive: false });
        let exclusive = self.exclusive.and_then(number);
        let exclusive = exclusive.map(|number| Limit { number, is_exclusive: true });
        let limit = match (own, exclusive) {
            (Some(own), Some(other)) if self.order(other, own, view) == Ordering::Greater => other,
            (own, other) => own.or(other)?,
        };
        // Nothing has less than no characters, items or properties.
        let bounds_nothing =
            self.is_lower && self.exclusive.is_none() && limit.number.as_f64() <= Some(0.0);
        (!bounds_nothing).then_some(limit)
    }

    /// Which of two limits allows less: `Greater` if the first does.
    pub(super) fn order(&self, a: Limit<'_>, b: Limit<'_>, view: &View<'_>) -> Ordering {
        let whole = !view.types.meets(Types::NUMBER.without(Types::INTEGER));
        let (a, b) = (self.exact(a, whole), self.exact(b, whole));
        let order = compare(a.0, b.0);
        let order = if self.is_lower { order } else { order.reverse() };
        order.then(a.1.cmp(&b.1))
    }

    /// Among integers, "beyond 0" is "from 1".
    fn exact(&self, limit: Limit<'_>, whole: bool) -> (Exact, bool) {
        match Exact::of(limit.number) {
            Exact::Whole(number) if limit.is_exclusive && whole => {
                (Exact::Whole(if self.is_lower { number + 1 } else { number - 1 }), false)
            }
            number => (number, limit.is_exclusive),
        }
    }
}

/// A number without loss.
#[derive(Debug, Clone, Copy)]
enum Exact {
    Whole(i128),
    Float(f64),
}

impl Exact {
    fn of(number: &Number) -> Self {
        let whole = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
        if let Some(whole) = whole {
            return Self::Whole(whole);
        }
        let float = number.as_f64().unwrap_or_default();
        if float.fract() == 0.0 && float.abs() < 1e30 {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number in the range")]
            return Self::Whole(float as i128);
        }
        Self::Float(float)
    }

    #[expect(clippy::cast_precision_loss, reason = "compared with a number that is not whole")]
    fn float(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

fn compare(a: Exact, b: Exact) -> Ordering {
    match (a, b) {
        (Exact::Whole(a), Exact::Whole(b)) => a.cmp(&b),
        (a, b) => a.float().total_cmp(&b.float()),
    }
}

/// Whether two values are the same as JSON Schema compares them: 1 is 1.0.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            compare(Exact::of(a), Exact::of(b)) == Ordering::Equal
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (a, b) => a == b,
    }
}

/// Whether every multiple of `a` is one of `b`.
pub(super) fn is_multiple(a: &Number, b: &Number) -> bool {
    match (Exact::of(a), Exact::of(b)) {
        (Exact::Whole(a), Exact::Whole(b)) => b != 0 && a % b == 0,
        (a, b) => {
            let times = a.float() / b.float();
            times.is_finite() && (times - times.round()).abs() < 1e-9 && times.round() != 0.0
        }
    }
}

/// Whether a keyword bounds something, so that of two the tighter holds.
pub(super) fn is_bound(keyword: &str) -> bool {
    keyword == "uniqueItems" || BOUNDS.iter().any(|bound| bound.is_named(keyword))
}

/// Whether `value` under a keyword allows less than `there`.
pub(super) fn is_tighter(keyword: &str, value: &Value, there: &Value) -> bool {
    let Some(bound) = BOUNDS.iter().find(|bound| bound.is_named(keyword)) else {
        return keyword == "uniqueItems" && *value == Value::Bool(true);
    };
    let (Value::Number(value), Value::Number(there)) = (value, there) else { return false };
    let order = compare(Exact::of(value), Exact::of(there));
    (if bound.is_lower { order } else { order.reverse() }) == Ordering::Greater
}
