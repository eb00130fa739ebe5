//! Who may sign in.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::id::{LoginId, OrganisationId, ProfileId};

use kit::reply::{self, Reply};
use kit::{Error, IfMatch, Json, Keyset, Meta, Page, Paged};
use serde_json::{Value, json};

use super::{SCHEMA, organisations};
use crate::hashing::Hash;
use crate::model::{Login, LoginPatch, LoginRow, NewLogin};
use crate::schema::logins;

kit::statement! {
    /// A page of the organisation's logins: those after a place in the list.
    struct ListLogins(organisation: OrganisationId as Uuid, after: DateTime<Utc> as Timestamptz, after_id: uuid::Uuid as Uuid, limit: i64 as BigInt)
        -> (Nullable<Uuid>, Uuid, Text, Text, Nullable<Uuid>, Nullable<Timestamptz>, Timestamptz, BigInt, Timestamptz, Timestamptz) =
        "select l.organisation_id, l.id, l.email, l.scope, l.profile_id, l.disabled_at, l.password_expires_at, l.version, \
         l.created_at, l.updated_at from account.logins l \
         where l.organisation_id = $1 and (l.created_at, l.id) > ($2, $3) order by l.created_at, l.id limit $4"
}

kit::statement! {
    struct InsertLogin<'a>(
        organisation: Option<OrganisationId> as Nullable<Uuid>, id: LoginId as Uuid, email: &'a str as Text,
        password: &'a str as Text, scope: &'a str as Text, profile: Option<ProfileId> as Nullable<Uuid>,
        expires_at: DateTime<Utc> as Timestamptz, now: DateTime<Utc> as Timestamptz,
    ) =
        "insert into account.logins (organisation_id, id, email, password_hash, scope, profile_id, password_changed_at, \
         password_expires_at, version, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $8, $7, 1, $8, $8)"
}

kit::statement! {
    struct UpdateLogin<'a>(
        id: LoginId as Uuid, email: &'a str as Text, scope: &'a str as Text, profile: Option<ProfileId> as Nullable<Uuid>,
        disabled_at: Option<DateTime<Utc>> as Nullable<Timestamptz>, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz,
    ) =
        "update account.logins set email = $2, scope = $3, profile_id = $4, disabled_at = $5, version = $6, updated_at = $7 \
         where id = $1"
}

kit::statement! {
    struct UpdatePassword<'a>(
        id: LoginId as Uuid, password: &'a str as Text, expires_at: DateTime<Utc> as Timestamptz, version: i64 as BigInt,
        now: DateTime<Utc> as Timestamptz,
    ) =
        "update account.logins set password_hash = $2, password_changed_at = $5, password_expires_at = $3, version = $4, \
         updated_at = $5 where id = $1"
}

kit::statement! {
    struct DeleteLogin(id: LoginId as Uuid) = "delete from account.logins where id = $1"
}

kit::statement! {
    /// How many others can administrate the organisation.
    struct CountOtherAdmins(organisation: OrganisationId as Uuid, id: LoginId as Uuid) -> BigInt =
        "select count(*) from account.logins l \
         where l.organisation_id = $1 and l.id <> $2 and l.scope = 'admin' and l.disabled_at is null"
}

kit::statement! {
    /// The scope of whoever has this e-mail.
    struct FindScope<'a>(email: &'a str as Text) -> Text =
        "select l.scope from account.logins l where lower(l.email) = lower($1)"
}

/// What [`super::Store::create_operator`] found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorMade {
    /// There is a new operator.
    Created,
    /// There was one already; its password stays.
    Present,
    /// The e-mail is a login of an organisation.
    Taken,
}

pub(super) fn list(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    page: &Page,
) -> Result<Paged<Login>, Error> {
    let (after, after_id) = page
        .after
        .map_or((DateTime::UNIX_EPOCH, uuid::Uuid::nil()), |place| {
            (place.created_at, place.id)
        });
    let rows: Vec<LoginRow> = ListLogins {
        organisation,
        after,
        after_id,
        limit: page.fetch(),
    }
    .load(connection)?;
    Ok(page
        .finish(rows, |row| Keyset::new(row.created_at, row.id))
        .map(Login::from))
}

pub(super) fn find(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    id: LoginId,
) -> Result<Login, Error> {
    let found = logins::table
        .filter(logins::organisation_id.eq(organisation))
        .filter(logins::id.eq(id))
        .select(LoginRow::as_select())
        .first(connection)
        .optional()?;
    found.map(Login::from).ok_or(Error::NotFound)
}

fn lock(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    id: LoginId,
) -> Result<LoginRow, Error> {
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
pub(super) fn insert(
    connection: &mut PgConnection,
    meta: &Meta,
    row: &LoginRow,
    password: &Hash,
) -> Result<(), Error> {
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
    record(
        connection,
        SCHEMA,
        meta,
        change("LoginCreated", row, None, Some(whole(row))),
    )
}

pub(super) fn create_operator(
    connection: &mut PgConnection,
    meta: &Meta,
    email: &str,
    password: &Hash,
    expires_at: DateTime<Utc>,
) -> Result<OperatorMade, Error> {
    let scope = FindScope { email }
        .get_result::<String>(connection)
        .optional()?;
    match scope.as_deref() {
        Some("operator") => return Ok(OperatorMade::Present),
        Some(_) => return Ok(OperatorMade::Taken),
        None => {}
    }
    let row = LoginRow {
        organisation_id: None,
        id: LoginId::new(meta.now),
        email: email.into(),
        scope: "operator".into(),
        profile_id: None,
        disabled_at: None,
        password_expires_at: expires_at,
        version: 1,
        created_at: meta.now,
        updated_at: meta.now,
    };
    insert(connection, meta, &row, password)?;
    Ok(OperatorMade::Created)
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
        keep_an_admin(connection, organisation, &before, Some(&after))?;
        let change = change(
            "LoginModified",
            &after,
            Some(shown(&before)),
            Some(shown(&after)),
        );
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
    UpdatePassword {
        id: row.id,
        password: password.as_str(),
        expires_at,
        version: row.version,
        now: meta.now,
    }
    .execute(connection)?;
    let before = json!({"passwordExpiresAt": row.password_expires_at});
    row.password_expires_at = expires_at;
    let after = json!({"passwordExpiresAt": row.password_expires_at});
    record(
        connection,
        SCHEMA,
        meta,
        change("PasswordModified", row, Some(before), Some(after)),
    )
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
    let gone = Change {
        version: before.version + 1,
        ..change("LoginDeleted", &before, Some(whole(&before)), None)
    };
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
    let others: i64 = CountOtherAdmins {
        organisation,
        id: before.id,
    }
    .get_result(connection)?;
    if others > 0 {
        return Ok(());
    }
    Err(Error::conflict(
        "last-admin",
        "the organisation's last admin who can sign in must stay one",
    ))
}

/// What a failed write of a login means.
fn understood(result: QueryResult<usize>) -> Result<(), Error> {
    result
        .on_constraint("logins_email_key", || {
            Error::conflict("email-taken", "another login has this e-mail address")
        })
        .on_constraint("logins_profile_id_fkey", || {
            Error::invalid(
                "profileId",
                "not_found",
                "there is no such person in the organisation",
            )
        })
        .map(drop)
}

fn change(
    kind: &'static str,
    row: &LoginRow,
    before: Option<Value>,
    after: Option<Value>,
) -> Change {
    Change {
        kind,
        organisation_id: row.organisation_id,
        entity_id: row.id.to_string(),
        version: row.version,
        before,
        after,
    }
}

/// The keys of LoginModified.
fn shown(row: &LoginRow) -> Value {
    json!({"email": row.email, "scope": row.scope, "profileId": row.profile_id, "disabledAt": row.disabled_at})
}

/// The keys of LoginCreated and LoginDeleted.
fn whole(row: &LoginRow) -> Value {
    let mut keys = shown(row);
    keys["passwordExpiresAt"] = json!(row.password_expires_at);
    keys
}
