//! `limits::`, how often something may be done.
//!
//! What was counted belongs to the plugin and survives its reloads, as `state::` does.

use std::time::{Duration, Instant};

use rhai::{Dynamic, ImmutableString, Module};

use super::{
    current,
    define::{native, not_while_loading, refusal, words},
};
use crate::script::{Native, duration::parse_duration};

/// The most bytes of a key.
const MOST_KEY_BYTES: usize = 1024;

/// The most times, and the longest time, of a limit.
const MOST_TIMES: u32 = 1_000_000;
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

const NAME: &str = "limits::take";

/// The functions of `limits::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    native(
        "take",
        &["key: Dynamic", "n: Dynamic", "per: Dynamic", "bool"],
        "Counts one under a key; false, and nothing is counted, once there were n in the time `per`: seconds, or \"1m\".",
    )
    .set_into_module(&mut module, |key: Dynamic, n: Dynamic, per: Dynamic| take(&key, &n, &per));
    module
}

fn take(key: &Dynamic, n: &Dynamic, per: &Dynamic) -> Native<bool> {
    not_while_loading(NAME)?;
    let Some(key) = key.read_lock::<ImmutableString>() else {
        let kind = words(key.type_name());
        return Err(refusal(format!("`{NAME}` takes a string as key, not {kind}")));
    };
    if key.len() > MOST_KEY_BYTES {
        let length = key.len();
        return Err(refusal(format!(
            "`{NAME}`: a key has at most {MOST_KEY_BYTES} bytes, not {length}"
        )));
    }
    let times = n.as_int().ok().and_then(|n| u32::try_from(n).ok());
    let Some(times) = times.filter(|times| (1..=MOST_TIMES).contains(times)) else {
        let given = n.as_int().map_or(words(n.type_name()).to_owned(), |n| n.to_string());
        return Err(refusal(format!(
            "`{NAME}`: how often is a number from 1 to {MOST_TIMES}, not {given}"
        )));
    };
    let per = time(per).ok_or_else(|| {
        refusal(format!(
            "`{NAME}`: the time is a number of seconds, or a text such as \"1m\", and at most 366 days"
        ))
    })?;
    let Some(plugin) = current::plugin() else {
        return Err(refusal(format!("`{NAME}` works only in a plugin")));
    };
    Ok(plugin.state.taken().take(&key, times, per, Instant::now()))
}

fn time(per: &Dynamic) -> Option<Duration> {
    let time = match per.as_int() {
        Ok(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
        Err(_) => per.read_lock::<ImmutableString>().and_then(|text| parse_duration(&text)),
    };
    time.filter(|time| !time.is_zero() && *time <= LONGEST)
}

#[cfg(test)]
mod tests {
    use crate::host::{
        current::Phase,
        testing::{Trial, eval, refused},
    };

    #[test]
    fn so_many_are_taken() {
        let script = r#"
            let taken = [];
            for n in 0..4 { taken.push(limits::take("a", 3, "1h")); }
            taken.push(limits::take("b", 1, 60));
            taken.push(limits::take("b", 2, 60));
            taken
        "#;
        assert_eq!(eval(script).to_string(), "[true, true, true, false, true, true]");
    }

    #[test]
    fn odd_limits_are_refused() {
        for (arguments, part) in [
            (r#""a", 0, "1m""#, "from 1 to 1000000, not 0"),
            (r#""a", -1, "1m""#, "from 1 to 1000000, not -1"),
            (r#""a", 1000001, "1m""#, "from 1 to 1000000, not 1000001"),
            (r#""a", "5", "1m""#, "from 1 to 1000000, not a string"),
            (r#""a", 1, "soon""#, "a text such as \"1m\""),
            (r#""a", 1, 0"#, "a text such as \"1m\""),
            (r#""a", 1, -5"#, "a text such as \"1m\""),
            (r#""a", 1, "2000w""#, "at most 366 days"),
            (r#"1, 1, "1m""#, "takes a string as key, not an integer"),
            (r#"(), 1, "1m""#, "takes a string as key, not null"),
            (r#""a".repeat(2000), 1, "1m""#, "at most 1024 bytes, not 2000"),
        ] {
            let message = refused(&format!("limits::take({arguments})"));
            assert!(message.contains(part), "{arguments}: {message}");
        }
        let trial = Trial { phase: Phase::Load, ..Trial::default() };
        let message = trial.run(r#"limits::take("a", 1, 1)"#).unwrap_err().message;
        assert!(message.contains("on_start"), "{message}");
    }
}
