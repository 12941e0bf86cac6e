//! A script's value as text for people: `print`, interpolation, the log.
//!
//! - Bounded in bytes and in levels, so that any value may be printed, also one that holds itself.
//! - Never fails: where Rhai cannot convert a value to text it falls back on a conversion that is
//!   not bounded. A text cut short ends in `…`.

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map, NativeCallContext};

use super::define::words;
use crate::script::budget;

/// The most levels of arrays and maps that are shown.
const MOST_DEPTH: usize = 64;

/// Bytes of text that are not worth asking the budget for.
const SMALL: usize = 4096;

/// What is done between two looks at the budget, and the bytes of text that count as one value.
const STRETCH: usize = 256;
const STEP: usize = 256;

/// A value as text of about `most_bytes` bytes at most. A string is itself, null is nothing.
pub(crate) fn display(value: &Dynamic, most_bytes: usize) -> String {
    display_with(value, most_bytes, &mut |_| None)
}

/// As [`display`], with a form for the types that the host registered.
pub(crate) fn display_in(ctx: &NativeCallContext, value: &Dynamic, most_bytes: usize) -> String {
    display_with(value, most_bytes, &mut |own| {
        let form = ctx.call_native_fn_raw("to_debug", true, &mut [&mut own.clone()]).ok()?;
        form.into_string().ok()
    })
}

type Own<'a> = dyn FnMut(&Dynamic) -> Option<String> + 'a;

fn display_with(value: &Dynamic, most_bytes: usize, own: &mut Own) -> String {
    let mut text = Text { out: String::new(), most_bytes, work: 0, full: false, own };
    if let Some(string) = value.read_lock::<ImmutableString>() {
        text.push(&string);
    } else if !value.is_unit() {
        text.any(value, 0);
    }
    if text.full {
        text.out.push('…');
    }
    text.out
}

struct Text<'a, 'b> {
    out: String,
    most_bytes: usize,
    /// What was done since the last look at the budget: values, and pieces of long texts.
    work: usize,
    full: bool,
    own: &'a mut Own<'b>,
}

impl Text<'_, '_> {
    fn push(&mut self, text: &str) {
        if self.full {
            return;
        }
        let wanted = self.out.len().saturating_add(text.len());
        if wanted > self.out.capacity() && wanted > SMALL {
            let capacity = wanted.max(self.out.capacity().saturating_mul(2));
            self.full = budget::charge(capacity).is_err();
        }
        if self.full || wanted > self.most_bytes {
            self.full = true;
            // A piece of what does not fit is still worth showing.
            let room = self.most_bytes.saturating_sub(self.out.len()).min(SMALL);
            let end = (0..=room).rev().find(|&end| text.is_char_boundary(end));
            self.out.push_str(text.get(..end.unwrap_or(0)).unwrap_or_default());
            return;
        }
        self.out.push_str(text);
    }

    fn any(&mut self, value: &Dynamic, depth: usize) {
        let text = value.read_lock::<ImmutableString>().map_or(0, |text| text.len());
        self.work += 1 + text / STEP;
        if self.work >= STRETCH {
            self.work = 0;
            self.full |= budget::check().is_err();
        }
        if self.full {
            return;
        }
        if depth > MOST_DEPTH {
            self.push("…");
        } else if value.is_shared() {
            match value.read_lock::<Dynamic>() {
                Some(inner) => self.any(&inner, depth + 1),
                None => self.push("<shared>"),
            }
        } else if let Some(text) = value.read_lock::<ImmutableString>() {
            self.quoted(&text);
        } else if let Some(array) = value.read_lock::<Array>() {
            self.array(&array, depth);
        } else if let Some(map) = value.read_lock::<Map>() {
            self.map(&map, depth);
        } else if let Some(function) = value.read_lock::<FnPtr>() {
            self.function(&function);
        } else if value.is_blob() {
            self.blob(value);
        } else if value.is_variant() {
            let form = (self.own)(value);
            self.push(form.as_deref().unwrap_or_else(|| words(value.type_name())));
        } else if value.is_unit() {
            self.push("()");
        } else {
            self.push(&value.to_string());
        }
    }

    fn quoted(&mut self, text: &str) {
        self.push("\"");
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_control() || matches!(c, '"' | '\\')) {
            let (plain, special) = rest.split_at(at);
            self.push(plain);
            let mut characters = special.chars();
            if let Some(character) = characters.next() {
                self.push(&character.escape_debug().to_string());
            }
            if self.full {
                return;
            }
            rest = characters.as_str();
        }
        self.push(rest);
        self.push("\"");
    }

    fn array(&mut self, array: &Array, depth: usize) {
        self.push("[");
        for (index, item) in array.iter().enumerate() {
            if self.full {
                return;
            }
            if index > 0 {
                self.push(", ");
            }
            self.any(item, depth + 1);
        }
        self.push("]");
    }

    fn map(&mut self, map: &Map, depth: usize) {
        self.push("#{");
        for (index, (key, item)) in map.iter().enumerate() {
            if self.full {
                return;
            }
            if index > 0 {
                self.push(", ");
            }
            self.quoted(key);
            self.push(": ");
            self.any(item, depth + 1);
        }
        self.push("}");
    }

    fn function(&mut self, function: &FnPtr) {
        if function.is_anonymous() {
            return self.push("Fn");
        }
        self.push("Fn(");
        self.push(function.fn_name());
        self.push(")");
    }

    fn blob(&mut self, value: &Dynamic) {
        let bytes = value.as_blob_ref().map_or(0, |blob| blob.len());
        self.push(&format!("<blob of {bytes} bytes>"));
    }
}
