//! Versions of an API: they change under its lock, and with its ETag.

use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::id::{ApiId, OrganisationId};
use kit::reply::{self, Answer};
use kit::{Create, Error, Json, Keyset, Page, Paged, Update};
use uuid::Uuid;

use super::standing::items_within;
use super::{SCHEMA, apis};
use crate::model::{Api, NewStatus, NewVersion, Number, Status, Version, VersionSummary};

/// The most versions an API may have: they are read with it, and it is read in pages.
const VERSIONS_MAX: usize = 100;

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

/// Versions of an API, by creation.
pub fn list(
    c: &mut PgConnection,
    organisation_id: OrganisationId,
    api_id: ApiId,
    page: &Page,
) -> Result<Paged<Version>, Error> {
    let (created_at, id) = page.place();
    let (major, minor) = numbers(id)?;
    let rows = ListVersions { organisation_id, api_id, created_at, major, minor, limit: page.fetch() }.load(c)?;
    Ok(page.finish(items_within(rows)?, |version: &Version| Keyset::new(version.created_at, key(version))))
}

/// A version has no id: its numbers are the second part of its place in the list.
fn key(version: &Version) -> Uuid {
    // Never negative, by the table's check.
    let [major, minor] = [version.major, version.minor].map(|number| u64::from(number.unsigned_abs()));
    Uuid::from_u64_pair(major, minor)
}

fn numbers(key: Uuid) -> Result<(i32, i32), Error> {
    let (major, minor) = key.as_u64_pair();
    let wrong = |_| Error::bad_request("cursor", "invalid_cursor", "must be a nextCursor of this very list");
    // The start of the list is before 0.0 of any time.
    Ok((i32::try_from(major).map_err(wrong)?, i32::try_from(minor).map_err(wrong)?))
}

/// Adds a version to an API. A version has no GET of its own: no `Location`, and the ETag is its API's.
pub fn create(c: &mut PgConnection, create: &Create, api_id: ApiId, body: Json<NewVersion>) -> Answer {
    let (organisation_id, now) = (create.organisation, create.meta.now);
    // Before the row of an Idempotency-Key: the entity's lock comes first. A repeat sees the API as it is now.
    let api = match apis::locked(c, organisation_id, api_id) {
        // A repeat may come after the API has gone; its first answer stands.
        Err(Error::NotFound) if create.may_be_repeat() => None,
        other => Some(other?),
    };
    let NewVersion { major, minor } = match &api {
        Some(_) => body.check()?,
        None => body.check().map_err(|_| Error::NotFound)?,
    };
    create.once(c, SCHEMA, |c| {
        let api = api.ok_or(Error::NotFound)?;
        if api.versions.len() >= VERSIONS_MAX {
            return Err(Error::limit("versions", VERSIONS_MAX, "an API"));
        }
        let taken = || Error::conflict("version-exists", format!("the API has a version {major}.{minor}"));
        InsertVersion { organisation_id, api_id, major, minor, now }
            .execute(c)
            .on_constraint("versions_pkey", taken)?;
        let (status, version) = (Status::Inception, api.version + 1);
        let change = change("VersionCreated", organisation_id, &api);
        record(c, SCHEMA, &create.meta, change.after(api.version_change(VersionSummary { major, minor, status })))?;
        let made = Version { major, minor, status, version, created_at: now, updated_at: now };
        Ok(reply::json(StatusCode::CREATED, &made)?.etag(version))
    })
}

/// Takes a version to one of its next states.
pub fn set_status(
    c: &mut PgConnection,
    update: &Update,
    api_id: ApiId,
    number: Number,
    body: Json<NewStatus>,
) -> Result<Version, Error> {
    let (api, before) = locked(c, update, api_id, number)?;
    let NewStatus { status } = body.check()?;
    let allowed = before.status.next();
    if !allowed.contains(&status) {
        let detail = format!("a version in {} can't go to {}", before.status.as_str(), status.as_str());
        return Err(Error::conflict("wrong-state", detail).with("allowed", allowed));
    }
    let (organisation_id, Number { major, minor }, now) = (update.organisation, number, update.meta.now);
    let statement = UpdateVersionStatus { organisation_id, api_id, major, minor, now, status };
    let (created_at,): (DateTime<Utc>,) = statement.get_result(c)?;
    let [was, is] = [before, VersionSummary { status, ..before }].map(|version| api.version_change(version));
    let change = change("VersionStatusModified", organisation_id, &api).before(was).after(is);
    record(c, SCHEMA, &update.meta, change)?;
    Ok(Version { major, minor, status, version: api.version + 1, created_at, updated_at: now })
}

/// Deletes a version that isn't the last.
pub fn delete(c: &mut PgConnection, update: &Update, api_id: ApiId, number: Number) -> Result<(), Error> {
    let (api, before) = locked(c, update, api_id, number)?;
    if api.versions.len() == 1 {
        return Err(Error::conflict("last-version", "an API keeps its last version"));
    }
    let (organisation_id, Number { major, minor }) = (update.organisation, number);
    DeleteVersion { organisation_id, api_id, major, minor, now: update.meta.now }.execute(c)?;
    let change = change("VersionDeleted", organisation_id, &api).before(api.version_change(before));
    record(c, SCHEMA, &update.meta, change)
}

/// The API under its lock with the version in question, if both are there and the client saw this API.
fn locked(
    c: &mut PgConnection,
    update: &Update,
    api_id: ApiId,
    number: Number,
) -> Result<(Api, VersionSummary), Error> {
    let api = apis::locked(c, update.organisation, api_id)?;
    let same = |version: &&VersionSummary| (version.major, version.minor) == (number.major, number.minor);
    let version = *api.versions.iter().find(same).ok_or(Error::NotFound)?;
    update.check(api.version)?;
    Ok((api, version))
}

/// A change of a version is a change of its API, whose version it names.
fn change(kind: &'static str, organisation: OrganisationId, api: &Api) -> Change {
    Change::of(kind, organisation, api.id, api.version + 1)
}
