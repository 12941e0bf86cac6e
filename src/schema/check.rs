//! A schema compiled, to hold values against it.

mod steps;

use jsonschema::{Draft, Keyword, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value, json};

use self::steps::{Count, Most, STEP, Step, TO_CHECK, TO_SETTLE, TO_TELL};
use super::{COMPONENTS, Components, Schema, sentence, settle::Shape, walk};

/// The most faults that are told of one value.
pub(crate) const MOST_FAULTS: usize = 32;

/// What is wrong with a part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Which part, as a JSON Pointer; empty for the whole.
    pub(crate) pointer: String,
    /// What it must be. Holds nothing of the value.
    pub(crate) message: String,
}

/// A schema compiled.
#[derive(Debug)]
pub(crate) struct Checker {
    validator: Validator,
    shape: Shape,
    work: Work,
}

/// What holding a value against a schema may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// It grows with the value.
    Bounded,
    /// It may double with each level of the value, and so is counted.
    Counted,
}

impl Checker {
    /// Compiles a schema.
    ///
    /// # Errors
    ///
    /// In words, why it is not one, such as a pattern that does not parse.
    pub(crate) fn new(schema: &Schema) -> Result<Self, String> {
        let validator = compile(schema.json(), schema.components())?;
        let shape = Shape::of(schema.json(), schema.components())?;
        let work = match steps::are_needed(schema.json(), schema.components()) {
            true => Work::Counted,
            false => Work::Bounded,
        };
        Ok(Self { validator, shape, work })
    }

    /// Counts what is done for a value, where that is needed.
    fn count(&self, value: &Value, most: Most) -> Option<Count> {
        (self.work == Work::Counted).then(|| Count::of(value, most))
    }

    /// Whether a value fits, and that could be told in good time.
    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        self.fits(value).unwrap_or(false)
    }

    /// Whether a value fits.
    fn fits(&self, value: &Value) -> Result<bool, Fault> {
        let count = self.count(value, TO_CHECK);
        let fits = self.validator.is_valid(value);
        match count.is_some_and(|count| count.is_over()) {
            true => Err(too_long()),
            false => Ok(fits),
        }
    }

    /// What is wrong with a value, up to [`MOST_FAULTS`]; nothing for one that fits.
    pub(crate) fn faults(&self, value: &Value) -> Vec<Fault> {
        match self.fits(value) {
            Ok(true) => return Vec::new(),
            Ok(false) => {}
            Err(fault) => return vec![fault],
        }
        let _count = self.count(value, TO_TELL);
        let errors: Vec<_> = self.validator.iter_errors(value).take(MOST_FAULTS).collect();
        let mut faults = sentence::tell(&errors);
        faults.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        faults.truncate(MOST_FAULTS);
        if faults.is_empty() {
            // What is wrong lies deeper than it was looked for.
            faults.push(Fault { pointer: String::new(), message: "does not fit".to_owned() });
        }
        faults
    }

    /// What an absent value of the schema that was compiled becomes, settled; none if it has no default.
    pub(crate) fn default_of(&self, schema: &Schema) -> Option<Value> {
        let mut default = schema.default()?.clone();
        // One that takes too long is taken as it was written.
        match self.settle(&mut default) {
            Ok(()) => Some(default),
            Err(_) => schema.default().cloned(),
        }
    }

    /// Fills defaults into a value that fits, and makes its numbers what the schema calls them: `1.0` for
    /// an integer is 1, and 1 for a float is `1.0`.
    ///
    /// # Errors
    ///
    /// That it takes too long to tell what the parts of the value are; it is changed in part then.
    pub(crate) fn settle(&self, value: &mut Value) -> Result<(), Fault> {
        let count = self.count(value, TO_SETTLE);
        self.shape.settle(value);
        match count.is_some_and(|count| count.is_over()) {
            true => Err(too_long()),
            false => Ok(()),
        }
    }
}

fn too_long() -> Fault {
    let message = "takes too long to be checked".to_owned();
    Fault { pointer: String::new(), message }
}

/// A validator for a schema with its components.
pub(super) fn compile(json: &Value, components: &Components) -> Result<Validator, String> {
    let counts = steps::are_needed(json, components);
    let root = match json {
        Value::Object(parts) => parts.clone(),
        other => Map::from_iter([("allOf".to_owned(), json!([other]))]),
    };
    let components = components.iter().map(|(name, schema)| (name.clone(), schema.clone()));
    let mut components = Value::Object(components.collect());
    components.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(bound);
    let mut root = Value::Object(root);
    bound(&mut root);
    if counts {
        components.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(steps::count);
        steps::count(&mut root);
    }
    if let Some(root) = root.as_object_mut() {
        root.insert("components".to_owned(), json!({ "schemas": components }));
    }
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .with_keyword(INTEGER, |_, _, _| Ok(Box::new(Integer)))
        .with_keyword(STEP, |_, _, _| Ok(Box::new(Step)))
        .offline()
        .build(&root)
        .map_err(|error| error.to_string())
}

/// Makes the formats of OpenAPI that are more than annotations bind: `int32` and `int64` are ranges. A
/// file is checked where its bytes are known.
fn bound(schema: &mut Value) {
    let Value::Object(parts) = schema else { return };
    match parts.get("format").and_then(Value::as_str) {
        Some("int64") => drop(parts.insert(INTEGER.to_owned(), true.into())),
        Some("int32") => {
            parts.entry("minimum").or_insert_with(|| i32::MIN.into());
            parts.entry("maximum").or_insert_with(|| i32::MAX.into());
        }
        Some("binary") => drop(parts.remove("maxLength")),
        _ => {}
    }
    walk::each_mut(parts, bound);
}

/// The keyword that `int64` becomes. A range would not do: what is one less than the least integer is
/// read as a float, which equals that integer.
const INTEGER: &str = "x-hotplate-int64";

/// Whether a number is one of 64 bits.
struct Integer;

impl Integer {
    fn holds(value: &Value) -> bool {
        let Value::Number(number) = value else { return true };
        // As far as floats tell one whole number from the next.
        number.is_i64()
            || number.as_f64().is_some_and(|float| number.is_f64() && float.abs() < 9.2e18)
    }
}

impl Keyword<'_> for Integer {
    fn validate<'i>(&self, value: &'i Value) -> Result<(), ValidationError<'i>> {
        match Self::holds(value) {
            true => Ok(()),
            false => Err(ValidationError::custom("must be an integer of 64 bits")),
        }
    }

    fn is_valid(&self, value: &Value) -> bool {
        Self::holds(value)
    }
}

/// Whether a schema can stand in a document: its references lead to named schemas, and its patterns are as
/// other tools read them.
pub(crate) fn check_references(schema: &Value) -> Result<(), String> {
    let mut left = vec![schema];
    while let Some(part) = left.pop() {
        let refers = ["$ref", "$dynamicRef"].iter().find_map(|key| part.get(key)?.as_str());
        if let Some(target) = refers.filter(|target| !target.starts_with(COMPONENTS)) {
            return Err(format!(
                "`$ref` leads to `{target}`, but only named schemas can be referred to: \
                 \"{COMPONENTS}Name\""
            ));
        }
        if let Some(written) = part.get("pattern").and_then(Value::as_str)
            && let Err(why) = super::pattern::check(written)
        {
            return Err(format!("the pattern `{written}` is not as in JavaScript: {why}"));
        }
        if let Value::Object(parts) = part {
            walk::each(parts, |part| left.push(part));
        }
    }
    Ok(())
}

/// Whether a value is a JSON Schema of draft 2020-12.
pub(crate) fn check_schema(schema: &Value) -> Result<(), String> {
    jsonschema::draft202012::meta::validate(schema).map_err(|error| match error.instance_path() {
        path if path.as_str().is_empty() => error.to_string(),
        path => format!("at `{}`: {error}", path.as_str()),
    })
}

/// Whether a pattern can be searched for in a time that is linear in the text.
pub(crate) fn check_pattern(pattern: &str) -> Result<(), String> {
    compile(&json!({ "type": "string", "pattern": pattern }), &Components::new()).map(drop)
}
