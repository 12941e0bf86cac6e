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

/// What errors say.
pub(super) fn tell(errors: &[ValidationError<'_>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    tell_all(errors, &mut faults);
    faults
}

/// Adds what errors say; which values are allowed says which type they have.
fn tell_all(errors: &[ValidationError<'_>], faults: &mut Vec<Fault>) {
    let listed: Vec<&str> = errors
        .iter()
        .filter(|error| is_listed(error.kind()))
        .map(|error| error.instance_path().as_str())
        .collect();
    for error in errors {
        let is_type = matches!(error.kind(), Kind::Type { .. });
        if !(is_type && listed.contains(&error.instance_path().as_str())) {
            tell_one(error, faults);
        }
    }
}

/// Whether it says which values are allowed.
fn is_listed(kind: &Kind) -> bool {
    matches!(kind, Kind::Constant { .. } | Kind::Enum { .. })
}

/// Adds what one error says.
fn tell_one(error: &ValidationError<'_>, faults: &mut Vec<Fault>) {
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
                Likely::Alternative(errors) => tell_all(errors, faults),
                Likely::Unnamed(at, what) => add(at, what),
                Likely::None => add(pointer, one_of(context)),
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

/// What a value that fits no alternative was probably meant to be.
enum Likely<'a> {
    /// The only one that it can have been meant for.
    Alternative(&'a [ValidationError<'static>]),
    /// All want a property, at this pointer, of which this is wrong.
    Unnamed(String, String),
    /// Nobody can say.
    None,
}

/// The alternative for a value of this type, and with this name where a property tells alternatives apart.
fn likeliest<'a>(context: &'a [Vec<ValidationError<'static>>], pointer: &str) -> Likely<'a> {
    let misses = |error: &ValidationError<'_>| {
        let is_type = matches!(error.kind(), Kind::Type { .. });
        (is_type || is_listed(error.kind())) && error.instance_path().as_str() == pointer
    };
    let close: Vec<_> = context.iter().filter(|errors| !errors.iter().any(misses)).collect();
    let named: Vec<_> = match close.as_slice() {
        [_] => close,
        several => {
            if let Some(missing) = missing(several, pointer) {
                return missing;
            }
            let names: Vec<_> = several.iter().map(|errors| misnamed(errors, pointer)).collect();
            if let Some(unnamed) = unnamed(&names) {
                return unnamed;
            }
            let rest = several.iter().zip(names).filter(|(_, name)| name.is_none());
            rest.map(|(errors, _)| *errors).collect()
        }
    };
    match named.as_slice() {
        [errors] if !errors.is_empty() => Likely::Alternative(errors),
        _ => Likely::None,
    }
}

/// The property that names an alternative and has another value: where it is, and what it must be.
fn misnamed<'e>(
    errors: &'e [ValidationError<'static>],
    pointer: &str,
) -> Option<(&'e str, &'e Value)> {
    errors.iter().find_map(|error| {
        let at = error.instance_path().as_str();
        let name = at.strip_prefix(pointer)?.strip_prefix('/')?;
        match error.kind() {
            Kind::Constant { expected_value } if !name.contains('/') => {
                Some((at, &**expected_value))
            }
            _ => None,
        }
    })
}

/// Where all alternatives demand a property that is not there, that it is missing.
fn missing<'a>(several: &[&Vec<ValidationError<'static>>], pointer: &str) -> Option<Likely<'a>> {
    let of = |errors: &[ValidationError<'static>]| -> Vec<String> {
        let here = errors.iter().filter(|error| error.instance_path().as_str() == pointer);
        here.filter_map(|error| match error.kind() {
            Kind::Required { property } => property.as_str().map(str::to_owned),
            _ => None,
        })
        .collect()
    };
    let (first, rest) = several.split_first()?;
    let rest: Vec<Vec<String>> = rest.iter().map(|errors| of(errors)).collect();
    let name = of(first).into_iter().find(|name| rest.iter().all(|names| names.contains(name)))?;
    Some(Likely::Unnamed(below(pointer, &name), "is missing".to_owned()))
}

/// Where one and the same property names all alternatives, that it names none of them.
fn unnamed<'a>(names: &[Option<(&str, &Value)>]) -> Option<Likely<'a>> {
    let (at, _) = (*names.first()?)?;
    let mut wanted = Vec::new();
    for name in names {
        let (there, value) = (*name)?;
        if there != at {
            return None;
        }
        wanted.push(value.clone());
    }
    Some(Likely::Unnamed(short(at), format!("must be one of {}", listed(&wanted))))
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
        if !wanted.iter().any(|there| there == text) {
            wanted.push(text.to_owned());
        }
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
