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
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = line.split_once(' ').and_then(|(until, rest)| {
            let (key, reason) = rest.rsplit_once(" -- ")?;
            let dated = until.len() == 10
                && until.split('-').map(str::len).eq([4, 2, 2])
                && until.chars().all(|c| c.is_ascii_digit() || c == '-');
            (dated && !reason.trim().is_empty()).then(|| Allowed {
                until: until.to_owned(),
                key: key.trim().to_owned(),
                reason: reason.trim().to_owned(),
            })
        });
        match entry {
            Some(entry) if is_day(&entry.until) => all.push(entry),
            Some(entry) => {
                return Err(Error::Usage(format!(
                    "allow-list, line {}: {} is not a date of the calendar",
                    number + 1,
                    entry.until
                )));
            }
            None => {
                return Err(Error::Usage(format!(
                    "allow-list, line {}: expected `YYYY-MM-DD key -- reason`, each part required",
                    number + 1
                )));
            }
        }
    }
    Ok(all)
}

/// Is `YYYY-MM-DD` in the calendar? Dates are compared as text, so a date that never comes would allow the finding for ever.
fn is_day(text: &str) -> bool {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
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
        for day in ["2027-01-31", "2028-02-29", "2000-02-29", "2027-12-31"] {
            assert!(is_day(day), "{day}");
        }
        for day in ["2027-13-45", "2027-02-29", "2100-02-29", "2027-04-31", "2027-00-01", "2027-01-00"] {
            assert!(!is_day(day), "{day}");
        }
    }
}
