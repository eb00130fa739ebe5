//! Versions: the statements.

use chrono::{DateTime, Utc};
use kit::id::{ApiId, OrganisationId};

use crate::model::Status;

kit::statement! {
    /// A page of an API's versions, and whether there is such an API.
    pub struct ListVersions(
        organisation_id: OrganisationId as Uuid, api_id: ApiId as Uuid, created_at: DateTime<Utc> as Timestamptz,
        major: i32 as Integer, minor: i32 as Integer, limit: i64 as BigInt,
    ) -> (Nullable<Text>, Bool, Nullable<(Integer, Integer, Text, BigInt, Timestamptz, Timestamptz)>) =
        "select st.standing, a.id is not null, v.major, v.minor, v.status, a.version, v.created_at, v.updated_at
        from (select $1::uuid as organisation_id, $2::uuid as id) q
        left join published.standings st on st.organisation_id = q.organisation_id
        left join registry.apis a on a.organisation_id = q.organisation_id and a.id = q.id
        left join lateral (
            select v.major, v.minor, v.status, v.created_at, v.updated_at
            from registry.versions v
            where v.organisation_id = a.organisation_id and v.api_id = a.id and (v.created_at, v.major, v.minor) > ($3, $4, $5)
            order by v.created_at, v.major, v.minor
            limit $6
        ) v on st.standing is distinct from 'frozen'
        order by v.created_at, v.major, v.minor"
}

kit::statement! {
    /// A new version, and its API's new ETag.
    pub struct InsertVersion(
        organisation_id: OrganisationId as Uuid, api_id: ApiId as Uuid, major: i32 as Integer, minor: i32 as Integer,
        now: DateTime<Utc> as Timestamptz,
    ) =
        "with version as (
            insert into registry.versions (organisation_id, api_id, major, minor, status, created_at, updated_at)
            values ($1, $2, $3, $4, 'inception', $5, $5)
        )
        update registry.apis set version = version + 1, updated_at = $5 where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// A version's new status, and its API's new ETag; returns when the version was made.
    pub struct UpdateVersionStatus(
        organisation_id: OrganisationId as Uuid, api_id: ApiId as Uuid, major: i32 as Integer, minor: i32 as Integer,
        now: DateTime<Utc> as Timestamptz, status: Status as Text,
    ) -> (Timestamptz,) =
        "with api as (
            update registry.apis set version = version + 1, updated_at = $5 where organisation_id = $1 and id = $2
        )
        update registry.versions set status = $6, updated_at = $5
        where organisation_id = $1 and api_id = $2 and major = $3 and minor = $4
        returning created_at"
}

kit::statement! {
    /// The end of a version, and its API's new ETag.
    pub struct DeleteVersion(
        organisation_id: OrganisationId as Uuid, api_id: ApiId as Uuid, major: i32 as Integer, minor: i32 as Integer,
        now: DateTime<Utc> as Timestamptz,
    ) =
        "with version as (
            delete from registry.versions where organisation_id = $1 and api_id = $2 and major = $3 and minor = $4
        )
        update registry.apis set version = version + 1, updated_at = $5 where organisation_id = $1 and id = $2"
}
