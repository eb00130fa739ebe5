//! Billing's month-end: a run looks at all organisations, so the copies are made whole before one is started. Pages of
//! organisations, and for each page what is counted of them. A page that can't be had is asked for again; with one missing no
//! run starts. There is no common moment: how far the first and the last answer lie apart is measured.

use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

use crate::facts::Fetched;
use crate::http::Trouble;
use crate::neighbour::{Away, Question};
use crate::node::Node;
use crate::nouns::{HEAD_COUNTS, ORGANISATIONS, PLANS, USAGE};
use crate::poll::{self, FEEDS, Waits};

/// How long a page that can't be had is asked for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes the copies whole.
///
/// # Errors
/// A neighbour stayed away, or the local database did: what was fetched is kept, and no run may start.
pub async fn fetch_all(node: &Node) -> Result<(), Waits> {
    let began = Instant::now();
    patiently(|| ensure(node, Question::of(&PLANS, []).now())).await?;
    let mut after = Uuid::nil();
    loop {
        let ids = patiently(|| page(node, after)).await?;
        let Some(last) = ids.last() else { break };
        after = *last;
        for noun in [&ORGANISATIONS, &USAGE, &HEAD_COUNTS] {
            patiently(|| ensure(node, Question::of(noun, ids.iter().copied()).now())).await?;
        }
    }
    // Which plan and which prices were in force stands in Account's feed.
    for feed in FEEDS.iter().filter(|feed| feed.consumer == node.name) {
        let mut place = (0, 0);
        while let Some(next) = patiently(|| poll::page(node, feed, place)).await? {
            place = next;
        }
    }
    node.metrics.spread(began.elapsed());
    Ok(())
}

async fn ensure(node: &Node, question: Question) -> Result<(), Waits> {
    let owner = node.owner(question.noun).ok_or(Away::Failed(Trouble::Unreachable))?;
    match node.facts.ensure(owner, &question).await? {
        Fetched::Known { .. } => Ok(()),
        Fetched::Away(away, _) => Err(away.into()),
    }
}

/// The next organisations, by id.
async fn page(node: &Node, after: Uuid) -> Result<Vec<Uuid>, Waits> {
    let account = node.owner(&ORGANISATIONS).ok_or(Away::Failed(Trouble::Unreachable))?;
    let answer = account.get(&format!("/internal/v1/organisation-ids?after={after}")).await?;
    let ids = answer.get("items").and_then(Value::as_array).ok_or(Away::Failed(Trouble::Rubbish))?;
    let read: Option<Vec<Uuid>> = ids.iter().map(|id| id.as_str()?.parse().ok()).collect();
    Ok(read.ok_or(Away::Failed(Trouble::Rubbish))?)
}

async fn patiently<T, F: Future<Output = Result<T, Waits>>>(attempt: impl Fn() -> F) -> Result<T, Waits> {
    let began = Instant::now();
    loop {
        match attempt().await {
            Err(why) if began.elapsed() < PATIENCE => {
                tracing::debug!(why = %why, "a page of the month-end is asked for again");
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}
