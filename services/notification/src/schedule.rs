//! When a person's mails are due, as a pure function of their settings, their zone and the time.

use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

/// A person's notification settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// One mail per change.
    Instant,
    /// One mail a day.
    Daily {
        /// Local time.
        at: NaiveTime,
    },
    /// One mail a week.
    Weekly {
        /// Local day.
        day: Weekday,
        /// Local time.
        at: NaiveTime,
    },
}

impl Schedule {
    /// From the columns of `published.contacts`. What can't be read is instant: too many mails are better than none.
    pub fn read(mode: &str, at: Option<NaiveTime>, weekday: Option<&str>) -> Self {
        match (mode, at, weekday.and_then(|day| day.parse().ok())) {
            ("daily", Some(at), _) => Self::Daily { at },
            ("weekly", Some(at), Some(day)) => Self::Weekly { day, at },
            _ => Self::Instant,
        }
    }

    /// The first of the person's times after `after`; for instant, `after` itself.
    ///
    /// Each local time is one instant: the first of two where the clock goes back, the end of the gap where it goes forward
    /// (or a whole day is left out). So every day has its mail once, and none is lost to a switch.
    pub fn next(self, zone: Tz, after: DateTime<Utc>) -> DateTime<Utc> {
        let (day, at) = match self {
            Self::Instant => return after,
            Self::Daily { at } => (None, at),
            Self::Weekly { day, at } => (Some(day), at),
        };
        // From the day before, because the end of a gap may lie a day later than the time that fell into it.
        let start = after.with_timezone(&zone).date_naive() - TimeDelta::days(1);
        start
            .iter_days()
            .take(10)
            .filter(|date| day.is_none_or(|day| date.weekday() == day))
            .map(|date| instant(zone, date.and_time(at)))
            .find(|instant| *instant > after)
            // Ten days hold every weekday after `after`; were they at an end of the calendar, a day later does no harm.
            .unwrap_or(after + TimeDelta::days(1))
    }
}

/// The zone of that name; UTC if it is none (Profile refuses such names).
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// The one instant that stands for a local time.
fn instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local).earliest() {
        Some(time) => time.with_timezone(&Utc),
        None => end_of_gap(zone, local),
    }
}

/// The first instant whose local time is past `local`, which doesn't exist. Offsets lie between -12 and +14 hours.
fn end_of_gap(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let base = local.and_utc();
    let (mut before, mut past) = (-15 * 3600, 13 * 3600);
    while past - before > 1 {
        let middle = (before + past) / 2;
        let time = base + TimeDelta::seconds(middle);
        if time.with_timezone(&zone).naive_local() < local {
            before = middle;
        } else {
            past = middle;
        }
    }
    base + TimeDelta::seconds(past)
}

#[cfg(test)]
mod tests;
