//! Names with values: the query, a form, cookies, parameters of the path.

use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use rhai::{Array, Dynamic, Map};

/// Names that occur once; of several the first counts.
pub(super) fn single<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Dynamic {
    let mut map = Map::new();
    for (name, value) in fields {
        map.entry(name.into()).or_insert_with(|| value.into());
    }
    Dynamic::from_map(map)
}

/// An urlencoded query or form: strings, and arrays of strings for names given several times.
pub(crate) fn urlencoded(bytes: &[u8]) -> Map {
    grouped(form_urlencoded::parse(bytes).map(|(name, value)| (name, value.as_ref().into())))
}

/// What one name has in a query, as in [`urlencoded`]; unit if nothing.
pub(super) fn of_query(query: &str, name: &str) -> Dynamic {
    let mut found = Dynamic::UNIT;
    let mut add = |value: Dynamic| {
        if let Some(mut values) = found.write_lock::<Array>() {
            values.push(value);
            return;
        }
        found = match std::mem::take(&mut found) {
            first if first.is_unit() => value,
            first => Dynamic::from_array(vec![first, value]),
        };
    };
    // Bytes, because a search in a text costs more than such short pieces are worth.
    for pair in query.as_bytes().split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (there, value) = pair.split_at(end);
        let has_other_name = !is_encoded(there) && there != name.as_bytes();
        if has_other_name {
            continue;
        }
        if !is_encoded(pair) {
            add(String::from_utf8_lossy(value.get(1..).unwrap_or_default()).as_ref().into());
        } else if let Some((there, value)) = form_urlencoded::parse(pair).next()
            && there == name
        {
            add(value.as_ref().into());
        }
    }
    found
}

/// Whether a part of a query is not what it stands for.
fn is_encoded(part: &[u8]) -> bool {
    part.iter().any(|byte| matches!(byte, b'%' | b'+'))
}

/// Values by name; those of a name that is given several times are an array.
pub(super) fn grouped<N: AsRef<str>>(fields: impl Iterator<Item = (N, Dynamic)>) -> Map {
    let mut map = Map::new();
    for (name, value) in fields {
        let name = name.as_ref();
        let Some(earlier) = map.get_mut(name) else {
            map.insert(name.into(), value);
            continue;
        };
        if let Some(mut array) = earlier.write_lock::<Array>() {
            array.push(value);
            continue;
        }
        let first = std::mem::take(earlier);
        *earlier = Dynamic::from_array(vec![first, value]);
    }
    map
}

/// The cookies of a request, decoded; of several with one name the first counts.
pub(crate) fn cookies(headers: &HeaderMap) -> Dynamic {
    let mut map = Map::new();
    for line in headers.get_all(header::COOKIE) {
        let line = String::from_utf8_lossy(line.as_bytes());
        for pair in line.split(';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value = value.trim();
            let value =
                value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            let value = percent_decode_str(value).decode_utf8_lossy();
            map.entry(name.trim().into()).or_insert_with(|| value.into_owned().into());
        }
    }
    Dynamic::from_map(map)
}
