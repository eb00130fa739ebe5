//! People.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::batch::{Found, in_order};
use kit::changes::{Change, record};
use kit::id::{OrganisationId, ProfileId};
use kit::reply::{self, Answer};
use kit::{Create, Error, Json, OnConstraint, Page, Paged, Update};
use serde_json::json;

use super::{SCHEMA, places};
use crate::model::{NewProfile, Profile, ProfilePatch};

/// What a person is found by.
pub type ProfileKey = (OrganisationId, ProfileId);

/// The SQL type of a [`Profile`].
mod row {
    use diesel::sql_types::*;

    pub type Profile = (Uuid, Text, Nullable<Text>, Text, Text, BigInt, Timestamptz, Timestamptz);
}

kit::statement! {
    /// People after a place in the list.
    struct ListProfiles(
        organisation_id: OrganisationId as Uuid, created_at: DateTime<Utc> as Timestamptz, id: uuid::Uuid as Uuid, limit: i64 as BigInt,
    ) -> row::Profile =
        "select p.id, p.name, p.job_title, p.email, p.time_zone, p.version, p.created_at, p.updated_at
        from profile.profiles p
        where p.organisation_id = $1 and p.deleted_at is null and (p.created_at, p.id) > ($2, $3)
        order by p.created_at, p.id
        limit $4"
}

kit::statement! {
    /// The same, by the start of the name. A range and not `like`, for which a plan that is kept can't use the index;
    /// its end is the last character there is.
    struct ListProfilesByName<'a>(
        organisation_id: OrganisationId as Uuid, created_at: DateTime<Utc> as Timestamptz, id: uuid::Uuid as Uuid, limit: i64 as BigInt,
        prefix: &'a str as Text,
    ) -> row::Profile =
        "select p.id, p.name, p.job_title, p.email, p.time_zone, p.version, p.created_at, p.updated_at
        from profile.profiles p
        where p.organisation_id = $1 and p.deleted_at is null and (p.created_at, p.id) > ($2, $3)
            and lower(p.name) ~>=~ lower($5) and lower(p.name) ~<~ (lower($5) || chr(1114111))
        order by p.created_at, p.id
        limit $4"
}

kit::statement! {
    /// One person.
    struct FindProfile(organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid)
        -> row::Profile =
        "select p.id, p.name, p.job_title, p.email, p.time_zone, p.version, p.created_at, p.updated_at
        from profile.profiles p
        where p.organisation_id = $1 and p.id = $2 and p.deleted_at is null"
}

kit::statement! {
    /// Many people of any organisations: the n-th pair's row says n, and nothing else where there is nobody.
    struct FindProfiles<'a>(organisation_ids: &'a [OrganisationId] as Array<Uuid>, ids: &'a [ProfileId] as Array<Uuid>)
        -> (BigInt, Nullable<row::Profile>) =
        "select q.n, p.id, p.name, p.job_title, p.email, p.time_zone, p.version, p.created_at, p.updated_at
        from unnest($1::uuid[], $2::uuid[]) with ordinality q(organisation_id, id, n)
        left join profile.profiles p on p.organisation_id = q.organisation_id and p.id = q.id and p.deleted_at is null"
}

kit::statement! {
    /// One person, to be changed: nobody else changes it meanwhile, but it can be referred to.
    struct LockProfile(organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid)
        -> row::Profile =
        "select p.id, p.name, p.job_title, p.email, p.time_zone, p.version, p.created_at, p.updated_at
        from profile.profiles p
        where p.organisation_id = $1 and p.id = $2 and p.deleted_at is null
        for no key update"
}

kit::statement! {
    /// One person, to be deleted: who inserts a reference to it waits.
    struct LockProfileForDeletion(organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid) -> (BigInt,) =
        "select p.version
        from profile.profiles p
        where p.organisation_id = $1 and p.id = $2 and p.deleted_at is null
        for update"
}

kit::statement! {
    /// A person and the settings that every person has.
    struct InsertProfile<'a>(
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
    struct UpdateProfile<'a>(
        organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid, name: &'a str as Text, job_title: Option<&'a str> as Nullable<Text>,
        email: &'a str as Text, time_zone: &'a str as Text, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz,
    ) =
        "update profile.profiles
        set name = $3, job_title = $4, email = $5, time_zone = $6, version = $7, updated_at = $8
        where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// What a person is responsible for. Who owns an API in both roles stands in the view twice.
    struct CountResponsibilities(organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid) -> (BigInt, BigInt) =
        "select count(distinct r.target_id) filter (where r.kind = 'api'), count(distinct r.target_id) filter (where r.kind = 'domain')
        from published.responsibilities r
        where r.organisation_id = $1 and r.profile_id = $2"
}

kit::statement! {
    /// Erases the personal fields; the row stays for what refers to it. The settings go.
    struct EraseProfile(organisation_id: OrganisationId as Uuid, id: ProfileId as Uuid, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz) =
        "with settings as (
            delete from profile.notification_settings where organisation_id = $1 and profile_id = $2
        )
        update profile.profiles
        set name = null, job_title = null, email = null, time_zone = null, deleted_at = $4, version = $3, updated_at = $4
        where organisation_id = $1 and id = $2"
}

/// People of an organisation, oldest first; with `prefix` those whose name starts with it, whatever the case.
pub fn list(
    c: &mut PgConnection,
    organisation_id: OrganisationId,
    prefix: Option<&str>,
    page: &Page,
) -> Result<Paged<Profile>, Error> {
    let ((created_at, id), limit) = (page.place(), page.fetch());
    let rows = match prefix {
        None => ListProfiles { organisation_id, created_at, id, limit }.load(c)?,
        Some(prefix) => ListProfilesByName { organisation_id, created_at, id, limit, prefix }.load(c)?,
    };
    Ok(page.finish(rows, Profile::place))
}

/// People of any organisations, by one statement; who is deleted is not found.
pub fn find_all(c: &mut PgConnection, keys: &[ProfileKey]) -> Found<Profile> {
    let found = |person: Option<Profile>| person.ok_or(Error::NotFound);
    if let &[(organisation_id, id)] = keys {
        return Ok(vec![found(FindProfile { organisation_id, id }.get_result(c).optional()?)]);
    }
    let (organisation_ids, ids): (Vec<_>, Vec<_>) = keys.iter().copied().unzip();
    let shared = FindProfiles { organisation_ids: &organisation_ids, ids: &ids };
    let rows: Vec<(i64, Option<Profile>)> = shared.load(c)?;
    Ok(in_order(keys.len(), rows)?.into_iter().map(found).collect())
}

/// Adds a person, notified at once; never one more than the plan allows.
pub fn create(c: &mut PgConnection, create: &Create, body: Json<NewProfile>) -> Answer {
    let (organisation_id, now) = (create.organisation, create.meta.now);
    create.once(c, SCHEMA, |c| {
        let profile = match body.check() {
            Ok(new) => new.into_profile(now),
            // The 404 of an unknown organisation comes before the 422.
            Err(invalid) => return Err(places::organisation_exists(c, organisation_id).err().unwrap_or(invalid)),
        };
        places::take(c, organisation_id)?;
        let insert = InsertProfile {
            organisation_id,
            id: profile.id,
            name: &profile.name,
            job_title: profile.job_title.as_deref(),
            email: &profile.email,
            time_zone: &profile.time_zone,
            version: profile.version,
            now,
        };
        insert.execute(c).on_constraint("profiles_email_key", email_taken)?;
        let change = Change::of("ProfileCreated", organisation_id, profile.id, profile.version);
        record(c, SCHEMA, &create.meta, change.after(profile.published()))?;
        let location = format!("/organisations/{organisation_id}/profiles/{}", profile.id);
        reply::created(location, profile.version, &profile)
    })
}

/// Changes some fields of a person; writes nothing where nothing differs.
pub fn update(
    c: &mut PgConnection,
    update: &Update,
    id: ProfileId,
    patch: Json<ProfilePatch>,
) -> Result<Profile, Error> {
    let (organisation_id, now) = (update.organisation, update.meta.now);
    let locked = LockProfile { organisation_id, id }.get_result::<Profile>(c).optional()?;
    let before = locked.ok_or(Error::NotFound)?;
    update.check(before.version)?;
    let after = before.patched(patch.check()?);
    if after == before {
        return Ok(before);
    }
    let after = Profile { version: before.version + 1, updated_at: now, ..after };
    let statement = UpdateProfile {
        organisation_id,
        id,
        name: &after.name,
        job_title: after.job_title.as_deref(),
        email: &after.email,
        time_zone: &after.time_zone,
        version: after.version,
        now,
    };
    statement.execute(c).on_constraint("profiles_email_key", email_taken)?;
    let change = Change::of("ProfileModified", organisation_id, id, after.version);
    record(c, SCHEMA, &update.meta, change.before(before.published()).after(after.published()))?;
    Ok(after)
}

/// Turns a person into a tombstone, unless APIs or domains depend on them.
pub fn delete(c: &mut PgConnection, update: &Update, id: ProfileId) -> Result<(), Error> {
    let (organisation_id, now) = (update.organisation, update.meta.now);
    let locked: Option<(i64,)> = LockProfileForDeletion { organisation_id, id }.get_result(c).optional()?;
    let (version,) = locked.ok_or(Error::NotFound)?;
    update.check(version)?;
    // After the lock, in a statement of its own: whatever referred to the person before is committed and seen by now.
    let (apis, domains): (i64, i64) = CountResponsibilities { organisation_id, id }.get_result(c)?;
    if apis + domains > 0 {
        return Err(still_responsible(apis, domains));
    }
    // The counter before the row, as a create does it: were the row changed first, a create of the same e-mail address would
    // hold the counter and wait for the row, while this waits for the counter.
    places::give_back(c, organisation_id)?;
    let version = version + 1;
    EraseProfile { organisation_id, id, version, now }.execute(c)?;
    let change = Change::of("ProfileDeleted", organisation_id, id, version).before(json!({}));
    record(c, SCHEMA, &update.meta, change)
}

fn email_taken() -> Error {
    Error::conflict("email-taken", "somebody else in this organisation has this e-mail address")
}

fn still_responsible(apis: i64, domains: i64) -> Error {
    let plural = |count: i64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let detail = format!(
        "the person owns {} and {}: give them to somebody else first",
        plural(apis, "API", "APIs"),
        plural(domains, "domain", "domains")
    );
    Error::conflict("still-responsible", detail).with("apis", apis).with("domains", domains)
}
