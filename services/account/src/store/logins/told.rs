//! What a login's changes say.

use kit::changes::Change;
use serde_json::{Value, json};

use crate::model::LoginRow;

/// A change of this login, at the version it has now.
pub fn change(kind: &'static str, row: &LoginRow, before: Option<Value>, after: Option<Value>) -> Change {
    Change {
        kind,
        organisation_id: row.organisation_id,
        entity_id: row.id.to_string(),
        version: row.version,
        before,
        after,
    }
}

/// The keys of LoginModified.
pub fn shown(row: &LoginRow) -> Value {
    json!({"email": row.email, "scope": row.scope, "profileId": row.profile_id, "disabledAt": row.disabled_at})
}

/// The keys of LoginCreated and LoginDeleted.
pub fn whole(row: &LoginRow) -> Value {
    let mut keys = shown(row);
    keys["passwordExpiresAt"] = json!(row.password_expires_at);
    keys
}
