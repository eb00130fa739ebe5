//! Domains.

mod sql;

use diesel::{PgConnection, RunQueryDsl};
use kit::error::OnConstraint;
use kit::id::{DomainId, OrganisationId};
use kit::reply::Answer;
use kit::{Error, Idempotency, Json, Page, Paged};

use self::sql::{DeleteDomain, FindDomain, InsertDomain, ListDomains, LockDomain, UpdateDomain};
use super::limits::{ReserveDomain, Resource};
use super::standing::{self, found, items};
use super::{Change, Create, Shape, owners, pg, watches};
use crate::model::{Domain, DomainPatch, NewDomain, Target};

pub(super) fn list(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    page: &Page,
) -> Result<Paged<Domain>, Error> {
    let (created_at, after) = pg::place(page);
    let rows = ListDomains { organisation_id, created_at, after, limit: page.fetch() }.load(connection)?;
    Ok(page.finish(items(rows)?, |domain: &Domain| kit::Keyset::new(domain.created_at, domain.id)))
}

pub(super) fn find(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    id: DomainId,
) -> Result<Domain, Error> {
    found(FindDomain { organisation_id, id }.get_result(connection)?)
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
    kit::idempotency::once(connection, super::SCHEMA, &create.idempotency, &create.meta, |connection| {
        let reserve = ReserveDomain {
            organisation_id: organisation,
            parent: None,
            business: new.business_owner_id,
            technical: None,
        };
        let attempt = |connection: &mut PgConnection| Ok(reserve.clone().get_result(connection)?);
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
    })
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
    pg::record(connection, &change.meta, organisation, "DomainModified", id.0, after.version, Some(was), Some(is))?;
    Ok(after)
}

pub(super) fn delete(connection: &mut PgConnection, change: &Change, id: DomainId) -> Result<(), Error> {
    let organisation = change.organisation;
    let before = locked(connection, change, id)?;
    Resource::Domains.release(connection, organisation)?;
    DeleteDomain { organisation_id: organisation, id }
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
    let version: i64 = found(LockDomain { organisation_id, id }.get_result(connection)?)?;
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
    owners::require(&[("businessOwnerId", new.business_owner_id.is_none() || domain.business_owner.is_some())])?;
    Ok(domain)
}

/// What the constraints of a domain mean.
fn written(result: Result<usize, Error>) -> Result<(), Error> {
    result
        .on_constraint("domains_name_key", || {
            Error::conflict("name-taken", "the organisation has a domain of this name")
        })
        .on_constraint("domains_business_owner_id_fkey", || owners::unknown("businessOwnerId"))
        .on_constraint("domains_organisation_id_fkey", || Error::NotFound)
        .map(drop)
}
