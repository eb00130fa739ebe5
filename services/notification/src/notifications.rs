//! Notifications: listed, and marked as read.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl as _};
use kit::id::{LoginId, OrganisationId, ProfileId};
use kit::{Error, FieldError, Keyset, Meta, Page, Paged};
use uuid::Uuid;

use crate::model::{Addressee, ChangeRef, Entity, Notification, entity_type};

kit::statement! {
    /// Two lists, each by its index, put together: those of the login and those of its person.
    struct ListNotifications(
        organisation_id: OrganisationId as Uuid, login_id: LoginId as Uuid, profile_id: Option<ProfileId> as Nullable<Uuid>,
        before_at: DateTime<Utc> as Timestamptz, before_id: Uuid as Uuid, unread: Option<bool> as Nullable<Bool>, limit: i64 as BigInt,
    ) -> (Uuid, Text, Text, Text, Text, Nullable<Text>, Nullable<BigInt>, Text, Timestamptz, Timestamptz, Nullable<Timestamptz>) =
        "(select n.id, n.kind, n.title, n.body, n.entity_id, n.feed, n.change_id, n.request_id, n.at, n.created_at, n.read_at \
          from notification.notifications n where n.organisation_id = $1 and n.login_id = $2 \
          and (n.created_at, n.id) < ($4, $5) and ($6 is null or (n.read_at is null) = $6) order by n.created_at desc, n.id desc limit $7) \
         union all \
         (select n.id, n.kind, n.title, n.body, n.entity_id, n.feed, n.change_id, n.request_id, n.at, n.created_at, n.read_at \
          from notification.notifications n where n.organisation_id = $1 and n.profile_id = $3 \
          and (n.created_at, n.id) < ($4, $5) and ($6 is null or (n.read_at is null) = $6) order by n.created_at desc, n.id desc limit $7) \
         order by created_at desc, id desc limit $7"
}

kit::statement! {
    /// Those of these notifications that are addressed to somebody.
    struct LockOwn<'a>(
        organisation_id: OrganisationId as Uuid, ids: &'a [Uuid] as Array<Uuid>, login_id: LoginId as Uuid,
        profile_id: Option<ProfileId> as Nullable<Uuid>,
    ) -> Uuid =
        "select n.id from notification.notifications n where n.organisation_id = $1 and n.id = any($2) \
         and (n.login_id = $3 or n.profile_id = $4) order by n.id for no key update"
}

kit::statement! {
    /// They have been read.
    struct MarkRead<'a>(organisation_id: OrganisationId as Uuid, ids: &'a [Uuid] as Array<Uuid>, now: DateTime<Utc> as Timestamptz) =
        "update notification.notifications set read_at = $3 where organisation_id = $1 and id = any($2) and read_at is null"
}

type NotificationRow = (
    Uuid,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<i64>,
    String,
    DateTime<Utc>,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
);

/// The notifications of a login and its person, newest first.
pub fn list(
    connection: &mut PgConnection,
    to: Addressee,
    unread: Option<bool>,
    page: &Page,
) -> Result<Paged<Notification>, Error> {
    // The first page starts after the end of time.
    let end = Keyset { created_at: DateTime::from_timestamp_nanos(i64::MAX), id: Uuid::max() };
    let before = page.after.unwrap_or(end);
    let list = ListNotifications {
        organisation_id: to.organisation_id,
        login_id: to.login_id,
        profile_id: to.profile_id,
        before_at: before.created_at,
        before_id: before.id,
        unread,
        limit: page.fetch(),
    };
    let items = list.load(connection)?.into_iter().map(notification).collect();
    Ok(page.finish(items, |item: &Notification| Keyset::new(item.created_at, item.id)))
}

fn notification(row: NotificationRow) -> Notification {
    let (id, kind, title, body, entity_id, feed, change_id, request_id, at, created_at, read_at) = row;
    Notification {
        id,
        title,
        body,
        entity: Entity { kind: entity_type(&kind), id: entity_id },
        change: feed.zip(change_id).map(|(feed, id)| ChangeRef { feed, id: id.to_string() }),
        kind,
        request_id,
        at,
        created_at,
        read_at,
        version: 1 + i64::from(read_at.is_some()),
    }
}

/// Marks all of these as read, or none: an id that isn't theirs is invalid.
pub fn mark_read(connection: &mut PgConnection, to: Addressee, ids: &[Uuid], meta: &Meta) -> Result<(), Error> {
    let Addressee { organisation_id, login_id, profile_id } = to;
    let found: Vec<Uuid> = LockOwn { organisation_id, ids, login_id, profile_id }.load(connection)?;
    let unknown = |(index, _): (usize, &Uuid)| {
        FieldError::new(format!("ids[{index}]"), "not_found", "is not one of your notifications")
    };
    let missing: Vec<_> = ids.iter().enumerate().filter(|(_, id)| !found.contains(id)).map(unknown).collect();
    if !missing.is_empty() {
        return Err(Error::Invalid(missing));
    }
    MarkRead { organisation_id, ids, now: meta.now }.execute(connection)?;
    Ok(())
}
