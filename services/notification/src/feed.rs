//! The four feeds of changes, and how far they have been read.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension as _, PgConnection, QueryResult, RunQueryDsl as _};
use serde_json::Value;
use uuid::Uuid;

/// One service's feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// Organisations, logins, plans.
    Account,
    /// People and their settings.
    Profile,
    /// Domains, sub domains, APIs, watches.
    Registry,
    /// Invoices, payments, standing.
    Billing,
}

impl Feed {
    /// All of them. Profile comes before Registry: nothing depends on it, but mails then read in a natural order.
    pub const ALL: [Self; 4] = [Self::Account, Self::Profile, Self::Registry, Self::Billing];

    /// As it stands in the tables and in the names of views and channels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Profile => "profile",
            Self::Registry => "registry",
            Self::Billing => "billing",
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A row of a feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which feed.
    pub feed: Feed,
    /// The writing transaction.
    pub xid: i64,
    /// Unique in its feed.
    pub id: i64,
    /// When, by the writing service's clock.
    pub at: DateTime<Utc>,
    /// As in `docs/contract/changes.yaml`.
    pub kind: String,
    /// None: the platform's own.
    pub organisation_id: Option<Uuid>,
    /// The entity's id, or a plan's code.
    pub entity_id: String,
    /// The entity's version after the change.
    pub version: i64,
    /// The login that did it; none: the service itself.
    pub actor_id: Option<Uuid>,
    /// The request that did it.
    pub request_id: String,
    /// Null when created.
    pub before: Option<Value>,
    /// Null when deleted.
    pub after: Option<Value>,
}

/// A place in a feed: everything at or below (xid, id) is done, and of the change `fan_out.0` the recipients up to `fan_out.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The transaction of the last change done.
    pub xid: i64,
    /// The last change done.
    pub id: i64,
    /// The next change, and the last of its recipients told.
    pub fan_out: Option<(i64, Uuid)>,
    /// The last `created_at` given to a notification of this feed.
    pub updated_at: DateTime<Utc>,
}

type ChangeRow = (
    i64,
    i64,
    DateTime<Utc>,
    String,
    Option<Uuid>,
    String,
    i64,
    Option<Uuid>,
    String,
    Option<Value>,
    Option<Value>,
);

macro_rules! read_statement {
    ($($name:ident $view:literal)+) => {$(
        kit::statement! {
            /// The next changes of a feed, in an order in which none is ever missed: below the snapshot's xmin no transaction is open,
            /// and the snapshot that says so is the one the rows are read with.
            struct $name<'a>(xid: &'a str as Text, id: i64 as BigInt, limit: i64 as BigInt)
                -> (BigInt, BigInt, Timestamptz, Text, Nullable<Uuid>, Text, BigInt, Nullable<Uuid>, Text, Nullable<Jsonb>, Nullable<Jsonb>) =
                concat!(
                    "select c.xid::text::bigint, c.id, c.at, c.kind, c.organisation_id, c.entity_id, c.version, c.actor_id, \
                     c.request_id, c.before, c.after from published.", $view, " c \
                     where (c.xid, c.id) > ($1::xid8, $2) \
                     and c.xid < pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) \
                     order by c.xid, c.id limit $3"
                )
        }
    )+};
}

read_statement!(
    ReadAccount "account_changes"
    ReadProfile "profile_changes"
    ReadRegistry "registry_changes"
    ReadBilling "billing_changes"
);

/// The next changes after the cursor, at most `limit`.
pub fn read(
    connection: &mut PgConnection,
    feed: Feed,
    cursor: &Cursor,
    limit: i64,
) -> QueryResult<Vec<Change>> {
    let (xid, id) = (cursor.xid.to_string(), cursor.id);
    let xid = xid.as_str();
    let rows: Vec<ChangeRow> = match feed {
        Feed::Account => ReadAccount { xid, id, limit }.load(connection)?,
        Feed::Profile => ReadProfile { xid, id, limit }.load(connection)?,
        Feed::Registry => ReadRegistry { xid, id, limit }.load(connection)?,
        Feed::Billing => ReadBilling { xid, id, limit }.load(connection)?,
    };
    let change = |(
        xid,
        id,
        at,
        kind,
        organisation_id,
        entity_id,
        version,
        actor_id,
        request_id,
        before,
        after,
    )| Change {
        feed,
        xid,
        id,
        at,
        kind,
        organisation_id,
        entity_id,
        version,
        actor_id,
        request_id,
        before,
        after,
    };
    Ok(rows.into_iter().map(change).collect())
}

kit::statement! {
    /// A cursor as it is now.
    struct FindCursor<'a>(feed: &'a str as Text) -> (BigInt, BigInt, Nullable<BigInt>, Nullable<Uuid>, Timestamptz) =
        "select c.xid::text::bigint, c.id, c.fan_out_id, c.fan_out_after, c.updated_at from notification.feed_cursors c where c.feed = $1"
}

kit::statement! {
    /// The same, and nobody else moves it until the transaction ends.
    struct LockCursor<'a>(feed: &'a str as Text) -> (BigInt, BigInt, Nullable<BigInt>, Nullable<Uuid>, Timestamptz) =
        "select c.xid::text::bigint, c.id, c.fan_out_id, c.fan_out_after, c.updated_at from notification.feed_cursors c where c.feed = $1 \
         for no key update"
}

kit::statement! {
    /// A feed that was never read starts at its beginning: nothing kept is left out.
    struct MakeCursor<'a>(feed: &'a str as Text, now: DateTime<Utc> as Timestamptz) =
        "insert into notification.feed_cursors (feed, xid, id, updated_at) values ($1, '0'::xid8, 0, $2) on conflict do nothing"
}

kit::statement! {
    /// Everything up to here is done.
    struct MoveCursor<'a>(
        feed: &'a str as Text, xid: &'a str as Text, id: i64 as BigInt, fan_out_id: Option<i64> as Nullable<BigInt>,
        fan_out_after: Option<Uuid> as Nullable<Uuid>, updated_at: DateTime<Utc> as Timestamptz,
    ) =
        "update notification.feed_cursors set xid = $2::xid8, id = $3, fan_out_id = $4, fan_out_after = $5, updated_at = $6 where feed = $1"
}

type CursorRow = (i64, i64, Option<i64>, Option<Uuid>, DateTime<Utc>);

fn cursor((xid, id, fan_out_id, fan_out_after, updated_at): CursorRow) -> Cursor {
    Cursor {
        xid,
        id,
        fan_out: fan_out_id.zip(fan_out_after),
        updated_at,
    }
}

impl Cursor {
    /// As it is now; made where there is none.
    pub fn find(
        connection: &mut PgConnection,
        feed: Feed,
        now: DateTime<Utc>,
    ) -> QueryResult<Self> {
        let find = FindCursor { feed: feed.name() };
        if let Some(row) = find
            .clone()
            .get_result::<CursorRow>(connection)
            .optional()?
        {
            return Ok(cursor(row));
        }
        MakeCursor {
            feed: feed.name(),
            now,
        }
        .execute(connection)?;
        find.get_result::<CursorRow>(connection).map(cursor)
    }

    /// As it is now, locked until the transaction ends.
    pub fn lock(connection: &mut PgConnection, feed: Feed) -> QueryResult<Self> {
        LockCursor { feed: feed.name() }
            .get_result::<CursorRow>(connection)
            .map(cursor)
    }

    /// Writes it down.
    pub fn store(&self, connection: &mut PgConnection, feed: Feed) -> QueryResult<()> {
        let xid = self.xid.to_string();
        let (fan_out_id, fan_out_after) = self.fan_out.unzip();
        MoveCursor {
            feed: feed.name(),
            xid: &xid,
            id: self.id,
            fan_out_id,
            fan_out_after,
            updated_at: self.updated_at,
        }
        .execute(connection)
        .map(drop)
    }
}

kit::statement! {
    /// Feeds whose cursor lies beyond every transaction of this cluster: a database restored from a dump.
    struct Strangers() -> Text =
        "select c.feed from notification.feed_cursors c \
         where c.xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) order by c.feed"
}

/// Feeds whose cursor can't be of this cluster.
pub fn strangers(connection: &mut PgConnection) -> QueryResult<Vec<String>> {
    Strangers {}.load(connection)
}

macro_rules! seek_statement {
    ($($name:ident $view:literal)+) => {$(
        kit::statement! {
            /// The first change, in the feed's order, that was made then or later.
            struct $name(from: DateTime<Utc> as Timestamptz) -> (BigInt, BigInt) = concat!(
                "select c.xid::text::bigint, c.id from published.", $view, " c where c.at >= $1 order by c.xid, c.id limit 1"
            )
        }
    )+};
}

seek_statement!(
    SeekAccount "account_changes"
    SeekProfile "profile_changes"
    SeekRegistry "registry_changes"
    SeekBilling "billing_changes"
);

/// Sets a cursor back to before the first change made at `from` or later; never forward. Says whether it was moved.
pub fn replay_from(
    connection: &mut PgConnection,
    feed: Feed,
    from: DateTime<Utc>,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    Cursor::find(connection, feed, now)?;
    let present = Cursor::lock(connection, feed)?;
    let first: Option<(i64, i64)> = match feed {
        Feed::Account => SeekAccount { from }.get_result(connection).optional()?,
        Feed::Profile => SeekProfile { from }.get_result(connection).optional()?,
        Feed::Registry => SeekRegistry { from }.get_result(connection).optional()?,
        Feed::Billing => SeekBilling { from }.get_result(connection).optional()?,
    };
    match first {
        Some((xid, id)) if (xid, id) <= (present.xid, present.id) => {
            Cursor {
                xid,
                id: id - 1,
                fan_out: None,
                updated_at: present.updated_at,
            }
            .store(connection, feed)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}
