//! Versions of an API: they change under its lock, and with its ETag.

mod sql;

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::error::OnConstraint;
use kit::id::{ApiId, OrganisationId};
use kit::reply::Answer;
use kit::{Error, Json, Keyset, Meta, Page, Paged};
use uuid::Uuid;

use self::sql::{DeleteVersion, InsertVersion, ListVersions, UpdateVersionStatus};
use super::standing::found;
use super::{Change, Create, Shape, apis, pg};
use crate::model::{Api, NewStatus, NewVersion, Number, Status, Version, VersionSummary};

pub(super) fn list(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    api_id: ApiId,
    page: &Page,
) -> Result<Paged<Version>, Error> {
    let (created_at, id) = pg::place(page);
    let (major, minor) = numbers(id)?;
    let rows: Vec<(Option<String>, bool, Option<Version>)> =
        ListVersions { organisation_id, api_id, created_at, major, minor, limit: page.fetch() }.load(connection)?;
    let rows = rows.into_iter().map(|(standing, there, item)| (standing, there.then_some(item)));
    let items: Vec<Option<Version>> = rows.map(found).collect::<Result<_, _>>()?;
    Ok(page.finish(items.into_iter().flatten().collect(), |version| Keyset::new(version.created_at, key(version))))
}

/// A version has no id: its numbers are the second part of its place in the list.
fn key(version: &Version) -> Uuid {
    // Never negative, by the table's check.
    let [major, minor] = [version.major, version.minor].map(|number| u64::from(number.unsigned_abs()));
    Uuid::from_u64_pair(major, minor)
}

fn numbers(key: Uuid) -> Result<(i32, i32), Error> {
    let (major, minor) = key.as_u64_pair();
    let number = |number| {
        i32::try_from(number)
            .map_err(|_| Error::bad_request("cursor", "invalid_cursor", "must be a nextCursor of this very list"))
    };
    // The start of the list is before 0.0 of any time.
    Ok((number(major)?, number(minor)?))
}

pub(super) fn create(
    connection: &mut PgConnection,
    create: &Create,
    api_id: ApiId,
    body: Json<NewVersion>,
    shape: Shape<'_, Version>,
) -> Answer {
    let (organisation, now) = (create.organisation, create.meta.now);
    // Before the row of an Idempotency-Key: the entity's lock comes first. A repeat sees the API as it is now.
    let api = match apis::locked(connection, organisation, api_id) {
        // A repeat may come after the API has gone; its first answer stands.
        Err(Error::NotFound) if create.idempotency != kit::Idempotency::none() => None,
        other => Some(other?),
    };
    let NewVersion { major, minor } = match &api {
        Some(_) => body.check()?,
        None => body.check().map_err(|_| Error::NotFound)?,
    };
    kit::idempotency::once(connection, super::SCHEMA, &create.idempotency, &create.meta, |connection| {
        let api = api.ok_or(Error::NotFound)?;
        InsertVersion { organisation_id: organisation, api_id, major, minor, now }
            .execute(connection)
            .on_constraint("versions_pkey", || {
                Error::conflict("version-exists", format!("the API has a version {major}.{minor}"))
            })?;
        let summary = VersionSummary { major, minor, status: Status::Inception };
        let made = Version {
            major,
            minor,
            status: summary.status,
            version: api.version + 1,
            created_at: now,
            updated_at: now,
        };
        record(connection, organisation, &create.meta, "VersionCreated", &api, None, Some(summary))?;
        shape(&made)
    })
}

pub(super) fn set_status(
    connection: &mut PgConnection,
    change: &Change,
    api_id: ApiId,
    number: Number,
    body: Json<NewStatus>,
) -> Result<Version, Error> {
    let (api, before) = locked(connection, change, api_id, number)?;
    let NewStatus { status } = body.check()?;
    let allowed = before.status.next();
    if !allowed.contains(&status) {
        let detail = format!("a version in {} can't go to {}", before.status.as_str(), status.as_str());
        return Err(Error::conflict("wrong-state", detail).with("allowed", allowed));
    }
    let (Number { major, minor }, now) = (number, change.meta.now);
    let update = UpdateVersionStatus { organisation_id: change.organisation, api_id, major, minor, now, status };
    let (created_at,): (DateTime<Utc>,) = update.get_result(connection)?;
    let after = VersionSummary { status, ..before };
    record(connection, change.organisation, &change.meta, "VersionStatusModified", &api, Some(before), Some(after))?;
    Ok(Version { major, minor, status, version: api.version + 1, created_at, updated_at: now })
}

pub(super) fn delete(
    connection: &mut PgConnection,
    change: &Change,
    api_id: ApiId,
    number: Number,
) -> Result<(), Error> {
    let (api, before) = locked(connection, change, api_id, number)?;
    if api.versions.len() == 1 {
        return Err(Error::conflict("last-version", "an API keeps its last version"));
    }
    let Number { major, minor } = number;
    DeleteVersion { organisation_id: change.organisation, api_id, major, minor, now: change.meta.now }
        .execute(connection)?;
    record(connection, change.organisation, &change.meta, "VersionDeleted", &api, Some(before), None)
}

/// The API under its lock with the version in question, if both are there and the client saw this API.
fn locked(
    connection: &mut PgConnection,
    change: &Change,
    api_id: ApiId,
    number: Number,
) -> Result<(Api, VersionSummary), Error> {
    let api = apis::locked(connection, change.organisation, api_id)?;
    let same = |version: &&VersionSummary| (version.major, version.minor) == (number.major, number.minor);
    let version = *api.versions.iter().find(same).ok_or(Error::NotFound)?;
    change.if_match.check(api.version)?;
    Ok((api, version))
}

/// A change of a version is a change of its API, whose version it names.
fn record(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    meta: &Meta,
    kind: &'static str,
    api: &Api,
    before: Option<VersionSummary>,
    after: Option<VersionSummary>,
) -> Result<(), Error> {
    let [before, after] = [before, after].map(|version| version.map(|version| api.version_change(version)));
    pg::record(connection, meta, organisation, kind, api.id.0, api.version + 1, before, after)
}
