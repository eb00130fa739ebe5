//! What the service does for its callers.

use chrono::{DateTime, Utc};
use diesel::RunQueryDsl as _;
use kit::id::{LoginId, OrganisationId, ProfileId};
use kit::{Db, Error, FieldError, Keyset, Meta, Page, Paged};
use uuid::Uuid;

use crate::mail::message_id;
use crate::model::{Addressee, ChangeRef, Delivery, Entity, Notification, Status, entity_type};

/// The verbs of the contract.
pub trait Store: Send + Sync {
    /// What somebody was told, newest first.
    fn list_notifications(
        &self,
        to: Addressee,
        unread: Option<bool>,
        page: &Page,
    ) -> Result<Paged<Notification>, Error>;

    /// Marks all of these as read, or none: an id that isn't theirs is invalid.
    fn read_notifications(&self, to: Addressee, ids: &[Uuid], meta: &Meta) -> Result<(), Error>;

    /// Mails of all organisations, oldest first.
    fn list_deliveries(&self, status: Option<Status>, page: &Page) -> Result<Paged<Delivery>, Error>;
}

/// The store on Postgres.
pub struct PgStore {
    db: Db,
    mail_domain: String,
}

impl PgStore {
    /// `mail_domain` makes Message-IDs.
    pub fn new(db: Db, mail_domain: String) -> Self {
        Self { db, mail_domain }
    }
}

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

kit::statement! {
    /// All mails, oldest first.
    struct ListDeliveries(after_at: DateTime<Utc> as Timestamptz, after_id: Uuid as Uuid, limit: i64 as BigInt)
        -> (Uuid, Uuid, Text, Text, Text, Integer, Nullable<Timestamptz>, Nullable<Text>, Timestamptz, Nullable<Timestamptz>, BigInt) =
        "select d.organisation_id, d.id, d.recipient, d.subject, d.status, d.attempts, d.next_attempt_at, d.reason, d.created_at, \
             d.sent_at, d.version from notification.deliveries d where (d.created_at, d.id) > ($1, $2) \
         order by d.created_at, d.id limit $3"
}

kit::statement! {
    /// Mails in one state, oldest first.
    struct ListDeliveriesOf<'a>(after_at: DateTime<Utc> as Timestamptz, after_id: Uuid as Uuid, limit: i64 as BigInt, status: &'a str as Text)
        -> (Uuid, Uuid, Text, Text, Text, Integer, Nullable<Timestamptz>, Nullable<Text>, Timestamptz, Nullable<Timestamptz>, BigInt) =
        "select d.organisation_id, d.id, d.recipient, d.subject, d.status, d.attempts, d.next_attempt_at, d.reason, d.created_at, \
             d.sent_at, d.version from notification.deliveries d where d.status = $4 and (d.created_at, d.id) > ($1, $2) \
         order by d.created_at, d.id limit $3"
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
type DeliveryRow = (
    Uuid,
    Uuid,
    String,
    String,
    String,
    i32,
    Option<DateTime<Utc>>,
    Option<String>,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    i64,
);

impl Store for PgStore {
    fn list_notifications(
        &self,
        to: Addressee,
        unread: Option<bool>,
        page: &Page,
    ) -> Result<Paged<Notification>, Error> {
        // The first page starts after the end of time.
        let before =
            page.after.unwrap_or(Keyset { created_at: DateTime::from_timestamp_nanos(i64::MAX), id: Uuid::max() });
        let list = ListNotifications {
            organisation_id: to.organisation_id,
            login_id: to.login_id,
            profile_id: to.profile_id,
            before_at: before.created_at,
            before_id: before.id,
            unread,
            limit: page.fetch(),
        };
        let rows: Vec<NotificationRow> = self.db.read(|connection| Ok(list.clone().load(connection)?))?;
        let items = rows.into_iter().map(notification).collect();
        Ok(page.finish(items, |item: &Notification| Keyset::new(item.created_at, item.id)))
    }

    fn read_notifications(&self, to: Addressee, ids: &[Uuid], meta: &Meta) -> Result<(), Error> {
        let organisation_id = to.organisation_id;
        self.db.write(|connection| {
            let own = LockOwn { organisation_id, ids, login_id: to.login_id, profile_id: to.profile_id };
            let found: Vec<Uuid> = own.load(connection)?;
            let unknown = |(index, _): (usize, &Uuid)| {
                FieldError::new(format!("ids[{index}]"), "not_found", "is not one of your notifications")
            };
            let missing: Vec<_> = ids.iter().enumerate().filter(|(_, id)| !found.contains(id)).map(unknown).collect();
            if !missing.is_empty() {
                return Err(Error::Invalid(missing));
            }
            MarkRead { organisation_id, ids, now: meta.now }.execute(connection)?;
            Ok(())
        })
    }

    fn list_deliveries(&self, status: Option<Status>, page: &Page) -> Result<Paged<Delivery>, Error> {
        let after = page.after.unwrap_or(Keyset { created_at: DateTime::UNIX_EPOCH, id: Uuid::nil() });
        let (after_at, after_id, limit) = (after.created_at, after.id, page.fetch());
        let rows: Vec<DeliveryRow> = self.db.read(|connection| {
            Ok(match status.map(Status::name) {
                Some(status) => ListDeliveriesOf { after_at, after_id, limit, status }.load(connection)?,
                None => ListDeliveries { after_at, after_id, limit }.load(connection)?,
            })
        })?;
        let items = rows.into_iter().map(|row| self.delivery(row)).collect();
        Ok(page.finish(items, |item: &Delivery| Keyset::new(item.created_at, item.id)))
    }
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

impl PgStore {
    fn delivery(&self, row: DeliveryRow) -> Delivery {
        let (
            organisation_id,
            id,
            recipient,
            subject,
            status,
            attempts,
            next_attempt_at,
            reason,
            created_at,
            sent_at,
            version,
        ) = row;
        Delivery {
            id,
            organisation_id: Some(organisation_id).filter(|id| !id.is_nil()),
            recipient: Some(recipient).filter(|recipient| !recipient.is_empty()),
            subject,
            message_id: message_id(id, &self.mail_domain),
            status,
            attempts,
            next_attempt_at,
            reason,
            created_at,
            sent_at,
            version,
        }
    }
}
