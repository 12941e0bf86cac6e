//! Examples made from a schema: the same for the same seed, and what the schema itself gives as an example
//! or default before anything invented.

mod allowance;
mod merge;
mod object;
#[cfg(test)]
mod tests;
mod text;

use serde_json::{Value, json};

pub(crate) use self::allowance::Allowance;
use super::{Components, Schema, walk};

/// How deep optional parts, and items that need not be there, are filled in.
const DEEPEST_OPTIONAL: usize = 4;

/// How deep an example goes at all: one that needs more has no end.
const DEEPEST: usize = 24;

/// How many items an array has where the schema does not say.
const USUAL_ITEMS: usize = 2;

/// A value that fits the schema, if one can be made up within the allowance; the caller checks it.
pub(crate) fn example(schema: &Schema, seed: u64, allowance: &mut Allowance) -> Option<Value> {
    let mut maker = Maker { components: schema.components(), seed, allowance };
    let made = maker.any(schema.json(), "value", 0);
    (!maker.allowance.is_spent()).then_some(made)
}

/// A seed from whatever tells one request from another.
pub(crate) fn seed<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    // FNV-1a: short, and the same on every machine and in every version.
    let mut seed: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.iter().chain(&[0xff]) {
            seed = (seed ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    seed
}

struct Maker<'a> {
    components: &'a Components,
    seed: u64,
    /// What is made once it is spent counts for nothing, so that no more is made than ends it.
    allowance: &'a mut Allowance,
}

impl Maker<'_> {
    /// The next number below `most`, which is not 0.
    fn below(&mut self, most: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most.max(1)
    }

    fn pick<'v>(&mut self, values: &'v [Value]) -> Option<&'v Value> {
        let index = self.below(values.len() as u64);
        values.get(usize::try_from(index).ok()?)
    }

    /// `name` is what the value is called where it stands.
    fn any(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        if !self.allowance.take_value() {
            return Value::Null;
        }
        if let Some(given) = self.given(schema) {
            return given;
        }
        let schema = walk::resolved(schema, self.components);
        if let Some(given) = self.given(schema) {
            return given;
        }
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(several) = walk::alternatives(schema) {
            return self.alternative(several, name, depth);
        }
        if schema.get("allOf").is_some_and(Value::is_array) {
            let whole = merge::whole(schema, self.components, self.allowance);
            return self.any(&whole, name, depth + 1);
        }
        let kinds = walk::kinds(schema, self.components);
        let kind = match kinds.as_slice() {
            kinds if kinds.len() == 7 => implied(schema),
            kinds => kinds.iter().find(|kind| **kind != "null").copied().unwrap_or("null"),
        };
        match kind {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, name, depth),
            "integer" => self.integer(schema),
            "number" => self.number(schema),
            "boolean" => json!(self.below(2) == 0),
            "string" => Value::String(self.text(schema, name)),
            _ => Value::Null,
        }
    }

    /// What the schema itself gives.
    fn given(&mut self, schema: &Value) -> Option<Value> {
        let list = |key: &str| schema.get(key).and_then(Value::as_array);
        let given = if let Some(examples) = list("examples").filter(|all| !all.is_empty()) {
            self.pick(examples)
        } else if let Some(value) = schema.get("default").or_else(|| schema.get("const")) {
            Some(value)
        } else {
            self.pick(list("enum")?)
        };
        let given = given?;
        Some(if self.allowance.take_all(given) { given.clone() } else { Value::Null })
    }

    /// Whether what need not be there is made.
    fn fills(&self, depth: usize) -> bool {
        depth <= DEEPEST_OPTIONAL && !self.allowance.is_low()
    }

    /// One of several; deep down one that ends soonest.
    fn alternative(&mut self, several: &[Value], name: &str, depth: usize) -> Value {
        if !self.allowance.take_bytes(several.len()) {
            return Value::Null;
        }
        let filled: Vec<&Value> =
            several.iter().filter(|one| walk::kinds(one, self.components) != ["null"]).collect();
        let ends = |one: &&Value| {
            walk::reference(one).is_none() && !walk::kinds(one, self.components).contains(&"object")
        };
        let chosen = if depth > DEEPEST_OPTIONAL {
            several.iter().find(ends).or_else(|| several.first())
        } else {
            let index = self.below(filled.len() as u64);
            usize::try_from(index).ok().and_then(|index| filled.get(index).copied())
        };
        chosen.map_or(Value::Null, |schema| self.any(schema, name, depth + 1))
    }

    fn array(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        let least = usize_of(schema, "minItems").unwrap_or(0);
        let most = usize_of(schema, "maxItems").unwrap_or(usize::MAX);
        let usual = if self.fills(depth) { USUAL_ITEMS } else { 0 };
        let count = usual.clamp(least.min(most), most);
        let one = name.strip_suffix('s').unwrap_or(name).to_owned();
        let first = schema.get("prefixItems").and_then(Value::as_array);
        let items = schema.get("items").cloned().unwrap_or_else(|| json!({}));
        let mut made: Vec<Value> = Vec::new();
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        for index in 0..count.min(1_000) {
            if self.allowance.is_spent() {
                break;
            }
            let schema = first.and_then(|first| first.get(index)).unwrap_or(&items);
            let mut item = self.any(schema, &one, depth + 1);
            let mut tries = 0;
            while unique && made.contains(&item) && tries < 32 {
                item = self.any(schema, &one, depth + 1);
                tries += 1;
            }
            made.push(item);
        }
        Value::Array(made)
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let whole = |key: &str| schema.get(key).and_then(Value::as_i64);
        #[expect(clippy::cast_possible_truncation, reason = "bounds beyond i64 end at its ends")]
        let bound = |key: &str, whole_of: fn(f64) -> f64| {
            let value = schema.get(key)?;
            value.as_i64().or_else(|| value.as_f64().map(|bound| whole_of(bound) as i64))
        };
        let above = bound("exclusiveMinimum", f64::floor).map(|bound| bound.saturating_add(1));
        let below = bound("exclusiveMaximum", f64::ceil).map(|bound| bound.saturating_sub(1));
        let is_short = schema.get("format").is_some_and(|format| format == "int32");
        let (shortest, longest) = match is_short {
            true => (i64::from(i32::MIN), i64::from(i32::MAX)),
            false => (i64::MIN, i64::MAX),
        };
        let least = bound("minimum", f64::ceil).max(above);
        let most = [bound("maximum", f64::floor), below].into_iter().flatten().min();
        let (least, most) = match (least, most) {
            (Some(least), Some(most)) => (least, most),
            (Some(least), None) => (least, least.saturating_add(999).min(longest)),
            (None, Some(most)) => (most.saturating_sub(999).max(most.min(1)).max(shortest), most),
            (None, None) => (1, 1_000),
        };
        let step = whole("multipleOf").filter(|step| *step > 0).unwrap_or(1);
        let span = (i128::from(most) - i128::from(least)).clamp(0, 999);
        let offset = self.below(u64::try_from(span).unwrap_or(0) + 1);
        let value = least.saturating_add(i64::try_from(offset).unwrap_or(0));
        let value = value.div_euclid(step).saturating_mul(step);
        json!(if value < least { value.saturating_add(step) } else { value })
    }

    fn number(&mut self, schema: &Value) -> Value {
        let bound = |key: &str, other: &str| {
            schema.get(key).or_else(|| schema.get(other)).and_then(Value::as_f64)
        };
        let least = bound("minimum", "exclusiveMinimum");
        let most = bound("maximum", "exclusiveMaximum");
        let (least, most) = match (least, most) {
            (Some(least), Some(most)) => (least, most),
            (Some(least), None) => (least, least + 100.0),
            (None, Some(most)) => (most - 100.0, most),
            (None, None) => (0.0, 100.0),
        };
        // Somewhere inside, so that exclusive bounds are kept too.
        #[expect(clippy::cast_precision_loss, reason = "a number below 98")]
        let part = (self.below(98) + 1) as f64 / 100.0;
        let value = least + (most - least) * part;
        if let Some(step) = schema.get("multipleOf").and_then(Value::as_f64) {
            return json!((value / step).round() * step);
        }
        let short = (value * 100.0).round() / 100.0;
        json!(if short > least && short < most { short } else { value })
    }

    fn text(&mut self, schema: &Value, name: &str) -> String {
        let text = |key: &str| schema.get(key).and_then(Value::as_str);
        let least = usize_of(schema, "minLength").unwrap_or(0);
        let most = usize_of(schema, "maxLength").unwrap_or(usize::MAX);
        let pattern = text("pattern");
        // What must match a pattern as well is made after the one or the other; whoever asks tries both.
        let by_format = pattern.is_none() || self.below(2) == 0;
        if by_format
            && let Some(format) = text("format")
            && let Some(made) = text::of_format(format, self.below(28), least..=most)
        {
            self.allowance.take_bytes(made.len());
            return made;
        }
        match pattern {
            Some(pattern) => text::matching(pattern, least, self.allowance).unwrap_or_default(),
            None => text::named(name, self.below(1_000), least..=most, self.allowance),
        }
    }
}

/// The type that a schema without one speaks of.
fn implied(schema: &Value) -> &'static str {
    const OF_KIND: [(&str, &[&str]); 3] = [
        (
            "object",
            &[
                "properties",
                "required",
                "additionalProperties",
                "patternProperties",
                "propertyNames",
                "minProperties",
                "maxProperties",
            ],
        ),
        ("array", &["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]),
        ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ];
    let speaks = |keys: &[&str]| keys.iter().any(|key| schema.get(key).is_some());
    OF_KIND.iter().find(|(_, keys)| speaks(keys)).map_or("string", |(kind, _)| kind)
}

fn usize_of(schema: &Value, key: &str) -> Option<usize> {
    usize::try_from(schema.get(key)?.as_u64()?).ok()
}
