//! Places for people: the plan's limit, exactly. The counter row's lock is what makes it exact.

use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::Error;
use kit::id::OrganisationId;

kit::statement! {
    /// Takes a place if there is one: the plan, its limit, and the count after that (null: none was free, or no counter yet).
    struct TakePlace(organisation_id: OrganisationId as Uuid) -> (Text, Nullable<Integer>, Nullable<Integer>) =
        "with plan as (
            select p.code, p.user_limit
            from published.organisations o
            join published.plans p on p.code = o.plan_code
            where o.id = $1
        ), taken as (
            update profile.head_counts h set users = h.users + 1
            from plan
            where h.organisation_id = $1 and (plan.user_limit is null or h.users < plan.user_limit)
            returning h.users
        )
        select plan.code, plan.user_limit, (select taken.users from taken) from plan"
}

kit::statement! {
    /// The first of an organisation brings its counter.
    struct StartCounting(organisation_id: OrganisationId as Uuid) =
        "insert into profile.head_counts (organisation_id, users) values ($1, 0) on conflict do nothing"
}

kit::statement! {
    /// A statement of its own: it sees what the one that waited for the counter could not.
    struct CountUsers(organisation_id: OrganisationId as Uuid) -> (Integer,) =
        "select h.users from profile.head_counts h where h.organisation_id = $1"
}

kit::statement! {
    struct GivePlaceBack(organisation_id: OrganisationId as Uuid) =
        "update profile.head_counts set users = users - 1 where organisation_id = $1"
}

kit::statement! {
    struct FindOrganisation(organisation_id: OrganisationId as Uuid) -> (Uuid,) =
        "select o.id from published.organisations o where o.id = $1"
}

/// Takes a place for one more person: 404 without the organisation, 409 without a place.
pub fn take(c: &mut PgConnection, organisation: OrganisationId) -> Result<(), Error> {
    let (plan, limit, taken) = try_to_take(c, organisation)?;
    if taken.is_some() {
        return Ok(());
    }
    // No counter yet, or no place: only a counter that exists and stands at its limit says which.
    StartCounting { organisation_id: organisation }.execute(c)?;
    let (_, _, taken) = try_to_take(c, organisation)?;
    if taken.is_some() {
        return Ok(());
    }
    let (used,): (i32,) = CountUsers { organisation_id: organisation }.get_result(c)?;
    Err(Error::plan_limit("users", &plan, limit.map_or(i64::MAX, i64::from), i64::from(used)))
}

type Attempt = (String, Option<i32>, Option<i32>);

fn try_to_take(c: &mut PgConnection, organisation: OrganisationId) -> Result<Attempt, Error> {
    TakePlace { organisation_id: organisation }.get_result(c).optional()?.ok_or(Error::NotFound)
}

/// Gives a place back.
pub fn give_back(c: &mut PgConnection, organisation: OrganisationId) -> Result<(), Error> {
    match (GivePlaceBack { organisation_id: organisation }).execute(c)? {
        1 => Ok(()),
        _ => Err(Error::internal(format!("people of {organisation} were never counted"))),
    }
}

/// 404 without the organisation.
pub fn organisation_exists(c: &mut PgConnection, organisation: OrganisationId) -> Result<(), Error> {
    let found: Option<(OrganisationId,)> =
        FindOrganisation { organisation_id: organisation }.get_result(c).optional()?;
    found.map(drop).ok_or(Error::NotFound)
}
