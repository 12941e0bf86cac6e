//! Durations as people write them: `5m`, `1h30m`, `2s`, `1d`, `250ms`.

use std::time::Duration;

/// Reads numbers with their units, largest sum about 100 years: `ms s m h d w`, each with a whole
/// number before it. `None` for anything else.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    const MOST: Duration = Duration::from_secs(100 * 366 * 86_400);
    let mut sum = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let number: u64 = number.parse().ok()?;
        let unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        sum = sum.checked_add(Duration::from_millis(number.checked_mul(unit)?))?;
        rest = tail.trim_start();
    }
    (sum <= MOST).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, millis) in [
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("2s", 2_000),
            ("1d", 86_400_000),
            ("250ms", 250),
            ("1w 2d", 777_600_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in
            ["", "5", "m", "5x", "-5m", "1.5h", "5 m", "99999999999999999999s", "9999999w", "5m3"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
