//! `time::`, moments in UTC.
//!
//! A moment `t` is an RFC 3339 string or seconds since 1970 (integer or float). What is made of a
//! moment has the kind of the moment: `add` of a string is a string, of a number a number. `parse`
//! turns a string into whole seconds, with which people calculate.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rhai::{Dynamic, ImmutableString, Module};

use super::define::{native, quoted, refusal, words};
use crate::script::{Native, duration::parse_duration, effect};

/// The most bytes of a format.
const MOST_FORMAT: usize = 1024;

/// The functions of `time::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let m = &mut module;
    native("now", &["String"], "The time as RFC 3339 in UTC, to the millisecond.")
        .set_into_module(m, || format!("{:.3}", now()));
    native("unix", &["i64"], "The time in whole seconds since 1970.")
        .set_into_module(m, || now().as_second());
    native("format", &["format: &str", "String"], "The time in a format as in strftime, in UTC.")
        .set_into_module(m, |format: &str| formatted(now(), format));
    native(
        "format",
        &["t: Dynamic", "format: &str", "String"],
        "A moment (RFC 3339 or seconds since 1970) in a format as in strftime, in UTC.",
    )
    .set_into_module(m, |t: Dynamic, format: &str| -> Native<String> {
        formatted(moment("time::format", &t)?, format)
    });
    native("parse", &["s: &str", "i64"], "The whole seconds since 1970 of an RFC 3339 time.")
        .set_into_module(m, |text: &str| -> Native<i64> {
            Ok(rfc3339("time::parse", text)?.as_second())
        });
    native(
        "add",
        &["t: Dynamic", "duration: &str", "Dynamic"],
        "A moment moved by a duration such as \"5m\", \"1h30m\" or \"-1d\"; of the kind of the moment.",
    )
    .set_into_module(m, |t: Dynamic, duration: &str| add(&t, duration));
    module
}

fn now() -> Timestamp {
    effect::note();
    Timestamp::now()
}

fn rfc3339(function: &str, text: &str) -> Native<Timestamp> {
    text.parse().map_err(|_| {
        refusal(format!(
            "`{function}`: {} is not RFC 3339, such as 2026-11-23T10:00:00Z",
            quoted(text)
        ))
    })
}

fn moment(function: &str, t: &Dynamic) -> Native<Timestamp> {
    if let Some(text) = t.read_lock::<ImmutableString>() {
        return rfc3339(function, &text);
    }
    let found = match (t.as_int(), t.as_float()) {
        (Ok(seconds), _) => Timestamp::from_second(seconds).ok(),
        (_, Ok(seconds)) => SignedDuration::try_from_secs_f64(seconds)
            .ok()
            .and_then(|since| Timestamp::from_duration(since).ok()),
        _ => {
            return Err(refusal(format!(
                "`{function}` takes a time as an RFC 3339 string or seconds since 1970, not {}",
                words(t.type_name())
            )));
        }
    };
    found.ok_or_else(|| {
        refusal(format!("`{function}`: {t} seconds since 1970 is out of the range of times"))
    })
}

fn formatted(t: Timestamp, format: &str) -> Native<String> {
    if format.len() > MOST_FORMAT {
        return Err(refusal(format!("`time::format`: a format has at most {MOST_FORMAT} bytes")));
    }
    jiff::fmt::strtime::format(format, &t.to_zoned_datetime(TimeZone::UTC))
        .map_err(|error| refusal(format!("`time::format`: {}: {error}", quoted(format))))
}

fn add(t: &Dynamic, text: &str) -> Native<Dynamic> {
    let from = moment("time::add", t)?;
    let (sign, plain) = text.strip_prefix('-').map_or((1, text), |plain| (-1, plain));
    let by = parse_duration(plain).and_then(|by| SignedDuration::try_from(by).ok());
    let by = by.ok_or_else(|| {
        refusal(format!(
            "`time::add`: {} is not a duration, such as \"5m\", \"1h30m\" or \"-1d\"",
            quoted(text)
        ))
    })?;
    let moved = from
        .checked_add(by * sign)
        .map_err(|_| refusal("`time::add`: the sum is out of the range of times"))?;
    if t.is_int() {
        return Ok(Dynamic::from_int(moved.as_second()));
    }
    if t.is_float() {
        return Ok(Dynamic::from_float(moved.as_duration().as_secs_f64()));
    }
    Ok(ImmutableString::from(moved.to_string()).into())
}

#[cfg(test)]
mod tests {
    use crate::host::testing::{eval, refused};

    #[test]
    fn moments_are_formatted_parsed_and_moved() {
        for (script, wanted) in [
            (r#"time::format(0, "%Y-%m-%d %H:%M:%S")"#, "1970-01-01 00:00:00"),
            (r#"time::format("2026-11-23T10:00:00+01:00", "%H:%M %a")"#, "09:00 Mon"),
            (r#"time::parse("1970-01-01T00:01:00.9Z")"#, "60"),
            (r#"time::add("2026-11-23T10:00:00Z", "1h30m")"#, "2026-11-23T11:30:00Z"),
            (r#"time::add(60, "-1m")"#, "0"),
            (r#"time::add(0.5, "2s")"#, "2.5"),
            (r"time::parse(time::now()) - time::unix() in -1..=1", "true"),
            (r#"time::format("%Y").len()"#, "4"),
            (r"time::now().len()", "24"),
        ] {
            assert_eq!(eval(script).to_string(), wanted, "{script}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused_in_words() {
        for (script, message) in [
            (
                r#"time::parse("yesterday")"#,
                "`time::parse`: \"yesterday\" is not RFC 3339, such as 2026-11-23T10:00:00Z",
            ),
            (
                r#"time::add(0, "5 minutes")"#,
                "`time::add`: \"5 minutes\" is not a duration, such as \"5m\", \"1h30m\" or \"-1d\"",
            ),
            (
                r#"time::format([], "%Y")"#,
                "`time::format` takes a time as an RFC 3339 string or seconds since 1970, not an array",
            ),
            (
                r#"time::format(9e300, "%Y")"#,
                "`time::format`: 9e300 seconds since 1970 is out of the range of times",
            ),
            (
                r#"time::add(9223372036854775807, "1d")"#,
                "`time::add`: 9223372036854775807 seconds since 1970 is out of the range of times",
            ),
            (
                r#"time::add(253402207200, "100w")"#,
                "`time::add`: the sum is out of the range of times",
            ),
        ] {
            assert_eq!(refused(script), message, "{script}");
        }
        assert!(refused(r#"time::format(0, "%!")"#).starts_with("`time::format`: \"%!\": "));
        assert!(refused(r#"time::format(0, "%Y".repeat(1000))"#).contains("at most 1024 bytes"));
    }
}
