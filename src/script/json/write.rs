//! From a script's value to JSON text.
//!
//! The common types are asked for first, and a value that is not shared is read without a lock. A
//! shared one is read under its lock while its inside is written; the lock is only ever tried, so a
//! value that holds itself ends at the depth limit.

use rhai::{Array, Blob, Dynamic, FLOAT, FnPtr, INT, ImmutableString, Map};

use super::{
    CHECK_EVERY, Fallible, MOST_DEPTH, Step, Unserializable, Why,
    escape::{write_piece, write_string},
    fault,
};
use crate::script::budget;

/// A string of more bytes than this is written in pieces, with a look at the budget after each: six
/// bytes may come of one.
const LONG: usize = 64 << 10;

/// Gives the JSON form of a type that the host registered, or nothing if it has none.
pub(crate) type Hook = fn(&Dynamic) -> Option<Dynamic>;

/// Appends `value` as compact JSON of at most `most_bytes` bytes.
///
/// `out` holds a piece of it when this fails.
pub(crate) fn write(
    value: &Dynamic,
    out: &mut Vec<u8>,
    most_bytes: usize,
) -> Result<(), Unserializable> {
    write_with(value, out, most_bytes, |_| None)
}

/// As [`write`], with the JSON forms of the host's own types.
pub(crate) fn write_with(
    value: &Dynamic,
    out: &mut Vec<u8>,
    most_bytes: usize,
    hook: Hook,
) -> Result<(), Unserializable> {
    Ok(Writer::new(out, most_bytes, hook, Layout::Compact).any(value, 0)?)
}

/// As [`write`], with line ends and two spaces for each level.
pub(crate) fn write_pretty(
    value: &Dynamic,
    out: &mut Vec<u8>,
    most_bytes: usize,
) -> Result<(), Unserializable> {
    Ok(Writer::new(out, most_bytes, |_| None, Layout::Pretty).any(value, 0)?)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Compact,
    Pretty,
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The length of `out` beyond which the JSON is too long.
    end: usize,
    most_bytes: usize,
    hook: Hook,
    layout: Layout,
    until_check: u32,
}

impl<'a> Writer<'a> {
    fn new(out: &'a mut Vec<u8>, most_bytes: usize, hook: Hook, layout: Layout) -> Self {
        let end = out.len().saturating_add(most_bytes);
        Self { out, end, most_bytes, hook, layout, until_check: CHECK_EVERY }
    }

    fn any(&mut self, value: &Dynamic, depth: usize) -> Fallible<()> {
        self.count()?;
        if value.is_shared() {
            return match value.read_lock::<Dynamic>() {
                Some(_) if depth >= MOST_DEPTH => fault(Why::Depth),
                Some(inner) => self.any(&inner, depth + 1),
                None => fault(Why::Locked),
            };
        }
        // `read_lock` is generic and so inlined, unlike `as_int` and its like.
        if let Some(text) = value.read_lock::<ImmutableString>() {
            self.text(&text)?;
        } else if let Some(number) = value.read_lock::<INT>() {
            self.integer(*number);
        } else if let Some(map) = value.read_lock::<Map>() {
            self.map(&map, depth)?;
        } else if let Some(array) = value.read_lock::<Array>() {
            self.array(&array, depth)?;
        } else if let Some(flag) = value.read_lock::<bool>() {
            self.out.extend_from_slice(if *flag { b"true" } else { b"false" });
        } else if value.read_lock::<()>().is_some() {
            self.out.extend_from_slice(b"null");
        } else if let Some(number) = value.read_lock::<FLOAT>() {
            self.float(*number);
        } else {
            self.rare(value, depth)?;
        }
        if self.out.len() > self.end { fault(Why::Size(self.most_bytes)) } else { Ok(()) }
    }

    #[inline]
    fn count(&mut self) -> Fallible<()> {
        self.until_check -= 1;
        if self.until_check > 0 {
            return Ok(());
        }
        self.until_check = CHECK_EVERY;
        budget::check().or_else(|_| fault(Why::Stopped))
    }

    fn text(&mut self, text: &str) -> Fallible<()> {
        // Before the copy: one string may be as long as all the memory that the script has.
        if text.len() > self.end.saturating_sub(self.out.len()) {
            return fault(Why::Size(self.most_bytes));
        }
        if text.len() <= LONG {
            write_string(text, self.out);
            return Ok(());
        }
        self.out.push(b'"');
        for piece in text.as_bytes().chunks(LONG) {
            write_piece(piece, self.out);
            if self.out.len() > self.end {
                return fault(Why::Size(self.most_bytes));
            }
            budget::check().or_else(|_| fault(Why::Stopped))?;
        }
        self.out.push(b'"');
        Ok(())
    }

    #[inline(never)]
    fn integer(&mut self, number: INT) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    #[inline(never)]
    fn float(&mut self, number: f64) {
        if number.is_finite() {
            self.out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
        } else {
            self.out.extend_from_slice(b"null");
        }
    }

    #[inline(never)]
    fn array(&mut self, array: &Array, depth: usize) -> Fallible<()> {
        if depth >= MOST_DEPTH {
            return fault(Why::Depth);
        }
        self.out.push(b'[');
        for (index, item) in array.iter().enumerate() {
            self.before_item(index, depth);
            self.any(item, depth + 1).map_err(|fault| fault.below(Step::Index(index)))?;
        }
        self.after_items(array.is_empty(), depth);
        self.out.push(b']');
        Ok(())
    }

    #[inline(never)]
    fn map(&mut self, map: &Map, depth: usize) -> Fallible<()> {
        if depth >= MOST_DEPTH {
            return fault(Why::Depth);
        }
        self.out.push(b'{');
        for (index, (key, item)) in map.iter().enumerate() {
            self.before_item(index, depth);
            self.text(key)?;
            self.out.push(b':');
            if self.layout == Layout::Pretty {
                self.out.push(b' ');
            }
            self.any(item, depth + 1).map_err(|fault| fault.below(Step::Key(key.clone())))?;
        }
        self.after_items(map.is_empty(), depth);
        self.out.push(b'}');
        Ok(())
    }

    fn before_item(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.out.push(b',');
        }
        if self.layout == Layout::Pretty {
            self.new_line(depth + 1);
        }
    }

    fn after_items(&mut self, empty: bool, depth: usize) {
        if self.layout == Layout::Pretty && !empty {
            self.new_line(depth);
        }
    }

    fn new_line(&mut self, depth: usize) {
        self.out.push(b'\n');
        self.out.resize(self.out.len() + 2 * depth, b' ');
    }

    #[cold]
    fn rare(&mut self, value: &Dynamic, depth: usize) -> Fallible<()> {
        if let Ok(character) = value.as_char() {
            return self.text(character.encode_utf8(&mut [0; 4]));
        }
        match (self.hook)(value) {
            // A level of its own: a form that is of the same type again would never end.
            Some(_) if depth >= MOST_DEPTH => fault(Why::Depth),
            Some(form) => self.any(&form, depth + 1),
            None => fault(why_not(value)),
        }
    }
}

/// Why a value that is neither shared nor of a JSON type has no JSON form.
pub(super) fn why_not(value: &Dynamic) -> Why {
    if value.is::<FnPtr>() {
        Why::Function
    } else if value.is::<Blob>() {
        Why::Blob
    } else if value.is_timestamp() {
        Why::Timestamp
    } else {
        let name = value.type_name();
        let plain = name.split('<').next().unwrap_or(name);
        Why::Type(plain.rsplit("::").next().unwrap_or(plain).to_owned())
    }
}
