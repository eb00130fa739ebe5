//! Domains.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::error::OnConstraint;
use kit::id::{DomainId, OrganisationId, ProfileId};
use kit::reply::Answer;
use kit::{Error, Idempotency, Json, Page, Paged};
use uuid::Uuid;

use super::limits::{ReserveDomain, Resource};
use super::standing::{self, found, items};
use super::{Change, Create, Shape, owners, pg, watches};
use crate::model::{Domain, DomainPatch, NewDomain, Target};

/// The columns of a [`Domain`] `d` with its owner `p`.
macro_rules! columns {
    () => {
        "d.id, d.name, d.description, p.id, p.name, p.job_title, d.version, d.created_at, d.updated_at"
    };
}

/// The owner `p` of a domain `d`. `offset 0`, here and wherever people are joined: the view is a security barrier, which
/// a join isn't pushed into; the barrier of the subquery makes its condition a parameter, and that is.
macro_rules! owner {
    () => {
        " left join lateral (
            select p.id, p.name, p.job_title
            from published.persons p
            where p.organisation_id = d.organisation_id and p.id = d.business_owner_id
            offset 0
        ) p on true"
    };
}

kit::statement! {
    /// One domain with its owner, and how its organisation stands.
    pub struct FindDomain(organisation_id: OrganisationId as Uuid, id: DomainId as Uuid)
        -> (Nullable<Text>, Nullable<(Uuid, Text, Nullable<Text>, Nullable<(Uuid, Text, Nullable<Text>)>, BigInt, Timestamptz, Timestamptz)>) =
        concat!(
            "select st.standing, ", columns!(), "
            from (select $1::uuid as organisation_id, $2::uuid as id) q
            left join published.standings st on st.organisation_id = q.organisation_id
            left join registry.domains d on d.organisation_id = q.organisation_id and d.id = q.id",
            owner!()
        )
}

kit::statement! {
    /// A page of domains.
    pub struct ListDomains(organisation_id: OrganisationId as Uuid, created_at: DateTime<Utc> as Timestamptz, after: Uuid as Uuid, limit: i64 as BigInt)
        -> (Nullable<Text>, Nullable<(Uuid, Text, Nullable<Text>, Nullable<(Uuid, Text, Nullable<Text>)>, BigInt, Timestamptz, Timestamptz)>) =
        concat!(
            "select st.standing, ", columns!(), "
            from (select $1::uuid as organisation_id) q
            left join published.standings st on st.organisation_id = q.organisation_id
            left join lateral (
                select d.organisation_id, d.id, d.name, d.description, d.business_owner_id, d.version, d.created_at, d.updated_at
                from registry.domains d
                where d.organisation_id = q.organisation_id and (d.created_at, d.id) > ($2, $3)
                order by d.created_at, d.id
                limit $4
            ) d on st.standing is distinct from 'frozen'",
            owner!(),
            " order by d.created_at, d.id"
        )
}

kit::statement! {
    /// The version of a domain that is about to change, locked.
    pub struct LockDomain(organisation_id: OrganisationId as Uuid, id: DomainId as Uuid) -> (Nullable<Text>, Nullable<BigInt>) =
        "select st.standing, d.version
        from (select $1::uuid as organisation_id, $2::uuid as id) q
        left join published.standings st on st.organisation_id = q.organisation_id
        left join lateral (
            select d.version from registry.domains d
            where d.organisation_id = q.organisation_id and d.id = q.id
            for no key update
        ) d on true"
}

kit::statement! {
    /// A new domain.
    pub struct InsertDomain<'a>(
        organisation_id: OrganisationId as Uuid, id: DomainId as Uuid, name: &'a str as Text, description: Option<&'a str> as Nullable<Text>,
        business_owner_id: Option<ProfileId> as Nullable<Uuid>, now: DateTime<Utc> as Timestamptz,
    ) =
        "insert into registry.domains (organisation_id, id, name, description, business_owner_id, version, created_at, updated_at)
        values ($1, $2, $3, $4, $5, 1, $6, $6)"
}

kit::statement! {
    /// A domain's new fields.
    pub struct UpdateDomain<'a>(
        organisation_id: OrganisationId as Uuid, id: DomainId as Uuid, name: &'a str as Text, description: Option<&'a str> as Nullable<Text>,
        business_owner_id: Option<ProfileId> as Nullable<Uuid>, now: DateTime<Utc> as Timestamptz,
    ) =
        "update registry.domains
        set name = $3, description = $4, business_owner_id = $5, version = version + 1, updated_at = $6
        where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// The end of a domain.
    pub struct DeleteDomain(organisation_id: OrganisationId as Uuid, id: DomainId as Uuid) =
        "delete from registry.domains where organisation_id = $1 and id = $2"
}

pub(super) fn list(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    page: &Page,
) -> Result<Paged<Domain>, Error> {
    let (created_at, after) = pg::place(page);
    let rows = ListDomains {
        organisation_id,
        created_at,
        after,
        limit: page.fetch(),
    }
    .load(connection)?;
    Ok(page.finish(items(rows)?, |domain: &Domain| {
        kit::Keyset::new(domain.created_at, domain.id)
    }))
}

pub(super) fn find(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    id: DomainId,
) -> Result<Domain, Error> {
    found(
        FindDomain {
            organisation_id,
            id,
        }
        .get_result(connection)?,
    )
}

pub(super) fn create(
    connection: &mut PgConnection,
    create: &Create,
    body: Json<NewDomain>,
    shape: Shape<'_, Domain>,
) -> Answer {
    let organisation = create.organisation;
    if body.peek().is_none() || create.idempotency != Idempotency::none() {
        standing::check(connection, organisation)?;
    }
    let new = body.check()?;
    kit::idempotency::once(
        connection,
        super::SCHEMA,
        &create.idempotency,
        &create.meta,
        |connection| {
            let reserve = ReserveDomain {
                organisation_id: organisation,
                parent: None,
                business: new.business_owner_id,
                technical: None,
            };
            let attempt =
                |connection: &mut PgConnection| Ok(reserve.clone().get_result(connection)?);
            Resource::Domains.reserve(connection, organisation, attempt, || Error::NotFound)?;
            let id = DomainId::new(create.meta.now);
            let insert = InsertDomain {
                organisation_id: organisation,
                id,
                name: &new.name,
                description: new.description.as_deref(),
                business_owner_id: new.business_owner_id,
                now: create.meta.now,
            };
            written(insert.execute(connection).map_err(Error::from))?;
            let made = owned(connection, organisation, id, &new)?;
            pg::record(
                connection,
                &create.meta,
                organisation,
                "DomainCreated",
                id.0,
                made.version,
                None,
                Some(made.change()),
            )?;
            shape(&made)
        },
    )
}

pub(super) fn update(
    connection: &mut PgConnection,
    change: &Change,
    id: DomainId,
    body: Json<DomainPatch>,
) -> Result<Domain, Error> {
    let organisation = change.organisation;
    let before = locked(connection, change, id)?;
    let patch = body.check()?;
    let new = before.patched(&patch);
    let old = before.fields();
    if new == old {
        return Ok(before);
    }
    if new.business_owner_id != old.business_owner_id {
        owners::check(connection, organisation, new.business_owner_id, None)?;
    }
    let update = UpdateDomain {
        organisation_id: organisation,
        id,
        name: &new.name,
        description: new.description.as_deref(),
        business_owner_id: new.business_owner_id,
        now: change.meta.now,
    };
    written(update.execute(connection).map_err(Error::from))?;
    let after = owned(connection, organisation, id, &new)?;
    let (was, is) = (before.change(), after.change());
    pg::record(
        connection,
        &change.meta,
        organisation,
        "DomainModified",
        id.0,
        after.version,
        Some(was),
        Some(is),
    )?;
    Ok(after)
}

pub(super) fn delete(
    connection: &mut PgConnection,
    change: &Change,
    id: DomainId,
) -> Result<(), Error> {
    let organisation = change.organisation;
    let before = locked(connection, change, id)?;
    Resource::Domains.release(connection, organisation)?;
    DeleteDomain {
        organisation_id: organisation,
        id,
    }
    .execute(connection)
    .on_constraint("sub_domains_domain_id_fkey", || {
        Error::conflict("children-exist", "the domain still has sub domains")
    })?;
    pg::record(
        connection,
        &change.meta,
        organisation,
        "DomainDeleted",
        id.0,
        before.version + 1,
        Some(before.change()),
        None,
    )?;
    watches::end_all(connection, organisation, &change.meta, Target::Domain, id.0)
}

/// The domain as it is under its lock, if it is the one the client saw. Read in a statement after the lock's own, whose
/// snapshot may be older than the transaction that was waited for.
fn locked(connection: &mut PgConnection, change: &Change, id: DomainId) -> Result<Domain, Error> {
    let organisation_id = change.organisation;
    let version: i64 = found(
        LockDomain {
            organisation_id,
            id,
        }
        .get_result(connection)?,
    )?;
    change.if_match.check(version)?;
    find(connection, organisation_id, id)
}

/// The domain as written, if its owner is still there: see [`owners`].
fn owned(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    id: DomainId,
    new: &NewDomain,
) -> Result<Domain, Error> {
    let domain = find(connection, organisation, id)?;
    owners::require(&[(
        "businessOwnerId",
        new.business_owner_id.is_none() || domain.business_owner.is_some(),
    )])?;
    Ok(domain)
}

/// What the constraints of a domain mean.
fn written(result: Result<usize, Error>) -> Result<(), Error> {
    result
        .on_constraint("domains_name_key", || {
            Error::conflict("name-taken", "the organisation has a domain of this name")
        })
        .on_constraint("domains_business_owner_id_fkey", || {
            owners::unknown("businessOwnerId")
        })
        .on_constraint("domains_organisation_id_fkey", || Error::NotFound)
        .map(drop)
}
