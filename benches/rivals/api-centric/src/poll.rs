//! What no request causes: Account's signing keys, which the gate reads before any layer, and the feeds of changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::facts::Fetched;
use crate::http::{self, Trouble};
use crate::neighbour::{Away, Item, Question};
use crate::node::Node;
use crate::nouns::{CONTACTS, LOGIN_CONTACTS, Noun, PERSONS, SIGNING_KEYS, WATCHERS};
use crate::sql::Failed;

/// Between two looks at the key set.
const EVERY: Duration = Duration::from_secs(1);
/// How long a service waits for the first one before it serves with what it has.
pub const FIRST: Duration = Duration::from_secs(3);

/// Keeps `published.signing_keys` what Account's key set says; sets `have` once there are keys. While Account is away the keys
/// that are there go on.
pub async fn signing_keys(node: Arc<Node>, account: String, have: Arc<AtomicBool>) {
    let question = Question::of(&SIGNING_KEYS, []);
    loop {
        let pause = match http::get::<Value>(&format!("{account}/.well-known/jwks.json"), None, EVERY).await {
            Ok(set) => {
                let keys = rows(&set);
                // An empty set would lock everybody out: it is rubbish.
                if !keys.is_empty() {
                    match node.facts.write(&question, Instant::now(), &keys).await {
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

/// A feed that a service reads.
pub struct Feed {
    /// Who reads it.
    pub consumer: &'static str,
    /// Whose it is.
    pub owner: &'static str,
    /// What is looked up of a change's organisation before the change may be seen: whom it is told to is never older than it.
    pub audience: &'static [&'static Noun],
}

static AUDIENCE: [&Noun; 4] = [&WATCHERS, &PERSONS, &CONTACTS, &LOGIN_CONTACTS];

/// Every feed that is polled.
pub static FEEDS: &[Feed] = &[
    Feed { consumer: "registry", owner: "account", audience: &[&LOGIN_CONTACTS] },
    Feed { consumer: "billing", owner: "account", audience: &[] },
    Feed { consumer: "notification", owner: "account", audience: &AUDIENCE },
    Feed { consumer: "notification", owner: "profile", audience: &AUDIENCE },
    Feed { consumer: "notification", owner: "registry", audience: &AUDIENCE },
    Feed { consumer: "notification", owner: "billing", audience: &AUDIENCE },
];

/// Why a feed waits.
#[derive(Debug, thiserror::Error)]
pub enum Waits {
    /// A neighbour is away.
    #[error("{0}")]
    Away(#[from] Away),
    /// The local database is.
    #[error("{0}")]
    Local(#[from] Failed),
}

/// Copies a feed for ever, a page at a time. While its owner, or the owner of any part of its audience, is away the feed waits: it
/// never tells fewer. The place is this process's own: after a start the whole feed is read once, and what is there is left out,
/// before anybody is asked for its audience.
pub async fn feed(node: Arc<Node>, feed: &'static Feed, every: Duration) {
    let mut place = (0, 0);
    loop {
        match page(&node, feed, place).await {
            Ok(Some(next)) => place = next,
            Ok(None) => tokio::time::sleep(every).await,
            Err(why) => {
                tracing::debug!(feed = feed.owner, why = %why, "a feed waits");
                node.metrics.degraded(feed.owner, "the feed waits");
                tokio::time::sleep(every).await;
            }
        }
    }
}

/// The next changes after `(xid, id)`; where the last of them stands, or none: there are none.
///
/// # Errors
/// [`Waits`]: nothing was copied.
pub async fn page(node: &Node, feed: &Feed, (xid, id): (u64, i64)) -> Result<Option<(u64, i64)>, Waits> {
    let rubbish = || Away::Failed(Trouble::Rubbish);
    let owner = node.neighbours.get(feed.owner).ok_or_else(rubbish)?;
    let changes: Vec<Value> = owner.get(&format!("/internal/v1/changes?xid={xid}&id={id}")).await?;
    let Some(last) = changes.last() else { return Ok(None) };
    let place = last.get("xid").and_then(Value::as_str).and_then(|xid| xid.parse().ok());
    let place = place.zip(last.get("id").and_then(Value::as_i64)).ok_or_else(rubbish)?;
    let changes = node.facts.unknown(feed.owner, &changes).await?;
    let organisations: BTreeSet<Uuid> =
        changes.iter().filter_map(|change| change.get("organisation_id")?.as_str()?.parse().ok()).collect();
    for organisation in organisations {
        let questions: Vec<Question> =
            feed.audience.iter().map(|noun| Question::all(noun, organisation).now()).collect();
        let fetched = questions.iter().map(|question| async move {
            let owner = node.owner(question.noun).ok_or(Away::Failed(Trouble::Unreachable))?;
            match node.facts.ensure(owner, question).await? {
                Fetched::Known { .. } => Ok::<_, Waits>(()),
                Fetched::Away(away, _) => Err(away.into()),
            }
        });
        try_join_all(fetched).await?;
    }
    node.facts.add_changes(feed.owner, &changes).await?;
    Ok(Some(place))
}
