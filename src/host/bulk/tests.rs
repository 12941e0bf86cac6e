use std::time::Duration;

use crate::host::testing::{Trial, eval, outgrown, overrun, refused};

#[test]
fn the_overridden_natives_do_what_rhais_do() {
    for (script, wanted) in [
        (r#"let s = "ab"; s.pad(5, 'x'); s"#, "abxxx"),
        (r#"let s = "é"; s.pad(4, "12"); s"#, "é121"),
        (r#"let s = "ab"; s.pad(-1, 'x'); s.pad(9, ""); s"#, "ab"),
        (r#""a,b,c".split(",").len + "a b  c".split().len + "a,b,c".split(',', 2)[1]"#, "6b,c"),
        (r#""a,b,c".split_rev(",")[0] + "a,b,c".split_rev(",", 2)[1]"#, "ca,b"),
        (r#""ab".split(1)[0]"#, "a"),
        (r#""aé".to_chars()[1]"#, "é"),
        (r#""aé".to_upper() + "É".to_lower()"#, "AÉé"),
        (r#"let s = "a"; s.make_upper(); s"#, "A"),
        (r#"let n = ""; for c in "héy" { n += c + "." } n"#, "h.é.y."),
        (r#"let n = ""; for c in "héy".chars(1, 1) { n += c } n"#, "é"),
        (r#"let n = ""; for c in "héy".chars(-2) { n += c } n"#, "éy"),
        (r#"let n = ""; for c in "héy".chars(1..=2) { n += c } n"#, "éy"),
        (r#"let n = ""; for c in "héy".chars { n += c } n"#, "héy"),
        ("let a = [1]; a.pad(3, [2]); a", "[1, [2], [2]]"),
        ("[1, 2, 2.0, 1].contains(2) && !([1].contains(\"1\"))", "true"),
        ("2 in [1, 2]", "true"),
        ("[1, 2, 1].index_of(1, 1) + [1, 2, 1].index_of(1, -3) + [].index_of(1)", "1"),
        ("[1, 2, 3].index_of(|x| x > 1)", "1"),
        ("let a = [1, 1, 2, 1]; a.dedup(); a", "[1, 2, 1]"),
        ("[1, [2, #{ a: 3.0 }]] == [1, [2, #{ a: 3 }]]", "true"),
        ("[1, 'a', (), true] != [1, 'a', (), false]", "true"),
        (
            "#{ a: 1 } == #{ b: 1 } || [1] == [1, 2] || [[1]] == [1] || #{ a: #{} } == #{ a: [] }",
            "false",
        ),
        ("[blob(2, 1)] == [blob(2, 1)]", "true"),
        ("[3, 1, 2].sort()", "[1, 2, 3]"),
        ("[3, 1.5, 2].sort_desc()", "[3, 2, 1.5]"),
        (r#"["b", "a"].sort()"#, r#"["a", "b"]"#),
        ("[3, 1, 2].sort(|a, b| b - a)", "[3, 2, 1]"),
        ("[3, 1, 2].sort_by(|a, b| a < b)", "[1, 2, 3]"),
        ("[3, 1, 2].sort(|a, b| a.to_float() - b)", "[1, 2, 3]"),
        ("fn by(a, b) { b - a } [1, 2].sort(by) + [1, 2].sort(\"by\")", "[2, 1, 2, 1]"),
        (
            "let a = [2, 1]; let b = a.order(); let c = a.order_by(|x, y| y - x); a + b + c",
            "[2, 1, 1, 2, 2, 1]",
        ),
        ("[2, 1].order_desc() + [2, 1].reverse()", "[2, 1, 1, 2]"),
        ("[].sort()", "[]"),
        ("blob(3, 257) == blob(3, 1)", "true"),
        ("let b = blob(1); b.pad(2, 255); b.to_array()", "[0, 255]"),
        (r#""hé".to_blob().as_string()"#, "hé"),
        (
            r#"let x = #{ a: [1, "q\"", 'c', ()], f: |x| x }; `${x}`"#,
            r#"#{"a": [1, "q\"", c, ()], "f": Fn}"#,
        ),
        ("[blob(5)].to_string()", "[<blob of 5 bytes>]"),
        (r#""a\n".to_debug()"#, r#""a\n""#),
        (r#"Fn("foo").to_string()"#, "Fn(foo)"),
        (r#"`${()}${1.0}${"a"}${'b'}${true}`"#, "1.0abtrue"),
    ] {
        let value = eval(script);
        let text = crate::host::text::display(&value, 1000);
        assert_eq!(text, wanted, "{script}");
    }
}

#[test]
fn what_cannot_be_sorted_is_refused_in_words() {
    for (script, message) in [
        (
            "[1, \"a\"].sort()",
            "`sort` cannot tell which comes first, an integer or a string: give it a closure, such as |a, b| a.name < b.name",
        ),
        (
            "[#{}, #{}].sort()",
            "`sort` knows no order of a map and a map: give it a closure, such as |a, b| a.name < b.name",
        ),
        ("[1, 2].sort(|a, b| throw \"no\")", "no"),
        (
            "[1, 2].sort(|a, b| ())",
            "`sort`: the closure answered null; it answers a number (negative if a comes first) or a bool (true if a comes first)",
        ),
    ] {
        assert_eq!(refused(script), message, "{script}");
    }
}

#[test]
fn a_comparing_closure_that_lies_loses_no_element() {
    let script = "let n = 0; let a = []; for i in 0..500 { a.push(i) } \
                  a.sort(|a, b| { n += 7919; n % 3 - 1 }); a.sort(); a == a.order() && a.len == 500 && a[499] == 499";
    assert_eq!(eval(script).as_bool(), Ok(true));
}

#[test]
fn what_grows_beyond_the_budget_is_stopped() {
    for script in [
        r#"let s = "a"; s.pad(9223372036854775807, 'x')"#,
        r#"let s = "a"; s.pad(100000000, "é")"#,
        "let a = []; a.pad(9223372036854775807, 1)",
        "let a = []; a.pad(100000, 1); let b = []; b.pad(100000, a)",
        "blob(9223372036854775807)",
        "blob(100000000, 1)",
        "let b = blob(); b.pad(100000000, 1)",
        "blob(60000000).to_array()",
        "blob(60000000, 255).as_string()",
        r#"let s = "a".repeat(1000000); s.replace("a", s)"#,
        r#"let s = "a".repeat(1000000); s.replace("", s)"#,
        r#"let s = "a".repeat(30000000); s.split("a")"#,
        r#"let s = "a".repeat(30000000); s.split('a')"#,
        r#"let s = "a".repeat(30000000); s.split_rev("a")"#,
        r#"let s = "a ".repeat(15000000); s.split()"#,
        r#"let s = "a".repeat(30000000); s.to_chars()"#,
        r#"let s = "a".repeat(50000000); s.to_upper()"#,
        r#"let s = "a".repeat(50000000); s.to_debug()"#,
        r#"let s = "x".repeat(1000000); let a = []; a.pad(1000, s); a.to_string()"#,
        r#"let s = "x".repeat(1000000); let a = []; a.pad(1000, s); `${a}`"#,
        r#"let s = "x".repeat(1000000); let a = []; a.pad(1000, s); #{ a: a }.to_string()"#,
        r#"let s = "x".repeat(1000000); let a = []; a.pad(1000, s); json::stringify(a)"#,
        r#"let s = "x".repeat(1000000); let a = []; a.pad(1000, s); state::set("k", a)"#,
        r#"let s = "x".repeat(60000000); url::encode(s + "é")"#,
        r#"let s = "x".repeat(60000000); base64::encode(s)"#,
        "let a = [1]; loop { a += a }",
        "let s = \"a\"; loop { s += s }",
    ] {
        outgrown(script);
    }
}

#[test]
fn what_works_for_long_is_stopped() {
    let pair = r#"let s = "x".repeat(1000000); let t = "x".repeat(1000000); let a = []; a.pad(100000, s); let b = []; b.pad(100000, t);"#;
    for script in [
        format!("{pair} a == b"),
        format!("{pair} a != b"),
        format!("{pair} #{{ a: a }} == #{{ a: b }}"),
        format!("{pair} a.contains(t + \"y\"); a.contains(\"y\" + t.sub_string(1)); a == b"),
        format!(
            "{pair} for i in 0..a.len {{ a[i] = if i % 2 == 0 {{ s }} else {{ t }} }} a.dedup()"
        ),
        format!("{pair} for i in 0..a.len {{ if i % 2 == 0 {{ a[i] = t }} }} a.sort()"),
        "let a = []; a.pad(1000000, 1); try { a.sort(|x, y| { loop {} }) } catch { } 1".to_owned(),
        "let a = []; a.pad(100, 1); a.for_each(|x| { loop {} })".to_owned(),
        "let a = []; a.pad(100, 1); a.dedup(|x, y| { loop {} })".to_owned(),
        "for i in 0..9223372036854775807 { }".to_owned(),
        "for i in range(0, 9223372036854775807, 1) { }".to_owned(),
        "for i in range(0.0, 1e300, 1e-300) { }".to_owned(),
        "loop { try { loop { } } catch { } }".to_owned(),
    ] {
        overrun(&script);
    }
}

#[test]
fn a_value_that_holds_itself_is_harmless() {
    let own = "let a = #{ x: [1] }; a.f = || a;";
    for script in [
        format!("{own} print(a); debug(a); `${{a}}`.len > 0"),
        format!("{own} [a].to_string().len > 0"),
        format!("{own} a.f.to_debug().len > 0"),
        format!("{own} print(a.f); true"),
        format!("{own} [a, a].join().len > 0"),
        format!("{own} log::info(a, #{{ a: a }}); true"),
        format!("{own} let b = a; let c = [a, a]; c.len == 2"),
        format!("{own} try {{ a == a }} catch {{ true }}"),
        format!("{own} try {{ [a].contains(a) }} catch {{ true }}"),
        format!("{own} try {{ [a, a].sort() }} catch {{ true }}"),
        format!("{own} try {{ json::stringify(a) }} catch {{ true }}"),
        format!("{own} try {{ state::set(\"k\", a) }} catch {{ true }}"),
        format!("{own} try {{ throw a }} catch (e) {{ true }}"),
        format!("{own} a.is_shared() || true"),
        format!("{own} a.tag == 0"),
        format!("{own} switch a {{ 1 => false, _ => true }}"),
        format!("{own} switch [a] {{ [1] => false, _ => true }}"),
        format!("{own} try {{ a.to_json() }} catch {{ true }}"),
        format!("{own} let b = [a, 1]; b.dedup(); true"),
        format!("{own} try {{ a.keys().len + a.values().len }} catch {{ 1 }}"),
        format!("{own} (a + a).len() > 0"),
    ] {
        let result = Trial::default().run(&script).map(|_| ());
        assert!(result.is_ok(), "{script}: {result:?}");
    }
}

#[test]
fn deep_values_are_dropped_copied_and_shown_without_harm() {
    for script in [
        "let a = [1]; for i in 0..300000 { a.push([a.pop()]); } a.len == 1",
        "let a = [1]; for i in 0..300000 { a.push([a.pop()]); } let b = a; b.len == 1",
        "let a = [1]; for i in 0..300000 { a.push([a.pop()]); } `${a}`.len > 0",
        "let a = [1]; for i in 0..300000 { a.push([a.pop()]); } let b = a; try { a == b } catch { true }",
        "let a = [1]; for i in 0..300000 { a.push([a.pop()]); } try { json::stringify(a) } catch { true }",
        "let m = #{ a: 1 }; for i in 0..100000 { m.a = #{ a: m.remove(\"a\") }; } m.len == 1",
        "let f = || 1; for i in 0..60000 { let g = f; f = || g; } true",
    ] {
        let result =
            Trial { time: Duration::from_secs(3), ..Trial::default() }.run(script).map(|_| ());
        assert!(
            result.is_ok() || result.as_ref().is_err_and(|failure| failure.spent.is_some()),
            "{script}"
        );
    }
}
