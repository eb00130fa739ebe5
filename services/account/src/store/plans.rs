//! What an organisation may subscribe to.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::reply::{self, Answer};
use kit::{Error, Idempotency, IfMatch, Json, Keyset, Meta, Page, Paged, idempotency};
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

/// A page of plans, oldest first.
pub fn list(c: &mut PgConnection, page: &Page) -> Result<Paged<Plan>, Error> {
    let (after, after_id) = page.place();
    let rows: Vec<(PlanRow, uuid::Uuid)> = ListPlans { after, after_id, limit: page.fetch() }.load(c)?;
    Ok(page.finish(rows, |(row, place)| Keyset::new(row.created_at, *place)).map(|(row, _)| Plan::from(row)))
}

/// One plan's row, if there is one.
pub fn find_row(c: &mut PgConnection, code: &str) -> Result<Option<PlanRow>, Error> {
    Ok(plans::table.filter(plans::code.eq(code)).select(PlanRow::as_select()).first(c).optional()?)
}

/// One plan.
pub fn find(c: &mut PgConnection, code: &str) -> Result<Plan, Error> {
    find_row(c, code)?.map(Plan::from).ok_or(Error::NotFound)
}

/// Offers a new plan.
pub fn create(c: &mut PgConnection, meta: &Meta, key: &Idempotency, new: NewPlan) -> Answer {
    idempotency::once(c, SCHEMA, key, meta, |c| {
        let row = new.row(meta.now);
        let taken = || Error::conflict("code-taken", "another plan has this code");
        diesel::insert_into(plans::table).values(&row).execute(c).on_constraint("plans_pkey", taken)?;
        record(c, SCHEMA, meta, change("PlanCreated", &row).after(keys(&row)))?;
        reply::created(format!("/plans/{}", row.code), row.version, &Plan::from(row))
    })
}

/// Changes a plan.
pub fn update(
    c: &mut PgConnection,
    meta: &Meta,
    code: &str,
    seen: IfMatch,
    patch: Json<PlanPatch>,
) -> Result<Plan, Error> {
    let locked = plans::table.filter(plans::code.eq(code)).select(PlanRow::as_select()).for_no_key_update();
    let before: PlanRow = locked.first(c).optional()?.ok_or(Error::NotFound)?;
    seen.check(before.version)?;
    let mut after = patch.check()?.apply(&before);
    if after == before {
        return Ok(after.into());
    }
    after.version += 1;
    after.updated_at = meta.now;
    // Planned each time, unlike a hand-written statement: operators change plans a few times a year.
    diesel::update(plans::table.filter(plans::code.eq(code))).set(&after).execute(c)?;
    record(c, SCHEMA, meta, change("PlanModified", &after).before(keys(&before)).after(keys(&after)))?;
    Ok(after.into())
}

/// Plans belong to the platform: no organisation.
fn change(kind: &'static str, row: &PlanRow) -> Change {
    Change::of(kind, None, &row.code, row.version)
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
