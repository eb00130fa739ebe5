//! Watches: what a person wants to be notified of.

use chrono::{DateTime, Utc};
use diesel::Queryable;
use kit::Validate;
use kit::id::{ProfileId, WatchId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

kit::words! {
    /// What kind of thing is watched.
    pub enum Target {
        /// An API.
        Api = "api",
        /// A domain.
        Domain = "domain",
        /// A sub domain.
        SubDomain = "subDomain",
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

impl Validate for NewWatch {}
