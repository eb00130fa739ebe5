//! People.

mod sql;

use chrono::DateTime;
use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::batch::{Found, in_order};
use kit::changes::{Change, record};
use kit::id::{OrganisationId, ProfileId};
use kit::{Error, IfMatch, Json, Keyset, Meta, OnConstraint, Page, Paged};
use serde_json::json;

use self::sql::{
    CountResponsibilities, EraseProfile, FindProfile, FindProfiles, InsertProfile, ListProfiles, ListProfilesByName,
    LockProfile, LockProfileForDeletion, UpdateProfile,
};
use super::{ProfileKey, SCHEMA, places};
use crate::model::{NewProfile, Profile, ProfilePatch};

/// A page of people.
pub(super) fn list(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    prefix: Option<&str>,
    page: &Page,
) -> Result<Paged<Profile>, Error> {
    // Before everybody: nobody was created before 1970.
    let start = Keyset { created_at: DateTime::UNIX_EPOCH, id: uuid::Uuid::nil() };
    let Keyset { created_at, id } = page.after.unwrap_or(start);
    let limit = page.fetch();
    let rows = match prefix {
        None => ListProfiles { organisation_id, created_at, id, limit }.load(connection)?,
        Some(prefix) => ListProfilesByName { organisation_id, created_at, id, limit, prefix }.load(connection)?,
    };
    Ok(page.finish(rows, Profile::place))
}

/// Each person, by one statement.
pub(super) fn find_all(connection: &mut PgConnection, keys: &[ProfileKey]) -> Found<Profile> {
    let found = |person: Option<Profile>| person.ok_or(Error::NotFound);
    if let &[(organisation_id, id)] = keys {
        let alone = FindProfile { organisation_id, id };
        return Ok(vec![found(alone.get_result(connection).optional()?)]);
    }
    let (organisation_ids, ids): (Vec<_>, Vec<_>) = keys.iter().copied().unzip();
    let shared = FindProfiles { organisation_ids: &organisation_ids, ids: &ids };
    let rows: Vec<(i64, Option<Profile>)> = shared.load(connection)?;
    Ok(in_order(keys.len(), rows)?.into_iter().map(found).collect())
}

/// A new person.
pub(super) fn create(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    new: Json<NewProfile>,
    meta: &Meta,
) -> Result<Profile, Error> {
    let profile = match new.check() {
        Ok(new) => new.into_profile(meta.now),
        // That there is no such organisation is to be said first.
        Err(invalid) => {
            return Err(places::organisation_exists(connection, organisation_id).err().unwrap_or(invalid));
        }
    };
    places::take(connection, organisation_id)?;
    let insert = InsertProfile {
        organisation_id,
        id: profile.id,
        name: &profile.name,
        job_title: profile.job_title.as_deref(),
        email: &profile.email,
        time_zone: &profile.time_zone,
        version: profile.version,
        now: meta.now,
    };
    insert.execute(connection).on_constraint("profiles_email_key", email_taken)?;
    let change = Change {
        after: Some(profile.published()),
        ..change("ProfileCreated", organisation_id, profile.id, profile.version)
    };
    record(connection, SCHEMA, meta, change)?;
    Ok(profile)
}

/// Some fields of a person.
pub(super) fn update(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    id: ProfileId,
    seen: IfMatch,
    patch: Json<ProfilePatch>,
    meta: &Meta,
) -> Result<Profile, Error> {
    let before: Profile =
        LockProfile { organisation_id, id }.get_result(connection).optional()?.ok_or(Error::NotFound)?;
    seen.check(before.version)?;
    let after = before.patched(patch.check()?);
    if after == before {
        return Ok(before);
    }
    let after = Profile { version: before.version + 1, updated_at: meta.now, ..after };
    let update = UpdateProfile {
        organisation_id,
        id,
        name: &after.name,
        job_title: after.job_title.as_deref(),
        email: &after.email,
        time_zone: &after.time_zone,
        version: after.version,
        now: after.updated_at,
    };
    update.execute(connection).on_constraint("profiles_email_key", email_taken)?;
    let change = Change {
        before: Some(before.published()),
        after: Some(after.published()),
        ..change("ProfileModified", organisation_id, id, after.version)
    };
    record(connection, SCHEMA, meta, change)?;
    Ok(after)
}

/// A person who goes.
pub(super) fn delete(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    id: ProfileId,
    seen: IfMatch,
    meta: &Meta,
) -> Result<(), Error> {
    let locked: Option<(i64,)> = LockProfileForDeletion { organisation_id, id }.get_result(connection).optional()?;
    let (version,) = locked.ok_or(Error::NotFound)?;
    seen.check(version)?;
    // After the lock, in a statement of its own: whatever referred to the person before is committed and seen by now.
    let (apis, domains): (i64, i64) = CountResponsibilities { organisation_id, id }.get_result(connection)?;
    if apis + domains > 0 {
        return Err(still_responsible(apis, domains));
    }
    // The counter before the row, as a create does it: were the row changed first, a create of the same e-mail address would
    // hold the counter and wait for the row, while this waits for the counter.
    places::give_back(connection, organisation_id)?;
    let version = version + 1;
    let erase = EraseProfile { organisation_id, id, version, now: meta.now };
    erase.execute(connection)?;
    let change = Change { before: Some(json!({})), ..change("ProfileDeleted", organisation_id, id, version) };
    record(connection, SCHEMA, meta, change)
}

/// A change of a person, without what it was and is.
pub(super) fn change(kind: &'static str, organisation: OrganisationId, id: ProfileId, version: i64) -> Change {
    Change { kind, organisation_id: Some(organisation), entity_id: id.to_string(), version, before: None, after: None }
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
