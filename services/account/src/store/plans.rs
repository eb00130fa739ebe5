//! What an organisation may subscribe to.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::changes::{Change, record};
use kit::error::OnConstraint;

use kit::reply::{self, Reply};
use kit::{Error, IfMatch, Json, Keyset, Meta, Page, Paged};
use serde_json::{Value, json};

use super::SCHEMA;
use crate::model::{NewPlan, Plan, PlanPatch, PlanRow};
use crate::schema::plans;

kit::statement! {
    /// A page of plans, and each one's place: plans have no UUID, so one made of the code stands in the cursor.
    struct ListPlans(after: DateTime<Utc> as Timestamptz, after_id: uuid::Uuid as Uuid, limit: i64 as BigInt)
        -> ((Text, Text, Text, Text, BigInt, Nullable<Int4>, Nullable<Int4>, Nullable<Int4>, Nullable<Int4>,
            BigInt, BigInt, BigInt, BigInt, BigInt, Timestamptz, Timestamptz), Uuid) =
        "select p.code, p.name, p.kind, p.currency, p.monthly_price_cents, \
         p.api_limit, p.domain_limit, p.sub_domain_limit, p.user_limit, \
         p.api_price_cents, p.domain_price_cents, p.sub_domain_price_cents, p.user_price_cents, \
         p.version, p.created_at, p.updated_at, md5(p.code)::uuid \
         from account.plans p where (p.created_at, md5(p.code)::uuid) > ($1, $2) order by p.created_at, md5(p.code)::uuid limit $3"
}

kit::statement! {
    struct InsertPlan<'a>(
        code: &'a str as Text, name: &'a str as Text, kind: &'a str as Text, currency: &'a str as Text, monthly: i64 as BigInt,
        api_limit: Option<i32> as Nullable<Int4>, domain_limit: Option<i32> as Nullable<Int4>,
        sub_domain_limit: Option<i32> as Nullable<Int4>, user_limit: Option<i32> as Nullable<Int4>,
        api_price: i64 as BigInt, domain_price: i64 as BigInt, sub_domain_price: i64 as BigInt, user_price: i64 as BigInt,
        version: i64 as BigInt, created_at: DateTime<Utc> as Timestamptz, updated_at: DateTime<Utc> as Timestamptz,
    ) =
        "insert into account.plans (code, name, kind, currency, monthly_price_cents, \
         api_limit, domain_limit, sub_domain_limit, user_limit, \
         api_price_cents, domain_price_cents, sub_domain_price_cents, user_price_cents, version, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
}

pub(super) fn list(connection: &mut PgConnection, page: &Page) -> Result<Paged<Plan>, Error> {
    let (after, after_id) =
        page.after.map_or((DateTime::UNIX_EPOCH, uuid::Uuid::nil()), |place| (place.created_at, place.id));
    let rows: Vec<(PlanRow, uuid::Uuid)> = ListPlans { after, after_id, limit: page.fetch() }.load(connection)?;
    Ok(page.finish(rows, |(row, place)| Keyset::new(row.created_at, *place)).map(|(row, _)| Plan::from(row)))
}

pub(super) fn find(connection: &mut PgConnection, code: &str) -> Result<Option<PlanRow>, Error> {
    Ok(plans::table.filter(plans::code.eq(code)).select(PlanRow::as_select()).first(connection).optional()?)
}

pub(super) fn create(connection: &mut PgConnection, meta: &Meta, new: NewPlan) -> Result<Reply, Error> {
    let row = new.row(meta.now);
    insert(&row)
        .execute(connection)
        .on_constraint("plans_pkey", || Error::conflict("code-taken", "another plan has this code"))?;
    record(connection, SCHEMA, meta, change("PlanCreated", &row, None))?;
    reply::created(format!("/plans/{}", row.code), row.version, &Plan::from(row))
}

fn insert(row: &PlanRow) -> InsertPlan<'_> {
    InsertPlan {
        code: &row.code,
        name: &row.name,
        kind: &row.kind,
        currency: &row.currency,
        monthly: row.monthly_price_cents,
        api_limit: row.api_limit,
        domain_limit: row.domain_limit,
        sub_domain_limit: row.sub_domain_limit,
        user_limit: row.user_limit,
        api_price: row.api_price_cents,
        domain_price: row.domain_price_cents,
        sub_domain_price: row.sub_domain_price_cents,
        user_price: row.user_price_cents,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

pub(super) fn update(
    connection: &mut PgConnection,
    meta: &Meta,
    code: &str,
    seen: IfMatch,
    patch: Json<PlanPatch>,
) -> Result<Plan, Error> {
    let locked = plans::table.filter(plans::code.eq(code)).select(PlanRow::as_select()).for_no_key_update();
    let before: PlanRow = locked.first(connection).optional()?.ok_or(Error::NotFound)?;
    seen.check(before.version)?;
    let mut after = patch.check()?.apply(&before);
    if after == before {
        return Ok(after.into());
    }
    after.version += 1;
    after.updated_at = meta.now;
    // Planned each time, unlike a hand-written statement: operators change plans a few times a year.
    diesel::update(plans::table.filter(plans::code.eq(code)))
        .set((
            plans::name.eq(&after.name),
            plans::kind.eq(&after.kind),
            plans::currency.eq(&after.currency),
            plans::monthly_price_cents.eq(after.monthly_price_cents),
            plans::api_limit.eq(after.api_limit),
            plans::domain_limit.eq(after.domain_limit),
            plans::sub_domain_limit.eq(after.sub_domain_limit),
            plans::user_limit.eq(after.user_limit),
            plans::api_price_cents.eq(after.api_price_cents),
            plans::domain_price_cents.eq(after.domain_price_cents),
            plans::sub_domain_price_cents.eq(after.sub_domain_price_cents),
            plans::user_price_cents.eq(after.user_price_cents),
            plans::version.eq(after.version),
            plans::updated_at.eq(after.updated_at),
        ))
        .execute(connection)?;
    record(connection, SCHEMA, meta, change("PlanModified", &after, Some(&before)))?;
    Ok(after.into())
}

/// Plans belong to the platform: no organisation.
fn change(kind: &'static str, row: &PlanRow, before: Option<&PlanRow>) -> Change {
    Change {
        kind,
        organisation_id: None,
        entity_id: row.code.clone(),
        version: row.version,
        before: before.map(keys),
        after: Some(keys(row)),
    }
}

/// The keys of PlanCreated and PlanModified: the columns of `published.plans`, but for the code.
fn keys(row: &PlanRow) -> Value {
    json!({
        "kind": row.kind,
        "currency": row.currency,
        "monthlyPriceCents": row.monthly_price_cents,
        "apiLimit": row.api_limit,
        "domainLimit": row.domain_limit,
        "subDomainLimit": row.sub_domain_limit,
        "userLimit": row.user_limit,
        "apiPriceCents": row.api_price_cents,
        "domainPriceCents": row.domain_price_cents,
        "subDomainPriceCents": row.sub_domain_price_cents,
        "userPriceCents": row.user_price_cents,
    })
}
