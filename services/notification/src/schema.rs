//! The service's own tables.

/// SQL types diesel doesn't know.
pub mod sql_types {
    /// A 64-bit transaction id.
    #[derive(Debug, Clone, Copy, diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "xid8", schema = "pg_catalog"))]
    pub struct Xid8;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Xid8;

    /// How far each change feed has been read; moved in the transaction that wrote its notifications.
    notification.feed_cursors (feed) {
        feed -> Text,
        /// Position (xid, id): everything at or below it has been worked through.
        xid -> Xid8,
        id -> Int8,
        /// The next change, where only some of its recipients have been told yet.
        fan_out_id -> Nullable<Int8>,
        /// The last recipient of that change who has been told; they are told in the order of their ids.
        fan_out_after -> Nullable<Uuid>,
        /// Never goes back: notifications take their created_at from here, so they keep the feed's order.
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// What one recipient was told of one change: exactly one row for each.
    notification.notifications (organisation_id, id) {
        /// The nil UUID for the platform's own logins.
        organisation_id -> Uuid,
        id -> Uuid,
        /// Addressed to a login (billing and password kinds), or null.
        login_id -> Nullable<Uuid>,
        /// Addressed to a person, or null.
        profile_id -> Nullable<Uuid>,
        /// The feed it came from; null for reminders, which no change made.
        feed -> Nullable<Text>,
        /// Row of the feed it came from.
        change_id -> Nullable<Int8>,
        kind -> Text,
        entity_id -> Text,
        /// The request that made the change: a mail can be followed back to it.
        request_id -> Text,
        title -> Text,
        body -> Text,
        /// When the change was made.
        at -> Timestamptz,
        created_at -> Timestamptz,
        read_at -> Nullable<Timestamptz>,
        /// Waits for the person's next roll-up.
        pending -> Bool,
        /// The mail it went into; null while pending, and where there is nobody to mail.
        delivery_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    /// Mails: waiting, sent or given up. The id makes the Message-ID, so a repeat can be recognised.
    notification.deliveries (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        login_id -> Nullable<Uuid>,
        profile_id -> Nullable<Uuid>,
        /// The address; empty once the person has been deleted.
        recipient -> Text,
        subject -> Text,
        status -> Text,
        attempts -> Int4,
        /// Also the lease of the sender at work: when it dies, the mail is sent again from then on.
        next_attempt_at -> Nullable<Timestamptz>,
        /// What the mail server said last.
        reason -> Nullable<Text>,
        version -> Int8,
        created_at -> Timestamptz,
        sent_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// When each person was last sent a roll-up: the next one is due at the first of their times after it.
    notification.rollups (organisation_id, profile_id) {
        organisation_id -> Uuid,
        profile_id -> Uuid,
        last_at -> Timestamptz,
    }
}

diesel::table! {
    /// Which reminders of an expiring password have been made.
    notification.reminders (organisation_id, login_id, expires_at, days) {
        organisation_id -> Uuid,
        login_id -> Uuid,
        expires_at -> Timestamptz,
        days -> Int4,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// Names of domains and sub domains, learned from Registry's feed.
    notification.places (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        name -> Text,
        /// Of the domain or sub domain: a feed read again never brings back an older name.
        version -> Int8,
    }
}
