//! The table of mails as an outbox: claimed, sent, recorded. A sender that dies in between leaves a lease that runs out, and the mail is
//! sent again with the same Message-ID.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
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
    /// Which invitation that accepts as well.
    pub invitation: Option<Uuid>,
}

/// So many organisations are looked at in one claim. More come to it where thousands wait for a later attempt.
const LOOKED_AT_MAX: i32 = 1000;

kit::statement! {
    /// Mails that are due and that no other sender has claimed: of each organisation its oldest, beginning with the organisation after
    /// the one where the last claim ended, and again from the first. What is left of the limit goes to the oldest mails of all.
    ///
    /// The walk has one step for each organisation with waiting mails, however many these are. It ends as soon as enough organisations
    /// with a mail that is due are found, and never begins if nothing is due. The limits of 64 are there to be numbers that the planner
    /// knows; no more rows are locked than are claimed.
    struct ClaimDue(
        now: DateTime<Utc> as Timestamptz, lease: DateTime<Utc> as Timestamptz, after: Uuid as Uuid, limit: i64 as BigInt,
        steps: i32 as Integer,
    ) -> (Uuid, Uuid, Text, Text, Integer, Timestamptz, Timestamptz, Nullable<Uuid>, Nullable<Uuid>, Uuid) =
        "with recursive walk as ( \
             select $3::uuid as organisation_id, null::timestamptz as due_at, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid as until, \
                 0::int4 as step, 0::int4 as found \
             where (select d.next_attempt_at from notification.deliveries d where d.status = 'waiting' \
                 order by d.next_attempt_at limit 1) <= $1 \
             union all \
             select next.organisation_id, next.next_attempt_at, next.until, w.step + 1, w.found + (next.next_attempt_at <= $1)::int4 \
             from walk w cross join lateral ( \
                 (select d.organisation_id, d.next_attempt_at, w.until from notification.deliveries d \
                  where d.status = 'waiting' and d.organisation_id > w.organisation_id and d.organisation_id <= w.until \
                  order by d.organisation_id, d.next_attempt_at limit 1) \
                 union all \
                 (select d.organisation_id, d.next_attempt_at, $3::uuid from notification.deliveries d \
                  where w.until <> $3 and d.status = 'waiting' and d.organisation_id <= $3 \
                  order by d.organisation_id, d.next_attempt_at limit 1) \
                 limit 1 \
             ) next where w.step < $5 and w.found < $4 \
         ), turn as materialized ( \
             select w.organisation_id from walk w where w.due_at <= $1 \
         ), fair as materialized ( \
             select d.organisation_id, d.id from turn t cross join lateral (select * from ( \
                 select d.organisation_id, d.id from notification.deliveries d \
                 where d.organisation_id >= t.organisation_id and d.organisation_id <= t.organisation_id \
                 and d.status = 'waiting' and d.next_attempt_at <= $1 \
                 order by d.organisation_id, d.next_attempt_at limit 64 for update skip locked \
             ) d limit (select $4 / greatest(count(*), 1) from turn)) d \
         ), rest as materialized ( \
             select * from ( \
                 select d.organisation_id, d.id from notification.deliveries d \
                 where d.status = 'waiting' and d.next_attempt_at <= $1 and d.id <> all (array(select f.id from fair f)) \
                 order by d.next_attempt_at limit 64 for update skip locked \
             ) d limit $4 - (select count(*) from fair) \
         ), due as ( \
             select f.organisation_id, f.id from fair f union all select r.organisation_id, r.id from rest r \
         ) \
         update notification.deliveries d set attempts = d.attempts + 1, next_attempt_at = $2, version = d.version + 1 \
         from due where d.organisation_id = due.organisation_id and d.id = due.id \
         returning d.organisation_id, d.id, d.recipient, d.subject, d.attempts, d.created_at, \
             coalesce(d.sent_again_at, d.created_at), case when d.confirms then d.address_id end, \
             case when d.confirms then (select i.invitation_id from notification.invitations i where i.invitation_id = d.id) end, \
             (select w.organisation_id from walk w order by w.step desc limit 1)"
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

/// Makes claims on this connection read the indexes in their order, whatever the statistics say: these are from before a flood, when
/// next to nothing waited, and with them all that waits would be read and sorted for each claim.
pub fn prepare(connection: &mut PgConnection) -> QueryResult<()> {
    let settings = ["enable_sort", "enable_incremental_sort", "enable_seqscan", "jit"];
    connection.batch_execute(&settings.map(|setting| format!("set {setting} = off")).join("; "))
}

type ClaimRow = (Uuid, Uuid, String, String, i32, DateTime<Utc>, DateTime<Utc>, Option<Uuid>, Option<Uuid>, Uuid);

/// Claims mails that are due until `now + lease`, 64 at most, of the organisations in turn: `after` is the last one of the claim before (nil: the first
/// claim), and is moved on.
pub fn claim(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    lease: TimeDelta,
    limit: i64,
    after: &mut Uuid,
) -> QueryResult<Vec<Claim>> {
    let claim_due = ClaimDue { now, lease: now + lease, after: *after, limit, steps: LOOKED_AT_MAX };
    let rows: Vec<ClaimRow> = claim_due.load(connection)?;
    *after = rows.first().map_or(*after, |row| row.9);
    let claim =
        |(organisation_id, id, recipient, subject, attempts, created_at, tried_from, asks, invitation, _): ClaimRow| {
            Claim { organisation_id, id, recipient, subject, attempts, created_at, tried_from, asks, invitation }
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
        invites: claim.invitation.is_some(),
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
