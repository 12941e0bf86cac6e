//! `sleep`, in place of Rhai's, which knows no deadline.

use std::time::Duration;

use rhai::Module;

use super::{
    current::{self, Phase},
    define::{global, refusal},
};
use crate::script::{Native, budget};

/// The longest sleep where no deadline is in force.
const LONGEST: Duration = Duration::from_secs(3600);

/// Replaces Rhai's own.
pub(crate) fn register(module: &mut Module) {
    let about = "Waits; at most until the script's time is over.";
    global("sleep", &["seconds: f64", "()"], about).set_into_module(module, sleep);
    #[expect(clippy::cast_precision_loss, reason = "more than an hour is refused")]
    global("sleep", &["seconds: i64", "()"], about)
        .set_into_module(module, |seconds: i64| sleep(seconds as f64));
}

fn sleep(seconds: f64) -> Native<()> {
    let asked = Duration::try_from_secs_f64(seconds).ok().filter(|asked| *asked <= LONGEST);
    let asked = asked.ok_or_else(|| {
        refusal(format!("`sleep` takes 0 to {} seconds, not {seconds}", LONGEST.as_secs()))
    })?;
    if current::phase() == Some(Phase::Load) {
        return Err(refusal(
            "`sleep` at the top level would hold up each check and reload: \
             use on_start(|| …) or every(\"5m\", || …)",
        ));
    }
    budget::check()?;
    let until_deadline = budget::remaining().unwrap_or(LONGEST);
    budget::blocking(|| std::thread::sleep(asked.min(until_deadline)))?;
    budget::check()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::host::{
        current::Phase,
        testing::{Trial, overrun, refused},
    };

    #[test]
    fn a_sleep_ends_with_the_scripts_time() {
        let start = Instant::now();
        overrun("sleep(3600)");
        overrun("try { sleep(3600.0) } catch { } 1");
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_short_sleep_is_as_long_as_asked() {
        let start = Instant::now();
        assert!(Trial::default().run("sleep(0.02); sleep(0)").is_ok());
        assert!(start.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn odd_lengths_are_refused() {
        for seconds in ["-1", "1e300", "-0.5", "0.0/0.0", "9223372036854775807"] {
            let message = refused(&format!("sleep({seconds})"));
            assert!(message.starts_with("`sleep` takes 0 to 3600 seconds"), "{message}");
        }
    }

    #[test]
    fn the_top_level_does_not_sleep() {
        let trial = Trial { phase: Phase::Load, ..Trial::default() };
        let message = trial.run("sleep(1)").unwrap_err().message;
        assert!(message.contains("on_start"), "{message}");
    }
}
