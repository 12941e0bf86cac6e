//! Between a script's value and [`serde_json::Value`], for the parts that know nothing of Rhai.
//!
//! The same rules as for text hold: the depth limit, `null` for what is not finite, and an error
//! for what has no JSON form.

use rhai::{Array, Dynamic, ImmutableString, Map};
use serde_json::{Number, Value};

use super::{CHECK_EVERY, Fallible, MOST_DEPTH, Step, Unserializable, Why, fault, write::why_not};
use crate::script::budget;

/// The JSON value of a script's value.
pub(crate) fn to_value(value: &Dynamic) -> Result<Value, Unserializable> {
    let mut reader = Reader { until_check: CHECK_EVERY };
    Ok(reader.any(value, 0)?)
}

/// The script's value of a JSON value. An integer too large for a script becomes a float.
pub(crate) fn from_value(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => Dynamic::from_bool(*flag),
        Value::Number(number) => number.as_i64().map_or_else(
            || Dynamic::from_float(number.as_f64().unwrap_or(f64::NAN)),
            Dynamic::from_int,
        ),
        Value::String(text) => ImmutableString::from(text.as_str()).into(),
        Value::Array(items) => Dynamic::from_array(items.iter().map(from_value).collect()),
        Value::Object(entries) => Dynamic::from_map(
            entries.iter().map(|(key, item)| (key.as_str().into(), from_value(item))).collect(),
        ),
    }
}

struct Reader {
    until_check: u32,
}

impl Reader {
    fn any(&mut self, value: &Dynamic, depth: usize) -> Fallible<Value> {
        self.count()?;
        if value.is_shared() {
            return match value.read_lock::<Dynamic>() {
                Some(_) if depth >= MOST_DEPTH => fault(Why::Depth),
                Some(inner) => self.any(&inner, depth + 1),
                None => fault(Why::Locked),
            };
        }
        if let Some(text) = value.read_lock::<ImmutableString>() {
            return owned(&text).map(Value::String);
        }
        if let Ok(number) = value.as_int() {
            return Ok(Value::from(number));
        }
        if let Some(map) = value.read_lock::<Map>() {
            return self.map(&map, depth);
        }
        if let Some(array) = value.read_lock::<Array>() {
            return self.array(&array, depth);
        }
        if let Ok(flag) = value.as_bool() {
            return Ok(Value::Bool(flag));
        }
        if value.is_unit() {
            return Ok(Value::Null);
        }
        if let Ok(number) = value.as_float() {
            return Ok(Number::from_f64(number).map_or(Value::Null, Value::Number));
        }
        value.as_char().map_or_else(
            |_| fault(why_not(value)),
            |character| Ok(Value::String(character.to_string())),
        )
    }

    fn array(&mut self, array: &Array, depth: usize) -> Fallible<Value> {
        if depth >= MOST_DEPTH {
            return fault(Why::Depth);
        }
        let items = array.iter().enumerate().map(|(index, item)| {
            self.any(item, depth + 1).map_err(|fault| fault.below(Step::Index(index)))
        });
        items.collect::<Fallible<Vec<_>>>().map(Value::Array)
    }

    fn map(&mut self, map: &Map, depth: usize) -> Fallible<Value> {
        if depth >= MOST_DEPTH {
            return fault(Why::Depth);
        }
        let entries = map.iter().map(|(key, item)| {
            let value =
                self.any(item, depth + 1).map_err(|fault| fault.below(Step::Key(key.clone())))?;
            Ok((key.to_string(), value))
        });
        entries.collect::<Fallible<serde_json::Map<_, _>>>().map(Value::Object)
    }

    fn count(&mut self) -> Fallible<()> {
        self.until_check -= 1;
        if self.until_check > 0 {
            return Ok(());
        }
        self.until_check = CHECK_EVERY;
        budget::check().or_else(|_| fault(Why::Stopped))
    }
}

/// A copy of a text. Scripts share long texts, so a small value may be a large copy.
fn owned(text: &str) -> Fallible<String> {
    const LONG: usize = 1024;
    if text.len() > LONG && budget::charge(text.len()).is_err() {
        return fault(Why::Stopped);
    }
    Ok(text.to_owned())
}
