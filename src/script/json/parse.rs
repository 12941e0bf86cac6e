//! From JSON text to a script's value, without anything in between.
//!
//! `serde_json`'s own limit of 128 levels is kept. An integer too large for a script's integer
//! becomes a float. Of a key that appears twice, the last value stays.

use std::{cell::Cell, fmt};

use rhai::{Array, Dynamic, Identifier, ImmutableString, Map};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::de::Read;

use super::{CHECK_EVERY, quick};
use crate::script::budget;

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub(crate) struct ParseError {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column in bytes, from 1; 0 before the first byte of a line.
    pub(crate) column: usize,
    /// What is wrong, without the position.
    pub(crate) message: String,
}

impl From<serde_json::Error> for ParseError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let mut message = error.to_string();
        let place = format!(" at line {line} column {column}");
        if message.ends_with(&place) {
            message.truncate(message.len() - place.len());
        }
        Self { line, column, message }
    }
}

/// Reads one JSON value.
///
/// A script whose budget ends meanwhile gets an error too; a native asks [`budget::check`] first
/// before it reports one.
pub(crate) fn parse(bytes: &[u8]) -> Result<Dynamic, ParseError> {
    // Checked once as a whole, and not string by string; if it is no UTF-8, the parser says where.
    match std::str::from_utf8(bytes) {
        Ok(text) => match quick::read(text) {
            Some(value) => Ok(value),
            None => read(serde_json::Deserializer::from_str(text)),
        },
        Err(_) => read(serde_json::Deserializer::from_slice(bytes)),
    }
}

/// Reads one JSON value with the general parser.
pub(super) fn read<'de>(
    mut source: serde_json::Deserializer<impl Read<'de>>,
) -> Result<Dynamic, ParseError> {
    let nodes = Cell::new(0);
    let value = Any(&nodes).deserialize(&mut source)?;
    source.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Any<'a>(&'a Cell<u32>);

impl Any<'_> {
    fn count<E: de::Error>(self) -> Result<(), E> {
        let nodes = self.0.get() + 1;
        if nodes < CHECK_EVERY {
            self.0.set(nodes);
            return Ok(());
        }
        self.0.set(0);
        budget::check().map_err(|_| E::custom("the script's budget ended"))
    }
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Dynamic;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Dynamic, D::Error> {
        self.count()?;
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Dynamic;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Dynamic, E> {
        Ok(Dynamic::UNIT)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Dynamic, E> {
        Ok(Dynamic::from_bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Dynamic, E> {
        Ok(Dynamic::from_int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Dynamic, E> {
        #[expect(clippy::cast_precision_loss, reason = "JSON's own numbers are floats")]
        let value =
            i64::try_from(number).map_or(Dynamic::from_float(number as f64), Dynamic::from_int);
        Ok(value)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Dynamic, E> {
        Ok(Dynamic::from_float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Dynamic, E> {
        Ok(ImmutableString::from(text).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Dynamic, A::Error> {
        let mut array = Array::new();
        while let Some(item) = items.next_element_seed(self)? {
            array.push(item);
        }
        Ok(Dynamic::from_array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Dynamic, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            let value = entries.next_value_seed(self)?;
            map.insert(key, value);
        }
        Ok(Dynamic::from_map(map))
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Identifier;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Identifier, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Identifier;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Identifier, E> {
        Ok(text.into())
    }
}
