//! The life of a version: its states and the ways between them.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

/// Where a version stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[serde(rename_all = "lowercase")]
#[diesel(sql_type = Text)]
pub enum Status {
    /// An idea: where every version starts.
    Inception,
    /// Being built.
    Development,
    /// Being tried.
    Qa,
    /// In use.
    Production,
    /// Still in use, but not to be used anew.
    Deprecated,
    /// Gone; nothing comes after.
    Retired,
    /// Given up before production.
    Cancelled,
}

impl Status {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 7] = [
        Self::Inception,
        Self::Development,
        Self::Qa,
        Self::Production,
        Self::Deprecated,
        Self::Retired,
        Self::Cancelled,
    ];

    /// The states it may go to from here.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Inception => &[Self::Development, Self::Cancelled],
            Self::Development => &[Self::Qa, Self::Cancelled],
            Self::Qa => &[Self::Development, Self::Production, Self::Cancelled],
            Self::Production => &[Self::Deprecated, Self::Retired],
            Self::Deprecated => &[Self::Retired],
            Self::Retired => &[],
            Self::Cancelled => &[Self::Inception],
        }
    }

    /// As it is written, in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inception => "inception",
            Self::Development => "development",
            Self::Qa => "qa",
            Self::Production => "production",
            Self::Deprecated => "deprecated",
            Self::Retired => "retired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromSql<Text, Pg> for Status {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Pg>>::from_sql(bytes)?;
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| format!("unknown status {text}").into())
    }
}

impl ToSql<Text, Pg> for Status {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(self.as_str(), out)
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn json_and_database_write_it_alike() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    #[test]
    fn production_is_left_for_good() {
        for status in [Status::Production, Status::Deprecated, Status::Retired] {
            assert!(status.next().iter().all(|next| matches!(next, Status::Deprecated | Status::Retired)));
        }
    }
}
