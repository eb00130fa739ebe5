//! What follows from a failed charge, and when: plain functions of times.

use chrono::{DateTime, TimeDelta, Utc};

/// A failed charge is repeated so many days after the *first* failure; after the last of these the invoice is overdue.
pub const RETRY_DAYS: [i64; 3] = [1, 3, 7];

/// The times that are settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Days from the notice of a payment to its first charge.
    pub notice_days: i64,
    /// Days from the first failure to the freeze.
    pub freeze_days: i64,
    /// How long the provider's answer is waited for before it is asked again; doubles each time.
    pub ask_again: TimeDelta,
}

impl Terms {
    /// When an invoice issued now is charged first.
    pub fn first_attempt(self, issued_at: DateTime<Utc>) -> DateTime<Utc> {
        issued_at + TimeDelta::days(self.notice_days)
    }

    /// First failures up to this moment are past the grace period.
    pub fn grace_ended(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::days(self.freeze_days)
    }

    /// How an organisation stands whose overdue invoices failed first at these times.
    pub fn standing(self, first_failed_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Standing {
        match first_failed_at {
            None => Standing::Active,
            Some(first) if first <= self.grace_ended(now) => Standing::Frozen,
            Some(_) => Standing::Overdue,
        }
    }
}

/// How an organisation stands with its invoices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is overdue.
    Active,
    /// An invoice is overdue.
    Overdue,
    /// An invoice is overdue and its grace period has ended.
    Frozen,
}

impl Standing {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Overdue => "overdue",
            Self::Frozen => "frozen",
        }
    }
}

/// When an invoice that failed first at `first` is charged next by itself, after a failure at `failed`; none: never again.
///
/// Retry days that passed while nothing could be tried are not repeated: one attempt replaces all of them.
pub fn next_attempt(first: DateTime<Utc>, failed: DateTime<Utc>) -> Option<DateTime<Utc>> {
    RETRY_DAYS.iter().map(|days| first + TimeDelta::days(*days)).find(|at| *at > failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_retries_counted_from_the_first_failure() {
        let first: DateTime<Utc> = "2026-11-04T00:10:00Z".parse().unwrap();
        let day = |days: f64| first + TimeDelta::seconds((days * 86_400.0) as i64);
        for (failed, next) in [
            (0.0, Some(1.0)),
            (0.5, Some(1.0)),
            (1.0, Some(3.0)),
            (1.2, Some(3.0)),
            (2.9, Some(3.0)),
            (3.0, Some(7.0)),
            (4.0, Some(7.0)),
            (6.99, Some(7.0)),
            (7.0, None),
            (30.0, None),
        ] {
            assert_eq!(next_attempt(first, day(failed)), next.map(day), "failed on day {failed}");
        }
    }

    #[test]
    fn frozen_from_the_last_moment_of_grace() {
        let terms = Terms { notice_days: 3, freeze_days: 14, ask_again: TimeDelta::seconds(15) };
        let first: DateTime<Utc> = "2026-11-04T00:10:00Z".parse().unwrap();
        let end = first + TimeDelta::days(14);
        assert_eq!(terms.standing(None, end), Standing::Active);
        assert_eq!(terms.standing(Some(first), end - TimeDelta::microseconds(1)), Standing::Overdue);
        assert_eq!(terms.standing(Some(first), end), Standing::Frozen);
    }
}
