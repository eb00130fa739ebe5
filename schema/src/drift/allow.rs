//! The allow-list: accepted findings, why, and until when.

use chrono::NaiveDate;

use crate::error::{Error, Result};

/// One line: `2027-01-31 <key> -- <reason>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Last day.
    pub until: String,
    /// Of the finding.
    pub key: String,
    /// Why.
    pub reason: String,
}

/// Reads a list. Empty lines and lines that begin with `#` are skipped.
///
/// # Errors
/// [`Error::Usage`] for a line without a reason or without a valid date.
pub fn parse(text: &str) -> Result<Vec<Allowed>> {
    let mut all = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: String| Error::Usage(format!("allow-list, line {number}: {what}"));
        let parts = line.split_once(' ').and_then(|(until, rest)| Some((until, rest.rsplit_once(" -- ")?)));
        let Some((until, (key, reason))) =
            parts.filter(|(until, (_, reason))| dated(until) && !reason.trim().is_empty())
        else {
            return Err(wrong("expected `YYYY-MM-DD key -- reason`, each part required".to_owned()));
        };
        // Dates are compared as text, so a date that never comes would allow the finding for ever.
        if NaiveDate::parse_from_str(until, "%Y-%m-%d").is_err() {
            return Err(wrong(format!("{until} is not a date of the calendar")));
        }
        let [until, key, reason] = [until, key, reason].map(|part| part.trim().to_owned());
        all.push(Allowed { until, key, reason });
    }
    Ok(all)
}

/// Does it have the form `YYYY-MM-DD`?
fn dated(text: &str) -> bool {
    text.split('-').map(str::len).eq([4, 2, 2]) && text.chars().all(|c| c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_date_a_key_and_a_reason() {
        let all = parse("# why\n\n2027-01-31 extra right a SELECT table b.c -- until the move -- soon").unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].key, "extra right a SELECT table b.c -- until the move");
        for wrong in ["extra right x -- because", "2027-01-31 key", "2027-1-31 key -- why", "2027-01-31 key -- "] {
            assert_eq!(parse(wrong).unwrap_err().code(), 2, "{wrong}");
        }
    }

    #[test]
    fn a_day_is_one_of_the_calendar() {
        let parsed = |day: &str| parse(&format!("{day} key -- why"));
        for day in ["2027-01-31", "2028-02-29", "2000-02-29", "2027-12-31"] {
            assert!(parsed(day).is_ok(), "{day}");
        }
        for day in ["2027-13-45", "2027-02-29", "2100-02-29", "2027-04-31", "2027-00-01", "2027-01-00"] {
            assert!(parsed(day).is_err(), "{day}");
        }
    }
}
