//! Mails, as operators see them. How they are sent: `outbox`.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl as _};
use kit::{Error, FieldError, Keyset, Meta, Page, Paged};
use uuid::Uuid;

use crate::model::{Delivery, Status};

macro_rules! list {
    ($of:literal) => {
        concat!(
            "select d.id, nullif(d.organisation_id, '00000000-0000-0000-0000-000000000000'), nullif(d.recipient, ''), d.subject, \
             '<' || d.id || '@' || $4 || '>', d.status, d.attempts, d.next_attempt_at, d.reason, d.created_at, d.sent_at, d.version \
             from notification.deliveries d where ",
            $of,
            "(d.created_at, d.id) > ($1, $2) order by d.created_at, d.id limit $3"
        )
    };
}

kit::statement! {
    /// All mails, oldest first. The domain is the Message-ID's.
    struct ListDeliveries<'a>(
        after_at: DateTime<Utc> as Timestamptz, after_id: Uuid as Uuid, limit: i64 as BigInt, domain: &'a str as Text,
    ) -> (Uuid, Nullable<Uuid>, Nullable<Text>, Text, Text, Text, Integer, Nullable<Timestamptz>, Nullable<Text>, Timestamptz,
        Nullable<Timestamptz>, BigInt) = list!("")
}

kit::statement! {
    /// Mails in one state, oldest first.
    struct ListDeliveriesOf<'a>(
        after_at: DateTime<Utc> as Timestamptz, after_id: Uuid as Uuid, limit: i64 as BigInt, domain: &'a str as Text,
        status: &'a str as Text,
    ) -> (Uuid, Nullable<Uuid>, Nullable<Text>, Text, Text, Text, Integer, Nullable<Timestamptz>, Nullable<Text>, Timestamptz,
        Nullable<Timestamptz>, BigInt) = list!("d.status = $5 and ")
}

kit::statement! {
    /// Those of these mails that were given up, or that ask for a confirmation, and still have an address.
    struct LockFailed<'a>(ids: &'a [Uuid] as Array<Uuid>) -> Uuid =
        "select d.id from notification.deliveries d where (d.status = 'failed' or d.confirms and d.status = 'sent') and d.id = any($1) and d.recipient <> '' \
         order by d.id for no key update"
}

kit::statement! {
    /// They wait again.
    struct Retry<'a>(ids: &'a [Uuid] as Array<Uuid>, now: DateTime<Utc> as Timestamptz) =
        "update notification.deliveries set status = 'waiting', next_attempt_at = $2, sent_again_at = $2, version = version + 1 \
         where status in ('failed', 'sent') and id = any($1)"
}

/// Has all of these sent again, or none: one that wasn't given up is invalid.
pub fn retry(connection: &mut PgConnection, ids: &[Uuid], meta: &Meta) -> Result<(), Error> {
    let found: Vec<Uuid> = LockFailed { ids }.load(connection)?;
    let unknown = |(index, _): (usize, &Uuid)| {
        FieldError::new(format!("ids[{index}]"), "not_found", "is not a mail that was given up")
    };
    let missing: Vec<_> = ids.iter().enumerate().filter(|(_, id)| !found.contains(id)).map(unknown).collect();
    if !missing.is_empty() {
        return Err(Error::Invalid(missing));
    }
    Retry { ids, now: meta.now }.execute(connection)?;
    Ok(())
}

/// Mails of all organisations, oldest first; `domain` is the sender's, which Message-IDs end in.
pub fn list(
    connection: &mut PgConnection,
    status: Option<Status>,
    domain: &str,
    page: &Page,
) -> Result<Paged<Delivery>, Error> {
    let after = page.after.unwrap_or(Keyset { created_at: DateTime::UNIX_EPOCH, id: Uuid::nil() });
    let (after_at, after_id, limit) = (after.created_at, after.id, page.fetch());
    let items = match status.map(Status::name) {
        Some(status) => ListDeliveriesOf { after_at, after_id, limit, domain, status }.load(connection)?,
        None => ListDeliveries { after_at, after_id, limit, domain }.load(connection)?,
    };
    Ok(page.finish(items, |item: &Delivery| Keyset::new(item.created_at, item.id)))
}
