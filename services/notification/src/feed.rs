//! The four feeds of changes.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::{PgConnection, QueryResult, RunQueryDsl as _};
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

    /// As it is named in the tables and in the names of views and channels.
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

type ChangeRow =
    (i64, i64, DateTime<Utc>, String, Option<Uuid>, String, i64, Option<Uuid>, String, Option<Value>, Option<Value>);

macro_rules! read_statement {
    ($($name:ident $view:literal)+) => {$(
        kit::statement! {
            /// The next changes of a feed, about a megabyte of them at most, in an order in which none is ever missed: below the snapshot's xmin no transaction is open,
            /// and that snapshot is the one the rows are read with.
            struct $name<'a>(xid: &'a str as Text, id: i64 as BigInt, limit: i64 as BigInt, except: &'a [Uuid] as Array<Uuid>)
                -> (BigInt, BigInt, Timestamptz, Text, Nullable<Uuid>, Text, BigInt, Nullable<Uuid>, Text, Nullable<Jsonb>, Nullable<Jsonb>) =
                concat!(
                    "select c.xid::text::bigint, c.id, c.at, c.kind, c.organisation_id, c.entity_id, c.version, c.actor_id, \
                     c.request_id, c.before, c.after \
                     from (select c.*, sum(case when pg_column_size(c.before) > 20000 then 16 * pg_column_size(c.before)::bigint else octet_length(c.before::text) end) \
                 over earlier as before_bytes, \
                         sum(case when pg_column_size(c.after) > 20000 then 16 * pg_column_size(c.after)::bigint else octet_length(c.after::text) end) \
                 over earlier as after_bytes from ( \
                         select c.id, c.xid, c.at, c.kind, c.organisation_id, c.entity_id, c.version, c.actor_id, c.request_id, \
                             c.before, c.after from published.", $view, " c \
                         where (c.xid, c.id) > ($1::xid8, $2) \
                         and c.xid < pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) \
                         and (c.organisation_id is null or c.organisation_id <> all($4)) \
                         order by c.xid, c.id limit $3) c \
                         window earlier as (order by c.xid, c.id rows between unbounded preceding and 1 preceding)) c \
                     where coalesce(c.before_bytes, 0) + coalesce(c.after_bytes, 0) < 1048576 order by c.xid, c.id"
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

/// The next changes after the place (`xid`, `id`), at most `limit`; none of the organisations `except`.
pub fn read(
    connection: &mut PgConnection,
    feed: Feed,
    (xid, id): (i64, i64),
    limit: i64,
    except: &[Uuid],
) -> QueryResult<Vec<Change>> {
    let xid = &xid.to_string();
    let rows: Vec<ChangeRow> = match feed {
        Feed::Account => ReadAccount { xid, id, limit, except }.load(connection)?,
        Feed::Profile => ReadProfile { xid, id, limit, except }.load(connection)?,
        Feed::Registry => ReadRegistry { xid, id, limit, except }.load(connection)?,
        Feed::Billing => ReadBilling { xid, id, limit, except }.load(connection)?,
    };
    let change = |(xid, id, at, kind, organisation_id, entity_id, version, actor_id, request_id, before, after)| {
        Change { feed, xid, id, at, kind, organisation_id, entity_id, version, actor_id, request_id, before, after }
    };
    Ok(rows.into_iter().map(change).collect())
}
