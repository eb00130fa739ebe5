//! What no request causes: Account's signing keys, which the gate reads before any layer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http;
use crate::neighbour::{Item, Question};
use crate::node::Node;
use crate::nouns::SIGNING_KEYS;

/// Between two looks at the key set.
const EVERY: Duration = Duration::from_secs(1);
/// How long a service waits for the first one before it serves with what it has.
pub const FIRST: Duration = Duration::from_secs(3);

/// Keeps `published.signing_keys` what Account's key set says; sets `have` once there are keys. While Account is away the keys
/// that are there go on.
pub async fn signing_keys(node: Arc<Node>, account: String, have: Arc<AtomicBool>) {
    let question = Question::of(&SIGNING_KEYS, []);
    loop {
        let pause = match http::get(&format!("{account}/.well-known/jwks.json"), None, EVERY).await {
            Ok(set) => {
                let keys = rows(&set);
                // An empty set would lock everybody out: it is rubbish.
                if !keys.is_empty() {
                    match node.facts.write(&question, &keys).await {
                        Ok(_) => have.store(true, Ordering::SeqCst),
                        Err(error) => tracing::warn!(error = %error, "signing keys can't be written"),
                    }
                }
                EVERY
            }
            Err(trouble) => {
                tracing::debug!(why = %trouble, "Account's keys can't be had");
                EVERY / 5
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// The rows of a key set. When a key ends is not said there: it ends by not being there any more.
fn rows(set: &Value) -> Vec<Item> {
    let keys = set.get("keys").and_then(Value::as_array).into_iter().flatten();
    let row = |key: &Value| {
        let row = json!({
            "id": key.get("kid")?.as_str()?,
            "public_key": key.to_string(),
            "valid_from": "1970-01-01T00:00:00Z",
            "valid_until": null,
        });
        Some(Item { version: None, row: row.as_object()?.clone() })
    };
    keys.filter_map(row).collect()
}
