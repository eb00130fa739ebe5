//! The tenants.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::batch::{Found, in_order};
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::id::{LoginId, OrganisationId};
use kit::reply::{self, Reply};
use kit::{Error, IfMatch, Json, Meta};
use serde_json::{Value, json};

use super::{SCHEMA, admins, logins, plans as plan_store};
use crate::hashing::Hash;
use crate::model::{LoginRow, NewOrganisation, Organisation, OrganisationPatch, OrganisationRow};
use crate::schema::{organisations, plans};
use crate::views::{head_counts, standings, usage};

kit::statement! {
    struct InsertOrganisation<'a>(id: OrganisationId as Uuid, name: &'a str as Text, plan: &'a str as Text, now: DateTime<Utc> as Timestamptz) =
        "insert into account.organisations (id, name, plan_code, version, created_at, updated_at) values ($1, $2, $3, 1, $4, $4)"
}

kit::statement! {
    struct UpdateOrganisation<'a>(id: OrganisationId as Uuid, name: &'a str as Text, plan: &'a str as Text, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz) =
        "update account.organisations set name = $2, plan_code = $3, version = $4, updated_at = $5 where id = $1"
}

pub(super) fn find(connection: &mut PgConnection, id: OrganisationId) -> Result<Organisation, Error> {
    let found = organisations::table
        .left_join(standings::table.on(standings::organisation_id.eq(organisations::id)))
        .filter(organisations::id.eq(id))
        .select((OrganisationRow::as_select(), standings::standing.nullable()))
        .first::<(OrganisationRow, Option<String>)>(connection)
        .optional()?;
    let (row, standing) = found.ok_or(Error::NotFound)?;
    Ok(Organisation::new(row, standing))
}

kit::statement! {
    /// Many organisations, each as [`find`] finds it: the n-th id's row says n.
    struct FindOrganisations<'a>(ids: &'a [OrganisationId] as Array<Uuid>)
        -> (BigInt, (Nullable<(Uuid, Text, Text, BigInt, Timestamptz, Timestamptz)>, Nullable<Text>)) =
        "select q.n, o.id, o.name, o.plan_code, o.version, o.created_at, o.updated_at, s.standing
        from unnest($1::uuid[]) with ordinality q(id, n)
        left join account.organisations o on o.id = q.id
        left join published.standings s on s.organisation_id = o.id"
}

/// Each organisation as [`find`] finds it, by one statement.
pub(super) fn find_all(connection: &mut PgConnection, ids: &[OrganisationId]) -> Found<Organisation> {
    if let &[id] = ids {
        return match find(connection, id) {
            Err(Error::NotFound) => Ok(vec![Err(Error::NotFound)]),
            found => Ok(vec![Ok(found?)]),
        };
    }
    type Row = (Option<OrganisationRow>, Option<String>);
    let rows: Vec<(i64, Row)> = FindOrganisations { ids }.load(connection)?;
    let found = |(row, standing): Row| row.map(|row| Organisation::new(row, standing)).ok_or(Error::NotFound);
    Ok(in_order(ids.len(), rows)?.into_iter().map(found).collect())
}

/// The row, locked against other changes of it; children may still refer to it meanwhile.
pub(super) fn lock(connection: &mut PgConnection, id: OrganisationId) -> Result<OrganisationRow, Error> {
    let found = organisations::table
        .filter(organisations::id.eq(id))
        .select(OrganisationRow::as_select())
        .for_no_key_update()
        .first(connection)
        .optional()?;
    found.ok_or(Error::NotFound)
}

pub(super) fn create(
    connection: &mut PgConnection,
    meta: &Meta,
    new: &NewOrganisation,
    password: &Hash,
    expires_at: DateTime<Utc>,
) -> Result<Reply, Error> {
    // Asked before the insert, which would find the taken name (409) before the unknown plan (422). Plans never go.
    plan_store::find(connection, &new.plan)?.ok_or_else(no_such_plan)?;
    let id = OrganisationId::new(meta.now);
    InsertOrganisation { id, name: &new.name, plan: &new.plan, now: meta.now }
        .execute(connection)
        .on_constraint("organisations_name_key", name_taken)?;
    let after = json!({"name": new.name, "plan": new.plan});
    let change = Change { before: None, ..change("OrganisationCreated", id, 1, Value::Null, after) };
    record(connection, SCHEMA, meta, change)?;
    let admin = LoginRow {
        organisation_id: Some(id),
        id: LoginId::new(meta.now),
        email: new.admin.email.clone(),
        scope: "admin".into(),
        profile_id: None,
        disabled_at: None,
        password_expires_at: expires_at,
        version: 1,
        created_at: meta.now,
        updated_at: meta.now,
    };
    logins::insert(connection, meta, &admin, password)?;
    let organisation = find_written(connection, id)?;
    reply::created(format!("/organisations/{id}"), organisation.version, &organisation)
}

pub(super) fn update(
    connection: &mut PgConnection,
    meta: &Meta,
    id: OrganisationId,
    seen: IfMatch,
    patch: Json<OrganisationPatch>,
) -> Result<Organisation, Error> {
    let before = lock(connection, id)?;
    admins::require(connection, meta, id)?;
    seen.check(before.version)?;
    let patch = patch.check()?;
    let name = patch.name.as_ref().unwrap_or(&before.name);
    let plan = patch.plan.as_ref().unwrap_or(&before.plan_code);
    let (renamed, replanned) = (*name != before.name, *plan != before.plan_code);
    if replanned {
        check_fit(connection, id, plan)?;
    }
    if renamed || replanned {
        let version = before.version + 1;
        UpdateOrganisation { id, name, plan, version, now: meta.now }
            .execute(connection)
            .on_constraint("organisations_name_key", name_taken)?;
        if renamed {
            let (old, new) = (json!({"name": before.name}), json!({"name": name}));
            record(connection, SCHEMA, meta, change("OrganisationModified", id, version, old, new))?;
        }
        if replanned {
            let (old, new) = (json!({"plan": before.plan_code}), json!({"plan": plan}));
            record(connection, SCHEMA, meta, change("SubscriptionPlanModified", id, version, old, new))?;
        }
    }
    find_written(connection, id)
}

/// What was just written is there: that it isn't would be a mistake of ours, not the client's 404.
fn find_written(connection: &mut PgConnection, id: OrganisationId) -> Result<Organisation, Error> {
    find(connection, id).map_err(|error| match error {
        Error::NotFound => Error::internal("an organisation that was just written is not there"),
        other => other,
    })
}

fn change(kind: &'static str, id: OrganisationId, version: i64, before: Value, after: Value) -> Change {
    Change {
        kind,
        organisation_id: Some(id),
        entity_id: id.to_string(),
        version,
        before: Some(before),
        after: Some(after),
    }
}

fn name_taken() -> Error {
    Error::conflict("name-taken", "another organisation has this name")
}

fn no_such_plan() -> Error {
    Error::invalid("plan", "not_found", "there is no such plan")
}

type Counts = (Option<i32>, Option<i32>, Option<i32>, Option<i32>);

/// Refuses a plan that allows less than is in use, naming every excess.
///
/// A create that runs at the same time saw the old plan and may pass: Registry can't be made to wait for this (ADR 0004).
fn check_fit(connection: &mut PgConnection, id: OrganisationId, plan: &str) -> Result<(), Error> {
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
        .first::<(Counts, Counts)>(connection)
        .optional()?;
    let (limits, used) = found.ok_or_else(no_such_plan)?;
    let all = [
        ("apis", limits.0, used.0),
        ("domains", limits.1, used.1),
        ("subDomains", limits.2, used.2),
        ("users", limits.3, used.3),
    ];
    let excess: Vec<Value> = all
        .into_iter()
        .filter_map(|(resource, limit, used)| Some((resource, limit?, used.unwrap_or(0))))
        .filter(|(_, limit, used)| used > limit)
        .map(|(resource, limit, used)| json!({"resource": resource, "limit": limit, "used": used}))
        .collect();
    if excess.is_empty() {
        return Ok(());
    }
    let detail = format!("more is in use than the plan {plan} allows");
    Err(Error::conflict("plan-limit-reached", detail).with("plan", plan).with("excess", excess))
}
