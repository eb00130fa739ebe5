//! The table of mails as an outbox: claimed, sent, recorded. A sender that dies in between leaves a lease that runs out, and the mail is
//! sent again with the same Message-ID.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

use crate::mail::{Item, Letter, SHOWN_MAX};

/// A mail that this sender has for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose.
    pub organisation_id: Uuid,
    /// The delivery.
    pub id: Uuid,
    /// The address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// Attempts, this one included.
    pub attempts: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it has been tried: when it was made, or when an operator had it sent again.
    pub tried_from: DateTime<Utc>,
    /// Whom it asks to confirm their address; none: it tells of changes.
    pub asks: Option<Uuid>,
}

kit::statement! {
    /// Mails that are due and that no other sender has claimed, oldest first.
    struct ClaimDue(now: DateTime<Utc> as Timestamptz, lease: DateTime<Utc> as Timestamptz, limit: i64 as BigInt)
        -> (Uuid, Uuid, Text, Text, Integer, Timestamptz, Timestamptz, Nullable<Uuid>) =
        "with due as materialized ( \
             select d.organisation_id, d.id from notification.deliveries d where d.status = 'waiting' and d.next_attempt_at <= $1 \
             order by d.next_attempt_at limit $3 for update skip locked \
         ) \
         update notification.deliveries d set attempts = d.attempts + 1, next_attempt_at = $2, version = d.version + 1 \
         from due where d.organisation_id = due.organisation_id and d.id = due.id \
         returning d.organisation_id, d.id, d.recipient, d.subject, d.attempts, d.created_at, \
             coalesce(d.sent_again_at, d.created_at), case when d.confirms then d.address_id end"
}

kit::statement! {
    /// The notifications in a mail, oldest first: the notification of the same id, or those that were rolled up into it.
    struct FindItems(organisation_id: Uuid as Uuid, delivery_id: Uuid as Uuid, limit: i64 as BigInt)
        -> (Text, Text, Timestamptz, Text, BigInt) =
        "select n.title, n.body, n.at, n.request_id, count(*) over () from ( \
             select * from notification.notifications a where a.organisation_id = $1 and a.id = $2 and a.delivery_id = a.id \
             union all \
             select * from notification.notifications b where b.organisation_id = $1 and b.delivery_id = $2 and b.delivery_id <> b.id \
         ) n order by n.created_at, n.id limit $3"
}

kit::statement! {
    /// The mail server took it.
    struct RecordSent(organisation_id: Uuid as Uuid, id: Uuid as Uuid, now: DateTime<Utc> as Timestamptz) =
        "update notification.deliveries set status = 'sent', next_attempt_at = null, sent_at = $3, reason = null, version = version + 1 \
         where organisation_id = $1 and id = $2 and status = 'waiting'"
}

kit::statement! {
    /// The mail server didn't. Only the sender that still holds the claim may record it.
    struct RecordFailed<'a>(
        organisation_id: Uuid as Uuid, id: Uuid as Uuid, attempts: i32 as Integer, status: &'a str as Text,
        next_attempt_at: Option<DateTime<Utc>> as Nullable<Timestamptz>, reason: &'a str as Text,
    ) =
        "update notification.deliveries set status = $4, next_attempt_at = $5, reason = $6, version = version + 1 \
         where organisation_id = $1 and id = $2 and attempts = $3 and status = 'waiting'"
}

kit::statement! {
    /// Claimed, and not tried: nobody has to wait for the lease's end.
    struct Release<'a>(ids: &'a [Uuid] as Array<Uuid>, organisations: &'a [Uuid] as Array<Uuid>, attempts: &'a [i32] as Array<Integer>,
        now: DateTime<Utc> as Timestamptz) =
        "update notification.deliveries d set attempts = d.attempts - 1, next_attempt_at = $4, version = d.version + 1 \
         from unnest($1::uuid[], $2::uuid[], $3::int4[]) as c (id, organisation_id, attempts) \
         where d.organisation_id = c.organisation_id and d.id = c.id and d.attempts = c.attempts and d.status = 'waiting'"
}

/// Gives claims back that were not tried.
pub fn release(connection: &mut PgConnection, claims: &[Claim], now: DateTime<Utc>) -> QueryResult<()> {
    Release {
        ids: &claims.iter().map(|claim| claim.id).collect::<Vec<_>>(),
        organisations: &claims.iter().map(|claim| claim.organisation_id).collect::<Vec<_>>(),
        attempts: &claims.iter().map(|claim| claim.attempts).collect::<Vec<_>>(),
        now,
    }
    .execute(connection)
    .map(drop)
}

type ClaimRow = (Uuid, Uuid, String, String, i32, DateTime<Utc>, DateTime<Utc>, Option<Uuid>);

/// Claims mails that are due until `now + lease`.
pub fn claim(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    lease: TimeDelta,
    limit: i64,
) -> QueryResult<Vec<Claim>> {
    let rows: Vec<ClaimRow> = ClaimDue { now, lease: now + lease, limit }.load(connection)?;
    let claim = |(organisation_id, id, recipient, subject, attempts, created_at, tried_from, asks): ClaimRow| Claim {
        organisation_id,
        id,
        recipient,
        subject,
        attempts,
        created_at,
        tried_from,
        asks,
    };
    Ok(rows.into_iter().map(claim).collect())
}

/// The content of a claimed mail.
pub fn letter(connection: &mut PgConnection, claim: &Claim) -> QueryResult<Letter> {
    let limit = i64::try_from(SHOWN_MAX).unwrap_or(i64::MAX);
    let rows: Vec<(String, String, DateTime<Utc>, String, i64)> =
        FindItems { organisation_id: claim.organisation_id, delivery_id: claim.id, limit }.load(connection)?;
    let all = rows.first().map_or(0, |row| row.4);
    let items: Vec<_> =
        rows.into_iter().map(|(title, body, at, request_id, _)| Item { title, body, at, request_id }).collect();
    Ok(Letter {
        id: claim.id,
        recipient: claim.recipient.clone(),
        subject: claim.subject.clone(),
        created_at: claim.created_at,
        link: None,
        more: all - i64::try_from(items.len()).unwrap_or_default(),
        items,
    })
}

/// The mail server took it.
pub fn sent(connection: &mut PgConnection, claim: &Claim, now: DateTime<Utc>) -> QueryResult<()> {
    RecordSent { organisation_id: claim.organisation_id, id: claim.id, now }.execute(connection).map(drop)
}

/// The mail server didn't take it: again at `next`, or never.
pub fn failed(
    connection: &mut PgConnection,
    claim: &Claim,
    next: Option<DateTime<Utc>>,
    reason: &str,
) -> QueryResult<()> {
    let status = if next.is_some() { "waiting" } else { "failed" };
    let (organisation_id, id, attempts) = (claim.organisation_id, claim.id, claim.attempts);
    RecordFailed { organisation_id, id, attempts, status, next_attempt_at: next, reason }.execute(connection).map(drop)
}
