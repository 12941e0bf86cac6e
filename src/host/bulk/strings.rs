//! Strings: what lengthens one or takes it apart.
//!
//! `trim` and `replace` return the string too: as a handler's last word they would else answer
//! nothing.

use rhai::{Array, Dynamic, ImmutableString, Module};

use super::{Growing, Toll};
use crate::{
    host::define::global,
    script::{Native, budget},
};

/// About how many bytes a string costs besides its text.
const STRING_BYTES: usize = 64;

pub(super) fn register(module: &mut Module) {
    let string = "string: &mut String";
    global("trim", &[string, "String"], "Removes the space at both ends. Returns the string too.")
        .set_into_module(module, |text: &mut ImmutableString| {
            let trimmed = text.trim();
            if trimmed.len() < text.len() {
                *text = ImmutableString::from(trimmed);
            }
            text.clone()
        });
    replacing(module);
    padding(module);
    splitting(module);
    for (name, upper) in [("to_upper", true), ("to_lower", false)] {
        global(name, &["string: &str", "String"], "The string in the other case.")
            .set_into_module(module, move |text: &str| in_case(text, upper));
    }
    for (name, upper) in [("make_upper", true), ("make_lower", false)] {
        global(name, &[string, "()"], "Changes the string to the other case.").set_into_module(
            module,
            move |text: &mut ImmutableString| -> Native<()> {
                *text = in_case(text, upper)?;
                Ok(())
            },
        );
    }
}

fn in_case(text: &str, upper: bool) -> Native<ImmutableString> {
    // Some letters become three in the other case.
    budget::charge(text.len().saturating_mul(3))?;
    Ok(if upper { text.to_uppercase() } else { text.to_lowercase() }.into())
}

fn replacing(module: &mut Module) {
    let about = "Replaces each occurrence. Returns the string too.";
    let string = "string: &mut String";
    global("replace", &[string, "find: &str", "with: &str", "String"], about)
        .set_into_module(module, |text: &mut ImmutableString, find: &str, with: &str| {
            replace(text, find, with)
        });
    global("replace", &[string, "find: &str", "with: char", "String"], about).set_into_module(
        module,
        |text: &mut ImmutableString, find: &str, with: char| {
            replace(text, find, with.encode_utf8(&mut [0; 4]))
        },
    );
    global("replace", &[string, "find: char", "with: &str", "String"], about).set_into_module(
        module,
        |text: &mut ImmutableString, find: char, with: &str| {
            replace(text, find.encode_utf8(&mut [0; 4]), with)
        },
    );
    global("replace", &[string, "find: char", "with: char", "String"], about).set_into_module(
        module,
        |text: &mut ImmutableString, find: char, with: char| {
            replace(text, find.encode_utf8(&mut [0; 4]), with.encode_utf8(&mut [0; 4]))
        },
    );
}

fn replace(text: &mut ImmutableString, find: &str, with: &str) -> Native<ImmutableString> {
    let mut out = Growing::default();
    let mut end = 0;
    for (start, found) in text.match_indices(find) {
        out.push_str(text.get(end..start).unwrap_or_default())?;
        out.push_str(with)?;
        end = start + found.len();
    }
    out.push_str(text.get(end..).unwrap_or_default())?;
    *text = out.finish().into();
    Ok(text.clone())
}

fn padding(module: &mut Module) {
    let about = "Appends until the string has that many characters.";
    let string = "string: &mut String";
    global("pad", &[string, "len: i64", "with: char", "()"], about).set_into_module(
        module,
        |text: &mut ImmutableString, len: i64, with: char| {
            pad(text, len, with.encode_utf8(&mut [0; 4]))
        },
    );
    global("pad", &[string, "len: i64", "with: &str", "()"], about)
        .set_into_module(module, |text: &mut ImmutableString, len: i64, with: &str| {
            pad(text, len, with)
        });
}

fn pad(text: &mut ImmutableString, len: i64, with: &str) -> Native<()> {
    let missing = usize::try_from(len).unwrap_or(0).saturating_sub(text.chars().count());
    if missing == 0 || with.is_empty() {
        return Ok(());
    }
    let widest = with.chars().map(char::len_utf8).max().unwrap_or(1);
    budget::charge(text.len().saturating_add(missing.saturating_mul(widest)))?;
    let mut padded = String::with_capacity(text.len() + missing);
    padded.push_str(text);
    padded.extend(with.chars().cycle().take(missing));
    *text = padded.into();
    budget::check()
}

fn splitting(module: &mut Module) {
    let string = "string: &mut String";
    let about = "The words of the string.";
    global("split", &[string, "Array"], about)
        .set_into_module(module, |text: &mut ImmutableString| pieces(text.split_whitespace()));
    let about = "The pieces between the delimiters.";
    global("split", &[string, "delimiter: &str", "Array"], about)
        .set_into_module(module, |text: &mut ImmutableString, delimiter: &str| {
            pieces(text.split(delimiter))
        });
    global("split", &[string, "delimiter: char", "Array"], about)
        .set_into_module(module, |text: &mut ImmutableString, delimiter: char| {
            pieces(text.split(delimiter))
        });
    let about = "The pieces between the delimiters, the last piece with all that remains.";
    global("split", &[string, "delimiter: &str", "segments: i64", "Array"], about).set_into_module(
        module,
        |text: &mut ImmutableString, delimiter: &str, segments: i64| {
            pieces(text.splitn(at_least_one(segments), delimiter))
        },
    );
    global("split", &[string, "delimiter: char", "segments: i64", "Array"], about).set_into_module(
        module,
        |text: &mut ImmutableString, delimiter: char, segments: i64| {
            pieces(text.splitn(at_least_one(segments), delimiter))
        },
    );
    let about = "The pieces between the delimiters, from the end.";
    global("split_rev", &[string, "delimiter: &str", "Array"], about)
        .set_into_module(module, |text: &mut ImmutableString, delimiter: &str| {
            pieces(text.rsplit(delimiter))
        });
    global("split_rev", &[string, "delimiter: char", "Array"], about)
        .set_into_module(module, |text: &mut ImmutableString, delimiter: char| {
            pieces(text.rsplit(delimiter))
        });
    let about = "The pieces between the delimiters, from the end, the last with all that remains.";
    global("split_rev", &[string, "delimiter: &str", "segments: i64", "Array"], about)
        .set_into_module(module, |text: &mut ImmutableString, delimiter: &str, segments: i64| {
            pieces(text.rsplitn(at_least_one(segments), delimiter))
        });
    global("split_rev", &[string, "delimiter: char", "segments: i64", "Array"], about)
        .set_into_module(module, |text: &mut ImmutableString, delimiter: char, segments: i64| {
            pieces(text.rsplitn(at_least_one(segments), delimiter))
        });
}

fn at_least_one(segments: i64) -> usize {
    usize::try_from(segments).unwrap_or(1).max(1)
}

fn pieces<'a>(pieces: impl Iterator<Item = &'a str>) -> Native<Array> {
    let mut toll = Toll::default();
    let mut array = Array::new();
    for piece in pieces {
        if array.len() == array.capacity() {
            budget::charge(array.len().saturating_mul(2 * size_of::<Dynamic>()))?;
        }
        array.push(ImmutableString::from(piece).into());
        toll.pay(piece.len() + STRING_BYTES)?;
    }
    Ok(array)
}
