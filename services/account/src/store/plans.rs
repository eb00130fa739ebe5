//! What an organisation may subscribe to.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::reply::{self, Answer};
use kit::{Error, Idempotency, IfMatch, Json, Keyset, Meta, Page, Paged, idempotency};
use serde_json::{Value, json};

use super::SCHEMA;
use crate::model::{NewPlan, Plan, PlanPatch};
use crate::schema::plans;

kit::statement! {
    /// A page of plans, and each one's place: plans have no UUID, so one made of the code stands in the cursor.
    struct ListPlans(after: DateTime<Utc> as Timestamptz, after_id: uuid::Uuid as Uuid, limit: i64 as BigInt)
        -> ((Text, Text, Text, Text, BigInt, (Nullable<Int4>, Nullable<Int4>, Nullable<Int4>, Nullable<Int4>),
            (BigInt, BigInt, BigInt, BigInt), BigInt, Timestamptz, Timestamptz), Uuid) =
        "select p.code, p.name, p.kind, p.currency, p.monthly_price_cents, \
         p.api_limit, p.domain_limit, p.sub_domain_limit, p.user_limit, \
         p.api_price_cents, p.domain_price_cents, p.sub_domain_price_cents, p.user_price_cents, \
         p.version, p.created_at, p.updated_at, md5(p.code)::uuid \
         from account.plans p where (p.created_at, md5(p.code)::uuid) > ($1, $2) order by p.created_at, md5(p.code)::uuid limit $3"
}

/// A page of plans, oldest first.
pub fn list(c: &mut PgConnection, page: &Page) -> Result<Paged<Plan>, Error> {
    let (after, after_id) = page.place();
    let rows: Vec<(Plan, uuid::Uuid)> = ListPlans { after, after_id, limit: page.fetch() }.load(c)?;
    Ok(page.finish(rows, |(plan, place)| Keyset::new(plan.created_at, *place)).map(|(plan, _)| plan))
}

/// One plan.
pub fn find(c: &mut PgConnection, code: &str) -> Result<Plan, Error> {
    let found = plans::table.filter(plans::code.eq(code)).select(Plan::as_select()).first(c).optional()?;
    found.ok_or(Error::NotFound)
}

/// Offers a new plan.
pub fn create(c: &mut PgConnection, meta: &Meta, key: &Idempotency, new: NewPlan) -> Answer {
    idempotency::once(c, SCHEMA, key, meta, |c| {
        let plan = new.into_plan(meta.now);
        let taken = || Error::conflict("code-taken", "another plan has this code");
        diesel::insert_into(plans::table).values(&plan).execute(c).on_constraint("plans_pkey", taken)?;
        record(c, SCHEMA, meta, change("PlanCreated", &plan).after(keys(&plan)))?;
        reply::created(format!("/plans/{}", plan.code), plan.version, &plan)
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
    let locked = plans::table.filter(plans::code.eq(code)).select(Plan::as_select()).for_no_key_update();
    let before: Plan = locked.first(c).optional()?.ok_or(Error::NotFound)?;
    seen.check(before.version)?;
    let mut after = patch.check()?.apply(&before);
    if after == before {
        return Ok(after);
    }
    after.version += 1;
    after.updated_at = meta.now;
    // Planned each time, unlike a hand-written statement: operators change plans a few times a year.
    diesel::update(plans::table.filter(plans::code.eq(code))).set(&after).execute(c)?;
    record(c, SCHEMA, meta, change("PlanModified", &after).before(keys(&before)).after(keys(&after)))?;
    Ok(after)
}

/// Plans belong to the platform: no organisation.
fn change(kind: &'static str, plan: &Plan) -> Change {
    Change::of(kind, None, &plan.code, plan.version)
}

/// The keys of PlanCreated and PlanModified: the columns of `published.plans`, but for the code.
fn keys(plan: &Plan) -> Value {
    json!({
        "kind": plan.kind,
        "currency": plan.currency,
        "monthlyPriceCents": plan.monthly_price_cents,
        "apiLimit": plan.limits.apis,
        "domainLimit": plan.limits.domains,
        "subDomainLimit": plan.limits.sub_domains,
        "userLimit": plan.limits.users,
        "apiPriceCents": plan.unit_prices_cents.api,
        "domainPriceCents": plan.unit_prices_cents.domain,
        "subDomainPriceCents": plan.unit_prices_cents.sub_domain,
        "userPriceCents": plan.unit_prices_cents.user,
    })
}
