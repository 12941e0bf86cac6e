//! Sets of JSON types, in which an integer is a number without a fraction.

use std::fmt;

use serde_json::Value;

/// A set of JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(2);
    pub(super) const INTEGER: Self = Self(4);
    /// Numbers that are no integers.
    const FRACTION: Self = Self(8);
    pub(super) const STRING: Self = Self(16);
    pub(super) const ARRAY: Self = Self(32);
    pub(super) const OBJECT: Self = Self(64);
    pub(super) const NUMBER: Self = Self(4 | 8);
    pub(super) const NOTHING: Self = Self(0);
    pub(super) const ALL: Self = Self(127);
    /// What is one word in a URL, a header or a form.
    pub(super) const SCALAR: Self = Self(2 | 4 | 8 | 16);

    /// As the `type` keyword says; none if it is none that is known.
    pub(super) fn of_keyword(value: &Value) -> Option<Self> {
        match value {
            Value::String(name) => Self::named(name),
            Value::Array(names) => names
                .iter()
                .try_fold(Self::NOTHING, |all, name| Some(all.or(Self::named(name.as_str()?)?))),
            _ => None,
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => return None,
        })
    }

    /// The type of a value.
    pub(super) fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) => {
                let whole = number.as_f64().is_some_and(|number| number.fract() == 0.0);
                if number.is_f64() && !whole { Self::FRACTION } else { Self::INTEGER }
            }
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any type is in both.
    pub(super) fn meets(self, other: Self) -> bool {
        !self.and(other).is_empty()
    }

    /// Whether every type of `other` is in it.
    pub(super) fn holds(self, other: Self) -> bool {
        self.and(other) == other
    }

    /// Its types one by one, numbers as a whole.
    pub(super) fn each(self) -> impl Iterator<Item = Self> {
        let number = if self.meets(Self::FRACTION) { Self::NUMBER } else { Self::INTEGER };
        [Self::NULL, Self::BOOLEAN, number, Self::STRING, Self::ARRAY, Self::OBJECT]
            .into_iter()
            .filter(move |one| self.meets(*one))
            .map(move |one| self.and(one))
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = Self::ALL.without(Self::NULL);
        if self.holds(all) {
            return f.write_str("anything");
        }
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (index, one) in self.each().enumerate() {
            let name = match one {
                Self::NULL => "null",
                Self::BOOLEAN => "boolean",
                Self::INTEGER => "integer",
                Self::STRING => "string",
                Self::ARRAY => "array",
                Self::OBJECT => "object",
                _ => "number",
            };
            write!(f, "{}{name}", if index == 0 { "" } else { " or " })?;
        }
        Ok(())
    }
}
