//! Versions of an API.

use chrono::{DateTime, Utc};
use diesel::Queryable;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::sql_types::Record;
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::{Integer, Text};
use kit::path::Segment;
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize};

use super::Status;

/// A version as its API shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromSqlRow, AsExpression)]
#[diesel(sql_type = Record<(Integer, Integer, Text)>)]
pub struct VersionSummary {
    /// Before the dot.
    pub major: i32,
    /// After the dot.
    pub minor: i32,
    /// Where it stands.
    pub status: Status,
}

impl FromSql<Record<(Integer, Integer, Text)>, Pg> for VersionSummary {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let (major, minor, status) = FromSql::<Record<(Integer, Integer, Text)>, Pg>::from_sql(bytes)?;
        Ok(Self { major, minor, status })
    }
}

/// A version in its own list.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Before the dot.
    pub major: i32,
    /// After the dot.
    pub minor: i32,
    /// Where it stands.
    pub status: Status,
    /// The ETag of its API.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its status last changed.
    pub updated_at: DateTime<Utc>,
}

/// A version to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewVersion {
    /// Before the dot.
    pub major: i32,
    /// After the dot.
    pub minor: i32,
}

impl NewVersion {
    /// Where an API starts that names no version.
    pub const FIRST: Self = Self { major: 0, minor: 1 };

    /// Adds an error for each number out of range, below `path`.
    pub fn check(self, path: &str, invalid: &mut Invalid) {
        invalid.range(&format!("{path}major"), self.major, 0..=i32::MAX);
        invalid.range(&format!("{path}minor"), self.minor, 0..=i32::MAX);
    }
}

impl Validate for NewVersion {
    fn validate(&self, invalid: &mut Invalid) {
        self.check("", invalid);
    }
}

/// The state a version is to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewStatus {
    /// One of the next states.
    pub status: Status,
}

impl Validate for NewStatus {}

/// `major.minor`, a segment of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Before the dot.
    pub major: i32,
    /// After the dot.
    pub minor: i32,
}

impl Segment for Number {
    /// Only the shortest form, so that each version has one URL. A number out of range is read as -1,
    /// which no version has: it isn't found.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let number = |part: &str| {
            let digits = (1..=10).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            let shortest = digits && (part == "0" || !part.starts_with('0'));
            shortest.then(|| part.parse().unwrap_or(-1))
        };
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self { major: number(major)?, minor: number(minor)? }))
            .ok_or("must be a version: major.minor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_version_has_one_form() {
        assert_eq!(Number::parse("10.2"), Ok(Number { major: 10, minor: 2 }));
        for wrong in ["", "1", "1.", ".1", "01.1", "+1.0", "-1.0", "1.0.0", "1.x", "99999999999.0"] {
            assert!(Number::parse(wrong).is_err(), "{wrong}");
        }
        let none = Number::parse("2147483648.0").map(|number| number.major);
        assert_eq!(none, Ok(-1), "found nowhere");
    }

    proptest! {
        #[test]
        fn every_version_is_read_back(major in 0..=i32::MAX, minor in 0..=i32::MAX) {
            prop_assert_eq!(Number::parse(&format!("{major}.{minor}")), Ok(Number { major, minor }));
        }

        #[test]
        fn whatever_is_read_was_written_so(text in "[0-9.+-]{0,12}|\\PC{0,12}") {
            if let Ok(Number { major, minor }) = Number::parse(&text) {
                let written = format!("{major}.{minor}");
                prop_assert!(major < 0 || minor < 0 || written == text);
            }
        }
    }
}
