//! Who may sign in.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::id::{LoginId, OrganisationId, ProfileId};
use kit::reply::{self, Answer};
use kit::{Create, Error, Json, Keyset, Meta, Page, Paged, Update};
use serde_json::{Value, json};

use super::{SCHEMA, admins, organisations};
use crate::hashing::Hash;
use crate::model::{Login, LoginPatch, NewLogin};
use crate::schema::logins;
use crate::views::persons;

kit::statement! {
    /// A page of the organisation's logins: those after a place in the list.
    struct ListLogins(organisation: OrganisationId as Uuid, after: DateTime<Utc> as Timestamptz, after_id: uuid::Uuid as Uuid, limit: i64 as BigInt)
        -> (Nullable<Uuid>, Uuid, Text, Nullable<Uuid>, Text, Nullable<Timestamptz>, Nullable<Uuid>, Timestamptz, BigInt, Timestamptz, Timestamptz) =
        "select l.organisation_id, l.id, l.email, l.profile_id, l.scope, l.disabled_at, l.invitation_id, l.password_expires_at, l.version, \
         l.created_at, l.updated_at from account.logins l \
         where l.organisation_id = $1 and (l.created_at, l.id) > ($2, $3) order by l.created_at, l.id limit $4"
}

kit::statement! {
    /// A new login, version 1.
    struct InsertLogin<'a>(
        organisation: Option<OrganisationId> as Nullable<Uuid>, id: LoginId as Uuid, email: &'a str as Text,
        password: &'a str as Text, scope: &'a str as Text, profile: Option<ProfileId> as Nullable<Uuid>,
        expires_at: DateTime<Utc> as Timestamptz, now: DateTime<Utc> as Timestamptz, invitation: Option<uuid::Uuid> as Nullable<Uuid>,
    ) =
        "insert into account.logins (organisation_id, id, email, password_hash, scope, profile_id, password_changed_at, \
         password_expires_at, version, created_at, updated_at, invitation_id) values ($1, $2, $3, $4, $5, $6, $8, $7, 1, $8, $8, $9)"
}

kit::statement! {
    /// Everything of a login but its password.
    struct UpdateLogin<'a>(
        id: LoginId as Uuid, email: &'a str as Text, scope: &'a str as Text, profile: Option<ProfileId> as Nullable<Uuid>,
        disabled_at: Option<DateTime<Utc>> as Nullable<Timestamptz>, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz,
        invitation: Option<uuid::Uuid> as Nullable<Uuid>,
    ) =
        "update account.logins set email = $2, scope = $3, profile_id = $4, disabled_at = $5, version = $6, updated_at = $7, \
         invitation_id = $8 \
         where id = $1"
}

kit::statement! {
    /// The password alone.
    struct UpdatePassword<'a>(
        id: LoginId as Uuid, password: &'a str as Text, expires_at: DateTime<Utc> as Timestamptz, version: i64 as BigInt,
        now: DateTime<Utc> as Timestamptz,
    ) =
        "update account.logins set password_hash = $2, password_changed_at = $5, password_expires_at = $3, version = $4, \
         updated_at = $5 where id = $1"
}

kit::statement! {
    /// A login, gone.
    struct DeleteLogin(id: LoginId as Uuid) = "delete from account.logins where id = $1"
}

kit::statement! {
    /// How many others can administrate the organisation.
    struct CountOtherAdmins(organisation: OrganisationId as Uuid, id: LoginId as Uuid) -> BigInt =
        "select count(*) from account.logins l \
         where l.organisation_id = $1 and l.id <> $2 and l.scope = 'admin' and l.disabled_at is null \
         and l.invitation_id is null"
}

kit::statement! {
    /// How many logins an organisation has, and how many people its plan allows.
    struct CountLogins(organisation: OrganisationId as Uuid) -> (BigInt, Nullable<Integer>) =
        "select (select count(*) from account.logins l where l.organisation_id = $1), \
         (select p.user_limit from account.organisations o join account.plans p on p.code = o.plan_code where o.id = $1)"
}

/// Logins for each person that the plan allows: some people have several, and some logins (of machines) have no person.
const LOGINS_PER_USER: i64 = 5;
/// The most logins on a plan for any number of people.
const LOGINS_MAX: i64 = 10_000;

/// 409 where an organisation has all the logins it may have. Creates of one organisation wait here for each other.
fn check_room(c: &mut PgConnection, organisation: OrganisationId) -> Result<(), Error> {
    organisations::lock(c, organisation)?;
    let (logins, users): (i64, Option<i32>) = CountLogins { organisation }.get_result(c)?;
    let most = users.map_or(LOGINS_MAX, |users| (i64::from(users) * LOGINS_PER_USER).min(LOGINS_MAX));
    let named = usize::try_from(most).unwrap_or_default();
    if logins < most { Ok(()) } else { Err(Error::limit("logins", named, "the organisation")) }
}

/// A page of an organisation's logins, oldest first.
pub fn list(c: &mut PgConnection, organisation: OrganisationId, page: &Page) -> Result<Paged<Login>, Error> {
    let (after, after_id) = page.place();
    let rows = ListLogins { organisation, after, after_id, limit: page.fetch() }.load(c)?;
    Ok(page.finish(rows, |login: &Login| Keyset::new(login.created_at, login.id)))
}

/// One login of an organisation.
pub fn find(c: &mut PgConnection, organisation: OrganisationId, id: LoginId) -> Result<Login, Error> {
    let found = logins::table
        .filter(logins::organisation_id.eq(organisation))
        .filter(logins::id.eq(id))
        .select(Login::as_select())
        .first(c)
        .optional()?;
    found.ok_or(Error::NotFound)
}

/// The login under its lock, if it is the one that an admin of the organisation saw.
fn locked(c: &mut PgConnection, update: &Update, id: LoginId) -> Result<Login, Error> {
    admins::require(c, &update.meta, update.organisation)?;
    let found = logins::table
        .filter(logins::organisation_id.eq(update.organisation))
        .filter(logins::id.eq(id))
        .select(Login::as_select())
        .for_no_key_update()
        .first(c)
        .optional()?;
    let login: Login = found.ok_or(Error::NotFound)?;
    update.check(login.version)?;
    Ok(login)
}

/// Lets somebody sign in, once the owner of the address has accepted it. Who has the address already makes no difference.
pub fn create(c: &mut PgConnection, create: &Create, new: &NewLogin, password: &Hash) -> Answer {
    let organisation = create.organisation;
    admins::require(c, &create.meta, organisation)?;
    create.once(c, SCHEMA, |c| {
        let login = Login {
            organisation_id: Some(organisation),
            profile_id: new.profile_id,
            ..Login::new(&new.email, &new.scope, password, create.meta.now).invited(create.meta.now)
        };
        check_room(c, organisation)?;
        insert(c, &create.meta, &login, password)?;
        let location = format!("/organisations/{organisation}/logins/{}", login.id);
        reply::created(location, login.version, &login)
    })
}

/// Writes a new login and its change.
pub fn insert(c: &mut PgConnection, meta: &Meta, login: &Login, password: &Hash) -> Result<(), Error> {
    let insert = InsertLogin {
        organisation: login.organisation_id,
        id: login.id,
        email: &login.email,
        password: password.as_str(),
        scope: &login.scope,
        profile: login.profile_id,
        expires_at: login.password_expires_at,
        now: meta.now,
        invitation: login.invitation_id,
    };
    understood(insert.execute(c))?;
    link(c, login)?;
    record(c, SCHEMA, meta, change("LoginCreated", login).after(whole(login)))
}

/// Changes a login, with a new password if one comes along; the last working admin stays one.
pub fn update(
    c: &mut PgConnection,
    update: &Update,
    id: LoginId,
    patch: Json<LoginPatch>,
    password: Option<&Hash>,
) -> Result<Login, Error> {
    let (organisation, meta) = (update.organisation, &update.meta);
    let before = locked(c, update, id)?;
    let mut after = patch.check()?.apply(&before, meta.now);
    let modified = after != before;
    if !modified && password.is_none() {
        return Ok(after);
    }
    after.version += 1;
    after.updated_at = meta.now;
    if modified {
        // References (422) before the last admin (409): the contract's order.
        write(c, meta, &before, &after)?;
        keep_an_admin(c, organisation, &before, Some(&after))?;
    }
    if let Some(password) = password {
        write_password(c, meta, &mut after, password)?;
    }
    Ok(after)
}

/// Writes a login as it is now, but for its password, and the change.
pub(super) fn write(c: &mut PgConnection, meta: &Meta, before: &Login, login: &Login) -> Result<(), Error> {
    let update = UpdateLogin {
        id: login.id,
        email: &login.email,
        scope: &login.scope,
        profile: login.profile_id,
        disabled_at: login.disabled_at,
        version: login.version,
        now: login.updated_at,
        invitation: login.invitation_id,
    };
    understood(update.execute(c))?;
    if login.profile_id != before.profile_id {
        link(c, login)?;
    }
    record(c, SCHEMA, meta, change("LoginModified", login).before(shown(before)).after(shown(login)))
}

/// Writes a password under the login's lock; `login.version` is the version it gets.
pub fn write_password(c: &mut PgConnection, meta: &Meta, login: &mut Login, password: &Hash) -> Result<(), Error> {
    let expires_at = password.expires_at(meta.now);
    UpdatePassword { id: login.id, password: password.as_str(), expires_at, version: login.version, now: meta.now }
        .execute(c)?;
    let before = json!({"passwordExpiresAt": login.password_expires_at});
    login.password_expires_at = expires_at;
    let after = json!({"passwordExpiresAt": login.password_expires_at});
    record(c, SCHEMA, meta, change("PasswordModified", login).before(before).after(after))
}

/// Removes a login, but not the last working admin.
pub fn delete(c: &mut PgConnection, update: &Update, id: LoginId) -> Result<(), Error> {
    let before = locked(c, update, id)?;
    keep_an_admin(c, update.organisation, &before, None)?;
    DeleteLogin { id }.execute(c)?;
    let gone = Change { version: before.version + 1, ..change("LoginDeleted", &before).before(whole(&before)) };
    record(c, SCHEMA, &update.meta, gone)
}

/// Refuses to take the organisation's last working admin away.
///
/// The organisation's lock makes it exact: who removes another admin at the same time waits there, and counts again.
/// The login's own lock is taken first, so that its changes stand in the feed in their order.
fn keep_an_admin(
    c: &mut PgConnection,
    organisation: OrganisationId,
    before: &Login,
    after: Option<&Login>,
) -> Result<(), Error> {
    if !before.is_working_admin() || after.is_some_and(Login::is_working_admin) {
        return Ok(());
    }
    organisations::lock(c, organisation)?;
    let others: i64 = CountOtherAdmins { organisation, id: before.id }.get_result(c)?;
    if others > 0 {
        return Ok(());
    }
    Err(Error::conflict("last-admin", "the organisation's last admin who can sign in must stay one"))
}

/// Refuses a person who was deleted. After the write: its key has locked the person by then, so a deletion under way
/// has either ended, and is seen here, or waits for us.
fn link(c: &mut PgConnection, login: &Login) -> Result<(), Error> {
    let (Some(organisation), Some(profile)) = (login.organisation_id, login.profile_id) else {
        return Ok(());
    };
    let there = persons::table.find((organisation, profile)).select(persons::id);
    let there: bool = diesel::select(diesel::dsl::exists(there)).get_result(c)?;
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

/// A change of this login, at the version it has now.
fn change(kind: &'static str, login: &Login) -> Change {
    Change::of(kind, login.organisation_id, login.id, login.version)
}

/// The keys of LoginModified.
fn shown(login: &Login) -> Value {
    json!({"email": login.email, "scope": login.scope, "profileId": login.profile_id, "disabledAt": login.disabled_at,
        "invitationId": login.invitation_id})
}

/// The keys of LoginCreated and LoginDeleted.
fn whole(login: &Login) -> Value {
    let mut keys = shown(login);
    keys["passwordExpiresAt"] = json!(login.password_expires_at);
    keys
}
