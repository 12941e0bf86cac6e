//! The JSON that clients mostly send, read without a general parser.
//!
//! What this reads is what the general one makes of it. Whatever is rare is left to that piece by piece:
//! strings with escapes, floats, large numbers. Of what is wrong nothing is said here, for it is to be read
//! again by the one that says where.

use std::borrow::Cow;

use rhai::{Array, Dynamic, INT, Identifier, ImmutableString, Map};

use super::{CHECK_EVERY, escape::plain_length, parse};
use crate::script::budget;

/// How many arrays and maps may stand in one another, as in `serde_json`.
const DEEPEST: usize = 127;

/// An integer of so many digits fits.
const DIGITS: usize = 18;

/// A number of more bytes is not read twice.
const LONGEST: usize = 1000;

/// Reads one JSON value; `None` if it is for the general parser to say what is wrong.
pub(super) fn read(text: &str) -> Option<Dynamic> {
    let mut reader = Reader { text, at: 0, depth: 0, until_check: CHECK_EVERY };
    let value = reader.value()?;
    reader.next().is_none().then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    until_check: u32,
}

impl<'a> Reader<'a> {
    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space, which is not passed yet.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.byte()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn value(&mut self) -> Option<Dynamic> {
        self.until_check -= 1;
        if self.until_check == 0 {
            self.until_check = CHECK_EVERY;
            budget::check().ok()?;
        }
        match self.next()? {
            b'"' => match self.string()? {
                Cow::Borrowed(text) => Some(ImmutableString::from(text).into()),
                Cow::Owned(text) => Some(text.into()),
            },
            b'{' => self.object(),
            b'[' => self.array(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Dynamic::TRUE),
            b'f' => self.word("false", Dynamic::FALSE),
            b'n' => self.word("null", Dynamic::UNIT),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Dynamic) -> Option<Dynamic> {
        self.rest()?.starts_with(word).then(|| self.at += word.len())?;
        Some(value)
    }

    fn rest(&self) -> Option<&'a str> {
        self.text.get(self.at..)
    }

    fn object(&mut self) -> Option<Dynamic> {
        self.enter()?;
        let mut map = Map::new();
        if self.next()? != b'}' {
            loop {
                if self.next()? != b'"' {
                    return None;
                }
                let key: Identifier = match self.string()? {
                    Cow::Borrowed(text) => text.into(),
                    Cow::Owned(text) => text.into(),
                };
                if self.next()? != b':' {
                    return None;
                }
                self.at += 1;
                let value = self.value()?;
                map.insert(key, value);
                match self.next()? {
                    b',' => self.at += 1,
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        self.leave();
        Some(Dynamic::from_map(map))
    }

    fn array(&mut self) -> Option<Dynamic> {
        self.enter()?;
        let mut array = Array::new();
        if self.next()? != b']' {
            loop {
                let item = self.value()?;
                array.push(item);
                match self.next()? {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.leave();
        Some(Dynamic::from_array(array))
    }

    /// Passes the bracket that opens an array or a map.
    #[inline]
    fn enter(&mut self) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        (self.depth <= DEEPEST).then_some(())
    }

    /// Passes the bracket that closes it.
    #[inline]
    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// The string whose quotation mark is the next byte.
    #[inline]
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let begin = self.at + 1;
        let end = begin + plain_length(self.text.as_bytes().get(begin..)?);
        match self.text.as_bytes().get(end)? {
            b'"' => {
                self.at = end + 1;
                self.text.get(begin..end).map(Cow::Borrowed)
            }
            b'\\' => self.escaped(end),
            _ => None,
        }
    }

    /// The same, with its first escape at `at`.
    #[cold]
    fn escaped(&mut self, mut at: usize) -> Option<Cow<'a, str>> {
        let begin = self.at;
        let bytes = self.text.as_bytes();
        while *bytes.get(at)? == b'\\' {
            at += 2;
            at += plain_length(bytes.get(at..)?);
        }
        self.at = at + 1;
        serde_json::from_str(self.text.get(begin..self.at)?).ok().map(Cow::Owned)
    }

    fn number(&mut self) -> Option<Dynamic> {
        let begin = self.at;
        let is_negative = self.byte()? == b'-';
        self.at += usize::from(is_negative);
        let first = self.at;
        let mut number: INT = 0;
        while let Some(digit @ b'0'..=b'9') = self.byte().filter(|_| self.at - first <= DIGITS) {
            number = number.wrapping_mul(10).wrapping_add(INT::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.at - first;
        let has_leading_zero = digits > 1 && self.text.as_bytes().get(first) == Some(&b'0');
        let is_minus_zero = is_negative && number == 0;
        let is_float = matches!(self.byte(), Some(b'.' | b'e' | b'E'));
        let fits = (1..=DIGITS).contains(&digits);
        let is_plain = fits && !has_leading_zero && !is_minus_zero && !is_float;
        if is_plain {
            return Some(Dynamic::from_int(if is_negative { -number } else { number }));
        }
        while let Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') = self.byte() {
            self.at += 1;
            if self.at - begin > LONGEST {
                return None;
            }
        }
        parse::read(serde_json::Deserializer::from_str(self.text.get(begin..self.at)?)).ok()
    }
}
