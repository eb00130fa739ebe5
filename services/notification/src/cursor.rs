//! How far each feed has been read.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension as _, PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

use crate::feed::Feed;

/// A place in a feed: everything at or below (xid, id) is done, and of the change `fan_out.0` the recipients up to `fan_out.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The transaction of the last change done.
    pub xid: i64,
    /// The last change done.
    pub id: i64,
    /// The next change, and the last recipient who has its notification.
    pub fan_out: Option<(i64, Uuid)>,
    /// The last `created_at` given to a notification of this feed.
    pub updated_at: DateTime<Utc>,
}

kit::statement! {
    /// A cursor as it is now.
    struct FindCursor<'a>(feed: &'a str as Text) -> (BigInt, BigInt, Nullable<BigInt>, Nullable<Uuid>, Timestamptz) =
        "select c.xid::text::bigint, c.id, c.fan_out_id, c.fan_out_after, c.updated_at from notification.feed_cursors c where c.feed = $1"
}

kit::statement! {
    /// The same, locked until the transaction ends.
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
    Cursor { xid, id, fan_out: fan_out_id.zip(fan_out_after), updated_at }
}

impl Cursor {
    /// As it is now; made where there is none.
    pub fn find(connection: &mut PgConnection, feed: Feed, now: DateTime<Utc>) -> QueryResult<Self> {
        let find = FindCursor { feed: feed.name() };
        if let Some(row) = find.clone().get_result::<CursorRow>(connection).optional()? {
            return Ok(cursor(row));
        }
        MakeCursor { feed: feed.name(), now }.execute(connection)?;
        find.get_result::<CursorRow>(connection).map(cursor)
    }

    /// As it is now, locked until the transaction ends.
    pub fn lock(connection: &mut PgConnection, feed: Feed) -> QueryResult<Self> {
        LockCursor { feed: feed.name() }.get_result::<CursorRow>(connection).map(cursor)
    }

    /// Stores it.
    pub fn store(&self, connection: &mut PgConnection, feed: Feed) -> QueryResult<()> {
        let xid = self.xid.to_string();
        let (fan_out_id, fan_out_after) = self.fan_out.unzip();
        MoveCursor { feed: feed.name(), xid: &xid, id: self.id, fan_out_id, fan_out_after, updated_at: self.updated_at }
            .execute(connection)
            .map(drop)
    }
}

kit::statement! {
    /// Feeds whose cursor lies beyond every transaction of this cluster: a database restored from a dump.
    struct ForeignCursors() -> Text =
        "select c.feed from notification.feed_cursors c \
         where c.xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) order by c.feed"
}

/// Feeds whose cursor can't be of this cluster.
pub fn foreign_cursors(connection: &mut PgConnection) -> QueryResult<Vec<String>> {
    ForeignCursors {}.load(connection)
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

/// Sets a cursor back to before the first change made at `from` or later; never forward. True: it was moved.
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
            Cursor { xid, id: id - 1, fan_out: None, updated_at: present.updated_at }.store(connection, feed)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}
