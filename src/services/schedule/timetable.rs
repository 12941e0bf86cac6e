//! When a job runs: at an interval, once after a while, or by the clock on the wall.
//!
//! Intervals are counted on the clock that only goes forward. A cron pattern is about the clock that
//! people read, in a time zone: what is next is always asked of that clock as it stands.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use croner::{
    Cron,
    parser::{CronParser, Year},
};
use jiff::{Timestamp, tz::TimeZone};

use super::wall::WallClock;

/// The shortest interval: less is a loop, not a job.
pub(crate) const SHORTEST: Duration = Duration::from_millis(100);

/// The most bytes of a cron pattern.
const MOST_PATTERN: usize = 200;

/// What the fields of a cron pattern are, and what may stand in each.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0 to 59"),
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, `L` for the last"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 to 7 from Sunday to Sunday, or SUN to SAT"),
];

/// When a job runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Timetable {
    /// Again and again, so long after it was due before.
    Every(Duration),
    /// Once, so long after it began to be scheduled.
    After(Duration),
    /// By the clock on the wall.
    Cron(Pattern),
}

/// A cron pattern in a time zone.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    cron: Box<Cron>,
    written: String,
    zone: TimeZone,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written && self.zone == other.zone
    }
}

/// Why there is no such timetable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoTimetable {
    /// An interval that is none.
    #[error("a job runs every {SHORTEST:?} at most, not every {0:?}")]
    TooOften(Duration),
    /// A pattern that is too long to be one.
    #[error("a cron pattern has at most {MOST_PATTERN} bytes, this one has {0}")]
    TooLong(usize),
    /// Another number of fields.
    #[error("a cron pattern has 5 fields, or 6 with seconds in front; this one has {0}")]
    Fields(usize),
    /// A field that says nothing.
    #[error("`{written}` is no {field}, which is {range}")]
    Field {
        /// What stands there.
        written: String,
        /// Which field it is.
        field: &'static str,
        /// What may stand there.
        range: &'static str,
    },
    /// Something else that is no pattern.
    #[error("this is no cron pattern")]
    Pattern,
    /// A day that no year has.
    #[error("no day is ever like that, so this would never run")]
    Never,
    /// A time zone that nobody knows.
    #[error("there is no time zone `{0}`")]
    Zone(String),
}

impl Timetable {
    /// Again and again at an interval.
    pub(crate) fn every(interval: Duration) -> Result<Self, NoTimetable> {
        match interval >= SHORTEST {
            true => Ok(Self::Every(interval)),
            false => Err(NoTimetable::TooOften(interval)),
        }
    }

    /// By a cron pattern in the time zone of this name.
    pub(crate) fn cron(written: &str, zone: &str) -> Result<Self, NoTimetable> {
        if written.len() > MOST_PATTERN {
            return Err(NoTimetable::TooLong(written.len()));
        }
        let zone = TimeZone::get(zone).map_err(|_| NoTimetable::Zone(zone.to_owned()))?;
        let cron = Box::new(parse(written)?);
        let pattern = Pattern { cron, written: written.trim().to_owned(), zone };
        match pattern.after(Timestamp::now()) {
            Some(_) => Ok(Self::Cron(pattern)),
            None => Err(NoTimetable::Never),
        }
    }

    /// The time zone, where there is one.
    pub(crate) fn zone(&self) -> Option<&str> {
        match self {
            Self::Cron(pattern) => pattern.zone.iana_name().or(Some("UTC")),
            Self::Every(_) | Self::After(_) => None,
        }
    }
}

impl fmt::Display for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(interval) => write!(f, "every {}", Written(*interval)),
            Self::After(delay) => write!(f, "after {}", Written(*delay)),
            Self::Cron(pattern) => write!(f, "cron {}", pattern.written),
        }
    }
}

impl Pattern {
    /// The first moment after `moment` that it names; none where there is none for thousands of years.
    pub(crate) fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let there = WallClock { moment, zone: self.zone.clone() };
        // All jobs wait for one thread, which no pattern may end.
        let next = catch_unwind(AssertUnwindSafe(|| self.cron.find_next_occurrence(&there, false)));
        next.ok()?.ok().map(|next| next.moment)
    }
}

/// The names of time zones.
pub(crate) fn zones() -> Vec<String> {
    jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect()
}

fn parse(written: &str) -> Result<Cron, NoTimetable> {
    let parser = CronParser::builder().year(Year::Disallowed).build();
    if let Ok(cron) = parser.parse(written) {
        return Ok(cron);
    }
    let fields: Vec<&str> = written.split_whitespace().collect();
    if !matches!(fields.len(), 5 | 6) {
        return Err(match written.trim_start().starts_with('@') {
            true => NoTimetable::Pattern,
            false => NoTimetable::Fields(fields.len()),
        });
    }
    let first = FIELDS.len() - fields.len();
    let wrong = FIELDS.iter().enumerate().skip(first).zip(&fields).find(|((at, _), field)| {
        let mut alone = ["*"; FIELDS.len()];
        if let Some(place) = alone.get_mut(*at) {
            *place = field;
        }
        parser.parse(&alone.join(" ")).is_err()
    });
    Err(match wrong {
        Some(((_, (field, range)), written)) => {
            NoTimetable::Field { written: (*written).to_owned(), field, range }
        }
        None => NoTimetable::Pattern,
    })
}

/// A duration in the units that people write it in: `1h30m`.
struct Written(Duration);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u128); 5] =
            [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
        let mut left = self.0.as_millis();
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, millis) in UNITS {
            if left >= millis {
                write!(f, "{}{unit}", left / millis)?;
                left %= millis;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn next(pattern: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let Ok(Timetable::Cron(pattern)) = Timetable::cron(pattern, zone) else {
            panic!("{pattern} is no pattern");
        };
        let mut at: Timestamp = after.parse().unwrap();
        let mut found = Vec::new();
        for _ in 0..count {
            at = pattern.after(at).unwrap();
            found.push(at.to_string());
        }
        found
    }

    fn why(pattern: &str) -> String {
        Timetable::cron(pattern, "UTC").unwrap_err().to_string()
    }

    #[test]
    fn a_pattern_is_about_the_clock_of_its_zone() {
        assert_eq!(
            next("0 6 * * *", "UTC", "2026-06-01T05:59:59Z", 2),
            ["2026-06-01T06:00:00Z", "2026-06-02T06:00:00Z"]
        );
        assert_eq!(
            next("0 6 * * MON", "Europe/Berlin", "2026-06-01T04:00:00Z", 1),
            ["2026-06-08T04:00:00Z"]
        );
        assert_eq!(
            next("*/20 * * * * *", "UTC", "2026-06-01T00:00:00Z", 3),
            ["2026-06-01T00:00:20Z", "2026-06-01T00:00:40Z", "2026-06-01T00:01:00Z"]
        );
    }

    #[test]
    fn an_hour_that_a_day_does_not_have_loses_no_daily_run() {
        // Berlin's clock goes from 2:00 to 3:00 on 29 March 2026.
        assert_eq!(
            next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        );
        assert_eq!(
            next("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2),
            ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]
        );
    }

    #[test]
    fn an_hour_that_a_day_has_twice_runs_a_daily_job_once_and_an_hourly_one_twice() {
        // Berlin's clock goes from 3:00 back to 2:00 on 25 October 2026.
        assert_eq!(
            next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        assert_eq!(
            next("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]
        );
    }

    #[test]
    fn what_is_no_pattern_is_told_field_by_field() {
        assert_eq!(why("61 * * * *"), "`61` is no minute, which is 0 to 59");
        assert_eq!(why("0 24 * * *"), "`24` is no hour, which is 0 to 23");
        assert_eq!(why("0 0 * FOO *"), "`FOO` is no month, which is 1 to 12, or JAN to DEC");
        assert_eq!(why("x 0 0 * * *"), "`x` is no second, which is 0 to 59");
        assert_eq!(
            why("0 6 *"),
            "a cron pattern has 5 fields, or 6 with seconds in front; this one has 3"
        );
        assert!(why("0 0 6 * * * 2030").contains("this one has 7"));
        assert!(why("").contains("this one has 0"));
        assert_eq!(why("@reboot"), "this is no cron pattern");
        assert!(why(&"1,".repeat(101)).contains("at most 200 bytes"));
        assert!(Timetable::cron("@daily", "UTC").is_ok());
        assert_eq!(
            Timetable::cron("0 0 * * *", "Europe/Paris2").unwrap_err(),
            NoTimetable::Zone("Europe/Paris2".to_owned())
        );
    }

    #[test]
    fn a_day_that_never_comes_is_found_out_soon() {
        let began = Instant::now();
        assert_eq!(Timetable::cron("0 0 30 2 *", "UTC"), Err(NoTimetable::Never));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(Timetable::cron("0 0 29 2 *", "UTC").is_ok());
    }

    #[test]
    fn an_interval_has_a_shortest_and_reads_as_it_was_written() {
        assert!(Timetable::every(Duration::from_millis(99)).is_err());
        let every = |millis| Timetable::every(Duration::from_millis(millis)).unwrap().to_string();
        assert_eq!(every(100), "every 100ms");
        assert_eq!(every(5_400_000), "every 1h30m");
        assert_eq!(every(90_061_001), "every 1d1h1m1s1ms");
        assert_eq!(Timetable::After(Duration::ZERO).to_string(), "after 0s");
    }
}
