//! What is wrong with a value, in words that hold nothing of the value itself.

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use serde_json::Value;

use super::check::Fault;

/// The most characters of a pointer.
const MOST_POINTED: usize = 200;

/// The most characters of a list of allowed values that are told.
const MOST_LISTED: usize = 200;

/// Adds what one error says.
pub(super) fn tell(error: &ValidationError<'_>, faults: &mut Vec<Fault>) {
    let pointer = short(error.instance_path().as_str());
    let mut add = |pointer: String, message: String| faults.push(Fault { pointer, message });
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            add(below(&pointer, name), "is missing".to_owned());
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            for name in unexpected {
                add(below(&pointer, name), "is not a property that is known here".to_owned());
            }
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            match likeliest(context, &pointer) {
                Some(errors) => errors.iter().for_each(|error| tell(error, faults)),
                None => add(pointer, one_of(context)),
            }
        }
        kind => add(pointer, sentence(kind, error)),
    }
}

/// The pointer to a property.
fn below(pointer: &str, name: &str) -> String {
    short(&format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")))
}

/// A pointer that the names of a client cannot make long.
fn short(pointer: &str) -> String {
    match pointer.char_indices().nth(MOST_POINTED) {
        Some((at, _)) => format!("{}…", pointer.get(..at).unwrap_or_default()),
        None => pointer.to_owned(),
    }
}

/// The only alternative that a value of this type can have been meant for.
fn likeliest<'a>(
    context: &'a [Vec<ValidationError<'static>>],
    pointer: &str,
) -> Option<&'a Vec<ValidationError<'static>>> {
    let misses = |error: &ValidationError<'_>| {
        error.instance_path().as_str() == pointer
            && matches!(error.kind(), Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. })
    };
    let mut close = context.iter().filter(|errors| !errors.iter().any(misses));
    close.next().filter(|errors| close.next().is_none() && !errors.is_empty())
}

/// What a value must be that fits none of several alternatives, where each says it in few words.
fn one_of(context: &[Vec<ValidationError<'static>>]) -> String {
    let mut wanted: Vec<String> = Vec::new();
    for errors in context {
        let [error] = errors.as_slice() else { return "fits none of the alternatives".to_owned() };
        let text = sentence(error.kind(), error);
        let Some(text) = text.strip_prefix("must be ") else {
            return "fits none of the alternatives".to_owned();
        };
        wanted.push(text.to_owned());
    }
    format!("must be {}", wanted.join(", or "))
}

fn sentence(kind: &Kind, error: &ValidationError<'_>) -> String {
    match kind {
        Kind::Type { kind } => format!("must be {}", types(kind)),
        Kind::Enum { options } => match &**options {
            Value::Array(options) => format!("must be one of {}", listed(options)),
            other => format!("must be one of {other}"),
        },
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::Format { format } => format!("must be a valid {format}"),
        Kind::Pattern { pattern } => format!("must match `{pattern}`"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MinLength { limit } => format!("must have at least {}", count(*limit, "character")),
        Kind::MaxLength { limit } => format!("must have at most {}", count(*limit, "character")),
        Kind::MinItems { limit } => format!("must have at least {}", count(*limit, "item")),
        Kind::MaxItems { limit } => format!("must have at most {}", count(*limit, "item")),
        Kind::MinProperties { limit } => format!("must have at least {limit} properties"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} properties"),
        Kind::UniqueItems => "must have no item twice".to_owned(),
        Kind::FalseSchema => "must not be there".to_owned(),
        Kind::OneOfMultipleValid { .. } => "fits more than one of the alternatives".to_owned(),
        Kind::PropertyNames { .. } => "has a property whose name does not fit".to_owned(),
        _ => error.masked().to_string(),
    }
}

fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

fn listed(options: &[Value]) -> String {
    let list = options.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match list.char_indices().nth(MOST_LISTED) {
        Some((at, _)) => format!("{}…", list.get(..at).unwrap_or_default()),
        None => list,
    }
}

fn types(kind: &TypeKind) -> String {
    let words = |kind: String| match kind.as_str() {
        "array" => "an array".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => "an integer".to_owned(),
        "null" => "null".to_owned(),
        "object" => "an object".to_owned(),
        other => format!("a {other}"),
    };
    match kind {
        TypeKind::Single(kind) => words(kind.to_string()),
        TypeKind::Multiple(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(|kind| words(kind.to_string())).collect();
            kinds.join(" or ")
        }
    }
}
