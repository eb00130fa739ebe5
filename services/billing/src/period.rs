//! Months, as they are billed.

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};

/// A calendar month in UTC, written `2026-10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(NaiveDate);

impl Period {
    /// Reads `YYYY-MM`, from 2000 on; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(year, 4) || year < "2000" || !digits(month, 2) {
            return None;
        }
        NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1).map(Self)
    }

    /// The month that `now` lies in.
    pub fn of(now: DateTime<Utc>) -> Self {
        let today = now.date_naive();
        Self(today.with_day(1).unwrap_or(today))
    }

    /// The month before.
    pub fn before(self) -> Self {
        Self(self.0.checked_sub_months(Months::new(1)).unwrap_or(self.0))
    }

    /// The month after.
    pub fn after(self) -> Self {
        Self(self.0.checked_add_months(Months::new(1)).unwrap_or(self.0))
    }

    /// Its first moment.
    pub fn begin(self) -> DateTime<Utc> {
        self.0.and_time(chrono::NaiveTime::MIN).and_utc()
    }

    /// The first moment that no longer belongs to it.
    pub fn end(self) -> DateTime<Utc> {
        self.after().begin()
    }

    /// When its run starts by itself: on the 1st at 00:10 UTC.
    pub fn run_at(self) -> DateTime<Utc> {
        self.end() + TimeDelta::minutes(10)
    }

    /// The last period whose run should have started by itself.
    pub fn last_due(now: DateTime<Utc>) -> Self {
        let last = Self::of(now).before();
        if last.run_at() <= now { last } else { last.before() }
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn only_months_are_read() {
        for text in ["2026-10", "2026-01", "2026-12", "2000-01"] {
            assert_eq!(Period::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "2026",
            "2026-13",
            "0000-01",
            "1999-12",
            "2026-00",
            "2026-1",
            "26-10",
            "2026-10-01",
            "2026/10",
            "+026-10",
            "2026-1０",
            " 2026-10",
        ] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_run_starts_ten_minutes_into_the_first() {
        let december = Period::parse("2026-12").unwrap();
        assert_eq!(december.end(), at("2027-01-01T00:00:00Z"));
        assert_eq!(Period::last_due(at("2027-01-01T00:09:59Z")).to_string(), "2026-11");
        assert_eq!(Period::last_due(at("2027-01-01T00:10:00Z")), december);
        assert_eq!(Period::last_due(at("2027-01-31T23:59:59Z")), december);
        assert_eq!(Period::of(at("2026-12-31T23:59:59Z")), december);
    }
}
