//! The clock on the wall of a time zone, as cron patterns read it.

use std::cmp::Ordering;

use croner::{
    CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday, errors::CronError,
};
use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

/// A moment as a clock in a time zone shows it.
#[derive(Debug, Clone)]
pub(super) struct WallClock {
    pub(super) moment: Timestamp,
    pub(super) zone: TimeZone,
}

impl WallClock {
    fn shown(&self) -> DateTime {
        self.zone.to_datetime(self.moment)
    }
}

/// A part of a date, which is never less than nothing.
fn part(number: i8) -> u32 {
    u32::from(number.unsigned_abs())
}

fn small(number: u32) -> Result<i8, CronError> {
    i8::try_from(number).map_err(|_| CronError::InvalidTime)
}

impl CronDateTime for WallClock {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.shown();
        let (date, time) = (at.date(), at.time());
        let (year, month, day) = (i32::from(date.year()), part(date.month()), part(date.day()));
        let (hour, minute, second) = (part(time.hour()), part(time.minute()), part(time.second()));
        // The parts are in their ranges, because they are those of a moment.
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(year, month, day),
            CivilTime::from_parts_unchecked(hour, minute, second),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        let days = self.shown().date().weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(part(days))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let (month, day) = (small(civil.month())?, small(civil.day())?);
        let (hour, minute, second) =
            (small(civil.hour())?, small(civil.minute())?, small(civil.second())?);
        let at = DateTime::new(year, month, day, hour, minute, second, 0);
        let at = at.map_err(|_| CronError::InvalidDate)?;
        let found = self.zone.to_ambiguous_timestamp(at);
        let here = |moment: Result<Timestamp, jiff::Error>| {
            let moment = moment.map_err(|_| CronError::InvalidTime)?;
            Ok::<_, CronError>(Self { moment, zone: self.zone.clone() })
        };
        Ok(match found.offset() {
            AmbiguousOffset::Unambiguous { .. } => Resolution::Single(here(found.unambiguous())?),
            AmbiguousOffset::Fold { .. } => {
                Resolution::Ambiguous(here(found.earlier())?, here(found.later())?)
            }
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        let moment = self.moment.checked_add(SignedDuration::from_secs(seconds)).ok()?;
        Some(Self { moment, zone: self.zone.clone() })
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.moment.cmp(&other.moment)
    }
}
