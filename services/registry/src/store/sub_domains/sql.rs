//! Sub domains: the statements.

use chrono::{DateTime, Utc};
use kit::id::{DomainId, OrganisationId, SubDomainId};
use uuid::Uuid;

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
