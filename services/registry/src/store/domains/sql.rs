//! Domains: the statements.

use chrono::{DateTime, Utc};
use kit::id::{DomainId, OrganisationId, ProfileId};
use uuid::Uuid;

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
