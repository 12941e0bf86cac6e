//! `json::`, and the two functions for JSON that Rhai brings along.

use rhai::{Dynamic, Map, Module};

use super::define::{global, native, refusal};
use crate::script::{
    Native, budget,
    json::{parse, write, write_pretty},
};

/// The most bytes that `stringify` makes.
const MOST_BYTES: usize = 64 << 20;

/// The functions of `json::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let m = &mut module;
    native("parse", &["text: &str", "Dynamic"], "The value of a JSON text.")
        .set_into_module(m, |text: &str| parsed("json::parse", text));
    native("stringify", &["value: Dynamic", "String"], "A value as JSON.")
        .set_into_module(m, |value: Dynamic| stringified("json::stringify", &value, false));
    native(
        "stringify",
        &["value: Dynamic", "pretty: bool", "String"],
        "A value as JSON, over several lines if pretty.",
    )
    .set_into_module(m, |value: Dynamic, pretty: bool| {
        stringified("json::stringify", &value, pretty)
    });
    module
}

/// Replaces Rhai's own JSON, which overflows the stack on a value that holds itself.
pub(crate) fn register(module: &mut Module) {
    global("to_json", &["map: &mut Map", "String"], "The map as JSON.").set_into_module(
        module,
        |map: &mut Map| {
            let value = Dynamic::from_map(std::mem::take(map));
            let json = stringified("to_json", &value, false);
            *map = value.try_cast().unwrap_or_default();
            json
        },
    );
    global("parse_json", &["text: &str", "Dynamic"], "The value of a JSON text.")
        .set_into_module(module, |text: &str| parsed("parse_json", text));
}

fn parsed(function: &str, text: &str) -> Native<Dynamic> {
    parse(text.as_bytes()).or_else(|error| {
        budget::check()?;
        Err(refusal(format!("`{function}`: {error}")))
    })
}

fn stringified(function: &str, value: &Dynamic, pretty: bool) -> Native<String> {
    let mut out = Vec::new();
    let written = if pretty {
        write_pretty(value, &mut out, MOST_BYTES)
    } else {
        write(value, &mut out, MOST_BYTES)
    };
    budget::check()?;
    written.map_err(|error| refusal(format!("`{function}`: {error}")))?;
    String::from_utf8(out).map_err(|_| refusal(format!("`{function}`: not UTF-8")))
}

#[cfg(test)]
mod tests {
    use crate::host::testing::{eval, refused};

    #[test]
    fn values_go_to_json_and_back() {
        for (script, wanted) in [
            (r"json::stringify(#{ a: [1, 2.5, ()] })", r#"{"a":[1,2.5,null]}"#),
            (r"json::stringify([1], true)", "[\n  1\n]"),
            (r#"json::parse("{\"a\":[1,true]}").a[1]"#, "true"),
            (r#"parse_json("[1, 2]").len"#, "2"),
            (r"let m = #{ a: 1 }; m.to_json() + m.a", r#"{"a":1}1"#),
        ] {
            assert_eq!(eval(script).to_string(), wanted, "{script}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (script, message) in [
            (r#"json::parse("{\n]")"#, "`json::parse`: key must be a string at line 2 column 1"),
            (
                r"json::stringify(#{ f: || 1 })",
                "`json::stringify`: `$.f` is a function, which has no JSON form",
            ),
            (
                r"#{ b: blob(1) }.to_json()",
                "`to_json`: `$.b` is a blob, which has no JSON form: use base64::encode",
            ),
        ] {
            assert_eq!(refused(script), message, "{script}");
        }
    }

    #[test]
    fn a_value_that_holds_itself_is_refused() {
        let message = refused("let a = #{}; a.f = || a; json::stringify(a)");
        assert!(message.contains("is a function"), "{message}");
        let message = refused("let a = #{ x: 1 }; let f = || a; a.f = f; a.to_json()");
        assert!(message.contains("is a function"), "{message}");
    }
}
