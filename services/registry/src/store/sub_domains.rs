//! Sub domains.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::id::{DomainId, OrganisationId, SubDomainId};
use kit::reply::{self, Answer};
use kit::{Create, Error, Json, Keyset, Page, Paged, Update};
use uuid::Uuid;

use super::limits::{ReserveSubDomain, Resource};
use super::standing::{self, found, items_within};
use super::{SCHEMA, domains, watches};
use crate::model::{NewSubDomain, SubDomain, SubDomainMove, SubDomainPatch, Target};

/// The columns of a [`SubDomain`] `s` in its domain `d`.
macro_rules! columns {
    () => {
        "s.id, s.name, s.description, d.id, d.name, s.version, s.created_at, s.updated_at"
    };
}

kit::statement! {
    /// One sub domain with its domain, and how its organisation stands.
    pub struct FindSubDomain(organisation_id: OrganisationId as Uuid, id: SubDomainId as Uuid)
        -> (Nullable<Text>, Nullable<(Uuid, Text, Nullable<Text>, (Uuid, Text), BigInt, Timestamptz, Timestamptz)>) =
        concat!(
            "select st.standing, ", columns!(), "
            from (select $1::uuid as organisation_id, $2::uuid as id) q
            left join published.standings st on st.organisation_id = q.organisation_id
            left join registry.sub_domains s on s.organisation_id = q.organisation_id and s.id = q.id
            left join registry.domains d on d.organisation_id = s.organisation_id and d.id = s.domain_id"
        )
}

kit::statement! {
    /// A page of a domain's sub domains, and whether there is such a domain.
    pub struct ListSubDomains(
        organisation_id: OrganisationId as Uuid, domain_id: DomainId as Uuid,
        created_at: DateTime<Utc> as Timestamptz, after: Uuid as Uuid, limit: i64 as BigInt,
    )
        -> (Nullable<Text>, Bool, Nullable<(Uuid, Text, Nullable<Text>, (Uuid, Text), BigInt, Timestamptz, Timestamptz)>) =
        concat!(
            "select st.standing, d.id is not null, ", columns!(), "
            from (select $1::uuid as organisation_id, $2::uuid as id) q
            left join published.standings st on st.organisation_id = q.organisation_id
            left join registry.domains d on d.organisation_id = q.organisation_id and d.id = q.id
            left join lateral (
                select s.id, s.name, s.description, s.version, s.created_at, s.updated_at
                from registry.sub_domains s
                where s.organisation_id = d.organisation_id and s.domain_id = d.id and (s.created_at, s.id) > ($3, $4)
                order by s.created_at, s.id
                limit $5
            ) s on st.standing is distinct from 'frozen'
            order by s.created_at, s.id"
        )
}

kit::statement! {
    /// The version of a sub domain that is about to change, locked.
    pub struct LockSubDomain(organisation_id: OrganisationId as Uuid, id: SubDomainId as Uuid) -> (Nullable<Text>, Nullable<BigInt>) =
        "select st.standing, s.version
        from (select $1::uuid as organisation_id, $2::uuid as id) q
        left join published.standings st on st.organisation_id = q.organisation_id
        left join lateral (
            select s.version from registry.sub_domains s
            where s.organisation_id = q.organisation_id and s.id = q.id
            for no key update
        ) s on true"
}

kit::statement! {
    /// A new sub domain.
    pub struct InsertSubDomain<'a>(
        organisation_id: OrganisationId as Uuid, id: SubDomainId as Uuid, domain_id: DomainId as Uuid,
        name: &'a str as Text, description: Option<&'a str> as Nullable<Text>, now: DateTime<Utc> as Timestamptz,
    ) =
        "insert into registry.sub_domains (organisation_id, id, domain_id, name, description, version, created_at, updated_at)
        values ($1, $2, $3, $4, $5, 1, $6, $6)"
}

kit::statement! {
    /// A sub domain's new fields.
    pub struct UpdateSubDomain<'a>(
        organisation_id: OrganisationId as Uuid, id: SubDomainId as Uuid, name: &'a str as Text,
        description: Option<&'a str> as Nullable<Text>, now: DateTime<Utc> as Timestamptz,
    ) =
        "update registry.sub_domains set name = $3, description = $4, version = version + 1, updated_at = $5
        where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// A sub domain's new domain.
    pub struct MoveSubDomain(
        organisation_id: OrganisationId as Uuid, id: SubDomainId as Uuid, domain_id: DomainId as Uuid, now: DateTime<Utc> as Timestamptz,
    ) =
        "update registry.sub_domains set domain_id = $3, version = version + 1, updated_at = $4
        where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// The end of a sub domain.
    pub struct DeleteSubDomain(organisation_id: OrganisationId as Uuid, id: SubDomainId as Uuid) =
        "delete from registry.sub_domains where organisation_id = $1 and id = $2"
}

/// Sub domains of a domain, by creation.
pub fn list(
    c: &mut PgConnection,
    organisation_id: OrganisationId,
    domain_id: DomainId,
    page: &Page,
) -> Result<Paged<SubDomain>, Error> {
    let (created_at, after) = page.place();
    let rows = ListSubDomains { organisation_id, domain_id, created_at, after, limit: page.fetch() }.load(c)?;
    Ok(page.finish(items_within(rows)?, |sub_domain: &SubDomain| Keyset::new(sub_domain.created_at, sub_domain.id)))
}

/// One sub domain with its domain.
pub fn find(c: &mut PgConnection, organisation_id: OrganisationId, id: SubDomainId) -> Result<SubDomain, Error> {
    found(FindSubDomain { organisation_id, id }.get_result(c)?)
}

/// Makes a sub domain, within the plan.
pub fn create(c: &mut PgConnection, create: &Create, domain_id: DomainId, body: Json<NewSubDomain>) -> Answer {
    let (organisation_id, now) = (create.organisation, create.meta.now);
    if body.peek().is_none() {
        domains::find(c, organisation_id, domain_id)?;
    } else {
        standing::check_early(c, create, &body)?;
    }
    let new = body.check()?;
    create.once(c, SCHEMA, |c| {
        let parent = Some(domain_id.0);
        let reserve = ReserveSubDomain { organisation_id, parent, business: None, technical: None };
        Resource::SubDomains.reserve(c, organisation_id, |c| Ok(reserve.clone().get_result(c)?), || Error::NotFound)?;
        let (id, name, description) = (SubDomainId::new(now), new.name.as_str(), new.description.as_deref());
        InsertSubDomain { organisation_id, id, domain_id, name, description, now }
            .execute(c)
            .on_constraint("sub_domains_name_key", taken)
            .on_constraint("sub_domains_domain_id_fkey", || Error::NotFound)?;
        let made = find(c, organisation_id, id)?;
        let change = Change::of("SubDomainCreated", organisation_id, id, made.version).after(made.change());
        record(c, SCHEMA, &create.meta, change)?;
        reply::created(format!("/organisations/{organisation_id}/sub-domains/{id}"), made.version, &made)
    })
}

/// Changes a sub domain, or nothing where the patch says what is there.
pub fn update(
    c: &mut PgConnection,
    update: &Update,
    id: SubDomainId,
    body: Json<SubDomainPatch>,
) -> Result<SubDomain, Error> {
    let (organisation_id, now) = (update.organisation, update.meta.now);
    let before = locked(c, update, id)?;
    let new = before.patched(&body.check()?);
    if new == before.fields() {
        return Ok(before);
    }
    let (name, description) = (new.name.as_str(), new.description.as_deref());
    UpdateSubDomain { organisation_id, id, name, description, now }
        .execute(c)
        .on_constraint("sub_domains_name_key", taken)?;
    changed(c, update, "SubDomainModified", &before)
}

/// Puts a sub domain, with its APIs, into another domain.
pub fn relocate(
    c: &mut PgConnection,
    update: &Update,
    id: SubDomainId,
    body: Json<SubDomainMove>,
) -> Result<SubDomain, Error> {
    let before = locked(c, update, id)?;
    let SubDomainMove { domain_id } = body.check()?;
    if domain_id.0 == before.domain.id {
        return Ok(before);
    }
    let unknown = || Error::invalid("domainId", "not_found", "must be a domain of the organisation");
    MoveSubDomain { organisation_id: update.organisation, id, domain_id, now: update.meta.now }
        .execute(c)
        .on_constraint("sub_domains_name_key", taken)
        .on_constraint("sub_domains_domain_id_fkey", unknown)?;
    changed(c, update, "SubDomainMoved", &before)
}

/// Deletes a sub domain without APIs and ends its watches.
pub fn delete(c: &mut PgConnection, update: &Update, id: SubDomainId) -> Result<(), Error> {
    let organisation_id = update.organisation;
    let before = locked(c, update, id)?;
    Resource::SubDomains.release(c, organisation_id)?;
    let children = || Error::conflict("children-exist", "the sub domain still has APIs");
    DeleteSubDomain { organisation_id, id }.execute(c).on_constraint("apis_sub_domain_id_fkey", children)?;
    let change = Change::of("SubDomainDeleted", organisation_id, id, before.version + 1).before(before.change());
    record(c, SCHEMA, &update.meta, change)?;
    watches::end_all(c, organisation_id, &update.meta, Target::SubDomain, id.0)
}

/// The sub domain as it is under its lock, if it is the one the client saw.
fn locked(c: &mut PgConnection, update: &Update, id: SubDomainId) -> Result<SubDomain, Error> {
    let organisation_id = update.organisation;
    let version: i64 = found(LockSubDomain { organisation_id, id }.get_result(c)?)?;
    update.check(version)?;
    find(c, organisation_id, id)
}

/// The sub domain as it is now, its change recorded.
fn changed(c: &mut PgConnection, update: &Update, kind: &'static str, before: &SubDomain) -> Result<SubDomain, Error> {
    let after = find(c, update.organisation, before.id)?;
    let change = Change::of(kind, update.organisation, after.id, after.version);
    record(c, SCHEMA, &update.meta, change.before(before.change()).after(after.change()))?;
    Ok(after)
}

fn taken() -> Error {
    Error::conflict("name-taken", "the domain has a sub domain of this name")
}
