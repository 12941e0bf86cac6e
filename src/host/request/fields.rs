//! Names with values: the query, a form, cookies, parameters of the path.

use http::{HeaderMap, header};
use percent_encoding::{percent_decode, percent_decode_str};
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

/// Whether an urlencoded query, form or cookie is UTF-8 when it is decoded. What separates its parts is ASCII,
/// so each part is then too.
pub(crate) fn is_utf8(encoded: &[u8]) -> bool {
    percent_decode(encoded).decode_utf8().is_ok()
}

/// Whether anything that a name has in a query is not UTF-8.
pub(crate) fn is_broken_in_query(query: &str, name: &str) -> bool {
    let pairs = query.split('&').filter(|pair| !is_utf8(pair.as_bytes()));
    pairs.flat_map(|pair| form_urlencoded::parse(pair.as_bytes())).any(|(there, _)| there == name)
}

/// Whether a cookie's value is not UTF-8.
pub(crate) fn is_broken_in_cookies(headers: &HeaderMap, name: &str) -> bool {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let first = pairs.find(|pair| {
        let there = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        there.trim_ascii() == name.as_bytes()
    });
    first.is_some_and(|pair| !is_utf8(pair))
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
    if !is_encoded(query.as_bytes()) {
        let mut rest = if name.contains('=') { "" } else { query };
        while !rest.is_empty() {
            let end = rest.bytes().position(|byte| byte == b'&').unwrap_or(rest.len());
            let (pair, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            match pair.strip_prefix(name) {
                Some(value) if value.starts_with('=') || (value.is_empty() && !pair.is_empty()) => {
                    add(value.get(1..).unwrap_or_default().into());
                }
                _ => {}
            }
        }
        return found;
    }
    for (there, value) in form_urlencoded::parse(query.as_bytes()) {
        if there == name {
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

#[cfg(test)]
mod tests {
    use rhai::Dynamic;

    use super::{of_query, urlencoded};

    #[test]
    fn one_name_of_a_query_is_what_the_whole_query_has_there() {
        let queries = [
            "",
            "a",
            "a=",
            "a=1",
            "=1",
            "a=1&b=2",
            "ab=1&a=2",
            "a=1&a=2&a",
            "&&a=1&",
            "a==1",
            "a=b=c",
            "a%3Db=1",
            "a+b=1&a=+",
            "%61=1&a=2",
            "b=%zz&a=1",
            "a=1;b=2",
        ];
        for query in queries {
            for name in ["", "a", "b", "ab", "a=b", "a b", "a&b", "=", "a="] {
                let mut whole = urlencoded(query.as_bytes());
                let expected = whole.remove(name).unwrap_or(Dynamic::UNIT);
                let found = of_query(query, name);
                assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{query:?} {name:?}");
            }
        }
    }
}
