//! The statements on people, each planned once per connection.

use chrono::{DateTime, Utc};
use kit::id::{OrganisationId, ProfileId};

kit::statement! {
    /// People after a place in the list.
    pub struct ListProfiles(
        organisation_id: OrganisationId as Uuid, created_at: DateTime<Utc> as Timestamptz, id: uuid::Uuid as Uuid, limit: i64 as BigInt,
    ) -> (Uuid, Text, Nullable<Text>, Text, Text, BigInt, Timestamptz, Timestamptz) =
        "select p.id, p.name, p.job_title, p.email, p.time_zone, p.version, p.created_at, p.updated_at
        from profile.profiles p
        where p.organisation_id = $1 and p.deleted_at is null and (p.created_at, p.id) > ($2, $3)
        order by p.created_at, p.id
        limit $4"
}

kit::statement! {
    /// The same, by the start of the name. A range and not `like`, for which a plan that is kept can't use the index;
    /// its end is the last character there is.
    pub struct ListProfilesByName<'a>(
        organisation_id: OrganisationId as Uuid, created_at: DateTime<Utc> as Timestamptz, id: uuid::Uuid as Uuid, limit: i64 as BigInt,
        prefix: &'a str as Text,
    ) -> (Uuid, Text, Nullable<Text>, Text, Text, BigInt, Timestamptz, Timestamptz) =
        "select p.id, p.name, p.job_title, p.email, p.time_zone, p.version, p.created_at, p.updated_at
        from profile.profiles p
        where p.organisation_id = $1 and p.deleted_at is null and (p.created_at, p.id) > ($2, $3)
            and lower(p.name) ~>=~ lower($5) and lower(p.name) ~<~ (lower($5) || chr(1114111))
        order by p.created_at, p.id
        limit $4"
}

kit::statement! {
    /// One person.
    pub struct FindProfile(organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid)
        -> (Uuid, Text, Nullable<Text>, Text, Text, BigInt, Timestamptz, Timestamptz) =
        "select p.id, p.name, p.job_title, p.email, p.time_zone, p.version, p.created_at, p.updated_at
        from profile.profiles p
        where p.organisation_id = $1 and p.id = $2 and p.deleted_at is null"
}

kit::statement! {
    /// Many people of any organisations: the n-th pair's row says n, and nothing else where there is nobody.
    pub struct FindProfiles<'a>(organisation_ids: &'a [OrganisationId] as Array<Uuid>, ids: &'a [ProfileId] as Array<Uuid>)
        -> (BigInt, Nullable<(Uuid, Text, Nullable<Text>, Text, Text, BigInt, Timestamptz, Timestamptz)>) =
        "select q.n, p.id, p.name, p.job_title, p.email, p.time_zone, p.version, p.created_at, p.updated_at
        from unnest($1::uuid[], $2::uuid[]) with ordinality q(organisation_id, id, n)
        left join profile.profiles p on p.organisation_id = q.organisation_id and p.id = q.id and p.deleted_at is null"
}

kit::statement! {
    /// One person, to be changed: nobody else changes it meanwhile, but it can be referred to.
    pub struct LockProfile(organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid)
        -> (Uuid, Text, Nullable<Text>, Text, Text, BigInt, Timestamptz, Timestamptz) =
        "select p.id, p.name, p.job_title, p.email, p.time_zone, p.version, p.created_at, p.updated_at
        from profile.profiles p
        where p.organisation_id = $1 and p.id = $2 and p.deleted_at is null
        for no key update"
}

kit::statement! {
    /// One person, to be deleted: who inserts a reference to it waits.
    pub struct LockProfileForDeletion(organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid) -> (BigInt,) =
        "select p.version
        from profile.profiles p
        where p.organisation_id = $1 and p.id = $2 and p.deleted_at is null
        for update"
}

kit::statement! {
    /// A person and the settings that every person has.
    pub struct InsertProfile<'a>(
        organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid, name: &'a str as Text, job_title: Option<&'a str> as Nullable<Text>,
        email: &'a str as Text, time_zone: &'a str as Text, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz,
    ) =
        "with person as (
            insert into profile.profiles (organisation_id, id, name, job_title, email, time_zone, version, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
        )
        insert into profile.notification_settings (organisation_id, profile_id, mode, version, updated_at)
        values ($1, $2, 'instant', 1, $8)"
}

kit::statement! {
    pub struct UpdateProfile<'a>(
        organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid, name: &'a str as Text, job_title: Option<&'a str> as Nullable<Text>,
        email: &'a str as Text, time_zone: &'a str as Text, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz,
    ) =
        "update profile.profiles
        set name = $3, job_title = $4, email = $5, time_zone = $6, version = $7, updated_at = $8
        where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// What a person is responsible for. Who owns an API in both roles stands in the view twice.
    pub struct CountResponsibilities(organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid) -> (BigInt, BigInt) =
        "select count(distinct r.target_id) filter (where r.kind = 'api'), count(distinct r.target_id) filter (where r.kind = 'domain')
        from published.responsibilities r
        where r.organisation_id = $1 and r.profile_id = $2"
}

kit::statement! {
    /// Erases the personal fields; the row stays for what refers to it. The settings go.
    pub struct EraseProfile(organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz) =
        "with settings as (
            delete from profile.notification_settings where organisation_id = $1 and profile_id = $2
        )
        update profile.profiles
        set name = null, job_title = null, email = null, time_zone = null, deleted_at = $4, version = $3, updated_at = $4
        where organisation_id = $1 and id = $2"
}
