//! Sub domains.

mod sql;

use diesel::{PgConnection, RunQueryDsl};
use kit::error::OnConstraint;
use kit::id::{DomainId, OrganisationId, SubDomainId};
use kit::reply::Answer;
use kit::{Error, Idempotency, Json, Page, Paged};

use self::sql::{
    DeleteSubDomain, FindSubDomain, InsertSubDomain, ListSubDomains, LockSubDomain, MoveSubDomain, UpdateSubDomain,
};
use super::limits::{ReserveSubDomain, Resource};
use super::standing::{self, found};
use super::{Change, Create, Shape, domains, pg, watches};
use crate::model::{NewSubDomain, SubDomain, SubDomainMove, SubDomainPatch, Target};

pub(super) fn list(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    domain_id: DomainId,
    page: &Page,
) -> Result<Paged<SubDomain>, Error> {
    let (created_at, after) = pg::place(page);
    let rows: Vec<(Option<String>, bool, Option<SubDomain>)> =
        ListSubDomains { organisation_id, domain_id, created_at, after, limit: page.fetch() }.load(connection)?;
    let rows = rows.into_iter().map(|(standing, there, item)| (standing, there.then_some(item)));
    let items: Vec<Option<SubDomain>> = rows.map(found).collect::<Result<_, _>>()?;
    Ok(page.finish(items.into_iter().flatten().collect(), |sub_domain| {
        kit::Keyset::new(sub_domain.created_at, sub_domain.id)
    }))
}

pub(super) fn find(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    id: SubDomainId,
) -> Result<SubDomain, Error> {
    found(FindSubDomain { organisation_id, id }.get_result(connection)?)
}

pub(super) fn create(
    connection: &mut PgConnection,
    create: &Create,
    domain_id: DomainId,
    body: Json<NewSubDomain>,
    shape: Shape<'_, SubDomain>,
) -> Answer {
    let organisation = create.organisation;
    if body.peek().is_none() {
        domains::find(connection, organisation, domain_id)?;
    } else if create.idempotency != Idempotency::none() {
        standing::check(connection, organisation)?;
    }
    let new = body.check()?;
    kit::idempotency::once(connection, super::SCHEMA, &create.idempotency, &create.meta, |connection| {
        let reserve = ReserveSubDomain {
            organisation_id: organisation,
            parent: Some(domain_id.0),
            business: None,
            technical: None,
        };
        let attempt = |connection: &mut PgConnection| Ok(reserve.clone().get_result(connection)?);
        Resource::SubDomains.reserve(connection, organisation, attempt, || Error::NotFound)?;
        let (id, now) = (SubDomainId::new(create.meta.now), create.meta.now);
        let (name, description) = (new.name.as_str(), new.description.as_deref());
        InsertSubDomain { organisation_id: organisation, id, domain_id, name, description, now }
            .execute(connection)
            .on_constraint("sub_domains_name_key", taken)
            .on_constraint("sub_domains_domain_id_fkey", || Error::NotFound)?;
        let made = find(connection, organisation, id)?;
        pg::record(
            connection,
            &create.meta,
            organisation,
            "SubDomainCreated",
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
    id: SubDomainId,
    body: Json<SubDomainPatch>,
) -> Result<SubDomain, Error> {
    let organisation = change.organisation;
    let before = locked(connection, change, id)?;
    let new = before.patched(&body.check()?);
    if new == before.fields() {
        return Ok(before);
    }
    let (name, description, now) = (new.name.as_str(), new.description.as_deref(), change.meta.now);
    UpdateSubDomain { organisation_id: organisation, id, name, description, now }
        .execute(connection)
        .on_constraint("sub_domains_name_key", taken)?;
    changed(connection, change, "SubDomainModified", &before)
}

pub(super) fn relocate(
    connection: &mut PgConnection,
    change: &Change,
    id: SubDomainId,
    body: Json<SubDomainMove>,
) -> Result<SubDomain, Error> {
    let before = locked(connection, change, id)?;
    let SubDomainMove { domain_id } = body.check()?;
    if domain_id.0 == before.domain.id {
        return Ok(before);
    }
    MoveSubDomain { organisation_id: change.organisation, id, domain_id, now: change.meta.now }
        .execute(connection)
        .on_constraint("sub_domains_name_key", taken)
        .on_constraint("sub_domains_domain_id_fkey", || {
            Error::invalid("domainId", "not_found", "must be a domain of the organisation")
        })?;
    changed(connection, change, "SubDomainMoved", &before)
}

pub(super) fn delete(connection: &mut PgConnection, change: &Change, id: SubDomainId) -> Result<(), Error> {
    let organisation = change.organisation;
    let before = locked(connection, change, id)?;
    Resource::SubDomains.release(connection, organisation)?;
    DeleteSubDomain { organisation_id: organisation, id }
        .execute(connection)
        .on_constraint("apis_sub_domain_id_fkey", || {
            Error::conflict("children-exist", "the sub domain still has APIs")
        })?;
    pg::record(
        connection,
        &change.meta,
        organisation,
        "SubDomainDeleted",
        id.0,
        before.version + 1,
        Some(before.change()),
        None,
    )?;
    watches::end_all(connection, organisation, &change.meta, Target::SubDomain, id.0)
}

/// The sub domain as it is under its lock, if it is the one the client saw.
fn locked(connection: &mut PgConnection, change: &Change, id: SubDomainId) -> Result<SubDomain, Error> {
    let organisation_id = change.organisation;
    let version: i64 = found(LockSubDomain { organisation_id, id }.get_result(connection)?)?;
    change.if_match.check(version)?;
    find(connection, organisation_id, id)
}

/// The sub domain as it is now, its change recorded.
fn changed(
    connection: &mut PgConnection,
    change: &Change,
    kind: &'static str,
    before: &SubDomain,
) -> Result<SubDomain, Error> {
    let after = find(connection, change.organisation, before.id)?;
    let (was, is) = (before.change(), after.change());
    pg::record(connection, &change.meta, change.organisation, kind, after.id.0, after.version, Some(was), Some(is))?;
    Ok(after)
}

fn taken() -> Error {
    Error::conflict("name-taken", "the domain has a sub domain of this name")
}
