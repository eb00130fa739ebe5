//! Billing's month-end: a run looks at all organisations, so the copies are made whole before one is started. Pages of
//! organisations, and for each page what is counted of them. A page that can't be had is asked for again; with one missing no
//! run starts. There is no common moment: how far the first and the last answer lie apart is measured.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing::period::Period;
use billing::store::runs;
use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};
use kit::{Boot, Progress};
use tokio::runtime::Handle;
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

/// Between two looks whether a run is due.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked whether the service is stopping.
const TICK: Duration = Duration::from_millis(50);
/// Nothing tried for longer: the service isn't ready. Longer than all the pages of a large platform take.
const STUCK: Duration = Duration::from_secs(600);

/// Begins the runs that are due by the clock, as the product does it by itself, once the copies are whole. The run's row is written last:
/// whatever dies before it is done anew, and what comes after is the product's own, which goes on where it was.
///
/// # Errors
/// No thread can be started.
pub fn by_schedule(boot: &Boot<billing::Settings>, node: Arc<Node>, calls: Handle) -> std::io::Result<()> {
    let (db, clock) = (boot.db(), boot.clock());
    let spawned = boot.threads().spawn("billing-month-end", STUCK, move |progress| {
        while !progress.stopping() {
            let now = clock.now();
            match calls.block_on(made_whole(&node, now, progress)) {
                Ok(false) => {}
                Ok(true) => {
                    let begun = (|| {
                        while db.write(|c| runs::start_due(c, now))? {}
                        Ok::<_, kit::Error>(())
                    })();
                    match begun {
                        Ok(()) => tracing::info!(period = %Period::last_due(now), "a month's run is begun by schedule"),
                        Err(error) => tracing::warn!(%error, "a month's run can't be begun yet"),
                    }
                }
                Err(why) => tracing::warn!(why = %why, "a month's run waits for its inputs"),
            }
            progress.waits();
            calls.block_on(stopped(progress, LOOK));
        }
    });
    spawned.map(drop)
}

/// Whether a run is due, and everything is there for it. False, too, where the service is stopping.
async fn made_whole(node: &Node, now: DateTime<Utc>, progress: &Progress) -> Result<bool, Waits> {
    let period = Period::last_due(now).to_string();
    let text = "select to_json(not exists (select from billing.runs r where r.period = $1))::text";
    if !node.reader.json::<bool>(text, &[&period]).await? {
        return Ok(false);
    }
    match select(pin!(fetch_all(node)), pin!(stopped(progress, STUCK))).await {
        Either::Left((fetched, _)) => fetched.map(|()| true),
        Either::Right(_) => Ok(false),
    }
}

/// Returns when the service is stopping, or after so long.
async fn stopped(progress: &Progress, after: Duration) {
    let since = Instant::now();
    while !progress.stopping() && since.elapsed() < after {
        tokio::time::sleep(TICK).await;
    }
}

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
        while patiently(|| poll::page(node, feed)).await? {}
    }
    node.metrics.spread(began.elapsed());
    tracing::info!(spread_ms = began.elapsed().as_millis(), "the month's inputs are whole");
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
    Ok(account.get(&format!("/internal/v1/organisation-ids?after={after}")).await?)
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
