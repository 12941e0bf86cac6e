use std::time::Duration;

use rhai::{Dynamic, Engine};

use super::*;

fn json(script: &str) -> Result<String, Unserializable> {
    written(&Engine::new().eval::<Dynamic>(script).unwrap(), 1 << 20)
}

fn written(value: &Dynamic, most: usize) -> Result<String, Unserializable> {
    let mut out = Vec::new();
    write(value, &mut out, most)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn every_json_type_is_written() {
    let script =
        r#"#{ b: [true, false, ()], a: #{ n: -5, f: 1.0, g: 2.5e300 }, c: 'é', "x y": "z" }"#;
    let wanted = r#"{"a":{"f":1.0,"g":2.5e+300,"n":-5},"b":[true,false,null],"c":"é","x y":"z"}"#;
    assert_eq!(json(script).unwrap(), wanted);
    assert_eq!(json("[]").unwrap(), "[]");
    assert_eq!(json("#{}").unwrap(), "{}");
}

#[test]
fn strings_are_escaped_as_serde_json_does() {
    for text in ["", "plain", "a\"b\\c\nd\te\r\u{8}\u{c}\u{1}\u{1f}\u{7f}", "\u{2028}😀\"", "\"\""]
    {
        let ours = written(&Dynamic::from(text), 100).unwrap();
        assert_eq!(ours, serde_json::to_string(text).unwrap());
    }
}

#[test]
fn an_escape_is_found_at_any_place_of_a_string() {
    for length in 0..20 {
        for place in 0..length {
            for byte in 0..=0x7f_u8 {
                let mut bytes = vec![b'~'; length];
                bytes[place] = byte;
                let text = String::from_utf8(bytes).unwrap();
                let ours = written(&Dynamic::from(text.clone()), 1000).unwrap();
                assert_eq!(ours, serde_json::to_string(&text).unwrap());
            }
        }
    }
}

#[test]
fn what_is_not_finite_becomes_null() {
    let value = Dynamic::from_array(vec![f64::NAN.into(), f64::INFINITY.into(), (-0.0).into()]);
    assert_eq!(written(&value, 100).unwrap(), "[null,null,-0.0]");
}

#[test]
fn what_has_no_json_form_is_named_by_its_path() {
    for (script, message) in [
        (
            "#{ items: [1, 2, 3, #{ f: |x| x }] }",
            "`$.items[3].f` is a function, which has no JSON form",
        ),
        (
            "#{ \"a b\": blob(3) }",
            "`$[\"a b\"]` is a blob, which has no JSON form: use base64::encode",
        ),
        ("[timestamp()]", "`$[0]` is a timestamp, which has no JSON form: use time::now()"),
        ("0..5", "`$` is of type Range, which has no JSON form"),
    ] {
        let value = Engine::new().eval::<Dynamic>(script).unwrap();
        let error = written(&value, 100).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(to_value(&value).unwrap_err(), error);
    }
}

#[test]
fn a_value_that_holds_itself_is_an_error() {
    let mut map = rhai::Map::new();
    map.insert("x".into(), Dynamic::ONE);
    let shared = Dynamic::from_map(map).into_shared();
    let inside = shared.clone();
    shared.clone().write_lock::<rhai::Map>().unwrap().insert("me".into(), inside);
    let error = written(&shared, 1 << 20).unwrap_err();
    assert_eq!(error.why, Why::Depth);
    assert_eq!(error.path, "$.me.me.me.me.me.me.me.me…");
    assert_eq!(to_value(&shared).unwrap_err(), error);
    shared.clone().write_lock::<rhai::Map>().unwrap().clear();
}

#[test]
fn a_shared_value_is_written_as_what_it_holds() {
    let array = Dynamic::from_array(vec![Dynamic::from("a").into_shared(), Dynamic::ONE]);
    assert_eq!(written(&array.into_shared(), 100).unwrap(), r#"["a",1]"#);
}

#[test]
fn depth_and_size_are_limited() {
    let nested = |levels: usize| (0..levels).fold(Dynamic::ONE, |inner, _| vec![inner].into());
    assert!(written(&nested(MOST_DEPTH), 1000).is_ok());
    assert_eq!(written(&nested(MOST_DEPTH + 1), 1000).unwrap_err().why, Why::Depth);
    assert_eq!(written(&Dynamic::from("123456789"), 10).unwrap_err().why, Why::Size(10));
    assert!(written(&Dynamic::from("12345678"), 10).is_ok());
    let many = Dynamic::from_array(vec!["x".repeat(1000).into(); 1000]);
    assert_eq!(written(&many, 5000).unwrap_err().path, "$[4]");
}

#[test]
fn the_hosts_own_types_take_the_form_that_the_hook_gives() {
    let own = Dynamic::from_array(vec![Dynamic::from(Duration::from_secs(3))]);
    let mut out = Vec::new();
    let hook: Hook = |value| {
        let duration = value.read_lock::<Duration>()?;
        Some(Dynamic::from_float(duration.as_secs_f64()))
    };
    write_with(&own, &mut out, 100, hook).unwrap();
    assert_eq!(out, b"[3.0]");
    let mut out = Vec::new();
    let endless: Hook = |value| Some(value.clone());
    assert_eq!(write_with(&own, &mut out, 100, endless).unwrap_err().why, Why::Depth);
}

#[test]
fn the_pretty_form_has_a_line_for_each_item() {
    let value = parse(br#"{"a":[1,{}],"b":[]}"#).unwrap();
    let mut out = Vec::new();
    write_pretty(&value, &mut out, 1000).unwrap();
    let wanted = serde_json::to_string_pretty(&to_value(&value).unwrap()).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
}

#[test]
fn json_is_read_into_script_values() {
    let value = parse(br#" {"a":[1,-2,1.5,18446744073709551615,"x\u00e9",null,true],"a\n":{}} "#);
    let value = value.unwrap();
    let wanted = r#"{"a":[1,-2,1.5,1.8446744073709552e+19,"xé",null,true],"a\n":{}}"#;
    assert_eq!(written(&value, 1000).unwrap(), wanted);
    assert!(
        value.read_lock::<rhai::Map>().unwrap()["a"].read_lock::<rhai::Array>().unwrap()[0]
            .is_int()
    );
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let refused = |text: &[u8]| parse(text).unwrap_err();
    assert_eq!(
        refused(b"{\n  \"a\": 1,\n}"),
        ParseError { line: 3, column: 1, message: "trailing comma".into() }
    );
    assert_eq!(refused(b"").message, "EOF while parsing a value");
    assert_eq!(refused(b"1 2").message, "trailing characters");
    assert!(parse(b"\"\xff\"").is_err());
    assert!(parse(b"NaN").is_err());
    assert!(parse("[".repeat(100_000).as_bytes()).unwrap_err().message.contains("recursion limit"));
}

#[test]
fn values_survive_the_way_through_serde_json() {
    let text = r#"{"a":[1,1.0,null,true,"x"],"b":{"c":-9223372036854775808}}"#;
    let value = from_value(&to_value(&parse(text.as_bytes()).unwrap()).unwrap());
    assert_eq!(written(&value, 1000).unwrap(), text);
}

/// What the general parser makes of a text, and what is read without it.
fn both(text: &str) -> (Option<String>, Option<String>) {
    let shown = |value: Option<Dynamic>| value.map(|value| written(&value, 1 << 20).unwrap());
    let general = parse::read(serde_json::Deserializer::from_str(text)).ok();
    (shown(general), shown(quick::read(text)))
}

#[test]
fn what_is_read_without_the_general_parser_is_what_that_makes_of_it() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for text in [
        "0",
        "-0",
        "00",
        "-",
        "-1",
        "01",
        "1.",
        "1.5",
        "-1.5e-3",
        "1e400",
        "1E5",
        "+1",
        "--1",
        "1-1",
        "999999999999999999",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551616",
        "true",
        "tru",
        "falsey",
        "null",
        " \t\r\n1 ",
        "1 2",
        "",
        " ",
        "\u{feff}1",
        r#""""#,
        r#""a""#,
        r#""a"#,
        r#""\"#,
        r#""\"""#,
        r#""ab\ncd""#,
        r#""\u00e9\ud83d\ude00""#,
        r#""\ud83d""#,
        r#""\x""#,
        "\"a\nb\"",
        "\"\u{7f}é😀\"",
        "[]",
        "[ ]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "{}",
        "{ }",
        r#"{"a":1}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        r"{a:1}",
        r#"{"a\tb" : [ {} ]}"#,
        "]",
        "{]",
        &deep(60),
    ] {
        let (general, quick) = both(text);
        assert_eq!(general, quick, "{text}");
    }
    for levels in [126, 127, 128, 129, 100_000] {
        let text = deep(levels);
        let general = parse::read(serde_json::Deserializer::from_str(&text)).is_ok();
        assert_eq!(quick::read(&text).is_some(), general, "{levels} levels");
    }
}

#[test]
fn texts_that_are_almost_json_are_read_alike() {
    const PIECES: [&str; 24] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"bc\\n\"",
        "\"",
        "\\",
        "1",
        "-2",
        "0",
        "3.5",
        "e4",
        ".",
        "true",
        "null",
        "false",
        " ",
        "\n",
        "é",
        "\u{1}",
        "123456789012345678901",
    ];
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    for _ in 0..200_000 {
        let text: String = (0..draw(12)).map(|_| PIECES[draw(PIECES.len())]).collect();
        let (general, quick) = both(&text);
        assert_eq!(general, quick, "{text}");
    }
    let whole = r#"{"id":4711,"items":[{"sku":"SKU-001","qty":1,"tags":["a","t\u0031"]}],"x":-1.25e2,"y":null}"#;
    for _ in 0..50_000 {
        let mut text = whole.to_owned();
        let at = draw(text.len());
        match draw(3) {
            0 => drop(text.remove(at)),
            1 => text.insert_str(at, PIECES[draw(PIECES.len())]),
            _ => text.truncate(at),
        }
        let (general, quick) = both(&text);
        assert_eq!(general, quick, "{text}");
    }
}
