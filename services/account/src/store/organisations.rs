//! The tenants.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::batch::{Found, in_order};
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::id::OrganisationId;
use kit::{Error, Json, Update};
use serde_json::json;

use super::{SCHEMA, admins};
use crate::model::{Counts, Organisation, OrganisationPatch, excess};
use crate::schema::{organisations, plans};
use crate::views::{head_counts, usage};

kit::statement! {
    struct UpdateOrganisation<'a>(id: OrganisationId as Uuid, name: &'a str as Text, plan: &'a str as Text, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz) =
        "update account.organisations set name = $2, plan_code = $3, version = $4, updated_at = $5 where id = $1"
}

/// What is shown of an organisation `o`, its plan's limits and what is in use.
macro_rules! shown {
    () => {
        "o.id, o.name, o.plan_code, s.standing, o.version, o.created_at, o.updated_at,
        p.api_limit, p.domain_limit, p.sub_domain_limit, p.user_limit, u.apis, u.domains, u.sub_domains, h.users"
    };
}

/// Where it stands.
macro_rules! joined {
    () => {
        "
        left join account.plans p on p.code = o.plan_code
        left join published.standings s on s.organisation_id = o.id
        left join published.usage u on u.organisation_id = o.id
        left join published.head_counts h on h.organisation_id = o.id"
    };
}

/// The SQL type of what is shown.
mod row {
    use diesel::sql_types::*;

    /// One for each thing that is counted.
    type Counts = (Nullable<Integer>, Nullable<Integer>, Nullable<Integer>, Nullable<Integer>);
    pub type Shown = (Uuid, Text, Text, Nullable<Text>, BigInt, Timestamptz, Timestamptz, Counts, Counts);
}

kit::statement! {
    struct FindOrganisation(id: OrganisationId as Uuid) -> row::Shown =
        concat!("select ", shown!(), " from account.organisations o", joined!(), " where o.id = $1")
}

kit::statement! {
    /// Many organisations, each as [`find`] finds it: the n-th id's row says n.
    struct FindOrganisations<'a>(ids: &'a [OrganisationId] as Array<Uuid>) -> (BigInt, Nullable<row::Shown>) = concat!(
        "select q.n, ",
        shown!(),
        " from unnest($1::uuid[]) with ordinality q(id, n)
        left join account.organisations o on o.id = q.id",
        joined!()
    )
}

/// One organisation with how it stands, and what of it is above its plan.
pub fn find(c: &mut PgConnection, id: OrganisationId) -> Result<Organisation, Error> {
    FindOrganisation { id }.get_result(c).optional()?.ok_or(Error::NotFound)
}

/// Organisations, each as [`find`] finds it: one statement, however many.
pub fn find_all(c: &mut PgConnection, ids: &[OrganisationId]) -> Found<Organisation> {
    if let &[id] = ids {
        return match find(c, id) {
            Err(Error::NotFound) => Ok(vec![Err(Error::NotFound)]),
            found => Ok(vec![Ok(found?)]),
        };
    }
    let rows: Vec<(i64, Option<Organisation>)> = FindOrganisations { ids }.load(c)?;
    Ok(in_order(ids.len(), rows)?.into_iter().map(|found| found.ok_or(Error::NotFound)).collect())
}

/// Its name, plan and version, locked against other changes of it; children may still refer to it meanwhile.
pub fn lock(c: &mut PgConnection, id: OrganisationId) -> Result<(String, String, i64), Error> {
    let found = organisations::table
        .filter(organisations::id.eq(id))
        .select((organisations::name, organisations::plan_code, organisations::version))
        .for_no_key_update()
        .first(c)
        .optional()?;
    found.ok_or(Error::NotFound)
}

/// Renames it, changes its plan; a plan too small for what is in use is refused.
pub fn update(c: &mut PgConnection, update: &Update, patch: Json<OrganisationPatch>) -> Result<Organisation, Error> {
    let (id, meta) = (update.organisation, &update.meta);
    let (old_name, old_plan, version) = lock(c, id)?;
    admins::require(c, meta, id)?;
    update.check(version)?;
    let patch = patch.check()?;
    let name = patch.name.as_ref().unwrap_or(&old_name);
    let plan = patch.plan.as_ref().unwrap_or(&old_plan);
    let (renamed, replanned) = (*name != old_name, *plan != old_plan);
    if replanned {
        check_fit(c, id, plan)?;
    }
    if renamed || replanned {
        let version = version + 1;
        UpdateOrganisation { id, name, plan, version, now: meta.now }
            .execute(c)
            .on_constraint("organisations_name_key", name_taken)?;
        if renamed {
            let change = Change::of("OrganisationModified", id, id, version);
            record(c, SCHEMA, meta, change.before(json!({"name": old_name})).after(json!({"name": name})))?;
        }
        if replanned {
            let change = Change::of("SubscriptionPlanModified", id, id, version);
            record(c, SCHEMA, meta, change.before(json!({"plan": old_plan})).after(json!({"plan": plan})))?;
        }
    }
    find_written(c, id)
}

/// What was just written is there: that it isn't would be a mistake of ours, not the client's 404.
pub fn find_written(c: &mut PgConnection, id: OrganisationId) -> Result<Organisation, Error> {
    find(c, id).map_err(|error| match error {
        Error::NotFound => Error::internal("an organisation that was just written is not there"),
        other => other,
    })
}

/// The 409 of a name that another organisation has.
pub fn name_taken() -> Error {
    Error::conflict("name-taken", "another organisation has this name")
}

/// The 422 of an unknown plan.
pub fn no_such_plan() -> Error {
    Error::invalid("plan", "not_found", "there is no such plan")
}

/// Refuses a plan that allows less than is in use, naming every excess.
///
/// A create that runs at the same time saw the old plan and may pass: Registry can't be made to wait for this (ADR 0004). What
/// is above then is shown with the organisation.
fn check_fit(c: &mut PgConnection, id: OrganisationId, plan: &str) -> Result<(), Error> {
    let found = plans::table
        .left_join(usage::table.on(usage::organisation_id.eq(id)))
        .left_join(head_counts::table.on(head_counts::organisation_id.eq(id)))
        .filter(plans::code.eq(plan))
        .select((
            (plans::api_limit, plans::domain_limit, plans::sub_domain_limit, plans::user_limit),
            (
                usage::apis.nullable(),
                usage::domains.nullable(),
                usage::sub_domains.nullable(),
                head_counts::users.nullable(),
            ),
        ))
        .first::<(Counts, Counts)>(c)
        .optional()?;
    let (limits, used) = found.ok_or_else(no_such_plan)?;
    let excess = excess(limits, used);
    if excess.is_empty() {
        return Ok(());
    }
    let detail = format!("more is in use than the plan {plan} allows");
    Err(Error::conflict("plan-limit-reached", detail).with("plan", plan).with("excess", excess))
}
