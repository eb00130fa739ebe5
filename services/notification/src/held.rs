//! Mails that are held back, as the database knows them. What becomes of them: `admission`.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

/// Organisation, mail, its login or person, its address; whether it invites, and to a login that is gone.
pub type HeldRow = (Uuid, Uuid, Option<Uuid>, Option<Uuid>, String, bool, bool);

/// Whose mails a batch is of.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// These organisations'.
    Of(&'a [Uuid]),
    /// All but these organisations'.
    AllBut(&'a [Uuid]),
}

impl Whose<'_> {
    /// Those that are to be looked at, oldest first.
    pub fn held(self, connection: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> QueryResult<Vec<HeldRow>> {
        match self {
            Self::Of(organisations) => FindHeldOf { now, organisations, limit }.load(connection),
            Self::AllBut(but) => FindHeld { now, but, limit }.load(connection),
        }
    }
}

kit::statement! {
    /// Mails that are held back and to be looked at, oldest first, but for those of some organisations; whether they invite, and whether the login
    /// that they invite to is there no more.
    struct FindHeld<'a>(now: DateTime<Utc> as Timestamptz, but: &'a [Uuid] as Array<Uuid>, limit: i64 as BigInt)
        -> (Uuid, Uuid, Nullable<Uuid>, Nullable<Uuid>, Text, Bool, Bool) =
        "select d.organisation_id, d.id, d.login_id, d.profile_id, d.recipient, d.confirms, \
             d.confirms and not exists (select from published.login_contacts l where l.invitation_id = d.id) \
         from notification.deliveries d \
         where d.status = 'held' and d.next_attempt_at <= $1 and d.organisation_id <> all($2) order by d.next_attempt_at, d.id limit $3"
}

kit::statement! {
    /// The same of some organisations.
    struct FindHeldOf<'a>(now: DateTime<Utc> as Timestamptz, organisations: &'a [Uuid] as Array<Uuid>, limit: i64 as BigInt)
        -> (Uuid, Uuid, Nullable<Uuid>, Nullable<Uuid>, Text, Bool, Bool) =
        "select d.organisation_id, d.id, d.login_id, d.profile_id, d.recipient, d.confirms, \
             d.confirms and not exists (select from published.login_contacts l where l.invitation_id = d.id) \
         from notification.deliveries d \
         where d.status = 'held' and d.organisation_id = any($2) and d.next_attempt_at <= $1 order by d.next_attempt_at, d.id limit $3"
}

kit::statement! {
    /// What waits for a time that is further away than any wait was made before the clock was set back: it is due now.
    pub struct PutForward(now: DateTime<Utc> as Timestamptz, latest: DateTime<Utc> as Timestamptz) =
        "with waiting as ( \
             update notification.deliveries set next_attempt_at = $1, version = version + 1 \
             where status = 'waiting' and next_attempt_at > $2 \
         ) \
         update notification.deliveries set next_attempt_at = $1, version = version + 1 where status = 'held' and next_attempt_at > $2"
}

kit::statement! {
    /// What waits for these recipients since it was looked at: one mail for each.
    pub struct FindCollected<'a>(organisations: &'a [Uuid] as Array<Uuid>, recipients: &'a [Uuid] as Array<Uuid>)
        -> (Uuid, Uuid, Nullable<Uuid>, Nullable<Uuid>) =
        "select d.organisation_id, d.id, d.login_id, d.profile_id from unnest($1::uuid[], $2::uuid[]) as r (organisation_id, id) \
         join notification.deliveries d on d.organisation_id = r.organisation_id and coalesce(d.profile_id, d.login_id) = r.id \
         where d.status = 'held' and d.address_id is not null and not d.confirms"
}

kit::statement! {
    /// Those of these addresses that were asked, and whether they are confirmed.
    pub struct FindAddresses<'a>(organisations: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>) -> (Uuid, Uuid, Bool, Bool) =
        "select a.organisation_id, a.address_id, a.asked_at is not null, a.confirmed_at is not null \
         from unnest($1::uuid[], $2::uuid[]) as r (organisation_id, id) \
         join notification.addresses a on a.organisation_id = r.organisation_id and a.address_id = r.id"
}

kit::statement! {
    /// The one mail that an address gets before it is confirmed.
    pub struct Ask<'a>(
        organisation_id: Uuid as Uuid, address_id: Uuid as Uuid, id: Uuid as Uuid, login_id: Option<Uuid> as Nullable<Uuid>,
        profile_id: Option<Uuid> as Nullable<Uuid>, recipient: &'a str as Text, subject: &'a str as Text, now: DateTime<Utc> as Timestamptz,
    ) =
        "with asked as ( \
             insert into notification.addresses as a (organisation_id, address_id, asked_at) values ($1, $2, $8) \
             on conflict (organisation_id, address_id) do update set asked_at = excluded.asked_at where a.asked_at is null \
             returning a.organisation_id \
         ) \
         insert into notification.deliveries (organisation_id, id, login_id, profile_id, recipient, subject, status, attempts, \
             next_attempt_at, version, created_at, address_id, confirms) \
         select organisation_id, $3, $4, $5, $6, $7, 'waiting', 0, $8, 1, $8, $2, true from asked"
}

kit::statement! {
    /// These are sent, each in its turn; of those that were collected the subject says how much is in them.
    pub struct LetGo<'a>(
        organisations: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>, recipients: &'a [String] as Array<Text>,
        now: DateTime<Utc> as Timestamptz,
    ) =
        "update notification.deliveries d set status = 'waiting', recipient = l.recipient, next_attempt_at = least(d.next_attempt_at, $4), \
             reason = null, version = d.version + 1, \
             subject = ( \
                 select case when count(*) > 1 then count(*) || ' changes' else d.subject end from notification.notifications n \
                 where n.organisation_id = d.organisation_id \
                 and (n.id = d.id and n.delivery_id = n.id or n.delivery_id = d.id and n.delivery_id <> n.id)) \
         from unnest($1::uuid[], $2::uuid[], $3::text[]) as l (organisation_id, id, recipient) \
         where d.organisation_id = l.organisation_id and d.id = l.id"
}

kit::statement! {
    /// What these mails say is in others from now on: a mail of one notification has its id, …
    pub struct MoveOwn<'a>(organisations: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>, into: &'a [Uuid] as Array<Uuid>) =
        "update notification.notifications n set delivery_id = m.into_id \
         from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as m (organisation_id, id, into_id) \
         where n.organisation_id = m.organisation_id and n.id = m.id and n.delivery_id = m.id"
}

kit::statement! {
    /// … one of several is named by them.
    pub struct MoveOthers<'a>(organisations: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>, into: &'a [Uuid] as Array<Uuid>) =
        "update notification.notifications n set delivery_id = m.into_id \
         from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as m (organisation_id, id, into_id) \
         where n.organisation_id = m.organisation_id and n.delivery_id = m.id and n.delivery_id <> n.id"
}

kit::statement! {
    /// Nothing is left in them.
    pub struct EndMoved<'a>(organisations: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>) =
        "delete from notification.deliveries d using unnest($1::uuid[], $2::uuid[]) as m (organisation_id, id) \
         where d.organisation_id = m.organisation_id and d.id = m.id"
}

kit::statement! {
    /// These wait: until then, or until their address is confirmed.
    pub struct Hold<'a>(
        organisations: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>, recipients: &'a [String] as Array<Text>,
        addresses: &'a [Uuid] as Array<Uuid>, until: &'a [Option<DateTime<Utc>>] as Array<Nullable<Timestamptz>>,
    ) =
        "update notification.deliveries d set recipient = h.recipient, address_id = h.address_id, next_attempt_at = h.until, \
             version = d.version + 1, \
             reason = case when h.until is null then 'the address is not confirmed' else 'more mails than may be sent: later, all in one' end \
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[]) as h (organisation_id, id, recipient, address_id, until) \
         where d.organisation_id = h.organisation_id and d.id = h.id"
}
