//! Operators on Rhai's own types, as Rhai has them built in.
//!
//! Only what cannot fail is here. What overflows, divides by zero or is of other types is left to Rhai,
//! with its errors.

use rhai::{Dynamic, ImmutableString, Token};

use super::vm::Out;

/// The operators that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Any other, which Rhai does.
    Other,
}

impl Operator {
    pub(super) fn of(token: &Token) -> Self {
        match token {
            Token::Plus | Token::PlusAssign => Self::Plus,
            Token::Minus | Token::MinusAssign => Self::Minus,
            Token::Multiply | Token::MultiplyAssign => Self::Multiply,
            Token::Divide | Token::DivideAssign => Self::Divide,
            Token::Modulo | Token::ModuloAssign => Self::Modulo,
            Token::EqualsTo => Self::Equal,
            Token::NotEqualsTo => Self::NotEqual,
            Token::LessThan => Self::Less,
            Token::LessThanEqualsTo => Self::LessOrEqual,
            Token::GreaterThan => Self::Greater,
            Token::GreaterThanEqualsTo => Self::GreaterOrEqual,
            _ => Self::Other,
        }
    }

    fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Less
                | Self::LessOrEqual
                | Self::Greater
                | Self::GreaterOrEqual
        )
    }
}

/// What an operator makes of two integers, if it is a number or a truth.
#[inline]
pub(super) fn integers(operator: Operator, x: i64, y: i64) -> Option<Out> {
    match operator {
        Operator::Plus => x.checked_add(y).map(Out::int),
        Operator::Minus => x.checked_sub(y).map(Out::int),
        Operator::Multiply => x.checked_mul(y).map(Out::int),
        Operator::Divide => x.checked_div(y).map(Out::int),
        Operator::Modulo => x.checked_rem(y).map(Out::int),
        Operator::Equal => Some(Out::bool(x == y)),
        Operator::NotEqual => Some(Out::bool(x != y)),
        Operator::Less => Some(Out::bool(x < y)),
        Operator::LessOrEqual => Some(Out::bool(x <= y)),
        Operator::Greater => Some(Out::bool(x > y)),
        Operator::GreaterOrEqual => Some(Out::bool(x >= y)),
        Operator::Other => None,
    }
}

/// What an operator makes of two floats. Rhai compares them up to a relative difference.
fn floats(operator: Operator, x: f64, y: f64) -> Option<Dynamic> {
    let most = if x * y == 0.0 { 1.0 } else { x.abs().max(y.abs()) };
    let same = most == 0.0;
    Some(match operator {
        Operator::Plus => (x + y).into(),
        Operator::Minus => (x - y).into(),
        Operator::Multiply => (x * y).into(),
        Operator::Divide => (x / y).into(),
        Operator::Modulo => (x % y).into(),
        Operator::Equal => (same || (x - y).abs() / most <= f64::EPSILON).into(),
        Operator::NotEqual => (!same && (x - y).abs() / most > f64::EPSILON).into(),
        Operator::Greater => (!same && (x - y) / most > f64::EPSILON).into(),
        Operator::GreaterOrEqual => (same || (x - y) / most > -f64::EPSILON).into(),
        Operator::Less => (!same && (y - x) / most > f64::EPSILON).into(),
        Operator::LessOrEqual => (same || (y - x) / most > -f64::EPSILON).into(),
        Operator::Other => return None,
    })
}

fn ordered<T: PartialOrd + ?Sized>(operator: Operator, x: &T, y: &T) -> Option<Dynamic> {
    Some(
        match operator {
            Operator::Equal => x == y,
            Operator::NotEqual => x != y,
            Operator::Less => x < y,
            Operator::LessOrEqual => x <= y,
            Operator::Greater => x > y,
            Operator::GreaterOrEqual => x >= y,
            _ => return None,
        }
        .into(),
    )
}

/// A number as a float, and whether it was an integer.
fn number(value: &Dynamic) -> Option<(f64, bool)> {
    if value.is_float() {
        return value.as_float().ok().map(|value| (value, false));
    }
    #[expect(clippy::cast_precision_loss, reason = "as Rhai does it")]
    if value.is_int() {
        return value.as_int().ok().map(|value| (value as f64, true));
    }
    None
}

/// The value of an operator on two values that are not shared; `None` where Rhai must do it.
pub(super) fn binary(operator: Operator, x: &Dynamic, y: &Dynamic) -> Option<Dynamic> {
    if operator == Operator::Other {
        return None;
    }
    if let (Some((a, a_is_int)), Some((b, b_is_int))) = (number(x), number(y)) {
        if a_is_int && b_is_int {
            return None;
        }
        return floats(operator, a, b);
    }
    if x.is_string() && y.is_string() {
        let (a, b) = (x.as_immutable_string_ref().ok()?, y.as_immutable_string_ref().ok()?);
        return match operator {
            Operator::Plus => Some((&*a + &*b).into()),
            Operator::Minus => None,
            _ => ordered::<ImmutableString>(operator, &a, &b),
        };
    }
    if x.is_variant() || y.is_variant() {
        return None;
    }
    if x.is_unit() && y.is_unit() {
        return operator.is_comparison().then(|| (operator == Operator::Equal).into());
    }
    if x.is_bool() && y.is_bool() {
        return ordered(operator, &x.as_bool().ok()?, &y.as_bool().ok()?);
    }
    if x.is_char() && y.is_char() {
        return ordered(operator, &x.as_char().ok()?, &y.as_char().ok()?);
    }
    let of_two_kinds = x.type_id() != y.type_id();
    let of_letters = (x.is_char() || x.is_string()) && (y.is_char() || y.is_string());
    if of_two_kinds && !of_letters && operator.is_comparison() {
        // Of two kinds that are not both numbers.
        return Some((operator == Operator::NotEqual).into());
    }
    None
}
