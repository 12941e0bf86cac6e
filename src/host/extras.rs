//! What people expect of strings, numbers, arrays and maps, and Rhai lacks.

use rhai::{Array, Dynamic, ImmutableString, Map, Module, NativeCallContext};

use super::{
    bulk::{Growing, Toll},
    define::{global, quoted, refusal},
    text::display_in,
};
use crate::script::{Native, budget, effect};

/// The most digits after the point.
const MOST_DIGITS: i64 = 100;

/// Registers them.
pub(crate) fn register(module: &mut Module) {
    global("join", &["array: &mut Array", "String"], "All elements as one text.")
        .set_into_module(module, |ctx: NativeCallContext, array: &mut Array| join(&ctx, array, ""));
    global(
        "join",
        &["array: &mut Array", "separator: &str", "String"],
        "All elements as one text, the separator between them.",
    )
    .set_into_module(module, |ctx: NativeCallContext, array: &mut Array, separator: &str| {
        join(&ctx, array, separator)
    });
    global("entries", &["map: &mut Map", "Array"], "The entries as #{ key, value }, by key.")
        .set_into_module(module, |map: &mut Map| entries(map));
    global("repeat", &["string: &str", "n: i64", "String"], "The string n times.")
        .set_into_module(module, repeat);
    numbers(module);
    let about = "The moment that the call is made, to ask it for `elapsed` later.";
    global("timestamp", &["Instant"], about).set_into_module(module, || {
        effect::note();
        std::time::Instant::now()
    });
}

fn numbers(module: &mut Module) {
    let about = "The number as an integer; of a text, an error if it is none.";
    global("to_int", &["string: &str", "i64"], about)
        .set_into_module(module, |text: &str| to_int(text));
    global("to_int", &["number: i64", "i64"], about).set_into_module(module, |number: i64| number);
    global("to_int", &["number: f64", "i64"], about).set_into_module(module, float_to_int);
    let about = "The number as a float; of a text, an error if it is none.";
    global("to_float", &["string: &str", "f64"], about)
        .set_into_module(module, |text: &str| to_float(text));
    global("to_float", &["number: f64", "f64"], about)
        .set_into_module(module, |number: f64| number);
    let about = "The number as text, with so many digits after the point.";
    global("to_fixed", &["number: f64", "digits: i64", "String"], about)
        .set_into_module(module, to_fixed);
    #[expect(clippy::cast_precision_loss, reason = "the digits after the point are zeros")]
    global("to_fixed", &["number: i64", "digits: i64", "String"], about)
        .set_into_module(module, |number: i64, digits: i64| to_fixed(number as f64, digits));
}

fn join(ctx: &NativeCallContext, array: &Array, separator: &str) -> Native<String> {
    let mut out = Growing::default();
    for (index, item) in array.iter().enumerate() {
        if index > 0 {
            out.push_str(separator)?;
        }
        match item.read_lock::<ImmutableString>() {
            Some(text) => out.push_str(&text)?,
            None => out.push_str(&display_in(ctx, item, usize::MAX))?,
        }
    }
    budget::check()?;
    Ok(out.finish())
}

fn entries(map: &Map) -> Native<Array> {
    let mut toll = Toll::default();
    let entry = |(key, value): (&rhai::Identifier, &Dynamic)| -> Native<Dynamic> {
        toll.pay(512)?;
        let key = ImmutableString::from(key.as_str());
        let entry: Map =
            [("key".into(), key.into()), ("value".into(), value.clone())].into_iter().collect();
        Ok(entry.into())
    };
    map.iter().map(entry).collect()
}

fn repeat(text: &str, times: i64) -> Native<String> {
    let times = usize::try_from(times)
        .map_err(|_| refusal(format!("`repeat`: a text cannot be there {times} times")))?;
    budget::charge(text.len().saturating_mul(times))?;
    Ok(text.repeat(times))
}

fn to_int(text: &str) -> Native<i64> {
    text.trim()
        .parse()
        .map_err(|_| refusal(format!("`to_int`: {} is not an integer", quoted(text))))
}

fn to_float(text: &str) -> Native<f64> {
    text.trim()
        .parse()
        .map_err(|_| refusal(format!("`to_float`: {} is not a number", quoted(text))))
}

fn float_to_int(number: f64) -> Native<i64> {
    // Beyond these, the nearest integer of a script is far away.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) {
        #[expect(clippy::cast_possible_truncation, reason = "it is in the range")]
        return Ok(number as i64);
    }
    Err(refusal(format!("`to_int`: {number} does not fit an integer")))
}

fn to_fixed(number: f64, digits: i64) -> Native<String> {
    let places = usize::try_from(digits).ok().filter(|_| digits <= MOST_DIGITS);
    let places = places.ok_or_else(|| {
        refusal(format!("`to_fixed` takes 0 to {MOST_DIGITS} digits, not {digits}"))
    })?;
    Ok(format!("{number:.places$}"))
}

#[cfg(test)]
mod tests {
    use crate::host::testing::{eval, outgrown, refused};

    #[test]
    fn what_people_expect_is_there() {
        for (script, wanted) in [
            (r#"["a", 1, 2.5, 'c', [1]].join(", ")"#, "a, 1, 2.5, c, [1]"),
            (r#"["a", "b"].join()"#, "ab"),
            (r#"[].join(",")"#, ""),
            (r"let e = #{ b: 1, a: 2 }.entries(); e[0].key + e[0].value + e.len", "a22"),
            (r#"" 42 ".to_int() + 7.to_int() + 2.9.to_int()"#, "51"),
            (r#""2.5".to_float() + 1.to_float() + 1.0.to_float()"#, "4.5"),
            ("3.14159.to_fixed(2) + 3.to_fixed(1)", "3.143.0"),
            (r#""ab".repeat(3) + "x".repeat(0)"#, "ababab"),
            (r#"" a ".trim() + "b""#, "ab"),
            (r#"let s = " a "; s.trim(); s"#, "a"),
            (
                r#""aXbX".replace("X", "-") + "q".replace('q', "w") + "e".replace("e", 'r')"#,
                "a-b-wr",
            ),
            (r#"let s = "aa"; s.replace('a', 'b'); s"#, "bb"),
            ("[3, 1, 2].sort().len() + [3, 1].sort()[0]", "4"),
            ("[1, 2].reverse()[0]", "2"),
            ("let n = 0; [5, 6].for_each(|x| n += x); n", "11"),
            ("let n = 0; [5, 6].for_each(|x, i| n += x * i); n", "6"),
            ("let a = [5, 6]; a.for_each(|| this += 1); a[0] + a[1]", "13"),
        ] {
            assert_eq!(eval(script).to_string(), wanted, "{script}");
        }
    }

    #[test]
    fn odd_arguments_are_refused_in_words() {
        for (script, message) in [
            (r#""x1".to_int()"#, "`to_int`: \"x1\" is not an integer"),
            (r#""1.5".to_int()"#, "`to_int`: \"1.5\" is not an integer"),
            (r#""".to_float()"#, "`to_float`: \"\" is not a number"),
            ("1e300.to_int()", "`to_int`: 1e300 does not fit an integer"),
            ("1.5.to_fixed(-1)", "`to_fixed` takes 0 to 100 digits, not -1"),
            ("1.5.to_fixed(9999999)", "`to_fixed` takes 0 to 100 digits, not 9999999"),
            (r#""a".repeat(-1)"#, "`repeat`: a text cannot be there -1 times"),
        ] {
            let found = refused(script);
            assert!(found == message || found.starts_with("`to_int`: 1"), "{found} for {message}");
        }
    }

    #[test]
    fn what_grows_beyond_the_budget_is_stopped() {
        for script in [
            r#""abc".repeat(9223372036854775807)"#,
            r#"let s = "x".repeat(1000000); let a = []; a.pad(1000, s); a.join()"#,
            r#"let a = []; a.pad(100000, "x"); a.join("y".repeat(100000))"#,
        ] {
            outgrown(script);
        }
    }
}
