//! From changes to notifications: they, and how far the feed has been read, are committed in the same transaction.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{Connection as _, PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

use crate::admission;
use crate::audience::{self, Recipient, Wanted};
use crate::counters::Caps;
use crate::cursor::Cursor;
use crate::feed::{self, Change, Feed};
use crate::gone;
use crate::held::Whose;
use crate::invitations;
use crate::lookup::Lookup;
use crate::message::{Audience, Message};
use crate::templates;
use crate::turns::Turns;

/// The feed's time is ahead of the clock by a microsecond for each change, and by what the clocks of two instances differ.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(1);

/// How much one transaction does.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Changes read at once: bounds the memory.
    pub changes: i64,
    /// Recipients: bounds the transaction's length. A change with more of them takes several transactions.
    pub recipients: i64,
    /// After this time it ends with the change it is at.
    pub time: Duration,
    /// Mails that may be sent.
    pub caps: Caps,
}

impl Default for Limits {
    fn default() -> Self {
        Self { changes: 200, recipients: 1000, time: Duration::from_millis(500), caps: Caps::default() }
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Changes that are done.
    pub changes: usize,
    /// Notifications made, or found to be there already.
    pub notifications: i64,
    /// There is more to read at once.
    pub more: bool,
}

/// Reads the next changes of a feed, makes their notifications, and moves the cursor: all of it or nothing.
///
/// Exactly once, however many instances do it at a time: the cursor is locked and must be where it was when the changes were read.
/// The changes are read before that, since a lock takes a transaction id, below which this transaction could then see no change.
pub fn step(connection: &mut PgConnection, feed: Feed, now: DateTime<Utc>, limits: &Limits) -> QueryResult<Progress> {
    on(connection, feed, now, limits, &mut Turns::default())
}

fn on(
    connection: &mut PgConnection,
    feed: Feed,
    now: DateTime<Utc>,
    limits: &Limits,
    turns: &mut Turns,
) -> QueryResult<Progress> {
    connection.transaction(|connection| {
        let mut cursor = Cursor::find(connection, feed, now)?;
        work(connection, feed, now, limits, (&mut cursor, None), turns)
    })
}

/// The same for everybody in turn: where one organisation keeps the feed from getting to its end, what the others changed after it is told
/// as well, before the cursor is there. Two transactions at most.
pub fn turn(
    connection: &mut PgConnection,
    feed: Feed,
    now: DateTime<Utc>,
    limits: &Limits,
    turns: &mut Turns,
) -> QueryResult<Progress> {
    let first = on(connection, feed, now, limits, turns)?;
    if !first.more {
        *turns = Turns::default();
    } else if turns.anybody_is_long(limits.time) {
        // A failure leaves it where it was.
        let mut there = turns.there.clone();
        let others = connection.transaction(|connection| {
            let mut cursor = Cursor::find(connection, feed, now)?;
            let mut ahead = match there.take() {
                Some(there) if (there.xid, there.id) > (cursor.xid, cursor.id) => there,
                _ => Cursor { fan_out: None, ..cursor.clone() },
            };
            let progress = work(connection, feed, now, limits, (&mut cursor, Some(&mut ahead)), turns)?;
            there = Some(ahead);
            if !progress.more {
                turns.at_the_end();
            }
            Ok::<_, diesel::result::Error>(progress)
        })?;
        turns.there = there;
        return Ok(Progress { notifications: first.notifications + others.notifications, ..first });
    }
    Ok(first)
}

/// From the cursor on, or from `ahead` of it without those that take long: the cursor then stays, and when it gets there nobody is told again.
fn work(
    connection: &mut PgConnection,
    feed: Feed,
    now: DateTime<Utc>,
    limits: &Limits,
    (cursor, ahead): (&mut Cursor, Option<&mut Cursor>),
    turns: &mut Turns,
) -> QueryResult<Progress> {
    let begin = Instant::now();
    let (place, except) = match &ahead {
        None => ((cursor.xid, cursor.id), &[][..]),
        Some(ahead) => ((ahead.xid, ahead.id), &turns.long[..]),
    };
    let changes = feed::read(connection, feed, place, limits.changes, except)?;
    if changes.is_empty() {
        return Ok(Progress::default());
    }
    if Cursor::lock(connection, feed)? != *cursor {
        return Ok(Progress { more: true, ..Progress::default() });
    }
    turns.took(&changes, begin.elapsed());
    let progress = match ahead {
        None => work_through(connection, &changes, cursor, now, limits, turns)?,
        Some(ahead) => {
            ahead.updated_at = cursor.updated_at;
            let progress = work_through(connection, &changes, ahead, now, limits, turns)?;
            cursor.updated_at = ahead.updated_at;
            progress
        }
    };
    cursor.store(connection, feed)?;
    if progress.notifications > 0 {
        // Of these organisations alone: what waits of others doesn't keep these back.
        let organisations: Vec<_> = changes.iter().map(|change| change.organisation_id.unwrap_or_default()).collect();
        admission::run(connection, time(cursor, now), &limits.caps, Whose::Of(&organisations))?;
    }
    Ok(progress)
}

/// When what was just made is due: at the feed's time, which keeps its order, unless that was taken from a clock that has been set back since.
fn time(cursor: &Cursor, now: DateTime<Utc>) -> DateTime<Utc> {
    if cursor.updated_at - now > CLOCKS_DIFFER { now } else { cursor.updated_at }
}

fn work_through(
    connection: &mut PgConnection,
    changes: &[Change],
    cursor: &mut Cursor,
    now: DateTime<Utc>,
    limits: &Limits,
    turns: &mut Turns,
) -> QueryResult<Progress> {
    let begin = Instant::now();
    let mut lookup = Lookup::of(connection, changes)?;
    let mut progress = Progress::default();
    for change in changes {
        let (left, since) = (limits.recipients - progress.notifications, Instant::now());
        if progress.changes > 0 && (left <= 0 || begin.elapsed() > limits.time) {
            break;
        }
        // Each change has a later time than the one before it: lists by time keep the feed's order.
        cursor.updated_at = now.max(cursor.updated_at + TimeDelta::microseconds(1));
        let made = notify(connection, &mut lookup, change, cursor, now, left.max(1))?;
        turns.took(std::slice::from_ref(change), since.elapsed());
        progress.notifications += made;
        if cursor.fan_out.is_some() {
            break;
        }
        progress.changes += 1;
    }
    progress.more = cursor.fan_out.is_some() || progress.changes > 0;
    Ok(progress)
}

/// Makes the notifications of one change for at most `limit` people, and moves the cursor past it, or to the last of them.
fn notify(
    connection: &mut PgConnection,
    lookup: &mut Lookup,
    change: &Change,
    cursor: &mut Cursor,
    now: DateTime<Utc>,
    limit: i64,
) -> QueryResult<i64> {
    let after = cursor.fan_out.take().filter(|(id, _)| *id == change.id).map(|(_, after)| after);
    lookup.learn(connection, change)?;
    gone::forget(connection, change)?;
    let actor = lookup.actor(change);
    let mut made = invitations::invite(connection, change, (cursor.updated_at, time(cursor, now)))?;
    if let Some(message) = templates::message(change, &lookup.names, &lookup.by(&actor)) {
        let wanted = Wanted {
            organisation_id: change.organisation_id.unwrap_or_default(),
            xid: change.xid,
            at: change.at,
            actor: &actor,
            after: after.unwrap_or_default(),
            limit,
        };
        let chunk = audience::chunk(connection, &message.audience, &wanted)?;
        made += i64::try_from(chunk.recipients.len()).unwrap_or(i64::MAX);
        insert(connection, change, &message, &chunk.recipients, cursor.updated_at, time(cursor, now))?;
        if let Some(last) = chunk.last {
            cursor.fan_out = Some((change.id, last));
            return Ok(made);
        }
    }
    (cursor.xid, cursor.id) = (change.xid, change.id);
    Ok(made)
}

kit::statement! {
    /// Notifications of one change for many, and the mails of those who don't wait for a roll-up. A mail of one notification has its id.
    struct InsertNotifications<'a>(
        organisation_id: Uuid as Uuid, ids: &'a [Uuid] as Array<Uuid>, recipients: &'a [Uuid] as Array<Uuid>,
        variants: &'a [i32] as Array<Integer>, emails: &'a [Option<&'a str>] as Array<Nullable<Text>>,
        at_once: &'a [bool] as Array<Bool>, are_logins: bool as Bool, feed: &'a str as Text, change_id: i64 as BigInt,
        kinds: &'a [&'a str] as Array<Text>, titles: &'a [&'a str] as Array<Text>, bodies: &'a [&'a str] as Array<Text>,
        entity_id: &'a str as Text, request_id: &'a str as Text, at: DateTime<Utc> as Timestamptz,
        created_at: DateTime<Utc> as Timestamptz, due_at: DateTime<Utc> as Timestamptz,
    ) =
        "with r as materialized ( \
             select * from unnest($2::uuid[], $3::uuid[], $4::int4[], $5::text[], $6::bool[]) as r (id, recipient, variant, email, at_once) \
         ), told as ( \
             insert into notification.notifications (organisation_id, id, login_id, profile_id, feed, change_id, kind, title, body, \
                 entity_id, request_id, at, created_at, pending, delivery_id) \
             select $1, r.id, case when $7 then r.recipient end, case when not $7 then r.recipient end, $8, $9, ($10::text[])[r.variant], \
                 ($11::text[])[r.variant], ($12::text[])[r.variant], $13, $14, $15, $16, \
                 r.email is not null and not r.at_once, case when r.email is not null and r.at_once then r.id end \
             from r on conflict do nothing returning id, login_id, profile_id, title, delivery_id \
         ) \
         insert into notification.deliveries (organisation_id, id, login_id, profile_id, recipient, subject, status, attempts, \
             next_attempt_at, version, created_at) \
         select $1, t.id, t.login_id, t.profile_id, r.email, t.title, 'held', 0, $17, 1, $16 \
         from told t join r on r.id = t.delivery_id"
}

fn insert(
    connection: &mut PgConnection,
    change: &Change,
    message: &Message,
    recipients: &[Recipient],
    created_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
) -> QueryResult<()> {
    if recipients.is_empty() {
        return Ok(());
    }
    // One by one in this order: ids of the same moment differ by chance alone, and nothing depends on their order.
    let ids: Vec<_> = recipients.iter().map(|_| kit::id::uuid_v7(created_at)).collect();
    let variants: Vec<_> = recipients.iter().map(|one| Message::variant(one.how) as i32 + 1).collect();
    InsertNotifications {
        organisation_id: change.organisation_id.unwrap_or_default(),
        ids: &ids,
        recipients: &recipients.iter().map(|one| one.id).collect::<Vec<_>>(),
        variants: &variants,
        emails: &recipients.iter().map(|one| one.email.as_deref()).collect::<Vec<_>>(),
        at_once: &recipients.iter().map(|one| one.at_once).collect::<Vec<_>>(),
        are_logins: matches!(message.audience, Audience::Admins | Audience::Login(..)),
        feed: change.feed.name(),
        change_id: change.id,
        kinds: &message.variants.each_ref().map(|variant| variant.kind),
        titles: &message.variants.each_ref().map(|variant| variant.title.as_str()),
        bodies: &message.variants.each_ref().map(|variant| variant.body.as_str()),
        entity_id: &change.entity_id,
        request_id: &change.request_id,
        at: change.at,
        created_at,
        due_at,
    }
    .execute(connection)
    .map(drop)
}
