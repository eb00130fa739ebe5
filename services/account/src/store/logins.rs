//! Who may sign in.

pub(super) mod sql;
mod told;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::id::{LoginId, OrganisationId};
use kit::reply::{self, Reply};
use kit::{Error, IfMatch, Json, Keyset, Meta, Page, Paged};
use serde_json::json;

use self::sql::{CountOtherAdmins, DeleteLogin, InsertLogin, ListLogins, UpdateLogin, UpdatePassword};
use self::told::{change, shown, whole};
use super::{SCHEMA, organisations};
use crate::hashing::Hash;
use crate::model::{Login, LoginPatch, LoginRow, NewLogin};
use crate::schema::logins;
use crate::views::persons;

pub(super) fn list(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    page: &Page,
) -> Result<Paged<Login>, Error> {
    let (after, after_id) =
        page.after.map_or((DateTime::UNIX_EPOCH, uuid::Uuid::nil()), |place| (place.created_at, place.id));
    let rows: Vec<LoginRow> = ListLogins { organisation, after, after_id, limit: page.fetch() }.load(connection)?;
    Ok(page.finish(rows, |row| Keyset::new(row.created_at, row.id)).map(Login::from))
}

pub(super) fn find(connection: &mut PgConnection, organisation: OrganisationId, id: LoginId) -> Result<Login, Error> {
    let found = logins::table
        .filter(logins::organisation_id.eq(organisation))
        .filter(logins::id.eq(id))
        .select(LoginRow::as_select())
        .first(connection)
        .optional()?;
    found.map(Login::from).ok_or(Error::NotFound)
}

fn lock(connection: &mut PgConnection, organisation: OrganisationId, id: LoginId) -> Result<LoginRow, Error> {
    let found = logins::table
        .filter(logins::organisation_id.eq(organisation))
        .filter(logins::id.eq(id))
        .select(LoginRow::as_select())
        .for_no_key_update()
        .first(connection)
        .optional()?;
    found.ok_or(Error::NotFound)
}

pub(super) fn create(
    connection: &mut PgConnection,
    meta: &Meta,
    organisation: OrganisationId,
    new: &NewLogin,
    password: &Hash,
    expires_at: DateTime<Utc>,
) -> Result<Reply, Error> {
    let row = LoginRow {
        organisation_id: Some(organisation),
        id: LoginId::new(meta.now),
        email: new.email.clone(),
        scope: new.scope.clone(),
        profile_id: new.profile_id,
        disabled_at: None,
        password_expires_at: expires_at,
        version: 1,
        created_at: meta.now,
        updated_at: meta.now,
    };
    insert(connection, meta, &row, password)?;
    let location = format!("/organisations/{organisation}/logins/{}", row.id);
    reply::created(location, row.version, &Login::from(row))
}

/// Writes a new login and its change.
pub(super) fn insert(connection: &mut PgConnection, meta: &Meta, row: &LoginRow, password: &Hash) -> Result<(), Error> {
    let insert = InsertLogin {
        organisation: row.organisation_id,
        id: row.id,
        email: &row.email,
        password: password.as_str(),
        scope: &row.scope,
        profile: row.profile_id,
        expires_at: row.password_expires_at,
        now: meta.now,
    };
    understood(insert.execute(connection))?;
    link(connection, row)?;
    record(connection, SCHEMA, meta, change("LoginCreated", row, None, Some(whole(row))))
}

pub(super) fn update(
    connection: &mut PgConnection,
    meta: &Meta,
    (organisation, id): (OrganisationId, LoginId),
    seen: IfMatch,
    patch: Json<LoginPatch>,
    password: Option<(&Hash, DateTime<Utc>)>,
) -> Result<Login, Error> {
    let before = lock(connection, organisation, id)?;
    seen.check(before.version)?;
    let mut after = patch.check()?.apply(&before, meta.now);
    let modified = after != before;
    if !modified && password.is_none() {
        return Ok(after.into());
    }
    after.version += 1;
    after.updated_at = meta.now;
    if modified {
        // References (422) before the last admin (409): the contract's order.
        understood(update_row(&after).execute(connection))?;
        if after.profile_id != before.profile_id {
            link(connection, &after)?;
        }
        keep_an_admin(connection, organisation, &before, Some(&after))?;
        let change = change("LoginModified", &after, Some(shown(&before)), Some(shown(&after)));
        record(connection, SCHEMA, meta, change)?;
    }
    if let Some((hash, expires_at)) = password {
        write_password(connection, meta, &mut after, hash, expires_at)?;
    }
    Ok(after.into())
}

fn update_row(row: &LoginRow) -> UpdateLogin<'_> {
    UpdateLogin {
        id: row.id,
        email: &row.email,
        scope: &row.scope,
        profile: row.profile_id,
        disabled_at: row.disabled_at,
        version: row.version,
        now: row.updated_at,
    }
}

/// Writes a password under the login's lock; `row.version` is the version it gets.
pub(super) fn write_password(
    connection: &mut PgConnection,
    meta: &Meta,
    row: &mut LoginRow,
    password: &Hash,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    UpdatePassword { id: row.id, password: password.as_str(), expires_at, version: row.version, now: meta.now }
        .execute(connection)?;
    let before = json!({"passwordExpiresAt": row.password_expires_at});
    row.password_expires_at = expires_at;
    let after = json!({"passwordExpiresAt": row.password_expires_at});
    record(connection, SCHEMA, meta, change("PasswordModified", row, Some(before), Some(after)))
}

pub(super) fn delete(
    connection: &mut PgConnection,
    meta: &Meta,
    (organisation, id): (OrganisationId, LoginId),
    seen: IfMatch,
) -> Result<(), Error> {
    let before = lock(connection, organisation, id)?;
    seen.check(before.version)?;
    keep_an_admin(connection, organisation, &before, None)?;
    DeleteLogin { id }.execute(connection)?;
    let gone = Change { version: before.version + 1, ..change("LoginDeleted", &before, Some(whole(&before)), None) };
    record(connection, SCHEMA, meta, gone)
}

/// Refuses to take the organisation's last working admin away.
///
/// The organisation's lock makes it exact: who removes another admin at the same time waits there, and counts again.
/// The login's own lock is taken first, so that its changes stand in the feed in their order.
fn keep_an_admin(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    before: &LoginRow,
    after: Option<&LoginRow>,
) -> Result<(), Error> {
    if !before.is_working_admin() || after.is_some_and(LoginRow::is_working_admin) {
        return Ok(());
    }
    organisations::lock(connection, organisation)?;
    let others: i64 = CountOtherAdmins { organisation, id: before.id }.get_result(connection)?;
    if others > 0 {
        return Ok(());
    }
    Err(Error::conflict("last-admin", "the organisation's last admin who can sign in must stay one"))
}

/// Refuses a person who was deleted. After the write: its key has locked the person by then, so a deletion under way
/// has either ended, and is seen here, or waits for us.
fn link(connection: &mut PgConnection, row: &LoginRow) -> Result<(), Error> {
    let (Some(organisation), Some(profile)) = (row.organisation_id, row.profile_id) else {
        return Ok(());
    };
    let there = persons::table.find((organisation, profile)).select(persons::id);
    let there: bool = diesel::select(diesel::dsl::exists(there)).get_result(connection)?;
    if there { Ok(()) } else { Err(no_such_person()) }
}

fn no_such_person() -> Error {
    Error::invalid("profileId", "not_found", "there is no such person in the organisation")
}

/// What a failed write of a login means.
fn understood(result: QueryResult<usize>) -> Result<(), Error> {
    result
        .on_constraint("logins_email_key", || Error::conflict("email-taken", "another login has this e-mail address"))
        .on_constraint("logins_profile_id_fkey", no_such_person)
        .map(drop)
}
