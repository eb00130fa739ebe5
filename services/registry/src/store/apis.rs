//! Reading APIs by id.

use diesel::{PgConnection, RunQueryDsl};
use kit::Error;
use kit::batch::{Found, in_order};
use kit::id::{ApiId, OrganisationId};

use super::standing::{Standing, found};
use crate::model::Api;

/// What an API is found by.
pub type ApiKey = (OrganisationId, ApiId);

/// The columns of an API `a` in sub domain `s` and domain `d` with its owners `b` and `t`, in the order of [`Api`]'s fields.
macro_rules! api_columns {
    () => {
        "a.id, a.name, a.title, a.description,
        coalesce((
            select array_agg(g.tag order by g.tag)
            from registry.api_tags g
            where g.organisation_id = a.organisation_id and g.api_id = a.id
        ), '{}'),
        a.business_owner_id, b.name, b.job_title, a.technical_owner_id, t.name, t.job_title, d.id, d.name, s.id, s.name,
        (
            select array_agg(row (v.major, v.minor, v.status) order by v.major, v.minor)
            from registry.versions v
            where v.organisation_id = a.organisation_id and v.api_id = a.id
        ),
        a.version, a.created_at, a.updated_at"
    };
}

/// What belongs to an API `a`: its place, and its owners. `offset 0`: see the owner of a domain.
macro_rules! api_joins {
    () => {
        " left join registry.sub_domains s on s.organisation_id = a.organisation_id and s.id = a.sub_domain_id
        left join registry.domains d on d.organisation_id = s.organisation_id and d.id = s.domain_id
        left join lateral (
            select p.name, p.job_title
            from published.persons p
            where p.organisation_id = a.organisation_id and p.id = a.business_owner_id
            offset 0
        ) b on true
        left join lateral (
            select p.name, p.job_title
            from published.persons p
            where p.organisation_id = a.organisation_id and p.id = a.technical_owner_id
            offset 0
        ) t on true"
    };
}
pub(super) use {api_columns, api_joins};

/// The SQL type of [`Api`].
pub(super) mod row {
    use diesel::pg::sql_types::*;
    use diesel::sql_types::*;

    /// A person.
    type Person = Nullable<(Uuid, Nullable<(Text, Nullable<Text>)>)>;
    /// A version in its API.
    type Version = Record<(Integer, Integer, Text)>;
    /// An API.
    pub type Api = (
        Uuid,
        Text,
        Nullable<Text>,
        Nullable<Text>,
        Array<Text>,
        Person,
        Person,
        (Uuid, Text),
        (Uuid, Text),
        Array<Version>,
        BigInt,
        Timestamptz,
        Timestamptz,
    );
}

kit::statement! {
    /// One API with its owners, its place, its versions and its tags, and how its organisation stands.
    ///
    /// It starts at a row of its own, so that a frozen organisation is seen where there is no such API.
    pub struct FindApi(organisation_id: OrganisationId as Uuid, id: ApiId as Uuid) -> (Nullable<Text>, Nullable<row::Api>) = concat!(
        "select st.standing, ", api_columns!(), "
        from (select $1::uuid as organisation_id, $2::uuid as id) q
        left join published.standings st on st.organisation_id = q.organisation_id
        left join registry.apis a on a.organisation_id = q.organisation_id and a.id = q.id",
        api_joins!()
    )
}

kit::statement! {
    /// Many APIs of any organisations, each as [`FindApi`] finds it: the n-th pair's row says n.
    pub struct FindApis<'a>(organisation_ids: &'a [OrganisationId] as Array<Uuid>, ids: &'a [ApiId] as Array<Uuid>)
        -> (BigInt, (Nullable<Text>, Nullable<row::Api>)) = concat!(
        "select q.n, st.standing, ", api_columns!(), "
        from unnest($1::uuid[], $2::uuid[]) with ordinality q(organisation_id, id, n)
        left join published.standings st on st.organisation_id = q.organisation_id
        left join registry.apis a on a.organisation_id = q.organisation_id and a.id = q.id",
        api_joins!()
    )
}

kit::statement! {
    /// The version of an API that is about to change, locked.
    pub struct LockApi(organisation_id: OrganisationId as Uuid, id: ApiId as Uuid) -> (Nullable<Text>, Nullable<BigInt>) =
        "select st.standing, a.version
        from (select $1::uuid as organisation_id, $2::uuid as id) q
        left join published.standings st on st.organisation_id = q.organisation_id
        left join lateral (
            select a.version from registry.apis a
            where a.organisation_id = q.organisation_id and a.id = q.id
            for no key update
        ) a on true"
}

/// One API with everything that belongs to it.
pub fn find(c: &mut PgConnection, organisation_id: OrganisationId, id: ApiId) -> Result<Api, Error> {
    found(FindApi { organisation_id, id }.get_result(c)?)
}

/// APIs of any organisations, each as `find` finds it: one statement, however many.
pub fn find_all(c: &mut PgConnection, keys: &[ApiKey]) -> Found<Api> {
    if let &[(organisation_id, id)] = keys {
        let alone = FindApi { organisation_id, id };
        return Ok(vec![found(alone.get_result(c)?)]);
    }
    let (organisation_ids, ids): (Vec<_>, Vec<_>) = keys.iter().copied().unzip();
    let shared = FindApis { organisation_ids: &organisation_ids, ids: &ids };
    let rows: Vec<(i64, Standing<Option<Api>>)> = shared.load(c)?;
    Ok(in_order(keys.len(), rows)?.into_iter().map(found).collect())
}

/// The API as it is under its lock. Read in a statement after the lock's own, whose snapshot may be older than the
/// transaction that was waited for: its versions and tags would be.
pub fn locked(c: &mut PgConnection, organisation_id: OrganisationId, id: ApiId) -> Result<Api, Error> {
    let _version: i64 = found(LockApi { organisation_id, id }.get_result(c)?)?;
    find(c, organisation_id, id)
}
