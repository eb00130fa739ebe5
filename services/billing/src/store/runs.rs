//! Monthly runs: begun, snapshot taken, invoices written in batches, ended.

use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid};
use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::id::RunId;
use kit::{Error, Idempotency, Keyset, Meta, Page, Paged, Reply, reply};

use super::changes::SCHEMA;
use crate::model::Run;
use crate::period::Period;

macro_rules! columns {
    () => {
        "r.id, r.period, r.status, r.organisations, r.invoices, r.amount_cents, r.snapshot_at, r.finished_at, \
         r.version, r.created_at, r.updated_at"
    };
}

type Row = (
    Uuid,
    Text,
    Text,
    Integer,
    Integer,
    BigInt,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    BigInt,
    Timestamptz,
    Timestamptz,
);

kit::statement! {
    /// A run, unless there is one of its period.
    struct InsertRun<'a>(id: RunId as Uuid, period: &'a str as Text, now: DateTime<Utc> as Timestamptz) -> Row = concat!(
        "insert into billing.runs as r (id, period, status, organisations, invoices, amount_cents, version, created_at, updated_at) \
         values ($1, $2, 'pending', 0, 0, 0, 1, $3, $3) on conflict (period) do nothing returning ", columns!()
    )
}

kit::statement! {
    /// The run of a period.
    struct FindRunOf<'a>(period: &'a str as Text) -> Row =
        concat!("select ", columns!(), " from billing.runs r where r.period = $1")
}

kit::statement! {
    /// One run.
    struct FindRun(id: RunId as Uuid) -> Row = concat!("select ", columns!(), " from billing.runs r where r.id = $1")
}

kit::statement! {
    /// One run, locked.
    struct LockRun(id: RunId as Uuid) -> Row =
        concat!("select ", columns!(), " from billing.runs r where r.id = $1 for no key update")
}

kit::statement! {
    /// The first runs.
    struct FirstRuns(limit: i64 as BigInt) -> Row =
        concat!("select ", columns!(), " from billing.runs r order by r.created_at, r.id limit $1")
}

kit::statement! {
    /// Runs after a place.
    struct NextRuns(created_at: DateTime<Utc> as Timestamptz, id: uuid::Uuid as Uuid, limit: i64 as BigInt) -> Row = concat!(
        "select ", columns!(), " from billing.runs r where (r.created_at, r.id) > ($1, $2) order by r.created_at, r.id limit $3"
    )
}

kit::statement! {
    /// Runs that are not done, the oldest period first.
    struct UnfinishedRuns() -> Row =
        concat!("select ", columns!(), " from billing.runs r where r.status <> 'done' order by r.period")
}

kit::statement! {
    /// Whether some month from the first to the last, both included, has its run; and the latest that has.
    struct LatestRun<'a>(first: &'a str as Text, last: &'a str as Text) -> Nullable<Text> =
        "select max(r.period) from billing.runs r where r.period between $1 and $2"
}

kit::statement! {
    /// The snapshot, as one statement sees it: counts as they are, plan and prices as they were at the period's end, whenever this runs.
    /// What was changed since stands in the feeds, with what was before; the first such change of each tells how it was at the end.
    /// Whoever was frozen from the period's first moment to its last could use nothing, and is left out.
    struct TakeSnapshot(run_id: RunId as Uuid, begin: DateTime<Utc> as Timestamptz, end: DateTime<Utc> as Timestamptz) =
        "with replanned as materialized ( \
             select distinct on (c.organisation_id) c.organisation_id, c.before ->> 'plan' as plan_code \
             from published.account_changes c where c.kind = 'SubscriptionPlanModified' and c.at >= $3 \
             order by c.organisation_id, c.xid, c.id \
         ), repriced as materialized ( \
             select distinct on (c.entity_id) c.entity_id as code, c.before as was \
             from published.account_changes c where c.kind = 'PlanModified' and c.at >= $3 order by c.entity_id, c.xid, c.id \
         ), plan as materialized ( \
             select p.code, coalesce(r.was ->> 'kind', p.kind) as kind, coalesce(r.was ->> 'currency', p.currency) as currency, \
                 coalesce((r.was ->> 'monthlyPriceCents')::bigint, p.monthly_price_cents) as monthly_price_cents, \
                 coalesce((r.was ->> 'apiPriceCents')::bigint, p.api_price_cents) as api_price_cents, \
                 coalesce((r.was ->> 'domainPriceCents')::bigint, p.domain_price_cents) as domain_price_cents, \
                 coalesce((r.was ->> 'subDomainPriceCents')::bigint, p.sub_domain_price_cents) as sub_domain_price_cents, \
                 coalesce((r.was ->> 'userPriceCents')::bigint, p.user_price_cents) as user_price_cents \
             from published.plans p left join repriced r on r.code = p.code \
         ), unfrozen as materialized ( \
             select distinct on (c.organisation_id) c.organisation_id, (c.before ->> 'frozenAt')::timestamptz as frozen_at \
             from billing.changes c where c.kind = 'OrganisationUnfrozen' and c.at >= $3 order by c.organisation_id, c.xid, c.id \
         ) \
         insert into billing.run_items (organisation_id, run_id, plan_code, plan_kind, currency, monthly_price_cents, \
         api_price_cents, domain_price_cents, sub_domain_price_cents, user_price_cents, apis, domains, sub_domains, users) \
         select o.id, $1, p.code, p.kind, p.currency, p.monthly_price_cents, \
         p.api_price_cents, p.domain_price_cents, p.sub_domain_price_cents, p.user_price_cents, \
         coalesce(u.apis, 0), coalesce(u.domains, 0), coalesce(u.sub_domains, 0), coalesce(h.users, 0) \
         from published.organisations o \
         left join replanned m on m.organisation_id = o.id \
         join plan p on p.code = coalesce(m.plan_code, o.plan_code) \
         left join published.usage u on u.organisation_id = o.id \
         left join published.head_counts h on h.organisation_id = o.id \
         left join billing.standings s on s.organisation_id = o.id \
         left join unfrozen f on f.organisation_id = o.id \
         where o.created_at < $3 and (coalesce(f.frozen_at, s.frozen_at) <= $2) is not true"
}

kit::statement! {
    /// The snapshot has been taken.
    struct SetInvoicing(id: RunId as Uuid, organisations: i32 as Integer, now: DateTime<Utc> as Timestamptz) =
        "update billing.runs set status = 'invoicing', organisations = $2, snapshot_at = $3, version = version + 1, updated_at = $3 \
         where id = $1"
}

kit::statement! {
    /// Every invoice has had an answer.
    struct SetDone(id: RunId as Uuid, now: DateTime<Utc> as Timestamptz) =
        "update billing.runs set status = 'done', finished_at = $2, version = version + 1, updated_at = $2 \
         where id = $1 and status = 'charging' \
         and not exists (select from billing.invoices i where i.run_id = $1 and i.status = 'open' and i.first_failed_at is null)"
}

/// 202 with a new run, or 200 with the one there is.
pub fn create(
    connection: &mut PgConnection,
    period: Period,
    idempotency: &Idempotency,
    meta: &Meta,
) -> Result<Reply, Error> {
    if meta.now < period.end() {
        return Err(Error::conflict("period-not-over", format!("{period} is not over yet")));
    }
    let (text, now) = (period.to_string(), meta.now);
    kit::idempotency::once(connection, SCHEMA, idempotency, meta, |connection| {
        let inserted =
            InsertRun { id: RunId::new(now), period: &text, now }.get_result::<Run>(connection).optional()?;
        if let Some(run) = inserted {
            let accepted = reply::json(StatusCode::ACCEPTED, &run)?;
            return Ok(accepted.location(format!("/billing-runs/{}", run.id)).etag(run.version));
        }
        let run: Run = FindRunOf { period: &text }.get_result(connection)?;
        reply::with_etag(run.version, &run)
    })
}

/// One run.
pub fn find(connection: &mut PgConnection, id: RunId) -> Result<Run, Error> {
    FindRun { id }.get_result(connection).optional()?.ok_or(Error::NotFound)
}

/// A page of the runs.
pub fn list(connection: &mut PgConnection, page: &Page) -> Result<Paged<Run>, Error> {
    let limit = page.fetch();
    let runs: Vec<Run> = match page.after {
        None => FirstRuns { limit }.load(connection)?,
        Some(Keyset { created_at, id }) => NextRuns { created_at, id, limit }.load(connection)?,
    };
    Ok(page.finish(runs, |run| Keyset::new(run.created_at, run.id)))
}

/// Runs that are not done, the oldest period first.
pub fn unfinished(connection: &mut PgConnection) -> Result<Vec<Run>, Error> {
    Ok(UnfinishedRuns {}.load(connection)?)
}

/// How many missed months are billed later, when no instance ran to start their runs.
const MISSED_MAX: usize = 12;

/// Begins the last month's run if it is time, and those of months missed since the one before it. True: one was begun.
pub fn start_due(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<bool, Error> {
    let last = Period::last_due(now);
    let first = (0..MISSED_MAX).fold(last, |period, _| period.before());
    let latest: Option<String> =
        LatestRun { first: &first.to_string(), last: &last.to_string() }.get_result(connection)?;
    let due = match latest.as_deref().and_then(Period::parse) {
        Some(latest) if latest == last => return Ok(false),
        Some(latest) => latest.after(),
        None => last,
    };
    let period = &due.to_string();
    let begun = InsertRun { id: RunId::new(now), period, now }.get_result::<Run>(connection).optional()?;
    Ok(begun.is_some())
}

/// Copies plan and counts of every organisation due. Does nothing where that has been done.
///
/// Public for the test that compares the copy with what another query sees under the same snapshot.
pub fn take_snapshot(connection: &mut PgConnection, id: RunId, now: DateTime<Utc>) -> Result<(), Error> {
    let run: Run = LockRun { id }.get_result(connection)?;
    let period = Period::parse(&run.period).ok_or_else(|| Error::internal("a run without a period"))?;
    if run.status == "pending" {
        let organisations =
            TakeSnapshot { run_id: id, begin: period.begin(), end: period.end() }.execute(connection)?;
        let organisations = i32::try_from(organisations).map_err(Error::internal)?;
        SetInvoicing { id, organisations, now }.execute(connection)?;
    }
    Ok(())
}

/// The run is over once every invoice has had an answer.
pub fn end_charging(connection: &mut PgConnection, id: RunId, now: DateTime<Utc>) -> Result<(), Error> {
    SetDone { id, now }.execute(connection)?;
    Ok(())
}
