//! Changes, as the four services write them.

use behaviour::Value;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// A change to be written.
#[derive(Clone, Debug)]
pub struct Change {
    pub feed: &'static str,
    pub kind: &'static str,
    pub org: Uuid,
    pub entity: String,
    pub version: i64,
    pub actor: Option<Uuid>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub at: DateTime<Utc>,
}

impl Change {
    pub fn new(feed: &'static str, kind: &'static str, org: Uuid, entity: impl ToString) -> Self {
        Self {
            feed,
            kind,
            org,
            entity: entity.to_string(),
            version: 1,
            actor: None,
            before: None,
            after: None,
            at: Utc::now() - TimeDelta::seconds(1),
        }
    }

    pub fn by(self, actor: Uuid) -> Self {
        Self { actor: Some(actor), ..self }
    }

    pub fn at(self, at: DateTime<Utc>) -> Self {
        Self { at, ..self }
    }

    pub fn version(self, version: i64) -> Self {
        Self { version, ..self }
    }

    pub fn from(self, before: Value) -> Self {
        Self { before: Some(before), ..self }
    }

    pub fn to(self, after: Value) -> Self {
        Self { after: Some(after), ..self }
    }

    /// As a statement of the service's writer.
    pub fn sql(&self) -> String {
        let json = |value: &Option<Value>| match value {
            Some(value) => format!("'{}'::jsonb", value.to_string().replace('\'', "''")),
            None => "null".to_owned(),
        };
        // A watch stands at its transaction's id, as Registry writes it.
        let (column, value) =
            if self.kind.starts_with("Watch") { (", xid", ", pg_current_xact_id()") } else { ("", "") };
        let actor = self.actor.map_or_else(|| "null".to_owned(), |actor| format!("'{actor}'"));
        format!(
            "insert into {}.changes (at, kind, organisation_id, entity_id, version, actor_id, request_id, before, after{column}) \
             values ('{}', '{}', '{}', '{}', {}, {actor}, 'request-1', {}, {}{value})",
            self.feed,
            self.at,
            self.kind,
            self.org,
            self.entity,
            self.version,
            json(&self.before),
            json(&self.after),
        )
    }
}
