//! The characters of a string, one by one: Rhai collects them first, in four bytes each.

use std::any::TypeId;

use rhai::{Array, Dynamic, ImmutableString, Module};

use super::Toll;
use crate::{
    host::define::global,
    script::{Native, budget},
};

/// The characters that are left.
#[derive(Clone)]
struct Chars {
    text: ImmutableString,
    /// The byte offset of the next one.
    at: usize,
    /// The most that may follow.
    left: usize,
}

impl Chars {
    /// From a character on, which counts from the end when negative.
    fn new(text: ImmutableString, from: i64, len: i64) -> Self {
        let distance = usize::try_from(from.unsigned_abs()).unwrap_or(usize::MAX);
        let at = match (from, distance) {
            (_, 0) => 0,
            (1.., _) => text.char_indices().nth(distance).map_or(text.len(), |(at, _)| at),
            _ => text.char_indices().nth_back(distance - 1).map_or(0, |(at, _)| at),
        };
        Self { text, at, left: usize::try_from(len).unwrap_or(0) }
    }
}

impl Iterator for Chars {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        self.left = self.left.checked_sub(1)?;
        let character = self.text.get(self.at..)?.chars().next()?;
        self.at += character.len_utf8();
        Some(character)
    }
}

pub(super) fn register(module: &mut Module) {
    module.set_iterator::<Chars>();
    module.set_iter(TypeId::of::<ImmutableString>(), |value| {
        Box::new(Chars::new(value.cast(), 0, i64::MAX).map(Into::into))
    });
    let about = "The characters of the string, for a loop.";
    global("chars", &["string: &str", "Iterator<char>"], about)
        .set_into_module(module, |text: ImmutableString| Chars::new(text, 0, i64::MAX));
    rhai::FuncRegistration::new_getter("chars")
        .with_comments([format!("/// {about}")])
        .set_into_module(module, |text: &mut ImmutableString| {
            Chars::new(text.clone(), 0, i64::MAX)
        });
    global("chars", &["string: &str", "start: i64", "Iterator<char>"], about)
        .set_into_module(module, |text: ImmutableString, start: i64| {
            Chars::new(text, start, i64::MAX)
        });
    global("chars", &["string: &str", "start: i64", "len: i64", "Iterator<char>"], about)
        .set_into_module(module, Chars::new);
    global("chars", &["string: &str", "range: Range<i64>", "Iterator<char>"], about)
        .set_into_module(module, |text: ImmutableString, range: std::ops::Range<i64>| {
            let start = range.start.max(0);
            Chars::new(text, start, range.end.saturating_sub(start))
        });
    global("chars", &["string: &str", "range: RangeInclusive<i64>", "Iterator<char>"], about)
        .set_into_module(module, |text: ImmutableString, range: std::ops::RangeInclusive<i64>| {
            let start = (*range.start()).max(0);
            let len = range.end().saturating_sub(start).saturating_add(1);
            Chars::new(text, start, len)
        });
    global("to_chars", &["string: &str", "Array"], "The characters of the string as an array.")
        .set_into_module(module, to_chars);
}

fn to_chars(text: &str) -> Native<Array> {
    let mut toll = Toll::default();
    let mut array = Array::new();
    for character in text.chars() {
        if array.len() == array.capacity() {
            budget::charge(array.len().saturating_mul(2 * size_of::<Dynamic>()))?;
        }
        array.push(character.into());
        toll.pay(size_of::<Dynamic>())?;
    }
    Ok(array)
}
