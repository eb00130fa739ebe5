//! `dba after-restore`: makes the feeds readable in a cluster that the database was restored into from a dump.
//!
//! A dump carries transaction ids of another cluster, and here they mean nothing. What a reader had read gets id 0, what it hadn't gets 1,
//! and the reader goes on between the two. Within one id the feed is ordered by its own numbers, which were given under each
//! entity's lock: so that order is each entity's, too. Running it again changes nothing that anybody could notice.

use serde::Serialize;

use crate::error::{Doing, Result};
use crate::session::Session;

/// The services that have a feed.
const FEEDS: [&str; 4] = ["account", "profile", "registry", "billing"];

/// The result for one feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Feed {
    /// Whose.
    pub feed: String,
    /// Changes that had been read.
    pub read: u64,
    /// Changes that are still to be read.
    pub unread: u64,
}

/// Renumbers all feeds and sets the cursors between what was read and what wasn't; in one transaction, as `govrnanza_admin`.
///
/// Before the services are started: a change written meanwhile, under an id lower than a cursor's, would count as read.
pub fn after_restore(admin_url: &str) -> Result<Vec<Feed>> {
    let mut session = Session::connect(admin_url)?;
    session.transaction(|session| FEEDS.into_iter().map(|feed| renumber(session, feed)).collect())
}

fn renumber(session: &mut Session, feed: &str) -> Result<Feed> {
    session.run("set local role notification_owner", "becoming the cursors' owner")?;
    let cursor = session
        .client
        .query_opt("select c.xid::text, c.id from notification.feed_cursors c where c.feed = $1 for update", &[&feed])
        .doing("reading a cursor")?;
    session.run(
        &format!(
            "update notification.feed_cursors set xid = '1', id = 0, fan_out_id = null, fan_out_after = null \
             where feed = '{feed}'"
        ),
        "setting a cursor",
    )?;
    // Nobody has read a feed without a cursor.
    let (xid, id): (String, i64) = cursor.map_or_else(|| ("0".to_owned(), 0), |row| (row.get(0), row.get(1)));
    session.run(&format!("set local role {feed}_owner"), "becoming a feed's owner")?;
    session.run(&format!("lock table {feed}.changes in share row exclusive mode"), "waiting for writers")?;
    // One statement, since each of the two halves would move rows into the other's range.
    let counted = session
        .client
        .query(
            &format!(
                "with numbered as ( \
                     update {feed}.changes c set xid = case when (c.xid, c.id) <= ('{xid}'::xid8, {id}) then '0'::xid8 else '1'::xid8 end \
                     returning c.xid = '0'::xid8 as read \
                 ) \
                 select count(*) filter (where n.read), count(*) filter (where not n.read) from numbered n"
            ),
            &[],
        )
        .doing("renumbering a feed")?;
    let number = |column: usize| counted.first().map_or(0, |row| row.get::<_, i64>(column).unsigned_abs());
    let (read, unread) = (number(0), number(1));
    if feed == "registry" {
        // Their transactions mean nothing here either: they are placed by their times, like watches older than these columns.
        session.run(
            "update registry.watches set created_xid = null, ended_xid = null",
            "forgetting the places of watches",
        )?;
    }
    session.run("reset role", "becoming oneself again")?;
    Ok(Feed { feed: feed.to_owned(), read, unread })
}
