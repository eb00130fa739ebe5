//! Watches: what a person wants to be notified of.

use chrono::{DateTime, Utc};
use diesel::Queryable;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use kit::id::{ProfileId, WatchId};
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// What kind of thing is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[serde(rename_all = "camelCase")]
#[diesel(sql_type = Text)]
pub enum Target {
    /// An API.
    Api,
    /// A domain.
    Domain,
    /// A sub domain.
    SubDomain,
}

impl Target {
    /// As it is written, in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Domain => "domain",
            Self::SubDomain => "subDomain",
        }
    }
}

impl FromSql<Text, Pg> for Target {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Pg>>::from_sql(bytes)?;
        let known = [Self::Api, Self::Domain, Self::SubDomain].into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| format!("unknown kind {text}").into())
    }
}

impl ToSql<Text, Pg> for Target {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(self.as_str(), out)
    }
}

/// An open watch, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// Its id.
    pub id: WatchId,
    /// What kind of thing.
    pub kind: Target,
    /// Which one.
    pub target_id: Uuid,
    /// 1 while it is open: a watch is never changed, only ended.
    pub version: i64,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
}

/// What a change says of a watch: keys as in `changes.yaml`.
pub fn watch_change(kind: Target, target_id: Uuid, profile: ProfileId) -> Value {
    json!({"kind": kind, "targetId": target_id, "profileId": profile})
}

/// A watch to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewWatch {
    /// What kind of thing.
    pub kind: Target,
    /// Which one.
    pub target_id: Uuid,
}

impl Validate for NewWatch {
    fn validate(&self, _: &mut Invalid) {}
}
