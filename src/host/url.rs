//! `url::`.
//!
//! `encode` and `decode` are for one component, as `encodeURIComponent` is: a space is `%20`, and a
//! `+` stays one. `encode` of a map makes a query string, in which a space is `+`.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rhai::{Dynamic, ImmutableString, Map, Module};

use super::{
    define::{native, quoted, refusal},
    text,
};
use crate::script::{Native, budget};

/// What is encoded in a component: all but letters, digits and `- _ . ! ~ * ' ( )`.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The most bytes of a value in a query string.
const MOST_VALUE: usize = 1 << 20;

/// The functions of `url::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let m = &mut module;
    native("encode", &["text: &str", "String"], "A text as one component of a URL.")
        .set_into_module(m, |text: &str| -> Native<String> {
            budget::charge(text.len().saturating_mul(3))?;
            Ok(utf8_percent_encode(text, COMPONENT).to_string())
        });
    native(
        "encode",
        &["params: Map", "String"],
        "A map as a query string. An array gives its key several times, null not at all.",
    )
    .set_into_module(m, |params: Map| query(&params));
    native("decode", &["text: &str", "String"], "The text behind one component of a URL.")
        .set_into_module(m, decode);
    native(
        "parse",
        &["url: &str", "Map"],
        "The parts of a URL: scheme, host, port, path, query, fragment, and the query's params.",
    )
    .set_into_module(m, parse);
    module
}

fn query(params: &Map) -> Native<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in params {
        let many = value.read_lock::<rhai::Array>();
        let values = many.as_ref().map_or(std::slice::from_ref(value), |many| many.as_slice());
        for value in values.iter().filter(|value| !value.is_unit()) {
            let text = text::display(value, MOST_VALUE);
            budget::charge(text.len().saturating_mul(3))?;
            query.append_pair(key, &text);
            budget::check()?;
        }
    }
    Ok(query.finish())
}

fn decode(text: &str) -> Native<String> {
    budget::charge(text.len())?;
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded
        .map_err(|_| refusal(format!("`url::decode`: {} is not UTF-8 text", quoted(text))))?;
    Ok(decoded.into_owned())
}

fn parse(text: &str) -> Native<Map> {
    budget::charge(text.len().saturating_mul(8))?;
    let url = url::Url::parse(text).map_err(|error| {
        let mut message = format!("`url::parse`: {} is not a URL: {error}", quoted(text));
        if error == url::ParseError::RelativeUrlWithoutBase {
            write!(message, "; it begins with a scheme, such as https://").unwrap_or_default();
        }
        refusal(message)
    })?;
    let text = |part: Option<&str>| -> Dynamic {
        part.map_or(Dynamic::UNIT, |part| ImmutableString::from(part).into())
    };
    let mut params = Map::new();
    for (count, (key, value)) in url.query_pairs().enumerate() {
        if count % 256 == 255 {
            budget::check()?;
        }
        params.insert((&*key).into(), text(Some(&value)));
    }
    let port = url.port_or_known_default().map_or(Dynamic::UNIT, |port| i64::from(port).into());
    Ok([
        ("scheme", text(Some(url.scheme()))),
        ("host", text(url.host_str())),
        ("port", port),
        ("path", text(Some(url.path()))),
        ("query", text(url.query())),
        ("fragment", text(url.fragment())),
        ("params", params.into()),
    ]
    .into_iter()
    .map(|(key, value)| (key.into(), value))
    .collect())
}

#[cfg(test)]
mod tests {
    use crate::host::testing::{eval, refused};

    #[test]
    fn components_queries_and_parts() {
        for (script, wanted) in [
            (r#"url::encode("a b&c/é'")"#, "a%20b%26c%2F%C3%A9'"),
            (r#"url::decode("a%20b+c%C3%A9")"#, "a b+cé"),
            (
                r#"url::encode(#{ q: "a b", n: 5, tags: ["x", "y"], none: () })"#,
                "n=5&q=a+b&tags=x&tags=y",
            ),
            (r#"url::parse("https://x.org/a?b=c%20d&e#f").params.b"#, "c d"),
            (
                r#"let u = url::parse("http://h:81/p?q#f"); `${u.scheme} ${u.host} ${u.port} ${u.path} ${u.query} ${u.fragment}`"#,
                "http h 81 /p q f",
            ),
            (r#"url::parse("https://x.org").port"#, "443"),
            (r#"url::parse("mailto:a@b").host == ()"#, "true"),
        ] {
            assert_eq!(eval(script).to_string(), wanted, "{script}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        assert_eq!(refused(r#"url::decode("%ff")"#), "`url::decode`: \"%ff\" is not UTF-8 text");
        let message = refused(r#"url::parse("/only/a/path")"#);
        assert!(message.contains("begins with a scheme"), "{message}");
    }
}
