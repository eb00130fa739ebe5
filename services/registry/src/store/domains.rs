//! Domains.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::id::{DomainId, OrganisationId, ProfileId};
use kit::reply::{self, Answer};
use kit::{Create, Error, Json, Keyset, Page, Paged, Update};
use uuid::Uuid;

use super::limits::{ReserveDomain, Resource};
use super::standing::{self, found, items};
use super::{SCHEMA, owners, watches};
use crate::model::{Domain, DomainPatch, NewDomain, Person, Target};

/// The columns of a [`Domain`] `d` with its owner `p`.
macro_rules! columns {
    () => {
        "d.id, d.name, d.description, d.business_owner_id, p.name, p.job_title, d.version, d.created_at, d.updated_at"
    };
}

/// The owner `p` of a domain `d`. `offset 0`, here and wherever people are joined: the view is a security barrier, which
/// a join isn't pushed into; the barrier of the subquery makes its condition a parameter, and that is.
macro_rules! owner {
    () => {
        " left join lateral (
            select p.name, p.job_title
            from published.persons p
            where p.organisation_id = d.organisation_id and p.id = d.business_owner_id
            offset 0
        ) p on true"
    };
}

kit::statement! {
    /// One domain with its owner, and how its organisation stands.
    pub struct FindDomain(organisation_id: OrganisationId as Uuid, id: DomainId as Uuid)
        -> (Nullable<Text>, Nullable<(Uuid, Text, Nullable<Text>, Nullable<(Uuid, Nullable<(Text, Nullable<Text>)>)>, BigInt, Timestamptz, Timestamptz)>) =
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
        -> (Nullable<Text>, Nullable<(Uuid, Text, Nullable<Text>, Nullable<(Uuid, Nullable<(Text, Nullable<Text>)>)>, BigInt, Timestamptz, Timestamptz)>) =
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

/// Domains, by creation.
pub fn list(c: &mut PgConnection, organisation_id: OrganisationId, page: &Page) -> Result<Paged<Domain>, Error> {
    let (created_at, after) = page.place();
    let rows = ListDomains { organisation_id, created_at, after, limit: page.fetch() }.load(c)?;
    Ok(page.finish(items(rows)?, |domain: &Domain| Keyset::new(domain.created_at, domain.id)))
}

/// One domain with its owner.
pub fn find(c: &mut PgConnection, organisation_id: OrganisationId, id: DomainId) -> Result<Domain, Error> {
    found(FindDomain { organisation_id, id }.get_result(c)?)
}

/// Makes a domain, within the plan.
pub fn create(c: &mut PgConnection, create: &Create, body: Json<NewDomain>) -> Answer {
    let (organisation_id, now) = (create.organisation, create.meta.now);
    standing::check_early(c, create, &body)?;
    let new = body.check()?;
    create.once(c, SCHEMA, |c| {
        let business = new.business_owner_id;
        let reserve = ReserveDomain { organisation_id, parent: None, business, technical: None };
        Resource::Domains.reserve(c, organisation_id, |c| Ok(reserve.clone().get_result(c)?), || Error::NotFound)?;
        let (id, name, description) = (DomainId::new(now), new.name.as_str(), new.description.as_deref());
        let insert = InsertDomain { organisation_id, id, name, description, business_owner_id: business, now };
        written(insert.execute(c).map_err(Error::from))?;
        let made = owned(c, organisation_id, id, &new)?;
        let change = Change::of("DomainCreated", organisation_id, id, made.version).after(made.change());
        record(c, SCHEMA, &create.meta, change)?;
        reply::created(format!("/organisations/{organisation_id}/domains/{id}"), made.version, &made)
    })
}

/// Changes a domain, or nothing where the patch says what is there.
pub fn update(c: &mut PgConnection, update: &Update, id: DomainId, body: Json<DomainPatch>) -> Result<Domain, Error> {
    let (organisation_id, now) = (update.organisation, update.meta.now);
    let before = locked(c, update, id)?;
    let (old, new) = (before.fields(), before.patched(&body.check()?));
    if new == old {
        return Ok(before);
    }
    let business_owner_id = new.business_owner_id;
    if business_owner_id != old.business_owner_id {
        owners::check(c, organisation_id, business_owner_id, None)?;
    }
    let (name, description) = (new.name.as_str(), new.description.as_deref());
    let statement = UpdateDomain { organisation_id, id, name, description, business_owner_id, now };
    written(statement.execute(c).map_err(Error::from))?;
    let after = owned(c, organisation_id, id, &new)?;
    let change = Change::of("DomainModified", organisation_id, id, after.version);
    record(c, SCHEMA, &update.meta, change.before(before.change()).after(after.change()))?;
    Ok(after)
}

/// Deletes a domain without sub domains and ends its watches.
pub fn delete(c: &mut PgConnection, update: &Update, id: DomainId) -> Result<(), Error> {
    let organisation_id = update.organisation;
    let before = locked(c, update, id)?;
    Resource::Domains.release(c, organisation_id)?;
    let children = || Error::conflict("children-exist", "the domain still has sub domains");
    DeleteDomain { organisation_id, id }.execute(c).on_constraint("sub_domains_domain_id_fkey", children)?;
    let change = Change::of("DomainDeleted", organisation_id, id, before.version + 1).before(before.change());
    record(c, SCHEMA, &update.meta, change)?;
    watches::end_all(c, organisation_id, &update.meta, Target::Domain, id.0)
}

/// The domain as it is under its lock, if it is the one the client saw. Read in a statement after the lock's own, whose
/// snapshot may be older than the transaction that was waited for.
fn locked(c: &mut PgConnection, update: &Update, id: DomainId) -> Result<Domain, Error> {
    let organisation_id = update.organisation;
    let version: i64 = found(LockDomain { organisation_id, id }.get_result(c)?)?;
    update.check(version)?;
    find(c, organisation_id, id)
}

/// The domain as written, if its owner is still there: see [`owners`].
fn owned(c: &mut PgConnection, organisation: OrganisationId, id: DomainId, new: &NewDomain) -> Result<Domain, Error> {
    let domain = find(c, organisation, id)?;
    let there = Person::is_there(domain.business_owner.as_ref());
    owners::require(&[("businessOwnerId", new.business_owner_id.is_none() || there)])?;
    Ok(domain)
}

/// What the constraints of a domain mean.
fn written(result: Result<usize, Error>) -> Result<usize, Error> {
    result
        .on_constraint("domains_name_key", || {
            Error::conflict("name-taken", "the organisation has a domain of this name")
        })
        .on_constraint("domains_business_owner_id_fkey", || owners::unknown("businessOwnerId"))
        .on_constraint("domains_organisation_id_fkey", || Error::NotFound)
}
