//! How organisations stand: a function of their overdue invoices, kept as a row.
//!
//! The row is the organisation's lock: whoever pays or fails an invoice takes it first, so that of two who each pay one
//! of the last two overdue invoices the second sees the first.

use chrono::{DateTime, Utc};
use diesel::prelude::Queryable;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::changes::Change;
use kit::id::OrganisationId;
use kit::{Error, Meta};
use serde_json::{Value, json};

use super::changes::{record, text};
use crate::dunning::{Standing, Terms};
use crate::model;

kit::statement! {
    /// The organisations' rows, so that there is one to lock.
    struct EnsureStandings<'a>(organisation_ids: &'a [OrganisationId] as Array<Uuid>, now: DateTime<Utc> as Timestamptz) =
        "insert into billing.standings (organisation_id, standing, version, updated_at) \
         select t.id, 'active', 1, $2 from (select distinct id from unnest($1) as t (id)) t order by t.id \
         on conflict (organisation_id) do nothing"
}

kit::statement! {
    /// How an organisation stands.
    struct FindStanding(organisation_id: OrganisationId as Uuid) -> (Text, Nullable<Timestamptz>, Nullable<Timestamptz>, BigInt) =
        "select s.standing, s.overdue_since, s.frozen_at, s.version from billing.standings s where s.organisation_id = $1"
}

type Row = (Text, Nullable<Timestamptz>, Nullable<Timestamptz>, Nullable<Timestamptz>, BigInt);

kit::statement! {
    /// An organisation's row, locked.
    struct LockStanding(organisation_id: OrganisationId as Uuid) -> Row =
        "select s.standing, s.overdue_since, s.first_failed_at, s.frozen_at, s.version \
         from billing.standings s where s.organisation_id = $1 for no key update"
}

kit::statement! {
    /// What is overdue now: since when, and when it failed first.
    struct FindOverdue(organisation_id: OrganisationId as Uuid) -> (Nullable<Timestamptz>, Nullable<Timestamptz>) =
        "select min(i.overdue_at), min(i.first_failed_at) from billing.invoices i \
         where i.organisation_id = $1 and i.status = 'overdue'"
}

kit::statement! {
    /// The row as it should be.
    struct SetStanding<'a>(
        organisation_id: OrganisationId as Uuid,
        standing: &'a str as Text,
        overdue_since: Option<DateTime<Utc>> as Nullable<Timestamptz>,
        first_failed_at: Option<DateTime<Utc>> as Nullable<Timestamptz>,
        frozen_at: Option<DateTime<Utc>> as Nullable<Timestamptz>,
        now: DateTime<Utc> as Timestamptz,
    ) =
        "update billing.standings set standing = $2, overdue_since = $3, first_failed_at = $4, frozen_at = $5, \
         version = version + 1, updated_at = $6 where organisation_id = $1"
}

kit::statement! {
    /// Organisations whose grace period has ended, locked; those another instance is at are left to it.
    struct LockFreezes(grace_ended: DateTime<Utc> as Timestamptz, limit: i64 as BigInt) -> Uuid =
        "select s.organisation_id from billing.standings s where s.standing = 'overdue' and s.first_failed_at <= $1 \
         order by s.first_failed_at limit $2 for no key update skip locked"
}

#[derive(Clone, PartialEq, Queryable)]
pub(super) struct Stored {
    standing: String,
    overdue_since: Option<DateTime<Utc>>,
    first_failed_at: Option<DateTime<Utc>>,
    frozen_at: Option<DateTime<Utc>>,
    version: i64,
}

impl Stored {
    /// The keys that its changes declare.
    fn keys(&self) -> Value {
        json!({
            "standing": self.standing,
            "overdueSince": self.overdue_since.map(text),
            "frozenAt": self.frozen_at.map(text),
        })
    }
}

/// How an organisation stands; without a row: active.
pub fn find(connection: &mut PgConnection, organisation_id: OrganisationId) -> Result<model::Standing, Error> {
    let row: Option<model::Standing> = FindStanding { organisation_id }.get_result(connection).optional()?;
    Ok(row.unwrap_or_else(|| model::Standing {
        standing: "active".into(),
        overdue_since: None,
        frozen_at: None,
        version: 0,
    }))
}

/// Makes sure that there are rows to lock.
pub(super) fn ensure(
    connection: &mut PgConnection,
    organisation_ids: &[OrganisationId],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    EnsureStandings { organisation_ids, now }.execute(connection)?;
    Ok(())
}

/// Takes the organisation's lock; to be taken before any of its invoices'.
pub(super) fn lock(connection: &mut PgConnection, organisation_id: OrganisationId) -> Result<Stored, Error> {
    Ok(LockStanding { organisation_id }.get_result(connection)?)
}

/// Makes the row agree with the invoices, under the lock that gave `before`; how the organisation stands now.
pub(super) fn settle(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    before: Stored,
    terms: Terms,
    meta: &Meta,
) -> Result<Standing, Error> {
    let (overdue_since, first_failed_at) = FindOverdue { organisation_id }.get_result(connection)?;
    let standing = terms.standing(first_failed_at, meta.now);
    let frozen_at = (standing == Standing::Frozen).then(|| before.frozen_at.unwrap_or(meta.now));
    let version = before.version + 1;
    let after = Stored { standing: standing.name().to_owned(), overdue_since, first_failed_at, frozen_at, version };
    if (Stored { version, ..before.clone() }) == after {
        return Ok(standing);
    }
    SetStanding {
        organisation_id,
        standing: &after.standing,
        overdue_since,
        first_failed_at,
        frozen_at,
        now: meta.now,
    }
    .execute(connection)?;
    let kind = match (before.frozen_at, after.frozen_at) {
        (None, Some(_)) => "OrganisationFrozen",
        (Some(_), None) => "OrganisationUnfrozen",
        // Overdue or no longer so: the invoice's own change says it.
        _ => return Ok(standing),
    };
    record_change(connection, kind, organisation_id, &before, &after, meta)?;
    Ok(standing)
}

fn record_change(
    connection: &mut PgConnection,
    kind: &'static str,
    organisation_id: OrganisationId,
    before: &Stored,
    after: &Stored,
    meta: &Meta,
) -> Result<(), Error> {
    let change = Change::of(kind, organisation_id, organisation_id, after.version);
    record(connection, meta, change.before(before.keys()).after(after.keys()))
}

/// Freezes up to `limit` organisations whose grace period has ended; how many.
pub fn freeze_due(connection: &mut PgConnection, terms: Terms, limit: i64, meta: &Meta) -> Result<usize, Error> {
    let grace_ended = terms.grace_ended(meta.now);
    let due: Vec<OrganisationId> = LockFreezes { grace_ended, limit }.load(connection)?;
    let mut frozen = 0;
    for organisation_id in due {
        // The lock is held; read again, for what was locked may have changed since it was chosen.
        let before = lock(connection, organisation_id)?;
        let after = settle(connection, organisation_id, before, terms, meta)?;
        frozen += usize::from(after == Standing::Frozen);
    }
    Ok(frozen)
}
