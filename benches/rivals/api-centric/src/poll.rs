//! What no request causes: Account's signing keys, which the gate reads before any layer, and the feeds of changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::facts::{Fetched, feeds};
use crate::http::{self, Trouble};
use crate::neighbour::{Away, Item, Question};
use crate::node::Node;
use crate::nouns::{ACCEPTED_INVITATIONS, CONTACTS, LOGIN_CONTACTS, Noun, PERSONS, SIGNING_KEYS, WATCHERS};
use crate::sql::Failed;

/// Between two looks at the key set.
const EVERY: Duration = Duration::from_secs(1);
/// Open invitations that are asked about at once.
const ASKED: usize = 200;
/// Between two removals of old copies of changes, by the service's clock.
const TIDY_EVERY: TimeDelta = TimeDelta::minutes(10);
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

/// Keeps Account's `published.accepted_invitations` what Notification says of the invitations that are open there. While Notification is
/// away nobody's login begins.
pub async fn acceptances(node: Arc<Node>) {
    let mut after = Uuid::nil();
    loop {
        after = match accepted_after(&node, after).await {
            Ok(last) => last.unwrap_or_default(),
            Err(why) => {
                tracing::debug!(why = %why, "acceptances can't be had");
                Uuid::nil()
            }
        };
        if after.is_nil() {
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Asks for the next open invitations; the last one where there may be more.
async fn accepted_after(node: &Node, after: Uuid) -> Result<Option<Uuid>, Waits> {
    let text = format!(
        "select coalesce(jsonb_agg(i.id), '[]')::text from (
            select l.invitation_id as id from account.logins l where l.invitation_id > $1 order by l.invitation_id limit {ASKED}
        ) i"
    );
    let ids: Vec<Uuid> = node.reader.json(&text, &[&after]).await?;
    let Some(last) = ids.last().copied() else { return Ok(None) };
    let more = ids.len() == ASKED;
    let question = Question::of(&ACCEPTED_INVITATIONS, ids).now();
    let owner = node.owner(question.noun).ok_or(Away::Failed(Trouble::Unreachable))?;
    match node.facts.ensure(owner, &question).await? {
        Fetched::Known { .. } => Ok(more.then_some(last)),
        Fetched::Away(away, _) => Err(away.into()),
    }
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
/// never tells fewer. Its place is written with the changes. Copies that nobody needs any more are removed now and then.
pub async fn feed(node: Arc<Node>, feed: &'static Feed, every: Duration) {
    let mut tidied: Option<DateTime<Utc>> = None;
    loop {
        let now = node.clock.now();
        if tidied.is_none_or(|last| !(last..last + TIDY_EVERY).contains(&now)) {
            match tidy(&node, feed, now).await {
                Ok(()) => tidied = Some(now),
                Err(why) => tracing::debug!(feed = feed.owner, why = %why, "old changes are left"),
            }
        }
        match page(&node, feed).await {
            Ok(true) => {}
            Ok(false) => tokio::time::sleep(every).await,
            Err(why) => {
                tracing::debug!(feed = feed.owner, why = %why, "a feed waits");
                node.metrics.degraded(feed.owner, "the feed waits");
                tokio::time::sleep(every).await;
            }
        }
    }
}

/// Removes old copies: of Notification's what it has read, as in a shared database; the others look at theirs as long as they are kept.
async fn tidy(node: &Node, feed: &Feed, now: DateTime<Utc>) -> Result<(), Failed> {
    let read = match node.name {
        "notification" => {
            let text = "select (select jsonb_build_array(f.xid::text, f.id) from published.feed_cursors f where f.feed = $1)::text";
            feeds::pair(&node.reader.json::<Value>(text, &[&feed.owner]).await?).unwrap_or_default()
        }
        _ => (u64::MAX, i64::MAX),
    };
    node.facts.remove_old(feed.owner, read, now).await
}

/// Copies the next changes; whether there were any.
///
/// # Errors
/// [`Waits`]: nothing was copied.
pub async fn page(node: &Node, feed: &Feed) -> Result<bool, Waits> {
    let rubbish = || Away::Failed(Trouble::Rubbish);
    let owner = node.neighbours.get(feed.owner).ok_or_else(rubbish)?;
    let (xid, id) = node.facts.place(feed.owner).await?;
    let changes: Vec<Value> = owner.get(&format!("/internal/v1/changes?xid={xid}&id={id}")).await?;
    if changes.is_empty() {
        return Ok(false);
    }
    if !changes.iter().all(|change| feeds::position(change).is_some()) {
        return Err(rubbish().into());
    }
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
    Ok(true)
}
